#include "access/jwk.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/config.h"
#include "base/wholefile.h"
#include "base/utf8.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define RSA_EXPONENT_MAX 8u  /* bytes */
#define COORDINATE_BYTES 32u /* of P-256 and Ed25519 */
#define P256 "prime256v1"

/* ---- making keys of numbers ------------------------------------------------------------- */

static EVP_PKEY *key_from(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (params && ctx && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *rsa_key(const unsigned char *n, size_t n_len, const unsigned char *e, size_t e_len)
{
	BIGNUM *modulus = BN_bin2bn(n, (int)n_len, NULL);
	BIGNUM *exponent = BN_bin2bn(e, (int)e_len, NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key;

	if (modulus && exponent && build && BN_is_odd(exponent) && !BN_is_one(exponent) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
		params = OSSL_PARAM_BLD_to_param(build);
	key = key_from("RSA", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(exponent);
	BN_free(modulus);
	return key;
}

static EVP_PKEY *p256_key(const unsigned char *x, const unsigned char *y)
{
	unsigned char point[1 + 2 * COORDINATE_BYTES] = { POINT_CONVERSION_UNCOMPRESSED };
	char group[] = P256;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
		OSSL_PARAM_construct_end(),
	};

	memcpy(point + 1, x, COORDINATE_BYTES);
	memcpy(point + 1 + COORDINATE_BYTES, y, COORDINATE_BYTES);
	return key_from("EC", params);
}

/* NULL, or why an RSA key is good for nothing here, a literal. */
static const char *rsa_fault(const EVP_PKEY *key)
{
	if (EVP_PKEY_get_bits(key) < RSA_BITS_MIN)
		return "an RSA key has less than 2048 bits";
	return EVP_PKEY_get_bits(key) > RSA_BITS_MAX ? "an RSA key has more than 8192 bits" : NULL;
}

/*
 * What @key, of a PEM block, is good for, and NULL; or why it is good for nothing here, a literal.
 * Points that are not on their curve never got this far.
 */
static const char *key_judge(const EVP_PKEY *key, enum jwk_algorithm *ret)
{
	char group[32] = "";

	*ret = JWK_RS256;
	if (EVP_PKEY_is_a(key, "RSA"))
		return rsa_fault(key);
	*ret = JWK_EDDSA;
	if (EVP_PKEY_is_a(key, "ED25519"))
		return NULL;
	*ret = JWK_ES256;
	if (EVP_PKEY_is_a(key, "EC") &&
	    EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	    strcmp(group, P256) == 0)
		return NULL;
	return "expected keys of RSA, P-256 or Ed25519";
}

/* ---- JWK sets --------------------------------------------------------------------------- */

/* Reads member @name of a JWK as base64url into @ret. */
static bool member_bytes(const struct config *jwk, const char *name, unsigned char *ret, size_t cap,
			 size_t *ret_len)
{
	const struct config *text = config_member(jwk, name);

	return text && text->kind == CONFIG_STRING &&
	       base64_decode(BASE64_URL, text->text, text->count, ret, cap, ret_len) &&
	       *ret_len > 0;
}

static bool coordinate(const struct config *jwk, const char *name, unsigned char *ret)
{
	size_t len;

	return member_bytes(jwk, name, ret, COORDINATE_BYTES, &len) && len == COORDINATE_BYTES;
}

static const char *member_text(const struct config *jwk, const char *name)
{
	const struct config *text = config_member(jwk, name);

	return text && text->kind == CONFIG_STRING ? text->text : "";
}

static const char *read_rsa(const struct config *jwk, struct jwk *ret)
{
	unsigned char n[RSA_BITS_MAX / 8 + 1];
	unsigned char e[RSA_EXPONENT_MAX];
	size_t n_len;
	size_t e_len;

	if (!member_bytes(jwk, "n", n, sizeof(n), &n_len) ||
	    !member_bytes(jwk, "e", e, sizeof(e), &e_len))
		return "expected n and e in base64url";
	ret->key = rsa_key(n, n_len, e, e_len);
	return ret->key ? rsa_fault(ret->key) : "n and e are no RSA key";
}

static const char *read_ec(const struct config *jwk, struct jwk *ret)
{
	unsigned char x[COORDINATE_BYTES];
	unsigned char y[COORDINATE_BYTES];

	if (!coordinate(jwk, "x", x) || !coordinate(jwk, "y", y))
		return "expected x and y of 32 bytes in base64url";
	ret->key = p256_key(x, y);
	return ret->key ? NULL : "x and y are no point of P-256";
}

static const char *read_okp(const struct config *jwk, struct jwk *ret)
{
	unsigned char x[COORDINATE_BYTES];

	if (!coordinate(jwk, "x", x))
		return "expected x of 32 bytes in base64url";
	ret->key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, sizeof(x));
	return ret->key ? NULL : "x is no Ed25519 key";
}

static const char *read_oct(const struct config *jwk, struct jwk *ret)
{
	if (!member_bytes(jwk, "k", ret->secret, sizeof(ret->secret), &ret->secret_len) ||
	    ret->secret_len < JWK_SECRET_MIN)
		return "expected k of 32 to 1024 bytes in base64url";
	return NULL;
}

static const struct jwk_type {
	const char *kty;
	const char *crv; /* NULL: not looked at */
	const char *alg; /* what `alg` must be where it is there */
	enum jwk_algorithm algorithm;
	const char *(*read)(const struct config *jwk, struct jwk *ret);
} types[] = {
	{ "RSA", NULL, "RS256", JWK_RS256, read_rsa },
	{ "EC", "P-256", "ES256", JWK_ES256, read_ec },
	{ "OKP", "Ed25519", "EdDSA", JWK_EDDSA, read_okp },
	{ "oct", NULL, "HS256", JWK_HS256, read_oct },
};

unsigned jwk_algorithm(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(types[i].alg, name) == 0)
			return types[i].algorithm;
	return 0;
}

/* How to read @jwk; NULL where it is for another purpose than ours. */
static const struct jwk_type *type_of(const struct config *jwk)
{
	const char *kty = member_text(jwk, "kty");
	const char *crv = member_text(jwk, "crv");
	const char *alg = member_text(jwk, "alg");
	const char *use = member_text(jwk, "use");

	if (*use && strcmp(use, "sig") != 0)
		return NULL;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(kty, types[i].kty) == 0 &&
		    (!types[i].crv || strcmp(crv, types[i].crv) == 0) &&
		    (!*alg || strcmp(alg, types[i].alg) == 0))
			return &types[i];
	return NULL;
}

static bool read_jwk(struct config_report *report, const struct config *jwk, struct jwk_set *set)
{
	const struct jwk_type *type = type_of(jwk);
	const struct config *kid = config_member(jwk, "kid");
	struct jwk *key = &set->key[set->count];
	const char *fault;

	if (!config_expect(report, jwk, CONFIG_OBJECT) || !type)
		return true;
	if (set->count == JWK_KEYS_MAX)
		return config_fail(report, jwk, NULL, ERR_LIMIT, "expected at most %u keys",
				   JWK_KEYS_MAX);
	if (type->algorithm != JWK_HS256 && config_member(jwk, "d"))
		return config_fail(report, jwk, NULL, ERR_INVALID,
				   "expected a public key, found a private one");
	if (kid && (!config_string(kid) || kid->count > JWK_KID_MAX))
		return config_fail(report, jwk, NULL, ERR_INVALID,
				   "expected a kid of at most %u bytes", JWK_KID_MAX);
	if (kid)
		memcpy(key->kid, kid->text, kid->count);
	key->algorithm = type->algorithm;
	set->count++; /* from here on jwk_free() knows it */
	fault = type->read(jwk, key);
	return !fault || config_fail(report, jwk, NULL, ERR_INVALID, "%s", fault);
}

static int read_set(const char *name, const char *text, size_t len, struct jwk_set *set,
		    struct diag *diag)
{
	struct config_report report = { .diag = diag };
	const struct config *keys;
	struct config *root = NULL;
	int rc = config_parse_json(name, text, len, &root, diag);

	if (rc)
		return rc;
	keys = config_member(root, "keys");
	if (keys && !config_expect(&report, keys, CONFIG_ARRAY))
		keys = NULL;
	else if (!keys)
		(void)read_jwk(&report, root, set);
	config_foreach_item(jwk, keys)
		if (!read_jwk(&report, jwk, set))
			break;
	config_free(root);
	return report.rc;
}

/* ---- PEM -------------------------------------------------------------------------------- */

static int read_pem(const char *name, const char *text, size_t len, struct jwk_set *set,
		    struct diag *diag)
{
	BIO *bio = BIO_new_mem_buf(text, (int)len);
	const char *fault = NULL;
	EVP_PKEY *key;

	if (!bio)
		return diag_nomem(diag);
	if (memmem(text, len, "PRIVATE KEY-----", 16))
		fault = "expected public keys, found a private one";
	while (!fault && (key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL))) {
		if (set->count == JWK_KEYS_MAX) {
			EVP_PKEY_free(key);
			fault = "too many keys";
			break;
		}
		set->key[set->count].key = key;
		fault = key_judge(key, &set->key[set->count].algorithm);
		set->count++;
	}
	ERR_clear_error(); /* the end of the file is an error to OpenSSL */
	BIO_free(bio);
	return fault ? diag_set(diag, ERR_INVALID, "%s: %s", name, fault) : 0;
}

/* ---- files ------------------------------------------------------------------------------ */

int jwk_parse(const char *name, const char *text, size_t len, struct jwk_set **ret,
	      struct diag *diag)
{
	struct jwk_set *set = calloc(1, sizeof(*set));
	size_t first = 0;
	int rc;

	if (!set)
		return diag_nomem(diag);
	while (first < len && strchr(" \t\r\n", text[first]) && text[first])
		first++;
	if (utf8_has_mark(text, len))
		rc = diag_set(diag, ERR_SYNTAX,
			      "%s: begins with a byte order mark: save it without one", name);
	else if (first < len && text[first] == '{')
		rc = read_set(name, text, len, set, diag);
	else
		rc = read_pem(name, text, len, set, diag);
	if (!rc && set->count == 0)
		rc = diag_set(diag, ERR_INVALID,
			      "%s: expected a JWK set or PEM public keys with a key for RS256, "
			      "ES256, EdDSA or HS256",
			      name);
	if (rc) {
		jwk_free(set);
		return rc;
	}
	*ret = set;
	return 0;
}

int jwk_load(const char *path, struct jwk_set **ret, struct diag *diag)
{
	char *text = NULL;
	size_t len = 0;
	int rc = wholefile_read(path, JWK_FILE_MAX, &text, &len, NULL, diag);

	if (rc)
		return rc;
	rc = jwk_parse(path, text, len, ret, diag);
	OPENSSL_cleanse(text, len);
	free(text);
	return rc;
}

void jwk_free(struct jwk_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->count; i++)
		EVP_PKEY_free(set->key[i].key);
	OPENSSL_cleanse(set, sizeof(*set));
	free(set);
}
