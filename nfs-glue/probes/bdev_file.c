// SPDX-License-Identifier: GPL-2.0
/* A block device is opened as a struct file. */
#include <linux/blkdev.h>

void *probe = bdev_file_open_by_path;
