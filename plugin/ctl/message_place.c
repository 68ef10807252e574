#include "ctl/message_place.h"

/* A schema that is but one in allOf is that one. */
static const json_t *unwrap(const json_t *schema)
{
	const json_t *all = json_object_get(schema, "allOf");

	while (json_array_size(all) == 1 && json_object_size(schema) == 1) {
		schema = json_array_get(all, 0);
		all = json_object_get(schema, "allOf");
	}
	return schema;
}

void message_place_add(struct message_place *place, const json_t *schema)
{
	const json_t *all;

	schema = unwrap(schema);
	all = json_object_get(schema, "allOf");
	if (json_is_false(schema))
		place->is_false = true;
	if (!json_is_object(schema))
		return;
	for (size_t i = 0; i < place->count; i++)
		if (place->part[i] == schema)
			return; /* once is enough */
	if (place->count == MESSAGE_PLACE_PARTS_MAX) {
		place->is_cut = true;
		return;
	}
	place->part[place->count++] = schema;
	for (size_t i = 0; i < json_array_size(all); i++)
		message_place_add(place, json_array_get(all, i));
}

bool message_place_has(const struct message_place *place, const char *keyword)
{
	for (size_t i = 0; i < place->count; i++)
		if (json_object_get(place->part[i], keyword))
			return true;
	return false;
}

bool message_place_names(const struct message_place *place, const char *name)
{
	for (size_t i = 0; i < place->count; i++)
		if (json_object_get(json_object_get(place->part[i], "properties"), name))
			return true;
	return false;
}

void message_place_member(const struct message_place *place, const char *name,
			  struct message_place *ret)
{
	bool is_seen = (name && message_place_names(place, name)) ||
		       message_place_has(place, "additionalProperties");

	*ret = (struct message_place){ .count = 0 };
	for (size_t i = 0; i < place->count; i++) {
		const json_t *part = place->part[i];
		const json_t *own =
			name ? json_object_get(json_object_get(part, "properties"), name) : NULL;

		if (own)
			message_place_add(ret, own);
		else
			message_place_add(ret, json_object_get(part, "additionalProperties"));
		if (i == 0 && !is_seen)
			message_place_add(ret, json_object_get(part, "unevaluatedProperties"));
	}
}

void message_place_keyword(const struct message_place *place, const char *keyword,
			   struct message_place *ret)
{
	*ret = (struct message_place){ .count = 0 };
	for (size_t i = 0; i < place->count; i++)
		message_place_add(ret, json_object_get(place->part[i], keyword));
}
