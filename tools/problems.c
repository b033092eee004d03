// SPDX-License-Identifier: GPL-2.0
/*
 * Problems in words, with advice.
 */
#include <stdlib.h>
#include <string.h>
#include "cachefsctl.h"
#include "system.h"

/* Does a list of META, with blanks between its words, have this word? */
static bool problem_has_word(const char *list, const char *word, size_t length)
{
	const char *at;

	for (at = list; *at; at += strspn(at, " ")) {
		if (strcspn(at, " ") == length && !strncmp(at, word, length))
			return true;
		at += strcspn(at, " ");
	}
	return false;
}

/*
 * Say which kernel to boot if the module is not built for this one, as debian/dkms.sh and
 * the Makefile decide.  Returns NULL if the module is built for it.
 */
static char *problem_other_kernel(const char *kernel)
{
	size_t series, release;

	/* "6.12.57+deb12-amd64" is of the series 6.12, and the release 6.12.57. */
	release = strspn(kernel, "0123456789.");
	series = strcspn(kernel, ".");
	series += kernel[series] ? 1 : 0;
	series += strspn(kernel + series, "0123456789");
	if (!problem_has_word(LINUX_TESTED, kernel, series))
		return cmd_text("Linux %.*s is not one of %s: boot one of these, or see UNTESTED=1 in the administrator's guide",
				(int)series, kernel, LINUX_TESTED);
	if (problem_has_word(LINUX_BROKEN, kernel, release))
		return cmd_text("Linux %.*s hangs with any cache: boot a later %.*s",
				(int)release, kernel, (int)series, kernel);
	return NULL;
}

/* Is this a Linux before 6.12, which caches only NFS, and not every mount of NFS? */
static bool problem_old_kernel(const struct system *sys)
{
	unsigned int major = 0, minor = 0;

	return sscanf(sys->kernel, "%u.%u", &major, &minor) == 2 &&
		(major < 6 || (major == 6 && minor < 12));
}

static void problem_add(struct system *sys, const char *about, char *what,
			char *advice)
{
	struct system_problem *problem;

	sys->problems = cmd_grow(sys->problems, sys->nr_problems,
				 sizeof(*problem));
	problem = &sys->problems[sys->nr_problems++];
	problem->about = cmd_text("%s", about);
	problem->what = what;
	problem->advice = advice;
	problem->note = false;
}

static void problem_note(struct system *sys, const char *about, char *what, char *advice)
{
	problem_add(sys, about, what, advice);
	sys->problems[sys->nr_problems - 1].note = true;
}

static void problem_module(struct system *sys)
{
	if (sys->version && strcmp(sys->version, VERSION))
		problem_add(sys, "module",
			    cmd_text("version %s is loaded, and this is cachefsctl of version %s",
				     sys->version, VERSION),
			    cmd_text("when that version of the module is installed: cachefsctl reload, which leaves file systems mounted"));
	if (sys->loaded && sys->nr_caches)
		return;
	if (sys->loaded)
		problem_add(sys, "module", cmd_text("no cache is attached"),
			    cmd_text("cachefsctl attach DEVICE"));
	else if (sys->installed)
		problem_add(sys, "module", cmd_text("the module is not loaded"),
			    cmd_text("cachefsctl attach DEVICE, which loads it"));
	else
		problem_add(sys, "module",
			    cmd_text("there is no module cachefs for the running kernel, %s",
				     sys->kernel),
			    problem_other_kernel(sys->kernel) ?:
			    cmd_text("install its headers (linux-headers-%s), then: dkms autoinstall, or make install in the sources",
				     sys->kernel));
}

/* Does the module read cached data from the server, because the device is slower? */
static bool problem_bypasses(const struct system_cache *cache)
{
	int64_t device = cache->stats[STAT_device_read_us];
	int64_t server = cache->stats[STAT_server_read_us];

	return cache->read_bypass_ms > 0 && device > cache->read_bypass_ms * 1000 &&
		server > 0 && device > server;
}

static void problem_cache(struct system *sys, const struct system_cache *cache)
{
	if (!strcmp(cache->state, "failed"))
		problem_add(sys, cache->device,
			    cmd_text("the cache has failed: files are read from the server"),
			    cmd_text("see dmesg; when the device works again: echo active > /sys/fs/cachefs/%s/state, or cachefsctl detach, and attach",
				     cache->uuid));
	else if (!strcmp(cache->state, "degraded"))
		problem_add(sys, cache->device,
			    cmd_text("the device has given errors in the last five minutes"),
			    cmd_text("see dmesg, and smartctl -a %s",
				     cache->device));
	else if (!strcmp(cache->state, "detaching"))
		problem_add(sys, cache->device,
			    cmd_text("is being detached, and the device does not have everything yet"),
			    cmd_text("see dmesg, if the device does not answer"));
	else if (!strcmp(cache->state, "detached"))
		problem_add(sys, cache->device,
			    cmd_text("is being detached, and a server does not answer"),
			    cmd_text("the detach ends when that server answers, or after umount -f of its mounts"));
	if (cache->stores_stopped > 0 && strcmp(cache->state, "failed"))
		problem_add(sys, cache->device,
			    cmd_text("the device takes no writes: nothing is stored"),
			    cmd_text("see dmesg: the device may be full or read-only; cached data is still read, and storing goes on with the first store that works; to forget the fault: echo active > /sys/fs/cachefs/%s/state", cache->uuid));
	if (problem_bypasses(cache) && strcmp(cache->state, "failed"))
		problem_add(sys, cache->device,
			    cmd_text("the device is slower than the server, so cached files are read from the server: a read of the device takes %.1f ms, and a read of the server %.1f ms",
				     cache->stats[STAT_device_read_us] / 1e3,
				     cache->stats[STAT_server_read_us] / 1e3),
			    cmd_text("take a faster disk; to read cached files from this disk all the same: echo 0 > /sys/fs/cachefs/%s/read_bypass_ms",
				     cache->uuid));
	/* The counter stays until the next attach, and some are normal after a power loss. */
	if (cache->stats[STAT_checksum_errors] > 0)
		problem_note(sys, cache->device,
			     cmd_text("%lld reads from the cache did not verify, and were read from the server instead",
				      (long long)cache->stats[STAT_checksum_errors]),
			     cmd_text("some are normal after a power loss; if the number goes on growing, the device damages data"));
}

static void problem_backends(struct system *sys)
{
	size_t i;

	for (i = 0; i < sys->nr_backends; i++)
		if (sys->backends[i].state == 'A' &&
		    strcmp(sys->backends[i].cache, "cachefs"))
			problem_add(sys, "FS-Cache",
				    cmd_text("another cache is active: %s; a mount binds to the first one that FS-Cache finds",
					     sys->backends[i].cache),
				    cmd_text("stop it (systemctl disable --now cachefilesd), unmount what is bound to it, and mount again"));
}

static void problem_volume(struct system *sys, const struct system_mount *mount)
{
	static const char word[] = "not cached: ";
	const char *identity = mount->volume ? mount->volume->identity : NULL;

	if (identity && !strncmp(identity, word, strlen(word)))
		problem_add(sys, mount->target,
			    cmd_text("not cached: %s", identity + strlen(word)),
			    cmd_text("see \"What is cached\" in the administrator's guide"));
}

static bool problem_uncached_options(const struct system *sys,
				     const struct system_mount *mount)
{
	char *sync = mount_option(mount->options, "sync");
	char *noac = mount_option(mount->options, "noac");
	bool is = (sync || noac) && problem_old_kernel(sys);

	free(sync);
	free(noac);
	return is;
}

static void problem_mount(struct system *sys, const struct system_mount *mount)
{
	bool is_9p = !strcmp(mount->type, "9p");

	if (!mount->fsc)
		problem_note(sys, mount->target,
			     cmd_text("mounted without %s", is_9p ?
				      "cache=fscache" : "fsc"),
			     cmd_text(is_9p ? "umount, add cache=fscache to its options, and mount again" :
				      "unmount all mounts of this file system of the server, add fsc to the options of each, and mount again: the first one decides, and a remount does not do"));
	else if (mount->ignored)
		problem_add(sys, mount->target,
			    cmd_text("fsc is ignored: NFS does not use FS-Cache for this mount"),
			    cmd_text("if dmesg says \"Cache volume key already in use\", another mount has the same name in FS-Cache: mount without nosharecache, or give each of the two a tag of its own, fsc=TAG; else the kernel's NFS was built without FS-Cache"));
	else if (mount->cache && !strcmp(mount->cache, "-"))
		problem_add(sys, mount->target,
			    cmd_text("not bound to a cache"),
			    cmd_text("attach a cache; the mount uses it from then on"));
	else if (mount->cache && !strcmp(mount->cache, "cachefs") &&
		 !sys->nr_caches)
		problem_add(sys, mount->target,
			    cmd_text("its cache is detached"),
			    cmd_text("attach a cache; the mount uses it from then on"));
	else if (mount->cache && strcmp(mount->cache, "cachefs"))
		problem_add(sys, mount->target,
			    cmd_text("bound to the cache %s instead of cachefs",
				     mount->cache),
			    cmd_text("stop that cache, umount, and mount again"));
	else if (!mount->cache)
		problem_add(sys, mount->target,
			    cmd_text("FS-Cache has no volume for it"),
			    cmd_text("read a file of it; if that changes nothing, the kernel's %s was built without FS-Cache",
				     mount->type));
	else if (problem_uncached_options(sys, mount))
		problem_add(sys, mount->target,
			    cmd_text("Linux %s does not read mounts with sync or noac from a cache",
				     sys->kernel),
			    cmd_text("mount without these options"));
	else
		problem_volume(sys, mount);
}

/**
 * system_find_problems - Find what is wrong
 * @sys: the system; all else of it was read
 */
void system_find_problems(struct system *sys)
{
	size_t i;

	problem_module(sys);
	for (i = 0; i < sys->nr_caches; i++)
		problem_cache(sys, &sys->caches[i]);
	problem_backends(sys);
	for (i = 0; i < sys->nr_mounts; i++)
		problem_mount(sys, &sys->mounts[i]);
}

/**
 * system_problem_of - Find the first problem of something
 * @sys: the system
 * @about: a mount, a device, or "module"
 *
 * Return: the problem or %NULL.
 */
const struct system_problem *system_problem_of(const struct system *sys,
					       const char *about)
{
	size_t i;

	for (i = 0; i < sys->nr_problems; i++)
		if (!strcmp(sys->problems[i].about, about))
			return &sys->problems[i];
	return NULL;
}

static const struct system_mount *system_find_mount(const struct system *sys, dev_t dev)
{
	size_t i;

	for (i = 0; i < sys->nr_mounts; i++)
		if (sys->mounts[i].dev == dev)
			return &sys->mounts[i];
	return NULL;
}

/**
 * system_check_device - Report why the files of a file system cannot be cached
 * @sys: the system, with a cache; it is read again if it does not have the mount, because
 *	an automount may have come meanwhile
 * @path: a file of the file system
 * @dev: the device of the file system
 *
 * Return: EXIT_SUCCESS, or EXIT_FAILURE after a message.
 */
int system_check_device(struct system *sys, const char *path, dev_t dev)
{
	const struct system_problem *problem;
	const struct system_mount *mount;
	static dev_t checked;

	if (checked == dev)
		return EXIT_SUCCESS;
	mount = system_find_mount(sys, dev);
	if (!mount) {
		system_read_again(sys);
		mount = system_find_mount(sys, dev);
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
