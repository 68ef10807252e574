/*
 * format_rules.h -- one function for each format; format.c has the table of them.
 *
 * Each function takes UTF-8; other bytes do no harm. It never reads past @len bytes, and it returns
 * true only where the whole text has the format.
 */
#ifndef PETSTORE_FORMAT_RULES_H
#define PETSTORE_FORMAT_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ascii.h"

/* format_time.c: RFC 3339 with its appendix A. */
bool format_date_time(const char *text, size_t len);
bool format_date(const char *text, size_t len);
bool format_time(const char *text, size_t len);
bool format_duration(const char *text, size_t len);

/* format_host.c: RFC 2673, 4291, 5321, 6531. */
bool format_ipv4(const char *text, size_t len);
bool format_ipv6(const char *text, size_t len);
bool format_email(const char *text, size_t len);
bool format_idn_email(const char *text, size_t len);

/* format_domain.c: RFC 1123, and through libidn2 RFC 5890 to 5893. */
bool format_hostname(const char *text, size_t len);
bool format_idn_hostname(const char *text, size_t len);

enum domain_kind {
	DOMAIN_ASCII, /* letters, digits, hyphens; A-labels must be valid */
	DOMAIN_IDN,   /* U-labels too, and the ideographic dots */
	DOMAIN_LOOSE, /* as DOMAIN_IDN, but U-labels need not be in NFC */
};

/* Is [text, text + len) a domain name without a dot at its end? */
bool format_domain(const char *text, size_t len, enum domain_kind kind);

/* format_uri.c: RFC 3986, 3987, 6570. */
bool format_uri(const char *text, size_t len);
bool format_uri_reference(const char *text, size_t len);
bool format_uri_template(const char *text, size_t len);
bool format_iri(const char *text, size_t len);
bool format_iri_reference(const char *text, size_t len);

#endif
