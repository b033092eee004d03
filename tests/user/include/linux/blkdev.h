/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_BLKDEV_H
#define _SHIM_LINUX_BLKDEV_H

/* Submitted I/O is not merged here. */
struct blk_plug {
	int unused;
};

#define blk_start_plug(plug)	((void)(plug))
#define blk_finish_plug(plug)	((void)(plug))

#endif
