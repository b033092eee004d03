// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of the index: its pages and its directory, from attach to detach.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/xxhash.h>
#include "index_table.h"

/* Bytes of an entry of the directory: a pointer to a page, and the page number. */
#define DIRECTORY_ENTRY	(sizeof(struct index_page *) + sizeof(u32))

static void index_account_bytes(struct cachefs_cache *cache, s64 bytes)
{
	cachefs_stat_add(cache, CACHEFS_STAT_INDEX_BYTES, bytes);
}

/* Return the number of pages that the bound on memory allows; grow_mutex. */
static u32 index_pages_allowed(struct cachefs_cache *cache)
{
	s64 bytes = cachefs_stat_read(cache, CACHEFS_STAT_INDEX_BYTES);
	struct cachefs_index *index = &cache->index;
	u64 max = READ_ONCE(index->max_bytes);
	s64 more;

	if (!max)
		return index->max_pages;
	/* A page may need a leaf, too, which has the same size. */
	more = ((s64)min_t(u64, max, S64_MAX) - bytes) / (s64)sizeof(struct index_page) - 1;
	return clamp_t(s64, index->nr_allocated + more, 1U << index->low_bits,
		       index->max_pages);
}

/* Allocate one more page, which is not in use yet. */
static bool index_page_add(struct cachefs_cache *cache)
{
	struct cachefs_index *index = &cache->index;
	u32 nr = index->nr_allocated, i;
	struct index_page *page;

	if (!index->leaves[nr / INDEX_LEAF_PAGES]) {
		index->leaves[nr / INDEX_LEAF_PAGES] =
			kcalloc(INDEX_LEAF_PAGES, sizeof(struct cachefs_index_node),
				GFP_NOIO | __GFP_NOWARN);
		if (!index->leaves[nr / INDEX_LEAF_PAGES])
			return false;
		index_account_bytes(cache, INDEX_LEAF_PAGES *
				    sizeof(struct cachefs_index_node));
	}
	page = kzalloc(sizeof(*page), GFP_NOIO | __GFP_NOWARN);
	if (!page)
		return false;
	for (i = 0; i < INDEX_PAGE_ENTRIES; i++)
		index_entry_at(page, i)->w[1] = CACHEFS_NO_REF;
	index_node_at(index, nr)->page = page;
	/* Pairs with index_page_split(). */
	smp_store_release(&index->nr_allocated, nr + 1);
	index_account_bytes(cache, sizeof(*page));
	return true;
}

/* The number of entries of the directory that are copied in one hold of index_lock. */
#define DIRECTORY_COPY	1024

/* Double the directory: the new half is a copy of the old half. */
static bool index_directory_grow(struct cachefs_cache *cache)
{
	struct cachefs_index *index = &cache->index;
	u32 nr = index_directory_size(index) ?: 1, at, i;
	struct index_page **pages;

	pages = kvcalloc(nr, DIRECTORY_ENTRY, GFP_NOIO | __GFP_NOWARN);
	if (!pages)
		return false;
	write_lock(&cache->index_lock);
	index->directory[index->segments] = pages;
	index->numbers[index->segments] = (u32 *)(pages + nr);
	index->segments++;
	write_unlock(&cache->index_lock);
	/* Meanwhile splits change entries in both halves. */
	for (at = 0; at < nr && index->segments > 1; at += DIRECTORY_COPY) {
		write_lock(&cache->index_lock);
		for (i = at; i < min(at + DIRECTORY_COPY, nr); i++) {
			pages[i] = *index_directory_entry(index, i);
			*index_number_entry(index, nr + i) = *index_number_entry(index, i);
		}
		write_unlock(&cache->index_lock);
		cond_resched();
	}
	/* All entries are there; pairs with index_directory_at(). */
	smp_store_release(&index->directory_bits, index->segments - 1);
	index_account_bytes(cache, (u64)nr * DIRECTORY_ENTRY);
	return true;
}

static bool index_alloc(struct cachefs_cache *cache, u32 nr_leaves)
{
	struct cachefs_index *index = &cache->index;
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;

	cache->regions = kvcalloc(cache->geo.nr_regions, sizeof(*cache->regions),
				  gfp);
	index->leaves = kvcalloc(nr_leaves, sizeof(*index->leaves), gfp);
	index->scratch = kmalloc(sizeof(*index->scratch), gfp);
	if (!cache->regions || !index->leaves || !index->scratch)
		return false;
	index_account_bytes(cache, nr_leaves * sizeof(*index->leaves) +
			    cache->geo.nr_regions * sizeof(*cache->regions));
	return true;
}

/**
 * cachefs_index_init - Allocate an empty index
 * @cache: its geometry, secret and seed are known
 *
 * The index gets a page for each 1024 chunks that fit on the device, rounded up to a
 * power of two, and a directory of as many entries.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM; cachefs_index_free() frees what there is.
 */
int cachefs_index_init(struct cachefs_cache *cache)
{
	u64 slots = (u64)cache->geo.nr_regions * cache->geo.slots;
	u64 chunks = slots / CACHEFS_CHUNK_BLOCKS, most = slots / INDEX_PAGE_FILL + 2;
	u32 first = roundup_pow_of_two(max_t(u64, chunks / 1024, 1)), i;
	struct cachefs_index *index = &cache->index;
	struct cachefs_index_node *node;

	BUILD_BUG_ON(sizeof(struct index_bucket) != 64);
	BUILD_BUG_ON(sizeof(struct index_page) != 4096);

	cache->ref_shift = ilog2(cache->geo.region_blocks);
	index->low_bits = ilog2(first);
	index->max_pages = min_t(u64, max_t(u64, most, first), U32_MAX / 2);
	index->key.key[0] = xxh64(cache->secret, sizeof(cache->secret), 1);
	index->key.key[1] = xxh64(cache->secret, sizeof(cache->secret), 2);
	if (!index_alloc(cache, DIV_ROUND_UP(index->max_pages, INDEX_LEAF_PAGES)))
		return -ENOMEM;
	while (index_directory_size(index) < first)
		if (!index_directory_grow(cache))
			return -ENOMEM;
	while (index->nr_allocated < first) {
		if (!index_page_add(cache))
			return -ENOMEM;
		cond_resched();
	}
	index->nr_pages = first;
	for (i = 0; i < first; i++) {
		node = index_node_at(index, i);
		node->prefix = i;
		node->depth = index->low_bits;
		cachefs_index_directory_set(index, i);
		cond_resched();
	}
	return 0;
}

/**
 * cachefs_index_free - Free the index, and the regions with their checksums
 * @cache: not in use any more
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
	while (index->segments)
		kvfree(index->directory[--index->segments]);
	kfree(index->scratch);
	kvfree(cache->regions);
}

/* Whether the directory should grow for @pages pages.  Its entries need memory, too. */
static bool index_directory_short(struct cachefs_cache *cache, u32 pages)
{
	u32 nr = index_directory_size(&cache->index);

	pages = min(pages, index_pages_allowed(cache));
	return nr < pages && cache->index.nr_allocated +
		DIV_ROUND_UP_ULL((u64)nr * DIRECTORY_ENTRY, sizeof(struct index_page)) <=
		index_pages_allowed(cache);
}

/* Free pages that are not in use, but not the first @keep ones. */
static void index_pages_release(struct cachefs_cache *cache, u32 keep)
{
	struct cachefs_index *index = &cache->index;
	u32 nr = index->nr_allocated;

	lockdep_assert_held(&index->grow_mutex);
	write_lock(&cache->index_lock);
	keep = clamp(keep, index->nr_pages, nr);
	WRITE_ONCE(index->nr_allocated, keep);
	write_unlock(&cache->index_lock);
	if (keep == nr)
		return;
	/* Readers may look at pages that were in use; pairs with cachefs_index_map(). */
	synchronize_rcu();
	while (nr-- > keep) {
		kfree(index_page_at(index, nr));
		index_account_bytes(cache, -(s64)sizeof(struct index_page));
		cond_resched();
	}
}

/**
 * cachefs_index_reserve - Allocate pages for the next splits, and free most others
 * @cache: the cache
 * @regions: the number of regions that may be filled before the next call
 *
 * A region of single blocks fills seven pages that stay half empty.  In an index that is
 * not small, many pages are nearly full at the same time: then one insert of 38 splits a
 * page.
 *
 * It is no error if the bound allows no more pages: then the oldest entries go.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int cachefs_index_reserve(struct cachefs_cache *cache, u32 regions)
{
	struct cachefs_index *index = &cache->index;
	u32 used = READ_ONCE(index->nr_pages), want, allowed;
	int ret = 0;

	want = used + min(used / 2 + 7 * regions, 32 * (regions + 1));
	mutex_lock(&index->grow_mutex);
	while (!ret && index_directory_short(cache, want))
		ret = index_directory_grow(cache) ? 0 : -ENOMEM;
	while (!ret && index->nr_allocated < min(want, index_pages_allowed(cache)))
		ret = index_page_add(cache) ? 0 : -ENOMEM;
	allowed = index_pages_allowed(cache);
	if (index->nr_allocated > min(want + 16 * regions, allowed))
		index_pages_release(cache, min(want, allowed));
	mutex_unlock(&index->grow_mutex);
	return ret;
}

/**
 * cachefs_index_expect - Make the directory large enough for entries in any order
 * @cache: the cache
 * @nr: the largest number of entries
 *
 * Saved entries come page by page.  The entries of one page have many bits of the hash in
 * common.  So their page is split as often as it was before, while other pages are not
 * split.  The directory that cachefs_index_reserve() makes is too small for that.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int cachefs_index_expect(struct cachefs_cache *cache, u64 nr)
{
	u32 pages = min_t(u64, nr / INDEX_PAGE_FILL, cache->index.max_pages);
	int ret = 0;

	mutex_lock(&cache->index.grow_mutex);
	while (!ret && index_directory_short(cache, pages))
		ret = index_directory_grow(cache) ? 0 : -ENOMEM;
	mutex_unlock(&cache->index.grow_mutex);
	return ret;
}

/**
 * cachefs_index_full - Whether the bound allows no more pages in use
 * @cache: the cache
 *
 * Context: process, may sleep.
 * Return: %true if no more pages may be in use.
 */
bool cachefs_index_full(struct cachefs_cache *cache)
{
	struct cachefs_index *index = &cache->index;
	bool full;

	mutex_lock(&index->grow_mutex);
	full = READ_ONCE(index->nr_pages) >= index_pages_allowed(cache);
	mutex_unlock(&index->grow_mutex);
	return full;
}

/**
 * cachefs_index_trim - Free surplus pages, and count those that are still in use
 * @cache: the cache
 *
 * If there are too many pages, those that are not in use are freed.
 *
 * Context: process, may sleep.
 * Return: the number of pages in use that should not be in use, but not many at once,
 * because fewer may do.
 */
u32 cachefs_index_trim(struct cachefs_cache *cache)
{
	struct cachefs_index *index = &cache->index;
	u32 used, allowed, asked = xchg(&index->asked, 0);

	mutex_lock(&index->grow_mutex);
	used = READ_ONCE(index->nr_pages);
	allowed = index_pages_allowed(cache);
	if (index->nr_allocated > allowed)
		index_pages_release(cache, allowed);
	mutex_unlock(&index->grow_mutex);
	return min(max(used - min(used, allowed), asked), used / 8 + 1);
}

/**
 * cachefs_index_shrink - Give memory of the index to others, if they have less
 * @cache: the cache
 * @ask: ask the log to give pages back soon; or else only count them
 *
 * Page cache that the kernel could free counts as memory of others.  So the index loses
 * nothing only because files are read, or because a user drops caches.
 *
 * Context: any but interrupts, also in reclaim.
 * Return: the number of pages that should be given back.
 */
u32 cachefs_index_shrink(struct cachefs_cache *cache, bool ask)
{
	struct cachefs_index *index = &cache->index;
	long more = (cachefs_stat_read(cache, CACHEFS_STAT_INDEX_BYTES) >>
		     PAGE_SHIFT) - si_mem_available();
	u32 nr = READ_ONCE(index->nr_pages) - (1U << index->low_bits);

	if (!cachefs_usable(cache) || more <= 0)
		return 0;
	/* Half is enough: a page less for the index is a page more for the others. */
	nr = min_t(unsigned long, nr, more / 2 + 1);
	if (ask && nr) {
		WRITE_ONCE(index->asked, nr);
		cachefs_log_kick(cache);
	}
	return nr;
}
