/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations on a cache that check whether its answers are allowed.
 *
 * The content of a block is a function of version and block.  An invalidation
 * begins a new generation of the version: data that was read from the server before
 * may be of another version, and is not published any more.
 */
#ifndef _MODEL_H
#define _MODEL_H

#include "check.h"
#include "device.h"
#include "shim.h"

#define MODEL_VERSIONS		8
#define MODEL_MAX_BLOCKS	300	/* of a file */

/* A small device, with the smallest regions: one metadata block each. */
#define TINY_REGION_BLOCKS	CACHEFS_MIN_REGION_BLOCKS
#define TINY_REGIONS		8
#define TINY_SLOTS		(TINY_REGION_BLOCKS - 3)
#define TINY_BLOCKS \
	(CACHEFS_FIRST_BLOCK + TINY_REGIONS * TINY_REGION_BLOCKS + \
	 CACHEFS_LAST_BLOCKS)

/**
 * struct model_version - A version of a file
 * @number: unique number
 * @base: file block of its first block
 * @blocks: number of blocks
 * @tail: valid bytes in the last block
 * @gen: number of invalidations
 * @scribbled: blocks whose stored bytes may differ from the bytes that were summed
 * @core: the version as the core knows it
 */
struct model_version {
	u32			number;
	u64			base;
	unsigned int		blocks;
	unsigned int		tail;
	u32			gen;
	bool			scribbled[MODEL_MAX_BLOCKS];
	struct cachefs_version	core;
};

struct model {
	struct cachefs_device	*device;
	struct cachefs_cache	*cache;
	struct model_version	versions[MODEL_VERSIONS];
	u32			next_number;
	unsigned int		pending;	/* operations */
	u64			served;		/* blocks, all of them right */
	u64			reads;
	u64			stored;		/* blocks */
	u64			stores;
	u64			mismatches;	/* reads that failed with EUCLEAN */
	bool			may_wait;	/* stores may wait */
	bool			keep;		/* stored blocks count as read */
	void			(*asked)(void);	/* at each call of still_valid() */
};

extern struct model model;

enum model_flags {
	MODEL_POISON	= 1,	/* wrong bytes; still_valid() rejects them */
	MODEL_SCRIBBLE	= 2,	/* the pages change after the checksum */
	MODEL_BLAME	= 4,	/* still_valid() rejects the store */
};

/* A blank device with a new cache of this geometry, not attached. */
void model_format(u64 device_blocks, u32 region_blocks);
int model_attach_only(void);	/* cachefs_attach() */
void model_recover(void);	/* wait until the index is complete */
int model_attach(void);		/* both */
void model_detach(void);
void model_exit(void);

void model_new_version(unsigned int v, unsigned int blocks);
void model_store(unsigned int v, unsigned int block, unsigned int nr,
		 unsigned int flags);
void model_read(unsigned int v, unsigned int block, unsigned int nr);
void model_invalidate(unsigned int v);
/* The same, but wait for the end, and return the core's error. */
int model_store_now(unsigned int v, unsigned int block, unsigned int nr);
int model_read_now(unsigned int v, unsigned int block, unsigned int nr);
bool model_cached(unsigned int v, unsigned int block);
unsigned int model_count_cached(unsigned int v);
/* Read all cached blocks from @block on, at most a run at a time, and wait. */
void model_read_cached(unsigned int v, unsigned int block);

#endif
