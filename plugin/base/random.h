/*
 * random.h -- keys and seeds from the system's random numbers.
 */
#ifndef PETSTORE_RANDOM_H
#define PETSTORE_RANDOM_H

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>

#include "base/diag.h"

/* Fills @ret with @len random bytes, 256 at most. 0; ERR_IO where the system gives none. */
static inline int random_bytes(void *ret, size_t len, struct diag *diag)
{
	if (getrandom(ret, len, 0) == (ssize_t)len)
		return 0;
	return diag_set(diag, ERR_IO, "the system gives no random bytes: %s", strerror(errno));
}

#endif
