#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Ask questions to /dev/cachefs.
#
# usage: control.py ask VERB FILE [FLAGS]	prints "REASON CACHED SIZE", or the errno
#	 control.py all VERB FILE...		prints the reasons, and the sums of the numbers
#	 control.py bad FILE			prints the errno of questions that are wrong
#	 control.py hammer FILE DIRECTORY	asks, reads, notes and lets go, until there is
#						FILE; prints the answers, and those
#						to random questions
#
# The hammer makes FILE.met when a question finds no cache, or a cache that was attached
# after the file was opened.  For one second in five the hammer has no file open,
# so that a umount may succeed.
#
# FILE may be a number: the descriptor that the caller has open.  FLAGS are those of an
# open: read (the default), write, both, direct, path.  The numbers CACHEFS_IOC_... are in
# include/uapi/cachefs.h.
import ctypes, errno, fcntl, os, random, struct, sys, threading, time, traceback

VERBS = {"cached": 0x40, "why": 0x41, "evict": 0x42, "note": 0x43}
REASONS = ["ok", "unsupported", "no fsc", "other cache", "refused", "no cache", "failed",
	   "open before", "empty", "direct", "written", "changed", "slow", "recent",
	   "not stored", "policy", "write budget", "second"]
FLAGS = {"read": os.O_RDONLY, "write": os.O_WRONLY, "both": os.O_RDWR,
	 "direct": os.O_RDONLY | os.O_DIRECT, "path": os.O_PATH}
FORMAT = "iIIIQQ"

def name_of(number):
	return "EOPNOTSUPP" if number == errno.EOPNOTSUPP else errno.errorcode[number]

def number(verb):
	return 3 << 30 | struct.calcsize(FORMAT) << 16 | 0xCF << 8 | VERBS[verb]

def ask(device, verb, fd):
	answer = fcntl.ioctl(device, number(verb), struct.pack(FORMAT, fd, 0, 0, 0, 0, 0))
	return struct.unpack(FORMAT, answer)[1:]

def main_ask(verb, path, flags="read"):
	device = os.open("/dev/cachefs", os.O_RDONLY)
	fd = int(path) if path.isdigit() else os.open(path, FLAGS[flags])
	try:
		flags, reason, _, size, cached = ask(device, verb, fd)
		print(REASONS[reason], cached, size, *["degraded"] * flags)
	except OSError as error:
		print(name_of(error.errno))

def main_all(verb, *paths):
	device = os.open("/dev/cachefs", os.O_RDONLY)
	reasons, sums = set(), [0, 0]
	for path in paths:
		fd = os.open(path, os.O_RDONLY)
		_, reason, _, size, cached = ask(device, verb, fd)
		os.close(fd)
		reasons.add(REASONS[reason])
		sums = [sums[0] + cached, sums[1] + size]
	print(*sorted(reasons), *sums)

def main_bad(path):
	device = os.open("/dev/cachefs", os.O_RDONLY)
	fd = os.open(path, os.O_RDONLY)
	libc = ctypes.CDLL(None, use_errno=True)
	said = []
	for cmd, words in ((number("why"), (fd, 1, 0, 0, 0, 0)),
			   (number("why"), (fd, 0, 1, 0, 0, 0)),
			   (number("why"), (fd, 0, 0, 1, 0, 0)),
			   (number("why"), (-1, 0, 0, 0, 0, 0)),
			   (number("why") + 3, (fd, 0, 0, 0, 0, 0)),
			   (number("why") ^ 4 << 16, (fd, 0, 0, 0, 0, 0)),
			   (number("why"), None)):
		buffer = words and struct.pack(FORMAT, *words)
		ctypes.set_errno(0)
		libc.ioctl(device, ctypes.c_ulong(cmd), buffer)
		said.append(errno.errorcode.get(ctypes.get_errno(), "0"))
	print(*said)

def ask_random(device, fd):
	# Half of the words are right, so that some questions get past the first check.
	def word(right, bits):
		return random.choice([right, right, random.getrandbits(bits),
				      1 << random.randrange(bits)])

	cmd = number(random.choice(list(VERBS)))
	if random.randrange(4) == 0:
		cmd ^= 1 << random.randrange(32)
	# FORMAT with an fd that has no sign.
	words = struct.pack("IIIIQQ", word(fd, 32), word(0, 32), word(0, 32), word(0, 32),
			    word(0, 64), word(0, 64))
	fcntl.ioctl(device, cmd, words + bytes(random.randrange(64)))

def hammer(stop, directory, said, said_random, device):
	verbs = ["cached", "why", "note", "evict"]
	while not os.path.exists(stop):
		if time.monotonic() % 5 > 4:
			time.sleep(0.1)
			continue
		try:
			name = os.path.join(directory, random.choice(os.listdir(directory)))
			fd = os.open(name, os.O_RDONLY)
		except OSError as error:
			# The mount has just gone.
			said.add(error.errno)
			continue
		try:
			os.read(fd, random.choice([0, 4096, 65536]))
			for _ in range(20):
				try:
					ask(device, random.choice(verbs), fd)
					said.add(0)
				except OSError as error:
					said.add(error.errno)
					if error.errno in (errno.ENODEV, errno.EAGAIN):
						open(stop + ".met", "w").close()
				try:
					ask_random(device, fd)
					said_random.add(0)
				except OSError as error:
					said_random.add(error.errno)
		finally:
			os.close(fd)

def thread_failed(args):
	traceback.print_exception(args.exc_type, args.exc_value, args.exc_traceback)
	os._exit(1)

def main_hammer(stop, directory):
	threading.excepthook = thread_failed
	device = os.open("/dev/cachefs", os.O_RDONLY)
	said, said_random = set(), set()
	threads = [threading.Thread(target=hammer, args=(
		stop, directory, said, said_random, device)) for _ in range(4)]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join()
	for answers in said, said_random:
		print(*("answered" if not n else name_of(n) for n in sorted(answers)))

globals()["main_" + sys.argv[1]](*sys.argv[2:])
