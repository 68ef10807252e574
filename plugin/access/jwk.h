/*
 * jwk.h -- the keys of a token issuer, from a local file.
 *
 * A JWK set (RFC 7517; a single JWK too) with RSA, P-256, Ed25519 and symmetric keys, or PEM
 * blocks of public keys. Private keys are refused, because a check does not need them. As RFC 7517,
 * section 5 asks, keys of a set that serve other purposes (`use`: "enc", other curves, other
 * algorithms) are skipped; a set without any key that we can use is an error.
 *
 * The type of a key, never the token, decides the one algorithm that the key is good for. So a
 * public key's bytes can't be taken for an HMAC secret.
 */
#ifndef PETSTORE_JWK_H
#define PETSTORE_JWK_H

#include <openssl/evp.h>
#include <stddef.h>

#include "base/diag.h"

#define JWK_FILE_MAX (1u << 20) /* bytes */
#define JWK_KEYS_MAX 32u
#define JWK_KID_MAX 256u
#define JWK_SECRET_MIN 32u /* bytes: RFC 7518, 3.2 */
#define JWK_SECRET_MAX 1024u

/* RFC 7518, 3.1 and RFC 8037, 3.1. Bits, so that a set of them is a number. */
enum jwk_algorithm { JWK_RS256 = 1, JWK_ES256 = 2, JWK_EDDSA = 4, JWK_HS256 = 8 };

struct jwk {
	char kid[JWK_KID_MAX + 1]; /* "": it has none */
	enum jwk_algorithm algorithm;
	EVP_PKEY *key; /* NULL for JWK_HS256, which has the secret */
	size_t secret_len;
	unsigned char secret[JWK_SECRET_MAX];
};

struct jwk_set {
	size_t count;
	struct jwk key[JWK_KEYS_MAX];
};

/* The algorithm called @name ("RS256", ...), or 0. Upper and lower case differ (RFC 7515). */
unsigned jwk_algorithm(const char *name);

/* On failure *ret is untouched and @diag names the file and the place. */
int jwk_load(const char *path, struct jwk_set **ret, struct diag *diag) MUST_CHECK;
int jwk_parse(const char *name, const char *text, size_t len, struct jwk_set **ret,
	      struct diag *diag) MUST_CHECK;
void jwk_free(struct jwk_set *set); /* NULL is fine; wipes secrets */

#endif
