#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The cache's disk is pulled out of the running machine while files are read and stored.
# NFS goes on.  A disk that is put in then becomes the cache.
#
# run: long
#
# shellcheck source-path=SCRIPTDIR

set -eu -o pipefail
# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

qmp=$BED_SCRATCH/qmp

for name in first second; do
	new_disk "$name" 64M
done
in_guest --qmp "$qmp" --disk-size srv:256M --timeout 1200 --qemu "$(echo \
	-device pcie-root-port,id=bay,chassis=1,slot=1 \
	-drive "if=none,id=first,file=$BED_SCRATCH/first.img,format=raw" \
	-device virtio-blk-pci,id=pulled,bus=bay,drive=first,serial=first
	)" <<'END' | hands "$qmp"
set -eu
expect_log "error|the cache is not used any more|no checkpoint"
nfs_server_start
for dir in warm cold; do
	fill_many "$export_dir/$dir" 8 9000 "1${#dir}"
	fill "$export_dir/$dir/large" 2M "2${#dir}"
done
fill_many "$export_dir/cold" 8 9000 30
sync
warm=$(tree_sum "$export_dir/warm")
cold=$(tree_sum "$export_dir/cold")
errors=/run/errors
: > "$errors"
# Linux 6.1 does not tell: there the errors of what is read and written do.
case $(uname -r) in
6.1.*)	said="the cache is not used any more" ;;
*)	said="the device is gone, the cache is not used any more" ;;
esac

reader()	# until /run/stop is there
{
	while [ ! -e /run/stop ]; do
		touch "$export_dir/cold"/*
		[ "$(tree_sum "$MNT/cold")" = "$cold" ] || echo cold
		[ "$(tree_sum "$MNT/warm")" = "$warm" ] || echo warm
		echo 1 > /proc/sys/vm/drop_caches
	done >> "$errors"
}

disk()		# NAME; prints its device
{
	local serial

	for serial in /sys/block/vd*/serial; do
		[ "$(cat "$serial")" = "$1" ] || continue
		serial=${serial%/serial}
		echo "/dev/${serial##*/}"
		return
	done
	return 1
}

no_disk()	# NAME
{
	! disk "$1"
}

failed()
{
	[ "$(cat "$(cachefs_dir)/state")" = failed ]
}

# Pull out the disk under readers.
pull()		# NAME
{
	rm -f /run/stop
	reader & readers=$!
	reader & readers+=" $!"
	sleep 1
	echo "PULL OUT"
	check "$1: the disk goes" wait_for 60 no_disk "$1"
	check "$1: the cache is out of use" wait_for 240 failed
	sleep 1
	: > /run/stop
	wait $readers
	check_equal "$1: no error and no wrong byte" "" \
		"$(sort "$errors" | uniq -c)"
	check "$1: the log says so" eval 'dmesg | grep -q "$said"'
	check_equal "$1: no page stays marked" 0 \
		"$(cachefs_stat pages_marked)"
	dmesg --clear
}

put()		# NAME
{
	echo "PUT IN $1"
	check "$1: the disk comes" wait_for 60 disk "$1"
}

in_use()	# NAME
{
	for i in 1 2; do
		drop_caches
		check_equal "$1: the right bytes, read $i" "$warm" \
			"$(tree_sum "$MNT/warm")"
		settle
	done
	check_equal "$1: the cache is in use" active \
		"$(cat "$(cachefs_dir)/state")"
	check "$1: and has hits" test "$(cachefs_stat hit_bytes)" -gt 0
}

cachefs_load "$(disk first)"
nfs_mount
in_use first
pull first
check "first: detach" cachefs_detach
put second
check "second: attach" cachefs_attach "$(disk second)"
in_use second
pull second
check "second: rmmod" rmmod cachefs
put first
check "first: attach" insmod /bed/cachefs.ko "cache=$(disk first)"
check "first: all is found again" cachefs_recovered
in_use first
nfs_umount
cachefs_unload
END
