// SPDX-License-Identifier: GPL-2.0
/* Measure the index: its time, its memory, and how long it holds a reader up. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include "scale_main.h"
#include "shim.h"

#define KEYS		BIT(17)
#define BATCHES		5
#define INSERTS		20000
/* If a lookup takes longer than this, the other thread's time is looked at, too. */
#define SUSPECT_NS	2000
#define ROUNDS		8
#define ROUND_MS	150
#define BUCKETS		24

/* The work of the other thread while a reader looks up. */
enum work {
	STORES,
	RECOVERY,
	TRIM,
};

/**
 * struct waits - The lookups of a reader while another thread changes the index
 * @cache: the cache
 * @keys: the keys that the reader looks up
 * @stop: the reader shall end
 * @longest_ns: the longest time that the reader was held up
 * @nr: lookups by time, in powers of two of ns
 */
struct waits {
	struct cachefs_cache	*cache;
	const struct key	*keys;
	bool			stop;
	u64			longest_ns;
	u64			nr[BUCKETS];
};

static bool is_cached(struct cachefs_cache *cache, const struct key *key)
{
	bool cached;

	cachefs_lookup(cache, &key->version, key->block, 1, &cached);
	return cached;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The processor time of one lookup, as the median of some batches. */
static double lookup_ns(struct cachefs_cache *cache, const struct key *keys,
			bool expected)
{
	double ns[BATCHES];
	u64 begin, wrong = 0;
	int batch, i;

	for (batch = 0; batch < BATCHES; batch++) {
		const struct key *part = keys + batch * (KEYS / BATCHES);

		begin = sim_cpu_ns();
		for (i = 0; i < KEYS / BATCHES; i++)
			wrong += is_cached(cache, &part[i]) != expected;
		ns[batch] = (double)(sim_cpu_ns() - begin) / (KEYS / BATCHES);
	}
	/* A few of the stored blocks may be gone. */
	if (wrong > KEYS / 20)
		shim_panic("%llu of %lu lookups are %s", wrong, KEYS,
			   expected ? "misses" : "hits");
	qsort(ns, BATCHES, sizeof(*ns), by_size);
	return ns[BATCHES / 2];
}

static struct key *keys_of(const struct fill *fill, bool cached)
{
	struct key *keys = calloc(KEYS, sizeof(*keys));
	u64 n = fill->stored - fill->first;
	int i;

	for (i = 0; i < KEYS; i++) {
		u64 store = cached ? fill->first + shim_rand() % n :
				     fill->stored + (1 << 20) + shim_rand() % n;

		keys[i] = fill_key(fill, store);
		keys[i].block += shim_below(keys[i].nr);
	}
	return keys;
}

/*
 * Return how long a lookup was held up.  The reader spins during that time, and the
 * thread that holds it up works.  Only time counts in which both had a processor: a
 * thread that lost its processor says nothing about the core.
 */
static u64 held_up(const struct waits *waits, u64 begin, u64 cpu_ns)
{
	u64 end = sim_real_ns(), worked;

	if (cpu_ns < SUSPECT_NS)
		return cpu_ns;
	while (!sim_marked(begin, end, &worked) && !READ_ONCE(waits->stop))
		sched_yield();
	return min(cpu_ns, worked);
}

static void *reader(void *arg)
{
	struct waits *waits = arg;
	u64 i, ns, begin;

	for (i = 0; !READ_ONCE(waits->stop); i++) {
		begin = sim_real_ns();
		ns = sim_cpu_ns();
		is_cached(waits->cache, &waits->keys[i % KEYS]);
		ns = held_up(waits, begin, sim_cpu_ns() - ns);
		if (READ_ONCE(waits->stop))
			break;
		WRITE_ONCE(waits->longest_ns, max(waits->longest_ns, ns));
		waits->nr[min(ilog2(ns | 1), BUCKETS - 1)]++;
	}
	return NULL;
}

/*
 * Store and reuse for one round while another thread looks up.  If the device is not
 * full, the oldest region is taken out of the index for each region that is stored, as
 * reuse does.
 */
static void hold_up_by_stores(struct fill *fill, struct waits *waits)
{
	u32 nr = fill_key(fill, 0).nr, slots = core_region_slots(fill->cache);
	u64 end = sim_real_ns() + ROUND_MS * NSEC_PER_MSEC, blocks = 0;
	bool full = core_live_blocks(fill->cache) >= core_capacity(fill->cache) * 4 / 5;
	u64 regions = 0;

	while (sim_real_ns() < end || regions < 2) {
		fill_one(fill);
		blocks += nr;
		if (blocks >= slots) {
			blocks -= slots;
			regions++;
			if (!full)
				core_forget_oldest(fill->cache);
			if (regions % 256 == 0)
				core_drop_checksums(fill->cache);
		}
	}
}

/* Stop the machine, and begin a recovery.  The device is as slow as the options say. */
static void crash(struct fill *fill, struct cachefs_device *device)
{
	/* Let some seconds pass, so that the newest records are written. */
	sim_run_until(shim_now() + 10 * NSEC_PER_SEC);
	core_crash(fill->cache);
	set_speed(device);
	fill->cache = core_attach(device, 1024);
}

/* Recover most extents.  The rest of a device that is nearly empty takes long. */
static void hold_up_by_recovery(struct fill *fill, u64 extents)
{
	while (!core_recovered(fill->cache) &&
	       core_nr_extents(fill->cache) < extents / 10 * 9)
		sim_run_until(shim_now() + NSEC_PER_MSEC);
}

static void hold_up_by_trim(struct fill *fill)
{
	core_trim(fill->cache);
	sim_run_until(shim_now() + NSEC_PER_SEC);
}

/* Wait until the reader has ended a lookup. */
static void await_lookup(struct waits *waits)
{
	while (!READ_ONCE(waits->longest_ns)) {
		sim_mark();
		sched_yield();
	}
}

/* A round in which a reader looks up @waits->keys. */
static void hold_up(struct fill *fill, struct waits *waits, enum work work)
{
	u64 extents = core_nr_extents(fill->cache);
	pthread_t thread;

	if (work == RECOVERY)
		crash(fill, waits->cache->device);
	waits->cache = fill->cache;
	waits->stop = false;
	waits->longest_ns = 0;
	sim_marks(true);
	sim_mark();
	pthread_create(&thread, NULL, reader, waits);
	await_lookup(waits);
	WRITE_ONCE(waits->longest_ns, 0);
	if (work == STORES)
		hold_up_by_stores(fill, waits);
	else if (work == RECOVERY)
		hold_up_by_recovery(fill, extents);
	else
		hold_up_by_trim(fill);
	await_lookup(waits);
	WRITE_ONCE(waits->stop, true);
	pthread_join(thread, NULL);
	sim_marks(false);
}

/*
 * The lower quartile of the longest times of some rounds.  Reuse comes in all rounds.  In
 * some rounds the virtual machine stands still, and that counts as work.
 */
static double longest_wait_us(struct fill *fill, struct waits *waits, enum work work)
{
	double longest[ROUNDS];
	int i;

	for (i = 0; i < ROUNDS; i++) {
		hold_up(fill, waits, work);
		longest[i] = waits->longest_ns / 1000.0;
	}
	qsort(longest, ROUNDS, sizeof(*longest), by_size);
	return longest[ROUNDS / 4];
}

static void print_waits(const struct waits *waits)
{
	u64 slow = 0;
	int i, last = 0;

	for (i = 0; i < BUCKETS; i++)
		if (waits->nr[i])
			last = i;
	printf(", \"wait_histogram_ns\": {");
	for (i = 0; i <= last; i++) {
		if (waits->nr[i])
			printf("%s\"%llu\": %llu", slow++ ? ", " : "",
			       2ULL << i, waits->nr[i]);
	}
	printf("}");
}

static double thread_rate(struct cachefs_cache *cache, const struct key *keys,
			  u64 end)
{
	u64 begin = sim_cpu_ns(), ops = 0;

	while (sim_real_ns() < end) {
		int i;

		for (i = 0; i < 256; i++)
			is_cached(cache, &keys[(ops + i) % KEYS]);
		ops += 256;
	}
	return (double)ops / (sim_cpu_ns() - begin);
}

struct rate {
	struct cachefs_cache	*cache;
	const struct key	*keys;
	u64			end;
	double			rate;
};

static void *rate_thread(void *arg)
{
	struct rate *rate = arg;

	rate->rate = thread_rate(rate->cache, rate->keys, rate->end);
	return NULL;
}

/* The lookups per processor second of two threads, divided by those of one thread. */
static double two_readers(struct cachefs_cache *cache, const struct key *keys)
{
	double ratio[BATCHES], one;
	int i, j;

	for (i = 0; i < BATCHES; i++) {
		struct rate rates[2];
		pthread_t threads[2];

		one = thread_rate(cache, keys, sim_real_ns() +
				  40 * NSEC_PER_MSEC);
		for (j = 0; j < 2; j++) {
			rates[j] = (struct rate) {
				.cache = cache,
				.keys = keys,
				.end = sim_real_ns() + 40 * NSEC_PER_MSEC,
			};
			pthread_create(&threads[j], NULL, rate_thread, &rates[j]);
		}
		for (j = 0; j < 2; j++)
			pthread_join(threads[j], NULL);
		ratio[i] = (rates[0].rate + rates[1].rate) / one;
	}
	qsort(ratio, BATCHES, sizeof(*ratio), by_size);
	return ratio[BATCHES / 2];
}

void bench_index(u64 bytes, enum mix mix)
{
	struct cachefs_device *device = device_new(bytes);
	double full, hit, miss, insert, readers, per_extent, per_gib;
	double wait, miss_wait, recovery_wait, trim_wait;
	struct core_inserts inserts = {};
	struct waits waits = {}, more = {};
	struct key *hits, *misses;
	u64 extents, blocks, i;
	struct fill fill;

	core_fast_checksums = true;
	fill_init(&fill, core_attach(device, 1024), mix);
	full = fill_up(&fill, max_extents, max_blocks);
	core_time_inserts(&inserts);
	for (i = 0; i < INSERTS; i++)
		fill_one(&fill);
	core_time_inserts(NULL);
	insert = (double)inserts.ns / inserts.nr;
	core_drop_checksums(fill.cache);
	extents = core_nr_extents(fill.cache);
	blocks = core_live_blocks(fill.cache);
	per_extent = (double)core_index_memory(fill.cache) / extents;
	per_gib = (double)core_index_memory(fill.cache) / blocks * (1 << 18);
	/* The log of a small device may have gone round since. */
	if (fill.stored * fill_key(&fill, 0).nr > blocks)
		fill.first = fill.stored - blocks / fill_key(&fill, 0).nr;
	hits = keys_of(&fill, true);
	misses = keys_of(&fill, false);
	hit = lookup_ns(fill.cache, hits, true);
	miss = lookup_ns(fill.cache, misses, false);
	readers = two_readers(fill.cache, hits);
	waits.cache = fill.cache;
	more.cache = fill.cache;
	waits.keys = hits;
	more.keys = misses;
	wait = longest_wait_us(&fill, &waits, STORES);
	miss_wait = longest_wait_us(&fill, &more, STORES);
	recovery_wait = longest_wait_us(&fill, &more, RECOVERY);
	trim_wait = longest_wait_us(&fill, &more, TRIM);

	printf("{\"bench\": \"index\", \"device_tib\": %.10g, \"mix\": \"%s\", \"extents\": %llu, \"hit_ns\": %.1f, \"miss_ns\": %.1f, \"insert_ns\": %.1f, \"bytes_per_extent\": %.2f, \"longest_wait_us\": %.1f, \"longest_miss_wait_us\": %.1f, \"longest_recovery_wait_us\": %.1f, \"longest_trim_wait_us\": %.1f, \"full\": %.3f, \"bytes_per_gib\": %.0f, \"two_readers\": %.2f, \"refused\": %llu",
	       tib(device), mix_names[mix], extents, hit, miss, insert,
	       per_extent, wait, miss_wait, recovery_wait, trim_wait, full, per_gib, readers,
	       fill.refused);
	print_waits(&waits);
	printf("}\n");
}
