// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl attach and reload.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "attach.h"
#include "cachefsctl.h"
#include "pages.h"
#include "system.h"

static const char attach_usage[] =
	"Usage: cachefsctl attach [options] DEVICE\n"
	"       cachefsctl attach --boot [options]\n"
	"\n"
	"Put the cache on a device into service, with the limits and options in\n"
	"/etc/cachefs.conf; load the module if need be.  If the kernel refuses one of them,\n"
	"or a line of that file is not understood, no cache is left attached that was not\n"
	"attached before.\n"
	"DEVICE is a path, UUID=, LABEL=, PARTUUID= or PARTLABEL=.\n"
	"\n"
	"Options:\n"
	" -B, --boot      attach what /etc/cachefs.conf says, and wait for its device\n"
	" -c, --create    make a cache on a device that is blank\n"
	" -n, --dry-run   only say what would be done\n"
	" -h, --help      display this help\n";

static const char reload_usage[] =
	"Usage: cachefsctl reload [options]\n"
	"\n"
	"Take the module out and load it again, a newer one if it was installed meanwhile,\n"
	"and attach the cache as it was, with its limits, server_alias and policy.  File\n"
	"systems stay mounted.\n"
	"\n"
	"Options:\n"
	" -n, --dry-run   only say what would be done\n"
	" -h, --help      display this help\n";

/* In tests a file below the root's /dev stands for a device. */
static bool attach_is_device(const char *path)
{
	char *dev = root_path("/dev/");
	struct stat st;
	bool is;

	is = !stat(path, &st) && (S_ISBLK(st.st_mode) ||
				  (*root && !strncmp(path, dev, strlen(dev))));
	free(dev);
	return is;
}

/* Check whether the content of a device allows an attach.  Returns an exit status. */
static int attach_check(const char *device, bool create, bool *make)
{
	struct core_super super;
	const char *why;
	char *foreign;
	int ret = device_look(device, &super, &why, &foreign), status = EXIT_SUCCESS;

	*make = false;
	if (!attach_is_device(device))
		status = cmd_fails(ENOTBLK, "%s: for a cache in a file: losetup --find --show --direct-io=on %s",
				   device, device);
	else if (ret == -ENOSPC)
		status = cmd_fails(0, CORE_TOO_SMALL, device);
	else if (ret < 0)
		status = cmd_fails(-ret, "%s: cannot be read", device);
	else if (foreign)
		status = cmd_fails(0, "%s: holds no cache but %s\n"
				   "If nobody needs that any more: cachefsctl format --force %s",
				   device, foreign, device);
	else if (ret == CORE_BAD_CACHE)
		status = cmd_fails(0, "%s: bad superblock: %s\n"
				   "For a new, empty cache: cachefsctl format %s",
				   device, why, device);
	else if (ret == CORE_NO_CACHE && !create)
		status = cmd_fails(0, "%s: is blank\n"
				   "For a cache on it: cachefsctl format %s, or attach --create",
				   device, device);
	else
		*make = ret == CORE_NO_CACHE;
	free(foreign);
	return status;
}

/* Is a detach under way?  Such a cache does not count as attached. */
static bool attach_must_wait(const struct system_cache *cache)
{
	return !strcmp(cache->state, "detaching") || !strcmp(cache->state, "detached");
}

/* Fail because a cache is attached, but has failed. */
static int attach_fails(const struct system *sys, const struct system_cache *cache,
			const char *name)
{
	const struct system_problem *problem = system_problem_of(sys, cache->device);

	return cmd_fails(0, "%s: is attached, but %s\n%s", name, problem->what,
			 problem->advice);
}

/* Set @done if a cache is attached.  Fail if it has failed, or is on another device. */
static int attach_check_other(const char *device, bool *done)
{
	const struct system_cache *cache;
	int status = EXIT_SUCCESS;
	char *path, *real;
	struct system sys;

	*done = false;
	system_read(&sys);
	if (sys.nr_caches && !attach_must_wait(&sys.caches[0])) {
		cache = &sys.caches[0];
		path = root_path("%s", cache->device);
		real = realpath(path, NULL);
		free(path);
		*done = true;
		if (strcmp(real ?: cache->device, device)) {
			status = cmd_fails(EBUSY, "%s: not attached, %s already is\n"
					   "There can be one: cachefsctl detach first",
					   device, cache->device);
		} else if (!strcmp(cache->state, "failed")) {
			status = attach_fails(&sys, cache, device);
		}
		free(real);
	}
	system_free(&sys);
	return status;
}

/*
 * Wait for the end of a detach, no longer than the configuration says.  Do not wait in
 * the kernel: a process that waits there attaches even if the unit was stopped meanwhile.
 */
static int attach_wait(const char *device, const struct config *config)
{
	double end = pages_now() + config->patience;
	const struct system_problem *problem;
	bool waits, said = false;
	struct system sys;

	for (;;) {
		system_read(&sys);
		waits = sys.nr_caches && attach_must_wait(&sys.caches[0]);
		problem = waits ? system_problem_of(&sys, sys.caches[0].device) : NULL;
		if (waits && !said)
			cmd_warn("%s: the attach waits: %s %s; %s", device,
				 sys.caches[0].device, problem->what, problem->advice);
		said = true;
		system_free(&sys);
		if (!waits)
			return EXIT_SUCCESS;
		if (config->patience && pages_now() >= end)
			return cmd_fails(0, "%s: not attached: the detach has not ended after %u seconds",
					 device, config->patience);
		pages_sleep_ms(100);
	}
}

/* The bound on the memory of the index that an attach begins with. */
static const char attach_index_bound[] = "/sys/module/cachefs/parameters/max_index_bytes";

/* Write a value to a file of the kernel, unless @value is NULL.  @path is freed. */
static int attach_set(char *path, const char *value)
{
	int status = EXIT_SUCCESS, ret = 0;

	/* A write of 0 bytes does not set a value. */
	if (value)
		ret = root_write(path, *value ? value : "\n");
	if (ret)
		status = cmd_fails(-ret, "%s: cannot be set to %s", path, value);
	free(path);
	return status;
}

/* Write each option of a configuration to the module.  Returns an exit status. */
static int attach_set_options(const struct config *config)
{
	int status = EXIT_SUCCESS;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(config_options); i++)
		status |= attach_set(cmd_text("/sys/module/cachefs/parameters/%s",
					      config_options[i]), config->options[i]);
	return status;
}

/*
 * Load the module with the options of a configuration, or set them if it is loaded.
 * The load itself must set the options: an option cache= in /etc/modprobe.d attaches a
 * cache then, and the present mounts look up their cached data.
 */
static int attach_load(const struct config *config)
{
	bool loaded = root_has("/sys/fs/cachefs/attach");
	char *options[CONFIG_OPTIONS + 1] = {};
	unsigned int i, nr = 0;
	int status;

	for (i = 0; i < ARRAY_SIZE(config_options); i++)
		if (config->options[i])
			options[nr++] = cmd_text("%s=%s", config_options[i],
						 config->options[i]);
	status = loaded ? attach_set_options(config) : control_load(options);
	while (nr)
		free(options[--nr]);
	return status;
}

/*
 * Load the module, and attach, unless the module's option cache= in /etc/modprobe.d has
 * attached a cache meanwhile.
 */
static int attach_loaded(const char *device, const struct config *config)
{
	int status = attach_load(config);
	char *before = NULL;
	bool done = false;

	if (!status)
		status = attach_check_other(device, &done);
	if (done)
		warnx("%s was attached by the module's option cache=: see /etc/modprobe.d, and take out one of the two",
		      status ? "the other one" : device);
	if (status || done)
		return status;
	/* Set this first: the attach loads the index.  An older module has no bound. */
	if (config->limits[CONFIG_MAX_INDEX_BYTES])
		before = root_text("%s", attach_index_bound);
	if (before)
		root_write(attach_index_bound, config->limits[CONFIG_MAX_INDEX_BYTES]);
	status = control_attach(device);
	if (before)
		root_write(attach_index_bound, before);
	free(before);
	return status;
}

/* Write the switch for discards.  It protects nothing, so it may be refused. */
static void attach_set_discard(const char *uuid, const char *value)
{
	char *path = cmd_text("/sys/fs/cachefs/%s/discard", uuid);
	int ret = value ? root_write(path, *value ? value : "\n") : 0;

	if (ret)
		warnx("%s: cannot be set to %s: %s; regions are not discarded", path, value,
		      strerror(-ret));
	free(path);
}

/*
 * Write the limits of a configuration, because an attach resets the limits.  All are
 * tried, and refused ones are reported.  Returns an exit status.
 */
static int attach_set_limits(const struct config *config)
{
	int status = EXIT_SUCCESS;
	struct system sys;
	unsigned int i;

	system_read(&sys);
	for (i = 0; i < CONFIG_DISCARD && sys.nr_caches; i++)
		status |= attach_set(cmd_text("/sys/fs/cachefs/%s/%s", sys.caches[0].uuid,
					      config_limits[i]), config->limits[i]);
	if (sys.nr_caches)
		attach_set_discard(sys.caches[0].uuid, config->limits[CONFIG_DISCARD]);
	system_free(&sys);
	return status;
}

/* Write the limits and the module's options of a configuration. */
static int attach_set_all(const struct config *config)
{
	int status = attach_set_options(config);

	return attach_set_limits(config) ?: status;
}

static int attach_detach_again(const char *device)
{
	struct system sys;

	system_read(&sys);
	if (sys.nr_caches && control_detach(sys.caches[0].uuid))
		warnx("%s: stays attached, without a limit that %s names; detach it by hand",
		      device, config_path);
	else if (sys.nr_caches)
		warnx("%s: detached again, since it would be in use without a limit that %s names; correct that, and attach it then",
		      device, config_path);
	system_free(&sys);
	return EXIT_FAILURE;
}

/*
 * Attach, with the limits of the configuration.  A limit may protect the disk from wear,
 * or the machine's memory, and mounts work without a cache.  So a cache that lacks one of
 * the limits is detached again, unless the cache was attached before.
 */
static int attach_device(const char *device, const struct config *config, bool create,
			 bool dry)
{
	bool make, done;
	int status = attach_check_other(device, &done);

	if (done && !status)
		printf("%s: is attached already\n", device);
	if (done && !status && !dry && attach_set_all(config))
		status = cmd_fails(0, "%s: stays attached, without a limit or an option that %s names",
				   device, config_path);
	if (done)
		return status;
	status = attach_check(device, create, &make);
	if (status)
		return status;
	if (strpbrk(device, " \t\n"))
		return cmd_fails(0, "%s: a path with blanks cannot be attached",
				 device);
	if (dry) {
		printf("%s: would be %s\n", device, make ?
		       "formatted, since it is blank, and attached" : "attached");
		return EXIT_SUCCESS;
	}
	status = attach_wait(device, config) ?: attach_loaded(device, config);
	if (!status && attach_set_limits(config))
		status = attach_detach_again(device);
	return status;
}

/* Can another disk have this name at the next boot? */
static bool attach_name_changes(const char *device)
{
	char path[2];

	return !strncmp(device, "/dev/", 5) && !strchr(device + 5, '/') &&
		readlink(device, path, sizeof(path)) < 0;
}

/* Return the time that a disk may take, in seconds. */
static unsigned int attach_seconds(const struct config *config)
{
	return 2 * config->wait + 1;
}

/* The lock that an attach holds from the search for its device on. */
static const char attach_lock_path[] = "/run/cachefs.lock";

/*
 * Take the lock, after any other attach, which may hang with its disk: then go on without
 * the lock, and the kernel decides.  Returns the lock's file, to be closed; or -1.
 */
static int attach_lock(const char *device, unsigned int seconds)
{
	char *path = root_path("%s", attach_lock_path);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	unsigned int i;

	free(path);
	for (i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB); i++) {
		if (!i)
			cmd_warn("%s: the attach waits for another cachefsctl", device);
		if (i >= 10 * seconds) {
			cmd_warn("%s: the other cachefsctl has not ended after %u seconds, and the attach goes on",
				 device, seconds);
			close(fd);
			return -1;
		}
		pages_sleep_ms(100);
	}
	return fd;
}

static void attach_unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}

/**
 * attach_is_under_way - Check whether another process attaches a cache
 *
 * Return: whether one does, or searches for the device of its cache.
 */
bool attach_is_under_way(void)
{
	char *path = root_path("%s", attach_lock_path);
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	bool is = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB);

	free(path);
	attach_unlock(fd);
	return is;
}

static int attach_configured(const struct config *config, bool dry)
{
	int lock = dry ? -1 : attach_lock(config->device, attach_seconds(config)), status;
	double end = pages_now() + config->wait;
	char *device = NULL, *why = NULL;

	for (;;) {
		device = device_find(config->device, &why);
		if (device || dry || pages_now() >= end)
			break;
		free(why);
		why = NULL;
		pages_sleep_ms(100);
	}
	if (!device) {
		status = cmd_fails(0, "%s: not there after %u seconds; network file systems start uncached: %s",
				   config->device, dry ? 0 : config->wait, why);
		free(why);
	} else {
		status = attach_device(device, config, config->create, dry);
	}
	free(device);
	attach_unlock(lock);
	return status;
}

/**
 * attach_ended - Check whether a child has ended
 * @pid: the child
 * @status: becomes its exit status
 *
 * Return: whether it has ended.
 */
bool attach_ended(pid_t pid, int *status)
{
	if (waitpid(pid, status, WNOHANG) != pid)
		return false;
	*status = WIFEXITED(*status) ? WEXITSTATUS(*status) : EXIT_FAILURE;
	return true;
}

/*
 * A disk that does not answer must not delay the boot, also if it is only read to find
 * the cache's device.  So a child attaches, and continues when this process has given up.
 */
static int attach_in_child(const struct config *config)
{
	double end = pages_now() + config->patience;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return cmd_fails(errno, "%s: not attached", config->device);
	if (!pid)
		exit(attach_configured(config, false));
	for (;;) {
		if (attach_ended(pid, &status))
			return status;
		if (pages_now() >= end)
			break;
		pages_sleep_ms(100);
	}
	warnx("%s: not attached yet after %u seconds; network file systems start uncached, and use the cache when it is there",
	      config->device, config->patience);
	return EXIT_SUCCESS;
}

static int attach_boot(bool dry)
{
	int ret, status = EXIT_FAILURE;
	struct config config;

	ret = config_read(&config);
	config.patience = attach_seconds(&config);
	if (ret != -EINVAL && !config.device) {
		warnx("%s names no device: nothing is attached", config_path);
		status = EXIT_SUCCESS;
	} else if (ret != -EINVAL) {
		if (config.create && attach_name_changes(config.device))
			warnx("%s: create=blank formats any blank disk that has the name %s, and such names change from boot to boot: take one from /dev/disk/by-id, or PARTUUID=",
			      config_path, config.device);
		if (dry)
			status = attach_configured(&config, true);
		else
			status = attach_wait(config.device, &config) ?: attach_in_child(&config);
	}
	config_free(&config);
	return status;
}

/*
 * Fail because no device has this name, or several have it.  The disk of an attached cache
 * may be gone, and then the state of the cache is the cause.
 */
static int attach_not_found(const char *name, const char *why)
{
	const struct system_cache *cache;
	struct system sys;
	int status;

	system_read(&sys);
	cache = device_find_attached(&sys, name);
	if (cache && !strcmp(cache->state, "failed"))
		status = attach_fails(&sys, cache, name);
	else
		status = cmd_fails(0, "%s: %s", name, why);
	system_free(&sys);
	return status;
}

/* Attach a device that the administrator names, with the limits of the configuration. */
static int attach_named(const char *name, bool create, bool dry)
{
	struct config config;
	char *device, *why;
	int status, ret, lock;

	ret = config_read(&config);
	if (ret && ret != -ENOENT) {
		config_free(&config);
		return EXIT_FAILURE;
	}
	lock = dry ? -1 : attach_lock(name, attach_seconds(&config));
	device = device_find(name, &why);
	if (device) {
		status = attach_device(device, &config, create, dry);
		if (!status && !dry)
			printf("%s: attached\n", device);
	} else {
		status = attach_not_found(name, why);
		free(why);
	}
	attach_unlock(lock);
	free(device);
	config_free(&config);
	return status;
}

int cmd_attach(int argc, char **argv)
{
	static const struct option options[] = {
		{ "boot", no_argument, NULL, 'B' },
		{ "create", no_argument, NULL, 'c' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	bool boot = false, create = false, dry = false;
	int c;

	while ((c = getopt_long(argc, argv, "Bcnh", options, NULL)) != -1)
		switch (c) {
		case 'B':
			boot = true;
			break;
		case 'c':
			create = true;
			break;
		case 'n':
			dry = true;
			break;
		case 'h':
			return cmd_help(attach_usage);
		default:
			return cmd_misused("attach");
		}
	if (boot && optind == argc)
		return attach_boot(dry);
	if (boot || optind != argc - 1)
		return cmd_bad_usage("attach", "one device is needed, or --boot");
	return attach_named(argv[optind], create, dry);
}

#define RELOAD_PATIENCE	20	/* seconds that another attach may take */

/* Note the present limits, to set them again. */
static void reload_note_limits(struct config *config, const char *uuid)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(config_limits); i++)
		config->limits[i] = root_text("/sys/fs/cachefs/%s/%s", uuid,
					      config_limits[i]);
}

/* Note the present options of the module, except for those that are not set. */
static void reload_note_options(struct config *config)
{
	unsigned int i;
	char *value;

	for (i = 0; i < ARRAY_SIZE(config_options); i++) {
		value = root_text("/sys/module/cachefs/parameters/%s", config_options[i]);
		if (value && strcmp(value, "(null)"))
			config->options[i] = value;
		else
			free(value);
	}
}

/* After the module was removed, load it again, and attach @device unless it is NULL. */
static int reload_load(const char *device, const struct config *config)
{
	int status = device ? attach_loaded(device, config) : attach_load(config);

	if (status && device)
		warnx("network file systems go on uncached; when the cause is gone: cachefsctl attach %s",
		      device);
	if (status)
		return status;
	printf("module loaded again%s%s\n", device ? ", attached: " : "", device ?: "");
	if (device && attach_set_limits(config))
		return cmd_fails(0, "%s: stays attached, without a limit that it had before",
				 device);
	return EXIT_SUCCESS;
}

static int reload_now(const struct system *sys)
{
	static const char *const rmmod[] = { "rmmod", "cachefs", NULL };
	struct config config = {};
	char *device = NULL;
	int status, ret;

	reload_note_options(&config);
	if (sys->nr_caches) {
		device = cmd_text("%s", sys->caches[0].device);
		reload_note_limits(&config, sys->caches[0].uuid);
	}
	ret = sys->loaded ? control_run(rmmod) : 0;
	if (ret)
		status = cmd_fails(ret < 0 ? -ret : 0, "rmmod cachefs failed; the module is as it was\n"
				   "if it is in use, somebody has /dev/cachefs open: see fuser /dev/cachefs");
	else
		status = reload_load(device, &config);
	config_free(&config);
	free(device);
	return status;
}

int cmd_reload(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dry-run", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	struct system sys;
	bool dry = false;
	int c, status, lock;

	while ((c = getopt_long(argc, argv, "nh", options, NULL)) != -1)
		switch (c) {
		case 'n':
			dry = true;
			break;
		case 'h':
			return cmd_help(reload_usage);
		default:
			return cmd_misused("reload");
		}
	if (optind != argc)
		return cmd_bad_usage("reload", "unexpected: %s", argv[optind]);
	lock = dry ? -1 : attach_lock("reload", RELOAD_PATIENCE);
	system_read(&sys);
	if (!sys.installed) {
		status = cmd_fails(0, "there is no module cachefs for the running kernel, %s, that modprobe would find\n"
				   "install it first: dkms autoinstall, or make install in the sources",
				   sys.kernel);
	} else if (dry) {
		printf("the module would be %sloaded%s%s\n",
		       sys.loaded ? "removed and " : "",
		       sys.nr_caches ? ", and attached again: " : "",
		       sys.nr_caches ? sys.caches[0].device : "");
		status = EXIT_SUCCESS;
	} else {
		status = reload_now(&sys);
	}
	system_free(&sys);
	attach_unlock(lock);
	return status;
}
