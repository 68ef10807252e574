#include "access/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "access/names.h"

#define KEY_BYTES SCRAM_KEY_BYTES
#define NONCE_BYTES 18u /* ours: 24 characters */
#define SALT_BYTES 16u  /* of what scram_make() writes */
#define PASSWORD_BYTES_MAX 1024u
#define NAME_MAX_BYTES 128u

struct scram_stored {
	uint32_t iterations;
	size_t salt_len;
	unsigned char salt[SCRAM_SALT_MAX];
	unsigned char stored_key[KEY_BYTES];
	unsigned char server_key[KEY_BYTES];
};

struct scram_login {
	struct scram_stored stored;
	bool is_known;
	bool is_done;
	char gs2[8]; /* "n,," or "y,,": what c= has to repeat */
	char user[NAME_MAX_BYTES + 1];
	char first[SCRAM_MESSAGE_MAX + 1]; /* client-first-message-bare */
	char server[SCRAM_REPLY_MAX];      /* server-first-message */
	char nonce[SCRAM_NONCE_MAX + 64];  /* both parts */
};

/* ---- stored keys ------------------------------------------------------------------------ */

static bool read_key(const char *text, size_t len, unsigned char *ret)
{
	size_t n;

	return base64_decode(BASE64_PADDED, text, len, ret, KEY_BYTES, &n) && n == KEY_BYTES;
}

/* NULL, or what is wrong with the keys, a literal. */
static const char *stored_read(const char *text, struct scram_stored *ret)
{
	static const char begin[] = SCRAM_METHOD "$";
	const char *salt;
	const char *key;
	const char *server;

	if (strncmp(text, begin, sizeof(begin) - 1) != 0)
		return "expected " SCRAM_METHOD "$";
	text += sizeof(begin) - 1;
	salt = strchr(text, ':');
	key = salt ? strchr(salt, '$') : NULL;
	server = key ? strchr(key, ':') : NULL;
	if (!server)
		return "expected iterations:salt$StoredKey:ServerKey";
	if (!credfile_number(&text, ':', SCRAM_ITERATIONS_MAX, &ret->iterations) ||
	    ret->iterations < SCRAM_ITERATIONS_MIN)
		return "the iterations are not 4096 to 10000000";
	if (!base64_decode(BASE64_PADDED, salt + 1, (size_t)(key - salt) - 1, ret->salt,
			   sizeof(ret->salt), &ret->salt_len) ||
	    ret->salt_len < SCRAM_SALT_MIN)
		return "the salt is not 8 to 64 bytes in base64";
	if (!read_key(key + 1, (size_t)(server - key) - 1, ret->stored_key) ||
	    !read_key(server + 1, strlen(server + 1), ret->server_key))
		return "the keys are not 32 bytes each in base64";
	return NULL;
}

static const char *look_at(const char *secret, void *ctx)
{
	struct scram_stored stored;

	(void)ctx;
	return stored_read(secret, &stored);
}

/*
 * What the salts of unknown users depend on: secret, since the stored keys are, and the same
 * after a restart, since a salt that changes would give an unknown user away.
 */
static bool make_secret(const struct credfile *file, unsigned char *ret)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; i < file->count && ok; i++) {
		const char *secret = file->entry[i].secret;

		ok = EVP_DigestUpdate(ctx, secret, strlen(secret) + 1) == 1;
	}
	ok = ok && EVP_DigestFinal_ex(ctx, ret, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

int scram_parse(const char *name, const char *text, size_t len, struct scram_keys **ret,
		struct diag *diag)
{
	struct scram_keys *keys = calloc(1, sizeof(*keys));
	int rc = keys ? credfile_read(name, text, len, look_at, NULL, &keys->file, diag)
		      : diag_nomem(diag);

	if (rc == 0 && !make_secret(&keys->file, keys->secret))
		rc = diag_nomem(diag);
	if (rc)
		scram_free(keys);
	else
		*ret = keys;
	return rc;
}

int scram_load(const char *path, struct scram_keys **ret, struct diag *diag)
{
	return scram_parse(path, NULL, 0, ret, diag);
}

void scram_free(struct scram_keys *keys)
{
	if (!keys)
		return;
	credfile_clear(&keys->file);
	OPENSSL_cleanse(keys, sizeof(*keys));
	free(keys);
}

/* ---- keys and proofs -------------------------------------------------------------------- */

static bool hmac(const unsigned char *key, size_t key_len, const char *data, size_t len,
		 unsigned char *ret)
{
	return HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)data, len, ret, NULL) !=
	       NULL;
}

/* A text of @label and @user under the file's secret. */
static bool derive(const struct scram_keys *keys, char label, const char *user, unsigned char *ret)
{
	char text[NAME_MAX_BYTES + 2];
	int n = snprintf(text, sizeof(text), "%c%s", label, user);

	return n > 0 && hmac(keys->secret, sizeof(keys->secret), text, (size_t)n, ret);
}

/* Looks like the keys of some user of the file, and depends on nothing but name and file. */
static bool make_up(const struct scram_keys *keys, const char *user, struct scram_stored *ret)
{
	unsigned char bytes[3 * KEY_BYTES];
	uint64_t pick;

	*ret = (struct scram_stored){ .iterations = SCRAM_ITERATIONS_MIN, .salt_len = SALT_BYTES };
	for (size_t i = 0; i < 3; i++)
		if (!derive(keys, (char)('0' + i), user, bytes + i * KEY_BYTES))
			return false;
	if (keys->file.count > 0) {
		memcpy(&pick, bytes + 2 * KEY_BYTES, sizeof(pick));
		(void)stored_read(keys->file.entry[pick % keys->file.count].secret, ret);
	}
	memcpy(ret->salt, bytes, ret->salt_len); /* at most two keys long */
	memcpy(ret->stored_key, bytes + 2 * KEY_BYTES, KEY_BYTES);
	return true;
}

/* Is the proof one of a client that knows the password? RFC 5802, 3. */
static bool is_proved(const struct scram_stored *stored, const char *message, size_t len,
		      const unsigned char *proof)
{
	unsigned char key[KEY_BYTES];
	unsigned char digest[KEY_BYTES];
	bool ok = hmac(stored->stored_key, KEY_BYTES, message, len, key);

	for (size_t i = 0; i < KEY_BYTES; i++)
		key[i] ^= proof[i]; /* ClientKey, if the proof is right */
	ok = ok && EVP_Digest(key, KEY_BYTES, digest, NULL, EVP_sha256(), NULL) == 1 &&
	     CRYPTO_memcmp(digest, stored->stored_key, KEY_BYTES) == 0;
	OPENSSL_cleanse(key, sizeof(key));
	return ok;
}

/* Fills in the keys for what @ret has as iterations and salt. RFC 5802, 3. */
static bool keys_derive(const char *password, size_t len, struct scram_stored *ret)
{
	unsigned char salted[KEY_BYTES];
	unsigned char key[KEY_BYTES];
	bool ok = PKCS5_PBKDF2_HMAC(password, (int)len, ret->salt, (int)ret->salt_len,
				    (int)ret->iterations, EVP_sha256(), KEY_BYTES, salted) == 1 &&
		  hmac(salted, KEY_BYTES, "Client Key", 10, key) &&
		  EVP_Digest(key, KEY_BYTES, ret->stored_key, NULL, EVP_sha256(), NULL) == 1 &&
		  hmac(salted, KEY_BYTES, "Server Key", 10, ret->server_key);

	OPENSSL_cleanse(salted, sizeof(salted));
	OPENSSL_cleanse(key, sizeof(key));
	return ok;
}

static bool is_password(const char *password, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (password[i] < ' ' || password[i] > '~')
			return false;
	return len > 0 && len <= PASSWORD_BYTES_MAX;
}

int scram_make(uint32_t iterations, const char *password, size_t len, char *ret, struct diag *diag)
{
	struct scram_stored stored = { .iterations = iterations, .salt_len = SALT_BYTES };
	char text[3][BASE64_ENCODED_SIZE(KEY_BYTES)];

	if (iterations < SCRAM_ITERATIONS_MIN || iterations > SCRAM_ITERATIONS_MAX)
		return diag_set(diag, ERR_LIMIT, "expected %u to %u iterations",
				SCRAM_ITERATIONS_MIN, SCRAM_ITERATIONS_MAX);
	if (!is_password(password, len))
		return diag_set(diag, ERR_INVALID,
				"expected a password of 1 to %u printable ASCII characters",
				PASSWORD_BYTES_MAX);
	if (RAND_bytes(stored.salt, SALT_BYTES) != 1)
		return diag_set(diag, ERR_IO, "no random bytes to be had");
	if (!keys_derive(password, len, &stored))
		return diag_set(diag, ERR_NOMEM, "the key derivation failed");
	(void)snprintf(ret, SCRAM_TEXT_MAX, SCRAM_METHOD "$%u:%s$%s:%s", iterations,
		       base64_encode(BASE64_PADDED, stored.salt, SALT_BYTES, text[0]),
		       base64_encode(BASE64_PADDED, stored.stored_key, KEY_BYTES, text[1]),
		       base64_encode(BASE64_PADDED, stored.server_key, KEY_BYTES, text[2]));
	OPENSSL_cleanse(&stored, sizeof(stored));
	return 0;
}

bool scram_verify(const char *text, const char *password, size_t len)
{
	struct scram_stored stored;
	struct scram_stored again;
	bool is_same;

	if (!is_password(password, len) || stored_read(text, &stored))
		return false;
	again = stored;
	is_same = keys_derive(password, len, &again) &&
		  CRYPTO_memcmp(again.stored_key, stored.stored_key, KEY_BYTES) == 0;
	OPENSSL_cleanse(&again, sizeof(again));
	return is_same;
}

/* ---- messages --------------------------------------------------------------------------- */

/* Takes "<letter>=" and the value up to ',' or the end off @at. */
static bool take_value(struct span *at, char letter, struct span *ret)
{
	const char *comma;

	if (at->len < 2 || at->text[0] != letter || at->text[1] != '=')
		return false;
	ret->text = at->text + 2;
	ret->len = at->len - 2;
	comma = memchr(ret->text, ',', ret->len);
	if (comma)
		ret->len = (size_t)(comma - ret->text);
	at->len -= 2 + ret->len + (comma != NULL);
	at->text = ret->text + ret->len + (comma != NULL);
	return true;
}

/* saslname: "=2C" is a comma and "=3D" an equals sign, no other '=' may stand there. */
static bool unescape(const struct span *name, char *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < name->len; i++) {
		char c = name->text[i];

		if (c == '=') {
			if (name->len - i < 3)
				return false;
			c = memcmp(name->text + i, "=2C", 3) == 0   ? ','
			    : memcmp(name->text + i, "=3D", 3) == 0 ? '='
								    : '\0';
			i += 2;
		}
		if (c == '\0' || n == NAME_MAX_BYTES)
			return false;
		ret[n++] = c;
	}
	ret[n] = '\0';
	return !names_fault(ret, n, NAME_MAX_BYTES);
}

/* printable: visible ASCII without the comma */
static bool is_nonce(const struct span *nonce)
{
	for (size_t i = 0; i < nonce->len; i++)
		if (nonce->text[i] <= ' ' || nonce->text[i] > '~')
			return false;
	return nonce->len > 0 && nonce->len <= SCRAM_NONCE_MAX;
}

/* "n,," or "y,,", with an authorization identity that is the user's own, if any. */
static const char *read_gs2(struct span *at, struct span *authzid, char *ret)
{
	const char *comma;
	const char *second;

	if (at->text[0] == 'p')
		return "channel binding is not supported";
	comma = at->text + 1;
	if (at->len < 3 || (at->text[0] != 'n' && at->text[0] != 'y') || *comma != ',')
		return "the first message has no GS2 header";
	second = memchr(comma + 1, ',', at->len - 2);
	if (!second)
		return "the first message has no GS2 header";
	*authzid = (struct span){ comma + 1, (size_t)(second - comma) - 1 };
	/* c= repeats the header: an authzid is refused below unless it is empty. */
	(void)snprintf(ret, 8, "%c,,", at->text[0]);
	at->len -= (size_t)(second - at->text) + 1;
	at->text = second + 1;
	return authzid->len ? "an authorization identity is not supported" : NULL;
}

static const char *read_first(struct scram_login *login, const char *data, size_t len,
			      struct span *nonce)
{
	struct span at = { data, len };
	struct span authzid;
	struct span name;
	const char *fault = read_gs2(&at, &authzid, login->gs2);

	if (fault)
		return fault;
	memcpy(login->first, at.text, at.len);
	if (!take_value(&at, 'n', &name))
		return "the first message has no user, or a mandatory extension";
	if (!unescape(&name, login->user))
		return "the user's name is none";
	if (!take_value(&at, 'r', nonce) || !is_nonce(nonce))
		return "the first message has no nonce of visible characters";
	return NULL;
}

static bool answer_first(struct scram_login *login, const struct span *nonce, const char *ours)
{
	unsigned char raw[NONCE_BYTES];
	char random[BASE64_ENCODED_SIZE(NONCE_BYTES)];
	char salt[BASE64_ENCODED_SIZE(SCRAM_SALT_MAX)];
	int n;

	if (!ours) {
		if (RAND_bytes(raw, sizeof(raw)) != 1)
			return false;
		ours = base64_encode(BASE64_PADDED, raw, sizeof(raw), random);
	}
	n = snprintf(login->nonce, sizeof(login->nonce), "%.*s%s", (int)nonce->len, nonce->text,
		     ours);
	if (n < 0 || (size_t)n >= sizeof(login->nonce))
		return false;
	base64_encode(BASE64_PADDED, login->stored.salt, login->stored.salt_len, salt);
	n = snprintf(login->server, sizeof(login->server), "r=%s,s=%s,i=%u", login->nonce, salt,
		     login->stored.iterations);
	return n > 0 && (size_t)n < sizeof(login->server);
}

static int begin(struct scram_login *login, const struct scram_keys *keys, const char *data,
		 size_t len, const char *ours, struct diag *diag)
{
	struct span nonce = { NULL, 0 };
	const char *secret;
	const char *fault;

	if (len == 0 || len > SCRAM_MESSAGE_MAX || memchr(data, '\0', len))
		return diag_set(diag, ERR_SYNTAX,
				"SCRAM: expected a first message of 1 to %u bytes",
				SCRAM_MESSAGE_MAX);
	fault = read_first(login, data, len, &nonce);
	if (fault)
		return diag_set(diag, ERR_SYNTAX, "SCRAM: %s", fault);
	secret = credfile_find(&keys->file, login->user);
	login->is_known = secret && !stored_read(secret, &login->stored);
	if ((!login->is_known && !make_up(keys, login->user, &login->stored)) ||
	    !answer_first(login, &nonce, ours))
		return diag_set(diag, ERR_NOMEM, "SCRAM: no answer can be made");
	return 0;
}

int scram_begin(const struct scram_keys *keys, const char *data, size_t len, const char *nonce,
		struct scram_login **ret, char *reply, struct diag *diag)
{
	struct scram_login *login = calloc(1, sizeof(*login));
	int rc;

	if (!login)
		return diag_nomem(diag);
	rc = begin(login, keys, data, len, nonce, diag);
	if (rc) {
		scram_drop(login);
		return rc;
	}
	memcpy(reply, login->server, sizeof(login->server));
	*ret = login;
	return 0;
}

/* Reads client-final: what comes before ",p=", and the proof. */
static const char *read_final(const struct scram_login *login, const char *data, size_t len,
			      size_t *bare_len, unsigned char *proof)
{
	struct span at = { data, len };
	struct span binding;
	struct span nonce;
	struct span value;
	char expected[BASE64_ENCODED_SIZE(sizeof(login->gs2))];

	base64_encode(BASE64_PADDED, (const unsigned char *)login->gs2, strlen(login->gs2),
		      expected);
	if (!take_value(&at, 'c', &binding) || binding.len != strlen(expected) ||
	    memcmp(binding.text, expected, binding.len) != 0)
		return "the last message's channel binding is not the first one's";
	if (!take_value(&at, 'r', &nonce) || nonce.len != strlen(login->nonce) ||
	    memcmp(nonce.text, login->nonce, nonce.len) != 0)
		return "the last message's nonce is not ours";
	while (at.len > 0 && at.text[0] != 'p') /* extensions: RFC 5802, 5.1 */
		if (!take_value(&at, at.text[0], &value))
			return "the last message has no proof";
	*bare_len = len - at.len - 1;
	if (!take_value(&at, 'p', &value) || at.len > 0 || value.text + value.len != data + len ||
	    !read_key(value.text, value.len, proof))
		return "the last message has no proof";
	return NULL;
}

int scram_finish(struct scram_login *login, const char *data, size_t len, char *reply,
		 struct diag *diag)
{
	char message[3 * SCRAM_MESSAGE_MAX];
	unsigned char proof[KEY_BYTES];
	unsigned char signature[KEY_BYTES];
	char text[BASE64_ENCODED_SIZE(KEY_BYTES)];
	size_t bare_len = 0;
	const char *fault;
	int n;

	if (login->is_done || len == 0 || len > SCRAM_MESSAGE_MAX || memchr(data, '\0', len))
		return diag_set(diag, ERR_SYNTAX,
				"SCRAM: expected one last message of 1 to %u bytes",
				SCRAM_MESSAGE_MAX);
	login->is_done = true;
	fault = read_final(login, data, len, &bare_len, proof);
	if (fault)
		return diag_set(diag, ERR_SYNTAX, "SCRAM: %s", fault);
	n = snprintf(message, sizeof(message), "%s,%s,%.*s", login->first, login->server,
		     (int)bare_len, data);
	/* The order counts: an unknown user's proof is looked at as well. */
	if (n < 0 || (size_t)n >= sizeof(message) ||
	    !is_proved(&login->stored, message, (size_t)n, proof) || !login->is_known)
		return diag_set(diag, ERR_INVALID, "SCRAM: the proof is wrong");
	if (!hmac(login->stored.server_key, KEY_BYTES, message, (size_t)n, signature))
		return diag_set(diag, ERR_NOMEM, "SCRAM: no answer can be made");
	(void)snprintf(reply, SCRAM_REPLY_MAX, "v=%s",
		       base64_encode(BASE64_PADDED, signature, sizeof(signature), text));
	return 0;
}

const char *scram_user(const struct scram_login *login)
{
	return login->user;
}

void scram_drop(struct scram_login *login)
{
	if (!login)
		return;
	OPENSSL_cleanse(login, sizeof(*login));
	free(login);
}
