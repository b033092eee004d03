# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Sourced by the host's test scripts tests/qemu/h*.sh, which boot guests one
# after another, cut their power, and look at what is left on the disks.
#
# tests/run gives them BED_SCRATCH, a directory that it removes afterwards.

bed=$(cd "$(dirname "${BASH_SOURCE[0]}")/../bed" && pwd)
: "${BED_SCRATCH:=$(mktemp -d)}" "${BED_LOG:=$BED_SCRATCH/log}"
boots=0

# Options of tests/bed/guest for the kernel with the checkers.
kernels=${CACHEFS_CACHE:-$bed/../../.cache}
# shellcheck disable=SC2034 # for the scripts
debug_kernel=(--bzimage "$kernels/kernel-debug-image/bzImage"
	      --module "$bed/../../build/debug/cachefs.ko" --timeout 1800)

# Have what the guests need for a series, or for the debug kernel.
need_kernel()	# [SERIES]
{
	"$bed/kernel-module.sh" "$@" > "$BED_SCRATCH/kernel.log" 2>&1 || {
		echo "not ok kernel ${1:-debug} - $(tail -n 1 "$BED_SCRATCH/kernel.log")"
		exit 1
	}
}

# A sparse blank disk, $BED_SCRATCH/NAME.img.
new_disk()	# NAME SIZE
{
	rm -f "$BED_SCRATCH/$1.img"
	truncate -s "$2" "$BED_SCRATCH/$1.img"
}

# Boot a guest with the disks cache and srv as far as they exist, and run the
# script on stdin in it, after lib.sh.  Its checks are the test's checks.
in_guest()	# [OPTION...] < SCRIPT
{
	local name options=()

	boots=$((boots + 1))
	for name in cache srv; do
		[ ! -e "$BED_SCRATCH/$name.img" ] ||
			options+=(--disk "$name:$BED_SCRATCH/$name.img")
	done
	{
		echo '. /bed/lib.sh'
		cat
	} > "$BED_SCRATCH/boot$boots.sh"
	"$bed/guest" --log "$BED_LOG.boot$boots.console" \
		"${options[@]}" "$@" "$BED_SCRATCH/boot$boots.sh"
}
