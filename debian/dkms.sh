#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Print the dkms.conf of the module: META says which kernels it is for, and for all
# others DKMS builds nothing, without an error.
#
# usage: dkms.sh META VERSION

set -eu

tested=$(sed -n 's/^Linux-Tested: //p' "$1")
broken=$(sed -n 's/^Linux-Broken: //p' "$1")
[ "$tested" ] || { echo "$1: no Linux-Tested" >&2; exit 1; }

# "6.1 6.12" becomes ^(6\.1|6\.12)\.
pattern=$(echo "$tested" | sed 's/\./\\./g; s/ /|/g')

cat <<END
PACKAGE_NAME="cachefs"
PACKAGE_VERSION="$2"
BUILT_MODULE_NAME[0]="cachefs"
BUILT_MODULE_LOCATION[0]="build/\$kernelver"
DEST_MODULE_LOCATION[0]="/updates/dkms"
MAKE[0]="make KVER=\$kernelver KDIR=\$kernel_source_dir"
CLEAN="make clean"

cachefs_kernels="^($pattern)\\."
cachefs_hangs="$broken"

# Is the module for this kernel?  Of the releases in cachefs_hangs it is not, and neither
# of kernels without FS-Cache, of 32 bits, or with larger pages.
cachefs_is_for()
{
	local release config=\${kernel_source_dir:-/lib/modules/\$1/build}/.config

	for release in \$cachefs_hangs; do
		case \$1 in
		"\$release"|"\$release"[!0-9]*) return 1 ;;
		esac
	done
	[[ \$1 =~ \$cachefs_kernels ]] || return 1
	[ -r "\$config" ] || return 0
	grep -q '^CONFIG_64BIT=y' "\$config" &&
		grep -q '^CONFIG_FSCACHE=[ym]' "\$config" &&
		! grep -qE '^CONFIG_(ARM64_(16|64)K_PAGES|PAGE_SIZE_(16|64)KB)=y' "\$config"
}

BUILD_EXCLUSIVE_KERNEL="\$cachefs_kernels"
cachefs_is_for "\$kernelver" || BUILD_EXCLUSIVE_KERNEL="^none\$"

# "dkms autoinstall" of Debian 12 fails because of a module that is not for the kernel, and
# so would the installation of the kernel.  The kernel that it is about is in the variable
# outside of the function that reads this file.
AUTOINSTALL="yes"
cachefs_about=\$(unset kernelver; echo "\${kernelver:-}")
[ -z "\$cachefs_about" ] || cachefs_is_for "\$cachefs_about" || AUTOINSTALL=""
END
