#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The cost of errors of the cache's disk.  Bad sectors cost their own data.  A pool
# without room costs new data.  A disk that is gone costs the cache, until an
# administrator has it used again.  And an attach that takes long can be killed.
#
# bed: --smp 1 --disk-size cache:256M --disk-size srv:512M --timeout 900
# run: sleeps
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh
expect_log '(read|write) error|the cache is not used any more|no checkpoint'

load dm_mod dm_flakey dm_delay dm_thin_pool
disk=$(readlink -f /dev/disk/cache)
sectors=$(blockdev --getsz "$disk")

# --- the disk

# Exchange the table while I/O is under way.
disk_is()	# TABLE
{
	exchange_table c <<< "$1"
}

all()		# TARGET [WORDS]
{
	echo "0 $sectors $1 ${disk} 0 ${*:2}"
}

# Print a table of the disk in which these sectors are bad.  They are in ascending order.
bad_sectors()	# SECTOR...
{
	local at=0 sector

	for sector; do
		echo "$at $((sector - at)) linear $disk $at"
		echo "$sector 1 error"
		at=$((sector + 1))
	done
	echo "$at $((sectors - at)) linear $disk $at"
}

good=$(all linear)
no_writes=$(all flakey 0 3600 1 error_writes)
dmsetup create --noudevsync c <<< "$good"
dmsetup mknodes

# --- what the cache says

state()
{
	cat "$(cachefs_dir)/state"
}

is_in_state()	# STATE
{
	[ "$(state)" = "$1" ]
}

logged()	# TEXT
{
	dmesg | grep -q -F -- "$1"
}

sum()		# FILE
{
	xxhsum -q -H2 < "$1"
}

# Nothing can be written at the detach, as at a power loss.
stop_without_detach()
{
	settle
	sleep 11
	nfs_umount
	disk_is "$no_writes"
	cachefs_unload
	drop_caches
}

nfs_server_start
fill "$export_dir/large" 64M 1
fill_many "$export_dir/many" 2500 4096 2
fill "$export_dir/other" 72M 3

# --- bad sectors

cachefs_load /dev/mapper/c
nfs_mount
sum "$MNT/large" > /dev/null
settle
list=""
for i in $(seq 1 20); do
	list+=" $((16384 + i * 6144 + 137))"
done
# shellcheck disable=SC2086 # words
disk_is "$(bad_sectors $list)"
# Data that is stored again may meet a bad sector, too.
for i in 1 2 3 4 5 6; do
	drop_caches
	hits=$(cachefs_stat hit_bytes)
	check_equal "20 bad sectors: the right bytes, read $i" \
		"$(sum "$export_dir/large")" "$(sum "$MNT/large")"
	settle
	[ $(($(cachefs_stat hit_bytes) - hits)) -lt $((64 << 20)) ] || break
done
check_range "20 bad sectors: each was an error" 15 20 "$(cachefs_stat read_errors)"
check_equal "20 bad sectors: state" degraded "$(state)"
check_equal "20 bad sectors: all is cached, elsewhere (bytes)" $((64 << 20)) \
	$(($(cachefs_stat hit_bytes) - hits))
check "20 bad sectors: the log says where" \
	eval 'dmesg | grep -q "read error -5 at block [0-9]"'
disk_is "$good"
echo active > "$(cachefs_dir)/state"
check_equal "20 bad sectors: forgotten when told to" active "$(state)"
output=$(LC_ALL=C eval 'echo failed > "$(cachefs_dir)/state"' 2>&1) || true
check_equal "another word is refused" "Invalid argument" "${output##*: }"

# --- metadata that cannot be read

# Find the newest region with complete metadata.  Its third block tells of 126 slots.
tree_sum "$MNT/many" > /dev/null
settle
sleep 11
nfs_umount
many=$(tree_sum "$export_dir/many")
cachefs_unload
drop_caches
region=$(python3 - <<'END'
import struct
# The newest region of which all nine blocks are written.
with open("/dev/disk/cache", "rb") as disk:
    best = (0, 0)
    for region in range(63):
        seqs = set()
        for block in range(9):
            disk.seek((256 + region * 1024 + block) * 4096)
            head = struct.unpack("<II16sQQII", disk.read(48))
            if head[0] == 0x7061654d and head[1] == region and head[5] == block:
                seqs.add(head[4])
            else:
                seqs.add(None)
        if len(seqs) == 1 and None not in seqs:
            best = max(best, (seqs.pop(), region))
print(best[1])
END
)
disk_is "$(bad_sectors $(((256 + region * 1024 + 2) * 8 + 3)))"
cachefs_load /dev/mapper/c
nfs_mount
check_equal "bad metadata: the right bytes" "$many" "$(tree_sum "$MNT/many")"
check_equal "bad metadata: it is one error" 1 "$(cachefs_stat read_errors)"
check_equal "bad metadata: no checksum error" 0 "$(cachefs_stat checksum_errors)"
check_equal "bad metadata: state" degraded "$(state)"
check_range "bad metadata: what is missed of 2500 files" 1 126 \
	$((2500 - $(cachefs_stat hit_bytes) / 4096))
stop_without_detach

# --- the same at a scan; another block, as the data of the first one was stored again

disk_is "$good"
cachefs_load /dev/mapper/c
used=$(cat "$(cachefs_dir)/used_bytes")
nfs_mount
stop_without_detach
disk_is "$(bad_sectors $(((256 + region * 1024 + 5) * 8 + 3)))"
dmesg --clear
cachefs_load /dev/mapper/c
check "bad metadata at a scan: there was one" logged "unclean stop"
check "bad metadata at a scan: the log says what it has found" \
	eval 'dmesg | grep -qE "recovered [1-9][0-9]* MiB in [1-9][0-9]* extents in [0-9]+ s"'
check_range "bad metadata at a scan: blocks lost" 1 126 \
	$(((used - $(cat "$(cachefs_dir)/used_bytes")) / 4096))
check_equal "bad metadata at a scan: state" degraded "$(state)"
disk_is "$good"

# --- a disk that is gone, and comes back

nfs_mount
sum "$MNT/large" > /dev/null
settle
used=$(cat "$(cachefs_dir)/used_bytes")
disk_is "0 $sectors error"
reader()	# until /run/stop is there
{
	while [ ! -e /run/stop ]; do
		drop_caches
		[ "$(tree_sum "$MNT/many")" = "$many" ] || echo wrong
	done >> /run/errors
}
rm -f /run/stop
: > /run/errors
reader &
reads=$!
check "a disk that is gone: the cache is out of use" wait_for 300 is_in_state failed
: > /run/stop
wait $reads
check_equal "a disk that is gone: no wrong byte" "" "$(cat /run/errors)"
check "a disk that is gone: the log says so" logged "the cache is not used any more"
disk_is "$good"
echo active > "$(cachefs_dir)/state"
check_equal "a disk that is back: in use when told to" active "$(state)"
drop_caches
hits=$(cachefs_stat hit_bytes)
check_equal "a disk that is back: the right bytes" "$(sum "$export_dir/large")" \
	"$(sum "$MNT/large")"
check_range "a disk that is back: it has what it had (bytes)" $((60 << 20)) \
	$((64 << 20)) $(($(cachefs_stat hit_bytes) - hits))

# --- an attach that is killed

stop_without_detach
# Each read takes two seconds.  The attach takes 14 seconds or more, with a few regions at
# a time.
disk_is "$(all delay 2000 "$disk" 0 0)"
dmesg --clear
insmod /bed/cachefs.ko
bash -c 'echo /dev/mapper/c > /sys/fs/cachefs/attach' &
attach=$!
sleep 2
# Reclaim does not wait for the attach, even if the disk stands still.
hold c
check_ends "reclaim during an attach" bash -c 'echo 2 > /proc/sys/vm/drop_caches'
check "reclaim during an attach: that has not ended" kill -0 $attach
let_go c
kill -9 $attach
wait $attach && status=0 || status=$?
check_equal "an attach is killed: it ends" 137 "$status"
check "an attach is killed: the log says so" logged "not attached: error -4"
disk_is "$good"
check "an attach is killed: the next one works" cachefs_attach /dev/mapper/c
check "an attach is killed: and has what there was" \
	test "$(cat "$(cachefs_dir)/used_bytes")" -gt $((60 << 20))
cachefs_detach
dmsetup remove --noudevsync c

# --- a pool without room

# A pool of 32 MiB, for a disk of eight times that size.
dmsetup create --noudevsync meta <<< "0 8192 linear $disk 0"
dmsetup create --noudevsync data <<< "0 65536 linear $disk 8192"
dmsetup mknodes
dd if=/dev/zero of=/dev/mapper/meta bs=4096 count=1 status=none
pool()		# SECTORS
{
	echo "0 $1 thin-pool /dev/mapper/meta /dev/mapper/data 128 0 1 error_if_no_space"
}
dmsetup create --noudevsync pool <<< "$(pool 65536)"
dmsetup mknodes
dmsetup message pool 0 "create_thin 0"
dmsetup create --noudevsync thin <<< "0 524288 thin /dev/mapper/pool 0"
dmsetup mknodes
cachefs_attach /dev/mapper/thin
fill "$export_dir/first" 16M 4
nfs_mount
sum "$MNT/first" > /dev/null
settle
stored=$(cachefs_stat stored_bytes)
check_equal "a pool: all is stored (bytes)" $((16 << 20)) "$stored"
dmesg --clear
check_equal "a full pool: the right bytes" "$(sum "$export_dir/other")" \
	"$(sum "$MNT/other")"
settle
check_range "a full pool: no more is stored than there is room for (bytes)" 0 \
	$((32 << 20)) "$(cachefs_stat stored_bytes)"
check_equal "a full pool: it is no error" "active 0" \
	"$(state) $(cachefs_stat write_errors)"
check_equal "a full pool: stores_stopped" 1 "$(cat "$(cachefs_dir)/stores_stopped")"
check "a full pool: the log says so" logged "no room below the device"
drop_caches
reads=$(rpc_reads)
check_equal "a full pool: the right bytes from the cache" \
	"$(sum "$export_dir/first")" "$(sum "$MNT/first")"
check_equal "a full pool: what was cached is still (READ)" 0 \
	$(($(rpc_reads) - reads))

dmsetup load data <<< "0 516096 linear $disk 8192"
dmsetup load pool <<< "$(pool 516096)"
for name in pool data; do
	dmsetup suspend $name
done
for name in data pool; do
	dmsetup resume --noudevsync $name
done
stores_again()
{
	drop_caches
	sum "$MNT/other" > /dev/null
	settle
	[ "$(cachefs_stat stored_bytes)" -gt $((48 << 20)) ]
}
check "a pool with room again: it stores" wait_for 120 stores_again
check_equal "a pool with room again: stores_stopped" 0 "$(cat "$(cachefs_dir)/stores_stopped")"
check_equal "a pool with room again: the right bytes" "$(sum "$export_dir/other")" \
	"$(sum "$MNT/other")"
nfs_umount
cachefs_unload
for name in thin pool meta data; do
	dmsetup remove --noudevsync $name
done
