#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Watch the page mark from user space: read a page through NFS, look at PG_private_2 in
# /proc/kpageflags, and have a write fault on the page.
#
# usage: markprobe.py FILE PAGE fault|kill
#
# Prints "read", "marked N", "fault" and "after N", each when it happens.  N is the bit.
# With "kill" a child has the fault, and is killed when it waits.  Then it prints "waits
# STATE", "killed SIGNAL" and "after N".
import ctypes, mmap, os, signal, sys, time

PRIVATE_2 = 36		# KPF_PRIVATE_2, in kpageflags of a CAP_SYS_ADMIN reader

def flags(view, address):
	view[0]		# have it mapped
	with open("/proc/self/pagemap", "rb") as pagemap:
		pagemap.seek(address // 4096 * 8)
		entry = int.from_bytes(pagemap.read(8), "little")
	pfn = entry & ((1 << 55) - 1)
	with open("/proc/kpageflags", "rb") as kpageflags:
		kpageflags.seek(pfn * 8)
		return int.from_bytes(kpageflags.read(8), "little")

def marked(view, address):
	return flags(view, address) >> PRIVATE_2 & 1

def say(*words):
	print(*words, flush=True)

path, page, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
fd = os.open(path, os.O_RDONLY)
data = os.pread(fd, 4096, page * 4096)
say("read")

rw = os.open(path, os.O_RDWR)
view = mmap.mmap(rw, 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE,
		 offset=page * 4096)
address = ctypes.addressof(ctypes.c_char.from_buffer(view))
say("marked", marked(view, address))
if mode == "kill":
	child = os.fork()
	if child == 0:
		view[0] = view[0]
		os._exit(0)
	# A wait that can be killed counts as "D", too.  "Z" means that the child has not
	# waited.
	state = ""
	while state not in ("D", "Z"):
		state = open(f"/proc/{child}/stat").read().rsplit(")")[-1].split()[0]
		time.sleep(0.05)
	say("waits", state)
	os.kill(child, signal.SIGKILL)
	_, status = os.waitpid(child, 0)
	say("killed", os.WIFSIGNALED(status) and os.WTERMSIG(status))
	say("after", marked(view, address))
	os._exit(0)
view[0] = view[0]
say("fault")
say("after", marked(view, address))
os._exit(0)
