#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Images for cachefsctl dump.
#
# usage: image.py make LINES IMAGE		of the lines in tests/user/golden
#        image.py fill IMAGE			give each slot data, and the checksum of it
#        image.py break IMAGE REGION SLOT...	change the data of slots
#        image.py damage IMAGE COPY SEED	change some bytes that are not zero
#        image.py check LINES IMAGE JSON	is the JSON what the lines are?
#
# A line of LINES is { block, offset, "bytes" }, see tests/user/cases_golden.c.
import json, random, re, struct, sys

BLOCK = 4096

def lines(path):
	with open(path) as file:
		for block, at, text in re.findall(r'{ (\d+), (\d+), "(\w+)" }', file.read()):
			yield int(block), int(at), bytes.fromhex(text)

def make(source, image):
	content = list(lines(source))
	with open(image, "wb") as out:
		# The last block is the copy of the superblock.
		out.truncate((content[-1][0] + 1) * BLOCK)
		for block, at, data in content:
			out.seek(block * BLOCK + at)
			out.write(data)

MASK = (1 << 64) - 1
P1, P2, P3, P4, P5 = (0x9e3779b185ebca87, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9,
		      0x85ebca77c2b2ae63, 0x27d4eb2f165667c5)

def rotl(value, bits):
	return (value << bits | value >> 64 - bits) & MASK

def xx_round(acc, lane):
	return rotl((acc + lane * P2) & MASK, 31) * P1 & MASK

# XXH64 of whole words of 8 bytes.
def xxh64(data, seed):
	words = struct.unpack(f"<{len(data) // 8}Q", data)
	whole = len(words) // 4 * 4
	acc = (seed + P5) & MASK
	if whole:
		lanes = [seed + P1 + P2 & MASK, seed + P2 & MASK, seed, seed - P1 & MASK]
		for i in range(whole):
			lanes[i % 4] = xx_round(lanes[i % 4], words[i])
		acc = sum(map(rotl, lanes, (1, 7, 12, 18))) & MASK
		for lane in lanes:
			acc = ((acc ^ xx_round(0, lane)) * P1 + P4) & MASK
	acc = (acc + len(data)) & MASK
	for word in words[whole:]:
		acc = (rotl(acc ^ xx_round(0, word), 27) * P1 + P4) & MASK
	acc = (acc ^ acc >> 33) * P2 & MASK
	acc = (acc ^ acc >> 29) * P3 & MASK
	return acc ^ acc >> 32

# The layout, as include/uapi/cachefs_format.h has it.
class Image:
	def __init__(self, path):
		with open(path, "rb") as file:
			self.data = bytearray(file.read())
		self.path = path
		self.region_blocks, = struct.unpack_from("<I", self.data, 16)
		self.seed, = struct.unpack_from("<Q", self.data, 128)
		self.meta = (self.region_blocks - 2 + 126) // 127

	def region(self, number):
		return (256 + number * self.region_blocks) * BLOCK

	def slot(self, region, slot):
		return self.region(region) + (self.meta + 2 + slot) * BLOCK

	def write(self):
		with open(self.path, "wb") as file:
			file.write(self.data)

# Fill the slots, and give the metadata blocks, final and scratch, new checksums.
def fill(path):
	image = Image(path)
	data = image.data
	regions = (len(data) // BLOCK - 512) // image.region_blocks
	for region in range(regions):
		for at in range(image.region(region), image.slot(region, 0), BLOCK):
			if data[at:at + 4] != b"Meap":
				continue
			index, nr = struct.unpack_from("<II", data, at + 40)
			for i in range(nr):
				record = at + 64 + 32 * i
				where, = struct.unpack_from("<Q", data, record + 24)
				if not where & 0xffff:
					continue
				slot = image.slot(region, 126 * index + i)
				data[slot:slot + BLOCK] = random.Random(slot).randbytes(BLOCK)
				low, high = struct.unpack_from("<QQ", data, record)
				seed = image.seed + (low ^ (high + (where >> 16) * 0x9e3779b97f4a7c15 & MASK))
				struct.pack_into("<Q", data, record + 16,
						 xxh64(data[slot:slot + BLOCK], seed & MASK))
			head = xxh64(data[at:at + 56], image.seed)
			struct.pack_into("<Q", data, at + 56, xxh64(data[at + 64:at + BLOCK], head))
	image.write()

def break_(path, region, *slots):
	image = Image(path)
	for slot in slots:
		image.data[image.slot(int(region), int(slot)) + 99] ^= 1
	image.write()

# Damage bytes or whole blocks of the superblock, its copy, anchors and metadata.  The
# checksums do not fit the damage.  Sometimes the file becomes shorter.
def damage(image, copy, seed):
	rand = random.Random(int(seed))
	with open(image, "rb") as file:
		data = bytearray(file.read())
	used = [at for at in range(0, len(data), BLOCK) if any(data[at:at + BLOCK])]
	for _ in range(rand.choice((1, 1, 3, 30))):
		at = rand.choice(used if rand.random() < 0.8 else used[:3])
		if rand.random() < 0.2:
			other = rand.choice(used)
			data[at:at + BLOCK] = data[other:other + BLOCK]
		else:
			data[at + rand.randrange(BLOCK)] = rand.randrange(256)
	if rand.random() < 0.2:
		del data[rand.randrange(len(data)):]
	with open(copy, "wb") as file:
		file.write(data)

# Check that the dump has the blocks of each file that cases_golden.c stores.
def check(source, image, text):
	with open(text) as file:
		dump = json.load(file)
	assert dump["superblock"]["label"] == "test", dump["superblock"]
	assert dump["superblock"]["nr_regions"] == 9
	assert dump["superblock"]["region_blocks"] == 512
	stored = {}
	for region in dump["regions"]:
		sum_blocks = 0
		for extent in region["extents"]:
			stored.setdefault(extent["id"], []).append(extent["blocks"])
			sum_blocks += extent["blocks"]
		assert sum_blocks == region["blocks"]
	assert sorted(stored.values(), key=str) == sorted(
		[[60], [3, 1], [2], [100]], key=str), stored
	assert dump["sum"]["blocks"] == 166
	newest = max((a for a in dump["anchors"] if not a["bad"]),
		     key=lambda a: a["generation"])
	if "detached" in source:
		assert newest["clean"] == 1
		assert dump["checkpoint"]["bad"] is None
		assert dump["checkpoint"]["extents"] > 0
	else:
		assert newest["clean"] == 0 and "checkpoint" not in dump

globals()[{"break": "break_"}.get(sys.argv[1], sys.argv[1])](*sys.argv[2:])
