/*
 * cases.h -- decisions kept as data: one to a line, a word and a text.
 *
 *     # a comment
 *     valid 2026-11-21
 *     invalid 2026-11-21\x0a
 *
 * The text is what follows the first space, to the line's end. In it \xNN is that byte and \\
 * a backslash; anything else stands for itself.
 */
#ifndef PETSTORE_CASES_H
#define PETSTORE_CASES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES_LINE_MAX 8192

struct cases_line {
	const char *path;
	unsigned number;
	char word[64];
	char text[CASES_LINE_MAX];
	size_t len;
};

static inline int cases_byte(const char *hex)
{
	char two[3] = { hex[0], hex[0] ? hex[1] : '\0', '\0' };

	return (int)strtol(two, NULL, 16);
}

static inline void cases_unescape(struct cases_line *line, const char *from)
{
	line->len = 0;
	for (; *from && *from != '\n'; from++) {
		if (from[0] == '\\' && from[1] == 'x') {
			line->text[line->len++] = (char)cases_byte(from + 2);
			from += 3;
		} else {
			from += from[0] == '\\' && from[1] == '\\';
			line->text[line->len++] = *from;
		}
	}
	line->text[line->len] = '\0';
}

/*
 * Calls @decide for each line of @path and returns how many it did not find right, which are
 * printed with file and line; a file without lines counts as one.
 */
static inline unsigned cases_run(const char *path, void *ctx,
				 bool (*decide)(void *ctx, const struct cases_line *line))
{
	static char raw[CASES_LINE_MAX];
	static struct cases_line line;
	FILE *file = fopen(path, "r");
	unsigned wrong = 0, seen = 0;

	line.path = path;
	line.number = 0;
	while (file && fgets(raw, sizeof(raw), file)) {
		size_t word = strcspn(raw, " \n");

		line.number++;
		if (raw[0] == '#' || word == 0 || word >= sizeof(line.word))
			continue;
		memcpy(line.word, raw, word);
		line.word[word] = '\0';
		cases_unescape(&line, raw + word + (raw[word] == ' '));
		seen++;
		if (decide(ctx, &line))
			continue;
		wrong++;
		fprintf(stderr, "%s:%u: not so: %s", path, line.number, raw);
	}
	if (file)
		fclose(file);
	return seen ? wrong : 1;
}

#endif
