// SPDX-License-Identifier: GPL-2.0
/*
 * The write budget, a bound on the bytes that are written in a day: a bucket of bytes.
 * Time fills the bucket, and every write to the device empties it.  See "The write
 * budget" in design.rst.
 */
#include <linux/random.h>
#include "internal.h"

/* The bucket holds the bytes of this time, in seconds: a quarter of a day. */
#define BUDGET_DEPTH	(86400 / 4)

/* Account the bytes that were written, and the time that has passed. */
static void budget_update(struct cachefs_cache *cache, s64 depth)
{
	s64 written = cachefs_stat_read(cache, CACHEFS_STAT_DEVICE_WRITTEN_BYTES);
	time64_t now = ktime_get_seconds(), passed = now - cache->budget_since;
	s64 room = cache->budget_room - (written - cache->budget_written);

	lockdep_assert_held(&cache->budget_lock);
	/* Twice BUDGET_DEPTH fills the bucket even from -depth on.  Nothing overflows. */
	room += depth / BUDGET_DEPTH * min_t(time64_t, passed, 2 * BUDGET_DEPTH);
	/* Metadata has to be written.  A debt of more than the bucket is forgotten. */
	cache->budget_room = clamp(room, -depth, depth);
	cache->budget_written = written;
	cache->budget_since = now;
}

/**
 * cachefs_budget_set - Bound the bytes that are written in a day
 * @cache: the cache
 * @day: the bound, bytes; 0: no bound.  A new bound begins with a full bucket
 *
 * Context: process; takes budget_lock.
 * Return: 0, or %-ERANGE above %S64_MAX.
 */
int cachefs_budget_set(struct cachefs_cache *cache, u64 day)
{
	if (day > S64_MAX)
		return -ERANGE;
	spin_lock(&cache->budget_lock);
	if (day != cache->write_budget) {
		WRITE_ONCE(cache->write_budget, day);
		budget_update(cache, 0);
		cache->budget_room = day / 4;
	}
	spin_unlock(&cache->budget_lock);
	return 0;
}

/* Return the bytes that the bucket has left after a write of @bytes. */
static s64 budget_room(struct cachefs_cache *cache, u64 bytes, s64 *depth)
{
	s64 room;

	spin_lock(&cache->budget_lock);
	*depth = cache->write_budget / 4;
	budget_update(cache, *depth);
	room = cache->budget_room - (s64)bytes;
	spin_unlock(&cache->budget_lock);
	return room;
}

/**
 * cachefs_budget_admits - Whether the budget has room for a write
 * @cache: the cache
 * @bytes: the size of the write
 * @stays: the data is cached already, and shall stay
 *
 * New data leaves the last sixteenth of the bucket to metadata and to data that stays.
 * Below half of the bucket new data is admitted by chance.
 *
 * Context: process; takes budget_lock if there is a budget.
 * Return: whether the bytes may be written.
 */
bool cachefs_budget_admits(struct cachefs_cache *cache, u64 bytes, bool stays)
{
	s64 depth, room;

	if (likely(!READ_ONCE(cache->write_budget)))
		return true;
	room = budget_room(cache, bytes, &depth);
	if (!stays)
		room -= depth / 16 + (depth >> 17) * (get_random_u32() >> 16);
	return room >= 0;
}

/**
 * cachefs_budget_is_used - Whether the budget refuses new data now
 * @cache: the cache
 *
 * If more is offered than the budget lets be stored, the bucket stays a little above the
 * last sixteenth: new data is refused by chance.  So the budget counts as used when it
 * refuses seven of eight stores.
 *
 * Context: process; takes budget_lock if there is a budget.
 * Return: %true if so, until time has filled the bucket.
 */
bool cachefs_budget_is_used(struct cachefs_cache *cache)
{
	s64 depth, room;

	if (!READ_ONCE(cache->write_budget))
		return false;
	room = budget_room(cache, CACHEFS_BLOCK_SIZE, &depth);
	return room < depth / 8;
}
