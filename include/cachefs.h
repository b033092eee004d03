/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cachefs: a cache for network file systems on a block device.
 *
 * This is the interface of the core.  Documentation/design.rst explains how the core
 * works, what its words mean, and which locks there are.  A file system has to follow the
 * protocol below.  Its pages are stored on a local disk while they are already in use:
 *
 *  1. The VM asks for a page (read_folio, readahead).
 *  2. The file system asks the cache: cachefs_lookup().  If the page is cached,
 *     cachefs_read() fills it, and that is all.
 *  3. Otherwise the file system reads the page from its server.
 *  4. The file system marks the page, cachefs_page_mark(), and hands the page to
 *     the cache, cachefs_store().
 *  5. The file system sets uptodate and unlocks the page.  Readers go on at once.
 *  6. When the block is on disk, the cache calls cachefs_store::release.
 *  7. In this callback the file system clears the mark, cachefs_page_mark_end(),
 *     which wakes all tasks that wait for the mark.
 *
 *  A write fault on such a page goes through cachefs_page_mkwrite().  Reclaim,
 *  invalidation and truncation go through cachefs_page_wait().  So no task writes to a
 *  page that is on its way to the disk, except write(2), which does not wait.
 *
 *  NFS, CIFS and 9p wait in functions of their own.  From Linux 6.12 on fs/netfs also sets
 *  and clears the mark: see cachefs_page_mark_adopt().
 *
 *  The order of a store makes write(2) safe: the checksum is taken before the page goes
 *  to the disk, cachefs_store::still_valid is called when the page is on the disk, and
 *  only then the block is published.  A page that was written to in between is not
 *  published, or does not match its checksum when it is read.
 *
 * A block is found by its name: (version id, file block).  A version id is a keyed hash
 * of everything that identifies one version of one file.  Another version has another
 * id.  So nothing is overwritten or compared, and opening, looking up and closing a file
 * cause no I/O.
 */
#ifndef _CACHEFS_H
#define _CACHEFS_H

#include <linux/types.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mm_types.h>
#include <linux/workqueue.h>
#include "uapi/cachefs_format.h"

struct cachefs_cache;
struct cachefs_volume;
struct folio;
struct vm_fault;

/*
 * The reasons why data was not stored: the name here, the file in refused_bytes/, the
 * text in trace events, and the statistic that counts the bytes of several reasons.
 * Programs get another list: enum cachefs_file_reason in uapi/cachefs.h, which
 * "cachefsctl why" prints.
 */
#define CACHEFS_REFUSED(X) \
	/* Refused, because something is lacking: */ \
	X(IN_FLIGHT, in_flight, "in flight bound", STORE_REFUSED) \
	X(NO_REGION, no_region, "no region ready", STORE_REFUSED) \
	X(NO_MEMORY, no_memory, "no memory", STORE_REFUSED) \
	X(UNUSABLE, unusable, "cache failed or detaching", STORE_REFUSED) \
	X(DEVICE, device_error, "device error", STORE_REFUSED) \
	X(TOO_LARGE, too_large, "file too large", STORE_REFUSED) \
	X(PART, part, "part of a block", STORE_REFUSED) /* the file goes on behind */ \
	X(PAGE, page, "page large or being stored", STORE_REFUSED) \
	X(SLOW, slow, "device too slow", STORE_REFUSED) \
	X(CACHED, bypassed, "cached, but the server is faster", BYPASSED) \
	X(NO_ROOM, device_full, "device full or not writable", STORE_REFUSED) \
	X(BUDGET, write_budget, "write budget", STORE_REFUSED) \
	X(POLICY, policy, "policy of the export", STORE_REFUSED) \
	X(READ_ONCE, read_once, "read once", STORE_REFUSED) /* policy "second" */ \
	/* Stale, or perhaps stale: */ \
	X(VERSION, version_changed, "version changed", STALE) \
	X(OLDER_READ, older_read, "older read open", STALE) \
	X(BEYOND_EOF, beyond_eof, "beyond end of file", STALE) \
	X(NO_NOTE, not_noted, "read not noted", STALE) \
	X(RECENT, recent, "changed a moment ago", STALE) /* perhaps again since then */ \
	X(LOCAL_WRITER, local_writer, "local writer", STALE) \
	X(NO_NAME, no_name, "no name of its own", STALE) \
	X(OPEN_TO_WRITE, open_to_write, "open for writing", STALE)

/*
 * All reasons.  The last ones say why data is not cached any more: they are only in the
 * trace event cachefs_drop, and are not counted.
 */
#define CACHEFS_REASONS(X) \
	CACHEFS_REFUSED(X) \
	X(CHECKSUM, NO_FILE, "checksum mismatch", NO_STAT) \
	X(METADATA, NO_FILE, "region metadata unusable", NO_STAT)

enum cachefs_reason {
	CACHEFS_WHY_NONE,		/* the data was stored, or is cached */
#define X(name, file, text, stat) CACHEFS_WHY_##name,
	CACHEFS_REASONS(X)
#undef X
	CACHEFS_NR_REASONS,
};

/*
 * The statistics: the name here, and the name of the file in stats/.  The first three are
 * counted for each volume, too, so new statistics go to the end.
 */
#define CACHEFS_STATS(X) \
	X(HIT_BYTES, hit_bytes) \
	X(MISS_BYTES, miss_bytes) \
	X(STORED_BYTES, stored_bytes) \
	X(STORE_REFUSED_BYTES, store_refused_bytes) \
	X(EVICTED_BYTES, evicted_bytes) \
	X(REINSERTED_BYTES, reinserted_bytes) \
	X(STALE_BYTES, stale_bytes) \
	X(CHECKSUM_ERRORS, checksum_errors) \
	X(READ_ERRORS, read_errors) \
	X(WRITE_ERRORS, write_errors) \
	X(STORES_IN_FLIGHT_BYTES, stores_in_flight_bytes) \
	X(PAGES_MARKED, pages_marked) \
	X(MKWRITE_WAITS, mkwrite_waits) \
	X(INDEX_BYTES, index_bytes) \
	X(CHECKSUM_BYTES, checksum_bytes) \
	X(DEVICE_WRITTEN_BYTES, device_written_bytes) \
	X(DEVICE_READ_BYTES, device_read_bytes) \
	X(DEVICE_DISCARDED_BYTES, device_discarded_bytes) \
	X(READAHEAD_UNUSED_BYTES, readahead_unused_bytes) \
	X(READAHEAD_BYTES, readahead_bytes) \
	X(BYPASSED_BYTES, bypassed_bytes) \
	X(RELEASED_BYTES, released_bytes)

enum cachefs_stat {
#define X(name, file) CACHEFS_STAT_##name,
	CACHEFS_STATS(X)
#undef X
	CACHEFS_NR_STATS,
};

/**
 * struct cachefs_version - One version of one file
 * @id: keyed hash from cachefs_version_id(); see also %CACHEFS_COMPAT_VOLUME_HASH
 */
struct cachefs_version {
	u8	id[16];
};

/**
 * struct cachefs_read - A read of whole blocks from the cache
 * @cache: the cache
 * @version: the version of the blocks
 * @block: first file block
 * @nr: number of blocks
 * @pages: @nr pages to read into; the caller keeps them until @done
 * @done: called once, in any context including softirq
 * @error: for @done: 0, or the reason why no page may be used: %-ENODATA (not cached, or
 *	not any more), %-EUCLEAN (checksum mismatch), %-ENOMEM (for the checksums), or
 *	the device's error
 */
struct cachefs_read {
	struct cachefs_cache	*cache;
	struct cachefs_version	version;
	u64			block;
	unsigned int		nr;
	struct page		**pages;
	void			(*done)(struct cachefs_read *read);
	int			error;
	/* private: */
	u64			began_ns;	/* 0: the trace event was off */
	atomic_t		pending;
};

/**
 * struct cachefs_store - A store of blocks into the cache
 * @cache: the cache
 * @version: the version that the blocks belong to: the version at the time when
 *	their read from the server *began*
 * @block: first file block
 * @bytes: number of bytes; the last block may be partial and is padded with zeros
 * @pages: the pages; the caller keeps them until @done; entries may be replaced
 * @may_wait: cachefs_store() may wait up to a second while too much is in flight
 * @keep: the blocks count as read, so they stay when their region is reused
 * @still_valid: called in process context when the data is on disk, before the data is
 *	published.  Returns why the pages do not belong to that version any more, or have
 *	changed; %CACHEFS_WHY_NONE if they still belong to that version, unchanged
 * @release: called once, in process context: the marks may be cleared.  Called just
 *	before @done, or early, if the device does not take the blocks in time.  In that
 *	case the blocks will not be published, and the cache holds references to the
 *	pages.  %NULL: the store waits for the device, however long the device takes
 * @done: called once, in process context: the cache does not use @store any more
 * @error: for @done: 0, or %-ENOBUFS (no room in the log, or refused), %-ESTALE
 *	(@still_valid said why), or the device's error.  With any error part of the
 *	blocks may have been stored
 * @stored: for @release and @done: number of bytes that were published
 * @released: for @release and @done: @release was called early
 */
struct cachefs_store {
	struct cachefs_cache	*cache;
	struct cachefs_version	version;
	u64			block;
	size_t			bytes;
	struct page		**pages;
	bool			may_wait;
	bool			keep;
	enum cachefs_reason	(*still_valid)(struct cachefs_store *store);
	void			(*release)(struct cachefs_store *store);
	void			(*done)(struct cachefs_store *store);
	int			error;
	size_t			stored;
	bool			released;
	/* private: */
	struct list_head	watch;		/* in cache::stores, or empty */
	struct llist_node	submit;		/* in cache::submits */
	unsigned long		began;
	u64			began_ns;	/* 0: the trace event was off */
	atomic_t		pending;
	struct list_head	ios;
	struct work_struct	work;
};

/**
 * struct cachefs_policy - The policy of an administrator for a volume
 * @min_share: the part of the cache that data of other volumes does not push out, percent
 * @max_share: the share of the cache for the volume, percent; 0: nothing is stored
 * @keep: stored blocks count as read
 * @second: in a full cache, blocks are stored when they come from the server the second time
 */
struct cachefs_policy {
	u8	min_share;
	u8	max_share;
	bool	keep;
	bool	second;
};

/* Attach and detach (fscache/cache.c, account.c) */
/* A blank device is formatted without a flag. */
#define CACHEFS_ATTACH_FORMAT	1	/* a device with a cache is formatted, too */
#define CACHEFS_ATTACH_FORCE	2	/* any device is formatted */

void cachefs_quiesce(struct cachefs_cache *cache);

/* Lookup and I/O hooks */
/* The action of cachefs_visit_cached() on the blocks that it counts. */
enum cachefs_count {
	CACHEFS_COUNT_ONLY,
	CACHEFS_COUNT_DROP,
	CACHEFS_COUNT_NOTE_READ,	/* so that they stay, as after a read */
};

unsigned int cachefs_lookup(struct cachefs_cache *cache,
			    const struct cachefs_version *version,
			    u64 block, unsigned int nr, bool *cached);
void cachefs_read(struct cachefs_read *read);
s64 cachefs_visit_cached(struct cachefs_cache *cache,
			 const struct cachefs_version *version, u64 size,
			 enum cachefs_count count);
void cachefs_store(struct cachefs_store *store);

/* Versions */
void cachefs_version_id(struct cachefs_cache *cache, u8 id[16],
			const void *volume_key, size_t volume_len,
			const void *key, size_t key_len,
			const void *coherency, size_t coherency_len, u64 size);

/* Whether a store is worth while */
bool cachefs_store_wanted(struct cachefs_cache *cache,
			  const struct cachefs_version *version, u64 block,
			  size_t bytes);
bool cachefs_store_room(struct cachefs_cache *cache);

/* The state of the cache, for the answer why a file is not cached */
bool cachefs_stores_rest(struct cachefs_cache *cache);
bool cachefs_budget_is_used(struct cachefs_cache *cache);
bool cachefs_pace_slow(struct cachefs_cache *cache);
bool cachefs_is_degraded(const struct cachefs_cache *cache);

/* The time that the server takes, and whether the device answers */
void cachefs_server_answered(struct cachefs_cache *cache, u64 ns);
bool cachefs_pace_stuck(struct cachefs_cache *cache);

/* Data that is not stored: counted and traced, once */
void cachefs_refuse(struct cachefs_cache *cache,
		    const struct cachefs_version *version, u64 block, u64 bytes,
		    enum cachefs_reason why);

/* Accounting by the glue, because only the glue knows where a file ends */
struct cachefs_volume *cachefs_volume_add(struct cachefs_cache *cache,
					  const char *key,
					  const char *identity);
void cachefs_volume_remove(struct cachefs_volume *volume);
void cachefs_volume_set_policy(struct cachefs_cache *cache,
			       struct cachefs_volume *volume,
			       const struct cachefs_policy *policy);
bool cachefs_volume_admits(struct cachefs_cache *cache,
			   struct cachefs_volume *volume, u64 bytes);
bool cachefs_volume_keeps(const struct cachefs_volume *volume);
void cachefs_ghosts_begin(struct cachefs_cache *cache);
bool cachefs_ghosts_count(const struct cachefs_cache *cache,
			  const struct cachefs_volume *volume);
bool cachefs_ghosts_enter(struct cachefs_cache *cache,
			  const struct cachefs_volume *volume,
			  const struct cachefs_version *version, u64 block, u64 nr);
void cachefs_count(struct cachefs_cache *cache, struct cachefs_volume *volume,
		   enum cachefs_stat stat, s64 n);
void cachefs_count_object(struct cachefs_cache *cache, int change);

/* The page mark (fscache/page_mark.c) */
void cachefs_page_mark(struct cachefs_cache *cache, struct folio *folio);
void cachefs_page_mark_end(struct cachefs_cache *cache, struct folio *folio);
void cachefs_page_mark_adopt(struct cachefs_cache *cache, struct page *page);
void cachefs_page_mark_release(struct cachefs_cache *cache, unsigned int nr);
bool cachefs_page_marked(struct folio *folio);
void cachefs_page_wait(struct folio *folio);
int cachefs_page_wait_killable(struct folio *folio);
vm_fault_t cachefs_page_mkwrite(struct cachefs_cache *cache,
				struct vm_fault *vmf);

#endif /* _CACHEFS_H */
