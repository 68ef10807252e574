/*
 * document_index.c -- names the resources and anchors of documents, and finds the places of all
 * schemas in them.
 */
#include <string.h>

#include "schema/dialect.h"
#include "schema/document.h"
#include "schema/jsonbig.h"
#include "schema/uri.h"

/* ---- names ------------------------------------------------------------------------------- */

int document_add_name(struct schema_set *set, const char *uri, struct resource *resource,
		      struct diag *diag)
{
	struct known_uri *name = arena_alloc(&set->arena, sizeof(*name));
	size_t slot = document_name_slot(uri);

	if (!name)
		return diag_nomem(diag);
	*name = (struct known_uri){ set->names[slot], uri, resource };
	set->names[slot] = name;
	return 0;
}

static const char *string_member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return jsonbig_is_string(value) ? json_string_value(value) : NULL;
}

/* The $id of @node that gives it a URI: one that is more than a fragment. */
static const char *id_of(const struct dialect *dialect, const json_t *node)
{
	const char *keyword = dialect ? keyword_id(dialect) : "$id";
	const char *id = keyword ? string_member(node, keyword) : NULL;

	return id && id[0] != '#' && id[0] != '\0' ? id : NULL;
}

/* ---- resources --------------------------------------------------------------------------- */

/* A schema while its place is made, and what is around it. */
struct schema_walk {
	struct schema_set *set;
	struct resource *resource;
	struct schema_place *parent;
	const char *pointer;
	const char *dialect_uri; /* of a schema without $schema; NULL: that of @resource */
	unsigned nesting;
	struct diag *diag;
};

static int set_dialect(const struct schema_walk *w, struct resource *resource, const char *uri)
{
	int rc;

	resource->dialect_uri = uri;
	resource->dialect = NULL;
	rc = dialect_find(w->set, uri, &resource->dialect, w->diag);
	return rc == ERR_NOMEM ? rc
			       : 0; /* an unknown one is an error where something refers to it */
}

/*
 * The URI of @resource's schema becomes its $id @id, seen from @base, and names it. Where
 * references are JSON References, it only names it.
 */
static int set_id(struct schema_set *set, struct resource *resource, const char *base,
		  const char *id, struct diag *diag)
{
	const struct resource *root = resource->document->resource;
	char *uri = NULL;
	int rc = uri_resolve(&set->arena, base, id, &uri);

	if (rc == ERR_LIMIT)
		return document_fail(diag, rc, resource, resource->pointer,
				     resource->dialect ? keyword_id(resource->dialect) : "$id",
				     "is longer than %u bytes", URI_MAX_BYTES);
	if (rc != 0)
		return diag_nomem(diag);
	if (resource->dialect && dialect_in(resource->dialect, IN_JSON_REFERENCE)) {
		resource->second = uri;
	} else {
		resource->uri = uri;
		if (root->dialect && dialect_in(root->dialect, IN_JSON_REFERENCE))
			resource->second = root->uri;
	}
	return document_add_name(set, uri, resource, diag);
}

int document_name_root(struct schema_set *set, struct resource *resource, struct diag *diag)
{
	const char *id = id_of(resource->dialect, resource->node);
	int rc = document_add_name(set, resource->uri, resource, diag);

	return rc == 0 && id ? set_id(set, resource, resource->uri, id, diag) : rc;
}

/* Makes w->resource the part of it that @node is, which is written in another dialect. */
static int enter_part(struct schema_walk *w, json_t *node, const char *dialect_uri)
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
	return set_dialect(w, part, dialect_uri);
}

/* Makes w->resource the one in it that begins with @node. */
static int enter_resource(struct schema_walk *w, json_t *node, const char *id,
			  const char *dialect_uri)
{
	const struct resource *outer = w->resource;
	struct resource *resource = arena_alloc(&w->set->arena, sizeof(*resource));
	int rc;

	if (!resource)
		return diag_nomem(w->diag);
	*resource = (struct resource){ .document = outer->document,
				       .uri = outer->uri,
				       .node = node,
				       .pointer = w->pointer,
				       .dialect = outer->dialect,
				       .dialect_uri = outer->dialect_uri,
				       .id = w->set->resource_count++ };
	rc = dialect_uri ? set_dialect(w, resource, dialect_uri) : 0;
	if (rc == 0)
		rc = set_id(w->set, resource, outer->uri, id, w->diag);
	if (!resource->dialect || !dialect_in(resource->dialect, IN_JSON_REFERENCE))
		w->resource = resource; /* else it has a name more and is no base */
	return rc;
}

/*
 * Gives @node a resource or a part of its own, if its $id, its $schema or a mark ask for one.
 * Beside a $ref that hides it, $schema counts only together with an $id: that is a whole schema of
 * another dialect.
 */
static int enter(struct schema_walk *w, json_t *node)
{
	const struct resource *outer = w->resource;
	bool hides = !w->dialect_uri && outer->dialect && keyword_hides(outer->dialect, node);
	bool is_reference = hides && dialect_in(outer->dialect, IN_JSON_REFERENCE);
	const char *schema = is_reference ? NULL : string_member(node, "$schema");
	const char *uri = schema ? schema : w->dialect_uri;
	const struct dialect *dialect = outer->dialect;
	const char *id;
	int rc = 0;

	if (uri && dialect_same_uri(uri, outer->dialect_uri))
		uri = NULL;
	if (uri) {
		dialect = NULL;
		rc = dialect_find(w->set, uri, &dialect, w->diag);
	}
	if (rc == ERR_NOMEM)
		return rc;
	rc = 0;
	id = dialect && keyword_hides(dialect, node) ? NULL : id_of(dialect, node);
	if (hides && !id)
		return 0;
	if (uri && (!id || (dialect && dialect_in(dialect, IN_JSON_REFERENCE))))
		rc = enter_part(w, node, uri);
	return rc == 0 && id ? enter_resource(w, node, id, uri) : rc;
}

/* ---- anchors ----------------------------------------------------------------------------- */

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

/* Up to draft 07: an $id that has a fragment. */
static int add_fragment(const struct schema_walk *w, json_t *node)
{
	const struct dialect *dialect = w->resource->dialect;
	const char *keyword = keyword_id(dialect);
	const char *id =
		keyword && !keyword_hides(dialect, node) ? string_member(node, keyword) : NULL;
	const char *hash = id ? strchr(id, '#') : NULL;

	return hash && hash[1] ? add_anchor(w, node, hash + 1, false) : 0;
}

static int add_anchors(const struct schema_walk *w, json_t *node)
{
	static const char *const keywords[] = { "$anchor", "$dynamicAnchor" };
	const struct dialect *dialect = w->resource->dialect;
	int rc = 0;

	if (dialect_in(dialect, IN_LONE_REF))
		return add_fragment(w, node);
	for (int i = 0; i < 2 && rc == 0; i++) {
		const char *text = keyword_find(dialect, keywords[i])
					   ? string_member(node, keywords[i])
					   : NULL;

		if (text)
			rc = add_anchor(w, node, text, i == 1);
	}
	/* 2019-09's $recursiveAnchor is a dynamic anchor of the resource's root, without a name. */
	if (rc == 0 && node == w->resource->node && !w->resource->whole &&
	    dialect_in(dialect, IN_2019_09) &&
	    json_is_true(json_object_get(node, "$recursiveAnchor")))
		rc = add_anchor(w, node, "", true);
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
	if (walk.resource->node != node)
		rc = enter(&walk, node);
	if (rc != 0)
		return rc;
	walk.dialect_uri = NULL; /* it was that of @node, and has reached walk.resource */
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
		   json_t *node, const char *pointer, const char *dialect_uri, struct diag *diag)
{
	struct schema_walk walk = { .set = set,
				    .resource = resource,
				    .parent = parent,
				    .dialect_uri = dialect_uri,
				    .diag = diag };

	return walk_schema(&walk, node, pointer);
}

static int index_document(struct schema_set *set, struct document *document, struct diag *diag)
{
	struct resource *resource = document->resource;
	int rc = 0;

	if (!resource->dialect)
		rc = dialect_find(set, resource->dialect_uri, &resource->dialect, diag);
	if (rc != 0) /* its metaschema may be added later; else what needs it fails */
		return rc == ERR_NOMEM ? rc : 0;
	document->is_indexed = true;
	return json_is_object(document->root)
		       ? document_index(set, resource, NULL, document->root, "", NULL, diag)
		       : 0;
}

int document_index_all(struct schema_set *set, struct diag *diag)
{
	int rc = 0;

	for (struct document *d = set->documents; d && rc == 0; d = d->next)
		if (!d->is_indexed)
			rc = index_document(set, d, diag);
	return rc;
}
