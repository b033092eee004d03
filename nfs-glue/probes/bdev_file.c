// SPDX-License-Identifier: GPL-2.0
/* A block device is opened as a struct file: Linux 6.9. */
#include <linux/blkdev.h>

#ifndef ABSENT
void *probe = bdev_file_open_by_dev;
#else
extern int bdev_file_open_by_dev;
#endif
