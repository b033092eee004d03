// SPDX-License-Identifier: GPL-2.0
/*
 * A cache on a block device in memory, for the suites.
 *
 * Nothing here waits for ever.  A case whose store or read does not end has
 * failed, and its cache is left as it is.
 */
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include "fixture.h"

#define PAGE_WORDS	(PAGE_SIZE / sizeof(u64))

static int helper_main(void *data)
{
	struct helper *helper = data;

	allow_signal(SIGKILL);
	helper->ret = helper->function(helper->argument);
	complete_all(&helper->ended);
	return 0;
}

static void helper_stop(void *data)
{
	struct helper *helper = data;

	if (!completion_done(&helper->ended)) {
		helper_kill(helper);
		/* If not even that ends the task, it stays where it is. */
		if (!helper_ended(helper))
			return;
	}
	kthread_stop(helper->task);
	put_task_struct(helper->task);
	kfree(helper);
}

/**
 * helper_start - Start a task beside the case
 * @test: the case, with which the task ends
 * @function: what the task does
 * @argument: the argument of @function
 *
 * Return: the task.
 */
struct helper *helper_start(struct kunit *test, int (*function)(void *argument),
			    void *argument)
{
	struct helper *helper = kzalloc(sizeof(*helper), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, helper);
	helper->function = function;
	helper->argument = argument;
	init_completion(&helper->ended);
	helper->task = kthread_create(helper_main, helper, "helper");
	if (IS_ERR(helper->task)) {
		kfree(helper);
		KUNIT_FAIL_AND_ABORT(test, "no helper task");
	}
	get_task_struct(helper->task);
	wake_up_process(helper->task);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, helper_stop, helper), 0);
	return helper;
}

/**
 * helper_ended - Wait for the end of a helper
 * @helper: the helper
 *
 * Return: whether the helper has ended.
 */
bool helper_ended(struct helper *helper)
{
	return wait_for_completion_timeout(&helper->ended, FIXTURE_PATIENCE);
}

/**
 * helper_goes_on - Whether a helper is still running after a while
 * @helper: the helper
 *
 * Return: whether it has not ended within 200 ms.
 */
bool helper_goes_on(struct helper *helper)
{
	return !wait_for_completion_timeout(&helper->ended, HZ / 5);
}

/**
 * helper_kill - Send a helper a SIGKILL
 * @helper: the helper
 */
void helper_kill(struct helper *helper)
{
	send_sig(SIGKILL, helper->task, 1);
}

static void fixture_exit(void *data)
{
	struct fixture *f = data;

	if (f->cache)
		fixture_detach(f);
	if (!f->abandoned) {
		if (f->device)
			cachefs_device_close(f->device);
		if (f->ramdisk)
			ramdisk_destroy(f->ramdisk);
	}
	kfree(f);
}

/**
 * fixture_init - Give the case a formatted and attached cache
 * @test: the case; its priv becomes the fixture
 *
 * The cache goes after everything that the case adds to it.
 *
 * Return: 0 or an errno.
 */
int fixture_init(struct kunit *test)
{
	struct fixture *f = kzalloc(sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->test = test;
	test->priv = f;
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, fixture_exit, f), 0);
	f->ramdisk = ramdisk_create(FIXTURE_BLOCKS);
	KUNIT_ASSERT_NOT_NULL(test, f->ramdisk);
	KUNIT_ASSERT_EQ(test, ramdisk_open(f->ramdisk->path, &f->device), 0);
	KUNIT_ASSERT_EQ(test, cachefs_format(f->device, "test",
					     FIXTURE_REGION_BLOCKS), 0);
	KUNIT_ASSERT_EQ(test, fixture_attach(f, 0), 0);
	return 0;
}

/**
 * fixture_attach - Attach the cache that is on the device
 * @f: the fixture, detached
 * @flags: CACHEFS_ATTACH_...
 *
 * After an unclean stop this waits until the index is complete.
 *
 * Return: what cachefs_attach() returns.
 */
int fixture_attach(struct fixture *f, unsigned int flags)
{
	int ret = cachefs_attach(f->device, flags, &f->cache);

	if (ret) {
		f->cache = NULL;
		return ret;
	}
	/* No bounds in time: most cases may hold I/O as long as they like. */
	f->cache->max_in_flight_ms = 0;
	f->cache->read_bypass_ms = 0;
	KUNIT_EXPECT_TRUE(f->test, fixture_eventually(!READ_ONCE(f->cache->recovery)));
	return 0;
}

/**
 * fixture_detach - Detach the cache in good order
 * @f: the fixture
 */
void fixture_detach(struct fixture *f)
{
	if (f->abandoned || !fixture_eventually(!cachefs_under_way(&f->cache->cpu->ops))) {
		KUNIT_FAIL(f->test, "operations that do not end");
		f->abandoned = true;
		f->cache = NULL;
		return;
	}
	/* The case must have ended all that it began. */
	KUNIT_EXPECT_EQ(f->test, fixture_stat(f, CACHEFS_STAT_PAGES_MARKED), 0);
	KUNIT_EXPECT_EQ(f->test, atomic64_read(cachefs_in_flight(f->cache)), 0);
	cachefs_detach(f->cache);
	f->cache = NULL;
}

/**
 * fixture_crash - Leave the device as a power loss at this moment would
 * @f: the fixture; its operations have ended
 */
void fixture_crash(struct fixture *f)
{
	WRITE_ONCE(f->ramdisk->lose_writes, true);
	fixture_detach(f);
	WRITE_ONCE(f->ramdisk->lose_writes, false);
}

/**
 * fixture_version - Make the version of some file
 * @f: the fixture
 * @name: of the file
 * @version: the result
 */
void fixture_version(struct fixture *f, const char *name,
		     struct cachefs_version *version)
{
	cachefs_version_id(f->cache, version->id, "volume", 6, name,
			   strlen(name), "coherency", 9, 1 << 20);
}

/**
 * fixture_ready - Wait until as many regions are ready as should be
 * @f: the fixture
 *
 * Return: whether they are.
 */
bool fixture_ready(struct fixture *f)
{
	return fixture_eventually(READ_ONCE(f->cache->nr_ready) ==
				  cachefs_ready_regions(f->cache));
}

/**
 * fixture_stat - Read a counter
 * @f: the fixture
 * @stat: which
 *
 * Return: its value.
 */
s64 fixture_stat(struct fixture *f, enum cachefs_stat stat)
{
	return cachefs_stat_read(f->cache, stat);
}

static void transfer_free(void *data)
{
	struct transfer *t = data;
	unsigned int i;

	for (i = 0; i < t->nr; i++)
		__free_page(t->pages[i]);
	kfree(t);
}

/**
 * transfer_alloc - Allocate pages for a store or a read
 * @f: the fixture
 * @nr: number of pages
 *
 * Return: the transfer, freed with the case.
 */
struct transfer *transfer_alloc(struct fixture *f, unsigned int nr)
{
	struct transfer *t = kzalloc(sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(f->test, t);
	KUNIT_ASSERT_LE(f->test, nr, FIXTURE_PAGES);
	KUNIT_ASSERT_EQ(f->test,
			kunit_add_action_or_reset(f->test, transfer_free, t), 0);
	for (; t->nr < nr; t->nr++) {
		t->pages[t->nr] = alloc_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(f->test, t->pages[t->nr]);
	}
	init_completion(&t->ended);
	t->valid = true;
	return t;
}

static u64 pattern_word(u64 pattern, u64 word)
{
	return (pattern + word) * 0x9e3779b97f4a7c15ULL;
}

/**
 * transfer_fill - Fill all pages with a pattern
 * @t: the transfer
 * @block: file block of the first
 * @pattern: which
 */
void transfer_fill(struct transfer *t, u64 block, u64 pattern)
{
	unsigned int page, i;

	for (page = 0; page < t->nr; page++) {
		u64 *words = page_address(t->pages[page]);

		for (i = 0; i < PAGE_WORDS; i++)
			words[i] = pattern_word(pattern, (block + page) *
						PAGE_WORDS + i);
	}
}

/**
 * transfer_matches - Whether the pages hold the pattern, and zeros after it
 * @t: the transfer
 * @block: file block of the first page
 * @pattern: which
 * @bytes: how many bytes of the pattern, a multiple of 8
 *
 * Return: whether every byte is right.
 */
bool transfer_matches(struct transfer *t, u64 block, u64 pattern, size_t bytes)
{
	unsigned int page, i;

	for (page = 0; page < t->nr; page++) {
		u64 *words = page_address(t->pages[page]);

		for (i = 0; i < PAGE_WORDS; i++) {
			u64 at = page * PAGE_WORDS + i;

			if (words[i] != (at < bytes / sizeof(u64) ?
					 pattern_word(pattern, block *
						      PAGE_WORDS + at) : 0))
				return false;
		}
	}
	return true;
}

static enum cachefs_reason transfer_still_valid(struct cachefs_store *store)
{
	struct transfer *t = container_of(store, struct transfer, store);

	t->asked++;
	return READ_ONCE(t->valid) ? CACHEFS_WHY_NONE : CACHEFS_WHY_VERSION;
}

static void transfer_stored(struct cachefs_store *store)
{
	struct transfer *t = container_of(store, struct transfer, store);

	t->error = store->error;
	complete(&t->ended);
}

static void transfer_read_done(struct cachefs_read *read)
{
	struct transfer *t = container_of(read, struct transfer, read);

	t->error = read->error;
	complete(&t->ended);
}

/**
 * transfer_store - Start to store the pages
 * @f: the fixture
 * @t: the transfer
 * @version: the version that the blocks belong to
 * @block: first file block
 * @bytes: number of bytes
 */
void transfer_store(struct fixture *f, struct transfer *t,
		    const struct cachefs_version *version, u64 block,
		    size_t bytes)
{
	reinit_completion(&t->ended);
	t->store.cache = f->cache;
	t->store.version = *version;
	t->store.block = block;
	t->store.bytes = bytes;
	t->store.pages = t->stored;
	memcpy(t->stored, t->pages, sizeof(t->stored));
	t->store.still_valid = transfer_still_valid;
	t->store.done = transfer_stored;
	cachefs_store(&t->store);
}

/**
 * transfer_read - Start to read the pages
 * @f: the fixture
 * @t: the transfer
 * @version: whose blocks
 * @block: first file block
 */
void transfer_read(struct fixture *f, struct transfer *t,
		   const struct cachefs_version *version, u64 block)
{
	reinit_completion(&t->ended);
	t->read.cache = f->cache;
	t->read.version = *version;
	t->read.block = block;
	t->read.nr = t->nr;
	t->read.pages = t->pages;
	t->read.done = transfer_read_done;
	cachefs_read(&t->read);
}

/**
 * transfer_wait - Wait for the end of a store or read
 * @f: the fixture
 * @t: the transfer
 *
 * If the store or read does not end, the case ends.
 *
 * Return: the error of the store or read, or 0.
 */
int transfer_wait(struct fixture *f, struct transfer *t)
{
	if (!wait_for_completion_timeout(&t->ended, FIXTURE_PATIENCE)) {
		f->abandoned = true;
		/* The device may still write to the pages: keep them. */
		kunit_remove_action(f->test, transfer_free, t);
		KUNIT_FAIL_AND_ABORT(f->test, "a transfer that does not end");
	}
	return t->error;
}

/**
 * fixture_store - Store blocks with a pattern
 * @f: the fixture
 * @version: the version that the blocks belong to
 * @block: first file block
 * @nr: number of blocks
 * @pattern: which pattern
 *
 * Return: the error of the store, or 0.
 */
int fixture_store(struct fixture *f, const struct cachefs_version *version,
		  u64 block, unsigned int nr, u64 pattern)
{
	struct transfer *t = transfer_alloc(f, nr);
	int ret;

	transfer_fill(t, block, pattern);
	transfer_store(f, t, version, block, (size_t)nr << PAGE_SHIFT);
	ret = transfer_wait(f, t);
	kunit_release_action(f->test, transfer_free, t);
	return ret;
}

/**
 * fixture_read - Read blocks and compare them with a pattern
 * @f: the fixture
 * @version: whose blocks
 * @block: first file block
 * @nr: number of blocks
 * @pattern: which pattern
 *
 * Return: the error of the read, or 0; 1 if the read worked but a byte is wrong.
 */
int fixture_read(struct fixture *f, const struct cachefs_version *version,
		 u64 block, unsigned int nr, u64 pattern)
{
	struct transfer *t = transfer_alloc(f, nr);
	int ret;

	transfer_read(f, t, version, block);
	ret = transfer_wait(f, t);
	if (!ret && !transfer_matches(t, block, pattern, (size_t)nr << PAGE_SHIFT))
		ret = 1;
	kunit_release_action(f->test, transfer_free, t);
	return ret;
}

/**
 * fixture_on_disk - Find a cached block on the device
 * @f: the fixture
 * @version: whose block
 * @block: file block
 *
 * Return: its 4096 bytes, or %NULL if it is not cached.
 */
u8 *fixture_on_disk(struct fixture *f, const struct cachefs_version *version,
		    u64 block)
{
	u32 ref;

	cachefs_index_map(f->cache, version, block, 1, &ref, CACHEFS_MAP_LOOK);
	if (ref == CACHEFS_NO_REF)
		return NULL;
	return ramdisk_block(f->ramdisk,
			     cachefs_slot_block(&f->cache->geo,
						ref >> f->cache->ref_shift,
						ref & ((1U << f->cache->ref_shift) - 1)));
}
