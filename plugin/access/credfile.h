/*
 * credfile.h -- a file of `user:secret` lines, read whole.
 *
 * What passwords and SCRAM keys have in common: the lines, the users' index, and whether the
 * file's mode lets others read it. The caller checks the format of the secrets.
 * Empty lines and lines that begin with '#' are skipped, white space at a line's end is cut.
 * A byte order mark is an error: to other readers it is part of the first user's name.
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

/* Read it; what changes it is here. It holds a pointer into itself: it stays where it was filled.
 */
struct credfile {
	size_t count;
	struct credfile_entry *entry; /* in the file's order */
	/* One line for the log where others than its owner and group may read the file, or others
	 * than its owner may write it; else NULL. */
	const char *warning;
	struct diag line; /* the same */
	struct nametable table;
	struct arena arena; /* entries and table */
	char *text;         /* lines, cut into strings in place; entries point into it */
	size_t text_len;
};

/*
 * Looks at one secret (NUL-terminated) while the file is read. NULL where it is well-formed,
 * else what is wrong with it, a literal.
 */
typedef const char *credfile_fault(const char *secret, void *ctx);

/*
 * Fills @ret, which is all zero, with the lines of @text (@len bytes, borrowed for the call), for
 * which @name stands; @text NULL: with those of the file @name. On failure @ret is empty and @diag
 * reads like "passwd:12: no ':' in the line"; a secret never gets into it.
 */
int credfile_read(const char *name, const char *text, size_t len, credfile_fault *fault, void *ctx,
		  struct credfile *ret, struct diag *diag) MUST_CHECK;

void credfile_clear(struct credfile *file); /* an empty one is fine; wipes the secrets */

/* The secret of @user, borrowed, or NULL. */
const char *credfile_find(const struct credfile *file, const char *user);

/*
 * Reads a decimal number of 1 to @max without sign or leading zero, and the character @after it,
 * off *at. False where there is none.
 */
bool credfile_number(const char **at, char after, uint32_t max, uint32_t *ret);

#endif
