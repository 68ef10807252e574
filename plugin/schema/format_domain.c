/*
 * Host names (RFC 1123, section 2.1) and internationalised ones (RFC 5890 to 5893).
 *
 * This file checks names of plain ASCII labels itself. libidn2 checks each A-label and U-label by
 * the rules for registration, which include the context of every character (RFC 5892, appendix A).
 * libidn2 does not check the Bidi rule for a whole name (RFC 5893, section 2). One PCRE2 pattern
 * over the Unicode form does that, because PCRE2 has the tables of Bidi classes.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <idn2.h>
#include <pcre2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/format_rules.h"

/* RFC 1035, 2.3.4: the octets that are left of 255 for the characters and their dots. */
#define NAME_MAX_OCTETS 253u
#define LABEL_MAX_OCTETS 63u

/* A name as far as it has been read. */
struct domain_name {
	size_t ascii_len; /* as A-labels, with dots */
	size_t unicode_len;
	bool is_idn;                           /* has an A-label or a U-label */
	char unicode[4 * NAME_MAX_OCTETS + 4]; /* as U-labels, with dots; UTF-8 */
};

/* Adds a label's Unicode form and counts @ascii_len octets for it. False where it is too long. */
static bool add_label(struct domain_name *name, const char *unicode, size_t len, size_t ascii_len)
{
	size_t dot = name->ascii_len > 0;

	if (ascii_len > LABEL_MAX_OCTETS || name->ascii_len + dot + ascii_len > NAME_MAX_OCTETS ||
	    name->unicode_len + dot + len > sizeof(name->unicode))
		return false;
	if (dot)
		name->unicode[name->unicode_len++] = '.';
	memcpy(name->unicode + name->unicode_len, unicode, len);
	name->unicode_len += len;
	name->ascii_len += dot + ascii_len;
	return true;
}

/* Letters, digits, and hyphens within. */
static bool is_ldh(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_alpha(text[i]) && !ascii_is_digit(text[i]) && text[i] != '-')
			return false;
	return len > 0 && text[0] != '-' && text[len - 1] != '-';
}

/*
 * Adds the label of @alabel ("xn--...", lower case) where it is the A-label of a U-label that
 * may be registered.
 */
static bool add_alabel(struct domain_name *name, const char *alabel)
{
	char *unicode = NULL;
	uint8_t *back = NULL;
	bool ok = idn2_to_unicode_8z8z(alabel, &unicode, 0) == IDN2_OK &&
		  idn2_register_u8((const uint8_t *)unicode, (const uint8_t *)alabel, &back, 0) ==
			  IDN2_OK;

	ok = ok && add_label(name, unicode, strlen(unicode), strlen(alabel));
	name->is_idn = true;
	idn2_free(unicode);
	idn2_free(back);
	return ok;
}

/* Adds the label @text, which has characters beyond ASCII. */
static bool add_ulabel(struct domain_name *name, const char *text, size_t len,
		       enum domain_kind kind)
{
	char label[4 * LABEL_MAX_OCTETS + 1];
	uint8_t *alabel = NULL;
	bool ok;

	if (len >= sizeof(label) || memchr(text, '\0', len))
		return false;
	memcpy(label, text, len);
	label[len] = '\0';
	if (kind == DOMAIN_LOOSE)
		/* The lookup brings it to NFC; the rest is as strict. */
		ok = idn2_lookup_u8((const uint8_t *)label, &alabel,
				    IDN2_NFC_INPUT | IDN2_NO_TR46) == IDN2_OK &&
		     add_alabel(name, (const char *)alabel);
	else
		ok = idn2_register_u8((const uint8_t *)label, NULL, &alabel, 0) == IDN2_OK &&
		     add_label(name, label, len, strlen((const char *)alabel));
	name->is_idn = true;
	idn2_free(alabel);
	return ok;
}

static bool add_any(struct domain_name *name, const char *text, size_t len, enum domain_kind kind)
{
	char lower[LABEL_MAX_OCTETS + 1];

	for (size_t i = 0; i < len; i++)
		if (text[i] & 0x80)
			return kind != DOMAIN_ASCII && add_ulabel(name, text, len, kind);
	if (len > LABEL_MAX_OCTETS || !is_ldh(text, len))
		return false;
	if (len < 4 || strncasecmp(text, "xn--", 4) != 0) {
		/* RFC 5890, 2.3.1: "--" there is kept for prefixes such as "xn". */
		if (kind != DOMAIN_ASCII && len >= 4 && text[2] == '-' && text[3] == '-')
			return false;
		return add_label(name, text, len, len);
	}
	for (size_t i = 0; i < len; i++)
		lower[i] = ascii_is_alpha(text[i]) ? (char)(text[i] | 0x20) : text[i];
	lower[len] = '\0';
	return add_alabel(name, lower);
}

/*
 * The Bidi rule of RFC 5893: a name without right-to-left characters, or each label one of
 * the two kinds it allows. Class CS is left out, since only the dots between labels have it.
 */
static bool obeys_bidi(const struct domain_name *name)
{
	static const char pattern[] =
		"\\A(?:(?!.*[\\p{bc:R}\\p{bc:AL}\\p{bc:AN}])"
		"|(?<label>(?=\\p{bc:L})"
		"[\\p{bc:L}\\p{bc:EN}\\p{bc:ES}\\p{bc:ET}\\p{bc:ON}\\p{bc:BN}\\p{bc:NSM}]*"
		"[\\p{bc:L}\\p{bc:EN}]\\p{bc:NSM}*+(?![^.])"
		"|(?=[\\p{bc:R}\\p{bc:AL}])(?![^.]*\\p{bc:EN}[^.]*\\p{bc:AN})"
		"(?![^.]*\\p{bc:AN}[^.]*\\p{bc:EN})"
		"[\\p{bc:R}\\p{bc:AL}\\p{bc:AN}\\p{bc:EN}\\p{bc:ES}\\p{bc:ET}\\p{bc:ON}\\p{bc:BN}"
		"\\p{bc:NSM}]*[\\p{bc:R}\\p{bc:AL}\\p{bc:EN}\\p{bc:AN}]\\p{bc:NSM}*+(?![^.]))"
		"(?:\\.(?&label))*\\z)";
	int error;
	PCRE2_SIZE offset;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, sizeof(pattern) - 1,
					 PCRE2_UTF | PCRE2_DOTALL, &error, &offset, NULL);
	pcre2_match_data *match = pcre2_match_data_create(1, NULL);
	bool ok = code && match &&
		  pcre2_match(code, (PCRE2_SPTR)name->unicode, name->unicode_len, 0, 0, match,
			      NULL) >= 0;

	pcre2_match_data_free(match);
	pcre2_code_free(code);
	return ok;
}

/*
 * The octets of the dot at @text, 0 where there is none: U+002E, and beyond ASCII U+3002,
 * U+FF0E and U+FF61 (RFC 3490, 3.1, as RFC 5895 keeps them).
 */
static size_t dot_length(const char *text, size_t len, enum domain_kind kind)
{
	if (text[0] == '.')
		return 1;
	if (kind == DOMAIN_ASCII || len < 3)
		return 0;
	return memcmp(text, "\xe3\x80\x82", 3) == 0 || memcmp(text, "\xef\xbc\x8e", 3) == 0 ||
			       memcmp(text, "\xef\xbd\xa1", 3) == 0
		       ? 3
		       : 0;
}

bool format_domain(const char *text, size_t len, enum domain_kind kind)
{
	struct domain_name name;
	size_t start = 0;

	name.ascii_len = 0;
	name.unicode_len = 0;
	name.is_idn = false;
	/* A U-label of n characters has at most 4n octets, its A-label at least n. */
	if (len > 4 * NAME_MAX_OCTETS)
		return false;
	for (size_t i = 0; i < len;) {
		size_t dot = dot_length(text + i, len - i, kind);

		if (dot == 0) {
			i++;
			continue;
		}
		if (!add_any(&name, text + start, i - start, kind))
			return false;
		i += dot;
		start = i;
	}
	return add_any(&name, text + start, len - start, kind) &&
	       (!name.is_idn || obeys_bidi(&name));
}

bool format_hostname(const char *text, size_t len)
{
	return format_domain(text, len, DOMAIN_ASCII);
}

bool format_idn_hostname(const char *text, size_t len)
{
	return format_domain(text, len, DOMAIN_IDN);
}
