// SPDX-License-Identifier: GPL-2.0
/*
 * The calls from FS-Cache to the backend about a cookie.
 */
#include <linux/slab.h>
#include <trace/events/cachefs.h>
#include <trace/events/fscache.h>
#include "glue.h"

/**
 * cachefs_cookie_lookup - fscache_cache_ops::lookup_cookie
 * @cookie: it gets an object
 *
 * Context: process, may sleep.
 * Return: whether the cookie has an object now.
 */
bool cachefs_cookie_lookup(struct fscache_cookie *cookie)
{
	struct cachefs_glue_volume *volume = cookie->volume->cache_priv;
	struct cachefs_glue *glue = volume->glue;
	struct cachefs_object *object;

	if (volume->refusal) {
		fscache_caching_failed(cookie);
		return false;
	}
	object = kzalloc(sizeof(*object), GFP_KERNEL);
	if (!object)
		return false;
	mutex_init(&object->sample_mutex);
	spin_lock_init(&object->lock);
	xa_init(&object->reads);
	if (CACHEFS_PAGE_BY_PAGE)
		cachefs_object_init_io(object);
	object->volume = volume;
	object->cookie = fscache_get_cookie(cookie,
					    fscache_cookie_get_attach_object);
	cachefs_object_sample(object, true);
	trace_cachefs_object(cookie->debug_id, object->version.id,
			     object->generation, object->size,
			     CACHEFS_OBJECT_LOOKED_UP);
	if (!volume->nfs &&
	    test_bit(FSCACHE_COOKIE_LOCAL_WRITE, &cookie->flags))
		cachefs_object_local_write(object);

	fscache_count_object(glue->fscache);
	cachefs_count_object(glue->cache, 1);
	cookie->cache_priv = object;
	spin_lock(&glue->lock);
	list_add_tail(&object->link, &glue->objects);
	spin_unlock(&glue->lock);
	return true;
}

/**
 * cachefs_cookie_withdraw - fscache_cache_ops::withdraw_cookie
 * @cookie: it loses its object; no operation is open, FS-Cache has waited for that
 *
 * Context: process, may sleep.
 */
void cachefs_cookie_withdraw(struct fscache_cookie *cookie)
{
	struct cachefs_object *object = cookie->cache_priv;
	struct cachefs_glue *glue = object->volume->glue;
	struct fscache_cache *fscache = glue->fscache;

	if (CACHEFS_PAGE_BY_PAGE)
		cachefs_object_exit_io(object);
	trace_cachefs_object(cookie->debug_id, object->version.id,
			     object->generation, object->size,
			     CACHEFS_OBJECT_WITHDRAWN);
	cachefs_forget_reads(object);
	/*
	 * FS-Cache takes a folio that waits to be copied to the cache for a local
	 * write.  A real local write has set local_data, if nobody uses the cookie
	 * and the cookie was not in use without a cache.
	 */
	if (!object->local_data && !atomic_read_acquire(&cookie->n_active) &&
	    READ_ONCE(fscache->state) == FSCACHE_CACHE_IS_ACTIVE)
		clear_bit(FSCACHE_COOKIE_LOCAL_WRITE, &cookie->flags);
	spin_lock(&glue->lock);
	list_del(&object->link);
	spin_unlock(&glue->lock);
	cookie->cache_priv = NULL;
	cachefs_count_object(glue->cache, -1);
	kfree(object);
	fscache_put_cookie(cookie, fscache_cookie_put_object);
	/* Last, because a detach waits for this. */
	fscache_uncount_object(fscache);
}

/**
 * cachefs_cookie_invalidate - fscache_cache_ops::invalidate_cookie
 * @cookie: its invalidation counter has changed
 *
 * Context: process, may sleep.
 * Return: %true.
 */
bool cachefs_cookie_invalidate(struct fscache_cookie *cookie)
{
	cachefs_object_sample(cookie->cache_priv, false);
	fscache_resume_after_invalidation(cookie);
	return true;
}

/**
 * cachefs_cookie_resize - fscache_cache_ops::resize_cookie
 * @cres: of an operation on the cookie
 * @new_size: of the file, bytes; it is part of the version, and the next sample shows it
 *
 * Context: process.
 */
void cachefs_cookie_resize(struct netfs_cache_resources *cres, loff_t new_size)
{
	struct fscache_cookie *cookie = fscache_cres_cookie(cres);

	cachefs_object_local_write(cookie->cache_priv);
	spin_lock(&cookie->lock);
	cookie->object_size = new_size;
	spin_unlock(&cookie->lock);
}
