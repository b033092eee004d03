/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading of files so that they are cached (warm.c).
 */
#ifndef _TOOLS_WARM_H
#define _TOOLS_WARM_H

#include <stdbool.h>
#include <sys/types.h>

void warm_add(const char *path, dev_t dev, off_t size);
int warm_all(const char *uuid, unsigned int jobs, bool quiet);

#endif
