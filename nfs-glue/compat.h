/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interfaces of newer kernels that the glue uses, for kernels that lack them.
 * include/cachefs_compat.h has those that the core uses.
 */
#ifndef _CACHEFS_COMPAT_H
#define _CACHEFS_COMPAT_H

#include <linux/fs.h>
#include <linux/netfs.h>

#ifndef CACHEFS_HAVE_INODE_MTIME
static inline struct timespec64 inode_get_mtime(const struct inode *inode)
{
	return inode->i_mtime;
}
#endif

#ifndef CACHEFS_HAVE_INODE_CTIME
static inline struct timespec64 inode_get_ctime(const struct inode *inode)
{
	return inode->i_ctime;
}
#endif

/* Call netfs's completion.  It may have to hand over to a thread that can sleep. */
static inline void cachefs_terminated(netfs_io_terminated_t term_func,
				      void *priv, ssize_t result)
{
#ifdef CACHEFS_HAVE_TERMINATED_ANYWHERE
	term_func(priv, result);
#else
	term_func(priv, result, true);
#endif
}

#endif /* _CACHEFS_COMPAT_H */
