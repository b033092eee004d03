// SPDX-License-Identifier: GPL-2.0
/* A task that is killed, and a task that others need the processor of. */
#include "cases.h"

static void kill_reader(void)
{
	shim_killed = true;
}

/* Kill an attach while it reads.  A later attach finds everything. */
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
	/* In a scan, each reader has read less than a region. */
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

/* Each loop over all regions of a large device lets others run. */
static void others_run_meanwhile(void)
{
	struct cachefs_anchor *anchor;
	u64 rescheds, regions, pages;

	model_format(1ULL << (36 - CACHEFS_BLOCK_SHIFT), 1024);
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
	/* All regions are forgotten, and read. */
	EXPECT(shim_rescheds - rescheds >= 2 * regions);
}

const struct test_case task_cases[] = {
	CASE(killed_while_it_scans),
	CASE(killed_while_it_loads_the_checkpoint),
	CASE(others_run_meanwhile),
	{}
};
