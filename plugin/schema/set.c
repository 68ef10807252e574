/*
 * set.c -- a schema set: adds documents and built-in metaschemas, makes editions of the documents
 * that do not say what they are written in, and keeps what is said of places in them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/jsonfile.h"
#include "base/percent.h"
#include "schema/dialect.h"
#include "schema/document.h"
#include "schema/jsonbig.h"
#include "schema/metaschema.h"
#include "schema/uri.h"

size_t document_name_slot(const char *uri)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *uri; uri++)
		hash = (hash ^ (unsigned char)*uri) * 16777619u;
	return (hash ^ hash >> 16) & (SET_NAME_SLOTS - 1);
}

static const char *schema_of(const json_t *root)
{
	const json_t *schema = json_object_get(root, "$schema");

	return jsonbig_is_string(schema) ? json_string_value(schema) : NULL;
}

/* ---- documents --------------------------------------------------------------------------- */

static int check_new_uri(const struct schema_set *set, const char *uri, const char *name,
			 struct diag *diag)
{
	const char *other = NULL;
	size_t len;

	if (strlen(uri) > URI_MAX_BYTES)
		return diag_set(diag, ERR_LIMIT, "%s: the URI is longer than %u bytes", name,
				URI_MAX_BYTES);
	if (metaschema_text(uri, &len))
		other = "a metaschema that is built in";
	for (const struct document *d = set->documents; d && !other; d = d->next)
		if (strcmp(d->uri, uri) == 0)
			other = d->name;
	for (const struct unsaid *u = set->unsaid; u && !other; u = u->next)
		if (strcmp(u->uri, uri) == 0)
			other = u->name;
	return other ? diag_set(diag, ERR_INVALID, "%s: %s has this URI too: %s", name, other, uri)
		     : 0;
}

/* Adds a document to the set's list; @uri and @name are in its arena. */
static int add_document(struct schema_set *set, const struct document *values,
			const char *dialect_uri, struct diag *diag)
{
	struct document *d = arena_alloc(&set->arena, sizeof(*d));
	struct resource *resource = arena_alloc(&set->arena, sizeof(*resource));
	int rc;

	if (!d || !resource)
		return diag_nomem(diag);
	*d = *values;
	d->resource = resource;
	*resource = (struct resource){ .document = d,
				       .uri = d->uri,
				       .node = d->root,
				       .pointer = "",
				       .dialect_uri = dialect_uri,
				       .id = set->resource_count++ };
	d->root = json_incref(d->root);
	d->next = set->documents;
	set->documents = d;
	/* One that is not known by now may be added later. */
	rc = dialect_find(set, dialect_uri, &resource->dialect, diag);
	return rc == ERR_NOMEM ? rc : document_name_root(set, resource, diag);
}

static int add_unsaid(struct schema_set *set, const struct document *values, struct diag *diag)
{
	struct unsaid *u = arena_alloc(&set->arena, sizeof(*u));

	if (!u)
		return diag_nomem(diag);
	*u = (struct unsaid){ .next = set->unsaid,
			      .uri = values->uri,
			      .name = values->name,
			      .root = json_incref(values->root) };
	set->unsaid = u;
	return 0;
}

int schema_set_add(struct schema_set *set, const char *uri, const char *name, json_t *document,
		   enum schema_dialect dialect, struct diag *diag)
{
	const char *schema = schema_of(document);
	struct document values = { .root = document };
	int rc = check_new_uri(set, uri, name, diag);

	if (rc != 0)
		return rc;
	values.uri = arena_text(&set->arena, uri, strlen(uri));
	values.name = arena_text(&set->arena, name, strlen(name));
	if (!values.uri || !values.name)
		return diag_nomem(diag);
	if (dialect == SCHEMA_UNSAID && !schema)
		return add_unsaid(set, &values, diag);
	return add_document(set, &values, schema ? schema : dialect_uri(dialect), diag);
}

int document_add_metaschema(struct schema_set *set, const char *uri, struct diag *diag)
{
	size_t len;
	const char *text = metaschema_text(uri, &len);
	struct document values = { .name = uri, .uri = uri, .is_builtin = true };
	json_t *json = NULL;
	int rc;

	if (!text)
		return 0;
	for (const struct document *d = set->documents; d; d = d->next)
		if (d->is_builtin && strcmp(d->uri, uri) == 0)
			return 0;
	/* These are JSON: only memory can be missing, whatever error Jansson reports. */
	if (jsonfile_parse(uri, text, len, &json, diag) != 0)
		return diag_nomem(diag);
	values.root = json;
	values.uri = values.name = arena_text(&set->arena, uri, strlen(uri));
	rc = values.uri ? add_document(set, &values, schema_of(json), diag) : diag_nomem(diag);
	json_decref(json);
	return rc == 0 ? document_index_all(set, diag) : rc;
}

/* ---- editions ---------------------------------------------------------------------------- */

static int set_mark(struct schema_set *set, struct document *document, const char *pointer,
		    enum schema_dialect dialect, struct diag *diag);

static int add_edition(struct schema_set *set, const struct unsaid *u,
		       const struct known_dialect *known, struct diag *diag)
{
	const struct document values = {
		.uri = u->uri, .name = u->name, .root = u->root, .edition = &known->dialect
	};
	int rc = add_document(set, &values, known->uri, diag);

	for (const struct unsaid_mark *m = u->marks; m && rc == 0; m = m->next)
		rc = set_mark(set, set->documents, m->pointer, m->dialect, diag);
	return rc;
}

int document_edit(struct schema_set *set, struct known_dialect *known, struct diag *diag)
{
	const struct unsaid *done = known->edited;
	int rc = 0;

	if (known->edited == set->unsaid)
		return 0;
	known->edited = set->unsaid;
	for (const struct unsaid *u = set->unsaid; u != done && rc == 0; u = u->next)
		rc = add_edition(set, u, known, diag);
	return rc == 0 ? document_index_all(set, diag) : rc;
}

/* ---- marks ------------------------------------------------------------------------------- */

/* Draft 07 is a part of AsyncAPI's dialect, whose documents may well say that they use no more. */
static bool contradicts(const struct dialect *own, enum schema_dialect marked)
{
	return own->draft != marked &&
	       !(marked == SCHEMA_ASYNCAPI && own->draft == SCHEMA_DRAFT_07);
}

static int fail_twice(const struct resource *resource, const char *pointer, const char *more,
		      enum schema_dialect own, enum schema_dialect marked, struct diag *diag)
{
	return document_fail(diag, ERR_INVALID, resource, pointer, more,
			     "says that the schema is written in %s, where it is said to be in %s",
			     schema_dialect_name(own), schema_dialect_name(marked));
}

/* What the schema's own $schema says must be what the mark says. */
static int check_own(struct schema_set *set, const struct resource *resource, const json_t *node,
		     const char *pointer, enum schema_dialect marked, struct diag *diag)
{
	const char *schema = schema_of(node);
	const struct dialect *own = NULL;
	struct diag why;
	int rc;

	if (!schema)
		return 0;
	diag_init(&why);
	rc = dialect_find(set, schema, &own, &why);
	if (rc != 0)
		return document_fail(diag, rc, resource, pointer, "$schema", "%s", why.text);
	return contradicts(own, marked)
		       ? fail_twice(resource, pointer, "$schema", own->draft, marked, diag)
		       : 0;
}

static int set_mark(struct schema_set *set, struct document *document, const char *pointer,
		    enum schema_dialect dialect, struct diag *diag)
{
	struct resource *root = document->resource;
	json_t *node = (json_t *)(uintptr_t)jsonfile_at(document->root, pointer);
	const struct schema_place *place;
	char *copy;
	int rc;

	if (!json_is_object(node) && !json_is_boolean(node))
		return document_fail(diag, ERR_INVALID, root, pointer, NULL,
				     "is no schema (expected an object or a boolean)");
	rc = json_is_object(node) ? check_own(set, root, node, pointer, dialect, diag) : 0;
	if (rc != 0 || !json_is_object(node))
		return rc;
	place = document_place(set, document, node);
	if (place)
		return place->resource->dialect && contradicts(place->resource->dialect, dialect)
			       ? fail_twice(root, pointer, NULL, place->resource->dialect->draft,
					    dialect, diag)
			       : 0;
	if (node == root->node) {
		root->dialect_uri = schema_of(node) ? schema_of(node) : dialect_uri(dialect);
		return dialect_find(set, root->dialect_uri, &root->dialect, diag);
	}
	copy = arena_text(&set->arena, pointer, strlen(pointer));
	if (!copy)
		return diag_nomem(diag);
	return document_index(set, root, NULL, node, copy, dialect_uri(dialect), diag);
}

static int add_unsaid_mark(struct schema_set *set, struct unsaid *u, const char *pointer,
			   enum schema_dialect dialect, struct diag *diag)
{
	struct unsaid_mark *mark = arena_alloc(&set->arena, sizeof(*mark));
	char *copy = arena_text(&set->arena, pointer, strlen(pointer));

	if (!mark || !copy)
		return diag_nomem(diag);
	*mark = (struct unsaid_mark){ u->marks, copy, dialect };
	u->marks = mark;
	return 0;
}

int schema_set_mark(struct schema_set *set, const char *uri, enum schema_dialect dialect,
		    struct diag *diag)
{
	const char *hash = strchr(uri, '#');
	size_t len = hash ? (size_t)(hash - uri) : strlen(uri);
	const char *encoded = hash ? hash + 1 : "";
	char *pointer = arena_text(&set->arena, encoded, strlen(encoded));

	if (!pointer)
		return diag_nomem(diag);
	if (percent_decode(pointer) != strlen(pointer))
		return diag_set(diag, ERR_INVALID, "\"%s\" has U+0000 in it", uri);
	for (struct document *d = set->documents; d; d = d->next)
		if (!d->edition && strncmp(d->uri, uri, len) == 0 && d->uri[len] == '\0')
			return set_mark(set, d, pointer, dialect, diag);
	for (struct unsaid *u = set->unsaid; u; u = u->next)
		if (strncmp(u->uri, uri, len) == 0 && u->uri[len] == '\0')
			return add_unsaid_mark(set, u, pointer, dialect, diag);
	return diag_set(diag, ERR_INVALID, "\"%s\" is not known (nothing is fetched)", uri);
}

/* ---- the set ----------------------------------------------------------------------------- */

int schema_set_new(struct schema_set **ret, struct diag *diag)
{
	struct schema_set *set = calloc(1, sizeof(*set));

	if (!set)
		return diag_nomem(diag);
	*ret = set;
	return 0;
}

void schema_set_free(struct schema_set *set)
{
	if (!set)
		return;
	for (struct document *d = set->documents; d; d = d->next)
		json_decref(d->root);
	for (struct unsaid *u = set->unsaid; u; u = u->next)
		json_decref(u->root);
	for (struct known_dialect *dialect = set->dialects; dialect; dialect = dialect->next)
		schema_free(dialect->metaschema);
	free(set->places);
	arena_clear(&set->arena);
	free(set);
}
