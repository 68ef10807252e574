/*
 * Turns `discriminator` into steps (AsyncAPI 3.0, Schema Object; OpenAPI 3.0.3, Discriminator
 * Object). It names a member of the message whose value must be the name of a schema: of the schema
 * itself, of one that inherits it, of one of its alternatives (oneOf or anyOf, each a reference),
 * or a key of the mapping. The message must be valid against the schema of that name. Where there
 * are alternatives, the name chooses among them, and none of the others is looked at.
 *
 * A schema that inherits another with a discriminator takes its own name and those of its heirs: a
 * Cat is no Dog, though both are Pets. Once that is asked, its bases are compiled without their
 * discriminators, or the check of a Cat would lead to Pet, and from there to Cat again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/compile.h"
#include "schema/heirs.h"
#include "schema/jsonbig.h"
#include "schema/uri.h"

/* Places, each once: a stamp says that it is in the list. */
struct family {
	struct schema_place **places;
	size_t count;
	size_t cap;
};

/* One discriminator while its step is made. */
struct choosing {
	struct filling *f;
	const struct schema_place *base; /* which has the keyword */
	const json_t *mapping;           /* NULL: none */
	const json_t *alternatives;      /* NULL: none */
	struct family family;
	struct name_table *names;
};

static const char *string_of(const json_t *value)
{
	return jsonbig_is_string(value) ? json_string_value(value) : NULL;
}

/* The member that the discriminator of @place names; NULL where it has none. */
static const char *property_of(const struct schema_place *place)
{
	json_t *value = keyword_value(place->resource->dialect, place->node, "discriminator");

	return string_of(json_is_object(value) ? json_object_get(value, "propertyName") : value);
}

static const json_t *mapping_of(const struct schema_place *place)
{
	json_t *value = keyword_value(place->resource->dialect, place->node, "discriminator");

	return json_object_get(value, "mapping");
}

/* ---- families ---------------------------------------------------------------------------- */

static void family_add(struct compiler *c, struct family *family, struct schema_place *place)
{
	if (place->stamp == c->set->stamp ||
	    !compile_grow(c, &family->places, &family->cap, family->count, sizeof(*family->places)))
		return;
	place->stamp = c->set->stamp;
	family->places[family->count++] = place;
}

/* Adds the heirs of all that are in it, and theirs. */
static void family_add_heirs(struct compiler *c, struct family *family)
{
	for (size_t i = 0; i < family->count; i++)
		for (const struct heir *heir = family->places[i]->heirs; heir; heir = heir->next)
			family_add(c, family, heir->place);
}

static bool is_in_family(const struct compiler *c, const struct schema_place *place)
{
	return place->stamp == c->set->stamp;
}

/* ---- names ------------------------------------------------------------------------------- */

/* The last token of a reference, or what its file is called. */
static const char *name_of_ref(const char *ref, size_t *len)
{
	const char *fragment = uri_fragment(ref);
	const char *slash = strrchr(*fragment ? fragment : ref, '/');
	const char *name = slash ? slash + 1 : *fragment ? fragment : ref;

	*len = *fragment ? strlen(name) : strcspn(name, ".#");
	return name;
}

static const struct schema_node *node_of(struct compiler *c, struct schema_place *place)
{
	struct target target = { .resource = place->resource,
				 .place = place,
				 .node = place->node,
				 .pointer = place->pointer };

	return compile_target(c, target);
}

/* @name stands for @place; NULL: for the schema itself, which is being checked. */
static void add_name(struct choosing *choosing, const char *name, size_t len,
		     struct schema_place *place)
{
	struct compiler *c = choosing->f->compiler;
	struct name_slot *slot = compile_table_add(c, choosing->names, name, len);

	if (!slot || slot->is_required)
		return; /* the first of a name has it */
	slot->is_required = true;
	slot->node = place ? node_of(c, place) : NULL;
}

static void add_family(struct choosing *choosing)
{
	for (size_t i = 0; i < choosing->family.count; i++) {
		struct schema_place *place = choosing->family.places[i];

		if (place->name && !(choosing->alternatives && place == choosing->f->place))
			add_name(choosing, place->name, strlen(place->name),
				 place == choosing->f->place ? NULL : place);
	}
}

static bool resolve(struct compiler *c, const struct schema_place *from, const char *ref,
		    struct schema_place **ret)
{
	if (c->rc == 0)
		c->rc = heirs_resolve(c->set, from, ref, ret, c->diag);
	return c->rc == 0 && *ret;
}

/* What a mapping leads to: the name of a schema in components, or a reference. */
static bool resolve_mapping(struct compiler *c, const struct schema_place *from, const char *text,
			    struct schema_place **ret)
{
	char ref[512];

	if (!strpbrk(text, "#/%~") &&
	    snprintf(ref, sizeof(ref), "#/components/schemas/%s", text) < (int)sizeof(ref) &&
	    resolve(c, from, ref, ret))
		return true;
	return resolve(c, from, text, ret);
}

/* Of an heir of @base only those that lead to it or to its own heirs. */
static void add_mapping(struct choosing *choosing)
{
	struct compiler *c = choosing->f->compiler;
	bool is_own = choosing->base == choosing->f->place;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)choosing->mapping, key, value) {
		const char *text = string_of(value);
		struct schema_place *place = NULL;

		if (!text || !resolve_mapping(c, choosing->base, text, &place)) {
			compile_fail(choosing->f, ERR_INVALID, "discriminator",
				     "\"mapping\": \"%s\" leads to no schema", key);
			return;
		}
		if (is_own || is_in_family(c, place))
			add_name(choosing, key, strlen(key),
				 place == choosing->f->place ? NULL : place);
	}
}

static void add_alternatives(struct choosing *choosing)
{
	size_t index;
	json_t *item;

	json_array_foreach(choosing->alternatives, index, item) {
		const char *ref = string_of(json_object_get(item, "$ref"));
		struct schema_place *place = NULL;
		size_t len;
		const char *name;

		if (!ref || !resolve(choosing->f->compiler, choosing->f->place, ref, &place))
			continue;
		name = name_of_ref(ref, &len);
		add_name(choosing, name, len, place);
	}
}

/* ---- alternatives ------------------------------------------------------------------------ */

/* Can the schema be of something else than an object? Then its type says so. */
static bool excludes_objects(const json_t *schema)
{
	const char *type = string_of(json_object_get(schema, "type"));

	return type && strcmp(type, "object") != 0;
}

/* Has each alternative that may be an object a name of its own? */
static bool have_names(const json_t *alternatives)
{
	size_t index;
	json_t *item;

	json_array_foreach(alternatives, index, item) {
		const char *ref = string_of(json_object_get(item, "$ref"));
		size_t len;
		const char *name = ref ? name_of_ref(ref, &len) : NULL;

		if (!ref && !excludes_objects(item))
			return false;
		for (size_t k = 0; ref && k < index; k++) {
			const char *other =
				string_of(json_object_get(json_array_get(alternatives, k), "$ref"));
			size_t other_len;

			if (other && (other = name_of_ref(other, &other_len)) && other_len == len &&
			    memcmp(other, name, len) == 0)
				return false;
		}
	}
	return true;
}

static void find_alternatives(struct filling *f)
{
	static const char *const keywords[] = { "oneOf", "anyOf" };

	for (int i = 0; i < 2; i++) {
		const json_t *value = compile_keyword(f, keywords[i]);

		if (!value)
			continue;
		if (have_names(value)) {
			f->chosen = keywords[i];
			return;
		}
		f->discriminator = NULL;
		if (!f->is_plain)
			compile_warn(f->compiler, f->place, "discriminator",
				     "is not checked, because alternatives in \"%s\" are no "
				     "references or have the same name",
				     keywords[i]);
		return;
	}
}

void compile_kind(struct filling *f)
{
	struct compiler *c = f->compiler;
	bool is_kind = false;

	if (c->rc || !(keyword_find(f->dialect, "discriminator")))
		return;
	c->rc = heirs_is_kind(c->set, f->place, &is_kind, c->diag);
	if (c->rc == 0 && is_kind)
		c->rc = heirs_find(c->set, c->diag);
	if (c->rc || !is_kind)
		return;
	f->has_plain_bases = f->is_plain || f->place->name;
	f->discriminator = property_of(f->place);
	if (f->discriminator)
		find_alternatives(f);
	if (f->is_plain)
		f->discriminator = NULL;
}

/* ---- steps ------------------------------------------------------------------------------- */

/*
 * Room for @count names more? An heir's discriminator has the names of its own heirs, so that there
 * may be as many as the square of the schemas.
 */
static bool charge_names(struct choosing *choosing, size_t count)
{
	struct compiler *c = choosing->f->compiler;

	c->set->choices += count;
	if (c->rc == 0 && c->set->choices > COMPILE_MAX_CHOICES)
		compile_fail(choosing->f, ERR_LIMIT, "discriminator",
			     "discriminators choose among more than %u names in all",
			     COMPILE_MAX_CHOICES);
	return c->rc == 0;
}

/* Makes the table of names. False where it is empty. */
static bool make_names(struct choosing *choosing)
{
	struct compiler *c = choosing->f->compiler;
	size_t most = json_object_size(choosing->mapping) + json_array_size(choosing->alternatives);

	c->set->stamp++;
	family_add(c, &choosing->family, choosing->f->place);
	for (size_t i = 0; i < json_array_size(choosing->alternatives); i++) {
		const char *ref = string_of(
			json_object_get(json_array_get(choosing->alternatives, i), "$ref"));
		struct schema_place *place = NULL;

		if (ref && resolve(c, choosing->f->place, ref, &place))
			family_add(c, &choosing->family, place);
	}
	family_add_heirs(c, &choosing->family);
	if (!charge_names(choosing, most + choosing->family.count))
		return false;
	choosing->names = compile_alloc(c, sizeof(*choosing->names));
	if (!choosing->names)
		return false;
	compile_table_init(c, choosing->names, most + choosing->family.count);
	add_alternatives(choosing);
	add_family(choosing);
	add_mapping(choosing);
	if (c->rc || choosing->names->count == 0)
		return false;
	compile_table_finish(choosing->names);
	return true;
}

/*
 * Adds the step for the discriminator of @base, seen from the schema that is filled in. False where
 * it has no names.
 */
static bool choice_step(struct filling *f, struct schema_place *base, const json_t *alternatives,
			struct step **end)
{
	struct choosing choosing = {
		.f = f, .base = base, .mapping = mapping_of(base), .alternatives = alternatives
	};
	struct compiler *c = f->compiler;
	const char *property = property_of(base);
	struct name_key *key = compile_alloc(c, sizeof(*key));
	bool has_names = key && make_names(&choosing);

	free(choosing.family.places);
	if (!has_names) {
		if (c->rc == 0)
			compile_warn(c, base, "discriminator",
				     "is not checked, because the schema has no name and no other "
				     "schema inherits it");
		return false;
	}
	*key = compile_name(c, property, strlen(property));
	(*end)->kind = STEP_CHOICE;
	(*end)->keyword = "discriminator";
	(*end)->names = choosing.names;
	(*end)->property = key;
	(*end)++;
	return true;
}

/* The step for the schema's own discriminator, with its alternatives. */
static void own_step(struct filling *f, struct step **end)
{
	const json_t *alternatives = f->chosen ? compile_keyword(f, f->chosen) : NULL;
	struct step *step = *end;

	if (!choice_step(f, f->place, alternatives, end)) {
		f->chosen = NULL; /* they are a step of their own */
		return;
	}
	if (!alternatives)
		return;
	step->is_one = strcmp(f->chosen, "oneOf") == 0;
	step->nodes = compile_children(f, f->chosen, alternatives);
	step->count = json_array_size(alternatives);
}

void compile_discriminators(struct filling *f, struct step **end)
{
	struct compiler *c = f->compiler;
	struct schema_place *bases[COMPILE_MAX_BASES];
	size_t count = 0;

	if (f->discriminator)
		own_step(f, end);
	if (f->is_plain || !f->has_plain_bases || c->rc)
		return;
	c->rc = heirs_bases(c->set, f->place, bases, COMPILE_MAX_BASES, &count, c->diag);
	for (size_t i = 0; i < count && c->rc == 0; i++) {
		const char *property = property_of(bases[i]);

		if (property && (!f->discriminator || strcmp(property, f->discriminator) != 0))
			(void)choice_step(f, bases[i], NULL, end);
	}
}
