// SPDX-License-Identifier: GPL-2.0
/* Reads, stores and invalidations of an attached cache, and the regions under them. */
#include "cases.h"

static void stored_is_read(void)
{
	tiny();
	store_all(1);
	EXPECT_EQ(model_count_cached(1), 200);
	EXPECT_EQ(model_read_now(1, 0, 200), 0);
	EXPECT_EQ(model_read_now(1, 127, 2), 0);
	EXPECT_EQ(model_read_now(2, 0, 1), -ENODATA);
	check_index(model.cache);
}

/* Read blocks in another order than that of the slots. */
static void read_in_another_order(void)
{
	int block;

	tiny();
	for (block = 20; block >= 0; block--)
		EXPECT_EQ(model_store_now(1, block, 1), 0);
	EXPECT_EQ(model_read_now(1, 0, 21), 0);
}

static void lookup_tells_how_far_it_is_the_same(void)
{
	struct cachefs_version *version;
	bool cached;

	tiny();
	version = &model.versions[1].core;
	model.versions[1].base = 100;
	EXPECT_EQ(model_store_now(1, 26, 4), 0);
	EXPECT_EQ(cachefs_lookup(model.cache, version, 100, 200, &cached), 26);
	EXPECT(!cached);
	EXPECT_EQ(cachefs_lookup(model.cache, version, 126, 200, &cached), 4);
	EXPECT(cached);
	EXPECT_EQ(cachefs_lookup(model.cache, version, 130, 300, &cached), 300);
	EXPECT(!cached);
}

/* File blocks have 40 bits. */
static void blocks_that_no_file_has_are_not_stored(void)
{
	tiny();
	model.versions[1].base = (1ULL << CACHEFS_FILE_BLOCK_BITS) - 5;
	EXPECT_EQ(model_store_now(1, 0, 10), -ENOBUFS);
	EXPECT_REFUSED(TOO_LARGE);
	EXPECT_EQ(model_count_cached(1), 5);
	EXPECT_EQ(model_read_now(1, 0, 5), 0);
}

/* The checksum depends on the version and on the block. */
static void block_elsewhere_is_not_served(void)
{
	struct cachefs_cache *cache;
	u64 at;

	tiny();
	cache = model.cache;
	model.versions[2].base = model.versions[1].base;
	EXPECT_EQ(model_store_now(1, 0, 2), 0);
	EXPECT_EQ(model_store_now(2, 0, 1), 0);
	at = cachefs_slot_block(&cache->geo, 0, 0);
	/* As if the index had mixed up blocks, and then versions. */
	swap(cache->regions[0].checksums[0], cache->regions[0].checksums[1]);
	memcpy(device_block(model.device, at + 2),
	       device_block(model.device, at), CACHEFS_BLOCK_SIZE);
	cache->regions[0].checksums[2] = cache->regions[0].checksums[1];
	memcpy(device_block(model.device, at),
	       device_block(model.device, at + 1), CACHEFS_BLOCK_SIZE);
	EXPECT_EQ(model_read_now(1, 0, 1), -EUCLEAN);
	EXPECT_EQ(model_read_now(2, 0, 1), -EUCLEAN);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 2);
}

/* A mismatch drops the extent before the reader hears of it. */
static void mismatch_is_counted_and_dropped(unsigned int nr)
{
	u8 *byte;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, nr), 0);
	byte = device_block(model.device,
			    cachefs_slot_block(&model.cache->geo, 0, nr - 1));
	*byte ^= 1;
	EXPECT_EQ(model_read_now(1, 0, nr), -EUCLEAN);
	EXPECT(!model_cached(1, nr - 1));
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 1);
	EXPECT_EQ(model_store_now(1, 0, nr), 0);
	EXPECT_EQ(model_read_now(1, 0, nr), 0);
	check_index(model.cache);
}

static void small_mismatch_is_counted_and_dropped(void)
{
	mismatch_is_counted_and_dropped(1);
}

static void large_mismatch_is_counted_and_dropped(void)
{
	mismatch_is_counted_and_dropped(20);
}

static void damaged_metadata_is_counted(void)
{
	struct cachefs_geometry *geo;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 20), 0);
	model_detach();
	/* The checkpoint says where the blocks are; it has no checksums. */
	EXPECT_EQ(model_attach(), 0);
	geo = &model.cache->geo;
	memset(device_block(model.device, cachefs_region_start(geo, 0)), 0xff,
	       (geo->meta_blocks + CACHEFS_SCRATCH_BLOCKS) *
	       CACHEFS_BLOCK_SIZE);
	EXPECT_EQ(model_read_now(1, 0, 20), -EUCLEAN);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 1);
	EXPECT(!model_cached(1, 0));
}

/* The disk has lost the writes to the metadata since the log went round. */
static void metadata_of_an_earlier_round_is_damaged(void)
{
	u32 place = CACHEFS_NO_REF, size, i;
	struct cachefs_geometry *geo;
	u8 *earlier, *at;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 20), 0);
	model_detach();
	EXPECT_EQ(model_attach(), 0);
	geo = &model.cache->geo;
	size = (geo->meta_blocks + CACHEFS_SCRATCH_BLOCKS) * CACHEFS_BLOCK_SIZE;
	at = device_block(model.device, cachefs_region_start(geo, 0));
	earlier = malloc(size);
	memcpy(earlier, at, size);
	for (i = 0; i < 3 * TINY_REGIONS && place >> model.cache->ref_shift; i++) {
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_advance_ms(200);
		cachefs_index_map(model.cache, &model.versions[2].core,
				  model.versions[2].base, 1, &place, CACHEFS_MAP_LOOK);
	}
	EXPECT_EQ(place >> model.cache->ref_shift, 0);
	model_detach();
	memcpy(at, earlier, size);
	free(earlier);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model_read_now(2, 0, 1), -EUCLEAN);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 1);
	EXPECT(shim_log_has("metadata of region 0 is damaged"));
	EXPECT(!model_cached(2, 0));
}

/* The last block is not whole.  Blocks that were let go stay away after a detach. */
static void cached_bytes_are_counted_and_let_go(void)
{
	const struct cachefs_version *version;
	u64 size = 199 * CACHEFS_BLOCK_SIZE + 5;

	tiny();
	version = &model.versions[1].core;
	model.versions[1].base = 0;
	EXPECT_EQ(cachefs_visit_cached(model.cache, version, size,
				       CACHEFS_COUNT_ONLY), 0);
	EXPECT_EQ(model_store_now(1, 0, 3), 0);
	EXPECT_EQ(model_store_now(1, 130, 1), 0);
	EXPECT_EQ(cachefs_visit_cached(model.cache, version, size,
				       CACHEFS_COUNT_ONLY),
		  4 * CACHEFS_BLOCK_SIZE);
	EXPECT_EQ(cachefs_visit_cached(model.cache, version,
				       130 * CACHEFS_BLOCK_SIZE + 5,
				       CACHEFS_COUNT_DROP),
		  3 * CACHEFS_BLOCK_SIZE + 5);
	EXPECT_EQ(cachefs_visit_cached(model.cache, version, size,
				       CACHEFS_COUNT_ONLY), 0);
	EXPECT_EQ(model_store_now(1, 50, 1), 0);
	reattach();
	EXPECT_EQ(cachefs_visit_cached(model.cache, version, size,
				       CACHEFS_COUNT_ONLY),
		  CACHEFS_BLOCK_SIZE);
	cachefs_device_gone(model.cache);
	EXPECT_EQ(cachefs_visit_cached(model.cache, version, size,
				       CACHEFS_COUNT_ONLY), -ENXIO);
	EXPECT_EQ(cachefs_visit_cached(model.cache, version, 0,
				       CACHEFS_COUNT_ONLY), -ENXIO);
}

static void write_errors_count(void)
{
	tiny();
	/* A bad spot among the data; metadata can be written. */
	model.device->bad_start = cachefs_slot_block(&model.cache->geo, 0, 0);
	model.device->bad_end = model.device->bad_start + 1;
	EXPECT_EQ(model_store_now(1, 0, 1), -EIO);
	EXPECT_REFUSED(DEVICE);
	EXPECT(!model_cached(1, 0));
	EXPECT_EQ(stat(CACHEFS_STAT_WRITE_ERRORS), 1);
	EXPECT_EQ(cachefs_state(model.cache), CACHEFS_DEGRADED);
	EXPECT_EQ(model_store_now(1, 0, 1), 0);
	EXPECT_EQ(model_read_now(1, 0, 1), 0);
}

/* An invalidation overtakes a store.  The blocks that were there before stay. */
static void invalidated_store_is_not_published(void)
{
	tiny();
	EXPECT_EQ(model_store_now(1, 0, 3), 0);
	model_store(1, 10, 10, 0);
	model_invalidate(1);
	shim_run();
	EXPECT_REFUSED(VERSION);
	EXPECT_EQ(model_count_cached(1), 3);
	EXPECT_EQ(model_store_now(1, 10, 10), 0);
	EXPECT_EQ(model_count_cached(1), 13);
	EXPECT_EQ(model_read_now(1, 10, 10), 0);
	shim_advance_ms(11000);
	lose_power(DEVICE_KEEPS_ALL);
	EXPECT_EQ(model_count_cached(1), 13);
	EXPECT_EQ(model_read_now(1, 10, 10), 0);
}

/* A reader holds its region; the log waits, and goes on afterwards. */
static void region_that_is_read_is_not_reused(void)
{
	unsigned int i;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	for (i = 0; i < TINY_REGIONS * TINY_SLOTS; i++) {
		/* Read the oldest block again and again: it must not be torn. */
		model_read(1, 0, 1);
		model_store(2, i % 200, 1, 0);
		model_new_version(2, 200);
		while (shim_chance(80) && shim_run_some(1))
			;
	}
	shim_advance_ms(1000);
	EXPECT_EQ(model_store_now(2, 0, 1), 0);
	EXPECT(model_cached(1, 0));
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
	check_index(model.cache);
}

static void all_slots_are_used(void)
{
	tiny();
	store_all(1);
	/* Regions one after the other, without gaps. */
	EXPECT_EQ(model.cache->regions[0].live, TINY_SLOTS);
	EXPECT_EQ(model.cache->regions[1].live, TINY_SLOTS);
	EXPECT_EQ(model.cache->regions[2].live, TINY_SLOTS);
	EXPECT_EQ(model.cache->regions[3].live, 200 - 3 * TINY_SLOTS);
}

static void stored_twice_is_kept_once(void)
{
	tiny();
	EXPECT_EQ(model_store_now(1, 0, 10), 0);
	EXPECT_EQ(model_store_now(1, 5, 10), 0);
	EXPECT_EQ(model.cache->live_blocks, 15);
}

static void pinned_region_stays_as_it_is(void)
{
	struct cachefs_region *region;
	unsigned int i;
	u64 seq;

	tiny();
	region = &model.cache->regions[0];
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS), 0);
	EXPECT_EQ(model_store_now(2, 0, 1), 0);
	shim_advance_ms(100);
	EXPECT_EQ(region->state, CACHEFS_REGION_SEALED);
	seq = region->seq;
	atomic_inc(&region->pins);
	EXPECT_EQ(cachefs_region_drop_checksums(model.cache, 100), 0);
	for (i = 0; i < 2 * TINY_REGIONS; i++) {
		model_store(2, i, TINY_SLOTS, 0);
		shim_advance_ms(200);
	}
	EXPECT_EQ(region->seq, seq);
	EXPECT(region->checksums);
	atomic_dec(&region->pins);
	shim_advance_ms(1000);
	EXPECT(region->seq != seq);
	EXPECT_EQ(model_store_now(2, 0, 1), 0);
}

/* A region in which a store has not ended is not reused; the log waits for it. */
static void region_that_is_written_is_not_reused(void)
{
	struct cachefs_region *region;
	struct cachefs_piece slots;
	unsigned int i;
	u64 seq;

	tiny();
	region = &model.cache->regions[0];
	seq = region->seq;
	EXPECT_EQ(cachefs_region_alloc_slots(model.cache, 1, &slots, true), 1);
	EXPECT_EQ(slots.region, 0);
	for (i = 0; i < 2 * TINY_REGIONS; i++) {
		model_store(2, i, TINY_SLOTS, 0);
		shim_advance_ms(200);
	}
	EXPECT_EQ(region->seq, seq);
	EXPECT_EQ(model_store_now(2, 0, 1), -ENOBUFS);
	EXPECT_REFUSED(NO_REGION);
	cachefs_region_abandon(model.cache, &slots);
	shim_advance_ms(1000);
	EXPECT(region->seq != seq);
	EXPECT_EQ(model_store_now(2, 0, 1), 0);
}

static enum cachefs_reason always_valid(struct cachefs_store *store)
{
	return CACHEFS_WHY_NONE;
}

static void must_not_be_released(struct cachefs_store *store)
{
	if (store->released)
		shim_panic("a store was given up whose I/O had ended");
}

static bool store_has_ended;

static void note_end(struct cachefs_store *store)
{
	EXPECT_EQ(store->error, 0);
	store_has_ended = true;
}

/* All I/O is done, and only work of the cache itself is left. */
static void store_that_has_arrived_is_not_given_up(void)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	struct page *pages[] = { page };
	struct cachefs_store store = {
		.bytes = CACHEFS_BLOCK_SIZE, .pages = pages,
		.still_valid = always_valid, .release = must_not_be_released,
		.done = note_end,
	};

	tiny();
	store.cache = model.cache;
	store.version = model.versions[1].core;
	memset(page_address(page), 1, CACHEFS_BLOCK_SIZE);
	cachefs_store(&store);
	while (atomic_read(&store.pending))
		EXPECT(shim_run_some(1));
	EXPECT(!store_has_ended);
	store.began -= 100 * HZ;
	cachefs_store_watch(&model.cache->watch.work);
	shim_run();
	EXPECT(store_has_ended);
	__free_page(page);
}

static struct cachefs_store *released;

static void note_release(struct cachefs_store *store)
{
	released = store;
}

static void no_end(struct cachefs_store *store)
{
}

/* A store that has waited for room is behind a younger one in the list. */
static void oldest_store_is_given_up(void)
{
	struct page *pages[2] = {
		alloc_page(GFP_KERNEL | __GFP_NOFAIL), alloc_page(GFP_KERNEL | __GFP_NOFAIL),
	};
	struct cachefs_store stores[2] = {};
	unsigned int i;

	tiny();
	model.cache->max_in_flight_ms = 1000;
	model.device->hangs = true;
	for (i = 0; i < 2; i++) {
		memset(page_address(pages[i]), 1, CACHEFS_BLOCK_SIZE);
		stores[i] = (struct cachefs_store) {
			.cache = model.cache, .version = model.versions[1].core,
			.block = i, .bytes = CACHEFS_BLOCK_SIZE, .pages = &pages[i],
			.still_valid = always_valid, .release = note_release,
			.done = no_end,
		};
		cachefs_store(&stores[i]);
	}
	stores[1].began -= 3 * HZ;
	released = NULL;
	cachefs_store_watch(&model.cache->watch.work);
	EXPECT(released == &stores[1]);
	EXPECT(!stores[0].released);
	model.device->hangs = false;
	shim_run();
	__free_page(pages[0]);
	__free_page(pages[1]);
}

/* There may be no memory for the second part, because the first part has it all. */
static void store_does_not_wait_for_memory(void)
{
	unsigned int i;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS - 10), 0);
	model.device->reserve = 1;
	EXPECT_EQ(model_store_now(2, 0, 20), -ENOBUFS);
	EXPECT_REFUSED(NO_MEMORY);
	EXPECT_EQ(model_count_cached(2), 10);
	EXPECT_EQ(model_store_now(2, 10, 10), -ENOBUFS);
	model.device->reserve = 1;
	EXPECT_EQ(model_store_now(2, 10, 10), 0);
	model.device->reserve = -1;
	/* Stores that failed keep no region busy. */
	for (i = 0; i < 2 * TINY_REGIONS; i++) {
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_run();
	}
}

/* Stores fail again and again, but take no slot: no old block goes. */
static void log_waits_without_memory(bool stable, int reserve)
{
	struct cachefs_open_region *open;
	unsigned int i;
	u32 next;

	tiny();
	model.device->stable_pages = stable;
	EXPECT_EQ(model_store_now(1, 0, 10), 0);
	open = model.cache->current_region;
	next = open->next_slot;
	for (i = 0; i < TINY_REGIONS * TINY_SLOTS / 5; i++) {
		model.device->reserve = reserve;
		EXPECT_EQ(model_store_now(2, 0, 10), -ENOBUFS);
		EXPECT_REFUSED(NO_MEMORY);
		shim_run();
	}
	EXPECT(model.cache->current_region == open);
	EXPECT_EQ(open->next_slot, next);
	EXPECT_EQ(stat(CACHEFS_STAT_EVICTED_BYTES), 0);
	EXPECT_EQ(model_count_cached(1), 10);
	EXPECT_EQ(model_count_cached(2), 0);
	model.device->reserve = -1;
	EXPECT_EQ(model_store_now(2, 0, 10), 0);
	model_exit();
}

static void log_does_not_go_on_without_memory(void)
{
	log_waits_without_memory(false, 0);
	/* There is an I/O, but not a copy of each page. */
	log_waits_without_memory(true, 7);
}

/* A region ends within a store, whose pages have their copies already. */
static void copies_are_for_the_next_region_too(void)
{
	tiny();
	model.device->stable_pages = true;
	model.versions[2].base = 0;
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS - 10), 0);
	/* One copy of each page, and two I/Os. */
	model.device->reserve = 20 + 2;
	model_store(2, 0, 20, MODEL_SCRIBBLE);
	shim_run();
	EXPECT_EQ(model.device->reserve, 0);
	EXPECT_EQ(model_count_cached(2), 20);
	EXPECT_EQ(model_read_now(2, 0, 20), 0);
	model.device->reserve = -1;
	/* There is no other region: the rest of the copies is freed. */
	EXPECT_EQ(model_store_now(1, 100, TINY_SLOTS - 20), 0);
	pin_all(1);
	while (model.cache->nr_ready > 1) {
		model_new_version(3, TINY_SLOTS);
		EXPECT_EQ(model_store_now(3, 0, TINY_SLOTS), 0);
	}
	EXPECT_EQ(model_store_now(2, 40, 20), -ENOBUFS);
	EXPECT_REFUSED(NO_REGION);
	EXPECT_EQ(model_count_cached(2), 30);
	pin_all(-1);
}

/* An administrator changes queue/stable_writes: no page of a reader is freed as a copy. */
static void stable_pages_change_within_a_store(void)
{
	tiny();
	model.device->stable_flips = true;
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS - 10), 0);
	EXPECT_EQ(model_store_now(2, 0, 20), 0);
	EXPECT_EQ(model_store_now(2, 20, TINY_SLOTS - 20), 0);
	EXPECT_EQ(model_store_now(2, 100, 20), 0);
	EXPECT_EQ(model_count_cached(2), TINY_SLOTS + 20);
}

/* A run takes one pin, because all readers of a region share the count of its pins. */
static void region_is_pinned_once_for_a_run(void)
{
	struct cachefs_cache *cache;
	u32 slots[30];

	tiny();
	cache = model.cache;
	model.versions[1].base = 0;
	EXPECT_EQ(model_store_now(1, 0, 20), 0);
	EXPECT_EQ(model_store_now(2, 0, 1), 0);
	EXPECT_EQ(model_store_now(1, 20, 5), 0);
	cachefs_index_map(cache, &model.versions[1].core, 0, 30, slots, CACHEFS_MAP_READ);
	EXPECT_EQ(atomic_read(&cache->regions[0].pins), 2);
	atomic_set(&cache->regions[0].pins, 0);
	/* Each run is one I/O. */
	model_read(1, 0, 25);
	EXPECT_EQ(atomic_read(&cache->regions[0].pins), 2);
	EXPECT_EQ(cachefs_under_way(&cache->cpu->ios), 2);
	shim_run();
	EXPECT_EQ(atomic_read(&cache->regions[0].pins), 0);
	check_index(cache);
}

/* A store is not submitted in the reader's context, as the device may take nothing. */
static void store_does_not_wait_for_the_device(void)
{
	tiny();
	model.device->blocks_writers = true;
	model_store(1, 0, 40, 0);
	model_store(2, 0, 1, 0);
	model.device->blocks_writers = false;
	shim_run();
	EXPECT_EQ(model_count_cached(1), 40);
	EXPECT_EQ(model_count_cached(2), 1);
}

/*
 * A device that takes checksums of its own gets copies: a task that writes to the pages
 * meanwhile changes nothing.  Without memory for copies nothing is stored.
 */
static void device_wants_stable_pages(void)
{
	unsigned int i;

	tiny();
	model.device->stable_pages = true;
	for (i = 0; i < 10; i++) {
		model_store(1, 20 * i, 20, MODEL_SCRIBBLE);
		shim_run();
	}
	/* The last page of a file is a copy anyhow. */
	model_store(2, 200 - 1, 1, MODEL_SCRIBBLE);
	shim_run();
	EXPECT_EQ(model_count_cached(1), 200);
	for (i = 0; i < 10; i++)
		EXPECT_EQ(model_read_now(1, 20 * i, 20), 0);
	EXPECT_EQ(model_read_now(2, 200 - 1, 1), 0);
	EXPECT_EQ(stat(CACHEFS_STAT_CHECKSUM_ERRORS), 0);
	for (i = 0; i < 10; i++) {
		model_new_version(3, 5);
		model.device->reserve = i;
		EXPECT_EQ(model_store_now(3, 0, 5), i < 6 ? -ENOBUFS : 0);
		EXPECT_EQ(model_count_cached(3), i < 6 ? 0 : 5);
		model.device->reserve = -1;
	}
	check_index(model.cache);
}

/* A signal ends a question about a sparse file of an exabyte. */
static void question_ends_at_a_signal(void)
{
	tiny();
	model.versions[1].base = 0;
	EXPECT_EQ(model_store_now(1, 0, 25), 0);
	EXPECT_EQ(cachefs_visit_cached(model.cache, &model.versions[1].core,
				       25 << CACHEFS_BLOCK_SHIFT, CACHEFS_COUNT_ONLY),
		  25 << CACHEFS_BLOCK_SHIFT);
	shim_signalled = true;
	EXPECT_EQ(cachefs_visit_cached(model.cache, &model.versions[1].core,
				       1LL << 60, CACHEFS_COUNT_ONLY), -EINTR);
	shim_signalled = false;
}

static void op_comes_and_goes(void)
{
	cachefs_op_begin(model.cache);
	cachefs_op_end(model.cache);
}

/* Others begin and end while the begins and ends of all processors are added up. */
static void operation_counts_while_others_come_and_go(void)
{
	const struct cachefs_tally *ops;
	unsigned int i;

	tiny();
	ops = &model.cache->cpu->ops;
	cachefs_op_begin(model.cache);
	shim_on_next_cpu = op_comes_and_goes;
	for (i = 0; i < 16; i++)
		EXPECT(cachefs_under_way(ops) > 0);
	shim_on_next_cpu = NULL;
	EXPECT_EQ(cachefs_under_way(ops), 1);
	cachefs_op_end(model.cache);
	EXPECT_EQ(cachefs_under_way(ops), 0);
}

const struct test_case io_cases[] = {
	CASE(question_ends_at_a_signal),
	CASE(cached_bytes_are_counted_and_let_go),
	CASE(stored_is_read),
	CASE(read_in_another_order),
	CASE(lookup_tells_how_far_it_is_the_same),
	CASE(blocks_that_no_file_has_are_not_stored),
	CASE(block_elsewhere_is_not_served),
	CASE(small_mismatch_is_counted_and_dropped),
	CASE(large_mismatch_is_counted_and_dropped),
	CASE(damaged_metadata_is_counted),
	CASE(metadata_of_an_earlier_round_is_damaged),
	CASE(write_errors_count),
	CASE(invalidated_store_is_not_published),
	CASE(region_that_is_read_is_not_reused),
	CASE(region_is_pinned_once_for_a_run),
	CASE(operation_counts_while_others_come_and_go),
	CASE(all_slots_are_used),
	CASE(stored_twice_is_kept_once),
	CASE(pinned_region_stays_as_it_is),
	CASE(region_that_is_written_is_not_reused),
	CASE(store_that_has_arrived_is_not_given_up),
	CASE(oldest_store_is_given_up),
	CASE(store_does_not_wait_for_memory),
	CASE(log_does_not_go_on_without_memory),
	CASE(copies_are_for_the_next_region_too),
	CASE(stable_pages_change_within_a_store),
	CASE(store_does_not_wait_for_the_device),
	CASE(device_wants_stable_pages),
	{}
};
