#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Everything at once, for an hour with LONG=1, else for two minutes.  fio checks the data
# of its random reads.  Files change on the server and by this client.  Page cache and
# memory are reclaimed and compacted.  All the time the cache is detached and attached,
# and the module is unloaded and loaded.
#
# bed: --disk-size cache:128M --disk-size srv:512M --timeout 7200
# run: long
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

minutes=2
[ -z "$LONG" ] || minutes=60
RANDOM=${SEED:-1}
errors=/run/errors
: > "$errors"

nfs_server_start
chmod 777 "$export_dir"
# 24 MiB of blocks that have their own checksums.
fio --name=blocks --directory="$export_dir" --nrfiles=3 --size=24M --rw=write \
	--bs=4k --verify=crc32c --do_verify=0 --output=/run/fio.write
fill_many "$export_dir/still" 20 20000 1
fill "$export_dir/still/large" 3M 2
fill_many "$export_dir/moving" 10 50000 3
sync
still=$(tree_sum "$export_dir/still")
cachefs_load
nfs_mount

going_on()
{
	[ ! -e /run/stop ]
}

moment()	# up to a second
{
	sleep "0.$(printf '%03d' $((RANDOM % 1000)))"
}

check_blocks()
{
	while going_on; do
		fio --name=blocks --directory="$MNT" --nrfiles=3 --size=24M \
			--rw=randread --bs=4k --ioengine="$1" --verify=crc32c \
			--verify_fatal=1 --output="/run/fio.$1" ||
			echo "fio $1: $(grep -m 1 -i verify "/run/fio.$1")" >> "$errors"
		echo "$1" >> /run/done
	done
}

read_still()
{
	while going_on; do
		[ "$(tree_sum "$MNT/still")" = "$still" ] || echo still >> "$errors"
		echo still >> /run/done
		echo 1 > /proc/sys/vm/drop_caches
	done
}

# This client reads its own writes again.
write_own()
{
	local n

	for ((n = 1; ; n++)); do
		going_on || return 0
		fill "$MNT/own" 300K "$n" || echo "own: not written" >> "$errors"
		echo 1 > /proc/sys/vm/drop_caches
		fill /run/own 300K "$n"
		cmp -s /run/own "$MNT/own" || echo "own $n" >> "$errors"
		echo own >> /run/done
	done
}

# A reader may see any version, but must see no error.
change()
{
	local n

	for ((n = 100; ; n++)); do
		going_on || return 0
		fill "$export_dir/moving/f0000$((n % 10))" $((n % 7 * 9000 + 1)) "$n"
		cat "$MNT"/moving/* > /dev/null || echo moving >> "$errors"
		echo moving >> /run/done
	done
}

squeeze()
{
	while going_on; do
		moment
		echo 1 > /proc/sys/vm/compact_memory
		echo 3 > /proc/sys/vm/drop_caches
		sleep 2
	done
}

rm -f /run/done
workers=()
for worker in "check_blocks psync" "check_blocks mmap" read_still write_own change squeeze; do
	$worker &
	workers+=($!)
done
rounds=0 hits=0
end=$((SECONDS + minutes * 60))
while [ "$SECONDS" -lt "$end" ]; do
	for _ in 1 2 3; do
		moment
	done
	hits=$((hits + $(cachefs_stat hit_bytes)))
	case $((RANDOM % 3)) in
	0)	cachefs_detach
		moment
		cachefs_attach /dev/disk/cache ;;
	1)	rmmod cachefs
		moment
		insmod /bed/cachefs.ko "cache=$(readlink -f /dev/disk/cache)" ;;
	2)	sleep 4
		continue ;;
	esac || echo "round $rounds failed" >> "$errors"
	rounds=$((rounds + 1))
done
: > /run/stop
wait "${workers[@]}"
echo "# $rounds rounds in $minutes minutes; $(sort /run/done | uniq -c | xargs); $((hits >> 20)) MiB hits"
echo "# $rounds detaches, $(wc -l < "$errors") wrong bytes"
check_equal "no error and no wrong byte" "" "$(sort "$errors" | uniq -c | head -n 5)"
check_range "the cache went away and came back" $((minutes * 3)) 100000 "$rounds"
check "there were hits" test "$hits" -gt 0
for worker in psync mmap still own moving; do
	check "there was work: $worker" grep -q "^$worker" /run/done
done
settle
check_equal "the right bytes at the end" "$(tree_sum "$export_dir/moving")" \
	"$(tree_sum "$MNT/moving")"
nfs_umount
check_equal "no page stays marked" 0 "$(cachefs_stat pages_marked)"
check "no object stays open" wait_for 60 no_objects
check "rmmod" rmmod cachefs
