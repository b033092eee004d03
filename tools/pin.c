// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl pin: keep files in the cache, even if nobody reads them.
 *
 * A block that was read since it was stored stays when its region is reused.  So a timer
 * notes all pinned files as read, and fetches their missing data.  The list of the paths
 * is a file with one path a line.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cachefsctl.h"
#include "files.h"
#include "system.h"
#include "tree.h"
#include "warm.h"

static const char pin_usage[] =
	"Usage: cachefsctl pin add|remove PATH...\n"
	"       cachefsctl pin list [--json]\n"
	"       cachefsctl pin run [--quiet]\n"
	"\n"
	"Keep files, and all files below directories, in the cache, though nobody reads them.\n"
	"The timer cachefs-pin.timer calls run, which notes them as read, and fetches what of\n"
	"them is missing or has changed.  Its exit status is 1 if some of that could not be\n"
	"stored, as that of warm.\n"
	"\n"
	"Options:\n"
	" -J, --json    list: print JSON\n"
	" -q, --quiet   run: print no progress and no sum\n"
	" -h, --help    display this help\n";

#define PIN_DIR		"/var/lib/cachefs"
#define PIN_LIST	PIN_DIR "/pins"
/* On average, at most half of the blocks in a region stay when the region is reused. */
#define PIN_PERCENT	40

/*
 * struct pins - The list of what is pinned
 * @paths: absolute paths of files and directories
 * @nr: the number of paths
 * @kept: the number of paths that are in the file already, which are the first ones
 */
struct pins {
	char	**paths;
	size_t	nr;
	size_t	kept;
};

static void pins_free(struct pins *pins)
{
	while (pins->nr)
		free(pins->paths[--pins->nr]);
	free(pins->paths);
	pins->paths = NULL;
}

static void pins_append(struct pins *pins, const char *path)
{
	pins->paths = cmd_grow(pins->paths, pins->nr, sizeof(*pins->paths));
	pins->paths[pins->nr++] = cmd_text("%s", path);
}

/* Read the list.  A missing file is an empty list. */
static int pins_read(struct pins *pins)
{
	char *name = root_path(PIN_LIST), *line = NULL;
	FILE *file = fopen(name, "re");
	int status = EXIT_SUCCESS;
	unsigned int nr = 0;
	size_t size = 0;

	*pins = (struct pins) {};
	if (!file && errno != ENOENT)
		status = cmd_fails(errno, "%s", name);
	while (file && !status && getline(&line, &size, file) > 0) {
		nr++;
		line[strcspn(line, "\n")] = 0;
		if (*line == '/')
			pins_append(pins, line);
		else if (*line)
			status = cmd_fails(0, "%s: line %u is no absolute path: %s", name, nr,
					   line);
	}
	if (file && !status && ferror(file))
		status = cmd_fails(errno, "%s", name);
	if (file)
		fclose(file);
	pins->kept = pins->nr;
	free(line);
	free(name);
	return status;
}

static int pins_write(const struct pins *pins)
{
	char *name = root_path(PIN_LIST), *new = root_path(PIN_LIST ".new");
	FILE *file = fopen(new, "we");
	bool failed = !file;
	size_t i;

	for (i = 0; !failed && i < pins->nr; i++)
		failed = fprintf(file, "%s\n", pins->paths[i]) < 0;
	failed = failed || fflush(file) || fsync(fileno(file));
	failed = (file && fclose(file)) || failed || rename(new, name);
	if (failed) {
		cmd_fails(errno, "%s", name);
		unlink(new);
	}
	free(new);
	free(name);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Lock the directory of the list, for a change of the list.  Returns the lock, or -1. */
static int pins_lock(void)
{
	char *name = root_path(PIN_DIR);
	int lock = -1;

	if (!mkdir(name, 0755) || errno == EEXIST)
		lock = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX)) {
		cmd_fails(errno, "%s", name);
		if (lock >= 0)
			close(lock);
		lock = -1;
	}
	free(name);
	return lock;
}

/*
 * Lock and read the list, for a change.  Do not look at a path with this lock: if the
 * path's server does not answer, all others wait for the lock.  Returns the lock; or -1,
 * after a message, with an empty list.
 */
static int pins_begin(struct pins *pins)
{
	int lock = pins_lock();

	*pins = (struct pins) {};
	if (lock >= 0 && pins_read(pins)) {
		pins_free(pins);
		close(lock);
		lock = -1;
	}
	return lock;
}

/* Write and unlock the list, after pins_begin().  Returns an exit status. */
static int pins_end(const struct pins *pins, int lock)
{
	int status;

	if (lock < 0)
		return EXIT_FAILURE;
	status = pins_write(pins);
	close(lock);
	return status;
}

static bool pin_is_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return !strncmp(path, directory, length) &&
		(!path[length] || path[length] == '/' || directory[length - 1] == '/');
}

static void pins_take_out(struct pins *pins, size_t i)
{
	free(pins->paths[i]);
	memmove(pins->paths + i, pins->paths + i + 1,
		(--pins->nr - i) * sizeof(*pins->paths));
	if (i < pins->kept)
		pins->kept--;
}

struct pin_sum {
	size_t		files;
	uint64_t	bytes;
};

/* Add numbers of bytes.  The sum of sparse files may be larger than the type can hold. */
static uint64_t pin_plus(uint64_t bytes, uint64_t more)
{
	return more < INT64_MAX - bytes ? bytes + more : INT64_MAX;
}

static void pin_count(struct pin_sum *sum, uint64_t bytes)
{
	sum->files++;
	sum->bytes = pin_plus(sum->bytes, bytes);
}

static int pin_sum(const char *path, struct pin_sum *sum)
{
	struct tree tree;
	FTSENT *entry;

	if (tree_open(&tree, path, false))
		return EXIT_FAILURE;
	while ((entry = tree_next(&tree)))
		if (entry->fts_info == FTS_F)
			pin_count(sum, entry->fts_statp->st_size);
	return tree_close(&tree);
}

static uint64_t pin_limit(const struct system *sys)
{
	return sys->caches[0].capacity / 100 * PIN_PERCENT;
}

static void pin_warn(const struct system *sys, uint64_t bytes)
{
	char *pinned, *limit;

	if (bytes <= pin_limit(sys))
		return;
	pinned = unit_size(bytes);
	limit = unit_size(pin_limit(sys));
	cmd_fails(0, "warning: the pinned files have %s, more than %d %% of the cache, which are %s: not all of it will stay, and files past that are not fetched again",
		  pinned, PIN_PERCENT, limit);
	free(pinned);
	free(limit);
}

/* Check a path that is to be pinned.  Returns its real name, or NULL after a message. */
static char *pin_resolve(struct system *sys, const char *path)
{
	char *resolved = realpath(path, NULL);
	struct stat st;

	if (!resolved || tree_stat(resolved, &st))
		cmd_fails(errno, "%s", path);
	else if (strchr(resolved, '\n'))
		cmd_fails(0, "%s: a name with a line break cannot be pinned", path);
	else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		cmd_fails(0, "%s: neither a regular file nor a directory", path);
	else if (!system_check_device(sys, path, st.st_dev))
		return resolved;
	free(resolved);
	return NULL;
}

static void pins_add(struct pins *pins, const char *path, const char *resolved)
{
	size_t i;

	for (i = 0; i < pins->nr; i++) {
		if (pin_is_below(resolved, pins->paths[i])) {
			cmd_say("%s: is pinned with %s\n", path, pins->paths[i]);
			return;
		}
	}
	/* Paths below the new path are pinned with it. */
	for (i = pins->nr; i--;)
		if (pin_is_below(pins->paths[i], resolved))
			pins_take_out(pins, i);
	pins_append(pins, resolved);
}

static void pin_say(const char *path, const struct pin_sum *sum)
{
	char *size = unit_size(sum->bytes);

	cmd_say("%s: %zu files with %s are pinned\n", path, sum->files, size);
	free(size);
}

/* Sum up all pinned files.  Look at each file once, because there may be millions. */
static int pin_sum_all(const struct system *sys, const struct pins *pins)
{
	int status = EXIT_SUCCESS;
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < pins->nr; i++) {
		struct pin_sum sum = {};
		int ret = pin_sum(pins->paths[i], &sum);

		bytes = pin_plus(bytes, sum.bytes);
		/* An error of an old path is printed, but add does not fail. */
		if (i < pins->kept)
			continue;
		status = ret ?: status;
		pin_say(pins->paths[i], &sum);
	}
	pin_warn(sys, bytes);
	return status;
}

static int pin_add(struct system *sys, char **paths)
{
	int status = EXIT_SUCCESS, lock;
	char **resolved = NULL;
	struct pins pins;
	size_t nr, i;

	for (nr = 0; paths[nr]; nr++) {
		resolved = cmd_grow(resolved, nr, sizeof(*resolved));
		resolved[nr] = pin_resolve(sys, paths[nr]);
		if (!resolved[nr])
			status = EXIT_FAILURE;
	}
	lock = pins_begin(&pins);
	for (i = 0; i < nr; i++) {
		if (lock >= 0 && resolved[i])
			pins_add(&pins, paths[i], resolved[i]);
		free(resolved[i]);
	}
	free(resolved);
	if (pins_end(&pins, lock))
		status = EXIT_FAILURE;
	else
		status = pin_sum_all(sys, &pins) ?: status;
	pins_free(&pins);
	return status;
}

/* Return the index of a path in the list, or the length of the list if there is none. */
static size_t pins_find(const struct pins *pins, const char *path)
{
	size_t i;

	for (i = 0; i < pins->nr; i++)
		if (!strcmp(pins->paths[i], path))
			break;
	return i;
}

/*
 * Return the names of paths as in the list.  The list has real names.  A path that the
 * list has as it is given is not looked up: it may be gone, or its server may not answer.
 */
static char **pin_names(char **paths)
{
	char **names = NULL, *name;
	struct pins pins;
	size_t nr;

	if (pins_read(&pins)) {
		pins_free(&pins);
		return NULL;
	}
	for (nr = 0; paths[nr]; nr++) {
		name = pins_find(&pins, paths[nr]) < pins.nr ? NULL :
			realpath(paths[nr], NULL);
		names = cmd_grow(names, nr, sizeof(*names));
		names[nr] = name ?: cmd_text("%s", paths[nr]);
	}
	pins_free(&pins);
	return names;
}

static int pin_remove(char **paths)
{
	char **names = pin_names(paths);
	int status = EXIT_SUCCESS, lock;
	struct pins pins;
	size_t nr, i;

	if (!names)
		return EXIT_FAILURE;
	lock = pins_begin(&pins);
	for (nr = 0; paths[nr]; nr++) {
		i = pins_find(&pins, names[nr]);
		if (i < pins.nr)
			pins_take_out(&pins, i);
		else if (lock >= 0)
			status = cmd_fails(0, "%s: is not pinned; see cachefsctl pin list",
					   paths[nr]);
		free(names[nr]);
	}
	free(names);
	status = pins_end(&pins, lock) ?: status;
	pins_free(&pins);
	return status;
}

static int pin_list(const struct pins *pins, bool as_json)
{
	if (!pins->nr && !as_json) {
		puts("nothing is pinned");
		return EXIT_SUCCESS;
	}
	return files_show(pins->paths, pins->nr, as_json);
}

struct pin_run {
	uint64_t	capacity;
	uint64_t	limit;
	struct pin_sum	all;
	struct pin_sum	noted;
	struct pin_sum	missing;	/* to be fetched */
	size_t		not_now;	/* files whose data cannot be stored now */
};

/*
 * Count a file that is larger than the cache.  Such a file is never fetched.  The kernel
 * takes weeks for an answer about a sparse file.
 */
static void pin_run_too_large(struct pin_run *run, const FTSENT *entry)
{
	char *size = unit_size(entry->fts_statp->st_size);

	pin_count(&run->all, entry->fts_statp->st_size);
	cmd_fails(0, "warning: %s has %s, more than the cache: it is neither noted as read nor fetched",
		  entry->fts_path, size);
	free(size);
}

/*
 * Note a file as read, and add it to those to be fetched if the kernel gives no reason
 * against it: a file that changed a moment ago is left for the next run.  A file below a
 * pinned directory may be removed meanwhile.
 */
static int pin_run_file(struct pin_run *run, const FTSENT *entry)
{
	dev_t dev = entry->fts_statp->st_dev;
	struct cachefs_file answer;
	int ret;

	if (entry->fts_statp->st_size > run->capacity) {
		pin_run_too_large(run, entry);
		return EXIT_SUCCESS;
	}
	ret = files_ask_quietly(entry->fts_path, dev, &answer);
	if (ret == -ENOENT && entry->fts_level > FTS_ROOTLEVEL)
		return EXIT_SUCCESS;
	if (ret)
		return files_fails(entry->fts_path, dev, ret);
	pin_count(&run->all, answer.file_bytes);
	run->noted.bytes += answer.cached_bytes;
	if (answer.cached_bytes == answer.file_bytes || run->all.bytes > run->limit)
		return EXIT_SUCCESS;
	if (answer.reason == CACHEFS_FILE_NOT_STORED || answer.reason == CACHEFS_FILE_SLOW ||
	    answer.reason == CACHEFS_FILE_BUDGET || answer.reason == CACHEFS_FILE_POLICY)
		run->not_now++;
	if (answer.reason != CACHEFS_FILE_OK && answer.reason != CACHEFS_FILE_SECOND)
		return EXIT_SUCCESS;
	run->missing.files++;
	run->missing.bytes += answer.file_bytes - answer.cached_bytes;
	warm_add(entry->fts_path, dev, answer.file_bytes);
	return EXIT_SUCCESS;
}

static int pin_run_path(struct system *sys, struct pin_run *run, const char *path)
{
	struct stat st;
	struct tree tree;
	FTSENT *entry;

	if (tree_stat(path, &st))
		return cmd_fails(errno, "%s", path);
	if (system_check_device(sys, path, st.st_dev) || tree_open(&tree, path, false))
		return EXIT_FAILURE;
	while ((entry = tree_next(&tree)))
		if (entry->fts_info == FTS_F && pin_run_file(run, entry))
			tree.status = EXIT_FAILURE;
	return tree_close(&tree);
}

static int pin_run(struct system *sys, const struct pins *pins, bool quiet)
{
	struct pin_run run = {
		.capacity = sys->caches[0].capacity, .limit = pin_limit(sys),
	};
	int status = EXIT_SUCCESS;
	char *text[3];
	size_t i;

	if (files_open(CACHEFS_IOC_NOTE_READ))
		return EXIT_FAILURE;
	for (i = 0; i < pins->nr; i++)
		if (pin_run_path(sys, &run, pins->paths[i]))
			status = EXIT_FAILURE;
	files_close();
	pin_warn(sys, run.all.bytes);
	text[0] = unit_size(run.all.bytes);
	text[1] = unit_size(run.noted.bytes);
	text[2] = unit_size(run.missing.bytes);
	if (!quiet)
		printf("%zu pinned files, %s: %s noted as read, %s of %zu files to be fetched\n",
		       run.all.files, text[0], text[1], text[2], run.missing.files);
	for (i = 0; i < ARRAY_SIZE(text); i++)
		free(text[i]);
	if (run.not_now)
		status = cmd_fails(0, "%zu pinned files are not fetched: the cache does not store them now, see cachefsctl why",
				   run.not_now);
	if (!run.missing.files)
		return status;
	fflush(stdout);
	return warm_all(sys->caches[0].uuid, 1, quiet) ?: status;
}

/* Do add, which has @paths, or run.  Both need a cache. */
static int pin_with_cache(const struct pins *pins, char **paths, bool quiet)
{
	struct system sys;
	int status;

	system_read(&sys);
	if (!sys.nr_caches)
		status = cmd_fails(0, "no cache is attached");
	else if (paths)
		status = pin_add(&sys, paths);
	else
		status = pin_run(&sys, pins, quiet);
	system_free(&sys);
	return status;
}

/* Do list or run, which only read the list. */
static int pin_read(const char *action, bool as_json, bool quiet)
{
	struct pins pins;
	int status;

	status = pins_read(&pins);
	if (status)
		;
	else if (!strcmp(action, "list"))
		status = pin_list(&pins, as_json);
	else if (pins.nr)
		status = pin_with_cache(&pins, NULL, quiet);
	pins_free(&pins);
	return status;
}

static int pin_do(const char *action, char **paths, bool as_json, bool quiet)
{
	if (strcmp(action, "list") && geteuid() && !*root)
		return cmd_fails(EPERM, "pin %s: only root may do that", action);
	if (!strcmp(action, "add"))
		return pin_with_cache(NULL, paths, quiet);
	if (!strcmp(action, "remove"))
		return pin_remove(paths);
	return pin_read(action, as_json, quiet);
}

int cmd_pin(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'J' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	bool as_json = false, quiet = false, paths;
	const char *action;
	int c;

	while ((c = getopt_long(argc, argv, "Jqh", options, NULL)) != -1)
		switch (c) {
		case 'J':
			as_json = true;
			break;
		case 'q':
			quiet = true;
			break;
		case 'h':
			return cmd_help(pin_usage);
		default:
			return cmd_misused("pin");
		}
	if (optind == argc)
		return cmd_bad_usage("pin", "add, remove, list or run?");
	action = argv[optind++];
	paths = !strcmp(action, "add") || !strcmp(action, "remove");
	if (!paths && strcmp(action, "list") && strcmp(action, "run"))
		return cmd_bad_usage("pin", "unknown word: %s", action);
	if (as_json && strcmp(action, "list"))
		return cmd_bad_usage("pin", "--json is an option of list");
	if (quiet && strcmp(action, "run"))
		return cmd_bad_usage("pin", "--quiet is an option of run");
	if (paths && optind == argc)
		return cmd_bad_usage("pin", "no PATH given");
	if (!paths && optind < argc)
		return cmd_bad_usage("pin", "%s takes no PATH", action);
	return pin_do(action, argv + optind, as_json, quiet);
}
