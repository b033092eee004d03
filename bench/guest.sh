#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The benchmark inside a guest, started by bench/run.
#
# usage: guest.sh ROUNDS MIB FILES RTT_MS RATE_MBIT MODE...
#
# Prints lines "result MODE WORKLOAD SECONDS CPU_SECONDS BYTES READS SECTORS_READ
# SECTORS_WRITTEN", "memory MODE KIB", and "died MODE" when the mode's daemon died.
#
# shellcheck source-path=SCRIPTDIR/../tests/qemu disable=SC2119

set -eu
# shellcheck source=../tests/qemu/lib.sh
. /bed/lib.sh

rounds=$1 mib=$2 files=$3 rtt=$4 rate=$5
shift 5
modes=("$@")

load dm_mod dm_delay cachefiles
cache_disk=$(readlink -f /dev/disk/cache)
incumbent_disk=$(readlink -f /dev/disk/incumbent)
local_disk=$(readlink -f /dev/disk/local)

nfs_server_start
# The server's files stay in memory when the client drops its caches.
fill "$export_dir/big" "${mib}M" 1
fill_many "$export_dir/small" "$files" 16384 2
mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 "$local_disk"
mkdir -p /mnt/local
mount -o noatime "$local_disk" /mnt/local
cp -r "$export_dir/." /mnt/local/
[ "$rtt" = 0 ] || net_shape "$rtt" "$rate"

# --- the modes: what is mounted at $where, and how it is set up and taken down

# Each write to the disk takes this long if the mode's name ends in -slow.
slow=400 # ms
device_for()	# MODE DISK: sets these variables
{
	disk=$2 device=$2
	[[ $1 == *-slow ]] || return 0
	dmsetup create --noudevsync slow --table \
		"0 $(blockdev --getsz "$disk") delay $disk 0 0 $disk 0 $slow"
	dmsetup mknodes
	device=/dev/mapper/slow
}

start_mode()	# MODE
{
	where=$MNT disk=""
	case $1 in
	nfs)		;;
	cachefs*)	device_for "$1" "$cache_disk"
			load netfs fscache
			insmod /bed/cachefs.ko
			echo "$device format force" > /sys/fs/cachefs/attach ;;
	cachefiles*)	mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 \
				"$incumbent_disk"
			device_for "$1" "$incumbent_disk"
			mkdir -p /run/fscache
			mount -o user_xattr,noatime "$device" /run/fscache
			printf 'dir /run/fscache\ntag bench\n' > /run/cachefilesd.conf
			cachefilesd -n -f /run/cachefilesd.conf > /run/cachefilesd.log 2>&1 &
			daemon=$!
			wait_for 60 cache_active bench ||
				t_die "no CacheFiles: $(cat /run/cachefilesd.log)" ;;
	ext4)		where=/mnt/local disk=$local_disk ;;
	esac
	remount "$1"
}

stop_mode()	# MODE
{
	[ "$1" = ext4 ] || nfs_umount
	case $1 in
	cachefs*)	rmmod cachefs ;;
	cachefiles*)	kill "$daemon" 2>/dev/null || died=yes
			wait "$daemon" || true
			wait_for 60 eval '! cache_active bench' ||
				t_die "CacheFiles stays"
			umount /run/fscache ;;
	esac
	[[ $1 != *-slow ]] || dmsetup remove --noudevsync --retry slow
}

# Finish all stores, drop all caches, and mount NFS again.
remount()	# MODE
{
	[[ $1 != cachefs* ]] || settle
	if [ "$1" = ext4 ]; then
		sync
	else
		! mountpoint -q "$MNT" || nfs_umount
		sync
	fi
	drop_caches
	case $1 in
	nfs)		nfs_mount nofsc ;;
	cachefs*|cachefiles*) nfs_mount ;;
	esac
}

# --- measuring

# Print the busy time of all processors, in hundredths of a second.
busy()
{
	awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 }' /proc/stat
}

sectors()	# prints what the disk has read and written
{
	[ "$disk" ] || { echo 0 0; return; }
	awk '{ print $3, $7 }' "/sys/block/${disk##*/}/stat"
}

reads()
{
	[ "$where" = "$MNT" ] || { echo 0; return; }
	rpc_reads
}

measure()	# MODE WORKLOAD BYTES COMMAND...
{
	local mode=$1 workload=$2 bytes=$3 begin end cpu r0 s0 s1

	shift 3
	r0=$(reads) s0=$(sectors)
	cpu=$(busy)
	begin=$(now)
	"$@" > /dev/null
	end=$(now)
	cpu=$(($(busy) - cpu))
	s1=$(sectors)
	echo "$begin $end $cpu $bytes $(($(reads) - r0)) $s0 $s1" |
		awk -v what="$mode $workload" '{
			printf "result %s %.4f %.2f %d %d %d %d\n", what, $2 - $1,
				$3 / 100, $4, $5, $8 - $6, $9 - $7 }'
}

read_small()
{
	find "$where/small" -type f -print0 | sort -z | xargs -0 cat
}

random_reads=3000
random()	# fio's psync: one at a time
{
	fio --name=random --filename="$where/big" --readonly --rw=randread \
		--bs=4k --ioengine=psync --invalidate=0 --fadvise_hint=random \
		--randseed=7 --number_ios="$random_reads" --minimal
}

mapped()
{
	fio --name=mapped --filename="$where/big" --readonly --rw=read \
		--bs=64k --ioengine=mmap --invalidate=0 --minimal
}

kernel_memory()
{
	awk '/^(SUnreclaim|SReclaimable|VmallocUsed|Percpu):/ { s += $2 }
		END { print s }' /proc/meminfo
}

one_mode()	# MODE
{
	local mode=$1 big=$((mib << 20)) small=$((files * 16384)) memory

	memory=$(kernel_memory)
	start_mode "$mode"
	measure "$mode" cold-sequential "$big" dd if="$where/big" bs=1M status=none
	remount "$mode"
	measure "$mode" cold-small "$small" read_small
	remount "$mode"
	drop_caches
	echo "memory $mode $(($(kernel_memory) - memory))"
	measure "$mode" warm-sequential "$big" dd if="$where/big" bs=1M status=none
	remount "$mode"
	measure "$mode" warm-random-4k $((random_reads * 4096)) random
	remount "$mode"
	measure "$mode" warm-mmap "$big" mapped
	remount "$mode"
	measure "$mode" warm-small "$small" read_small
	stop_mode "$mode"
}

for ((round = 1; round <= rounds; round++)); do
	for mode in "${modes[@]}"; do
		# Debian 12's cachefilesd aborts now and then.  Results without the
		# daemon do not count.
		for try in 1 2 3 4 5; do
			died=""
			one_mode "$mode" > /run/results
			[ "$died" ] || break
			echo "died $mode"
		done
		[ -z "$died" ] || t_die "$mode: it died $try times"
		cat /run/results
	done
	# Reverse the order for the next round, so that no mode always follows the same
	# mode.
	mapfile -t modes < <(printf '%s\n' "${modes[@]}" | tac)
done
t_ok "$rounds rounds"
