/*
 * schema_compare.h -- two JSON Schemas against each other: what does the new one take that the old
 * one did not, and the other answer round?
 *
 * Keyword by keyword, at each place of a message that both speak of. What stands below allOf
 * counts as if it stood beside it. It errs on the side of saying too much: a keyword that
 * changed is listed also where another one makes it meaningless. Keywords whose change has no
 * direction that could be read off (anyOf, if, not, ...) are listed as "not compared".
 */
#ifndef PETSTORE_CTL_SCHEMA_COMPARE_H
#define PETSTORE_CTL_SCHEMA_COMPARE_H

#include <jansson.h>
#include <stdbool.h>

enum schema_compare_answer { SCHEMA_COMPARE_REFUSES, SCHEMA_COMPARE_ALLOWS, SCHEMA_COMPARE_OPEN };

/* One change: "/quantity: minimum: 1 instead of 0". @detail lives for the call. */
typedef void schema_compare_row(enum schema_compare_answer answer, const char *detail, void *ctx);

/* Both schemas without references (deref.h) and of one draft. */
void schema_compare(const json_t *old, const json_t *new, schema_compare_row *row, void *ctx);

#endif
