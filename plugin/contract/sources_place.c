/*
 * sources_place.c -- line and column for what rooms say of a file that know it as a name and a JSON
 * Pointer only.
 */
#include <string.h>

#include "contract/sources.h"

/* What the pointer names, or the nearest value above it: the pointer is cut on the way. */
static const struct config *nearest(const struct config *root, char *pointer)
{
	const struct config *at = config_at(root, pointer);
	char *slash;

	while (!at && (slash = strrchr(pointer, '/'))) {
		*slash = '\0';
		at = config_at(root, pointer);
	}
	return at;
}

void sources_add_place(const struct sources *sources, struct diag *line)
{
	for (size_t i = 0; i < sources->count; i++) {
		const struct sources_file *file = sources->file[i];
		size_t len = strlen(file->name);
		char pointer[DIAG_MAX] = "";
		const struct config *at;
		const char *rest, *end;

		if (!file->original || strncmp(line->text, file->name, len) != 0 ||
		    strncmp(line->text + len, ": ", 2) != 0)
			continue;
		rest = line->text + len + 2;
		end = *rest == '/' ? strstr(rest, ": ") : NULL;
		if (end)
			memcpy(pointer, rest, (size_t)(end - rest));
		at = nearest(file->original, pointer);
		memmove(line->text, rest, strlen(rest) + 1);
		diag_prefix(line, "%s:%u:%u", file->name, at->line, at->column);
		return;
	}
}
