/*
 * schema_compare.h -- compares two JSON Schemas: what does the new one accept or refuse that the
 * old one did not?
 *
 * Keyword by keyword, at each place of a message that both name. Schemas in allOf count as if they
 * were beside it. It may list too much: a changed keyword is listed even if another one makes it
 * ineffective. Keywords whose change could mean either (anyOf, if, not, ...) are listed as "not
 * compared".
 */
#ifndef PETSTORE_CTL_SCHEMA_COMPARE_H
#define PETSTORE_CTL_SCHEMA_COMPARE_H

#include <jansson.h>
#include <stdbool.h>

enum schema_compare_answer { SCHEMA_COMPARE_REFUSES, SCHEMA_COMPARE_ALLOWS, SCHEMA_COMPARE_OPEN };

/* One change: "/quantity: minimum: 1 instead of 0". @detail lives for the call. */
typedef void schema_compare_row(enum schema_compare_answer answer, const char *detail, void *ctx);

/* Both schemas without references, written as draft 2020-12 has it (deref.h). */
void schema_compare(const json_t *old, const json_t *new, schema_compare_row *row, void *ctx);

#endif
