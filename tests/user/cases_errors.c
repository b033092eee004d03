// SPDX-License-Identifier: GPL-2.0
/* A device that gives errors, has no room, or is gone. */
#include "cases.h"

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

/* The log looks for a block that can be read. */
static void nothing_can_be_read(void)
{
	model.device->read_errors = 1000;
	shim_advance_ms(1000);
	model.device->read_errors = 0;
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
	/* Other blocks could be read. */
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
	one_read_error();
	nothing_can_be_read();
	EXPECT(shim_log_has("16 errors in a row"));
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_FAILED);
	EXPECT(!model_cached(1, 0));
	EXPECT_EQ(model_read_now(1, 0, 1), -ENODATA);
	EXPECT_EQ(model_store_now(1, 100, 1), -ENOBUFS);
	EXPECT_REFUSED(UNUSABLE);
	EXPECT(!wanted());
	EXPECT_REFUSED(UNUSABLE);
}

/* Many small files lie side by side, and nothing else is read. */
static void bad_spot_costs_only_what_is_in_it(void)
{
	unsigned int i;

	tiny();
	for (i = 0; i < CACHEFS_MAX_ERRORS + 4; i++)
		EXPECT_EQ(model_store_now(2, 2 * i, 1), 0);
	EXPECT_EQ(model_store_now(1, 0, 20), 0);
	bad_blocks(cachefs_slot_block(&model.cache->geo, 0, 0), CACHEFS_MAX_ERRORS + 4);
	for (i = 0; i < CACHEFS_MAX_ERRORS + 4; i++) {
		EXPECT_EQ(model_read_now(2, 2 * i, 1), -EIO);
		shim_advance_ms(1000);
	}
	bad_blocks(0, 0);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
	EXPECT_EQ(model_count_cached(2), 0);
	EXPECT_EQ(model_read_now(1, 0, 20), 0);
	EXPECT_EQ(model_store_now(2, 0, 1), 0);
}

/* Errors of I/O that was under way when a path failed count as one, and age. */
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
		/* Large reads are verified elsewhere. */
		if (i % 8 == 7)
			EXPECT_EQ(model_read_now(1, 0, i & 8 ? 1 : 50), 0);
	}
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
}

/* A message names the block that could not be read or written. */
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

static void no_room(bool full)
{
	model.device->write_errors = full ? 1000 : 0;
	model.device->write_errno = -ENOSPC;
}

/* Reads ask all the time whether to store.  Writeback brings the stores now and then. */
static void writeback_finds_room_again(void)
{
	unsigned int i, j;

	tiny();
	no_room(true);
	EXPECT_EQ(model_store_now(1, 0, 1), -ENOSPC);
	no_room(false);
	model.may_wait = true;
	for (i = 0; i < 3 && model.cache->stores_stopped; i++) {
		for (j = 0; j < 60; j++) {
			shim_advance_ms(100);
			wanted();
		}
		model_store_now(2, i, 1);
	}
	model.may_wait = false;
	EXPECT(!model.cache->stores_stopped);
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
	/* One try every five seconds. */
	EXPECT_EQ(tries, 20);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_ACTIVE);
	EXPECT_EQ(stat(CACHEFS_STAT_WRITE_ERRORS), 0);
	EXPECT(shim_log_has("no room below the device"));
	shim_log_clear();
	shim_advance_ms(5000);
	/* A question is no try. */
	EXPECT(wanted());
	EXPECT(wanted());
	EXPECT(cachefs_store_room(model.cache));
	/* Writeback tries, and then nothing else does. */
	model.may_wait = true;
	EXPECT_EQ(model_store_now(2, 0, 1), -ENOSPC);
	EXPECT(!wanted());
	EXPECT_REFUSED(NO_ROOM);
	EXPECT(!cachefs_store_room(model.cache));
	EXPECT_EQ(model_store_now(2, 0, 1), -ENOBUFS);
	EXPECT_REFUSED(NO_ROOM);
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

/* Metadata for which there was no room is written when there is room again. */
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

/* The log does not go past a region of which the disk knows nothing. */
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

static unsigned int regions_in_memory(void)
{
	unsigned int nr = 0, i;

	for (i = 0; i < model.cache->geo.nr_regions; i++)
		nr += !!model.cache->regions[i].open;
	return nr;
}

static u64 scratch_block(void)
{
	return cachefs_region_start(&model.cache->geo, model.cache->current_region->nr) +
		model.cache->geo.meta_blocks;
}

/* Both scratch blocks of the open region are bad, and nothing is stored for an hour. */
static void bad_metadata_does_not_end_storing(void)
{
	unsigned int i, errors;

	tiny();
	model.versions[1].base = 0;
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	bad_blocks(scratch_block(), CACHEFS_SCRATCH_BLOCKS);
	for (i = 0; i < 3600; i++) {
		shim_advance_ms(1000);
		EXPECT(cachefs_store_room(model.cache));
	}
	errors = stat(CACHEFS_STAT_WRITE_ERRORS);
	EXPECT(errors > 3 && errors < 30);
	EXPECT(!shim_log_has("nothing can be written"));
	/* After a store that works, the log tries again. */
	EXPECT_EQ(model_store_now(1, 5, 5), 0);
	shim_advance_ms(11000);
	EXPECT(stat(CACHEFS_STAT_WRITE_ERRORS) > errors);
	bad_blocks(0, 0);
	EXPECT_EQ(model_store_now(1, 10, 5), 0);
	shim_advance_ms(11000);
	lose_power(DEVICE_KEEPS_ALL);
	EXPECT_EQ(model_count_cached(1), 15);
}

/* The other scratch block takes the records at once, whichever of the two is next. */
static void one_bad_scratch_block_costs_nothing(void)
{
	unsigned int bad, end;

	for (bad = 0; bad < CACHEFS_SCRATCH_BLOCKS; bad++) {
		for (end = 0; end < 3; end++) {
			tiny();
			model.versions[1].base = 0;
			EXPECT_EQ(model_store_now(1, 0, 5), 0);
			shim_advance_ms(11000);
			bad_blocks(scratch_block() + bad, 1);
			EXPECT_EQ(model_store_now(1, 5, 5), 0);
			if (end)
				shim_advance_ms(11000);
			if (end == 2)
				lose_power(DEVICE_KEEPS_ALL);
			else
				reattach();
			EXPECT_EQ(model_count_cached(1), 10);
			EXPECT_EQ(model_read_now(1, 0, 10), 0);
			EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
			bad_blocks(0, 0);
			model_exit();
		}
	}
}

/* A detach does not forget records that the disk has taken in the end. */
static void records_that_are_written_later_count(void)
{
	tiny();
	model.versions[1].base = 0;
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	bad_blocks(scratch_block(), CACHEFS_SCRATCH_BLOCKS);
	shim_advance_ms(11000);
	EXPECT(stat(CACHEFS_STAT_WRITE_ERRORS));
	bad_blocks(0, 0);
	reattach();
	EXPECT_EQ(model_count_cached(1), 5);
	EXPECT_EQ(model_read_now(1, 0, 5), 0);
}

/* Store @nr versions, each as large as a region. */
static void store_regions(unsigned int version, unsigned int nr)
{
	for (; nr; nr--) {
		model_new_version(version, TINY_SLOTS);
		EXPECT_EQ(model_store_now(version, 0, TINY_SLOTS), 0);
		shim_advance_ms(200);
	}
}

/* The log is full, and hardly any region is let go for writes that fail. */
static void read_only_device_keeps_what_is_cached(void)
{
	unsigned int i, cached;

	tiny();
	store_regions(2, 2);
	model.versions[1].base = 0;
	EXPECT_EQ(model_store_now(1, 0, 50), 0);
	store_regions(2, TINY_REGIONS - 5);
	EXPECT(model.cache->live_blocks > 3 * TINY_SLOTS);
	cached = model.cache->live_blocks;
	model.device->write_errors = 1000;
	for (i = 0; i < 4000; i++) {
		model_new_version(3, 50);
		if (wanted())
			EXPECT(model_store_now(3, 0, 50) < 0);
		shim_advance_ms(500);
	}
	/* It takes two errors, a second apart, until the log looks. */
	EXPECT(model.cache->live_blocks + 2 * TINY_SLOTS >= cached);
	EXPECT_EQ(model_count_cached(1), 50);
	EXPECT_EQ(model_read_now(1, 0, 50), 0);
	EXPECT(regions_in_memory() <= cachefs_ready_regions(model.cache) + 1);
	/* The device takes writes again. */
	model.device->write_errors = 0;
	shim_advance_ms(10000);
	EXPECT(wanted());
	model_new_version(3, 50);
	EXPECT_EQ(model_store_now(3, 0, 50), 0);
	shim_advance_ms(10000);
	store_regions(3, TINY_REGIONS);
	EXPECT_EQ(model_count_cached(1), 0);
	check_index(model.cache);
}

/*
 * The log tries whether a region can be written.  Only a scratch block has the records of
 * the region, because the region was open at a detach.
 */
static void trying_to_write_costs_no_records(void)
{
	struct cachefs_meta_block *scratch;
	unsigned int i;

	tiny();
	model.versions[1].base = 0;
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	shim_advance_ms(11000);
	EXPECT_EQ(model_store_now(1, 5, 5), 0);
	scratch = device_block(model.device, scratch_block());
	reattach();
	EXPECT_EQ(le32_to_cpu(scratch->header.nr), 10);
	/* Let region 0 be the next one, with room before it is needed. */
	while (model.cache->head) {
		model_new_version(2, 20);
		EXPECT_EQ(model_store_now(2, 0, 20), 0);
		shim_advance_ms(200);
	}
	EXPECT_EQ(model_read_now(1, 0, 10), 0);
	model.device->write_errors = 1000;
	for (i = 0; i < 3; i++) {
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, i < 2 ? 1 : TINY_SLOTS), -EIO);
		shim_advance_ms(1000);
	}
	EXPECT_EQ(model.cache->head, 0);
	model.device->write_errors = 0;
	shim_advance_ms(1000);
	EXPECT(model.cache->head);
	EXPECT_EQ(model_count_cached(1), 10);
	EXPECT_EQ(model_read_now(1, 0, 10), 0);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
}

/* Store some data on a device that can neither be read nor written any more. */
static void lose_device(void)
{
	tiny();
	EXPECT_EQ(model_store_now(1, 0, 50), 0);
	model.device->write_errors = 1000;
	model.device->read_errors = 1000;
}

/* There are no reads, and no stores after the region that was open. */
static void log_notices_a_device_that_is_gone(void)
{
	unsigned int i;

	lose_device();
	for (i = 0; i < 5; i++) {
		model_new_version(2, TINY_SLOTS);
		model_store_now(2, 0, TINY_SLOTS);
		shim_advance_ms(1000);
	}
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
	shim_advance_ms(120 * 1000);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_FAILED);
	model.device->write_errors = 0;
	model.device->read_errors = 0;
}

/* Stores alone notice the loss, because there may be no reads any more. */
static void device_that_is_gone(void)
{
	unsigned int i;

	lose_device();
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
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
	one_read_error();
	nothing_can_be_read();
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

static void a_second_passes(void)
{
	shim_now_ns += NSEC_PER_SEC;
}

/* Each read of a failed device may take long, and the log must not read on and on. */
static void failed_device_is_left_alone(void)
{
	u64 reads;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 50), 0);
	model.device->reading = a_second_passes;
	fail_now();
	reads = model.device->reads;
	model.device->read_errors = 1000;
	cachefs_log_kick(model.cache);
	shim_advance_ms(20000);
	EXPECT_EQ(model.device->reads, reads);
	model.device->read_errors = 0;
	EXPECT_EQ(cachefs_use_again(model.cache), 0);
	/* An old suspicion is forgotten. */
	EXPECT(!model.cache->check_device);
	EXPECT_EQ(model_read_now(1, 0, 50), 0);
}

static unsigned int told;

static void count_told(struct cachefs_cache *cache)
{
	EXPECT(cache == model.cache);
	told++;
}

/* Each change that sysfs can show is told, and nothing else. */
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
	/* A second error in the same second. */
	one_read_error();
	EXPECT_EQ(told, 1);
	for (i = 1; i < CACHEFS_MAX_ERRORS; i++) {
		shim_advance_ms(1000);
		one_read_error();
	}
	nothing_can_be_read();
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_FAILED);
	EXPECT_EQ(told, CACHEFS_MAX_ERRORS + 1);
	EXPECT_EQ(cachefs_use_again(model.cache), 0);
	EXPECT_EQ(told, CACHEFS_MAX_ERRORS + 2);
	cachefs_device_gone(model.cache);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_FAILED);
	EXPECT_EQ(told, CACHEFS_MAX_ERRORS + 3);
	cachefs_device_gone(model.cache);
	EXPECT_EQ(told, CACHEFS_MAX_ERRORS + 3);
	/* The device is gone for good. */
	EXPECT_EQ(cachefs_use_again(model.cache), -ENODEV);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_FAILED);
	EXPECT_EQ(told, CACHEFS_MAX_ERRORS + 3);
}

const struct test_case error_cases[] = {
	CASE(errors_in_a_row_fail),
	CASE(bad_spot_costs_only_what_is_in_it),
	CASE(errors_of_a_moment_are_one),
	CASE(errors_age),
	CASE(read_that_works_ends_the_row),
	CASE(log_names_the_block),
	CASE(device_without_room),
	CASE(writeback_finds_room_again),
	CASE(metadata_without_room),
	CASE(log_waits_for_room),
	CASE(device_that_cannot_be_written),
	CASE(bad_metadata_does_not_end_storing),
	CASE(one_bad_scratch_block_costs_nothing),
	CASE(records_that_are_written_later_count),
	CASE(read_only_device_keeps_what_is_cached),
	CASE(trying_to_write_costs_no_records),
	CASE(device_that_is_gone),
	CASE(log_notices_a_device_that_is_gone),
	CASE(failed_cache_is_used_again),
	CASE(failed_device_is_left_alone),
	CASE(each_state_is_told),
	{}
};
