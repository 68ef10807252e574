/*
 * eightbytes.h -- eight bytes of a text in one word, for what looks at a text byte by byte.
 *
 * The first byte is the lowest of the word on any machine. A caller marks bytes by their top bits:
 * a difference borrows, and so sets its byte's top bit, where the byte is less. A borrow spoils
 * bytes behind its own only, so that the first mark is right.
 */
#ifndef PETSTORE_BASE_EIGHTBYTES_H
#define PETSTORE_BASE_EIGHTBYTES_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* @byte eight times. */
static inline uint64_t eightbytes_of(unsigned char byte)
{
	return UINT64_C(0x0101010101010101) * byte;
}

/* The eight bytes at @at, which need not be aligned. */
static inline uint64_t eightbytes_read(const void *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return le64toh(word);
}

/* Which byte has the first mark? @marks: top bits of bytes, at least one. */
static inline size_t eightbytes_first(uint64_t marks)
{
	return (size_t)__builtin_ctzll(marks) / 8;
}

#endif
