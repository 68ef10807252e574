/*
 * credwrite.h -- adds, replaces or removes one user's line in a file of `user:secret` lines.
 *
 * Every other line stays as it is and where it is, comments included. The file is replaced as
 * a whole, so that a reader sees the old one or the new one, and after a crash there is one of
 * the two. A new file has mode 0600; one that was there keeps its owner, its group and what
 * its mode says of them, except that only the owner may write and others get nothing.
 *
 * Two writers at a time: the last one wins.
 */
#ifndef PETSTORE_CREDWRITE_H
#define PETSTORE_CREDWRITE_H

#include <stdbool.h>

#include "base/diag.h"

/*
 * Puts the line "@user:@secret"; behind all others where @user has none. @secret NULL: takes the
 * user's line out. *was_there: it had one.
 */
int credwrite_put(const char *path, const char *user, const char *secret, bool *was_there,
		  struct diag *diag) MUST_CHECK;

#endif
