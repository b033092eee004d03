/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table that the index is: entries, buckets and pages.
 *
 * The table is made of pages of 64 buckets.  A bucket is a cache line with five
 * entries of 12 bytes.  An entry for which there is no room in its own bucket is in a
 * later bucket of the same page, and each bucket before that one has a mark.  The low
 * bits of the hash tell the page: index_pages.c.
 *
 * Writers have index_lock.  Readers take no lock.  A bucket has a count.  The lowest bit
 * of the count is set while the bucket is written to.  After that the count is a new one.
 */
#ifndef _CACHEFS_INDEX_TABLE_H
#define _CACHEFS_INDEX_TABLE_H

#include <linux/preempt.h>
#include "internal.h"

#define INDEX_BUCKETS		64		/* in a page */
#define INDEX_BUCKET_ENTRIES	5
#define INDEX_PAGE_ENTRIES	(INDEX_BUCKETS * INDEX_BUCKET_ENTRIES)
#define INDEX_LEAF_PAGES	256		/* pages in a leaf */

#define INDEX_HEAD_BUSY		1U		/* being written */
#define INDEX_HEAD_OVERFLOW	2U		/* its entries go on in the next one */
#define INDEX_HEAD_ONE		4U		/* from this bit on: number of writes */

#define INDEX_PRINT_BITS	41
#define INDEX_TAIL_READ		1U		/* the extent was read */

/*
 * w[0] and bits 23 to 31 of w[2]: the print.  w[1]: the place, or CACHEFS_NO_REF in an
 * entry that is not in use.  w[2] further: bits 15-22 round of the region, 8-14 first
 * block within the chunk, 1-7 length - 1, 0 INDEX_TAIL_READ
 */
struct index_entry {
	u32	w[3];
};

struct index_bucket {
	u32			head;
	struct index_entry	entries[INDEX_BUCKET_ENTRIES];
} __aligned(64);

struct index_page {
	struct index_bucket	buckets[INDEX_BUCKETS];
};

/*
 * struct index_key - The part of a hash that the index uses
 * @print: INDEX_PRINT_BITS, which are in the entry
 * @low: cachefs_index::low_bits bits, which are in the prefix of the page
 */
struct index_key {
	u64	print;
	u32	low;
};

/* An entry, its bucket, and its content when it was found. */
struct index_at {
	struct index_bucket	*bucket;
	struct index_entry	*entry;
	u32			place;
	u32			tail;
};

/*
 * The least number of entries that a page has on average, in an index that is full.  A
 * page is split when it has 270 or more, and two pages become one when they have 240
 * together.  In a log that goes round, most pairs are between the two numbers, and some
 * pages have 120.
 */
#define INDEX_PAGE_FILL		128

/* index_pages.c */
void cachefs_index_account(struct cachefs_cache *cache,
			   struct cachefs_region *region, int blocks, int extents);
void cachefs_index_directory_set(struct cachefs_index *index, u32 nr);
void cachefs_index_put(struct cachefs_cache *cache, const struct index_key *key,
		       u32 place, u32 tail);

static inline u32 index_tail(const struct index_key *key, u8 round, u32 first,
			     u32 nr)
{
	return (u32)(key->print & 511) << 23 | (u32)round << 15 | first << 8 |
		(nr - 1) << 1;
}

static inline u32 index_tail_first(u32 tail)
{
	return tail >> 8 & 127;
}

static inline u32 index_tail_nr(u32 tail)
{
	return (tail >> 1 & 127) + 1;
}

static inline u8 index_tail_round(u32 tail)
{
	return tail >> 15;
}

static inline u64 index_address(const struct cachefs_index *index,
				const struct index_key *key)
{
	return key->print << index->low_bits | key->low;
}

static inline u32 index_directory_at(const struct cachefs_index *index,
				     const struct index_key *key)
{
	/* Pairs with index_directory_grow(): the entries are there. */
	unsigned int bits = smp_load_acquire(&index->directory_bits);

	return index_address(index, key) & ((1U << bits) - 1);
}

/* Return the first entry of a segment of the directory. */
static inline u32 index_segment_start(unsigned int segment)
{
	return (1U << segment) >> 1;
}

/* Return the number of entries of the directory, with those that are being filled. */
static inline u32 index_directory_size(const struct cachefs_index *index)
{
	return index_segment_start(index->segments);
}

/* Return entry @at of the directory. */
static inline struct index_page **
index_directory_entry(const struct cachefs_index *index, u32 at)
{
	unsigned int segment = fls(at);

	return &index->directory[segment][at - index_segment_start(segment)];
}

/* Return the number of the page in entry @at of the directory; index_lock. */
static inline u32 *index_number_entry(const struct cachefs_index *index, u32 at)
{
	unsigned int segment = fls(at);

	return &index->numbers[segment][at - index_segment_start(segment)];
}

/* Return the number of the page that a key belongs to; index_lock. */
static inline u32 index_page_number(const struct cachefs_index *index,
				    const struct index_key *key)
{
	return *index_number_entry(index, index_directory_at(index, key));
}

static inline struct cachefs_index_node *
index_node_at(const struct cachefs_index *index, u32 nr)
{
	return &index->leaves[nr / INDEX_LEAF_PAGES][nr % INDEX_LEAF_PAGES];
}

static inline struct index_page *
index_page_at(const struct cachefs_index *index, u32 nr)
{
	return index_node_at(index, nr)->page;
}

/* Return entry @i of the INDEX_PAGE_ENTRIES entries of a page. */
static inline struct index_entry *index_entry_at(struct index_page *page,
						 unsigned int i)
{
	return &page->buckets[i / INDEX_BUCKET_ENTRIES]
		.entries[i % INDEX_BUCKET_ENTRIES];
}

/* Return the bucket of a page that an entry should be in. */
static inline unsigned int index_home_of(const struct index_key *key)
{
	return key->print >> (INDEX_PRINT_BITS - 6);
}

static inline u32 index_place_of(const struct cachefs_cache *cache, u32 region,
				 u32 slot)
{
	return region << cache->ref_shift | slot;
}

static inline struct cachefs_region *
index_region_of(struct cachefs_cache *cache, u32 place)
{
	return &cache->regions[place >> cache->ref_shift];
}

/* Whether the region of an entry is still in the round of the entry. */
static inline bool index_entry_live(struct cachefs_cache *cache, u32 place,
				    u32 tail)
{
	return place != CACHEFS_NO_REF &&
		READ_ONCE(index_region_of(cache, place)->round) ==
		index_tail_round(tail);
}

/* Readers wait for index_bucket_end(), so the writer must not be preempted before it. */
static inline void index_bucket_begin(struct index_bucket *bucket)
{
	preempt_disable();
	WRITE_ONCE(bucket->head, bucket->head | INDEX_HEAD_BUSY);
	/*
	 * A reader that sees the new entries also sees the bit.  Pairs with
	 * index_bucket_read().
	 */
	smp_wmb();
}

static inline void index_bucket_end(struct index_bucket *bucket)
{
	/*
	 * A reader that sees the new count also sees the new entries.  Pairs with
	 * index_bucket_read().
	 */
	smp_store_release(&bucket->head,
			  (bucket->head & ~INDEX_HEAD_BUSY) + INDEX_HEAD_ONE);
	preempt_enable();
}

static inline void index_entry_set(struct index_bucket *bucket,
				   struct index_entry *entry, u32 w0, u32 place,
				   u32 tail)
{
	index_bucket_begin(bucket);
	WRITE_ONCE(entry->w[0], w0);
	WRITE_ONCE(entry->w[1], place);
	WRITE_ONCE(entry->w[2], tail);
	index_bucket_end(bucket);
}

static inline struct index_key
index_key_of_entry(const struct cachefs_index *index,
		   const struct index_entry *entry, u32 page)
{
	return (struct index_key) {
		.low = index_node_at(index, page)->prefix &
			((1U << index->low_bits) - 1),
		.print = (u64)entry->w[0] << 9 | READ_ONCE(entry->w[2]) >> 23,
	};
}

/* Take an entry out of its bucket; index_lock. */
static inline void index_kill(struct cachefs_cache *cache, struct index_at *at)
{
	cachefs_index_account(cache, index_region_of(cache, at->place),
			      -(int)index_tail_nr(at->tail), -1);
	index_entry_set(at->bucket, at->entry, 0, CACHEFS_NO_REF, 0);
}

#endif /* _CACHEFS_INDEX_TABLE_H */
