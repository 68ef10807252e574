#include "report/jsonout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define CUT "..."

void jsonout_begin(struct jsonout *out, char *text, size_t cap)
{
	*out = (struct jsonout){ .text = text, .cap = cap };
}

size_t jsonout_end(struct jsonout *out)
{
	if (out->is_full) {
		out->text[0] = '\0';
		return 0;
	}
	out->text[out->len] = '\0'; /* put() kept the room */
	return out->len;
}

static void put(struct jsonout *out, const char *text, size_t len)
{
	if (out->is_full || len >= out->cap - out->len) {
		out->is_full = true;
		return;
	}
	memcpy(out->text + out->len, text, len);
	out->len += len;
}

static void put_name(struct jsonout *out, const char *name)
{
	if (out->needs_comma)
		put(out, ",", 1);
	out->needs_comma = true;
	if (!name)
		return;
	put(out, "\"", 1);
	put(out, name, strlen(name));
	put(out, "\":", 2);
}

void jsonout_open(struct jsonout *out, const char *name, char bracket)
{
	put_name(out, name);
	put(out, &bracket, 1);
	out->needs_comma = false;
}

void jsonout_close(struct jsonout *out, char bracket)
{
	put(out, &bracket, 1);
	out->needs_comma = true;
}

/* Two-character escapes, where JSON has one. */
static char short_escape(unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		return (char)c;
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	}
	return 0;
}

/* Writes the character at @s (@n bytes of UTF-8, 0: not UTF-8) to @ret; its length. */
static size_t escape(const char *s, size_t n, uint32_t code, char ret[8])
{
	char brief = n == 1 ? short_escape((unsigned char)s[0]) : 0;

	if (brief) {
		ret[0] = '\\';
		ret[1] = brief;
		return 2;
	}
	if (n > 0 && utf8_is_plain(code)) {
		memcpy(ret, s, n);
		return n;
	}
	return (size_t)snprintf(ret, 8, "\\u%04x", (unsigned)code & 0xffff); /* none is longer */
}

void jsonout_text(struct jsonout *out, const char *name, const char *text, size_t len, size_t max)
{
	size_t begin;
	size_t cut; /* where CUT would still fit */

	put_name(out, name);
	put(out, "\"", 1);
	begin = cut = out->len;
	for (size_t i = 0; i < len;) {
		uint32_t code;
		size_t n = utf8_read(text + i, len - i, &code);
		char piece[8];
		size_t size = escape(text + i, n, code, piece);

		if (out->len - begin + strlen(CUT) <= max)
			cut = out->len;
		if (out->len - begin + size > max) {
			out->len = cut;
			put(out, CUT, strlen(CUT));
			break;
		}
		put(out, piece, size);
		i += n ? n : 1;
	}
	put(out, "\"", 1);
}

void jsonout_number(struct jsonout *out, const char *name, uint64_t value)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64, value);

	put_name(out, name);
	put(out, digits, (size_t)n);
}

void jsonout_true(struct jsonout *out, const char *name)
{
	put_name(out, name);
	put(out, "true", 4);
}
