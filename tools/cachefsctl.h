/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Declarations that the verbs of cachefsctl share.
 */
#ifndef _TOOLS_CACHEFSCTL_H
#define _TOOLS_CACHEFSCTL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif
#ifndef __printf
#define __printf(a, b)	__attribute__((format(printf, a, b)))
#endif

/* cachefsctl.c: messages, and the end of a verb */
#define EXIT_USAGE	1
int cmd_help(const char *usage);
int cmd_misused(const char *verb);
int cmd_bad_usage(const char *verb, const char *format, ...) __printf(2, 3);
int cmd_fails(int error, const char *format, ...) __printf(2, 3);
void cmd_warn(const char *format, ...) __printf(1, 2);
char *cmd_shown(const char *format, ...) __printf(1, 2);
void cmd_say(const char *format, ...) __printf(1, 2);
char *cmd_text(const char *format, ...) __printf(1, 2);
char *cmd_escaped(const char *text, const char *chars);
void *cmd_grow(void *array, size_t nr, size_t size);

/* root.c: files below --sysroot */
extern const char *root;
char *root_path(const char *format, ...) __printf(1, 2);
char *root_text(const char *format, ...) __printf(1, 2);
int64_t root_number(const char *format, ...) __printf(1, 2);
FILE *root_open(const char *path);
bool root_has(const char *path);
int root_write(const char *path, const char *text);

/* units.c: numbers and times for people */
char *unit_time(int64_t when, bool seconds);
char *unit_age(int64_t seconds);
char *unit_within(int64_t us);
char *unit_size(int64_t bytes);
char *unit_ratio(int64_t hit, int64_t miss);
int unit_parse_size(const char *text, uint64_t *bytes);
int unit_parse_number(const char *text, unsigned int max, unsigned int *number);

/* terminal.c: the part of a text that can be seen */
void terminal_size(int fd, unsigned int *columns, unsigned int *rows);
size_t terminal_fit(const char *line, size_t bytes, unsigned int columns);

/* utf8.c: names that are not UTF-8, or have characters that a terminal obeys */
const char *utf8_print(FILE *out, const char *text);
int utf8_control(const char *text);
char *utf8_vshown(const char *format, va_list args) __printf(1, 0);

/* replace.c: a file that is replaced when its new content is complete */
int replace_check(const char *path);
FILE *replace_begin(const char *path);
int replace_end(FILE *file, const char *path);

/* device.c */
void device_print_label(const char *label);

/* The verbs */
int cmd_attach(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_cached(int argc, char **argv);
int cmd_detach(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_evict(int argc, char **argv);
int cmd_format(int argc, char **argv);
int cmd_metrics(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_pin(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_warm(int argc, char **argv);
int cmd_why(int argc, char **argv);
int cmd_wipe(int argc, char **argv);

#endif
