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

int document_find(const struct schema_set *set, struct resource *from, const char *uri,
		  struct resource **ret, struct diag *diag)
{
	struct resource *best = NULL;
	const struct resource *other = NULL;
	enum nearness nearest = 0;

	if (from && from->whole)
		from = from->whole;
	for (const struct known_uri *name = set->names; name; name = name->next) {
		enum nearness near;

		if (strcmp(name->uri, uri) != 0)
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

/* Something else than an object or a boolean is no schema; an object gets its place. */
static int arrive(struct schema_set *set, struct target *target, struct schema_place *around,
		  struct diag *diag)
{
	if (json_is_boolean(target->node)) {
		target->place = NULL;
		return 0;
	}
	if (!json_is_object(target->node))
		return document_fail(diag, ERR_INVALID, target->resource, target->pointer, NULL,
				     "is no schema (expected an object or a boolean)");
	target->place = document_place(set, target->resource->document, target->node);
	if (!target->place) {
		int rc = document_index(set, target->resource, around, target->node,
					target->pointer, diag);

		if (rc != 0)
			return rc;
		target->place = document_place(set, target->resource->document, target->node);
		target->place->is_detached = true;
	}
	target->resource = target->place->resource;
	return 0;
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

int document_resolve(struct schema_set *set, struct resource *from, const char *ref,
		     struct target *ret, struct diag *diag)
{
	const char *encoded = uri_fragment(ref);
	char *fragment = arena_text(&set->arena, encoded, strlen(encoded));
	struct resource *resource = NULL;
	const struct dialect *dialect = NULL;
	char *uri = NULL;
	int rc = uri_resolve(&set->arena, from ? from->uri : "", ref, &uri);

	if (rc == ERR_LIMIT)
		return diag_set(diag, rc, "the reference is longer than %u bytes", URI_MAX_BYTES);
	if (rc != 0 || !fragment)
		return diag_nomem(diag);
	if (percent_decode(fragment) != strlen(fragment))
		return diag_set(diag, ERR_INVALID, "\"%s\" has U+0000 in it", ref);
	rc = document_find(set, from, uri, &resource, diag);
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
