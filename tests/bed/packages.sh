#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Make the Debian packages in build/deb, if any of their sources has changed.  Only one
# step at a time makes them.
#
# usage: packages.sh

set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

cd "$repo"
mkdir -p build
exec 7> build/deb.lock
flock 7
stamp=$(find Makefile Kbuild META COPYING README.md Documentation debian fscache include \
		nfs-glue tools tests/user/include -type f -print0 |
	sort -z | xargs -0 sha256sum | sha256sum)
[ "$stamp" != "$(cat build/deb/stamp 2>/dev/null)" ] || exit 0
make -s deb
echo "$stamp" > build/deb/stamp
