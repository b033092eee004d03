// SPDX-License-Identifier: GPL-2.0
/* The holder of a block device is told when the device goes away: Linux 6.5. */
#include <linux/blkdev.h>

#ifndef ABSENT
const struct blk_holder_ops probe = { .mark_dead = NULL };
#else
struct blk_holder_ops {
	int none;
};
#endif
