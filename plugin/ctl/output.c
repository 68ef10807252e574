#include "ctl/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/utf8.h"

#define CELL_MAX 512u
#define COLUMNS_MAX 80u

char *output_text(const json_t *value, char *ret, size_t cap)
{
	char *text;

	ret[0] = '\0';
	if (json_is_string(value))
		return diag_escape(ret, cap, json_string_value(value), json_string_length(value));
	if (!value || json_is_null(value))
		return ret;
	if (json_is_boolean(value))
		return strcpy(ret, json_is_true(value) ? "yes" : "no");
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	if (text)
		diag_escape(ret, cap, text, strlen(text));
	free(text);
	return ret;
}

/* Characters, as a terminal counts them; wide ones are not worth a library. */
static int width(const char *text)
{
	return (int)utf8_count(text, strlen(text));
}

static void print_cell(const char *text, int columns, bool is_last)
{
	if (is_last)
		(void)printf("%s\n", text);
	else
		(void)printf("%s%*s", text, columns - width(text) + 2, "");
}

void output_print(json_t *rows, const struct output_column *columns)
{
	int widest[COLUMNS_MAX];
	char text[CELL_MAX];
	size_t count = 0, i, c;
	json_t *row;

	if (json_array_size(rows) == 0)
		return;
	for (; columns[count].key && count < COLUMNS_MAX; count++)
		widest[count] = width(columns[count].title);
	json_array_foreach(rows, i, row) {
		for (c = 0; c < count; c++) {
			int n = width(output_text(json_object_get(row, columns[c].key), text,
						  sizeof(text)));

			widest[c] = n > widest[c] ? n : widest[c];
		}
	}
	for (c = 0; c < count; c++)
		print_cell(columns[c].title, widest[c], c + 1 == count);
	json_array_foreach(rows, i, row) {
		for (c = 0; c < count; c++)
			print_cell(output_text(json_object_get(row, columns[c].key), text,
					       sizeof(text)),
				   widest[c], c + 1 == count);
	}
}

bool output_print_json(const json_t *json)
{
	return json &&
	       json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_ENSURE_ASCII) ==
		       0 &&
	       puts("") != EOF;
}

void output_print_object(json_t *object)
{
	char text[CELL_MAX];
	int widest = 0;
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
		widest = width(key) > widest ? width(key) : widest;
	json_object_foreach(object, key, value) {
		print_cell(key, widest, false);
		print_cell(output_text(value, text, sizeof(text)), 0, true);
	}
}
