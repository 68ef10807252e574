/*
 * base64.h -- RFC 4648, strictly.
 *
 * Three spellings are met: with padding (mosquitto_passwd, SCRAM), without (argon2id), and
 * the URL alphabet without (JWT). OpenSSL 3.0 decodes the first only, and takes white space;
 * here each text has one spelling, and no byte is skipped.
 */
#ifndef PETSTORE_BASE64_H
#define PETSTORE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

enum base64_kind { BASE64_PADDED, BASE64_BARE, BASE64_URL };

/* Bytes that @len characters of text can hold at most; characters of @len bytes, with NUL. */
#define BASE64_DECODED_MAX(len) ((len) / 4 * 3 + 3)
#define BASE64_ENCODED_SIZE(len) (((len) + 2) / 3 * 4 + 1)

/*
 * Decodes @len characters into @ret (@cap bytes) and stores the count in *ret_len. False, with
 * @ret in any state, where the text is not of that kind or does not fit.
 */
bool base64_decode(enum base64_kind kind, const char *text, size_t len, unsigned char *ret,
		   size_t cap, size_t *ret_len);

/* Writes @len bytes as text and a NUL to @ret (BASE64_ENCODED_SIZE(len)). Returns @ret. */
char *base64_encode(enum base64_kind kind, const unsigned char *data, size_t len, char *ret);

#endif
