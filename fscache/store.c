// SPDX-License-Identifier: GPL-2.0
/*
 * Stores: from the page cache to the end of the log.
 *
 * This order makes a store safe: checksum, write, ask whether the pages still
 * are of that version, publish.
 */
#include <linux/blkdev.h>
#include <linux/highmem.h>
#include <trace/events/cachefs.h>
#include "internal.h"

/* Give back room in flight for @nr blocks. */
static void store_give_room(struct cachefs_cache *cache, unsigned int nr)
{
	atomic64_sub((s64)nr << CACHEFS_BLOCK_SHIFT, cachefs_in_flight(cache));
}

/*
 * Take room in flight for @nr blocks, or for as many as the bound allows at all.  If
 * these do not fit now, take no room.  Returns the number of blocks that got room.
 */
static unsigned int store_take_room(struct cachefs_cache *cache, unsigned int nr)
{
	s64 window = cachefs_pace_window(cache);
	s64 old = atomic64_read(cachefs_in_flight(cache)), bytes;

	nr = min_t(u64, nr, window >> CACHEFS_BLOCK_SHIFT);
	bytes = (s64)nr << CACHEFS_BLOCK_SHIFT;
	do {
		if (old + bytes > window)
			return 0;
	} while (!atomic64_try_cmpxchg(cachefs_in_flight(cache), &old, old + bytes));
	return nr;
}

/*
 * Take room for @nr blocks, and return the number of blocks that got room.  @why is the
 * reason for the others.  A store that may wait waits as long as an answer of the device
 * can be expected.
 */
static unsigned int store_admit(struct cachefs_store *store, unsigned int nr,
				enum cachefs_reason *why)
{
	struct cachefs_cache *cache = store->cache;
	unsigned int room;

	*why = CACHEFS_WHY_UNUSABLE;
	if (!cachefs_usable(cache))
		return 0;
	*why = CACHEFS_WHY_SLOW;
	if (cachefs_pace_stuck(cache))
		return 0;
	*why = CACHEFS_WHY_BUDGET;
	if (!cachefs_budget_admits(cache, (u64)nr << CACHEFS_BLOCK_SHIFT, false))
		return 0;
	*why = CACHEFS_WHY_NO_ROOM;
	if (!cachefs_store_try(cache))
		return 0;
	*why = CACHEFS_WHY_IN_FLIGHT;
	room = store_take_room(cache, nr);
	/* A bound of less than a block never has room. */
	if (!room && store->may_wait &&
	    cachefs_pace_window(cache) >= CACHEFS_BLOCK_SIZE)
		wait_event_timeout(cache->wait,
				   !cachefs_usable(cache) ||
				   READ_ONCE(cache->stores_stopped) ||
				   (room = store_take_room(cache, nr)),
				   cachefs_pace_patience(cache));
	return room;
}

static bool store_has_room(struct cachefs_cache *cache)
{
	return atomic64_read(cachefs_in_flight(cache)) + CACHEFS_BLOCK_SIZE <=
		cachefs_pace_window(cache);
}

/* Whether the device has not taken a store, and it is too early to try again. */
static bool store_stopped(struct cachefs_cache *cache)
{
	return unlikely(READ_ONCE(cache->stores_stopped)) &&
		time_before(jiffies, READ_ONCE(cache->next_try));
}

/**
 * cachefs_store_room - Whether a small store would be taken now
 * @cache: the cache
 *
 * For callers that can save work if it would not; see cachefs_store_wanted().
 *
 * Context: any.
 * Return: whether it would be taken.
 */
bool cachefs_store_room(struct cachefs_cache *cache)
{
	return cachefs_usable(cache) && !cachefs_pace_stuck(cache) &&
		!store_stopped(cache) && store_has_room(cache);
}

/**
 * cachefs_stores_rest - Whether nothing is stored now, whatever the data
 * @cache: the cache
 *
 * Context: any.
 * Return: whether the device takes no writes, or nothing may be in flight to the device.
 */
bool cachefs_stores_rest(struct cachefs_cache *cache)
{
	return READ_ONCE(cache->stores_stopped) ||
		cachefs_pace_window(cache) < CACHEFS_BLOCK_SIZE;
}

static bool store_is_cached(struct cachefs_cache *cache,
			    const struct cachefs_version *version, u64 block)
{
	u32 slot;

	cachefs_index_map(cache, version, block, 1, &slot, CACHEFS_MAP_LOOK);
	return slot != CACHEFS_NO_REF;
}

/**
 * cachefs_store_wanted - Whether data that is read from the server now shall be stored
 * @cache: the cache
 * @version: of the file
 * @block: first file block
 * @bytes: number of bytes
 *
 * This is advice and reserves no room, as the server may answer late or never.  Data that
 * comes from the server only because the device is slow is cached already, and is not
 * stored again.
 *
 * Context: process; may take index_lock.
 * Return: whether it shall be stored; if not, cachefs_refuse() was called.
 */
bool cachefs_store_wanted(struct cachefs_cache *cache,
			  const struct cachefs_version *version, u64 block,
			  size_t bytes)
{
	enum cachefs_reason why = CACHEFS_WHY_IN_FLIGHT;

	if (!cachefs_usable(cache))
		why = CACHEFS_WHY_UNUSABLE;
	else if (unlikely(cachefs_pace_slow(cache)) && store_is_cached(cache, version, block))
		why = CACHEFS_WHY_CACHED;
	else if (cachefs_pace_stuck(cache))
		why = CACHEFS_WHY_SLOW;
	else if (store_stopped(cache))
		why = CACHEFS_WHY_NO_ROOM;
	else if (store_has_room(cache))
		return true;
	cachefs_refuse(cache, version, block, bytes, why);
	return false;
}

/* Return the valid bytes in the last block of @io. */
static u32 store_last_bytes(const struct cachefs_store *store,
			    const struct cachefs_io *io)
{
	u64 end = io->block + io->nr - store->block;
	u64 bytes = (u64)store->bytes - ((end - 1) << CACHEFS_BLOCK_SHIFT);

	return min_t(u64, bytes, CACHEFS_BLOCK_SIZE);
}

/* Get or put references to the pages that the device reads, but not to copies. */
static void store_pages(struct cachefs_store *store, bool get)
{
	struct cachefs_io *io;
	unsigned int i;

	list_for_each_entry(io, &store->ios, link) {
		for (i = 0; i < io->nr - io->copies; i++) {
			if (get)
				get_page(io->pages[i]);
			else
				put_page(io->pages[i]);
		}
	}
}

static void store_unwatch(struct cachefs_store *store)
{
	spin_lock(&store->cache->stores_lock);
	list_del_init(&store->watch);
	spin_unlock(&store->cache->stores_lock);
}

static void store_free_copies(struct cachefs_store *store, struct page **pages,
			      unsigned int nr)
{
	while (nr)
		cachefs_copy_page_free(store->cache->device, pages[--nr]);
}

/* Note blocks as read, so that the blocks stay when their region is reused. */
static void store_note_read(struct cachefs_store *store, const struct cachefs_io *io)
{
	u32 slots[CACHEFS_CHUNK_BLOCKS];

	cachefs_index_map(store->cache, &store->version, io->block, io->nr, slots,
			  CACHEFS_MAP_NOTE);
}

/* All I/O of a store has ended: publish or abandon the slots, then tell the caller. */
static void store_work(struct work_struct *work)
{
	struct cachefs_store *store = container_of(work, struct cachefs_store,
						   work);
	struct cachefs_cache *cache = store->cache;
	struct cachefs_io *io, *next;
	enum cachefs_reason stale;
	unsigned int nr = 0;

	store_unwatch(store);
	stale = store->released ? CACHEFS_WHY_SLOW : store->still_valid(store);
	list_for_each_entry(io, &store->ios, link) {
		struct cachefs_piece slots = { io->region, io->slot, io->nr };
		u32 last = store_last_bytes(store, io);
		size_t data = ((io->nr - 1) << CACHEFS_BLOCK_SHIFT) + last;

		nr += io->nr;
		if (io->error)
			cachefs_io_error(cache, true, io->device_block,
					 io->error);
		else
			cachefs_store_worked(cache, store->began);
		if (!stale && !io->error) {
			cachefs_region_publish(cache, &slots, store->version.id,
					       io->block, last);
			if (store->keep)
				store_note_read(store, io);
			store->stored += data;
		} else {
			cachefs_region_abandon(cache, &slots);
			cachefs_refuse(cache, &store->version, io->block, data,
				       stale ?: CACHEFS_WHY_DEVICE);
		}
	}
	if (stale)
		store->error = store->error ?: -ESTALE;
	if (store->released)
		store_pages(store, false);
	list_for_each_entry_safe(io, next, &store->ios, link) {
		store_free_copies(store, io->pages + io->nr - io->copies, io->copies);
		cachefs_io_free(io);
	}
	store_give_room(cache, nr);
	trace_cachefs_store_done(store);
	wake_up(&cache->wait);
	if (store->release && !store->released)
		store->release(store);
	store->done(store);
	cachefs_op_end(cache);
}

static void store_put(struct cachefs_store *store)
{
	if (atomic_dec_and_test(&store->pending))
		queue_work(store->cache->wq, &store->work);
}

/* The device has completed a part of a store.  Called in any context. */
static void store_io_end(struct cachefs_io *io)
{
	struct cachefs_store *store = io->owner;

	cachefs_pace_end(io, true);
	if (io->error)
		WRITE_ONCE(store->error, io->error);
	store_put(store);
}

/*
 * Find a store that is older than @age jiffies.  The store does not end before store_put().
 * The list has the order in which the stores got room, and some have waited for that.
 */
static struct cachefs_store *store_overdue(struct cachefs_cache *cache,
					   unsigned long age)
{
	struct cachefs_store *store, *next, *found = NULL;

	spin_lock(&cache->stores_lock);
	list_for_each_entry_safe(store, next, &cache->stores, watch) {
		if (time_before_eq(jiffies, store->began + age))
			continue;
		list_del_init(&store->watch);
		/* Not if all I/O of the store has ended just now. */
		if (atomic_inc_not_zero(&store->pending)) {
			found = store;
			break;
		}
	}
	spin_unlock(&cache->stores_lock);
	return found;
}

static void store_watch_again(struct cachefs_cache *cache)
{
	unsigned int ms = READ_ONCE(cache->max_in_flight_ms);

	if (ms)
		queue_delayed_work(cache->wq, &cache->watch,
				   msecs_to_jiffies(ms) / 4 + 1);
}

/**
 * cachefs_store_watch - Clear the marks of stores that take too long
 * @work: cachefs_cache::watch
 *
 * A store that has taken twice cache::max_in_flight_ms is given up: tasks that wait for
 * its pages go on.  The device may still read the pages, so the cache keeps them.
 *
 * Context: process, may sleep.
 */
void cachefs_store_watch(struct work_struct *work)
{
	struct cachefs_cache *cache = container_of(to_delayed_work(work),
						   struct cachefs_cache, watch);
	unsigned int ms = READ_ONCE(cache->max_in_flight_ms);
	struct cachefs_store *store;
	bool more;

	while (ms && (store = store_overdue(cache, msecs_to_jiffies(2 * ms)))) {
		store_pages(store, true);
		store->released = true;
		cachefs_stat_add(cache, CACHEFS_STAT_RELEASED_BYTES,
				 store->bytes);
		store->release(store);
		store_put(store);
	}
	spin_lock(&cache->stores_lock);
	more = !list_empty(&cache->stores);
	spin_unlock(&cache->stores_lock);
	if (more)
		store_watch_again(cache);
}

/* Replace a page by a copy of @bytes, with zeros behind these bytes. */
static bool store_copy_page(struct cachefs_store *store, unsigned int i, u32 bytes)
{
	struct page *copy = cachefs_copy_page_alloc(store->cache->device);

	if (!copy)
		return false;
	memcpy_page(copy, 0, store->pages[i], 0, bytes);
	memzero_page(copy, bytes, CACHEFS_BLOCK_SIZE - bytes);
	store->pages[i] = copy;
	return true;
}

/*
 * Return the number of pages, from @first up to @end, of which the device must get
 * copies.  These are the last pages: all pages if pages must not change while they are
 * written, or only the page in which the file ends.
 */
static unsigned int store_copies(const struct cachefs_store *store, bool stable,
				 unsigned int first, unsigned int end)
{
	if (stable || first == end)
		return end - first;
	return end > store->bytes >> CACHEFS_BLOCK_SHIFT;
}

/* Replace the last @nr pages before @end by copies. */
static bool store_copy_pages(struct cachefs_store *store, unsigned int end,
			     unsigned int nr)
{
	u32 tail_bytes = store->bytes % CACHEFS_BLOCK_SIZE;
	unsigned int i;

	for (i = end - nr; i < end; i++) {
		bool tail = tail_bytes &&
			i == store->bytes >> CACHEFS_BLOCK_SHIFT;

		if (store_copy_page(store, i, tail ? tail_bytes :
				    CACHEFS_BLOCK_SIZE))
			continue;
		store_free_copies(store, &store->pages[end - nr], i - (end - nr));
		return false;
	}
	return true;
}

/*
 * Checksum the pages from @first on that got slots, and prepare @io to write these pages.
 * The last @copies pages are copies.
 */
static void store_run(struct cachefs_store *store, struct cachefs_io *io,
		      unsigned int first, const struct cachefs_piece *slots,
		      unsigned int copies)
{
	struct cachefs_cache *cache = store->cache;
	u64 *checksums = cache->regions[slots->region].checksums + slots->slot;
	unsigned int i;

	io->pages = &store->pages[first];
	io->nr = slots->nr;
	io->block = store->block + first;
	io->region = slots->region;
	io->slot = slots->slot;
	io->device_block = cachefs_slot_block(&cache->geo, io->region, io->slot);
	io->end = store_io_end;
	io->owner = store;
	io->copies = copies;

	for (i = 0; i < io->nr; i++) {
		void *data = kmap_local_page(io->pages[i]);

		checksums[i] = cachefs_data_checksum(cache->seed, store->version.id,
						     io->block + i, data);
		kunmap_local(data);
	}

	list_add_tail(&io->link, &store->ios);
	atomic_inc(&store->pending);
	cachefs_stat_add(cache, CACHEFS_STAT_DEVICE_WRITTEN_BYTES,
			 (u64)io->nr << CACHEFS_BLOCK_SHIFT);
}

/**
 * cachefs_store_submit - Begin the I/O of stores
 * @work: cachefs_cache::submit_work
 *
 * Only here stores wait until the device takes requests.  I/O that comes together can
 * become one request.
 *
 * Context: process, may sleep as long as the device takes.
 */
void cachefs_store_submit(struct work_struct *work)
{
	struct cachefs_cache *cache = container_of(work, struct cachefs_cache,
						   submit_work);
	struct cachefs_store *store, *next;
	struct blk_plug plug;
	struct cachefs_io *io;

	blk_start_plug(&plug);
	llist_for_each_entry_safe(store, next,
				  llist_reverse_order(llist_del_all(&cache->submits)),
				  submit) {
		list_for_each_entry(io, &store->ios, link) {
			cachefs_pace_begin(io, true);
			cachefs_io_submit(io);
		}
		store_put(store);
	}
	blk_finish_plug(&plug);
}

static void store_init(struct cachefs_store *store)
{
	store->error = 0;
	store->stored = 0;
	store->released = false;
	store->began = jiffies;
	store->began_ns = trace_cachefs_store_done_enabled() ? ktime_get_ns() : 0;
	INIT_LIST_HEAD(&store->ios);
	INIT_LIST_HEAD(&store->watch);
	INIT_WORK(&store->work, store_work);
	atomic_set(&store->pending, 1);
}

/*
 * Prepare the I/O of the @part pages from @done on, which are in one chunk, or of fewer.
 * @stable: pages may not change while they are written.  @copied: the pages before have
 * their copies.  Returns why nothing of this is stored, or
 * %CACHEFS_WHY_NONE with the slots.
 */
static enum cachefs_reason store_part(struct cachefs_store *store, bool stable,
				      unsigned int done, unsigned int part,
				      unsigned int *copied, struct cachefs_piece *slots)
{
	struct cachefs_cache *cache = store->cache;
	enum cachefs_reason why = CACHEFS_WHY_NO_MEMORY;
	unsigned int end = done + part;
	struct cachefs_io *io;

	if (store->block + end > 1ULL << CACHEFS_FILE_BLOCK_BITS)
		return CACHEFS_WHY_TOO_LARGE;
	/*
	 * Get memory first.  If slots came first, the log would go on and let go of old
	 * blocks for nothing.  If a region ends within a part, the rest of the part has its
	 * copies already.
	 */
	io = cachefs_io_alloc(cache, true, part);
	if (!io)
		return why;
	if (*copied < end &&
	    !store_copy_pages(store, end, store_copies(store, stable, done, end)))
		goto free;
	*copied = end;
	why = CACHEFS_WHY_NO_REGION;
	if (!cachefs_region_alloc_slots(cache, part, slots, false))
		goto free;
	store_run(store, io, done, slots,
		  store_copies(store, stable, done, done + slots->nr));
	return CACHEFS_WHY_NONE;
free:
	cachefs_io_free(io);
	return why;
}

/* Have the I/O of a store begun. */
static void store_begin_io(struct cachefs_store *store)
{
	struct cachefs_cache *cache = store->cache;

	/* Watch first, because the device may take long until it takes a request. */
	if (store->release) {
		spin_lock(&cache->stores_lock);
		list_add_tail(&store->watch, &cache->stores);
		spin_unlock(&cache->stores_lock);
		store_watch_again(cache);
	}
	/* The work may be running already, and the store may end at once. */
	cachefs_op_begin(cache);
	if (llist_add(&store->submit, &cache->submits))
		queue_work(cache->submit_wq, &cache->submit_work);
	cachefs_op_end(cache);
}

/**
 * cachefs_store - Store blocks in the cache
 * @store: the request; @done is called exactly once, maybe before this returns
 *
 * The pages must not go away before @done, and should not be written to; see
 * the protocol in cachefs.h.  Blocks without room in the log, or beyond the bound for
 * bytes in flight, are left out, and were accounted for by cachefs_refuse().
 *
 * Context: process.  Does not wait, neither for the device nor for memory; but see
 * cachefs_store::may_wait.
 */
void cachefs_store(struct cachefs_store *store)
{
	struct cachefs_cache *cache = store->cache;
	unsigned int nr = DIV_ROUND_UP(store->bytes, CACHEFS_BLOCK_SIZE);
	/* Asked once, because the answer may change at any time. */
	bool stable = cachefs_device_stable_writes(cache->device);
	unsigned int done, room, part, copied = 0;
	enum cachefs_reason why, part_why;
	struct cachefs_piece slots;

	cachefs_op_begin(cache);
	store_init(store);
	trace_cachefs_store(store);
	room = store_admit(store, nr, &why);
	for (done = 0; done < room; done += slots.nr) {
		part = min_t(u64, room - done, CACHEFS_CHUNK_BLOCKS -
			     (store->block + done) % CACHEFS_CHUNK_BLOCKS);
		part_why = store_part(store, stable, done, part, &copied, &slots);
		if (part_why) {
			why = part_why;
			break;
		}
	}
	if (copied > done) {
		part = store_copies(store, stable, done, copied);
		store_free_copies(store, &store->pages[copied - part], part);
	}
	store_give_room(cache, room - done);
	if (done < nr) {
		WRITE_ONCE(store->error, -ENOBUFS);
		cachefs_refuse(cache, &store->version, store->block + done,
			       store->bytes -
			       ((size_t)done << CACHEFS_BLOCK_SHIFT), why);
	}
	if (list_empty(&store->ios))
		store_put(store);
	else
		store_begin_io(store);
}
