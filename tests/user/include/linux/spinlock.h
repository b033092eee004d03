/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_SPINLOCK_H
#define _SHIM_LINUX_SPINLOCK_H

#include <pthread.h>
#include <linux/kernel.h>

/*
 * Real locks, so that threads may be used.  A lock that is taken twice by one
 * thread, or taken in a completion without keeping interrupts off elsewhere,
 * ends the run; so does sleeping under it.
 */
typedef struct {
	pthread_mutex_t		mutex;
	bool			irqsafe;
	bool			initialised;
} spinlock_t;

typedef struct {
	pthread_rwlock_t	lock;
	bool			initialised;
} rwlock_t;

void shim_spin_init(spinlock_t *lock);
void shim_spin_lock(spinlock_t *lock, bool irqs_off, const char *name);
void shim_spin_unlock(spinlock_t *lock);
void shim_rwlock_init(rwlock_t *lock);
void shim_rwlock_lock(rwlock_t *lock, bool write, const char *name);
void shim_rwlock_unlock(rwlock_t *lock);

#define spin_lock_init(l)		shim_spin_init(l)
#define spin_lock(l)			shim_spin_lock(l, false, #l)
#define spin_unlock(l)			shim_spin_unlock(l)
#define spin_lock_bh(l)			shim_spin_lock(l, true, #l)
#define spin_unlock_bh(l)		shim_spin_unlock(l)
#define spin_lock_irq(l)		shim_spin_lock(l, true, #l)
#define spin_unlock_irq(l)		shim_spin_unlock(l)
#define spin_lock_irqsave(l, f) \
	do { \
		(f) = 0; \
		shim_spin_lock(l, true, #l); \
	} while (0)
#define spin_unlock_irqrestore(l, f) \
	do { \
		(void)(f); \
		shim_spin_unlock(l); \
	} while (0)

#define rwlock_init(l)			shim_rwlock_init(l)
#define read_lock(l)			shim_rwlock_lock(l, false, #l)
#define read_unlock(l)			shim_rwlock_unlock(l)
#define write_lock(l)			shim_rwlock_lock(l, true, #l)
#define write_unlock(l)			shim_rwlock_unlock(l)

#endif
