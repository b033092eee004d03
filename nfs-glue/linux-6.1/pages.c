// SPDX-License-Identifier: GPL-2.0
/*
 * I/O of NFS that comes page by page, see design.rst.  Reads are in stage.c.
 *
 * NFS has each page of a READ reply locked when it hands the page over, and unlocks the
 * page after the call.  The page is marked and joins the batch of pages that it
 * continues.  A worker stores the batches.  The marks are cleared when the batch is on
 * disk.
 */
#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include "../glue.h"

/* The largest number of pages in one batch.  One I/O of the core takes as many. */
#define BATCH_PAGES		128

/*
 * struct batch - Pages to be stored together
 * @link: in cachefs_object::batches
 * @store: its operation holds the version, and the object
 * @born: when it was made, jiffies
 * @folios: @nr of them, marked
 * @pages: the same pages for the core, which may replace some
 */
struct batch {
	struct list_head	link;
	struct cachefs_op_store	store;
	unsigned long		born;
	unsigned int		nr;
	struct folio		*folios[BATCH_PAGES];
	struct page		*pages[BATCH_PAGES];
};

/* Bytes of the file in the page at @start. */
static size_t pages_bytes(struct cachefs_op *op, loff_t start)
{
	return min_t(loff_t, op->size - start, PAGE_SIZE);
}

/* The one page that NFS asks about, or NULL for other callers. */
static struct page *pages_iter_page(loff_t start, struct iov_iter *iter,
				    netfs_io_terminated_t term_func)
{
	if (term_func || !iov_iter_is_bvec(iter) || iter->iov_offset ||
	    iov_iter_count(iter) != PAGE_SIZE || start % PAGE_SIZE)
		return NULL;
	return iter->bvec->bv_page;
}

/* Fill a page that NFS is about to ask the server for. */
static bool pages_read_page(struct cachefs_op *op, struct page *page)
{
	struct cachefs_cache *cache = cachefs_op_cache(op);
	loff_t start = page_offset(page);

	if (!cachefs_object_check_name(op->object, page->mapping->host) ||
	    start >= op->size || READ_ONCE(op->object->local_data) ||
	    !cachefs_op_of_inode(op, page->mapping->host)) {
		/* An earlier note is not for the data that the server sends now. */
		cachefs_note_read(op, page->index, false);
		return false;
	}
	if (cachefs_stage_read(op, page)) {
		cachefs_count(cache, cachefs_op_volume(op),
			      CACHEFS_STAT_HIT_BYTES, pages_bytes(op, start));
		return true;
	}
	cachefs_count(cache, cachefs_op_volume(op), CACHEFS_STAT_MISS_BYTES,
		      pages_bytes(op, start));
	cachefs_note_read(op, page->index, cachefs_store_room(cache) &&
			  cachefs_op_settled(op, page->mapping->host));
	return false;
}

/* Any error makes NFS ask the server. */
static int pages_read_cache(struct netfs_cache_resources *cres, loff_t start,
			    struct iov_iter *iter, enum netfs_read_from_hole hole,
			    netfs_io_terminated_t term_func, void *term_func_priv)
{
	struct page *page = pages_iter_page(start, iter, term_func);
	struct cachefs_op op;
	bool read = false;

	if (page) {
		cachefs_op_init(&op, cachefs_cres_object(cres));
		read = pages_read_page(&op, page);
		cachefs_op_exit(&op);
	} else if (term_func) {
		term_func(term_func_priv, -ENODATA, false);
	}
	return read ? 0 : -ENODATA;
}

/* Batches */

/* Steps 6 and 7. */
static void pages_batch_release(struct cachefs_store *core)
{
	struct batch *batch = container_of(cachefs_op_stored(core),
					   struct batch, store);
	struct cachefs_op *op = batch->store.op;
	struct fscache_cookie *cookie = op->object->cookie;
	unsigned int i;

	for (i = 0; i < batch->nr; i++)
		cachefs_page_mark_end(core->cache, batch->folios[i]);
	cachefs_op_free(op);
	/* The object may go away now; the core still counts this store. */
	cachefs_end_access(cookie);
}

static void pages_batch_done(struct cachefs_store *core)
{
	kfree(container_of(core, struct batch, store.store));
}

static void pages_batch_submit(struct batch *batch)
{
	unsigned int i;

	for (i = 0; i < batch->nr; i++)
		batch->pages[i] = folio_page(batch->folios[i], 0);
	batch->store.store.pages = batch->pages;
	batch->store.store.may_wait = false;
	batch->store.store.release = pages_batch_release;
	batch->store.store.done = pages_batch_done;
	cachefs_op_store(&batch->store);
}

static bool pages_batch_full(struct batch *batch)
{
	return batch->nr == BATCH_PAGES ||
		batch->store.store.bytes % CACHEFS_BLOCK_SIZE;
}

/* Store the batches that are full, or have waited for more pages long enough. */
static void pages_store_work(struct work_struct *work)
{
	struct cachefs_object *object = container_of(work, struct cachefs_object,
						     store_work.work);
	struct batch *batch, *next;
	LIST_HEAD(ripe);

	spin_lock(&object->lock);
	list_for_each_entry_safe(batch, next, &object->batches, link)
		if (pages_batch_full(batch) || time_after(jiffies, batch->born))
			list_move_tail(&batch->link, &ripe);
	if (!list_empty(&object->batches))
		queue_delayed_work(object->volume->glue->wq,
				   &object->store_work, 1);
	spin_unlock(&object->lock);
	/*
	 * The object, and this work item in it, may be gone with the last batch.
	 * list_for_each_entry_safe() does not look at either after that.
	 */
	list_for_each_entry_safe(batch, next, &ripe, link)
		pages_batch_submit(batch);
}

/* Make a batch of the generation of @op, or return NULL. */
static struct batch *pages_batch_new(struct cachefs_op *op)
{
	struct batch *batch = kmalloc(sizeof(*batch), CACHEFS_GFP_MAYBE);
	struct fscache_cookie *cookie = op->object->cookie;

	if (!batch)
		return NULL;
	batch->store.op = cachefs_op_new(op->object);
	if (!batch->store.op)
		goto free_batch;
	if (batch->store.op->generation != op->generation)
		goto free_op;
	batch->nr = 0;
	batch->store.store.bytes = 0;
	batch->born = jiffies;
	/* The caller's access keeps the cookie from being withdrawn now. */
	atomic_inc(&cookie->n_accesses);
	return batch;

free_op:
	cachefs_op_free(batch->store.op);
free_batch:
	kfree(batch);
	return NULL;
}

/* Find the batch that ends where a page begins. */
static struct batch *pages_batch_find(struct cachefs_op *op, u64 block)
{
	struct batch *batch;

	lockdep_assert_held(&op->object->lock);
	list_for_each_entry(batch, &op->object->batches, link)
		if (!pages_batch_full(batch) &&
		    batch->store.op->generation == op->generation &&
		    batch->store.store.block + batch->nr == block)
			return batch;
	return NULL;
}

/* Step 4: mark a page and hand it to the worker. */
static bool pages_batch_add(struct cachefs_op *op, struct folio *folio, size_t bytes)
{
	struct cachefs_object *object = op->object;
	struct workqueue_struct *wq = cachefs_op_glue(op)->wq;
	struct batch *batch;

	spin_lock(&object->lock);
	batch = pages_batch_find(op, folio->index);
	if (!batch) {
		spin_unlock(&object->lock);
		batch = pages_batch_new(op);
		if (!batch)
			return false;
		batch->store.store.block = folio->index;
		spin_lock(&object->lock);
		list_add_tail(&batch->link, &object->batches);
	}
	cachefs_page_mark(cachefs_op_cache(op), folio);
	batch->folios[batch->nr++] = folio;
	batch->store.store.bytes += bytes;
	if (pages_batch_full(batch))
		mod_delayed_work(wq, &object->store_work, 0);
	else
		queue_delayed_work(wq, &object->store_work, 1);
	spin_unlock(&object->lock);
	return true;
}

/* Note how long the server took to send a page. */
static void pages_answered(struct cachefs_op *op)
{
	struct cachefs_miss *miss = &op->object->miss;
	u64 asked = READ_ONCE(miss->asked);

	if (asked && cmpxchg(&miss->asked, asked, 0) == asked)
		cachefs_server_answered(cachefs_op_cache(op),
					ktime_get_ns() - asked);
}

/* Store a page that the server has sent. */
static void pages_store_page(struct cachefs_op *op, struct page *page)
{
	struct cachefs_cache *cache = cachefs_op_cache(op);
	enum cachefs_reason noted = cachefs_noted_read(op, page->index);
	struct cachefs_version *version = &op->version;
	loff_t start = page_offset(page);
	enum cachefs_reason why;
	size_t bytes = PAGE_SIZE;

	pages_answered(op);
	if (start >= op->size) {
		why = CACHEFS_WHY_BEYOND_EOF;
		goto refuse;
	}
	bytes = pages_bytes(op, start);
	if (PageCompound(page) || PagePrivate2(page)) {
		why = CACHEFS_WHY_PAGE;
		goto refuse;
	}
	if (!cachefs_op_store_wanted(op, page->index, bytes))
		return;
	why = READ_ONCE(op->object->named) ? noted : CACHEFS_WHY_NO_NAME;
	if (why == CACHEFS_WHY_NO_NOTE &&
	    !cachefs_op_settled(op, page->mapping->host))
		why = CACHEFS_WHY_RECENT;
	if (!why && pages_batch_add(op, page_folio(page), bytes))
		return;
	why = why ?: cachefs_op_stale(op) ?: CACHEFS_WHY_NO_MEMORY;
refuse:
	cachefs_refuse(cache, version, page->index, bytes, why);
}

/* NFS ignores the return value. */
static int pages_write_cache(struct netfs_cache_resources *cres, loff_t start,
			     struct iov_iter *iter, netfs_io_terminated_t term_func,
			     void *term_func_priv)
{
	struct page *page = pages_iter_page(start, iter, term_func);
	struct cachefs_op op;

	if (page) {
		cachefs_op_init(&op, cachefs_cres_object(cres));
		pages_store_page(&op, page);
		cachefs_op_exit(&op);
	} else {
		cachefs_object_local_write(cachefs_cres_object(cres));
		if (term_func)
			term_func(term_func_priv, -ENOBUFS, false);
	}
	return -ENOBUFS;
}

/* NFS stores a page that it has just read.  All other callers come with new data. */
static int pages_prepare_write(struct netfs_cache_resources *cres, loff_t *start,
			       size_t *len, loff_t i_size,
			       bool no_space_allocated_yet)
{
	if (no_space_allocated_yet)
		return 0;
	cachefs_object_local_write(cachefs_cres_object(cres));
	return -ENOBUFS;
}

static void pages_end_operation(struct netfs_cache_resources *cres)
{
	cachefs_end_access(fscache_cres_cookie(cres));
}

/* No file system that is cached on this kernel uses the other operations. */
static const struct netfs_cache_ops netfs_ops = {
	.end_operation		= pages_end_operation,
	.read			= pages_read_cache,
	.write			= pages_write_cache,
	.prepare_write		= pages_prepare_write,
};

/**
 * cachefs_begin_operation - fscache_cache_ops::begin_operation
 * @cres: where the operation goes
 * @want_state: ignored
 *
 * NFS makes only one call in the operation, so a cachefs_op begins and ends in that call.
 *
 * Context: any.
 * Return: %true.
 */
bool cachefs_begin_operation(struct netfs_cache_resources *cres,
			     enum fscache_want_state want_state)
{
	cres->ops = &netfs_ops;
	return true;
}

/**
 * cachefs_glue_init_io - Set up what reads and stores of a binding need
 * @glue: the binding
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int cachefs_glue_init_io(struct cachefs_glue *glue)
{
	int ret;

	/* Reclaim waits for the marks that the queue's work clears. */
	glue->wq = alloc_workqueue("cachefs_pages",
				   WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!glue->wq)
		return -ENOMEM;
	ret = cachefs_stages_init(glue);
	if (ret)
		destroy_workqueue(glue->wq);
	return ret;
}

/**
 * cachefs_glue_exit_io - The opposite of cachefs_glue_init_io()
 * @glue: the binding; all its objects are gone
 *
 * Context: process, may sleep.
 */
void cachefs_glue_exit_io(struct cachefs_glue *glue)
{
	cachefs_stages_exit(glue);
	destroy_workqueue(glue->wq);
}

/**
 * cachefs_object_init_io - Set up what reads and stores of an object need
 * @object: the object
 *
 * Context: any.
 */
void cachefs_object_init_io(struct cachefs_object *object)
{
	INIT_LIST_HEAD(&object->batches);
	INIT_LIST_HEAD(&object->stages);
	INIT_DELAYED_WORK(&object->store_work, pages_store_work);
}

/**
 * cachefs_object_exit_io - The opposite of cachefs_object_init_io()
 * @object: no operation is open, so there is no batch, which would hold one
 *
 * Context: process, may sleep.
 */
void cachefs_object_exit_io(struct cachefs_object *object)
{
	cancel_delayed_work_sync(&object->store_work);
	cachefs_stages_drop(object);
}
