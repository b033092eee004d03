// SPDX-License-Identifier: GPL-2.0
/*
 * The life of an attached cache: attach and detach; version ids; and the counters.
 */
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/unaligned.h>
#include <trace/events/cachefs.h>
#include "../nfs-glue/compat/blake2s.h"
#include "internal.h"

/* Default for what may be on its way to the device, bytes. */
#define CACHEFS_MAX_IN_FLIGHT	(64 << 20)

/* Default for how long the device may take for that, ms. */
#define CACHEFS_MAX_IN_FLIGHT_MS 1000

/* Default for how slow the device may be to read before the server is asked, ms. */
#define CACHEFS_READ_BYPASS_MS	100

/* Default size of a region, blocks: 4 MiB. */
#define CACHEFS_REGION_BLOCKS	1024

/**
 * cachefs_op_begin - An operation uses the cache
 * @cache: the cache
 *
 * Context: any.
 */
void cachefs_op_begin(struct cachefs_cache *cache)
{
	/* A full barrier: then it looks at the state, see cachefs_quiesce(). */
	atomic_inc_return(&cache->ops);
}

/**
 * cachefs_op_end - An operation does not use the cache any more
 * @cache: the cache; may be gone afterwards
 *
 * Context: any.
 */
void cachefs_op_end(struct cachefs_cache *cache)
{
	/* Under the lock, so that the waiter cannot free it in between. */
	unsigned long flags;

	spin_lock_irqsave(&cache->wait.lock, flags);
	if (atomic_dec_and_test(&cache->ops))
		wake_up_locked(&cache->wait);
	spin_unlock_irqrestore(&cache->wait.lock, flags);
}

/**
 * cachefs_device_gone - The device was taken out of the machine
 * @cache: the cache
 *
 * It is failed at once, without waiting for the errors of what is still under way.
 *
 * Context: any.
 */
void cachefs_device_gone(struct cachefs_cache *cache)
{
	if (cmpxchg(&cache->state, CACHEFS_ACTIVE, CACHEFS_FAILED) !=
	    CACHEFS_ACTIVE)
		return;
	pr_err("%s: the device is gone, the cache is not used any more; files are read from the server\n",
	       cachefs_device_name(cache->device));
	wake_up(&cache->wait);
}

/* Say why a superblock is refused. */
static int bad_super(const char *name, enum cachefs_refusal why,
		     const struct cachefs_super_block *sb, u64 blocks)
{
	u32 version = le32_to_cpu(sb->version);

	if (why == CACHEFS_BAD_DEVICE_SIZE)
		pr_err("%s: bad superblock: %s: the device has %llu blocks of 4096 bytes, and had %llu when the cache was made; \"format\" makes a new one\n",
		       name, cachefs_refusal_text(why),
		       (unsigned long long)blocks,
		       (unsigned long long)le64_to_cpu(sb->device_blocks));
	else if (why == CACHEFS_BAD_VERSION)
		pr_err("%s: bad superblock: %s: the cache has version %u, which is %s, and this module knows %u only; \"format\" makes a new one\n",
		       name, cachefs_refusal_text(why), version,
		       version < CACHEFS_FORMAT_VERSION ? "older" : "newer",
		       CACHEFS_FORMAT_VERSION);
	else if (why == CACHEFS_BAD_FEATURES)
		pr_err("%s: bad superblock: %s: the cache has features that this module does not know (bits %#x); \"format\" makes a new one\n",
		       name, cachefs_refusal_text(why),
		       le32_to_cpu(sb->features_incompat) &
		       ~CACHEFS_FEATURES_INCOMPAT);
	else
		pr_err("%s: bad superblock: %s\n", name,
		       cachefs_refusal_text(why));
	return why == CACHEFS_BAD_VERSION || why == CACHEFS_BAD_FEATURES ?
		-EOPNOTSUPP : -EUCLEAN;
}

/* Read and check the superblock and its copy. */
static int read_super(struct cachefs_cache *cache,
		      struct cachefs_super_block *sb)
{
	const char *name = cachefs_device_name(cache->device);
	u64 blocks = cachefs_device_blocks(cache->device), more;
	struct cachefs_super_block *copy;
	enum cachefs_refusal why;
	int ret;

	ret = cachefs_device_read(cache->device, CACHEFS_SUPER_BLOCK, sb, 1);
	if (ret)
		return ret;
	why = cachefs_super_check(sb, blocks, &cache->geo);
	if (why)
		return bad_super(name, why, sb, blocks);
	more = (blocks - cache->geo.device_blocks) >> (20 - CACHEFS_BLOCK_SHIFT);
	copy = kmalloc(sizeof(*copy), GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	/* Where the device ended when it was formatted. */
	ret = cachefs_device_read(cache->device, cache->geo.device_blocks - 1,
				  copy, 1);
	if (ret) {
		pr_err("%s: the superblock's copy cannot be read: error %d\n",
		       name, ret);
	} else if (memcmp(copy, sb, sizeof(*sb))) {
		ret = bad_super(name, CACHEFS_BAD_COPY, sb, blocks);
	} else if (more) {
		pr_info("%s: the device has grown by %llu MiB, which are not used; \"format\" makes a new, empty cache of all of it\n",
			name, (unsigned long long)more);
	}
	kfree_sensitive(copy);
	return ret;
}

static void cache_free(struct cachefs_cache *cache)
{
	if (cache->log_wq)
		destroy_workqueue(cache->log_wq);
	if (cache->read_wq)
		destroy_workqueue(cache->read_wq);
	if (cache->submit_wq)
		destroy_workqueue(cache->submit_wq);
	if (cache->wq)
		destroy_workqueue(cache->wq);
	cachefs_log_free(cache);
	cachefs_index_free(cache);
	kfree(cache->scratch);
	kfree_sensitive(cache);
}

static struct cachefs_cache *cache_alloc(struct cachefs_device *device)
{
	struct cachefs_cache *cache;
	unsigned int i;

	cache = kzalloc(sizeof(*cache), GFP_KERNEL);
	if (!cache)
		return NULL;
	cache->device = device;
	cache->state = CACHEFS_ATTACHING;
	mutex_init(&cache->flush_mutex);
	for (i = 0; i < CACHEFS_LOAD_LOCKS; i++)
		mutex_init(&cache->load_mutex[i]);
	mutex_init(&cache->volumes_mutex);
	spin_lock_init(&cache->error_lock);
	/* By itself, so that the first line of each attach is there. */
	ratelimit_state_init(&cache->error_limit, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	cachefs_errors_reset(cache);
	spin_lock_init(&cache->log_lock);
	rwlock_init(&cache->index_lock);
	init_waitqueue_head(&cache->wait);
	INIT_LIST_HEAD(&cache->ready);
	INIT_LIST_HEAD(&cache->sealing);
	INIT_LIST_HEAD(&cache->volumes);
	INIT_LIST_HEAD(&cache->stores);
	spin_lock_init(&cache->stores_lock);
	spin_lock_init(&cache->pace_lock);
	INIT_DELAYED_WORK(&cache->log_work, cachefs_log_work);
	INIT_DELAYED_WORK(&cache->watch, cachefs_store_watch);
	init_llist_head(&cache->submits);
	INIT_WORK(&cache->submit_work, cachefs_store_submit);
	cache->max_in_flight = CACHEFS_MAX_IN_FLIGHT;
	cache->max_in_flight_ms = CACHEFS_MAX_IN_FLIGHT_MS;
	cache->read_bypass_ms = CACHEFS_READ_BYPASS_MS;
	cache->next_probe = jiffies;
	cache->scratch = kmalloc(sizeof(*cache->scratch), GFP_KERNEL);
	cache->wq = alloc_workqueue("cachefs", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	cache->submit_wq = alloc_workqueue("cachefs_submit",
					   WQ_UNBOUND | WQ_MEM_RECLAIM, 1);
	cache->read_wq = alloc_workqueue("cachefs_read",
					 WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	cache->log_wq = alloc_workqueue("cachefs_log",
					WQ_UNBOUND | WQ_MEM_RECLAIM, 1);
	if (!cache->scratch || !cache->wq || !cache->submit_wq ||
	    !cache->read_wq || !cache->log_wq) {
		cache_free(cache);
		return NULL;
	}
	return cache;
}

/* Is there a cache on the device, and if not, may one be made? */
static int check_content(struct cachefs_device *device, const char *label,
			 unsigned int flags)
{
	const char *what;
	int ret = cachefs_device_signature(device, &what);

	if (ret < 0)
		return ret;
	if (ret == CACHEFS_SIGNATURE_OWN && !(flags & (CACHEFS_ATTACH_FORMAT |
						       CACHEFS_ATTACH_FORCE)))
		return 0;
	if (ret == CACHEFS_SIGNATURE_FOREIGN &&
	    !(flags & CACHEFS_ATTACH_FORCE)) {
		pr_err("%s: holds %s, not overwritten without \"force\"\n",
		       cachefs_device_name(device), what);
		return -EMEDIUMTYPE;
	}
	ret = cachefs_format(device, label, CACHEFS_REGION_BLOCKS);
	if (ret == -ENOSPC)
		pr_err("%s: too small, at least %lu MiB are needed\n",
		       cachefs_device_name(device),
		       DIV_ROUND_UP((CACHEFS_FIRST_BLOCK + CACHEFS_LAST_BLOCKS +
				     CACHEFS_MIN_REGIONS * CACHEFS_REGION_BLOCKS *
				     1UL) << CACHEFS_BLOCK_SHIFT, 1UL << 20));
	else if (ret)
		pr_err("%s: cannot be formatted: error %d\n",
		       cachefs_device_name(device), ret);
	else
		pr_info("%s: formatted\n", cachefs_device_name(device));
	return ret;
}

/**
 * cachefs_attach - Put a cache into service
 * @device: where it is; the caller's, until cachefs_detach()
 * @label: for a cache that is made, or %NULL
 * @flags: CACHEFS_ATTACH_...
 * @cachep: the cache
 *
 * A blank device is formatted.  With %CACHEFS_ATTACH_FORMAT a cache that is
 * there is made anew, with %CACHEFS_ATTACH_FORCE anything else is, too.
 *
 * Context: process, may sleep.
 * Return: 0; %-EMEDIUMTYPE, the device holds something else; %-ENOSPC, it is
 * too small; %-EUCLEAN or %-EOPNOTSUPP, the superblock is damaged or of another
 * format version; %-EINTR, the task was killed; %-ENOMEM; or the device's error.
 * The log says why.
 */
int cachefs_attach(struct cachefs_device *device, const char *label,
		   unsigned int flags, struct cachefs_cache **cachep)
{
	struct cachefs_super_block *sb;
	struct cachefs_cache *cache;
	int ret;

	ret = check_content(device, label, flags);
	if (ret)
		return ret;

	cache = cache_alloc(device);
	sb = kmalloc(sizeof(*sb), GFP_KERNEL);
	ret = -ENOMEM;
	if (!cache || !sb)
		goto fail;
	ret = read_super(cache, sb);
	if (ret)
		goto fail;
	memcpy(cache->uuid, sb->uuid, sizeof(cache->uuid));
	memcpy(cache->label, sb->label, sizeof(sb->label));
	memcpy(cache->secret, sb->secret, sizeof(cache->secret));
	cache->seed = le64_to_cpu(sb->checksum_seed);
	ret = cachefs_index_init(cache);
	if (!ret)
		ret = cachefs_recover(cache);
	if (ret)
		goto fail;

	cache->next_flush = jiffies;
	/* It has been read: a part of it that cannot be is not all. */
	cachefs_io_worked(cache, false);
	WRITE_ONCE(cache->state, CACHEFS_ACTIVE);
	/* The first regions are ready when this returns. */
	cachefs_log_kick(cache);
	flush_delayed_work(&cache->log_work);
	kfree_sensitive(sb);
	*cachep = cache;
	return 0;

fail:
	/* Who is killed gets no memory either. */
	if (ret == -ENOMEM && fatal_signal_pending(current))
		ret = -EINTR;
	if (cache)
		cache_free(cache);
	kfree_sensitive(sb);
	return ret;
}

/**
 * cachefs_quiesce - Refuse new operations and wait for those under way
 * @cache: the cache
 *
 * Afterwards lookups find nothing and stores are refused.  A cache that has failed
 * stays so.
 *
 * Context: process, may sleep as long as the device takes.
 */
void cachefs_quiesce(struct cachefs_cache *cache)
{
	/* A full barrier: an operation that is not seen here sees the new state. */
	cmpxchg(&cache->state, CACHEFS_ACTIVE, CACHEFS_DETACHING);
	wait_event(cache->wait, !atomic_read(&cache->ops));
	/* The last one may still hold the lock to wake us. */
	spin_lock_irq(&cache->wait.lock);
	spin_unlock_irq(&cache->wait.lock);
}

/**
 * cachefs_finish - Write all that the next attach needs, and use the device no more
 * @cache: the cache; lookups find nothing from now on, and stores are refused
 *
 * A cache that has failed, or is finished already, is left as it is.  If the device
 * does not take what is written, the next attach finds less.
 *
 * Context: process, may sleep as long as the device takes.
 * Return: whether the device has a checkpoint now that it had not before.
 */
bool cachefs_finish(struct cachefs_cache *cache)
{
	bool write;
	int ret;

	cachefs_quiesce(cache);
	write = READ_ONCE(cache->state) == CACHEFS_DETACHING;
	if (write)
		cachefs_log_seal_all(cache);
	/* After that: an error of the device has the log looked after. */
	cancel_delayed_work_sync(&cache->log_work);
	cancel_delayed_work_sync(&cache->watch);
	flush_workqueue(cache->submit_wq);
	flush_workqueue(cache->wq);
	flush_workqueue(cache->read_wq);
	if (!write)
		return false;
	ret = cachefs_checkpoint(cache);
	if (ret)
		pr_warn("%s: no checkpoint (error %d), the next attach reads all regions\n",
			cachefs_device_name(cache->device), ret);
	WRITE_ONCE(cache->state, CACHEFS_DETACHED);
	return !ret;
}

/**
 * cachefs_detach - Take a cache out of service
 * @cache: nobody begins operations on it any more; freed
 *
 * Context: process, may sleep as long as the device takes.
 */
void cachefs_detach(struct cachefs_cache *cache)
{
	cachefs_finish(cache);
	cache_free(cache);
}

/**
 * cachefs_version_id - The name of one version of one file
 * @cache: the cache, whose secret keys the hash
 * @id: where it goes, 16 bytes
 * @volume_key: what identifies the volume
 * @volume_len: its length in bytes
 * @key: what identifies the file in the volume
 * @key_len: its length in bytes
 * @coherency: what changes when the content changes
 * @coherency_len: its length in bytes
 * @size: size of the file in bytes
 *
 * Context: any.
 */
void cachefs_version_id(struct cachefs_cache *cache, u8 id[16],
			const void *volume_key, size_t volume_len,
			const void *key, size_t key_len,
			const void *coherency, size_t coherency_len, u64 size)
{
	/* Lengths first: no two different inputs look the same. */
	__le64 head[4] = {
		cpu_to_le64(volume_len), cpu_to_le64(key_len),
		cpu_to_le64(coherency_len), cpu_to_le64(size),
	};
	struct blake2s_ctx state;

	blake2s_init_key(&state, 16, cache->secret, sizeof(cache->secret));
	blake2s_update(&state, (const u8 *)head, sizeof(head));
	blake2s_update(&state, volume_key, volume_len);
	blake2s_update(&state, key, key_len);
	blake2s_update(&state, coherency, coherency_len);
	blake2s_final(&state, id);
}

/**
 * cachefs_count_hit - Account bytes that a reader got from the cache
 * @cache: the cache
 * @volume: of the file, or %NULL
 * @bytes: how many, up to the end of the file
 *
 * Context: any.
 */
void cachefs_count_hit(struct cachefs_cache *cache,
		       struct cachefs_volume *volume, u64 bytes)
{
	cachefs_stat_add(cache, CACHEFS_STAT_HIT_BYTES, bytes);
	if (volume)
		atomic64_add(bytes, &volume->hit_bytes);
}

/**
 * cachefs_count_miss - Account bytes that the cache did not have
 * @cache: the cache
 * @volume: of the file, or %NULL
 * @bytes: how many, up to the end of the file
 *
 * Context: any.
 */
void cachefs_count_miss(struct cachefs_cache *cache,
			struct cachefs_volume *volume, u64 bytes)
{
	cachefs_stat_add(cache, CACHEFS_STAT_MISS_BYTES, bytes);
	if (volume)
		atomic64_add(bytes, &volume->miss_bytes);
}

/**
 * cachefs_count_stored - Account bytes that were stored and published
 * @cache: the cache
 * @volume: of the file, or %NULL
 * @bytes: how many, up to the end of the file
 *
 * Context: any.
 */
void cachefs_count_stored(struct cachefs_cache *cache,
			  struct cachefs_volume *volume, u64 bytes)
{
	cachefs_stat_add(cache, CACHEFS_STAT_STORED_BYTES, bytes);
	if (volume)
		atomic64_add(bytes, &volume->stored_bytes);
}

/**
 * cachefs_refuse - Account bytes that are not stored, and say why
 * @cache: the cache
 * @version: whose bytes
 * @block: first file block
 * @bytes: how many
 * @why: the reason, not %CACHEFS_WHY_NONE
 *
 * Whoever decides that something is not stored calls this, once.  The core has
 * done so for what cachefs_store_wanted() and cachefs_store() leave out.
 *
 * Context: any.
 */
void cachefs_refuse(struct cachefs_cache *cache,
		    const struct cachefs_version *version, u64 block, u64 bytes,
		    enum cachefs_reason why)
{
	enum cachefs_stat stat = CACHEFS_STAT_STORE_REFUSED_BYTES;

	if (why >= CACHEFS_WHY_VERSION && why <= CACHEFS_WHY_OPEN_TO_WRITE)
		stat = CACHEFS_STAT_STALE_BYTES;
	else if (why == CACHEFS_WHY_CACHED)
		stat = CACHEFS_STAT_BYPASSED_BYTES;
	cachefs_stat_add(cache, stat, bytes);
	trace_cachefs_refuse(version->id, block, bytes, why);
}

/**
 * cachefs_count_unused - Account bytes that were read ahead and not asked for
 * @cache: the cache
 * @bytes: how many
 *
 * Context: any.
 */
void cachefs_count_unused(struct cachefs_cache *cache, u64 bytes)
{
	cachefs_stat_add(cache, CACHEFS_STAT_READAHEAD_UNUSED_BYTES, bytes);
}

/**
 * cachefs_count_ahead - Account memory for what is read ahead
 * @cache: the cache
 * @change: so many bytes more or less
 *
 * Context: any.
 */
void cachefs_count_ahead(struct cachefs_cache *cache, s64 change)
{
	cachefs_stat_add(cache, CACHEFS_STAT_READAHEAD_BYTES, change);
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
