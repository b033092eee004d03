// SPDX-License-Identifier: GPL-2.0
/*
 * Slices of a read donate to their neighbours, and a slice that failed with an errno is
 * not repeated: Linux 6.12 and 6.13.  Later kernels have neither this member nor that
 * way of reading.
 */
#include <linux/netfs.h>

#ifndef ABSENT
struct netfs_io_subrequest probe = { .prev_donated = 0 };
#else
struct probe {
	struct netfs_io_subrequest;
	int prev_donated;
};
#endif
