/*
 * Addresses and mailboxes: IPv4 and IPv6 in their text forms (RFC 2673, RFC 4291), mailboxes of
 * RFC 5321, section 4.1.2, and with RFC 6531's additions. format_domain.c checks domain names.
 */
#include <arpa/inet.h>
#include <string.h>

#include "schema/format_rules.h"

/* RFC 5321, 4.5.3.1: octets. */
#define LOCAL_PART_MAX 64u

/* inet_pton() over text that no NUL ends and that may hold one. */
static bool is_address(int family, const char *text, size_t len)
{
	unsigned char address[sizeof(struct in6_addr)];
	char copy[INET6_ADDRSTRLEN];

	if (len >= sizeof(copy) || memchr(text, '\0', len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return inet_pton(family, copy, address) == 1;
}

bool format_ipv4(const char *text, size_t len)
{
	return is_address(AF_INET, text, len);
}

bool format_ipv6(const char *text, size_t len)
{
	return is_address(AF_INET6, text, len);
}

/* atext; @is_idn adds UTF8-non-ascii. */
static bool is_atext(char c, bool is_idn)
{
	if (c & 0x80)
		return is_idn;
	return ascii_is_alpha(c) || ascii_is_digit(c) ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Dot-string: atoms with single dots between them. */
static bool is_dot_string(const char *text, size_t len, bool is_idn)
{
	bool after_dot = true;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' ? after_dot : !is_atext(text[i], is_idn))
			return false;
		after_dot = text[i] == '.';
	}
	return !after_dot;
}

/*
 * The length of the local part at @text, Dot-string or Quoted-string, with its "@" due behind
 * it; 0 where there is none.
 */
static size_t local_part(const char *text, size_t len, bool is_idn)
{
	const char *sign;

	if (len == 0 || text[0] != '"') {
		sign = len ? memchr(text, '@', len) : NULL;
		return sign && is_dot_string(text, (size_t)(sign - text), is_idn)
			       ? (size_t)(sign - text)
			       : 0;
	}
	for (size_t i = 1; i < len; i++) {
		if (text[i] == '"')
			return i + 1;
		if (text[i] == '\\' && i + 1 < len)
			i++; /* quoted-pairSMTP: what follows is checked as any other */
		else if (text[i] == '\\')
			return 0;
		if ((text[i] & 0x80) ? !is_idn : text[i] < 0x20 || text[i] == 0x7f)
			return 0;
	}
	return 0;
}

/* Behind "[": an address and "]". Of tagged literals IPv6 is the only one registered. */
static bool is_address_literal(const char *text, size_t len)
{
	if (len == 0 || text[len - 1] != ']')
		return false;
	len--;
	if (len > 5 && strncasecmp(text, "IPv6:", 5) == 0)
		return format_ipv6(text + 5, len - 5);
	return format_ipv4(text, len);
}

static bool is_mailbox(const char *text, size_t len, bool is_idn)
{
	size_t local = local_part(text, len, is_idn);

	if (local == 0 || local > LOCAL_PART_MAX || local == len || text[local] != '@')
		return false;
	text += local + 1;
	len -= local + 1;
	if (len > 0 && text[0] == '[')
		return is_address_literal(text + 1, len - 1);
	/* RFC 6531, 3.3, adds U-labels to the domains of RFC 5321: "ab--cd.example" stays one. */
	return format_domain(text, len, DOMAIN_ASCII) ||
	       (is_idn && format_domain(text, len, DOMAIN_LOOSE));
}

bool format_email(const char *text, size_t len)
{
	return is_mailbox(text, len, false);
}

bool format_idn_email(const char *text, size_t len)
{
	return is_mailbox(text, len, true);
}
