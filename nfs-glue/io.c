// SPDX-License-Identifier: GPL-2.0
/*
 * Reads and copies of netfs.
 *
 * netfs decides for each folio whether to copy it to the cache.  On some kernels (6.12)
 * the slice that completes the folio decides, on others (7.3) any of its slices.  So
 * slices are cut at folios: if any block of a folio is missing, the whole folio comes
 * from the server.  A slice begins inside of a folio only if CIFS or 9p cuts the folio.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <trace/events/fscache.h>
#include "compat.h"
#include "glue.h"

/*
 * This answer tells netfs that a slice could not be read from the cache, so that
 * netfs asks the server.  It differs between kernels.  Every other answer becomes
 * the application's error.  A short count is never right.
 */
#if defined(CACHEFS_HAVE_MADE_PROGRESS) && !defined(CACHEFS_HAVE_PREV_DONATED)
#define CACHEFS_READ_FAILED	(-ENODATA)
#else
#define CACHEFS_READ_FAILED	0	/* nothing was transferred */
#endif

/* Longest store in one piece, bytes. */
#define CACHEFS_MAX_STORE	SZ_1M

#ifndef CACHEFS_HAVE_READ_ZERO_POINT
static loff_t netfs_read_zero_point(struct inode *inode)
{
	return netfs_inode(inode)->zero_point;
}
#endif

/* The operation, which is valid as long as netfs's operation is open. */
static struct cachefs_op *io_cres_op(struct netfs_cache_resources *cres)
{
	return cres->cache_priv2;
}

static bool io_copies_at_once(struct netfs_io_request *rreq)
{
	return test_bit(NETFS_RREQ_USE_PGPRIV2, &rreq->flags);
}

/*
 * Note if a local writer has changed the file.  Returns whether a read must not use the
 * cache for this reason.
 * FS-Cache does not tell of a truncation while the cookie is not in use, so this looks
 * at netfs's zero point.
 */
static bool io_note_local(struct netfs_io_request *rreq, struct cachefs_op *op,
			  loff_t i_size)
{
	struct cachefs_object *object = op->object;

	if (!io_copies_at_once(rreq) &&
	    netfs_read_zero_point(rreq->inode) < op->size)
		cachefs_object_local_write(object);
	return READ_ONCE(object->local_data) ||
		(!io_copies_at_once(rreq) && i_size != op->size);
}

/*
 * Whether a slice is of the operation's version.  @i_size is the size when the request
 * began.  The request may have begun before the operation.
 */
static bool io_of_version(struct cachefs_op *op, struct netfs_io_request *rreq,
			  loff_t i_size)
{
	return i_size == op->size && cachefs_op_of_inode(op, rreq->inode);
}

/*
 * Note the pages of a slice, or forget their notes if they will not be stored: nothing else
 * would.  Pages of the slice before may be among them.  Returns whether all have a note.
 */
static bool io_note_reads(struct cachefs_op *op, loff_t start, loff_t end, bool wanted)
{
	pgoff_t index, last = (end - 1) >> PAGE_SHIFT;

	for (index = start >> PAGE_SHIFT; index <= last; index++) {
		if (cachefs_note_read(op, index, wanted) || !wanted)
			continue;
		io_note_reads(op, start, end, false);
		return false;
	}
	return wanted;
}

/* Return why not all pages of a store were read in its generation, or NONE. */
static enum cachefs_reason io_noted_reads(struct cachefs_op *op, loff_t start,
					  size_t len)
{
	pgoff_t index, last = (start + len - 1) >> PAGE_SHIFT;
	enum cachefs_reason why = CACHEFS_WHY_NONE;

	/* No early end: the notes of all pages are forgotten. */
	for (index = start >> PAGE_SHIFT; index <= last; index++)
		why = cachefs_noted_read(op, index) ?: why;
	return why;
}

/* Find the begin and the end of the folio at @pos.  It is locked, or there is none. */
static void io_folio_range(struct address_space *mapping, loff_t pos,
			   loff_t *start, loff_t *end)
{
	struct folio *folio;

	*start = round_down(pos, PAGE_SIZE);
	*end = *start + PAGE_SIZE;
	rcu_read_lock();
	folio = xa_load(&mapping->i_pages, pos >> PAGE_SHIFT);
	if (folio && !xa_is_value(folio)) {
		*start = folio_pos(folio);
		*end = *start + folio_size(folio);
	}
	rcu_read_unlock();
}

static loff_t io_folio_start(struct address_space *mapping, loff_t pos)
{
	loff_t start, end;

	io_folio_range(mapping, pos, &start, &end);
	return start;
}

static loff_t io_folio_end(struct address_space *mapping, loff_t pos)
{
	loff_t start, end;

	io_folio_range(mapping, pos, &start, &end);
	return end;
}

/*
 * Whether NFS tells netfs where the file ends when a slice goes to the server.  NFS asks
 * for whole units of rsize.  If such units end at the end of the file, which is within a
 * page, the slice is never complete, and netfs asks for it again without end.
 */
static bool io_server_tells_end(const struct cachefs_op *op, const struct inode *inode)
{
	return !op->object->volume->nfs || cachefs_inode_rsize(inode) >= PAGE_SIZE;
}

/*
 * Cut a slice that goes to the server.  The slice ends at @end at the latest, and at the
 * length at which netfs would cut it, but between folios if there is a choice.  NFS reads
 * whole folios, with as many READs as each needs (nfs_netfs_issue_read() in
 * fs/nfs/fscache.c).  If a slice of NFS ended inside of a folio, the whole folio would be
 * read once more for the next slice.
 */
static void io_cut(struct netfs_io_subrequest *subreq, const struct cachefs_op *op,
		   loff_t end)
{
	struct netfs_io_stream *stream = &subreq->rreq->io_streams[0];
	struct netfs_io_request *rreq = subreq->rreq;
	bool nfs = op->object->volume->nfs;
	loff_t start = subreq->start, cut;
	size_t rsize;

	rsize = nfs ? cachefs_inode_rsize(rreq->inode) : stream->sreq_max_len;
	if (rsize && end - start > rsize) {
		cut = io_folio_start(rreq->mapping, start + rsize);
		if (cut <= start)
			cut = nfs ? io_folio_end(rreq->mapping, start) : start + rsize;
		end = min(end, cut);
	}
	subreq->len = end - start;
	/* So netfs does not cut the slice once more. */
	if (nfs)
		stream->sreq_max_len = max(rsize, subreq->len);
}

/* Count bytes that come from the server, and decide whether they will be stored. */
static bool io_judge(struct cachefs_op *op, struct netfs_io_request *rreq,
		     loff_t start, loff_t end, loff_t i_size)
{
	struct cachefs_cache *cache = cachefs_op_cache(op);
	enum cachefs_reason why = CACHEFS_WHY_NONE;
	size_t bytes = min(end, i_size) - start;
	u64 block = start >> CACHEFS_BLOCK_SHIFT;

	cachefs_count(cache, cachefs_op_volume(op), CACHEFS_STAT_MISS_BYTES, bytes);
	if (!io_of_version(op, rreq, i_size))
		why = CACHEFS_WHY_VERSION;
	else if (!cachefs_op_settled(op, rreq->inode))
		why = CACHEFS_WHY_RECENT;
	else
		return cachefs_op_store_wanted(op, block, bytes);
	cachefs_refuse(cache, &op->version, block, bytes, why);
	return false;
}

/*
 * Let a slice go to the server.  The file system may cut the slice afterwards (CIFS, for want
 * of credits), and netfs comes with the rest once more.  The rest was judged before.
 */
static void io_download(struct netfs_io_subrequest *subreq, struct cachefs_op *op,
			loff_t end, loff_t i_size)
{
	struct netfs_io_request *rreq = subreq->rreq;
	loff_t start = subreq->start, fresh;

	io_cut(subreq, op, end);
	end = start + subreq->len;
	if (!op->asked && !op->mixed)
		op->asked = ktime_get_ns();
	fresh = clamp(op->judged, start, end);
	if (fresh < min(end, i_size))
		op->storing = io_judge(op, rreq, fresh, end, i_size) &&
			(fresh == start || op->storing);
	op->judged = end;
	if (!io_copies_at_once(rreq) && !io_note_reads(op, start, end, op->storing))
		op->storing = false;
	if (op->storing)
		__set_bit(NETFS_SREQ_COPY_TO_CACHE, &subreq->flags);
}

/* Return the end of a slice of cached blocks, which end at @run_end or later. */
static loff_t io_cached_end(const struct netfs_io_request *rreq, const struct cachefs_op *op,
			    loff_t run_end, loff_t data_end, loff_t end)
{
	/* At the end of the file the rest of the folio is zero. */
	if (run_end < data_end)
		return io_folio_start(rreq->mapping, run_end);
	if (io_server_tells_end(op, rreq->inode))
		return min(end, io_folio_end(rreq->mapping, data_end - 1));
	return io_folio_start(rreq->mapping, data_end);
}

static enum netfs_io_source io_prepare_read(struct netfs_io_subrequest *subreq,
					    unsigned long long i_size)
{
	struct netfs_io_request *rreq = subreq->rreq;
	struct cachefs_op *op = io_cres_op(&rreq->cache_resources);
	loff_t start = subreq->start, end = start + subreq->len;
	loff_t this_start, this_end, data_end;
	unsigned int run;
	bool cached;
	u64 blocks;

	op->i_size = i_size;
	if (!cachefs_object_check_name(op->object, rreq->inode)) {
		io_cut(subreq, op, end);
		cachefs_refuse(cachefs_op_cache(op), &op->version,
			       start >> CACHEFS_BLOCK_SHIFT, subreq->len,
			       CACHEFS_WHY_NO_NAME);
		op->storing = false;
		return NETFS_DOWNLOAD_FROM_SERVER;
	}
	if (io_note_local(rreq, op, i_size)) {
		io_cut(subreq, op, end);
		op->storing = false;
		return NETFS_DOWNLOAD_FROM_SERVER;
	}
	io_folio_range(rreq->mapping, start, &this_start, &this_end);
	if (start >= i_size) {
		/* This slice may complete the folio with the end of the file. */
		if (start > this_start && op->storing)
			__set_bit(NETFS_SREQ_COPY_TO_CACHE, &subreq->flags);
		return NETFS_FILL_WITH_ZEROES;
	}
	if (!io_of_version(op, rreq, i_size)) {
		io_download(subreq, op, end, i_size);
		return NETFS_DOWNLOAD_FROM_SERVER;
	}
	if (start > this_start) {
		io_download(subreq, op, min(end, this_end), i_size);
		return NETFS_DOWNLOAD_FROM_SERVER;
	}

	data_end = min_t(loff_t, end, i_size);
	blocks = DIV_ROUND_UP_ULL(data_end - start, CACHEFS_BLOCK_SIZE);
	run = cachefs_lookup(cachefs_op_cache(op), &op->version,
			     start >> CACHEFS_BLOCK_SHIFT,
			     min_t(u64, blocks, UINT_MAX), &cached);
	if (cached) {
		this_end = io_cached_end(rreq, op, start +
					 ((loff_t)run << CACHEFS_BLOCK_SHIFT), data_end, end);
		if (this_end > start) {
			subreq->len = this_end - start;
			return NETFS_READ_FROM_CACHE;
		}
		run = 1;
	}
	this_end = io_folio_end(rreq->mapping, start +
				((loff_t)run << CACHEFS_BLOCK_SHIFT) - 1);
	io_download(subreq, op, min(end, this_end), i_size);
	return NETFS_DOWNLOAD_FROM_SERVER;
}

/* Take the pages out of an iterator.  netfs keeps them until the slice has ended. */
static bool io_extract_pages(struct iov_iter *iter, struct page **pages,
			     unsigned int nr)
{
	while (nr) {
		struct page **to = pages;
		size_t offset;
		ssize_t got;

		got = iov_iter_extract_pages(iter, &to, iov_iter_count(iter),
					     nr, 0, &offset);
		if (got <= 0 || WARN_ON_ONCE(offset))
			return false;
		got = DIV_ROUND_UP(got, PAGE_SIZE);
		pages += got;
		nr -= got;
	}
	return true;
}

/* @priv is netfs's slice, because only netfs reads through these operations. */
static void io_read_failed(netfs_io_terminated_t term_func, void *priv)
{
#if defined(CACHEFS_HAVE_MADE_PROGRESS) && defined(CACHEFS_HAVE_PREV_DONATED)
	struct netfs_io_subrequest *subreq = priv;

	/* Without this flag netfs does not repeat a slice that transferred nothing. */
	set_bit(NETFS_SREQ_MADE_PROGRESS, &subreq->flags);
#endif
	cachefs_terminated(term_func, priv, CACHEFS_READ_FAILED);
}

/*
 * struct glue_read - A read of netfs.  One task sets it up, and its end frees it
 * @read: for the core
 * @op: the operation, which stays open until @term_func was called
 * @term_func: netfs's function for the end
 * @term_func_priv: its argument, the slice
 * @len: bytes that netfs wants
 * @data: how many of them are before the end of the file
 * @pages: all pages of the slice
 */
struct glue_read {
	struct cachefs_read	read;
	struct cachefs_op	*op;
	netfs_io_terminated_t	term_func;
	void			*term_func_priv;
	size_t			len;
	size_t			data;
	struct page		*pages[];
};

static void io_read_done(struct cachefs_read *core)
{
	struct glue_read *read = container_of(core, struct glue_read, read);

	if (!core->error) {
		cachefs_count(core->cache, cachefs_op_volume(read->op),
			      CACHEFS_STAT_HIT_BYTES, read->data);
		cachefs_terminated(read->term_func, read->term_func_priv,
				   read->len);
	} else {
		cachefs_count(core->cache, cachefs_op_volume(read->op),
			      CACHEFS_STAT_MISS_BYTES, read->data);
		io_read_failed(read->term_func, read->term_func_priv);
	}
	kfree(read);
}

static int io_read_cache(struct netfs_cache_resources *cres, loff_t start,
			 struct iov_iter *iter, enum netfs_read_from_hole hole,
			 netfs_io_terminated_t term_func, void *term_func_priv)
{
	struct cachefs_op *op = io_cres_op(cres);
	size_t len = iov_iter_count(iter);
	struct glue_read *read = NULL;
	unsigned int nr, i;

	/* netfs always reads asynchronously. */
	if (WARN_ON_ONCE(!term_func))
		return -EINVAL;
	nr = DIV_ROUND_UP(len, PAGE_SIZE);
	if (!((start | len) & ~PAGE_MASK) && start < op->i_size)
		read = kmalloc(struct_size(read, pages, nr), CACHEFS_GFP_MAYBE);
	if (!read || !io_extract_pages(iter, read->pages, nr)) {
		kfree(read);
		io_read_failed(term_func, term_func_priv);
		return 0;
	}
	/* The operation ends with its last slice, which may be one from the device. */
	op->asked = 0;
	op->mixed = true;
	read->op = op;
	read->term_func = term_func;
	read->term_func_priv = term_func_priv;
	read->len = len;
	read->data = min_t(loff_t, len, op->i_size - start);
	read->read.block = start >> CACHEFS_BLOCK_SHIFT;
	read->read.nr = DIV_ROUND_UP(read->data, CACHEFS_BLOCK_SIZE);
	read->read.pages = read->pages;
	read->read.done = io_read_done;
	for (i = read->read.nr; i < nr; i++)
		clear_highpage(read->pages[i]);
	cachefs_op_read(op, &read->read);
	return 0;
}

static void io_prepare_write_subreq(struct netfs_io_subrequest *subreq)
{
	struct netfs_io_stream *stream =
		&subreq->rreq->io_streams[subreq->stream_nr];

	stream->sreq_max_len = CACHEFS_MAX_STORE;
}

/*
 * struct io_store - A store of netfs.  One task sets it up, and its end frees it
 * @store: for the core, and its operation
 * @subreq: netfs's slice, until the store is released
 * @len: bytes of the slice
 * @nr_pages: number of @pages, which count as marked
 * @pages: all pages that are stored; the core may replace some
 */
struct io_store {
	struct cachefs_op_store		store;
	struct netfs_io_subrequest	*subreq;
	size_t				len;
	unsigned int			nr_pages;
	struct page			*pages[];
};

/*
 * netfs always hears that the store has worked, so that it clears the marks and goes
 * on with the next store.  netfs's operation may end then.
 */
static void io_store_release(struct cachefs_store *core)
{
	struct io_store *store = container_of(cachefs_op_stored(core),
					      struct io_store, store);

	cachefs_page_mark_release(core->cache, store->nr_pages);
	cachefs_terminated(netfs_write_subrequest_terminated, store->subreq,
			   store->len);
}

static void io_store_done(struct cachefs_store *core)
{
	kfree(container_of(core, struct io_store, store.store));
}

/* Whether a request writes only data that was read from the server. */
static bool io_writes_copies(struct netfs_io_request *rreq)
{
	switch (rreq->origin) {
	case NETFS_PGPRIV2_COPY_TO_CACHE:
		return true;
	case NETFS_WRITEBACK:
		/* netfs sets the flag before it adds the first folio with other data. */
		return !test_bit(NETFS_RREQ_UPLOAD_TO_SERVER, &rreq->flags);
	default:
		return false;
	}
}

static void io_issue_write(struct netfs_io_subrequest *subreq)
{
	struct cachefs_op *op = io_cres_op(&subreq->rreq->cache_resources);
	bool writeback = subreq->rreq->origin == NETFS_WRITEBACK;
	size_t len = subreq->len - subreq->transferred, bytes = len;
	struct cachefs_cache *cache = cachefs_op_cache(op);
	loff_t start = subreq->start + subreq->transferred;
	u64 block = start >> CACHEFS_BLOCK_SHIFT;
	struct io_store *store = NULL;
	enum cachefs_reason why;
	unsigned int nr, i;

	if (!io_writes_copies(subreq->rreq)) {
		/* The version that the server makes of the write is not known yet. */
		cachefs_object_local_write(op->object);
		why = CACHEFS_WHY_LOCAL_WRITER;
		goto refuse;
	}
	if (start + len > op->size)
		why = CACHEFS_WHY_BEYOND_EOF;
	else if (writeback)
		why = io_noted_reads(op, start, len) ?: cachefs_op_stale(op);
	else
		why = cachefs_op_refusal(op);
	if (why)
		goto refuse;
	/* Only whole blocks are stored, and the block in which the file ends. */
	if (start + len < op->size)
		bytes = round_down(len, CACHEFS_BLOCK_SIZE);
	why = CACHEFS_WHY_PART;
	if (start % CACHEFS_BLOCK_SIZE || !bytes)
		goto refuse;

	nr = DIV_ROUND_UP(bytes, PAGE_SIZE);
	store = kmalloc(struct_size(store, pages, nr), CACHEFS_GFP_MAYBE);
	why = CACHEFS_WHY_NO_MEMORY;
	if (!store || !io_extract_pages(&subreq->io_iter, store->pages, nr))
		goto refuse;
	if (bytes < len)
		cachefs_refuse(cache, &op->version,
			       block + (bytes >> CACHEFS_BLOCK_SHIFT),
			       len - bytes, CACHEFS_WHY_PART);
	for (i = 0; i < nr; i++)
		cachefs_page_mark_adopt(cache, store->pages[i]);
	store->subreq = subreq;
	store->len = len;
	store->nr_pages = nr;
	store->store.op = op;
	store->store.store.block = block;
	store->store.store.bytes = bytes;
	store->store.store.pages = store->pages;
	/* Writeback comes with more at once than may be in flight. */
	store->store.store.may_wait = writeback;
	store->store.store.release = io_store_release;
	store->store.store.done = io_store_done;
	cachefs_op_store(&store->store);
	return;

refuse:
	kfree(store);
	cachefs_refuse(cache, &op->version, block, len, why);
	cachefs_terminated(netfs_write_subrequest_terminated, subreq, len);
}

/* Writes that are not netfs's copies come from a local writer. */
static int io_prepare_write(struct netfs_cache_resources *cres, loff_t *start,
			    size_t *len, size_t upper_len, loff_t i_size,
			    bool no_space_allocated_yet)
{
	cachefs_object_local_write(io_cres_op(cres)->object);
	return -ENOBUFS;
}

static int io_write_cache(struct netfs_cache_resources *cres, loff_t start,
			  struct iov_iter *iter, netfs_io_terminated_t term_func,
			  void *term_func_priv)
{
	cachefs_object_local_write(io_cres_op(cres)->object);
	if (term_func)
		cachefs_terminated(term_func, term_func_priv, -ENOBUFS);
	return -ENOBUFS;
}

/* Only file systems that keep data which no server has use this. */
static int io_query_occupancy(struct netfs_cache_resources *cres, loff_t start,
			      size_t len, size_t granularity, loff_t *data_start,
			      size_t *data_len)
{
	return -ENOBUFS;
}

static void io_end_operation(struct netfs_cache_resources *cres)
{
	cachefs_op_free(io_cres_op(cres));
	cres->cache_priv2 = NULL;
	cachefs_end_access(fscache_cres_cookie(cres));
}

static const struct netfs_cache_ops netfs_ops = {
	.end_operation		= io_end_operation,
	.read			= io_read_cache,
	.write			= io_write_cache,
	.issue_write		= io_issue_write,
	.prepare_read		= io_prepare_read,
	.prepare_write_subreq	= io_prepare_write_subreq,
	.prepare_write		= io_prepare_write,
	.query_occupancy	= io_query_occupancy,
};

/**
 * cachefs_begin_operation - fscache_cache_ops::begin_operation
 * @cres: where the operation goes
 * @want_state: ignored
 *
 * Context: process, may sleep.
 * Return: %false without memory.
 */
bool cachefs_begin_operation(struct netfs_cache_resources *cres,
			     enum fscache_want_state want_state)
{
	struct cachefs_object *object = cachefs_cres_object(cres);

	if (!cres->cache_priv2)
		cres->cache_priv2 = cachefs_op_new(object);
	if (!cres->cache_priv2) {
		/* The operation might write.  Operations of NFS do not. */
		if (!object->volume->nfs)
			cachefs_object_local_write(object);
		return false;
	}
	cres->ops = &netfs_ops;
	return true;
}
