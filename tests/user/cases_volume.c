// SPDX-License-Identifier: GPL-2.0
/* The counters of a volume, and its policy. */
#include "cases.h"

static struct cachefs_counters *counters(const char *key)
{
	return cachefs_counters_get(model.cache, key);
}

static s64 hits(const struct cachefs_counters *counters)
{
	return atomic64_read(&counters->stats[CACHEFS_STAT_HIT_BYTES]);
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

static struct cachefs_volume volume_with(u8 max_share, const char *identity)
{
	return (struct cachefs_volume) {
		.counters = counters(identity), .share = counters(identity),
		.max_share = max_share,
	};
}

/* Let the log go on: store data that counts for no share. */
static void log_goes_on(s64 bytes)
{
	cachefs_count(model.cache, NULL, CACHEFS_STAT_STORED_BYTES, bytes);
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
	volume = volume_with(30, "id");
	same = volume_with(30, "id");
	other = volume_with(30, "another id");
	EXPECT_EQ(admitted(&volume), share);
	cachefs_count(model.cache, &volume, CACHEFS_STAT_STORED_BYTES, share);
	EXPECT(!cachefs_volume_admits(model.cache, &volume, CACHEFS_BLOCK_SIZE));
	EXPECT(!cachefs_volume_admits(model.cache, &same, CACHEFS_BLOCK_SIZE));
	EXPECT_EQ(admitted(&other), share);
	/* Stores of others take half of the volume's share, and then the rest. */
	log_goes_on(capacity / 2);
	EXPECT(admitted(&volume) > share * 4 / 10);
	EXPECT(admitted(&volume) < share * 7 / 10);
	log_goes_on(20 * capacity);
	EXPECT_EQ(admitted(&volume), share);
	/* The twenty turns of the log count once. */
	cachefs_count(model.cache, &volume, CACHEFS_STAT_STORED_BYTES, share);
	EXPECT(admitted(&volume) < share / 10);
	log_goes_on(CACHEFS_BLOCK_SIZE);
	EXPECT(admitted(&volume) < share / 10);
}

/* Each step is less than the unit that is counted, and no step is lost. */
static void share_shrinks_in_small_steps(void)
{
	struct cachefs_volume volume;
	u64 capacity, share;
	unsigned int i;

	tiny();
	capacity = cachefs_capacity(model.cache);
	share = capacity / 2;
	volume = volume_with(50, "id");
	cachefs_count(model.cache, &volume, CACHEFS_STAT_STORED_BYTES, share);
	for (i = 0; i < 1000; i++) {
		log_goes_on(capacity / 1000);
		cachefs_volume_admits(model.cache, &volume, 1);
	}
	/* One turn of the log leaves 37 % of the data that was spread over it. */
	EXPECT(admitted(&volume) > share * 55 / 100);
	EXPECT(admitted(&volume) < share * 70 / 100);
}

static void policy_of_all_or_nothing(void)
{
	static const struct cachefs_policy nostore = { .max_share = 0 };
	static const struct cachefs_policy keep = { .max_share = 100, .keep = true };
	struct cachefs_volume volume;

	tiny();
	volume = volume_with(100, "id");
	EXPECT(!cachefs_volume_keeps(&volume));
	cachefs_count(model.cache, &volume, CACHEFS_STAT_STORED_BYTES,
		      cachefs_capacity(model.cache) * 3);
	EXPECT(cachefs_volume_admits(model.cache, &volume, ~0U));
	cachefs_volume_set_policy(&volume, &nostore);
	EXPECT(!cachefs_volume_admits(model.cache, &volume, 0));
	cachefs_volume_set_policy(&volume, &keep);
	EXPECT(cachefs_volume_keeps(&volume));
	EXPECT(cachefs_volume_admits(model.cache, &volume, 1));
}

const struct test_case volume_cases[] = {
	CASE(volume_that_comes_back_goes_on_with_its_numbers),
	CASE(volumes_that_are_gone_are_forgotten_some_time),
	CASE(volume_stores_its_share_and_no_more),
	CASE(share_shrinks_in_small_steps),
	CASE(policy_of_all_or_nothing),
	{}
};
