#include "access/certid.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const certid_kinds[CERTID_KINDS] = { "cn", "ou", "dns", "email", "uri" };

/* A URI has slashes by nature; what stands in its place for '*' in a rule is checked there. */
static const char *uri_fault(const char *text, size_t len)
{
	if (len == 0)
		return "is empty";
	for (size_t i = 0; i < len; i++)
		if (text[i] && strchr("+#*{}", text[i]))
			return "has one of + # * { }";
	return names_text_fault(text, len, CERTID_NAME_MAX);
}

static int add(struct certid *id, enum certid_kind kind, const char *text, size_t len,
	       struct diag *diag)
{
	const char *fault =
		kind == CERTID_URI ? uri_fault(text, len) : names_fault(text, len, CERTID_NAME_MAX);

	if (fault)
		return diag_set(diag, ERR_INVALID, "the certificate's %s %s", certid_kinds[kind],
				fault);
	if (id->count == CERTID_NAMES_MAX || len > CERTID_TEXT_MAX - id->used)
		return diag_set(diag, ERR_LIMIT, "the certificate has too many names");
	memcpy(id->text + id->used, text, len);
	id->name[id->count].kind = kind;
	id->name[id->count].at = id->used;
	id->name[id->count++].len = len;
	id->used += len;
	return 0;
}

/* The subject's entries of one type: BMPString and the like become UTF-8. */
static int read_subject(const X509 *certificate, int nid, enum certid_kind kind, int max,
			struct certid *id, struct diag *diag)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	int rc = 0;

	for (int at = -1, n = 0; !rc; n++) {
		unsigned char *utf8 = NULL;
		int len;

		at = X509_NAME_get_index_by_NID(subject, nid, at);
		if (at < 0)
			return 0;
		if (n == max)
			return diag_set(diag, ERR_INVALID,
					"the certificate has two names of "
					"kind %s",
					certid_kinds[kind]);
		len = ASN1_STRING_to_UTF8(
			&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
		if (len < 0)
			return diag_set(diag, ERR_INVALID, "the certificate's %s can't be read",
					certid_kinds[kind]);
		rc = add(id, kind, (const char *)utf8, (size_t)len, diag);
		OPENSSL_free(utf8);
	}
	return rc;
}

static int read_alternative(const GENERAL_NAME *name, struct certid *id, struct diag *diag)
{
	int type;
	const ASN1_STRING *text = GENERAL_NAME_get0_value(name, &type);
	enum certid_kind kind;

	switch (type) {
	case GEN_DNS:
		kind = CERTID_DNS;
		break;
	case GEN_EMAIL:
		kind = CERTID_EMAIL;
		break;
	case GEN_URI:
		kind = CERTID_URI;
		break;
	default:
		return 0; /* addresses and directory names are no names of clients */
	}
	return add(id, kind, (const char *)ASN1_STRING_get0_data(text),
		   (size_t)ASN1_STRING_length(text), diag);
}

static int read_alternatives(const X509 *certificate, struct certid *id, struct diag *diag)
{
	int critical = -1;
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);
	int rc = 0;

	if (!names && critical != -1) /* -1: the certificate has none */
		return diag_set(diag, ERR_INVALID,
				"the certificate's alternative names can't be read");
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !rc; i++)
		rc = read_alternative(sk_GENERAL_NAME_value(names, i), id, diag);
	GENERAL_NAMES_free(names);
	return rc;
}

int64_t certid_time(const ASN1_TIME *time)
{
	struct tm when = { 0 };
	time_t seconds;

	if (!time || !ASN1_TIME_to_tm(time, &when))
		return 0;
	seconds = timegm(&when);
	if (seconds >= INT64_MAX / 1000)
		return 0;
	return seconds > 0 ? (int64_t)seconds * 1000 : 1; /* before 1970 is long ago, too */
}

bool certid_mark(const X509_NAME *issuer, const ASN1_INTEGER *serial, unsigned char *ret)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	const unsigned char *name = NULL;
	unsigned char *number = NULL;
	size_t name_len = 0;
	int number_len = i2d_ASN1_INTEGER(serial, &number);
	bool is_done = digest && number_len > 0 &&
		       X509_NAME_get0_der(issuer, &name, &name_len) == 1 &&
		       EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
		       EVP_DigestUpdate(digest, name, name_len) == 1 &&
		       EVP_DigestUpdate(digest, number, (size_t)number_len) == 1 &&
		       EVP_DigestFinal_ex(digest, ret, NULL) == 1;

	OPENSSL_free(number);
	EVP_MD_CTX_free(digest);
	return is_done;
}

int certid_read(const X509 *certificate, struct certid *ret, struct diag *diag)
{
	int rc;

	/* TLS asks when a client connects only; a session may outlast its certificate. */
	ret->expires_ms = certid_time(X509_get0_notAfter(certificate));
	if (!certid_mark(X509_get_issuer_name(certificate), X509_get0_serialNumber(certificate),
			 ret->mark))
		return diag_nomem(diag);
	ret->count = 0;
	ret->used = 0;
	rc = read_subject(certificate, NID_commonName, CERTID_CN, 1, ret, diag);
	if (!rc)
		rc = read_subject(certificate, NID_organizationalUnitName, CERTID_OU,
				  CERTID_NAMES_MAX, ret, diag);
	if (!rc)
		rc = read_alternatives(certificate, ret, diag);
	return rc;
}

struct certid *certid_dup(const struct certid *from)
{
	struct certid *copy = malloc(sizeof(*copy));

	if (copy)
		*copy = *from;
	return copy;
}
