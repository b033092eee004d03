// SPDX-License-Identifier: GPL-2.0
/* Metadata of regions that the disk has lost, has not written, or cannot read. */
#include "cases.h"

/* Regions of five metadata blocks, for 505 slots. */
#define LARGE_REGION	512
#define LARGE_SLOTS	(LARGE_REGION - 5 - CACHEFS_SCRATCH_BLOCKS)

static void large(void)
{
	unsigned int v;

	model_format(CACHEFS_FIRST_BLOCK + 9 * LARGE_REGION + 1, LARGE_REGION);
	EXPECT_EQ(model_attach(), 0);
	shim_run();
	EXPECT_EQ(model.cache->geo.slots, LARGE_SLOTS);
	for (v = 0; v < MODEL_VERSIONS; v++)
		model_new_version(v, 200);
}

/* As many extents as there are slots, in a region whose metadata is bad. */
static void unreadable_metadata_is_read_once(void)
{
	u64 reads, rescheds;
	unsigned int i;
	s64 evicted;

	tiny();
	for (i = 0; i < TINY_SLOTS; i++)
		EXPECT_EQ(model_store_now(1, 2 * i % 198 + i / 50, 1), 0);
	EXPECT_EQ(model_store_now(2, 0, 10), 0);
	shim_advance_ms(11000);
	reattach();
	EXPECT(model_count_cached(1) >= 40);
	bad_blocks(cachefs_region_start(&model.cache->geo, 0), 3);
	reads = model.device->reads;
	rescheds = shim_rescheds;
	evicted = stat(CACHEFS_STAT_EVICTED_BYTES);
	for (i = 0; i < 20; i++)
		model_read(1, 2 * i, 1);
	shim_run();
	/* All metadata blocks at once, and then each block. */
	EXPECT_EQ(model.device->reads, reads + 4);
	/* No walk over the index, which lets others run after each page. */
	EXPECT_EQ(shim_rescheds, rescheds);
	EXPECT_EQ(stat(CACHEFS_STAT_EVICTED_BYTES), evicted);
	EXPECT_EQ(stat(CACHEFS_STAT_READ_ERRORS), 1);
	EXPECT_EQ(model_count_cached(1), 0);
	EXPECT_EQ(model_read_now(2, 0, 10), 0);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
	check_index(model.cache);
	/* When the region is reused, all is well with it. */
	model.device->bad_end = 0;
	for (i = 0; i < 3 * TINY_REGIONS; i++) {
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_run();
		cachefs_region_drop_checksums(model.cache, 100);
		EXPECT_EQ(model_read_now(2, 0, TINY_SLOTS), 0);
	}
}

static void damaged_metadata_is_read_once(void)
{
	unsigned int i;
	u64 reads;

	tiny();
	for (i = 0; i < 20; i++)
		EXPECT_EQ(model_store_now(1, 2 * i, 1), 0);
	shim_advance_ms(11000);
	reattach();
	memset(device_block(model.device,
			    cachefs_region_start(&model.cache->geo, 0)), 0xff,
	       3 * CACHEFS_BLOCK_SIZE);
	reads = model.device->reads;
	for (i = 0; i < 20; i++)
		model_read(1, 2 * i, 1);
	shim_run();
	EXPECT_EQ(model.device->reads, reads + 1);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 1);
	EXPECT_EQ(model_count_cached(1), 0);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_ACTIVE);
}

/* The third metadata block of the second region cannot be read: its records are lost. */
static void one_block_of_metadata_is_lost(bool clean)
{
	unsigned int v, live;
	u64 bad;

	large();
	for (v = 1; v < MODEL_VERSIONS; v++)
		store_all(v);
	shim_advance_ms(11000);
	/* The second region has blocks of versions 3 to 6. */
	bad = cachefs_region_start(&model.cache->geo, 1) + 2;
	if (clean)
		model_detach();
	else
		cut_power(DEVICE_KEEPS_ALL);
	bad_blocks(bad, 1);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(shim_log_has("unclean"), !clean);
	for (v = 1; v < MODEL_VERSIONS; v++)
		model_read_cached(v, 0);
	EXPECT_EQ(model.mismatches, 0);
	/* After a crash, the bisection and the recovery read the block, too. */
	EXPECT_EQ(stat(CACHEFS_STAT_READ_ERRORS), clean ? 1 : 3);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
	EXPECT_EQ(model_count_cached(1), 200);
	EXPECT_EQ(model_count_cached(2), 200);
	EXPECT_EQ(model_count_cached(7), 200);
	/* A checkpoint costs more: an extent may have slots of two metadata blocks. */
	live = LARGE_SLOTS - CACHEFS_RECORDS_PER_BLOCK;
	EXPECT(model.cache->regions[1].live <= live);
	EXPECT(model.cache->regions[1].live >= live - (clean ? 2 * 60 : 0));
	check_index(model.cache);
}

static void unreadable_block_of_metadata_costs_what_it_says(void)
{
	one_block_of_metadata_is_lost(true);
}

static void unreadable_block_at_a_scan_costs_what_it_says(void)
{
	one_block_of_metadata_is_lost(false);
}

/* Let a second pass at each read, so that each error counts. */
static void time_passes(void)
{
	shim_now_ns += NSEC_PER_SEC;
}

/* A disk has more than 16 bad spots, each in another region. */
static void scan_of_a_bad_disk(void)
{
	unsigned int i;
	s64 errors;

	model_format(CACHEFS_FIRST_BLOCK + 64 * TINY_REGION_BLOCKS +
		     CACHEFS_LAST_BLOCKS, TINY_REGION_BLOCKS);
	EXPECT_EQ(model_attach(), 0);
	for (i = 0; i < 50; i++) {
		model_new_version(1, TINY_SLOTS);
		EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS), 0);
		shim_run();
	}
	EXPECT_EQ(model.cache->live_blocks, 50 * TINY_SLOTS);
	shim_advance_ms(11000);
	cut_power(DEVICE_KEEPS_ALL);
	/* All regions are bad, as if the disk was gone. */
	bad_blocks(CACHEFS_FIRST_BLOCK, 64 * TINY_REGION_BLOCKS);
	EXPECT_EQ(model_attach(), -EIO);
	/* Every second region is bad. */
	bad_blocks(CACHEFS_FIRST_BLOCK + TINY_REGION_BLOCKS, 3);
	model.device->bad_period = 2 * TINY_REGION_BLOCKS;
	EXPECT_EQ(model_attach_only(), 0);
	/* Errors of the regions that the attach has looked at. */
	errors = stat(CACHEFS_STAT_READ_ERRORS);
	/* Three regions are ready to be reused, and are not read.  Two of them are bad. */
	EXPECT_EQ(model.cache->unscanned, 61);
	model.device->reading = time_passes;
	model_recover();
	model.device->reading = NULL;
	EXPECT_EQ(stat(CACHEFS_STAT_READ_ERRORS) - errors, 32 - 2);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
}

static void read_the_other(void)
{
	model.device->reading = NULL;
	EXPECT_EQ(model_read_now(2, 0, TINY_SLOTS), 0);
}

/* Load the checksums of one region while those of another are on their way. */
static void checksums_of_regions_are_loaded_at_a_time(void)
{
	two_regions();
	model.device->reading = read_the_other;
	EXPECT_EQ(model_read_now(1, 0, TINY_SLOTS), 0);
	EXPECT(!model.device->reading);
}

static void each_cached_block_is_read(unsigned int v)
{
	unsigned int i;

	for (i = 0; i < 200; i++)
		if (model_cached(v, i))
			EXPECT_EQ(model_read_now(v, i, 1), 0);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
	check_index(model.cache);
}

/* A checkpoint lies behind a block that takes no writes.  A READY region may have one. */
static void bad_block_where_the_checkpoint_comes(void)
{
	static const unsigned int places[] = { 0, 2, 20 };
	const struct cachefs_cache *cache;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		tiny();
		EXPECT_EQ(model_store_now(1, 0, 16), 0);
		cache = model.cache;
		EXPECT(cache->nr_ready);
		bad_blocks(cachefs_region_start(&cache->geo,
						(cache->head + cache->geo.nr_regions -
						 cache->nr_ready) % cache->geo.nr_regions) +
			   places[i], 1);
		model_detach();
		EXPECT(!shim_log_has("no checkpoint"));
		EXPECT_EQ(model_attach(), 0);
		EXPECT(!shim_log_has("unclean stop"));
		EXPECT_EQ(model_count_cached(1), 16);
		model.device->bad_end = 0;
		model_read_cached(1, 0);
		EXPECT_EQ(model.mismatches, 0);
		model_detach();
	}
}

/*
 * If no READY region takes writes, the oldest data makes room.  There are so many extents
 * that a checkpoint needs more than the scratch blocks of a region.
 */
static void bad_ready_regions_at_a_detach(void)
{
	unsigned int i;
	u32 first;
	int v;

	tiny();
	for (v = 0; v < TINY_REGIONS + 2; v++) {
		model_new_version(v % MODEL_VERSIONS, 2 * TINY_SLOTS);
		for (i = 0; i < TINY_SLOTS; i++)
			EXPECT_EQ(model_store_now(v % MODEL_VERSIONS, 2 * i, 1), 0);
		shim_run();
	}
	EXPECT_EQ(model.cache->nr_ready, 2);
	first = model.cache->head - 2;
	EXPECT(first + 2 < TINY_REGIONS);
	EXPECT(model.cache->regions[first + 2].nr_extents);
	bad_blocks(cachefs_region_start(&model.cache->geo, first), 2 * TINY_REGION_BLOCKS);
	model_detach();
	model.device->bad_end = 0;
	EXPECT_EQ(model_attach(), 0);
	EXPECT(!shim_log_has("unclean stop"));
	EXPECT(model_count_cached(1));
	for (v = 0; v < MODEL_VERSIONS; v++)
		model_read_cached(v, 0);
	EXPECT_EQ(model.mismatches, 0);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
}

static unsigned int slow_writes;

static void write_slowly(void)
{
	slow_writes++;
	shim_advance_ms(7000);
}

/* A device that takes long to refuse a write does not hold a detach for each write. */
static void slow_errors_at_a_detach(void)
{
	unsigned int before;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS), 0);
	shim_advance_ms(11000);
	EXPECT_EQ(model.cache->nr_ready, 2);
	model.device->write_errors = 1000;
	model.device->meanwhile = write_slowly;
	before = slow_writes;
	model_detach();
	model.device->meanwhile = NULL;
	model.device->write_errors = 0;
	EXPECT(shim_log_has("no checkpoint"));
	/* Writes to two READY regions, and one try of a checkpoint. */
	EXPECT_EQ(slow_writes - before, 3);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model_count_cached(1), TINY_SLOTS);
}

/* Blocks whose records the disk does not take are in no checkpoint. */
static void without_records(unsigned int nr, int error, bool readable)
{
	tiny();
	model.versions[1].base = 0;
	bad_blocks(cachefs_region_start(&model.cache->geo, 0), 3);
	model.device->bad_is_readable = readable;
	model.device->write_errno = error;
	EXPECT_EQ(model_store_now(1, 0, nr), 0);
	shim_advance_ms(11000);
	/* The checksums are in memory. */
	EXPECT_EQ(model_read_now(1, 0, nr), 0);
	model_detach();
	bad_blocks(0, 0);
	EXPECT_EQ(model_attach(), 0);
	EXPECT(!shim_log_has("unclean"));
	EXPECT_EQ(model_count_cached(1), 0);
	each_cached_block_is_read(1);
}

static void full_region_without_records(void)
{
	without_records(TINY_SLOTS, -EREMOTEIO, true);
	model_exit();
	without_records(TINY_SLOTS, -EREMOTEIO, false);
}

static void open_region_without_records(void)
{
	without_records(10, -EREMOTEIO, true);
	model_exit();
	without_records(10, -EREMOTEIO, false);
}

static void no_room_for_records(void)
{
	without_records(TINY_SLOTS, -ENOSPC, true);
	model_exit();
	without_records(10, -ENOSPC, true);
}

/* The third block of metadata of a full region cannot be written. */
static void part_without_records(bool short_of_memory)
{
	unsigned int v, cached;

	large();
	bad_blocks(cachefs_region_start(&model.cache->geo, 0) + 2, 1);
	model.device->bad_is_readable = true;
	model.device->write_errno = -EREMOTEIO;
	for (v = 1; v < 4; v++) {
		store_all(v);
		shim_advance_ms(6000);
	}
	/* The blocks can still be verified, until memory is short. */
	each_cached_block_is_read(3);
	EXPECT_EQ(model_count_cached(3), 200);
	if (short_of_memory) {
		cachefs_region_drop_checksums(model.cache, 100);
		each_cached_block_is_read(1);
		model_read(3, 0, 1);
		shim_run();
		each_cached_block_is_read(2);
	}
	model_detach();
	bad_blocks(0, 0);
	EXPECT_EQ(model_attach(), 0);
	/* A scratch block has the records of the second or the third block. */
	EXPECT_EQ(model_count_cached(1), 200);
	cached = model_count_cached(2);
	for (v = 1; v < 4; v++)
		each_cached_block_is_read(v);
	EXPECT_EQ(model_count_cached(2), cached);
}

static void part_of_a_region_without_records(void)
{
	part_without_records(false);
}

static void checksums_without_records(void)
{
	part_without_records(true);
}

/* One block of metadata cannot be written, and all of them are finished at once. */
static void bad_block_in_a_run_of_metadata(void)
{
	unsigned int v, cached = 0;

	large();
	bad_blocks(cachefs_region_start(&model.cache->geo, 0) + 1, 1);
	model.device->bad_is_readable = true;
	model.device->write_errno = -EREMOTEIO;
	for (v = 1; v < 4; v++)
		store_all(v);
	shim_advance_ms(6000);
	model_detach();
	bad_blocks(0, 0);
	EXPECT_EQ(model_attach(), 0);
	/* A scratch block has the records of the bad block. */
	for (v = 1; v < 4; v++) {
		cached += model_count_cached(v);
		each_cached_block_is_read(v);
	}
	EXPECT_EQ(cached, 600);
}

/* No block of metadata can be written, so none of them is tried by itself. */
static void no_room_for_a_run_of_metadata(void)
{
	unsigned int block;
	u64 writes;

	large();
	bad_blocks(cachefs_region_start(&model.cache->geo, 0), LARGE_REGION - LARGE_SLOTS);
	model.device->bad_is_readable = true;
	model.device->write_errno = -ENOSPC;
	writes = model.device->writes;
	/* Some are refused, when the device has taken no metadata. */
	for (block = 0; block < 180; block += 60) {
		model_store_now(1, block, 60);
		model_store_now(2, block, 60);
		model_store_now(3, block, 60);
	}
	shim_advance_ms(6000);
	/* With data and all: 39 requests; 55 if each block were tried. */
	EXPECT(model.device->writes - writes < 50);
}

/*
 * A detach leaves a region of which most slots have no block, and so no record.  A read
 * from this region does not look for such blocks in the whole index.
 */
static void records_of_slots_without_blocks_are_not_missed(void)
{
	large();
	EXPECT_EQ(model_store_now(1, 0, 60), 0);
	reattach();
	EXPECT_EQ(model.cache->regions[0].end, 60);
	mutex_lock(&model.cache->index.grow_mutex);
	EXPECT_EQ(model_read_now(1, 0, 60), 0);
	mutex_unlock(&model.cache->index.grow_mutex);
	/* The next round of the region has blocks of its own. */
	cachefs_index_forget(model.cache, 0);
	EXPECT_EQ(model.cache->regions[0].end, 0);
}

/* There is no memory to ask the disk which records it has. */
static void no_memory_for_records(void)
{
	unsigned int n;

	for (n = 1; n < 4; n++) {
		large();
		bad_blocks(cachefs_region_start(&model.cache->geo, 0) + 1, 1);
		model.device->write_errno = -EREMOTEIO;
		store_all(1);
		store_all(2);
		shim_advance_ms(6000);
		shim_fail_alloc(n);
		model_detach();
		EXPECT(shim_alloc_failed());
		shim_fail_alloc(0);
		bad_blocks(0, 0);
		EXPECT_EQ(model_attach(), 0);
		each_cached_block_is_read(1);
		each_cached_block_is_read(2);
		model_exit();
	}
}

/* There is no walk over all regions for checksums that are needed. */
static void needed_checksums_are_not_looked_for(void)
{
	tiny();
	EXPECT(model.cache->nr_ready);
	EXPECT_EQ(cachefs_checksums_spare(model.cache), 0);
	model.cache->shrink_hand = 1000;
	EXPECT_EQ(cachefs_region_drop_checksums(model.cache, 100), 0);
	EXPECT_EQ(model.cache->shrink_hand, 1000);
	/* Nor for the checksums of the region that is being written. */
	EXPECT_EQ(model_store_now(3, 0, 5), 0);
	EXPECT(model.cache->current_region);
	EXPECT_EQ(cachefs_checksums_spare(model.cache), 0);
	/* The checksums of a full region can go. */
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS), 0);
	shim_advance_ms(1000);
	EXPECT_EQ(cachefs_checksums_spare(model.cache), 1);
	EXPECT_EQ(cachefs_region_drop_checksums(model.cache, 100), 1);
	EXPECT_EQ(cachefs_checksums_spare(model.cache), 0);
}

const struct test_case metadata_cases[] = {
	CASE(unreadable_metadata_is_read_once),
	CASE(damaged_metadata_is_read_once),
	CASE(unreadable_block_of_metadata_costs_what_it_says),
	CASE(unreadable_block_at_a_scan_costs_what_it_says),
	CASE(scan_of_a_bad_disk),
	CASE(checksums_of_regions_are_loaded_at_a_time),
	CASE(needed_checksums_are_not_looked_for),
	CASE(bad_block_where_the_checkpoint_comes),
	CASE(bad_ready_regions_at_a_detach),
	CASE(slow_errors_at_a_detach),
	CASE(full_region_without_records),
	CASE(open_region_without_records),
	CASE(no_room_for_records),
	CASE(part_of_a_region_without_records),
	CASE(checksums_without_records),
	CASE(bad_block_in_a_run_of_metadata),
	CASE(no_room_for_a_run_of_metadata),
	CASE(records_of_slots_without_blocks_are_not_missed),
	CASE(no_memory_for_records),
	{}
};
