/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Questions to /dev/cachefs (files.c).
 */
#ifndef _TOOLS_FILES_H
#define _TOOLS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "../include/uapi/cachefs.h"

int files_open(unsigned long question);
int files_open_quietly(unsigned long question);
void files_close(void);
int files_ask(const char *path, dev_t dev, struct cachefs_file *answer);
int files_ask_quietly(const char *path, dev_t dev, struct cachefs_file *answer);
int files_fails(const char *path, dev_t dev, int ret);
const char *files_reason(unsigned int reason);
int files_show(char *const *paths, size_t nr, bool as_json);

#endif
