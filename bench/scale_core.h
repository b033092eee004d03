/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All that bench/scale and bench/policy know of the core's inside.  The rest uses
 * what include/cachefs.h offers: cachefs_lookup(), cachefs_read(), cachefs_store().
 */
#ifndef _SCALE_CORE_H
#define _SCALE_CORE_H

#include "scale_sim.h"

/* Checksums do not depend on the data, and cost nothing. */
extern bool core_fast_checksums;

/* Put a cache into service; a blank device gets regions of so many blocks. */
struct cachefs_cache *core_attach(struct cachefs_device *device,
				  u32 region_blocks);
/* The machine stops.  What the cache had in memory stays allocated. */
void core_crash(struct cachefs_cache *cache);
/* Is all found again that the device has? */
bool core_recovered(struct cachefs_cache *cache);

u64 core_nr_extents(struct cachefs_cache *cache);
u64 core_live_blocks(struct cachefs_cache *cache);
/* Data blocks that the device has room for. */
u64 core_capacity(struct cachefs_cache *cache);
u32 core_region_slots(struct cachefs_cache *cache);
/* Bytes that were stored again when their region was reused. */
u64 core_reinserted_bytes(struct cachefs_cache *cache);
u64 core_refused_bytes(struct cachefs_cache *cache);
/* How large is a device with regions of such a size for so many data blocks? */
u64 core_device_bytes(u64 data_blocks, u32 region_blocks);
/* Has the log as many regions ready as it wants? */
bool core_log_ready(struct cachefs_cache *cache);
/* The bound on what may be on its way to the device. */
void core_set_max_in_flight(struct cachefs_cache *cache, u64 bytes);
/* Bytes of the index: without checksums, and buffers of regions that are written. */
u64 core_index_memory(struct cachefs_cache *cache);
/* What the shrinker does, for all regions. */
void core_drop_checksums(struct cachefs_cache *cache);
/*
 * Take the oldest region out of the index that is in it, as its reuse does; returns
 * false if there is none.
 */
bool core_forget_oldest(struct cachefs_cache *cache);

/* How long inserts into the index take, without the lock. */
struct core_inserts {
	u64	nr;
	u64	ns;
};

void core_time_inserts(struct core_inserts *inserts);

/* Does a device that this cache is on have data in this block? */
bool core_is_data(struct cachefs_device *device, u64 block);

#endif
