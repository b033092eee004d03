#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The memory of the index has a bound, and the index gives memory back when the machine
# has none.  Then the oldest data goes, and all data that is read is right.  Dropped
# caches are no lack of memory.
#
# bed: --smp 1 --disk-size cache:256M --disk-size srv:64M --timeout 400
# run: 6.1
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

nfs_server_start
fill "$export_dir/used" 24M 1
fill "$export_dir/other" 24M 2
sync
cachefs_load
nfs_mount
dir=$(cachefs_dir)

# Read every other block, in random order, so that each block is an extent.  Print the
# number of blocks that differ from the server's.
read_blocks()	# FILE
{
	settle
	drop_caches
	python3 -c '
import os, random, sys
ours, right = (os.open(name, os.O_RDONLY) for name in sys.argv[1:])
os.posix_fadvise(ours, 0, 0, os.POSIX_FADV_RANDOM)
blocks = list(range(0, 6000, 2))
random.Random(1).shuffle(blocks)
print(sum(os.pread(ours, 4096, at << 12) != os.pread(right, 4096, at << 12)
          for at in blocks))' "$MNT/$1" "$export_dir/$1"
	settle
}

extents()
{
	cat "$dir/extents"
}

index_below()	# BYTES [EXTENTS]
{
	[ "$(cachefs_stat index_bytes)" -le "$1" ] &&
		[ "$(extents)" -lt "${2:-1000000}" ]
}

# Each time the index gives back an eighth at most.
index_gives()	# BYTES EXTENTS
{
	echo 2 > /proc/sys/vm/drop_caches
	index_below "$@"
}

no_memory_for_others()
{
	grep -q '^MemAvailable: *0 ' /proc/meminfo
}

memory=$(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo)
check_equal "the bound is a sixteenth of memory" $((memory * 1024 / 16)) \
	"$(cat "$dir/max_index_bytes")"
check_equal "blocks from the server that are wrong" 0 "$(read_blocks used)"
all=$(extents) bytes=$(cachefs_stat index_bytes)
check_range "they are so many extents" 2500 3000 "$all"

for _ in 1 2 3; do
	drop_caches
done
check_equal "caches are dropped: extents" "$all" "$(extents)"
before=$(rpc_reads)
check_equal "blocks from the cache that are wrong" 0 "$(read_blocks used)"
check_equal "READs for them" 0 $(($(rpc_reads) - before))

# Data that was not read yet goes, and data that was read may stay.
check_equal "other blocks from the server that are wrong" 0 "$(read_blocks other)"
all=$(extents) bytes=$(cachefs_stat index_bytes)
check_range "they are so many extents" 5000 6000 "$all"
echo 1 > "$dir/discard"
# Let the kernel keep most of the memory free.
cd /proc/sys/vm
scale=$(cat watermark_scale_factor) free=$(cat min_free_kbytes)
echo 3000 > watermark_scale_factor
echo $((memory * 40 / 100)) > min_free_kbytes
check "there is no memory for others" wait_for 60 no_memory_for_others
grep -E '^Mem(Free|Available)' /proc/meminfo | sed 's/^/# /'
check "the index becomes smaller" wait_for 120 index_gives $((bytes - 1)) $((all * 3 / 4))
echo "# $all extents in $bytes bytes, then $(extents) in $(cachefs_stat index_bytes)"
check "regions that were let go are discarded" wait_for 60 eval \
	'[ "$(cachefs_stat device_discarded_bytes)" -ge "$(cat "$dir/region_size")" ]'
echo "$free" > min_free_kbytes
echo "$scale" > watermark_scale_factor
cd /
check_equal "blocks that are wrong after that" "0 0" \
	"$(read_blocks used) $(read_blocks other)"
check_range "all are cached again (extents)" 5000 6000 "$(extents)"

bytes=$(cachefs_stat index_bytes) all=$(extents)
echo $((bytes * 3 / 4)) > "$dir/max_index_bytes"
check "a lower bound is obeyed" wait_for 60 index_below $((bytes * 3 / 4))
echo "# $all extents in $bytes bytes, then $(extents) in $(cachefs_stat index_bytes)"
check_equal "blocks that are wrong with that" "0 0" \
	"$(read_blocks used) $(read_blocks other)"
check "the bound is still obeyed" index_below $((bytes * 3 / 4))
check_equal "no number is no bound" "Invalid argument" \
	"$( (echo much > "$dir/max_index_bytes") 2>&1 | sed 's/.*: //')"
check_equal "checksum errors" 0 "$(cachefs_stat checksum_errors)"
nfs_umount
cachefs_unload
