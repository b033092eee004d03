#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Network file systems other than NFS: 9p and CIFS.  Data that they read is cached, and
# found again.  Data that is changed on the server or here is not served from the old
# cached blocks, also not after a power cut.
#
# run: sleeps
#
# shellcheck source-path=SCRIPTDIR

set -eu
# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

new_disk cache 128M
new_disk srv 64M
mkdir "$BED_SCRATCH/share"

# Boot a guest with a directory that QEMU exports twice.
others_guest()	# [OPTION...] < SCRIPT
{
	in_guest --share "share:$BED_SCRATCH/share" \
		--share "origin:$BED_SCRATCH/share" "$@" \
		< <(echo '. /bed/others.sh'; echo servers_start; cat)
}

others_guest <<'END'
for fs in $file_systems; do
	srv=/srv/$fs mnt=/mnt/$fs
	mkdir "$srv/tree"
	fill "$srv/tree/large" 3000001 1
	fill_many "$srv/tree/small" 10 5000 2
	for name in write mmap truncate detached resized changed cut uncut; do
		fill "$srv/$name" 200000 3
	done
	fill "$srv/bad" 200000 5
	fill /run/append 6000000 4
	cp /run/append "$srv/append"
	chmod -R a+rwX "$srv"
	# Only times tell versions apart here.
	wait_for 60 file_settled "$srv/append"
	cachefs_load
	"mount_$fs"

	size=3050001
	what="cold"
	# With as little on its way as goes: what is refused would be missing.
	echo 2097152 > "$(cachefs_dir)/max_in_flight_bytes"
	reads 0 tree
	store_all
	check_equal "$fs: all was stored" $((size * caching)) \
		"$(cachefs_stat stored_bytes)"
	what="after drop_caches"
	drop_caches
	reads "$size" tree
	what="after umount and mount"
	umount "$mnt"
	"mount_$fs"
	reads "$size" tree
	what="after detach and attach"
	cachefs_unload
	cachefs_load
	drop_caches
	reads "$size" tree

	for name in write mmap truncate detached resized changed cut; do
		cat "$mnt/$name" > /dev/null
	done
	store_all
	if [ "$fs" = 9p ]; then
		# Then its object goes, and the cookie stays.
		what="not in use for some seconds"
		sleep 12
		forget_pages
		reads 200000 write
	fi
	drop_caches

	for how in write mmap truncate; do
		what="$how by a local writer"
		reads 200000 "$how"
		write_some "$how" "$mnt/$how"
		forget_pages
		stored=$(cachefs_stat stored_bytes)
		reads 0 "$how"
		store_all
		check_equal "$fs: $what: not stored" "$stored" \
			"$(cachefs_stat stored_bytes)"
		what="$what, with a new inode"
		wait_for 60 file_settled "$srv/$how"
		drop_caches
		reads 0 "$how"
		store_all
		drop_caches
		reads 200000 "$how"
	done

	what="written to while nothing was attached"
	reads 200000 detached
	# Somebody keeps the inode.
	exec 5< "$mnt/detached"
	cachefs_unload
	write_some write "$mnt/detached"
	sync
	cachefs_load
	forget_pages
	reads 0 detached
	exec 5<&-
	what="truncated while nothing was attached"
	reads 200000 resized
	cachefs_unload
	write_some truncate "$mnt/resized"
	cachefs_load
	forget_pages
	reads 0 resized
	forget_pages
	reads 0 resized

	what="changed on the server"
	reads 200000 changed
	fill "$srv/changed" 200000 4
	wait_for 60 file_settled "$srv/changed"
	# 9p does not ask the server again about an inode that it has.
	[ "$fs" = cifs ] || drop_caches
	reads 0 changed
	store_all
	# CIFS leaves FS-Cache with the attributes of before.
	forget_pages
	[ "$fs" = 9p ] || reads 0 changed
	drop_caches
	what="what it was changed to"
	cat "$mnt/changed" > /dev/null
	store_all
	drop_caches
	reads 200000 changed

	what="written to before it was stored"
	stored=$(cachefs_stat stored_bytes)
	write_some append "$mnt/append"
	sync
	check_equal "$fs: $what: not what it has become" "$stored" \
		"$(cachefs_stat stored_bytes)"
	forget_pages
	reads 0 append

	check_equal "$fs: no page is marked" 0 "$(cachefs_stat pages_marked)"
	check_equal "$fs: nothing was refused" 0 \
		"$(cachefs_stat store_refused_bytes)"
	check_equal "$fs: no checksum failed" 0 "$(cachefs_stat checksum_errors)"

	# A failed read of the cache goes to the server.  NFS would ask it once
	# more anyway, and readahead would have failed before.
	expect_log "checksum mismatch"
	cat "$mnt/bad" > /dev/null
	store_all
	umount "$mnt"
	cachefs_unload
	cachefs_damage "$srv/bad" 40960
	cachefs_load
	"mount_$fs"
	check "$fs: a page fault on a bad block: the right bytes" \
		python3 /bed/fault.py "$mnt/bad" "$srv/bad" 40960
	check_equal "$fs: and it was a bad block" $caching \
		"$(cachefs_stat checksum_errors)"
	umount "$mnt"
	cachefs_unload
done
END

others_guest --cut-at 'CUT NOW' <<'END'
cachefs_load
for fs in $file_systems; do
	mnt=/mnt/$fs
	"mount_$fs"
	cat "$mnt/cut" > /dev/null
	write_some write "$mnt/cut"
	sync
	cat "$mnt/cut" > /dev/null
done
if [ "$fs" = 9p ]; then
	echo CUT NOW
	sleep 60
fi
# And with what the cache could have, but not the server.
load sch_netem
{
	exec 5< "$mnt/uncut" 6<> "$mnt/uncut"
	: > /run/open
	until [ -e /run/slow ]; do sleep 0.1; done
	# A whole page, which is not read before.  The shell's close of the copy
	# of 6 waits for the server.
	printf %4096s "not on the server" >&6
} &
wait_for 60 test -e /run/open || t_die "not opened"
tc qdisc add dev lo root netem delay 100s
: > /run/slow
wait_for 60 grep -q '^Writeback: *[1-9]' /proc/meminfo || t_die "not written"
sleep 9
echo CUT NOW
sleep 60
END

others_guest <<'END'
cachefs_load
what="after a power cut"
for fs in $file_systems; do
	"mount_$fs"
	reads 3050001 tree
	reads 0 uncut
	for name in cut write mmap truncate detached resized changed append; do
		check_equal "$fs: $what: the right bytes of $name" \
			"$(xxhsum -q -H2 < "/srv/$fs/$name")" \
			"$(xxhsum -q -H2 < "/mnt/$fs/$name")"
	done
	umount "/mnt/$fs"
done
cachefs_unload
END
