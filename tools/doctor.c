// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl doctor: check step by step whether a mount is cached.  The last step is a
 * proof: a file is read twice, and the second time it must come from the cache.
 */
#include <err.h>
#include <errno.h>
#include <fts.h>
#include <getopt.h>
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

static const char doctor_usage[] =
	"Usage: cachefsctl doctor [options] [MOUNT]\n"
	"\n"
	"Check step by step whether mounts are cached, all of them or one.  At the end a file\n"
	"of each is read twice, and is to come from the cache the second time.  Only this\n"
	"file's pages are dropped in between.\n"
	"\n"
	"Options:\n"
	" -F, --file FILE   the file to read; else a small one is looked for\n"
	" -h, --help        display this help\n";

#define DOCTOR_MIN	4096
#define DOCTOR_MAX	(16 << 20)
#define DOCTOR_LOOK	20000	/* names to look at for a file, at most */
#define DOCTOR_AGE	10	/* seconds since the file's last change, at least */
#define DOCTOR_WAIT	60	/* seconds to wait for a disk */

static bool doctor_failed;

static void doctor_ok(const char *about, const char *what)
{
	cmd_say("ok    %s: %s\n", about, what);
}

static void doctor_bad(const char *about, const char *what, const char *advice)
{
	cmd_say("BAD   %s: %s\n", about, what);
	if (advice)
		cmd_say("      -> %s\n", advice);
	doctor_failed = true;
}

static void doctor_note(const char *about, const char *what, const char *advice)
{
	cmd_say("note  %s: %s\n", about, what);
	cmd_say("      -> %s\n", advice);
}

/*
 * Print one step: the problems of something, or that it is well.  A mount that is not
 * cached fails the step, also if somebody wants it so.
 */
static bool doctor_step(const struct system *sys, const char *about,
			const char *well, bool is_mount)
{
	const struct system_problem *problem;
	bool good = true;
	size_t i;

	for (i = 0; i < sys->nr_problems; i++) {
		problem = &sys->problems[i];
		if (strcmp(problem->about, about))
			continue;
		if (problem->note && !is_mount) {
			doctor_note(about, problem->what, problem->advice);
			continue;
		}
		doctor_bad(about, problem->what, problem->advice);
		good = false;
	}
	if (good && well)
		doctor_ok(about, well);
	return good;
}

static bool doctor_may_read(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_size >= DOCTOR_MIN &&
		st->st_size <= DOCTOR_MAX &&
		st->st_ctime + DOCTOR_AGE < time(NULL);
}

/* Find a file of the mount that can be read twice.  Returns NULL if there is none. */
static char *doctor_find_file(const char *mount)
{
	char *const paths[] = { (char *)mount, NULL };
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_XDEV, NULL);
	char *found = NULL;
	FTSENT *entry;
	int looks = 0;

	while (tree && !found && looks++ < DOCTOR_LOOK) {
		entry = fts_read(tree);
		if (!entry)
			break;
		if (entry->fts_info == FTS_F && doctor_may_read(entry->fts_statp) &&
		    !access(entry->fts_accpath, R_OK))
			found = cmd_text("%s", entry->fts_path);
	}
	if (tree)
		fts_close(tree);
	return found;
}

static int doctor_read(int fd, char *buffer, size_t bytes)
{
	ssize_t n;
	size_t at;

	for (at = 0; at < bytes; at += n) {
		n = pread(fd, buffer + at, bytes - at, at);
		if (n < 0)
			return -errno;
		if (!n)
			return -ESTALE;
	}
	return 0;
}

/* Return a number of the mount's volume, or of the cache if there is no volume. */
static int64_t doctor_count(const struct system_cache *cache,
			    const struct system_mount *mount, const char *name)
{
	if (mount->volume)
		return root_number("/sys/fs/cachefs/%s/volumes/%d/%s",
				   cache->uuid, mount->volume->number, name);
	return pages_stat(cache->uuid, name);
}

/* Is all of the file cached after the first reading?  An older module cannot say. */
static bool doctor_is_stored(const struct system_cache *cache,
			     const struct system_mount *mount, const char *path,
			     int64_t refused)
{
	struct cachefs_file answer;
	const char *why;
	bool stored = true;
	char *what;

	if (files_open_quietly(CACHEFS_IOC_WHY))
		return true;
	if (!files_ask_quietly(path, mount->dev, &answer) &&
	    answer.cached_bytes < answer.file_bytes) {
		stored = false;
		why = files_reason(answer.reason);
		/* The text of this reason does not fit: the file was read just now. */
		if (answer.reason == CACHEFS_FILE_OK)
			why = pages_stat(cache->uuid, "store_refused_bytes") > refused ?
				"stores were refused: the device does not keep up, or gave an error; see dmesg" :
				"it has changed meanwhile, or has left the cache";
		what = cmd_text("only %llu of %llu bytes were stored: %s",
				(unsigned long long)answer.cached_bytes,
				(unsigned long long)answer.file_bytes, why);
		doctor_bad(mount->target, what,
			   "see \"Why was this not cached?\" in the administrator's guide, or try another file with --file");
		free(what);
	}
	files_close();
	return stored;
}

/*
 * Judge the second reading.  Hits of other readers of the mount count, too.  So hits are
 * needed, but prove nothing unless the kernel has said that the file is cached.
 */
static void doctor_judge(const struct system_mount *mount, int64_t hits, size_t bytes,
			 bool same)
{
	char *what;

	if (!same) {
		doctor_bad(mount->target, "the file has other bytes the second time",
			   "did somebody change it meanwhile?");
	} else if (hits < (int64_t)bytes) {
		what = cmd_text("only %lld of %lld bytes came from the cache",
				(long long)hits, (long long)bytes);
		doctor_bad(mount->target, what,
			   "the device may be slower than the server: see \"Why was this not cached?\" in the administrator's guide");
		free(what);
	} else {
		doctor_ok(mount->target, "the second reading came from the cache, and is the same");
	}
}

static void doctor_prove_fd(const struct system_cache *cache,
			    const struct system_mount *mount, const char *path,
			    int fd, size_t bytes)
{
	char *first = malloc(bytes), *second = malloc(bytes), *what;
	int64_t hits, refused;
	int ret;

	if (!first || !second)
		err(EXIT_FAILURE, NULL);
	refused = pages_stat(cache->uuid, "store_refused_bytes");
	pages_drop(fd, 0, 0);
	ret = doctor_read(fd, first, bytes);
	/* Except for NFS, read data is stored when dirty pages are written. */
	if (!ret && strncmp(mount->type, "nfs", 3))
		fsync(fd);
	if (!ret && !pages_settle(cache->uuid, DOCTOR_WAIT)) {
		doctor_bad(cache->device, "stores do not end",
			   "the device does not answer: see dmesg");
	} else if (!ret && !pages_dropped(fd, bytes, 10)) {
		what = cmd_text("%s stays in the page cache", path);
		doctor_bad(mount->target, what,
			   "somebody uses it: try another one with --file");
		free(what);
	} else if (!ret && doctor_is_stored(cache, mount, path, refused)) {
		hits = doctor_count(cache, mount, "hit_bytes");
		ret = doctor_read(fd, second, bytes);
		hits = doctor_count(cache, mount, "hit_bytes") - hits;
		if (!ret)
			doctor_judge(mount, hits, bytes, !memcmp(first, second, bytes));
	}
	if (ret) {
		what = cmd_text("%s cannot be read: %s", path, strerror(-ret));
		doctor_bad(mount->target, what, NULL);
		free(what);
	}
	free(first);
	free(second);
}

static void doctor_prove(const struct system_cache *cache,
			 const struct system_mount *mount, const char *file)
{
	char *path = file ? cmd_text("%s", file) : doctor_find_file(mount->target);
	struct stat st;
	char *what;
	int fd, error;

	if (!path) {
		doctor_bad(mount->target, "no file between 4 KiB and 16 MiB to try, older than ten seconds, that may be read",
			   "name one with --file");
		return;
	}
	fd = tree_open_file(path, mount->dev);
	error = fd < 0 ? -fd : fstat(fd, &st) ? errno : 0;
	if (error) {
		what = cmd_text("%s: %s", path, error == EMEDIUMTYPE ?
				"not a regular file of this mount" : strerror(error));
		doctor_bad(mount->target, what, NULL);
		free(what);
	} else if (!doctor_may_read(&st)) {
		doctor_bad(mount->target, "the file is not one between 4 KiB and 16 MiB, older than ten seconds",
			   "name another one");
	} else {
		what = cmd_text("reading %s, %lld bytes", path,
				(long long)st.st_size);
		doctor_ok(mount->target, what);
		free(what);
		doctor_prove_fd(cache, mount, path, fd, st.st_size);
	}
	if (fd >= 0)
		close(fd);
	free(path);
}

static void doctor_mount(const struct system *sys,
			 const struct system_mount *mount, const char *file)
{
	if (doctor_step(sys, mount->target, "is bound to the cache", true) &&
	    sys->nr_caches && strcmp(sys->caches[0].state, "failed"))
		doctor_prove(&sys->caches[0], mount, file);
}

static void doctor_all(const struct system *sys, const char *target,
		       const char *file)
{
	bool found = false;
	char *what;
	size_t i;

	doctor_step(sys, "module", "is loaded", false);
	for (i = 0; i < sys->nr_caches; i++)
		doctor_step(sys, sys->caches[i].device, "the cache is in use", false);
	doctor_step(sys, "FS-Cache", NULL, false);
	for (i = 0; i < sys->nr_mounts; i++)
		if (!target || !strcmp(sys->mounts[i].target, target)) {
			found = true;
			doctor_mount(sys, &sys->mounts[i], file);
		}
	if (found)
		return;
	what = cmd_text("no mount of NFS, CIFS or 9p%s%s", target ? " at " : "",
			target ?: "");
	doctor_bad("mounts", what, NULL);
	free(what);
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option options[] = {
		{ "file", required_argument, NULL, 'F' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	const char *file = NULL;
	struct system sys;
	struct stat st;
	char *target;
	int c;

	while ((c = getopt_long(argc, argv, "F:h", options, NULL)) != -1)
		switch (c) {
		case 'F':
			file = optarg;
			break;
		case 'h':
			return cmd_help(doctor_usage);
		default:
			return cmd_misused("doctor");
		}
	if (optind < argc - 1)
		return cmd_bad_usage("doctor", "unexpected: %s", argv[optind + 1]);
	if (file && optind == argc)
		return cmd_bad_usage("doctor", "--file needs the MOUNT that it is in");
	target = argv[optind] ? realpath(argv[optind], NULL) ?:
		cmd_text("%s", argv[optind]) : NULL;
	/* This mounts an automount. */
	if (target)
		tree_stat(target, &st);
	system_read(&sys);
	doctor_all(&sys, target, file);
	system_free(&sys);
	free(target);
	return doctor_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
