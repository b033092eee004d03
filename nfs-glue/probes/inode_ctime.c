// SPDX-License-Identifier: GPL-2.0
/* The ctime of an inode is read through a function. */
#include <linux/fs.h>

struct timespec64 probe(struct inode *inode)
{
	return inode_get_ctime(inode);
}
