#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Check /dev/cachefs.  Reads show how much of a file is cached.  Files that were let go of
# are not cached.  Pinned files are fetched, and fetched again when they have changed.
# Each reason why a file is not cached is made to happen.  Only some users may ask, let
# go, or keep.  And questions come all the time while all else changes.
#
# bed: --smp 1 --disk-size cache:128M --disk-size srv:256M --timeout 900 --add build/tools/cachefsctl
# run: all:debug all:debug-6.1 all:debug-kcsan
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh
expect_log '(read|write) error|nothing can be written|the cache is not used any more'

load dm_mod dm_flakey cachefiles
disk=$(readlink -f /dev/disk/cache)
sectors=$(blockdev --getsz "$disk")

disk_is()	# TARGET [WORDS]
{
	exchange_table c <<< "0 $sectors $1 $disk 0 ${*:2}"
}

ask()		# VERB FILE [FLAGS]
{
	python3 /bed/control.py ask "$@"
}

reason()	# FILE [FLAGS]: without the numbers
{
	ask why "$@" | sed 's/ [0-9].*//'
}

is_why()	# REASON FILE
{
	[ "$(reason "$2")" = "$1" ]
}

ctl=/bed/cachefsctl
chmod +x "$ctl"

# cachefsctl must end with STATUS, and print a line that matches REGEX.
says()		# NAME STATUS REGEX WORD...
{
	local name=$1 wanted=$2 regex=$3 status=0

	shift 3
	"$ctl" "$@" > /run/said 2>&1 || status=$?
	if [ "$status" = "$wanted" ] && grep -qE -- "$regex" /run/said; then
		t_ok "$name"
	else
		t_fail "$name" "status $status: $(tr '\n' ';' < /run/said)"
	fi
}

nfs_server_start
nfs_server_v3
fill_many "$export_dir/many" 200 9000 1
fill "$export_dir/large" 6000001 2
fill "$export_dir/other" 65536 3
: > "$export_dir/empty"
mkdir "$export_dir/fscache"

held_disk c cache
load netfs fscache
[ ! -e /bed/cachefs.ko ] || insmod /bed/cachefs.ko

# --- reasons, with a module and without a cache

check_equal "a file of another file system" "unsupported" "$(reason /bed/lib.sh)"
check_equal "a device" "unsupported" "$(reason /dev/null)"
nfs_mount nofsc
check_equal "mounted without fsc" "no fsc" "$(reason "$MNT/large")"
check_equal "a directory" "unsupported" "$(reason "$MNT/many")"
for verb in cached evict note; do
	check_equal "$verb: mounted without fsc" EOPNOTSUPP "$(ask $verb "$MNT/large")"
	check_equal "$verb: another file system" EOPNOTSUPP "$(ask $verb /bed/lib.sh)"
done
says "cachefsctl cached: mounted without fsc" 1 '^ +200: its mount does not use FS-Cache' \
	cached -r "$MNT/many"
says "cachefsctl evict: mounted without fsc" 1 'large: its mount does not use FS-Cache' \
	evict "$MNT/large"
nfs_umount
# CacheFiles, without its daemon.
exec 6<> /dev/cachefiles
for words in "dir $export_dir/fscache" "tag other" bind; do
	printf %s "$words" >&6
done
nfs_mount
check_equal "bound to CacheFiles" "other cache" "$(reason "$MNT/large")"
check_equal "cached: bound to CacheFiles" EOPNOTSUPP "$(ask cached "$MNT/large")"
nfs_umount
exec 6>&-
nfs_mount
check_equal "no cache is attached" "no cache" "$(reason "$MNT/large")"
check_equal "cached: no cache is attached" ENODEV "$(ask cached "$MNT/large")"
check_equal "evict: no cache is attached" ENODEV "$(ask evict "$MNT/large")"
exec 5< "$MNT/large"
cachefs_attach /dev/mapper/c
check_equal "open since before the attach" "open before" "$(reason 5)"
check_equal "cached: open since before the attach" EAGAIN "$(ask cached 5)"
check_equal "opened again" "ok" "$(reason "$MNT/large")"
check_equal "which does for the first one, too" "ok" "$(reason 5)"
exec 5<&-

# --- how much of a file is cached

dir=$(cachefs_dir)
all()		# VERB: reasons and sums of all these files
{
	python3 /bed/control.py all "$1" "$MNT"/many/* "$MNT/large"
}
size=$((200 * 9000 + 6000001))
check_equal "nothing was read: nothing is cached" "ok 0 $size" "$(all cached)"
wanted=$(tree_sum "$export_dir/many")
check_equal "the right bytes" "$wanted" "$(tree_sum "$MNT/many")"
dd if="$MNT/large" of=/dev/null bs=4096 count=1 skip=1464 status=none
settle
read -r _ cached _ <<< "$(ask cached "$MNT/large")"
check_equal "the end of a file: its last block is not whole" $((6000001 % 4096)) \
	$((cached % 4096))
cat "$MNT/large" > /dev/null
settle
check_equal "all was read: all is cached" "ok $size $size" "$(all cached)"
says "cachefsctl cached" 0 "^ *1\.7M +1\.7M 100\.0% +200 $MNT/many\$" cached -r "$MNT/many"
says "cachefsctl cached: a file" 0 "^ 6000001  6000001 100\.0% +1 $MNT/large\$" \
	cached -b "$MNT/large"
says "cachefsctl why" 0 'all of it is cached' why "$MNT/large"
drop_caches
reads=$(rpc_reads)
check "and all is read from the cache" cmp "$export_dir/large" "$MNT/large"
check_equal "and all files" "$wanted" "$(tree_sum "$MNT/many")"
check_equal "without a READ" "$reads" "$(rpc_reads)"
nfs_umount
nfs_mount
check_equal "a new mount" "ok $size $size" "$(all why)"
says "let go of" 0 '^201 files: 7\.4M let go of$' evict -r "$MNT/many" "$MNT/large"
check_equal "it is not cached any more" "ok 0 $size" "$(all cached)"
says "cachefsctl cached: none" 0 "^ *1800000 +0 +0\.0% +200 $MNT/many\$" \
	cached -r -b "$MNT/many"
says "cachefsctl why: none" 0 'what is missing was not read' why "$MNT/large"
check_equal "JSON of cached" "1800000 0 {'ok': 200}" "$("$ctl" cached -rJ "$MNT/many" |
	python3 -c 'import json, sys
sums = json.load(sys.stdin)["paths"][0]
print(sums["file_bytes"], sums["cached_bytes"], sums["reasons"])')"
drop_caches
reads=$(rpc_reads)
check "the server has it" cmp "$export_dir/large" "$MNT/large"
check_range "and is asked (READs)" 1 100000 $(($(rpc_reads) - reads))
settle
check_equal "it is cached again" "ok 6000001 6000001" "$(ask cached "$MNT/large")"

# --- pinned files

fill "$export_dir/pinned" 70000 7
truncate -s 64M "$export_dir/much"
pinned_is()	# SIZE: after a run; not while the file has changed a moment ago
{
	"$ctl" pin run > /run/said 2>&1 && [ "$(ask cached "$MNT/pinned")" = "ok $1 $1" ]
}
says "pin: not on a mount" 1 'lib.sh: is not on a mount of NFS' pin add /bed/lib.sh
says "pin add" 0 "^$MNT/pinned: 1 files with 68.4K are pinned" pin add "$MNT/pinned"
says "pin add: more" 0 "^$MNT/many/f00001: 1 files with 8.8K" pin add "$MNT"/many/f0000[01]
check "a pinned file is fetched" wait_for 60 pinned_is 70000
says "pin run: all is there" 0 \
	'^3 pinned files, 85.9K: 85.9K noted as read, 0B of 0 files to be fetched$' pin run
check "a pinned file is let go of" "$ctl" evict "$MNT/pinned"
echo 0 > "$dir/max_in_flight_bytes"
says "pin run: nothing may be in flight" 1 \
	"^cachefsctl: 1 pinned files are not fetched: the cache does not store them now" pin run
check_equal "why: nothing may be in flight" "not stored 0 70000" "$(ask why "$MNT/pinned")"
echo 67108864 > "$dir/max_in_flight_bytes"
echo 1 > "$dir/write_budget"
check_equal "why: the write budget is used" "write budget 0 70000" "$(ask why "$MNT/pinned")"
says "pin run: the write budget is used" 1 '1 pinned files are not fetched: ' pin run
echo 0 > "$dir/write_budget"
echo 4096 > "$dir/max_in_flight_bytes"
says "pin run: stores are refused" 1 \
	"1 of 1 files are not wholly cached, $MNT/pinned for one; stores were refused: " pin run
echo 67108864 > "$dir/max_in_flight_bytes"
check "they are not refused any more" wait_for 60 pinned_is 70000
says "pin list" 0 "^ *68.4K +68.4K 100.0% +1 $MNT/pinned\$" pin list
fill "$export_dir/pinned" 80000 8
check "a pinned file that has changed is fetched again" wait_for 60 pinned_is 80000
drop_caches
reads=$(rpc_reads)
check "the right bytes" cmp "$export_dir/pinned" "$MNT/pinned"
check_equal "without a READ" "$reads" "$(rpc_reads)"
"$ctl" pin add "$MNT/much" > /dev/null 2>&1
says "pin run: more than 40 % of the cache" 0 \
	'pinned files have 64.1M, more than 40 % of the cache, which are 4[0-9].[0-9]M' pin run
check "what is too much is not fetched" grep -q '95.7K noted as read, 0B of 0 files' /run/said
check "pin remove" "$ctl" pin remove "$MNT/pinned" "$MNT"/many/f0000[01] "$MNT/much"
check_equal "nothing is pinned" "nothing is pinned" "$("$ctl" pin list)"
rm "$export_dir/much"

# A file is let go of while it is being stored.
hold c
cat "$MNT/other" > /dev/null
ask evict "$MNT/other" > /run/evicted
let_go c
settle
check_equal "let go of while it is being stored" "ok 0 65536" \
	"$(ask cached "$MNT/other")"
check_equal "an empty file" "empty" "$(reason "$MNT/empty")"
check_equal "an empty file: how much" "empty 0 0" "$(ask cached "$MNT/empty")"

# --- reasons, with a cache

check_equal "O_DIRECT" "direct" "$(reason "$MNT/large" direct)"
exec 5<> "$MNT/other"
check_equal "open for writing" "written" "$(reason "$MNT/other")"
check_equal "JSON of why" "written 65536 False" "$("$ctl" why -J "$MNT/other" |
	python3 -c 'import json, sys
file = json.load(sys.stdin)["files"][0]
print(file["reason"], file["file_bytes"], file["degraded"])')"
exec 5>&-
check_equal "closed again" "ok" "$(reason "$MNT/other")"
exec 5< "$MNT/other"
cat <&5 > /dev/null
settle
python3 -c 'import os, sys; os.truncate(sys.argv[1], 60000)' "$MNT/other"
check_equal "truncated by its name" "changed 0 60000" "$(ask why 5)"
exec 5<&-
fill "$export_dir/other" 70000 4
wait_for 60 eval "cat '$MNT/other' | cmp '$export_dir/other'"
settle
check_equal "changed on the server, and read" "ok 70000 70000" "$(ask why "$MNT/other")"
# Use another option, because FS-Cache has only one volume of a name.
srv_exec bash -c "mkdir /run/inside && mount -t nfs -o fsc,vers=4.2,actimeo=7 \
	$server:$export_dir /run/inside"
for when in "" ", after a read"; do
	check_equal "mounted in another network namespace$when" "refused 0 6000001" \
		"$(srv_exec python3 /bed/control.py ask why /run/inside/large)"
	srv_exec cat /run/inside/large > /dev/null
done
for verb in cached evict; do
	check_equal "$verb: in another network namespace" EOPNOTSUPP "$(srv_exec \
		python3 /bed/control.py ask $verb /run/inside/large)"
done
check_equal "nothing was let go of there" "ok 6000001 6000001" "$(ask cached "$MNT/large")"
srv_exec umount /run/inside
nfs_umount
# The server's clock goes back: for an hour the file changed a moment ago.
now=$(date +%s)
date -s "@$((now + 3600))" > /dev/null
fill "$export_dir/recent" 5000 5
date -s "@$now" > /dev/null
mount -t nfs -o "fsc,$v3_options" "$server:$export_dir" "$MNT"
check_equal "changed a moment ago" "recent" "$(reason "$MNT/recent")"
check_equal "changed long ago" "ok" "$(reason "$MNT/large")"
nfs_umount
nfs_mount

# --- permissions

as()		# UID COMMAND...
{
	setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"
}
user()		# VERB FILE [FLAGS]: what somebody gets
{
	as 1000 python3 /bed/control.py ask "$@"
}
for name in own others public; do
	fill "$export_dir/$name" 8192 6
done
chown 1000 "$export_dir/own"
chown 2000 "$export_dir/others" "$export_dir/public"
chmod 644 "$export_dir/others"
chmod 666 "$export_dir/public"
cat "$MNT"/{own,others,public} > /dev/null
settle
check_equal "a user: another's file that he may read" "ok 8192 8192" \
	"$(user cached "$MNT/others")"
check_equal "a user: another's file is not let go of" EPERM "$(user evict "$MNT/others")"
if [ -e /proc/self/ns/user ]; then
	check_equal "nor as root of a user namespace" EPERM "$(as 1000 unshare --user \
		--map-root-user python3 /bed/control.py ask evict "$MNT/others")"
	check_equal "nor as root of one without his own user" EPERM "$(unshare --user \
		python3 /bed/control.py ask evict "$MNT/others")"
fi
check_equal "nor by root without CAP_SYS_ADMIN" EPERM "$(setpriv --bounding-set \
	-sys_admin --inh-caps -sys_admin python3 /bed/control.py ask evict "$MNT/others")"
check_equal "a user: his own file is not noted as read" EPERM "$(user note "$MNT/own")"
check_equal "nor one that he may write to" EPERM "$(user note "$MNT/public" both)"
check_equal "nor does root without CAP_SYS_ADMIN" EPERM "$(setpriv --bounding-set \
	-sys_admin --inh-caps -sys_admin python3 /bed/control.py ask note "$MNT/others")"
check_equal "but root does" "ok 8192 8192" "$(ask note "$MNT/others")"
check_equal "a user pins nothing" "cachefsctl: pin add: only root may do that: $(
	)Operation not permitted" "$(as 1000 "$ctl" pin add "$MNT/own" 2>&1)"
check_equal "it is all there" "ok 8192 8192" "$(ask cached "$MNT/others")"
check_equal "a user: his own file" "ok 8192 8192" "$(user evict "$MNT/own")"
check_equal "a user: a file that he may write to" "written 8192 8192" \
	"$(user evict "$MNT/public" both)"
check_equal "root: another's file" "ok 8192 8192" "$(ask evict "$MNT/others")"
check_equal "open for writing only: how much" EACCES "$(ask cached "$MNT/own" write)"
check_equal "open as a path only" EBADF "$(ask why "$MNT/own" path)"
check_equal "wrong questions" "EINVAL EINVAL EINVAL EBADF ENOTTY ENOTTY EFAULT" \
	"$(as 1000 python3 /bed/control.py bad "$MNT/own")"

# --- questions while all else changes

# Attach and detach, unmount and mount, reclaim: N times, and until a question has met a
# cache that is not attached, and a umount has succeeded, but no more than 20 times.
unmounted=0
change()	# N
{
	local i

	for ((i = 0; i < 20; i++)); do
		[ "$i" -lt "$1" ] || [ "$unmounted" = 0 ] || [ ! -e /run/stop.met ] || break
		cachefs_detach
		drop_caches
		cachefs_attach /dev/mapper/c
		# umount fails while the hammer has a file open.
		if wait_for 20 nfs_umount; then
			unmounted=$((unmounted + 1))
			nfs_mount
		fi
		drop_caches
	done
}

# Print those of the words on stdin that are not among WORD.
others_than()	# WORD...
{
	tr ' ' '\n' | grep -vxF "$(printf '%s\n' "$@")" | xargs
}

python3 /bed/control.py hammer /run/stop "$MNT/many" > /run/hammer &
hammer=$!
change 6
: > /run/stop
check_done "questions all the time: they end" $hammer
check_range "the mount went meanwhile" 1 20 "$unmounted"
check "questions came while no cache was attached" test -e /run/stop.met
answers=(ENODEV EAGAIN ENOENT)
{
	read -r asked
	read -r asked_random
} < /run/hammer
check_equal "all are answered, or say why not" answered \
	"$(others_than "${answers[@]}" <<< "$asked")"
check_equal "random questions are answered, or refused" "answered EBADF EINVAL ENOTTY" \
	"$(others_than "${answers[@]}" EOPNOTSUPP EACCES <<< "$asked_random")"
nfs_umount
nfs_mount
check_equal "the right bytes" "$wanted" "$(tree_sum "$MNT/many")"
settle
exec 5< "$MNT/large"
cat <&5 > /dev/null
settle

# --- a disk that is not well

dir=$(cachefs_dir)
echo 100 > "$dir/read_bypass_ms"
drop_caches
hold c
cat "$MNT/many/f00000" > /dev/null &
reader=$!
check "a disk that does not answer" wait_for 120 is_why slow "$MNT/large"
let_go c
check_done "the reader ends" $reader
echo 0 > "$dir/read_bypass_ms"
check_equal "it answers again" ok "$(reason "$MNT/large")"

# Store something, and read something from the cache.
used=10
used_until()	# REASON
{
	used=$((used + 1))
	touch "$export_dir/many/f00001"
	drop_caches
	cat "$MNT/many/f00001" "$MNT/many/f000$used" > /dev/null
	settle
	is_why "$1" "$MNT/large"
}
disk_is flakey 0 3600 1 error_writes
check "a disk that cannot be written to" wait_for 900 used_until "not stored"
check_equal "what is cached is" "6000001 6000001" \
	"$(ask cached "$MNT/large" | sed 's/not stored //; s/ degraded//')"
disk_is error
check "a disk that fails" wait_for 900 used_until failed
check_equal "cached: the cache has failed" ENODEV "$(ask cached "$MNT/large")"
check_equal "cached: an empty file" ENODEV "$(ask cached "$MNT/empty")"
check_equal "evict: the cache has failed" ENODEV "$(ask evict "$MNT/large")"
says "cachefsctl cached: the cache has failed" 1 '^ +1: the cache has failed' \
	cached "$MNT/large"
disk_is linear
echo active > "$dir/state"
check_equal "used again: it is all there" "ok 6000001 6000001" "$(ask cached 5)"
exec 5<&-

# --- a process has the device open

exec 7< /dev/cachefs
nfs_umount
cachefs_detach
check "a detach goes on while somebody has the device open" test ! -d "$dir"
if [ -e /bed/cachefs.ko ]; then
	check "but the module stays" eval "! rmmod cachefs 2> /dev/null"
	exec 7<&-
	check "until it is closed" rmmod cachefs
	check "and so does the device" test ! -e /dev/cachefs
fi
