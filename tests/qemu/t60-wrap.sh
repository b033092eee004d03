#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A working set larger than the device.  The device fills up and wraps many times, data
# stays right, and the statistics add up.
#
# bed: --smp 1 --disk-size cache:48M --disk-size srv:512M --timeout 600
# run: all:debug all:debug-6.1 all:debug-kcsan
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

nfs_server_start
# A slow kernel gets a smaller disk, and less to read.
disk=/dev/disk/cache rounds=4 mib=12 small=300
if on_debug_kernel; then
	load dm_mod
	dmsetup create --noudevsync part \
		--table "0 $((32 << 11)) linear $(readlink -f $disk) 0"
	dmsetup mknodes
	disk=/dev/mapper/part rounds=2 mib=8 small=150
fi
for i in 1 2 3 4 5 6; do
	fill "$export_dir/big$i" "${mib}M" "$i"
done
fill_many "$export_dir/small" "$small" 9000 7
sync
wanted=$(tree_sum "$export_dir")
cachefs_load "$disk"
nfs_mount
dir=$(cachefs_dir)
check_equal "a setting that is no switch" "Numerical result out of range" \
	"$( (echo 2 > "$dir/discard") 2>&1 | sed 's/.*: //')"
echo 1 > "$dir/discard"

for ((i = 1; i <= rounds; i++)); do
	drop_caches
	check_equal "round $i: the right bytes" "$wanted" "$(tree_sum "$MNT")"
done
settle
used=$(cat "$dir/used_bytes") capacity=$(cat "$dir/capacity_bytes")
evicted=$(cachefs_stat evicted_bytes)
stored=$(cachefs_stat stored_bytes)
check_range "the device is in use, and not more than it has" \
	$((capacity / 3)) "$capacity" "$used"
check_range "it has wrapped more than once (bytes evicted)" \
	$((capacity * (rounds - 1) / 2)) $((1 << 40)) "$evicted"
check_equal "regions that are reused at once are not discarded" 0 \
	"$(cachefs_stat device_discarded_bytes)"
# stored_bytes counts to the end of a file.  used_bytes and evicted_bytes count whole
# blocks.
blocks=$(find "$export_dir" -type f | wc -l)
check_range "stored = used + evicted, but for the ends of files" \
	$((used + evicted - rounds * blocks * 4096)) $((used + evicted)) "$stored"
check_equal "no checksum error" 0 "$(cachefs_stat checksum_errors)"
total=$(find "$export_dir" -type f -printf '%s\n' | awk '{ s += $1 } END { print s }')
check_equal "each byte read was a hit or a miss" $((rounds * total)) \
	$(($(cachefs_stat hit_bytes) + $(cachefs_stat miss_bytes)))
volumes=0
for file in "$dir"/volumes/*/stored_bytes; do
	volumes=$((volumes + $(cat "$file")))
done
check_equal "the volumes' bytes add up to the cache's" "$stored" "$volumes"

# The data that is left is still right after a new attach.
read_until_cached cat "$MNT"/small/*
nfs_umount
cachefs_unload
cachefs_load "$disk"
nfs_mount
drop_caches
# A first-in-first-out cache still has the data that was read last.
check_equal "after a new attach: the right bytes, of what was read last" \
	"$(tree_sum "$export_dir/small")" "$(tree_sum "$MNT/small")"
check_equal "and from the cache" $((small * 9000)) "$(cachefs_stat hit_bytes)"
check_equal "after a new attach: the right bytes" "$wanted" "$(tree_sum "$MNT")"
