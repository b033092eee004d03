// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl detach.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "attach.h"
#include "cachefsctl.h"
#include "pages.h"
#include "system.h"

static const char detach_usage[] =
	"Usage: cachefsctl detach [options] [DEVICE|UUID]\n"
	"\n"
	"Take the cache out of service.  Mounts go on without it.\n"
	"\n"
	"Options:\n"
	" -i, --if-attached  no error if no cache is attached\n"
	" -w, --wait SECONDS wait no longer; the detach goes on\n"
	" -h, --help         display this help\n";

static int detach_now(const struct system_cache *cache)
{
	int status = control_detach(cache->uuid);

	if (!status)
		printf("%s: detached\n", cache->device);
	return status;
}

/* Does the device have all data, so that the module waits only for servers? */
static bool detach_is_written(const char *uuid)
{
	char *state = root_text("/sys/fs/cachefs/%s/state", uuid);
	bool is = state && !strcmp(state, "detached");

	free(state);
	return is;
}

/*
 * A waiting detach cannot be interrupted.  So a child detaches, and continues when this
 * process has given up.  A shutdown waits for all processes, except for those of root
 * whose names begin with an @; see systemd.io/ROOT_STORAGE_DAEMONS.
 */
static int detach_in_child(const struct system_cache *cache, unsigned int wait)
{
	unsigned int written = 0, i;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return cmd_fails(errno, "%s: not detached", cache->device);
	if (!pid) {
		*program_invocation_name = '@';
		exit(detach_now(cache));
	}
	for (i = 0; i <= 10 * wait; i++) {
		if (attach_ended(pid, &status))
			return status;
		written += detach_is_written(cache->uuid);
		if (written == 50) {
			warnx("%s: all is written; the detach waits for a server that does not answer, until umount -f of its mounts",
			      cache->device);
			return EXIT_SUCCESS;
		}
		pages_sleep_ms(100);
	}
	return cmd_fails(0, "%s: not detached after %u seconds; the detach goes on",
			 cache->device, wait);
}

/*
 * Wait until no attach is under way, because that attach would end after this detach, and
 * the cache would stay attached.  @seconds becomes the time that is left.  Returns whether
 * none is under way.
 */
static bool detach_waits_for_attach(unsigned int *seconds)
{
	unsigned int i;

	for (i = 0; attach_is_under_way(); i++) {
		if (i >= 10 * *seconds)
			return false;
		pages_sleep_ms(100);
	}
	if (i)
		*seconds = *seconds > i / 10 ? *seconds - i / 10 : 1;
	return true;
}

int cmd_detach(int argc, char **argv)
{
	static const struct option options[] = {
		{ "if-attached", no_argument, NULL, 'i' },
		{ "wait", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	const struct system_cache *cache;
	bool if_attached = false, ended = true;
	unsigned int wait = 0;
	struct system sys;
	int c, status;

	while ((c = getopt_long(argc, argv, "iw:h", options, NULL)) != -1)
		switch (c) {
		case 'i':
			if_attached = true;
			break;
		case 'w':
			if (unit_parse_number(optarg, 86400, &wait) || !wait)
				return cmd_bad_usage("detach", "not a number of seconds: %s",
						     optarg);
			break;
		case 'h':
			return cmd_help(detach_usage);
		default:
			return cmd_misused("detach");
		}
	if (optind < argc - 1)
		return cmd_bad_usage("detach", "unexpected: %s", argv[optind + 1]);
	system_read(&sys);
	cache = device_find_attached(&sys, argv[optind]);
	if (!cache && attach_is_under_way()) {
		ended = detach_waits_for_attach(&wait);
		system_free(&sys);
		system_read(&sys);
		cache = device_find_attached(&sys, argv[optind]);
	}
	if (cache)
		status = wait ? detach_in_child(cache, wait) : detach_now(cache);
	else if (!ended)
		status = cmd_fails(0, "an attach is under way, and may still attach a cache");
	else if (if_attached)
		status = EXIT_SUCCESS;
	else if (argv[optind])
		status = cmd_fails(0, "%s: is not attached%s%s", argv[optind],
				   sys.nr_caches ? "; attached is " : "",
				   sys.nr_caches ? sys.caches[0].device : "");
	else
		status = cmd_fails(0, "no cache is attached");
	system_free(&sys);
	return status;
}
