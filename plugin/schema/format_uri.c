/*
 * URIs (RFC 3986), IRIs (RFC 3987) and URI templates (RFC 6570): the collected grammars, by
 * hand, in one pass. An IRI is a URI whose unreserved characters include ucschar, and iprivate
 * in the query.
 */
#include <stdint.h>
#include <string.h>

#include "schema/format_rules.h"
#include "base/percent.h"
#include "base/utf8.h"

/* What else, beside unreserved characters, sub-delims and %XX, a part may hold. */
struct part {
	const char *extra;
	bool takes_private; /* iprivate, in an IRI */
};

static const struct part USERINFO = { ":", false };
static const struct part REG_NAME = { "", false };
static const struct part PATH = { ":@/", false };
static const struct part QUERY = { ":@/?", true };
static const struct part FRAGMENT = { ":@/?", false };

/* strchr() finds the NUL at the end; this does not. */
static bool is_one_of(const char *set, char c)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool is_unreserved(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || is_one_of("-._~", c);
}

static bool is_sub_delim(char c)
{
	return is_one_of("!$&'()*+,;=", c);
}

static bool is_ucschar(uint32_t c)
{
	if (c < 0x10000)
		return (c >= 0xa0 && c <= 0xd7ff) || (c >= 0xf900 && c <= 0xfdcf) ||
		       (c >= 0xfdf0 && c <= 0xffef);
	/* Planes 1 to 13 without their last two; plane 14 from its second 4096 on. */
	return c < 0xefffe && (c & 0xffff) <= 0xfffd && (c < 0xe0000 || c >= 0xe1000);
}

static bool is_iprivate(uint32_t c)
{
	return (c >= 0xe000 && c <= 0xf8ff) || (c >= 0xf0000 && c <= 0xffffd) ||
	       (c >= 0x100000 && c <= 0x10fffd);
}

/* Is [at, end) made of what @part may hold? */
static bool is_part(const char *at, const char *end, const struct part *part, bool is_iri)
{
	while (at < end) {
		uint32_t c;

		if (is_unreserved(*at) || is_sub_delim(*at) || is_one_of(part->extra, *at)) {
			at++;
			continue;
		}
		if (percent_byte(at, end) >= 0) {
			at += 3;
			continue;
		}
		if (!is_iri || !(*at & 0x80))
			return false;
		c = utf8_next(&at, end);
		if (!is_ucschar(c) && !(part->takes_private && is_iprivate(c)))
			return false;
	}
	return true;
}

/* Where @c first stands in [at, end), else @end. */
static const char *find(const char *at, const char *end, char c)
{
	const char *found = at < end ? memchr(at, c, (size_t)(end - at)) : NULL;

	return found ? found : end;
}

/* "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) */
static bool is_future(const char *at, const char *end)
{
	const char *dot = find(at, end, '.');

	if (at == end || (*at | 0x20) != 'v' || dot - at < 2 || end - dot < 2)
		return false;
	for (at++; at < dot; at++)
		if (ascii_hex(*at) < 0)
			return false;
	for (at = dot + 1; at < end; at++)
		if (!is_unreserved(*at) && !is_sub_delim(*at) && *at != ':')
			return false;
	return true;
}

static bool is_port(const char *at, const char *end)
{
	for (; at < end; at++)
		if (!ascii_is_digit(*at))
			return false;
	return true;
}

static bool is_authority(const char *at, const char *end, bool is_iri)
{
	const char *sign = find(at, end, '@');
	const char *colon;

	if (sign < end) {
		if (!is_part(at, sign, &USERINFO, is_iri))
			return false;
		at = sign + 1;
	}
	if (at < end && *at == '[') {
		const char *close = find(at, end, ']');

		if (close == end ||
		    (!format_ipv6(at + 1, (size_t)(close - at - 1)) && !is_future(at + 1, close)))
			return false;
		at = close + 1;
		return at == end || (*at == ':' && is_port(at + 1, end));
	}
	colon = find(at, end, ':');
	/* An IPv4 address is a reg-name too, so a wrong one is still a URI. */
	return is_part(at, colon, &REG_NAME, is_iri) && (colon == end || is_port(colon + 1, end));
}

/* The end of a scheme at @at (its colon), or NULL where there is none. */
static const char *scheme_end(const char *at, const char *end)
{
	if (at == end || !ascii_is_alpha(*at))
		return NULL;
	while (at < end && (ascii_is_alpha(*at) || ascii_is_digit(*at) || is_one_of("+-.", *at)))
		at++;
	return at < end && *at == ':' ? at : NULL;
}

/* No "/" before the first ":" of a relative reference: it would read as a scheme. */
static bool has_colon_first(const char *at, const char *end)
{
	const char *colon = find(at, end, ':');

	return colon < end && find(at, colon, '/') == colon;
}

static bool is_reference(const char *at, size_t len, bool is_iri, bool needs_scheme)
{
	const char *end = at + len;
	const char *hash = find(at, end, '#');
	const char *mark = find(at, hash, '?');
	const char *colon = scheme_end(at, mark);

	if (hash < end && !is_part(hash + 1, end, &FRAGMENT, is_iri))
		return false;
	if (mark < hash && !is_part(mark + 1, hash, &QUERY, is_iri))
		return false;
	if (!colon && (needs_scheme || has_colon_first(at, mark)))
		return false;
	if (colon)
		at = colon + 1;
	if (mark - at >= 2 && at[0] == '/' && at[1] == '/') {
		const char *slash = find(at + 2, mark, '/');

		if (!is_authority(at + 2, slash, is_iri))
			return false;
		at = slash;
	}
	return is_part(at, mark, &PATH, is_iri);
}

bool format_uri(const char *text, size_t len)
{
	return is_reference(text, len, false, true);
}

bool format_uri_reference(const char *text, size_t len)
{
	return is_reference(text, len, false, false);
}

bool format_iri(const char *text, size_t len)
{
	return is_reference(text, len, true, true);
}

bool format_iri_reference(const char *text, size_t len)
{
	return is_reference(text, len, true, false);
}

/* ---- RFC 6570 --------------------------------------------------------------------------- */

/* varname: varchars with single dots between them. The end, or NULL. */
static const char *varname_end(const char *at, const char *end)
{
	bool after_dot = true;

	while (at < end) {
		if (*at == '.') {
			if (after_dot)
				return NULL;
			after_dot = true;
			at++;
		} else if (percent_byte(at, end) >= 0) {
			after_dot = false;
			at += 3;
		} else if (ascii_is_alpha(*at) || ascii_is_digit(*at) || *at == '_') {
			after_dot = false;
			at++;
		} else {
			break;
		}
	}
	return after_dot ? NULL : at;
}

/* varname with an optional "*", or ":" and 1 to 9999. */
static bool is_varspec(const char *at, const char *end)
{
	at = varname_end(at, end);
	if (!at || at == end)
		return at != NULL;
	if (*at == '*')
		return at + 1 == end;
	if (*at != ':' || end - at < 2 || end - at > 5 || at[1] == '0')
		return false;
	return is_port(at + 1, end);
}

/* What stands between braces. */
static bool is_expression(const char *at, const char *end)
{
	if (at < end && is_one_of("+#./;?&=,!@|", *at))
		at++;
	for (;;) {
		const char *comma = find(at, end, ',');

		if (!is_varspec(at, comma))
			return false;
		if (comma == end)
			return true;
		at = comma + 1;
	}
}

/* One character of `literals`, with erratum 6937 (the apostrophe is one); moves *@at. */
static bool skip_literal(const char **at, const char *end)
{
	uint32_t c;

	if (**at == '%') {
		bool ok = percent_byte(*at, end) >= 0;

		*at += 3;
		return ok;
	}
	c = utf8_next(at, end);
	if (c >= 0x80)
		return is_ucschar(c) || is_iprivate(c);
	return c > 0x20 && c != 0x7f && !is_one_of("\"<>\\^`{|}", (char)c);
}

bool format_uri_template(const char *text, size_t len)
{
	const char *at = text;
	const char *end = text + len;

	while (at < end) {
		const char *close;

		if (*at != '{') {
			if (!skip_literal(&at, end))
				return false;
			continue;
		}
		close = find(at, end, '}');
		if (close == end || !is_expression(at + 1, close))
			return false;
		at = close + 1;
	}
	return true;
}
