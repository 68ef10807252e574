#include "ctl/deref.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/jsonfile.h"
#include "base/jsonpointer.h"
#include "base/percent.h"
#include "ctl/pairs.h"
#include "gate/rules.h"
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
	json_t *parts;   /* of files that references led to: likewise, by the value in the file */
	unsigned circle; /* depth of the outermost schema that one below refers back to */
	size_t count;
	enum deref_extent extent;
};

static json_t *replace(struct deref *deref, const json_t *schema, const char *uri,
		       const struct inside *up);

/*
 * The part of the file that is looked at as one for @pointer, of which *ret_rest is the end below
 * the part: a channel or a component, else all of the file. A large contract has many of them, and
 * as JSON takes several times its size.
 */
static const struct config *find_part(const struct config *root, const char *pointer,
				      const char **ret_rest)
{
	const struct config *at = root;
	char token[JSONPOINTER_TOKEN_MAX];
	const char *rest = pointer;
	unsigned levels = 0;

	if (strncmp(pointer, "/channels/", 10) == 0)
		levels = 2;
	else if (strncmp(pointer, "/components/", 12) == 0)
		levels = 3;
	for (; levels > 0 && at && *rest == '/'; levels--)
		at = jsonpointer_next(&rest, token, sizeof(token)) ? config_member(at, token)
								   : NULL;
	if (levels > 0 || !at || rest == pointer) {
		*ret_rest = pointer;
		return root;
	}
	*ret_rest = rest;
	return at;
}

/* The value at @pointer in @file: the same JSON each time, as long as all of the file is not asked
 * for. */
static const json_t *find_value(struct deref *deref, struct sources_file *file, const char *pointer)
{
	const char *rest;
	const struct config *at = file->original ? find_part(file->original, pointer, &rest) : NULL;
	json_t *json;

	if (!at || at == file->original)
		return jsonfile_at(at ? sources_json(file) : NULL, pointer);
	json = pairs_get(deref->parts, at, NULL);
	if (!json) {
		/* What is asked for first is often beside what was in the call before. */
		bool is_first = json_object_size(deref->parts) == 0;

		json = is_first ? json_incref(sources_part_json(file, at)) : config_json(at);
		pairs_put(deref->parts, at, NULL, json);
		json_decref(json);
		json = pairs_get(deref->parts, at, NULL); /* NULL: memory ran out */
	}
	return jsonfile_at(json, rest);
}

/* The schema that @uri with @fragment names, and its document's uri to *ret_uri; or NULL. */
static const json_t *find(struct deref *deref, const char *uri, char *fragment,
			  const char **ret_uri)
{
	for (size_t i = 0; i < deref->contract->sources.count; i++) {
		struct sources_file *file = deref->contract->sources.file[i];

		if (strcmp(file->uri, uri) != 0)
			continue;
		*ret_uri = file->uri;
		(void)percent_decode(fragment);
		return fragment[0] == '\0' || fragment[0] == '/' ? find_value(deref, file, fragment)
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

static enum schema_dialect dialect_of(const json_t *schema_uri)
{
	const char *uri = json_string_value(schema_uri);
	enum schema_dialect dialect = uri ? dialect_of_uri(uri) : SCHEMA_UNSAID;

	return dialect == SCHEMA_UNSAID ? SCHEMA_DRAFT_2020_12 : dialect;
}

static int by_uri(const void *uri, const void *mark)
{
	return strcmp(uri, ((const struct contract_mark *)mark)->uri);
}

/* What the schema at @uri is written in: its $schema says it, or a schemaFormat, or AsyncAPI. */
static enum schema_dialect dialect_at(const struct contract *contract, const char *uri,
				      const json_t *schema)
{
	const json_t *own = json_object_get(schema, "$schema");
	const struct contract_mark *mark;

	if (json_is_string(own))
		return dialect_of(own);
	mark = contract->mark_count > 0 ? bsearch(uri, contract->mark, contract->mark_count,
						  sizeof(*contract->mark), by_uri)
					: NULL;
	return mark ? rules_dialect(mark->dialect) : SCHEMA_ASYNCAPI;
}

/* Is @target, or what it is the "schema" of, written in what a schemaFormat says? */
static bool has_format(struct deref *deref, const char *base, const char *ref, const json_t *target)
{
	static const char tail[] = "/schema";
	size_t len = strlen(ref);
	size_t tail_len = sizeof(tail) - 1;
	const char *uri;
	char *outer;

	if (json_object_get(target, "schemaFormat"))
		return true;
	if (len < tail_len || strcmp(ref + len - tail_len, tail) != 0)
		return false;
	outer = arena_text(&deref->arena, ref, len - tail_len);
	return outer && json_object_get(follow(deref, base, outer, &uri), "schemaFormat");
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
	if (has_format(deref, inside->uri, ref, target))
		leave_out(deref, DEREF_PARTLY);
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

/* ---- all dialects as draft 2020-12 says it ------------------------------------------------ */

/* "minimum" with "exclusiveMinimum": true, as "exclusiveMinimum". */
static int normalize_limit(json_t *copy, const char *limit, const char *exclusive)
{
	bool is_exclusive = json_is_true(json_object_get(copy, exclusive));
	json_t *value = json_object_get(copy, limit);

	(void)json_object_del(copy, exclusive);
	if (!is_exclusive || !value)
		return 0;
	if (json_object_set(copy, exclusive, value))
		return ERR_NOMEM;
	return json_object_del(copy, limit) ? ERR_NOMEM : 0;
}

/* A list in "items", and "additionalItems", which means nothing without one. */
static int normalize_items(json_t *copy)
{
	json_t *items = json_object_get(copy, "items");
	json_t *rest = json_object_get(copy, "additionalItems");
	int rc = 0;

	if (json_is_array(items)) {
		if (json_object_set(copy, "prefixItems", items) ||
		    (rest ? json_object_set(copy, "items", rest) : json_object_del(copy, "items")))
			rc = ERR_NOMEM;
	}
	(void)json_object_del(copy, "additionalItems");
	return rc;
}

/* OpenAPI's "nullable" adds to the type. */
static int normalize_null(json_t *copy)
{
	bool is_nullable = json_is_true(json_object_get(copy, "nullable"));
	const char *type = json_string_value(json_object_get(copy, "type"));

	(void)json_object_del(copy, "nullable");
	if (!is_nullable || !type)
		return 0;
	return json_object_set_new(copy, "type", json_pack("[s, s]", type, "null")) ? ERR_NOMEM : 0;
}

static int normalize(const struct dialect *dialect, json_t *copy)
{
	int rc = 0;

	if (dialect_in(dialect, IN_BOOLEAN_LIMITS)) {
		rc = normalize_limit(copy, "minimum", "exclusiveMinimum");
		if (rc == 0)
			rc = normalize_limit(copy, "maximum", "exclusiveMaximum");
	}
	if (rc == 0 && dialect_in(dialect, IN_ITEMS_LIST))
		rc = normalize_items(copy);
	if (rc == 0 && dialect_in(dialect, IN_OPENAPI))
		rc = normalize_null(copy);
	return rc;
}

/* ---- one schema --------------------------------------------------------------------------- */

/* Copies the members that count, with their references as they are. */
static int copy_members(struct deref *deref, const json_t *schema, bool is_root, json_t *copy)
{
	const struct dialect *dialect = &deref->dialect;
	const char *id = keyword_id(dialect);
	const char *key;
	json_t *value;

	if (keyword_hides(dialect, schema))
		return json_object_set(copy, "$ref", json_object_get(schema, "$ref")) ? ERR_NOMEM
										      : 0;
	json_object_foreach((json_t *)(uintptr_t)schema, key, value) {
		bool is_id = id && strcmp(key, id) == 0;

		if (strcmp(key, "$schema") == 0 && dialect_of(value) != dialect->draft)
			leave_out(deref, DEREF_PARTLY); /* a part in another dialect */
		if (is_id && !is_root && !dialect_in(dialect, IN_JSON_REFERENCE))
			leave_out(deref, DEREF_PARTLY); /* its references have another base */
		if (!is_id &&
		    (keyword_asserts(dialect, key) ||
		     (deref->keeps_unknown && !keyword_find(dialect, key) &&
		      !keyword_is_elsewhere(dialect, key))) &&
		    json_object_set_new(copy, key, json_deep_copy(value)))
			return ERR_NOMEM;
	}
	return 0;
}

static json_t *replace(struct deref *deref, const json_t *schema, const char *uri,
		       const struct inside *up)
{
	const struct inside inside = { up, schema, uri, up ? up->depth + 1 : 0 };
	struct copying copying = { .deref = deref, .inside = &inside, .copy = NULL };
	int rc;

	if (!json_is_object(schema))
		return json_deep_copy(schema); /* true or false */
	deref->count++;
	copying.copy = json_object();
	rc = copy_members(deref, schema, !up, copying.copy);
	if (rc == 0)
		rc = keyword_children(&deref->dialect, schema, on_child, &copying);
	if (rc == 0)
		rc = normalize(&deref->dialect, copying.copy);
	if (rc == 0)
		rc = put_reference(deref, copying.copy, &inside);
	if (rc == 0)
		return copying.copy;
	json_decref(copying.copy);
	return NULL;
}

json_t *deref_schema(const struct contract *contract, const char *uri, bool keeps_unknown,
		     struct deref_result *result)
{
	struct deref deref = { .contract = contract,
			       .keeps_unknown = keeps_unknown,
			       .dialect.vocabularies = UINT_MAX,
			       .done = json_object(),
			       .parts = json_object(),
			       .circle = UINT_MAX };
	const char *document = NULL;
	const json_t *schema = follow(&deref, uri, uri, &document);
	json_t *ret;

	deref.dialect.draft = dialect_at(contract, uri, schema);
	ret = schema ? replace(&deref, schema, document, NULL) : json_true();
	if (!schema)
		leave_out(&deref, DEREF_PARTLY);
	result->extent = deref.extent;
	result->dialect = deref.dialect.draft;
	json_decref(deref.done);
	json_decref(deref.parts);
	arena_clear(&deref.arena);
	return ret;
}
