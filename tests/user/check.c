// SPDX-License-Identifier: GPL-2.0
/* What is true of a cache that is not busy. */
#include "check.h"

void check_index(struct cachefs_cache *cache)
{
	struct cachefs_geometry *geo = &cache->geo;
	u64 live = 0, extents = 0, bytes, sums = 0, chained = 0, all = 0;
	u32 nr, ref, steps;
	unsigned int i;

	bytes = (cache->bucket_mask + 1ULL) * sizeof(*cache->buckets) +
		(u64)geo->nr_regions * sizeof(*cache->regions);
	for (nr = 0; nr < geo->nr_regions; nr++) {
		struct cachefs_region *r = &cache->regions[nr];
		unsigned int region_live = 0;

		for (i = 0; i < r->nr_extents; i++) {
			struct cachefs_extent *extent = &r->extents[i];

			all++;
			if (!extent->nr)
				continue;
			EXPECT(extent->slot + extent->nr <= geo->slots);
			region_live += extent->nr;
			extents++;
		}
		EXPECT_EQ(r->live, region_live);
		EXPECT(region_live <= geo->slots);
		EXPECT_EQ(atomic_read(&r->pins), 0);
		live += r->live;
		bytes += cachefs_extents_size(r->max_extents);
		sums += r->checksums ? geo->slots * sizeof(u64) : 0;
		EXPECT(!r->open || r->state == CACHEFS_REGION_READY ||
		       r->state == CACHEFS_REGION_OPEN);
	}
	for (i = 0; i <= cache->bucket_mask; i++)
		for (ref = cache->buckets[i], steps = 0; ref != CACHEFS_NO_REF;
		     steps++, chained++) {
			struct cachefs_region *r =
				&cache->regions[ref >> cache->ref_shift];
			u32 at = ref & ((1U << cache->ref_shift) - 1);

			EXPECT(steps <= all && at < r->nr_extents);
			ref = r->extents[at].next;
		}
	EXPECT_EQ(chained, all);
	EXPECT_EQ(cache->live_blocks, live);
	EXPECT_EQ(cache->nr_extents, extents);
	EXPECT_EQ(atomic64_read(&cache->stats[CACHEFS_STAT_INDEX_BYTES]),
		  bytes);
	EXPECT_EQ(atomic64_read(&cache->stats[CACHEFS_STAT_CHECKSUM_BYTES]),
		  sums);
	EXPECT_EQ(atomic64_read(cachefs_in_flight(cache)), 0);
	EXPECT_EQ(atomic64_read(&cache->stats
				[CACHEFS_STAT_STORES_IN_FLIGHT_BYTES]), 0);
	EXPECT_EQ(atomic_read(&cache->ops), 0);
}
