/*
 * number.h -- JSON numbers compared by their value, however they are written.
 *
 * A number is kept as a 64-bit integer, as a double, or, where neither holds it, as its text.
 * Comparison and equality are exact across all three (1.0 is 1; 2^53 + 1 is not the double 2^53).
 * Where decimals matter (multipleOf), a double stands for the shortest decimal that parses to it.
 * Nothing is allocated.
 */
#ifndef PETSTORE_SCHEMA_NUMBER_H
#define PETSTORE_SCHEMA_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum number_kind {
	NUMBER_INT,  /* i */
	NUMBER_UINT, /* u, above INT64_MAX */
	NUMBER_REAL, /* d, finite */
	NUMBER_BIG,  /* text: a JSON number beyond both 64 bits and a double */
};

struct number {
	enum number_kind kind;
	union {
		int64_t i;
		uint64_t u;
		double d;
		struct {
			const char *text; /* borrowed */
			size_t len;
		} big;
	};
};

/* Returns the nearest double; infinity where the number is beyond the largest double. */
double number_real(const struct number *number);

/*
 * Must this JSON number be kept as text? True where its double is infinite, or is whole although
 * the number is not (1e-400, 1.00000000000000000001).
 */
bool number_needs_text(const char *text, size_t len);

/* Returns a number below 0, 0 or above 0, as @a is below, equal to or above @b. */
int number_compare(const struct number *a, const struct number *b);

/* Is the number whole? 1.0 is. */
bool number_is_integer(const struct number *number);

/* Returns the number without its fraction. The number must not be outside int64_t. */
int64_t number_whole(const struct number *number);

/* Equal numbers have equal hashes. */
uint64_t number_hash(const struct number *number);

/* A divisor as mantissa * 10^exponent. The mantissa does not end in 0. */
struct number_divisor {
	uint64_t mantissa;
	int exponent;
};

/* False where @number is not above 0 or has more than 19 significant digits. */
bool number_divisor_init(struct number_divisor *ret, const struct number *number);

/* Is @number a whole multiple of @divisor, in decimals? 0.0075 is a multiple of 0.0001. */
bool number_is_multiple(const struct number *number, const struct number_divisor *divisor);

/*
 * A faster check, for doubles with few decimals such as prices. True is exact; false may also mean
 * that this check cannot decide.
 */
bool number_is_short_multiple(double d, const struct number_divisor *divisor);

/* "12.5" and a NUL; longer numbers are cut with "...". */
#define NUMBER_TEXT_MAX 48

/* Writes the number as JSON would to @ret (NUMBER_TEXT_MAX bytes). Returns @ret. */
char *number_print(const struct number *number, char *ret);

#endif
