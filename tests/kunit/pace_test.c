// SPDX-License-Identifier: GPL-2.0
/*
 * A slow device, and a device that does not answer: only a task that has asked the
 * device already waits for it.
 */
#include <kunit/test.h>
#include <linux/sizes.h>
#include "fixture.h"

#define MIB	((u64)SZ_1M)

static struct fixture *start(struct kunit *test, struct cachefs_version *version)
{
	struct fixture *f = test->priv;

	fixture_version(f, "file", version);
	return f;
}

/* Make the cache believe that a read has taken @ms. */
static void read_took(struct fixture *f, unsigned int ms)
{
	struct cachefs_io io = { .cache = f->cache };

	cachefs_pace_begin(&io, false);
	io.began -= (u64)ms * NSEC_PER_MSEC;
	cachefs_pace_end(&io, false);
}

/* Make the cache believe that a write took @ms, with @in_flight bytes in flight. */
static void write_took(struct fixture *f, u64 bytes, unsigned int ms,
		       u64 in_flight)
{
	struct cachefs_io io = {
		.cache	= f->cache,
		.nr	= bytes / PAGE_SIZE,
	};

	cachefs_pace_begin(&io, true);
	f->cache->writing_since -= (u64)ms * NSEC_PER_MSEC;
	atomic64_set(cachefs_in_flight(f->cache), in_flight);
	cachefs_pace_end(&io, true);
	atomic64_set(cachefs_in_flight(f->cache), 0);
}

static bool is_cached(struct fixture *f, const struct cachefs_version *version,
		      u64 block)
{
	bool cached;

	cachefs_lookup(f->cache, version, block, 1, &cached);
	return cached;
}

static void let_go(struct fixture *f)
{
	WRITE_ONCE(f->ramdisk->hold_writes, false);
	WRITE_ONCE(f->ramdisk->hold_reads, false);
	ramdisk_kick(f->ramdisk);
}

/* Bounds in time */

static void unknown_device_is_bound_in_bytes_alone(struct kunit *test)
{
	struct fixture *f = test->priv;

	f->cache->write_rate = 0;
	f->cache->max_in_flight_ms = 1000;
	KUNIT_EXPECT_EQ(test, cachefs_pace_window(f->cache), 64 * MIB);
	/* These writes say nothing about the speed: too few bytes were in flight ... */
	write_took(f, 4096, 2000, 4096);
	KUNIT_EXPECT_EQ(test, cachefs_pace_window(f->cache), 64 * MIB);
	/* ... or the time was too short. */
	write_took(f, 1 * MIB, 50, 2 * MIB);
	KUNIT_EXPECT_EQ(test, cachefs_pace_window(f->cache), 64 * MIB);
}

static void slow_device_is_bound_in_time(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 window;

	f->cache->write_rate = 0;
	f->cache->max_in_flight_ms = 1000;
	write_took(f, 10 * MIB, 2000, 10 * MIB);
	window = cachefs_pace_window(f->cache);
	KUNIT_EXPECT_LE(test, window, 5 * MIB);
	KUNIT_EXPECT_GT(test, window, 4 * MIB);
	/* Half of the time, half of the bytes. */
	f->cache->max_in_flight_ms = 500;
	KUNIT_EXPECT_LE(test, cachefs_pace_window(f->cache), window / 2 + 1000);
	KUNIT_EXPECT_GT(test, cachefs_pace_window(f->cache), 2 * MIB);
	/* Something may be stored even if the device is very slow. */
	f->cache->write_rate = 1;
	KUNIT_EXPECT_EQ(test, cachefs_pace_window(f->cache), 2 * MIB);
	f->cache->max_in_flight = 4096;
	KUNIT_EXPECT_EQ(test, cachefs_pace_window(f->cache), 4096);
}

static void bound_follows_the_device(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	f->cache->write_rate = 0;
	f->cache->max_in_flight_ms = 1000;
	write_took(f, 10 * MIB, 1000, 10 * MIB);
	/* The device paused once ... */
	write_took(f, 1 * MIB, 1000, 10 * MIB);
	KUNIT_EXPECT_GT(test, cachefs_pace_window(f->cache), 5 * MIB);
	/* ... or has become slow, which shows soon. */
	for (i = 0; i < 4; i++)
		write_took(f, MIB / 4, 100, 10 * MIB);
	KUNIT_EXPECT_LT(test, cachefs_pace_window(f->cache), 3 * MIB);
	/* The device can do again what it did once. */
	write_took(f, 2 * MIB, 100, 10 * MIB);
	KUNIT_EXPECT_GT(test, cachefs_pace_window(f->cache), 15 * MIB);
	/* A lower rate does not count if there was not more to write. */
	for (i = 0; i < 10; i++)
		write_took(f, MIB / 4, 100, MIB / 4);
	KUNIT_EXPECT_GT(test, cachefs_pace_window(f->cache), 15 * MIB);
}

static void idle_device_is_not_slow(struct kunit *test)
{
	struct fixture *f = test->priv;

	f->cache->write_rate = 0;
	f->cache->max_in_flight_ms = 1000;
	write_took(f, 1 * MIB, 50, 10 * MIB);
	/* Nothing to do for 10 s. */
	f->cache->writing_since -= 10 * NSEC_PER_SEC;
	f->cache->idle_since -= 10 * NSEC_PER_SEC;
	write_took(f, 1 * MIB, 50, 10 * MIB);
	KUNIT_EXPECT_GT(test, cachefs_pace_window(f->cache), 10 * MIB);
	KUNIT_EXPECT_LE(test, cachefs_pace_window(f->cache), 20 * MIB);
}

static void no_bound_in_time_if_nobody_wants_one(struct kunit *test)
{
	struct fixture *f = test->priv;

	f->cache->write_rate = 1;
	f->cache->max_in_flight_ms = 0;
	KUNIT_EXPECT_EQ(test, cachefs_pace_window(f->cache), 64 * MIB);
}

static void stores_stay_within_the_bound_in_time(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	u64 window;

	f->cache->write_rate = 3 * MIB;
	f->cache->max_in_flight_ms = 1000;
	window = cachefs_pace_window(f->cache);
	atomic64_add(window - PAGE_SIZE, cachefs_in_flight(f->cache));
	KUNIT_EXPECT_TRUE(test, cachefs_store_wanted(f->cache, &v, 0, 2 * MIB));
	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 0, 2, 1), -ENOBUFS);
	KUNIT_EXPECT_EQ(test, fixture_stat(f, CACHEFS_STAT_STORE_REFUSED_BYTES),
			2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 0, 1, 1), 0);
	atomic64_add(PAGE_SIZE, cachefs_in_flight(f->cache));
	KUNIT_EXPECT_FALSE(test, cachefs_store_wanted(f->cache, &v, 0, 2 * MIB));
	atomic64_sub(window, cachefs_in_flight(f->cache));
}

/* Marks that are not held for ever */

static unsigned int releases;

static void count_release(struct cachefs_store *store)
{
	releases++;
}

static void store_that_takes_too_long_is_released(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	struct transfer *t = transfer_alloc(f, 4);
	int refs = page_ref_count(t->pages[0]);

	releases = 0;
	f->cache->max_in_flight_ms = 50;
	transfer_fill(t, 0, 1);
	t->store.release = count_release;
	WRITE_ONCE(f->ramdisk->hold_writes, true);
	/* The last page goes as a copy. */
	transfer_store(f, t, &v, 0, 4 * PAGE_SIZE - 100);
	KUNIT_ASSERT_TRUE(test, fixture_eventually(READ_ONCE(releases)));
	KUNIT_EXPECT_FALSE(test, completion_done(&t->ended));
	/* The device may still read from the pages. */
	KUNIT_EXPECT_EQ(test, page_ref_count(t->pages[0]), refs + 1);
	KUNIT_EXPECT_EQ(test, page_ref_count(t->pages[3]), refs);
	KUNIT_EXPECT_EQ(test, fixture_stat(f, CACHEFS_STAT_RELEASED_BYTES),
			4 * PAGE_SIZE - 100);
	msleep(300);
	KUNIT_EXPECT_EQ(test, releases, 1);
	let_go(f);
	KUNIT_EXPECT_EQ(test, transfer_wait(f, t), -ESTALE);
	KUNIT_EXPECT_TRUE(test, t->store.released);
	/* The pages may have changed since, so the store is not published. */
	KUNIT_EXPECT_EQ(test, t->asked, 0);
	KUNIT_EXPECT_EQ(test, t->store.stored, 0);
	KUNIT_EXPECT_FALSE(test, is_cached(f, &v, 0));
	KUNIT_EXPECT_EQ(test, page_ref_count(t->pages[0]), refs);
	KUNIT_EXPECT_EQ(test, page_ref_count(t->pages[3]), refs);
}

static void store_that_ends_in_time_is_not_released(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	struct transfer *t = transfer_alloc(f, 4);

	releases = 0;
	f->cache->max_in_flight_ms = 60000;
	transfer_fill(t, 0, 1);
	t->store.release = count_release;
	transfer_store(f, t, &v, 0, 4 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, transfer_wait(f, t), 0);
	/* The watch finds no store that takes too long. */
	WRITE_ONCE(f->cache->max_in_flight_ms, 1);
	msleep(20);
	mod_delayed_work(f->cache->wq, &f->cache->watch, 0);
	flush_delayed_work(&f->cache->watch);
	/* The store is released at its end, and no second time. */
	KUNIT_EXPECT_EQ(test, releases, 1);
	KUNIT_EXPECT_FALSE(test, t->store.released);
	KUNIT_EXPECT_TRUE(test, is_cached(f, &v, 3));
}

static void without_a_bound_stores_take_what_they_take(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	struct transfer *t = transfer_alloc(f, 4);

	releases = 0;
	f->cache->max_in_flight_ms = 0;
	transfer_fill(t, 0, 1);
	t->store.release = count_release;
	WRITE_ONCE(f->ramdisk->hold_writes, true);
	transfer_store(f, t, &v, 0, 4 * PAGE_SIZE);
	msleep(300);
	KUNIT_EXPECT_EQ(test, READ_ONCE(releases), 0);
	let_go(f);
	KUNIT_EXPECT_EQ(test, transfer_wait(f, t), 0);
	KUNIT_EXPECT_EQ(test, releases, 1);
	KUNIT_EXPECT_FALSE(test, t->store.released);
}

/* Reads that the server answers sooner */

static void device_that_does_not_answer_is_not_asked(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	struct transfer *t = transfer_alloc(f, 1);

	KUNIT_ASSERT_EQ(test, fixture_store(f, &v, 0, 2, 1), 0);
	f->cache->read_bypass_ms = 20;
	f->cache->read_ns = 0;
	WRITE_ONCE(f->ramdisk->hold_reads, true);
	transfer_read(f, t, &v, 0);
	KUNIT_EXPECT_TRUE(test, fixture_eventually(!is_cached(f, &v, 1)));
	/* Cached data is not stored again, and other data is not stored either. */
	KUNIT_EXPECT_FALSE(test, cachefs_store_wanted(f->cache, &v, 1, 100));
	KUNIT_EXPECT_EQ(test, fixture_stat(f, CACHEFS_STAT_BYPASSED_BYTES), 100);
	KUNIT_EXPECT_FALSE(test, cachefs_store_wanted(f->cache, &v, 7, 1000));
	KUNIT_EXPECT_EQ(test, fixture_stat(f, CACHEFS_STAT_STORE_REFUSED_BYTES),
			1000);
	let_go(f);
	KUNIT_EXPECT_EQ(test, transfer_wait(f, t), 0);
	f->cache->read_ns = 0;
	KUNIT_EXPECT_TRUE(test, is_cached(f, &v, 1));
	KUNIT_EXPECT_TRUE(test, cachefs_store_wanted(f->cache, &v, 7, 1000));
}

static void slow_device_is_asked_now_and_then(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	unsigned long then, wait;

	KUNIT_ASSERT_EQ(test, fixture_store(f, &v, 0, 2, 1), 0);
	f->cache->read_bypass_ms = 100;
	f->cache->read_ns = 0;
	read_took(f, 200);
	f->cache->next_probe = jiffies + 1000 * HZ;
	KUNIT_EXPECT_FALSE(test, is_cached(f, &v, 1));
	KUNIT_EXPECT_FALSE(test, cachefs_store_wanted(f->cache, &v, 1, 100));
	KUNIT_EXPECT_EQ(test, fixture_stat(f, CACHEFS_STAT_BYPASSED_BYTES), 100);
	/* Data that is not cached is stored. */
	KUNIT_EXPECT_TRUE(test, cachefs_store_wanted(f->cache, &v, 7, 100));

	then = jiffies;
	f->cache->next_probe = then;
	KUNIT_EXPECT_TRUE(test, is_cached(f, &v, 1));
	/* Once in 8 times the time of a read. */
	wait = msecs_to_jiffies(8 * div_u64(f->cache->read_ns, NSEC_PER_MSEC));
	KUNIT_EXPECT_GE(test, wait, msecs_to_jiffies(8 * 200));
	KUNIT_EXPECT_TRUE(test, time_after_eq(f->cache->next_probe, then + wait));
	KUNIT_EXPECT_TRUE(test, time_before_eq(f->cache->next_probe,
					       jiffies + wait + msecs_to_jiffies(8)));
	f->cache->next_probe = jiffies + 1000 * HZ;
	KUNIT_EXPECT_FALSE(test, is_cached(f, &v, 1));
}

static void device_that_is_fast_again_is_used_again(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, fixture_store(f, &v, 0, 2, 1), 0);
	f->cache->read_bypass_ms = 100;
	f->cache->read_ns = 0;
	read_took(f, 400);
	for (i = 0; i < 20; i++)
		read_took(f, 1);
	f->cache->next_probe = jiffies + 1000 * HZ;
	KUNIT_EXPECT_TRUE(test, is_cached(f, &v, 1));
}

static void slow_device_is_used_if_the_server_is_slower(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);

	KUNIT_ASSERT_EQ(test, fixture_store(f, &v, 0, 2, 1), 0);
	f->cache->read_bypass_ms = 100;
	f->cache->read_ns = 0;
	read_took(f, 400);
	f->cache->next_probe = jiffies + 1000 * HZ;
	cachefs_server_answered(f->cache, 300 * NSEC_PER_MSEC);
	KUNIT_EXPECT_FALSE(test, is_cached(f, &v, 1));
	f->cache->server_ns = 0;
	cachefs_server_answered(f->cache, 500 * NSEC_PER_MSEC);
	KUNIT_EXPECT_TRUE(test, is_cached(f, &v, 1));
}

static void slow_device_is_used_if_nobody_minds(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);

	KUNIT_ASSERT_EQ(test, fixture_store(f, &v, 0, 2, 1), 0);
	read_took(f, 4000);
	f->cache->next_probe = jiffies + 1000 * HZ;
	f->cache->read_bypass_ms = 0;
	KUNIT_EXPECT_TRUE(test, is_cached(f, &v, 1));
}

static struct kunit_case pace_cases[] = {
	KUNIT_CASE(unknown_device_is_bound_in_bytes_alone),
	KUNIT_CASE(slow_device_is_bound_in_time),
	KUNIT_CASE(bound_follows_the_device),
	KUNIT_CASE(idle_device_is_not_slow),
	KUNIT_CASE(no_bound_in_time_if_nobody_wants_one),
	KUNIT_CASE(stores_stay_within_the_bound_in_time),
	KUNIT_CASE(store_that_takes_too_long_is_released),
	KUNIT_CASE(store_that_ends_in_time_is_not_released),
	KUNIT_CASE(without_a_bound_stores_take_what_they_take),
	KUNIT_CASE(device_that_does_not_answer_is_not_asked),
	KUNIT_CASE(slow_device_is_asked_now_and_then),
	KUNIT_CASE(device_that_is_fast_again_is_used_again),
	KUNIT_CASE(slow_device_is_used_if_the_server_is_slower),
	KUNIT_CASE(slow_device_is_used_if_nobody_minds),
	{}
};

static struct kunit_suite pace_suite = {
	.name		= "cachefs_pace",
	.init		= fixture_init,
	.test_cases	= pace_cases,
};

kunit_test_suite(pace_suite);
