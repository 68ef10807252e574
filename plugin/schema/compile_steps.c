/*
 * Turns the keywords that apply to any type into steps of a node: const and enum, references,
 * allOf, anyOf, oneOf, not, if. The engine runs them in the order of the table here, cheap ones
 * first.
 */
#include <string.h>

#include "schema/compile.h"
#include "schema/jsonbig.h"

/* What is the same in all steps that have schemas; @count of them, which may be NULL. */
static void set_step(struct step *step, enum step_kind kind, const char *keyword,
		     const struct schema_node *const *nodes, size_t count)
{
	step->kind = kind;
	step->keyword = keyword;
	step->nodes = nodes;
	step->count = count;
}

static void reference_step(struct filling *f, const char *keyword, struct step *step)
{
	struct compiler *c = f->compiler;
	struct target target;
	const struct schema_node **node = compile_alloc(c, sizeof(struct schema_node *));

	set_step(step, STEP_SCHEMA, keyword, node, 1);
	if (!compile_dynamic_start(f, keyword, &target))
		return;
	if (target.dynamic_anchor) {
		step->kind = STEP_DYNAMIC;
		step->anchor = compile_anchor(c, target.dynamic_anchor);
	}
	*node = compile_target(c, target);
}

/* allOf, anyOf and oneOf have an array of schemas, not has one. */
static void schemas_step(struct filling *f, const char *keyword, enum step_kind kind,
			 struct step *step)
{
	json_t *value = compile_keyword(f, keyword);
	const struct schema_node **node;

	f->compiler->wants_plain = f->has_plain_bases && strcmp(keyword, "allOf") == 0;
	if (json_is_array(value)) {
		set_step(step, kind, keyword, compile_children(f, keyword, value),
			 json_array_size(value));
		f->compiler->wants_plain = false;
		return;
	}
	node = compile_alloc(f->compiler, sizeof(struct schema_node *));
	set_step(step, kind, keyword, node, 1);
	if (node)
		*node = compile_value(f, keyword);
}

static void if_step(struct filling *f, struct step *step)
{
	const struct schema_node **nodes =
		compile_alloc(f->compiler, 3 * sizeof(struct schema_node *));

	set_step(step, STEP_IF, "if", nodes, 3);
	if (!nodes)
		return;
	nodes[0] = compile_value(f, "if");
	nodes[1] = compile_value(f, "then");
	nodes[2] = compile_value(f, "else");
}

/* Where all values are strings, one look into a table of names decides. */
static void set_names(struct compiler *c, struct step *step, const json_t *values)
{
	struct name_table *names = compile_alloc(c, sizeof(*names));
	size_t index;
	json_t *item;

	json_array_foreach(values, index, item) {
		if (!jsonbig_is_string(item))
			return;
	}
	if (!names || index == 0)
		return;
	compile_table_init(c, names, index);
	json_array_foreach(values, index, item)
		(void)compile_table_add(c, names, json_string_value(item),
					json_string_length(item));
	if (c->rc)
		return;
	compile_table_finish(names);
	step->kind = STEP_NAMES;
	step->names = names;
}

/* const is an enum of one. The values are kept for compile_constants(). */
static void constant_step(struct filling *f, const char *keyword, struct step *step)
{
	struct compiler *c = f->compiler;
	json_t *value = compile_keyword(f, keyword);
	json_t *values =
		strcmp(keyword, "enum") == 0 ? json_incref(value) : json_pack("[O]", value);

	set_step(step, STEP_CONST, keyword, NULL, json_array_size(values));
	set_names(c, step, values);
	if (!c->constants)
		c->constants = json_array();
	if (compile_grow(c, &c->constant_steps, &c->constant_cap, c->constant_count,
			 sizeof(*c->constant_steps)))
		c->constant_steps[c->constant_count++] = step;
	if (json_array_append_new(c->constants, values) != 0 && c->rc == 0)
		c->rc = diag_nomem(c->diag);
}

void compile_steps(struct filling *f)
{
	static const struct {
		const char *keyword;
		enum step_kind kind;
	} rows[] = {
		/* cheap ones first */
		{ "const", STEP_CONST },
		{ "enum", STEP_CONST },
		{ "$ref", STEP_SCHEMA },
		{ "$dynamicRef", STEP_DYNAMIC },
		{ "$recursiveRef", STEP_DYNAMIC },
		{ "allOf", STEP_SCHEMA },
		{ "if", STEP_IF },
		{ "anyOf", STEP_ANY },
		{ "oneOf", STEP_ONE },
		{ "not", STEP_NOT },
	};
	const size_t count = sizeof(rows) / sizeof(rows[0]);
	const bool has_bases = f->discriminator || f->has_plain_bases;
	size_t room = has_bases ? COMPILE_MAX_BASES + 1 : 0;
	struct step *steps, *end;

	for (size_t i = 0; i < count; i++)
		room += compile_keyword(f, rows[i].keyword) != NULL;
	if (room == 0)
		return; /* as most schemas */
	steps = end = compile_alloc(f->compiler, room * sizeof(*steps));
	if (steps && has_bases)
		compile_discriminators(f, &end);
	for (size_t i = 0; steps && i < count; i++) {
		const char *keyword = rows[i].keyword;

		if (!compile_keyword(f, keyword) || (f->chosen && strcmp(f->chosen, keyword) == 0))
			continue;
		if (rows[i].kind == STEP_CONST)
			constant_step(f, keyword, end++);
		else if (keyword[0] == '$')
			reference_step(f, keyword, end++);
		else if (rows[i].kind == STEP_IF)
			if_step(f, end++);
		else
			schemas_step(f, keyword, rows[i].kind, end++);
	}
	f->node->steps = steps;
	f->node->step_count = (size_t)(end - steps);
}

void compile_only_reference(struct filling *f)
{
	struct step *step = compile_alloc(f->compiler, sizeof(*step));

	if (!step)
		return;
	f->node->steps = step;
	f->node->step_count = 1;
	reference_step(f, "$ref", step);
}
