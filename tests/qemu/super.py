#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Change fields of a cache's superblock, and make the superblock look valid: with the
# right checksum, and with the same copy at the end.
#
# usage: super.py DEVICE FIELD=NUMBER...
#
# "copy=0" leaves the copy as it is.  Prints the values of the fields before the change.
import os, struct, subprocess, sys

FIELDS = {	# offset, format
	"version": (8, "<I"), "block_size": (12, "<I"),
	"region_blocks": (16, "<I"), "device_blocks": (72, "<Q"),
	"first_block": (80, "<Q"), "nr_regions": (88, "<Q"),
	"checksum_seed": (128, "<Q"), "features_compat": (144, "<I"),
	"features_incompat": (148, "<I"),
}
CHECKSUM = 4088

# Return the xxh64 of all bytes before the checksum, with seed 0.
def checksum(block):
	text = subprocess.run(["xxhsum", "-q", "-H1"], input=bytes(block[:CHECKSUM]),
			      stdout=subprocess.PIPE, check=True).stdout
	return int(text.split()[0], 16)

device, changes = sys.argv[1], [word.split("=") for word in sys.argv[2:]]
with open(device, "r+b") as disk:
	size = disk.seek(0, os.SEEK_END)
	disk.seek(0)
	block = bytearray(disk.read(4096))
	if struct.unpack_from("<Q", block, CHECKSUM)[0] != checksum(block):
		sys.exit("the checksum was wrong before")
	copy = True
	for name, value in changes:
		if name == "copy":
			copy = bool(int(value))
			continue
		offset, form = FIELDS[name]
		print(name, struct.unpack_from(form, block, offset)[0])
		struct.pack_into(form, block, offset, int(value))
	struct.pack_into("<Q", block, CHECKSUM, checksum(block))
	disk.seek(0)
	disk.write(block)
	if copy:
		disk.seek(size // 4096 * 4096 - 4096)
		disk.write(block)
	os.fsync(disk.fileno())
