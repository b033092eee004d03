// SPDX-License-Identifier: GPL-2.0
/*
 * Lookup, read and store on a block device: a read gives the bytes that were stored,
 * or nothing.
 */
#include <kunit/test.h>
#include <linux/highmem.h>
#include "fixture.h"

#define SLOTS	(FIXTURE_REGION_BLOCKS - 3)	/* per region */

static struct fixture *start(struct kunit *test, struct cachefs_version *version)
{
	struct fixture *f = test->priv;

	fixture_version(f, "file", version);
	return f;
}

static bool is_cached(struct fixture *f, const struct cachefs_version *version,
		      u64 block)
{
	bool cached;

	cachefs_lookup(f->cache, version, block, 1, &cached);
	return cached;
}

/* Store blocks one by one.  Wait for a free region if there is none. */
static void store_patiently(struct fixture *f,
			    const struct cachefs_version *version, u64 block,
			    unsigned int nr)
{
	u64 end = block + nr;

	for (; block < end; block++)
		KUNIT_ASSERT_TRUE(f->test,
				  fixture_eventually(!fixture_store(f, version,
								    block, 1,
								    1)));
}

static void let_writes_go(struct fixture *f)
{
	WRITE_ONCE(f->ramdisk->hold_writes, false);
	ramdisk_kick(f->ramdisk);
}

static void stored_block_is_read_back(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);

	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 7, 1, 1), 0);
	KUNIT_EXPECT_TRUE(test, is_cached(f, &v, 7));
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 7, 1, 1), 0);
}

static void store_over_regions_and_chunks_is_read_back(struct kunit *test)
{
	unsigned int nr = 2 * SLOTS + 30;
	struct cachefs_version v;
	struct fixture *f = start(test, &v);

	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 100, 40, 1), 0);
	KUNIT_EXPECT_TRUE(test, fixture_ready(f));
	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 140, nr - 40, 1), 0);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 100, nr, 1), 0);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 127, 2, 1), 0);
}

static void read_in_another_order_and_size_is_right(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	int block;

	for (block = 20; block >= 0; block--)
		KUNIT_EXPECT_EQ(test, fixture_store(f, &v, block, 1, 1), 0);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 0, 21, 1), 0);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 3, 7, 1), 0);
}

static void read_of_what_is_not_cached_is_enodata(struct kunit *test)
{
	struct cachefs_version v, other;
	struct fixture *f = start(test, &v);

	fixture_version(f, "other", &other);
	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 7, 1, 1), 0);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 8, 1, 1), -ENODATA);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &other, 7, 1, 1), -ENODATA);
}

static void read_of_what_is_cached_in_part_is_enodata(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);

	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 0, 4, 1), 0);
	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 5, 4, 1), 0);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 0, 9, 1), -ENODATA);
	/* The blocks that are cached can still be read. */
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 5, 4, 1), 0);
}

static void lookup_tells_how_far_it_is_the_same(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	bool cached;

	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 126, 4, 1), 0);
	KUNIT_EXPECT_EQ(test, cachefs_lookup(f->cache, &v, 100, 200, &cached),
			26);
	KUNIT_EXPECT_FALSE(test, cached);
	KUNIT_EXPECT_EQ(test, cachefs_lookup(f->cache, &v, 126, 200, &cached),
			4);
	KUNIT_EXPECT_TRUE(test, cached);
	KUNIT_EXPECT_EQ(test, cachefs_lookup(f->cache, &v, 127, 2, &cached), 2);
	KUNIT_EXPECT_TRUE(test, cached);
	KUNIT_EXPECT_EQ(test, cachefs_lookup(f->cache, &v, 130, 500, &cached),
			500);
	KUNIT_EXPECT_FALSE(test, cached);
}

static void end_of_file_is_padded_with_zeros(struct kunit *test)
{
	size_t bytes = PAGE_SIZE + 1000;
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	struct transfer *in = transfer_alloc(f, 2), *out = transfer_alloc(f, 2);

	transfer_fill(in, 0, 1);
	transfer_store(f, in, &v, 0, bytes);
	KUNIT_EXPECT_EQ(test, transfer_wait(f, in), 0);
	KUNIT_EXPECT_EQ(test, in->store.stored, bytes);
	transfer_read(f, out, &v, 0);
	KUNIT_EXPECT_EQ(test, transfer_wait(f, out), 0);
	KUNIT_EXPECT_TRUE(test, transfer_matches(out, 0, 1, bytes));
	/* The caller's page has not changed. */
	KUNIT_EXPECT_TRUE(test, transfer_matches(in, 0, 1, 2 * PAGE_SIZE));
}

static void store_is_found_when_it_is_on_disk_and_not_before(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	struct transfer *t = transfer_alloc(f, 2);

	transfer_fill(t, 0, 1);
	WRITE_ONCE(f->ramdisk->hold_writes, true);
	transfer_store(f, t, &v, 0, 2 * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, ramdisk_wait_held(f->ramdisk));
	KUNIT_EXPECT_FALSE(test, is_cached(f, &v, 0));
	KUNIT_EXPECT_EQ(test, t->asked, 0);
	let_writes_go(f);
	KUNIT_EXPECT_EQ(test, transfer_wait(f, t), 0);
	KUNIT_EXPECT_EQ(test, t->asked, 1);
	KUNIT_EXPECT_TRUE(test, is_cached(f, &v, 0));
}

static void store_that_became_invalid_is_not_found(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	struct transfer *t = transfer_alloc(f, 2);

	transfer_fill(t, 0, 1);
	WRITE_ONCE(f->ramdisk->hold_writes, true);
	transfer_store(f, t, &v, 0, 2 * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, ramdisk_wait_held(f->ramdisk));
	WRITE_ONCE(t->valid, false);
	let_writes_go(f);
	KUNIT_EXPECT_EQ(test, transfer_wait(f, t), -ESTALE);
	KUNIT_EXPECT_EQ(test, t->store.stored, 0);
	KUNIT_EXPECT_FALSE(test, is_cached(f, &v, 0));
}

static void page_changed_on_its_way_is_not_served(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	struct transfer *t = transfer_alloc(f, 1);

	transfer_fill(t, 0, 1);
	WRITE_ONCE(f->ramdisk->hold_writes, true);
	transfer_store(f, t, &v, 0, PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, ramdisk_wait_held(f->ramdisk));
	transfer_fill(t, 0, 2);
	let_writes_go(f);
	KUNIT_EXPECT_EQ(test, transfer_wait(f, t), 0);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 0, 1, 1), -EUCLEAN);
	KUNIT_EXPECT_FALSE(test, is_cached(f, &v, 0));
}

static void write_error_is_told_and_the_block_not_found(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);

	WRITE_ONCE(f->ramdisk->fail_writes, true);
	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 0, 1, 1), -EIO);
	WRITE_ONCE(f->ramdisk->fail_writes, false);
	KUNIT_EXPECT_FALSE(test, is_cached(f, &v, 0));
	KUNIT_EXPECT_EQ(test, cachefs_state(f->cache), CACHEFS_DEGRADED);
	/* The cache stays in use. */
	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 0, 1, 1), 0);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 0, 1, 1), 0);
}

static void read_error_is_told_and_the_extent_dropped(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);

	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 0, 4, 1), 0);
	WRITE_ONCE(f->ramdisk->fail_reads, true);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 0, 4, 1), -EIO);
	WRITE_ONCE(f->ramdisk->fail_reads, false);
	KUNIT_EXPECT_EQ(test, fixture_stat(f, CACHEFS_STAT_READ_ERRORS), 1);
	KUNIT_EXPECT_FALSE(test, is_cached(f, &v, 0));
}

static bool wanted(struct fixture *f, size_t bytes)
{
	struct cachefs_version v = {};

	return cachefs_store_wanted(f->cache, &v, 0, bytes);
}

static void many_errors_take_the_cache_out_of_use(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 0, 1, 1), 0);
	for (i = 0; i < CACHEFS_MAX_ERRORS; i++) {
		KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 100 + i, 1, 1), 0);
		/* A second has passed. */
		f->cache->errors[0].last -= CACHEFS_ERROR_INTERVAL;
		WRITE_ONCE(f->ramdisk->fail_reads, true);
		KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 100 + i, 1, 1), -EIO);
		if (i == CACHEFS_MAX_ERRORS - 1)
			flush_delayed_work(&f->cache->log_work);
		WRITE_ONCE(f->ramdisk->fail_reads, false);
	}
	KUNIT_EXPECT_EQ(test, cachefs_state(f->cache), CACHEFS_FAILED);
	KUNIT_EXPECT_FALSE(test, is_cached(f, &v, 0));
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 0, 1, 1), -ENODATA);
	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 1, 1, 1), -ENOBUFS);
	KUNIT_EXPECT_FALSE(test, wanted(f, PAGE_SIZE));
	/* An administrator puts the cache back into use. */
	KUNIT_EXPECT_EQ(test, cachefs_use_again(f->cache), 0);
	KUNIT_EXPECT_EQ(test, cachefs_state(f->cache), CACHEFS_ACTIVE);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 0, 1, 1), 0);
	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 1, 1, 1), 0);
}

static void damaged_block_is_euclean_and_dropped(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	u8 *data;

	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 0, 1, 1), 0);
	data = fixture_on_disk(f, &v, 0);
	KUNIT_ASSERT_NOT_NULL(test, data);
	data[4095] ^= 0x80;
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 0, 1, 1), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, fixture_stat(f, CACHEFS_STAT_CHECKSUM_ERRORS), 1);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 0, 1, 1), -ENODATA);
	/* The next store puts the block right. */
	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 0, 1, 1), 0);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 0, 1, 1), 0);
}

static void one_bad_block_fails_the_whole_read(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);

	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 0, 40, 1), 0);
	fixture_on_disk(f, &v, 33)[0] ^= 1;
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 0, 40, 1), -EUCLEAN);
}

/* Whole and valid blocks at the wrong place. */
static void blocks_that_changed_places_are_euclean(struct kunit *test)
{
	struct cachefs_version v, other;
	struct fixture *f = start(test, &v);

	fixture_version(f, "other", &other);
	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 0, 1, 1), 0);
	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 9, 1, 1), 0);
	KUNIT_EXPECT_EQ(test, fixture_store(f, &other, 9, 1, 2), 0);
	/* Another block of this version, and the same block of another version. */
	memcpy(fixture_on_disk(f, &v, 0), fixture_on_disk(f, &v, 9),
	       PAGE_SIZE);
	memcpy(fixture_on_disk(f, &v, 9), fixture_on_disk(f, &other, 9),
	       PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 0, 1, 1), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 9, 1, 1), -EUCLEAN);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &other, 9, 1, 2), 0);
}

static void stores_under_way_count_against_the_bound(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	struct transfer *t = transfer_alloc(f, 6);

	f->cache->max_in_flight = 8 * PAGE_SIZE;
	transfer_fill(t, 0, 1);
	WRITE_ONCE(f->ramdisk->hold_writes, true);
	transfer_store(f, t, &v, 0, 6 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, fixture_stat(f, CACHEFS_STAT_STORES_IN_FLIGHT_BYTES),
			6 * PAGE_SIZE);
	/* There is some room, but not for the whole store. */
	KUNIT_EXPECT_TRUE(test, wanted(f, 3 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 10, 3, 1), -ENOBUFS);
	KUNIT_EXPECT_EQ(test, fixture_stat(f, CACHEFS_STAT_STORE_REFUSED_BYTES),
			3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, fixture_stat(f, CACHEFS_STAT_STORES_IN_FLIGHT_BYTES),
			6 * PAGE_SIZE);
	let_writes_go(f);
	KUNIT_EXPECT_EQ(test, transfer_wait(f, t), 0);
	KUNIT_EXPECT_EQ(test, fixture_stat(f, CACHEFS_STAT_STORES_IN_FLIGHT_BYTES),
			0);
	KUNIT_EXPECT_EQ(test, fixture_store(f, &v, 10, 3, 1), 0);
}

static void store_without_a_ready_region_is_enobufs(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	struct transfer *t = transfer_alloc(f, 4 * SLOTS);

	/* With the writes held no region can be made ready. */
	transfer_fill(t, 0, 1);
	WRITE_ONCE(f->ramdisk->hold_writes, true);
	transfer_store(f, t, &v, 0, 4 * SLOTS * PAGE_SIZE);
	let_writes_go(f);
	KUNIT_EXPECT_EQ(test, transfer_wait(f, t), -ENOBUFS);
	/* The pages that found room count. */
	KUNIT_EXPECT_GT(test, t->store.stored, 0);
	KUNIT_EXPECT_EQ(test, t->store.stored >> PAGE_SHIFT,
			f->cache->live_blocks);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 0, t->store.stored >>
					   PAGE_SHIFT, 1), 0);
}

static void wrapped_log_has_the_newest(struct kunit *test)
{
	unsigned int total = 3 * FIXTURE_REGIONS * SLOTS, block, hits = 0;
	struct cachefs_version v;
	struct fixture *f = start(test, &v);

	store_patiently(f, &v, 0, total);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, total - 1, 1, 1), 0);
	KUNIT_EXPECT_FALSE(test, is_cached(f, &v, 0));
	for (block = 0; block < total; block++) {
		if (!is_cached(f, &v, block))
			continue;
		hits++;
		KUNIT_ASSERT_EQ(test, fixture_read(f, &v, block, 1, 1), 0);
	}
	KUNIT_EXPECT_EQ(test, hits, f->cache->live_blocks);
	/* All regions but those that are being reused or kept ready. */
	KUNIT_EXPECT_GE(test, hits, (FIXTURE_REGIONS - 5) * SLOTS);
	KUNIT_EXPECT_LE(test, hits, FIXTURE_REGIONS * SLOTS);
	KUNIT_EXPECT_EQ(test, (fixture_stat(f, CACHEFS_STAT_EVICTED_BYTES) >>
			       PAGE_SHIFT) + hits, total);
}

static void region_that_is_read_from_is_not_reused(struct kunit *test)
{
	unsigned int block = SLOTS, end = 3 * FIXTURE_REGIONS * SLOTS;
	struct cachefs_version v;
	struct fixture *f = start(test, &v);
	struct transfer *t = transfer_alloc(f, 1);
	unsigned int refused = 0;
	u64 seq;

	store_patiently(f, &v, 0, SLOTS);
	seq = f->cache->regions[0].seq;
	WRITE_ONCE(f->ramdisk->hold_reads, true);
	transfer_read(f, t, &v, 0);
	/* Go on until the log has come round to the region of that read. */
	while (block < end && refused < 3000 &&
	       (refused < 25 || READ_ONCE(f->cache->head) ||
		READ_ONCE(f->cache->nr_ready) > 1)) {
		if (!fixture_store(f, &v, block, 1, 1)) {
			block++;
			refused = 0;
		} else {
			refused++;
			msleep(20);
		}
	}
	KUNIT_EXPECT_GE(test, refused, 25);
	KUNIT_EXPECT_LT(test, refused, 3000);
	KUNIT_EXPECT_EQ(test, f->cache->regions[0].seq, seq);
	WRITE_ONCE(f->ramdisk->hold_reads, false);
	ramdisk_kick(f->ramdisk);
	KUNIT_EXPECT_EQ(test, transfer_wait(f, t), 0);
	KUNIT_EXPECT_TRUE(test, transfer_matches(t, 0, 1, PAGE_SIZE));
	/* Now the region is reused.  The block that was read may stay, elsewhere. */
	store_patiently(f, &v, block, 3 * SLOTS);
	KUNIT_EXPECT_GT(test, f->cache->regions[0].seq, seq);
}

/* Fill a region and wait until its metadata is on disk. */
static void seal_one_region(struct fixture *f, const struct cachefs_version *v)
{
	store_patiently(f, v, 0, SLOTS + 1);
	KUNIT_ASSERT_TRUE(f->test,
			  fixture_eventually(READ_ONCE(f->cache->regions[0].state) ==
					     CACHEFS_REGION_SEALED));
}

static void checksums_that_were_dropped_are_loaded_again(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);

	seal_one_region(f, &v);
	KUNIT_EXPECT_EQ(test, cachefs_region_drop_checksums(f->cache, 100), 1);
	KUNIT_EXPECT_NULL(test, f->cache->regions[0].checksums);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 0, SLOTS, 1), 0);
	KUNIT_EXPECT_NOT_NULL(test, f->cache->regions[0].checksums);
	/* The checksums of the open region stay, because they are nowhere else. */
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, SLOTS, 1, 1), 0);
}

static void block_without_its_checksum_is_not_served(struct kunit *test)
{
	struct cachefs_version v;
	struct fixture *f = start(test, &v);

	seal_one_region(f, &v);
	cachefs_region_drop_checksums(f->cache, 100);
	/* The metadata is gone from the disk: final and scratch blocks. */
	memset(ramdisk_block(f->ramdisk, cachefs_region_start(&f->cache->geo,
							      0)),
	       0, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 0, 4, 1), -EUCLEAN);
	KUNIT_EXPECT_FALSE(test, is_cached(f, &v, 0));
}

static struct kunit_case core_cases[] = {
	KUNIT_CASE(stored_block_is_read_back),
	KUNIT_CASE(store_over_regions_and_chunks_is_read_back),
	KUNIT_CASE(read_in_another_order_and_size_is_right),
	KUNIT_CASE(read_of_what_is_not_cached_is_enodata),
	KUNIT_CASE(read_of_what_is_cached_in_part_is_enodata),
	KUNIT_CASE(lookup_tells_how_far_it_is_the_same),
	KUNIT_CASE(end_of_file_is_padded_with_zeros),
	KUNIT_CASE(store_is_found_when_it_is_on_disk_and_not_before),
	KUNIT_CASE(store_that_became_invalid_is_not_found),
	KUNIT_CASE(page_changed_on_its_way_is_not_served),
	KUNIT_CASE(write_error_is_told_and_the_block_not_found),
	KUNIT_CASE(read_error_is_told_and_the_extent_dropped),
	KUNIT_CASE(many_errors_take_the_cache_out_of_use),
	KUNIT_CASE(damaged_block_is_euclean_and_dropped),
	KUNIT_CASE(one_bad_block_fails_the_whole_read),
	KUNIT_CASE(blocks_that_changed_places_are_euclean),
	KUNIT_CASE(stores_under_way_count_against_the_bound),
	KUNIT_CASE(store_without_a_ready_region_is_enobufs),
	KUNIT_CASE_SLOW(wrapped_log_has_the_newest),
	KUNIT_CASE_SLOW(region_that_is_read_from_is_not_reused),
	KUNIT_CASE(checksums_that_were_dropped_are_loaded_again),
	KUNIT_CASE(block_without_its_checksum_is_not_served),
	{}
};

static struct kunit_suite core_suite = {
	.name		= "cachefs_core",
	.init		= fixture_init,
	.test_cases	= core_cases,
};

kunit_test_suite(core_suite);
