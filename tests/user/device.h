/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A block device in memory that can do what real ones do to a cache: take its
 * time, answer out of order, fail, and lose power.
 */
#ifndef _DEVICE_H
#define _DEVICE_H

#include "../../fscache/internal.h"

/* What survives of the writes that no flush has made durable? */
enum device_death {
	DEVICE_KEEPS_ALL,	/* all that had ended; what had not may be torn */
	DEVICE_KEEPS_NONE,
	DEVICE_KEEPS_WHOLE,	/* each on its own: kept, lost or older */
	DEVICE_KEEPS_ANY,	/* or torn */
	DEVICE_NR_DEATHS,
};

/**
 * struct cachefs_device - A simulated block device
 * @blocks: its size
 * @now: what a read returns; sparse
 * @stable: what a power loss leaves, but for what is in @log; sparse
 * @touched: blocks that were written, each once
 * @nr_touched: how many
 * @is_touched: the same by block
 * @log: writes since the last flush, oldest first
 * @nr_log: how many
 * @waiting: I/O that was submitted and has not ended
 * @nr_waiting: how many
 * @liar: flushes are acknowledged and not done
 * @stable_pages: it wants pages not to change while they are written
 * @hangs: data reads and writes do not end
 * @dead: the power is out; what is written goes nowhere
 * @writes: writes that have begun
 * @reads: synchronous reads that have begun
 * @die_at: the power goes at this write, counted by @writes; 0: never
 * @death: what is left then
 * @on_death: called then
 * @meanwhile: called while the core waits for a write
 * @reading: called while it waits for a read of its own
 * @read_errors: of 1000 reads so many fail
 * @write_errors: of 1000 writes so many fail
 * @write_errno: what a write that fails says, and then nothing is written; 0: -EIO,
 *	and parts of it may be
 * @bad_start: blocks from here on cannot be read or written ...
 * @bad_end: ... up to this one
 * @bad_period: and again after so many blocks, to the end; 0: not
 * @bad_is_readable: but they can be read
 * @reserve: I/O and pages that stores get; -1: as many as they like
 * @unsubmitted: reads allocated but not submitted
 * @blocks_writers: who submits a write would wait for ever
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
};

/* One block that was written. */
struct device_write {
	u64	block;
	u8	*data;
};

/**
 * struct device_losses - What power losses have left of blocks that were written
 * @newest: blocks with what was written last
 * @older: with what was written before that
 * @lost: with nothing of what the log had
 * @torn: with sectors of several
 * @reordered: losses after which an earlier write was missing and a later one there
 */
struct device_losses {
	u64	newest;
	u64	older;
	u64	lost;
	u64	torn;
	u64	reordered;
};

extern struct device_losses device_losses;

/* The one device there is, blank; an earlier one is gone. */
struct cachefs_device *device_init(u64 blocks);
/* After @dead, or at any quiet time: the next machine finds what is left. */
void device_power_on(struct cachefs_device *device);
/* Off and on again, at a quiet time and between two writes. */
void device_power_cycle(struct cachefs_device *device, enum device_death death);

/* Write a block from outside. */
void device_poke(struct cachefs_device *device, u64 block, const void *bytes);

static inline void *device_block(struct cachefs_device *device, u64 block)
{
	return device->now + (block << CACHEFS_BLOCK_SHIFT);
}

#endif
