// SPDX-License-Identifier: GPL-2.0
/* A device that gives errors, has no room, or is gone; and a task that is killed. */
#include "cases.h"

/* Regions of five metadata blocks, for 507 slots. */
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

static void bad_blocks(u64 start, unsigned int nr)
{
	model.device->bad_start = start;
	model.device->bad_end = start + nr;
}

static bool wanted(void)
{
	struct cachefs_version version = {};

	return cachefs_store_wanted(model.cache, &version, 0,
				    CACHEFS_BLOCK_SIZE);
}

/* Store a block while all is well, and fail to read it. */
static void one_read_error(void)
{
	struct cachefs_device *device = model.device;

	device->read_errors = 0;
	model_new_version(3, 1);
	EXPECT_EQ(model_store_now(3, 0, 1), 0);
	device->read_errors = 1000;
	EXPECT_EQ(model_read_now(3, 0, 1), -EIO);
	EXPECT(!model_cached(3, 0));
	device->read_errors = 0;
}

static void errors_in_a_row_fail(void)
{
	unsigned int i;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 50), 0);
	for (i = 0; i < CACHEFS_MAX_ERRORS; i++) {
		EXPECT_EQ(cachefs_state(model.cache), i ? CACHEFS_DEGRADED :
							  CACHEFS_ACTIVE);
		EXPECT(model_cached(1, 0));
		one_read_error();
		EXPECT_EQ(stat(CACHEFS_STAT_READ_ERRORS), i + 1);
		shim_advance_ms(1000);
	}
	EXPECT(shim_log_has("16 errors in a row"));
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_FAILED);
	EXPECT(!model_cached(1, 0));
	EXPECT_EQ(model_read_now(1, 0, 1), -ENODATA);
	EXPECT_EQ(model_store_now(1, 100, 1), -ENOBUFS);
	EXPECT(!wanted());
}

/* All that was under way when a path failed, and time that heals. */
static void errors_of_a_moment_are_one(void)
{
	unsigned int i;

	tiny();
	for (i = 0; i < 10 * CACHEFS_MAX_ERRORS; i++)
		one_read_error();
	EXPECT_EQ(stat(CACHEFS_STAT_READ_ERRORS), 10 * CACHEFS_MAX_ERRORS);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
	shim_advance_ms(299000);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
	shim_advance_ms(2000);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_ACTIVE);
}

static void errors_age(void)
{
	unsigned int i;

	tiny();
	for (i = 0; i < 3 * CACHEFS_MAX_ERRORS; i++) {
		one_read_error();
		shim_advance_ms(301000);
	}
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_ACTIVE);
}

static void read_that_works_ends_the_row(void)
{
	unsigned int i;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 50), 0);
	for (i = 0; i < 3 * CACHEFS_MAX_ERRORS; i++) {
		one_read_error();
		shim_advance_ms(1000);
		/* Large ones are verified elsewhere. */
		if (i % 8 == 7)
			EXPECT_EQ(model_read_now(1, 0, i & 8 ? 1 : 50), 0);
	}
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
}

/* The block that could not be read or written. */
static void log_names_the_block(void)
{
	char text[64];
	u64 at;

	tiny();
	at = cachefs_slot_block(&model.cache->geo, 0, 7);
	EXPECT_EQ(model_store_now(1, 0, 20), 0);
	bad_blocks(at, 1);
	EXPECT_EQ(model_read_now(1, 7, 1), -EIO);
	snprintf(text, sizeof(text), "read error -5 at block %llu\n",
		 (unsigned long long)at);
	EXPECT(shim_log_has(text));
	model.device->bad_end = 0;
	EXPECT_EQ(model_store_now(2, 0, 1), 0);
	bad_blocks(cachefs_slot_block(&model.cache->geo, 0, 21), 1);
	EXPECT_EQ(model_store_now(2, 1, 1), -EIO);
	snprintf(text, sizeof(text), "write error -5 at block %llu\n",
		 (unsigned long long)at + 14);
	EXPECT(shim_log_has(text));
}

/* As many extents as there are slots, in a region whose metadata is bad. */
static void unreadable_metadata_is_read_once(void)
{
	unsigned int i;
	u64 reads;

	tiny();
	for (i = 0; i < TINY_SLOTS; i++)
		EXPECT_EQ(model_store_now(1, 2 * i % 198 + i / 50, 1), 0);
	EXPECT_EQ(model_store_now(2, 0, 10), 0);
	shim_advance_ms(11000);
	reattach();
	EXPECT(model_count_cached(1) >= 40);
	bad_blocks(cachefs_region_start(&model.cache->geo, 0), 3);
	reads = model.device->reads;
	for (i = 0; i < 20; i++)
		model_read(1, 2 * i, 1);
	shim_run();
	/* All of it, and then each block. */
	EXPECT_EQ(model.device->reads, reads + 4);
	EXPECT_EQ(stat(CACHEFS_STAT_READ_ERRORS), 1);
	EXPECT_EQ(model_count_cached(1), 0);
	EXPECT_EQ(model_read_now(2, 0, 10), 0);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
	check_index(model.cache);
	/* When it is reused, all is well with it. */
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

/* Two regions of 400 blocks and more; what the third metadata block says is lost. */
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
	EXPECT_EQ(stat(CACHEFS_STAT_READ_ERRORS), clean ? 1 : 2);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
	EXPECT_EQ(model_count_cached(1), 200);
	EXPECT_EQ(model_count_cached(2), 200);
	EXPECT_EQ(model_count_cached(7), 200);
	/* A little more from a checkpoint, where an extent lies in two blocks' slots. */
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

/* More than 16 spots in one disk, and each region has one. */
static void scan_of_a_bad_disk(void)
{
	unsigned int i;

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
	/* So many in a row that it looks as if the disk was gone. */
	bad_blocks(CACHEFS_FIRST_BLOCK, 64 * TINY_REGION_BLOCKS);
	EXPECT_EQ(model_attach(), -EIO);
	/* Every second region. */
	bad_blocks(CACHEFS_FIRST_BLOCK + TINY_REGION_BLOCKS, 3);
	model.device->bad_period = 2 * TINY_REGION_BLOCKS;
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(stat(CACHEFS_STAT_READ_ERRORS), 32);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
}

/* Blocks of regions 0 and 1, in memory that has no checksums. */
static void two_regions(void)
{
	tiny();
	/* In one I/O each. */
	model.versions[1].base = 0;
	model.versions[2].base = 0;
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS), 0);
	EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
	EXPECT_EQ(model_store_now(3, 0, 1), 0);
	shim_advance_ms(11000);
	reattach();
}

static void read_the_other(void)
{
	model.device->reading = NULL;
	EXPECT_EQ(model_read_now(2, 0, TINY_SLOTS), 0);
}

/* While those of one region are on their way. */
static void checksums_of_regions_are_loaded_at_a_time(void)
{
	two_regions();
	model.device->reading = read_the_other;
	EXPECT_EQ(model_read_now(1, 0, TINY_SLOTS), 0);
	EXPECT(!model.device->reading);
}

static void no_room(bool full)
{
	model.device->write_errors = full ? 1000 : 0;
	model.device->write_errno = -ENOSPC;
}

static void device_without_room(void)
{
	unsigned int i, tries = 0;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 50), 0);
	no_room(true);
	for (i = 0; i < 200; i++) {
		if (wanted()) {
			tries++;
			EXPECT_EQ(model_store_now(2, i, 1), -ENOSPC);
		}
		EXPECT_EQ(model_read_now(1, 0, 50), 0);
		shim_advance_ms(500);
	}
	/* Every five seconds. */
	EXPECT_EQ(tries, 20);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_ACTIVE);
	EXPECT_EQ(stat(CACHEFS_STAT_WRITE_ERRORS), 0);
	EXPECT(shim_log_has("no room below the device"));
	shim_log_clear();
	shim_advance_ms(5000);
	EXPECT(wanted());
	EXPECT(!wanted());
	EXPECT(!cachefs_store_room(model.cache));
	/* Nor does writeback try, which nobody has asked before. */
	model.may_wait = true;
	EXPECT_EQ(model_store_now(2, 0, 1), -ENOBUFS);
	model.may_wait = false;
	EXPECT(!shim_log_has("no room"));

	no_room(false);
	shim_advance_ms(5000);
	EXPECT(cachefs_store_room(model.cache));
	EXPECT(wanted());
	EXPECT_EQ(model_store_now(2, 0, 10), 0);
	EXPECT(wanted());
	EXPECT(wanted());
	EXPECT_EQ(model_read_now(1, 0, 50), 0);
	EXPECT_EQ(model_read_now(2, 0, 10), 0);
}

/* Metadata for which there was no room is written when there is some. */
static void metadata_without_room(void)
{
	tiny();
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS - 1), 0);
	no_room(true);
	shim_advance_ms(20000);
	EXPECT_EQ(model_store_now(2, 0, 2), -ENOSPC);
	shim_advance_ms(20000);
	EXPECT_EQ(model_read_now(1, 0, TINY_SLOTS - 1), 0);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_ACTIVE);
	no_room(false);
	shim_advance_ms(5000);
	EXPECT_EQ(model_store_now(2, 0, 2), 0);
	shim_advance_ms(11000);
	lose_power(DEVICE_KEEPS_ALL);
	EXPECT_EQ(model_read_now(1, 0, TINY_SLOTS - 1), 0);
	EXPECT_EQ(model_read_now(2, 0, 2), 0);
}

/* No region of the log comes before one of which the disk knows nothing. */
static void log_waits_for_room(void)
{
	unsigned int i;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 50), 0);
	no_room(true);
	for (i = 0; i < 6; i++) {
		take_slots(true);
		shim_advance_ms(6000);
	}
	EXPECT_EQ(model.cache->nr_ready, 0);
	no_room(false);
	shim_advance_ms(6000);
	EXPECT(model.cache->nr_ready);
	EXPECT_EQ(model_store_now(2, 0, 50), 0);
	shim_advance_ms(11000);
	lose_power(DEVICE_KEEPS_ALL);
	EXPECT_EQ(model_count_cached(1), 50);
	EXPECT_EQ(model_count_cached(2), 50);
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
	/* They can still be verified, until memory is short. */
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

/* Nor can the disk be asked what it has. */
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
		shim_fail_alloc(0);
		bad_blocks(0, 0);
		EXPECT_EQ(model_attach(), 0);
		each_cached_block_is_read(1);
		each_cached_block_is_read(2);
		model_exit();
	}
}

/* A disk that has become read-only, or a full one that does not say so. */
static void device_that_cannot_be_written(void)
{
	unsigned int i, tries = 0;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 50), 0);
	model.device->write_errors = 1000;
	for (i = 0; i < 200; i++) {
		if (wanted()) {
			tries++;
			EXPECT_EQ(model_store_now(2, i, 1), -EIO);
		}
		shim_advance_ms(500);
	}
	EXPECT(tries > 2 * CACHEFS_MAX_ERRORS && tries < 4 * CACHEFS_MAX_ERRORS);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
	EXPECT(shim_log_has("nothing can be written"));
	EXPECT_EQ(model_read_now(1, 0, 50), 0);
	model.device->write_errors = 0;
	shim_advance_ms(5000);
	EXPECT(wanted());
	EXPECT_EQ(model_store_now(2, 0, 10), 0);
	EXPECT(wanted());
}

/* It may be that nobody reads from it any more. */
static void device_that_is_gone(void)
{
	unsigned int i;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 50), 0);
	model.device->write_errors = 1000;
	model.device->read_errors = 1000;
	for (i = 0; i < 20; i++) {
		model_store(2, i, 1, 0);
		shim_advance_ms(1000);
	}
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_FAILED);
}

static void fail_now(void)
{
	unsigned int i;

	for (i = 0; i < CACHEFS_MAX_ERRORS; i++) {
		one_read_error();
		shim_advance_ms(1000);
	}
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_FAILED);
}

static void failed_cache_is_used_again(void)
{
	tiny();
	EXPECT_EQ(model_store_now(1, 0, 50), 0);
	EXPECT_EQ(model_store_now(2, 0, 50), 0);
	EXPECT_EQ(model_store_now(4, 0, 1), 0);
	fail_now();
	EXPECT_EQ(cachefs_use_again(model.cache), 0);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_ACTIVE);
	EXPECT_EQ(model_read_now(1, 0, 50), 0);
	EXPECT_EQ(model_store_now(5, 0, 1), 0);
	EXPECT_EQ(model_read_now(5, 0, 1), 0);
	shim_advance_ms(11000);
	lose_power(DEVICE_KEEPS_ALL);
	EXPECT_EQ(model_count_cached(1), 50);
	EXPECT_EQ(model_count_cached(2), 50);
	/* Errors are forgotten. */
	one_read_error();
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
	EXPECT_EQ(cachefs_use_again(model.cache), 0);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_ACTIVE);
	cachefs_quiesce(model.cache);
	EXPECT_EQ(cachefs_use_again(model.cache), -EBUSY);
}

static unsigned int told;

static void count_told(struct cachefs_cache *cache)
{
	EXPECT(cache == model.cache);
	told++;
}

/* Each state that sysfs can show, and nobody is told for nothing. */
static void each_state_is_told(void)
{
	unsigned int i;

	tiny();
	told = 0;
	model.cache->state_changed = count_told;
	EXPECT_EQ(model_store_now(1, 0, 50), 0);
	EXPECT_EQ(model_read_now(1, 0, 50), 0);
	EXPECT_EQ(told, 0);
	one_read_error();
	EXPECT_EQ(told, 1);
	/* Of the same second. */
	one_read_error();
	EXPECT_EQ(told, 1);
	for (i = 1; i < CACHEFS_MAX_ERRORS; i++) {
		shim_advance_ms(1000);
		one_read_error();
	}
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_FAILED);
	EXPECT_EQ(told, CACHEFS_MAX_ERRORS + 1);
	EXPECT_EQ(cachefs_use_again(model.cache), 0);
	EXPECT_EQ(told, CACHEFS_MAX_ERRORS + 2);
	cachefs_device_gone(model.cache);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_FAILED);
	EXPECT_EQ(told, CACHEFS_MAX_ERRORS + 3);
	cachefs_device_gone(model.cache);
	EXPECT_EQ(told, CACHEFS_MAX_ERRORS + 3);
}

static void kill_reader(void)
{
	shim_killed = true;
}

/* At each of its reads; a later attach finds everything. */
static void killed_attach(bool clean)
{
	unsigned int killed = 0;
	u64 reads;
	int ret;

	two_regions();
	if (clean)
		model_detach();
	else
		cut_power(DEVICE_KEEPS_ALL);
	model.device->reading = kill_reader;
	reads = model.device->reads;
	ret = model_attach();
	model.device->reading = NULL;
	shim_killed = false;
	EXPECT_EQ(ret, -EINTR);
	EXPECT(!shim_log_has("unusable"));
	/* Of a scan, not even a region of each reader. */
	killed = model.device->reads - reads;
	EXPECT(killed < 4 + TINY_REGIONS);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(shim_log_has("unclean"), !clean);
	EXPECT_EQ(model_read_now(1, 0, TINY_SLOTS), 0);
	EXPECT_EQ(model_read_now(2, 0, TINY_SLOTS), 0);
}

static void killed_while_it_scans(void)
{
	killed_attach(false);
}

static void killed_while_it_loads_the_checkpoint(void)
{
	killed_attach(true);
}

/* Whatever goes through all regions of a large device lets others run. */
static void others_run_meanwhile(void)
{
	struct cachefs_anchor *anchor;
	u64 rescheds, regions, pages;

	model_format(1ULL << (40 - CACHEFS_BLOCK_SHIFT), 1024);
	rescheds = shim_rescheds;
	EXPECT_EQ(model_attach(), 0);
	/* The pages of the index are made. */
	EXPECT(shim_rescheds - rescheds >= 2ULL << model.cache->index.low_bits);
	regions = model.cache->geo.nr_regions;
	EXPECT_EQ(model_store_now(1, 0, 1), 0);
	anchor = device_block(model.device, CACHEFS_ANCHOR_BLOCK +
			      ((model.cache->anchor_generation + 1) & 1));
	pages = model.cache->index.nr_pages;
	rescheds = shim_rescheds;
	model_detach();
	/* Room is made, all is written, and all is freed. */
	EXPECT(shim_rescheds - rescheds >= 3 * regions + 2 * pages);
	memset(device_block(model.device, CACHEFS_FIRST_BLOCK +
			    le32_to_cpu(anchor->ckpt_region) * 1024), 0,
	       CACHEFS_BLOCK_SIZE);
	rescheds = shim_rescheds;
	EXPECT_EQ(model_attach(), 0);
	EXPECT(shim_log_has("checkpoint unusable"));
	/* All is forgotten, read, and judged. */
	EXPECT(shim_rescheds - rescheds >= 3 * regions);
}

const struct test_case error_cases[] = {
	CASE(errors_in_a_row_fail),
	CASE(errors_of_a_moment_are_one),
	CASE(errors_age),
	CASE(read_that_works_ends_the_row),
	CASE(log_names_the_block),
	CASE(unreadable_metadata_is_read_once),
	CASE(damaged_metadata_is_read_once),
	CASE(unreadable_block_of_metadata_costs_what_it_says),
	CASE(unreadable_block_at_a_scan_costs_what_it_says),
	CASE(scan_of_a_bad_disk),
	CASE(checksums_of_regions_are_loaded_at_a_time),
	CASE(device_without_room),
	CASE(metadata_without_room),
	CASE(log_waits_for_room),
	CASE(full_region_without_records),
	CASE(open_region_without_records),
	CASE(no_room_for_records),
	CASE(part_of_a_region_without_records),
	CASE(checksums_without_records),
	CASE(no_memory_for_records),
	CASE(device_that_cannot_be_written),
	CASE(device_that_is_gone),
	CASE(failed_cache_is_used_again),
	CASE(each_state_is_told),
	CASE(killed_while_it_scans),
	CASE(killed_while_it_loads_the_checkpoint),
	CASE(others_run_meanwhile),
	{}
};
