// SPDX-License-Identifier: GPL-2.0
/*
 * Walk through files, and everything below directories.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "cachefsctl.h"
#include "tree.h"

#define TREE_RETRIES	3

/**
 * tree_stat - Look at a file or a directory
 * @path: a symbolic link counts as its target
 * @st: the result
 *
 * A directory is opened, because stat() does not mount an automount.
 *
 * Return: 0, or -1 with errno.
 */
int tree_stat(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return stat(path, st);
	ret = fstat(fd, st);
	close(fd);
	return ret;
}

/**
 * tree_open - Begin to walk
 * @tree: tree_close() ends the walk
 * @path: a file or a directory; a symbolic link counts as its target
 * @one_device: stay on the file system of @path
 *
 * Return: EXIT_SUCCESS; or EXIT_FAILURE after a message, and nothing is open.
 */
int tree_open(struct tree *tree, const char *path, bool one_device)
{
	char *const paths[] = { (char *)path, NULL };
	struct stat st;

	/* This mounts an automount, so that the walk begins on its file system. */
	tree_stat(path, &st);
	tree->status = EXIT_SUCCESS;
	tree->fts = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR |
			     (one_device ? FTS_XDEV : 0), NULL);
	return tree->fts ? EXIT_SUCCESS : cmd_fails(errno, "%s", path);
}

/**
 * tree_next - Go to the next entry
 * @tree: the walk
 *
 * Entries that cannot be read are reported and left out.  Entries that were removed since
 * their directory was read are left out.
 *
 * Return: the entry, or %NULL at the end.
 */
FTSENT *tree_next(struct tree *tree)
{
	FTSENT *entry;

	while ((entry = fts_read(tree->fts)))
		switch (entry->fts_info) {
		case FTS_DNR:
		case FTS_ERR:
		case FTS_NS:
			if (entry->fts_errno == ENOENT && entry->fts_level > FTS_ROOTLEVEL)
				break;
			tree->status = cmd_fails(entry->fts_errno, "%s",
						 entry->fts_path);
			break;
		default:
			return entry;
		}
	return NULL;
}

static int tree_try_file(const char *path, dev_t dev)
{
	int found = open(path, O_PATH | O_CLOEXEC), fd;
	struct statx st;
	char name[32];

	if (found < 0)
		return -errno;
	/* The type and the device never change, so the server need not be asked. */
	if (statx(found, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st)) {
		fd = -errno;
	} else if (!S_ISREG(st.stx_mode) ||
		   (dev && makedev(st.stx_dev_major, st.stx_dev_minor) != dev)) {
		fd = -EMEDIUMTYPE;
	} else {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", found);
		fd = open(name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	close(found);
	return fd;
}

/**
 * tree_open_file - Open a regular file for reading
 * @path: a symbolic link counts as its target
 * @dev: the device of the file system that it is on, as a walk has found it; 0: any
 *
 * The file may have been replaced since the walk.  The open of a FIFO may take for ever,
 * and the open of a device may do something.  So the path is looked up first, and only a
 * regular file is opened.
 *
 * Return: the file; -EMEDIUMTYPE if it is not regular, or on another device; or an errno.
 */
int tree_open_file(const char *path, dev_t dev)
{
	int fd = tree_try_file(path, dev), i;
	struct statx st;

	/*
	 * Another file has the name on the server now, and NFS has used its old lookup of
	 * the path.  open() of the path would look it up again.  Here statx() does that.
	 */
	for (i = 0; fd == -ESTALE && i < TREE_RETRIES; i++) {
		statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &st);
		fd = tree_try_file(path, dev);
	}
	return fd;
}

/**
 * tree_close - End a walk
 * @tree: the walk
 *
 * Return: EXIT_FAILURE if an entry could not be read, or EXIT_SUCCESS.
 */
int tree_close(struct tree *tree)
{
	fts_close(tree->fts);
	return tree->status;
}
