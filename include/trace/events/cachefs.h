/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way of a page through the cache, and why data was not cached.
 *
 * The events name a version by the first 8 bytes of its id.  cachefs_object says
 * which cookie has which version.  The number of the cookie is the one in
 * /proc/fs/fscache/cookies.
 *
 * No field is an enum, because bpftrace does not know the enums of a module.  No quotes are
 * around a %s, because the kernel then leaves names of enums in the format files.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cachefs

#if !defined(_TRACE_CACHEFS_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_CACHEFS_H

#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/tracepoint.h>
#include <linux/unaligned.h>
#include "../../cachefs.h"

#ifndef _TRACE_CACHEFS_ENUMS
#define _TRACE_CACHEFS_ENUMS

enum cachefs_object_event {
	CACHEFS_OBJECT_LOOKED_UP,
	CACHEFS_OBJECT_CHANGED,		/* a new generation */
	CACHEFS_OBJECT_INVALIDATED,	/* a new generation of the same version */
	CACHEFS_OBJECT_WITHDRAWN,
};

/* Return the microseconds since @began_ns, or 0 if the event was off at that time. */
static inline u64 cachefs_trace_us(u64 began_ns)
{
	return began_ns ? div_u64(ktime_get_ns() - began_ns, NSEC_PER_USEC) : 0;
}

#endif

#define CACHEFS_REGION_STATES \
	EM(CACHEFS_REGION_FREE,		"free") \
	EM(CACHEFS_REGION_READY,	"ready") \
	EM(CACHEFS_REGION_OPEN,		"open") \
	E_(CACHEFS_REGION_SEALED,	"sealed")

#define CACHEFS_OBJECT_EVENTS \
	EM(CACHEFS_OBJECT_LOOKED_UP,	"looked up") \
	EM(CACHEFS_OBJECT_CHANGED,	"changed") \
	EM(CACHEFS_OBJECT_INVALIDATED,	"invalidated") \
	E_(CACHEFS_OBJECT_WITHDRAWN,	"withdrawn")

/* For tools that read the binary ring buffer. */
#undef EM
#undef E_
#define EM(value, text) TRACE_DEFINE_ENUM(value);
#define E_(value, text) TRACE_DEFINE_ENUM(value);

#define X(name, file, text, stat) TRACE_DEFINE_ENUM(CACHEFS_WHY_##name);
TRACE_DEFINE_ENUM(CACHEFS_WHY_NONE);
CACHEFS_REASONS(X)
#undef X
CACHEFS_REGION_STATES
CACHEFS_OBJECT_EVENTS

#undef EM
#undef E_
#define EM(value, text)	{ value, text },
#define E_(value, text)	{ value, text }
#define WHY(name, file, text, stat) { CACHEFS_WHY_##name, text },

/* A lookup has found that @nr blocks are all cached, or all not. */
TRACE_EVENT(cachefs_lookup,
	    TP_PROTO(const u8 *id, u64 block, unsigned int nr, bool cached),

	    TP_ARGS(id, block, nr, cached),

	    TP_STRUCT__entry(
		    __field(u64,		version)
		    __field(u64,		block)
		    __field(unsigned int,	nr)
		    __field(bool,		cached)
	    ),

	    TP_fast_assign(
		    __entry->version = get_unaligned_be64(id);
		    __entry->block = block;
		    __entry->nr = nr;
		    __entry->cached = cached;
	    ),

	    TP_printk("v=%016llx block=%llu nr=%u %s",
		      __entry->version, __entry->block, __entry->nr,
		      __entry->cached ? "cached" : "not cached")
);

/* A read from the cache has ended, @us microseconds after the core got it. */
TRACE_EVENT(cachefs_read,
	    TP_PROTO(const struct cachefs_read *read),

	    TP_ARGS(read),

	    TP_STRUCT__entry(
		    __field(u64,		version)
		    __field(u64,		block)
		    __field(u64,		us)
		    __field(unsigned int,	nr)
		    __field(int,		error)
	    ),

	    TP_fast_assign(
		    __entry->version = get_unaligned_be64(read->version.id);
		    __entry->block = read->block;
		    __entry->us = cachefs_trace_us(read->began_ns);
		    __entry->nr = read->nr;
		    __entry->error = read->error;
	    ),

	    TP_printk("v=%016llx block=%llu nr=%u us=%llu error=%d",
		      __entry->version, __entry->block, __entry->nr,
		      __entry->us, __entry->error)
);

/* A store begins. */
TRACE_EVENT(cachefs_store,
	    TP_PROTO(const struct cachefs_store *store),

	    TP_ARGS(store),

	    TP_STRUCT__entry(
		    __field(u64,		version)
		    __field(u64,		block)
		    __field(u64,		bytes)
	    ),

	    TP_fast_assign(
		    __entry->version = get_unaligned_be64(store->version.id);
		    __entry->block = store->block;
		    __entry->bytes = store->bytes;
	    ),

	    TP_printk("v=%016llx block=%llu bytes=%llu",
		      __entry->version, __entry->block, __entry->bytes)
);

/*
 * A store has ended, @us microseconds after the core got it: @stored bytes are on disk
 * and published.
 */
TRACE_EVENT(cachefs_store_done,
	    TP_PROTO(const struct cachefs_store *store),

	    TP_ARGS(store),

	    TP_STRUCT__entry(
		    __field(u64,		version)
		    __field(u64,		block)
		    __field(u64,		stored)
		    __field(u64,		us)
		    __field(int,		error)
	    ),

	    TP_fast_assign(
		    __entry->version = get_unaligned_be64(store->version.id);
		    __entry->block = store->block;
		    __entry->stored = store->stored;
		    __entry->us = cachefs_trace_us(store->began_ns);
		    __entry->error = store->error;
	    ),

	    TP_printk("v=%016llx block=%llu stored=%llu us=%llu error=%d",
		      __entry->version, __entry->block, __entry->stored,
		      __entry->us, __entry->error)
);

DECLARE_EVENT_CLASS(cachefs_why,
		    TP_PROTO(const u8 *id, u64 block, u64 bytes,
			     enum cachefs_reason why),

		    TP_ARGS(id, block, bytes, why),

		    TP_STRUCT__entry(
			    __field(u64,		version)
			    __field(u64,		block)
			    __field(u64,		bytes)
			    __field(unsigned int,	why)
		    ),

		    TP_fast_assign(
			    __entry->version = get_unaligned_be64(id);
			    __entry->block = block;
			    __entry->bytes = bytes;
			    __entry->why = why;
		    ),

		    TP_printk("v=%016llx block=%llu bytes=%llu why=%s",
			      __entry->version, __entry->block, __entry->bytes,
			      __print_symbolic(__entry->why,
					       CACHEFS_REASONS(WHY)
					       { CACHEFS_WHY_NONE, "" }))
);

/* Data was not stored. */
DEFINE_EVENT(cachefs_why, cachefs_refuse,
	     TP_PROTO(const u8 *id, u64 block, u64 bytes,
		      enum cachefs_reason why),
	     TP_ARGS(id, block, bytes, why)
);

/* Data was stored, and is not cached any more. */
DEFINE_EVENT(cachefs_why, cachefs_drop,
	     TP_PROTO(const u8 *id, u64 block, u64 bytes,
		      enum cachefs_reason why),
	     TP_ARGS(id, block, bytes, why)
);

/* A region goes from one state to another.  When it leaves "sealed", its blocks go. */
TRACE_EVENT(cachefs_region,
	    TP_PROTO(u32 region, u64 seq, unsigned int from, unsigned int to),

	    TP_ARGS(region, seq, from, to),

	    TP_STRUCT__entry(
		    __field(u64,		seq)
		    __field(u32,		region)
		    __field(unsigned int,	from)
		    __field(unsigned int,	to)
	    ),

	    TP_fast_assign(
		    __entry->seq = seq;
		    __entry->region = region;
		    __entry->from = from;
		    __entry->to = to;
	    ),

	    TP_printk("region=%u seq=%llu %s -> %s",
		      __entry->region, __entry->seq,
		      __print_symbolic(__entry->from, CACHEFS_REGION_STATES),
		      __print_symbolic(__entry->to, CACHEFS_REGION_STATES))
);

/* A cookie's object was looked up, changed or withdrawn.  Now it has this version. */
TRACE_EVENT(cachefs_object,
	    TP_PROTO(unsigned int cookie, const u8 *id, unsigned int generation,
		     u64 size, enum cachefs_object_event what),

	    TP_ARGS(cookie, id, generation, size, what),

	    TP_STRUCT__entry(
		    __field(u64,		version)
		    __field(u64,		size)
		    __field(unsigned int,	cookie)
		    __field(unsigned int,	generation)
		    __field(unsigned int,	what)
	    ),

	    TP_fast_assign(
		    __entry->version = get_unaligned_be64(id);
		    __entry->size = size;
		    __entry->cookie = cookie;
		    __entry->generation = generation;
		    __entry->what = what;
	    ),

	    TP_printk("c=%08x v=%016llx generation=%u size=%llu %s",
		      __entry->cookie, __entry->version, __entry->generation,
		      __entry->size,
		      __print_symbolic(__entry->what, CACHEFS_OBJECT_EVENTS))
);

#undef EM
#undef E_
#undef WHY

#endif /* _TRACE_CACHEFS_H */

/* The default path of trace/define_trace.h finds this file, because of -I. */
#include <trace/define_trace.h>
