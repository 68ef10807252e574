#include "schema/format.h"

#include <float.h>
#include <stdint.h>
#include <string.h>

#include "schema/format_rules.h"
#include "schema/pattern.h"

struct format {
	const char *name;
	bool (*check)(const char *text, size_t len); /* NULL: says nothing of a string */
	uint8_t units;                               /* of work, for eight bytes */
	const struct format_range *range;            /* NULL: says nothing of a number */
};

/*
 * Most look at each byte once or twice. A name that is not plain ASCII goes through libidn2, label
 * by label: 256 bytes at most, as no domain has more.
 */
#define PLAIN 2
#define NAMED 150
#define NAME_BYTES 256u
/* A pattern's groups are looked for by their names, each from the beginning. */
#define PATTERN_BYTES_A_UNIT 64u

/* RFC 6901: every token behind a "/", "~" only in "~0" and "~1". */
static bool json_pointer(const char *text, size_t len)
{
	if (len > 0 && text[0] != '/')
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] == '~' && (i + 1 == len || (text[i + 1] != '0' && text[i + 1] != '1')))
			return false;
	return true;
}

/* The end of a decimal number without a leading zero at @at; @at itself where there is none. */
static size_t number_end(const char *text, size_t len, size_t at)
{
	size_t start = at;

	while (at < len && ascii_is_digit(text[at]))
		at++;
	return at - start > 1 && text[start] == '0' ? start : at;
}

/*
 * draft-bhutton-relative-json-pointer-00, section 3: levels up, optionally a step along an
 * array, then a pointer or "#".
 */
static bool relative_json_pointer(const char *text, size_t len)
{
	size_t at = number_end(text, len, 0);

	if (at == 0)
		return false;
	if (at < len && (text[at] == '+' || text[at] == '-')) {
		size_t end = number_end(text, len, at + 1);

		if (end == at + 1)
			return false;
		at = end;
	}
	if (at + 1 == len && text[at] == '#')
		return true;
	return json_pointer(text + at, len - at);
}

/* RFC 4122, section 3; any version and variant. */
static bool uuid(const char *text, size_t len)
{
	if (len != 36)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return false;
		} else if (ascii_hex(text[i]) < 0) {
			return false;
		}
	}
	return true;
}

/* RFC 4648, section 4, with its padding; whitespace is none of it. */
static bool base64(const char *text, size_t len)
{
	size_t digits = len;

	while (digits > 0 && len - digits < 2 && text[digits - 1] == '=')
		digits--;
	if (len % 4 != 0)
		return false;
	for (size_t i = 0; i < digits; i++)
		if (!ascii_is_alpha(text[i]) && !ascii_is_digit(text[i]) && text[i] != '+' &&
		    text[i] != '/')
			return false;
	return true;
}

/* ---- numbers ----------------------------------------------------------------------------- */

#define WHOLE(low_, high_)                                                                         \
	&(const struct format_range)                                                               \
	{                                                                                          \
		.low = { .kind = NUMBER_INT, .i = (low_) },                                        \
		.high = { .kind = NUMBER_INT, .i = (high_) }, .is_integer = true                   \
	}
#define REAL(most)                                                                                 \
	&(const struct format_range)                                                               \
	{                                                                                          \
		.low = { .kind = NUMBER_REAL, .d = -(most) }, .high = {                            \
			.kind = NUMBER_REAL,                                                       \
			.d = (most)                                                                \
		}                                                                                  \
	}
/* The largest double that is rounded down to the largest float. */
#define FLOAT_MOST 0x1.fffffefffffffp+127

static const struct format_range uint64_range = {
	.low = { .kind = NUMBER_INT, .i = 0 },
	.high = { .kind = NUMBER_UINT, .u = UINT64_MAX },
	.is_integer = true,
};

/* Sorted by name. */
static const struct format formats[] = {
	{ "binary", NULL, PLAIN, NULL },
	{ "byte", base64, PLAIN, NULL },
	{ "date", format_date, PLAIN, NULL },
	{ "date-time", format_date_time, PLAIN, NULL },
	{ "double", NULL, PLAIN, REAL(DBL_MAX) },
	{ "duration", format_duration, PLAIN, NULL },
	{ "email", format_email, NAMED, NULL },
	{ "float", NULL, PLAIN, REAL(FLOAT_MOST) },
	{ "hostname", format_hostname, NAMED, NULL },
	{ "idn-email", format_idn_email, NAMED, NULL },
	{ "idn-hostname", format_idn_hostname, NAMED, NULL },
	{ "int16", NULL, PLAIN, WHOLE(INT16_MIN, INT16_MAX) },
	{ "int32", NULL, PLAIN, WHOLE(INT32_MIN, INT32_MAX) },
	{ "int64", NULL, PLAIN, WHOLE(INT64_MIN, INT64_MAX) },
	{ "int8", NULL, PLAIN, WHOLE(INT8_MIN, INT8_MAX) },
	{ "ipv4", format_ipv4, PLAIN, NULL },
	{ "ipv6", format_ipv6, PLAIN, NULL },
	{ "iri", format_iri, NAMED, NULL },
	{ "iri-reference", format_iri_reference, NAMED, NULL },
	{ "json-pointer", json_pointer, PLAIN, NULL },
	{ "password", NULL, PLAIN, NULL },
	{ "regex", pattern_is_valid, PLAIN, NULL },
	{ "relative-json-pointer", relative_json_pointer, PLAIN, NULL },
	{ "time", format_time, PLAIN, NULL },
	{ "uint16", NULL, PLAIN, WHOLE(0, UINT16_MAX) },
	{ "uint32", NULL, PLAIN, WHOLE(0, UINT32_MAX) },
	{ "uint64", NULL, PLAIN, &uint64_range },
	{ "uint8", NULL, PLAIN, WHOLE(0, UINT8_MAX) },
	{ "uri", format_uri, NAMED, NULL },
	{ "uri-reference", format_uri_reference, NAMED, NULL },
	{ "uri-template", format_uri_template, PLAIN, NULL },
	{ "uuid", uuid, PLAIN, NULL },
};

const struct format *format_find(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strlen(formats[i].name) == len && memcmp(formats[i].name, name, len) == 0)
			return &formats[i];
	return NULL;
}

void format_suggest(struct suggest *suggest)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		suggest_add(suggest, formats[i].name);
}

const struct format_range *format_range(const struct format *format)
{
	return format->range;
}

bool format_is_for_text(const struct format *format)
{
	return format->check != NULL;
}

const char *format_name(const struct format *format)
{
	return format->name;
}

static bool has_idn(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((text[i] & 0x80) || (text[i] == '-' && i > 0 && text[i - 1] == '-'))
			return true;
	return false;
}

bool format_is_costly(const struct format *format)
{
	return format->units != PLAIN || format->check == pattern_is_valid;
}

size_t format_work(const struct format *format, const char *text, size_t len)
{
	size_t work = 4 + len * PLAIN / 8;

	if (format->units == NAMED && has_idn(text, len))
		work += (len < NAME_BYTES ? len : NAME_BYTES) * NAMED / 8;
	if (format->check == pattern_is_valid && len <= PATTERN_MAX_BYTES)
		work += len * len / PATTERN_BYTES_A_UNIT;
	return work;
}

bool format_check(const struct format *format, const char *text, size_t len)
{
	return format->check(text, len);
}
