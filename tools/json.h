/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TOOLS_JSON_H
#define _TOOLS_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/**
 * struct json - JSON while it is printed
 * @out: the output
 * @depth: the number of objects and lists that are open
 * @more: the innermost object or list is not empty
 */
struct json {
	FILE	*out;
	int	depth;
	bool	more;
};

void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
void json_string(struct json *json, const char *key, const char *value);
void json_bool(struct json *json, const char *key, bool value);
void json_unsigned(struct json *json, const char *key, uint64_t value);
void json_number(struct json *json, const char *key, int64_t value);

#endif
