// SPDX-License-Identifier: GPL-2.0
/* A function reads netfs's zero point: after Linux 6.12, by 7.3. */
#include <linux/netfs.h>

#ifndef ABSENT
void *probe = netfs_read_zero_point;
#else
extern int netfs_read_zero_point;
#endif
