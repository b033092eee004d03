#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Read files of awkward sizes and with holes in every way.  The bytes are right, and data
# that was cached by one way serves all other ways.
#
# bed: --smp 1 --disk-size cache:512M --disk-size srv:256M --timeout 600
# run: 6.1 long-form
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

nfs_server_start
files=$export_dir/files
mkdir "$files"
sizes="0 1 4095 4096 4097 65537 1048575 1048576 1048577 2200001"
# A slow kernel gets the edges of a large folio only once.
on_debug_kernel && sizes="0 1 4095 4096 4097 65537 1048577"
for size in $sizes; do
	fill "$files/$size" "$size" $((1 + size))
done
fill /run/data 300001 7
for hole in start middle end; do
	truncate -s 1100003 "$files/hole-at-$hole"
done
dd_into()	# FILE OFFSET
{
	dd if=/run/data of="$files/$1" bs=4096 oflag=seek_bytes seek="$2" \
		conv=notrunc 2>/dev/null
}
dd_into hole-at-start 800002
dd_into hole-at-middle 0
dd_into hole-at-middle 800002
dd_into hole-at-end 0
truncate -s 200003 "$files/only-a-hole"
sync
total=$(find "$files" -type f -printf '%s\n' | awk '{ s += $1 } END { print s }')
check_range "the files have holes (bytes allocated)" 1 $((total - 1200000)) \
	"$(find "$files" -type f -printf '%b\n' | awk '{ s += $1 } END { print s * 512 }')"

cachefs_load
# The trace says why something is not cached.
tracing=/sys/kernel/tracing/events/cachefs
echo 1 > "$tracing/cachefs_refuse/enable"
echo 1 > "$tracing/cachefs_drop/enable"
nfs_mount
ways="sequential scattered backwards without_readahead mapped_shared
	mapped_private sendfile splice processes"
# Some of these ways are the same to the cache if NFS asks page by page.
case $(uname -r) in
6.1.*)	[ "$LONG" ] || ways="sequential scattered backwards mapped_shared splice" ;;
esac
on_debug_kernel && ways=processes
seed=${SEED:-$RANDOM}

# Read all files once; READs and hits go to $reads and $hits.
pass()		# NAME WAY
{
	local before hits_before output

	before=$(rpc_reads)
	hits_before=$(cachefs_stat hit_bytes)
	if output=$(python3 /bed/readers.py "$files" "$MNT/files" "$2" "$seed" 2>&1)
	then
		t_ok "$1: the right bytes"
	else
		t_fail "$1: the right bytes" "${output//$'\n'/; }"
	fi
	reads=$(($(rpc_reads) - before))
	hits=$(($(cachefs_stat hit_bytes) - hits_before))
}

# Check that all comes from the cache.  Hits count to the end of each file, and not to the
# end of a block.
warm()		# NAME WAY
{
	settle
	drop_caches
	pass "$1" "$2"
	check_equal "$1: no READ" 0 "$reads"
	check_equal "$1: hits, in bytes" "$total" "$hits"
}

# Read another version of each file, of which nothing is cached.
cold()		# NAME WAY
{
	touch "$files"/*
	drop_caches
	pass "$1" "$2"
}

last=""
for way in $ways; do
	[ -z "$last" ] || warm "$way, cached by $last" "$way"
	cold "$way, cold" "$way"
	check_equal "$way, cold: no hits" 0 "$hits"
	last=$way
done
warm "$last, warm" "$last"

nfs_umount
drop_caches
nfs_mount
bdi=/sys/class/bdi/$(mountpoint -d "$MNT")
check "readahead can be switched off" eval "echo 0 > $bdi/read_ahead_kb"
warm "a new mount without readahead" sequential
warm "scattered without readahead" scattered
cold "cold without readahead" sequential
check_equal "cold without readahead: no hits" 0 "$hits"
nfs_umount
nfs_mount
warm "cached without readahead, read with it" sequential

# Data that is read past the page cache is not cached, and does no harm.
cold "with O_DIRECT in between, cold" direct
settle
drop_caches
pass "with O_DIRECT in between, in part warm" direct
check_range "some of it from the cache (bytes)" 1 "$total" "$hits"
drop_caches
pass "after O_DIRECT, buffered" sequential
# Missing blocks in one folio with cached blocks are stored if the server's part ends
# last.
for ((tries = 20; tries > 0 && reads > 0; tries--)); do
	settle
	drop_caches
	pass "after O_DIRECT, buffered" sequential
done
warm "after O_DIRECT, buffered, warm" sequential

# Mounts that wait for each write.  Linux 6.1 reads their files from the server.
for option in sync noac; do
	nfs_umount
	nfs_mount "$option"
	case $(uname -r) in
	6.1.*)	drop_caches
		pass "mounted with $option" sequential
		check "mounted with $option: from the server" test "$reads" -gt 0 ;;
	*)	warm "mounted with $option" sequential ;;
	esac
done

# A folio that is larger than one READ is read once, and counts once.
while read -r rsize size; do
	fill "$export_dir/in-pieces-$rsize" "$size" 11
	nfs_umount
	nfs_mount "rsize=$rsize"
	echo 1024 > "/sys/class/bdi/$(mountpoint -d "$MNT")/read_ahead_kb"
	misses=$(cachefs_stat miss_bytes)
	check "rsize=$rsize: the bytes" cmp "$export_dir/in-pieces-$rsize" \
		"$MNT/in-pieces-$rsize"
	check_equal "rsize=$rsize: misses (bytes)" "$size" \
		$(($(cachefs_stat miss_bytes) - misses))
	check_equal "rsize=$rsize: what the server has sent (bytes)" "$size" "$(nfs_read_bytes)"
	settle
	drop_caches
	reads=$(rpc_reads)
	check "rsize=$rsize, warm: the bytes" cmp "$export_dir/in-pieces-$rsize" \
		"$MNT/in-pieces-$rsize"
	# If rsize is below a page, the last page comes from the server, because NFS does
	# not tell netfs where the file ends.
	case $rsize:$(uname -r) in
	2048:6.1.*)	;;
	2048:*)		reads=$((reads + 2)) ;;
	esac
	check_equal "rsize=$rsize, warm: READs" "$reads" "$(rpc_reads)"
done <<-END
	65536 8388608
	32768 1000003
	2048 200003
END

# Numbers of blocks and pages that need more than 20 bits, and of bytes that need more
# than 32 bits.  In so few bits 1 GiB and 5 GiB are the same.
beyond=$export_dir/beyond
truncate -s 6G "$beyond"
piece()		# FILE GIB: a sum of the MiB there
{
	dd if="$1" bs=1M skip=$(($2 * 1024)) count=1 2>/dev/null | xxhsum -q -H2
}
for at in 1 5; do
	fill /run/piece 300000 "$at"
	dd if=/run/piece of="$beyond" bs=1M seek=$((at * 1024)) conv=notrunc 2>/dev/null
done
sync
nfs_umount
nfs_mount
for pass in cold warm; do
	settle
	drop_caches
	before=$(rpc_reads)
	hits_before=$(cachefs_stat hit_bytes)
	for at in 1 5; do
		check_equal "beyond 4 GiB, $pass: the right bytes at $at GiB" \
			"$(piece "$beyond" $at)" "$(piece "$MNT/beyond" $at)"
	done
	hits=$(($(cachefs_stat hit_bytes) - hits_before))
done
check_equal "beyond 4 GiB: no READ" 0 $(($(rpc_reads) - before))
check_range "beyond 4 GiB: hits (bytes)" $((2 << 20)) $((8 << 20)) "$hits"

nfs_umount
check_equal "no page stays marked" 0 "$(cachefs_stat pages_marked)"
check_equal "no checksum error" 0 "$(cachefs_stat checksum_errors)"
check_range "FS-Cache counts reads of the cache" 1 1000000 "$(fscache_stat "IO rd")"
check_range "FS-Cache counts stores" 1 1000000 "$(fscache_stat "IO wr")"
check_equal "nothing was refused" 0 "$(cachefs_stat store_refused_bytes)"
if grep -q '^not ok' "$t_results"; then
	tail -n 20 /sys/kernel/tracing/trace
	grep . "$(cachefs_dir)"/stats/*
fi
