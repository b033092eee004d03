// SPDX-License-Identifier: GPL-2.0
/*
 * LD_PRELOAD: a cache that refuses to store the first REFUSALS reads of the file with the
 * name in the environment variable REFUSE.  The refused bytes count in the file REFUSED,
 * as in refused_bytes/.  After a refusal, /dev/cachefs answers that nothing of the file
 * is cached, until the file is read from its start again.  Only one thread may read.
 * Waiting for files that changed a moment ago, in steps of NAP, takes no time.  Other
 * variables:
 *
 * ALSO=PATH       PERCENT of the refused bytes count in this file, in addition
 * CACHED=1        /dev/cachefs answers that all is cached
 * REASON=N        /dev/cachefs answers this reason
 * WHY=N           the same for CACHEFS_IOC_WHY alone; none: there is no such ioctl;
 *                 error: the ioctl fails
 * STATE=TEXT      each read writes the text to the file STATE_FILE
 * RECENT=1        the file has changed at its first read: reads are refused, and that is
 *                 the reason, until SETTLED_NAPS steps of waiting are over
 * ASKED=PATH      the names of the files that are asked about are added to this file
 * HANG=PATH       the first read makes this file, and never ends
 * INTERRUPT=1     the first step of waiting is interrupted; there must be no second step
 * EVICTS=others   each read evicts as many bytes of other data, which count in EVICTED
 * EVICTS=own      each read also evicts the file that was read before
 * GROW=BYTES      the file changes at its first read, and grows; no old data is cached
 * GONE=PATH       the first read removes this file
 * FIFOS=DIR       the first read replaces the other files of this directory by FIFOs
 * LINKS=DIR       the first read or question replaces them by links to /dev/zero
 * REMOVES=DIR     the first question removes the other entries of this directory
 * STALE=N         the first N opens of a file find that it was replaced on the server
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "../../include/uapi/cachefs.h"

#define NAP		100000000	/* ns */
/* More than SETTLED_SECONDS of nfs-glue/inode.c, in whole seconds. */
#define SETTLED_NAPS	40

static int refusals;
static bool missing;
static bool changed;
static int naps;
static ino_t last;

static bool is(const char *name, const char *value)
{
	return getenv(name) && !strcmp(getenv(name), value);
}

static bool is_refused(int fd)
{
	char link[64], path[4096] = "", *name;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) < 0)
		return false;
	name = strstr(path, " (deleted)");
	if (name)
		*name = 0;
	name = strrchr(path, '/');
	return name && !strcmp(name + 1, getenv("REFUSE"));
}

static bool is_recent(void)
{
	return changed && naps < SETTLED_NAPS;
}

static void count(const char *where, ssize_t bytes)
{
	FILE *file = fopen(getenv(where), "r+");
	long number = 0;

	if (!file || fscanf(file, "%ld", &number) != 1)
		abort();
	rewind(file);
	fprintf(file, "%ld\n", number + bytes);
	fclose(file);
}

static void change_state(void)
{
	FILE *file = getenv("STATE") ? fopen(getenv("STATE_FILE"), "w") : NULL;

	if (file)
		fprintf(file, "%s\n", getenv("STATE"));
	if (file)
		fclose(file);
}

static void grow(int fd)
{
	static bool grown;
	struct stat st, now;
	char link[64];

	if (grown || !getenv("GROW"))
		return;
	grown = true;
	missing = true;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (fstat(fd, &st))
		abort();
	/* Repeat this until the time has changed: the clock may tick slowly. */
	do {
		if (truncate(link, st.st_size + atol(getenv("GROW"))) || fstat(fd, &now))
			abort();
	} while (!memcmp(&now.st_ctim, &st.st_ctim, sizeof(st.st_ctim)));
}

int open64(const char *path, int flags, ...)
{
	int (*next)(const char *path, int flags, ...) = dlsym(RTLD_NEXT, "open64");
	static int stale;
	va_list args;
	int mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, int) : 0;
	va_end(args);
	if (getenv("STALE") && !strncmp(path, "/proc/self/fd/", 14) &&
	    stale < atoi(getenv("STALE"))) {
		stale++;
		errno = ESTALE;
		return -1;
	}
	return next(path, flags, mode);
}

static void replace(int fd, const char *variable)
{
	const char *dir = getenv(variable);
	struct stat st, asked;
	struct dirent *entry;
	static bool done;
	char path[4096];
	DIR *names;

	if (!dir || done)
		return;
	done = true;
	names = opendir(dir);
	if (!names || fstat(fd, &asked))
		abort();
	while ((entry = readdir(names))) {
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (lstat(path, &st) || !S_ISREG(st.st_mode) || st.st_ino == asked.st_ino)
			continue;
		if (unlink(path) || (is("LINKS", dir) ? symlink("/dev/zero", path) :
				     mkfifo(path, 0600)))
			abort();
	}
	closedir(names);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static void remove_others(int fd)
{
	char link[64], asked[4096] = "", path[4096];
	const char *dir = getenv("REMOVES");
	struct dirent *entry;
	static bool done;
	size_t length;
	DIR *names;

	if (!dir || done)
		return;
	done = true;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	names = opendir(dir);
	if (!names || readlink(link, asked, sizeof(asked) - 1) < 0)
		abort();
	while ((entry = readdir(names))) {
		length = snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (entry->d_name[0] == '.' || (!strncmp(path, asked, length) &&
						(!asked[length] || asked[length] == '/')))
			continue;
		if (nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS))
			abort();
	}
	closedir(names);
}

static void evict(int fd, ssize_t bytes)
{
	struct stat st;

	if (getenv("EVICTS"))
		count("EVICTED", bytes);
	if (!fstat(fd, &st))
		last = st.st_ino;
}

static void hang(void)
{
	FILE *file = getenv("HANG") ? fopen(getenv("HANG"), "w") : NULL;

	if (!file)
		return;
	fclose(file);
	for (;;)
		pause();
}

ssize_t pread64(int fd, void *buffer, size_t bytes, off64_t at)
{
	ssize_t (*next)(int fd, void *buffer, size_t bytes, off64_t at);
	ssize_t n;

	hang();
	next = dlsym(RTLD_NEXT, "pread64");
	n = next(fd, buffer, bytes, at);
	if (n <= 0)
		return n;
	change_state();
	evict(fd, n);
	if (getenv("GONE"))
		unlink(getenv("GONE"));
	replace(fd, "FIFOS");
	replace(fd, "LINKS");
	if (!is_refused(fd))
		return n;
	if (getenv("RECENT"))
		changed = true;
	if (!at)
		missing = false;
	grow(fd);
	if (refusals < atoi(getenv("REFUSALS")) || is_recent()) {
		refusals++;
		missing = true;
		count("REFUSED", n);
		if (getenv("ALSO"))
			count("ALSO", n * atoi(getenv("PERCENT")) / 100);
	}
	return n;
}

int nanosleep(const struct timespec *time, struct timespec *left)
{
	int (*next)(const struct timespec *time, struct timespec *left);

	next = dlsym(RTLD_NEXT, "nanosleep");
	if (time->tv_sec || time->tv_nsec != NAP)
		return next(time, left);
	if (getenv("INTERRUPT") && naps)
		abort();
	naps++;
	if (getenv("INTERRUPT"))
		raise(SIGINT);
	return 0;
}

static void note_question(int fd)
{
	FILE *file = getenv("ASKED") ? fopen(getenv("ASKED"), "a") : NULL;
	char link[64], path[4096] = "";

	if (!file)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) < 0)
		abort();
	fprintf(file, "%s\n", path);
	fclose(file);
}

/* Return the number of bytes of a file that are cached. */
static off64_t cached(int fd, const struct stat *st)
{
	if (getenv("CACHED"))
		return st->st_size;
	if (is("EVICTS", "own") && last && st->st_ino != last)
		return 0;
	return missing && is_refused(fd) ? 0 : st->st_size;
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*next)(int fd, unsigned long request, void *argument);
	const char *reason = getenv("REASON");
	struct cachefs_file *answer;
	struct stat st;
	va_list args;

	va_start(args, request);
	answer = va_arg(args, void *);
	va_end(args);
	if (request == CACHEFS_IOC_WHY && getenv("WHY"))
		reason = getenv("WHY");
	if ((request != CACHEFS_IOC_WHY && request != CACHEFS_IOC_NOTE_READ) ||
	    (reason && !strcmp(reason, "none"))) {
		next = dlsym(RTLD_NEXT, "ioctl");
		return next(fd, request, answer);
	}
	if (reason && !strcmp(reason, "error")) {
		errno = EIO;
		return -1;
	}
	note_question(answer->fd);
	replace(answer->fd, "LINKS");
	remove_others(answer->fd);
	if (fstat(answer->fd, &st))
		return -1;
	answer->file_bytes = st.st_size;
	if (request == CACHEFS_IOC_WHY)
		answer->cached_bytes = cached(answer->fd, &st);
	answer->reason = reason ? atoi(reason) :
		is_recent() ? CACHEFS_FILE_RECENT : CACHEFS_FILE_OK;
	return 0;
}
