#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Two clients of one server.  One client changes files.  The other client opens them anew,
# and sees the same as a client without a cache.  This also holds if the link fails in the
# midst of reads and stores, for longer than the lease, and if the server begins anew,
# with and without a grace period, while opens, delegations and locks are held.  In these
# cases files are compared once no inode is in memory.  Files that have not changed
# meanwhile cost no READ afterwards.
#
# bed: --smp 1 --disk-size cache:128M --disk-size srv:256M --timeout 900
# run: slow sleeps all:debug long-form
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

operations=400
[ -z "$LONG" ] || operations=5000
on_debug_kernel && operations=100
seed=${SEED:-$RANDOM}

# To the server, each minor version of NFSv4 is a client of its own.  $here and $there
# have a cache.  $plain has none.  $two is a machine of its own, with another link.
load dm_mod
nfs_server_start
held_disk cachedm cache
cachefs_load /dev/mapper/cachedm
here=$MNT there=/mnt/there plain=/mnt/plain two=/mnt/two
mkdir $there $plain $two
options=actimeo=1,lookupcache=none

mount_cached()
{
	nfs_mount $options
	mount -t nfs -o fsc,vers=4.0,$options "$server:$export_dir" $there
}

umount_cached()
{
	umount $here $there
}

mount_cached
mount -t nfs -o vers=4.1,$options "$server:$export_dir" $plain
ip netns add two
ip link add nfs-two netns two type veth peer name nfs-two netns srv
ip -n srv addr add 10.97.0.1/24 dev nfs-two
ip -n srv link set nfs-two up
ip -n two addr add 10.97.0.2/24 dev nfs-two
ip -n two link set nfs-two up
nsenter --net=/run/netns/two unshare --uts bash -c "
	hostname two
	mount -t nfs -o vers=4.2,$options 10.97.0.1:$export_dir $two" ||
	t_die "no mount in another network"

# Check that readers that open files anew see the same with and without a cache.
same()		# NAME DIR
{
	local wanted

	wanted=$(tree_sum "$export_dir/$2")
	check_equal "$1: a client without a cache" "$wanted" "$(tree_sum "$plain/$2")"
	check_equal "$1: a client with one" "$wanted" "$(tree_sum "$here/$2")"
	check_equal "$1: and another one" "$wanted" "$(tree_sum "$there/$2")"
}

reads_sent()
{
	echo $(($(rpc_reads $here) + $(rpc_reads $there)))
}

all_settled()	# DIR
{
	local last

	last=$(stat -c %Z "$export_dir/$1"/* | sort -n | tail -n 1)
	[ $(($(date +%s) - last)) -gt 3 ]
}

# Read until all is cached.  This takes two opens in a row, and more for inodes that are
# still in use.
make_warm()	# NAME DIR
{
	local i reads

	wait_for 60 all_settled "$2"
	for i in 1 2 3 4; do
		drop_caches
		reads=$(reads_sent)
		same "$1, reading $i" "$2"
		settle
		[ "$(reads_sent)" != "$reads" ] || break
	done
	check_equal "$1: soon all is cached (READ)" 0 $(($(reads_sent) - reads))
}

still_warm()	# NAME DIR
{
	local reads

	drop_caches
	reads=$(reads_sent)
	same "$1, unchanged" "$2"
	check_equal "$1, unchanged: no READ" 0 $(($(reads_sent) - reads))
}

# --- one client changes files, the other client reads

random_changes()	# NAME CHANGES READS
{
	local output hits

	hits=$(cachefs_stat hit_bytes)
	if output=$(python3 /bed/coherency.py "$2/random" "$3/random" "$operations" \
		    "$seed" 2>&1); then
		t_ok "$1, $output"
	else
		t_fail "$1" "${output//$'\n'/; }"
	fi
	hits=$(($(cachefs_stat hit_bytes) - hits))
	check_range "$1: bytes from the cache" 1 $((1 << 40)) $hits
	seed=$((seed + 1))
}

mkdir "$export_dir/random"
random_changes "two clients, one has a cache" $two $here
random_changes "two clients, both have a cache" $there $here
make_warm "files that two clients have changed" random

# --- the link fails in the midst of reads and stores

fill_many "$export_dir/calm" 5 70000 1
fill_many "$export_dir/loss" 6 700000 2
make_warm "what will not change" calm

change_through()	# MOUNT DIR: each file in another way, some keep their size
{
	python3 - "$1/$2" <<-'END'
	import os, sys
	files = sorted(os.path.join(sys.argv[1], name) for name in os.listdir(sys.argv[1]))
	for i, name in enumerate(files):
	    size = os.stat(name).st_size
	    if i % 4 == 0:
	        with open(name, "r+b") as file:
	            file.seek(size // 2)
	            file.write(os.urandom(5000))
	    elif i % 4 == 1:
	        os.truncate(name, size // 3)
	        os.truncate(name, size)
	    elif i % 4 == 2:
	        with open(name, "ab") as file:
	            file.write(os.urandom(5000))
	    else:
	        with open(name + ".new", "wb") as file:
	            file.write(os.urandom(size))
	        os.rename(name + ".new", name)
	END
}

has_read()	# BYTES
{
	[ "$(nfs_read_bytes $here)" -gt "$1" ]
}

before_drop()	# DIR: for the reader of the log
{
	local mount

	for mount in $plain $here $there; do
		[ "$(tree_sum "$mount/$1")" = "$(tree_sum "$export_dir/$1")" ] ||
			echo "# $mount does not know of all changes yet"
	done
}

# The server takes back the state of a client that is silent for longer than its lease,
# ten seconds.  $two waits for that when it wants to write.  A client does not know at
# once that it has lost a delegation, and its reader may end with an error, with or
# without a cache.  So files are compared when no inode is in memory any more.
link_fails()	# NAME SECONDS
{
	local reader other begin

	hold cachedm
	tc qdisc replace dev nfs-client root netem rate 20mbit
	ip netns exec srv tc qdisc replace dev nfs-server root netem rate 20mbit
	drop_caches
	begin=$(nfs_read_bytes $here)
	cat $plain/loss/* > /dev/null &
	other=$!
	cat $here/loss/* > /dev/null &
	reader=$!
	wait_for 60 has_read $((begin + 500000)) || t_die "$1: nothing is read"
	tc qdisc replace dev nfs-client root netem loss 100%
	check "$1: stores are in flight" test "$(cachefs_stat stores_in_flight_bytes)" -gt 0
	check "$1: the reader waits" kill -0 $reader
	sleep "$2"
	check_ends "$1: another client changes the files" change_through $two loss
	let_go cachedm
	net_unshape
	check "$1: the readers end" wait_for 900 has_ended $reader
	wait_for 900 has_ended $other || t_die "a reader without a cache does not end"
	settle
	before_drop loss
	drop_caches
	same "$1: what was changed meanwhile" loss
	still_warm "$1" calm
	make_warm "$1: what was changed meanwhile" loss
}

link_fails "a link that fails for a moment" 1
change_through $export_dir loss
link_fails "a link that fails for longer than the lease" 15

# --- the server begins anew

# Hold one file open for reading, and so a delegation, and another file for writing, with
# a lock and bytes that the server does not have yet, until /run/go is there.  If the lock
# is lost, NFS lets no process write to the file.
holder()
{
	python3 - $here/held <<-'END'
	import fcntl, os, sys, time
	first = os.open(sys.argv[1] + "/f00000", os.O_RDONLY)
	os.pread(first, 100000, 0)
	second = os.open(sys.argv[1] + "/f00001", os.O_RDWR)
	fcntl.lockf(second, fcntl.LOCK_EX)
	os.pwrite(second, b"held" * 1000, 5000)
	open("/run/held", "w")
	while not os.path.exists("/run/go"):
	    time.sleep(0.1)
	try:
	    os.pwrite(second, b"went on" * 1000, 20000)
	    os.fsync(second)
	    os.close(second)
	except OSError as error:
	    print("the lock was lost:", error.strerror)
	END
}

begin_anew()	# NAME: /run/grace is there if there is to be a grace period
{
	local holder changes

	rm -rf "$export_dir/held" "$export_dir/down" /run/held /run/go
	fill_many "$export_dir/held" 3 70000 3
	fill_many "$export_dir/down" 6 70000 4
	make_warm "before $1: what will change" down
	make_warm "before $1: what will be held" held
	# Hold nothing of the files that will change while there is no server.
	umount_cached
	mount_cached
	holder > /run/holder &
	holder=$!
	wait_for 60 test -e /run/held || t_die "$1: no file is held"
	srv_exec rpc.nfsd 0
	change_through "$export_dir" down
	srv_exec rpc.nfsd -N 3 8
	[ -e /run/grace ] || check "$1: the grace period is over" \
		srv_exec bash -c 'echo Y > /proc/fs/nfsd/v4_end_grace'
	# This opens a file, so it waits for the end of the grace period.
	dd if=/dev/urandom of=$two/held/f00000 bs=5000 seek=2 count=1 conv=notrunc status=none &
	changes=$!
	check_done "$1: another client changes a file that is held" $changes
	: > /run/go
	check_done "$1: who holds files goes on" $holder
	cat /run/holder
	before_drop held
	drop_caches
	same "$1: what changed while there was no server" down
	same "$1: what was held" held
	still_warm "$1" calm
	make_warm "$1: what changed while there was no server" down
	make_warm "$1: what was held" held
}

: > /run/grace
begin_anew "a server that begins anew"
rm /run/grace
begin_anew "a server that begins anew, without a grace period"

umount_cached
check_equal "no page stays marked" 0 "$(cachefs_stat pages_marked)"
check "no object stays open" wait_for 60 no_objects
for error in read write checksum; do
	check_equal "$error errors" 0 "$(cachefs_stat ${error}_errors)"
done
umount $plain $two
cachefs_unload
