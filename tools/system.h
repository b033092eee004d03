/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's data about caches and mounts (system.c, mounts.c), and the problems with
 * them (problems.c).
 */
#ifndef _TOOLS_SYSTEM_H
#define _TOOLS_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Files in stats/: name, metric, its type, divisor to the metric's unit, its help. */
#define SYSTEM_STATS(X)							\
	X(hit_bytes, "hit_bytes_total", "counter", 1,			\
	  "Bytes given to readers from the cache.")			\
	X(miss_bytes, "miss_bytes_total", "counter", 1,			\
	  "Bytes that were asked of the server.")			\
	X(stored_bytes, "stored_bytes_total", "counter", 1,		\
	  "Bytes written to the cache and published.")			\
	X(store_refused_bytes, "store_refused_bytes_total", "counter", 1, \
	  "Bytes read from the server but not stored.")			\
	X(evicted_bytes, "evicted_bytes_total", "counter", 1,		\
	  "Bytes that left the cache because their region was reused.")	\
	X(reinserted_bytes, "reinserted_bytes_total", "counter", 1,	\
	  "Bytes that were stored again when their region was reused.")	\
	X(stale_bytes, "stale_bytes_total", "counter", 1,		\
	  "Bytes not stored because the file had changed or might have.") \
	X(checksum_errors, "checksum_errors_total", "counter", 1,	\
	  "Reads from the cache that did not verify.")			\
	X(read_errors, "read_errors_total", "counter", 1,		\
	  "Read errors of the device.")					\
	X(write_errors, "write_errors_total", "counter", 1,		\
	  "Write errors of the device.")				\
	X(stores_in_flight_bytes, "stores_in_flight_bytes", "gauge", 1,	\
	  "Bytes being written to the device.")				\
	X(pages_marked, "marked_pages", "gauge", 1,			\
	  "Pages that carry the mark because they are being stored.")	\
	X(mkwrite_waits, "mkwrite_waits_total", "counter", 1,		\
	  "Write faults that waited for a store, except of NFS, CIFS and 9p.") \
	X(index_bytes, "index_bytes", "gauge", 1,			\
	  "Memory of the index.")					\
	X(checksum_bytes, "checksum_bytes", "gauge", 1,			\
	  "Memory of the checksums.")					\
	X(device_written_bytes, "device_written_bytes_total", "counter", 1, \
	  "Bytes given to the device to write.")			\
	X(device_read_bytes, "device_read_bytes_total", "counter", 1,	\
	  "Bytes asked of the device.")					\
	X(device_discarded_bytes, "device_discarded_bytes_total", "counter", 1, \
	  "Bytes that the device was told to forget.")			\
	X(readahead_unused_bytes, "readahead_unused_bytes_total", "counter", 1, \
	  "Bytes read ahead from the device and not asked for.")	\
	X(readahead_bytes, "readahead_bytes", "gauge", 1,		\
	  "Memory for what is read ahead from the device.")		\
	X(bypassed_bytes, "bypassed_bytes_total", "counter", 1,		\
	  "Bytes read from the server because the device was slower.")	\
	X(released_bytes, "released_bytes_total", "counter", 1,		\
	  "Bytes whose store was given up because the device was slow.") \
	X(device_read_us, "device_read_seconds", "gauge", 1e6,		\
	  "Moving average of the time of a read from the device.")	\
	X(server_read_us, "server_read_seconds", "gauge", 1e6,		\
	  "Moving average of the time of a read from the server.")	\
	X(in_flight_limit_bytes, "in_flight_limit_bytes", "gauge", 1,	\
	  "How much may be on its way to the device.")			\
	X(oldest_data_seconds, "oldest_data_seconds", "gauge", 1,	\
	  "Time since the region with the oldest data was begun, or since the attach.")

enum system_stat {
#define SYSTEM_STAT_ENUM(name, ...) STAT_##name,
	SYSTEM_STATS(SYSTEM_STAT_ENUM)
	NR_STATS
};

struct system_stat_info {
	const char	*name;
	const char	*metric;
	const char	*type;
	double		divisor;
	const char	*help;
};

extern const struct system_stat_info system_stats[NR_STATS];

/* A volume in sysfs, which its mounts share.  Unknown values are -1 or NULL. */
struct system_volume {
	int	number;
	char	*key;
	char	*identity;
	int64_t	hit;
	int64_t	miss;
	int64_t	stored;
	char	*policy;	/* as in the module's parameter */
};

/* Files in latency/: name, metric, its help. */
#define SYSTEM_LATENCIES(X)						\
	X(device_reads, "device_read_duration_seconds",			\
	  "Time of reads of data from the device.")			\
	X(device_writes, "device_write_duration_seconds",		\
	  "Time of writes of data to the device.")			\
	X(server_reads, "server_read_duration_seconds",			\
	  "Time of reads from servers, as the cache sees them.")

enum system_latency {
#define SYSTEM_LATENCY_ENUM(name, ...) LATENCY_##name,
	SYSTEM_LATENCIES(SYSTEM_LATENCY_ENUM)
	NR_LATENCIES
};

struct system_latency_info {
	const char	*name;
	const char	*metric;
	const char	*help;
};

extern const struct system_latency_info system_latencies[NR_LATENCIES];

#define LATENCY_BUCKETS		24

/*
 * The requests in entry n of @counts took less than 2^n us.  The last entry has the rest.
 * @nr is the sum of the entries.
 */
struct system_histogram {
	int64_t	total_us;	/* -1: not known */
	int64_t	counts[LATENCY_BUCKETS];
	int64_t	nr;
};

/* A file in refused_bytes/. */
struct system_refused {
	char	*reason;
	int64_t	bytes;
};

struct system_cache {
	char			*uuid;
	char			*device;
	char			*label;
	char			*state;
	int64_t			capacity;
	int64_t			used;
	int64_t			objects;
	int64_t			extents;
	int64_t			recovered;	/* percent */
	int64_t			stores_stopped;	/* 1: the device takes no writes */
	int64_t			read_bypass_ms;
	int64_t			since;
	int64_t			stats[NR_STATS];
	struct system_histogram	latencies[NR_LATENCIES];
	struct system_refused	*refused;
	size_t			nr_refused;
	struct system_volume	*volumes;
	size_t			nr_volumes;
};

/* A line of /proc/fs/fscache/volumes or caches. */
struct system_fscache {
	char	*key;		/* volumes only */
	char	*cache;
	char	state;		/* caches only */
};

/* A mount of a file system that can use FS-Cache. */
struct system_mount {
	char		*target;
	char		*source;
	char		*type;
	char		*options;
	dev_t		dev;
	bool		fsc;		/* mounted with the option */
	bool		ignored;	/* the kernel does not use FS-Cache for it */
	char		*cache;		/* of its volume, or NULL */
	const struct system_volume *volume;
};

struct system_problem {
	char	*about;		/* a mount, a cache, or "module" */
	char	*what;
	char	*advice;
	bool	note;		/* nothing is wrong: somebody may want it so */
};

struct system {
	char			*kernel;
	char			*version;	/* of the loaded module, or NULL */
	bool			loaded;
	bool			installed;
	struct system_cache	*caches;
	size_t			nr_caches;
	struct system_fscache	*backends;
	size_t			nr_backends;
	struct system_fscache	*bound;
	size_t			nr_bound;
	struct system_mount	*mounts;
	size_t			nr_mounts;
	struct system_problem	*problems;
	size_t			nr_problems;
};

int64_t system_quantile(const struct system_histogram *histogram, unsigned int percent);
void system_read(struct system *sys);
void system_read_again(struct system *sys);
void system_free(struct system *sys);

/* mounts.c */
void system_read_mounts(struct system *sys);
void mount_free(struct system_mount *mount);
char *mount_option(const char *options, const char *name);
const struct system_mount *mount_of_volume(const struct system *sys,
					   const struct system_volume *volume);

/* problems.c */
void system_find_problems(struct system *sys);
const struct system_problem *system_problem_of(const struct system *sys,
					       const char *about);
int system_check_device(struct system *sys, const char *path, dev_t dev);

#endif
