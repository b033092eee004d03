#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the VM may do to a page while it is being stored, on a cache disk where
# each write takes three seconds: truncate it, invalidate it, reclaim it,
# migrate it, and kill who waits for it.  No wrong byte is served afterwards, no
# mark stays, and the kernel has nothing to say.
#
# bed: --disk-size cache:256M --disk-size srv:256M --timeout 500 --append cgroup_no_v1=all
# run: 6.1 debug
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

load dm_mod dm_delay
disk=$(readlink -f /dev/disk/cache)
sectors=$(blockdev --getsz "$disk")
cachefs_load
cachefs_unload
dmsetup create --noudevsync slow \
	--table "0 $sectors delay $disk 0 0 $disk 0 3000"
dmsetup mknodes

nfs_server_start
for i in 1 2 3 4 5 6 7 8 9; do
	fill "$export_dir/f$i" 400000 "$i"
done
sync
[ ! -e /bed/cachefs.ko ] || insmod /bed/cachefs.ko
cachefs_attach /dev/mapper/slow
nfs_mount

marked()
{
	[ "$(cachefs_stat pages_marked)" -gt 0 ]
}

# Read a file and have it stored; then it is marked.
begin()		# FILE WHAT
{
	what=$2
	settle
	cat "$MNT/$1" > /dev/null
	check "$what: there are marked pages" marked
}

# Run a command in the background, and kill it while it waits for a mark.
kill_one()	# WHAT COMMAND...
{
	local name="$1: a task that does that can be killed" pid status=0

	shift
	"$@" > /dev/null 2>&1 &
	pid=$!
	sleep 0.5
	kill -9 "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || status=$?
	# It may also have been done by then.
	check_range "$name" 0 137 "$status"
}

same()		# FILE
{
	local i

	for i in 1 2; do
		settle
		drop_caches
		check_equal "$what: the right bytes, read $i" \
			"$(xxhsum -q -H2 < "$export_dir/$1")" \
			"$(xxhsum -q -H2 < "$MNT/$1")"
	done
}

begin f1 "truncated"
truncate -s 100000 "$MNT/f1"
truncate -s 300000 "$MNT/f1"
same f1

begin f2 "truncated by a task that is killed"
kill_one "$what" truncate -s 4096 "$MNT/f2"
same f2

begin f3 "invalidated"
drop_caches
same f3

begin f4 "changed on the server and read again"
fill "$export_dir/f4" 400000 44
sleep 0.2
kill_one "$what" cat "$MNT/f4"
sleep 4
same f4

begin f5 "removed and made again"
rm "$MNT/f5"
fill "$MNT/f5" 300000 55
same f5

# Reclaim by a memory cgroup at its limit, with the pages in it.
what="reclaimed"
mkdir -p /sys/fs/cgroup
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup
if grep -q memory /sys/fs/cgroup/cgroup.controllers; then
	echo +memory > /sys/fs/cgroup/cgroup.subtree_control
	mkdir /sys/fs/cgroup/reader
	echo 3M > /sys/fs/cgroup/reader/memory.max
	settle
	(echo "$BASHPID" > /sys/fs/cgroup/reader/cgroup.procs
	 exec cat "$MNT/f6" "$MNT/f7" "$MNT/f8") > /dev/null
	check "$what: there are marked pages" marked
	[ ! -e /sys/fs/cgroup/reader/memory.reclaim ] ||
		echo 2M 2>/dev/null > /sys/fs/cgroup/reader/memory.reclaim ||
			true	# EAGAIN: not all of it could be
	check_equal "$what: no OOM kill" 0 "$(awk '$1 == "oom_kill" { print $2 }' \
		/sys/fs/cgroup/reader/memory.events)"
	same f6
	same f8
else
	t_skip "$what" "no memory controller"
fi

# Migration: compaction moves what it can, and cannot move what is marked.
compact()
{
	echo 1 > /proc/sys/vm/compact_memory
}

begin f9 "migrated"
if [ -e /proc/sys/vm/compact_memory ]; then
	check "$what: compaction comes to an end" compact
fi
same f9

# The mount goes away with all of it under way.
for i in 1 2 3 4; do fill "$export_dir/last$i" 200000 "9$i"; done
cat "$MNT"/last? > /dev/null
nfs_umount
settle
check_equal "no page stays marked" 0 "$(cachefs_stat pages_marked)"
check_equal "nothing in flight" 0 "$(cachefs_stat stores_in_flight_bytes)"
check_equal "no checksum error" 0 "$(cachefs_stat checksum_errors)"
cachefs_detach
check "the slow disk is released" dmsetup remove --noudevsync slow
