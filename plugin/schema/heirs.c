#include "schema/heirs.h"

#include <stdio.h>
#include <string.h>

#include "schema/jsonbig.h"

/* $refs to nothing but another $ref; more than these in a row are taken for a circle. */
#define MAX_CHAIN 64u

static const char *string_of(const json_t *value)
{
	return jsonbig_is_string(value) ? json_string_value(value) : NULL;
}

static const char *ref_of(const json_t *node)
{
	return string_of(json_object_get(node, "$ref"));
}

int heirs_resolve(struct schema_set *set, const struct schema_place *from, const char *ref,
		  struct schema_place **ret, struct diag *diag)
{
	const struct schema_place *at = from;

	*ret = NULL;
	for (unsigned chain = 0; ref && chain < MAX_CHAIN; chain++) {
		struct target target;
		struct diag why;
		int rc;

		diag_init(&why);
		rc = document_resolve(set, at->resource, SCHEMA_UNSAID, ref, &target, &why);
		if (rc == ERR_NOMEM)
			return diag_nomem(diag);
		if (rc != 0 || !target.place)
			return 0; /* who compiles the reference says what is wrong with it */
		at = target.place;
		ref = ref_of(at->node);
		if (!ref)
			*ret = target.place;
	}
	return 0;
}

/* Stores the place that the i-th item of the allOf of @place refers to; NULL: it is no reference.
 */
static int base_at(struct schema_set *set, const struct schema_place *place, size_t i,
		   struct schema_place **ret, struct diag *diag)
{
	const json_t *item = json_array_get(json_object_get(place->node, "allOf"), i);

	return heirs_resolve(set, place, ref_of(item), ret, diag);
}

static size_t base_count(const struct schema_place *place)
{
	return json_array_size(json_object_get(place->node, "allOf"));
}

static bool has_discriminator(const struct schema_place *place)
{
	const struct dialect *dialect = place->resource->dialect;

	return dialect && keyword_value(dialect, place->node, "discriminator");
}

/* ---- upwards ----------------------------------------------------------------------------- */

static int find_kind(struct schema_set *set, struct schema_place *place, unsigned depth,
		     struct diag *diag)
{
	bool is_kind = has_discriminator(place);
	int rc = 0;

	place->kind = PLACE_IN_QUESTION; /* a circle ends here; the compiler refuses it */
	for (size_t i = 0; i < base_count(place) && !is_kind && rc == 0; i++) {
		struct schema_place *base = NULL;

		rc = base_at(set, place, i, &base, diag);
		if (rc == 0 && base && base->kind == PLACE_NOT_ASKED && depth < HEIRS_MAX_DEPTH)
			rc = find_kind(set, base, depth + 1, diag);
		is_kind = base && base->kind == PLACE_IS_KIND;
	}
	place->kind = is_kind ? PLACE_IS_KIND : PLACE_IS_NO_KIND;
	return rc;
}

int heirs_is_kind(struct schema_set *set, struct schema_place *place, bool *ret, struct diag *diag)
{
	int rc = place->kind == PLACE_NOT_ASKED ? find_kind(set, place, 0, diag) : 0;

	*ret = place->kind == PLACE_IS_KIND;
	return rc;
}

static bool is_among(struct schema_place *const *places, size_t count,
		     const struct schema_place *place)
{
	for (size_t i = 0; i < count; i++)
		if (places[i] == place)
			return true;
	return false;
}

int heirs_bases(struct schema_set *set, struct schema_place *place, struct schema_place **ret,
		size_t max, size_t *count, struct diag *diag)
{
	struct schema_place *open[HEIRS_MAX_DEPTH] = { place };
	size_t opened = 1;
	int rc = 0;

	*count = 0;
	for (size_t at = 0; at < opened && rc == 0; at++) {
		for (size_t i = 0; i < base_count(open[at]) && rc == 0; i++) {
			struct schema_place *base = NULL;
			bool is_kind = false;

			rc = base_at(set, open[at], i, &base, diag);
			if (rc == 0 && base)
				rc = heirs_is_kind(set, base, &is_kind, diag);
			if (!is_kind || is_among(open, opened, base))
				continue;
			if (has_discriminator(base) && *count < max)
				ret[(*count)++] = base;
			if (opened < HEIRS_MAX_DEPTH)
				open[opened++] = base;
		}
	}
	return rc;
}

/* ---- downwards --------------------------------------------------------------------------- */

static int add_heir(struct schema_set *set, struct schema_place *base, struct schema_place *place,
		    struct diag *diag)
{
	struct heir *heir = arena_alloc(&set->arena, sizeof(*heir));

	if (!heir)
		return diag_nomem(diag);
	*heir = (struct heir){ base->heirs, place };
	base->heirs = heir;
	return 0;
}

/* Names the schema at @pointer of the document, and notes what it inherits. */
static int add_named(struct schema_set *set, struct document *document, const char *pointer,
		     const char *name, size_t name_len, struct diag *diag)
{
	char ref[512];
	struct target target;
	struct schema_place *place;
	struct diag why;
	int rc;

	if (snprintf(ref, sizeof(ref), "#%s", pointer) >= (int)sizeof(ref))
		return 0;
	diag_init(&why);
	rc = document_resolve(set, document->resource, SCHEMA_UNSAID, ref, &target, &why);
	if (rc == ERR_NOMEM)
		return diag_nomem(diag);
	place = rc == 0 ? target.place : NULL;
	if (!place || place->name)
		return 0;
	place->name = arena_text(&set->arena, name, name_len);
	if (!place->name)
		return diag_nomem(diag);
	rc = 0;
	for (size_t i = 0; i < base_count(place) && rc == 0; i++) {
		struct schema_place *base = NULL;

		rc = base_at(set, place, i, &base, diag);
		if (rc == 0 && base)
			rc = add_heir(set, base, place, diag);
	}
	return rc;
}

static int add_map(struct schema_set *set, struct document *document, const char *pointer,
		   json_t *map, struct diag *diag)
{
	const char *name;
	json_t *value;
	int rc = 0;

	json_object_foreach(map, name, value) {
		char at[512];

		if (rc != 0 || !json_is_object(value) || strpbrk(name, "%~/"))
			continue;
		if (snprintf(at, sizeof(at), "%s/%s", pointer, name) < (int)sizeof(at))
			rc = add_named(set, document, at, name, strlen(name), diag);
	}
	return rc;
}

/* "pet" of "file:///a/pet.schema.json" is what stands before the first dot of the last part. */
static int add_root(struct schema_set *set, struct document *document, struct diag *diag)
{
	const char *slash = strrchr(document->uri, '/');
	const char *name = slash ? slash + 1 : document->uri;
	size_t len = strcspn(name, ".");

	return len > 0 ? add_named(set, document, "", name, len, diag) : 0;
}

int heirs_find(struct schema_set *set, struct diag *diag)
{
	static const char *const keys[] = { "definitions", "$defs" };
	int rc = 0;

	for (struct document *d = set->documents; d && rc == 0; d = d->next) {
		const json_t *components = json_object_get(d->root, "components");

		if (d->is_builtin || d->has_heirs)
			continue;
		d->has_heirs = true;
		rc = add_map(set, d, "/components/schemas", json_object_get(components, "schemas"),
			     diag);
		for (int i = 0; i < 2 && rc == 0; i++) {
			char pointer[16];

			(void)snprintf(pointer, sizeof(pointer), "/%s", keys[i]);
			rc = add_map(set, d, pointer, json_object_get(d->root, keys[i]), diag);
		}
		if (rc == 0 && !json_object_get(d->root, "asyncapi"))
			rc = add_root(set, d, diag);
	}
	return rc;
}
