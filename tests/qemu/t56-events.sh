#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A process that listens to uevents, or polls the file "state", is told of each state of a
# cache.  With LONG=1 it is also told of a state that changes only because the last error
# is five minutes old.
#
# bed: --smp 1 --disk-size cache:64M --disk-size srv:128M --timeout 1500
# run: long-form
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh
expect_log '(read|write) error|the cache is not used any more|no checkpoint'

load dm_mod
disk=$(readlink -f /dev/disk/cache)
sectors=$(blockdev --getsz "$disk")

disk_is()	# TABLE
{
	exchange_table c <<< "$1"
}
good="0 $sectors linear $disk 0"
gone="0 $sectors error"
dmsetup create --noudevsync c <<< "$good"
dmsetup mknodes

# Let the disk fail while a file is read.
fail_once()
{
	disk_is "$gone"
	drop_caches
	cat "$MNT/file" > /dev/null
	disk_is "$good"
}

said_last()	# FILE LINE
{
	[ "$(tail -n 1 "$1")" = "$2" ]
}

# Check the last event of both kinds.
told()		# NAME STATE [SECONDS]
{
	check "$1: uevent" wait_for "${3:-60}" said_last /run/uevents "change $2"
	check "$1: poll" wait_for 60 said_last /run/polled "$2"
	check_equal "$1: and it is so" "$2" "$(cat "$(cachefs_dir)/state")"
}

nfs_server_start
fill "$export_dir/file" 4096 1
python3 /bed/events.py uevents > /run/uevents &
uevents=$!
wait_for 60 said_last /run/uevents listening
cachefs_load /dev/mapper/c
check "attached: uevent" wait_for 60 said_last /run/uevents "add -"
python3 /bed/events.py poll "$(cachefs_dir)/state" > /run/polled &
polled=$!
wait_for 60 said_last /run/polled active
nfs_mount
cat "$MNT/file" > /dev/null
settle
fail_once
told "an error" degraded
echo active > "$(cachefs_dir)/state"
told "errors are forgotten when told to" active

# The missed data is stored again, and fails once more.
cat "$MNT/file" > /dev/null
settle
fail_once
told "another error" degraded
if [ "$LONG" ]; then
	told "after five minutes" active 600
else
	echo active > "$(cachefs_dir)/state"
	told "errors are forgotten again" active
fi
check_equal "each was told once" "listening,add -,change degraded,change active,change degraded,change active" \
	"$(paste -sd , /run/uevents)"
check_equal "to who polls, too" "active,degraded,active,degraded,active" "$(paste -sd , /run/polled)"

fill_many "$export_dir/many" 300 4096 2
tree_sum "$MNT" > /dev/null
settle
disk_is "$gone"
until_failed()
{
	drop_caches
	tree_sum "$MNT" > /dev/null
	[ "$(cat "$(cachefs_dir)/state")" = failed ]
}
check "a disk that is gone: the cache is out of use" wait_for 300 until_failed
told "a disk that is gone" failed
disk_is "$good"
echo active > "$(cachefs_dir)/state"
told "in use again" active
kill $polled
nfs_umount
cachefs_detach
check "detached: uevent" wait_for 60 said_last /run/uevents "remove -"
kill $uevents
dmsetup remove --noudevsync c
cachefs_unload
