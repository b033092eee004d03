# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Sourced by the host's test scripts tests/qemu/h*.sh, which boot guests one after
# another, cut their power, and look at the disks afterwards.
#
# tests/run gives them BED_SCRATCH, a directory that tests/run removes afterwards, and
# BED_SERIES, the default series of the kernel.  BED_SMP is set if guests are to have
# another number of processors than one.

bed=$(cd "$(dirname "${BASH_SOURCE[0]}")/../bed" && pwd)
: "${BED_SCRATCH:=$(mktemp -d)}" "${BED_LOG:=$BED_SCRATCH/log}"
export BED_SERIES="${BED_SERIES:-6.12}"
boots=0

# Make the kernel and the module for guests of another series than $BED_SERIES.
need_kernel()	# SERIES
{
	"$bed/kernel-module.sh" "$1" > "$BED_SCRATCH/kernel.log" 2>&1 || {
		echo "not ok kernel $1 - $(tail -n 1 "$BED_SCRATCH/kernel.log")"
		exit 1
	}
}

# Make a sparse blank disk, $BED_SCRATCH/NAME.img.
new_disk()	# NAME SIZE
{
	rm -f "$BED_SCRATCH/$1.img"
	truncate -s "$2" "$BED_SCRATCH/$1.img"
}

# Boot a guest with the disks cache and srv as far as they exist, and run the
# script on stdin in it, after lib.sh.  Its checks are the test's checks.
in_guest()	# [OPTION...] < SCRIPT
{
	local name options=(--smp "${BED_SMP:-1}")

	boots=$((boots + 1))
	for name in cache srv; do
		[ ! -e "$BED_SCRATCH/$name.img" ] ||
			options+=(--disk "$name:$BED_SCRATCH/$name.img")
	done
	{
		echo '. /bed/lib.sh'
		cat
	} > "$BED_SCRATCH/boot$boots.sh"
	"$bed/guest" --strict --log "$BED_LOG.boot$boots.console" \
		"${options[@]}" "$@" "$BED_SCRATCH/boot$boots.sh"
}

# Pass on the output of the guest, which comes on stdin.  Pull out and put in the disks
# that the guest asks for by name, in the port "bay" of its PCI bus.
hands()		# SOCKET: of the guest's option --qmp
{
	local line disk plugged=0

	while IFS= read -r line; do
		case $line in
		"PULL OUT")
			"$bed/qmp" "$1" device_del id=pulled ;;
		"PUT IN "*)
			disk=${line##* }
			plugged=$((plugged + 1))
			"$bed/qmp" "$1" blockdev-add "node-name=node$plugged" \
				driver=raw file.driver=file \
				"file.filename=$BED_SCRATCH/$disk.img"
			"$bed/qmp" "$1" device_add driver=virtio-blk-pci \
				id=pulled bus=bay "serial=$disk" \
				"drive=node$plugged" ;;
		*)
			echo "$line" ;;
		esac
	done
}
