/* SPDX-License-Identifier: GPL-2.0 */
/*
 * markfs: the smallest file system that is wired to the cache.
 */
#ifndef _CACHEFS_TEST_MARKFS_H
#define _CACHEFS_TEST_MARKFS_H

#include <linux/fs.h>
#include "../../include/cachefs.h"

/* Largest folio, in pages. */
#define MARKFS_FOLIO_PAGES	16

/**
 * struct markfs - One file of markfs
 * @mount: the file system
 * @file: open for reading and writing
 * @cache: where its pages are stored
 * @version: of the file
 * @pattern: its content on the server, see markfs_expect()
 * @modified: the file system knows that its pages are not the server's any more
 * @server_reads: folios read from the server
 * @cache_reads: folios read from the cache
 * @cache_misses: cache reads that failed
 * @refused: folios that the cache would not take
 * @in_flight: stores not ended
 * @stored: stores ended
 * @store_error: error of the last store, or 0
 * @faults: write faults that came to page_mkwrite
 * @faulted: write faults that returned from page_mkwrite
 */
struct markfs {
	struct vfsmount		*mount;
	struct file		*file;
	struct cachefs_cache	*cache;
	struct cachefs_version	version;
	u64			pattern;
	bool			modified;
	atomic_t		server_reads;
	atomic_t		cache_reads;
	atomic_t		cache_misses;
	atomic_t		refused;
	atomic_t		in_flight;
	atomic_t		stored;
	int			store_error;
	atomic_t		faults;
	atomic_t		faulted;
};

struct markfs *markfs_create(struct cachefs_cache *cache, const char *name,
			     u64 pages, unsigned int order);
unsigned int markfs_destroy(struct markfs *fs);
u64 markfs_expect(struct markfs *fs, loff_t pos);
struct folio *markfs_folio(struct markfs *fs, pgoff_t index);

#endif /* _CACHEFS_TEST_MARKFS_H */
