#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Cached data is not read from the server again: a file of 64 MiB and 250 small ones
# (LONG=1: 512 MiB and 2,000), after drop_caches, a new mount, a new attach, a reboot, and
# a reboot into another kernel.  The debug kernels read less of each.
#
# run: slow all:debug all:debug-6.1 all:debug-kcsan long-form
#
# shellcheck source-path=SCRIPTDIR

set -eu
# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

other=6.1
[ "$BED_SERIES" = 6.12 ] || other=6.12
need_kernel "$other"
mib=64 files=250
[ -z "${LONG:-}" ] || mib=512 files=2000
[[ $BED_SERIES != debug* ]] || mib=8 files=50
new_disk cache 2G
new_disk srv 1G
{
	echo "mib=$mib files=$files"
	cat <<'END'
nfs_server_start
mkdir "$export_dir/big" "$export_dir/small"
fill "$export_dir/big/file" "${mib}M" 1
fill_many "$export_dir/small" "$files" 16384 2
sync
drop_caches
cachefs_load
nfs_mount

# Read a directory; its bytes and READs go to $sum, $reads and $hits.
pass()		# DIR
{
	local before hits_before

	before=$(rpc_reads)
	hits_before=$(cachefs_stat hit_bytes)
	sum=$(tree_sum "$MNT/$1")
	reads=$(($(rpc_reads) - before))
	hits=$(($(cachefs_stat hit_bytes) - hits_before))
}

warm()		# DIR AFTER-WHAT BYTES
{
	pass "$1"
	check_equal "$1 after $2: no READ" 0 "$reads"
	check_equal "$1 after $2: the right bytes" "$wanted" "$sum"
	check_equal "$1 after $2: all counted as hits" "$3" "$hits"
}

for dir in big small; do
	case $dir in
	big) bytes=$((mib << 20)) ;;
	small) bytes=$((files * 16384)) ;;
	esac
	wanted=$(tree_sum "$export_dir/$dir")
	echo "$wanted" > "$export_dir/$dir.sum"
	drop_caches
	pass "$dir"
	check_equal "$dir cold: the right bytes" "$wanted" "$sum"
	check_equal "$dir cold: no hits" 0 "$hits"
	settle
	drop_caches
	warm "$dir" drop_caches "$bytes"
	nfs_umount
	drop_caches
	nfs_mount
	warm "$dir" "a new mount" "$bytes"
	nfs_umount
	cachefs_unload
	drop_caches
	cachefs_load
	nfs_mount
	warm "$dir" "rmmod and insmod" "$bytes"
done

# A cache that is filled in order needs little memory for its index: what does not
# depend on the content, 80 KB; and pages in case eight regions get full of single
# blocks, 30 KB for each.
nfs_umount
index=$(cachefs_stat index_bytes)
check_range "index memory for what is cached, on 2 GiB (bytes)" 1 $((500 << 10)) "$index"
check_equal "no page stays marked" 0 "$(cachefs_stat pages_marked)"
check_equal "no checksum error" 0 "$(cachefs_stat checksum_errors)"
cachefs_unload
END
} | in_guest --timeout 1800
for series in "$BED_SERIES" "$other"; do
	in_guest --series "$series" <<END
nfs_server_start
cachefs_load
nfs_mount
for dir in big small; do
	check_equal "\$dir after a reboot, Linux $series: the right bytes" \
		"\$(< "\$export_dir/\$dir.sum")" "\$(tree_sum "\$MNT/\$dir")"
done
check_equal "after a reboot, Linux $series: no READ" 0 "\$(rpc_reads)"
check_equal "after a reboot, Linux $series: all counted as hits" \
	$(((mib << 20) + files * 16384)) "\$(cachefs_stat hit_bytes)"
nfs_umount
cachefs_unload
END
done
