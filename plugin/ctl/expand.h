/*
 * expand.h -- a contract's schema in one piece: what it asks, without references.
 *
 * For looking at, not for checking messages: each "$ref" is replaced by a member of "allOf" with
 * what it refers to, and what only describes (titles, examples, $defs) is left out.
 */
#ifndef PETSTORE_CTL_EXPAND_H
#define PETSTORE_CTL_EXPAND_H

#include <jansson.h>
#include <stdbool.h>

#include "contract/contract.h"

/*
 * The schema that @uri names (a channel's schema_uri). New, or NULL where memory ran out. A
 * reference into itself stays as it is; so does one by "$id" or "$anchor", and then *is_whole is
 * false.
 */
json_t *expand_schema(const struct contract *contract, const char *uri, bool *is_whole);

#endif
