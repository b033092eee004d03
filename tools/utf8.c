// SPDX-License-Identifier: GPL-2.0
/*
 * Print names, which may have any bytes, as UTF-8 that no terminal obeys.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include "cachefsctl.h"

/* Return the length of the UTF-8 character at @c, or 0.  A zero byte ends the text. */
static unsigned int utf8_length(const unsigned char *c)
{
	/* The range of the second byte.  Others make a character too long, or none. */
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

/**
 * utf8_print - Print the next character of a text
 * @out: the output
 * @text: the text, not at its end
 *
 * A byte that is no UTF-8 is printed as U+FFFD, and so is a character that a terminal
 * obeys, except for a line break.
 *
 * Return: the text behind the character.
 */
const char *utf8_print(FILE *out, const char *text)
{
	unsigned int length = utf8_length((const unsigned char *)text);

	if (!length || (utf8_control(text) >= 0 && *text != '\n')) {
		fputs("\xef\xbf\xbd", out);
		return text + (length ?: 1);
	}
	fwrite(text, 1, length, out);
	return text + length;
}

/**
 * utf8_control - Check whether a terminal obeys the next character of a text
 * @text: the text, not at its end
 *
 * Return: its number, of C0, DEL or C1; -1 if it is another character, or no UTF-8.
 */
int utf8_control(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	if (*c < ' ' || *c == 0x7f)
		return *c;
	return *c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0 ? c[1] : -1;
}

static size_t utf8_lines(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/**
 * utf8_vshown - Format a text for people
 * @format: as for printf; its line breaks stay
 * @args: with names that other users may have chosen
 *
 * A byte of a character that a terminal obeys, or a byte that is no UTF-8, becomes \xNN.
 * If a name has a line break, all line breaks become \x0a, except for one at the end of
 * @format.
 *
 * Return: the text, to be freed.  The program ends if there is no memory.
 */
char *utf8_vshown(const char *format, va_list args)
{
	char *text, *shown, *end;
	const char *c;
	size_t last = strlen(format);
	unsigned int length;
	bool lines, ends;

	if (vasprintf(&text, format, args) < 0)
		err(EXIT_FAILURE, NULL);
	shown = malloc(4 * strlen(text) + 1);
	if (!shown)
		err(EXIT_FAILURE, NULL);
	lines = utf8_lines(text) == utf8_lines(format);
	ends = last && format[last - 1] == '\n';
	for (c = text, end = shown; *c;) {
		length = utf8_length((const unsigned char *)c);
		if (length && (utf8_control(c) < 0 || (*c == '\n' && (lines || (ends && !c[1]))))) {
			end = mempcpy(end, c, length);
			c += length;
			continue;
		}
		for (length = length ?: 1; length; length--)
			end += sprintf(end, "\\x%02x", (unsigned char)*c++);
	}
	*end = 0;
	free(text);
	return shown;
}
