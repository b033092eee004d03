// SPDX-License-Identifier: GPL-2.0
/*
 * After an unclean stop, the attach finds where the log goes on.  The recovery finds all
 * the rest while the cache is in use.
 */
#include <linux/err.h>
#include "cases.h"

#define MANY_REGIONS	100

static void format_regions(u32 nr)
{
	model_format(CACHEFS_FIRST_BLOCK + nr * TINY_REGION_BLOCKS +
		     CACHEFS_LAST_BLOCKS, TINY_REGION_BLOCKS);
}

/* Store @nr blocks of a new version. */
static void store_new(unsigned int v, unsigned int nr)
{
	model_new_version(v, nr);
	while (model_store_now(v, 0, nr))
		shim_advance_ms(100);
	shim_run();
}

/* Fill @nr regions, the last five with versions 5 to 1, the others with version 7. */
static void fill_regions(unsigned int nr)
{
	while (nr--)
		store_new(nr < 5 ? 1 + nr : 7, TINY_SLOTS);
}

/* Cut the power, but lose no write that had ended.  Return the head of the log. */
static u32 crash(void)
{
	u32 head;

	shim_advance_ms(11000);
	head = model.cache->head;
	cut_power(DEVICE_KEEPS_ALL);
	return head;
}

/* Return where the attach found the end of the log.  It makes regions ready itself. */
static u32 found_head(void)
{
	const struct cachefs_cache *cache = model.cache;

	return (cache->head + cache->geo.nr_regions - cache->nr_ready) %
		cache->geo.nr_regions;
}

static void attach_only(void)
{
	EXPECT_EQ(model_attach_only(), 0);
	EXPECT(shim_log_has("unclean stop"));
	EXPECT(cachefs_recovered_percent(model.cache) < 100);
}

static void all_is_right(void)
{
	unsigned int v;

	model_recover();
	EXPECT_EQ(cachefs_recovered_percent(model.cache), 100);
	check_index(model.cache);
	for (v = 0; v < MODEL_VERSIONS; v++)
		model_read_cached(v, 0);
	EXPECT_EQ(model.mismatches, 0);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_ACTIVE);
}

/* A device of 64 GiB: an attach reads only some hundred regions. */
static void attach_after_a_crash_reads_little(void)
{
	u64 reads;
	u32 head;

	model_format(1ULL << (36 - CACHEFS_BLOCK_SHIFT), 1024);
	EXPECT_EQ(model_attach(), 0);
	model_new_version(1, 300);
	store_all(1);
	head = crash();
	reads = model.device->reads;
	attach_only();
	EXPECT(model.device->reads - reads < 400);
	EXPECT_EQ(found_head(), head);
	EXPECT_EQ(model.cache->nr_extents, 0);
	model_recover();
	EXPECT(model.device->reads - reads > 1 << 13);
	EXPECT(shim_log_has("recovered 1 MiB in"));
	EXPECT_EQ(model_read_now(1, 0, 300), 0);
}

/* The log may be at any place, in any lap, in the first attach or a later one. */
static void newest_region_is_found(void)
{
	unsigned int nr, attaches;
	u32 head;

	for (nr = 0; nr < 250; nr += nr < 20 || (nr > 80 && nr < 120) ? 1 : 7) {
		for (attaches = 0; attaches < 2; attaches++) {
			format_regions(MANY_REGIONS);
			EXPECT_EQ(model_attach(), 0);
			if (attaches) {
				fill_regions(37);
				reattach();
			}
			fill_regions(nr);
			head = crash();
			attach_only();
			EXPECT_EQ(found_head(), head);
			EXPECT_EQ(model.cache->attach_count, attaches + 2);
			all_is_right();
			EXPECT_EQ(model_count_cached(1), nr || attaches ? TINY_SLOTS : 0);
			model_detach();
		}
	}
}

static void write_metadata(u32 region, const u8 *bytes)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		device_poke(model.device, CACHEFS_FIRST_BLOCK + i +
			    region * TINY_REGION_BLOCKS,
			    bytes + i * CACHEFS_BLOCK_SIZE);
}

static void lose_metadata(u32 region)
{
	static const u8 zeros[3 * CACHEFS_BLOCK_SIZE];

	write_metadata(region, zeros);
}

/*
 * The metadata of 15 regions in a row is lost, at any place, or cannot be read.  An
 * attach reads 16 regions at each step.
 */
static void newest_region_is_found_past_lost_ones(void)
{
	u32 head, at, i, pass;

	for (pass = 0; pass < 2; pass++) {
		for (at = 0; at + 15 < MANY_REGIONS; at += 3) {
			format_regions(MANY_REGIONS);
			EXPECT_EQ(model_attach(), 0);
			fill_regions(MANY_REGIONS + 60);
			head = crash();
			for (i = at; !pass && i < at + 15; i++)
				lose_metadata(i);
			if (pass)
				bad_blocks(CACHEFS_FIRST_BLOCK +
					   at * TINY_REGION_BLOCKS,
					   15 * TINY_REGION_BLOCKS);
			EXPECT_EQ(model_attach_only(), 0);
			/* The newest region itself may be among the lost ones. */
			if ((head + MANY_REGIONS - 1) % MANY_REGIONS - at >= 15)
				EXPECT_EQ(found_head(), head);
			model_recover();
			check_index(model.cache);
			EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
			EXPECT(model.cache->nr_extents > MANY_REGIONS - 25);
			model_detach();
		}
	}
}

/*
 * More regions are lost than an attach reckons with, and a region that was written after
 * them is there.  The log goes on before them.  Data of former attaches stays.
 */
static void newest_region_too_far_costs_nothing_older(void)
{
	u32 i;

	format_regions(MANY_REGIONS);
	EXPECT_EQ(model_attach(), 0);
	model_new_version(6, TINY_SLOTS);
	fill_regions(70);
	store_new(6, TINY_SLOTS);
	fill_regions(20);
	/* The next attach begins behind these. */
	reattach();
	fill_regions(60);
	shim_advance_ms(11000);
	cut_power(DEVICE_KEEPS_ALL);
	/* The last attach has used regions up to 91 + 60 + 2, modulo MANY_REGIONS. */
	for (i = 0; i < 40; i++)
		lose_metadata((92 + i) % MANY_REGIONS);
	for (i = 0; i < 19; i++)
		lose_metadata((133 + i) % MANY_REGIONS);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model_count_cached(6), TINY_SLOTS);
	all_is_right();
	/* And after another stop, without a checkpoint. */
	lose_power(DEVICE_KEEPS_NONE);
	EXPECT_EQ(model_count_cached(6), TINY_SLOTS);
	all_is_right();
}

static unsigned int stored_meanwhile;

/* While regions are on their way, store as much as two regions hold at each read. */
static void store_meanwhile(void)
{
	unsigned int i;

	model.device->reading = NULL;
	for (i = 0; i < 8; i++) {
		model_new_version(0, TINY_SLOTS / 4);
		if (model_store_now(0, 0, TINY_SLOTS / 4))
			continue;
		stored_meanwhile++;
		EXPECT(model_cached(0, 0));
		EXPECT_EQ(model_read_now(0, 0, TINY_SLOTS / 4), 0);
	}
	model.device->reading = store_meanwhile;
}

/* A lookup finds nothing, a store works, and the log may reuse a region that is read. */
static void stores_go_on_meanwhile(void)
{
	unsigned int nr;

	for (nr = 3; nr < 30; nr++) {
		format_regions(TINY_REGIONS + nr);
		EXPECT_EQ(model_attach(), 0);
		fill_regions(TINY_REGIONS + nr + 4);
		crash();
		attach_only();
		EXPECT(!model_cached(1, 0));
		stored_meanwhile = 0;
		model.device->reading = store_meanwhile;
		model_recover();
		model.device->reading = NULL;
		EXPECT(stored_meanwhile >= 8);
		all_is_right();
		model_detach();
	}
}

/* A block that was stored meanwhile is found where it was stored. */
static void old_copy_does_not_displace_the_new_one(void)
{
	u32 before, after;

	format_regions(MANY_REGIONS);
	EXPECT_EQ(model_attach(), 0);
	fill_regions(30);
	crash();
	attach_only();
	EXPECT(!model_cached(1, 0));
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS), 0);
	cachefs_index_map(model.cache, &model.versions[1].core,
			  model.versions[1].base, 1, &before, CACHEFS_MAP_LOOK);
	model_recover();
	cachefs_index_map(model.cache, &model.versions[1].core,
			  model.versions[1].base, 1, &after, CACHEFS_MAP_LOOK);
	EXPECT_EQ(before, after);
	all_is_right();
}

static u32 unscanned_min;

static void newest_before_others(void)
{
	u32 unscanned = model.cache ? model.cache->unscanned : MANY_REGIONS;
	unsigned int percent;

	if (unscanned >= unscanned_min)
		return;
	unscanned_min = unscanned;
	EXPECT_EQ(model_count_cached(1), TINY_SLOTS);
	percent = cachefs_recovered_percent(model.cache);
	EXPECT_EQ(percent, 100 - unscanned);
	/* Version 6 is in region 10. */
	EXPECT_EQ(model_count_cached(6), (10 + MANY_REGIONS - model.cache->head) %
		  MANY_REGIONS < unscanned ? 0 : TINY_SLOTS);
}

static void newest_comes_first(void)
{
	format_regions(MANY_REGIONS);
	EXPECT_EQ(model_attach(), 0);
	fill_regions(10);
	store_new(6, TINY_SLOTS);
	fill_regions(48);
	crash();
	attach_only();
	EXPECT_EQ(model_count_cached(1), 0);
	unscanned_min = MANY_REGIONS - 4;
	model.device->reading = newest_before_others;
	model_recover();
	model.device->reading = NULL;
	EXPECT(unscanned_min < 30);
	EXPECT_EQ(model_count_cached(6), TINY_SLOTS);
	all_is_right();
}

/* Wait until the recovery has gone on, but not to its end. */
static void recover_some(void)
{
	u32 before = model.cache->unscanned;

	while (model.cache->unscanned == before)
		shim_wait_progress("a region");
	EXPECT(model.cache->unscanned);
}

static void full_cache_recovers(void)
{
	unsigned int i;

	format_regions(MANY_REGIONS);
	EXPECT_EQ(model_attach(), 0);
	store_new(6, TINY_SLOTS);
	/* As many extents as slots. */
	for (i = 0; i < 80 * TINY_SLOTS; i++)
		store_new(7, 1);
	fill_regions(5);
	crash();
	attach_only();
	recover_some();
}

static void detach_before_the_end_loses_nothing(void)
{
	full_cache_recovers();
	model_new_version(0, 5);
	EXPECT_EQ(model_store_now(0, 0, 5), 0);
	EXPECT(model.cache->unscanned);
	model_detach();
	EXPECT(shim_log_has("not recovered as a whole"));
	/* Stored blocks are safe, as after any detach. */
	device_power_cycle(model.device, DEVICE_KEEPS_NONE);
	attach_only();
	model_recover();
	EXPECT_EQ(model_count_cached(6), TINY_SLOTS);
	EXPECT_EQ(model_count_cached(0), 5);
	all_is_right();
	reattach();
	EXPECT_EQ(model_count_cached(6), TINY_SLOTS);
}

static void death_before_the_end_loses_nothing(void)
{
	full_cache_recovers();
	EXPECT_EQ(model_count_cached(6), 0);
	cut_power(DEVICE_KEEPS_NONE);
	attach_only();
	cut_power(DEVICE_KEEPS_ALL);
	attach_only();
	model_recover();
	EXPECT_EQ(model_count_cached(6), TINY_SLOTS);
	all_is_right();
}

/* A detach ends a recovery at once.  A device that fails stops it; then it can go on. */
static void recovery_ends_with_the_use(void)
{
	u64 reads;

	full_cache_recovers();
	/* As after 16 errors. */
	WRITE_ONCE(model.cache->state, CACHEFS_FAILED);
	reads = model.device->reads;
	shim_advance_ms(60000);
	EXPECT(model.device->reads - reads <= 16);
	EXPECT(model.cache->recovery);
	EXPECT(cachefs_recovered_percent(model.cache) < 100);
	EXPECT_EQ(cachefs_use_again(model.cache), 0);
	model_recover();
	EXPECT_EQ(model_count_cached(6), TINY_SLOTS);
	all_is_right();
	crash();
	attach_only();
	reads = model.device->reads;
	model_detach();
	EXPECT(model.device->reads - reads <= 32);
}

/*
 * Nothing can be read for some time.  Errors come at once, and a recovery does not run
 * through the device meanwhile.  The time may be so long that the cache fails.
 */
static void recovery_waits_for_a_device(void)
{
	static const unsigned int seconds[] = { 3, 8, 30 };
	unsigned int i;
	u64 reads;

	for (i = 0; i < ARRAY_SIZE(seconds); i++) {
		full_cache_recovers();
		model.device->read_errors = 1000;
		reads = model.device->reads;
		shim_advance_ms(1000 * seconds[i]);
		/* 16 regions of three blocks, each read whole and then block by block. */
		EXPECT(model.device->reads > reads);
		EXPECT(model.device->reads - reads <= (seconds[i] + 2) * (16 * 4 + 1));
		model.device->read_errors = 0;
		EXPECT_EQ(cachefs_state(model.cache) == CACHEFS_FAILED, seconds[i] == 30);
		if (seconds[i] == 30)
			EXPECT_EQ(cachefs_use_again(model.cache), 0);
		model_recover();
		EXPECT_EQ(model_count_cached(6), TINY_SLOTS);
		/* No longer degraded. */
		shim_advance_ms(301 * 1000);
		all_is_right();
		model_detach();
	}
}

/* Regions that can never be read are passed by. */
static void recovery_passes_by_bad_regions(void)
{
	format_regions(MANY_REGIONS);
	EXPECT_EQ(model_attach(), 0);
	fill_regions(MANY_REGIONS + 20);
	crash();
	attach_only();
	/* More regions than are read at a time, several times over. */
	EXPECT(model.cache->head + 60 <= MANY_REGIONS);
	EXPECT(model.cache->unscanned > 64);
	bad_blocks(CACHEFS_FIRST_BLOCK + model.cache->head * TINY_REGION_BLOCKS,
		   60 * TINY_REGION_BLOCKS);
	shim_advance_ms(5000);
	EXPECT_EQ(cachefs_recovered_percent(model.cache), 100);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
	model.device->bad_end = 0;
	shim_advance_ms(301 * 1000);
	all_is_right();
}

/* The next allocation after each read fails. */
static void no_memory(void)
{
	shim_fail_alloc(1);
}

static void recovery_waits_for_memory(void)
{
	full_cache_recovers();
	model.device->reading = no_memory;
	shim_advance_ms(10000);
	EXPECT(shim_alloc_failed());
	EXPECT(model.cache->unscanned);
	model.device->reading = NULL;
	shim_fail_alloc(0);
	model_recover();
	EXPECT_EQ(model_count_cached(6), TINY_SLOTS);
	all_is_right();
}

/* The newest region was found and the oldest was not, and no more will be found. */
static void recovery_has_ended_without_the_oldest(void)
{
	EXPECT_EQ(model_count_cached(6), 0);
	EXPECT_EQ(model_count_cached(1), TINY_SLOTS);
	all_is_right();
	shim_log_clear();
	reattach();
	EXPECT(!shim_log_has("unclean"));
	EXPECT_EQ(model_count_cached(1), TINY_SLOTS);
}

/* If the index may have no more memory, the oldest regions are not looked for. */
static void recovery_ends_when_the_index_is_full(void)
{
	u64 reads;

	full_cache_recovers();
	reads = model.device->reads;
	model.cache->index.max_bytes = 1;
	model.cache->index.crowded = true;
	cachefs_log_kick(model.cache);
	model_recover();
	/* Only the regions that were on their way are read, at most twice 16. */
	EXPECT(model.device->reads - reads <= 32);
	recovery_has_ended_without_the_oldest();
}

static void ask_for_memory(void)
{
	shim_ram_available = 0;
	EXPECT(cachefs_index_shrink(model.cache, true));
}

static u32 unscanned_least;

/* Take memory away, and wait until the oldest regions that were found are let go. */
static void memory_is_short(void)
{
	u32 unscanned;
	u64 extents;

	model.device->reading = NULL;
	ask_for_memory();
	do {
		unscanned = model.cache->unscanned;
		extents = model.cache->nr_extents;
		unscanned_least = min(unscanned_least, unscanned);
		shim_wait_progress("the oldest to go");
	} while (model.cache->unscanned <= unscanned);
	EXPECT(model.cache->nr_extents < extents);
}

/*
 * The kernel is short of memory for a time: the oldest regions that were found go, and
 * nothing is read meanwhile.  Then all regions are found.
 */
static void recovery_goes_on_after_memory_pressure(void)
{
	u32 unscanned, pass;
	u64 reads, extents;
	char found[40];

	for (pass = 0; pass < 2; pass++) {
		full_cache_recovers();
		/* Regions that the recovery will read again are not discarded. */
		model.device->discards = true;
		model.cache->discard = true;
		recover_some();
		/* Also while regions are read that are older than those that go. */
		if (pass) {
			model.device->reading = memory_is_short;
			while (model.device->reading)
				shim_wait_progress("a read");
		} else {
			memory_is_short();
		}
		shim_advance_ms(2000);
		EXPECT(cachefs_recovered_percent(model.cache) < 100);
		EXPECT_EQ(model_count_cached(1), TINY_SLOTS);
		EXPECT_EQ(model_count_cached(6), 0);
		check_index(model.cache);
		/* Nothing is read as long as there is no memory. */
		reads = model.device->reads;
		unscanned = model.cache->unscanned;
		shim_advance_ms(60000);
		EXPECT_EQ(model.device->reads, reads);
		EXPECT_EQ(model.cache->unscanned, unscanned);
		EXPECT(model.cache->recovery);
		/* Regions that were let go are found again, and so are the others. */
		shim_ram_available = 1L << 24;
		model_recover();
		EXPECT_EQ(model_count_cached(6), TINY_SLOTS);
		EXPECT(model.cache->nr_extents > 80 * TINY_SLOTS);
		snprintf(found, sizeof(found), "in %llu extents",
			 (unsigned long long)model.cache->nr_extents);
		EXPECT(shim_log_has(found));
		/* The oldest is the first to go, again. */
		extents = model.cache->nr_extents;
		ask_for_memory();
		shim_run();
		EXPECT_EQ(model_count_cached(6), 0);
		EXPECT(model.cache->nr_extents < extents);
		EXPECT_EQ(model_count_cached(1), TINY_SLOTS);
		shim_ram_available = 1L << 24;
		all_is_right();
		model_detach();
	}
}

/*
 * A region whose metadata could not be read for a time is forgotten, and then found again
 * with the older ones.
 */
static void region_that_was_lost_is_found_again(void)
{
	struct cachefs_region *region;
	u32 nr;

	full_cache_recovers();
	memory_is_short();
	nr = (model.cache->head + model.cache->unscanned) % model.cache->geo.nr_regions;
	region = &model.cache->regions[nr];
	EXPECT(region->nr_extents);
	cachefs_index_forget(model.cache, nr);
	region->lost = true;
	EXPECT_EQ(PTR_ERR(cachefs_region_load_checksums(model.cache, nr, 0, 1)), -ENODATA);
	memory_is_short();
	shim_advance_ms(2000);
	shim_ram_available = 1L << 24;
	model_recover();
	EXPECT(region->nr_extents);
	EXPECT(!IS_ERR(cachefs_region_load_checksums(model.cache, nr, 0, TINY_SLOTS)));
	all_is_right();
}

/*
 * After an hour without memory a recovery ends, and a detach has a checkpoint.  If more
 * was found meanwhile, the hour begins anew.
 */
static void recovery_does_not_wait_for_ever(void)
{
	const u64 minute = 60000;
	unsigned int i;

	full_cache_recovers();
	unscanned_least = model.cache->unscanned;
	memory_is_short();
	EXPECT(model.cache->unscanned > unscanned_least);
	/* The log works much more often than the recovery tries. */
	for (i = 0; i < 5000; i++) {
		cachefs_log_kick(model.cache);
		shim_run();
	}
	shim_advance_ms(59 * minute);
	EXPECT(model.cache->unscanned > unscanned_least);
	shim_ram_available = 1L << 24;
	while (model.cache->unscanned >= unscanned_least)
		shim_wait_progress("more to be found");
	EXPECT(model.cache->unscanned);
	memory_is_short();
	shim_advance_ms(59 * minute);
	EXPECT(model.cache->recovery);
	shim_advance_ms(2 * minute);
	EXPECT(!model.cache->recovery);
	shim_ram_available = 1L << 24;
	recovery_has_ended_without_the_oldest();
}

/* Stores do not wait longer for a region because a recovery waits for memory. */
static void log_does_not_wait_with_a_recovery(void)
{
	full_cache_recovers();
	memory_is_short();
	shim_advance_ms(3000);
	pin_all(1);
	EXPECT(take_slots(true));
	shim_advance_ms(2000);
	EXPECT_EQ(model.cache->nr_ready, 0);
	pin_all(-1);
	shim_advance_ms(150);
	EXPECT(model.cache->nr_ready);
	shim_ram_available = 1L << 24;
	model_recover();
	EXPECT_EQ(model_count_cached(1), TINY_SLOTS);
	all_is_right();
}

/* One page of the index was too full, but there are others: no region goes for that. */
static void recovery_goes_on_after_a_full_page(void)
{
	full_cache_recovers();
	model.cache->index.crowded = true;
	cachefs_log_kick(model.cache);
	model_recover();
	EXPECT_EQ(model_count_cached(6), TINY_SLOTS);
	EXPECT_EQ(model_count_cached(1), TINY_SLOTS);
	all_is_right();
}

/* The region that was found last is the oldest, and goes first. */
static void oldest_goes_first_after_a_recovery(void)
{
	full_cache_recovers();
	model_recover();
	EXPECT_EQ(model_count_cached(6), TINY_SLOTS);
	model.cache->index.crowded = true;
	cachefs_log_kick(model.cache);
	shim_run();
	EXPECT_EQ(model_count_cached(6), 0);
	EXPECT_EQ(model_count_cached(1), TINY_SLOTS);
}

static u8 old_metadata[3 * CACHEFS_BLOCK_SIZE];

/*
 * A region was reused two attaches ago, and the metadata that said so was lost.  A later
 * region of that attach shows the reuse.
 */
static void lost_reuse_is_noticed_later(void)
{
	format_regions(MANY_REGIONS);
	EXPECT_EQ(model_attach(), 0);
	store_new(6, TINY_SLOTS);
	fill_regions(MANY_REGIONS - 10);
	shim_advance_ms(11000);
	memcpy(old_metadata, device_block(model.device, CACHEFS_FIRST_BLOCK),
	       sizeof(old_metadata));
	reattach();
	/* Region 0 and some more are reused. */
	fill_regions(30);
	crash();
	write_metadata(0, old_metadata);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model_count_cached(6), 0);
	all_is_right();
	fill_regions(5);
	crash();
	/* The power loss has brought back the newer metadata.  Lose it again. */
	write_metadata(0, old_metadata);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model_count_cached(6), 0);
	all_is_right();
}

const struct test_case recover_cases[] = {
	CASE(attach_after_a_crash_reads_little),
	CASE(newest_region_is_found),
	CASE(newest_region_is_found_past_lost_ones),
	CASE(newest_region_too_far_costs_nothing_older),
	CASE(stores_go_on_meanwhile),
	CASE(old_copy_does_not_displace_the_new_one),
	CASE(newest_comes_first),
	CASE(detach_before_the_end_loses_nothing),
	CASE(death_before_the_end_loses_nothing),
	CASE(recovery_ends_with_the_use),
	CASE(recovery_waits_for_a_device),
	CASE(recovery_passes_by_bad_regions),
	CASE(recovery_waits_for_memory),
	CASE(recovery_ends_when_the_index_is_full),
	CASE(recovery_goes_on_after_memory_pressure),
	CASE(region_that_was_lost_is_found_again),
	CASE(recovery_does_not_wait_for_ever),
	CASE(log_does_not_wait_with_a_recovery),
	CASE(recovery_goes_on_after_a_full_page),
	CASE(oldest_goes_first_after_a_recovery),
	CASE(lost_reuse_is_noticed_later),
	{}
};
