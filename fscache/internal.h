/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the core share, grouped by the file that defines it.
 * The core knows pages, regions and extents; nothing of NFS, netfs or cookies.
 * All but debugfs.c, device.c, page_mark.c, sysfs.c and main.c also compiles in
 * user space, over the headers in tests/user/include.
 */
#ifndef _CACHEFS_INTERNAL_H
#define _CACHEFS_INTERNAL_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/blk_types.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "cachefs.h"
#include "counters.h"
#include "index.h"

/* The index works in chunks of this many file blocks. */
#define CACHEFS_CHUNK_BLOCKS	128
#define CACHEFS_NO_REF		U32_MAX

/* After this many errors of the device in a row the cache is out of use. */
#define CACHEFS_MAX_ERRORS	16
/* Errors that come closer together count once. */
#define CACHEFS_ERROR_INTERVAL	HZ
/* After so long without an error those before are forgotten. */
#define CACHEFS_ERROR_MEMORY	(300 * HZ)
/* When a store may try again whether the device takes it. */
#define CACHEFS_ROOM_INTERVAL	(5 * HZ)

/* So many regions' checksums can be loaded at a time. */
#define CACHEFS_LOAD_LOCKS	64

/* Reads up to this size are verified where they complete. */
#define CACHEFS_INLINE_VERIFY	(16 << 10)

/* Without memory the server is asked: that is better than to wait for memory. */
#define CACHEFS_GFP_OR_SERVER	(GFP_NOIO | __GFP_NOWARN | __GFP_NORETRY)

/* Blocks in one I/O: as many as a bio of one page per vector takes. */
#define CACHEFS_IO_BLOCKS	CACHEFS_CHUNK_BLOCKS

enum cachefs_region_state {
	CACHEFS_REGION_FREE,
	CACHEFS_REGION_READY,
	CACHEFS_REGION_OPEN,
	CACHEFS_REGION_SEALED,
};

/*
 * struct cachefs_region - One region of the log
 * @seq: sequence number, 0 in a region that was never used, or in which the attach
 *	found nothing; flush_mutex
 * @checksums: of all its slots, or %NULL; loaded under its load_mutex, and freed by the
 *	shrinker when not pinned
 * @open: what only a READY or OPEN region has, until its metadata is written; log_lock
 * @pins: readers between lookup and verification
 * @live: blocks that the index can find; index_lock
 * @nr_extents: in how many extents; index_lock
 * @opened: when it became OPEN in this attach, seconds since the machine has started, or
 *	0; written under log_lock
 * @round: the index finds only entries of this round; written under index_lock
 * @in_round: there were entries of this round; index_lock
 * @was_read: some of it was read
 * @state: enum cachefs_region_state, set by cachefs_region_set_state(); while the
 *	cache is in use it becomes FREE under index_lock, and anything else under
 *	log_lock
 * @lost: its metadata is not there, and nothing of it is found any more; its
 *	load_mutex
 * @unwritten: the disk has not taken some of its metadata in this round
 */
struct cachefs_region {
	u64				seq;
	u64				*checksums;
	struct cachefs_open_region	*open;
	atomic_t			pins;
	u32				opened;
	u16				nr_extents;
	u16				live;
	u8				state;
	u8				round;
	bool				lost;
	bool				unwritten;
	bool				in_round;
	bool				was_read;
};

/*
 * struct cachefs_open_region - What a region needs while it is written
 * @link: in cache::ready or cache::sealing; log_lock
 * @nr: region number
 * @next_slot: first slot not handed out; log_lock
 * @left: slots that are neither published nor abandoned, with those that were not handed
 *	out; written under index_lock.  When the log has seen 0, it takes index_lock once
 *	more, and then frees all of this
 * @resolved: the same by final metadata block, counting up; index_lock
 * @written: final metadata blocks that are on disk; flush_mutex
 * @scratch_turn: which scratch block is next; flush_mutex
 * @scratch_nr: resolved slots in the newest scratch block; flush_mutex
 * @scratch_index: which final block that stands for; flush_mutex
 * @meta: the final metadata blocks; records are filled under index_lock
 */
struct cachefs_open_region {
	struct list_head		link;
	u32				nr;
	u32				next_slot;
	u32				left;
	u16				resolved[CACHEFS_MAX_REGION_BLOCKS / 126 + 1];
	DECLARE_BITMAP(written, CACHEFS_MAX_REGION_BLOCKS / 126 + 1);
	unsigned int			scratch_turn;
	unsigned int			scratch_nr;
	unsigned int			scratch_index;
	struct cachefs_meta_block	*meta;
};

enum cachefs_state {
	CACHEFS_DETACHED,	/* not in use yet, or not any more */
	CACHEFS_ACTIVE,
	CACHEFS_DEGRADED,	/* active, with errors: only from cachefs_state() */
	CACHEFS_FAILED,		/* nothing but errors: out of use */
	CACHEFS_DETACHING,
};

/*
 * struct cachefs_errors - Errors of reads, or of writes
 * @nr: how many have come in a row, those of a second as one; error_lock.  A transfer
 *	of data that goes well sets it to 0
 * @last: when the last one was counted, jiffies; error_lock
 */
struct cachefs_errors {
	unsigned int	nr;
	unsigned long	last;
};

/*
 * struct cachefs_geometry - Where everything is on the device
 * @device_blocks: size of the device when it was formatted, blocks
 * @nr_regions: number of regions
 * @region_blocks: size of a region with its metadata, blocks
 * @meta_blocks: final metadata blocks of a region
 * @slots: data blocks of a region
 *
 * Derived from the superblock; constant while the cache is attached.
 */
struct cachefs_geometry {
	u64	device_blocks;
	u32	nr_regions;
	u32	region_blocks;
	u32	meta_blocks;
	u32	slots;
};

/*
 * struct cachefs_cache - An attached cache
 * @device: the block device (device.c, or a simulated one)
 * @sysfs: its directory (sysfs.c)
 * @state_changed: called when the state may be another one, in any context; or %NULL
 * @geo: the layout of the device
 * @uuid: from the superblock, as the next three
 * @label: for people; ends with NUL
 * @secret: key of the version hash
 * @seed: of all checksums but the superblock's
 * @attach_count: upper part of the sequence numbers of this attach
 * @epoch: random, new at each attach
 * @anchor_generation: of the anchor that was written last; attach and detach only
 * @state: enum cachefs_state, changed with cmpxchg()
 * @error_lock: protects what follows from errors, up to @gone
 * @error_limit: limits lines in the log
 * @errors: of reads, and of writes
 * @stop_said: when the log last had why nothing is stored, jiffies; error_lock
 * @stopped_since: when the device did not take a write for lack of room, jiffies
 * @next_try: when a store may try again, jiffies
 * @stores_stopped: the device does not take what is stored
 * @check_device: the log work shall see whether the device can be read at all
 * @gone: the device was taken out of the machine; error_lock
 * @flush_mutex: protects the log's metadata
 * @attached: when the cache was attached, seconds since the machine has started
 * @head: region to be made READY next; written under flush_mutex
 * @next_seq: its sequence number; flush_mutex
 * @next_flush: when the open region's metadata is due, jiffies; flush_mutex
 * @next_meta_try: when it is tried again after an error, unless another write has
 *	worked, jiffies; flush_mutex
 * @let_go: so many regions from @head on have been let go before they are needed;
 *	flush_mutex
 * @unscanned: so many regions from @head on a recovery has not read yet; written under
 *	flush_mutex
 * @recovery: what is left to be found after an unclean stop, or %NULL
 * @recovering: that is under way; written under flush_mutex
 * @stay_room: blocks that may be stored again, see reinsert.c; flush_mutex
 * @scratch: buffer for one metadata block; flush_mutex
 * @log_lock: protects the open region, and the lists of the others
 * @reinserting: what stays of a region is being moved; log_lock
 * @ready: READY regions, oldest first; log_lock
 * @nr_ready: how many; written under log_lock
 * @sealing: full regions whose metadata is not written; log_lock
 * @current_region: the OPEN region or %NULL; log_lock
 * @index: where blocks are; see index.c
 * @index_lock: protects the entries and records of all regions
 * @ref_shift: a reference has the region from this bit on, and below that the slot
 * @regions: all of them; see there
 * @nr_extents: live extents; written under index_lock
 * @live_blocks: blocks that the index can find; written under index_lock
 * @shrink_hand: where the shrinker looks next; any value is fine
 * @load_mutex: held while checksums are read; of a region the one at its number, modulo
 * @max_in_flight: bound for what stores have on their way to the device, bytes
 * @max_in_flight_ms: bound for how long the device takes for it; 0: none.  A page
 *	is marked for at most twice as long
 * @read_bypass_ms: reads that take longer than this and longer than the server's
 *	go to the server; 0: never.  After ten times this without an answer the device
 *	is stuck, and nothing is stored either
 * @budget_lock: protects the next four; see budget.c
 * @write_budget: bytes that may be written to the device in a day; 0: any number
 * @budget_room: what is in the bucket, bytes; negative after too much metadata
 * @budget_written: how much had been written then, bytes
 * @budget_since: when that was, seconds
 * @read_ns: how long the device takes for a read, moving average
 * @server_ns: how long the server takes for one, moving average
 * @pace_lock: protects how fast the device writes
 * @write_rate: what the device takes, bytes per second; 0: not known yet.
 *	Written under pace_lock, as are the next four
 * @writing_since: when the measurement began, later by all idle time since, ns
 * @idle_since: when there was nothing more to write, ns; if @writes is 0
 * @written: bytes, in this measurement
 * @writes: data writes that the device has not completed
 * @last_answer: when it last completed something, jiffies
 * @next_probe: when a read goes to a slow device again, jiffies
 * @ios: I/O that it has not completed
 * @ops: operations (reads and stores) under way
 * @objects: open objects, as the glue counts them
 * @wait: for the end of the last operation, for room in flight, and for a recovery
 * @stores_lock: protects @stores
 * @stores: stores that have not ended and were not given up, oldest first; stores_lock
 * @watch: gives up stores that take too long
 * @submits: stores whose I/O has not begun, newest first
 * @submit_work: begins it
 * @wq: ends of stores: reclaim waits for them, so they wait for nothing else
 * @recover_wq: readers of a recovery; nobody needs them to get memory
 * @submit_wq: @submit_work
 * @read_wq: ends of reads
 * @log_wq: @log_work, one at a time
 * @log_work: looks after the log
 * @counters_mutex: protects the next two
 * @counters: of volumes that there are and that there were, the one left last at the end
 * @nr_counters: how many
 * @next_volume: the next name of a volume in sysfs
 * @latencies: enum cachefs_latency
 * @stats: enum cachefs_stat
 * @refused: bytes that were not stored, by enum cachefs_reason
 */
struct cachefs_cache {
	struct cachefs_device		*device;
	struct cachefs_sysfs		*sysfs;
	void				(*state_changed)(struct cachefs_cache *cache);
	struct cachefs_geometry		geo;
	u8				uuid[CACHEFS_UUID_SIZE];
	char				label[CACHEFS_LABEL_SIZE + 1];
	u8				secret[CACHEFS_SECRET_SIZE];
	u64				seed;
	u64				attach_count;
	u64				epoch;
	u64				anchor_generation;
	unsigned int			state;

	spinlock_t			error_lock;	/* what follows from errors */
	struct ratelimit_state		error_limit;
	struct cachefs_errors		errors[2];
	unsigned long			stop_said;
	unsigned long			stopped_since;
	unsigned long			next_try;
	bool				stores_stopped;
	bool				check_device;
	bool				gone;

	u32				attached;

	struct mutex			flush_mutex;	/* the log's metadata */
	u32				head;
	u64				next_seq;
	unsigned long			next_flush;
	unsigned long			next_meta_try;
	u32				let_go;
	u32				unscanned;
	struct cachefs_recovery		*recovery;
	bool				recovering;
	u32				stay_room;
	struct cachefs_meta_block	*scratch;

	spinlock_t			log_lock;	/* which region is open */
	bool				reinserting;
	struct list_head		ready;
	unsigned int			nr_ready;
	struct list_head		sealing;
	struct cachefs_open_region	*current_region;

	rwlock_t			index_lock;
	struct cachefs_index		index;
	u32				ref_shift;
	struct cachefs_region		*regions;
	u64				nr_extents;
	u64				live_blocks;
	u32				shrink_hand;

	/* Reading of checksums. */
	struct mutex			load_mutex[CACHEFS_LOAD_LOCKS];

	u64				max_in_flight;
	unsigned int			max_in_flight_ms;
	unsigned int			read_bypass_ms;
	spinlock_t			budget_lock;	/* what may be written */
	u64				write_budget;
	s64				budget_room;
	s64				budget_written;
	time64_t			budget_since;
	u64				read_ns;
	u64				server_ns;
	spinlock_t			pace_lock;	/* how fast it writes */
	u64				write_rate;
	u64				writing_since;
	u64				idle_since;
	u64				written;
	unsigned int			writes;
	unsigned long			last_answer;
	unsigned long			next_probe;
	atomic_t			ios;
	atomic_t			ops;
	atomic_t			objects;
	wait_queue_head_t		wait;

	spinlock_t			stores_lock;	/* the list */
	struct list_head		stores;
	struct delayed_work		watch;
	struct llist_head		submits;
	struct work_struct		submit_work;

	struct workqueue_struct		*wq;
	struct workqueue_struct		*recover_wq;
	struct workqueue_struct		*submit_wq;
	struct workqueue_struct		*read_wq;
	struct workqueue_struct		*log_wq;
	struct delayed_work		log_work;
	struct mutex			counters_mutex;	/* the list */
	struct list_head		counters;
	unsigned int			nr_counters;
	atomic_t			next_volume;
	struct cachefs_histogram	latencies[CACHEFS_NR_LATENCIES];
	atomic64_t			stats[CACHEFS_NR_STATS];
	atomic64_t			refused[CACHEFS_NR_REASONS];
};

/*
 * struct cachefs_io - One contiguous transfer between pages and slots
 * @cache: the cache
 * @pages: @nr of them
 * @nr: how many
 * @device_block: where on the device
 * @block: first file block, for verification and publishing
 * @region: number of the region that it goes to or comes from
 * @slot: first slot
 * @error: the device's, for @end
 * @end: called once, in any context
 * @owner: the read or store that it is part of
 * @copies: the last ones of @pages that are copies, see store.c
 * @began: when it went to the device, ns
 * @link: in cachefs_store::ios
 * @work: what the end cannot do in interrupt context
 */
struct cachefs_io {
	struct cachefs_cache	*cache;
	struct page		**pages;
	unsigned int		nr;
	u64			device_block;
	u64			block;
	u32			region;
	u32			slot;
	int			error;
	void			(*end)(struct cachefs_io *io);
	void			*owner;
	unsigned int		copies;
	u64			began;
	struct list_head	link;
	struct work_struct	work;
};

static inline void cachefs_stat_add(struct cachefs_cache *cache,
				    enum cachefs_stat stat, s64 n)
{
	atomic64_add(n, &cache->stats[stat]);
}

/* Bytes that stores have on their way to the device. */
static inline atomic64_t *cachefs_in_flight(struct cachefs_cache *cache)
{
	return &cache->stats[CACHEFS_STAT_STORES_IN_FLIGHT_BYTES];
}

static inline bool cachefs_usable(const struct cachefs_cache *cache)
{
	return READ_ONCE(cache->state) == CACHEFS_ACTIVE;
}

/* The device has done a transfer of data: what failed before was not all. */
static inline void cachefs_io_worked(struct cachefs_cache *cache, bool write)
{
	if (unlikely(READ_ONCE(cache->errors[write].nr)))
		WRITE_ONCE(cache->errors[write].nr, 0);
}

/* How many regions are kept ready: one for what stays, the rest for stores. */
static inline unsigned int cachefs_ready_regions(const struct cachefs_cache *cache)
{
	u32 nr = cache->geo.nr_regions;

	return clamp(nr / 64, nr < 12 ? 2U : 3U, 16U);
}

/*
 * So many regions may become full before there are more pages for the index: all that are
 * ready, and the open one.
 */
static inline unsigned int cachefs_full_regions(const struct cachefs_cache *cache)
{
	return cachefs_ready_regions(cache) + 1;
}

/* What all regions hold, bytes. */
static inline u64 cachefs_capacity(const struct cachefs_cache *cache)
{
	return (u64)cache->geo.nr_regions * cache->geo.slots << CACHEFS_BLOCK_SHIFT;
}

static inline u64 cachefs_region_start(const struct cachefs_geometry *geo,
				       u32 region)
{
	return CACHEFS_FIRST_BLOCK + (u64)region * geo->region_blocks;
}

static inline u64 cachefs_slot_block(const struct cachefs_geometry *geo,
				     u32 region, u32 slot)
{
	return cachefs_region_start(geo, region) + geo->meta_blocks +
		CACHEFS_SCRATCH_BLOCKS + slot;
}

/* format.c: interprets bytes, touches no state */

/* Why an image is refused: the name here, and the field in messages. */
#define CACHEFS_REFUSALS(X) \
	X(MAGIC, "magic") \
	X(CHECKSUM, "checksum") \
	X(VERSION, "format version") \
	X(FEATURES, "features") \
	X(BLOCK_SIZE, "block size") \
	X(REGION_SIZE, "region size") \
	X(DEVICE_SIZE, "device size") \
	X(FIRST_BLOCK, "first block") \
	X(NR_REGIONS, "number of regions") \
	X(COPY, "copy at the end of the device") \
	X(UUID, "UUID") \
	X(INDEX, "block index") \
	X(COUNT, "record count") \
	X(REGION, "region number") \
	X(SEQ, "sequence number")

enum cachefs_refusal {
	CACHEFS_OK,
#define X(name, text) CACHEFS_BAD_##name,
	CACHEFS_REFUSALS(X)
#undef X
};

/*
 * struct cachefs_region_meta - The metadata of a region, as the disk has it
 * @blocks: all of them, final and scratch
 * @region: which region
 * @seq: the newest sequence number in a valid block, or 0 if there is none
 * @epoch: the epoch that goes with it; 0 if there is more than one
 * @valid: the bits of the blocks that are valid
 */
struct cachefs_region_meta {
	struct cachefs_meta_block	*blocks;
	u32				region;
	u64				seq;
	u64				epoch;
	u64				valid;
};

const char *cachefs_refusal_text(enum cachefs_refusal why);
enum cachefs_refusal cachefs_geometry_init(struct cachefs_geometry *geo,
					   u64 device_blocks, u32 region_blocks);
void cachefs_super_encode(struct cachefs_super_block *sb,
			  const struct cachefs_geometry *geo, const char *label,
			  u64 time);
enum cachefs_refusal cachefs_super_check(const struct cachefs_super_block *sb,
					 u64 device_blocks,
					 struct cachefs_geometry *geo);
void cachefs_anchor_seal(struct cachefs_anchor *anchor, u64 seed);
enum cachefs_refusal cachefs_anchor_check(const struct cachefs_anchor *anchor,
					  const u8 *uuid, u64 seed,
					  const struct cachefs_geometry *geo);
void cachefs_block_init(struct cachefs_block_header *header, u32 magic,
			const struct cachefs_cache *cache, u32 region, u64 seq,
			u32 index);
void cachefs_block_seal(struct cachefs_block_header *header, u64 seed);
enum cachefs_refusal cachefs_block_check(const struct cachefs_block_header *header,
					 u32 magic, const u8 *uuid, u64 seed,
					 u32 region);
unsigned int cachefs_records_run(const struct cachefs_slot_record *records,
				 unsigned int nr);
u64 cachefs_data_checksum(u64 seed, const u8 id[16], u64 block,
			  const void *data);
const struct cachefs_meta_block *
cachefs_meta_pick(const struct cachefs_region_meta *meta, u32 index,
		  const struct cachefs_geometry *geo);
bool cachefs_meta_newest(struct cachefs_region_meta *meta, const u8 *uuid,
			 u64 seed, const struct cachefs_geometry *geo);

/* How many of @nr slots from the first on follow each other in one region? */
static inline unsigned int cachefs_slots_run(const struct cachefs_cache *cache,
					     const u32 *slots, unsigned int nr)
{
	unsigned int run = 1;

	if (slots[0] == CACHEFS_NO_REF)
		return 1;
	while (run < nr && slots[run] == slots[0] + run &&
	       slots[run] >> cache->ref_shift == slots[0] >> cache->ref_shift)
		run++;
	return run;
}

/* What the reader did with checksums and slots comes before... */
static inline void cachefs_region_unpin(struct cachefs_cache *cache, u32 region)
{
	atomic_dec_return_release(&cache->regions[region].pins);
}

/* ... what is done to a region that is not pinned. */
static inline bool cachefs_region_pinned(const struct cachefs_region *region)
{
	return atomic_read_acquire(&region->pins);
}

/* checksums.c */
u64 *cachefs_checksums_alloc(struct cachefs_cache *cache, gfp_t gfp);
void cachefs_checksums_free(struct cachefs_cache *cache, u64 *checksums);
int cachefs_region_read_meta(struct cachefs_cache *cache, struct cachefs_region_meta *meta);
int cachefs_region_load_meta(struct cachefs_cache *cache, u32 region,
			     struct cachefs_region_meta *meta);
void cachefs_region_records(struct cachefs_cache *cache,
			    const struct cachefs_region_meta *meta,
			    struct cachefs_slot_record *records);
const u64 *cachefs_region_load_checksums(struct cachefs_cache *cache, u32 region,
					 u32 slot, u32 nr);
bool cachefs_region_holds(struct cachefs_cache *cache, u32 region, u32 slot,
			  const u8 id[16], u64 block);
unsigned long cachefs_checksums_spare(struct cachefs_cache *cache);
unsigned long cachefs_region_drop_checksums(struct cachefs_cache *cache,
					    unsigned long nr);

/*
 * struct cachefs_reinsert - A region of which some stays
 * @region: its number
 * @slot: where to go on
 * @records: of all its slots
 * @buffer: for an extent
 */
struct cachefs_reinsert {
	u32				region;
	u32				slot;
	struct cachefs_slot_record	*records;
	u8				*buffer;
};

/* reinsert.c */
bool cachefs_reinsert(struct cachefs_cache *cache,
		      struct cachefs_reinsert *reinsert);
void cachefs_reinsert_end(struct cachefs_reinsert *reinsert);
void cachefs_reinsert_more(struct cachefs_cache *cache);

/*
 * struct cachefs_piece - Slots in one piece of a region that is not full
 * @region: which
 * @slot: the first of them
 * @nr: how many
 */
struct cachefs_piece {
	u32	region;
	u32	slot;
	u32	nr;
};

/* slots.c */
void cachefs_region_set_state(struct cachefs_cache *cache, u32 nr,
			      enum cachefs_region_state state);
void cachefs_region_free(struct cachefs_cache *cache, u32 nr);
u32 cachefs_region_alloc_slots(struct cachefs_cache *cache, u32 want,
			       struct cachefs_piece *slots, bool last);
void cachefs_region_publish(struct cachefs_cache *cache,
			    const struct cachefs_piece *slots, const u8 id[16],
			    u64 block, u32 last_bytes);
void cachefs_region_abandon(struct cachefs_cache *cache,
			    const struct cachefs_piece *slots);
bool cachefs_region_move(struct cachefs_cache *cache,
			 const struct cachefs_extent *extent,
			 const struct cachefs_piece *pieces, unsigned int nr);

/* log.c */
void cachefs_log_work(struct work_struct *work);
void cachefs_log_seal_all(struct cachefs_cache *cache);
void cachefs_log_free(struct cachefs_cache *cache);

/* Have the log looked after soon. */
static inline void cachefs_log_kick(struct cachefs_cache *cache)
{
	mod_delayed_work(cache->log_wq, &cache->log_work, 0);
}

/* store.c */
void cachefs_store_submit(struct work_struct *work);
void cachefs_store_watch(struct work_struct *work);

/* pace.c */
void cachefs_pace_begin(struct cachefs_io *io, bool write);
void cachefs_pace_end(struct cachefs_io *io, bool write);
u64 cachefs_pace_window(struct cachefs_cache *cache);
unsigned long cachefs_pace_patience(struct cachefs_cache *cache);
bool cachefs_pace_slow(struct cachefs_cache *cache);
bool cachefs_pace_bypass(struct cachefs_cache *cache);

/* budget.c */
int cachefs_budget_set(struct cachefs_cache *cache, u64 day);
bool cachefs_budget_admits(struct cachefs_cache *cache, u64 bytes, bool stays);
bool cachefs_budget_is_used(struct cachefs_cache *cache);

/* super.c */
int cachefs_format(struct cachefs_device *device, const char *label,
		   unsigned int region_blocks);
int cachefs_super_make(struct cachefs_device *device, unsigned int flags);
int cachefs_super_read(struct cachefs_cache *cache,
		       struct cachefs_super_block *sb);
int cachefs_write_anchor(struct cachefs_cache *cache, u32 ckpt_region,
			 u64 ckpt_blocks, u64 ckpt_seq);
int cachefs_read_anchor(struct cachefs_cache *cache,
			struct cachefs_anchor *newest, bool *found);

/* recover.c */
int cachefs_recover(struct cachefs_cache *cache);
unsigned long cachefs_recover_more(struct cachefs_cache *cache);
void cachefs_recover_stop(struct cachefs_cache *cache);
void cachefs_recover_free(struct cachefs_cache *cache);
unsigned int cachefs_recovered_percent(const struct cachefs_cache *cache);

/* checkpoint.c */
int cachefs_load_checkpoint(struct cachefs_cache *cache,
			    const struct cachefs_anchor *anchor);
int cachefs_checkpoint(struct cachefs_cache *cache);

/* errors.c */
void cachefs_errors_reset(struct cachefs_cache *cache);
enum cachefs_state cachefs_state(const struct cachefs_cache *cache);
void cachefs_io_error(struct cachefs_cache *cache, bool write, u64 block,
		      int error);
int cachefs_transfer(struct cachefs_cache *cache, bool write, u64 block,
		     void *buffer, unsigned int nr);
void cachefs_check_device(struct cachefs_cache *cache);
bool cachefs_store_try(struct cachefs_cache *cache);
void cachefs_store_worked(struct cachefs_cache *cache, unsigned long began);
int cachefs_use_again(struct cachefs_cache *cache);
void cachefs_device_gone(struct cachefs_cache *cache);

/* cache.c */
int cachefs_attach(struct cachefs_device *device, unsigned int flags,
		   struct cachefs_cache **cachep);
bool cachefs_finish(struct cachefs_cache *cache);
void cachefs_detach(struct cachefs_cache *cache);

/* account.c; more in cachefs.h */
void cachefs_op_begin(struct cachefs_cache *cache);
void cachefs_op_end(struct cachefs_cache *cache);
u32 cachefs_oldest_seconds(const struct cachefs_cache *cache);

/* device.c, and tests/user/device.c */
u64 cachefs_device_blocks(struct cachefs_device *device);
const char *cachefs_device_name(struct cachefs_device *device);
enum cachefs_signature {
	CACHEFS_SIGNATURE_BLANK,
	CACHEFS_SIGNATURE_OWN,		/* our magic, valid or not */
	CACHEFS_SIGNATURE_FOREIGN,
};

int cachefs_device_signature(struct cachefs_device *device, const char **what);
int cachefs_device_wipe(struct cachefs_device *device);
int cachefs_device_read(struct cachefs_device *device, u64 block, void *buffer,
			unsigned int nr);
int cachefs_device_write(struct cachefs_device *device, u64 block,
			 const void *buffer, unsigned int nr, blk_opf_t flags);
struct cachefs_io *cachefs_io_alloc(struct cachefs_cache *cache, bool write,
				    unsigned int nr);
void cachefs_io_submit(struct cachefs_io *io);
void cachefs_io_free(struct cachefs_io *io);
bool cachefs_device_stable_writes(struct cachefs_device *device);
struct page *cachefs_copy_page_alloc(struct cachefs_device *device);
void cachefs_copy_page_free(struct cachefs_device *device, struct page *page);

#endif /* _CACHEFS_INTERNAL_H */
