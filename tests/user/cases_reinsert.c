// SPDX-License-Identifier: GPL-2.0
/* Blocks that were read since they were stored stay when their region is reused. */
#include "cases.h"

/* Store two versions side by side in one region.  Only version 1 is read. */
static void read_and_not_read(void)
{
	tiny();
	model_new_version(3, 25);
	EXPECT_EQ(model_store_now(1, 0, 25), 0);
	EXPECT_EQ(model_store_now(3, 0, 25), 0);
	EXPECT_EQ(model_read_now(1, 0, 25), 0);
}

static void what_is_read_stays(void)
{
	unsigned int i;

	read_and_not_read();
	for (i = 0; i < 5 * TINY_REGIONS; i++) {
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_run();
		EXPECT_EQ(model_read_now(1, 0, 25), 0);
	}
	EXPECT_EQ(model_count_cached(1), 25);
	EXPECT_EQ(model_count_cached(3), 0);
	EXPECT(stat(CACHEFS_STAT_REINSERTED_BYTES) >= 5 * 25 * CACHEFS_BLOCK_SIZE);
	check_index(model.cache);
}

/* Neither version is read: the one that was stored to be kept stays a turn longer. */
static void what_is_stored_to_be_kept_stays_a_turn_longer(void)
{
	tiny();
	model_new_version(3, 25);
	model.keep = true;
	EXPECT_EQ(model_store_now(1, 0, 25), 0);
	model.keep = false;
	EXPECT_EQ(model_store_now(3, 0, 25), 0);
	EXPECT_EQ(stat(CACHEFS_STAT_HIT_BYTES), 0);
	one_lap();
	EXPECT_EQ(model_count_cached(1), 25);
	EXPECT_EQ(model_count_cached(3), 0);
	one_lap();
	EXPECT_EQ(model_count_cached(1), 0);
	check_index(model.cache);
}

static s64 count_version(unsigned int version, enum cachefs_count count)
{
	s64 before = stat(CACHEFS_STAT_DEVICE_READ_BYTES), bytes;

	bytes = cachefs_visit_cached(model.cache, &model.versions[version].core,
				     25 * CACHEFS_BLOCK_SIZE, count);
	EXPECT_EQ(stat(CACHEFS_STAT_DEVICE_READ_BYTES), before);
	return bytes;
}

/* Version 1 is only noted as read, again and again.  Its neighbours are counted. */
static void what_is_noted_as_read_stays(void)
{
	unsigned int i;

	tiny();
	model_new_version(3, 25);
	model.versions[1].base = 0;
	model.versions[3].base = 0;
	EXPECT_EQ(model_store_now(1, 0, 25), 0);
	EXPECT_EQ(model_store_now(3, 0, 25), 0);
	for (i = 0; i < 5 * TINY_REGIONS; i++) {
		EXPECT_EQ(count_version(1, CACHEFS_COUNT_NOTE_READ),
			  25 * CACHEFS_BLOCK_SIZE);
		count_version(3, CACHEFS_COUNT_ONLY);
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_run();
	}
	EXPECT_EQ(model_count_cached(1), 25);
	EXPECT_EQ(model_count_cached(3), 0);
	EXPECT_EQ(model_read_now(1, 0, 25), 0);
	check_index(model.cache);
	/* Version 1 goes when it is no longer noted. */
	one_lap();
	one_lap();
	EXPECT_EQ(model_count_cached(1), 0);
}

/* Stores that come faster than regions are made ready wait for blocks that stay. */
static void what_is_read_stays_in_a_hurry(void)
{
	unsigned int i;

	read_and_not_read();
	for (i = 0; i < 5 * TINY_REGIONS; i++) {
		model_new_version(2, 4 * TINY_SLOTS);
		model_store(2, 0, 4 * TINY_SLOTS, 0);
		shim_run();
		EXPECT_EQ(model_read_now(1, 0, 25), 0);
	}
	EXPECT_EQ(model_count_cached(3), 0);
}

static void store_while_others_are_moved(void)
{
	struct cachefs_cache *cache = model.cache;

	if (atomic_read(&cache->regions[cache->head].pins))
		model_store(2, 0, TINY_SLOTS, 0);
}

/* Stores that come while blocks are moved do not get the room of these blocks. */
static void stores_leave_room_for_what_stays(void)
{
	unsigned int i;

	tiny();
	/* Store every other block, so that each is an extent. */
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(model_store_now(1, 2 * i, 1), 0);
		EXPECT_EQ(model_read_now(1, 2 * i, 1), 0);
	}
	model.device->meanwhile = store_while_others_are_moved;
	for (i = 0; i < 3 * TINY_REGIONS; i++) {
		model_new_version(2, TINY_SLOTS);
		model_store(2, 0, TINY_SLOTS, 0);
		shim_run();
		EXPECT_EQ(model_count_cached(1), 20);
		model_read_now(1, 0, 40);
	}
	model.device->meanwhile = NULL;
	check_index(model.cache);
}

static void what_is_not_read_again_goes(void)
{
	read_and_not_read();
	one_lap();
	EXPECT_EQ(model_count_cached(1), 25);
	one_lap();
	EXPECT_EQ(model_count_cached(1), 0);
}

/* An extent whose records are in two blocks of metadata. */
static void extent_across_blocks_of_metadata_stays(void)
{
	const u32 region = 256, first = CACHEFS_RECORDS_PER_BLOCK - 50;
	unsigned int i;

	model_format(CACHEFS_FIRST_BLOCK + 12 * region + CACHEFS_LAST_BLOCKS, region);
	EXPECT_EQ(model_attach(), 0);
	model_new_version(2, first);
	EXPECT_EQ(model_store_now(2, 0, first), 0);
	model_new_version(1, 100);
	model.versions[1].base = 0;
	EXPECT_EQ(model_store_now(1, 0, 100), 0);
	EXPECT_EQ(model_read_now(1, 0, 100), 0);
	for (i = 0; i < 12; i++) {
		model_new_version(2, 240);
		EXPECT_EQ(model_store_now(2, 0, 240), 0);
		shim_run();
	}
	EXPECT_EQ(stat(CACHEFS_STAT_REINSERTED_BYTES), 100 * CACHEFS_BLOCK_SIZE);
	EXPECT_EQ(model_count_cached(1), 100);
	check_index(model.cache);
}

/* An extent that was read, and then grew. */
static void extent_that_grew_stays(void)
{
	tiny();
	model_new_version(1, 20);
	model.versions[1].base = 0;
	EXPECT_EQ(model_store_now(1, 0, 10), 0);
	EXPECT_EQ(model_read_now(1, 0, 10), 0);
	EXPECT_EQ(model_store_now(1, 10, 10), 0);
	EXPECT_EQ(model.cache->nr_extents, 1);
	one_lap();
	EXPECT_EQ(model_count_cached(1), 20);
}

/* Even if all blocks are read, there is room for new data. */
static void what_is_read_leaves_room(void)
{
	unsigned int i;

	tiny();
	for (i = 0; i < 4 * TINY_REGIONS; i++) {
		model_new_version(i % MODEL_VERSIONS, TINY_SLOTS);
		EXPECT_EQ(model_store_now(i % MODEL_VERSIONS, 0, TINY_SLOTS), 0);
		shim_run();
		EXPECT_EQ(model_read_now(i % MODEL_VERSIONS, 0, TINY_SLOTS), 0);
	}
	EXPECT(stat(CACHEFS_STAT_REINSERTED_BYTES) <=
	       (4 * TINY_REGIONS + 2) * TINY_SLOTS * CACHEFS_BLOCK_SIZE);
}

/* All of a region stays, after regions of which nothing stayed. */
static void whole_region_stays(void)
{
	tiny();
	model_new_version(1, TINY_SLOTS);
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS), 0);
	EXPECT_EQ(model_read_now(1, 0, TINY_SLOTS), 0);
	one_lap();
	EXPECT_EQ(model_count_cached(1), TINY_SLOTS);
}

/* A second try, because of a reader, does not count as reusing a region again. */
static void trying_again_makes_no_room(void)
{
	tiny();
	store_all(1);
	pin_all(1);
	model_new_version(2, 4 * TINY_SLOTS);
	model_store(2, 0, 4 * TINY_SLOTS, 0);
	shim_run();
	model.cache->stay_room = 0;
	shim_advance_ms(10000);
	EXPECT_EQ(model.cache->stay_room, 0);
	pin_all(-1);
}

/* Blocks go if the disk cannot read them, or cannot write their copies. */
static void what_cannot_be_copied_goes(void)
{
	struct cachefs_cache *cache;

	read_and_not_read();
	cache = model.cache;
	model.device->bad_start = cachefs_slot_block(&cache->geo, 0, 3);
	model.device->bad_end = model.device->bad_start + 1;
	while (!stat(CACHEFS_STAT_READ_ERRORS)) {
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_run();
	}
	EXPECT_EQ(model_count_cached(1), 0);
	EXPECT_EQ(stat(CACHEFS_STAT_REINSERTED_BYTES), 0);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
	check_index(cache);
}

static void fail_writes_of_what_stays(void)
{
	struct cachefs_cache *cache = model.cache;

	model.device->write_errors =
		atomic_read(&cache->regions[cache->head].pins) ? 1000 : 0;
}

static void what_cannot_be_written_goes(void)
{
	read_and_not_read();
	model.device->meanwhile = fail_writes_of_what_stays;
	one_lap();
	model.device->meanwhile = NULL;
	model.device->write_errors = 0;
	EXPECT_EQ(model_count_cached(1), 0);
	EXPECT_EQ(stat(CACHEFS_STAT_REINSERTED_BYTES), 0);
	EXPECT(stat(CACHEFS_STAT_WRITE_ERRORS) >= 1);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
	check_index(model.cache);
}

/* Make the last slot of the first copies bad, and the slots after it: @nr in all. */
static void first_copies_meet_bad_slots(unsigned int nr)
{
	struct cachefs_cache *cache = model.cache;
	struct cachefs_open_region *open = cache->current_region;

	if (atomic_read(&cache->regions[cache->head].pins) && !model.device->bad_end)
		bad_blocks(cachefs_slot_block(&cache->geo, open->nr, open->next_slot - 1), nr);
}

static void first_copies_meet_a_bad_slot(void)
{
	first_copies_meet_bad_slots(1);
}

static void first_copies_meet_two_bad_slots(void)
{
	first_copies_meet_bad_slots(2);
}

/* The same, with room for five blocks more than the first copies need. */
static void first_copies_of_25_meet_a_bad_slot(void)
{
	bool first = !model.device->bad_end;

	first_copies_meet_bad_slots(1);
	if (first && model.device->bad_end)
		model.cache->stay_room = 25;
}

static unsigned int copies_tried;

static void no_copy_has_room(void)
{
	bool copy = atomic_read(&model.cache->regions[model.cache->head].pins);

	copies_tried += copy;
	model.device->write_errors = copy ? 1000 : 0;
	model.device->write_errno = -ENOSPC;
}

static void reuse_region_0(void)
{
	u64 seq = model.cache->regions[0].seq;

	while (model.cache->regions[0].seq == seq) {
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_run();
	}
}

/* Twenty single blocks of version 1 were read.  Reuse their region, with @meanwhile. */
static void twenty_extents_stay_in(void (*meanwhile)(void))
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		EXPECT_EQ(model_store_now(1, 2 * i, 1), 0);
		EXPECT_EQ(model_read_now(1, 2 * i, 1), 0);
	}
	model_new_version(2, TINY_SLOTS - 20);
	EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS - 20), 0);
	model.device->meanwhile = meanwhile;
	reuse_region_0();
	model.device->meanwhile = NULL;
	model.device->write_errors = 0;
	check_index(model.cache);
}

static void twenty_extents_stay_but_for(void (*meanwhile)(void))
{
	tiny();
	twenty_extents_stay_in(meanwhile);
}

/* A slot takes no copy: the copies get other slots. */
static void bad_slot_costs_nothing_that_stays(void)
{
	twenty_extents_stay_but_for(first_copies_meet_a_bad_slot);
	EXPECT_EQ(stat(CACHEFS_STAT_WRITE_ERRORS), 1);
	EXPECT_EQ(model_count_cached(1), 20);
	bad_blocks(0, 0);
	model_read_cached(1, 0);
}

/* The slot of the second copy is bad, too: this extent goes, and the others stay. */
static void bad_slot_costs_what_should_stay_there(void)
{
	twenty_extents_stay_but_for(first_copies_meet_two_bad_slots);
	EXPECT_EQ(stat(CACHEFS_STAT_WRITE_ERRORS), 2);
	EXPECT_EQ(model_count_cached(1), 19);
	bad_blocks(0, 0);
	model_read_cached(1, 0);
}

/* Slots that failed use up room of the blocks that stay: stores keep their own room. */
static void bad_slot_takes_room_of_what_stays(void)
{
	twenty_extents_stay_but_for(first_copies_of_25_meet_a_bad_slot);
	EXPECT_EQ(model_count_cached(1), 5);
	EXPECT_EQ(stat(CACHEFS_STAT_REINSERTED_BYTES), 5 * CACHEFS_BLOCK_SIZE);
}

static unsigned int copies_written, copies_read;

static void count_copies_written(void)
{
	copies_written += !!atomic_read(&model.cache->regions[model.cache->head].pins);
}

static void count_copies_read(void)
{
	copies_read += !!atomic_read(&model.cache->regions[model.cache->head].pins);
}

/* Twenty extents side by side are read at once, and written at once. */
static void extents_side_by_side_are_moved_at_once(void)
{
	copies_written = 0;
	twenty_extents_stay_but_for(count_copies_written);
	EXPECT_EQ(copies_written, 1);
	EXPECT_EQ(model_count_cached(1), 20);
}

static void leave_room_for_ten(void)
{
	if (atomic_read(&model.cache->regions[model.cache->head].pins))
		model.cache->stay_room = 10;
}

/* There is room for ten of twenty extents: these are moved at once, too. */
static void only_extents_with_room_are_gathered(void)
{
	copies_written = 0;
	tiny();
	model.device->reading = leave_room_for_ten;
	twenty_extents_stay_in(count_copies_written);
	model.device->reading = NULL;
	EXPECT_EQ(copies_written, 1);
	EXPECT_EQ(model_count_cached(1), 10);
}

/*
 * Two extents, one of three blocks, lie @gap blocks apart.  Reuse their region.  Returns
 * the blocks of data that the log read.  The copies are written at once if @reads is 1.
 */
static u64 blocks_read_with_a_gap(unsigned int gap, unsigned int reads)
{
	u64 before, meta;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 3), 0);
	model_new_version(3, gap);
	EXPECT_EQ(model_store_now(3, 0, gap), 0);
	EXPECT_EQ(model_store_now(1, 10, 1), 0);
	EXPECT_EQ(model_read_now(1, 0, 3), 0);
	EXPECT_EQ(model_read_now(1, 10, 1), 0);
	copies_read = 0;
	copies_written = 0;
	model.device->reading = count_copies_read;
	model.device->meanwhile = count_copies_written;
	before = stat(CACHEFS_STAT_DEVICE_READ_BYTES);
	reuse_region_0();
	model.device->reading = NULL;
	model.device->meanwhile = NULL;
	EXPECT_EQ(model_read_now(1, 0, 3), 0);
	EXPECT_EQ(model_count_cached(1), 4);
	/* One read is that of the metadata. */
	EXPECT_EQ(copies_read, reads + 1);
	EXPECT_EQ(copies_written, reads);
	meta = model.cache->geo.meta_blocks + CACHEFS_SCRATCH_BLOCKS;
	return (stat(CACHEFS_STAT_DEVICE_READ_BYTES) - before) / CACHEFS_BLOCK_SIZE - meta - 3;
}

/* Blocks between two extents are read, too, if they are few. */
static void blocks_that_do_not_stay_are_read_if_few(void)
{
	EXPECT_EQ(blocks_read_with_a_gap(5, 1), 3 + 5 + 1);
}

static void extents_far_apart_are_read_by_themselves(void)
{
	EXPECT_EQ(blocks_read_with_a_gap(40, 2), 3 + 1);
}

/* One block cannot be read, and one is damaged: their neighbours stay. */
static void bad_blocks_cost_only_themselves(void)
{
	unsigned int i;

	tiny();
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(model_store_now(1, 2 * i, 1), 0);
		EXPECT_EQ(model_read_now(1, 2 * i, 1), 0);
	}
	bad_blocks(cachefs_slot_block(&model.cache->geo, 0, 3), 1);
	*(u8 *)device_block(model.device, cachefs_slot_block(&model.cache->geo, 0, 7)) ^= 1;
	reuse_region_0();
	bad_blocks(0, 0);
	EXPECT_EQ(model_count_cached(1), 18);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 1);
	model_read_cached(1, 0);
	check_index(model.cache);
}

/* Make the first slot bad of the region after the one that gets the first copies. */
static void next_region_begins_with_a_bad_slot(void)
{
	struct cachefs_cache *cache = model.cache;
	struct cachefs_open_region *next;

	count_copies_written();
	if (!copies_written || model.device->bad_end)
		return;
	next = list_first_entry(&cache->ready, struct cachefs_open_region, link);
	bad_blocks(cachefs_slot_block(&cache->geo, next->nr, 0), 1);
}

/*
 * Ten of twenty copies end one region, and the rest goes into the next region, where a slot
 * is bad.  The first ten are not written again, and each of the others is written alone.
 */
static void copies_before_a_bad_slot_stay(void)
{
	unsigned int i;

	tiny();
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(model_store_now(1, 2 * i, 1), 0);
		EXPECT_EQ(model_read_now(1, 2 * i, 1), 0);
	}
	/* From now on ten slots are left in the open region after each store. */
	model_new_version(2, TINY_SLOTS - 30);
	EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS - 30), 0);
	copies_written = 0;
	model.device->meanwhile = next_region_begins_with_a_bad_slot;
	reuse_region_0();
	model.device->meanwhile = NULL;
	EXPECT_EQ(stat(CACHEFS_STAT_WRITE_ERRORS), 1);
	EXPECT_EQ(copies_written, 1 + 1 + 10);
	EXPECT_EQ(model_count_cached(1), 20);
	bad_blocks(0, 0);
	model_read_cached(1, 0);
	check_index(model.cache);
}

/* No block is copied any more when nothing can be written. */
static void copies_end_with_the_room(void)
{
	copies_tried = 0;
	twenty_extents_stay_but_for(no_copy_has_room);
	EXPECT_EQ(copies_tried, 1);
	EXPECT_EQ(model_count_cached(1), 0);
}

/* Each region has a bad block that only the log reads.  Its neighbours can be read. */
static void bad_spots_in_what_stays_are_not_in_a_row(void)
{
	const u32 regions = 24, full = 20;
	unsigned int i;

	model_format(CACHEFS_FIRST_BLOCK + regions * TINY_REGION_BLOCKS + CACHEFS_LAST_BLOCKS,
		     TINY_REGION_BLOCKS);
	EXPECT_EQ(model_attach(), 0);
	model_new_version(1, 10 * full);
	model.versions[1].base = 0;
	for (i = 0; i < full; i++) {
		EXPECT_EQ(model_store_now(1, 10 * i, 4), 0);
		EXPECT_EQ(model_store_now(1, 10 * i + 5, 4), 0);
		model_new_version(2, TINY_SLOTS - 8);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS - 8), 0);
		EXPECT_EQ(model_read_now(1, 10 * i, 4), 0);
		EXPECT_EQ(model_read_now(1, 10 * i + 5, 4), 0);
		shim_run();
	}
	for (i = 0; stat(CACHEFS_STAT_READ_ERRORS) <= CACHEFS_MAX_ERRORS; i++) {
		EXPECT(i < 2 * regions);
		bad_blocks(cachefs_slot_block(&model.cache->geo, model.cache->head, 1), 1);
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_advance_ms(2000);
	}
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
}

static void what_stayed_is_there_after_an_attach(void)
{
	read_and_not_read();
	one_lap();
	EXPECT_EQ(stat(CACHEFS_STAT_REINSERTED_BYTES), 25 * CACHEFS_BLOCK_SIZE);
	reattach();
	EXPECT_EQ(model_read_now(1, 0, 25), 0);
	shim_advance_ms(11000);
	lose_power(DEVICE_KEEPS_ALL);
	EXPECT_EQ(model_read_now(1, 0, 25), 0);
}

/* A reader finds a block damaged while the copy of the block is written. */
static void drop_meanwhile(void)
{
	struct model_version *version = &model.versions[1];

	if (atomic_read(&model.cache->regions[model.cache->head].pins))
		cachefs_index_drop(model.cache, version->core.id, version->base,
				   1);
}

static void what_is_dropped_meanwhile_does_not_stay(void)
{
	read_and_not_read();
	model.device->meanwhile = drop_meanwhile;
	one_lap();
	model.device->meanwhile = NULL;
	EXPECT_EQ(model_count_cached(1), 0);
	EXPECT_EQ(stat(CACHEFS_STAT_REINSERTED_BYTES), 0);
	check_index(model.cache);
}

static void what_is_damaged_does_not_stay(void)
{
	u8 *byte;

	read_and_not_read();
	byte = device_block(model.device,
			    cachefs_slot_block(&model.cache->geo, 0, 20));
	*byte ^= 1;
	one_lap();
	EXPECT_EQ(model_count_cached(1), 0);
	EXPECT_EQ(stat(CACHEFS_STAT_REINSERTED_BYTES), 0);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 1);
}

/* The checkpoint says what was read, and a second detach passes it on. */
static void what_was_read_before_a_detach_stays(void)
{
	read_and_not_read();
	model_detach();
	EXPECT_EQ(model_attach(), 0);
	model_detach();
	EXPECT_EQ(model_attach(), 0);
	one_lap();
	EXPECT_EQ(model_count_cached(1), 25);
	EXPECT_EQ(model_count_cached(3), 0);
	/* The copy was not read. */
	one_lap();
	EXPECT_EQ(model_count_cached(1), 0);
	check_index(model.cache);
}

const struct test_case reinsert_cases[] = {
	CASE(what_is_read_stays),
	CASE(what_was_read_before_a_detach_stays),
	CASE(what_is_noted_as_read_stays),
	CASE(what_is_stored_to_be_kept_stays_a_turn_longer),
	CASE(what_is_read_stays_in_a_hurry),
	CASE(stores_leave_room_for_what_stays),
	CASE(what_is_not_read_again_goes),
	CASE(extent_across_blocks_of_metadata_stays),
	CASE(extent_that_grew_stays),
	CASE(what_is_read_leaves_room),
	CASE(whole_region_stays),
	CASE(trying_again_makes_no_room),
	CASE(what_cannot_be_copied_goes),
	CASE(what_cannot_be_written_goes),
	CASE(bad_slot_costs_nothing_that_stays),
	CASE(bad_slot_costs_what_should_stay_there),
	CASE(extents_side_by_side_are_moved_at_once),
	CASE(only_extents_with_room_are_gathered),
	CASE(blocks_that_do_not_stay_are_read_if_few),
	CASE(extents_far_apart_are_read_by_themselves),
	CASE(bad_blocks_cost_only_themselves),
	CASE(copies_before_a_bad_slot_stay),
	CASE(bad_slot_takes_room_of_what_stays),
	CASE(copies_end_with_the_room),
	CASE(bad_spots_in_what_stays_are_not_in_a_row),
	CASE(what_stayed_is_there_after_an_attach),
	CASE(what_is_dropped_meanwhile_does_not_stay),
	CASE(what_is_damaged_does_not_stay),
	{}
};
