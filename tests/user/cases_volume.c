// SPDX-License-Identifier: GPL-2.0
/* The counters of a volume, and its policy. */
#include "cases.h"

static struct cachefs_counters *counters(const char *key)
{
	return cachefs_counters_get(model.cache, key);
}

static s64 hits(const struct cachefs_counters *counters)
{
	return cachefs_counters_read(counters, CACHEFS_STAT_HIT_BYTES);
}

static void hit(struct cachefs_counters *counters, s64 bytes)
{
	struct cachefs_volume volume = { .counters = counters };

	cachefs_count(model.cache, &volume, CACHEFS_STAT_HIT_BYTES, bytes);
}

/* An export that is unmounted and mounted again. */
static void volume_that_comes_back_goes_on_with_its_numbers(void)
{
	struct cachefs_counters *first, *other;

	tiny();
	first = counters("first");
	other = counters("other");
	hit(first, 5);
	EXPECT_EQ(hits(other), 0);
	cachefs_counters_put(model.cache, first);
	EXPECT_EQ(hits(counters("first")), 5);
	/* Another volume with the same key has the same counters. */
	EXPECT(counters("first") == counters("first"));
	EXPECT_EQ(model.cache->nr_counters, 2);
}

/* A volume comes, is read, and goes. */
static void hit_once(const char *key, s64 bytes)
{
	struct cachefs_counters *there = counters(key);

	hit(there, bytes);
	cachefs_counters_put(model.cache, there);
}

static void volumes_that_are_gone_are_forgotten_some_time(void)
{
	struct cachefs_counters *there;
	unsigned int i;
	char key[16];

	tiny();
	there = counters("there");
	for (i = 0; i < 2 * CACHEFS_KEPT_COUNTERS; i++) {
		snprintf(key, sizeof(key), "%u", i);
		hit_once(key, 5);
		hit_once("again and again", 1);
	}
	EXPECT_EQ(model.cache->nr_counters, CACHEFS_KEPT_COUNTERS);
	EXPECT(counters("there") == there);
	EXPECT_EQ(hits(counters("again and again")), 2 * CACHEFS_KEPT_COUNTERS);
	EXPECT_EQ(hits(counters(key)), 5);
	EXPECT_EQ(hits(counters("0")), 0);
}

static struct cachefs_volume volume_with(u8 min_share, u8 max_share, const char *identity)
{
	struct cachefs_volume volume = {
		.counters = counters(identity), .share = counters(identity),
	};
	const struct cachefs_policy policy = {
		.min_share = min_share, .max_share = max_share,
	};

	cachefs_volume_set_policy(model.cache, &volume, &policy);
	return volume;
}

/* Let the log go on by some regions. */
static void log_goes_on(unsigned int regions)
{
	model.cache->next_seq += regions;
}

/* Return the bytes of a volume that may still be stored, at most the capacity. */
static u64 admitted(struct cachefs_volume *volume)
{
	u64 most = cachefs_capacity(model.cache), least = 0, middle;

	while (least < most) {
		middle = (least + most + 1) / 2;
		if (cachefs_volume_admits(model.cache, volume, middle))
			least = middle;
		else
			most = middle - 1;
	}
	return least;
}

static void volume_stores_its_share_and_no_more(void)
{
	struct cachefs_volume volume, same, other;
	u64 capacity, share;

	tiny();
	capacity = cachefs_capacity(model.cache);
	share = capacity * 30 / 100;
	volume = volume_with(0, 30, "id");
	same = volume_with(0, 30, "id");
	other = volume_with(0, 30, "another id");
	EXPECT_EQ(admitted(&volume), share);
	cachefs_count(model.cache, &volume, CACHEFS_STAT_STORED_BYTES, share);
	EXPECT(!cachefs_volume_admits(model.cache, &volume, CACHEFS_BLOCK_SIZE));
	EXPECT(!cachefs_volume_admits(model.cache, &same, CACHEFS_BLOCK_SIZE));
	EXPECT_EQ(admitted(&other), share);
	/* The end of a file takes a block. */
	cachefs_count(model.cache, &other, CACHEFS_STAT_STORED_BYTES, 1);
	EXPECT_EQ(admitted(&other), share - CACHEFS_BLOCK_SIZE);
	/* Data that was stored at once goes at once, when the log comes round. */
	log_goes_on(TINY_REGIONS / 2);
	EXPECT_EQ(admitted(&volume), 0);
	log_goes_on(TINY_REGIONS / 2);
	EXPECT_EQ(admitted(&volume), share);
	/* Twenty turns of the log count once. */
	cachefs_count(model.cache, &volume, CACHEFS_STAT_STORED_BYTES, share);
	log_goes_on(20 * TINY_REGIONS);
	EXPECT_EQ(admitted(&volume), share);
	cachefs_count(model.cache, &volume, CACHEFS_STAT_STORED_BYTES, share);
	log_goes_on(1);
	EXPECT_EQ(admitted(&volume), 0);
}

/* A volume has what it has stored in the last turn of the log, in each region a little. */
static void share_is_of_the_last_turn(void)
{
	struct cachefs_volume volume;
	u64 share, each;
	unsigned int i;

	tiny();
	share = cachefs_capacity(model.cache) / 2;
	each = 2 * CACHEFS_BLOCK_SIZE;
	volume = volume_with(0, 50, "id");
	for (i = 0; i < 100; i++) {
		cachefs_count(model.cache, &volume, CACHEFS_STAT_STORED_BYTES, each);
		log_goes_on(1);
		/* Two regions are READY, one is open, and one is made READY next. */
		EXPECT_EQ(admitted(&volume), share - min(i + 1, TINY_REGIONS - 4U) * each);
	}
}

static void policy_of_all_or_nothing(void)
{
	static const struct cachefs_policy nostore = { .max_share = 0 };
	static const struct cachefs_policy keep = { .max_share = 100, .keep = true };
	struct cachefs_volume volume;

	tiny();
	volume = volume_with(0, 100, "id");
	EXPECT(!cachefs_volume_keeps(&volume));
	cachefs_count(model.cache, &volume, CACHEFS_STAT_STORED_BYTES,
		      cachefs_capacity(model.cache) * 3);
	EXPECT(cachefs_volume_admits(model.cache, &volume, ~0U));
	cachefs_volume_set_policy(model.cache, &volume, &nostore);
	EXPECT(!cachefs_volume_admits(model.cache, &volume, 0));
	cachefs_volume_set_policy(model.cache, &volume, &keep);
	EXPECT(cachefs_volume_keeps(&volume));
	EXPECT(cachefs_volume_admits(model.cache, &volume, 1));
}

/* Store a version that belongs to a volume. */
static void store_of(struct cachefs_volume *volume, unsigned int v, unsigned int blocks)
{
	struct model_version *version = &model.versions[v];
	const char *identity = volume->share->key;
	unsigned int block, part;

	model_new_version(v, blocks);
	cachefs_version_id(model.cache, version->core.id, identity, strlen(identity), "file",
			   4, &version->number, sizeof(version->number), blocks);
	for (block = 0; block < blocks; block += part) {
		part = min(blocks - block, 25U);
		EXPECT_EQ(model_store_now(v, block, part), 0);
		cachefs_count(model.cache, volume, CACHEFS_STAT_STORED_BYTES,
			      (s64)part << CACHEFS_BLOCK_SHIFT);
		shim_run();
	}
}

/* Nothing of it is read, and others store the whole time. */
static void others_do_not_push_out_a_minimum_share(void)
{
	struct cachefs_volume volume, other;
	unsigned int i;
	char key[12];

	tiny();
	volume = volume_with(20, 100, "id");
	other = volume_with(0, 100, "another id");
	store_of(&volume, 1, 25);
	store_of(&other, 3, 25);
	for (i = 0; i < 5; i++) {
		one_lap();
		EXPECT_EQ(model_count_cached(1), 25);
		EXPECT_EQ(volume.share->share_bytes, 25 << CACHEFS_BLOCK_SHIFT);
	}
	EXPECT_EQ(model_count_cached(3), 0);
	check_index(model.cache);
	/* An automounter has unmounted the volume, and mounts many others. */
	cachefs_counters_put(model.cache, volume.share);
	cachefs_counters_put(model.cache, volume.counters);
	for (i = 0; i < 2 * CACHEFS_KEPT_COUNTERS; i++) {
		snprintf(key, sizeof(key), "%u", i);
		hit_once(key, 5);
	}
	one_lap();
	EXPECT_EQ(model_count_cached(1), 25);
	volume = volume_with(0, 100, "id");
	one_lap();
	EXPECT_EQ(model_count_cached(1), 0);
}

/* The data of a volume beyond its minimum share goes as other data does. */
static void minimum_share_protects_no_more(void)
{
	const unsigned int all = TINY_REGIONS * TINY_SLOTS, least = all / 5;
	struct cachefs_volume volume;
	unsigned int i;

	tiny();
	volume = volume_with(20, 100, "id");
	store_of(&volume, 1, all / 2);
	for (i = 0; i < 5; i++)
		one_lap();
	/* The share is right but for a region, which is an eighth of this device. */
	EXPECT(model_count_cached(1) >= least - TINY_SLOTS);
	EXPECT(model_count_cached(1) <= least + TINY_SLOTS);
	/* More data does not add to what has stayed. */
	store_of(&volume, 3, least);
	for (i = 0; i < 5; i++)
		one_lap();
	EXPECT(model_count_cached(1) + model_count_cached(3) >= least - TINY_SLOTS);
	EXPECT(model_count_cached(1) + model_count_cached(3) <= least + TINY_SLOTS);
	check_index(model.cache);
}

/* Let another volume store.  While the log moves blocks that stay, stores are refused. */
static void others_store(unsigned int regions)
{
	while (regions--) {
		model_new_version(2, TINY_SLOTS);
		model_store_now(2, 0, TINY_SLOTS);
		shim_run();
	}
}

/* Data that lies side by side, and is reused first after an attach. */
static void minimum_share_stays_as_a_whole(void)
{
	const unsigned int regions = 100, region = TINY_REGION_BLOCKS;
	const unsigned int all = regions * TINY_SLOTS, blocks = 3 * TINY_SLOTS;
	static struct model_version saved[20];
	struct cachefs_volume volume;
	unsigned int i, there = 0;

	model_format(CACHEFS_FIRST_BLOCK + regions * region + CACHEFS_LAST_BLOCKS, region);
	EXPECT_EQ(model_attach(), 0);
	shim_run();
	volume = volume_with(0, 100, "id");
	for (i = 0; i < ARRAY_SIZE(saved); i++) {
		store_of(&volume, 1, blocks);
		saved[i] = model.versions[1];
	}
	others_store(regions - blocks * ARRAY_SIZE(saved) / TINY_SLOTS - 5);
	reattach();
	volume = volume_with(50, 100, "id");
	others_store(3 * regions);
	for (i = 0; i < ARRAY_SIZE(saved); i++) {
		model.versions[1] = saved[i];
		there += model_count_cached(1);
	}
	EXPECT(there >= all * 45 / 100);
	EXPECT(there <= all * 55 / 100);
	check_index(model.cache);
}

const struct test_case volume_cases[] = {
	CASE(volume_that_comes_back_goes_on_with_its_numbers),
	CASE(volumes_that_are_gone_are_forgotten_some_time),
	CASE(volume_stores_its_share_and_no_more),
	CASE(share_is_of_the_last_turn),
	CASE(others_do_not_push_out_a_minimum_share),
	CASE(minimum_share_protects_no_more),
	CASE(minimum_share_stays_as_a_whole),
	CASE(policy_of_all_or_nothing),
	{}
};
