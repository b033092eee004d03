// SPDX-License-Identifier: GPL-2.0
/*
 * cachefsctl: look at and command a cache of the module cachefs.
 */
#include <err.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include "cachefsctl.h"

static const struct {
	const char	*name;
	int		(*run)(int argc, char **argv);
	const char	*does;
} verbs[] = {
	{ "status", cmd_status, "show the cache, each mount, and what is wrong" },
	{ "top", cmd_top, "show the same live, with rates" },
	{ "attach", cmd_attach, "put a cache into service" },
	{ "detach", cmd_detach, "take the cache out of service" },
	{ "reload", cmd_reload, "change the module while file systems stay mounted" },
	{ "format", cmd_format, "make an empty cache on a device" },
	{ "wipe", cmd_wipe, "take a cache from a device" },
	{ "warm", cmd_warm, "read files so that they are cached" },
	{ "cached", cmd_cached, "show how much of files is cached" },
	{ "why", cmd_why, "say why a file is not cached" },
	{ "evict", cmd_evict, "let go of what is cached of files" },
	{ "pin", cmd_pin, "keep files in the cache" },
	{ "doctor", cmd_doctor, "check step by step whether a mount is cached" },
	{ "bench", cmd_bench, "measure a disk, and a server beside it" },
	{ "metrics", cmd_metrics, "print the numbers for Prometheus" },
	{ "report", cmd_report, "make a page of HTML of all that" },
	{ "dump", cmd_dump, "show what is on the disk of a cache" },
};

static void cmd_usage(FILE *out)
{
	size_t i;

	fputs("Usage: cachefsctl [--sysroot DIR] VERB [options]\n\n"
	      "Look at and command the cache of network file systems on a block device.\n\n"
	      "Verbs:\n", out);
	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(out, " %-9s %s\n", verbs[i].name, verbs[i].does);
	fputs("\nOptions:\n"
	      " --sysroot DIR  read /proc and /sys below this directory\n"
	      " -h, --help     display this help\n"
	      " -V, --version  display the version\n\n"
	      "\"cachefsctl VERB --help\" says more; so does cachefsctl(8).\n", out);
}

/**
 * cmd_help - End a verb that was asked for its help
 * @usage: the text
 *
 * Return: the exit status.
 */
int cmd_help(const char *usage)
{
	fputs(usage, stdout);
	return EXIT_SUCCESS;
}

/**
 * cmd_misused - End a verb after getopt has reported an error
 * @verb: its name
 *
 * Return: the exit status.
 */
int cmd_misused(const char *verb)
{
	fprintf(stderr, "Try 'cachefsctl %s --help' for more information.\n", verb);
	return EXIT_USAGE;
}

static void cmd_vwarn(int error, const char *format, va_list args)
{
	char *text = utf8_vshown(format, args);

	fprintf(stderr, "%s: %s%s%s\n", program_invocation_short_name, text,
		error ? ": " : "", error ? strerror(error) : "");
	free(text);
}

/**
 * cmd_warn - Print a message on stderr
 * @format: as for printf; utf8_vshown() escapes the characters that a terminal obeys
 */
void cmd_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	cmd_vwarn(0, format, args);
	va_end(args);
}

/**
 * cmd_shown - Format a text for people
 * @format: as for printf; utf8_vshown() escapes the characters that a terminal obeys
 *
 * Return: the text, to be freed.
 */
char *cmd_shown(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = utf8_vshown(format, args);
	va_end(args);
	return text;
}

/**
 * cmd_say - Print a text for people
 * @format: as for printf; utf8_vshown() escapes the characters that a terminal obeys
 */
void cmd_say(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = utf8_vshown(format, args);
	va_end(args);
	fputs(text, stdout);
	free(text);
}

/**
 * cmd_bad_usage - Report an error in the arguments of a verb
 * @verb: its name
 * @format: as for printf
 *
 * Return: the exit status.
 */
int cmd_bad_usage(const char *verb, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	cmd_vwarn(0, format, args);
	va_end(args);
	return cmd_misused(verb);
}

/**
 * cmd_fails - Report why a verb fails
 * @error: an errno whose text is added, or 0
 * @format: as for printf
 *
 * Return: the exit status.
 */
int cmd_fails(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	cmd_vwarn(error, format, args);
	va_end(args);
	return EXIT_FAILURE;
}

/**
 * cmd_text - Format a text into new memory
 * @format: as for printf
 *
 * Return: the text, to be freed.  The program ends if there is no memory.
 */
char *cmd_text(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		err(EXIT_FAILURE, NULL);
	va_end(args);
	return text;
}

/**
 * cmd_escaped - Put a backslash before some characters
 * @text: the text
 * @chars: these characters
 *
 * Return: the result, to be freed.  The program ends if there is no memory.
 */
char *cmd_escaped(const char *text, const char *chars)
{
	char *escaped = malloc(2 * strlen(text) + 1), *to = escaped;

	if (!escaped)
		err(EXIT_FAILURE, NULL);
	for (; *text; *to++ = *text++)
		if (strchr(chars, *text))
			*to++ = '\\';
	*to = 0;
	return escaped;
}

/**
 * cmd_grow - Make room for one more member of an array
 * @array: the array or %NULL
 * @nr: the number of its members
 * @size: the size of a member
 *
 * Return: the array; the new member is zero.  The program ends if there is no memory.
 */
void *cmd_grow(void *array, size_t nr, size_t size)
{
	array = reallocarray(array, nr + 1, size);
	if (!array)
		err(EXIT_FAILURE, NULL);
	memset((char *)array + nr * size, 0, size);
	return array;
}

static int cmd_run(int argc, char **argv)
{
	size_t i;

	setlocale(LC_ALL, "");
	/* Prometheus, JSON and SVG know no decimal comma. */
	setlocale(LC_NUMERIC, "C");
	if (argc > 2 && !strcmp(argv[1], "--sysroot")) {
		root = argv[2];
		argv += 2;
		argc -= 2;
	}
	if (argc < 2) {
		cmd_warn("no verb given");
		cmd_usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
		cmd_usage(stdout);
		return EXIT_SUCCESS;
	}
	if (!strcmp(argv[1], "-V") || !strcmp(argv[1], "--version")) {
		puts("cachefsctl " VERSION);
		return EXIT_SUCCESS;
	}
	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	cmd_warn("unknown verb: %s", argv[1]);
	cmd_usage(stderr);
	return EXIT_USAGE;
}

/* Fail if output is missing, for example on a full disk: it must not look complete. */
int main(int argc, char **argv)
{
	int status = cmd_run(argc, argv);

	errno = 0;
	if (fflush(stdout) || ferror(stdout))
		return cmd_fails(errno, "the output cannot be written");
	return status;
}
