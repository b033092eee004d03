# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# More of the part of 45-tools that is called "pin".  45-tools has the functions and
# variables that are used here, and tools-warm.sh has refusing().
#
# shellcheck disable=SC2154

# A file with more bytes than the cache, which may be sparse: nobody asks the kernel.
check_pin_huge()
{
	local huge=$mount/huge sizes

	gcc -shared -fPIC -o "$tmp/refusing.so" tests/tools/refusing.c
	tree local "$mount"
	mkdir -p "${pins%/*}"
	: > "$tmp/tree/dev/cachefs"
	mkdir "$huge"
	# The cache has 106000000000 bytes.
	truncate -s 106000000000 "$huge/large"
	truncate -s 106000000001 "$huge/larger"
	echo "$huge" > "$pins"
	ends "pin run: a file larger than the cache" 0 \
		"^cachefsctl: warning: $huge/larger has 98.7G, more than the cache: it is neither noted as read nor fetched\$" \
		refusing none 0 "ASKED=$tmp/asked" pin run
	ends "and it counts" 0 '^2 pinned files, 197G: ' cat "$tmp/said"
	ends "and nobody asks the kernel about it" 0 "^$huge/large\$" cat "$tmp/asked"
	[ "$(wc -l < "$tmp/asked")" = 1 ] && result "and about no other" 0 ||
		result "and about no other" 1 "$(xargs < "$tmp/asked")"
	rm -r "$huge"
	# More bytes than a number can say.
	for sizes in 7E 4E; do
		if unshare --mount true 2> /dev/null; then
			ends "pin add: files of $sizes" 0 \
				'pinned files have 8.0E, more than 40 % of the cache' \
				sparse_files "$sizes" pin add "$mount"
			ends "pin run: files of $sizes" 0 '^5 pinned files, 8.0E: ' \
				sparse_files "$sizes" pin run
		else
			echo "skip tools pin: files of $sizes - no mount is possible"
		fi
	done
}

sparse_files()	# SIZE WORD...: with five files of this size on a mount
{
	# shellcheck disable=SC2016
	unshare --mount bash -euc '
		mount -t tmpfs tmpfs "$1"
		truncate -s "$4" "$1"/{1,2,3,4,5}
		python3 tests/tools/tree.py "$2/tree" local "$1"
		mkdir -p "$2/tree/var/lib/cachefs"
		echo "$1" > "$2/tree/var/lib/cachefs/pins"
		: > "$2/tree/dev/cachefs"
		exec "$3" --sysroot "$2/tree" "${@:5}"' - "$mount" "$tmp" "$ctl" "$@"
}

# Who cannot read all of the list writes no shorter one.
check_pin_unreadable()
{
	local word

	gcc -shared -fPIC -o "$tmp/unreadable.so" tests/tools/unreadable.c
	tree local "$mount"
	mkdir -p "${pins%/*}"
	printf '%s\n' "$mount/sub/deep" "$mount/sub/a file" > "$pins"
	cp "$pins" "$tmp/before"
	for word in add remove; do
		ends "pin $word: the list cannot be read to its end" 1 'pins: Input/output error' \
			cut_off "$pins" pin "$word" "$mount/sub/deep"
		ends "and it is as it was" 0 '' cmp "$pins" "$tmp/before"
	done
	for word in list run; do
		ends "pin $word: the list cannot be read to its end" 1 'pins: Input/output error' \
			cut_off "$pins" pin "$word"
	done
}

# While one waits for a server, the others go on: see tests/tools/hanging.c.
check_pin_hanging()
{
	local where pid i preload

	gcc -shared -fPIC -o "$tmp/hanging.so" tests/tools/hanging.c
	preload=(env "ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0" "HANG=$tmp/hangs"
		 "LD_PRELOAD=$tmp/hanging.so")
	tree local "$mount"
	mkdir -p "${pins%/*}"
	for where in walk name; do
		: > "$pins"
		rm -f "$tmp/hangs"
		"${preload[@]}" "HANGS=$where" "$ctl" --sysroot "$tmp/tree" pin add "$mount/sub/deep" \
			> "$tmp/hanging" 2>&1 &
		pid=$!
		for ((i = 0; i < 1200; i++)); do
			[ ! -e "$tmp/hangs" ] || break
			sleep 0.1
		done
		ends "pin add: another one waits for a $where" 0 'a file: 1 files' \
			timeout 120 "$ctl" --sysroot "$tmp/tree" pin add "$mount/sub/a file"
		ends "pin remove: another one waits for a $where" 0 '' \
			timeout 120 "$ctl" --sysroot "$tmp/tree" pin remove "$mount/sub/a file"
		ends "and it still waits" 0 hanging ls "/proc/$pid/fd" "$tmp/hanging"
		kill -KILL "$pid"
		wait "$pid" 2> /dev/null || true
	done
	echo "$mount/sub/deep" > "$pins"
	ends "pin remove: a path of the list is not looked up" 0 '' \
		timeout -k 9 120 "${preload[@]}" HANGS=name "$ctl" --sysroot "$tmp/tree" \
		pin remove "$mount/sub/deep"
	ends "and it is gone" 1 '' grep . "$pins"
}
