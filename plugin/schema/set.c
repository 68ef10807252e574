/*
 * set.c -- adds documents to a schema set: names their resources and anchors, and finds the places
 * of all schemas in them.
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

static const char *string_member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	const char *text;
	size_t len;

	return jsonbig_text(value, &text, &len) ? NULL : json_string_value(value);
}

/* ---- resources --------------------------------------------------------------------------- */

/* A schema while its place is made, and what is around it. */
struct schema_walk {
	struct schema_set *set;
	struct resource *resource;
	struct schema_place *parent;
	const char *pointer;
	unsigned nesting;
	struct diag *diag;
};

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

/* Has @node a dialect of its own but no URI? Beside draft 7's $ref no other keyword counts. */
static bool has_own_dialect(const struct resource *outer, const json_t *node)
{
	const char *schema = string_member(node, "$schema");

	return schema && strcmp(schema, outer->dialect_uri) != 0 &&
	       !(outer->dialect && outer->dialect->draft == DRAFT_7 &&
		 json_object_get(node, "$ref"));
}

static int set_dialect(const struct schema_walk *w, struct resource *resource, const char *uri)
{
	int rc;

	resource->dialect_uri = uri;
	resource->dialect = NULL;
	rc = dialect_find(w->set, uri, &resource->dialect, w->diag);
	return rc == ERR_NOMEM ? rc
			       : 0; /* an unknown one is an error where something refers to it */
}

/* The URI of @resource's schema becomes its $id @id, seen from @base, and names it. */
static int set_id(struct schema_set *set, struct resource *resource, const char *base,
		  const char *id, struct diag *diag)
{
	char *uri = NULL;
	int rc = uri_resolve(&set->arena, base, id, &uri);

	if (rc == ERR_LIMIT)
		return document_fail(diag, rc, resource, resource->pointer, "$id",
				     "is longer than %u bytes", URI_MAX_BYTES);
	if (rc != 0)
		return diag_nomem(diag);
	resource->uri = uri;
	return add_name(set, uri, resource, diag);
}

/* Makes w->resource the part of it that @node is, which is written in another dialect. */
static int enter_part(struct schema_walk *w, json_t *node)
{
	struct resource *whole = w->resource->whole ? w->resource->whole : w->resource;
	struct resource *part = arena_alloc(&w->set->arena, sizeof(*part));

	if (!part)
		return diag_nomem(w->diag);
	*part = *w->resource;
	part->node = node;
	part->pointer = w->pointer;
	part->anchors = NULL;
	part->whole = whole;
	w->resource = part;
	return set_dialect(w, part, string_member(node, "$schema"));
}

/* Makes w->resource the one in it that begins with @node. */
static int enter_resource(struct schema_walk *w, json_t *node)
{
	const struct resource *outer = w->resource;
	struct resource *resource = arena_alloc(&w->set->arena, sizeof(*resource));
	const char *schema = string_member(node, "$schema");
	int rc;

	if (!resource)
		return diag_nomem(w->diag);
	*resource = (struct resource){ .document = outer->document,
				       .node = node,
				       .pointer = w->pointer,
				       .dialect = outer->dialect,
				       .dialect_uri = outer->dialect_uri,
				       .id = w->set->resource_count++ };
	w->resource = resource;
	rc = schema ? set_dialect(w, resource, schema) : 0;
	return rc == 0 ? set_id(w->set, resource, outer->uri, string_member(node, "$id"), w->diag)
		       : rc;
}

static int add_anchor(const struct schema_walk *w, json_t *node, const char *text, bool is_dynamic)
{
	struct resource *resource = w->resource->whole ? w->resource->whole : w->resource;
	struct anchor *anchor = resource->anchors;

	while (anchor && strcmp(anchor->name, text) != 0)
		anchor = anchor->next;
	if (anchor && anchor->node != node)
		return document_fail(w->diag, ERR_INVALID, resource, w->pointer, NULL,
				     "the anchor \"%s\" stands twice in one schema resource", text);
	if (!anchor) {
		anchor = arena_alloc(&w->set->arena, sizeof(*anchor));
		if (!anchor)
			return diag_nomem(w->diag);
		*anchor = (struct anchor){ .next = resource->anchors, .name = text, .node = node };
		resource->anchors = anchor;
	}
	anchor->is_dynamic |= is_dynamic;
	w->set->has_dynamic_anchors |= is_dynamic && !resource->document->is_builtin;
	return 0;
}

static int add_anchors(const struct schema_walk *w, json_t *node)
{
	static const char *const keywords[] = { "$anchor", "$dynamicAnchor" };
	int rc = 0;

	if (w->resource->dialect->draft == DRAFT_7) {
		const char *id = string_member(node, "$id");
		const char *hash = id && !json_object_get(node, "$ref") ? strchr(id, '#') : NULL;

		return hash && hash[1] ? add_anchor(w, node, hash + 1, false) : 0;
	}
	for (int i = 0; i < 2 && rc == 0; i++) {
		const char *text = string_member(node, keywords[i]);

		if (text)
			rc = add_anchor(w, node, text, i == 1);
	}
	return rc;
}

/* ---- the walk ---------------------------------------------------------------------------- */

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
	int rc = 0;

	walk.pointer = pointer;
	if (++walk.nesting > DOCUMENT_MAX_NESTING)
		return document_fail(walk.diag, ERR_LIMIT, walk.resource, "", NULL,
				     "schemas are nested deeper than %u levels",
				     DOCUMENT_MAX_NESTING);
	if (document_place(walk.set, walk.resource->document, node))
		return 0;
	if (walk.resource->node != node && starts_resource(walk.resource, node))
		rc = enter_resource(&walk, node);
	else if (walk.resource->node != node && has_own_dialect(walk.resource, node))
		rc = enter_part(&walk, node);
	if (rc != 0)
		return rc;
	walk.parent = document_add_place(walk.set, walk.resource, outer->parent, node, pointer,
					 walk.diag);
	if (!walk.parent)
		return ERR_NOMEM;
	if (!walk.resource->dialect)
		return 0;
	rc = add_anchors(&walk, node);
	return rc == 0 ? keyword_children(walk.resource->dialect, node, on_child, &walk) : rc;
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
			continue; /* its metaschema may be added later; else what needs it fails */
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
	int rc = add_name(set, resource->uri, resource, diag);

	if (rc != 0 || !id || id[0] == '#' || id[0] == '\0')
		return rc;
	return set_id(set, resource, resource->uri, id, diag);
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
