#include "schema/format.h"

#include <string.h>

#include "schema/format_rules.h"
#include "schema/pattern.h"

struct format {
	const char *name;
	bool (*check)(const char *text, size_t len);
};

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

	while (at < len && is_digit(text[at]))
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
		} else if (!is_hex(text[i])) {
			return false;
		}
	}
	return true;
}

static const struct format formats[] = {
	{ "date", format_date },
	{ "date-time", format_date_time },
	{ "duration", format_duration },
	{ "email", format_email },
	{ "hostname", format_hostname },
	{ "idn-email", format_idn_email },
	{ "idn-hostname", format_idn_hostname },
	{ "ipv4", format_ipv4 },
	{ "ipv6", format_ipv6 },
	{ "iri", format_iri },
	{ "iri-reference", format_iri_reference },
	{ "json-pointer", json_pointer },
	{ "regex", pattern_is_valid },
	{ "relative-json-pointer", relative_json_pointer },
	{ "time", format_time },
	{ "uri", format_uri },
	{ "uri-reference", format_uri_reference },
	{ "uri-template", format_uri_template },
	{ "uuid", uuid },
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

bool format_check(const struct format *format, const char *text, size_t len)
{
	return format->check(text, len);
}
