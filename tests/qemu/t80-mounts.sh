#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A cache outlives changes that do not concern the name of the data: mount options, minor
# versions, security flavours, and, if told, the server's address.  Data with another name
# is kept apart.  Also check every version of NFS, and a re-export.
#
# bed: --smp 1 --disk-size cache:256M --disk-size srv:256M --add build/tools/cachefsctl
# run: all:debug
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

# Mount at another address, or with another version, than nfs_mount().
mount_at()	# ADDRESS OPTIONS [DIR]
{
	mkdir -p "${3:-$MNT}"
	mount -t nfs -o "fsc,$2" "$1:$export_dir" "${3:-$MNT}"
}

read_all()	# [DIR]
{
	drop_caches
	check_equal "$what: the right bytes" "$wanted" "$(tree_sum "${1:-$MNT}")"
}

warm()		# [DIR]
{
	read_all "$@"
	check_equal "$what: no READ" 0 "$(rpc_reads "$@")"
}

cold()		# [DIR]
{
	read_all "$@"
	check_range "$what: from the server" 1 1000000 "$(rpc_reads "$@")"
	settle
}

# Drop the pages, but not the inodes.
drop_pages()
{
	sync
	echo 1 > /proc/sys/vm/drop_caches
}

# Does "cachefsctl status" print a line that begins with this text?
status_is()	# NAME TEXT
{
	check "$1" bash -c '/bed/cachefsctl status | grep -- "^$1"' - "$2"
}

nfs_server_start
ip -n srv addr add 10.99.0.3/24 dev nfs-server
fill "$export_dir/large" 5000001 1
fill_many "$export_dir/small" 40 5000 2
wanted=$(tree_sum "$export_dir")
cachefs_load

what="filled with actimeo=3,rsize=262144"
nfs_mount actimeo=3,rsize=262144
cold
nfs_umount
for options in actimeo=600,rsize=65536 acregmax=9,wsize=65536,vers=4.2 ro,nconnect=3 \
	       vers=4.1 vers=4.0 noexec,lookupcache=none hard,timeo=100; do
	what="then $options"
	mount_at "$server" "$options"
	warm
	nfs_umount
done

nfs_mount fsc=red
if grep -q "$MNT.*[,=]fsc=red" /proc/mounts; then
	what="another tag"
	cold
	nfs_umount
	what="the same tag, another option"
	nfs_mount fsc=red,actimeo=7
	warm
else
	t_skip "another tag" "this kernel loses it on the way to an NFSv4 mount"
fi
nfs_umount

what="two mounts at once that do not share a superblock"
nfs_mount nosharecache,actimeo=5
nfs_mount nosharecache,actimeo=6 /mnt/other
warm
warm /mnt/other
# One mount writes.  The other mount sees the write when it opens the file again.
fill /mnt/other/large 4000001 3
wanted=$(tree_sum "$export_dir")
sleep 6
what="the other has read what one of them wrote"
cold
what="what the other has read"
warm /mnt/other

# An open for writing alone is no change.  The cached data of the version counts,
# whichever mount has stored it.
what="opened for writing, and not written to"
python3 -c 'import os, sys; os.close(os.open(sys.argv[1], os.O_RDWR))' "$MNT/large"
for dir in /mnt/other "$MNT"; do
	drop_pages
	hits=$(cachefs_stat hit_bytes)
	check "$what: the right bytes" cmp "$export_dir/large" "$dir/large"
	check_equal "$what: from the cache (bytes)" 4000001 \
		$(($(cachefs_stat hit_bytes) - hits))
done

# One mount writes.  The other mount has the file open and does not ask about it.  So it
# stores the server's new data as data of the old version.
what="written to by one of them"
fill "$export_dir/late" 300000 9
wait_for 60 file_settled "$export_dir/late"
exec 6< /mnt/other/late
for seed in 10 11; do
	fill /run/new 4096 $seed
	dd if=/run/new of="$MNT/late" bs=4096 seek=7 conv=notrunc 2>/dev/null
	drop_pages
	stored=$(cachefs_stat stored_bytes)
	cat <&6 > /dev/null
	settle
	[ $seed != 10 ] || check_range "$what: the other stores (bytes)" 300000 400000 \
		$(($(cachefs_stat stored_bytes) - stored))
	drop_pages
	check "$what: the right bytes" cmp "$export_dir/late" "$MNT/late"
done
exec 6<&-
sleep 6
check "$what: the right bytes, for the other one" cmp "$export_dir/late" /mnt/other/late
rm "$export_dir/late"
nfs_umount /mnt/other
nfs_umount

what="two mounts with the same options that do not share a superblock"
nfs_mount nosharecache
nfs_mount nosharecache /mnt/other
read_all
read_all /mnt/other
check "$what: the kernel's message" eval 'dmesg | grep "NFS: Cache volume key already in use"'
status_is "$what: the second one is not cached" '/mnt/other: fsc is ignored: '
status_is "$what: the advice" '   -> if dmesg says "Cache volume key already in use", '
nfs_umount /mnt/other
nfs_umount
what="the same without nosharecache, as the advice says"
nfs_mount
nfs_mount "" /mnt/other
check "$what: fsc is not ignored" eval '! /bed/cachefsctl status | grep "fsc is ignored"'
nfs_umount /mnt/other
nfs_umount

what="an export that is mounted again"
volume_numbers()
{
	cat "$(cachefs_dir)"/volumes/*/{hit,miss,stored}_bytes | xargs
}
no_volumes()
{
	! ls -d "$(cachefs_dir)"/volumes/* 2> /dev/null
}
nfs_mount
read_all
settle
numbers=$(volume_numbers)
check "$what: something was counted" test "${numbers//[ 0]/}"
nfs_umount
check "$what: the volume goes" wait_for 60 no_volumes
nfs_mount
check_equal "$what: its numbers go on" "$numbers" "$(volume_numbers)"
nfs_umount
nfs_mount acregmax=9
check_equal "$what: another mount begins with 0" "0 0 0" "$(volume_numbers)"
nfs_umount

what="the server at another address"
mount_at 10.99.0.3 vers=4.2
cold
umount "$MNT"
cachefs_unload
cachefs_load
if [ -w /sys/module/cachefs/parameters/server_alias ]; then
	ip -n srv addr add 10.99.0.4/24 dev nfs-server
	what="an alias for the server's new address"
	echo "10.99.0.4=$server" > /sys/module/cachefs/parameters/server_alias
	mount_at 10.99.0.4 vers=4.2
	warm
	check "$what: the identity has the old one" \
		grep -q -x 'nfs,4,2,[0-9a-f]*,100630a,.*' \
		"$(cachefs_dir)"/volumes/*/identity
	umount "$MNT"

	what="a tunnel, whose port here is another one"
	srv_exec bash -c 'echo tcp 2050 > /proc/fs/nfsd/portlist'
	echo "$server:2050=$server:2049" \
		> /sys/module/cachefs/parameters/server_alias
	mount_at "$server" vers=4.2,port=2050
	warm
	umount "$MNT"

	what="an alias of another family"
	ip -n srv addr add 2001:db8::1/64 dev nfs-server nodad
	ip addr add 2001:db8::2/64 dev nfs-client nodad
	echo "2001:db8::1=$server" > /sys/module/cachefs/parameters/server_alias
	mount_at "[2001:db8::1]" vers=4.2
	warm
	umount "$MNT"
	not_understood()	# so many lines of the log
	{
		dmesg | grep -c 'server_alias: .* is not understood' || true
	}
	for alias in x 10.0.0.1 10.0.0.1= 10.0.0.1=10.0.0.2: 10.0.0.1=10.0.0.2,x; do
		what="the alias $alias"
		lines=$(not_understood)
		check_equal "$what: refused" "Invalid argument" \
			"$({ echo "$alias" > /sys/module/cachefs/parameters/server_alias; } 2>&1 |
				sed 's/.*: //')"
		check_equal "$what: the log says what was not understood" $((lines + 1)) \
			"$(not_understood)"
	done
	check_equal "and the one before stays" "2001:db8::1=$server" \
		"$(cat /sys/module/cachefs/parameters/server_alias)"
	echo > /sys/module/cachefs/parameters/server_alias
fi

policy=/sys/module/cachefs/parameters/policy
refused_by_policy()
{
	cat "$(cachefs_dir)/refused_bytes/policy"
}
# Read a new file.  Then $refused has the bytes of the file that the policy refused, and
# $stored has the stored bytes.
read_new()	# NAME SIZE
{
	fill "$export_dir/$1" "$2" 12
	wait_for 60 file_settled "$export_dir/$1"
	refused=$(refused_by_policy)
	stored=$(cachefs_stat stored_bytes)
	check "$what: the right bytes" cmp "$export_dir/$1" "$MNT/$1"
	settle
	refused=$(($(refused_by_policy) - refused))
	stored=$(($(cachefs_stat stored_bytes) - stored))
	rm "$export_dir/$1"
}
what="the policy nostore"
nfs_mount
read_all
settle
drop_caches
echo "$server=nostore" > $policy
read_new new 3000001
check_equal "$what: refused (bytes)" 3000001 "$refused"
check_equal "$what: stored (bytes)" 0 "$stored"
check_equal "$what: in sysfs" 0 "$(cat "$(cachefs_dir)"/volumes/*/max_share)"
hits=$(cachefs_stat hit_bytes)
check "$what: the right bytes of what was cached" cmp "$export_dir/large" "$MNT/large"
check_equal "$what: what is cached is read (bytes)" "$(stat -c %s "$export_dir/large")" \
	$(($(cachefs_stat hit_bytes) - hits))
what="a share of 2 %"
echo "10.0.0.9=keep,$server=2%" > $policy
share=$(($(cat "$(cachefs_dir)/capacity_bytes") / 50))
read_new new $((share * 4))
# At most the stores that were under way together exceed the share.
check_range "$what: stored (bytes)" $((share / 2)) $((share * 3)) "$stored"
check_equal "$what: refused is the rest (bytes)" $((share * 4 - stored)) "$refused"
read_new more 100000
check_equal "$what: another file is refused (bytes)" 100000 "$refused"
nfs_umount
nfs_mount
check_equal "$what: so it is in a new mount" 2 "$(cat "$(cachefs_dir)"/volumes/*/max_share)"
read_new more 100000
check_equal "$what: and that is full, too (bytes)" 100000 "$refused"
what="the policy keep"
echo "$server=keep" > $policy
check_equal "$what: in sysfs" "100 1" "$(cat "$(cachefs_dir)"/volumes/*/{max_share,keep} | xargs)"
read_new new 3000001
check_equal "$what: stored (bytes)" 3000001 "$stored"
what="a minimum share"
echo "$server=10%-40%" > $policy
check_equal "$what: in sysfs" "10 40" "$(cat "$(cachefs_dir)"/volumes/*/{min,max}_share | xargs)"
rules_not_understood()	# so many lines of the log
{
	dmesg | grep -c 'policy: .* is not understood' || true
}
for rule in x red= =keep red=nostor red=seconds red=0% red=100% red=5 red=5%% \
	    red=51%-60% red=20%-10% red=0%-10% red=20%- red=-20% red=20%-101% red=1%-2%-3%; do
	what="the policy $rule"
	lines=$(rules_not_understood)
	check_equal "$what: refused" "Invalid argument" \
		"$({ echo "$rule" > $policy; } 2>&1 | sed 's/.*: //')"
	check_equal "$what: the log says what was not understood" $((lines + 1)) \
		"$(rules_not_understood)"
done
check_equal "and the one before stays" "$server=10%-40%" "$(cat $policy)"
echo > $policy
check_equal "no policy: in sysfs" "100 0" "$(cat "$(cachefs_dir)"/volumes/*/{max_share,keep} | xargs)"
nfs_umount

what="IPv6"
address=fd00:63::1
ip -n srv addr add $address/64 dev nfs-server nodad
ip addr add fd00:63::2/64 dev nfs-client nodad
mount_at "[$address]" vers=4.2
cold
umount "$MNT"
mount_at "[$address]" vers=4.2,actimeo=9
warm
umount "$MNT"

what="NFSv3"
# Only times tell the versions of NFSv3 apart.
wait_for 60 file_settled "$export_dir/large"
nfs_server_v3
mount_at "$server" $v3_options
cold
umount "$MNT"
what="NFSv3, a file cut to nothing and grown again by name"
mount_at "$server" $v3_options
tree_sum "$MNT" > /dev/null
python3 -c 'import os, sys
os.truncate(sys.argv[1], 0)
os.truncate(sys.argv[1], 4000001)' "$MNT/large"
wanted=$(tree_sum "$export_dir")
check_equal "$what: the right bytes" "$wanted" "$(tree_sum "$MNT")"
wait_for 60 file_settled "$export_dir/large"
cold
umount "$MNT"
what="NFSv3 with another rsize"
mount_at "$server" $v3_options,rsize=32768
warm
umount "$MNT"

# client -> this machine's knfsd, whose export is the fsc mount -> origin
what="re-export"
nfs_mount
ip netns add client
ip link add nfs-proxy type veth peer name nfs-second netns client
ip addr add 10.98.0.1/24 dev nfs-proxy
ip link set nfs-proxy up
ip -n client addr add 10.98.0.2/24 dev nfs-second
ip -n client link set nfs-second up
echo "$MNT *(ro,no_root_squash,no_subtree_check,insecure,fsid=77)" > /etc/exports
mount_nfsd
mkdir -p /run/rpc_pipefs
exportfs -r
rpc.mountd -N 3 --no-udp
nfsdcld 2>/dev/null || true
rpc.nfsd -N 3 4
{ echo Y > /proc/fs/nfsd/v4_end_grace; } 2>/dev/null || true
second()
{
	nsenter --net=/run/netns/client -- \
		mount -t nfs -o vers=4.2 "10.98.0.1:$MNT" /mnt/second
	check_equal "$what: the right bytes" "$wanted" "$(tree_sum /mnt/second)"
	check_range "$what: the client asked its server" 1 1000000 \
		"$(rpc_reads /mnt/second)"
	umount /mnt/second
}
mkdir -p /mnt/second
read_all
settle
before=$(rpc_reads)
drop_caches
second
check_equal "$what: costs the origin no READ" "$before" "$(rpc_reads)"
rpc.nfsd 0
exportfs -ua
nfs_umount
cachefs_unload
