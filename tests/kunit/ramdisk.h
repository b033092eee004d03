/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A block device in memory that can be stuck, broken, forgetful or gone.
 */
#ifndef _CACHEFS_TEST_RAMDISK_H
#define _CACHEFS_TEST_RAMDISK_H

#include <linux/blkdev.h>
#include <linux/workqueue.h>

struct cachefs_device;

/**
 * struct ramdisk - A block device in memory
 * @blocks: its size, blocks of 4096 bytes
 * @path: its device node
 * @data: its contents, @blocks blocks of 4096 bytes
 * @hold_reads: reads do not complete until this is cleared and ramdisk_kick()
 * @hold_from: only reads from this block of 4096 bytes on are held
 * @hold_to: and only reads before this block; 0: to the end
 * @hold_writes: the same for writes; data is taken from memory when a write completes
 * @let_pass: the write of this page is not held
 * @fail_reads: reads end with an error
 * @fail_block: reads of this block of 4096 bytes end with an error; 0: none
 * @fail_writes: writes end with an error
 * @lose_writes: writes seem to work and are not done, as at a power loss
 * @reads: requests done
 * @writes: requests done
 * @flushes: requests done that have to be durable
 * @held: requests that wait for a switch
 */
struct ramdisk {
	char			path[24];
	u8			*data;
	u64			blocks;
	bool			hold_reads;
	u64			hold_from;
	u64			hold_to;
	bool			hold_writes;
	struct page		*let_pass;
	bool			fail_reads;
	u64			fail_block;
	bool			fail_writes;
	bool			lose_writes;
	unsigned int		reads;
	unsigned int		writes;
	unsigned int		flushes;
	unsigned int		held;
	/* private: */
	struct gendisk		*disk;
	bool			gone;
	spinlock_t		lock;		/* queue */
	struct bio_list		queue;
	struct work_struct	work;
};

struct ramdisk *ramdisk_create(u64 blocks);
int ramdisk_open(const char *path, struct cachefs_device **device);
void ramdisk_destroy(struct ramdisk *ramdisk);
void ramdisk_kick(struct ramdisk *ramdisk);
void ramdisk_vanish(struct ramdisk *ramdisk);
bool ramdisk_wait_held(struct ramdisk *ramdisk);

static inline u8 *ramdisk_block(struct ramdisk *ramdisk, u64 block)
{
	return ramdisk->data + (block << 12);
}

#endif /* _CACHEFS_TEST_RAMDISK_H */
