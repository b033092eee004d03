#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The second part of a guest's init, with systemd: it makes the units of the test bed, and
# then starts systemd.  bed.service runs /bed/script when the machine is up, and reboots
# as an administrator does.  bed-server.service is an NFS server with the disk "srv".  It
# is there before the first mount of NFS, and until the last mount is gone.

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mount -t tmpfs -o mode=755 run /run
# The image of the modules is read-only.  An overlay keeps files that are installed beside
# them.
modprobe overlay
mkdir -p /var/lib/bed/upper /var/lib/bed/work
mount -t overlay -o \
	lowerdir=/lib/modules,upperdir=/var/lib/bed/upper,workdir=/var/lib/bed/work \
	modules /lib/modules

# An emulated processor on a busy machine stands still for seconds at a time.
for setting in kernel/watchdog_thresh=30 kernel/hung_task_timeout_secs=240 \
	       kernel/printk_devkmsg=on kernel/panic_on_oops=0; do
	file=/proc/sys/${setting%=*}
	[ ! -e "$file" ] || echo "${setting#*=}" > "$file"
done

units=/run/systemd/system
mkdir -p "$units/multi-user.target.wants"

# Each boot is emulated, so modules and units that these tests do not need are left out.
mkdir -p /run/modprobe.d
printf 'blacklist %s\n' kvm_amd kvm_intel ccp aesni_intel crc32_pclmul crct10dif_pclmul \
	ghash_clmulni_intel sha512_ssse3 sha256_ssse3 sha1_ssse3 polyval_clmulni \
	button evdev psmouse serio_raw pcspkr iTCO_wdt i2c_i801 lpc_ich ahci \
	intel_rapl_msr rapl > /run/modprobe.d/bed.conf
for unit in dev-hugepages.mount dev-mqueue.mount sys-kernel-config.mount \
	    sys-fs-fuse-connections.mount modprobe@configfs.service \
	    modprobe@efi_pstore.service modprobe@fuse.service modprobe@loop.service \
	    modprobe@drm.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
	    systemd-sysusers.service \
	    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
	    e2scrub_reap.service fstrim.timer systemd-tmpfiles-clean.timer getty.target \
	    systemd-journal-flush.service systemd-update-utmp.service \
	    systemd-update-utmp-runlevel.service systemd-pcrphase.service \
	    systemd-pcrphase-sysinit.service systemd-logind.service \
	    systemd-user-sessions.service systemd-random-seed.service \
	    nfs-server.service nfs-mountd.service nfs-idmapd.service nfsdcld.service \
	    nfs-blkmap.service fsidd.service rpcbind.service rpcbind.socket \
	    rpc-statd.service rpc-statd-notify.service; do
	ln -s /dev/null "$units/$unit"
done

cat > "$units/bed-server.service" <<-END
	[Unit]
	Description=NFS server of the test bed
	DefaultDependencies=no
	After=local-fs.target systemd-udevd.service
	Before=mnt-nfs.mount remote-fs.target autofs.service shutdown.target
	Conflicts=shutdown.target
	[Service]
	Type=oneshot
	RemainAfterExit=yes
	TimeoutStartSec=infinity
	ExecStart=/bin/bash /bed/server
	END
cat > "$units/bed.service" <<-END
	[Unit]
	Description=Script of the test bed
	After=multi-user.target cachefs.service
	[Service]
	EnvironmentFile=/bed/environment
	Environment=HOME=/root LC_ALL=C.UTF-8 TERM=dumb
	ExecStart=/bin/bash /bed/run
	END
for unit in bed-server bed; do
	ln -s "../$unit.service" "$units/multi-user.target.wants/"
done

cat > /bed/server <<-END
	. /bed/lib.sh
	trap - EXIT
	udevadm settle
	ln -s by-id/virtio-srv /dev/disk/srv
	nfs_server_start
	END
# shellcheck disable=SC2016 # for another bash
cat > /bed/run <<-'END'
	echo "bed: the script begins" > /dev/kmsg
	read -r -a arguments < /bed/arguments
	bash /bed/script "${arguments[@]}" </dev/null >/dev/virtio-ports/results 2>&1
	status=$?
	sync
	echo "$status" > /dev/virtio-ports/status
	systemctl reboot
	END
exec /lib/systemd/systemd
