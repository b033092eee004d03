/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The layout of the device, and format.c, which interprets bytes and touches no state.
 */
#ifndef _CACHEFS_CORE_FORMAT_H
#define _CACHEFS_CORE_FORMAT_H

#include <linux/types.h>
#include "cachefs.h"

/*
 * struct cachefs_geometry - The layout of the device
 * @device_blocks: size of the device when it was formatted, blocks
 * @nr_regions: number of regions
 * @region_blocks: size of a region with its metadata, blocks
 * @meta_blocks: final metadata blocks of a region
 * @slots: data blocks of a region
 *
 * The layout comes from the superblock, and is constant while the cache is attached.
 */
struct cachefs_geometry {
	u64	device_blocks;
	u32	nr_regions;
	u32	region_blocks;
	u32	meta_blocks;
	u32	slots;
};

static inline u64 cachefs_region_start(const struct cachefs_geometry *geo,
				       u32 region)
{
	return CACHEFS_FIRST_BLOCK + (u64)region * geo->region_blocks;
}

static inline u64 cachefs_slot_block(const struct cachefs_geometry *geo,
				     u32 region, u32 slot)
{
	return cachefs_region_start(geo, region) + geo->meta_blocks +
		CACHEFS_SCRATCH_BLOCKS + slot;
}

/* The reasons to refuse an image: the name here, and the field in messages. */
#define CACHEFS_REFUSALS(X) \
	X(MAGIC, "magic") \
	X(CHECKSUM, "checksum") \
	X(VERSION, "format version") \
	X(FEATURES, "features") \
	X(BLOCK_SIZE, "block size") \
	X(REGION_SIZE, "region size") \
	X(DEVICE_SIZE, "device size") \
	X(FIRST_BLOCK, "first block") \
	X(NR_REGIONS, "number of regions") \
	X(COPY, "copy at the end of the device") \
	X(UUID, "UUID") \
	X(INDEX, "block index") \
	X(COUNT, "record count") \
	X(REGION, "region number") \
	X(SEQ, "sequence number")

enum cachefs_refusal {
	CACHEFS_OK,
#define X(name, text) CACHEFS_BAD_##name,
	CACHEFS_REFUSALS(X)
#undef X
};

/*
 * struct cachefs_region_meta - The metadata of a region, as the disk has it
 * @blocks: all metadata blocks, final and scratch
 * @region: number of the region
 * @seq: the newest sequence number in a valid block, or 0 if there is none
 * @epoch: the epoch that goes with @seq; 0 if there is more than one
 * @valid: the bits of the blocks that are valid
 */
struct cachefs_region_meta {
	struct cachefs_meta_block	*blocks;
	u32				region;
	u64				seq;
	u64				epoch;
	u64				valid;
};

const char *cachefs_refusal_text(enum cachefs_refusal why);
enum cachefs_refusal cachefs_geometry_init(struct cachefs_geometry *geo,
					   u64 device_blocks, u32 region_blocks);
void cachefs_super_encode(struct cachefs_super_block *sb,
			  const struct cachefs_geometry *geo, const char *label,
			  u64 time);
enum cachefs_refusal cachefs_super_check(const struct cachefs_super_block *sb,
					 u64 device_blocks,
					 struct cachefs_geometry *geo);
bool cachefs_end_is_blank(const void *end, size_t bytes, u64 device_bytes);
void cachefs_anchor_seal(struct cachefs_anchor *anchor, u64 seed);
enum cachefs_refusal cachefs_anchor_check(const struct cachefs_anchor *anchor,
					  const u8 *uuid, u64 seed,
					  const struct cachefs_geometry *geo);
void cachefs_block_init(struct cachefs_block_header *header, u32 magic,
			const struct cachefs_cache *cache, u32 region, u64 seq,
			u32 index);
void cachefs_block_seal(struct cachefs_block_header *header, u64 seed);
enum cachefs_refusal cachefs_block_check(const struct cachefs_block_header *header,
					 u32 magic, const u8 *uuid, u64 seed,
					 u32 region);
unsigned int cachefs_records_run(const struct cachefs_slot_record *records,
				 unsigned int nr);
u64 cachefs_data_checksum(u64 seed, const u8 id[16], u64 block,
			  const void *data);
u16 cachefs_volume_hash(u64 seed, const void *identity, size_t len);
const struct cachefs_meta_block *
cachefs_meta_pick(const struct cachefs_region_meta *meta, u32 index,
		  const struct cachefs_geometry *geo);
bool cachefs_meta_newest(struct cachefs_region_meta *meta, const u8 *uuid,
			 u64 seed, const struct cachefs_geometry *geo);

#endif /* _CACHEFS_CORE_FORMAT_H */
