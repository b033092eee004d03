// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl metrics: print the numbers as Prometheus reads them.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cachefsctl.h"
#include "system.h"

static const char metrics_usage[] =
	"Usage: cachefsctl metrics [options]\n"
	"\n"
	"Print the numbers of the cache in the text format of Prometheus, for the textfile\n"
	"collector of node_exporter for one.  Root sees the numbers of each volume, which its\n"
	"mounts share.\n"
	"\n"
	"Options:\n"
	" -o, --output FILE    write them to this file, when they are complete\n"
	" -h, --help           display this help\n";

static FILE *metrics_out;

static const char *const metrics_states[] = {
	"active", "degraded", "failed", "detaching", "detached",
};

static void metrics_head(const char *name, const char *type, const char *help)
{
	fprintf(metrics_out, "# HELP cachefs_%s %s\n# TYPE cachefs_%s %s\n", name, help, name,
		type);
}

/*
 * Print a label with its value, quoted.  A byte of a character that a terminal obeys, or a
 * byte that is no UTF-8, becomes \xNN, and a backslash becomes two: two names stay two.
 */
static void metrics_label(const char *name, const char *value, const char *before)
{
	char *doubled = cmd_escaped(value, "\\");
	char *shown = cmd_shown("%s", doubled);
	char *quoted = cmd_escaped(shown, "\"\\");

	fprintf(metrics_out, "%s%s=\"%s\"", before, name, quoted);
	free(doubled);
	free(shown);
	free(quoted);
}

static void metrics_one(const char *name, const struct system_cache *cache,
			double value)
{
	fprintf(metrics_out, "cachefs_%s", name);
	metrics_label("uuid", cache->uuid, "{");
	fprintf(metrics_out, "} %.15g\n", value);
}

static void metrics_number(const struct system *sys, const char *name,
			   const char *help, size_t offset)
{
	const struct system_cache *cache;
	int64_t value;
	size_t i;

	metrics_head(name, "gauge", help);
	for (i = 0; i < sys->nr_caches; i++) {
		cache = &sys->caches[i];
		memcpy(&value, (const char *)cache + offset, sizeof(value));
		if (value >= 0)
			metrics_one(name, cache, value);
	}
}

static void metrics_caches(const struct system *sys)
{
	const struct system_stat_info *info;
	const struct system_cache *cache;
	size_t i, k;

	metrics_head("info", "gauge", "The attached cache.");
	for (i = 0; i < sys->nr_caches; i++) {
		cache = &sys->caches[i];
		fputs("cachefs_info", metrics_out);
		metrics_label("uuid", cache->uuid, "{");
		metrics_label("device", cache->device, ",");
		metrics_label("label", cache->label, ",");
		fputs("} 1\n", metrics_out);
	}
	metrics_head("state", "gauge", "1 for the state that the cache is in.");
	for (i = 0; i < sys->nr_caches; i++)
		for (k = 0; k < ARRAY_SIZE(metrics_states); k++) {
			cache = &sys->caches[i];
			fputs("cachefs_state", metrics_out);
			metrics_label("uuid", cache->uuid, "{");
			metrics_label("state", metrics_states[k], ",");
			fprintf(metrics_out, "} %d\n", !strcmp(cache->state, metrics_states[k]));
		}
	metrics_number(sys, "capacity_bytes", "How much data the cache has room for.",
		       offsetof(struct system_cache, capacity));
	metrics_number(sys, "used_bytes", "How much data a lookup can find.",
		       offsetof(struct system_cache, used));
	metrics_number(sys, "open_objects", "Files in use.",
		       offsetof(struct system_cache, objects));
	metrics_number(sys, "extents", "Extents in the index.",
		       offsetof(struct system_cache, extents));
	metrics_number(sys, "stores_stopped",
		       "1 if the device takes no writes, so that nothing is stored.",
		       offsetof(struct system_cache, stores_stopped));
	for (k = 0; k < NR_STATS; k++) {
		info = &system_stats[k];
		metrics_head(info->metric, info->type, info->help);
		for (i = 0; i < sys->nr_caches; i++)
			if (sys->caches[i].stats[k] >= 0)
				metrics_one(info->metric, &sys->caches[i],
					    sys->caches[i].stats[k] /
					    info->divisor);
	}
}

static void metrics_bucket(const char *metric, const char *uuid, const char *le,
			   int64_t value)
{
	fprintf(metrics_out, "cachefs_%s_bucket", metric);
	metrics_label("uuid", uuid, "{");
	metrics_label("le", le, ",");
	fprintf(metrics_out, "} %lld\n", (long long)value);
}

static void metrics_histogram(const struct system_latency_info *info,
			      const struct system_cache *cache,
			      const struct system_histogram *histogram)
{
	char le[32], name[64];
	int64_t nr = 0;
	int i;

	for (i = 0; i < LATENCY_BUCKETS - 1; i++) {
		nr += histogram->counts[i];
		snprintf(le, sizeof(le), "%.15g", (double)(1 << i) / 1e6);
		metrics_bucket(info->metric, cache->uuid, le, nr);
	}
	metrics_bucket(info->metric, cache->uuid, "+Inf", histogram->nr);
	snprintf(name, sizeof(name), "%s_sum", info->metric);
	metrics_one(name, cache, histogram->total_us / 1e6);
	snprintf(name, sizeof(name), "%s_count", info->metric);
	metrics_one(name, cache, histogram->nr);
}

static void metrics_latencies(const struct system *sys)
{
	const struct system_latency_info *info;
	size_t i, k;

	for (k = 0; k < NR_LATENCIES; k++) {
		info = &system_latencies[k];
		metrics_head(info->metric, "histogram", info->help);
		for (i = 0; i < sys->nr_caches; i++)
			if (sys->caches[i].latencies[k].total_us >= 0)
				metrics_histogram(info, &sys->caches[i],
						  &sys->caches[i].latencies[k]);
	}
}

static void metrics_refused(const struct system *sys)
{
	const struct system_cache *cache;
	size_t i, k;

	metrics_head("refused_bytes_total", "counter", "Bytes not stored, by reason.");
	for (i = 0; i < sys->nr_caches; i++)
		for (k = 0; k < sys->caches[i].nr_refused; k++) {
			cache = &sys->caches[i];
			fputs("cachefs_refused_bytes_total", metrics_out);
			metrics_label("uuid", cache->uuid, "{");
			metrics_label("reason", cache->refused[k].reason, ",");
			fprintf(metrics_out, "} %lld\n", (long long)cache->refused[k].bytes);
		}
}

/*
 * Print whether each mount is cached, for alerts.  If nobody asked for a cache, the label
 * fsc is "no", and there is no alert.
 */
static void metrics_cached(const struct system *sys)
{
	const char *state = sys->nr_caches ? sys->caches[0].state : "";
	bool usable = !strcmp(state, "active") || !strcmp(state, "degraded");
	const struct system_mount *mount;
	size_t i;

	metrics_head("mount_cached", "gauge",
		     "1 if nothing keeps the mount from using the cache; fsc=no if nobody asked for it.");
	for (i = 0; i < sys->nr_mounts; i++) {
		mount = &sys->mounts[i];
		fputs("cachefs_mount_cached", metrics_out);
		metrics_label("mountpoint", mount->target, "{");
		metrics_label("source", mount->source, ",");
		metrics_label("fstype", mount->type, ",");
		metrics_label("fsc", mount->fsc ? "yes" : "no", ",");
		if (mount->volume)
			metrics_label("volume", mount->volume->key, ",");
		fprintf(metrics_out, "} %d\n", usable && !system_problem_of(sys, mount->target));
	}
}

/*
 * Is this volume printed?  Its key is for root alone.  A volume that has just come has
 * the key and the numbers of a volume that is about to go, so only the first one is
 * printed.
 */
static bool metrics_has_volume(const struct system_cache *cache, size_t k)
{
	const char *key = cache->volumes[k].key;
	size_t i;

	for (i = 0; key && i < k; i++)
		if (cache->volumes[i].key && !strcmp(cache->volumes[i].key, key))
			return false;
	return key;
}

static void metrics_volume(const char *name, const struct system_cache *cache,
			   const struct system_volume *volume)
{
	fprintf(metrics_out, "cachefs_%s", name);
	metrics_label("uuid", cache->uuid, "{");
	metrics_label("volume", volume->key, ",");
}

static void metrics_volume_info(const struct system *sys, const struct system_cache *cache)
{
	const struct system_volume *volume;
	const struct system_mount *mount;
	size_t k;

	for (k = 0; k < cache->nr_volumes; k++) {
		volume = &cache->volumes[k];
		if (!metrics_has_volume(cache, k))
			continue;
		mount = mount_of_volume(sys, volume);
		metrics_volume("volume_info", cache, volume);
		metrics_label("identity", volume->identity ?: "", ",");
		metrics_label("mountpoint", mount ? mount->target : "", ",");
		fputs("} 1\n", metrics_out);
	}
}

static void metrics_volume_counter(const struct system_cache *cache, const char *name,
				   size_t offset)
{
	const struct system_volume *volume;
	int64_t value;
	size_t k;

	for (k = 0; k < cache->nr_volumes; k++) {
		volume = &cache->volumes[k];
		memcpy(&value, (const char *)volume + offset, sizeof(value));
		if (value < 0 || !metrics_has_volume(cache, k))
			continue;
		metrics_volume(name, cache, volume);
		fprintf(metrics_out, "} %lld\n", (long long)value);
	}
}

/* Print all volumes, also those without a visible mount. */
static void metrics_volumes(const struct system *sys)
{
	static const struct {
		const char	*name;
		const char	*help;
		size_t		offset;
	} counters[] = {
		{ "volume_hit_bytes_total", "Bytes of this volume given from the cache.",
		  offsetof(struct system_volume, hit) },
		{ "volume_miss_bytes_total", "Bytes of this volume asked of the server.",
		  offsetof(struct system_volume, miss) },
		{ "volume_stored_bytes_total", "Bytes of this volume written to the cache.",
		  offsetof(struct system_volume, stored) },
	};
	size_t i, k;

	metrics_head("volume_info", "gauge",
		     "A volume of FS-Cache, which its mounts share, and the first one of them.");
	for (i = 0; i < sys->nr_caches; i++)
		metrics_volume_info(sys, &sys->caches[i]);
	for (k = 0; k < ARRAY_SIZE(counters); k++) {
		metrics_head(counters[k].name, "counter", counters[k].help);
		for (i = 0; i < sys->nr_caches; i++)
			metrics_volume_counter(&sys->caches[i], counters[k].name,
					       counters[k].offset);
	}
}

static void metrics_print(const struct system *sys)
{
	metrics_head("module_loaded", "gauge", "1 if the module is loaded.");
	fprintf(metrics_out, "cachefs_module_loaded %d\n", sys->loaded);
	metrics_head("module_installed", "gauge",
		     "1 if there is a module for the running kernel.");
	fprintf(metrics_out, "cachefs_module_installed %d\n", sys->installed || sys->loaded);
	metrics_head("attached", "gauge", "1 if a cache is attached.");
	fprintf(metrics_out, "cachefs_attached %d\n", sys->nr_caches > 0);
	metrics_caches(sys);
	metrics_latencies(sys);
	metrics_refused(sys);
	metrics_cached(sys);
	metrics_volumes(sys);
}

int cmd_metrics(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	const char *output = NULL;
	struct system sys;
	int c;

	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1)
		switch (c) {
		case 'o':
			output = optarg;
			break;
		case 'h':
			return cmd_help(metrics_usage);
		default:
			return cmd_misused("metrics");
		}
	if (optind != argc)
		return cmd_bad_usage("metrics", "unexpected: %s", argv[optind]);
	metrics_out = stdout;
	if (replace_check(output))
		return EXIT_FAILURE;
	if (output)
		metrics_out = replace_begin(output);
	if (!metrics_out)
		return EXIT_FAILURE;
	system_read(&sys);
	metrics_print(&sys);
	system_free(&sys);
	return output ? replace_end(metrics_out, output) : EXIT_SUCCESS;
}
