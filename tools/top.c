// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl top: the cache and its mounts, live, with rates.
 */
#include <err.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cachefsctl.h"
#include "pages.h"
#include "status.h"

static const char top_usage[] =
	"Usage: cachefsctl top [options]\n"
	"\n"
	"Show the cache and its mounts live, those first from which most was read, and only\n"
	"as many as the terminal has room for.  Root sees the rates of each mount.\n"
	"\n"
	"Options:\n"
	" -d, --delay SECONDS   time between two looks (2)\n"
	" -n, --iterations N    end after so many; 0: at ^C\n"
	" -b, --batch           do not clear the screen, and show all mounts\n"
	" -h, --help            display this help\n";

/* Format the difference of two readings as a rate.  A reading of -1 is not known. */
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

/* Print a line: rates of hits, misses and stores, then the part of hits, then a name. */
static void top_line(FILE *out, const char *name, const int64_t *now, const int64_t *before,
		     double seconds)
{
	char *text[4], *shown = cmd_shown("%s", name);
	int i;

	for (i = 0; i < 3; i++)
		text[i] = top_rate(now[i], before[i], seconds);
	text[3] = before[0] < 0 || now[0] < before[0] || now[1] < before[1] ?
		unit_ratio(-1, -1) :
		unit_ratio(now[0] - before[0], now[1] - before[1]);
	fprintf(out, "%12s %12s %12s %7s  %s\n", text[0], text[1], text[2], text[3],
		shown);
	for (i = 0; i < 4; i++)
		free(text[i]);
	free(shown);
}

/* Print a line for a volume, with the name of its first mount. */
static void top_volume_line(FILE *out, const struct system *sys, const struct system_mount *mount,
			    const int64_t *before, double seconds)
{
	size_t others = 0, i;
	char *name;

	for (i = 0; i < sys->nr_mounts; i++)
		others += &sys->mounts[i] != mount && sys->mounts[i].volume == mount->volume;
	name = others ? cmd_text("%s and %zu that share", mount->target, others) :
		cmd_text("%s", mount->target);
	top_line(out, name, &mount->volume->hit, before, seconds);
	free(name);
}

static void top_rates(FILE *out, const struct system *sys, const struct system *old,
		      double seconds, size_t mounts)
{
	static const int64_t unknown[3] = { -1, -1, -1 };
	const struct system_volume *was;
	const struct system_mount *mount;
	const struct system_cache *cache, *then;
	size_t i;

	fprintf(out, "\n%12s %12s %12s %7s  %s\n", "HIT", "MISS", "STORED", "RATIO",
		"OF");
	for (i = 0; i < sys->nr_caches; i++) {
		cache = &sys->caches[i];
		then = top_cache(old, cache->uuid);
		top_line(out, cache->device, cache->stats,
			 then ? then->stats : unknown, seconds);
	}
	for (i = 0; i < sys->nr_mounts && i < mounts; i++) {
		mount = &sys->mounts[i];
		if (!mount->volume || mount_of_volume(sys, mount->volume) != mount)
			continue;
		was = top_volume(old, mount->volume->key);
		top_volume_line(out, sys, mount, was ? &was->hit : unknown, seconds);
	}
}

/* Return the bytes that were read of a volume since the last look. */
static int64_t top_bytes(const struct system_volume *volume, const struct system *old)
{
	const struct system_volume *was = top_volume(old, volume->key);

	if (!was || volume->hit < was->hit || volume->miss < was->miss)
		return 0;
	return volume->hit - was->hit + volume->miss - was->miss;
}

struct top_mount {
	struct system_mount	mount;
	int64_t			bytes;	/* read; -1: no numbers of its own */
};

static int top_compare(const void *a, const void *b)
{
	const struct top_mount *one = a, *two = b;

	if (one->bytes != two->bytes)
		return one->bytes < two->bytes ? 1 : -1;
	return strcmp(one->mount.target, two->mount.target);
}

/* Sort by bytes read, most first.  Of mounts that share, the first name has all bytes. */
static void top_sort(struct system *sys, const struct system *old)
{
	struct top_mount *mounts = NULL;
	const struct system_volume *volume;
	size_t nr = sys->nr_mounts, i, k;

	for (i = 0; i < nr; i++) {
		mounts = cmd_grow(mounts, i, sizeof(*mounts));
		mounts[i].mount = sys->mounts[i];
		volume = sys->mounts[i].volume;
		mounts[i].bytes = volume ? top_bytes(volume, old) : -1;
		for (k = 0; volume && k < nr; k++)
			if (sys->mounts[k].volume == volume &&
			    strcmp(sys->mounts[k].target, sys->mounts[i].target) < 0)
				mounts[i].bytes = -1;
	}
	if (nr)
		qsort(mounts, nr, sizeof(*mounts), top_compare);
	for (i = 0; i < nr; i++)
		sys->mounts[i] = mounts[i].mount;
	free(mounts);
}

/* Return the text that is shown at a time, with up to @mounts mounts, to be freed. */
static char *top_frame(const struct system *sys, const struct system *old, double seconds,
		       unsigned int columns, size_t mounts)
{
	struct status_view view = { .columns = columns, .mounts = mounts };
	char *text = NULL;
	size_t size;

	view.out = open_memstream(&text, &size);
	if (!view.out)
		err(EXIT_FAILURE, NULL);
	status_print(sys, &view);
	top_rates(view.out, sys, old, seconds, mounts);
	if (mounts < sys->nr_mounts)
		fprintf(view.out, "... and %zu more\n", sys->nr_mounts - mounts);
	if (fclose(view.out))
		err(EXIT_FAILURE, NULL);
	return text;
}

static size_t top_lines(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* Return the number of mounts that fit into @rows, if all mounts need @lines. */
static size_t top_room(const struct system *sys, size_t lines, size_t rows)
{
	size_t volumes = 0, rest, i;

	for (i = 0; i < sys->nr_mounts; i++)
		volumes += sys->mounts[i].volume &&
			mount_of_volume(sys, sys->mounts[i].volume) == &sys->mounts[i];
	/* Each mount has a line in the upper table, and each volume in the lower one. */
	rest = lines - sys->nr_mounts - volumes + 1;
	if (rows <= rest + 1)
		return 1;
	rows -= rest;
	return rows / 2 > volumes ? rows - volumes : rows / 2;
}

/* Show as many lines as the terminal has room for.  The last row is for the cursor. */
static void top_show(const char *text, unsigned int columns, unsigned int rows)
{
	size_t bytes;

	fputs("\033[H\033[J", stdout);
	for (; *text && (!rows || rows-- > 1); text += bytes + 1) {
		bytes = strcspn(text, "\n");
		fwrite(text, 1, terminal_fit(text, bytes, columns), stdout);
		putchar('\n');
	}
}

static void top_look(const struct system *sys, const struct system *old, double seconds,
		     bool batch)
{
	unsigned int columns = 0, rows = 0;
	size_t lines;
	char *text;

	if (!batch)
		terminal_size(STDOUT_FILENO, &columns, &rows);
	text = top_frame(sys, old, seconds, columns, SIZE_MAX);
	lines = top_lines(text);
	if (rows && lines >= rows && sys->nr_mounts) {
		free(text);
		text = top_frame(sys, old, seconds, columns, top_room(sys, lines, rows - 1));
	}
	if (batch)
		puts(text);
	else
		top_show(text, columns, rows);
	fflush(stdout);
	free(text);
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
	then = pages_now();
	for (i = 0; !count || i < count; i++) {
		sleep(delay);
		system_read(&sys);
		now = pages_now();
		top_sort(&sys, &old);
		top_look(&sys, &old, now - then, batch);
		system_free(&old);
		old = sys;
		then = now;
	}
	system_free(&old);
	return EXIT_SUCCESS;
}
