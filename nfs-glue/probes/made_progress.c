// SPDX-License-Identifier: GPL-2.0
/*
 * If a read transferred nothing and does not have this flag, fs/netfs takes the read
 * for a final failure: Linux 6.13.
 */
#include <linux/netfs.h>

#ifndef ABSENT
int probe = NETFS_SREQ_MADE_PROGRESS;
#else
int NETFS_SREQ_MADE_PROGRESS;
#endif
