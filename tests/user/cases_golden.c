// SPDX-License-Identifier: GPL-2.0
/*
 * The disk format as files that stay as they are.  The cache must write exactly the
 * bytes of a file, and an attach must find the blocks that a file describes.
 *
 * A file has the lines of all blocks except data, if they are not zero, as initialisers
 * of struct golden_line.  If the format is changed on purpose, the failing case leaves
 * the new file in build/.
 */
#include "cases.h"

#define LINE		32

struct golden_line {
	u32		block;
	u32		at;
	const char	*hex;
};

static const struct golden_line detached[] = {
#include "golden/detached.inc"
};

static const struct golden_line power_loss[] = {
#include "golden/power_loss.inc"
};

/* A cache of a module that did not know CACHEFS_COMPAT_VOLUME_HASH. */
static const struct golden_line no_volume_hash[] = {
#include "golden/no_volume_hash.inc"
};

/* Nine regions of 512 blocks, and more than 2 MiB that are in no region. */
#define GOLDEN_REGION	512
#define GOLDEN_BLOCKS	(CACHEFS_FIRST_BLOCK + 9 * GOLDEN_REGION + 500)

/* The blocks in the cache, in the order in which they were stored. */
static const struct {
	u8	v;
	u16	block;
	u16	nr;
} golden[] = {
	{ 1, 0, 60 },		/* all of a file, to the middle of a block */
	{ 2, 0, 3 },
	{ 3, 4, 2 },
	{ 4, 0, 100 },		/* across a border of chunks, and of metadata blocks */
	{ 2, 7, 1 },
};

/* Is a block of a version in the cache? */
static bool is_golden(unsigned int v, unsigned int block)
{
	bool is = false;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(golden); i++)
		if (golden[i].v == v)
			is |= block >= golden[i].block &&
				block < golden[i].block + golden[i].nr;
	return is;
}

static void set_version(unsigned int v, u64 base, unsigned int blocks,
			unsigned int tail)
{
	model.versions[v] = (struct model_version) {
		.number = 100 + v, .base = base, .blocks = blocks, .tail = tail,
	};
}

static void set_versions(void)
{
	set_version(1, 0, 60, 1000);
	set_version(2, (1ULL << CACHEFS_FILE_BLOCK_BITS) - 20, 20, 4096);
	set_version(3, 100, 20, 8);
	set_version(4, (1ULL << 32) - 50, 200, 4095);
}

/* Make an image, with a detach or without.  Random numbers follow from the seed. */
static void make_golden(bool detach)
{
	unsigned int i;

	shim_reset(4711);
	model_format(GOLDEN_BLOCKS, GOLDEN_REGION);
	set_versions();
	EXPECT_EQ(model_attach(), 0);
	shim_run();
	for (i = 0; i < ARRAY_SIZE(golden); i++) {
		EXPECT_EQ(model_store_now(golden[i].v, golden[i].block,
					  golden[i].nr), 0);
		if (i == 2)
			shim_advance_ms(11000);
	}
	shim_advance_ms(11000);
	if (detach)
		model_detach();
	else
		cut_power(DEVICE_KEEPS_ALL);
}

/* Slots are data, except those of a checkpoint.  The metadata has checksums of data. */
static bool is_data(u32 block)
{
	const struct cachefs_block_header *header =
		device_block(model.device, block);
	u32 at = (block - CACHEFS_FIRST_BLOCK) % GOLDEN_REGION;

	return block >= CACHEFS_FIRST_BLOCK && block < GOLDEN_BLOCKS - 1 &&
		at >= CACHEFS_REGION_META_BLOCKS(GOLDEN_REGION) +
		      CACHEFS_SCRATCH_BLOCKS &&
		le32_to_cpu(header->magic) != CACHEFS_CKPT_MAGIC;
}

static void write_golden(const char *name)
{
	char path[64];
	const u8 *line;
	u32 block, at, i;
	FILE *out;

	snprintf(path, sizeof(path), "build/%s.inc", name);
	out = fopen(path, "w");
	EXPECT(out);
	for (block = 0; block < GOLDEN_BLOCKS; block++) {
		for (at = 0; at < CACHEFS_BLOCK_SIZE; at += LINE) {
			line = device_block(model.device, block) + at;
			if (is_data(block) || !memchr_inv(line, 0, LINE))
				continue;
			fprintf(out, "{ %u, %u, \"", block, at);
			for (i = 0; i < LINE; i++)
				fprintf(out, "%02x", line[i]);
			fprintf(out, "\" },\n");
		}
	}
	EXPECT(!fclose(out));
}

static void golden_bytes(const struct golden_line *line, u8 bytes[LINE])
{
	unsigned int i;

	for (i = 0; i < LINE; i++)
		EXPECT_EQ(sscanf(line->hex + 2 * i, "%2hhx", &bytes[i]), 1);
}

static void is_written(const char *name, bool detach,
		       const struct golden_line *lines, unsigned int nr)
{
	const struct golden_line *line = lines;
	u8 bytes[LINE];
	u32 block, at;

	make_golden(detach);
	for (block = 0; block < GOLDEN_BLOCKS; block++) {
		for (at = 0; at < CACHEFS_BLOCK_SIZE; at += LINE) {
			memset(bytes, 0, sizeof(bytes));
			if (line < lines + nr && line->block == block &&
			    line->at == at)
				golden_bytes(line++, bytes);
			if (is_data(block) ||
			    !memcmp(device_block(model.device, block) + at,
				    bytes, LINE))
				continue;
			write_golden(name);
			shim_panic("block %u differs from golden/%s.inc at byte %u on",
				   block, name, at);
		}
	}
	EXPECT(line == lines + nr);
}

static void is_found(const struct golden_line *lines, unsigned int nr)
{
	unsigned int i, v, block, there = 0, live = 0;
	u8 bytes[LINE];
	u8 *data;

	/* Data is not in the file: store it, and make all other blocks zero. */
	make_golden(true);
	for (block = 0; block < GOLDEN_BLOCKS; block++)
		if (!is_data(block))
			memset(device_block(model.device, block), 0,
			       CACHEFS_BLOCK_SIZE);
	for (i = 0; i < nr; i++) {
		golden_bytes(&lines[i], bytes);
		data = device_block(model.device, lines[i].block);
		memcpy(data + lines[i].at, bytes, LINE);
	}
	shim_log_clear();
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(shim_log_has("unclean"), lines == power_loss);
	for (v = 1; v < 5; v++) {
		for (block = 0; block < model.versions[v].blocks; block++) {
			EXPECT_EQ(model_cached(v, block), is_golden(v, block));
			if (!is_golden(v, block))
				continue;
			EXPECT_EQ(model_read_now(v, block, 1), 0);
			there++;
		}
	}
	EXPECT_EQ(there, 60 + 3 + 2 + 100 + 1);
	for (i = 0; i < model.cache->geo.nr_regions; i++)
		live += model.cache->regions[i].live;
	EXPECT_EQ(live, there);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
	check_index(model.cache);
}

static void detached_image_is_written(void)
{
	is_written("detached", true, detached, ARRAY_SIZE(detached));
}

static void power_loss_image_is_written(void)
{
	is_written("power_loss", false, power_loss, ARRAY_SIZE(power_loss));
}

static void detached_image_is_found(void)
{
	is_found(detached, ARRAY_SIZE(detached));
}

static void power_loss_image_is_found(void)
{
	is_found(power_loss, ARRAY_SIZE(power_loss));
}

static void image_of_an_older_module_is_found(void)
{
	is_found(no_volume_hash, ARRAY_SIZE(no_volume_hash));
}

const struct test_case golden_cases[] = {
	CASE(detached_image_is_written),
	CASE(power_loss_image_is_written),
	CASE(detached_image_is_found),
	CASE(power_loss_image_is_found),
	CASE(image_of_an_older_module_is_found),
	{}
};
