#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The second part of a guest's init: it runs /bed/script and reports how the script ended.

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LC_ALL=C.UTF-8 TERM=dumb

mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs -o mode=755 run /run
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=755 mnt /mnt
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
ln -sf /proc/self/fd /dev/fd
ln -sf fd/0 /dev/stdin
ln -sf fd/1 /dev/stdout
ln -sf fd/2 /dev/stderr
hostname cachefs-guest
ip link set lo up
# The first connection makes the kernel change its own code.  Emulated processors do not
# always see the change at the right moment, so only one of them makes the connection.
taskset -c 0 bash -c ': < /dev/tcp/127.0.0.1/9' 2>/dev/null

# Name the disks and ports as the host named them.
mkdir -p /dev/disk /dev/virtio-ports
for serial in /sys/block/vd*/serial; do
	read -r name < "$serial" || [ "$name" ] || continue
	device=${serial%/serial}
	[ "$name" ] && ln -sf "../${device##*/}" "/dev/disk/$name"
done
for file in /sys/class/virtio-ports/*/name; do
	[ -e "$file" ] || continue
	port=${file%/name}
	ln -sf "../${port##*/}" "/dev/virtio-ports/$(< "$file")"
done

# An emulated processor on a busy machine stands still for seconds at a time.
for setting in kernel/watchdog_thresh=30 kernel/hung_task_timeout_secs=240 \
	       kernel/printk_devkmsg=on kernel/panic_on_oops=0; do
	file=/proc/sys/${setting%=*}
	[ -e "$file" ] && echo "${setting#*=}" > "$file"
done

# Remove things that a script may have left.  Are all of them gone?  $left names the rest.
is_clean()
{
	local name path

	for name in /sys/block/dm-*/dm/name; do
		[ ! -e "$name" ] || dmsetup remove --noudevsync "$(< "$name")" 2>/dev/null
	done
	[ ! -d /sys/module/cachefs ] || rmmod cachefs 2>/dev/null
	ip link del nfs-client 2>/dev/null
	left=""
	for path in /sys/class/net/nfs-client /sys/module/cachefs/initstate /sys/block/dm-*; do
		[ ! -e "$path" ] || left+=" $path"
	done
	[ -z "$left" ]
}

# Run one script in clean surroundings.  Its mounts are its own, and none of its processes
# outlives it.  An NFS server ends before its processes do.
# shellcheck disable=SC2016 # for the other bash
surroundings='
	for dir in /run /tmp /mnt /var/lib/nfs; do
		mount -t tmpfs -o mode=1777 own "$dir"
	done
	bash /bed/script </dev/null
	status=$?
	for name in /sys/block/dm-*/dm/name; do
		[ ! -e "$name" ] || dmsetup resume --noudevsync "$(< "$name")"
	done
	umount -a -t nfs,nfs4 || umount -l -a -t nfs,nfs4
	[ ! -s /run/srv.pid ] || nsenter -t "$(< /run/srv.pid)" -n -m rpc.nfsd 0
	exit "$status"'

# Run all scripts, each with its own disks.
in_turn()
{
	local nr=1 all=0 link name tries

	while :; do
		if [ "$nr" != 1 ]; then
			cp "/bed/script.$nr" /bed/script
			cp "/bed/name.$nr" /bed/name
			for link in /dev/disk/*; do
				[[ $link == */s[0-9].* ]] || rm "$link"
			done
			for link in /dev/disk/s"$nr".*; do
				[ ! -e "$link" ] || cp -d "$link" "/dev/disk/${link#*/s"$nr".}"
			done
		fi
		read -r name < /bed/name
		echo "# $name"
		echo "bed: $name" > /dev/kmsg
		unshare --mount --pid --fork --kill-child --mount-proc \
			bash -c "$surroundings" || all=1
		nr=$((nr + 1))
		[ -e "/bed/script.$nr" ] || break
		tries=0
		until is_clean; do
			tries=$((tries + 1))
			if [ "$tries" = 300 ]; then
				echo "not ok bed - $name has left$left"
				return 1
			fi
			sleep 0.2
		done
		echo 0 > /sys/kernel/tracing/events/enable 2>/dev/null
		: > /sys/kernel/tracing/trace
		dmesg --clear
	done
	return "$all"
}

set -a
# shellcheck disable=SC1091 # made by tests/bed/guest
. /bed/environment
set +a
read -r -a arguments < /bed/arguments
cd /root || exit
echo "bed: the script begins" > /dev/kmsg
if [ ! -e /bed/script.2 ]; then
	bash /bed/script "${arguments[@]}" </dev/null >/dev/virtio-ports/results 2>&1
	status=$?
else
	in_turn >/dev/virtio-ports/results 2>&1
	status=$?
fi
# The last messages of the kernel belong to this run.  kmemleak reports memory to which
# two scans, some seconds apart, find no pointer.
leaks=/sys/kernel/debug/kmemleak
if [ -e "$leaks" ]; then
	echo scan > "$leaks"
	sleep 6
	echo scan > "$leaks"
	head -n 100 "$leaks" | while IFS= read -r line; do
		echo "$line" > /dev/kmsg
	done
fi
sync
echo "$status" > /dev/virtio-ports/status
sync
sleep 0.2
/bed/busybox reboot -f
