// SPDX-License-Identifier: GPL-2.0
/*
 * fs/netfs takes a read without this flag, and with nothing transferred, for a final
 * failure: Linux 6.13.
 */
#include <linux/netfs.h>

#ifndef ABSENT
int probe = NETFS_SREQ_MADE_PROGRESS;
#else
int NETFS_SREQ_MADE_PROGRESS;
#endif
