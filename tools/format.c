// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl format and wipe.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "attach.h"
#include "cachefsctl.h"

static const char format_usage[] =
	"Usage: cachefsctl format [options] DEVICE\n"
	"\n"
	"Make an empty cache on a device, or in a file.  A cache that is there is replaced,\n"
	"and what it had cached is lost; anything else is left alone without --force.\n"
	"\n"
	"Options:\n"
	" -L, --label LABEL   up to 32 characters\n"
	" -f, --force         overwrite whatever is there\n"
	" -n, --dry-run       only say what would be lost\n"
	" -h, --help          display this help\n";

static const char wipe_usage[] =
	"Usage: cachefsctl wipe [options] DEVICE\n"
	"\n"
	"Take a cache from a device: zeros are written to its first and its last MiB.\n"
	"What was cached stays on the device, and can be read by who has it, but with --data.\n"
	"\n"
	"Options:\n"
	" -d, --data      overwrite all of the device with zeros: it takes long\n"
	" -f, --force     whatever is there\n"
	" -n, --dry-run   only say what would be lost\n"
	" -h, --help      display this help\n";

/* The verb that changes a device. */
enum format_verb { FORMAT, WIPE, WIPE_DATA };

/* Print the content of a device.  Returns EXIT_FAILURE if the content may not be lost. */
static int format_check(const char *path, bool force, enum format_verb verb)
{
	char made[32] = "an unknown day", *size, *foreign;
	struct core_super super;
	const char *why;
	int ret = device_look(path, &super, &why, &foreign), status = EXIT_SUCCESS;
	struct tm tm;
	time_t when;

	if (ret == -ENOSPC && verb == FORMAT) {
		status = cmd_fails(0, CORE_TOO_SMALL, path);
	} else if (ret == -ENOSPC) {
		status = cmd_fails(0, "%s: holds no cache", path);
	} else if (ret < 0) {
		status = cmd_fails(-ret, "%s: cannot be read", path);
	} else if (foreign && !force) {
		status = cmd_fails(0, "%s: holds %s, not overwritten without --force",
				   path, foreign);
	} else if (foreign) {
		cmd_say("%s: what is lost: %s\n", path, foreign);
	} else if (ret == CORE_BAD_CACHE) {
		cmd_say("%s: what is lost: a damaged cache (bad superblock: %s)\n",
			path, why);
	} else if (ret == CORE_CACHE) {
		when = super.format_time;
		if (gmtime_r(&when, &tm))
			strftime(made, sizeof(made), "%Y-%m-%d", &tm);
		size = unit_size(super.capacity_bytes);
		cmd_say("%s: what is lost: the content of the cache %s%s%s%s, %s, made on %s\n",
			path, super.uuid, *super.label ? " (" : "", super.label,
			*super.label ? ")" : "", size, made);
		free(size);
	} else if (verb == WIPE_DATA && !force) {
		status = cmd_fails(0, "%s: holds no cache, but may have the data of one: all of it is erased only with --force",
				   path);
	} else if (verb == WIPE_DATA) {
		cmd_say("%s: what is lost: all data on it; it holds no cache, but may have the data of one\n",
			path);
	} else if (verb == WIPE && !force) {
		status = cmd_fails(0, "%s: holds no cache", path);
	}
	free(foreign);
	return status;
}

/* Find the loop device that uses this file.  Returns its name, to be freed; or NULL. */
static char *format_loop(const struct stat *file)
{
	char *name, *backing, *dir = root_path("/sys/class/block");
	struct dirent *entry;
	DIR *all = opendir(dir);
	struct stat st;

	free(dir);
	for (name = NULL; all && !name && (entry = readdir(all));) {
		backing = root_text("/sys/class/block/%s/loop/backing_file",
				    entry->d_name);
		if (backing && !stat(backing, &st) && st.st_dev == file->st_dev &&
		    st.st_ino == file->st_ino)
			name = cmd_text("/dev/%s", entry->d_name);
		free(backing);
	}
	if (all)
		closedir(all);
	return name;
}

/* Open a device that nobody else uses, or a file.  Returns -1 after a message. */
static int format_open(const char *path)
{
	char *loop = NULL;
	struct stat st;
	int fd = -1, read_only = 0;

	if (stat(path, &st)) {
		cmd_fails(errno, "%s", path);
		return -1;
	}
	if (S_ISREG(st.st_mode))
		loop = format_loop(&st);
	if (loop) {
		cmd_fails(EBUSY, "%s: is the file of %s: name that device, or losetup --detach it first",
			  path, loop);
		free(loop);
		return -1;
	}
	if (S_ISBLK(st.st_mode) || S_ISREG(st.st_mode))
		fd = open(path, O_RDWR | O_CLOEXEC |
			  (S_ISBLK(st.st_mode) ? O_EXCL : 0));
	else
		errno = ENOTBLK;
	if (fd < 0 && errno == EBUSY)
		cmd_fails(EBUSY, "%s: is in use: lsblk says by what, cachefsctl status whether it is attached",
			  path);
	else if (fd < 0)
		cmd_fails(errno, "%s: cannot be opened", path);
	/* The kernel allows the open, and then each write fails with EPERM. */
	if (fd >= 0 && S_ISBLK(st.st_mode) && !ioctl(fd, BLKROGET, &read_only) && read_only) {
		cmd_fails(0, "%s: cannot be opened: read-only; see blockdev --setrw", path);
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Find and open a device if its content may be lost; else return -1 after a message. */
static int format_begin(const char *spec, bool force, enum format_verb verb, char **path)
{
	char *why;
	int fd;

	*path = device_find(spec, &why);
	if (!*path) {
		cmd_fails(0, "%s: %s", spec, why);
		free(why);
		return -1;
	}
	fd = format_open(*path);
	if (fd >= 0 && format_check(*path, force, verb)) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * Write zeros to a device behind its first MiB, as fast as the device can do that, or free
 * these blocks of a file.  The first and the last MiB are left to core_erase(): as long
 * as the superblock is there, the verb can be repeated.
 */
static int format_zero_data(int fd)
{
	uint64_t first = 1048576, range[2] = { first }, size;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISREG(st.st_mode)) {
		if (st.st_size <= first)
			return 0;
		return ftruncate(fd, first) || ftruncate(fd, st.st_size) || fsync(fd) ?
			-errno : 0;
	}
	if (ioctl(fd, BLKGETSIZE64, &size))
		return -errno;
	if (size <= 2 * first)
		return 0;
	range[1] = size - 2 * first;
	return ioctl(fd, BLKZEROOUT, range) || fsync(fd) ? -errno : 0;
}

/* Warn if all users may use the device: modes on the server do not protect its data. */
static void format_warn_mode(int fd, const char *path)
{
	struct stat st;

	if (!fstat(fd, &st) && st.st_mode & 0006)
		cmd_warn("warning: %s can be read or written by all users, and so can what will be cached on it: chmod o= %s",
			 path, path);
}

int cmd_format(int argc, char **argv)
{
	static const struct option options[] = {
		{ "label", required_argument, NULL, 'L' },
		{ "force", no_argument, NULL, 'f' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	bool force = false, dry = false;
	const char *label = NULL;
	char *path;
	int c, fd, ret, status;

	while ((c = getopt_long(argc, argv, "L:fnh", options, NULL)) != -1)
		switch (c) {
		case 'L':
			label = optarg;
			if (strlen(label) > 32)
				return cmd_bad_usage("format", "label of more than 32 bytes: %s",
						     label);
			break;
		case 'f':
			force = true;
			break;
		case 'n':
			dry = true;
			break;
		case 'h':
			return cmd_help(format_usage);
		default:
			return cmd_misused("format");
		}
	if (optind != argc - 1)
		return cmd_bad_usage("format", "one device is needed");
	fd = format_begin(argv[optind], force, FORMAT, &path);
	status = fd < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	if (!status)
		format_warn_mode(fd, path);
	if (!status && !dry) {
		ret = core_format(fd, path, label);
		if (ret == -ENOSPC)
			status = cmd_fails(0, CORE_TOO_SMALL, path);
		else if (ret)
			status = cmd_fails(-ret, "%s: cannot be formatted", path);
		else
			cmd_say("%s: formatted\n", path);
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return status;
}

int cmd_wipe(int argc, char **argv)
{
	static const struct option options[] = {
		{ "data", no_argument, NULL, 'd' },
		{ "force", no_argument, NULL, 'f' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	bool force = false, dry = false, data = false;
	int c, fd, ret, status;
	char *path;

	while ((c = getopt_long(argc, argv, "dfnh", options, NULL)) != -1)
		switch (c) {
		case 'd':
			data = true;
			break;
		case 'f':
			force = true;
			break;
		case 'n':
			dry = true;
			break;
		case 'h':
			return cmd_help(wipe_usage);
		default:
			return cmd_misused("wipe");
		}
	if (optind != argc - 1)
		return cmd_bad_usage("wipe", "one device is needed");
	fd = format_begin(argv[optind], force, data ? WIPE_DATA : WIPE, &path);
	status = fd < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	if (!status && !dry) {
		ret = data ? format_zero_data(fd) : 0;
		if (!ret)
			ret = core_erase(fd, path);
		if (ret)
			status = cmd_fails(-ret, "%s: cannot be wiped", path);
		else
			cmd_say("%s: wiped\n", path);
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return status;
}
