#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A cache disk that is slow or does not answer holds up nobody who has not asked
# it already: what is in flight to it is bounded in bytes and in time, a page is
# marked no longer than that, and reads go to the server.
#
# bed: --disk-size cache:256M --disk-size srv:512M --disk-size five:256M --rate five:5000000 --timeout 500
# run: 6.1
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

load dm_mod dm_delay
disk=$(readlink -f /dev/disk/cache)
sectors=$(blockdev --getsz "$disk")
limit=1000	# ms

nfs_server_start
for i in 1 2 3 4 5 6 7 8 9; do
	fill "$export_dir/f$i" 256K "$i"
done
fill "$export_dir/large" 48M 20
fill "$export_dir/large2" 48M 21
sync

# The disk, of which reads and writes take so many milliseconds.
delays()	# READ WRITE: a table
{
	echo "0 $sectors delay $disk 0 $1 $disk 0 $2"
}

set_delays()	# READ WRITE
{
	dmsetup suspend --noflush --nolockfs slow
	dmsetup load slow --table "$(delays "$1" "$2")"
	dmsetup resume --noudevsync slow
}

milliseconds()	# COMMAND...: how long it takes
{
	local begin

	begin=$(now)
	"$@" > /dev/null
	echo "$begin $(now)" | awk '{ print int(($2 - $1) * 1000) }'
}

same()		# FILE: are its bytes right?
{
	[ "$(xxhsum -q -H2 < "$export_dir/$1")" = "$(xxhsum -q -H2 < "$MNT/$1")" ]
}

field()		# NAME: of the probe's output, in ms
{
	awk -v name="$1" '$1 == name { print int($2 * 1000) }' /run/probe
}

no_marks()
{
	[ "$(cachefs_stat pages_marked)" = 0 ]
}

dmsetup create --noudevsync slow --table "$(delays 0 0)"
dmsetup mknodes
load netfs fscache
[ ! -e /bed/cachefs.ko ] || insmod /bed/cachefs.ko
cachefs_attach /dev/mapper/slow
dir=$(cachefs_dir)

# 1. The marks.  Each write takes 20 s: whoever waits for a page waits for a part
# of that, which is set.
nfs_mount
set_delays 0 20000
echo $limit > "$dir/max_in_flight_ms"
python3 /bed/markprobe.py "$MNT/f1" 0 fault > /run/probe
check_equal "the page is marked" 1000 "$(field marked)"
check_range "a write fault waits twice the bound at most (ms)" \
	$limit $((limit * 4)) "$(field fault)"
cat "$MNT/f2" > /dev/null
waited=$(milliseconds dd of="$MNT/f2" conv=notrunc,fsync bs=8 count=1 \
	if=/dev/zero status=none)
check_range "nor does a write to the server (ms)" 0 $((limit * 4)) "$waited"
exec 5< "$MNT/f3"
cat <&5 > /dev/null
fill "$export_dir/f3" 256K 30
waited=$(milliseconds cat "$MNT/f3")
exec 5<&-
check_range "nor an invalidation (ms)" 0 $((limit * 4)) "$waited"
check "with the right bytes" same f3
cat "$MNT/f4" > /dev/null
waited=$(milliseconds nfs_umount)
check_range "nor umount (ms)" 0 $((limit * 4)) "$waited"
check "no page stays marked" wait_for $((limit * 4 / 1000)) no_marks
check_range "the statistics say so" 1 $((1 << 30)) "$(cachefs_stat released_bytes)"
check_range "and that the disk has them still" 1 $((1 << 26)) \
	"$(cachefs_stat stores_in_flight_bytes)"
set_delays 0 0
settle
nfs_mount
for i in 1 2 3 4; do
	cat "$MNT/f$i" > /dev/null
done
settle
nfs_umount
nfs_mount
reads=$(rpc_reads)
for i in 1 2 3 4; do
	check "afterwards: the right bytes of f$i" same "f$i"
done
check_equal "from the cache" "$reads" "$(rpc_reads)"

warm()		# is a file that is cached read from the cache?
{
	local before

	drop_caches
	sleep 0.2
	before=$(rpc_reads)
	cat "$MNT/f3" > /dev/null
	[ "$before" = "$(rpc_reads)" ]
}

# 2. A disk that does not answer at all.
echo 100 > "$dir/read_bypass_ms"
drop_caches
dmsetup suspend --noflush --nolockfs slow
cat "$MNT/f1" > /run/f1 &
reader=$!
sleep 2
bypassed=$(cachefs_stat bypassed_bytes)
for i in 2 3 4 5; do
	check "while the disk hangs: the right bytes of f$i" timeout 60 \
		cmp "$export_dir/f$i" "$MNT/f$i"
done
check_range "from the server, though they are cached (bytes)" \
	$((3 * 256 * 1024)) $((1 << 30)) $(($(cachefs_stat bypassed_bytes) - bypassed))
# Where its pages are not what the disk reads into.
case $(uname -r) in
6.1.*)	check "who waited for the disk goes on without" \
		wait_for 20 eval '! kill -0 $reader 2>/dev/null' ;;
esac
dmsetup resume --noudevsync slow
wait $reader
check "who waited for the disk gets the right bytes" cmp "$export_dir/f1" /run/f1
settle
check "when it answers again it is used again" wait_for 60 warm
check "the right bytes" same f2
check_equal "the disk is healthy" active "$(cat "$dir/state")"

# 3. A disk that is slower than the server.
set_delays 500 0
for i in 1 2 3; do
	drop_caches
	cat "$MNT"/f[1-4] > /dev/null
done
reads=$(rpc_reads)
drop_caches
cat "$MNT"/f[1-4] > /dev/null
check_range "a slow disk is not asked if the server is faster (READs)" \
	2 1000 $(($(rpc_reads) - reads))
check_range "which the statistics explain: a read of the disk (us)" \
	100000 2000000 "$(cachefs_stat device_read_us)"
check_range "against one of the server (us)" \
	1 "$(cachefs_stat device_read_us)" "$(cachefs_stat server_read_us)"
written=$(cachefs_stat device_written_bytes)
drop_caches
cat "$MNT"/f[1-4] > /dev/null
check_range "what is cached already is not written again (bytes)" 0 65536 \
	$(($(cachefs_stat device_written_bytes) - written))
echo 0 > "$dir/read_bypass_ms"
drop_caches
reads=$(rpc_reads)
check "the rule can be switched off: the right bytes" same f2
check_equal "from the disk" "$reads" "$(rpc_reads)"
echo 100 > "$dir/read_bypass_ms"
set_delays 0 0
check "when it is fast again it is used again" wait_for 60 warm
nfs_umount
cachefs_detach
check "the disk is released" dmsetup remove --noudevsync slow

# 4. A disk that takes 5 MB/s, while the server gives much more.
cachefs_attach /dev/disk/five
dir=$(cachefs_dir)
cat "$export_dir/large" > /dev/null
nfs_mount nofsc
plain=$(milliseconds cat "$MNT/large")
nfs_umount
echo $limit > "$dir/max_in_flight_ms"
nfs_mount
( while sleep 0.2; do
	echo "$(cachefs_stat stores_in_flight_bytes)" \
		"$(cachefs_stat in_flight_limit_bytes)"
done > /run/in-flight ) &
watcher=$!
waited=$(milliseconds cat "$MNT/large")
kill $watcher
wait $watcher || true
echo "# 48 MiB cold, cache disk of 5 MB/s: $waited ms, without a cache $plain ms"
echo "# in flight and its limit, each 0.2 s: $(tr '\n' ',' < /run/in-flight)"
# That of the first tenth of a second, when it is not known how slow the disk is.
check_range "in flight to it: not all (bytes)" \
	1 $((16 << 20)) "$(sort -n /run/in-flight | awk 'END { print $1 }')"
# After a pause it takes twice as much for a tenth of a second.
check_range "soon what it takes in $limit ms (bytes)" \
	1 $((12 << 20)) "$(cachefs_stat in_flight_limit_bytes)"
settle
check_range "and when the disk has caught up (bytes)" \
	1 $((8 << 20)) "$(cachefs_stat in_flight_limit_bytes)"
refused=$(cachefs_stat store_refused_bytes)
cat "$MNT/large2" > /dev/null
check_range "the rest is not stored (bytes)" $((1 << 20)) $((48 << 20)) \
	$(($(cachefs_stat store_refused_bytes) - refused))
check "the right bytes" same large
settle
nfs_umount
cachefs_detach

# 5. A disk that takes one request at a time, and 0.6 s for it: whoever has another
# one waits until it is taken.
limit=250
load configfs null_blk
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
narrow=/sys/kernel/config/nullb/narrow
mkdir "$narrow"
for setting in size=64 memory_backed=1 irqmode=2 completion_nsec=600000000 \
		submit_queues=1 hw_queue_depth=1 power=1; do
	echo "${setting#*=}" > "$narrow/${setting%=*}"
done
cachefs_attach /dev/narrow
dir=$(cachefs_dir)
nfs_mount
echo $limit > "$dir/max_in_flight_ms"
cat "$MNT"/f[1-9] > /dev/null
check_range "a disk takes one request at a time: pages are marked" 1 10000 \
	"$(cachefs_stat pages_marked)"
waited=$(milliseconds wait_for 60 no_marks)
check_range "but for twice the bound at most (ms)" 0 $((limit * 4)) "$waited"
check_range "the disk has most of them still (bytes)" $((1 << 20)) $((1 << 26)) \
	"$(cachefs_stat stores_in_flight_bytes)"
waited=$(milliseconds nfs_umount)
check_range "nor does umount wait for it (ms)" 0 $((limit * 4)) "$waited"
cachefs_detach
