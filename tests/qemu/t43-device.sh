#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Other formats on the cache's device.  A format that its own tools have made is refused
# by its name.  After "force", and with cached data, the device looks like nothing to
# blkid and wipefs.
#
# bed: --smp 1 --disk-size disk:128M --disk-size srv:256M --timeout 900
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

load netfs fscache dm_mod loop
disk=$(readlink -f /dev/disk/disk)
insmod /bed/cachefs.ko

# The log's lines of earlier parts stay in /run/earlier.
: > /run/earlier
clear_log()
{
	dmesg -c >> /run/earlier
}

attach()	# WORDS; says "accepted", or the errno's text
{
	local text

	if text=$( (echo "$*" > /sys/fs/cachefs/attach) 2>&1); then
		echo accepted
	else
		echo "${text##*: }"
	fi
}

zero()
{
	blkdiscard -f -z "$disk" 2>/dev/null
}

# Make a device of the first SECTORS of $disk.  Blocks of 4 KiB are not fine enough here.
sized()		# SECTORS: prints the path of the beginning of $disk
{
	dmsetup create --noudevsync sized --table "0 $1 linear $disk 0"
	dmsetup mknodes
	echo /dev/mapper/sized
}

unsized()
{
	dmsetup remove --noudevsync --retry sized
}

# Print the findings of blkid and wipefs, with nothing of the device in the page cache.
seen()		# DEVICE
{
	blockdev --flushbufs "$1"
	{ blkid -p "$1" || true; wipefs -n "$1"; } 2>&1 | xargs -d '\n'
}

named()		# NAME DEVICE
{
	clear_log
	check_equal "$1: refused" "Wrong medium type" "$(attach "$2")"
	check "$1: by its name" eval "dmesg | grep -q -F 'holds $1, not'"
}

forced()	# WHAT DEVICE
{
	check_equal "$1: force" accepted "$(attach "$2 force")"
	cachefs_detach
	check_equal "$1: nothing is left of it" "" "$(seen "$2")"
	check_equal "$1: it is a cache" accepted "$(attach "$2")"
	cachefs_detach
}

# --- what tools make

mkdir /run/tree
make_luks()
{
	# The image alone: no key, no device mapper.
	printf secret | cryptsetup luksFormat -q --type "$1" --pbkdf pbkdf2 \
		--pbkdf-force-iterations 1000 --key-file - "$disk" 2>&1
}
make()		# WHAT
{
	case $1 in
	btrfs)		mkfs.btrfs -q -f "$disk" ;;
	f2fs)		mkfs.f2fs -q -f "$disk" ;;
	squashfs)	mksquashfs /run/tree /run/squashfs -quiet -noappend
			dd if=/run/squashfs of="$disk" conv=notrunc ;;
	luks1|luks2)	make_luks "$1" ;;
	ext4)		mkfs.ext4 -q -F "$disk" ;;
	swap)		mkswap "$disk" ;;
	swap64k)	mkswap -p 65536 "$disk" ;;
	esac > /run/make 2>&1 || t_die "$1: $(cat /run/make)"
}
for what in btrfs f2fs squashfs luks1 luks2 ext4 swap swap64k; do
	case $what in
	luks*)	name="a LUKS volume" ;;
	swap*)	name="swap space" ;;
	ext4)	name="an ext2/3/4 file system" ;;
	f2fs)	name="an f2fs file system" ;;
	*)	name="a $what file system" ;;
	esac
	zero
	make "$what"
	check "$what is what blkid sees" test "$(seen "$disk")"
	named "$name" "$disk"
	forced "$what" "$disk"
done

# --- formats that are only at the end, also at sizes that are no multiple of a block

end_magic()	# DEVICE md1|md09|ddf|intel|zfs
{
	python3 - "$1" "$2" <<-'PYTHON'
	import os, struct, sys
	with open(sys.argv[1], "r+b") as disk:
	    size = disk.seek(0, 2) // 512
	    at, data = {
	        "md1": ((size - 16) & ~7, struct.pack("<II", 0xa92b4efc, 1) +
	            bytes(120) + struct.pack("<QQ", 0, (size - 16) & ~7)),
	        "md09": ((size & ~127) - 128, struct.pack("<IIII", 0xa92b4efc, 0, 90, 0)),
	        "ddf": (size - 1, b"\xde\x11\xde\x11" + bytes(508)),
	        "intel": (size - 2, b"Intel Raid ISM Cfg Sig. 1.0.00"),
	        "zfs": (256, struct.pack("<Q", 0xbab10c)),
	    }[sys.argv[2]]
	    disk.seek(at * 512)
	    disk.write(data)
	    disk.flush()
	    os.fsync(disk.fileno())
	PYTHON
}
for sectors in 262144 200007; do
	for what in md1 md09 ddf intel zfs; do
		case $what in
		md1)	name="a RAID member (md 1.0)" ;;
		md09)	name="a RAID member (md 0.90)" ;;
		ddf)	name="a RAID member (DDF)" ;;
		intel)	name="a RAID member (Intel)" ;;
		zfs)	name="a ZFS pool member" ;;
		esac
		zero
		device=$(sized "$sectors")
		end_magic "$device" "$what"
		named "$name" "$device"
		forced "$what on $sectors sectors" "$device"
		# On a former cache such a format leaves the superblock.
		end_magic "$device" "$what"
		named "$name" "$device"
		clear_log
		check_equal "$what on a former cache, format" "Wrong medium type" \
			"$(attach "$device format")"
		unsized
	done
done

# --- cached data, on a device whose last region once reached to the device's end

nfs_server_start
python3 - "$export_dir/file" <<'PYTHON'
import struct, sys
block = bytearray(4096)
struct.pack_into("<II", block, 0, 0xa92b4efc, 1)
struct.pack_into("<I", block, 3584, 0x11de11de)
for at, magic in (64, b"_BHRfS_M"), (1080, b"\x53\xef"), (510, b"\x55\xaa"), \
                 (4086, b"SWAPSPACE2"), (512, b"LABELONE"), (536, b"LVM2 001"):
    block[at:at + len(magic)] = magic
with open(sys.argv[1], "wb") as file:
    file.write(bytes(block) * 12000)
PYTHON
zero
device=$(sized $(((256 + 8 * 1024 + 1) * 8)))
check_equal "a device that ends where its last region could" accepted \
	"$(attach "$device")"
cachefs_patient
nfs_mount
cat "$MNT/file" > /dev/null
settle
check_range "it is full (bytes)" $((20 << 20)) $((64 << 20)) \
	"$(cachefs_stat device_written_bytes)"
nfs_umount
cachefs_detach
check_equal "what is cached looks like nothing" "" "$(seen "$device")"
check_equal "it attaches again" accepted "$(attach "$device")"
cachefs_detach
unsized

# --- a write to the device from before the attach, which has not reached the device yet

zero
exec 9<> "$disk"
printf 'this is no superblock' >&9
check_equal "a device that others have open, and wrote to" accepted \
	"$(attach "$disk force")"
cachefs_detach
sync
exec 9>&-
blockdev --flushbufs "$disk"
check_equal "the write does not arrive later, over the superblock" accepted \
	"$(attach "$disk")"
cachefs_detach

# --- a partition: messages have its number

zero
printf 'label: gpt\n,,L\n' | sfdisk -q --no-reread "$disk"
partx -u "$disk"
part=${disk}1
clear_log
check_equal "a partition" accepted "$(attach "$part force")"
check "a partition: the log has its name" eval \
	"dmesg | grep -q 'cachefs: ${part##*/}: attached as'"
check_equal "a partition: sysfs has its name" "$part" "$(cat "$(cachefs_dir)/device")"
cachefs_detach
check "a partition: the log has its name at the detach, too" eval \
	"dmesg | grep -q 'cachefs: ${part##*/}: detached'"
partx -d "$disk"

# --- sectors of 4096 bytes

zero
loop=$(losetup --find --show --sector-size 4096 --direct-io=on "$disk")
check_equal "large sectors: such a device (bytes)" 4096 "$(blockdev --getss "$loop")"
check_equal "large sectors" accepted "$(attach "$loop")"
cachefs_patient
fill "$export_dir/sectors" 5000001 8
nfs_mount
cat "$MNT/sectors" > /dev/null
settle
nfs_umount
cachefs_detach
drop_caches
clear_log
check_equal "large sectors: it attaches again" accepted "$(attach "$loop")"
check "large sectors: with what it had" eval \
	"dmesg | grep -qE 'cachefs: .* [4-9] MiB cached'"
cachefs_patient
nfs_mount
check "large sectors: the right bytes" cmp "$export_dir/sectors" "$MNT/sectors"
check_equal "large sectors: no READ" 0 "$(rpc_reads)"
nfs_umount
cachefs_detach
end_magic "$loop" md1
named "a RAID member (md 1.0)" "$loop"
forced "md1 on large sectors" "$loop"
losetup -d "$loop"

# --- a device that takes no discards

if on_debug_kernel; then
	t_skip "a device without discards" "null_blk is no module"
elif modprobe null_blk nr_devices=1 gb=1 memory_backed=1; then
	clear_log
	check_equal "a device without discards attaches" accepted "$(attach /dev/nullb0)"
	check_equal "and refuses to discard" "Operation not supported" \
		"$( (echo 1 > "$(cachefs_dir)/discard") 2>&1 | sed 's/.*: //')"
	check "the log says why" eval \
		"dmesg | grep -q 'nullb0: the device takes no discards of a region'"
	check_equal "0 is no fault" "0" \
		"$(echo 0 > "$(cachefs_dir)/discard"; cat "$(cachefs_dir)/discard")"
	cachefs_detach
	rmmod null_blk
else
	check "a device without discards" false
fi

# --- a zoned device

if modprobe null_blk nr_devices=1 zoned=1 zone_size=4 gb=1 memory_backed=1; then
	clear_log
	check_equal "a zoned device: refused" "Invalid argument" \
		"$(attach /dev/nullb0 force)"
	check "a zoned device: by name" eval \
		"dmesg | grep -q 'nullb0: zoned devices are not supported'"
	rmmod null_blk
else
	check "a zoned device" false
fi

# --- a device that grows

zero
device=$(sized $((100 << 11)))
fill "$export_dir/grow" 4M 7
wanted=$(xxhsum -q -H2 < "$export_dir/grow")
attach "$device" > /dev/null
cachefs_patient
nfs_mount
cat "$MNT/grow" > /dev/null
settle
nfs_umount
cachefs_detach
unsized
drop_caches
device=$(sized $((120 << 11)))
clear_log
check_equal "a device that has grown" accepted "$(attach "$device")"
cachefs_patient
check "the log says by how much" eval "dmesg | grep -q 'has grown by 20 MiB'"
nfs_mount
check_equal "what it had is there: the right bytes" "$wanted" \
	"$(xxhsum -q -H2 < "$MNT/grow")"
check_equal "what it had is there: no READ" 0 "$(rpc_reads)"
nfs_umount
cachefs_detach
check_equal "all of it is used after format" accepted "$(attach "$device format")"
check_equal "the right size (MiB)" 114 \
	"$(dmesg | sed -n 's/.*attached as .*, \([0-9]*\) MiB.*/\1/p' | tail -n 1)"
cachefs_detach
unsized

check_equal "no superblock, checksum or region was bad" "" \
	"$({ cat /run/earlier; dmesg; } | grep -E 'cachefs: .*(mismatch|damaged|unusable)' || true)"
check "rmmod" rmmod cachefs
