// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl status: the cache, each mount, and what is wrong.
 */
#include <err.h>
#include <getopt.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cachefsctl.h"
#include "json.h"
#include "status.h"

static const char status_usage[] =
	"Usage: cachefsctl status [options]\n"
	"\n"
	"Show the cache, each mount of NFS, CIFS and 9p, and what is wrong with them.\n"
	"As root it shows more: who but root may not see which export a volume is of.\n"
	"\n"
	"Options:\n"
	" -b, --bytes   print numbers of bytes, without units\n"
	" -c, --check   print only what is wrong, and end with 1 if something is\n"
	" -J, --json    print JSON\n"
	" -h, --help    display this help\n";

/**
 * struct status_table - A table while it is filled
 * @table: the table of the library
 * @line: the line that is filled
 * @column: the next column of the line
 */
struct status_table {
	struct libscols_table	*table;
	struct libscols_line	*line;
	unsigned int		column;
};

/*
 * Begin a table.  The first character of a column aligns the column: "<" left, ">" right,
 * "~" left, and cut on a terminal.
 */
static void status_begin(struct status_table *status, const struct status_view *view,
			 const char *const *columns)
{
	int flags;

	status->table = scols_new_table();
	if (!status->table)
		err(EXIT_FAILURE, NULL);
	scols_table_set_stream(status->table, view->out);
	scols_table_set_termforce(status->table, view->columns ? SCOLS_TERMFORCE_ALWAYS :
				  SCOLS_TERMFORCE_NEVER);
	if (view->columns)
		scols_table_set_termwidth(status->table, view->columns);
	for (; *columns; columns++) {
		flags = **columns == '>' ? SCOLS_FL_RIGHT :
			**columns == '~' ? SCOLS_FL_TRUNC : 0;
		if (!scols_table_new_column(status->table, *columns + 1, 0, flags))
			err(EXIT_FAILURE, NULL);
	}
}

static void status_line(struct status_table *status)
{
	status->line = scols_table_new_line(status->table, NULL);
	if (!status->line)
		err(EXIT_FAILURE, NULL);
	status->column = 0;
}

/* Fill the next column.  @text is freed. */
static void status_add(struct status_table *status, char *text)
{
	if (scols_line_refer_data(status->line, status->column++, text))
		err(EXIT_FAILURE, NULL);
}

static void status_end(struct status_table *status)
{
	scols_print_table(status->table);
	scols_unref_table(status->table);
}

static char *status_bytes(int64_t bytes, bool plain)
{
	if (plain && bytes >= 0)
		return cmd_text("%lld", (long long)bytes);
	return unit_size(bytes);
}

/* Return the state; after an unclean stop, with the part that is recovered. */
static char *status_state(const struct system_cache *cache)
{
	if (cache->recovered < 0 || cache->recovered >= 100)
		return cmd_text("%s", cache->state);
	return cmd_text("%s, %lld %% recovered", cache->state,
			(long long)cache->recovered);
}

static void status_caches(const struct system *sys, const struct status_view *view)
{
	static const char *const columns[] = {
		"<CACHE", "~LABEL", "<STATE", "<SINCE", ">SIZE", ">USED",
		">OLDEST", ">HIT", ">MISS", ">RATIO", ">REFUSED", ">MEMORY", NULL
	};
	const struct system_cache *cache;
	struct status_table status;
	bool plain = view->plain;
	size_t i;

	status_begin(&status, view, columns);
	for (i = 0; i < sys->nr_caches; i++) {
		cache = &sys->caches[i];
		status_line(&status);
		status_add(&status, cmd_text("%s", cache->device));
		status_add(&status, cmd_text("%s", *cache->label ?
					     cache->label : "-"));
		status_add(&status, status_state(cache));
		status_add(&status, unit_time(cache->since, true));
		status_add(&status, status_bytes(cache->capacity, plain));
		status_add(&status, status_bytes(cache->used, plain));
		status_add(&status, unit_age(cache->stats[STAT_oldest_data_seconds]));
		status_add(&status, status_bytes(cache->stats[STAT_hit_bytes],
						 plain));
		status_add(&status, status_bytes(cache->stats[STAT_miss_bytes],
						 plain));
		status_add(&status, unit_ratio(cache->stats[STAT_hit_bytes],
					       cache->stats[STAT_miss_bytes]));
		status_add(&status,
			   status_bytes(cache->stats[STAT_store_refused_bytes],
					plain));
		status_add(&status,
			   status_bytes(cache->stats[STAT_index_bytes] +
					cache->stats[STAT_checksum_bytes],
					plain));
	}
	status_end(&status);
}

/* Print the time that most reads took, of each cache with reads. */
static void status_latencies(const struct system *sys, FILE *out)
{
	const struct system_histogram *device, *server;
	const struct system_cache *cache;
	char *of_device, *of_server;
	size_t i;

	for (i = 0; i < sys->nr_caches; i++) {
		cache = &sys->caches[i];
		device = &cache->latencies[LATENCY_device_reads];
		server = &cache->latencies[LATENCY_server_reads];
		if (!device->nr && !server->nr)
			continue;
		of_device = unit_within(system_quantile(device, 99));
		of_server = unit_within(system_quantile(server, 99));
		fprintf(out, "%s: 99 of 100 reads of the device: %s; of a server: %s\n",
			cache->device, of_device, of_server);
		free(of_device);
		free(of_server);
	}
}

static const char *status_policy(const struct system_mount *mount)
{
	return (mount->volume ? mount->volume->policy : NULL) ?: "-";
}

/* Is there a mount with a policy of the administrator? */
static bool status_has_policies(const struct system *sys)
{
	const char *policy;
	size_t i;

	for (i = 0; i < sys->nr_mounts; i++) {
		policy = status_policy(&sys->mounts[i]);
		if (strcmp(policy, "-") && strcmp(policy, "normal"))
			return true;
	}
	return false;
}

/* Find the other mount whose line has the numbers of a mount.  Returns NULL if none. */
static const struct system_mount *status_shared_with(const struct system *sys,
						     const struct system_mount *mount)
{
	const struct system_mount *first;

	first = mount->volume ? mount_of_volume(sys, mount->volume) : mount;
	return first == mount ? NULL : first;
}

static bool status_has_shared(const struct system *sys)
{
	size_t i;

	for (i = 0; i < sys->nr_mounts; i++)
		if (status_shared_with(sys, &sys->mounts[i]))
			return true;
	return false;
}

/* Print the numbers of a volume, or "=" if another line has them. */
static void status_volume(struct status_table *status, const struct system_volume *volume,
			  bool shared, bool plain)
{
	int i;

	if (shared) {
		for (i = 0; i < 4; i++)
			status_add(status, cmd_text("="));
		return;
	}
	status_add(status, status_bytes(volume ? volume->hit : -1, plain));
	status_add(status, status_bytes(volume ? volume->miss : -1, plain));
	status_add(status, unit_ratio(volume ? volume->hit : -1,
				      volume ? volume->miss : -1));
	status_add(status, status_bytes(volume ? volume->stored : -1, plain));
}

static void status_mounts(const struct system *sys, const struct status_view *view)
{
	const char *columns[12] = {
		"<MOUNT", "~SOURCE", "<TYPE", "<FSC", "<BOUND", ">HIT", ">MISS",
		">RATIO", ">STORED"
	};
	bool shared = status_has_shared(sys), policies = status_has_policies(sys);
	const struct system_mount *mount, *with;
	struct status_table status;
	size_t i, n = 9;

	if (shared)
		columns[n++] = "~SHARED-WITH";
	if (policies)
		columns[n++] = "<POLICY";
	status_begin(&status, view, columns);
	for (i = 0; i < sys->nr_mounts && i < view->mounts; i++) {
		mount = &sys->mounts[i];
		with = status_shared_with(sys, mount);
		status_line(&status);
		status_add(&status, cmd_text("%s", mount->target));
		status_add(&status, cmd_text("%s", mount->source));
		status_add(&status, cmd_text("%s", mount->type));
		status_add(&status, cmd_text("%s", mount->ignored ? "ignored" :
					     mount->fsc ? "yes" : "no"));
		status_add(&status, cmd_text("%s", mount->cache ?: "-"));
		status_volume(&status, mount->volume, with, view->plain);
		if (shared)
			status_add(&status, cmd_text("%s", with ? with->target : "-"));
		if (policies)
			status_add(&status, cmd_text("%s", status_policy(mount)));
	}
	status_end(&status);
}

/**
 * status_print - Print tables of the caches and the mounts
 * @sys: what is printed
 * @view: how they are printed
 */
void status_print(const struct system *sys, const struct status_view *view)
{
	if (sys->nr_caches)
		status_caches(sys, view);
	status_latencies(sys, view->out);
	if (sys->nr_caches && sys->nr_mounts)
		putc('\n', view->out);
	if (sys->nr_mounts)
		status_mounts(sys, view);
}

/* Print the problems, or the notes. */
static void status_print_problems(const struct system *sys, bool notes)
{
	const struct system_problem *problem;
	size_t i;

	for (i = 0; i < sys->nr_problems; i++) {
		problem = &sys->problems[i];
		if (problem->note != notes)
			continue;
		cmd_say("%s%s: %s\n", notes ? "note: " : "", problem->about, problem->what);
		cmd_say("   -> %s\n", problem->advice);
	}
}

static bool status_is_wrong(const struct system *sys)
{
	size_t i;

	for (i = 0; i < sys->nr_problems; i++)
		if (!sys->problems[i].note)
			return true;
	return false;
}

static void status_json_latency(struct json *json, const char *name,
				const struct system_histogram *histogram)
{
	int i;

	/* An older module has no histograms. */
	if (histogram->total_us < 0) {
		json_string(json, name, NULL);
		return;
	}
	json_open(json, name, '{');
	json_number(json, "total_us", histogram->total_us);
	json_open(json, "counts", '[');
	for (i = 0; i < LATENCY_BUCKETS; i++)
		json_number(json, NULL, histogram->counts[i]);
	json_close(json, ']');
	json_close(json, '}');
}

static void status_json_caches(struct json *json, const struct system *sys)
{
	const struct system_cache *cache;
	size_t i, k;

	json_open(json, "caches", '[');
	for (i = 0; i < sys->nr_caches; i++) {
		cache = &sys->caches[i];
		json_open(json, NULL, '{');
		json_string(json, "uuid", cache->uuid);
		json_string(json, "device", cache->device);
		json_string(json, "label", cache->label);
		json_string(json, "state", cache->state);
		json_number(json, "since", cache->since);
		json_number(json, "capacity_bytes", cache->capacity);
		json_number(json, "used_bytes", cache->used);
		json_number(json, "objects_open", cache->objects);
		json_number(json, "extents", cache->extents);
		json_number(json, "recovered_percent", cache->recovered);
		json_number(json, "stores_stopped", cache->stores_stopped);
		json_open(json, "stats", '{');
		for (k = 0; k < NR_STATS; k++)
			json_number(json, system_stats[k].name, cache->stats[k]);
		json_close(json, '}');
		json_open(json, "latency", '{');
		for (k = 0; k < NR_LATENCIES; k++)
			status_json_latency(json, system_latencies[k].name,
					    &cache->latencies[k]);
		json_close(json, '}');
		json_open(json, "refused_bytes", '{');
		for (k = 0; k < cache->nr_refused; k++)
			json_number(json, cache->refused[k].reason,
				    cache->refused[k].bytes);
		json_close(json, '}');
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void status_json_mounts(struct json *json, const struct system *sys)
{
	const struct system_mount *mount;
	size_t i;

	json_open(json, "mounts", '[');
	for (i = 0; i < sys->nr_mounts; i++) {
		mount = &sys->mounts[i];
		json_open(json, NULL, '{');
		json_string(json, "target", mount->target);
		json_string(json, "source", mount->source);
		json_string(json, "fstype", mount->type);
		json_bool(json, "fsc", mount->fsc);
		json_bool(json, "ignored", mount->ignored);
		json_string(json, "bound", mount->cache);
		json_string(json, "volume", mount->volume ? mount->volume->key : NULL);
		json_string(json, "identity", mount->volume ?
			    mount->volume->identity : NULL);
		json_string(json, "policy", mount->volume ?
			    mount->volume->policy : NULL);
		json_number(json, "hit_bytes", mount->volume ?
			    mount->volume->hit : -1);
		json_number(json, "miss_bytes", mount->volume ?
			    mount->volume->miss : -1);
		json_number(json, "stored_bytes", mount->volume ?
			    mount->volume->stored : -1);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void status_json(const struct system *sys)
{
	struct json json = { .out = stdout };
	size_t i;

	json_open(&json, NULL, '{');
	json_open(&json, "module", '{');
	json_string(&json, "kernel", sys->kernel);
	json_string(&json, "version", sys->version);
	json_bool(&json, "installed", sys->installed);
	json_bool(&json, "loaded", sys->loaded);
	json_close(&json, '}');
	status_json_caches(&json, sys);
	status_json_mounts(&json, sys);
	json_open(&json, "problems", '[');
	for (i = 0; i < sys->nr_problems; i++) {
		json_open(&json, NULL, '{');
		json_string(&json, "level", sys->problems[i].note ? "note" : "problem");
		json_string(&json, "about", sys->problems[i].about);
		json_string(&json, "what", sys->problems[i].what);
		json_string(&json, "advice", sys->problems[i].advice);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_close(&json, '}');
}

int cmd_status(int argc, char **argv)
{
	static const struct option options[] = {
		{ "bytes", no_argument, NULL, 'b' },
		{ "check", no_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'J' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	struct status_view view = { .out = stdout, .mounts = SIZE_MAX };
	bool check = false, as_json = false;
	int c, status = EXIT_SUCCESS;
	unsigned int rows;
	struct system sys;

	while ((c = getopt_long(argc, argv, "bcJh", options, NULL)) != -1)
		switch (c) {
		case 'b':
			view.plain = true;
			break;
		case 'c':
			check = true;
			break;
		case 'J':
			as_json = true;
			break;
		case 'h':
			return cmd_help(status_usage);
		default:
			return cmd_misused("status");
		}
	if (optind != argc)
		return cmd_bad_usage("status", "unexpected: %s", argv[optind]);
	terminal_size(STDOUT_FILENO, &view.columns, &rows);
	system_read(&sys);
	if (as_json) {
		status_json(&sys);
	} else {
		if (!check)
			status_print(&sys, &view);
		if (!check && sys.nr_problems && (sys.nr_caches || sys.nr_mounts))
			putchar('\n');
		status_print_problems(&sys, false);
		if (!check)
			status_print_problems(&sys, true);
	}
	if (check && status_is_wrong(&sys))
		status = EXIT_FAILURE;
	system_free(&sys);
	return status;
}
