#include "schema/compile.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "schema/dialect.h"
#include "schema/run.h"
#include "schema/uri.h"

/* $refs to nothing but another $ref; more than these in a row are taken for a circle. */
#define MAX_REFERENCE_CHAIN 64u

void *compile_alloc(struct compiler *c, size_t size)
{
	void *memory = arena_alloc(&c->schema->arena, size);

	if (!memory)
		(void)diag_nomem(c->diag);
	return memory;
}

int compile_grow(struct compiler *c, void *array, size_t *cap, size_t used, size_t item)
{
	void **items = array;
	void *larger;

	if (used < *cap)
		return 0;
	larger = realloc(*items, (2 * *cap + 8) * item);
	if (!larger)
		return diag_nomem(c->diag);
	*items = larger;
	*cap = 2 * *cap + 8;
	return 0;
}

int compile_fail(struct filling *f, int err, const char *keyword, const char *format, ...)
{
	struct diag text;
	va_list args;

	if (err == ERR_NOMEM)
		return diag_nomem(f->compiler->diag);
	diag_init(&text);
	va_start(args, format);
	(void)diag_vset(&text, err, format, args);
	va_end(args);
	return document_fail(f->compiler->diag, err, f->place->resource, f->place->pointer, keyword,
			     "%s", text.text);
}

int compile_warn(struct compiler *c, const struct schema_place *place, const char *keyword,
		 const char *format, ...)
{
	struct schema *schema = c->schema;
	struct diag text;
	struct diag whole;
	va_list args;
	const char *copy;

	if (schema->warning_count == SCHEMA_MAX_WARNINGS)
		return 0;
	diag_init(&text);
	diag_init(&whole);
	va_start(args, format);
	(void)diag_vset(&text, ERR_INVALID, format, args);
	va_end(args);
	(void)document_fail(&whole, ERR_INVALID, place->resource, place->pointer, keyword, "%s",
			    text.text);
	copy = arena_text(&schema->arena, whole.text, strlen(whole.text));
	if (!copy)
		return diag_nomem(c->diag);
	schema->warnings[schema->warning_count++] = copy;
	return 0;
}

json_t *compile_keyword(const struct filling *f, const char *keyword)
{
	return keyword_value(f->dialect, f->place->node, keyword);
}

int compile_pattern(struct filling *f, const char *keyword, const char *source, size_t len,
		    const struct pattern **ret)
{
	struct compiler *c = f->compiler;
	struct schema *schema = c->schema;
	struct pattern *pattern = NULL;
	struct diag why;
	int rc = compile_grow(c, &schema->patterns, &c->pattern_cap, schema->pattern_count,
			      sizeof(*schema->patterns));

	if (rc != 0)
		return rc;
	diag_init(&why);
	rc = pattern_compile(source, len, &pattern, &why);
	if (rc != 0)
		return compile_fail(f, rc, keyword, "%s", why.text);
	schema->patterns[schema->pattern_count++] = pattern;
	*ret = pattern;
	if (c->max_bytes == 0 || pattern_is_linear(pattern))
		return 0;
	return compile_warn(
		c, f->place, keyword,
		"the pattern \"%.*s\" looks around, refers back or has too many parts: a "
		"text that takes too long to match is refused (schema-limit)",
		(int)(len < 100 ? len : 100), source);
}

/* ---- from places to nodes ---------------------------------------------------------------- */

static int enter_resource(struct compiler *c, struct resource *resource)
{
	int rc;

	if (resource->whole)
		resource = resource->whole; /* which has the anchors */
	for (size_t i = c->resource_count; i-- > 0;)
		if (c->resources[i] == resource)
			return 0;
	rc = compile_grow(c, &c->resources, &c->resource_cap, c->resource_count,
			  sizeof(*c->resources));
	if (rc == 0)
		c->resources[c->resource_count++] = resource;
	return rc;
}

/* Makes room for the node of every place that there is by now. */
static int grow_nodes(struct compiler *c)
{
	size_t slots = 2 * c->set->place_count;
	struct schema_node **nodes;

	if (c->set->place_count <= c->node_slots)
		return 0;
	nodes = realloc(c->nodes, slots * sizeof(struct schema_node *));
	if (!nodes)
		return diag_nomem(c->diag);
	memset(nodes + c->node_slots, 0, (slots - c->node_slots) * sizeof(struct schema_node *));
	c->nodes = nodes;
	c->node_slots = slots;
	return 0;
}

static struct schema_node *new_node(struct compiler *c, const struct resource *resource,
				    const char *pointer)
{
	struct schema_node *node = compile_alloc(c, sizeof(*node));

	if (!node)
		return NULL;
	node->types = VIEW_ANY;
	node->resource = resource->id;
	node->pointer = arena_text(&c->schema->arena, pointer, strlen(pointer));
	if (!node->pointer)
		(void)diag_nomem(c->diag);
	return node->pointer ? node : NULL;
}

static int boolean_node(struct compiler *c, const struct target *target,
			const struct schema_node **ret)
{
	struct schema_node *node = new_node(c, target->resource, target->pointer);

	if (!node)
		return ERR_NOMEM;
	node->types = json_is_true(target->node) ? VIEW_ANY : 0;
	node->is_boolean = true;
	*ret = node;
	return 0;
}

static int place_node(struct compiler *c, struct schema_place *place,
		      const struct schema_node **ret)
{
	int rc = grow_nodes(c);

	if (rc != 0)
		return rc;
	if (c->nodes[place->id]) {
		*ret = c->nodes[place->id];
		return 0;
	}
	rc = compile_grow(c, &c->queue, &c->queue_cap, c->queue_used, sizeof(*c->queue));
	if (rc == 0)
		rc = enter_resource(c, place->resource);
	if (rc != 0)
		return rc;
	if (c->queue_used >= COMPILE_MAX_NODES)
		return document_fail(c->diag, ERR_LIMIT, place->resource, place->pointer, NULL,
				     "is one of more than %u schemas", COMPILE_MAX_NODES);
	c->nodes[place->id] = new_node(c, place->resource, place->pointer);
	if (!c->nodes[place->id])
		return ERR_NOMEM;
	c->nodes[place->id]->ordinal = (uint32_t)c->queue_used;
	c->queue[c->queue_used++] = (struct queued_schema){ place, c->nodes[place->id] };
	*ret = c->nodes[place->id];
	return 0;
}

int compile_resolve(struct compiler *c, struct schema_place *place, const char *keyword,
		    struct target *ret)
{
	const char *ref = json_string_value(json_object_get(place->node, keyword));
	struct diag why;
	int rc;

	diag_init(&why);
	rc = document_resolve(c->set, place->resource, ref, ret, &why);
	if (rc == ERR_NOMEM)
		return diag_nomem(c->diag);
	if (rc != 0)
		return document_fail(c->diag, rc, place->resource, place->pointer, keyword,
				     "\"%s\": %s", ref, why.text);
	return 0;
}

/* Is $ref all that the schema asks? Then what it leads to can stand for it. */
static bool is_mere_reference(const struct compiler *c, const struct schema_place *place)
{
	const struct dialect *dialect = place->resource->dialect;
	const char *name;
	json_t *value;

	if (c->set->has_dynamic_anchors || place->resource->document->is_builtin ||
	    !json_object_get(place->node, "$ref"))
		return false;
	if (dialect->draft == DRAFT_7)
		return true; /* its siblings are not looked at */
	json_object_foreach(place->node, name, value)
		if (strcmp(name, "$ref") != 0 && keyword_asserts(dialect, name))
			return false;
	return true;
}

/* The schema must be what its metaschema asks. */
static int check(struct compiler *c, struct schema_place *place)
{
	struct resource *resource = place->resource;
	const struct dialect *dialect = NULL;
	struct diag why;
	int rc;

	if (resource->dialect)
		return dialect_check(c->set, place, c->diag);
	diag_init(&why);
	rc = dialect_find(c->set, resource->dialect_uri, &dialect, &why);
	return document_fail(c->diag, rc ? rc : ERR_INVALID, resource, resource->pointer, "$schema",
			     "%s", rc ? why.text : "the metaschema was added too late");
}

int compile_target(struct compiler *c, struct target target, const struct schema_node **ret)
{
	unsigned chain = 0;

	while (target.place) {
		struct schema_place *place = target.place;
		int rc = check(c, place);

		if (rc != 0)
			return rc;
		if (!is_mere_reference(c, place))
			return place_node(c, place, ret);
		if (++chain > MAX_REFERENCE_CHAIN)
			return document_fail(c->diag, ERR_INVALID, place->resource, place->pointer,
					     "$ref", "leads back to itself");
		rc = compile_resolve(c, place, "$ref", &target);
		if (rc != 0)
			return rc;
	}
	return boolean_node(c, &target, ret);
}

int compile_child(struct filling *f, const struct keyword_child *child,
		  const struct schema_node **ret)
{
	struct compiler *c = f->compiler;
	struct target target = { .resource = f->place->resource, .node = child->node };

	if (json_is_boolean(child->node)) {
		target.pointer = document_pointer(c->set, f->place->pointer, child);
		return target.pointer ? boolean_node(c, &target, ret) : diag_nomem(c->diag);
	}
	target.place = document_place(c->set, f->place->resource->document, child->node);
	if (!target.place) /* a circle in the Jansson values themselves could do that */
		return compile_fail(f, ERR_INVALID, child->keyword, "is not part of the document");
	return compile_target(c, target, ret);
}

int compile_children(struct filling *f, const char *keyword, const json_t *array,
		     const struct schema_node *const **ret)
{
	const struct schema_node **nodes =
		compile_alloc(f->compiler, json_array_size(array) * sizeof(struct schema_node *));
	size_t index;
	json_t *item;
	int rc = nodes ? 0 : ERR_NOMEM;

	json_array_foreach(array, index, item) {
		struct keyword_child child = {
			.node = item, .keyword = keyword, .index = index, .has_index = true
		};

		if (rc == 0)
			rc = compile_child(f, &child, &nodes[index]);
	}
	*ret = nodes;
	return rc;
}

/* ---- $dynamicRef ------------------------------------------------------------------------- */

int compile_anchor(struct compiler *c, const char *name, uint32_t *ret)
{
	int rc;

	for (size_t i = 0; i < c->anchor_count; i++) {
		if (strcmp(c->anchors[i], name) == 0) {
			*ret = (uint32_t)i;
			return 0;
		}
	}
	rc = compile_grow(c, &c->anchors, &c->anchor_cap, c->anchor_count, sizeof(*c->anchors));
	if (rc != 0)
		return rc;
	*ret = (uint32_t)c->anchor_count;
	c->anchors[c->anchor_count++] = name;
	return 0;
}

static bool has_dynamic_row(const struct schema *schema, uint32_t anchor, uint32_t resource)
{
	for (size_t i = 0; i < schema->dynamic_count; i++)
		if (schema->dynamic[i].anchor == anchor && schema->dynamic[i].resource == resource)
			return true;
	return false;
}

static int add_dynamic_row(struct compiler *c, uint32_t anchor, struct resource *resource)
{
	struct schema *schema = c->schema;
	const struct anchor *a = resource->anchors;
	struct target target = { .resource = resource };
	struct dynamic_target row = { anchor, resource->id, NULL };
	int rc;

	while (a && (!a->is_dynamic || strcmp(a->name, c->anchors[anchor]) != 0))
		a = a->next;
	if (!a || has_dynamic_row(schema, anchor, resource->id))
		return 0;
	rc = compile_grow(c, &schema->dynamic, &c->dynamic_cap, schema->dynamic_count,
			  sizeof(*schema->dynamic));
	target.node = a->node;
	target.place = document_place(c->set, resource->document, a->node);
	if (rc == 0)
		rc = compile_target(c, target, &row.node);
	if (rc == 0)
		schema->dynamic[schema->dynamic_count++] = row;
	return rc;
}

/* Every anchor that is asked for, in every resource that can be in the dynamic scope. */
static int add_dynamic_rows(struct compiler *c)
{
	for (uint32_t anchor = 0; anchor < c->anchor_count; anchor++) {
		for (size_t i = 0; i < c->resource_count; i++) {
			int rc = add_dynamic_row(c, anchor, c->resources[i]);

			if (rc != 0)
				return rc;
		}
	}
	return 0;
}

/* ---- whole schemas ----------------------------------------------------------------------- */

static uint32_t type_bits(const char *name)
{
	static const struct {
		const char *name;
		uint32_t bits;
	} types[] = {
		{ "array", VIEW_ARRAY },
		{ "boolean", VIEW_BOOLEAN },
		{ "integer", VIEW_INT | VIEW_BIG },
		{ "null", VIEW_NULL },
		{ "number", VIEW_NUMBER },
		{ "object", VIEW_OBJECT },
		{ "string", VIEW_STRING },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].bits;
	return 0;
}

static void set_types(struct filling *f)
{
	const json_t *type = compile_keyword(f, "type");
	size_t index;
	json_t *item;

	if (!type)
		return;
	f->node->types = json_is_string(type) ? type_bits(json_string_value(type)) : 0;
	json_array_foreach(type, index, item)
		f->node->types |= type_bits(json_string_value(item));
}

static int fill(struct compiler *c, const struct queued_schema *pending)
{
	struct filling f = { c, pending->place, pending->place->resource->dialect, pending->node };
	struct schema_node *node = f.node;
	bool hides = f.dialect->draft == DRAFT_7 && json_object_get(f.place->node, "$ref");
	int rc;

	node->fast_path = FAST_PATH_DEEP;
	if (hides)
		return compile_only_reference(&f);
	set_types(&f);
	rc = compile_number_rules(&f);
	if (rc == 0)
		rc = compile_string_rules(&f);
	if (rc == 0)
		rc = compile_array_rules(&f);
	if (rc == 0)
		rc = compile_object_rules(&f);
	if (rc == 0)
		rc = compile_steps(&f);
	if (rc != 0)
		return rc;
	compile_simplify(node);
	rc = node->object ? compile_probes(&f) : 0;
	node->fast_path = compile_fast_path(node);
	return rc;
}

static int drain(struct compiler *c)
{
	while (c->queue_done < c->queue_used) {
		struct queued_schema pending = c->queue[c->queue_done++];
		int rc = fill(c, &pending);

		if (rc == 0 && c->queue_done == c->queue_used)
			rc = add_dynamic_rows(c);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static void compiler_clear(struct compiler *c)
{
	free(c->nodes);
	free(c->queue);
	free(c->resources);
	free(c->anchors);
	free(c->constant_steps);
	json_decref(c->constants);
	schema_free(c->schema);
}

int schema_compile(struct schema_set *set, const char *uri, const struct schema_options *options,
		   struct schema **ret, struct diag *diag)
{
	struct compiler c = { .set = set,
			      .diag = diag,
			      .assert_format = options && options->assert_format,
			      .max_bytes = options ? options->max_bytes : 0 };
	struct target target;
	int rc = document_index_all(set, diag);

	if (rc != 0)
		return rc;
	c.schema = calloc(1, sizeof(*c.schema));
	if (!c.schema)
		return diag_nomem(diag);
	c.schema->max_work = options && options->max_work > 0 ? options->max_work : RUN_MAX_WORK;
	rc = document_resolve(set, NULL, uri, &target, diag);
	if (rc == 0)
		rc = compile_target(&c, target, &c.schema->root);
	if (rc == 0)
		rc = drain(&c);
	if (rc == 0)
		rc = compile_constants(&c);
	if (rc == 0)
		rc = compile_check_circles(&c);
	if (rc == 0)
		rc = compile_worst(&c, c.max_bytes);
	if (rc == 0) {
		*ret = c.schema;
		c.schema = NULL; /* handed over */
	}
	compiler_clear(&c);
	return rc;
}

const char *schema_warning(const struct schema *schema, size_t i)
{
	return i < schema->warning_count ? schema->warnings[i] : NULL;
}

void schema_free(struct schema *schema)
{
	if (!schema)
		return;
	for (size_t i = 0; i < schema->pattern_count; i++)
		pattern_free(schema->patterns[i]);
	free(schema->patterns);
	free(schema->dynamic);
	payload_parser_free(schema->constants);
	arena_clear(&schema->arena);
	free(schema);
}
