// SPDX-License-Identifier: GPL-2.0
/*
 * Reads of NFS that come page by page, see design.rst.
 *
 * The pages that NFS will ask for next are known: readahead has put them, locked and
 * empty, into the page cache.  The cached ones among them are read in one go into memory
 * of the module (a stage), and copied page by page.  The pages are not filled in place,
 * because a page that another task has locked looks the same.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include "../glue.h"

/* The largest number of pages in one stage.  One I/O of the core takes as many. */
#define STAGE_PAGES		128

/* The most pages in all stages, and kept for the next stages: together 32 MiB. */
#define MAX_STAGED_PAGES	7168
#define MAX_SPARE_PAGES		1024

/* After this many pages in sequence, reading ahead begins at a stage's first page. */
#define LONG_RUN		(8 * STAGE_PAGES)

/*
 * struct stage - Pages read ahead
 * @object_link: in cachefs_object::stages, or empty
 * @link: in cachefs_glue::stages
 * @glue: the binding
 * @read: the read that fills it
 * @done: @read has ended
 * @refs: held by the lists, the read, and each task that copies
 * @generation: of the object when @read began
 * @unused: pages that nobody has asked for yet; cachefs_glue::stage_lock
 * @born: when @read began, jiffies
 * @run: pages that were read in sequence up to its first page; 0 in a first window
 * @pages: @read.nr of them
 */
struct stage {
	struct list_head	object_link;
	struct list_head	link;
	struct cachefs_glue	*glue;
	struct cachefs_read	read;
	struct completion	done;
	refcount_t		refs;
	unsigned int		generation;
	unsigned int		unused;
	unsigned long		born;
	unsigned int		run;
	struct page		*pages[STAGE_PAGES];
};

static void stage_count_held(struct cachefs_glue *glue, long pages)
{
	cachefs_count(glue->cache, NULL, CACHEFS_STAT_READAHEAD_BYTES,
		      (s64)pages * PAGE_SIZE);
}

/*
 * Free a stage.  Its pages are kept for other stages, because a kernel may clear each
 * page that it gives.  Any context.
 */
static void stage_free(struct stage *stage)
{
	struct cachefs_glue *glue = stage->glue;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&glue->spare_lock, flags);
	glue->staged -= stage->read.nr;
	for (i = 0; i < stage->read.nr && glue->nr_spare < MAX_SPARE_PAGES; i++) {
		list_add(&stage->pages[i]->lru, &glue->spare);
		glue->nr_spare++;
	}
	spin_unlock_irqrestore(&glue->spare_lock, flags);
	stage_count_held(glue, (long)i - stage->read.nr);
	for (; i < stage->read.nr; i++)
		__free_page(stage->pages[i]);
	kfree(stage);
}

/* Any context. */
static void stage_put(struct stage *stage)
{
	if (refcount_dec_and_test(&stage->refs))
		stage_free(stage);
}

static struct page *stage_spare_take(struct cachefs_glue *glue)
{
	struct page *page;
	unsigned long flags;

	spin_lock_irqsave(&glue->spare_lock, flags);
	page = list_first_entry_or_null(&glue->spare, struct page, lru);
	if (page) {
		list_del(&page->lru);
		glue->nr_spare--;
	}
	spin_unlock_irqrestore(&glue->spare_lock, flags);
	return page;
}

/* Give up to @nr spare pages back to the kernel.  Returns their number. */
static unsigned long stage_spare_free(struct cachefs_glue *glue, unsigned long nr)
{
	unsigned long freed;
	struct page *page;

	for (freed = 0; freed < nr && (page = stage_spare_take(glue)) != NULL; freed++)
		__free_page(page);
	stage_count_held(glue, -(long)freed);
	return freed;
}

static void stage_give_room(struct cachefs_glue *glue, unsigned int nr)
{
	unsigned long flags;

	spin_lock_irqsave(&glue->spare_lock, flags);
	glue->staged -= nr;
	spin_unlock_irqrestore(&glue->spare_lock, flags);
}

/*
 * Allocate a stage with @nr pages, for which room was taken.  It may get fewer pages, but
 * at least two; otherwise this returns NULL.  Room that it does not need is given back.
 */
static struct stage *stage_alloc(struct cachefs_glue *glue, unsigned int nr)
{
	gfp_t gfp = CACHEFS_GFP_MAYBE;
	struct stage *stage = kmalloc(sizeof(*stage), gfp);

	if (!stage) {
		stage_give_room(glue, nr);
		return NULL;
	}
	stage->glue = glue;
	for (stage->read.nr = 0; stage->read.nr < nr; stage->read.nr++) {
		struct page *page = stage_spare_take(glue);

		if (!page) {
			page = alloc_page(gfp | __GFP_HIGHMEM);
			if (!page)
				break;
			stage_count_held(glue, 1);
		}
		stage->pages[stage->read.nr] = page;
	}
	stage_give_room(glue, nr - stage->read.nr);
	if (stage->read.nr >= 2)
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
	cachefs_count(glue->cache, NULL, CACHEFS_STAT_READAHEAD_UNUSED_BYTES,
		      (u64)stage->unused << CACHEFS_BLOCK_SHIFT);
}

/* Drop the references of stages that were moved from the lists to @stages. */
static void stage_put_all(struct list_head *stages)
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
 * Drop the oldest stages that have been read, until @nr pages are dropped.  Stages that
 * are younger than a second may be in use, and are only dropped if @young.
 */
static void stage_drop_old(struct cachefs_glue *glue, long nr, bool young)
{
	struct stage *stage, *next;
	LIST_HEAD(old);

	spin_lock(&glue->stage_lock);
	list_for_each_entry_safe(stage, next, &glue->stages, link) {
		if (nr <= 0 ||
		    (!young && !time_after(jiffies, stage->born + HZ)))
			break;
		/* Without this stage its reader would read the rest again. */
		if (!completion_done(&stage->done))
			continue;
		nr -= stage->read.nr;
		stage_unlink(glue, stage);
		list_add(&stage->link, &old);
	}
	spin_unlock(&glue->stage_lock);
	stage_put_all(&old);
}

/*
 * Take room for @nr pages, and drop old stages if necessary.  Pages that were not @asked
 * for may take half of the room, and none from stages that may be in use.  A stage keeps
 * its room until its last user is done.
 */
static bool stage_take_room(struct cachefs_glue *glue, unsigned int nr, bool asked)
{
	unsigned int most = asked ? MAX_STAGED_PAGES : MAX_STAGED_PAGES / 2;
	unsigned long flags;
	bool room;

	stage_drop_old(glue, (long)READ_ONCE(glue->staged) + nr - most, asked);
	spin_lock_irqsave(&glue->spare_lock, flags);
	room = glue->staged + nr <= most;
	if (room)
		glue->staged += nr;
	spin_unlock_irqrestore(&glue->spare_lock, flags);
	return room;
}

/*
 * Read @want blocks from @block on into a new stage, or as many of them as are cached and
 * get a page.  @want is at most a stage full.  @run: see struct stage.  Returns the stage
 * with a reference for the caller, or NULL if less than two blocks are cached, or if
 * there is no room or no memory.
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
	if (!cached || nr < 2 || !stage_take_room(glue, nr, asked))
		return NULL;
	stage = stage_alloc(glue, nr);
	if (!stage)
		return NULL;
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
	spin_unlock(&glue->stage_lock);
	cachefs_op_read(op, &stage->read);
	return stage;
}

/* Find the stage that has a block, and take a reference.  Drop stages out of date. */
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
	stage_put_all(&old);
	return found;
}

/* The state of a page in the page cache.  It may change at once. */
enum stage_page_state {
	PAGE_ABSENT,
	PAGE_ASKED,		/* locked and empty, as readahead leaves it */
	PAGE_OTHER,
};

static enum stage_page_state stage_page_state(const struct folio *folio)
{
	if (!folio || xa_is_internal(folio) || xa_is_value(folio))
		return PAGE_ABSENT;
	if (test_bit(PG_locked, &folio->flags) &&
	    !test_bit(PG_uptodate, &folio->flags))
		return PAGE_ASKED;
	return PAGE_OTHER;
}

/* The number of pages from @index on that are in @state, at most @max. */
static unsigned int stage_count_pages(struct address_space *mapping, pgoff_t index,
				      unsigned int max, enum stage_page_state state)
{
	XA_STATE(xas, &mapping->i_pages, index);
	unsigned int nr = 0;
	struct folio *folio;

	rcu_read_lock();
	for (folio = xas_load(&xas); nr < max && stage_page_state(folio) == state;
	     folio = xas_next(&xas))
		nr++;
	rcu_read_unlock();
	return nr;
}

/* The number of pages from @index on that NFS will ask for next, at most a stage full. */
static unsigned int stage_pages_asked(struct address_space *mapping, pgoff_t index)
{
	return stage_count_pages(mapping, index, STAGE_PAGES, PAGE_ASKED);
}

/* The number of pages that were read in sequence up to @block. */
static unsigned int stage_run_find(struct cachefs_object *object, u64 block)
{
	unsigned int i, pages = 0;

	spin_lock(&object->lock);
	for (i = 0; i < CACHEFS_RUNS; i++)
		if (object->runs[i].end == block)
			pages = object->runs[i].pages;
	spin_unlock(&object->lock);
	return pages;
}

static void stage_run_remember(struct cachefs_object *object, u64 end,
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
 * Let the disk read the pages behind a stage while NFS copies page @i of the stage.
 * Pages that NFS is known to ask for are read at once.  Pages that NFS will only ask for
 * if the sequence goes on are read from the middle of the stage on, or from its first
 * page on after LONG_RUN pages, and at most a quarter of what was read in sequence.
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
	asked = stage_pages_asked(mapping, block);
	want = asked;
	if (!asked && stage->run && (middle || run >= LONG_RUN))
		want = stage_count_pages(mapping, block,
					 min_t(unsigned int, run / 4, STAGE_PAGES),
					 PAGE_ABSENT);
	next = stage_new(op, block, want, stage->run ? run : 0, asked);
	if (next)
		stage_put(next);
	else if (middle)
		stage_run_remember(op->object, block, run);
}

/*
 * Wait until a stage has been read, but not for a disk that hangs: the disk writes to the
 * pages of the stage, and not to the reader's pages.
 */
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

/*
 * struct page_read - A read that its caller waits for
 * @read: the read
 * @done: the read has ended
 */
struct page_read {
	struct cachefs_read	read;
	struct completion	done;
};

static void stage_page_read_done(struct cachefs_read *read)
{
	complete(&container_of(read, struct page_read, read)->done);
}

/* Read one page in place, without a stage. */
static bool stage_read_direct(struct cachefs_op *op, struct page *page)
{
	struct page_read direct = {
		.read = {
			.block	= page->index,
			.nr	= 1,
			.pages	= &page,
			.done	= stage_page_read_done,
		},
		.done = COMPLETION_INITIALIZER_ONSTACK(direct.done),
	};

	cachefs_op_read(op, &direct.read);
	wait_for_completion_io(&direct.done);
	return !direct.read.error;
}

/* Whether @index is the next page of the run that is not cached. */
static bool stage_known_miss(struct cachefs_op *op, pgoff_t index)
{
	struct cachefs_object *object = op->object;
	struct cachefs_miss *miss = &object->miss;
	bool known;

	spin_lock(&object->lock);
	known = miss->generation == op->generation && miss->next == index &&
		index < miss->end;
	/* @next never goes back: a page that is read again may have been stored. */
	if (known)
		miss->next++;
	spin_unlock(&object->lock);
	return known;
}

/* Remember that a page is not cached, and neither are the pages that come next. */
static void stage_remember_miss(struct cachefs_op *op, struct page *page)
{
	unsigned int nr = max(stage_pages_asked(page->mapping, page->index), 1U);
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
 * cachefs_stage_read - Fill a page from the cache
 * @op: the operation
 * @page: the page, locked
 *
 * The cached ones of the pages that NFS will ask for next are read with it.
 *
 * Context: process, sleeps.
 * Return: %false if it is not cached, or could not be read.
 */
bool cachefs_stage_read(struct cachefs_op *op, struct page *page)
{
	bool read = false, cached;
	struct stage *stage;

	if (stage_known_miss(op, page->index))
		return false;
	/* Do not time the server: its answer may wait until the device has read. */
	if (READ_ONCE(op->object->miss.asked))
		WRITE_ONCE(op->object->miss.asked, 0);
	stage = stage_find(op, page->index);
	if (!stage) {
		cachefs_lookup(cachefs_op_cache(op), &op->version, page->index,
			       1, &cached);
		if (!cached) {
			stage_remember_miss(op, page);
			return false;
		}
		stage = stage_new(op, page->index,
				  stage_pages_asked(page->mapping, page->index),
				  stage_run_find(op->object, page->index), true);
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
	return read || stage_read_direct(op, page);
}

static unsigned long stage_shrink_count(struct shrinker *shrinker,
					struct shrink_control *sc)
{
	struct cachefs_glue *glue = container_of(shrinker, struct cachefs_glue, shrinker);

	return READ_ONCE(glue->staged) + READ_ONCE(glue->nr_spare) ?:
		SHRINK_EMPTY;
}

/* Give back pages that nobody has asked for yet: others need the memory more. */
static unsigned long stage_shrink_scan(struct shrinker *shrinker,
				       struct shrink_control *sc)
{
	struct cachefs_glue *glue = container_of(shrinker, struct cachefs_glue, shrinker);

	stage_drop_old(glue, (long)sc->nr_to_scan - READ_ONCE(glue->nr_spare),
		       true);
	return stage_spare_free(glue, sc->nr_to_scan) ?: SHRINK_STOP;
}

/**
 * cachefs_stages_init - Set up what stages need
 * @glue: the binding
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int cachefs_stages_init(struct cachefs_glue *glue)
{
	spin_lock_init(&glue->stage_lock);
	INIT_LIST_HEAD(&glue->stages);
	spin_lock_init(&glue->spare_lock);
	INIT_LIST_HEAD(&glue->spare);
	glue->shrinker.count_objects = stage_shrink_count;
	glue->shrinker.scan_objects = stage_shrink_scan;
	glue->shrinker.seeks = DEFAULT_SEEKS;
	return register_shrinker(&glue->shrinker, "cachefs-readahead");
}

/**
 * cachefs_stages_exit - The opposite of cachefs_stages_init()
 * @glue: the binding; all its objects are gone
 *
 * Context: process.
 */
void cachefs_stages_exit(struct cachefs_glue *glue)
{
	unregister_shrinker(&glue->shrinker);
	stage_spare_free(glue, ULONG_MAX);
	WARN_ON_ONCE(glue->staged);
}

/**
 * cachefs_stages_drop - Drop the pages that were read ahead of an object
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
	stage_put_all(&stages);
}
