#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# After an open, a read gives the same as NFS without a cache, whatever the server and
# other local processes did meanwhile.  Check random changes against a model, also while
# the cache's disk stands still now and then.  Then check the races one by one.
#
# bed: --smp 1 --disk-size cache:512M --disk-size srv:512M --timeout 900
# run: 6.1 long-form
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

load dm_mod
operations=1000
[ -z "$LONG" ] || operations=10000
on_debug_kernel && operations=200

# The server's disk can be stopped, so that a READ is answered late.
disk=$(readlink -f /dev/disk/srv)
dmsetup create --noudevsync srvdm \
	--table "0 $(blockdev --getsz "$disk") linear $disk 0"
dmsetup mknodes
ln -sf /dev/mapper/srvdm /dev/disk/srv
nfs_server_start
held_disk cachedm cache
ln -sf /dev/mapper/cachedm /dev/disk/cache
cachefs_load
# Names are looked up each time, because NFS itself would show old names for a while.
options=actimeo=1,lookupcache=none
nfs_mount "$options"

sum()		# FILE
{
	xxhsum -q -H2 < "$1"
}

same()		# NAME FILE
{
	check_equal "$1" "$(sum "$export_dir/$2")" "$(sum "$MNT/$2")"
}

# --- random

seed=${SEED:-$RANDOM}
mkdir "$export_dir/random"
# Run at most TRIES times, until something came from the cache, because the cache's disk
# may have stood still all the time.
random_changes()	# NAME OPERATIONS [TRIES]
{
	local output tries before hits=0

	before=$(cachefs_stat hit_bytes)
	for ((tries = ${3:-1}; tries > 0 && hits == 0; tries--)); do
		if output=$(python3 /bed/coherency.py "$export_dir/random" "$MNT/random" \
			    "$2" "$seed" 2>&1); then
			t_ok "$1, $output"
		else
			t_fail "$1" "$output"
			break
		fi
		hits=$(($(cachefs_stat hit_bytes) - before))
		seed=$((seed + 1))
	done
	echo "# $((hits >> 10)) KiB of hits"
	check "$1: there were hits" test $hits -gt 0
}

random_changes "random changes" $operations

# Use the default bounds, with which a slow disk is not waited for.  Now and then this
# disk does nothing for a while.
stand_still()	# until /run/stop is there
{
	while [ ! -e /run/stop ]; do
		hold cachedm
		sleep "$((RANDOM % 3)).$((RANDOM % 1000))"
		let_go cachedm
		sleep "$((RANDOM % 2)).$((RANDOM % 1000))"
	done
}

cachefs_defaults
random_changes "random changes, bounds in time" $((operations / 4))
stand_still &
stands=$!
random_changes "random changes, a disk that stands still at times" $((operations / 4)) 20
: > /run/stop
wait $stands
settle
echo "# $(cachefs_stat released_bytes) bytes given up, $(cachefs_stat bypassed_bytes) not asked for"
cachefs_patient

# --- a READ that is answered after the change has been noticed

# Newer servers (Linux 7.3) give back slots of their sessions at "drop_caches: 2", down to
# one slot.  Then a READ that waits would hold up all other requests.  A new mount has a
# new session.
nfs_umount
nfs_mount "$options"
fill "$export_dir/late" 2M 10
sync
echo 1 > /proc/sys/vm/drop_caches
stale=$(cachefs_stat stale_bytes)
stat "$export_dir/late" > /dev/null
python3 - "$MNT/late" <<-'END' &
	import os, sys, time
	fd = os.open(sys.argv[1], os.O_RDONLY)
	os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
	open("/run/late.open", "w")
	while not os.path.exists("/run/late.go"):
	    time.sleep(0.05)
	os.pread(fd, 4096, 0)
END
reader=$!
wait_for 120 test -e /run/late.open
dmsetup suspend --nolockfs --noflush srvdm
: > /run/late.go
wait_for 120 waits_for_page "$reader"
fill /run/page 4096 11
dd if=/run/page of="$export_dir/late" bs=4096 seek=256 conv=notrunc 2>/dev/null
sleep 1.2
stat "$MNT/late" > /dev/null	# now the client knows
exec 7< "$MNT/late"
exec 7<&-
dmsetup resume srvdm
wait "$reader"
settle
check_range "data asked for before a change is not stored after it (stale bytes)" \
	4096 $((64 << 20)) $(($(cachefs_stat stale_bytes) - stale))
drop_caches
same "and the file reads as it is" late

# --- open for writing, close, open for reading within ten seconds
#
# A server that has given a write delegation answers WRITEs without attributes.  NFS then
# learns the version that it made only at its next OPEN, and tells FS-Cache when that
# reader closes.  So if the inode stays in memory, this reader stores data of the version
# before, and the next reader asks the server again.

write_here()	# FILE
{
	fill "$export_dir/$1" 300000 20
	sum "$MNT/$1" > /dev/null
	settle
	printf 'changed' | dd of="$MNT/$1" bs=1 seek=5000 conv=notrunc 2>/dev/null
}

# An inode stays while its CLOSE or DELEGRETURN is under way.
inodes_gone()
{
	drop_caches
	[ -z "$(sed 1,2d /proc/fs/fscache/cookies)" ]
}

write_here kept
wait_for 60 file_settled "$export_dir/kept"
for i in 1 2; do
	echo 1 > /proc/sys/vm/drop_caches
	same "written here, only the pages dropped: read $i" kept
	settle
done
echo 1 > /proc/sys/vm/drop_caches
before=$(rpc_reads)
same "written here, only the pages dropped: read 3" kept
check_equal "which is from the cache" 0 $(($(rpc_reads) - before))

write_here rw
drop_caches
same "read-write close, then read-only open at once" rw
settle
write_here gone
wait_for 60 file_settled "$export_dir/gone"
wait_for 60 inodes_gone || t_die "inodes stay: $(cat /proc/fs/fscache/cookies)"
same "read-write close, then read-only open of a new inode" gone
settle
drop_caches
before=$(rpc_reads)
same "and again, warm" gone
check_equal "which is from the cache, too" 0 $(($(rpc_reads) - before))

# --- truncate(2) by name, of a file that nobody has open: FS-Cache is not told.
# --- truncate(1) is another thing, because it opens the file for writing.

truncate_by_name()	# FILE SIZE...
{
	python3 -c 'import os, sys
for size in sys.argv[2:]:
    os.truncate(sys.argv[1], int(size))' "$MNT/$1" "${@:2}"
}

fill "$export_dir/cut" 300000 25
sum "$MNT/cut" > /dev/null
settle
truncate_by_name cut 0 300000
wait_for 60 file_settled "$export_dir/cut"
same "cut to nothing and grown again, by name" cut
settle
drop_caches
same "read again" cut
settle
drop_caches
before=$(rpc_reads)
same "and again" cut
check_equal "from the cache" 0 $(($(rpc_reads) - before))

fill "$export_dir/end" 8000 26
sum "$MNT/end" > /dev/null
settle
drop_caches
truncate_by_name end 5000
python3 - "$MNT/end" <<-'END'
	import os, sys
	fd = os.open(sys.argv[1], os.O_RDONLY)
	os.pread(fd, 4096, 4096)
	fd = os.open(sys.argv[1], os.O_RDWR)
	os.pwrite(fd, b"behind", 9000)
	os.pwrite(fd, b"middle", 4200)
END
same "what was behind the new end does not come back" end

# --- two invalidations with the same coherency data: locking drops the data.
# --- Nothing has changed, so the cached data of the version counts.

fill "$export_dir/lock" 300000 30
sum "$MNT/lock" > /dev/null
settle
python3 - "$MNT/lock" <<-'END'
	import fcntl, os, sys
	fd = os.open(sys.argv[1], os.O_RDWR)
	for i in range(2):
	    fcntl.lockf(fd, fcntl.LOCK_EX)
	    fcntl.lockf(fd, fcntl.LOCK_UN)
	os.close(fd)
END
drop_caches
before=$(rpc_reads)
same "after two invalidations that keep the version" lock
check_equal "with no READ" 0 $(($(rpc_reads) - before))

# --- an invalidation while nobody has the file open, before and after
# --- FS-Cache has let go of it (10 seconds)

for wait in 1 12; do
	fill "$export_dir/closed" 300000 $((40 + wait))
	sum "$MNT/closed" > /dev/null
	settle
	[ "$wait" = 1 ] || wait_for 120 no_objects
	sleep 1
	fill "$export_dir/closed" 300000 $((50 + wait))
	sleep 1.2
	stat "$MNT/closed" > /dev/null
	drop_caches
	same "changed $wait s after the close, noticed while closed" closed
done

# --- one process holds a file open for reading, and another process writes to it

fill "$export_dir/shared" 300000 60
exec 8< "$MNT/shared"
head -c 50000 <&8 > /dev/null
printf 'changed' | dd of="$MNT/shared" bs=1 seek=100000 conv=notrunc 2>/dev/null
drop_caches
same "written while held open for reading" shared
exec 8<&-
drop_caches
same "and after that was closed" shared

# --- a file that is cached in part

fill "$export_dir/part" 4M 70
python3 - "$MNT/part" <<-'END'
	import os, sys
	fd = os.open(sys.argv[1], os.O_RDONLY)
	os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
	for at in range(0, 4 << 20, 5 * 4096):
	    os.pread(fd, 4096, at)
END
settle
drop_caches
same "a file that is cached in part" part
# Missing blocks in one folio with cached blocks are stored if the server's part ends
# last.
for ((tries = 20; tries > 0; tries--)); do
	settle
	drop_caches
	before=$(rpc_reads)
	[ "$(sum "$MNT/part")" = "$(sum "$export_dir/part")" ] || break
	[ "$(rpc_reads)" != "$before" ] || break
done
same "is cached as a whole after that" part
check_equal "with no READ for it" 0 $(($(rpc_reads) - before))

# --- bad blocks on the cache's disk

nfs_umount
cachefs_unload
expect_log "checksum mismatch"
cachefs_damage "$export_dir/part" $((2 * 1048576 + 7 * 4096))
cachefs_load
nfs_mount "$options"
drop_caches
same "one bad block in the middle of a file" part
check_range "is counted" 1 2 "$(cachefs_stat checksum_errors)"
check_range "and costs few READs" 1 12 "$(rpc_reads)"
nfs_umount

# NFS asks for whole units of rsize, and two of them end where this file does.
fill "$export_dir/small" 2048 30
wait_for 60 file_settled "$export_dir/small"
nfs_mount rsize=1024
cat "$MNT/small" > /dev/null
settle
nfs_umount
cachefs_unload
cachefs_damage "$export_dir/small" 0
cachefs_load
nfs_mount rsize=1024
check_ends "a bad block at the end of a file, with an rsize below a page" cat "$MNT/small"
same "and its bytes" small
check_range "and it costs few READs" 1 6 "$(rpc_reads)"
nfs_umount
check_equal "no page stays marked" 0 "$(cachefs_stat pages_marked)"
