#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Make random changes on the server and on the client, and read on the client.  After each
# open a read must give the server's content, as NFS promises without a cache.  The
# server's own directory is the model.
#
# usage: coherency.py SERVER_DIR CLIENT_DIR OPERATIONS SEED
import mmap, os, random, sys

server, client, operations, seed = (sys.argv[1], sys.argv[2], int(sys.argv[3]),
				    int(sys.argv[4]))
rng = random.Random(seed)
names = ["n%d" % i for i in range(12)]
held = []	# descriptors that stay open on the client
counts = {}

def size():
	return rng.choice([0, 1, 4095, 4096, 4097, 9000, 65536, 70001, 200000,
			   300000])

def data(length):
	return rng.randbytes(length)

def path(where):
	return os.path.join(where, rng.choice(names))

def write_at(name, create):
	flags = os.O_WRONLY | (os.O_CREAT if create else 0)
	try:
		fd = os.open(name, flags, 0o666)
	except FileNotFoundError:
		return
	end = os.fstat(fd).st_size
	os.pwrite(fd, data(rng.randint(1, 20000)), rng.randint(0, end))
	os.close(fd)

def server_write():
	with open(path(server), "wb") as f:
		f.write(data(size()))

def server_overwrite():
	write_at(path(server), True)

def server_truncate():
	name = path(server)
	if os.path.exists(name):
		os.truncate(name, size())

def server_replace():
	name = path(server)
	with open(name + ".new", "wb") as f:
		f.write(data(size()))
	os.rename(name + ".new", name)

def server_remove():
	name = path(server)
	if os.path.exists(name):
		os.unlink(name)

def server_swap():
	a, b = path(server), path(server)
	if a != b and os.path.exists(a) and os.path.exists(b):
		os.rename(a, a + ".tmp")
		os.rename(b, a)
		os.rename(a + ".tmp", b)

def client_write():
	write_at(path(client), True)

def client_truncate():
	name = path(client)
	if os.path.exists(name):
		os.truncate(name, size())

# Open for reading only, because NFS takes a change on the server for an effect of its own
# writes while a file is open for writing.
def client_hold():
	if len(held) > 6:
		os.close(held.pop(rng.randrange(len(held))))
	try:
		held.append(os.open(path(client), os.O_RDONLY))
	except FileNotFoundError:
		return
	os.pread(held[-1], rng.randint(1, 100000), 0)

def client_release():
	if held:
		os.close(held.pop(rng.randrange(len(held))))

def drop_caches():
	with open("/proc/sys/vm/drop_caches", "w") as f:
		f.write(rng.choice(["1", "3"]))

def client_read():
	name = rng.choice(names)
	try:
		with open(os.path.join(server, name), "rb") as f:
			wanted = f.read()
	except FileNotFoundError:
		wanted = None
	try:
		fd = os.open(os.path.join(client, name), os.O_RDONLY)
	except FileNotFoundError:
		got = None
	else:
		how = rng.randrange(3)
		if how == 0:
			got = b"".join(iter(lambda: os.read(fd, 65536), b""))
		elif how == 1 and os.fstat(fd).st_size:
			with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as view:
				got = bytes(view)
		else:
			length = os.fstat(fd).st_size
			pieces = [(at, os.pread(fd, 5000, at)) for at in
				  rng.sample(range(0, length, 5000),
					     len(range(0, length, 5000)))]
			got = b"".join(piece for _, piece in sorted(pieces))
		os.close(fd)
	if got != wanted:
		first = next((i for i, (a, b) in enumerate(zip(got or b"", wanted or b""))
			      if a != b), -1)
		print("seed %d operation %d: %s has %s bytes, wanted %s; first difference at %d"
		      % (seed, operation, name, got if got is None else len(got),
			 wanted if wanted is None else len(wanted), first))
		sys.exit(1)

weights = {
	client_read: 50, server_write: 6, server_overwrite: 8,
	server_truncate: 4, server_replace: 5, server_remove: 3, server_swap: 3,
	client_write: 6, client_truncate: 2, client_hold: 6, client_release: 4,
	drop_caches: 10,
}
for operation in range(operations):
	what = rng.choices(list(weights), list(weights.values()))[0]
	counts[what.__name__] = counts.get(what.__name__, 0) + 1
	what()
print("seed %d: %d operations, %d reads compared" %
      (seed, operations, counts["client_read"]))
