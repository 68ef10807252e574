#include "base/diag.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

void diag_init(struct diag *diag)
{
	diag->text[0] = '\0';
}

/* @is_quoted: what would end a quoted text, or look like an escape in it, is escaped too. */
static char *escape(char *ret, size_t cap, const char *text, size_t len, bool is_quoted)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *s = (const unsigned char *)text;
	size_t used = 0;
	size_t cut = 0; /* where "..." would still fit */

	for (size_t i = 0, take; i < len; i += take) {
		uint32_t code;
		size_t n = utf8_read(s + i, len - i, &code);
		bool plain = n > 0 && utf8_is_plain(code) &&
			     !(is_quoted && (code == '"' || code == '\\'));

		take = n ? n : 1;
		if (used + 4 <= cap)
			cut = used;
		if (used + (plain ? take : 4 * take) + 1 > cap) {
			used = cut;
			if (cut + 4 <= cap) {
				memcpy(ret + cut, "...", 3);
				used = cut + 3;
			}
			break;
		}
		for (size_t k = i; k < i + take; k++) {
			if (plain) {
				ret[used++] = (char)s[k];
				continue;
			}
			ret[used++] = '\\';
			ret[used++] = 'x';
			ret[used++] = hex[s[k] >> 4];
			ret[used++] = hex[s[k] & 15];
		}
	}
	if (cap > 0)
		ret[used] = '\0';
	return ret;
}

char *diag_escape(char *ret, size_t cap, const char *text, size_t len)
{
	return escape(ret, cap, text, len, false);
}

/* Can the text stand unquoted in a line without being read as more than one word of it? */
static bool is_word(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("\"\\()", text[i]))
			return false;
	return len > 0;
}

char *diag_name(char *ret, size_t cap, const char *text, size_t len)
{
	size_t end;

	if (cap < 3 || is_word(text, len))
		return diag_escape(ret, cap, text, len);
	ret[0] = '"';
	(void)escape(ret + 1, cap - 2, text, len, true);
	end = strlen(ret);
	ret[end] = '"';
	ret[end + 1] = '\0';
	return ret;
}

int diag_vset(struct diag *diag, int err, const char *format, va_list args)
{
	char raw[2 * DIAG_MAX];
	int n;

	if (!diag)
		return err;
	n = vsnprintf(raw, sizeof(raw), format, args);
	if (n < 0)
		raw[0] = '\0';
	diag_escape(diag->text, sizeof(diag->text), raw, strlen(raw));
	return err;
}

int diag_set(struct diag *diag, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)diag_vset(diag, err, format, args);
	va_end(args);
	return err;
}

void diag_prefix(struct diag *diag, const char *format, ...)
{
	char head[DIAG_MAX];
	char tail[DIAG_MAX];
	va_list args;

	if (!diag)
		return;
	va_start(args, format);
	(void)vsnprintf(head, sizeof(head), format, args);
	va_end(args);
	memcpy(tail, diag->text, sizeof(tail));
	(void)diag_set(diag, 0, "%s: %s", head, tail);
}

int diag_nomem(struct diag *diag)
{
	return diag_set(diag, ERR_NOMEM, "out of memory");
}

void diag_list_add(struct diag_list *list, const char *line)
{
	for (unsigned i = 0; i < list->count; i++)
		if (strcmp(list->line[i].text, line) == 0)
			return;
	if (list->count < DIAG_LIST_MAX)
		(void)diag_set(&list->line[list->count++], 0, "%s", line);
}
