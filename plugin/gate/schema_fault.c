#include "gate/schema_fault.h"

#include <string.h>

#define SEPARATOR ": "
#define POINTER_MAX 1024u

/* The file whose name the text begins with; *ret_rest is what follows it. */
static const struct sources_file *find_file(const struct sources *sources, const char *text,
					    const char **ret_rest)
{
	const struct sources_file *best = NULL;
	size_t best_len = 0;

	for (size_t i = 0; i < sources->count; i++) {
		const struct sources_file *file = sources->file[i];
		size_t len = strlen(file->name);

		if (file->original && len > best_len && strncmp(text, file->name, len) == 0 &&
		    strncmp(text + len, SEPARATOR "/", 3) == 0) {
			best = file;
			best_len = len;
		}
	}
	*ret_rest = text + best_len + 2;
	return best;
}

/* The value that the first @len bytes of @pointer name; NULL: there is none. */
static const struct config *value_at(const struct config *root, const char *pointer, size_t len)
{
	char copy[POINTER_MAX];

	if (len >= sizeof(copy))
		return NULL;
	memcpy(copy, pointer, len);
	copy[len] = '\0';
	return config_at(root, copy);
}

/* The value that the text's pointer names, or the nearest around it. A name may have ": " in it. */
static const struct config *find_value(const struct config *root, const char *text)
{
	const char *first = strstr(text, SEPARATOR);
	const struct config *value = NULL;
	size_t len;

	for (const char *end = first; end; end = strstr(end + 1, SEPARATOR)) {
		const struct config *longer = value_at(root, text, (size_t)(end - text));

		value = longer ? longer : value;
	}
	len = first ? (size_t)(first - text) : 0;
	while (!value && len > 0) {
		while (len > 0 && text[--len] != '/')
			;
		value = value_at(root, text, len);
	}
	return value;
}

void schema_fault_place(const struct sources *sources, struct diag *diag)
{
	const char *rest;
	const struct sources_file *file = find_file(sources, diag->text, &rest);
	const struct config *value = file ? find_value(file->original, rest) : NULL;
	struct diag copy;

	if (!value || value->line == 0)
		return;
	copy = *diag;
	(void)diag_set(diag, 0, "%s:%u:%u: %s", file->name, value->line, value->column,
		       copy.text + (rest - diag->text));
}
