#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Print the commands of a guide: the lines of its literal blocks.
#
# usage: guide.py RST
#
# Each line of the output has the section, a tab and the command.  A command that ends
# with a backslash or "&&" goes on in the next line.  Blocks that show a file are left
# out: the last line before such a block has "/etc/" or "in a map".  Blocks whose
# paragraph says "(no test does this)" are left out, too.
import sys

with open(sys.argv[1]) as file:
	lines = file.read().split("\n")
section, paragraph, block, command = "", "", False, ""
for number, line in enumerate(lines):
	if line and number and set(line) <= set("=-") and len(line) == len(lines[number - 1]):
		section = lines[number - 1]
	if not line.strip():
		continue
	if line[0] not in " \t":
		if not lines[number - 1].strip():
			paragraph = ""
		paragraph += line + " "
		last = line
		block = line.endswith("::") and "(no test does this)" not in paragraph.lower() and \
			"/etc/" not in last and "in a map" not in last
		continue
	if block and line[0] == "\t":
		command += line.strip()
		if command.endswith("\\"):
			command = command[:-1]
		elif command.endswith("&&"):
			command += " "
		else:
			print(f"{section}\t{command}")
			command = ""
