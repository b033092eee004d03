/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_STRING_H
#define _SHIM_LINUX_STRING_H

#include <string.h>
#include <linux/types.h>

static inline void *memchr_inv(const void *p, int c, size_t n)
{
	const u8 *b = p;

	for (; n; n--, b++)
		if (*b != (u8)c)
			return (void *)b;
	return NULL;
}

static inline ssize_t strscpy(char *to, const char *from, size_t size)
{
	size_t n = strnlen(from, size);

	if (!size)
		return -7;	/* E2BIG */
	memcpy(to, from, n < size ? n : size - 1);
	to[n < size ? n : size - 1] = 0;
	return n < size ? (ssize_t)n : -7;
}

#define memzero_explicit(p, n)	memset(p, 0, n)

#endif
