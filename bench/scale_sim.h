/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The machine that bench/scale and bench/policy run the core on.
 *
 * One thread runs everything that sleeps.  Each work item has a stack of its own
 * and gives way where the kernel would sleep.  Time is the time of the device: the
 * clock moves when all wait.  So sixteen readers of a device with a latency of 100 us
 * take as long as on a real device, however long the simulation takes.
 *
 * Other threads may only look blocks up, and read from a device that answers at once.
 * Locks spin, and are as fair as the kernel's.
 */
#ifndef _SCALE_SIM_H
#define _SCALE_SIM_H

#include <linux/list.h>
#include <linux/types.h>
#include "../fscache/internal.h"

/**
 * struct cachefs_device - The simulated device
 * @blocks: its size
 * @latency_ns: from the end of the transfer to the answer
 * @bandwidth: bytes per second; 0: all is answered at once
 * @keep_data: data is kept, not only blocks that the core writes for itself
 * @bytes: the blocks that are kept; sparse
 * @present: a bit for each block, set if the block is kept
 * @busy_until: when the last transfer so far ends, ns
 * @read_bytes: read so far
 * @written_bytes: written so far
 */
struct cachefs_device {
	u64		blocks;
	u64		latency_ns;
	u64		bandwidth;
	bool		keep_data;
	u8		*bytes;
	unsigned long	*present;
	u64		busy_until;
	u64		read_bytes;
	u64		written_bytes;
};

struct cachefs_device *device_new(u64 bytes);
void device_free(struct cachefs_device *device);

/* An answer of the device: it calls cachefs_io::end, or lets a waiting fiber go on. */
struct sim_event {
	struct list_head	link;
	u64			at;
	struct cachefs_io	*io;
	struct fiber		*fiber;
};

/* Answers come in the order of these calls. */
void sim_answer(struct sim_event *event, struct cachefs_io *io, u64 at);
void sim_sleep_until(u64 at);

/* Run everything that can run, without moving the clock. */
void sim_run(void);
/* Run everything, and move the clock, until this time. */
void sim_run_until(u64 ns);
/* Stop the machine: forget all work. */
void sim_crash(void);
/* Set whether processor time counts, too, from here on. */
void sim_count_cpu(bool on);
/* The processor time that has counted so far, ns. */
u64 sim_counted_ns(void);
/* ... but not between these calls, for work of the simulation itself. */
void sim_cpu_pause(void);
void sim_cpu_resume(void);

/* The bytes in use.  Each allocation is rounded up as by kmalloc() and vmalloc(). */
u64 sim_memory(void);
u64 sim_memory_rounded(u64 bytes);

/*
 * A thread that has called sim_marks() notes its processor time when it takes or
 * releases an rwlock to write, and when it releases a spinlock.  Another thread calls
 * sim_marked() to learn how much that was at most between two moments.  sim_marked()
 * returns false if that is not known yet.
 */
void sim_marks(bool on);
void sim_mark(void);
bool sim_marked(u64 begin, u64 end, u64 *cpu_ns);

/* The processor time of this thread, and the real time, ns. */
u64 sim_cpu_ns(void);
u64 sim_real_ns(void);

#endif
