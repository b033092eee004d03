#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Images that somebody has changed, with checksums that fit, are attached in a
# kernel with KASAN while NFS reads through them.
#
# IMAGES=n chooses how many, SEED=n which.
#
# run: slow
#
# shellcheck source-path=SCRIPTDIR

set -eu
# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

nr=${IMAGES:-${LONG:+2000}}
nr=${nr:-40}
need_kernel debug
make -s -C "$bed/../user" only-fast
"$bed/../../build/user/fast/hostile" dump "$nr" "${SEED:-1}" > "$BED_SCRATCH/images"
in_guest --series debug --timeout $((600 + nr * 6)) \
	--append log_buf_len=16M --add "$BED_SCRATCH/images" <<END
nfs_server_start
fill "\$export_dir/file" 150000 1
sync
[ ! -e /bed/cachefs.ko ] || insmod /bed/cachefs.ko
nfs_mount
truncate -s \$(((256 + 8 * 64 + 1) * 4096)) /run/image
load loop
losetup /dev/loop0 /run/image
check "$nr images are refused with a reason, or harmless" \
	eval "python3 /bed/hostile.py /bed/images /run/image '\$MNT/file' \
		'\$export_dir/file' > /run/counts"
echo "# $nr images, \$(grep -c 'wrong bytes' /run/counts) wrong bytes: \$(tail -n 1 /run/counts)"
of()		# WORD: its number
{
	grep -oE "\$1 [0-9]+" /run/counts | cut -d ' ' -f 2
}
check_range "many of them are attached" $((nr / 3)) $nr "\$(of attached)"
check_range "and some are not" 1 $((nr / 2)) "\$(($nr - \$(of attached)))"
check_equal "each refusal has its line in the log" \$(($nr - \$(of attached))) \
	"\$(dmesg | grep -c -E 'loop0: (bad superblock|holds )')"
nfs_umount
losetup -d /dev/loop0
END
