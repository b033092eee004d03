// SPDX-License-Identifier: GPL-2.0
/* Access of the benchmarks to the inside of the core; see scale_core.h. */
#include "scale_core.h"

bool core_fast_checksums;

static struct cachefs_cache *attached;
static struct cachefs_geometry geometry;
static struct core_inserts *timed;
static u32 oldest;

/* Called in the place of the core's functions, see scale.mk. */
u64 __real_cachefs_data_checksum(u64 seed, const u8 id[16], u64 block,
				 const void *data);
u64 __wrap_cachefs_data_checksum(u64 seed, const u8 id[16], u64 block,
				 const void *data);
u64 __wrap_cachefs_data_checksum(u64 seed, const u8 id[16], u64 block,
				 const void *data)
{
	if (!core_fast_checksums)
		return __real_cachefs_data_checksum(seed, id, block, data);
	return (seed ^ *(const u64 *)id) + block;
}

void __real_cachefs_index_insert(struct cachefs_cache *cache, u32 region,
				 const u8 id[16], u64 block, u32 slot, u32 nr);
void __wrap_cachefs_index_insert(struct cachefs_cache *cache, u32 region,
				 const u8 id[16], u64 block, u32 slot, u32 nr);
void __wrap_cachefs_index_insert(struct cachefs_cache *cache, u32 region,
				 const u8 id[16], u64 block, u32 slot, u32 nr)
{
	u64 begin;

	if (!timed) {
		__real_cachefs_index_insert(cache, region, id, block, slot, nr);
		return;
	}
	begin = sim_real_ns();
	__real_cachefs_index_insert(cache, region, id, block, slot, nr);
	timed->ns += sim_real_ns() - begin;
	timed->nr++;
}

void core_time_inserts(struct core_inserts *inserts)
{
	timed = inserts;
}

struct cachefs_cache *core_attach(struct cachefs_device *device,
				  u32 region_blocks)
{
	const char *what;
	int ret = 0;

	cachefs_geometry_init(&geometry, device->blocks, region_blocks);
	if (cachefs_device_signature(device, &what) == CACHEFS_SIGNATURE_BLANK)
		ret = cachefs_format(device, NULL, region_blocks);
	if (!ret)
		ret = cachefs_attach(device, 0, &attached);
	if (ret)
		shim_panic("the cache cannot be attached: error %d", ret);
	oldest = 0;
	return attached;
}

void core_crash(struct cachefs_cache *cache)
{
	sim_crash();
	attached = NULL;
}

void core_detach(struct cachefs_cache *cache)
{
	cachefs_detach(cache);
	attached = NULL;
}

bool core_recovered(struct cachefs_cache *cache)
{
	return !cache->recovery;
}

u64 core_nr_extents(struct cachefs_cache *cache)
{
	return cache->nr_extents;
}

u64 core_live_blocks(struct cachefs_cache *cache)
{
	return cache->live_blocks;
}

u64 core_capacity(struct cachefs_cache *cache)
{
	return (u64)cache->geo.nr_regions * cache->geo.slots;
}

u32 core_region_slots(struct cachefs_cache *cache)
{
	return cache->geo.slots;
}

u64 core_reinserted_bytes(struct cachefs_cache *cache)
{
	return cachefs_stat_read(cache, CACHEFS_STAT_REINSERTED_BYTES);
}

u64 core_refused_bytes(struct cachefs_cache *cache)
{
	return cachefs_stat_read(cache, CACHEFS_STAT_STORE_REFUSED_BYTES);
}

/* The regions that are kept ready come on top. */
u64 core_device_bytes(u64 data_blocks, u32 region_blocks)
{
	struct cachefs_geometry geo;
	u64 regions;

	cachefs_geometry_init(&geo, 1 << 20, region_blocks);
	regions = DIV_ROUND_UP(data_blocks, geo.slots);
	regions += clamp(regions / 64, regions < 12 ? 2ULL : 3ULL, 16ULL);
	regions = max_t(u64, regions, CACHEFS_MIN_REGIONS);
	return (CACHEFS_FIRST_BLOCK + CACHEFS_LAST_BLOCKS +
		regions * region_blocks) << CACHEFS_BLOCK_SHIFT;
}

bool core_log_ready(struct cachefs_cache *cache)
{
	return cache->nr_ready >= cachefs_ready_regions(cache);
}

void core_set_max_in_flight(struct cachefs_cache *cache, u64 bytes)
{
	cache->max_in_flight = bytes;
}

u64 core_index_memory(struct cachefs_cache *cache)
{
	u64 bytes = sim_memory(), checksums, meta;
	u32 i;

	checksums = sim_memory_rounded(cache->geo.slots * sizeof(u64));
	meta = sim_memory_rounded(cache->geo.meta_blocks *
				  sizeof(struct cachefs_meta_block)) +
		sim_memory_rounded(sizeof(struct cachefs_open_region));
	for (i = 0; i < cache->geo.nr_regions; i++) {
		if (cache->regions[i].checksums)
			bytes -= checksums;
		if (cache->regions[i].open)
			bytes -= meta;
	}
	return bytes - sim_memory_rounded(sizeof(*cache)) -
		sim_memory_rounded(sizeof(*cache->scratch));
}

void core_drop_checksums(struct cachefs_cache *cache)
{
	cachefs_region_drop_checksums(cache, ULONG_MAX);
}

void core_trim(struct cachefs_cache *cache)
{
	struct cachefs_index *index = &cache->index;
	s64 bytes = atomic64_read(&cache->stats[CACHEFS_STAT_INDEX_BYTES]);
	s64 more = (s64)index->nr_pages * 15 / 16 - index->nr_allocated + 1;

	index->max_bytes = bytes + more * PAGE_SIZE;
	cachefs_log_kick(cache);
}

bool core_forget_oldest(struct cachefs_cache *cache)
{
	while (oldest < cache->geo.nr_regions) {
		u32 region = oldest++;

		if (cache->regions[region].state != CACHEFS_REGION_SEALED)
			continue;
		cachefs_index_forget(cache, region);
		return true;
	}
	return false;
}

bool core_is_data(struct cachefs_device *device, u64 block)
{
	u64 regions = (u64)geometry.nr_regions * geometry.region_blocks;

	if (block < CACHEFS_FIRST_BLOCK ||
	    block - CACHEFS_FIRST_BLOCK >= regions)
		return false;
	return (block - CACHEFS_FIRST_BLOCK) % geometry.region_blocks >=
		geometry.meta_blocks + CACHEFS_SCRATCH_BLOCKS;
}
