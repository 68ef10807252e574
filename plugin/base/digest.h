/*
 * digest.h -- FNV-1a over eight bytes at a time: tells whether bytes are still the same.
 *
 * Fast and no more: whoever wants two texts with one digest can have them.
 */
#ifndef PETSTORE_DIGEST_H
#define PETSTORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DIGEST_SEED UINT64_C(0xcbf29ce484222325)

/* @bytes (@len of them; NULL is fine where there are none) on top of @seed. */
static inline uint64_t digest_bytes(const void *bytes, size_t len, uint64_t seed)
{
	const unsigned char *at = bytes;
	uint64_t hash = seed ^ len;
	uint64_t word;

	for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x100000001b3);
		hash ^= hash >> 29;
	}
	for (; len > 0; at++, len--)
		hash = (hash ^ *at) * UINT64_C(0x100000001b3);
	return hash;
}

#endif
