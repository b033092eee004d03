#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The cache's disk gives errors, loses or changes writes, has bad sectors, goes away or
# hangs while files are read.  No reader sees an error or a wrong byte.  The cache says
# what has happened to it.  When the disk is good again, a plain attach finds a cache.
#
# bed: --smp 1 --disk-size cache:64M --disk-size srv:256M --timeout 1500
# run: 6.1 all:debug long-form
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

expect_log "error|damaged|checksum mismatch|unusable|no checkpoint"
hang=${LONG:+30}
hang=${hang:-10}	# seconds

load dm_mod dm_flakey
disk=$(readlink -f /dev/disk/cache)
blocks=$(($(blockdev --getsize64 "$disk") / 4096))

# --- the disk

# Print a table for dmsetup.  It is the disk, with TARGET in the place of all blocks of a
# class: super, anchor, meta (of regions), first (the metadata of the first region), data,
# spot (single sectors of data) or all.  Documentation/ondisk-format.rst says where they
# are.
table()	# [CLASSES TARGET [WORDS]]
{
	awk -v disk="$disk" -v blocks="$blocks" -v classes=" ${1:-} " \
		-v target="${2:-}" -v words="${*:3}" '
	function sectors(nr, bad) {
		what = "linear " disk " " at
		if (bad)
			what = target == "error" ? target : "flakey " disk " " \
				at " 0 3600 " split(words, w) " " words
		if (nr > 0)
			print at, nr, what
		at += nr
	}
	function is_bad(class) {
		return index(classes, " " class " ") || classes == " all "
	}
	function piece(class, nr) {
		sectors(nr * 8, is_bad(class))
	}
	# Two sectors, of which one ends a bio of some blocks.
	function data(nr) {
		if (!is_bad("spot") || classes == " all ")
			return piece("data", nr)
		sectors(8 * 100)
		sectors(1, 1)
		sectors(8 * 500 + 6)
		sectors(1, 1)
		sectors((nr - 601) * 8)
	}
	BEGIN {
		at = 0
		piece("super", 1)
		piece("anchor", 1)
		piece("anchor", 1)
		piece("unused", 253)
		meta = is_bad("first") ? "first" : "meta"
		for (left = blocks - 257; left >= 1024; left -= 1024) {
			for (i = 0; i < 11; i++)
				piece(meta, 1)
			data(1013)
			meta = "meta"
		}
		piece("unused", left)
		piece("super", 1)
	}'
}

# Exchange the table while I/O is under way.  Or let the block layer fail some of the
# requests, if it can.
requests=/sys/kernel/debug/fail_make_request
disk_is()	# [CLASSES TARGET [WORDS]] | requests PERCENT
{
	if [ -e $requests ]; then
		echo 0 > $requests/probability
	fi
	if [ "${1:-}" = requests ]; then
		echo 0 > $requests/verbose
		echo -1 > $requests/times
		echo 1 > /sys/block/dm-0/make-it-fail
		echo "$2" > $requests/probability
		return
	fi
	table "$@" > /run/table
	exchange_table cache < /run/table
}

table > /run/table
dmsetup create --noudevsync cache /run/table
dmsetup mknodes

# dm-flakey of older kernels has no error_reads.  It corrupts written pages in place, and
# does not corrupt pages that are read.
new_flakey=1
table data flakey error_reads > /run/table
dmsetup load cache /run/table 2>/dev/null || new_flakey=""
dmsetup clear cache

# Print the checksums of a directory's files, or why they cannot be read.
sums()		# DIR
{
	(cd "$1" && xxhsum -q -H2 ./* 2>&1)
}

# --- the files: cold ones change each time before they are read

nfs_server_start
seed=1
for class in warm cold; do
	fill_many "$export_dir/$class" 8 9000 "$seed"
	for i in 1 2 3; do
		fill "$export_dir/$class/large$i" 300K $((seed + i))
	done
	seed=$((seed + 10))
done
fill "$export_dir/other" 3M 7
sync
declare -A wanted
for class in warm cold; do
	wanted[$class]=$(sums "$export_dir/$class")
done
errors=/run/errors
: > "$errors"

# Compare a directory with the server's.  Note any other checksum.
read_tree()	# DIR
{
	local sum

	sum=$(sums "$MNT/$1") || true
	[ "$sum" = "${wanted[$1]}" ] ||
		diff <(echo "${wanted[$1]}") <(echo "$sum") >> "$errors"
}

reader()	# DIR; until /run/stop is there
{
	while [ ! -e /run/stop ]; do
		if [ "$1" = cold ]; then
			touch "$export_dir/cold"/*
			read_tree cold
			echo 1 > /proc/sys/vm/drop_caches
		fi
		read_tree "$1"
		echo 3 > /proc/sys/vm/drop_caches
	done
}

readers=()

readers_start()
{
	local dir

	rm -f /run/stop
	readers=()
	for dir in warm cold warm; do
		reader "$dir" &
		readers+=($!)
	done
}

readers_stop()
{
	: > /run/stop
	wait "${readers[@]}"
	settle
}

# --- what the cache says

state()
{
	echo "$(< /sys/fs/cachefs/*/state)"
}

moved()	# prints the counters of errors that are not 0
{
	local name names=()

	for name in read_errors write_errors checksum_errors; do
		[ "$(< /sys/fs/cachefs/*/stats/$name)" = 0 ] || names+=("$name")
	done
	echo "${names[*]}"
}

# shellcheck disable=SC2053 # a pattern
says()		# STATE COUNTERS: the latter as a pattern
{
	[ "$(state)" = "$1" ] && [[ "$(moved)" == $2 ]]
}

log_from_here()
{
	dmesg --clear
}

logged()	# TEXT
{
	dmesg | grep -q -F -- "$1"
}

no_wrong_byte()	# NAME
{
	check_equal "$1: no error and no wrong byte" "" "$(head -n 3 "$errors")"
	: > "$errors"
}

# The disk is good again: a plain attach has a cache that works.  The first read finds
# damage that is left on the disk, and the second read stores the data anew.
good_again()	# NAME
{
	local i

	disk_is
	check "$1: plain attach of the good disk" cachefs_attach /dev/mapper/cache
	for i in 1 2 3; do
		drop_caches
		read_tree warm
		[ "$(cachefs_stat hit_bytes)" = 0 ] || break
		settle
	done
	read_tree cold
	no_wrong_byte "$1, attached again"
	check_equal "$1: state when attached again" active "$(state)"
	check "$1: it is in use again" test "$(cachefs_stat hit_bytes)" -gt 0
}

# Make the disk bad under readers, until the cache has STATE and COUNTERS.
under_load()	# NAME STATE COUNTERS LOG CLASSES TARGET [WORDS]
{
	local name=$1 state=$2 counters=$3 log=$4

	# The log has this line ten times in five seconds, and no more.
	[ "$log" != "checksum mismatch" ] || sleep 5
	log_from_here
	readers_start
	disk_is "${@:5}"
	# It takes 16 seconds until a disk is given up.
	wait_for 240 says "$state" "$counters" || true
	sleep 0.5
	readers_stop
	no_wrong_byte "$name"
	check_equal "$name: state" "$state" "$(state)"
	# shellcheck disable=SC2053 # a pattern
	if [[ "$(moved)" == $counters ]]; then
		t_ok "$name: counters"
	else
		t_fail "$name: counters" "wanted $counters, got $(moved)"
	fi
	[ -z "$log" ] || check "$name: the log says so" logged "$log"
	check_equal "$name: no page stays marked" 0 "$(cachefs_stat pages_marked)"
	check "$name: detach" cachefs_detach
	good_again "$name"
}

cachefs_load /dev/mapper/cache
nfs_mount
for i in 1 2; do
	drop_caches
	read_tree warm
	read_tree cold
	settle
done
no_wrong_byte "good disk"
check_equal "good disk: state" "active " "$(state) $(moved)"
begin=$(now)
part()	# WHAT
{
	echo "# $1 ($(now | awk -v b="$begin" '{ printf "%.0f", $1 - b }') s)"
}

part "errors"
if [ "$new_flakey" ]; then
	under_load "data cannot be read" failed "read_errors" \
		"the cache is not used any more" data flakey error_reads
	under_load "metadata cannot be read" degraded "read_errors" \
		"read error -5" meta flakey error_reads
else
	# The data cannot be written either, so there is soon nothing to be read.
	under_load "data cannot be read" degraded "read_errors*" \
		"read error -5" data error
fi
under_load "data cannot be written" degraded "write_errors" "write error -5" \
	data flakey error_writes
under_load "metadata cannot be written" degraded "write_errors*" \
	"write error -5" meta flakey error_writes
under_load "nothing works" failed "*errors" \
	"the cache is not used any more" all error

if [ -e $requests ]; then
	under_load "some requests fail" degraded "read_errors write_errors*" \
		"error -5 at block" requests 10
fi

part "lost and changed"
under_load "written data is lost" active "checksum_errors" \
	"checksum mismatch" data flakey drop_writes
if [ "$new_flakey" ]; then
	under_load "data changes when read" active "checksum_errors" \
		"checksum mismatch" data flakey corrupt_bio_byte 9 r 255 0
	under_load "data changes when written" active "checksum_errors" \
		"checksum mismatch" data flakey corrupt_bio_byte 9 w 255 0
	under_load "metadata changes when read" active "checksum_errors" \
		"is damaged" meta flakey corrupt_bio_byte 1 r 255 0
fi

part "at detach and attach"
# Data with damage that is left is read and stored again.
for i in 1 2 3 4; do
	drop_caches
	read_tree warm
	settle
done

# Detach, exchange the table, and check that an attach is refused.
refused()	# NAME ERROR LOG CLASSES TARGET [WORDS]
{
	local output

	cachefs_detach
	disk_is "${@:4}"
	log_from_here
	output=$(LC_ALL=C cachefs_attach /dev/mapper/cache 2>&1) &&
		output="attached"
	check_equal "$1: attaching fails" "$2" "${output##*: }"
	check "$1: the log says why" logged "$3"
	disk_is
	check "$1: plain attach of the good disk" cachefs_attach /dev/mapper/cache
	drop_caches
	reads=$(rpc_reads)
	read_tree warm
	no_wrong_byte "$1"
	check_equal "$1: nothing is lost (READ)" 0 $(($(rpc_reads) - reads))
}

# The disk turns bad before a detach, and is good again before the next attach.
detached()	# NAME LOG CLASSES TARGET [WORDS]
{
	touch "$export_dir/cold"/*
	read_tree cold
	settle
	log_from_here
	disk_is "${@:3}"
	check "$1: detach" cachefs_detach
	good_again "$1"
	[ -z "$2" ] || check "$1: the log says so" logged "$2"
}

refused "a broken disk" "Input/output error" "cannot be read: error -5" \
	all error
refused "superblock cannot be read" "Input/output error" \
	"cannot be read: error -5" super error
refused "anchors cannot be written" "Input/output error" "error -5" \
	anchor flakey error_writes
[ -z "$new_flakey" ] ||
	refused "superblock changes when read" "Structure needs cleaning" \
		"bad superblock: " super flakey corrupt_bio_byte 100 r 255 0
detached "nothing can be written at detach" "no checkpoint (error -5)" \
	all flakey error_writes
detached "anchors cannot be written at detach" "no checkpoint (error -5)" \
	anchor flakey error_writes
detached "what is written at detach is lost" "unclean stop" \
	all flakey drop_writes
detached "the checkpoint is lost" "checkpoint unusable" \
	"meta data" flakey drop_writes
[ -z "$new_flakey" ] ||
	detached "the checkpoint changes when written" "checkpoint unusable" \
		"meta data" flakey corrupt_bio_byte 1 w 255 0

# The anchors are bad, and are overwritten.
if [ "$new_flakey" ]; then
	for i in 1 2; do
		drop_caches
		read_tree warm
		settle
	done
	cachefs_detach
	disk_is anchor flakey error_reads
	log_from_here
	check "the anchors cannot be read at attach: it attaches" \
		cachefs_attach /dev/mapper/cache
	check "the anchors cannot be read at attach: the log says so" logged "read error -5"
	check_equal "the anchors cannot be read at attach: state" degraded "$(state)"
	disk_is
	drop_caches
	reads=$(rpc_reads)
	read_tree warm
	no_wrong_byte "the anchors cannot be read at attach"
	check_equal "the anchors cannot be read at attach: nothing is lost (READ)" 0 \
		$(($(rpc_reads) - reads))
fi

# Nothing was written at the detach, and now some metadata cannot be read.
disk_is all flakey error_writes
cachefs_detach
disk_is first error
log_from_here
check "a region cannot be read at attach: it attaches" \
	cachefs_attach /dev/mapper/cache
check_equal "a region cannot be read at attach: state" degraded "$(state)"
check "a region cannot be read at attach: the log says so" logged "read error -5"
drop_caches
read_tree warm
read_tree cold
no_wrong_byte "a region cannot be read at attach"
cachefs_detach
good_again "a region cannot be read at attach"

part "bad sectors"
# Some stores fail.  Their data is not in the cache, and the rest is.
drop_caches
settle
stored=$(cachefs_stat stored_bytes)
disk_is data flakey error_writes
dd if="$MNT/other" bs=4096 count=40 of=/dev/null 2>/dev/null
settle
stored=$(($(cachefs_stat stored_bytes) - stored))
disk_is
for i in 1 2; do
	drop_caches
	check_equal "some stores failed: the right bytes, read $i" \
		"$(xxhsum -q -H2 < "$export_dir/other")" \
		"$(xxhsum -q -H2 < "$MNT/other")"
	settle
done
check_equal "some stores failed: nothing of them was kept (bytes)" "0 write_errors" \
	"$stored $(moved)"
check_equal "some stores failed: state" degraded "$(state)"
cachefs_detach
cachefs_attach /dev/mapper/cache

log_from_here
disk_is spot error
for i in 1 2 3 4 5 6; do
	[ "$i" != 2 ] || touch "$export_dir/cold"/*
	drop_caches
	reads=$(rpc_reads)
	read_tree warm
	read_tree cold
	settle
	[ "$i" -lt 3 ] || [ "$(rpc_reads)" != "$reads" ] || break
done
no_wrong_byte "bad sectors"
check_equal "bad sectors: state" degraded "$(state)"
check "bad sectors: errors were counted" test -n "$(moved)"
check "bad sectors: the log says so" logged " error -5"
check_equal "bad sectors: all is cached, in other places (READ)" 0 \
	$(($(rpc_reads) - reads))
cachefs_detach
good_again "bad sectors"

part "a disk that hangs"
# One reader waits for the disk.  Work that does not need the disk goes on.
echo 1000 > "$(cachefs_dir)/max_in_flight_ms"
drop_caches
touch "$export_dir/cold"/*
hold cache
begin_hang=$SECONDS
{ read_tree warm; : > /run/read; } &
waits=$!
sleep 0.5
{
	read_tree cold
	cp "$export_dir/other" "$MNT/new"
	cmp "$export_dir/other" "$export_dir/new" >> "$errors"
	diff <(ls "$export_dir") <(ls "$MNT") >> "$errors"
	: > /run/others
} &
others=$!
check "a hung disk: what is not cached is read, written and listed" \
	wait_for 60 test -e /run/others
check "a hung disk: stores are in flight" \
	test "$(cachefs_stat stores_in_flight_bytes)" -gt 0
check "a hung disk: they give their pages back" wait_for 120 \
	eval '[ "$(cachefs_stat pages_marked)" = 0 ]'
check "a hung disk: which the statistics say" \
	test "$(cachefs_stat released_bytes)" -gt 0
cachefs_detach &
detaches=$!
sleep $((SECONDS - begin_hang < hang ? hang - SECONDS + begin_hang : 1))
check "a hung disk: who reads what is cached waits" test ! -e /run/read
check "a hung disk: detach waits" kill -0 "$detaches"
let_go cache
check "a hung disk: the reader goes on when it is back" \
	wait_for 60 test -e /run/read
wait "$detaches" && status=0 || status=$?
check_equal "a hung disk: so does detach" 0 "$status"
wait "$waits" "$others"
no_wrong_byte "a hung disk"
good_again "a hung disk"

part "the end"
nfs_umount
cachefs_unload
check "the disk is released" dmsetup remove --noudevsync cache
