// SPDX-License-Identifier: GPL-2.0
/*
 * Count the bytes that a cache refuses to store, or that leave it, while files are read.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cachefsctl.h"
#include "refused.h"

/* Find the cache.  Returns NULL if it was detached or has failed. */
static const struct system_cache *refused_cache(const struct system *sys, const char *uuid)
{
	size_t i;

	for (i = 0; i < sys->nr_caches; i++)
		if (!strcmp(sys->caches[i].uuid, uuid) &&
		    (!strcmp(sys->caches[i].state, "active") ||
		     !strcmp(sys->caches[i].state, "degraded")))
			return &sys->caches[i];
	return NULL;
}

/* Add a reason with the bytes that were refused for it meanwhile. */
static void refused_add(struct refused *refused, const char *reason, int64_t bytes)
{
	char *text, *size;

	/* Data that is cached, but was read from the server, is not missing. */
	if (bytes <= 0 || !strcmp(reason, "bypassed"))
		return;
	size = unit_size(bytes);
	text = cmd_text("%s%s %s %s", refused->reasons,
			refused->bytes ? "," : "; stores were refused:", reason, size);
	refused->bytes += bytes;
	free(size);
	free(refused->reasons);
	refused->reasons = text;
}

/**
 * refused_attached - Find the number of an attach of a cache
 * @uuid: the cache
 *
 * Return: the number; 0 if the cache is not attached.  If the number has changed, the
 * cache was detached and attached again.
 */
ino_t refused_attached(const char *uuid)
{
	char *path = root_path("/sys/fs/cachefs/%s", uuid);
	struct stat st;
	ino_t number = stat(path, &st) ? 0 : st.st_ino;

	free(path);
	return number;
}

/**
 * refused_begin - Begin to count the bytes that a cache does not keep
 * @refused: the state, for refused_end()
 * @uuid: the cache
 */
void refused_begin(struct refused *refused, const char *uuid)
{
	*refused = (struct refused) { .attached = refused_attached(uuid) };
	system_read(&refused->sys);
}

/**
 * refused_end - Count the bytes that a cache has not kept since refused_begin()
 * @refused: the answer; its reasons are to be freed
 * @uuid: the cache
 */
void refused_end(struct refused *refused, const char *uuid)
{
	const struct system_cache *before, *now;
	struct system sys;
	size_t i;

	system_read(&sys);
	before = refused_cache(&refused->sys, uuid);
	now = refused_cache(&sys, uuid);
	refused->lost = !before || !now || refused_attached(uuid) != refused->attached;
	refused->reasons = cmd_text("%s", "");
	if (!refused->lost) {
		for (i = 0; i < now->nr_refused && i < before->nr_refused; i++)
			refused_add(refused, now->refused[i].reason,
				    now->refused[i].bytes - before->refused[i].bytes);
		refused->evicted = now->stats[STAT_evicted_bytes] -
			before->stats[STAT_evicted_bytes];
	}
	system_free(&refused->sys);
	system_free(&sys);
}
