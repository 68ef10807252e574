/*
 * What `format` asks of a value. A format that is not known is an annotation, as JSON Schema and
 * AsyncAPI have it, and so is a known one in a schema that allows no value of its type: of both
 * there is a warning, because their author expects a check.
 */
#include <string.h>

#include "schema/compile.h"

/* Is `format` an assertion here? An option says so, or the metaschema's vocabulary. */
static bool asserts_format(const struct filling *f)
{
	return f->compiler->assert_format ||
	       (f->dialect->vocabularies & VOCABULARY_FORMAT_ASSERTION);
}

static void warn_unknown(struct filling *f, const char *name)
{
	struct suggest suggest = suggest_begin(name);

	format_suggest(&suggest);
	compile_warn(f->compiler, f->place, "format",
		     "\"%s\" is no format that is known here, and is not checked%s", name,
		     suggest_text(&suggest));
}

void compile_format(struct filling *f)
{
	const json_t *value = compile_keyword(f, "format");
	const char *name = json_string_value(value);
	const struct format *format;
	bool is_for_numbers;

	if (!value || !asserts_format(f))
		return;
	format = format_find(name, json_string_length(value));
	if (!format) {
		warn_unknown(f, name);
		return;
	}
	is_for_numbers = format_range(format) != NULL;
	if (!(f->node->types & (is_for_numbers ? VIEW_NUMBER : VIEW_STRING)))
		compile_warn(
			f->compiler, f->place, "format",
			"\"%s\" is a format of %s, which the schema does not allow: nothing is "
			"checked",
			name, is_for_numbers ? "numbers" : "strings");
	else if (is_for_numbers || format_is_for_text(format))
		f->format = format;
}
