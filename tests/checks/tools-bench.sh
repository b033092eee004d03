# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The part of 45-tools that is called "bench".  45-tools has the functions and variables
# that are used here.
#
# shellcheck disable=SC2154

# Put a program into $tmp/bin that prints these numbers as fio does: reads per second, one
# at a time and 32 at a time; KiB per second, read and written.  Of the file "slow" the
# numbers are FACTOR times as large (0.5).
fake_fio()	# ONE MANY READ WRITTEN [FACTOR]
{
	mkdir -p "$tmp/bin"
	cat > "$tmp/bin/fio" <<-END
		#!/bin/bash
		one=$1 many=$2 read=$3 written=0 factor=1 fields=() who=device
		[[ "\$*" != *slow* ]] || who=file factor=${5:-0.5}
		printf '%s\n' "\$@" >> "$tmp/fio.\$who"
		[[ "\$*" != *rw=write* ]] || read=0 written=$4
		[[ "\$*" == *iodepth=1\ * ]] || one=\$many
		awk -v one=\$one -v read=\$read -v written=\$written -v factor=\$factor 'BEGIN {
			value[6] = read
			value[7] = one
			value[39] = 1e6 / (one ? one : 1) / factor / factor
			value[47] = written
			printf "3"
			for (i = 1; i < 130; i++)
				printf ";%s", i in value ? value[i] * factor : 8
			print ""
		}'
	END
	chmod +x "$tmp/bin/fio"
}

# "bench" with that fio.
benched()	# WORD...
{
	rm -f "$tmp"/fio.*
	PATH=$tmp/bin:$PATH sys bench "$@"
}

check_bench()
{
	local device=$tmp/a:b slow=$tmp/slow

	tree local "$tmp"
	truncate -s 64M "$device" "$slow"
	fake_fio 10000 40000 204800 102400
	ends "bench: no device" 1 'a device, and at most one file' sys bench
	ends "bench: two files" 1 'a device, and at most one file' sys bench a b c
	ends "bench: no time" 1 'not a time: 0' sys bench -t 0 "$device"
	ends "bench: no such device" 1 'nothing: No such file' benched "$tmp/nothing"
	ends "bench: no such file" 1 'nothing: No such file' benched "$device" "$tmp/nothing"
	ends "bench: a directory" 1 'neither a device nor a file' benched "$device" "$tmp"
	ends "bench: no device at all" 1 'neither a device nor a file' benched /dev/null
	truncate -s 15M "$tmp/small"
	ends "bench: a small file" 1 'small: too small, at least 16 MiB' \
		benched "$device" "$tmp/small"
	ends "bench: a device" 0 '^4 KiB reads, one at a time +100 us$' benched "$device"
	ends "bench: many at a time" 0 '^4 KiB reads, 32 at a time +40000/s$' benched "$device"
	ends "bench: in order" 0 '^1 MiB reads in order +200M/s$' benched "$device"
	ends "bench: nothing about a file" 1 '^0$' grep -cE 'FILE|times|writes' "$tmp/said"
	ends "bench: fio may not write" 0 '^3$' grep -cx -e --readonly "$tmp/fio.device"
	ends "bench: a colon in the name" 0 '' grep -qxF -e "--filename=$tmp/a\\:b" "$tmp/fio.device"
	ends "bench: a file" 0 '^4 KiB reads, one at a time +100 us +200 us$' \
		benched "$device" "$slow"
	ends "bench: both are faster" 0 '^A cache on this device makes both faster' \
		benched "$device" "$slow"
	ends "bench: by how much" 0 '2.0 times .* small reads, and 2.0 times for large' \
		benched "$device" "$slow"
	ends "bench: nor may fio write to the file" 0 '^3$' grep -cx -e --readonly "$tmp/fio.file"
	ends "bench --json" 0 '' benched --json "$device" "$slow"
	ends "bench --json: all of it" 0 '^100 40000 209715200 None 200 20000 104857600 None$' \
		python3 -c 'import json, sys
with open(sys.argv[1]) as file:
    bench = json.load(file)
print(*(number for target in (bench["device"], bench["file"])
        for key, number in target.items() if key != "path"))' "$tmp/said"
	ends "bench --write: how much" 0 '^1 MiB writes in order +100M/s +-$' \
		benched -w "$device" "$slow"
	ends "bench --write: as fast as the server" 1 '^0$' grep -c 'is not stored' "$tmp/said"
	ends "bench --write: the last MiB stays blank" 0 '^4$' \
		grep -cx -e --size=62M "$tmp/fio.device"
	ends "bench --write: the first MiB stays blank" 0 '^4$' \
		grep -cx -e --offset=1m "$tmp/fio.device"
	ends "bench --write: no write to the file" 1 '^0$' grep -c rw=write "$tmp/fio.file"
	fake_fio 10000 40000 204800 51200
	ends "bench --write: slower than the server" 0 'takes 50% of what the server sends' \
		benched -w "$device" "$slow"
	fake_fio 10000 40000 204800 102400 2
	ends "bench: the server is faster" 0 'only takes load from the server' \
		benched "$device" "$slow"
	truncate -s $(((64 << 20) + 4096)) "$device"
	ends "bench --write: another size" 0 '^1 MiB writes in order' benched -w "$device"
	ends "bench --write: nor does it write beyond that" 0 '^4$' \
		grep -cx -e --size=62M "$tmp/fio.device"
	truncate -s 64M "$device" "$tmp/a\\b" "$tmp/slow "
	ends "bench: a backslash in the name" 0 '^4 KiB reads' benched "$tmp/a\\b"
	ends "bench: and that name" 0 '' grep -qxF -e "--filename=$tmp/a\\b" "$tmp/fio.device"
	ends "bench: a blank at the end of the name" 1 'begins or ends with a blank' \
		benched "$device" "$tmp/slow "
	printf x | dd of="$device" bs=1 seek=$((63 << 20)) conv=notrunc 2>/dev/null
	ends "bench --write: unknown data" 1 'holds unknown data .* needs a blank device' \
		benched -w "$device"
	ends "bench --write: no fio" 1 '' test -e "$tmp/fio.device"
	sys format -f "$device" > /dev/null 2>&1
	ends "bench --write: a cache" 1 'holds a cache: --write needs a blank device' \
		benched -w "$device"
	fake_fio 10000 0 204800 102400
	ends "bench: fio says zero" 1 'fio has measured nothing' benched "$device"
	printf '#!/bin/sh\nexit 3\n' > "$tmp/bin/fio"
	ends "bench: fio fails" 1 'fio has failed' benched "$device"
	printf '#!/bin/sh\n' > "$tmp/bin/fio"
	ends "bench: fio is silent" 1 'fio has failed' benched "$device"
	printf '#!/bin/sh\necho junk\n' > "$tmp/bin/fio"
	ends "bench: fio says something else" 1 'fio has measured nothing' benched "$device"
	rm "$tmp/bin/fio"
	ends "bench: no fio" 1 'fio is not installed' env PATH="$tmp/bin" "$ctl" bench "$device"
}
