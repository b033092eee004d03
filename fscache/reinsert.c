// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks that were read since they were stored stay when their region is reused: they are
 * stored at the end of the log once more.  So do blocks of a volume that has no more than
 * its minimum share.  See "What stays" and "The share of a volume" in design.rst.
 */
#include <linux/jiffies.h>
#include <linux/mm.h>
#include "internal.h"

/* The most regions that may stay as a whole, after regions of which nothing stayed. */
#define MAX_WHOLE_REGIONS	8

/* The most pieces of an extent: the end of one region, whole regions, the next region. */
#define MAX_PIECES	(2 + CACHEFS_CHUNK_BLOCKS / (CACHEFS_MIN_REGION_BLOCKS - 3))

static bool reinsert_read(struct cachefs_cache *cache,
			  const struct cachefs_extent *extent,
			  const struct cachefs_slot_record *records, u8 *buffer)
{
	u64 at = cachefs_slot_block(&cache->geo, extent->region, extent->slot);
	unsigned int i;

	if (cachefs_transfer(cache, false, at, buffer, extent->nr))
		return false;
	cachefs_io_worked(cache, false);
	for (i = 0; i < extent->nr; i++) {
		if (cachefs_data_checksum(cache->seed, extent->id, extent->block + i,
					  buffer + i * CACHEFS_BLOCK_SIZE) ==
		    le64_to_cpu(records[i].checksum))
			continue;
		cachefs_stat_add(cache, CACHEFS_STAT_CHECKSUM_ERRORS, 1);
		return false;
	}
	return true;
}

/* Write to slots at the end of the log, and set their checksums. */
static bool reinsert_write(struct cachefs_cache *cache,
			   const struct cachefs_piece *piece, void *buffer,
			   const struct cachefs_slot_record *records)
{
	u64 *checksums = cache->regions[piece->region].checksums + piece->slot;
	u64 at = cachefs_slot_block(&cache->geo, piece->region, piece->slot);
	unsigned int i;

	for (i = 0; i < piece->nr; i++)
		checksums[i] = le64_to_cpu(records[i].checksum);
	return !cachefs_transfer(cache, true, at, buffer, piece->nr);
}

/* Move an extent to the log's end.  Returns whether there may be room for another. */
static bool reinsert_move(struct cachefs_cache *cache,
			  const struct cachefs_extent *extent,
			  const struct cachefs_slot_record *records, u8 *buffer)
{
	struct cachefs_piece pieces[MAX_PIECES], *piece;
	unsigned int nr = 0, done = 0, j;
	bool ok = true;
	u64 bytes;

	if (!reinsert_read(cache, extent, records, buffer))
		return true;
	while (ok && done < extent->nr && nr < MAX_PIECES) {
		piece = &pieces[nr];
		if (!cachefs_region_alloc_slots(cache, extent->nr - done, piece,
						true))
			break;
		nr++;
		ok = reinsert_write(cache, piece, buffer + done * CACHEFS_BLOCK_SIZE,
				    records + done);
		done += piece->nr;
	}
	/* Bad slots count, too, because the rest of the room is for stores. */
	cache->stay_room -= done;
	if (ok && done == extent->nr) {
		if (cachefs_region_move(cache, extent, pieces, nr)) {
			bytes = (u64)done << CACHEFS_BLOCK_SHIFT;
			cachefs_stat_add(cache, CACHEFS_STAT_REINSERTED_BYTES, bytes);
			cachefs_share_stays(cache, extent->id, bytes);
		}
		return true;
	}
	for (j = 0; j < nr; j++)
		cachefs_region_abandon(cache, &pieces[j]);
	/*
	 * A bad slot costs this extent.  Without slots, or if nothing can be written, all
	 * other extents go, too.
	 */
	return !ok && !READ_ONCE(cache->stores_stopped) && READ_ONCE(cache->errors[1].nr) < 2;
}

static bool reinsert_begin(struct cachefs_cache *cache,
			   struct cachefs_reinsert *reinsert)
{
	struct cachefs_region *r = &cache->regions[reinsert->region];
	struct cachefs_region_meta meta;

	if (!(READ_ONCE(r->was_read) || READ_ONCE(cache->protects)) || r->lost ||
	    !READ_ONCE(r->nr_extents) || !cache->stay_room)
		return false;
	reinsert->records = kvcalloc(cache->geo.slots, sizeof(*reinsert->records),
				     CACHEFS_GFP_OR_SERVER);
	reinsert->buffer = kvmalloc_array(CACHEFS_CHUNK_BLOCKS, CACHEFS_BLOCK_SIZE,
					  CACHEFS_GFP_OR_SERVER);
	if (!reinsert->records || !reinsert->buffer)
		return false;
	cachefs_region_load_meta(cache, reinsert->region, &meta);
	cachefs_region_records(cache, &meta, reinsert->records);
	kvfree(meta.blocks);
	return meta.seq;
}

/* Get the extent at the next slot.  Returns whether the extent stays and has room. */
static bool reinsert_find(struct cachefs_cache *cache,
			  struct cachefs_reinsert *reinsert,
			  struct cachefs_extent *extent)
{
	struct cachefs_slot_record *records = reinsert->records + reinsert->slot;
	u64 where = le64_to_cpu(records->where);
	bool was_read;

	extent->nr = 1;
	if (!where)
		return false;
	extent->id = records->id;
	extent->block = where >> CACHEFS_WHERE_BYTES_BITS;
	extent->region = reinsert->region;
	extent->slot = reinsert->slot;
	extent->nr = cachefs_records_run(records, cache->geo.slots - reinsert->slot);
	return cachefs_index_find_run(cache, extent, &was_read) &&
		extent->nr <= cache->stay_room &&
		(was_read || cachefs_share_protects(cache, extent->id));
}

/**
 * cachefs_reinsert_more - Give half of a region that is ready to blocks that stay
 * @cache: the cache
 *
 * Context: flush_mutex held.
 */
void cachefs_reinsert_more(struct cachefs_cache *cache)
{
	u32 whole = cache->geo.nr_regions / 4;
	bool protects = READ_ONCE(cache->protects);

	/* The data of a minimum share may lie in regions side by side, and all of it stays. */
	if (!protects)
		whole = min_t(u32, whole, MAX_WHOLE_REGIONS);
	else if (!cache->room_saved)
		cache->stay_room = whole * cache->geo.slots;
	cache->room_saved = protects;
	cache->stay_room = min(cache->stay_room + cache->geo.slots / 2,
			       whole * cache->geo.slots);
}

/**
 * cachefs_reinsert - Store the next extent again that stays
 * @cache: the cache
 * @reinsert: the region is FREE or SEALED, and pinned; all else is zero at first
 *
 * If anything fails, fewer blocks stay.
 *
 * Context: process, sleeps; flush_mutex held.
 * Return: whether there may be another extent.
 */
bool cachefs_reinsert(struct cachefs_cache *cache, struct cachefs_reinsert *reinsert)
{
	struct cachefs_extent extent;
	bool found = false;
	u32 slot;

	if (!reinsert->records && !reinsert_begin(cache, reinsert))
		return false;
	while (!found && reinsert->slot < cache->geo.slots &&
	       cachefs_usable(cache) && !cachefs_pace_stuck(cache)) {
		slot = reinsert->slot;
		found = reinsert_find(cache, reinsert, &extent);
		reinsert->slot = slot + extent.nr;
	}
	return found && cachefs_budget_admits(cache, (u64)extent.nr << CACHEFS_BLOCK_SHIFT, true) &&
		reinsert_move(cache, &extent, reinsert->records + slot, reinsert->buffer);
}

/**
 * cachefs_reinsert_end - Free the buffers of cachefs_reinsert()
 * @reinsert: the region
 */
void cachefs_reinsert_end(struct cachefs_reinsert *reinsert)
{
	kvfree(reinsert->records);
	kvfree(reinsert->buffer);
}
