/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interfaces of newer kernels that the core uses, for kernels that lack them.  The
 * CACHEFS_HAVE_* macros come from compiling the files in nfs-glue/probes/, see Kbuild.
 */
#ifndef _CACHEFS_CORE_COMPAT_H
#define _CACHEFS_CORE_COMPAT_H

#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

#ifndef CACHEFS_HAVE_BDEV_FILE
/* Here the file stands for an open block device, and is never used as a file. */
#define BLK_OPEN_READ		FMODE_READ
#define BLK_OPEN_WRITE		FMODE_WRITE
#define CACHEFS_BDEV_MODE	(FMODE_READ | FMODE_WRITE | FMODE_EXCL)

static inline struct file *bdev_file_open_by_dev(dev_t dev, fmode_t mode,
						 void *holder, const void *ops)
{
	return ERR_CAST(blkdev_get_by_dev(dev, mode | FMODE_EXCL, holder));
}

static inline struct block_device *file_bdev(struct file *file)
{
	return (struct block_device *)file;
}

static inline void bdev_fput(struct file *file)
{
	blkdev_put(file_bdev(file), CACHEFS_BDEV_MODE);
}
#endif

#ifndef CACHEFS_HAVE_SHRINKER_ALLOC
static inline struct shrinker *shrinker_alloc(unsigned int flags,
					      const char *name)
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (shrinker)
		shrinker->seeks = DEFAULT_SEEKS;
	return shrinker;
}

static inline int cachefs_shrinker_register(struct shrinker *shrinker)
{
	return register_shrinker(shrinker, "cachefs");
}

/* Also frees a shrinker that was never registered. */
static inline void shrinker_free(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}
#else
static inline int cachefs_shrinker_register(struct shrinker *shrinker)
{
	shrinker_register(shrinker);
	return 0;
}
#endif

#endif /* _CACHEFS_CORE_COMPAT_H */
