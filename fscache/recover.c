// SPDX-License-Identifier: GPL-2.0
/*
 * From the device to the index and back: formatting, attaching after any stop,
 * and the checkpoint that a clean detach leaves.
 *
 * After a clean detach the index comes from the checkpoint.  Otherwise, or if
 * anything about the checkpoint is wrong, it comes from the metadata of all
 * regions.  Either way nothing is believed that does not check out, and what
 * does not is only a part of the cache that is cold.
 */
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <linux/unaligned.h>
#include <linux/uuid.h>
#include "internal.h"

/* Blocks of the checkpoint that are read or written at once. */
#define CKPT_BATCH	32

/**
 * cachefs_format - Make a device an empty cache
 * @device: the device; all that it holds is lost
 * @label: up to 32 bytes, or %NULL
 * @region_blocks: size of a region in blocks
 *
 * The secret and the seed are new, so that nothing that an earlier cache left
 * on the device is ever taken for valid.  The anchor names a checkpoint of no
 * blocks: there is nothing to be read at the first attach, however large the
 * device.
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL for a bad region size, -ENOSPC if the device is too small,
 * -ENOMEM, or the device's error.
 */
int cachefs_format(struct cachefs_device *device, const char *label,
		   unsigned int region_blocks)
{
	u8 secret[CACHEFS_SECRET_SIZE], uuid[CACHEFS_UUID_SIZE];
	struct cachefs_super_block *sb;
	struct cachefs_anchor *anchor;
	struct cachefs_geometry geo;
	enum cachefs_refusal why;
	u64 seed;
	int ret;

	why = cachefs_geometry_init(&geo, cachefs_device_blocks(device),
				    region_blocks);
	if (why)
		return why == CACHEFS_BAD_DEVICE_SIZE ? -ENOSPC : -EINVAL;

	/* The superblock, an anchor, and another that becomes invalid. */
	sb = kvcalloc(3, CACHEFS_BLOCK_SIZE, GFP_KERNEL | __GFP_NOWARN);
	if (!sb)
		return -ENOMEM;
	get_random_bytes(secret, sizeof(secret));
	get_random_bytes(&seed, sizeof(seed));
	generate_random_uuid(uuid);
	cachefs_super_encode(sb, &geo, uuid, label, secret, seed,
			     ktime_get_real_seconds());
	anchor = (struct cachefs_anchor *)(sb + CACHEFS_ANCHOR_BLOCK);
	anchor->magic = cpu_to_le32(CACHEFS_ANCHOR_MAGIC);
	anchor->flags = cpu_to_le32(CACHEFS_ANCHOR_CLEAN);
	memcpy(anchor->uuid, uuid, sizeof(anchor->uuid));
	anchor->ckpt_seq = cpu_to_le64(1);
	cachefs_anchor_seal(anchor, seed);

	/* The copy first: the cache exists when block 0 says so. */
	ret = cachefs_device_write(device, geo.device_blocks - 1, sb, 1, true);
	if (!ret)
		ret = cachefs_device_write(device, CACHEFS_SUPER_BLOCK, sb, 3,
					   true);
	memzero_explicit(secret, sizeof(secret));
	kvfree_sensitive(sb, 3 * CACHEFS_BLOCK_SIZE);
	return ret;
}

static int write_anchor(struct cachefs_cache *cache, u32 ckpt_region,
			u64 ckpt_blocks, u64 ckpt_seq)
{
	struct cachefs_anchor *anchor;
	int ret;

	anchor = kzalloc(sizeof(*anchor), GFP_KERNEL);
	if (!anchor)
		return -ENOMEM;
	cache->anchor_generation++;
	anchor->magic = cpu_to_le32(CACHEFS_ANCHOR_MAGIC);
	anchor->flags = cpu_to_le32(ckpt_seq ? CACHEFS_ANCHOR_CLEAN : 0);
	memcpy(anchor->uuid, cache->uuid, sizeof(anchor->uuid));
	anchor->generation = cpu_to_le64(cache->anchor_generation);
	anchor->attach_count = cpu_to_le64(cache->attach_count);
	anchor->epoch = cpu_to_le64(cache->epoch);
	anchor->next_seq = cpu_to_le64(cache->next_seq);
	anchor->head = cpu_to_le32(cache->head);
	anchor->ckpt_region = cpu_to_le32(ckpt_region);
	anchor->ckpt_blocks = cpu_to_le64(ckpt_blocks);
	anchor->ckpt_seq = cpu_to_le64(ckpt_seq);
	cachefs_anchor_seal(anchor, cache->seed);
	ret = cachefs_device_write(cache->device, CACHEFS_ANCHOR_BLOCK +
				   (cache->anchor_generation & 1), anchor, 1,
				   true);
	kfree(anchor);
	return ret;
}

/*
 * Read the anchors; the newer valid one goes to @newest.  One that cannot be read
 * is not valid, and no more than that: both will be written.
 */
static int read_anchor(struct cachefs_cache *cache,
		       struct cachefs_anchor *newest, bool *found)
{
	struct cachefs_anchor *anchor;
	int ret, i;

	anchor = kmalloc(sizeof(*anchor), GFP_KERNEL);
	if (!anchor)
		return -ENOMEM;
	*found = false;
	for (i = 0; i < 2; i++) {
		ret = cachefs_device_read(cache->device,
					  CACHEFS_ANCHOR_BLOCK + i, anchor, 1);
		if (ret)
			cachefs_io_error(cache, CACHEFS_STAT_READ_ERRORS, ret);
		if (ret || cachefs_anchor_check(anchor, cache->uuid, cache->seed,
						&cache->geo))
			continue;
		if (*found && le64_to_cpu(anchor->generation) <=
			      le64_to_cpu(newest->generation))
			continue;
		*newest = *anchor;
		*found = true;
	}
	kfree(anchor);
	return 0;
}

/*
 * Insert what the records of one region say, runs of slots as extents.  Bad
 * records are skipped.
 */
static void insert_records(struct cachefs_cache *cache, u32 region,
			   const struct cachefs_meta_block *buffer, u64 epoch)
{
	struct cachefs_geometry *geo = &cache->geo;
	u64 seq = cache->regions[region].seq, block, run_block = 0;
	u32 slot, run_slot = 0, run = 0;
	const u8 *run_id = NULL;
	const struct cachefs_meta_block *meta = NULL;

	write_lock(&cache->index_lock);
	for (slot = 0; slot <= geo->slots; slot++) {
		const struct cachefs_slot_record *record = NULL;
		bool data = false, tombstone = false;
		u32 at = slot % CACHEFS_RECORDS_PER_BLOCK;

		if (slot < geo->slots && at == 0)
			meta = cachefs_meta_pick(buffer,
						 slot / CACHEFS_RECORDS_PER_BLOCK,
						 seq, epoch, cache->uuid,
						 cache->seed, region, geo);
		if (slot < geo->slots && meta) {
			u64 where = le64_to_cpu(meta->records[at].where);
			u32 bytes = where & GENMASK(CACHEFS_WHERE_BYTES_BITS - 1,
						    0);

			record = &meta->records[at];
			block = where >> CACHEFS_WHERE_BYTES_BITS;
			data = bytes && bytes <= CACHEFS_BLOCK_SIZE &&
				block < 1ULL << CACHEFS_FILE_BLOCK_BITS;
			tombstone = !where &&
				memchr_inv(record->id, 0, sizeof(record->id));
		}
		if (run && (!data || block != run_block + run ||
			    block % CACHEFS_CHUNK_BLOCKS == 0 ||
			    memcmp(record->id, run_id, sizeof(record->id)))) {
			cachefs_index_insert(cache, region, run_id, run_block,
					     run_slot, run);
			run = 0;
		}
		if (data && !run) {
			run_id = record->id;
			run_block = block;
			run_slot = slot;
		}
		if (data)
			run++;
		if (tombstone)
			cachefs_index_insert_tombstone(cache, region,
						       record->id, slot);
	}
	write_unlock(&cache->index_lock);
}

static void forget_region(struct cachefs_cache *cache, u32 region)
{
	cachefs_index_forget(cache, region);
	cache->regions[region].seq = 0;
	cache->regions[region].state = CACHEFS_REGION_FREE;
}

/*
 * From the head on, sequence numbers grow: regions are reused in that order, and
 * one after the other since the last attach.  One that is older than it has to be
 * was reused as well, and what says so was lost.  To keep it would bring back
 * blocks whose tombstone went when its own region, a later one, was reused.
 *
 * @epochs tells whether a number of an attach came twice, because the device lost
 * an anchor that it had said was safe.  Then nothing tells which of the two came
 * first, and what they and all before them left is forgotten.
 */
static void forget_reused(struct cachefs_cache *cache, const u64 *epochs)
{
	struct cachefs_geometry *geo = &cache->geo;
	u32 last = (cache->head + geo->nr_regions - 1) % geo->nr_regions, i;
	u64 max_seq = cache->regions[last].seq, newest = 0, epoch = 0, twice = 0;

	for (i = 0; i < geo->nr_regions; i++) {
		u32 nr = (cache->head + i) % geo->nr_regions;
		u32 back = geo->nr_regions - 1 - i;
		u64 seq = cache->regions[nr].seq;

		if (!seq)
			continue;
		if (seq < newest ||
		    (back < lower_32_bits(max_seq) && seq != max_seq - back)) {
			forget_region(cache, nr);
			continue;
		}
		if (!epochs[nr] ||
		    (seq >> 32 == newest >> 32 && epochs[nr] != epoch))
			twice = seq >> 32;
		newest = seq;
		epoch = epochs[nr];
	}
	for (i = 0; i < geo->nr_regions; i++)
		if (cache->regions[i].seq && cache->regions[i].seq >> 32 <= twice)
			forget_region(cache, i);
	atomic64_set(&cache->stats[CACHEFS_STAT_EVICTED_BYTES], 0);
}

/* Rebuild the index from the metadata of all regions. */
static int scan_regions(struct cachefs_cache *cache)
{
	struct cachefs_geometry *geo = &cache->geo;
	u32 blocks = geo->meta_blocks + CACHEFS_SCRATCH_BLOCKS, region;
	struct cachefs_meta_block *buffer;
	u64 seq, max_seq = 0, *epochs;
	u32 bad = 0;
	int ret = 0;

	buffer = kvmalloc_array(blocks, sizeof(*buffer),
				GFP_KERNEL | __GFP_NOWARN);
	epochs = kvmalloc_array(geo->nr_regions, sizeof(*epochs),
				GFP_KERNEL | __GFP_NOWARN);
	if (!buffer || !epochs) {
		kvfree(buffer);
		kvfree(epochs);
		return -ENOMEM;
	}

	for (region = 0; region < geo->nr_regions; region++) {
		ret = cachefs_device_read(cache->device,
					  cachefs_region_start(geo, region),
					  buffer, blocks);
		if (ret) {
			/* A cache with a bad spot is a smaller cache. */
			cachefs_io_error(cache, CACHEFS_STAT_READ_ERRORS, ret);
			if (++bad > CACHEFS_MAX_ERRORS)
				break;
			ret = 0;
			continue;
		}
		if (!cachefs_meta_newest(buffer, &seq, &epochs[region],
					 cache->uuid, cache->seed, region, geo))
			continue;
		if (seq > max_seq) {
			max_seq = seq;
			cache->head = (region + 1) % geo->nr_regions;
		}
		cache->regions[region].seq = seq;
		cache->regions[region].state = CACHEFS_REGION_SEALED;
		ret = cachefs_index_reserve(cache, region, geo->slots);
		if (ret)
			break;
		insert_records(cache, region, buffer, epochs[region]);
		cachefs_index_trim(cache, region);
		cond_resched();
	}
	kvfree(buffer);
	if (!ret)
		forget_reused(cache, epochs);
	kvfree(epochs);
	cachefs_stat_add(cache, CACHEFS_STAT_DEVICE_READ_BYTES,
			 (u64)region * blocks << CACHEFS_BLOCK_SHIFT);
	cache->attach_count = max(cache->attach_count, max_seq >> 32);
	return ret;
}

/* Block @index of a checkpoint that starts at region @first. */
static u64 ckpt_block(const struct cachefs_geometry *geo, u32 first, u64 index,
		      u32 *region)
{
	*region = (first + index / geo->region_blocks) % geo->nr_regions;
	return cachefs_region_start(geo, *region) + index % geo->region_blocks;
}

/* How many blocks from @index on lie in one piece, at most CKPT_BATCH. */
static u32 ckpt_batch(const struct cachefs_geometry *geo, u64 index, u64 end)
{
	return min3((u64)CKPT_BATCH, end - index,
		    geo->region_blocks - index % geo->region_blocks);
}

/*
 * Insert one record of a checkpoint.  @region is the region that the records
 * belong to, U32_MAX before the first.
 */
static int load_ckpt_record(struct cachefs_cache *cache,
			    const struct cachefs_ckpt_record *record,
			    u32 *region)
{
	struct cachefs_geometry *geo = &cache->geo;
	u64 where = le64_to_cpu(record->where);
	u32 slot = le32_to_cpu(record->slot);
	struct cachefs_region *r;
	u64 block;
	u32 nr;
	int ret;

	switch (le32_to_cpu(record->kind)) {
	case CACHEFS_CKPT_REGION:
		nr = get_unaligned_le32(record->id);
		/* Each region once, in order, with room for its slots only. */
		if (nr >= geo->nr_regions ||
		    (*region != U32_MAX && nr <= *region) ||
		    slot > geo->slots || !where || where >> 51)
			return -EUCLEAN;
		r = &cache->regions[nr];
		r->seq = where;
		r->state = CACHEFS_REGION_SEALED;
		*region = nr;
		return slot ? cachefs_index_reserve(cache, nr, slot) : 0;

	case CACHEFS_CKPT_EXTENT:
		block = where >> CACHEFS_WHERE_BYTES_BITS;
		nr = where & GENMASK(CACHEFS_WHERE_BYTES_BITS - 1, 0);
		if (*region == U32_MAX || !nr || nr > CACHEFS_CHUNK_BLOCKS ||
		    block >= 1ULL << CACHEFS_FILE_BLOCK_BITS ||
		    block % CACHEFS_CHUNK_BLOCKS + nr > CACHEFS_CHUNK_BLOCKS ||
		    slot >= geo->slots || nr > geo->slots - slot ||
		    nr > geo->slots - cache->regions[*region].live)
			return -EUCLEAN;
		write_lock(&cache->index_lock);
		ret = cachefs_index_insert(cache, *region, record->id, block,
					   slot, nr);
		write_unlock(&cache->index_lock);
		return ret ? -EUCLEAN : 0;
	}
	return -EUCLEAN;
}

static void forget_everything(struct cachefs_cache *cache)
{
	u32 region;

	for (region = 0; region < cache->geo.nr_regions; region++)
		forget_region(cache, region);
	atomic64_set(&cache->stats[CACHEFS_STAT_EVICTED_BYTES], 0);
}

/* Fill the index from the checkpoint that @anchor names; 0 or why not. */
static int load_checkpoint(struct cachefs_cache *cache,
			   const struct cachefs_anchor *anchor)
{
	u64 end = le64_to_cpu(anchor->ckpt_blocks), index, device_block;
	u32 first = le32_to_cpu(anchor->ckpt_region), lies_in, i, j, batch;
	struct cachefs_geometry *geo = &cache->geo;
	struct cachefs_ckpt_block *buffer;
	u32 region = U32_MAX;
	int ret = 0;

	buffer = kvmalloc_array(CKPT_BATCH, sizeof(*buffer),
				GFP_KERNEL | __GFP_NOWARN);
	if (!buffer)
		return -ENOMEM;
	for (index = 0; !ret && index < end; index += batch) {
		batch = ckpt_batch(geo, index, end);
		device_block = ckpt_block(geo, first, index, &lies_in);
		ret = cachefs_device_read(cache->device, device_block, buffer,
					  batch);
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
			for (j = 0; !ret && j < le32_to_cpu(header->nr); j++)
				ret = load_ckpt_record(cache,
						       &buffer[i].records[j],
						       &region);
		}
		cond_resched();
	}
	kvfree(buffer);
	cachefs_stat_add(cache, CACHEFS_STAT_DEVICE_READ_BYTES,
			 index << CACHEFS_BLOCK_SHIFT);
	return ret;
}

/**
 * cachefs_recover - Fill the index from the device
 * @cache: geometry, UUID, secret and seed are known; the index is empty
 *
 * When it returns, the device says that the cache is in use: a checkpoint that
 * it had counts no more, and sequence numbers from here on are new.
 *
 * Context: process, may sleep.
 * Return: 0, -ENOMEM, or the device's error.
 */
int cachefs_recover(struct cachefs_cache *cache)
{
	struct cachefs_anchor *anchor;
	bool found, clean = false;
	int ret;

	anchor = kzalloc(sizeof(*anchor), GFP_KERNEL);
	if (!anchor)
		return -ENOMEM;
	ret = read_anchor(cache, anchor, &found);
	if (ret)
		goto out;
	if (found) {
		cache->anchor_generation = le64_to_cpu(anchor->generation);
		cache->attach_count = le64_to_cpu(anchor->attach_count);
		cache->head = le32_to_cpu(anchor->head);
	}
	if (found && le32_to_cpu(anchor->flags) & CACHEFS_ANCHOR_CLEAN) {
		ret = load_checkpoint(cache, anchor);
		if (ret == -ENOMEM)
			goto out;
		clean = !ret;
		if (!clean) {
			pr_warn("%s: checkpoint unusable (%d), reading all regions\n",
				cachefs_device_name(cache->device), ret);
			forget_everything(cache);
		}
	}
	if (!clean) {
		ret = scan_regions(cache);
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
	ret = write_anchor(cache, 0, 0, 0);
	if (!ret)
		ret = write_anchor(cache, 0, 0, 0);
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

/**
 * struct ckpt_writer - Where a checkpoint is being written
 * @cache: the cache
 * @buffer: CKPT_BATCH blocks
 * @first: first region
 * @index: blocks written so far
 * @seq: sequence number in the headers
 * @used: records in @buffer
 */
struct ckpt_writer {
	struct cachefs_cache		*cache;
	struct cachefs_ckpt_block	*buffer;
	u32				first;
	u64				index;
	u64				seq;
	u32				used;
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

			memset(header, 0, sizeof(*header));
			header->magic = cpu_to_le32(CACHEFS_CKPT_MAGIC);
			header->region = cpu_to_le32(region);
			memcpy(header->uuid, cache->uuid, sizeof(header->uuid));
			header->epoch = cpu_to_le64(cache->epoch);
			header->seq = cpu_to_le64(writer->seq);
			header->index = cpu_to_le32(writer->index + j - i);
			left = min_t(u32, left, CACHEFS_RECORDS_PER_BLOCK);
			header->nr = cpu_to_le32(left);
			cachefs_block_seal(header, cache->seed);
		}
		ret = cachefs_device_write(cache->device, at,
					   &writer->buffer[i], batch, false);
		writer->index += batch;
		i += batch;
	}
	writer->used = 0;
	memset(writer->buffer, 0, CKPT_BATCH * sizeof(*writer->buffer));
	return ret;
}

/* A zeroed record to fill in, or %NULL if writing the full buffer failed. */
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
	struct cachefs_region *region = &writer->cache->regions[nr];
	struct cachefs_ckpt_record *record;
	unsigned int i;

	record = ckpt_record(writer);
	if (!record)
		return -EIO;
	record->kind = cpu_to_le32(CACHEFS_CKPT_REGION);
	record->slot = cpu_to_le32(region->nr_extents);
	record->where = cpu_to_le64(region->seq);
	put_unaligned_le32(nr, record->id);

	for (i = 0; i < region->nr_extents; i++) {
		struct cachefs_extent *extent = &region->extents[i];
		u64 block = extent->block_lo | (u64)extent->block_hi << 32;

		/*
		 * What is dead stays out, so tombstones may too: they are still
		 * in the metadata, where an unclean stop makes them count.
		 */
		if (!extent->nr || extent->nr == CACHEFS_TOMBSTONE_NR ||
		    cachefs_stamp(region->seq, extent->slot) <
		    cachefs_index_floor(writer->cache, (u8 *)extent->id))
			continue;
		record = ckpt_record(writer);
		if (!record)
			return -EIO;
		record->kind = cpu_to_le32(CACHEFS_CKPT_EXTENT);
		record->slot = cpu_to_le32(extent->slot);
		record->where = cpu_to_le64(block << CACHEFS_WHERE_BYTES_BITS |
					    extent->nr);
		memcpy(record->id, extent->id, sizeof(record->id));
	}
	return 0;
}

/* Make room for the checkpoint at the head of the log. */
static void ckpt_make_room(struct cachefs_cache *cache)
{
	struct cachefs_geometry *geo = &cache->geo;
	u64 records = 0;
	u32 i, regions;

	for (i = 0; i < geo->nr_regions; i++)
		if (cache->regions[i].state != CACHEFS_REGION_FREE)
			records += 1 + cache->regions[i].nr_extents;
	regions = DIV_ROUND_UP_ULL(DIV_ROUND_UP_ULL(records,
						    CACHEFS_RECORDS_PER_BLOCK),
				   geo->region_blocks);
	for (i = 0; i < regions; i++) {
		u32 nr = (cache->head + i) % geo->nr_regions;

		cachefs_index_forget(cache, nr);
		cache->regions[nr].state = CACHEFS_REGION_FREE;
	}
}

/*
 * READY regions hold nothing: they come first again at the next attach.  What
 * the disk says of them has to go: should only one of the next two get its new
 * sequence number before a power loss, the other one's would be the newest
 * before it, and all that is older than that would look as if it was reused.
 */
static void return_ready_regions(struct cachefs_cache *cache)
{
	struct cachefs_geometry *geo = &cache->geo;
	struct cachefs_open_region *open;

	memset(cache->scratch, 0, sizeof(*cache->scratch));
	list_for_each_entry(open, &cache->ready, link)
		cachefs_device_write(cache->device,
				     cachefs_region_start(geo, open->nr) +
				     geo->meta_blocks, cache->scratch, 1, false);

	spin_lock(&cache->log_lock);
	list_for_each_entry(open, &cache->ready, link)
		cache->regions[open->nr].state = CACHEFS_REGION_FREE;
	cache->head = (cache->head + cache->geo.nr_regions - cache->nr_ready) %
		      cache->geo.nr_regions;
	spin_unlock(&cache->log_lock);
}

/**
 * cachefs_checkpoint - Write the index and declare the cache clean
 * @cache: quiet: no operation, no work, all metadata written
 *
 * It lies where the log goes on, in regions that were made ready or are the
 * oldest, and is overwritten first: attaching takes the clean flag back before.
 * If it cannot be written, the next attach reads the metadata of all regions
 * instead.
 *
 * Context: process, may sleep.
 * Return: 0, -ENOMEM, or the device's error.
 */
int cachefs_checkpoint(struct cachefs_cache *cache)
{
	struct ckpt_writer writer = {
		.cache = cache,
		.seq = cache->next_seq++,
	};
	int ret = 0;
	u32 i;

	writer.buffer = kvcalloc(CKPT_BATCH, sizeof(*writer.buffer),
				 GFP_KERNEL | __GFP_NOWARN);
	if (!writer.buffer)
		return -ENOMEM;
	return_ready_regions(cache);
	writer.first = cache->head;
	ckpt_make_room(cache);
	for (i = 0; !ret && i < cache->geo.nr_regions; i++)
		if (cache->regions[i].state != CACHEFS_REGION_FREE)
			ret = ckpt_write_region(&writer, i);
	if (!ret)
		ret = ckpt_flush(&writer);
	kvfree(writer.buffer);
	if (ret)
		return ret;

	cachefs_stat_add(cache, CACHEFS_STAT_DEVICE_WRITTEN_BYTES,
			 writer.index << CACHEFS_BLOCK_SHIFT);
	/* The anchor's write flushes all that was written before. */
	return write_anchor(cache, writer.first, writer.index, writer.seq);
}
