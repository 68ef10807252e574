/*
 * wholefile.h -- reads a file of the operator's whole, and never blocks on it.
 *
 * The broker's thread reads these files at every reload. Anything but a regular file is refused
 * before it is read, since opening a pipe would wait for its other end.
 */
#ifndef PETSTORE_WHOLEFILE_H
#define PETSTORE_WHOLEFILE_H

#include <stddef.h>
#include <sys/stat.h>

#include "base/diag.h"

/*
 * Reads @path, of at most @max bytes. On success *ret is new, to be freed with free(), and has
 * *ret_len bytes with room for one more; *ret_st is the file's status (@ret_st may be NULL). On
 * failure they are untouched, @diag begins with the path, and the result is ERR_IO, ERR_LIMIT or
 * ERR_NOMEM.
 */
int wholefile_read(const char *path, size_t max, char **ret, size_t *ret_len, struct stat *ret_st,
		   struct diag *diag) MUST_CHECK;

/* Writes all of @text to @fd, at once or in parts. Returns 0, or an errno. */
int wholefile_write(int fd, const char *text, size_t len);

#endif
