// SPDX-License-Identifier: GPL-2.0
/*
 * Errors of the device: when they put the cache out of use, when they only stop
 * stores, and when they are forgotten; see "Power loss, and bad disks" in design.rst.
 */
#include "internal.h"

#define ERRORS_LOOKS	4	/* reads that tell whether the device can be read at all */
static_assert(ERRORS_LOOKS <= CACHEFS_MIN_REGIONS);

/**
 * cachefs_errors_reset - Forget all errors
 * @cache: the cache
 *
 * Context: any but interrupts.  Either error_lock is held, or the cache is not in use
 * yet.
 */
void cachefs_errors_reset(struct cachefs_cache *cache)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cache->errors); i++) {
		WRITE_ONCE(cache->errors[i].nr, 0);
		WRITE_ONCE(cache->errors[i].last,
			   jiffies - CACHEFS_ERROR_MEMORY);
	}
	WRITE_ONCE(cache->stores_stopped, false);
	WRITE_ONCE(cache->check_device, false);
	cache->stop_said = jiffies - CACHEFS_ERROR_MEMORY;
}

/**
 * cachefs_state - Return the state of a cache
 * @cache: the cache
 *
 * Context: any.
 * Return: the state.  %CACHEFS_DEGRADED means that the cache is in use, and that the
 * device has given an error not long ago.
 */
enum cachefs_state cachefs_state(const struct cachefs_cache *cache)
{
	enum cachefs_state state = READ_ONCE(cache->state);
	unsigned int i;

	for (i = 0; state == CACHEFS_ACTIVE && i < ARRAY_SIZE(cache->errors); i++)
		if (time_before(jiffies, READ_ONCE(cache->errors[i].last) +
					 CACHEFS_ERROR_MEMORY))
			state = CACHEFS_DEGRADED;
	return state;
}

/**
 * cachefs_is_degraded - Whether a cache is in use, with errors not long ago
 * @cache: the cache
 *
 * Context: any.
 * Return: whether it is.
 */
bool cachefs_is_degraded(const struct cachefs_cache *cache)
{
	return cachefs_state(cache) == CACHEFS_DEGRADED;
}

/* Report that the state may have changed. */
static void errors_changed(struct cachefs_cache *cache)
{
	void (*changed)(struct cachefs_cache *cache) = READ_ONCE(cache->state_changed);

	if (changed)
		changed(cache);
}

static void errors_fail(struct cachefs_cache *cache, const char *why)
{
	if (cmpxchg(&cache->state, CACHEFS_ACTIVE, CACHEFS_FAILED) !=
	    CACHEFS_ACTIVE)
		return;
	pr_err("%s: %s, the cache is not used any more; files are read from the server\n",
	       cachefs_device_name(cache->device), why);
	errors_changed(cache);
	wake_up(&cache->wait);
}

/**
 * cachefs_device_gone - The device was taken out of the machine
 * @cache: the cache
 *
 * The cache fails at once and for good, without waiting for the errors of I/O that is
 * still under way.
 *
 * Context: process.
 */
void cachefs_device_gone(struct cachefs_cache *cache)
{
	spin_lock(&cache->error_lock);
	cache->gone = true;
	spin_unlock(&cache->error_lock);
	errors_fail(cache, "the device is gone");
}

/* Refuse stores for a while.  The kernel log says so now and then, not at each try. */
static void errors_stop_stores(struct cachefs_cache *cache, const char *why)
{
	bool say;

	spin_lock(&cache->error_lock);
	if (!cache->stores_stopped) {
		WRITE_ONCE(cache->stopped_since, jiffies);
		WRITE_ONCE(cache->next_try, jiffies + CACHEFS_ROOM_INTERVAL);
		WRITE_ONCE(cache->stores_stopped, true);
	}
	say = time_after_eq(jiffies, cache->stop_said + CACHEFS_ERROR_MEMORY);
	if (say)
		cache->stop_said = jiffies;
	spin_unlock(&cache->error_lock);
	if (say)
		pr_warn("%s: %s; what is cached is read, and nothing is stored until it can be written\n",
			cachefs_device_name(cache->device), why);
}

/**
 * cachefs_io_error - Note an error of the device
 * @cache: the cache
 * @write: the direction
 * @block: where on the device
 * @error: the errno
 *
 * If errors come in a row, the log looks whether the device can be read at all, and gives
 * the device up if not.  If writes fail in a row, or a write has no room (%-ENOSPC, which
 * is no error of the device), stores stop for a while.
 *
 * Context: process.
 */
void cachefs_io_error(struct cachefs_cache *cache, bool write, u64 block,
		      int error)
{
	struct cachefs_errors *errors = &cache->errors[write];
	unsigned int nr = 0;
	bool counts;

	if (write && error == -ENOSPC) {
		errors_stop_stores(cache, "no room below the device (error -28)");
		return;
	}
	cachefs_stat_add(cache, write ? CACHEFS_STAT_WRITE_ERRORS :
					CACHEFS_STAT_READ_ERRORS, 1);
	if (__ratelimit(&cache->error_limit))
		pr_warn("%s: %s error %d at block %llu\n",
			cachefs_device_name(cache->device),
			write ? "write" : "read", error,
			(unsigned long long)block);

	spin_lock(&cache->error_lock);
	counts = time_after_eq(jiffies, errors->last + CACHEFS_ERROR_INTERVAL);
	if (counts) {
		if (time_before(jiffies, errors->last + CACHEFS_ERROR_MEMORY))
			nr = READ_ONCE(errors->nr);
		WRITE_ONCE(errors->last, jiffies);
		WRITE_ONCE(errors->nr, ++nr);
	}
	spin_unlock(&cache->error_lock);
	if (counts)
		errors_changed(cache);

	if (nr < CACHEFS_MAX_ERRORS)
		return;
	if (write)
		errors_stop_stores(cache, "nothing can be written");
	/*
	 * It may be one bad spot.  The log looks, because a task that waits for a store must
	 * not wait for a read.
	 */
	WRITE_ONCE(cache->check_device, true);
	cachefs_log_kick(cache);
}

/**
 * cachefs_transfer - Read or write blocks, and count the bytes or note the error
 * @cache: the cache
 * @write: the direction
 * @block: the first block on the device
 * @buffer: whole pages
 * @nr: how many blocks
 * @flags: %REQ_BACKGROUND, or 0 for metadata
 *
 * Context: process, sleeps.
 * Return: 0 or the device's error.
 */
int cachefs_transfer(struct cachefs_cache *cache, bool write, u64 block,
		     void *buffer, unsigned int nr, blk_opf_t flags)
{
	int ret;

	if (write)
		ret = cachefs_device_write(cache->device, block, buffer, nr, flags);
	else
		ret = cachefs_device_read(cache->device, block, buffer, nr, flags);
	if (ret)
		cachefs_io_error(cache, write, block, ret);
	else
		cachefs_stat_add(cache, write ? CACHEFS_STAT_DEVICE_WRITTEN_BYTES :
						CACHEFS_STAT_DEVICE_READ_BYTES,
				 (u64)nr << CACHEFS_BLOCK_SHIFT);
	return ret;
}

/**
 * cachefs_check_device - Give up a device that has only given errors, and cannot be read
 * @cache: the cache
 *
 * Context: process, sleeps; flush_mutex held.
 */
void cachefs_check_device(struct cachefs_cache *cache)
{
	u64 block = 0;
	int ret = 0;
	u32 i;

	lockdep_assert_held(&cache->flush_mutex);
	if (!READ_ONCE(cache->check_device) || !cachefs_usable(cache))
		return;
	WRITE_ONCE(cache->check_device, false);
	/* These are far from each other, so a bad spot has one of them at most. */
	for (i = 0; i < ERRORS_LOOKS; i++) {
		block = cachefs_slot_block(&cache->geo, cache->geo.nr_regions / ERRORS_LOOKS * i,
					   0);
		ret = cachefs_device_read(cache->device, block, cache->scratch, 1, 0);
		if (!ret)
			return;
	}
	static_assert(CACHEFS_MAX_ERRORS == 16);
	errors_fail(cache, "16 errors in a row");
	cachefs_io_error(cache, false, block, ret);
}

/**
 * cachefs_store_try - Whether this store may go to the device
 * @cache: the cache
 *
 * While the device takes no writes, one store may try from time to time.
 *
 * Context: any.
 * Return: %false if the device takes no writes, as far as is known.
 */
bool cachefs_store_try(struct cachefs_cache *cache)
{
	unsigned long next = READ_ONCE(cache->next_try);

	if (likely(!READ_ONCE(cache->stores_stopped)))
		return true;
	return time_after_eq(jiffies, next) &&
		cmpxchg(&cache->next_try, next,
			jiffies + CACHEFS_ROOM_INTERVAL) == next;
}

/**
 * cachefs_store_worked - The device has taken a part of a store
 * @cache: the cache
 * @began: when the store began, jiffies
 *
 * Context: process.
 */
void cachefs_store_worked(struct cachefs_cache *cache, unsigned long began)
{
	cachefs_io_worked(cache, true);
	if (likely(!READ_ONCE(cache->stores_stopped)) ||
	    !time_after(began, READ_ONCE(cache->stopped_since)))
		return;
	WRITE_ONCE(cache->stores_stopped, false);
	/* The log writes the metadata that could not be written before. */
	cachefs_log_kick(cache);
}

/**
 * cachefs_use_again - Forget all errors, and use a failed cache again
 * @cache: the cache
 *
 * Context: process.
 * Return: 0; %-EBUSY if the cache is being attached or detached; or %-ENODEV if the
 * device was taken out.  For the kernel, a device that comes back is a new device.
 */
int cachefs_use_again(struct cachefs_cache *cache)
{
	unsigned int state;

	spin_lock(&cache->error_lock);
	if (cache->gone) {
		spin_unlock(&cache->error_lock);
		return -ENODEV;
	}
	cachefs_errors_reset(cache);
	state = cmpxchg(&cache->state, CACHEFS_FAILED, CACHEFS_ACTIVE);
	spin_unlock(&cache->error_lock);
	errors_changed(cache);
	if (state != CACHEFS_FAILED)
		return state == CACHEFS_ACTIVE ? 0 : -EBUSY;
	pr_info("%s: in use again, %llu MiB cached\n",
		cachefs_device_name(cache->device),
		(unsigned long long)READ_ONCE(cache->live_blocks) >>
			(20 - CACHEFS_BLOCK_SHIFT));
	cachefs_log_kick(cache);
	return 0;
}
