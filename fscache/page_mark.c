// SPDX-License-Identifier: GPL-2.0
/*
 * The page mark: PG_private_2, set on a folio from the moment it is handed to
 * the cache until its blocks are on disk.
 *
 * One function for each step of the protocol in include/cachefs.h.  A folio is
 * marked as a whole and at most once.  The mark holds a reference to the folio.
 * So the folio is still there when the mark is cleared, even after a truncation.
 *
 * The bit and its waiters are the kernel's (mm/filemap.c).
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include "internal.h"

/**
 * cachefs_page_mark - Step 4: mark a folio that is about to be stored
 * @cache: the cache that will store it
 * @folio: locked, in the page cache, not marked, with all its data in place
 *
 * Call this before cachefs_store(), because the store may end at once.  Call it
 * before the folio is unlocked: the lock orders the mark before everything that
 * a reader or a write fault can do with the folio.  Takes a reference to the
 * folio, which cachefs_page_mark_end() drops.
 *
 * Context: any; the folio lock is held.
 */
void cachefs_page_mark(struct cachefs_cache *cache, struct folio *folio)
{
	WARN_ON_ONCE(!folio_test_locked(folio));
	WARN_ON_ONCE(folio_test_private_2(folio));

	cachefs_stat_add(cache, CACHEFS_STAT_PAGES_MARKED,
			 folio_nr_pages(folio));
	folio_get(folio);
	folio_set_private_2(folio);
}

/**
 * cachefs_page_mark_end - Step 7: clear the mark of a folio whose store is over
 * @cache: the cache given to cachefs_page_mark()
 * @folio: a folio marked by cachefs_page_mark()
 *
 * Clears the mark, wakes all tasks that wait for the mark, and drops the reference
 * that the mark held.  Call this for every marked folio, whether the store worked or
 * not.  The folio may have left the page cache meanwhile, and may be gone when
 * this function returns.
 *
 * Context: any, as folio_end_writeback(); takes no lock of the cache.
 */
void cachefs_page_mark_end(struct cachefs_cache *cache, struct folio *folio)
{
	/* Before a waiter is woken, so that the waiter finds the count reduced. */
	cachefs_page_mark_release(cache, folio_nr_pages(folio));
	folio_end_private_2(folio);
}

/**
 * cachefs_page_mark_adopt - Step 4 where netfs has marked the folio itself
 * @cache: the cache that will store it
 * @page: a page of a folio that must be marked
 *
 * fs/netfs sets PG_private_2 before it asks a cache to write, or PG_writeback if the
 * file system leaves the copy to writeback.  Write faults wait for either.  This
 * function checks that the page is marked, and counts it.  It counts pages and not
 * folios, because a store may have part of a large folio.
 *
 * Context: any.
 */
void cachefs_page_mark_adopt(struct cachefs_cache *cache, struct page *page)
{
	struct folio *folio = page_folio(page);

	WARN_ON_ONCE(!folio_test_private_2(folio) &&
		     !folio_test_writeback(folio));
	cachefs_stat_add(cache, CACHEFS_STAT_PAGES_MARKED, 1);
}

/**
 * cachefs_page_mark_release - Step 7 where netfs clears the mark itself
 * @cache: the cache given to cachefs_page_mark_adopt()
 * @nr: number of pages (not folios) that count as marked no longer
 *
 * Context: any.
 */
void cachefs_page_mark_release(struct cachefs_cache *cache, unsigned int nr)
{
	cachefs_stat_add(cache, CACHEFS_STAT_PAGES_MARKED, -(s64)nr);
}

/**
 * cachefs_page_marked - Whether a folio is being stored
 * @folio: any folio that the caller has a reference to
 *
 * For release_folio, which must not sleep under some allocation flags.
 *
 * Context: any.
 * Return: whether the mark is set.  Without the folio lock a %false may be out
 *	of date at once.
 */
bool cachefs_page_marked(struct folio *folio)
{
	return folio_test_private_2(folio);
}

/**
 * cachefs_page_wait - Wait until a folio is not being stored
 * @folio: any folio that the caller has a reference to
 *
 * For release_folio, invalidate_folio and migration: the page must not get another
 * user while the device reads the page.
 *
 * Context: may sleep, uninterruptibly; the folio lock may be held.
 */
void cachefs_page_wait(struct folio *folio)
{
	folio_wait_private_2(folio);
}

/**
 * cachefs_page_wait_killable - Wait until a folio is not being stored, or killed
 * @folio: any folio that the caller has a reference to
 *
 * Context: may sleep; the folio lock may be held.
 * Return: 0 when the mark is clear, %-EINTR when the mark is set but the task has a
 *	fatal signal.
 */
int cachefs_page_wait_killable(struct folio *folio)
{
	return folio_wait_private_2_killable(folio);
}

/**
 * cachefs_page_mkwrite - Wait in a write fault on a page that is being stored
 * @cache: for the count of faults that had to wait; %NULL: do not count
 * @vmf: as given to vm_operations_struct::page_mkwrite; the folio is unlocked
 *
 * A page_mkwrite calls this first.  Then it locks the folio and checks that the
 * folio still belongs to its file.  No new mark can appear in between: marks are
 * set on locked folios whose read has just ended, and this folio is mapped.
 * Waits for exactly this folio.
 *
 * A killed task gets %VM_FAULT_SIGBUS, which has no effect, because the task dies of its
 * SIGKILL.  After %VM_FAULT_RETRY, the answer of NFS, do_page_mkwrite() in mm/memory.c
 * makes the marked page writable, and a system call of the dying task could still write
 * to it.  After %VM_FAULT_NOPAGE that call would fault until the mark is clear.
 *
 * Context: may sleep; mmap lock or VMA lock held for reading.
 * Return: 0 when the page may be written to, %VM_FAULT_SIGBUS when the task has
 *	been killed while it waited.
 */
vm_fault_t cachefs_page_mkwrite(struct cachefs_cache *cache,
				struct vm_fault *vmf)
{
	struct folio *folio = page_folio(vmf->page);

	if (!cachefs_page_marked(folio))
		return 0;
	if (cache)
		cachefs_stat_add(cache, CACHEFS_STAT_MKWRITE_WAITS, 1);
	return cachefs_page_wait_killable(folio) ? VM_FAULT_SIGBUS : 0;
}
