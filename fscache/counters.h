/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters: of each processor, so that readers of hits do not wait for each other; of a
 * volume (account.c); and histograms of I/O times (pace.c).
 */
#ifndef _CACHEFS_COUNTERS_H
#define _CACHEFS_COUNTERS_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include "cachefs.h"

/* Histograms of latency, each with its file in sysfs. */
#define CACHEFS_LATENCIES(X) \
	X(DEVICE_READS, device_reads) \
	X(DEVICE_WRITES, device_writes) \
	X(SERVER_READS, server_reads)

enum cachefs_latency {
#define X(latency, file) CACHEFS_LATENCY_##latency,
	CACHEFS_LATENCIES(X)
#undef X
	CACHEFS_NR_LATENCIES,
};

/* The last bucket counts all times of some 4 seconds and more. */
#define CACHEFS_LATENCY_BUCKETS	24

/*
 * struct cachefs_histogram - The times that something took
 * @total_ns: sum of all times
 * @counts: number of times: in bucket n, less than 2^n us and not less than half of that
 */
struct cachefs_histogram {
	s64	total_ns;
	s64	counts[CACHEFS_LATENCY_BUCKETS];
};

/*
 * struct cachefs_tally - The begins and ends that one processor has seen
 * @begun: number of begins
 * @ended: number of ends.  Something may end on another processor than it has begun on
 */
struct cachefs_tally {
	s64	begun;
	s64	ended;
};

/*
 * struct cachefs_cpu - The counters of one processor; cachefs_cpu_sum() adds them up
 * @ops: operations (reads and stores)
 * @ios: I/Os of the device
 * @stats: statistics, by enum cachefs_stat; but see cachefs_stat_is_exact()
 * @latencies: histograms, by enum cachefs_latency
 */
struct cachefs_cpu {
	struct cachefs_tally		ops;
	struct cachefs_tally		ios;
	s64				stats[CACHEFS_NR_STATS];
	struct cachefs_histogram	latencies[CACHEFS_NR_LATENCIES];
};

/*
 * struct cachefs_volume_cpu - The counters of a volume of one processor
 * @stats: the first few of enum cachefs_stat
 */
struct cachefs_volume_cpu {
	s64	stats[CACHEFS_STAT_STORED_BYTES + 1];
};

/* The parts of the log for which the bytes of a volume are counted. */
#define CACHEFS_SHARE_PARTS	64U

/*
 * The number of counters that are kept, two for a volume.  Used ones are always kept, and
 * so are those of a volume with a minimum share.
 */
#define CACHEFS_KEPT_COUNTERS	2000

/*
 * struct cachefs_counters - The counters of a volume since the attach
 * @link: in cachefs_cache::counters
 * @users: volumes that are counted here now; counters_mutex
 * @cpu: statistics
 * @hash: of @key, as in the version ids of an identity
 * @min_share: data of other volumes does not push out this part of the cache, percent.
 *	Kept when the last volume is gone, as is @has_share
 * @has_share: the next members count, since a volume has had a share.  Only of an identity
 * @share_lock: protects the next three members
 * @share_bytes: the sum of @share_parts
 * @share_part: the newest part of the log that @share_parts has room for
 * @share_parts: the bytes of the volume in the last parts of the log
 * @key: the volume's, or its identity; ends with NUL
 */
struct cachefs_counters {
	struct list_head	link;
	unsigned int		users;
	struct cachefs_volume_cpu __percpu *cpu;
	u16			hash;
	u8			min_share;
	bool			has_share;
	spinlock_t		share_lock;	/* share_bytes, share_part, share_parts */
	u64			share_bytes;
	u64			share_part;
	u64			share_parts[CACHEFS_SHARE_PARTS];
	char			key[];
};

/*
 * struct cachefs_volume - A volume, for accounting; see sysfs.c
 * @counters: the counters of its key
 * @share: the counters of its identity, for its share
 * @max_share: its policy: the part of the cache that it may have, percent
 * @keep: its policy: its stored data counts as read
 * @second: its policy: blocks are stored when they come from the server the second time
 */
struct cachefs_volume {
	struct cachefs_counters	*counters;
	struct cachefs_counters	*share;
	u8			max_share;
	bool			keep;
	bool			second;
};

s64 cachefs_cpu_sum(const s64 __percpu *counter);
s64 cachefs_under_way(const struct cachefs_tally __percpu *tally);
struct cachefs_counters *cachefs_counters_get(struct cachefs_cache *cache,
					      const char *key);
void cachefs_counters_put(struct cachefs_cache *cache,
			  struct cachefs_counters *counters);
int cachefs_volume_init(struct cachefs_cache *cache, struct cachefs_volume *volume,
			const char *key, const char *identity);
void cachefs_volume_exit(struct cachefs_cache *cache, struct cachefs_volume *volume);
void cachefs_counters_free(struct cachefs_cache *cache);
s64 cachefs_counters_read(const struct cachefs_counters *counters,
			  enum cachefs_stat stat);

#endif
