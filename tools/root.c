// SPDX-License-Identifier: GPL-2.0
/*
 * Files of the kernel, below another root directory in tests.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cachefsctl.h"

const char *root = "";

static char *root_vpath(const char *format, va_list args)
{
	char *name, *path;

	if (vasprintf(&name, format, args) < 0)
		err(EXIT_FAILURE, NULL);
	path = cmd_text("%s%s", root, name);
	free(name);
	return path;
}

/**
 * root_path - Make the path of a file
 * @format: its name, which begins with a slash; as for printf
 *
 * Return: the path, to be freed.
 */
char *root_path(const char *format, ...)
{
	va_list args;
	char *path;

	va_start(args, format);
	path = root_vpath(format, args);
	va_end(args);
	return path;
}

static char *root_read(const char *path)
{
	char buffer[4097], *end;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = read(fd, buffer, sizeof(buffer) - 1);
	close(fd);
	if (n < 0)
		return NULL;
	buffer[n] = 0;
	end = strchr(buffer, '\n');
	if (end)
		*end = 0;
	return cmd_text("%s", buffer);
}

static char *root_vtext(const char *format, va_list args)
{
	char *path = root_vpath(format, args);
	char *text = root_read(path);

	free(path);
	return text;
}

/**
 * root_text - Read the first line of a file
 * @format: its name; as for printf
 *
 * Return: the line, to be freed, or %NULL if it cannot be read.
 */
char *root_text(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = root_vtext(format, args);
	va_end(args);
	return text;
}

/**
 * root_number - Read the number in a file
 * @format: its name; as for printf
 *
 * Return: the number, or -1 if there is none.
 */
int64_t root_number(const char *format, ...)
{
	char *text, *end = NULL;
	int64_t number = -1;
	va_list args;

	va_start(args, format);
	text = root_vtext(format, args);
	va_end(args);
	if (text)
		number = strtoll(text, &end, 10);
	if (!text || end == text || *end)
		number = -1;
	free(text);
	return number;
}

/**
 * root_open - Open a file for reading
 * @path: its name
 *
 * Return: the file or %NULL.
 */
FILE *root_open(const char *path)
{
	char *name = root_path("%s", path);
	FILE *file = fopen(name, "re");

	free(name);
	return file;
}

/**
 * root_has - Check whether a file exists
 * @path: its name
 *
 * Return: whether it exists.
 */
bool root_has(const char *path)
{
	char *name = root_path("%s", path);
	bool has = !access(name, F_OK);

	free(name);
	return has;
}

/**
 * root_write - Write to one of the kernel's files
 * @path: its name
 * @text: the text that is written, at once
 *
 * Return: 0 or an errno.
 */
int root_write(const char *path, const char *text)
{
	char *name = root_path("%s", path);
	int fd = open(name, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	free(name);
	return ret;
}
