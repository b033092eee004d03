/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Access of bench/scale and bench/policy to the inside of the core.  Other files mostly
 * use include/cachefs.h: cachefs_lookup(), cachefs_read(), cachefs_store().
 */
#ifndef _SCALE_CORE_H
#define _SCALE_CORE_H

#include "scale_sim.h"

/* Checksums do not depend on the data, and cost nothing. */
extern bool core_fast_checksums;

/* Attach a cache.  A blank device is formatted with regions of @region_blocks. */
struct cachefs_cache *core_attach(struct cachefs_device *device,
				  u32 region_blocks);
/* Stop the machine.  The memory of the cache stays allocated. */
void core_crash(struct cachefs_cache *cache);
/* Detach, which leaves a checkpoint. */
void core_detach(struct cachefs_cache *cache);
/* Whether the index has all blocks of the device again. */
bool core_recovered(struct cachefs_cache *cache);

u64 core_nr_extents(struct cachefs_cache *cache);
u64 core_live_blocks(struct cachefs_cache *cache);
/* The number of data blocks that the device has room for. */
u64 core_capacity(struct cachefs_cache *cache);
u32 core_region_slots(struct cachefs_cache *cache);
/* The bytes that were stored again when their region was reused. */
u64 core_reinserted_bytes(struct cachefs_cache *cache);
u64 core_refused_bytes(struct cachefs_cache *cache);
/* The bytes of a device with room for @data_blocks, in regions of @region_blocks. */
u64 core_device_bytes(u64 data_blocks, u32 region_blocks);
/* Whether the log has as many regions ready as it wants. */
bool core_log_ready(struct cachefs_cache *cache);
/* Set the largest number of bytes in flight. */
void core_set_max_in_flight(struct cachefs_cache *cache, u64 bytes);
/* The bytes of the index, without checksums and without buffers of open regions. */
u64 core_index_memory(struct cachefs_cache *cache);
/* Drop the checksums of all regions, as the shrinker does. */
void core_drop_checksums(struct cachefs_cache *cache);
/* Lower the bound on the memory of the index: a 16th of the pages in use has to go. */
void core_trim(struct cachefs_cache *cache);
/*
 * Take the oldest region that is still in the index out of it, as its reuse does.
 * Returns false if there is none.
 */
bool core_forget_oldest(struct cachefs_cache *cache);

/* The number of inserts into the index, and their time without the lock. */
struct core_inserts {
	u64	nr;
	u64	ns;
};

void core_time_inserts(struct core_inserts *inserts);

/* Whether this block of the attached device is a slot for data. */
bool core_is_data(struct cachefs_device *device, u64 block);

#endif
