// SPDX-License-Identifier: GPL-2.0
/*
 * Single promises of the core, each in a process of its own.
 *
 * usage: cases [NAME...]	prints "ok NAME" or "not ok NAME - why"
 */
#include <sys/wait.h>
#include <crypto/blake2s.h>
#include <linux/xxhash.h>
#include <unistd.h>
#include "model.h"

static void tiny(void)
{
	model_format(TINY_BLOCKS, TINY_REGION_BLOCKS);
	EXPECT_EQ(model_attach(), 0);
	shim_run();
	model_new_version(1, 200);
	model_new_version(2, 200);
}

static void reattach(void)
{
	model_detach();
	EXPECT_EQ(model_attach(), 0);
}

static void cut_power(enum device_death death)
{
	struct cachefs_device *device = model.device;

	device->death = death;
	device->die_at = device->writes + 1;
	model_detach();
	EXPECT(device->dead);
	device_power_on(device);
}

static void lose_power(enum device_death death)
{
	cut_power(death);
	EXPECT_EQ(model_attach(), 0);
}

/* As readers do: no region can be reused, so none gets ready any more. */
static void pin_all(int change)
{
	u32 nr;

	for (nr = 0; nr < model.cache->geo.nr_regions; nr++)
		atomic_add(change, &model.cache->regions[nr].pins);
}

/* More than the regions that are ready take at once. */
static void store_all(unsigned int v)
{
	unsigned int block, blocks = model.versions[v].blocks;

	for (block = 0; block < blocks; block += 60) {
		EXPECT_EQ(model_store_now(v, block, min(60, blocks - block)),
			  0);
		shim_run();
	}
}

static s64 stat(enum cachefs_stat which)
{
	return atomic64_read(&model.cache->stats[which]);
}

static void hashes_are_the_published_ones(void)
{
	/* RFC 7693, appendix B; and xxh64 of nothing, from its specification. */
	static const u8 blake[] = { 0x50, 0x8c, 0x5e, 0x8c, 0x32, 0x7c, 0x14,
		0xe2, 0xe1, 0xa7, 0x2b, 0xa3, 0x4e, 0xeb, 0x45, 0x2f };
	u8 out[32];

	blake2s(out, (const u8 *)"abc", NULL, 32, 3, 0);
	EXPECT(!memcmp(out, blake, sizeof(blake)));
	EXPECT(xxh64("", 0, 0) == 0xef46db3751d8e999ULL);
}

/* Change a field, seal the block again, and see what it is refused for. */
#define REFUSED(block, field, value, seal, check, why) \
	do { \
		__typeof__(*(block)) good = *(block); \
\
		EXPECT_EQ(check, CACHEFS_OK); \
		(block)->field = value; \
		seal; \
		EXPECT_EQ(check, why); \
		*(block) = good; \
	} while (0)

static void refusals_name_the_field(void)
{
	static struct cachefs_super_block sb;
	static struct cachefs_anchor anchor;
	static struct cachefs_meta_block meta;
	struct cachefs_block_header *h = &meta.header;
	static const u8 uuid[16] = "some", secret[32];
	struct cachefs_geometry geo, out;

	EXPECT_EQ(cachefs_geometry_init(&geo, TINY_BLOCKS, 64), CACHEFS_OK);
	EXPECT_EQ(cachefs_geometry_init(&out, TINY_BLOCKS - 1, 64),
		  CACHEFS_BAD_DEVICE_SIZE);
	EXPECT_EQ(cachefs_geometry_init(&out, TINY_BLOCKS, 32),
		  CACHEFS_BAD_REGION_SIZE);
	EXPECT_EQ(cachefs_geometry_init(&out, 1 << 20, 8192),
		  CACHEFS_BAD_REGION_SIZE);
	EXPECT_EQ(cachefs_geometry_init(&out, 1 << 20, 96),
		  CACHEFS_BAD_REGION_SIZE);
	/* The last reference is not one of an extent: it says "none". */
	EXPECT_EQ(cachefs_geometry_init(&out, 1ULL << 40, 1024), CACHEFS_OK);
	EXPECT((u64)out.nr_regions * 1024 < U32_MAX - 1023);

	cachefs_super_encode(&sb, &geo, uuid, "label", secret, 5, 0);
#define SUPER(field, value, why) \
	REFUSED(&sb, field, value, sb.checksum = cpu_to_le64(xxh64(&sb, \
		offsetof(typeof(sb), checksum), 0)), \
		cachefs_super_check(&sb, TINY_BLOCKS, &out), why)
	SUPER(magic[7], '2', CACHEFS_BAD_MAGIC);
	SUPER(version, cpu_to_le32(2), CACHEFS_BAD_VERSION);
	SUPER(block_size, cpu_to_le32(8192), CACHEFS_BAD_BLOCK_SIZE);
	SUPER(region_blocks, cpu_to_le32(65), CACHEFS_BAD_REGION_SIZE);
	SUPER(device_blocks, cpu_to_le64(5000), CACHEFS_BAD_DEVICE_SIZE);
	SUPER(first_block, cpu_to_le64(1), CACHEFS_BAD_FIRST_BLOCK);
	SUPER(nr_regions, cpu_to_le64(9), CACHEFS_BAD_NR_REGIONS);
	REFUSED(&sb, reserved1[9], 1, , cachefs_super_check(&sb, TINY_BLOCKS,
							    &out),
		CACHEFS_BAD_CHECKSUM);

	anchor.magic = cpu_to_le32(CACHEFS_ANCHOR_MAGIC);
	memcpy(anchor.uuid, uuid, sizeof(uuid));
	cachefs_anchor_seal(&anchor, 5);
#define ANCHOR(field, value, why) \
	REFUSED(&anchor, field, value, cachefs_anchor_seal(&anchor, 5), \
		cachefs_anchor_check(&anchor, uuid, 5, &geo), why)
	ANCHOR(magic, 0, CACHEFS_BAD_MAGIC);
	ANCHOR(uuid[3], 0, CACHEFS_BAD_UUID);
	ANCHOR(head, cpu_to_le32(TINY_REGIONS), CACHEFS_BAD_REGION);
	ANCHOR(ckpt_region, cpu_to_le32(TINY_REGIONS), CACHEFS_BAD_REGION);
	ANCHOR(ckpt_blocks, cpu_to_le64(TINY_REGIONS * 64 + 1),
	       CACHEFS_BAD_COUNT);
	ANCHOR(attach_count, cpu_to_le64(1 << 19), CACHEFS_BAD_SEQ);
	ANCHOR(next_seq, cpu_to_le64(1ULL << 51), CACHEFS_BAD_SEQ);
	EXPECT_EQ(cachefs_anchor_check(&anchor, uuid, 6, &geo),
		  CACHEFS_BAD_CHECKSUM);

	h->magic = cpu_to_le32(CACHEFS_META_MAGIC);
	memcpy(h->uuid, uuid, sizeof(uuid));
	h->seq = cpu_to_le64(7);
	h->region = cpu_to_le32(3);
	cachefs_block_seal(h, 5);
#define META(field, value, why) \
	REFUSED(&meta, field, value, cachefs_block_seal(h, 5), \
		cachefs_block_check(h, CACHEFS_META_MAGIC, uuid, 5, 3), why)
	META(header.magic, cpu_to_le32(CACHEFS_CKPT_MAGIC), CACHEFS_BAD_MAGIC);
	META(header.uuid[0], 0, CACHEFS_BAD_UUID);
	META(header.region, cpu_to_le32(4), CACHEFS_BAD_REGION);
	META(header.nr, cpu_to_le32(127), CACHEFS_BAD_COUNT);
	META(header.seq, 0, CACHEFS_BAD_SEQ);
	META(header.seq, cpu_to_le64(1ULL << 51), CACHEFS_BAD_SEQ);
	REFUSED(&meta, records[125].where, 1, , cachefs_block_check(h,
		CACHEFS_META_MAGIC, uuid, 5, 3), CACHEFS_BAD_CHECKSUM);
	REFUSED(&meta, header.index, 1, , cachefs_block_check(h,
		CACHEFS_META_MAGIC, uuid, 5, 3), CACHEFS_BAD_CHECKSUM);
}

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

/* The checksum knows which block of which version it is. */
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

static bool reserve(size_t bytes)
{
	struct cachefs_version version = {};

	return cachefs_store_reserve(model.cache, &version, 0, bytes);
}

static void errors_degrade_and_then_fail(void)
{
	unsigned int i;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 50), 0);
	model.device->read_errors = 1000;
	for (i = 0; i < CACHEFS_MAX_ERRORS; i++) {
		EXPECT_EQ(model.cache->state, i ? CACHEFS_DEGRADED :
						  CACHEFS_ACTIVE);
		EXPECT_EQ(model_store_now(2, i, 1), 0);
		EXPECT_EQ(model_read_now(2, i, 1), -EIO);
		EXPECT(!model_cached(2, i));
		EXPECT_EQ(stat(CACHEFS_STAT_READ_ERRORS), i + 1);
	}
	EXPECT_EQ(model.cache->state, CACHEFS_FAILED);
	model.device->read_errors = 0;
	EXPECT(!model_cached(1, 0));
	EXPECT_EQ(model_read_now(1, 0, 1), -ENODATA);
	EXPECT_EQ(model_store_now(1, 100, 1), -ENOBUFS);
	EXPECT(!reserve(1));
}

static void write_errors_count(void)
{
	tiny();
	/* A bad spot among the data; metadata can be written. */
	model.device->bad_start = cachefs_slot_block(&model.cache->geo, 0, 0);
	model.device->bad_end = model.device->bad_start + 1;
	EXPECT_EQ(model_store_now(1, 0, 1), -EIO);
	EXPECT(!model_cached(1, 0));
	EXPECT_EQ(stat(CACHEFS_STAT_WRITE_ERRORS), 1);
	EXPECT_EQ(model.cache->state, CACHEFS_DEGRADED);
	EXPECT_EQ(model_store_now(1, 0, 1), 0);
	EXPECT_EQ(model_read_now(1, 0, 1), 0);
}

static void tombstone_hides_what_was_before(void)
{
	tiny();
	EXPECT_EQ(model_store_now(1, 0, 10), 0);
	model_tombstone(1);
	EXPECT_EQ(model_count_cached(1), 0);
	EXPECT_EQ(model_store_now(1, 0, 3), 0);
	EXPECT_EQ(model_count_cached(1), 3);
	EXPECT_EQ(model_read_now(1, 0, 3), 0);
	reattach();
	EXPECT_EQ(model_count_cached(1), 3);
	shim_advance_ms(11000);
	lose_power(DEVICE_KEEPS_ALL);
	EXPECT_EQ(model_count_cached(1), 3);
	EXPECT_EQ(model_read_now(1, 0, 3), 0);
}

/* Each costs time at every later store and lookup of that version. */
static void many_tombstones_are_one(void)
{
	unsigned int i, of_version = 0;

	tiny();
	for (i = 0; i < 2 * TINY_SLOTS; i++) {
		model_tombstone(1);
		shim_run();
	}
	for (i = 0; i < TINY_REGIONS; i++)
		of_version += model.cache->regions[i].nr_extents;
	EXPECT(of_version <= TINY_REGIONS);
	check_index(model.cache);
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

/* Two metadata blocks and more: the records of each slot are its own. */
static void larger_regions(void)
{
	unsigned int i;

	model_format(CACHEFS_FIRST_BLOCK + 9 * 512 + 1, 512);
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

/* A reader holds its region; the log waits, and goes on afterwards. */
static void region_that_is_read_is_not_reused(void)
{
	unsigned int i;

	tiny();
	EXPECT_EQ(model_store_now(1, 0, 5), 0);
	for (i = 0; i < TINY_REGIONS * TINY_SLOTS; i++) {
		/* The oldest block, again and again: it must not be torn. */
		model_read(1, 0, 1);
		model_store(2, i % 200, 1, 0);
		model_new_version(2, 200);
		while (shim_chance(80) && shim_run_some(1))
			;
	}
	shim_advance_ms(1000);
	EXPECT_EQ(model_store_now(2, 0, 1), 0);
	EXPECT(!model_cached(1, 0));
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

static void reservations_are_bounded(void)
{
	tiny();
	model.cache->max_in_flight = 10 * CACHEFS_BLOCK_SIZE;
	EXPECT(reserve(6 * CACHEFS_BLOCK_SIZE));
	EXPECT(!reserve(5 * CACHEFS_BLOCK_SIZE));
	model_store(1, 0, 4, 0);
	EXPECT(!reserve(1));
	shim_run();
	EXPECT(reserve(4 * CACHEFS_BLOCK_SIZE));
	EXPECT(!reserve(1));
	cachefs_store_unreserve(model.cache, 10 * CACHEFS_BLOCK_SIZE);
}

/* Any allocation of an attach may fail: nothing leaks, the next one works. */
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
 * Detach with one region of single blocks, change the checkpoint, seal it.
 * What is wrong about it must make it unusable, and cost nothing.
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
	EXPECT_EQ(le32_to_cpu(block->records[1].kind), CACHEFS_CKPT_EXTENT);
	if (forge)
		forge(block->records);
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
		records[i].where = cpu_to_le64(le64_to_cpu(records[i].where) + 5);
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

static void forge_region(struct cachefs_ckpt_record *records)
{
	records[1] = records[0];
}

static void checkpoint_has_each_region_once(void)
{
	forged_checkpoint(forge_region);
}

static void copy_of_superblock_is_compared(void)
{
	u8 *copy;

	tiny();
	model_detach();
	copy = device_block(model.device, TINY_BLOCKS - 1);
	copy[200] ^= 1;
	EXPECT_EQ(model_attach(), -EUCLEAN);
	EXPECT(shim_log_has("copy at the end of the device"));
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

/* Without room for a tombstone the blocks are dropped one by one. */
static void tombstone_without_room(void)
{
	tiny();
	EXPECT_EQ(model_store_now(1, 0, 10), 0);
	pin_all(1);
	while (model_store_now(2, 0, 10) != -ENOBUFS)
		;
	model_tombstone(1);
	EXPECT_EQ(model.versions[1].logged, 0);
	EXPECT_EQ(model_count_cached(1), 0);
	pin_all(-1);
}

static void tombstone_without_room_now(void)
{
	u32 region, slot;

	model.asked = NULL;
	pin_all(1);
	while (cachefs_region_alloc_slots(model.cache, 1, &region, &slot))
		cachefs_region_abandon(model.cache, region, slot, 1);
	model_tombstone(1);
	EXPECT_EQ(model.versions[1].logged, 0);
}

/* The same between the question whether a store is valid and its publication. */
static void tombstone_without_room_during_a_store(void)
{
	tiny();
	model.asked = tombstone_without_room_now;
	EXPECT_EQ(model_store_now(1, 0, 10), -ESTALE);
	EXPECT_EQ(model_count_cached(1), 0);
	pin_all(-1);
}

/* And who reads between its publication and the second question gets nothing. */
static void read_after_tombstone(void)
{
	model.asked = NULL;
	EXPECT_EQ(model_read_now(1, 0, 10), -ENODATA);
	EXPECT_EQ(model_count_cached(1), 0);
}

static void tombstone_then_read(void)
{
	tombstone_without_room_now();
	model.asked = read_after_tombstone;
}

static void read_of_a_store_that_is_too_late(void)
{
	tiny();
	model.asked = tombstone_then_read;
	EXPECT_EQ(model_store_now(1, 0, 10), -ESTALE);
	EXPECT_EQ(model_count_cached(1), 0);
	pin_all(-1);
}

/* The second part of a store must not wait for what the first one has. */
static void store_does_not_wait_for_itself(void)
{
	tiny();
	EXPECT_EQ(model_store_now(1, 0, TINY_SLOTS - 10), 0);
	model.device->no_reserve = true;
	EXPECT_EQ(model_store_now(2, 0, 20), -ENOBUFS);
	EXPECT_EQ(model_count_cached(2), 10);
	EXPECT_EQ(model_store_now(2, 10, 10), 0);
}

/* After a clean detach, only one of the first two regions of the next life. */
static void power_loss_during_attach(void)
{
	tiny();
	EXPECT_EQ(model_store_now(1, 0, 50), 0);
	model_detach();
	/* The anchor, which counts before and after, and two regions. */
	model.device->death = DEVICE_KEEPS_ALL;
	model.device->die_at = model.device->writes + 4;
	EXPECT_EQ(model_attach(), 0);
	shim_run();
	EXPECT(model.device->dead);
	model_detach();
	device_power_on(model.device);
	EXPECT_EQ(model_attach(), 0);
	EXPECT_EQ(model_count_cached(1), 50);
}

/* A checkpoint on a full device: what it overwrites it does not promise. */
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

/* Nor a block of it in the place of a newer one. */
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

/* Metadata of the open region after a loss of power, to be changed. */
static struct cachefs_meta_block *scratch_after_power_loss(unsigned int which)
{
	cut_power(DEVICE_KEEPS_ALL);
	return device_block(model.device, CACHEFS_FIRST_BLOCK + 1 + which);
}

/* The write of a scratch block was torn: the other one is there. */
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

/* A block cannot have more bytes than a block has. */
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

/* 1 TiB, all its metadata looked at, in memory that is in proportion. */
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
	/* 0.1 MiB of index for a GiB. */
	EXPECT(stat(CACHEFS_STAT_INDEX_BYTES) < 1024 * 100 << 10);
}

static void foreign_is_left_alone(void)
{
	struct cachefs_cache *cache;

	model.device = device_init(CACHEFS_FIRST_BLOCK + 8 * 1024 + 1);
	*(u8 *)device_block(model.device, 0) = 1;
	EXPECT_EQ(cachefs_attach(model.device, NULL, 0, &cache), -EMEDIUMTYPE);
	EXPECT_EQ(cachefs_attach(model.device, NULL, CACHEFS_ATTACH_FORMAT,
				 &cache), -EMEDIUMTYPE);
	EXPECT_EQ(model.device->writes, 0);
	EXPECT_EQ(cachefs_attach(model.device, NULL, CACHEFS_ATTACH_FORCE,
				 &model.cache), 0);
}

#define CASE(name) { #name, name }

static const struct {
	const char	*name;
	void		(*run)(void);
} cases[] = {
	CASE(hashes_are_the_published_ones),
	CASE(refusals_name_the_field),
	CASE(stored_is_read),
	CASE(block_elsewhere_is_not_served),
	CASE(small_mismatch_is_counted_and_dropped),
	CASE(large_mismatch_is_counted_and_dropped),
	CASE(errors_degrade_and_then_fail),
	CASE(write_errors_count),
	CASE(tombstone_hides_what_was_before),
	CASE(many_tombstones_are_one),
	CASE(flushed_is_found_after_power_loss),
	CASE(checksums_are_loaded_again),
	CASE(larger_regions),
	CASE(region_that_is_read_is_not_reused),
	CASE(all_slots_are_used),
	CASE(reservations_are_bounded),
	CASE(attach_without_memory),
	CASE(checkpoint_is_used),
	CASE(checkpoint_does_not_count_slots_twice),
	CASE(checkpoint_stays_within_the_slots),
	CASE(checkpoint_has_each_region_once),
	CASE(checkpoint_counts_once),
	CASE(checkpoint_of_another_detach),
	CASE(checkpoint_makes_room),
	CASE(anchors_alternate),
	CASE(copy_of_superblock_is_compared),
	CASE(stored_twice_is_kept_once),
	CASE(pinned_region_stays_as_it_is),
	CASE(tombstone_without_room),
	CASE(tombstone_without_room_during_a_store),
	CASE(read_of_a_store_that_is_too_late),
	CASE(store_does_not_wait_for_itself),
	CASE(power_loss_during_attach),
	CASE(torn_scratch_block_leaves_the_other),
	CASE(senseless_record_is_skipped),
	CASE(terabyte),
	CASE(foreign_is_left_alone),
};

static void run_case(unsigned int i)
{
	/* A wait that never ends is a failure, too. */
	alarm(120);
	shim_reset(1);
	cases[i].run();
	if (model.device)
		model_exit();
	shim_reset(1);		/* has all memory been freed? */
}

int main(int argc, char **argv)
{
	unsigned int i;
	int failed = 0, status, a;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		bool wanted = argc < 2;

		for (a = 1; a < argc; a++)
			wanted |= !strcmp(argv[a], cases[i].name);
		if (!wanted)
			continue;
		fflush(stdout);
		if (!fork()) {
			run_case(i);
			exit(0);
		}
		wait(&status);
		if (status)
			printf("not ok %s - ended with status %x\n",
			       cases[i].name, status);
		else
			printf("ok %s\n", cases[i].name);
		failed |= status;
	}
	return failed ? 1 : 0;
}
