#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The cache at boot, at a reboot and at a shutdown.  The machine is a Debian 12 with
# systemd, with cachefs-utils installed from its package.  Its /etc/fstab has one NFS
# mount with fsc.
#
# run: slow long-form
#
# shellcheck source-path=SCRIPTDIR disable=SC2317

set -eu -o pipefail
# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

cd "$bed/../.."
for made in "prepare.sh systemd" packages.sh; do
	# shellcheck disable=SC2086 # words
	"$bed"/$made > "$BED_SCRATCH/made.log" 2>&1 || {
		echo "not ok $made - $(tail -n 1 "$BED_SCRATCH/made.log")"
		exit 1
	}
done
# shellcheck source=../bed/common.sh
. "$bed/common.sh"

root=$BED_SCRATCH/root.img
cp --sparse=always "$cache/systemd/root.ext4" "$root"
new_disk cache 256M
new_disk srv 256M
failed=0

# Make a later version of the package, with the same files.
later_package()
{
	local dir=$BED_SCRATCH/later

	dpkg-deb -R build/deb/cachefs-utils_*.deb "$dir"
	sed -i 's/^Version: .*/&+later/' "$dir/DEBIAN/control"
	dpkg-deb -Zgzip -b "$dir" "$BED_SCRATCH/later.deb" > /dev/null
}

# Start the machine, and run the script on stdin when it is up.
machine()	# [OPTION...]
{
	{
		echo ". /bed/systemd.sh"
		cat
	} > "$BED_SCRATCH/script"
	in_guest --mem 1G --systemd "$root" --timeout 1200 "$@" < "$BED_SCRATCH/script" || machine_failed $?
}

machine_failed()	# STATUS
{
	failed=1
	[ "$1" = 1 ] || echo "not ok the machine of boot $boots - ended with $1"
}

# Print the console, without the colours.
console()
{
	tr -d '\r' < "$BED_LOG.boot$boots.console" | sed 's/\x1b\[[0-9;]*[mK]//g'
}

# Check the console of the last machine with a command.
host_check()	# NAME COMMAND...
{
	if "${@:2}" > "$BED_SCRATCH/check.out" 2>&1; then
		echo "ok $1"
	else
		echo "not ok $1 - $(console | tail -n 3 | xargs)"
		failed=1
	fi
}

says()		# REGEX
{
	console | grep -E "$1"
}

says_not()	# REGEX
{
	! says "$1"
}

# Does the last line that matches the first REGEX come before the last line that matches
# the second REGEX?
says_before()	# REGEX REGEX
{
	console | awk -v one="$1" -v other="$2" '
		$0 ~ one { first = NR }
		$0 ~ other { second = NR }
		END { exit !(first && first < second) }'
}

has_checkpoint()	# IMAGE
{
	dpkg-deb -x "$BED_SCRATCH/later.deb" "$BED_SCRATCH/unpacked"
	"$BED_SCRATCH/unpacked/usr/sbin/cachefsctl" dump "$1" | grep ^checkpoint:
}

# --- as README.md says

later_package
machine --add "$(echo build/deb/cachefs-utils_*.deb):utils.deb" --add README.md <<'END'
mkdir "$files"
fill_many "$files" 20 30000 1
fill "$files/large" 4M 2
sync
check "the package is installed" dpkg -i /bed/utils.deb
module_install /bed/cachefs.ko
check_equal "without configuration the unit does nothing" inactive \
	"$(unit cachefs ActiveState)"
check_equal "and that is no failure" 0 "$(systemctl --failed --no-legend | wc -l)"
cp /etc/cachefs.conf /run/packaged.conf
echo devices=LABEL=fast > /etc/cachefs.conf
check "a line that is not understood: the unit fails" eval '! systemctl start cachefs'
check "a line that is not understood: the message is clear" eval 'systemctl status cachefs |
	grep "/etc/cachefs.conf, line 1: not understood: devices=LABEL=fast"'
systemctl reset-failed cachefs
cp /run/packaged.conf /etc/cachefs.conf
echo "$server server" >> /etc/hosts
mkdir -p "$MNT"
readme "cachefsctl format" | bash || t_fail "format"
readme "cachefsctl attach" | bash || t_fail "attach"
readme "mount -o fsc" | bash || t_fail "mount"
cachefs_patient
wait_for 60 eval '[ $(($(date +%s) - $(stat -c %Z "$files/large"))) -gt 10 ]'
check "doctor" eval 'readme "cachefsctl doctor" | bash'
check "status" eval 'readme "cachefsctl status" | bash | grep "$MNT .*yes.*cachefs"'
tree_sum "$MNT/files" > /dev/null
settle
# From now on at each boot.
echo "server:$export_dir $MNT nfs fsc,_netdev 0 0" >> /etc/fstab
configure LABEL=fast 300
check "the unit takes the cache that is attached" systemctl start cachefs
END
host_check "reboot: the cache is detached when the mount is gone" \
	says_before "Unmounted mnt-nfs.mount" "cachefs: vd.: detached"

# --- present

machine --add "$BED_SCRATCH/later.deb" --cut-at "^power cut" <<'END'
check_equal "present: the unit is active" active "$(unit cachefs ActiveState)"
check "present: the cache was attached before the mount" \
	came_before cachefs.service mnt-nfs.mount
check "present: the mount uses the cache" is_bound
check_equal "present: the attach is a clean one" 0 "$(dmesg | grep -c 'unclean stop')"
check_warm "present"
check_equal "present: nothing has failed" 0 "$(systemctl --failed --no-legend | wc -l)"
check "present: lsblk knows it" eval \
	'lsblk --noheadings -o FSTYPE,LABEL /dev/disk/by-label/fast | grep "cachefs.*fast"'
exec 5< "$MNT/files/large"
hits=$(cachefs_stat hit_bytes)
check "upgrade: installed" dpkg -i /bed/later.deb
check_equal "upgrade: the cache stays attached all the time" "$hits" "$(cachefs_stat hit_bytes)"
cp /bed/cachefs.ko "$(modinfo -n cachefs)"
check "upgrade: the new module" cachefsctl reload
check "upgrade: an open file goes on" cmp "$files/large" - <&5
exec 5<&-
settle
check_warm "upgrade"
configure LABEL=fast 1
sync
echo "power cut"
sleep 600
END

# --- absent, late, and then no server

mv "$BED_SCRATCH/cache.img" "$BED_SCRATCH/late.img"
qmp=$BED_SCRATCH/qmp
machine --qmp "$qmp" --qemu "-device pcie-root-port,id=bay,chassis=1,slot=1" \
	> >(hands "$qmp") <<'END'
check "absent: the boot goes on, and NFS is mounted" mountpoint -q "$MNT"
check_equal "absent: the unit has failed, and nothing else" cachefs.service \
	"$(systemctl --failed --no-legend --plain | awk '{ print $1 }')"
check "absent: the message is clear" eval 'systemctl status cachefs |
	grep "LABEL=fast: not there after 1 seconds; network file systems start uncached"'
check_equal "absent: the files are right" "$(tree_sum "$files")" "$(tree_sum "$MNT/files")"
echo "PUT IN late"
check "late: the unit attaches the cache" wait_for 120 is_active cachefs
check "late: it is that of the power cut" eval 'dmesg | grep "unclean stop"'
check "late: all is found again" cachefs_recovered
check_warm "late"
check "late: the mount uses the cache" is_bound
fill "$export_dir/new" 1M 3
sync
exec 5< "$MNT/new"
ip link set nfs-client down
cat <&5 > /dev/null &
sleep 1
check "no server: a reader waits" kill -0 $!
check_ends "no server: the unit stops" systemctl stop cachefs
check_equal "no server: that took it no longer than it may" success "$(unit cachefs Result)"
case $(uname -r) in
6.1.*)	# A reader there waits for NFS alone.
	check "no server: the detach has ended" eval 'dmesg | grep "cachefs: .*: detached"' ;;
*)	check "no server: and says why" eval 'systemctl status cachefs |
		grep "all is written; the detach waits for a server"' ;;
esac
END
wait $!
host_check "no server: the shutdown waits for no process" says_not "Waiting for process"
host_check "no server: the kernel does not wait for the detach" \
	says_not "the cache is not detached after"
host_check "no server: the next attach is a clean one" has_checkpoint "$BED_SCRATCH/late.img"
mv "$BED_SCRATCH/late.img" "$BED_SCRATCH/cache.img"

# --- a disk that reads but does not write

mv "$BED_SCRATCH/cache.img" "$BED_SCRATCH/bad.img"
machine --qemu "-device virtio-blk-pci,drive=bad,serial=cache -drive $(printf %s, \
	if=none id=bad driver=raw file.driver=blkdebug file.image.driver=file \
	"file.image.filename=$BED_SCRATCH/bad.img" file.inject-error.0.event=write_aio \
	file.inject-error.0.errno=5 cache.no-flush=on)" <<'END'
expect_log "error|the cache is not used any more|no checkpoint"
check "dead: the boot goes on, and NFS is mounted" mountpoint -q "$MNT"
check_equal "dead: the files are right" "$(tree_sum "$files")" "$(tree_sum "$MNT/files")"
check_equal "dead: the unit has failed, and nothing else" cachefs.service \
	"$(systemctl --failed --no-legend --plain | awk '{ print $1 }')"
check "dead: and says why" eval 'systemctl status cachefs |
	grep "not attached: Input/output error"'
: > /etc/fstab
mkdir -p /etc/auto.master.d
echo "/auto /etc/auto.exports" > /etc/auto.master.d/exports.autofs
# With vers= autofs asks no rpcbind; the server has none.
echo "* -fsc,vers=4.2 server:/srv/&" > /etc/auto.exports
END
mv "$BED_SCRATCH/bad.img" "$BED_SCRATCH/cache.img"

# --- autofs

machine <<'END'
MNT=/auto/export
check "autofs: the cache was attached before" came_before cachefs.service autofs.service
check_equal "autofs: the attach is a clean one" 0 "$(dmesg | grep -c 'unclean stop')"
check_equal "autofs: nothing is mounted yet" 0 "$(grep -c "^[^ ]* $MNT " /proc/mounts)"
check "autofs: warm finds the mount" cachefsctl warm "$MNT/files"
check_warm "autofs"
check "autofs: the mount uses the cache" is_bound
# As Documentation/admin-guide.rst says.
echo "cache /dev/disk/by-id/virtio-secret /dev/urandom plain,cipher=aes-xts-plain64,size=512,nofail,x-systemd.device-timeout=10s" \
	> /etc/crypttab
mkdir -p /etc/systemd/system/cachefs.service.d
cat > /etc/systemd/system/cachefs.service.d/format.conf <<-EOF
	[Unit]
	After=systemd-cryptsetup@cache.service

	[Service]
	ExecStartPre=/usr/sbin/cachefsctl format --force /dev/mapper/cache
EOF
configure /dev/mapper/cache 300
END
[ "${LONG:-}" ] || exit "$failed"

# --- crypttab, with another key at each boot; then the package is removed

mv "$BED_SCRATCH/cache.img" "$BED_SCRATCH/unused.img"
new_disk secret 128M
for _ in first second; do
	machine --disk "secret:$BED_SCRATCH/secret.img" <<'END'
MNT=/auto/export
check "crypttab: the cache was attached before the mounts" \
	came_before cachefs.service autofs.service
check_equal "crypttab: the device" "$(readlink -f /dev/mapper/cache)" \
	"$(cachefsctl status --json | sed -n 's/.*"device": *"\(.*\)".*/\1/p')"
check_equal "crypttab: the files are right" "$(tree_sum "$files")" "$(tree_sum "$MNT/files")"
check "crypttab: they come from the server" test "$(rpc_reads)" -gt 0
settle
check_warm "crypttab"
END
	host_check "crypttab: the cache is detached" says "cachefs: dm-0: detached"
done
machine <<'END'
MNT=/auto/export
check "crypttab, no disk: the unit has failed" systemctl is-failed cachefs
check_equal "crypttab, no disk: no cache is attached" "" "$(cachefs_dir)"
check_equal "crypttab, no disk: the files are right" "$(tree_sum "$files")" \
	"$(tree_sum "$MNT/files")"
END
machine --disk "secret:$BED_SCRATCH/secret.img" --add "$BED_SCRATCH/later.deb" <<'END'
MNT=/auto/export
exec 5< "$MNT/files/large"
check "remove, while a file is open" dpkg -r cachefs-utils
check_equal "remove: no cache is attached" "" "$(cachefs_dir)"
check "remove: the open file goes on" cmp "$files/large" - <&5
check "remove: the configuration is left" grep -q device= /etc/cachefs.conf
check "installed again" dpkg -i /bed/later.deb
systemctl stop cachefs
check "attached by hand" cachefsctl attach /dev/mapper/cache
check_equal "attached by hand: the unit is not active" inactive "$(unit cachefs ActiveState)"
check "remove, while a cache is attached by hand" dpkg -r cachefs-utils
check_equal "remove: this cache is detached, too" "" "$(cachefs_dir)"
check "purge" dpkg -P cachefs-utils
check_equal "purge: nothing is left" "" "$(find / -xdev -iname '*cachefs*' \
	! -path '/var/lib/bed/*' ! -path '/etc/systemd/system/cachefs.service.d*')"
END
exit "$failed"
