#include "base/suggest.h"

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
	return (struct suggest){ .typed = typed };
}

/* ---- did you mean ----------------------------------------------------------------------- */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static bool is_same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment, by three rows of the table. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[3][SUGGEST_BYTES_MAX + 1];

	for (unsigned k = 0; k <= b_len; k++)
		row[0][k] = k;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *now = row[i % 3];
		const unsigned *last = row[(i - 1) % 3];

		now[0] = i;
		for (size_t k = 1; k <= b_len; k++) {
			now[k] = least(least(last[k], now[k - 1]) + 1,
				       last[k - 1] + !is_same(a[i - 1], b[k - 1]));
			if (i > 1 && k > 1 && is_same(a[i - 1], b[k - 2]) &&
			    is_same(a[i - 2], b[k - 1]))
				now[k] = least(now[k], row[(i - 2) % 3][k - 2] + 1);
		}
	}
	return row[a_len % 3][b_len];
}

static void try_word(struct suggest *suggest, const char *known, size_t known_len)
{
	size_t len = strlen(suggest->typed);
	unsigned most = len < 5 ? 1 : len < 8 ? 2 : 3, found;

	if (len == 0 || len > SUGGEST_BYTES_MAX || known_len > SUGGEST_BYTES_MAX ||
	    len > known_len + most || known_len > len + most)
		return;
	found = distance(suggest->typed, len, known, known_len);
	if (found > most || found >= len || (suggest->best[0] && found >= suggest->distance))
		return;
	(void)snprintf(suggest->best, sizeof(suggest->best), "%.*s", (int)known_len, known);
	suggest->distance = found;
}

void suggest_add(struct suggest *suggest, const char *words)
{
	while (words && *words) {
		size_t len = strcspn(words, " ");

		try_word(suggest, words, len);
		words += len + strspn(words + len, " ");
	}
}

void suggest_add_name(struct suggest *suggest, const char *name)
{
	try_word(suggest, name, strlen(name));
}

const char *suggest_text(struct suggest *suggest)
{
	if (suggest->best[0])
		(void)snprintf(suggest->text, sizeof(suggest->text), "; did you mean \"%s\"?",
			       suggest->best);
	return suggest->text;
}
