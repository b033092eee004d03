# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The part of 45-tools that is called "pin".  45-tools has the functions and variables
# that are used here, and tools-warm.sh has refusing().
#
# shellcheck disable=SC2154

# There is no kernel that answers here.
check_pin()
{
	local mount=$tmp/pinned pins=$tmp/tree/var/lib/cachefs/pins

	gcc -shared -fPIC -o "$tmp/refusing.so" tests/tools/refusing.c
	mkdir -p "$mount/sub/deep" "$mount/subway"
	head -c 5000 /dev/urandom > "$mount/sub/deep/file"
	head -c 3000 /dev/urandom > "$mount/sub/a file"
	ln -s sub "$mount/link"
	mkfifo "$mount/fifo"
	tree local "$mount"
	mkdir -p "$tmp/tree/var/lib" "$tmp/tree/dev"
	ends "pin: no word" 1 'add, remove, list or run' sys pin
	ends "pin: an unknown word" 1 'unknown word: keep' sys pin keep "$mount"
	ends "pin add: no PATH" 1 'no PATH given' sys pin add
	ends "pin list: a PATH" 1 'list takes no PATH' sys pin list "$mount"
	ends "pin run --json" 1 'json is an option of list' sys pin run --json
	ends "pin list --quiet" 1 'quiet is an option of run' sys pin list -q
	ends "pin list: nothing" 0 '^nothing is pinned$' sys pin list
	ends "pin run: nothing" 0 '' sys pin run
	ends "and nothing is said" 1 '^0$' grep -c . "$tmp/said"
	ends "pin add: no such file" 1 'nothing: No such file' sys pin add "$mount/nothing"
	ends "pin add: no file" 1 'neither a regular file nor a directory' \
		sys pin add "$mount/fifo"
	ends "pin add: not on a mount" 1 'is not on a mount of NFS' sys pin add /proc/self/status
	ends "nothing was pinned" 1 '^0$' grep -c . "$pins"
	mkdir "$pins.new"
	ends "pin add: the list cannot be written" 1 'pins: Is a directory' \
		sys pin add "$mount/sub"
	ends "nor does it say that something is pinned" 1 '^0$' \
		grep -c 'are pinned' "$tmp/said"
	rmdir "$pins.new"
	ends "pin add: a directory" 0 "^$mount/sub/deep: 1 files with 4.9K are pinned" \
		sys pin add "$mount/sub/deep"
	ends "pin add: a file" 0 "^$mount/sub/a file: 1 files with 2.9K" \
		sys pin add "$mount/sub/a file"
	ends "pin add: twice" 0 'is pinned with .*/sub/deep$' sys pin add "$mount/sub/deep/file"
	ends "pin add: the directory above, by a link" 0 "^$mount/sub: 2 files with 7.8K" \
		sys pin add "$mount/link"
	ends "pin add: a name that begins in the same way" 0 "^$mount/subway: 0 files" \
		sys pin add "$mount/subway"
	cp "$pins" "$tmp/out"
	printf '%s\n' "$mount/sub" "$mount/subway" | diff - "$pins" > "$tmp/out" || true
	content_verdict "tools pin: the list has what covers all of it" "$tmp/out" || failed=1
	ends "pin list: no module" 1 '/dev/cachefs: the module cachefs is not loaded' sys pin list
	pin_listed "pin list: no module" "$mount/sub" "$mount/subway"
	ends "pin list --json: no module" 1 '/dev/cachefs: the module cachefs is not loaded' \
		sys pin list --json
	ends "and each path is there, with nulls" 0 '^null null null null null null 2$' \
		nulls "$tmp/said"
	ends "pin run: no module" 1 '/dev/cachefs: the module cachefs is not loaded' sys pin run
	: > "$tmp/tree/dev/cachefs"
	ends "pin list: no kernel answers" 1 'file: Inappropriate ioctl' sys pin list
	ends "pin list --json: nothing is known" 1 '"path":"[^"]*/subway"' sys pin list --json
	ends "pin run: no kernel answers" 1 'deep/file: Inappropriate ioctl' sys pin run
	ends "pin remove: below what is pinned" 1 'deep: is not pinned' \
		sys pin remove "$mount/sub/deep"
	mv "$mount/subway" "$mount/gone"
	ends "pin run: a path that is gone" 1 'subway: No such file' sys pin run
	ends "pin list: a path that is gone" 1 'subway: No such file' refusing none 0 X= pin list
	pin_listed "pin list: a path that is gone" "$mount/subway"
	ends "and the other one" 0 "^ *7.8K +7.8K 100.0% +2 $mount/sub\$" cat "$tmp/said"
	ends "pin list --json: a path that is gone" 1 'subway: No such file' \
		refusing none 0 X= pin list --json
	ends "and null for the numbers that are not known" 0 '^2 8000 8000 null null null 2$' \
		nulls "$tmp/said"
	ends "pin remove: a path that is gone" 0 '' sys pin remove "$mount/subway"
	ends "pin remove" 0 '' sys pin remove "$mount/link"
	ends "pin remove: the list is empty" 0 '^nothing is pinned$' sys pin list
	truncate -s 50G "$mount/huge"
	ends "pin add: more than 40 % of the cache" 0 \
		'pinned files have 50.0G, more than 40 % of the cache, which are 39.5G' \
		sys pin add "$mount/huge"
	rm "$mount/huge"
	echo relative/path >> "$pins"
	ends "pin: a bad line in the list" 1 'line 2 is no absolute path: relative/path' \
		sys pin list
	check_pin_removed
	check_pin_unreadable
	check_pin_hanging
	check_pin_huge
	tree local "$mount" failed
	mkdir -p "$tmp/tree/var/lib"
	ends "pin add: the cache has failed" 1 '/dev/vdc: the cache has failed' \
		sys pin add "$mount/sub"
	tree no_cache
	mkdir -p "$tmp/tree/var/lib"
	ends "pin add: no cache" 1 'no cache is attached' sys pin add "$mount/sub"
}

pin_listed()	# NAME PATH...: $tmp/out has these paths, of which nothing is known
{
	local name=$1

	shift
	printf '       -        -      -       - %s\n' "$@" > "$tmp/wanted"
	grep -e ' -  *- ' "$tmp/out" | diff "$tmp/wanted" - > "$tmp/diff" || true
	result "$name: each path is there" "$([ ! -s "$tmp/diff" ]; echo $?)" \
		"$(xargs < "$tmp/diff")"
}

nulls()		# FILE: the numbers of each path in the JSON, behind a line with an error
{
	python3 -c 'import json, sys
with open(sys.argv[1]) as file:
    paths = json.loads("".join(line for line in file if line[0] in " {}"))["paths"]
numbers = [path[name] for path in paths for name in ("files", "file_bytes", "cached_bytes")]
print(*["null" if number is None else number for number in numbers], len(paths))' "$1"
}

# Files and directories below a pinned directory are removed while it is walked through.
check_pin_removed()
{
	local removed=$tmp/removed word

	tree local "$mount"
	mkdir -p "${pins%/*}" "$removed"
	: > "$tmp/tree/dev/cachefs"
	echo "$removed" > "$pins"
	for word in one one/file; do
		rm -rf "${removed:?}"/*
		mkdir -p "$(dirname "$removed/$word")" "$(dirname "$removed/two${word#one}")"
		echo > "$removed/$word"
		echo > "$removed/two${word#one}"
		ends "pin run: $word is removed meanwhile" 0 '^1 pinned files, 1B: ' \
			refusing none 0 "REMOVES=$removed" pin run
		ends "and nothing is said about it" 1 '' grep cachefsctl: "$tmp/said"
	done
	rm -r "$removed"
	ends "pin run: a pinned path is removed" 1 'removed: No such file' \
		refusing none 0 X= pin run
}

# A file that is larger than the cache may be sparse.  The kernel is not asked about it.
check_pin_huge()
{
	local huge=$mount/huge sizes

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
	# More bytes than a number can hold.
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

# If the list cannot be read to its end, no shorter list is written.
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

# While one process waits for a server, other processes go on: see tests/tools/hanging.c.
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
