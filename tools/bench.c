// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl bench: whether a disk is worth it beside a server.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fs.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "attach.h"
#include "cachefsctl.h"
#include "json.h"

#define BENCH_MIB	1048576
#define BENCH_SMALLEST	(16 * BENCH_MIB)

static const char bench_usage[] =
	"Usage: cachefsctl bench [options] DEVICE [FILE]\n"
	"\n"
	"Measure a disk with fio, and beside it a server, from which FILE is read.  Neither\n"
	"the page cache nor a cache takes part.  Nothing is written without --write.\n"
	"\n"
	"Options:\n"
	" -t, --time SECONDS  time for each measurement; the default is 5\n"
	" -w, --write         also write to DEVICE, which must be blank; it is blank afterwards\n"
	" -J, --json          print JSON\n"
	" -h, --help          display this help\n";

/**
 * struct bench_test - A measurement
 * @name: for people
 * @key: in JSON
 * @options: of fio
 */
struct bench_test {
	const char	*name;
	const char	*key;
	const char	*options[3];
};

enum bench_nr { BENCH_ONE, BENCH_MANY, BENCH_READ, BENCH_WRITE, NR_BENCH };

static const struct bench_test bench_tests[NR_BENCH] = {
	[BENCH_ONE] = { "4 KiB reads, one at a time", "read_us",
			{ "--rw=randread", "--bs=4k", "--iodepth=1" } },
	[BENCH_MANY] = { "4 KiB reads, 32 at a time", "reads_per_second",
			 { "--rw=randread", "--bs=4k", "--iodepth=32" } },
	[BENCH_READ] = { "1 MiB reads in order", "read_bytes_per_second",
			 { "--rw=read", "--bs=1m", "--iodepth=4" } },
	[BENCH_WRITE] = { "1 MiB writes in order", "written_bytes_per_second",
			  { "--rw=write", "--bs=1m", "--iodepth=4" } },
};

/**
 * struct bench_target - A device or a file
 * @path: its path
 * @bytes: its size
 * @results: us, or a number per second; negative: not measured
 */
struct bench_target {
	char		*path;
	uint64_t	bytes;
	double		results[NR_BENCH];
};

/* Find the size of a target that can be read.  Returns EXIT_FAILURE after a message. */
static int bench_open(struct bench_target *target)
{
	int status = EXIT_SUCCESS, fd, i;
	struct stat st;

	for (i = 0; i < NR_BENCH; i++)
		target->results[i] = -1;
	if (stat(target->path, &st))
		return cmd_fails(errno, "%s", target->path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return cmd_fails(0, "%s: is neither a device nor a file", target->path);
	if (*target->path == ' ' || target->path[strlen(target->path) - 1] == ' ')
		return cmd_fails(0, "%s: fio takes no name that begins or ends with a blank",
				 target->path);
	fd = open(target->path, O_RDONLY | O_DIRECT | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == EINVAL)
		return cmd_fails(0, "%s: cannot be read past the page cache (O_DIRECT)",
				 target->path);
	if (fd < 0)
		return cmd_fails(errno, "%s: cannot be opened", target->path);
	target->bytes = st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, &target->bytes))
		status = cmd_fails(errno, "%s: its size is not known", target->path);
	close(fd);
	if (!status && target->bytes < BENCH_SMALLEST)
		status = cmd_fails(0, "%s: too small, at least 16 MiB are needed",
				   target->path);
	return status;
}

/*
 * Open a device that is blank, so that nobody else begins to use the device.  Returns -1
 * after a message.
 */
static int bench_open_blank(const char *path)
{
	struct core_super super;
	char *foreign;
	const char *why;
	int fd, ret;

	fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (fd < 0) {
		cmd_fails(errno, "%s: cannot be written to", path);
		return -1;
	}
	ret = device_look(path, &super, &why, &foreign);
	if (ret < 0)
		cmd_fails(-ret, "%s: cannot be read", path);
	else if (foreign || ret != CORE_NO_CACHE)
		cmd_fails(0, "%s: holds %s: --write needs a blank device", path,
			  foreign ?: "a cache");
	else
		return fd;
	free(foreign);
	close(fd);
	return -1;
}

/* Run a program, and return what it has printed, to be freed; NULL after a message. */
static char *bench_output(char *const *argv)
{
	posix_spawn_file_actions_t actions;
	char *text = NULL;
	size_t size = 0;
	int pipes[2], status = 0, ret;
	bool printed;
	FILE *file;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) || posix_spawn_file_actions_init(&actions) ||
	    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO))
		err(EXIT_FAILURE, NULL);
	ret = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	file = fdopen(pipes[0], "r");
	if (!file)
		err(EXIT_FAILURE, NULL);
	printed = !ret && getdelim(&text, &size, '\0', file) > 0;
	fclose(file);
	if (ret == ENOENT)
		cmd_fails(0, "fio is not installed: install the package fio");
	else if (ret)
		cmd_fails(ret, "%s", argv[0]);
	while (!ret && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!ret && (status || !printed))
		ret = cmd_fails(0, "fio has failed");
	if (!ret)
		return text;
	free(text);
	return NULL;
}

/* The fields of fio's terse output, version 3, for reads and for writes; see fio(1). */
#define BENCH_KIB	6
#define BENCH_IOPS	7
#define BENCH_LATENCY	39
#define BENCH_WRITES	41

/* Return a field of fio's output; negative if there is none. */
static double bench_field(const char *line, unsigned int nr)
{
	double value;
	char *end;

	while (line && nr--) {
		line = strchr(line, ';');
		line += !!line;
	}
	value = line ? strtod(line, &end) : -1;
	return line && end != line && isfinite(value) ? value : -1;
}

/* Measure.  The first and the last MiB are not written to, so the device stays blank. */
static int bench_run(struct bench_target *target, enum bench_nr nr, unsigned int seconds)
{
	const struct bench_test *test = &bench_tests[nr];
	unsigned int skip = nr == BENCH_WRITE ? BENCH_WRITES : 0;
	/* To fio a colon separates files. */
	char *path = cmd_escaped(target->path, ":");
	char *filename = cmd_text("--filename=%s", path);
	char *runtime = cmd_text("--runtime=%u", seconds);
	unsigned long long mib = target->bytes / BENCH_MIB - 2;
	char *size = cmd_text("--size=%lluM", mib);
	const char *const argv[] = {
		"fio", "--name=bench", filename, test->options[0], test->options[1],
		test->options[2], "--direct=1", "--ioengine=libaio",
		"--allow_file_create=0", "--offset=1m", size, "--time_based", runtime,
		"--output-format=terse", "--terse-version=3",
		nr == BENCH_WRITE ? NULL : "--readonly", NULL,
	};
	char *line = bench_output((char *const *)argv);
	double *result = &target->results[nr];

	free(path);
	free(filename);
	free(runtime);
	free(size);
	if (!line)
		return EXIT_FAILURE;
	if (nr == BENCH_ONE)
		*result = bench_field(line, BENCH_LATENCY);
	else if (nr == BENCH_MANY)
		*result = bench_field(line, BENCH_IOPS);
	else
		*result = bench_field(line, BENCH_KIB + skip) * 1024;
	free(line);
	if (*result > 0)
		return EXIT_SUCCESS;
	*result = -1;
	return cmd_fails(0, "%s: fio has measured nothing", target->path);
}

static char *bench_text(const struct bench_target *target, enum bench_nr nr)
{
	double result = target ? target->results[nr] : -1;
	char *size, *text;

	if (result < 0)
		return cmd_text("-");
	if (nr == BENCH_ONE)
		return cmd_text("%.0f us", result);
	if (nr == BENCH_MANY)
		return cmd_text("%.0f/s", result);
	size = unit_size(result);
	text = cmd_text("%s/s", size);
	free(size);
	return text;
}

/* Say which one is faster. */
static void bench_judge(const struct bench_target *device, const struct bench_target *file)
{
	double small = file->results[BENCH_ONE] / device->results[BENCH_ONE];
	double large = device->results[BENCH_READ] / file->results[BENCH_READ];
	double written = device->results[BENCH_WRITE] / file->results[BENCH_READ];

	printf("\nThe device is %.1f times as fast as the server for small reads, and %.1f times for large reads.\n",
	       small, large);
	if (small >= 1 && large >= 1)
		puts("A cache on this device makes both faster.");
	else if (small < 1 && large < 1)
		puts("A cache on this device only takes load from the server.");
	else
		printf("A cache on this device makes only %s reads faster.\n",
		       small < 1 ? "large" : "small");
	if (written > 0 && written < 1)
		printf("The device takes %.0f%% of what the server sends at its fastest: the rest is not stored then.\n",
		       100 * written);
}

static void bench_json(const struct bench_target *device, const struct bench_target *file)
{
	struct json json = { .out = stdout };
	const struct bench_target *target;
	double result;
	int i, nr;

	json_open(&json, NULL, '{');
	for (i = 0; i < 2; i++) {
		target = i ? file : device;
		if (!target)
			continue;
		json_open(&json, i ? "file" : "device", '{');
		json_string(&json, "path", target->path);
		for (nr = 0; nr < NR_BENCH; nr++) {
			result = target->results[nr];
			json_number(&json, bench_tests[nr].key, result < 0 ? -1 : result + 0.5);
		}
		json_close(&json, '}');
	}
	json_close(&json, '}');
}

/* Measure all, and print a line for each measurement. */
static int bench_all(struct bench_target *device, struct bench_target *file, bool write,
		     bool text, unsigned int seconds)
{
	int last = write ? BENCH_WRITE : BENCH_READ, nr, status;
	char *disk, *server;

	if (text) {
		cmd_say("DEVICE: %s\n", device->path);
		if (file)
			cmd_say("FILE: %s\n", file->path);
		printf("\n%-28s %12s", "", "DEVICE");
		printf(file ? " %12s\n" : "\n", "FILE");
	}
	for (nr = 0; nr <= last; nr++) {
		status = bench_run(device, nr, seconds);
		if (!status && file && nr != BENCH_WRITE)
			status = bench_run(file, nr, seconds);
		if (status)
			return status;
		disk = bench_text(device, nr);
		server = bench_text(file, nr);
		if (text) {
			printf("%-28s %12s", bench_tests[nr].name, disk);
			printf(file ? " %12s\n" : "\n", server);
			fflush(stdout);
		}
		free(disk);
		free(server);
	}
	if (text && file)
		bench_judge(device, file);
	if (!text)
		bench_json(device, file);
	return EXIT_SUCCESS;
}

int cmd_bench(int argc, char **argv)
{
	static const struct option options[] = {
		{ "time", required_argument, NULL, 't' },
		{ "write", no_argument, NULL, 'w' },
		{ "json", no_argument, NULL, 'J' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	struct bench_target device = {}, file = {};
	bool write = false, text = true;
	unsigned int seconds = 5;
	int c, status, fd = -1;
	char *why;

	while ((c = getopt_long(argc, argv, "t:wJh", options, NULL)) != -1)
		switch (c) {
		case 't':
			if (unit_parse_number(optarg, 3600, &seconds) || !seconds)
				return cmd_bad_usage("bench", "not a time: %s", optarg);
			break;
		case 'w':
			write = true;
			break;
		case 'J':
			text = false;
			break;
		case 'h':
			return cmd_help(bench_usage);
		default:
			return cmd_misused("bench");
		}
	if (optind >= argc || optind < argc - 2)
		return cmd_bad_usage("bench", "a device, and at most one file, are needed");
	device.path = device_find(argv[optind], &why);
	if (!device.path) {
		status = cmd_fails(0, "%s: %s", argv[optind], why);
		free(why);
		return status;
	}
	file.path = argv[optind + 1];
	status = bench_open(&device);
	if (!status && file.path)
		status = bench_open(&file);
	if (!status && write)
		fd = bench_open_blank(device.path);
	if (write && fd < 0)
		status = EXIT_FAILURE;
	if (!status)
		status = bench_all(&device, file.path ? &file : NULL, write, text, seconds);
	if (fd >= 0)
		close(fd);
	free(device.path);
	return status;
}
