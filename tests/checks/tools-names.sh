# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The part of 45-tools that is called "names": names that other users chose are printed so
# that no terminal obeys them.  45-tools has the functions and variables that are used
# here, and tools-warm.sh has refusing().
#
# shellcheck disable=SC2154

# A name with ESC, BEL, DEL, CSI as one character, and a byte that is not UTF-8.  And the
# form that is shown.
evil=$'a\e]0;b\a\177\302\233c\374\303\274'
shown='a\\x1b\]0;b\\x07\\x7f\\xc2\\x9bc\\xfcü'

# As ends(), and the output has no control character except the line break, so that no
# terminal obeys it.
shows()		# NAME STATUS REGEX COMMAND...
{
	ends "$@"
	if LC_ALL=C grep -q $'[\001-\011\013-\037\177\233\374]' "$tmp/out"; then
		result "$1: no control character" 1 "$(head -c 300 "$tmp/out" | cat -v | tr '\n' ';')"
	else
		result "$1: no control character" 0
	fi
}

check_names()
{
	local label='L\\x1b\[31m'

	tree control
	shows "status: a mount with control characters" 0 "^/mnt/$shown: fsc is ignored" sys status
	shows "status --check: the same" 1 "^/mnt/$shown: fsc is ignored" sys status -c
	shows "top: the same" 0 " /mnt/x$shown\$" sys top -b -d 1 -n 1
	shows "doctor: the same" 1 "^BAD   /mnt/$shown: fsc is ignored" sys doctor
	shows "doctor: and as its word" 1 "no mount .* at $shown" sys doctor "$evil"
	shows "metrics: the same" 0 'mountpoint="/mnt/a' sys metrics
	shows "report: the same" 0 '/mnt/a' sys report
	shows "status --json: the same" 0 '"target":"/mnt/a.u001b.0;b.u0007.u007f.u009bc' \
		sys status --json
	ends "and a program reads the name" 0 '^True$' python3 -c '
import json, os, sys
with open(sys.argv[1]) as file:
    mount = json.load(file)["mounts"][0]
name = os.fsencode(sys.argv[2]).decode(errors="replace")
print(mount["target"] == "/mnt/" + name)' "$tmp/said" "$evil"
	shows "a verb with control characters" 1 "unknown verb: $shown" sys "$evil"
	shows "a word with control characters" 1 "unexpected: $shown" sys status "$evil"
	tree no_cache
	truncate -s 64M "$tmp/tree/dev/vdd"
	sys format -L $'L\e[31m' "$tmp/tree/dev/vdd" > "$tmp/out" 2>&1
	shows "format: a label with control characters" 0 "\($label\)" sys format -n "$tmp/tree/dev/vdd"
	shows "dump: the same" 0 "label +$label\$" sys dump "$tmp/tree/dev/vdd"
	shows "dump --udev: the same" 0 'LABEL_ENC=L.x1b.x5b31m$' sys dump -u "$tmp/tree/dev/vdd"
	shows "attach LABEL=: the same" 1 "LABEL=$shown: No such file" sys attach -n "LABEL=$evil"
	check_names_files
}

# Files and directories of the server, whose names any user of it can choose.
check_names_files()
{
	local mount=$tmp/named name

	mkdir -p "$mount/$evil"
	echo something > "$mount/$evil/$evil"
	ln -s /proc/self "$mount/$evil/self$evil"
	ln -s nothing "$mount/$evil/link$evil"
	tree local "$mount"
	mkdir -p "$tmp/tree/var/lib"
	shows "cached: no module" 1 'is not loaded' sys cached "$mount/$evil"
	: > "$tmp/tree/dev/cachefs"
	shows "cached: a file with control characters" 1 "/$shown/$shown: Inappropriate ioctl" \
		sys cached -r "$mount/$evil"
	shows "evict: the same" 1 "/$shown/$shown: Inappropriate ioctl" sys evict -r "$mount/$evil"
	shows "cached: a directory" 1 "/$shown: is a directory" sys cached "$mount/$evil"
	shows "cached: no regular file" 1 "/link$shown: not a regular file" \
		sys cached "$mount/$evil/link$evil"
	shows "why: the same" 1 "/$shown: No such file" sys why "$mount/$evil/nothing/$evil"
	shows "warm: the same" 1 "/none$shown: No such file" sys warm "$mount/none$evil"
	shows "warm: not on a mount" 1 "/self$shown: is not on a mount" \
		sys warm "$mount/$evil/self$evil"
	shows "pin add: the same" 0 "/$shown/$shown: 1 files" sys pin add "$mount/$evil/$evil"
	shows "pin add: twice" 0 "/$shown: is pinned with .*/$shown\$" \
		sys pin add "$mount/$evil/$evil"
	shows "pin run: the same" 1 "/$shown: Inappropriate ioctl" sys pin run
	shows "pin list: the same" 1 "/$shown: Inappropriate ioctl" sys pin list
	shows "pin remove: the same" 1 "/no$shown: is not pinned" sys pin remove "$mount/no$evil"
	gcc -shared -fPIC -o "$tmp/refusing.so" tests/tools/refusing.c
	shows "cached: an answer" 0 " /.*/$shown/$shown\$" \
		refusing none 0 X= cached "$mount/$evil/$evil"
	shows "why: an answer" 0 "/$shown: .* of 10B cached" \
		refusing none 0 X= why "$mount/$evil/$evil"
	shows "warm: stores are refused" 1 "/$shown for one" \
		refusing "$evil" 999 X= warm -j 1 "$mount"
	shows "warm: interrupted" 130 "at file 1 of 1: .*/$shown\$" \
		refusing "$evil" 999 "WHY=13 INTERRUPT=1" warm -j 1 "$mount"
	shows "doctor --file: no such file" 1 "/no$shown: No such file" \
		sys doctor -F "$mount/no$evil" "$mount"
	# Only a line break of the message itself ends a line.
	shows "cached: a name with a line break" 1 '/a\\x0acachefsctl: b: No such file' \
		sys cached "$mount/a"$'\n'"cachefsctl: b"
	ends "and it is one line" 0 '^1$' grep -c ^cachefsctl "$tmp/said"
	for name in c d; do
		echo something > "$mount/b"$'\n'"$name"
	done
	shows "why: two names with a line break" 0 '/b.x0ac: .* of 10B cached' \
		refusing none 0 X= why "$mount/b"$'\n'{c,d}
	ends "and each has its line" 0 '/b.x0ad: .* of 10B cached' grep -vF '\x0ac: ' "$tmp/said"
}
