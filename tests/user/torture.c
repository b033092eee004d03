// SPDX-License-Identifier: GPL-2.0
/*
 * Torture: random operations, and a power failure at a random write.
 *
 * usage: torture [DEATHS [SEED]]	random lives until so many have died
 *	  torture short [wrapped]	all short lives, and each of their deaths;
 *					or all on a device that was full before
 *	  torture longer [wrapped]	and all lives of four different operations
 *
 * A run is a new cache and some lives of it, one after the other.  All that
 * happens in a run follows from its seed, which is printed when it fails:
 * "torture 1 SEED" repeats just that run.
 */
#include <malloc.h>
#include "model.h"

/* A block that the next attach has to find and to give back. */
struct promise {
	u64	seq;		/* of the region that it is in */
	u32	region;
	u32	number;		/* of the version */
	u8	v;		/* the place of the version in the model */
	u16	block;
	bool	found;
};

#define MAX_REGIONS	(TINY_REGIONS + 3)
/* The largest number of regions that an attach makes ready, and so forgets. */
#define MAX_LOST	2

static struct promise promises[MAX_REGIONS * TINY_REGION_BLOCKS];
static unsigned int nr_promises;
static bool promised_at_death;
/* Events since the promises: regions reused, attaches without stores, and stores. */
static bool reused[MAX_REGIONS];
static unsigned int interruptions;
static bool stored_since;

static u64 run_seed;
static const char *what = "";	/* what the run does, for the report */
static u64 deaths, lives, served;
static u64 kept, kept_after_death;	/* promises */
static u64 interrupted;		/* recoveries that did not come to their end */
static u64 busy_recoveries;	/* other recoveries, with operations meanwhile */
static bool tainted;		/* there were I/O errors in this run */
static bool lied;		/* the device lied in this run */
static bool busy;		/* in an operation that is called meanwhile */

static void report_seed(void)
{
	fprintf(stderr, "seed %llu: %s after %llu deaths\n", run_seed, what,
		deaths);
}

/* Return the version that has this id, or MODEL_VERSIONS. */
static unsigned int version_of(const u8 id[16])
{
	unsigned int v;

	for (v = 0; v < MODEL_VERSIONS; v++)
		if (!memcmp(id, model.versions[v].core.id, 16))
			break;
	return v;
}

/*
 * recorded: the slots with records that count, on the device as it is now.
 * place_of: the place of each block's records, or SEVERAL.  Records that a power loss
 * could bring back are included.
 */
static bool recorded[MAX_REGIONS][TINY_SLOTS];
static u16 place_of[MODEL_VERSIONS][MODEL_MAX_BLOCKS];
#define SEVERAL		U16_MAX

static void note_places(u32 nr, const void *bytes)
{
	const struct cachefs_meta_block *meta = bytes;
	struct cachefs_cache *cache = model.cache;
	unsigned int slot, v;
	u64 where;
	u16 *place;

	if (cachefs_block_check(&meta->header, CACHEFS_META_MAGIC, cache->uuid,
				cache->seed, nr))
		return;
	for (slot = 0; slot < TINY_SLOTS; slot++) {
		where = le64_to_cpu(meta->records[slot].where);
		v = version_of(meta->records[slot].id);
		if (!where || v == MODEL_VERSIONS)
			continue;
		place = &place_of[v][(where >> CACHEFS_WHERE_BYTES_BITS) -
				     model.versions[v].base];
		if (*place && *place != nr * TINY_SLOTS + slot + 1)
			*place = SEVERAL;
		else
			*place = nr * TINY_SLOTS + slot + 1;
	}
}

static void read_records(void)
{
	struct cachefs_device *device = model.device;
	struct cachefs_cache *cache = model.cache;
	const struct cachefs_geometry *geo = &cache->geo;
	const struct cachefs_meta_block *picked;
	struct cachefs_region_meta meta;
	u64 block;
	unsigned int i, slot;
	u32 nr;

	memset(recorded, 0, sizeof(recorded));
	memset(place_of, 0, sizeof(place_of));
	EXPECT_EQ(geo->meta_blocks, 1);
	for (nr = 0; nr < geo->nr_regions; nr++) {
		block = cachefs_region_start(geo, nr);
		for (i = 0; i < 1 + CACHEFS_SCRATCH_BLOCKS; i++, block++) {
			note_places(nr, device_block(device, block));
			note_places(nr, device->stable +
				    (block << CACHEFS_BLOCK_SHIFT));
		}
		meta.blocks = device_block(device, cachefs_region_start(geo, nr));
		meta.region = nr;
		if (!cachefs_meta_newest(&meta, cache->uuid, cache->seed, geo) ||
		    meta.seq != cache->regions[nr].seq)
			continue;
		picked = cachefs_meta_pick(&meta, 0, geo);
		for (slot = 0; picked && slot < TINY_SLOTS; slot++)
			recorded[nr][slot] = picked->records[slot].where;
	}
	for (i = 0; i < device->nr_log; i++) {
		block = device->log[i].block;
		nr = (block - CACHEFS_FIRST_BLOCK) / TINY_REGION_BLOCKS;
		if (block >= CACHEFS_FIRST_BLOCK && nr < geo->nr_regions)
			note_places(nr, device->log[i].data);
	}
}

static void promise_block(unsigned int v, unsigned int block, u32 place)
{
	u32 nr = place >> model.cache->ref_shift;
	u32 slot = place & ((1U << model.cache->ref_shift) - 1);

	/*
	 * If the disk has two copies, a scan takes either of them: maybe a copy that did
	 * not match and was dropped, and maybe in the region that is reused next.
	 */
	if (promised_at_death &&
	    (!recorded[nr][slot] || place_of[v][block] == SEVERAL))
		return;
	promises[nr_promises++] = (struct promise) {
		.seq = model.cache->regions[nr].seq, .region = nr, .v = v,
		.block = block, .number = model.versions[v].number,
	};
}

/*
 * Note the blocks that the index finds and the device has.  After a detach: all blocks.
 * After a death that keeps acknowledged writes: blocks whose records are written.  After
 * another death: blocks of former lives, as the anchors of this life made them durable.
 */
static void make_promises(bool death)
{
	struct cachefs_cache *cache = model.cache;
	unsigned int v, block;
	u32 place;

	nr_promises = 0;
	interruptions = 0;
	stored_since = false;
	memset(reused, 0, sizeof(reused));
	promised_at_death = death;
	if (death)
		read_records();
	for (v = 0; v < MODEL_VERSIONS; v++) {
		struct model_version *version = &model.versions[v];

		for (block = 0; block < version->blocks; block++) {
			cachefs_index_map(cache, &version->core,
					  version->base + block, 1, &place,
					  CACHEFS_MAP_LOOK);
			if (place == CACHEFS_NO_REF ||
			    (death && model.device->death != DEVICE_KEEPS_ALL &&
			     cache->regions[place >> cache->ref_shift].seq >> 32 ==
			     cache->attach_count))
				continue;
			promise_block(v, block, place);
		}
	}
}

/* Read the promised blocks that were found.  All must be served, except spoiled ones. */
static void read_promises(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < nr_promises; i++) {
		struct promise *p = &promises[i];

		if (!p->found || model.versions[p->v].scribbled[p->block])
			continue;
		ret = model_read_now(p->v, p->block, 1);
		/* The region may have been reused since the block was found. */
		if (ret == -ENODATA &&
		    model.cache->regions[p->region].seq != p->seq)
			continue;
		if (ret)
			shim_panic("version %u block %u in region %u: error %d",
				   p->number, p->block, p->region, ret);
		kept++;
		kept_after_death += promised_at_death;
	}
}

static void note_reused(void)
{
	const struct cachefs_cache *cache = model.cache;
	u32 nr;

	for (nr = 0; nr < cache->geo.nr_regions; nr++)
		reused[nr] |= cache->regions[nr].seq >> 32 == cache->attach_count;
}

/*
 * All promised blocks must be found, except those in regions that were made ready since.
 * These regions are few, and they are the next ones in the log.
 */
static void check_promises(void)
{
	struct cachefs_cache *cache = model.cache;
	u32 nr_regions = cache->geo.nr_regions, newest = 0, back;
	u32 oldest_found = 0, newest_lost = U32_MAX;
	bool lost[MAX_REGIONS] = {};
	unsigned int i, nr_lost = 0;

	note_reused();
	for (i = 1; i < nr_promises; i++)
		if (promises[i].seq > promises[newest].seq)
			newest = i;
	for (i = 0; i < nr_promises; i++) {
		struct promise *p = &promises[i];

		/* After a death the test went on for a while. */
		if (model.versions[p->v].number != p->number)
			continue;
		/* A reader may have found a bad block, and dropped its neighbours. */
		if (stored_since && memchr(model.versions[p->v].scribbled, true,
					   MODEL_MAX_BLOCKS))
			continue;
		back = (promises[newest].region + nr_regions - p->region) %
			nr_regions;
		p->found = model_cached(p->v, p->block);
		if (p->found) {
			/* Or the block was stored again. */
			if (!stored_since || !reused[p->region])
				oldest_found = max(oldest_found, back);
			continue;
		}
		if (!reused[p->region])
			shim_panic("version %u block %u in region %u was forgotten",
				   p->number, p->block, p->region);
		newest_lost = min(newest_lost, back);
		nr_lost += !lost[p->region];
		lost[p->region] = true;
	}
	if (newest_lost < oldest_found)
		shim_panic("of regions written before %u, number %u was reused before number %u",
			   promises[newest].region, newest_lost, oldest_found);
	if (nr_lost > MAX_LOST * (1 + interruptions) && !stored_since)
		shim_panic("%u regions were lost", nr_lost);
	read_promises();
	nr_promises = 0;
}

static void on_death(void)
{
	deaths++;
	if (model.cache && !tainted && !lied)
		make_promises(true);
	else
		nr_promises = 0;
}

/* A cache that was just attached has to take a block and give it back. */
static void check_usable(void)
{
	busy = true;
	model_new_version(0, 1);
	EXPECT_EQ(model_store_now(0, 0, 1), 0);
	EXPECT(model_cached(0, 0));
	EXPECT_EQ(model_read_now(0, 0, 1), 0);
	busy = false;
}

static void random_operation(unsigned int dice)
{
	unsigned int v = shim_below(MODEL_VERSIONS);
	unsigned int blocks = model.versions[v].blocks, block, nr, flags = 0;

	block = shim_below(blocks);
	nr = 1 + shim_below(min(blocks - block, shim_chance(80) ? 12U : 140U));
	if (dice < 50) {
		if (shim_chance(5))
			flags = MODEL_POISON;
		/* If a bad copy is found first, it replaces a good one. */
		else if (!model.cache->recovery && shim_chance(10))
			flags = MODEL_SCRIBBLE |
				(shim_chance(50) ? MODEL_BLAME : 0);
		model_store(v, block, nr, flags);
	} else if (dice < 65) {
		model_read(v, block, nr);
	} else if (dice < 80) {
		model_read_cached(v, block);
	} else if (dice < 88) {
		model_invalidate(v);
	} else if (dice < 92) {
		model_new_version(v, 1 + shim_below(MODEL_MAX_BLOCKS));
	} else if (dice < 96) {
		cachefs_region_drop_checksums(model.cache, 1 + shim_below(8));
		/* Bound the index to one page, or not.  Sometimes the oldest goes. */
		model.cache->index.max_bytes = shim_chance(30);
		model.cache->index.crowded |= shim_chance(5);
		model.cache->discard = shim_chance(50);
		cachefs_log_kick(model.cache);
	} else {
		shim_run_some(shim_below(20));
	}
}

/* While the core waits for a write, other operations go on. */
static void meanwhile(void)
{
	if (!model.cache || busy || !shim_chance(20))
		return;
	busy = true;
	random_operation(shim_below(100));
	shim_run_some(shim_below(4));
	busy = false;
}

/*
 * Interrupt a recovery before its end, by a power loss in a detach or after it.  Neither
 * takes anything back.
 */
static void interrupt_recovery(enum device_death death)
{
	struct cachefs_device *device = model.device;

	note_reused();
	interruptions++;
	interrupted++;
	device->on_death = NULL;
	device->death = death;
	device->die_at = shim_chance(50) ? 0 : device->writes + 1 + shim_below(4);
	model_detach();
	if (device->dead)
		device_power_on(device);
	else
		device_power_cycle(device, death);
	device->die_at = 0;
	EXPECT_EQ(model_attach_only(), 0);
	device->on_death = on_death;
}

/* Do what the attach has left to do, in one of three ways. */
static void recover(bool strict)
{
	struct cachefs_device *device = model.device;
	unsigned int n;
	u64 die_at;

	while (strict && !device->dead && model.cache->recovery && shim_chance(50)) {
		die_at = device->die_at ? device->die_at - device->writes : 0;
		shim_run_some(shim_below(10));
		if (!model.cache->recovery)
			break;
		interrupt_recovery(shim_below(DEVICE_NR_DEATHS));
		device->death = shim_below(DEVICE_NR_DEATHS);
		device->die_at = die_at ? device->writes + die_at : 0;
	}
	if (model.cache->recovery && shim_chance(30)) {
		stored_since = true;
		busy_recoveries++;
		shim_random_order(true);
		for (n = shim_below(30); n; n--) {
			/* Nothing that lets regions go: then the oldest are not found. */
			random_operation(shim_below(92));
			shim_run_some(shim_below(3));
		}
	}
	model_recover();
	/* The log may have had to wait, for a region whose store had not ended. */
	shim_advance_ms(stored_since ? 1000 : 0);
}

/* Attach.  With failing allocations and bad reads this may take two tries. */
static void attach(bool clean, bool errors)
{
	int ret;

	model.device->read_errors = errors ? 20 : 0;
	shim_fail_alloc(shim_chance(10) ? 1 + shim_below(20) : 0);
	shim_log_clear();
	ret = model_attach_only();
	if (!ret)
		recover(!errors && !tainted && !lied && !shim_alloc_failed());
	model.device->read_errors = 0;
	if (ret) {
		EXPECT(errors || (ret == -ENOMEM && shim_alloc_failed()));
		shim_fail_alloc(0);
		/* An attach that failed may have taken the clean flag back. */
		clean = false;
		nr_promises = 0;
		shim_log_clear();
		EXPECT_EQ(model_attach(), 0);
	}
	if (shim_log_has("unclean") || shim_log_has("unusable")) {
		EXPECT(!clean || errors || shim_alloc_failed());
		clean = false;
	}
	/* Regions that could not be read, or not be made ready, are missing. */
	if (errors || shim_alloc_failed())
		nr_promises = 0;
}

/* One life, from attach to detach or death.  Returns whether it ended well. */
static bool live(bool clean)
{
	struct cachefs_device *device = model.device;
	bool errors = shim_chance(8), strict;
	unsigned int n, v;

	lives++;
	device_power_on(device);
	device->on_death = on_death;
	device->death = shim_below(DEVICE_NR_DEATHS);
	device->liar = shim_chance(15);
	device->stable_pages = shim_chance(20);
	device->discards = shim_chance(20);
	lied |= device->liar;
	if (shim_chance(80))
		device->die_at = device->writes + 1 + shim_below(120);
	tainted |= errors;

	attach(clean, errors);
	shim_random_order(true);
	device->meanwhile = meanwhile;
	strict = !tainted && !device->dead && !shim_alloc_failed();
	if (strict) {
		check_index(model.cache);
		/* With a lost anchor sequences come twice: blocks are cold, not wrong. */
		if (!lied)
			check_promises();
		check_usable();
	}
	/* All blocks that are served must be right. */
	for (v = 0; v < MODEL_VERSIONS; v++)
		model_read_cached(v, 0);
	nr_promises = 0;
	if (errors) {
		device->read_errors = shim_below(30);
		device->write_errors = shim_below(30);
	}
	for (n = 10 + shim_below(80); n; n--) {
		if (device->dead && shim_chance(10))
			break;
		if (shim_chance(5))
			shim_fail_alloc(1 + shim_below(10));
		random_operation(shim_below(100));
		shim_run_some(shim_below(8));
		if (shim_chance(10))
			shim_advance_ms(shim_below(12000));
		if (shim_chance(5))
			shim_run();
	}
	shim_fail_alloc(shim_chance(5) ? 1 + shim_below(6) : 0);
	if (shim_chance(50)) {
		shim_run();
		shim_advance_ms(100);
		check_index(model.cache);
		if (!device->dead && !tainted)
			make_promises(false);
	}
	if (!device->dead && shim_chance(20))
		device->die_at = device->writes + 1 + shim_below(8);
	device->meanwhile = NULL;
	model_detach();
	strict = !shim_alloc_failed() && !device->dead;
	device->read_errors = 0;
	device->write_errors = 0;
	if (!strict && !device->dead)
		nr_promises = 0;
	strict = strict && !device->dead && !tainted;
	/* A detach that has returned is safe, whatever a power loss takes. */
	if (!device->dead && shim_chance(30)) {
		device_power_cycle(device, shim_below(DEVICE_NR_DEATHS));
		if (device->liar) {
			nr_promises = 0;
			strict = false;
		}
	}
	return strict;
}

static void run(u64 seed)
{
	unsigned int n;
	bool clean = false;

	run_seed = seed;
	shim_reset(seed);
	tainted = false;
	lied = false;
	nr_promises = 0;
	model_format(TINY_BLOCKS + shim_below(2) * 3 * TINY_REGION_BLOCKS,
		     TINY_REGION_BLOCKS);
	for (n = 1 + shim_below(10); n; n--)
		clean = live(clean);
	model_exit();
	shim_alloc_limit(U64_MAX);
}

/* The operations of a short life. */
static void step(unsigned int what_step, enum device_death death)
{
	switch (what_step) {
	case 0:		/* one block */
		model_store_now(1, 0, 1);
		break;
	case 1:		/* more than a region */
		model_store_now(2, 10, TINY_SLOTS + 5);
		break;
	case 2:		/* what is stored meanwhile is not published */
		model_store(1, 2, 3, 0);
		model_invalidate(1);
		break;
	case 3:
		model_read(1, 0, 1);
		model_read(2, 0, 100);
		break;
	case 4:		/* metadata is written */
		shim_advance_ms(11000);
		break;
	case 5:
		if (!model.device->dead)
			make_promises(false);
		model_detach();
		if (!model.device->dead) {
			device_power_cycle(model.device, DEVICE_KEEPS_NONE);
			model.device->on_death = on_death;
			model.device->death = death;
			EXPECT_EQ(model_attach(), 0);
			check_promises();
		}
		break;
	}
}

#define STEPS 6

/*
 * Live life number @life.  The power fails at write @die_at, if that is not 0, and if
 * @again once more, before all has been found.  Return the number of writes.
 */
static u64 short_life(unsigned int life, bool wrapped, u64 die_at,
		      enum device_death death, bool again)
{
	struct cachefs_device *device;
	unsigned int i;
	u64 writes;

	shim_reset(1);
	model_format(TINY_BLOCKS, TINY_REGION_BLOCKS);
	device = model.device;
	model_new_version(1, 5);
	model_new_version(2, 200);
	EXPECT_EQ(model_attach(), 0);
	for (i = 0; wrapped && i < 9; i++) {
		EXPECT_EQ(model_store_now(1, 0, 5), 0);
		EXPECT_EQ(model_store_now(2, 0, 40), 0);
		shim_run();
		EXPECT_EQ(model_store_now(2, 40, 40), 0);
		shim_run();
	}
	/* This version has no older copies: promises are not about older copies. */
	if (wrapped)
		model_new_version(2, 200);
	tainted = false;
	nr_promises = 0;
	device->on_death = on_death;
	device->death = death;
	device->die_at = die_at ? device->writes + die_at : 0;
	writes = device->writes;
	for (; life && model.cache; life /= STEPS + 1)
		if (life % (STEPS + 1))
			step(life % (STEPS + 1) - 1, death);
	if (model.cache)
		model_detach();
	writes = device->writes - writes;
	device_power_on(device);
	EXPECT_EQ(model_attach_only(), 0);
	if (again && model.cache->recovery) {
		shim_run_some(die_at % 8);
		if (model.cache->recovery)
			interrupt_recovery(death);
	}
	model_recover();
	if (die_at)
		check_promises();
	model_read_cached(1, 0);
	model_read_cached(2, 0);
	check_usable();
	check_index(model.cache);
	lives++;
	served += model.served;
	model_exit();
	return writes;
}

static void all_deaths_of(unsigned int life, bool wrapped)
{
	unsigned int death, again;
	u64 writes, at;

	run_seed = life;
	writes = short_life(life, wrapped, 0, 0, false);
	for (at = 1; at <= writes; at++)
		for (death = 0; death < DEVICE_NR_DEATHS; death++)
			for (again = 0; again < 2; again++)
				short_life(life, wrapped, at, death, again);
}

/* Are these four operations, none of them twice? */
static bool four_different(unsigned int life)
{
	unsigned int i, used = 0;

	for (i = 0; i < 4; i++, life /= STEPS + 1)
		used |= 1U << life % (STEPS + 1);
	return !(used & 1) && hweight32(used) == 4;
}

static void all_short_lives(bool wrapped, bool longer)
{
	const unsigned int threes = (STEPS + 1) * (STEPS + 1) * (STEPS + 1);
	unsigned int life, fours = 0;

	for (life = 1; life < threes; life++)
		all_deaths_of(life, wrapped);
	for (; longer && life < threes * (STEPS + 1); life++) {
		if (four_different(life)) {
			all_deaths_of(life, wrapped);
			fours++;
		}
	}
	EXPECT_EQ(fours, longer ? 6 * 5 * 4 * 3 : 0);
	if (longer)
		printf("# %u lives of four different operations\n", fours);
}

int main(int argc, char **argv)
{
	u64 wanted = argc > 1 ? strtoull(argv[1], NULL, 0) : 2000;
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	const struct device_losses *losses = &device_losses;
	u64 mismatches = 0, stored = 0;
	bool longer = argc > 1 && !strcmp(argv[1], "longer");
	bool is_short = longer || (argc > 1 && !strcmp(argv[1], "short"));

	/* Memory that was freed is needed again at once. */
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	shim_panic_hook = report_seed;
	if (is_short) {
		what = "a short life";
		all_short_lives(argc > 2, longer);
	} else {
		what = "random operations";
		for (; deaths < wanted; seed++) {
			run(seed);
			served += model.served;
			stored += model.stored;
			mismatches += model.mismatches;
		}
		printf("# %llu blocks stored, %llu reads did not match\n",
		       stored, mismatches);
	}
	/* The first wrong byte would have ended the run. */
	printf("# %llu %s in %llu lives, %llu promises kept, %llu blocks served, 0 wrong bytes\n",
	       deaths, is_short ? "prefixes" : "deaths", lives, kept, served);
	printf("# %llu recoveries were interrupted, and %llu had stores and reads meanwhile\n",
	       interrupted, busy_recoveries);
	printf("# %llu of these promises were made at a death\n", kept_after_death);
	printf("# blocks after a loss of power: %llu newest, %llu older, %llu lost, %llu torn; %llu losses kept later writes than they lost\n",
	       losses->newest, losses->older, losses->lost, losses->torn,
	       losses->reordered);
	/* A torture that serves nothing, or spoils nothing, finds nothing. */
	EXPECT(deaths < 100 || (served > deaths && kept_after_death > deaths / 10 &&
			       kept - kept_after_death > deaths));
	EXPECT(deaths < 100 || is_short || mismatches);
	EXPECT(deaths < 1000 || (interrupted > deaths / 20 &&
				 (is_short || busy_recoveries > deaths / 20)));
	/* On a new device a block's first content is durable before it has a second. */
	EXPECT(deaths < 1000 || (is_short && argc <= 2) ||
	       losses->older > deaths / 100);
	EXPECT(deaths < 1000 || (losses->lost > deaths / 10 &&
				 losses->torn > deaths / 10 &&
				 losses->reordered > deaths / 100));
	return 0;
}
