/*
 * Certificates in DER: their names are read, and held against rules. What comes out is a name
 * that may be one.
 */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/accessfake.h"
#include "access/certid.h"

#define ENSURE(fact)                                                                               \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "does not hold: %s\n", #fact);                             \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct access *access;

static void set_up(void)
{
	struct diag diag;

	if (access_load("test/data/access/certificates/access.json", &fake_contract, &access, NULL,
			&diag)) {
		fprintf(stderr, "%s\n", diag.text);
		exit(1);
	}
}

static void check(const X509 *certificate)
{
	struct access_principal *who = NULL;
	struct certid id;
	struct diag diag;

	diag_init(&diag);
	if (certid_read(certificate, &id, &diag)) {
		ENSURE(diag.text[0]);
		return;
	}
	for (size_t i = 0; i < id.count; i++)
		ENSURE(id.name[i].len > 0 &&
		       !memchr(id.text + id.name[i].at, '\0', id.name[i].len));
	if (access_certificate(access, &id, &who, &diag)) {
		ENSURE(diag.text[0] && !who);
		return;
	}
	ENSURE(!names_fault(who->name, strlen(who->name), ACCESS_NAME_MAX));
	access_principal_drop(who);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned char *at = data;
	X509 *certificate;

	if (!access)
		set_up();
	certificate = d2i_X509(NULL, &at, (long)size);
	if (certificate)
		check(certificate);
	X509_free(certificate);
	ERR_clear_error();
	return 0;
}
