// SPDX-License-Identifier: GPL-2.0
/*
 * The simulated block device: the functions that fscache/device.c has in the
 * kernel, and what a power loss leaves.
 *
 * The device has two images, the content that a read sees and the durable content,
 * and a log of the writes since the last flush.  When the power fails, each block in
 * the log gets one of the contents that it has had since, or sectors of several.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "device.h"
#include "shim.h"

#define MAX_LOG		8192
#define SECTOR		512

struct device_io {
	struct cachefs_io	io;
	struct list_head	link;
	bool			write;
	u8			*submitted;	/* the data when it was submitted */
};

struct device_losses device_losses;

static struct cachefs_device the_device;
static struct device_write *log_blocks;

/*
 * Allocate zeroed memory that takes pages only where it is written to.  Huge pages are
 * off: if they are always used, as by default in Debian, each write takes 2 MiB.  The
 * sanitizers' mmap() is avoided, because it would touch the shadow of all the memory.
 */
static void *sparse(u64 bytes)
{
	void *p = (void *)syscall(SYS_mmap, NULL, bytes, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				  -1, 0);

	if (p == MAP_FAILED)
		shim_panic("no address space for %llu bytes", bytes);
	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

static void sparse_free(void *p, u64 bytes)
{
	syscall(SYS_munmap, p, bytes);
}

static unsigned int ios_waiting(void)
{
	return the_device.hangs ? 0 : the_device.nr_waiting;
}

static void check_range(struct cachefs_device *device, u64 block,
			unsigned int nr)
{
	if (!nr || block >= device->blocks || nr > device->blocks - block)
		shim_panic("I/O of %u blocks at %llu, beyond the device", nr,
			   block);
}

static bool is_bad(struct cachefs_device *device, u64 block)
{
	if (block < device->bad_start || !device->bad_end)
		return false;
	block -= device->bad_start;
	if (device->bad_period)
		block %= device->bad_period;
	return block < device->bad_end - device->bad_start;
}

static bool fails(struct cachefs_device *device, bool write, u64 block,
		  unsigned int nr, unsigned int rate)
{
	bool bad = rate && shim_below(1000) < rate;

	while (nr-- && (write || !device->bad_is_readable))
		bad |= is_bad(device, block + nr);
	return bad;
}

/* Does a block reach the device, although its write may have failed? */
static bool arrives(int error)
{
	return !error || (error == -EIO && shim_chance(50));
}

static int write_error(struct cachefs_device *device, u64 block, unsigned int nr)
{
	if (!fails(device, true, block, nr, device->write_errors))
		return 0;
	return device->write_errno ?: -EIO;
}

static void touch(struct cachefs_device *device, u64 block)
{
	if (device->is_touched[block])
		return;
	device->is_touched[block] = true;
	device->touched[device->nr_touched++] = block;
}

static void log_write(struct cachefs_device *device, u64 block, const u8 *data)
{
	struct device_write *write;

	if (device->dead)
		return;
	if (device->nr_log == MAX_LOG) {
		/* No volatile cache is that large: the oldest half is durable. */
		unsigned int i, half = MAX_LOG / 2;

		for (i = 0; i < half; i++)
			memcpy(device->stable + (device->log[i].block << 12),
			       device->log[i].data, CACHEFS_BLOCK_SIZE);
		for (i = 0; i < half; i++) {
			swap(device->log[i].data, device->log[half + i].data);
			device->log[i].block = device->log[half + i].block;
		}
		device->nr_log = half;
	}
	write = &device->log[device->nr_log++];
	write->block = block;
	memcpy(write->data, data, CACHEFS_BLOCK_SIZE);
}

static void flush(struct cachefs_device *device)
{
	unsigned int i;

	if (device->liar || device->dead)
		return;
	for (i = 0; i < device->nr_log; i++)
		memcpy(device->stable + (device->log[i].block << 12),
		       device->log[i].data, CACHEFS_BLOCK_SIZE);
	device->nr_log = 0;
}

/* Make one block durable.  Writes before this one may still be lost. */
static void make_durable(struct cachefs_device *device, u64 block)
{
	unsigned int i, kept = 0;

	if (device->liar || device->dead)
		return;
	memcpy(device->stable + (block << CACHEFS_BLOCK_SHIFT),
	       device_block(device, block), CACHEFS_BLOCK_SIZE);
	for (i = 0; i < device->nr_log; i++) {
		if (device->log[i].block == block)
			continue;
		/* Each entry keeps a buffer. */
		swap(device->log[kept], device->log[i]);
		kept++;
	}
	device->nr_log = kept;
}

static void put_block(struct cachefs_device *device, u64 block, const u8 *data)
{
	touch(device, block);
	memcpy(device_block(device, block), data, CACHEFS_BLOCK_SIZE);
	log_write(device, block, data);
}

void device_poke(struct cachefs_device *device, u64 block, const void *bytes)
{
	touch(device, block);
	memcpy(device_block(device, block), bytes, CACHEFS_BLOCK_SIZE);
}

/* Places in the log, during a loss of power. */
static unsigned int oldest_missing, newest_there;

/*
 * Count a block whose content is one of the @n in @past, or torn.  All of these but the
 * first are in the log, at @at.
 */
static void count_loss(const u8 *now, const u8 **past, const unsigned int *at,
		       unsigned int n)
{
	unsigned int i = n;

	while (i && memcmp(now, past[i - 1], CACHEFS_BLOCK_SIZE))
		i--;
	if (!i)
		device_losses.torn++;
	else if (i == n)
		device_losses.newest++;
	else if (i == 1)
		device_losses.lost++;
	else
		device_losses.older++;
	if (i > 1)
		newest_there = max(newest_there, at[i - 1]);
	if (i && i < n)
		oldest_missing = min(oldest_missing, at[i]);
}

/* Decide what is left of a block, which is in the log at @first and maybe later. */
static void settle_block(struct cachefs_device *device, unsigned int first)
{
	unsigned int n = 0, i, sector, at[32];
	const u8 *past[ARRAY_SIZE(at)];
	u64 block = device->log[first].block;
	u8 *stable = device->stable + (block << CACHEFS_BLOCK_SHIFT);
	u8 old[CACHEFS_BLOCK_SIZE];
	u32 dice = shim_below(100);

	memcpy(old, stable, sizeof(old));
	at[0] = first;
	past[n++] = old;
	for (i = first; i < device->nr_log; i++) {
		if (device->log[i].block != block)
			continue;
		if (n == ARRAY_SIZE(past)) {
			n--;
			memmove(past + 1, past + 2, (n - 1) * sizeof(*past));
			memmove(at + 1, at + 2, (n - 1) * sizeof(*at));
		}
		at[n] = i;
		past[n++] = device->log[i].data;
	}
	if (dice < 50) {		/* the newest */
		memcpy(stable, past[n - 1], sizeof(old));
	} else if (dice < 75 || device->death == DEVICE_KEEPS_WHOLE) {
		/* an older one */
		memcpy(stable, past[shim_below(n)], sizeof(old));
	} else {			/* torn */
		for (sector = 0; sector < sizeof(old); sector += SECTOR)
			memcpy(stable + sector, past[shim_below(n)] + sector,
			       SECTOR);
	}
	count_loss(stable, past, at, n);
}

static void die(struct cachefs_device *device)
{
	unsigned int i, j, ended = device->nr_log;
	struct device_io *dio;

	if (device->on_death)
		device->on_death();
	list_for_each_entry(dio, &device->waiting, link)
		for (i = 0; dio->write && i < dio->io.nr; i++)
			if (device->nr_log < MAX_LOG)
				log_write(device, dio->io.device_block + i,
					  dio->submitted +
					  (i << CACHEFS_BLOCK_SHIFT));
	if (device->death == DEVICE_KEEPS_ALL) {
		for (i = 0; i < ended; i++)
			memcpy(device->stable + (device->log[i].block << 12),
			       device->log[i].data, CACHEFS_BLOCK_SIZE);
	} else {
		ended = 0;
	}
	oldest_missing = UINT_MAX;
	newest_there = 0;
	if (device->death != DEVICE_KEEPS_NONE) {
		/* Settle each block once, at its first entry. */
		for (i = ended; i < device->nr_log; i++) {
			for (j = ended; j < i; j++)
				if (device->log[j].block == device->log[i].block)
					break;
			if (j == i)
				settle_block(device, i);
		}
	}
	device_losses.reordered += newest_there > oldest_missing;
	device->nr_log = 0;
	device->dead = true;
}

/* Count a write that begins.  At write @die_at the power fails. */
static void count_write(struct cachefs_device *device)
{
	device->writes++;
	if (!device->dead && device->writes == device->die_at)
		die(device);
}

static void end_write(struct device_io *dio)
{
	struct cachefs_device *device = &the_device;
	struct cachefs_io *io = &dio->io;
	u8 data[CACHEFS_BLOCK_SIZE];
	unsigned int i, sector;

	io->error = write_error(device, io->device_block, io->nr);
	for (i = 0; i < io->nr; i++) {
		const u8 *page = page_address(io->pages[i]);

		if (device->stable_pages && memcmp(dio->submitted +
					     (i << CACHEFS_BLOCK_SHIFT), page,
					     sizeof(data)))
			shim_panic("a page has changed while it was written");
		/* A page that changes meanwhile arrives in pieces. */
		memcpy(data, dio->submitted + (i << CACHEFS_BLOCK_SHIFT),
		       sizeof(data));
		for (sector = 0; sector < sizeof(data); sector += SECTOR)
			if (memcmp(data + sector, page + sector, SECTOR) &&
			    shim_chance(50))
				memcpy(data + sector, page + sector, SECTOR);
		if (arrives(io->error))
			put_block(device, io->device_block + i, data);
	}
}

static void end_read(struct device_io *dio)
{
	struct cachefs_device *device = &the_device;
	struct cachefs_io *io = &dio->io;
	unsigned int i;

	io->error = fails(device, false, io->device_block, io->nr,
			  device->read_errors) ? -EIO : 0;
	for (i = 0; i < io->nr; i++)
		if (!io->error || shim_chance(50))
			memcpy(page_address(io->pages[i]),
			       device_block(device, io->device_block + i),
			       CACHEFS_BLOCK_SIZE);
}

static void end_one(void)
{
	struct cachefs_device *device = &the_device;
	u32 n = shim_below(device->nr_waiting);
	struct device_io *dio;

	list_for_each_entry(dio, &device->waiting, link)
		if (!n--)
			break;
	list_del(&dio->link);
	device->nr_waiting--;
	if (dio->write)
		end_write(dio);
	else
		end_read(dio);
	dio->io.end(&dio->io);
}

static const struct shim_io_source io_source = {
	.waiting	= ios_waiting,
	.run_one	= end_one,
};

static void device_free(struct cachefs_device *device)
{
	if (!device->blocks)
		return;
	sparse_free(device->now, device->blocks << CACHEFS_BLOCK_SHIFT);
	sparse_free(device->stable, device->blocks << CACHEFS_BLOCK_SHIFT);
	sparse_free(device->is_touched, device->blocks * sizeof(bool));
	sparse_free(device->touched, device->blocks * sizeof(u64));
}

struct cachefs_device *device_init(u64 blocks)
{
	static struct cachefs_device spare;
	struct cachefs_device *device = &the_device;
	unsigned int i;

	/* Use the memory of the last device again, if it had this size. */
	if (spare.blocks != blocks) {
		device_free(&spare);
		spare.blocks = blocks;
		spare.now = sparse(blocks << CACHEFS_BLOCK_SHIFT);
		spare.stable = sparse(blocks << CACHEFS_BLOCK_SHIFT);
		spare.is_touched = sparse(blocks * sizeof(bool));
		spare.touched = sparse(blocks * sizeof(u64));
	}
	for (i = 0; i < device->nr_touched && device->blocks == blocks; i++) {
		u64 at = device->touched[i] << CACHEFS_BLOCK_SHIFT;

		memset(device->now + at, 0, CACHEFS_BLOCK_SIZE);
		memset(device->stable + at, 0, CACHEFS_BLOCK_SIZE);
		device->is_touched[device->touched[i]] = false;
	}
	*device = spare;
	if (!log_blocks) {
		log_blocks = sparse(MAX_LOG * sizeof(*log_blocks));
		log_blocks[0].data = sparse((u64)MAX_LOG << CACHEFS_BLOCK_SHIFT);
		for (i = 1; i < MAX_LOG; i++)
			log_blocks[i].data = log_blocks[i - 1].data +
					     CACHEFS_BLOCK_SIZE;
	}
	device->log = log_blocks;
	device->reserve = -1;
	INIT_LIST_HEAD(&device->waiting);
	shim_set_io_source(&io_source);
	return device;
}

void device_power_on(struct cachefs_device *device)
{
	unsigned int i;

	if (device->nr_waiting)
		shim_panic("I/O is still under way");
	for (i = 0; device->dead && i < device->nr_touched; i++) {
		u64 block = device->touched[i];

		memcpy(device_block(device, block), device->stable +
		       (block << CACHEFS_BLOCK_SHIFT), CACHEFS_BLOCK_SIZE);
	}
	device->dead = false;
	device->die_at = 0;
}

void device_power_cycle(struct cachefs_device *device, enum device_death death)
{
	u64 die_at = device->die_at;

	device->on_death = NULL;
	device->death = death;
	die(device);
	device_power_on(device);
	device->die_at = die_at;
}

/* The functions of the core's device.c */

u64 cachefs_device_blocks(struct cachefs_device *device)
{
	return device->blocks;
}

const char *cachefs_device_name(struct cachefs_device *device)
{
	(void)device;
	return "memory";
}

int cachefs_device_read(struct cachefs_device *device, u64 block, void *buffer,
			unsigned int nr, blk_opf_t flags)
{
	might_sleep();
	check_range(device, block, nr);
	device->reads++;
	if (device->reading)
		device->reading();
	/* Run completions only: the caller may hold load_mutex, which work may take. */
	while (device->nr_waiting && shim_chance(30)) {
		shim_irq_enter();
		end_one();
		shim_irq_exit();
	}
	if (fails(device, false, block, nr, device->read_errors))
		return -EIO;
	memcpy(buffer, device_block(device, block),
	       (size_t)nr << CACHEFS_BLOCK_SHIFT);
	return 0;
}

int cachefs_device_write(struct cachefs_device *device, u64 block,
			 const void *buffer, unsigned int nr, blk_opf_t flags)
{
	const u8 *bytes = buffer;
	unsigned int i;
	int ret;

	might_sleep();
	check_range(device, block, nr);
	if (device->meanwhile)
		device->meanwhile();
	count_write(device);
	if (flags & REQ_PREFLUSH)
		flush(device);
	ret = write_error(device, block, nr);
	for (i = 0; i < nr; i++) {
		if (arrives(ret))
			put_block(device, block + i,
				  bytes + (i << CACHEFS_BLOCK_SHIFT));
		/* The power may also fail within a longer write, or at its end. */
		if (i < nr - 1 || flags)
			count_write(device);
	}
	for (i = 0; flags & REQ_FUA && !ret && i < nr; i++)
		make_durable(device, block + i);
	return ret;
}

bool cachefs_device_can_discard(struct cachefs_device *device, unsigned int bytes)
{
	return device->discards;
}

/* A discarded block keeps its content, or has zeros. */
int cachefs_device_discard(struct cachefs_device *device, u64 block, unsigned int nr)
{
	static const u8 zeros[CACHEFS_BLOCK_SIZE];
	unsigned int i;
	int ret = 0;

	might_sleep();
	if (!device->discards)
		return -EOPNOTSUPP;
	for (i = 0; !ret && i < nr; i++)
		if (shim_chance(50))
			ret = cachefs_device_write(device, block + i, zeros, 1, 0);
	return ret;
}

int cachefs_device_signature(struct cachefs_device *device, const char **what)
{
	u64 last = device->blocks - 1;

	*what = "unknown data";
	if (fails(device, false, 0, 1, device->read_errors))
		return -EIO;
	if (!memcmp(device_block(device, 0), CACHEFS_SUPER_MAGIC, 8))
		return CACHEFS_SIGNATURE_OWN;
	return memchr_inv(device_block(device, 0), 0, 3 * CACHEFS_BLOCK_SIZE) ||
		memchr_inv(device_block(device, last), 0, CACHEFS_BLOCK_SIZE) ?
		CACHEFS_SIGNATURE_FOREIGN : CACHEFS_SIGNATURE_BLANK;
}

/* Write zeros to the blocks from @block up to @end. */
static int wipe(struct cachefs_device *device, u64 block, u64 end)
{
	static const u8 zeros[CACHEFS_BLOCK_SIZE];
	int ret = 0;

	for (; !ret && block < end; block++)
		ret = cachefs_device_write(device, block, zeros, 1, 0);
	return ret;
}

int cachefs_device_wipe(struct cachefs_device *device)
{
	int ret = wipe(device, device->blocks - CACHEFS_LAST_BLOCKS,
		       device->blocks);

	return ret ?: wipe(device, CACHEFS_ANCHOR_BLOCK + 2, CACHEFS_FIRST_BLOCK);
}

/* Take memory for a store, if there is any. */
static bool from_reserve(struct cachefs_device *device)
{
	if (device->reserve > 0)
		return device->reserve--;
	return device->reserve;
}

struct cachefs_io *cachefs_io_alloc(struct cachefs_cache *cache, bool write,
				    unsigned int nr)
{
	struct cachefs_device *device = cache->device;
	struct device_io *dio;

	if (write && !from_reserve(device))
		return NULL;
	if (!nr || nr > CACHEFS_CHUNK_BLOCKS)
		shim_panic("an I/O of %u blocks", nr);
	/* Two callers with two reads each could wait for each other's reserve. */
	if (!write) {
		might_sleep();
		if (device->unsubmitted++)
			shim_panic("a read is allocated while another is not submitted");
	}
	dio = kzalloc(sizeof(*dio), GFP_NOIO | __GFP_NOFAIL);
	dio->write = write;
	dio->io.cache = cache;
	dio->io.nr = nr;
	return &dio->io;
}

void cachefs_io_submit(struct cachefs_io *io)
{
	struct device_io *dio = container_of(io, struct device_io, io);
	struct cachefs_device *device = io->cache->device;
	unsigned int i;

	might_sleep();
	check_range(device, io->device_block, io->nr);
	if (dio->write && device->blocks_writers)
		shim_panic("who stores waits for the device");
	if (!dio->write)
		device->unsubmitted--;
	if (dio->write) {
		dio->submitted = kmalloc(io->nr << CACHEFS_BLOCK_SHIFT,
					 GFP_NOIO | __GFP_NOFAIL);
		for (i = 0; i < io->nr; i++)
			memcpy(dio->submitted + (i << CACHEFS_BLOCK_SHIFT),
			       page_address(io->pages[i]), CACHEFS_BLOCK_SIZE);
		count_write(device);
	}
	list_add_tail(&dio->link, &device->waiting);
	device->nr_waiting++;
}

void cachefs_io_free(struct cachefs_io *io)
{
	struct device_io *dio = container_of(io, struct device_io, io);

	kfree(dio->submitted);
	kfree(dio);
}

bool cachefs_device_stable_writes(struct cachefs_device *device)
{
	if (device->stable_flips)
		device->stable_pages = !device->stable_pages;
	return device->stable_pages;
}

struct page *cachefs_copy_page_alloc(struct cachefs_device *device)
{
	if (!from_reserve(device))
		return NULL;
	return alloc_page(GFP_NOIO | __GFP_NOFAIL);
}

void cachefs_copy_page_free(struct cachefs_device *device, struct page *page)
{
	(void)device;
	__free_page(page);
}
