// SPDX-License-Identifier: GPL-2.0
/*
 * How fast the device is.  Histograms tell an administrator.  Three things follow: how much
 * may be on its way to the device, when the server is asked for data that is cached, and when
 * nothing is stored because the device does not answer.
 */
#include <linux/math64.h>
#include <linux/sizes.h>
#include "internal.h"

/* This many bytes may be in flight even to the slowest device. */
#define PACE_MIN_WINDOW		SZ_2M

/* A measurement of the write rate takes at least this time of writing. */
#define PACE_INTERVAL		(100 * NSEC_PER_MSEC)

/* A lower rate is not believed while fewer bytes than this are in flight. */
#define PACE_MIN_LOAD		SZ_1M

/* Without an answer for this many times cache::read_bypass_ms the device is stuck. */
#define PACE_STUCK		10

/* A bypassed device gets one read in 8 times the time that a read takes. */
#define PACE_PROBE		8

/* A moving average, in which a new value has one part in @parts. */
static void pace_average(u64 *mean, u64 value, unsigned int parts)
{
	u64 old = READ_ONCE(*mean);

	/* If two values come at the same time, one may get lost. */
	WRITE_ONCE(*mean, old ? old - old / parts + value / parts : value);
}

/*
 * Measure the write rate: the bytes since the last measurement, by the time in which
 * the device had something to write.  A higher rate is believed at once, because the
 * device can do again what it did once.  A lower rate is believed half of the way each
 * time, because the device may have paused.
 */
static void pace_measure_writes(struct cachefs_cache *cache, u64 now)
{
	u64 ns = now - cache->writing_since, rate, old = cache->write_rate;

	lockdep_assert_held(&cache->pace_lock);
	/* Another processor may have looked at the clock a little later. */
	if ((s64)ns < (s64)PACE_INTERVAL)
		return;
	rate = max_t(u64, div64_u64(cache->written * NSEC_PER_SEC, ns), 1);
	if (old && rate > old)
		WRITE_ONCE(cache->write_rate, rate);
	else if (atomic64_read(cachefs_in_flight(cache)) >= PACE_MIN_LOAD)
		WRITE_ONCE(cache->write_rate, old ? (old + rate) / 2 : rate);
	cache->writing_since = now;
	cache->written = 0;
}

/*
 * How much of the time that a read took counts.  When a device that was stuck answers
 * again, some reads have taken as long as that.  They say no more than that the device was
 * too slow; see cachefs_pace_stuck().  If they counted in full, the device would be
 * bypassed for many times as long.  In the same way a server that was away would be taken
 * for slow.  @other is what the other one of the two takes, which may be slower still.
 */
static u64 pace_took(struct cachefs_cache *cache, u64 ns, u64 other)
{
	u64 most = (u64)READ_ONCE(cache->read_bypass_ms) * PACE_STUCK * NSEC_PER_MSEC;

	if (most)
		ns = min(ns, max(most, 2 * other));
	return max_t(u64, ns, 1);
}

/* Note in a histogram how long something took. */
static void pace_count(struct cachefs_cache *cache, enum cachefs_latency which, u64 ns)
{
	struct cachefs_histogram *histogram = &cache->latencies[which];
	unsigned int bucket = fls64(div_u64(ns, NSEC_PER_USEC));

	atomic64_add(ns, &histogram->total_ns);
	atomic64_inc(&histogram->counts[min(bucket, CACHEFS_LATENCY_BUCKETS - 1U)]);
}

/**
 * cachefs_pace_begin - An I/O goes to the device
 * @io: the I/O
 * @write: whether it is a write
 *
 * Context: any.
 */
void cachefs_pace_begin(struct cachefs_io *io, bool write)
{
	struct cachefs_cache *cache = io->cache;
	unsigned long flags;

	io->began = ktime_get_ns();
	/* Before the I/O counts.  The time of an idle device begins with its first I/O. */
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
 * cachefs_pace_end - The device has completed an I/O
 * @io: given to cachefs_pace_begin()
 * @write: as given to cachefs_pace_begin()
 *
 * Context: any.
 */
void cachefs_pace_end(struct cachefs_io *io, bool write)
{
	struct cachefs_cache *cache = io->cache;
	u64 now = ktime_get_ns(), ns = now - io->began;
	unsigned long flags;

	pace_count(cache, write ? CACHEFS_LATENCY_DEVICE_WRITES :
				  CACHEFS_LATENCY_DEVICE_READS, ns);
	if (!write) {
		ns = pace_took(cache, ns, READ_ONCE(cache->server_ns));
		/* A device that is fast again is noticed sooner. */
		pace_average(&cache->read_ns, ns,
			     ns < READ_ONCE(cache->read_ns) / 2 ? 4 : 8);
	} else {
		spin_lock_irqsave(&cache->pace_lock, flags);
		cache->written += (u64)io->nr << CACHEFS_BLOCK_SHIFT;
		if (!--cache->writes)
			cache->idle_since = now;
		pace_measure_writes(cache, now);
		spin_unlock_irqrestore(&cache->pace_lock, flags);
	}
	WRITE_ONCE(cache->last_answer, jiffies);
	atomic_dec(&cache->ios);
}

/**
 * cachefs_server_answered - Note how long the server took
 * @cache: the cache
 * @ns: the time from a read that went to the server to its reply
 *
 * Context: any.
 */
void cachefs_server_answered(struct cachefs_cache *cache, u64 ns)
{
	pace_count(cache, CACHEFS_LATENCY_SERVER_READS, ns);
	ns = pace_took(cache, ns, READ_ONCE(cache->read_ns));
	pace_average(&cache->server_ns, ns, 8);
}

/**
 * cachefs_pace_window - How much may be in flight to the device now
 * @cache: the cache
 *
 * That is as much as the device takes in cache::max_in_flight_ms, as far as the rate
 * is known, and at most cache::max_in_flight.
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
 * cachefs_pace_stuck - Whether the device has not answered for long
 * @cache: the cache
 *
 * Context: any.
 * Return: whether an I/O waits for the device and no I/O has come back for
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
 * cachefs_pace_patience - How long a store may wait for the device
 * @cache: the cache
 *
 * The time ends a second after the device has answered last.  If many stores wait for
 * a device that hangs, one after the other, only the first one really waits.
 *
 * Context: any.
 * Return: jiffies.
 */
unsigned long cachefs_pace_patience(struct cachefs_cache *cache)
{
	unsigned long since = jiffies - READ_ONCE(cache->last_answer);

	/* No I/O waits, so the last answer says nothing. */
	if (!atomic_read(&cache->ios))
		return HZ;
	return since < HZ ? HZ - since : 0;
}

/* Whether the device, on average, is too slow, and slower than the server. */
static bool pace_too_slow(struct cachefs_cache *cache)
{
	u64 limit = (u64)READ_ONCE(cache->read_bypass_ms) * NSEC_PER_MSEC;
	u64 ns = READ_ONCE(cache->read_ns);

	return limit && ns > limit && ns > READ_ONCE(cache->server_ns);
}

/**
 * cachefs_pace_slow - Whether reads of data that is cached go to the server
 * @cache: the cache
 *
 * Context: any.
 * Return: whether the device is stuck, or slow, see cache::read_bypass_ms.
 */
bool cachefs_pace_slow(struct cachefs_cache *cache)
{
	return cachefs_pace_stuck(cache) || pace_too_slow(cache);
}

/**
 * cachefs_pace_bypass - Whether the server shall be asked for data that is cached
 * @cache: the cache
 *
 * Now and then one read goes to the device all the same.  It shows when the device is
 * faster again.
 *
 * Context: any.
 * Return: whether the device is stuck, or slow, see cache::read_bypass_ms.
 */
bool cachefs_pace_bypass(struct cachefs_cache *cache)
{
	if (cachefs_pace_stuck(cache))
		return true;
	if (likely(!pace_too_slow(cache)))
		return false;
	if (time_before(jiffies, READ_ONCE(cache->next_probe)))
		return true;
	WRITE_ONCE(cache->next_probe, jiffies +
		   msecs_to_jiffies(div_u64(PACE_PROBE *
					    READ_ONCE(cache->read_ns),
					    NSEC_PER_MSEC)));
	return false;
}
