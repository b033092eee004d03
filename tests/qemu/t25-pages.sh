#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Do to a page all that the VM may do while the page is being stored, on a cache disk that
# does nothing meanwhile: truncate, invalidate, reclaim and migrate the page, and kill
# tasks that wait for it.  No wrong byte is served afterwards, no mark stays, and the
# kernel does not complain.
#
# bed: --disk-size cache:256M --disk-size srv:256M --timeout 500 --append cgroup_no_v1=all
# run: 6.1
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

held_disk slow cache

nfs_server_start
for i in 1 2 3 4 5 6 7 8 9; do
	fill "$export_dir/f$i" 400000 "$i"
	fill "$export_dir/large$i" 2M "2$i"
done
sync
load netfs fscache
[ ! -e /bed/cachefs.ko ] || insmod /bed/cachefs.ko
cachefs_attach /dev/mapper/slow
nfs_mount

marked()
{
	[ "$(cachefs_stat pages_marked)" -gt 0 ]
}

# Read a file, and do not let its store end.  Then its pages are marked.
begin()		# FILE WHAT
{
	what=$2
	hold slow
	cat "$MNT/$1" > /dev/null
	check "$what: there are marked pages" wait_for 60 marked
}

# Run a command that does something to marked pages.  It may wait for the store, and ends
# with the store.
during()	# COMMAND..., one process
{
	local pid

	"$@" > /run/during &
	pid=$!
	wait_for 60 waits_or_has_ended $pid || true
	let_go slow
	check_done "$what: that ends when the store does" $pid
}

# Kill a command while it waits for a mark.
kill_one()	# COMMAND...
{
	local pid

	"$@" > /run/during 2>&1 &
	pid=$!
	check "$what: a task that does that waits" wait_for 60 waits_for_page $pid
	kill -9 $pid
	let_go slow
	check_done "$what: and can be killed" $pid 137
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
during truncate -s 100000 "$MNT/f1"
truncate -s 300000 "$MNT/f1"
same f1

begin f2 "truncated by a task that is killed"
kill_one truncate -s 4096 "$MNT/f2"
same f2

begin f8 "to be dropped"
all_marked()
{
	[ "$(cachefs_stat pages_marked)" = 98 ]
}
check "$what: all pages are marked" wait_for 60 all_marked
pages=$(cachefs_stat pages_marked)
check_ends "$what: that does not wait for the disk" drop_caches
check_equal "$what: marked pages stay" "$pages" "$(cachefs_stat pages_marked)"
let_go slow
same f8

begin f3 "invalidated"
fill "$export_dir/f3" 400000 33
during cat "$MNT/f3"
check "$what: who caused it has the right bytes" cmp "$export_dir/f3" /run/during
same f3

begin f4 "invalidated by a task that is killed"
fill "$export_dir/f4" 400000 44
kill_one cat "$MNT/f4"
same f4

begin f5 "removed and made again"
during rm "$MNT/f5"
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
	group=/sys/fs/cgroup/reader
	read_in_group()	# FILE...
	{
		(echo "$BASHPID" > $group/cgroup.procs
		 exec cat "$@") > /dev/null
	}
	hold slow
	read_in_group "$MNT/f6" "$MNT/f7"
	check "$what: there are marked pages" marked
	# EAGAIN: not all of it could be reclaimed.
	during eval "echo 2M > $group/memory.reclaim || true"
	settle
	echo 500K 2>/dev/null > $group/memory.reclaim || true
	check "$what: something was" grep -q '^pgsteal [1-9]' $group/memory.stat
	check "$what: a reader at the limit gets on" read_in_group "$MNT"/large*
	check "$what: it was at the limit" grep -q '^max [1-9]' $group/memory.events
	check_equal "$what: no OOM kill" 0 "$(awk '$1 == "oom_kill" { print $2 }' \
		$group/memory.events)"
	same f6
	same large1
	same large9
else
	t_skip "$what" "no memory controller"
fi

# Migration waits for the mark of a page that it was told to move, and then moves the
# page.  If the kernel cannot be told which page to move, compaction moves some page at
# least.
migrate=/sys/devices/system/memory/soft_offline_page

# Map the first page of a file.  Print the address of the page in memory, now and after
# the page was moved.
map_page()	# FILE
{
	exec python3 -c '
import ctypes, os, sys, time
fd = os.open(sys.argv[1], os.O_RDONLY)
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int,
                      ctypes.c_int, ctypes.c_long]
address = libc.mmap(None, 4096, 1, 2, fd, 0)
def frame():
    ctypes.string_at(address, 1)
    with open("/proc/self/pagemap", "rb") as pagemap:
        pagemap.seek(address // 4096 * 8)
        return int.from_bytes(pagemap.read(8), "little") & ((1 << 55) - 1)
print(hex(frame() * 4096), flush=True)
while not os.path.exists("/run/migrated"):
    time.sleep(0.1)
print(hex(frame() * 4096), flush=True)' "$1"
}

migrated_pages()
{
	awk '$1 == "pgmigrate_success" { print $2 }' /proc/vmstat
}

# A file of one page, so that the kernel does not have to split a folio.
fill "$export_dir/f9" 4096 99
settle
begin f9 "migrated"
before=$(migrated_pages)
if [ -e $migrate ]; then
	map_page "$MNT/f9" > /run/frames &
	maps=$!
	wait_for 60 test -s /run/frames || t_die "no page mapped"
	during eval "read -r frame < /run/frames; echo \$frame > $migrate"
	: > /run/migrated
	wait $maps
	check "$what: the page is elsewhere" \
		test "$(sort -u /run/frames | wc -l)" = 2
else
	during eval 'echo 1 > /proc/sys/vm/compact_memory'
fi
check "$what: the kernel says so" test "$(migrated_pages)" -gt "$before"
same f9

# The mount goes away while stores are under way.
for i in 1 2 3 4; do fill "$export_dir/last$i" 200000 "9$i"; done
settle
what="unmounted"
hold slow
cat "$MNT"/last? > /dev/null
check "$what: there are marked pages" marked
during umount -i "$MNT"
settle
check_equal "no page stays marked" 0 "$(cachefs_stat pages_marked)"
check_equal "nothing in flight" 0 "$(cachefs_stat stores_in_flight_bytes)"
check_equal "no checksum error" 0 "$(cachefs_stat checksum_errors)"
cachefs_detach
check "the slow disk is released" dmsetup remove --noudevsync slow
