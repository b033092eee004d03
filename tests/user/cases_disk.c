// SPDX-License-Identifier: GPL-2.0
/* The content of the disk, and the blocks that an attach finds there. */
#include <trace/events/cachefs.h>
#include "cases.h"

/* Only the metadata of a region's newest round and epoch counts. */
static void metadata_of_another_life_does_not_count(void)
{
	static struct cachefs_meta_block meta[2 + CACHEFS_SCRATCH_BLOCKS];
	struct cachefs_meta_block *scratch = &meta[2];
	static const u8 uuid[16] = "some";
	struct cachefs_geometry geo;
	struct cachefs_region_meta loaded = { .blocks = meta, .region = 3 };
	unsigned int i;

	EXPECT_EQ(cachefs_geometry_init(&geo, CACHEFS_FIRST_BLOCK + 9 * 256,
					256), CACHEFS_OK);
	EXPECT_EQ(geo.meta_blocks, 2);
	for (i = 0; i < ARRAY_SIZE(meta); i++) {
		struct cachefs_block_header *h = &meta[i].header;

		h->magic = cpu_to_le32(CACHEFS_META_MAGIC);
		memcpy(h->uuid, uuid, sizeof(uuid));
		h->region = cpu_to_le32(3);
		h->epoch = cpu_to_le64(i < 2 ? 5 : 6);
		h->seq = cpu_to_le64(7);
		h->index = cpu_to_le32(i == 1);
		h->nr = cpu_to_le32(i);
		cachefs_block_seal(h, 5);
	}
	/* Find the valid blocks, and then pick a block of another round. */
#define PICK(index, of_seq, of_epoch) \
	({ \
		cachefs_meta_newest(&loaded, uuid, 5, &geo); \
		loaded.seq = of_seq; \
		loaded.epoch = of_epoch; \
		cachefs_meta_pick(&loaded, index, &geo); \
	})
	EXPECT(PICK(0, 7, 5) == &meta[0]);
	EXPECT(PICK(1, 7, 5) == &meta[1]);
	EXPECT(PICK(0, 7, 6) == &scratch[1]);
	EXPECT(!PICK(1, 7, 6));
	EXPECT(!PICK(0, 7, 4));
	EXPECT(!PICK(0, 8, 5));
	/* Of two epochs with the same sequence number neither counts. */
	EXPECT(cachefs_meta_newest(&loaded, uuid, 5, &geo));
	EXPECT_EQ(loaded.seq, 7);
	EXPECT_EQ(loaded.epoch, 0);
	scratch[1].header.seq = cpu_to_le64(9);
	cachefs_block_seal(&scratch[1].header, 5);
	EXPECT(PICK(0, 7, 6) == &scratch[0]);
	EXPECT(cachefs_meta_newest(&loaded, uuid, 5, &geo));
	EXPECT_EQ(loaded.seq, 9);
	EXPECT_EQ(loaded.epoch, 6);
}

static void flushed_is_found_after_power_loss(void)
{
	tiny();
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	shim_advance_ms(11000);
	EXPECT_EQ(model_store_now(1, 5, 5), 0);
	shim_advance_ms(11000);
	EXPECT_EQ(model_store_now(1, 20, 5), 0);
	shim_advance_ms(11000);
	lose_power(DEVICE_KEEPS_ALL);
	EXPECT_EQ(model_count_cached(1), 15);
	EXPECT_EQ(model_read_now(1, 0, 10), 0);
	EXPECT_EQ(model_read_now(1, 20, 5), 0);
}

/* Checksums that were dropped come from final and scratch blocks alike. */
static void checksums_are_loaded_again(void)
{
	u64 reads;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS), 0);
	EXPECT_EQ(model_store_now(2, 0, 5), 0);
	shim_advance_ms(11000);
	reattach();
	EXPECT_EQ(model_read_now(1, 0, TINY_SLOTS), 0);
	EXPECT_EQ(model_read_now(2, 0, 5), 0);
	EXPECT_EQ(cachefs_region_drop_checksums(model.cache, 100), 2);
	reads = model.device->reads;
	EXPECT_EQ(model_read_now(1, 0, TINY_SLOTS), 0);
	EXPECT_EQ(model_read_now(1, 0, 1), 0);
	EXPECT_EQ(model.device->reads, reads + 1);
	EXPECT_EQ(model_read_now(2, 0, 5), 0);
	check_index(model.cache);
}

/* Two metadata blocks and more: each slot has a record of its own. */
static void larger_regions(void)
{
	unsigned int i;

	model_format(CACHEFS_FIRST_BLOCK + 9 * 512 + CACHEFS_LAST_BLOCKS, 512);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model.cache->geo.meta_blocks, 5);
	model_new_version(1, 300);
	model_new_version(2, 300);
	for (i = 0; i < 299; i += 7)
		EXPECT_EQ(model_store_now(1, i, min(7U, 300 - i)), 0);
	store_all(2);
	shim_advance_ms(11000);
	lose_power(DEVICE_KEEPS_ALL);
	EXPECT_EQ(model_count_cached(1), 300);
	EXPECT_EQ(model_count_cached(2), 300);
	EXPECT_EQ(model_read_now(1, 0, 300), 0);
	EXPECT_EQ(model_read_now(2, 0, 300), 0);
	reattach();
	EXPECT_EQ(model_read_now(1, 0, 300), 0);
	EXPECT_EQ(model_read_now(2, 0, 300), 0);
}

/* Any allocation of an attach may fail: nothing leaks, and the next attach works. */
static void attach_without_memory(void)
{
	u64 n;

	tiny();
	store_all(1);
	model_detach();
	for (n = 1; ; n++) {
		int ret;

		shim_fail_alloc(n);
		ret = model_attach();
		if (!shim_alloc_failed())
			break;
		shim_fail_alloc(0);
		if (!ret)
			model_detach();
		else
			EXPECT_EQ(ret, -ENOMEM);
	}
	shim_fail_alloc(0);
	EXPECT(n > 8);
	EXPECT_EQ(model_read_now(1, 0, 200), 0);
}

/*
 * Detach with one region of single blocks, change the checkpoint, and seal it again.  The
 * change must make the checkpoint unusable, and cost nothing.
 */
static void forged_checkpoint(void (*forge)(struct cachefs_ckpt_record *records))
{
	struct cachefs_ckpt_block *block;
	struct cachefs_anchor *anchor;
	unsigned int i;
	u64 seed;

	tiny();
	model.versions[1].base = 0;
	for (i = 0; i < TINY_SLOTS; i++)
		EXPECT_EQ(model_store_now(1, 2 * i, 1), 0);
	seed = model.cache->seed;
	anchor = device_block(model.device, CACHEFS_ANCHOR_BLOCK +
			      ((model.cache->anchor_generation + 1) & 1));
	model_detach();
	EXPECT_EQ(le32_to_cpu(anchor->flags), CACHEFS_ANCHOR_CLEAN);
	block = device_block(model.device, CACHEFS_FIRST_BLOCK +
			     le32_to_cpu(anchor->ckpt_region) *
			     TINY_REGION_BLOCKS);
	/* Find the record of the region, which is just before its extents. */
	for (i = 0; le32_to_cpu(block->records[i + 1].kind) != CACHEFS_CKPT_EXTENT;)
		i++;
	if (forge)
		forge(block->records + i);
	cachefs_block_seal(&block->header, seed);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(shim_log_has("checkpoint unusable"), forge != NULL);
	EXPECT_EQ(model_count_cached(1), TINY_SLOTS);
	check_index(model.cache);
}

static void checkpoint_is_used(void)
{
	forged_checkpoint(NULL);
}

static void forge_overlap(struct cachefs_ckpt_record *records)
{
	unsigned int i;

	for (i = 1; i < 30; i++) {
		records[i].slot = 0;
		records[i].first = 0;
		records[i].nr = 6;
	}
}

/* The count of live blocks, which has 16 bits, could overflow. */
static void checkpoint_does_not_count_slots_twice(void)
{
	forged_checkpoint(forge_overlap);
}

static void forge_slot(struct cachefs_ckpt_record *records)
{
	records[1].slot = cpu_to_le32(TINY_SLOTS);
}

static void checkpoint_stays_within_the_slots(void)
{
	forged_checkpoint(forge_slot);
}

static void forge_chunk(struct cachefs_ckpt_record *records)
{
	records[1].first = CACHEFS_CHUNK_BLOCKS;
}

static void checkpoint_stays_within_chunks(void)
{
	forged_checkpoint(forge_chunk);
}

static void forge_region(struct cachefs_ckpt_record *records)
{
	records[1] = records[0];
}

static void checkpoint_has_each_region_once(void)
{
	forged_checkpoint(forge_region);
}

/* A record as it was before the index had hashes. */
static void forge_kind(struct cachefs_ckpt_record *records)
{
	records[1].kind = cpu_to_le32(2);
}

static void checkpoint_of_before_is_not_read(void)
{
	forged_checkpoint(forge_kind);
}

/* After a clean detach, the power fails at write @at of the next attach. */
static void power_loss_at_write_of_attach(unsigned int at)
{
	tiny();
	EXPECT_EQ(model_store_now(1, 0, 50), 0);
	model_detach();
	model.device->death = DEVICE_KEEPS_ALL;
	model.device->die_at = model.device->writes + at;
	EXPECT_EQ(model_attach(), 0);
	shim_run();
	EXPECT(model.device->dead);
	model_detach();
	device_power_on(model.device);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model_count_cached(1), 50);
}

/* The two anchors are written.  Each counts before and after its write. */
static void power_loss_after_the_anchors(void)
{
	power_loss_at_write_of_attach(4);
}

/* One of the two regions that the attach makes READY is written, too. */
static void power_loss_between_two_regions(void)
{
	power_loss_at_write_of_attach(6);
}

/* Detach and attach, with a loss of power at write @at.  Return whether there was one. */
static bool lose_power_at(u64 at, enum device_death death)
{
	bool dead;

	model.device->death = death;
	model.device->die_at = model.device->writes + at;
	model_detach();
	if (!model.device->dead) {
		EXPECT_EQ(model_attach(), 0);
		shim_run();
		dead = model.device->dead;
		model.device->die_at = 0;
		if (!dead)
			return false;
		model_detach();
	}
	device_power_on(model.device);
	EXPECT_EQ(model_attach(), 0);
	shim_run();
	return true;
}

/* Blocks that were safe before stay, whichever of the later writes were done. */
static void power_loss_takes_back_nothing(void)
{
	unsigned int i;
	bool more;
	u64 at;

	for (at = 1, more = true; more; at++) {
		for (i = 0; i < 20; i++) {
			tiny();
			EXPECT_EQ(model_store_now(1, 0, 50), 0);
			reattach();
			shim_run();
			more = lose_power_at(at, i ? DEVICE_KEEPS_ANY :
						     DEVICE_KEEPS_ALL);
			EXPECT_EQ(model_count_cached(1), 50);
			model_detach();
		}
	}
	EXPECT(at > 8);
}

/* The states of regions, as their trace events tell them. */
static unsigned int traced[TINY_REGIONS];

static void trace_region(unsigned int nr, unsigned int from, unsigned int to)
{
	EXPECT_EQ(traced[nr], from);
	traced[nr] = to;
}

static void expect_traced(void)
{
	unsigned int i;

	for (i = 0; i < TINY_REGIONS; i++)
		EXPECT_EQ(traced[i], model.cache->regions[i].state);
}

static void attach_traced(void)
{
	memset(traced, 0, sizeof(traced));
	EXPECT_EQ(model_attach(), 0);
	shim_run();
	expect_traced();
}

/* All states are traced, also at attach and detach, after a clean stop or any other. */
static void region_states_are_all_traced(void)
{
	unsigned int i;

	model_format(TINY_BLOCKS, TINY_REGION_BLOCKS);
	shim_trace_region = trace_region;
	attach_traced();
	for (i = 0; i < 2 * TINY_REGIONS; i++) {
		model_new_version(1, 200);
		model_store_now(1, 0, TINY_SLOTS);
		shim_run();
	}
	/* No region is ready, so the checkpoint takes the oldest one. */
	pin_all(1);
	take_slots(true);
	pin_all(-1);
	expect_traced();
	EXPECT(cachefs_finish(model.cache));
	expect_traced();
	model_detach();
	attach_traced();
	cut_power(DEVICE_KEEPS_ALL);
	attach_traced();
	shim_trace_region = NULL;
}

/* The age is that of the region that is reused next, if there is anything in it. */
static void oldest_data_has_an_age(void)
{
	unsigned int i, j;

	tiny();
	shim_advance_ms(7000);
	EXPECT_EQ(cachefs_oldest_seconds(model.cache), 0);
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS - 1), 0);
	shim_advance_ms(20000);
	EXPECT_EQ(cachefs_oldest_seconds(model.cache), 20);
	/* Later stores, in this region and in others, do not make it younger. */
	for (i = 0; i < TINY_REGIONS - 3; i++) {
		model_new_version(2, 200);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_advance_ms(1000);
	}
	EXPECT(model_cached(1, 0));
	EXPECT_EQ(cachefs_oldest_seconds(model.cache), 20 + i);
	/* The first region is reused.  The next one was begun after 20 seconds. */
	while (model_cached(1, 0)) {
		model_new_version(2, 200);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_advance_ms(1000);
		i++;
	}
	EXPECT_EQ(cachefs_oldest_seconds(model.cache), i);
	/* The same is true when the first region is the newest. */
	for (j = 0; j < 3; j++) {
		model_new_version(2, 200);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_advance_ms(1000);
		EXPECT_EQ(cachefs_oldest_seconds(model.cache), i);
	}
	EXPECT(model.cache->regions[0].live);
	/* Blocks that were there before count from the attach. */
	reattach();
	EXPECT_EQ(cachefs_oldest_seconds(model.cache), 0);
	shim_advance_ms(3000);
	EXPECT_EQ(cachefs_oldest_seconds(model.cache), 3);
	/* They still do with stores of this attach behind them. */
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS), 0);
	shim_advance_ms(1000);
	EXPECT_EQ(cachefs_oldest_seconds(model.cache), 4);
}

/* A checkpoint on a full device does not promise the blocks that it overwrites. */
static void checkpoint_makes_room(void)
{
	unsigned int i;

	tiny();
	for (i = 0; i < TINY_REGIONS; i++) {
		model_new_version(i % 7, 200);
		model_store_now(i % 7, 0, TINY_SLOTS);
		shim_run();
	}
	pin_all(1);
	for (i = 0; i < 3; i++)
		model_store_now(7, 60 * i, 60);
	/* Stores leave the last ready region alone. */
	EXPECT_EQ(model.cache->nr_ready, 1);
	take_slots(true);
	EXPECT_EQ(model.cache->nr_ready, 0);
	pin_all(-1);
	reattach();
	for (i = 0; i < MODEL_VERSIONS; i++)
		model_read_cached(i, 0);
	EXPECT_EQ(model.mismatches, 0);
}

static void anchors_alternate(void)
{
	struct cachefs_geometry geo;
	unsigned int i;
	u8 uuid[16];
	u64 seed;

	tiny();
	geo = model.cache->geo;
	seed = model.cache->seed;
	memcpy(uuid, model.cache->uuid, sizeof(uuid));
	model_detach();
	for (i = 0; i < 2; i++)
		EXPECT_EQ(cachefs_anchor_check(device_block(model.device,
							    CACHEFS_ANCHOR_BLOCK + i),
					       uuid, seed, &geo), CACHEFS_OK);
}

/* The checkpoint of an earlier detach must not be believed again. */
static void checkpoint_counts_once(void)
{
	tiny();
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	reattach();
	EXPECT_EQ(model_store_now(1, 10, 5), 0);
	shim_advance_ms(11000);
	lose_power(DEVICE_KEEPS_ALL);
	EXPECT_EQ(model_count_cached(1), 10);
}

/*
 * The system goes down: the cache stays attached, and finds nothing any more.  The device
 * has what a detach leaves, whatever is asked for afterwards.
 */
static void finished_cache_is_clean(void)
{
	u64 writes;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
	EXPECT(cachefs_finish(model.cache));
	writes = model.device->writes;
	EXPECT_EQ(model_count_cached(1), 0);
	EXPECT_EQ(model_store_now(4, 0, 1), -ENOBUFS);
	EXPECT_EQ(cachefs_use_again(model.cache), -EBUSY);
	cachefs_log_kick(model.cache);
	shim_advance_ms(11000);
	EXPECT(!cachefs_finish(model.cache));
	model_detach();
	EXPECT_EQ(model.device->writes, writes);
	shim_log_clear();
	EXPECT_EQ(model_attach(), 0);
	EXPECT(!shim_log_has("unclean stop"));
	EXPECT_EQ(model_count_cached(1), 5);
	EXPECT_EQ(model_read_now(2, 0, TINY_SLOTS), 0);
}

/* A block of an earlier checkpoint must not count in the place of a newer block. */
static void checkpoint_of_another_detach(void)
{
	u8 old[CACHEFS_BLOCK_SIZE];
	struct cachefs_anchor *anchor;
	u64 at;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	anchor = device_block(model.device, CACHEFS_ANCHOR_BLOCK +
			      ((model.cache->anchor_generation + 1) & 1));
	model_detach();
	at = CACHEFS_FIRST_BLOCK + le32_to_cpu(anchor->ckpt_region) *
	     TINY_REGION_BLOCKS;
	memcpy(old, device_block(model.device, at), sizeof(old));
	EXPECT_EQ(model_attach(), 0);
	model_detach();
	memcpy(device_block(model.device, at), old, sizeof(old));
	EXPECT_EQ(model_attach(), 0);
	EXPECT(shim_log_has("checkpoint unusable"));
	EXPECT_EQ(model_count_cached(1), 5);
}

/* Keep blocks of the device, and bring them back later. */
static void keep_blocks(u64 from, u32 nr, void *buffer)
{
	EXPECT_EQ(cachefs_device_read(model.device, from, buffer, nr, 0), 0);
}

static void bring_back_blocks(u64 from, u32 nr, const void *buffer)
{
	EXPECT_EQ(cachefs_device_write(model.device, from, buffer, nr,
				       REQ_PREFLUSH | REQ_FUA), 0);
}

/*
 * The device loses the anchors of an attach, so that the next attach has the same
 * numbers.  All blocks that are served then must be right.
 */
static void lost_anchor_serves_nothing_wrong(void)
{
	static u8 anchors[2 * CACHEFS_BLOCK_SIZE];
	unsigned int i;

	tiny();
	model_detach();
	keep_blocks(CACHEFS_ANCHOR_BLOCK, 2, anchors);
	EXPECT_EQ(model_attach(), 0);
	store_all(2);
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	shim_advance_ms(11000);
	cut_power(DEVICE_KEEPS_ALL);
	bring_back_blocks(CACHEFS_ANCHOR_BLOCK, 2, anchors);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model_count_cached(1), 0);
	model_new_version(3, 200);
	store_all(3);
	shim_advance_ms(11000);
	lose_power(DEVICE_KEEPS_ALL);
	for (i = 1; i < 4; i++)
		model_read_cached(i, 0);
	EXPECT(model.served >= 200);
	check_index(model.cache);
}

/*
 * A region is about to be reused, and its blocks are stored elsewhere.  Without a
 * checkpoint that counts, the new copies must be found, for the old ones go at once.
 */
static void old_copies_do_not_come_back(void)
{
	tiny();
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	while (model_count_cached(1)) {
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_run();
	}
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	model_detach();
	memset(device_block(model.device, CACHEFS_ANCHOR_BLOCK), 0,
	       2 * CACHEFS_BLOCK_SIZE);
	EXPECT_EQ(model_attach(), 0);
	shim_run();
	EXPECT_EQ(model_count_cached(1), 5);
}

/*
 * All writes to the oldest regions since they were reused are lost, and no others.
 * The first two regions are reused at once, but not the third.
 */
static void lost_reuse_brings_nothing_back(void)
{
	static u8 regions[3 * TINY_REGION_BLOCKS * CACHEFS_BLOCK_SIZE];
	struct cachefs_cache *cache;

	tiny();
	cache = model.cache;
	EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
	EXPECT_EQ(model_store_now(2, TINY_SLOTS, TINY_SLOTS), 0);
	shim_run();
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	shim_advance_ms(11000);
	EXPECT_EQ(cache->regions[2].live, 5);
	keep_blocks(CACHEFS_FIRST_BLOCK, 3 * TINY_REGION_BLOCKS, regions);
	/* Store until region 0 is the next one to be reused for the second time. */
	while (cache->head || lower_32_bits(cache->next_seq) <= 2 * TINY_REGIONS) {
		model_new_version(2, TINY_SLOTS);
		EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
		shim_run();
	}
	cut_power(DEVICE_KEEPS_ALL);
	bring_back_blocks(CACHEFS_FIRST_BLOCK, 3 * TINY_REGION_BLOCKS, regions);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model_count_cached(1), 0);
	EXPECT(model.cache->live_blocks > TINY_SLOTS);
}

/* All metadata of the newest region but one is lost: the other regions stay. */
static void lost_region_costs_no_other(void)
{
	u64 second = CACHEFS_FIRST_BLOCK + TINY_REGION_BLOCKS;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS), 0);
	EXPECT_EQ(model_store_now(2, 0, TINY_SLOTS), 0);
	model_new_version(3, 200);
	EXPECT_EQ(model_store_now(3, 0, 5), 0);
	shim_advance_ms(11000);
	EXPECT_EQ(model.cache->current_region->nr, 2);
	cut_power(DEVICE_KEEPS_ALL);
	memset(device_block(model.device, second), 0,
	       (TINY_REGION_BLOCKS - TINY_SLOTS) * CACHEFS_BLOCK_SIZE);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model_count_cached(1), TINY_SLOTS);
	EXPECT_EQ(model_count_cached(2), 0);
	EXPECT_EQ(model_count_cached(3), 5);
	EXPECT_EQ(model_read_now(1, 0, TINY_SLOTS), 0);
}

/* Cut the power, and return a scratch block of the open region, to be changed. */
static struct cachefs_meta_block *scratch_after_power_loss(unsigned int which)
{
	cut_power(DEVICE_KEEPS_ALL);
	return device_block(model.device, CACHEFS_FIRST_BLOCK + 1 + which);
}

/* The write of a scratch block was torn: the other scratch block is there. */
static void torn_scratch_block_leaves_the_other(void)
{
	struct cachefs_meta_block *scratch;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	shim_advance_ms(11000);
	EXPECT_EQ(model_store_now(1, 5, 5), 0);
	shim_advance_ms(11000);
	scratch = scratch_after_power_loss(0);
	if (le32_to_cpu(scratch->header.nr) != 10)
		scratch++;
	EXPECT_EQ(le32_to_cpu(scratch->header.nr), 10);
	memset(scratch->records, 0, 512);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model_count_cached(1), 5);
}

/* A record cannot have more bytes than a block has. */
static void senseless_record_is_skipped(void)
{
	struct cachefs_meta_block *scratch;
	u64 seed;

	tiny();
	seed = model.cache->seed;
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	shim_advance_ms(11000);
	scratch = scratch_after_power_loss(1);
	EXPECT_EQ(le32_to_cpu(scratch->header.nr), 5);
	scratch->records[2].where = cpu_to_le64(le64_to_cpu(scratch->records[2].where) +
						1);
	cachefs_block_seal(&scratch->header, seed);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model_count_cached(1), 4);
	EXPECT(!model_cached(1, 2));
}

/* A device of 1 TiB, in memory that is in proportion. */
static void terabyte(void)
{
	model_format(1ULL << (40 - CACHEFS_BLOCK_SHIFT), 1024);
	shim_alloc_limit(64 << 20);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model.cache->geo.nr_regions, (1 << 18) - 1);
	model_new_version(1, 300);
	store_all(1);
	reattach();
	EXPECT_EQ(model_read_now(1, 0, 300), 0);
	/* At most 0.1 MiB of index for each GiB. */
	EXPECT(stat(CACHEFS_STAT_INDEX_BYTES) < 1024 * 100 << 10);
}

const struct test_case disk_cases[] = {
	CASE(metadata_of_another_life_does_not_count),
	CASE(flushed_is_found_after_power_loss),
	CASE(checksums_are_loaded_again),
	CASE(larger_regions),
	CASE(attach_without_memory),
	CASE(checkpoint_is_used),
	CASE(checkpoint_does_not_count_slots_twice),
	CASE(checkpoint_stays_within_the_slots),
	CASE(checkpoint_stays_within_chunks),
	CASE(checkpoint_of_before_is_not_read),
	CASE(checkpoint_has_each_region_once),
	CASE(checkpoint_counts_once),
	CASE(finished_cache_is_clean),
	CASE(checkpoint_of_another_detach),
	CASE(region_states_are_all_traced),
	CASE(oldest_data_has_an_age),
	CASE(checkpoint_makes_room),
	CASE(anchors_alternate),
	CASE(power_loss_after_the_anchors),
	CASE(power_loss_between_two_regions),
	CASE(power_loss_takes_back_nothing),
	CASE(lost_anchor_serves_nothing_wrong),
	CASE(old_copies_do_not_come_back),
	CASE(lost_reuse_brings_nothing_back),
	CASE(lost_region_costs_no_other),
	CASE(torn_scratch_block_leaves_the_other),
	CASE(senseless_record_is_skipped),
	CASE(terabyte),
	{}
};
