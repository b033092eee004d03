/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The data that is read and that a cache does not keep (refused.c).
 */
#ifndef _TOOLS_REFUSED_H
#define _TOOLS_REFUSED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "system.h"

/*
 * struct refused - Data not kept between refused_begin() and refused_end()
 * @lost: the cache has failed or was detached meanwhile, and the rest is 0
 * @bytes: bytes that it refused to store, of all readers
 * @evicted: bytes that left the cache
 * @reasons: "; stores were refused: " and the reasons with their bytes, or ""
 * @sys: private: the system at refused_begin()
 * @attached: private: the number of this attach
 */
struct refused {
	bool		lost;
	int64_t		bytes;
	int64_t		evicted;
	char		*reasons;
	struct system	sys;
	ino_t		attached;
};

ino_t refused_attached(const char *uuid);
void refused_begin(struct refused *refused, const char *uuid);
void refused_end(struct refused *refused, const char *uuid);

#endif
