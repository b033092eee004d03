/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_XXHASH_H
#define _SHIM_LINUX_XXHASH_H

#include <linux/types.h>

u64 xxh64(const void *input, size_t length, u64 seed);

#endif
