// SPDX-License-Identifier: GPL-2.0
/*
 * Whether an inode is of the version of its cookie, and whether a later change
 * will show in that version.  The test makes the inode of NFS by hand.
 */
#include <kunit/test.h>
#include <linux/iversion.h>
#include <linux/nfs4.h>
#include <linux/nfs_fs.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include "../../nfs-glue/compat.h"
#include "../../nfs-glue/glue.h"

#define SIZE		10000
#define CHANGE_ATTR	77

/*
 * struct nfs_file - An inode of NFS, and an operation on its cookie that agrees with it
 * @super: the superblock that leads to @server
 * @glue_volume: a volume of NFS
 */
struct nfs_file {
	struct nfs_inode		nfs;
	struct nfs_server		server;
	struct super_block		super;
	struct cachefs_glue_volume	glue_volume;
	struct cachefs_object		object;
	struct cachefs_op		op;
};

static struct inode *file_inode_of(struct nfs_file *file)
{
	return &file->nfs.vfs_inode;
}

static void set_times(struct nfs_file *file, time64_t mtime, time64_t ctime)
{
	struct cachefs_nfs_coherency *coherency = &file->op.coherency;
	struct inode *inode = file_inode_of(file);

	coherency->mtime_sec = mtime;
	coherency->ctime_sec = ctime;
#ifdef CACHEFS_HAVE_INODE_MTIME
	inode_set_mtime(inode, mtime, 0);
#else
	inode->i_mtime = (struct timespec64){ .tv_sec = mtime };
#endif
#ifdef CACHEFS_HAVE_INODE_CTIME
	inode_set_ctime(inode, ctime, 0);
#else
	inode->i_ctime = (struct timespec64){ .tv_sec = ctime };
#endif
}

static void set_change_attr(struct nfs_file *file, u64 change_attr)
{
	file->op.coherency.change_attr = change_attr;
	inode_set_iversion_raw(file_inode_of(file), change_attr);
}

/* Make a file of NFSv4 that changed an hour ago. */
static struct nfs_file *file_new(struct kunit *test)
{
	struct nfs_file *file = kunit_kzalloc(test, sizeof(*file), GFP_KERNEL);
	time64_t then = ktime_get_real_seconds() - 3600;
	struct inode *inode;

	KUNIT_ASSERT_NOT_NULL(test, file);
	inode = file_inode_of(file);
	spin_lock_init(&inode->i_lock);
	i_size_write(inode, SIZE);
	inode->i_sb = &file->super;
	file->super.s_fs_info = &file->server;
	file->server.change_attr_type = NFS4_CHANGE_TYPE_IS_UNDEFINED;
	file->glue_volume.nfs = true;
	file->object.volume = &file->glue_volume;
	file->op.object = &file->object;
	file->op.size = SIZE;
	file->op.timed = true;
	set_times(file, then, then);
	set_change_attr(file, CHANGE_ATTR);
	return file;
}

static bool of_inode(struct nfs_file *file)
{
	return cachefs_op_of_inode(&file->op, file_inode_of(file));
}

static bool settled(struct nfs_file *file)
{
	return cachefs_op_settled(&file->op, file_inode_of(file));
}

static void inode_agrees(struct kunit *test)
{
	struct nfs_file *file = file_new(test);

	KUNIT_EXPECT_TRUE(test, of_inode(file));
}

/* Each attribute that names the version differs once between inode and cookie. */
static void inode_has_another_attribute(struct kunit *test)
{
	struct nfs_file *file = file_new(test);
	struct cachefs_nfs_coherency *coherency = &file->op.coherency;
	struct cachefs_nfs_coherency good = *coherency;

	file->op.size++;
	KUNIT_EXPECT_FALSE(test, of_inode(file));
	file->op.size--;
	coherency->mtime_sec++;
	KUNIT_EXPECT_FALSE(test, of_inode(file));
	*coherency = good;
	coherency->mtime_nsec++;
	KUNIT_EXPECT_FALSE(test, of_inode(file));
	*coherency = good;
	coherency->ctime_sec++;
	KUNIT_EXPECT_FALSE(test, of_inode(file));
	*coherency = good;
	coherency->ctime_nsec++;
	KUNIT_EXPECT_FALSE(test, of_inode(file));
	*coherency = good;
	coherency->change_attr++;
	KUNIT_EXPECT_FALSE(test, of_inode(file));
	*coherency = good;
	KUNIT_EXPECT_TRUE(test, of_inode(file));
}

/* The change attribute is not in the coherency data of NFSv3. */
static void change_attr_of_nfsv3_does_not_matter(struct kunit *test)
{
	struct nfs_file *file = file_new(test);

	file->op.coherency.change_attr = 0;
	KUNIT_EXPECT_TRUE(test, of_inode(file));
}

/* After a reply without attributes the inode has old ones, and one of these flags. */
static void nfs_has_doubts(struct kunit *test)
{
	static const unsigned long doubts[] = {
		NFS_INO_INVALID_CHANGE, NFS_INO_INVALID_CTIME,
		NFS_INO_INVALID_MTIME, NFS_INO_INVALID_SIZE,
		NFS_INO_INVALID_BLOCKS,
	};
	struct nfs_file *file = file_new(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(doubts); i++) {
		file->nfs.cache_validity = doubts[i];
		KUNIT_EXPECT_FALSE(test, of_inode(file));
	}
	/* The time of the last read and permissions do not name a version. */
	file->nfs.cache_validity = NFS_INO_INVALID_ATIME | NFS_INO_INVALID_ACCESS |
		NFS_INO_INVALID_ACL;
	KUNIT_EXPECT_TRUE(test, of_inode(file));
}

/* This module does not know longer or shorter coherency data. */
static void unknown_coherency_data_is_of_no_inode(struct kunit *test)
{
	struct nfs_file *file = file_new(test);

	file->op.timed = false;
	KUNIT_EXPECT_FALSE(test, of_inode(file));
	/* Other file systems have coherency data of their own. */
	file->glue_volume.nfs = false;
	KUNIT_EXPECT_TRUE(test, of_inode(file));
}

/* Only times tell versions apart: the last change must be older than a tick. */
static void recent_change_is_not_settled(struct kunit *test)
{
	struct nfs_file *file = file_new(test);
	time64_t now = ktime_get_real_seconds();

	set_change_attr(file, 0);
	KUNIT_EXPECT_TRUE(test, settled(file));
	/* Either time may be recent.  The clock may go on by some seconds meanwhile. */
	set_times(file, now - 3600, now);
	KUNIT_EXPECT_FALSE(test, settled(file));
	set_times(file, now, now - 3600);
	KUNIT_EXPECT_FALSE(test, settled(file));
	set_times(file, now - 4, now - 4);
	KUNIT_EXPECT_TRUE(test, settled(file));
	/* A server whose clock is ahead. */
	set_times(file, now - 3600, now + 3600);
	KUNIT_EXPECT_FALSE(test, settled(file));
	/* utimes() sets mtime to anything, but not ctime. */
	set_times(file, now + 3600, now - 3600);
	KUNIT_EXPECT_TRUE(test, settled(file));
}

/* The same holds for other file systems than NFS. */
static void recent_change_elsewhere_is_not_settled(struct kunit *test)
{
	struct nfs_file *file = file_new(test);
	time64_t now = ktime_get_real_seconds();

	file->glue_volume.nfs = false;
	file->op.timed = false;
	KUNIT_EXPECT_TRUE(test, settled(file));
	set_times(file, now, now);
	KUNIT_EXPECT_FALSE(test, settled(file));
}

struct change_attr_case {
	const char	*name;
	int		type;
	bool		with_time;	/* the attribute has the time added */
	s64		count;		/* the rest of the attribute */
	bool		counts;
};

static const struct change_attr_case change_attr_cases[] = {
	{ "nfsv3",		NFS4_CHANGE_TYPE_IS_UNDEFINED, false, 0, false },
	{ "linux_counter",	NFS4_CHANGE_TYPE_IS_UNDEFINED, true, 5, true },
	{ "linux_time",		NFS4_CHANGE_TYPE_IS_UNDEFINED, true, 0, false },
	{ "unknown",		NFS4_CHANGE_TYPE_IS_UNDEFINED, false, 5, false },
	{ "later_time",		NFS4_CHANGE_TYPE_IS_UNDEFINED, true,
				(s64)2 << 32, false },
	{ "earlier_time",	NFS4_CHANGE_TYPE_IS_UNDEFINED, true, -5, false },
	{ "said_to_be_time",	NFS4_CHANGE_TYPE_IS_TIME_METADATA, true, 5, false },
	{ "monotonic",		NFS4_CHANGE_TYPE_IS_MONOTONIC_INCR, false, 5, true },
	{ "counter",		NFS4_CHANGE_TYPE_IS_VERSION_COUNTER, false, 5, true },
	{ "counter_nopnfs",	NFS4_CHANGE_TYPE_IS_VERSION_COUNTER_NOPNFS, false,
				5, true },
	{ "monotonic_nfsv3",	NFS4_CHANGE_TYPE_IS_MONOTONIC_INCR, false, 0, false },
};

KUNIT_ARRAY_PARAM_DESC(change_attr, change_attr_cases, name);

/* If the change attribute counts changes, even a recent change is settled. */
static void change_attr_counts(struct kunit *test)
{
	const struct change_attr_case *param = test->param_value;
	struct nfs_file *file = file_new(test);
	time64_t now = ktime_get_real_seconds();

	file->server.change_attr_type = param->type;
	set_times(file, now, now);
	set_change_attr(file, (param->with_time ? (u64)now << 30 : 0) +
			      param->count);
	KUNIT_EXPECT_EQ(test, settled(file), param->counts);
}

/* Under a delegation the server does not send the new change attribute of a WRITE. */
static void change_attr_counts_no_hidden_writes(struct kunit *test)
{
	struct nfs_file *file = file_new(test);
	time64_t now = ktime_get_real_seconds();

	file->server.change_attr_type = NFS4_CHANGE_TYPE_IS_MONOTONIC_INCR;
	set_times(file, now, now);
	file->op.invalidated = true;
	KUNIT_EXPECT_TRUE(test, settled(file));
	rcu_assign_pointer(file->nfs.delegation, (struct nfs_delegation *)file);
	KUNIT_EXPECT_FALSE(test, settled(file));
	set_times(file, now - 4, now - 4);
	KUNIT_EXPECT_TRUE(test, settled(file));
	file->op.invalidated = false;
	set_times(file, now, now);
	KUNIT_EXPECT_TRUE(test, settled(file));
}

static struct kunit_case inode_cases[] = {
	KUNIT_CASE(inode_agrees),
	KUNIT_CASE(inode_has_another_attribute),
	KUNIT_CASE(change_attr_of_nfsv3_does_not_matter),
	KUNIT_CASE(nfs_has_doubts),
	KUNIT_CASE(unknown_coherency_data_is_of_no_inode),
	KUNIT_CASE(recent_change_is_not_settled),
	KUNIT_CASE(recent_change_elsewhere_is_not_settled),
	KUNIT_CASE_PARAM(change_attr_counts, change_attr_gen_params),
	KUNIT_CASE(change_attr_counts_no_hidden_writes),
	{}
};

static struct kunit_suite inode_suite = {
	.name = "cachefs_inode",
	.test_cases = inode_cases,
};

kunit_test_suite(inode_suite);
