#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Images for cachefsctl dump.
#
# usage: image.py make LINES IMAGE		of the lines in tests/user/golden
#        image.py damage IMAGE COPY SEED	change some bytes that are not zero
#        image.py check LINES IMAGE JSON	is the JSON what the lines are?
#
# A line of LINES is { block, offset, "bytes" }, see tests/user/cases_golden.c.
import json, random, re, sys

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

# Superblock, its copy, anchors and metadata, bytes or whole blocks; with damage under a
# checksum that does not fit, and sometimes a shorter file.
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

# By number of the file in the order of the first appearance: blocks that were stored,
# as cases_golden.c has them.
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

globals()[sys.argv[1]](*sys.argv[2:])
