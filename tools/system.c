// SPDX-License-Identifier: GPL-2.0
/*
 * Read the kernel's files about the module, its cache, and FS-Cache.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cachefsctl.h"
#include "system.h"

const struct system_stat_info system_stats[NR_STATS] = {
#define SYSTEM_STAT_INFO(name, metric, type, divisor, help) \
	{ #name, metric, type, divisor, help },
	SYSTEM_STATS(SYSTEM_STAT_INFO)
};

const struct system_latency_info system_latencies[NR_LATENCIES] = {
#define SYSTEM_LATENCY_INFO(name, metric, help) { #name, metric, help },
	SYSTEM_LATENCIES(SYSTEM_LATENCY_INFO)
};

/* Call @each for each entry of a directory, in the order of the names. */
static void system_for_each(const char *path,
			    void (*each)(const char *name, void *data),
			    void *data)
{
	struct dirent **entries;
	int i, n;

	n = scandir(path, &entries, NULL, versionsort);
	for (i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.')
			each(entries[i]->d_name, data);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* Read the policy of a volume.  An older module has no policies. */
static char *system_read_policy(const char *dir)
{
	int64_t share = root_number("%s/max_share", dir);
	int64_t least = root_number("%s/min_share", dir);

	if (share < 0)
		return NULL;
	if (root_number("%s/keep", dir) > 0)
		return cmd_text("keep");
	if (root_number("%s/second", dir) > 0)
		return cmd_text("second");
	if (least > 0)
		return cmd_text("%lld%%-%lld%%", (long long)least, (long long)share);
	if (!share)
		return cmd_text("nostore");
	return share < 100 ? cmd_text("%lld%%", (long long)share) : cmd_text("normal");
}

static void system_read_volume(const char *name, void *data)
{
	struct system_cache *cache = data;
	struct system_volume *volume;
	char *dir = cmd_text("/sys/fs/cachefs/%s/volumes/%s", cache->uuid, name);

	cache->volumes = cmd_grow(cache->volumes, cache->nr_volumes,
				  sizeof(*volume));
	volume = &cache->volumes[cache->nr_volumes++];
	volume->number = atoi(name);
	volume->key = root_text("%s/key", dir);
	volume->identity = root_text("%s/identity", dir);
	volume->hit = root_number("%s/hit_bytes", dir);
	volume->miss = root_number("%s/miss_bytes", dir);
	volume->stored = root_number("%s/stored_bytes", dir);
	volume->policy = system_read_policy(dir);
	free(dir);
}

static void system_read_refused(const char *name, void *data)
{
	struct system_cache *cache = data;
	struct system_refused *refused;

	cache->refused = cmd_grow(cache->refused, cache->nr_refused, sizeof(*refused));
	refused = &cache->refused[cache->nr_refused++];
	refused->reason = cmd_text("%s", name);
	refused->bytes = root_number("/sys/fs/cachefs/%s/refused_bytes/%s",
				     cache->uuid, name);
}

static void system_read_histogram(const char *dir, const char *name,
				  struct system_histogram *histogram)
{
	char *text = root_text("%s/latency/%s", dir, name), *next = text;
	int i;

	histogram->total_us = root_number("%s/latency/%s_total_us", dir, name);
	for (i = 0; text && i < LATENCY_BUCKETS; i++) {
		histogram->counts[i] = strtoll(next, &next, 10);
		histogram->nr += histogram->counts[i];
	}
	free(text);
}

/**
 * system_quantile - Find the longest time of the fastest part of a histogram
 * @histogram: the histogram
 * @percent: the size of the part
 *
 * Return: microseconds, the upper end of a bucket; -1 if nothing was counted; INT64_MAX for
 * the last bucket.
 */
int64_t system_quantile(const struct system_histogram *histogram, unsigned int percent)
{
	int64_t nr = 0;
	int i;

	if (!histogram->nr)
		return -1;
	for (i = 0; i < LATENCY_BUCKETS - 1; i++) {
		nr += histogram->counts[i];
		if (nr * 100 >= histogram->nr * percent)
			return (int64_t)1 << i;
	}
	return INT64_MAX;
}

/* Return the time when the kernel was started, in seconds since 1970. */
static int64_t system_boot_time(void)
{
	FILE *file = root_open("/proc/stat");
	long long seconds = -1;
	char line[4096];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "btime %lld", &seconds) == 1)
			break;
	if (file)
		fclose(file);
	return seconds;
}

/*
 * Find the time when a cache was attached, while the kernel's log has it.  Returns -1 if
 * it is not known.  Each read of the log gives one record.
 */
static int64_t system_attached_at(const char *uuid)
{
	char *path = root_path("/dev/kmsg"), *wanted, *line = NULL;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int64_t boot = system_boot_time(), at = -1;
	unsigned long long usec;
	size_t size = 0;
	FILE *log;

	free(path);
	log = fd >= 0 ? fdopen(fd, "r") : NULL;
	if (!log) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	setvbuf(log, NULL, _IOFBF, 1 << 14);
	wanted = cmd_text(": attached as %s", uuid);
	while (getline(&line, &size, log) > 0)
		if (strstr(line, ";cachefs: ") && strstr(line, wanted) &&
		    sscanf(line, "%*u,%*u,%llu", &usec) == 1 && boot >= 0)
			at = boot + usec / 1000000;
	free(line);
	free(wanted);
	fclose(log);
	return at;
}

static void system_read_cache(const char *name, void *data)
{
	struct system *sys = data;
	struct system_cache *cache;
	char *dir = cmd_text("/sys/fs/cachefs/%s", name), *path;
	int i;

	path = cmd_text("%s/state", dir);
	if (!root_has(path)) {
		free(path);
		free(dir);
		return;
	}
	free(path);
	sys->caches = cmd_grow(sys->caches, sys->nr_caches, sizeof(*cache));
	cache = &sys->caches[sys->nr_caches++];
	cache->uuid = cmd_text("%s", name);
	cache->device = root_text("%s/device", dir) ?: cmd_text("?");
	cache->label = root_text("%s/label", dir) ?: cmd_text("%s", "");
	cache->state = root_text("%s/state", dir) ?: cmd_text("?");
	cache->capacity = root_number("%s/capacity_bytes", dir);
	cache->used = root_number("%s/used_bytes", dir);
	cache->objects = root_number("%s/objects_open", dir);
	cache->extents = root_number("%s/extents", dir);
	cache->recovered = root_number("%s/recovered_percent", dir);
	/* An older module does not have this. */
	cache->stores_stopped = root_number("%s/stores_stopped", dir);
	cache->read_bypass_ms = root_number("%s/read_bypass_ms", dir);
	cache->since = system_attached_at(name);
	for (i = 0; i < NR_STATS; i++)
		cache->stats[i] = root_number("%s/stats/%s", dir,
					      system_stats[i].name);
	for (i = 0; i < NR_LATENCIES; i++)
		system_read_histogram(dir, system_latencies[i].name,
				      &cache->latencies[i]);
	path = root_path("%s/refused_bytes", dir);
	system_for_each(path, system_read_refused, cache);
	free(path);
	path = root_path("%s/volumes", dir);
	system_for_each(path, system_read_volume, cache);
	free(path);
	free(dir);
}

/* Read the lines of a table of FS-Cache, below the two lines of its heading. */
static void system_read_table(const char *path, struct system_fscache **table,
			      size_t *nr, bool volumes)
{
	FILE *file = root_open(path);
	char line[4096], name[64], key[4096], state;
	struct system_fscache *entry;

	while (file && fgets(line, sizeof(line), file)) {
		*key = 0;
		state = 0;
		if (*line == '=' || !strncmp(line, "VOLUME", 6) ||
		    !strncmp(line, "CACHE", 5))
			continue;
		if (volumes ? sscanf(line, "%*x %*d %*d %*d %*x %63s %4095[^\n]",
				     name, key) != 2 :
			      sscanf(line, "%*x %*d %*d %*d %*d %c %63s", &state,
				     name) != 2)
			continue;
		*table = cmd_grow(*table, *nr, sizeof(*entry));
		entry = &(*table)[(*nr)++];
		entry->cache = cmd_text("%s", name);
		entry->key = cmd_text("%s", key);
		entry->state = state;
	}
	if (file)
		fclose(file);
}

/* Does modprobe find the module for the running kernel? */
static bool system_has_module(const char *kernel)
{
	char *path = cmd_text("/lib/modules/%s/modules.dep", kernel), line[65536];
	FILE *file = root_open(path);
	bool has = false;

	while (file && !has && fgets(line, sizeof(line), file))
		has = !strncmp(line, "cachefs.ko", 10) ||
			(strstr(line, "/cachefs.ko") &&
			 strstr(line, "/cachefs.ko") < strchrnul(line, ':'));
	if (file)
		fclose(file);
	free(path);
	return has;
}

/**
 * system_read - Read the state of the system
 * @sys: the result, to be freed by system_free()
 */
void system_read(struct system *sys)
{
	char *path = root_path("/sys/fs/cachefs");

	memset(sys, 0, sizeof(*sys));
	sys->kernel = root_text("/proc/sys/kernel/osrelease") ?: cmd_text("?");
	sys->loaded = root_has("/sys/fs/cachefs/attach");
	sys->version = root_text("/sys/module/cachefs/version");
	sys->installed = system_has_module(sys->kernel);
	system_for_each(path, system_read_cache, sys);
	free(path);
	system_read_table("/proc/fs/fscache/caches", &sys->backends,
			  &sys->nr_backends, false);
	system_read_table("/proc/fs/fscache/volumes", &sys->bound,
			  &sys->nr_bound, true);
	system_read_mounts(sys);
	system_find_problems(sys);
}

/**
 * system_read_again - Read the state of the system again, if a cache is attached
 * @sys: from system_read(); stays as it is if none is attached any more
 */
void system_read_again(struct system *sys)
{
	struct system now;

	system_read(&now);
	if (now.nr_caches) {
		system_free(sys);
		*sys = now;
	} else {
		system_free(&now);
	}
}

static void system_free_cache(struct system_cache *cache)
{
	size_t i;

	for (i = 0; i < cache->nr_volumes; i++) {
		free(cache->volumes[i].key);
		free(cache->volumes[i].identity);
		free(cache->volumes[i].policy);
	}
	free(cache->volumes);
	for (i = 0; i < cache->nr_refused; i++)
		free(cache->refused[i].reason);
	free(cache->refused);
	free(cache->uuid);
	free(cache->device);
	free(cache->label);
	free(cache->state);
}

static void system_free_table(struct system_fscache *table, size_t nr)
{
	while (nr--) {
		free(table[nr].key);
		free(table[nr].cache);
	}
	free(table);
}

/**
 * system_free - Free the memory that system_read() has allocated
 * @sys: the system
 */
void system_free(struct system *sys)
{
	size_t i;

	free(sys->kernel);
	free(sys->version);
	for (i = 0; i < sys->nr_caches; i++)
		system_free_cache(&sys->caches[i]);
	free(sys->caches);
	system_free_table(sys->backends, sys->nr_backends);
	system_free_table(sys->bound, sys->nr_bound);
	for (i = 0; i < sys->nr_mounts; i++)
		mount_free(&sys->mounts[i]);
	free(sys->mounts);
	for (i = 0; i < sys->nr_problems; i++) {
		free(sys->problems[i].about);
		free(sys->problems[i].what);
		free(sys->problems[i].advice);
	}
	free(sys->problems);
}
