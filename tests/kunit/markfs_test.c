// SPDX-License-Identifier: GPL-2.0
/*
 * The protocol of include/cachefs.h, step by step, with real page faults on a
 * real file system over a real cache, whose disk is stuck, broken or gone.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include "fixture.h"
#include "markfs.h"

#define FILE_PAGES	16
#define TOUCHED		0x746f756368656421ULL
#define PAGE_WORDS	(PAGE_SIZE / sizeof(u64))

/* A file, its mapping, and the word that a task writes to it. */
struct markfs_case {
	struct kunit		*test;
	struct fixture		*f;
	struct ramdisk		*disk;
	struct markfs		*fs;
	u64 __user		*map;
	struct mm_struct	*mm;
};

/* A task that writes to the mapping. */
struct touch {
	struct markfs_case	*c;
	u64 __user		*where;
};

static void destroy_fs(void *data)
{
	struct markfs_case *c = data;

	/* The disk must hold no request that keeps the file. */
	WRITE_ONCE(c->disk->hold_writes, false);
	WRITE_ONCE(c->disk->hold_reads, false);
	ramdisk_kick(c->disk);
	if (markfs_destroy(c->fs)) {
		KUNIT_FAIL(c->test, "marks left behind");
		if (cachefs_under_way(&c->f->cache->cpu->ops))
			c->f->abandoned = true;
	}
	if (c->mm)
		mmput(c->mm);
}

static struct markfs_case *new_case(struct kunit *test, unsigned int order)
{
	struct markfs_case *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	unsigned long addr;

	KUNIT_ASSERT_NOT_NULL(test, c);
	c->test = test;
	c->f = test->priv;
	c->disk = c->f->ramdisk;
	c->fs = markfs_create(c->f->cache, test->name, FILE_PAGES, order);
	KUNIT_ASSERT_NOT_NULL(test, c->fs);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, destroy_fs, c), 0);
	addr = kunit_vm_mmap(test, c->fs->file, 0, FILE_PAGES << PAGE_SHIFT,
			     PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	KUNIT_ASSERT_TRUE(test, addr && !IS_ERR_VALUE(addr));
	c->map = (u64 __user *)addr;
	c->mm = current->mm;
	mmget(c->mm);
	return c;
}

static u64 __user *word_of_page(struct markfs_case *c, unsigned int page)
{
	return c->map + page * PAGE_WORDS;
}

/* Read a word of a page through the mapping. */
static u64 look(struct markfs_case *c, unsigned int page)
{
	u64 value = 0;

	KUNIT_EXPECT_EQ(c->test, get_user(value, word_of_page(c, page)), 0);
	return value;
}

static bool looks_right(struct markfs_case *c, unsigned int page)
{
	return look(c, page) == markfs_expect(c->fs, page << PAGE_SHIFT);
}

static bool marked(struct markfs_case *c, unsigned int page)
{
	struct folio *folio = markfs_folio(c->fs, page);
	bool ret = folio && cachefs_page_marked(folio);

	if (folio)
		folio_put(folio);
	return ret;
}

static bool cached(struct markfs_case *c, unsigned int page)
{
	bool ret;

	cachefs_lookup(c->f->cache, &c->fs->version, page, 1, &ret);
	return ret;
}

static s64 mkwrite_waits(struct markfs_case *c)
{
	return fixture_stat(c->f, CACHEFS_STAT_MKWRITE_WAITS);
}

static void hold_writes(struct markfs_case *c)
{
	WRITE_ONCE(c->disk->hold_writes, true);
}

static void let_writes_go(struct markfs_case *c)
{
	WRITE_ONCE(c->disk->hold_writes, false);
	ramdisk_kick(c->disk);
}

/* Let the write of one page go and keep the others. */
static void let_page_go(struct markfs_case *c, unsigned int page)
{
	struct folio *folio = markfs_folio(c->fs, page);

	KUNIT_ASSERT_NOT_NULL(c->test, folio);
	WRITE_ONCE(c->disk->let_pass, folio_page(folio, 0));
	folio_put(folio);
	ramdisk_kick(c->disk);
}

static bool all_stored(struct markfs_case *c, int stores)
{
	return fixture_eventually(atomic_read(&c->fs->stored) == stores);
}

/* Throw the pages out of the page cache, so that they are read again. */
static void forget_pages(struct markfs_case *c)
{
	unsigned int page;

	/* The invalidation would wait for ever for a mark that nobody clears. */
	for (page = 0; page < FILE_PAGES; page++)
		KUNIT_ASSERT_FALSE(c->test, marked(c, page));
	KUNIT_EXPECT_EQ(c->test,
			invalidate_inode_pages2(c->fs->file->f_mapping), 0);
}

static int touch_task(void *argument)
{
	struct touch *touch = argument;
	int ret;

	kthread_use_mm(touch->c->mm);
	ret = put_user(TOUCHED, touch->where);
	kthread_unuse_mm(touch->c->mm);
	return ret;
}

/* Write to a word of a page through the mapping, in another task. */
static struct helper *touch(struct markfs_case *c, unsigned int page,
			    unsigned int word)
{
	struct touch *touch = kunit_kzalloc(c->test, sizeof(*touch), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(c->test, touch);
	touch->c = c;
	touch->where = word_of_page(c, page) + word;
	return helper_start(c->test, touch_task, touch);
}

static void reader_has_data_before_the_store_completes(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);

	hold_writes(c);
	KUNIT_EXPECT_TRUE(test, looks_right(c, 0));
	KUNIT_EXPECT_TRUE(test, ramdisk_wait_held(c->disk));
	KUNIT_EXPECT_EQ(test, atomic_read(&c->fs->stored), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&c->fs->in_flight), 1);
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 1));
	KUNIT_EXPECT_EQ(test, c->fs->store_error, 0);
}

static void page_is_marked_while_it_is_stored(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);

	hold_writes(c);
	look(c, 0);
	KUNIT_EXPECT_TRUE(test, ramdisk_wait_held(c->disk));
	KUNIT_EXPECT_TRUE(test, marked(c, 0));
	KUNIT_EXPECT_EQ(test, fixture_stat(c->f, CACHEFS_STAT_PAGES_MARKED), 1);
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 1));
}

static void mark_is_cleared_when_the_store_completes(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);

	look(c, 0);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 1));
	KUNIT_EXPECT_FALSE(test, marked(c, 0));
	KUNIT_EXPECT_EQ(test, fixture_stat(c->f, CACHEFS_STAT_PAGES_MARKED), 0);
	KUNIT_EXPECT_TRUE(test, cached(c, 0));
}

static void page_is_not_cached_before_it_is_on_disk(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);

	hold_writes(c);
	look(c, 0);
	KUNIT_EXPECT_TRUE(test, ramdisk_wait_held(c->disk));
	KUNIT_EXPECT_FALSE(test, cached(c, 0));
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, fixture_eventually(cached(c, 0)));
}

static void write_fault_waits_for_the_store(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	struct helper *helper;

	hold_writes(c);
	look(c, 0);
	helper = touch(c, 0, 0);
	KUNIT_EXPECT_TRUE(test,
			  fixture_eventually(atomic_read(&c->fs->faults)));
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	KUNIT_EXPECT_EQ(test, atomic_read(&c->fs->faulted), 0);
	KUNIT_EXPECT_TRUE(test, looks_right(c, 0));
	KUNIT_EXPECT_EQ(test, mkwrite_waits(c), 1);

	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, helper->ret, 0);
	KUNIT_EXPECT_EQ(test, look(c, 0), TOUCHED);
}

static void what_is_stored_is_from_before_the_write_fault(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	struct helper *helper;
	u8 *data;

	hold_writes(c);
	look(c, 0);
	helper = touch(c, 0, 0);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_TRUE(test, all_stored(c, 1));

	data = fixture_on_disk(c->f, &c->fs->version, 0);
	KUNIT_ASSERT_NOT_NULL(test, data);
	KUNIT_EXPECT_EQ(test, *(u64 *)data, markfs_expect(c->fs, 0));
}

static void write_fault_waits_for_its_own_page_only(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	struct helper *helper;

	hold_writes(c);
	look(c, 0);
	look(c, 1);
	helper = touch(c, 0, 0);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	let_page_go(c, 0);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_TRUE(test, marked(c, 1));
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 2));
}

static void write_fault_on_a_page_not_being_stored_is_not_delayed(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	struct helper *helper;

	look(c, 1);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 1));
	hold_writes(c);
	look(c, 0);
	KUNIT_EXPECT_TRUE(test, marked(c, 0));
	helper = touch(c, 1, 0);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, helper->ret, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&c->fs->faults), 1);
	KUNIT_EXPECT_EQ(test, mkwrite_waits(c), 0);
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 2));
}

static void killed_task_leaves_the_write_fault(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	struct helper *helper;

	hold_writes(c);
	look(c, 0);
	helper = touch(c, 0, 0);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	helper_kill(helper);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, helper->ret, -EFAULT);
	KUNIT_EXPECT_TRUE(test, marked(c, 0));
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 1));
}

static void killed_task_does_not_write_to_the_marked_page(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	struct helper *helper;

	hold_writes(c);
	look(c, 0);
	helper = touch(c, 0, 0);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	helper_kill(helper);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_TRUE(test, looks_right(c, 0));
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 1));
	/* The fault of another task goes on as before. */
	helper = touch(c, 0, 0);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, look(c, 0), TOUCHED);
}

static void two_tasks_wait_for_one_store(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	struct helper *one, *two;

	hold_writes(c);
	look(c, 0);
	one = touch(c, 0, 0);
	two = touch(c, 0, 1);
	KUNIT_EXPECT_TRUE(test,
			  fixture_eventually(atomic_read(&c->fs->faults) == 2));
	KUNIT_EXPECT_TRUE(test, helper_goes_on(one));
	KUNIT_EXPECT_TRUE(test, helper_goes_on(two));
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, helper_ended(one));
	KUNIT_EXPECT_TRUE(test, helper_ended(two));
	KUNIT_EXPECT_EQ(test, one->ret, 0);
	KUNIT_EXPECT_EQ(test, two->ret, 0);
}

static int truncate_task(void *argument)
{
	struct markfs_case *c = argument;
	struct file *file = get_file(c->fs->file);

	truncate_inode_pages(file->f_mapping, 0);
	fput(file);
	return 0;
}

static void truncate_waits_for_the_store(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	struct helper *helper;

	hold_writes(c);
	look(c, 0);
	helper = helper_start(test, truncate_task, c);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, c->fs->file->f_mapping->nrpages, 0);
}

static int invalidate_task(void *argument)
{
	struct markfs_case *c = argument;
	struct file *file = get_file(c->fs->file);
	int ret = invalidate_inode_pages2(file->f_mapping);

	fput(file);
	return ret;
}

static void invalidation_waits_for_the_store(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	struct helper *helper;

	hold_writes(c);
	look(c, 0);
	helper = helper_start(test, invalidate_task, c);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, helper->ret, 0);
}

static int release_folio_task(void *argument)
{
	struct markfs_case *c = argument;
	struct folio *folio = markfs_folio(c->fs, 0);
	bool released;

	if (!folio)
		return -ENOENT;
	folio_lock(folio);
	released = filemap_release_folio(folio, GFP_KERNEL);
	folio_unlock(folio);
	folio_put(folio);
	return released;
}

static void direct_reclaim_waits_for_the_store(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	struct helper *helper;

	hold_writes(c);
	look(c, 0);
	helper = helper_start(test, release_folio_task, c);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, helper->ret, 1);
}

static void reclaim_that_must_not_wait_leaves_the_page(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	struct folio *folio;

	hold_writes(c);
	look(c, 0);
	folio = markfs_folio(c->fs, 0);
	KUNIT_ASSERT_NOT_NULL(test, folio);
	folio_lock(folio);
	KUNIT_EXPECT_FALSE(test, filemap_release_folio(folio, GFP_NOFS));
	folio_unlock(folio);
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 1));
	folio_lock(folio);
	KUNIT_EXPECT_TRUE(test, filemap_release_folio(folio, GFP_NOFS));
	folio_unlock(folio);
	folio_put(folio);
}

static void failed_store_clears_the_mark(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	struct helper *helper;

	hold_writes(c);
	KUNIT_EXPECT_TRUE(test, looks_right(c, 0));
	helper = touch(c, 0, 0);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	WRITE_ONCE(c->disk->fail_writes, true);
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, helper->ret, 0);
	KUNIT_EXPECT_EQ(test, c->fs->store_error, -EIO);
	KUNIT_EXPECT_FALSE(test, marked(c, 0));
	KUNIT_EXPECT_FALSE(test, cached(c, 0));
	KUNIT_EXPECT_GE(test, fixture_stat(c->f, CACHEFS_STAT_WRITE_ERRORS), 1);
	WRITE_ONCE(c->disk->fail_writes, false);
}

static void vanished_device_clears_the_mark(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	struct helper *helper;

	hold_writes(c);
	KUNIT_EXPECT_TRUE(test, looks_right(c, 0));
	helper = touch(c, 0, 0);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	ramdisk_vanish(c->disk);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, helper->ret, 0);
	KUNIT_EXPECT_NE(test, c->fs->store_error, 0);
	KUNIT_EXPECT_FALSE(test, marked(c, 0));
	/* The next page is read as if there were no cache. */
	KUNIT_EXPECT_TRUE(test, looks_right(c, 1));
	KUNIT_EXPECT_TRUE(test, all_stored(c, 2));
	KUNIT_EXPECT_FALSE(test, marked(c, 1));
}

static void page_that_the_cache_refuses_is_not_marked(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	struct helper *helper;

	WRITE_ONCE(c->f->cache->max_in_flight, 0);
	hold_writes(c);
	KUNIT_EXPECT_TRUE(test, looks_right(c, 0));
	KUNIT_EXPECT_EQ(test, atomic_read(&c->fs->refused), 1);
	KUNIT_EXPECT_FALSE(test, marked(c, 0));
	helper = touch(c, 0, 0);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, mkwrite_waits(c), 0);
}

static void large_folio_is_marked_as_a_whole(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 2);
	struct helper *helper;

	hold_writes(c);
	KUNIT_EXPECT_TRUE(test, looks_right(c, 5));
	KUNIT_EXPECT_EQ(test, fixture_stat(c->f, CACHEFS_STAT_PAGES_MARKED), 4);
	/* A page of the folio that nobody has looked at. */
	helper = touch(c, 7, 0);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	KUNIT_EXPECT_EQ(test, mkwrite_waits(c), 1);
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, helper->ret, 0);
	KUNIT_EXPECT_EQ(test, fixture_stat(c->f, CACHEFS_STAT_PAGES_MARKED), 0);
	KUNIT_EXPECT_TRUE(test, cached(c, 4));
	KUNIT_EXPECT_TRUE(test, cached(c, 7));
}

static void second_read_comes_from_the_cache_unmarked(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);

	look(c, 0);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 1));
	forget_pages(c);
	hold_writes(c);
	KUNIT_EXPECT_TRUE(test, looks_right(c, 0));
	KUNIT_EXPECT_EQ(test, atomic_read(&c->fs->server_reads), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&c->fs->cache_reads), 1);
	KUNIT_EXPECT_FALSE(test, marked(c, 0));
	let_writes_go(c);
}

static void large_folio_comes_from_the_cache(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 2);
	unsigned int page;

	look(c, 0);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 1));
	forget_pages(c);
	for (page = 0; page < 4; page++)
		KUNIT_EXPECT_TRUE(test, looks_right(c, page));
	KUNIT_EXPECT_EQ(test, atomic_read(&c->fs->server_reads), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&c->fs->cache_reads), 1);
}

static void read_error_of_the_disk_is_not_the_reader_s(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);

	look(c, 0);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 1));
	forget_pages(c);
	WRITE_ONCE(c->disk->fail_reads, true);
	KUNIT_EXPECT_TRUE(test, looks_right(c, 0));
	WRITE_ONCE(c->disk->fail_reads, false);
	KUNIT_EXPECT_EQ(test, atomic_read(&c->fs->cache_misses), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&c->fs->server_reads), 2);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 2));
}

static void damaged_block_is_never_the_reader_s(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	u8 *data;

	look(c, 0);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 1));
	data = fixture_on_disk(c->f, &c->fs->version, 0);
	KUNIT_ASSERT_NOT_NULL(test, data);
	data[0] ^= 1;
	forget_pages(c);
	KUNIT_EXPECT_TRUE(test, looks_right(c, 0));
	KUNIT_EXPECT_EQ(test, atomic_read(&c->fs->cache_misses), 1);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 2));
}

static void page_known_to_be_modified_is_not_published(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);

	hold_writes(c);
	look(c, 0);
	WRITE_ONCE(c->fs->modified, true);
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 1));
	KUNIT_EXPECT_EQ(test, c->fs->store_error, -ESTALE);
	KUNIT_EXPECT_FALSE(test, marked(c, 0));
	KUNIT_EXPECT_FALSE(test, cached(c, 0));
}

/* Change a page as write(2) does, without waiting and without telling the cache. */
static void page_scribbled_on_while_stored_is_never_served(struct kunit *test)
{
	struct markfs_case *c = new_case(test, 0);
	struct folio *folio;
	u64 *words;

	hold_writes(c);
	look(c, 0);
	KUNIT_EXPECT_TRUE(test, ramdisk_wait_held(c->disk));
	folio = markfs_folio(c->fs, 0);
	KUNIT_ASSERT_NOT_NULL(test, folio);
	words = folio_address(folio);
	words[1] = TOUCHED;
	folio_put(folio);
	let_writes_go(c);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 1));

	forget_pages(c);
	KUNIT_EXPECT_TRUE(test, looks_right(c, 0));
	KUNIT_EXPECT_EQ(test, atomic_read(&c->fs->cache_reads), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&c->fs->server_reads), 2);
	KUNIT_EXPECT_TRUE(test, all_stored(c, 2));
}

static struct kunit_case markfs_cases[] = {
	KUNIT_CASE(reader_has_data_before_the_store_completes),
	KUNIT_CASE(page_is_marked_while_it_is_stored),
	KUNIT_CASE(mark_is_cleared_when_the_store_completes),
	KUNIT_CASE(page_is_not_cached_before_it_is_on_disk),
	KUNIT_CASE(write_fault_waits_for_the_store),
	KUNIT_CASE(what_is_stored_is_from_before_the_write_fault),
	KUNIT_CASE(write_fault_waits_for_its_own_page_only),
	KUNIT_CASE(write_fault_on_a_page_not_being_stored_is_not_delayed),
	KUNIT_CASE(killed_task_leaves_the_write_fault),
	KUNIT_CASE(killed_task_does_not_write_to_the_marked_page),
	KUNIT_CASE(two_tasks_wait_for_one_store),
	KUNIT_CASE(truncate_waits_for_the_store),
	KUNIT_CASE(invalidation_waits_for_the_store),
	KUNIT_CASE(direct_reclaim_waits_for_the_store),
	KUNIT_CASE(reclaim_that_must_not_wait_leaves_the_page),
	KUNIT_CASE(failed_store_clears_the_mark),
	KUNIT_CASE(vanished_device_clears_the_mark),
	KUNIT_CASE(page_that_the_cache_refuses_is_not_marked),
	KUNIT_CASE(large_folio_is_marked_as_a_whole),
	KUNIT_CASE(second_read_comes_from_the_cache_unmarked),
	KUNIT_CASE(large_folio_comes_from_the_cache),
	KUNIT_CASE(read_error_of_the_disk_is_not_the_reader_s),
	KUNIT_CASE(damaged_block_is_never_the_reader_s),
	KUNIT_CASE(page_known_to_be_modified_is_not_published),
	KUNIT_CASE(page_scribbled_on_while_stored_is_never_served),
	{}
};

static struct kunit_suite markfs_suite = {
	.name		= "cachefs_markfs",
	.init		= fixture_init,
	.test_cases	= markfs_cases,
};

kunit_test_suite(markfs_suite);
