// SPDX-License-Identifier: GPL-2.0
/*
 * The simulated device.  It takes the place of fscache/device.c.
 *
 * A transfer begins when the transfer before it has ended.  It takes as long as the
 * bandwidth says, and is answered one latency later.  So transfers that are under way
 * together wait for the latency once.  Blocks that were never written are zero, and
 * take no memory.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include "scale_core.h"

struct scale_io {
	struct cachefs_io	io;
	struct sim_event	event;
	struct scale_io		*next;
	bool			write;
};

/* The free I/Os of this thread.  The kernel has some for each processor. */
static __thread struct scale_io *spare;

static void *sparse(u64 bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		shim_panic("no address space for %llu bytes", bytes);
	/* With huge pages a single block would take 2 MiB. */
	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

struct cachefs_device *device_new(u64 bytes)
{
	struct cachefs_device *device = calloc(1, sizeof(*device));

	device->blocks = bytes >> CACHEFS_BLOCK_SHIFT;
	device->bytes = sparse(bytes);
	device->present = sparse(device->blocks / 8 + 8);
	return device;
}

void device_free(struct cachefs_device *device)
{
	munmap(device->bytes, device->blocks << CACHEFS_BLOCK_SHIFT);
	munmap(device->present, device->blocks / 8 + 8);
	free(device);
}

static u8 *block_at(struct cachefs_device *device, u64 block)
{
	if (block >= device->blocks)
		shim_panic("block %llu is beyond the device", block);
	return device->bytes + (block << CACHEFS_BLOCK_SHIFT);
}

static void block_write(struct cachefs_device *device, u64 block, const void *from)
{
	memcpy(block_at(device, block), from, CACHEFS_BLOCK_SIZE);
	if (!test_bit(block, device->present))
		set_bit(block, device->present);
}

static void block_read(struct cachefs_device *device, u64 block, void *to)
{
	if (test_bit(block, device->present))
		memcpy(to, block_at(device, block), CACHEFS_BLOCK_SIZE);
	else
		memset(to, 0, CACHEFS_BLOCK_SIZE);
}

/* Begin a transfer of @nr blocks.  Returns the time of its answer. */
static u64 transfer(struct cachefs_device *device, unsigned int nr)
{
	u64 bytes = (u64)nr << CACHEFS_BLOCK_SHIFT;

	device->busy_until = max(device->busy_until, shim_now()) +
		bytes * NSEC_PER_SEC / device->bandwidth;
	return device->busy_until + device->latency_ns;
}

u64 cachefs_device_blocks(struct cachefs_device *device)
{
	return device->blocks;
}

int cachefs_device_discard(struct cachefs_device *device, u64 block, unsigned int nr)
{
	return -EOPNOTSUPP;
}

const char *cachefs_device_name(struct cachefs_device *device)
{
	return "simulated";
}

int cachefs_device_read(struct cachefs_device *device, u64 block, void *buffer,
			unsigned int nr, blk_opf_t flags)
{
	unsigned int i;

	sim_cpu_pause();
	device->read_bytes += (u64)nr << CACHEFS_BLOCK_SHIFT;
	for (i = 0; i < nr; i++)
		block_read(device, block + i,
			   (u8 *)buffer + (i << CACHEFS_BLOCK_SHIFT));
	sim_cpu_resume();
	if (device->bandwidth)
		sim_sleep_until(transfer(device, nr));
	return 0;
}

/* Whether a written block is kept.  Data is only kept with @keep_data. */
static bool is_kept(struct cachefs_device *device, u64 block)
{
	return device->keep_data || !core_is_data(device, block);
}

int cachefs_device_write(struct cachefs_device *device, u64 block,
			 const void *buffer, unsigned int nr, blk_opf_t flags)
{
	unsigned int i;

	sim_cpu_pause();
	device->written_bytes += (u64)nr << CACHEFS_BLOCK_SHIFT;
	for (i = 0; i < nr; i++)
		if (is_kept(device, block + i))
			block_write(device, block + i, (const u8 *)buffer +
				    (i << CACHEFS_BLOCK_SHIFT));
	sim_cpu_resume();
	if (device->bandwidth)
		sim_sleep_until(transfer(device, nr));
	return 0;
}

int cachefs_device_signature(struct cachefs_device *device, const char **what)
{
	*what = "unknown data";
	return test_bit(CACHEFS_SUPER_BLOCK, device->present) ?
		CACHEFS_SIGNATURE_OWN : CACHEFS_SIGNATURE_BLANK;
}

int cachefs_device_wipe(struct cachefs_device *device)
{
	return 0;
}

struct cachefs_io *cachefs_io_alloc(struct cachefs_cache *cache, bool write,
				    unsigned int nr)
{
	struct scale_io *sio = spare;

	if (sio)
		spare = sio->next;
	else
		sio = malloc(sizeof(*sio));
	memset(&sio->io, 0, sizeof(sio->io));
	sio->write = write;
	sio->io.cache = cache;
	sio->io.nr = nr;
	return &sio->io;
}

void cachefs_io_free(struct cachefs_io *io)
{
	struct scale_io *sio = container_of(io, struct scale_io, io);

	sio->next = spare;
	spare = sio;
}

static void copy_data(struct cachefs_device *device, struct cachefs_io *io,
		      bool write)
{
	unsigned int i;

	for (i = 0; i < io->nr; i++) {
		if (write)
			block_write(device, io->device_block + i,
				    page_address(io->pages[i]));
		else
			block_read(device, io->device_block + i,
				   page_address(io->pages[i]));
	}
}

void cachefs_io_submit(struct cachefs_io *io)
{
	struct scale_io *sio = container_of(io, struct scale_io, io);
	struct cachefs_device *device = io->cache->device;
	u64 bytes = (u64)io->nr << CACHEFS_BLOCK_SHIFT;

	/* Without a bandwidth, readers in several threads would share the counter. */
	if (sio->write)
		device->written_bytes += bytes;
	else if (device->bandwidth)
		device->read_bytes += bytes;
	if (device->keep_data)
		copy_data(device, io, sio->write);
	if (device->bandwidth)
		sim_answer(&sio->event, io, transfer(device, io->nr));
	else
		io->end(io);
}

bool cachefs_device_stable_writes(struct cachefs_device *device)
{
	return false;
}

struct page *cachefs_copy_page_alloc(struct cachefs_device *device)
{
	return alloc_page(GFP_NOIO);
}

void cachefs_copy_page_free(struct cachefs_device *device, struct page *page)
{
	__free_page(page);
}
