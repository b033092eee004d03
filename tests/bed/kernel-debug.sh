#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build the tests' own kernel, with every checker and fault injection on.  It
# is built once and serves twice:
#
#   kernel-debug         the object tree; tests/checks/20-kunit links cachefs
#                        into it and lets kunit.py build and boot that
#   kernel-debug-image   what the guests need, without cachefs in it:
#       bzImage          a kernel to boot
#       build            what a module is built against (kernel-module.sh)
#
# Both are directories in the cache directory (see prepare.sh).  For a series other than
# the default one they are called kernel-debug-SERIES*.  Nothing is done if they are up to
# date.
#
# usage: kernel-debug.sh [SERIES|debug-kcsan]

set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

own_kernel "$@"
log=$objects.log
fragments=("$repo"/tests/kunit/{kernel,$checkers,lean}.config)
need=3000	# MiB

[ -d "$tree" ] || "$bed_dir/prepare.sh" "source-$series"
version=$(cat "$cache/stamps/source-$series")

exec 8>"$objects.lock"
flock 8
words="$version $(gcc -dumpfullversion) $(cat "$0" "${fragments[@]}" | sha256sum)"
[ "$(cat "$image/stamp" 2>/dev/null)" != "$words" ] || exit 0

for tool in bc bison flex gcc lz4 make perl python3; do
	type -p "$tool" >/dev/null || die "building a kernel needs $tool"
done
have=$(df -Pm "$cache" | awk 'NR == 2 { print $4 }')
[ -d "$objects" ] || [ "$have" -ge "$need" ] ||
	die "$need MiB needed in $cache, $have MiB free"

# Objects of another source would all be built again anyway.
if [ "$(cat "$objects/version" 2>/dev/null)" != "$version" ]; then
	rm -rf "$objects"
	mkdir -p "$objects"
	echo "$version" > "$objects/version"
fi
rm -rf "$image"
mkdir -p "$image/build"

# 20-kunit may have made a link to a directory that is gone now.  Kconfig would fail
# there.
sed -i '/"fs\/cachefs\/Kconfig"/d' "$tree/fs/Kconfig"
sed -i '/[^b]cachefs\//d' "$tree/fs/Makefile"

# Stable 6.1 looks for NFS's cookie at the place that newer kernels have, which is behind
# the end of the inode.  Correct that, because KASAN and lockdep report nothing after
# their first report.
if grep -q 'nfsi->fscache = ' "$tree/fs/nfs/fscache.c"; then
	sed -i 's/netfs_inode(inode)->cache/nfsi->fscache/' "$tree/fs/nfs/fscache.c"
fi

# Print the Makefiles of code that gets no structures of the module.
unchecked()
{
	find crypto drivers net security -name Makefile \
		! -path 'drivers/block/*' ! -path 'drivers/md/*' ! -path 'net/sunrpc/*'
}

# Code that is not checked, and that is optimized less, takes two thirds of the time to
# build.  Kernels with different checkers share the source.
cd "$tree"
exec 9>"$tree.lock"
flock 9
unchecked | while read -r file; do
	sed -i '/^# for the tests of cachefs$/,$d' "$file"
	cat >> "$file" <<-'END'
		# for the tests of cachefs
		KASAN_SANITIZE := n
		UBSAN_SANITIZE := n
		ccflags-y += -O1
	END
done

say "building the own kernel from linux-source $version (about ten minutes)"
mapfile -t config < <(own_config kernel "$checkers" lean)
if ! python3 tools/testing/kunit/kunit.py config --arch=x86_64 \
		--build_dir="$objects" "${config[@]}" \
		>"$log" 2>&1 ||
   ! make ARCH=x86_64 O="$objects" -j"$(nproc)" bzImage modules \
		>>"$log" 2>&1; then
	tail -n 20 "$log" >&2
	die "no kernel; more is in $log"
fi

# 20-kunit changes the object tree, so copy the files that must stay as they are.
cd "$objects"
cp arch/x86/boot/bzImage .config System.map "$image/"
tar -c --exclude='*.o' --exclude='.*.cmd' .config Makefile Module.symvers \
	include scripts arch/x86/include/generated tools/objtool/objtool |
	tar -x -C "$image/build"
echo "$words" > "$image/stamp"
say "the own kernel is done after $SECONDS s"
