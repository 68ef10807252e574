/*
 * sametext.h -- are two short texts the same?
 *
 * For ids, statuses and names. Each message compares a dozen of them, of some ten bytes, and
 * calling memcmp() through the PLT costs more than comparing them here.
 */
#ifndef PETSTORE_SAMETEXT_H
#define PETSTORE_SAMETEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/wordhash.h"

/* Compares @len bytes of each; NULs count like any byte. */
static inline bool sametext(const char *a, const char *b, size_t len)
{
	uint64_t x, y;

	for (; len > 8; a += 8, b += 8, len -= 8) {
		memcpy(&x, a, 8);
		memcpy(&y, b, 8);
		if (x != y)
			return false;
	}
	return wordhash_few((const unsigned char *)a, len) ==
	       wordhash_few((const unsigned char *)b, len);
}

#endif
