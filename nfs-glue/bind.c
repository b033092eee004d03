// SPDX-License-Identifier: GPL-2.0
/*
 * The binding of a cache to FS-Cache, its volumes, and the withdrawal of all that.
 */
#include <linux/slab.h>
#include <trace/events/fscache.h>
#include "cachefs_glue.h"
#include "glue.h"

#define CACHEFS_FSCACHE_NAME	"cachefs"

static void bind_acquire_volume(struct fscache_volume *vcookie)
{
	struct cachefs_glue *glue = vcookie->cache->cache_priv;
	struct cachefs_glue_volume *volume;

	volume = kzalloc(sizeof(*volume), GFP_KERNEL);
	if (!volume)
		return;
	volume->refusal = cachefs_volume_refusal(vcookie->key + 1,
						 CACHEFS_PAGE_BY_PAGE);
	if (volume->refusal)
		volume->identity = kasprintf(GFP_KERNEL, "not cached: %s",
					     volume->refusal);
	else
		volume->identity =
			cachefs_volume_identity_now(vcookie->key + 1,
						    vcookie->coherency,
						    vcookie->coherency_len);
	if (!volume->identity)
		goto free;
	volume->nfs = !strncmp(volume->identity, "nfs,", 4);
	volume->volume = cachefs_volume_add(glue->cache, vcookie->key + 1,
					    volume->identity);
	if (!volume->volume)
		goto free;
	volume->glue = glue;
	volume->vcookie = vcookie;
	cachefs_policy_add(volume);
	vcookie->cache_priv = volume;
	/* Keeps the count above zero until the withdrawal. */
	atomic_inc(&vcookie->n_accesses);
	spin_lock(&glue->lock);
	list_add_tail(&volume->link, &glue->volumes);
	spin_unlock(&glue->lock);
	if (volume->refusal)
		pr_notice("%s: not cached: %s\n", vcookie->key + 1,
			  volume->refusal);
	return;

free:
	kfree(volume->identity);
	kfree(volume);
}

/* Takes the volume off the list last, because a detach waits until the list is empty. */
static void bind_free_volume(struct fscache_volume *vcookie)
{
	struct cachefs_glue_volume *volume = vcookie->cache_priv;
	struct cachefs_glue *glue = volume->glue;

	vcookie->cache_priv = NULL;
	cachefs_policy_remove(volume);
	cachefs_volume_remove(volume->volume);
	spin_lock(&glue->lock);
	list_del(&volume->link);
	spin_unlock(&glue->lock);
	kfree(volume->identity);
	kfree(volume);
}

/* Nothing has to be made ready: each store is appended. */
static void bind_prepare_to_write(struct fscache_cookie *cookie)
{
}

static const struct fscache_cache_ops bind_ops = {
	.name			= "cachefs",
	.acquire_volume		= bind_acquire_volume,
	.free_volume		= bind_free_volume,
	.lookup_cookie		= cachefs_cookie_lookup,
	.withdraw_cookie	= cachefs_cookie_withdraw,
	.invalidate_cookie	= cachefs_cookie_invalidate,
	.resize_cookie		= cachefs_cookie_resize,
	.begin_operation	= cachefs_begin_operation,
	.prepare_to_write	= bind_prepare_to_write,
};

/**
 * cachefs_glue_add - Offer a cache to the network file systems
 * @cache: attached
 *
 * Context: process, may sleep.
 * Return: the binding, or ERR_PTR: -EBUSY if FS-Cache has a cache of this name,
 * -ENOMEM.
 */
struct cachefs_glue *cachefs_glue_add(struct cachefs_cache *cache)
{
	struct cachefs_glue *glue;
	int ret;

	glue = kzalloc(sizeof(*glue), GFP_KERNEL);
	if (!glue)
		return ERR_PTR(-ENOMEM);
	glue->cache = cache;
	spin_lock_init(&glue->lock);
	INIT_LIST_HEAD(&glue->objects);
	INIT_LIST_HEAD(&glue->volumes);
	ret = CACHEFS_PAGE_BY_PAGE ? cachefs_glue_init_io(glue) : 0;
	if (ret)
		goto free;
	/* The name is constant, so that a mount finds its cache again after a detach. */
	glue->fscache = fscache_acquire_cache(CACHEFS_FSCACHE_NAME);
	if (IS_ERR(glue->fscache)) {
		ret = PTR_ERR(glue->fscache);
		goto exit_io;
	}
	ret = fscache_add_cache(glue->fscache, &bind_ops, glue);
	if (!ret)
		return glue;
	fscache_relinquish_cache(glue->fscache);
exit_io:
	if (CACHEFS_PAGE_BY_PAGE)
		cachefs_glue_exit_io(glue);
free:
	kfree(glue);
	return ERR_PTR(ret);
}

static void bind_withdraw_accesses(struct cachefs_glue *glue)
{
	struct cachefs_glue_volume *volume;
	struct fscache_volume *vcookie;

again:
	spin_lock(&glue->lock);
	list_for_each_entry(volume, &glue->volumes, link) {
		/* n_accesses does not tell: it may go up and down for a moment. */
		if (volume->withdrawn)
			continue;
		vcookie = fscache_try_get_volume(volume->vcookie,
						 fscache_volume_get_withdraw);
		if (!vcookie)
			continue;
		volume->withdrawn = true;
		spin_unlock(&glue->lock);
		fscache_withdraw_volume(vcookie);
		fscache_put_volume(vcookie, fscache_volume_put_withdraw);
		goto again;
	}
	spin_unlock(&glue->lock);
}

static void bind_withdraw_objects(struct cachefs_glue *glue)
{
	struct cachefs_object *object;
	unsigned int nr = 0;

	spin_lock(&glue->lock);
	while (!list_empty(&glue->objects)) {
		object = list_first_entry(&glue->objects, struct cachefs_object,
					  link);
		list_del_init(&object->link);
		/* The lock keeps cachefs_cookie_withdraw() from freeing the object. */
		fscache_withdraw_cookie(object->cookie);
		/* There may be a million objects. */
		if (++nr % 64 == 0) {
			spin_unlock(&glue->lock);
			cond_resched();
			spin_lock(&glue->lock);
		}
	}
	spin_unlock(&glue->lock);
}

static void bind_withdraw_volumes(struct cachefs_glue *glue)
{
	struct cachefs_glue_volume *volume;
	struct fscache_volume *vcookie;

	for (;;) {
		spin_lock(&glue->lock);
		volume = list_first_entry_or_null(&glue->volumes,
						  struct cachefs_glue_volume,
						  link);
		if (!volume)
			break;
		vcookie = fscache_try_get_volume(volume->vcookie,
						 fscache_volume_get_withdraw);
		spin_unlock(&glue->lock);
		if (!vcookie) {
			/* FS-Cache calls bind_free_volume(), which unlinks the volume. */
			cond_resched();
			continue;
		}
		bind_free_volume(vcookie);
		fscache_put_volume(vcookie, fscache_volume_put_withdraw);
	}
	spin_unlock(&glue->lock);
}

/**
 * cachefs_glue_remove - Take a cache away from the network file systems
 * @glue: the binding; freed
 *
 * The file systems go on without the cache.  The order is that of backend-api.rst: the
 * cache, its volumes' accesses, the cookies, the volumes.
 *
 * Context: process, may sleep as long as the device takes.
 */
void cachefs_glue_remove(struct cachefs_glue *glue)
{
	fscache_withdraw_cache(glue->fscache);
	bind_withdraw_accesses(glue);
	bind_withdraw_objects(glue);
	fscache_wait_for_objects(glue->fscache);
	bind_withdraw_volumes(glue);
	fscache_relinquish_cache(glue->fscache);
	/* Reads ahead of an object may end later than the object. */
	cachefs_quiesce(glue->cache);
	cachefs_end_access_wait();
	if (CACHEFS_PAGE_BY_PAGE)
		cachefs_glue_exit_io(glue);
	kfree(glue);
}
