// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl warm: read files in parallel, so that they are cached.
 *
 * Threads take pieces of files, and read them with buffered reads, since that is what
 * fills the cache.  They go no faster than the cache's disk takes it, and drop the pages
 * behind them.  Pages that are on their way to the disk cannot be dropped at once, so the
 * last pieces stay open and are dropped again later.
 *
 * The cache counts what it refuses to store, of all readers.  If that number has grown in
 * a round, the kernel is asked of each file whether all of it is cached.  Those of which
 * something is missing are read again, and at last they are an error.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "cachefsctl.h"
#include "files.h"
#include "pages.h"
#include "system.h"
#include "tree.h"
#include "warm.h"

static const char warm_usage[] =
	"Usage: cachefsctl warm [options] PATH...\n"
	"\n"
	"Read files, and all files below directories, so that they are cached.  They are\n"
	"dropped from the page cache, before and after.  The exit status is 1 if the cache\n"
	"refused to store some of them.\n"
	"\n"
	"Options:\n"
	" -j, --jobs N            so many pieces at a time (4)\n"
	" -l, --limit RATE        no more bytes per second; K, M, G are understood\n"
	" -f, --files LIST        read names from this file, one a line; -: from stdin\n"
	" -x, --one-file-system   stay on the file system of each PATH\n"
	" -q, --quiet             print no progress and no sum\n"
	" -h, --help              display this help\n";

#define WARM_CHUNK	1048576
#define WARM_PIECE	(64LL * WARM_CHUNK)
#define WARM_LATE	128		/* pieces whose pages are dropped again */
#define WARM_ROUNDS	3		/* for what was refused */
#define WARM_MAX_JOBS	256

struct warm_file {
	char	*path;
	off_t	size;
	bool	failed;			/* it cannot be read, which has been said */
	bool	missing;		/* not all of it is known to be cached */
};

struct warm_late {
	int	fd;
	off_t	start;
	off_t	bytes;
};

static struct {
	pthread_mutex_t	 lock;		/* of all below but the options */
	struct warm_file *files;
	size_t		 nr;
	size_t		 next;		/* the file of the next piece */
	off_t		 at;		/* and where it begins */
	struct warm_late late[WARM_LATE];
	unsigned int	 nr_late;	/* how often one was added */
	int64_t		 done;		/* bytes read in all rounds */
	int64_t		 total;		/* bytes to be read in this round */
	int64_t		 before;	/* done before this round */
	size_t		 failed;
	unsigned int	 running;
	/* options */
	const char	 *uuid;		/* of the cache */
	uint64_t	 limit;
	bool		 one_device;
	bool		 progress;
	double		 began;
} warm = { .lock = PTHREAD_MUTEX_INITIALIZER };

static volatile sig_atomic_t warm_stopped;

static void warm_stop(int signal)
{
	warm_stopped = 1;
}

static double warm_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/**
 * warm_add - Add a file to those that warm_all() reads
 * @path: the file
 * @size: its size in bytes, not 0
 */
void warm_add(const char *path, off_t size)
{
	warm.files = cmd_grow(warm.files, warm.nr, sizeof(*warm.files));
	warm.files[warm.nr].path = cmd_text("%s", path);
	warm.files[warm.nr++].size = size;
}

static const struct system_mount *warm_find_mount(const struct system *sys, dev_t dev)
{
	size_t i;

	for (i = 0; i < sys->nr_mounts; i++)
		if (sys->mounts[i].dev == dev)
			return &sys->mounts[i];
	return NULL;
}

/**
 * warm_check_device - Say why the files of a file system cannot be cached
 * @sys: a cache is attached; read anew if it does not have the mount, which may have come
 *	meanwhile, by an automount
 * @path: a file of it
 * @dev: its device
 *
 * Return: EXIT_SUCCESS, or EXIT_FAILURE, which has been said.
 */
int warm_check_device(struct system *sys, const char *path, dev_t dev)
{
	const struct system_problem *problem;
	const struct system_mount *mount;
	static dev_t checked;

	if (checked == dev)
		return EXIT_SUCCESS;
	mount = warm_find_mount(sys, dev);
	if (!mount) {
		system_read_again(sys);
		mount = warm_find_mount(sys, dev);
	}
	if (!mount)
		return cmd_fails(0, "%s: is not on a mount of NFS, CIFS or 9p", path);
	problem = system_problem_of(sys, mount->target);
	if (!problem && !strcmp(sys->caches[0].state, "failed"))
		problem = system_problem_of(sys, sys->caches[0].device);
	if (problem)
		return cmd_fails(0, "%s: %s: %s\n%s", path, problem->about,
				 problem->what, problem->advice);
	checked = dev;
	return EXIT_SUCCESS;
}

/* Add a file, or the files below a directory. */
static int warm_walk(struct system *sys, const char *path)
{
	struct stat st;
	struct tree tree;
	FTSENT *entry;
	int status;

	if (tree_stat(path, &st))
		return cmd_fails(errno, "%s", path);
	status = warm_check_device(sys, path, st.st_dev);
	if (status || tree_open(&tree, path, warm.one_device))
		return EXIT_FAILURE;
	while (!warm_stopped && (entry = tree_next(&tree)))
		if (entry->fts_info == FTS_F && entry->fts_statp->st_size)
			warm_add(entry->fts_path, entry->fts_statp->st_size);
	return tree_close(&tree);
}

static int warm_read_list(struct system *sys, const char *list)
{
	FILE *file = strcmp(list, "-") ? fopen(list, "re") : stdin;
	int status = EXIT_SUCCESS;
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return cmd_fails(errno, "%s", list);
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (*line && warm_walk(sys, line))
			status = EXIT_FAILURE;
	}
	free(line);
	if (file != stdin)
		fclose(file);
	return status;
}

/* While more is on its way to the disk than half of what may be, or too fast. */
static void warm_pace(void)
{
	int64_t limit, in_flight;
	double ahead;
	int i;

	for (i = 0; i < 500 && !warm_stopped; i++) {
		limit = pages_stat(warm.uuid, "in_flight_limit_bytes");
		in_flight = pages_stat(warm.uuid, "stores_in_flight_bytes");
		if (limit <= 0 || in_flight <= limit / 2)
			break;
		pages_sleep_ms(20);
	}
	while (warm.limit && !warm_stopped) {
		ahead = (double)__atomic_load_n(&warm.done, __ATOMIC_RELAXED) /
			warm.limit - (warm_now() - warm.began);
		if (ahead <= 0)
			break;
		pages_sleep_ms(ahead < 0.1 ? 1 + ahead * 1000 : 100);
	}
}

/* Keep a piece open, to drop its pages once more when they are on the disk. */
static void warm_drop_later(int fd, off_t start, off_t bytes)
{
	struct warm_late *late, old = { .fd = -1 };

	pages_drop(fd, start, bytes);
	pthread_mutex_lock(&warm.lock);
	late = &warm.late[warm.nr_late % WARM_LATE];
	if (warm.nr_late++ >= WARM_LATE)
		old = *late;
	*late = (struct warm_late) { fd, start, bytes };
	pthread_mutex_unlock(&warm.lock);
	if (old.fd >= 0) {
		pages_drop(old.fd, old.start, old.bytes);
		close(old.fd);
	}
}

/* Has the disk taken all of it? */
static bool warm_drop_all(void)
{
	unsigned int n = warm.nr_late < WARM_LATE ? warm.nr_late : WARM_LATE, i;
	bool settled;

	settled = warm_stopped || pages_settle(warm.uuid, 60);
	for (i = 0; i < n; i++) {
		pages_drop(warm.late[i].fd, warm.late[i].start,
			   warm.late[i].bytes);
		close(warm.late[i].fd);
	}
	warm.nr_late = 0;
	return settled;
}

static int warm_read(int fd, off_t start, off_t end, char *buffer)
{
	size_t bytes;
	ssize_t n;

	while (start < end && !warm_stopped) {
		warm_pace();
		bytes = end - start < WARM_CHUNK ? end - start : WARM_CHUNK;
		n = pread(fd, buffer, bytes, start);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		start += n;
		__atomic_add_fetch(&warm.done, n, __ATOMIC_RELAXED);
	}
	return 0;
}

static void warm_piece(struct warm_file *file, off_t start, char *buffer)
{
	off_t end = file->size - start < WARM_PIECE ? file->size :
		start + WARM_PIECE;
	int fd = open(file->path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0) {
		ret = -errno;
	} else {
		/* What is in the page cache already need not be in the cache. */
		pages_drop(fd, start, end - start);
		posix_fadvise(fd, start, end - start, POSIX_FADV_SEQUENTIAL);
		ret = warm_read(fd, start, end, buffer);
		warm_drop_later(fd, start, end - start);
	}
	pthread_mutex_lock(&warm.lock);
	if (ret) {
		cmd_fails(-ret, "%s", file->path);
		file->failed = true;
		warm.failed++;
	}
	pthread_mutex_unlock(&warm.lock);
}

/* The next piece; false: there is none. */
static bool warm_next(struct warm_file **file, off_t *start)
{
	bool found = false;

	pthread_mutex_lock(&warm.lock);
	if (!warm_stopped && warm.next < warm.nr) {
		*file = &warm.files[warm.next];
		*start = warm.at;
		warm.at += WARM_PIECE;
		if (warm.at >= (*file)->size) {
			warm.next++;
			warm.at = 0;
		}
		found = true;
	}
	pthread_mutex_unlock(&warm.lock);
	return found;
}

static void *warm_thread(void *data)
{
	char *buffer = malloc(WARM_CHUNK);
	struct warm_file *file;
	off_t start;

	while (buffer && warm_next(&file, &start))
		warm_piece(file, start, buffer);
	free(buffer);
	__atomic_sub_fetch(&warm.running, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *warm_ask_thread(void *data)
{
	struct cachefs_file answer;
	struct warm_file *file;
	off_t start;

	while (warm_next(&file, &start))
		if (!start && !file->failed)
			file->missing = files_ask(file->path, &answer) ||
				answer.cached_bytes < answer.file_bytes;
	__atomic_sub_fetch(&warm.running, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void warm_show(bool end)
{
	int64_t done = __atomic_load_n(&warm.done, __ATOMIC_RELAXED) - warm.before;
	double seconds = warm_now() - warm.began, rate, left;
	char *text[3], bar[21] = "                    ";
	int part;

	if (!warm.progress)
		return;
	part = warm.total > 0 ? done * 100 / warm.total : 100;
	part = part > 100 ? 100 : part;
	memset(bar, '#', part / 5);
	rate = seconds > 0 ? (warm.before + done) / seconds : 0;
	left = rate > 0 && warm.total > done ? (warm.total - done) / rate : 0;
	text[0] = unit_size(done);
	text[1] = unit_size(warm.total);
	text[2] = unit_size(rate);
	fprintf(stderr, "\r[%s] %3d%%  %s of %s  %s/s  %d:%02d left \033[K%s", bar,
		part, text[0], text[1], text[2], (int)left / 60, (int)left % 60,
		end ? "\n" : "");
	free(text[0]);
	free(text[1]);
	free(text[2]);
}

/* Go through the list once, and show how far that is if there is a progress. */
static void warm_go(unsigned int jobs, void *(*thread)(void *data), bool progress)
{
	pthread_t threads[WARM_MAX_JOBS];
	unsigned int i, n = 0;

	warm.next = 0;
	warm.at = 0;
	warm.running = jobs;
	for (; n < jobs; n++)
		if (pthread_create(&threads[n], NULL, thread, NULL))
			break;
	__atomic_sub_fetch(&warm.running, jobs - n, __ATOMIC_RELAXED);
	if (!n)
		errx(EXIT_FAILURE, "no thread");
	for (i = 0; __atomic_load_n(&warm.running, __ATOMIC_ACQUIRE); i++) {
		if (progress && i % 10 == 9)
			warm_show(false);
		pages_sleep_ms(i ? 50 : 1);
	}
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

/* Read all files of the list once.  Has the disk taken all of it? */
static bool warm_round(unsigned int jobs)
{
	bool settled;
	size_t i;

	warm.before = warm.done;
	warm.total = 0;
	for (i = 0; i < warm.nr; i++)
		warm.total += warm.files[i].size;
	warm_go(jobs, warm_thread, true);
	settled = warm_drop_all();
	warm_show(true);
	return settled;
}

static void warm_forget(void)
{
	while (warm.nr)
		free(warm.files[--warm.nr].path);
}

/* Keep only the files of which something is missing.  An unanswered question counts so. */
static void warm_keep_missing(unsigned int jobs)
{
	size_t i, kept = 0;

	for (i = 0; i < warm.nr; i++)
		warm.files[i].missing = !warm.files[i].failed;
	if (!files_open(CACHEFS_IOC_WHY)) {
		warm_go(jobs, warm_ask_thread, false);
		files_close();
	}
	for (i = 0; i < warm.nr; i++) {
		if (warm.files[i].missing)
			warm.files[kept++] = warm.files[i];
		else
			free(warm.files[i].path);
	}
	warm.nr = kept;
}

/* The cache that is to have the files, unless it was detached or has failed. */
static const struct system_cache *warm_cache(const struct system *sys)
{
	size_t i;

	for (i = 0; i < sys->nr_caches; i++)
		if (!strcmp(sys->caches[i].uuid, warm.uuid) &&
		    (!strcmp(sys->caches[i].state, "active") ||
		     !strcmp(sys->caches[i].state, "degraded")))
			return &sys->caches[i];
	return NULL;
}

/* What is cached already, and read from the server all the same, is not missing. */
static bool warm_counts(const struct system_refused *refused)
{
	return strcmp(refused->reason, "bypassed") && refused->bytes > 0;
}

static int64_t warm_refused(const struct system_cache *cache)
{
	int64_t bytes = 0;
	size_t i;

	for (i = 0; i < cache->nr_refused; i++)
		if (warm_counts(&cache->refused[i]))
			bytes += cache->refused[i].bytes;
	return bytes;
}

/* Each reason with the bytes that were refused for it meanwhile, to be freed. */
static char *warm_reasons(const struct system_cache *before, const struct system_cache *now)
{
	char *text = cmd_text("%s", ""), *longer, *size;
	int64_t bytes;
	size_t i;

	for (i = 0; i < now->nr_refused && i < before->nr_refused; i++) {
		bytes = now->refused[i].bytes - before->refused[i].bytes;
		if (!warm_counts(&now->refused[i]) || bytes <= 0)
			continue;
		size = unit_size(bytes);
		longer = cmd_text("%s%s %s %s", text, *text ? "," : "; stores were refused:",
				  now->refused[i].reason, size);
		free(size);
		free(text);
		text = longer;
	}
	return text;
}

/* Another number means that the cache was detached and attached again. */
static ino_t warm_attached(void)
{
	char *path = root_path("/sys/fs/cachefs/%s", warm.uuid);
	struct stat st;
	ino_t number = stat(path, &st) ? 0 : st.st_ino;

	free(path);
	return number;
}

/*
 * Read the list, and keep what is not all cached.  Fails, which has been said, if nobody
 * knows; or, in the last round, if something was kept.
 */
static int warm_try(unsigned int jobs, size_t files, bool last)
{
	const struct system_cache *before, *now;
	ino_t attached = warm_attached();
	struct system sys[2];
	int status = EXIT_SUCCESS;
	bool settled;
	char *text;

	system_read(&sys[0]);
	settled = warm_round(jobs);
	system_read(&sys[1]);
	before = warm_cache(&sys[0]);
	now = warm_cache(&sys[1]);
	if (!warm_stopped && (!before || !now || warm_attached() != attached)) {
		status = cmd_fails(0, "the cache has failed or was detached meanwhile, so not all is cached: see cachefsctl status");
	} else if (!warm_stopped && settled && warm_refused(now) == warm_refused(before)) {
		warm_forget();
	} else if (!warm_stopped) {
		warm_keep_missing(jobs);
		if (warm.nr && last && !warm_stopped) {
			text = warm_reasons(before, now);
			status = cmd_fails(0, "%zu of %zu files are not wholly cached, %s for one%s; see cachefsctl why",
					   warm.nr, files, warm.files[0].path, text);
			free(text);
		}
	}
	system_free(&sys[0]);
	system_free(&sys[1]);
	return status;
}

static void warm_sum(size_t files, const char *const *names, const int64_t *before)
{
	char *text[4];
	int i;

	text[3] = unit_size(warm.done);
	printf("%zu files, %s read in %.0f s", files, text[3],
	       warm_now() - warm.began);
	for (i = 0; i < 3; i++) {
		text[i] = unit_size(pages_stat(warm.uuid, names[i]) - before[i]);
		printf("%s %s", !i ? "; was cached:" : i == 1 ? ", stored:" :
		       ", refused:", text[i]);
		free(text[i]);
	}
	putchar('\n');
	free(text[3]);
}

static int warm_stopped_at(size_t files)
{
	size_t at = warm.next < warm.nr ? warm.next : warm.nr - 1;
	char *size = unit_size(warm.done);

	warnx("stopped after %s, at file %zu of %zu: %s", size, at + 1, files,
	      warm.nr ? warm.files[at].path : "-");
	free(size);
	return 128 + SIGINT;
}

/**
 * warm_all - Read all files that were added
 * @uuid: the cache that is to have them
 * @jobs: so many pieces at a time
 * @quiet: print no progress and no sum
 *
 * Return: the exit status.
 */
int warm_all(const char *uuid, unsigned int jobs, bool quiet)
{
	static const char *const names[] = {
		"hit_bytes", "stored_bytes", "store_refused_bytes",
	};
	struct sigaction action = { .sa_handler = warm_stop };
	int status = EXIT_SUCCESS, round, i;
	int64_t before[ARRAY_SIZE(names)];
	size_t files = warm.nr;

	warm.uuid = uuid;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		before[i] = pages_stat(uuid, names[i]);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	warm.progress = !quiet && isatty(STDERR_FILENO);
	warm.began = warm_now();
	for (round = 1; round <= WARM_ROUNDS && warm.nr && !status; round++) {
		status = warm_try(jobs, files, round == WARM_ROUNDS);
		if (warm_stopped && warm.nr)
			return warm_stopped_at(files);
		if (warm.nr && !status && !quiet)
			fprintf(stderr, "stores were refused: %zu files are read again\n",
				warm.nr);
	}
	if (!quiet && warm_attached())
		warm_sum(files, names, before);
	return warm.failed ? EXIT_FAILURE : status;
}

int cmd_warm(int argc, char **argv)
{
	static const struct option options[] = {
		{ "jobs", required_argument, NULL, 'j' },
		{ "limit", required_argument, NULL, 'l' },
		{ "files", required_argument, NULL, 'f' },
		{ "one-file-system", no_argument, NULL, 'x' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	const char *list = NULL;
	char *uuid = NULL;
	unsigned int jobs = 4;
	bool quiet = false;
	struct system sys;
	int c, status = EXIT_SUCCESS, end;

	while ((c = getopt_long(argc, argv, "j:l:f:xqh", options, NULL)) != -1)
		switch (c) {
		case 'j':
			if (unit_parse_number(optarg, WARM_MAX_JOBS, &jobs) || !jobs)
				return cmd_bad_usage("warm", "not a number from 1 to %d: %s",
						     WARM_MAX_JOBS, optarg);
			break;
		case 'l':
			if (unit_parse_size(optarg, &warm.limit))
				return cmd_bad_usage("warm", "not a number of bytes per second: %s",
						     optarg);
			break;
		case 'f':
			list = optarg;
			break;
		case 'x':
			warm.one_device = true;
			break;
		case 'q':
			quiet = true;
			break;
		case 'h':
			return cmd_help(warm_usage);
		default:
			return cmd_misused("warm");
		}
	if (optind == argc && !list)
		return cmd_bad_usage("warm", "no PATH given");
	system_read(&sys);
	if (!sys.nr_caches) {
		status = cmd_fails(0, "no cache is attached");
	} else {
		uuid = cmd_text("%s", sys.caches[0].uuid);
		if (list && warm_read_list(&sys, list))
			status = EXIT_FAILURE;
		for (; optind < argc; optind++)
			if (warm_walk(&sys, argv[optind]))
				status = EXIT_FAILURE;
	}
	system_free(&sys);
	if (warm.nr) {
		end = warm_all(uuid, jobs, quiet);
		status = end ?: status;
	}
	free(uuid);
	return status;
}
