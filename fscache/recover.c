// SPDX-License-Identifier: GPL-2.0
/*
 * From the device to the index: attaching after any stop.
 *
 * After a clean detach the index comes from the checkpoint.  Otherwise, or if
 * anything about the checkpoint is wrong, it comes from the metadata of all regions.
 */
#include <linux/random.h>
#include <linux/sched/signal.h>
#include "internal.h"

/* Insert what the records of a region say, runs of slots as extents. */
static void recover_insert_records(struct cachefs_cache *cache, u32 region,
				   const struct cachefs_slot_record *records)
{
	const struct cachefs_slot_record *record;
	u32 slot, nr;

	write_lock(&cache->index_lock);
	for (slot = 0; slot < cache->geo.slots; slot += nr) {
		record = &records[slot];
		nr = cachefs_records_run(record, cache->geo.slots - slot);
		if (record->where)
			cachefs_index_insert(cache, region, record->id,
					     le64_to_cpu(record->where) >>
					     CACHEFS_WHERE_BYTES_BITS, slot, nr);
	}
	write_unlock(&cache->index_lock);
}

static void recover_forget_region(struct cachefs_cache *cache, u32 region)
{
	cachefs_region_free(cache, region);
	cache->regions[region].seq = 0;
}

/*
 * From the head on, sequence numbers grow: regions are reused in that order, and
 * one after the other since the last attach.  One that is older than it has to be
 * was reused as well, and what says so was lost.  Some of its blocks are others by
 * now, and would not match their checksums.
 */
static void recover_forget_reused(struct cachefs_cache *cache)
{
	struct cachefs_geometry *geo = &cache->geo;
	u32 last = (cache->head + geo->nr_regions - 1) % geo->nr_regions, i;
	u64 max_seq = cache->regions[last].seq, newest = 0;

	for (i = 0; i < geo->nr_regions; i++) {
		u32 nr = (cache->head + i) % geo->nr_regions;
		u32 back = geo->nr_regions - 1 - i;
		u64 seq = cache->regions[nr].seq;

		cond_resched();
		if (!seq)
			continue;
		if (seq < newest ||
		    (back < lower_32_bits(max_seq) && seq != max_seq - back))
			recover_forget_region(cache, nr);
		else
			newest = seq;
	}
	atomic64_set(&cache->stats[CACHEFS_STAT_EVICTED_BYTES], 0);
}

/* So many regions are read at a time: one after the other, a disk mostly waits. */
#define SCAN_READERS	16

/*
 * struct scans - A scan by many readers
 * @running: readers that have not ended
 * @bad: regions in a row of which no block could be read, by all readers
 * @stop: one has failed, or the scan is not wanted any more
 */
struct scans {
	atomic_t	running;
	atomic_t	bad;
	bool		stop;
};

/*
 * struct scan - What reads every so many'th region
 * @work: does that
 * @cache: the cache
 * @all: what it shares with others
 * @first: the first of its regions
 * @max_seq: the newest sequence number it has seen
 * @newest: in this region
 * @blocks: that it has read
 * @error: why it has stopped, or 0
 */
struct scan {
	struct work_struct	work;
	struct cachefs_cache	*cache;
	struct scans		*all;
	u32			first;
	u64			max_seq;
	u32			newest;
	u64			blocks;
	int			error;
};

static int recover_scan_region(struct scan *scan, u32 region,
			       struct cachefs_meta_block *buffer,
			       struct cachefs_slot_record *records)
{
	struct cachefs_region_meta meta = { .blocks = buffer, .region = region };
	struct cachefs_cache *cache = scan->cache;
	struct cachefs_geometry *geo = &cache->geo;
	int ret;

	scan->blocks += geo->meta_blocks + CACHEFS_SCRATCH_BLOCKS;
	ret = cachefs_region_read_meta(cache, region, buffer);
	/* A cache with a bad spot is a smaller cache. */
	if (ret < 0)
		return atomic_inc_return(&scan->all->bad) > CACHEFS_MAX_ERRORS ?
			ret : 0;
	atomic_set(&scan->all->bad, 0);
	if (!cachefs_meta_newest(&meta, cache->uuid, cache->seed, geo))
		return 0;
	if (meta.seq > scan->max_seq) {
		scan->max_seq = meta.seq;
		scan->newest = region;
	}
	cache->regions[region].seq = meta.seq;
	cachefs_region_set_state(cache, region, CACHEFS_REGION_SEALED);
	ret = cachefs_index_reserve(cache, SCAN_READERS);
	if (ret)
		return ret;
	cachefs_region_records(cache, &meta, records);
	recover_insert_records(cache, region, records);
	return 0;
}

static void recover_scan_work(struct work_struct *work)
{
	struct scan *scan = container_of(work, struct scan, work);
	struct cachefs_geometry *geo = &scan->cache->geo;
	struct cachefs_slot_record *records;
	struct cachefs_meta_block *buffer;
	u32 region;

	buffer = kvmalloc_array(geo->meta_blocks + CACHEFS_SCRATCH_BLOCKS,
				sizeof(*buffer), GFP_KERNEL | __GFP_NOWARN);
	records = kvmalloc_array(geo->slots, sizeof(*records),
				 GFP_KERNEL | __GFP_NOWARN);
	if (!buffer || !records)
		scan->error = -ENOMEM;
	for (region = scan->first; !scan->error && region < geo->nr_regions &&
	     !READ_ONCE(scan->all->stop); region += SCAN_READERS) {
		scan->error = recover_scan_region(scan, region, buffer, records);
		cond_resched();
	}
	if (scan->error)
		WRITE_ONCE(scan->all->stop, true);
	kvfree(buffer);
	kvfree(records);
	if (atomic_dec_and_test(&scan->all->running))
		wake_up(&scan->cache->wait);
}

/*
 * Wait for the readers, which may take an hour, in a way that is no reason for a
 * warning and ends when the task is killed.  What they are reading then is waited for.
 */
static int recover_wait_for_scan(struct cachefs_cache *cache, struct scans *all)
{
	int ret = 0;

	if (wait_event_killable(cache->wait, !atomic_read(&all->running)))
		ret = -EINTR;
	WRITE_ONCE(all->stop, true);
	/* The last one has woken us and may not have ended. */
	flush_workqueue(cache->wq);
	return ret;
}

/*
 * Rebuild the index from the metadata of all regions, in any order: of two copies of
 * a block either will do.  Should the one that was inserted first turn out not to be
 * there, the block is cold.
 */
static int recover_scan_all(struct cachefs_cache *cache)
{
	struct cachefs_geometry *geo = &cache->geo;
	struct scans all = { .running = ATOMIC_INIT(SCAN_READERS) };
	struct scan *scans;
	u64 max_seq = 0;
	int ret = 0;
	u32 i;

	scans = kcalloc(SCAN_READERS, sizeof(*scans), GFP_KERNEL);
	if (!scans)
		return -ENOMEM;
	for (i = 0; i < SCAN_READERS; i++) {
		scans[i].cache = cache;
		scans[i].all = &all;
		scans[i].first = i;
		INIT_WORK(&scans[i].work, recover_scan_work);
		queue_work(cache->wq, &scans[i].work);
	}
	ret = recover_wait_for_scan(cache, &all);
	for (i = 0; i < SCAN_READERS; i++) {
		ret = ret ?: scans[i].error;
		cachefs_stat_add(cache, CACHEFS_STAT_DEVICE_READ_BYTES,
				 scans[i].blocks << CACHEFS_BLOCK_SHIFT);
		if (scans[i].max_seq <= max_seq)
			continue;
		max_seq = scans[i].max_seq;
		cache->head = (scans[i].newest + 1) % geo->nr_regions;
	}
	if (!ret)
		recover_forget_reused(cache);
	cache->attach_count = max(cache->attach_count, max_seq >> 32);
	kfree(scans);
	return ret;
}

static void recover_forget_all(struct cachefs_cache *cache)
{
	u32 region;

	for (region = 0; region < cache->geo.nr_regions; region++) {
		recover_forget_region(cache, region);
		cond_resched();
	}
	atomic64_set(&cache->stats[CACHEFS_STAT_EVICTED_BYTES], 0);
}

/**
 * cachefs_recover - Fill the index from the device
 * @cache: geometry, UUID, secret and seed are known; the index is empty
 *
 * When it returns, the device says that the cache is in use: a checkpoint that
 * it had counts no more, and sequence numbers from here on are new.
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
		ret = recover_scan_all(cache);
		if (ret)
			goto out;
	}
	cache->attach_count++;
	cache->next_seq = cache->attach_count << 32 | 1;
	get_random_bytes(&cache->epoch, sizeof(cache->epoch));
	/*
	 * Both: should one of them get lost, the other one must not be of before
	 * this attach, whose sequence numbers would then be used again.
	 */
	ret = cachefs_write_anchor(cache, 0, 0, 0);
	if (!ret)
		ret = cachefs_write_anchor(cache, 0, 0, 0);
	pr_info("%s: %llu MiB cached in %llu extents%s\n",
		cachefs_device_name(cache->device),
		(unsigned long long)cache->live_blocks >>
			(20 - CACHEFS_BLOCK_SHIFT),
		(unsigned long long)cache->nr_extents,
		clean || !found ? "" : ", recovered after an unclean stop");
out:
	kfree(anchor);
	return ret;
}
