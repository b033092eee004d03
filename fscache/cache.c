// SPDX-License-Identifier: GPL-2.0
/*
 * The life of an attached cache, from attach to detach; and version ids.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/unaligned.h>
#include "compat/blake2s.h"
#include "internal.h"

/* Default bound on the memory of the index: all memory, divided by this. */
#define CACHEFS_INDEX_SHARE	16

/*
 * The bound on the memory of the index that an attach begins with, or U64_MAX for the
 * default.  An attach needs the bound at once, because a checkpoint needs its room.
 */
unsigned long long cachefs_max_index_bytes = U64_MAX;

/* Default for the largest number of bytes in flight to the device. */
#define CACHEFS_MAX_IN_FLIGHT	(64 << 20)

/* Default for the time that the device may take for the bytes in flight, ms. */
#define CACHEFS_MAX_IN_FLIGHT_MS 1000

/* Default for the time that a read may take before the server is asked instead, ms. */
#define CACHEFS_READ_BYPASS_MS	100

static void cache_free(struct cachefs_cache *cache)
{
	if (cache->log_wq)
		destroy_workqueue(cache->log_wq);
	if (cache->read_wq)
		destroy_workqueue(cache->read_wq);
	if (cache->submit_wq)
		destroy_workqueue(cache->submit_wq);
	if (cache->recover_wq)
		destroy_workqueue(cache->recover_wq);
	if (cache->wq)
		destroy_workqueue(cache->wq);
	cachefs_log_free(cache);
	cachefs_recover_free(cache);
	cachefs_index_free(cache);
	cachefs_counters_free(cache);
	cachefs_ghosts_end(cache);
	kfree(cache->scratch);
	free_percpu(cache->cpu);
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
	mutex_init(&cache->flush_mutex);
	mutex_init(&cache->index.grow_mutex);
	for (i = 0; i < CACHEFS_LOAD_LOCKS; i++)
		mutex_init(&cache->load_mutex[i]);
	spin_lock_init(&cache->error_lock);
	/* Each attach has a limit of its own, so that its first error is logged. */
	ratelimit_state_init(&cache->error_limit, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	cachefs_errors_reset(cache);
	spin_lock_init(&cache->log_lock);
	rwlock_init(&cache->index_lock);
	init_waitqueue_head(&cache->ops_wait);
	init_waitqueue_head(&cache->wait);
	INIT_LIST_HEAD(&cache->ready);
	INIT_LIST_HEAD(&cache->sealing);
	INIT_LIST_HEAD(&cache->stores);
	INIT_LIST_HEAD(&cache->counters);
	mutex_init(&cache->counters_mutex);
	spin_lock_init(&cache->stores_lock);
	spin_lock_init(&cache->pace_lock);
	spin_lock_init(&cache->budget_lock);
	INIT_DELAYED_WORK(&cache->log_work, cachefs_log_work);
	INIT_DELAYED_WORK(&cache->watch, cachefs_store_watch);
	init_llist_head(&cache->submits);
	INIT_WORK(&cache->submit_work, cachefs_store_submit);
	cache->index.max_bytes = READ_ONCE(cachefs_max_index_bytes);
	if (cache->index.max_bytes == U64_MAX)
		cache->index.max_bytes = ((u64)totalram_pages() << PAGE_SHIFT) /
					 CACHEFS_INDEX_SHARE;
	cache->max_in_flight = CACHEFS_MAX_IN_FLIGHT;
	cache->max_in_flight_ms = CACHEFS_MAX_IN_FLIGHT_MS;
	cache->read_bypass_ms = CACHEFS_READ_BYPASS_MS;
	cache->next_probe = jiffies;
	cache->cpu = alloc_percpu(struct cachefs_cpu);
	cache->scratch = kmalloc(sizeof(*cache->scratch), GFP_KERNEL);
	cache->wq = alloc_workqueue("cachefs", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	cache->recover_wq = alloc_workqueue("cachefs_recover", WQ_UNBOUND, 0);
	cache->submit_wq = alloc_workqueue("cachefs_submit",
					   WQ_UNBOUND | WQ_MEM_RECLAIM, 1);
	cache->read_wq = alloc_workqueue("cachefs_read",
					 WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	cache->log_wq = alloc_workqueue("cachefs_log",
					WQ_UNBOUND | WQ_MEM_RECLAIM, 1);
	if (!cache->cpu || !cache->scratch || !cache->wq || !cache->recover_wq ||
	    !cache->submit_wq || !cache->read_wq || !cache->log_wq) {
		cache_free(cache);
		return NULL;
	}
	return cache;
}

/**
 * cachefs_attach - Put a cache into service
 * @device: the device, which the caller keeps open until cachefs_detach()
 * @flags: CACHEFS_ATTACH_...
 * @cachep: the cache
 *
 * A blank device is formatted.  With %CACHEFS_ATTACH_FORMAT a device that holds a cache
 * is formatted, too, and with %CACHEFS_ATTACH_FORCE any device.
 *
 * Context: process, may sleep.
 * Return: 0; as cachefs_super_make() or cachefs_super_read(); %-EINTR, the task was
 * killed; %-ENOMEM; or the device's error.  The kernel log says why.
 */
int cachefs_attach(struct cachefs_device *device, unsigned int flags,
		   struct cachefs_cache **cachep)
{
	struct cachefs_super_block *sb;
	struct cachefs_cache *cache;
	int ret;

	ret = cachefs_super_make(device, flags);
	if (ret)
		return ret;

	cache = cache_alloc(device);
	sb = kmalloc(sizeof(*sb), GFP_KERNEL);
	ret = -ENOMEM;
	if (!cache || !sb)
		goto fail;
	ret = cachefs_super_read(cache, sb);
	if (ret)
		goto fail;
	memcpy(cache->uuid, sb->uuid, sizeof(cache->uuid));
	memcpy(cache->label, sb->label, sizeof(sb->label));
	memcpy(cache->secret, sb->secret, sizeof(cache->secret));
	cache->volume_hash = le32_to_cpu(sb->features_compat) & CACHEFS_COMPAT_VOLUME_HASH;
	cache->seed = le64_to_cpu(sb->checksum_seed);
	ret = cachefs_index_init(cache);
	if (!ret)
		ret = cachefs_recover(cache);
	if (ret)
		goto fail;

	cache->next_flush = jiffies;
	cache->next_meta_try = jiffies;
	cache->attached = ktime_get_boottime_seconds();
	/* The device can be read: errors so far were errors of a part of it. */
	cachefs_io_worked(cache, false);
	WRITE_ONCE(cache->state, CACHEFS_ACTIVE);
	/* The first regions are ready when this returns. */
	cachefs_log_kick(cache);
	flush_delayed_work(&cache->log_work);
	kfree_sensitive(sb);
	*cachep = cache;
	return 0;

fail:
	/* An allocation also fails if the task is killed. */
	if (ret == -ENOMEM && fatal_signal_pending(current))
		ret = -EINTR;
	if (cache)
		cache_free(cache);
	kfree_sensitive(sb);
	return ret;
}

/**
 * cachefs_finish - Write all that the next attach needs, and stop using the device
 * @cache: the cache; lookups find nothing from now on, and stores are refused
 *
 * A cache that has failed, or is finished already, is left as it is.  If the device
 * does not take the writes, the next attach finds less.
 *
 * Context: process, may sleep as long as the device takes.
 * Return: whether the device has a new checkpoint.
 */
bool cachefs_finish(struct cachefs_cache *cache)
{
	bool write, whole;
	int ret;

	cachefs_quiesce(cache);
	write = READ_ONCE(cache->state) == CACHEFS_DETACHING;
	if (write)
		cachefs_log_seal_all(cache);
	cachefs_recover_stop(cache);
	/* Cancel these only now, because an error of the device kicks the log. */
	cancel_delayed_work_sync(&cache->log_work);
	cancel_delayed_work_sync(&cache->watch);
	flush_workqueue(cache->submit_wq);
	flush_workqueue(cache->wq);
	flush_workqueue(cache->read_wq);
	if (!write)
		return false;
	/* A checkpoint would say that the regions not scanned yet hold nothing. */
	whole = !cache->unscanned;
	ret = whole ? cachefs_checkpoint(cache) : cachefs_write_anchor(cache, 0, 0, 0);
	if (!ret && !whole)
		pr_info("%s: the index was not recovered as a whole, the next attach does that\n",
			cachefs_device_name(cache->device));
	if (ret)
		pr_warn("%s: no checkpoint (error %d), the next attach reads all regions\n",
			cachefs_device_name(cache->device), ret);
	WRITE_ONCE(cache->state, CACHEFS_DETACHED);
	return !ret && whole;
}

/**
 * cachefs_detach - Take a cache out of service
 * @cache: the cache, on which no operation begins any more; freed
 *
 * Context: process, may sleep as long as the device takes.
 */
void cachefs_detach(struct cachefs_cache *cache)
{
	cachefs_finish(cache);
	cache_free(cache);
}

/**
 * cachefs_version_id - Compute the version id of one version of one file
 * @cache: the cache, whose secret keys the hash
 * @id: the version id, 16 bytes
 * @volume_key: what identifies the volume
 * @volume_len: its length in bytes
 * @key: what identifies the file in the volume
 * @key_len: its length in bytes
 * @coherency: data that changes when the content changes
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
	/* The lengths come first, so that no two different inputs look the same. */
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
	if (cache->volume_hash)
		put_unaligned_le16(cachefs_volume_hash(cache->seed, volume_key, volume_len),
				   id + CACHEFS_ID_VOLUME);
}
