/*
 * input.h -- a file, a pipe or standard input, read whole.
 */
#ifndef PETSTORE_CTL_INPUT_H
#define PETSTORE_CTL_INPUT_H

#include <stddef.h>

#include "base/diag.h"

/*
 * Reads @path, or standard input for "-", of at most @max bytes. On success *ret is new, to be
 * freed; on failure untouched, and @diag names the file.
 */
int input_read(const char *path, size_t max, char **ret, size_t *ret_len, struct diag *diag);

#endif
