#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The order of mounting and attaching does not matter, and neither does when a
# cache goes: NFS goes on, and what was cached is there when it comes back.
# Wrong words and wrong devices are refused with their errno.
#
# bed: --disk-size cache:256M --disk-size other:400M --disk-size srv:256M --timeout 400
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

# A write to attach must fail with an errno, and say in the log why.
refused()	# NAME ERRNO LOG-REGEX COMMAND...
{
	local name=$1 errno=$2 regex=$3 got

	shift 3
	dmesg -C
	got=$(python3 - "$*" <<-'END'
		import errno, os, sys
		fd = os.open("/sys/fs/cachefs/attach", os.O_WRONLY)
		try:
		    os.write(fd, sys.argv[1].encode())
		    print("accepted")
		except OSError as e:
		    print(errno.errorcode[e.errno])
	END
	)
	check_equal "$name: errno" "$errno" "$got"
	check_range "$name: the log says why" 1 2 \
		"$(dmesg | grep -c -E "cachefs: .*($regex)")"
}

load netfs fscache
insmod /bed/cachefs.ko
refused "no such path" ENOENT "no such file" /dev/nothing
refused "not a block device" ENOTBLK "not a block device" /bed/lib.sh
refused "a word that is not understood" EINVAL "not understood" "$disk quickly"
refused "no path" EINVAL "no device given" " "
refused "a mounted device" EBUSY "in use" "$(readlink -f /dev/disk/srv)"
blockdev --setro "$other"
refused "a read-only device" EROFS "read-only" "$other"
blockdev --setrw "$other"
for fs in "ext4 -F" "xfs -f"; do
	# shellcheck disable=SC2086 # words
	set -- $fs
	dd if=/dev/zero of="$other" bs=1M count=4 2>/dev/null
	"mkfs.$1" -q "$2" "$other"
	sync
	before=$(cksum < "$other")
	refused "a device with $1" EMEDIUMTYPE "$1|ext2/3/4" "$other"
	check_equal "a device with $1: nothing is overwritten" "$before" \
		"$(cksum < "$other")"
done
blkdiscard -f -z "$other"
head -c 5000000 /dev/urandom | dd of="$other" bs=1M seek=100 conv=notrunc 2>/dev/null
python3 -c "
import sys
with open(sys.argv[1], 'r+b') as f: f.seek(300000); f.write(b'something')" "$other"
refused "a device with unknown data" EMEDIUMTYPE "unknown data" "$other"
refused "and with the word format" EMEDIUMTYPE "unknown data" "$other format"
check "with the word force it is formatted" cachefs_attach "$other" force
refused "a second device" EBUSY "already is" "$disk"
cachefs_detach

# A superblock that is damaged in one field.
damage()	# OFFSET BYTES(octal)
{
	# shellcheck disable=SC2059
	printf "$2" | dd of="$other" bs=1 seek="$1" conv=notrunc 2>/dev/null
}
dd if="$other" of=/run/super bs=4096 count=1 2>/dev/null
damage 8 '\011'
refused "another format version" ENOTSUP "format version" "$other"
dd if=/run/super of="$other" conv=notrunc 2>/dev/null
damage 100 '\377\377'
refused "a wrong checksum" EUCLEAN "checksum" "$other"
before=$(cksum < "$other")
refused "a damaged cache" EUCLEAN "bad superblock" "$other"
check_equal "a damaged cache is not overwritten" "$before" "$(cksum < "$other")"
dd if=/run/super of="$other" conv=notrunc 2>/dev/null
check "the cache is attached when it is whole again" cachefs_attach "$other"
cachefs_detach
check "and formatted anew when asked to" cachefs_attach "$other" format
cachefs_detach

# --- mounted first, attached later

nfs_mount
check_equal "without a cache: the right bytes" "$wanted" "$(tree_sum "$MNT")"
check "attach under a mount" cachefs_attach "$disk"
drop_caches
check_equal "attached under a mount: the right bytes" "$wanted" "$(tree_sum "$MNT")"
settle
drop_caches
before=$(rpc_reads)
check_equal "and then warm" "$wanted" "$(tree_sum "$MNT")"
check_equal "with no READ" 0 $(($(rpc_reads) - before))

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
check "attached again under the mount" cachefs_attach "$disk"
drop_caches
before=$(rpc_reads)
check_equal "what was cached before is warm" "$wanted" "$(tree_sum "$MNT")"
check_equal "with no READ for it" 0 $(($(rpc_reads) - before))
nfs_umount
check "rmmod" rmmod cachefs
check "the device is released" python3 -c "
import os, sys
os.close(os.open(sys.argv[1], os.O_RDWR | os.O_EXCL))" "$disk"
