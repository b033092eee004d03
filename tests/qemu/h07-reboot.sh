#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A reboot leaves a clean cache, even if NFS is mounted and is being read.  The next boot
# finds the checkpoint, and reads nothing from the server.  A server that is gone does not
# change that.  A disk that hangs does not hold the reboot.
#
# run: slow sleeps
#
# shellcheck source-path=SCRIPTDIR

set -eu
# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

new_disk cache 256M
new_disk srv 512M

# Print the console of the last guest.
# shellcheck disable=SC2317,SC2154 # called by host_check; boots is host.sh's
console()
{
	tr -d '\r' < "$BED_LOG.boot$boots.console"
}

host_check()	# NAME COMMAND...
{
	local name=$1

	shift
	if "$@" > "$BED_SCRATCH/check.out" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name - $(tail -n 3 "$BED_SCRATCH/check.out" | xargs)"
		failed=1
	fi
}
failed=0

# shellcheck disable=SC2317 # called by host_check
says()		# REGEX
{
	console | grep -E "$1"
}

# shellcheck disable=SC2317 # called by host_check
says_not()	# REGEX
{
	! console | grep -E "$1"
}

# Leave the guest at once, with all mounted.  The status says that the script came this
# far.
reboot_now='echo 0 > /dev/virtio-ports/status; sync; /bed/busybox reboot -f; sleep 600'

in_guest <<END
nfs_server_start
for i in 1 2 3 4; do fill "\$export_dir/f\$i" 8M "\$i"; done
sync
cachefs_load
nfs_mount
cat "\$MNT/f1" "\$MNT/f2" > /dev/null
settle
drop_caches
# Reads and stores go on; whatever happens to them, no reader sees an error.
( while :; do
	echo 1 > /proc/sys/vm/drop_caches
	for i in 1 2 3 4; do
		cmp "\$export_dir/f\$i" "\$MNT/f\$i" ||
			echo "bed: WARNING: a reader got an error or a wrong byte" > /dev/kmsg
	done
done ) &
sleep 3
check_equal "the mount is there" 1 "\$(grep -c " \$MNT nfs" /proc/mounts)"
$reboot_now
END
host_check "the log says that all is written" says 'cachefs: vd.: written'

in_guest <<END
nfs_server_start
cachefs_load
nfs_mount
for i in 1 2; do
	check "f\$i after the reboot" cmp "\$export_dir/f\$i" "\$MNT/f\$i"
done
check_equal "no READ after the reboot" 0 "\$(rpc_reads)"
check_equal "no checksum error" 0 "\$(cachefs_stat checksum_errors)"
# The server hangs, and so does a reader.
cat "\$MNT/f3" "\$MNT/f4" > /dev/null
settle
drop_caches
fill "\$export_dir/new" 8M 5
sync
exec 5< "\$MNT/new"
ip link set nfs-client down
cat <&5 > /dev/null &
sleep 1
$reboot_now
END
host_check "the attach after a reboot is clean" says 'cachefs: .* MiB cached in .* extents$'
host_check "it is no unclean stop" says_not 'unclean stop'
host_check "without a server, too, all is written" says 'cachefs: vd.: written'

# A detach that waits for a server that hangs has written all data before.
in_guest <<END
nfs_server_start
cachefs_load
nfs_mount
check "f1 after that reboot" cmp "\$export_dir/f1" "\$MNT/f1"
fill "\$export_dir/late" 8M 7
sync
exec 5< "\$MNT/late"
ip link set nfs-client down
cat <&5 > /dev/null &
sleep 1
cachefs_detach &
sleep 3
case \$(uname -r) in
6.1.*)	# A reader there waits for NFS alone.
	status=0
	wait \$! || status=\$?
	check_equal "the detach does not wait for the server" 0 "\$status" ;;
*)	check "the detach waits for the server" kill -0 \$! ;;
esac
$reboot_now
END

# The disk does not answer any more.
in_guest <<END
nfs_server_start
held_disk held cache
cachefs_load /dev/mapper/held
check_equal "the attach after it is clean" 0 "\$(dmesg | grep -c 'unclean stop')"
nfs_mount
cat "\$MNT/f1" > /dev/null
check_equal "no READ after the second reboot" 0 "\$(rpc_reads)"
fill "\$export_dir/newer" 8M 6
sync
hold held
cat "\$MNT/newer" > /dev/null &
wait_for 60 eval '! nothing_in_flight'
check "stores wait for the disk" eval '! nothing_in_flight'
$reboot_now
END
host_check "a disk that hangs does not hold the reboot" says 'goes down without that'

{
	cat <<'END'
nfs_server_start
cachefs_load
nfs_mount
check_equal "the attach after that is not clean" 1 "$(dmesg | grep -c 'unclean stop')"
for file in f1 f2 f3 f4 new late newer; do
	check "$file after all" cmp "$export_dir/$file" "$MNT/$file"
done
# The reboot meets detaches and attaches, and the end of the module.
nfs_umount
( while :; do cachefs_detach; cachefs_attach /dev/disk/cache; done ) 2> /dev/null &
( while sleep 0.7; do rmmod cachefs; cachefs_load; done ) 2> /dev/null &
sleep 5
END
	echo "$reboot_now"
} | in_guest

in_guest <<'END'
nfs_server_start
cachefs_load
nfs_mount
for file in f1 f2 f3 f4 new newer; do
	check "$file after a reboot in the midst of an attach or detach" \
		cmp "$export_dir/$file" "$MNT/$file"
done
nfs_umount
cachefs_unload
END
exit "$failed"
