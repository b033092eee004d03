// SPDX-License-Identifier: GPL-2.0
/* Regions that were let go are discarded, if the administrator wants this. */
#include "cases.h"

static u64 discarded_regions(void)
{
	return stat(CACHEFS_STAT_DEVICE_DISCARDED_BYTES) /
		(TINY_REGION_BLOCKS * CACHEFS_BLOCK_SIZE);
}

static void tiny_discards(void)
{
	tiny();
	model.device->discards = true;
	model.cache->discard = true;
}

static void nothing_is_discarded_by_itself(void)
{
	tiny();
	model.device->discards = true;
	one_lap();
	one_lap();
	EXPECT_EQ(discarded_regions(), 0);
}

/* A region is discarded each time it is reused, and never before its first use. */
static void reused_regions_are_discarded(void)
{
	u64 seq;

	tiny_discards();
	seq = model.cache->next_seq;
	one_lap();
	one_lap();
	EXPECT(stat(CACHEFS_STAT_EVICTED_BYTES) > 0);
	EXPECT_EQ(discarded_regions(),
		  model.cache->next_seq - seq + model.cache->nr_ready - TINY_REGIONS);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
	check_index(model.cache);
}

/* The copies of blocks that stay are written before their region is discarded. */
static void discard_costs_nothing_that_stays(void)
{
	unsigned int i;

	tiny_discards();
	EXPECT_EQ(model_store_now(1, 0, 25), 0);
	for (i = 0; i < 4 * TINY_REGIONS; i++) {
		EXPECT_EQ(model_read_now(1, 0, 25), 0);
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_run();
	}
	EXPECT(discarded_regions() > 2 * TINY_REGIONS);
	EXPECT(stat(CACHEFS_STAT_REINSERTED_BYTES) > 0);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
}

/* The region of a reader is not discarded, neither when it is reused nor before that. */
static void region_of_a_reader_is_not_discarded(void)
{
	u64 discarded;
	s64 evicted;

	tiny_discards();
	one_lap();
	pin_all(1);
	discarded = discarded_regions();
	evicted = stat(CACHEFS_STAT_EVICTED_BYTES);
	model_store(2, 0, 3 * TINY_SLOTS, 0);
	shim_run();
	model.cache->index.crowded = true;
	cachefs_log_kick(model.cache);
	shim_run();
	EXPECT(stat(CACHEFS_STAT_EVICTED_BYTES) > evicted);
	EXPECT_EQ(discarded_regions(), discarded);
	pin_all(-1);
}

/* A region that the bound of the index lets go of is discarded at once, and not at reuse. */
static void trimmed_regions_are_discarded_once(void)
{
	u64 discarded, trimmed;
	unsigned int i;

	tiny_discards();
	one_lap();
	discarded = discarded_regions();
	model.cache->index.crowded = true;
	cachefs_log_kick(model.cache);
	shim_run();
	trimmed = discarded_regions() - discarded;
	EXPECT(trimmed > 0);
	/* The next regions that are reused are those. */
	for (i = 0; i < trimmed; i++) {
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_run();
	}
	EXPECT_EQ(discarded_regions(), discarded + trimmed);
}

/* A full thin pool has no room for a discarded region.  The log waits there. */
static void log_waits_for_room_for_a_discarded_region(void)
{
	u32 head;

	tiny_discards();
	one_lap();
	one_lap();
	model.device->write_errors = 1000;
	model.device->write_errno = -ENOSPC;
	model_store_now(2, 0, 1);
	head = model.cache->head;
	shim_advance_ms(20000);
	EXPECT_EQ(model.cache->head, head);
	model.device->write_errors = 0;
	shim_advance_ms(20000);
	store_all(1);
	EXPECT_EQ(model_read_now(1, 0, 50), 0);
}

/* The power loss loses some discards, and keeps others. */
static void power_loss_after_discards(void)
{
	tiny_discards();
	one_lap();
	one_lap();
	EXPECT_EQ(model_store_now(1, 0, 50), 0);
	shim_advance_ms(11000);
	lose_power(DEVICE_KEEPS_ANY);
	shim_run();
	model_read_cached(1, 0);
	model_read_cached(2, 0);
	check_index(model.cache);
}

const struct test_case discard_cases[] = {
	CASE(nothing_is_discarded_by_itself),
	CASE(reused_regions_are_discarded),
	CASE(discard_costs_nothing_that_stays),
	CASE(region_of_a_reader_is_not_discarded),
	CASE(trimmed_regions_are_discarded_once),
	CASE(log_waits_for_room_for_a_discarded_region),
	CASE(power_loss_after_discards),
	{}
};
