// SPDX-License-Identifier: GPL-2.0
/*
 * Every function that interprets bytes of the disk, for libFuzzer: the input is
 * a superblock, an anchor, the metadata of a region and a block of a checkpoint.
 */
#include <linux/xxhash.h>
#include "model.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static const u8 uuid[CACHEFS_UUID_SIZE] = "0123456789abcdef";

/* Fields come first in each of the blocks, then some records. */
#define HEAD	192

static void part(void *block, const u8 **data, size_t *size)
{
	size_t n = min_t(size_t, *size, HEAD);

	memset(block, 0, CACHEFS_BLOCK_SIZE);
	memcpy(block, *data, n);
	*data += n;
	*size -= n;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct cachefs_meta_block meta[33 + CACHEFS_SCRATCH_BLOCKS];
	static struct cachefs_super_block sb;
	static struct cachefs_anchor anchor;
	struct cachefs_geometry geo;
	const struct cachefs_meta_block *pick;
	u64 blocks, seq, epoch;
	enum cachefs_refusal why;
	u32 i, region;

	part(&sb, &data, &size);
	part(&anchor, &data, &size);
	blocks = le64_to_cpu(sb.device_blocks);
	/* A right checksum gets the input past the first test. */
	sb.checksum = cpu_to_le64(xxh64(&sb, offsetof(typeof(sb), checksum), 0));
	why = cachefs_super_check(&sb, blocks, &geo);
	if (!*cachefs_refusal_text(why))
		shim_panic("no reason");
	if (why)
		cachefs_geometry_init(&geo, TINY_BLOCKS, TINY_REGION_BLOCKS);
	EXPECT(geo.meta_blocks <= 33 && geo.slots < geo.region_blocks &&
	       geo.slots <= geo.meta_blocks * CACHEFS_RECORDS_PER_BLOCK &&
	       geo.first_block + (u64)geo.nr_regions * geo.region_blocks <
	       geo.device_blocks);

	cachefs_anchor_seal(&anchor, 1);
	if (!cachefs_anchor_check(&anchor, uuid, 1, &geo))
		EXPECT(le32_to_cpu(anchor.head) < geo.nr_regions &&
		       le32_to_cpu(anchor.ckpt_region) < geo.nr_regions);

	region = size ? *data % geo.nr_regions : 0;
	memset(meta, 0, sizeof(meta));
	for (i = 0; size && i < ARRAY_SIZE(meta); i++) {
		bool forged = *data & 1;

		part(&meta[i], &data, &size);
		if (forged)
			memcpy(meta[i].header.uuid, uuid, sizeof(uuid));
		cachefs_block_seal(&meta[i].header, 1);
		cachefs_block_check(&meta[i].header, CACHEFS_CKPT_MAGIC, uuid,
				    1, region);
	}
	if (!cachefs_meta_newest(meta, &seq, &epoch, uuid, 1, region, &geo))
		return 0;
	EXPECT(seq && !(seq >> 51));
	for (i = 0; i < geo.meta_blocks; i++) {
		pick = cachefs_meta_pick(meta, i, seq, epoch, uuid, 1, region,
					 &geo);
		EXPECT(!pick || (pick >= meta && pick < meta + geo.meta_blocks +
				 CACHEFS_SCRATCH_BLOCKS &&
				 le64_to_cpu(pick->header.seq) == seq &&
				 le32_to_cpu(pick->header.index) == i));
	}
	return 0;
}
