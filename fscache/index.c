// SPDX-License-Identifier: GPL-2.0
/*
 * The index: where a block of a version is.
 *
 * The index has an entry of 12 bytes for each extent.  An entry does not have the
 * version id, but 41 bits of a keyed hash of the version id and a group of blocks.  Two
 * blocks may have the same hash.  Then the block that is read does not match its
 * checksum, which is seeded with its identity, and is not served.
 *
 * An extent lies within one chunk of CACHEFS_CHUNK_BLOCKS file blocks.  It is found by
 * the smallest aligned group of 4, 32 or 128 blocks that it lies in.  So no group has
 * more than a few extents, however a file was stored.
 *
 * Readers take no lock, as a rule.  The count of a bucket tells a reader whether the
 * entries that it has read are of one moment (index_table.h).  A region has a round,
 * which is in its entries, too.  The round ends when the region is reused: then all its
 * entries are dead at once.  A reader pins the region that it has found, and then
 * checks that the round is still the same.
 *
 * Writers have index_lock, and never sleep with it.  Readers take index_lock only while
 * a writer that moves entries makes no progress.
 */
#include <linux/prefetch.h>
#include <linux/rcupdate.h>
#include <linux/unaligned.h>
#include "index_table.h"

/* The log2 of the size of each group of blocks, the smallest first. */
static const u8 index_group_shift[] = { 2, 5, 7 };

/**
 * cachefs_index_hash - The hash of a chunk of a version
 * @cache: the cache
 * @id: the version id
 * @block: a block of the chunk
 *
 * Context: any.
 * Return: the hash; of another attach, the hash is another one.
 */
u64 cachefs_index_hash(struct cachefs_cache *cache, const u8 id[16], u64 block)
{
	return siphash_3u64(get_unaligned_le64(id), get_unaligned_le64(id + 8),
			    block / CACHEFS_CHUNK_BLOCKS, &cache->index.key);
}

/* Return the key of the group of @level that has block @at of the chunk. */
static struct index_key index_key_of(struct cachefs_cache *cache, u64 hash,
				     unsigned int level, unsigned int at)
{
	u64 x = hash + (level << 7 | at >> index_group_shift[level]) *
		0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 32;
	return (struct index_key) {
		.low = x & ((1U << cache->index.low_bits) - 1),
		.print = x >> (64 - INDEX_PRINT_BITS),
	};
}

/* Return the level of the smallest group that has blocks @first and @last of a chunk. */
static unsigned int index_level_of(unsigned int first, unsigned int last)
{
	unsigned int level = 0;

	while (first >> index_group_shift[level] != last >> index_group_shift[level])
		level++;
	return level;
}

static struct index_page *index_page_of(const struct cachefs_index *index,
					const struct index_key *key)
{
	/* Pairs with cachefs_index_directory_set(): the page is there. */
	return smp_load_acquire(index_directory_entry(index,
						      index_directory_at(index, key)));
}

static bool index_entry_is(const struct index_entry *entry,
			   const struct index_key *key)
{
	return READ_ONCE(entry->w[0]) == (u32)(key->print >> 9) &&
		READ_ONCE(entry->w[2]) >> 23 == (key->print & 511) &&
		READ_ONCE(entry->w[1]) != CACHEFS_NO_REF;
}

/*
 * struct index_chunk - A lookup in one chunk, and its result
 * @first: the first block that is wanted; 0 is the first block of the chunk
 * @end: the block behind the last block that is wanted
 * @left: number of blocks that are not found yet
 * @slots: the place of each block that is wanted
 * @rounds: the round in the entry of each block that was found
 */
struct index_chunk {
	unsigned int	first;
	unsigned int	end;
	unsigned int	left;
	u32		*slots;
	u8		*rounds;
};

static void index_found(struct index_chunk *chunk, u32 place, u32 tail)
{
	unsigned int first = index_tail_first(tail), i, end;

	end = min(first + index_tail_nr(tail), chunk->end);
	for (i = max(first, chunk->first); i < end; i++) {
		if (chunk->slots[i - chunk->first] != CACHEFS_NO_REF)
			continue;
		chunk->slots[i - chunk->first] = place + (i - first);
		chunk->rounds[i - chunk->first] = index_tail_round(tail);
		chunk->left--;
	}
}

/* Note an extent as read.  Most readers find it noted already, and write nothing. */
static void index_note_read(struct cachefs_cache *cache, struct index_entry *entry,
			    u32 place, u32 tail)
{
	struct cachefs_region *region = index_region_of(cache, place);

	if (!(tail & INDEX_TAIL_READ))
		cmpxchg(&entry->w[2], tail, tail | INDEX_TAIL_READ);
	if (!READ_ONCE(region->was_read))
		WRITE_ONCE(region->was_read, true);
}

/* Read the entries of a bucket for a key, as they were at one moment. */
static unsigned int index_bucket_read(struct index_bucket *bucket,
				      const struct index_key *key,
				      struct index_at *found, u32 *head)
{
	struct index_entry *entry;
	unsigned int nr;

	do {
		/* Pairs with index_bucket_end(). */
		while ((*head = smp_load_acquire(&bucket->head)) & INDEX_HEAD_BUSY)
			cpu_relax();
		nr = 0;
		for (entry = bucket->entries;
		     entry < bucket->entries + INDEX_BUCKET_ENTRIES; entry++) {
			if (!index_entry_is(entry, key))
				continue;
			found[nr].entry = entry;
			found[nr].place = READ_ONCE(entry->w[1]);
			found[nr++].tail = READ_ONCE(entry->w[2]);
		}
		/* Pairs with index_bucket_begin(). */
		smp_rmb();
	} while (READ_ONCE(bucket->head) != *head);
	return nr;
}

/* Find the blocks that a page has for a key. */
static void index_page_lookup(struct cachefs_cache *cache, struct index_page *page,
			      const struct index_key *key,
			      struct index_chunk *chunk, bool note)
{
	struct index_at found[INDEX_BUCKET_ENTRIES], *at;
	unsigned int home = index_home_of(key), d, nr, first;
	u32 head = INDEX_HEAD_OVERFLOW;

	for (d = 0; d < INDEX_BUCKETS && head & INDEX_HEAD_OVERFLOW; d++) {
		nr = index_bucket_read(&page->buckets[(home + d) % INDEX_BUCKETS],
				       key, found, &head);
		for (at = found; at < found + nr; at++) {
			if (!index_entry_live(cache, at->place, at->tail))
				continue;
			first = index_tail_first(at->tail);
			if (first >= chunk->end ||
			    first + index_tail_nr(at->tail) <= chunk->first)
				continue;
			if (note)
				index_note_read(cache, at->entry, at->place,
						at->tail);
			index_found(chunk, at->place, at->tail);
		}
	}
}

/* Look in the groups of all levels, the largest first, because they are the fewest. */
static void index_try_lookup(struct cachefs_cache *cache, u64 hash,
			     struct index_chunk *chunk, bool note)
{
	bool few = chunk->end - chunk->first <= 1U << index_group_shift[0];
	unsigned int level, size, at, nr = 0, i;
	struct index_key keys[32];
	struct index_page *pages[32];

	for (level = ARRAY_SIZE(index_group_shift); level-- && chunk->left;) {
		size = 1U << index_group_shift[level];
		for (at = round_down(chunk->first, size); at < chunk->end;
		     at += size) {
			keys[nr] = index_key_of(cache, hash, level, at);
			pages[nr] = index_page_of(&cache->index, &keys[nr]);
			prefetch(&pages[nr]->buckets[index_home_of(&keys[nr])]);
			nr++;
		}
		/* For a few blocks, the buckets of all levels are fetched at once. */
		if (level && few)
			continue;
		for (i = 0; i < nr && chunk->left; i++)
			index_page_lookup(cache, pages[i], &keys[i], chunk, note);
		nr = 0;
	}
}

/* The number of tries of a reader that misses blocks, before it waits for the writer. */
#define LOOKUP_TRIES	100

static void index_chunk_lookup(struct cachefs_cache *cache, u64 hash,
			       struct index_chunk *chunk, bool note)
{
	struct cachefs_index *index = &cache->index;
	unsigned int tries;
	u32 moves;

	/* An entry may be moved during a try. */
	for (tries = 0; tries < LOOKUP_TRIES; tries++) {
		/* Pairs with index_moves_end(). */
		moves = smp_load_acquire(&index->moves);
		index_try_lookup(cache, hash, chunk, note);
		/* Pairs with index_moves_begin(). */
		smp_rmb();
		if (!chunk->left ||
		    (!(moves & 1) && READ_ONCE(index->moves) == moves))
			return;
		cpu_relax();
	}
	/* The writer has lost its processor, which may be a virtual one. */
	read_lock(&cache->index_lock);
	index_try_lookup(cache, hash, chunk, note);
	read_unlock(&cache->index_lock);
}

/* Pin the region of a run.  Returns %false if the region was reused since. */
static bool index_run_pin(struct cachefs_cache *cache, u32 place, const u8 *rounds,
			  unsigned int nr)
{
	struct cachefs_region *region = index_region_of(cache, place);
	unsigned int i;

	atomic_inc(&region->pins);
	/*
	 * Either cachefs_index_forget() sees the pin, or this function sees the new
	 * round.  Pairs with the barrier there.
	 */
	smp_mb__after_atomic();
	for (i = 0; i < nr; i++) {
		if (READ_ONCE(region->round) != rounds[i]) {
			cachefs_region_unpin(cache, place >> cache->ref_shift);
			return false;
		}
	}
	return true;
}

/**
 * cachefs_index_map - Find blocks of one chunk
 * @cache: the cache
 * @version: the version of the blocks
 * @block: first file block
 * @nr: number of blocks, within one chunk
 * @slots: for each block (region << ref_shift | slot), or %CACHEFS_NO_REF
 * @map: purpose of the lookup
 *
 * Context: any but interrupts.  Takes index_lock only if a writer is held up.
 */
void cachefs_index_map(struct cachefs_cache *cache,
		       const struct cachefs_version *version, u64 block,
		       unsigned int nr, u32 *slots, enum cachefs_map map)
{
	u8 rounds[CACHEFS_CHUNK_BLOCKS];
	struct index_chunk chunk = {
		.first = block % CACHEFS_CHUNK_BLOCKS,
		.end = block % CACHEFS_CHUNK_BLOCKS + nr,
		.left = nr, .slots = slots, .rounds = rounds,
	};
	unsigned int i, j, run;

	for (i = 0; i < nr; i++)
		slots[i] = CACHEFS_NO_REF;
	/* Pairs with index_pages_release(). */
	rcu_read_lock();
	index_chunk_lookup(cache, cachefs_index_hash(cache, version->id, block), &chunk,
			   map != CACHEFS_MAP_LOOK);
	rcu_read_unlock();
	/* All readers of a region share the count of its pins, so change it seldom. */
	for (i = 0; map == CACHEFS_MAP_READ && i < nr; i += run) {
		run = cachefs_slots_run(cache, slots + i, nr - i);
		if (slots[i] == CACHEFS_NO_REF ||
		    index_run_pin(cache, slots[i], rounds + i, run))
			continue;
		for (j = i; j < i + run; j++)
			slots[j] = CACHEFS_NO_REF;
	}
}

static bool index_at_is(struct cachefs_cache *cache, const struct index_at *at,
			const struct index_key *key, unsigned int block)
{
	return index_entry_is(at->entry, key) &&
		index_entry_live(cache, at->place, at->tail) &&
		block - index_tail_first(at->tail) < index_tail_nr(at->tail);
}

/*
 * Find the live entry that has a block of a chunk, for a writer.  @nr: the length that
 * the entry must have, or 0 for any.
 */
static bool index_find(struct cachefs_cache *cache, u64 hash, unsigned int block,
		       unsigned int nr, struct index_at *at)
{
	unsigned int level, d, i;

	lockdep_assert_held_write(&cache->index_lock);
	for (level = 0; level < ARRAY_SIZE(index_group_shift); level++) {
		struct index_key key = index_key_of(cache, hash, level, block);
		struct index_page *page = index_page_of(&cache->index, &key);

		for (d = 0; d < INDEX_BUCKETS; d++) {
			at->bucket = &page->buckets[(index_home_of(&key) + d) %
						    INDEX_BUCKETS];
			for (i = 0; i < INDEX_BUCKET_ENTRIES; i++) {
				at->entry = &at->bucket->entries[i];
				at->place = at->entry->w[1];
				at->tail = READ_ONCE(at->entry->w[2]);
				if (index_at_is(cache, at, &key, block) &&
				    (!nr || index_tail_nr(at->tail) == nr))
					return true;
			}
			if (!(at->bucket->head & INDEX_HEAD_OVERFLOW))
				break;
		}
	}
	return false;
}

static void index_insert(struct cachefs_cache *cache, u64 hash, unsigned int first,
			 unsigned int nr, u32 place, u32 was_read)
{
	unsigned int level = index_level_of(first, first + nr - 1);
	struct index_key key = index_key_of(cache, hash, level, first);
	u8 round = index_region_of(cache, place)->round;

	cachefs_index_put(cache, &key, place,
			  index_tail(&key, round, first, nr) | was_read);
}

/* Insert blocks of a chunk that are not in the index: as a new entry, or a longer one. */
static void index_insert_run(struct cachefs_cache *cache, u64 hash,
			     unsigned int first, unsigned int nr, u32 place)
{
	struct cachefs_region *region = index_region_of(cache, place);
	unsigned int before;
	struct index_at at;

	/* Slot 0 of a region has no slot before it. */
	if (!first || !cachefs_ref_slot(cache, place) ||
	    !index_find(cache, hash, first - 1, 0, &at) ||
	    at.place + index_tail_nr(at.tail) != place) {
		cachefs_index_account(cache, region, nr, 1);
		index_insert(cache, hash, first, nr, place, 0);
		return;
	}
	before = index_tail_nr(at.tail);
	/*
	 * The longer entry comes first, so the blocks are always there.  A reader that looks
	 * for both entries at that moment may miss both, and asks the server.
	 */
	cachefs_index_account(cache, region, before + nr, 1);
	index_insert(cache, hash, first - before, before + nr, at.place,
		     at.tail & INDEX_TAIL_READ);
	/* The insert may have moved the shorter entry. */
	if (index_find(cache, hash, first - 1, before, &at))
		index_kill(cache, &at);
}

/**
 * cachefs_index_insert - Make blocks findable
 * @cache: the cache
 * @region: region of the blocks
 * @id: version id
 * @block: first file block
 * @slot: first slot
 * @nr: number of blocks, within one chunk
 *
 * Blocks that the index has already stay as they are: the same version means
 * the same bytes.
 *
 * Context: index_lock held for writing.
 */
void cachefs_index_insert(struct cachefs_cache *cache, u32 region,
			  const u8 id[16], u64 block, u32 slot, u32 nr)
{
	u64 hash = cachefs_index_hash(cache, id, block);
	u32 slots[CACHEFS_CHUNK_BLOCKS], place = index_place_of(cache, region, slot);
	u8 rounds[CACHEFS_CHUNK_BLOCKS];
	struct index_chunk chunk = {
		.first = block % CACHEFS_CHUNK_BLOCKS,
		.end = block % CACHEFS_CHUNK_BLOCKS + nr,
		.left = nr, .slots = slots, .rounds = rounds,
	};
	unsigned int i, end;

	lockdep_assert_held_write(&cache->index_lock);
	if (WARN_ON_ONCE(!nr || chunk.end > CACHEFS_CHUNK_BLOCKS))
		return;
	for (i = 0; i < nr; i++)
		slots[i] = CACHEFS_NO_REF;
	index_try_lookup(cache, hash, &chunk, false);
	for (i = 0; i < nr; i = end) {
		for (end = i + 1; end < nr && (slots[end] == CACHEFS_NO_REF) ==
		     (slots[i] == CACHEFS_NO_REF); end++)
			;
		if (slots[i] == CACHEFS_NO_REF)
			index_insert_run(cache, hash, chunk.first + i, end - i,
					 place + i);
	}
}

/**
 * cachefs_index_drop - Make the extents that hold some blocks unfindable
 * @cache: the cache
 * @id: version id
 * @block: first file block
 * @nr: number of blocks, within one chunk
 *
 * Whole extents are dropped, because the neighbours of a bad block are not worth
 * much.
 *
 * Context: process; takes index_lock.
 */
void cachefs_index_drop(struct cachefs_cache *cache, const u8 id[16],
			u64 block, unsigned int nr)
{
	u64 hash = cachefs_index_hash(cache, id, block);
	unsigned int at = block % CACHEFS_CHUNK_BLOCKS, i;
	struct index_at where;

	write_lock(&cache->index_lock);
	for (i = at; i < at + nr; i++)
		while (index_find(cache, hash, i, 0, &where))
			index_kill(cache, &where);
	write_unlock(&cache->index_lock);
}

static bool index_find_extent(struct cachefs_cache *cache,
			      const struct cachefs_extent *extent,
			      struct index_at *at)
{
	unsigned int first = extent->block % CACHEFS_CHUNK_BLOCKS;
	u64 hash = cachefs_index_hash(cache, extent->id, extent->block);

	return index_find(cache, hash, first, 0, at) &&
		index_tail_first(at->tail) == first &&
		at->place == index_place_of(cache, extent->region, extent->slot);
}

/**
 * cachefs_index_find_run - Find the extent at the start of a run, and whether it was read
 * @cache: the cache
 * @extent: a run as the records of its slots say; its length becomes that of the
 *	extent that begins with the run, or 1 if there is none
 * @was_read: whether the extent was read since it was stored
 *
 * Context: process; takes index_lock.
 * Return: whether there is such an extent.
 */
bool cachefs_index_find_run(struct cachefs_cache *cache, struct cachefs_extent *extent,
			    bool *was_read)
{
	struct index_at at;
	bool found;

	write_lock(&cache->index_lock);
	found = index_find_extent(cache, extent, &at) &&
		index_tail_nr(at.tail) <= extent->nr;
	extent->nr = found ? index_tail_nr(at.tail) : 1;
	*was_read = found && (at.tail & INDEX_TAIL_READ);
	write_unlock(&cache->index_lock);
	return found;
}

/**
 * cachefs_index_take - Remove an extent that will be inserted elsewhere
 * @cache: the cache
 * @extent: the extent
 *
 * Context: index_lock held for writing.
 * Return: %false if the extent is not there any more; then it must not be inserted.
 */
bool cachefs_index_take(struct cachefs_cache *cache,
			const struct cachefs_extent *extent)
{
	struct index_at at;

	if (!index_find_extent(cache, extent, &at) ||
	    index_tail_nr(at.tail) != extent->nr)
		return false;
	index_kill(cache, &at);
	return true;
}

/**
 * cachefs_index_forget - Take all extents of a region out of the index
 * @cache: the cache
 * @region: the region
 *
 * Readers that have pinned the region before go on.  Later readers do not find it.
 *
 * Context: process; takes index_lock.
 */
void cachefs_index_forget(struct cachefs_cache *cache, u32 region)
{
	struct cachefs_region *r = &cache->regions[region];

	write_lock(&cache->index_lock);
	/* Even if all extents were dropped since, a reader may have found one before. */
	if (r->in_round) {
		cachefs_index_account(cache, r, -r->live, -r->nr_extents);
		WRITE_ONCE(r->round, r->round + 1);
		r->in_round = false;
		WRITE_ONCE(r->end, 0);
	}
	WRITE_ONCE(r->was_read, false);
	write_unlock(&cache->index_lock);
	/*
	 * Either a reader sees the new round, or the caller sees the pin of the reader.
	 * Pairs with index_run_pin().
	 */
	smp_mb();
}
