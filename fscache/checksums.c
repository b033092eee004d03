// SPDX-License-Identifier: GPL-2.0
/*
 * The checksums of a region's slots, in memory while there is enough of it.
 *
 * Of a region that is being written they are there from the beginning; of others
 * they are read from its metadata when somebody needs them, and are the first to go
 * when memory is short.
 */
#include "internal.h"

/**
 * cachefs_region_set_checksum - Note the checksum of a slot
 * @cache: the cache
 * @region: an OPEN region
 * @slot: a slot that is not resolved
 * @checksum: from cachefs_data_checksum()
 *
 * Context: any.
 */
void cachefs_region_set_checksum(struct cachefs_cache *cache, u32 region,
				 u32 slot, u64 checksum)
{
	cache->regions[region].checksums[slot] = checksum;
}

/**
 * cachefs_region_load_checksums - Make sure that a region's checksums are there
 * @cache: the cache
 * @region: a region that the caller has pinned
 *
 * Slots of which the disk says nothing get a checksum that does not match.
 *
 * Context: process, may sleep; takes load_mutex.
 * Return: 0, -ENOMEM, -EUCLEAN if the metadata is not that of this round of the
 * region, or the device's error.
 */
int cachefs_region_load_checksums(struct cachefs_cache *cache, u32 region)
{
	struct cachefs_geometry *geo = &cache->geo;
	u32 blocks = geo->meta_blocks + CACHEFS_SCRATCH_BLOCKS, i, slot;
	struct cachefs_region *r = &cache->regions[region];
	const struct cachefs_meta_block *meta;
	struct cachefs_meta_block *buffer;
	/* Without memory the server is asked: better than to wait for some. */
	gfp_t gfp = GFP_NOIO | __GFP_NOWARN | __GFP_NORETRY;
	u64 *checksums = NULL;
	u64 seq, epoch;
	int ret = 0;

	mutex_lock(&cache->load_mutex);
	if (r->checksums)
		goto unlock;
	ret = -ENOMEM;
	buffer = kvmalloc_array(blocks, sizeof(*buffer), gfp);
	checksums = kvcalloc(geo->slots, sizeof(u64), gfp);
	if (!buffer || !checksums)
		goto free;
	ret = cachefs_device_read(cache->device,
				  cachefs_region_start(geo, region), buffer,
				  blocks);
	if (ret) {
		cachefs_io_error(cache, CACHEFS_STAT_READ_ERRORS, ret);
		goto free;
	}
	cachefs_stat_add(cache, CACHEFS_STAT_DEVICE_READ_BYTES,
			 (u64)blocks << CACHEFS_BLOCK_SHIFT);
	ret = -EUCLEAN;
	if (!cachefs_meta_newest(buffer, &seq, &epoch, cache->uuid, cache->seed,
				 region, geo) || seq != r->seq)
		goto free;
	for (slot = 0; slot < geo->slots; slot++) {
		i = slot / CACHEFS_RECORDS_PER_BLOCK;
		if (slot % CACHEFS_RECORDS_PER_BLOCK == 0)
			meta = cachefs_meta_pick(buffer, i, seq, epoch,
						 cache->uuid, cache->seed,
						 region, geo);
		if (meta)
			checksums[slot] = le64_to_cpu(meta->records[slot %
					CACHEFS_RECORDS_PER_BLOCK].checksum);
	}
	/* Verifiers look without the mutex. */
	smp_store_release(&r->checksums, checksums);
	cachefs_stat_add(cache, CACHEFS_STAT_CHECKSUM_BYTES,
			 geo->slots * sizeof(u64));
	checksums = NULL;
	ret = 0;
free:
	kvfree(buffer);
	kvfree(checksums);
unlock:
	mutex_unlock(&cache->load_mutex);
	return ret;
}

/**
 * cachefs_region_drop_checksums - Free checksums that can be loaded again
 * @cache: the cache
 * @nr: how many regions' at most
 *
 * Context: process, also in reclaim; takes index_lock.
 * Return: of how many regions they were freed.
 */
unsigned long cachefs_region_drop_checksums(struct cachefs_cache *cache,
					    unsigned long nr)
{
	unsigned long dropped = 0;
	u32 looked;

	for (looked = 0; looked < cache->geo.nr_regions && dropped < nr;
	     looked++) {
		u32 hand = READ_ONCE(cache->shrink_hand) % cache->geo.nr_regions;
		struct cachefs_region *r = &cache->regions[hand];
		u64 *checksums = NULL;

		WRITE_ONCE(cache->shrink_hand, hand + 1);
		if (looked % 4096 == 4095)
			cond_resched();
		if (!READ_ONCE(r->checksums))
			continue;
		/* Pins are only taken under the lock. */
		write_lock(&cache->index_lock);
		if (READ_ONCE(r->state) == CACHEFS_REGION_SEALED &&
		    !cachefs_region_pinned(r)) {
			checksums = r->checksums;
			WRITE_ONCE(r->checksums, NULL);
		}
		write_unlock(&cache->index_lock);
		if (checksums) {
			kvfree(checksums);
			dropped++;
			cachefs_stat_add(cache, CACHEFS_STAT_CHECKSUM_BYTES,
					 -(s64)(cache->geo.slots * sizeof(u64)));
		}
	}
	return dropped;
}
