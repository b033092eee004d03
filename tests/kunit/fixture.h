/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A cache on a block device in memory, for the suites.
 */
#ifndef _CACHEFS_TEST_FIXTURE_H
#define _CACHEFS_TEST_FIXTURE_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include "../../fscache/device.h"
#include "../../fscache/internal.h"
#include "ramdisk.h"

/* Small regions: 64 blocks, of which 61 are slots. */
#define FIXTURE_REGION_BLOCKS	64
#define FIXTURE_REGIONS		16
#define FIXTURE_BLOCKS \
	(CACHEFS_FIRST_BLOCK + FIXTURE_REGIONS * FIXTURE_REGION_BLOCKS + \
	 CACHEFS_LAST_BLOCKS)

/* Longest store or read, in blocks. */
#define FIXTURE_PAGES		256

/* The longest wait for an event that takes only the time of the machine. */
#define FIXTURE_PATIENCE	(20 * HZ)

/* Wait until @condition, but not for ever.  The result is its value in the end. */
#define fixture_eventually(condition)					\
({									\
	unsigned long __end = jiffies + FIXTURE_PATIENCE;		\
	bool __met;							\
									\
	while (!(__met = (condition)) && time_before(jiffies, __end))	\
		msleep(20);						\
	__met;								\
})

/**
 * struct fixture - A cache on a block device in memory
 * @test: the case
 * @ramdisk: the block device
 * @device: the same, opened
 * @cache: the cache on it, or %NULL
 * @abandoned: something is stuck in the cache; it cannot be detached
 */
struct fixture {
	struct kunit		*test;
	struct ramdisk		*ramdisk;
	struct cachefs_device	*device;
	struct cachefs_cache	*cache;
	bool			abandoned;
};

/**
 * struct transfer - A store or a read of pages with a known pattern
 * @store: the store
 * @read: the read
 * @pages: the pages for either
 * @stored: the pages that the store is given, and may replace
 * @nr: number of pages
 * @error: error of @store or @read, or 0
 * @valid: still_valid answers that the store is valid
 * @asked: how often still_valid was asked
 * @ended: @store or @read has ended
 */
struct transfer {
	struct cachefs_store	store;
	struct cachefs_read	read;
	struct page		*pages[FIXTURE_PAGES];
	struct page		*stored[FIXTURE_PAGES];
	unsigned int		nr;
	int			error;
	bool			valid;
	unsigned int		asked;
	struct completion	ended;
};

/**
 * struct helper - A task beside the case, which can be killed
 * @task: the task
 * @function: what it runs
 * @argument: the argument of @function
 * @ret: what @function returned
 * @ended: @function has returned
 */
struct helper {
	struct task_struct	*task;
	int			(*function)(void *argument);
	void			*argument;
	int			ret;
	struct completion	ended;
};

struct helper *helper_start(struct kunit *test, int (*function)(void *argument),
			    void *argument);
bool helper_ended(struct helper *helper);
bool helper_goes_on(struct helper *helper);
void helper_kill(struct helper *helper);

int fixture_init(struct kunit *test);
int fixture_attach(struct fixture *f, unsigned int flags);
void fixture_detach(struct fixture *f);
void fixture_crash(struct fixture *f);
void fixture_version(struct fixture *f, const char *name,
		     struct cachefs_version *version);
bool fixture_ready(struct fixture *f);
s64 fixture_stat(struct fixture *f, enum cachefs_stat stat);

struct transfer *transfer_alloc(struct fixture *f, unsigned int nr);
void transfer_fill(struct transfer *t, u64 block, u64 pattern);
bool transfer_matches(struct transfer *t, u64 block, u64 pattern, size_t bytes);
void transfer_store(struct fixture *f, struct transfer *t,
		    const struct cachefs_version *version, u64 block,
		    size_t bytes);
void transfer_read(struct fixture *f, struct transfer *t,
		   const struct cachefs_version *version, u64 block);
int transfer_wait(struct fixture *f, struct transfer *t);

int fixture_store(struct fixture *f, const struct cachefs_version *version,
		  u64 block, unsigned int nr, u64 pattern);
int fixture_read(struct fixture *f, const struct cachefs_version *version,
		 u64 block, unsigned int nr, u64 pattern);
u8 *fixture_on_disk(struct fixture *f, const struct cachefs_version *version,
		    u64 block);

#endif /* _CACHEFS_TEST_FIXTURE_H */
