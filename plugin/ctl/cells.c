#include "ctl/cells.h"

#include <stdlib.h>
#include <string.h>

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

static json_t *cell_json(const struct query_cell *cell)
{
	switch (cell->type) {
	case VALUE_TEXT:
		return text_json(cell->text ? cell->text : "", cell->len);
	case VALUE_INTEGER:
	case VALUE_BOOLEAN:
		return json_integer(cell->integer);
	case VALUE_REAL:
		return json_real(cell->real);
	case VALUE_NULL:
		break;
	}
	return json_null();
}

json_t *cells_json(const struct query_row *row)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < row->count; i++) {
		if (json_object_set_new(object, row->cell[i].name, cell_json(&row->cell[i]))) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

bool cells_collect(const struct query_row *row, void *ctx)
{
	return json_array_append_new(ctx, cells_json(row)) == 0;
}

const char *cells_text(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));

	return text ? text : "";
}
