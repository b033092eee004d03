#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Check random operations of one client against a model in its memory (model.py): each way
# to read, write and truncate a file, with several openers at a time.  First the cache is
# undisturbed, and files that do not change any more have to be read from it.  Then the
# cache goes and comes, and its disk is slow, stands still, has errors, or loses and
# changes writes.  Then the cache is undisturbed again, with all that is left on its disk.
#
# bed: --disk-size cache:64M --disk-size srv:256M --timeout 7200
# run: 6.1 all:debug sleeps long-form
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

operations=600
[ -z "$LONG" ] || operations=8000
least=300000	# bytes of hits, and of stores
on_debug_kernel && operations=200 least=100000
seed=${SEED:-$RANDOM}
RANDOM=$seed
echo "# seed $seed"

load dm_mod dm_delay dm_flakey
disk=$(readlink -f /dev/disk/cache)
sectors=$(blockdev --getsz "$disk")

# A file system whose times are whole seconds: two changes often have the same.
mkfs.ext4 -q -I 128 /dev/disk/srv 2>/dev/null
nfs_server_start
dmsetup create --noudevsync cache --table "0 $sectors linear $disk 0"
dmsetup mknodes
cachefs_load /dev/mapper/cache

disk_is()	# TARGET...
{
	exchange_table cache <<< "0 $sectors $*"
}

# Linux 6.1 would change written data in memory, in the page that programs read.  So there
# the disk changes the data that is read from it.
case $(uname -r) in
6.1.*)	changed=r ;;
*)	changed=w ;;
esac

good()
{
	disk_is linear "$disk" 0
}

moment()	# up to a second
{
	sleep "0.$(printf '%03d' $((RANDOM % 1000)))"
}

come_back()
{
	cachefs_attach /dev/mapper/cache || echo "no attach" >> /run/trouble
	[ $((RANDOM % 2)) = 0 ] || cachefs_defaults
	seen=0
}

# Add the hits since the last call to /run/hits, because the cache may go.
count_hits()
{
	local now

	now=$(cachefs_stat hit_bytes)
	echo $((now - seen)) >> /run/hits
	seen=$now
}

# Disturb the cache until /run/stop is there.  Each way comes once, and then random ways
# come.
storm()
{
	local words=(slow slow_writes stands errors loses changes detach drop) i=0 word
	local seen

	seen=$(cachefs_stat hit_bytes)
	while [ ! -e /run/stop ] || [ $i -lt ${#words[@]} ]; do
		word=${words[i < ${#words[@]} ? i : RANDOM % ${#words[@]}]}
		i=$((i + 1))
		case $word in
		slow)		disk_is delay "$disk" 0 50 ;;
		slow_writes)	disk_is delay "$disk" 0 0 "$disk" 0 300 ;;
		stands)		hold cache ;;
		errors)		disk_is error ;;
		loses)		disk_is flakey "$disk" 0 0 3600 1 drop_writes ;;
		changes)	disk_is flakey "$disk" 0 0 3600 5 corrupt_bio_byte 9 $changed 255 0 ;;
		drop)		echo 3 > /proc/sys/vm/drop_caches ;;
		detach)		count_hits
				cachefs_detach || echo "no detach" >> /run/trouble
				moment
				come_back ;;
		esac
		moment
		moment
		[ "$word" != stands ] || let_go cache
		good
		# The disk may have been given up, so attach the cache again.
		count_hits
		cachefs_detach || echo "no detach" >> /run/trouble
		come_back
		moment
	done
	count_hits
	echo "$i" > /run/storms
}

model()		# NAME OPERATIONS WORDS...
{
	local output

	local begin=$SECONDS

	if output=$(python3 /bed/model.py "$export_dir/$dir" "$MNT/$dir" "$2" "$seed" \
		    "${@:3}" 2>&1); then
		t_ok "$1, $output"
	else
		t_fail "$1" "${output//$'\n'/; }"
	fi
	echo "# $((SECONDS - begin)) s"
	seed=$((seed + 1))
}

for version in 4.2 3; do
	what="NFSv$version"
	dir=v$version
	mkdir "$export_dir/$dir"
	words=(punch)
	if [ $version = 3 ]; then
		nfs_server_v3
		mount -t nfs -o fsc,$v3_options "$server:$export_dir" "$MNT"
		words=()
	else
		nfs_mount
	fi

	hits=$(cachefs_stat hit_bytes) stored=$(cachefs_stat stored_bytes)
	model "$what" "$operations" calm "${words[@]}"
	hits=$(($(cachefs_stat hit_bytes) - hits))
	stored=$(($(cachefs_stat stored_bytes) - stored))
	echo "# $((hits >> 10)) KiB of hits, $((stored >> 10)) KiB stored, $(cachefs_stat stale_bytes) bytes stale"
	check_range "$what: bytes from the cache" $least $((1 << 40)) $hits
	check_range "$what: bytes stored" $least $((1 << 40)) $stored
	for error in read write checksum; do
		check_equal "$what: ${error} errors" 0 "$(cachefs_stat ${error}_errors)"
	done

	[ $version != 4.2 ] ||
		expect_log "error|damaged|checksum mismatch|unusable|no checkpoint|not used"
	rm -f /run/stop /run/storms /run/trouble /run/hits
	storm &
	storms=$!
	model "$what, a cache that is disturbed" "$operations" "${words[@]}"
	: > /run/stop
	wait $storms
	echo "# disturbed $(< /run/storms) times"
	check "$what: the cache came and went as it should" test ! -e /run/trouble
	check_range "$what: bytes from the cache while it was disturbed" 4096 $((1 << 40)) \
		"$(awk '{ sum += $1 } END { printf "%d", sum }' /run/hits)"
	cachefs_patient
	model "$what, with what that left" $((operations / 4)) calm "${words[@]}"
	nfs_umount
	check_equal "$what: no page stays marked" 0 "$(cachefs_stat pages_marked)"
	cachefs_detach
	cachefs_attach /dev/mapper/cache force
done
cachefs_unload
check "the disk is released" dmsetup remove --noudevsync cache
