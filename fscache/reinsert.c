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

/* The buffer, in blocks: the most that is read or written at once. */
#define REINSERT_BLOCKS	256
/* Blocks that do not stay are read, too, if no more than this lie side by side. */
#define REINSERT_GAP	32

/* The most pieces of a buffer: the end of one region, whole regions, the next region. */
#define MAX_PIECES	(2 + REINSERT_BLOCKS / (CACHEFS_MIN_REGION_BLOCKS - 3))

static const struct cachefs_slot_record *
reinsert_records(const struct cachefs_reinsert *reinsert,
		 const struct cachefs_extent *extent)
{
	return reinsert->records + extent->slot;
}

/* Whether the data of an extent is as its records say. */
static bool reinsert_verify(struct cachefs_cache *cache,
			    const struct cachefs_extent *extent,
			    const struct cachefs_slot_record *records, const u8 *data)
{
	unsigned int i;

	for (i = 0; i < extent->nr; i++) {
		if (cachefs_data_checksum(cache->seed, extent->id, extent->block + i,
					  data + i * CACHEFS_BLOCK_SIZE) ==
		    le64_to_cpu(records[i].checksum))
			continue;
		cachefs_stat_add(cache, CACHEFS_STAT_CHECKSUM_ERRORS, 1);
		return false;
	}
	return true;
}

static bool reinsert_read_blocks(struct cachefs_cache *cache, u32 region, u32 slot,
				 u8 *data, u32 nr)
{
	if (cachefs_transfer(cache, false, cachefs_slot_block(&cache->geo, region, slot),
			     data, nr, REQ_BACKGROUND))
		return false;
	cachefs_io_worked(cache, false);
	return true;
}

/*
 * Read the extents that were gathered, with one read, and put their data side by side.
 * If the read fails, read each extent by itself.  Extents that cannot be read, or are
 * damaged, are left out.
 */
static void reinsert_read(struct cachefs_cache *cache, struct cachefs_reinsert *reinsert)
{
	struct cachefs_extent *extents = reinsert->extents, *kept = extents, *extent;
	struct cachefs_extent *end = extents + reinsert->nr;
	u32 first = extents->slot;
	u8 *to = reinsert->buffer, *from;
	bool whole;

	whole = reinsert_read_blocks(cache, reinsert->region, first, to,
				     end[-1].slot + end[-1].nr - first);
	for (extent = extents; extent < end; extent++) {
		from = reinsert->buffer + (extent->slot - first) * CACHEFS_BLOCK_SIZE;
		if (!whole && (reinsert->nr == 1 || !cachefs_usable(cache) ||
			       cachefs_pace_stuck(cache) ||
			       !reinsert_read_blocks(cache, reinsert->region, extent->slot,
						     from, extent->nr)))
			continue;
		if (!reinsert_verify(cache, extent, reinsert_records(reinsert, extent), from))
			continue;
		memmove(to, from, extent->nr * CACHEFS_BLOCK_SIZE);
		to += extent->nr * CACHEFS_BLOCK_SIZE;
		*kept++ = *extent;
	}
	reinsert->nr = kept - extents;
}

/* Let the index find an extent at its copy.  @piece begins with the slots of the copy. */
static struct cachefs_piece *reinsert_publish(struct cachefs_cache *cache,
					      const struct cachefs_reinsert *reinsert,
					      const struct cachefs_extent *extent,
					      struct cachefs_piece *piece)
{
	const struct cachefs_slot_record *records = reinsert_records(reinsert, extent);
	u64 bytes = (u64)extent->nr << CACHEFS_BLOCK_SHIFT, *checksums;
	struct cachefs_piece parts[MAX_PIECES], *part = parts;
	u32 left, i;

	for (left = extent->nr; left; left -= part++->nr) {
		*part = *piece;
		part->nr = min(left, piece->nr);
		checksums = cache->regions[part->region].checksums + part->slot;
		for (i = 0; i < part->nr; i++)
			checksums[i] = le64_to_cpu(records++->checksum);
		piece->slot += part->nr;
		piece->nr -= part->nr;
		if (!piece->nr)
			piece++;
	}
	if (cachefs_region_move(cache, extent, parts, part - parts)) {
		cachefs_stat_add(cache, CACHEFS_STAT_REINSERTED_BYTES, bytes);
		cachefs_share_stays(cache, extent->id, bytes);
	}
	return piece;
}

/*
 * Move extents @first to @end - 1 to the end of the log, with one write for each piece.
 * @data has their data side by side.  The extents before the first write that fails count
 * at their new place.  Returns their number.  @room says whether there were slots for all.
 */
static u32 reinsert_move(struct cachefs_cache *cache, struct cachefs_reinsert *reinsert,
			 u32 first, u32 end, u8 *data, bool *room)
{
	struct cachefs_piece pieces[MAX_PIECES], *piece = pieces;
	struct cachefs_extent *extents = reinsert->extents;
	u32 want = 0, taken = 0, written = 0, nr = 0, i;
	bool ok = true;

	*room = true;
	for (i = first; i < end; i++)
		want += extents[i].nr;
	/* Slots that failed have used up room since the extents were gathered. */
	if (want > cache->stay_room)
		return 0;
	while (ok && taken < want && nr < MAX_PIECES) {
		if (!cachefs_region_alloc_slots(cache, want - taken, &pieces[nr], true))
			break;
		ok = !cachefs_transfer(cache, true, cachefs_slot_block(&cache->geo,
				       pieces[nr].region, pieces[nr].slot),
				       data + taken * CACHEFS_BLOCK_SIZE, pieces[nr].nr,
				       REQ_BACKGROUND);
		taken += pieces[nr].nr;
		written = ok ? taken : written;
		nr++;
	}
	*room = !ok || taken == want;
	/* Bad slots count, too, because the rest of the room is for stores. */
	cache->stay_room -= taken;
	for (i = first; i < end && extents[i].nr <= written; i++) {
		written -= extents[i].nr;
		piece = reinsert_publish(cache, reinsert, &extents[i], piece);
	}
	for (; piece < pieces + nr; piece++)
		cachefs_region_abandon(cache, piece);
	return i - first;
}

/*
 * Move all extents that were read.  After a write that failed, each extent is moved by
 * itself: a bad slot costs one extent at most, and an extent without room goes.  Returns
 * %false if nothing more can stay, because there are no slots, or nothing can be written.
 */
static bool reinsert_move_all(struct cachefs_cache *cache, struct cachefs_reinsert *reinsert)
{
	struct cachefs_extent *extent = reinsert->extents;
	u32 at = 0, end = reinsert->nr, moved;
	u8 *data = reinsert->buffer;
	bool room = true;

	while (at < reinsert->nr) {
		moved = reinsert_move(cache, reinsert, at, end, data, &room);
		if (moved < end - at && (!room || READ_ONCE(cache->stores_stopped) ||
					 READ_ONCE(cache->errors[1].nr) >= 2))
			return false;
		/* An extent that was alone goes if its write has failed. */
		if (end == at + 1)
			moved = 1;
		for (; moved; moved--, at++)
			data += extent++->nr * CACHEFS_BLOCK_SIZE;
		end = at + 1;
	}
	return true;
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
	reinsert->extents = kvmalloc_array(REINSERT_BLOCKS, sizeof(*reinsert->extents),
					   CACHEFS_GFP_OR_SERVER);
	reinsert->buffer = kvmalloc_array(REINSERT_BLOCKS, CACHEFS_BLOCK_SIZE,
					  CACHEFS_GFP_OR_SERVER);
	if (!reinsert->records || !reinsert->extents || !reinsert->buffer)
		return false;
	cachefs_region_load_meta(cache, reinsert->region, &meta);
	cachefs_region_records(cache, &meta, reinsert->records);
	kvfree(meta.blocks);
	return meta.seq;
}

/* Get the extent at the next slot.  Returns whether the extent stays. */
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
		(was_read || cachefs_share_protects(cache, extent->id));
}

/*
 * Gather the next extents that stay, as many as fit the buffer and have room.  Returns
 * whether there may be more.
 */
static bool reinsert_gather(struct cachefs_cache *cache, struct cachefs_reinsert *reinsert)
{
	u32 blocks = 0, first = 0, end = 0;
	struct cachefs_extent extent;

	for (; reinsert->slot < cache->geo.slots; reinsert->slot += extent.nr) {
		if (!cachefs_usable(cache) || cachefs_pace_stuck(cache))
			return false;
		if (blocks && reinsert->slot - end > REINSERT_GAP)
			break;
		if (!reinsert_find(cache, reinsert, &extent) ||
		    extent.nr > cache->stay_room - blocks)
			continue;
		first = blocks ? first : extent.slot;
		if (extent.slot + extent.nr - first > REINSERT_BLOCKS)
			break;
		blocks += extent.nr;
		if (!cachefs_budget_admits(cache, (u64)blocks << CACHEFS_BLOCK_SHIFT, true))
			return false;
		end = extent.slot + extent.nr;
		reinsert->extents[reinsert->nr++] = extent;
	}
	return reinsert->slot < cache->geo.slots;
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
 * cachefs_reinsert - Store the next extents again that stay
 * @cache: the cache
 * @reinsert: the region is FREE or SEALED, and pinned; all else is zero at first
 *
 * If anything fails, fewer blocks stay.
 *
 * Context: process, sleeps; flush_mutex held.
 * Return: whether there may be more extents.
 */
bool cachefs_reinsert(struct cachefs_cache *cache, struct cachefs_reinsert *reinsert)
{
	bool more;

	if (!reinsert->records && !reinsert_begin(cache, reinsert))
		return false;
	reinsert->nr = 0;
	more = reinsert_gather(cache, reinsert);
	if (reinsert->nr)
		reinsert_read(cache, reinsert);
	return reinsert_move_all(cache, reinsert) && more;
}

/**
 * cachefs_reinsert_end - Free the buffers of cachefs_reinsert()
 * @reinsert: the region
 */
void cachefs_reinsert_end(struct cachefs_reinsert *reinsert)
{
	kvfree(reinsert->records);
	kvfree(reinsert->extents);
	kvfree(reinsert->buffer);
}
