#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# CIFS with inode numbers that the client makes up (noserverino).  They start anew at each
# boot, so a file may get the number that another file had.  200 files of one size and one
# time are read in one order, and after a reboot in the reverse order.  With the server's
# numbers the files are cached all the same.
#
# shellcheck source-path=SCRIPTDIR

set -eu
# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

if [ "$BED_SERIES" = 6.1 ]; then
	echo "skip numbers of the client - Linux 6.1 caches nothing of CIFS (t85-samba)"
	exit 0
fi
new_disk cache 64M
new_disk srv 64M

cat > "$BED_SCRATCH/numbers.sh" <<'END'
. /bed/others.sh
fs=cifs srv=/srv/cifs mnt=/mnt/cifs

# Times of whole seconds are what inodes of 128 bytes have.
blkid /dev/disk/srv > /dev/null ||
	mkfs.ext4 -q -I 128 /dev/disk/srv 2> /dev/null
cifs_server_start

# The bytes of file N are N.
make_files()
{
	python3 - <<-PY || return
	import os, time
	for attempt in range(100):
	    time.sleep(1 - time.time() % 1)
	    now = int(time.time())
	    for i in range(200):
	        # A slow machine needs more than a second for all.
	        time.clock_settime(time.CLOCK_REALTIME, now + 0.1)
	        with open("$srv/n%03d" % i, "wb") as file:
	            file.write(bytes([i]) * 4096)
	    files = [os.stat("$srv/n%03d" % i) for i in range(200)]
	    if len({(file.st_mtime, file.st_ctime) for file in files}) == 1:
	        break
	else:
	    raise SystemExit("200 files take more than a second, a hundred times")
	PY
	sync
	wait_for 60 file_settled "$srv/n199"
}

wrong_files()
{
	python3 - <<-PY
	print(sum(open("$mnt/n%03d" % i, "rb").read() != bytes([i]) * 4096
	          for i in range(200)[::$order]))
	PY
}

# Read all files, and see how many bytes come from the cache or go there.
read_files()	# HIT-BYTES STORED-BYTES
{
	local hits stored

	hits=$(cachefs_stat hit_bytes) stored=$(cachefs_stat stored_bytes)
	check_equal "$what: wrong files" 0 "$(wrong_files)"
	store_all
	check_equal "$what: bytes from the cache" "$1" \
		$(($(cachefs_stat hit_bytes) - hits))
	check_equal "$what: bytes stored" "$2" \
		$(($(cachefs_stat stored_bytes) - stored))
}

the_log_says()	# HOW-OFTEN
{
	check_equal "$what: lines of the log that say why" "$1" \
		"$(dmesg | grep -c 'cachefs: cifs.*noserverino')"
}
END

# Boot, and read the files in that ORDER, 1 or -1.
numbers_guest()	# ORDER < SCRIPT
{
	in_guest --timeout 300 \
		< <(echo "order=$1"; cat "$BED_SCRATCH/numbers.sh" -)
}

numbers_guest 1 <<'END'
check "all files are of one second" make_files
cachefs_load
what="numbers of the client"
mount_cifs noserverino
read_files 0 0
the_log_says 1
what="its numbers, once more"
drop_caches
read_files 0 0
the_log_says 1
umount "$mnt"
what="numbers of the server"
mount_cifs
read_files 0 819200
the_log_says 1
umount "$mnt"
cachefs_unload
umount "$srv"
END

numbers_guest -1 <<'END'
cachefs_load
what="numbers of the client, after a reboot"
mount_cifs noserverino
read_files 0 0
the_log_says 1

# Open and read before, and so in use as the client has numbered it.
what="open while the mount gets the server's numbers"
exec 5< "$mnt/n007"
head -c 4096 <&5 > /dev/null
mount_cifs remount,serverino
check "$what: the mount has them" grep -q "$mnt.*,serverino" /proc/mounts
forget_pages
hits=$(cachefs_stat hit_bytes) stored=$(cachefs_stat stored_bytes)
check_equal "$what: the right bytes" "$(xxhsum -q -H2 < "$srv/n007")" \
	"$(xxhsum -q -H2 < /proc/self/fd/5)"
store_all
check_equal "$what: nothing from the cache" "$hits" "$(cachefs_stat hit_bytes)"
check_equal "$what: nothing stored" "$stored" "$(cachefs_stat stored_bytes)"
exec 5<&-

what="opened after that"
drop_caches
read_files 819200 0
umount "$mnt"
what="numbers of the server, after a reboot"
mount_cifs
read_files 819200 0
umount "$mnt"
cachefs_unload
umount "$srv"
END
