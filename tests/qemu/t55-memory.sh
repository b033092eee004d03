#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# No memory.  On a stock kernel, files larger than the machine's memory are read while
# another process takes that memory, and by a reader in a memory cgroup at its limit.  The
# cache's disk is slow to write.  Nothing gets stuck, and no process is killed that would
# live without a cache.  On the debug kernel, allocations of the cache are made to fail.
#
# bed: --disk-size cache:1G --disk-size srv:1G --mem 512M --timeout 900
# run: long all:debug long-form
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

delay_ms=300	# of a write
disk=$(readlink -f /dev/disk/cache)
errors=/run/errors
: > "$errors"

sums()		# DIR; what is in its files, or why they cannot be read
{
	(cd "$1" && xxhsum -q -H2 ./* 2>&1)
}

# Compare a directory with WANTED.  Note any difference.
read_tree()	# DIR WANTED
{
	local sum

	sum=$(sums "$1") || true
	[ "$sum" = "$2" ] || diff <(echo "$2") <(echo "$sum") >> "$errors"
}

no_wrong_byte()	# NAME
{
	check_equal "$1: no error and no wrong byte" "" "$(head -n 3 "$errors")"
	: > "$errors"
}

bio_slabs()
{
	awk '$1 ~ /^bio/ { print $1 }' /proc/slabinfo | sort | xargs
}

nfs_server_start

# --- allocations that fail

inject=/sys/kernel/debug

fail_off()
{
	echo 0 > "$inject/failslab/probability"
	echo 0 > "$inject/fail_page_alloc/probability"
}

# Let some allocations fail.  They come from functions of the first range, and not from
# functions of the second range.
fail_on()	# PERCENT START END REJECT_START REJECT_END
{
	local dir

	for dir in failslab fail_page_alloc; do
		echo 0 > "$inject/$dir/verbose"
		echo "$2" > "$inject/$dir/require-start"
		echo "$3" > "$inject/$dir/require-end"
		echo "$4" > "$inject/$dir/reject-start"
		echo "$5" > "$inject/$dir/reject-end"
		echo N > "$inject/$dir/task-filter"
		echo N > "$inject/$dir/ignore-gfp-wait"
		echo 1000000 > "$inject/$dir/times"
	done
	echo 0 > "$inject/fail_page_alloc/min-order"
	echo "$1" > "$inject/failslab/probability"
	echo "$1" > "$inject/fail_page_alloc/probability"
}

# Print the first address of a function of the kernel, and the address behind it.
range_of()	# NAME
{
	awk -v name="$1" '
		found { print " 0x" $1; exit }
		$3 == name { printf "0x%s", $1; found = 1 }' /proc/kallsyms
}

failed()	# prints how many allocations of either kind have failed
{
	echo $((2000000 - $(cat "$inject/failslab/times") -
		$(cat "$inject/fail_page_alloc/times")))
}

# Attach.  An attach fails for lack of memory or not at all.
attach_in_need()	# prints how often it failed
{
	local i output

	for ((i = 0; i < 20; i++)); do
		if output=$(cachefs_attach "$disk" 2>&1); then
			echo "$i"
			return
		fi
		[ "${output##*: }" = "Cannot allocate memory" ] ||
			echo "attach: $output" >> "$errors"
	done
	fail_off
	cachefs_attach "$disk"
	echo "$i"
}

allocations_fail()
{
	local percent i wanted output line readers attaches
	local text slab cookie

	expect_log "error -12|damaged|unusable|no checkpoint .error -12"
	fill_many "$export_dir/small" 6 9000 1
	fill "$export_dir/small/large" 700K 2
	sync
	wanted=$(sums "$export_dir/small")
	cachefs_load "$disk"
	cachefs_detach
	nfs_mount

	text=$(cat /sys/module/cachefs/sections/.text)
	text+=" $(printf '0x%x' \
		$((text + $(cat /sys/module/cachefs/coresize))))"
	# These two do not get over a failed allocation: one leaks the name of a slab, the
	# other unlinks an entry that is not linked yet.
	slab=$(range_of bioset_init)
	cookie=$(range_of __fscache_acquire_cookie)

	for percent in 1 3 10 ${LONG:+1 3 10 30 1 3 10 30}; do
		# shellcheck disable=SC2086 # two words each
		fail_on "$percent" $text $slab
		attaches=$(attach_in_need)
		# shellcheck disable=SC2086
		fail_on "$percent" $text $slab
		# With 10 % not every file gets an object at once.
		for i in 1 2 3 ${LONG:+4 5 6 7 8 9}; do
			readers=()
			[ "$i" != 2 ] || touch "$export_dir/small"/*
			echo 3 > /proc/sys/vm/drop_caches
			read_tree "$MNT/small" "$wanted" &
			readers+=($!)
			read_tree "$MNT/small" "$wanted" &
			readers+=($!)
			wait "${readers[@]}"
		done
		check "$percent % fail: detach" cachefs_detach
		fail_off
		no_wrong_byte "$percent % fail"
		check "$percent % fail: some did" test "$(failed)" -gt 0
		echo "# $attaches attaches failed, then $(failed) allocations"
	done

	# Any allocation of the readers may fail, and the readers may be told so.
	cachefs_attach "$disk"
	# shellcheck disable=SC2086
	fail_on 0 0 0xffffffffffffffff $cookie
	echo Y > "$inject/failslab/task-filter"
	echo 2 > "$inject/failslab/probability"
	for i in 1 2 3 4 5 6 ${LONG:+7 8 9 10 11 12 13 14 15 16 17 18}; do
		[ $((i % 3)) != 0 ] || touch "$export_dir/small"/*
		echo 3 > /proc/sys/vm/drop_caches
		output=$(cd "$MNT/small" && echo 1 > /proc/self/make-it-fail &&
			exec xxhsum -q -H2 ./* 2>/dev/null) || true
		while read -r line; do
			[ -z "$line" ] || grep -q -x -F "$line" <<< "$wanted" ||
				echo "$line" >> "$errors"
		done <<< "$output"
	done
	fail_off
	check_equal "any allocation of the readers fails: no wrong byte" "" \
		"$(head -n 3 "$errors")"
	: > "$errors"
	check "any allocation of the readers fails: some did" \
		test "$(failed)" -gt 5

	# Read again, now with memory.
	for i in 1 2; do
		drop_caches
		reads=$(rpc_reads)
		read_tree "$MNT/small" "$wanted"
		settle
	done
	no_wrong_byte "with memory again"
	check_equal "with memory again: from the cache (READ)" 0 \
		$(($(rpc_reads) - reads))
	nfs_umount
	check "no object stays open" wait_for 60 no_objects
	check_equal "no page stays marked" 0 "$(cachefs_stat pages_marked)"
	check "rmmod" cachefs_unload
	check_equal "nothing of the module's is left in vmalloc" 0 \
		"$(grep -c '\[cachefs\]' /proc/vmallocinfo)"
}

# --- a machine with little memory

kills()
{
	awk '$1 == "oom_kill" { print $2 }' /proc/vmstat
}

# Take most of the free memory, for as long as this process lives.
hog()
{
	exec python3 -c '
import mmap, time
free = next(int(line.split()[1]) for line in open("/proc/meminfo")
            if line.startswith("MemAvailable:")) * 1024
memory = mmap.mmap(-1, free * 6 // 10)
while True:
    for at in range(0, len(memory), 4096):
        memory[at] = 1
    time.sleep(0.5)'
}

little_memory()
{
	local pass hog group=/sys/fs/cgroup/reader

	mkdir "$export_dir/large"
	for i in 1 2 3 4 ${LONG:+5 6 7 8 9 10 11 12 13 14 15 16}; do
		fill "$export_dir/large/f$i" 50M "$i"
	done
	sync
	wanted=$(sums "$export_dir/large")
	load netfs fscache dm_mod dm_delay
	slabs=$(bio_slabs)
	cachefs_load "$disk"
	cachefs_unload
	dmsetup create --noudevsync slow --table \
		"0 $(blockdev --getsz "$disk") delay $disk 0 0 $disk 0 $delay_ms"
	dmsetup mknodes
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	echo +memory > /sys/fs/cgroup/cgroup.subtree_control
	mkdir "$group"
	echo 24M > "$group/memory.max"

	for pass in nofsc cold warm; do
		case $pass in
		nofsc)	nfs_mount nofsc ;;
		cold)	cachefs_load /dev/mapper/slow
			nfs_mount ;;
		esac
		drop_caches
		begin=$SECONDS
		before=$(kills)
		hog & hog=$!
		sleep 2
		read_tree "$MNT/large" "$wanted"
		[ "$pass" = nofsc ] || settle
		echo "# $pass, with a memory hog: $((SECONDS - begin)) s"
		no_wrong_byte "$pass, with a memory hog"
		check "$pass, with a memory hog: it was there to the end" \
			kill -9 "$hog"
		wait "$hog" 2>/dev/null || true
		check_equal "$pass, with a memory hog: nothing was killed" \
			"$before" "$(kills)"

		drop_caches
		begin=$SECONDS
		[ "$pass" != cold ] || touch "$export_dir/large"/*
		(
			echo "$BASHPID" > "$group/cgroup.procs"
			read_tree "$MNT/large" "$wanted"
		) || echo "the reader was killed" >> "$errors"
		[ "$pass" = nofsc ] || settle
		echo "# $pass, in a small cgroup: $((SECONDS - begin)) s"
		no_wrong_byte "$pass, in a small cgroup"
		check "$pass, in a small cgroup: it was at the limit" \
			grep -q '^max [1-9]' "$group/memory.events"
		check "$pass, in a small cgroup: nothing was killed" \
			grep -q '^oom_kill 0' "$group/memory.events"
		[ "$pass" != nofsc ] || nfs_umount
	done
	check "there were hits" test "$(cachefs_stat hit_bytes)" -gt 100000000
	check_equal "no errors" "0 0 0" "$(cachefs_stat read_errors) $(cachefs_stat \
		write_errors) $(cachefs_stat checksum_errors)"
	nfs_umount
	check "no object stays open" wait_for 60 no_objects
	check_equal "no page stays marked" 0 "$(cachefs_stat pages_marked)"
	check_equal "nothing stays in flight" 0 \
		"$(cachefs_stat stores_in_flight_bytes)"
	cachefs_unload
	check "the disk is released" dmsetup remove --noudevsync slow
	check_equal "the slabs are those of before" "$slabs" "$(bio_slabs)"
}

if on_debug_kernel && [ ! -e "$inject/failslab/require-start" ]; then
	t_skip "allocations of the cache's fail" "this kernel can only fail all alike"
elif on_debug_kernel; then
	allocations_fail
else
	little_memory
fi
