// SPDX-License-Identifier: GPL-2.0
/*
 * The index by itself, and version ids.  The cases use free regions of an attached
 * cache, which are not in its log.
 */
#include <kunit/test.h>
#include "fixture.h"

#define OLD	8	/* regions, and their sequence numbers */
#define NEW	9

static const u8 id_a[16] = "version a ......";
static const u8 id_b[16] = "version b ......";

static struct cachefs_cache *cache_of(struct kunit *test)
{
	return ((struct fixture *)test->priv)->cache;
}

static int index_test_init(struct kunit *test)
{
	int ret = fixture_init(test), region;

	for (region = OLD; !ret && region <= NEW; region++) {
		struct cachefs_cache *cache = cache_of(test);

		cache->regions[region].seq = region;
		ret = cachefs_index_reserve(cache, 1);
	}
	return ret;
}

static void insert(struct kunit *test, u32 region, const u8 id[16], u64 block,
		   u32 slot, u32 nr)
{
	struct cachefs_cache *cache = cache_of(test);

	write_lock(&cache->index_lock);
	cachefs_index_insert(cache, region, id, block, slot, nr);
	write_unlock(&cache->index_lock);
}

static u32 find(struct kunit *test, const u8 id[16], u64 block)
{
	struct cachefs_version version;
	u32 ref;

	memcpy(version.id, id, sizeof(version.id));
	cachefs_index_map(cache_of(test), &version, block, 1, &ref, CACHEFS_MAP_LOOK);
	return ref;
}

static u32 ref_of(struct kunit *test, u32 region, u32 slot)
{
	return region << cache_of(test)->ref_shift | slot;
}

static void block_that_was_inserted_is_found(struct kunit *test)
{
	insert(test, OLD, id_a, 5, 3, 2);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 5), ref_of(test, OLD, 3));
	KUNIT_EXPECT_EQ(test, find(test, id_a, 6), ref_of(test, OLD, 4));
	KUNIT_EXPECT_EQ(test, cache_of(test)->live_blocks, 2);
	KUNIT_EXPECT_EQ(test, cache_of(test)->nr_extents, 1);
}

static void block_that_was_not_inserted_is_not_found(struct kunit *test)
{
	insert(test, OLD, id_a, 5, 3, 2);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 4), CACHEFS_NO_REF);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 7), CACHEFS_NO_REF);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 5 + 128), CACHEFS_NO_REF);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 5 + (1ULL << 32)),
			CACHEFS_NO_REF);
}

static void block_of_another_version_is_not_found(struct kunit *test)
{
	insert(test, OLD, id_a, 5, 3, 2);
	KUNIT_EXPECT_EQ(test, find(test, id_b, 5), CACHEFS_NO_REF);
}

static void blocks_beyond_32_bits_are_found(struct kunit *test)
{
	u64 last = (1ULL << CACHEFS_FILE_BLOCK_BITS) - 1;

	insert(test, OLD, id_a, last, 0, 1);
	insert(test, OLD, id_a, (1ULL << 32) - 1, 1, 1);
	insert(test, OLD, id_a, 1ULL << 32, 2, 1);
	KUNIT_EXPECT_EQ(test, find(test, id_a, last), ref_of(test, OLD, 0));
	KUNIT_EXPECT_EQ(test, find(test, id_a, (1ULL << 32) - 1),
			ref_of(test, OLD, 1));
	KUNIT_EXPECT_EQ(test, find(test, id_a, 1ULL << 32),
			ref_of(test, OLD, 2));
	KUNIT_EXPECT_EQ(test, find(test, id_a, 0), CACHEFS_NO_REF);
}

static void map_tells_each_block_of_a_range(struct kunit *test)
{
	struct cachefs_version version;
	u32 refs[6];

	insert(test, OLD, id_a, 1, 10, 2);
	insert(test, NEW, id_a, 4, 20, 1);
	memcpy(version.id, id_a, sizeof(version.id));
	cachefs_index_map(cache_of(test), &version, 0, 6, refs, CACHEFS_MAP_LOOK);
	KUNIT_EXPECT_EQ(test, refs[0], CACHEFS_NO_REF);
	KUNIT_EXPECT_EQ(test, refs[1], ref_of(test, OLD, 10));
	KUNIT_EXPECT_EQ(test, refs[2], ref_of(test, OLD, 11));
	KUNIT_EXPECT_EQ(test, refs[3], CACHEFS_NO_REF);
	KUNIT_EXPECT_EQ(test, refs[4], ref_of(test, NEW, 20));
	KUNIT_EXPECT_EQ(test, refs[5], CACHEFS_NO_REF);
}

static void map_pins_the_region_of_each_run_found(struct kunit *test)
{
	struct cachefs_cache *cache = cache_of(test);
	struct cachefs_version version;
	u32 refs[8];

	/* Two consecutive blocks, one elsewhere in the region, one in another region. */
	insert(test, OLD, id_a, 1, 10, 2);
	insert(test, OLD, id_a, 3, 30, 1);
	insert(test, NEW, id_a, 5, 20, 1);
	memcpy(version.id, id_a, sizeof(version.id));
	cachefs_index_map(cache, &version, 0, 8, refs, CACHEFS_MAP_READ);
	KUNIT_EXPECT_EQ(test, atomic_read(&cache->regions[OLD].pins), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&cache->regions[NEW].pins), 1);
	cachefs_region_unpin(cache, OLD);
	cachefs_region_unpin(cache, OLD);
	cachefs_region_unpin(cache, NEW);
}

static void following_blocks_grow_one_extent(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 10; i++)
		insert(test, OLD, id_a, 20 + i, i, 1);
	KUNIT_EXPECT_EQ(test, cache_of(test)->nr_extents, 1);
	KUNIT_EXPECT_EQ(test, cache_of(test)->live_blocks, 10);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 29), ref_of(test, OLD, 9));
}

static void extent_ends_at_the_edge_of_a_chunk(struct kunit *test)
{
	insert(test, OLD, id_a, CACHEFS_CHUNK_BLOCKS - 2, 0, 2);
	insert(test, OLD, id_a, CACHEFS_CHUNK_BLOCKS, 2, 2);
	KUNIT_EXPECT_EQ(test, cache_of(test)->nr_extents, 2);
	KUNIT_EXPECT_EQ(test, find(test, id_a, CACHEFS_CHUNK_BLOCKS - 1),
			ref_of(test, OLD, 1));
	KUNIT_EXPECT_EQ(test, find(test, id_a, CACHEFS_CHUNK_BLOCKS),
			ref_of(test, OLD, 2));
	KUNIT_EXPECT_EQ(test, find(test, id_a, CACHEFS_CHUNK_BLOCKS + 2),
			CACHEFS_NO_REF);
}

static void following_slots_of_other_blocks_do_not_grow_it(struct kunit *test)
{
	insert(test, OLD, id_a, 10, 0, 1);
	insert(test, OLD, id_a, 12, 1, 1);	/* not the next block */
	insert(test, OLD, id_b, 13, 2, 1);	/* not the same version */
	insert(test, OLD, id_b, 14, 4, 1);	/* not the next slot */
	KUNIT_EXPECT_EQ(test, cache_of(test)->nr_extents, 4);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 11), CACHEFS_NO_REF);
	KUNIT_EXPECT_EQ(test, find(test, id_b, 14), ref_of(test, OLD, 4));
}

static void blocks_that_are_there_stay_where_they_are(struct kunit *test)
{
	insert(test, OLD, id_a, 4, 0, 4);
	insert(test, NEW, id_a, 2, 20, 8);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 3), ref_of(test, NEW, 21));
	KUNIT_EXPECT_EQ(test, find(test, id_a, 4), ref_of(test, OLD, 0));
	KUNIT_EXPECT_EQ(test, find(test, id_a, 7), ref_of(test, OLD, 3));
	KUNIT_EXPECT_EQ(test, find(test, id_a, 8), ref_of(test, NEW, 26));
	KUNIT_EXPECT_EQ(test, cache_of(test)->live_blocks, 8);
	KUNIT_EXPECT_EQ(test, cache_of(test)->regions[NEW].live, 4);
}

static void insert_of_what_is_there_changes_nothing(struct kunit *test)
{
	insert(test, OLD, id_a, 4, 0, 4);
	insert(test, NEW, id_a, 5, 20, 2);
	KUNIT_EXPECT_EQ(test, cache_of(test)->nr_extents, 1);
	KUNIT_EXPECT_EQ(test, cache_of(test)->regions[NEW].nr_extents, 0);
}

static void drop_takes_the_whole_extent(struct kunit *test)
{
	insert(test, OLD, id_a, 4, 0, 4);
	insert(test, OLD, id_a, 20, 10, 1);
	cachefs_index_drop(cache_of(test), id_a, 6, 1);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 4), CACHEFS_NO_REF);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 7), CACHEFS_NO_REF);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 20), ref_of(test, OLD, 10));
	KUNIT_EXPECT_EQ(test, cache_of(test)->live_blocks, 1);
	KUNIT_EXPECT_EQ(test, cache_of(test)->nr_extents, 1);
}

static void drop_leaves_other_versions_alone(struct kunit *test)
{
	insert(test, OLD, id_a, 4, 0, 4);
	insert(test, OLD, id_b, 4, 4, 4);
	cachefs_index_drop(cache_of(test), id_a, 4, 4);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 4), CACHEFS_NO_REF);
	KUNIT_EXPECT_EQ(test, find(test, id_b, 4), ref_of(test, OLD, 4));
}

static void dropped_block_can_be_inserted_again(struct kunit *test)
{
	insert(test, OLD, id_a, 4, 0, 4);
	cachefs_index_drop(cache_of(test), id_a, 4, 1);
	insert(test, OLD, id_a, 4, 4, 4);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 4), ref_of(test, OLD, 4));
	KUNIT_EXPECT_EQ(test, cache_of(test)->live_blocks, 4);
}

static void forget_takes_all_of_a_region(struct kunit *test)
{
	struct fixture *f = test->priv;

	insert(test, OLD, id_a, 4, 0, 4);
	insert(test, OLD, id_b, 4, 4, 2);
	insert(test, NEW, id_a, 8, 0, 1);
	cachefs_index_forget(f->cache, OLD);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 4), CACHEFS_NO_REF);
	KUNIT_EXPECT_EQ(test, find(test, id_b, 4), CACHEFS_NO_REF);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 8), ref_of(test, NEW, 0));
	KUNIT_EXPECT_EQ(test, f->cache->live_blocks, 1);
	KUNIT_EXPECT_EQ(test, f->cache->nr_extents, 1);
	/* Only blocks of a region that is reused count as evicted. */
	KUNIT_EXPECT_EQ(test, fixture_stat(f, CACHEFS_STAT_EVICTED_BYTES), 0);
}

static void each_slot_of_a_region_can_be_an_extent(struct kunit *test)
{
	struct cachefs_cache *cache = cache_of(test);
	unsigned int i;

	for (i = 0; i < cache->geo.slots; i++)
		insert(test, OLD, id_a, 2 * i, i, 1);
	KUNIT_EXPECT_EQ(test, cache->regions[OLD].nr_extents, cache->geo.slots);
	for (i = 0; i < cache->geo.slots; i++) {
		KUNIT_EXPECT_EQ(test, find(test, id_a, 2 * i), ref_of(test, OLD, i));
		KUNIT_EXPECT_EQ(test, find(test, id_a, 2 * i + 1), CACHEFS_NO_REF);
	}
}

static void entries_stay_dead_in_the_next_round(struct kunit *test)
{
	insert(test, OLD, id_a, 4, 0, 4);
	cachefs_index_forget(cache_of(test), OLD);
	insert(test, OLD, id_b, 4, 0, 4);
	KUNIT_EXPECT_EQ(test, find(test, id_a, 4), CACHEFS_NO_REF);
	KUNIT_EXPECT_EQ(test, find(test, id_b, 4), ref_of(test, OLD, 0));
	KUNIT_EXPECT_EQ(test, cache_of(test)->nr_extents, 1);
}

static void many_versions_are_told_apart(struct kunit *test)
{
	u8 id[16] = "the same bucket ";
	unsigned int i;

	for (i = 0; i < 50; i++) {
		id[15] = i;
		insert(test, OLD, id, 7, i, 1);
	}
	for (i = 0; i < 50; i++) {
		id[15] = i;
		KUNIT_EXPECT_EQ(test, find(test, id, 7), ref_of(test, OLD, i));
	}
	cachefs_index_forget(cache_of(test), OLD);
	for (i = 0; i < 50; i++) {
		id[15] = i;
		KUNIT_EXPECT_EQ(test, find(test, id, 7), CACHEFS_NO_REF);
	}
}

struct version_case {
	const char	*name;
	const char	*volume;
	const char	*key;
	const char	*coherency;
	u64		size;
	bool		other_secret;
};

static const struct version_case version_cases[] = {
	{ "volume", "volumf", "key", "coherency", 100 },
	{ "key", "volume", "kez", "coherency", 100 },
	{ "coherency", "volume", "key", "coherencz", 100 },
	{ "size", "volume", "key", "coherency", 101 },
	{ "secret", "volume", "key", "coherency", 100, true },
	{ "border_of_volume_and_key", "volumek", "ey", "coherency", 100 },
	{ "border_of_key_and_coherency", "volume", "keyc", "oherency", 100 },
	{ "empty_key", "volume", "", "keycoherency", 100 },
	{ "longer_coherency", "volume", "key", "coherency ", 100 },
};

KUNIT_ARRAY_PARAM_DESC(version, version_cases, name);

static void version_id(struct kunit *test, u8 id[16],
		       const struct version_case *c)
{
	cachefs_version_id(cache_of(test), id, c->volume, strlen(c->volume),
			   c->key, strlen(c->key), c->coherency,
			   strlen(c->coherency), c->size);
}

static void version_id_differs_with(struct kunit *test)
{
	const struct version_case *c = test->param_value;
	const struct version_case base = { NULL, "volume", "key", "coherency",
					   100 };
	u8 one[16], two[16];

	version_id(test, one, &base);
	if (c->other_secret)
		cache_of(test)->secret[31] ^= 1;
	version_id(test, two, c);
	KUNIT_EXPECT_MEMNEQ(test, one, two, 16);
}

static void version_id_is_the_same_for_the_same(struct kunit *test)
{
	const struct version_case base = { NULL, "volume", "key", "coherency",
					   100 };
	u8 one[16], two[16];

	version_id(test, one, &base);
	version_id(test, two, &base);
	KUNIT_EXPECT_MEMEQ(test, one, two, 16);
}

/*
 * Every kernel finds the blocks that another kernel has stored.  The id is that of
 * Python's hashlib.blake2s(struct.pack("<4Q", 6, 3, 9, 100) + b"volumekeycoherency",
 * key=bytes(range(32)), digest_size=16).  With a hash of the volume, the last two bytes are
 * those of XXH64("volume", 6, 0).
 */
static void version_id_is_the_same_on_every_kernel(struct kunit *test)
{
	static const u8 wanted[16] = {
		0x81, 0x18, 0x73, 0x7e, 0x8f, 0xac, 0x77, 0x5b,
		0x93, 0x24, 0xbd, 0x7f, 0xeb, 0xf9, 0x2c, 0xfe,
	};
	const struct version_case base = { NULL, "volume", "key", "coherency",
					   100 };
	static const u8 volume[2] = { 0x24, 0x2a };
	unsigned int i;
	u8 id[16];

	for (i = 0; i < CACHEFS_SECRET_SIZE; i++)
		cache_of(test)->secret[i] = i;
	cache_of(test)->seed = 0;
	cache_of(test)->volume_hash = false;
	version_id(test, id, &base);
	KUNIT_EXPECT_MEMEQ(test, id, wanted, 16);
	cache_of(test)->volume_hash = true;
	version_id(test, id, &base);
	KUNIT_EXPECT_MEMEQ(test, id, wanted, 14);
	KUNIT_EXPECT_MEMEQ(test, id + 14, volume, 2);
}

static struct kunit_case index_cases[] = {
	KUNIT_CASE(block_that_was_inserted_is_found),
	KUNIT_CASE(block_that_was_not_inserted_is_not_found),
	KUNIT_CASE(block_of_another_version_is_not_found),
	KUNIT_CASE(blocks_beyond_32_bits_are_found),
	KUNIT_CASE(map_tells_each_block_of_a_range),
	KUNIT_CASE(map_pins_the_region_of_each_run_found),
	KUNIT_CASE(following_blocks_grow_one_extent),
	KUNIT_CASE(extent_ends_at_the_edge_of_a_chunk),
	KUNIT_CASE(following_slots_of_other_blocks_do_not_grow_it),
	KUNIT_CASE(blocks_that_are_there_stay_where_they_are),
	KUNIT_CASE(insert_of_what_is_there_changes_nothing),
	KUNIT_CASE(drop_takes_the_whole_extent),
	KUNIT_CASE(drop_leaves_other_versions_alone),
	KUNIT_CASE(dropped_block_can_be_inserted_again),
	KUNIT_CASE(forget_takes_all_of_a_region),
	KUNIT_CASE(each_slot_of_a_region_can_be_an_extent),
	KUNIT_CASE(entries_stay_dead_in_the_next_round),
	KUNIT_CASE(many_versions_are_told_apart),
	KUNIT_CASE_PARAM(version_id_differs_with, version_gen_params),
	KUNIT_CASE(version_id_is_the_same_for_the_same),
	KUNIT_CASE(version_id_is_the_same_on_every_kernel),
	{}
};

static struct kunit_suite index_suite = {
	.name		= "cachefs_index",
	.init		= index_test_init,
	.test_cases	= index_cases,
};

kunit_test_suite(index_suite);
