/*
 * wholefile.h -- a file of the operator's, read whole and never waited for.
 *
 * The broker's thread reads these at every reload: what is no regular file is refused before
 * anything is read from it, since opening a pipe would wait for its other end.
 */
#ifndef PETSTORE_WHOLEFILE_H
#define PETSTORE_WHOLEFILE_H

#include <stddef.h>
#include <sys/stat.h>

#include "base/diag.h"

/*
 * Reads @path, of at most @max bytes. On success *ret is new, of *ret_len bytes and room for
 * one more, to be freed; *ret_st is its status, where it is asked for (NULL: it is not). On
 * failure they are untouched, @diag begins with the path, and the result is ERR_IO, ERR_LIMIT
 * or ERR_NOMEM.
 */
int wholefile_read(const char *path, size_t max, char **ret, size_t *ret_len, struct stat *ret_st,
		   struct diag *diag);

#endif
