/*
 * token.h -- a JSON Web Token (RFC 7519) in JWS compact form, checked against an issuer.
 *
 * Knows RS256, ES256, EdDSA (Ed25519) and HS256, and the claims iss, aud, exp, nbf, iat and
 * sub. Knows nothing of scopes and principals. The signature is checked before any claim except
 * `iss` is read. The key's type fixes the algorithm (access/jwk.h), which must be one of those that
 * the issuer's entry names; "none" is not an algorithm here.
 *
 * OpenSSL does the cryptography. Debian has libjwt 1.x, which knows neither EdDSA nor JWK sets, and
 * answers EINVAL to every error. For EdDSA, JWK sets and the reason in the log, all that it does
 * would have to be written here as well.
 */
#ifndef PETSTORE_TOKEN_H
#define PETSTORE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/jwk.h"
#include "base/config.h"

#define TOKEN_MAX_BYTES 8192u
#define TOKEN_SKEW_MAX 300               /* seconds */
#define TOKEN_LIFETIME_MAX (366 * 86400) /* seconds: exp further ahead is an error */
#define TOKEN_SUBJECT_MAX 256u           /* bytes */

struct token_issuer {
	const char *issuer; /* `iss`, to the byte */
	size_t audience_count;
	const char *const *audience; /* `aud` must name one of these */
	unsigned algorithms;         /* of enum jwk_algorithm */
	int64_t skew;                /* seconds, 0 .. TOKEN_SKEW_MAX: how wrong clocks may be */
	int64_t lifetime_max;        /* seconds from now to exp, at most TOKEN_LIFETIME_MAX */
	const struct jwk_set *keys;
};

/* The trusted issuer called @issuer, or NULL. */
typedef const struct token_issuer *token_find(const char *issuer, void *ctx);

struct token {
	const struct token_issuer *issuer;
	struct config *claims; /* an object; freed by token_clear() */
	const char *subject;   /* `sub`, borrowed from claims; not empty, holds no NUL */
	int64_t expires;       /* `exp` and the skew: seconds since 1970, UTC */
};

/* Could @text be a token, rather than a password? Two dots, and a header that begins with {". */
bool token_is(const char *text, size_t len);

/*
 * Checks @text at @now (seconds since 1970, UTC). On success clear *ret with token_clear().
 * On failure *ret is untouched, the result is ERR_SYNTAX, ERR_LIMIT, ERR_INVALID or ERR_NOMEM
 * and @diag says why, for the log only.
 */
int token_check(const char *text, size_t len, int64_t now, token_find *find, void *ctx,
		struct token *ret, struct diag *diag) MUST_CHECK;
void token_clear(struct token *token);

#endif
