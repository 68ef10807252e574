/*
 * set.c -- documents come into a schema set: their resources and anchors get names, and the places
 * of all schemas in them are found.
 */
#include <stdlib.h>
#include <string.h>

#include "schema/dialect.h"
#include "schema/document.h"
#include "schema/jsonbig.h"
#include "schema/uri.h"

/* ---- names ------------------------------------------------------------------------------- */

static int add_name(struct schema_set *set, const char *uri, struct resource *resource,
		    struct diag *diag)
{
	struct known_uri *name = arena_alloc(&set->arena, sizeof(*name));

	if (!name)
		return diag_nomem(diag);
	*name = (struct known_uri){ set->names, uri, resource };
	set->names = name;
	return 0;
}

static int add_anchor(struct schema_set *set, struct resource *resource, json_t *node,
		      const char *pointer, const char *text, bool is_dynamic, struct diag *diag)
{
	struct anchor *anchor;

	if (resource->whole)
		resource = resource->whole;
	for (anchor = resource->anchors; anchor; anchor = anchor->next) {
		if (strcmp(anchor->name, text) != 0)
			continue;
		if (anchor->node == node) {
			anchor->is_dynamic |= is_dynamic;
			return 0;
		}
		return document_fail(diag, ERR_INVALID, resource, pointer, NULL,
				     "the anchor \"%s\" stands twice in one schema resource", text);
	}
	anchor = arena_alloc(&set->arena, sizeof(*anchor));
	if (!anchor)
		return diag_nomem(diag);
	set->has_dynamic_anchors |= is_dynamic && !resource->document->is_builtin;
	*anchor = (struct anchor){ resource->anchors, text, node, is_dynamic };
	resource->anchors = anchor;
	return 0;
}

static const char *string_member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	const char *text;
	size_t len;

	return jsonbig_text(value, &text, &len) ? NULL : json_string_value(value);
}

static int add_anchors(struct schema_set *set, struct resource *resource, json_t *node,
		       const char *pointer, struct diag *diag)
{
	static const char *const keywords[] = { "$anchor", "$dynamicAnchor" };
	int rc = 0;

	if (resource->dialect->draft == DRAFT_7) {
		const char *id = string_member(node, "$id");
		const char *hash = id && !json_object_get(node, "$ref") ? strchr(id, '#') : NULL;

		return hash && hash[1]
			       ? add_anchor(set, resource, node, pointer, hash + 1, false, diag)
			       : 0;
	}
	for (int i = 0; i < 2 && rc == 0; i++) {
		const char *text = string_member(node, keywords[i]);

		if (text)
			rc = add_anchor(set, resource, node, pointer, text, i == 1, diag);
	}
	return rc;
}

/* ---- resources --------------------------------------------------------------------------- */

/* Does @node start a resource of its own inside @outer? */
static bool starts_resource(const struct resource *outer, const json_t *node)
{
	const char *id = string_member(node, "$id");
	const char *schema = string_member(node, "$schema");
	bool is_old = schema ? dialect_is_draft7(schema)
			     : outer->dialect && outer->dialect->draft == DRAFT_7;

	if (!id || id[0] == '#' || id[0] == '\0')
		return false;
	return !(is_old && json_object_get(node, "$ref")); /* draft 7: $ref hides its siblings */
}

/* Does @node name another dialect, without a URI of its own? Beside draft 7's $ref nothing counts.
 */
static bool has_own_dialect(const struct resource *outer, const json_t *node)
{
	const char *schema = string_member(node, "$schema");

	return schema && strcmp(schema, outer->dialect_uri) != 0 &&
	       !(outer->dialect && outer->dialect->draft == DRAFT_7 &&
		 json_object_get(node, "$ref"));
}

static int set_dialect(struct schema_set *set, struct resource *resource, const char *uri,
		       struct diag *diag)
{
	int rc;

	resource->dialect_uri = uri;
	resource->dialect = NULL;
	rc = dialect_find(set, uri, &resource->dialect, diag);
	return rc == ERR_NOMEM ? rc : 0; /* what is not known is an error for whom refers to it */
}

/* The part of @outer that is written in another dialect. */
static int add_part(struct schema_set *set, struct resource *outer, json_t *node,
		    const char *pointer, struct resource **ret, struct diag *diag)
{
	struct resource *part = arena_alloc(&set->arena, sizeof(*part));

	if (!part)
		return diag_nomem(diag);
	*part = *outer;
	part->node = node;
	part->pointer = pointer;
	part->anchors = NULL;
	part->whole = outer->whole ? outer->whole : outer;
	*ret = part;
	return set_dialect(set, part, string_member(node, "$schema"), diag);
}

static int add_resource(struct schema_set *set, const struct resource *outer, json_t *node,
			const char *pointer, struct resource **ret, struct diag *diag)
{
	struct resource *resource = arena_alloc(&set->arena, sizeof(*resource));
	const char *schema = string_member(node, "$schema");
	char *uri = NULL;
	int rc;

	if (!resource)
		return diag_nomem(diag);
	rc = uri_resolve(&set->arena, outer->uri, string_member(node, "$id"), &uri);
	if (rc == ERR_LIMIT)
		return document_fail(diag, rc, outer, pointer, "$id", "is longer than %u bytes",
				     URI_MAX_BYTES);
	if (rc != 0)
		return diag_nomem(diag);
	*resource = (struct resource){ .document = outer->document,
				       .uri = uri,
				       .node = node,
				       .pointer = pointer,
				       .dialect = outer->dialect,
				       .dialect_uri = outer->dialect_uri,
				       .id = set->resource_count++ };
	if (schema) {
		rc = set_dialect(set, resource, schema, diag);
		if (rc != 0)
			return rc;
	}
	*ret = resource;
	return add_name(set, uri, resource, diag);
}

/* ---- the walk ---------------------------------------------------------------------------- */

struct schema_walk {
	struct schema_set *set;
	struct resource *resource;
	struct schema_place *parent;
	const char *pointer;
	unsigned nesting;
	struct diag *diag;
};

static int walk_schema(const struct schema_walk *outer, json_t *node, const char *pointer);

static int on_child(void *ctx, const struct keyword_child *child)
{
	const struct schema_walk *walk = ctx;
	const char *pointer;

	if (!json_is_object(child->node))
		return 0;
	pointer = document_pointer(walk->set, walk->pointer, child);
	return pointer ? walk_schema(walk, child->node, pointer) : diag_nomem(walk->diag);
}

static int walk_schema(const struct schema_walk *outer, json_t *node, const char *pointer)
{
	struct schema_walk walk = *outer;
	int rc;

	walk.pointer = pointer;
	if (++walk.nesting > DOCUMENT_MAX_NESTING)
		return document_fail(walk.diag, ERR_LIMIT, walk.resource, "", NULL,
				     "schemas are nested deeper than %u levels",
				     DOCUMENT_MAX_NESTING);
	if (document_place(walk.set, walk.resource->document, node))
		return 0;
	if (walk.resource->node != node && starts_resource(walk.resource, node)) {
		rc = add_resource(walk.set, outer->resource, node, pointer, &walk.resource,
				  walk.diag);
		if (rc != 0)
			return rc;
	} else if (walk.resource->node != node && has_own_dialect(walk.resource, node)) {
		rc = add_part(walk.set, outer->resource, node, pointer, &walk.resource, walk.diag);
		if (rc != 0)
			return rc;
	}
	walk.parent = document_add_place(walk.set, walk.resource, outer->parent, node, pointer,
					 walk.diag);
	if (!walk.parent)
		return ERR_NOMEM;
	if (!walk.resource->dialect)
		return 0;
	rc = add_anchors(walk.set, walk.resource, node, pointer, walk.diag);
	if (rc == 0)
		rc = keyword_children(walk.resource->dialect, node, on_child, &walk);
	return rc;
}

int document_index(struct schema_set *set, struct resource *resource, struct schema_place *parent,
		   json_t *node, const char *pointer, struct diag *diag)
{
	struct schema_walk walk = { set, resource, parent, pointer, 0, diag };

	return walk_schema(&walk, node, pointer);
}

int document_index_all(struct schema_set *set, struct diag *diag)
{
	for (struct document *document = set->documents; document; document = document->next) {
		struct resource *resource = document->resource;
		int rc;

		if (document->is_indexed)
			continue;
		rc = dialect_find(set, resource->dialect_uri, &resource->dialect, diag);
		if (rc == ERR_NOMEM)
			return rc;
		if (rc != 0)
			continue; /* its metaschema may yet be added; an error for whom needs it */
		document->is_indexed = true;
		rc = json_is_object(document->root)
			     ? document_index(set, resource, NULL, document->root, "", diag)
			     : 0;
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* ---- the set ----------------------------------------------------------------------------- */

/* The root's own $id becomes the base and a second name, whatever the draft says of $ref. */
static int name_root(struct schema_set *set, struct resource *resource, struct diag *diag)
{
	const char *id = string_member(resource->node, "$id");
	char *uri = NULL;
	int rc = add_name(set, resource->uri, resource, diag);

	if (rc != 0 || !id || id[0] == '#' || id[0] == '\0')
		return rc;
	rc = uri_resolve(&set->arena, resource->uri, id, &uri);
	if (rc == ERR_LIMIT)
		return document_fail(diag, rc, resource, "", "$id", "is longer than %u bytes",
				     URI_MAX_BYTES);
	if (rc != 0)
		return diag_nomem(diag);
	resource->uri = uri;
	return add_name(set, uri, resource, diag);
}

static int check_new_uri(const struct schema_set *set, const char *uri, const char *name,
			 struct diag *diag)
{
	if (strlen(uri) > URI_MAX_BYTES)
		return diag_set(diag, ERR_LIMIT, "%s: the URI is longer than %u bytes", name,
				URI_MAX_BYTES);
	for (const struct document *d = set->documents; d; d = d->next)
		if (strcmp(d->uri, uri) == 0)
			return diag_set(diag, ERR_INVALID, "%s: %s has this URI too: %s", name,
					d->name, uri);
	return 0;
}

int schema_set_add(struct schema_set *set, const char *uri, const char *name, json_t *document,
		   struct diag *diag)
{
	struct document *d = arena_alloc(&set->arena, sizeof(*d));
	struct resource *resource = arena_alloc(&set->arena, sizeof(*resource));
	const char *schema = string_member(document, "$schema");
	int rc = check_new_uri(set, uri, name, diag);

	if (rc != 0)
		return rc;
	if (!d || !resource)
		return diag_nomem(diag);
	*d = (struct document){ .uri = arena_text(&set->arena, uri, strlen(uri)),
				.name = arena_text(&set->arena, name, strlen(name)),
				.resource = resource };
	*resource = (struct resource){ .document = d,
				       .uri = d->uri,
				       .node = document,
				       .pointer = "",
				       .dialect_uri = schema ? schema : DIALECT_DEFAULT,
				       .id = set->resource_count++ };
	if (!d->uri || !d->name)
		return diag_nomem(diag);
	d->root = json_incref(document);
	d->next = set->documents;
	set->documents = d;
	return name_root(set, resource, diag);
}

int schema_set_new(struct schema_set **ret, struct diag *diag)
{
	struct schema_set *set = calloc(1, sizeof(*set));
	int rc;

	if (!set)
		return diag_nomem(diag);
	rc = dialect_add_metaschemas(set, diag);
	if (rc != 0) {
		schema_set_free(set);
		return rc;
	}
	*ret = set;
	return 0;
}

void schema_set_free(struct schema_set *set)
{
	if (!set)
		return;
	for (struct document *d = set->documents; d; d = d->next)
		json_decref(d->root);
	for (struct known_dialect *dialect = set->dialects; dialect; dialect = dialect->next)
		schema_free(dialect->metaschema);
	free(set->places);
	arena_clear(&set->arena);
	free(set);
}
