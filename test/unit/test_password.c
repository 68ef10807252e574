/*
 * Passwords. test/data/access/passwords/<tool>.passwd were written by the tools that they are
 * called after, <tool>.checks say who gets in with what.
 */
#include <dlfcn.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "access/password.h"
#include "failalloc.h"

#define DATA "test/data/access/passwords/"
#define SALT "AAAAAAAAAAAAAAAA"
#define HASH                                                                                       \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="

static int parse(const char *text, struct passwords **ret, struct diag *diag)
{
	diag_init(diag);
	return passwords_parse("passwd", text, strlen(text), ret, diag);
}

/* ---- files of the real tools ------------------------------------------------------------ */

static void run_checks(const char *name, size_t users)
{
	char path[256];
	char line[256];
	struct passwords *passwords = NULL;
	struct diag diag;
	size_t asked = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), DATA "%s.passwd", name);
	if (passwords_load(path, &passwords, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(passwords->file.count, users);
	(void)snprintf(path, sizeof(path), DATA "%s.checks", name);
	file = fopen(path, "re");
	assert_non_null(file);
	for (unsigned number = 1; fgets(line, sizeof(line), file); number++) {
		char verdict[8];
		char user[32];
		int at = 0;
		bool is_allowed;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || sscanf(line, "%7s %31s%n", verdict, user, &at) != 2)
			continue;
		at += line[at] == ' ';
		is_allowed = passwords_check(passwords, user, line + at, strlen(line + at)) ==
			     VERDICT_ALLOW;
		if (is_allowed != (strcmp(verdict, "allow") == 0))
			fail_msg("%s:%u: expected %s", path, number, verdict);
		asked++;
	}
	(void)fclose(file);
	passwords_free(passwords);
	assert_true(asked >= 6);
}

static void test_passwords_check__knows_what_mosquitto_passwd_writes(void **state)
{
	(void)state;
	run_checks("mosquitto-2.0", 4);
	run_checks("mosquitto-2.1", 3);
}

static void test_passwords_check__knows_argon2id_where_openssl_does(void **state)
{
	struct passwords *passwords = NULL;
	struct diag diag;

	(void)state;
	if (password_has_argon2()) {
		run_checks("argon2id", 3);
		return;
	}
	assert_int_equal(passwords_load(DATA "argon2id.passwd", &passwords, &diag), ERR_INVALID);
	assert_string_equal(diag.text, DATA "argon2id.passwd:2: the hash is argon2id, which this "
					    "OpenSSL does not have (3.2 or later does)");
	assert_null(passwords);
}

/* ---- checks ----------------------------------------------------------------------------- */

static void test_passwords_check__a_nul_never_matches(void **state)
{
	struct passwords *passwords = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(passwords_load(DATA "mosquitto-2.0.passwd", &passwords, &diag), 0);
	assert_int_equal(passwords_check(passwords, "dave", "x", 1), VERDICT_ALLOW);
	assert_int_equal(passwords_check(passwords, "dave", "x\0", 2), VERDICT_DENY);
	assert_int_equal(passwords_check(passwords, "dave", "x\0y", 3), VERDICT_DENY);
	assert_int_equal(passwords_check(passwords, "dave", NULL, 0), VERDICT_DENY);
	passwords_free(passwords);
}

static void test_passwords_check__bounds_the_password(void **state)
{
	static const struct password_cost cheap = { .kind = PASSWORD_PBKDF2, .iterations = 1 };
	char word[PASSWORD_MAX_BYTES + 1];
	char stored[PASSWORD_TEXT_MAX];
	char line[PASSWORD_TEXT_MAX + 8];
	struct passwords *passwords = NULL;
	struct diag diag;

	(void)state;
	memset(word, 'x', sizeof(word));
	assert_int_equal(password_make(&cheap, word, sizeof(word), stored, &diag), ERR_INVALID);
	assert_int_equal(password_make(&cheap, word, PASSWORD_MAX_BYTES, stored, &diag), 0);
	(void)snprintf(line, sizeof(line), "u:%s\n", stored);
	assert_int_equal(parse(line, &passwords, &diag), 0);
	assert_int_equal(passwords_check(passwords, "u", word, PASSWORD_MAX_BYTES), VERDICT_ALLOW);
	assert_int_equal(passwords_check(passwords, "u", word, sizeof(word)), VERDICT_DENY);
	passwords_free(passwords);
}

/* ---- how much is derived ------------------------------------------------------------------ */

static uint64_t rounds; /* of PBKDF2, by all calls */

/* Stands before OpenSSL's, and counts. */
int PKCS5_PBKDF2_HMAC(const char *pass, int passlen, const unsigned char *salt, int saltlen,
		      int iter, const EVP_MD *digest, int keylen, unsigned char *out)
{
	int (*real)(const char *, int, const unsigned char *, int, int, const EVP_MD *, int,
		    unsigned char *);

	*(void **)&real = dlsym(RTLD_NEXT, "PKCS5_PBKDF2_HMAC");
	rounds += (uint64_t)iter;
	return real(pass, passlen, salt, saltlen, iter, digest, keylen, out);
}

/* A refusal takes the same work whoever it is for: neither names nor hashes are found by time. */
static void test_passwords_check__derives_as_much_for_everybody(void **state)
{
	static const struct {
		const char *user, *password;
		uint64_t rounds;
		enum verdict verdict;
	} rows[] = {
		{ "cheap", "x", 5000, VERDICT_DENY },
		{ "costly", "x", 5000, VERDICT_DENY },
		{ "unknown", "x", 5000, VERDICT_DENY },
		{ "unknown", "word", 5000, VERDICT_DENY },
		{ "costly", "word", 5000, VERDICT_ALLOW },
		{ "cheap", "word", 100, VERDICT_ALLOW },
	};
	struct password_cost cost = { .kind = PASSWORD_PBKDF2 };
	struct passwords *passwords = NULL;
	char cheap[PASSWORD_TEXT_MAX], costly[PASSWORD_TEXT_MAX];
	char text[2 * PASSWORD_TEXT_MAX + 32];
	struct diag diag;

	(void)state;
	cost.iterations = 100;
	assert_int_equal(password_make(&cost, "word", 4, cheap, &diag), 0);
	cost.iterations = 5000;
	assert_int_equal(password_make(&cost, "word", 4, costly, &diag), 0);
	(void)snprintf(text, sizeof(text), "cheap:%s\ncostly:%s\n", cheap, costly);
	assert_int_equal(passwords_parse("p", text, strlen(text), &passwords, &diag), 0);
	assert_int_equal(passwords->cost, 5000);
	assert_string_equal(passwords->costliest->user, "costly");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		rounds = 0;
		assert_int_equal(passwords_check(passwords, rows[i].user, rows[i].password,
						 strlen(rows[i].password)),
				 rows[i].verdict);
		assert_int_equal(rounds, rows[i].rounds);
	}
	passwords_free(passwords);
}

static void test_passwords_check__an_empty_file_knows_nobody(void **state)
{
	struct passwords *passwords = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(parse("\n# nobody\n   \n", &passwords, &diag), 0);
	assert_int_equal(passwords->file.count, 0);
	assert_null(credfile_find(&passwords->file, "x"));
	assert_int_equal(passwords_check(passwords, "x", "y", 1), VERDICT_DENY);
	passwords_free(passwords);
}

static void test_passwords_free__the_last_holder_frees(void **state)
{
	struct passwords *passwords = NULL;
	struct passwords *other;
	struct diag diag;

	(void)state;
	assert_int_equal(passwords_load(DATA "mosquitto-2.0.passwd", &passwords, &diag), 0);
	other = passwords_share(passwords);
	passwords_free(passwords);
	assert_int_equal(passwords_check(other, "dave", "x", 1), VERDICT_ALLOW);
	passwords_free(other);
	passwords_free(NULL);
}

/* ---- lines ------------------------------------------------------------------------------ */

static void test_passwords_parse__names_the_line(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "a:$7$1$" SALT "$" HASH "\nb", "passwd:2: expected user:hash" },
		{ "\n\n:$6$" SALT "$" HASH, "passwd:3: the user's name is empty" },
		{ "a\x01:$6$" SALT "$" HASH, "passwd:1: the user's name is too long, not UTF-8 or "
					     "has a character that does not show" },
		{ "a\xe2\x80\x8b:$6$" SALT "$" HASH, "passwd:1: the user's name is too long, not "
						     "UTF-8 or has a character that does not "
						     "show" },
		{ "a\xff:$6$" SALT "$" HASH, "passwd:1: the user's name is too long, not UTF-8 or "
					     "has a character that does not show" },
		{ "\xef\xbb\xbf"
		  "a:$6$" SALT "$" HASH,
		  "passwd:1: begins with a byte order mark: save it without one" },
		{ "a:$6$" SALT "$" HASH "\na:$6$" SALT "$" HASH,
		  "passwd:2: the user stands in the file twice" },
		{ "a:plain", "passwd:1: the hash begins with none of $6$, $7$ and "
			     "$argon2id$v=19$m=" },
		{ "a:", "passwd:1: the hash begins with none of $6$, $7$ and $argon2id$v=19$m=" },
		{ "a:$5$" SALT "$" HASH, "passwd:1: the hash begins with none of $6$, $7$ and "
					 "$argon2id$v=19$m=" },
		{ "a:$6$" SALT, "passwd:1: expected a salt and a hash" },
		{ "a:$6$$" HASH, "passwd:1: the salt is not 1 to 128 bytes in base64" },
		{ "a:$6$AA$" HASH, "passwd:1: the salt is not 1 to 128 bytes in base64" },
		{ "a:$6$A A=$" HASH, "passwd:1: the salt is not 1 to 128 bytes in base64" },
		{ "a:$6$AB==$" HASH, "passwd:1: the salt is not 1 to 128 bytes in base64" },
		{ "a:$6$" SALT "$", "passwd:1: the hash has not 64 bytes" },
		{ "a:$6$" SALT "$AAAA", "passwd:1: the hash has not 64 bytes" },
		{ "a:$6$" SALT "$" HASH "$", "passwd:1: the hash is not base64" },
		{ "a:$6$" SALT "$AAA", "passwd:1: the hash is not base64" },
		{ "a:$7$" SALT "$" HASH, "passwd:1: the iterations are not a number" },
		{ "a:$7$0$" SALT "$" HASH, "passwd:1: the iterations are not a number" },
		{ "a:$7$-1$" SALT "$" HASH, "passwd:1: the iterations are not a number" },
		{ "a:$7$+1$" SALT "$" HASH, "passwd:1: the iterations are not a number" },
		{ "a:$7$01$" SALT "$" HASH, "passwd:1: the iterations are not a number" },
		{ "a:$7$1x$" SALT "$" HASH, "passwd:1: the iterations are not a number" },
		{ "a:$7$4294967297$" SALT "$" HASH, "passwd:1: the iterations are not a number" },
		{ "a:$7$10000001$" SALT "$" HASH,
		  "passwd:1: the iterations are not 1 to 10000000" },
		{ "a:$argon2id$v=16$m=64,t=1,p=1$" SALT "$AAAA",
		  "passwd:1: the hash begins with none of $6$, $7$ and $argon2id$v=19$m=" },
		{ "a:$argon2id$v=19$m=64,p=1,t=1$" SALT "$AAAA",
		  "passwd:1: expected $argon2id$v=19$m=...,t=...,p=...$" },
		{ "a:$argon2id$v=19$m=7,t=1,p=1$" SALT "$AAAA",
		  "passwd:1: argon2id's m is not 8 times p to 262144" },
		{ "a:$argon2id$v=19$m=262145,t=1,p=1$" SALT "$AAAA",
		  "passwd:1: argon2id's m is not 8 times p to 262144" },
		{ "a:$argon2id$v=19$m=64,t=65,p=1$" SALT "$AAAA",
		  "passwd:1: argon2id's t is not 1 to 64" },
		{ "a:$argon2id$v=19$m=64,t=1,p=17$" SALT "$AAAA",
		  "passwd:1: argon2id's p is not 1 to 16" },
		{ "a:$argon2id$v=19$m=64,t=1,p=1$AAAA$AAAA",
		  "passwd:1: the salt has less than 8 bytes" },
		{ "a:$argon2id$v=19$m=64,t=1,p=1$" SALT "$AAAA",
		  "passwd:1: the hash has less than 16 bytes" },
		{ "a:$argon2id$v=19$m=64,t=1,p=1$" SALT "==$AAAA",
		  "passwd:1: the salt is not 1 to 128 bytes in base64" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct passwords *passwords = NULL;
		struct diag diag;

		if (parse(rows[i].text, &passwords, &diag) == 0)
			fail_msg("row %zu was accepted: %s", i, rows[i].text);
		assert_null(passwords);
		if (strcmp(diag.text, rows[i].error) != 0)
			fail_msg("row %zu: expected \"%s\", found \"%s\"", i, rows[i].error,
				 diag.text);
	}
}

static void test_passwords_parse__refuses_nul_bytes_and_long_lines(void **state)
{
	static const char nul[] = "a:$6$" SALT "$" HASH "\nb\0:$6$" SALT "$" HASH;
	char line[4096];
	struct passwords *passwords = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(passwords_parse("p", nul, sizeof(nul) - 1, &passwords, &diag),
			 ERR_INVALID);
	assert_string_equal(diag.text, "p:2: the line holds a NUL byte");
	memset(line, 'x', sizeof(line));
	line[1] = ':';
	assert_int_equal(passwords_parse("p", line, sizeof(line), &passwords, &diag), ERR_INVALID);
	assert_string_equal(diag.text, "p:1: the line is too long");
}

static void test_passwords_parse__takes_crlf_and_no_final_newline(void **state)
{
	struct passwords *passwords = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(
		parse("a:$6$" SALT "$" HASH "\r\n\r\n b c:$6$" SALT "$" HASH, &passwords, &diag),
		0);
	assert_int_equal(passwords->file.count, 2);
	assert_string_equal(credfile_find(&passwords->file, "a"), "$6$" SALT "$" HASH);
	assert_non_null(credfile_find(&passwords->file, " b c"));
	assert_null(credfile_find(&passwords->file, "b c"));
	passwords_free(passwords);
}

/* ---- the file itself -------------------------------------------------------------------- */

static void test_passwords_load__warns_of_a_mode_that_is_too_wide(void **state)
{
	static const struct {
		mode_t mode;
		const char *says;
	} rows[] = { { 0600, NULL },      { 0640, NULL },        { 0400, NULL },
		     { 0644, "read it" }, { 0660, "change it" }, { 0622, "change it" } };
	char path[] = "/tmp/petstore-passwd-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct passwords *passwords = NULL;
		struct diag diag;

		assert_int_equal(chmod(path, rows[i].mode), 0);
		assert_int_equal(passwords_load(path, &passwords, &diag), 0);
		if (!rows[i].says)
			assert_null(passwords->file.warning);
		else
			assert_non_null(strstr(passwords->file.warning, rows[i].says));
		passwords_free(passwords);
	}
	(void)unlink(path);
}

static void test_passwords_weakness__names_the_first_line(void **state)
{
	static const char strong[] = "# ours\n\na:$7$10000$" SALT "$" HASH;
	static const char weak[] = "# ours\na:$7$10000$" SALT "$" HASH "\n\nb:$7$9999$" SALT
				   "$" HASH "\nc:$6$" SALT "$" HASH;
	struct passwords *passwords = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(passwords_parse("passwd", strong, strlen(strong), &passwords, &diag), 0);
	assert_null(passwords->weakness);
	passwords_free(passwords);
	assert_int_equal(passwords_parse("passwd", weak, strlen(weak), &passwords, &diag), 0);
	assert_string_equal(
		passwords->weakness,
		"passwd:4: 2 of 3 users have a hash of fewer than 10000 rounds, the "
		"first in this line: set their passwords again with petstorectl passwd");
	passwords_free(passwords);
	assert_int_equal(password_cost_of("$7$77$" SALT "$" HASH), 77);
	assert_int_equal(password_cost_of("nonsense"), 0);
}

static void test_passwords_load__reports_what_is_no_file(void **state)
{
	struct passwords *passwords = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(passwords_load(DATA "none", &passwords, &diag), ERR_IO);
	assert_string_equal(diag.text, DATA "none: No such file or directory");
	assert_int_equal(passwords_load("test/data", &passwords, &diag), ERR_IO);
	assert_string_equal(diag.text, "test/data: not a regular file");
}

static void test_passwords_load__survives_each_failing_allocation(void **state)
{
	(void)state;
	for (size_t n = 1;; n++) {
		struct passwords *passwords = NULL;
		struct diag diag;
		int rc;

		failalloc_start(n);
		rc = passwords_load(DATA "mosquitto-2.0.passwd", &passwords, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			assert_true(n > 3);
			passwords_free(passwords);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(passwords);
	}
}

/* ---- making ----------------------------------------------------------------------------- */

static void test_password_make__writes_what_verifies(void **state)
{
	static const struct {
		struct password_cost cost;
		const char *begins;
		size_t len;
	} rows[] = {
		{ { .kind = PASSWORD_SHA512 }, "$6$", 3 + 16 + 1 + 88 },
		{ { .kind = PASSWORD_PBKDF2, .iterations = 1000 }, "$7$1000$", 8 + 16 + 1 + 88 },
		{ { .kind = PASSWORD_ARGON2, .memory = 64, .passes = 2, .lanes = 1 },
		  "$argon2id$v=19$m=64,t=2,p=1$",
		  28 + 22 + 1 + 43 },
	};
	char text[PASSWORD_TEXT_MAX];
	char again[PASSWORD_TEXT_MAX];
	struct diag diag;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].cost.kind == PASSWORD_ARGON2 && !password_has_argon2()) {
			assert_int_equal(password_make(&rows[i].cost, "word", 4, text, &diag),
					 ERR_INVALID);
			continue;
		}
		assert_int_equal(password_make(&rows[i].cost, "word", 4, text, &diag), 0);
		assert_int_equal(password_make(&rows[i].cost, "word", 4, again, &diag), 0);
		assert_string_not_equal(text, again);
		assert_memory_equal(text, rows[i].begins, strlen(rows[i].begins));
		assert_int_equal(strlen(text), rows[i].len);
		assert_true(password_verify(text, "word", 4));
		assert_false(password_verify(text, "Word", 4));
		assert_false(password_verify(text, "word\0", 5));
	}
	assert_false(password_verify("nonsense", "word", 4));
}

static void test_password_make__refuses_what_is_out_of_bounds(void **state)
{
	static const struct {
		struct password_cost cost;
		const char *word;
		size_t len;
		int rc;
	} rows[] = {
		{ { .kind = PASSWORD_PBKDF2, .iterations = 1 }, "", 0, ERR_INVALID },
		{ { .kind = PASSWORD_PBKDF2, .iterations = 1 }, "a\0b", 3, ERR_INVALID },
		{ { .kind = PASSWORD_PBKDF2, .iterations = 0 }, "a", 1, ERR_LIMIT },
		{ { .kind = PASSWORD_PBKDF2, .iterations = 10000001 }, "a", 1, ERR_LIMIT },
		{ { .kind = PASSWORD_ARGON2, .memory = 7, .passes = 1, .lanes = 1 },
		  "a",
		  1,
		  ERR_LIMIT },
		{ { .kind = PASSWORD_ARGON2, .memory = 64, .passes = 0, .lanes = 1 },
		  "a",
		  1,
		  ERR_LIMIT },
		{ { .kind = PASSWORD_ARGON2, .memory = 64, .passes = 1, .lanes = 0 },
		  "a",
		  1,
		  ERR_LIMIT },
	};
	char text[PASSWORD_TEXT_MAX];
	struct diag diag;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(
			password_make(&rows[i].cost, rows[i].word, rows[i].len, text, &diag),
			rows[i].rc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passwords_check__knows_what_mosquitto_passwd_writes),
		cmocka_unit_test(test_passwords_check__knows_argon2id_where_openssl_does),
		cmocka_unit_test(test_passwords_check__a_nul_never_matches),
		cmocka_unit_test(test_passwords_check__bounds_the_password),
		cmocka_unit_test(test_passwords_check__derives_as_much_for_everybody),
		cmocka_unit_test(test_passwords_check__an_empty_file_knows_nobody),
		cmocka_unit_test(test_passwords_free__the_last_holder_frees),
		cmocka_unit_test(test_passwords_parse__names_the_line),
		cmocka_unit_test(test_passwords_parse__refuses_nul_bytes_and_long_lines),
		cmocka_unit_test(test_passwords_parse__takes_crlf_and_no_final_newline),
		cmocka_unit_test(test_passwords_load__warns_of_a_mode_that_is_too_wide),
		cmocka_unit_test(test_passwords_weakness__names_the_first_line),
		cmocka_unit_test(test_passwords_load__reports_what_is_no_file),
		cmocka_unit_test(test_passwords_load__survives_each_failing_allocation),
		cmocka_unit_test(test_password_make__writes_what_verifies),
		cmocka_unit_test(test_password_make__refuses_what_is_out_of_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
