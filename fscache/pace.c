// SPDX-License-Identifier: GPL-2.0
/*
 * The speed of the device.  Histograms show the speed to an administrator.  The speed
 * decides how much data may be on the way to the device, when the server is asked for
 * data that is cached, and when nothing is stored because the device does not answer.
 */
#include <linux/math64.h>
#include <linux/sizes.h>
#include "internal.h"

/* This many bytes may be in flight even to the slowest device. */
#define PACE_MIN_WINDOW		SZ_2M

/* A measurement of the write rate takes at least this time of writing. */
#define PACE_INTERVAL		(100 * NSEC_PER_MSEC)

/* A lower rate does not count while fewer bytes than this are in flight. */
#define PACE_MIN_LOAD		SZ_1M

/* Without an answer for this many times cache::read_bypass_ms the device is stuck. */
#define PACE_STUCK		10

/* A bypassed device gets one read in 8 times the time that a read takes. */
#define PACE_PROBE		8

/* Add a value to a moving average, in which a new value has one part in @parts. */
static void pace_average(u64 *mean, u64 value, unsigned int parts)
{
	u64 old = READ_ONCE(*mean);

	/* If two values come at the same time, one may get lost. */
	WRITE_ONCE(*mean, old ? old - old / parts + value / parts : value);
}

/*
 * Measure the write rate: the bytes since the last measurement, divided by the time in
 * which the device had something to write.  A higher rate counts at once, because the
 * device can reach the rate again.  A lower rate counts half each time, because the
 * device may have paused.
 */
static void pace_measure_writes(struct cachefs_cache *cache, u64 now)
{
	u64 ns = now - cache->writing_since, rate, old = cache->write_rate;

	lockdep_assert_held(&cache->pace_lock);
	/* @ns may be negative, as another processor may have read the clock later. */
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
 * Return the part of a read's time that counts in the average.  When a device that was
 * stuck answers again, some reads have taken as long as the device was stuck.  These
 * reads only show that the device was too slow; see cachefs_pace_stuck().  If they
 * counted in full, the device would be bypassed for many times as long.  In the same way
 * a server that was away would seem slow.  @other is the mean time of the server for a
 * read of the device, and the mean time of the device for a read of the server.  It may
 * be longer still.
 */
static u64 pace_took(struct cachefs_cache *cache, u64 ns, u64 other)
{
	u64 most = (u64)READ_ONCE(cache->read_bypass_ms) * PACE_STUCK * NSEC_PER_MSEC;

	if (most)
		ns = min(ns, max(most, 2 * other));
	return max_t(u64, ns, 1);
}

/* Add the time that an I/O took to a histogram. */
static void pace_count(struct cachefs_cache *cache, enum cachefs_latency which, u64 ns)
{
	struct cachefs_histogram __percpu *histogram = &cache->cpu->latencies[which];
	unsigned int bucket = fls64(div_u64(ns, NSEC_PER_USEC));

	this_cpu_add(histogram->total_ns, ns);
	this_cpu_inc(histogram->counts[min(bucket, CACHEFS_LATENCY_BUCKETS - 1U)]);
}

/**
 * cachefs_latency_count - Read a bucket of a histogram
 * @cache: the cache
 * @which: the histogram
 * @bucket: the bucket, see struct cachefs_histogram
 *
 * Context: any.
 * Return: the number of times that were counted there.
 */
u64 cachefs_latency_count(const struct cachefs_cache *cache, enum cachefs_latency which,
			  unsigned int bucket)
{
	return cachefs_cpu_sum(&cache->cpu->latencies[which].counts[bucket]);
}

/**
 * cachefs_latency_total_ns - Read the sum of all times of a histogram
 * @cache: the cache
 * @which: the histogram
 *
 * Context: any.
 * Return: ns.
 */
u64 cachefs_latency_total_ns(const struct cachefs_cache *cache,
			     enum cachefs_latency which)
{
	return cachefs_cpu_sum(&cache->cpu->latencies[which].total_ns);
}

/**
 * cachefs_pace_busy - Whether an I/O waits for the device
 * @cache: the cache
 *
 * Context: any.
 * Return: whether the device has an I/O that has not come back.
 */
bool cachefs_pace_busy(const struct cachefs_cache *cache)
{
	return cachefs_under_way(&cache->cpu->ios);
}

/* All processors look at the time of the last answer, so write it once in a tick. */
static void pace_note_answer(struct cachefs_cache *cache, bool idle)
{
	unsigned long now = jiffies;

	if (READ_ONCE(cache->last_answer) != now && !(idle && cachefs_pace_busy(cache)))
		WRITE_ONCE(cache->last_answer, now);
}

/**
 * cachefs_pace_begin - Note that an I/O goes to the device
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
	/* The time of an idle device begins with its first I/O. */
	pace_note_answer(cache, true);
	/* Before the I/O counts, see cachefs_pace_stuck(). */
	smp_mb();
	this_cpu_inc(cache->cpu->ios.begun);
	if (!write)
		return;
	spin_lock_irqsave(&cache->pace_lock, flags);
	if (!cache->writes++)
		cache->writing_since += io->began - cache->idle_since;
	spin_unlock_irqrestore(&cache->pace_lock, flags);
}

/**
 * cachefs_pace_end - Note that the device has completed an I/O
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
		/* So a device that is fast again is noticed sooner. */
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
	pace_note_answer(cache, false);
	/* Pairs with cachefs_under_way(). */
	smp_mb();
	this_cpu_inc(cache->cpu->ios.ended);
}

/**
 * cachefs_server_answered - Note the time that the server took
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
 * cachefs_pace_window - Get the bound for bytes in flight to the device now
 * @cache: the cache
 *
 * The bound is the bytes that the device writes in cache::max_in_flight_ms, if the rate
 * is known, but at least %PACE_MIN_WINDOW.  It is at most cache::max_in_flight.
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

/* Whether the device has not answered for %PACE_STUCK times @ms. */
static bool pace_silent(const struct cachefs_cache *cache, unsigned int ms)
{
	return time_after(jiffies, READ_ONCE(cache->last_answer) +
				   msecs_to_jiffies(ms * PACE_STUCK));
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

	/* All processors are added up only if the device has been silent. */
	if (!ms || !pace_silent(cache, ms) || !cachefs_pace_busy(cache))
		return false;
	/* cachefs_pace_begin() writes last_answer before its I/O counts. */
	smp_rmb();
	return pace_silent(cache, ms);
}

/**
 * cachefs_pace_patience - Get the time that a store may wait for the device
 * @cache: the cache
 *
 * The time ends a second after the last answer of the device.  If many stores wait for
 * a device that hangs, one after the other, only the first store really waits.
 *
 * Context: any.
 * Return: jiffies.
 */
unsigned long cachefs_pace_patience(struct cachefs_cache *cache)
{
	unsigned long since = jiffies - READ_ONCE(cache->last_answer);

	/* No I/O waits, so the last answer says nothing. */
	if (!cachefs_pace_busy(cache))
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
 * From time to time one read goes to a slow device all the same, and shows when the
 * device is faster again.
 *
 * Context: any.
 * Return: whether the device is stuck, or slow, see cache::read_bypass_ms; but %false for
 * the one read that tries a slow device.
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
