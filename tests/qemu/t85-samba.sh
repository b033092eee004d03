#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# CIFS from Samba.  On Linux 6.1 CIFS comes page by page, and nothing of it is cached, in
# whatever way it is read.  Writes between reads reach the server.  The log and sysfs say
# why nothing is cached.  Later kernels cache CIFS.
#
# bed: --smp 1 --disk-size cache:128M --disk-size srv:64M --timeout 300
# run: 6.1 sleeps
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

caching=1
case $(uname -r) in
6.1.*)	caching=0 ;;
esac
srv=/srv/cifs mnt=/mnt/cifs
mkdir -p "$srv" "$mnt" /run/samba /var/log/samba
mkfs.ext4 -q /dev/disk/srv
mount /dev/disk/srv "$srv"
cat > /etc/samba/smb.conf <<-END
	[global]
		interfaces = lo
		bind interfaces only = yes
		server role = standalone server
		disable netbios = yes
		load printers = no
	[share]
		path = $srv
		read only = no
	END
printf 'word\nword\n' | smbpasswd -s -a root > /run/samba.log 2>&1
smbd -D >> /run/samba.log 2>&1
load cifs

mount_share()	# OPTIONS
{
	mount -i -t cifs -o "fsc,username=root,password=word,closetimeo=0,$1" \
		//127.0.0.1/share "$mnt"
}

# Read a file in one of several ways, and print its bytes.
read_file()	# HOW PATH
{
	python3 - "$@" <<-END
	import mmap, os, sys
	how, path = sys.argv[1:]
	fd = os.open(path, os.O_RDONLY)
	size = os.fstat(fd).st_size
	if how == "mapped":
	    data = mmap.mmap(fd, 0, prot=mmap.PROT_READ)[:]
	elif how == "ahead":
	    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_WILLNEED)
	    data = b"".join(os.pread(fd, 65536, at) for at in range(0, size, 65536))
	elif how == "pieces":
	    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
	    data = b"".join(os.pread(fd, 1000, at) for at in range(0, size, 1000))
	else:
	    data = os.read(fd, size)
	sys.stdout.buffer.write(data)
	END
}

# A reader has the file open.  Two pieces of a page are written, and reach the
# server; then a third one, when the page has left memory.
write_between()	# PATH
{
	python3 - "$@" <<-END
	import os, sys, time
	reader = os.open(sys.argv[1], os.O_RDONLY)
	os.read(reader, 100)
	writer = os.open(sys.argv[1], os.O_RDWR)
	for at in 0, 50, 100:
	    os.pwrite(writer, b"written at %03d" % at, at)
	    os.fsync(writer)
	    time.sleep(2)
	    with open("/proc/sys/vm/drop_caches", "w") as drop:
	        drop.write("1")
	END
}

# Make these writes to a file, to have the right bytes.
write_all()	# PATH
{
	python3 - "$@" <<-END
	import os, sys
	fd = os.open(sys.argv[1], os.O_RDWR)
	for at in 0, 50, 100:
	    os.pwrite(fd, b"written at %03d" % at, at)
	END
}

for how in whole mapped ahead pieces; do
	fill "$srv/$how" 200001 1
done
for name in page pages; do
	size=4096
	[ $name = page ] || size=100000
	fill "$srv/$name" $size 2
	cp "$srv/$name" "/run/$name"
	write_all "/run/$name"
done
# Of files that changed a moment ago nothing is cached.
wait_for 60 file_settled "$srv/pages"
cachefs_load
dir=$(cachefs_dir)
wait_for 60 mount_share cache=strict || t_die "no CIFS: $(cat /run/samba.log)"
umount "$mnt"

for cache in strict loose; do
	mount_share cache=$cache
	for how in whole mapped ahead pieces; do
		for round in cold warm; do
			hits=$(cachefs_stat hit_bytes)
			check_equal "$cache, $how, $round: the right bytes" \
				"$(xxhsum -q -H2 < "$srv/$how")" \
				"$(read_file "$how" "$mnt/$how" | xxhsum -q -H2)"
			sync
			settle
			drop_caches
		done
		check_equal "$cache, $how, $round: bytes from the cache" \
			$((200001 * caching)) $(($(cachefs_stat hit_bytes) - hits))
	done
	said="unsupported 0 200001"
	[ $caching = 0 ] || said="ok 200001 200001"
	check_equal "$cache: what /dev/cachefs says" "$said" \
		"$(python3 /bed/control.py ask why "$mnt/whole")"
	for name in page pages; do
		write_between "$mnt/$name"
		check "$cache: what was written to $name is on the server" \
			cmp "/run/$name" "$srv/$name"
		check "$cache: and here" cmp "/run/$name" "$mnt/$name"
	done
	said="unsupported 0 4096"
	[ $caching = 0 ] || said="written 0 4096"
	check_equal "$cache: what it says of a file that was written to" "$said" \
		"$(python3 /bed/control.py ask why "$mnt/page")"
	if [ $caching = 0 ]; then
		check_equal "$cache: the identity says why" \
			"not cached: this file system is not cached on this kernel" \
			"$(cat "$dir"/volumes/*/identity)"
		check_equal "$cache: nothing has an object" 0 \
			"$(cat "$dir/objects_open")"
	fi
	umount "$mnt"
done
if [ $caching = 0 ]; then
	check_equal "nothing was stored" 0 "$(cachefs_stat stored_bytes)"
	check_equal "the log says why, once for each mount" 3 \
		"$(dmesg | grep -c 'cachefs: cifs,127.0.0.1:445,share: not cached:')"
fi

# A cache that comes and goes below a volume that is refused.
mount_share cache=loose
exec 5< "$mnt/whole"
cachefs_unload
cachefs_load
check_equal "after another attach: the right bytes" \
	"$(xxhsum -q -H2 < "$srv/whole")" "$(xxhsum -q -H2 <&5)"
exec 5<&-
umount "$mnt"
cachefs_unload
