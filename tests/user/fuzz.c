// SPDX-License-Identifier: GPL-2.0
/*
 * All functions that interpret bytes of the disk, for libFuzzer.  The input is a
 * superblock, an anchor, the metadata of a region and a block of a checkpoint.
 *
 * A third of the mutations knows the structures: these mutations put in valid
 * blocks, and change single fields of them.
 */
#include <linux/xxhash.h>
#include "model.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max_size,
			       unsigned int seed);

static const u8 uuid[CACHEFS_UUID_SIZE] = "0123456789abcdef";

/* The bytes of each block that are in the input: all fields, then some records. */
#define HEAD	192

static void part(void *block, const u8 **data, size_t *size)
{
	size_t n = min_t(size_t, *size, HEAD);

	memset(block, 0, CACHEFS_BLOCK_SIZE);
	memcpy(block, *data, n);
	*data += n;
	*size -= n;
}

/* Fields that a number can be put into. */
struct field {
	unsigned int	at;
	unsigned int	size;
};

#define FIELD(type, name) { offsetof(type, name), sizeof_field(type, name) }

static const struct field super_fields[] = {
	FIELD(struct cachefs_super_block, magic),
	FIELD(struct cachefs_super_block, version),
	FIELD(struct cachefs_super_block, block_size),
	FIELD(struct cachefs_super_block, region_blocks),
	FIELD(struct cachefs_super_block, device_blocks),
	FIELD(struct cachefs_super_block, first_block),
	FIELD(struct cachefs_super_block, nr_regions),
};

static const struct field anchor_fields[] = {
	FIELD(struct cachefs_anchor, magic),
	FIELD(struct cachefs_anchor, flags),
	FIELD(struct cachefs_anchor, generation),
	FIELD(struct cachefs_anchor, attach_count),
	FIELD(struct cachefs_anchor, next_seq),
	FIELD(struct cachefs_anchor, head),
	FIELD(struct cachefs_anchor, ckpt_region),
	FIELD(struct cachefs_anchor, ckpt_blocks),
	FIELD(struct cachefs_anchor, ckpt_seq),
};

static const struct field meta_fields[] = {
	FIELD(struct cachefs_block_header, magic),
	FIELD(struct cachefs_block_header, region),
	FIELD(struct cachefs_block_header, epoch),
	FIELD(struct cachefs_block_header, seq),
	FIELD(struct cachefs_block_header, index),
	FIELD(struct cachefs_block_header, nr),
	FIELD(struct cachefs_meta_block, records[0].where),
	FIELD(struct cachefs_meta_block, records[1].where),
};

static void change_field(u8 *part, const struct field *fields, unsigned int nr)
{
	const struct field *field = &fields[shim_below(nr)];
	u64 value = 0;

	memcpy(&value, part + field->at, min(field->size, 8U));
	switch (shim_below(6)) {
	case 0:
		value = 0;
		break;
	case 1:
		value = U64_MAX;
		break;
	case 2:
		value++;
		break;
	case 3:
		value--;
		break;
	case 4:
		value ^= 1ULL << shim_below(64);
		break;
	case 5:
		value = shim_rand() >> shim_below(64);
		break;
	}
	memcpy(part + field->at, &value, min(field->size, 8U));
}

/* Put in a superblock, an anchor and metadata that pass.  Return their size, or 0. */
static size_t put_valid(u8 *data, size_t max_size)
{
	struct cachefs_super_block sb = { .checksum_seed = cpu_to_le64(1) };
	struct cachefs_anchor *anchor = (void *)(data + HEAD);
	struct cachefs_block_header *header;
	struct cachefs_geometry geo;
	unsigned int n, nr;

	if (cachefs_geometry_init(&geo, TINY_BLOCKS << shim_below(20),
				  TINY_REGION_BLOCKS << shim_below(4)) ||
	    max_size < 3 * HEAD)
		return 0;
	memcpy(sb.uuid, uuid, sizeof(uuid));
	cachefs_super_encode(&sb, &geo, "fuzz", 1);
	nr = min_t(size_t, max_size / HEAD - 2,
		   geo.meta_blocks + CACHEFS_SCRATCH_BLOCKS);
	memset(data, 0, (2 + nr) * HEAD);
	memcpy(data, &sb, HEAD);
	anchor->magic = cpu_to_le32(CACHEFS_ANCHOR_MAGIC);
	memcpy(anchor->uuid, uuid, sizeof(uuid));
	anchor->generation = cpu_to_le64(3);
	anchor->next_seq = cpu_to_le64(1ULL << 32 | 9);
	for (n = 0; n < nr; n++) {
		header = (void *)(data + (2 + n) * HEAD);
		header->magic = cpu_to_le32(CACHEFS_META_MAGIC);
		/* The target takes the region from the first byte. */
		header->region = cpu_to_le32((u8)CACHEFS_META_MAGIC %
					     geo.nr_regions);
		header->epoch = cpu_to_le64(5);
		header->seq = cpu_to_le64(1ULL << 32 | 7);
		header->index = cpu_to_le32(n % geo.meta_blocks);
		header->nr = cpu_to_le32(shim_below(127));
	}
	return (2 + nr) * HEAD;
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max_size,
			       unsigned int seed)
{
	unsigned int changes, part;
	size_t valid = 0;

	shim_seed(seed);
	if (shim_below(3))
		return LLVMFuzzerMutate(data, size, max_size);
	if (size < 3 * HEAD || shim_chance(20))
		valid = put_valid(data, max_size);
	size = valid ? valid : size;
	for (changes = shim_below(4); changes && size >= HEAD; changes--) {
		part = shim_below(size / HEAD);
		if (part == 0)
			change_field(data, super_fields,
				     ARRAY_SIZE(super_fields));
		else if (part == 1)
			change_field(data + HEAD, anchor_fields,
				     ARRAY_SIZE(anchor_fields));
		else
			change_field(data + part * HEAD, meta_fields,
				     ARRAY_SIZE(meta_fields));
	}
	return size;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct cachefs_meta_block meta[33 + CACHEFS_SCRATCH_BLOCKS];
	static struct cachefs_super_block sb;
	static struct cachefs_anchor anchor;
	struct cachefs_geometry geo;
	struct cachefs_region_meta loaded = { .blocks = meta };
	const struct cachefs_meta_block *pick;
	enum cachefs_refusal why;
	u64 blocks;
	u32 i;

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
	       CACHEFS_FIRST_BLOCK + (u64)geo.nr_regions * geo.region_blocks <
	       geo.device_blocks);

	cachefs_anchor_seal(&anchor, 1);
	if (!cachefs_anchor_check(&anchor, uuid, 1, &geo))
		EXPECT(le32_to_cpu(anchor.head) < geo.nr_regions &&
		       le32_to_cpu(anchor.ckpt_region) < geo.nr_regions);

	loaded.region = size ? *data % geo.nr_regions : 0;
	memset(meta, 0, sizeof(meta));
	for (i = 0; size && i < ARRAY_SIZE(meta); i++) {
		bool forged = *data & 1;

		part(&meta[i], &data, &size);
		if (forged)
			memcpy(meta[i].header.uuid, uuid, sizeof(uuid));
		cachefs_block_seal(&meta[i].header, 1);
		cachefs_block_check(&meta[i].header, CACHEFS_CKPT_MAGIC, uuid,
				    1, loaded.region);
	}
	if (!cachefs_meta_newest(&loaded, uuid, 1, &geo))
		return 0;
	EXPECT(loaded.seq && !(loaded.seq >> 51));
	for (i = 0; i < geo.meta_blocks; i++) {
		pick = cachefs_meta_pick(&loaded, i, &geo);
		EXPECT(!pick || (pick >= meta && pick < meta + geo.meta_blocks +
				 CACHEFS_SCRATCH_BLOCKS &&
				 le64_to_cpu(pick->header.seq) == loaded.seq &&
				 le32_to_cpu(pick->header.index) == i));
	}
	return 0;
}
