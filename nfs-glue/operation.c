// SPDX-License-Identifier: GPL-2.0
/*
 * Operations, versions and generations, see design.rst.
 *
 * FS-Cache changes a cookie without a call to the backend, or with a late one.  So the
 * backend samples the cookie when an operation begins, and compares again before a
 * store is published.  Each change that a sample shows begins a new generation of the
 * object.  An operation belongs to the generation in which it began.  Data that was
 * requested before a change is never stored as the data after that change.
 *
 * NFS disables a cookie while the file is open for writing, and the cookie's coherency
 * data comes from the server.  Other file systems write through the cache, and may leave
 * old coherency data in the cookie.  If such a file was written to here, truncated or
 * invalidated, it is not cached until it has a new cookie.
 */
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <trace/events/cachefs.h>
#include <trace/events/fscache.h>
#include "glue.h"

static const u8 *op_cookie_aux(struct fscache_cookie *cookie)
{
	return cookie->aux_len <= sizeof(cookie->inline_aux) ?
		cookie->inline_aux : cookie->aux;
}

/* Whether the cookie says what it said at the last sample. */
static bool op_cookie_same(struct cachefs_object *object)
{
	struct fscache_cookie *cookie = object->cookie;

	lockdep_assert_held(&cookie->lock);
	lockdep_assert_held(&object->lock);
	return cookie->inval_counter == object->handled &&
		cookie->object_size == object->size &&
		cookie->aux_len == object->aux_len &&
		!memcmp(op_cookie_aux(cookie), object->aux, object->aux_len);
}

/* All operations that are open are of an older generation now. */
static void op_new_generation(struct cachefs_object *object)
{
	lockdep_assert_held(&object->lock);
	object->generation++;
	object->nr_old += object->nr_current;
	object->nr_current = 0;
}

/**
 * cachefs_object_sample - Begin a new generation if the cookie has changed
 * @object: the object
 * @first: the object has no version yet
 *
 * Only this function acts on a change.  cachefs_op_stale() only compares.
 *
 * Context: process, may sleep.
 */
void cachefs_object_sample(struct cachefs_object *object, bool first)
{
	struct fscache_cookie *cookie = object->cookie;
	const char *identity = object->volume->identity;
	struct cachefs_version version;
	u8 aux[CACHEFS_MAX_AUX];
	unsigned int handled, aux_len;
	loff_t size;
	bool same;

	mutex_lock(&object->sample_mutex);
	/*
	 * FS-Cache changes all three under this lock, except at a close of the file.  A
	 * sample in the middle of a close agrees with no inode.
	 */
	spin_lock(&cookie->lock);
	handled = cookie->inval_counter;
	size = cookie->object_size;
	aux_len = cookie->aux_len;
	memcpy(aux, op_cookie_aux(cookie), aux_len);
	spin_unlock(&cookie->lock);

	same = !first && size == object->size && aux_len == object->aux_len &&
		!memcmp(aux, object->aux, aux_len);
	if (same && handled == object->handled)
		goto out;

	cachefs_version_id(object->volume->glue->cache, version.id, identity,
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
	op_new_generation(object);
	spin_unlock(&object->lock);
	if (!first)
		trace_cachefs_object(cookie->debug_id, version.id,
				     object->generation, size,
				     same ? CACHEFS_OBJECT_INVALIDATED :
				     CACHEFS_OBJECT_CHANGED);
	cachefs_forget_reads(object);
out:
	mutex_unlock(&object->sample_mutex);
}

/**
 * cachefs_object_renew - Refuse to store data that is being read or stored now
 * @object: it gets a new generation of the same version
 *
 * Context: process, may sleep.
 */
void cachefs_object_renew(struct cachefs_object *object)
{
	spin_lock(&object->lock);
	op_new_generation(object);
	spin_unlock(&object->lock);
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
 * Begin an operation if the cookie says the same as at the last sample.  If NFS comes
 * page by page, several tasks call this for each page, so it takes no mutex.  A new
 * sample is put into the object as a whole, under the object's lock.
 */
static bool op_begin_unchanged(struct cachefs_op *op)
{
	struct cachefs_object *object = op->object;
	struct fscache_cookie *cookie = object->cookie;
	bool same;

	spin_lock(&cookie->lock);
	spin_lock(&object->lock);
	same = op_cookie_same(object);
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
	cachefs_object_sample(object, false);
	spin_lock(&object->lock);
	op_begin(op);
	spin_unlock(&object->lock);
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
		cachefs_server_answered(object->volume->glue->cache,
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

/* Return why an operation is stale.  The locks keep cookie and object as they are. */
static enum cachefs_reason op_compare(struct cachefs_op *op)
{
	struct cachefs_object *object = op->object;

	if (object->local_data)
		return CACHEFS_WHY_LOCAL_WRITER;
	if (test_bit(FSCACHE_COOKIE_DISABLED, &object->cookie->flags))
		return CACHEFS_WHY_OPEN_TO_WRITE;
	if (op->generation != object->generation || !op_cookie_same(object))
		return CACHEFS_WHY_VERSION;
	return CACHEFS_WHY_NONE;
}

static enum cachefs_reason op_ask(struct cachefs_op *op, bool only_reader)
{
	struct cachefs_object *object = op->object;
	enum cachefs_reason why;

	spin_lock(&object->cookie->lock);
	spin_lock(&object->lock);
	why = op_compare(op);
	if (!why && only_reader && object->nr_old)
		why = CACHEFS_WHY_OLDER_READ;
	spin_unlock(&object->lock);
	spin_unlock(&object->cookie->lock);
	return why;
}

/**
 * cachefs_op_stale - Whether the file has changed since an operation began
 * @op: the operation
 *
 * This only compares.  The next operation that begins acts on a change, see
 * cachefs_object_sample().
 *
 * Context: any but interrupts.
 * Return: why the data of the operation must not be published, or %CACHEFS_WHY_NONE.
 * A file that is open for writing now is such a reason, too.
 */
enum cachefs_reason cachefs_op_stale(struct cachefs_op *op)
{
	return op_ask(op, false);
}

/**
 * cachefs_op_refusal - Why the data of an operation must not be stored
 * @op: the operation
 *
 * Context: any but interrupts.
 * Return: the reason, or %CACHEFS_WHY_NONE.  The operation is stale, or the data may be
 * that of an older operation that is open.
 */
enum cachefs_reason cachefs_op_refusal(struct cachefs_op *op)
{
	return op_ask(op, true);
}

/**
 * cachefs_op_read - Read blocks of the version of an operation
 * @op: the operation
 * @read: the caller has set block, nr, pages and done
 *
 * Context: process, may sleep.
 */
void cachefs_op_read(struct cachefs_op *op, struct cachefs_read *read)
{
	read->cache = cachefs_op_cache(op);
	read->version = op->version;
	fscache_count_read();
	cachefs_read(read);
}

static enum cachefs_reason op_still_valid(struct cachefs_store *core)
{
	return cachefs_op_stale(container_of(core, struct cachefs_op_store,
					     store)->op);
}

/**
 * cachefs_op_store_wanted - Whether data that is read from the server shall be stored
 * @op: the operation that reads it
 * @block: first file block
 * @bytes: number of bytes
 *
 * Context: process; may take index_lock.
 * Return: whether it shall be stored; if not, cachefs_refuse() was called.
 */
bool cachefs_op_store_wanted(struct cachefs_op *op, u64 block, size_t bytes)
{
	struct cachefs_volume *volume = cachefs_op_volume(op);
	struct cachefs_cache *cache = cachefs_op_cache(op);

	if (!cachefs_volume_admits(cache, volume, bytes)) {
		cachefs_refuse(cache, &op->version, block, bytes, CACHEFS_WHY_POLICY);
		return false;
	}
	/* Before the ghosts: a block may be cached and come from the server all the same. */
	if (!cachefs_store_wanted(cache, &op->version, block, bytes))
		return false;
	if (cachefs_ghosts_enter(cache, volume, &op->version, block,
				 DIV_ROUND_UP(bytes, CACHEFS_BLOCK_SIZE)))
		return true;
	cachefs_refuse(cache, &op->version, block, bytes, CACHEFS_WHY_READ_ONCE);
	return false;
}

/**
 * cachefs_op_store - Store data of an operation
 * @store: the caller has set op, block, bytes, pages, may_wait, release and done
 *
 * Context: process.
 */
void cachefs_op_store(struct cachefs_op_store *store)
{
	store->store.cache = cachefs_op_cache(store->op);
	store->store.version = store->op->version;
	store->store.still_valid = op_still_valid;
	store->store.keep = cachefs_volume_keeps(cachefs_op_volume(store->op));
	fscache_count_write();
	cachefs_store(&store->store);
}

/**
 * cachefs_op_stored - Account for a store, first of all in cachefs_store::release
 * @core: the store that is released
 *
 * Context: process.
 * Return: the store, whose published bytes are accounted for.
 */
struct cachefs_op_store *cachefs_op_stored(struct cachefs_store *core)
{
	struct cachefs_op_store *store = container_of(core, struct cachefs_op_store,
						      store);

	cachefs_count(core->cache, cachefs_op_volume(store->op),
		      CACHEFS_STAT_STORED_BYTES, core->stored);
	return store;
}

/**
 * cachefs_object_local_write - A local writer has changed the file
 * @object: the file is not cached from here on, until it is closed and looked up
 * again, or until it has a new cookie; see the head of this file
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

/*
 * The number of calls to cachefs_end_access() that have not returned yet.  Such a call
 * may sleep after the cache was told that nobody needs it any more.  main_leave() in
 * main.c waits for returns through the module's text, but not for a task that sleeps.
 */
static atomic_t accesses_ending;

/**
 * cachefs_end_access - End an access that kept a cookie's object
 * @cookie: the cookie; cookie and cache may be gone afterwards
 *
 * FS-Cache looks at the cookie after it has let go of it, and relies on the owner to
 * keep the cookie.  NFS may give the cookie up at that time, so this holds a reference.
 *
 * Context: process.
 */
void cachefs_end_access(struct fscache_cookie *cookie)
{
	atomic_inc(&accesses_ending);
	fscache_get_cookie(cookie, fscache_cookie_get_attach_object);
	fscache_end_cookie_access(cookie, fscache_access_io_end);
	/* For the last cookie of a volume this frees the volume, and sleeps. */
	fscache_put_cookie(cookie, fscache_cookie_put_object);
	if (atomic_dec_and_test(&accesses_ending))
		wake_up_var(&accesses_ending);
}

/**
 * cachefs_end_access_wait - Wait until the end of each access has returned
 *
 * Context: process, may sleep.
 */
void cachefs_end_access_wait(void)
{
	wait_var_event(&accesses_ending, !atomic_read(&accesses_ending));
}
