#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# An attach is refused for wrong words, wrong paths, devices that hold something else, and
# damaged and shrunk caches.  Each refusal has its errno and one line in the log that says
# why, and changes no byte of the device.
#
# bed: --smp 1 --disk-size disk:64M --disk-size other:64M --timeout 400
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

load netfs fscache dm_mod dm_flakey ext4 xfs
disk=$(readlink -f /dev/disk/disk)
other=$(readlink -f /dev/disk/other)

# Print the name of the errno in a message of bash or insmod, or "accepted".
errno_of()	# STATUS TEXT
{
	if [ "$1" = 0 ]; then
		echo accepted
		return
	fi
	case $2 in
	*": No such file or directory")		echo ENOENT ;;
	*": Unknown symbol in module"*)	echo ENOENT ;;	# insmod's words
	*": Not a directory")			echo ENOTDIR ;;
	*": Block device required")		echo ENOTBLK ;;
	*": Device or resource busy")		echo EBUSY ;;
	*": Invalid argument")			echo EINVAL ;;
	*": Invalid parameters")		echo EINVAL ;;	# insmod's words
	*": Read-only file system")		echo EROFS ;;
	*": No space left on device")		echo ENOSPC ;;
	*": Wrong medium type")			echo EMEDIUMTYPE ;;
	*": Structure needs cleaning")		echo EUCLEAN ;;
	*": Operation not supported")		echo EOPNOTSUPP ;;
	*": Input/output error")		echo EIO ;;
	*)					echo "$2" ;;
	esac
}

attach()	# WORDS
{
	local text status=0

	text=$( (echo "$*" > /sys/fs/cachefs/attach) 2>&1) || status=$?
	errno_of "$status" "$text"
}

load_with()	# PARAMETERS
{
	local text status=0

	text=$(insmod /bed/cachefs.ko "$@" 2>&1) || status=$?
	errno_of "$status" "$text"
}

# Print a checksum of the device that the first word names, if it names one.  The bytes
# come from the device: the module does not write through the page cache.
bytes_of()	# PATH...
{
	[ -b "${1:-}" ] || return 0
	blockdev --flushbufs "$1"
	xxhsum -q -H2 < "$1"
}

# The log must have one line that says why, and at most one more line, with the number.
one_line()	# NAME LOG-REGEX
{
	local all why

	all=$(dmesg | grep -c "cachefs: ") || true
	why=$(dmesg | grep -c -E "cachefs: .*($2)") || true
	if [ "$why" = 1 ] && [ "$all" -le 2 ]; then
		t_ok "$1: one line in the log says why"
	else
		t_fail "$1: one line in the log says why" "$(dmesg | xargs -d '\n')"
	fi
}

refused()	# NAME ERRNO LOG-REGEX WORDS
{
	local name=$1 errno=$2 regex=$3 before

	shift 3
	sync
	# shellcheck disable=SC2086,SC2048 # words
	before=$(bytes_of $*)
	dmesg -C
	check_equal "$name: errno" "$errno" "$(attach "$@")"
	one_line "$name" "$regex"
	# shellcheck disable=SC2086,SC2048
	check_equal "$name: nothing is written" "$before" "$(bytes_of $*)"
}

not_loaded()	# NAME ERRNO LOG-REGEX PATH
{
	local before

	before=$(bytes_of "$4")
	dmesg -C
	check_equal "$1: errno of loading" "$2" "$(load_with "cache=$4")"
	one_line "$1 at load" "$3"
	check "$1: nothing is loaded" test ! -e /sys/module/cachefs
	check "$1: nothing is left in sysfs" test ! -e /sys/fs/cachefs
	check_equal "$1 at load: nothing is written" "$before" "$(bytes_of "$4")"
}

zero()
{
	blkdiscard -f -z "$other" 2>/dev/null
}

# Make a device of the first BLOCKS blocks of 4096 bytes of $other.
sized()		# NAME BLOCKS: prints its path
{
	dmsetup create --noudevsync "$1" --table "0 $(($2 * 8)) linear $other 0"
	dmsetup mknodes
	echo "/dev/mapper/$1"
}

unsized()	# NAME...
{
	local name

	for name; do
		dmsetup remove --noudevsync --retry "$name"
	done
}

# --- while nothing is loaded: the module's parameter

# Load the module once, because the kernel complains about the first module from outside.
insmod /bed/cachefs.ko
rmmod cachefs

not_loaded "no such path" ENOENT "/dev/nothing: cannot be opened: no such file" \
	/dev/nothing
not_loaded "a path below a file" ENOTDIR "cannot be opened" /bed/lib.sh/disk
not_loaded "a file" ENOTBLK "/bed/lib.sh: cannot be opened: not a block device" \
	/bed/lib.sh
not_loaded "a directory" ENOTBLK "not a block device" /dev
not_loaded "a character device" ENOTBLK "not a block device" /dev/null
mkfs.ext4 -q -F "$other"
not_loaded "a file system" EMEDIUMTYPE "holds an ext2/3/4 file system" "$other"
mkdir /run/mounted
mount -o ro "$other" /run/mounted
not_loaded "a mounted device" EBUSY "in use" "$other"
umount /run/mounted
blockdev --setro "$disk"
not_loaded "a read-only device" EROFS "read-only" "$disk"
blockdev --setrw "$disk"
zero
small=$(sized small 1000)
not_loaded "a small device" ENOSPC "too small" "$small"
unsized small
check_equal "an unknown parameter does no harm" accepted "$(load_with cash=/dev/vdx)"
rmmod cachefs
check_equal "with an empty path the module is loaded without a cache" accepted \
	"$(load_with cache=)"
check "and has none" eval "! ls -d /sys/fs/cachefs/*-*"

# --- words and paths

refused "no such path" ENOENT "no such file" /dev/nothing
refused "not a block device" ENOTBLK "not a block device" /bed/lib.sh
refused "a word that is not understood" EINVAL "not understood" "$disk quickly"
refused "no path" EINVAL "no device given" " "
mkfs.ext4 -q -F "$other"
mount -o ro "$other" /run/mounted
refused "a mounted device" EBUSY "in use" "$other"
refused "a mounted device, by force" EBUSY "in use" "$other force"
umount /run/mounted
blockdev --setro "$other"
refused "a read-only device" EROFS "read-only" "$other force"
blockdev --setrw "$other"

# --- what devices hold

refused "an ext4 file system" EMEDIUMTYPE "an ext2/3/4 file system" "$other"
zero
truncate -s 300M /run/xfs	# it does not make smaller ones
mkfs.xfs -q /run/xfs
dd if=/run/xfs of="$other" bs=1M count=1 2>/dev/null
rm /run/xfs
refused "an xfs file system" EMEDIUMTYPE "an xfs file system" "$other"
zero
pvcreate -q -y -ff --config 'devices { dir="/dev" obtain_device_list_from_udev=0
	external_device_info_source="none" } activation { udev_sync=0 udev_rules=0 }
	global { use_lvmpolld=0 }' "$other" > /run/pvcreate 2>&1 ||
	t_die "pvcreate: $(cat /run/pvcreate)"
refused "an LVM physical volume" EMEDIUMTYPE "an LVM physical volume" "$other"
refused "an LVM physical volume, with the word format" EMEDIUMTYPE \
	"an LVM physical volume" "$other format"
for label in gpt dos; do
	zero
	printf 'label: %s\n,,L\n' "$label" | sfdisk -q --no-reread "$other"
	case $label in
	gpt)	what="a GPT partition table" ;;
	dos)	what="an MBR partition table" ;;
	esac
	refused "$what" EMEDIUMTYPE "$what" "$other"
done
zero
mkswap -q "$other" > /dev/null
refused "swap space" EMEDIUMTYPE "swap space" "$other"
zero
printf something | dd of="$other" bs=1 seek=300000 conv=notrunc 2>/dev/null
refused "unknown data" EMEDIUMTYPE "unknown data" "$other"
refused "unknown data, with the word format" EMEDIUMTYPE "unknown data" \
	"$other format"
zero
printf something | dd of="$other" bs=1 seek=$((64 * 1048576 - 9)) conv=notrunc \
	2>/dev/null
refused "unknown data at the end" EMEDIUMTYPE "unknown data" "$other"

# --- former caches that became something that leaves the cache's superblock there

was_a_cache()	# WORDS
{
	zero
	check_equal "before there was $*: a cache" accepted "$(attach "$other")"
	cachefs_detach
}

was_a_cache "a RAID member"
printf '\xfc\x4e\x2b\xa9' | dd of="$other" bs=1 seek=4096 conv=notrunc 2>/dev/null
refused "a RAID member that was a cache" EMEDIUMTYPE "a RAID member" "$other"
refused "a RAID member that was a cache, with the word format" EMEDIUMTYPE \
	"a RAID member" "$other format"
was_a_cache "a bcache device"
printf '\xc6\x85\x73\xf6\x4e\x1a\x45\xca' |
	dd of="$other" bs=1 seek=4120 conv=notrunc 2>/dev/null
refused "a bcache device that was a cache" EMEDIUMTYPE "a bcache device" "$other"
was_a_cache "a partition table"
printf 'label: gpt\n,,L\n' | sfdisk -q --no-reread "$other"
refused "a GPT that was a cache, with the word format" EMEDIUMTYPE \
	"a GPT partition table" "$other format"

# --- sizes

zero
for blocks in 1 300; do
	small=$(sized small "$blocks")
	refused "a blank device of $blocks blocks" ENOSPC "too small" "$small"
	unsized small
done
least=$((256 + 7 * 1024 + 256))
small=$(sized small $((least - 1)))
refused "one block less than is needed" ENOSPC "too small" "$small"
refused "one block less than is needed, by force" ENOSPC "too small" \
	"$small force"
unsized small
small=$(sized small "$least")
check_equal "as much as is needed" accepted "$(attach "$small")"
cachefs_detach
unsized small

# --- superblocks

blocks=12288
zero
device=$(sized device "$blocks")
check_equal "a blank device" accepted "$(attach "$device")"
cachefs_detach
dd if="$device" of=/run/super bs=4096 count=1 2>/dev/null
restore()
{
	dd if=/run/super of="$device" bs=4096 conv=notrunc 2>/dev/null
	dd if=/run/super of="$device" bs=4096 seek=$((blocks - 1)) conv=notrunc \
		2>/dev/null
	sync
}

bad()		# NAME ERRNO LOG-REGEX FIELD=NUMBER...
{
	local name=$1 errno=$2 regex=$3

	shift 3
	python3 /bed/super.py "$device" "$@" > /run/fields ||
		t_die "super.py $*: $(cat /run/fields)"
	refused "$name" "$errno" "bad superblock: $regex" "$device"
	restore
}
# A superblock with a new checksum is accepted, so the refusals below are because of the
# fields.
python3 /bed/super.py "$device" features_compat=64 > /dev/null
check_equal "a superblock with a compatible feature" accepted "$(attach "$device")"
cachefs_detach
restore
bad "an older format version" EOPNOTSUPP \
	"format version: .* version 1, which is older.*\"format\" makes a new one" version=1
bad "a newer format version" EOPNOTSUPP "format version: .* version 3, which is newer" \
	version=3
bad "a feature that is not known" EOPNOTSUPP "features: .*bits 0x40" features_incompat=64
bad "another block size" EUCLEAN "block size" block_size=8192
bad "another device size" EUCLEAN "device size" "device_blocks=$((blocks + 1))"
bad "a region size that is no power of two" EUCLEAN "region size" region_blocks=1000
bad "regions that are too small" EUCLEAN "region size" region_blocks=32
bad "another first block" EUCLEAN "first block" first_block=300
bad "another number of regions" EUCLEAN "number of regions" nr_regions=16
bad "a copy that is not the same" EUCLEAN "copy at the end of the device" \
	checksum_seed=1 copy=0
printf '\377\377' | dd of="$device" bs=1 seek=100 conv=notrunc 2>/dev/null
refused "a damaged superblock" EUCLEAN "bad superblock: checksum" "$device"
rmmod cachefs
not_loaded "a damaged superblock" EUCLEAN "bad superblock: checksum" "$device"
load_with > /dev/null
restore
check_equal "the superblock as it was" accepted "$(attach "$device")"
cachefs_detach

unsized device
dmsetup create --noudevsync device <<-END
	0 $(((blocks - 1) * 8)) linear $other 0
	$(((blocks - 1) * 8)) 8 error
END
dmsetup mknodes
dmesg -C
check_equal "a bad sector at the end: errno" EIO "$(attach /dev/mapper/device)"
one_line "a bad sector at the end" "copy cannot be read: error -5"
unsized device
device=$(sized device $((blocks + 1)))
check_equal "a cache whose device has grown" accepted "$(attach "$device")"
cachefs_detach
unsized device
device=$(sized device $((blocks - 1)))
refused "a cache whose device has shrunk" EUCLEAN "bad superblock: device size" \
	"$device"
check_equal "it is made anew when asked to" accepted "$(attach "$device format")"
cachefs_detach
unsized device

# --- devices that cannot be written

zero
device=$(sized device "$blocks")
no_writes="0 $((blocks * 8)) flakey $other 0 0 3600 1 error_writes"
exchange_table device <<< "$no_writes"
refused "a blank device that cannot be written" EIO \
	"cannot be formatted: error -5" "$device"
exchange_table device <<< "0 $((blocks * 8)) linear $other 0"
exec 9<> "$device"
printf something >&9
exchange_table device <<< "$no_writes"
dmesg -C
check_equal "what others wrote cannot be written: errno" EIO "$(attach "$device")"
one_line "what others wrote cannot be written" \
	"$device: what was written to it before cannot be written: error -5"
exec 9>&-
unsized device

# --- the same cache twice

zero
check_equal "the first of two" accepted "$(attach "$disk")"
refused "a second device" EBUSY "already is" "$other"
cachefs_detach
device=$(sized device $(($(blockdev --getsz "$disk") / 8)))
dd if="$disk" of="$device" bs=1M 2>/dev/null
check_equal "the original of a copy" accepted "$(attach "$disk")"
uuid=$(basename "$(cachefs_dir)")
refused "its copy, while it is attached" EBUSY "already is" "$device"
refused "itself, while it is attached" EBUSY "already is" "$disk"
cachefs_detach
check_equal "its copy, after a detach" accepted "$(attach "$device")"
check_equal "the copy has the same UUID" "$uuid" "$(basename "$(cachefs_dir)")"
refused "the original, while its copy is attached" EBUSY "already is" "$disk"
cachefs_detach
unsized device
check_equal "the original, after that" accepted "$(attach "$disk")"
cachefs_detach
check "rmmod" rmmod cachefs
