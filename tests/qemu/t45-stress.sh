#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The cache goes away while reads and stores are under way, again and again:
# detach, rmmod, umount.  No reader sees an error, and nothing leaks.
#
# bed: --disk-size cache:128M --disk-size srv:256M --timeout 900
# run: 6.1
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

rounds=${ROUNDS:-30}
[ -z "$LONG" ] || rounds=500
case $(uname -r) in
6.1.*)	rounds=$((rounds * 2 / 3)) ;;	# its glue alone is another one
esac
on_debug_kernel && rounds=5

nfs_server_start 1 800
for ((i = 1; i <= rounds; i += 2)); do
	fill_many "$export_dir/$i" 4 20000 "$i"
	fill "$export_dir/$i/file" 512K $((i + 1))
done
fill_many "$export_dir/all" 10 20000 1000
fill "$export_dir/all/file" 1M 1001
sync
wanted=$(tree_sum "$export_dir/all")
cachefs_load
cachefs_unload
errors=/run/errors
: > "$errors"

# Read until /run/stop is there.  The bytes must always be right.
reader()
{
	local sum

	while [ ! -e /run/stop ]; do
		sum=$(tree_sum "$MNT/all")
		[ "$sum" = "$wanted" ] || echo "round $i: $sum" >> "$errors"
		echo 1 > /proc/sys/vm/drop_caches
	done
}

# Until /run/stop is there, read all files below /sys/fs/cachefs, and write back the
# writable ones, through descriptors of the round before.  Files may be gone.  The content
# of other files must make sense.  Print what is wrong, and make /run/seen/NAME once NAME
# was read.
sysfs()		# DEVICE
{
	python3 - "$1" <<-'END'
	import errno, os, sys, time
	states = "active", "degraded", "failed", "detaching", "detached"
	wanted = "state", "max_in_flight_ms", "hit_bytes", "in_flight", "key", errno.ENODEV
	before, times = {}, {}

	def makes_sense(directory, name, text):
	    if name == "state":
	        return text in states
	    if name == "device":
	        return text == sys.argv[1]
	    return directory not in ("stats", "refused_bytes") or text.isdigit()

	def look(directory, name):
	    path = directory + "/" + name
	    mode = os.stat(path).st_mode
	    if not mode & 0o400:
	        return
	    fd = os.open(path, os.O_RDWR if mode & 0o200 else os.O_RDONLY)
	    fd, before[path] = before.get(path), fd
	    if fd is None:
	        return
	    try:
	        text = os.pread(fd, 4096, 0).decode().rstrip("\n")
	        times[name] = times.get(name, 0) + 1
	        if not makes_sense(os.path.basename(directory), name, text):
	            print(path, "has", text)
	        if mode & 0o200:
	            os.pwrite(fd, b"active" if name == "state" else text.encode(), 0)
	    finally:
	        os.close(fd)

	while not os.path.exists("/run/stop"):
	    for directory, _, names in os.walk("/sys/fs/cachefs"):
	        for name in names:
	            try:
	                look(directory, name)
	            except OSError as error:
	                times[error.errno] = times.get(error.errno, 0) + 1
	                # A cache that is being attached or detached has that state.
	                if error.errno not in (errno.ENOENT, errno.ENODEV) and \
	                   (error.errno, name) != (errno.EBUSY, "state"):
	                    print(directory, name, error)
	    for what in set(wanted) & set(times):
	        open("/run/seen/%s" % what, "w").close()
	    time.sleep(0.02)
	print("# sysfs: %d times, %d times gone" % (sum(times.values()),
	      times.get(errno.ENODEV, 0)), file=sys.stderr)
	for what in wanted:
	    if what not in times:
	        print("never:", what)
	END
}

# Has sysfs() read each of these?
seen()		# NAME...
{
	local name

	for name; do
		[ -e "/run/seen/$name" ] || return
	done
}

# Has anything been read from this cache, or stored in it?
in_use()
{
	[ "$(($(< "$stats/device_read_bytes") + $(< "$stats/stored_bytes")))" -gt 0 ]
}

# Wait up to a quarter of a second.  The time differs from round to round.
moment()
{
	read -r -t "$(printf '0.%03d' $((RANDOM % 250)))" <> /run/nobody || true
}

# Print the slabs of bios and of their vectors.  A cache adds a slab of its own.
bio_slabs()
{
	awk '$1 ~ /^bio/ { print $1 }' /proc/slabinfo | sort | xargs
}

# Print the KiB of the kernel's memory that can be leaked.
kernel_memory()
{
	awk '$1 ~ /^(SUnreclaim|VmallocUsed|Percpu|KernelStack):/ { s += $2 }
		END { print s }' /proc/meminfo
}

mkfifo /run/nobody
mkdir /run/seen
load netfs fscache
nfs_mount
slabs=$(bio_slabs)
reader & reader=$!
sysfs "$(readlink -f /dev/disk/cache)" > /run/sysfs & sysfs=$!
unused=0
for ((i = 1; i <= rounds; i++)); do
	insmod /bed/cachefs.ko "cache=$(readlink -f /dev/disk/cache)"
	stats=$(cachefs_dir)/stats
	wait_for 60 in_use || unused=$((unused + 1))
	moment
	if [ $((i % 2)) = 0 ]; then
		cachefs_detach
		[ "$(cat /sys/module/cachefs/refcnt)" = 0 ] ||
			echo "round $i: the module is held" >> "$errors"
	fi
	rmmod cachefs
	[ "$i" != $((rounds / 5)) ] || memory=$(kernel_memory)
done
memory=$(($(kernel_memory) - memory))
# A slow machine may have read few files in those rounds.  So each file is read once in a
# cache that stays, and then once more through a descriptor of that cache (ENODEV is 19).
insmod /bed/cachefs.ko "cache=$(readlink -f /dev/disk/cache)"
wait_for 300 seen state max_in_flight_ms hit_bytes in_flight key || true
rmmod cachefs
insmod /bed/cachefs.ko "cache=$(readlink -f /dev/disk/cache)"
wait_for 300 seen 19 || true
rmmod cachefs
: > /run/stop
wait "$reader"
check_equal "$rounds times detach or rmmod under readers: no wrong byte" "" \
	"$(head -n 3 "$errors")"
echo "# $rounds rounds, $(grep -c -v held "$errors") wrong bytes"
check_equal "each time the cache was in use" 0 "$unused"
wait "$sysfs" && status=0 || status=$?
check_equal "files in sysfs, read and written meanwhile: no error" "0 " \
	"$status $(head -n 3 /run/sysfs)"
check_equal "the last look" "$wanted" "$(tree_sum "$MNT/all")"
# The checkers keep freed memory for a while.  Under them kmemleak looks for leaks.
on_debug_kernel ||
	check_range "memory does not go up with the rounds (KiB)" -1000000 8192 \
		"$memory"
check_equal "the slabs are those of before" "$slabs" "$(bio_slabs)"
check_equal "nothing of the module's is left in vmalloc" 0 \
	"$(grep -c '\[cachefs\]' /proc/vmallocinfo)"
nfs_umount

# Another mount keeps the client and its lease, which take long to set up.
nfs_mount nofsc /mnt/other
cachefs_load
: > "$errors"
for ((i = 1; i <= rounds; i++)); do
	nfs_mount
	drop_caches
	# Relative names work in a mount that is not in the tree any more.  The files are
	# not cached, or cached in part the second time.
	(cd "$MNT/$(((i - 1) / 2 * 2 + 1))" && : > /run/inside &&
		exec cat ./* > /dev/null) &
	reader=$!
	wait_for 120 test -e /run/inside
	rm /run/inside
	moment
	umount -l "$MNT"
	wait "$reader" || echo "umount $i: the reader failed" >> "$errors"
done
check_equal "$rounds times umount under a reader: no error" "" \
	"$(head -n 3 "$errors")"
settle
check_equal "no page stays marked" 0 "$(cachefs_stat pages_marked)"
check "no object stays open" wait_for 60 no_objects
no_cookies()
{
	[ -z "$(sed 1,2d /proc/fs/fscache/cookies)" ]
}
check "FS-Cache has no cookie left" wait_for 60 no_cookies
check "rmmod" rmmod cachefs
check_equal "FS-Cache has no cache left" "" \
	"$(awk '$NF == "cachefs" && $6 != "-"' /proc/fs/fscache/caches)"
check "the device is released" python3 -c "
import os, sys
os.close(os.open(sys.argv[1], os.O_RDWR | os.O_EXCL))" \
	"$(readlink -f /dev/disk/cache)"
