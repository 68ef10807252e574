#include "schema/compile.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "schema/dialect.h"
#include "schema/heirs.h"
#include "schema/run.h"
#include "schema/uri.h"

/* $refs to nothing but another $ref; more than these in a row are taken for a circle. */
#define MAX_REFERENCE_CHAIN 64u

/* Keeps a failure, which is the first. Always NULL, or false. */
static void *fail(struct compiler *c, int rc)
{
	c->rc = rc;
	return NULL;
}

void *compile_alloc(struct compiler *c, size_t size)
{
	void *memory = c->rc == 0 ? arena_alloc(&c->schema->arena, size) : NULL;

	return memory || c->rc ? memory : fail(c, diag_nomem(c->diag));
}

const char *compile_text(struct compiler *c, const char *text, size_t len)
{
	char *copy = compile_alloc(c, len + 1);

	return copy ? memcpy(copy, text, len) : NULL;
}

bool compile_grow(struct compiler *c, void *array, size_t *cap, size_t used, size_t item)
{
	void **items = array;
	void *larger;

	if (c->rc || used < *cap)
		return c->rc == 0;
	larger = realloc(*items, (2 * *cap + 8) * item);
	if (!larger)
		return fail(c, diag_nomem(c->diag));
	*items = larger;
	*cap = 2 * *cap + 8;
	return true;
}

void compile_fail(struct filling *f, int err, const char *keyword, const char *format, ...)
{
	struct compiler *c = f->compiler;
	struct diag text;
	va_list args;

	if (c->rc)
		return;
	if (err == ERR_NOMEM) {
		c->rc = diag_nomem(c->diag);
		return;
	}
	diag_init(&text);
	va_start(args, format);
	(void)diag_vset(&text, err, format, args);
	va_end(args);
	c->rc = document_fail(c->diag, err, f->place->resource, f->place->pointer, keyword, "%s",
			      text.text);
}

json_t *compile_keyword(const struct filling *f, const char *keyword)
{
	return keyword_value(f->dialect, f->place->node, keyword);
}

const struct pattern *compile_pattern(struct filling *f, const char *keyword, const char *source,
				      size_t len)
{
	struct compiler *c = f->compiler;
	struct schema *schema = c->schema;
	struct pattern *pattern = NULL;
	struct diag why;
	int rc;

	if (!compile_grow(c, &schema->patterns, &c->pattern_cap, schema->pattern_count,
			  sizeof(*schema->patterns)))
		return NULL;
	diag_init(&why);
	rc = pattern_compile(source, len, &pattern, &why);
	if (rc != 0) {
		compile_fail(f, rc, keyword, "%s", why.text);
		return NULL;
	}
	schema->patterns[schema->pattern_count++] = pattern;
	if (!pattern_is_linear(pattern))
		compile_warn(c, f->place, keyword,
			     "the pattern \"%.*s\" looks around, refers back or has too many "
			     "parts: a text that takes too long to match is refused (schema-limit)",
			     (int)(len < 100 ? len : 100), source);
	return pattern;
}

/* ---- from places to nodes ---------------------------------------------------------------- */

static void enter_resource(struct compiler *c, struct resource *resource)
{
	if (resource->whole)
		resource = resource->whole; /* which has the anchors */
	for (size_t i = c->resource_count; i-- > 0;)
		if (c->resources[i] == resource)
			return;
	if (compile_grow(c, &c->resources, &c->resource_cap, c->resource_count,
			 sizeof(*c->resources)))
		c->resources[c->resource_count++] = resource;
}

static struct schema_node *new_node(struct compiler *c, const struct resource *resource,
				    const char *pointer)
{
	struct schema_node *node = compile_alloc(c, sizeof(*node));

	if (!node)
		return NULL;
	node->types = VIEW_ANY;
	node->resource = resource->id;
	node->pointer = compile_text(c, pointer, strlen(pointer));
	return node->pointer ? node : NULL;
}

static const struct schema_node *boolean_node(struct compiler *c, const struct target *target)
{
	struct schema_node *node = new_node(c, target->resource, target->pointer);

	if (!node)
		return NULL;
	node->types = json_is_true(target->node) ? VIEW_ANY : 0;
	node->is_boolean = true;
	return node;
}

/* Where the node of @place is kept, which is NULL until it is made. */
static struct schema_node **node_slot(struct compiler *c, struct schema_place *place, bool is_plain)
{
	if (!is_plain) {
		if (place->compilation != c->number)
			place->compiled = NULL;
		place->compilation = c->number;
		return &place->compiled;
	}
	for (size_t i = 0; i < c->plain_count; i++)
		if (c->plain[i].place == place)
			return &c->plain[i].node;
	if (!compile_grow(c, &c->plain, &c->plain_cap, c->plain_count, sizeof(*c->plain)))
		return NULL;
	c->plain[c->plain_count] = (struct queued_schema){ .place = place };
	return &c->plain[c->plain_count++].node;
}

static const struct schema_node *place_node(struct compiler *c, struct schema_place *place)
{
	struct schema_node *node;
	struct schema_node **slot;
	bool is_plain = c->wants_plain;

	if (is_plain)
		c->rc = heirs_is_kind(c->set, place, &is_plain, c->diag);
	slot = c->rc == 0 ? node_slot(c, place, is_plain) : NULL;
	if (!slot)
		return NULL;
	if (*slot)
		return *slot;
	enter_resource(c, place->resource);
	if (!compile_grow(c, &c->queue, &c->queue_cap, c->queue_used, sizeof(*c->queue)))
		return NULL;
	if (c->queue_used >= COMPILE_MAX_NODES)
		return fail(c,
			    document_fail(c->diag, ERR_LIMIT, place->resource, place->pointer, NULL,
					  "is one of more than %u schemas", COMPILE_MAX_NODES));
	node = new_node(c, place->resource, place->pointer);
	if (!node)
		return NULL;
	compile_ignored(c, place);
	*slot = node;
	node->ordinal = (uint32_t)c->queue_used;
	c->queue[c->queue_used++] = (struct queued_schema){ place, node, is_plain };
	return node;
}

bool compile_resolve(struct compiler *c, struct schema_place *place, const char *keyword,
		     struct target *ret)
{
	const char *ref = json_string_value(json_object_get(place->node, keyword));
	struct diag why;
	int rc;

	if (c->rc)
		return false;
	diag_init(&why);
	rc = document_resolve(c->set, place->resource, SCHEMA_UNSAID, ref, ret, &why);
	if (rc == ERR_NOMEM)
		return fail(c, diag_nomem(c->diag));
	if (rc != 0)
		return fail(c, document_fail(c->diag, rc, place->resource, place->pointer, keyword,
					     "\"%s\": %s", ref, why.text));
	return true;
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
	if (keyword_hides(dialect, place->node))
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

const struct schema_node *compile_target(struct compiler *c, struct target target)
{
	unsigned chain = 0;

	while (c->rc == 0 && target.place) {
		struct schema_place *place = target.place;

		c->rc = check(c, place);
		if (c->rc == 0 && !is_mere_reference(c, place))
			return place_node(c, place);
		compile_ignored(c, place);
		if (c->rc == 0 && ++chain > MAX_REFERENCE_CHAIN)
			return fail(c,
				    document_fail(c->diag, ERR_INVALID, place->resource,
						  place->pointer, "$ref", "leads back to itself"));
		(void)compile_resolve(c, place, "$ref", &target);
	}
	return c->rc == 0 ? boolean_node(c, &target) : NULL;
}

const struct schema_node *compile_child(struct filling *f, const struct keyword_child *child)
{
	struct compiler *c = f->compiler;
	struct target target = { .resource = f->place->resource, .node = child->node };

	if (c->rc)
		return NULL;
	if (json_is_boolean(child->node)) {
		target.pointer = document_pointer(c->set, f->place->pointer, child);
		return target.pointer ? boolean_node(c, &target) : fail(c, diag_nomem(c->diag));
	}
	target.place = document_place(c->set, f->place->resource->document, child->node);
	if (target.place)
		return compile_target(c, target);
	/* A circle in the Jansson values themselves could do that. */
	compile_fail(f, ERR_INVALID, child->keyword, "is not part of the document");
	return NULL;
}

const struct schema_node *compile_member(struct filling *f, const char *keyword, const char *name,
					 json_t *value)
{
	struct keyword_child child = { .node = value, .keyword = keyword, .name = name };

	return compile_child(f, &child);
}

const struct schema_node *compile_value(struct filling *f, const char *keyword)
{
	json_t *value = compile_keyword(f, keyword);

	return value ? compile_member(f, keyword, NULL, value) : NULL;
}

const struct schema_node *const *compile_children(struct filling *f, const char *keyword,
						  const json_t *array)
{
	const struct schema_node **nodes =
		compile_alloc(f->compiler, json_array_size(array) * sizeof(struct schema_node *));
	size_t index;
	json_t *item;

	json_array_foreach(array, index, item) {
		struct keyword_child child = {
			.node = item, .keyword = keyword, .index = index, .has_index = true
		};

		if (nodes)
			nodes[index] = compile_child(f, &child);
	}
	return nodes;
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
	if (json_is_true(compile_keyword(f, "nullable")))
		f->node->types |= VIEW_NULL;
	json_array_foreach(type, index, item)
		f->node->types |= type_bits(json_string_value(item));
}

static void fill(struct compiler *c, const struct queued_schema *queued)
{
	struct filling f = { .compiler = c,
			     .place = queued->place,
			     .dialect = queued->place->resource->dialect,
			     .node = queued->node,
			     .is_plain = queued->is_plain };
	struct schema_node *node = f.node;

	node->fast_path = FAST_PATH_DEEP;
	if (keyword_hides(f.dialect, f.place->node)) {
		compile_only_reference(&f);
		return;
	}
	set_types(&f);
	compile_format(&f);
	compile_number_rules(&f);
	compile_string_rules(&f);
	compile_array_rules(&f);
	compile_object_rules(&f);
	compile_kind(&f);
	compile_steps(&f);
	if (c->rc)
		return;
	compile_simplify(node);
	if (node->object)
		compile_probes(&f);
	node->fast_path = compile_fast_path(node);
}

static void fill_all(struct compiler *c)
{
	while (c->rc == 0 && c->queue_done < c->queue_used) {
		struct queued_schema queued = c->queue[c->queue_done++];

		fill(c, &queued);
		if (c->queue_done == c->queue_used)
			compile_dynamic_rows(c);
	}
}

static void compiler_clear(struct compiler *c)
{
	free(c->queue);
	free(c->plain);
	free(c->resources);
	free(c->anchors);
	free(c->constant_steps);
	free(c->unbound);
	free(c->untold);
	json_decref(c->constants);
	schema_free(c->schema);
}

int schema_compile(struct schema_set *set, const char *uri, const struct schema_options *options,
		   struct schema **ret, struct diag *diag)
{
	struct compiler c = { .set = set,
			      .number = ++set->compilations,
			      .diag = diag,
			      .assert_format = options && options->assert_format,
			      .checks_examples = options && options->checks_examples,
			      .max_bytes = options ? options->max_bytes : 0 };
	struct target target;
	int rc = document_index_all(set, diag);

	if (rc != 0)
		return rc;
	c.schema = calloc(1, sizeof(*c.schema));
	if (!c.schema)
		return diag_nomem(diag);
	c.schema->max_work = options && options->max_work > 0 ? options->max_work : RUN_MAX_WORK;
	c.rc = document_resolve(set, NULL, options ? options->dialect : SCHEMA_UNSAID, uri, &target,
				diag);
	if (c.rc == 0)
		c.schema->root = compile_target(&c, target);
	fill_all(&c);
	compile_constants(&c);
	compile_dynamic_check(&c);
	compile_check_circles(&c);
	compile_worst(&c, c.max_bytes);
	if (c.rc == 0)
		compile_examples(&c);
	compile_warn_of_more(&c);
	if (c.rc == 0) {
		*ret = c.schema;
		c.schema = NULL; /* handed over */
	}
	compiler_clear(&c);
	return c.rc;
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
	free(schema->warnings);
	free(schema->dynamic);
	payload_parser_free(schema->constants);
	arena_clear(&schema->arena);
	free(schema);
}
