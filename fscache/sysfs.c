// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/fs/cachefs, and one directory for the attached cache.  The files "attach" and
 * "detach" are main.c's.  Every file is described in Documentation/ABI/testing/sysfs-fs-cachefs.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/math64.h>
#include <linux/sysfs.h>
#include "internal.h"
#include "device.h"

/* Directory of a cache.  Freed with the last reference, open files included. */
struct cachefs_sysfs {
	struct kobject		kobj;
	struct kobject		*volumes;
	struct cachefs_cache	*cache;
};

/* Directory of a volume. */
struct cachefs_sysfs_volume {
	struct kobject		kobj;
	struct cachefs_volume	*volume;
};

/* Longest time that can be set: an hour. */
#define CACHEFS_MAX_MS		(3600 * MSEC_PER_SEC)

static struct kset *cachefs_kset;

/* How many of the above there are: the module stays until they are gone. */
static atomic_t cachefs_kobjects;
static DECLARE_WAIT_QUEUE_HEAD(cachefs_kobjects_wait);

static void kobject_gone(void)
{
	if (atomic_dec_and_test(&cachefs_kobjects))
		wake_up(&cachefs_kobjects_wait);
}

static struct cachefs_cache *to_cache(struct kobject *kobj)
{
	return container_of(kobj, struct cachefs_sysfs, kobj)->cache;
}

/* Files of the cache itself. */

static const char * const state_names[] = {
	[CACHEFS_ACTIVE]	= "active",
	[CACHEFS_DEGRADED]	= "degraded",
	[CACHEFS_FAILED]	= "failed",
	[CACHEFS_DETACHING]	= "detaching",
	[CACHEFS_DETACHED]	= "detached",
};

static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%s\n", state_names[cachefs_state(to_cache(kobj))]);
}

static ssize_t state_store(struct kobject *kobj, struct kobj_attribute *attr,
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

static struct kobj_attribute state_attr = __ATTR_RW(state);

static ssize_t device_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "/dev/%s\n",
			  cachefs_device_name(to_cache(kobj)->device));
}

static struct kobj_attribute device_attr = __ATTR_RO(device);

static ssize_t label_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%s\n", to_cache(kobj)->label);
}

static struct kobj_attribute label_attr = __ATTR_RO(label);

static ssize_t block_size_show(struct kobject *kobj,
			       struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", CACHEFS_BLOCK_SIZE);
}

static struct kobj_attribute block_size_attr = __ATTR_RO(block_size);

static ssize_t region_size_show(struct kobject *kobj,
				struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_cache(kobj)->geo.region_blocks <<
			  CACHEFS_BLOCK_SHIFT);
}

static struct kobj_attribute region_size_attr = __ATTR_RO(region_size);

static ssize_t capacity_bytes_show(struct kobject *kobj,
				   struct kobj_attribute *attr, char *buf)
{
	struct cachefs_geometry *geo = &to_cache(kobj)->geo;

	return sysfs_emit(buf, "%llu\n", (u64)geo->nr_regions * geo->slots <<
			  CACHEFS_BLOCK_SHIFT);
}

static struct kobj_attribute capacity_bytes_attr = __ATTR_RO(capacity_bytes);

static ssize_t used_bytes_show(struct kobject *kobj,
			       struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n",
			  READ_ONCE(to_cache(kobj)->live_blocks) <<
			  CACHEFS_BLOCK_SHIFT);
}

static struct kobj_attribute used_bytes_attr = __ATTR_RO(used_bytes);

static ssize_t objects_open_show(struct kobject *kobj,
				 struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", atomic_read(&to_cache(kobj)->objects));
}

static struct kobj_attribute objects_open_attr = __ATTR_RO(objects_open);

static ssize_t extents_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%llu\n", READ_ONCE(to_cache(kobj)->nr_extents));
}

static struct kobj_attribute extents_attr = __ATTR_RO(extents);

static ssize_t max_in_flight_bytes_show(struct kobject *kobj,
					struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n",
			  READ_ONCE(to_cache(kobj)->max_in_flight));
}

static ssize_t max_in_flight_bytes_store(struct kobject *kobj,
					 struct kobj_attribute *attr,
					 const char *buf, size_t count)
{
	u64 bytes;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	ret = kstrtou64(buf, 0, &bytes);
	if (ret)
		return ret;
	WRITE_ONCE(to_cache(kobj)->max_in_flight, bytes);
	return count;
}

static struct kobj_attribute max_in_flight_bytes_attr =
	__ATTR_RW(max_in_flight_bytes);

/* Files with a number of milliseconds. */
static ssize_t ms_store(struct cachefs_cache *cache, unsigned int *ms,
			const char *buf, size_t count)
{
	unsigned int value;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	ret = kstrtouint(buf, 0, &value);
	if (!ret && value > CACHEFS_MAX_MS)
		ret = -ERANGE;
	if (ret)
		return ret;
	WRITE_ONCE(*ms, value);
	/* Stores that are in flight already are bound by it, too. */
	mod_delayed_work(cache->wq, &cache->watch, 0);
	return count;
}

#define MS_ATTRIBUTE(_name)						\
	static ssize_t _name##_show(struct kobject *kobj,		\
				    struct kobj_attribute *attr, char *buf) \
	{								\
		return sysfs_emit(buf, "%u\n",				\
				  READ_ONCE(to_cache(kobj)->_name));	\
	}								\
	static ssize_t _name##_store(struct kobject *kobj,		\
				     struct kobj_attribute *attr,	\
				     const char *buf, size_t count)	\
	{								\
		struct cachefs_cache *cache = to_cache(kobj);		\
									\
		return ms_store(cache, &cache->_name, buf, count);	\
	}								\
	static struct kobj_attribute _name##_attr = __ATTR_RW(_name)

MS_ATTRIBUTE(max_in_flight_ms);
MS_ATTRIBUTE(read_bypass_ms);

static struct attribute *cache_attrs[] = {
	&state_attr.attr,
	&device_attr.attr,
	&label_attr.attr,
	&block_size_attr.attr,
	&region_size_attr.attr,
	&capacity_bytes_attr.attr,
	&used_bytes_attr.attr,
	&objects_open_attr.attr,
	&extents_attr.attr,
	&max_in_flight_bytes_attr.attr,
	&max_in_flight_ms_attr.attr,
	&read_bypass_ms_attr.attr,
	NULL
};

static const struct attribute_group cache_group = {
	.attrs = cache_attrs,
};

/* stats/ */

struct stat_attribute {
	struct kobj_attribute	attr;
	enum cachefs_stat	stat;
};

static ssize_t stat_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	struct stat_attribute *stat = container_of(attr, struct stat_attribute,
						   attr);

	return sysfs_emit(buf, "%lld\n",
			  atomic64_read(&to_cache(kobj)->stats[stat->stat]));
}

#define X(_name, _file)							\
	static struct stat_attribute stat_##_file = {			\
		.attr = __ATTR(_file, 0444, stat_show, NULL),		\
		.stat = CACHEFS_STAT_##_name,				\
	};
CACHEFS_STATS(X)
#undef X

/* What the cache knows of the device's speed and the server's. */
#define PACE(_name, _value)						\
	static ssize_t _name##_show(struct kobject *kobj,		\
				    struct kobj_attribute *attr, char *buf) \
	{								\
		struct cachefs_cache *cache = to_cache(kobj);		\
									\
		return sysfs_emit(buf, "%llu\n", _value);		\
	}								\
	static struct kobj_attribute _name##_attr = __ATTR_RO(_name)

PACE(device_read_us, div_u64(READ_ONCE(cache->read_ns), NSEC_PER_USEC));
PACE(server_read_us, div_u64(READ_ONCE(cache->server_ns), NSEC_PER_USEC));
PACE(in_flight_limit_bytes, cachefs_pace_window(cache));

static struct attribute *stat_attrs[] = {
#define X(_name, _file) &stat_##_file.attr.attr,
	CACHEFS_STATS(X)
#undef X
	&device_read_us_attr.attr,
	&server_read_us_attr.attr,
	&in_flight_limit_bytes_attr.attr,
	NULL
};

static const struct attribute_group stat_group = {
	.name = "stats",
	.attrs = stat_attrs,
};

static const struct attribute_group *cache_groups[] = {
	&cache_group,
	&stat_group,
	NULL
};

static void cache_release(struct kobject *kobj)
{
	kfree(container_of(kobj, struct cachefs_sysfs, kobj));
	kobject_gone();
}

static const struct kobj_type cache_type = {
	.release	= cache_release,
	.sysfs_ops	= &kobj_sysfs_ops,
	.default_groups	= cache_groups,
};

/* volumes/<n>/ */

static struct cachefs_volume *to_volume(struct kobject *kobj)
{
	return container_of(kobj, struct cachefs_sysfs_volume, kobj)->volume;
}

static ssize_t key_show(struct kobject *kobj, struct kobj_attribute *attr,
			char *buf)
{
	return sysfs_emit(buf, "%s\n", to_volume(kobj)->key);
}

static struct kobj_attribute key_attr = __ATTR_RO_MODE(key, 0400);

static ssize_t identity_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%s\n", to_volume(kobj)->identity);
}

static struct kobj_attribute identity_attr = __ATTR_RO_MODE(identity, 0400);

#define VOLUME_STAT(_name)						\
	static ssize_t volume_##_name##_show(struct kobject *kobj,	\
					     struct kobj_attribute *attr, \
					     char *buf)			\
	{								\
		return sysfs_emit(buf, "%lld\n",			\
				  atomic64_read(&to_volume(kobj)->_name)); \
	}								\
	static struct kobj_attribute volume_##_name##_attr =		\
		__ATTR(_name, 0444, volume_##_name##_show, NULL)

VOLUME_STAT(hit_bytes);
VOLUME_STAT(miss_bytes);
VOLUME_STAT(stored_bytes);

static struct attribute *volume_attrs[] = {
	&key_attr.attr,
	&identity_attr.attr,
	&volume_hit_bytes_attr.attr,
	&volume_miss_bytes_attr.attr,
	&volume_stored_bytes_attr.attr,
	NULL
};
ATTRIBUTE_GROUPS(volume);

static void volume_release(struct kobject *kobj)
{
	kfree(container_of(kobj, struct cachefs_sysfs_volume, kobj));
	kobject_gone();
}

static const struct kobj_type volume_type = {
	.release	= volume_release,
	.sysfs_ops	= &kobj_sysfs_ops,
	.default_groups	= volume_groups,
};

/**
 * cachefs_volume_add - Begin to account for a volume
 * @cache: the cache
 * @key: what the network file system calls it
 * @identity: what its blocks are found by
 *
 * Context: process, may sleep.
 * Return: the volume, or %NULL without memory.  A volume without a directory
 * in sysfs is a volume all the same.
 */
struct cachefs_volume *cachefs_volume_add(struct cachefs_cache *cache,
					  const char *key, const char *identity)
{
	struct cachefs_sysfs_volume *sysfs;
	struct cachefs_volume *volume;
	unsigned int number;

	volume = kzalloc(sizeof(*volume), GFP_KERNEL);
	sysfs = kzalloc(sizeof(*sysfs), GFP_KERNEL);
	if (volume) {
		volume->key = kstrdup(key, GFP_KERNEL);
		volume->identity = kstrdup(identity, GFP_KERNEL);
	}
	if (!volume || !sysfs || !volume->key || !volume->identity) {
		if (volume) {
			kfree(volume->key);
			kfree(volume->identity);
		}
		kfree(volume);
		kfree(sysfs);
		return NULL;
	}
	volume->sysfs = sysfs;
	sysfs->volume = volume;
	number = atomic_inc_return(&cache->next_volume) - 1;
	atomic_inc(&cachefs_kobjects);
	if (kobject_init_and_add(&sysfs->kobj, &volume_type,
				 cache->sysfs->volumes, "%u", number))
		pr_warn("%s: volume %u has no directory in sysfs\n",
			cachefs_device_name(cache->device), number);
	return volume;
}

/**
 * cachefs_volume_remove - End accounting for a volume
 * @volume: no operation uses it any more; freed
 *
 * Context: process, may sleep.
 */
void cachefs_volume_remove(struct cachefs_volume *volume)
{
	if (volume->sysfs->kobj.state_in_sysfs)
		kobject_del(&volume->sysfs->kobj);
	kobject_put(&volume->sysfs->kobj);
	kfree(volume->key);
	kfree(volume->identity);
	kfree(volume);
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
	cache->sysfs = sysfs;
	kobject_uevent(&sysfs->kobj, KOBJ_ADD);
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
 * Context: process, may sleep; waits for readers of its files.
 */
void cachefs_sysfs_remove(struct cachefs_cache *cache)
{
	struct cachefs_sysfs *sysfs = cache->sysfs;

	kobject_put(sysfs->volumes);
	kobject_del(&sysfs->kobj);
	kobject_put(&sysfs->kobj);
	cache->sysfs = NULL;
}

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
	ret = sysfs_create_file(&cachefs_kset->kobj, attach);
	if (ret)
		kset_unregister(cachefs_kset);
	return ret;
}

/**
 * cachefs_sysfs_close - No new attach from here on
 * @attach: given to cachefs_sysfs_init()
 *
 * Context: process, may sleep; waits for one that is under way.
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
	wait_event(cachefs_kobjects_wait, !atomic_read(&cachefs_kobjects));
}
