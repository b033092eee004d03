#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build build/debug/cachefs.ko, the module for the tests' own kernel.

set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

kernel=$cache/kernel-debug-image/build
dir=$repo/build/debug

"$bed_dir/kernel-debug.sh"

# kbuild puts objects beside their sources, so build in a tree of links.
mkdir -p "$dir"
find "$dir" -xtype l -delete
for part in Kbuild fscache include nfs-glue tests/kunit; do
	[ -e "$repo/$part" ] || continue
	mkdir -p "$(dirname "$dir/$part")"
	cp -rsf "$repo/$part" "$(dirname "$dir/$part")/"
done
make -s -C "$kernel" M="$dir" -j"$(nproc)" CONFIG_CACHEFS=m modules
