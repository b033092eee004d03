// SPDX-License-Identifier: GPL-2.0
/*
 * A read from the cache that ended with an errno is repeated from the server.
 * What decides that is inside of fs/netfs; the flag came with that code, which
 * takes the absence of progress for final and an error of the cache for not.
 */
#include <linux/netfs.h>

int probe = NETFS_SREQ_MADE_PROGRESS;
