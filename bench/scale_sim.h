/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The machine that bench/scale and bench/policy run the core on.
 *
 * One thread runs everything that sleeps.  Each work item has a stack of its own
 * and gives way where the kernel would sleep.  Time is the device's: the clock
 * moves when all wait.  So sixteen readers of a device with a latency of 100 us
 * take as long as they would, however long the simulation takes.
 *
 * Other threads may only look things up and read what a device answers at once.
 * Locks spin, as they do in the kernel, and are as fair.
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
 * @keep_data: data blocks are kept, not only what the core writes for itself
 * @bytes: what is kept; sparse
 * @present: a bit for each block that is
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

/* An answer of the device: calls cachefs_io::end, or lets who waits go on. */
struct sim_event {
	struct list_head	link;
	u64			at;
	struct cachefs_io	*io;
	struct fiber		*fiber;
};

/* Answers come in the order of these calls. */
void sim_answer(struct sim_event *event, struct cachefs_io *io, u64 at);
void sim_sleep_until(u64 at);

/* Let all go on that can, without moving the clock. */
void sim_run(void);
/* Let all go on, and the clock move, until this time. */
void sim_run_until(u64 ns);
/* Forget all work: the machine stops. */
void sim_crash(void);
/* From here on the time that the processor takes counts, too. */
void sim_count_cpu(bool on);
/* ... but not between these: what the simulation itself does. */
void sim_cpu_pause(void);
void sim_cpu_resume(void);

/* Bytes in use, each allocation rounded up as kmalloc() and vmalloc() do. */
u64 sim_memory(void);
u64 sim_memory_rounded(u64 bytes);

/*
 * The thread that calls sim_marks() notes how much processor time it has had whenever
 * it takes or releases a lock.  Another one asks how much that was, at most, between
 * two moments; false if that is not known yet.
 */
void sim_marks(bool on);
void sim_mark(void);
bool sim_marked(u64 begin, u64 end, u64 *cpu_ns);

/* Processor time of this thread, and time, ns. */
u64 sim_cpu_ns(void);
u64 sim_real_ns(void);

#endif
