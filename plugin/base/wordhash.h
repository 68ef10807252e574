/*
 * wordhash.h -- a 64-bit number for some bytes, sixteen bytes at a step.
 *
 * For tables, and to see whether bytes changed; no cryptography. Whoever knows the seed can make
 * texts collide: where clients choose the texts, draw the seed at random, or make collisions
 * harmless. Numbers differ from machine to machine: don't store them.
 */
#ifndef PETSTORE_WORDHASH_H
#define PETSTORE_WORDHASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Odd, with as many ones as zeros: the fraction of the golden ratio. */
#define WORDHASH_GOLDEN UINT64_C(0x9e3779b97f4a7c15)

/* Odd: of the square root of 2. */
#define WORDHASH_FACTOR UINT64_C(0x6a09e667f3bcc909)

/* Combines both halves of the product, so that each bit of either factor counts. */
static inline uint64_t wordhash_mix(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
	a = (a ^ a >> 32) * b;
	return a ^ a >> 29;
#endif
}

/* A number for the 0 to 8 bytes at @at; different bytes of one length have different numbers. */
static inline uint64_t wordhash_few(const unsigned char *at, size_t len)
{
	uint32_t low, high;

	if (len >= 4) {
		memcpy(&low, at, 4);
		memcpy(&high, at + len - 4, 4);
		return low | (uint64_t)high << 32;
	}
	if (len == 0)
		return 0;
	return at[0] | (uint64_t)at[len / 2] << 8 | (uint64_t)at[len - 1] << 16;
}

static inline uint64_t wordhash(uint64_t seed, const void *text, size_t len)
{
	const unsigned char *at = text;
	uint64_t key = seed ^ WORDHASH_GOLDEN; /* without the seed no text makes a factor 0 */
	uint64_t hash = key;
	uint64_t a, b;

	/*
	 * Each factor is mixed with another number, because a * b is b * a: mixed with the same
	 * one, two words that change places would have the same product under every seed.
	 */
	key = wordhash_mix(key + len, WORDHASH_FACTOR);

	if (len > 32) {
		uint64_t other = ~hash;

		/* Two at a time: neither multiplication waits for the other. */
		for (; len > 32; at += 32, len -= 32) {
			memcpy(&a, at, 8);
			memcpy(&b, at + 8, 8);
			hash = wordhash_mix(hash ^ a, b ^ key);
			memcpy(&a, at + 16, 8);
			memcpy(&b, at + 24, 8);
			other = wordhash_mix(other ^ a, b ^ key);
		}
		hash ^= other << 1 | other >> 63;
	}
	if (len > 16) {
		memcpy(&a, at, 8);
		memcpy(&b, at + 8, 8);
		hash = wordhash_mix(hash ^ a, b ^ key);
		at += 16;
		len -= 16;
	}
	if (len <= 8)
		return wordhash_mix(hash ^ wordhash_few(at, len), key);
	memcpy(&a, at, 8);
	memcpy(&b, at + len - 8, 8);
	return wordhash_mix(hash ^ a, b ^ key);
}

#endif
