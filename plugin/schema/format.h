/*
 * format.h -- the formats of JSON Schema's format-assertion vocabulary, and of AsyncAPI and
 * OpenAPI.
 *
 * JSON Schema's formats are for strings, and so are byte (base64), binary and password. int8 to
 * uint64, float and double are for numbers: each stands for a range, and all but float and double
 * for whole numbers (AsyncAPI 3.0, Data Type Formats; OpenAPI's format registry). A format says
 * nothing of values of another type. binary and password say nothing of any value.
 *
 * These are pure functions over bytes that are already UTF-8. They allocate nothing themselves; the
 * libraries behind the formats regex (pattern_compile), idn-* and iri* may allocate.
 */
#ifndef PETSTORE_FORMAT_H
#define PETSTORE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/suggest.h"
#include "schema/number.h"

/* One format; a row of a static table. */
struct format;

/* Returns the format called @name, or NULL where this build does not check it. */
const struct format *format_find(const char *name, size_t len);

/* Adds all names to @suggest. */
void format_suggest(struct suggest *suggest);

/* The numbers that a format allows. */
struct format_range {
	struct number low; /* inclusive */
	struct number high;
	bool is_integer;
};

/*
 * Returns the range of a format that is for numbers, a row of a static table; NULL for one that is
 * for strings. A float is a number whose nearest float is finite: digits that it can't hold are no
 * fault.
 */
const struct format_range *format_range(const struct format *format);

/* Can a string lack this format? False for formats for numbers, and for binary and password. */
bool format_is_for_text(const struct format *format);

/* Returns the name, such as "date-time"; a literal. */
const char *format_name(const struct format *format);

/* Returns the most that a check of the string costs, in units of about 10 nanoseconds (run.h). */
size_t format_work(const struct format *format, const char *text, size_t len);

/* Does a check cost more than reading each byte once or twice? */
bool format_is_costly(const struct format *format);

/*
 * Does the string have the format, which format_is_for_text() must be true of? format.c names the
 * RFC of each.
 */
bool format_check(const struct format *format, const char *text, size_t len);

#endif
