/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the kernel's FS-Cache and the core: cookies become versions (operation.c),
 * and netfs's reads and copies become reads and stores (io.c).
 */
#ifndef _CACHEFS_GLUE_H
#define _CACHEFS_GLUE_H

#include <linux/fscache-cache.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netfs.h>
#include <linux/shrinker.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include "cachefs.h"

/* Longest coherency data that FS-Cache takes. */
#define CACHEFS_MAX_AUX		255

/*
 * The coherency data of NFS: struct nfs_fscache_inode_auxdata in
 * fs/nfs/fscache.h.
 */
struct cachefs_nfs_coherency {
	s64	mtime_sec;
	s64	mtime_nsec;
	s64	ctime_sec;
	s64	ctime_nsec;
	u64	change_attr;		/* 0 before NFSv4 */
};

/* Whether NFS comes page by page on this kernel, see design.rst. */
#ifdef CACHEFS_HAVE_ISSUE_WRITE
#define CACHEFS_PAGE_BY_PAGE	false
#else
#define CACHEFS_PAGE_BY_PAGE	true
#endif

/* The largest number of pages that are noted, in all files; see note.c. */
#define CACHEFS_MAX_NOTED_PAGES	262144

/*
 * struct cachefs_glue - The binding of one cache to FS-Cache
 * @cache: the cache
 * @fscache: the same cache in FS-Cache
 * @lock: protects @objects and @volumes
 * @objects: cookies in use
 * @volumes: volumes in use
 * @noted: entries in all objects' @reads
 * @wq: stores that linux-6.1/pages.c has gathered
 * @stage_lock: protects all objects' stages
 * @stages: all stages, oldest first; stage_lock
 * @spare_lock: protects the next three; with interrupts off
 * @staged: pages of all stages, also of stages that are not in @stages any more
 * @nr_spare: number of pages in @spare
 * @spare: pages for the next stages
 * @shrinker: gives back pages that were read ahead
 */
struct cachefs_glue {
	struct cachefs_cache	*cache;
	struct fscache_cache	*fscache;
	spinlock_t		lock;		/* the lists */
	struct list_head	objects;
	struct list_head	volumes;
	atomic_t		noted;
	/* Linux 6.1: */
	struct workqueue_struct	*wq;
	spinlock_t		stage_lock;	/* see stage.c */
	struct list_head	stages;
	spinlock_t		spare_lock;	/* the next three */
	unsigned int		staged;
	unsigned int		nr_spare;
	struct list_head	spare;
	struct shrinker		shrinker;
};

/*
 * struct cachefs_glue_volume - A volume of FS-Cache
 * @link: in cachefs_glue::volumes; cachefs_glue::lock
 * @glue: its binding
 * @vcookie: the same volume in FS-Cache
 * @volume: the same volume in the core, for accounting
 * @identity: the name of its data, see volume.c
 * @refusal: why nothing of it is cached, or %NULL
 * @told: the kernel log says why some of its files are not cached
 * @withdrawn: the access that bind_acquire_volume() took has been given back;
 *	cachefs_glue::lock
 * @nfs: it is a volume of NFS, see operation.c
 * @policy_link: in the list of policy.c
 */
struct cachefs_glue_volume {
	struct list_head	link;
	struct cachefs_glue	*glue;
	struct fscache_volume	*vcookie;
	struct cachefs_volume	*volume;
	char			*identity;
	const char		*refusal;
	int			told;
	bool			withdrawn;
	bool			nfs;
	struct list_head	policy_link;
};

/*
 * struct cachefs_miss - A run of pages that are not cached
 * @generation: cachefs_object::generation when the run was found
 * @next: the page that NFS will ask for next
 * @end: the first page behind the run
 * @asked: when the first page was asked of the server, ns; 0 after the answer
 */
struct cachefs_miss {
	unsigned int	generation;
	pgoff_t		next;
	pgoff_t		end;
	u64		asked;
};

/* The number of sequential reads of one file, at different places, that are known. */
#define CACHEFS_RUNS	4

/*
 * struct cachefs_run - Pages that were read in sequence
 * @end: the page behind them
 * @pages: about how many there are
 */
struct cachefs_run {
	pgoff_t		end;
	unsigned int	pages;
};

/*
 * struct cachefs_object - A cookie that is in use
 * @link: in cachefs_glue::objects; cachefs_glue::lock
 * @cookie: the cookie; a reference is held
 * @volume: its volume
 * @sample_mutex: one sampler at a time
 * @lock: protects the members below it, unless another lock is named
 * @aux_len: bytes of @aux
 * @aux: the coherency data of @version
 * @version: the version that operations begin with now
 * @size: size of the file in that version, bytes
 * @generation: changes whenever anything about @version may have changed
 * @nr_current: open operations that began in this generation
 * @nr_old: open operations that began in an older generation
 * @local_data: a local writer changed the file, so it is not cached any more
 * @named: its name in the cache is the name of no other file
 * @handled: the cookie's invalidation counter at the last sample
 * @reads: by page: the generation in which its read from the server began; its own lock
 * @miss: pages that will be asked for next and are not cached; @lock
 * @stages: pages that were read ahead; cachefs_glue::stage_lock
 * @runs: pages that were read in sequence, to read ahead behind them; @lock
 * @next_run: which of @runs is replaced next; @lock
 * @batches: marked pages that wait to be stored; @lock
 * @store_work: stores @batches
 */
struct cachefs_object {
	struct list_head		link;
	struct fscache_cookie		*cookie;
	struct cachefs_glue_volume	*volume;
	struct mutex			sample_mutex;	/* one sampler */

	spinlock_t			lock;		/* the members below */
	unsigned int			handled;
	unsigned int			aux_len;
	u8				aux[CACHEFS_MAX_AUX];
	struct cachefs_version		version;
	loff_t				size;
	unsigned int			generation;
	unsigned int			nr_current;
	unsigned int			nr_old;
	bool				local_data;
	bool				named;
	struct xarray			reads;
	/* Linux 6.1: */
	struct list_head		batches;
	struct list_head		stages;
	struct cachefs_miss		miss;
	struct cachefs_run		runs[CACHEFS_RUNS];
	unsigned int			next_run;
	struct delayed_work		store_work;
};

/*
 * struct cachefs_op - An operation: a read, a store, or a read and its store
 * @object: on this object
 * @version: the version of the file when the operation began
 * @size: the size of the file then
 * @generation: cachefs_object::generation then
 * @asked: when its first slice went to the server, ns; 0: none did
 * @mixed: a slice went to the device, so the time until its end is not the server's
 * @storing: the last slice that went to the server is to be stored
 * @judged: up to here it was counted and decided what comes from the server
 * @i_size: size of the file at the last prepare_read
 * @invalidated: the cookie was invalidated before, since NFS has the inode
 * @timed: NFS said in @coherency when the file was changed
 * @coherency: NFS's coherency data of @version
 */
struct cachefs_op {
	struct cachefs_object	*object;
	struct cachefs_version	version;
	loff_t			size;
	unsigned int		generation;
	u64			asked;
	bool			mixed;
	bool			storing;
	loff_t			judged;
	loff_t			i_size;
	bool			invalidated;
	bool			timed;
	struct cachefs_nfs_coherency coherency;
};

/*
 * struct cachefs_op_store - A store of an operation
 * @store: for the core
 * @op: the operation, until the store is released
 */
struct cachefs_op_store {
	struct cachefs_store	store;
	struct cachefs_op	*op;
};

/*
 * For allocations that may fail.  They do not wait for long, because NFS may be in the
 * middle of work that will free memory.
 */
#define CACHEFS_GFP_MAYBE	(GFP_NOFS | __GFP_NORETRY | __GFP_NOWARN)

/* operation.c */
void cachefs_object_sample(struct cachefs_object *object, bool first);
void cachefs_object_renew(struct cachefs_object *object);
void cachefs_object_local_write(struct cachefs_object *object);
void cachefs_op_init(struct cachefs_op *op, struct cachefs_object *object);
void cachefs_op_exit(struct cachefs_op *op);
struct cachefs_op *cachefs_op_new(struct cachefs_object *object);
void cachefs_op_free(struct cachefs_op *op);
enum cachefs_reason cachefs_op_stale(struct cachefs_op *op);
enum cachefs_reason cachefs_op_refusal(struct cachefs_op *op);
void cachefs_op_read(struct cachefs_op *op, struct cachefs_read *read);
bool cachefs_op_store_wanted(struct cachefs_op *op, u64 block, size_t bytes);
void cachefs_op_store(struct cachefs_op_store *store);
struct cachefs_op_store *cachefs_op_stored(struct cachefs_store *core);
void cachefs_end_access(struct fscache_cookie *cookie);
void cachefs_end_access_wait(void);

/* cookie.c */
bool cachefs_cookie_lookup(struct fscache_cookie *cookie);
void cachefs_cookie_withdraw(struct fscache_cookie *cookie);
bool cachefs_cookie_invalidate(struct fscache_cookie *cookie);
void cachefs_cookie_resize(struct netfs_cache_resources *cres, loff_t new_size);

/* note.c */
bool cachefs_note_read(struct cachefs_op *op, pgoff_t index, bool wanted);
enum cachefs_reason cachefs_noted_read(struct cachefs_op *op, pgoff_t index);
void cachefs_forget_reads(struct cachefs_object *object);

/* inode.c */
bool cachefs_op_of_inode(const struct cachefs_op *op, struct inode *inode);
unsigned int cachefs_inode_rsize(const struct inode *inode);
bool cachefs_op_settled(const struct cachefs_op *op, struct inode *inode);

/* volume.c */
struct kernel_param;
int cachefs_param_set_text(const char *value, const struct kernel_param *param);
/* An identity is at most this much longer than its key. */
#define CACHEFS_IDENTITY_EXTRA	64
void cachefs_volume_identity(const char *key, const char *aliases,
			     char *identity, size_t size);
char *cachefs_volume_identity_now(const char *key, const void *coherency,
				  unsigned int coherency_len);
bool cachefs_volume_is(const char *key, const char *name);
const char *cachefs_volume_refusal(const char *key, bool page_by_page);
const char *cachefs_object_unnamed(struct cachefs_object *object,
				   struct inode *inode);
bool cachefs_object_check_name(struct cachefs_object *object, struct inode *inode);

/* policy.c */
void cachefs_policy_of(const char *key, const char *rules, struct cachefs_policy *found);
void cachefs_policy_add(struct cachefs_glue_volume *volume);
void cachefs_policy_remove(struct cachefs_glue_volume *volume);

/* linux-6.1/stage.c */
bool cachefs_stage_read(struct cachefs_op *op, struct page *page);
int cachefs_stages_init(struct cachefs_glue *glue);
void cachefs_stages_exit(struct cachefs_glue *glue);
void cachefs_stages_drop(struct cachefs_object *object);

/* io.c, or linux-6.1/pages.c */
bool cachefs_begin_operation(struct netfs_cache_resources *cres,
			     enum fscache_want_state want_state);

/* linux-6.1/pages.c, which is built only with CACHEFS_PAGE_BY_PAGE */
int cachefs_glue_init_io(struct cachefs_glue *glue);
void cachefs_glue_exit_io(struct cachefs_glue *glue);
void cachefs_object_init_io(struct cachefs_object *object);
void cachefs_object_exit_io(struct cachefs_object *object);

static inline struct cachefs_object *
cachefs_cres_object(struct netfs_cache_resources *cres)
{
	return fscache_cres_cookie(cres)->cache_priv;
}

static inline struct cachefs_glue *cachefs_op_glue(struct cachefs_op *op)
{
	return op->object->volume->glue;
}

static inline struct cachefs_cache *cachefs_op_cache(struct cachefs_op *op)
{
	return cachefs_op_glue(op)->cache;
}

static inline struct cachefs_volume *cachefs_op_volume(struct cachefs_op *op)
{
	return op->object->volume->volume;
}

#endif /* _CACHEFS_GLUE_H */
