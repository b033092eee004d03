// SPDX-License-Identifier: GPL-2.0
/*
 * LD_PRELOAD: a server that does not answer.  A process makes the file HANG and never
 * goes on when it walks through directories, if the environment variable HANGS is "walk",
 * or when it looks up the real name of a path, if HANGS is "name".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void hang(const char *where)
{
	FILE *file;

	if (strcmp(getenv("HANGS"), where))
		return;
	file = fopen(getenv("HANG"), "w");
	if (!file)
		abort();
	fclose(file);
	for (;;)
		pause();
}

char *realpath(const char *path, char *resolved)
{
	char *(*next)(const char *path, char *resolved) = dlsym(RTLD_NEXT, "realpath");

	hang("name");
	return next(path, resolved);
}

FTSENT64 *fts64_read(FTS64 *tree)
{
	FTSENT64 *(*next)(FTS64 *tree) = dlsym(RTLD_NEXT, "fts64_read");

	hang("walk");
	return next(tree);
}
