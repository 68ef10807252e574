/*
 * SCRAM messages: client-first and client-final, a newline between them. Nobody who does not
 * know the password gets in, and what we answer is text of a message.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/scram.h"

#define ENSURE(fact)                                                                               \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "does not hold: %s\n", #fact);                             \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#define KEYS                                                                                       \
	"user:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"                                        \
	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"                                            \
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct scram_keys *keys;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *newline = size ? memchr(text, '\n', size) : NULL;
	size_t first = newline ? (size_t)(newline - text) : size;
	struct scram_login *login = NULL;
	char reply[SCRAM_REPLY_MAX];
	struct diag diag;

	diag_init(&diag);
	if (!keys && scram_parse("keys", KEYS, strlen(KEYS), &keys, &diag))
		abort();
	/* A nonce of our own makes the last message of the seeds one that fits. */
	if (scram_begin(keys, text, first, "ours", &login, reply, &diag)) {
		ENSURE(diag.text[0] && !login);
		return 0;
	}
	ENSURE(memcmp(reply, "r=", 2) == 0 && strlen(reply) < SCRAM_REPLY_MAX);
	ENSURE(scram_user(login)[0]);
	if (newline)
		ENSURE(scram_finish(login, newline + 1, size - first - 1, reply, &diag) != 0);
	scram_drop(login);
	return 0;
}
