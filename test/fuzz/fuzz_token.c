/*
 * Tokens and key files. The first byte says what the rest is: a token as it comes; a header
 * and a payload that are signed here, so that the claims behind a signature are reached; or a
 * key file.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/accessfake.h"
#include "base/base64.h"
#include "access/jwk.h"
#include "access/names.h"
#include "access/token.h"

#define ENSURE(fact)                                                                               \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "does not hold: %s\n", #fact);                             \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#define DATA "test/data/access/tokens/"
#define NOW INT64_C(1800000000000)
#define PART_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct access *access;
static struct jwk_set *keys;

static void set_up(void)
{
	struct diag diag;

	if (access_load(DATA "access.json", &fake_contract, &access, NULL, &diag) ||
	    jwk_load(DATA "secret.jwk.json", &keys, &diag)) {
		fprintf(stderr, "%s\n", diag.text);
		exit(1);
	}
}

static void check_token(const char *text, size_t len)
{
	struct access_principal *who = NULL;
	struct access_token_facts facts;
	struct diag diag;

	diag_init(&diag);
	if (access_token(access, text, len, NOW, &who, &facts, &diag)) {
		ENSURE(diag.text[0] && !who);
		return;
	}
	ENSURE(!names_fault(who->name, strlen(who->name), ACCESS_NAME_MAX));
	ENSURE(facts.expires_ms > NOW);
	access_principal_drop(who);
}

/* "header\0payload" as a token under the HS256 issuer's secret. */
static void check_claims(const uint8_t *data, size_t size)
{
	static char token[4 * PART_MAX];
	const uint8_t *nul = memchr(data, '\0', size);
	unsigned char mac[32];
	size_t head = nul ? (size_t)(nul - data) : size;
	size_t body = nul ? size - head - 1 : 0;
	size_t len;

	if (head > PART_MAX || body > PART_MAX)
		return;
	base64_encode(BASE64_URL, data, head, token);
	len = strlen(token);
	token[len++] = '.';
	base64_encode(BASE64_URL, nul ? nul + 1 : data, body, token + len);
	len += strlen(token + len);
	ENSURE(HMAC(EVP_sha256(), keys->key[0].secret, (int)keys->key[0].secret_len,
		    (const unsigned char *)token, len, mac, NULL));
	token[len++] = '.';
	base64_encode(BASE64_URL, mac, sizeof(mac), token + len);
	check_token(token, len + strlen(token + len));
}

static void check_keys(const char *text, size_t len)
{
	struct jwk_set *set = NULL;
	struct diag diag;

	diag_init(&diag);
	if (jwk_parse("k", text, len, &set, &diag)) {
		ENSURE(diag.text[0] && !set);
		return;
	}
	for (size_t i = 0; i < set->count; i++)
		ENSURE((set->key[i].algorithm == JWK_HS256) == (set->key[i].key == NULL));
	jwk_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!access)
		set_up();
	if (size == 0)
		return 0;
	if (data[0] == 'c')
		check_claims(data + 1, size - 1);
	else if (data[0] == 'k')
		check_keys((const char *)data + 1, size - 1);
	else
		check_token((const char *)data + 1, size - 1);
	return 0;
}
