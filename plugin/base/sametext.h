/*
 * sametext.h -- are two short texts the same?
 *
 * For ids, statuses and names, of which one message compares a dozen: they have some ten bytes,
 * and a call of memcmp() through the PLT costs more than comparing them here.
 */
#ifndef PETSTORE_SAMETEXT_H
#define PETSTORE_SAMETEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/wordhash.h"

/* The @len bytes of each, whatever they are. */
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
