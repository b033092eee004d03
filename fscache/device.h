/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interfaces that only the kernel build has: the block device by its path (device.c),
 * the module's control files (main.c, sysfs.c), and the calls between the core and the
 * glue at attach and detach.
 */
#ifndef _CACHEFS_DEVICE_H
#define _CACHEFS_DEVICE_H

#include <linux/types.h>

struct attribute;
struct cachefs_cache;
struct cachefs_device;
struct cachefs_glue;
struct kobject;
struct miscdevice;

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

/* nfs-glue */
struct cachefs_glue *cachefs_glue_add(struct cachefs_cache *cache);
void cachefs_glue_remove(struct cachefs_glue *glue);

/* nfs-glue/control.c */
extern struct miscdevice cachefs_control;

#endif /* _CACHEFS_DEVICE_H */
