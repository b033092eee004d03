// SPDX-License-Identifier: GPL-2.0
/*
 * Walks over the whole index, entry by entry: to drop the extents of some slots, and to
 * save and load a checkpoint.
 */
#include "index_table.h"

/* Drop the extents of a page between places @first and @end.  Returns their number. */
static unsigned int index_page_drop(struct cachefs_cache *cache,
				    struct index_page *page, u32 first, u32 end)
{
	unsigned int i, dropped = 0;
	struct index_at at;

	for (i = 0; i < INDEX_PAGE_ENTRIES; i++) {
		at.bucket = &page->buckets[i / INDEX_BUCKET_ENTRIES];
		at.entry = index_entry_at(page, i);
		at.place = at.entry->w[1];
		at.tail = READ_ONCE(at.entry->w[2]);
		/* The region is looked at last, because it may be anywhere in memory. */
		if (at.place >= end || at.place + index_tail_nr(at.tail) <= first ||
		    !index_entry_live(cache, at.place, at.tail))
			continue;
		index_kill(cache, &at);
		dropped++;
	}
	return dropped;
}

/**
 * cachefs_index_drop_slots - Make the extents in some slots unfindable
 * @cache: the cache
 * @region: the region
 * @slot: the first slot
 * @nr: how many
 *
 * This walks the whole index, and is for metadata that is damaged in part.  Slots that had
 * no block cost nothing.  cachefs_index_forget() is for a whole region.
 *
 * Context: process, may sleep; takes grow_mutex and index_lock.
 * Return: whether there were such extents.
 */
bool cachefs_index_drop_slots(struct cachefs_cache *cache, u32 region,
			      u32 slot, u32 nr)
{
	u32 first = index_place_of(cache, region, slot), page;
	struct cachefs_index *index = &cache->index;
	unsigned int dropped = 0;

	if (!READ_ONCE(cache->regions[region].nr_extents) ||
	    slot >= READ_ONCE(cache->regions[region].end))
		return false;
	/* If a page is split meanwhile, the new page comes later. */
	mutex_lock(&index->grow_mutex);
	for (page = 0; page < READ_ONCE(index->nr_pages); page++) {
		write_lock(&cache->index_lock);
		dropped += index_page_drop(cache, index_page_at(index, page), first,
					   first + nr);
		write_unlock(&cache->index_lock);
		cond_resched();
	}
	mutex_unlock(&index->grow_mutex);
	return dropped;
}

static struct cachefs_index_record index_record(struct cachefs_cache *cache,
						const struct index_entry *entry,
						u32 page)
{
	struct index_key key = index_key_of_entry(&cache->index, entry, page);

	return (struct cachefs_index_record) {
		.print = key.print,
		.low = key.low,
		.region = entry->w[1] >> cache->ref_shift,
		.slot = cachefs_ref_slot(cache, entry->w[1]),
		.first = index_tail_first(entry->w[2]),
		.nr = index_tail_nr(entry->w[2]),
		.was_read = entry->w[2] & INDEX_TAIL_READ,
	};
}

/**
 * cachefs_index_save - Pass all entries on in a form for the device
 * @cache: not in use
 * @save: called for each entry; may sleep
 * @data: for @save
 *
 * Context: process, may sleep.
 * Return: 0, or what @save returned.
 */
int cachefs_index_save(struct cachefs_cache *cache,
		       int (*save)(void *data,
				   const struct cachefs_index_record *record),
		       void *data)
{
	struct cachefs_index *index = &cache->index;
	struct cachefs_index_record record;
	const struct index_entry *entry;
	unsigned int i;
	int ret = 0;
	u32 page;

	for (page = 0; page < index->nr_pages; page++) {
		for (i = 0; i < INDEX_PAGE_ENTRIES; i++) {
			entry = index_entry_at(index_page_at(index, page), i);
			if (!index_entry_live(cache, entry->w[1], entry->w[2]))
				continue;
			record = index_record(cache, entry, page);
			ret = save(data, &record);
			if (ret)
				return ret;
		}
		cond_resched();
	}
	return 0;
}

/**
 * cachefs_index_load - Insert an entry that was saved
 * @cache: the cache
 * @record: the entry; the caller has checked region, slots and blocks
 *
 * Context: process; takes index_lock.
 * Return: 0, or -EUCLEAN if the entry has no hash of this index.
 */
int cachefs_index_load(struct cachefs_cache *cache,
		       const struct cachefs_index_record *record)
{
	struct cachefs_region *region = &cache->regions[record->region];
	struct index_key key = { .low = record->low, .print = record->print };
	u32 tail;

	if (key.low >> cache->index.low_bits || key.print >> INDEX_PRINT_BITS)
		return -EUCLEAN;
	write_lock(&cache->index_lock);
	cachefs_index_account(cache, region, record->nr, 1);
	tail = index_tail(&key, region->round, record->first, record->nr);
	if (record->was_read) {
		tail |= INDEX_TAIL_READ;
		WRITE_ONCE(region->was_read, true);
	}
	cachefs_index_put(cache, &key,
			  index_place_of(cache, record->region, record->slot), tail);
	write_unlock(&cache->index_lock);
	return 0;
}
