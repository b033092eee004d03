// SPDX-License-Identifier: GPL-2.0
/*
 * Write a time that no calendar has into the superblock of a cache, and into its copy.
 *
 * usage: timeless IMAGE
 */
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>
#include <xxhash.h>
#include "cachefs_format.h"

int main(int argc, char **argv)
{
	struct cachefs_super_block super;
	int fd = open(argv[1], O_RDWR);
	off_t end = lseek(fd, -CACHEFS_BLOCK_SIZE, SEEK_END);

	if (pread(fd, &super, sizeof(super), 0) != sizeof(super))
		return 1;
	super.format_time = 1ULL << 62;
	super.checksum = XXH64(&super, offsetof(struct cachefs_super_block, checksum), 0);
	return pwrite(fd, &super, sizeof(super), 0) != sizeof(super) ||
		pwrite(fd, &super, sizeof(super), end) != sizeof(super);
}
