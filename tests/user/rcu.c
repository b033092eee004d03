// SPDX-License-Identifier: GPL-2.0
/*
 * RCU for threads.  A reader only writes a counter of its own.  The kernel puts a barrier
 * into all threads when synchronize_rcu() waits for readers.
 */
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include "shim.h"

/* The state of a thread.  Never freed. */
struct reader {
	unsigned long	sections;	/* begins and ends: odd inside of a section */
	struct reader	*next;
};

static struct reader *readers;
static __thread struct reader *self;

static void reader_add(void)
{
	self = calloc(1, sizeof(*self));
	self->next = __atomic_load_n(&readers, __ATOMIC_ACQUIRE);
	while (!__atomic_compare_exchange_n(&readers, &self->next, self, false,
					    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
}

void rcu_read_lock(void)
{
	if (!self)
		reader_add();
	shim_atomic(1);		/* a reader must not sleep */
	/* The release is for ThreadSanitizer. */
	__atomic_store_n(&self->sections, self->sections + 1, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void rcu_read_unlock(void)
{
	__atomic_store_n(&self->sections, self->sections + 1, __ATOMIC_RELEASE);
	shim_atomic(-1);
}

void synchronize_rcu(void)
{
	struct reader *reader;
	unsigned long inside;

	shim_might_sleep("synchronize_rcu");
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) ||
	    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
		shim_panic("no membarrier");
	for (reader = __atomic_load_n(&readers, __ATOMIC_ACQUIRE); reader;
	     reader = reader->next) {
		inside = __atomic_load_n(&reader->sections, __ATOMIC_ACQUIRE);
		while (inside & 1 && inside == __atomic_load_n(&reader->sections,
							       __ATOMIC_ACQUIRE))
			sched_yield();
	}
}
