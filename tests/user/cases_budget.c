// SPDX-License-Identifier: GPL-2.0
/* The write budget: a bound on the bytes that are written in a day. */
#include "cases.h"

/* A bucket of 2160 blocks: one block comes in every ten seconds. */
#define BUDGET_DAY	(8640ULL * CACHEFS_BLOCK_SIZE)
#define BUDGET_BUCKET	(BUDGET_DAY / 4)

static void set_budget(u64 day)
{
	EXPECT_EQ(cachefs_budget_set(model.cache, day), 0);
}

/* Is there room for @bytes that stay, and not for more? */
static bool room_is(s64 bytes)
{
	return cachefs_budget_admits(model.cache, bytes, true) &&
		!cachefs_budget_admits(model.cache, bytes + 1, true);
}

/* Read version 1 as a reader does: store blocks that are not cached.  Return the hits. */
static unsigned int read_all(unsigned int blocks)
{
	unsigned int i, hits = 0;

	for (i = 0; i < blocks; i++) {
		if (model_cached(1, i)) {
			hits++;
			EXPECT_EQ(model_read_now(1, i, 1), 0);
		} else {
			model_store_now(1, i, 1);
		}
	}
	return hits;
}

/* Store four times the budget, for three days: no period may exceed its bound. */
static void never_more_than_the_budget(void)
{
	s64 now, lowest = S64_MAX, excess, hour = 0;
	unsigned int minute, i;

	tiny();
	set_budget(BUDGET_DAY);
	for (minute = 0; minute < 3 * 24 * 60; minute++) {
		excess = stat(CACHEFS_STAT_DEVICE_WRITTEN_BYTES) -
			(s64)minute * 60 * (BUDGET_DAY / 86400);
		lowest = min(lowest, excess);
		model_new_version(1, 24);
		/* There are no reads on the second day: little of its budget is saved. */
		for (i = minute / 1440 == 1 ? 24 : 0; i < 24; i++)
			model_store_now(1, i, 1);
		/* Blocks that stay are written, too. */
		if (minute / 1440 != 1)
			read_all(24);
		shim_advance_ms(60 * MSEC_PER_SEC);
		now = stat(CACHEFS_STAT_DEVICE_WRITTEN_BYTES);
		excess = now - (s64)(minute + 1) * 60 * (BUDGET_DAY / 86400);
		EXPECT(excess - lowest <= (s64)BUDGET_BUCKET);
		/* In each hour something is stored, not only until the bucket is empty. */
		if (minute % 60 == 59) {
			EXPECT(minute / 1440 == 1 || now - hour >= (s64)BUDGET_DAY / 24 / 4);
			hour = now;
		}
	}
	/* And most of the budget is used. */
	EXPECT(now >= 2 * (s64)BUDGET_DAY * 9 / 10);
	EXPECT_REFUSED(BUDGET);
}

/* Return the hits of two days, at 300 reads an hour, after two days of a low bucket. */
static unsigned int hits_with_budget(u64 budget, s64 *written, unsigned int *least)
{
	unsigned int hour, pass, hits, all = 0;

	tiny();
	set_budget(budget);
	*least = 300;
	for (hour = 0; hour < 96; hour++) {
		if (hour == 48)
			*written = stat(CACHEFS_STAT_DEVICE_WRITTEN_BYTES);
		model_new_version(1, 75);
		for (pass = hits = 0; pass < 4; pass++)
			hits += read_all(75);
		shim_advance_ms(3600 * MSEC_PER_SEC);
		if (hour < 48)
			continue;
		all += hits;
		*least = min(*least, hits);
	}
	*written = (stat(CACHEFS_STAT_DEVICE_WRITTEN_BYTES) - *written) / 2;
	return all;
}

static void half_of_the_budget_is_no_cliff(void)
{
	unsigned int all, half, least;
	s64 day, half_day;

	all = hits_with_budget(0, &day, &least);
	model_detach();
	EXPECT_EQ(all, 48 * 225);
	half = hits_with_budget(day / 2, &half_day, &least);
	EXPECT(half_day <= day * 6 / 10);
	EXPECT(half >= all / 3);
	EXPECT(least > 0);
}

/* Long before the bucket is empty some stores are refused, and some are not. */
static void budget_goes_slowly(void)
{
	unsigned int i, taken = 0;

	tiny();
	set_budget(BUDGET_DAY);
	while (!stat(CACHEFS_STAT_STORE_REFUSED_BYTES))
		model_store_now(1, 0, 1);
	EXPECT(stat(CACHEFS_STAT_DEVICE_WRITTEN_BYTES) <= BUDGET_BUCKET * 3 / 4);
	EXPECT_REFUSED(BUDGET);
	for (i = 0; i < 100; i++)
		taken += !model_store_now(1, 0, 1);
	EXPECT(taken > 50);
}

static void without_a_budget_all_is_stored(void)
{
	unsigned int i;

	tiny();
	EXPECT_EQ(model.cache->write_budget, 0);
	for (i = 0; i < 200; i++) {
		model_new_version(1, TINY_SLOTS);
		EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS), 0);
		shim_run();
	}
	EXPECT_EQ(stat(CACHEFS_STAT_STORE_REFUSED_BYTES), 0);
}

/* A used budget is a reason why nothing is stored.  A budget with room is no reason. */
static void used_budget_is_known(void)
{
	s64 eighth = BUDGET_DAY / 4 / 8;

	tiny();
	EXPECT(!cachefs_budget_is_used(model.cache));
	set_budget(BUDGET_DAY);
	EXPECT(!cachefs_budget_is_used(model.cache));
	model.cache->budget_room = eighth + CACHEFS_BLOCK_SIZE;
	EXPECT(!cachefs_budget_is_used(model.cache));
	model.cache->budget_room--;
	EXPECT(cachefs_budget_is_used(model.cache));
	model.cache->budget_room = eighth / 2;
	EXPECT(cachefs_budget_is_used(model.cache));
	EXPECT(!cachefs_budget_admits(model.cache, CACHEFS_BLOCK_SIZE, false));
	EXPECT(cachefs_budget_admits(model.cache, CACHEFS_BLOCK_SIZE, true));
	/* Time fills the bucket. */
	shim_advance_ms(3600 * 1000);
	EXPECT(!cachefs_budget_is_used(model.cache));
	/* A block never fits into this budget. */
	set_budget(1);
	EXPECT(cachefs_budget_is_used(model.cache));
	set_budget(0);
}

/* Ten times as much is offered as may be written in a day. */
static void budget_is_used_while_most_is_refused(void)
{
	unsigned int minute, i, used = 0;

	tiny();
	set_budget(BUDGET_DAY);
	for (minute = 0; minute < 1440; minute++) {
		for (i = 0; i < 60; i++)
			model_store_now(1, i, 1);
		shim_advance_ms(60 * MSEC_PER_SEC);
		used += minute >= 720 && cachefs_budget_is_used(model.cache);
	}
	EXPECT(used > 700);
}

/* Another budget begins with a full bucket, whatever was written before. */
static void another_budget_counts_at_once(void)
{
	tiny();
	store_all(1);
	set_budget(BUDGET_DAY);
	EXPECT(room_is(BUDGET_BUCKET));
	EXPECT_EQ(model_store_now(1, 0, 20), 0);
	EXPECT(!room_is(BUDGET_BUCKET));
	/* The same budget, set again, changes nothing. */
	set_budget(BUDGET_DAY);
	EXPECT(!room_is(BUDGET_BUCKET));
	set_budget(2 * BUDGET_DAY);
	EXPECT(room_is(2 * BUDGET_BUCKET));
	set_budget(1);
	EXPECT(room_is(0));
	EXPECT_EQ(model_store_now(1, 0, 1), -ENOBUFS);
	EXPECT_REFUSED(BUDGET);
	set_budget(0);
	EXPECT_EQ(model_store_now(1, 0, 1), 0);
	shim_run();
	EXPECT_EQ(cachefs_budget_set(model.cache, 1ULL << 63), -ERANGE);
	EXPECT_EQ(model.cache->write_budget, 0);
	EXPECT_REFUSED(NONE);
}

/* The largest budget is never used up, and a long time makes no number too large. */
static void largest_budget_is_none(void)
{
	unsigned int day;

	tiny();
	set_budget(S64_MAX);
	for (day = 0; day < 5; day++) {
		EXPECT(room_is(S64_MAX / 4));
		EXPECT_EQ(model_store_now(1, 0, 20), 0);
		shim_advance_ms(86400 * MSEC_PER_SEC);
	}
	EXPECT_REFUSED(NONE);
}

/* Return the bytes that stay, of data that was read, if @budget holds at the reuse. */
static s64 reinserted_with(u64 budget)
{
	unsigned int i;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 25), 0);
	EXPECT_EQ(model_read_now(1, 0, 25), 0);
	for (i = 0; i < 3 * TINY_REGIONS; i++) {
		model_new_version(2, TINY_SLOTS);
		set_budget(0);
		model_store(2, 0, TINY_SLOTS, 0);
		/* The store has begun.  Now the log moves the blocks that stay. */
		set_budget(budget);
		shim_run();
	}
	EXPECT_REFUSED(NONE);
	return stat(CACHEFS_STAT_REINSERTED_BYTES);
}

static void what_stays_has_a_budget(void)
{
	EXPECT(reinserted_with(BUDGET_DAY) > 0);
	model_detach();
	EXPECT_EQ(reinserted_with(1), 0);
}

/* Only a store that the budget admits tries a device that had no room. */
static void refused_store_is_no_try(void)
{
	tiny();
	model.device->write_errors = 1000;
	model.device->write_errno = -ENOSPC;
	EXPECT_EQ(model_store_now(1, 0, 1), -ENOSPC);
	model.device->write_errors = 0;
	shim_advance_ms(5000);
	model.may_wait = true;
	set_budget(1);
	EXPECT_EQ(model_store_now(2, 0, 1), -ENOBUFS);
	EXPECT_REFUSED(BUDGET);
	set_budget(0);
	EXPECT_EQ(model_store_now(2, 0, 1), 0);
	model.may_wait = false;
}

const struct test_case budget_cases[] = {
	CASE(never_more_than_the_budget),
	CASE(half_of_the_budget_is_no_cliff),
	CASE(budget_goes_slowly),
	CASE(without_a_budget_all_is_stored),
	CASE(another_budget_counts_at_once),
	CASE(used_budget_is_known),
	CASE(budget_is_used_while_most_is_refused),
	CASE(largest_budget_is_none),
	CASE(what_stays_has_a_budget),
	CASE(refused_store_is_no_try),
	{}
};
