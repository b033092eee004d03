# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The part of 45-tools that is called "warm".  45-tools has the functions and
# variables that are used here.
#
# shellcheck disable=SC2154

# Interrupt warm when it has one of the files open.
interrupted()	# MOUNT
{
	local pid status=0 i

	"$ctl" --sysroot "$tmp/tree" warm --limit 100 "$1" &
	pid=$!
	for ((i = 0; i < 600; i++)); do
		if find "/proc/$pid/fd" -lname "$1/*" 2> /dev/null | grep -q .; then
			kill -INT "$pid"
			break
		fi
		sleep 0.1
	done
	for ((; i < 1200; i++)); do
		[ -e "/proc/$pid/fd/0" ] || break
		sleep 0.1
	done
	[ "$i" -lt 1200 ] || kill -KILL "$pid"
	wait "$pid" || status=$?
	return "$status"
}

# Send signals to a warm whose server hangs, as a user who types ^C until warm ends.
hanging()	# SIGNAL MOUNT
{
	local pid status=0 i

	rm -f "$tmp/hangs"
	env "ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0" \
		"LD_PRELOAD=$tmp/refusing.so" "HANG=$tmp/hangs" \
		"$ctl" --sysroot "$tmp/tree" warm "$2" &
	pid=$!
	for ((i = 0; i < 600; i++)); do
		[ ! -e "$tmp/hangs" ] || break
		sleep 0.1
	done
	for (( ; i < 1200; i++)); do
		[ -e "/proc/$pid/fd/0" ] || break
		kill "-$1" "$pid" 2> /dev/null || true
		sleep 0.1
	done
	[ "$i" -lt 1200 ] || kill -KILL "$pid"
	wait "$pid" || status=$?
	return "$status"
}

# A mount that appears when the directory is opened, and one that appears after the table
# was read.
check_automount()
{
	local mount=$tmp/mount auto=$tmp/auto verb status=0

	mkdir -p "$auto" "$tmp/tree/var/lib"
	unshare --mount python3 tests/tools/autofs.py "$auto" "$mount" true > "$tmp/why" 2>&1 ||
		status=$?
	if [ $status != 0 ]; then
		echo "skip tools automount - $(tail -n 1 "$tmp/why")"
	else
		ends "warm: a directory that is automounted" 0 '^2 files, 2.9M read' \
			automounted warm "$auto"
		ends "warm: the same with --one-file-system" 0 '^2 files, 2.9M read' \
			automounted warm -x "$auto"
		ends "warm: a directory below" 0 '^1 files, 4.9K read' automounted warm "$auto/sub"
		ends "pin add: a directory that is automounted" 0 "^$auto: 3 files with 2.9M" \
			automounted pin add "$auto"
		: > "$tmp/tree/dev/cachefs"
		ends "pin run: a directory that is automounted" 1 \
			'/auto/large: Inappropriate ioctl' automounted pin run
		ends "cached --one-file-system: a directory that is automounted" 1 \
			'/auto/sub/small file: Inappropriate ioctl' automounted cached -rx "$auto"
	fi
	tree local "$mount"
	mkdir -p "$tmp/tree/var/lib"
	for verb in warm "pin add"; do
		# shellcheck disable=SC2086
		ends "$verb: the table of mounts is read anew" 0 '2.9M' \
			mounted_meanwhile $verb "$mount"
	done
	ends "warm: the mount does not come" 1 'is not on a mount of NFS' sys warm /proc/self
}

automounted()	# WORD...
{
	timeout 60 unshare --mount python3 tests/tools/autofs.py "$tmp/auto" "$tmp/mount" \
		"$ctl" --sysroot "$tmp/tree" "$@"
}

# The first reader of the table of mounts finds no mount of NFS in it.
mounted_meanwhile()	# WORD...
{
	local table=$tmp/tree/proc/self/mountinfo pid status=0

	mv "$table" "$tmp/mounts"
	mkfifo "$table"
	sys "$@" &
	pid=$!
	exec 9> "$table"
	mv "$tmp/mounts" "$table"
	grep -v nfs "$table" >&9
	exec 9>&-
	wait "$pid" || status=$?
	return "$status"
}

# Run the tool with a cache that refuses stores of FILE: see tests/tools/refusing.c.
refusing()	# FILE REFUSALS VARIABLES WORD...
{
	local dir

	dir=$(echo "$tmp"/tree/sys/fs/cachefs/*-*)
	# shellcheck disable=SC2086
	[[ $3 != COUNT=* ]] || set -- "$1" "$2" "REFUSED=$dir/stats/${3#*=}" "${@:4}"
	timeout -k 9 120 env "ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0" \
		"LD_PRELOAD=$tmp/refusing.so" \
		"REFUSE=$1" "REFUSALS=$2" "REFUSED=$dir/refused_bytes/no_region" \
		"EVICTED=$dir/stats/evicted_bytes" "STATE_FILE=$dir/state" $3 \
		"$ctl" --sysroot "$tmp/tree" "${@:4}"
}

# Reads of others on the mount prove nothing, so the kernel is asked about the file.
check_doctor()
{
	local mount=$tmp/mount i

	tree local "$mount"
	: > "$tmp/tree/dev/cachefs"
	for ((i = 0; i < 60; i++)); do
		[ $(($(date +%s) - $(stat -c %Z "$mount/large"))) -le 10 ] || break
		sleep 1
	done
	ends "doctor: the file was not stored" 1 \
		'only 0 of [0-9]+ bytes were stored: open for writing on this machine' \
		refusing large 999 REASON=10 doctor -F "$mount/large" "$mount"
	ends "doctor: nor was it refused for a reason that lasts" 1 \
		'only 0 of [0-9]+ bytes were stored: it has changed meanwhile' \
		refusing large 999 X= doctor -F "$mount/large" "$mount"
	ends "doctor: stores were refused" 1 \
		'only 0 of [0-9]+ bytes were stored: stores were refused: the device' \
		refusing large 999 COUNT=store_refused_bytes doctor -F "$mount/large" "$mount"
	ends "doctor: it was, and is not read from there" 1 \
		'only 0 of [0-9]+ bytes came from the cache' \
		refusing large 0 X= doctor -F "$mount/large" "$mount"
	ends "doctor: a file that is elsewhere" 1 'not a regular file of this mount' \
		sys doctor -F /proc/version "$mount"
}

# A file that was not stored is read again.  It is an error if that does not help.
check_refused()
{
	local mount=$tmp/mount state

	gcc -shared -fPIC -o "$tmp/refusing.so" tests/tools/refusing.c
	printf '%s\n' "$mount/large" "$mount/sub/small file" > "$tmp/list"
	: > "$tmp/tree/dev/cachefs"
	for state in 1e15T 1e18K 20E 0.1 -1K; do
		ends "warm: --limit $state" 1 "not a number of bytes per second: $state" \
			"$ctl" warm --limit "$state" "$mount"
	done
	ends "warm: no store is refused" 0 '^2 files, 2.9M read' refusing large 0 X= warm -j 1 "$mount"
	ends "warm: what was refused is read again" 0 '^2 files, 5.7M read' \
		refusing large 2 X= warm -j 1 "$mount"
	ends "and how much" 0 '^stores were refused: 1 files are read again$' cat "$tmp/said"
	ends "warm: stores are refused all the time" 1 \
		"^cachefsctl: 1 of 2 files are not wholly cached, $mount/large for one; stores were refused: no_region 2.9M; see cachefsctl why\$" \
		refusing large 999 X= warm -j 1 "$mount"
	ends "warm --quiet: stores are refused" 1 'no_region 4.9K' \
		refusing "small file" 999 X= warm -q -j 1 "$mount/sub"
	ends "and one line says so" 0 '^1$' grep -c . "$tmp/said"
	ends "warm: the stores of somebody else are refused" 0 '^2 files, 2.9M read' \
		refusing large 999 CACHED=1 warm -j 1 "$mount"
	check_refused_reasons
	check_refused_lasting
	check_refused_evicted
	check_refused_changed
	check_refused_unanswered
	for state in failed detaching; do
		: > "$tmp/tree/dev/cachefs"
		ends "warm: the cache is $state meanwhile" 1 \
			'the cache has failed or was detached meanwhile' \
			refusing large 0 "STATE=$state" warm -j 1 "$mount"
		tree local "$mount"
	done
	: > "$tmp/tree/dev/cachefs"
	mkdir -p "$tmp/tree/var/lib/cachefs"
	echo "$mount/large" > "$tmp/tree/var/lib/cachefs/pins"
	ends "pin run: what is missing is stored" 0 '2.9M of 1 files to be fetched' \
		refusing large 0 X= pin run
	ends "pin run: stores are refused" 1 '1 of 1 files are not wholly cached, .*no_region 2.9M' \
		refusing large 999 X= pin run
	# CACHEFS_FILE_SLOW, NOT_STORED, POLICY and BUDGET.
	for state in 12 14 15 16; do
		ends "pin run: nothing can be stored, $state" 1 '1 pinned files are not fetched' \
			refusing large 0 "REASON=$state" pin run -q
	done
	ends "pin run: the policy second" 0 '2.9M of 1 files to be fetched' \
		refusing large 0 REASON=17 pin run
	ends "pin run: a file that changed a moment ago is for the next run" 0 '' \
		refusing large 0 REASON=13 pin run
	ends "pin run: and one that changed meanwhile" 0 '' refusing large 999 WHY=13 pin run -q
	ends "and nothing is said" 1 '^0$' grep -c . "$tmp/said"
}

# Files that were replaced after the walk has found them.  An open of the new file may
# wait for ever, or may have an effect.
check_replaced()
{
	local mount=$tmp/replaced pins=$tmp/tree/var/lib/cachefs/pins name

	tree local "$tmp/mount"
	mkfifo "$tmp/fifo"
	mkdir -p "${pins%/*}"
	: > "$tmp/tree/dev/cachefs"
	mkdir "$mount"
	for name in FIFOS LINKS; do
		two_files "$mount"
		ends "warm: $name instead of files" 0 '^2 files, 4.9K read' \
			refusing one 0 "$name=$mount" warm -j 1 "$mount"
	done
	two_files "$mount"
	echo "$mount" > "$pins"
	ends "pin run: FIFOS instead of files" 0 '9.8K of 2 files to be fetched' \
		refusing one 0 "FIFOS=$mount" pin run
	two_files "$mount"
	ends "pin run: LINKS instead of files" 1 ': no regular file of NFS' \
		refusing one 0 "LINKS=$mount" pin run
	two_files "$mount"
	ends "cached: a link to a device instead of a file" 1 '^ *1: no regular file of NFS' \
		refusing one 0 "LINKS=$mount" cached -r "$mount"
	two_files "$mount"
	ends "evict: a link to a device instead of a file" 1 ': no regular file of NFS' \
		refusing one 0 "LINKS=$mount" evict -r "$mount"
	two_files "$mount"
	ends "warm: a file that was replaced on the server" 0 '^2 files, 9.8K read' \
		refusing one 0 STALE=2 warm -j 1 "$mount"
	ends "warm: and again and again" 1 'Stale file handle' \
		refusing one 0 STALE=99 warm -j 1 "$mount"
	# A link that the user names is followed.
	two_files "$mount"
	ln -s one "$mount/link"
	ends "warm: a link" 0 '^1 files, 4.9K read' refusing one 0 X= warm "$mount/link"
	echo "$mount/link" > "$tmp/list"
	ends "warm: a link in a list" 0 '^1 files, 4.9K read' refusing one 0 X= warm -f "$tmp/list"
	ends "doctor --file: a FIFO" 1 'fifo: not a regular file' \
		timeout 120 "$ctl" --sysroot "$tmp/tree" doctor -F "$tmp/fifo" "$tmp/mount"
}

two_files()	# DIR: of 5000 bytes each
{
	rm -f "$1"/*
	head -c 5000 /dev/urandom > "$1/one"
	head -c 5000 /dev/urandom > "$1/two"
}

# A used budget (16) and a disk that takes no writes (14) do not pass in seconds, so nothing
# is read again.
check_refused_lasting()
{
	local reason

	for reason in 14 16; do
		ends "warm: reason $reason" 1 '1 of 2 files are not wholly cached' \
			refusing large 999 "WHY=$reason" warm -j 1 "$mount"
		ends "and it is not read again" 0 '^2 files, 2.9M read' cat "$tmp/said"
	done
	# Stores are refused by chance long before the budget is used.
	ends "warm: refused for write_budget, and the budget is not used" 0 '^2 files, 5.7M read' \
		refusing large 3 \
		"REFUSED=$(echo "$tmp"/tree/sys/fs/cachefs/*-*)/refused_bytes/write_budget" \
		warm -j 1 "$mount"
}

# Data that can never be cached is not missing.
check_refused_reasons()
{
	local reason

	# All reasons but OK, FAILED, SLOW, RECENT, NOT_STORED, BUDGET and SECOND.
	for reason in 1 2 3 4 5 7 8 9 10 11 15; do
		ends "warm: reason $reason: the file is not read again" 0 '^2 files, 2.9M read' \
			refusing large 999 "WHY=$reason" warm -j 1 "$mount"
	done
	for reason in 6 12 17; do
		ends "warm: reason $reason: what is missing is an error" 1 '^2 files, 8.6M read' \
			refusing large 999 "WHY=$reason" warm -j 1 "$mount"
	done
}

# Data is evicted from the cache while more is read.
check_refused_evicted()
{
	ends "warm: the cache has no room for all" 1 \
		"^cachefsctl: 1 of 2 files are not wholly cached, $mount/large for one; 2.9M are missing, and the cache has no room for all: 2.9M were evicted; see cachefsctl why\$" \
		refusing large 0 EVICTS=own warm -j 1 -f "$tmp/list"
	ends "and nothing is read again" 0 '^2 files, 2.9M read' cat "$tmp/said"
	ends "warm: a full cache" 0 '^2 files, 2.9M read' \
		refusing large 0 EVICTS=others warm -j 1 -f "$tmp/list"
	ends "warm: a full cache that refuses stores" 0 '^2 files, 5.7M read' \
		refusing large 3 EVICTS=others warm -j 1 -f "$tmp/list"
	ends "warm: what is read again evicts what was read before" 1 \
		'file for one; 4.9K are missing, and the cache has no room for all: 2.9M' \
		refusing large 3 EVICTS=own warm -j 1 -f "$tmp/list"
	ends "and what was refused was read again" 0 '^2 files, 5.7M read' cat "$tmp/said"
	ends "warm: a full cache whose evictions nobody explains" 0 '^2 files, 2.9M read' \
		refusing large 0 "EVICTS=others WHY=none" warm -j 1 -f "$tmp/list"
}

check_refused_changed()
{
	ends "warm: a file that changes all the time" 0 \
		'^1 files changed a moment ago and are not cached yet$' \
		refusing large 999 WHY=13 warm -j 1 "$mount"
	ends "and it was read again" 0 '^2 files, 8.6M read' cat "$tmp/said"
	ends "warm: a file that changed a moment ago is waited for" 0 '^2 files, 5.7M read' \
		refusing large 0 RECENT=1 warm -j 1 "$mount"
	ends "and is cached then" 1 '' grep 'a moment ago' "$tmp/said"
	ends "warm: interrupted while it waits" 130 'stopped after 2.9M, at file 1 of 2: ' \
		refusing large 999 "WHY=13 INTERRUPT=1" warm -j 1 "$mount"
	ends "warm: a file that grows" 0 '^2 files, 6.7M read' \
		refusing large 2 GROW=1000000 warm -j 1 "$mount"
	truncate -s 3000000 "$mount/large"
	ends "warm: a file that grows, and a full cache" 0 '^2 files, 6.7M read' \
		refusing large 0 "GROW=1000000 EVICTS=others" warm -j 1 "$mount"
	truncate -s 3000000 "$mount/large"
	ends "warm: a file that changes, and a full cache" 0 '^2 files, 5.7M read' \
		refusing large 0 "GROW=0 EVICTS=others" warm -j 1 "$mount"
	# The list has the large file first, which is gone before the kernel is asked
	# about it.
	ends "warm: a file is gone before the question" 0 '' \
		refusing large 2 "GONE=$mount/large" warm -q -j 1 -f "$tmp/list"
	ends "and nothing is said" 1 '^0$' grep -c . "$tmp/said"
	head -c 3000000 /dev/urandom > "$mount/large"
	tac "$tmp/list" > "$tmp/tsil"
	ends "warm: a file is gone before it is read" 0 '' \
		refusing large 0 "GONE=$mount/large" warm -q -j 1 -f "$tmp/tsil"
	ends "and nothing is said" 1 '^0$' grep -c . "$tmp/said"
	head -c 3000000 /dev/urandom > "$mount/large"
}

# Nothing is read again if the kernel does not answer.
check_refused_unanswered()
{
	local cause

	ends "warm: an error for an answer" 1 '2 of 2 files are not wholly cached' \
		refusing large 999 WHY=error warm -j 1 "$mount"
	ends "and all is read again" 0 '^2 files, 8.6M read' cat "$tmp/said"
	for cause in "Inappropriate ioctl for device" "No such file or directory"; do
		ends "warm: the kernel does not say what is cached: $cause" 1 \
			"^cachefsctl: the kernel does not say which files are cached; stores were refused: no_region 2.9M; /dev/cachefs: $cause\$" \
			refusing large 999 WHY=none warm -q -j 1 "$mount"
		ends "and one line says so" 0 '^1$' grep -c . "$tmp/said"
		ends "and nothing is read again" 1 '^2 files, 2.9M read' \
			refusing large 999 WHY=none warm -j 1 "$mount"
		rm -f "$tmp/tree/dev/cachefs"
	done
}

check_warm()
{
	local mount=$tmp/mount

	mkdir -p "$mount/sub"
	head -c 3000000 /dev/urandom > "$mount/large"
	head -c 5000 /dev/urandom > "$mount/sub/small file"
	: > "$mount/empty"
	tree local "$mount"
	ends "warm: a directory" 0 '^2 files, 2.9M read' sys warm "$mount"
	ends "warm: a list" 0 '^1 files, 4.9K read' \
		sys warm -f <(printf '%s\n' "$mount/sub/small file")
	printf '%s\n' "$mount/sub/small file" "$mount/large" > "$tmp/list"
	gcc -shared -fPIC -o "$tmp/unreadable.so" tests/tools/unreadable.c
	ends "warm: a list that cannot be read to its end" 1 'list: Input/output error' \
		cut_off "$tmp/list" warm -f "$tmp/list"
	ends "warm: one job" 0 '^2 files, 2.9M read' sys warm -j 1 -x "$mount"
	ends "warm --quiet" 0 '' sys warm -q "$mount"
	mv "$tmp/out" "$tmp/quiet"
	ends "warm: the progress on a terminal" 0 \
		'^\[####################\] 100%  2\.9M of 2\.9M  .* left$' \
		python3 tests/tools/terminal.py 80 24 "$ctl" --sysroot "$tmp/tree" warm "$mount"
	ends "warm: the progress on a narrow terminal" 0 '^100%  2\.9M of 2\.9M  [^ ]*/s' \
		python3 tests/tools/terminal.py 40 24 "$ctl" --sysroot "$tmp/tree" warm "$mount"
	ends "and it is one row" 0 '^2 files' sed -n 2p "$tmp/said"
	ends "warm --quiet: nothing is printed" 1 '^0$' grep -c . "$tmp/quiet"
	ends "warm: no such file" 1 'nothing: No such file' sys warm "$mount/nothing"
	ends "warm: what is not there does not stop the rest" 1 '^2 files, ' \
		sys warm "$mount/nothing" "$mount"
	ends "warm: not on a mount" 1 'is not on a mount of NFS' sys warm /proc/self
	check_refused
	check_replaced
	tree local "$mount"
	# ^C while warm reads at a rate at which it would take hours.
	ends "warm: interrupted" 130 'stopped after .*, at file . of 2: ' interrupted "$mount"
	ends "warm: a server hangs, and SIGINT comes twice" 130 '' hanging INT "$mount"
	ends "warm: a server hangs, and SIGTERM comes twice" 143 '' hanging TERM "$mount"
	check_automount
	tree local "$mount" failed
	ends "warm: the cache has failed" 1 '/dev/vdc: the cache has failed' sys warm "$mount"
	tree no_cache
	ends "warm: no cache" 1 'no cache is attached' sys warm "$mount"
	tree no_fsc
	ends "doctor: what is wrong" 1 '^BAD   /mnt/nfs: mounted without fsc' sys doctor
	ends "doctor: another mount" 1 'no mount of NFS, CIFS or 9p at /none' sys doctor /none
	check_doctor
	tree local "$mount"
	touch -d '1 hour ago' "$mount/large" "$mount/sub/small file"
	ends "doctor: a file that changed a moment ago" 1 'older than ten seconds' \
		sys doctor "$mount"
}
