#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Run the commands of the administrator's guide, as guide.py finds them, one after the
# other.  Each must end with 0.  Names that stand for others are replaced: /dev/X, <uuid>,
# /mnt.
#
# bed: --smp 1 --disk-size cache:128M --disk-size srv:128M --add build/tools/cachefsctl --add Documentation/admin-guide.rst --add tests/tools/guide.py
# run: sleeps
#
# shellcheck source-path=SCRIPTDIR disable=SC2119

set -eu
# shellcheck source=lib.sh
. /bed/lib.sh

install -m 755 /bed/cachefsctl /usr/local/sbin/cachefsctl
disk=$(readlink -f /dev/disk/cache)
load loop
# Install the module where modprobe finds it.
modules=/lib/modules/$(uname -r)
cp -a "$modules" /run/modules
install -D -m 644 /bed/cachefs.ko /run/modules/updates/cachefs.ko
mount --bind /run/modules "$modules"
depmod
mkdir -p /var/lib/prometheus/node-exporter /var/www/html

nfs_server_start
mkdir "$export_dir/data"
fill_many "$export_dir/data" 20 5000 1
fill "$export_dir/file" 300000 2
fill "$export_dir/large" $((17 << 20)) 3
nfs_mount

# cachefsctl doctor takes no file that changed in the last ten seconds.
doctor_takes()	# FILE
{
	[ $(($(date +%s) - $(stat -c %Z "$1"))) -gt 10 ]
}

wait_for 60 doctor_takes "$export_dir/file"

attached()
{
	[ -e "$(cachefs_dir 2>/dev/null)/state" ]
}

detach()
{
	if attached; then
		cachefsctl detach > /dev/null
	fi
}

attach()
{
	if ! attached; then
		echo "$disk format" > /sys/fs/cachefs/attach
	fi
	cachefs_patient
}

# Make the things that must be there before a command of this section.
before()	# SECTION COMMAND
{
	case $1 in
	cachefsctl)
		[[ $2 != *metrics* && $2 != *report* ]] || attach
		! attached || cachefs_patient ;;
	Attaching)
		detach
		[[ $2 != modprobe* ]] || rmmod cachefs ;;
	"A loop file")
		detach ;;
	"Is a mount really cached?"|"How much of a file"*|"Keeping files"|"A policy for an export"|"What a mount finds"|States|Sizing|\
	Wear|Detaching*)
		attach ;;
	"Why was this not cached?"|"How long did reads"*)
		attach
		drop_caches
		cat "$MNT/file" > /dev/null ;;
	*)
		return 1 ;;
	esac
}

# Print the command with this machine's names.
translated()	# COMMAND
{
	sed -e "s,/dev/X,$disk,; s,/mnt\>,$MNT,; s,/dev/loopN,${loop:-},; s,-l 20G,-l 64M,
		s,NEW=OLD,10.0.0.1=10.0.0.2,; s,/var/lib/cachefs.img,$export_dir/cachefs.img,
		s,<uuid>,*,; s,^cachefsctl top\>,& --batch -n 1 --delay 1,
		s,^cat \(.*/trace_pipe\),timeout 60 head -n 1 \1 | grep cachefs_," <<< "$1"
}

loop=""
nr=0
while IFS=$'\t' read -r section command <&8; do
	case $section in
	Installing)	continue ;;	# 12-build, 48-install
	"9p and CIFS")	continue ;;	# h20-others, t85-samba
	esac
	if ! before "$section" "$command"; then
		t_fail "$section: $command" "t92-guide does not know this section"
		continue
	fi
	nr=$((nr + 1))
	command=$(translated "$command")
	check "$section: $command" bash -euc "$command" - 8<&-
	case $command in
	*losetup*)	loop=$(losetup --noheadings --output NAME --associated "$export_dir/cachefs.img") ;;
	esac
done 8< <(python3 /bed/guide.py /bed/admin-guide.rst)
check_range "commands of the guide that were run" 44 200 "$nr"
check "the last command has detached the cache" eval '! attached'
nfs_umount
rmmod cachefs
losetup --detach "$loop"
