#include "schema/jsontext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/jsonbig.h"

struct json_writer {
	FILE *file;
	bool (*is_left_out)(void *ctx, const json_t *object);
	void *ctx;
	bool has_failed; /* memory ran out */
};

/* Has the text nothing that JSON escapes? */
static bool is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == '"' || text[i] == '\\')
			return false;
	return true;
}

static void write_plain(FILE *file, const char *text, size_t len)
{
	(void)fputc_unlocked('"', file);
	(void)fwrite_unlocked(text, 1, len, file);
	(void)fputc_unlocked('"', file);
}

/* By Jansson, which needs memory for it. */
static void write_dumped(struct json_writer *w, const json_t *value)
{
	w->has_failed |= !value || json_dumpf(value, w->file, JSON_ENCODE_ANY) != 0;
}

static void write_name(struct json_writer *w, const char *name)
{
	size_t len = strlen(name);
	json_t *text;

	if (is_plain(name, len)) {
		write_plain(w->file, name, len);
		return;
	}
	text = json_string_nocheck(name);
	write_dumped(w, text);
	json_decref(text);
}

static void write_value(struct json_writer *w, const json_t *value);

static void write_object(struct json_writer *w, json_t *object)
{
	const char *comma = "";
	const char *name;
	json_t *member;

	if (w->is_left_out && w->is_left_out(w->ctx, object)) {
		(void)fputs_unlocked("{}", w->file);
		return;
	}
	(void)fputc_unlocked('{', w->file);
	json_object_foreach(object, name, member) {
		(void)fputs_unlocked(comma, w->file);
		write_name(w, name);
		(void)fputc_unlocked(':', w->file);
		write_value(w, member);
		comma = ",";
	}
	(void)fputc_unlocked('}', w->file);
}

static void write_array(struct json_writer *w, const json_t *array)
{
	size_t index;
	json_t *item;

	(void)fputc_unlocked('[', w->file);
	json_array_foreach(array, index, item) {
		if (index > 0)
			(void)fputc_unlocked(',', w->file);
		write_value(w, item);
	}
	(void)fputc_unlocked(']', w->file);
}

static void write_value(struct json_writer *w, const json_t *value)
{
	const char *big;
	size_t len;

	if (json_is_object(value))
		write_object(w, (json_t *)(uintptr_t)value);
	else if (json_is_array(value))
		write_array(w, value);
	else if (jsonbig_text(value, &big, &len))
		(void)fwrite_unlocked(big, 1, len, w->file);
	else if (json_is_string(value) &&
		 is_plain(json_string_value(value), json_string_length(value)))
		write_plain(w->file, json_string_value(value), json_string_length(value));
	else
		write_dumped(w, value);
}

int jsontext_write(const json_t *value, bool (*is_left_out)(void *ctx, const json_t *object),
		   void *ctx, char **ret, size_t *len)
{
	struct json_writer w = { .is_left_out = is_left_out, .ctx = ctx };
	char *text = NULL;
	bool failed;

	w.file = open_memstream(&text, len);
	if (!w.file)
		return ERR_NOMEM;
	write_value(&w, value);
	failed = w.has_failed || ferror(w.file) != 0;
	if (fclose(w.file) != 0 || failed) {
		free(text);
		return ERR_NOMEM;
	}
	*ret = text;
	return 0;
}

int jsontext_parse(const json_t *value, bool (*is_left_out)(void *ctx, const json_t *object),
		   void *ctx, struct payload_parser **parser, const struct payload_value **ret,
		   struct diag *diag)
{
	struct payload_limits limits = { .max_depth = PAYLOAD_MAX_DEPTH };
	struct payload_error error;
	char *text = NULL;
	int rc;

	if (jsontext_write(value, is_left_out, ctx, &text, &limits.max_bytes) != 0)
		return diag_nomem(diag);
	rc = limits.max_bytes > PAYLOAD_MAX_BYTES
		     ? diag_set(diag, ERR_LIMIT, "a schema may have %u bytes", PAYLOAD_MAX_BYTES)
		     : payload_parser_new(&limits, parser, diag);
	if (rc == 0) {
		*ret = payload_parse(*parser, text, limits.max_bytes, &error);
		if (!*ret)
			rc = error.fault == PAYLOAD_NOMEM
				     ? diag_nomem(diag)
				     : diag_set(diag, ERR_LIMIT, "%s", error.text);
	}
	free(text);
	return rc;
}
