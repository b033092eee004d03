// SPDX-License-Identifier: GPL-2.0
/* The index alone, and readers that meet an entry that is wrong or out of date. */
#include <pthread.h>
#include <unistd.h>
#include "cases.h"

/* As if two blocks had the same hash: no damage, and no wrong byte. */
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
 * after the region was reused, must see the reuse.
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
	/* Another try is not another round: there are only 256 rounds. */
	round = r->round;
	cachefs_index_forget(model.cache, 0);
	EXPECT_EQ(r->round, round);
}

static bool entries_are_moved;

/* A writer that loses its processor while it moves an entry. */
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

/* Without memory for pages, the index keeps the newest blocks. */
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
		cachefs_index_map(cache, &version, i, 1, &place, CACHEFS_MAP_LOOK);
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

/* Random inserts, drops and reuse, compared with a plain table. */
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
			/* The whole extent goes, whichever blocks it has. */
			cachefs_index_drop(cache, version.id, block, nr);
			cachefs_index_sweep(cache, false);
			for (j = 0; j < BLOCKS; j++) {
				cachefs_index_map(cache, &version, j, 1, slots, CACHEFS_MAP_LOOK);
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
		cachefs_index_map(cache, &version, block, nr, slots, CACHEFS_MAP_LOOK);
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

/* A region is reused after a reader has found a block in it, and before the pin. */
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
	cachefs_index_map(model.cache, &model.versions[1].core, 0, 5, slots, CACHEFS_MAP_READ);
	EXPECT(region->seq != seq);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(slots[i], CACHEFS_NO_REF);
	EXPECT_EQ(atomic_read(&region->pins), 0);
	check_index(model.cache);
}

enum { MANY = 4000 };

/* Single blocks, each of a version of its own. */
static void insert_some(u32 region, u32 first, u32 nr)
{
	struct cachefs_version version = {};
	u32 i;

	for (i = first; i < first + nr; i++) {
		*(u32 *)version.id = region << 16 | i;
		write_lock(&model.cache->index_lock);
		cachefs_index_insert(model.cache, region, version.id, i, i, 1);
		write_unlock(&model.cache->index_lock);
	}
}

static void insert_many(u32 region)
{
	u32 i;

	for (i = 0; i < MANY; i += MANY / 4) {
		EXPECT_EQ(cachefs_index_reserve(model.cache, 1), 0);
		insert_some(region, i, MANY / 4);
	}
}

static unsigned int count_many(u32 region)
{
	struct cachefs_version version = {};
	unsigned int found = 0;
	u32 i, place;

	for (i = 0; i < MANY; i++) {
		*(u32 *)version.id = region << 16 | i;
		cachefs_index_map(model.cache, &version, i, 1, &place, CACHEFS_MAP_LOOK);
		if (place == CACHEFS_NO_REF)
			continue;
		EXPECT_EQ(place, region << model.cache->ref_shift | i);
		found++;
	}
	return found;
}

static u32 stored_meanwhile;

/* Split pages while the directory grows; there are some spare pages. */
static void store_meanwhile(void)
{
	if (stored_meanwhile == MANY / 4)
		return;
	insert_some(1, stored_meanwhile, MANY / 8);
	stored_meanwhile += MANY / 8;
}

static void directory_grows_while_it_is_used(void)
{
	struct cachefs_index *index;
	u32 pages, size;

	model_format(CACHEFS_FIRST_BLOCK + 64 * 4096 + CACHEFS_LAST_BLOCKS, 4096);
	EXPECT_EQ(model_attach(), 0);
	index = &model.cache->index;
	insert_many(0);
	pages = index->nr_pages;
	size = 1U << index->directory_bits;
	EXPECT(size >= pages && size < 256);
	shim_others = store_meanwhile;
	EXPECT_EQ(cachefs_index_reserve(model.cache, 100), 0);
	shim_others = NULL;
	EXPECT(index->nr_pages > pages + 5);
	EXPECT(1U << index->directory_bits >= index->nr_allocated);
	EXPECT_EQ(count_many(0), MANY);
	EXPECT_EQ(count_many(1), stored_meanwhile);
	/* The directory needs memory, too, but does not take the last pages. */
	size = 1U << index->directory_bits;
	do {
		index->max_bytes = stat(CACHEFS_STAT_INDEX_BYTES) + (3 << 12);
		EXPECT_EQ(cachefs_index_reserve(model.cache, 1000), 0);
		EXPECT(stat(CACHEFS_STAT_INDEX_BYTES) <= index->max_bytes);
	} while (index->nr_allocated <= size);
	EXPECT_EQ(1U << index->directory_bits, size);
}

enum { AGED_REGIONS = 512, AGED_FIRST = 32, AGED_EXTENTS = 400 };

/* The log goes round once: each region is reused, and is full of single blocks. */
static void age_the_index(u32 lap)
{
	struct cachefs_cache *cache = model.cache;
	struct cachefs_version version = {};
	u32 region, i;

	for (region = AGED_FIRST; region < AGED_REGIONS; region++) {
		cachefs_index_forget(cache, region);
		cachefs_index_sweep(cache, false);
		cache->regions[region].seq = cache->next_seq++;
		cachefs_region_set_state(cache, region, CACHEFS_REGION_SEALED);
		EXPECT_EQ(cachefs_index_reserve(cache, 4), 0);
		write_lock(&cache->index_lock);
		for (i = 0; i < AGED_EXTENTS; i++) {
			((u32 *)version.id)[0] = lap << 16 | region;
			((u32 *)version.id)[1] = i;
			cachefs_index_insert(cache, region, version.id, i, i, 1);
		}
		write_unlock(&cache->index_lock);
	}
}

/*
 * Pages that were split and merged are in no order.  The entries of a page have
 * neighbouring hashes.
 */
static void aged_index_is_whole_after_an_attach(void)
{
	u64 extents;
	u32 lap;

	model_format(CACHEFS_FIRST_BLOCK + AGED_REGIONS * 4096 + CACHEFS_LAST_BLOCKS, 4096);
	EXPECT_EQ(model_attach_only(), 0);
	EXPECT(model.cache->index.low_bits >= 4);
	for (lap = 0; lap < 4; lap++)
		age_the_index(lap);
	extents = model.cache->nr_extents;
	EXPECT_EQ(extents, (AGED_REGIONS - AGED_FIRST) * AGED_EXTENTS);
	model_detach();
	EXPECT_EQ(model_attach_only(), 0);
	EXPECT_EQ(model.cache->nr_extents, extents);
	check_index(model.cache);
}

static void index_becomes_small_again(void)
{
	enum { REGIONS = 6 };
	u32 region, other, pages;
	s64 before, bytes;

	model_format(CACHEFS_FIRST_BLOCK + 8 * 4096 + CACHEFS_LAST_BLOCKS, 4096);
	EXPECT_EQ(model_attach(), 0);
	before = stat(CACHEFS_STAT_INDEX_BYTES);
	for (region = 0; region < REGIONS; region++)
		insert_many(region);
	pages = model.cache->index.nr_pages;
	bytes = stat(CACHEFS_STAT_INDEX_BYTES);
	EXPECT(pages > REGIONS * MANY / 320);
	for (region = 0; region < REGIONS; region++) {
		cachefs_index_forget(model.cache, region);
		cachefs_index_sweep(model.cache, true);
		EXPECT_EQ(cachefs_index_reserve(model.cache, 1), 0);
		for (other = 0; other < REGIONS; other++)
			EXPECT_EQ(count_many(other), other > region ? MANY : 0);
		check_index(model.cache);
	}
	cachefs_index_sweep(model.cache, true);
	EXPECT_EQ(cachefs_index_reserve(model.cache, 1), 0);
	EXPECT_EQ(model.cache->index.nr_pages, 1U << model.cache->index.low_bits);
	EXPECT(stat(CACHEFS_STAT_INDEX_BYTES) < before + (bytes - before) / 4 + (256 << 10));
	/* And large again. */
	insert_many(0);
	EXPECT_EQ(count_many(0), MANY);
}

/*
 * The log goes round, and all blocks are single.  There are so many of them that most
 * pages are split now and then, and are seldom merged again.
 */
static void single_blocks_fit_a_full_index(void)
{
	enum { REGIONS = 35, TURNS = 20 };
	struct cachefs_version version = {};
	struct cachefs_cache *cache;
	u32 n, nr, i, id = 0;

	model_format(CACHEFS_FIRST_BLOCK + REGIONS * 256 + CACHEFS_LAST_BLOCKS, 256);
	EXPECT_EQ(model_attach(), 0);
	cache = model.cache;
	EXPECT_EQ(cache->geo.nr_regions, REGIONS);
	for (n = 0; n < TURNS * REGIONS; n++) {
		nr = n % REGIONS;
		cachefs_index_forget(cache, nr);
		cachefs_index_sweep(cache, false);
		EXPECT_EQ(cachefs_index_reserve(cache, 1), 0);
		write_lock(&cache->index_lock);
		for (i = 0; i < cache->geo.slots; i++) {
			*(u32 *)version.id = ++id;
			cachefs_index_insert(cache, nr, version.id, id, i, 1);
		}
		write_unlock(&cache->index_lock);
		/* So log_trim_index() lets no region go before its turn. */
		EXPECT(!cache->index.crowded);
	}
	EXPECT_EQ(cache->live_blocks, (u64)REGIONS * cache->geo.slots);
	for (nr = 0; nr < REGIONS; nr++)
		cachefs_index_forget(cache, nr);
}

/* Stores fill all ready regions while the work that makes more ready is busy. */
static void pages_are_there_for_all_ready_regions(void)
{
	struct cachefs_cache *cache;
	u32 nr, i, first = 100;

	model_format(CACHEFS_FIRST_BLOCK + 1024 * 1024 + CACHEFS_LAST_BLOCKS, 1024);
	EXPECT_EQ(model_attach(), 0);
	shim_run();
	cache = model.cache;
	/* Many pages are nearly full. */
	for (nr = first; nr < first + 66; nr++) {
		for (i = 0; i < cache->geo.slots; i += cache->geo.slots / 4) {
			EXPECT_EQ(cachefs_index_reserve(cache, 1), 0);
			insert_some(nr, i, min(cache->geo.slots - i, cache->geo.slots / 4));
		}
	}
	model_new_version(1, 200);
	EXPECT_EQ(model_store_now(1, 0, 1), 0);
	shim_run();
	EXPECT_EQ(cache->nr_ready, 16);
	EXPECT(!cache->index.crowded);
	/* All ready regions, and the open one. */
	for (i = 0; i < 17; i++, nr++)
		insert_some(nr, 0, cache->geo.slots);
	EXPECT(!cache->index.crowded);
	while (nr-- > first)
		cachefs_index_forget(cache, nr);
}

/* Make a cache for 16,000 blocks. */
static void with_many_regions(void)
{
	model_format(CACHEFS_FIRST_BLOCK + 64 * 256 + CACHEFS_LAST_BLOCKS, 256);
	EXPECT_EQ(model_attach(), 0);
	shim_run();
}

/* Store @nr versions of 150 single blocks.  The model knows the last MODEL_VERSIONS. */
static void store_versions(unsigned int nr)
{
	unsigned int i, block;

	for (i = 0; i < nr; i++) {
		model_new_version(i % MODEL_VERSIONS, 300);
		for (block = 0; block < 300; block += 2)
			EXPECT_EQ(model_store_now(i % MODEL_VERSIONS, block, 1), 0);
		if (model.cache->index.max_bytes)
			EXPECT(stat(CACHEFS_STAT_INDEX_BYTES) <=
			       model.cache->index.max_bytes);
	}
}

static void versions_are_there(unsigned int first)
{
	unsigned int v, block;

	for (v = first; v < MODEL_VERSIONS; v++)
		for (block = 0; block < 300; block += 2)
			EXPECT_EQ(model_read_now(v, block, 1), 0);
}

static void bound_index(u64 bytes)
{
	WRITE_ONCE(model.cache->index.max_bytes, bytes);
	cachefs_log_kick(model.cache);
	shim_run();
	if (bytes)
		EXPECT(stat(CACHEFS_STAT_INDEX_BYTES) <= bytes);
	check_index(model.cache);
}

static void bound_on_memory_is_obeyed(void)
{
	struct cachefs_cache *cache;
	u64 extents;
	u32 i;

	with_many_regions();
	cache = model.cache;
	bound_index(stat(CACHEFS_STAT_INDEX_BYTES) + (4 << 12));
	store_versions(80);
	extents = cache->nr_extents;
	EXPECT(extents > 2500 && extents < 10000);
	versions_are_there(0);
	/* The oldest regions were let go, not single entries here and there. */
	EXPECT(cache->let_go > 10);
	for (i = cache->head; i < cache->head + cache->let_go; i++)
		EXPECT(!cache->regions[i % cache->geo.nr_regions].checksums);
	check_index(cache);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
}

/* The newest blocks are there then, and the blocks that were read. */
static void lower_bound_lets_the_oldest_go(void)
{
	unsigned int v, evicted;
	u64 bytes;

	with_many_regions();
	bytes = stat(CACHEFS_STAT_INDEX_BYTES);
	store_versions(MODEL_VERSIONS);
	versions_are_there(MODEL_VERSIONS - 1);
	/* All other versions are replaced, ten times. */
	for (v = 0; v < 10; v++)
		store_versions(MODEL_VERSIONS - 1);
	EXPECT(model.cache->nr_extents > 10000);
	EXPECT(stat(CACHEFS_STAT_INDEX_BYTES) > bytes + (30 << 12));
	EXPECT_EQ(stat(CACHEFS_STAT_EVICTED_BYTES), 0);
	bound_index(bytes);
	evicted = stat(CACHEFS_STAT_EVICTED_BYTES) >> CACHEFS_BLOCK_SHIFT;
	EXPECT(evicted > 5000);
	EXPECT(model.cache->nr_extents > 2500);
	versions_are_there(0);
	/* A bound below the memory of an empty index. */
	model.cache->index.max_bytes = 1;
	cachefs_log_kick(model.cache);
	shim_run();
	EXPECT_EQ(model.cache->index.nr_allocated, 1);
	EXPECT_EQ(model_store_now(0, 1, 1), 0);
	EXPECT_EQ(model_read_now(0, 1, 1), 0);
	/* And no bound again. */
	bound_index(0);
	store_versions(80);
	EXPECT(model.cache->nr_extents > 10000);
	versions_are_there(0);
}

/* The device has more blocks than there is memory for. */
static void bound_is_obeyed_at_attach(bool clean)
{
	u64 bytes;

	with_many_regions();
	bytes = stat(CACHEFS_STAT_INDEX_BYTES);
	store_versions(80);
	shim_advance_ms(11000);
	shim_ram_pages = bytes * 16 / PAGE_SIZE;
	if (clean)
		reattach();
	else
		lose_power(DEVICE_KEEPS_ALL);
	shim_run();
	EXPECT_EQ(model.cache->index.max_bytes, bytes / 256 * 256);
	EXPECT(stat(CACHEFS_STAT_INDEX_BYTES) <= bytes);
	EXPECT(model.cache->nr_extents > 2500);
	versions_are_there(1);
	check_index(model.cache);
}

/* The administrator had given the index more than a sixteenth before the attach. */
static void larger_bound_counts_at_attach(void)
{
	u64 bytes, extents;

	with_many_regions();
	bytes = stat(CACHEFS_STAT_INDEX_BYTES);
	store_versions(80);
	shim_advance_ms(11000);
	extents = model.cache->nr_extents;
	shim_ram_pages = bytes * 16 / PAGE_SIZE;
	cachefs_max_index_bytes = bytes * 10;
	reattach();
	shim_run();
	EXPECT_EQ(model.cache->index.max_bytes, bytes * 10);
	EXPECT_EQ(model.cache->nr_extents, extents);
	cachefs_max_index_bytes = 0;
	reattach();
	EXPECT_EQ(model.cache->index.max_bytes, 0);
	EXPECT_EQ(model.cache->nr_extents, extents);
}

/* The shrinker asks for memory, and the log lets the oldest go. */
static void memory_pressure_lets_the_oldest_go(void)
{
	struct cachefs_cache *cache;
	u64 extents;
	s64 bytes;
	u32 pages;

	with_many_regions();
	cache = model.cache;
	store_versions(80);
	pages = cache->index.nr_pages;
	bytes = stat(CACHEFS_STAT_INDEX_BYTES);
	extents = cache->nr_extents;
	/* The kernel has enough memory: as much as the index has. */
	shim_ram_available = bytes / PAGE_SIZE;
	EXPECT_EQ(cachefs_index_shrink(cache, true), 0);
	EXPECT(!cache->index.asked);
	/* A call that only counts changes nothing. */
	shim_ram_available -= 60;
	EXPECT_EQ(cachefs_index_shrink(cache, false), 31);
	shim_run();
	EXPECT_EQ(cache->nr_extents, extents);
	EXPECT_EQ(cachefs_index_shrink(cache, true), 31);
	shim_run();
	EXPECT(cache->nr_extents < extents && cache->nr_extents > extents * 3 / 4);
	while (cachefs_index_shrink(cache, true))
		shim_run();
	EXPECT(stat(CACHEFS_STAT_INDEX_BYTES) / PAGE_SIZE <= shim_ram_available);
	EXPECT(cache->index.nr_pages < pages - 10);
	EXPECT(cache->nr_extents > extents / 2);
	versions_are_there(0);
	/* No memory is available: that of an empty index stays, and some entries. */
	shim_ram_available = 0;
	while (cachefs_index_shrink(cache, true))
		shim_run();
	EXPECT_EQ(cache->index.nr_pages, 1);
	EXPECT(cache->nr_extents);
	check_index(cache);
	/* The index does not shrink while the cache is taken out of service. */
	store_versions(8);
	EXPECT(cachefs_index_shrink(cache, false));
	cachefs_finish(cache);
	EXPECT_EQ(cachefs_index_shrink(cache, true), 0);
	EXPECT(!cache->index.asked);
}

static void bound_is_obeyed_after_a_detach(void)
{
	bound_is_obeyed_at_attach(true);
}

static void bound_is_obeyed_after_power_loss(void)
{
	bound_is_obeyed_at_attach(false);
}

const struct test_case index_cases[] = {
	CASE(another_block_of_an_open_region_is_not_damaged),
	CASE(another_block_on_the_disk_is_not_damaged),
	CASE(reader_waits_for_a_writer_that_is_held_up),
	CASE(round_ends_also_if_all_was_dropped),
	CASE(index_without_memory_lets_the_oldest_go),
	CASE(index_is_what_a_plain_table_is),
	CASE(region_reused_before_the_pin_is_not_read),
	CASE(directory_grows_while_it_is_used),
	CASE(aged_index_is_whole_after_an_attach),
	CASE(index_becomes_small_again),
	CASE(single_blocks_fit_a_full_index),
	CASE(pages_are_there_for_all_ready_regions),
	CASE(bound_on_memory_is_obeyed),
	CASE(lower_bound_lets_the_oldest_go),
	CASE(memory_pressure_lets_the_oldest_go),
	CASE(larger_bound_counts_at_attach),
	CASE(bound_is_obeyed_after_a_detach),
	CASE(bound_is_obeyed_after_power_loss),
	{}
};
