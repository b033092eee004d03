// SPDX-License-Identifier: GPL-2.0
/*
 * fs/netfs copies what it has read to the cache, and marks the pages itself:
 * Linux 6.10, for NFS 6.12.
 */
#include <linux/netfs.h>

#ifndef ABSENT
struct netfs_cache_ops probe = { .issue_write = NULL };
#else
struct probe {
	struct netfs_cache_ops;
	int issue_write;
};
#endif
