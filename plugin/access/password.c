#include "access/password.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

#define SHA512_BYTES 64u
#define ARGON_SALT_MIN 8u /* RFC 9106, 3.1 */
#define ARGON_HASH_MIN 16u
#define ARGON_VERSION 0x13u

/* A stored hash, read. */
struct password_stored {
	struct password_cost cost;
	unsigned char salt[PASSWORD_SALT_MAX];
	size_t salt_len;
	unsigned char hash[PASSWORD_HASH_MAX];
	size_t hash_len;
};

/* ---- reading a stored hash -------------------------------------------------------------- */

/* "<salt>$<hash>" */
static const char *read_salt_and_hash(const char *text, enum base64_kind kind,
				      struct password_stored *ret)
{
	const char *dollar = strchr(text, '$');

	if (!dollar)
		return "expected a salt and a hash";
	if (!base64_decode(kind, text, (size_t)(dollar - text), ret->salt, sizeof(ret->salt),
			   &ret->salt_len) ||
	    ret->salt_len == 0)
		return "the salt is not 1 to 128 bytes in base64";
	if (!base64_decode(kind, dollar + 1, strlen(dollar + 1), ret->hash, sizeof(ret->hash),
			   &ret->hash_len))
		return "the hash is not base64";
	if (ret->cost.kind != PASSWORD_ARGON2 && ret->hash_len != SHA512_BYTES)
		return "the hash has not 64 bytes";
	if (ret->cost.kind == PASSWORD_ARGON2 && ret->salt_len < ARGON_SALT_MIN)
		return "the salt has less than 8 bytes";
	if (ret->cost.kind == PASSWORD_ARGON2 && ret->hash_len < ARGON_HASH_MIN)
		return "the hash has less than 16 bytes";
	return NULL;
}

static const char *cost_fault(const struct password_cost *cost)
{
	if (cost->kind == PASSWORD_PBKDF2 &&
	    (cost->iterations == 0 || cost->iterations > PASSWORD_ITERATIONS_MAX))
		return "the iterations are not 1 to 10000000";
	if (cost->kind != PASSWORD_ARGON2)
		return NULL;
	if (cost->lanes == 0 || cost->lanes > PASSWORD_ARGON_LANES_MAX)
		return "argon2id's p is not 1 to 16";
	if (cost->passes == 0 || cost->passes > PASSWORD_ARGON_PASSES_MAX)
		return "argon2id's t is not 1 to 64";
	if (cost->memory < 8 * cost->lanes || cost->memory > PASSWORD_ARGON_MEMORY_MAX)
		return "argon2id's m is not 8 times p to 262144";
	return NULL;
}

static bool skip(const char **at, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

/* NULL, or what is wrong with the hash, a literal without any of the hash in it. */
static const char *stored_read(const char *text, struct password_stored *ret)
{
	struct password_cost *cost = &ret->cost;
	enum base64_kind kind = BASE64_PADDED;
	const char *fault;

	*ret = (struct password_stored){ .hash_len = 0 };
	if (strlen(text) >= PASSWORD_TEXT_MAX)
		return "the hash is too long";
	if (skip(&text, "$6$")) {
		cost->kind = PASSWORD_SHA512;
	} else if (skip(&text, "$7$")) {
		cost->kind = PASSWORD_PBKDF2;
		if (!credfile_number(&text, '$', UINT32_MAX, &cost->iterations))
			return "the iterations are not a number";
	} else if (skip(&text, "$argon2id$v=19$m=")) {
		cost->kind = PASSWORD_ARGON2;
		kind = BASE64_BARE;
		if (!credfile_number(&text, ',', UINT32_MAX, &cost->memory) || !skip(&text, "t=") ||
		    !credfile_number(&text, ',', UINT32_MAX, &cost->passes) || !skip(&text, "p=") ||
		    !credfile_number(&text, '$', UINT32_MAX, &cost->lanes))
			return "expected $argon2id$v=19$m=...,t=...,p=...$";
	} else {
		return "the hash begins with none of $6$, $7$ and $argon2id$v=19$m=";
	}
	fault = cost_fault(cost);
	return fault ? fault : read_salt_and_hash(text, kind, ret);
}

/* ---- deriving --------------------------------------------------------------------------- */

/*
 * How long a derivation takes, in iterations of PBKDF2-HMAC-SHA-512: OpenSSL's argon2id takes
 * about one for each KiB and pass, and one more for each KiB that it touches first.
 */
static uint64_t work(const struct password_cost *cost)
{
	switch (cost->kind) {
	case PASSWORD_PBKDF2:
		return cost->iterations;
	case PASSWORD_ARGON2:
		return (uint64_t)cost->memory * (cost->passes + 1);
	default:
		return 1;
	}
}

static bool derive_sha512(const struct password_stored *stored, const char *password, size_t len,
			  unsigned char *ret)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha512(), NULL) == 1 &&
		  EVP_DigestUpdate(ctx, password, len) == 1 &&
		  EVP_DigestUpdate(ctx, stored->salt, stored->salt_len) == 1 &&
		  EVP_DigestFinal_ex(ctx, ret, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool derive_pbkdf2(const struct password_stored *stored, const char *password, size_t len,
			  unsigned char *ret)
{
	return PKCS5_PBKDF2_HMAC(password, (int)len, stored->salt, (int)stored->salt_len,
				 (int)stored->cost.iterations, EVP_sha512(), (int)stored->hash_len,
				 ret) == 1;
}

/* The parameters have no macro in the headers of OpenSSL 3.0, which compile this as well. */
static bool derive_argon2(const struct password_stored *stored, const char *password, size_t len,
			  unsigned char *ret)
{
	struct password_stored in = *stored; /* OSSL_PARAM asks for pointers that are not const */
	uint32_t threads = 1;
	uint32_t version = ARGON_VERSION;
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "ARGON2ID", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string("pass", (void *)password, len),
		OSSL_PARAM_construct_octet_string("salt", in.salt, in.salt_len),
		OSSL_PARAM_construct_uint32("iter", &in.cost.passes),
		OSSL_PARAM_construct_uint32("memcost", &in.cost.memory),
		OSSL_PARAM_construct_uint32("lanes", &in.cost.lanes),
		OSSL_PARAM_construct_uint32("threads", &threads),
		OSSL_PARAM_construct_uint32("version", &version),
		OSSL_PARAM_construct_end(),
	};
	bool ok = ctx && EVP_KDF_derive(ctx, ret, in.hash_len, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

/* Writes hash_len bytes to @ret. */
static bool derive(const struct password_stored *stored, const char *password, size_t len,
		   unsigned char *ret)
{
	switch (stored->cost.kind) {
	case PASSWORD_SHA512:
		return derive_sha512(stored, password, len, ret);
	case PASSWORD_PBKDF2:
		return derive_pbkdf2(stored, password, len, ret);
	default:
		return derive_argon2(stored, password, len, ret);
	}
}

static bool stored_matches(const struct password_stored *stored, const char *password, size_t len)
{
	unsigned char hash[PASSWORD_HASH_MAX];
	bool is_same = derive(stored, password, len, hash) &&
		       CRYPTO_memcmp(hash, stored->hash, stored->hash_len) == 0;

	OPENSSL_cleanse(hash, sizeof(hash));
	return is_same;
}

bool password_has_argon2(void)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "ARGON2ID", NULL);

	EVP_KDF_free(kdf);
	return kdf != NULL;
}

/* ---- the file --------------------------------------------------------------------------- */

/* What the lines have in common, while they are read. */
struct reading {
	struct passwords *passwords;
	bool has_argon2;
	size_t costliest;
	size_t weak_count;
	size_t first_weak; /* entry */
};

/* The secret of what becomes the file's next entry. */
static const char *look_at(const char *secret, void *ctx)
{
	struct reading *reading = ctx;
	struct passwords *passwords = reading->passwords;
	struct password_stored stored;
	const char *fault = stored_read(secret, &stored);

	if (fault)
		return fault;
	if (stored.cost.kind == PASSWORD_ARGON2 && !reading->has_argon2)
		return "the hash is argon2id, which this OpenSSL does not have (3.2 or later does)";
	if (work(&stored.cost) > passwords->cost) {
		passwords->cost = work(&stored.cost);
		reading->costliest = passwords->file.count;
	}
	if (work(&stored.cost) < PASSWORD_WEAK && reading->weak_count++ == 0)
		reading->first_weak = passwords->file.count;
	return NULL;
}

static void look_for_weakness(struct passwords *passwords, const char *name,
			      const struct reading *reading)
{
	if (reading->weak_count == 0)
		return;
	(void)diag_set(&passwords->line, 0,
		       "%s:%u: %zu of %zu users have a hash of fewer than %u rounds, the first in "
		       "this line: set their passwords again with petstorectl passwd",
		       name, passwords->file.entry[reading->first_weak].line, reading->weak_count,
		       passwords->file.count, PASSWORD_WEAK);
	passwords->weakness = passwords->line.text;
}

int passwords_parse(const char *name, const char *text, size_t len, struct passwords **ret,
		    struct diag *diag)
{
	struct passwords *passwords = calloc(1, sizeof(*passwords));
	struct reading reading = { .passwords = passwords, .has_argon2 = password_has_argon2() };
	int rc;

	if (!passwords)
		return diag_nomem(diag);
	atomic_init(&passwords->holders, 1);
	rc = credfile_read(name, text, len, look_at, &reading, &passwords->file, diag);
	if (rc) {
		passwords_free(passwords);
		return rc;
	}
	if (passwords->file.count > 0)
		passwords->costliest = &passwords->file.entry[reading.costliest];
	look_for_weakness(passwords, name, &reading);
	*ret = passwords;
	return 0;
}

int passwords_load(const char *path, struct passwords **ret, struct diag *diag)
{
	return passwords_parse(path, NULL, 0, ret, diag);
}

struct passwords *passwords_share(struct passwords *passwords)
{
	atomic_fetch_add(&passwords->holders, 1);
	return passwords;
}

void passwords_free(struct passwords *passwords)
{
	if (!passwords || atomic_fetch_sub(&passwords->holders, 1) > 1)
		return;
	credfile_clear(&passwords->file);
	free(passwords);
}

/* ---- checking --------------------------------------------------------------------------- */

static bool is_possible(const char *password, size_t len)
{
	return len <= PASSWORD_MAX_BYTES && (len == 0 || !memchr(password, '\0', len));
}

/* Spends as much time as @units iterations take. */
static void spend(uint64_t units)
{
	struct password_stored stored = { .cost = { .kind = PASSWORD_PBKDF2 },
					  .salt_len = 12,
					  .hash_len = SHA512_BYTES };
	unsigned char hash[SHA512_BYTES];

	/* PASSWORD_ARGON_MEMORY_MAX * PASSWORD_ARGON_PASSES_MAX units are too many for one call. */
	while (units > 0) {
		uint64_t some = units < PASSWORD_ITERATIONS_MAX ? units : PASSWORD_ITERATIONS_MAX;

		stored.cost.iterations = (uint32_t)some;
		(void)derive_pbkdf2(&stored, "", 0, hash); /* only the time counts */
		units -= some;
	}
}

enum verdict passwords_check(const struct passwords *passwords, const char *user,
			     const char *password, size_t password_len)
{
	const char *secret = credfile_find(&passwords->file, user);
	bool is_known = secret != NULL;
	struct password_stored stored;
	bool is_same;

	if (!passwords->costliest || !is_possible(password, password_len))
		return VERDICT_DENY;
	if (!is_known)
		secret = passwords->costliest->secret;
	if (stored_read(secret, &stored))
		return VERDICT_DENY;
	is_same = stored_matches(&stored, password_len ? password : "", password_len);
	if (is_same && is_known)
		return VERDICT_ALLOW;
	spend(passwords->cost - work(&stored.cost));
	return VERDICT_DENY;
}

bool password_verify(const char *text, const char *password, size_t password_len)
{
	struct password_stored stored;

	return is_possible(password, password_len) && !stored_read(text, &stored) &&
	       stored_matches(&stored, password_len ? password : "", password_len);
}

uint64_t password_cost_of(const char *text)
{
	struct password_stored stored;

	return stored_read(text, &stored) ? 0 : work(&stored.cost);
}

/* ---- making ----------------------------------------------------------------------------- */

static void stored_print(const struct password_stored *stored, char *ret)
{
	enum base64_kind kind = stored->cost.kind == PASSWORD_ARGON2 ? BASE64_BARE : BASE64_PADDED;
	char salt[BASE64_ENCODED_SIZE(PASSWORD_SALT_MAX)];
	char hash[BASE64_ENCODED_SIZE(PASSWORD_HASH_MAX)];

	base64_encode(kind, stored->salt, stored->salt_len, salt);
	base64_encode(kind, stored->hash, stored->hash_len, hash);
	if (stored->cost.kind == PASSWORD_SHA512)
		(void)snprintf(ret, PASSWORD_TEXT_MAX, "$6$%s$%s", salt, hash);
	else if (stored->cost.kind == PASSWORD_PBKDF2)
		(void)snprintf(ret, PASSWORD_TEXT_MAX, "$7$%u$%s$%s", stored->cost.iterations, salt,
			       hash);
	else
		(void)snprintf(ret, PASSWORD_TEXT_MAX, "$argon2id$v=19$m=%u,t=%u,p=%u$%s$%s",
			       stored->cost.memory, stored->cost.passes, stored->cost.lanes, salt,
			       hash);
}

int password_make(const struct password_cost *cost, const char *password, size_t password_len,
		  char *ret, struct diag *diag)
{
	bool is_argon2 = cost->kind == PASSWORD_ARGON2;
	struct password_stored stored = { .cost = *cost,
					  .salt_len = is_argon2 ? 16 : 12,
					  .hash_len = is_argon2 ? 32 : SHA512_BYTES };
	const char *fault = cost_fault(cost);

	if (fault)
		return diag_set(diag, ERR_LIMIT, "%s", fault);
	if (password_len == 0 || !is_possible(password, password_len))
		return diag_set(diag, ERR_INVALID,
				"expected a password of 1 to %u bytes without a NUL byte",
				PASSWORD_MAX_BYTES);
	if (is_argon2 && !password_has_argon2())
		return diag_set(diag, ERR_INVALID,
				"this OpenSSL has no argon2id (3.2 or later has)");
	if (RAND_bytes(stored.salt, (int)stored.salt_len) != 1)
		return diag_set(diag, ERR_IO, "no random bytes to be had");
	if (!derive(&stored, password, password_len, stored.hash))
		return diag_set(diag, ERR_NOMEM, "the key derivation failed");
	stored_print(&stored, ret);
	OPENSSL_cleanse(&stored, sizeof(stored));
	return 0;
}
