#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Read all files of a directory in one of many ways, and compare them with the server's
# files.
#
# usage: readers.py SERVER_DIR CLIENT_DIR WAY SEED
#
# Each way reads each byte of each file once, so that hits can be counted.
import mmap, os, random, sys

server, client, way, seed = sys.argv[1:4] + [int(sys.argv[4])]
rng = random.Random(seed)

# Return pieces of odd lengths that cover a file, in random order.
def pieces(size, longest):
	at, all_pieces = 0, []
	while at < size:
		length = min(rng.randint(1, longest), size - at)
		all_pieces.append((at, length))
		at += length
	rng.shuffle(all_pieces)
	return all_pieces

def preads(fd, all_pieces):
	return b"".join(data for _, data in
			sorted((at, os.pread(fd, length, at))
			       for at, length in all_pieces))

def sequential(fd, size):
	return b"".join(iter(lambda: os.read(fd, 7777), b""))

def scattered(fd, size):
	return preads(fd, pieces(size, 9000))

def without_readahead(fd, size):
	os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
	return preads(fd, pieces(size, 30000))

def backwards(fd, size):
	return preads(fd, [(at, min(5001, size - at))
			   for at in reversed(range(0, size, 5001))])

def mapped(fd, size, flags):
	if not size:
		return b""
	with mmap.mmap(fd, size, flags=flags, prot=mmap.PROT_READ) as view:
		return b"".join(data for _, data in
				sorted((at, view[at:at + length])
				       for at, length in pieces(size, 30000)))

def mapped_shared(fd, size):
	return mapped(fd, size, mmap.MAP_SHARED)

def mapped_private(fd, size):
	return mapped(fd, size, mmap.MAP_PRIVATE)

def sendfile(fd, size):
	at = 0
	with open("/run/sendfile", "w+b", buffering=0) as out:
		while sent := os.sendfile(out.fileno(), fd, at, 100001):
			at += sent
		out.seek(0)
		return out.read()

def splice(fd, size):
	from_pipe, to_pipe = os.pipe()
	data = []
	while got := os.splice(fd, to_pipe, 30001):
		while got:
			data.append(os.read(from_pipe, got))
			got -= len(data[-1])
	os.close(from_pipe)
	os.close(to_pipe)
	return b"".join(data)

# Each third piece is read past the page cache.  Such reads are no hits.
def direct(fd, size):
	other = os.open("/proc/self/fd/%d" % fd, os.O_RDONLY | os.O_DIRECT)
	data = []
	for i, (at, length) in enumerate(pieces(size, 30000)):
		# Read into pages that hold nothing else.
		page = mmap.mmap(-1, 32768)
		if i % 3 == 0:
			got = os.preadv(other, [memoryview(page)[:length]], at)
			data.append((at, page[:got]))
		else:
			data.append((at, os.pread(fd, length, at)))
	os.close(other)
	return b"".join(piece for _, piece in sorted(data))

def compare(read):
	wrong = 0
	names = sorted(os.listdir(server))
	rng.shuffle(names)
	for name in names:
		with open(os.path.join(server, name), "rb") as f:
			wanted = f.read()
		fd = os.open(os.path.join(client, name), os.O_RDONLY)
		got = read(fd, os.fstat(fd).st_size)
		os.close(fd)
		if got == wanted:
			continue
		wrong += 1
		first = next((i for i, (a, b) in enumerate(zip(got, wanted))
			      if a != b), min(len(got), len(wanted)))
		print("%s, seed %d: %s has %d bytes, wanted %d; first difference at %d"
		      % (way, seed, name, len(got), len(wanted), first))
	if not names:
		print("no files")
	return wrong or not names

# Run some readers at once, each with another order and other pieces.
def processes():
	children = []
	for i in range(4):
		pid = os.fork()
		if not pid:
			rng.seed(seed + i)
			os._exit(1 if compare([sequential, scattered, backwards,
					       mapped_shared][i % 4]) else 0)
		children.append(pid)
	return sum(os.waitpid(pid, 0)[1] != 0 for pid in children)

sys.exit(1 if (processes() if way == "processes" else compare(globals()[way]))
	 else 0)
