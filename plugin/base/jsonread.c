#include "base/jsonread.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

struct json_reader {
	struct configbuild *build;
	const char *at, *end;
	const char *counted; /* up to where @place has come */
	struct configbuild_place place;
	bool has_places;
	char *plain; /* a string without its escapes; is reused */
	size_t plain_cap;
};

static int read_value(struct json_reader *reader);

/* The place of what is read next. */
static struct configbuild_place place_of(struct json_reader *reader)
{
	if (!reader->has_places)
		return (struct configbuild_place){ 0, 0 };
	for (; reader->counted < reader->at; reader->counted++) {
		if (*reader->counted == '\n') {
			reader->place.line++;
			reader->place.column = 1;
		} else if (!utf8_is_inner(*reader->counted)) {
			reader->place.column++;
		}
	}
	return reader->place;
}

static void skip_blanks(struct json_reader *reader)
{
	while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
					    *reader->at == '\t' || *reader->at == '\r'))
		reader->at++;
}

/* Skips blanks and, where it is next, @c. */
static bool take(struct json_reader *reader, char c)
{
	skip_blanks(reader);
	if (reader->at == reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

/* ---- strings ---------------------------------------------------------------------------- */

/* Four hexadecimal digits at @at; -1: these are none. */
static int32_t read_hex(const char *at, const char *end)
{
	int32_t code = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int c = (unsigned char)at[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			return -1;
		code = code << 4 | digit;
	}
	return code;
}

/* The character behind "\u" at *@at, which moves behind it; -1: there is none. */
static int32_t read_unicode(const char **at, const char *end)
{
	int32_t code = read_hex(*at, end);
	int32_t low;

	if (code < 0 || (code >= 0xdc00 && code < 0xe000))
		return -1;
	*at += 4;
	if (code < 0xd800 || code >= 0xe000)
		return code;
	if (end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
		return -1;
	low = read_hex(*at + 2, end);
	if (low < 0xdc00 || low >= 0xe000)
		return -1;
	*at += 6;
	return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}

/* Writes the character of the escape at *@at, behind the backslash, to *@to, and moves both. */
static bool unescape(const char **at, const char *end, char **to)
{
	static const char names[] = "\"\\/bfnrt", codes[] = "\"\\/\b\f\n\r\t";
	const char *name;
	int32_t code;

	if (*at == end)
		return false;
	name = **at ? strchr(names, **at) : NULL;
	if (name) {
		*(*to)++ = codes[name - names];
		(*at)++;
		return true;
	}
	if (*(*at)++ != 'u')
		return false;
	code = read_unicode(at, end);
	if (code < 0)
		return false;
	*to = utf8_write(*to, (uint32_t)code);
	return true;
}

/*
 * The length of the string that begins at @at, without quotes; *is_plain: it has no escapes. False:
 * it has no end, a control character, or is not UTF-8; *ret_len leads there.
 */
static bool measure(const char *at, const char *end, size_t *ret_len, bool *is_plain)
{
	const char *start = at;

	*is_plain = true;
	while (at < end && *at != '"') {
		size_t n = utf8_length((const unsigned char *)at, (size_t)(end - at));

		if (n == 0 || (unsigned char)*at < 0x20)
			break;
		if (*at == '\\') {
			*is_plain = false;
			n += end - at > 1; /* what follows is looked at by unescape() */
		}
		at += n;
	}
	*ret_len = (size_t)(at - start);
	return at < end && *at == '"';
}

/* Reads the string whose first quote was read; *ret is borrowed until the next one. */
static int read_string(struct json_reader *reader, const char **ret, size_t *ret_len)
{
	const char *at = reader->at, *end;
	bool is_plain;
	size_t len;
	char *to;

	if (!measure(at, reader->end, &len, &is_plain)) {
		reader->at += len;
		return ERR_SYNTAX;
	}
	end = at + len;
	*ret = at;
	*ret_len = len;
	reader->at = end + 1;
	if (is_plain)
		return 0;
	if (reader->plain_cap < len) {
		free(reader->plain);
		reader->plain_cap = 2 * len;
		reader->plain = malloc(reader->plain_cap);
		if (!reader->plain) {
			reader->plain_cap = 0;
			return configbuild_nomem(reader->build);
		}
	}
	for (to = reader->plain; at < end;) {
		if (*at != '\\') {
			*to++ = *at++;
			continue;
		}
		reader->at = at++;
		if (!unescape(&at, end, &to))
			return ERR_SYNTAX;
	}
	reader->at = end + 1;
	*ret = reader->plain;
	*ret_len = (size_t)(to - reader->plain);
	return 0;
}

/* ---- numbers ---------------------------------------------------------------------------- */

static size_t digits(const char *at, const char *end)
{
	const char *start = at;

	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return (size_t)(at - start);
}

/* The length of the number at @at; 0: there is none. */
static size_t measure_number(const char *at, const char *end)
{
	const char *start = at;
	size_t n;

	at += at < end && *at == '-';
	n = digits(at, end);
	if (n == 0 || (*at == '0' && n > 1))
		return 0;
	at += n;
	if (at < end && *at == '.') {
		n = digits(++at, end);
		if (n == 0)
			return 0;
		at += n;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		at++;
		at += at < end && (*at == '+' || *at == '-');
		n = digits(at, end);
		if (n == 0)
			return 0;
		at += n;
	}
	return (size_t)(at - start);
}

/* ---- values ----------------------------------------------------------------------------- */

static bool read_word(struct json_reader *reader, struct config *ret)
{
	static const struct {
		const char *text;
		size_t len;
		enum config_kind kind;
		bool boolean;
	} words[] = { { "true", 4, CONFIG_BOOLEAN, true },
		      { "false", 5, CONFIG_BOOLEAN, false },
		      { "null", 4, CONFIG_NULL, false } };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if ((size_t)(reader->end - reader->at) < words[i].len ||
		    memcmp(reader->at, words[i].text, words[i].len) != 0)
			continue;
		reader->at += words[i].len;
		ret->kind = words[i].kind;
		ret->boolean = words[i].boolean;
		return true;
	}
	return false;
}

static int read_number(struct json_reader *reader, struct configbuild_place place)
{
	const char *text = reader->at;
	size_t len = measure_number(text, reader->end);

	if (len == 0)
		return ERR_SYNTAX;
	reader->at += len;
	return configbuild_number(reader->build, text, len, false, place);
}

static int read_scalar(struct json_reader *reader, struct configbuild_place place)
{
	struct config value = { .kind = CONFIG_STRING };
	size_t len = 0;
	int rc = 0;

	if (*reader->at == '"') {
		reader->at++;
		rc = read_string(reader, &value.text, &len);
		value.count = (uint32_t)len;
	} else if (!read_word(reader, &value)) {
		return read_number(reader, place);
	}
	return rc ? rc : configbuild_value(reader->build, &value, place);
}

static int read_key(struct json_reader *reader)
{
	struct configbuild_place place;
	const char *key = NULL;
	size_t len = 0;
	int rc;

	skip_blanks(reader);
	place = place_of(reader);
	if (!take(reader, '"'))
		return ERR_SYNTAX;
	rc = read_string(reader, &key, &len);
	if (rc == 0)
		rc = configbuild_key(reader->build, key, len, place);
	return rc || take(reader, ':') ? rc : ERR_SYNTAX;
}

/* Reads what follows the bracket of an object or array. */
static int read_children(struct json_reader *reader, bool is_object)
{
	char end = is_object ? '}' : ']';
	int rc = 0;

	if (take(reader, end))
		return configbuild_close(reader->build);
	for (;;) {
		if (is_object)
			rc = read_key(reader);
		if (rc == 0)
			rc = read_value(reader);
		if (rc)
			return rc;
		if (take(reader, end))
			return configbuild_close(reader->build);
		if (!take(reader, ','))
			return ERR_SYNTAX;
	}
}

static int read_value(struct json_reader *reader)
{
	struct configbuild_place place;
	bool is_object;
	int rc;

	skip_blanks(reader);
	if (reader->at == reader->end)
		return ERR_SYNTAX;
	place = place_of(reader);
	is_object = *reader->at == '{';
	if (!is_object && *reader->at != '[')
		return read_scalar(reader, place);
	rc = configbuild_open(reader->build, is_object ? CONFIG_OBJECT : CONFIG_ARRAY, place);
	if (rc)
		return rc;
	reader->at++;
	return read_children(reader, is_object);
}

int jsonread(struct configbuild *build, const char *text, size_t len, bool has_places,
	     struct configbuild_place *ret_place)
{
	struct json_reader reader = { .build = build,
				      .at = text,
				      .end = text + len,
				      .counted = text,
				      .place = { 1, 1 },
				      .has_places = has_places };
	int rc = read_value(&reader);

	skip_blanks(&reader);
	if (rc == 0 && reader.at < reader.end)
		rc = ERR_SYNTAX;
	*ret_place = place_of(&reader);
	free(reader.plain);
	return rc;
}
