/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is counted for a volume (account.c), and how long I/O takes (pace.c).
 */
#ifndef _CACHEFS_COUNTERS_H
#define _CACHEFS_COUNTERS_H

#include <linux/list.h>
#include <linux/types.h>
#include "cachefs.h"

/* Histograms of latency: the file in sysfs. */
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

/* The last bucket has all from some 4 seconds on. */
#define CACHEFS_LATENCY_BUCKETS	24

/*
 * struct cachefs_histogram - How often something took how long
 * @total_ns: all times together
 * @counts: how often: in bucket n, less than 2^n us and not less than half of that
 */
struct cachefs_histogram {
	atomic64_t	total_ns;
	atomic64_t	counts[CACHEFS_LATENCY_BUCKETS];
};

/* The counters of so many volumes are kept, and always those of a volume that is there. */
#define CACHEFS_KEPT_COUNTERS	1000

/*
 * struct cachefs_counters - What was counted for a volume since the attach
 * @link: in cachefs_cache::counters
 * @users: volumes that are counted here now; counters_mutex
 * @stats: the first few of enum cachefs_stat
 * @key: the volume's; ends with NUL
 */
struct cachefs_counters {
	struct list_head	link;
	unsigned int		users;
	atomic64_t		stats[CACHEFS_STAT_STORED_BYTES + 1];
	char			key[];
};

/* Accounting for one volume; see sysfs.c. */
struct cachefs_volume {
	struct cachefs_counters	*counters;
};

struct cachefs_counters *cachefs_counters_get(struct cachefs_cache *cache,
					      const char *key);
void cachefs_counters_put(struct cachefs_cache *cache,
			  struct cachefs_counters *counters);
void cachefs_counters_free(struct cachefs_cache *cache);

#endif
