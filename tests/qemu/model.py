#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Make one client's random operations on a few files, in each way to read, write and
# truncate a file.  The expected bytes are in this program's memory, and each read is
# compared with them.
#
# usage: model.py SERVER_DIR CLIENT_DIR OPERATIONS SEED [calm] [punch]
#
# The files that are in SERVER_DIR already are taken as they are.  Now and then the
# program changes nothing for some seconds, and reads all files several times.  "calm"
# says that nothing disturbs the cache.  Then the program fails if each of these readings
# sends READs.  "punch" adds the operations that only NFSv4.2 has.
import ctypes, errno, fcntl, glob, mmap, os, random, sys, time

server, client, operations, seed = (sys.argv[1], sys.argv[2], int(sys.argv[3]),
				    int(sys.argv[4]))
calm, punch = "calm" in sys.argv[5:], "punch" in sys.argv[5:]
rng = random.Random(seed)
names = ["m%d" % i for i in range(8)]
libc = ctypes.CDLL(None, use_errno=True)
KEEP_SIZE, PUNCH_HOLE = 1, 2
LARGEST = 400000
STOP_EVERY = 150	# operations
counts = {"compared": 0, "stops": 0, "warm": 0}
operation = 0

class Inode:
	def __init__(self, data=b""):
		self.data = bytearray(data)
		self.openers = []
		self.log = []		# what was done to it

class Opener:
	def __init__(self, inode, name, flags):
		self.inode, self.flags, self.view = inode, flags, None
		self.fd = os.open(os.path.join(client, name), flags)
		inode.openers.append(self)

	def can_read(self):
		return self.flags & os.O_ACCMODE != os.O_WRONLY

	def can_write(self):
		return self.flags & os.O_ACCMODE != os.O_RDONLY

	def map(self):
		"""Return a mapping, as long as the file was at the first call."""
		if self.view is None and self.inode.data:
			prot = mmap.PROT_READ | (mmap.PROT_WRITE if self.can_write() else 0)
			self.view = mmap.mmap(self.fd, len(self.inode.data), prot=prot)
		return self.view

	def close(self):
		if self.view is not None:
			self.view.close()
		os.close(self.fd)
		self.inode.openers.remove(self)

files = {}	# name to Inode
unlinked = []	# have no name, but openers

def path(name):
	return os.path.join(client, name)

def fail(inode, why):
	print("seed %d, operation %d: %s; done to the file: %s" %
	      (seed, operation, why, ", ".join(inode.log[-25:])))
	sys.stdout.flush()
	os._exit(1)

def note(inode, words):
	inode.log.append("%d %s" % (operation, words))

def compare(inode, got, at, how):
	counts["compared"] += 1
	wanted = inode.data[at:at + len(got)] if len(got) else b""
	if got == wanted:
		return
	first = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b),
		     min(len(got), len(wanted)))
	fail(inode, "%s of %d at %d: wrong byte at %d, got %s, wanted %s, size %d" %
	     (how, len(got), at, at + first, got[first:first + 8].hex(),
	      bytes(wanted[first:first + 8]).hex(), len(inode.data)))

def pread(opener, at, length, how):
	"""Read and compare all of it, in as many calls as that takes."""
	wanted = max(0, min(length, len(opener.inode.data) - at))
	got = b""
	while len(got) < length:
		piece = os.pread(opener.fd, length - len(got), at + len(got))
		if not piece:
			break
		got += piece
	if len(got) != wanted:
		fail(opener.inode, "%s at %d: got %d bytes, wanted %d, size %d" %
		     (how, at, len(got), wanted, len(opener.inode.data)))
	compare(opener.inode, got, at, how)

def place(inode):
	"""Return an offset and a length, often at the borders of blocks and pages."""
	size = min(len(inode.data), LARGEST)
	at = rng.choice([0, rng.randint(0, size), rng.randint(0, size) & ~4095,
			 max(0, size - rng.randint(0, 5000))])
	length = rng.choice([1, 7, 4096, 8192, rng.randint(1, 70000),
			     rng.randint(1, 9000)])
	return at, length

def pick():
	"""Return a file: mostly one of a few, and seldom one without a name."""
	if unlinked and rng.random() < 0.1:
		return None, rng.choice(unlinked)
	name = names[min(int(rng.expovariate(0.5)), len(names) - 1)]
	if name not in files:
		create(name)
	return name, files[name]

def create(name):
	fd = os.open(path(name), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
	os.close(fd)
	files[name] = Inode()

def opener_of(name, inode, test, flags):
	"""Return an opener that exists, or a new one with one of these sets of flags."""
	fit = [o for o in inode.openers if test(o)]
	if fit and (name is None or len(inode.openers) > 3 or rng.random() < 0.4):
		return rng.choice(fit)
	if name is None:
		return None
	if len(inode.openers) > 3:
		rng.choice(inode.openers).close()
	opener = Opener(inode, name, rng.choice(flags))
	note(inode, "open %o" % opener.flags)
	return opener

def reader(name, inode, direct=False):
	want = os.O_DIRECT if direct else 0
	return opener_of(name, inode, lambda o: o.can_read() and
			 o.flags & os.O_DIRECT == want,
			 [os.O_RDONLY | want] * 3 + [os.O_RDWR | want])

def writer(name, inode, direct=False, both=False):
	want = os.O_DIRECT if direct else 0
	return opener_of(name, inode, lambda o: o.can_write() and
			 (o.can_read() or not both) and
			 not o.flags & os.O_APPEND and o.flags & os.O_DIRECT == want,
			 [os.O_RDWR | want] + ([] if both else [os.O_WRONLY | want]))

def put(inode, at, data):
	if at > len(inode.data):
		inode.data.extend(bytes(at - len(inode.data)))
	inode.data[at:at + len(data)] = data

def resize(inode, size):
	if size < len(inode.data):
		del inode.data[size:]
	else:
		inode.data.extend(bytes(size - len(inode.data)))

def write_all(fd, data, at):
	while data:
		done = os.pwrite(fd, data, at)
		data, at = data[done:], at + done

# --- operations; each gets a file, and the name of the file unless it was unlinked

def read(name, inode):
	opener = reader(name, inode)
	if opener:
		at, length = place(inode)
		pread(opener, at, length, "read")

def read_all(name, inode):
	opener = reader(name, inode)
	if opener:
		if rng.random() < 0.5:
			os.posix_fadvise(opener.fd, 0, 0, os.POSIX_FADV_DONTNEED)
			note(inode, "forget pages")
		pread(opener, 0, LARGEST * 2, "read of all")
		note(inode, "read all")

def read_pieces(name, inode):
	opener = reader(name, inode)
	if opener:
		os.posix_fadvise(opener.fd, 0, 0, os.POSIX_FADV_RANDOM)
		for i in range(4):
			pread(opener, *place(inode), "read of pieces")

# First an fsync.  Without a cache, too, NFS loses track of data that was just written
# through a mapping, if the same range is then read or written directly.
def read_direct(name, inode):
	opener = reader(name, inode, True)
	if opener:
		os.fsync(opener.fd)
		pread(opener, *place(inode), "direct read")

def read_mapped(name, inode):
	opener = reader(name, inode)
	view = opener and opener.map()
	if view:
		end = min(len(view), len(inode.data))
		for i in range(3):
			at = rng.randrange(end) if end else 0
			compare(inode, view[at:min(end, at + rng.randint(1, 50000))], at,
				"mapped read")

def write(name, inode):
	opener = writer(name, inode)
	if opener:
		at, length = place(inode)
		data = rng.randbytes(length)
		write_all(opener.fd, data, at)
		put(inode, at, data)
		note(inode, "write %d at %d" % (length, at))

def write_direct(name, inode):
	opener = writer(name, inode, True)
	if opener:
		os.fsync(opener.fd)
		at, length = place(inode)
		data = rng.randbytes(length)
		write_all(opener.fd, data, at)
		put(inode, at, data)
		note(inode, "direct write %d at %d" % (length, at))

def write_hole(name, inode):
	opener = writer(name, inode)
	if opener and len(inode.data) < LARGEST // 2:
		at = len(inode.data) + rng.choice([1, 4095, 4096, rng.randint(1, 100000)])
		data = rng.randbytes(rng.randint(1, 9000))
		write_all(opener.fd, data, at)
		put(inode, at, data)
		note(inode, "write %d at %d, behind a hole" % (len(data), at))

def append(name, inode):
	if len(inode.data) > LARGEST or not name:
		return
	opener = opener_of(name, inode, lambda o: o.flags & os.O_APPEND,
			   [os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_APPEND])
	if opener:
		data = rng.randbytes(rng.randint(1, 20000))
		assert os.write(opener.fd, data) == len(data)
		put(inode, len(inode.data), data)
		note(inode, "append %d" % len(data))

def write_mapped(name, inode):
	opener = writer(name, inode, both=True)
	view = opener and opener.map()
	end = min(len(view), len(inode.data)) if view else 0
	if end:
		at = rng.randrange(end)
		data = rng.randbytes(min(end - at, rng.choice([1, 4096,
							       rng.randint(1, 40000)])))
		view[at:at + len(data)] = data
		put(inode, at, data)
		note(inode, "mapped write %d at %d" % (len(data), at))
		if rng.random() < 0.4:
			view.flush()
			note(inode, "msync")

def new_size(inode):
	size = len(inode.data)
	return rng.choice([0, size, max(0, size - rng.randint(1, 6000)),
			   size + rng.randint(1, 6000), rng.randint(0, LARGEST),
			   size & ~4095, (size & ~4095) + 4096])

# Half of the times truncate twice, so that the size is the old one again.
def truncate_to(inode, how, act):
	size = len(inode.data)
	sizes = [new_size(inode)]
	if rng.random() < 0.5:
		sizes = [rng.choice([0, size // 2, max(0, size - 4097)]), size]
	for size in sizes:
		act(size)
		resize(inode, size)
		note(inode, "%s to %d" % (how, size))

def truncate_open(name, inode):
	opener = writer(name, inode)
	if opener:
		truncate_to(inode, "truncate", lambda size: os.ftruncate(opener.fd, size))

def truncate_named(name, inode):
	if name:
		truncate_to(inode, "truncate by name",
			    lambda size: os.truncate(path(name), size))

# Truncate by name a file that is not open, and that may be cached with its old content.
def truncate_closed(name, inode):
	if name:
		close_all(inode)
		truncate_named(name, inode)
		read_all(name, inode)

# Rewrite a file two or three times in a moment.  Perhaps only the bytes tell one version
# from the next.
def rewrite(name, inode):
	if not name or not inode.data:
		return
	for i in range(rng.randint(2, 3)):
		close_all(inode)
		opener = Opener(inode, name, os.O_WRONLY)
		at = rng.randrange(len(inode.data))
		data = rng.randbytes(min(len(inode.data) - at, 5000))
		write_all(opener.fd, data, at)
		put(inode, at, data)
		opener.close()
		note(inode, "rewrite %d at %d" % (len(data), at))
		opener = Opener(inode, name, os.O_RDONLY)
		os.posix_fadvise(opener.fd, 0, 0, os.POSIX_FADV_DONTNEED)
		pread(opener, 0, LARGEST * 2, "read of what was just written")

def fallocate(opener, mode, at, length):
	if libc.fallocate(opener.fd, mode, ctypes.c_long(at), ctypes.c_long(length)):
		code = ctypes.get_errno()
		raise OSError(code, os.strerror(code), "fallocate")

def punch_hole(name, inode):
	opener = writer(name, inode)
	if opener and inode.data:
		at = rng.randrange(len(inode.data))
		length = rng.choice([1, 4096, rng.randint(1, 50000)])
		fallocate(opener, PUNCH_HOLE | KEEP_SIZE, at, length)
		end = min(at + length, len(inode.data))
		inode.data[at:end] = bytes(end - at)
		note(inode, "punch %d at %d" % (length, at))

def allocate(name, inode):
	opener = writer(name, inode)
	if opener:
		at, length = place(inode)
		fallocate(opener, 0, at, length)
		if at + length > len(inode.data):
			resize(inode, at + length)
		note(inode, "allocate %d at %d" % (length, at))

def copy(name, inode):
	other = rng.choice(names)
	if other not in files or files[other] is inode or not files[other].data:
		return
	source, to = reader(other, files[other]), writer(name, inode)
	if source and to:
		at, length = place(inode)
		start = rng.randrange(len(files[other].data))
		done = os.copy_file_range(source.fd, to.fd, length, start, at)
		put(inode, at, files[other].data[start:start + done])
		note(inode, "copy %d from %s to %d" % (done, other, at))

def set_times(name, inode):
	if name:
		old = os.stat(path(name))
		when = rng.choice([old.st_mtime_ns, 10 ** 18, old.st_mtime_ns - 10 ** 9])
		os.utime(path(name), ns=(when, when))
		note(inode, "utime %d" % when)

def lock(name, inode):
	opener = writer(name, inode)
	if opener:
		fcntl.lockf(opener.fd, fcntl.LOCK_EX)
		fcntl.lockf(opener.fd, fcntl.LOCK_UN)
		note(inode, "lock")

def sync(name, inode):
	if inode.openers:
		opener = rng.choice(inode.openers)
		os.fsync(opener.fd)
		note(inode, "fsync")

def close(name, inode):
	if inode.openers:
		rng.choice(inode.openers).close()
		note(inode, "close")

def close_all(inode):
	for opener in list(inode.openers):
		opener.close()
	note(inode, "all closed")

def close_file(name, inode):
	close_all(inode)

def gone(inode):
	if inode.openers:
		unlinked.append(inode)
	note(inode, "no name any more")

def rename(name, inode):
	to = rng.choice(names)
	if name and to != name:
		os.rename(path(name), path(to))
		if to in files:
			gone(files[to])
		files[to] = files.pop(name)
		note(inode, "renamed to %s" % to)

def replace(name, inode):
	"""Replace a file as editors do."""
	if name:
		data = rng.randbytes(rng.choice([len(inode.data), rng.randint(1, LARGEST)]))
		with open(path("new"), "wb") as file:
			file.write(data)
		os.rename(path("new"), path(name))
		gone(inode)
		files[name] = Inode(data)
		note(files[name], "replaces %s" % name)

def remove(name, inode):
	if name:
		os.unlink(path(name))
		gone(files.pop(name))
		if rng.random() < 0.5:
			create(name)

def drop_caches(name=None, inode=None):
	with open("/proc/sys/vm/drop_caches", "w") as file:
		file.write(rng.choice("1123"))
	if inode:
		note(inode, "drop caches")

weights = {
	read: 14, read_all: 16, read_pieces: 5, read_direct: 3, read_mapped: 8,
	write: 8, write_direct: 3, write_hole: 3, append: 4, write_mapped: 6,
	truncate_open: 3, truncate_named: 2, truncate_closed: 4, rewrite: 4,
	set_times: 1, lock: 2, sync: 3, close: 8, close_file: 6,
	rename: 1, replace: 2, remove: 1, drop_caches: 5,
}
if punch:
	weights.update({punch_hole: 3, allocate: 1, copy: 2})

# --- what is warm

def reads_sent():
	sent, inside = 0, False
	mount = os.path.dirname(client)
	with open("/proc/self/mountstats") as file:
		for line in file:
			words = line.split()
			if line.startswith("device "):
				inside = words[4] == mount
			elif inside and words and words[0] in ("READ:", "READ_PLUS:"):
				sent += int(words[1])
	return sent

def in_flight():
	with open(glob.glob("/sys/fs/cachefs/*/stats/stores_in_flight_bytes")[0]) as file:
		return int(file.read())

def wait_until(test, why):
	for i in range(1200):
		if test():
			return
		time.sleep(0.1)
	print("seed %d, operation %d: %s" % (seed, operation, why))
	sys.exit(1)

def settled():
	last = max(int(os.stat(os.path.join(server, name)).st_ctime) for name in files)
	return int(time.time()) - last > 3

def stop_changes():
	"""Change nothing.  Check that the bytes are right, and soon come from the cache.
	After that other files change most."""
	for inode in list(files.values()) + unlinked:
		close_all(inode)
	unlinked.clear()
	if not files:
		create(names[0])
	wait_until(settled, "the server's files change")
	sent = []
	while not sent or sent[-1]:
		if not calm and len(sent) == 2:
			break
		# One more reading is needed if an inode does not know its version yet,
		# and another one if the inode stays in memory.
		if len(sent) == 4:
			print("seed %d, operation %d: READs are still sent for files that do"
			      " not change: %s" % (seed, operation, sent))
			sys.exit(1)
		os.sync()
		with open("/proc/sys/vm/drop_caches", "w") as file:
			file.write("3")
		before = reads_sent()
		for name, inode in sorted(files.items()):
			opener = Opener(inode, name, os.O_RDONLY)
			pread(opener, 0, LARGEST * 2, "read of what rests")
			note(inode, "read at rest")
			opener.close()
		sent.append(reads_sent() - before)
		if calm:
			wait_until(lambda: not in_flight(), "stores do not end")
	counts["stops"] += 1
	if not sent[-1]:
		counts["warm"] += sum(len(inode.data) for inode in files.values())
	rng.shuffle(names)

def check_server():
	"""Check that all written data has reached the server."""
	for inode in list(files.values()) + unlinked:
		close_all(inode)
	os.sync()
	for name, inode in files.items():
		with open(os.path.join(server, name), "rb") as file:
			data = file.read()
		compare(inode, data, 0, "the server's copy")
		if len(data) != len(inode.data):
			fail(inode, "the server has %d bytes of %d" %
			     (len(data), len(inode.data)))

for name in names:
	try:
		with open(os.path.join(server, name), "rb") as file:
			files[name] = Inode(file.read())
	except FileNotFoundError:
		pass
doing = None
try:
	if files:
		stop_changes()
	for operation in range(1, operations + 1):
		doing = rng.choices(list(weights), list(weights.values()))[0]
		counts[doing.__name__] = counts.get(doing.__name__, 0) + 1
		name, inode = pick()
		doing(name, inode)
		unlinked = [inode for inode in unlinked if inode.openers]
		if operation % STOP_EVERY == 0:
			stop_changes()
	check_server()
except OSError as error:
	fail(inode, "%s: %s" % (doing.__name__ if doing else "stop", error))
print("seed %d: %d operations, %d reads compared, %d KiB without a READ at %d stops" %
      (seed, operations, counts["compared"], counts["warm"] >> 10, counts["stops"]))
