# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Functions for scripts in a guest with systemd: the packages, the unit, and the mount of
# /etc/fstab.
#
#	. /bed/lib.sh
#	. /bed/systemd.sh

files=$export_dir/files

# Print a property of a unit.
unit()		# NAME PROPERTY
{
	systemctl show --value -p "$2" "$1"
}

# Install the module where DKMS puts it.
module_install()	# FILE
{
	install -D -m 644 "$1" "/lib/modules/$(uname -r)/updates/dkms/cachefs.ko"
	depmod
}

# Write /etc/cachefs.conf.  On a slow machine as well, the device is waited for, and all
# is stored, and read from the cache.
configure()	# DEVICE WAIT
{
	cat > /etc/cachefs.conf <<-END
	device=$1
	wait=$2
	max_in_flight_ms=0
	read_bypass_ms=0
	END
}

# Print the cache to which FS-Cache has bound the only volume of NFS.
bound_to()
{
	awk 'NR > 2 && /nfs/ { print $6 }' /proc/fs/fscache/volumes
}

is_bound()
{
	[ "$(bound_to)" = cachefs ]
}

# Was the first unit active before the second unit began to start?
came_before()	# UNIT UNIT
{
	[ "$(unit "$1" ActiveEnterTimestampMonotonic)" -gt 0 ] &&
		[ "$(unit "$1" ActiveEnterTimestampMonotonic)" -le \
			"$(unit "$2" InactiveExitTimestampMonotonic)" ]
}

is_active()	# UNIT
{
	[ "$(unit "$1" ActiveState)" = active ]
}

# Check that the files are right, and come from the cache.
check_warm()	# WHEN
{
	local before

	drop_caches
	before=$(rpc_reads)
	check_equal "$1: the files are right" "$(tree_sum "$files")" \
		"$(tree_sum "$MNT/files")"
	check_equal "$1: no READ" "$before" "$(rpc_reads)"
}

# Print commands of README.md.  Only the names that stand for others are replaced.
readme()	# REGEX: of the first command
{
	sed -n "s/^    \\($1\\)/\\1/p" /bed/README.md |
		sed "s|/dev/X|/dev/disk/by-id/virtio-cache|
			s|server:/export /mnt|server:$export_dir $MNT|
			s|/mnt |$MNT |" | grep . || echo false
}
