/*
 * certid.h -- the names in a client certificate.
 *
 * Knows X.509 subjects and subject alternative names; knows nothing of principals. The broker's TLS
 * has checked before that the certificate is valid: here only names are read, and a certificate
 * with a name that could be taken for another is refused as a whole.
 */
#ifndef PETSTORE_CERTID_H
#define PETSTORE_CERTID_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/names.h"
#include "base/diag.h"

#define CERTID_NAMES_MAX 32u  /* names in one certificate */
#define CERTID_TEXT_MAX 4096u /* bytes of all of them */
#define CERTID_NAME_MAX 256u  /* bytes of one */
#define CERTID_MARK 32u       /* bytes of what tells one certificate from all others */

enum certid_kind { CERTID_CN, CERTID_OU, CERTID_DNS, CERTID_EMAIL, CERTID_URI, CERTID_KINDS };

struct certid {
	unsigned char mark[CERTID_MARK];
	int64_t expires_ms; /* unix time of its notAfter; 0: none that can be read */
	size_t count;
	struct {
		enum certid_kind kind;
		size_t at; /* in @text */
		size_t len;
	} name[CERTID_NAMES_MAX];
	size_t used;
	char text[CERTID_TEXT_MAX];
};

/* "cn", "ou", "dns", "email", "uri" */
extern const char *const certid_kinds[CERTID_KINDS];

/*
 * Reads CN, OU and the DNS, e-mail and URI alternative names. ERR_INVALID, with the reason in
 * @diag for the log, where one of them is empty, is not UTF-8, holds a NUL or another control
 * character, a '*' or one of + # / { } (a URI may have '/'), where the subject has two CNs,
 * or the alternative names can't be read; ERR_LIMIT where there are too many. A certificate
 * without any name is read as that: no rule will match it.
 */
int certid_read(const X509 *certificate, struct certid *ret, struct diag *diag) MUST_CHECK;

/*
 * What stands for a certificate, to @ret (CERTID_MARK bytes): who issued it and its number, of
 * which no two of an authority have the same (RFC 5280, 4.1.2.2). False: memory ran out.
 */
bool certid_mark(const X509_NAME *issuer, const ASN1_INTEGER *serial, unsigned char *ret);

/* @time in unix time; 0: there is none that can be read. */
int64_t certid_time(const ASN1_TIME *time);

/* A new copy of @from, to be freed with free(); NULL: memory ran out. */
struct certid *certid_dup(const struct certid *from);

#endif
