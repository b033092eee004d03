// SPDX-License-Identifier: GPL-2.0
/*
 * Accounting: operations under way, the counters and the share of a volume, refused
 * bytes, the age of the data, and objects.
 */
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/rcupdate.h>
#include <linux/unaligned.h>
#include <trace/events/cachefs.h>
#include "internal.h"

/**
 * cachefs_cpu_sum - Add up a counter of all processors
 * @counter: the counter
 *
 * Context: any.
 * Return: the sum.  If the counter only grows, a later sum is not smaller.
 */
s64 cachefs_cpu_sum(const s64 __percpu *counter)
{
	s64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(counter, cpu));
	return sum;
}

/**
 * cachefs_under_way - Count the things that have begun and have not ended
 * @tally: begins and ends
 *
 * The ends are added up first.  So an end counts only if its begin counts, too, and the
 * result is 0 only if all has ended that had begun before the call.  Things that begin
 * during the call may count.
 *
 * Context: any.
 * Return: the number of things.
 */
s64 cachefs_under_way(const struct cachefs_tally __percpu *tally)
{
	s64 ended = cachefs_cpu_sum(&tally->ended);

	/* Pairs with the barrier between a begin and its end. */
	smp_mb();
	return cachefs_cpu_sum(&tally->begun) - ended;
}

/**
 * cachefs_op_begin - An operation uses the cache
 * @cache: the cache
 *
 * Context: any.
 */
void cachefs_op_begin(struct cachefs_cache *cache)
{
	this_cpu_inc(cache->cpu->ops.begun);
	/* The operation reads the state later, see cachefs_quiesce(). */
	smp_mb();
}

/**
 * cachefs_op_end - An operation does not use the cache any more
 * @cache: the cache; may be gone afterwards
 *
 * Context: any.
 */
void cachefs_op_end(struct cachefs_cache *cache)
{
	/* The waiter does not free the cache before this section ends. */
	rcu_read_lock();
	/* The begin of the operation, and all that it did, comes before its end. */
	smp_mb();
	this_cpu_inc(cache->cpu->ops.ended);
	if (wq_has_sleeper(&cache->ops_wait))
		wake_up(&cache->ops_wait);
	rcu_read_unlock();
}

/**
 * cachefs_quiesce - Refuse new operations and wait for those under way
 * @cache: the cache
 *
 * Afterwards lookups find nothing and stores are refused.  A cache that has failed
 * stays failed.
 *
 * Context: process, may sleep as long as the device takes.
 */
void cachefs_quiesce(struct cachefs_cache *cache)
{
	cmpxchg(&cache->state, CACHEFS_ACTIVE, CACHEFS_DETACHING);
	/* An operation that is not seen here sees the new state. */
	smp_mb();
	wait_event(cache->ops_wait, !cachefs_under_way(&cache->cpu->ops));
	/* The last operation may still be waking this task. */
	synchronize_rcu();
}

/*
 * Forget the parts of the log that have been written again.  Parts are numbered from the
 * attach on; the log has %CACHEFS_SHARE_PARTS.
 */
static void account_share_expire(struct cachefs_counters *share, u64 part)
{
	lockdep_assert_held(&share->share_lock);
	share->share_part = max(share->share_part, part - min(part, CACHEFS_SHARE_PARTS));
	while (share->share_part < part) {
		u64 *bytes = &share->share_parts[++share->share_part % CACHEFS_SHARE_PARTS];

		share->share_bytes -= *bytes;
		*bytes = 0;
	}
}

/* Return the part of the log that has a region, by the low bits of its sequence number. */
static u64 account_share_part_of(const struct cachefs_cache *cache, u32 seq)
{
	return div_u64((u64)seq * CACHEFS_SHARE_PARTS, cache->geo.nr_regions);
}

/*
 * Count @bytes of a volume that were written to the open region.  Returns the bytes that
 * the volume has in the log, except in the part that is written next.
 */
static u64 account_share_add(struct cachefs_cache *cache, struct cachefs_counters *share,
			     u64 bytes)
{
	u32 next = READ_ONCE(cache->next_seq), ready = READ_ONCE(cache->nr_ready) + 1;
	u64 has;

	spin_lock(&share->share_lock);
	account_share_expire(share, account_share_part_of(cache, next));
	share->share_parts[account_share_part_of(cache, next - min(next, ready)) %
			   CACHEFS_SHARE_PARTS] += bytes;
	share->share_bytes += bytes;
	has = share->share_bytes;
	spin_unlock(&share->share_lock);
	return has;
}

static u64 account_share_has(struct cachefs_cache *cache, struct cachefs_counters *share)
{
	return account_share_add(cache, share, 0);
}

static u64 account_share_limit(const struct cachefs_cache *cache, unsigned int percent)
{
	return div_u64(cachefs_capacity(cache) * percent, 100);
}

/* Find the counters of a volume with a share, or with a minimum, by a version id. */
static struct cachefs_counters *account_share_find(struct cachefs_cache *cache,
						   const u8 id[16], bool minimum)
{
	u16 hash = get_unaligned_le16(id + CACHEFS_ID_VOLUME);
	struct cachefs_counters *counters;

	lockdep_assert_held(&cache->counters_mutex);
	list_for_each_entry(counters, &cache->counters, link)
		if (counters->hash == hash &&
		    (READ_ONCE(counters->min_share) ||
		     (!minimum && READ_ONCE(counters->has_share))))
			return counters;
	return NULL;
}

/**
 * cachefs_share_protects - Whether blocks must stay, as their volume has too few
 * @cache: the cache
 * @id: the version id of the blocks
 *
 * Context: process, may sleep.
 * Return: whether the volume has a minimum share, and no more than that.
 */
bool cachefs_share_protects(struct cachefs_cache *cache, const u8 id[16])
{
	struct cachefs_counters *share;
	bool protects = false;

	if (!READ_ONCE(cache->protects))
		return false;
	mutex_lock(&cache->counters_mutex);
	share = account_share_find(cache, id, true);
	if (share)
		protects = account_share_has(cache, share) <=
			account_share_limit(cache, READ_ONCE(share->min_share));
	mutex_unlock(&cache->counters_mutex);
	return protects;
}

/**
 * cachefs_share_stays - Count blocks that stay for the share of their volume
 * @cache: the cache
 * @id: the version id of the blocks
 * @bytes: how many bytes
 *
 * Context: process, may sleep.
 */
void cachefs_share_stays(struct cachefs_cache *cache, const u8 id[16], u64 bytes)
{
	struct cachefs_counters *share;

	if (!cache->volume_hash)
		return;
	mutex_lock(&cache->counters_mutex);
	share = account_share_find(cache, id, false);
	if (share)
		account_share_add(cache, share, bytes);
	mutex_unlock(&cache->counters_mutex);
}

/**
 * cachefs_volume_admits - Whether a volume's policy lets more of it be stored
 * @cache: the cache
 * @volume: the volume
 * @bytes: how many bytes more
 *
 * Stores that are under way do not count yet.
 *
 * Context: process, does not sleep.
 * Return: whether the bytes may be stored.
 */
bool cachefs_volume_admits(struct cachefs_cache *cache,
			   struct cachefs_volume *volume, u64 bytes)
{
	unsigned int percent = READ_ONCE(volume->max_share);

	if (percent >= 100)
		return true;
	if (!percent)
		return false;
	return account_share_has(cache, volume->share) + bytes <=
		account_share_limit(cache, percent);
}

/**
 * cachefs_volume_set_policy - Set the policy of a volume
 * @cache: the cache
 * @volume: the volume
 * @policy: what an administrator wants of the volume
 *
 * Data that is stored from now on counts for the share.
 *
 * Context: any.
 */
void cachefs_volume_set_policy(struct cachefs_cache *cache,
			       struct cachefs_volume *volume,
			       const struct cachefs_policy *policy)
{
	WRITE_ONCE(volume->share->min_share, policy->min_share);
	/* Another volume with this identity may have a share, so this never goes back. */
	if (policy->min_share || policy->max_share < 100)
		WRITE_ONCE(volume->share->has_share, true);
	if (policy->min_share && cache->volume_hash)
		WRITE_ONCE(cache->protects, true);
	else if (policy->min_share)
		pr_warn("%s: formatted by a module that had no minimum shares: they have no effect until the cache is formatted anew\n",
			cachefs_device_name(cache->device));
	WRITE_ONCE(volume->max_share, policy->max_share);
	WRITE_ONCE(volume->keep, policy->keep);
	WRITE_ONCE(volume->second, policy->second);
}

/**
 * cachefs_volume_keeps - Whether stored data of a volume counts as read
 * @volume: the volume
 *
 * Context: any.
 * Return: whether it does.
 */
bool cachefs_volume_keeps(const struct cachefs_volume *volume)
{
	return READ_ONCE(volume->keep);
}

/**
 * cachefs_count - Count something that only the glue knows
 * @cache: the cache
 * @volume: the volume of the file that was read, or %NULL
 * @stat: what is counted; with a volume one of hits, misses and stores
 * @n: how much to add, up to the end of the file
 *
 * Context: any; for stored bytes, process.
 */
void cachefs_count(struct cachefs_cache *cache, struct cachefs_volume *volume,
		   enum cachefs_stat stat, s64 n)
{
	cachefs_stat_add(cache, stat, n);
	if (!volume)
		return;
	this_cpu_add(volume->counters->cpu->stats[stat], n);
	if (stat == CACHEFS_STAT_STORED_BYTES && READ_ONCE(volume->share->has_share))
		account_share_add(cache, volume->share, round_up(n, CACHEFS_BLOCK_SIZE));
}

/**
 * cachefs_counters_read - Read a counter of a volume
 * @counters: the counters of the volume
 * @stat: one of hits, misses and stores
 *
 * Context: any.
 * Return: bytes.
 */
s64 cachefs_counters_read(const struct cachefs_counters *counters,
			  enum cachefs_stat stat)
{
	return cachefs_cpu_sum(&counters->cpu->stats[stat]);
}

static void account_counters_free(struct cachefs_counters *counters)
{
	if (!counters)
		return;
	free_percpu(counters->cpu);
	kfree(counters);
}

static struct cachefs_counters *account_counters_alloc(const struct cachefs_cache *cache,
						       const char *key)
{
	struct cachefs_counters *counters;
	size_t size = strlen(key) + 1;

	counters = kzalloc(struct_size(counters, key, size), GFP_KERNEL);
	if (!counters)
		return NULL;
	counters->cpu = alloc_percpu(struct cachefs_volume_cpu);
	if (!counters->cpu) {
		kfree(counters);
		return NULL;
	}
	memcpy(counters->key, key, size);
	counters->hash = cachefs_volume_hash(cache->seed, key, size - 1);
	spin_lock_init(&counters->share_lock);
	return counters;
}

static struct cachefs_counters *account_counters_find(struct cachefs_cache *cache,
						      const char *key)
{
	struct cachefs_counters *counters;

	lockdep_assert_held(&cache->counters_mutex);
	list_for_each_entry(counters, &cache->counters, link)
		if (!strcmp(counters->key, key))
			return counters;
	return NULL;
}

/* If there are too many counters, free those that have had no volume for longest. */
static void account_counters_trim(struct cachefs_cache *cache)
{
	struct cachefs_counters *counters, *next;

	lockdep_assert_held(&cache->counters_mutex);
	list_for_each_entry_safe(counters, next, &cache->counters, link) {
		if (cache->nr_counters <= CACHEFS_KEPT_COUNTERS)
			return;
		if (counters->users || READ_ONCE(counters->min_share))
			continue;
		list_del(&counters->link);
		cache->nr_counters--;
		account_counters_free(counters);
	}
}

/**
 * cachefs_counters_get - Get the counters of a key, those of its last volume if kept
 * @cache: the cache
 * @key: the name or the identity of the volume
 *
 * An export that is mounted again, by an automounter for example, goes on with its
 * numbers.  Two volumes that have one key at the same time are counted together.
 *
 * Context: process, may sleep.
 * Return: the counters, to be given to cachefs_counters_put(); or %NULL without memory.
 */
struct cachefs_counters *cachefs_counters_get(struct cachefs_cache *cache,
					      const char *key)
{
	struct cachefs_counters *new = account_counters_alloc(cache, key), *counters;

	/*
	 * On Linux 6.1 the end of a store may free a volume, and so wait for the mutex.
	 * An allocation may wait for the end of a store.  So no memory is allocated
	 * under the mutex.
	 */
	mutex_lock(&cache->counters_mutex);
	counters = account_counters_find(cache, key);
	if (!counters && new) {
		list_add_tail(&new->link, &cache->counters);
		cache->nr_counters++;
		counters = new;
		new = NULL;
	}
	if (counters)
		counters->users++;
	mutex_unlock(&cache->counters_mutex);
	account_counters_free(new);
	return counters;
}

/**
 * cachefs_counters_put - Stop counting for a volume
 * @cache: the cache
 * @counters: of the volume; they stay, as long as there are not too many
 *
 * Context: process, may sleep.
 */
void cachefs_counters_put(struct cachefs_cache *cache,
			  struct cachefs_counters *counters)
{
	mutex_lock(&cache->counters_mutex);
	counters->users--;
	list_move_tail(&counters->link, &cache->counters);
	account_counters_trim(cache);
	mutex_unlock(&cache->counters_mutex);
}

/**
 * cachefs_volume_init - Get the counters of a volume, without a policy
 * @cache: the cache
 * @volume: the volume; all 0
 * @key: name of the volume in the network file system
 * @identity: identity by which the volume's blocks are found
 *
 * Context: process, may sleep.
 * Return: 0 or %-ENOMEM.
 */
int cachefs_volume_init(struct cachefs_cache *cache, struct cachefs_volume *volume,
			const char *key, const char *identity)
{
	volume->counters = cachefs_counters_get(cache, key);
	if (!volume->counters)
		return -ENOMEM;
	volume->share = cachefs_counters_get(cache, identity);
	if (!volume->share) {
		cachefs_counters_put(cache, volume->counters);
		return -ENOMEM;
	}
	volume->max_share = 100;
	return 0;
}

/**
 * cachefs_volume_exit - Stop counting for a volume
 * @cache: the cache
 * @volume: no operation uses the volume any more
 *
 * Context: process, may sleep.
 */
void cachefs_volume_exit(struct cachefs_cache *cache, struct cachefs_volume *volume)
{
	cachefs_counters_put(cache, volume->counters);
	cachefs_counters_put(cache, volume->share);
}

/**
 * cachefs_counters_free - Free the counters of all volumes
 * @cache: has no volume any more
 *
 * Context: process, may sleep.
 */
void cachefs_counters_free(struct cachefs_cache *cache)
{
	struct cachefs_counters *counters, *next;

	list_for_each_entry_safe(counters, next, &cache->counters, link)
		account_counters_free(counters);
}

/**
 * cachefs_refuse - Account bytes that are not stored, and say why
 * @cache: the cache
 * @version: the version of the bytes
 * @block: first file block
 * @bytes: how many
 * @why: one of CACHEFS_REFUSED()
 *
 * The code that decides not to store something calls this, once.  cachefs_store_wanted()
 * and cachefs_store() have called this for all that they leave out.
 *
 * Context: any.
 */
void cachefs_refuse(struct cachefs_cache *cache,
		    const struct cachefs_version *version, u64 block, u64 bytes,
		    enum cachefs_reason why)
{
	static const enum cachefs_stat stats[] = {
#define X(name, file, text, stat) \
		[CACHEFS_WHY_##name] = CACHEFS_STAT_##stat##_BYTES,
		CACHEFS_REFUSED(X)
#undef X
	};

	cachefs_stat_add(cache, stats[why], bytes);
	atomic64_add(bytes, &cache->refused[why]);
	trace_cachefs_refuse(version->id, block, bytes, why);
}

/**
 * cachefs_oldest_seconds - How long ago the region with the oldest data was begun
 * @cache: the cache
 *
 * All data of a region counts from when the region became OPEN.  Data of an earlier
 * attach counts from this attach, as the device does not have the time.  A block that
 * stays when its region is reused counts from the reuse.
 *
 * Context: process, may sleep.
 * Return: seconds; 0 if nothing is cached.
 */
u32 cachefs_oldest_seconds(const struct cachefs_cache *cache)
{
	u32 now = ktime_get_boottime_seconds(), head = READ_ONCE(cache->head), i;
	u32 nr_regions = READ_ONCE(cache->nr_extents) ? cache->geo.nr_regions : 0;
	const struct cachefs_region *region;

	for (i = 0; i < nr_regions; i++) {
		region = &cache->regions[(head + i) % nr_regions];
		if (READ_ONCE(region->nr_extents))
			return now - (READ_ONCE(region->opened) ?: cache->attached);
		cond_resched();
	}
	return 0;
}

/**
 * cachefs_count_object - Account an object that was opened or closed
 * @cache: the cache
 * @change: 1 or -1
 *
 * Context: any.
 */
void cachefs_count_object(struct cachefs_cache *cache, int change)
{
	atomic_add(change, &cache->objects);
}
