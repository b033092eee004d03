#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Data that is read again and again stays in a cache through which much more data than the
# device holds passes once.  Data that is noted as read stays, too, without any read.
# With the policy "second", a full cache does not store a file that is read once.
# The data of an export with a minimum share stays, and nobody reads it.
#
# bed: --smp 1 --disk-size cache:48M --disk-size srv:512M --timeout 400
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

size=6291456 parts=18
nfs_server_start
fill "$export_dir/used" $size 1
fill_many "$export_dir/small" 60 9000 2
# Side by side, read once.
fill "$export_dir/noted" 1M 3
fill "$export_dir/counted" 1M 4
for ((i = 1; i <= parts; i++)); do
	fill "$export_dir/part$i" 8M "1$i"
done
sync
right=$(cat "$export_dir/used" "$export_dir"/small/* | xxhsum -q -H2)
cachefs_load
nfs_mount

read_used()
{
	local before

	settle
	drop_caches
	before=$(rpc_reads)
	[ "$(cat "$MNT/used" "$MNT"/small/* | xxhsum -q -H2)" = "$right" ] ||
		wrong=$((wrong + 1))
	asked=$((asked + $(rpc_reads) - before))
}

wrong=0 asked=0
read_used
read_until_cached cat "$MNT/used" "$MNT"/small/*
cat "$MNT/noted" "$MNT/counted" > /dev/null
asked=0
for ((i = 1; i <= parts; i++)); do
	cat "$MNT/part$i" > /dev/null
	read_used
	# Do this more often than the device is written once around.
	if [ $((i % 3)) = 1 ]; then
		python3 /bed/control.py ask note "$MNT/noted" > /dev/null
		python3 /bed/control.py ask cached "$MNT/counted" > /dev/null
	fi
done
settle
check_equal "what was noted as read is there" "ok 1048576 1048576" \
	"$(python3 /bed/control.py ask cached "$MNT/noted")"
check_equal "what was only counted is not" "ok 0 1048576" \
	"$(python3 /bed/control.py ask cached "$MNT/counted")"
check_equal "reads with wrong bytes" 0 "$wrong"
check_equal "READs for what is in use" 0 "$asked"
capacity=$(cat "$(cachefs_dir)/capacity_bytes")
check_range "the device was filled some times over (bytes evicted)" \
	$((capacity * 2)) $((1 << 40)) "$(cachefs_stat evicted_bytes)"
kept=$(cachefs_stat reinserted_bytes)
check_range "what is in use was stored again (bytes)" $size \
	"$(cachefs_stat stored_bytes)" "$kept"
# It is not worth while to keep data that passes through.
check_range "and little else" 0 $(((size + 60 * 12288 + 1048576) * 7)) "$kept"
used=$(cat "$(cachefs_dir)/used_bytes")
check_range "no more than fits" $((capacity / 2)) "$capacity" "$used"
check_equal "no checksum error" 0 "$(cachefs_stat checksum_errors)"

# The data is found again after an attach.
nfs_umount
cachefs_unload
cachefs_load
nfs_mount
asked=0
read_used
check_equal "after an attach: READs for it" 0 "$asked"
check_equal "after an attach: reads with wrong bytes" 0 "$wrong"

# The cache is full.
what="the policy second"
echo "$server=second" > /sys/module/cachefs/parameters/policy
check_equal "$what: in sysfs" 1 "$(cat "$(cachefs_dir)"/volumes/*/second)"
# A store does not wait for a region, and on a busy machine a region takes long to become
# READY in a full cache.  So the file is small, and two regions are READY before the store.
bytes=700001
fill "$export_dir/new" $bytes 5
regions_ready()
{
	[ "$(sed -n '1s/.*ready=\([0-9]*\).*/\1/p' /sys/kernel/debug/cachefs/regions)" -ge 2 ]
}
refused_once()
{
	cat "$(cachefs_dir)/refused_bytes/read_once"
}
read_new()	# sets $refused, $stored and $reads
{
	refused=$(refused_once)
	stored=$(cachefs_stat stored_bytes)
	reads=$(rpc_reads)
	check "$what: $1: the right bytes" cmp "$export_dir/new" "$MNT/new"
	settle
	refused=$(($(refused_once) - refused))
	stored=$(($(cachefs_stat stored_bytes) - stored))
	reads=$(($(rpc_reads) - reads))
	drop_caches
}
read_new "the first read"
check_equal "$what: the first read: refused (bytes)" $bytes "$refused"
check_equal "$what: the first read: stored (bytes)" 0 "$stored"
check_equal "$what: why" "second 0 $bytes" "$(python3 /bed/control.py ask why "$MNT/new")"
wait_for 120 regions_ready || t_die "no regions become ready"
read_new "the second read"
check_equal "$what: the second read: refused (bytes)" 0 "$refused"
check_equal "$what: the second read: stored (bytes)" $bytes "$stored"
check_equal "$what: why, when all is cached" "ok $bytes $bytes" \
	"$(python3 /bed/control.py ask why "$MNT/new")"
read_new "the third read"
check_equal "$what: the third read: READs" 0 "$reads"

# Nobody reads the data of an export with a minimum, which is not even mounted.
what="a minimum share"
echo "kept=20%-100%" > /sys/module/cachefs/parameters/policy
nfs_umount
nfs_mount fsc=kept
if ! grep -q "$MNT.*[,=]fsc=kept" /proc/mounts; then
	t_skip "$what" "this kernel loses the tag on the way to an NFSv4 mount"
	nfs_umount
	cachefs_unload
	exit
fi
check_equal "$what: in sysfs" 20 "$(cat "$(cachefs_dir)"/volumes/*/min_share)"
read_until_cached cat "$MNT/used"
nfs_umount
nfs_mount
evicted=$(cachefs_stat evicted_bytes)
for ((i = 1; i <= parts; i++)); do
	cat "$MNT/part$i" > /dev/null
	settle
done
check_range "$what: others have filled the device twice (bytes evicted)" \
	$((capacity * 2)) $((1 << 40)) $(($(cachefs_stat evicted_bytes) - evicted))
nfs_umount
nfs_mount fsc=kept
reads=$(rpc_reads)
check "$what: the right bytes" cmp "$export_dir/used" "$MNT/used"
check_equal "$what: no READ" "$reads" "$(rpc_reads)"
nfs_umount
cachefs_unload
