/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The disk of a cache, as the tools see it.  core.c connects the tools with the code of
 * the kernel module, which is compiled into the tools unchanged: fscache/format.c checks
 * the blocks, and cachefs_format() writes them.
 */
#ifndef _TOOLS_CORE_H
#define _TOOLS_CORE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/**
 * struct core_super - A valid superblock
 * @uuid: as text
 * @label: with a zero at its end
 * @version: of the format
 * @device_bytes: size of the device when it was formatted
 * @capacity_bytes: bytes of data that it has room for
 * @format_time: seconds since 1970
 */
struct core_super {
	char		uuid[37];
	char		label[33];
	unsigned int	version;
	uint64_t	device_bytes;
	uint64_t	capacity_bytes;
	int64_t		format_time;
};

enum core_content {
	CORE_NO_CACHE,		/* no magic number */
	CORE_CACHE,
	CORE_BAD_CACHE,		/* has the magic number, but is not valid */
};

/* The message about a device that has no room for a cache; for its name. */
#define CORE_TOO_SMALL	"%s: too small, at least 30 MiB are needed"

int core_probe(int fd, struct core_super *super, const char **why);
int core_is_blank(int fd);
int core_format(int fd, const char *path, const char *label);
int core_erase(int fd, const char *path);

#endif
