#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Check the rules of Documentation/security.rst.  Nothing in sysfs is changed without
# CAP_SYS_ADMIN.  Keys and the secret cannot be had.  Users get no more than NFS gives
# them.  If a server imitates another server, or has its address in another network, no
# file of one server is served as a file of the other.
#
# bed: --smp 1 --disk-size cache:128M --disk-size srv:64M --disk-size copy:64M --timeout 300
# run: 6.1 all:debug
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

# --- two servers that differ in their address and in the content of files

disk=$(readlink -f /dev/disk/srv) copy=$(readlink -f /dev/disk/copy)
mkdir -p "$export_dir" /mnt/copy
mkfs.ext4 -q "$disk"
mount "$disk" "$export_dir"
yes GENUINE | head -c 1M > "$export_dir/file"
yes PRIVATE | head -c 100000 > "$export_dir/private"
chown 1000:1000 "$export_dir/private"
chmod 600 "$export_dir/private"
umount "$export_dir"
python3 - "$disk" "$copy" <<-'END'
	import sys
	with open(sys.argv[1], "rb") as disk, open(sys.argv[2], "wb") as copy:
	    copy.write(disk.read().replace(b"GENUINE", b"FORGERY"))
END
sync
nfs_server_start
nfs_server_v3

other_server_start other "$copy"
# NFSv3 tells versions apart by their times, so a file that was just made is not stored.
wait_for 60 file_settled "$export_dir/private"

cachefs_load
dir=$(cachefs_dir)
options=$other_options
mount -t nfs -o "$options" "$server:$export_dir" "$MNT"
mount -t nfs -o "$options" "$other_server:$export_dir" /mnt/copy ||
	t_die "no mount of the second server: $(cat /run/other.log)"

facts()		# DIR: what the client knows of the file
{
	stat -c '%i %s %Y %Z' "$1/file"
}

is_all()	# WORD FILE
{
	[ "$(sort -u "$2" | head -c 20)" = "$1" ]
}

check_equal "the two servers say the same of their files" \
	"$(facts "$MNT")" "$(facts /mnt/copy)"
for round in cold warm; do
	check "$round: the one server's bytes" is_all GENUINE "$MNT/file"
	check "$round: the other one's bytes" is_all FORGERY /mnt/copy/file
	settle
	drop_caches
done
check_equal "and both came from the cache then" $((2 * 1048576)) \
	"$(cachefs_stat hit_bytes)"
umount /mnt/copy

# --- two servers that have the same address, in two networks

ip netns add away
ip link add nfs-away netns away type veth peer name nfs-away netns other
ip -n away addr add "$client/24" dev nfs-away
ip -n away link set nfs-away up
ip -n other addr add "$server/24" dev nfs-away
ip -n other link set nfs-away up
mount_away()	# OPTION
{
	nsenter --net=/run/netns/away \
		mount -t nfs -o "$options,$1" "$server:$export_dir" /mnt/copy
}

check "files of the first network's server are cached" \
	test "$(cachefs_stat stored_bytes)" -ge 2097152
# First while the first server is mounted, with another option.  Later with the same
# option.
for option in actimeo=7 rw; do
	hits=$(cachefs_stat hit_bytes) stored=$(cachefs_stat stored_bytes)
	mount_away "$option"
	for round in first second; do
		check "another network's server, $round reading: its bytes" \
			is_all FORGERY /mnt/copy/file
		settle
		drop_caches
	done
	check_equal "another network's server: nothing from the cache" "$hits" \
		"$(cachefs_stat hit_bytes)"
	check_equal "another network's server: nothing stored" "$stored" \
		"$(cachefs_stat stored_bytes)"
	umount /mnt/copy
	[ "$option" = rw ] || umount "$MNT"
done
check "the log says why" eval \
	"dmesg | grep -q 'cachefs: nfs,.*: files are not cached: .*namespace'"

mount -t nfs -o "$options" "$server:$export_dir" "$MNT"
hits=$(cachefs_stat hit_bytes)
check "the first network's server again: its bytes" is_all GENUINE "$MNT/file"
check_equal "the first network's server again: from the cache" 1048576 \
	$(($(cachefs_stat hit_bytes) - hits))

# --- an address that may be another server's on another link

link_local=$(ip -n srv -6 -o addr show dev nfs-server scope link |
	awk '{ sub("/.*", "", $4); print $4 }')
stored=$(cachefs_stat stored_bytes)
# The kernel takes a second to find out that no other machine has the address.
wait_for 120 mount -t nfs -o fsc,vers=4.2 \
	"[$link_local%nfs-client]:$export_dir" /mnt/copy ||
	t_die "no mount of $link_local"
check "a link-local address: the right bytes" is_all GENUINE /mnt/copy/file
settle
check_equal "a link-local address: nothing stored" "$stored" \
	"$(cachefs_stat stored_bytes)"
check "a link-local address: the identity says why" \
	grep -q '^not cached: a link-local address' "$dir"/volumes/*/identity
check "a link-local address: the log says why" eval \
	"dmesg | grep -q 'cachefs: nfs,4.2,a,.*: not cached: a link-local'"
umount /mnt/copy

# --- users

as()		# UID COMMAND...
{
	setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"
}

check "a user's own file is cached" \
	eval "as 1000 cat '$MNT/private' > /dev/null && settle"
drop_caches
before=$(rpc_reads)
check "who may read it gets it" eval "as 1000 cat '$MNT/private' > /dev/null"
check_equal "from the cache" "$before" "$(rpc_reads)"
check "who may not does not" \
	eval "! as 1001 cat '$MNT/private' 2> /dev/null"
for file in key identity; do
	check "the $file of a volume is not for all" \
		eval "! as 1000 cat '$dir'/volumes/*/$file 2> /dev/null"
done
check "the statistics are" \
	eval "as 1000 cat '$dir/stats/hit_bytes' > /dev/null"

# --- capabilities

# Print the error of a command that is refused.
errno_of()	# COMMAND...
{
	"$@" 2>&1 >/dev/null | sed 's/.*: //'
}

before=$(grep -H . "$dir"/max_* "$dir/read_bypass_ms" "$dir/write_budget")
# All files that can be written to, with values that they take.
mapfile -t files < <(find "$dir" /sys/fs/cachefs/attach -type f -perm /222)
check_range "files that can be written to" 8 20 "${#files[@]}"
for file in "${files[@]}"; do
	case $file in
	*/state)	write="echo active > $file" ;;
	*)		write="echo 1 > $file" ;;
	esac
	check_equal "root without CAP_SYS_ADMIN does not write to ${file##*/}" \
		"Operation not permitted" \
		"$(errno_of setpriv --bounding-set -sys_admin \
			--inh-caps -sys_admin bash -c "$write")"
	check_equal "nor the root of a user namespace" \
		"Operation not permitted" \
		"$(errno_of unshare --user --map-root-user bash -c "$write")"
	check_equal "nor a user" "Permission denied" \
		"$(errno_of as 1000 bash -c "$write")"
done
check_equal "nothing has changed" "$before" \
	"$(grep -H . "$dir"/max_* "$dir/read_bypass_ms" "$dir/write_budget")"
check_equal "nothing was detached" active "$(cat "$dir/state")"

# --- the secret

secret=$(dd if=/dev/disk/cache bs=1 skip=96 count=32 status=none |
	od -An -v -tx1 | tr -d ' \n')
check "there is one, and not only zeros" test "${#secret}" = 64 -a -n "${secret//0/}"
{
	dmesg
	cat /sys/kernel/tracing/trace /proc/fs/fscache/*
	find "$dir" /sys/module/cachefs -type f -readable -exec cat {} + || true
} > /run/said 2> /dev/null
check "its bytes are in no file and no message" python3 - "$secret" <<-'END'
	import sys
	secret = bytes.fromhex(sys.argv[1])
	said = open("/run/said", "rb").read()
	assert len(said) > 1000
	for i in range(0, 32, 8):
	    part = secret[i:i + 8]
	    assert part not in said
	    assert part.hex().encode() not in said.lower()
	    assert part[::-1].hex().encode() not in said.lower()
END
umount "$MNT"
cachefs_unload
