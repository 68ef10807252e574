#include "access/token.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"

#define SIGNATURE_MAX 1024u /* bytes: RSA of 8192 bits */
#define ES256_BYTES 64u
#define DER_MAX 80u /* bytes of an ES256 signature as DER */

/* The three parts of a compact JWS; signed is everything before the second dot. */
struct parts {
	const char *text[3];
	size_t len[3];
	size_t signed_len;
};

static bool split(const char *text, size_t len, struct parts *ret)
{
	const char *at = text;
	const char *end = text + len;

	for (size_t i = 0; i < 3; i++) {
		const char *dot = memchr(at, '.', (size_t)(end - at));

		if ((dot != NULL) != (i < 2))
			return false;
		ret->text[i] = at;
		ret->len[i] = (size_t)((dot ? dot : end) - at);
		if (i == 1)
			ret->signed_len = (size_t)(dot - text);
		if (dot)
			at = dot + 1;
	}
	return true;
}

bool token_is(const char *text, size_t len)
{
	struct parts parts;

	return len > 3 && memcmp(text, "eyJ", 3) == 0 && split(text, len, &parts);
}

/* Decodes part @i and reads it as a JSON object; NULL where it is none. */
static struct config *part_json(const struct parts *parts, size_t i)
{
	unsigned char raw[BASE64_DECODED_MAX(TOKEN_MAX_BYTES)];
	struct config *json = NULL;
	size_t len;

	if (!base64_decode(BASE64_URL, parts->text[i], parts->len[i], raw, sizeof(raw), &len) ||
	    config_parse_message("token", (const char *)raw, len, &json, NULL))
		return NULL;
	if (json->kind == CONFIG_OBJECT)
		return json;
	config_free(json);
	return NULL;
}

/* The string @name of @object, or NULL where it is none or holds a NUL. */
static const char *text_of(const struct config *object, const char *name)
{
	return config_string(config_member(object, name));
}

/* ---- the signature ---------------------------------------------------------------------- */

static bool check_hmac(const struct jwk *key, const char *data, size_t len,
		       const unsigned char *sig, size_t sig_len)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_len = 0;

	return HMAC(EVP_sha256(), key->secret, (int)key->secret_len, (const unsigned char *)data,
		    len, mac, &mac_len) &&
	       sig_len == mac_len && CRYPTO_memcmp(mac, sig, mac_len) == 0;
}

static bool check_pkey(const struct jwk *key, const char *data, size_t len,
		       const unsigned char *sig, size_t sig_len)
{
	/* Ed25519 hashes on its own. */
	const EVP_MD *md = key->algorithm == JWK_EDDSA ? NULL : EVP_sha256();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key->key) == 1 &&
		  EVP_DigestVerify(ctx, sig, sig_len, (const unsigned char *)data, len) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

/* A JWS has r and s side by side (RFC 7518, 3.4), OpenSSL wants them as DER. */
static bool check_ecdsa(const struct jwk *key, const char *data, size_t len,
			const unsigned char *sig, size_t sig_len)
{
	unsigned char der[DER_MAX];
	unsigned char *at = der;
	ECDSA_SIG *pair;
	BIGNUM *r;
	BIGNUM *s;
	int der_len = -1;

	if (sig_len != ES256_BYTES)
		return false;
	pair = ECDSA_SIG_new();
	r = BN_bin2bn(sig, ES256_BYTES / 2, NULL);
	s = BN_bin2bn(sig + ES256_BYTES / 2, ES256_BYTES / 2, NULL);
	if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
		r = s = NULL; /* the pair's now */
		if (i2d_ECDSA_SIG(pair, NULL) <= (int)sizeof(der))
			der_len = i2d_ECDSA_SIG(pair, &at);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	return der_len > 0 && check_pkey(key, data, len, der, (size_t)der_len);
}

static bool check_signature(const struct jwk *key, const char *data, size_t len,
			    const unsigned char *sig, size_t sig_len)
{
	switch (key->algorithm) {
	case JWK_HS256:
		return check_hmac(key, data, len, sig, sig_len);
	case JWK_ES256:
		return check_ecdsa(key, data, len, sig, sig_len);
	default:
		return check_pkey(key, data, len, sig, sig_len);
	}
}

/* Which keys come into question: those of the algorithm, and of the kid where both have one. */
static bool is_candidate(const struct jwk *key, unsigned algorithm, const char *kid)
{
	return key->algorithm == algorithm && (!kid || !*key->kid || strcmp(key->kid, kid) == 0);
}

/* NULL, or why not, a literal. */
static const char *verify(const char *text, const struct parts *parts, const struct config *header,
			  const struct token_issuer *issuer)
{
	unsigned char sig[SIGNATURE_MAX];
	size_t sig_len;
	const char *alg = text_of(header, "alg");
	const char *kid = text_of(header, "kid");
	unsigned algorithm = alg ? jwk_algorithm(alg) : 0;
	size_t candidates = 0;
	bool ok = false;

	if (!(algorithm & issuer->algorithms))
		return "the token's algorithm is not one that the issuer's entry allows";
	if (config_member(header, "kid") && !kid)
		return "the token's kid is not a string";
	if (!base64_decode(BASE64_URL, parts->text[2], parts->len[2], sig, sizeof(sig), &sig_len))
		return "the token's signature is not base64url, or too long";
	for (size_t i = 0; i < issuer->keys->count && !ok; i++) {
		const struct jwk *key = &issuer->keys->key[i];

		if (!is_candidate(key, algorithm, kid))
			continue;
		candidates++;
		ok = check_signature(key, text, parts->signed_len, sig, sig_len);
	}
	ERR_clear_error(); /* a wrong signature leaves its trace in OpenSSL's queue */
	if (candidates == 0)
		return "the issuer has no key with the token's algorithm and kid";
	return ok ? NULL : "the token's signature is wrong";
}

/* ---- header and claims ------------------------------------------------------------------ */

/* RFC 8725, 3.11 asks for explicit types; both of these are in use for access tokens. */
static const char *header_fault(const struct config *header)
{
	const struct config *typ = config_member(header, "typ");
	const char *name = text_of(header, "typ");

	if (config_member(header, "crit"))
		return "the token has critical header members, of which none is known here";
	if (typ && (!name || (strcasecmp(name, "JWT") != 0 && strcasecmp(name, "at+jwt") != 0 &&
			      strcasecmp(name, "application/at+jwt") != 0)))
		return "the token's typ is neither JWT nor at+jwt";
	return NULL;
}

/* Reads a NumericDate, fractions cut off. False where it is none or out of any range. */
static bool read_date(const struct config *claims, const char *name, int64_t *ret)
{
	const struct config *value = config_member(claims, name);
	double date = -1;

	if (value && value->kind == CONFIG_INTEGER)
		date = (double)value->integer;
	else if (value && value->kind == CONFIG_REAL)
		date = value->real;
	if (!(date >= 0 && date < 1e12))
		return false;
	*ret = (int64_t)date;
	return true;
}

static const char *dates_fault(const struct config *claims, const struct token_issuer *issuer,
			       int64_t now, int64_t *expires)
{
	int64_t exp;
	int64_t from;

	if (!read_date(claims, "exp", &exp))
		return "the token has no valid exp";
	if (now >= exp + issuer->skew)
		return "the token has expired";
	if (exp - now > issuer->lifetime_max + issuer->skew)
		return "the token is valid for longer than the issuer's entry allows";
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "iat" : "nbf";

		if (!config_member(claims, name))
			continue;
		if (!read_date(claims, name, &from))
			return i ? "the token's iat is not a date"
				 : "the token's nbf is not a date";
		if (now + issuer->skew < from)
			return i ? "the token was issued in the future"
				 : "the token is not valid yet";
	}
	*expires = exp + issuer->skew;
	return NULL;
}

static bool is_audience(const struct token_issuer *issuer, const struct config *claims)
{
	const struct config *aud = config_member(claims, "aud");

	for (size_t i = 0; i < config_items(aud); i++)
		for (size_t k = 0; k < issuer->audience_count; k++)
			if (config_is(config_item(aud, i), issuer->audience[k]))
				return true;
	return false;
}

static const char *claims_fault(const struct config *claims, const struct token_issuer *issuer,
				int64_t now, struct token *ret)
{
	const char *fault = dates_fault(claims, issuer, now, &ret->expires);

	if (!fault && !is_audience(issuer, claims))
		fault = "the token is for another audience";
	if (fault)
		return fault;
	ret->subject = text_of(claims, "sub");
	if (!ret->subject || !*ret->subject || strlen(ret->subject) > TOKEN_SUBJECT_MAX)
		return "the token has no sub of 1 to 256 bytes";
	return NULL;
}

static int judge(const char *text, const struct parts *parts, const struct config *header,
		 int64_t now, token_find *find, void *ctx, struct token *token, struct diag *diag)
{
	const char *fault = header_fault(header);
	const char *iss = text_of(token->claims, "iss");

	if (!fault && !iss)
		fault = "the token has no iss";
	if (fault)
		return diag_set(diag, ERR_INVALID, "%s", fault);
	token->issuer = find(iss, ctx);
	if (!token->issuer)
		return diag_set(diag, ERR_INVALID, "the token's issuer \"%.200s\" is not trusted",
				iss);
	fault = verify(text, parts, header, token->issuer);
	if (!fault)
		fault = claims_fault(token->claims, token->issuer, now, token);
	return fault ? diag_set(diag, ERR_INVALID, "%s", fault) : 0;
}

int token_check(const char *text, size_t len, int64_t now, token_find *find, void *ctx,
		struct token *ret, struct diag *diag)
{
	struct token token = { .claims = NULL };
	struct config *header;
	struct parts parts;
	int rc;

	if (len > TOKEN_MAX_BYTES)
		return diag_set(diag, ERR_LIMIT, "the token is larger than %u bytes",
				TOKEN_MAX_BYTES);
	if (!split(text, len, &parts))
		return diag_set(diag, ERR_SYNTAX, "the token has not three parts");
	header = part_json(&parts, 0);
	token.claims = part_json(&parts, 1);
	if (!header || !token.claims)
		rc = diag_set(diag, ERR_SYNTAX, "the token's %s is not a JSON object in base64url",
			      header ? "payload" : "header");
	else
		rc = judge(text, &parts, header, now, find, ctx, &token, diag);
	config_free(header);
	if (rc) {
		token_clear(&token);
		return rc;
	}
	*ret = token;
	return 0;
}

void token_clear(struct token *token)
{
	config_free(token->claims);
	token->claims = NULL;
}
