/*
 * Resolves references. The URI names a resource, and the fragment (a JSON Pointer or an anchor)
 * names a schema in it. If a pointer leads to a value that was not a schema, it becomes one.
 */
#include <string.h>

#include "base/jsonpointer.h"
#include "base/percent.h"
#include "schema/dialect.h"
#include "schema/document.h"
#include "schema/uri.h"

/* How near a resource of that name is; the nearest one is meant. */
enum nearness {
	ELSEWHERE = 1, /* an $id in some other document */
	A_DOCUMENT,    /* what a document was added as */
	IN_SAME_DOCUMENT,
	ITSELF,
};

static enum nearness nearness_of(const struct known_uri *name, const struct resource *from)
{
	if (name->resource == from)
		return ITSELF;
	if (from && name->resource->document == from->document)
		return IN_SAME_DOCUMENT;
	return name->uri == name->resource->document->uri ? A_DOCUMENT : ELSEWHERE;
}

/* Is @name of an edition that is not for readers of @dialect? */
static bool is_other_edition(const struct known_uri *name, const struct resource *from,
			     const struct dialect *dialect)
{
	const struct document *document = name->resource->document;

	return document->edition && document->edition != dialect &&
	       (!from || from->document != document);
}

/* Makes the documents that a reference may lead to, and that nothing asked for before. */
static int prepare(struct schema_set *set, const struct resource *from,
		   const struct dialect *dialect, const char *uri, struct diag *diag)
{
	struct known_dialect *known = set->dialects;
	int rc = document_add_metaschema(set, uri, diag);

	while (known && &known->dialect != dialect)
		known = known->next;
	if (rc != 0 || !known || (from && from->document->is_builtin))
		return rc;
	return document_edit(set, known, diag);
}

int document_find(struct schema_set *set, struct resource *from, const struct dialect *dialect,
		  const char *uri, struct resource **ret, struct diag *diag)
{
	struct resource *best = NULL;
	const struct resource *other = NULL;
	enum nearness nearest = 0;
	int rc = prepare(set, from, dialect, uri, diag);

	if (rc != 0)
		return rc;
	if (from && from->whole)
		from = from->whole;
	for (const struct known_uri *name = set->names[document_name_slot(uri)]; name;
	     name = name->next) {
		enum nearness near;

		if (strcmp(name->uri, uri) != 0 || is_other_edition(name, from, dialect))
			continue;
		near = nearness_of(name, from);
		if (near > nearest) {
			nearest = near;
			best = name->resource;
			other = NULL;
		} else if (near == nearest && name->resource != best) {
			other = name->resource;
		}
	}
	if (!best)
		return diag_set(diag, ERR_INVALID, "\"%s\" is not known (nothing is fetched)", uri);
	if (other)
		return diag_set(diag, ERR_INVALID,
				"\"%s\" is the $id of two schemas (%s#%s and %s#%s)", uri,
				best->document->name, best->pointer, other->document->name,
				other->pointer);
	*ret = best;
	return 0;
}

/* One reference token, unescaped in place, names a member or an item of @node. */
static json_t *step(json_t *node, char *token)
{
	size_t len = jsonpointer_decode(token, strlen(token));
	size_t index = 0;

	token[len] = '\0';
	if (json_is_object(node))
		return json_object_getn(node, token, len);
	if (!json_is_array(node) || len == 0 || len > 9 || strspn(token, "0123456789") != len ||
	    (token[0] == '0' && len > 1))
		return NULL;
	for (size_t i = 0; i < len; i++)
		index = index * 10 + (size_t)(token[i] - '0');
	return json_array_get(node, index);
}

/* What the resource's root is, before a pointer or an anchor leads on. */
static void start(const struct schema_set *set, struct resource *resource, struct target *ret)
{
	*ret = (struct target){ .resource = resource,
				.place = document_place(set, resource->document, resource->node),
				.node = resource->node,
				.pointer = resource->pointer };
}

/*
 * AsyncAPI 3, "Multi Format Schema Object": { schemaFormat, schema } stands for its schema, if that
 * is marked, so that it is known what it is written in.
 */
static int enter_format(struct schema_set *set, struct target *target, struct diag *diag)
{
	const struct document *document = target->resource->document;
	const struct dialect *root = document->resource->dialect;
	json_t *schema = json_object_get(target->node, "schema");
	size_t len = strlen(target->pointer);
	char *pointer;

	if (!root || !dialect_in(root, IN_ASYNCAPI) || !json_is_object(schema) ||
	    !json_object_get(target->node, "schemaFormat") ||
	    !document_place(set, document, schema))
		return 0;
	pointer = arena_alloc(&set->arena, len + sizeof("/schema"));
	if (!pointer)
		return diag_nomem(diag);
	memcpy(pointer, target->pointer, len);
	strcpy(pointer + len, "/schema");
	target->node = schema;
	target->pointer = pointer;
	return 0;
}

/* Something else than an object or a boolean is no schema; an object gets its place. */
static int arrive(struct schema_set *set, struct target *target, struct schema_place *around,
		  struct diag *diag)
{
	int rc = enter_format(set, target, diag);

	if (rc != 0)
		return rc;
	if (json_is_boolean(target->node)) {
		target->place = NULL;
		return 0;
	}
	if (!json_is_object(target->node))
		return document_fail(diag, ERR_INVALID, target->resource, target->pointer, NULL,
				     "is no schema (expected an object or a boolean)");
	target->place = document_place(set, target->resource->document, target->node);
	if (!target->place) {
		rc = document_index(set, target->resource, around, target->node, target->pointer,
				    NULL, diag);
		if (rc != 0)
			return rc;
		target->place = document_place(set, target->resource->document, target->node);
		target->place->is_detached = true;
	}
	target->resource = target->place->resource;
	return 0;
}

/*
 * In a file of references a pointer may lead through a schema that says what it is written in, and
 * that nothing referred to before.
 */
static int enter_on_the_way(struct schema_set *set, struct target *target,
			    struct schema_place *around, const char *pointer, size_t len,
			    struct diag *diag)
{
	const struct dialect *root = target->resource->document->resource->dialect;
	char *copy;

	if (!root || !dialect_in(root, IN_JSON_REFERENCE) || !json_is_object(target->node) ||
	    !json_is_string(json_object_get(target->node, "$schema")))
		return 0;
	copy = arena_text(&set->arena, pointer, len);
	if (!copy)
		return diag_nomem(diag);
	return document_index(set, target->resource, around, target->node, copy, NULL, diag);
}

/* @pointer, not empty, is written over. */
static int follow_pointer(struct schema_set *set, struct target *target, char *pointer,
			  struct diag *diag)
{
	size_t base = strlen(target->pointer);
	char *full = arena_alloc(&set->arena, base + strlen(pointer) + 1);
	struct schema_place *around = target->place;
	char *next;

	if (!full)
		return diag_nomem(diag);
	memcpy(full, target->pointer, base);
	strcpy(full + base, pointer);
	target->pointer = full;
	for (char *token = pointer + 1; token; token = next) {
		struct schema_place *place;

		next = strchr(token, '/');
		if (next)
			*next++ = '\0';
		target->node = step(target->node, token);
		if (!target->node)
			return diag_set(diag, ERR_INVALID, "%s has no %s",
					target->resource->document->name, full);
		place = document_place(set, target->resource->document, target->node);
		if (!place && next) {
			int rc = enter_on_the_way(set, target, around, full,
						  base + (size_t)(next - 1 - pointer), diag);

			if (rc != 0)
				return rc;
			place = document_place(set, target->resource->document, target->node);
		}
		if (place) {
			around = place;
			target->resource = place->resource;
		}
	}
	return arrive(set, target, around, diag);
}

static int follow_anchor(struct schema_set *set, struct target *target, const char *name,
			 struct diag *diag)
{
	const struct anchor *anchor = target->resource->anchors;

	while (anchor && strcmp(anchor->name, name) != 0)
		anchor = anchor->next;
	if (!anchor)
		return diag_set(diag, ERR_INVALID, "%s has no anchor \"%s\"",
				target->resource->document->name, name);
	target->node = anchor->node;
	target->place = document_place(set, target->resource->document, anchor->node);
	target->pointer = target->place->pointer;
	target->dynamic_anchor = anchor->is_dynamic ? anchor->name : NULL;
	return 0;
}

/* A reference while it is resolved. */
struct reference {
	struct resource *from;         /* that it stands in; NULL: in none */
	const struct dialect *dialect; /* of the schema that it stands in */
	const char *text;
};

/* Resolves the reference, seen from @base. */
static int resolve_from(struct schema_set *set, const struct reference *reference, const char *base,
			struct target *ret, struct diag *diag)
{
	const char *encoded = uri_fragment(reference->text);
	char *fragment = arena_text(&set->arena, encoded, strlen(encoded));
	struct resource *resource = NULL;
	const struct dialect *dialect = NULL;
	char *uri = NULL;
	int rc = uri_resolve(&set->arena, base, reference->text, &uri);

	if (rc == ERR_LIMIT)
		return diag_set(diag, rc, "the reference is longer than %u bytes", URI_MAX_BYTES);
	if (rc != 0 || !fragment)
		return diag_nomem(diag);
	if (percent_decode(fragment) != strlen(fragment))
		return diag_set(diag, ERR_INVALID, "\"%s\" has U+0000 in it", reference->text);
	rc = document_find(set, reference->from, reference->dialect, uri, &resource, diag);
	if (rc == 0 && !resource->dialect) {
		rc = dialect_find(set, resource->dialect_uri, &dialect, diag);
		if (rc == ERR_INVALID)
			diag_prefix(diag, "%s: %s/$schema", resource->document->name,
				    resource->pointer);
	}
	if (rc != 0)
		return rc;
	start(set, resource, ret);
	if (fragment[0] == '\0')
		return arrive(set, ret, NULL, diag);
	if (fragment[0] == '/')
		return follow_pointer(set, ret, fragment, diag);
	return follow_anchor(set, ret, fragment, diag);
}

int document_resolve(struct schema_set *set, struct resource *from, enum schema_dialect dialect,
		     const char *ref, struct target *ret, struct diag *diag)
{
	struct reference reference = { from, from ? from->dialect : NULL, ref };
	struct diag why;
	int second;
	int rc = 0;

	if (!from)
		rc = dialect_find(set, dialect_uri(dialect), &reference.dialect, diag);
	if (rc == 0)
		rc = resolve_from(set, &reference, from ? from->uri : "", ret, diag);
	if (rc != ERR_INVALID || !from || !from->second)
		return rc;
	diag_init(&why);
	second = resolve_from(set, &reference, from->second, ret, &why);
	if (second == ERR_NOMEM)
		return diag_nomem(diag);
	return second == 0 ? 0 : rc; /* what was said of the first base is what counts */
}
