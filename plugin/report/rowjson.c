#include "report/rowjson.h"

#include <math.h>
#include <stdlib.h>

#include "base/diag.h"
#include "base/utf8.h"

static json_t *text_json(const char *text, size_t len)
{
	json_t *json = json_stringn(text, len);
	char *escaped;

	if (json)
		return json;
	escaped = malloc(4 * len + 1); /* not UTF-8 */
	if (!escaped)
		return NULL;
	json = json_string(diag_escape(escaped, 4 * len + 1, text, len));
	free(escaped);
	return json;
}

/* At most @max bytes, and no part of a character at their end. */
static size_t cut(const char *text, size_t len, size_t max)
{
	size_t at = max;

	if (max == 0 || len <= max)
		return len;
	while (at > 0 && max - at < 4 && utf8_is_inner(text[at]))
		at--;
	return utf8_is_inner(text[at]) ? max : at; /* not UTF-8 at all */
}

json_t *rowjson_cell(const struct query_cell *cell, size_t max, bool *is_cut)
{
	const char *text = cell->text ? cell->text : "";
	size_t len;

	switch (cell->type) {
	case VALUE_TEXT:
		len = cut(text, cell->len, max);
		if (len < cell->len)
			*is_cut = true;
		return text_json(text, len);
	case VALUE_INTEGER:
	case VALUE_BOOLEAN:
		return json_integer(cell->integer);
	case VALUE_REAL:
		/* JSON has neither infinity nor what is no number, and Jansson makes no value. */
		return isfinite(cell->real) ? json_real(cell->real) : json_null();
	case VALUE_NULL:
		break;
	}
	return json_null();
}

json_t *rowjson(const struct query_row *row, size_t max)
{
	json_t *object = json_object();
	bool is_cut;

	for (size_t i = 0; object && i < row->count; i++) {
		if (json_object_set_new(object, row->cell[i].name,
					rowjson_cell(&row->cell[i], max, &is_cut))) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}
