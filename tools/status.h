/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TOOLS_STATUS_H
#define _TOOLS_STATUS_H

#include <stdio.h>
#include "system.h"

/**
 * struct status_view - How status_print() prints
 * @out: where to
 * @plain: numbers of bytes, without units
 * @columns: of the terminal, for which long names are cut; 0: nothing is cut
 * @mounts: only so many of them
 */
struct status_view {
	FILE		*out;
	bool		plain;
	unsigned int	columns;
	size_t		mounts;
};

void status_print(const struct system *sys, const struct status_view *view);

#endif
