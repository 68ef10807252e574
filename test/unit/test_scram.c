/* SCRAM-SHA-256, with RFC 7677's example and a client of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base64.h"
#include "access/scram.h"
#include "failalloc.h"

/* RFC 7677, 3: user "user", password "pencil". */
#define RFC_SALT "W22ZaJ0SNY7soEsUEjb6gQ=="
#define RFC_KEYS                                                                                   \
	"SCRAM-SHA-256$4096:" RFC_SALT "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"            \
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define RFC_NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define RFC_FIRST "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
#define RFC_SERVER "r=rOprNGfwEbeRWgbNEkqO" RFC_NONCE ",s=" RFC_SALT ",i=4096"
#define RFC_BARE "c=biws,r=rOprNGfwEbeRWgbNEkqO" RFC_NONCE
#define RFC_PROOF ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define RFC_LAST "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static struct scram_keys *keys_of(const char *text)
{
	struct scram_keys *keys = NULL;
	struct diag diag;

	if (scram_parse("scram", text, strlen(text), &keys, &diag))
		fail_msg("%s", diag.text);
	return keys;
}

static struct scram_login *begin(const struct scram_keys *keys, const char *first,
				 const char *nonce, char *reply)
{
	struct scram_login *login = NULL;
	struct diag diag;

	if (scram_begin(keys, first, strlen(first), nonce, &login, reply, &diag))
		fail_msg("%s", diag.text);
	return login;
}

/* ---- the example of the RFC ------------------------------------------------------------- */

static void test_scram_finish__follows_the_rfc(void **state)
{
	struct scram_keys *keys = keys_of("user:" RFC_KEYS "\n");
	char reply[SCRAM_REPLY_MAX];
	struct scram_login *login = begin(keys, RFC_FIRST, RFC_NONCE, reply);
	struct diag diag;

	(void)state;
	scram_free(keys); /* the login has its own */
	assert_string_equal(reply, RFC_SERVER);
	assert_string_equal(scram_user(login), "user");
	assert_int_equal(
		scram_finish(login, RFC_BARE RFC_PROOF, strlen(RFC_BARE RFC_PROOF), reply, &diag),
		0);
	assert_string_equal(reply, RFC_LAST);
	/* Once and no more. */
	assert_int_equal(
		scram_finish(login, RFC_BARE RFC_PROOF, strlen(RFC_BARE RFC_PROOF), reply, &diag),
		ERR_SYNTAX);
	scram_drop(login);
	scram_drop(NULL);
}

static void test_scram_finish__refuses_every_other_last_message(void **state)
{
	static const char *const rows[] = {
		"",
		RFC_BARE,
		RFC_BARE ",p=",
		RFC_BARE ",p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		RFC_BARE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVR=",
		RFC_BARE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7An",
		RFC_BARE RFC_PROOF ",",
		RFC_BARE RFC_PROOF ",x=1",
		RFC_BARE ",x=1" RFC_PROOF, /* the extension is not under the proof */
		RFC_BARE ",x" RFC_PROOF,
		"c=eSws,r=rOprNGfwEbeRWgbNEkqO" RFC_NONCE RFC_PROOF, /* y,, */
		"c=biw=,r=rOprNGfwEbeRWgbNEkqO" RFC_NONCE RFC_PROOF,
		"c=,r=rOprNGfwEbeRWgbNEkqO" RFC_NONCE RFC_PROOF,
		"c=biws,r=rOprNGfwEbeRWgbNEkqO" RFC_PROOF, /* the client's half only */
		"c=biws,r=" RFC_NONCE RFC_PROOF,
		"c=biws,r=rOprNGfwEbeRWgbNEkqO" RFC_NONCE "x" RFC_PROOF,
		"r=rOprNGfwEbeRWgbNEkqO" RFC_NONCE ",c=biws" RFC_PROOF,
		"c=biws,,r=rOprNGfwEbeRWgbNEkqO" RFC_NONCE RFC_PROOF,
	};
	struct scram_keys *keys = keys_of("user:" RFC_KEYS "\n");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char reply[SCRAM_REPLY_MAX];
		struct scram_login *login = begin(keys, RFC_FIRST, RFC_NONCE, reply);
		struct diag diag;

		if (scram_finish(login, rows[i], strlen(rows[i]), reply, &diag) == 0)
			fail_msg("accepted: %s", rows[i]);
		assert_memory_equal(diag.text, "SCRAM: ", 7);
		scram_drop(login);
	}
	scram_free(keys);
}

/* ---- a client --------------------------------------------------------------------------- */

struct exchange {
	char server[SCRAM_REPLY_MAX];
	char last[SCRAM_REPLY_MAX];
	unsigned char salt[SCRAM_SALT_MAX];
	size_t salt_len;
	unsigned iterations;
};

static void mac(const unsigned char *key, const char *text, unsigned char *ret)
{
	assert_non_null(
		HMAC(EVP_sha256(), key, 32, (const unsigned char *)text, strlen(text), ret, NULL));
}

/* Writes client-final for what the server said. @c is the value of c=, @bare client-first-bare. */
static void answer(struct exchange *x, const char *bare, const char *c, const char *password,
		   char *ret, size_t cap)
{
	unsigned char salted[32];
	unsigned char key[32];
	unsigned char stored[32];
	unsigned char signature[32];
	char nonce[400];
	char salt[128];
	char head[500];
	char message[2000];
	char proof[64];

	assert_int_equal(
		sscanf(x->server, "r=%399[^,],s=%127[^,],i=%u", nonce, salt, &x->iterations), 3);
	assert_true(base64_decode(BASE64_PADDED, salt, strlen(salt), x->salt, sizeof(x->salt),
				  &x->salt_len));
	assert_int_equal(PKCS5_PBKDF2_HMAC(password, -1, x->salt, (int)x->salt_len,
					   (int)x->iterations, EVP_sha256(), 32, salted),
			 1);
	mac(salted, "Client Key", key);
	assert_int_equal(EVP_Digest(key, 32, stored, NULL, EVP_sha256(), NULL), 1);
	(void)snprintf(head, sizeof(head), "c=%s,r=%s", c, nonce);
	(void)snprintf(message, sizeof(message), "%s,%s,%s", bare, x->server, head);
	mac(stored, message, signature);
	for (int i = 0; i < 32; i++)
		key[i] ^= signature[i];
	(void)snprintf(ret, cap, "%s,p=%s", head, base64_encode(BASE64_PADDED, key, 32, proof));
}

/* The whole exchange; true where the client got in as @user. */
static bool log_in(const struct scram_keys *keys, const char *gs2, const char *bare,
		   const char *user, const char *password, struct exchange *x)
{
	struct scram_login *login;
	char text[1024];
	char c[16];
	struct diag diag;
	int rc;

	(void)snprintf(text, sizeof(text), "%s%s", gs2, bare);
	login = begin(keys, text, NULL, x->server);
	assert_string_equal(scram_user(login), user);
	base64_encode(BASE64_PADDED, (const unsigned char *)gs2, strlen(gs2), c);
	answer(x, bare, c, password, text, sizeof(text));
	rc = scram_finish(login, text, strlen(text), x->last, &diag);
	scram_drop(login);
	if (rc)
		assert_string_equal(diag.text, "SCRAM: the proof is wrong");
	return rc == 0;
}

static void test_scram_finish__lets_in_who_knows_the_password(void **state)
{
	char stored[SCRAM_TEXT_MAX];
	char line[2 * SCRAM_TEXT_MAX];
	struct scram_keys *keys;
	struct exchange x;
	struct diag diag;

	(void)state;
	assert_int_equal(scram_make(SCRAM_ITERATIONS_MIN, "corr3ct, h=rse", 14, stored, &diag), 0);
	(void)snprintf(line, sizeof(line), "ann:" RFC_KEYS "\nb,=b:%s\n", stored);
	keys = keys_of(line);
	assert_int_equal(keys->file.count, 2);
	assert_string_equal(credfile_find(&keys->file, "b,=b"), stored);
	assert_null(credfile_find(&keys->file, "b"));
	assert_true(scram_verify(stored, "corr3ct, h=rse", 14));
	assert_false(scram_verify(stored, "corr3ct, h=rsf", 14));
	assert_false(scram_verify("nonsense", "corr3ct, h=rse", 14));
	assert_true(scram_verify(RFC_KEYS, "pencil", 6));
	assert_null(keys->file.warning);
	assert_true(log_in(keys, "n,,", "n=b=2C=3Db,r=abc", "b,=b", "corr3ct, h=rse", &x));
	assert_true(log_in(keys, "y,,", "n=b=2C=3Db,r=abc", "b,=b", "corr3ct, h=rse", &x));
	assert_true(log_in(keys, "n,,", "n=b=2C=3Db,r=abc,x=more", "b,=b", "corr3ct, h=rse", &x));
	assert_true(log_in(keys, "n,,", "n=ann,r=abc", "ann", "pencil", &x));
	assert_false(log_in(keys, "n,,", "n=ann,r=abc", "ann", "Pencil", &x));
	assert_false(log_in(keys, "n,,", "n=ann,r=abc", "ann", "", &x));
	assert_false(log_in(keys, "n,,", "n=b=2C=3Db,r=abc", "b,=b", "pencil", &x));
	scram_free(keys);
}

static void test_scram_begin__an_unknown_user_looks_like_a_known_one(void **state)
{
	static const char file[] = "ann:" RFC_KEYS "\n";
	struct scram_keys *keys = keys_of(file);
	struct scram_keys *again = keys_of(file);
	struct scram_keys *other = keys_of("# another file\nbob:" RFC_KEYS "\ncid:" RFC_KEYS "\n");
	struct exchange x, y, z;

	(void)state;
	assert_false(log_in(keys, "n,,", "n=eve,r=abc", "eve", "pencil", &x));
	assert_int_equal(x.iterations, 4096);
	assert_int_equal(x.salt_len, 16);
	/* The same salt each time and after a restart, another one for another name or file. */
	assert_false(log_in(again, "n,,", "n=eve,r=abc", "eve", "pencil", &y));
	assert_memory_equal(x.salt, y.salt, x.salt_len);
	assert_false(log_in(keys, "n,,", "n=eva,r=abc", "eva", "pencil", &z));
	assert_memory_not_equal(x.salt, z.salt, x.salt_len);
	assert_false(log_in(other, "n,,", "n=eve,r=abc", "eve", "pencil", &z));
	assert_memory_not_equal(x.salt, z.salt, x.salt_len);
	assert_string_not_equal(x.server, y.server); /* our half of the nonce is new */
	scram_free(keys);
	scram_free(again);
	scram_free(other);
	keys = keys_of("\n");
	assert_false(log_in(keys, "n,,", "n=eve,r=abc", "eve", "pencil", &x));
	assert_int_equal(x.salt_len, 16);
	scram_free(keys);
}

static void test_scram_begin__refuses_what_is_no_first_message(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "", "SCRAM: expected a first message of 1 to 1024 bytes" },
		{ "n", "SCRAM: the first message has no GS2 header" },
		{ "n,", "SCRAM: the first message has no GS2 header" },
		{ "n,,", "SCRAM: the first message has no user, or a mandatory extension" },
		{ "x,,n=a,r=b", "SCRAM: the first message has no GS2 header" },
		{ "n=a,r=b", "SCRAM: the first message has no GS2 header" },
		{ "p=tls-unique,,n=a,r=b", "SCRAM: channel binding is not supported" },
		{ "n,a=root,n=a,r=b", "SCRAM: an authorization identity is not supported" },
		{ "n,,m=x,n=a,r=b",
		  "SCRAM: the first message has no user, or a mandatory extension" },
		{ "n,,r=b,n=a", "SCRAM: the first message has no user, or a mandatory extension" },
		{ "n,,n=,r=b", "SCRAM: the user's name is none" },
		{ "n,,n=a=2c,r=b", "SCRAM: the user's name is none" },
		{ "n,,n=a=,r=b", "SCRAM: the user's name is none" },
		{ "n,,n==3,r=b", "SCRAM: the user's name is none" },
		{ "n,,n=a/b,r=b", "SCRAM: the user's name is none" },
		{ "n,,n=a\xff,r=b", "SCRAM: the user's name is none" },
		{ "n,,n=a", "SCRAM: the first message has no nonce of visible characters" },
		{ "n,,n=a,r=", "SCRAM: the first message has no nonce of visible characters" },
		{ "n,,n=a,r=b c", "SCRAM: the first message has no nonce of visible characters" },
		{ "n,,n=a,r=\xc3\xa9",
		  "SCRAM: the first message has no nonce of visible characters" },
	};
	struct scram_keys *keys = keys_of("a:" RFC_KEYS "\n");
	char reply[SCRAM_REPLY_MAX];
	char text[SCRAM_MESSAGE_MAX + 2];
	struct scram_login *login = NULL;
	struct diag diag;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (scram_begin(keys, rows[i].text, strlen(rows[i].text), NULL, &login, reply,
				&diag) == 0)
			fail_msg("row %zu was accepted", i);
		if (strcmp(diag.text, rows[i].error) != 0)
			fail_msg("row %zu: expected \"%s\", found \"%s\"", i, rows[i].error,
				 diag.text);
	}
	assert_true(scram_begin(keys, NULL, 0, NULL, &login, reply, &diag) < 0);
	assert_true(scram_begin(keys, "n,,n=a\0,r=b", 11, NULL, &login, reply, &diag) < 0);
	memset(text, 'x', sizeof(text));
	memcpy(text, "n,,n=a,r=", 9);
	assert_true(scram_begin(keys, text, 9 + SCRAM_NONCE_MAX + 1, NULL, &login, reply, &diag) <
		    0);
	assert_int_equal(scram_begin(keys, text, SCRAM_MESSAGE_MAX + 1, NULL, &login, reply, &diag),
			 ERR_SYNTAX);
	assert_null(login);
	assert_int_equal(scram_begin(keys, text, 9 + SCRAM_NONCE_MAX, NULL, &login, reply, &diag),
			 0);
	scram_drop(login);
	scram_free(keys);
}

/* ---- stored keys ------------------------------------------------------------------------ */

static void test_scram_parse__names_the_line(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "a", "f:1: expected user:hash" },
		{ "a:$7$1$x$y", "f:1: expected SCRAM-SHA-256$" },
		{ "a:SCRAM-SHA-1$4096:AAAA$AA:AA", "f:1: expected SCRAM-SHA-256$" },
		{ "a:SCRAM-SHA-256$4096", "f:1: expected iterations:salt$StoredKey:ServerKey" },
		{ "a:SCRAM-SHA-256$4096:" RFC_SALT "$AAAA",
		  "f:1: expected iterations:salt$StoredKey:ServerKey" },
		{ "a:SCRAM-SHA-256$4095:" RFC_SALT "$AAAA:AAAA",
		  "f:1: the iterations are not 4096 to 10000000" },
		{ "a:SCRAM-SHA-256$04096:" RFC_SALT "$AAAA:AAAA",
		  "f:1: the iterations are not 4096 to 10000000" },
		{ "a:SCRAM-SHA-256$10000001:" RFC_SALT "$AAAA:AAAA",
		  "f:1: the iterations are not 4096 to 10000000" },
		{ "a:SCRAM-SHA-256$:" RFC_SALT "$AAAA:AAAA",
		  "f:1: the iterations are not 4096 to 10000000" },
		{ "a:SCRAM-SHA-256$4096:AAAA$AAAA:AAAA",
		  "f:1: the salt is not 8 to 64 bytes in base64" },
		{ "a:SCRAM-SHA-256$4096:" RFC_SALT "$AAAA:AAAA",
		  "f:1: the keys are not 32 bytes each in base64" },
		{ "a:" RFC_KEYS "\na:" RFC_KEYS, "f:2: the user stands in the file twice" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct scram_keys *keys = NULL;
		struct diag diag;

		if (scram_parse("f", rows[i].text, strlen(rows[i].text), &keys, &diag) == 0)
			fail_msg("row %zu was accepted", i);
		assert_null(keys);
		if (strcmp(diag.text, rows[i].error) != 0)
			fail_msg("row %zu: expected \"%s\", found \"%s\"", i, rows[i].error,
				 diag.text);
	}
}

static void test_scram_make__bounds_what_it_takes(void **state)
{
	char text[SCRAM_TEXT_MAX];
	struct diag diag;

	(void)state;
	assert_int_equal(scram_make(4095, "a", 1, text, &diag), ERR_LIMIT);
	assert_int_equal(scram_make(10000001, "a", 1, text, &diag), ERR_LIMIT);
	assert_int_equal(scram_make(4096, "", 0, text, &diag), ERR_INVALID);
	assert_int_equal(scram_make(4096, "a\0b", 3, text, &diag), ERR_INVALID);
	assert_int_equal(scram_make(4096, "p\xc3\xa4", 3, text, &diag), ERR_INVALID);
	assert_string_equal(diag.text, "expected a password of 1 to 1024 printable ASCII "
				       "characters");
}

static void test_scram_parse__survives_each_failing_allocation(void **state)
{
	static const char file[] = "ann:" RFC_KEYS "\n";

	(void)state;
	for (size_t n = 1;; n++) {
		struct scram_keys *keys = NULL;
		struct scram_login *login = NULL;
		char reply[SCRAM_REPLY_MAX];
		struct diag diag;
		int rc;

		failalloc_start(n);
		rc = scram_parse("f", file, strlen(file), &keys, &diag);
		if (!rc)
			rc = scram_begin(keys, RFC_FIRST, strlen(RFC_FIRST), NULL, &login, reply,
					 &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			assert_true(n > 4);
			scram_drop(login);
			scram_free(keys);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(login);
		scram_free(keys);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scram_finish__follows_the_rfc),
		cmocka_unit_test(test_scram_finish__refuses_every_other_last_message),
		cmocka_unit_test(test_scram_finish__lets_in_who_knows_the_password),
		cmocka_unit_test(test_scram_begin__an_unknown_user_looks_like_a_known_one),
		cmocka_unit_test(test_scram_begin__refuses_what_is_no_first_message),
		cmocka_unit_test(test_scram_parse__names_the_line),
		cmocka_unit_test(test_scram_make__bounds_what_it_takes),
		cmocka_unit_test(test_scram_parse__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
