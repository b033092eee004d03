#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The cache goes away while reads and stores are under way, again and again:
# detach, rmmod, umount.  No reader sees an error, and nothing leaks.
#
# bed: --disk-size cache:128M --disk-size srv:256M --timeout 900
# run: debug
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

rounds=${ROUNDS:-16}
on_debug_kernel && rounds=4

nfs_server_start 2 400
for i in 1 2 3 4; do
	fill "$export_dir/f$i" 6M "$i"
done
fill_many "$export_dir/small" 100 20000 9
sync
wanted=$(tree_sum "$export_dir")
cachefs_load
cachefs_unload
errors=/run/errors
: > "$errors"

# Readers until /run/stop: what they read is always right.
reader()	# DIR
{
	local sum

	while [ ! -e /run/stop ]; do
		sum=$(tree_sum "$1")
		[ "$sum" = "$wanted" ] || echo "$1: $sum" >> "$errors"
		echo 1 > /proc/sys/vm/drop_caches
	done
}

load netfs fscache
nfs_mount
reader "$MNT" & first=$!
reader "$MNT" & second=$!
for ((i = 1; i <= rounds; i++)); do
	insmod /bed/cachefs.ko "cache=$(readlink -f /dev/disk/cache)"
	sleep "0.$((RANDOM % 10))"
	[ $((i % 2)) = 0 ] || cachefs_detach
	sleep "0.$((RANDOM % 4))"
	rmmod cachefs
done
: > /run/stop
wait "$first" "$second"
check_equal "$rounds times detach or rmmod under readers: no wrong byte" "" \
	"$(head -n 3 "$errors")"
check_equal "the last look" "$wanted" "$(tree_sum "$MNT")"
nfs_umount

cachefs_load
for ((i = 1; i <= rounds; i++)); do
	nfs_mount
	drop_caches
	# Relative names: they work in a mount that is not in the tree any more.
	(cd "$MNT" && : > /run/inside &&
		exec cat "f$((i % 4 + 1))" small/* > /dev/null) &
	reader=$!
	wait_for 10 test -e /run/inside
	rm /run/inside
	sleep "0.$((RANDOM % 10))"
	umount -l "$MNT"
	wait "$reader" || echo "umount $i: the reader failed" >> "$errors"
done
check_equal "$rounds times umount under a reader: no error" "" \
	"$(head -n 3 "$errors")"
settle
check_equal "no page stays marked" 0 "$(cachefs_stat pages_marked)"
no_objects()
{
	[ "$(cat "$(cachefs_dir)/objects_open")" = 0 ]
}
check "no object stays open" wait_for 60 no_objects
check "rmmod" rmmod cachefs
check_equal "FS-Cache has no cache left" "" \
	"$(awk '$NF == "cachefs" && $6 != "-"' /proc/fs/fscache/caches)"
