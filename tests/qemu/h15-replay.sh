#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Cut real writes off anywhere.  dm-log-writes records a kernel's writes to its cache
# while the cache is filled, wraps, is detached and is attached again.  In user space the
# core attaches the result of a prefix of these writes, with and without the loss of some
# that were not flushed.  The core must not serve a wrong byte.  Some of these images are
# put under real NFS as well.
#
# usage: h15-replay.sh	50 prefixes, 3 of them in a guest; LONG=1: each one, and 50;
#			SEED= chooses others
#
# shellcheck source-path=SCRIPTDIR

set -eu
# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

prefixes=50 images=3
[ -z "${LONG:-}" ] || prefixes=0 images=50
root=$bed/../..
replay=$root/build/user/san/replay
# 30-user builds there, too.
mkdir -p "$root/build"
flock "$root/build/user.lock" make -s -C "$root/tests/user" ../../build/user/san/replay

# The server's disk has the files, and their later versions.
for version in 1 2 3 4 5; do
	mkdir -p "$BED_SCRATCH/tree/v$version"
	"$replay" files "$BED_SCRATCH/tree/v$version" "$version"
done
mv "$BED_SCRATCH/tree/v1" "$BED_SCRATCH/tree/files"
new_disk cache 34M
new_disk log 256M
new_disk srv 256M
mke2fs -q -F -t ext4 -d "$BED_SCRATCH/tree" "$BED_SCRATCH/srv.img"

in_guest --disk "log:$BED_SCRATCH/log.img" <<'END'
nfs_server_start
load dm-mod dm-log-writes
disk=$(readlink -f /dev/disk/cache)
dmsetup create --noudevsync logged --table \
	"0 $(blockdev --getsz "$disk") log-writes $disk $(readlink -f /dev/disk/log)"
dmsetup mknodes

# Read all, in pieces small enough to be some thousand writes.
pass()		# NAME
{
	nfs_mount rsize=32768
	echo 32 > "/sys/class/bdi/$(mountpoint -d "$MNT")/read_ahead_kb"
	check_equal "$1: the right bytes" "$(tree_sum "$export_dir/files")" \
		"$(tree_sum "$MNT/files")"
	settle
	nfs_umount
}

# In place, or as new files.
change()	# VERSION [OPTION]
{
	cp ${2:-} "$export_dir/$1"/* "$export_dir/files/"
}

cachefs_load /dev/mapper/logged
pass filled
change v2
pass "changed once"
change v3 --remove-destination
pass "changed twice"
change v4
pass "changed three times"
check_range "the cache has wrapped (bytes evicted)" $((8 << 20)) $((1 << 40)) \
	"$(cachefs_stat evicted_bytes)"
cachefs_unload
cachefs_load /dev/mapper/logged
change v5 --remove-destination
pass "attached again"
cachefs_unload
sync
check "all writes are recorded" dmsetup remove --noudevsync logged
END

run=$BED_LOG.replay
if "$replay" "$BED_SCRATCH/log.img" "$BED_SCRATCH/cache.img" \
	"$run.tsv" "$prefixes" "${SEED:-1}" "$images" \
	"$BED_SCRATCH/images.img" > "$run" 2>&1; then
	echo "ok no wrong byte after any prefix"
	grep '^#' "$run"
else
	echo "not ok no wrong byte after any prefix - $(grep -m 1 -E 'panic|ERROR' "$run"), $(grep -m 1 '^seed' "$run")"
	exit 1
fi

# The server has the files of the end, whatever image the cache has.
{
	echo "images=("
	sed -n 's/^image \(.*\)/"\1"/p' "$run"
	echo ")"
	cat <<'END'
# Of what was lost.
expect_log "checksum mismatch|damaged|unusable"
nfs_server_start
load dm-mod netfs fscache
insmod /bed/cachefs.ko
disk=$(readlink -f /dev/disk/images)
sectors=$(($(blockdev --getsz "$disk") / ${#images[@]}))

wanted=$(tree_sum "$export_dir/files")

for i in "${!images[@]}"; do
	read -r prefix kind warm <<< "${images[i]}"
	name="prefix $prefix, $kind"
	dmsetup create --noudevsync image --table \
		"0 $sectors linear $disk $((i * sectors))"
	dmsetup mknodes
	check "$name: attached" cachefs_attach /dev/mapper/image
	# Nothing is stored, so that nothing makes room for it.
	limit=$(cat "$(cachefs_dir)/max_in_flight_bytes")
	echo 0 > "$(cachefs_dir)/max_in_flight_bytes"
	nfs_mount
	check_equal "$name: the right bytes" "$wanted" "$(tree_sum "$MNT/files")"
	hits=$(cachefs_stat hit_bytes)
	echo "# $name: $((hits >> 10)) KiB of hits, $((warm >> 10)) in the replay"
	if [ "$kind" = exact ]; then
		# A folio is a hit if all of it is there.
		check_range "$name: the hits of the replay" $((warm * 7 / 8)) \
			"$warm" "$hits"
		check_equal "$name: no checksum error" 0 \
			"$(cachefs_stat checksum_errors)"
	fi
	echo "$limit" > "$(cachefs_dir)/max_in_flight_bytes"
	drop_caches
	check_equal "$name: the right bytes, while it stores" "$wanted" \
		"$(tree_sum "$MNT/files")"
	nfs_umount
	cachefs_detach
	dmsetup remove --noudevsync --retry image
done
END
} | in_guest --disk "images:$BED_SCRATCH/images.img" --timeout 3000
