// SPDX-License-Identifier: GPL-2.0
/* The index alone, and what a reader makes of an entry that is not, or no more, right. */
#include <pthread.h>
#include <unistd.h>
#include "cases.h"

/* As if their hashes were the same: no damage, and no wrong byte. */
static void another_block_that_is_found_is_not_damaged(bool sealed)
{
	struct cachefs_cache *cache;

	tiny();
	cache = model.cache;
	EXPECT_EQ(model_store_now(1, 0, 3), 0);
	if (sealed) {
		reattach();
		cache = model.cache;
	}
	write_lock(&cache->index_lock);
	cachefs_index_insert(cache, 0, model.versions[2].core.id,
			     model.versions[2].base, 1, 1);
	write_unlock(&cache->index_lock);
	EXPECT(model_cached(2, 0));
	EXPECT_EQ(model_read_now(2, 0, 1), -ENODATA);
	EXPECT(!model_cached(2, 0));
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
	EXPECT_EQ(model_read_now(1, 0, 3), 0);
}

static void another_block_of_an_open_region_is_not_damaged(void)
{
	another_block_that_is_found_is_not_damaged(false);
}

static void another_block_on_the_disk_is_not_damaged(void)
{
	another_block_that_is_found_is_not_damaged(true);
}

/*
 * A reader that has found the blocks before they were dropped, and pins the region
 * after it was reused, must see that.
 */
static void round_ends_also_if_all_was_dropped(void)
{
	struct cachefs_region *r;
	u8 round;

	tiny();
	r = &model.cache->regions[0];
	EXPECT_EQ(model_store_now(1, 0, 3), 0);
	round = r->round;
	cachefs_index_drop(model.cache, model.versions[1].core.id,
			   model.versions[1].base, 3);
	EXPECT_EQ(r->nr_extents, 0);
	cachefs_index_forget(model.cache, 0);
	EXPECT(r->round != round);
	/* To try again is no other round: there are only 256. */
	round = r->round;
	cachefs_index_forget(model.cache, 0);
	EXPECT_EQ(r->round, round);
}

static bool entries_are_moved;

/* A writer whose processor is away while it moves an entry. */
static void *held_up_writer(void *unused)
{
	struct cachefs_cache *cache = model.cache;
	struct cachefs_extent extent = {
		.id = model.versions[1].core.id, .block = model.versions[1].base, .nr = 3,
	};

	write_lock(&cache->index_lock);
	WRITE_ONCE(cache->index.moves, cache->index.moves + 1);
	EXPECT(cachefs_index_take(cache, &extent));
	smp_store_release(&entries_are_moved, true);
	usleep(100000);
	cachefs_index_insert(cache, 0, extent.id, extent.block, 0, extent.nr);
	smp_store_release(&cache->index.moves, cache->index.moves + 1);
	write_unlock(&cache->index_lock);
	return NULL;
}

static void reader_waits_for_a_writer_that_is_held_up(void)
{
	pthread_t writer;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 3), 0);
	entries_are_moved = false;
	EXPECT_EQ(pthread_create(&writer, NULL, held_up_writer, NULL), 0);
	while (!smp_load_acquire(&entries_are_moved))
		usleep(1000);
	EXPECT(model_cached(1, 0));
	pthread_join(writer, NULL);
}

/* Without memory for pages: a cache of what is newest. */
static void index_without_memory_lets_the_oldest_go(void)
{
	enum { VERSIONS = 16000, OLD = 1000 };
	struct cachefs_version version = {};
	unsigned int found = 0, old = 0, i;
	struct cachefs_cache *cache;
	u32 place;

	model_format(CACHEFS_FIRST_BLOCK + 8 * 4096 + CACHEFS_LAST_BLOCKS, 4096);
	EXPECT_EQ(model_attach(), 0);
	cache = model.cache;
	shim_fail_alloc(1);
	EXPECT_EQ(cachefs_index_reserve(cache, 1000), -ENOMEM);
	shim_fail_alloc(0);
	cache->regions[6].seq = 1;
	cache->regions[7].seq = 2;
	write_lock(&cache->index_lock);
	for (i = 0; i < VERSIONS; i++) {
		*(u32 *)version.id = i;
		cachefs_index_insert(cache, i < OLD ? 6 : 7, version.id, i, i % 4000, 1);
	}
	write_unlock(&cache->index_lock);
	for (i = 0; i < VERSIONS; i++) {
		*(u32 *)version.id = i;
		cachefs_index_map(cache, &version, i, 1, &place, false);
		found += place != CACHEFS_NO_REF;
		old += i < OLD && place != CACHEFS_NO_REF;
		if (place != CACHEFS_NO_REF)
			EXPECT_EQ(place, (i < OLD ? 6 : 7) << cache->ref_shift |
				  i % 4000);
	}
	EXPECT(found > 500 && found < VERSIONS);
	EXPECT_EQ(old, cache->regions[6].nr_extents);
	EXPECT(old < OLD / 2);
	EXPECT_EQ(cache->nr_extents, found);
	EXPECT_EQ(cache->live_blocks, found);
	cachefs_index_forget(cache, 6);
	cachefs_index_forget(cache, 7);
	EXPECT_EQ(cache->live_blocks, 0);
}

/* Random inserts, drops and reuse beside a plain table of what must be found. */
static void index_is_what_a_plain_table_is(void)
{
	enum { IDS = 40, BLOCKS = 256, REGIONS = 6 };
	static u32 table[IDS][BLOCKS];
	struct cachefs_version version = {};
	struct cachefs_cache *cache;
	u32 slots[CACHEFS_CHUNK_BLOCKS], next[REGIONS] = {}, region, shift;
	unsigned int i, v, block, nr, j, n, dropped;

	model_format(CACHEFS_FIRST_BLOCK + 8 * 4096 + CACHEFS_LAST_BLOCKS, 4096);
	EXPECT_EQ(model_attach(), 0);
	cache = model.cache;
	shift = cache->ref_shift;
	memset(table, 0xff, sizeof(table));
	for (n = 0; n < 20000; n++) {
		v = shim_below(IDS);
		block = shim_below(BLOCKS);
		nr = 1 + shim_below(shim_chance(70) ? 5 : 128);
		nr = min(nr, CACHEFS_CHUNK_BLOCKS - block % CACHEFS_CHUNK_BLOCKS);
		region = shim_below(REGIONS);
		version.id[0] = v;
		if (shim_chance(60) && next[region] + nr <= cache->geo.slots) {
			EXPECT_EQ(cachefs_index_reserve(cache, 1), 0);
			write_lock(&cache->index_lock);
			cachefs_index_insert(cache, region, version.id, block,
					     next[region], nr);
			write_unlock(&cache->index_lock);
			for (i = 0; i < nr; i++)
				if (table[v][block + i] == CACHEFS_NO_REF)
					table[v][block + i] = region << shift |
						(next[region] + i);
			next[region] += nr + shim_below(2);
		} else if (shim_chance(5)) {
			cachefs_index_forget(cache, region);
			next[region] = 0;
			for (i = 0; i < IDS; i++)
				for (j = 0; j < BLOCKS; j++)
					if (table[i][j] >> shift == region)
						table[i][j] = CACHEFS_NO_REF;
		} else if (shim_chance(10)) {
			/* The whole extent goes, whichever that is. */
			cachefs_index_drop(cache, version.id, block, nr);
			cachefs_index_sweep(cache);
			for (j = 0; j < BLOCKS; j++) {
				cachefs_index_map(cache, &version, j, 1, slots, false);
				if (slots[0] == CACHEFS_NO_REF)
					table[v][j] = CACHEFS_NO_REF;
			}
			for (i = 0; i < nr; i++)
				EXPECT_EQ(table[v][block + i], CACHEFS_NO_REF);
		}
		v = shim_below(IDS);
		version.id[0] = v;
		block = shim_below(BLOCKS);
		nr = 1 + shim_below(CACHEFS_CHUNK_BLOCKS -
				    block % CACHEFS_CHUNK_BLOCKS);
		cachefs_index_map(cache, &version, block, nr, slots, false);
		for (i = 0; i < nr; i++)
			EXPECT_EQ(slots[i], table[v][block + i]);
	}
	dropped = 0;
	for (i = 0; i < IDS; i++)
		for (j = 0; j < BLOCKS; j++)
			dropped += table[i][j] != CACHEFS_NO_REF;
	EXPECT_EQ(cache->live_blocks, dropped);
	check_index(cache);
	for (region = 0; region < REGIONS; region++)
		cachefs_index_forget(cache, region);
}

/* The log goes round once. */
static void reuse_all(void)
{
	unsigned int i;

	for (i = 0; i < TINY_REGIONS; i++) {
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_advance_ms(200);
	}
}

/* A region is reused when a reader has found a block in it, and has not pinned it. */
static void region_reused_before_the_pin_is_not_read(void)
{
	struct cachefs_region *region;
	u32 slots[5], i;
	u64 seq;

	tiny();
	region = &model.cache->regions[0];
	model.versions[1].base = 0;
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	seq = region->seq;
	shim_before_inc(&region->pins, reuse_all);
	cachefs_index_map(model.cache, &model.versions[1].core, 0, 5, slots, true);
	EXPECT(region->seq != seq);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(slots[i], CACHEFS_NO_REF);
	EXPECT_EQ(atomic_read(&region->pins), 0);
	check_index(model.cache);
}

const struct test_case index_cases[] = {
	CASE(another_block_of_an_open_region_is_not_damaged),
	CASE(another_block_on_the_disk_is_not_damaged),
	CASE(reader_waits_for_a_writer_that_is_held_up),
	CASE(round_ends_also_if_all_was_dropped),
	CASE(index_without_memory_lets_the_oldest_go),
	CASE(index_is_what_a_plain_table_is),
	CASE(region_reused_before_the_pin_is_not_read),
	{}
};
