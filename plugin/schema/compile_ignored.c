/* Warns of members of a schema that look like keywords and do nothing. */
#include <string.h>

#include "schema/compile.h"

/*
 * Warns of a name that is near a keyword. What begins with "x-" is somebody's extension, and a name
 * that is near none may be an annotation of their own.
 */
static void warn_misspelt(struct compiler *c, const struct schema_place *place, const char *name)
{
	struct suggest suggest = suggest_begin(name);

	if (strncmp(name, "x-", 2) == 0 || keyword_is_any(name))
		return;
	keyword_suggest(place->resource->dialect, &suggest);
	if (suggest_text(&suggest)[0])
		compile_warn(c, place, name, "is no keyword, and is ignored%s",
			     suggest_text(&suggest));
}

void compile_ignored(struct compiler *c, const struct schema_place *place)
{
	const struct dialect *dialect = place->resource->dialect;
	const char *name;
	json_t *value;
	bool hides;

	if (c->rc || c->max_bytes == 0 || !dialect)
		return;
	hides = keyword_hides(dialect, place->node);
	json_object_foreach(place->node, name, value) {
		if (hides && strcmp(name, "$ref") != 0 && keyword_asserts(dialect, name))
			compile_warn(c, place, name, "is ignored beside $ref");
		else if (dialect_in(dialect, IN_ASYNCAPI) && strcmp(name, "schemaFormat") == 0)
			compile_warn(c, place, name,
				     "stands for a schema that is not read: nothing is checked "
				     "here");
		else if (!hides && keyword_is_elsewhere(dialect, name))
			compile_warn(c, place, name, "is no keyword of %s, and is ignored",
				     schema_dialect_name(dialect->draft));
		else if (!hides)
			warn_misspelt(c, place, name);
	}
}
