/*
 * compile_dynamic.c -- references that the dynamic scope decides: $dynamicRef, and 2019-09's
 * $recursiveRef, which asks for the anchor without a name at the root of a resource.
 */
#include <string.h>

#include "schema/compile.h"

uint32_t compile_anchor(struct compiler *c, const char *name)
{
	for (size_t i = 0; i < c->anchor_count; i++)
		if (strcmp(c->anchors[i], name) == 0)
			return (uint32_t)i;
	if (!compile_grow(c, &c->anchors, &c->anchor_cap, c->anchor_count, sizeof(*c->anchors)))
		return 0;
	c->anchors[c->anchor_count] = name;
	return (uint32_t)c->anchor_count++;
}

static bool has_row(const struct schema *schema, uint32_t anchor, uint32_t resource)
{
	for (size_t i = 0; i < schema->dynamic_count; i++)
		if (schema->dynamic[i].anchor == anchor && schema->dynamic[i].resource == resource)
			return true;
	return false;
}

static void add_row(struct compiler *c, uint32_t anchor, struct resource *resource)
{
	struct schema *schema = c->schema;
	const struct anchor *a = resource->anchors;
	struct target target = { .resource = resource };
	struct dynamic_target row = { anchor, resource->id, NULL };

	while (a && (!a->is_dynamic || strcmp(a->name, c->anchors[anchor]) != 0))
		a = a->next;
	if (!a || has_row(schema, anchor, resource->id) ||
	    !compile_grow(c, &schema->dynamic, &c->dynamic_cap, schema->dynamic_count,
			  sizeof(*schema->dynamic)))
		return;
	target.node = a->node;
	target.place = document_place(c->set, resource->document, a->node);
	row.node = compile_target(c, target);
	schema->dynamic[schema->dynamic_count++] = row;
}

/* Every anchor that is asked for, in every resource that can be in the dynamic scope. */
void compile_dynamic_rows(struct compiler *c)
{
	for (uint32_t anchor = 0; anchor < c->anchor_count; anchor++)
		for (size_t i = 0; i < c->resource_count; i++)
			add_row(c, anchor, c->resources[i]);
}

/* ---- where a reference starts ------------------------------------------------------------- */

static const struct anchor *find_dynamic(struct resource *resource, const char *name)
{
	const struct anchor *anchor = (resource->whole ? resource->whole : resource)->anchors;

	while (anchor && (!anchor->is_dynamic || strcmp(anchor->name, name) != 0))
		anchor = anchor->next;
	return anchor;
}

/* From v1 on: the reference is a name, which need not be an anchor of this resource. */
static bool start_by_name(struct filling *f, const char *keyword, struct target *ret)
{
	struct compiler *c = f->compiler;
	const char *ref = json_string_value(compile_keyword(f, keyword));
	const char *name = ref[0] == '#' ? ref + 1 : ref;
	const struct anchor *anchor = find_dynamic(f->place->resource, name);

	*ret = (struct target){ .resource = f->place->resource,
				.node = anchor ? anchor->node : json_false(),
				.pointer = f->place->pointer,
				.dynamic_anchor = name };
	if (anchor) {
		ret->place = document_place(c->set, ret->resource->document, anchor->node);
		return true;
	}
	if (compile_grow(c, &c->unbound, &c->unbound_cap, c->unbound_count, sizeof(*c->unbound)))
		c->unbound[c->unbound_count++] =
			(struct unbound_reference){ f->place, compile_anchor(c, name) };
	return c->rc == 0;
}

bool compile_dynamic_start(struct filling *f, const char *keyword, struct target *ret)
{
	bool is_dynamic = strcmp(keyword, "$dynamicRef") == 0;
	const struct anchor *root;

	if (is_dynamic && dialect_in(f->dialect, IN_V1))
		return start_by_name(f, keyword, ret);
	if (!compile_resolve(f->compiler, f->place, keyword, ret))
		return false;
	if (!is_dynamic)
		ret->dynamic_anchor = NULL;
	if (strcmp(keyword, "$recursiveRef") == 0) {
		root = find_dynamic(ret->resource, "");
		if (root && root->node == ret->node)
			ret->dynamic_anchor = root->name;
	}
	return true;
}

void compile_dynamic_check(struct compiler *c)
{
	for (size_t i = 0; i < c->unbound_count && c->rc == 0; i++) {
		const struct unbound_reference *unbound = &c->unbound[i];
		const struct schema_place *place = unbound->place;
		bool is_bound = false;

		for (size_t k = 0; k < c->schema->dynamic_count; k++)
			is_bound |= c->schema->dynamic[k].anchor == unbound->anchor;
		if (!is_bound)
			c->rc = document_fail(c->diag, ERR_INVALID, place->resource, place->pointer,
					      "$dynamicRef",
					      "no schema has the $dynamicAnchor \"%s\"",
					      c->anchors[unbound->anchor]);
	}
}
