/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A block device in memory that can do what real ones do to a cache: take its
 * time, answer out of order, fail, and lose power.
 */
#ifndef _DEVICE_H
#define _DEVICE_H

#include "../../fscache/internal.h"

/* How a power loss treats the writes that no flush has made durable. */
enum device_death {
	DEVICE_KEEPS_ALL,	/* all that had ended; the others may be torn */
	DEVICE_KEEPS_NONE,
	DEVICE_KEEPS_WHOLE,	/* each block by itself: kept, lost or older */
	DEVICE_KEEPS_ANY,	/* the same, or torn */
	DEVICE_NR_DEATHS,
};

/**
 * struct cachefs_device - A simulated block device
 * @blocks: its size in blocks
 * @now: the content that a read returns; sparse
 * @stable: the durable content: a power loss leaves it, and some of @log; sparse
 * @touched: blocks that were written, each once
 * @nr_touched: number of entries in @touched
 * @is_touched: the same as @touched, by block
 * @log: writes since the last flush, oldest first
 * @nr_log: number of entries in @log
 * @waiting: I/O that was submitted and has not ended
 * @nr_waiting: number of I/Os in @waiting
 * @liar: flushes are acknowledged and not done
 * @stable_pages: pages must not change while they are written
 * @stable_flips: @stable_pages is another one each time that the core asks
 * @hangs: data reads and writes do not end
 * @dead: the power is out; writes are lost
 * @writes: writes that have begun; a synchronous write may count several times
 * @reads: synchronous reads that have begun
 * @die_at: the power fails at this write, counted by @writes; 0: never
 * @death: how this power loss treats writes
 * @on_death: called when the power fails
 * @meanwhile: called while the core waits for a write
 * @reading: called while the core waits for a synchronous read
 * @read_errors: number of reads that fail, of 1000
 * @write_errors: number of writes that fail, of 1000
 * @write_errno: error of a write that fails and writes nothing; 0: the error is -EIO,
 *	and parts of the data may be written
 * @bad_start: first of the blocks that cannot be read or written
 * @bad_end: end of these blocks
 * @bad_period: these blocks come again after this number of blocks; 0: they do not
 * @bad_is_readable: these blocks can be read
 * @reserve: number of I/Os and pages that stores can still get; -1: no limit
 * @unsubmitted: reads allocated but not submitted
 * @blocks_writers: a task that submits a write would wait for ever
 * @discards: the device takes discards
 */
struct cachefs_device {
	u64			blocks;
	u8			*now;
	u8			*stable;
	bool			*is_touched;
	u64			*touched;
	unsigned int		nr_touched;
	struct device_write	*log;
	unsigned int		nr_log;
	struct list_head	waiting;
	unsigned int		nr_waiting;
	bool			liar;
	bool			stable_pages;
	bool			stable_flips;
	bool			hangs;
	bool			dead;
	u64			writes;
	u64			reads;
	u64			die_at;
	enum device_death	death;
	void			(*on_death)(void);
	void			(*meanwhile)(void);
	void			(*reading)(void);
	unsigned int		read_errors;
	unsigned int		write_errors;
	int			write_errno;
	u64			bad_start;
	u64			bad_end;
	u64			bad_period;
	bool			bad_is_readable;
	int			reserve;
	unsigned int		unsubmitted;
	bool			blocks_writers;
	bool			discards;
};

/* One block that was written. */
struct device_write {
	u64	block;
	u8	*data;
};

/**
 * struct device_losses - Written blocks, by the content that power losses left
 * @newest: blocks with the content that was written last
 * @older: blocks with content that was written earlier
 * @lost: blocks with no content from the log
 * @torn: blocks with sectors of several contents
 * @reordered: power losses that lost an earlier write and kept a later one
 */
struct device_losses {
	u64	newest;
	u64	older;
	u64	lost;
	u64	torn;
	u64	reordered;
};

extern struct device_losses device_losses;

/* Return the only device, blank.  The device before it is gone. */
struct cachefs_device *device_init(u64 blocks);
/* Switch the power on, after @dead or when no I/O waits.  Reads see what is left. */
void device_power_on(struct cachefs_device *device);
/* Switch the power off and on again, between two writes, when no I/O waits. */
void device_power_cycle(struct cachefs_device *device, enum device_death death);

/* Write a block from outside. */
void device_poke(struct cachefs_device *device, u64 block, const void *bytes);

static inline void *device_block(struct cachefs_device *device, u64 block)
{
	return device->now + (block << CACHEFS_BLOCK_SHIFT);
}

#endif
