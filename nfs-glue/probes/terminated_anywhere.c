// SPDX-License-Identifier: GPL-2.0
/*
 * Completions may come from any context, and need not say which: after Linux 6.12,
 * by 7.3.
 */
#include <linux/netfs.h>

void probe(netfs_io_terminated_t done)
{
#ifndef ABSENT
	done(NULL, 0);
#else
	done(NULL, 0, false);
#endif
}
