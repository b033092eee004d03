// SPDX-License-Identifier: GPL-2.0
/*
 * FS-Cache's volumes and cookies.
 *
 * This file decides which version of a file an operation is about.  FS-Cache
 * changes a cookie's coherency data and increments its invalidation counter
 * without a call to the backend, or with a late one.  So the backend samples the
 * cookie when an operation begins, and again before a store is published.  Each
 * change that a sample shows begins a new generation of the object.  An operation
 * belongs to the generation in which it began.  Data that was requested before a
 * change is never stored as the data after that change:
 * Where the read that feeds a store is always open when the store begins, stores
 * are only taken while no operation of an older generation is open.  Elsewhere
 * the generation of the read is noted, by page, until the page is stored.
 *
 * An invalidation that leaves the coherency data and the size as they were begins
 * a new generation of the same version.  What is cached of that version stays
 * valid: inode.c lets nobody use a version that NFS itself has doubts about, and
 * has nothing stored of a version that a later change might not show in.
 *
 * NFS has a cookie disabled while the file is open for writing, and the cookie's
 * coherency data always is what the server said.  Other file systems write
 * through the cache, and may leave the coherency data behind what they know.  A
 * file of theirs that was written to here, truncated or invalidated is not
 * cached until it has a new cookie, which it gets with a new inode.
 */
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <trace/events/cachefs.h>
#include <trace/events/fscache.h>
#include "../fscache/device.h"
#include "glue.h"

#define CACHEFS_FSCACHE_NAME	"cachefs"

static struct cachefs_cache *object_cache(struct cachefs_object *object)
{
	return object->volume->glue->cache;
}

static void object_trace(struct cachefs_object *object,
			 enum cachefs_object_event what)
{
	trace_cachefs_object(object->cookie->debug_id, object->version.id,
			     object->generation, object->size, what);
}

static const u8 *cookie_aux(struct fscache_cookie *cookie)
{
	return cookie->aux_len <= sizeof(cookie->inline_aux) ?
		cookie->inline_aux : cookie->aux;
}

/*
 * See whether the cookie says what it said last time, and if not, begin a new
 * generation.
 */
static void object_sample(struct cachefs_object *object, bool first)
{
	struct fscache_cookie *cookie = object->cookie;
	const char *identity = object->volume->identity;
	struct cachefs_version version;
	u8 aux[CACHEFS_MAX_AUX];
	unsigned int handled, aux_len;
	loff_t size;
	bool same;

	lockdep_assert_held(&object->sample_mutex);

	/*
	 * FS-Cache changes all three under this lock, but for the last close of a
	 * file: what is seen of that in the midst of it agrees with no inode.
	 */
	spin_lock(&cookie->lock);
	handled = cookie->inval_counter;
	size = cookie->object_size;
	aux_len = cookie->aux_len;
	memcpy(aux, cookie_aux(cookie), aux_len);
	spin_unlock(&cookie->lock);

	same = !first && size == object->size && aux_len == object->aux_len &&
		!memcmp(aux, object->aux, aux_len);
	if (same && handled == object->handled)
		return;

	cachefs_version_id(object_cache(object), version.id, identity,
			   strlen(identity), fscache_get_key(cookie),
			   cookie->key_len, aux, aux_len, size);
	if (handled && !object->volume->nfs)
		cachefs_object_local_write(object);

	spin_lock(&object->lock);
	object->handled = handled;
	object->aux_len = aux_len;
	memcpy(object->aux, aux, aux_len);
	object->version = version;
	object->size = size;
	object->generation++;
	object->nr_old += object->nr_current;
	object->nr_current = 0;
	spin_unlock(&object->lock);
	if (!first)
		object_trace(object, same ? CACHEFS_OBJECT_INVALIDATED :
			     CACHEFS_OBJECT_CHANGED);
	cachefs_forget_reads(object);
}

static void op_begin(struct cachefs_op *op)
{
	struct cachefs_object *object = op->object;

	lockdep_assert_held(&object->lock);
	op->version = object->version;
	op->size = object->size;
	op->i_size = object->size;
	op->generation = object->generation;
	op->invalidated = object->handled;
	op->timed = object->volume->nfs &&
		object->aux_len == sizeof(op->coherency);
	if (op->timed)
		memcpy(&op->coherency, object->aux, sizeof(op->coherency));
	object->nr_current++;
}

/*
 * Begin an operation if the cookie says what it said last time.  This is on the
 * way of each page where NFS comes page by page, from several tasks: no mutex.
 * Whoever samples something else shows it all at once, under the object's lock.
 */
static bool op_begin_unchanged(struct cachefs_op *op)
{
	struct cachefs_object *object = op->object;
	struct fscache_cookie *cookie = object->cookie;
	bool same;

	spin_lock(&cookie->lock);
	spin_lock(&object->lock);
	same = cookie->inval_counter == object->handled &&
		cookie->object_size == object->size &&
		cookie->aux_len == object->aux_len &&
		!memcmp(cookie_aux(cookie), object->aux, object->aux_len);
	if (same)
		op_begin(op);
	spin_unlock(&object->lock);
	spin_unlock(&cookie->lock);
	return same;
}

/**
 * cachefs_op_init - Begin an operation
 * @op: the operation, to be ended with cachefs_op_exit()
 * @object: on this object
 *
 * Context: process, may sleep.
 */
void cachefs_op_init(struct cachefs_op *op, struct cachefs_object *object)
{
	memset(op, 0, sizeof(*op));
	op->object = object;
	if (op_begin_unchanged(op))
		return;
	mutex_lock(&object->sample_mutex);
	object_sample(object, false);
	spin_lock(&object->lock);
	op_begin(op);
	spin_unlock(&object->lock);
	mutex_unlock(&object->sample_mutex);
}

/**
 * cachefs_op_exit - End an operation
 * @op: the operation
 *
 * Context: any but interrupts.
 */
void cachefs_op_exit(struct cachefs_op *op)
{
	struct cachefs_object *object = op->object;

	if (op->asked)
		cachefs_server_answered(object_cache(object),
					ktime_get_ns() - op->asked);
	spin_lock(&object->lock);
	if (op->generation == object->generation)
		object->nr_current--;
	else
		object->nr_old--;
	spin_unlock(&object->lock);
}

/**
 * cachefs_op_new - Begin an operation that outlives its caller
 * @object: on this object
 *
 * Context: process, may sleep.
 * Return: the operation, or %NULL without memory.
 */
struct cachefs_op *cachefs_op_new(struct cachefs_object *object)
{
	struct cachefs_op *op = kmalloc(sizeof(*op), CACHEFS_GFP_MAYBE);

	if (op)
		cachefs_op_init(op, object);
	return op;
}

/**
 * cachefs_op_free - End an operation that cachefs_op_new() began
 * @op: freed
 *
 * Context: any but interrupts.
 */
void cachefs_op_free(struct cachefs_op *op)
{
	cachefs_op_exit(op);
	kfree(op);
}

/**
 * cachefs_op_stale - Is the file not any more what it was at an operation's begin?
 * @op: the operation
 *
 * Context: process, may sleep.
 * Return: why what the operation has must not be published, which is also so
 * when the file is open for writing now; or %CACHEFS_WHY_NONE.
 */
enum cachefs_reason cachefs_op_stale(struct cachefs_op *op)
{
	enum cachefs_reason why = CACHEFS_WHY_NONE;
	struct cachefs_object *object = op->object;

	mutex_lock(&object->sample_mutex);
	object_sample(object, false);
	spin_lock(&object->lock);
	if (object->local_data)
		why = CACHEFS_WHY_LOCAL_WRITER;
	else if (test_bit(FSCACHE_COOKIE_DISABLED, &object->cookie->flags))
		why = CACHEFS_WHY_OPEN_TO_WRITE;
	else if (op->generation != object->generation)
		why = CACHEFS_WHY_VERSION;
	spin_unlock(&object->lock);
	mutex_unlock(&object->sample_mutex);
	return why;
}

/**
 * cachefs_op_refusal - May what this operation has not be stored?
 * @op: the operation
 *
 * Context: process, may sleep.
 * Return: why not: it is stale, or an older operation is open whose data it might
 * be; or %CACHEFS_WHY_NONE.
 */
enum cachefs_reason cachefs_op_refusal(struct cachefs_op *op)
{
	enum cachefs_reason why = cachefs_op_stale(op);

	spin_lock(&op->object->lock);
	if (!why && op->object->nr_old)
		why = CACHEFS_WHY_OLDER_READ;
	spin_unlock(&op->object->lock);
	return why;
}

/**
 * cachefs_object_local_write - A local writer has changed the file
 * @object: not cached from here on, until it is closed and looked up again, or
 * until it has a new cookie; see the head of this file
 *
 * Context: any but interrupts.
 */
void cachefs_object_local_write(struct cachefs_object *object)
{
	spin_lock(&object->lock);
	object->local_data = true;
	spin_unlock(&object->lock);
	/* For the cookie's next object. */
	set_bit(FSCACHE_COOKIE_LOCAL_WRITE, &object->cookie->flags);
}

static bool lookup_cookie(struct fscache_cookie *cookie)
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
	cachefs_object_init_io(object);
	object->volume = volume;
	object->cookie = fscache_get_cookie(cookie,
					    fscache_cookie_get_attach_object);
	mutex_lock(&object->sample_mutex);
	object_sample(object, true);
	object_trace(object, CACHEFS_OBJECT_LOOKED_UP);
	mutex_unlock(&object->sample_mutex);
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

/* No operation is open: FS-Cache has waited for that. */
static void withdraw_cookie(struct fscache_cookie *cookie)
{
	struct cachefs_object *object = cookie->cache_priv;
	struct cachefs_glue *glue = object->volume->glue;
	struct fscache_cache *fscache = glue->fscache;

	cachefs_object_exit_io(object);
	object_trace(object, CACHEFS_OBJECT_WITHDRAWN);
	cachefs_forget_reads(object);
	/*
	 * FS-Cache takes a folio that waits to be copied to the cache for a local
	 * write.  What really was one has been seen, if nobody uses the cookie
	 * and it was not in use without a cache.
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
	/* Last: whoever detaches the cache waits for this. */
	fscache_uncount_object(fscache);
}

static bool invalidate_cookie(struct fscache_cookie *cookie)
{
	struct cachefs_object *object = cookie->cache_priv;

	mutex_lock(&object->sample_mutex);
	object_sample(object, false);
	mutex_unlock(&object->sample_mutex);
	fscache_resume_after_invalidation(cookie);
	return true;
}

/* The size is part of the version: the next sample will show it. */
static void resize_cookie(struct netfs_cache_resources *cres, loff_t new_size)
{
	struct fscache_cookie *cookie = fscache_cres_cookie(cres);

	cachefs_object_local_write(cookie->cache_priv);
	spin_lock(&cookie->lock);
	cookie->object_size = new_size;
	spin_unlock(&cookie->lock);
}

/*
 * Accesses whose end has not returned yet.  It may sleep, after the cache was told
 * that nobody needs it any more: what waits for returns through the module's text
 * (cachefs_exit()) does not see who sleeps there.
 */
static atomic_t accesses_ending;

/**
 * cachefs_end_access - End an access that kept a cookie's object
 * @cookie: the cookie; may be gone afterwards, and the cache, too
 *
 * FS-Cache looks at the cookie after it has let go of it, and counts on its owner to
 * keep it; NFS may be giving it up just then.
 *
 * Context: process.
 */
void cachefs_end_access(struct fscache_cookie *cookie)
{
	atomic_inc(&accesses_ending);
	fscache_get_cookie(cookie, fscache_cookie_get_attach_object);
	fscache_end_cookie_access(cookie, fscache_access_io_end);
	/* Of the last cookie of a volume this frees the volume, and sleeps. */
	fscache_put_cookie(cookie, fscache_cookie_put_object);
	if (atomic_dec_and_test(&accesses_ending))
		wake_up_var(&accesses_ending);
}

/**
 * cachefs_query_occupancy - netfs_cache_ops::query_occupancy
 * @cres: ignored, as all that follows
 * @start: ignored
 * @len: ignored
 * @granularity: ignored
 * @data_start: not set
 * @data_len: not set
 *
 * Asked by file systems that keep what no server has; not for us.
 *
 * Context: any.
 * Return: -ENOBUFS.
 */
int cachefs_query_occupancy(struct netfs_cache_resources *cres, loff_t start,
			    size_t len, size_t granularity, loff_t *data_start,
			    size_t *data_len)
{
	return -ENOBUFS;
}

static void prepare_to_write(struct fscache_cookie *cookie)
{
	/* Nothing has to be made ready: what is stored later is appended. */
}

static void acquire_volume(struct fscache_volume *vcookie)
{
	struct cachefs_glue *glue = vcookie->cache->cache_priv;
	struct cachefs_glue_volume *volume;

	volume = kzalloc(sizeof(*volume), GFP_KERNEL);
	if (!volume)
		return;
	volume->refusal = cachefs_volume_refusal_now(vcookie->key + 1);
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
	vcookie->cache_priv = volume;
	/* Keeps the count from reaching zero until we withdraw. */
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

/* Takes it off the list last: detaching waits for the list to be empty. */
static void volume_free(struct cachefs_glue_volume *volume)
{
	struct cachefs_glue *glue = volume->glue;

	volume->vcookie->cache_priv = NULL;
	cachefs_volume_remove(volume->volume);
	spin_lock(&glue->lock);
	list_del(&volume->link);
	spin_unlock(&glue->lock);
	kfree(volume->identity);
	kfree(volume);
}

static void free_volume(struct fscache_volume *vcookie)
{
	volume_free(vcookie->cache_priv);
}

const struct fscache_cache_ops cachefs_fscache_ops = {
	.name			= "cachefs",
	.acquire_volume		= acquire_volume,
	.free_volume		= free_volume,
	.lookup_cookie		= lookup_cookie,
	.withdraw_cookie	= withdraw_cookie,
	.invalidate_cookie	= invalidate_cookie,
	.resize_cookie		= resize_cookie,
	.begin_operation	= cachefs_begin_operation,
	.prepare_to_write	= prepare_to_write,
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
	ret = cachefs_glue_init_io(glue);
	if (ret)
		goto free;
	/* One constant name: a mount finds its way back after a detach. */
	glue->fscache = fscache_acquire_cache(CACHEFS_FSCACHE_NAME);
	if (IS_ERR(glue->fscache)) {
		ret = PTR_ERR(glue->fscache);
		goto exit_io;
	}
	ret = fscache_add_cache(glue->fscache, &cachefs_fscache_ops, glue);
	if (!ret)
		return glue;
	fscache_relinquish_cache(glue->fscache);
exit_io:
	cachefs_glue_exit_io(glue);
free:
	kfree(glue);
	return ERR_PTR(ret);
}

static void withdraw_volume_accesses(struct cachefs_glue *glue)
{
	struct cachefs_glue_volume *volume;
	struct fscache_volume *vcookie;

again:
	spin_lock(&glue->lock);
	list_for_each_entry(volume, &glue->volumes, link) {
		/* The count itself may go up and down for a moment. */
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

static void withdraw_objects(struct cachefs_glue *glue)
{
	struct cachefs_object *object;
	unsigned int nr = 0;

	spin_lock(&glue->lock);
	while (!list_empty(&glue->objects)) {
		object = list_first_entry(&glue->objects, struct cachefs_object,
					  link);
		list_del_init(&object->link);
		/* The lock keeps withdraw_cookie() from freeing it. */
		fscache_withdraw_cookie(object->cookie);
		/* There may be a million of them. */
		if (++nr % 64 == 0) {
			spin_unlock(&glue->lock);
			cond_resched();
			spin_lock(&glue->lock);
		}
	}
	spin_unlock(&glue->lock);
}

static void withdraw_volumes(struct cachefs_glue *glue)
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
			/* free_volume() has it, and takes it off the list. */
			cond_resched();
			continue;
		}
		volume_free(volume);
		fscache_put_volume(vcookie, fscache_volume_put_withdraw);
	}
	spin_unlock(&glue->lock);
}

/**
 * cachefs_glue_remove - Take a cache away from the network file systems
 * @glue: the binding; freed
 *
 * They go on without it.  The order is that of backend-api.rst: the cache, its
 * volumes' accesses, the cookies, the volumes.
 *
 * Context: process, may sleep as long as the device takes.
 */
void cachefs_glue_remove(struct cachefs_glue *glue)
{
	fscache_withdraw_cache(glue->fscache);
	withdraw_volume_accesses(glue);
	withdraw_objects(glue);
	fscache_wait_for_objects(glue->fscache);
	withdraw_volumes(glue);
	fscache_relinquish_cache(glue->fscache);
	/* What was read ahead of an object may outlive it. */
	cachefs_quiesce(glue->cache);
	wait_var_event(&accesses_ending, !atomic_read(&accesses_ending));
	cachefs_glue_exit_io(glue);
	kfree(glue);
}
