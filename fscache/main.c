// SPDX-License-Identifier: GPL-2.0
/*
 * The module: loading, attaching and detaching for an administrator, and reboot.
 */
#include <linux/capability.h>
#include <linux/kobject.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/reboot.h>
#include <linux/shrinker.h>
#include <linux/sysfs.h>
#include "cachefs_compat.h"
#include "cachefs_glue.h"
#include "internal.h"
#include "device.h"
#define CREATE_TRACE_POINTS
#include <trace/events/cachefs.h>

static char *cache_param;
module_param_named(cache, cache_param, charp, 0444);
MODULE_PARM_DESC(cache, "block device to attach at load; a blank one is formatted");

module_param_named(max_index_bytes, cachefs_max_index_bytes, ullong, 0644);
MODULE_PARM_DESC(max_index_bytes, "bound on the memory of the index that an attach begins with, bytes; 0: none (default: a sixteenth of the memory)");

/* The mutex protects the one attached cache, and serializes attach and detach. */
static DEFINE_MUTEX(cachefs_attach_mutex);
static struct cachefs_cache *attached_cache;
static struct cachefs_glue *attached_glue;

static struct shrinker *cachefs_shrinker;

/* The longest time that a reboot waits, seconds. */
#define REBOOT_PATIENCE		20

/* The system goes down, so every new attach is refused. */
static bool going_down;

/* All is written.  A detach may still wait for a server. */
static bool finished;
static DECLARE_WAIT_QUEUE_HEAD(finished_wait);

static struct kobj_attribute detach_attr;

static int main_attach(const char *path, unsigned int flags)
{
	struct cachefs_device *device;
	struct cachefs_cache *cache;
	int ret;

	lockdep_assert_held(&cachefs_attach_mutex);
	if (attached_cache) {
		pr_err("%s: not attached, %s already is\n", path,
		       cachefs_device_name(attached_cache->device));
		return -EBUSY;
	}
	if (READ_ONCE(going_down)) {
		pr_err("%s: not attached, the system is going down\n", path);
		return -ESHUTDOWN;
	}
	ret = cachefs_device_open(path, &device);
	if (ret)
		return ret;
	ret = cachefs_attach(device, flags, &cache);
	if (ret)
		goto close;
	ret = cachefs_sysfs_add(cache, &detach_attr.attr);
	if (ret)
		goto detach;
	attached_glue = cachefs_glue_add(cache);
	ret = PTR_ERR_OR_ZERO(attached_glue);
	if (ret)
		goto remove_sysfs;
	attached_cache = cache;
	cachefs_debugfs_add(cache);
	cachefs_device_watch(device, cache, cachefs_device_gone);
	pr_info("%s: attached as %pU, %llu MiB\n",
		cachefs_device_name(device), cache->uuid,
		cachefs_capacity(cache) >> 20);
	return 0;

remove_sysfs:
	cachefs_sysfs_remove(cache);
detach:
	cachefs_detach(cache);
close:
	cachefs_device_close(device);
	pr_err("%s: not attached: error %d\n", path, ret);
	return ret;
}

static void main_set_finished(bool value)
{
	WRITE_ONCE(finished, value);
	wake_up_all(&finished_wait);
}

static void main_detach(void)
{
	struct cachefs_cache *cache = attached_cache;
	struct cachefs_device *device = cache->device;

	lockdep_assert_held(&cachefs_attach_mutex);
	cachefs_device_watch(device, NULL, NULL);
	/*
	 * This comes first, because FS-Cache waits for reads, and so for servers.
	 * From here on lookups find nothing, and stores are refused.
	 */
	cachefs_finish(cache);
	main_set_finished(true);
	cachefs_glue_remove(attached_glue);
	cachefs_debugfs_remove();
	cachefs_sysfs_remove(cache);
	attached_cache = NULL;
	main_set_finished(false);
	cachefs_detach(cache);
	pr_info("%s: detached\n", cachefs_device_name(device));
	cachefs_device_close(device);
}

/* Run a command of "attach": a path, then nothing, or "format" or "force" or both. */
static int main_attach_command(const char *command)
{
	char *copy = kstrdup(command, GFP_KERNEL), *rest, *path, *word;
	unsigned int flags = 0;
	int ret = -EINVAL;

	if (!copy)
		return -ENOMEM;
	rest = strim(copy);
	path = strsep(&rest, " \t\n");
	while (path && (word = strsep(&rest, " \t\n")) != NULL) {
		if (!strcmp(word, "format")) {
			flags |= CACHEFS_ATTACH_FORMAT;
		} else if (!strcmp(word, "force")) {
			flags |= CACHEFS_ATTACH_FORCE;
		} else if (*word) {
			pr_err("\"%s\" is not understood: PATH [format] [force]\n",
			       word);
			goto out;
		}
	}
	if (!path || !*path) {
		pr_err("no device given: PATH [format] [force]\n");
		goto out;
	}
	ret = mutex_lock_killable(&cachefs_attach_mutex);
	if (!ret) {
		ret = main_attach(path, flags);
		mutex_unlock(&cachefs_attach_mutex);
	}
out:
	kfree(copy);
	return ret;
}

static ssize_t main_attach_store(struct kobject *kobj, struct kobj_attribute *attr,
				 const char *buf, size_t count)
{
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	ret = main_attach_command(buf);
	return ret ?: count;
}

static struct kobj_attribute attach_attr =
	__ATTR(attach, 0200, NULL, main_attach_store);

static ssize_t main_detach_store(struct kobject *kobj, struct kobj_attribute *attr,
				 const char *buf, size_t count)
{
	struct kernfs_node *kn;
	ssize_t ret = count;
	bool yes;
	int error;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	error = kstrtobool(buf, &yes);
	if (error || !yes)
		return error ?: -EINVAL;
	/* The directory goes away while this file of the directory is in use. */
	kn = sysfs_break_active_protection(kobj, &attr->attr);
	if (!kn)
		return -ENODEV;
	mutex_lock(&cachefs_attach_mutex);
	/* Another cache may be attached by now, but with another directory. */
	if (attached_cache && cachefs_sysfs_is(attached_cache, kobj))
		main_detach();
	else
		ret = -ENODEV;
	mutex_unlock(&cachefs_attach_mutex);
	sysfs_unbreak_active_protection(kn);
	return ret;
}

static struct kobj_attribute detach_attr =
	__ATTR(detach, 0200, NULL, main_detach_store);

/*
 * The system goes down.  File systems may still be mounted, and their server may be
 * out of reach already.  So the cache is not withdrawn from FS-Cache.  From now on
 * lookups find nothing, and files come from the server.
 */
static void main_reboot_finish(struct work_struct *work)
{
	mutex_lock(&cachefs_attach_mutex);
	if (attached_cache && cachefs_finish(attached_cache))
		pr_info("%s: written, the next attach is a clean one\n",
			cachefs_device_name(attached_cache->device));
	main_set_finished(true);
	mutex_unlock(&cachefs_attach_mutex);
}

static DECLARE_WORK(reboot_work, main_reboot_finish);

static int main_reboot_notify(struct notifier_block *block, unsigned long event,
			      void *data)
{
	WRITE_ONCE(going_down, true);
	queue_work(system_unbound_wq, &reboot_work);
	/* A disk that hangs must not hold the system up. */
	if (!wait_event_timeout(finished_wait, READ_ONCE(finished), REBOOT_PATIENCE * HZ))
		pr_warn("the cache is not detached after %u seconds, the system goes down without that\n",
			REBOOT_PATIENCE);
	return NOTIFY_DONE;
}

static struct notifier_block reboot_block = {
	.notifier_call	= main_reboot_notify,
	/* Before the notifiers of most devices below; md's and bcache's are as early. */
	.priority	= INT_MAX,
};

static unsigned long main_shrink_count(struct shrinker *shrinker,
				       struct shrink_control *sc)
{
	unsigned long nr = 0;

	if (!mutex_trylock(&cachefs_attach_mutex))
		return 0;
	if (attached_cache)
		nr = cachefs_checksums_spare(attached_cache) +
			cachefs_index_shrink(attached_cache, false);
	mutex_unlock(&cachefs_attach_mutex);
	return nr ?: SHRINK_EMPTY;
}

/* Checksums are freed first, because the disk has them, too. */
static unsigned long main_shrink_scan(struct shrinker *shrinker,
				      struct shrink_control *sc)
{
	unsigned long nr = 0;

	if (!mutex_trylock(&cachefs_attach_mutex))
		return SHRINK_STOP;
	if (attached_cache) {
		nr = cachefs_region_drop_checksums(attached_cache, sc->nr_to_scan);
		if (!nr)
			cachefs_index_shrink(attached_cache, true);
	}
	mutex_unlock(&cachefs_attach_mutex);
	/* There is no memory to free, or the log frees it later. */
	return nr ?: SHRINK_STOP;
}

/* Called when loading fails, too: a cache may have been attached meanwhile. */
static void main_leave(void)
{
	/* First prevent new calls into the module. */
	unregister_reboot_notifier(&reboot_block);
	flush_work(&reboot_work);
	cachefs_sysfs_close(&attach_attr.attr);
	mutex_lock(&cachefs_attach_mutex);
	if (attached_cache)
		main_detach();
	mutex_unlock(&cachefs_attach_mutex);
	cachefs_sysfs_exit();
	shrinker_free(cachefs_shrinker);
	/*
	 * The task that ended the last operation may still run in the module's text
	 * after its wakeup.  So may the last completion in interrupt context.
	 */
	synchronize_rcu_tasks();
	synchronize_rcu();
}

static int __init cachefs_init(void)
{
	int ret;

	cachefs_shrinker = shrinker_alloc(0, "cachefs");
	if (!cachefs_shrinker)
		return -ENOMEM;
	cachefs_shrinker->count_objects = main_shrink_count;
	cachefs_shrinker->scan_objects = main_shrink_scan;
	/* One object is the checksums of a region, 8 KiB, or a page of the index. */
	cachefs_shrinker->batch = 16;
	ret = cachefs_shrinker_register(cachefs_shrinker);
	if (ret)
		goto free_shrinker;
	ret = cachefs_sysfs_init(&attach_attr.attr);
	if (ret)
		goto free_shrinker;
	register_reboot_notifier(&reboot_block);
	if (cache_param && *cache_param) {
		mutex_lock(&cachefs_attach_mutex);
		ret = main_attach(cache_param, 0);
		mutex_unlock(&cachefs_attach_mutex);
	}
	if (!ret)
		ret = misc_register(&cachefs_control);
	if (ret)
		main_leave();
	return ret;

free_shrinker:
	shrinker_free(cachefs_shrinker);
	return ret;
}

static void __exit cachefs_exit(void)
{
	misc_deregister(&cachefs_control);
	main_leave();
}

module_init(cachefs_init);
module_exit(cachefs_exit);
MODULE_DESCRIPTION("Cache on a block device for network file systems");
MODULE_AUTHOR("The cachefs authors");
MODULE_LICENSE("GPL");
/* The same version as in debian/changelog. */
MODULE_VERSION("0.1.0");
MODULE_SOFTDEP("pre: netfs fscache");
