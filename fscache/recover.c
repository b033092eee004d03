// SPDX-License-Identifier: GPL-2.0
/*
 * Fill the index from the device: an attach after any stop.
 *
 * After a clean detach the index comes from the checkpoint.  Otherwise, or if
 * anything about the checkpoint is wrong, the attach only finds out where the log goes
 * on.  The metadata of the regions is read afterwards, the newest first, while the cache
 * is in use.
 *
 * An attach makes regions READY one after the other, and numbers them in that order.
 * So the anchor, or one region with its sequence number, gives the place of all others:
 * the region with @count in the lower part of its sequence number is number
 * (base + @count) % nr_regions.
 */
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/random.h>
#include "internal.h"

/*
 * The number of regions that are read at a time.  A disk mostly waits if regions are read
 * one after the other.
 */
#define RECOVER_READERS		16
/* The number of regions while reads and stores are under way. */
#define RECOVER_READERS_BUSY	2
/* The number of runs that are inserted in one hold of index_lock. */
#define RECOVER_RUNS		64
/* The time after which a recovery without memory tries again. */
#define RECOVER_RETRY		HZ
/*
 * The number of tries, which take an hour.  If the shortage lasts longer, the recovery
 * has all the memory that it can get.
 */
#define RECOVER_TRIES		3600

/*
 * struct recover_reader - A reader of the metadata of regions, one after the other
 * @work: reads the metadata
 * @recovery: the recovery that the reader belongs to
 * @meta: the metadata that was read; @meta.seq is 0 if no block is valid
 * @readable: whether any metadata of the region could be read
 */
struct recover_reader {
	struct work_struct		work;
	struct cachefs_recovery		*recovery;
	struct cachefs_region_meta	meta;
	bool				readable;
};

/*
 * struct cachefs_recovery - A recovery of the index from the regions
 * @cache: the cache
 * @readers: each reads one region at a time
 * @blocks: the readers' buffers
 * @records: records of the slots of one region
 * @running: number of readers that have not ended
 * @nr: number of readers that were started
 * @readable: some metadata could be read
 * @error: the error of metadata that could not be read
 * @base: gives the places of the regions of the last attach; see above
 * @newest: the newest sequence number that was seen
 * @floor: the region that is looked at next has this sequence number or a newer one, or
 *	was reused
 * @least: the lowest number of regions so far that were not read yet
 * @waited: number of tries without memory since @least was reached
 * @next_try: when the next try counts, jiffies
 * @unreadable: nothing of the device could be read the last time
 * @next_read: if @unreadable: when the readers try again, jiffies
 * @began: when the recovery began, ns
 * @found_blocks: number of blocks that were found
 * @found_extents: number of extents of these blocks
 */
struct cachefs_recovery {
	struct cachefs_cache		*cache;
	struct recover_reader		readers[RECOVER_READERS];
	struct cachefs_meta_block	*blocks;
	struct cachefs_slot_record	*records;
	atomic_t			running;
	u32				nr;
	bool				readable;
	int				error;
	u32				base;
	u64				newest;
	u64				floor;
	u32				least;
	u32				waited;
	unsigned long			next_try;
	bool				unreadable;
	unsigned long			next_read;
	u64				began;
	u64				found_blocks;
	u64				found_extents;
};

/* Insert the blocks that the records of a region name.  Runs of slots become extents. */
static void recover_insert_records(struct cachefs_recovery *recovery, u32 region,
				   bool again)
{
	struct cachefs_cache *cache = recovery->cache;
	const struct cachefs_slot_record *record;
	u32 slot, nr, runs = 0;

	write_lock(&cache->index_lock);
	for (slot = 0; slot < cache->geo.slots; slot += nr) {
		/* A reader that misses may wait for the lock. */
		if (!(++runs % RECOVER_RUNS)) {
			write_unlock(&cache->index_lock);
			write_lock(&cache->index_lock);
		}
		record = &recovery->records[slot];
		nr = cachefs_records_run(record, cache->geo.slots - slot);
		if (record->where)
			cachefs_index_insert(cache, region, record->id,
					     le64_to_cpu(record->where) >>
					     CACHEFS_WHERE_BYTES_BITS, slot, nr);
	}
	if (!again) {
		recovery->found_blocks += cache->regions[region].live;
		recovery->found_extents += cache->regions[region].nr_extents;
	}
	write_unlock(&cache->index_lock);
}

/*
 * Note the sequence number of a region.  Returns whether the region was reused, as the
 * regions that were noted before show; see @floor.  Regions of an attach are reused
 * one after the other.  So a region with count 7 says that the regions before it in
 * the ring had the counts 6, 5... 1, or are newer.  A region that is older was reused
 * as well, and the write that said so was lost.  Some of its blocks are overwritten by
 * now, and would not match their checksums.
 */
static bool recover_note_seq(struct cachefs_recovery *recovery, u64 seq)
{
	u64 floor = max(recovery->floor, seq);
	bool reused = seq < recovery->floor;

	recovery->floor = lower_32_bits(floor) > 1 ? floor - 1 : 0;
	return reused;
}

/*
 * Put the blocks of a region into the index.  If there are two copies of a block, either
 * will do.  If the copy that was inserted first is not on the disk, the block is cold.
 * Returns -ENOMEM if this has to wait for memory.
 */
static int recover_add_region(struct cachefs_recovery *recovery,
			      const struct cachefs_region_meta *meta)
{
	struct cachefs_cache *cache = recovery->cache;
	struct mutex *mutex = &cache->load_mutex[meta->region % CACHEFS_LOAD_LOCKS];
	struct cachefs_region *region = &cache->regions[meta->region];
	bool again;

	lockdep_assert_held(&cache->flush_mutex);
	if (cachefs_index_reserve(cache, cachefs_full_regions(cache)))
		return -ENOMEM;
	WRITE_ONCE(cache->unscanned, cache->unscanned - 1);
	if (cache->unscanned < recovery->least) {
		recovery->least = cache->unscanned;
		recovery->waited = 0;
	}
	/* The region may have been let go before. */
	cache->let_go = min(cache->let_go, cache->unscanned);
	if (recover_note_seq(recovery, meta->seq) || !meta->seq)
		return 0;
	again = region->seq == meta->seq;
	region->seq = meta->seq;
	spin_lock(&cache->log_lock);
	cachefs_region_set_state(cache, meta->region, CACHEFS_REGION_SEALED);
	spin_unlock(&cache->log_lock);
	/* The metadata of the region can be read now, even if it could not before. */
	mutex_lock(mutex);
	region->lost = false;
	mutex_unlock(mutex);
	cachefs_region_records(cache, meta, recovery->records);
	recover_insert_records(recovery, meta->region, again);
	/* A reader of the first blocks may have lost the metadata since. */
	mutex_lock(mutex);
	if (region->lost)
		cachefs_index_forget(cache, meta->region);
	mutex_unlock(mutex);
	return 0;
}

/* Return the region that is read next: the newest that was not read yet. */
static u32 recover_next(const struct cachefs_cache *cache)
{
	return (cache->head + cache->unscanned - 1) % cache->geo.nr_regions;
}

/*
 * Whether the index may have more.  If the index is too large already, new extents would
 * have to go again.
 */
static bool recover_has_memory(struct cachefs_cache *cache)
{
	return !cachefs_index_shrink(cache, false);
}

/* Whether the recovery has waited for memory so long that it must end. */
static bool recover_waits_in_vain(struct cachefs_recovery *recovery)
{
	if (time_before(jiffies, recovery->next_try))
		return false;
	recovery->next_try = jiffies + RECOVER_RETRY;
	return recovery->waited++ == RECOVER_TRIES;
}

static void recover_free(struct cachefs_recovery *recovery)
{
	kvfree(recovery->blocks);
	kvfree(recovery->records);
	kfree(recovery);
}

/* Begin to read some regions, backward from @last on. */
static void recover_read(struct cachefs_recovery *recovery, u32 last, u32 nr)
{
	struct cachefs_cache *cache = recovery->cache;
	u32 i;

	recovery->nr = nr;
	atomic_set(&recovery->running, nr);
	for (i = 0; i < nr; i++) {
		recovery->readers[i].meta.region =
			(last + cache->geo.nr_regions - i) % cache->geo.nr_regions;
		queue_work(cache->recover_wq, &recovery->readers[i].work);
	}
}

/* Read the next regions: the newest that were not read yet. */
static void recover_read_next(struct cachefs_recovery *recovery)
{
	struct cachefs_cache *cache = recovery->cache;
	u32 nr = cachefs_pace_busy(cache) ? RECOVER_READERS_BUSY : RECOVER_READERS;

	lockdep_assert_held(&cache->flush_mutex);
	recover_read(recovery, recover_next(cache), min(nr, cache->unscanned));
}

/* End a recovery: all regions that are wanted were read. */
static void recover_end(struct cachefs_recovery *recovery)
{
	struct cachefs_cache *cache = recovery->cache;

	pr_info("%s: recovered %llu MiB in %llu extents in %llu s\n",
		cachefs_device_name(cache->device),
		(unsigned long long)recovery->found_blocks >>
			(20 - CACHEFS_BLOCK_SHIFT),
		(unsigned long long)recovery->found_extents,
		(unsigned long long)div_u64(ktime_get_ns() - recovery->began,
					    NSEC_PER_SEC));
	WRITE_ONCE(cache->recovery, NULL);
	recover_free(recovery);
}

/*
 * Check the device after a step of the recovery, and set the time of the next step.
 * Returns whether to read the same regions once more.  A region that cannot be read is
 * a bad spot, and a cache with a bad spot is a smaller cache.  But if nothing can be
 * read, a cable or a path may be the cause.  Such errors come at once, so a recovery
 * that went on would pass by the whole device before the cause ends.  If the cause
 * lasts, the cache fails.
 */
static bool recover_check_device(struct cachefs_recovery *recovery)
{
	struct cachefs_cache *cache = recovery->cache;
	u32 i;

	lockdep_assert_held(&cache->flush_mutex);
	for (i = 0; i < recovery->nr; i++)
		if (recovery->readers[i].readable)
			break;
	recovery->unreadable = i == recovery->nr &&
		cachefs_device_read(cache->device, CACHEFS_SUPER_BLOCK, cache->scratch, 1, 0);
	recovery->next_read = jiffies + HZ;
	return recovery->unreadable;
}

/*
 * Go on after the last reader has ended.  Regions that the log has reused meanwhile are
 * not in @unscanned any more.  If the log has let go of newer regions meanwhile, these
 * come first.
 */
static void recover_go_on(struct cachefs_recovery *recovery)
{
	struct cachefs_cache *cache = recovery->cache;
	const struct cachefs_region_meta *meta;
	bool again;
	u32 i;

	mutex_lock(&cache->flush_mutex);
	again = recover_check_device(recovery);
	for (i = 0; i < recovery->nr && cache->unscanned && !again; i++) {
		meta = &recovery->readers[i].meta;
		if (meta->region != recover_next(cache) || recover_add_region(recovery, meta))
			break;
		cond_resched();
	}
	if (READ_ONCE(cache->index.crowded))
		cachefs_log_kick(cache);
	if (cachefs_usable(cache) && cache->unscanned && i == recovery->nr &&
	    recover_has_memory(cache)) {
		recover_read_next(recovery);
		mutex_unlock(&cache->flush_mutex);
		return;
	}
	/* The log reads on when there is memory, or when the cache is used again. */
	if (!cache->unscanned)
		recover_end(recovery);
	else if (cachefs_usable(cache))
		queue_delayed_work(cache->log_wq, &cache->log_work, HZ / 10);
	WRITE_ONCE(cache->recovering, false);
	mutex_unlock(&cache->flush_mutex);
	wake_up(&cache->wait);
}

static void recover_read_work(struct work_struct *work)
{
	struct recover_reader *reader = container_of(work, struct recover_reader,
						     work);
	struct cachefs_recovery *recovery = reader->recovery;
	struct cachefs_cache *cache = recovery->cache;
	int ret;

	ret = cachefs_region_read_meta(cache, &reader->meta);
	reader->readable = ret >= 0;
	if (ret < 0) {
		WRITE_ONCE(recovery->error, ret);
	} else {
		cachefs_io_worked(cache, false);
		WRITE_ONCE(recovery->readable, true);
	}
	if (!atomic_dec_and_test(&recovery->running))
		return;
	if (cache->recovering)
		recover_go_on(recovery);
	else
		wake_up(&cache->wait);
}

/**
 * cachefs_recover_more - Go on with the recovery that an attach has begun
 * @cache: the cache
 *
 * Context: flush_mutex held.
 * Return: the jiffies until the next call, if there is no memory, or if nothing can be
 * read; or 0.
 */
unsigned long cachefs_recover_more(struct cachefs_cache *cache)
{
	struct cachefs_recovery *recovery = cache->recovery;
	long wait;

	lockdep_assert_held(&cache->flush_mutex);
	if (!recovery || cache->recovering)
		return 0;
	if (cache->unscanned && !recover_has_memory(cache)) {
		if (!recover_waits_in_vain(recovery))
			return RECOVER_RETRY;
		WRITE_ONCE(cache->unscanned, 0);
	}
	if (!cache->unscanned) {
		recover_end(recovery);
		return 0;
	}
	wait = recovery->next_read - jiffies;
	if (recovery->unreadable && wait > 0)
		return wait;
	WRITE_ONCE(cache->recovering, true);
	recover_read_next(recovery);
	return 0;
}

/**
 * cachefs_recovered_percent - Get the part of the device that the index knows
 * @cache: the cache
 *
 * Context: any.
 * Return: percent; 100 if there is nothing more to be found.
 */
unsigned int cachefs_recovered_percent(const struct cachefs_cache *cache)
{
	u32 nr = cache->geo.nr_regions;

	if (!READ_ONCE(cache->recovery))
		return 100;
	return min_t(u64, 99, div_u64((nr - READ_ONCE(cache->unscanned)) * 100ULL, nr));
}

/**
 * cachefs_recover_stop - Wait until a recovery reads nothing any more
 * @cache: not in use any more
 *
 * Context: process, may sleep as long as the device takes; takes flush_mutex.
 */
void cachefs_recover_stop(struct cachefs_cache *cache)
{
	/* A task that has the mutex may have seen that the cache was in use. */
	mutex_lock(&cache->flush_mutex);
	mutex_unlock(&cache->flush_mutex);
	wait_event(cache->wait, !READ_ONCE(cache->recovering));
}

/**
 * cachefs_recover_free - Free a recovery that did not come to its end
 * @cache: nothing uses it any more
 *
 * Context: process.
 */
void cachefs_recover_free(struct cachefs_cache *cache)
{
	if (cache->recovery)
		recover_free(cache->recovery);
}

static int recover_alloc(struct cachefs_cache *cache)
{
	u32 blocks = cache->geo.meta_blocks + CACHEFS_SCRATCH_BLOCKS, i;
	struct cachefs_recovery *recovery;

	recovery = kzalloc(sizeof(*recovery), GFP_KERNEL);
	if (!recovery)
		return -ENOMEM;
	cache->recovery = recovery;
	recovery->cache = cache;
	recovery->began = ktime_get_ns();
	recovery->least = cache->geo.nr_regions;
	recovery->next_try = jiffies;
	recovery->blocks = kvmalloc_array(RECOVER_READERS * blocks,
					  sizeof(*recovery->blocks),
					  GFP_KERNEL | __GFP_NOWARN);
	recovery->records = kvmalloc_array(cache->geo.slots,
					   sizeof(*recovery->records),
					   GFP_KERNEL | __GFP_NOWARN);
	if (!recovery->blocks || !recovery->records)
		return -ENOMEM;
	for (i = 0; i < RECOVER_READERS; i++) {
		recovery->readers[i].recovery = recovery;
		recovery->readers[i].meta.blocks = recovery->blocks + i * blocks;
		INIT_WORK(&recovery->readers[i].work, recover_read_work);
	}
	return 0;
}

/*
 * Look for newer regions among @nr regions, backward from @last on.  A long wait causes
 * no warning, and the wait ends when the task is killed.  Reads that are under way then
 * are waited for.
 */
static int recover_look(struct cachefs_recovery *recovery, u32 last, u32 nr)
{
	struct cachefs_cache *cache = recovery->cache;
	const struct cachefs_region_meta *meta;
	u32 nr_regions = cache->geo.nr_regions, i;
	int ret;

	recover_read(recovery, last, nr);
	ret = wait_event_killable(cache->wait, !atomic_read(&recovery->running));
	/* The last reader has woken this task, but may not have ended. */
	flush_workqueue(cache->recover_wq);
	if (ret)
		return -EINTR;
	for (i = 0; i < nr; i++) {
		meta = &recovery->readers[i].meta;
		if (meta->seq <= recovery->newest)
			continue;
		recovery->newest = meta->seq;
		recovery->base = (meta->region + nr_regions -
				  lower_32_bits(meta->seq) % nr_regions) % nr_regions;
	}
	return 0;
}

/* Look among @nr regions that could be the next, from @ahead after the newest on. */
static int recover_look_ahead(struct cachefs_recovery *recovery, u32 ahead, u32 nr)
{
	u32 count = lower_32_bits(recovery->newest) + ahead + nr - 1;
	u32 nr_regions = recovery->cache->geo.nr_regions;

	return recover_look(recovery, (recovery->base + count % nr_regions) %
			    nr_regions, nr);
}

/*
 * Find the newest region of the last attach by bisection.  From the anchor's head on,
 * once around the ring, the regions up to the newest one have the sequence numbers of
 * that attach, or in a later lap the sequence numbers of that lap.
 *
 * Regions whose metadata was lost, or cannot be read, look as if they were not reused.
 * So several regions are read at each step.  If more regions than these were lost before
 * the newest region, it may not be found.  Then the log goes on earlier, at a region that
 * was lost.  All older content of the ring is of former attaches, and the log reuses it
 * in turn, as before.  Only some regions of the last attach are reused earlier than
 * others.
 */
static int recover_bisect(struct cachefs_recovery *recovery)
{
	u32 nr_regions = recovery->cache->geo.nr_regions, ahead;
	u32 nr = clamp_t(u32, nr_regions / 4, 1, RECOVER_READERS);
	u64 newest;
	int ret;

	/* Find the lap. */
	ret = recover_look_ahead(recovery, 1, nr);
	for (ahead = roundup_pow_of_two(nr_regions) / 2; !ret && ahead >= nr; ahead /= 2)
		ret = recover_look_ahead(recovery, ahead, nr);
	do {
		newest = recovery->newest;
		if (!ret)
			ret = recover_look_ahead(recovery, 1, nr);
	} while (!ret && recovery->newest > newest);
	return ret;
}

/* Without a usable anchor: find the newest region of all. */
static int recover_look_at_all(struct cachefs_recovery *recovery)
{
	u32 nr_regions = recovery->cache->geo.nr_regions, nr, region;
	int ret = 0;

	for (region = 0; !ret && region < nr_regions; region += nr) {
		nr = min_t(u32, RECOVER_READERS, nr_regions - region);
		ret = recover_look(recovery, region + nr - 1, nr);
	}
	return ret;
}

/*
 * Find out where the log goes on, and prepare to read all regions.  @anchor: the newest
 * anchor, or %NULL
 */
static int recover_begin(struct cachefs_cache *cache,
			 const struct cachefs_anchor *anchor)
{
	u32 nr_regions = cache->geo.nr_regions;
	struct cachefs_recovery *recovery;
	u64 next_seq;
	int ret;

	ret = recover_alloc(cache);
	if (ret)
		return ret;
	recovery = cache->recovery;
	cache->unscanned = nr_regions;
	/* A detach has left the log where the anchor says. */
	if (anchor && le32_to_cpu(anchor->flags) & CACHEFS_ANCHOR_CLEAN)
		return 0;
	next_seq = anchor ? le64_to_cpu(anchor->next_seq) : 0;
	if (lower_32_bits(next_seq) && next_seq >> 32 == cache->attach_count) {
		recovery->newest = next_seq - 1;
		recovery->base = (cache->head + nr_regions -
				  lower_32_bits(next_seq) % nr_regions) % nr_regions;
		ret = recover_bisect(recovery);
	} else {
		ret = recover_look_at_all(recovery);
	}
	/* No sequence number is used again, even if the device has lost an anchor. */
	cache->attach_count = max(cache->attach_count, recovery->newest >> 32);
	if (!ret && !recovery->readable)
		ret = recovery->error;
	if (recovery->newest)
		cache->head = (recovery->base + 1 +
			       lower_32_bits(recovery->newest) % nr_regions) %
			      nr_regions;
	if (lower_32_bits(recovery->newest))
		recovery->floor = recovery->newest;
	return ret;
}

static void recover_forget_all(struct cachefs_cache *cache)
{
	u32 region;

	for (region = 0; region < cache->geo.nr_regions; region++) {
		cachefs_region_free(cache, region);
		cache->regions[region].seq = 0;
		cond_resched();
	}
	cachefs_stat_add(cache, CACHEFS_STAT_EVICTED_BYTES,
			 -cachefs_stat_read(cache, CACHEFS_STAT_EVICTED_BYTES));
}

/**
 * cachefs_recover - Fill the index from the device
 * @cache: geometry, UUID, secret and seed are known; the index is empty
 *
 * Without a checkpoint the index is still empty when this function returns, and
 * cachefs_recover_more() has to be called when the cache is in use.
 *
 * When this function returns, the device says that the cache is in use: an old
 * checkpoint does not count any more, and sequence numbers from here on are new.
 *
 * Context: process, may sleep.
 * Return: 0, -ENOMEM, -EINTR if the task is killed, or the device's error.
 */
int cachefs_recover(struct cachefs_cache *cache)
{
	struct cachefs_anchor *anchor;
	bool found, clean = false;
	int ret;

	anchor = kzalloc(sizeof(*anchor), GFP_KERNEL);
	if (!anchor)
		return -ENOMEM;
	ret = cachefs_read_anchor(cache, anchor, &found);
	if (ret)
		goto out;
	if (found) {
		cache->anchor_generation = le64_to_cpu(anchor->generation);
		cache->attach_count = le64_to_cpu(anchor->attach_count);
		cache->head = le32_to_cpu(anchor->head);
	}
	if (found && le32_to_cpu(anchor->flags) & CACHEFS_ANCHOR_CLEAN) {
		ret = cachefs_load_checkpoint(cache, anchor);
		if (ret == -ENOMEM || ret == -EINTR)
			goto out;
		clean = !ret;
		if (!clean) {
			pr_warn("%s: checkpoint unusable (%d), reading all regions\n",
				cachefs_device_name(cache->device), ret);
			recover_forget_all(cache);
		}
	}
	if (!clean) {
		ret = recover_begin(cache, found ? anchor : NULL);
		if (ret)
			goto out;
	}
	cache->attach_count++;
	cache->next_seq = cache->attach_count << 32 | 1;
	get_random_bytes(&cache->epoch, sizeof(cache->epoch));
	/*
	 * Write both anchors.  If one anchor gets lost, the other anchor must not be
	 * older than this attach, or sequence numbers would be used again.
	 */
	ret = cachefs_write_anchor(cache, 0, 0, 0);
	if (!ret)
		ret = cachefs_write_anchor(cache, 0, 0, 0);
	if (clean)
		pr_info("%s: %llu MiB cached in %llu extents\n",
			cachefs_device_name(cache->device),
			(unsigned long long)cache->live_blocks >>
				(20 - CACHEFS_BLOCK_SHIFT),
			(unsigned long long)cache->nr_extents);
	else
		pr_info("%s: unclean stop, the index is recovered while the cache is in use\n",
			cachefs_device_name(cache->device));
out:
	kfree(anchor);
	return ret;
}
