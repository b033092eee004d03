// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl cached, why and evict: ask the kernel about files, through /dev/cachefs.
 * doctor.c, pin.c and warm.c use these functions, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cachefsctl.h"
#include "files.h"
#include "json.h"
#include "tree.h"

static const char cached_usage[] =
	"Usage: cachefsctl cached [options] PATH...\n"
	"\n"
	"Show how much of files is cached, and what keeps others from being cached.\n"
	"\n"
	"Options:\n"
	" -r, --recursive         sum up all files below directories\n"
	" -x, --one-file-system   stay on the file system of each PATH\n"
	" -b, --bytes             print numbers of bytes, without units\n"
	" -J, --json              print JSON\n"
	" -h, --help              display this help\n";

static const char why_usage[] =
	"Usage: cachefsctl why [options] FILE...\n"
	"\n"
	"Say of each file how much is cached, and why not more.\n"
	"\n"
	"Options:\n"
	" -J, --json    print JSON\n"
	" -h, --help    display this help\n";

static const char evict_usage[] =
	"Usage: cachefsctl evict [options] PATH...\n"
	"\n"
	"Let go of what is cached of files: yours, or any as root.\n"
	"\n"
	"Options:\n"
	" -r, --recursive         all files below directories\n"
	" -x, --one-file-system   stay on the file system of each PATH\n"
	" -q, --quiet             print no sum\n"
	" -h, --help              display this help\n";

/* Each enum cachefs_file_reason has a word for programs, and a text for people. */
static const struct {
	const char	*word;
	const char	*text;
} reasons[] = {
	[CACHEFS_FILE_OK] = { "ok",
		"what is missing was not read since it changed, or has left the cache" },
	[CACHEFS_FILE_UNSUPPORTED] = { "unsupported",
		"no regular file of NFS (after Linux 6.1: or of CIFS or 9p)" },
	[CACHEFS_FILE_NO_FSC] = { "no-fsc",
		"its mount does not use FS-Cache: mount with -o fsc" },
	[CACHEFS_FILE_OTHER_CACHE] = { "other-cache",
		"its mount is bound to another cache, such as CacheFiles" },
	[CACHEFS_FILE_REFUSED] = { "refused",
		"files of this mount are not cached: dmesg says why" },
	[CACHEFS_FILE_NO_CACHE] = { "no-cache", "no cache is attached" },
	[CACHEFS_FILE_FAILED] = { "failed",
		"the cache has failed, or is being detached: see cachefsctl status" },
	[CACHEFS_FILE_OPEN_BEFORE] = { "open-before",
		"open since before the cache was attached: open it once more" },
	[CACHEFS_FILE_EMPTY] = { "empty", "the file is empty" },
	[CACHEFS_FILE_DIRECT] = { "direct", "opened with O_DIRECT" },
	[CACHEFS_FILE_WRITTEN] = { "written",
		"open for writing on this machine, or written to here" },
	[CACHEFS_FILE_CHANGED] = { "changed",
		"it has changed, and the server has not been asked yet" },
	[CACHEFS_FILE_RECENT] = { "recent",
		"changed less than three seconds ago: read it again later" },
	[CACHEFS_FILE_SLOW] = { "slow",
		"the cache's disk is slower than the server, or does not answer" },
	[CACHEFS_FILE_NOT_STORED] = { "not-stored",
		"the cache's disk takes no writes, or max_in_flight_bytes is less than 4096" },
	[CACHEFS_FILE_POLICY] = { "policy",
		"its export has its share of the cache, or none: the module's policy" },
	[CACHEFS_FILE_BUDGET] = { "write-budget",
		"the write budget is used: what is not cached yet is stored later" },
	[CACHEFS_FILE_SECOND] = { "second",
		"its export's policy: the missing part is stored when it is read twice" },
};

struct file_sum {
	size_t		files;
	uint64_t	bytes;
	uint64_t	cached;
	size_t		reasons[ARRAY_SIZE(reasons)];
	bool		degraded;
};

static struct {
	int		device;
	unsigned long	question;
	bool		recursive;
	bool		one_device;
	bool		bytes;
	bool		quiet;
	bool		all;		/* show a path of which nothing is known, too */
} files;

/**
 * files_reason - Find the text for people of a reason
 * @reason: of enum cachefs_file_reason
 *
 * Return: the text, to be printed as it is.
 */
const char *files_reason(unsigned int reason)
{
	return reason < ARRAY_SIZE(reasons) ? reasons[reason].text :
		"a reason that this tool does not know: it is older than the module";
}

/* Is this a reason why the cache does not serve the mount, or the file, now? */
static bool files_not_served(uint32_t reason)
{
	return reason >= CACHEFS_FILE_UNSUPPORTED && reason <= CACHEFS_FILE_OPEN_BEFORE;
}

/**
 * files_open_quietly - Open /dev/cachefs
 * @question: the ioctl that is asked
 *
 * Return: 0 or an errno.
 */
int files_open_quietly(unsigned long question)
{
	char *path = root_path("/dev/cachefs");

	files.question = question;
	files.device = open(path, O_RDONLY | O_CLOEXEC);
	free(path);
	return files.device < 0 ? -errno : 0;
}

/**
 * files_open - Open /dev/cachefs, and report an error
 * @question: the ioctl that is asked
 *
 * Return: EXIT_SUCCESS, or EXIT_FAILURE after a message.
 */
int files_open(unsigned long question)
{
	int ret = files_open_quietly(question);

	if (!ret)
		return EXIT_SUCCESS;
	return cmd_fails(-ret, "/dev/cachefs%s", ret == -ENOENT ?
			 ": the module cachefs is not loaded, or too old" : "");
}

/**
 * files_close - Close /dev/cachefs
 */
void files_close(void)
{
	close(files.device);
}

/* Ask about a file.  The kernel would answer the same for one that is not regular. */
static int files_question(const char *path, dev_t dev, unsigned long question,
			  struct cachefs_file *answer)
{
	int fd = tree_open_file(path, dev), ret = 0;

	*answer = (struct cachefs_file) { .fd = fd };
	if (fd == -EMEDIUMTYPE) {
		answer->reason = CACHEFS_FILE_UNSUPPORTED;
		return question == CACHEFS_IOC_WHY ? 0 : -EOPNOTSUPP;
	}
	if (fd < 0)
		return fd;
	if (ioctl(files.device, question, answer))
		ret = -errno;
	close(fd);
	return ret;
}

/**
 * files_ask_quietly - Ask the kernel
 * @path: a file
 * @dev: the device of its file system, as a walk has found it; 0: any
 * @answer: the answer
 *
 * Context: any thread.
 * Return: 0 or an errno.
 */
int files_ask_quietly(const char *path, dev_t dev, struct cachefs_file *answer)
{
	return files_question(path, dev, files.question, answer);
}

/**
 * files_fails - Report that the kernel has not answered
 * @path: a file
 * @dev: the device of its file system, as a walk has found it; 0: any
 * @ret: the errno of files_ask_quietly()
 *
 * Return: EXIT_FAILURE.
 */
int files_fails(const char *path, dev_t dev, int ret)
{
	struct cachefs_file answer;

	if (files.question != CACHEFS_IOC_WHY &&
	    !files_question(path, dev, CACHEFS_IOC_WHY, &answer) &&
	    files_not_served(answer.reason))
		return cmd_fails(0, "%s: %s", path, files_reason(answer.reason));
	return cmd_fails(-ret, "%s", path);
}

/**
 * files_ask - Ask the kernel, and report an error
 * @path: a file
 * @dev: the device of its file system, as a walk has found it; 0: any
 * @answer: the answer
 *
 * Return: 0 or an errno.
 */
int files_ask(const char *path, dev_t dev, struct cachefs_file *answer)
{
	int ret = files_ask_quietly(path, dev, answer);

	if (ret)
		files_fails(path, dev, ret);
	return ret;
}

static int files_add(const FTSENT *entry, struct file_sum *sum)
{
	struct cachefs_file answer;

	if (files_ask(entry->fts_path, entry->fts_statp->st_dev, &answer))
		return EXIT_FAILURE;
	sum->files++;
	sum->bytes += answer.file_bytes;
	sum->cached += answer.cached_bytes;
	if (answer.reason < ARRAY_SIZE(reasons))
		sum->reasons[answer.reason]++;
	sum->degraded |= answer.flags & CACHEFS_FILE_DEGRADED;
	return files_not_served(answer.reason) ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Sum up a file, or the files below a directory. */
static int files_walk(const char *path, struct file_sum *sum)
{
	struct tree tree;
	FTSENT *entry;

	memset(sum, 0, sizeof(*sum));
	if (tree_open(&tree, path, files.one_device))
		return EXIT_FAILURE;
	while ((entry = tree_next(&tree)))
		switch (entry->fts_info) {
		case FTS_D:
			if (files.recursive)
				break;
			tree.status = cmd_fails(0, "%s: is a directory; --recursive sums up its files",
						path);
			fts_set(tree.fts, entry, FTS_SKIP);
			break;
		case FTS_F:
			if (files_add(entry, sum))
				tree.status = EXIT_FAILURE;
			break;
		default:
			if (!entry->fts_level && entry->fts_info != FTS_DP)
				tree.status = cmd_fails(0, "%s: not a regular file", path);
			break;
		}
	return tree_close(&tree);
}

static char *files_size(uint64_t bytes)
{
	return files.bytes ? cmd_text("%llu", (unsigned long long)bytes) :
		unit_size(bytes);
}

/* Format a percentage.  100.0 % means all, and nothing less. */
static char *files_percent(uint64_t cached, uint64_t bytes)
{
	unsigned int part = bytes ? 1000.0L * cached / bytes : 0;

	if (!bytes)
		return cmd_text("-");
	if (part >= 1000 && cached < bytes)
		part = 999;
	return cmd_text("%u.%u%%", part / 10, part % 10);
}

static void files_print(const char *path, const struct file_sum *sum, bool known)
{
	char *size = files_size(sum->bytes), *cached = files_size(sum->cached);
	char *percent = files_percent(sum->cached, sum->bytes);
	size_t i;

	if (known)
		cmd_say("%8s %8s %6s %7zu %s\n", size, cached, percent, sum->files, path);
	else
		cmd_say("%8s %8s %6s %7s %s\n", "-", "-", "-", "-", path);
	for (i = CACHEFS_FILE_OK + 1; i < ARRAY_SIZE(reasons); i++)
		if (sum->reasons[i])
			printf("%*s%zu: %s\n", 26, "", sum->reasons[i], reasons[i].text);
	free(size);
	free(cached);
	free(percent);
}

/* Begin an object with one list of everything that is asked about. */
static void files_json_begin(struct json *json, const char *name)
{
	json_open(json, NULL, '{');
	json_open(json, name, '[');
}

static void files_json_end(struct json *json)
{
	json_close(json, ']');
	json_close(json, '}');
}

static void files_json_number(struct json *json, const char *name, uint64_t number,
			      bool known)
{
	if (known)
		json_unsigned(json, name, number);
	else
		json_string(json, name, NULL);
}

static void files_json(struct json *json, const char *path, const struct file_sum *sum,
		       bool known)
{
	size_t i;

	json_open(json, NULL, '{');
	json_string(json, "path", path);
	files_json_number(json, "files", sum->files, known);
	files_json_number(json, "file_bytes", sum->bytes, known);
	files_json_number(json, "cached_bytes", sum->cached, known);
	json_open(json, "reasons", '{');
	for (i = 0; i < ARRAY_SIZE(reasons); i++)
		if (sum->reasons[i])
			json_unsigned(json, reasons[i].word, sum->reasons[i]);
	json_close(json, '}');
	json_bool(json, "degraded", sum->degraded);
	json_close(json, '}');
}

static const struct option files_options[] = {
	{ "recursive", no_argument, NULL, 'r' },
	{ "one-file-system", no_argument, NULL, 'x' },
	{ "bytes", no_argument, NULL, 'b' },
	{ "json", no_argument, NULL, 'J' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

/*
 * Read the options of a verb, which accepts only @letters, and open /dev/cachefs.
 * Returns -1 if the verb goes on, or the exit status.
 */
static int files_begin(int argc, char **argv, const char *letters, const char *usage,
		       unsigned long question, bool *as_json)
{
	int c, i;

	while ((c = getopt_long(argc, argv, letters, files_options, &i)) != -1) {
		if (c == '?')
			return cmd_misused(argv[0]);
		if (!strchr(letters, c))
			return cmd_bad_usage(argv[0], "unrecognized option '--%s'",
					     files_options[i].name);
		if (c == 'h')
			return cmd_help(usage);
		files.recursive |= c == 'r';
		files.one_device |= c == 'x';
		files.bytes |= c == 'b';
		files.quiet |= c == 'q';
		*as_json |= c == 'J';
	}
	if (optind == argc)
		return cmd_bad_usage(argv[0], "no PATH given");
	return files_open(question) ? EXIT_FAILURE : -1;
}

/* Show each path.  If the kernel cannot be @asked, nothing is known. */
static int files_show_each(char *const *paths, size_t nr, bool as_json, bool asked)
{
	struct json json = { .out = stdout };
	int status = EXIT_SUCCESS, ret;
	struct file_sum sum = {};
	bool known;
	size_t i;

	if (as_json)
		files_json_begin(&json, "paths");
	else
		puts("    SIZE   CACHED         FILES PATH");
	for (i = 0; i < nr; i++) {
		ret = asked ? files_walk(paths[i], &sum) : EXIT_FAILURE;
		status = ret ?: status;
		known = !ret || sum.files;
		if (as_json)
			files_json(&json, paths[i], &sum, known || !files.all);
		else if (sum.files || files.all)
			files_print(paths[i], &sum, known);
	}
	if (as_json)
		files_json_end(&json);
	return status;
}

/**
 * files_show - Show how much of all files below some paths is cached
 * @paths: files and directories
 * @nr: the number of paths
 * @as_json: print JSON
 *
 * A path that is gone is shown, too, and all paths are if the kernel does not answer.
 *
 * Return: the exit status.
 */
int files_show(char *const *paths, size_t nr, bool as_json)
{
	bool asked = !files_open(CACHEFS_IOC_WHY);
	int status;

	files.recursive = true;
	files.all = true;
	status = files_show_each(paths, nr, as_json, asked);
	if (asked)
		files_close();
	return status;
}

int cmd_cached(int argc, char **argv)
{
	bool as_json = false;
	int status;

	status = files_begin(argc, argv, "rxbJh", cached_usage, CACHEFS_IOC_WHY, &as_json);
	if (status >= 0)
		return status;
	status = files_show_each(argv + optind, argc - optind, as_json, true);
	files_close();
	return status;
}

static void why_print(const char *path, const struct cachefs_file *answer)
{
	char *size = files_size(answer->file_bytes);
	char *cached = files_size(answer->cached_bytes);
	char *percent = files_percent(answer->cached_bytes, answer->file_bytes);
	bool all = answer->reason == CACHEFS_FILE_OK &&
		answer->cached_bytes == answer->file_bytes;

	cmd_say("%s: %s of %s cached (%s)\n   %s\n", path, cached, size, percent,
		all ? "all of it is cached" : files_reason(answer->reason));
	if (answer->flags & CACHEFS_FILE_DEGRADED)
		puts("   the cache's disk has given errors: see cachefsctl status");
	free(size);
	free(cached);
	free(percent);
}

static void why_json(struct json *json, const char *path,
		     const struct cachefs_file *answer)
{
	json_open(json, NULL, '{');
	json_string(json, "path", path);
	json_unsigned(json, "file_bytes", answer->file_bytes);
	json_unsigned(json, "cached_bytes", answer->cached_bytes);
	json_string(json, "reason", answer->reason < ARRAY_SIZE(reasons) ?
		    reasons[answer->reason].word : NULL);
	json_string(json, "text", files_reason(answer->reason));
	json_bool(json, "degraded", answer->flags & CACHEFS_FILE_DEGRADED);
	json_close(json, '}');
}

int cmd_why(int argc, char **argv)
{
	struct json json = { .out = stdout };
	struct cachefs_file answer;
	bool as_json = false;
	int status;

	status = files_begin(argc, argv, "Jh", why_usage, CACHEFS_IOC_WHY, &as_json);
	if (status >= 0)
		return status;
	status = EXIT_SUCCESS;
	if (as_json)
		files_json_begin(&json, "files");
	for (; optind < argc; optind++) {
		if (files_ask(argv[optind], 0, &answer))
			status = EXIT_FAILURE;
		else if (as_json)
			why_json(&json, argv[optind], &answer);
		else
			why_print(argv[optind], &answer);
	}
	if (as_json)
		files_json_end(&json);
	files_close();
	return status;
}

int cmd_evict(int argc, char **argv)
{
	struct file_sum sum, all = {};
	bool as_json = false;
	int status;
	char *size;

	status = files_begin(argc, argv, "rxqh", evict_usage, CACHEFS_IOC_EVICT, &as_json);
	if (status >= 0)
		return status;
	status = EXIT_SUCCESS;
	for (; optind < argc; optind++) {
		if (files_walk(argv[optind], &sum))
			status = EXIT_FAILURE;
		all.files += sum.files;
		all.cached += sum.cached;
	}
	files_close();
	if (files.quiet)
		return status;
	size = unit_size(all.cached);
	printf("%zu files: %s let go of\n", all.files, size);
	free(size);
	return status;
}
