#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The demo inside a guest, started by tests/bed/demo.sh.  It reads a tree cold and warm
# through cachefs, and prints one line of the table for each step.
#
# usage: demo-guest.sh first | second
#
# shellcheck source-path=SCRIPTDIR disable=SC2119
set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

rtt_ms=10
rate_mbit=200

make_tree()
{
	local i size

	mkdir -p "$export_dir/odd"
	for i in 1 2 3; do
		fill "$export_dir/big$i" 32M "$i"
	done
	fill_many "$export_dir/small" 200 16384 100
	for size in 0 1 4095 4096 4097 1048575 1048576 1048577; do
		fill "$export_dir/odd/$size" "$size" $((1000 + size))
	done
	sync
}

# Read the whole tree.  Print one line of the table, and make the checks.
step()		# NAME cold|warm
{
	local begin end reads hits sum size

	size=$(tree_size)
	reads=$(rpc_reads)
	hits=$(cachefs_stat hit_bytes)
	begin=$(now)
	sum=$(tree_sum "$MNT")
	end=$(now)
	reads=$(($(rpc_reads) - reads))
	hits=$(($(cachefs_stat hit_bytes) - hits))
	echo "$begin $end $size" |
		awk -v name="$1" -v reads="$reads" -v hits="$hits" \
		    -v sum="$sum" '{
			seconds = $2 - $1
			printf "%-24s %7.2f %7.1f %6d %11d  %s\n", name, seconds,
				$3 / seconds / 1e6, reads, hits, sum
		}'
	[ "$sum" = "$wanted" ] ||
		fail "$1: what was read differs from what the server has"
	[ "$2" = cold ] || [ "$reads" = 0 ] ||
		fail "$1: $reads READ requests reached the server"
	[ "$2" = cold ] || [ "$hits" = "$size" ] ||
		fail "$1: $hits of $size bytes are counted as hits"
}

tree_size()
{
	find "$export_dir" -type f -printf '%s\n' |
		awk '{ sum += $1 } END { print sum }'
}

failures=0
fail()
{
	echo "FAILED $*"
	failures=$((failures + 1))
}

statistics()
{
	local dir file

	dir=$(cachefs_dir)
	echo
	for file in "$dir"/* "$dir"/stats/*; do
		[ -f "$file" ] && [ "${file##*/}" != detach ] &&
			echo "${file#"$dir"/}: $(tr '\n' ' ' < "$file")"
	done | paste - - | expand -t 50
	echo
}

nfs_server_start
[ -e "$export_dir/big1" ] || make_tree
wanted=$(tree_sum "$export_dir")
net_shape "$rtt_ms" "$rate_mbit"
cachefs_load
drop_caches
nfs_mount

case $1 in
first)
	echo "$(find "$export_dir" -type f | wc -l) files, $(tree_size) bytes," \
		"over $rtt_ms ms and $rate_mbit Mbit/s; on the server: $wanted"
	echo
	printf '%-24s %7s %7s %6s %11s  %s\n' step seconds MB/s READs \
		'hit bytes' 'checksum of what was read'
	step "cold" cold
	settle
	drop_caches
	step "after drop_caches" warm
	nfs_umount
	drop_caches
	nfs_mount
	step "after umount and mount" warm
	nfs_umount
	cachefs_unload
	drop_caches
	cachefs_load
	nfs_mount
	step "after rmmod and insmod" warm
	;;
second)
	step "after a guest reboot" warm
	statistics
	;;
esac

nfs_umount
cachefs_unload
check "demo, $1 boot" test "$failures" = 0
