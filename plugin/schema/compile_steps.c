/*
 * The keywords that look at values of any type: const and enum, references, allOf, anyOf, oneOf,
 * not, if. Each becomes a step of its node; the engine takes them in the order of the table here,
 * cheap ones first.
 */
#include <string.h>

#include "schema/compile.h"

static int reference_step(struct filling *f, const char *keyword, struct step *step)
{
	struct compiler *c = f->compiler;
	struct target target;
	const struct schema_node **node = compile_alloc(c, sizeof(struct schema_node *));
	int rc = node ? compile_resolve(c, f->place, keyword, &target) : ERR_NOMEM;

	step->kind = STEP_SCHEMA;
	step->keyword = keyword;
	step->nodes = node;
	step->count = 1;
	if (rc == 0 && strcmp(keyword, "$dynamicRef") == 0 && target.dynamic_anchor) {
		step->kind = STEP_DYNAMIC;
		rc = compile_anchor(c, target.dynamic_anchor, &step->anchor);
	}
	return rc == 0 ? compile_target(c, target, node) : rc;
}

/* The four keywords that hold an array of schemas or one; allOf becomes a step for each. */
static int schemas_step(struct filling *f, const char *keyword, enum step_kind kind,
			struct step **steps)
{
	json_t *value = compile_keyword(f, keyword);
	struct keyword_child child = { .node = value, .keyword = keyword };
	const struct schema_node **node;
	int rc;

	if (json_is_array(value)) {
		(*steps)->kind = kind;
		(*steps)->keyword = keyword;
		(*steps)->count = json_array_size(value);
		rc = compile_children(f, keyword, value, &(*steps)->nodes);
		(*steps)++;
		return rc;
	}
	node = compile_alloc(f->compiler, sizeof(struct schema_node *));
	if (!node)
		return ERR_NOMEM;
	**steps = (struct step){ .kind = kind, .keyword = keyword, .nodes = node, .count = 1 };
	(*steps)++;
	return compile_child(f, &child, node);
}

static int if_step(struct filling *f, struct step **steps)
{
	static const char *const keywords[] = { "if", "then", "else" };
	const struct schema_node **nodes =
		compile_alloc(f->compiler, 3 * sizeof(struct schema_node *));
	int rc = nodes ? 0 : ERR_NOMEM;

	for (int i = 0; i < 3 && rc == 0; i++) {
		struct keyword_child child = { .node = compile_keyword(f, keywords[i]),
					       .keyword = keywords[i] };

		if (child.node)
			rc = compile_child(f, &child, &nodes[i]);
	}
	**steps = (struct step){ .kind = STEP_IF, .keyword = "if", .nodes = nodes, .count = 3 };
	(*steps)++;
	return rc;
}

/* Keeps @values, an array, for compile_constants(). */
static int keep_constants(struct compiler *c, struct step *step, json_t *values)
{
	int rc = compile_grow(c, &c->constant_steps, &c->constant_cap, c->constant_count,
			      sizeof(*c->constant_steps));

	if (!c->constants)
		c->constants = json_array();
	if (rc == 0 && json_array_append(c->constants, values) != 0)
		rc = diag_nomem(c->diag);
	if (rc == 0)
		c->constant_steps[c->constant_count++] = step;
	return rc;
}

/* Where all values are strings, a look into a table tells. */
static int set_names(struct compiler *c, struct step *step, const json_t *values)
{
	struct name_table *names = compile_alloc(c, sizeof(*names));
	size_t index;
	json_t *item;
	int rc;

	json_array_foreach(values, index, item) {
		if (!keyword_is_string(item))
			return names ? 0 : ERR_NOMEM;
	}
	rc = names ? compile_table_init(c, names, index) : ERR_NOMEM;
	json_array_foreach(values, index, item) {
		if (rc == 0 &&
		    !compile_table_add(c, names, json_string_value(item), json_string_length(item)))
			rc = ERR_NOMEM;
	}
	if (rc != 0)
		return rc;
	compile_table_finish(names);
	step->kind = STEP_NAMES;
	step->names = names;
	return 0;
}

/* const is an enum of one. */
static int constant_step(struct filling *f, const char *keyword, struct step *step)
{
	struct compiler *c = f->compiler;
	json_t *value = compile_keyword(f, keyword);
	json_t *values =
		strcmp(keyword, "enum") == 0 ? json_incref(value) : json_pack("[O]", value);
	int rc = values ? keep_constants(c, step, values) : diag_nomem(c->diag);

	step->kind = STEP_CONST;
	step->keyword = keyword;
	step->count = json_array_size(values);
	if (rc == 0 && step->count > 0)
		rc = set_names(c, step, values);
	json_decref(values);
	return rc;
}

int compile_steps(struct filling *f)
{
	static const struct {
		const char *keyword;
		enum step_kind kind;
	} rows[] = {
		/* cheap ones first */
		{ "const", STEP_CONST },         { "enum", STEP_CONST },   { "$ref", STEP_SCHEMA },
		{ "$dynamicRef", STEP_DYNAMIC }, { "allOf", STEP_SCHEMA }, { "if", STEP_IF },
		{ "anyOf", STEP_ANY },           { "oneOf", STEP_ONE },    { "not", STEP_NOT },
	};
	size_t room = sizeof(rows) / sizeof(rows[0]);
	struct step *steps = compile_alloc(f->compiler, room * sizeof(*steps));
	struct step *end = steps;
	int rc = steps ? 0 : ERR_NOMEM;

	f->node->steps = steps;
	for (size_t i = 0; i < room && rc == 0; i++) {
		const char *keyword = rows[i].keyword;

		if (!compile_keyword(f, keyword))
			continue;
		if (rows[i].kind == STEP_CONST)
			rc = constant_step(f, keyword, end++);
		else if (keyword[0] == '$')
			rc = reference_step(f, keyword, end++);
		else if (rows[i].kind == STEP_IF)
			rc = if_step(f, &end);
		else
			rc = schemas_step(f, keyword, rows[i].kind, &end);
	}
	f->node->step_count = (size_t)(end - steps);
	return rc;
}

int compile_only_reference(struct filling *f)
{
	struct step *step = compile_alloc(f->compiler, sizeof(*step));

	if (!step)
		return ERR_NOMEM;
	f->node->steps = step;
	f->node->step_count = 1;
	return reference_step(f, "$ref", step);
}
