#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Say whether a file of udev's rules probes a device, that is, runs a program for it, and
# whether the device starts a unit if the program finds a cache.
#
# usage: udev.py RULES KEY=VALUE...
#
# KEY is as in the rules: KERNEL, ACTION, ATTR{size}, ENV{ID_FS_TYPE}.  Prints "left alone",
# "probed" or "starts the unit".
import fnmatch, re, sys

device = dict(word.split("=", 1) for word in sys.argv[2:])

def matches(key, operator, pattern):
	value = device.get(key, "")
	same = any(fnmatch.fnmatchcase(value, one) for one in pattern.split("|"))
	return same == (operator == "==")

def outcome(lines):
	label, result = None, "left alone"
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
				result = "probed"
				device["ENV{ID_FS_TYPE}"] = "cachefs"
			if key == "ENV{SYSTEMD_WANTS}":
				result = "starts the unit"
			if key == "GOTO":
				label = value
	return result

with open(sys.argv[1]) as file:
	rules = [line for line in file if not line.startswith("#")]
print(outcome(rules))
