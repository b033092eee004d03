#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What is read from the device before anybody asks for it: in a sequence of reads
# more than they ask for, in any other order nothing, and little that turns out not
# to be wanted.
#
# bed: --disk-size cache:256M --disk-size srv:256M
# run: 6.1
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

size=16777216
disk=$(readlink -f /dev/disk/cache)
nfs_server_start
fill "$export_dir/file" $size 1
cachefs_load
nfs_mount
cat "$MNT/file" > /dev/null
settle

# Run a command with nothing of the file in memory.  What it does not ask for is
# counted when the file is forgotten.
reading()	# NAME COMMAND...
{
	local reads before

	name=$1
	shift
	nfs_umount
	nfs_mount
	drop_caches
	cat "/sys/block/${disk##*/}/stat" > /run/before
	before=$(cachefs_stat readahead_unused_bytes)
	reads=$(rpc_reads)
	check "$name: the bytes" "$@"
	check_equal "$name: no READ" "$reads" "$(rpc_reads)"
	nfs_umount
	nfs_mount
	unused=$(($(cachefs_stat readahead_unused_bytes) - before))
	read -r ios sectors < <(awk '
		NR == FNR { ios = $1; sectors = $3; next }
		{ print $1 - ios, $3 - sectors }' \
		/run/before "/sys/block/${disk##*/}/stat")
}

# Compare pieces of the file: each of BYTES, from each OFFSET of standard input.
pieces()	# BYTES < OFFSETS
{
	python3 -c '
import os, sys
size = int(sys.argv[1])
files = [os.open(path, os.O_RDONLY) for path in sys.argv[2:]]
for offset in map(int, sys.stdin):
    a, b = (os.pread(file, size, offset) for file in files)
    if a != b or not a:
        sys.exit(f"at {offset}")
' "$1" "$MNT/file" "$export_dir/file"
}

every()		# BYTES FROM STEP TO
{
	pieces "$1" < <(seq "$2" "$3" $(($4 - 1)))
}

# Never twice the same, which is in memory, and none that continues another.
anywhere()	# BYTES NUMBER
{
	pieces "$1" < <(seq 0 "$(($1 * 2))" $((size - 1)) |
		shuf -n "$2" --random-source="$export_dir/file")
}

two_readers()
{
	every 131072 0 131072 $((size / 2)) &
	every 131072 $((size / 2)) 131072 $size
	wait $!
}

reading "all of it" every 131072 0 131072 $size
check_equal "$name: nothing was not asked for" 0 "$unused"
check_range "$name: read once, and checksums (sectors)" $((size / 512)) \
	$((size * 103 / 51200)) "$sectors"
# Windows of 128 KiB, of which the 128 would wait for the disk one by one.  Newer
# kernels ask for the next one while the disk reads.
case $(uname -r) in
6.1.*)	check_range "$name: some windows at once (reads of the device)" 1 90 "$ios" ;;
esac

# The first one reads something ahead, the second one has nothing to.
two_parts()
{
	every 131072 $((1 << 20)) 131072 $((2 << 20))
	every 131072 0 131072 $((1 << 20))
}

# Half of a stage that is a quarter of it, and another stage.
little()	# BYTES
{
	check_range "$name: little that was not asked for (bytes)" 0 \
		$(($1 * 3 / 8)) "$unused"
}

reading "two readers" two_readers
little $size

reading "a part of it" every 131072 0 131072 $((5 << 20))
little $((5 << 20))

reading "three windows" every 131072 $((1 << 20)) 131072 $(((1 << 20) + 393216))
little 393216

reading "a part, and then the one before it" two_parts
little $((1 << 20))

reading "large pieces" anywhere 1048576 7
little $((7 << 20))

reading "one window" every 131072 $((3 << 20)) 131072 $(((3 << 20) + 131072))
check_equal "$name: nothing was not asked for" 0 "$unused"

reading "strides" every 65536 0 262144 $size
check_equal "$name: nothing was not asked for" 0 "$unused"

reading "pages anywhere" anywhere 4096 400
check_equal "$name: nothing was not asked for" 0 "$unused"

nfs_umount
check_range "FS-Cache counts reads of the cache" 1 1000000 "$(fscache_stat "IO rd")"
check_range "FS-Cache counts stores" 1 1000000 "$(fscache_stat "IO wr")"
check_equal "no checksum error" 0 "$(cachefs_stat checksum_errors)"
cachefs_unload
