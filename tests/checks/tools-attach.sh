# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The part of 45-tools that is called "attach", with reload.  45-tools has the functions
# and variables that are used here.
#
# shellcheck disable=SC2154

check_attach()
{
	local image=$tmp/tree/dev/vdd fifo name

	tree no_cache
	mkdir -p "$tmp/tree/etc"
	truncate -s 64M "$image"
	ends "attach: a blank device" 1 'is blank' sys attach -n "$image"
	ends "attach --create: a blank device" 0 'would be formatted' \
		sys attach -n --create "$image"
	sys format -L quick "$image" > "$tmp/out"
	ends "attach --dry-run" 0 'would be attached' sys attach -n "$image"
	ends "attach LABEL=" 0 'vdd: attached' sys attach LABEL=quick
	ends "attach: the path was written" 0 '/dev/vdd$' cat "$tmp/tree/sys/fs/cachefs/attach"
	ends "attach UUID=" 0 'vdd: would be attached' sys attach -n \
		"UUID=$(sys dump -u "$image" | sed -n 's/^ID_FS_UUID=//p')"
	check_attach_others
	# The same cache is on two devices.  Later one of the devices lies over the other.
	cp "$image" "$tmp/tree/dev/vdc"
	ends "attach LABEL=: two devices have it" 1 'is on /dev/vdc and on /dev/vdd: ' \
		sys attach -n LABEL=quick
	ends "format LABEL=: two devices have it" 1 'is on /dev/vdc and on /dev/vdd: ' \
		sys format LABEL=quick
	printf 'device=LABEL=quick\nwait=0\n' > "$tmp/tree/etc/cachefs.conf"
	ends "attach --boot: two devices have it" 1 'start uncached: is on /dev/vdc and on' \
		sys attach --boot -n
	mkdir -p "$tmp/tree/sys/class/block/vdc/holders/vdd"
	ends "attach LABEL=: the upper one of two devices" 0 'vdd: would be attached' \
		sys attach -n LABEL=quick
	mkdir -p "$tmp/tree/sys/class/block/vdd/holders/vdc"
	rmdir "$tmp/tree/sys/class/block/vdc/holders/vdd"
	ends "attach UUID=: the upper one of two devices" 0 'vdc: would be attached' sys attach -n \
		"UUID=$(sys dump -u "$image" | sed -n 's/^ID_FS_UUID=//p')"
	rm "$tmp/tree/dev/vdc"
	ends "attach: no such label" 1 'LABEL=slow: No such file' sys attach LABEL=slow
	ln -sf /dev/full "$tmp/tree/sys/fs/cachefs/attach"
	ends "attach: the errno's text" 1 'vdd: not attached: No space left' sys attach "$image"
	check_attach_known
	check_attach_label
	check_attach_damaged
	cp "$image" "$tmp/file"
	ends "attach: a file" 1 'Block device required' sys attach -n "$tmp/file"
	tree healthy
	truncate -s 64M "$image"
	ends "attach: another one is" 1 '/dev/vdc already is: Device or resource busy|already is' \
		sys attach "$image"
	tree failed
	: > "$tmp/tree/dev/vdc"
	ends "attach: it has failed" 1 'is attached, but the cache has failed.*' \
		sys attach "$tmp/tree/dev/vdc"
	ends "and the advice" 0 '^see dmesg.*echo active >.*state, or cachefsctl detach, and attach$' \
		cat "$tmp/said"
	check_detach_gone
	tree healthy
	ends "detach" 0 '/dev/vdc: detached' sys detach
	ends "detach: what was written" 0 '^1$' cat "$tmp"/tree/sys/fs/cachefs/*/detach
	ends "detach --wait" 0 '/dev/vdc: detached' sys detach --wait 20
	ends "detach --wait 0" 1 'not a number of seconds: 0' sys detach --wait 0
	ends "detach: another name" 1 'vdx: is not attached; attached is /dev/vdc$' \
		sys detach /dev/vdx
	tree no_cache
	ends "detach: none" 1 'no cache is attached' sys detach
	ends "detach --if-attached: none" 0 '' sys detach --if-attached

	tree no_cache
	ends "attach --boot: no configuration" 0 'nothing is attached' sys attach --boot
	mkdir -p "$tmp/tree/etc"
	printf '# nothing\ndevice = %s\nwait = 0\n' "$image" > "$tmp/tree/etc/cachefs.conf"
	ends "attach --boot: no such device" 1 'network file systems start uncached' \
		sys attach --boot
	truncate -s 64M "$image"
	ends "attach --boot: blank, create=never" 1 'is blank' sys attach --boot
	echo "create=blank" >> "$tmp/tree/etc/cachefs.conf"
	ends "attach --boot: blank, create=blank" 0 'would be formatted' sys attach --boot -n
	echo "create=always" >> "$tmp/tree/etc/cachefs.conf"
	ends "attach --boot: a line that is not understood" 1 \
		'/etc/cachefs.conf, line 5: not understood: create=always' sys attach --boot
	printf 'device=%s\r\n\r\nwait=0\r\n' "$image" > "$tmp/tree/etc/cachefs.conf"
	ends "attach --boot: a file of DOS" 1 'vdd: is blank' sys attach --boot -n
	check_attach_config
	for name in /dev/sdx /dev/nvme7n1; do
		printf 'device=%s\nwait=0\ncreate=blank\n' $name > "$tmp/tree/etc/cachefs.conf"
		ends "attach --boot: create=blank and the name $name" 1 \
			"formats any blank disk that has the name $name" sys attach --boot -n
	done
	for name in /dev/disk/by-id/x /dev/mapper/x PARTUUID=x; do
		printf 'device=%s\nwait=0\ncreate=blank\n' $name > "$tmp/tree/etc/cachefs.conf"
		ends "attach --boot: create=blank and $name" 1 'not there after 0' \
			sys attach --boot -n
		ends "no word about that name" 1 '' grep 'formats any' "$tmp/said"
	done
	# A disk that does not answer.  Either a write to the module's file blocks, or the
	# search for the label.
	tree no_cache
	mkdir -p "$tmp/tree/etc" "$tmp/tree/run"
	truncate -s 64M "$image"
	sys format -L quick "$image" > "$tmp/out"
	printf 'device=LABEL=quick\nwait=1\n' > "$tmp/tree/etc/cachefs.conf"
	for fifo in sys/fs/cachefs/attach proc/partitions; do
		rm "$tmp/tree/$fifo"
		mkfifo "$tmp/tree/$fifo"
		# The process that still waits holds the lock as long as it lives.
		ends "attach --boot does not wait for $fifo" 0 'not attached yet after 3 seconds' \
			timeout 120 flock "$tmp/lives" "$ctl" --sysroot "$tmp/tree" attach --boot
		ends "detach sees that an attach is under way" 1 'may still attach a cache' \
			sys detach --if-attached --wait 1
		# The process that waits goes on.
		ln "$tmp/tree/$fifo" "$tmp/held"
		rm "$tmp/tree/$fifo"
		: > "$tmp/tree/$fifo"
		if [ $fifo = proc/partitions ]; then
			timeout 60 bash -c ': > "$1"' - "$tmp/held"
		else
			ends "and it goes on afterwards" 0 '/dev/vdd$' timeout 60 cat "$tmp/held"
		fi
		ends "and ends" 0 '' timeout 60 flock "$tmp/lives" true
		ends "then detach has nothing to do" 0 '' sys detach --if-attached --wait 1
		rm "$tmp/held"
	done
	# The second attach finds what the first one has done.
	: > "$tmp/tree/sys/fs/cachefs/attach"
	flock "$tmp/tree/run/cachefs.lock" bash -c 'until [ -e "$1" ]; do sleep 0.1; done
		mkdir -p "$2/uuid" && echo active > "$2/uuid/state" &&
			echo /dev/vdd > "$2/uuid/device"' - "$tmp/waits" "$tmp/tree/sys/fs/cachefs" &
	until [ -e "$tmp/tree/run/cachefs.lock" ] &&
	      ! flock -n "$tmp/tree/run/cachefs.lock" true; do
		sleep 0.1
	done
	ends "attach waits for another attach" 0 'vdd: is attached already' \
		bash -c '"$1" --sysroot "$2" attach "$4" 2>&1 |
			while read -r line; do echo "$line"; : > "$3"; done' \
		- "$ctl" "$tmp/tree" "$tmp/waits" "$image"
	ends "and says so" 0 'waits for another cachefsctl' cat "$tmp/said"
	wait
	rm -r "$tmp/tree/sys/fs/cachefs/uuid" "$tmp/waits"
	# Another one that hangs with its disk delays an attach, and no dry run.
	echo wait=1 > "$tmp/tree/etc/cachefs.conf"
	ends "attach goes on without another attach that hangs" 0 'vdd: attached' \
		flock "$tmp/tree/run/cachefs.lock" "$ctl" --sysroot "$tmp/tree" attach "$image"
	ends "and says so" 0 'has not ended after 3 seconds, and the attach goes on' cat "$tmp/said"
	ends "attach --dry-run does not wait" 0 '' \
		flock "$tmp/tree/run/cachefs.lock" "$ctl" --sysroot "$tmp/tree" attach -n "$image"
	ends "and says nothing" 1 '' grep 'waits for another' "$tmp/said"
	tree nothing
	ends "attach: a label without a value" 1 'LABEL=: Invalid argument' sys attach -n LABEL=
	truncate -s 64M "$image"
	sys format "$image" > "$tmp/out"
	ends "attach: no module" 1 'no module cachefs for the running kernel, 6.12' \
		sys attach "$image"
	# The module attaches the device of its option.
	tree not_loaded
	truncate -s 64M "$image"
	sys format "$image" > "$tmp/out"
	mkdir -p "$tmp/bin"
	cat > "$tmp/bin/modprobe" <<-END
		#!/bin/sh
		mkdir -p "$tmp/tree/sys/fs/cachefs/uuid"
		cd "$tmp/tree/sys/fs/cachefs"
		: > attach
		echo active > uuid/state
		cat "$tmp/option" > uuid/device
	END
	chmod +x "$tmp/bin/modprobe"
	echo /dev/vdd > "$tmp/option"
	ends "attach: the option cache= has done it" 0 "vdd was attached by the module's option cache=" \
		env "PATH=$tmp/bin:$PATH" "$ctl" --sysroot "$tmp/tree" attach "$image"
	ends "and nothing was written to attach" 1 '^0$' grep -c . "$tmp/tree/sys/fs/cachefs/attach"
	rm -r "$tmp/tree/sys/fs/cachefs"
	echo /dev/vdc > "$tmp/option"
	ends "attach: the option cache= has attached another one" 1 \
		"the other one was attached by the module's option cache=" \
		env "PATH=$tmp/bin:$PATH" "$ctl" --sysroot "$tmp/tree" attach "$image"
	ends "and which" 0 'not attached, /dev/vdc already is' cat "$tmp/said"
	check_attach_secure_boot
	check_attach_limits
	check_attach_options
	check_attach_waits
	tree nothing
	ends "reload: no module" 1 'no module cachefs for the running kernel, 6.12' sys reload
	tree healthy
	printf '#!/bin/sh\nexit 1\n' > "$tmp/bin/rmmod"
	chmod +x "$tmp/bin/rmmod"
	ends "reload: the module is in use" 1 'somebody has /dev/cachefs open: see fuser' \
		env "PATH=$tmp/bin:$PATH" "$ctl" --sysroot "$tmp/tree" reload
	check_reload_option
	tree healthy
	ends "reload --dry-run" 0 'removed and loaded, and attached again: /dev/vdc' \
		sys reload --dry-run
}

# A device that not only root can make does not become the cache by its label.  vdd has it.
check_attach_others()
{
	local partitions=$tmp/tree/proc/partitions loop=$tmp/tree/dev/loop3
	local vdd=$tmp/tree/sys/class/block/vdd

	echo "   7        3      65536 loop3" >> "$partitions"
	cp "$image" "$loop"
	ends "attach LABEL=: a loop device does not count" 0 'vdd: would be attached' \
		sys attach -n LABEL=quick
	ends "attach: but by its path it does" 0 'loop3: would be attached' sys attach -n "$loop"
	mkdir -p "$vdd"
	echo 1 > "$vdd/removable"
	ends "attach LABEL=: nor does a removable disk" 1 \
		'/dev/vdd has a cache of that name, but not only root .*: name it by its path' \
		sys attach -n LABEL=quick
	ends "attach LABEL=: both are named" 0 '/dev/loop3 has a cache of that name' cat "$tmp/said"
	rm -r "$vdd"
	mkdir -p "$tmp/tree/sys/devices/pci0/usb1/block/vdd"
	ln -s ../../devices/pci0/usb1/block/vdd "$vdd"
	ends "attach LABEL=: nor does a disk of USB" 1 '/dev/vdd has a cache of that name, but' \
		sys attach -n LABEL=quick
	rm "$vdd"
	mkdir "$vdd"
	echo 0 > "$vdd/removable"
	ends "attach LABEL=: another disk does" 0 'vdd: would be attached' sys attach -n LABEL=quick
	rm -r "$vdd" "$loop"
}

# attach takes the label that lsblk shows.  lsblk decodes the label of udev.
check_attach_label()
{
	local label shown

	tree no_cache
	truncate -s 64M "$image" "$tmp/tree/dev/vdc"
	for label in 'Fast disk' 'a "b" \c $d/e' '***' $'gr\u00fcn' $'\xfcber\n'; do
		sys format -L "$label" "$image" > "$tmp/out" 2>&1
		shown=$(sys dump -u "$image" | sed -n 's/^ID_FS_LABEL_ENC=//p')
		shown=$(printf '%b.' "$shown")
		[ "$shown" = "$label." ] && result "lsblk shows the label ${label@Q}" 0 ||
			result "lsblk shows the label ${label@Q}" 1 "${shown@Q}"
		ends "attach LABEL= with ${label@Q}" 0 'vdd: would be attached' \
			sys attach -n "LABEL=${shown%.}"
	done
	sys format -L 'Fast disk' "$image" > "$tmp/out" 2>&1
	ends "dump --udev: a label with a blank" 0 '^ID_FS_LABEL=Fast_disk$' sys dump -u "$image"
	ends "and encoded" 0 '^ID_FS_LABEL_ENC=Fast\\x20disk$' cat "$tmp/said"
	sys format -L 'FAST DISK' "$tmp/tree/dev/vdc" > "$tmp/out" 2>&1
	ends "attach LABEL=: small letters are not large ones" 0 'vdd: would be attached' \
		sys attach -n 'LABEL=Fast disk'
	ends "attach LABEL=: nor the other way round" 0 'vdc: would be attached' \
		sys attach -n 'LABEL=FAST DISK'
	ends "attach UUID=: in large letters" 0 'vdd: would be attached' sys attach -n \
		"UUID=$(sys dump -u "$image" | sed -n 's/^ID_FS_UUID=//p' | tr a-f A-F)"
	rm "$tmp/tree/dev/vdc"
}

# The cache with the label is damaged, or on a disk that has become smaller.
check_attach_damaged()
{
	local super=$tmp/super uuid

	tree no_cache
	mkdir -p "$tmp/tree/etc"
	truncate -s 64M "$image"
	sys format -L quick "$image" > "$tmp/out" 2>&1
	uuid=$(sys dump -u "$image" | sed -n 's/^ID_FS_UUID=//p')
	cp "$image" "$super"
	truncate -s 48M "$image"
	ends "attach LABEL=: the disk has shrunk" 1 \
		'LABEL=quick: No such file or directory; /dev/vdd has a cache of that name with a bad superblock: device size$' \
		sys attach -n LABEL=quick
	ends "attach UUID=: the disk has shrunk" 1 'of that name with a bad superblock: device size$' \
		sys attach -n "UUID=${uuid^^}"
	ends "attach LABEL=: another cache has shrunk" 1 'slow: No such file or directory$' \
		sys attach -n LABEL=slow
	ends "attach UUID=: another cache has shrunk" 1 '00: No such file or directory$' \
		sys attach -n "UUID=${uuid%??}00"
	# The version is the number behind the magic number of 8 bytes.
	cp "$super" "$image"
	printf '\377' | dd of="$image" bs=1 seek=8 conv=notrunc status=none
	ends "attach LABEL=: another version" 1 \
		'slow: No such file or directory; /dev/vdd has a cache with a bad superblock: format version$' \
		sys attach -n LABEL=slow
	cp "$super" "$image"
	printf x | dd of="$image" bs=1 seek=100 conv=notrunc status=none
	ends "attach LABEL=: a damaged superblock" 1 \
		'quick: No such file or directory; /dev/vdd has a cache with a bad superblock: checksum$' \
		sys attach -n LABEL=quick
	printf 'device=LABEL=quick\nwait=0\n' > "$tmp/tree/etc/cachefs.conf"
	ends "attach --boot: a damaged superblock" 1 \
		'start uncached: No such .*; /dev/vdd has a cache with a bad superblock: checksum$' \
		sys attach --boot -n
	cp "$super" "$tmp/tree/dev/vdc"
	ends "attach LABEL=: the other one is good" 0 'vdc: would be attached' \
		sys attach -n LABEL=quick
	ends "and nothing is said about the damaged one" 1 '' grep vdd "$tmp/said"
	rm "$tmp/tree/dev/vdc"
}

# The disk of the attached cache is gone, or there are copies of the disk.  The kernel knows
# the names of the cache.
check_detach_gone()
{
	local detach name copies

	for copies in 0 2; do
		for name in LABEL=fast UUID=B5F1A1C0-1111-4222-8333-444455556666 \
			    b5f1a1c0-1111-4222-8333-444455556666; do
			tree healthy
			detach=$(echo "$tmp"/tree/sys/fs/cachefs/*-*/detach)
			if [ $copies = 2 ]; then
				truncate -s 64M "$image"
				sys format -L fast "$image" > "$tmp/out"
				cp "$image" "$tmp/tree/dev/vde"
				echo " 253 64 65536 vde" >> "$tmp/tree/proc/partitions"
			fi
			ends "detach $name: $copies copies" 0 '/dev/vdc: detached' sys detach "$name"
			ends "and it was" 0 '^1$' cat "$detach"
		done
		echo failed > "${detach%/*}/state"
		ends "attach LABEL=: it has failed, $copies copies" 1 \
			'LABEL=fast: is attached, but the cache has failed' sys attach LABEL=fast
	done
	for name in LABEL=FAST LABEL=fas LABEL= UUID= ""; do
		ends "detach ${name@Q}: no name of the cache" 1 'is not attached; attached is /dev/vdc$' \
			sys detach "$name"
	done
	ends "attach LABEL=: another one" 1 'LABEL=slow: No such file' sys attach LABEL=slow
}

# With a libblkid that knows the format, the tool still checks the superblock.
check_attach_known()
{
	tree no_cache
	truncate -s 64M "$image"
	sys format "$image" > "$tmp/out" 2>&1
	gcc -shared -fPIC -o "$tmp/knowing.so" tests/tools/knowing.c
	ends "attach: libblkid knows caches" 0 'vdd: would be attached' \
		knowing TYPE=cachefs attach -n "$image"
	ends "format: libblkid knows caches" 0 'what is lost: the content of the cache' \
		knowing TYPE=cachefs format -n "$image"
	ends "attach: libblkid finds something else, too" 1 'holds no cache but ext4' \
		knowing TYPE=ext4 attach -n "$image"
	ends "attach: or a partition table" 1 'holds no cache but a partition table \(dos' \
		knowing "TYPE=cachefs PTTYPE=dos" attach -n "$image"
	printf x | dd of="$image" bs=1 seek=100 conv=notrunc status=none
	ends "attach: a damaged cache that libblkid knows" 1 'bad superblock: checksum' \
		knowing TYPE=cachefs attach -n "$image"
}

knowing()	# VARIABLES WORD...: with a libblkid that finds them
{
	# shellcheck disable=SC2086
	env "ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0" "LD_PRELOAD=$tmp/knowing.so" $1 \
		"$ctl" --sysroot "$tmp/tree" "${@:2}"
}

# A line of any length is one line.  A file that cannot be read to its end is not used.
check_attach_config()
{
	local config=$tmp/tree/etc/cachefs.conf

	printf 'device=%s\nwait=0\ncreate=blank\n#%1022sdevice=/dev/vdx\n' "$image" "" > "$config"
	ends "attach --boot: a long comment" 0 'vdd: .*would be formatted' sys attach --boot -n
	printf 'device=%s\nwait=0\n' "$image" > "$config"
	gcc -shared -fPIC -o "$tmp/unreadable.so" tests/tools/unreadable.c
	ends "attach --boot: a file that cannot be read to its end" 1 \
		'/etc/cachefs.conf: cannot be read: Input/output' \
		cut_off "$config" attach --boot -n
	ends "and nothing is attached" 1 '' grep would "$tmp/said"
	ln -sf cachefs.conf "$config"
	ends "attach --boot: a file that cannot be opened" 1 \
		'/etc/cachefs.conf: Too many levels of symbolic links' sys attach --boot -n
	rm "$config"
}

# Stand in for the kernel when a device is written to attach: the cache appears before the
# write returns.  In that cache the limit max_index_bytes may be refused.  A full pipe
# delays the end of the write.
attached_meanwhile()	# WORD...
{
	local fifo=$tmp/tree/sys/fs/cachefs/attach pid status=0 size i

	rm "$fifo"
	mkfifo "$fifo"
	exec 9<> "$fifo"
	size=$(python3 -c '
import os
os.set_blocking(9, False)
size = 0
try:
    while True:
        size += os.write(9, b" ")
except BlockingIOError:
    os.set_blocking(9, True)
print(size)')
	"$ctl" --sysroot "$tmp/tree" "$@" 9>&- &
	pid=$!
	for ((i = 0; i < 1200; i++)); do
		# The shell that starts the tool has had descriptor 9 for a moment.
		! find "/proc/$pid/fd" ! -name 9 -lname "$fifo" 2> /dev/null | grep -q . || break
		[ -e "/proc/$pid/fd/0" ] || break
		sleep 0.1
	done
	cp "$tmp/tree/sys/module/cachefs/parameters/max_index_bytes" "$tmp/bound" 2> /dev/null || true
	cp -a "$tmp/attached" "$tmp/tree/sys/fs/cachefs/uuid"
	head -c "$size" <&9 > /dev/null
	wait "$pid" || status=$?
	exec 9>&-
	return "$status"
}

# If the kernel refuses a limit, a cache that was not attached before is detached again.
check_attach_limits()
{
	local image=$tmp/tree/dev/vdc dir=$tmp/tree/sys/fs/cachefs words

	tree healthy
	truncate -s 64M "$image"
	mkdir -p "$tmp/tree/etc"
	printf '%s\n' "device=$image" wait=60 max_index_bytes=7 write_budget=8 \
		> "$tmp/tree/etc/cachefs.conf"
	sys format "$image" > "$tmp/out"
	mv "$dir"/*-* "$dir/uuid"
	for words in "$image" --boot; do
		: > "$dir/uuid/write_budget"
		ends "attach $words: the limits of a cache that is attached" 0 'attached already' \
			sys attach "$words"
		ends "and each is set" 0 '^8$' cat "$dir/uuid/write_budget"
	done
	: > "$dir/uuid/write_budget"
	ends "attach --dry-run" 0 'attached already' sys attach -n "$image"
	ends "and no limit is set" 1 '' grep . "$dir/uuid/write_budget"
	echo discard=1 >> "$tmp/tree/etc/cachefs.conf"
	ends "attach: discards" 0 'attached already' sys attach "$image"
	ends "and they are switched on" 0 '^1$' cat "$dir/uuid/discard"
	ln -sf /dev/full "$dir/uuid/discard"
	ends "attach: discards are refused" 0 'discard: cannot be set to 1: .*not discarded' \
		sys attach "$image"
	sed -i '/^discard=/d' "$tmp/tree/etc/cachefs.conf"
	ln -sf /dev/full "$dir/uuid/max_index_bytes"
	for words in "$image" --boot; do
		: > "$dir/uuid/write_budget"
		ends "attach $words: a limit is refused" 1 \
			'uuid/max_index_bytes: cannot be set to 7: No space left' sys attach "$words"
		ends "and the other one is set" 0 '^8$' cat "$dir/uuid/write_budget"
		mv "$tmp/said" "$tmp/out"
		ends "and the cache stays" 0 'vdc: stays attached, without a limit' cat "$tmp/said"
		ends "and is not detached" 1 '' grep 1 "$dir/uuid/detach"
	done
	# Now the verb itself attaches the cache.
	mv "$dir/uuid" "$tmp/attached"
	mkdir -p "$tmp/tree/sys/module/cachefs/parameters"
	echo 1 > "$tmp/tree/sys/module/cachefs/parameters/max_index_bytes"
	ends "attach: a limit is refused" 1 'uuid/max_index_bytes: cannot be set to 7: No space' \
		attached_meanwhile attach "$image"
	mv "$tmp/out" "$tmp/attaching"
	ends "the bound of the index is there while it is loaded" 0 '^7$' cat "$tmp/bound"
	ends "and the parameter is as it was" 0 '^1$' \
		cat "$tmp/tree/sys/module/cachefs/parameters/max_index_bytes"
	mv "$tmp/attaching" "$tmp/out"
	ends "and the cache is detached again" 0 '^1$' cat "$dir/uuid/detach"
	mv "$tmp/said" "$tmp/out"
	ends "and why is said" 0 'vdc: detached again, since it would be in use without a limit' \
		cat "$tmp/said"
	ends "nor is it called attached" 1 '' grep 'vdc: attached' "$tmp/said"
	printf '#!/bin/sh\nrm -r "%s"\n' "$dir/uuid" > "$tmp/bin/rmmod"
	: > "$tmp/bin/modprobe"
	chmod +x "$tmp/bin/rmmod" "$tmp/bin/modprobe"
	: > "$dir/uuid/detach"
	rm "$dir/uuid/max_index_bytes"
	echo 77 > "$dir/uuid/max_index_bytes"
	PATH=$tmp/bin:$PATH ends "reload: a limit is refused" 1 'cannot be set to 77: No space' \
		attached_meanwhile reload
	ends "and the cache stays attached" 1 '^0$' grep -c 1 "$dir/uuid/detach"
	mv "$tmp/said" "$tmp/out"
	ends "and that is said" 0 'vdc: stays attached, without a limit that it had' \
		cat "$tmp/said"
	rm -r "$dir/uuid" "$tmp/attached/max_index_bytes"
	: > "$tmp/attached/max_index_bytes"
	ends "attach: with limits" 0 '/dev/vdc: attached$' attached_meanwhile attach "$image"
	ends "and they are set" 0 '^7$' cat "$dir/uuid/max_index_bytes"
	echo max_index_bytes=many >> "$tmp/tree/etc/cachefs.conf"
	rm -r "$dir/uuid"
	rm "$dir/attach"
	: > "$dir/attach"
	ends "attach: a line that is not understood" 1 'line 5: not understood: max_index_bytes=many' \
		sys attach "$image"
	ends "and nothing is attached" 1 '' grep . "$dir/attach"
}

# A module that is not signed with a key that the kernel trusts.  The tool prints the
# kernel's message, and advice if Secure Boot is on, which the last byte of the variable
# says.
check_attach_secure_boot()
{
	local variable lockdown line advice='mokutil --import /var/lib/dkms/mok.pub, and reboot'

	tree not_loaded
	variable=$tmp/tree/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
	lockdown=$tmp/tree/sys/kernel/security/lockdown
	mkdir -p "${variable%/*}" "${lockdown%/*}"
	truncate -s 64M "$image"
	sys format "$image" > "$tmp/out" 2>&1
	cat > "$tmp/bin/modprobe" <<-END
		#!/bin/sh
		cat "$tmp/says" >> "$tmp/tree/dev/kmsg"
		exit 1
	END
	printf '\6\0\0\0\1' > "$variable"
	for line in "Loading of unsigned module is rejected" \
		    "Loading of module with unavailable key is rejected" \
		    "Lockdown: modprobe: unsigned module loading is restricted; see man kernel_lockdown.7"; do
		echo "5,800,70000000,-;$line" > "$tmp/says"
		PATH=$tmp/bin:$PATH ends "attach: ${line%% is*}" 1 "^kernel: $line\$" \
			sys attach "$image"
		ends "and what to do with Secure Boot" 0 "$advice" cat "$tmp/said"
	done
	echo "none [integrity] confidentiality" > "$lockdown"
	printf '\6\0\0\0\0' > "$variable"
	PATH=$tmp/bin:$PATH ends "attach: the same after another lockdown" 1 "$advice" \
		sys attach "$image"
	echo "[none] integrity confidentiality" > "$lockdown"
	PATH=$tmp/bin:$PATH ends "attach: Secure Boot is off" 1 '^kernel: Lockdown' \
		sys attach "$image"
	ends "and nothing is said about keys" 1 '' grep mokutil "$tmp/said"
	printf '\6\0\0\0\1' > "$variable"
	echo "3,801,70000000,-;cachefs: Unknown symbol netfs_x (err -2)" > "$tmp/says"
	PATH=$tmp/bin:$PATH ends "attach: another cause" 1 '^kernel: cachefs: Unknown symbol' \
		sys attach "$image"
	ends "and nothing is said about keys" 1 '' grep mokutil "$tmp/said"
}

# Options of the module in cachefs.conf go to modprobe, or to the module if it is loaded.
check_attach_options()
{
	local image=$tmp/tree/dev/vdd params=$tmp/tree/sys/module/cachefs/parameters

	cat > "$tmp/bin/modprobe" <<-END
		#!/bin/sh
		printf '%s;' "\$@" > "$tmp/options"
		mkdir -p "$tmp/tree/sys/fs/cachefs"
		: > "$tmp/tree/sys/fs/cachefs/attach"
	END
	tree no_cache
	mkdir -p "$tmp/tree/etc" "$params"
	truncate -s 64M "$image"
	sys format "$image" > "$tmp/out"
	printf '%s\n' "device=$image" 'policy=scratch=20%,10.0.0.3=keep' server_alias= \
		> "$tmp/tree/etc/cachefs.conf"
	echo 1.2.3.4=1.2.3.5 | tee "$params/server_alias" > "$params/policy"
	ends "attach: options of a module that is there" 0 'vdd: attached' sys attach "$image"
	ends "and the policy is set" 0 '^scratch=20%,10.0.0.3=keep$' cat "$params/policy"
	ends "and nothing is something, too" 0 '^$' cat "$params/server_alias"
	: > "$tmp/tree/sys/fs/cachefs/attach"
	: > "$params/policy"
	ends "attach --dry-run: and its options" 0 'would be attached' sys attach -n "$image"
	ends "are left alone" 1 '' grep . "$params/policy"
	ln -sf /dev/full "$params/policy"
	ends "attach: an option is refused" 1 \
		'parameters/policy: cannot be set to scratch=20%,10.0.0.3=keep: No space' \
		sys attach --boot
	ends "and nothing is attached" 1 '' grep . "$tmp/tree/sys/fs/cachefs/attach"
	rm -r "$tmp/tree/sys/fs/cachefs"
	PATH=$tmp/bin:$PATH ends "attach: options of a module that is not" 0 'vdd: attached' \
		sys attach "$image"
	ends "and modprobe gets them" 0 \
		'^cachefs;server_alias=;policy=scratch=20%,10.0.0.3=keep;$' cat "$tmp/options"
	tree healthy
	mkdir -p "$tmp/tree/etc" "$params"
	: > "$params/policy"
	ln -s /dev/full "$params/server_alias"
	truncate -s 64M "$tmp/tree/dev/vdc"
	printf '%s\n' server_alias=a=b policy=x=keep > "$tmp/tree/etc/cachefs.conf"
	ends "attach: an option of a cache that is attached" 1 \
		'server_alias: cannot be set to a=b: No space' sys attach "$tmp/tree/dev/vdc"
	ends "and it stays" 0 'stays attached, without a limit or an option' cat "$tmp/said"
	ends "and the other one is set" 0 '^x=keep$' cat "$params/policy"
}

# A cache that is being detached does not count as attached.  An attach waits for the end
# of the detach, but at boot not for long.
check_attach_waits()
{
	local image=$tmp/tree/dev/vdc state pid i

	for state in detaching detached; do
		tree healthy
		truncate -s 64M "$image"
		sys format "$image" > "$tmp/out"
		mkdir -p "$tmp/tree/etc"
		printf 'device=%s\nwait=0\n' "$image" > "$tmp/tree/etc/cachefs.conf"
		echo "$state" > "$(echo "$tmp"/tree/sys/fs/cachefs/*-*)/state"
		ends "attach --boot: the cache is $state" 1 \
			'vdc: not attached: the detach has not ended after 1 seconds' \
			sys attach --boot
		ends "and why" 0 'vdc: the attach waits: /dev/vdc is being detached' cat "$tmp/said"
		ends "and the kernel is not asked" 1 '' grep . "$tmp/tree/sys/fs/cachefs/attach"
		ends "status --check: the cache is $state" 1 '^/dev/vdc: is being detached, and' \
			sys status --check
		"$ctl" --sysroot "$tmp/tree" attach "$image" > "$tmp/waits" 2>&1 < /dev/null &
		pid=$!
		for ((i = 0; i < 600; i++)); do
			! grep -q waits "$tmp/waits" || break
			sleep 0.1
		done
		rm -r "$tmp"/tree/sys/fs/cachefs/*-*
		ends "attach: the detach ends" 0 '' wait "$pid"
		ends "and then there is a cache" 0 'vdc: attached$' cat "$tmp/waits"
		ends "and nobody says that it was there" 1 '' grep already "$tmp/waits"
		ends "and the kernel was asked" 0 'dev/vdc$' cat "$tmp/tree/sys/fs/cachefs/attach"
	done
}

# reload gives modprobe the values that an administrator has written to server_alias and
# policy.
check_reload_option()
{
	local alias=10.0.0.2=10.0.0.1,127.0.0.1=10.0.0.1:2049 params name value wanted

	params=$tmp/tree/sys/module/cachefs/parameters
	printf '#!/bin/sh\nrm -r "%s"\n' "$tmp/tree/sys/fs/cachefs" > "$tmp/bin/rmmod"
	cat > "$tmp/bin/modprobe" <<-END
		#!/bin/sh
		printf '%s;' "\$@" > "$tmp/options"
		mkdir -p "$tmp/tree/sys/fs/cachefs"
		: > "$tmp/tree/sys/fs/cachefs/attach"
	END
	while read -r name value wanted; do
		tree healthy
		mkdir -p "$params"
		echo "$value" > "$params/server_alias"
		ends "reload: server_alias $name" 0 '^module loaded again, attached: /dev/vdc$' \
			env "PATH=$tmp/bin:$PATH" "$ctl" --sysroot "$tmp/tree" reload
		ends "and what modprobe gets" 0 "^cachefs;$wanted\$" cat "$tmp/options"
	done <<-END
		set $alias server_alias=$alias;
		none (null)
	END
	tree healthy
	mkdir -p "$params"
	echo "$alias" > "$params/server_alias"
	echo "scratch=20%,10.0.0.3=keep" > "$params/policy"
	ends "reload: policy, too" 0 'loaded again' \
		env "PATH=$tmp/bin:$PATH" "$ctl" --sysroot "$tmp/tree" reload
	ends "and modprobe gets both" 0 \
		"^cachefs;server_alias=$alias;policy=scratch=20%,10.0.0.3=keep;\$" cat "$tmp/options"
	# server_alias was set to nothing by hand, and /etc/modprobe.d may have another
	# value.
	tree healthy
	mkdir -p "$params"
	echo > "$params/server_alias"
	ends "reload: server_alias is empty" 0 'loaded again' \
		env "PATH=$tmp/bin:$PATH" "$ctl" --sysroot "$tmp/tree" reload
	ends "and so it stays" 0 '^cachefs;server_alias=;$' cat "$tmp/options"
}
