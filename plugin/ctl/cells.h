/*
 * cells.h -- rows of a database as JSON objects.
 */
#ifndef PETSTORE_CTL_CELLS_H
#define PETSTORE_CTL_CELLS_H

#include <jansson.h>
#include <stddef.h>

#include "ledger/query.h"

/*
 * A new object with a member for each cell. Bytes that are not UTF-8 come out as \xNN. NULL:
 * memory ran out.
 */
json_t *cells_json(const struct query_row *row);

/* A query_visit: appends the row to @ctx, an array. */
bool cells_collect(const struct query_row *row, void *ctx);

/* The text of a JSON cell, "" where it is none. */
const char *cells_text(const json_t *row, const char *name);

#endif
