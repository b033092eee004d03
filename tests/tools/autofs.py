#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Run a command with DIR as an automount: when the command opens DIR, SOURCE is bound to
# DIR.  This needs a mount namespace of its own (unshare --mount) and Linux with autofs.
# The exit status is 77 without autofs.
#
# usage: autofs.py DIR SOURCE COMMAND...
import ctypes, fcntl, os, struct, subprocess, sys, threading

MISSING_DIRECT = 5
AUTOFS_IOC_READY, AUTOFS_IOC_FAIL = 0x9360, 0x9361

# A request is struct autofs_v5_packet: version, type, token, ...
def serve(requests, control, directory, source):
	while packet := os.read(requests, 4096):
		_, kind, token = struct.unpack_from("<iiI", packet)
		done = kind == MISSING_DIRECT and not subprocess.run(
			["mount", "--bind", source, directory]).returncode
		fcntl.ioctl(control, AUTOFS_IOC_READY if done else AUTOFS_IOC_FAIL, token)

directory, source, *command = sys.argv[1:]
# This process group sees the directory below the automount.
os.setpgid(0, 0)
requests, pipe = os.pipe()
options = f"fd={pipe},pgrp={os.getpgrp()},minproto=5,maxproto=5,direct"
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"test", directory.encode(), b"autofs", 0, options.encode()):
	print("autofs:", os.strerror(ctypes.get_errno()))
	sys.exit(77)
os.close(pipe)
control = os.open(directory, os.O_RDONLY)
threading.Thread(target=serve, args=(requests, control, directory, source), daemon=True).start()
sys.exit(subprocess.run(command, preexec_fn=lambda: os.setpgid(0, 0)).returncode)
