#include "access/names.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

const char *names_text_fault(const char *text, size_t len, size_t max)
{
	if (len > max)
		return "is too long";
	for (size_t i = 0; i < len;) {
		uint32_t code;
		size_t n = utf8_read(text + i, len - i, &code);

		if (n == 0)
			return "is not UTF-8";
		if (utf8_is_control(code))
			return "has a control character";
		if (utf8_is_invisible(code))
			return "has a character that does not show";
		i += n;
	}
	return NULL;
}

const char *names_fault(const char *text, size_t len, size_t max)
{
	if (len == 0)
		return "is empty";
	for (size_t i = 0; i < len; i++)
		if (text[i] && strchr("+#/*{}", text[i]))
			return "has one of + # / * { }";
	return names_text_fault(text, len, max);
}

bool names_pattern_read(const char *text, size_t len, struct names_pattern *ret)
{
	const char *star = memchr(text, '*', len);
	size_t before = star ? (size_t)(star - text) : len;

	*ret = (struct names_pattern){ .before = { text, before }, .is_wild = star != NULL };
	if (!star)
		return true;
	ret->after = (struct span){ star + 1, len - before - 1 };
	return !memchr(ret->after.text, '*', ret->after.len);
}

bool names_pattern_match(const struct names_pattern *pattern, const char *text, size_t len,
			 struct span *star)
{
	size_t before = pattern->before.len;
	size_t after = pattern->after.len;

	if (!pattern->is_wild)
		return len == before && memcmp(text, pattern->before.text, len) == 0;
	if (len <= before + after || memcmp(text, pattern->before.text, before) != 0 ||
	    memcmp(text + len - after, pattern->after.text, after) != 0)
		return false;
	if (star)
		*star = (struct span){ text + before, len - before - after };
	return true;
}

static int source_find(const char *const *source, size_t count, const char *text, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(source[i]) == len && memcmp(source[i], text, len) == 0)
			return (int)i;
	return -1;
}

const char *names_template_read(const char *text, size_t len, const char *const *source,
				size_t source_count, struct names_template *ret)
{
	size_t i = 0;

	*ret = (struct names_template){ 0 };
	while (i < len) {
		size_t start = i;
		int found = -1;

		if (ret->count == NAMES_PARTS_MAX)
			return "has too many pieces";
		if (text[i] == '}')
			return "has a '}' without its '{'";
		if (text[i] == '{') {
			const char *end = memchr(text + i, '}', len - i);

			if (!end)
				return "has a '{' without its '}'";
			found = source_find(source, source_count, text + i + 1,
					    (size_t)(end - text) - i - 1);
			if (found < 0)
				return "has an unknown word in braces";
			i = (size_t)(end - text) + 1;
		} else {
			while (i < len && text[i] != '{' && text[i] != '}')
				i++;
		}
		ret->part[ret->count].source = found;
		if (found < 0)
			ret->part[ret->count].literal = (struct span){ text + start, i - start };
		ret->count++;
	}
	return NULL;
}

bool names_template_fill(const struct names_template *tmpl, const struct span *value, char *ret,
			 size_t cap)
{
	size_t used = 0;

	for (size_t i = 0; i < tmpl->count; i++) {
		int source = tmpl->part[i].source;
		struct span piece = source < 0 ? tmpl->part[i].literal : value[source];

		if (!piece.text || piece.len >= cap - used || memchr(piece.text, '\0', piece.len))
			return false;
		memcpy(ret + used, piece.text, piece.len);
		used += piece.len;
	}
	ret[used] = '\0';
	return true;
}
