/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_MM_H
#define _SHIM_LINUX_MM_H

#include <linux/mm_types.h>
#include <linux/slab.h>
#include <linux/string.h>

#define page_address(page)	((void *)(page)->bytes)
#define virt_to_page(p)		((struct page *)(p))
#define kmap_local_page(page)	page_address(page)
#define kunmap_local(p)		((void)(p))
#define flush_dcache_page(page)	((void)(page))
#define flush_dcache_folio(f)	((void)(f))
#define clear_highpage(page)	memset((page)->bytes, 0, PAGE_SIZE)
#define clear_page(p)		memset(p, 0, PAGE_SIZE)
#define copy_page(to, from)	memcpy(to, from, PAGE_SIZE)
#define memcpy_page(to, to_off, from, from_off, len) \
	memcpy((to)->bytes + (to_off), (from)->bytes + (from_off), len)
#define copy_highpage(to, from)	copy_page((to)->bytes, (from)->bytes)
#define memzero_page(page, at, n) memset((page)->bytes + (at), 0, n)

static inline void memcpy_to_page(struct page *page, size_t at,
				  const void *from, size_t n)
{
	memcpy(page->bytes + at, from, n);
}

static inline void memcpy_from_page(void *to, struct page *page, size_t at,
				    size_t n)
{
	memcpy(to, page->bytes + at, n);
}

extern unsigned long shim_ram_pages;
#define totalram_pages()	shim_ram_pages
extern long shim_ram_available;
#define si_mem_available()	READ_ONCE(shim_ram_available)

static inline struct page *alloc_page(gfp_t gfp)
{
	struct page *page = kmalloc(sizeof(*page), gfp);

	if (page)
		atomic_set(&page->refs, 1);
	return page;
}

static inline void put_page(struct page *page)
{
	if (atomic_dec_and_test(&page->refs))
		kfree(page);
}

static inline void get_page(struct page *page)
{
	atomic_inc(&page->refs);
}

#define __free_page(page)	put_page(page)

static inline unsigned int memalloc_nofs_save(void) { return 0; }
static inline unsigned int memalloc_noio_save(void) { return 0; }
static inline void memalloc_nofs_restore(unsigned int f) { (void)f; }
static inline void memalloc_noio_restore(unsigned int f) { (void)f; }

#endif
