// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl report: print the cache, and what was read over time, as one page of HTML.
 *
 * The kernel's counters have no history.  So each call may add a line to a file, and the
 * page shows the lines of the last days.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "cachefsctl.h"
#include "system.h"

static const char report_usage[] =
	"Usage: cachefsctl report [options]\n"
	"\n"
	"Print a page of HTML: the cache, each mount, and what is wrong with them.  The page\n"
	"needs nothing from elsewhere.\n"
	"\n"
	"Options:\n"
	" -H, --history FILE   add a line to this file, and draw what was read since its first\n"
	"                      line; older ones than a week are taken out\n"
	" -o, --output FILE    write the page to this file, when it is complete\n"
	" -h, --help           display this help\n";

/* Wide tables scroll by themselves.  The text of a picture does not grow with it. */
static const char report_style[] =
	":root { color-scheme: light dark; --back: #fff; --text: #111; --plot: #f6f6f6;\n"
	"  --grid: #ccc; --a: #05b; --b: #b50; --bad: #c00; --good: #080 }\n"
	"@media (prefers-color-scheme: dark) { :root { --back: #161616; --text: #e6e6e6;\n"
	"  --plot: #222; --grid: #444; --a: #6af; --b: #fa5; --bad: #f66; --good: #5c5 } }\n"
	"body { font: 15px sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em;\n"
	"  background: var(--back); color: var(--text); overflow-wrap: anywhere }\n"
	"table { border-collapse: collapse; margin: 1em 0 }\n"
	"th, td { text-align: left; padding: .2em .8em; border-bottom: 1px solid var(--grid) }\n"
	"th.n, td.n { text-align: right }\n"
	".wide { overflow-x: auto; overflow-wrap: normal; margin: 1em 0 }\n"
	".wide table { margin: 0 }\n"
	"@media (max-width: 40em) { th, td { padding: .2em .4em } th { font-size: .9em } }\n"
	".bad { border-left: .4em solid var(--bad); padding-left: .8em }\n"
	".good { border-left: .4em solid var(--good); padding-left: .8em }\n"
	".chart { display: grid; grid-template-columns: 4.5em 1fr; font-size: .85em }\n"
	".x, .y { display: flex; justify-content: space-between }\n"
	".x { grid-column: 2 }\n"
	".y { flex-direction: column; text-align: right; padding-right: .5em }\n"
	"svg { width: 100%; height: 12em; background: var(--plot) }\n"
	"path, polyline { fill: none; vector-effect: non-scaling-stroke }\n"
	"path { stroke: var(--grid) } polyline { stroke-width: 2 }\n"
	"polyline.a { stroke: var(--a) } polyline.b { stroke: var(--b) }\n"
	"b.a { color: var(--a) } b.b { color: var(--b) }\n";

#define REPORT_WEEK	(7 * 24 * 3600)
#define REPORT_WIDTH	800
#define REPORT_HEIGHT	160

/* The counters of a line, in their order. */
enum { REPORT_HIT, REPORT_MISS, REPORT_STORED, REPORT_REFUSED, REPORT_COUNTERS };

struct report_sample {
	int64_t	time;
	int64_t	counts[REPORT_COUNTERS];
};

struct report_history {
	struct report_sample	*samples;
	size_t			nr;
};

/* Find the entity for a character that is special in HTML.  Returns NULL for others. */
static const char *report_entity(char c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	default:
		return NULL;
	}
}

/* Print a text that may have any byte but 0. */
static void report_text(FILE *out, const char *text)
{
	while (*text)
		if (report_entity(*text))
			fputs(report_entity(*text++), out);
		else
			text = utf8_print(out, text);
}

static void report_cell(FILE *out, const char *class, char *text)
{
	fprintf(out, "<td%s>", class);
	report_text(out, text);
	fputs("</td>", out);
	free(text);
}

static void report_row(FILE *out, const char *name, char *text)
{
	fprintf(out, "<tr><th>%s</th>", name);
	report_cell(out, " class=\"n\"", text);
	fputs("</tr>\n", out);
}

static char *report_ms(int64_t us)
{
	return us > 0 ? cmd_text("%.1f ms", us / 1e3) : cmd_text("-");
}

static void report_cache(FILE *out, const struct system_cache *cache)
{
	const int64_t *stats = cache->stats;

	fputs("<h2>", out);
	report_text(out, cache->device);
	fputs("</h2>\n<table>\n", out);
	report_row(out, "State", cmd_text("%s", cache->state));
	report_row(out, "Label", cmd_text("%s", *cache->label ? cache->label : "-"));
	report_row(out, "UUID", cmd_text("%s", cache->uuid));
	report_row(out, "Attached", unit_time(cache->since, false));
	report_row(out, "Size", unit_size(cache->capacity));
	report_row(out, "Used", unit_size(cache->used));
	report_row(out, "Oldest data", unit_age(stats[STAT_oldest_data_seconds]));
	report_row(out, "Read from the cache", unit_size(stats[STAT_hit_bytes]));
	report_row(out, "Read from servers", unit_size(stats[STAT_miss_bytes]));
	report_row(out, "From the cache", unit_ratio(stats[STAT_hit_bytes],
						     stats[STAT_miss_bytes]));
	report_row(out, "Stored", unit_size(stats[STAT_stored_bytes]));
	report_row(out, "Refused", unit_size(stats[STAT_store_refused_bytes]));
	report_row(out, "Evicted", unit_size(stats[STAT_evicted_bytes]));
	report_row(out, "Written to the device",
		   unit_size(stats[STAT_device_written_bytes]));
	report_row(out, "A read of the device takes",
		   report_ms(stats[STAT_device_read_us]));
	report_row(out, "99 of 100 reads of the device",
		   unit_within(system_quantile(&cache->latencies[LATENCY_device_reads],
					       99)));
	report_row(out, "A read of a server takes",
		   report_ms(stats[STAT_server_read_us]));
	report_row(out, "99 of 100 reads of a server",
		   unit_within(system_quantile(&cache->latencies[LATENCY_server_reads],
					       99)));
	report_row(out, "Errors: read, write, checksum",
		   cmd_text("%lld, %lld, %lld",
			    (long long)stats[STAT_read_errors],
			    (long long)stats[STAT_write_errors],
			    (long long)stats[STAT_checksum_errors]));
	report_row(out, "Memory", unit_size(stats[STAT_index_bytes] +
					    stats[STAT_checksum_bytes]));
	fputs("</table>\n", out);
}

static void report_numbers(FILE *out, int64_t hit, int64_t miss)
{
	report_cell(out, " class=\"n\"", unit_size(hit));
	report_cell(out, " class=\"n\"", unit_size(miss));
	report_cell(out, " class=\"n\"", unit_ratio(hit, miss));
}

/* Print the mounts.  Mounts that share a volume print its numbers only once. */
static void report_mounts(FILE *out, const struct system *sys)
{
	const struct system_mount *mount, *first;
	const struct system_volume *volume;
	size_t i;

	fputs("<h2>Mounts</h2>\n<div class=\"wide\"><table>\n<tr><th>Mount</th><th>Source</th><th>Type</th><th>Bound to</th><th class=\"n\">From the cache</th><th class=\"n\">From the server</th><th class=\"n\">Ratio</th></tr>\n",
	      out);
	for (i = 0; i < sys->nr_mounts; i++) {
		mount = &sys->mounts[i];
		first = mount->volume ? mount_of_volume(sys, mount->volume) : mount;
		volume = first == mount ? mount->volume : NULL;
		fputs("<tr>", out);
		report_cell(out, "", cmd_text("%s", mount->target));
		report_cell(out, "", cmd_text("%s", mount->source));
		report_cell(out, "", cmd_text("%s", mount->type));
		report_cell(out, "", cmd_text("%s", mount->cache ?: "-"));
		if (first != mount)
			report_cell(out, " colspan=\"3\"",
				    cmd_text("with %s", first->target));
		else
			report_numbers(out, volume ? volume->hit : -1,
				       volume ? volume->miss : -1);
		fputs("</tr>\n", out);
	}
	fputs("</table></div>\n", out);
}

static void report_problems(FILE *out, const struct system *sys)
{
	bool wrong = false;
	size_t i;

	for (i = 0; i < sys->nr_problems; i++)
		wrong |= !sys->problems[i].note;
	if (!wrong)
		fputs("<p class=\"good\">Nothing is wrong.</p>\n", out);
	for (i = 0; i < sys->nr_problems; i++) {
		fprintf(out, "<p%s><b>", sys->problems[i].note ? "" : " class=\"bad\"");
		report_text(out, sys->problems[i].about);
		fputs("</b>: ", out);
		report_text(out, sys->problems[i].what);
		fputs("<br>", out);
		report_text(out, sys->problems[i].advice);
		fputs("</p>\n", out);
	}
}

/* Return the rate between two lines.  Counters begin at 0 when a cache is attached. */
static double report_rate(const struct report_sample *sample, int counter)
{
	int64_t now = sample->counts[counter], before = sample[-1].counts[counter];
	int64_t seconds = sample->time - sample[-1].time;

	return (double)(now < before ? now : now - before) /
		(seconds > 0 ? seconds : 1);
}

static void report_line(FILE *out, const struct report_history *history,
			int counter, const char *class, double most)
{
	const struct report_sample *samples = history->samples;
	int64_t all = samples[history->nr - 1].time - samples[0].time;
	double rate;
	size_t i;

	fprintf(out, "<polyline class=\"%s\" points=\"", class);
	for (i = 1; i < history->nr; i++) {
		rate = report_rate(&samples[i], counter);
		fprintf(out, "%s%.0f,%.0f", i > 1 ? " " : "",
			(double)(samples[i].time - samples[0].time) / all *
			REPORT_WIDTH,
			REPORT_HEIGHT - rate / most * (REPORT_HEIGHT - 4) - 2);
	}
	fputs("\"/>\n", out);
}

static double report_most(const struct report_history *history, int first, int second)
{
	double most = 0, rate;
	size_t i;

	for (i = 1; i < history->nr; i++) {
		rate = report_rate(&history->samples[i], first);
		most = rate > most ? rate : most;
		rate = report_rate(&history->samples[i], second);
		most = rate > most ? rate : most;
	}
	return most;
}

/* Print the numbers beside a picture, the highest one first. */
static void report_scale(FILE *out, double most)
{
	char *top = unit_size(most), *middle = unit_size(most / 2);

	fprintf(out, "<div class=\"y\"><span>%s/s</span><span>%s/s</span><span>0</span></div>\n",
		top, middle);
	free(top);
	free(middle);
}

/* Print the times below a picture, without the year. */
static void report_times(FILE *out, const struct report_history *history)
{
	int64_t first = history->samples[0].time;
	int64_t last = history->samples[history->nr - 1].time;
	char *text;
	int i;

	fputs("<div class=\"x\">", out);
	for (i = 0; i < 3; i++) {
		text = unit_time(first + (last - first) * i / 2, false);
		fprintf(out, "<span>%s</span>", text + strlen("2000-"));
		free(text);
	}
	fputs("</div>\n", out);
}

/* Draw two counters, as bytes per second. */
static void report_chart(FILE *out, const struct report_history *history,
			 int first, const char *first_name, int second,
			 const char *second_name)
{
	double most = report_most(history, first, second);

	fprintf(out, "<p><b class=\"a\">%s</b>, <b class=\"b\">%s</b>%s</p>\n", first_name,
		second_name, most > 0 ? "" : ": nothing in this time");
	if (!(most > 0))
		return;
	fputs("<div class=\"chart\">\n", out);
	report_scale(out, most);
	fprintf(out, "<svg viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\">\n<path d=\"M0,%d H%d\"/>\n",
		REPORT_WIDTH, REPORT_HEIGHT, REPORT_HEIGHT / 2, REPORT_WIDTH);
	report_line(out, history, first, "a", most);
	report_line(out, history, second, "b", most);
	fputs("</svg>\n", out);
	report_times(out, history);
	fputs("</div>\n", out);
}

static void report_charts(FILE *out, const struct report_history *history)
{
	char *from, *to;

	fputs("<h2>History</h2>\n", out);
	if (history->nr < 2 || history->samples[0].time ==
			       history->samples[history->nr - 1].time) {
		fputs("<p>There is one line so far: the next report shows what was read since.</p>\n",
		      out);
		return;
	}
	from = unit_time(history->samples[0].time, false);
	to = unit_time(history->samples[history->nr - 1].time, false);
	fprintf(out, "<p>%s to %s</p>\n", from, to);
	free(from);
	free(to);
	report_chart(out, history, REPORT_HIT, "read from the cache", REPORT_MISS,
		     "read from servers");
	report_chart(out, history, REPORT_STORED, "stored", REPORT_REFUSED, "refused");
}

static void report_page(FILE *out, const struct system *sys,
			const struct report_history *history)
{
	char *host = root_text("/proc/sys/kernel/hostname") ?: cmd_text("?");
	char *now = unit_time(time(NULL), false);
	size_t i;

	fprintf(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>cachefs</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>cachefs on ",
		report_style);
	report_text(out, host);
	fputs("</h1>\n<p>Linux ", out);
	report_text(out, sys->kernel);
	fprintf(out, ", %s</p>\n", now);
	report_problems(out, sys);
	for (i = 0; i < sys->nr_caches; i++)
		report_cache(out, &sys->caches[i]);
	if (sys->nr_mounts)
		report_mounts(out, sys);
	if (history)
		report_charts(out, history);
	fputs("</body>\n</html>\n", out);
	free(host);
	free(now);
}

static void report_add(struct report_history *history, struct report_sample sample)
{
	history->samples = cmd_grow(history->samples, history->nr, sizeof(sample));
	history->samples[history->nr++] = sample;
}

/*
 * Read the lines of a file in their order, except for those that are older than a week.
 * A line may be later than now: the clock may be behind, or was ahead.  Returns an errno.
 */
static int report_read(const char *path, struct report_history *history, int64_t now)
{
	FILE *file = fopen(path, "re");
	struct report_sample sample;
	int64_t *counts = sample.counts;
	char *line = NULL;
	size_t size = 0;
	int error;

	if (!file)
		return errno == ENOENT ? 0 : errno;
	while (getline(&line, &size, file) > 0)
		if (sscanf(line, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64,
			   &sample.time, &counts[0], &counts[1], &counts[2],
			   &counts[3]) == 5 && sample.time >= now - REPORT_WEEK)
			report_add(history, sample);
	error = ferror(file) ? errno ?: EIO : 0;
	free(line);
	fclose(file);
	return error;
}

/*
 * Keep only the lines that are drawn.  A line is left out if it is not earlier than all
 * lines behind it: its clock was ahead, or the clock of a line behind it was behind.
 */
static void report_keep_drawn(struct report_history *history)
{
	struct report_sample *samples = history->samples;
	size_t i, first;

	if (!history->nr)
		return;
	first = history->nr - 1;
	for (i = first; i--;)
		if (samples[i].time < samples[first].time)
			samples[--first] = samples[i];
	history->nr -= first;
	memmove(samples, samples + first, history->nr * sizeof(*samples));
}

static void report_write_history(FILE *out, const struct system *sys,
				 const struct report_history *history)
{
	const struct report_sample *sample;
	size_t i;

	for (i = 0; i < history->nr; i++) {
		sample = &history->samples[i];
		fprintf(out, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
			sample->time, sample->counts[0], sample->counts[1],
			sample->counts[2], sample->counts[3]);
	}
}

/* Replace a file by the output of @write.  Returns an exit status. */
static int report_replace(const char *path, const struct system *sys,
			  const struct report_history *history,
			  void (*write)(FILE *out, const struct system *sys,
					const struct report_history *history))
{
	FILE *out = replace_begin(path);

	if (!out)
		return EXIT_FAILURE;
	write(out, sys, history);
	return replace_end(out, path);
}

static int report_note(const char *path, const struct system *sys,
		       struct report_history *history)
{
	static const enum system_stat stats[REPORT_COUNTERS] = {
		STAT_hit_bytes, STAT_miss_bytes, STAT_stored_bytes,
		STAT_store_refused_bytes,
	};
	struct report_sample sample = { .time = time(NULL) };
	int i, error;

	error = report_read(path, history, sample.time);
	if (error) {
		history->nr = 0;
		return cmd_fails(error, "%s: cannot be read, and stays as it is", path);
	}
	for (i = 0; i < REPORT_COUNTERS && sys->nr_caches; i++)
		sample.counts[i] = sys->caches[0].stats[stats[i]];
	report_add(history, sample);
	return report_replace(path, sys, history, report_write_history);
}

int cmd_report(int argc, char **argv)
{
	static const struct option options[] = {
		{ "history", required_argument, NULL, 'H' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	const char *path = NULL, *output = NULL;
	struct report_history history = {}, *drawn;
	int c, status = EXIT_SUCCESS, end;
	struct system sys;

	while ((c = getopt_long(argc, argv, "H:o:h", options, NULL)) != -1)
		switch (c) {
		case 'H':
			path = optarg;
			break;
		case 'o':
			output = optarg;
			break;
		case 'h':
			return cmd_help(report_usage);
		default:
			return cmd_misused("report");
		}
	if (optind != argc)
		return cmd_bad_usage("report", "unexpected: %s", argv[optind]);
	if (replace_check(path) || replace_check(output))
		return EXIT_FAILURE;
	system_read(&sys);
	if (path)
		status = report_note(path, &sys, &history);
	report_keep_drawn(&history);
	drawn = history.nr ? &history : NULL;
	if (output) {
		end = report_replace(output, &sys, drawn, report_page);
		status = end ?: status;
	} else {
		report_page(stdout, &sys, drawn);
	}
	free(history.samples);
	system_free(&sys);
	return status;
}
