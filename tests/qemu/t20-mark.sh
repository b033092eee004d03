#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Check the protocol on a cache disk that does nothing for a while.  Readers do not wait
# for the store.  Write faults wait for the store, but no longer.  The trace events report
# this.
#
# bed: --disk-size cache:256M --disk-size srv:256M --timeout 400
# run: 6.1
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

held_disk slow cache

nfs_server_start
for i in 1 2 3 4 5 6 7 8 9 10; do
	fill "$export_dir/f$i" 65536 "$i"
done
sync
load netfs fscache
if [ -e /bed/cachefs.ko ]; then
	insmod /bed/cachefs.ko
fi
cachefs_attach /dev/mapper/slow
nfs_mount

probe()		# FILE MODE; in the background
{
	: > /run/probe
	python3 /bed/markprobe.py "$MNT/$1" 0 "$2" > /run/probe &
	probe=$!
}

said()		# WORD
{
	wait_for 120 grep -q "^$1" /run/probe
}

hold slow
probe f1 fault
check "the reader has its data while the disk does nothing" said read
check "the page is marked while it is being stored" said "marked 1"
check "a write fault waits" wait_for 60 waits_for_page $probe
sleep 1
check "and waits" waits_for_page $probe
let_go slow
check "until the page is stored" said fault
check "the page is not marked after" said "after 0"

hold slow
probe f2 kill
check "the page of another waiter is marked" said "marked 1"
check "which waits, too" said "waits D"
check "a task that waits for the mark can be killed" said "killed 9"
check "the mark is still there when it is dead" said "after 1"
let_go slow

cat "$MNT/f3" > /dev/null
settle
hold slow
probe f3 fault
check "a page that is stored is not marked" said "marked 0"
check "a write fault on it does not wait for the disk" said after
let_go slow

# write(2) does not wait for the mark: it ends while the disk does nothing.  The bytes on
# disk are then not the bytes of the version, and must not be served as that version.
scribble()
{
	printf 'scribble' | timeout 60 dd of="$MNT/f4" conv=notrunc bs=8
}

hold slow
exec 5< "$MNT/f4"
cat <&5 > /dev/null
check "write(2) does not wait for the store" scribble
check_range "which is still under way (bytes)" 1 65536 \
	"$(cachefs_stat stores_in_flight_bytes)"
exec 5<&-
let_go slow
settle
# A truncation may wait for the mark.
hold slow
cat "$MNT/f5" > /dev/null
truncate -s 5000 "$MNT/f5" &
truncates=$!
wait_for 60 waits_or_has_ended $truncates
let_go slow
check_done "truncate(2) ends when the store does" $truncates
settle
for i in 1 2; do
	drop_caches
	check_equal "after write(2) during a store: the right bytes, read $i" \
		"$(xxhsum -q -H2 < "$export_dir/f4")" "$(xxhsum -q -H2 < "$MNT/f4")"
	check_equal "after truncate during a store: the right bytes, read $i" \
		"$(xxhsum -q -H2 < "$export_dir/f5")" "$(xxhsum -q -H2 < "$MNT/f5")"
	settle
done

# The trace shows a page's way, and why a page was not cached.
tracing=/sys/kernel/tracing

events()	# EVENT: what was traced of it since the last trace_from_here
{
	sed -n "s/.* cachefs_$1: //p" "$tracing/trace"
}

trace_from_here()
{
	echo > "$tracing/trace"
}

# Was everything that the trace shows as refused, refused for this reason alone?
refused_for()	# REASON
{
	[ "$(events refuse | sed 's/.*why=//' | sort -u)" = "$1" ]
}

check_equal "tools need no header of the module to read the events" "" \
	"$(grep -h -o -E 'field:enum [^;]*|CACHEFS_[A-Z_]*' "$tracing"/events/cachefs/*/format)"
echo 1 > "$tracing/events/cachefs/enable"
trace_from_here
cat "$MNT/f7" > /dev/null
settle
drop_caches
cat "$MNT/f7" > /dev/null
version=$(events object | sed -n 's/.* \(v=[0-9a-f]*\) .* size=65536 looked up$/\1/p' |
	sort -u)
check_equal "the trace shows the bytes stored of a version" 65536 \
	"$(events store_done |
		sed -n "s/^$version .* stored=\([0-9]*\) us=[0-9]* error=0$/\1/p" |
		awk '{ sum += $1 } END { print sum + 0 }')"
check_equal "and the blocks read of it" 16 \
	"$(events read | sed -n "s/^$version .* nr=\([0-9]*\) us=[0-9]* error=0$/\1/p" |
		awk '{ sum += $1 } END { print sum + 0 }')"
check_equal "and nothing refused" "" "$(events refuse)"

# The trace shows how long reads and stores took.
times_of()	# EVENT: in microseconds, the shortest first
{
	events "$1" | sed -n 's/.* us=\([0-9]*\) .*/\1/p' | sort -n
}

has_grown()	# STAT BEFORE
{
	[ "$(cachefs_stat "$1")" -gt "$2" ]
}

# Read FILE, with a disk that does nothing for a second.  That second begins when STAT
# shows that a read or a store is under way.  COMMAND runs at its end.
second_of()	# FILE STAT [COMMAND...]
{
	local before

	drop_caches
	trace_from_here
	before=$(cachefs_stat "$2")
	hold slow
	cat "$MNT/$1" > /dev/null &
	wait_for 120 has_grown "$2" "$before"
	sleep 1
	"${@:3}"
	let_go slow
	wait $!
	settle
}

# Check the longest time: it is a second at least, and no longer than from BEGIN to now.
check_second()	# NAME EVENT BEGIN
{
	local end

	end=$(now)
	check_range "$1 (us)" 1000000 $(((${end/./} - ${3/./} + 1) * 10000)) \
		"$(times_of "$2" | tail -n 1)"
}

begin=$(now)
second_of f10 stores_in_flight_bytes
check_second "the trace shows how long a store took" store_done "$begin"
begin=$(now)
second_of f10 device_read_bytes
check_second "and how long a read took" read "$begin"
echo 0 > "$tracing/events/cachefs/enable"
second_of f10 device_read_bytes eval "echo 1 > $tracing/events/cachefs/enable"
check_equal "and 0 if the read began before the event was switched on" 0 \
	"$(times_of read | head -n 1)"

# The kernels with all checkers have no histograms.
if [ -e "$tracing/events/cachefs/cachefs_read/hist" ]; then
	echo 0 > "$tracing/events/cachefs/enable"
	event=$tracing/events/cachefs/cachefs_read
	echo 'hist:keys=us.log2' > "$event/trigger"
	second_of f10 device_read_bytes
	check_range "a histogram has the second of a read (power of two)" 20 63 \
		"$(sed -n 's/^{ us: ~ 2^\([0-9]*\) .*/\1/p' "$event/hist" |
			sort -n | tail -n 1)"
	echo '!hist:keys=us.log2' > "$event/trigger"
	echo 1 > "$tracing/events/cachefs/enable"
fi

# Check that the file in refused_bytes/ has grown by the refused bytes of the trace.
check_refused()	# FILE BEFORE
{
	check_equal "refused_bytes/$1 has the bytes of the trace" \
		"$(events refuse | sed -n 's/.* bytes=\([0-9]*\) .*/\1/p' |
			awk '{ sum += $1 } END { print sum + 0 }')" \
		"$(($(cat "$(cachefs_dir)/refused_bytes/$1") - $2))"
}

trace_from_here
bound=$(cat "$(cachefs_dir)/max_in_flight_bytes")
before=$(cat "$(cachefs_dir)/refused_bytes/in_flight")
echo 4096 > "$(cachefs_dir)/max_in_flight_bytes"
cat "$MNT/f8" > /dev/null
check "a store that the bound refuses says so" wait_for 60 refused_for "in flight bound"
settle
check_refused in_flight "$before"
echo "$bound" > "$(cachefs_dir)/max_in_flight_bytes"

trace_from_here
before=$(cat "$(cachefs_dir)/refused_bytes/write_budget")
echo 1 > "$(cachefs_dir)/write_budget"
touch "$export_dir/f8"
drop_caches
cat "$MNT/f8" > /dev/null
check "a store that the write budget refuses says so" wait_for 60 refused_for "write budget"
settle
check_refused write_budget "$before"
echo 0 > "$(cachefs_dir)/write_budget"
drop_caches
stored=$(cachefs_stat stored_bytes)
cat "$MNT/f8" > /dev/null
settle
check_equal "without a budget all of it is stored" 65536 \
	$(($(cachefs_stat stored_bytes) - stored))
check_equal "a budget that no counter holds" "Numerical result out of range" \
	"$( (echo 9223372036854775808 > "$(cachefs_dir)/write_budget") 2>&1 | sed 's/.*: //')"

# The store cannot end before the client knows of the change.
trace_from_here
hold slow
cat "$MNT/f9" > /dev/null
fill "$export_dir/f9" 65536 90
exec 5< "$MNT/f9"
let_go slow
exec 5<&-
settle
check "a store of what has changed meanwhile says so" \
	refused_for "version changed"
echo 0 > "$tracing/events/cachefs/enable"

# umount waits for stores under way, and no mark stays.
hold slow
cat "$MNT/f6" > /dev/null
umount -i "$MNT" &
unmounts=$!
check "umount waits for a mark" wait_for 60 waits_for_page $unmounts
let_go slow
check_done "and ends when the store does" $unmounts
settle
check_equal "no page stays marked" 0 "$(cachefs_stat pages_marked)"
cachefs_detach
check "the slow disk is released" dmsetup remove --noudevsync slow
