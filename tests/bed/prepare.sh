#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Fetch and build everything that the tests need: host packages, kernel headers, stock
# kernels to boot, the guests' root image and the kernel source.  Everything except the
# host packages is in one directory, .cache in the repository unless CACHEFS_CACHE names
# another.  No kernel is installed on the host.
#
# usage: prepare.sh [SERIES|PIECE|PIECE-SERIES]...
#
#   SERIES  6.12 (default), 6.1 or one that only Debian 13 and its backports have,
#           such as 7.3: the pieces named after it are of this series.  With a
#           flavour behind it, as 6.1-cloud or 6.12-rt, of that one
#   PIECE   packages   host packages, through apt
#           headers    kernel headers    headers/KVER/build
#           image      a kernel to boot  kernel/KVER/{vmlinux,initrd,modules.ext4}
#           root       the root image    root/root.ext4
#           source     the source        src/linux-source-SERIES
#           qemu       Debian 13's QEMU  qemu/bin, or else the host's own
#           prometheus  Prometheus and promtool   prometheus/usr/bin
#           trixie     Debian 13 with its compiler and kernel headers, also those
#                      of its backports  trixie/root
#           systemd    a root image with systemd as init  systemd/root.ext4
#           minimal    the smallest Debian 12 there is    minimal/root
#           all        all of them but the last three (default)
#
# With BED_UPDATED in the environment apt's lists are not fetched again.
#
# Pieces that are up to date cost nothing.  The exit status is 77 if Debian 13 is needed
# and out of reach.

set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

apt_quiet=(-q -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0
	-o DPkg::Lock::Timeout=600)
export DEBIAN_FRONTEND=noninteractive

# Options that make apt look elsewhere than in the machine's own sources.
from=()

# MiB in the cache directory that each piece takes while it is being made.
declare -A need_of=([packages]=0 [headers]=150 [image]=900 [root]=3000
		    [source]=2000 [qemu]=500 [prometheus]=150 [trixie]=1500
		    [systemd]=1000 [minimal]=300)

mkdir -p "$cache/stamps" "$cache/debs"

# A piece is up to date when its stamp holds the same words.
stamped()	# NAME WORDS
{
	[ "$(cat "$cache/stamps/$1" 2>/dev/null)" = "$2" ]
}

stamp()		# NAME WORDS
{
	printf '%s\n' "$2" > "$cache/stamps/$1"
}

words_of()	# FILE: its lines without comments
{
	sed 's/#.*//' "$1" | xargs
}

check_space()	# PIECE...
{
	local piece need=0 have

	for piece; do
		[ -e "$cache/stamps/$piece" ] && continue
		need=$((need + ${need_of[${piece%%-*}]}))
	done
	have=$(df -Pm "$cache" | awk 'NR == 2 { print $4 }')
	[ "$need" = 0 ] || say "$need MiB needed in $cache, $have MiB free"
	[ "$have" -ge "$need" ] || die "not enough disk space in $cache"
}

# Other sources of the machine may be broken.  Only Debian's own sources must work, and
# they do if their packages are found afterwards.
apt_update()
{
	[ "${updated:-${BED_UPDATED:-}}" ] && return
	updated=1
	apt-get "${apt_quiet[@]}" update >"$cache/apt-update.log" 2>&1 ||
		say "apt-get update complained, see $cache/apt-update.log"
	debian_sources | grep -q ' bookworm ' ||
		die "apt offers no Debian 12 (bookworm); this test bed needs one"
}

# Packages that Debian 12 lacks come from Debian 13 and its backports, from the servers
# where the machine finds Debian 12.  The machine's own apt does not learn of them.
try_trixie()
{
	local dir=$cache/trixie/apt

	apt_update
	mkdir -p "$dir/lists/partial"
	debian_sources | sed 's/ bookworm/ trixie/
		/ trixie main$/ { p; s/ main/-backports main/ }' \
		> "$dir/sources.list"
	from=(-o "Dir::Etc::sourcelist=$dir/sources.list"
		-o "Dir::Etc::sourceparts=/nonexistent"
		-o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir"
		-o "APT::Default-Release=trixie-backports")
	[ "${trixie_updated:-}" ] && return
	trixie_updated=1
	# The lists were fetched a moment ago.
	[ -z "${BED_UPDATED:-}" ] || ! compgen -G "$dir/lists/*_Packages*" >/dev/null || return 0
	apt-get "${apt_quiet[@]}" "${from[@]}" -o APT::Update::Error-Mode=any \
		update >"$dir/update.log" 2>&1 && return
	say "apt-get update complained, see $dir/update.log"
	# The lists of an earlier time are good enough.
	compgen -G "$dir/lists/*_dists_trixie_main_*_Packages*" >/dev/null && return
	say "Debian 13 is out of reach"
	return 1
}

use_trixie()
{
	try_trixie || exit 77
}

# Print the machine's own Debian sources in one-line form.
debian_sources()
{
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets \
		--format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' 'Origin: Debian' |
		grep -E ' bookworm(-updates|-security)? main$' | sort -u
}

apt_install()	# PACKAGE...
{
	local missing="" package

	for package; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
			grep -q 'ok installed' || missing+=" $package"
	done
	[ "$missing" ] || return 0
	apt_update
	say "installing$missing"
	# shellcheck disable=SC2086 # a list
	apt-get "${apt_quiet[@]}" install -y --no-install-recommends $missing \
		>"$cache/apt-install.log" 2>&1 ||
		die "apt-get install failed: $(tail -n 3 "$cache/apt-install.log")"
}

make_packages()
{
	# shellcheck disable=SC2046 # a list
	apt_install $(words_of "$bed_dir/host-packages")
}

# Print the first of the named packages that apt can install.
first_known()
{
	local package

	for package; do
		if apt-cache "${from[@]}" show "$package" >/dev/null 2>&1; then
			echo "$package"
			return
		fi
	done
	return 1
}

depends_on()	# PACKAGE REGEX: the dependencies of PACKAGE that match
{
	apt-cache "${from[@]}" depends --important "$1" 2>/dev/null |
		awk '{ print $NF }' | grep -E "$2"
}

version_of()
{
	apt-cache "${from[@]}" show --no-all-versions "$1" | awk '/^Version:/ { print $2 }'
}

# Find the newest kernel of the series through Debian's meta packages.  The meta package
# of bookworm's default kernel, which is 6.1, and the one of the newest kernel in trixie's
# backports have no series in their names.
find_kernel()
{
	local want flavour="" release=${series%%-*}

	[ "$release" = "$series" ] || flavour=-${series#*-}
	want="^linux-image-${release//./\\.}\\.[^-]*(-[0-9]+)?$flavour-amd64$"

	if [ "${found:-}" = "$series" ]; then
		from=("${found_from[@]}")
		return
	fi
	apt_update
	if ! kver=$(depends_on "linux-image-$series-amd64" "$want") &&
	   ! kver=$(depends_on "linux-image$flavour-amd64" "$want"); then
		use_trixie
		kver=$(depends_on "linux-image$flavour-amd64" "$want") ||
			die "apt knows no kernel of series $series"
	fi
	kver=${kver#linux-image-}
	debver=$(version_of "linux-image-$kver")
	found=$series found_from=("${from[@]}")
}

# Remove the files of an older point release of the series from DIR.
drop_older()	# DIR
{
	local old

	old=$(cat "$cache/kver-$series" 2>/dev/null || true)
	if [ "$old" ] && [ "$old" != "$kver" ]; then
		rm -rf "${cache:?}/$1/$old"
	fi
}

# Download PACKAGE=VERSION into debs/ and unpack it into a directory.
unpack()	# PACKAGE VERSION DIR
{
	local deb=$cache/debs/$1_${2//:/%3a}

	if ! compgen -G "${deb}_*.deb" >/dev/null; then
		rm -f "$cache/debs/$1"_*.deb
		(cd "$cache/debs" &&
			apt-get "${apt_quiet[@]}" "${from[@]}" download "$1=$2" >/dev/null) ||
			die "cannot download $1 $2"
	fi
	mkdir -p "$3"
	dpkg -x "${deb}"_*.deb "$3"
}

# The paths inside the packages are absolute; make them lead into our tree.
make_headers()
{
	local dir common kbuild file link

	find_kernel
	dir=$cache/headers/$kver
	stamped "headers-$series" "$debver" && [ -d "$dir/build/" ] && return
	say "unpacking headers of $kver"
	drop_older headers
	common=$(depends_on "linux-headers-$kver" '^linux-headers-.*-common(-rt)?$')
	kbuild=$(depends_on "linux-headers-$kver" '^linux-kbuild-')
	rm -rf "$dir"
	unpack "linux-headers-$kver" "$debver" "$dir"
	unpack "$common" "$debver" "$dir"
	# kbuild may be newer than the headers, because an archive that is between two
	# point releases has only a newer one.
	unpack "$kbuild" "$(version_of "$kbuild")" "$dir"
	for file in "$dir"/usr/src/*/Makefile "$dir"/usr/src/*/.kernelvariables; do
		sed -i "s@\\(^\\|[ =]\\)/usr/\\(src\\|lib\\)/@\\1$dir/usr/\\2/@g" "$file"
	done
	find "$dir" -type l -lname '/*' | while read -r link; do
		ln -sfn "$dir$(readlink "$link")" "$link"
	done
	ln -sfn "usr/src/linux-headers-$kver" "$dir/build"
	echo "$kver" > "$cache/kver-$series"
	stamp "headers-$series" "$debver"
}

make_source()
{
	local source=linux-source-$series version dir

	apt_update
	first_known "$source" >/dev/null || use_trixie
	first_known "$source" >/dev/null || die "apt knows no $source"
	version=$(version_of "$source")
	dir=$cache/src/$source
	stamped "source-$series" "$version" && [ -d "$dir" ] && return
	say "unpacking $source $version"
	rm -rf "$dir" "$cache/src/unpack"
	unpack "$source" "$version" "$cache/src/unpack"
	tar -xf "$cache/src/unpack/usr/src/$source.tar.xz" -C "$cache/src"
	rm -rf "$cache/src/unpack"
	stamp "source-$series" "$version"
}

# Modules for hardware that no guest has.
unwanted_modules="sound drivers/gpu drivers/media drivers/infiniband
	drivers/net/ethernet drivers/net/wireless drivers/iio drivers/hid
	drivers/staging drivers/usb drivers/comedi drivers/isdn drivers/mtd
	drivers/hwmon drivers/input drivers/bluetooth net/bluetooth net/wireless
	net/mac80211 drivers/scsi drivers/platform drivers/power drivers/mfd"

# Print the ELF file in a bzImage.  QEMU starts the ELF file by its PVH entry, because an
# emulated processor needs one to three seconds to decompress the kernel.  The fields and
# their offsets are those of Documentation/arch/x86/boot.rst: setup_sects, payload_offset,
# payload_length.  The last four bytes of the payload are the size of the ELF file.
vmlinux_of()	# BZIMAGE
{
	local sectors offset length

	sectors=$(od -A n -t u1 -j $((0x1f1)) -N 1 "$1")
	read -r offset length < <(od -A n -t u4 -j $((0x248)) -N 8 "$1")
	dd if="$1" iflag=skip_bytes,count_bytes bs=1M status=none \
		skip=$(((sectors + 1) * 512 + offset)) count=$((length - 4)) | zstd -dc
}

make_image()
{
	local dir work name part file

	find_kernel
	dir=$cache/kernel/$kver
	name="$debver $(initrd_words)"
	stamped "image-$series" "$name" && [ -e "$dir/modules.ext4" ] && return
	say "making the guest kernel $kver"
	drop_older kernel
	work=$cache/kernel/$kver.work
	rm -rf "$dir" "$work"
	mkdir -p "$dir"
	unpack "linux-image-$kver" "$debver" "$work"
	# Newer kernels come in several packages.
	for part in $(depends_on "linux-image-$kver" \
			'^linux-(base|binary|modules)-.*-amd64$'); do
		unpack "$part" "$debver" "$work"
	done
	mkdir -p "$work/lib"
	[ -d "$work/lib/modules" ] || mv "$work/usr/lib/modules" "$work/lib/"
	for file in vmlinuz config; do
		cp "$work/boot/$file-$kver" "$dir/$file" 2>/dev/null ||
			cp "$work/lib/modules/$kver/$file" "$dir/$file"
	done
	vmlinux_of "$dir/vmlinuz" > "$dir/vmlinux"
	rm "$dir/vmlinuz"
	(
		cd "$work/lib/modules/$kver/kernel"
		# shellcheck disable=SC2086 # a list
		rm -rf $unwanted_modules
		# Decompress them here once, and not in every emulated guest.
		find . -name '*.ko.xz' -print0 | xargs -0 -r -n 50 -P 2 xz -d
	)
	depmod -b "$work" "$kver" 2>/dev/null
	make_initrd "$dir/initrd" "$work" "$kver"
	ext4_from "$work/lib/modules" "$dir/modules.ext4" 40
	rm -rf "$work"
	echo "$kver" > "$cache/kver-$series"
	stamp "image-$series" "$name"
}

# Make an ext4 image of a directory, with some MiB to spare.
ext4_from()	# DIR IMAGE SPARE
{
	local size

	size=$(du -sm "$1" | cut -f 1)
	rm -f "$2"
	mke2fs -q -t ext4 -O ^metadata_csum_seed,^orphan_file -E root_owner=0:0 \
		-N "$(($(find "$1" | wc -l) + 4000))" -d "$1" "$2" \
		"$((size * 110 / 100 + $3))M" >/dev/null
}

# Print a hash of all that an initramfs and an image of modules depend on, except the
# kernel package.
initrd_words()
{
	{
		cat "$bed_dir/initramfs-init"
		declare -f make_initrd make_image vmlinux_of ext4_from
		echo "$unwanted_modules"
	} | sha256sum | cut -c 1-16
}

# Make a small initramfs: busybox, our first init, and the modules that are needed to
# mount the root image (none for a kernel that has everything built in).
make_initrd()	# FILE [MODULES_ROOT KVER]
{
	local file=$1 dir module path

	dir=$(mktemp -d "$cache/initrd.XXXXXX")
	mkdir -p "$dir"/{bin,dev,proc,sys,newroot,modules}
	cp "$(type -p busybox)" "$dir/bin/busybox"
	ln -s busybox "$dir/bin/sh"
	install -m 755 "$bed_dir/initramfs-init" "$dir/init"
	: > "$dir/modules/order"
	if [ $# -gt 1 ]; then
		for module in virtio_pci virtio_blk virtio_console \
			      crc32c_generic ext4; do
			modprobe -d "$2" -S "$3" --show-depends "$module" \
				2>/dev/null || true
		done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
		while read -r path; do
			cp "$path" "$dir/modules/"
			basename "$path" >> "$dir/modules/order"
		done
	fi
	(cd "$dir" && find . | cpio -o -H newc -R 0:0 --quiet) > "$file.new"
	mv "$file.new" "$file"
	rm -rf "$dir"
}

# Make a Debian 13 to build in, because its kernels' headers and tools run nowhere else.
make_trixie()
{
	local dir=$cache/trixie words release

	use_trixie
	words="gcc make"
	for release in trixie trixie-backports; do
		from+=(-o "APT::Default-Release=$release")
		words+=" $(depends_on linux-headers-amd64 '^linux-headers-[0-9]')"
	done
	stamped trixie "$words" && [ -d "$dir/root" ] && return
	say "making a Debian 13 with$(grep -oE ' linux.*' <<< "$words")"
	rm -rf "$dir/root"
	debian_tree trixie "$words" "$dir/root" "$dir/apt/sources.list"
	stamp trixie "$words"
}

# Make the smallest tree of Debian with these packages, without their documentation.
debian_tree()	# RELEASE PACKAGES DIR SOURCES
{
	local option=() line

	# Use the proxy that the host's apt uses.
	while read -r line; do
		option+=(--aptopt="$line")
	done < <(apt-config dump | grep -iE '^Acquire::https?::Proxy ')
	# --mode=root leaves a plain tree.
	mmdebstrap --quiet --variant=minbase --mode=root \
		--include="${2// /,}" \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		"${option[@]}" "$1" "$3" "$4" >"$3.log" 2>&1 ||
		die "mmdebstrap failed: $(tail -n 5 "$3.log")"
	rm -rf "$3"/var/cache/apt/* "$3"/var/lib/apt/lists/*
}

# QEMU 7.2 of Debian 12 rarely runs the old bytes of an instruction that the kernel has
# just changed (the kernel dies of an "int3"), and it is slower by a quarter.  Debian 13's
# QEMU runs here with the libraries that it came with.
make_qemu()
{
	local dir=$cache/qemu name=qemu-system-x86_64

	stamped qemu "trixie 1" && [ -x "$dir/bin/$name" ] && return
	if ! try_trixie; then
		apt_install qemu-system-x86
		return
	fi
	say "unpacking Debian 13's QEMU"
	rm -rf "$dir"
	mkdir -p "$dir/bin"
	debian_tree trixie qemu-system-x86 "$dir/root" \
		"$cache/trixie/apt/sources.list"
	cat > "$dir/bin/$name" <<-'EOF'
		#!/bin/sh
		usr=$(dirname "$(realpath "$0")")/../root/usr
		lib=$usr/lib/x86_64-linux-gnu
		exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib" \
			"$usr/bin/qemu-system-x86_64" -L "$usr/share/qemu" \
			-L "$usr/share/seabios" "$@"
	EOF
	chmod +x "$dir/bin/$name"
	"$dir/bin/$name" --version >/dev/null || die "Debian 13's QEMU does not run here"
	stamp qemu "trixie 1"
}

# The package of Prometheus would start a server on this machine, so it is only unpacked.
make_prometheus()
{
	local dir=$cache/prometheus

	stamped prometheus 1 && [ -x "$dir/usr/bin/promtool" ] && return
	apt_update
	say "unpacking Prometheus"
	rm -rf "$dir"
	# The tests can do without: they skip some checks, and say so.
	if (unpack prometheus "$(version_of prometheus)" "$dir"); then
		stamp prometheus 1
	fi
}

make_root()
{
	local words packages dir=$cache/root

	packages=$(words_of "$bed_dir/guest-packages")
	words="2 $packages"
	mkdir -p "$dir"
	if ! stamped initrd "$(initrd_words)"; then
		make_initrd "$dir/initrd"
		stamp initrd "$(initrd_words)"
	fi
	if [ "$bed_dir/tsc-khz.c" -nt "$dir/tsc-khz" ]; then
		gcc -O2 -Wall -o "$dir/tsc-khz" "$bed_dir/tsc-khz.c"
	fi
	stamped root "$words" && [ -e "$dir/root.ext4" ] && return
	apt_update
	say "making the guests' root image (some minutes)"
	rm -rf "$dir/tree"
	debian_sources > "$dir/sources.list"
	debian_tree bookworm "$packages" "$dir/tree" "$dir/sources.list"
	# The packages samba and ksmbd-tools exclude each other, but samba's daemon can be
	# used.
	unpack samba "$(version_of samba)" "$dir/samba"
	rsync -aK "$dir/samba/" "$dir/tree/"
	rm -rf "$dir/samba"
	mkdir -p "$dir/tree/bed" "$dir/tree/lib/modules" "$dir/tree/srv"
	: > "$dir/tree/etc/fstab"
	echo cachefs-guest > "$dir/tree/etc/hostname"
	ext4_from "$dir/tree" "$dir/root.ext4" 1500
	rm -rf "$dir/tree"
	stamp root "$words"
}

# Make a root image with systemd.  The tests' own units are not in it: see
# init-systemd.sh.
make_systemd()
{
	local words dir=$cache/systemd

	words="1 $(words_of "$bed_dir/systemd-packages")"
	stamped systemd "$words" && [ -e "$dir/root.ext4" ] && return
	apt_update
	say "making a root image with systemd"
	rm -rf "$dir"
	mkdir -p "$dir"
	debian_sources > "$dir/sources.list"
	debian_tree bookworm "${words#* }" "$dir/tree" "$dir/sources.list"
	mkdir -p "$dir/tree/bed" "$dir/tree/lib/modules"
	: > "$dir/tree/etc/fstab"
	echo cachefs-guest > "$dir/tree/etc/hostname"
	# Without this, systemd takes each boot for the first one, and enables all units.
	echo 63616368656673000000000000000001 > "$dir/tree/etc/machine-id"
	ext4_from "$dir/tree" "$dir/root.ext4" 300
	rm -rf "$dir/tree"
	stamp systemd "$words"
}

# Make the smallest Debian 12, with the machine's sources for apt.
make_minimal()
{
	local dir=$cache/minimal

	stamped minimal 1 && [ -d "$dir/root" ] && return
	apt_update
	say "making a minimal Debian 12"
	rm -rf "$dir"
	mkdir -p "$dir"
	debian_sources > "$dir/sources.list"
	debian_tree bookworm apt "$dir/root" "$dir/sources.list"
	stamp minimal 1
}

series=$default_series
pieces=()
for word in "${@:-all}"; do
	case $word in
	packages|root|qemu|prometheus|trixie|systemd|minimal)
		pieces+=("$word") ;;
	headers|image|source)
		pieces+=("$word-$series") ;;
	headers-*|image-*|source-*)
		pieces+=("$word") ;;
	all)
		pieces+=(packages qemu prometheus "headers-$series" "image-$series" root
			 "source-$series") ;;
	[0-9]*.[0-9]*)
		series=$word
		[ $# -gt 1 ] || pieces=(packages qemu "headers-$word"
					"image-$word" root "source-$word") ;;
	*)
		die "unknown piece '$word'; see the head of this script" ;;
	esac
done

[ "$(id -u)" = 0 ] || die "this needs root"
[ "$(dpkg --print-architecture)" = amd64 ] || die "this needs an amd64 host"

# Only one prepare.sh at a time works in this directory.  Others wait.
exec 9>"$cache/lock"
flock 9
check_space "${pieces[@]}"
for piece in "${pieces[@]}"; do
	case $piece in
	*-*)	series=${piece#*-} ;;
	esac
	from=()
	"make_${piece%%-*}"
done
