/*
 * Tokens as passwords. test/data/access/tokens/cases.json says for each token what becomes of
 * it, signed by another implementation (make.py beside it).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/base64.h"
#include "access/jwk.h"
#include "access/token.h"
#include "accessfake.h"
#include "failalloc.h"
#include "place.h"

#define DATA "test/data/access/tokens/"

static struct access *access_of(const char *path)
{
	struct access *access = NULL;
	struct diag diag;

	if (access_load(path, &fake_contract, &access, NULL, &diag))
		fail_msg("%s", diag.text);
	return access;
}

static json_t *cases_of(const char *path)
{
	json_error_t error;
	json_t *cases = json_load_file(path, JSON_ALLOW_NUL, &error);

	if (!cases)
		fail_msg("%s:%d: %s", path, error.line, error.text);
	return cases;
}

static const char *text_of(const json_t *json, const char *name)
{
	return json_string_value(json_object_get(json, name));
}

/* Does @set hold the scopes of the list, and no other? */
static bool is_set(const struct scopeset *set, const json_t *list)
{
	struct scopeset expected = { { 0 } };

	for (size_t i = 0; i < json_array_size(list); i++)
		scopeset_add(&expected, fake_scope(json_string_value(json_array_get(list, i))));
	return memcmp(set, &expected, sizeof(expected)) == 0;
}

static void check_principal(const char *name, const json_t *expected,
			    const struct access_principal *who)
{
	const json_t *attributes = json_object_get(expected, "attributes");
	const char *client = text_of(expected, "client");
	const char *key;
	json_t *values;

	if (strcmp(who->name, text_of(expected, "principal")) != 0)
		fail_msg("%s: the principal is %s", name, who->name);
	if (!is_set(&who->full, json_object_get(expected, "full")) ||
	    !is_set(&who->own, json_object_get(expected, "own")))
		fail_msg("%s: the scopes are others", name);
	if (who->is_disabled != json_is_true(json_object_get(expected, "disabled")))
		fail_msg("%s: disabled is %d", name, who->is_disabled);
	if (who->needs_certificate != json_is_true(json_object_get(expected, "certificate")))
		fail_msg("%s: the certificate is %d", name, who->needs_certificate);
	if (who->attribute_count != json_object_size(attributes))
		fail_msg("%s: %zu attributes", name, who->attribute_count);
	json_object_foreach((json_t *)attributes, key, values)
		for (size_t i = 0; i < json_array_size(values); i++) {
			const json_t *value = json_array_get(values, i);

			if (!access_attribute_has(who, key, json_string_value(value),
						  json_string_length(value)))
				fail_msg("%s: lacks attribute %s", name, key);
		}
	if (access_client_ok(who, "x") != (client == NULL) ||
	    (client && !access_client_ok(who, client)))
		fail_msg("%s: the client ids are others", name);
}

static void check_case(struct access *access, const json_t *expected)
{
	const char *name = text_of(expected, "name");
	const char *error = text_of(expected, "error");
	const char *token = text_of(expected, "token");
	json_int_t now = json_integer_value(json_object_get(expected, "now"));
	struct access_principal *who = NULL;
	struct access_token_facts facts;
	struct diag diag;
	int rc;

	diag_init(&diag);
	rc = access_token(access, token, strlen(token), now * 1000 + 999, &who, &facts, &diag);
	if (rc && (!error || strcmp(diag.text, error) != 0))
		fail_msg("%s: \"%s\"", name, diag.text);
	if (rc) {
		assert_null(who);
		return;
	}
	if (error)
		fail_msg("%s: was accepted", name);
	check_principal(name, expected, who);
	assert_false(who->has_entry);
	assert_int_equal(facts.expires_ms,
			 json_integer_value(json_object_get(expected, "expires")) * 1000);
	assert_non_null(strstr(facts.issuer, ".example"));
	access_principal_drop(who);
}

static void test_access_token__does_as_the_cases_say(void **state)
{
	struct access *access = access_of(DATA "access.json");
	json_t *cases = cases_of(DATA "cases.json");

	(void)state;
	assert_true(access_has_issuers(access));
	for (size_t i = 0; i < json_array_size(cases); i++)
		check_case(access, json_array_get(cases, i));
	assert_true(json_array_size(cases) > 100);
	json_decref(cases);
	access_free(access);
}

static void test_access_token__the_principal_outlives_the_file(void **state)
{
	struct access *access = access_of(DATA "access.json");
	json_t *cases = cases_of(DATA "cases.json");
	const char *token = text_of(json_array_get(cases, 0), "token");
	struct access_principal *who = NULL;
	struct access_token_facts facts;
	struct diag diag;

	(void)state;
	assert_int_equal(access_token(access, token, strlen(token), INT64_C(1800000000000), &who,
				      &facts, &diag),
			 0);
	access_free(access);
	assert_string_equal(facts.issuer, "https://id.example");
	assert_string_equal(who->name, "zoe");
	access_principal_drop(who);
	json_decref(cases);
}

static void test_access_token__a_bare_nul_is_no_token(void **state)
{
	struct access *access = access_of(DATA "access.json");
	struct access_principal *who = NULL;
	struct access_token_facts facts;
	struct diag diag;

	(void)state;
	assert_int_equal(access_token(access, "eyJ\0.x.y", 8, 0, &who, &facts, &diag), ERR_SYNTAX);
	assert_null(who);
	access_free(access);
}

static void test_access_token__survives_each_failing_allocation(void **state)
{
	struct access *access = access_of(DATA "access.json");
	json_t *cases = cases_of(DATA "cases.json");
	json_t *expected;
	size_t i;

	(void)state;
	json_array_foreach(cases, i, expected)
		if (strcmp(text_of(expected, "name"),
			   "a known user's attributes and the token's") == 0)
			break;
	assert_non_null(expected);
	for (size_t n = 1;; n++) {
		const char *token = text_of(expected, "token");
		struct access_principal *who = NULL;
		struct access_token_facts facts;
		struct diag diag;
		int rc;

		failalloc_start(n);
		rc = access_token(access, token, strlen(token), INT64_C(1800000000000), &who,
				  &facts, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			assert_true(n > 10);
			access_principal_drop(who);
			break;
		}
		/* Inside Jansson it may read as a syntax error. */
		assert_true(rc == ERR_NOMEM || rc == ERR_SYNTAX);
		assert_null(who);
	}
	json_decref(cases);
	access_free(access);
}

static void test_token_is__tells_tokens_from_passwords(void **state)
{
	static const struct {
		const char *text;
		bool is_token;
	} rows[] = { { "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", true },
		     { "eyJ..", true },
		     { "eyJhbGciOiJSUzI1NiJ9.e30", false },
		     { "eyJ...", false },
		     { "secret", false },
		     { "", false },
		     { "a.b.c", false },
		     { "eyJ", false } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(token_is(rows[i].text, strlen(rows[i].text)), rows[i].is_token);
}

/* ---- key files -------------------------------------------------------------------------- */

static void test_jwk_parse__names_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "", "k: expected a JWK set or PEM public keys with a key for RS256, ES256, EdDSA "
		      "or HS256" },
		{ "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		  "k: expected a JWK set or PEM public keys with a key for RS256, ES256, EdDSA or "
		  "HS256" },
		{ "-----BEGIN PRIVATE KEY-----\n", "k: expected public keys, found a private one" },
		{ "{", "k:1:1: not JSON: string or '}' expected near end of file" },
		{ "{\"keys\":{}}", "k: /keys: expected an array" },
		{ "{\"keys\":[7]}", "k: /keys/0: expected an object" },
		{ "{\"keys\":[{\"kty\":\"RSA\",\"use\":\"enc\"},{\"kty\":\"EC\",\"crv\":\"P-521\"}]"
		  "}",
		  "k: expected a JWK set or PEM public keys with a key for RS256, ES256, EdDSA or "
		  "HS256" },
		{ "{\"kty\":\"RSA\"}", "k: expected n and e in base64url" },
		{ "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
		  "k: an RSA key has less than 2048 bits" },
		{ "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQ\"}", "k: n and e are no RSA key" },
		{ "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQABAQABAQAB\"}",
		  "k: expected n and e in base64url" },
		{ "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\",\"d\":\"AQAB\"}",
		  "k: expected a public key, found a private one" },
		{ "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}",
		  "k: /keys/0: expected x and y of 32 bytes in base64url" },
		{ "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
		  "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
		  "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}]}",
		  "k: /keys/0: x and y are no point of P-256" },
		{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
		  "k: expected x of 32 bytes in base64url" },
		{ "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
		  "k: expected k of 32 to 1024 bytes in base64url" },
		{ "{\"kty\":\"oct\",\"kid\":7,\"k\":\"AAAA\"}",
		  "k: expected a kid of at most 256 bytes" },
		{ "{\"kty\":\"oct\",\"kid\":\"a\\u0000b\",\"k\":\"AAAA\"}",
		  "k: expected a kid of at most 256 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct jwk_set *set = NULL;
		struct diag diag;

		if (jwk_parse("k", rows[i].text, strlen(rows[i].text), &set, &diag) == 0)
			fail_msg("row %zu was accepted", i);
		assert_null(set);
		if (!place_says(diag.text, rows[i].error))
			fail_msg("row %zu: expected \"%s\", found \"%s\"", i, rows[i].error,
				 diag.text);
	}
}

static void test_jwk_parse__bounds_the_number_of_keys(void **state)
{
	char text[8192];
	size_t used = (size_t)sprintf(text, "{\"keys\":[");
	struct jwk_set *set = NULL;
	struct diag diag;

	(void)state;
	for (unsigned i = 0; i <= JWK_KEYS_MAX; i++)
		used += (size_t)sprintf(text + used,
					"%s{\"kty\":\"oct\",\"k\":"
					"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
					i ? "," : "");
	(void)sprintf(text + used, "]}");
	assert_int_equal(jwk_parse("k", text, strlen(text), &set, &diag), ERR_LIMIT);
	assert_string_equal(diag.text, "k:1:2058: /keys/32: expected at most 32 keys");
	jwk_free(NULL);
}

static void test_jwk_load__reads_what_make_py_wrote(void **state)
{
	struct jwk_set *set = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(jwk_load(DATA "keys.jwks.json", &set, &diag), 0);
	assert_int_equal(set->count, 4);
	assert_int_equal(set->key[0].algorithm, JWK_RS256);
	assert_string_equal(set->key[0].kid, "rsa-0");
	assert_int_equal(set->key[2].algorithm, JWK_ES256);
	assert_int_equal(set->key[3].algorithm, JWK_EDDSA);
	jwk_free(set);
	set = NULL;
	assert_int_equal(jwk_load("test/data", &set, &diag), ERR_IO);
	assert_int_equal(jwk_load(DATA "none", &set, &diag), ERR_IO);
	assert_string_equal(diag.text, DATA "none: No such file or directory");
	assert_null(set);
}

/* ---- base64 ----------------------------------------------------------------------------- */

static void test_base64_decode__each_text_has_one_spelling(void **state)
{
	static const struct {
		enum base64_kind kind;
		const char *text, *bytes; /* NULL: no base64 */
	} rows[] = {
		{ BASE64_PADDED, "", "" },
		{ BASE64_PADDED, "Zg==", "f" },
		{ BASE64_PADDED, "Zm8=", "fo" },
		{ BASE64_PADDED, "Zm9v", "foo" },
		{ BASE64_PADDED, "Zg", NULL },
		{ BASE64_PADDED, "Zg=", NULL },
		{ BASE64_PADDED, "Zh==", NULL },
		{ BASE64_PADDED, "Zm9=", NULL },
		{ BASE64_PADDED, "Z===", NULL },
		{ BASE64_PADDED, "====", NULL },
		{ BASE64_PADDED, "Zg==Zg==", NULL },
		{ BASE64_PADDED, "Zm9v\n", NULL },
		{ BASE64_PADDED, " Zm9", NULL },
		{ BASE64_PADDED, "//+=", NULL },
		{ BASE64_PADDED, "/v8=", "\xfe\xff" },
		{ BASE64_PADDED, "_v8=", NULL },
		{ BASE64_BARE, "Zg", "f" },
		{ BASE64_BARE, "Zg==", NULL },
		{ BASE64_BARE, "Z", NULL },
		{ BASE64_BARE, "/v8", "\xfe\xff" },
		{ BASE64_URL, "_v8", "\xfe\xff" },
		{ BASE64_URL, "/v8", NULL },
		{ BASE64_URL, "-_8", "\xfb\xff" },
		{ BASE64_URL, "Zm9vYmE", "fooba" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned char bytes[16];
		size_t len = 99;
		bool ok = base64_decode(rows[i].kind, rows[i].text, strlen(rows[i].text), bytes,
					sizeof(bytes), &len);
		char text[BASE64_ENCODED_SIZE(16)];

		if (ok != (rows[i].bytes != NULL))
			fail_msg("row %zu: %s", i, rows[i].text);
		if (!ok)
			continue;
		assert_int_equal(len, strlen(rows[i].bytes));
		assert_memory_equal(bytes, rows[i].bytes, len);
		assert_string_equal(base64_encode(rows[i].kind, bytes, len, text), rows[i].text);
	}
}

static void test_base64_decode__stays_within_its_room(void **state)
{
	unsigned char bytes[3];
	size_t len;

	(void)state;
	assert_true(base64_decode(BASE64_BARE, "Zm9v", 4, bytes, 3, &len));
	assert_false(base64_decode(BASE64_BARE, "Zm9v", 4, bytes, 2, &len));
	assert_false(base64_decode(BASE64_BARE, "Zm9vZg", 6, bytes, 3, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_access_token__does_as_the_cases_say),
		cmocka_unit_test(test_access_token__the_principal_outlives_the_file),
		cmocka_unit_test(test_access_token__a_bare_nul_is_no_token),
		cmocka_unit_test(test_access_token__survives_each_failing_allocation),
		cmocka_unit_test(test_token_is__tells_tokens_from_passwords),
		cmocka_unit_test(test_jwk_parse__names_what_is_wrong),
		cmocka_unit_test(test_jwk_parse__bounds_the_number_of_keys),
		cmocka_unit_test(test_jwk_load__reads_what_make_py_wrote),
		cmocka_unit_test(test_base64_decode__each_text_has_one_spelling),
		cmocka_unit_test(test_base64_decode__stays_within_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
