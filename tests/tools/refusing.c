// SPDX-License-Identifier: GPL-2.0
/*
 * LD_PRELOAD: a cache that refuses to store what is read of the file with the name in the
 * environment variable REFUSE, for the first REFUSALS reads.  They count in the file
 * REFUSED, as in refused_bytes/.  /dev/cachefs answers that nothing of a file is cached of
 * which something was refused since it was read from its start; with CACHED that all is
 * cached, and with REASON why a file is not.  With STATE the first read
 * writes its value to the file STATE_FILE.  For one thread that reads.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../include/uapi/cachefs.h"

static int refusals;
static bool missing;

static bool is_refused(int fd)
{
	char link[64], path[4096] = "", *name;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) < 0)
		return false;
	name = strrchr(path, '/');
	return name && !strcmp(name + 1, getenv("REFUSE"));
}

static void count(ssize_t bytes)
{
	FILE *file = fopen(getenv("REFUSED"), "r+");
	long number = 0;

	if (!file || fscanf(file, "%ld", &number) != 1)
		abort();
	rewind(file);
	fprintf(file, "%ld\n", number + bytes);
	fclose(file);
}

static void change_state(void)
{
	FILE *file = getenv("STATE") ? fopen(getenv("STATE_FILE"), "w") : NULL;

	if (file)
		fprintf(file, "%s\n", getenv("STATE"));
	if (file)
		fclose(file);
}

ssize_t pread64(int fd, void *buffer, size_t bytes, off64_t at)
{
	ssize_t (*next)(int fd, void *buffer, size_t bytes, off64_t at);
	ssize_t n;

	next = dlsym(RTLD_NEXT, "pread64");
	n = next(fd, buffer, bytes, at);
	if (n <= 0)
		return n;
	change_state();
	if (!is_refused(fd))
		return n;
	if (!at)
		missing = false;
	if (refusals < atoi(getenv("REFUSALS"))) {
		refusals++;
		missing = true;
		count(n);
	}
	return n;
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*next)(int fd, unsigned long request, void *argument);
	struct cachefs_file *answer;
	struct stat st;
	va_list args;

	va_start(args, request);
	answer = va_arg(args, void *);
	va_end(args);
	if (request != CACHEFS_IOC_WHY && request != CACHEFS_IOC_NOTE_READ) {
		next = dlsym(RTLD_NEXT, "ioctl");
		return next(fd, request, answer);
	}
	if (fstat(answer->fd, &st))
		return -1;
	answer->file_bytes = st.st_size;
	if (request == CACHEFS_IOC_WHY &&
	    (getenv("CACHED") || !missing || !is_refused(answer->fd)))
		answer->cached_bytes = st.st_size;
	answer->reason = getenv("REASON") ? atoi(getenv("REASON")) : CACHEFS_FILE_OK;
	return 0;
}
