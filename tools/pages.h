/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file's pages, and the stores of the cache (pages.c).
 */
#ifndef _TOOLS_PAGES_H
#define _TOOLS_PAGES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

int64_t pages_stat(const char *uuid, const char *name);
bool pages_settle(const char *uuid, unsigned int seconds);
void pages_drop(int fd, off_t start, off_t bytes);
bool pages_dropped(int fd, off_t bytes, unsigned int seconds);
void pages_sleep_ms(unsigned int ms);
double pages_now(void);

#endif
