/*
 * Password files, and SCRAM files, whose lines are alike. What loads is what a second reading
 * of the same lines finds, no password but a derived one gets in, and a message never shows
 * a secret.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "access/password.h"
#include "access/scram.h"

#define ENSURE(fact)                                                                               \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "does not hold: %s\n", #fact);                             \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Derivations above this cost would only make the fuzzer slow. */
#define COST_MAX 1000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_passwords(const char *text, size_t size)
{
	struct passwords *passwords = NULL;
	struct diag diag;

	diag_init(&diag);
	if (passwords_parse("f", text, size, &passwords, &diag)) {
		ENSURE(memcmp(diag.text, "f:", 2) == 0 && !passwords);
		return;
	}
	if (passwords->cost <= COST_MAX) {
		ENSURE(passwords_check(passwords, "a", "word", 4) == VERDICT_DENY);
		ENSURE(passwords_check(passwords, "nobody", "", 0) == VERDICT_DENY);
	}
	passwords_free(passwords);
}

static void check_scram(const char *text, size_t size)
{
	struct scram_keys *keys = NULL;
	struct diag diag;

	diag_init(&diag);
	if (scram_parse("f", text, size, &keys, &diag)) {
		ENSURE(memcmp(diag.text, "f:", 2) == 0 && !keys);
		return;
	}
	ENSURE(!credfile_find(&keys->file, "") && !keys->file.warning);
	scram_free(keys);
}

/* What decodes is what its encoding is: each text has one spelling. */
static void check_base64(const char *text, size_t size)
{
	unsigned char bytes[300];
	char again[BASE64_ENCODED_SIZE(sizeof(bytes))];
	size_t len;

	for (enum base64_kind kind = BASE64_PADDED; kind <= BASE64_URL; kind++) {
		if (!base64_decode(kind, text, size, bytes, sizeof(bytes), &len))
			continue;
		base64_encode(kind, bytes, len, again);
		ENSURE(strlen(again) == size && memcmp(again, text, size) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	check_passwords(text, size);
	check_scram(text, size);
	check_base64(text, size);
	return 0;
}
