// SPDX-License-Identifier: GPL-2.0
/*
 * Reads where NFS reads the cache page by page, see pages.c.
 *
 * NFS wants its page when the call returns.  The pages that it will ask for next
 * are known: readahead has put all of them, locked and empty, into the page cache
 * before it asks for the first.  What of them is cached is read with the first in
 * one go, into memory of our own (a stage), and copied page by page as NFS asks.
 * They are not filled where they are: a page that somebody else has locked looks
 * the same.
 *
 * NFS waits for each page, and asks for nothing else meanwhile.  So where one window
 * of readahead continues another, what will be asked for if that goes on is read
 * while NFS copies what was asked for.
 */
#include <linux/highmem.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include "glue.h"

/* Pages in one stage: what one I/O of the core takes. */
#define STAGE_PAGES		128

/* Pages in all stages. */
#define MAX_STAGED_PAGES	8192

/* Pages read in sequence that promise another stage from the first page of one on. */
#define LONG_RUN		(8 * STAGE_PAGES)

/* Stages kept for the next reads: a kernel may clear each page that it gives. */
#define MAX_SPARE_STAGES	8

/*
 * struct stage - Pages read ahead
 * @object_link: in cachefs_object::stages, or empty
 * @link: in cachefs_glue::stages
 * @read: the read that fills it
 * @done: when it has
 * @refs: the lists, the read, and whoever copies
 * @generation: of the object when it began
 * @unused: pages that nobody has asked for yet; cachefs_glue::stage_lock
 * @born: jiffies
 * @run: pages that were read in sequence up to where it begins; 0 in a first window
 * @nr_pages: how many @pages there are
 */
struct stage {
	struct list_head	object_link;
	struct list_head	link;
	struct llist_node	spare_link;
	struct cachefs_glue	*glue;
	struct cachefs_read	read;
	struct completion	done;
	refcount_t		refs;
	unsigned int		generation;
	unsigned int		unused;
	unsigned long		born;
	unsigned int		run;
	unsigned int		nr_pages;
	struct page		*pages[STAGE_PAGES];
};

static void stage_free(struct stage *stage)
{
	unsigned int i;

	for (i = 0; i < stage->nr_pages; i++)
		__free_page(stage->pages[i]);
	kfree(stage);
}

/* Any context. */
static void stage_put(struct stage *stage)
{
	struct cachefs_glue *glue = stage->glue;

	if (!refcount_dec_and_test(&stage->refs))
		return;
	if (stage->nr_pages == STAGE_PAGES &&
	    atomic_add_unless(&glue->nr_spare, 1, MAX_SPARE_STAGES))
		llist_add(&stage->spare_link, &glue->spare);
	else
		stage_free(stage);
}

static struct stage *stage_spare(struct cachefs_glue *glue)
{
	struct llist_node *node;

	/* Only one may take at a time. */
	spin_lock(&glue->stage_lock);
	node = llist_del_first(&glue->spare);
	spin_unlock(&glue->stage_lock);
	if (!node)
		return NULL;
	atomic_dec(&glue->nr_spare);
	return llist_entry(node, struct stage, spare_link);
}

/* A stage with room for @nr pages, or for fewer but one; or NULL. */
static struct stage *stage_alloc(struct cachefs_glue *glue, unsigned int nr)
{
	gfp_t gfp = CACHEFS_GFP_MAYBE;
	struct stage *stage = stage_spare(glue);

	if (stage)
		return stage;
	stage = kmalloc(sizeof(*stage), gfp);
	if (!stage)
		return NULL;
	stage->glue = glue;
	for (stage->nr_pages = 0; stage->nr_pages < nr; stage->nr_pages++) {
		struct page *page = alloc_page(gfp | __GFP_HIGHMEM);

		if (!page)
			break;
		stage->pages[stage->nr_pages] = page;
	}
	if (stage->nr_pages >= 2)
		return stage;
	stage_free(stage);
	return NULL;
}

/* Take a stage off the lists; the lists' reference becomes the caller's. */
static void stage_unlink(struct cachefs_glue *glue, struct stage *stage)
{
	lockdep_assert_held(&glue->stage_lock);

	list_del_init(&stage->object_link);
	list_del(&stage->link);
	glue->staged -= stage->read.nr;
	cachefs_count_unused(glue->cache,
			     (u64)stage->unused << CACHEFS_BLOCK_SHIFT);
}

/* The references of stages that were taken off the lists onto one of ours. */
static void stages_put(struct list_head *stages)
{
	struct stage *stage, *next;

	list_for_each_entry_safe(stage, next, stages, link)
		stage_put(stage);
}

static void stage_drop(struct cachefs_glue *glue, struct stage *stage)
{
	bool linked;

	spin_lock(&glue->stage_lock);
	linked = !list_empty(&stage->object_link);
	if (linked)
		stage_unlink(glue, stage);
	spin_unlock(&glue->stage_lock);
	if (linked)
		stage_put(stage);
}

static void stage_read_done(struct cachefs_read *read)
{
	struct stage *stage = container_of(read, struct stage, read);

	complete_all(&stage->done);
	stage_put(stage);
}

/*
 * Make room for @nr pages at the cost of the oldest stages that have been read.  What
 * has not been @asked for may take half of the room, and none from those that may be
 * in use.
 */
static bool make_room(struct cachefs_glue *glue, unsigned int nr, bool asked)
{
	unsigned int most = asked ? MAX_STAGED_PAGES : MAX_STAGED_PAGES / 2;
	struct stage *stage, *next;
	LIST_HEAD(old);
	bool room;

	spin_lock(&glue->stage_lock);
	list_for_each_entry_safe(stage, next, &glue->stages, link) {
		if (glue->staged + nr <= most ||
		    (!asked && !time_after(jiffies, stage->born + HZ)))
			break;
		/* Else its reader would not find the rest, and read it again. */
		if (!completion_done(&stage->done))
			continue;
		stage_unlink(glue, stage);
		list_add(&stage->link, &old);
	}
	room = glue->staged + nr <= most;
	spin_unlock(&glue->stage_lock);
	stages_put(&old);
	return room;
}

/*
 * Read @want blocks from @block on, at most a stage full, or as many of them as are
 * cached, into a new stage; @run: see there.  Returns it with a reference for the
 * caller, or NULL: less than two blocks are cached, or no memory.
 */
static struct stage *stage_new(struct cachefs_op *op, u64 block,
			       unsigned int want, unsigned int run, bool asked)
{
	struct cachefs_glue *glue = cachefs_op_glue(op);
	struct stage *stage;
	unsigned int nr;
	bool cached;

	if (want < 2)
		return NULL;
	nr = cachefs_lookup(glue->cache, &op->version, block, want, &cached);
	if (!cached || nr < 2 || !make_room(glue, nr, asked))
		return NULL;
	stage = stage_alloc(glue, nr);
	if (!stage)
		return NULL;
	stage->read.nr = min(nr, stage->nr_pages);
	stage->read.cache = glue->cache;
	stage->read.version = op->version;
	stage->read.block = block;
	stage->read.pages = stage->pages;
	stage->read.done = stage_read_done;
	init_completion(&stage->done);
	stage->generation = op->generation;
	stage->unused = stage->read.nr;
	stage->born = jiffies;
	stage->run = run;
	/* For the lists, the read and the caller. */
	refcount_set(&stage->refs, 3);
	spin_lock(&glue->stage_lock);
	list_add_tail(&stage->object_link, &op->object->stages);
	list_add_tail(&stage->link, &glue->stages);
	glue->staged += stage->read.nr;
	spin_unlock(&glue->stage_lock);
	fscache_count_read();
	cachefs_read(&stage->read);
	return stage;
}

/* Find the stage that has a block, with a reference; drop those out of date. */
static struct stage *stage_find(struct cachefs_op *op, u64 block)
{
	struct cachefs_glue *glue = cachefs_op_glue(op);
	struct stage *stage, *next, *found = NULL;
	LIST_HEAD(old);

	spin_lock(&glue->stage_lock);
	list_for_each_entry_safe(stage, next, &op->object->stages, object_link) {
		if (stage->generation != op->generation) {
			stage_unlink(glue, stage);
			list_add(&stage->link, &old);
		} else if (block >= stage->read.block &&
			   block < stage->read.block + stage->read.nr) {
			refcount_inc(&stage->refs);
			found = stage;
			break;
		}
	}
	spin_unlock(&glue->stage_lock);
	stages_put(&old);
	return found;
}

/* What the page cache has of a page.  Only looked at: it may change at once. */
enum page_state {
	PAGE_ABSENT,
	PAGE_ASKED,		/* locked and empty, as readahead leaves it */
	PAGE_OTHER,
};

static enum page_state page_state(const struct folio *folio)
{
	if (!folio || xa_is_internal(folio) || xa_is_value(folio))
		return PAGE_ABSENT;
	if (test_bit(PG_locked, &folio->flags) &&
	    !test_bit(PG_uptodate, &folio->flags))
		return PAGE_ASKED;
	return PAGE_OTHER;
}

/* How many pages from @index on are in that state?  @max or more are @max. */
static unsigned int count_pages(struct address_space *mapping, pgoff_t index,
				unsigned int max, enum page_state state)
{
	XA_STATE(xas, &mapping->i_pages, index);
	unsigned int nr = 0;
	struct folio *folio;

	rcu_read_lock();
	for (folio = xas_load(&xas); nr < max && page_state(folio) == state;
	     folio = xas_next(&xas))
		nr++;
	rcu_read_unlock();
	return nr;
}

/* How many pages from @index on will NFS ask for next?  At most a stage full. */
static unsigned int pages_asked(struct address_space *mapping, pgoff_t index)
{
	return count_pages(mapping, index, STAGE_PAGES, PAGE_ASKED);
}

/* How many pages were read in sequence up to @block? */
static unsigned int run_find(struct cachefs_object *object, u64 block)
{
	unsigned int i, pages = 0;

	spin_lock(&object->lock);
	for (i = 0; i < CACHEFS_RUNS; i++)
		if (object->runs[i].end == block)
			pages = object->runs[i].pages;
	spin_unlock(&object->lock);
	return pages;
}

static void run_remember(struct cachefs_object *object, u64 end,
			 unsigned int pages)
{
	struct cachefs_run *run;

	spin_lock(&object->lock);
	run = &object->runs[object->next_run++ % CACHEFS_RUNS];
	run->end = end;
	run->pages = pages;
	spin_unlock(&object->lock);
}

/*
 * While NFS copies page @i of a stage, the disk reads what comes behind it: what
 * NFS is known to ask for, at once; and what it will only ask for if the sequence
 * goes on, from the middle on, and a quarter of what was read so.
 */
static void stage_continue(struct cachefs_op *op, struct stage *stage,
			   unsigned int i, struct address_space *mapping)
{
	u64 block = stage->read.block + stage->read.nr;
	unsigned int run = stage->run + stage->read.nr;
	bool middle = i == stage->read.nr / 2;
	unsigned int want, asked;
	struct stage *next;

	if (i && !middle)
		return;
	next = stage_find(op, block);
	if (next) {
		stage_put(next);
		return;
	}
	asked = pages_asked(mapping, block);
	want = asked;
	if (!asked && stage->run && (middle || run >= LONG_RUN))
		want = count_pages(mapping, block,
				   min_t(unsigned int, run / 4, STAGE_PAGES),
				   PAGE_ABSENT);
	next = stage_new(op, block, want, stage->run ? run : 0, asked);
	if (next)
		stage_put(next);
	else if (middle)
		run_remember(op->object, block, run);
}

/* The pages of a stage are not the reader's: it need not wait for a disk that hangs. */
static bool stage_wait(struct cachefs_glue *glue, struct stage *stage)
{
	while (!completion_done(&stage->done)) {
		if (cachefs_pace_stuck(glue->cache))
			return false;
		wait_for_completion_io_timeout(&stage->done, HZ / 4);
	}
	return true;
}

/* Fill a page from a stage that has been read. */
static bool stage_copy(struct cachefs_op *op, struct stage *stage,
		       struct page *page)
{
	struct cachefs_glue *glue = cachefs_op_glue(op);
	unsigned int i = page->index - stage->read.block;
	bool last = false;

	if (stage->read.error) {
		stage_drop(glue, stage);
		return false;
	}
	copy_highpage(page, stage->pages[i]);
	spin_lock(&glue->stage_lock);
	if (stage->unused)
		last = !--stage->unused;
	spin_unlock(&glue->stage_lock);
	if (last)
		stage_drop(glue, stage);
	return true;
}

struct page_read {
	struct cachefs_read	read;
	struct completion	done;
};

static void page_read_done(struct cachefs_read *read)
{
	complete(&container_of(read, struct page_read, read)->done);
}

/* Read one page where it is. */
static bool read_direct(struct cachefs_op *op, struct page *page)
{
	struct page_read direct = {
		.read = {
			.cache		= cachefs_op_cache(op),
			.version	= op->version,
			.block		= page->index,
			.nr		= 1,
			.pages		= &page,
			.done		= page_read_done,
		},
		.done = COMPLETION_INITIALIZER_ONSTACK(direct.done),
	};

	fscache_count_read();
	cachefs_read(&direct.read);
	wait_for_completion_io(&direct.done);
	return !direct.read.error;
}

/* Is it the next page of a run that is not cached? */
static bool known_miss(struct cachefs_op *op, pgoff_t index)
{
	struct cachefs_object *object = op->object;
	struct cachefs_miss *miss = &object->miss;
	bool known;

	spin_lock(&object->lock);
	known = miss->generation == op->generation && miss->next == index &&
		index < miss->end;
	/* Never back: what is read again may have been stored. */
	if (known)
		miss->next++;
	spin_unlock(&object->lock);
	return known;
}

/* A page is not cached, and neither are those after it that come next. */
static void remember_miss(struct cachefs_op *op, struct page *page)
{
	unsigned int nr = max(pages_asked(page->mapping, page->index), 1U);
	struct cachefs_object *object = op->object;
	bool cached;

	nr = cachefs_lookup(cachefs_op_cache(op), &op->version, page->index, nr,
			    &cached);
	spin_lock(&object->lock);
	object->miss.generation = op->generation;
	object->miss.next = page->index + 1;
	object->miss.end = page->index + (cached ? 0 : nr);
	object->miss.asked = ktime_get_ns();
	spin_unlock(&object->lock);
}

/**
 * cachefs_stage_read - Fill a page with what is cached
 * @op: the operation
 * @page: the page, locked
 *
 * What is cached of the pages that readahead will ask for next is read with it.
 *
 * Context: process, sleeps.
 * Return: %false if it is not cached, or could not be read.
 */
bool cachefs_stage_read(struct cachefs_op *op, struct page *page)
{
	bool read = false, cached;
	struct stage *stage;

	if (known_miss(op, page->index))
		return false;
	stage = stage_find(op, page->index);
	if (!stage) {
		cachefs_lookup(cachefs_op_cache(op), &op->version, page->index,
			       1, &cached);
		if (!cached) {
			remember_miss(op, page);
			return false;
		}
		stage = stage_new(op, page->index,
				  pages_asked(page->mapping, page->index),
				  run_find(op->object, page->index), true);
	}
	if (stage) {
		stage_continue(op, stage, page->index - stage->read.block,
			       page->mapping);
		cached = stage_wait(cachefs_op_glue(op), stage);
		read = cached && stage_copy(op, stage, page);
		stage_put(stage);
		if (!cached)
			return false;
	}
	/* One bad block does not make its neighbours bad. */
	return read || read_direct(op, page);
}

/**
 * cachefs_stages_init - Set up what stages need
 * @glue: the binding
 *
 * Context: any.
 */
void cachefs_stages_init(struct cachefs_glue *glue)
{
	spin_lock_init(&glue->stage_lock);
	INIT_LIST_HEAD(&glue->stages);
	init_llist_head(&glue->spare);
}

/**
 * cachefs_stages_exit - The opposite of cachefs_stages_init()
 * @glue: the binding; all its objects are gone
 *
 * Context: process.
 */
void cachefs_stages_exit(struct cachefs_glue *glue)
{
	struct stage *stage;

	while ((stage = stage_spare(glue)))
		stage_free(stage);
}

/**
 * cachefs_stages_drop - Drop what has been read ahead of an object
 * @object: no operation is open
 *
 * Context: process.
 */
void cachefs_stages_drop(struct cachefs_object *object)
{
	struct cachefs_glue *glue = object->volume->glue;
	struct stage *stage, *next;
	LIST_HEAD(stages);

	spin_lock(&glue->stage_lock);
	list_for_each_entry_safe(stage, next, &object->stages, object_link) {
		stage_unlink(glue, stage);
		list_add(&stage->link, &stages);
	}
	spin_unlock(&glue->stage_lock);
	stages_put(&stages);
}
