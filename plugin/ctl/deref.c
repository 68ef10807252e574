#include "ctl/deref.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/jsonfile.h"
#include "base/percent.h"
#include "ctl/pairs.h"
#include "schema/dialect.h"
#include "schema/keyword.h"
#include "schema/uri.h"

#define DEPTH_MAX 256u

/* The schemas that are being copied, innermost first: a reference to one of them is a circle. */
struct inside {
	const struct inside *up;
	const json_t *schema;
	const char *uri; /* of its document */
	unsigned depth;
};

struct deref {
	bool keeps_unknown; /* members that are no keyword */
	const struct contract *contract;
	struct dialect dialect;
	struct arena arena;
	json_t *done;    /* schemas that were copied and can stand elsewhere, too: pairs.h */
	unsigned circle; /* depth of the outermost schema that one below refers back to */
	size_t count;
	enum deref_extent extent;
};

static json_t *replace(struct deref *deref, const json_t *schema, const char *uri,
		       const struct inside *up);

/* The schema that @uri with @fragment names, and its document's uri to *ret_uri; or NULL. */
static const json_t *find(const struct deref *deref, const char *uri, char *fragment,
			  const char **ret_uri)
{
	for (size_t i = 0; i < deref->contract->sources.count; i++) {
		struct sources_file *file = deref->contract->sources.file[i];

		if (strcmp(file->uri, uri) != 0)
			continue;
		*ret_uri = file->uri;
		(void)percent_decode(fragment);
		return fragment[0] == '\0' || fragment[0] == '/'
			       ? jsonfile_at(sources_json(file), fragment)
			       : NULL; /* an anchor */
	}
	return NULL;
}

static const json_t *follow(struct deref *deref, const char *base, const char *ref,
			    const char **ret_uri)
{
	const char *fragment = uri_fragment(ref);
	char *uri = NULL, *copy = arena_text(&deref->arena, fragment, strlen(fragment));

	if (!copy || uri_resolve(&deref->arena, base, ref, &uri))
		return NULL;
	return find(deref, uri, copy, ret_uri);
}

/* Is @target being copied? Then what is in between depends on it, and can't stand elsewhere. */
static bool is_circle(struct deref *deref, const struct inside *inside, const json_t *target)
{
	for (; inside; inside = inside->up) {
		if (inside->schema != target)
			continue;
		if (inside->depth < deref->circle)
			deref->circle = inside->depth;
		return true;
	}
	return false;
}

static enum schema_dialect draft_of(const json_t *schema_uri)
{
	const char *uri = json_string_value(schema_uri);
	enum schema_dialect dialect = uri ? dialect_of_uri(uri) : SCHEMA_UNSAID;

	return dialect == SCHEMA_UNSAID ? SCHEMA_DRAFT_2020_12 : dialect;
}

static void leave_out(struct deref *deref, enum deref_extent extent)
{
	if (deref->extent < extent)
		deref->extent = extent;
}

/* A schema that is referred to: copied once, where that does not depend on what is around it. */
static json_t *share(struct deref *deref, const json_t *schema, const char *uri,
		     const struct inside *up)
{
	unsigned circle = deref->circle;
	json_t *ret = pairs_get(deref->done, schema, uri);

	if (ret)
		return json_incref(ret);
	deref->circle = UINT_MAX;
	ret = replace(deref, schema, uri, up);
	if (ret && deref->circle > up->depth)
		pairs_put(deref->done, schema, uri, ret);
	if (circle < deref->circle)
		deref->circle = circle;
	return ret;
}

/* Puts what "$ref" refers to beside what else the schema asks. */
static int put_reference(struct deref *deref, json_t *copy, const struct inside *inside)
{
	const char *ref = json_string_value(json_object_get(copy, "$ref"));
	const char *uri = NULL;
	const json_t *target = ref ? follow(deref, inside->uri, ref, &uri) : NULL;
	json_t *all = json_object_get(copy, "allOf");

	if (!ref)
		return 0;
	if (!target || inside->depth >= DEPTH_MAX || deref->count >= DEREF_MAX) {
		leave_out(deref, target ? DEREF_STOPPED : DEREF_PARTLY);
		return 0;
	}
	if (is_circle(deref, inside, target))
		return 0;
	if (!all) {
		all = json_array();
		if (json_object_set_new(copy, "allOf", all))
			return ERR_NOMEM;
	}
	if (json_array_append_new(all, share(deref, target, uri, inside)))
		return ERR_NOMEM;
	return json_object_del(copy, "$ref") ? ERR_NOMEM : 0;
}

struct copying {
	struct deref *deref;
	const struct inside *inside;
	json_t *copy;
};

static int on_child(void *ctx, const struct keyword_child *child)
{
	struct copying *copying = ctx;
	json_t *at = json_object_get(copying->copy, child->keyword);
	json_t *value;

	if (!at)
		return 0; /* only describes */
	value = replace(copying->deref, child->node, copying->inside->uri, copying->inside);
	if (child->second)
		at = json_object_get(at, child->name);
	if (child->second)
		return json_object_set_new(at, child->second, value) ? ERR_NOMEM : 0;
	if (child->name)
		return json_object_set_new(at, child->name, value) ? ERR_NOMEM : 0;
	if (child->has_index)
		return json_array_set_new(at, child->index, value) ? ERR_NOMEM : 0;
	return json_object_set_new(copying->copy, child->keyword, value) ? ERR_NOMEM : 0;
}

static json_t *replace(struct deref *deref, const json_t *schema, const char *uri,
		       const struct inside *up)
{
	const struct inside inside = { up, schema, uri, up ? up->depth + 1 : 0 };
	struct copying copying = { .deref = deref, .inside = &inside, .copy = NULL };
	const char *key;
	json_t *value;
	int rc = 0;

	if (!json_is_object(schema))
		return json_deep_copy(schema); /* true or false */
	deref->count++;
	copying.copy = json_object();
	json_object_foreach((json_t *)(uintptr_t)schema, key, value) {
		if (strcmp(key, "$schema") == 0 && draft_of(value) != deref->dialect.draft)
			leave_out(deref, DEREF_PARTLY); /* a part in another dialect */
		if (strcmp(key, "$id") == 0 && up)
			leave_out(deref, DEREF_PARTLY); /* its references have another base */
		else if (strcmp(key, "$id") != 0 &&
			 (keyword_asserts(&deref->dialect, key) ||
			  (deref->keeps_unknown && !keyword_find(&deref->dialect, key))) &&
			 json_object_set_new(copying.copy, key, json_deep_copy(value)))
			rc = ERR_NOMEM;
	}
	if (rc == 0)
		rc = keyword_children(&deref->dialect, schema, on_child, &copying);
	if (rc == 0)
		rc = put_reference(deref, copying.copy, &inside);
	if (rc == 0)
		return copying.copy;
	json_decref(copying.copy);
	return NULL;
}

json_t *deref_schema(const struct contract *contract, const char *uri, bool keeps_unknown,
		     enum deref_extent *extent)
{
	struct deref deref = { .contract = contract,
			       .keeps_unknown = keeps_unknown,
			       .dialect.vocabularies = UINT_MAX,
			       .done = json_object(),
			       .circle = UINT_MAX };
	const char *document = NULL;
	const json_t *schema = follow(&deref, uri, uri, &document);
	json_t *ret;

	deref.dialect.draft = draft_of(json_object_get(schema, "$schema"));
	ret = schema ? replace(&deref, schema, document, NULL) : json_true();
	if (!schema)
		leave_out(&deref, DEREF_PARTLY);
	*extent = deref.extent;
	json_decref(deref.done);
	arena_clear(&deref.arena);
	return ret;
}
