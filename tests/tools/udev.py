#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Say whether a file of udev's rules probes a device, that is, runs a program for it.
#
# usage: udev.py RULES KEY=VALUE...
#
# KEY is as in the rules: KERNEL, ACTION, ATTR{size}, ENV{ID_FS_TYPE}.  Prints "probed" or
# "left alone".
import fnmatch, re, sys

device = dict(word.split("=", 1) for word in sys.argv[2:])

def matches(key, operator, pattern):
	value = device.get(key, "")
	same = any(fnmatch.fnmatchcase(value, one) for one in pattern.split("|"))
	return same == (operator == "==")

def probed(lines):
	label = None
	for line in lines:
		words = re.findall(r'([A-Z_]+(?:\{[^}]*\})?)(==|!=|\+=|=)"([^"]*)"', line)
		if label:
			if ("LABEL", "=", label) in words:
				label = None
			continue
		if not all(matches(*word) for word in words if word[1] in ("==", "!=")):
			continue
		for key, operator, value in words:
			if key == "IMPORT{program}":
				return True
			if key == "GOTO":
				label = value
	return False

with open(sys.argv[1]) as file:
	rules = [line for line in file if not line.startswith("#")]
print("probed" if probed(rules) else "left alone")
