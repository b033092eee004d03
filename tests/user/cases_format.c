// SPDX-License-Identifier: GPL-2.0
/* The format: refused fields, by name; and the place of a cache on its device. */
#include <crypto/blake2s.h>
#include <linux/siphash.h>
#include <linux/xxhash.h>
#include "cases.h"

static void hashes_are_the_published_ones(void)
{
	/*
	 * RFC 7693, appendix B; xxh64 of nothing, from its specification; and SipHash-2-4
	 * of 24 bytes, from the paper's reference code.
	 */
	static const u8 blake[] = { 0x50, 0x8c, 0x5e, 0x8c, 0x32, 0x7c, 0x14,
		0xe2, 0xe1, 0xa7, 0x2b, 0xa3, 0x4e, 0xeb, 0x45, 0x2f };
	static const siphash_key_t key = {
		{ 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL },
	};
	u8 out[32];

	blake2s(out, (const u8 *)"abc", NULL, 32, 3, 0);
	EXPECT(!memcmp(out, blake, sizeof(blake)));
	EXPECT(xxh64("", 0, 0) == 0xef46db3751d8e999ULL);
	EXPECT(siphash_3u64(0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL,
			    0x1716151413121110ULL, &key) == 0xb8ad50c6f649af94ULL);
}

/* Change a field, seal the block again, and check the reason of the refusal. */
#define REFUSED(block, field, value, seal, check, why) \
	do { \
		__typeof__(*(block)) good = *(block); \
\
		EXPECT_EQ(check, CACHEFS_OK); \
		(block)->field = value; \
		seal; \
		EXPECT_EQ(check, why); \
		*(block) = good; \
	} while (0)

static void refusals_name_the_field(void)
{
	static struct cachefs_super_block sb;
	static struct cachefs_anchor anchor;
	static struct cachefs_meta_block meta;
	struct cachefs_block_header *h = &meta.header;
	static const u8 uuid[16] = "some";
	struct cachefs_geometry geo, out;
	u64 least = TINY_BLOCKS - (TINY_REGIONS - CACHEFS_MIN_REGIONS) * 64;

	EXPECT_EQ(cachefs_geometry_init(&geo, TINY_BLOCKS, 64), CACHEFS_OK);
	EXPECT_EQ(cachefs_geometry_init(&out, least, 64), CACHEFS_OK);
	EXPECT_EQ(out.nr_regions, CACHEFS_MIN_REGIONS);
	EXPECT_EQ(cachefs_geometry_init(&out, least - 1, 64),
		  CACHEFS_BAD_DEVICE_SIZE);
	EXPECT_EQ(cachefs_geometry_init(&out, TINY_BLOCKS, 32),
		  CACHEFS_BAD_REGION_SIZE);
	EXPECT_EQ(cachefs_geometry_init(&out, 1 << 20, 8192),
		  CACHEFS_BAD_REGION_SIZE);
	EXPECT_EQ(cachefs_geometry_init(&out, 1 << 20, 96),
		  CACHEFS_BAD_REGION_SIZE);
	/* The last reference is not one of an extent: it says "none". */
	EXPECT_EQ(cachefs_geometry_init(&out, 1ULL << 40, 1024), CACHEFS_OK);
	EXPECT((u64)out.nr_regions * 1024 < U32_MAX - 1023);

	memcpy(sb.uuid, uuid, sizeof(uuid));
	sb.checksum_seed = cpu_to_le64(5);
	cachefs_super_encode(&sb, &geo, "label", 0);
#define SUPER(field, value, why) \
	REFUSED(&sb, field, value, sb.checksum = cpu_to_le64(xxh64(&sb, \
		offsetof(typeof(sb), checksum), 0)), \
		cachefs_super_check(&sb, TINY_BLOCKS, &out), why)
	SUPER(magic[7], '2', CACHEFS_BAD_MAGIC);
	SUPER(version, cpu_to_le32(1), CACHEFS_BAD_VERSION);
	SUPER(version, cpu_to_le32(3), CACHEFS_BAD_VERSION);
	SUPER(features_incompat, cpu_to_le32(1U << 31), CACHEFS_BAD_FEATURES);
	SUPER(features_compat, cpu_to_le32(U32_MAX), CACHEFS_OK);
	SUPER(block_size, cpu_to_le32(8192), CACHEFS_BAD_BLOCK_SIZE);
	SUPER(region_blocks, cpu_to_le32(65), CACHEFS_BAD_REGION_SIZE);
	SUPER(device_blocks, cpu_to_le64(5000), CACHEFS_BAD_DEVICE_SIZE);
	SUPER(first_block, cpu_to_le64(1), CACHEFS_BAD_FIRST_BLOCK);
	SUPER(nr_regions, cpu_to_le64(9), CACHEFS_BAD_NR_REGIONS);
	SUPER(nr_regions, cpu_to_le64(13), CACHEFS_BAD_NR_REGIONS);
	SUPER(nr_regions, cpu_to_le64(11), CACHEFS_BAD_NR_REGIONS);
	/* A device that has grown since. */
	EXPECT_EQ(cachefs_super_check(&sb, TINY_BLOCKS + 100, &out), CACHEFS_OK);
	EXPECT_EQ(out.device_blocks, TINY_BLOCKS);
	EXPECT_EQ(out.nr_regions, TINY_REGIONS);
	EXPECT_EQ(cachefs_super_check(&sb, TINY_BLOCKS - 1, &out),
		  CACHEFS_BAD_DEVICE_SIZE);
	REFUSED(&sb, reserved1[9], 1, , cachefs_super_check(&sb, TINY_BLOCKS,
							    &out),
		CACHEFS_BAD_CHECKSUM);

	anchor.magic = cpu_to_le32(CACHEFS_ANCHOR_MAGIC);
	memcpy(anchor.uuid, uuid, sizeof(uuid));
	cachefs_anchor_seal(&anchor, 5);
#define ANCHOR(field, value, why) \
	REFUSED(&anchor, field, value, cachefs_anchor_seal(&anchor, 5), \
		cachefs_anchor_check(&anchor, uuid, 5, &geo), why)
	ANCHOR(magic, 0, CACHEFS_BAD_MAGIC);
	ANCHOR(uuid[3], 0, CACHEFS_BAD_UUID);
	ANCHOR(head, cpu_to_le32(TINY_REGIONS), CACHEFS_BAD_REGION);
	ANCHOR(ckpt_region, cpu_to_le32(TINY_REGIONS), CACHEFS_BAD_REGION);
	ANCHOR(ckpt_blocks, cpu_to_le64(TINY_REGIONS * 64 + 1),
	       CACHEFS_BAD_COUNT);
	ANCHOR(attach_count, cpu_to_le64(1 << 19), CACHEFS_BAD_SEQ);
	ANCHOR(next_seq, cpu_to_le64(1ULL << 51), CACHEFS_BAD_SEQ);
	EXPECT_EQ(cachefs_anchor_check(&anchor, uuid, 6, &geo),
		  CACHEFS_BAD_CHECKSUM);

	h->magic = cpu_to_le32(CACHEFS_META_MAGIC);
	memcpy(h->uuid, uuid, sizeof(uuid));
	h->seq = cpu_to_le64(7);
	h->region = cpu_to_le32(3);
	cachefs_block_seal(h, 5);
#define META(field, value, why) \
	REFUSED(&meta, field, value, cachefs_block_seal(h, 5), \
		cachefs_block_check(h, CACHEFS_META_MAGIC, uuid, 5, 3), why)
	META(header.magic, cpu_to_le32(CACHEFS_CKPT_MAGIC), CACHEFS_BAD_MAGIC);
	META(header.uuid[0], 0, CACHEFS_BAD_UUID);
	META(header.region, cpu_to_le32(4), CACHEFS_BAD_REGION);
	META(header.nr, cpu_to_le32(127), CACHEFS_BAD_COUNT);
	META(header.seq, 0, CACHEFS_BAD_SEQ);
	META(header.seq, cpu_to_le64(1ULL << 51), CACHEFS_BAD_SEQ);
	REFUSED(&meta, records[125].where, 1, , cachefs_block_check(h,
		CACHEFS_META_MAGIC, uuid, 5, 3), CACHEFS_BAD_CHECKSUM);
	REFUSED(&meta, header.index, 1, , cachefs_block_check(h,
		CACHEFS_META_MAGIC, uuid, 5, 3), CACHEFS_BAD_CHECKSUM);
}

static void copy_of_superblock_is_compared(void)
{
	u8 *copy;

	tiny();
	model_detach();
	copy = device_block(model.device, TINY_BLOCKS - 1);
	copy[200] ^= 1;
	EXPECT_EQ(model_attach(), -EUCLEAN);
	EXPECT(shim_log_has("copy at the end of the device"));
}

/* Refuse a cache of another version.  The log says which version, and how to go on. */
static void refused_cache(unsigned int version, unsigned int features,
			  const char *line)
{
	struct cachefs_super_block *sb, *copy;
	u64 writes;

	tiny();
	model_detach();
	sb = device_block(model.device, CACHEFS_SUPER_BLOCK);
	copy = device_block(model.device, TINY_BLOCKS - 1);
	sb->version = cpu_to_le32(version);
	sb->features_incompat = cpu_to_le32(features);
	sb->checksum = cpu_to_le64(xxh64(sb, offsetof(typeof(*sb), checksum), 0));
	*copy = *sb;
	writes = model.device->writes;
	EXPECT_EQ(model_attach(), -EOPNOTSUPP);
	EXPECT(shim_log_has(line));
	EXPECT(shim_log_has("; \"format\" makes a new one"));
	EXPECT_EQ(model.device->writes, writes);
}

static void older_format_is_refused(void)
{
	refused_cache(1, 0, "bad superblock: format version: the cache has version 1, which is older, and this module knows 2 only");
}

static void newer_format_is_refused(void)
{
	refused_cache(3, 0, "version 3, which is newer, and this module knows 2 only");
}

static void unknown_feature_is_refused(void)
{
	refused_cache(CACHEFS_FORMAT_VERSION, 0x50,
		      "bad superblock: features: the cache has features that this module does not know (bits 0x50)");
}

static void foreign_is_left_alone(void)
{
	struct cachefs_cache *cache;

	model.device = device_init(CACHEFS_FIRST_BLOCK + 8 * 1024 +
				   CACHEFS_LAST_BLOCKS);
	*(u8 *)device_block(model.device, 0) = 1;
	EXPECT_EQ(cachefs_attach(model.device, 0, &cache), -EMEDIUMTYPE);
	EXPECT_EQ(cachefs_attach(model.device, CACHEFS_ATTACH_FORMAT,
				 &cache), -EMEDIUMTYPE);
	EXPECT_EQ(model.device->writes, 0);
	EXPECT_EQ(cachefs_attach(model.device, CACHEFS_ATTACH_FORCE,
				 &model.cache), 0);
}

/* Are the blocks from @from up to @end blank? */
static bool blank(u64 from, u64 end)
{
	return !memchr_inv(device_block(model.device, from), 0,
			   (end - from) << CACHEFS_BLOCK_SHIFT);
}

/* Other formats are looked for at both ends, so nothing else may be there. */
static void both_ends_are_free(void)
{
	/* One block less than a region is left over at the end. */
	u64 blocks = TINY_BLOCKS + TINY_REGION_BLOCKS - 1, block;
	u8 junk[CACHEFS_BLOCK_SIZE];
	unsigned int i;

	memset(junk, 0x5a, sizeof(junk));
	memset(&model, 0, sizeof(model));
	model.device = device_init(blocks);
	for (block = 0; block < blocks; block++)
		device_poke(model.device, block, junk);
	EXPECT_EQ(cachefs_format(model.device, "test", TINY_REGION_BLOCKS), 0);
	for (i = 0; i < 2; i++) {
		EXPECT(blank(CACHEFS_ANCHOR_BLOCK + 2, CACHEFS_FIRST_BLOCK));
		EXPECT(blank(blocks - CACHEFS_LAST_BLOCKS, blocks - 1));
		EXPECT(!blank(blocks - 1, blocks));
		EXPECT_EQ(model_attach(), 0);
		model_new_version(1, MODEL_MAX_BLOCKS);
		model_new_version(2, MODEL_MAX_BLOCKS);
		store_all(1);
		store_all(2);
		model_detach();
	}
	EXPECT_EQ(*(u8 *)device_block(model.device, blocks -
				      CACHEFS_LAST_BLOCKS - 1), 0x5a);
}

/*
 * Whenever the power fails, the device is still one with a cache, though maybe a damaged
 * one: "format" makes a new cache without "force".
 */
static void power_loss_during_format(void)
{
	u64 die_at = 1;

	for (;; die_at++) {
		model_format(TINY_BLOCKS, TINY_REGION_BLOCKS);
		model.device->die_at = model.device->writes + die_at;
		model.device->death = DEVICE_KEEPS_ALL;
		cachefs_format(model.device, "again", TINY_REGION_BLOCKS);
		if (!model.device->dead)
			break;
		device_power_on(model.device);
		EXPECT_EQ(memcmp(device_block(model.device, 0),
				 CACHEFS_SUPER_MAGIC, 8), 0);
		EXPECT_EQ(cachefs_attach(model.device,
					 CACHEFS_ATTACH_FORMAT, &model.cache),
			  -ENOSPC);	/* asked for larger regions */
	}
	EXPECT(die_at > CACHEFS_LAST_BLOCKS);
}

/* The device has @tail bytes behind its last block. */
static void end_is_blank_with_tail(size_t tail)
{
	u64 size = 100 * CACHEFS_BLOCK_SIZE + tail;
	u8 end[4 * CACHEFS_BLOCK_SIZE] = {};
	size_t copy = sizeof(end) - tail - CACHEFS_BLOCK_SIZE;

	EXPECT(cachefs_end_is_blank(end, sizeof(end), size));
	memcpy(end + copy, CACHEFS_SUPER_MAGIC, 8);
	end[copy + CACHEFS_BLOCK_SIZE - 1] = 7;
	EXPECT(cachefs_end_is_blank(end, sizeof(end), size));
	/* There is something before the copy, or behind it. */
	end[copy - 1] = 1;
	EXPECT(!cachefs_end_is_blank(end, sizeof(end), size));
	end[copy - 1] = 0;
	if (tail) {
		end[sizeof(end) - 1] = 1;
		EXPECT(!cachefs_end_is_blank(end, sizeof(end), size));
		end[sizeof(end) - 1] = 0;
	}
	end[copy] = 0;
	EXPECT(!cachefs_end_is_blank(end, sizeof(end), size));
}

static void copy_of_the_superblock_alone_is_blank(void)
{
	end_is_blank_with_tail(0);
	end_is_blank_with_tail(512);
	end_is_blank_with_tail(3584);
}

/* The cache is where it was; and so is the copy of its superblock. */
static void device_has_grown(void)
{
	u64 blocks = TINY_BLOCKS + 1000, from;
	struct cachefs_cache *cache;

	memset(&model, 0, sizeof(model));
	model.device = device_init(blocks);
	/* Before it grows. */
	model.device->blocks = TINY_BLOCKS;
	EXPECT_EQ(cachefs_format(model.device, "test", TINY_REGION_BLOCKS), 0);
	EXPECT_EQ(model_attach(), 0);
	model_new_version(1, 100);
	store_all(1);
	model_detach();
	model.device->blocks = blocks;
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model_read_now(1, 0, 100), 0);
	EXPECT_EQ(model.cache->geo.device_blocks, TINY_BLOCKS);
	model_detach();
	for (from = TINY_BLOCKS; from < blocks; from++)
		EXPECT(blank(from, from + 1));
	/* The device shrinks.  Then it has its size again, but the copy is damaged. */
	model.device->blocks = TINY_BLOCKS - 1;
	EXPECT_EQ(cachefs_attach(model.device, 0, &cache), -EUCLEAN);
	model.device->blocks = blocks;
	*((u8 *)device_block(model.device, TINY_BLOCKS - 1) + 200) ^= 1;
	EXPECT_EQ(cachefs_attach(model.device, 0, &cache), -EUCLEAN);
}

/* With the fewest possible regions, two are ready: stores find one. */
static void smallest_device(void)
{
	unsigned int i;

	model_format(TINY_BLOCKS - (TINY_REGIONS - CACHEFS_MIN_REGIONS) *
		     TINY_REGION_BLOCKS, TINY_REGION_BLOCKS);
	EXPECT_EQ(model_attach(), 0);
	for (i = 0; i < 10; i++) {
		model_new_version(1, 100);
		store_all(1);
		EXPECT_EQ(model_read_now(1, 0, 100), 0);
	}
	model_detach();
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model_read_now(1, 0, 100), 0);
}

const struct test_case format_cases[] = {
	CASE(hashes_are_the_published_ones),
	CASE(refusals_name_the_field),
	CASE(both_ends_are_free),
	CASE(power_loss_during_format),
	CASE(device_has_grown),
	CASE(copy_of_the_superblock_alone_is_blank),
	CASE(smallest_device),
	CASE(copy_of_superblock_is_compared),
	CASE(older_format_is_refused),
	CASE(newer_format_is_refused),
	CASE(unknown_feature_is_refused),
	CASE(foreign_is_left_alone),
	{}
};
