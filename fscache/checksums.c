// SPDX-License-Identifier: GPL-2.0
/*
 * The checksums of a region's slots, in memory while there is enough memory.
 *
 * A region that is being written has its checksums from the beginning.  The checksums
 * of other regions are read from their metadata when they are needed.  These checksums
 * are freed first when memory is short.
 */
#include <linux/err.h>
#include "internal.h"

/**
 * cachefs_checksums_alloc - Allocate room for the checksums of a region
 * @cache: the cache
 * @gfp: flags of the allocation
 *
 * Context: process, as @gfp says.
 * Return: zeros for all slots, which are counted; or %NULL.
 */
u64 *cachefs_checksums_alloc(struct cachefs_cache *cache, gfp_t gfp)
{
	u64 *checksums = kvcalloc(cache->geo.slots, sizeof(u64), gfp);

	if (checksums)
		cachefs_stat_add(cache, CACHEFS_STAT_CHECKSUM_BYTES,
				 cache->geo.slots * sizeof(u64));
	return checksums;
}

/**
 * cachefs_checksums_free - Free the checksums of a region
 * @cache: the cache
 * @checksums: of cachefs_checksums_alloc(), not in use any more; or %NULL
 *
 * Context: process.
 */
void cachefs_checksums_free(struct cachefs_cache *cache, u64 *checksums)
{
	if (!checksums)
		return;
	kvfree(checksums);
	cachefs_stat_add(cache, CACHEFS_STAT_CHECKSUM_BYTES,
			 -(s64)(cache->geo.slots * sizeof(u64)));
}

/**
 * cachefs_region_read_meta - Read and check the metadata of a region
 * @cache: the cache
 * @meta: region and blocks are set; the rest is filled in by cachefs_meta_newest()
 *
 * If the blocks cannot be read in one go, each is read by itself.  A block that
 * cannot be read is zero, and so is not valid.  All of this counts as one error.
 *
 * Context: process, sleeps.
 * Return: how many blocks could not be read, or the device's error if no block could.
 */
int cachefs_region_read_meta(struct cachefs_cache *cache, struct cachefs_region_meta *meta)
{
	u32 blocks = cache->geo.meta_blocks + CACHEFS_SCRATCH_BLOCKS, bad = 0, i;
	u64 start = cachefs_region_start(&cache->geo, meta->region), first_bad = start;
	int error, ret;

	cachefs_stat_add(cache, CACHEFS_STAT_DEVICE_READ_BYTES,
			 (u64)blocks << CACHEFS_BLOCK_SHIFT);
	error = cachefs_device_read(cache->device, start, meta->blocks, blocks, 0);
	for (i = 0; error && i < blocks; i++) {
		ret = cachefs_device_read(cache->device, start + i, &meta->blocks[i], 1, 0);
		if (!ret)
			continue;
		memset(&meta->blocks[i], 0, sizeof(meta->blocks[i]));
		if (!bad++) {
			error = ret;
			first_bad = start + i;
		}
	}
	if (error)
		cachefs_io_error(cache, false, first_bad, error);
	cachefs_meta_newest(meta, cache->uuid, cache->seed, &cache->geo);
	return bad == blocks ? error : bad;
}

/**
 * cachefs_region_load_meta - Read the metadata of the present round of a region
 * @cache: the cache
 * @region: a region that is not reused meanwhile
 * @meta: filled in; the caller frees @meta->blocks with kvfree(), also after an error
 *
 * Context: process, sleeps, but does not wait for memory: asking the server is better.
 * Return: -ENOMEM, or as cachefs_region_read_meta().
 */
int cachefs_region_load_meta(struct cachefs_cache *cache, u32 region,
			     struct cachefs_region_meta *meta)
{
	u32 blocks = cache->geo.meta_blocks + CACHEFS_SCRATCH_BLOCKS;
	int unread;

	meta->region = region;
	meta->seq = 0;
	meta->blocks = kvmalloc_array(blocks, sizeof(*meta->blocks),
				      CACHEFS_GFP_OR_SERVER);
	if (!meta->blocks)
		return -ENOMEM;
	unread = cachefs_region_read_meta(cache, meta);
	if (meta->seq != cache->regions[region].seq)
		meta->seq = 0;
	return unread;
}

static bool checksums_record_valid(const struct cachefs_slot_record *record)
{
	u64 where = le64_to_cpu(record->where);
	u32 bytes = where & GENMASK(CACHEFS_WHERE_BYTES_BITS - 1, 0);

	return bytes && bytes <= CACHEFS_BLOCK_SIZE &&
		where >> CACHEFS_WHERE_BYTES_BITS < 1ULL << CACHEFS_FILE_BLOCK_BITS;
}

/**
 * cachefs_region_records - Copy the records of a region's slots
 * @cache: the cache
 * @meta: the metadata of the region on the disk
 * @records: for all slots; zero where the disk has no record, or a bad one
 *
 * Context: any.
 */
void cachefs_region_records(struct cachefs_cache *cache,
			    const struct cachefs_region_meta *meta,
			    struct cachefs_slot_record *records)
{
	const struct cachefs_meta_block *block = NULL;
	u32 slot, at;

	memset(records, 0, cache->geo.slots * sizeof(*records));
	for (slot = 0; slot < cache->geo.slots; slot++) {
		at = slot % CACHEFS_RECORDS_PER_BLOCK;
		if (at == 0)
			block = cachefs_meta_pick(meta, slot / CACHEFS_RECORDS_PER_BLOCK,
						  &cache->geo);
		if (block && checksums_record_valid(&block->records[at]))
			records[slot] = block->records[at];
	}
}

/*
 * Fill in the checksums that the metadata has.  Slots without a checksum cannot be
 * verified, so the index drops their blocks.  Returns whether the index had such blocks.
 */
static bool checksums_fill(struct cachefs_cache *cache,
			   const struct cachefs_region_meta *loaded, u64 *checksums)
{
	struct cachefs_geometry *geo = &cache->geo;
	bool dropped = false, unwritten = READ_ONCE(cache->regions[loaded->region].unwritten);
	const struct cachefs_meta_block *meta;
	u32 index, first, nr, i;

	for (index = 0; index < geo->meta_blocks; index++) {
		first = index * CACHEFS_RECORDS_PER_BLOCK;
		nr = min_t(u32, CACHEFS_RECORDS_PER_BLOCK, geo->slots - first);
		meta = cachefs_meta_pick(loaded, index, geo);
		/* This is a scratch block from before the write that failed. */
		if (meta && unwritten && le32_to_cpu(meta->header.nr) < nr)
			meta = NULL;
		for (i = 0; meta && i < nr; i++)
			checksums[first + i] =
				le64_to_cpu(meta->records[i].checksum);
		if (!meta && cachefs_index_drop_slots(cache, loaded->region, first, nr))
			dropped = true;
	}
	return dropped;
}

/*
 * Read the checksums that the disk has.  If all metadata was written and could be read,
 * but not all blocks have a checksum, the metadata was damaged.  Otherwise the device has
 * lost a part of the metadata.
 */
static int checksums_read(struct cachefs_cache *cache, u32 region,
			  struct cachefs_region_meta *loaded, u64 *checksums)
{
	struct cachefs_region *r = &cache->regions[region];
	bool dropped;
	int unread;

	unread = cachefs_region_load_meta(cache, region, loaded);
	if (unread == -ENOMEM)
		return unread;
	if (loaded->seq) {
		dropped = checksums_fill(cache, loaded, checksums);
	} else {
		/* The caller has pinned the region, so no block is of a later round. */
		dropped = READ_ONCE(r->nr_extents);
		cachefs_index_forget(cache, region);
	}
	if (dropped && !unread && !READ_ONCE(r->unwritten)) {
		cachefs_stat_add(cache, CACHEFS_STAT_CHECKSUM_ERRORS, 1);
		pr_warn_ratelimited("%s: metadata of region %u is damaged, read from the server instead\n",
				    cachefs_device_name(cache->device), region);
	}
	if (loaded->seq)
		return 0;
	/* Readers that have found blocks here before do not read the metadata again. */
	r->lost = true;
	return unread < 0 ? unread : -EUCLEAN;
}

static int checksums_load(struct cachefs_cache *cache, u32 region)
{
	struct cachefs_region_meta meta;
	u64 *checksums;
	int ret;

	checksums = cachefs_checksums_alloc(cache, CACHEFS_GFP_OR_SERVER);
	if (!checksums)
		return -ENOMEM;
	ret = checksums_read(cache, region, &meta, checksums);
	kvfree(meta.blocks);
	if (ret)
		cachefs_checksums_free(cache, checksums);
	else /* Verifiers look without the mutex. */
		smp_store_release(&cache->regions[region].checksums, checksums);
	return ret;
}

/**
 * cachefs_region_load_checksums - Get the checksums of a region for some slots
 * @cache: the cache
 * @region: a region that the caller has pinned
 * @slot: the first slot
 * @nr: how many
 *
 * Loads the checksums of the whole region.  Extents without checksums on the disk are
 * dropped.
 *
 * Context: process, may sleep; takes a load_mutex.  To drop extents, takes grow_mutex and
 * index_lock, too.
 * Return: the checksums of all slots, until the region is unpinned; or an ERR_PTR that
 * says why some are missing: -ENOMEM; -EUCLEAN if the metadata is not that of this
 * round of the region; the device's error; or -ENODATA if the region is known to be
 * lost, or if only these slots have no checksums.
 */
const u64 *cachefs_region_load_checksums(struct cachefs_cache *cache, u32 region,
					 u32 slot, u32 nr)
{
	struct mutex *mutex = &cache->load_mutex[region % CACHEFS_LOAD_LOCKS];
	struct cachefs_region *r = &cache->regions[region];
	const u64 *checksums;
	int ret = 0;
	u32 i;

	mutex_lock(mutex);
	if (!r->checksums)
		ret = r->lost ? -ENODATA : checksums_load(cache, region);
	checksums = r->checksums;
	mutex_unlock(mutex);
	for (i = slot; !ret && i < slot + nr; i++)
		if (!checksums[i])
			ret = -ENODATA;
	return ret ? ERR_PTR(ret) : checksums;
}

static bool checksums_record_is(const struct cachefs_meta_block *meta, u32 slot,
				const u8 id[16], u64 block)
{
	const struct cachefs_slot_record *record =
		&meta->records[slot % CACHEFS_RECORDS_PER_BLOCK];

	return le64_to_cpu(record->where) >> CACHEFS_WHERE_BYTES_BITS == block &&
		!memcmp(record->id, id, sizeof(record->id));
}

static bool checksums_disk_says(struct cachefs_cache *cache, u32 region,
				u32 slot, const u8 id[16], u64 block)
{
	const struct cachefs_meta_block *meta;
	struct cachefs_region_meta loaded;
	bool is = true;

	cachefs_region_load_meta(cache, region, &loaded);
	meta = cachefs_meta_pick(&loaded, slot / CACHEFS_RECORDS_PER_BLOCK, &cache->geo);
	if (meta)
		is = checksums_record_is(meta, slot, id, block);
	kvfree(loaded.blocks);
	return is;
}

/**
 * cachefs_region_holds - Tell whether a block was stored in a slot
 * @cache: the cache
 * @region: pinned
 * @slot: the slot
 * @id: version id
 * @block: file block
 *
 * The index has only a part of a hash, and may find another block.  Such a block does
 * not match its checksum, but is not damaged.
 *
 * Context: process, may sleep; takes index_lock.
 * Return: %false if another block was stored there; otherwise, or if unknown, %true.
 */
bool cachefs_region_holds(struct cachefs_cache *cache, u32 region, u32 slot,
			  const u8 id[16], u64 block)
{
	struct cachefs_open_region *open;
	bool is = false;

	read_lock(&cache->index_lock);
	open = READ_ONCE(cache->regions[region].open);
	if (open)
		is = checksums_record_is(&open->meta[slot / CACHEFS_RECORDS_PER_BLOCK],
					 slot, id, block);
	read_unlock(&cache->index_lock);
	return open ? is : checksums_disk_says(cache, region, slot, id, block);
}

/* Take the checksums of a region away, if no reader needs them. */
static u64 *checksums_take(struct cachefs_cache *cache, u32 region)
{
	struct cachefs_region *r = &cache->regions[region];
	unsigned int lock = region % CACHEFS_LOAD_LOCKS;
	u64 *checksums = NULL;

	/*
	 * No reader loads the checksums while the mutex is held.  If the mutex is not
	 * free, the checksums of another region are as good.
	 */
	if (!mutex_trylock(&cache->load_mutex[lock]))
		return NULL;
	/*
	 * The lock keeps the region from becoming FREE.  The log frees the checksums of a
	 * region that has become FREE.
	 */
	read_lock(&cache->index_lock);
	/* Pairs with cachefs_region_set_state(): the last store of the region is done. */
	if (smp_load_acquire(&r->state) == CACHEFS_REGION_SEALED)
		checksums = xchg(&r->checksums, NULL);
	/*
	 * A reader whose pin is not seen here finds no checksums.  Pairs with
	 * index_run_pin().  A reader whose pin is seen may find none for a moment, and
	 * gets them when the mutex is free.
	 */
	smp_mb();
	if (checksums && cachefs_region_pinned(r)) {
		/* Verifiers look without the mutex. */
		smp_store_release(&r->checksums, checksums);
		checksums = NULL;
	}
	read_unlock(&cache->index_lock);
	mutex_unlock(&cache->load_mutex[lock]);
	return checksums;
}

/**
 * cachefs_checksums_spare - Count the regions whose checksums can be freed
 * @cache: the cache
 *
 * The checksums of a region that is not SEALED are needed.
 *
 * Context: any but interrupts; takes log_lock.
 * Return: the number of regions, approximately.
 */
unsigned long cachefs_checksums_spare(struct cachefs_cache *cache)
{
	u64 loaded = cachefs_stat_read(cache, CACHEFS_STAT_CHECKSUM_BYTES) /
		(cache->geo.slots * sizeof(u64));
	u32 needed;

	spin_lock(&cache->log_lock);
	needed = cache->nr_ready + !!cache->current_region;
	spin_unlock(&cache->log_lock);
	return loaded - min_t(u64, loaded, needed);
}

/**
 * cachefs_region_drop_checksums - Free checksums that can be loaded again
 * @cache: the cache
 * @nr: the largest number of regions whose checksums are freed
 *
 * Context: process, also in reclaim; takes a load_mutex if it is free, index_lock and
 * log_lock.
 * Return: the number of regions whose checksums were freed.
 */
unsigned long cachefs_region_drop_checksums(struct cachefs_cache *cache,
					    unsigned long nr)
{
	unsigned long dropped = 0;
	u32 looked;

	if (!cachefs_checksums_spare(cache))
		return 0;
	for (looked = 0; looked < cache->geo.nr_regions && dropped < nr;
	     looked++) {
		u32 hand = READ_ONCE(cache->shrink_hand) % cache->geo.nr_regions;
		u64 *checksums = NULL;

		WRITE_ONCE(cache->shrink_hand, hand + 1);
		if (looked % 4096 == 4095)
			cond_resched();
		if (READ_ONCE(cache->regions[hand].checksums))
			checksums = checksums_take(cache, hand);
		if (checksums) {
			cachefs_checksums_free(cache, checksums);
			dropped++;
		}
	}
	return dropped;
}
