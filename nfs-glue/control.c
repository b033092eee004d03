// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/cachefs tells how much of an open file is cached, and why not more.  It also lets
 * go of the file in the cache, or notes the file as read.
 *
 * An operation of FS-Cache keeps the file's object, and with the object the cache, while
 * the question is answered.  A detach waits for the end of the operation.  The descriptor
 * of the file is the permission, so everybody may open the device.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fscache.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nfs_fs.h>
#include <linux/uaccess.h>
#include "cachefs_glue.h"
#include "glue.h"
#include "uapi/cachefs.h"

/*
 * The file systems that keep the cookie of a file where control_cookie() looks.  volume.c
 * says which file systems are cached at all.
 */
static const char *const control_types[] = {
#if IS_ENABLED(CONFIG_NFS_FSCACHE)
	"nfs", "nfs4",
#endif
#ifdef CACHEFS_HAVE_NFS_NETFS
	"cifs", "smb3", "9p",
#endif
};

static bool control_supports(const struct inode *inode)
{
	size_t i;

	for (i = 0; S_ISREG(inode->i_mode) && i < ARRAY_SIZE(control_types); i++)
		if (!strcmp(inode->i_sb->s_type->name, control_types[i]))
			return true;
	return false;
}

static struct fscache_cookie *control_cookie(struct inode *inode)
{
#ifdef CACHEFS_HAVE_NFS_NETFS
	return netfs_i_cookie(netfs_inode(inode));
#elif IS_ENABLED(CONFIG_NFS_FSCACHE)
	return NFS_I(inode)->fscache;
#else
	return NULL;
#endif
}

/*
 * Find out why a read of a file that has an object is not served, or not stored.
 * cachefsctl has the words for each reason (tools/files.c).
 */
static enum cachefs_file_reason control_reason(struct cachefs_op *op,
					       struct file *asked)
{
	struct cachefs_cache *cache = cachefs_op_cache(op);
	struct inode *inode = file_inode(asked);
	enum cachefs_reason why;

	if (!i_size_read(inode))
		return CACHEFS_FILE_EMPTY;
	if (asked->f_flags & O_DIRECT)
		return CACHEFS_FILE_DIRECT;
	why = cachefs_op_stale(op);
	if (why == CACHEFS_WHY_LOCAL_WRITER || why == CACHEFS_WHY_OPEN_TO_WRITE)
		return CACHEFS_FILE_WRITTEN;
	if (why || i_size_read(inode) != op->size ||
	    !cachefs_op_of_inode(op, inode))
		return CACHEFS_FILE_CHANGED;
	if (cachefs_pace_slow(cache))
		return CACHEFS_FILE_SLOW;
	if (!cachefs_volume_admits(cache, cachefs_op_volume(op), 1))
		return CACHEFS_FILE_POLICY;
	if (!cachefs_op_settled(op, inode))
		return CACHEFS_FILE_RECENT;
	if (cachefs_stores_rest(cache))
		return CACHEFS_FILE_NOT_STORED;
	if (cachefs_budget_is_used(cache))
		return CACHEFS_FILE_BUDGET;
	return CACHEFS_FILE_OK;
}

static int control_ask_object(struct cachefs_object *object, struct file *asked,
			      enum cachefs_count count, struct cachefs_file *answer)
{
	struct cachefs_cache *cache = object->volume->glue->cache;
	struct cachefs_op op;
	s64 bytes;

	/* Blocks that are cached under its name may be of another file. */
	answer->reason = CACHEFS_FILE_REFUSED;
	if (cachefs_object_unnamed(object, file_inode(asked)))
		return 0;
	if (count == CACHEFS_COUNT_DROP)
		cachefs_object_renew(object);
	cachefs_op_init(&op, object);
	bytes = cachefs_visit_cached(cache, &op.version, op.size, count);
	answer->reason = control_reason(&op, asked);
	if (answer->reason == CACHEFS_FILE_OK && bytes < op.size &&
	    cachefs_ghosts_count(cache, cachefs_op_volume(&op)))
		answer->reason = CACHEFS_FILE_SECOND;
	if (cachefs_is_degraded(cache))
		answer->flags = CACHEFS_FILE_DEGRADED;
	cachefs_op_exit(&op);

	if (bytes == -ENXIO)
		answer->reason = CACHEFS_FILE_FAILED;
	else if (bytes < 0)
		return bytes;
	/* If the file has changed, no read finds the blocks of the old version. */
	else if (count == CACHEFS_COUNT_DROP || answer->reason != CACHEFS_FILE_CHANGED)
		answer->cached_bytes = bytes;
	return 0;
}

/* Find out why the cookie of a file has no object. */
static enum cachefs_file_reason control_no_object(struct fscache_cookie *cookie)
{
	struct fscache_volume *volume = cookie->volume;

	if (READ_ONCE(volume->cache->state) != FSCACHE_CACHE_IS_ACTIVE)
		return CACHEFS_FILE_NO_CACHE;
	if (cachefs_volume_refusal(volume->key + 1, CACHEFS_PAGE_BY_PAGE))
		return CACHEFS_FILE_REFUSED;
	return CACHEFS_FILE_OPEN_BEFORE;
}

static int control_ask(struct file *asked, enum cachefs_count count,
		       struct cachefs_file *answer)
{
	struct inode *inode = file_inode(asked);
	struct netfs_cache_resources cres = {};
	struct fscache_cookie *cookie;
	int ret = 0;

	answer->file_bytes = i_size_read(inode);
	answer->reason = CACHEFS_FILE_UNSUPPORTED;
	if (!control_supports(inode))
		return 0;
	cookie = control_cookie(inode);
	answer->reason = CACHEFS_FILE_NO_FSC;
	if (!fscache_cookie_valid(cookie))
		return 0;
	/* Also works if the cookie is disabled because the file is open for writing. */
	if (__fscache_begin_read_operation(&cres, cookie)) {
		answer->reason = control_no_object(cookie);
		return 0;
	}
	if (cookie->volume->cache->ops->begin_operation == cachefs_begin_operation)
		ret = control_ask_object(cachefs_cres_object(&cres), asked, count,
					 answer);
	else
		answer->reason = CACHEFS_FILE_OTHER_CACHE;
	fscache_end_operation(&cres);
	return ret;
}

/* The error of the ioctls that do not answer with the reason. */
static int control_error(enum cachefs_file_reason reason)
{
	switch (reason) {
	case CACHEFS_FILE_UNSUPPORTED:
	case CACHEFS_FILE_NO_FSC:
	case CACHEFS_FILE_OTHER_CACHE:
	case CACHEFS_FILE_REFUSED:
		return -EOPNOTSUPP;
	case CACHEFS_FILE_NO_CACHE:
	case CACHEFS_FILE_FAILED:
		return -ENODEV;
	case CACHEFS_FILE_OPEN_BEFORE:
		return -EAGAIN;
	default:
		return 0;
	}
}

static int control_permission(const struct file *asked, enum cachefs_count count)
{
	if (count == CACHEFS_COUNT_ONLY)
		return asked->f_mode & FMODE_READ ? 0 : -EACCES;
	/* Only an administrator may keep a file: it takes the room of all users. */
	if (count == CACHEFS_COUNT_DROP &&
	    (asked->f_mode & FMODE_WRITE ||
	     uid_eq(current_fsuid(), file_inode(asked)->i_uid)))
		return 0;
	return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

/* Returns -ENOTTY if there is no such ioctl. */
static int control_count(unsigned int cmd)
{
	switch (cmd) {
	case CACHEFS_IOC_CACHED:
	case CACHEFS_IOC_WHY:
		return CACHEFS_COUNT_ONLY;
	case CACHEFS_IOC_EVICT:
		return CACHEFS_COUNT_DROP;
	case CACHEFS_IOC_NOTE_READ:
		return CACHEFS_COUNT_NOTE_READ;
	default:
		return -ENOTTY;
	}
}

static long control_ioctl(struct file *device, unsigned int cmd,
			  unsigned long arg)
{
	struct cachefs_file __user *user = (void __user *)arg;
	struct cachefs_file file;
	struct file *asked;
	int count, ret;

	count = control_count(cmd);
	if (count < 0)
		return count;
	if (copy_from_user(&file, user, sizeof(file)))
		return -EFAULT;
	if (file.flags || file.reason || file.reserved)
		return -EINVAL;
	asked = fget(file.fd);
	if (!asked)
		return -EBADF;
	file.cached_bytes = 0;
	ret = control_permission(asked, count) ?: control_ask(asked, count, &file);
	fput(asked);
	if (!ret && cmd != CACHEFS_IOC_WHY)
		ret = control_error(file.reason);
	if (!ret && copy_to_user(user, &file, sizeof(file)))
		ret = -EFAULT;
	return ret;
}

static const struct file_operations control_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= control_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

/* Registered last, because an open descriptor keeps the module. */
struct miscdevice cachefs_control = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "cachefs",
	.fops	= &control_fops,
	.mode	= 0666,
};
