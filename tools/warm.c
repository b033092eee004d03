// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl warm: read files in parallel, so that they are cached.
 *
 * Threads take pieces of files, and read them with buffered reads, because buffered reads
 * fill the cache.  The threads read no faster than the cache's disk can write, and drop
 * the pages behind them.  Pages that are on their way to the disk cannot be dropped at
 * once, so the last pieces stay open, and their pages are dropped again later.
 *
 * The cache counts the bytes that it refuses to store, of all readers, and the bytes that
 * leave it.  If one of these numbers has grown in a round, the kernel is asked whether
 * each file is completely cached.  Incomplete files are read again, and are an error at
 * the end.
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
#include "refused.h"
#include "system.h"
#include "tree.h"
#include "warm.h"

static const char warm_usage[] =
	"Usage: cachefsctl warm [options] PATH...\n"
	"\n"
	"Read files, and all files below directories, so that they are cached.  They are\n"
	"dropped from the page cache, before and after.  The exit status is 1 if some of them\n"
	"could not be stored, also after reading them again, or if the cache failed or was\n"
	"detached meanwhile.\n"
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
#define WARM_ROUNDS	3		/* at most, if stores are refused */
#define WARM_SETTLED_MS	4100		/* nfs-glue: more than SETTLED_SECONDS + 1 */
#define WARM_MAX_JOBS	256

struct warm_file {
	char	*path;
	dev_t	dev;			/* of its file system, as the walk has found it */
	off_t	size;
	off_t	new_size;		/* its present size, if something is missing */
	int64_t	missing;		/* bytes that are not known to be cached */
	struct timespec changed;	/* its ctime, before it was read */
	bool	recent;			/* bytes are missing: it has just changed */
	bool	lasts;			/* bytes are missing: they would be refused again */
	bool	failed;			/* it is gone; or unreadable, after a message */
};

struct warm_late {
	int	fd;
	off_t	start;
	off_t	bytes;
};

static struct {
	pthread_mutex_t	 lock;		/* protects next, at, late, nr_late, failed */
	struct warm_file *files;
	size_t		 nr;		/* files of this round, the first ones */
	size_t		 all;
	size_t		 recent;	/* files of @nr that are recent, after a round */
	size_t		 next;		/* the file of the next piece */
	off_t		 at;		/* the offset where that piece begins */
	struct warm_late late[WARM_LATE];
	unsigned int	 nr_late;	/* number of pieces that were added */
	int64_t		 done;		/* bytes read in all rounds */
	int64_t		 total;		/* bytes to be read in this round */
	int64_t		 before;	/* done before this round */
	size_t		 failed;
	unsigned int	 running;
	int		 error;		/* an errno if the kernel answers no questions */
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

/**
 * warm_add - Add a file to those that warm_all() reads
 * @path: the file
 * @dev: the device of its file system
 * @size: its size in bytes, not 0
 */
void warm_add(const char *path, dev_t dev, off_t size)
{
	warm.files = cmd_grow(warm.files, warm.nr, sizeof(*warm.files));
	warm.files[warm.nr].path = cmd_text("%s", path);
	warm.files[warm.nr].dev = dev;
	warm.files[warm.nr++].size = size;
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
	status = system_check_device(sys, path, st.st_dev);
	if (status || tree_open(&tree, path, warm.one_device))
		return EXIT_FAILURE;
	while (!warm_stopped && (entry = tree_next(&tree)))
		if (entry->fts_info == FTS_F && entry->fts_statp->st_size)
			warm_add(entry->fts_path, entry->fts_statp->st_dev,
				 entry->fts_statp->st_size);
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
	if (ferror(file))
		status = cmd_fails(errno, "%s", list);
	free(line);
	if (file != stdin)
		fclose(file);
	return status;
}

/* Wait while more than half of the limit is in flight, or the reads are too fast. */
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
			warm.limit - (pages_now() - warm.began);
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

/* Drop the pages of all open pieces.  Returns whether the disk has taken all data. */
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
	int fd = tree_open_file(file->path, file->dev), ret = fd;
	struct stat st;

	if (fd >= 0) {
		if (!start && !fstat(fd, &st))
			file->changed = st.st_ctim;
		/* Pages that are in the page cache already need not be in the cache. */
		pages_drop(fd, start, end - start);
		posix_fadvise(fd, start, end - start, POSIX_FADV_SEQUENTIAL);
		ret = warm_read(fd, start, end, buffer);
		warm_drop_later(fd, start, end - start);
	}
	pthread_mutex_lock(&warm.lock);
	/* A file that is gone or replaced is no error: a later walk would not find it. */
	if (ret && ret != -ENOENT && ret != -EMEDIUMTYPE) {
		cmd_fails(-ret, "%s", file->path);
		warm.failed++;
	}
	if (ret)
		file->failed = true;
	pthread_mutex_unlock(&warm.lock);
}

/* Take the next piece.  Returns false if there is none. */
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

/* Does this reason count?  For other reasons, missing data could not be stored anyway. */
static bool warm_counts(uint32_t reason)
{
	return reason == CACHEFS_FILE_OK || reason == CACHEFS_FILE_SLOW ||
		reason == CACHEFS_FILE_NOT_STORED || reason == CACHEFS_FILE_RECENT ||
		reason == CACHEFS_FILE_FAILED || reason == CACHEFS_FILE_BUDGET ||
		reason == CACHEFS_FILE_SECOND;
}

/*
 * Find the missing bytes of a file.  Without an answer, all bytes are missing, except if
 * the file is gone.  If a file changed after it was read, its cached data is of no use.
 */
static void warm_ask(struct warm_file *file)
{
	struct cachefs_file answer;
	struct stat st;
	int ret;

	ret = files_ask_quietly(file->path, file->dev, &answer);
	if (ret == -ENOTTY) {
		__atomic_store_n(&warm.error, ENOTTY, __ATOMIC_RELAXED);
	} else if (ret && ret != -ENOENT) {
		cmd_fails(-ret, "%s", file->path);
		file->missing = file->size;
		file->new_size = file->size;
	} else if (!ret && warm_counts(answer.reason) &&
		   answer.cached_bytes < answer.file_bytes) {
		file->missing = answer.file_bytes - answer.cached_bytes;
		file->new_size = answer.file_bytes;
		file->lasts = answer.reason == CACHEFS_FILE_BUDGET ||
			answer.reason == CACHEFS_FILE_NOT_STORED;
		file->recent = answer.reason == CACHEFS_FILE_RECENT ||
			file->new_size != file->size ||
			(!stat(file->path, &st) &&
			 memcmp(&st.st_ctim, &file->changed, sizeof(st.st_ctim)));
	}
}

static void *warm_ask_thread(void *data)
{
	struct warm_file *file;
	off_t start;

	while (!__atomic_load_n(&warm.error, __ATOMIC_RELAXED) &&
	       warm_next(&file, &start))
		if (!start && !file->failed)
			warm_ask(file);
	__atomic_sub_fetch(&warm.running, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Show the progress in one line of any terminal.  A narrow terminal gets no bar. */
static void warm_show(bool end)
{
	int64_t done = __atomic_load_n(&warm.done, __ATOMIC_RELAXED) - warm.before;
	double seconds = pages_now() - warm.began, rate, left;
	char *text[3], bar[21] = "                    ", *line, *numbers;
	unsigned int columns, rows;
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
	line = cmd_text("[%s] %3d%%  %s of %s  %s/s  %d:%02d left", bar, part, text[0], text[1],
			text[2], (int)left / 60, (int)left % 60);
	terminal_size(STDERR_FILENO, &columns, &rows);
	/* The last column is for the cursor. */
	columns = columns > 1 ? columns - 1 : 0;
	numbers = columns && strlen(line) > columns ? strchr(line, ']') + 2 : line;
	fprintf(stderr, "\r%.*s\033[K%s",
		(int)terminal_fit(numbers, strlen(numbers), columns), numbers, end ? "\n" : "");
	free(line);
	free(text[0]);
	free(text[1]);
	free(text[2]);
}

/* Go through the list once with @jobs threads.  Show the progress if @progress is set. */
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

/* Read all files of the list once.  Returns whether the disk has taken all data. */
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

/* Find the missing bytes of each file.  Returns an errno if the kernel does not know. */
static int warm_ask_all(unsigned int jobs)
{
	size_t i;

	for (i = 0; i < warm.nr; i++) {
		warm.files[i].missing = 0;
		warm.files[i].recent = false;
		warm.files[i].lasts = false;
	}
	warm.error = -files_open_quietly(CACHEFS_IOC_WHY);
	if (!warm.error) {
		warm_go(jobs, warm_ask_thread, false);
		files_close();
	}
	return warm.error;
}

/*
 * Keep only the files with missing bytes, with their present sizes.  Returns the number
 * of missing bytes, without those of files that changed a moment ago.  @lasting: those of
 * them that the write budget or a full disk would refuse again.
 */
static int64_t warm_keep_missing(int64_t *lasting)
{
	struct warm_file file;
	int64_t missing = 0;
	size_t i, kept = 0;

	*lasting = 0;
	for (i = 0; i < warm.nr; i++) {
		file = warm.files[i];
		if (!file.missing)
			continue;
		file.size = file.new_size;
		warm.files[i] = warm.files[kept];
		warm.files[kept++] = file;
		if (file.recent)
			warm.recent++;
		else
			missing += file.missing;
		if (file.lasts && !file.recent)
			*lasting += file.missing;
	}
	warm.nr = kept;
	return missing;
}

static int warm_fails(const struct refused *refused, int64_t missing, bool no_room)
{
	char *size = unit_size(missing), *evicted = unit_size(refused->evicted), *room;
	size_t i = 0;
	int status;

	while (warm.files[i].recent)
		i++;
	room = no_room ? cmd_text("; %s are missing, and the cache has no room for all: %s were evicted",
				  size, evicted) : cmd_text("%s", "");
	status = cmd_fails(0, "%zu of %zu files are not wholly cached, %s for one%s%s; see cachefsctl why",
			   warm.nr - warm.recent, warm.all, warm.files[i].path, room,
			   refused->reasons);
	free(size);
	free(evicted);
	free(room);
	return status;
}

/* Keep the files that are to be read again; or fail, after a message. */
static int warm_judge(unsigned int jobs, const struct refused *refused, bool settled,
		      bool last)
{
	int64_t missing, lasting;
	bool no_room, lasts;
	int error;

	/* Files that were not read in this round may have left the cache, too. */
	if (refused->evicted)
		warm.nr = warm.all;
	error = warm_ask_all(jobs);
	if (warm_stopped)
		return EXIT_SUCCESS;
	if (error && (!settled || refused->bytes))
		return cmd_fails(error, "the kernel does not say which files are cached%s; /dev/cachefs",
				 refused->reasons);
	missing = warm_keep_missing(&lasting);
	/* To read evicted files again would evict the rest. */
	no_room = refused->evicted && missing > refused->bytes;
	lasts = lasting > missing / 2;
	return missing && (last || no_room || lasts) ? warm_fails(refused, missing, no_room) :
		EXIT_SUCCESS;
}

/* Read the list, and keep the files that are not all cached; or fail, after a message. */
static int warm_try(unsigned int jobs, bool last)
{
	int status = EXIT_SUCCESS;
	struct refused refused;
	bool settled;

	warm.recent = 0;
	refused_begin(&refused, warm.uuid);
	settled = warm_round(jobs);
	refused_end(&refused, warm.uuid);
	if (warm_stopped)
		;
	else if (refused.lost)
		status = cmd_fails(0, "the cache has failed or was detached meanwhile, so not all is cached: see cachefsctl status");
	else if (settled && !refused.bytes && !refused.evicted)
		warm.nr = 0;
	else
		status = warm_judge(jobs, &refused, settled, last);
	free(refused.reasons);
	return status;
}

/* Wait until files that changed a moment ago can be stored. */
static void warm_wait(void)
{
	int i;

	for (i = 0; i < WARM_SETTLED_MS / 100 && !warm_stopped; i++)
		pages_sleep_ms(100);
}

static void warm_sum(const char *const *names, const int64_t *before)
{
	char *text[4];
	int i;

	text[3] = unit_size(warm.done);
	printf("%zu files, %s read in %.0f s", warm.all, text[3],
	       pages_now() - warm.began);
	for (i = 0; i < 3; i++) {
		text[i] = unit_size(pages_stat(warm.uuid, names[i]) - before[i]);
		printf("%s %s", !i ? "; was cached:" : i == 1 ? ", stored:" :
		       ", refused:", text[i]);
		free(text[i]);
	}
	putchar('\n');
	free(text[3]);
}

static int warm_stopped_at(void)
{
	size_t at = warm.next < warm.nr ? warm.next : warm.nr - 1;
	char *size = unit_size(warm.done);

	cmd_warn("stopped after %s, at file %zu of %zu: %s", size, at + 1, warm.all,
		 warm.nr ? warm.files[at].path : "-");
	free(size);
	return 128 + SIGINT;
}

/**
 * warm_all - Read all files that were added
 * @uuid: the cache that is to have them
 * @jobs: the number of pieces that are read at a time
 * @quiet: print no progress and no sum
 *
 * Return: the exit status.
 */
int warm_all(const char *uuid, unsigned int jobs, bool quiet)
{
	static const char *const names[] = {
		"hit_bytes", "stored_bytes", "store_refused_bytes",
	};
	/* The first signal ends it in order, the second one even if a server hangs. */
	struct sigaction action = { .sa_handler = warm_stop, .sa_flags = SA_RESETHAND };
	int status = EXIT_SUCCESS, round, i;
	int64_t before[ARRAY_SIZE(names)];

	warm.uuid = uuid;
	warm.all = warm.nr;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		before[i] = pages_stat(uuid, names[i]);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	warm.progress = !quiet && isatty(STDERR_FILENO);
	warm.began = pages_now();
	for (round = 1; round <= WARM_ROUNDS && warm.nr && !status; round++) {
		if (round > 1 && !quiet)
			fprintf(stderr, "stores were refused: %zu files are read again\n",
				warm.nr);
		if (warm.recent)
			warm_wait();
		status = warm_try(jobs, round == WARM_ROUNDS);
		if (warm_stopped && warm.nr)
			return warm_stopped_at();
	}
	if (warm.recent && !quiet)
		fprintf(stderr, "%zu files changed a moment ago and are not cached yet\n",
			warm.recent);
	if (!quiet && refused_attached(uuid))
		warm_sum(names, before);
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
