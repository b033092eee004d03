#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Data that is read from the device before it is asked for.  In a sequence of reads the
# cache reads more than they ask for, and in any other order it does not.  Little of it
# turns out not to be wanted.  The memory for it is bounded, however many files are open.
#
# bed: --smp 1 --disk-size cache:256M --disk-size srv:256M
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

# Run a command with nothing of the file in memory.  Data that the command does not ask
# for is counted when the file is forgotten.
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

# Read pieces in random order.  No piece comes twice, because it would be in memory, and
# no piece continues another piece.
anywhere()	# BYTES NUMBER
{
	pieces "$1" < <(seq 0 "$(($1 * 2))" $((size - 1)) |
		shuf -n "$2" --random-source="$export_dir/file")
}

two_readers()
{
	local first status=0

	every 131072 0 131072 $((size / 2)) &
	first=$!
	every 131072 $((size / 2)) 131072 $size || status=1
	wait $first && [ $status = 0 ]
}

reading "all of it" every 131072 0 131072 $size
check_equal "$name: nothing was not asked for" 0 "$unused"
check_range "$name: read once, and checksums (sectors)" $((size / 512)) \
	$((size * 103 / 51200)) "$sectors"
# All of it has 128 windows of 128 KiB, which would wait for the disk one by one.  Newer
# kernels ask for the next window while the disk reads.
case $(uname -r) in
6.1.*)	check_range "$name: some windows at once (reads of the device)" 1 90 "$ios" ;;
esac

# The first part reads something ahead.  The second part has nothing to read ahead.
two_parts()
{
	every 131072 $((1 << 20)) 131072 $((2 << 20)) &&
		every 131072 0 131072 $((1 << 20))
}

# Unused are at most half of a stage that has a quarter of the bytes, and another stage.
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

# Many files.  Of each file something is read ahead and never asked for.  Between them
# there are large stages, whose memory is used again.  Newer kernels do not read ahead.
mib_missing()	# what no part of the kernel says it has
{
	awk '$1 ~ /^(MemFree|Buffers|Cached|AnonPages|Slab|KernelStack|PageTables|Percpu|VmallocUsed):$/ {
			sum += $2 }
		$1 == "MemTotal:" { total = $2 }
		END { print int((total - sum) / 1024) }' /proc/meminfo
}

cat > /run/many.py <<'END'
import os, sys, threading
mount, bdi = sys.argv[1:]

def readahead(kib):
    with open(bdi + "/read_ahead_kb", "w") as file:
        file.write(str(kib))

def large_stages():
    threads = [threading.Thread(target=os.pread, args=(large, 1 << 19, i << 20))
               for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.posix_fadvise(large, 0, 0, os.POSIX_FADV_DONTNEED)

readahead(512)
large = os.open(mount + "/file", os.O_RDONLY)
readahead(16)
files = []
for i, name in enumerate(sorted(os.listdir(mount + "/many"))):
    if i % 2 == 0:
        large_stages()
    files.append(os.open(mount + "/many/" + name, os.O_RDONLY))
    os.pread(files[-1], 16384, 0)
    os.pread(files[-1], 16384, 16384)
print("open", flush=True)
sys.stdin.readline()
END

case $(uname -r) in
6.1.*)
	fill_many "$export_dir/many" 400 131072 2
	drop_caches
	cat "$MNT"/many/* > /dev/null
	settle
	nfs_umount
	nfs_mount
	drop_caches
	before=$(mib_missing)
	mkfifo /run/go
	python3 /run/many.py "$MNT" \
		"/sys/class/bdi/$(mountpoint -d "$MNT")" < /run/go > /run/many &
	exec 6> /run/go
	wait_for 900 grep -q open /run/many || t_die "the files cannot be read"
	# Other uses of memory have changed, too.
	check_range "400 files are open: memory taken, by the kernel's account (MiB)" \
		-20 48 $(($(mib_missing) - before))
	check_range "of which this was read ahead (bytes)" \
		$((1 << 20)) $((32 << 20)) "$(cachefs_stat readahead_bytes)"
	echo 2 > /proc/sys/vm/drop_caches
	check_equal "memory is short: all of it is given back" 0 \
		"$(cachefs_stat readahead_bytes)"
	echo >&6
	wait $!
	;;
esac

nfs_umount
check_range "FS-Cache counts reads of the cache" 1 1000000 "$(fscache_stat "IO rd")"
check_range "FS-Cache counts stores" 1 1000000 "$(fscache_stat "IO wr")"
check_equal "no checksum error" 0 "$(cachefs_stat checksum_errors)"
cachefs_unload
