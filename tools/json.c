// SPDX-License-Identifier: GPL-2.0
/*
 * Printing of JSON.
 */
#include "json.h"

/* The length of the UTF-8 character at @c; 0: it is none.  A zero ends the text. */
static unsigned int json_character(const unsigned char *c)
{
	/* What may follow some first bytes: else the character is too long, or none. */
	unsigned char least = *c == 0xe0 ? 0xa0 : *c == 0xf0 ? 0x90 : 0x80;
	unsigned char most = *c == 0xed ? 0x9f : *c == 0xf4 ? 0x8f : 0xbf;
	unsigned int length, i;

	if (*c < 0x80)
		return 1;
	if (*c < 0xc2 || *c > 0xf4)
		return 0;
	length = *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : 4;
	if (c[1] < least || c[1] > most)
		return 0;
	for (i = 2; i < length; i++)
		if (c[i] < 0x80 || c[i] > 0xbf)
			return 0;
	return length;
}

/* JSON is UTF-8, and a file's name need not be: U+FFFD stands for other bytes. */
static void json_quote(struct json *json, const char *text)
{
	const unsigned char *c = (const unsigned char *)text;
	unsigned int length;

	putc('"', json->out);
	for (; *c; c += length ?: 1) {
		length = json_character(c);
		if (!length)
			fputs("\\ufffd", json->out);
		else if (*c == '"' || *c == '\\')
			fprintf(json->out, "\\%c", *c);
		else if (*c < ' ')
			fprintf(json->out, "\\u%04x", *c);
		else
			fwrite(c, 1, length, json->out);
	}
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
 * @value: which
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
