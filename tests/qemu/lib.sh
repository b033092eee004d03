# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Functions that the guests' test scripts share: results, an NFS server in a network
# namespace of its own, the client's mounts and counters, the cache's sysfs.
#
#	. /bed/lib.sh
#
# The status of a script that sources this file is not zero if a check failed, if the
# script made no check, or if the cache met an error that the script does not expect.

export_dir=/srv/export
export_fsid=63616368-6566-7300-0000-000000000001
server=10.99.0.1
client=10.99.0.2
MNT=/mnt/nfs

# --- results: one line per check on stdout, counted at the end

t_results=$(mktemp /run/results.XXXXXX)

t_say()
{
	echo "$*"
	echo "$*" >> "$t_results"
}

t_ok()		# NAME
{
	t_say "ok $1"
}

t_fail()	# NAME WHY
{
	t_say "not ok $1 - ${2:-}"
}

t_skip()	# NAME WHY
{
	t_say "skip $1 - ${2:-}"
}

# Check that a command succeeds.
check()		# NAME COMMAND...
{
	local name=$1 output status

	shift
	output=$("$@" 2>&1) && status=0 || status=$?
	if [ "$status" = 0 ]; then
		t_ok "$name"
	else
		t_fail "$name" "$* ended with $status: ${output//$'\n'/; }"
	fi
}

# Check that two values are the same.
check_equal()	# NAME WANTED GOT
{
	if [ "$2" = "$3" ]; then
		t_ok "$1"
	else
		t_fail "$1" "wanted $2, got $3"
	fi
}

# Check that a number lies between two others.
check_range()	# NAME LEAST MOST GOT
{
	if [ "$4" -ge "$2" ] && [ "$4" -le "$3" ]; then
		t_ok "$1"
	else
		t_fail "$1" "wanted $2 to $3, got $4"
	fi
}

# An error of the cache's disk, or bad data on it, fails a step (tests/bed/guest --strict)
# unless the step expects it.  tests/bed/guest looks for lines of the log, t_end() looks
# at the counters.
expect_log()	# REGEX: of lines in the kernel's log
{
	echo "bed: expected in the log: $1" > /dev/kmsg
	: > /run/errors-expected
}

# Note the errors that the attached cache has counted, before they are forgotten.
errors_note()
{
	local file

	[ -e /bed/strict ] && [ ! -e /run/errors-expected ] || return 0
	for file in /sys/fs/cachefs/*/stats/{read,write,checksum}_errors; do
		[ ! -e "$file" ] || [ "$(< "$file")" = 0 ] ||
			echo "${file##*/} $(< "$file")" >> /run/errors-counted
	done
}

t_end()
{
	local status=$?

	errors_note
	[ ! -e /run/errors-counted ] ||
		t_fail "no unexpected errors of the cache" "$(xargs < /run/errors-counted)"
	if [ "$status" != 0 ]; then
		echo "not ok $(cat /bed/name) - script ended with $status"
		exit "$status"
	fi
	if ! grep -q -E '^(ok|not ok|skip) ' "$t_results"; then
		echo "not ok $(cat /bed/name) - script made no check"
		exit 1
	fi
	! grep -q '^not ok ' "$t_results" || exit 1
}
trap t_end EXIT

# Give up, because nothing that follows would make sense.
t_die()		# WHY
{
	echo "$*"
	exit 1
}

# Wait a tenth of a second without a new process, because a new process costs more than
# that under the checkers.
exec {t_nobody}<> <(:)
t_pause()
{
	read -r -t 0.1 -u "$t_nobody" || true
}

# Wait until a command succeeds; fails after SECONDS.
wait_for()	# SECONDS COMMAND...
{
	local end=$((SECONDS + $1))

	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		t_pause
	done
}

has_ended()	# PID: of a child
{
	! kill -0 "$1" 2>/dev/null
}

# Check that a child ends with STATUS, on a slow machine as well.  Use it for a child that
# may otherwise wait for ever for a disk that does not answer.
check_done()	# NAME PID [STATUS]
{
	local status=0

	if ! wait_for 120 has_ended "$2"; then
		t_fail "$1" "no end after two minutes"
		t_die "what does not end would hold up all the rest"
	fi
	wait "$2" || status=$?
	check_equal "$1" "${3:-0}" "$status"
}

check_ends()	# NAME COMMAND...
{
	local name=$1

	shift
	"$@" > /dev/null &
	check_done "$name" $!
}

# Does a task wait for a page, either for its bytes or for its mark?
waits_for_page()	# PID
{
	grep -q folio_wait "/proc/$1/wchan"
}

waits_or_has_ended()	# PID
{
	waits_for_page "$1" || has_ended "$1"
}

# Print the seconds since the boot, with two decimals, for measuring.
now()
{
	awk '{ print $1 }' /proc/uptime
}

# Load kernel modules that are not built in.
load()		# MODULE...
{
	modprobe -q -a "$@" || true
}

# Is this a kernel with the checkers, which is slow?
on_debug_kernel()
{
	[ -e /sys/kernel/debug/kmemleak ] || [ -e /sys/kernel/debug/kcsan ]
}

# --- a disk that does nothing for as long as a script wants

# Make /dev/mapper/NAME, for the whole disk behind /dev/disk/DISK.
held_disk()	# NAME DISK
{
	local disk

	load dm_mod
	disk=$(readlink -f "/dev/disk/$2")
	dmsetup create --noudevsync "$1" \
		--table "0 $(blockdev --getsz "$disk") linear $disk 0"
	dmsetup mknodes
}

hold()		# NAME
{
	dmsetup suspend --noflush --nolockfs "$1"
}

let_go()	# NAME
{
	dmsetup resume --noudevsync "$1"
}

# Replace the table of such a disk with the table on stdin, while I/O is under way.
exchange_table()	# NAME
{
	dmsetup load "$1"
	hold "$1"
	let_go "$1"
}

# --- the NFS server

# Run a command in the server's namespaces.
srv_exec()	# COMMAND...
{
	nsenter -t "$(cat /run/srv.pid)" -n -m -- "$@"
}

# rpc.mountd looks into nfsd's directory of each new client, for its log.  If the client
# goes at that moment, nfsd of 6.1 warns ("I think this can't happen?",
# nfsdfs_remove_files()).  So rpc.mountd finds an empty directory here.
mount_nfsd()
{
	mount -t nfsd nfsd /proc/fs/nfsd
	mount -t tmpfs none /proc/fs/nfsd/clients
}
export -f mount_nfsd

# Start knfsd in the network namespace srv.  It exports /srv/export with NFSv4.2.  The
# export is the disk /dev/disk/srv, which is formatted with ext4 if it is blank, or else a
# tmpfs.  Both have a change attribute that changes with each write.
nfs_server_start()	# [RTT_MS [RATE_MBIT]]
{
	load nfsd nfs veth sch_netem
	mkdir -p "$export_dir" "$MNT"
	if [ -e /dev/disk/srv ]; then
		blkid /dev/disk/srv >/dev/null ||
			mkfs.ext4 -q -E lazy_itable_init=1 /dev/disk/srv ||
			t_die "cannot format the server's disk"
		mount -o noatime /dev/disk/srv "$export_dir" ||
			t_die "cannot mount the server's disk"
	else
		mount -t tmpfs -o size=75% export "$export_dir"
	fi
	chmod 777 "$export_dir"

	ip netns add srv
	ip link add nfs-client type veth peer name nfs-server netns srv
	ip addr add "$client/24" dev nfs-client
	ip link set nfs-client up
	ip -n srv addr add "$server/24" dev nfs-server
	ip -n srv link set nfs-server up
	ip -n srv link set lo up

	# The fsid is fixed, because file handles must be the same after a reboot.
	cat > /etc/exports <<-END
	$export_dir *(rw,async,no_root_squash,no_subtree_check,insecure,fsid=$export_fsid)
	END
	ip netns exec srv bash -c '
		mkdir -p /run/rpc_pipefs /var/lib/nfs/nfsdcld
		mount -t rpc_pipefs rpc_pipefs /run/rpc_pipefs
		mount_nfsd
		nfsdcld
		echo 10 > /proc/fs/nfsd/nfsv4leasetime
		echo 10 > /proc/fs/nfsd/nfsv4gracetime
		exportfs -a
		rpc.mountd -N 2 -N 3 --no-udp
		rpc.nfsd -N 3 8
		# Already over when nfsdcld knows no client.
		{ echo Y > /proc/fs/nfsd/v4_end_grace; } 2>/dev/null
		echo $$ > /run/srv.pid
		exec sleep infinity' </dev/null >/run/srv.log 2>&1 &
	wait_for 300 test -s /run/srv.pid ||
		t_die "the NFS server does not start: $(cat /run/srv.log)"
	[ "$(srv_exec cat /proc/fs/nfsd/threads)" -gt 0 ] ||
		t_die "no nfsd threads: $(cat /run/srv.log)"
	[ $# = 0 ] || net_shape "$@"
}

# Let the server speak NFSv3 as well.  v3_options are for mounts without a portmapper or
# locks.
# shellcheck disable=SC2034 # used by those who source this
v3_options=vers=3,nolock,port=2049,mountport=20048,mountproto=tcp
nfs_server_v3()
{
	srv_exec bash -c '
		rpc.nfsd 0
		rpcbind
		rpc.mountd -p 20048 --no-udp
		echo +3 > /proc/fs/nfsd/versions
		rpc.nfsd 8' || t_die "no NFSv3 server"
}

# Start a second server with an address and a network namespace of its own.  It exports
# the same directory, or DISK in its place.  It speaks NFSv3, because an NFSv4.2 client
# would take it for the first server: mount it with other_options.  Call this after
# nfs_server_v3.
other_server=10.98.0.1
# shellcheck disable=SC2034 # used by those who source this
other_options=fsc,vers=3,nolock,proto=tcp,port=2049,mountvers=3,mountproto=tcp,mountport=20048
other_server_start()	# NAME [DISK]
{
	ip netns add "$1"
	ip link add "nfs-$1" type veth peer name nfs-server netns "$1"
	ip addr add 10.98.0.2/24 dev "nfs-$1"
	ip link set "nfs-$1" up
	ip -n "$1" addr add "$other_server/24" dev nfs-server
	ip -n "$1" link set nfs-server up
	ip -n "$1" link set lo up
	ip netns exec "$1" bash -c "
		${2:+mount '$2' '$export_dir' || exit}
		mount -t tmpfs nfs /var/lib/nfs
		mkdir /var/lib/nfs/nfsdcld
		mount_nfsd
		exportfs -a
		rpc.mountd -p 20048 --no-udp
		echo +3 > /proc/fs/nfsd/versions
		rpc.nfsd 8 || exit
		echo ready > /run/other
		exec sleep infinity" </dev/null >/run/other.log 2>&1 &
	wait_for 300 test -e /run/other ||
		t_die "no second server: $(cat /run/other.log)"
}

# Set the round trip time and the bandwidth of the link, on both ends.
net_shape()	# RTT_MS [RATE_MBIT]
{
	local netem="delay $(($1 * 500))us limit 20000 ${2:+rate ${2}mbit}"

	# shellcheck disable=SC2086 # words
	tc qdisc replace dev nfs-client root netem $netem
	# shellcheck disable=SC2086
	ip netns exec srv tc qdisc replace dev nfs-server root netem $netem
}

net_unshape()
{
	tc qdisc del dev nfs-client root
	ip netns exec srv tc qdisc del dev nfs-server root
}

# --- the NFS client

nfs_mount()	# [OPTIONS [DIR]]; fsc unless the options say nofsc
{
	local options=fsc,vers=4.2${1:+,$1}

	case ,${1:-}, in
	*,nofsc,*) options=${options/fsc,/} options=${options/,nofsc/} ;;
	esac
	mkdir -p "${2:-$MNT}"
	mount -t nfs -o "$options" "$server:$export_dir" "${2:-$MNT}"
}

nfs_umount()	# [DIR]
{
	umount "${1:-$MNT}"
}

# Print the mountstats of one mount.
mount_stats()	# DIR
{
	awk -v dir="$1" '
		$1 == "device" { inside = $5 == dir }
		inside' /proc/self/mountstats
}

# Print the number of READ requests that the client has sent since the mount.
rpc_reads()	# [DIR]
{
	awk -v dir="${1:-$MNT}" '
		$1 == "device" { inside = $5 == dir }
		inside && $1 ~ /^READ(_PLUS)?:$/ { sum += $2 }
		END { print sum + 0 }' /proc/self/mountstats
}

# Print the number of bytes that came from the server since the mount.
nfs_read_bytes()	# [DIR]
{
	mount_stats "${1:-$MNT}" | awk '$1 == "bytes:" { print $6 }'
}

drop_caches()
{
	sync
	echo 3 > /proc/sys/vm/drop_caches
}

# --- files to read

# Make a file.  Its bytes depend on SEED alone.
fill()		# FILE SIZE SEED
{
	openssl enc -chacha20 -K "$(printf '%064x' "$3")" -iv 00 \
		< /dev/zero 2>/dev/null | head -c "$2" > "$1"
}

# Make N files of SIZE bytes each, DIR/f00000 and so on.
fill_many()	# DIR N SIZE SEED
{
	mkdir -p "$1"
	openssl enc -chacha20 -K "$(printf '%064x' "$4")" -iv 00 \
		< /dev/zero 2>/dev/null | head -c "$(($2 * $3))" |
		split -b "$3" -a 5 -d - "$1/f"
}

# Print one checksum of all files below DIR and of their names.  Read the files in the
# order of their names.  The checksum is xxh128, because sha256 is slower than the cache
# here.
tree_sum()	# DIR
{
	(cd "$1" && find . -type f -print0 | sort -z |
		xargs -0 -r xxhsum -q -H2 2>/dev/null) | xxhsum -q -H2 - |
		{ read -r -n 32 sum; echo "$sum"; }
}

# Is the last change of a file so old that a later change gets another time?  From then on
# data that is read of the file is stored, whatever the server says of its changes.
file_settled()	# FILE
{
	[ $(($(date +%s) - $(stat -c %Z "$1"))) -gt 3 ]
}

# --- the cache

# Is FS-Cache's cache of this name in use?
cache_active()	# NAME
{
	awk -v name="$1" '$6 == "A" && $7 == name { found = 1 }
		END { exit !found }' /proc/fs/fscache/caches
}

cachefs_load()	# [DEVICE]; leaves the cache attached, with all that it has
{
	local device

	device=$(readlink -f "${1:-/dev/disk/cache}")
	load netfs fscache
	if [ -e /bed/cachefs.ko ]; then
		insmod /bed/cachefs.ko "cache=$device" || return
	else
		echo "$device" > /sys/fs/cachefs/attach || return
	fi
	cachefs_patient
	cachefs_recovered
}

all_is_found()
{
	[ "$(cat "$(cachefs_dir)/recovered_percent")" = 100 ] ||
		[ "$(cat "$(cachefs_dir)/state")" = failed ]
}

# Wait until the index is complete after an unclean stop.
cachefs_recovered()
{
	wait_for 300 all_is_found
}

# Switch the bounds in time off, so that all is stored, and read from the cache, on a slow
# machine as well.
bounds="max_in_flight_ms read_bypass_ms"
cachefs_patient()
{
	local dir file

	dir=$(cachefs_dir)
	for file in $bounds; do
		[ -e "/run/$file" ] || cat "$dir/$file" > "/run/$file"
		echo 0 > "$dir/$file"
	done
}

# Set the bounds in time as they were when the cache was attached.
cachefs_defaults()
{
	local dir file

	dir=$(cachefs_dir)
	for file in $bounds; do
		cat "/run/$file" > "$dir/$file"
	done
}

cachefs_unload()
{
	errors_note
	if [ -e /bed/cachefs.ko ]; then
		rmmod cachefs
	else
		cachefs_detach
	fi
}

cachefs_attach()	# DEVICE [WORDS]; as cachefs_load()
{
	local device

	device=$(readlink -f "$1")
	echo "$device${2:+ $2}" > /sys/fs/cachefs/attach || return
	cachefs_patient
	cachefs_recovered
}

cachefs_detach()
{
	errors_note
	echo 1 > "$(cachefs_dir)/detach"
}

# Print the directory of the attached cache.
cachefs_dir()
{
	local file

	for file in /sys/fs/cachefs/*/state; do
		[ -e "$file" ] || return 1
		echo "${file%/state}"
		return
	done
}

# Damage the block at OFFSET of FILE on the cache's disk.  No cache may be attached.
cachefs_damage()	# FILE OFFSET
{
	python3 - "$1" "$2" <<-'END'
	import sys
	with open(sys.argv[1], "rb") as file:
	    file.seek(int(sys.argv[2]))
	    block = file.read(4096).ljust(4096, b"\0")
	with open("/dev/disk/cache", "r+b") as disk:
	    at, hits = 0, 0
	    while chunk := disk.read(1 << 20):
	        for i in range(0, len(chunk), 4096):
	            if chunk[i:i + 4096] == block:
	                disk.seek(at + i + 100)
	                disk.write(b"\0wrong\0")
	                disk.seek(at + len(chunk))
	                hits += 1
	        at += len(chunk)
	print("damaged", hits)
	END
}

cachefs_stat()	# NAME
{
	local value

	read -r value < "$(cachefs_dir)/stats/$1" && echo "$value"
}

# Print a counter of FS-Cache: "IO rd" is "rd=" in the line "IO".
fscache_stat()	# "LINE NAME"
{
	sed -n "s/^${1% *} *:.* ${1#* }=\([0-9]*\).*/\1/p" /proc/fs/fscache/stats
}

# On Linux 6.1 a page is marked before its store is in flight.
nothing_in_flight()
{
	[ "$(cachefs_stat stores_in_flight_bytes)" = 0 ] &&
		[ "$(cachefs_stat pages_marked)" = 0 ]
}

no_objects()
{
	[ "$(cat "$(cachefs_dir)/objects_open")" = 0 ]
}

# Read, again and again, until nothing comes from the server.  For what a test needs in the
# cache: a store does not wait for a region, and on a busy machine a region may be late.
read_until_cached()	# COMMAND...
{
	local i before

	for ((i = 0; i < 5; i++)); do
		settle
		drop_caches
		before=$(rpc_reads)
		"$@" > /dev/null
		[ "$(rpc_reads)" != "$before" ] || return 0
	done
	t_die "not cached after $i reads: $*"
}

# Wait until the disk also has the records of the last stores.  The records are written
# some seconds later, or more seconds on a busy machine.
settle_records()
{
	local before

	settle
	before=$(cachefs_stat device_written_bytes)
	# Twice the interval of the records: another write may come just after this look.
	sleep 12
	# No write comes if the records were written just before.
	wait_for 60 eval "[ \"\$(cachefs_stat device_written_bytes)\" -gt $before ]" ||
		true
}

# From Linux 6.12 on a request hands its pages to the cache after its reader has gone on.
no_requests()
{
	local requests=()

	[ ! -e /proc/fs/netfs/requests ] || mapfile -t requests < /proc/fs/netfs/requests
	# The first two lines are a head.
	[ "${#requests[@]}" -le 2 ]
}

# Wait until all data that was given to the cache is on its disk.
settle()
{
	# Requests to a server that does not answer do not end.
	wait_for 10 no_requests || true
	wait_for 120 nothing_in_flight || t_die "stores do not end"
}
