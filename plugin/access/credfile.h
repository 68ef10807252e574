/*
 * credfile.h -- a file of `user:secret` lines, read whole.
 *
 * What passwords and SCRAM keys have in common: the lines, the users' index, and whether the
 * file's mode lets others read it. What a secret has to look like is the caller's business.
 * Empty lines and lines that begin with '#' are skipped, white space at a line's end is cut.
 * A byte order mark is an error: to other readers it is part of the first user's name.
 */
#ifndef PETSTORE_CREDFILE_H
#define PETSTORE_CREDFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define CREDFILE_USERS_MAX 1000000u
#define CREDFILE_USER_MAX 128u  /* bytes of a user's name */
#define CREDFILE_LINE_MAX 2048u /* bytes of a line */
#define CREDFILE_MAX_BYTES (512u << 20)

struct credfile;

struct credfile_entry {
	const char *user;
	const char *secret;
	uint32_t line; /* where it stands, from 1 */
};

/*
 * Looks at one secret (NUL-terminated) while the file is read. NULL where it is well-formed,
 * else what is wrong with it, a literal.
 */
typedef const char *credfile_fault(const char *secret, void *ctx);

/*
 * Loads @path. On failure *ret is untouched and @diag reads like "passwd:12: no ':' in the
 * line"; a secret never gets into it.
 */
int credfile_load(const char *path, credfile_fault *fault, void *ctx, struct credfile **ret,
		  struct diag *diag);

/* The same over text in memory (borrowed for the call). */
int credfile_parse(const char *name, const char *text, size_t len, credfile_fault *fault, void *ctx,
		   struct credfile **ret, struct diag *diag);

/* NULL is fine; wipes the secrets. */
void credfile_free(struct credfile *file);

size_t credfile_count(const struct credfile *file);
const struct credfile_entry *credfile_at(const struct credfile *file, size_t index);

/* The secret of @user, borrowed, or NULL. */
const char *credfile_find(const struct credfile *file, const char *user);

/* One line for the log where others than its owner and group may read the file, or others
 * than its owner may write it; else NULL. */
const char *credfile_warning(const struct credfile *file);

#endif
