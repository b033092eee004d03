// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl top: the cache and its mounts, live, with rates.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cachefsctl.h"
#include "status.h"

static const char top_usage[] =
	"Usage: cachefsctl top [options]\n"
	"\n"
	"Show the cache and its mounts live.  Root sees the rates of each mount.\n"
	"\n"
	"Options:\n"
	" -d, --delay SECONDS   time between two looks (2)\n"
	" -n, --iterations N    end after so many; 0: at ^C\n"
	" -b, --batch           do not clear the screen\n"
	" -h, --help            display this help\n";

/* What is printed is the difference of two readings; -1: there is none. */
static char *top_rate(int64_t now, int64_t before, double seconds)
{
	char *size, *text;

	if (now < before || before < 0)
		return cmd_text("-");
	size = unit_size((now - before) / seconds);
	text = cmd_text("%s/s", size);
	free(size);
	return text;
}

static const struct system_volume *top_volume(const struct system *sys, const char *key)
{
	const struct system_cache *cache;
	size_t i, k;

	for (i = 0; i < sys->nr_caches; i++) {
		cache = &sys->caches[i];
		for (k = 0; k < cache->nr_volumes; k++)
			if (cache->volumes[k].key && !strcmp(cache->volumes[k].key, key))
				return &cache->volumes[k];
	}
	return NULL;
}

static const struct system_cache *top_cache(const struct system *sys,
					    const char *uuid)
{
	size_t i;

	for (i = 0; i < sys->nr_caches; i++)
		if (!strcmp(sys->caches[i].uuid, uuid))
			return &sys->caches[i];
	return NULL;
}

/* A line: a name, then rates of hits, misses and stores, then the part of hits. */
static void top_line(const char *name, const int64_t *now, const int64_t *before,
		     double seconds)
{
	char *text[4];
	int i;

	for (i = 0; i < 3; i++)
		text[i] = top_rate(now[i], before[i], seconds);
	text[3] = before[0] < 0 || now[0] < before[0] || now[1] < before[1] ?
		unit_ratio(-1, -1) :
		unit_ratio(now[0] - before[0], now[1] - before[1]);
	cmd_say("%12s %12s %12s %7s  %s\n", text[0], text[1], text[2], text[3],
		name);
	for (i = 0; i < 4; i++)
		free(text[i]);
}

/* A line for a volume, with the name of its first mount. */
static void top_volume_line(const struct system *sys, const struct system_mount *mount,
			    const int64_t *before, double seconds)
{
	size_t others = 0, i;
	char *name;

	for (i = 0; i < sys->nr_mounts; i++)
		others += &sys->mounts[i] != mount && sys->mounts[i].volume == mount->volume;
	name = others ? cmd_text("%s and %zu that share", mount->target, others) :
		cmd_text("%s", mount->target);
	top_line(name, &mount->volume->hit, before, seconds);
	free(name);
}

static void top_rates(const struct system *sys, const struct system *old,
		      double seconds)
{
	static const int64_t unknown[3] = { -1, -1, -1 };
	const struct system_volume *was;
	const struct system_mount *mount;
	const struct system_cache *cache, *then;
	size_t i;

	printf("\n%12s %12s %12s %7s  %s\n", "HIT", "MISS", "STORED", "RATIO",
	       "OF");
	for (i = 0; i < sys->nr_caches; i++) {
		cache = &sys->caches[i];
		then = top_cache(old, cache->uuid);
		top_line(cache->device, cache->stats,
			 then ? then->stats : unknown, seconds);
	}
	for (i = 0; i < sys->nr_mounts; i++) {
		mount = &sys->mounts[i];
		if (!mount->volume || mount_of_volume(sys, mount->volume) != mount)
			continue;
		was = top_volume(old, mount->volume->key);
		top_volume_line(sys, mount, was ? &was->hit : unknown, seconds);
	}
}

static double top_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

int cmd_top(int argc, char **argv)
{
	static const struct option options[] = {
		{ "delay", required_argument, NULL, 'd' },
		{ "iterations", required_argument, NULL, 'n' },
		{ "batch", no_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	unsigned int delay = 2, count = 0, i;
	bool batch = !isatty(STDOUT_FILENO);
	struct system sys, old;
	double now, then;
	int c;

	_Static_assert(STAT_hit_bytes == 0 && STAT_miss_bytes == 1 &&
		       STAT_stored_bytes == 2, "top_line() takes the first three");
	while ((c = getopt_long(argc, argv, "d:n:bh", options, NULL)) != -1)
		switch (c) {
		case 'd':
			if (unit_parse_number(optarg, 3600, &delay) || !delay)
				return cmd_bad_usage("top", "not a number of seconds: %s",
						     optarg);
			break;
		case 'n':
			if (unit_parse_number(optarg, 1000000000, &count))
				return cmd_bad_usage("top", "not a number: %s",
						     optarg);
			break;
		case 'b':
			batch = true;
			break;
		case 'h':
			return cmd_help(top_usage);
		default:
			return cmd_misused("top");
		}
	if (optind != argc)
		return cmd_bad_usage("top", "unexpected: %s", argv[optind]);
	system_read(&old);
	then = top_now();
	for (i = 0; !count || i < count; i++) {
		sleep(delay);
		system_read(&sys);
		now = top_now();
		if (!batch)
			fputs("\033[H\033[J", stdout);
		status_print(&sys, false);
		top_rates(&sys, &old, now - then);
		if (batch)
			putchar('\n');
		fflush(stdout);
		system_free(&old);
		old = sys;
		then = now;
	}
	system_free(&old);
	return EXIT_SUCCESS;
}
