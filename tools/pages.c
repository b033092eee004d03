// SPDX-License-Identifier: GPL-2.0
/*
 * A file's pages in the page cache, and stores that are on their way to the disk.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "cachefsctl.h"
#include "pages.h"

/**
 * pages_sleep_ms - Wait
 * @ms: the number of milliseconds
 */
void pages_sleep_ms(unsigned int ms)
{
	struct timespec time = {
		.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L,
	};

	nanosleep(&time, NULL);
}

/**
 * pages_now - Get the time of a clock that nobody sets
 *
 * Return: seconds.
 */
double pages_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/**
 * pages_stat - Read a number of a cache
 * @uuid: the cache
 * @name: the name of the file in stats/
 *
 * Return: the number; -1 if it is not known.
 */
int64_t pages_stat(const char *uuid, const char *name)
{
	return root_number("/sys/fs/cachefs/%s/stats/%s", uuid, name);
}

/**
 * pages_settle - Wait until nothing is on its way to the cache's disk
 * @uuid: the cache
 * @seconds: the longest time to wait
 *
 * Return: whether nothing is on its way.
 */
bool pages_settle(const char *uuid, unsigned int seconds)
{
	unsigned int i;

	for (i = 0; i <= 20 * seconds; i++) {
		if (pages_stat(uuid, "stores_in_flight_bytes") <= 0)
			return true;
		pages_sleep_ms(50);
	}
	return false;
}

/**
 * pages_drop - Drop a part of a file from the page cache
 * @fd: the file
 * @start: the begin of the part, in bytes
 * @bytes: its size
 *
 * Pages that are dirty, mapped, or on their way to the cache's disk stay.
 */
void pages_drop(int fd, off_t start, off_t bytes)
{
	posix_fadvise(fd, start, bytes, POSIX_FADV_DONTNEED);
}

static bool pages_resident(int fd, off_t bytes)
{
	size_t page = sysconf(_SC_PAGESIZE), nr = (bytes + page - 1) / page, i;
	unsigned char *map = malloc(nr);
	bool resident = false;
	void *at;

	at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (!map || at == MAP_FAILED || mincore(at, bytes, map))
		nr = 0;
	for (i = 0; i < nr && !resident; i++)
		resident = map[i] & 1;
	if (at != MAP_FAILED)
		munmap(at, bytes);
	free(map);
	return resident;
}

/**
 * pages_dropped - Drop all of a file from the page cache
 * @fd: the file
 * @bytes: its size
 * @seconds: the longest time to try
 *
 * Return: whether no page of the file is left.
 */
bool pages_dropped(int fd, off_t bytes, unsigned int seconds)
{
	unsigned int i;

	for (i = 0; i <= 20 * seconds; i++) {
		pages_drop(fd, 0, 0);
		if (!pages_resident(fd, bytes))
			return true;
		pages_sleep_ms(50);
	}
	return false;
}
