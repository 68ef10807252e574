/*
 * seal.h -- short texts that a client keeps for us, and can neither read nor make.
 *
 * AES-256-GCM under a random key, which ends with the process. All sealed texts are equally long,
 * and the same text is sealed differently each time. For any thread.
 */
#ifndef PETSTORE_SEAL_H
#define PETSTORE_SEAL_H

#include <stdbool.h>

#include "base/base64.h"
#include "base/diag.h"

#define SEAL_KEY_BYTES 32u
#define SEAL_TEXT_MAX 128u /* bytes of a text */
#define SEAL_NONCE_BYTES 12u
#define SEAL_TAG_BYTES 16u
#define SEAL_BYTES (SEAL_NONCE_BYTES + SEAL_TEXT_MAX + SEAL_TAG_BYTES)
#define SEAL_SIZE BASE64_ENCODED_SIZE(SEAL_BYTES) /* of a sealed text, NUL included */

struct seal {
	unsigned char key[SEAL_KEY_BYTES];
};

/* Draws a key. ERR_IO where the system has no randomness to give. */
int seal_init(struct seal *ret, struct diag *diag) MUST_CHECK;
void seal_clear(struct seal *seal);

/* Seals @text, as letters, digits, "-" and "_". False: it is too long, or memory ran out. */
bool seal_close(const struct seal *seal, const char *text, char ret[SEAL_SIZE]);

/* The text of what seal_close() made under this key; false: it is nothing of that kind. */
bool seal_open(const struct seal *seal, const char *sealed, char ret[SEAL_TEXT_MAX + 1]);

#endif
