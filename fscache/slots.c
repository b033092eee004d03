// SPDX-License-Identifier: GPL-2.0
/*
 * The slots at the end of the log, for stores: a store takes slots of the open region,
 * and publishes or abandons them.  Nothing here waits.  log.c makes regions ready and
 * writes their metadata.
 */
#include <trace/events/cachefs.h>
#include "internal.h"

static struct cachefs_slot_record *slots_record(struct cachefs_open_region *open,
						u32 slot)
{
	u32 index = slot / CACHEFS_RECORDS_PER_BLOCK;

	return &open->meta[index].records[slot % CACHEFS_RECORDS_PER_BLOCK];
}

/**
 * cachefs_region_set_state - Set the state of a region
 * @cache: the cache
 * @nr: the region
 * @state: the state; see cachefs_region::state for the lock
 *
 * Context: any.
 */
void cachefs_region_set_state(struct cachefs_cache *cache, u32 nr,
			      enum cachefs_region_state state)
{
	struct cachefs_region *region = &cache->regions[nr];

	if (region->state != state)
		trace_cachefs_region(nr, region->seq, region->state, state);
	/* The shrinker looks without log_lock: cachefs_region_drop_checksums(). */
	smp_store_release(&region->state, state);
}

/**
 * cachefs_region_free - Make a region FREE, and evict all its blocks
 * @cache: the cache
 * @nr: the region
 *
 * Context: process; takes index_lock.
 */
void cachefs_region_free(struct cachefs_cache *cache, u32 nr)
{
	write_lock(&cache->index_lock);
	cachefs_stat_add(cache, CACHEFS_STAT_EVICTED_BYTES,
			 (u64)cache->regions[nr].live << CACHEFS_BLOCK_SHIFT);
	cachefs_region_set_state(cache, nr, CACHEFS_REGION_FREE);
	write_unlock(&cache->index_lock);
	cachefs_index_forget(cache, nr);
}

/*
 * Count slots as published or abandoned.  Their records are complete.  If this was the
 * last slot of the region, kick the log.  Otherwise the log writes the records at its
 * next interval.
 */
static void slots_resolve(struct cachefs_cache *cache,
			  const struct cachefs_piece *slots)
{
	struct cachefs_open_region *open = cache->regions[slots->region].open;
	u32 i;

	lockdep_assert_held_write(&cache->index_lock);
	for (i = slots->slot; i < slots->slot + slots->nr; i++) {
		u16 *count = &open->resolved[i / CACHEFS_RECORDS_PER_BLOCK];

		/* Pairs with log_write_finished(). */
		smp_store_release(count, *count + 1);
	}
	/* Pairs with log_write_sealing(), which frees @open once index_lock is free. */
	smp_store_release(&open->left, open->left - slots->nr);
	if (!open->left)
		cachefs_log_kick(cache);
}

/**
 * cachefs_region_alloc_slots - Take slots at the end of the log
 * @cache: the cache
 * @want: number of slots
 * @slots: the slots, in one piece
 * @last: the slots may be in the last region that is READY.  %false for stores: blocks
 *	that stay must get there before stores need another region.  While blocks that
 *	stay are being moved and no region is READY, the rest of the open region is not
 *	for stores, either
 *
 * Every slot must be given to cachefs_region_publish() or
 * cachefs_region_abandon() in the end.
 *
 * Context: any but interrupts; takes log_lock.
 * Return: number of slots; 0 if no region is ready.
 */
u32 cachefs_region_alloc_slots(struct cachefs_cache *cache, u32 want,
			       struct cachefs_piece *slots, bool last)
{
	struct cachefs_open_region *open;
	bool kick = false;

	slots->nr = 0;
	spin_lock(&cache->log_lock);
	if (!last && cache->reinserting && !cache->nr_ready) {
		spin_unlock(&cache->log_lock);
		return 0;
	}
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
			cachefs_region_set_state(cache, open->nr,
						 CACHEFS_REGION_OPEN);
			WRITE_ONCE(cache->regions[open->nr].opened,
				   ktime_get_boottime_seconds());
			cache->current_region = open;
		}
	}
	if (open) {
		slots->nr = min(want, cache->geo.slots - open->next_slot);
		slots->region = open->nr;
		slots->slot = open->next_slot;
		WRITE_ONCE(open->next_slot, open->next_slot + slots->nr);
	}
	spin_unlock(&cache->log_lock);

	if (kick)
		cachefs_log_kick(cache);
	return slots->nr;
}

/* Fill in the records of some slots, and put their blocks into the index. */
static void slots_publish(struct cachefs_cache *cache,
			  const struct cachefs_piece *slots, const u8 id[16],
			  u64 block, u32 last_bytes)
{
	struct cachefs_region *r = &cache->regions[slots->region];
	u32 i;

	lockdep_assert_held_write(&cache->index_lock);
	for (i = 0; i < slots->nr; i++) {
		struct cachefs_slot_record *record =
			slots_record(r->open, slots->slot + i);
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
 * @slots: the slots that have the blocks; checksums were set
 * @id: version id
 * @block: first file block; all blocks are in one chunk
 * @last_bytes: valid bytes in the last block, 1 to 4096
 *
 * Context: process; takes index_lock.
 */
void cachefs_region_publish(struct cachefs_cache *cache,
			    const struct cachefs_piece *slots, const u8 id[16],
			    u64 block, u32 last_bytes)
{
	write_lock(&cache->index_lock);
	slots_publish(cache, slots, id, block, last_bytes);
	slots_resolve(cache, slots);
	write_unlock(&cache->index_lock);
}

/**
 * cachefs_region_move - Let the index find an extent at its new place
 * @cache: the cache
 * @extent: the extent at its old place
 * @pieces: the slots that the extent was copied to, in order; checksums were set
 * @nr: number of pieces
 *
 * Context: process; takes index_lock.
 * Return: whether the extent counts at its new place; if not, @pieces were abandoned.
 */
bool cachefs_region_move(struct cachefs_cache *cache,
			 const struct cachefs_extent *extent,
			 const struct cachefs_piece *pieces, unsigned int nr)
{
	const struct cachefs_piece *end = pieces + nr, *piece;
	u64 block = extent->block;
	bool ok;

	write_lock(&cache->index_lock);
	ok = cachefs_index_take(cache, extent);
	for (piece = pieces; piece < end; piece++) {
		if (ok)
			slots_publish(cache, piece, extent->id, block,
				      CACHEFS_BLOCK_SIZE);
		block += piece->nr;
		slots_resolve(cache, piece);
	}
	write_unlock(&cache->index_lock);
	return ok;
}

/**
 * cachefs_region_abandon - Leave slots unused
 * @cache: the cache
 * @slots: the slots
 *
 * Context: process; takes index_lock.
 */
void cachefs_region_abandon(struct cachefs_cache *cache,
			    const struct cachefs_piece *slots)
{
	write_lock(&cache->index_lock);
	slots_resolve(cache, slots);
	write_unlock(&cache->index_lock);
}
