#include "base/yamlfault.h"

#include <string.h>

#include "base/utf8.h"

struct yamlfault_source {
	struct configbuild *build;
	const yaml_parser_t *parser;
	const char *text;
	size_t len;
};

/* The place of a byte. */
static struct configbuild_place place_at(const struct yamlfault_source *source, size_t offset)
{
	struct configbuild_place place = { 1, 1 };

	for (size_t i = 0; i < offset && i < source->len; i++) {
		if (source->text[i] == '\n') {
			place.line++;
			place.column = 1;
		} else if (!utf8_is_inner(source->text[i])) {
			place.column++;
		}
	}
	return place;
}

/* The reader's own faults have no mark. */
static int fail_bytes(const struct yamlfault_source *source)
{
	const yaml_parser_t *parser = source->parser;
	struct configbuild_place place = place_at(source, parser->problem_offset);

	if (parser->problem_value == 0 && strstr(parser->problem, "control"))
		return configbuild_fail(source->build, place, ERR_SYNTAX,
					"not YAML: a NUL: is it text, in UTF-8?");
	if (strstr(parser->problem, "control"))
		return configbuild_fail(source->build, place, ERR_SYNTAX,
					"not YAML: the control character U+%04X is not allowed",
					(unsigned)parser->problem_value);
	return configbuild_fail(source->build, place, ERR_SYNTAX, "not YAML: not UTF-8");
}

/* The byte at the mark, which counts characters; the end of the text has a NUL. */
static const char *byte_at(const struct yamlfault_source *source, const yaml_mark_t *mark)
{
	const char *at = source->text, *end = source->text + source->len;

	for (size_t i = 0; i < mark->index && at < end; i++)
		(void)utf8_next(&at, end);
	return at;
}

/* What to do about a fault, in words; "" where nothing is known. */
static const char *advice(const struct yamlfault_source *source, const yaml_mark_t *mark)
{
	const char *problem = source->parser->problem;
	const char *at = byte_at(source, mark);
	char c = at < source->text + source->len ? *at : '\0';
	char before = at > source->text ? at[-1] : '\0';

	if (c == '\t')
		return " (a tab: indent with spaces)";
	if (strstr(problem, "cannot start any token"))
		return " (a text that begins with it has to be quoted)";
	if (strstr(problem, "mapping values are not allowed"))
		return " (a text with \": \" in it has to be quoted, or the indentation is wrong)";
	if (strstr(problem, "did not find expected") && (before == '}' || before == ']'))
		return " (a text that begins with { or [ has to be quoted)";
	if (strstr(problem, "invalid Unicode character"))
		return " (for what JSON writes as \\ud83d\\ude00 write \\U0001f600)";
	if (strstr(problem, "could not find expected ':'"))
		return " (a key has its \": \" in the same line)";
	return "";
}

int yamlfault(struct configbuild *build, const yaml_parser_t *parser, const char *text, size_t len)
{
	const struct yamlfault_source source = { build, parser, text, len };
	const yaml_mark_t *mark = &parser->problem_mark;

	if (parser->error == YAML_MEMORY_ERROR)
		return configbuild_nomem(build);
	if (parser->error == YAML_READER_ERROR)
		return fail_bytes(&source);
	return configbuild_fail(
		build,
		(struct configbuild_place){ (uint32_t)mark->line + 1, (uint32_t)mark->column + 1 },
		ERR_SYNTAX, "not YAML: %s%s", parser->problem, advice(&source, mark));
}
