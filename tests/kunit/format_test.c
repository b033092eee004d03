// SPDX-License-Identifier: GPL-2.0
/*
 * The disk format: blocks that this module writes are accepted.  All others are
 * refused, and the field that is wrong is named.
 */
#include <kunit/test.h>
#include <linux/xxhash.h>
#include "../../fscache/internal.h"

#define SEED		0x123456789abcdefULL
#define DEVICE_BLOCKS	(CACHEFS_FIRST_BLOCK + 20 * 1024 + CACHEFS_LAST_BLOCKS)
#define REGION		3

static const u8 uuid[CACHEFS_UUID_SIZE] = "0123456789abcdef";
static const u8 other_uuid[CACHEFS_UUID_SIZE] = "0123456789abcdeg";
static const u8 secret[CACHEFS_SECRET_SIZE] = "a secret of thirty-two bytes ...";

static struct cachefs_geometry test_geometry(struct kunit *test)
{
	struct cachefs_geometry geo;

	KUNIT_ASSERT_EQ(test, cachefs_geometry_init(&geo, DEVICE_BLOCKS, 1024),
			CACHEFS_OK);
	return geo;
}

static struct cachefs_super_block *super_with(struct kunit *test, const char *label)
{
	struct cachefs_super_block *sb = kunit_kzalloc(test, sizeof(*sb),
						       GFP_KERNEL);
	struct cachefs_geometry geo = test_geometry(test);

	KUNIT_ASSERT_NOT_NULL(test, sb);
	memcpy(sb->uuid, uuid, sizeof(uuid));
	memcpy(sb->secret, secret, sizeof(secret));
	sb->checksum_seed = cpu_to_le64(SEED);
	cachefs_super_encode(sb, &geo, label, 1700000000);
	return sb;
}

static struct cachefs_super_block *valid_super(struct kunit *test)
{
	return super_with(test, "label");
}

struct geometry_case {
	const char		*name;
	u64			device_blocks;
	u32			region_blocks;
	enum cachefs_refusal	why;
	u32			nr_regions;
};

static const struct geometry_case geometry_cases[] = {
	{ "smallest_device", 256 + 7 * 64 + 256, 64, CACHEFS_OK, 7 },
	{ "one_block_too_small", 256 + 7 * 64 + 255, 64,
	  CACHEFS_BAD_DEVICE_SIZE },
	{ "no_device_at_all", 0, 1024, CACHEFS_BAD_DEVICE_SIZE },
	{ "rest_of_a_region_is_not_used", 256 + 8 * 64 + 255, 64, CACHEFS_OK,
	  7 },
	{ "one_tebibyte", 1ULL << 28, 1024, CACHEFS_OK, (1 << 18) - 1 },
	{ "region_too_small", DEVICE_BLOCKS, 32, CACHEFS_BAD_REGION_SIZE },
	{ "region_too_large", DEVICE_BLOCKS, 8192, CACHEFS_BAD_REGION_SIZE },
	{ "region_of_no_blocks", DEVICE_BLOCKS, 0, CACHEFS_BAD_REGION_SIZE },
	{ "region_no_power_of_two", DEVICE_BLOCKS, 96,
	  CACHEFS_BAD_REGION_SIZE },
	{ "largest_regions", 1ULL << 28, 4096, CACHEFS_OK, (1 << 16) - 1 },
	{ "only_the_first_16_tebibytes", 1ULL << 40, 1024, CACHEFS_OK,
	  (1 << 22) - 2 },
};

KUNIT_ARRAY_PARAM_DESC(geometry, geometry_cases, name);

static void geometry_of_device(struct kunit *test)
{
	const struct geometry_case *c = test->param_value;
	struct cachefs_geometry geo;

	KUNIT_ASSERT_EQ(test, cachefs_geometry_init(&geo, c->device_blocks,
						    c->region_blocks), c->why);
	if (c->why)
		return;
	KUNIT_EXPECT_EQ(test, geo.nr_regions, c->nr_regions);
	/* The last region ends before the last MiB. */
	KUNIT_EXPECT_LE(test, cachefs_region_start(&geo, geo.nr_regions),
			c->device_blocks - CACHEFS_LAST_BLOCKS);
	/* The metadata describes all slots, and no block is left over. */
	KUNIT_EXPECT_EQ(test, geo.meta_blocks + CACHEFS_SCRATCH_BLOCKS +
			geo.slots, geo.region_blocks);
	KUNIT_EXPECT_GE(test, geo.meta_blocks * CACHEFS_RECORDS_PER_BLOCK,
			geo.slots);
	KUNIT_EXPECT_LT(test, (geo.meta_blocks - 1) * CACHEFS_RECORDS_PER_BLOCK,
			geo.slots);
	KUNIT_EXPECT_EQ(test, cachefs_slot_block(&geo, 1, geo.slots),
			cachefs_region_start(&geo, 2));
}

static void super_that_was_encoded_is_accepted(struct kunit *test)
{
	struct cachefs_super_block *sb = valid_super(test);
	struct cachefs_geometry geo, expected = test_geometry(test);

	KUNIT_EXPECT_EQ(test, cachefs_super_check(sb, DEVICE_BLOCKS, &geo),
			CACHEFS_OK);
	KUNIT_EXPECT_MEMEQ(test, &geo, &expected, sizeof(geo));
	KUNIT_EXPECT_MEMEQ(test, sb->uuid, uuid, sizeof(uuid));
	KUNIT_EXPECT_MEMEQ(test, sb->secret, secret, sizeof(secret));
	KUNIT_EXPECT_STREQ(test, (char *)sb->label, "label");
}

static void super_label_may_fill_its_field(struct kunit *test)
{
	const char *label = "a label of more than thirty-two characters";
	struct cachefs_super_block *sb = super_with(test, label);
	struct cachefs_geometry geo;

	KUNIT_EXPECT_MEMEQ(test, sb->label, label, CACHEFS_LABEL_SIZE);
	KUNIT_EXPECT_EQ(test, cachefs_super_check(sb, DEVICE_BLOCKS, &geo),
			CACHEFS_OK);
	KUNIT_EXPECT_EQ(test, super_with(test, NULL)->label[0], 0);
}

struct super_case {
	const char		*name;
	void			(*damage)(struct cachefs_super_block *sb);
	bool			as_is;	/* the checksum is not made right */
	enum cachefs_refusal	why;
};

static void super_magic(struct cachefs_super_block *sb)
{
	sb->magic[7] = '2';
}

static void super_version(struct cachefs_super_block *sb)
{
	sb->version = cpu_to_le32(3);
}

static void super_older_version(struct cachefs_super_block *sb)
{
	sb->version = cpu_to_le32(1);
}

static void super_unknown_feature(struct cachefs_super_block *sb)
{
	sb->features_incompat = cpu_to_le32(1U << 31);
}

static void super_unknown_compatible_feature(struct cachefs_super_block *sb)
{
	sb->features_compat = cpu_to_le32(1);
}

static void super_block_size(struct cachefs_super_block *sb)
{
	sb->block_size = cpu_to_le32(512);
}

static void super_region_blocks(struct cachefs_super_block *sb)
{
	sb->region_blocks = cpu_to_le32(1000);
}

static void super_other_region_blocks(struct cachefs_super_block *sb)
{
	sb->region_blocks = cpu_to_le32(512);
}

static void super_device_blocks(struct cachefs_super_block *sb)
{
	sb->device_blocks = cpu_to_le64(DEVICE_BLOCKS + 1);
}

static void super_first_block(struct cachefs_super_block *sb)
{
	sb->first_block = 0;
}

static void super_nr_regions(struct cachefs_super_block *sb)
{
	sb->nr_regions = cpu_to_le64(1ULL << 40);
}

static void super_secret(struct cachefs_super_block *sb)
{
	sb->secret[0] ^= 1;
}

static void super_own_checksum(struct cachefs_super_block *sb)
{
	sb->checksum ^= cpu_to_le64(1);
}

static const struct super_case super_cases[] = {
	{ "magic", super_magic, false, CACHEFS_BAD_MAGIC },
	{ "version", super_version, false, CACHEFS_BAD_VERSION },
	{ "version_of_unknown_checksum", super_version, true,
	  CACHEFS_BAD_VERSION },
	{ "older_version", super_older_version, false, CACHEFS_BAD_VERSION },
	{ "unknown_feature", super_unknown_feature, false,
	  CACHEFS_BAD_FEATURES },
	{ "unknown_compatible_feature", super_unknown_compatible_feature,
	  false, CACHEFS_OK },
	{ "block_size", super_block_size, false, CACHEFS_BAD_BLOCK_SIZE },
	{ "region_blocks", super_region_blocks, false,
	  CACHEFS_BAD_REGION_SIZE },
	{ "region_blocks_of_another_layout", super_other_region_blocks, false,
	  CACHEFS_BAD_NR_REGIONS },
	{ "device_blocks", super_device_blocks, false,
	  CACHEFS_BAD_DEVICE_SIZE },
	{ "first_block", super_first_block, false, CACHEFS_BAD_FIRST_BLOCK },
	{ "nr_regions", super_nr_regions, false, CACHEFS_BAD_NR_REGIONS },
	{ "secret", super_secret, true, CACHEFS_BAD_CHECKSUM },
	{ "checksum", super_own_checksum, true, CACHEFS_BAD_CHECKSUM },
};

KUNIT_ARRAY_PARAM_DESC(super, super_cases, name);

static void super_is_refused_for(struct kunit *test)
{
	const struct super_case *c = test->param_value;
	struct cachefs_super_block *sb = valid_super(test);
	struct cachefs_geometry geo;

	c->damage(sb);
	if (!c->as_is)
		sb->checksum = cpu_to_le64(xxh64(sb, offsetof(typeof(*sb),
							      checksum), 0));
	KUNIT_EXPECT_EQ(test, cachefs_super_check(sb, DEVICE_BLOCKS, &geo),
			c->why);
}

static void super_with_any_byte_changed_is_refused(struct kunit *test)
{
	struct cachefs_super_block *sb = valid_super(test);
	struct cachefs_geometry geo;
	u8 *bytes = (u8 *)sb;
	unsigned int i, accepted = 0;

	for (i = 0; i < sizeof(*sb); i++) {
		bytes[i] ^= 0x10;
		accepted += !cachefs_super_check(sb, DEVICE_BLOCKS, &geo);
		bytes[i] ^= 0x10;
	}
	KUNIT_EXPECT_EQ(test, accepted, 0);
}

struct anchor_case {
	const char		*name;
	void			(*damage)(struct cachefs_anchor *anchor);
	enum cachefs_refusal	why;
};

static void anchor_nothing(struct cachefs_anchor *anchor)
{
}

static void anchor_magic(struct cachefs_anchor *anchor)
{
	anchor->magic = cpu_to_le32(CACHEFS_META_MAGIC);
}

static void anchor_uuid(struct cachefs_anchor *anchor)
{
	memcpy(anchor->uuid, other_uuid, sizeof(anchor->uuid));
}

static void anchor_head(struct cachefs_anchor *anchor)
{
	anchor->head = cpu_to_le32(20);
}

static void anchor_ckpt_region(struct cachefs_anchor *anchor)
{
	anchor->ckpt_region = cpu_to_le32(U32_MAX);
}

static void anchor_ckpt_blocks(struct cachefs_anchor *anchor)
{
	anchor->ckpt_blocks = cpu_to_le64(20 * 1024 + 1);
}

static void anchor_attach_count(struct cachefs_anchor *anchor)
{
	anchor->attach_count = cpu_to_le64(1 << 19);
}

static void anchor_next_seq(struct cachefs_anchor *anchor)
{
	anchor->next_seq = cpu_to_le64(1ULL << 51);
}

static const struct anchor_case anchor_cases[] = {
	{ "nothing", anchor_nothing, CACHEFS_OK },
	{ "magic", anchor_magic, CACHEFS_BAD_MAGIC },
	{ "uuid", anchor_uuid, CACHEFS_BAD_UUID },
	{ "head", anchor_head, CACHEFS_BAD_REGION },
	{ "ckpt_region", anchor_ckpt_region, CACHEFS_BAD_REGION },
	{ "ckpt_blocks", anchor_ckpt_blocks, CACHEFS_BAD_COUNT },
	{ "attach_count", anchor_attach_count, CACHEFS_BAD_SEQ },
	{ "next_seq", anchor_next_seq, CACHEFS_BAD_SEQ },
};

KUNIT_ARRAY_PARAM_DESC(anchor, anchor_cases, name);

static void anchor_is_refused_for(struct kunit *test)
{
	const struct anchor_case *c = test->param_value;
	struct cachefs_geometry geo = test_geometry(test);
	struct cachefs_anchor *anchor;

	anchor = kunit_kzalloc(test, sizeof(*anchor), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, anchor);
	anchor->magic = cpu_to_le32(CACHEFS_ANCHOR_MAGIC);
	memcpy(anchor->uuid, uuid, sizeof(anchor->uuid));
	anchor->head = cpu_to_le32(19);
	c->damage(anchor);
	cachefs_anchor_seal(anchor, SEED);
	KUNIT_EXPECT_EQ(test, cachefs_anchor_check(anchor, uuid, SEED, &geo),
			c->why);
	/* An anchor of another cache, and a damaged anchor. */
	if (c->why == CACHEFS_OK) {
		KUNIT_EXPECT_EQ(test, cachefs_anchor_check(anchor, uuid,
							   SEED + 1, &geo),
				CACHEFS_BAD_CHECKSUM);
		anchor->reserved[1000] ^= 1;
		KUNIT_EXPECT_EQ(test, cachefs_anchor_check(anchor, uuid, SEED,
							   &geo),
				CACHEFS_BAD_CHECKSUM);
	}
}

static void meta_init(struct cachefs_meta_block *meta, u64 seq, u64 epoch,
		      u32 index, u32 nr)
{
	memset(meta, 0, sizeof(*meta));
	meta->header.magic = cpu_to_le32(CACHEFS_META_MAGIC);
	meta->header.region = cpu_to_le32(REGION);
	memcpy(meta->header.uuid, uuid, sizeof(uuid));
	meta->header.epoch = cpu_to_le64(epoch);
	meta->header.seq = cpu_to_le64(seq);
	meta->header.index = cpu_to_le32(index);
	meta->header.nr = cpu_to_le32(nr);
	cachefs_block_seal(&meta->header, SEED);
}

struct block_case {
	const char		*name;
	void			(*damage)(struct cachefs_block_header *header);
	enum cachefs_refusal	why;
};

static void block_nothing(struct cachefs_block_header *header)
{
}

static void block_magic(struct cachefs_block_header *header)
{
	header->magic = cpu_to_le32(CACHEFS_CKPT_MAGIC);
}

static void block_uuid(struct cachefs_block_header *header)
{
	memcpy(header->uuid, other_uuid, sizeof(header->uuid));
}

static void block_region(struct cachefs_block_header *header)
{
	header->region = cpu_to_le32(REGION + 1);
}

static void block_nr(struct cachefs_block_header *header)
{
	header->nr = cpu_to_le32(CACHEFS_RECORDS_PER_BLOCK + 1);
}

static void block_seq_zero(struct cachefs_block_header *header)
{
	header->seq = 0;
}

static void block_seq_huge(struct cachefs_block_header *header)
{
	header->seq = cpu_to_le64(1ULL << 51);
}

static const struct block_case block_cases[] = {
	{ "nothing", block_nothing, CACHEFS_OK },
	{ "magic", block_magic, CACHEFS_BAD_MAGIC },
	{ "uuid", block_uuid, CACHEFS_BAD_UUID },
	{ "region", block_region, CACHEFS_BAD_REGION },
	{ "nr", block_nr, CACHEFS_BAD_COUNT },
	{ "seq_zero", block_seq_zero, CACHEFS_BAD_SEQ },
	{ "seq_huge", block_seq_huge, CACHEFS_BAD_SEQ },
};

KUNIT_ARRAY_PARAM_DESC(block, block_cases, name);

static void block_is_refused_for(struct kunit *test)
{
	const struct block_case *c = test->param_value;
	struct cachefs_meta_block *meta;

	meta = kunit_kzalloc(test, sizeof(*meta), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, meta);
	meta_init(meta, 7, 1, 0, 1);
	c->damage(&meta->header);
	cachefs_block_seal(&meta->header, SEED);
	KUNIT_EXPECT_EQ(test, cachefs_block_check(&meta->header,
						  CACHEFS_META_MAGIC, uuid,
						  SEED, REGION), c->why);
}

static void block_with_any_byte_changed_is_refused(struct kunit *test)
{
	struct cachefs_meta_block *meta;
	unsigned int i, accepted = 0;
	u8 *bytes;

	meta = kunit_kzalloc(test, sizeof(*meta), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, meta);
	meta_init(meta, 7, 1, 0, 1);
	bytes = (u8 *)meta;
	for (i = 0; i < sizeof(*meta); i++) {
		bytes[i] ^= 0x10;
		accepted += !cachefs_block_check(&meta->header,
						 CACHEFS_META_MAGIC, uuid,
						 SEED, REGION);
		bytes[i] ^= 0x10;
	}
	KUNIT_EXPECT_EQ(test, accepted, 0);
}

static void data_checksum_depends_on_what_the_block_is(struct kunit *test)
{
	u8 *data = kunit_kzalloc(test, CACHEFS_BLOCK_SIZE, GFP_KERNEL);
	u8 id[16] = { 1 }, other[16] = { 1, [15] = 1 };
	u64 sum;

	KUNIT_ASSERT_NOT_NULL(test, data);
	sum = cachefs_data_checksum(SEED, id, 5, data);
	KUNIT_EXPECT_EQ(test, cachefs_data_checksum(SEED, id, 5, data), sum);
	KUNIT_EXPECT_NE(test, cachefs_data_checksum(SEED + 1, id, 5, data), sum);
	KUNIT_EXPECT_NE(test, cachefs_data_checksum(SEED, other, 5, data), sum);
	KUNIT_EXPECT_NE(test, cachefs_data_checksum(SEED, id, 6, data), sum);
	KUNIT_EXPECT_NE(test, cachefs_data_checksum(SEED, id, 5 | 1ULL << 39,
						    data), sum);
	data[CACHEFS_BLOCK_SIZE - 1] = 1;
	KUNIT_EXPECT_NE(test, cachefs_data_checksum(SEED, id, 5, data), sum);
}

/* Allocate final blocks, then two scratch blocks, all zero. */
static struct cachefs_meta_block *blank_meta(struct kunit *test,
					     struct cachefs_geometry *geo)
{
	struct cachefs_meta_block *meta;

	*geo = test_geometry(test);
	meta = kunit_kcalloc(test, geo->meta_blocks + CACHEFS_SCRATCH_BLOCKS,
			     sizeof(*meta), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, meta);
	return meta;
}

/* Find the block that holds the records of final block @index in round 7, or -1. */
static int pick(struct cachefs_meta_block *meta, u32 index,
		const struct cachefs_geometry *geo)
{
	struct cachefs_region_meta loaded = { .blocks = meta, .region = REGION };
	const struct cachefs_meta_block *picked;

	cachefs_meta_newest(&loaded, uuid, SEED, geo);
	loaded.seq = 7;
	loaded.epoch = 1;
	picked = cachefs_meta_pick(&loaded, index, geo);
	return picked ? picked - meta : -1;
}

static void meta_final_block_wins(struct kunit *test)
{
	struct cachefs_geometry geo;
	struct cachefs_meta_block *meta = blank_meta(test, &geo);

	KUNIT_EXPECT_EQ(test, pick(meta, 0, &geo), -1);
	meta_init(&meta[geo.meta_blocks], 7, 1, 0, 126);
	KUNIT_EXPECT_EQ(test, pick(meta, 0, &geo), geo.meta_blocks);
	meta_init(&meta[0], 7, 1, 0, 100);
	KUNIT_EXPECT_EQ(test, pick(meta, 0, &geo), 0);
}

static void meta_scratch_with_more_records_wins(struct kunit *test)
{
	struct cachefs_geometry geo;
	struct cachefs_meta_block *meta = blank_meta(test, &geo);
	unsigned int one = geo.meta_blocks, two = one + 1;

	meta_init(&meta[one], 7, 1, 2, 11);
	meta_init(&meta[two], 7, 1, 2, 10);
	KUNIT_EXPECT_EQ(test, pick(meta, 2, &geo), one);
	meta_init(&meta[two], 7, 1, 2, 12);
	KUNIT_EXPECT_EQ(test, pick(meta, 2, &geo), two);
	/* Block @two was torn while it was written.  Block @one is still good. */
	meta[two].records[0].where = cpu_to_le64(1);
	KUNIT_EXPECT_EQ(test, pick(meta, 2, &geo), one);
}

static void meta_of_another_round_is_not_taken(struct kunit *test)
{
	struct cachefs_geometry geo;
	struct cachefs_meta_block *meta = blank_meta(test, &geo);

	meta_init(&meta[1], 6, 1, 1, 126);	/* an older sequence */
	KUNIT_EXPECT_EQ(test, pick(meta, 1, &geo), -1);
	meta_init(&meta[1], 7, 2, 1, 126);	/* another attach */
	KUNIT_EXPECT_EQ(test, pick(meta, 1, &geo), -1);
	meta_init(&meta[1], 7, 1, 2, 126);	/* written to another place */
	KUNIT_EXPECT_EQ(test, pick(meta, 1, &geo), -1);
	meta_init(&meta[1], 7, 1, 1, 126);
	KUNIT_EXPECT_EQ(test, pick(meta, 1, &geo), 1);
}

static void meta_newest_has_the_highest_sequence(struct kunit *test)
{
	struct cachefs_geometry geo;
	struct cachefs_meta_block *meta = blank_meta(test, &geo);
	struct cachefs_region_meta loaded = { .blocks = meta, .region = REGION };

	KUNIT_EXPECT_FALSE(test, cachefs_meta_newest(&loaded, uuid, SEED, &geo));
	meta_init(&meta[0], 7, 1, 0, 126);
	meta_init(&meta[geo.meta_blocks], 9, 2, 0, 0);
	meta_init(&meta[1], 8, 3, 1, 126);
	/* Valid, but no final block has this index. */
	meta_init(&meta[2], 10, 4, geo.meta_blocks, 126);
	KUNIT_EXPECT_TRUE(test, cachefs_meta_newest(&loaded, uuid, SEED, &geo));
	KUNIT_EXPECT_EQ(test, loaded.seq, 9);
	KUNIT_EXPECT_EQ(test, loaded.epoch, 2);
}

static void each_refusal_has_a_name_of_its_own(struct kunit *test)
{
	int i, j;

	for (i = CACHEFS_OK; i <= CACHEFS_BAD_SEQ; i++) {
		KUNIT_ASSERT_NOT_NULL(test, cachefs_refusal_text(i));
		for (j = CACHEFS_OK; j < i; j++)
			KUNIT_EXPECT_NE(test, strcmp(cachefs_refusal_text(i),
						     cachefs_refusal_text(j)), 0);
	}
}

static struct kunit_case format_cases[] = {
	KUNIT_CASE_PARAM(geometry_of_device, geometry_gen_params),
	KUNIT_CASE(super_that_was_encoded_is_accepted),
	KUNIT_CASE(super_label_may_fill_its_field),
	KUNIT_CASE_PARAM(super_is_refused_for, super_gen_params),
	KUNIT_CASE(super_with_any_byte_changed_is_refused),
	KUNIT_CASE_PARAM(anchor_is_refused_for, anchor_gen_params),
	KUNIT_CASE_PARAM(block_is_refused_for, block_gen_params),
	KUNIT_CASE(block_with_any_byte_changed_is_refused),
	KUNIT_CASE(data_checksum_depends_on_what_the_block_is),
	KUNIT_CASE(meta_final_block_wins),
	KUNIT_CASE(meta_scratch_with_more_records_wins),
	KUNIT_CASE(meta_of_another_round_is_not_taken),
	KUNIT_CASE(meta_newest_has_the_highest_sequence),
	KUNIT_CASE(each_refusal_has_a_name_of_its_own),
	{}
};

static struct kunit_suite format_suite = {
	.name		= "cachefs_format",
	.test_cases	= format_cases,
};

kunit_test_suite(format_suite);
