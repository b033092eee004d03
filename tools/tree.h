/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TOOLS_TREE_H
#define _TOOLS_TREE_H

#include <fts.h>
#include <stdbool.h>
#include <sys/stat.h>

/**
 * struct tree - A file, or all that is below a directory, while it is walked through
 * @fts: the walk of the C library
 * @status: EXIT_FAILURE if something could not be read, after a message
 */
struct tree {
	FTS	*fts;
	int	status;
};

int tree_stat(const char *path, struct stat *st);
int tree_open(struct tree *tree, const char *path, bool one_device);
FTSENT *tree_next(struct tree *tree);
int tree_open_file(const char *path, dev_t dev);
int tree_close(struct tree *tree);

#endif
