// SPDX-License-Identifier: GPL-2.0
/* Regions that go before their turn are discarded, if the administrator wants this. */
#include "cases.h"

static u64 discarded_regions(void)
{
	return stat(CACHEFS_STAT_DEVICE_DISCARDED_BYTES) /
		(TINY_REGION_BLOCKS * CACHEFS_BLOCK_SIZE);
}

/* A full cache.  Each lap of the log has reused all regions. */
static void tiny_discards(void)
{
	tiny();
	model.device->discards = true;
	model.cache->discard = true;
	one_lap();
	one_lap();
	EXPECT(stat(CACHEFS_STAT_EVICTED_BYTES) > 0);
	EXPECT_EQ(discarded_regions(), 0);
}

/* Let the oldest regions go: those with so many extents as a region has slots. */
static void let_go(void)
{
	s64 evicted = stat(CACHEFS_STAT_EVICTED_BYTES);

	model.cache->index.crowded = true;
	cachefs_log_kick(model.cache);
	shim_run();
	EXPECT(stat(CACHEFS_STAT_EVICTED_BYTES) > evicted);
}

static void nothing_is_discarded_by_itself(void)
{
	tiny_discards();
	model.cache->discard = false;
	let_go();
	EXPECT_EQ(discarded_regions(), 0);
}

static void region_that_goes_early_is_discarded(void)
{
	u64 discarded;

	tiny_discards();
	let_go();
	discarded = discarded_regions();
	EXPECT_EQ(discarded, model.cache->let_go);
	one_lap();
	EXPECT_EQ(discarded_regions(), discarded);
	check_index(model.cache);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
}

/* The copies of blocks that stay are written before their region is discarded. */
static void discard_costs_nothing_that_stays(void)
{
	unsigned int i;

	tiny_discards();
	EXPECT_EQ(model_store_now(1, 0, 25), 0);
	for (i = 0; i < 3 * TINY_REGIONS; i++) {
		EXPECT_EQ(model_read_now(1, 0, 25), 0);
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		let_go();
	}
	EXPECT(discarded_regions() >= 3 * TINY_REGIONS);
	EXPECT(stat(CACHEFS_STAT_REINSERTED_BYTES) > 0);
	EXPECT_EQ(model_read_now(1, 0, 25), 0);
}

static void region_of_a_reader_is_not_discarded(void)
{
	tiny_discards();
	pin_all(1);
	let_go();
	EXPECT_EQ(discarded_regions(), 0);
	pin_all(-1);
}

static void fill_thin_pool(bool full)
{
	model.device->write_errors = full ? 1000 : 0;
	model.device->write_errno = -ENOSPC;
}

/* A full thin pool has no room for a discarded region.  The log waits there. */
static void log_waits_for_room_for_a_discarded_region(void)
{
	u32 head;

	tiny_discards();
	let_go();
	head = model.cache->head;
	fill_thin_pool(true);
	model_store_now(1, 0, 3 * TINY_SLOTS);
	shim_advance_ms(20000);
	EXPECT_EQ(model.cache->head, head);
	fill_thin_pool(false);
	shim_advance_ms(20000);
	store_all(1);
	EXPECT(model.cache->head != head);
	EXPECT_EQ(model_read_now(1, 0, 50), 0);
}

/* The regions before the oldest one with data take no writes: a checkpoint goes there. */
static void checkpoint_goes_where_data_is(void)
{
	const u32 regions = 24;
	unsigned int i, block;
	u32 head;

	model_format(CACHEFS_FIRST_BLOCK + regions * TINY_REGION_BLOCKS + CACHEFS_LAST_BLOCKS,
		     TINY_REGION_BLOCKS);
	EXPECT_EQ(model_attach(), 0);
	model.device->discards = true;
	model.cache->discard = true;
	for (i = 0; i < 2 * regions; i++) {
		/* Single blocks, so that each region has as many extents as slots. */
		model_new_version(2, 2 * TINY_SLOTS);
		model.versions[2].base = 0;
		for (block = 0; block < 2 * TINY_SLOTS; block += 2)
			EXPECT_EQ(model_store_now(2, block, 1), 0);
		shim_run();
	}
	for (i = 0; i < 8; i++)
		let_go();
	EXPECT_EQ(discarded_regions(), 8);
	/* The checkpoint begins at the READY regions. */
	head = model.cache->head;
	EXPECT(head >= model.cache->nr_ready && head + 8 <= regions);
	head -= model.cache->nr_ready;
	bad_blocks(cachefs_region_start(&model.cache->geo, head),
		   (model.cache->nr_ready + 8) * TINY_REGION_BLOCKS);
	model.device->write_errno = -ENOSPC;
	model_detach();
	bad_blocks(0, 0);
	shim_log_clear();
	EXPECT_EQ(model_attach(), 0);
	EXPECT(!shim_log_has("unclean"));
	EXPECT(model_count_cached(2) > 0);
	check_index(model.cache);
}

/* The power loss loses some discards, and keeps others. */
static void power_loss_after_discards(void)
{
	tiny_discards();
	let_go();
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
	CASE(region_that_goes_early_is_discarded),
	CASE(discard_costs_nothing_that_stays),
	CASE(region_of_a_reader_is_not_discarded),
	CASE(log_waits_for_room_for_a_discarded_region),
	CASE(checkpoint_goes_where_data_is),
	CASE(power_loss_after_discards),
	{}
};
