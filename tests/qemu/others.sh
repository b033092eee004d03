# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source-path=SCRIPTDIR disable=SC2154
#
# Functions for guests with a network file system, FS, that is not NFS: 9p or cifs.  See
# h20-others.sh.  FS is mounted at /mnt/FS, and the server's files are in /srv/FS.

# shellcheck source=lib.sh
. /bed/lib.sh

# On Linux 6.1 the cache stays out of file systems that read through netfs, and the
# kernel's CIFS server does not understand Debian 12's ksmbd-tools.
file_systems="9p cifs"
caching=1
case $(uname -r) in
6.1.*)	file_systems=9p caching=0 ;;
esac

# 9p: QEMU exports a directory of the host twice.  The second export is mounted without
# any caching.  cifs: ksmbd in this guest, with the disk srv.
servers_start()
{
	load 9p 9pnet_virtio
	mkdir -p /srv/9p /srv/cifs /run/lock
	mount -t 9p -o trans=virtio,version=9p2000.L,cache=none origin /srv/9p ||
		t_die "cannot mount the directory of the host"
	[[ $file_systems != *cifs ]] || cifs_server_start
}

cifs_server_start()
{
	mkdir -p /srv/cifs /run/lock
	load cifs ksmbd
	blkid /dev/disk/srv >/dev/null || mkfs.ext4 -q /dev/disk/srv
	mount /dev/disk/srv /srv/cifs || t_die "cannot mount the server's disk"
	cat > /etc/ksmbd/ksmbd.conf <<-END
	[global]
		interfaces = lo
		bind interfaces only = yes
	[share]
		path = /srv/cifs
		read only = no
	END
	ksmbd.adduser -a user -p word </dev/null >/run/ksmbd.log 2>&1
	ksmbd.mountd >>/run/ksmbd.log 2>&1
	wait_for 60 mount_cifs || t_die "no CIFS: $(cat /run/ksmbd.log)"
	umount /mnt/cifs
}

mount_9p()
{
	mkdir -p /mnt/9p
	mount -t 9p -o trans=virtio,version=9p2000.L,cache=fscache share /mnt/9p
}

# Mount CIFS without the delay of a close, which would keep inodes.
mount_cifs()	# [OPTIONS]
{
	mkdir -p /mnt/cifs
	mount -i -t cifs \
		-o "fsc,username=user,password=word,closetimeo=0${1:+,$1}" \
		//127.0.0.1/share /mnt/cifs
}

# Print the number of READ requests of CIFS.  The READ requests of 9p are not counted.
reads_sent()
{
	awk '$1 == "Reads:" { sum += $2 } END { print sum + 0 }' \
		/proc/fs/cifs/Stats
}

# Have all data that was read stored now.  Otherwise the kernel chooses the time.
store_all()
{
	sync
	settle
}

# Read PATH below the mount, and check how many bytes of it come from the cache.
reads()		# HIT-BYTES PATH
{
	local hits sent="" sum

	[ "$fs" = 9p ] || sent=$(reads_sent)
	hits=$(cachefs_stat hit_bytes)
	sum=$(tree_or_file_sum "/mnt/$fs/$2")
	check_equal "$fs: $what: the right bytes" \
		"$(tree_or_file_sum "/srv/$fs/$2")" "$sum"
	check_equal "$fs: $what: bytes from the cache" $(($1 * caching)) \
		$(($(cachefs_stat hit_bytes) - hits))
	[ "$1" = 0 ] || [ "$fs" = 9p ] ||
		check_equal "$fs: $what: no READ" "$sent" "$(reads_sent)"
}

tree_or_file_sum()	# PATH
{
	if [ -d "$1" ]; then
		tree_sum "$1"
	else
		xxhsum -q -H2 < "$1"
	fi
}

# Drop the pages, but not the inodes.
forget_pages()
{
	sync
	echo 1 > /proc/sys/vm/drop_caches
}

# Change a file, in one of several ways.
write_some()	# HOW PATH
{
	python3 - "$@" <<-END
	import mmap, os, sys, time
	how, path = sys.argv[1:]
	if how == "truncate":
	    # By name: nobody has it open.  In the end it has its size again.
	    size = os.stat(path).st_size
	    os.truncate(path, 50000)
	    os.truncate(path, size)
	    sys.exit()
	reader = os.open(path, os.O_RDONLY)
	fd = os.open(path, os.O_RDWR)
	data = str(time.time()).encode()
	if how == "write":
	    os.pwrite(fd, data, 50000)
	elif how == "mmap":
	    with mmap.mmap(fd, 0) as view:
	        view[50000:50000 + len(data)] = data
	elif how == "append":
	    # Between the open and the close, which both may write pages back.
	    size = 0
	    while chunk := os.read(reader, 1 << 20):
	        size += len(chunk)
	    os.pwrite(fd, data, size)
	END
}
