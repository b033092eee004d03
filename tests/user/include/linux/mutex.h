/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_MUTEX_H
#define _SHIM_LINUX_MUTEX_H

#include <pthread.h>
#include <linux/kernel.h>

struct mutex {
	pthread_mutex_t	mutex;
	bool		initialised;
};

#define DEFINE_MUTEX(name) \
	struct mutex name = { \
		.mutex = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP, \
		.initialised = true, \
	}

void mutex_init(struct mutex *mutex);
void shim_mutex_lock(struct mutex *mutex, const char *name);
int mutex_trylock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

#define mutex_lock(m)			shim_mutex_lock(m, #m)
#define mutex_lock_nested(m, n)		mutex_lock(m)
#define mutex_lock_killable(m)		(mutex_lock(m), 0)
#define mutex_lock_interruptible(m)	(mutex_lock(m), 0)
#define mutex_destroy(m)		((void)(m))

#endif
