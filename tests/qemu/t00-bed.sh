#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Check the test bed itself, without a cache: the properties that the other tests count
# on.
#
# bed: --smp 1 --disk-size cache:64M --disk-size srv:256M --timeout 300
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

check_equal "the first disk is vdc" /dev/vdc "$(readlink -f /dev/disk/cache)"
check_equal "the second disk is vdd" /dev/vdd "$(readlink -f /dev/disk/srv)"

nfs_server_start
fill "$export_dir/file" 16M 1
fill /run/again 16M 1
check "fill makes the same bytes each time" cmp /run/again "$export_dir/file"
fill /run/again 16M 2
check "and others for another seed" eval "! cmp -s /run/again $export_dir/file"
rm /run/again
sync
nfs_mount nofsc
wanted=$(tree_sum "$export_dir")
check_equal "the client reads what the server has" "$wanted" "$(tree_sum "$MNT")"

reads=$(rpc_reads)
check_range "READs are counted" 16 1024 "$reads"
check_equal "bytes from the server are counted" $((16 << 20)) \
	"$(nfs_read_bytes)"
cat "$MNT/file" > /dev/null
check_equal "the page cache sends no READ" "$reads" "$(rpc_reads)"
drop_caches
cat "$MNT/file" > /dev/null
check_equal "after drop_caches all is read again" $((32 << 20)) \
	"$(nfs_read_bytes)"

# The size stays, and two changes come within one tick of the clock.
stale=0
for i in {1..20}; do
	printf '%04d' "$i" > "$export_dir/counter"
	[ "$(cat "$MNT/counter")" = "$(printf '%04d' "$i")" ] ||
		stale=$((stale + 1))
done
check_equal "each change on the server is seen" 0 "$stale"

net_shape 100
begin=$(now)
: > "$MNT/new"
end=$(now)
# A round trip may also take much longer, because a slow machine adds to it.
check_range "the link has the round trip time asked for, or more" 100 1000000 \
	"$(echo "$begin $end" | awk '{ printf "%d", ($2 - $1) * 1000 }')"
net_shape 2 80
drop_caches
begin=$(now)
cat "$MNT/file" > /dev/null
end=$(now)
check_range "the link has the bandwidth asked for, or less (kbit/s)" 1 85000 \
	"$(echo "$begin $end" | awk '{ printf "%d", 16 * 8388.608 / ($2 - $1) }')"
net_unshape
check "unmount" nfs_umount
