/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Declarations that the files of the core share, grouped by the file that defines them.
 * The core knows pages, regions and extents.  The core does not know NFS, netfs or
 * cookies.  All files but debugfs.c, device.c, page_mark.c, sysfs.c and main.c also
 * compile in user space, with the headers in tests/user/include.
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
#include <linux/percpu.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "cachefs.h"
#include "counters.h"
#include "format.h"
#include "index.h"
#include "region.h"

/* The index works in chunks of this many file blocks. */
#define CACHEFS_CHUNK_BLOCKS	128
#define CACHEFS_NO_REF		U32_MAX

/*
 * After this many errors in a row the cache is out of use, if nothing else can be read
 * either.  After as many write errors in a row nothing is stored.
 */
#define CACHEFS_MAX_ERRORS	16
/* Errors that are closer together than this count once. */
#define CACHEFS_ERROR_INTERVAL	HZ
/* Errors are forgotten after this time without another error. */
#define CACHEFS_ERROR_MEMORY	(300 * HZ)
/* The interval at which a store may try whether the device takes writes again. */
#define CACHEFS_ROOM_INTERVAL	(5 * HZ)

/* The largest number of regions whose checksums can be loaded at a time. */
#define CACHEFS_LOAD_LOCKS	64

/* Reads up to this size are verified in their completion. */
#define CACHEFS_INLINE_VERIFY	(16 << 10)

/* Without memory the server is asked, which is better than to wait for memory. */
#define CACHEFS_GFP_OR_SERVER	(GFP_NOIO | __GFP_NOWARN | __GFP_NORETRY)

enum cachefs_state {
	CACHEFS_DETACHED,	/* not in use yet, or not any more */
	CACHEFS_ACTIVE,
	CACHEFS_DEGRADED,	/* active, with errors: only from cachefs_state() */
	CACHEFS_FAILED,		/* the device fails or is gone: out of use */
	CACHEFS_DETACHING,
};

/*
 * struct cachefs_errors - Errors of reads, or of writes
 * @nr: number of errors in a row; errors of one second count once; error_lock.  A
 *	transfer of data that works sets the number to 0
 * @last: when the last error was counted, jiffies; error_lock
 */
struct cachefs_errors {
	unsigned int	nr;
	unsigned long	last;
};

/*
 * struct cachefs_cache - An attached cache
 * @device: the block device (device.c, or a simulated one)
 * @sysfs: the cache's directory (sysfs.c)
 * @state_changed: called when the state may have changed, in any context; or %NULL
 * @geo: the layout of the device
 * @uuid: from the superblock, like the next three
 * @label: name for people; ends with NUL
 * @secret: key of the version hash
 * @volume_hash: version ids have a hash of their volume, %CACHEFS_COMPAT_VOLUME_HASH
 * @seed: seed of all checksums but the superblock's
 * @attach_count: upper part of the sequence numbers of this attach
 * @epoch: random, new at each attach
 * @anchor_generation: generation of the anchor that was written last; attach and detach
 *	only
 * @state: enum cachefs_state, changed with cmpxchg()
 * @error_lock: protects the members that change after errors, up to @gone
 * @error_limit: limits lines in the kernel log
 * @errors: errors of reads, and of writes
 * @stop_said: when the kernel log last said why nothing is stored, jiffies; error_lock
 * @stopped_since: since when the device takes no writes, jiffies
 * @next_try: when a store may try again, jiffies
 * @stores_stopped: the device takes no writes, so stores are refused
 * @check_device: the log work must check whether the device can be read at all
 * @gone: the device was taken out of the machine; error_lock
 * @flush_mutex: protects the log's metadata
 * @attached: when the cache was attached, seconds since the machine has started
 * @head: region to be made READY next; written under flush_mutex
 * @next_seq: sequence number of that region; written under flush_mutex
 * @next_flush: when the open region's metadata is due, jiffies; flush_mutex
 * @next_meta_try: when metadata is written again after an error, unless another write
 *	has worked, jiffies; flush_mutex
 * @let_go: number of regions from @head on that were let go before they are needed;
 *	flush_mutex
 * @unscanned: number of regions from @head on that a recovery has not read yet; written
 *	under flush_mutex
 * @recovery: the recovery after an unclean stop, until its end, or %NULL
 * @recovering: the recovery is reading; written under flush_mutex
 * @room_saved: a minimum share has made @stay_room as large as can be, once; flush_mutex
 * @stay_room: number of blocks that may be stored again, see reinsert.c; flush_mutex
 * @scratch: buffer for one metadata block; flush_mutex
 * @log_lock: protects the open region, and the lists of other regions
 * @reinserting: blocks that stay are being moved; log_lock
 * @ready: READY regions, oldest first; log_lock
 * @nr_ready: number of READY regions; written under log_lock
 * @sealing: full regions whose metadata is not written; log_lock
 * @current_region: the OPEN region or %NULL; log_lock
 * @index: the index; see index.c
 * @index_lock: protects the entries and records of all regions
 * @ref_shift: a reference has the region from this bit on, and the slot below this bit
 * @regions: all regions; see struct cachefs_region
 * @nr_extents: number of live extents; written under index_lock
 * @live_blocks: number of blocks that the index can find; written under index_lock
 * @shrink_hand: the region that the shrinker looks at next; any value is fine
 * @load_mutex: held while checksums are read; the region's number, modulo
 *	%CACHEFS_LOAD_LOCKS, selects the mutex
 * @max_in_flight: bound for the data of stores on the way to the device, bytes
 * @max_in_flight_ms: bound for the time in which the device writes that data; 0: none.
 *	A page is marked for at most twice as long
 * @read_bypass_ms: reads go to the server if the device takes longer than this and longer
 *	than the server; 0: never.  After ten times this without an answer the device
 *	is stuck, and nothing is stored either
 * @discard: whether regions that were let go are discarded
 * @budget_lock: protects the next four; see budget.c
 * @write_budget: bytes that may be written to the device in a day; 0: any number
 * @budget_room: room in the bucket, bytes; negative after too much metadata
 * @budget_written: bytes that had been written at @budget_since
 * @budget_since: when @budget_room was computed, seconds
 * @read_ns: time that the device takes for a read, moving average
 * @server_ns: time that the server takes for a read, moving average
 * @pace_lock: protects the measurement of the write rate
 * @write_rate: bytes per second that the device writes; 0: not known yet.
 *	Written under pace_lock, like the next four
 * @writing_since: when the measurement began, plus all idle time since then, ns
 * @idle_since: if @writes is 0: when the last write ended, ns
 * @written: bytes written in this measurement
 * @writes: data writes that the device has not completed
 * @last_answer: when the device last completed an I/O, or got one after it was idle,
 *	jiffies
 * @next_probe: when a read goes to a slow device again, jiffies
 * @objects: number of open objects, as the glue counts them
 * @ops_wait: for the end of the last operation
 * @wait: for room in flight, and for a recovery
 * @stores_lock: protects @stores
 * @stores: stores that have not ended and were not given up; stores_lock
 * @watch: gives up stores that take too long
 * @submits: stores whose I/O has not begun, newest first
 * @submit_work: begins the I/O of @submits
 * @wq: ends of stores.  Reclaim waits for ends of stores, so these wait for nothing else
 * @recover_wq: readers of a recovery; no task needs these readers to get memory
 * @submit_wq: @submit_work
 * @read_wq: ends of reads
 * @log_wq: @log_work, one at a time
 * @log_work: looks after the log
 * @protects: a volume has had a minimum share since the attach
 * @counters_mutex: protects the next two
 * @counters: counters of present and former volumes; those that were added or put last
 *	are at the end
 * @nr_counters: number of entries in @counters
 * @ghosts: blocks that were not stored, for the policy "second", or %NULL; set once
 * @next_volume: the next name of a volume in sysfs
 * @cpu: the counters of each processor
 * @stats: the statistics that are exact, see cachefs_stat_is_exact()
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
	bool				volume_hash;
	u64				seed;
	u64				attach_count;
	u64				epoch;
	u64				anchor_generation;
	unsigned int			state;

	spinlock_t			error_lock;	/* state after errors */
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
	bool				room_saved;
	u32				stay_room;
	struct cachefs_meta_block	*scratch;

	spinlock_t			log_lock;	/* open region, lists */
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

	struct mutex			load_mutex[CACHEFS_LOAD_LOCKS];	/* checksums */

	u64				max_in_flight;
	unsigned int			max_in_flight_ms;
	unsigned int			read_bypass_ms;
	bool				discard;
	spinlock_t			budget_lock;	/* the write budget */
	u64				write_budget;
	s64				budget_room;
	s64				budget_written;
	time64_t			budget_since;
	u64				read_ns;
	u64				server_ns;
	spinlock_t			pace_lock;	/* the write rate */
	u64				write_rate;
	u64				writing_since;
	u64				idle_since;
	u64				written;
	unsigned int			writes;
	unsigned long			last_answer;
	unsigned long			next_probe;
	atomic_t			objects;
	wait_queue_head_t		ops_wait;
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
	bool				protects;
	struct mutex			counters_mutex;	/* the list */
	struct list_head		counters;
	unsigned int			nr_counters;
	struct cachefs_ghosts		*ghosts;
	atomic_t			next_volume;
	struct cachefs_cpu __percpu	*cpu;
	atomic64_t			stats[CACHEFS_NR_STATS];
	atomic64_t			refused[CACHEFS_NR_REASONS];
};

/*
 * struct cachefs_io - One contiguous transfer between pages and slots
 * @cache: the cache
 * @pages: the pages
 * @nr: number of pages
 * @device_block: first block on the device
 * @block: first file block, for verification and publishing
 * @region: number of the region that the data goes to or comes from
 * @slot: first slot
 * @error: the device's error, for @end
 * @end: called once, in any context
 * @owner: the read or store that this I/O is part of
 * @copies: number of pages at the end of @pages that are copies, see store.c
 * @began: when the I/O went to the device, ns
 * @link: in cachefs_store::ios
 * @work: for the part of the end that is not possible in interrupt context
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

/*
 * Whether a statistic is kept in one place.  The value of such a statistic goes down, too,
 * or a store needs the value.  A sum over all processors that are counting may be neither
 * the value before nor the value after.  A read of cached data changes none of these.
 */
static inline bool cachefs_stat_is_exact(enum cachefs_stat stat)
{
	switch (stat) {
	case CACHEFS_STAT_STORES_IN_FLIGHT_BYTES:
	case CACHEFS_STAT_PAGES_MARKED:
	case CACHEFS_STAT_INDEX_BYTES:
	case CACHEFS_STAT_CHECKSUM_BYTES:
	case CACHEFS_STAT_DEVICE_WRITTEN_BYTES:
	case CACHEFS_STAT_READAHEAD_BYTES:
		return true;
	default:
		return false;
	}
}

static inline void cachefs_stat_add(struct cachefs_cache *cache,
				    enum cachefs_stat stat, s64 n)
{
	if (cachefs_stat_is_exact(stat))
		atomic64_add(n, &cache->stats[stat]);
	else
		this_cpu_add(cache->cpu->stats[stat], n);
}

static inline s64 cachefs_stat_read(const struct cachefs_cache *cache,
				    enum cachefs_stat stat)
{
	if (cachefs_stat_is_exact(stat))
		return atomic64_read(&cache->stats[stat]);
	return cachefs_cpu_sum(&cache->cpu->stats[stat]);
}

/* Return the number of bytes that stores have on the way to the device. */
static inline atomic64_t *cachefs_in_flight(struct cachefs_cache *cache)
{
	return &cache->stats[CACHEFS_STAT_STORES_IN_FLIGHT_BYTES];
}

static inline bool cachefs_usable(const struct cachefs_cache *cache)
{
	return READ_ONCE(cache->state) == CACHEFS_ACTIVE;
}

/* A transfer of data has worked: errors before it are not in a row with later errors. */
static inline void cachefs_io_worked(struct cachefs_cache *cache, bool write)
{
	if (unlikely(READ_ONCE(cache->errors[write].nr)))
		WRITE_ONCE(cache->errors[write].nr, 0);
}

/* The number of regions to keep ready: one for blocks that stay, the rest for stores. */
static inline unsigned int cachefs_ready_regions(const struct cachefs_cache *cache)
{
	u32 nr = cache->geo.nr_regions;

	return clamp(nr / 64, nr < 12 ? 2U : 3U, 16U);
}

/*
 * Return the number of regions that may become full before there are more pages for the
 * index: all regions that are ready, and the open region.
 */
static inline unsigned int cachefs_full_regions(const struct cachefs_cache *cache)
{
	return cachefs_ready_regions(cache) + 1;
}

/* Return the size of all slots, bytes. */
static inline u64 cachefs_capacity(const struct cachefs_cache *cache)
{
	return (u64)cache->geo.nr_regions * cache->geo.slots << CACHEFS_BLOCK_SHIFT;
}

/* Return the slot of a reference (region << ref_shift | slot). */
static inline u32 cachefs_ref_slot(const struct cachefs_cache *cache, u32 ref)
{
	return ref & ((1U << cache->ref_shift) - 1);
}

/* Count the slots, of @nr from the first on, that follow each other in one region. */
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

/*
 * The reader's accesses to checksums and slots come before the unpinning.  Pairs with
 * cachefs_region_pinned().
 */
static inline void cachefs_region_unpin(struct cachefs_cache *cache, u32 region)
{
	atomic_dec_return_release(&cache->regions[region].pins);
}

/*
 * If the region is not pinned, later accesses come after those of all former readers.
 * Pairs with cachefs_region_unpin().
 */
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
 * struct cachefs_reinsert - A region of which some blocks stay
 * @region: number of the region
 * @slot: the next slot to look at
 * @nr: number of @extents
 * @records: records of all slots
 * @extents: the next extents that stay
 * @buffer: their data
 */
struct cachefs_reinsert {
	u32				region;
	u32				slot;
	u32				nr;
	struct cachefs_slot_record	*records;
	struct cachefs_extent		*extents;
	u8				*buffer;
};

/* reinsert.c */
bool cachefs_reinsert(struct cachefs_cache *cache,
		      struct cachefs_reinsert *reinsert);
void cachefs_reinsert_end(struct cachefs_reinsert *reinsert);
void cachefs_reinsert_more(struct cachefs_cache *cache);

/*
 * struct cachefs_piece - Consecutive slots of a region that is being written
 * @region: number of the region
 * @slot: the first slot
 * @nr: number of slots
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

/* Run the work of the log soon. */
static inline void cachefs_log_kick(struct cachefs_cache *cache)
{
	mod_delayed_work(cache->log_wq, &cache->log_work, 0);
}

/* store.c; more in cachefs.h */
void cachefs_store_submit(struct work_struct *work);
void cachefs_store_watch(struct work_struct *work);

/* pace.c; more in cachefs.h */
void cachefs_pace_begin(struct cachefs_io *io, bool write);
void cachefs_pace_end(struct cachefs_io *io, bool write);
u64 cachefs_latency_count(const struct cachefs_cache *cache, enum cachefs_latency which,
			  unsigned int bucket);
u64 cachefs_latency_total_ns(const struct cachefs_cache *cache,
			     enum cachefs_latency which);
bool cachefs_pace_busy(const struct cachefs_cache *cache);
u64 cachefs_pace_window(struct cachefs_cache *cache);
unsigned long cachefs_pace_patience(struct cachefs_cache *cache);
bool cachefs_pace_bypass(struct cachefs_cache *cache);

/* budget.c; more in cachefs.h */
int cachefs_budget_set(struct cachefs_cache *cache, u64 day);
bool cachefs_budget_admits(struct cachefs_cache *cache, u64 bytes, bool stays);

/* ghosts.c; more in cachefs.h */
void cachefs_ghosts_end(struct cachefs_cache *cache);

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

/* errors.c; more in cachefs.h */
void cachefs_errors_reset(struct cachefs_cache *cache);
enum cachefs_state cachefs_state(const struct cachefs_cache *cache);
void cachefs_io_error(struct cachefs_cache *cache, bool write, u64 block,
		      int error);
int cachefs_transfer(struct cachefs_cache *cache, bool write, u64 block,
		     void *buffer, unsigned int nr, blk_opf_t flags);
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
bool cachefs_share_protects(struct cachefs_cache *cache, const u8 id[16]);
void cachefs_share_stays(struct cachefs_cache *cache, const u8 id[16], u64 bytes);
u32 cachefs_oldest_seconds(const struct cachefs_cache *cache);

/* device.c, and tests/user/device.c */
u64 cachefs_device_blocks(struct cachefs_device *device);
const char *cachefs_device_name(struct cachefs_device *device);
enum cachefs_signature {
	CACHEFS_SIGNATURE_BLANK,
	CACHEFS_SIGNATURE_OWN,		/* magic of cachefs, valid or not */
	CACHEFS_SIGNATURE_FOREIGN,
};

int cachefs_device_signature(struct cachefs_device *device, const char **what);
int cachefs_device_wipe(struct cachefs_device *device);
int cachefs_device_read(struct cachefs_device *device, u64 block, void *buffer,
			unsigned int nr, blk_opf_t flags);
int cachefs_device_write(struct cachefs_device *device, u64 block,
			 const void *buffer, unsigned int nr, blk_opf_t flags);
bool cachefs_device_can_discard(struct cachefs_device *device, unsigned int bytes);
int cachefs_device_discard(struct cachefs_device *device, u64 block, unsigned int nr);
struct cachefs_io *cachefs_io_alloc(struct cachefs_cache *cache, bool write,
				    unsigned int nr);
void cachefs_io_submit(struct cachefs_io *io);
void cachefs_io_free(struct cachefs_io *io);
bool cachefs_device_stable_writes(struct cachefs_device *device);
struct page *cachefs_copy_page_alloc(struct cachefs_device *device);
void cachefs_copy_page_free(struct cachefs_device *device, struct page *page);

#endif /* _CACHEFS_INTERNAL_H */
