// SPDX-License-Identifier: GPL-2.0
/*
 * Replace a file when its new content is complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cachefsctl.h"

/**
 * replace_check - Refuse a special file
 * @path: a path, or %NULL
 *
 * Root would replace /dev/null or /dev/stdout by a file, and a FIFO would never be read.
 *
 * Return: an exit status.
 */
int replace_check(const char *path)
{
	struct stat st;

	if (!path || stat(path, &st) || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return EXIT_SUCCESS;
	return cmd_fails(0, "%s: cannot be written: is no regular file", path);
}

/**
 * replace_begin - Make a file that will replace another one
 * @path: the other file
 *
 * The name of the new file is that of the other one, with ".new" behind it.  An old file of
 * this name is removed: another user may own the directory, and root must not follow that
 * user's link.
 *
 * Return: the new file; %NULL after a message.
 */
FILE *replace_begin(const char *path)
{
	char *new = cmd_text("%s.new", path);
	FILE *file = NULL;
	int fd = -1;

	if (!unlink(new) || errno == ENOENT)
		fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	free(new);
	if (fd >= 0)
		file = fdopen(fd, "w");
	if (!file)
		cmd_fails(errno, "%s: cannot be written", path);
	if (!file && fd >= 0)
		close(fd);
	return file;
}

/**
 * replace_end - Replace a file by a new one
 * @file: the new file, which is closed
 * @path: the other file, which stays as it is on failure
 *
 * Return: an exit status.
 */
int replace_end(FILE *file, const char *path)
{
	char *new = cmd_text("%s.new", path);
	int error = ferror(file) ? EIO : 0;

	if (fclose(file))
		error = errno;
	if (!error && rename(new, path))
		error = errno;
	if (error)
		unlink(new);
	free(new);
	return error ? cmd_fails(error, "%s: cannot be written", path) : EXIT_SUCCESS;
}
