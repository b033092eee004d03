// SPDX-License-Identifier: GPL-2.0
/*
 * The functions of fscache/page_mark.c, each by itself, on folios that belong
 * to no file.  markfs_test.c tests them together.
 */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/workqueue.h>
#include "fixture.h"

struct mark_case {
	struct cachefs_cache	*cache;		/* only its counters */
	struct folio		*folio;
	int			refs;		/* before anything was done */
	struct work_struct	work;
};

static s64 marked_pages(struct mark_case *c)
{
	return cachefs_stat_read(c->cache, CACHEFS_STAT_PAGES_MARKED);
}

static s64 mkwrite_waits(struct mark_case *c)
{
	return cachefs_stat_read(c->cache, CACHEFS_STAT_MKWRITE_WAITS);
}

static void put_case_folio(void *data)
{
	struct mark_case *c = data;

	/* No task may wait for a mark that a failed case has left. */
	if (folio_test_private_2(c->folio))
		folio_end_private_2(c->folio);
	folio_put(c->folio);
}

static struct mark_case *new_case(struct kunit *test, unsigned int order)
{
	struct mark_case *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, c);
	c->cache = kunit_kzalloc(test, sizeof(*c->cache), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, c->cache);
	c->folio = folio_alloc(GFP_KERNEL, order);
	KUNIT_ASSERT_NOT_NULL(test, c->folio);
	c->refs = folio_ref_count(c->folio);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, put_case_folio, c), 0);
	return c;
}

static void mark(struct mark_case *c)
{
	folio_lock(c->folio);
	folio_mark_uptodate(c->folio);
	cachefs_page_mark(c->cache, c->folio);
	folio_unlock(c->folio);
}

static int wait_task(void *argument)
{
	cachefs_page_wait(((struct mark_case *)argument)->folio);
	return 0;
}

static int wait_killable_task(void *argument)
{
	return cachefs_page_wait_killable(((struct mark_case *)argument)->folio);
}

static int mkwrite_task(void *argument)
{
	struct mark_case *c = argument;
	struct vm_fault vmf = { .page = folio_page(c->folio, 0) };

	return (__force int)cachefs_page_mkwrite(c->cache, &vmf);
}

static void mark_sets_private_2(struct kunit *test)
{
	struct mark_case *c = new_case(test, 0);

	KUNIT_EXPECT_FALSE(test, cachefs_page_marked(c->folio));
	mark(c);
	KUNIT_EXPECT_TRUE(test, cachefs_page_marked(c->folio));
	KUNIT_EXPECT_TRUE(test, folio_test_private_2(c->folio));
	cachefs_page_mark_end(c->cache, c->folio);
	KUNIT_EXPECT_FALSE(test, cachefs_page_marked(c->folio));
}

static void mark_holds_one_reference(struct kunit *test)
{
	struct mark_case *c = new_case(test, 0);

	mark(c);
	KUNIT_EXPECT_EQ(test, folio_ref_count(c->folio), c->refs + 1);
	cachefs_page_mark_end(c->cache, c->folio);
	KUNIT_EXPECT_EQ(test, folio_ref_count(c->folio), c->refs);
}

static void mark_of_large_folio_holds_one_reference(struct kunit *test)
{
	struct mark_case *c = new_case(test, 2);

	mark(c);
	KUNIT_EXPECT_EQ(test, folio_ref_count(c->folio), c->refs + 1);
	cachefs_page_mark_end(c->cache, c->folio);
	KUNIT_EXPECT_EQ(test, folio_ref_count(c->folio), c->refs);
}

/* The last reference may be the mark's.  KASAN sees a use of the folio after that. */
static void mark_end_may_free_the_folio(struct kunit *test)
{
	struct mark_case *c = new_case(test, 0);

	mark(c);
	kunit_remove_action(test, put_case_folio, c);
	folio_put(c->folio);
	KUNIT_EXPECT_EQ(test, folio_ref_count(c->folio), 1);
	cachefs_page_mark_end(c->cache, c->folio);
	KUNIT_EXPECT_EQ(test, marked_pages(c), 0);
}

static void marked_pages_are_counted(struct kunit *test)
{
	struct mark_case *small = new_case(test, 0);
	struct mark_case *large = new_case(test, 3);

	large->cache = small->cache;
	mark(small);
	KUNIT_EXPECT_EQ(test, marked_pages(small), 1);
	mark(large);
	KUNIT_EXPECT_EQ(test, marked_pages(small), 9);
	cachefs_page_mark_end(small->cache, small->folio);
	KUNIT_EXPECT_EQ(test, marked_pages(small), 8);
	cachefs_page_mark_end(small->cache, large->folio);
	KUNIT_EXPECT_EQ(test, marked_pages(small), 0);
}

static void adopt_counts_and_leaves_the_folio_alone(struct kunit *test)
{
	struct mark_case *c = new_case(test, 1);

	/* Mark the folio as netfs does. */
	folio_get(c->folio);
	folio_set_private_2(c->folio);

	cachefs_page_mark_adopt(c->cache, folio_page(c->folio, 0));
	KUNIT_EXPECT_EQ(test, marked_pages(c), 1);
	cachefs_page_mark_adopt(c->cache, folio_page(c->folio, 1));
	KUNIT_EXPECT_EQ(test, marked_pages(c), 2);
	KUNIT_EXPECT_EQ(test, folio_ref_count(c->folio), c->refs + 1);
	cachefs_page_mark_release(c->cache, 2);
	KUNIT_EXPECT_EQ(test, marked_pages(c), 0);
	KUNIT_EXPECT_TRUE(test, cachefs_page_marked(c->folio));
	KUNIT_EXPECT_EQ(test, folio_ref_count(c->folio), c->refs + 1);
	folio_end_private_2(c->folio);
}

static void wait_without_mark_returns_at_once(struct kunit *test)
{
	struct mark_case *c = new_case(test, 0);
	struct helper *helper = helper_start(test, wait_task, c);

	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
}

static void wait_lasts_until_the_mark_ends(struct kunit *test)
{
	struct mark_case *c = new_case(test, 0);
	struct helper *helper;

	mark(c);
	helper = helper_start(test, wait_task, c);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	cachefs_page_mark_end(c->cache, c->folio);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
}

static void wait_cannot_be_killed(struct kunit *test)
{
	struct mark_case *c = new_case(test, 0);
	struct helper *helper;

	mark(c);
	helper = helper_start(test, wait_task, c);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	helper_kill(helper);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	cachefs_page_mark_end(c->cache, c->folio);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
}

static void wait_killable_lasts_until_the_mark_ends(struct kunit *test)
{
	struct mark_case *c = new_case(test, 0);
	struct helper *helper;

	mark(c);
	helper = helper_start(test, wait_killable_task, c);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	cachefs_page_mark_end(c->cache, c->folio);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, helper->ret, 0);
}

static void wait_killable_ends_with_eintr_when_killed(struct kunit *test)
{
	struct mark_case *c = new_case(test, 0);
	struct helper *helper;

	mark(c);
	helper = helper_start(test, wait_killable_task, c);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	helper_kill(helper);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, helper->ret, -EINTR);
	KUNIT_EXPECT_TRUE(test, cachefs_page_marked(c->folio));
	cachefs_page_mark_end(c->cache, c->folio);
}

static void mark_end_wakes_all_who_wait(struct kunit *test)
{
	struct mark_case *c = new_case(test, 0);
	struct helper *helpers[4];
	unsigned int i;

	mark(c);
	for (i = 0; i < ARRAY_SIZE(helpers); i++)
		helpers[i] = helper_start(test, i & 1 ? wait_task :
					  wait_killable_task, c);
	for (i = 0; i < ARRAY_SIZE(helpers); i++)
		KUNIT_EXPECT_TRUE(test, helper_goes_on(helpers[i]));
	cachefs_page_mark_end(c->cache, c->folio);
	for (i = 0; i < ARRAY_SIZE(helpers); i++)
		KUNIT_EXPECT_TRUE(test, helper_ended(helpers[i]));
}

static void end_work(struct work_struct *work)
{
	struct mark_case *c = container_of(work, struct mark_case, work);

	cachefs_page_mark_end(c->cache, c->folio);
}

static void mark_ends_in_softirq(struct kunit *test)
{
	struct mark_case *c = new_case(test, 0);
	struct helper *helper;

	mark(c);
	helper = helper_start(test, wait_task, c);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	INIT_WORK(&c->work, end_work);
	queue_work(system_bh_wq, &c->work);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	flush_work(&c->work);
}

static void mkwrite_without_mark_neither_waits_nor_counts(struct kunit *test)
{
	struct mark_case *c = new_case(test, 0);
	struct helper *helper = helper_start(test, mkwrite_task, c);

	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, helper->ret, 0);
	KUNIT_EXPECT_EQ(test, mkwrite_waits(c), 0);
}

static void mkwrite_waits_and_counts_once(struct kunit *test)
{
	struct mark_case *c = new_case(test, 0);
	struct helper *helper;

	mark(c);
	helper = helper_start(test, mkwrite_task, c);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	cachefs_page_mark_end(c->cache, c->folio);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, helper->ret, 0);
	KUNIT_EXPECT_EQ(test, mkwrite_waits(c), 1);
}

/* The result is neither RETRY, which would let the fault succeed, nor NOPAGE. */
static void mkwrite_ends_with_sigbus_when_killed(struct kunit *test)
{
	struct mark_case *c = new_case(test, 0);
	struct helper *helper;

	mark(c);
	helper = helper_start(test, mkwrite_task, c);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	helper_kill(helper);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, helper->ret, (__force int)VM_FAULT_SIGBUS);
	cachefs_page_mark_end(c->cache, c->folio);
}

static int mkwrite_without_cache_task(void *argument)
{
	struct mark_case *c = argument;
	struct vm_fault vmf = { .page = folio_page(c->folio, 0) };

	return (__force int)cachefs_page_mkwrite(NULL, &vmf);
}

static void mkwrite_waits_also_without_a_cache(struct kunit *test)
{
	struct mark_case *c = new_case(test, 0);
	struct helper *helper;

	mark(c);
	helper = helper_start(test, mkwrite_without_cache_task, c);
	KUNIT_EXPECT_TRUE(test, helper_goes_on(helper));
	cachefs_page_mark_end(c->cache, c->folio);
	KUNIT_EXPECT_TRUE(test, helper_ended(helper));
	KUNIT_EXPECT_EQ(test, helper->ret, 0);
}

static struct kunit_case page_mark_cases[] = {
	KUNIT_CASE(mark_sets_private_2),
	KUNIT_CASE(mark_holds_one_reference),
	KUNIT_CASE(mark_of_large_folio_holds_one_reference),
	KUNIT_CASE(mark_end_may_free_the_folio),
	KUNIT_CASE(marked_pages_are_counted),
	KUNIT_CASE(adopt_counts_and_leaves_the_folio_alone),
	KUNIT_CASE(wait_without_mark_returns_at_once),
	KUNIT_CASE(wait_lasts_until_the_mark_ends),
	KUNIT_CASE(wait_cannot_be_killed),
	KUNIT_CASE(wait_killable_lasts_until_the_mark_ends),
	KUNIT_CASE(wait_killable_ends_with_eintr_when_killed),
	KUNIT_CASE(mark_end_wakes_all_who_wait),
	KUNIT_CASE(mark_ends_in_softirq),
	KUNIT_CASE(mkwrite_without_mark_neither_waits_nor_counts),
	KUNIT_CASE(mkwrite_waits_and_counts_once),
	KUNIT_CASE(mkwrite_ends_with_sigbus_when_killed),
	KUNIT_CASE(mkwrite_waits_also_without_a_cache),
	{}
};

static struct kunit_suite page_mark_suite = {
	.name		= "cachefs_page_mark",
	.test_cases	= page_mark_cases,
};

kunit_test_suite(page_mark_suite);
