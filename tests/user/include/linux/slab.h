/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_SLAB_H
#define _SHIM_LINUX_SLAB_H

#include <linux/kernel.h>
#include <linux/types.h>

#define __GFP_ZERO	0x1u
#define __GFP_NOWARN	0x2u
#define __GFP_NOFAIL	0x4u
#define __GFP_NORETRY	0x8u
#define __GFP_RETRY_MAYFAIL 0x10u
#define __GFP_DIRECT_RECLAIM 0x20u
#define __GFP_HIGHMEM	0u
#define __GFP_ACCOUNT	0u
#define GFP_KERNEL	__GFP_DIRECT_RECLAIM
#define GFP_NOIO	__GFP_DIRECT_RECLAIM
#define GFP_NOFS	__GFP_DIRECT_RECLAIM
#define GFP_HIGHUSER	__GFP_DIRECT_RECLAIM
#define GFP_ATOMIC	0x40u
#define GFP_NOWAIT	0x80u

/* Every allocation goes through here: counted, and failed on demand. */
void *shim_alloc(size_t nr, size_t size, gfp_t gfp);
void *shim_realloc(const void *old, size_t size, gfp_t gfp);
void shim_free(const void *p);

#define kmalloc(size, gfp)		shim_alloc(1, size, gfp)
#define kzalloc(size, gfp)		shim_alloc(1, size, (gfp) | __GFP_ZERO)
#define kmalloc_array(n, size, gfp)	shim_alloc(n, size, gfp)
#define kcalloc(n, size, gfp)		shim_alloc(n, size, (gfp) | __GFP_ZERO)
#define krealloc(p, size, gfp)		shim_realloc(p, size, gfp)
#define kfree(p)			shim_free(p)
#define kfree_sensitive(p)		shim_free(p)
#define kvmalloc(size, gfp)		shim_alloc(1, size, gfp)
#define kvzalloc(size, gfp)		kzalloc(size, gfp)
#define kvmalloc_array(n, size, gfp)	shim_alloc(n, size, gfp)
#define kvcalloc(n, size, gfp)		kcalloc(n, size, gfp)
#define kvfree(p)			shim_free(p)
#define kvfree_sensitive(p, size)	shim_free(p)
#define vmalloc(size)			shim_alloc(1, size, GFP_KERNEL)
#define vzalloc(size)			kzalloc(size, GFP_KERNEL)
#define __vmalloc(size, gfp)		shim_alloc(1, size, gfp)
#define vfree(p)			shim_free(p)

char *kstrdup(const char *s, gfp_t gfp);
char *kstrndup(const char *s, size_t max, gfp_t gfp);
void *kmemdup(const void *p, size_t length, gfp_t gfp);

#endif
