/*
 * scram.h -- SCRAM-SHA-256, the server's side (RFC 5802, RFC 7677).
 *
 * Knows the messages and the stored keys; knows nothing of MQTT packets or principals. The
 * keys stand in a file of lines
 *
 *     user:SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>
 *
 * in base64, the form of RFC 5803 that PostgreSQL uses as well. Neither the password nor
 * anything it could be computed from crosses the wire, and the file's keys do not suffice to
 * log in. No channel binding is offered, because Mosquitto does not give a plugin the data for it.
 *
 * An unknown user gets the same kind of answer as a known one: a salt that depends on the name and
 * the file only, and iterations that some user of the file has. Such a login fails at its end.
 *
 * Names are compared byte for byte, without SASLprep. scram_make() takes passwords of printable
 * ASCII only, which SASLprep leaves as they are.
 */
#ifndef PETSTORE_SCRAM_H
#define PETSTORE_SCRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/credfile.h"
#include "base/diag.h"

#define SCRAM_METHOD "SCRAM-SHA-256"
#define SCRAM_ITERATIONS_MIN 4096u /* RFC 7677, 4 */
#define SCRAM_ITERATIONS_MAX 10000000u
#define SCRAM_KEY_BYTES 32u
#define SCRAM_SALT_MIN 8u
#define SCRAM_SALT_MAX 64u
#define SCRAM_MESSAGE_MAX 1024u /* bytes of a client's message */
#define SCRAM_NONCE_MAX 256u    /* bytes of a client's nonce */
#define SCRAM_REPLY_MAX 512u    /* bytes of our messages, NUL included */
#define SCRAM_TEXT_MAX 256u     /* characters of stored keys, NUL included */

/* Callers read the members; they never change. */
struct scram_keys {
	struct credfile file;                  /* the stored keys of each user; file.warning */
	unsigned char secret[SCRAM_KEY_BYTES]; /* what unknown users' salts are made with */
};

/* As passwords_load() and passwords_parse(). */
int scram_load(const char *path, struct scram_keys **ret, struct diag *diag) MUST_CHECK;
int scram_parse(const char *name, const char *text, size_t len, struct scram_keys **ret,
		struct diag *diag) MUST_CHECK;
void scram_free(struct scram_keys *keys); /* NULL is fine */
/* One login that has begun. It owns all it needs: @keys may be freed meanwhile. */
struct scram_login;

/*
 * Takes the client-first message (EXT_AUTH_START's data; NULL with length 0 is refused) and
 * writes server-first to @reply (SCRAM_REPLY_MAX, terminated). On success *ret is a new login; call
 * scram_drop() for it at the latest when the client disconnects. In tests @nonce replaces our
 * random part of the nonce; else it is NULL. On failure *ret is untouched and @diag says why, for
 * the log.
 */
int scram_begin(const struct scram_keys *keys, const char *data, size_t len, const char *nonce,
		struct scram_login **ret, char *reply, struct diag *diag) MUST_CHECK;

/*
 * Takes the client-final message and writes server-final to @reply. 0: the client proved to be
 * scram_user(). Else it did not, and @reply must not be sent. Call it once for each login: a second
 * call is refused.
 */
int scram_finish(struct scram_login *login, const char *data, size_t len, char *reply,
		 struct diag *diag) MUST_CHECK;

/* The name that the login is for, without its escapes; proved only after scram_finish(). */
const char *scram_user(const struct scram_login *login);

void scram_drop(struct scram_login *login); /* NULL is fine; wipes keys */

/*
 * Writes the stored keys of @password with a new random salt to @ret (SCRAM_TEXT_MAX). 1 to 1024
 * bytes of printable ASCII, iterations within the bounds above.
 */
int scram_make(uint32_t iterations, const char *password, size_t len, char *ret,
	       struct diag *diag) MUST_CHECK;

/* Does @password give the stored keys @text? False also where they are malformed. */
bool scram_verify(const char *text, const char *password, size_t len);

#endif
