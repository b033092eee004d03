#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Attach hostile images in a kernel with KASAN, while NFS reads through them.  They are
# images of a cache that NFS has filled, with changes and with checksums that fit.
#
# IMAGES=n is the number of images.  SEED=n chooses other images.
#
# run: slow
#
# shellcheck source-path=SCRIPTDIR

set -eu
# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

nr=${IMAGES:-${LONG:+2000}}
nr=${nr:-24}
# 30-user builds there, too.
mkdir -p "$bed/../../build"
flock "$bed/../../build/user.lock" make -s -C "$bed/../user" only-fast

# Make two images: one of a detached cache, and one of a cache in use.
new_disk srv 64M
for name in cache clean unclean; do
	new_disk $name 34M
done
in_guest --disk "clean:$BED_SCRATCH/clean.img" \
	--disk "unclean:$BED_SCRATCH/unclean.img" <<'END'
nfs_server_start
fill_many "$export_dir/files" 10 9000 1
fill "$export_dir/files/large" 300K 2
fill "$export_dir/later" 300K 3
sync
cachefs_load
nfs_mount
cat "$MNT"/files/* > /dev/null
settle
nfs_umount
cachefs_unload
dd if=/dev/disk/cache of=/dev/disk/clean bs=1M iflag=direct oflag=direct 2>/dev/null
cachefs_load
nfs_mount
cat "$MNT/later" > /dev/null
settle_records
dd if=/dev/disk/cache of=/dev/disk/unclean bs=1M iflag=direct oflag=direct 2>/dev/null
nfs_umount
cachefs_unload
sync
check "NFS has filled them, and they differ" eval '! cmp -s /dev/disk/clean /dev/disk/unclean'
END
rm "$BED_SCRATCH/cache.img"

"$bed/../../build/user/fast/hostile" dump "$nr" "${SEED:-1}" "$BED_SCRATCH/clean.img" \
	"$BED_SCRATCH/unclean.img" > "$BED_SCRATCH/images"
need_kernel debug
in_guest --series debug --timeout $((600 + nr * 20)) \
	--disk "clean:$BED_SCRATCH/clean.img" --disk "unclean:$BED_SCRATCH/unclean.img" \
	--append log_buf_len=16M --add "$BED_SCRATCH/images" <<END
expect_log "checksum mismatch|damaged|unusable"
nfs_server_start
[ ! -e /bed/cachefs.ko ] || insmod /bed/cachefs.ko
nfs_mount
truncate -s 34M /run/image
load loop
losetup /dev/loop0 /run/image
check "$nr images are refused with a reason, or harmless" \
	eval "python3 /bed/hostile.py /bed/images /run/image '\$MNT' \
		'\$export_dir' > /run/counts"
echo "# $nr images, \$(grep -c 'wrong bytes' /run/counts) wrong bytes: \$(tail -n 1 /run/counts)"
of()		# WORD: its number
{
	grep -oE "\$1 [0-9]+" /run/counts | cut -d ' ' -f 2
}
check_range "many of them are attached" $((nr / 3)) $nr "\$(of attached)"
check_range "and some are not" 1 $((nr / 2)) "\$(($nr - \$(of attached)))"
check_range "NFS reads from many of them" $((nr / 3)) $nr "\$(of warm)"
check_equal "each refusal has its line in the log" \$(($nr - \$(of attached))) \
	"\$(dmesg | grep -c -E 'loop0: (bad superblock|holds )')"
nfs_umount
losetup -d /dev/loop0
END
