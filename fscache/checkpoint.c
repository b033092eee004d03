// SPDX-License-Identifier: GPL-2.0
/*
 * The index on the device, which a clean detach leaves and the next attach reads.
 */
#include <linux/sched/signal.h>
#include <linux/unaligned.h>
#include "internal.h"

/* Blocks that are read or written at once. */
#define CKPT_BATCH	32

/* The number of tries.  Each new try begins behind the region that took no writes. */
#define CKPT_TRIES	4
/* No try begins after this time, because a device may refuse writes slowly. */
#define CKPT_PATIENCE	(10 * HZ)

/* Return the place of block @index of a checkpoint that starts at region @first. */
static u64 ckpt_block(const struct cachefs_geometry *geo, u32 first, u64 index,
		      u32 *region)
{
	*region = (first + index / geo->region_blocks) % geo->nr_regions;
	return cachefs_region_start(geo, *region) + index % geo->region_blocks;
}

/* Return the number of blocks from @index on in one piece, at most CKPT_BATCH. */
static u32 ckpt_batch(const struct cachefs_geometry *geo, u64 index, u64 end)
{
	return min3((u64)CKPT_BATCH, end - index,
		    geo->region_blocks - index % geo->region_blocks);
}

static int ckpt_load_region(struct cachefs_cache *cache,
			    const struct cachefs_ckpt_record *record, u32 *next)
{
	u64 seq = le64_to_cpu(record->where);
	u32 nr = le32_to_cpu(record->region);

	/* Each region comes once, in order. */
	if (nr >= cache->geo.nr_regions || nr < *next || !seq || seq >> 51)
		return -EUCLEAN;
	cache->regions[nr].seq = seq;
	cachefs_region_set_state(cache, nr, CACHEFS_REGION_SEALED);
	*next = nr + 1;
	return 0;
}

static int ckpt_load_extent(struct cachefs_cache *cache,
			    const struct cachefs_ckpt_record *record)
{
	struct cachefs_index_record extent = {
		.print = le64_to_cpu(record->where),
		.low = le32_to_cpu(record->low),
		.region = le32_to_cpu(record->region),
		.slot = le32_to_cpu(record->slot),
		.first = record->first, .nr = record->nr,
		.was_read = record->flags & CACHEFS_CKPT_READ,
	};
	struct cachefs_geometry *geo = &cache->geo;
	struct cachefs_region *region;

	if (extent.region >= geo->nr_regions || !extent.nr ||
	    extent.first + extent.nr > CACHEFS_CHUNK_BLOCKS ||
	    extent.slot >= geo->slots || extent.nr > geo->slots - extent.slot)
		return -EUCLEAN;
	region = &cache->regions[extent.region];
	if (!region->seq || extent.nr > geo->slots - region->live)
		return -EUCLEAN;
	return cachefs_index_load(cache, &extent);
}

/* Insert one record of a checkpoint.  @next is the lowest region that may come next. */
static int ckpt_load_record(struct cachefs_cache *cache,
			    const struct cachefs_ckpt_record *record,
			    u32 *next)
{
	switch (le32_to_cpu(record->kind)) {
	case CACHEFS_CKPT_REGION:
		return ckpt_load_region(cache, record, next);
	case CACHEFS_CKPT_EXTENT:
		return ckpt_load_extent(cache, record);
	}
	return -EUCLEAN;
}

/**
 * cachefs_load_checkpoint - Fill the index from a checkpoint
 * @cache: its index is empty before, and may hold anything after an error
 * @anchor: valid; says where the checkpoint is
 *
 * Context: process, may sleep.
 * Return: 0; -EUCLEAN, the checkpoint is damaged or of another time; -ENOMEM; -EINTR, the
 * task is killed; or the device's error.
 */
int cachefs_load_checkpoint(struct cachefs_cache *cache,
			    const struct cachefs_anchor *anchor)
{
	u64 end = le64_to_cpu(anchor->ckpt_blocks), index, device_block;
	u32 first = le32_to_cpu(anchor->ckpt_region), lies_in, i, j, batch;
	struct cachefs_geometry *geo = &cache->geo;
	struct cachefs_ckpt_block *buffer;
	u32 next = 0;
	int ret;

	buffer = kvmalloc_array(CKPT_BATCH, sizeof(*buffer),
				GFP_KERNEL | __GFP_NOWARN);
	if (!buffer)
		return -ENOMEM;
	ret = cachefs_index_expect(cache, end * CACHEFS_RECORDS_PER_BLOCK);
	for (index = 0; !ret && index < end; index += batch) {
		batch = ckpt_batch(geo, index, end);
		device_block = ckpt_block(geo, first, index, &lies_in);
		ret = cachefs_device_read(cache->device, device_block, buffer,
					  batch, 0);
		for (i = 0; !ret && i < batch; i++) {
			struct cachefs_block_header *header = &buffer[i].header;

			if (cachefs_block_check(header, CACHEFS_CKPT_MAGIC,
						cache->uuid, cache->seed,
						lies_in) ||
			    header->epoch != anchor->epoch ||
			    header->seq != anchor->ckpt_seq ||
			    le32_to_cpu(header->index) != index + i) {
				ret = -EUCLEAN;
				break;
			}
			ret = cachefs_index_reserve(cache, 1);
			for (j = 0; !ret && j < le32_to_cpu(header->nr); j++)
				ret = ckpt_load_record(cache,
						       &buffer[i].records[j],
						       &next);
		}
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	kvfree(buffer);
	cachefs_stat_add(cache, CACHEFS_STAT_DEVICE_READ_BYTES,
			 index << CACHEFS_BLOCK_SHIFT);
	return ret;
}

/**
 * struct ckpt_writer - A checkpoint that is being written
 * @cache: the cache
 * @buffer: CKPT_BATCH blocks
 * @first: first region
 * @index: blocks written so far
 * @seq: sequence number in the headers
 * @used: records in @buffer
 * @failed: the region in which a write has failed
 * @began: when the writing began, jiffies
 */
struct ckpt_writer {
	struct cachefs_cache		*cache;
	struct cachefs_ckpt_block	*buffer;
	u32				first;
	u64				index;
	u64				seq;
	u32				used;
	u32				failed;
	unsigned long			began;
};

static int ckpt_flush(struct ckpt_writer *writer)
{
	struct cachefs_cache *cache = writer->cache;
	u32 nr = DIV_ROUND_UP(writer->used, CACHEFS_RECORDS_PER_BLOCK);
	u32 i = 0, j, batch, region;
	int ret = 0;

	while (!ret && i < nr) {
		u64 at = ckpt_block(&cache->geo, writer->first, writer->index,
				    &region);

		batch = ckpt_batch(&cache->geo, writer->index,
				   writer->index + nr - i);
		for (j = i; j < i + batch; j++) {
			struct cachefs_block_header *header =
				&writer->buffer[j].header;
			u32 left = writer->used - j * CACHEFS_RECORDS_PER_BLOCK;

			cachefs_block_init(header, CACHEFS_CKPT_MAGIC, cache,
					   region, writer->seq,
					   writer->index + j - i);
			left = min_t(u32, left, CACHEFS_RECORDS_PER_BLOCK);
			header->nr = cpu_to_le32(left);
			cachefs_block_seal(header, cache->seed);
		}
		ret = cachefs_device_write(cache->device, at,
					   &writer->buffer[i], batch, 0);
		if (ret)
			writer->failed = region;
		writer->index += batch;
		i += batch;
	}
	writer->used = 0;
	memset(writer->buffer, 0, CKPT_BATCH * sizeof(*writer->buffer));
	return ret;
}

/* Return a zeroed record to fill in, or %NULL if writing the full buffer failed. */
static struct cachefs_ckpt_record *ckpt_record(struct ckpt_writer *writer)
{
	struct cachefs_ckpt_block *block;
	u32 at = writer->used;

	if (at == CKPT_BATCH * CACHEFS_RECORDS_PER_BLOCK) {
		if (ckpt_flush(writer))
			return NULL;
		at = 0;
	}
	writer->used++;
	block = &writer->buffer[at / CACHEFS_RECORDS_PER_BLOCK];
	return &block->records[at % CACHEFS_RECORDS_PER_BLOCK];
}

static int ckpt_write_region(struct ckpt_writer *writer, u32 nr)
{
	struct cachefs_ckpt_record *record = ckpt_record(writer);

	if (!record)
		return -EIO;
	record->kind = cpu_to_le32(CACHEFS_CKPT_REGION);
	record->region = cpu_to_le32(nr);
	record->where = cpu_to_le64(writer->cache->regions[nr].seq);
	return 0;
}

static int ckpt_write_extent(void *data, const struct cachefs_index_record *extent)
{
	struct cachefs_ckpt_record *record = ckpt_record(data);

	if (!record)
		return -EIO;
	record->kind = cpu_to_le32(CACHEFS_CKPT_EXTENT);
	record->region = cpu_to_le32(extent->region);
	record->where = cpu_to_le64(extent->print);
	record->low = cpu_to_le32(extent->low);
	record->slot = cpu_to_le32(extent->slot);
	record->first = extent->first;
	record->nr = extent->nr;
	record->flags = extent->was_read ? CACHEFS_CKPT_READ : 0;
	return 0;
}

/* Make room for the checkpoint from region @first on. */
static void ckpt_make_room(struct cachefs_cache *cache, u32 first)
{
	struct cachefs_geometry *geo = &cache->geo;
	u64 records = 0;
	u32 i, regions;

	for (i = 0; i < geo->nr_regions; i++) {
		if (cache->regions[i].state != CACHEFS_REGION_FREE)
			records += 1 + cache->regions[i].nr_extents;
		cond_resched();
	}
	regions = DIV_ROUND_UP_ULL(DIV_ROUND_UP_ULL(records,
						    CACHEFS_RECORDS_PER_BLOCK),
				   geo->region_blocks);
	for (i = 0; i < regions; i++) {
		u32 nr = (first + i) % geo->nr_regions;

		cachefs_region_free(cache, nr);
		cond_resched();
	}
}

static bool ckpt_lost_patience(const struct ckpt_writer *writer)
{
	return time_after(jiffies, writer->began + CKPT_PATIENCE);
}

/*
 * Make the READY regions FREE.  They hold nothing, and come first again at the next
 * attach.  Their metadata on the disk is zeroed for two reasons.  If only one of the next
 * two regions gets its new sequence number before a power loss, the old number of the
 * other region would be the newest before it, and all older regions would look as if they
 * were reused.  And the earlier content of these regions must not be found instead of
 * newer copies, because the regions are reused at once.  The zeros are durable when the
 * anchor is durable.  A failed write is ignored, because a block that takes no writes is
 * mostly not readable, either.
 */
static void ckpt_return_ready(const struct ckpt_writer *writer)
{
	struct cachefs_cache *cache = writer->cache;
	struct cachefs_geometry *geo = &cache->geo;
	u32 blocks = geo->meta_blocks + CACHEFS_SCRATCH_BLOCKS, at, nr;
	struct cachefs_open_region *open;
	int ret;

	list_for_each_entry(open, &cache->ready, link) {
		ret = 0;
		for (at = 0; !ret && at < blocks; at += nr) {
			nr = min_t(u32, blocks - at, CKPT_BATCH);
			ret = cachefs_device_write(cache->device, at +
					cachefs_region_start(geo, open->nr),
					writer->buffer, nr, 0);
		}
		if (ret && ckpt_lost_patience(writer))
			break;
	}

	spin_lock(&cache->log_lock);
	list_for_each_entry(open, &cache->ready, link)
		cachefs_region_set_state(cache, open->nr, CACHEFS_REGION_FREE);
	WRITE_ONCE(cache->head, (cache->head + cache->geo.nr_regions - cache->nr_ready) %
				cache->geo.nr_regions);
	spin_unlock(&cache->log_lock);
}

/* Write the whole index, from region @first on.  The buffer is zero, see ckpt_flush(). */
static int ckpt_write(struct ckpt_writer *writer, u32 first)
{
	struct cachefs_cache *cache = writer->cache;
	int ret = 0;
	u32 i;

	writer->first = first;
	writer->index = 0;
	ckpt_make_room(cache, first);
	for (i = 0; !ret && i < cache->geo.nr_regions; i++) {
		if (cache->regions[i].state != CACHEFS_REGION_FREE)
			ret = ckpt_write_region(writer, i);
		cond_resched();
	}
	if (!ret)
		ret = cachefs_index_save(cache, ckpt_write_extent, writer);
	return ret ?: ckpt_flush(writer);
}

/*
 * Return the region in which the next try begins.  A thin pool without room takes writes
 * only in regions that have data: the others were never written, or were discarded.
 */
static u32 ckpt_next(const struct ckpt_writer *writer, int error)
{
	struct cachefs_cache *cache = writer->cache;
	u32 nr = writer->failed, i;

	for (i = 0; i < cache->geo.nr_regions; i++) {
		nr = (nr + 1) % cache->geo.nr_regions;
		if (error != -ENOSPC || cache->regions[nr].state == CACHEFS_REGION_SEALED)
			break;
	}
	return nr;
}

/**
 * cachefs_checkpoint - Write the index and declare the cache clean
 * @cache: quiet: no operation, no work, all metadata written
 *
 * The checkpoint lies where the log goes on, in regions that were READY or are the
 * oldest.  The log overwrites these regions first.  An attach takes the clean flag back
 * before that.  If a block there takes no writes, the checkpoint lies behind the region
 * of that block, because the log would go on at the same place after each attach.  If the
 * checkpoint cannot be written, the next attach reads the metadata of all regions.
 *
 * Context: process, may sleep.
 * Return: 0, -ENOMEM, or the device's error.
 */
int cachefs_checkpoint(struct cachefs_cache *cache)
{
	struct ckpt_writer writer = {
		.cache = cache,
		.seq = cache->next_seq++,
		.began = jiffies,
	};
	u32 first, tries = CKPT_TRIES;
	int ret;

	writer.buffer = kvcalloc(CKPT_BATCH, sizeof(*writer.buffer),
				 GFP_KERNEL | __GFP_NOWARN);
	if (!writer.buffer)
		return -ENOMEM;
	ckpt_return_ready(&writer);
	first = cache->head;
	do {
		ret = ckpt_write(&writer, first);
		first = ckpt_next(&writer, ret);
	} while (ret && --tries && !ckpt_lost_patience(&writer));
	kvfree(writer.buffer);
	if (ret)
		return ret;

	cachefs_stat_add(cache, CACHEFS_STAT_DEVICE_WRITTEN_BYTES,
			 writer.index << CACHEFS_BLOCK_SHIFT);
	/* The write of the anchor flushes all earlier writes. */
	return cachefs_write_anchor(cache, writer.first, writer.index, writer.seq);
}
