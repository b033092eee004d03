// SPDX-License-Identifier: GPL-2.0
/*
 * The log: a ring of regions, and the metadata that says what is in them.
 *
 * The store path takes slots of the open region and never waits: READY regions
 * are made ahead of it, and metadata is written behind it, by one work item
 * (cachefs_log_work()).  Final metadata blocks are written once, when the fate
 * of all their slots is known.  What is known of the first unfinished block is
 * written at intervals to two scratch blocks in turn, so that a torn write
 * costs seconds and not what was safe before.
 */
#include <linux/sched.h>
#include <linux/unaligned.h>
#include <trace/events/cachefs.h>
#include "internal.h"

/* How often the metadata of a region that is still open is written. */
#define CACHEFS_FLUSH_INTERVAL	(5 * HZ)
/* When to try again after there was no memory, or no region to reuse. */
#define CACHEFS_RETRY_INTERVAL	(HZ / 10)

static u32 slots_in_meta(const struct cachefs_geometry *geo, u32 index)
{
	u32 first = index * CACHEFS_RECORDS_PER_BLOCK;

	return min_t(u32, CACHEFS_RECORDS_PER_BLOCK, geo->slots - first);
}

static struct cachefs_slot_record *slot_record(struct cachefs_open_region *open,
					       u32 slot)
{
	u32 index = slot / CACHEFS_RECORDS_PER_BLOCK;

	return &open->meta[index].records[slot % CACHEFS_RECORDS_PER_BLOCK];
}

static void region_set_state(struct cachefs_cache *cache, u32 nr,
			     enum cachefs_region_state state)
{
	struct cachefs_region *region = &cache->regions[nr];

	if (region->state != state)
		trace_cachefs_region(nr, region->seq, region->state, state);
	/* The shrinker looks under another lock. */
	WRITE_ONCE(region->state, state);
}

static void open_region_free(struct cachefs_open_region *open)
{
	if (!open)
		return;
	kvfree(open->meta);
	kfree(open);
}

/**
 * cachefs_log_kick - Have the log looked after soon
 * @cache: the cache
 *
 * Context: any.
 */
void cachefs_log_kick(struct cachefs_cache *cache)
{
	mod_delayed_work(cache->log_wq, &cache->log_work, 0);
}

static int write_meta(struct cachefs_cache *cache, u32 region, u32 block,
		      const struct cachefs_meta_block *meta, u32 nr)
{
	int ret;

	if (READ_ONCE(cache->state) == CACHEFS_FAILED)
		return -EIO;
	ret = cachefs_device_write(cache->device,
				   cachefs_region_start(&cache->geo, region) +
				   block, meta, nr, 0);
	if (ret)
		cachefs_io_error(cache, true,
				 cachefs_region_start(&cache->geo, region) +
				 block, ret);
	else
		cachefs_stat_add(cache, CACHEFS_STAT_DEVICE_WRITTEN_BYTES,
				 (u64)nr << CACHEFS_BLOCK_SHIFT);
	return ret;
}

static void meta_header_init(struct cachefs_cache *cache, u32 region,
			     struct cachefs_block_header *header, u32 index)
{
	memset(header, 0, sizeof(*header));
	header->magic = cpu_to_le32(CACHEFS_META_MAGIC);
	header->region = cpu_to_le32(region);
	memcpy(header->uuid, cache->uuid, sizeof(header->uuid));
	header->epoch = cpu_to_le64(cache->epoch);
	header->seq = cpu_to_le64(cache->regions[region].seq);
	header->index = cpu_to_le32(index);
}

/*
 * Write what is known of the first unfinished metadata block, if that is more
 * than last time.
 */
static int write_scratch(struct cachefs_cache *cache,
			 struct cachefs_open_region *open, u32 index)
{
	struct cachefs_meta_block *scratch = cache->scratch;
	int ret;
	u32 nr;

	read_lock(&cache->index_lock);
	nr = open->resolved[index];
	memcpy(scratch, &open->meta[index], sizeof(*scratch));
	read_unlock(&cache->index_lock);
	if (nr == open->scratch_nr && index == open->scratch_index)
		return 0;

	scratch->header.nr = cpu_to_le32(nr);
	cachefs_block_seal(&scratch->header, cache->seed);
	ret = write_meta(cache, open->nr,
			 cache->geo.meta_blocks + open->scratch_turn, scratch, 1);
	if (ret)
		return ret;
	open->scratch_turn = (open->scratch_turn + 1) % CACHEFS_SCRATCH_BLOCKS;
	open->scratch_nr = nr;
	open->scratch_index = index;
	return 0;
}

/* Write the metadata blocks of a region that are finished, in runs. */
static void write_finished(struct cachefs_cache *cache,
			   struct cachefs_open_region *open)
{
	struct cachefs_geometry *geo = &cache->geo;
	u32 first, end;

	for (first = 0; first < geo->meta_blocks; first = end + 1) {
		for (end = first; end < geo->meta_blocks; end++) {
			struct cachefs_block_header *header =
				&open->meta[end].header;
			/* Pairs with resolve(): all records are there. */
			u32 nr = smp_load_acquire(&open->resolved[end]);

			if (test_bit(end, open->written) ||
			    nr != slots_in_meta(geo, end))
				break;
			header->nr = cpu_to_le32(nr);
			header->checksum = 0;
			cachefs_block_seal(header, cache->seed);
		}
		if (end > first &&
		    !write_meta(cache, open->nr, first, &open->meta[first],
				end - first))
			bitmap_set(open->written, first, end - first);
	}
}

static void write_region(struct cachefs_cache *cache,
			 struct cachefs_open_region *open)
{
	u32 index;

	write_finished(cache, open);
	index = find_first_zero_bit(open->written, cache->geo.meta_blocks);
	if (index < cache->geo.meta_blocks)
		write_scratch(cache, open, index);
}

static void region_free_checksums(struct cachefs_cache *cache,
				  struct cachefs_region *region)
{
	if (!region->checksums)
		return;
	kvfree(region->checksums);
	WRITE_ONCE(region->checksums, NULL);
	cachefs_stat_add(cache, CACHEFS_STAT_CHECKSUM_BYTES,
			 -(s64)(cache->geo.slots * sizeof(u64)));
}

/* Make one more region READY.  Returns -EAGAIN if that has to wait. */
static int prepare_region(struct cachefs_cache *cache)
{
	struct cachefs_geometry *geo = &cache->geo;
	u32 nr = cache->head, i;
	struct cachefs_region *region = &cache->regions[nr];
	struct cachefs_open_region *open;
	u64 *checksums;
	bool first;

	/* The ring is full of regions that are still being written. */
	if (region->open)
		return -EAGAIN;

	cachefs_reinsert(cache, nr);
	/* It did not get through: what it has left has another chance. */
	if (!cachefs_usable(cache) || cachefs_pace_stuck(cache))
		return -EAGAIN;
	write_lock(&cache->index_lock);
	region_set_state(cache, nr, CACHEFS_REGION_FREE);
	write_unlock(&cache->index_lock);
	cachefs_index_forget(cache, nr);
	/* Not worth waiting for: a reader's disk may hang. */
	if (cachefs_region_pinned(region))
		return -EAGAIN;
	region_free_checksums(cache, region);
	region->lost = false;

	open = kzalloc(sizeof(*open), GFP_NOIO | __GFP_NOWARN);
	checksums = kvcalloc(geo->slots, sizeof(u64), GFP_NOIO | __GFP_NOWARN);
	if (open)
		open->meta = kvcalloc(geo->meta_blocks, sizeof(*open->meta),
				      GFP_NOIO | __GFP_NOWARN);
	if (!open || !open->meta || !checksums ||
	    cachefs_index_reserve(cache, nr, geo->slots)) {
		open_region_free(open);
		kvfree(checksums);
		return -EAGAIN;
	}

	open->nr = nr;
	first = !region->seq;
	region->seq = cache->next_seq++;
	WRITE_ONCE(region->checksums, checksums);
	cachefs_stat_add(cache, CACHEFS_STAT_CHECKSUM_BYTES,
			 geo->slots * sizeof(u64));
	for (i = 0; i < geo->meta_blocks; i++)
		meta_header_init(cache, nr, &open->meta[i].header, i);
	/*
	 * From here on the disk says that the old content does not count.  It
	 * is no more than a hint, which saves checksum errors after a crash.  But
	 * where nothing was written before, and there is no room for it on the
	 * device, the log stays where it is.
	 */
	open->scratch_nr = U32_MAX;
	if (write_scratch(cache, open, 0) == -ENOSPC && first) {
		region->seq = 0;
		cache->next_seq--;
		cachefs_index_forget(cache, nr);
		region_free_checksums(cache, region);
		open_region_free(open);
		return -EAGAIN;
	}

	cache->head = (nr + 1) % geo->nr_regions;
	cachefs_reinsert_more(cache);
	spin_lock(&cache->log_lock);
	region->open = open;
	region_set_state(cache, nr, CACHEFS_REGION_READY);
	list_add_tail(&open->link, &cache->ready);
	WRITE_ONCE(cache->nr_ready, cache->nr_ready + 1);
	spin_unlock(&cache->log_lock);
	return 0;
}

/* Will it be possible later to write what could not be written of this? */
static bool is_worth_keeping(struct cachefs_cache *cache,
			     const struct cachefs_open_region *open)
{
	return (READ_ONCE(cache->stores_stopped) ||
		READ_ONCE(cache->state) == CACHEFS_FAILED) &&
		!bitmap_full(open->written, cache->geo.meta_blocks);
}

/* Write the regions that are full; those whose last store ended are done. */
static void write_sealing(struct cachefs_cache *cache)
{
	struct cachefs_open_region *open, *next;
	LIST_HEAD(full);

	spin_lock(&cache->log_lock);
	list_splice_init(&cache->sealing, &full);
	spin_unlock(&cache->log_lock);

	list_for_each_entry_safe(open, next, &full, link) {
		/* Before writing: what is resolved now gets written now. */
		bool done = !atomic_read_acquire(&open->unresolved);

		write_region(cache, open);
		if (!done || is_worth_keeping(cache, open))
			continue;
		/* Also after an error: it is a cache. */
		cachefs_index_trim(cache, open->nr);
		spin_lock(&cache->log_lock);
		list_del(&open->link);
		cache->regions[open->nr].open = NULL;
		region_set_state(cache, open->nr, CACHEFS_REGION_SEALED);
		spin_unlock(&cache->log_lock);
		open_region_free(open);
	}

	spin_lock(&cache->log_lock);
	list_splice(&full, &cache->sealing);
	spin_unlock(&cache->log_lock);
}

/**
 * cachefs_log_write - Write the metadata that is due
 * @cache: the cache
 *
 * Context: process, sleeps; flush_mutex held.
 * Return: whether a region is open, whose metadata will be due again.
 */
bool cachefs_log_write(struct cachefs_cache *cache)
{
	struct cachefs_open_region *current_region;

	lockdep_assert_held(&cache->flush_mutex);
	write_sealing(cache);
	/* Only this work item takes a region from open to sealed to freed. */
	spin_lock(&cache->log_lock);
	current_region = cache->current_region;
	spin_unlock(&cache->log_lock);
	if (!current_region)
		return false;
	write_finished(cache, current_region);
	if (time_after_eq(jiffies, cache->next_flush)) {
		write_region(cache, current_region);
		cache->next_flush = jiffies + CACHEFS_FLUSH_INTERVAL;
	}
	return true;
}

/* The fate of some slots is known; their records are complete. */
static void resolve(struct cachefs_cache *cache, struct cachefs_region *region,
		    u32 slot, u32 nr)
{
	struct cachefs_open_region *open = region->open;
	u32 i;

	lockdep_assert_held_write(&cache->index_lock);
	for (i = slot; i < slot + nr; i++) {
		u16 *count = &open->resolved[i / CACHEFS_RECORDS_PER_BLOCK];

		/* Pairs with write_finished(). */
		smp_store_release(count, *count + 1);
	}
}

/*
 * Last: after this, @open may be freed.  Kicks the log when a full region is
 * complete; a region that is not full has its turn at the next interval.
 */
static void resolved(struct cachefs_cache *cache, struct cachefs_open_region *open,
		     u32 nr)
{
	bool full = READ_ONCE(open->next_slot) == cache->geo.slots;

	if (atomic_sub_return_release(nr, &open->unresolved) == 0 && full)
		cachefs_log_kick(cache);
}

static void look_after_log(struct cachefs_cache *cache)
{
	unsigned long delay = 0;

	mutex_lock(&cache->flush_mutex);
	cachefs_check_device(cache);
	for (;;) {
		if (cachefs_log_write(cache))
			delay = CACHEFS_FLUSH_INTERVAL;
		if (!cachefs_usable(cache) ||
		    READ_ONCE(cache->nr_ready) >= cachefs_ready_regions(cache))
			break;
		if (prepare_region(cache)) {
			delay = CACHEFS_RETRY_INTERVAL;
			break;
		}
	}
	if (delay && READ_ONCE(cache->stores_stopped))
		delay = CACHEFS_ROOM_INTERVAL;
	mutex_unlock(&cache->flush_mutex);

	if (delay && cachefs_usable(cache))
		queue_delayed_work(cache->log_wq, &cache->log_work, delay);
}

/**
 * cachefs_log_work - Look after the log: write metadata, make regions READY
 * @work: cache::log_work
 *
 * Context: process, may sleep.
 */
void cachefs_log_work(struct work_struct *work)
{
	look_after_log(container_of(to_delayed_work(work),
				    struct cachefs_cache, log_work));
}

/**
 * cachefs_region_alloc_slots - Take slots at the end of the log
 * @cache: the cache
 * @want: how many
 * @region: which region they are in
 * @slot: the first one
 * @last: may they be in the last region that is READY?  Not those of stores: what
 *	stays has to get there before they need another one
 *
 * Every slot must be given to cachefs_region_publish() or
 * cachefs_region_abandon() in the end.
 *
 * Context: any but interrupts; takes log_lock.
 * Return: how many there are in one piece, 0 if no region is ready.
 */
int cachefs_region_alloc_slots(struct cachefs_cache *cache, u32 want,
			       u32 *region, u32 *slot, bool last)
{
	struct cachefs_open_region *open;
	bool kick = false;
	u32 nr = 0;

	spin_lock(&cache->log_lock);
	open = cache->current_region;
	if (open && open->next_slot == cache->geo.slots) {
		list_add_tail(&open->link, &cache->sealing);
		cache->current_region = NULL;
		open = NULL;
	}
	if (!open) {
		kick = true;
		if (cache->nr_ready > !last)
			open = list_first_entry(&cache->ready,
						struct cachefs_open_region,
						link);
		if (open) {
			list_del(&open->link);
			WRITE_ONCE(cache->nr_ready, cache->nr_ready - 1);
			region_set_state(cache, open->nr, CACHEFS_REGION_OPEN);
			cache->current_region = open;
		}
	}
	if (open) {
		nr = min(want, cache->geo.slots - open->next_slot);
		*region = open->nr;
		*slot = open->next_slot;
		WRITE_ONCE(open->next_slot, open->next_slot + nr);
		atomic_add(nr, &open->unresolved);
	}
	spin_unlock(&cache->log_lock);

	if (kick)
		cachefs_log_kick(cache);
	return nr;
}

/* The records of some slots, and the index. */
static void publish(struct cachefs_cache *cache, const struct cachefs_piece *slots,
		    const u8 id[16], u64 block, u32 last_bytes)
{
	struct cachefs_region *r = &cache->regions[slots->region];
	u32 i;

	lockdep_assert_held_write(&cache->index_lock);
	for (i = 0; i < slots->nr; i++) {
		struct cachefs_slot_record *record =
			slot_record(r->open, slots->slot + i);
		u32 bytes = i == slots->nr - 1 ? last_bytes : CACHEFS_BLOCK_SIZE;

		memcpy(record->id, id, sizeof(record->id));
		record->checksum = cpu_to_le64(r->checksums[slots->slot + i]);
		record->where = cpu_to_le64((block + i) <<
					    CACHEFS_WHERE_BYTES_BITS | bytes);
	}
	cachefs_index_insert(cache, slots->region, id, block, slots->slot,
			     slots->nr);
}

/**
 * cachefs_region_publish - Make stored blocks findable
 * @cache: the cache
 * @region: the region
 * @slot: first slot; checksums were set
 * @nr: number of slots
 * @id: version id
 * @block: first file block; all of them in one chunk
 * @last_bytes: valid bytes in the last block, 1 to 4096
 *
 * Context: process; takes index_lock.
 */
void cachefs_region_publish(struct cachefs_cache *cache, u32 region, u32 slot,
			    u32 nr, const u8 id[16], u64 block, u32 last_bytes)
{
	struct cachefs_piece slots = { .region = region, .slot = slot, .nr = nr };
	struct cachefs_region *r = &cache->regions[region];
	struct cachefs_open_region *open = r->open;

	write_lock(&cache->index_lock);
	publish(cache, &slots, id, block, last_bytes);
	resolve(cache, r, slot, nr);
	write_unlock(&cache->index_lock);
	resolved(cache, open, nr);
}

/**
 * cachefs_region_move - Find an extent elsewhere from now on
 * @cache: the cache
 * @region: its region
 * @i: which of its extents
 * @pieces: where it was copied to, in order; checksums were set
 * @nr: how many pieces
 *
 * Context: process; takes index_lock.
 * Return: whether it counts at its new place; if not, that was abandoned.
 */
bool cachefs_region_move(struct cachefs_cache *cache, u32 region, unsigned int i,
			 const struct cachefs_piece *pieces, unsigned int nr)
{
	const struct cachefs_piece *end = pieces + nr, *piece;
	struct cachefs_extent extent;
	u64 block;
	bool ok;

	write_lock(&cache->index_lock);
	extent = cache->regions[region].extents[i];
	block = cachefs_extent_block(&extent);
	ok = cachefs_index_take(cache, region, i);
	for (piece = pieces; piece < end; piece++) {
		if (ok)
			publish(cache, piece, (u8 *)extent.id, block,
				CACHEFS_BLOCK_SIZE);
		block += piece->nr;
		resolve(cache, &cache->regions[piece->region], piece->slot,
			piece->nr);
	}
	write_unlock(&cache->index_lock);
	for (piece = pieces; piece < end; piece++)
		resolved(cache, cache->regions[piece->region].open, piece->nr);
	return ok;
}

/**
 * cachefs_region_abandon - Leave slots unused
 * @cache: the cache
 * @region: the region
 * @slot: first slot
 * @nr: number of slots
 *
 * Context: process; takes index_lock.
 */
void cachefs_region_abandon(struct cachefs_cache *cache, u32 region, u32 slot,
			    u32 nr)
{
	struct cachefs_region *r = &cache->regions[region];
	struct cachefs_open_region *open = r->open;

	write_lock(&cache->index_lock);
	resolve(cache, r, slot, nr);
	write_unlock(&cache->index_lock);
	resolved(cache, open, nr);
}

/**
 * cachefs_log_seal_all - Write all metadata
 * @cache: no store is under way, and log_work is not running
 *
 * Context: process, may sleep.
 */
void cachefs_log_seal_all(struct cachefs_cache *cache)
{
	mutex_lock(&cache->flush_mutex);
	write_sealing(cache);
	if (cache->current_region)
		write_region(cache, cache->current_region);
	mutex_unlock(&cache->flush_mutex);
}

/**
 * cachefs_log_free - Free what READY, OPEN and full regions have
 * @cache: nothing uses it any more
 */
void cachefs_log_free(struct cachefs_cache *cache)
{
	u32 i;

	for (i = 0; cache->regions && i < cache->geo.nr_regions; i++) {
		open_region_free(cache->regions[i].open);
		cache->regions[i].open = NULL;
	}
}
