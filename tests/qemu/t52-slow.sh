#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A cache disk that is slow or does not answer delays only tasks that have asked it
# already.  Stores in flight to the disk are bounded in bytes and in time.  A page is
# marked no longer than that.  Reads go to the server.
#
# bed: --disk-size cache:256M --disk-size srv:512M --disk-size five:256M --rate five:5000000 --timeout 500
# run: all:debug
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

# Print a table of the disk in which reads and writes take so many milliseconds.
delays()	# READ WRITE: a table
{
	echo "0 $sectors delay $disk 0 $1 $disk 0 $2"
}

set_delays()	# READ WRITE
{
	delays "$1" "$2" | exchange_table slow
}

same()		# FILE: are its bytes right?
{
	[ "$(xxhsum -q -H2 < "$export_dir/$1")" = "$(xxhsum -q -H2 < "$MNT/$1")" ]
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

# 1. The marks, on a disk that does nothing.  A task that waits for a page waits no longer
# than max_in_flight_ms.
nfs_mount
echo 0 > "$dir/max_in_flight_ms"
hold slow
python3 /bed/markprobe.py "$MNT/f1" 0 fault > /run/probe &
probe=$!
wait_for 120 grep -q marked /run/probe || true
check_equal "the page is marked" "marked 1" "$(grep marked /run/probe)"
check "without a bound a write fault waits" wait_for 60 waits_for_page $probe
echo $limit > "$dir/max_in_flight_ms"
check "with a bound it ends, while the disk does nothing" \
	wait_for 120 grep -q after /run/probe
wait $probe
cat "$MNT/f2" "$MNT/f3" > /dev/null
check_ends "and so does a write to the server" dd of="$MNT/f3" conv=notrunc,fsync bs=8 \
	count=1 if=/dev/zero status=none
exec 5< "$MNT/f4"
cat <&5 > /dev/null
fill "$export_dir/f4" 256K 30
check_ends "and an invalidation" cat "$MNT/f4"
exec 5<&-
check "with the right bytes" same f4
cat "$MNT/f5" > /dev/null
check_ends "and umount" nfs_umount
check "no page stays marked" wait_for 60 no_marks
check_range "the statistics say so" 1 $((1 << 30)) "$(cachefs_stat released_bytes)"
check_range "and that the disk has them still" 1 $((1 << 26)) \
	"$(cachefs_stat stores_in_flight_bytes)"
let_go slow
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

# 2. A disk that does not answer at all, for more than ten times read_bypass_ms.
echo 100 > "$dir/read_bypass_ms"
drop_caches
asked=$(cachefs_stat device_read_bytes)
hold slow
cat "$MNT/f1" > /run/f1 &
reader=$!
has_been_asked()
{
	[ "$(cachefs_stat device_read_bytes)" != "$asked" ]
}
wait_for 60 has_been_asked || t_die "the disk is not asked"
sleep 2
bypassed=$(cachefs_stat bypassed_bytes)
for i in 2 3 4 5; do
	check "while the disk hangs: the right bytes of f$i" timeout 120 \
		cmp "$export_dir/f$i" "$MNT/f$i"
done
check_range "from the server, though they are cached (bytes)" \
	$((3 * 256 * 1024)) $((1 << 30)) $(($(cachefs_stat bypassed_bytes) - bypassed))
# On 6.1 the disk does not read into the reader's pages, so the reader need not wait.
case $(uname -r) in
6.1.*)	check "who waited for the disk goes on without" \
		wait_for 60 has_ended $reader ;;
esac
let_go slow
wait $reader
check "who waited for the disk gets the right bytes" cmp "$export_dir/f1" /run/f1
settle
check "when it answers again it is used again" wait_for 300 warm
check "the right bytes" same f2
check_equal "the disk is healthy" active "$(cat "$dir/state")"

# 3. A disk that is slower than the server.
latency_count()	# HISTOGRAM FIRST: what it has in its buckets, from this one on
{
	cut -d ' ' -f "$2-" "$dir/latency/$1" | tr ' ' '\n' | awk '{ n += $1 } END { print n }'
}
# Reads from the 20th bucket on took at least 2^18 us.
slow=$(latency_count device_reads 20)
total=$(cat "$dir/latency/device_reads_total_us")
set_delays 500 0
from_the_server()	# all that is cached of these
{
	local before

	drop_caches
	before=$(cachefs_stat bypassed_bytes)
	cat "$MNT"/f[1-4] > /dev/null
	[ $(($(cachefs_stat bypassed_bytes) - before)) -gt $((3 * 256 * 1024)) ]
}
check "a slow disk is not asked if the server is faster" wait_for 120 from_the_server
check_range "which the statistics explain: a read of the disk (us)" \
	100000 $((1 << 30)) "$(cachefs_stat device_read_us)"
check_range "against one of the server (us)" \
	1 "$(cachefs_stat device_read_us)" "$(cachefs_stat server_read_us)"
slow=$(($(latency_count device_reads 20) - slow))
check_range "the histogram has its slow reads" 1 1000000 "$slow"
check_range "and their time (us)" $((slow << 18)) $((1 << 40)) \
	$(($(cat "$dir/latency/device_reads_total_us") - total))
check_range "reads of the server have one, too" 1 1000000 \
	"$(latency_count server_reads 1)"
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
check "when it is fast again it is used again" wait_for 300 warm
nfs_umount
cachefs_detach
check "the disk is released" dmsetup remove --noudevsync slow

# 4. A disk that takes 5 MB/s, while the server gives much more.
held_disk five five
cachefs_attach /dev/mapper/five
dir=$(cachefs_dir)
echo $limit > "$dir/max_in_flight_ms"
echo 0 > "$dir/read_bypass_ms"
nfs_mount
in_flight_limit()
{
	cachefs_stat in_flight_limit_bytes
}
# The limit is measured while there is enough to write.  A server may be slower than the
# disk, so the disk begins when the server has given all.
measured()	# MOST
{
	touch "$export_dir/large"
	drop_caches
	hold five
	cat "$MNT/large" > /dev/null
	let_go five
	settle
	[ "$(in_flight_limit)" -le "$1" ]
}
# After a pause the disk takes twice as much for a tenth of a second.
check "soon no more is in flight than it takes in $limit ms" \
	wait_for 120 measured $((12 << 20))
# While the disk does nothing, nothing is measured, so the limit stays exactly the same.
touch "$export_dir/large"
cat "$export_dir/large" "$export_dir/large2" > /dev/null
drop_caches
hold five
bound=$(in_flight_limit)
refused=$(cachefs_stat store_refused_bytes)
cat "$MNT/large" "$MNT/large2" > /dev/null
in_flight=$(cachefs_stat stores_in_flight_bytes)
echo "# of 96 MiB $in_flight in flight, limit $bound"
check_equal "the limit is what it was" "$bound" "$(in_flight_limit)"
check_range "in flight to it: no more than that (bytes)" 1 "$bound" "$in_flight"
check_equal "the rest is not stored (bytes)" $(((96 << 20) - in_flight)) \
	$(($(cachefs_stat store_refused_bytes) - refused))
let_go five
check "the right bytes" same large
settle
nfs_umount
cachefs_detach
check "this disk is released" dmsetup remove --noudevsync five

# 5. A disk that has room for four requests and does nothing.  The task that submits
# another request waits, and no other task waits for that task.
held_disk backing cache
load loop
loop=$(losetup --find --show --direct-io=on /dev/mapper/backing)
cachefs_attach "$loop"
echo 4 > "/sys/block/${loop##*/}/queue/nr_requests"
dir=$(cachefs_dir)
nfs_mount
touch "$export_dir"/f*
hold backing
echo 0 > "$dir/max_in_flight_ms"
check_ends "a disk without room for requests: readers do not wait" cat "$MNT"/f[1-9]
check "and pages are marked" wait_for 60 eval '[ "$(cachefs_stat pages_marked)" -gt 0 ]'
in_flight=$((9 * 256 * 1024))
check "all of it in flight" wait_for 60 eval \
	'[ "$(cachefs_stat stores_in_flight_bytes)" = "$in_flight" ]'
echo $limit > "$dir/max_in_flight_ms"
check "with a bound they give their pages back" wait_for 60 no_marks
check_ends "nor does umount wait" nfs_umount
check_range "the disk has them still (bytes)" "$in_flight" $((1 << 26)) \
	"$(cachefs_stat stores_in_flight_bytes)"
let_go backing
settle
cachefs_detach
losetup -d "$loop"
check "the disk under it is released" wait_for 60 dmsetup remove --noudevsync backing

# 6. A container that may hardly read the disk.  The cache's reads are not counted as the
# container's reads.  With the limit these files would take nine minutes.
mkdir /run/cgroup
mount -t cgroup2 none /run/cgroup
echo +io > /run/cgroup/cgroup.subtree_control || t_die "no io controller"
mkdir /run/cgroup/slow
cachefs_attach "$disk"
nfs_mount
cat "$MNT"/f[1-9] > /dev/null
settle
drop_caches
echo "$(lsblk -dnro MAJ:MIN "$disk") rbps=4096" > /run/cgroup/slow/io.max
reads=$(rpc_reads)
in_container()	# COMMAND...
{
	echo "$BASHPID" > /run/cgroup/slow/cgroup.procs
	"$@"
}
check_ends "a container with a limit: its reads are not held up" \
	in_container cat "$MNT"/f[1-9]
check_equal "a container with a limit: it reads from the cache" "$reads" "$(rpc_reads)"
nfs_umount
cachefs_detach
