#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A version of a file stays the same.  Opens for writing, locks, creates and invalidations
# cost nothing, and leave cached data as it is.  Files that have changed are warm again
# from the second read on.  If only times tell versions apart, two changes within one tick
# of the server's clock are no danger.
#
# bed: --smp 1 --disk-size cache:48M --disk-size srv:512M --timeout 900
# run: 6.1
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

# A file system whose times are whole seconds.
mkfs.ext4 -q -I 128 /dev/disk/srv 2>/dev/null
nfs_server_start
cachefs_load
nfs_mount

warm()		# FILE: all of it is read from the cache, no READ is sent
{
	local reads

	settle
	drop_caches
	reads=$(rpc_reads)
	check "$what: the right bytes" cmp "$export_dir/$1" "$MNT/$1"
	check_equal "$what: no READ" 0 $(($(rpc_reads) - reads))
}

# --- operations that cost nothing

fill "$export_dir/warm" 20M 1
cat "$MNT/warm" > /dev/null
what="read before"
warm warm
settle
written=$(cachefs_stat device_written_bytes)
mkdir "$MNT/new"
what="2,000 creates, 1,000 opens for writing"
python3 - "$MNT" <<-'END'
	import os, sys
	mnt = sys.argv[1]
	for i in range(2000):
	    os.close(os.open("%s/new/%d" % (mnt, i), os.O_CREAT | os.O_WRONLY, 0o644))
	for i in range(1000):
	    os.close(os.open(mnt + "/warm", os.O_RDWR))
END
# Each locked read is of other bytes, which are not in memory yet.
drop_caches
reads=$(rpc_reads) hits=$(cachefs_stat hit_bytes)
python3 - "$MNT/warm" <<-'END'
	import fcntl, os, sys
	for i in range(200):
	    fd = os.open(sys.argv[1], os.O_RDONLY)
	    fcntl.flock(fd, fcntl.LOCK_SH)
	    assert len(os.pread(fd, 65536, i << 16)) == 65536
	    fcntl.flock(fd, fcntl.LOCK_UN)
	    os.close(fd)
END
check_equal "200 locked reads: no READ" 0 $(($(rpc_reads) - reads))
check_range "200 locked reads: bytes from the cache" $((200 << 16)) $((1 << 40)) \
	$(($(cachefs_stat hit_bytes) - hits))
what="$what, 200 locked reads"
# The end of the open region may have been due to be written.
sleep 6
settle
check_range "$what: bytes written to the disk" 0 16384 \
	$(($(cachefs_stat device_written_bytes) - written))
check_equal "$what: evicted bytes" 0 "$(cachefs_stat evicted_bytes)"
warm warm

# --- an ordinary change on the server, of which NFS tells FS-Cache twice

what="changed on the server, seen by stat first"
fill "$export_dir/echo" 1M 2
nfs_umount
nfs_mount actimeo=1
exec 5< "$MNT/echo"
cat <&5 > /dev/null
fill /run/new 4096 3
dd if=/run/new of="$export_dir/echo" bs=4096 seek=5 conv=notrunc 2>/dev/null
wait_for 60 file_settled "$export_dir/echo"
stat "$MNT/echo" > /dev/null
sleep 0.3
cat "$MNT/echo" > /dev/null
exec 5<&-
settle
nfs_umount
nfs_mount
warm echo

# --- many files that were changed, on the server and here

for where in "$export_dir" "$MNT"; do
	what="100 files changed in $where"
	fill_many "$where/many" 100 4096 4
	tree_sum "$MNT/many" > /dev/null
	settle
	fill_many "$where/many" 100 4096 5
	wait_for 60 file_settled "$export_dir/many/f00099"
	for i in 1 2; do
		drop_caches
		reads=$(rpc_reads)
		check_equal "$what: read $i, the right bytes" \
			"$(tree_sum "$export_dir/many")" "$(tree_sum "$MNT/many")"
		settle
	done
	check_equal "$what: the second time no READ" 0 $(($(rpc_reads) - reads))
	rm -r "$export_dir/many"
done
nfs_umount

# --- NFSv3, on a clock of whole seconds: two changes of the same size in a second

nfs_server_v3
mount_v3()
{
	mount -t nfs -o fsc,$v3_options \
		"$server:$export_dir" "$MNT"
}

fill /run/first 8192 6
fill /run/second 8192 7

# Set the clock back to the second $tick, and do something before that second has passed.
at_tick()	# read|cut FILE, or write FILE CONTENT
{
	python3 - "$tick" "$@" <<-'END'
		import os, sys, time
		tick, what, path = int(sys.argv[1]), *sys.argv[2:4]
		data = open(sys.argv[4], "rb").read() if what == "write" else b""
		time.clock_settime(time.CLOCK_REALTIME, tick)
		if what == "read":
		    open(path, "rb").read()
		elif what == "write":
		    with open(path, "wb") as file:
		        file.write(data)
		else:
		    os.truncate(path, 0)
		    os.truncate(path, 8192)
		sys.exit(time.time() >= tick + 1)
	END
}

# Change a file, read it, change it again, all in one second of the clock.
in_one_tick()	# COMMAND...: the second change, of $file
{
	local try before

	for try in $(seq 20); do
		file=tick-$1-$try
		mount_v3
		tick=$(date +%s)
		if at_tick write "$export_dir/$file" /run/first &&
		   before=$(stat -c '%Y %Z' "$export_dir/$file") &&
		   at_tick read "$MNT/$file" && settle && "$@"; then
			umount "$MNT"
			check_equal "$what: the times are the same" "$before" \
				"$(stat -c '%Y %Z' "$export_dir/$file")"
			return 0
		fi
		umount "$MNT"
	done
	t_die "no change within one second"
}

change_there()
{
	at_tick write "$export_dir/$file" /run/second
}

cut_here()
{
	at_tick cut "$MNT/$file"
}

for how in change_there cut_here; do
	what="NFSv3, changed twice in a second ($how)"
	in_one_tick $how
	wait_for 60 file_settled "$export_dir/$file"
	drop_caches
	mount_v3
	check "$what: the right bytes" cmp "$export_dir/$file" "$MNT/$file"
	warm "$file"
	umount "$MNT"
done
check_equal "no page stays marked" 0 "$(cachefs_stat pages_marked)"
