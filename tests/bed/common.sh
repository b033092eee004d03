# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Sourced by the scripts of the test bed: where things are, and how to give up.

bed_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$bed_dir/../.." && pwd)
cache=$(realpath -m "${CACHEFS_CACHE:-$repo/.cache}")
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

# The exact kernel version that prepare.sh found for a series such as 6.12.
kver_of_series()
{
	[ -r "$cache/kver-$1" ] ||
		die "no kernel of series $1 in $cache; run tests/bed/prepare.sh $1"
	cat "$cache/kver-$1"
}
