#include "base/jsonfile.h"

#include <string.h>

#include "base/jsonpointer.h"

#define LOAD_FLAGS (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL)

/* What else the text may be, in words for its error: "" where it looks like JSON. */
static const char *other_than_json(const char *text, size_t len)
{
	size_t blank = 0;

	while (blank < len && text[blank] && strchr(" \t\r\n", text[blank]))
		blank++;
	if (blank < len && text[blank] != '{' && text[blank] != '[' && text[blank] != '"')
		return " (is it YAML? then its name has to end in .yaml)";
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
				error.column > 0 ? error.column : 1, error.text,
				other_than_json(text, len));
	*ret = json;
	return 0;
}

json_t *jsonfile_at(json_t *root, const char *pointer)
{
	char token[JSONPOINTER_TOKEN_MAX];
	size_t i = 0;

	while (root && *pointer == '/') {
		if (!jsonpointer_next(&pointer, token, sizeof(token)))
			return NULL;
		if (!json_is_array(root))
			root = json_object_get(root, token);
		else
			root = jsonpointer_index(token, json_array_size(root), &i)
				       ? json_array_get(root, i)
				       : NULL;
	}
	return *pointer ? NULL : root;
}
