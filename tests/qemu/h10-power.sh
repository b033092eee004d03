#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Power cuts: QEMU is killed while the cache is being filled, while it wraps, while files
# change on the server, and while it is attached and detached.  The next boot attaches,
# and serves no wrong byte.  It has the data that was cached some seconds before, also of
# a file that was held open.  The last power cut comes while the cache is recovered after
# another power cut.
#
# CUTS=n is the number of cuts (3, or 50 with LONG=1).  SEED=n chooses other moments.
#
# shellcheck source-path=SCRIPTDIR

set -eu
# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

cuts=${CUTS:-${LONG:+50}}
cuts=${cuts:-3}
RANDOM=${SEED:-1}

new_disk cache 64M
new_disk srv 512M
in_guest <<'END'
nfs_server_start
for i in 1 2 3; do fill "$export_dir/f$i" 8M "$i"; done
fill "$export_dir/large" 100M 9
sync
cachefs_load
cachefs_unload
check "prepared" true
END

# The first cut.  Data that was cached seven seconds ago is still there, even if the file
# is open at the cut.
in_guest --cut-at 'CUT NOW' <<'END'
nfs_server_start
cachefs_load
nfs_mount
exec 5< "$MNT/f1"
cat <&5 > /dev/null
settle_records
cat "$MNT/f2" > /dev/null
echo CUT NOW
sleep 60
END

# Print the begin of each boot's script.
after_cut()	# WHAT
{
	cat <<END
what="$1"
nfs_server_start
cachefs_load
nfs_mount
same()
{
	cmp "\$export_dir/\$1" "\$MNT/\$1"
}
END
}

{
	after_cut "cut 1"
	cat <<'END'
check "$what: the right bytes of the open file" same f1
check_equal "$what: it is warm" 0 "$(rpc_reads)"
cachefs_unload
END
} | in_guest

# The other cuts: one of these actions is under way, and is cut at a random moment.
for ((cut = 2; cut <= cuts + 1; cut++)); do
	{
		[ "$cut" = 2 ] || after_cut "cut $((cut - 1)), $doing"
		[ "$cut" != 2 ] || after_cut "cut 1 once more"
		cat <<'END'
for file in f1 f2 f3 large; do
	check "$what: the right bytes of $file" same "$file"
done
check_equal "$what: the cache is healthy" active "$(cat "$(cachefs_dir)/state")"
END
		# shellcheck disable=SC2016 # for the guest
		case $((cut % 4)) in
		0)	doing="while it is attached and detached"
			echo 'work() { cat "$MNT/f1" > /dev/null; nfs_umount
				cachefs_unload; cachefs_load; nfs_mount; }' ;;
		1)	doing="while files change"
			echo 'work() { fill "$export_dir/f$((n % 3 + 1))" 8M $((1000 * '"$cut"' + n))
				sync; cat "$MNT"/f? > /dev/null; }' ;;
		2)	doing="while it wraps"
			echo 'work() { drop_caches; cat "$MNT/large" "$MNT/f3" > /dev/null; }' ;;
		3)	doing="while it is made anew and filled"
			echo 'work() { nfs_umount; cachefs_unload; insmod /bed/cachefs.ko
				cachefs_attach /dev/disk/cache format; nfs_mount
				cat "$MNT"/f? > /dev/null; }' ;;
		esac
		if [ "$cut" -le "$cuts" ]; then
			echo "( sleep $((RANDOM % 5)).$((RANDOM % 1000)); echo CUT NOW ) &"
			echo 'for ((n = 0; n < 10000; n++)); do work; done'
		else
			echo cachefs_unload
		fi
	} > "$BED_SCRATCH/work"
	if [ "$cut" -le "$cuts" ]; then
		in_guest --cut-at 'CUT NOW' < "$BED_SCRATCH/work"
	else
		in_guest < "$BED_SCRATCH/work"
	fi
done

# The recovery of this cache goes on for as long as the disk does not read the oldest
# regions.  A region has 4 MiB, and the first one begins at 1 MiB.
new_disk cache 1G
in_guest <<'END'
nfs_server_start
cachefs_load
nfs_mount
cat "$MNT/f1" "$MNT/f2" > /dev/null
settle
check_equal "MiB in the oldest regions" 16 $(($(cat "$(cachefs_dir)/used_bytes") >> 20))
nfs_umount
cachefs_unload
END

in_guest --cut-at 'CUT NOW' <<'END'
nfs_server_start
cachefs_load
nfs_mount
cat "$MNT/large" > /dev/null
settle_records
echo CUT NOW
sleep 60
END

in_guest --cut-at 'CUT NOW' <<'END'
nfs_server_start
load dm_mod dm_delay netfs fscache
disk=$(readlink -f /dev/disk/cache)
sectors=$(blockdev --getsz "$disk")
oldest=$((2048 + 4 * 8192))
dmsetup create --noudevsync slow <<TABLE
0 2048 linear $disk 0
2048 $((oldest - 2048)) delay $disk 2048 3600000 $disk 2048 0
$oldest $((sectors - oldest)) linear $disk $oldest
TABLE
dmsetup mknodes
# The next checks run before all is found.
cachefs_recovered()
{
	wait_for 120 eval '[ "$(cat "$(cachefs_dir)/recovered_percent")" -gt 0 ]'
}
cachefs_load /dev/mapper/slow
nfs_mount
check "right bytes while the cache is recovered" cmp "$export_dir/large" "$MNT/large"
check "what was found is served" [ "$(cachefs_stat hit_bytes)" -gt 0 ]
# A cut has to find something to lose.
cat "$MNT/f3" > /dev/null
settle_records
check_range "the recovery is on its way (percent)" 1 99 \
	"$(cat "$(cachefs_dir)/recovered_percent")"
check_equal "the cache is healthy meanwhile" active "$(cat "$(cachefs_dir)/state")"
echo CUT NOW
sleep 60
END

in_guest <<'END'
nfs_server_start
cachefs_load
nfs_mount
check_equal "a recovery begins anew after a power cut" 1 \
	"$(dmesg | grep -c 'unclean stop')"
check_equal "and comes to its end" 100 "$(cat "$(cachefs_dir)/recovered_percent")"
for file in f1 f2 f3 large; do
	check "after that, the right bytes of $file" cmp "$export_dir/$file" "$MNT/$file"
done
check_equal "all of them were found" 0 "$(rpc_reads)"
check_equal "no checksum error after it" 0 "$(cachefs_stat checksum_errors)"
check_equal "the cache is healthy after it" active "$(cat "$(cachefs_dir)/state")"
cachefs_unload
END
echo "# $((cuts + 3)) power cuts, 0 wrong bytes"
