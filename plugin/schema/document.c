#include "schema/document.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonpointer.h"

int document_fail(struct diag *diag, int err, const struct resource *resource, const char *pointer,
		  const char *more, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)diag_vset(diag, err, format, args);
	va_end(args);
	if (pointer[0] || more)
		diag_prefix(diag, "%s: %s%s%s", resource->document->name, pointer, more ? "/" : "",
			    more ? more : "");
	else
		diag_prefix(diag, "%s", resource->document->name);
	return err;
}

/* ---- places ------------------------------------------------------------------------------ */

static size_t place_hash(const struct document *document, const json_t *node)
{
	uint64_t bits = (uint64_t)(uintptr_t)node ^ ((uint64_t)(uintptr_t)document << 7);

	return (size_t)((bits >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20);
}

static struct schema_place **place_slot(struct schema_place **places, size_t slots,
					const struct document *document, const json_t *node)
{
	size_t i = place_hash(document, node) & (slots - 1);

	while (places[i] && (places[i]->node != node || places[i]->resource->document != document))
		i = (i + 1) & (slots - 1);
	return &places[i];
}

struct schema_place *document_place(const struct schema_set *set, const struct document *document,
				    const json_t *node)
{
	return set->place_slots ? *place_slot(set->places, set->place_slots, document, node) : NULL;
}

static int grow_places(struct schema_set *set, struct diag *diag)
{
	size_t slots = set->place_slots ? 2 * set->place_slots : 256;
	struct schema_place **places = calloc(slots, sizeof(struct schema_place *));

	if (!places)
		return diag_nomem(diag);
	for (size_t i = 0; i < set->place_slots; i++) {
		struct schema_place *place = set->places[i];

		if (place)
			*place_slot(places, slots, place->resource->document, place->node) = place;
	}
	free(set->places);
	set->places = places;
	set->place_slots = slots;
	return 0;
}

struct schema_place *document_add_place(struct schema_set *set, struct resource *resource,
					struct schema_place *parent, json_t *node,
					const char *pointer, struct diag *diag)
{
	struct schema_place *place = arena_alloc(&set->arena, sizeof(*place));

	if (!place || (2 * set->place_count >= set->place_slots && grow_places(set, diag) != 0)) {
		(void)diag_nomem(diag);
		return NULL;
	}
	*place = (struct schema_place){
		.resource = resource, .parent = parent, .node = node, .pointer = pointer
	};
	*place_slot(set->places, set->place_slots, resource->document, node) = place;
	set->place_count++;
	return place;
}

char *document_pointer(struct schema_set *set, const char *pointer,
		       const struct keyword_child *child)
{
	size_t name_len = child->name ? strlen(child->name) : 0;
	size_t second_len = child->second ? strlen(child->second) : 0;
	size_t size = strlen(pointer) + strlen(child->keyword) + 32 + 2 * name_len + 2 * second_len;
	char *ret = arena_alloc(&set->arena, size);
	size_t used;

	if (!ret)
		return NULL;
	used = (size_t)snprintf(ret, size, "%s/%s", pointer, child->keyword);
	if (child->has_index)
		(void)snprintf(ret + used, size - used, "/%zu", child->index);
	if (child->name)
		used += jsonpointer_put(ret + used, size - used, child->name, name_len);
	if (child->second)
		(void)jsonpointer_put(ret + used, size - used, child->second, second_len);
	return ret;
}
