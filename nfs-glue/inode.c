// SPDX-License-Identifier: GPL-2.0
/*
 * Does NFS's inode still agree with its cookie?
 *
 * NFS does not tell FS-Cache of a SETATTR of its own: truncate(2) by name, of a
 * file that nobody has open for writing, changes the file and the attributes in
 * the inode (nfs_setattr_update_inode() in fs/nfs/inode.c), but not the cookie's
 * size and coherency data, which are set again when the last reader closes.  What
 * is cached under those is a version that is no more.
 */
#include <linux/fs.h>
#include <linux/iversion.h>
#include "compat.h"
#include "glue.h"

/**
 * cachefs_op_of_inode - Is the inode of the version that an operation is about?
 * @op: the operation
 * @inode: whose pages it is about
 *
 * If not, nothing cached may be served, and nothing is worth storing.  Of other
 * file systems than NFS that is not known here; they tell FS-Cache.
 *
 * Context: any.
 * Return: whether size and times are those of the cookie when @op began.
 */
bool cachefs_op_of_inode(const struct cachefs_op *op, struct inode *inode)
{
	const struct cachefs_nfs_coherency *coherency = &op->coherency;
	struct timespec64 mtime, ctime;

	if (!op->timed)
		return true;
	mtime = inode_get_mtime(inode);
	ctime = inode_get_ctime(inode);
	return i_size_read(inode) == op->size &&
		coherency->mtime_sec == mtime.tv_sec &&
		coherency->mtime_nsec == mtime.tv_nsec &&
		coherency->ctime_sec == ctime.tv_sec &&
		coherency->ctime_nsec == ctime.tv_nsec &&
		(!coherency->change_attr ||
		 coherency->change_attr == inode_peek_iversion_raw(inode));
}
