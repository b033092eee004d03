// SPDX-License-Identifier: GPL-2.0
/*
 * LD_PRELOAD: reads fail with EIO in the blocks of 4096 bytes whose numbers are in the
 * environment variable UNREADABLE, and behind the first line of the file CUT.  Writes
 * fail in the blocks in UNWRITABLE.  The name of each file that fopen() opens is a line of
 * the file OPENS.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ssize_t cut_read(void *cookie, char *buffer, size_t bytes)
{
	FILE *file = cookie;
	size_t n = 0;
	int c;

	if (ftell(file)) {
		errno = EIO;
		return -1;
	}
	while (n < bytes && (c = fgetc(file)) != EOF) {
		buffer[n++] = c;
		if (c == '\n')
			break;
	}
	return n;
}

static int cut_close(void *cookie)
{
	return fclose(cookie);
}

FILE *fopen64(const char *path, const char *mode)
{
	static FILE *(*next)(const char *path, const char *mode);
	const char *cut = getenv("CUT");
	FILE *file;

	if (!next)
		next = dlsym(RTLD_NEXT, "fopen64");
	file = getenv("OPENS") ? next(getenv("OPENS"), "a") : NULL;
	if (file) {
		fprintf(file, "%s\n", path);
		fclose(file);
	}
	file = next(path, mode);
	if (!file || !cut || *mode != 'r' || strcmp(path, cut))
		return file;
	return fopencookie(file, "r", (cookie_io_functions_t) {
		.read = cut_read, .close = cut_close,
	});
}

/* Is one of these bytes in a block that the variable has? */
static int is_bad(const char *variable, size_t bytes, off64_t at)
{
	const char *text = getenv(variable);
	char *end;
	long block;

	for (; text && *text; text = end) {
		block = strtol(text, &end, 10);
		if (end == text)
			break;
		if (block * 4096 < at + (off64_t)bytes && (block + 1) * 4096 > at)
			return 1;
	}
	return 0;
}

ssize_t pread64(int fd, void *buffer, size_t bytes, off64_t at)
{
	static ssize_t (*next)(int fd, void *buffer, size_t bytes, off64_t at);

	if (is_bad("UNREADABLE", bytes, at)) {
		errno = EIO;
		return -1;
	}
	if (!next)
		next = dlsym(RTLD_NEXT, "pread64");
	return next(fd, buffer, bytes, at);
}

ssize_t pwrite64(int fd, const void *buffer, size_t bytes, off64_t at)
{
	static ssize_t (*next)(int fd, const void *buffer, size_t bytes, off64_t at);

	if (is_bad("UNWRITABLE", bytes, at)) {
		errno = EIO;
		return -1;
	}
	if (!next)
		next = dlsym(RTLD_NEXT, "pwrite64");
	return next(fd, buffer, bytes, at);
}
