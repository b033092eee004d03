#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The order of mounting and attaching does not matter, and a cache may go at any time.
# NFS goes on, and cached data is there when the cache comes back.  The same holds if the
# server goes.  Also see a mount if another FS-Cache backend was there first.
#
# bed: --smp 1 --disk-size cache:256M --disk-size other:128M --disk-size srv:256M --timeout 400
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

nfs_server_start
for i in 1 2 3 4; do
	fill "$export_dir/f$i" 4M "$i"
done
sync
wanted=$(tree_sum "$export_dir")
disk=$(readlink -f /dev/disk/cache)
other=$(readlink -f /dev/disk/other)

load netfs fscache
insmod /bed/cachefs.ko

# --- mounted first, attached later

seconds()
{
	cut -d . -f 1 /proc/uptime
}
not_older()	# SECONDS: the oldest data is not older than that moment
{
	test "$(cachefs_stat oldest_data_seconds)" -le $(($(seconds) - $1))
}
has_age()
{
	test "$(cachefs_stat oldest_data_seconds)" -ge 2
}

nfs_mount
check_equal "without a cache: the right bytes" "$wanted" "$(tree_sum "$MNT")"
since=$(seconds)
check "attach under a mount" cachefs_attach "$disk"
drop_caches
check_equal "attached under a mount: the right bytes" "$wanted" "$(tree_sum "$MNT")"
settle
drop_caches
before=$(rpc_reads)
check_equal "and then warm" "$wanted" "$(tree_sum "$MNT")"
check_equal "with no READ" 0 $(($(rpc_reads) - before))
check "the oldest data gets older" wait_for 60 has_age
check "and is not older than the attach" not_older "$since"

# --- what developers see of the log and of stores under way

view=/sys/kernel/debug/cachefs
number_of()	# STATE: of the regions
{
	sed -n "1s/.*\<$1=\([0-9]*\).*/\1/p" $view/regions
}
check_equal "debugfs: each region has a state" \
	$(($(cat "$(cachefs_dir)/capacity_bytes") / 1013 / 4096)) \
	$(($(number_of free) + $(number_of ready) + $(number_of open) + $(number_of sealed)))
wait_for 60 eval '[ "$(number_of sealed)" = 4 ]' || true
check_equal "debugfs: four files of 4 MiB fill four regions and a part of one" "4 1" \
	"$(number_of sealed) $(number_of open)"
check_equal "debugfs: the slots that are taken of that one" $((4 * 1024 - 4 * 1013)) \
	"$(sed -n 's/^open .*slots=\([0-9]*\) unresolved=0$/\1/p' $view/regions)"
check_equal "debugfs: the regions that are ready" "$(number_of ready)" \
	"$(grep -c '^ready .*slots=0 unresolved=0$' $view/regions)"
check_equal "debugfs: no store" "" "$(cat $view/stores)"
nfs_umount
cachefs_detach
check "debugfs: nothing is there without a cache" test ! -e $view
held_disk held other
cachefs_attach /dev/mapper/held
nfs_mount
hold held
cat "$MNT/f1" > /dev/null
check "debugfs: stores that a disk holds up" \
	wait_for 60 grep -q '^v=[0-9a-f]* block=[0-9]* bytes=[0-9]* pending=[1-9]' $view/stores
let_go held
settle
check_equal "debugfs: stores that have ended" "" "$(cat $view/stores)"
nfs_umount
cachefs_detach
dmsetup remove --noudevsync --retry held
cachefs_attach "$disk"
nfs_mount

# --- detached under an open file

dir=$(cachefs_dir)
exec 5< "$MNT/f1"
head -c 10000 <&5 > /dev/null
check "detach with a file open" cachefs_detach
check "the directory is gone when the write returns" test ! -e "$dir"
drop_caches
check_equal "the open file reads on" "$(tail -c +10001 "$export_dir/f1" | cksum)" \
	"$(cksum <&5)"
exec 5<&-
since=$(seconds)
check "attached again under the mount" cachefs_attach "$disk"
check "the age of the oldest data begins anew" not_older "$since"
drop_caches
before=$(rpc_reads)
check_equal "what was cached before is warm" "$wanted" "$(tree_sum "$MNT")"
check_equal "with no READ for it" 0 $(($(rpc_reads) - before))

# --- a server that goes away

nfs_umount
nfs_mount actimeo=600	# nor are attributes asked for
fill "$export_dir/new" 4M 5
exec 5< "$MNT/f1" 6< "$MNT/new"
dd bs=1k count=1 <&5 > /dev/null 2>&1
drop_caches
ip link set nfs-client down
cksum <&5 > /run/open &
check_done "without the server: an open file is read from the cache" $!
cksum <&6 > /run/new &
reader=$!
sleep 2
check "without the server: what is not cached waits" kill -0 $reader
ip link set nfs-client up
check_done "the server is back: the reader goes on" $reader
exec 5<&- 6<&-
check_equal "and has the right bytes" "$(cksum < "$export_dir/new")" "$(cat /run/new)"
check_equal "and so has the other one" "$(tail -c +1025 "$export_dir/f1" | cksum)" \
	"$(cat /run/open)"
settle
drop_caches
before=$(rpc_reads)
check "what came then is cached" cmp "$export_dir/new" "$MNT/new"
check_equal "with no READ for it" 0 $(($(rpc_reads) - before))
nfs_umount
rm "$export_dir/new"

# --- what is set lasts until the detach, and open files of sysfs hold nothing up

settings="max_in_flight_ms read_bypass_ms max_in_flight_bytes"
values_now()
{
	local setting

	for setting in $settings; do
		cat "$(cachefs_dir)/$setting"
	done | xargs
}
cachefs_detach
echo "$disk" > /sys/fs/cachefs/attach
defaults=$(values_now)
for setting in $settings; do
	echo 12345 > "$(cachefs_dir)/$setting"
done
check_equal "what is set is shown" "12345 12345 12345" "$(values_now)"
for setting in $settings; do
	check "$setting has a bound" \
		eval '! echo 9223372036854775808 > "$(cachefs_dir)/$setting"'
done
check_equal "beyond which nothing is set" "12345 12345 12345" "$(values_now)"
cachefs_detach
echo "$disk" > /sys/fs/cachefs/attach
check_equal "after the next attach the defaults are back" "$defaults" "$(values_now)"
dir=$(cachefs_dir)
exec 5< "$dir/state" 6< "$dir/stats/hit_bytes" 7> "$dir/read_bypass_ms" 8< "$dir/volumes"
check_ends "rmmod with files of sysfs open" rmmod cachefs
check "which do not work any more" eval '! cat <&5 && ! cat <&6 && ! echo 1 >&7'
exec 5<&- 6<&- 7>&- 8<&-
check "the device is released" python3 -c "
import os, sys
os.close(os.open(sys.argv[1], os.O_RDWR | os.O_EXCL))" "$disk"

# --- CacheFiles was there first: a volume binds to the first cache it finds

if on_debug_kernel; then
	t_skip "another cache that was there first" "cachefilesd ends at once here"
	exit 0
fi

load cachefiles
mkfs.ext4 -q -F "$other"
mkdir /run/fscache
mount -o user_xattr "$other" /run/fscache
cat > /run/cachefilesd.conf <<-END
	dir /run/fscache
	tag incumbent
END

volumes_of()	# NAME
{
	awk -v name="$1" '$6 == name' /proc/fs/fscache/volumes | wc -l
}

cachefilesd -n -f /run/cachefilesd.conf > /run/cachefilesd.log 2>&1 &
daemon=$!
wait_for 60 cache_active incumbent ||
	t_die "no CacheFiles: $(cat /run/cachefilesd.log /proc/fs/fscache/caches)"
insmod /bed/cachefs.ko "cache=$disk"
cachefs_patient
check "both caches are active" cache_active cachefs
nfs_mount
check_equal "the bytes are right through the other cache" "$wanted" \
	"$(tree_sum "$MNT")"
check_equal "the mount is with the other cache" "1 0" \
	"$(volumes_of incumbent) $(volumes_of cachefs)"
check "cachefs has no volumes in sysfs" \
	eval "! ls -d $(cachefs_dir)/volumes/* 2>/dev/null"
check_equal "and stores nothing" 0 "$(cachefs_stat stored_bytes)"

# Do as the guide says: stop cachefilesd, unmount, mount again.
kill "$daemon"
wait "$daemon" || true
other_gone()
{
	! cache_active incumbent
}
check "the other cache is gone when its daemon is" wait_for 60 other_gone
nfs_umount
drop_caches
nfs_mount
check_equal "the bytes are right" "$wanted" "$(tree_sum "$MNT")"
check_equal "a new mount is with cachefs" "0 1" \
	"$(volumes_of incumbent) $(volumes_of cachefs)"
check_equal "what cachefs had is still there, and no READ is sent" 0 "$(rpc_reads)"
nfs_umount
rmmod cachefs
