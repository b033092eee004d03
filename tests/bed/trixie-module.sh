#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build build/KVER/cachefs.ko inside of Debian 13 (prepare.sh trixie), for one of
# the kernels whose headers are there.
#
# usage: trixie-module.sh KVER [MAKE-ARGUMENT...]

set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

kver=$1
shift
root=$cache/trixie/root
[ -d "$root/lib/modules/$kver/build/" ] ||
	die "no headers of $kver in $root; run tests/bed/prepare.sh trixie"

exec 8>"$root.lock"
flock 8
mkdir -p "$root/cachefs" "$repo/build/$kver"
cp -r "$repo"/{Kbuild,Makefile,META,fscache,include,nfs-glue} "$root/cachefs/"
# objtool looks into /proc.
# shellcheck disable=SC2016 # for the inner shell
env -i PATH="$PATH" LC_ALL=C.UTF-8 unshare -m sh -euc '
	mount -t proc proc "$1/proc"
	exec chroot "$@"' sh "$root" \
	make -C /cachefs -j"$(nproc)" KVER="$kver" "$@"
cp "$root/cachefs/build/$kver/cachefs.ko" "$repo/build/$kver/"
