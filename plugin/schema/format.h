/*
 * format.h -- the formats of JSON Schema's format-assertion vocabulary.
 *
 * Pure functions over bytes that are already UTF-8; nothing is allocated, except where a
 * library is asked (regex: pattern_compile; idn and iri: where a kept library does it).
 */
#ifndef PETSTORE_FORMAT_H
#define PETSTORE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

/* One format; a row of a static table. */
struct format;

/* The format called @name, or NULL where this build does not check it. */
const struct format *format_find(const char *name, size_t len);

/* "date-time": a literal. */
const char *format_name(const struct format *format);

/* What checking the string costs at most, in units of some 10 nanoseconds (run.h). */
size_t format_work(const struct format *format, const char *text, size_t len);

/* Is that more than a look or two at each byte? */
bool format_is_costly(const struct format *format);

/* Does the string have the format? The RFC of each stands in format.c. */
bool format_check(const struct format *format, const char *text, size_t len);

#endif
