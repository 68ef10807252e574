/*
 * password.h -- the password file, in mosquitto_passwd's format.
 *
 * Lines of `user:hash`, hash being one of
 *     $6$<salt>$<hash>                base64; SHA-512 over password and salt
 *     $7$<iterations>$<salt>$<hash>   base64; PBKDF2-HMAC-SHA-512
 *     $argon2id$v=19$m=..,t=..,p=..$<salt>$<hash>   where the OpenSSL at hand has it (3.2+)
 * Empty lines and lines that begin with '#' are skipped. A line of any other form, a
 * second line for a user, a parameter beyond its maximum, or argon2id where OpenSSL lacks it, is a
 * load error that names the line.
 */
#ifndef PETSTORE_PASSWORD_H
#define PETSTORE_PASSWORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/credfile.h"
#include "base/diag.h"
#include "base/reason.h"

#define PASSWORD_MAX_BYTES 1024u               /* of a password; longer ones never match */
#define PASSWORD_ITERATIONS_MAX 10000000u      /* of PBKDF2 */
#define PASSWORD_ARGON_MEMORY_MAX (256u << 10) /* KiB */
#define PASSWORD_ARGON_PASSES_MAX 64u
#define PASSWORD_ARGON_LANES_MAX 16u
#define PASSWORD_SALT_MAX 128u /* bytes; mosquitto_passwd writes 12, or 64 since 2.1 */
#define PASSWORD_HASH_MAX 128u /* bytes; of argon2id, the others have 64 */
#define PASSWORD_TEXT_MAX 512u /* characters of a stored hash, NUL included */

/*
 * What a check may cost where the broker serves no client meanwhile, in rounds of PBKDF2. Above
 * PASSWORD_STALL_NOTED a warning is logged; above PASSWORD_STALL_MAX the file is refused. Half a
 * million rounds take 0.14 to 0.2 s on a server's processor, and half a second on one that is a
 * third as fast: as much as plugin_opt_derivation_share leaves to checks in one second, and more
 * than a client should wait for twice.
 */
#define PASSWORD_WEAK 10000u /* mosquitto_passwd makes 101 (2.0) or 1,000 rounds */
#define PASSWORD_STALL_NOTED 250000u
#define PASSWORD_STALL_MAX 500000u

/* Rounds of PBKDF2 for new passwords: what OWASP's cheat sheet on password storage asks. */
#define PASSWORD_ITERATIONS_NEW 210000u

/* Callers read the members; they never change. */
struct passwords {
	struct credfile file; /* what it says of each user; file.warning */
	/*
	 * What the costliest entry's check takes, in iterations of PBKDF2-HMAC-SHA-512 (0.3 to 1 us
	 * each); 0 without entries. A refused login takes as long for any user.
	 */
	uint64_t cost;
	const struct credfile_entry *costliest; /* that entry; NULL without entries */
	/*
	 * One line for the log if some user's check takes less than PASSWORD_WEAK rounds, so that
	 * a thief of the file finds passwords fast; else NULL.
	 */
	const char *weakness;
	struct diag line; /* the same */
	atomic_uint holders;
};

int passwords_load(const char *path, struct passwords **ret, struct diag *diag) MUST_CHECK;

/*
 * As passwords_load(), but reads @text (borrowed for the call); @name is the file name for @diag.
 * @text NULL: reads the file @name.
 */
int passwords_parse(const char *name, const char *text, size_t len, struct passwords **ret,
		    struct diag *diag) MUST_CHECK;

/*
 * Adds a holder, for a thread that checks while a reload frees its own hold. Returns @passwords;
 * passwords_free() ends the hold.
 */
struct passwords *passwords_share(struct passwords *passwords);

/* Ends one hold, from any thread; the last one frees @passwords. NULL is fine. */
void passwords_free(struct passwords *passwords);

/*
 * Is this @user's password? The answer takes the same time for an unknown user as for a wrong
 * password: for an unknown user the key is derived with the costliest entry's parameters, and after
 * a wrong password for a cheaper entry the difference is derived as well. Compares in constant
 * time. Each call costs a key derivation: put a credcache in front of it. A password with a NUL
 * byte never matches, and no password matches when memory runs out. Any number of threads may call
 * it at once.
 */
enum verdict passwords_check(const struct passwords *passwords, const char *user,
			     const char *password, size_t password_len);

/* Can the OpenSSL at hand derive argon2id? */
bool password_has_argon2(void);

/* ---- single hashes, for the tool that writes them ---------------------------------------- */

enum password_kind { PASSWORD_SHA512, PASSWORD_PBKDF2, PASSWORD_ARGON2 };

struct password_cost {
	enum password_kind kind;
	uint32_t iterations; /* PBKDF2 */
	uint32_t memory;     /* argon2id: KiB, passes, lanes */
	uint32_t passes;
	uint32_t lanes;
};

/*
 * Writes the stored form of @password with a new random salt to @ret (PASSWORD_TEXT_MAX). The
 * salt has 12 bytes, which every version of Mosquitto reads (16 for argon2id, which is not
 * read by Mosquitto 2.0). ERR_LIMIT where a parameter is out of bounds, ERR_INVALID where the
 * password is empty, too long or holds a NUL, or OpenSSL has no argon2id.
 */
int password_make(const struct password_cost *cost, const char *password, size_t password_len,
		  char *ret, struct diag *diag) MUST_CHECK;

/* What the check of the stored hash text @stored takes, in rounds of PBKDF2; 0: it is none. */
uint64_t password_cost_of(const char *stored);

/* Does @password give the stored hash text @stored? False also where that is malformed. */
bool password_verify(const char *stored, const char *password, size_t password_len);

#endif
