/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The index, as the rest of the core sees it.  index_table.h has its pages and entries.
 */
#ifndef _CACHEFS_INDEX_H
#define _CACHEFS_INDEX_H

#include <linux/mutex.h>
#include <linux/siphash.h>
#include <linux/types.h>
#include "cachefs.h"

struct cachefs_cache;
struct index_page;

#define INDEX_SEGMENTS	32		/* of the directory */

/*
 * struct cachefs_index_node - A page of the index
 * @page: 4096 bytes, or %NULL
 * @prefix: the lowest bits of the hash of all its entries
 * @depth: the number of these bits
 */
struct cachefs_index_node {
	struct index_page	*page;
	u32			prefix;
	u8			depth;
};

/*
 * struct cachefs_index - The place of each cached block; see index.c
 * @key: of the hash
 * @directory: the page for the lowest @directory_bits of a hash, in segments: entry 0,
 *	entry 1, 2 entries, 4, 8...; readers take no lock
 * @numbers: the same as numbers of pages; index_lock
 * @directory_bits: log2 of the number of entries of the directory that are in use
 * @segments: number of segments, with the last one while it is being filled; index_lock
 * @low_bits: all entries of a page have at least this many bits of the hash in common;
 *	these bits are not in the entries
 * @leaves: all pages by number, in arrays of INDEX_LEAF_PAGES
 * @nr_pages: number of pages in use; index_lock
 * @nr_allocated: number of allocated pages; grow_mutex, and index_lock to have fewer
 * @max_pages: largest number of pages
 * @max_bytes: bound on the memory of the index; 0: none
 * @crowded: a page could not be split
 * @asked: number of pages that should be given back, because memory is short
 * @sweep_hand: the page that was tidied last; index_lock
 * @moves: odd while entries are moved; index_lock
 * @scratch: a copy of the page that is rebuilt; index_lock
 * @grow_mutex: protects the adding, the merging and the freeing of pages
 */
struct cachefs_index {
	siphash_key_t			key;
	struct index_page		**directory[INDEX_SEGMENTS];
	u32				*numbers[INDEX_SEGMENTS];
	unsigned int			directory_bits;
	unsigned int			segments;
	unsigned int			low_bits;
	struct cachefs_index_node	**leaves;
	u32				nr_pages;
	u32				nr_allocated;
	u32				max_pages;
	u64				max_bytes;
	bool				crowded;
	u32				asked;
	u32				sweep_hand;
	u32				moves;
	struct index_page		*scratch;
	struct mutex			grow_mutex;	/* number of pages */
};

/*
 * struct cachefs_index_record - An entry as it is saved and loaded
 * @print: of its key: struct index_key
 * @low: of its key
 * @region: the region that the extent is in
 * @slot: its first slot
 * @first: its first block within its chunk
 * @nr: its length in blocks
 * @was_read: whether it was read since it was stored
 */
struct cachefs_index_record {
	u64	print;
	u32	low;
	u32	region;
	u32	slot;
	u8	first;
	u8	nr;
	bool	was_read;
};

/*
 * struct cachefs_extent - A run of file blocks in consecutive slots
 * @id: version id
 * @block: first file block
 * @nr: number of blocks, within one chunk
 * @region: the region that the run is in
 * @slot: its first slot
 */
struct cachefs_extent {
	const u8	*id;
	u64		block;
	u32		nr;
	u32		region;
	u32		slot;
};

/* A parameter of the module; see cache.c. */
extern unsigned long long cachefs_max_index_bytes;

/* index.c, index_pages.c, index_memory.c, index_walk.c */
int cachefs_index_init(struct cachefs_cache *cache);
void cachefs_index_free(struct cachefs_cache *cache);
int cachefs_index_reserve(struct cachefs_cache *cache, u32 regions);
int cachefs_index_expect(struct cachefs_cache *cache, u64 nr);
void cachefs_index_sweep(struct cachefs_cache *cache, bool all);
bool cachefs_index_full(struct cachefs_cache *cache);
u32 cachefs_index_trim(struct cachefs_cache *cache);
u32 cachefs_index_shrink(struct cachefs_cache *cache, bool ask);
u64 cachefs_index_hash(struct cachefs_cache *cache, const u8 id[16], u64 block);
void cachefs_index_insert(struct cachefs_cache *cache, u32 region,
			  const u8 id[16], u64 block, u32 slot, u32 nr);
/*
 * enum cachefs_map - The purpose of a lookup
 * @CACHEFS_MAP_LOOK: to know which blocks are there
 * @CACHEFS_MAP_READ: to read them: their extents are noted as read, and the region of
 *	each run is pinned, once per cachefs_slots_run()
 * @CACHEFS_MAP_NOTE: to note their extents as read
 */
enum cachefs_map {
	CACHEFS_MAP_LOOK = 0,
	CACHEFS_MAP_READ = 1,
	CACHEFS_MAP_NOTE = 2,
};

void cachefs_index_map(struct cachefs_cache *cache,
		       const struct cachefs_version *version, u64 block,
		       unsigned int nr, u32 *slots, enum cachefs_map map);
void cachefs_index_drop(struct cachefs_cache *cache, const u8 id[16],
			u64 block, unsigned int nr);
bool cachefs_index_find_run(struct cachefs_cache *cache, struct cachefs_extent *extent,
			    bool *was_read);
bool cachefs_index_take(struct cachefs_cache *cache,
			const struct cachefs_extent *extent);
int cachefs_index_save(struct cachefs_cache *cache,
		       int (*save)(void *data,
				   const struct cachefs_index_record *record),
		       void *data);
int cachefs_index_load(struct cachefs_cache *cache,
		       const struct cachefs_index_record *record);
bool cachefs_index_drop_slots(struct cachefs_cache *cache, u32 region,
			      u32 slot, u32 nr);
void cachefs_index_forget(struct cachefs_cache *cache, u32 region);

#endif /* _CACHEFS_INDEX_H */
