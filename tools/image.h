/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Declarations that core.c and dump.c share.  They use the module's own types.
 */
#ifndef _TOOLS_IMAGE_H
#define _TOOLS_IMAGE_H

#include "core.h"

struct cachefs_device {
	int		fd;
	u64		bytes;
	const char	*name;
};

int image_init(struct cachefs_device *device, int fd, const char *name);
int image_open(struct cachefs_device *device, const char *path);
int image_read_super(struct cachefs_device *device,
		     struct cachefs_super_block *sb,
		     struct cachefs_geometry *geo, enum core_content *content,
		     enum cachefs_refusal *why);
void core_uuid_text(char *text, const unsigned char *uuid);

#endif
