#include "schema/format.h"

#include <stdint.h>
#include <string.h>

#include "schema/format_rules.h"
#include "schema/pattern.h"

struct format {
	const char *name;
	bool (*check)(const char *text, size_t len);
	uint8_t units; /* of work, for eight bytes */
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

static const struct format formats[] = {
	{ "date", format_date, PLAIN },
	{ "date-time", format_date_time, PLAIN },
	{ "duration", format_duration, PLAIN },
	{ "email", format_email, NAMED },
	{ "hostname", format_hostname, NAMED },
	{ "idn-email", format_idn_email, NAMED },
	{ "idn-hostname", format_idn_hostname, NAMED },
	{ "ipv4", format_ipv4, PLAIN },
	{ "ipv6", format_ipv6, PLAIN },
	{ "iri", format_iri, NAMED },
	{ "iri-reference", format_iri_reference, NAMED },
	{ "json-pointer", json_pointer, PLAIN },
	{ "regex", pattern_is_valid, PLAIN },
	{ "relative-json-pointer", relative_json_pointer, PLAIN },
	{ "time", format_time, PLAIN },
	{ "uri", format_uri, NAMED },
	{ "uri-reference", format_uri_reference, NAMED },
	{ "uri-template", format_uri_template, PLAIN },
	{ "uuid", uuid, PLAIN },
};

const struct format *format_find(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strlen(formats[i].name) == len && memcmp(formats[i].name, name, len) == 0)
			return &formats[i];
	return NULL;
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
