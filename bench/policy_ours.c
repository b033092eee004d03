// SPDX-License-Identifier: GPL-2.0
/*
 * The core itself as a policy: each request is looked up, read if it is cached, and
 * stored if it is not.  The device takes no time, so the log's work is always done.
 */
#include <stdlib.h>
#include "policy_main.h"
#include "scale_main.h"
#include "shim.h"

/* The smallest regions, so that there are many of them, as on a real device. */
#define REGION_BLOCKS	CACHEFS_MIN_REGION_BLOCKS

static void read_done(struct cachefs_read *read)
{
	if (read->error)
		shim_panic("a hit cannot be read: error %d", read->error);
}

static void read_block(struct cachefs_cache *cache, const struct key *key,
		       struct page **page)
{
	struct cachefs_read read = {
		.cache = cache,
		.version = key->version,
		.block = key->block,
		.nr = 1,
		.pages = page,
		.done = read_done,
	};

	cachefs_read(&read);
	sim_run();
}

/* Whether the core can have this capacity.  For less, a device would be too large. */
bool ours_can(uint32_t capacity)
{
	return capacity >= CACHEFS_MIN_REGIONS * REGION_BLOCKS;
}

static void ours_run(const struct trace *trace, uint32_t capacity, bool *miss, bool second)
{
	const struct cachefs_volume volume = { .second = second };
	struct page *page = aligned_alloc(PAGE_SIZE, 2 * PAGE_SIZE);
	struct cachefs_device *device;
	struct fill fill;
	u64 i, refused = 0;
	bool cached;

	core_fast_checksums = true;
	device = device_new(core_device_bytes(capacity, REGION_BLOCKS));
	fill_init(&fill, core_attach(device, REGION_BLOCKS), MIX_4K);
	if (second)
		cachefs_ghosts_begin(fill.cache);
	for (i = 0; i < trace->nr; i++) {
		struct key key = fill_key(&fill, trace->requests[i]);

		cachefs_lookup(fill.cache, &key.version, 0, 1, &cached);
		miss[i] = !cached;
		if (cached)
			read_block(fill.cache, &key, &page);
		else if (cachefs_ghosts_enter(fill.cache, &volume, &key.version, key.block, 1))
			refused += !store_key(fill.cache, &key, false);
		sim_run();
	}
	if (refused > trace->nr / 1000)
		shim_panic("%llu stores were refused", refused);
	core_crash(fill.cache);
	free(page);
}

static void ours_run_normal(const struct trace *trace, uint32_t capacity, bool *miss)
{
	ours_run(trace, capacity, miss, false);
}

static void ours_run_second(const struct trace *trace, uint32_t capacity, bool *miss)
{
	ours_run(trace, capacity, miss, true);
}

const struct policy ours[] = {
	{ "cachefs", ours_run_normal },
	{ "second", ours_run_second },
	{}
};
