#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Cached data is not read from the server again: a file of 64 MiB and 250 small ones
# (LONG=1: 512 MiB and 2,000), after drop_caches, a new mount, a new attach, a reboot, and
# a reboot into another kernel.  The debug kernels read less of each.  A copy of the
# cache's disk on a larger disk, under a client with another address, serves the same
# data, and a file that has changed since then comes from the server.  There one tree also
# has the whole life of a cached tree: warm, cached, read, evict.
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

# The copy, and a file that changes while no cache is attached.
mv "$BED_SCRATCH/cache.img" "$BED_SCRATCH/original.img"
cp --sparse=always "$BED_SCRATCH/original.img" "$BED_SCRATCH/cache.img"
truncate -s 3G "$BED_SCRATCH/cache.img"
{
	echo "mib=$mib files=$files"
	cat <<'END'
client=10.99.0.3
changed=small/f00007
nfs_server_start
fill "$export_dir/$changed" 16384 3
total=$((files * 9000))
fill_many "$export_dir/tree" "$files" 9000 4
wait_for 60 file_settled "$export_dir/tree"
cachefs_load
check_equal "a copy: the attach is a clean one" 0 "$(dmesg | grep -c 'unclean stop')"
nfs_mount

# Whether each file but the changed one has the right bytes.
unchanged_right()
{
	local file

	while read -r file; do
		[ "$file" = "$changed" ] || cmp "$export_dir/$file" "$MNT/$file" || return
	done < <(cd "$export_dir" && find big small -type f)
}

check "a copy, another client: the right bytes of unchanged files" unchanged_right
check_equal "a copy, another client: no READ for them" 0 "$(rpc_reads)"
check_equal "a copy, another client: all counted as hits" \
	$(((mib << 20) + (files - 1) * 16384)) "$(cachefs_stat hit_bytes)"
check "a copy: the right bytes of the changed file" \
	cmp "$export_dir/$changed" "$MNT/$changed"
check_range "a copy: the changed file comes from the server (READs)" 1 100 "$(rpc_reads)"

# --- one tree: warm, cached, read, evict

ctl=/bed/cachefsctl
chmod +x "$ctl"

# A command must succeed, and print a line that matches REGEX.
says()		# NAME REGEX WORD...
{
	if "$ctl" "${@:3}" > /run/said 2>&1 && grep -qE -- "$2" /run/said; then
		t_ok "$1"
	else
		t_fail "$1" "$(tr '\n' ';' < /run/said)"
	fi
}

cached_is()	# NAME BYTES PERCENT
{
	says "$1" "^ *$total +$2 +$3% +$files $MNT/tree\$" cached -r -b "$MNT/tree"
}

wanted=$(tree_sum "$export_dir/tree")
cached_is "a tree: nothing of it is cached" 0 0\\.0
says "a tree: warm" "^$files files, .* refused: 0B" warm "$MNT/tree"
cached_is "a tree: after warm all of it is cached" "$total" 100\\.0
drop_caches
reads=$(rpc_reads)
check_equal "a tree: after warm the right bytes" "$wanted" "$(tree_sum "$MNT/tree")"
check_equal "a tree: after warm no READ" 0 $(($(rpc_reads) - reads))
says "a tree: evict" "^$files files: .* let go of\$" evict -r "$MNT/tree"
cached_is "a tree: after evict nothing of it is cached" 0 0\\.0
drop_caches
reads=$(rpc_reads)
check_equal "a tree: after evict the right bytes" "$wanted" "$(tree_sum "$MNT/tree")"
check_range "a tree: after evict it comes from the server (READs)" "$files" 1000000 \
	$(($(rpc_reads) - reads))
settle
nfs_umount
cachefs_unload
END
} | in_guest --timeout 1800 --add "$bed/../../build/tools/cachefsctl"
