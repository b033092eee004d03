// SPDX-License-Identifier: GPL-2.0
/* The ctime of an inode is read through a function: Linux 6.6. */
#include <linux/fs.h>

#ifndef ABSENT
void *probe = inode_get_ctime;
#else
extern int inode_get_ctime;
#endif
