#include "ctl/suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

bool suggest_has(const char *words, const char *word)
{
	size_t len = strlen(word);

	while (words && *words) {
		size_t each = strcspn(words, " ");

		if (len > 0 && each == len && strncmp(words, word, len) == 0)
			return true;
		words += each + strspn(words + each, " ");
	}
	return false;
}

const char *suggest_list(const char *words, char ret[SUGGEST_LIST_MAX])
{
	const char *last = strrchr(words, ' ');
	size_t used = 0;

	ret[0] = '\0';
	for (const char *at = words; *at && used + 6 < SUGGEST_LIST_MAX; at++)
		used += (size_t)sprintf(ret + used,
					*at != ' '   ? "%c"
					: at == last ? " or "
						     : ", ",
					*at);
	return ret;
}

struct suggest suggest_begin(const char *typed)
{
	/* A third of a word may be wrong, of a short one a letter. */
	size_t tolerated = strlen(typed) / 3;

	return (struct suggest){ .typed = typed,
				 .distance = (unsigned)(tolerated > 0 ? tolerated : 1) + 1 };
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Edits from @a to @b of @len bytes, letters of either case: optimal string alignment. */
static unsigned distance(const char *a, const char *b, size_t len)
{
	unsigned row[3][SUGGEST_MAX + 1];
	size_t a_len = strlen(a);

	for (unsigned k = 0; k <= len; k++)
		row[0][k] = k;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *last = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t k = 1; k <= len; k++) {
			now[k] = least(least(before[k], now[k - 1]) + 1,
				       before[k - 1] + !same(a[i - 1], b[k - 1]));
			if (i > 1 && k > 1 && same(a[i - 1], b[k - 2]) && same(a[i - 2], b[k - 1]))
				now[k] = least(now[k], last[k - 2] + 1);
		}
	}
	return row[a_len % 3][len];
}

void suggest_add(struct suggest *suggest, const char *words)
{
	while (words && *words) {
		size_t len = strcspn(words, " ");

		if (len < SUGGEST_MAX && strlen(suggest->typed) < SUGGEST_MAX) {
			unsigned edits = distance(suggest->typed, words, len);

			if (edits < suggest->distance) {
				suggest->distance = edits;
				(void)snprintf(suggest->best, sizeof(suggest->best), "%.*s",
					       (int)len, words);
			}
		}
		words += len + strspn(words + len, " ");
	}
}

const char *suggest_text(struct suggest *suggest)
{
	if (suggest->best[0])
		(void)snprintf(suggest->text, sizeof(suggest->text), "; did you mean \"%s\"?",
			       suggest->best);
	return suggest->text;
}
