/* Values of texts that are not JSON. */
#include <string.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "schema/payload_backend.h"

/* The end of the digits at @at. */
static size_t digits_end(const char *text, size_t len, size_t at)
{
	while (at < len && ascii_is_digit(text[at]))
		at++;
	return at;
}

/* Is the whole text a number as RFC 8259, section 6 writes them? */
static bool is_number(const char *text, size_t len)
{
	size_t at = len > 0 && text[0] == '-';
	size_t end = digits_end(text, len, at);

	if (end == at || (end - at > 1 && text[at] == '0'))
		return false;
	at = end;
	if (at < len && text[at] == '.') {
		end = digits_end(text, len, at + 1);
		if (end == at + 1)
			return false;
		at = end;
	}
	if (at < len && (text[at] == 'e' || text[at] == 'E')) {
		at++;
		at += at < len && (text[at] == '+' || text[at] == '-');
		end = digits_end(text, len, at);
		if (end == at)
			return false;
		at = end;
	}
	return at == len;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(text, word, len) == 0;
}

bool payload_is_literal(unsigned want, const char *text, size_t len)
{
	if ((want & PAYLOAD_TYPE_ANY) == PAYLOAD_TYPE_ANY)
		return false;
	if ((want & PAYLOAD_TYPE_BOOLEAN) &&
	    (is_word(text, len, "true") || is_word(text, len, "false")))
		return true;
	return (want & (PAYLOAD_TYPE_INTEGER | PAYLOAD_TYPE_NUMBER)) && is_number(text, len);
}

/* Where the text stops to be UTF-8; @len where it does not. */
static size_t utf8_end(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		uint64_t word;
		size_t n;

		if (len - at >= sizeof(word)) { /* eight letters at a time */
			memcpy(&word, text + at, sizeof(word));
			if (!(word & UINT64_C(0x8080808080808080))) {
				at += sizeof(word);
				continue;
			}
		}
		n = utf8_length((const unsigned char *)text + at, len - at);
		if (n == 0)
			return at;
		at += n;
	}
	return len;
}

const struct payload_value *payload_text(struct payload_parser *parser, const void *bytes,
					 size_t len, unsigned want, struct payload_error *error)
{
	const char *text = len > 0 ? bytes : "";
	size_t end;

	if (!payload_fits(parser, len, error))
		return NULL;
	if (payload_is_literal(want, text, len))
		return payload_backend_parse(parser, text, len, error);
	end = utf8_end(text, len);
	if (end == len)
		return payload_backend_string(parser, text, len, error);
	payload_report(error, PAYLOAD_NOT_UTF8, end, "the text is not UTF-8");
	return NULL;
}
