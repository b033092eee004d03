// SPDX-License-Identifier: GPL-2.0
/* Checks of a cache that is not busy. */
#include "check.h"

struct counted {
	struct cachefs_cache	*cache;
	u32			*live;		/* of each region */
	u32			*extents;
};

static int count_extent(void *data, const struct cachefs_index_record *record)
{
	struct counted *counted = data;

	EXPECT(record->slot + record->nr <= counted->cache->geo.slots);
	EXPECT(record->first + record->nr <= CACHEFS_CHUNK_BLOCKS);
	counted->live[record->region] += record->nr;
	counted->extents[record->region]++;
	return 0;
}

/* Each byte that was not stored has a reason, and is in one statistic. */
static void check_refused(struct cachefs_cache *cache)
{
	s64 sums[CACHEFS_NR_STATS] = {};

#define X(name, file, text, stat) \
	sums[CACHEFS_STAT_##stat##_BYTES] += \
		atomic64_read(&cache->refused[CACHEFS_WHY_##name]);
	CACHEFS_REFUSED(X)
#undef X
	EXPECT_EQ(cachefs_stat_read(cache, CACHEFS_STAT_STORE_REFUSED_BYTES),
		  sums[CACHEFS_STAT_STORE_REFUSED_BYTES]);
	EXPECT_EQ(cachefs_stat_read(cache, CACHEFS_STAT_STALE_BYTES),
		  sums[CACHEFS_STAT_STALE_BYTES]);
	EXPECT_EQ(cachefs_stat_read(cache, CACHEFS_STAT_BYPASSED_BYTES),
		  sums[CACHEFS_STAT_BYPASSED_BYTES]);
}

void check_index(struct cachefs_cache *cache)
{
	struct cachefs_geometry *geo = &cache->geo;
	struct counted counted = {
		.cache = cache,
		.live = calloc(geo->nr_regions, sizeof(u32)),
		.extents = calloc(geo->nr_regions, sizeof(u32)),
	};
	u64 live = 0, extents = 0, sums = 0;
	u32 nr;

	EXPECT_EQ(cachefs_index_save(cache, count_extent, &counted), 0);
	for (nr = 0; nr < geo->nr_regions; nr++) {
		struct cachefs_region *r = &cache->regions[nr];

		EXPECT_EQ(r->live, counted.live[nr]);
		EXPECT_EQ(r->nr_extents, counted.extents[nr]);
		EXPECT(r->live <= geo->slots);
		EXPECT_EQ(atomic_read(&r->pins), 0);
		live += r->live;
		extents += r->nr_extents;
		sums += r->checksums ? geo->slots * sizeof(u64) : 0;
		EXPECT(!r->open || r->state == CACHEFS_REGION_READY ||
		       r->state == CACHEFS_REGION_OPEN);
	}
	free(counted.live);
	free(counted.extents);
	EXPECT_EQ(cache->live_blocks, live);
	EXPECT_EQ(cache->nr_extents, extents);
	EXPECT_EQ(cachefs_stat_read(cache, CACHEFS_STAT_CHECKSUM_BYTES),
		  sums);
	EXPECT_EQ(atomic64_read(cachefs_in_flight(cache)), 0);
	EXPECT_EQ(cachefs_stat_read(cache, CACHEFS_STAT_STORES_IN_FLIGHT_BYTES), 0);
	EXPECT_EQ(cachefs_under_way(&cache->cpu->ops), 0);
	check_refused(cache);
}
