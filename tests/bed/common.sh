# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Sourced by the scripts of the test bed: where things are, and how to give up.

bed_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$bed_dir/../.." && pwd)
cache=$(realpath -m "${CACHEFS_CACHE:-$repo/.cache}")
# The QEMU that prepare.sh has unpacked comes before the host's.
PATH=$cache/qemu/bin:$PATH
# The default kernel series.  "debug", "debug-6.1" and "debug-kcsan" are the tests' own
# kernels.
# shellcheck disable=SC2034 # used by those who source this
default_series=6.12

say()
{
	printf '%s\n' "bed: $*" >&2
}

die()
{
	say "$*"
	exit 125
}

# Print the exact kernel version that prepare.sh found for a series such as 6.12.
kver_of_series()
{
	[ -r "$cache/kver-$1" ] ||
		die "no kernel of series $1 in $cache; run tests/bed/prepare.sh $1"
	cat "$cache/kver-$1"
}

# Find the tests' own kernel of a series.  The kernel with KCSAN is a separate one,
# because no kernel can have KCSAN and KASAN.  See kernel-debug.sh.
own_kernel()	# [SERIES|debug[-SERIES]|debug-kcsan]: sets these variables
{
	series=${1:-}
	series=${series#debug}
	series=${series#-}
	: "${series:=$default_series}"
	objects=$cache/kernel-debug
	[ "$series" = "$default_series" ] || objects+=-$series
	# shellcheck disable=SC2034 # used by those who source this
	image=$objects-image checkers=debug
	if [ "$series" = kcsan ]; then
		# shellcheck disable=SC2034
		series=$default_series checkers=kcsan
	fi
	tree=$cache/src/linux-source-$series
}

# Print kunit.py's arguments for fragments of its configuration.  kunit.py refuses options
# that the source does not have, or that cannot be chosen.  Series other than the default
# one may lack some options, so these are taken out.
own_config()	# FRAGMENT...; after own_kernel
{
	local fragment file

	for fragment; do
		file=$repo/tests/kunit/$fragment.config
		if [ "$series" != "$default_series" ]; then
			mkdir -p "$objects/fragments"
			find "$tree/" "$repo/Kconfig" -name 'Kconfig*' -exec awk '
				/^[ \t]*(menu)?config / {
					print name
					name = ""
					new = $2
				}
				/^[ \t]*(bool|tristate|int|string|prompt)[ \t]+"/ { name = new }
				/^[ \t]*depends on !X86_64$/ { name = new = "" }
				END { print name }' {} + |
				awk 'NR == FNR { has["CONFIG_" $1]; next }
					match($0, /CONFIG_[A-Z0-9_]+/) &&
					!(substr($0, RSTART, RLENGTH) in has) {
						print "bed: not in this source: " $0 > "/dev/stderr"
						next
					}
					1' - "$file" \
				> "$objects/fragments/$fragment.config"
			file=$objects/fragments/$fragment.config
		fi
		printf '%s\n' "--kunitconfig=$file"
	done
}

# Run a build.  FILE gets the compiler's messages about our files, and a line if the build
# failed.  The compiler warns only about files that are built anew.
build_complaints()	# FILE COMMAND...
{
	local out=$1
	shift

	"$@" >"$out.all" 2>&1 || echo "make failed" >> "$out.all"
	grep -E '(warning|error|WARNING|ERROR|\*\*\*)(:| )|make failed' \
		"$out.all" |
		grep -vE "^$cache/headers/|^/usr/src/|the compiler differs" \
		> "$out" || true
	rm -f "$out.all"
}

# Print a word that changes with everything that a build of the module depends on.
build_stamp()	# WORD...: of what is not in the sources
{
	(
		cd "$repo" || exit
		echo "$* $(gcc -dumpfullversion) $(sparse --version 2>/dev/null)"
		find Kbuild Makefile META fscache include nfs-glue -type f -print0 |
			sort -z | xargs -0 sha256sum
	) | sha256sum | cut -c 1-32
}

# If a check has passed before with the same input, print the results of that time.
passed_before()	# NAME STAMP
{
	local file=$cache/passed/${1//[^a-zA-Z0-9.]/_} results

	[ "$2" = "$(head -n 1 "$file" 2>/dev/null)" ] || return
	results=$(tail -n +2 "$file")
	[ "$results" ] || return
	echo "$results"
	echo "# the sources are those of the last time"
}

has_passed()	# NAME STAMP [RESULTS]: else one "ok NAME"
{
	mkdir -p "$cache/passed"
	printf '%s\n' "$2" "${3:-ok $1}" > "$cache/passed/${1//[^a-zA-Z0-9.]/_}"
}

# Print the result line of a tool.  An empty FILE means that the tool found nothing.
content_verdict()	# NAME FILE
{
	if grep -q . "$2"; then
		echo "not ok $1"
		head -n 60 "$2" | sed 's/^/# /'
		return 1
	fi
	echo "ok $1"
}
