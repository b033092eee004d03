// SPDX-License-Identifier: GPL-2.0
/*
 * The log: a ring of regions, and the metadata that says what is in them.
 *
 * The store path takes slots of the open region and never waits.  One work item,
 * cachefs_log_work(), makes READY regions ahead of the stores, and writes metadata behind
 * them.  Final metadata blocks are written once, when all their slots are published or
 * abandoned.  At intervals the records so far of the first unfinished block are written
 * to two scratch blocks in turn.  So a torn write costs the records of a few seconds, and
 * no older ones.
 */
#include <linux/err.h>
#include <linux/random.h>
#include <trace/events/cachefs.h>
#include "internal.h"

/* The interval at which the metadata of the open region is written. */
#define CACHEFS_FLUSH_INTERVAL	(5 * HZ)
/* The time until the next try if there was no memory, or no region to reuse. */
#define CACHEFS_RETRY_INTERVAL	(HZ / 10)

static u32 log_slots_in_meta(const struct cachefs_geometry *geo, u32 index)
{
	u32 first = index * CACHEFS_RECORDS_PER_BLOCK;

	return min_t(u32, CACHEFS_RECORDS_PER_BLOCK, geo->slots - first);
}

static void log_free_region(struct cachefs_open_region *open)
{
	if (!open)
		return;
	kvfree(open->meta);
	kfree(open);
}

/* Allocate the state of a region that is written, in its round @seq; or return %NULL. */
static struct cachefs_open_region *log_alloc_region(struct cachefs_cache *cache, u32 nr,
						    u64 seq)
{
	struct cachefs_geometry *geo = &cache->geo;
	struct cachefs_open_region *open;
	u32 i;

	open = kzalloc(sizeof(*open), GFP_NOIO | __GFP_NOWARN);
	if (!open)
		return NULL;
	open->meta = kvcalloc(geo->meta_blocks, sizeof(*open->meta),
			      GFP_NOIO | __GFP_NOWARN);
	if (!open->meta) {
		kfree(open);
		return NULL;
	}
	open->nr = nr;
	open->left = geo->slots;
	open->scratch_nr = U32_MAX;
	for (i = 0; i < geo->meta_blocks; i++)
		cachefs_block_init(&open->meta[i].header, CACHEFS_META_MAGIC,
				   cache, nr, seq, i);
	return open;
}

static int log_write_meta(struct cachefs_cache *cache, u32 region, u32 block,
			  const struct cachefs_meta_block *meta, u32 nr)
{
	u64 at = cachefs_region_start(&cache->geo, region) + block;

	if (READ_ONCE(cache->state) == CACHEFS_FAILED)
		return -EIO;
	return cachefs_transfer(cache, true, at, (void *)meta, nr, 0);
}

/* Note that some metadata of a region could not be written. */
static void log_write_failed(struct cachefs_cache *cache, u32 region)
{
	WRITE_ONCE(cache->regions[region].unwritten, true);
	/* Errors of tries that are so far apart are not in a row. */
	cache->next_meta_try = jiffies + CACHEFS_ERROR_MEMORY + HZ;
}

/*
 * Write the records so far of the first unfinished metadata block to a scratch block, if
 * there are more than last time.  If that scratch block is bad, write to the other
 * scratch block.
 */
static int log_write_scratch(struct cachefs_cache *cache,
			     struct cachefs_open_region *open, u32 index)
{
	struct cachefs_meta_block *scratch = cache->scratch;
	int ret, tries = 0;
	u32 nr;

	read_lock(&cache->index_lock);
	nr = open->resolved[index];
	memcpy(scratch, &open->meta[index], sizeof(*scratch));
	read_unlock(&cache->index_lock);
	if (nr == open->scratch_nr && index == open->scratch_index)
		return 0;

	scratch->header.nr = cpu_to_le32(nr);
	cachefs_block_seal(&scratch->header, cache->seed);
	do {
		ret = log_write_meta(cache, open->nr,
				     cache->geo.meta_blocks + open->scratch_turn,
				     scratch, 1);
		open->scratch_turn = (open->scratch_turn + 1) % CACHEFS_SCRATCH_BLOCKS;
	} while (ret && ret != -ENOSPC && ++tries < CACHEFS_SCRATCH_BLOCKS);
	if (ret) {
		log_write_failed(cache, open->nr);
		return ret;
	}
	open->scratch_nr = nr;
	open->scratch_index = index;
	return 0;
}

/*
 * Write a run of finished metadata blocks.  If that fails, write each block by itself: a
 * bad block costs only itself.  If the device takes nothing, all blocks have to wait.
 */
static void log_write_run(struct cachefs_cache *cache, struct cachefs_open_region *open,
			  u32 first, u32 nr)
{
	u32 i;

	if (!log_write_meta(cache, open->nr, first, &open->meta[first], nr)) {
		bitmap_set(open->written, first, nr);
		return;
	}
	log_write_failed(cache, open->nr);
	for (i = 0; nr > 1 && i < nr && !READ_ONCE(cache->stores_stopped); i++)
		log_write_run(cache, open, first + i, 1);
}

/* Write the metadata blocks of a region that are finished, in runs. */
static void log_write_finished(struct cachefs_cache *cache,
			       struct cachefs_open_region *open)
{
	struct cachefs_geometry *geo = &cache->geo;
	u32 first, end;

	for (first = 0; first < geo->meta_blocks; first = end + 1) {
		for (end = first; end < geo->meta_blocks; end++) {
			struct cachefs_block_header *header =
				&open->meta[end].header;
			/* Pairs with slots_resolve(): all records are there. */
			u32 nr = smp_load_acquire(&open->resolved[end]);

			if (test_bit(end, open->written) ||
			    nr != log_slots_in_meta(geo, end))
				break;
			header->nr = cpu_to_le32(nr);
			cachefs_block_seal(header, cache->seed);
		}
		if (end > first)
			log_write_run(cache, open, first, end - first);
	}
}

static void log_write_region(struct cachefs_cache *cache,
			     struct cachefs_open_region *open)
{
	u32 index;

	/* All blocks that were not written before are tried again. */
	WRITE_ONCE(cache->regions[open->nr].unwritten, false);
	log_write_finished(cache, open);
	index = find_first_zero_bit(open->written, cache->geo.meta_blocks);
	if (index < cache->geo.meta_blocks)
		log_write_scratch(cache, open, index);
}

static void log_free_checksums(struct cachefs_cache *cache,
			       struct cachefs_region *region)
{
	cachefs_checksums_free(cache, xchg(&region->checksums, NULL));
}

/* Whether metadata that could not be written can perhaps be written later. */
static bool log_is_worth_keeping(struct cachefs_cache *cache,
				 const struct cachefs_open_region *open)
{
	return (READ_ONCE(cache->stores_stopped) ||
		READ_ONCE(cache->state) == CACHEFS_FAILED) &&
		!bitmap_full(open->written, cache->geo.meta_blocks);
}

/* Write the metadata of full regions.  Those whose last store has ended become SEALED. */
static void log_write_sealing(struct cachefs_cache *cache)
{
	struct cachefs_open_region *open, *next;
	LIST_HEAD(full);

	spin_lock(&cache->log_lock);
	list_splice_init(&cache->sealing, &full);
	spin_unlock(&cache->log_lock);

	list_for_each_entry_safe(open, next, &full, link) {
		/*
		 * Read this before writing, so that all counted records get written.
		 * Pairs with slots_resolve().
		 */
		bool done = !smp_load_acquire(&open->left);

		log_write_region(cache, open);
		if (!done || log_is_worth_keeping(cache, open))
			continue;
		/* The region is SEALED even after an error: lost blocks are only cold. */
		spin_lock(&cache->log_lock);
		list_del(&open->link);
		/* cachefs_region_holds() and slots_resolve() read it under this lock. */
		write_lock(&cache->index_lock);
		WRITE_ONCE(cache->regions[open->nr].open, NULL);
		write_unlock(&cache->index_lock);
		cachefs_region_set_state(cache, open->nr, CACHEFS_REGION_SEALED);
		spin_unlock(&cache->log_lock);
		log_free_region(open);
	}

	spin_lock(&cache->log_lock);
	list_splice(&full, &cache->sealing);
	spin_unlock(&cache->log_lock);
}

/*
 * Write the metadata that is due.  Returns whether a region is open: the metadata of an
 * open region will be due again.
 */
static bool log_write(struct cachefs_cache *cache)
{
	struct cachefs_open_region *current_region;

	lockdep_assert_held(&cache->flush_mutex);
	log_write_sealing(cache);
	/* Only this work item seals regions and frees their buffers. */
	spin_lock(&cache->log_lock);
	current_region = cache->current_region;
	spin_unlock(&cache->log_lock);
	if (!current_region)
		return false;
	/* A bad block is not tried again and again while no other write works. */
	if (READ_ONCE(cache->errors[1].nr) && time_before(jiffies, cache->next_meta_try))
		return true;
	log_write_finished(cache, current_region);
	if (time_after_eq(jiffies, cache->next_flush)) {
		log_write_region(cache, current_region);
		cache->next_flush = jiffies + CACHEFS_FLUSH_INTERVAL;
	}
	return true;
}

static void log_set_reinserting(struct cachefs_cache *cache, bool reinserting)
{
	spin_lock(&cache->log_lock);
	cache->reinserting = reinserting;
	spin_unlock(&cache->log_lock);
}

/* Store the extents of a region again that were read, before the region is reused. */
static void log_reinsert(struct cachefs_cache *cache, u32 nr)
{
	struct cachefs_reinsert reinsert = { .region = nr };

	/* Pin it as a reader does, so that the shrinker keeps the checksums. */
	atomic_inc(&cache->regions[nr].pins);
	log_set_reinserting(cache, true);
	while (cachefs_reinsert(cache, &reinsert)) {
		/* The whole loop may take long. */
		if (time_after_eq(jiffies, cache->next_flush))
			log_write(cache);
	}
	log_set_reinserting(cache, false);
	cachefs_reinsert_end(&reinsert);
	cachefs_region_unpin(cache, nr);
}

/*
 * Forget the blocks of a region, except blocks that stay.  Returns whether that was
 * done.  If not, the blocks that are left have another chance to stay.
 */
static bool log_let_go(struct cachefs_cache *cache, u32 nr)
{
	log_reinsert(cache, nr);
	if (!cachefs_usable(cache) || cachefs_pace_stuck(cache))
		return false;
	cachefs_region_free(cache, nr);
	return true;
}

/*
 * Whether a region that is not open can be written.  A scratch block is read, and the
 * same is written again, because no other block may have these records.  A block that
 * cannot be read does not count as a read error.  If its region is @next, zeros are
 * written instead, so that a device that is gone shows by write errors.
 */
static bool log_rewrites(struct cachefs_cache *cache, u32 nr, bool next)
{
	u64 block = cachefs_region_start(&cache->geo, nr) + cache->geo.meta_blocks;

	if (cachefs_device_read(cache->device, block, cache->scratch, 1, 0)) {
		if (!next)
			return false;
		memset(cache->scratch, 0, sizeof(*cache->scratch));
	}
	return !cachefs_transfer(cache, true, block, cache->scratch, 1, 0);
}

/*
 * Whether the device takes writes.  If writes have failed in a row, for more than a
 * second, no region is let go before a write has worked: the device may have become
 * read-only, and cached blocks can still be read.  If only this region cannot be written,
 * the log goes on.
 */
static bool log_can_write(struct cachefs_cache *cache, u32 nr)
{
	u32 other;

	if (likely(READ_ONCE(cache->errors[1].nr) < 2 && !READ_ONCE(cache->stores_stopped)))
		return true;
	other = get_random_u32() % cache->geo.nr_regions;
	return log_rewrites(cache, nr, true) ||
		(!cache->regions[other].open && log_rewrites(cache, other, false));
}

/* Make one more region READY.  Returns -EAGAIN if that has to wait. */
static int log_prepare_region(struct cachefs_cache *cache)
{
	u32 nr = cache->head;
	struct cachefs_region *region = &cache->regions[nr];
	struct cachefs_open_region *open;
	u64 *checksums;

	/* The ring is full of regions that are still being written. */
	if (region->open)
		return -EAGAIN;

	if (!log_can_write(cache, nr) || !log_let_go(cache, nr))
		return -EAGAIN;
	/* Do not wait for readers, because their disk may hang. */
	if (cachefs_region_pinned(region))
		return -EAGAIN;
	log_free_checksums(cache, region);
	region->lost = false;
	WRITE_ONCE(region->unwritten, false);

	open = log_alloc_region(cache, nr, cache->next_seq);
	checksums = cachefs_checksums_alloc(cache, GFP_NOIO | __GFP_NOWARN);
	/*
	 * After this write the disk says that the old content does not count.  The write
	 * is only a hint, which saves checksum errors after a crash.  But if the region
	 * was never written, or was discarded, and there is no room for it below the
	 * device, the log stays where it is.
	 */
	if (!open || !checksums ||
	    cachefs_index_reserve(cache, cachefs_full_regions(cache)) ||
	    (log_write_scratch(cache, open, 0) == -ENOSPC && !region->seq)) {
		log_free_region(open);
		cachefs_checksums_free(cache, checksums);
		return -EAGAIN;
	}

	region->seq = cache->next_seq;
	WRITE_ONCE(cache->next_seq, region->seq + 1);
	WRITE_ONCE(region->checksums, checksums);
	cachefs_index_sweep(cache, false);
	WRITE_ONCE(cache->head, (nr + 1) % cache->geo.nr_regions);
	cache->let_go -= min(cache->let_go, 1U);
	WRITE_ONCE(cache->unscanned, cache->unscanned - min(cache->unscanned, 1U));
	cachefs_reinsert_more(cache);
	spin_lock(&cache->log_lock);
	region->open = open;
	cachefs_region_set_state(cache, nr, CACHEFS_REGION_READY);
	list_add_tail(&open->link, &cache->ready);
	WRITE_ONCE(cache->nr_ready, cache->nr_ready + 1);
	spin_unlock(&cache->log_lock);
	return 0;
}

/*
 * Tell the device that a region holds nothing, if the administrator wants this.  No reader
 * has pinned the region.  A region that is reused at once is not worth a discard.
 */
static void log_discard(struct cachefs_cache *cache, u32 nr)
{
	struct cachefs_geometry *geo = &cache->geo;

	if (!READ_ONCE(cache->discard) || !cache->regions[nr].seq ||
	    cachefs_device_discard(cache->device, cachefs_region_start(geo, nr),
				   geo->region_blocks))
		return;
	/* The next write may find no room below the device, see log_prepare_region(). */
	cache->regions[nr].seq = 0;
	cachefs_stat_add(cache, CACHEFS_STAT_DEVICE_DISCARDED_BYTES,
			 (u64)geo->region_blocks << CACHEFS_BLOCK_SHIFT);
}

/* Let go of the oldest region that has extents.  Returns whether there was one. */
static bool log_let_oldest_go(struct cachefs_cache *cache)
{
	struct cachefs_region *region;
	u32 nr;

	for (; cache->let_go < cache->geo.nr_regions; cache->let_go++) {
		nr = (cache->head + cache->let_go) % cache->geo.nr_regions;
		region = &cache->regions[nr];
		cond_resched();
		if (region->open)
			break;
		if (!READ_ONCE(region->nr_extents))
			continue;
		if (!log_let_go(cache, nr))
			break;
		if (!cachefs_region_pinned(region)) {
			log_free_checksums(cache, region);
			if (!cache->unscanned)
				log_discard(cache, nr);
		}
		/* A recovery that waits for memory reads this region again. */
		if (cache->unscanned)
			WRITE_ONCE(cache->unscanned, cache->let_go + 1);
		return true;
	}
	return false;
}

/*
 * If the index has too little memory, let go of the oldest regions before they are
 * needed.  A recovery reserves pages for each region.  If pages are left, only a single
 * page was too full, and no region goes for that.  At the bound of the index a recovery
 * ends, because all regions that it has not read yet are older.  Returns whether there
 * may be more to do.
 */
static bool log_trim_index(struct cachefs_cache *cache)
{
	u64 extents = READ_ONCE(cache->nr_extents), go = 0;
	u32 pages = cachefs_index_trim(cache);
	struct cachefs_index *index = &cache->index;
	bool went = false;

	lockdep_assert_held(&cache->flush_mutex);
	if (pages)
		go = DIV_ROUND_UP_ULL(extents * pages, READ_ONCE(index->nr_pages));
	else if (READ_ONCE(index->crowded) &&
		 (!cache->unscanned ||
		  READ_ONCE(index->nr_pages) == READ_ONCE(index->nr_allocated)))
		go = cache->geo.slots;
	WRITE_ONCE(index->crowded, false);
	if (go && cachefs_index_full(cache))
		WRITE_ONCE(cache->unscanned, 0);
	while (go && READ_ONCE(cache->nr_extents) + go > extents &&
	       log_let_oldest_go(cache))
		went = true;
	if (pages) {
		cachefs_index_sweep(cache, true);
		cachefs_index_reserve(cache, 0);
	}
	return went;
}

/**
 * cachefs_log_work - Look after the log: write metadata, make regions READY
 * @work: cache::log_work
 *
 * Context: process, may sleep.
 */
void cachefs_log_work(struct work_struct *work)
{
	struct cachefs_cache *cache = container_of(to_delayed_work(work),
						   struct cachefs_cache, log_work);
	unsigned long delay = 0;

	mutex_lock(&cache->flush_mutex);
	cachefs_check_device(cache);
	for (;;) {
		if (log_write(cache))
			delay = CACHEFS_FLUSH_INTERVAL;
		if (!cachefs_usable(cache))
			break;
		if (READ_ONCE(cache->nr_ready) >= cachefs_ready_regions(cache)) {
			if (!log_trim_index(cache))
				break;
		} else if (log_prepare_region(cache)) {
			delay = CACHEFS_RETRY_INTERVAL;
			break;
		}
	}
	if (delay && READ_ONCE(cache->stores_stopped))
		delay = CACHEFS_ROOM_INTERVAL;
	if (cachefs_usable(cache))
		delay = min_not_zero(delay, cachefs_recover_more(cache));
	mutex_unlock(&cache->flush_mutex);

	if (delay && cachefs_usable(cache))
		queue_delayed_work(cache->log_wq, &cache->log_work, delay);
}

/*
 * Forget the blocks whose records the disk did not take, because the next attach could
 * not verify these blocks.
 */
static void log_forget_unwritten(struct cachefs_cache *cache)
{
	u32 nr;

	for (nr = 0; nr < cache->geo.nr_regions; nr++) {
		cond_resched();
		if (!cache->regions[nr].unwritten)
			continue;
		/* Loading drops all blocks without a record. */
		log_free_checksums(cache, &cache->regions[nr]);
		if (IS_ERR(cachefs_region_load_checksums(cache, nr, 0, 0)))
			cachefs_index_forget(cache, nr);
	}
}

/**
 * cachefs_log_seal_all - Write all metadata, and forget the blocks without records
 * @cache: no read or store is under way
 *
 * Context: process, may sleep.
 */
void cachefs_log_seal_all(struct cachefs_cache *cache)
{
	mutex_lock(&cache->flush_mutex);
	log_write_sealing(cache);
	if (cache->current_region)
		log_write_region(cache, cache->current_region);
	log_forget_unwritten(cache);
	mutex_unlock(&cache->flush_mutex);
}

/**
 * cachefs_log_free - Free the buffers of READY, OPEN and full regions
 * @cache: nothing uses it any more
 */
void cachefs_log_free(struct cachefs_cache *cache)
{
	u32 i;

	for (i = 0; cache->regions && i < cache->geo.nr_regions; i++)
		log_free_region(cache->regions[i].open);
}
