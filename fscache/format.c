// SPDX-License-Identifier: GPL-2.0
/*
 * Encoding and checking of everything that is on disk.  This code works on buffers,
 * touches no state, and trusts no byte before it is checked.
 */
#include <linux/unaligned.h>
#include <linux/xxhash.h>
#include "internal.h"
#include "ondisk.h"

/**
 * cachefs_refusal_text - Name the field for which an image is refused
 * @why: the reason
 *
 * Context: any.
 * Return: the name, for a message.
 */
const char *cachefs_refusal_text(enum cachefs_refusal why)
{
	static const char * const texts[] = {
		[CACHEFS_OK] = "valid",
#define X(name, text) \
		[CACHEFS_BAD_##name] = text,
		CACHEFS_REFUSALS(X)
#undef X
	};

	return texts[why];
}

static u64 format_max_regions(u64 device_blocks, u32 region_blocks)
{
	u64 used = CACHEFS_FIRST_BLOCK + CACHEFS_LAST_BLOCKS;

	if (device_blocks < used)
		return 0;
	/* References to extents have 32 bits. */
	return min_t(u64, (device_blocks - used) >> ilog2(region_blocks),
		     (U32_MAX >> ilog2(region_blocks)) - 1);
}

static enum cachefs_refusal format_set_geometry(struct cachefs_geometry *geo,
						u64 device_blocks, u32 region_blocks,
						u64 nr_regions)
{
	if (nr_regions < CACHEFS_MIN_REGIONS)
		return CACHEFS_BAD_DEVICE_SIZE;
	geo->device_blocks = device_blocks;
	geo->nr_regions = nr_regions;
	geo->region_blocks = region_blocks;
	geo->meta_blocks = CACHEFS_REGION_META_BLOCKS(region_blocks);
	geo->slots = region_blocks - geo->meta_blocks - CACHEFS_SCRATCH_BLOCKS;
	return CACHEFS_OK;
}

static bool format_region_size_valid(u32 region_blocks)
{
	return region_blocks >= CACHEFS_MIN_REGION_BLOCKS &&
		region_blocks <= CACHEFS_MAX_REGION_BLOCKS &&
		!(region_blocks & (region_blocks - 1));
}

/**
 * cachefs_geometry_init - Lay out a device
 * @geo: the layout
 * @device_blocks: size of the device in blocks
 * @region_blocks: size of a region in blocks, a power of two
 *
 * No region is in the first or the last MiB of the device, because cached data must
 * not look like another format.  References to extents have 32 bits, so only the first
 * 16 TiB of a larger device are used.
 *
 * Context: any.
 * Return: %CACHEFS_OK, or the one of the two sizes that cannot be used.
 */
enum cachefs_refusal cachefs_geometry_init(struct cachefs_geometry *geo,
					   u64 device_blocks, u32 region_blocks)
{
	if (!format_region_size_valid(region_blocks))
		return CACHEFS_BAD_REGION_SIZE;
	return format_set_geometry(geo, device_blocks, region_blocks,
				   format_max_regions(device_blocks, region_blocks));
}

static u64 format_super_checksum(const struct cachefs_super_block *sb)
{
	return xxh64(sb, offsetof(struct cachefs_super_block, checksum), 0);
}

/**
 * cachefs_super_encode - Build a superblock
 * @sb: the block, which has UUID, secret and seed, and is zero otherwise
 * @geo: layout of the device
 * @label: up to 32 bytes, or %NULL
 * @time: seconds since 1970
 */
void cachefs_super_encode(struct cachefs_super_block *sb,
			  const struct cachefs_geometry *geo, const char *label,
			  u64 time)
{
	memcpy(sb->magic, CACHEFS_SUPER_MAGIC, sizeof(sb->magic));
	sb->version = cpu_to_le32(CACHEFS_FORMAT_VERSION);
	sb->block_size = cpu_to_le32(CACHEFS_BLOCK_SIZE);
	sb->region_blocks = cpu_to_le32(geo->region_blocks);
	if (label)
		memcpy(sb->label, label, strnlen(label, sizeof(sb->label)));
	sb->device_blocks = cpu_to_le64(geo->device_blocks);
	sb->first_block = cpu_to_le64(CACHEFS_FIRST_BLOCK);
	sb->nr_regions = cpu_to_le64(geo->nr_regions);
	sb->format_time = cpu_to_le64(time);
	sb->features_compat = cpu_to_le32(CACHEFS_FEATURES_COMPAT);
	sb->features_incompat = cpu_to_le32(CACHEFS_FEATURES_INCOMPAT);
	sb->checksum = cpu_to_le64(format_super_checksum(sb));
}

/**
 * cachefs_super_check - Check a superblock
 * @sb: the block
 * @device_blocks: size of the device that it was read from
 * @geo: the layout that it describes, if it is valid
 *
 * The version is checked before the checksum, so that another format is reported as
 * such, whatever its checksum is.  The device may have grown since it was formatted.
 * Then the cache is still at its old place.
 *
 * Return: %CACHEFS_OK or the first field that is wrong.
 */
enum cachefs_refusal cachefs_super_check(const struct cachefs_super_block *sb,
					 u64 device_blocks,
					 struct cachefs_geometry *geo)
{
	u64 blocks = le64_to_cpu(sb->device_blocks);
	u64 nr_regions = le64_to_cpu(sb->nr_regions);
	u32 region_blocks = le32_to_cpu(sb->region_blocks);

	if (memcmp(sb->magic, CACHEFS_SUPER_MAGIC, sizeof(sb->magic)))
		return CACHEFS_BAD_MAGIC;
	if (le32_to_cpu(sb->version) != CACHEFS_FORMAT_VERSION)
		return CACHEFS_BAD_VERSION;
	if (le64_to_cpu(sb->checksum) != format_super_checksum(sb))
		return CACHEFS_BAD_CHECKSUM;
	if (le32_to_cpu(sb->features_incompat) & ~CACHEFS_FEATURES_INCOMPAT)
		return CACHEFS_BAD_FEATURES;
	if (le32_to_cpu(sb->block_size) != CACHEFS_BLOCK_SIZE)
		return CACHEFS_BAD_BLOCK_SIZE;
	if (blocks > device_blocks)
		return CACHEFS_BAD_DEVICE_SIZE;
	if (!format_region_size_valid(region_blocks))
		return CACHEFS_BAD_REGION_SIZE;
	if (le64_to_cpu(sb->first_block) != CACHEFS_FIRST_BLOCK)
		return CACHEFS_BAD_FIRST_BLOCK;
	if (nr_regions != format_max_regions(blocks, region_blocks))
		return CACHEFS_BAD_NR_REGIONS;
	return format_set_geometry(geo, blocks, region_blocks, nr_regions);
}

static u64 format_anchor_checksum(const struct cachefs_anchor *anchor, u64 seed)
{
	return xxh64(anchor, offsetof(struct cachefs_anchor, checksum), seed);
}

/**
 * cachefs_end_is_blank - Whether the end of a device is zero
 * @end: the last bytes of the device
 * @bytes: how many; at least two blocks
 * @device_bytes: the size of the device
 *
 * A copy of the superblock in the last block counts as zero.  A format that lost the power
 * before it wrote the superblock itself leaves such a copy.
 *
 * Context: any.
 * Return: whether the end is zero.
 */
bool cachefs_end_is_blank(const void *end, size_t bytes, u64 device_bytes)
{
	size_t tail = device_bytes % CACHEFS_BLOCK_SIZE;
	size_t copy = bytes - tail - CACHEFS_BLOCK_SIZE;

	if (memcmp(end + copy, CACHEFS_SUPER_MAGIC, 8))
		return !memchr_inv(end, 0, bytes);
	return !memchr_inv(end, 0, copy) && !memchr_inv(end + bytes - tail, 0, tail);
}

/**
 * cachefs_anchor_seal - Give an anchor its checksum
 * @anchor: all other fields are set
 * @seed: the cache's checksum seed
 */
void cachefs_anchor_seal(struct cachefs_anchor *anchor, u64 seed)
{
	anchor->checksum = cpu_to_le64(format_anchor_checksum(anchor, seed));
}

/**
 * cachefs_anchor_check - Check an anchor
 * @anchor: the block
 * @uuid: the cache's
 * @seed: its checksum seed
 * @geo: its layout
 *
 * Return: %CACHEFS_OK or the first field that is wrong.
 */
enum cachefs_refusal cachefs_anchor_check(const struct cachefs_anchor *anchor,
					  const u8 *uuid, u64 seed,
					  const struct cachefs_geometry *geo)
{
	if (le32_to_cpu(anchor->magic) != CACHEFS_ANCHOR_MAGIC)
		return CACHEFS_BAD_MAGIC;
	if (le64_to_cpu(anchor->checksum) != format_anchor_checksum(anchor, seed))
		return CACHEFS_BAD_CHECKSUM;
	if (memcmp(anchor->uuid, uuid, CACHEFS_UUID_SIZE))
		return CACHEFS_BAD_UUID;
	if (le32_to_cpu(anchor->head) >= geo->nr_regions ||
	    le32_to_cpu(anchor->ckpt_region) >= geo->nr_regions)
		return CACHEFS_BAD_REGION;
	if (le64_to_cpu(anchor->ckpt_blocks) >
	    (u64)geo->nr_regions * geo->region_blocks)
		return CACHEFS_BAD_COUNT;
	if (le64_to_cpu(anchor->attach_count) >= 1 << 19 ||
	    le64_to_cpu(anchor->next_seq) >> 51)
		return CACHEFS_BAD_SEQ;
	return CACHEFS_OK;
}

static u64 format_block_checksum(const struct cachefs_block_header *header, u64 seed)
{
	const u8 *bytes = (const u8 *)header;
	u64 sum;

	/* The header comes first, without the checksum at its end. */
	sum = xxh64(bytes, offsetof(struct cachefs_block_header, checksum),
		    seed);
	return xxh64(bytes + sizeof(*header),
		     CACHEFS_BLOCK_SIZE - sizeof(*header), sum);
}

/**
 * cachefs_block_init - Begin a metadata or checkpoint block
 * @header: start of the block, zero; nr and checksum remain to be set
 * @magic: the kind of the block
 * @cache: the cache that it belongs to
 * @region: the region that it will be written to
 * @seq: sequence number of the region, or of the checkpoint
 * @index: number of the block in its series
 */
void cachefs_block_init(struct cachefs_block_header *header, u32 magic,
			const struct cachefs_cache *cache, u32 region, u64 seq,
			u32 index)
{
	header->magic = cpu_to_le32(magic);
	header->region = cpu_to_le32(region);
	memcpy(header->uuid, cache->uuid, sizeof(header->uuid));
	header->epoch = cpu_to_le64(cache->epoch);
	header->seq = cpu_to_le64(seq);
	header->index = cpu_to_le32(index);
}

/**
 * cachefs_block_seal - Give a metadata or checkpoint block its checksum
 * @header: start of the block of 4096 bytes, complete otherwise
 * @seed: the cache's checksum seed
 */
void cachefs_block_seal(struct cachefs_block_header *header, u64 seed)
{
	header->checksum = cpu_to_le64(format_block_checksum(header, seed));
}

/**
 * cachefs_block_check - Check a metadata or checkpoint block
 * @header: start of the block of 4096 bytes
 * @magic: the kind that the block should be
 * @uuid: the cache's
 * @seed: its checksum seed
 * @region: the region that the block was read from
 *
 * The caller must compare the index and the sequence number.
 *
 * Return: %CACHEFS_OK or the first field that is wrong.
 */
enum cachefs_refusal cachefs_block_check(const struct cachefs_block_header *header,
					 u32 magic, const u8 *uuid, u64 seed,
					 u32 region)
{
	if (le32_to_cpu(header->magic) != magic)
		return CACHEFS_BAD_MAGIC;
	if (le64_to_cpu(header->checksum) != format_block_checksum(header, seed))
		return CACHEFS_BAD_CHECKSUM;
	if (memcmp(header->uuid, uuid, CACHEFS_UUID_SIZE))
		return CACHEFS_BAD_UUID;
	if (le32_to_cpu(header->region) != region)
		return CACHEFS_BAD_REGION;
	if (le32_to_cpu(header->nr) > CACHEFS_RECORDS_PER_BLOCK)
		return CACHEFS_BAD_COUNT;
	if (!header->seq || le64_to_cpu(header->seq) >> 51)
		return CACHEFS_BAD_SEQ;
	return CACHEFS_OK;
}

/**
 * cachefs_records_run - Count the slots from the first on that hold one run of blocks
 * @records: of the slots; zero in a slot without a block
 * @nr: how many slots
 *
 * Return: the number of slots with consecutive blocks of one version, within one chunk.
 */
unsigned int cachefs_records_run(const struct cachefs_slot_record *records,
				 unsigned int nr)
{
	u64 first = le64_to_cpu(records[0].where) >> CACHEFS_WHERE_BYTES_BITS, block;
	unsigned int i;

	for (i = 1; i < nr; i++) {
		block = le64_to_cpu(records[i].where) >> CACHEFS_WHERE_BYTES_BITS;
		if (block != first + i || block % CACHEFS_CHUNK_BLOCKS == 0 ||
		    memcmp(records[i].id, records[0].id, sizeof(records[0].id)))
			break;
	}
	return i;
}

/**
 * cachefs_data_checksum - Compute the checksum of a data block
 * @seed: the cache's checksum seed
 * @id: version id
 * @block: file block
 * @data: 4096 bytes
 *
 * The seed is mixed with the identity of the block, so data verifies only as the block
 * that it was stored as.
 *
 * Context: any.
 * Return: the checksum.
 */
u64 cachefs_data_checksum(u64 seed, const u8 id[16], u64 block,
			  const void *data)
{
	/* Odd constant: 2^64 / golden ratio; spreads neighbouring blocks. */
	seed += get_unaligned_le64(id) ^
		(get_unaligned_le64(id + 8) + block * 0x9e3779b97f4a7c15ULL);
	return xxh64(data, CACHEFS_BLOCK_SIZE, seed);
}

/**
 * cachefs_volume_hash - Compute the part of version ids that all versions of a volume share
 * @seed: the cache's checksum seed
 * @identity: what identifies the volume
 * @len: its length in bytes
 *
 * Context: any.
 * Return: the hash.  Another volume may have the same hash.
 */
u16 cachefs_volume_hash(u64 seed, const void *identity, size_t len)
{
	return xxh64(identity, len, seed);
}

static_assert(CACHEFS_REGION_META_BLOCKS(CACHEFS_MAX_REGION_BLOCKS) +
	      CACHEFS_SCRATCH_BLOCKS <= 64);

/**
 * cachefs_meta_newest - Check the metadata of a region, and find its newest round
 * @meta: blocks and region are set; the rest is filled in
 * @uuid: the cache's
 * @seed: its checksum seed
 * @geo: the layout
 *
 * Return: whether there is any valid block.
 */
bool cachefs_meta_newest(struct cachefs_region_meta *meta, const u8 *uuid,
			 u64 seed, const struct cachefs_geometry *geo)
{
	u32 i;

	meta->seq = 0;
	meta->valid = 0;
	for (i = 0; i < geo->meta_blocks + CACHEFS_SCRATCH_BLOCKS; i++) {
		const struct cachefs_block_header *header = &meta->blocks[i].header;

		if (cachefs_block_check(header, CACHEFS_META_MAGIC, uuid, seed,
					meta->region) != CACHEFS_OK ||
		    le32_to_cpu(header->index) >= geo->meta_blocks)
			continue;
		meta->valid |= BIT_ULL(i);
		if (le64_to_cpu(header->seq) < meta->seq)
			continue;
		if (le64_to_cpu(header->seq) > meta->seq)
			meta->epoch = le64_to_cpu(header->epoch);
		else if (le64_to_cpu(header->epoch) != meta->epoch)
			meta->epoch = 0;
		meta->seq = le64_to_cpu(header->seq);
	}
	return meta->seq != 0;
}

/**
 * cachefs_meta_pick - Find the block that holds a range of slot records
 * @meta: the metadata of the region, which cachefs_meta_newest() has checked
 * @index: number of the final block for these records
 * @geo: the layout
 *
 * This is the final block if it was written in this round, or else the scratch block
 * that has more of the same records.
 *
 * Return: the block, or %NULL if the disk does not have it in this round.
 */
const struct cachefs_meta_block *
cachefs_meta_pick(const struct cachefs_region_meta *meta, u32 index,
		  const struct cachefs_geometry *geo)
{
	const struct cachefs_meta_block *best = NULL, *block;
	u32 scratch, i = index;

	if (!meta->seq)
		return NULL;
	for (scratch = 0; scratch <= CACHEFS_SCRATCH_BLOCKS && best != &meta->blocks[index];
	     scratch++) {
		block = &meta->blocks[i];
		if (meta->valid & BIT_ULL(i) &&
		    le64_to_cpu(block->header.seq) == meta->seq &&
		    le64_to_cpu(block->header.epoch) == meta->epoch &&
		    le32_to_cpu(block->header.index) == index &&
		    (!best || le32_to_cpu(block->header.nr) >
			      le32_to_cpu(best->header.nr)))
			best = block;
		i = geo->meta_blocks + scratch;
	}
	return best;
}
