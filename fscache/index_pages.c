// SPDX-License-Identifier: GPL-2.0
/*
 * The pages of the index: where entries are put.
 *
 * A directory tells the page of an entry by the low bits of the hash.  A page that is
 * nearly full is split: the entries that have the next bit of the hash go to a new page
 * (extendible hashing).  So the index grows page by page, and no writer holds
 * index_lock for longer than a page takes.  If no page can be added, the oldest entry
 * goes.  Pages for splits are allocated before they are needed, as a writer cannot
 * sleep.  Two pages whose entries fit in one become one again (index_memory.c frees the
 * other page).
 *
 * An entry is dead if its region was reused since.  The place of a dead entry is free.
 */
#include "index_table.h"

/* An entry is put into one of this many buckets, its own first, or the page is split. */
#define MAX_DISTANCE	12
/*
 * Two pages that have at most this many entries together become one page, which will not
 * be split soon.
 */
#define PAGE_MERGED	(INDEX_PAGE_ENTRIES * 3 / 4)

/**
 * cachefs_index_account - Count the blocks and extents that can be found
 * @cache: the cache
 * @region: the region of the blocks
 * @blocks: the number of blocks more, or negative
 * @extents: the number of extents more, or negative
 *
 * Context: index_lock held for writing.
 */
void cachefs_index_account(struct cachefs_cache *cache,
			   struct cachefs_region *region, int blocks, int extents)
{
	if (extents > 0)
		region->in_round = true;
	region->live += blocks;
	WRITE_ONCE(region->nr_extents, region->nr_extents + extents);
	/* sysfs looks without the lock. */
	WRITE_ONCE(cache->live_blocks, cache->live_blocks + blocks);
	WRITE_ONCE(cache->nr_extents, cache->nr_extents + extents);
}

/* Entries of bucket @home are up to @distance buckets away: mark the buckets before. */
static void index_bucket_mark_all(struct index_page *page, unsigned int home,
				  unsigned int distance)
{
	struct index_bucket *bucket;

	while (distance--) {
		bucket = &page->buckets[(home + distance) % INDEX_BUCKETS];
		if (bucket->head & INDEX_HEAD_OVERFLOW)
			continue;
		index_bucket_begin(bucket);
		WRITE_ONCE(bucket->head, bucket->head | INDEX_HEAD_OVERFLOW);
		index_bucket_end(bucket);
	}
}

/* Put an entry where there is room.  Returns %false if @distance buckets have none. */
static bool index_page_place(struct cachefs_cache *cache, struct index_page *page,
			     const struct index_key *key, u32 place, u32 tail,
			     unsigned int distance)
{
	unsigned int home = index_home_of(key), d, i;
	struct index_bucket *bucket;
	struct index_entry *entry;

	for (d = 0; d < distance; d++) {
		bucket = &page->buckets[(home + d) % INDEX_BUCKETS];
		for (i = 0; i < INDEX_BUCKET_ENTRIES; i++) {
			entry = &bucket->entries[i];
			if (index_entry_live(cache, entry->w[1],
					     READ_ONCE(entry->w[2])))
				continue;
			/* The marks come first, or a reader would not get there. */
			index_bucket_mark_all(page, home, d);
			index_entry_set(bucket, entry, key->print >> 9, place, tail);
			return true;
		}
	}
	return false;
}

/*
 * All entries within reach are live.  The new entry takes the place of the oldest, or is
 * left out if it is the oldest itself.
 */
static void index_page_replace(struct cachefs_cache *cache, struct index_page *page,
			       const struct index_key *key, u32 place, u32 tail)
{
	struct cachefs_region *region = index_region_of(cache, place), *other;
	unsigned int home = index_home_of(key), d, i, at = 0;
	struct index_entry *oldest = NULL, *entry;
	u64 seq = region->seq;

	lockdep_assert_held_write(&cache->index_lock);
	for (d = 0; d < MAX_DISTANCE; d++) {
		for (i = 0; i < INDEX_BUCKET_ENTRIES; i++) {
			entry = &page->buckets[(home + d) % INDEX_BUCKETS].entries[i];
			other = index_region_of(cache, entry->w[1]);
			if (other->seq >= seq)
				continue;
			seq = other->seq;
			oldest = entry;
			at = d;
		}
	}
	if (!oldest) {
		cachefs_index_account(cache, region, -(int)index_tail_nr(tail), -1);
		return;
	}
	cachefs_index_account(cache, index_region_of(cache, oldest->w[1]),
			      -(int)index_tail_nr(READ_ONCE(oldest->w[2])), -1);
	index_bucket_mark_all(page, home, at);
	index_entry_set(&page->buckets[(home + at) % INDEX_BUCKETS], oldest,
			key->print >> 9, place, tail);
}

/* Take all entries out of a page, and copy them to @old. */
static void index_page_empty(struct index_page *page, struct index_page *old)
{
	struct index_bucket *bucket;
	unsigned int i, j;

	for (i = 0; i < INDEX_BUCKETS; i++) {
		bucket = &page->buckets[i];
		index_bucket_begin(bucket);
		for (j = 0; j < INDEX_BUCKET_ENTRIES; j++) {
			old->buckets[i].entries[j] = (struct index_entry) { {
				bucket->entries[j].w[0], bucket->entries[j].w[1],
				READ_ONCE(bucket->entries[j].w[2]),
			} };
			WRITE_ONCE(bucket->entries[j].w[1], CACHEFS_NO_REF);
		}
		WRITE_ONCE(bucket->head, bucket->head & ~INDEX_HEAD_OVERFLOW);
		index_bucket_end(bucket);
	}
}

/* Readers that find nothing from here on look again. */
static void index_moves_begin(struct cachefs_index *index)
{
	WRITE_ONCE(index->moves, index->moves + 1);
	/*
	 * A reader that misses an entry sees the new count.  Pairs with
	 * index_chunk_lookup().
	 */
	smp_wmb();
}

static void index_moves_end(struct cachefs_index *index)
{
	/* All entries are there; pairs with index_chunk_lookup(). */
	smp_store_release(&index->moves, index->moves + 1);
}

/* Put the live entries of a page anew, each into the page that it belongs to now. */
static void index_page_move(struct cachefs_cache *cache, u32 nr)
{
	struct cachefs_index *index = &cache->index;
	struct index_page *old = index->scratch;
	struct index_entry *entry;
	struct index_key key;
	unsigned int i;
	u32 to;

	lockdep_assert_held_write(&cache->index_lock);
	index_page_empty(index_page_at(index, nr), old);
	for (i = 0; i < INDEX_PAGE_ENTRIES; i++) {
		entry = index_entry_at(old, i);
		if (!index_entry_live(cache, entry->w[1], entry->w[2]))
			continue;
		key = index_key_of_entry(index, entry, nr);
		to = index_page_number(index, &key);
		index_page_place(cache, index_page_at(index, to), &key,
				 entry->w[1], entry->w[2], INDEX_BUCKETS);
	}
}

/**
 * cachefs_index_directory_set - Assign all keys with the prefix of a page to that page
 * @index: the index
 * @nr: number of the page
 *
 * Context: index_lock held for writing, or the index is not in use yet.
 */
void cachefs_index_directory_set(struct cachefs_index *index, u32 nr)
{
	struct cachefs_index_node *node = index_node_at(index, nr);
	u32 at;

	/* Entries that are not in use yet are set, too, because they are being filled. */
	for (at = node->prefix; at < index_directory_size(index);
	     at += 1U << node->depth) {
		*index_number_entry(index, at) = nr;
		/* The page is there; pairs with index_page_of(). */
		smp_store_release(index_directory_entry(index, at), node->page);
	}
}

/*
 * Move half of a page to a new page.  Returns %false if there is no new page, or no entry
 * of the directory for it.
 */
static bool index_page_split(struct cachefs_cache *cache, u32 nr)
{
	struct cachefs_index *index = &cache->index;
	struct cachefs_index_node *node = index_node_at(index, nr), *other;
	u32 new = index->nr_pages;

	/* Pairs with index_page_add(): the page is there. */
	if (new == smp_load_acquire(&index->nr_allocated) ||
	    node->depth == READ_ONCE(index->directory_bits)) {
		WRITE_ONCE(index->crowded, true);
		return false;
	}
	other = index_node_at(index, new);
	other->prefix = node->prefix | 1U << node->depth;
	other->depth = ++node->depth;
	index_moves_begin(index);
	cachefs_index_directory_set(index, new);
	WRITE_ONCE(index->nr_pages, new + 1);
	index_page_move(cache, nr);
	index_moves_end(index);
	return true;
}

static unsigned int index_page_live(struct cachefs_cache *cache,
				    struct index_page *page)
{
	struct index_entry *entry;
	unsigned int nr = 0, i;

	for (i = 0; i < INDEX_PAGE_ENTRIES; i++) {
		entry = index_entry_at(page, i);
		nr += index_entry_live(cache, entry->w[1], READ_ONCE(entry->w[2]));
	}
	return nr;
}

/* Take a split back if one page is enough.  Then the other page can be used again. */
static bool index_page_merge(struct cachefs_cache *cache, u32 nr)
{
	struct cachefs_index *index = &cache->index;
	struct cachefs_index_node *node = index_node_at(index, nr), *other, *last;
	u32 other_nr;

	lockdep_assert_held_write(&cache->index_lock);
	if (node->depth == index->low_bits)
		return false;
	other_nr = *index_number_entry(index, node->prefix ^ 1U << (node->depth - 1));
	other = index_node_at(index, other_nr);
	if (other->depth != node->depth ||
	    index_page_live(cache, node->page) +
	    index_page_live(cache, other->page) > PAGE_MERGED)
		return false;
	index_moves_begin(index);
	node->depth--;
	node->prefix &= ~(1U << node->depth);
	cachefs_index_directory_set(index, nr);
	index_page_move(cache, other_nr);
	/* The pages in use have the lowest numbers. */
	last = index_node_at(index, index->nr_pages - 1);
	swap(*other, *last);
	if (other != last)
		cachefs_index_directory_set(index, other_nr);
	WRITE_ONCE(index->nr_pages, index->nr_pages - 1);
	index_moves_end(index);
	return true;
}

/**
 * cachefs_index_put - Put an entry into the table
 * @cache: the cache
 * @key: the key of the entry
 * @place: the place of its first block
 * @tail: index_tail()
 *
 * The caller has counted the entry with cachefs_index_account().  If there is no room,
 * the oldest entry goes, or the new entry if it is the oldest.
 *
 * Context: index_lock held for writing.
 */
void cachefs_index_put(struct cachefs_cache *cache, const struct index_key *key,
		       u32 place, u32 tail)
{
	struct cachefs_region *region = index_region_of(cache, place);
	u16 end = cachefs_ref_slot(cache, place) + index_tail_nr(tail);
	struct cachefs_index *index = &cache->index;
	u32 nr = index_page_number(index, key);

	lockdep_assert_held_write(&cache->index_lock);
	WRITE_ONCE(region->end, max(region->end, end));
	while (!index_page_place(cache, index_page_at(index, nr), key, place, tail,
				 MAX_DISTANCE)) {
		if (!index_page_split(cache, nr)) {
			index_page_replace(cache, index_page_at(index, nr), key,
					   place, tail);
			break;
		}
		nr = index_page_number(index, key);
	}
}

/**
 * cachefs_index_sweep - Tidy the index
 * @cache: the cache
 * @all: all pages, or else a part of them
 *
 * Called once for each region that is reused.  So a dead entry is gone long before the
 * round of its region, which has 8 bits, comes again.
 *
 * Context: process, may sleep; takes grow_mutex and index_lock.
 */
void cachefs_index_sweep(struct cachefs_cache *cache, bool all)
{
	struct cachefs_index *index = &cache->index;
	u32 nr;

	mutex_lock(&index->grow_mutex);
	nr = READ_ONCE(index->nr_pages);
	for (nr = all ? nr : nr / cache->geo.nr_regions * 4 + 4; nr; nr--) {
		write_lock(&cache->index_lock);
		index->sweep_hand = (index->sweep_hand + 1) % index->nr_pages;
		if (!index_page_merge(cache, index->sweep_hand)) {
			/* Without the dead entries, fewer buckets have a mark. */
			index_moves_begin(index);
			index_page_move(cache, index->sweep_hand);
			index_moves_end(index);
		}
		write_unlock(&cache->index_lock);
		cond_resched();
	}
	mutex_unlock(&index->grow_mutex);
}
