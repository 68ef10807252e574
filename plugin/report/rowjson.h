/*
 * rowjson.h -- a row of the database as a JSON object.
 */
#ifndef PETSTORE_REPORT_ROWJSON_H
#define PETSTORE_REPORT_ROWJSON_H

#include <jansson.h>
#include <stddef.h>

#include "ledger/query.h"

/*
 * A new object with a member for each cell. Bytes that are not UTF-8 come out as \xNN. Texts are
 * cut behind @max bytes, between two characters; 0: they are not. NULL: memory ran out.
 */
json_t *rowjson(const struct query_row *row, size_t max);

/* One cell of it. *is_cut becomes true where its text was cut. */
json_t *rowjson_cell(const struct query_cell *cell, size_t max, bool *is_cut);

#endif
