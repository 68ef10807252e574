#include "base/suggest.h"

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
	return (struct suggest){ .nearest = { .word = typed } };
}

void suggest_add(struct suggest *suggest, const char *words)
{
	char word[NEAREST_BYTES_MAX + 2];

	while (words && *words) {
		size_t len = strcspn(words, " ");

		(void)snprintf(word, sizeof(word), "%.*s", (int)len, words);
		suggest->nearest.best = suggest->best[0] ? suggest->best : NULL;
		nearest_try(&suggest->nearest, word);
		if (suggest->nearest.best == word)
			(void)strcpy(suggest->best, word);
		words += len + strspn(words + len, " ");
	}
	suggest->nearest.best = NULL; /* the words may go */
}

const char *suggest_text(struct suggest *suggest)
{
	if (suggest->best[0])
		(void)snprintf(suggest->text, sizeof(suggest->text), "; did you mean \"%s\"?",
			       suggest->best);
	return suggest->text;
}
