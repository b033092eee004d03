// SPDX-License-Identifier: GPL-2.0
/*
 * Whether an inode is of the version that its cookie says, and whether a later change
 * of the file will show in that version.  Because of these two questions a version never
 * needs to be taken back; see "A version stays what it is" in design.rst.
 *
 * NFS does not tell FS-Cache of a SETATTR of its own (nfs_setattr_update_inode() in
 * fs/nfs/inode.c), and a server that has given a delegation answers WRITEs without
 * attributes.  The inode shows both: its attributes differ from the cookie's, or NFS
 * has marked them as invalid (cache_validity).
 */
#include <linux/fs.h>
#include <linux/iversion.h>
#include <linux/nfs4.h>
#include <linux/nfs_fs.h>
#include <linux/timekeeping.h>
#include "compat.h"
#include "glue.h"

/* NFS sets one of these flags when an attribute that names the version may be wrong. */
#define ATTRIBUTES_IN_DOUBT	(NFS_INO_INVALID_CHANGE | NFS_INO_INVALID_CTIME | \
				 NFS_INO_INVALID_MTIME | NFS_INO_INVALID_SIZE | \
				 NFS_INO_INVALID_BLOCKS)

/*
 * A file is settled when it has not changed for this many seconds.  No file system has
 * ticks of more than two seconds (FAT).  One more second is for clocks that disagree.
 */
#define SETTLED_SECONDS		3

/**
 * cachefs_op_of_inode - Whether an inode is of the version of an operation
 * @op: the operation
 * @inode: the inode whose pages the operation is about
 *
 * If it is not, nothing cached may be served, and nothing may be stored.  File
 * systems other than NFS tell FS-Cache of the changes that they see, and nothing else is
 * known of their inodes.  See Documentation/known-kernel-faults.rst for two that are not
 * told.
 *
 * Context: any but interrupts; takes i_lock.
 * Return: whether NFS has no doubt about the inode's attributes, and the attributes
 * are those of the cookie when @op began.
 */
bool cachefs_op_of_inode(const struct cachefs_op *op, struct inode *inode)
{
	const struct cachefs_nfs_coherency *coherency = &op->coherency;
	struct timespec64 mtime, ctime;
	bool same;

	if (!op->object->volume->nfs)
		return true;
	/* This module does not know coherency data of this length. */
	if (!op->timed)
		return false;
	/* NFS clears the doubts and sets the attributes under this lock. */
	spin_lock(&inode->i_lock);
	mtime = inode_get_mtime(inode);
	ctime = inode_get_ctime(inode);
	same = !(NFS_I(inode)->cache_validity & ATTRIBUTES_IN_DOUBT) &&
		i_size_read(inode) == op->size &&
		coherency->mtime_sec == mtime.tv_sec &&
		coherency->mtime_nsec == mtime.tv_nsec &&
		coherency->ctime_sec == ctime.tv_sec &&
		coherency->ctime_nsec == ctime.tv_nsec &&
		(!coherency->change_attr ||
		 coherency->change_attr == inode_peek_iversion_raw(inode));
	spin_unlock(&inode->i_lock);
	return same;
}

/**
 * cachefs_inode_rsize - The largest READ that NFS sends to an inode's server
 * @inode: an inode of NFS
 *
 * Context: any.
 * Return: bytes.
 */
unsigned int cachefs_inode_rsize(const struct inode *inode)
{
	return NFS_SERVER(inode)->rsize;
}

/*
 * Whether each change of the file gives it another change attribute.  A server of
 * NFSv4.2 may say so.  Linux servers do not.  They add the file system's counter, if it
 * has one, to the time of the change (nfsd4_change_attribute()).  A counter that is
 * still 0, as of a new file on tmpfs, looks like no counter.
 */
static bool inode_attr_counts(const struct cachefs_op *op, struct inode *inode)
{
	const struct cachefs_nfs_coherency *coherency = &op->coherency;
	u64 time = ((u64)coherency->ctime_sec << 30) + coherency->ctime_nsec;

	switch (NFS_SERVER(inode)->change_attr_type) {
	case NFS4_CHANGE_TYPE_IS_MONOTONIC_INCR:
	case NFS4_CHANGE_TYPE_IS_VERSION_COUNTER:
	case NFS4_CHANGE_TYPE_IS_VERSION_COUNTER_NOPNFS:
		return coherency->change_attr;
	case NFS4_CHANGE_TYPE_IS_UNDEFINED:
		return coherency->change_attr - time - 1 < U32_MAX;
	default:
		return false;
	}
}

/* While NFS holds a delegation, a WRITE may change the file and not the attribute. */
static bool inode_may_hide_writes(const struct cachefs_op *op, struct inode *inode)
{
#if IS_ENABLED(CONFIG_NFS_V4)
	return op->invalidated && rcu_access_pointer(NFS_I(inode)->delegation);
#else
	return false;
#endif
}

/**
 * cachefs_op_settled - Whether a later change of a file will show in its version
 * @op: the operation; its READ has not begun yet
 * @inode: the file's inode; cachefs_op_of_inode() said that it is of the version
 *
 * If the change will not show, the data that the operation reads is not stored.
 *
 * Context: any.
 * Return: whether the change attribute counts changes, or the last change is older
 * than a tick of the server's clock.
 */
bool cachefs_op_settled(const struct cachefs_op *op, struct inode *inode)
{
	time64_t mtime = inode_get_mtime(inode).tv_sec;
	time64_t changed = inode_get_ctime(inode).tv_sec;
	time64_t now = ktime_get_real_seconds();

	if (op->timed && inode_attr_counts(op, inode) &&
	    !inode_may_hide_writes(op, inode))
		return true;
	/* Anybody may have set mtime to a time in the future. */
	if (mtime <= now)
		changed = max(changed, mtime);
	return now - changed > SETTLED_SECONDS;
}
