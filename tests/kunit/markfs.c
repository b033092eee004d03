// SPDX-License-Identifier: GPL-2.0
/*
 * markfs: the smallest file system that is wired to the cache.
 *
 * It has one file.  A formula takes the place of a server.  markfs uses the cache as any
 * network file system would: by the steps of the protocol in include/cachefs.h alone.
 */
#include <linux/err.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include "markfs.h"

#define MARKFS_MAGIC	0x6d61726b

/* One folio on its way from or to the cache. */
struct markfs_io {
	struct markfs		*fs;
	struct folio		*folio;
	struct cachefs_read	read;
	struct cachefs_store	store;
	struct work_struct	work;
	struct page		*pages[MARKFS_FOLIO_PAGES];
};

static struct markfs *markfs_of(struct inode *inode)
{
	return inode->i_private;
}

/**
 * markfs_expect - Return the bytes that the server has at some place
 * @fs: the file
 * @pos: where, a multiple of 8
 *
 * Return: eight bytes.
 */
u64 markfs_expect(struct markfs *fs, loff_t pos)
{
	return (fs->pattern + pos) * 0x9e3779b97f4a7c15ULL;
}

static struct markfs_io *markfs_io_alloc(struct markfs *fs, struct folio *folio)
{
	struct markfs_io *io = kzalloc(sizeof(*io), GFP_NOFS);
	unsigned int i;

	if (!io)
		return NULL;
	io->fs = fs;
	io->folio = folio;
	for (i = 0; i < folio_nr_pages(folio); i++)
		io->pages[i] = folio_page(folio, i);
	return io;
}

/* The cache asks this before it publishes the blocks. */
static enum cachefs_reason markfs_still_valid(struct cachefs_store *store)
{
	struct markfs_io *io = container_of(store, struct markfs_io, store);

	return READ_ONCE(io->fs->modified) ? CACHEFS_WHY_LOCAL_WRITER :
					     CACHEFS_WHY_NONE;
}

/* Steps 6 and 7: the blocks are on disk, or will not get there. */
static void markfs_stored(struct cachefs_store *store)
{
	struct markfs_io *io = container_of(store, struct markfs_io, store);
	struct markfs *fs = io->fs;

	WRITE_ONCE(fs->store_error, store->error);
	cachefs_page_mark_end(store->cache, io->folio);
	kfree(io);
	atomic_inc(&fs->stored);
	/* Last: markfs_destroy() waits for it. */
	if (atomic_dec_and_test(&fs->in_flight))
		wake_up_var(&fs->in_flight);
}

/* Step 4: mark the folio and tell the cache to keep it. */
static void markfs_store(struct markfs *fs, struct folio *folio)
{
	size_t bytes = folio_size(folio);
	struct markfs_io *io;

	if (!cachefs_store_wanted(fs->cache, &fs->version, folio->index,
				  bytes)) {
		atomic_inc(&fs->refused);
		return;
	}
	io = markfs_io_alloc(fs, folio);
	if (!io)
		return;
	io->store.cache = fs->cache;
	io->store.version = fs->version;
	io->store.block = folio->index;
	io->store.bytes = bytes;
	io->store.pages = io->pages;
	io->store.still_valid = markfs_still_valid;
	io->store.done = markfs_stored;

	atomic_inc(&fs->in_flight);
	cachefs_page_mark(fs->cache, folio);
	cachefs_store(&io->store);
}

/* Steps 3 to 5: read from the server, have it stored, let the readers go on. */
static void markfs_read_server(struct markfs *fs, struct folio *folio)
{
	loff_t pos = folio_pos(folio);
	u64 *words = folio_address(folio);
	size_t i;

	atomic_inc(&fs->server_reads);
	for (i = 0; i < folio_size(folio) / sizeof(u64); i++)
		words[i] = markfs_expect(fs, pos + i * sizeof(u64));

	markfs_store(fs, folio);
	folio_mark_uptodate(folio);
	folio_unlock(folio);
}

static void markfs_read_missed(struct work_struct *work)
{
	struct markfs_io *io = container_of(work, struct markfs_io, work);

	markfs_read_server(io->fs, io->folio);
	kfree(io);
}

/* Runs in any context, so a work item does the rest. */
static void markfs_read_done(struct cachefs_read *read)
{
	struct markfs_io *io = container_of(read, struct markfs_io, read);
	struct folio *folio = io->folio;

	if (read->error) {
		atomic_inc(&io->fs->cache_misses);
		INIT_WORK(&io->work, markfs_read_missed);
		schedule_work(&io->work);
		return;
	}
	atomic_inc(&io->fs->cache_reads);
	kfree(io);
	folio_mark_uptodate(folio);
	folio_unlock(folio);
}

/* Steps 1 and 2: consult the cache. */
static int markfs_read_folio(struct file *file, struct folio *folio)
{
	struct markfs *fs = markfs_of(folio->mapping->host);
	unsigned int nr = folio_nr_pages(folio);
	struct markfs_io *io;
	bool cached;

	if (cachefs_lookup(fs->cache, &fs->version, folio->index, nr,
			   &cached) < nr || !cached)
		goto server;
	io = markfs_io_alloc(fs, folio);
	if (!io)
		goto server;
	io->read.cache = fs->cache;
	io->read.version = fs->version;
	io->read.block = folio->index;
	io->read.nr = nr;
	io->read.pages = io->pages;
	io->read.done = markfs_read_done;
	cachefs_read(&io->read);
	return 0;
server:
	markfs_read_server(fs, folio);
	return 0;
}

/* Reclaim and invalidation do not get a page that is being stored. */
static bool markfs_release_folio(struct folio *folio, gfp_t gfp)
{
	if (cachefs_page_marked(folio)) {
		if (current_is_kswapd() || !(gfp & __GFP_FS))
			return false;
		cachefs_page_wait(folio);
	}
	return true;
}

static void markfs_invalidate_folio(struct folio *folio, size_t offset,
				    size_t length)
{
	cachefs_page_wait(folio);
}

static const struct address_space_operations markfs_aops = {
	.read_folio		= markfs_read_folio,
	.release_folio		= markfs_release_folio,
	.invalidate_folio	= markfs_invalidate_folio,
	.dirty_folio		= noop_dirty_folio,
};

/* Handle a write fault as cachefs_page_mkwrite() says. */
static vm_fault_t markfs_page_mkwrite(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct folio *folio = page_folio(vmf->page);
	struct markfs *fs = markfs_of(inode);
	vm_fault_t ret;

	sb_start_pagefault(inode->i_sb);
	atomic_inc(&fs->faults);
	ret = cachefs_page_mkwrite(fs->cache, vmf);
	if (ret)
		goto out;

	folio_lock(folio);
	ret = VM_FAULT_LOCKED;
	if (folio->mapping != inode->i_mapping) {
		folio_unlock(folio);
		ret = VM_FAULT_NOPAGE;
	}
out:
	atomic_inc(&fs->faulted);
	sb_end_pagefault(inode->i_sb);
	return ret;
}

static const struct vm_operations_struct markfs_vm_ops = {
	.fault		= filemap_fault,
	.page_mkwrite	= markfs_page_mkwrite,
};

static int markfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &markfs_vm_ops;
	return 0;
}

static const struct file_operations markfs_fops = {
	.read_iter	= generic_file_read_iter,
	.mmap		= markfs_mmap,
};

static int markfs_init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, MARKFS_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type markfs_type = {
	.name			= "markfs",
	.init_fs_context	= markfs_init_fs_context,
	.kill_sb		= kill_anon_super,
};

/**
 * markfs_create - Make a file
 * @cache: the cache that stores its pages
 * @name: its name in the cache, which no other file has
 * @pages: its size
 * @order: of its folios
 *
 * Return: the file, open, or %NULL.
 */
struct markfs *markfs_create(struct cachefs_cache *cache, const char *name,
			     u64 pages, unsigned int order)
{
	struct markfs *fs = kzalloc(sizeof(*fs), GFP_KERNEL);
	struct inode *inode;

	if (!fs)
		return NULL;
	fs->cache = cache;
	fs->pattern = pages;
	cachefs_version_id(cache, fs->version.id, "markfs", 6, name,
			   strlen(name), &fs->pattern, sizeof(fs->pattern),
			   pages << PAGE_SHIFT);

	fs->mount = kern_mount(&markfs_type);
	if (IS_ERR(fs->mount))
		goto no_mount;
	inode = new_inode(fs->mount->mnt_sb);
	if (!inode)
		goto no_inode;
	inode->i_mode = S_IFREG | 0600;
	inode->i_private = fs;
	inode->i_mapping->a_ops = &markfs_aops;
	i_size_write(inode, pages << PAGE_SHIFT);
	if (order)
		mapping_set_folio_min_order(inode->i_mapping, order);
	fs->file = alloc_file_pseudo(inode, fs->mount, name, O_RDWR,
				     &markfs_fops);
	if (IS_ERR(fs->file))
		goto no_file;
	return fs;
no_file:
	iput(inode);
no_inode:
	kern_unmount(fs->mount);
no_mount:
	kfree(fs);
	return NULL;
}

/* Clear the marks that are left, because nobody else will.  Returns their number. */
static unsigned int markfs_clear_marks(struct markfs *fs)
{
	pgoff_t index, end = i_size_read(file_inode(fs->file)) >> PAGE_SHIFT;
	unsigned int left = 0;
	struct folio *folio;

	for (index = 0; index < end; index++) {
		folio = markfs_folio(fs, index);
		if (!folio)
			continue;
		if (cachefs_page_marked(folio)) {
			left++;
			cachefs_page_mark_end(fs->cache, folio);
		}
		folio_put(folio);
	}
	return left;
}

/**
 * markfs_destroy - Close and forget the file
 * @fs: the file; nobody uses it, but stores may be under way
 *
 * Return: the number of folios that were marked although no store was under way, or of
 *	stores that have not ended within 20 seconds; 0 is right.
 */
unsigned int markfs_destroy(struct markfs *fs)
{
	unsigned int left;

	if (!wait_var_event_timeout(&fs->in_flight,
				    !atomic_read(&fs->in_flight), 20 * HZ))
		return atomic_read(&fs->in_flight);
	left = markfs_clear_marks(fs);
	truncate_inode_pages(fs->file->f_mapping, 0);
	fput(fs->file);
	kern_unmount(fs->mount);
	kfree(fs);
	return left;
}

/**
 * markfs_folio - Look a folio up in the page cache
 * @fs: the file
 * @index: its first page
 *
 * Return: the folio, with a reference for the caller, or %NULL.
 */
struct folio *markfs_folio(struct markfs *fs, pgoff_t index)
{
	struct folio *folio = filemap_get_folio(fs->file->f_mapping, index);

	return IS_ERR(folio) ? NULL : folio;
}
