// SPDX-License-Identifier: GPL-2.0
/*
 * Names are bytes, and what others read is UTF-8.
 */
#include "cachefsctl.h"

/* The length of the UTF-8 character at @c; 0: it is none.  A zero ends the text. */
static unsigned int utf8_length(const unsigned char *c)
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

/**
 * utf8_print - Print the next character of a text
 * @out: where to
 * @text: the text, not at its end
 *
 * A byte that is no UTF-8 is printed as U+FFFD.
 *
 * Return: the text behind the character.
 */
const char *utf8_print(FILE *out, const char *text)
{
	unsigned int length = utf8_length((const unsigned char *)text);

	if (!length) {
		fputs("\xef\xbf\xbd", out);
		return text + 1;
	}
	fwrite(text, 1, length, out);
	return text + length;
}
