// SPDX-License-Identifier: GPL-2.0
/*
 * Attaching: which blocks are found again after a detach and after a power loss,
 * and which devices are refused.
 */
#include <kunit/test.h>
#include "fixture.h"

#define SLOTS	(FIXTURE_REGION_BLOCKS - 3)	/* per region */

/* Large enough for the regions that a blank device gets. */
#define BLANK_BLOCKS	(CACHEFS_FIRST_BLOCK + CACHEFS_MIN_REGIONS * 1024 + \
			 CACHEFS_LAST_BLOCKS)

static void store_patiently(struct fixture *f, const char *name, u64 block,
			    unsigned int nr)
{
	struct cachefs_version v;
	u64 end = block + nr;

	fixture_version(f, name, &v);
	for (; block < end; block++)
		KUNIT_ASSERT_TRUE(f->test,
				  fixture_eventually(!fixture_store(f, &v,
								    block, 1,
								    1)));
}

/* Count the blocks that are cached.  Each of them must have the right bytes. */
static unsigned int found(struct fixture *f, const char *name, u64 block,
			  unsigned int nr)
{
	struct cachefs_version v;
	unsigned int hits = 0;
	u64 end = block + nr;

	fixture_version(f, name, &v);
	for (; block < end; block++) {
		int ret = fixture_read(f, &v, block, 1, 1);

		hits += !ret;
		if (ret != -ENODATA)
			KUNIT_EXPECT_EQ(f->test, ret, 0);
	}
	return hits;
}

static void reattach(struct fixture *f)
{
	fixture_detach(f);
	KUNIT_ASSERT_EQ(f->test, fixture_attach(f, 0), 0);
}

static void crash_and_reattach(struct fixture *f)
{
	fixture_crash(f);
	KUNIT_ASSERT_EQ(f->test, fixture_attach(f, 0), 0);
}

static void wait_sealed(struct fixture *f, u32 region)
{
	KUNIT_ASSERT_TRUE(f->test,
			  fixture_eventually(READ_ONCE(f->cache->regions[region].state) ==
					     CACHEFS_REGION_SEALED));
}

/* Wait until a power loss would spare the @slots blocks of the open region. */
static void wait_flushed(struct fixture *f, unsigned int slots)
{
	KUNIT_ASSERT_TRUE(f->test,
			  fixture_eventually(({
			struct cachefs_open_region *open;

			spin_lock(&f->cache->log_lock);
			open = f->cache->current_region;
			spin_unlock(&f->cache->log_lock);
			open && READ_ONCE(open->scratch_nr) == slots;
	})));
}

static u8 *region_on_disk(struct fixture *f, u32 region)
{
	return ramdisk_block(f->ramdisk,
			     CACHEFS_FIRST_BLOCK +
			     (u64)region * FIXTURE_REGION_BLOCKS);
}

static void new_cache_is_empty_and_active(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, f->cache->state, CACHEFS_ACTIVE);
	KUNIT_EXPECT_EQ(test, f->cache->live_blocks, 0);
	KUNIT_EXPECT_EQ(test, f->cache->geo.nr_regions, FIXTURE_REGIONS);
	KUNIT_EXPECT_EQ(test, f->cache->geo.slots, SLOTS);
	KUNIT_EXPECT_STREQ(test, f->cache->label, "test");
}

static void reattach_finds_everything(struct kunit *test)
{
	struct fixture *f = test->priv;
	u8 uuid[16];

	memcpy(uuid, f->cache->uuid, sizeof(uuid));
	store_patiently(f, "one", 0, 2 * SLOTS + 5);
	store_patiently(f, "two", 1000, 3);
	reattach(f);
	KUNIT_EXPECT_MEMEQ(test, uuid, f->cache->uuid, sizeof(uuid));
	KUNIT_EXPECT_STREQ(test, f->cache->label, "test");
	KUNIT_EXPECT_EQ(test, f->cache->live_blocks, 2 * SLOTS + 5 + 3);
	KUNIT_EXPECT_EQ(test, found(f, "one", 0, 2 * SLOTS + 5), 2 * SLOTS + 5);
	KUNIT_EXPECT_EQ(test, found(f, "two", 1000, 3), 3);
	KUNIT_EXPECT_EQ(test, found(f, "three", 0, 1), 0);
}

static void reattach_again_and_again_loses_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < 5; i++) {
		store_patiently(f, "file", 10 * i, 10);
		reattach(f);
	}
	KUNIT_EXPECT_EQ(test, found(f, "file", 0, 50), 50);
	KUNIT_EXPECT_EQ(test, f->cache->attach_count, 6);
	/* An attach alone uses up no region. */
	for (i = 0; i < FIXTURE_REGIONS; i++)
		reattach(f);
	KUNIT_EXPECT_EQ(test, found(f, "file", 0, 50), 50);
}

static void stores_after_reattach_are_found_as_well(struct kunit *test)
{
	struct fixture *f = test->priv;

	store_patiently(f, "file", 0, 10);
	reattach(f);
	store_patiently(f, "file", 10, SLOTS);
	reattach(f);
	KUNIT_EXPECT_EQ(test, found(f, "file", 0, 10 + SLOTS), 10 + SLOTS);
}

static void reattach_of_a_full_device_finds_most(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int total = 2 * FIXTURE_REGIONS * SLOTS, hits;
	u64 live;

	store_patiently(f, "file", 0, total);
	live = f->cache->live_blocks;
	reattach(f);
	hits = found(f, "file", 0, total);
	KUNIT_EXPECT_LE(test, hits, live);
	/* The checkpoint lies where the log goes on. */
	KUNIT_EXPECT_GE(test, hits, live - SLOTS);
}

static void power_loss_keeps_sealed_regions(struct kunit *test)
{
	struct fixture *f = test->priv;

	store_patiently(f, "file", 0, 2 * SLOTS + 5);
	wait_sealed(f, 1);
	crash_and_reattach(f);
	KUNIT_EXPECT_GE(test, found(f, "file", 0, 2 * SLOTS + 5), 2 * SLOTS);
}

static void power_loss_keeps_the_open_region_s_last_flush(struct kunit *test)
{
	struct fixture *f = test->priv;

	store_patiently(f, "file", 0, 5);
	wait_flushed(f, 5);
	crash_and_reattach(f);
	KUNIT_EXPECT_EQ(test, found(f, "file", 0, 5), 5);
}

static void power_loss_after_power_loss_keeps_what_is_there(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 attaches = f->cache->attach_count;

	store_patiently(f, "file", 0, SLOTS + 1);
	wait_sealed(f, 0);
	crash_and_reattach(f);
	crash_and_reattach(f);
	KUNIT_EXPECT_EQ(test, f->cache->attach_count, attaches + 2);
	store_patiently(f, "file", 1000, SLOTS + 1);
	KUNIT_EXPECT_TRUE(test, fixture_ready(f));
	crash_and_reattach(f);
	KUNIT_EXPECT_GE(test, found(f, "file", 0, SLOTS), SLOTS);
}

/* The checkpoint of the detach before must not be used any more. */
static void power_loss_after_a_reattach_forgets_the_checkpoint(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int total = 2 * FIXTURE_REGIONS * SLOTS;

	store_patiently(f, "old", 0, 4 * SLOTS);
	reattach(f);
	store_patiently(f, "new", 0, total);
	crash_and_reattach(f);
	KUNIT_EXPECT_EQ(test, found(f, "old", 0, 4 * SLOTS), 0);
	KUNIT_EXPECT_GE(test, found(f, "new", 0, total),
			(FIXTURE_REGIONS - 7) * SLOTS);
}

static void damaged_checkpoint_is_replaced_by_a_scan(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cachefs_meta_block *block;
	unsigned int damaged = 0;
	u32 region;

	store_patiently(f, "file", 0, 2 * SLOTS + 5);
	fixture_detach(f);
	for (region = 0; region < FIXTURE_REGIONS; region++) {
		block = (void *)region_on_disk(f, region);
		if (le32_to_cpu(block->header.magic) == CACHEFS_CKPT_MAGIC) {
			block->records[0].where ^= cpu_to_le64(1);
			damaged++;
		}
	}
	KUNIT_EXPECT_EQ(test, damaged, 1);
	KUNIT_ASSERT_EQ(test, fixture_attach(f, 0), 0);
	KUNIT_EXPECT_EQ(test, found(f, "file", 0, 2 * SLOTS + 5),
			2 * SLOTS + 5);
}

static void fresh_cache_is_attached_without_reading_it(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, fixture_stat(f, CACHEFS_STAT_DEVICE_READ_BYTES), 0);
	KUNIT_EXPECT_EQ(test, f->cache->attach_count, 1);
}

/* Both anchors are of this attach while the cache is in use. */
static void both_anchors_are_of_this_attach(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cachefs_anchor *anchor;
	unsigned int round, i;

	for (round = 1; round <= 3; round++) {
		KUNIT_EXPECT_EQ(test, f->cache->attach_count, round);
		for (i = 0; i < 2; i++) {
			anchor = (void *)ramdisk_block(f->ramdisk,
						       CACHEFS_ANCHOR_BLOCK + i);
			KUNIT_EXPECT_EQ(test, anchor->flags, 0);
			KUNIT_EXPECT_EQ(test, le64_to_cpu(anchor->attach_count),
					round);
			KUNIT_EXPECT_EQ(test, le64_to_cpu(anchor->epoch),
					f->cache->epoch);
		}
		if (round == 1)
			fixture_detach(f);
		else
			fixture_crash(f);
		KUNIT_ASSERT_EQ(test, fixture_attach(f, 0), 0);
	}
}

static void damaged_anchors_are_replaced_by_a_scan(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 1; i <= 3; i++) {
		store_patiently(f, "file", 10 * i, 10);
		fixture_detach(f);
		/* The first anchor, then the second, then both. */
		if (i & 1)
			ramdisk_block(f->ramdisk, CACHEFS_ANCHOR_BLOCK)[9] ^= 1;
		if (i & 2)
			ramdisk_block(f->ramdisk,
				      CACHEFS_ANCHOR_BLOCK + 1)[9] ^= 1;
		KUNIT_ASSERT_EQ(test, fixture_attach(f, 0), 0);
		KUNIT_EXPECT_EQ(test, found(f, "file", 10, 10 * i), 10 * i);
	}
}

/* An anchor that cannot be read costs nothing, as long as its block can be written. */
static void unreadable_anchor_is_not_missed(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		store_patiently(f, "file", 10 * i, 10);
		fixture_detach(f);
		f->ramdisk->fail_block = CACHEFS_ANCHOR_BLOCK + i;
		KUNIT_ASSERT_EQ(test, fixture_attach(f, 0), 0);
		f->ramdisk->fail_block = 0;
		KUNIT_EXPECT_EQ(test, found(f, "file", 10, 10 * i), 10 * i);
		KUNIT_EXPECT_EQ(test, fixture_stat(f, CACHEFS_STAT_READ_ERRORS),
				1);
		KUNIT_EXPECT_EQ(test, cachefs_state(f->cache), CACHEFS_DEGRADED);
		KUNIT_EXPECT_EQ(test, f->cache->attach_count, i + 2);
	}
}

static void damaged_metadata_costs_its_region_only(struct kunit *test)
{
	struct fixture *f = test->priv;

	store_patiently(f, "file", 0, 2 * SLOTS + 1);
	wait_sealed(f, 1);
	fixture_crash(f);
	memset(region_on_disk(f, 0), 0xff, 3 * PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, fixture_attach(f, 0), 0);
	KUNIT_EXPECT_EQ(test, found(f, "file", 0, SLOTS), 0);
	KUNIT_EXPECT_EQ(test, found(f, "file", SLOTS, SLOTS), SLOTS);
}

/* The metadata got to the disk, and the data did not. */
static void lost_data_is_not_served_after_a_power_loss(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cachefs_version v;

	store_patiently(f, "file", 0, SLOTS + 1);
	wait_sealed(f, 0);
	fixture_crash(f);
	memset(region_on_disk(f, 0) + 5 * PAGE_SIZE, 0, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, fixture_attach(f, 0), 0);
	fixture_version(f, "file", &v);
	KUNIT_EXPECT_EQ(test, fixture_read(f, &v, 2, 1, 1), -EUCLEAN);
}

static void format_makes_another_cache(struct kunit *test)
{
	struct fixture *f = test->priv;
	u8 uuid[16], secret[CACHEFS_SECRET_SIZE];

	memcpy(uuid, f->cache->uuid, sizeof(uuid));
	memcpy(secret, f->cache->secret, sizeof(secret));
	store_patiently(f, "file", 0, SLOTS + 1);
	fixture_detach(f);
	KUNIT_ASSERT_EQ(test, cachefs_format(f->device, NULL,
					     FIXTURE_REGION_BLOCKS), 0);
	KUNIT_ASSERT_EQ(test, fixture_attach(f, 0), 0);
	KUNIT_EXPECT_EQ(test, f->cache->live_blocks, 0);
	KUNIT_EXPECT_MEMNEQ(test, uuid, f->cache->uuid, sizeof(uuid));
	KUNIT_EXPECT_MEMNEQ(test, secret, f->cache->secret, sizeof(secret));
}

struct refusal_case {
	const char	*name;
	void		(*damage)(struct ramdisk *ramdisk);
	int		error;
};

static void bad_version(struct ramdisk *ramdisk)
{
	ramdisk_block(ramdisk, 0)[offsetof(struct cachefs_super_block,
					   version)] = 9;
}

static void bad_checksum(struct ramdisk *ramdisk)
{
	ramdisk_block(ramdisk, 0)[CACHEFS_BLOCK_SIZE - 1] ^= 1;
}

static void bad_copy(struct ramdisk *ramdisk)
{
	ramdisk_block(ramdisk, ramdisk->blocks - 1)[100] ^= 1;
}

static void no_copy(struct ramdisk *ramdisk)
{
	memset(ramdisk_block(ramdisk, ramdisk->blocks - 1), 0, PAGE_SIZE);
}

static void bad_magic(struct ramdisk *ramdisk)
{
	ramdisk_block(ramdisk, 0)[0] ^= 1;
}

static void foreign(struct ramdisk *ramdisk)
{
	memset(ramdisk->data, 0, ramdisk->blocks << CACHEFS_BLOCK_SHIFT);
}

static void foreign_ext4(struct ramdisk *ramdisk)
{
	foreign(ramdisk);
	memcpy(ramdisk->data + 0x438, "\x53\xef", 2);
}

static void foreign_xfs(struct ramdisk *ramdisk)
{
	foreign(ramdisk);
	memcpy(ramdisk->data, "XFSB", 4);
}

static void foreign_lvm(struct ramdisk *ramdisk)
{
	foreign(ramdisk);
	memcpy(ramdisk->data + 512, "LABELONE", 8);
}

static void foreign_partitions(struct ramdisk *ramdisk)
{
	foreign(ramdisk);
	memcpy(ramdisk->data + 510, "\x55\xaa", 2);
}

static void foreign_at_the_end(struct ramdisk *ramdisk)
{
	foreign(ramdisk);
	ramdisk_block(ramdisk, ramdisk->blocks - 1)[4000] = 1;
}

static void read_errors(struct ramdisk *ramdisk)
{
	WRITE_ONCE(ramdisk->fail_reads, true);
}

static const struct refusal_case refusal_cases[] = {
	{ "version_of_the_future", bad_version, -EOPNOTSUPP },
	{ "checksum", bad_checksum, -EUCLEAN },
	{ "copy_that_differs", bad_copy, -EUCLEAN },
	{ "copy_missing", no_copy, -EUCLEAN },
	{ "magic", bad_magic, -EMEDIUMTYPE },
	{ "ext4", foreign_ext4, -EMEDIUMTYPE },
	{ "xfs", foreign_xfs, -EMEDIUMTYPE },
	{ "lvm", foreign_lvm, -EMEDIUMTYPE },
	{ "partition_table", foreign_partitions, -EMEDIUMTYPE },
	{ "something_at_the_end", foreign_at_the_end, -EMEDIUMTYPE },
	{ "blank_but_too_small", foreign, -ENOSPC },
	{ "read_errors", read_errors, -EIO },
};

KUNIT_ARRAY_PARAM_DESC(refusal, refusal_cases, name);

static void attach_is_refused_and_nothing_written_for(struct kunit *test)
{
	const struct refusal_case *c = test->param_value;
	struct fixture *f = test->priv;
	unsigned int writes;

	fixture_detach(f);
	c->damage(f->ramdisk);
	writes = f->ramdisk->writes;
	KUNIT_EXPECT_EQ(test, fixture_attach(f, 0), c->error);
	KUNIT_EXPECT_EQ(test, f->ramdisk->writes, writes);
}

/* Put another block device into the fixture. */
static void use_ramdisk(struct fixture *f, u64 blocks)
{
	fixture_detach(f);
	cachefs_device_close(f->device);
	f->device = NULL;
	ramdisk_destroy(f->ramdisk);
	f->ramdisk = ramdisk_create(blocks);
	KUNIT_ASSERT_NOT_NULL(f->test, f->ramdisk);
	KUNIT_ASSERT_EQ(f->test, ramdisk_open(f->ramdisk->path,
					      &f->device), 0);
}

static void blank_device_is_formatted(struct kunit *test)
{
	struct fixture *f = test->priv;

	use_ramdisk(f, BLANK_BLOCKS);
	KUNIT_ASSERT_EQ(test, fixture_attach(f, 0), 0);
	KUNIT_EXPECT_EQ(test, f->cache->geo.region_blocks, 1024);
	store_patiently(f, "file", 0, 10);
	reattach(f);
	KUNIT_EXPECT_EQ(test, found(f, "file", 0, 10), 10);
}

static void smallest_blank_device_is_told(struct kunit *test)
{
	struct fixture *f = test->priv;

	use_ramdisk(f, BLANK_BLOCKS - 1);
	KUNIT_EXPECT_EQ(test, fixture_attach(f, 0), -ENOSPC);
	KUNIT_EXPECT_EQ(test, f->ramdisk->writes, 0);
}

static void foreign_device_is_formatted_by_force_only(struct kunit *test)
{
	struct fixture *f = test->priv;

	use_ramdisk(f, BLANK_BLOCKS);
	memcpy(f->ramdisk->data, "XFSB", 4);
	KUNIT_EXPECT_EQ(test, fixture_attach(f, CACHEFS_ATTACH_FORMAT),
			-EMEDIUMTYPE);
	KUNIT_EXPECT_EQ(test, f->ramdisk->writes, 0);
	KUNIT_EXPECT_EQ(test, fixture_attach(f, CACHEFS_ATTACH_FORMAT |
					     CACHEFS_ATTACH_FORCE), 0);
}

static void device_in_use_is_ebusy(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cachefs_device *second;

	KUNIT_EXPECT_EQ(test, ramdisk_open(f->ramdisk->path, &second),
			-EBUSY);
}

static void read_only_device_is_erofs(struct kunit *test)
{
	struct fixture *f = test->priv;
	int ret;

	fixture_detach(f);
	cachefs_device_close(f->device);
	f->device = NULL;
	set_disk_ro(f->ramdisk->disk, true);
	ret = ramdisk_open(f->ramdisk->path, &f->device);
	KUNIT_EXPECT_EQ(test, ret, -EROFS);
	if (ret)
		f->device = NULL;
}

static void path_that_is_no_block_device_is_told(struct kunit *test)
{
	struct cachefs_device *device;

	KUNIT_EXPECT_EQ(test, ramdisk_open("/there/is/no/such", &device),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, ramdisk_open("/", &device), -ENOTBLK);
}

static int detach_task(void *argument)
{
	fixture_detach(argument);
	return 0;
}

/* No request fails.  The block layer tells the holder that the device is gone. */
static void vanished_device_fails_the_cache_without_io(struct kunit *test)
{
	struct fixture *f = test->priv;

	cachefs_device_watch(f->device, f->cache, cachefs_device_gone);
	ramdisk_vanish(f->ramdisk);
	KUNIT_EXPECT_EQ(test, READ_ONCE(f->cache->state), CACHEFS_FAILED);
	cachefs_device_watch(f->device, NULL, NULL);
	KUNIT_EXPECT_EQ(test, fixture_stat(f, CACHEFS_STAT_READ_ERRORS) +
			fixture_stat(f, CACHEFS_STAT_WRITE_ERRORS), 0);
}

static void detach_of_a_vanished_device_ends(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct helper *helper;

	store_patiently(f, "file", 0, 10);
	ramdisk_vanish(f->ramdisk);
	helper = helper_start(test, detach_task, f);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
}

static void detach_waits_for_operations_under_way(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cachefs_version v;
	struct transfer *t = transfer_alloc(f, 4);
	struct helper *helper;

	fixture_version(f, "file", &v);
	transfer_fill(t, 0, 1);
	WRITE_ONCE(f->ramdisk->hold_writes, true);
	transfer_store(f, t, &v, 0, 4 * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, ramdisk_wait_held(f->ramdisk));
	helper = helper_start(test, detach_task, f);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	KUNIT_EXPECT_FALSE(test, completion_done(&t->ended));
	WRITE_ONCE(f->ramdisk->hold_writes, false);
	ramdisk_kick(f->ramdisk);
	KUNIT_EXPECT_EQ(test, transfer_wait(f, t), 0);
	KUNIT_ASSERT_TRUE(test, helper_ended(helper));
	KUNIT_ASSERT_EQ(test, fixture_attach(f, 0), 0);
	KUNIT_EXPECT_EQ(test, found(f, "file", 0, 4), 4);
}

static int attach_task(void *argument)
{
	return fixture_attach(argument, 0);
}

static void regions_are_read_side_by_side(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct helper *helper;

	store_patiently(f, "file", 0, 3 * SLOTS);
	wait_sealed(f, 1);
	fixture_crash(f);
	f->ramdisk->hold_from = CACHEFS_FIRST_BLOCK;
	/* Blocks behind the last region are not held, because they are read before. */
	f->ramdisk->hold_to = f->ramdisk->blocks - CACHEFS_LAST_BLOCKS;
	WRITE_ONCE(f->ramdisk->hold_reads, true);
	helper = helper_start(test, attach_task, f);
	KUNIT_EXPECT_TRUE(test,
			  fixture_eventually(READ_ONCE(f->ramdisk->held) >=
					     FIXTURE_REGIONS / 4));
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	WRITE_ONCE(f->ramdisk->hold_reads, false);
	ramdisk_kick(f->ramdisk);
	KUNIT_ASSERT_TRUE(test, helper_ended(helper));
	KUNIT_ASSERT_EQ(test, helper->ret, 0);
	KUNIT_EXPECT_GE(test, found(f, "file", 0, 3 * SLOTS), 2 * SLOTS);
}

static struct kunit_case attach_cases[] = {
	KUNIT_CASE(new_cache_is_empty_and_active),
	KUNIT_CASE(reattach_finds_everything),
	KUNIT_CASE(reattach_again_and_again_loses_nothing),
	KUNIT_CASE(stores_after_reattach_are_found_as_well),
	KUNIT_CASE_SLOW(reattach_of_a_full_device_finds_most),
	KUNIT_CASE(power_loss_keeps_sealed_regions),
	KUNIT_CASE_SLOW(power_loss_keeps_the_open_region_s_last_flush),
	KUNIT_CASE(power_loss_after_power_loss_keeps_what_is_there),
	KUNIT_CASE_SLOW(power_loss_after_a_reattach_forgets_the_checkpoint),
	KUNIT_CASE(damaged_checkpoint_is_replaced_by_a_scan),
	KUNIT_CASE(fresh_cache_is_attached_without_reading_it),
	KUNIT_CASE(both_anchors_are_of_this_attach),
	KUNIT_CASE(damaged_anchors_are_replaced_by_a_scan),
	KUNIT_CASE(unreadable_anchor_is_not_missed),
	KUNIT_CASE(damaged_metadata_costs_its_region_only),
	KUNIT_CASE(lost_data_is_not_served_after_a_power_loss),
	KUNIT_CASE(format_makes_another_cache),
	KUNIT_CASE_PARAM(attach_is_refused_and_nothing_written_for,
			 refusal_gen_params),
	KUNIT_CASE(blank_device_is_formatted),
	KUNIT_CASE(smallest_blank_device_is_told),
	KUNIT_CASE(foreign_device_is_formatted_by_force_only),
	KUNIT_CASE(device_in_use_is_ebusy),
	KUNIT_CASE(read_only_device_is_erofs),
	KUNIT_CASE(path_that_is_no_block_device_is_told),
	KUNIT_CASE(vanished_device_fails_the_cache_without_io),
	KUNIT_CASE(detach_of_a_vanished_device_ends),
	KUNIT_CASE(detach_waits_for_operations_under_way),
	KUNIT_CASE(regions_are_read_side_by_side),
	{}
};

static struct kunit_suite attach_suite = {
	.name		= "cachefs_attach",
	.init		= fixture_init,
	.test_cases	= attach_cases,
};

kunit_test_suite(attach_suite);
