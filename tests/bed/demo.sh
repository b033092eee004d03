#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The demo: a stock Debian kernel reads an NFS export through cachefs.  It reads cold, and
# then warm after drop_caches, a new mount, a new load of the module and a reboot.  The
# status is not zero if a warm step sent a READ to the server, or if any byte differs.
#
# usage: demo.sh [SERIES [GUEST-OPTION...]]
#
# SERIES is 6.12 or 6.1.  prepare.sh must have run for it, and build/KVER/cachefs.ko
# must be there.

set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

series=${1:-$default_series}
shift || true
kver=$(kver_of_series "$series")
[ -e "$repo/build/$kver/cachefs.ko" ] ||
	die "no build/$kver/cachefs.ko; run make KVER=$kver"

mkdir -p "$cache/run" "$cache/logs"
scratch=$(mktemp -d "$cache/run/demo.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
truncate -s 2G "$scratch/cache.img"
truncate -s 1G "$scratch/srv.img"

echo "cachefs on Linux $kver"
for boot in first second; do
	# The cache is vdc, the server's disk vdd.
	"$bed_dir/guest" --series "$series" --disk "cache:$scratch/cache.img" \
		--disk "srv:$scratch/srv.img" \
		--log "$cache/logs/demo.$boot.console" "$@" \
		"$repo/tests/qemu/demo-guest.sh" "$boot" |
		sed -u '/^ok /d'
	status=${PIPESTATUS[0]}
	[ "$status" = 0 ] || exit "$status"
done
echo "demo passed after $SECONDS s"
