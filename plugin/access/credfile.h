/*
 * credfile.h -- a file of `user:secret` lines, read whole.
 *
 * Does what the files of passwords and of SCRAM keys have in common: reads the lines, makes the
 * index of users, and checks whether the file's mode lets others read or write it. The caller
 * checks the format of the secrets. Empty lines and lines that begin with '#' are skipped, and
 * white space at a line's end is cut. A byte order mark is an error: other readers take it for part
 * of the first user's name.
 */
#ifndef PETSTORE_CREDFILE_H
#define PETSTORE_CREDFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/nametable.h"
#include "base/diag.h"

#define CREDFILE_USERS_MAX 1000000u
#define CREDFILE_USER_MAX 128u  /* bytes of a user's name */
#define CREDFILE_LINE_MAX 2048u /* bytes of a line */
#define CREDFILE_MAX_BYTES (512u << 20)

struct credfile_entry {
	const char *user;
	const char *secret;
	uint32_t line; /* where it stands, from 1 */
};

/*
 * Callers read the members; only the functions here change them. It holds a pointer into itself, so
 * it must not be copied or moved.
 */
struct credfile {
	size_t count;
	struct credfile_entry *entry; /* in the file's order */
	/* One line for the log if others than its owner and group may read the file, or others
	 * than its owner may write it; else NULL. */
	const char *warning;
	struct diag line; /* the same */
	struct nametable table;
	struct arena arena; /* entries and table */
	char *text;         /* lines, cut into strings in place; entries point into it */
	size_t text_len;
};

/*
 * Checks one secret (NUL-terminated) while the file is read. Returns NULL if it is well-formed,
 * else a literal that says what is wrong with it.
 */
typedef const char *credfile_fault(const char *secret, void *ctx);

/*
 * Fills @ret, which must be all zero, with the lines of @text (@len bytes, borrowed for the call);
 * @name is the file name for @diag. @text NULL: with the lines of the file @name. On failure @ret
 * is empty and @diag reads like "passwd:12: no ':' in the line"; a secret never gets into it.
 */
int credfile_read(const char *name, const char *text, size_t len, credfile_fault *fault, void *ctx,
		  struct credfile *ret, struct diag *diag) MUST_CHECK;

void credfile_clear(struct credfile *file); /* an empty one is fine; wipes the secrets */

/* The secret of @user, borrowed, or NULL. */
const char *credfile_find(const struct credfile *file, const char *user);

/*
 * Reads at *at a decimal number of 1 to @max, without sign or leading zero, and the character
 * @after behind it, and moves *at past both. False: there is none.
 */
bool credfile_number(const char **at, char after, uint32_t max, uint32_t *ret);

#endif
