/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interfaces that only the kernel build has: the block device by its path (device.c),
 * and the module's control files (main.c, sysfs.c).
 */
#ifndef _CACHEFS_DEVICE_H
#define _CACHEFS_DEVICE_H

#include <linux/types.h>

struct attribute;
struct cachefs_cache;
struct cachefs_device;
struct kobject;

/* device.c */
int cachefs_device_open(const char *path, struct cachefs_device **devicep);
void cachefs_device_close(struct cachefs_device *device);
void cachefs_device_watch(struct cachefs_device *device,
			  struct cachefs_cache *cache,
			  void (*tell)(struct cachefs_cache *cache));

/* debugfs.c */
void cachefs_debugfs_add(struct cachefs_cache *cache);
void cachefs_debugfs_remove(void);

/* sysfs.c */
int cachefs_sysfs_init(const struct attribute *attach);
void cachefs_sysfs_close(const struct attribute *attach);
void cachefs_sysfs_exit(void);
int cachefs_sysfs_add(struct cachefs_cache *cache,
		      const struct attribute *detach);
bool cachefs_sysfs_is(const struct cachefs_cache *cache,
		      const struct kobject *kobj);
void cachefs_sysfs_remove(struct cachefs_cache *cache);

#endif /* _CACHEFS_DEVICE_H */
