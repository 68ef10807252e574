#include "schema/jsontext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "schema/jsonbig.h"

struct json_writer {
	FILE *file;
	bool (*is_left_out)(void *ctx, const json_t *object);
	void *ctx;
};

static void write_string(FILE *file, const char *text, size_t len)
{
	(void)fputc('"', file);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\')
			(void)fputc('\\', file);
		if (c < 0x20)
			(void)fprintf(file, "\\u%04x", c);
		else
			(void)fputc(c, file);
	}
	(void)fputc('"', file);
}

static void write_value(const struct json_writer *w, const json_t *value);

static void write_object(const struct json_writer *w, json_t *object)
{
	const char *comma = "";
	const char *name;
	json_t *member;

	if (w->is_left_out && w->is_left_out(w->ctx, object)) {
		(void)fputs("true", w->file);
		return;
	}
	(void)fputc('{', w->file);
	json_object_foreach(object, name, member) {
		(void)fputs(comma, w->file);
		write_string(w->file, name, strlen(name));
		(void)fputc(':', w->file);
		write_value(w, member);
		comma = ",";
	}
	(void)fputc('}', w->file);
}

static void write_array(const struct json_writer *w, const json_t *array)
{
	size_t index;
	json_t *item;

	(void)fputc('[', w->file);
	json_array_foreach(array, index, item) {
		if (index > 0)
			(void)fputc(',', w->file);
		write_value(w, item);
	}
	(void)fputc(']', w->file);
}

static void write_value(const struct json_writer *w, const json_t *value)
{
	const char *big;
	size_t len;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		write_object(w, (json_t *)(uintptr_t)value);
		break;
	case JSON_ARRAY:
		write_array(w, value);
		break;
	case JSON_STRING:
		if (jsonbig_text(value, &big, &len))
			(void)fwrite(big, 1, len, w->file);
		else
			write_string(w->file, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		(void)fprintf(w->file, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		(void)fprintf(w->file, "%.17g", json_real_value(value));
		break;
	case JSON_TRUE:
		(void)fputs("true", w->file);
		break;
	case JSON_FALSE:
		(void)fputs("false", w->file);
		break;
	case JSON_NULL:
		(void)fputs("null", w->file);
		break;
	}
}

int jsontext_write(const json_t *value, bool (*is_left_out)(void *ctx, const json_t *object),
		   void *ctx, char **ret, size_t *len)
{
	struct json_writer w = { NULL, is_left_out, ctx };
	char *text = NULL;
	bool failed;

	w.file = open_memstream(&text, len);
	if (!w.file)
		return ERR_NOMEM;
	write_value(&w, value);
	failed = ferror(w.file) != 0;
	if (fclose(w.file) != 0 || failed) {
		free(text);
		return ERR_NOMEM;
	}
	*ret = text;
	return 0;
}
