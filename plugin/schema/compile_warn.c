/*
 * compile_warn.c -- the warnings of a schema: each text once, and behind the last that is kept how
 * many more there are.
 */
#include <stdarg.h>
#include <string.h>

#include "base/wordhash.h"
#include "schema/compile.h"

#define UNTOLD_MAX 4096u /* further ones that are told apart; no more are counted */

static void keep(struct compiler *c, const char *text)
{
	struct schema *schema = c->schema;

	if (compile_grow(c, &schema->warnings, &c->warning_cap, schema->warning_count,
			 sizeof(*schema->warnings)))
		schema->warnings[schema->warning_count++] = compile_text(c, text, strlen(text));
}

/* By its hash: of texts that are alike in it one is counted. */
static void count(struct compiler *c, const struct schema_place *place, const char *text)
{
	uint64_t hash = wordhash(0, text, strlen(text));

	for (size_t i = 0; i < c->untold_count; i++)
		if (c->untold[i] == hash)
			return;
	if (c->untold_count == 0)
		c->untold_place = place;
	if (compile_grow(c, &c->untold, &c->untold_cap, c->untold_count, sizeof(*c->untold)))
		c->untold[c->untold_count++] = hash;
}

void compile_warn(struct compiler *c, const struct schema_place *place, const char *keyword,
		  const char *format, ...)
{
	struct schema *schema = c->schema;
	struct diag text;
	struct diag whole;
	va_list args;

	if (c->max_bytes == 0 || c->rc || c->untold_count == UNTOLD_MAX)
		return;
	diag_init(&text);
	diag_init(&whole);
	va_start(args, format);
	(void)diag_vset(&text, ERR_INVALID, format, args);
	va_end(args);
	(void)document_fail(&whole, ERR_INVALID, place->resource, place->pointer, keyword, "%s",
			    text.text);
	for (size_t i = 0; i < schema->warning_count; i++)
		if (schema->warnings[i] && strcmp(schema->warnings[i], whole.text) == 0)
			return; /* many references may lead to one place */
	if (schema->warning_count < SCHEMA_MAX_WARNINGS)
		keep(c, whole.text);
	else
		count(c, place, whole.text);
}

void compile_warn_of_more(struct compiler *c)
{
	struct diag whole;

	if (c->rc || c->untold_count == 0)
		return;
	diag_init(&whole);
	(void)document_fail(&whole, ERR_INVALID, c->untold_place->resource,
			    c->untold_place->pointer, NULL,
			    "%zu%s more warning%s of this schema, the first of them here: only %u "
			    "are shown",
			    c->untold_count, c->untold_count == UNTOLD_MAX ? " or" : "",
			    c->untold_count == 1 ? "" : "s", SCHEMA_MAX_WARNINGS);
	keep(c, whole.text);
}
