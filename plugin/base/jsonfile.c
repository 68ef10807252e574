#include "base/jsonfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/wholefile.h"

#define LOAD_FLAGS (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL)

/* What else the text may be, in words for its error: "" where it looks like JSON. */
static const char *other_than_json(const char *text, size_t len)
{
	size_t blank = 0;

	if (utf8_has_mark(text, len))
		return " (it begins with a byte order mark: save it without one)";
	if (len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
		return " (it is UTF-16: save it as UTF-8)";
	while (blank < len && text[blank] && strchr(" \t\r\n", text[blank]))
		blank++;
	if (blank < len && text[blank] != '{' && text[blank] != '[' && text[blank] != '"')
		return " (YAML has to be converted)";
	return "";
}

int jsonfile_parse(const char *name, const char *text, size_t len, json_t **ret, struct diag *diag)
{
	json_error_t error;
	json_t *json = json_loadb(text, len, LOAD_FLAGS, &error);

	/* Where memory runs out inside the lexer Jansson fails without a word. */
	if (!json && (error.text[0] == '\0' || json_error_code(&error) == json_error_out_of_memory))
		return diag_nomem(diag);
	if (!json)
		return diag_set(diag, ERR_SYNTAX, "%s:%d:%d: not JSON: %s%s", name, error.line,
				error.column, error.text, other_than_json(text, len));
	*ret = json;
	return 0;
}

int jsonfile_load(const char *path, json_t **ret, struct diag *diag)
{
	char *text = NULL;
	size_t len = 0;
	int rc = wholefile_read(path, JSONFILE_MAX_BYTES, &text, &len, NULL, diag);

	if (rc == 0)
		rc = jsonfile_parse(path, text, len, ret, diag);
	free(text);
	return rc;
}

/* Compares a pointer's reference token, ~0 and ~1 still escaped, with a member name. */
static bool token_is(const char *token, size_t len, const char *key)
{
	for (size_t i = 0; i < len; i++, key++) {
		char c = token[i];

		if (c == '~' && i + 1 < len) {
			i++;
			c = token[i] == '1' ? '/' : '~';
		}
		if (*key != c)
			return false;
	}
	return *key == '\0';
}

static json_t *step(json_t *json, const char *token, size_t len)
{
	if (json_is_object(json)) {
		const char *key;
		json_t *value;

		json_object_foreach(json, key, value)
			if (token_is(token, len, key))
				return value;
		return NULL;
	}
	if (json_is_array(json)) {
		char *end;
		unsigned long index;

		if (len == 0 || token[0] < '0' || token[0] > '9' || (token[0] == '0' && len > 1))
			return NULL;
		errno = 0;
		index = strtoul(token, &end, 10);
		return end == token + len && errno == 0 ? json_array_get(json, index) : NULL;
	}
	return NULL;
}

json_t *jsonfile_at(json_t *root, const char *pointer)
{
	json_t *json = root;

	while (json && *pointer == '/') {
		size_t len = strcspn(++pointer, "/");

		json = step(json, pointer, len);
		pointer += len;
	}
	return *pointer ? NULL : json;
}

static size_t put(char *ret, size_t cap, size_t used, char c)
{
	if (used + 1 < cap)
		ret[used++] = c;
	return used;
}

char *jsonpath_print(const struct jsonpath *path, char *ret, size_t cap)
{
	const struct jsonpath *chain[JSONPATH_DEPTH];
	size_t depth = 0;
	size_t used = 0;
	char digits[32];

	for (; path && path->up && depth < JSONPATH_DEPTH; path = path->up)
		chain[depth++] = path;
	while (depth-- > 0) {
		const char *key = chain[depth]->key;

		if (!key) {
			(void)snprintf(digits, sizeof(digits), "%zu", chain[depth]->index);
			key = digits;
		}
		used = put(ret, cap, used, '/');
		for (; *key; key++) {
			if (*key == '~' || *key == '/') {
				used = put(ret, cap, used, '~');
				used = put(ret, cap, used, *key == '~' ? '0' : '1');
			} else {
				used = put(ret, cap, used, *key);
			}
		}
	}
	if (cap > 0)
		ret[used] = '\0';
	return ret;
}

int jsonpath_fail(struct diag *diag, int err, const char *file, const struct jsonpath *path,
		  const char *format, ...)
{
	char pointer[DIAG_MAX];
	va_list args;

	va_start(args, format);
	(void)diag_vset(diag, err, format, args);
	va_end(args);
	jsonpath_print(path, pointer, sizeof(pointer));
	if (pointer[0])
		diag_prefix(diag, "%s: %s", file, pointer);
	else
		diag_prefix(diag, "%s", file);
	return err;
}
