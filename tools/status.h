/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TOOLS_STATUS_H
#define _TOOLS_STATUS_H

#include <stdio.h>
#include "system.h"

/**
 * struct status_view - How status_print() prints
 * @out: the output
 * @plain: print numbers of bytes, without units
 * @columns: the width of the terminal, for which long names are cut; 0: nothing is cut
 * @mounts: the largest number of mounts that are printed
 */
struct status_view {
	FILE		*out;
	bool		plain;
	unsigned int	columns;
	size_t		mounts;
};

void status_print(const struct system *sys, const struct status_view *view);

#endif
