// SPDX-License-Identifier: GPL-2.0
/*
 * A device by its name, and what is on it.
 */
#include <blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "attach.h"
#include "cachefsctl.h"

/* Does the device hold the cache with this UUID or label? */
static bool device_is(const char *path, const char *tag, const char *value)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct core_super super;
	const char *why;
	bool is;

	if (fd < 0)
		return false;
	is = core_probe(fd, &super, &why) == CORE_CACHE &&
		!strcasecmp(strcmp(tag, "UUID") ? super.label : super.uuid, value);
	close(fd);
	return is;
}

/* libblkid does not know caches, so all block devices are looked at. */
static char *device_find_cache(const char *tag, const char *value)
{
	FILE *file = root_open("/proc/partitions");
	char line[256], name[128], *path, *found = NULL;

	while (file && !found && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*u %*u %*u %127s", name) != 1)
			continue;
		path = root_path("/dev/%s", name);
		if (device_is(path, tag, value))
			found = path;
		else
			free(path);
	}
	if (file)
		fclose(file);
	return found;
}

/**
 * device_find - Find a device
 * @spec: a path, or UUID=, LABEL=, PARTUUID=, PARTLABEL= and a value
 *
 * Return: its path, to be freed, without links; %NULL with errno if there is none.
 */
char *device_find(const char *spec)
{
	const char *value = strchr(spec, '=');
	char *tag, *path, *real;

	if (!value || *spec == '/')
		return realpath(spec, NULL);
	/* An empty label would be that of any cache without one. */
	if (!value[1]) {
		errno = EINVAL;
		return NULL;
	}
	tag = cmd_text("%.*s", (int)(value - spec), spec);
	if (!strcmp(tag, "UUID") || !strcmp(tag, "LABEL"))
		path = device_find_cache(tag, value + 1);
	else
		path = blkid_evaluate_tag(tag, value + 1, NULL);
	free(tag);
	real = path ? realpath(path, NULL) : NULL;
	if (!path)
		errno = ENOENT;
	free(path);
	return real;
}

/* What libblkid says of a device, or NULL. */
static char *device_signature(int fd)
{
	blkid_probe probe = blkid_new_probe();
	const char *type;
	char *what = NULL;

	if (!probe || blkid_probe_set_device(probe, fd, 0, 0))
		goto out;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE |
					  BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(probe, 1);
	if (blkid_do_fullprobe(probe))
		goto out;
	if (!blkid_probe_lookup_value(probe, "TYPE", &type, NULL))
		what = cmd_text("%s", type);
	else if (!blkid_probe_lookup_value(probe, "PTTYPE", &type, NULL))
		what = cmd_text("a partition table (%s)", type);
out:
	blkid_free_probe(probe);
	return what;
}

/**
 * device_look - What is on a device?
 * @path: the device
 * @super: if it is a cache: its superblock
 * @why: if its superblock is not valid: the field
 * @foreign: if it is something else: what, to be freed; else %NULL
 *
 * Also a device with a cache's superblock is something else when another format is
 * found on it.
 *
 * Return: an enum core_content, or an errno.
 */
int device_look(const char *path, struct core_super *super, const char **why,
		char **foreign)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret, blank;

	*foreign = NULL;
	if (fd < 0)
		return -errno;
	ret = core_probe(fd, super, why);
	if (ret >= 0)
		*foreign = device_signature(fd);
	if (ret == CORE_NO_CACHE && !*foreign) {
		blank = core_is_blank(fd);
		if (blank < 0)
			ret = blank;
		else if (!blank)
			*foreign = cmd_text("unknown data (not zero in its first or last MiB)");
	}
	close(fd);
	return ret;
}
