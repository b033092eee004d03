// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/fs/cachefs, and one directory for the attached cache.  The files "attach" and
 * "detach" are in main.c.  Every file is described in
 * Documentation/ABI/testing/sysfs-fs-cachefs.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/math64.h>
#include <linux/rcupdate.h>
#include <linux/sysfs.h>
#include <linux/wait_bit.h>
#include "internal.h"
#include "device.h"

/*
 * struct cachefs_sysfs - Directory of a cache, set up before it is seen
 * @kobj: freed with the last reference, open files included
 * @volumes: the directory "volumes"
 * @cache: the cache
 * @tell: work that tells user space of a new state
 * @told: the state that was told last; only @tell uses this
 */
struct cachefs_sysfs {
	struct kobject		kobj;
	struct kobject		*volumes;
	struct cachefs_cache	*cache;
	struct delayed_work	tell;
	enum cachefs_state	told;
};

/*
 * struct sysfs_volume - Directory of a volume, set up before it is seen
 * @kobj: freed with the last reference, open files included
 * @cache: the cache
 * @volume: the volume that is accounted for
 * @key: name of the volume in the network file system; belongs to the glue
 * @identity: identity by which the volume's blocks are found; belongs to the glue
 */
struct sysfs_volume {
	struct kobject		kobj;
	struct cachefs_cache	*cache;
	struct cachefs_volume	volume;
	const char		*key;
	const char		*identity;
};

/* The longest time that can be set: an hour. */
#define CACHEFS_MAX_MS		(3600 * MSEC_PER_SEC)

static struct kset *cachefs_kset;

/* The number of the directories above.  The module stays until they are gone. */
static atomic_t cachefs_kobjects;

static void sysfs_kobject_gone(void)
{
	if (atomic_dec_and_test(&cachefs_kobjects))
		wake_up_var(&cachefs_kobjects);
}

static struct cachefs_cache *to_cache(struct kobject *kobj)
{
	return container_of(kobj, struct cachefs_sysfs, kobj)->cache;
}

static struct sysfs_volume *to_volume(struct kobject *kobj)
{
	return container_of(kobj, struct sysfs_volume, kobj);
}

static const char * const state_names[] = {
	[CACHEFS_ACTIVE]	= "active",
	[CACHEFS_DEGRADED]	= "degraded",
	[CACHEFS_FAILED]	= "failed",
	[CACHEFS_DETACHING]	= "detaching",
	[CACHEFS_DETACHED]	= "detached",
};

static ssize_t sysfs_state_store(struct kobject *kobj, struct kobj_attribute *attr,
				 const char *buf, size_t count)
{
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!sysfs_streq(buf, state_names[CACHEFS_ACTIVE]))
		return -EINVAL;
	ret = cachefs_use_again(to_cache(kobj));
	return ret ?: count;
}

/* The settings: the file, the member of the cache, and the largest value. */
#define CACHE_SETTINGS(X) \
	X(max_in_flight_bytes, max_in_flight, S64_MAX) \
	X(max_index_bytes, index.max_bytes, U64_MAX) \
	X(max_in_flight_ms, max_in_flight_ms, CACHEFS_MAX_MS) \
	X(read_bypass_ms, read_bypass_ms, CACHEFS_MAX_MS)

static int sysfs_setting_value(const char *buf, u64 max, u64 *value)
{
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	ret = kstrtou64(buf, 0, value);
	return ret ?: (*value > max ? -ERANGE : 0);
}

static void sysfs_settings_changed(struct cachefs_cache *cache)
{
	/* The new bounds also hold for stores that are in flight already. */
	mod_delayed_work(cache->wq, &cache->watch, 0);
	if (cachefs_usable(cache))
		cachefs_log_kick(cache);
}

#define X(_name, _member, _max)						\
	static ssize_t sysfs_##_name##_store(struct kobject *kobj,	\
					     struct kobj_attribute *attr, \
					     const char *buf, size_t count) \
	{								\
		u64 value;						\
		int ret = sysfs_setting_value(buf, _max, &value);		\
									\
		if (ret)						\
			return ret;					\
		WRITE_ONCE(to_cache(kobj)->_member, value);		\
		sysfs_settings_changed(to_cache(kobj));			\
		return count;						\
	}
CACHE_SETTINGS(X)
#undef X

static ssize_t sysfs_write_budget_store(struct kobject *kobj,
					struct kobj_attribute *attr,
					const char *buf, size_t count)
{
	u64 value;
	int ret = sysfs_setting_value(buf, U64_MAX, &value);

	if (!ret)
		ret = cachefs_budget_set(to_cache(kobj), value);
	return ret ?: count;
}

static ssize_t sysfs_discard_store(struct kobject *kobj, struct kobj_attribute *attr,
				   const char *buf, size_t count)
{
	struct cachefs_cache *cache = to_cache(kobj);
	u64 value;
	int ret = sysfs_setting_value(buf, 1, &value);

	if (ret)
		return ret;
	if (value && !cachefs_device_can_discard(cache->device, cache->geo.region_blocks <<
						 CACHEFS_BLOCK_SHIFT)) {
		pr_err("%s: the device takes no discards of a region\n",
		       cachefs_device_name(cache->device));
		return -EOPNOTSUPP;
	}
	WRITE_ONCE(cache->discard, value);
	return count;
}

/* The files of a cache: name, mode, store function, format and value. */
#define CACHE_FILES(X) \
	X(state, 0644, sysfs_state_store, "%s", \
	  state_names[cachefs_state(to_cache(kobj))]) \
	X(device, 0444, NULL, "/dev/%s", cachefs_device_name(to_cache(kobj)->device)) \
	X(label, 0444, NULL, "%s", to_cache(kobj)->label) \
	X(block_size, 0444, NULL, "%d", CACHEFS_BLOCK_SIZE) \
	X(region_size, 0444, NULL, "%u", \
	  to_cache(kobj)->geo.region_blocks << CACHEFS_BLOCK_SHIFT) \
	X(capacity_bytes, 0444, NULL, "%llu", cachefs_capacity(to_cache(kobj))) \
	X(used_bytes, 0444, NULL, "%llu", \
	  READ_ONCE(to_cache(kobj)->live_blocks) << CACHEFS_BLOCK_SHIFT) \
	X(objects_open, 0444, NULL, "%d", atomic_read(&to_cache(kobj)->objects)) \
	X(extents, 0444, NULL, "%llu", READ_ONCE(to_cache(kobj)->nr_extents)) \
	X(recovered_percent, 0444, NULL, "%u", \
	  cachefs_recovered_percent(to_cache(kobj))) \
	X(stores_stopped, 0444, NULL, "%u", READ_ONCE(to_cache(kobj)->stores_stopped)) \
	X(discard, 0644, sysfs_discard_store, "%u", READ_ONCE(to_cache(kobj)->discard)) \
	X(write_budget, 0644, sysfs_write_budget_store, "%llu", \
	  READ_ONCE(to_cache(kobj)->write_budget))

/*
 * stats/ has the counters, the measured speed of the device and of the server, and the
 * age of the oldest data: name, format and value.
 */
#define STATS_FILES(X) \
	X(device_read_us, "%llu", \
	  div_u64(READ_ONCE(to_cache(kobj)->read_ns), NSEC_PER_USEC)) \
	X(server_read_us, "%llu", \
	  div_u64(READ_ONCE(to_cache(kobj)->server_ns), NSEC_PER_USEC)) \
	X(in_flight_limit_bytes, "%llu", cachefs_pace_window(to_cache(kobj))) \
	X(oldest_data_seconds, "%u", cachefs_oldest_seconds(to_cache(kobj)))

/* latency/ has two files for each histogram. */
static ssize_t sysfs_latency_counts(struct kobject *kobj, enum cachefs_latency which,
				    char *buf)
{
	int len = 0, i;

	for (i = 0; i < CACHEFS_LATENCY_BUCKETS; i++)
		len += sysfs_emit_at(buf, len, "%llu%c",
				     cachefs_latency_count(to_cache(kobj), which, i),
				     i < CACHEFS_LATENCY_BUCKETS - 1 ? ' ' : '\n');
	return len;
}

#define VOLUME_STAT(_stat) \
	cachefs_counters_read(to_volume(kobj)->volume.counters, CACHEFS_STAT_##_stat)

/* volumes/<n>/: name, mode, format and value. */
#define VOLUME_FILES(X) \
	X(key, 0400, "%s", to_volume(kobj)->key) \
	X(identity, 0400, "%s", to_volume(kobj)->identity) \
	X(hit_bytes, 0444, "%lld", VOLUME_STAT(HIT_BYTES)) \
	X(miss_bytes, 0444, "%lld", VOLUME_STAT(MISS_BYTES)) \
	X(stored_bytes, 0444, "%lld", VOLUME_STAT(STORED_BYTES)) \
	X(min_share, 0444, "%u", READ_ONCE(to_volume(kobj)->volume.share->min_share)) \
	X(max_share, 0444, "%u", READ_ONCE(to_volume(kobj)->volume.max_share)) \
	X(keep, 0444, "%u", READ_ONCE(to_volume(kobj)->volume.keep)) \
	X(second, 0444, "%u", READ_ONCE(to_volume(kobj)->volume.second))

#define SYSFS_FILE(_dir, _name, _mode, _store, _format, _value)		\
	static ssize_t sysfs_##_dir##_##_name(struct kobject *kobj,	\
					      struct kobj_attribute *attr, \
					      char *buf)		\
	{								\
		return sysfs_emit(buf, _format "\n", _value);		\
	}								\
	static struct kobj_attribute _dir##_##_name##_attr =		\
		__ATTR(_name, _mode, sysfs_##_dir##_##_name, _store);

#define X(_name, ...) SYSFS_FILE(cache, _name, __VA_ARGS__)
CACHE_FILES(X)
#undef X
#define X(_name, _member, _max)						\
	SYSFS_FILE(cache, _name, 0644, sysfs_##_name##_store, "%llu",		\
		   (u64)READ_ONCE(to_cache(kobj)->_member))
CACHE_SETTINGS(X)
#undef X
#define X(_name, ...) SYSFS_FILE(stats, _name, 0444, NULL, __VA_ARGS__)
STATS_FILES(X)
#undef X
#define X(_stat, _name)							\
	SYSFS_FILE(stats, _name, 0444, NULL, "%lld",			\
		   cachefs_stat_read(to_cache(kobj), CACHEFS_STAT_##_stat))
CACHEFS_STATS(X)
#undef X
#define X(_which, _name)						\
	static ssize_t sysfs_latency_##_name(struct kobject *kobj,	\
					     struct kobj_attribute *attr, \
					     char *buf)			\
	{								\
		return sysfs_latency_counts(kobj, CACHEFS_LATENCY_##_which, buf); \
	}								\
	static struct kobj_attribute latency_##_name##_attr =		\
		__ATTR(_name, 0444, sysfs_latency_##_name, NULL);	\
	SYSFS_FILE(latency, _name##_total_us, 0444, NULL, "%llu",	\
		   div_u64(cachefs_latency_total_ns(to_cache(kobj),	\
						    CACHEFS_LATENCY_##_which), \
			   NSEC_PER_USEC))
CACHEFS_LATENCIES(X)
#undef X
#define X(_why, _name, ...)						\
	SYSFS_FILE(refused, _name, 0444, NULL, "%lld",			\
		   atomic64_read(&to_cache(kobj)->refused[CACHEFS_WHY_##_why]))
CACHEFS_REFUSED(X)
#undef X
#define X(_name, _mode, ...) SYSFS_FILE(volume, _name, _mode, NULL, __VA_ARGS__)
VOLUME_FILES(X)
#undef X

static struct attribute *cache_attrs[] = {
#define X(_name, ...) &cache_##_name##_attr.attr,
	CACHE_FILES(X)
	CACHE_SETTINGS(X)
#undef X
	NULL
};

static struct attribute *stats_attrs[] = {
#define X(_stat, _name) &stats_##_name##_attr.attr,
	CACHEFS_STATS(X)
#undef X
#define X(_name, ...) &stats_##_name##_attr.attr,
	STATS_FILES(X)
#undef X
	NULL
};

static struct attribute *latency_attrs[] = {
#define X(_which, _name) \
	&latency_##_name##_attr.attr, &latency_##_name##_total_us_attr.attr,
	CACHEFS_LATENCIES(X)
#undef X
	NULL
};

static struct attribute *refused_attrs[] = {
#define X(_why, _name, ...) &refused_##_name##_attr.attr,
	CACHEFS_REFUSED(X)
#undef X
	NULL
};

static struct attribute *volume_attrs[] = {
#define X(_name, ...) &volume_##_name##_attr.attr,
	VOLUME_FILES(X)
#undef X
	NULL
};

static const struct attribute_group cache_group = { .attrs = cache_attrs };
static const struct attribute_group stats_group = {
	.name = "stats",
	.attrs = stats_attrs,
};

static const struct attribute_group latency_group = {
	.name = "latency",
	.attrs = latency_attrs,
};

static const struct attribute_group refused_group = {
	.name = "refused_bytes",
	.attrs = refused_attrs,
};

static const struct attribute_group *cache_groups[] = {
	&cache_group,
	&stats_group,
	&latency_group,
	&refused_group,
	NULL
};

ATTRIBUTE_GROUPS(volume);

static void sysfs_cache_release(struct kobject *kobj)
{
	kfree(container_of(kobj, struct cachefs_sysfs, kobj));
	sysfs_kobject_gone();
}

static const struct kobj_type cache_type = {
	.release	= sysfs_cache_release,
	.sysfs_ops	= &kobj_sysfs_ops,
	.default_groups	= cache_groups,
};

static void sysfs_volume_release(struct kobject *kobj)
{
	kfree(to_volume(kobj));
	sysfs_kobject_gone();
}

static const struct kobj_type volume_type = {
	.release	= sysfs_volume_release,
	.sysfs_ops	= &kobj_sysfs_ops,
	.default_groups	= volume_groups,
};

/**
 * cachefs_volume_add - Begin to account for a volume
 * @cache: the cache
 * @key: name of the volume in the network file system
 * @identity: identity by which the volume's blocks are found; the caller keeps both
 *
 * Context: process, may sleep.
 * Return: the volume, or %NULL without memory.  A volume works without a directory
 * in sysfs, too.
 */
struct cachefs_volume *cachefs_volume_add(struct cachefs_cache *cache,
					  const char *key, const char *identity)
{
	struct sysfs_volume *sysfs = kzalloc(sizeof(*sysfs), GFP_KERNEL);
	unsigned int number;

	if (!sysfs)
		return NULL;
	if (cachefs_volume_init(cache, &sysfs->volume, key, identity)) {
		kfree(sysfs);
		return NULL;
	}
	sysfs->cache = cache;
	sysfs->key = key;
	sysfs->identity = identity;
	number = atomic_inc_return(&cache->next_volume) - 1;
	atomic_inc(&cachefs_kobjects);
	if (kobject_init_and_add(&sysfs->kobj, &volume_type,
				 cache->sysfs->volumes, "%u", number))
		pr_warn("%s: volume %u has no directory in sysfs\n",
			cachefs_device_name(cache->device), number);
	return &sysfs->volume;
}

/**
 * cachefs_volume_remove - End accounting for a volume
 * @volume: no operation uses the volume any more; freed
 *
 * Context: process, may sleep; waits for readers of the volume's files.
 */
void cachefs_volume_remove(struct cachefs_volume *volume)
{
	struct sysfs_volume *sysfs = container_of(volume, struct sysfs_volume, volume);

	if (sysfs->kobj.state_in_sysfs)
		kobject_del(&sysfs->kobj);
	/* The volume's files have no readers any more. */
	cachefs_volume_exit(sysfs->cache, volume);
	kobject_put(&sysfs->kobj);
}

/* Tell programs that poll the file "state", or listen to uevents, of a new state. */
static void sysfs_tell(struct work_struct *work)
{
	struct cachefs_sysfs *sysfs = container_of(to_delayed_work(work),
						   struct cachefs_sysfs, tell);
	enum cachefs_state state = cachefs_state(sysfs->cache);
	char text[32], *environment[] = { text, NULL };

	/* Each error runs this again: the delay ends when the last error is forgotten. */
	if (state == CACHEFS_DEGRADED)
		queue_delayed_work(system_unbound_wq, &sysfs->tell,
				   CACHEFS_ERROR_MEMORY + 1);
	if (state == sysfs->told)
		return;
	sysfs->told = state;
	sysfs_notify(&sysfs->kobj, NULL, "state");
	snprintf(text, sizeof(text), "CACHEFS_STATE=%s", state_names[state]);
	kobject_uevent_env(&sysfs->kobj, KOBJ_CHANGE, environment);
}

/* Called as cachefs_cache::state_changed.  The directory may be gone already. */
static void sysfs_state_changed(struct cachefs_cache *cache)
{
	struct cachefs_sysfs *sysfs;

	rcu_read_lock();
	sysfs = READ_ONCE(cache->sysfs);
	if (sysfs)
		mod_delayed_work(system_unbound_wq, &sysfs->tell, 0);
	rcu_read_unlock();
}

/**
 * cachefs_sysfs_add - Make the directory of a cache
 * @cache: attached
 * @detach: the file "detach" in it
 *
 * Context: process, may sleep.
 * Return: 0 or an errno.
 */
int cachefs_sysfs_add(struct cachefs_cache *cache,
		      const struct attribute *detach)
{
	struct cachefs_sysfs *sysfs;
	int ret;

	sysfs = kzalloc(sizeof(*sysfs), GFP_KERNEL);
	if (!sysfs)
		return -ENOMEM;
	sysfs->cache = cache;
	sysfs->told = CACHEFS_ACTIVE;
	INIT_DELAYED_WORK(&sysfs->tell, sysfs_tell);
	sysfs->kobj.kset = cachefs_kset;
	atomic_inc(&cachefs_kobjects);
	ret = kobject_init_and_add(&sysfs->kobj, &cache_type, NULL, "%pU",
				   cache->uuid);
	if (!ret) {
		sysfs->volumes = kobject_create_and_add("volumes",
							&sysfs->kobj);
		ret = sysfs->volumes ? sysfs_create_file(&sysfs->kobj, detach) :
				       -ENOMEM;
		if (ret) {
			kobject_put(sysfs->volumes);
			kobject_del(&sysfs->kobj);
		}
	}
	if (ret) {
		kobject_put(&sysfs->kobj);
		return ret;
	}
	/* A task that sees the directory sees all its members. */
	smp_store_release(&cache->sysfs, sysfs);
	WRITE_ONCE(cache->state_changed, sysfs_state_changed);
	kobject_uevent(&sysfs->kobj, KOBJ_ADD);
	/* There may have been errors meanwhile. */
	sysfs_state_changed(cache);
	return 0;
}

/**
 * cachefs_sysfs_is - Whether a directory is that of a cache
 * @cache: the cache
 * @kobj: the directory
 *
 * Context: any.
 * Return: whether it is.
 */
bool cachefs_sysfs_is(const struct cachefs_cache *cache,
		      const struct kobject *kobj)
{
	return &cache->sysfs->kobj == kobj;
}

/**
 * cachefs_sysfs_remove - Remove the directory of a cache
 * @cache: has no volumes any more
 *
 * Context: process, may sleep; waits for readers of the cache's files.
 */
void cachefs_sysfs_remove(struct cachefs_cache *cache)
{
	struct cachefs_sysfs *sysfs = cache->sysfs;

	WRITE_ONCE(cache->state_changed, NULL);
	WRITE_ONCE(cache->sysfs, NULL);
	synchronize_rcu();
	cancel_delayed_work_sync(&sysfs->tell);
	kobject_put(sysfs->volumes);
	kobject_del(&sysfs->kobj);
	kobject_put(&sysfs->kobj);
}

/* Features that programs may rely on, so that they need not compare versions. */
static const char cachefs_features[] = "state_events";

static ssize_t sysfs_features_show(struct kobject *kobj, struct kobj_attribute *attr,
				   char *buf)
{
	return sysfs_emit(buf, "%s\n", cachefs_features);
}

static struct kobj_attribute features_attr =
	__ATTR(features, 0444, sysfs_features_show, NULL);

/**
 * cachefs_sysfs_init - Make /sys/fs/cachefs
 * @attach: its file "attach"
 *
 * Return: 0 or an errno.
 */
int cachefs_sysfs_init(const struct attribute *attach)
{
	int ret;

	cachefs_kset = kset_create_and_add("cachefs", NULL, fs_kobj);
	if (!cachefs_kset)
		return -ENOMEM;
	ret = sysfs_create_file(&cachefs_kset->kobj, &features_attr.attr);
	if (!ret)
		ret = sysfs_create_file(&cachefs_kset->kobj, attach);
	if (ret)
		kset_unregister(cachefs_kset);
	return ret;
}

/**
 * cachefs_sysfs_close - Remove "attach", so that no new attach begins
 * @attach: given to cachefs_sysfs_init()
 *
 * Context: process, may sleep; waits for an attach that is under way.
 */
void cachefs_sysfs_close(const struct attribute *attach)
{
	sysfs_remove_file(&cachefs_kset->kobj, attach);
}

/**
 * cachefs_sysfs_exit - Remove /sys/fs/cachefs
 *
 * Context: process, may sleep.
 */
void cachefs_sysfs_exit(void)
{
	kset_unregister(cachefs_kset);
	wait_var_event(&cachefs_kobjects, !atomic_read(&cachefs_kobjects));
}
