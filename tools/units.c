// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers and times as people read and write them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cachefsctl.h"

/**
 * unit_time - Format a time as local time
 * @when: seconds since 1970; negative: not known
 * @seconds: print seconds, too
 *
 * Return: the text, to be freed.
 */
char *unit_time(int64_t when, bool seconds)
{
	time_t time = when;
	char text[32];
	struct tm tm;

	if (when < 0 || !localtime_r(&time, &tm))
		return cmd_text("-");
	strftime(text, sizeof(text),
		 seconds ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d %H:%M", &tm);
	return cmd_text("%s", text);
}

/**
 * unit_age - Format an age
 * @seconds: the age; negative: not known
 *
 * Return: the text, to be freed.
 */
char *unit_age(int64_t seconds)
{
	if (seconds < 0)
		return cmd_text("-");
	if (seconds < 60)
		return cmd_text("%llds", (long long)seconds);
	if (seconds < 3600)
		return cmd_text("%lldm", (long long)seconds / 60);
	if (seconds < 86400)
		return cmd_text("%.1fh", seconds / 3600.0);
	return cmd_text("%.1fd", seconds / 86400.0);
}

/**
 * unit_within - Format the time within which most requests of a histogram were done
 * @us: the time, from system_quantile()
 *
 * Return: the text, to be freed.
 */
char *unit_within(int64_t us)
{
	if (us < 0)
		return cmd_text("-");
	if (us == INT64_MAX)
		return cmd_text("not within 4 s");
	if (us < 1000)
		return cmd_text("within %lld us", (long long)us);
	return cmd_text("within %.1f ms", us / 1e3);
}

/**
 * unit_size - Format a number of bytes, as lsblk does
 * @bytes: the number; negative: not known
 *
 * Return: the text, to be freed.
 */
char *unit_size(int64_t bytes)
{
	const char *units = "BKMGTPE";
	double size = bytes;

	if (bytes < 0)
		return cmd_text("-");
	for (; size >= 1024 && units[1]; units++)
		size /= 1024;
	return cmd_text(*units == 'B' || size >= 100 ? "%.0f%c" : "%.1f%c", size,
			*units);
}

/**
 * unit_ratio - Format the part that came from the cache
 * @hit: bytes from the cache; negative: not known
 * @miss: other bytes; negative: not known
 *
 * Return: the text, to be freed.
 */
char *unit_ratio(int64_t hit, int64_t miss)
{
	if (hit < 0 || miss < 0 || !(hit + miss))
		return cmd_text("-");
	return cmd_text("%.1f%%", 100.0 * hit / (hit + miss));
}

/**
 * unit_parse_size - Parse a number of bytes
 * @text: a number, with or without K, M, G or T behind it
 * @bytes: the result
 *
 * Return: 0 or -EINVAL.
 */
int unit_parse_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	double size;
	char *end;

	size = strtod(text, &end);
	if (end == text || !(size > 0))
		return -EINVAL;
	unit = *end ? strchr(units, *end) : NULL;
	if (unit)
		end++;
	if (*end)
		return -EINVAL;
	size *= (double)(1ULL << (unit ? 10 * (unit - units + 1) : 0));
	if (size < 1 || size > 1e18)
		return -EINVAL;
	*bytes = size;
	return 0;
}

/**
 * unit_parse_number - Parse a number
 * @text: a number
 * @max: the largest number that is allowed
 * @number: the result
 *
 * Return: 0 or -EINVAL.
 */
int unit_parse_number(const char *text, unsigned int max, unsigned int *number)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value > max)
		return -EINVAL;
	*number = value;
	return 0;
}
