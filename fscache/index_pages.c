// SPDX-License-Identifier: GPL-2.0
/*
 * The pages of the index: where entries are put.
 *
 * A directory tells the page of an entry by the low bits of the hash.  A page that is
 * nearly full is split: the entries that have the next bit of the hash go to a new page
 * (extendible hashing).  So the index grows page by page, and no writer holds
 * index_lock for longer than a page takes.  If no page can be added, the oldest entry
 * goes.  Pages for splits are allocated before they are needed, as a writer cannot
 * sleep.
 *
 * An entry of a region that was reused since is dead, and its place is free.
 */
#include <linux/log2.h>
#include <linux/xxhash.h>
#include "index_table.h"

/* If an entry would be further from its bucket than this, the page is split. */
#define MAX_DISTANCE	12
/* So many entries fill a page, at least, before it is split. */
#define PAGE_FILL	(INDEX_BUCKETS * INDEX_BUCKET_ENTRIES / 2)

static void index_account_bytes(struct cachefs_cache *cache, s64 bytes)
{
	cachefs_stat_add(cache, CACHEFS_STAT_INDEX_BYTES, bytes);
}

/**
 * cachefs_index_account - Count what can be found
 * @cache: the cache
 * @region: the region that it is in
 * @blocks: so many blocks more, or fewer
 * @extents: so many extents more, or fewer
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

/* Allocate a page that is not in use yet. */
static bool index_page_add(struct cachefs_cache *cache)
{
	struct cachefs_index *index = &cache->index;
	u32 nr = index->nr_allocated, i, j;
	struct index_page *page;

	if (nr == index->max_pages)
		return false;
	if (!index->leaves[nr / INDEX_LEAF_PAGES]) {
		index->leaves[nr / INDEX_LEAF_PAGES] =
			kcalloc(INDEX_LEAF_PAGES, sizeof(struct cachefs_index_slot),
				GFP_NOIO | __GFP_NOWARN);
		if (!index->leaves[nr / INDEX_LEAF_PAGES])
			return false;
		index_account_bytes(cache, INDEX_LEAF_PAGES *
				    sizeof(struct cachefs_index_slot));
	}
	page = kmalloc(sizeof(*page), GFP_NOIO | __GFP_NOWARN);
	if (!page)
		return false;
	for (i = 0; i < INDEX_BUCKETS; i++) {
		page->buckets[i].head = 0;
		for (j = 0; j < INDEX_BUCKET_ENTRIES; j++)
			page->buckets[i].entries[j].w[1] = CACHEFS_NO_REF;
	}
	index_slot_at(index, nr)->page = page;
	/* Pairs with index_page_split(). */
	smp_store_release(&index->nr_allocated, nr + 1);
	index_account_bytes(cache, sizeof(*page));
	return true;
}

static bool index_alloc(struct cachefs_cache *cache, u32 nr_leaves)
{
	struct cachefs_index *index = &cache->index;
	size_t nr = 1UL << index->directory_bits;
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;

	cache->regions = kvcalloc(cache->geo.nr_regions, sizeof(*cache->regions),
				  gfp);
	index->directory = kvcalloc(nr, sizeof(*index->directory), gfp);
	index->numbers = kvcalloc(nr, sizeof(*index->numbers), gfp);
	index->leaves = kvcalloc(nr_leaves, sizeof(*index->leaves), gfp);
	index->scratch = kmalloc(sizeof(*index->scratch), gfp);
	if (!cache->regions || !index->directory || !index->numbers ||
	    !index->leaves || !index->scratch)
		return false;
	index_account_bytes(cache, nr_leaves * sizeof(*index->leaves) +
			    nr * (sizeof(*index->directory) +
				  sizeof(*index->numbers)) +
			    cache->geo.nr_regions * sizeof(*cache->regions));
	return true;
}

/**
 * cachefs_index_init - Allocate an empty index
 * @cache: its geometry, secret and seed are known
 *
 * A page for each 1024 chunks that fit the device, and a directory for the case that
 * each slot is an extent.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int cachefs_index_init(struct cachefs_cache *cache)
{
	u64 slots = (u64)cache->geo.nr_regions * cache->geo.slots;
	u64 chunks = slots / CACHEFS_CHUNK_BLOCKS, most = slots / PAGE_FILL + 2;
	u32 first = roundup_pow_of_two(max_t(u64, chunks / 1024, 1)), i;
	struct cachefs_index *index = &cache->index;
	struct cachefs_index_slot *slot;

	BUILD_BUG_ON(sizeof(struct index_bucket) != 64);
	BUILD_BUG_ON(sizeof(struct index_page) != 4096);

	cache->ref_shift = ilog2(cache->geo.region_blocks);
	index->low_bits = ilog2(first);
	index->max_pages = min_t(u64, max_t(u64, most, first), U32_MAX / 2);
	index->directory_bits = max_t(unsigned int, index->low_bits,
				      ilog2(roundup_pow_of_two(most)));
	index->key.key[0] = xxh64(cache->secret, sizeof(cache->secret), 1);
	index->key.key[1] = xxh64(cache->secret, sizeof(cache->secret), 2);
	if (!index_alloc(cache, DIV_ROUND_UP(index->max_pages, INDEX_LEAF_PAGES)))
		goto fail;
	while (index->nr_allocated < first) {
		if (!index_page_add(cache))
			goto fail;
		cond_resched();
	}
	index->nr_pages = first;
	for (i = 0; i < first; i++) {
		slot = index_slot_at(index, i);
		slot->low = i;
		slot->depth = index->low_bits;
	}
	for (i = 0; i < 1U << index->directory_bits; i++) {
		index->numbers[i] = i & (first - 1);
		index->directory[i] = index_page_at(index, i & (first - 1));
		cond_resched();
	}
	return 0;
fail:
	cachefs_index_free(cache);
	return -ENOMEM;
}

/**
 * cachefs_index_free - Free the index and what hangs on the regions
 * @cache: nothing uses it any more
 *
 * Context: process, may sleep.
 */
void cachefs_index_free(struct cachefs_cache *cache)
{
	struct cachefs_index *index = &cache->index;
	u32 i;

	for (i = 0; cache->regions && i < cache->geo.nr_regions; i++) {
		kvfree(cache->regions[i].checksums);
		cond_resched();
	}
	for (i = 0; i < index->nr_allocated; i++) {
		kfree(index_page_at(index, i));
		cond_resched();
	}
	for (i = 0; index->leaves && i < index->max_pages; i += INDEX_LEAF_PAGES)
		kfree(index->leaves[i / INDEX_LEAF_PAGES]);
	kvfree(index->leaves);
	kvfree(index->directory);
	kvfree(index->numbers);
	kfree(index->scratch);
	kvfree(cache->regions);
	cache->regions = NULL;
	index->leaves = NULL;
	index->directory = NULL;
	index->numbers = NULL;
	index->scratch = NULL;
	index->nr_allocated = 0;
}

/* More entries of this bucket are in the next one. */
static void index_bucket_mark(struct index_bucket *bucket)
{
	if (bucket->head & INDEX_HEAD_OVERFLOW)
		return;
	index_bucket_begin(bucket);
	WRITE_ONCE(bucket->head, bucket->head | INDEX_HEAD_OVERFLOW);
	index_bucket_end(bucket);
}

/* The buckets before the one that is @distance away from @home. */
static void index_bucket_mark_all(struct index_page *page, unsigned int home,
				  unsigned int distance)
{
	while (distance--)
		index_bucket_mark(&page->buckets[(home + distance) % INDEX_BUCKETS]);
}

/* Put an entry where there is room.  Returns %false if that is too far away. */
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
			/* First, or a reader would not get there. */
			index_bucket_mark_all(page, home, d);
			index_entry_set(bucket, entry, key->print >> 9, place, tail);
			return true;
		}
	}
	return false;
}

/* All within reach are live.  The oldest goes, which may be the new one itself. */
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

/* Take all entries out of a page; a copy of them is in @old. */
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

/* Put the live entries of a page anew, but not those of another page. */
static void index_page_rebuild(struct cachefs_cache *cache, u32 nr)
{
	struct cachefs_index *index = &cache->index;
	struct index_page *page = index_page_at(index, nr), *old = index->scratch;
	struct index_entry *entry;
	struct index_key key;
	unsigned int i, j;

	lockdep_assert_held_write(&cache->index_lock);
	/* Readers that find nothing meanwhile look again. */
	WRITE_ONCE(index->moves, index->moves + 1);
	/* Who misses an entry sees that; pairs with index_chunk_lookup(). */
	smp_wmb();
	index_page_empty(page, old);
	for (i = 0; i < INDEX_BUCKETS; i++) {
		for (j = 0; j < INDEX_BUCKET_ENTRIES; j++) {
			entry = &old->buckets[i].entries[j];
			if (!index_entry_live(cache, entry->w[1], entry->w[2]))
				continue;
			key = index_key_of_entry(index, entry, nr);
			if (index_page_number(index, &key) == nr)
				index_page_place(cache, page, &key, entry->w[1],
						 entry->w[2], INDEX_BUCKETS);
		}
	}
	/* All entries are there; pairs with index_chunk_lookup(). */
	smp_store_release(&index->moves, index->moves + 1);
}

/* Move half of a page to a new one.  Returns %false if there is no new one. */
static bool index_page_split(struct cachefs_cache *cache, u32 nr)
{
	struct cachefs_index *index = &cache->index;
	struct cachefs_index_slot *slot = index_slot_at(index, nr), *other;
	struct index_page *page = slot->page;
	u32 new = index->nr_pages, at = U32_MAX, step;
	struct index_entry *entry;
	struct index_key key;
	unsigned int i, j;

	/* Pairs with index_page_add(): the page is there. */
	if (new == smp_load_acquire(&index->nr_allocated) ||
	    slot->depth == index->directory_bits)
		return false;
	other = index_slot_at(index, new);
	other->low = slot->low;
	other->depth = ++slot->depth;
	for (i = 0; i < INDEX_BUCKETS; i++) {
		for (j = 0; j < INDEX_BUCKET_ENTRIES; j++) {
			entry = &page->buckets[i].entries[j];
			if (!index_entry_live(cache, entry->w[1],
					      READ_ONCE(entry->w[2])))
				continue;
			key = index_key_of_entry(index, entry, nr);
			at = index_address(index, &key);
			if (at >> (slot->depth - 1) & 1)
				index_page_place(cache, other->page, &key,
						 entry->w[1],
						 READ_ONCE(entry->w[2]),
						 INDEX_BUCKETS);
		}
	}
	/* A full page has a live entry, which tells @at. */
	step = 1U << slot->depth;
	at = (at & (step / 2 - 1)) | step / 2;
	for (; at < 1U << index->directory_bits; at += step) {
		index->numbers[at] = new;
		/* The entries are there; pairs with index_page_of(). */
		smp_store_release(&index->directory[at], other->page);
	}
	WRITE_ONCE(index->nr_pages, new + 1);
	index_page_rebuild(cache, nr);
	return true;
}

/**
 * cachefs_index_put - Put an entry into the table
 * @cache: the cache
 * @key: where it belongs
 * @place: the place of its first block
 * @tail: index_tail()
 *
 * The caller has counted it with cachefs_index_account().  If there is no room, the
 * oldest entry goes, or the new one if that is the oldest.
 *
 * Context: index_lock held for writing.
 */
void cachefs_index_put(struct cachefs_cache *cache, const struct index_key *key,
		       u32 place, u32 tail)
{
	struct cachefs_index *index = &cache->index;
	u32 nr = index_page_number(index, key);

	lockdep_assert_held_write(&cache->index_lock);
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
 * cachefs_index_reserve - Have pages for those that will be split
 * @cache: the cache
 * @regions: so many regions may be filled before the next call
 *
 * A region of single blocks fills seven pages that stay half empty.  In an index that is
 * not small, many pages are nearly full at the same time: then one insert of 38 splits a
 * page.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int cachefs_index_reserve(struct cachefs_cache *cache, u32 regions)
{
	struct cachefs_index *index = &cache->index;
	u32 used = READ_ONCE(index->nr_pages), want;
	int ret = 0;

	want = used + min(used / 2 + 7 * regions, 32 * (regions + 1));
	want = min(want, index->max_pages);
	mutex_lock(&index->grow_mutex);
	while (!ret && index->nr_allocated < want)
		ret = index_page_add(cache) ? 0 : -ENOMEM;
	mutex_unlock(&index->grow_mutex);
	return ret;
}

/**
 * cachefs_index_sweep - Tidy a part of the index
 * @cache: the cache
 *
 * Called once for each region that is reused.  So an entry is gone long before the
 * round of its region comes again, which has 8 bits.
 *
 * Context: process, may sleep; takes index_lock.
 */
void cachefs_index_sweep(struct cachefs_cache *cache)
{
	struct cachefs_index *index = &cache->index;
	u32 nr = READ_ONCE(index->nr_pages) / cache->geo.nr_regions * 4 + 4;

	while (nr--) {
		write_lock(&cache->index_lock);
		index->sweep_hand = (index->sweep_hand + 1) % index->nr_pages;
		index_page_rebuild(cache, index->sweep_hand);
		write_unlock(&cache->index_lock);
		cond_resched();
	}
}
