#include "schema/jsonspan.h"

#include <string.h>

#include "base/ascii.h"

size_t jsonspan_end(const char *text, size_t len, size_t at)
{
	while (at < len && text[at] != '"')
		at += text[at] == '\\' ? 2 : 1;
	return at < len ? at : len;
}

static size_t skip_space(const char *text, size_t len, size_t at)
{
	while (at < len && memchr(" \t\n\r", text[at], 4))
		at++;
	return at;
}

/* Behind the value at @at: at the comma or the bracket that follows it. */
static size_t skip_value(const char *text, size_t len, size_t at)
{
	size_t depth = 0;

	for (; at < len; at++) {
		if (text[at] == '"')
			at = jsonspan_end(text, len, at + 1);
		else if (text[at] == '{' || text[at] == '[')
			depth++;
		else if (depth == 0 && memchr(",}]", text[at], 3))
			return at;
		else if (text[at] == '}' || text[at] == ']')
			depth--;
	}
	return len;
}

bool jsonspan_find(const char *text, size_t len, const char *name, size_t name_len, size_t *start,
		   size_t *end)
{
	size_t at = skip_space(text, len, 0);

	if (at >= len || text[at] != '{')
		return false;
	for (;;) {
		size_t from = skip_space(text, len, at + 1) + 1; /* behind the name's quote */
		size_t to = jsonspan_end(text, len, from);
		bool is_it = to - from == name_len && memcmp(text + from, name, name_len) == 0;

		at = skip_space(text, len, to + 1); /* the colon */
		at = skip_space(text, len, at + 1);
		if (at >= len)
			return false;
		if (is_it && text[at] == '"') {
			*start = at + 1;
			*end = jsonspan_end(text, len, at + 1);
			return true;
		}
		at = skip_value(text, len, at);
		if (is_it || at >= len || text[at] != ',')
			return false;
	}
}

bool jsonspan_next_number(const char *text, size_t len, size_t *at, size_t *start)
{
	size_t i = *at;

	while (i < len && text[i] != '-' && !ascii_is_digit(text[i]))
		i = text[i] == '"' ? jsonspan_end(text, len, i + 1) + 1 : i + 1;
	if (i >= len)
		return false;
	*start = i;
	while (i < len && (ascii_is_digit(text[i]) || memchr("+-.eE", text[i], 5)))
		i++;
	*at = i;
	return true;
}
