/*
 * ascii.h -- classes of ASCII characters, whatever the locale is.
 */
#ifndef PETSTORE_ASCII_H
#define PETSTORE_ASCII_H

#include <stdbool.h>

/* 0 to 9. */
static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A to Z, a to z. */
static inline bool ascii_is_alpha(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* The value of a hexadecimal digit, or -1. */
static inline int ascii_hex(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
