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

/*
 * If @line is "NAME: POINTER: TEXT" or "NAME: TEXT": where the pointer leads below @root, and *rest
 * is "POINTER: TEXT", *text is "TEXT". NULL: it is about something else.
 */
static const struct config *find_place(const struct diag *line, const char *name,
				       const struct config *root, const char **rest,
				       const char **text)
{
	char pointer[DIAG_MAX] = "";
	size_t len = strlen(name);
	const char *end;

	if (!root || strncmp(line->text, name, len) != 0 || strncmp(line->text + len, ": ", 2) != 0)
		return NULL;
	*rest = *text = line->text + len + 2;
	end = **rest == '/' ? strstr(*rest, ": ") : NULL;
	if (end) {
		memcpy(pointer, *rest, (size_t)(end - *rest));
		*text = end + 2;
	}
	return nearest(root, pointer);
}

void sources_add_place(const struct sources *sources, struct diag *line)
{
	const struct config *at;
	const char *rest, *text;

	for (size_t i = 0; i < sources->count; i++) {
		const struct sources_file *file = sources->file[i];

		at = find_place(line, file->path, file->original, &rest, &text);
		if (!at)
			continue;
		memmove(line->text, rest, strlen(rest) + 1);
		diag_prefix(line, "%s:%u:%u", file->path, at->line, at->column);
		return;
	}
	for (const struct sources_made *made = sources->made; made; made = made->next) {
		struct diag said;

		at = find_place(line, made->name, made->root, &rest, &text);
		if (!at)
			continue;
		config_line(&said, at, NULL, "%s", text);
		*line = said;
		return;
	}
}
