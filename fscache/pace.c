// SPDX-License-Identifier: GPL-2.0
/*
 * How fast the device is, and what follows from it: how much may be on its way
 * to it, and when the server is asked for what is cached.
 */
#include <linux/math64.h>
#include <linux/sizes.h>
#include "internal.h"

/* So much may be in flight to a device however slow it is, bytes. */
#define PACE_MIN_WINDOW		SZ_2M

/* So long must it have been writing to say how fast it is. */
#define PACE_INTERVAL		(100 * NSEC_PER_MSEC)

/* It does not say how slow it is while less than this is in flight, bytes. */
#define PACE_MIN_LOAD		SZ_1M

/* No answer for so many times cache::read_bypass_ms: the device is stuck. */
#define PACE_STUCK		10

/* While reads go to the server, one goes to the device in 8 times what it takes. */
#define PACE_PROBE		8

/* A moving average in which a new value has one part in @parts. */
static void average(u64 *mean, u64 value, unsigned int parts)
{
	u64 old = READ_ONCE(*mean);

	/* Of two at a time one may get lost. */
	WRITE_ONCE(*mean, old ? old - old / parts + value / parts : value);
}

/*
 * What has the device written since the last time, in how long?  Only the time
 * in which it had something to write counts.  What it did once it can do, so more
 * is believed at once; less, half of the way each time: it may have paused.
 */
static void measure_writes(struct cachefs_cache *cache, u64 now)
{
	u64 ns = now - cache->writing_since, rate, old = cache->write_rate;

	lockdep_assert_held(&cache->pace_lock);
	/* Another processor may have looked at the clock a little later. */
	if ((s64)ns < (s64)PACE_INTERVAL)
		return;
	rate = max_t(u64, div64_u64(cache->written * NSEC_PER_SEC, ns), 1);
	if (old && rate > old)
		WRITE_ONCE(cache->write_rate, rate);
	else if (atomic64_read(&cache->in_flight) >= PACE_MIN_LOAD)
		WRITE_ONCE(cache->write_rate, old ? (old + rate) / 2 : rate);
	cache->writing_since = now;
	cache->written = 0;
}

/**
 * cachefs_pace_begin - An I/O goes to the device
 * @io: the I/O
 * @write: its direction
 *
 * Context: any.
 */
void cachefs_pace_begin(struct cachefs_io *io, bool write)
{
	struct cachefs_cache *cache = io->cache;
	unsigned long flags;

	io->began = ktime_get_ns();
	/* Before it counts: an idle device has not been asked anything. */
	if (!atomic_read(&cache->ios))
		WRITE_ONCE(cache->last_answer, jiffies);
	atomic_inc_return(&cache->ios);
	if (!write)
		return;
	spin_lock_irqsave(&cache->pace_lock, flags);
	if (!cache->writes++)
		cache->writing_since += io->began - cache->idle_since;
	spin_unlock_irqrestore(&cache->pace_lock, flags);
}

/**
 * cachefs_pace_end - The device has done an I/O
 * @io: given to cachefs_pace_begin()
 * @write: as then
 *
 * Context: any.
 */
void cachefs_pace_end(struct cachefs_io *io, bool write)
{
	struct cachefs_cache *cache = io->cache;
	u64 now = ktime_get_ns(), ns;
	unsigned long flags;

	if (!write) {
		ns = max_t(u64, now - io->began, 1);
		/* What goes well again is seen sooner. */
		average(&cache->read_ns, ns,
			ns < READ_ONCE(cache->read_ns) / 2 ? 4 : 8);
	} else {
		spin_lock_irqsave(&cache->pace_lock, flags);
		cache->written += (u64)io->nr << CACHEFS_BLOCK_SHIFT;
		if (!--cache->writes)
			cache->idle_since = now;
		measure_writes(cache, now);
		spin_unlock_irqrestore(&cache->pace_lock, flags);
	}
	WRITE_ONCE(cache->last_answer, jiffies);
	atomic_dec(&cache->ios);
}

/**
 * cachefs_server_answered - Note how long the server took
 * @cache: the cache
 * @ns: from the read that was not served from the cache to its reply
 *
 * Context: any.
 */
void cachefs_server_answered(struct cachefs_cache *cache, u64 ns)
{
	average(&cache->server_ns, ns, 8);
}

/**
 * cachefs_pace_window - How much may be in flight to the device now?
 * @cache: the cache
 *
 * As much as the device takes in cache::max_in_flight_ms, as far as is known,
 * within cache::max_in_flight.
 *
 * Context: any.
 * Return: bytes.
 */
u64 cachefs_pace_window(struct cachefs_cache *cache)
{
	u64 ms = READ_ONCE(cache->max_in_flight_ms);
	u64 rate = READ_ONCE(cache->write_rate);
	u64 bytes = READ_ONCE(cache->max_in_flight);

	if (!ms || !rate)
		return bytes;
	return min_t(u64, bytes, max_t(u64, div64_u64(rate, MSEC_PER_SEC) * ms,
				       PACE_MIN_WINDOW));
}

/**
 * cachefs_pace_stuck - Has the device not answered for long?
 * @cache: the cache
 *
 * Context: any.
 * Return: whether something waits for it and nothing has come back for
 * %PACE_STUCK times cache::read_bypass_ms.
 */
bool cachefs_pace_stuck(struct cachefs_cache *cache)
{
	unsigned int ms = READ_ONCE(cache->read_bypass_ms);

	return ms && atomic_read(&cache->ios) &&
		time_after(jiffies, READ_ONCE(cache->last_answer) +
				    msecs_to_jiffies(ms * PACE_STUCK));
}

/**
 * cachefs_pace_patience - How long may be waited for the device?
 * @cache: the cache
 *
 * Up to a second since it has answered.  So of many who wait one after the other, for
 * a device that hangs, all but the first do not.
 *
 * Context: any.
 * Return: jiffies.
 */
unsigned long cachefs_pace_patience(struct cachefs_cache *cache)
{
	unsigned long since = jiffies - READ_ONCE(cache->last_answer);

	/* Nothing has been asked yet. */
	if (!atomic_read(&cache->ios))
		return HZ;
	return since < HZ ? HZ - since : 0;
}

/* Is the device, on average, too slow and slower than the server? */
static bool too_slow(struct cachefs_cache *cache)
{
	u64 limit = (u64)READ_ONCE(cache->read_bypass_ms) * NSEC_PER_MSEC;
	u64 ns = READ_ONCE(cache->read_ns);

	return limit && ns > limit && ns > READ_ONCE(cache->server_ns);
}

/**
 * cachefs_pace_bypass - Shall the server be asked for what is cached?
 * @cache: the cache
 *
 * While it is so, a read is let through now and then, which shows when it is not.
 *
 * Context: any.
 * Return: whether the device is stuck, or slow, see cache::read_bypass_ms.
 */
bool cachefs_pace_bypass(struct cachefs_cache *cache)
{
	if (cachefs_pace_stuck(cache))
		return true;
	if (likely(!too_slow(cache)))
		return false;
	if (time_before(jiffies, READ_ONCE(cache->next_probe)))
		return true;
	WRITE_ONCE(cache->next_probe, jiffies +
		   msecs_to_jiffies(div_u64(PACE_PROBE *
					    READ_ONCE(cache->read_ns),
					    NSEC_PER_MSEC)));
	return false;
}

/**
 * cachefs_pace_bypassed - Is what comes from the server cached all the same?
 * @cache: the cache
 * @version: of the file
 * @block: first file block
 *
 * Context: process; takes index_lock if the device is stuck or slow.
 * Return: whether it is, and cachefs_pace_bypass() sent its reader to the server.
 */
bool cachefs_pace_bypassed(struct cachefs_cache *cache,
			   const struct cachefs_version *version, u64 block)
{
	u32 slot;

	if (likely(!too_slow(cache) && !cachefs_pace_stuck(cache)))
		return false;
	cachefs_index_map(cache, version, block, 1, &slot, false);
	return slot != CACHEFS_NO_REF;
}
