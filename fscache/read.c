// SPDX-License-Identifier: GPL-2.0
/*
 * Lookup, and reads that are verified: a page gets the bytes that were stored
 * as this block of this version, or the read fails as a whole.
 */
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/sched/signal.h>
#include <trace/events/cachefs.h>
#include "internal.h"

/**
 * cachefs_lookup - Find the run of blocks that are all cached, or all missing
 * @cache: the cache
 * @version: the version of the blocks
 * @block: first file block
 * @nr: number of blocks, at least 1
 * @cached: whether @block is cached
 *
 * This is advice: a block that is cached now may be gone when it is read.  While the
 * device is stuck, or slower than the server, cached blocks count as missing.
 *
 * Context: process; does not sleep.  Takes index_lock only if a writer is held up.
 * Return: the number of blocks from @block on that are all cached, or all missing,
 * 1 to @nr.
 */
unsigned int cachefs_lookup(struct cachefs_cache *cache,
			    const struct cachefs_version *version,
			    u64 block, unsigned int nr, bool *cached)
{
	u32 slots[CACHEFS_CHUNK_BLOCKS];
	unsigned int done = 0, part, i;

	*cached = false;
	if (!cachefs_usable(cache))
		done = nr;
	while (done < nr) {
		part = min_t(u64, nr - done, CACHEFS_CHUNK_BLOCKS -
			     (block + done) % CACHEFS_CHUNK_BLOCKS);
		cachefs_index_map(cache, version, block + done, part, slots,
				  CACHEFS_MAP_LOOK);
		if (!done)
			*cached = slots[0] != CACHEFS_NO_REF;
		for (i = 0; i < part && (slots[i] != CACHEFS_NO_REF) == *cached; i++)
			;
		done += i;
		if (i < part)
			break;
	}
	if (*cached && cachefs_pace_bypass(cache))
		*cached = false;
	trace_cachefs_lookup(version->id, block, done, *cached);
	return done;
}

static void read_put(struct cachefs_read *read)
{
	struct cachefs_cache *cache = read->cache;

	if (!atomic_dec_and_test(&read->pending))
		return;
	trace_cachefs_read(read);
	read->done(read);
	cachefs_op_end(cache);
}

/* Whether the pages hold what was stored. */
static bool read_matches(struct cachefs_io *io, const u64 *checksums)
{
	struct cachefs_cache *cache = io->cache;
	struct cachefs_read *read = io->owner;
	unsigned int i;

	for (i = 0; i < io->nr; i++) {
		void *data = kmap_local_page(io->pages[i]);
		u64 sum = cachefs_data_checksum(cache->seed, read->version.id,
						io->block + i, data);

		kunmap_local(data);
		if (sum != checksums[io->slot + i])
			return false;
	}
	return true;
}

static void read_io_finish(struct cachefs_io *io)
{
	struct cachefs_read *read = io->owner;

	cachefs_region_unpin(io->cache, io->region);
	cachefs_io_free(io);
	read_put(read);
}

/*
 * Verify the data of an I/O.  Returns 0, or the error that the caller is told.  @why is
 * the reason to drop the extents, or %CACHEFS_WHY_NONE.
 */
static int read_verify(struct cachefs_io *io, enum cachefs_reason *why)
{
	struct cachefs_cache *cache = io->cache;
	struct cachefs_read *read = io->owner;
	const u64 *checksums;

	checksums = cachefs_region_load_checksums(cache, io->region, io->slot,
						  io->nr);
	if (IS_ERR(checksums)) {
		*why = PTR_ERR(checksums) == -ENOMEM ? CACHEFS_WHY_NONE :
						       CACHEFS_WHY_METADATA;
		return PTR_ERR(checksums);
	}
	if (read_matches(io, checksums))
		return 0;
	*why = CACHEFS_WHY_CHECKSUM;
	/* The index may have found another block. */
	if (!cachefs_region_holds(cache, io->region, io->slot, read->version.id,
				  io->block))
		return -ENODATA;
	cachefs_stat_add(cache, CACHEFS_STAT_CHECKSUM_ERRORS, 1);
	pr_warn_ratelimited("%s: checksum mismatch at block %llu, read from the server instead\n",
			    cachefs_device_name(cache->device),
			    (unsigned long long)io->device_block);
	return -EUCLEAN;
}

/* Verify a read in process context, or handle its error. */
static void read_io_work(struct work_struct *work)
{
	struct cachefs_io *io = container_of(work, struct cachefs_io, work);
	struct cachefs_read *read = io->owner;
	struct cachefs_cache *cache = io->cache;
	enum cachefs_reason why = CACHEFS_WHY_DEVICE;
	int ret = io->error;

	if (ret)
		cachefs_io_error(cache, false, io->device_block, ret);
	else
		ret = read_verify(io, &why);
	if (ret) {
		/* Before the caller knows, or the caller would find it again. */
		if (why) {
			cachefs_index_drop(cache, read->version.id, io->block,
					   io->nr);
			trace_cachefs_drop(read->version.id, io->block,
					   (u64)io->nr << CACHEFS_BLOCK_SHIFT,
					   why);
		}
		/* If there are several errors, any of them will do. */
		WRITE_ONCE(read->error, ret);
	}
	read_io_finish(io);
}

/* The device has completed an I/O.  Called in any context. */
static void read_io_end(struct cachefs_io *io)
{
	struct cachefs_cache *cache = io->cache;
	const u64 *checksums;

	cachefs_pace_end(io, false);
	if (!io->error)
		cachefs_io_worked(cache, false);
	/* Pairs with cachefs_region_load_checksums(). */
	checksums = smp_load_acquire(&cache->regions[io->region].checksums);
	if (!io->error &&
	    (io->nr << CACHEFS_BLOCK_SHIFT) <= CACHEFS_INLINE_VERIFY &&
	    checksums && read_matches(io, checksums)) {
		read_io_finish(io);
		return;
	}
	INIT_WORK(&io->work, read_io_work);
	queue_work(cache->read_wq, &io->work);
}

/* Read @nr consecutive slots into @pages.  The region is pinned once for this. */
static void read_run(struct cachefs_read *read, u64 block, u32 slot_ref,
		     struct page **pages, unsigned int nr)
{
	struct cachefs_cache *cache = read->cache;
	struct cachefs_io *io;

	io = cachefs_io_alloc(cache, false, nr);
	io->pages = pages;
	io->block = block;
	io->region = slot_ref >> cache->ref_shift;
	io->slot = cachefs_ref_slot(cache, slot_ref);
	io->device_block = cachefs_slot_block(&cache->geo, io->region, io->slot);
	io->end = read_io_end;
	io->owner = read;
	atomic_inc(&read->pending);
	cachefs_stat_add(cache, CACHEFS_STAT_DEVICE_READ_BYTES,
			 (u64)nr << CACHEFS_BLOCK_SHIFT);
	cachefs_pace_begin(io, false);
	cachefs_io_submit(io);
}

/**
 * cachefs_read - Read blocks from the cache
 * @read: the request; @done is called exactly once, maybe before this returns
 *
 * Runs of blocks that follow each other on the device become one I/O.  If any
 * block is missing, or is not what was stored, the whole read fails, and the
 * content of the pages means nothing.  Bad extents are dropped before @done.
 *
 * Context: process, may sleep (for memory of the cache's own reserves).
 */
void cachefs_read(struct cachefs_read *read)
{
	struct cachefs_cache *cache = read->cache;
	u32 slots[CACHEFS_CHUNK_BLOCKS];
	unsigned int done = 0, part, i, run;

	cachefs_op_begin(cache);
	read->began_ns = trace_cachefs_read_enabled() ? ktime_get_ns() : 0;
	read->error = 0;
	atomic_set(&read->pending, 1);
	if (!cachefs_usable(cache))
		WRITE_ONCE(read->error, -ENODATA);

	while (done < read->nr && !READ_ONCE(read->error)) {
		u64 block = read->block + done;

		part = min_t(u64, read->nr - done, CACHEFS_CHUNK_BLOCKS -
			     block % CACHEFS_CHUNK_BLOCKS);
		cachefs_index_map(cache, &read->version, block, part, slots,
				  CACHEFS_MAP_READ);
		for (i = 0; i < part; i += run) {
			run = cachefs_slots_run(cache, slots + i, part - i);
			if (slots[i] == CACHEFS_NO_REF) {
				WRITE_ONCE(read->error, -ENODATA);
				continue;
			}
			read_run(read, block + i, slots[i],
				 &read->pages[done + i], run);
		}
		done += part;
	}
	read_put(read);
}

/**
 * cachefs_visit_cached - Visit the cached blocks of a version, and count their bytes
 * @cache: the cache
 * @version: the version
 * @size: of the file, bytes
 * @count: only count the blocks, or also drop them, or also note them as read
 *
 * Looks only at the index, however slow the device is.  A caller that drops blocks has
 * made the stores of the version invalid before.
 *
 * Context: process, may sleep.
 * Return: bytes; -ENXIO if the cache finds nothing any more; -EINTR after a signal, as a
 * sparse file may have so many blocks that counting takes days.
 */
s64 cachefs_visit_cached(struct cachefs_cache *cache,
			 const struct cachefs_version *version, u64 size,
			 enum cachefs_count count)
{
	enum cachefs_map map = count == CACHEFS_COUNT_NOTE_READ ? CACHEFS_MAP_NOTE :
								  CACHEFS_MAP_LOOK;
	u32 slots[CACHEFS_CHUNK_BLOCKS];
	u64 block, blocks = DIV_ROUND_UP_ULL(size, CACHEFS_BLOCK_SIZE);
	unsigned int part, nr, i;
	s64 bytes = 0;

	/* Wait until stores that were found valid before are published. */
	if (count == CACHEFS_COUNT_DROP)
		flush_workqueue(cache->wq);
	for (block = 0; cachefs_usable(cache); block += part) {
		if (block >= blocks)
			return bytes;
		if (signal_pending(current))
			return -EINTR;
		part = min_t(u64, blocks - block, CACHEFS_CHUNK_BLOCKS);
		cachefs_index_map(cache, version, block, part, slots, map);
		for (i = 0, nr = 0; i < part; i++)
			nr += slots[i] != CACHEFS_NO_REF;
		bytes += (u64)nr << CACHEFS_BLOCK_SHIFT;
		/* The last block of a file may not be whole. */
		if (block + part == blocks && slots[part - 1] != CACHEFS_NO_REF)
			bytes -= (blocks << CACHEFS_BLOCK_SHIFT) - size;
		/* A lookup may miss an extent that is just being moved. */
		if (count == CACHEFS_COUNT_DROP)
			cachefs_index_drop(cache, version->id, block, part);
		cond_resched();
	}
	return -ENXIO;
}
