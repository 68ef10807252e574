/*
 * format.h -- the formats of JSON Schema's format-assertion vocabulary.
 *
 * These are pure functions over bytes that are already UTF-8. They allocate nothing themselves; the
 * libraries behind the formats regex (pattern_compile), idn-* and iri* may allocate.
 */
#ifndef PETSTORE_FORMAT_H
#define PETSTORE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

/* One format; a row of a static table. */
struct format;

/* Returns the format called @name, or NULL where this build does not check it. */
const struct format *format_find(const char *name, size_t len);

/* Returns the name, such as "date-time"; a literal. */
const char *format_name(const struct format *format);

/* Returns the most that a check of the string costs, in units of about 10 nanoseconds (run.h). */
size_t format_work(const struct format *format, const char *text, size_t len);

/* Does a check cost more than reading each byte once or twice? */
bool format_is_costly(const struct format *format);

/* Does the string have the format? format.c names the RFC of each. */
bool format_check(const struct format *format, const char *text, size_t len);

#endif
