// SPDX-License-Identifier: GPL-2.0
/*
 * Print JSON.
 */
#include "cachefsctl.h"
#include "json.h"

/* Escape a control character, because JSON may be printed to a terminal, too. */
static const char *json_control(struct json *json, const char *text)
{
	int c = utf8_control(text);

	fprintf(json->out, "\\u%04x", c);
	return text + (c < 0x80 ? 1 : 2);
}

static void json_quote(struct json *json, const char *text)
{
	putc('"', json->out);
	while (*text)
		if (*text == '"' || *text == '\\')
			fprintf(json->out, "\\%c", *text++);
		else if (utf8_control(text) >= 0)
			text = json_control(json, text);
		else
			text = utf8_print(json->out, text);
	putc('"', json->out);
}

static void json_begin(struct json *json, const char *key)
{
	if (json->depth)
		fprintf(json->out, "%s\n%*s", json->more ? "," : "",
			3 * json->depth, "");
	json->more = true;
	if (key) {
		json_quote(json, key);
		putc(':', json->out);
	}
}

/**
 * json_open - Begin an object or a list
 * @json: the document
 * @key: its name, in an object; else %NULL
 * @bracket: "{" or "["
 */
void json_open(struct json *json, const char *key, char bracket)
{
	json_begin(json, key);
	putc(bracket, json->out);
	json->depth++;
	json->more = false;
}

/**
 * json_close - End an object or a list
 * @json: the document
 * @bracket: "}" or "]"
 */
void json_close(struct json *json, char bracket)
{
	json->depth--;
	if (json->more)
		fprintf(json->out, "\n%*s", 3 * json->depth, "");
	putc(bracket, json->out);
	json->more = true;
	if (!json->depth)
		putc('\n', json->out);
}

/**
 * json_string - Print a text
 * @json: the document
 * @key: its name, or %NULL in a list
 * @value: the text; %NULL: null
 */
void json_string(struct json *json, const char *key, const char *value)
{
	json_begin(json, key);
	if (value)
		json_quote(json, value);
	else
		fputs("null", json->out);
}

/**
 * json_bool - Print true or false
 * @json: the document
 * @key: its name, or %NULL in a list
 * @value: the value
 */
void json_bool(struct json *json, const char *key, bool value)
{
	json_begin(json, key);
	fputs(value ? "true" : "false", json->out);
}

/**
 * json_unsigned - Print a number
 * @json: the document
 * @key: its name, or %NULL in a list
 * @value: the number
 */
void json_unsigned(struct json *json, const char *key, uint64_t value)
{
	json_begin(json, key);
	fprintf(json->out, "%llu", (unsigned long long)value);
}

/**
 * json_number - Print a number that may not be known
 * @json: the document
 * @key: its name, or %NULL in a list
 * @value: the number; negative: null
 */
void json_number(struct json *json, const char *key, int64_t value)
{
	if (value < 0)
		json_string(json, key, NULL);
	else
		json_unsigned(json, key, value);
}
