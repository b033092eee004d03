// SPDX-License-Identifier: GPL-2.0
/* The bytes in flight to the device, and the speed of the device. */
#include "cases.h"

static bool wanted(unsigned int block, unsigned int nr)
{
	return cachefs_store_wanted(model.cache, &model.versions[1].core,
				    model.versions[1].base + block,
				    nr << CACHEFS_BLOCK_SHIFT);
}

static s64 in_flight(void)
{
	return atomic64_read(cachefs_in_flight(model.cache)) >> CACHEFS_BLOCK_SHIFT;
}

static void what_is_in_flight_is_bounded(void)
{
	tiny();
	model.cache->max_in_flight = 10 * CACHEFS_BLOCK_SIZE;
	model_store(1, 0, 6, 0);
	/* A store that does not fit as a whole is left out. */
	model_store(1, 6, 5, 0);
	EXPECT_EQ(in_flight(), 6);
	EXPECT_EQ(stat(CACHEFS_STAT_STORE_REFUSED_BYTES), 5 * CACHEFS_BLOCK_SIZE);
	EXPECT_REFUSED(IN_FLIGHT);
	EXPECT_EQ(atomic64_read(&model.cache->refused[CACHEFS_WHY_IN_FLIGHT]),
		  5 * CACHEFS_BLOCK_SIZE);
	EXPECT(wanted(6, 5));
	model_store(1, 6, 4, 0);
	EXPECT_EQ(in_flight(), 10);
	EXPECT_EQ(stat(CACHEFS_STAT_STORES_IN_FLIGHT_BYTES),
		  10 * CACHEFS_BLOCK_SIZE);
	EXPECT(!wanted(10, 1));
	EXPECT_REFUSED(IN_FLIGHT);
	EXPECT_EQ(model_store_now(1, 10, 1), -ENOBUFS);
	shim_run();
	EXPECT_EQ(in_flight(), 0);
	EXPECT_EQ(model_count_cached(1), 10);
	/* A store that never fits is stored as far as it fits. */
	EXPECT_EQ(model_store_now(1, 20, 12), -ENOBUFS);
	EXPECT_EQ(model_count_cached(1), 20);
	/* Blocks for which the log has no room are not in flight. */
	pin_all(1);
	model.cache->max_in_flight = 1 << 30;
	model_new_version(2, 200);
	EXPECT_EQ(model_store_now(2, 0, 200), -ENOBUFS);
	EXPECT_REFUSED(NO_REGION);
	pin_all(-1);
	EXPECT_EQ(in_flight(), 0);
	model.cache->max_in_flight = 0;
	EXPECT(!wanted(50, 1));
	EXPECT_EQ(model_store_now(1, 50, 1), -ENOBUFS);
}

/* One server does not answer its reads; the server of others does. */
static void reads_under_way_hold_no_room(void)
{
	unsigned int i;

	tiny();
	model.cache->max_in_flight = 10 * CACHEFS_BLOCK_SIZE;
	for (i = 0; i < 600; i++)
		EXPECT(wanted(i, 8));
	EXPECT_EQ(model_store_now(2, 0, 10), 0);
	EXPECT_EQ(stat(CACHEFS_STAT_STORE_REFUSED_BYTES), 0);
}

/* Store a block as writeback does: it can wait. */
static void store_patiently(unsigned int block)
{
	model.may_wait = true;
	model_store(1, block, 1, 0);
	model.may_wait = false;
}

static void who_can_wait_waits_for_room(void)
{
	unsigned int i;

	tiny();
	model.cache->max_in_flight = CACHEFS_BLOCK_SIZE;
	for (i = 0; i < 20; i++)
		store_patiently(i);
	shim_run();
	EXPECT_EQ(model_count_cached(1), 20);
	EXPECT_EQ(stat(CACHEFS_STAT_STORE_REFUSED_BYTES), 0);
}

/* A bound that never lets a block go to the device: reads ask for no stores. */
static void nobody_waits_for_less_than_a_block(void)
{
	u64 bound, began;

	tiny();
	for (bound = 0; bound < CACHEFS_BLOCK_SIZE; bound += CACHEFS_BLOCK_SIZE - 1) {
		model.cache->max_in_flight = bound;
		EXPECT(!wanted(0, 1));
		EXPECT_REFUSED(IN_FLIGHT);
		EXPECT(!cachefs_store_room(model.cache));
		began = shim_now_ns;
		store_patiently(0);
		EXPECT_REFUSED(IN_FLIGHT);
		EXPECT_EQ(shim_now_ns, began);
	}
	model.cache->max_in_flight = CACHEFS_BLOCK_SIZE;
	EXPECT(wanted(0, 1));
	EXPECT(cachefs_store_room(model.cache));
	EXPECT_EQ(model_store_now(1, 0, 1), 0);
}

/* All files of a sync, in turn, wait for the device no longer than one file. */
static void nobody_waits_long_for_a_device_that_hangs(void)
{
	unsigned int i;
	u64 began;

	tiny();
	model.cache->max_in_flight = CACHEFS_BLOCK_SIZE;
	model.cache->max_in_flight_ms = 0;
	model.cache->read_bypass_ms = 0;
	model.device->hangs = true;
	store_patiently(0);
	shim_run();
	began = shim_now_ns;
	for (i = 1; i < 500; i++)
		store_patiently(i % 199);
	EXPECT(shim_now_ns - began <= 2 * NSEC_PER_SEC);
	EXPECT_EQ(stat(CACHEFS_STAT_STORE_REFUSED_BYTES),
		  499 * CACHEFS_BLOCK_SIZE);
	/* The device answers: stores can wait for it again. */
	model.device->hangs = false;
	shim_run();
	EXPECT_EQ(model_count_cached(1), 1);
	for (i = 1; i < 20; i++)
		store_patiently(i);
	shim_run();
	EXPECT_EQ(model_count_cached(1), 20);
}

/* Nothing is stored that the device would only get when it answers, if ever. */
static void nothing_is_stored_on_a_device_that_hangs(void)
{
	tiny();
	EXPECT_EQ(model_store_now(1, 5, 1), 0);
	model.cache->read_bypass_ms = 100;
	model.device->hangs = true;
	model_store(1, 0, 1, 0);
	shim_advance_ms(2000);
	EXPECT_EQ(model_store_now(1, 1, 1), -ENOBUFS);
	EXPECT_REFUSED(SLOW);
	EXPECT(!wanted(1, 1));
	EXPECT_REFUSED(SLOW);
	EXPECT(!wanted(5, 1));
	EXPECT_REFUSED(CACHED);
	EXPECT_EQ(in_flight(), 1);
	model.device->hangs = false;
	shim_run();
	EXPECT_EQ(model_store_now(1, 1, 1), 0);
}

static struct cachefs_io first_io;

static void first_io_begins(void)
{
	shim_on_next_cpu = NULL;
	first_io.cache = model.cache;
	cachefs_pace_begin(&first_io, false);
}

/* An I/O that begins while somebody asks has not waited, however long nothing came. */
static void idle_device_is_not_stuck_when_an_io_comes(void)
{
	tiny();
	model.cache->read_bypass_ms = 100;
	shim_advance_ms(60000);
	shim_on_next_cpu = first_io_begins;
	EXPECT(!cachefs_pace_stuck(model.cache));
	EXPECT(cachefs_pace_busy(model.cache));
	EXPECT(!cachefs_pace_stuck(model.cache));
	shim_advance_ms(2000);
	EXPECT(cachefs_pace_stuck(model.cache));
	cachefs_pace_end(&first_io, false);
	EXPECT(!cachefs_pace_busy(model.cache));
	EXPECT(!cachefs_pace_stuck(model.cache));
}

/* Do 16 reads that the device does not answer before @ms have passed. */
static void reads_take(u64 ms)
{
	unsigned int i;

	model.device->hangs = true;
	for (i = 0; i < 16; i++)
		model_read(1, i, 1);
	shim_advance_ms(ms);
	EXPECT(cachefs_pace_stuck(model.cache));
	model.device->hangs = false;
	shim_run();
}

/* When the device is fast again, the minute in which it hung is soon forgotten. */
static void device_that_hung_is_soon_used_again(void)
{
	unsigned int i;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 16), 0);
	model.cache->read_bypass_ms = 100;
	reads_take(60000);
	EXPECT(!cachefs_pace_stuck(model.cache));
	EXPECT(cachefs_pace_slow(model.cache));
	for (i = 0; cachefs_pace_slow(model.cache); i++) {
		EXPECT(i < 60);
		shim_advance_ms(1000);
		if (model_cached(1, 0))
			EXPECT_EQ(model_read_now(1, 0, 1), 0);
	}
}

/* A device that takes seconds may still be faster than the server, or not. */
static void seconds_are_compared_with_the_server(void)
{
	unsigned int i;

	tiny();
	model.cache->read_bypass_ms = 100;
	EXPECT_EQ(model_store_now(1, 0, 16), 0);
	/* Neither time is believed at once. */
	for (i = 0; i < 16; i++) {
		cachefs_server_answered(model.cache, 3 * NSEC_PER_SEC);
		cachefs_server_answered(model.cache, 3 * NSEC_PER_SEC);
		reads_take(2500);
	}
	EXPECT(!cachefs_pace_slow(model.cache));
	reads_take(4000);
	EXPECT(cachefs_pace_slow(model.cache));
}

/* Readers that waited for a server that was away do not make it slower than a slow device. */
static void server_that_was_away_is_not_slow(void)
{
	unsigned int i;

	tiny();
	model.cache->read_bypass_ms = 100;
	EXPECT_EQ(model_store_now(1, 0, 16), 0);
	for (i = 0; i < 16; i++)
		cachefs_server_answered(model.cache, 5 * NSEC_PER_MSEC);
	for (i = 0; i < 100; i++)
		cachefs_server_answered(model.cache, 300 * NSEC_PER_SEC);
	EXPECT(model.cache->server_ns <= NSEC_PER_SEC);
	for (i = 0; i < 16; i++)
		cachefs_server_answered(model.cache, 5 * NSEC_PER_MSEC);
	reads_take(1200);
	EXPECT(cachefs_pace_slow(model.cache));
}

/* Return the count of bucket @nr of a histogram.  @others gets the sum of the others. */
static u64 bucket(enum cachefs_latency which, unsigned int nr, u64 *others)
{
	unsigned int i;

	*others = 0;
	for (i = 0; i < CACHEFS_LATENCY_BUCKETS; i++)
		if (i != nr)
			*others += cachefs_latency_count(model.cache, which, i);
	return cachefs_latency_count(model.cache, which, nr);
}

static void times_are_counted_by_powers_of_two(void)
{
	static const struct {
		u64		ns;
		unsigned int	bucket;
	} times[] = {
		{ 0, 0 }, { 999, 0 }, { 1000, 1 }, { 1999, 1 }, { 2000, 2 },
		{ 1023 * NSEC_PER_USEC, 10 }, { 1024 * NSEC_PER_USEC, 11 },
		{ (1ULL << 22) * NSEC_PER_USEC - 1, 22 },
		{ (1ULL << 22) * NSEC_PER_USEC, 23 }, { 3600 * NSEC_PER_SEC, 23 },
	};
	u64 total = 0, before, others;
	unsigned int i;

	tiny();
	for (i = 0; i < ARRAY_SIZE(times); i++) {
		before = bucket(CACHEFS_LATENCY_SERVER_READS, times[i].bucket, &others);
		cachefs_server_answered(model.cache, times[i].ns);
		EXPECT_EQ(bucket(CACHEFS_LATENCY_SERVER_READS, times[i].bucket, &others),
			  before + 1);
		EXPECT_EQ(others, i - before);
		total += times[i].ns;
	}
	EXPECT_EQ(cachefs_latency_total_ns(model.cache, CACHEFS_LATENCY_SERVER_READS),
		  total);
}

/* All of a read's time is in the histogram, however little of it counts elsewhere. */
static void reads_and_writes_of_the_device_are_counted(void)
{
	u64 others;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 16), 0);
	EXPECT_EQ(bucket(CACHEFS_LATENCY_DEVICE_WRITES, 0, &others), 1);
	EXPECT_EQ(others, 0);
	model.cache->read_bypass_ms = 100;
	reads_take(3000);
	EXPECT_EQ(bucket(CACHEFS_LATENCY_DEVICE_READS, 22, &others), 16);
	EXPECT_EQ(others, 0);
	EXPECT_EQ(bucket(CACHEFS_LATENCY_SERVER_READS, 0, &others), 0);
	EXPECT_EQ(others, 0);
}

const struct test_case pace_cases[] = {
	CASE(what_is_in_flight_is_bounded),
	CASE(reads_under_way_hold_no_room),
	CASE(who_can_wait_waits_for_room),
	CASE(nobody_waits_for_less_than_a_block),
	CASE(nobody_waits_long_for_a_device_that_hangs),
	CASE(nothing_is_stored_on_a_device_that_hangs),
	CASE(idle_device_is_not_stuck_when_an_io_comes),
	CASE(device_that_hung_is_soon_used_again),
	CASE(seconds_are_compared_with_the_server),
	CASE(server_that_was_away_is_not_slow),
	CASE(times_are_counted_by_powers_of_two),
	CASE(reads_and_writes_of_the_device_are_counted),
	{}
};
