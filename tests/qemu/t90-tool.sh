#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# cachefsctl with a real kernel.  A disk is formatted, attached and used by a mount.  The
# tool reports the problems that there are, and no others.  Warmed files need no READ.
# A module of another version takes over while a file is open.  Then the cache is detached
# and wiped.
#
# bed: --disk-size cache:128M --disk-size other:64M --disk-size srv:256M --add build/tools/cachefsctl
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

ctl=/bed/cachefsctl
chmod +x "$ctl"
disk=$(readlink -f /dev/disk/cache)
other=$(readlink -f /dev/disk/other)

# A command must end with STATUS, and print a line that matches REGEX, if there is one.
says()		# NAME STATUS REGEX WORD...
{
	local name=$1 wanted=$2 regex=$3 status=0

	shift 3
	"$ctl" "$@" > /run/said 2>&1 || status=$?
	if [ "$status" = "$wanted" ] &&
	   { [ ! "$regex" ] || grep -qE -- "$regex" /run/said; }; then
		t_ok "$name"
	else
		t_fail "$name" "status $status: $(tr '\n' ';' < /run/said)"
	fi
}

# Print a field of the JSON of status.
status()	# EXPRESSION, of status
{
	"$ctl" status --json | python3 -c "import json, sys
status = json.load(sys.stdin)
print($1)"
}

problems()	# ABOUT
{
	status "[p['what'] for p in status['problems'] if p['about'] == '$1']"
}

nfs_server_start
fill "$export_dir/large" 20000001 1
fill_many "$export_dir/small" 60 5000 2
fill "$export_dir/proof" 300000 3
wait_for 60 file_settled "$export_dir/proof"
wanted=$(tree_sum "$export_dir")

says "no module: status" 0 'no module cachefs for the running kernel' status
says "no module: attach" 1 'is blank' attach "$disk"
says "format" 0 "$disk: formatted" format --label fast "$disk"
says "no module: attach says so" 1 'no module cachefs' attach "$disk"
# Use a copy, because the image with the modules is not written to.
modules=/lib/modules/$(uname -r)
cp -a "$modules" /run/modules
install -D -m 644 /bed/cachefs.ko /run/modules/updates/cachefs.ko
mount --bind /run/modules "$modules"
depmod
check_equal "installed, not loaded" "['the module is not loaded']" "$(problems module)"
says "attach --dry-run" 0 "would be attached" attach --dry-run LABEL=fast
check "attach --dry-run does not load the module" test ! -e /sys/fs/cachefs
says "attach by label loads the module" 0 "$disk: attached" attach LABEL=fast
cachefs_patient
check_equal "the kernel has the label" fast "$(cat "$(cachefs_dir)/label")"
says "attach: another one" 1 "not attached, $disk already is" attach --create "$other"
blockdev --setro "$other"
says "format --dry-run: a read-only device" 1 "$other: cannot be opened: read-only; see blockdev" \
	format --dry-run "$other"
says "format: a read-only device" 1 "$other: cannot be opened: read-only; see blockdev" \
	format "$other"
says "wipe: a read-only device" 1 "$other: cannot be opened: read-only; see blockdev" \
	wipe --force "$other"
blockdev --setrw "$other"
says "format: a device that is no longer read-only" 0 '' format --dry-run "$other"
says "format: a cache in use" 1 'is in use' format "$disk"
says "wipe: a cache in use" 1 'is in use' wipe "$disk"
says "dump: a cache in use" 0 'label +fast' dump --regions "$disk"

nfs_mount nofsc
check_equal "mounted without fsc" "['mounted without fsc']" "$(problems "$MNT")"
nfs_mount fsc /mnt/other
check_equal "mounted with fsc after one without it" "['mounted without fsc']" \
	"$(problems /mnt/other)"
nfs_umount /mnt/other
nfs_umount

nfs_mount
check_equal "mounted with fsc: nothing is wrong" "[]" "$(status "status['problems']")"
check_equal "the mount is bound" "['cachefs']" \
	"$(status "[m['bound'] for m in status['mounts']]")"
says "doctor proves it" 0 'the second reading came from the cache, and is the same' \
	doctor --file "$MNT/proof" "$MNT"
says "warm" 0 '^62 files, 19.* read .*, refused: 0B' warm -j 3 "$MNT"
check_equal "warm: all is on the disk" 0 "$(cachefs_stat stores_in_flight_bytes)"
check "warm: the page cache has nothing of it" python3 - "$MNT/large" <<-'END'
	import ctypes, mmap, os, sys
	fd = os.open(sys.argv[1], os.O_RDONLY)
	size = os.fstat(fd).st_size
	pages = (size + 4095) // 4096
	libc = ctypes.CDLL(None, use_errno=True)
	libc.mmap.restype = ctypes.c_void_p
	at = libc.mmap(None, ctypes.c_size_t(size), 1, 1, fd, ctypes.c_long(0))
	vector = (ctypes.c_ubyte * pages)()
	assert not libc.mincore(ctypes.c_void_p(at), ctypes.c_size_t(size), vector)
	there = sum(v & 1 for v in vector)
	sys.exit(f"{there} of {pages} pages" if there > pages // 100 else 0)
END
# ratio() prints the numbers of the mount in the table, and counted() prints the kernel's.
ratio()
{
	"$ctl" status --bytes | awk -v mount="$MNT" '$1 == mount { print $6, $7, $8 }'
}
counted()
{
	cat "$(cachefs_dir)"/volumes/*/{hit,miss}_bytes | xargs | awk '{
		printf "%s %s %.1f%%\n", $1, $2, 100 * $1 / ($1 + $2) }'
}
check_equal "the hit ratio after reading once" "$(counted)" "$(ratio)"
once=$(ratio)
once=${once##* }
check_range "which is a small one" 1 10 "${once%%.*}"
reads=$(rpc_reads)
check_equal "after warm: the right bytes" "$wanted" "$(tree_sum "$MNT")"
check_equal "after warm: no READ" "$reads" "$(rpc_reads)"
check_equal "the hit ratio after reading twice" "$(counted)" "$(ratio)"
twice=$(ratio)
twice=${twice##* }
check_range "which is about a half" 45 60 "${twice%%.*}"
size=$(find "$MNT" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
says "warm again comes from the cache" 0 "was cached: 19" warm "$MNT"
check_range "metrics: hits of the mount" $((2 * size - 300000)) $((3 * size)) "$("$ctl" metrics |
	sed -n 's,^cachefs_volume_hit_bytes_total{.*} ,,p')"
check_equal "metrics: the volume's mount" 1 "$("$ctl" metrics |
	sed -n "s,^cachefs_volume_info{.*mountpoint=\"$MNT\".*} ,,p")"
check_equal "metrics: the same as in sysfs" "$(cachefs_stat stored_bytes)" "$("$ctl" metrics |
	sed -n 's/^cachefs_stored_bytes_total{.*} //p')"
check_equal "metrics: the mount is cached" 1 "$("$ctl" metrics |
	sed -n 's/^cachefs_mount_cached{.*} //p')"
check "since: not before the boot, not after now" test "$(status "status['caches'][0]['since']")" -ge \
	"$(($(sed -n 's/^btime //p' /proc/stat)))" -a "$(status "status['caches'][0]['since']")" -le \
	"$(date +%s)"
says "top" 0 "$MNT" top -b -n 1 -d 1

check "evict" "$ctl" evict "$MNT/large"
echo 0 > "$(cachefs_dir)/max_in_flight_bytes"
says "warm: stores are refused" 1 \
	"1 of 1 files are not wholly cached, $MNT/large for one; stores were refused: " \
	warm "$MNT/large"
echo 67108864 > "$(cachefs_dir)/max_in_flight_bytes"
says "warm: they are not refused any more" 0 '^1 files, ' warm "$MNT/large"
says "and all is cached" 0 ' 100\.0% ' cached "$MNT/large"

exec 7< "$MNT/large"
head -c 5000 <&7 > /dev/null
echo 12345 > "$(cachefs_dir)/read_bypass_ms"
echo 10.99.0.9=10.99.0.8 > /sys/module/cachefs/parameters/server_alias
# Only the version of the installed module becomes another one, of the same length.
version=$(< /sys/module/cachefs/version)
later=${version//[0-9]/9}
LC_ALL=C sed -i "s/\\x00version=$version\\x00/\\x00version=$later\\x00/" \
	/run/modules/updates/cachefs.ko
check_equal "reload: another version is installed" "$later" \
	"$(modinfo -F version cachefs)"
check_equal "reload: and not loaded yet" "$version" "$(< /sys/module/cachefs/version)"
says "reload, with a file open" 0 "attached: $disk" reload
check_equal "reload: the other version is loaded" "$later" \
	"$(< /sys/module/cachefs/version)"
check_equal "reload: the other version is seen" \
	"['version $later is loaded, and this is cachefsctl of version $version']" \
	"$(problems module)"
check_equal "reload: a limit is as it was" 12345 "$(cat "$(cachefs_dir)/read_bypass_ms")"
check_equal "reload: server_alias is as it was" 10.99.0.9=10.99.0.8 \
	"$(cat /sys/module/cachefs/parameters/server_alias)"
cachefs_patient
cat <&7 > /dev/null
exec 7<&-
drop_caches
check_equal "after reload: the right bytes" "$wanted" "$(tree_sum "$MNT")"
check_range "after reload: hits" 1000000 100000000 "$(cachefs_stat hit_bytes)"

says "attach: what it is already" 0 'is attached already' attach "$disk"
says "detach" 0 "$disk: detached" detach
check_equal "detached: what the mount has" "['its cache is detached']" "$(problems "$MNT")"
says "warm: no cache" 1 'no cache is attached' warm "$MNT"
says "dump: a clean detach" 0 'extents +[1-9]' dump "$disk"
says "dump --verify: a clean detach" 0 '^  damaged +0$' dump --verify "$disk"

# The tool refuses a damaged superblock before it asks the kernel.
python3 /bed/super.py "$disk" nr_regions=9 > /dev/null
says "a damaged superblock is seen before the kernel is asked" 1 'number of regions' attach "$disk"
mkfs.ext4 -q "$other"
says "a file system is not overwritten" 1 'holds ext4' format "$other"
says "format --dry-run says what is lost" 0 'what is lost: ext4' format -f -n "$other"
check "and it is there" blkid -p -n ext4 "$other"

says "format a damaged one" 0 'what is lost: a damaged cache' format "$disk"
mkdir -p /etc
printf 'device=%s\nwait=5\nread_bypass_ms=77\npolicy=%s=30%%\n' "$disk" "$server" \
	> /etc/cachefs.conf
says "attach --boot" 0 '' attach --boot
check_equal "attach --boot: a policy" "$server=30%" \
	"$(cat /sys/module/cachefs/parameters/policy)"
check_equal "attach --boot: a limit" 77 "$(cat "$(cachefs_dir)/read_bypass_ms")"
says "detach --if-attached" 0 detached detach --if-attached
says "attach" 0 "$disk: attached" attach "$disk"
check_equal "attach: a limit" 77 "$(cat "$(cachefs_dir)/read_bypass_ms")"
echo max_in_flight_ms=9999999 >> /etc/cachefs.conf
says "attach --boot: a limit is refused, of a cache that is attached" 1 \
	"$disk: stays attached" attach --boot
says "detach" 0 "$disk: detached" detach
says "attach --boot: a limit is refused" 1 \
	'max_in_flight_ms: cannot be set to 9999999: Numerical result out of range' attach --boot
check "attach --boot: and why it is detached" grep -q "$disk: detached again" /run/said
check_equal "attach --boot: no cache is attached" "" "$(cachefs_dir)"
rmmod cachefs
says "wipe" 0 "$disk: wiped" wipe "$disk"
says "wiped: nothing is there" 1 'is blank' attach "$disk"
nfs_umount
