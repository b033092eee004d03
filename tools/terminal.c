// SPDX-License-Identifier: GPL-2.0
/*
 * The size of a terminal, and the part of a line that it shows.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>
#include "cachefsctl.h"

/**
 * terminal_size - Find the size of a terminal
 * @fd: a file
 * @columns: the columns; 0: not known, or @fd is no terminal
 * @rows: the rows; 0: the same
 */
void terminal_size(int fd, unsigned int *columns, unsigned int *rows)
{
	struct winsize size = {};

	*columns = 0;
	*rows = 0;
	if (ioctl(fd, TIOCGWINSZ, &size))
		return;
	*columns = size.ws_col;
	*rows = size.ws_row;
}

/**
 * terminal_fit - Find the part of a line that a terminal shows in one row
 * @line: the line, without a newline
 * @bytes: the length of the line
 * @columns: the width of the terminal; 0: all of the line is shown
 *
 * Return: the length of the part, in bytes.
 */
size_t terminal_fit(const char *line, size_t bytes, unsigned int columns)
{
	size_t at = 0, n;
	mbstate_t state = {};
	wchar_t wide;
	int width;

	if (!columns)
		return bytes;
	for (; at < bytes; at += n) {
		n = mbrtowc(&wide, line + at, bytes - at, &state);
		width = 1;
		if (n == 0 || n > bytes - at) {
			n = 1;
			memset(&state, 0, sizeof(state));
		} else {
			width = wcwidth(wide);
		}
		width = width < 0 ? 1 : width;
		if (width > columns)
			break;
		columns -= width;
	}
	return at;
}
