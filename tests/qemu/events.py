#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Print the kernel's events of a cache, one a line, until this program is killed.
#
# usage: events.py uevents	ACTION and CACHEFS_STATE of each uevent of cachefs
#        events.py poll FILE	the content of FILE, whenever poll() says that it changed
import select, socket, sys

NETLINK_KOBJECT_UEVENT = 15

def say(text):
	print(text, flush=True)

def uevents():
	kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT)
	kernel.bind((0, 1))
	say("listening")
	while True:
		words = kernel.recv(8192).decode().split("\0")
		event = dict(word.split("=", 1) for word in words if "=" in word)
		if event.get("SUBSYSTEM") == "cachefs":
			say(" ".join([event["ACTION"], event.get("CACHEFS_STATE", "-")]))

def polled(path):
	with open(path) as file:
		poll = select.poll()
		poll.register(file, select.POLLPRI)
		say(file.read().strip())
		while True:
			poll.poll()
			file.seek(0)
			say(file.read().strip())

if sys.argv[1] == "uevents":
	uevents()
else:
	polled(sys.argv[2])
