/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of a region: in the index, in the log (log.c), and while the region is written
 * (slots.c).
 */
#ifndef _CACHEFS_REGION_H
#define _CACHEFS_REGION_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/types.h>
#include "cachefs.h"

enum cachefs_region_state {
	CACHEFS_REGION_FREE,
	CACHEFS_REGION_READY,
	CACHEFS_REGION_OPEN,
	CACHEFS_REGION_SEALED,
};

/*
 * struct cachefs_region - One region of the log
 * @seq: sequence number; 0 if the region was never used, was discarded, or if the attach
 *	found nothing in the region; flush_mutex
 * @checksums: checksums of all slots, or %NULL; loaded under the region's load_mutex, and
 *	freed by the shrinker when the region is not pinned
 * @open: state of a READY or OPEN region, until all metadata is written; log_lock
 * @pins: number of readers between lookup and verification
 * @live: number of blocks that the index can find; index_lock
 * @end: the slots from here on had no block in this round; written under index_lock
 * @nr_extents: number of extents of these blocks; index_lock
 * @opened: when the region became OPEN in this attach, seconds since the machine has
 *	started, or 0; written under log_lock
 * @round: the index finds only entries of this round; written under index_lock
 * @in_round: the index has had entries of this round; index_lock
 * @was_read: some blocks of the region were read
 * @state: enum cachefs_region_state, set by cachefs_region_set_state().  While the
 *	cache is in use, the state becomes FREE under index_lock, and anything else under
 *	log_lock
 * @lost: the metadata is not on the disk, and no block of the region is found any more;
 *	the region's load_mutex
 * @unwritten: the disk has not taken some metadata of the region in this round
 */
struct cachefs_region {
	u64				seq;
	u64				*checksums;
	struct cachefs_open_region	*open;
	atomic_t			pins;
	u32				opened;
	u16				nr_extents;
	u16				live;
	u16				end;
	u8				state;
	u8				round;
	bool				lost;
	bool				unwritten;
	bool				in_round;
	bool				was_read;
};

/*
 * struct cachefs_open_region - State of a region while the region is written
 * @link: in cache::ready or cache::sealing; log_lock
 * @nr: region number
 * @next_slot: first slot not handed out; log_lock
 * @left: number of slots that are neither published nor abandoned, including slots that
 *	were not handed out; written under index_lock.  When the log has seen 0, the log
 *	takes index_lock once more, and then frees this structure
 * @resolved: for each final metadata block the number of slots that are published or
 *	abandoned; index_lock
 * @written: final metadata blocks that are on disk; flush_mutex
 * @scratch_turn: the scratch block that is written next; flush_mutex
 * @scratch_nr: resolved slots in the newest scratch block; flush_mutex
 * @scratch_index: the final block that the newest scratch block stands for; flush_mutex
 * @meta: the final metadata blocks; records are filled in under index_lock
 */
struct cachefs_open_region {
	struct list_head		link;
	u32				nr;
	u32				next_slot;
	u32				left;
	u16				resolved[CACHEFS_MAX_REGION_BLOCKS / 126 + 1];
	DECLARE_BITMAP(written, CACHEFS_MAX_REGION_BLOCKS / 126 + 1);
	unsigned int			scratch_turn;
	unsigned int			scratch_nr;
	unsigned int			scratch_index;
	struct cachefs_meta_block	*meta;
};

#endif /* _CACHEFS_REGION_H */
