// SPDX-License-Identifier: GPL-2.0
/*
 * Commands to the module, and the kernel's messages about them.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "attach.h"
#include "cachefsctl.h"
#include "system.h"

extern char **environ;

/**
 * control_log_open - Begin to read the kernel's log
 *
 * Return: the log, for control_log_print(); -1 if it cannot be read.
 */
int control_log_open(void)
{
	char *path = root_path("/dev/kmsg");
	int log = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	free(path);
	if (log >= 0)
		lseek(log, 0, SEEK_END);
	return log;
}

/*
 * Find the message that the kernel does not trust a module's signature, or does not load
 * unsigned modules because it is locked down.  Returns NULL for other messages.
 */
static const char *control_distrust(const char *record)
{
	const char *text = strstr(record, ";Loading of ");

	if (text && strstr(text, " is rejected"))
		return text;
	text = strstr(record, ";Lockdown: ");
	return text && strstr(text, "unsigned module loading") ? text : NULL;
}

/**
 * control_log_print - Print the module's messages since control_log_open() on stderr
 * @log: from control_log_open(); is closed
 *
 * Return: whether there was a message that the kernel does not trust a module.
 */
bool control_log_print(int log)
{
	bool distrust = false;
	const char *text;
	char record[8193];
	ssize_t n;

	if (log < 0)
		return false;
	while ((n = read(log, record, sizeof(record) - 1)) > 0 ||
	       (n < 0 && errno == EPIPE)) {
		if (n < 0)
			continue;
		record[n] = 0;
		text = control_distrust(record);
		distrust |= !!text;
		if (!text)
			text = strstr(record, ";cachefs: ");
		if (text)
			fprintf(stderr, "kernel: %.*s\n",
				(int)strcspn(text + 1, "\n"), text + 1);
	}
	close(log);
	return distrust;
}

/* Is Secure Boot on, or has the kernel been locked down in another way? */
static bool control_secure_boot(void)
{
	FILE *file = root_open("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c");
	char *lockdown = root_text("/sys/kernel/security/lockdown");
	unsigned char value[5];		/* the value is the fifth byte */
	bool on;

	on = file && fread(value, 1, sizeof(value), file) == sizeof(value) && value[4] == 1;
	on |= lockdown && (strstr(lockdown, "[integrity]") ||
			   strstr(lockdown, "[confidentiality]"));
	if (file)
		fclose(file);
	free(lockdown);
	return on;
}

/**
 * control_run - Run a program of the system
 * @argv: its name and its arguments, up to a %NULL
 *
 * cron has no directory of administrators in PATH.
 *
 * Return: its exit status, or an errno.
 */
int control_run(const char *const *argv)
{
	pid_t pid;
	char *path;
	int status;
	int ret;

	ret = posix_spawnp(&pid, argv[0], NULL, NULL, (char **)argv, environ);
	if (ret == ENOENT) {
		path = cmd_text("/usr/sbin/%s", argv[0]);
		ret = posix_spawn(&pid, path, NULL, NULL, (char **)argv, environ);
		free(path);
	}
	if (ret)
		return -ret;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

/**
 * control_load - Load the module unless it is loaded
 * @options: NAME=VALUE, up to a %NULL, which override /etc/modprobe.d; or %NULL
 *
 * Return: the exit status.
 */
int control_load(char *const *options)
{
	const char *modprobe[2 + CONFIG_OPTIONS + 1] = { "modprobe", "cachefs" };
	const struct system_problem *problem;
	struct system sys;
	int ret = EXIT_SUCCESS, log, i;

	for (i = 0; options && i < CONFIG_OPTIONS && options[i]; i++)
		modprobe[2 + i] = options[i];
	if (root_has("/sys/fs/cachefs/attach"))
		return EXIT_SUCCESS;
	if (geteuid() && !*root)
		return cmd_fails(EPERM, "cannot load the module");
	system_read(&sys);
	problem = system_problem_of(&sys, "module");
	if (!sys.installed)
		ret = cmd_fails(0, "%s\n%s", problem->what, problem->advice);
	system_free(&sys);
	if (ret)
		return ret;
	log = control_log_open();
	ret = control_run(modprobe);
	if (ret) {
		ret = cmd_fails(ret < 0 ? -ret : 0, "modprobe cachefs failed");
		if (control_log_print(log) && control_secure_boot())
			cmd_warn("Secure Boot is on, and the module is not signed with a key that the kernel trusts; if DKMS has built it: mokutil --import /var/lib/dkms/mok.pub, and reboot; else see \"Secure Boot\" in the administrator's guide");
	} else if (log >= 0) {
		close(log);
	}
	return ret;
}

/**
 * control_attach - Attach an existing cache
 * @device: its path, without blanks
 *
 * Return: the exit status.
 */
int control_attach(const char *device)
{
	int log = control_log_open();
	int ret = root_write("/sys/fs/cachefs/attach", device);

	if (!ret) {
		if (log >= 0)
			close(log);
		return EXIT_SUCCESS;
	}
	ret = cmd_fails(-ret, "%s: not attached", device);
	control_log_print(log);
	return ret;
}

/**
 * control_detach - Detach a cache
 * @uuid: its UUID
 *
 * Return: the exit status.
 */
int control_detach(const char *uuid)
{
	char *path = cmd_text("/sys/fs/cachefs/%s/detach", uuid);
	int log = control_log_open();
	int ret = root_write(path, "1");

	free(path);
	if (ret) {
		ret = cmd_fails(-ret, "%s: not detached", uuid);
		control_log_print(log);
	} else if (log >= 0) {
		close(log);
	}
	return ret;
}
