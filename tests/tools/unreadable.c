// SPDX-License-Identifier: GPL-2.0
/*
 * LD_PRELOAD: reads of the blocks of 4096 bytes whose numbers are in the environment
 * variable UNREADABLE fail with EIO.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

ssize_t pread64(int fd, void *buffer, size_t bytes, off64_t at)
{
	static ssize_t (*next)(int fd, void *buffer, size_t bytes, off64_t at);
	const char *text = getenv("UNREADABLE");
	char *end;
	long block;

	for (; text && *text; text = end) {
		block = strtol(text, &end, 10);
		if (end == text)
			break;
		if (block * 4096 < at + (off64_t)bytes && (block + 1) * 4096 > at) {
			errno = EIO;
			return -1;
		}
	}
	if (!next)
		next = dlsym(RTLD_NEXT, "pread64");
	return next(fd, buffer, bytes, at);
}
