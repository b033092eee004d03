// SPDX-License-Identifier: GPL-2.0
/* The mtime of an inode is read through a function: Linux 6.7. */
#include <linux/fs.h>

#ifndef ABSENT
void *probe = inode_get_mtime;
#else
extern int inode_get_mtime;
#endif
