// SPDX-License-Identifier: GPL-2.0
/* The policy "second": blocks that came from the server and were not stored. */
#include "cases.h"

static const struct cachefs_volume second = { .second = true };

static bool admits(unsigned int version, u64 block, u64 nr)
{
	return cachefs_ghosts_enter(model.cache, &second, &model.versions[version].core, block, nr);
}

/* A cache of which each store displaces something. */
static void full(void)
{
	tiny();
	cachefs_ghosts_begin(model.cache);
	model_new_version(3, 1 << 20);
	one_lap();
}

static void second_read_is_stored(void)
{
	full();
	EXPECT(!admits(1, 0, 25));
	EXPECT(admits(1, 0, 25));
	EXPECT(admits(1, 3, 1));
	/* Some of these blocks are new, within an entry and behind it. */
	EXPECT(!admits(1, 24, 2));
	EXPECT(admits(1, 24, 2));
	EXPECT(!admits(1, 20, 10));
	EXPECT(admits(1, 20, 10));
	EXPECT(!admits(1, 40, 10));
	EXPECT(!admits(1, 31, 5));
	/* Another file, and another version of this file. */
	EXPECT(!admits(3, 0, 25));
	model_new_version(1, 200);
	EXPECT(!admits(1, 0, 25));
}

/* The log lets go of a region some time before it is ready for the next one. */
static void second_read_counts_while_a_region_is_prepared(void)
{
	struct cachefs_region *head;

	full();
	head = &model.cache->regions[model.cache->head];
	EXPECT(head->nr_extents);
	head->nr_extents = 0;
	EXPECT(!admits(1, 0, 25));
	EXPECT(cachefs_ghosts_count(model.cache, &second));
}

/* An entry has 4 blocks, a chunk has 128. */
static void blocks_of_several_entries(void)
{
	full();
	EXPECT(!admits(3, 100, 200));
	EXPECT(admits(3, 100, 200));
	EXPECT(admits(3, 127, 2));
	EXPECT(!admits(3, 99, 1));
	EXPECT(!admits(3, 300, 1));
	EXPECT(!admits(3, 200, 200));
	EXPECT(admits(3, 256, 144));
	EXPECT(!admits(3, 400, 1));
	/* The last of these blocks are known, the first ones are not. */
	EXPECT(!admits(3, 640, 10));
	EXPECT(!admits(3, 600, 50));
	EXPECT(admits(3, 600, 50));
	/* Three quarters are enough, and fewer are not. */
	EXPECT(!admits(3, 800, 75));
	EXPECT(!admits(3, 800, 101));
	EXPECT(!admits(3, 1000, 75));
	EXPECT(admits(3, 1000, 100));
}

static void first_read_is_stored_where_nothing_is_displaced(void)
{
	static const struct cachefs_volume any;

	tiny();
	cachefs_ghosts_begin(model.cache);
	EXPECT(admits(1, 0, 25));
	EXPECT(!cachefs_ghosts_count(model.cache, &second));
	/* The index has no room for all that the device can have. */
	model.cache->let_go = 1;
	EXPECT(!admits(1, 0, 25));
	model.cache->let_go = 0;
	/* A recovery has not found all of the device. */
	model.cache->unscanned = 1;
	EXPECT(!admits(1, 25, 25));
	model.cache->unscanned = 0;
	one_lap();
	EXPECT(cachefs_ghosts_count(model.cache, &second));
	EXPECT(!cachefs_ghosts_count(model.cache, &any));
	EXPECT(cachefs_ghosts_enter(model.cache, &any, &model.versions[1].core, 0, 25));
	EXPECT(!admits(1, 50, 25));
	/* The refusal of a cache that has failed has another reason. */
	model.cache->state = CACHEFS_FAILED;
	EXPECT(admits(1, 75, 25));
	model.cache->state = CACHEFS_ACTIVE;
}

/* The table of such a small cache has room for 240 entries. */
static void oldest_ghosts_are_forgotten(void)
{
	u64 nr = 5000, known = 0, i;

	full();
	for (i = 0; i < nr; i++)
		EXPECT(!admits(3, i * CACHEFS_CHUNK_BLOCKS, 1));
	/* From the newest on: to ask for an old one makes it the newest. */
	for (i = nr; i-- > nr - 20;)
		EXPECT(admits(3, i * CACHEFS_CHUNK_BLOCKS, 1));
	for (i = 0; i < nr / 2; i++)
		known += admits(3, i * CACHEFS_CHUNK_BLOCKS, 1);
	EXPECT_EQ(known, 0);
}

static void ghosts_without_memory(void)
{
	full();
	cachefs_ghosts_end(model.cache);
	model.cache->ghosts = NULL;
	shim_fail_alloc(1);
	cachefs_ghosts_begin(model.cache);
	shim_fail_alloc(0);
	EXPECT(shim_log_has("no memory for the policy"));
	EXPECT(!cachefs_ghosts_count(model.cache, &second));
	EXPECT(admits(1, 0, 25));
	cachefs_ghosts_begin(model.cache);
	EXPECT(!admits(1, 0, 25));
	/* Of another volume; what is known stays. */
	cachefs_ghosts_begin(model.cache);
	EXPECT(admits(1, 0, 25));
}

const struct test_case ghost_cases[] = {
	CASE(second_read_is_stored),
	CASE(second_read_counts_while_a_region_is_prepared),
	CASE(blocks_of_several_entries),
	CASE(first_read_is_stored_where_nothing_is_displaced),
	CASE(oldest_ghosts_are_forgotten),
	CASE(ghosts_without_memory),
	{}
};
