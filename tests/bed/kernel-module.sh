#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Make what the guests need to run cachefs on another kernel.
#
# usage: kernel-module.sh SERIES
#
#   SERIES              that series' stock kernel, and build/KVER/cachefs.ko
#   debug[-SERIES]      the tests' own kernel, and build/debug[-SERIES]/cachefs.ko
#   debug-kcsan         the one that looks for data races, the same

set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

# Steps that run at the same time build one after the other in one directory.
mkdir -p "$repo/build"
exec 7> "$repo/build/$1.lock"
flock 7

if [[ $1 != debug* ]]; then
	"$bed_dir/prepare.sh" qemu root "image-$1"
	kver=$(kver_of_series "$1")
	# The headers of Debian 13 bring tools that do not run on Debian 12.
	if apt-cache show "linux-headers-$kver" >/dev/null 2>&1; then
		"$bed_dir/prepare.sh" "headers-$1"
		exec make -s -C "$repo" -j"$(nproc)" KVER="$kver"
	fi
	"$bed_dir/prepare.sh" trixie
	exec "$bed_dir/trixie-module.sh" "$kver"
fi

own_kernel "$1"
dir=$repo/build/$1

"$bed_dir/kernel-debug.sh" "$1"

# kbuild puts objects beside their sources, so build in a tree of links.
mkdir -p "$dir"
find "$dir" -xtype l -delete
for part in Kbuild fscache include nfs-glue tests/kunit; do
	[ -e "$repo/$part" ] || continue
	mkdir -p "$(dirname "$dir/$part")"
	cp -rsf "$repo/$part" "$(dirname "$dir/$part")/"
done
make -s -C "$image/build" M="$dir" -j"$(nproc)" CONFIG_CACHEFS=m modules
