#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
#
# Make a directory that looks like /proc, /sys, /dev and /lib to cachefsctl --sysroot.
#
# usage: tree.py DIR SCENARIO [MOUNTPOINT [STATE [STAT=NUMBER]...]]
#
# With MOUNTPOINT, the NFS mount is that directory of this machine.  STATE is the state of
# the cache.  STAT is a file in stats/.
import os, re, shutil, sys

UUID = "b5f1a1c0-1111-4222-8333-444455556666"
ABI = os.path.join(os.path.dirname(__file__), "../../Documentation/ABI/testing/sysfs-fs-cachefs")
NFS_KEY = "nfs,4.2,2,108,100630a,1,2,1000000,4,100000,100000,2ee,3a98,1d4c,3a98,1"
NFS6_KEY = "nfs,3.0,a,108,fd,,1000000,7000000,10,,,4,40000,40000,2ee,3a98,1d4c,3a98,1,red"
# Of 1000 reads of the device, 99 of 100 took less than 8.2 ms.  Of 100 reads of a server,
# 99 took less than 4.1 ms.
LATENCIES = {
	"device_reads": " ".join(["0"] * 7 + ["900", "80", "0", "0", "0", "0", "12"] +
				 ["0"] * 9 + ["8"]) + "\n",
	"device_writes": " ".join(["0"] * 9 + ["500"] + ["0"] * 14) + "\n",
	"server_reads": " ".join(["0"] * 11 + ["97", "2"] + ["0"] * 10 + ["1"]) + "\n",
}
CIFS_KEY = "cifs,10.99.0.7:445,share"
P9_KEY = "9p,host,tag"

def abi_names(directory):
	with open(ABI) as abi:
		return re.findall(rf"^What:\t+/sys/fs/cachefs/<uuid>/{directory}/(\w+)$",
				  abi.read(), re.M)

class Tree:
	def __init__(self, root):
		self.root = root
		self.kernel("6.12.57+deb12-amd64")
		self.installed = True
		self.attached = False
		self.mounts = []
		self.volumes = []	# key, identity, hit, miss, stored
		self.policies = {}	# for a key: min_share, max_share, keep, second
		self.bound = []		# cache, key
		self.nfs = []		# version, address, device, fsid, fsc

	def write(self, path, text):
		path = os.path.join(self.root, path)
		os.makedirs(os.path.dirname(path), exist_ok=True)
		with open(path, "w", errors="surrogateescape") as file:
			file.write(text)

	def kernel(self, release):
		self.release = release

	def cache(self, state="active", stats={}, device="/dev/vdc", recovered=100,
		  stores_stopped=0):
		base = f"sys/fs/cachefs/{UUID}/"
		values = dict(state=state, device=device, label="fast",
			      block_size=4096, region_size=4194304,
			      capacity_bytes=106_000_000_000,
			      used_bytes=42_000_000_000, objects_open=17,
			      extents=90_000, recovered_percent=recovered,
			      stores_stopped=stores_stopped,
			      max_in_flight_bytes=67108864,
			      max_in_flight_ms=1000, read_bypass_ms=100,
			      max_index_bytes=1073741824, write_budget=0, discard=0, detach="")
		for name, value in values.items():
			self.write(base + name, f"{value}\n")
		numbers = dict(hit_bytes=9_000_000_000, miss_bytes=1_000_000_000,
			       stored_bytes=990_000_000, store_refused_bytes=10_000_000,
			       index_bytes=5_000_000, checksum_bytes=3_000_000,
			       device_read_us=250, server_read_us=1500,
			       in_flight_limit_bytes=67108864,
			       oldest_data_seconds=200_000)
		for name in abi_names("stats"):
			self.write(f"{base}stats/{name}",
				   f"{dict(numbers, **stats).get(name, 0)}\n")
		for name in abi_names("latency"):
			self.write(f"{base}latency/{name}", LATENCIES.get(name, "7000000\n"))
		refused = dict(in_flight=9_000_000, slow=1_000_000, recent=4096)
		for name in abi_names("refused_bytes"):
			self.write(f"{base}refused_bytes/{name}", f"{refused.get(name, 0)}\n")
		self.attached = True

	def volume(self, key, identity, hit, miss, stored, cache="cachefs"):
		self.bound.append((cache, key))
		if cache == "cachefs":
			self.volumes.append((key, identity, hit, miss, stored))

	def mount(self, number, target, type, source, options):
		self.mounts.append(f"{40 + number} 1 0:{50 + number} / {target} rw,relatime "
				   f"shared:{number} - {type} {source} rw,{options}\n")

	def nfs_volume(self, number, version, address, fsid, fsc):
		self.nfs.append(f"v{version} {address}  801 0:{50 + number:<10} "
				f"{fsid:<33} {fsc}\n")

	def finish(self, loaded=True, backends=(("A", "cachefs"),)):
		self.write("proc/sys/kernel/osrelease", self.release + "\n")
		self.write("proc/sys/kernel/hostname", "client\n")
		self.write("proc/stat", "cpu 1 2 3\nbtime 1700000000\n")
		self.write("proc/self/mountinfo", "25 1 8:1 / / rw - ext4 /dev/vda1 rw\n" +
			   "".join(self.mounts))
		self.write("proc/partitions", "major minor  #blocks  name\n\n" +
			   " 253       32   65536 vdc\n 253       48   65536 vdd\n")
		self.write("proc/fs/nfsfs/volumes", "NV SERVER   PORT DEV          FSID"
			   "                              FSC\n" + "".join(self.nfs))
		self.write("proc/fs/fscache/caches",
			   "CACHE    REF   VOLS  OBJS  ACCES S NAME\n"
			   "======== ===== ===== ===== ===== = ===============\n" +
			   "".join(f"{i + 1:08x}     2     1     0     1 {state} {name}\n"
				   for i, (state, name) in enumerate(backends)))
		self.write("proc/fs/fscache/volumes",
			   "VOLUME   REF   nCOOK ACC FL CACHE           KEY\n"
			   "======== ===== ===== === == =============== ================\n" +
			   "".join(f"{i + 1:08x}     2     1   0 00 {cache:<15} {key}\n"
				   for i, (cache, key) in enumerate(self.bound)))
		self.write(f"lib/modules/{self.release}/modules.dep",
			   "kernel/fs/nfs/nfs.ko.xz: kernel/fs/netfs/netfs.ko.xz\n" +
			   ("updates/dkms/cachefs.ko: kernel/fs/netfs/netfs.ko.xz\n"
			    if self.installed else ""))
		self.write("dev/kmsg",
			   "6,1,1000000,-;Linux version\n"
			   f"6,700,62000000,-;cachefs: vdc: attached as {UUID}, 101089 MiB\n"
			   " SUBSYSTEM=block\n")
		if loaded:
			self.write("sys/fs/cachefs/attach", "")
		for i, (key, identity, *counts) in enumerate(self.volumes if self.attached else []):
			base = f"sys/fs/cachefs/{UUID}/volumes/{i}/"
			self.write(base + "key", key + "\n")
			self.write(base + "identity", identity + "\n")
			for name, count in zip(("hit", "miss", "stored"), counts):
				self.write(f"{base}{name}_bytes", f"{count}\n")
			least, share, keep, second = self.policies.get(key, (0, 100, 0, 0))
			self.write(base + "min_share", f"{least}\n")
			self.write(base + "max_share", f"{share}\n")
			self.write(base + "keep", f"{keep}\n")
			self.write(base + "second", f"{second}\n")

NFS_OPTIONS = "vers=4.2,rsize=1048576,wsize=1048576,addr=10.99.0.1"

def add_nfs(tree, target="/mnt/nfs", options=NFS_OPTIONS + ",fsc", cache="cachefs",
	    fsc="yes", identity="nfs,4,2,108,100630a,1,2"):
	tree.mount(1, target, "nfs4", "10.99.0.1:/export", options)
	tree.nfs_volume(1, 4, "0a630001", "1:2", fsc)
	if fsc == "yes" and cache:
		tree.volume(NFS_KEY, identity, 8_000_000_000, 500_000_000, 490_000_000,
			    cache)

def healthy(tree):
	tree.cache()
	add_nfs(tree)
	tree.mount(2, "/mnt/six", "nfs", "[fd00::1:0:7]:/x",
		   "vers=3,rsize=262144,wsize=262144,addr=fd00::1:0:7,fsc=red")
	tree.nfs_volume(2, 3, "fd000000000000000000000100000007", "10:0", "yes")
	tree.volume(NFS6_KEY, "nfs,3,a", 3, 1, 1)
	tree.mount(3, "/mnt/win", "cifs", "//10.99.0.7/Share/sub", "vers=3.1.1,addr=10.99.0.7,fsc")
	tree.volume(CIFS_KEY, CIFS_KEY, 500, 500, 500)
	tree.mount(4, "/mnt/9p", "9p", "host", "access=client,cache=0x8f,cachetag=tag")
	tree.volume(P9_KEY, P9_KEY, 0, 0, 0)
	tree.finish()

def policies(tree):
	tree.policies = { NFS_KEY: (0, 20, 0, 0), NFS6_KEY: (0, 0, 0, 0),
			  CIFS_KEY: (0, 100, 1, 0), P9_KEY: (0, 100, 0, 1) }
	healthy(tree)

def minimum(tree):
	tree.policies = { NFS_KEY: (10, 40, 0, 0), P9_KEY: (50, 100, 0, 0) }
	healthy(tree)

# The module is of an old version, as after an upgrade of the tool; or of @version.
def old_module(tree, version="0.0.9"):
	tree.write("sys/module/cachefs/version", version + "\n")
	healthy(tree)
	if version == "0.0.9":	# it has no histograms, no policies, and no stores_stopped
		os.unlink(f"{tree.root}/sys/fs/cachefs/{UUID}/stores_stopped")
		shutil.rmtree(f"{tree.root}/sys/fs/cachefs/{UUID}/latency")
		for number in range(4):
			for name in "min_share", "max_share", "keep", "second":
				os.unlink(f"{tree.root}/sys/fs/cachefs/{UUID}/volumes/{number}/{name}")

def same_module(tree):
	changelog = os.path.join(os.path.dirname(__file__), "../../debian/changelog")
	with open(changelog) as file:
		old_module(tree, re.search(r"\((.*)\)", file.readline())[1])

# Each mount has a volume of its own.
def many(tree):
	tree.cache()
	for number in range(1, 501):
		tree.mount(number, f"/mnt/{number}", "nfs4", f"10.99.0.1:/{number}",
			   NFS_OPTIONS + ",fsc")
		tree.nfs_volume(number, 4, "0a630001", f"1:{number:x}", "yes")
		tree.volume(NFS_KEY.replace(",1,2,", f",1,{number:x},"), f"nfs,{number}",
			    number, 0, 0)
	tree.finish()

# Three mounts share one superblock, with one volume.  One mount has another rsize, so it
# has a volume of its own, which finds the same blocks.  Two volumes with one key have no
# mount that this process sees: one volume comes while the other volume goes.
def shared(tree):
	tree.cache()
	for number, name in (1, "u2"), (1, "u1"), (1, "u3"), (2, "big"):
		tree.mount(number, f"/home/{name}", "nfs4", f"10.99.0.1:/home/{name}",
			   NFS_OPTIONS.replace("rsize=1048576", f"rsize={number << 20}") + ",fsc")
	for number in 1, 2:
		tree.nfs_volume(number, 4, "0a630001", "1:2", "yes")
	identity = "nfs,4,2,108,100630a,1,2"
	tree.volume(NFS_KEY, identity, 8_000_000_000, 500_000_000, 490_000_000)
	tree.volume(NFS_KEY.replace(",100000,", ",200000,", 1), identity, 1000, 10, 20)
	for _ in range(2):
		tree.volume(NFS_KEY.replace(",1,2,", ",1,9,"), identity[:-1] + "9", 7, 8, 9)
	tree.finish()

# Names look like HTML.
def markup(tree):
	tree.cache()
	add_nfs(tree, target='/mnt/<script>&amp;"', fsc="no")
	tree.finish()

# Names have characters that a terminal obeys, and a byte that is no UTF-8, as in
# tools-names.sh.
def control(tree):
	name = b"a\x1b]0;b\x07\x7f\xc2\x9bc\xfc\xc3\xbc".decode(errors="surrogateescape")
	tree.cache()
	add_nfs(tree, target="/mnt/" + name, fsc="no")
	tree.mount(4, "/mnt/x" + name, "9p", "host", "access=client,cache=0x8f,cachetag=tag")
	tree.volume(P9_KEY, P9_KEY, 0, 0, 0)
	tree.finish()

def nothing(tree):
	tree.installed = False
	tree.finish(loaded=False, backends=())

# The module is not built for this kernel.
def untested(tree, release="6.13.0-1-amd64"):
	tree.kernel(release)
	nothing(tree)

def broken(tree):
	untested(tree, "6.12.5")

def not_loaded(tree):
	add_nfs(tree, cache="-")
	tree.finish(loaded=False, backends=())

def detached(tree):
	add_nfs(tree)
	tree.finish(backends=(("N", "cachefs"),))

def no_cache(tree):
	add_nfs(tree, cache="-")
	tree.finish(backends=())

def failed(tree):
	tree.cache("failed", dict(read_errors=16, checksum_errors=3))
	add_nfs(tree)
	tree.finish()

# The device is full or read-only, and can be read.
def stopped(tree):
	tree.cache("degraded", dict(write_errors=16), stores_stopped=1)
	add_nfs(tree)
	tree.finish()

# The device is slower than the server.
def slow(tree):
	tree.cache(stats=dict(device_read_us=480_000))
	add_nfs(tree)
	tree.finish()

# One block was damaged when the power failed.
def checksum(tree):
	tree.cache(stats=dict(checksum_errors=1))
	add_nfs(tree)
	tree.finish()

def recovering(tree):
	tree.cache(recovered=42)
	add_nfs(tree)
	tree.finish()

def degraded(tree):
	tree.cache("degraded", dict(write_errors=1))
	tree.finish()

def no_fsc(tree):
	tree.cache()
	add_nfs(tree, options=NFS_OPTIONS, fsc="no")
	tree.mount(4, "/mnt/9p", "9p", "host", "access=client,cache=0xf")
	tree.finish()

def ignored(tree):
	tree.cache()
	add_nfs(tree, fsc="no")
	tree.finish()

# The first mount is not to be cached.  The second mount is to be cached, and is not.
def mixed(tree):
	tree.cache()
	tree.mount(4, "/mnt/9p", "9p", "host", "access=client,cache=0xf")
	add_nfs(tree, fsc="no")
	tree.finish()

def cachefiles(tree):
	tree.cache()
	add_nfs(tree, cache="mycache")
	tree.finish(backends=(("A", "mycache"), ("A", "cachefs")))

def no_volume(tree):
	tree.cache()
	add_nfs(tree, cache="")
	tree.finish()

def not_cached(tree):
	tree.kernel("6.1.0-41-amd64")
	tree.cache()
	add_nfs(tree, options=NFS_OPTIONS + ",sync,fsc")
	tree.mount(4, "/mnt/9p", "9p", "host", "access=client,fscache,cachetag=tag")
	tree.volume(P9_KEY, "not cached: this file system is not cached on this kernel",
		    0, 0, 0)
	tree.finish()

# A user other than root cannot read the export of a volume.
def user(tree):
	healthy(tree)
	for number in range(4):
		for name in "key", "identity":
			os.unlink(os.path.join(tree.root, "sys/fs/cachefs", UUID, "volumes",
					       str(number), name))
	os.unlink(os.path.join(tree.root, "dev/kmsg"))

# The NFS mount is a directory of this machine.
def local(tree):
	tree.cache(*sys.argv[4:5], stats=dict(number.split("=") for number in sys.argv[5:]))
	add_nfs(tree, sys.argv[3])
	dev = os.stat(sys.argv[3]).st_dev
	device = f"{os.major(dev)}:{os.minor(dev)}"
	tree.mounts = [line.replace("0:51", device) for line in tree.mounts]
	tree.nfs = [re.sub(r"0:51 *", device + " ", line) for line in tree.nfs]
	tree.finish()

globals()[sys.argv[2]](Tree(sys.argv[1]))
