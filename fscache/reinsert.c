// SPDX-License-Identifier: GPL-2.0
/*
 * What was read since it was stored stays when its region is reused: it goes to the
 * end of the log once more, and then has to be read again to stay.
 *
 * So what is in use survives a scan that is larger than the device.  On average at most
 * half of a region stays, or nothing new would find room where everything is in use.
 *
 * An extent is copied first and then found at its new place, in one step, if it is
 * still found at the old one.
 */
#include <linux/jiffies.h>
#include <linux/mm.h>
#include "internal.h"

/* So many regions may stay as a whole after others of which nothing did. */
#define MAX_WHOLE_REGIONS	8

/* What an extent can be in: the end of one region, whole ones, the next one. */
#define MAX_PIECES	(2 + CACHEFS_CHUNK_BLOCKS / (CACHEFS_MIN_REGION_BLOCKS - 3))

static bool reinsert_read(struct cachefs_cache *cache, u32 region,
			  const struct cachefs_extent *extent, u8 *buffer)
{
	u64 *checksums = cache->regions[region].checksums + extent->slot;
	u64 block = cachefs_extent_block(extent);
	unsigned int i;
	int ret;

	ret = cachefs_device_read(cache->device,
				  cachefs_slot_block(&cache->geo, region,
						     extent->slot),
				  buffer, extent->nr);
	if (ret) {
		cachefs_io_error(cache, false,
				 cachefs_slot_block(&cache->geo, region,
						    extent->slot), ret);
		return false;
	}
	cachefs_stat_add(cache, CACHEFS_STAT_DEVICE_READ_BYTES,
			 (u64)extent->nr << CACHEFS_BLOCK_SHIFT);
	for (i = 0; i < extent->nr; i++) {
		if (cachefs_data_checksum(cache->seed, (u8 *)extent->id, block + i,
					  buffer + i * CACHEFS_BLOCK_SIZE) ==
		    checksums[i])
			continue;
		cachefs_stat_add(cache, CACHEFS_STAT_CHECKSUM_ERRORS, 1);
		return false;
	}
	return true;
}

/* Write to slots at the end of the log, and set their checksums. */
static bool reinsert_write(struct cachefs_cache *cache,
			   const struct cachefs_piece *piece, const void *buffer,
			   const u64 *checksums)
{
	unsigned int i;
	int ret;

	for (i = 0; i < piece->nr; i++)
		cachefs_region_set_checksum(cache, piece->region,
					    piece->slot + i, checksums[i]);
	ret = cachefs_device_write(cache->device,
				   cachefs_slot_block(&cache->geo, piece->region,
						      piece->slot),
				   buffer, piece->nr, 0);
	if (ret)
		cachefs_io_error(cache, true,
				 cachefs_slot_block(&cache->geo, piece->region,
						    piece->slot), ret);
	else
		cachefs_stat_add(cache, CACHEFS_STAT_DEVICE_WRITTEN_BYTES,
				 (u64)piece->nr << CACHEFS_BLOCK_SHIFT);
	return !ret;
}

/* Returns whether there may be room for another one. */
static bool reinsert_move(struct cachefs_cache *cache, u32 region, unsigned int i,
			  const struct cachefs_extent *extent, u8 *buffer)
{
	u64 *checksums = cache->regions[region].checksums + extent->slot;
	struct cachefs_piece pieces[MAX_PIECES], *piece;
	unsigned int nr = 0, done = 0, j;
	bool ok = true;

	if (!reinsert_read(cache, region, extent, buffer))
		return true;
	while (ok && done < extent->nr && nr < MAX_PIECES) {
		piece = &pieces[nr];
		piece->nr = cachefs_region_alloc_slots(cache, extent->nr - done,
						       &piece->region,
						       &piece->slot, true);
		if (!piece->nr)
			break;
		nr++;
		ok = reinsert_write(cache, piece, buffer + done * CACHEFS_BLOCK_SIZE,
				    checksums + done);
		done += piece->nr;
	}
	if (ok && done == extent->nr) {
		cache->stay_room -= done;
		if (cachefs_region_move(cache, region, i, pieces, nr))
			cachefs_stat_add(cache, CACHEFS_STAT_REINSERTED_BYTES,
					 (u64)done << CACHEFS_BLOCK_SHIFT);
		return true;
	}
	for (j = 0; j < nr; j++)
		cachefs_region_abandon(cache, pieces[j].region, pieces[j].slot,
				       pieces[j].nr);
	return false;
}

/**
 * cachefs_reinsert_more - A region is ready: half of it is for what stays
 * @cache: the cache
 *
 * Context: flush_mutex held.
 */
void cachefs_reinsert_more(struct cachefs_cache *cache)
{
	u32 whole = min_t(u32, cache->geo.nr_regions / 4, MAX_WHOLE_REGIONS);

	cache->stay_room = min(cache->stay_room + cache->geo.slots / 2,
			       whole * cache->geo.slots);
}

/**
 * cachefs_reinsert - Store the next extent of a region again that was read
 * @cache: the cache
 * @region: a region that is FREE or SEALED, and pinned
 * @at: where to go on in its extents, 0 at first
 * @buffer: memory for an extent, %NULL at first; the caller frees it with kvfree()
 *
 * Whatever goes wrong, less stays.
 *
 * Context: process, sleeps; flush_mutex held.
 * Return: whether there may be another one.
 */
bool cachefs_reinsert(struct cachefs_cache *cache, u32 region, unsigned int *at,
		      u8 **buffer)
{
	struct cachefs_extent extent;
	unsigned int i;
	int ret;

	while (*at < cache->regions[region].nr_extents &&
	       cachefs_usable(cache) && !cachefs_pace_stuck(cache)) {
		i = (*at)++;
		if (!cachefs_index_was_read(cache, region, i, &extent) ||
		    extent.nr > cache->stay_room)
			continue;
		if (!*buffer)
			*buffer = kvmalloc_array(CACHEFS_CHUNK_BLOCKS,
						 CACHEFS_BLOCK_SIZE, GFP_NOIO |
						 __GFP_NOWARN | __GFP_NORETRY);
		if (!*buffer)
			return false;
		ret = cachefs_region_load_checksums(cache, region, extent.slot,
						    extent.nr);
		if (ret != -ENODATA)
			return !ret && reinsert_move(cache, region, i, &extent,
						     *buffer);
	}
	return false;
}
