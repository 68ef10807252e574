/*
 * place.h -- lines about configuration files in tests that don't care for line and column.
 */
#ifndef PETSTORE_PLACE_H
#define PETSTORE_PLACE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The line without the test's folder, "/tmp/NAME/", in each path; until the next call. */
static inline const char *place_plain(const char *line)
{
	static char plain[1024];
	const char *base[] = { getenv("TMPDIR"), "/tmp" };

	(void)snprintf(plain, sizeof(plain), "%s", line);
	for (size_t i = 0; i < sizeof(base) / sizeof(*base); i++) {
		char *at = base[i] ? plain : NULL;
		const char *rest;

		while (at && (at = strstr(at, base[i])) &&
		       (rest = strchr(at + strlen(base[i]) + 1, '/')))
			memmove(at, rest + 1, strlen(rest + 1) + 1);
	}
	return plain;
}

/*
 * Is @line, such as "a.json:3:7: /x: text", the line @expected, with its place or without it? The
 * test's folder does not count.
 */
static inline bool place_says(const char *line, const char *expected)
{
	size_t same = 0, place = 0;

	line = place_plain(line);
	while (line[same] && line[same] == expected[same])
		same++;
	/* Where they part, the line has ":3:7". A ':' of it may be the same still. */
	while (same > 0 && line[same] != ':')
		same--;
	place = same;
	for (int i = 0; i < 2; i++) {
		size_t digits = line[place] == ':' ? strspn(line + place + 1, "0123456789") : 0;

		if (digits == 0)
			return strcmp(line, expected) == 0;
		place += 1 + digits;
	}
	return strcmp(line, expected) == 0 || strcmp(line + place, expected + same) == 0;
}

/* Takes the first place out of the line. */
static inline char *place_cut(char *line)
{
	for (char *at = line; (at = strchr(at, ':')); at++) {
		size_t first = strspn(at + 1, "0123456789");
		size_t second = first > 0 && at[1 + first] == ':'
					? strspn(at + 2 + first, "0123456789")
					: 0;
		size_t len = 2 + first + second;

		if (second > 0 && at[len] == ':') {
			memmove(at, at + len, strlen(at + len) + 1);
			break;
		}
	}
	return line;
}

#endif
