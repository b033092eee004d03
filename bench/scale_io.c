// SPDX-License-Identifier: GPL-2.0
/* Measure I/O: attach, bytes written, and reads of hits. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "scale_main.h"
#include "shim.h"

/*
 * struct step - An attach or a detach
 * @ns: its time: that of the device and that of one processor
 * @cpu_ns: the time of the processor
 */
struct step {
	u64	ns;
	u64	cpu_ns;
};

static void step_begin(struct step *step)
{
	step->ns = shim_now();
	step->cpu_ns = sim_counted_ns();
	sim_count_cpu(true);
}

static void step_end(struct step *step)
{
	sim_count_cpu(false);
	step->ns = shim_now() - step->ns;
	step->cpu_ns = sim_counted_ns() - step->cpu_ns;
}

/* Detach, which writes a checkpoint, and attach, which loads the checkpoint. */
static void print_clean(struct cachefs_device *device, struct cachefs_cache *cache)
{
	struct step detach, attach;
	u64 read;

	/* The checkpoint lies in slots for data. */
	device->keep_data = true;
	step_begin(&detach);
	core_detach(cache);
	step_end(&detach);
	read = device->read_bytes;
	step_begin(&attach);
	cache = core_attach(device, 1024);
	step_end(&attach);
	if (!core_recovered(cache))
		shim_panic("the checkpoint was not loaded");
	printf(", \"detach_ms\": %.4f, \"detach_cpu_ms\": %.4f, \"clean_attach_ms\": %.4f, \"clean_attach_cpu_ms\": %.4f, \"clean_read_mib\": %llu, \"clean_extents\": %llu",
	       detach.ns / 1e6, detach.cpu_ns / 1e6, attach.ns / 1e6,
	       attach.cpu_ns / 1e6, (device->read_bytes - read) >> 20,
	       core_nr_extents(cache));
}

/*
 * Fill a device by real stores, stop the machine, attach.  Then detach and attach again.
 * Only metadata is kept, so a device can be larger than memory.  The device is filled up
 * to a limit.
 */
void bench_attach(u64 bytes, enum mix mix)
{
	struct cachefs_device *device = device_new(bytes);
	u64 begin, recovered, read, found, extents;
	struct cachefs_cache *cache;
	struct step attach;
	struct fill fill;
	double full;

	core_fast_checksums = true;
	fill_init(&fill, core_attach(device, 1024), mix);
	full = fill_up(&fill, max_extents, max_blocks);
	/* Let some seconds pass, so that the newest records are written. */
	sim_run_until(shim_now() + 10 * NSEC_PER_SEC);
	extents = core_nr_extents(fill.cache);
	core_crash(fill.cache);

	set_speed(device);
	read = device->read_bytes;
	begin = shim_now();
	step_begin(&attach);
	cache = core_attach(device, 1024);
	step_end(&attach);
	while (!core_recovered(cache))
		sim_run_until(shim_now() + NSEC_PER_MSEC);
	recovered = shim_now();
	found = core_nr_extents(cache);
	/* Some of the oldest extents make room for later stores. */
	if (found < extents / 2)
		shim_panic("only %llu of %llu extents are found again", found,
			   extents);
	printf("{\"bench\": \"attach\", \"device_tib\": %.10g, \"mix\": \"%s\", \"attach_ms\": %.1f, \"recovered_s\": %.4f, \"extents\": %llu, \"full\": %.3f, \"read_mib\": %llu, \"latency_us\": %llu, \"bandwidth_mb\": %llu",
	       tib(device), mix_names[mix], attach.ns / 1e6,
	       (recovered - begin) / 1e9, found, full,
	       (device->read_bytes - read) >> 20, latency_us, bandwidth_mb);
	print_clean(device, cache);
	printf("}\n");
}

/* Bytes written for each byte that is cached */

#define WRITTEN_DEVICE	BIT_ULL(28)

static void print_written(const char *what, struct cachefs_device *device,
			  u64 stayed, u64 ns)
{
	printf("{\"bench\": \"written\", \"workload\": \"%s\", \"written_per_byte\": %.4f, \"stayed_per_byte\": %.4f, \"stored_mib\": %llu, \"bandwidth_share\": %.3f}\n",
	       what, (double)device->written_bytes / stored_bytes,
	       (double)stayed / stored_bytes, stored_bytes >> 20,
	       (double)device->written_bytes * NSEC_PER_SEC / ns /
	       device->bandwidth);
}

static struct cachefs_cache *written_cache(struct cachefs_device **device)
{
	struct cachefs_cache *cache;

	core_fast_checksums = true;
	*device = device_new(WRITTEN_DEVICE);
	set_speed(*device);
	cache = core_attach(*device, 1024);
	sim_run();
	(*device)->written_bytes = 0;
	return cache;
}

/* Store.  If the store is refused, wait a little, so that the next store is taken. */
static void store_or_wait(struct cachefs_cache *cache, const struct key *key)
{
	if (!store_key(cache, key, true))
		sim_run_until(shim_now() + 200 * NSEC_PER_USEC);
}

/* Wait until all stores are on the device, and move the clock that far. */
static void settle(struct cachefs_cache *cache)
{
	cachefs_op_begin(cache);
	while (cachefs_under_way(&cache->cpu->ops) > 1)
		sim_run_until(shim_now() + NSEC_PER_MSEC);
	cachefs_op_end(cache);
}

static void written_once(const char *what, enum mix mix)
{
	struct cachefs_device *device;
	struct cachefs_cache *cache = written_cache(&device);
	u64 blocks = core_capacity(cache) * 3 / 4, begin = shim_now();
	struct fill fill;

	fill_init(&fill, cache, mix);
	stored_bytes = 0;
	while (stored_bytes < blocks << CACHEFS_BLOCK_SHIFT) {
		struct key key = fill_key(&fill, fill.stored++);

		store_or_wait(cache, &key);
	}
	settle(cache);
	print_written(what, device, 0, shim_now() - begin);
}

struct hit {
	struct cachefs_read	read;
	struct page		*page;
	u64			hits;
};

static void hit_done(struct cachefs_read *read)
{
	container_of(read, struct hit, read)->hits += !read->error;
}

static void read_hit(struct cachefs_cache *cache, struct hit *hit,
		     const struct key *key)
{
	hit->read = (struct cachefs_read) {
		.cache = cache,
		.version = key->version,
		.block = key->block,
		.nr = 1,
		.pages = &hit->page,
		.done = hit_done,
	};
	cachefs_read(&hit->read);
}

static struct page *page_new(void)
{
	return aligned_alloc(PAGE_SIZE, round_up(sizeof(struct page), PAGE_SIZE));
}

/*
 * Let the log go round some times while the same blocks are read again and again.  Their
 * number is such that @stay bytes stay for each new byte.  Reads are answered at once, so
 * only stores and reuse take the device's time.  A @patient server waits until the log
 * has regions ready.  Another server sends as fast as stores are taken.
 */
static void written_round(const char *what, enum mix mix, double stay,
			  bool patient)
{
	struct cachefs_device *device;
	struct cachefs_cache *cache = written_cache(&device);
	u64 speed = device->bandwidth, begin = 0, reinserted = 0, reads, n = 0;
	u64 round = core_capacity(cache) << CACHEFS_BLOCK_SHIFT;
	u64 period = 1000 * (1 + stay) / stay, hot = 0;
	struct hit hit = { .page = page_new() };
	struct fill fill;
	struct key key;

	fill_init(&fill, cache, mix);
	stored_bytes = 0;
	/* Of each @period stores of the first round 1000 are read. */
	while (!begin || stored_bytes < 3 * round) {
		while (patient && !core_log_ready(cache))
			sim_run_until(shim_now() + 20 * NSEC_PER_USEC);
		key = fill_key(&fill, n++);
		store_or_wait(cache, &key);
		if (!begin && stored_bytes >= round * 9 / 10) {
			settle(cache);
			begin = shim_now();
			hot = n;
			stored_bytes = 0;
			device->written_bytes = 0;
			reinserted = core_reinserted_bytes(cache);
		}
		device->bandwidth = 0;
		for (reads = 0; hot && reads < 4; reads++) {
			key = fill_key(&fill, shim_rand() % (hot * 1000 / period) *
				       period / 1000);
			read_hit(cache, &hit, &key);
		}
		device->bandwidth = speed;
	}
	settle(cache);
	print_written(what, device, core_reinserted_bytes(cache) - reinserted,
		      shim_now() - begin);
}

void bench_written(void)
{
	written_once("sequential", MIX_LARGE);
	written_once("small files", MIX_16K);
	written_once("random 4 KiB", MIX_RANDOM);
	written_round("wrap-around, 30 % stay", MIX_16K, 0.3, true);
	written_round("wrap-around, 30 % stay, hurried", MIX_16K, 0.3, false);
	written_round("wrap-around, single blocks, half stays", MIX_RANDOM, 1, true);
	written_round("wrap-around, single blocks, half stays, hurried", MIX_RANDOM,
		      1, false);
}

/* Readers of hits, the whole way through the core, with real checksums */

#define READ_KEYS	BIT(12)
#define READ_MS		60
#define READ_ROUNDS	7

struct reader {
	struct cachefs_cache	*cache;
	const struct key	*keys;
	struct hit		hit;
	double			rate;
};

static void *reader(void *arg)
{
	struct reader *reader = arg;
	u64 end = sim_real_ns() + READ_MS * NSEC_PER_MSEC;
	u64 begin = sim_cpu_ns(), ops = 0;

	while (sim_real_ns() < end) {
		int i;

		for (i = 0; i < 64; i++, ops++)
			read_hit(reader->cache, &reader->hit,
				 &reader->keys[shim_below(READ_KEYS)]);
	}
	if (reader->hit.hits != ops)
		shim_panic("%llu of %llu reads are not hits",
			   ops - reader->hit.hits, ops);
	reader->rate = ops * 1e9 / (sim_cpu_ns() - begin);
	return NULL;
}

static double read_rate(struct cachefs_cache *cache, const struct key *keys,
			int nr)
{
	struct reader readers[2];
	pthread_t threads[2];
	double rate = 0;
	int i;

	for (i = 0; i < nr; i++) {
		readers[i] = (struct reader) {
			.cache = cache,
			.keys = keys,
			.hit.page = page_new(),
		};
		pthread_create(&threads[i], NULL, reader, &readers[i]);
	}
	for (i = 0; i < nr; i++) {
		pthread_join(threads[i], NULL);
		rate += readers[i].rate;
		free(readers[i].hit.page);
	}
	return rate;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void bench_readers(void)
{
	struct cachefs_device *device = device_new(256 << 20);
	double ones[READ_ROUNDS], ratios[READ_ROUNDS];
	struct key keys[READ_KEYS];
	struct cachefs_cache *cache;
	struct fill fill;
	int i;

	device->keep_data = true;
	cache = core_attach(device, 1024);
	fill_init(&fill, cache, MIX_4K);
	for (i = 0; i < READ_KEYS; i++) {
		keys[i] = fill_key(&fill, i);
		fill_one(&fill);
	}
	for (i = 0; i < READ_ROUNDS; i++) {
		ones[i] = read_rate(cache, keys, 1);
		ratios[i] = read_rate(cache, keys, 2) / ones[i];
	}
	qsort(ones, READ_ROUNDS, sizeof(*ones), by_size);
	qsort(ratios, READ_ROUNDS, sizeof(*ratios), by_size);
	printf("{\"bench\": \"readers\", \"reads_per_s\": %.0f, \"two_over_one\": %.2f}\n",
	       ones[READ_ROUNDS / 2], ratios[READ_ROUNDS / 2]);
}
