// SPDX-License-Identifier: GPL-2.0
/*
 * Find a device by its name, and look at its content.
 */
#include <blkid.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "attach.h"
#include "cachefsctl.h"
#include "system.h"

/* The devices that hold a cache, by their names, and a text about those that do not count. */
struct device_list {
	char	**names;
	size_t	nr;
	char	*reasons;
};

#define DEVICE_OTHERS	"but not only root can make such a device: name it by its path"

/* Can others than root make such a device, and decide what is on it? */
static bool device_is_others(const char *name)
{
	char *link = root_path("/sys/class/block/%s", name), *real = realpath(link, NULL);
	bool is;

	is = !strncmp(name, "loop", 4) || (real && strstr(real, "/usb")) ||
		root_number("/sys/class/block/%s/removable", name) == 1 ||
		root_number("/sys/class/block/%s/../removable", name) == 1;
	free(link);
	free(real);
	return is;
}

/* Add a reason why no device was found. */
static void device_add_reason(struct device_list *list, char *reason)
{
	char *text = cmd_text("%s; %s", list->reasons, reason);

	free(list->reasons);
	free(reason);
	list->reasons = text;
}

/*
 * Add a device if it holds the cache with this UUID or label.  If the superblock is damaged,
 * add it to the text, unless it is known to be another cache.  The owner of a device knows
 * the secret of its cache, and can write there whatever readers are to get.  So a device
 * that others can make does not become the cache because it has the right label.
 */
static void device_try(struct device_list *list, const char *name, const char *tag,
		       const char *value)
{
	char *path = root_path("/dev/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), content;
	struct core_super super;
	const char *why;
	bool is;

	free(path);
	if (fd < 0)
		return;
	content = core_probe(fd, &super, &why);
	close(fd);
	is = !(strcmp(tag, "UUID") ? strcmp(super.label, value) :
	       strcasecmp(super.uuid, value));
	if (content == CORE_CACHE && is && device_is_others(name)) {
		device_add_reason(list, cmd_text("/dev/%s has a cache of that name, " DEVICE_OTHERS,
						 name));
	} else if (content == CORE_CACHE && is) {
		list->names = cmd_grow(list->names, list->nr, sizeof(*list->names));
		list->names[list->nr++] = cmd_text("%s", name);
	} else if (content == CORE_BAD_CACHE && (is || !*super.uuid)) {
		device_add_reason(list, cmd_text("/dev/%s has a cache%s with a bad superblock: %s",
						 name, is ? " of that name" : "", why));
	}
}

/* Find all devices with the cache.  libblkid knows no caches, so each device is read. */
static void device_find_all(struct device_list *list, const char *tag, const char *value)
{
	FILE *file = root_open("/proc/partitions");
	char line[256], name[128];

	*list = (struct device_list) { .reasons = cmd_text("%s", "") };
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*u %*u %*u %127s", name) == 1)
			device_try(list, name, tag, value);
	if (file)
		fclose(file);
}

/* Is another one of the devices made of this one, as a multipath device of its disks? */
static bool device_is_below(char *const *names, size_t nr, const char *name)
{
	bool is = false;
	char *holder;
	size_t i;

	for (i = 0; i < nr && !is; i++) {
		holder = cmd_text("/sys/class/block/%s/holders/%s", name, names[i]);
		is = root_has(holder);
		free(holder);
	}
	return is;
}

/* Find the topmost device that holds the cache.  It is an error if several do. */
static char *device_find_cache(const char *tag, const char *value, char **why)
{
	const char *found = NULL;
	struct device_list list;
	char *path = NULL;
	size_t i;

	device_find_all(&list, tag, value);
	*why = list.nr ? NULL : cmd_text("%s%s", strerror(ENOENT), list.reasons);
	for (i = 0; i < list.nr && !*why; i++) {
		if (device_is_below(list.names, list.nr, list.names[i]))
			continue;
		if (found)
			*why = cmd_text("is on /dev/%s and on /dev/%s: one may be a copy of the other; name the device by its path",
					found, list.names[i]);
		found = list.names[i];
	}
	if (!*why)
		path = root_path("/dev/%s", found);
	for (i = 0; i < list.nr; i++)
		free(list.names[i]);
	free(list.names);
	free(list.reasons);
	return path;
}

/* Find a partition by what the partition table says. */
static char *device_find_partition(const char *tag, const char *value, char **why)
{
	char *path = blkid_evaluate_tag(tag, value, NULL);
	char *real = path ? realpath(path, NULL) : NULL;

	if (real && !strncmp(real, "/dev/", 5) && device_is_others(real + 5)) {
		*why = cmd_text("is %s, " DEVICE_OTHERS, real);
		free(path);
		path = NULL;
	}
	free(real);
	return path;
}

/**
 * device_find - Find a device
 * @spec: a path, or UUID=, LABEL=, PARTUUID=, PARTLABEL= and a value
 * @why: the cause if there is none, to be freed; else %NULL
 *
 * Return: its path without links, to be freed; %NULL if there is none.
 */
char *device_find(const char *spec, char **why)
{
	const char *value = strchr(spec, '=');
	char *tag, *path, *real = NULL;

	*why = NULL;
	/* An empty label would match any cache without a label. */
	if (value && *spec != '/' && !value[1]) {
		*why = cmd_text("%s", strerror(EINVAL));
		return NULL;
	}
	tag = cmd_text("%.*s", value ? (int)(value - spec) : 0, spec);
	if (!value || *spec == '/')
		path = cmd_text("%s", spec);
	else if (!strcmp(tag, "UUID") || !strcmp(tag, "LABEL"))
		path = device_find_cache(tag, value + 1, why);
	else
		path = device_find_partition(tag, value + 1, why);
	if (path)
		real = realpath(path, NULL);
	if (!real && !*why)
		*why = cmd_text("%s", strerror(path ? errno : ENOENT));
	free(path);
	free(tag);
	return real;
}

/* Is this the UUID of an attached cache, or UUID= or LABEL= and a value? */
static bool device_names_cache(const char *name, const struct system_cache *cache)
{
	if (!strncmp(name, "LABEL=", 6))
		return name[6] && cache->label && !strcmp(cache->label, name + 6);
	return !strcasecmp(cache->uuid, strncmp(name, "UUID=", 5) ? name : name + 5);
}

/**
 * device_find_attached - Find an attached cache
 * @sys: the kernel's data
 * @name: its UUID, or its device as for device_find(); or %NULL for any
 *
 * The disk of the cache may be gone, dead or copied.  So no device is read if the kernel
 * knows the name.
 *
 * Return: the cache; %NULL if there is none.
 */
const struct system_cache *device_find_attached(const struct system *sys, const char *name)
{
	char *why = NULL, *device;
	size_t i;

	for (i = 0; i < sys->nr_caches; i++)
		if (!name || device_names_cache(name, &sys->caches[i]))
			return &sys->caches[i];
	device = name ? device_find(name, &why) : NULL;
	for (i = 0; i < sys->nr_caches; i++)
		if (!strcmp(sys->caches[i].device, device ?: name))
			break;
	free(device);
	free(why);
	return i < sys->nr_caches ? &sys->caches[i] : NULL;
}

/**
 * device_print_label - Print a label for udev
 * @label: the label, not empty
 *
 * lsblk decodes ID_FS_LABEL_ENC and shows the label itself.
 */
void device_print_label(const char *label)
{
	/* \xNN for each byte; libblkid wants room for one more. */
	size_t size = 4 * strlen(label) + 5;
	char *text = malloc(size);

	if (!text)
		err(EXIT_FAILURE, NULL);
	if (!blkid_safe_string(label, text, size))
		cmd_say("ID_FS_LABEL=%s\n", text);
	if (!blkid_encode_string(label, text, size))
		printf("ID_FS_LABEL_ENC=%s\n", text);
	free(text);
}

/* Name the content that libblkid finds on a device; NULL for none, or for a cache. */
static char *device_signature(int fd)
{
	char cache[] = "cachefs", *caches[2] = { cache };
	blkid_probe probe = blkid_new_probe();
	const char *type;
	char *what = NULL;

	if (!probe || blkid_probe_set_device(probe, fd, 0, 0))
		goto out;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE |
					  BLKID_SUBLKS_BADCSUM);
	/* A libblkid that knows caches would find one before the format that came later. */
	blkid_probe_filter_superblocks_type(probe, BLKID_FLTR_NOTIN, caches);
	blkid_probe_enable_partitions(probe, 1);
	if (blkid_do_fullprobe(probe))
		goto out;
	if (!blkid_probe_lookup_value(probe, "TYPE", &type, NULL) &&
	    strcmp(type, cache))
		what = cmd_text("%s", type);
	else if (!blkid_probe_lookup_value(probe, "PTTYPE", &type, NULL))
		what = cmd_text("a partition table (%s)", type);
out:
	blkid_free_probe(probe);
	return what;
}

/**
 * device_look - Look at the content of a device
 * @path: the device
 * @super: the superblock, if it is a cache
 * @why: the field of the superblock that is not valid, if there is one
 * @foreign: a name for other content, to be freed; else %NULL
 *
 * If another format is found, @foreign names it, even beside the superblock of a cache.
 *
 * Return: an enum core_content; -ENOSPC if the device has no cache, and less than one MiB;
 * or the device's error.
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
