#include "learn/schemaof.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNTED_MIN 10u     /* numbers, before a minimum of 0 is believed */
#define LOOSE_FORMAT_MIN 3u /* strings, before email or uri are */
#define LENGTH_MIN 64
#define ITEMS_MIN 16
#define MEMBERS_MIN 256

static const struct type_name {
	unsigned type;
	const char *name;
} type_names[] = {
	{ PAYLOAD_TYPE_OBJECT, "object" },   { PAYLOAD_TYPE_ARRAY, "array" },
	{ PAYLOAD_TYPE_STRING, "string" },   { PAYLOAD_TYPE_NUMBER, "number" },
	{ PAYLOAD_TYPE_INTEGER, "integer" }, { PAYLOAD_TYPE_BOOLEAN, "boolean" },
	{ PAYLOAD_TYPE_NULL, "null" },
};
#define TYPE_NAMES (sizeof(type_names) / sizeof(*type_names))

struct draft *schemaof_types(struct maker *maker, unsigned types)
{
	struct draft *list = draft_array(&maker->drafts);
	const char *only = NULL;

	if (types & PAYLOAD_TYPE_NUMBER)
		types &= ~(unsigned)PAYLOAD_TYPE_INTEGER;
	for (size_t i = 0; i < TYPE_NAMES; i++) {
		if (!(types & type_names[i].type))
			continue;
		only = draft_count(list) == 0 ? type_names[i].name : NULL;
		draft_add(&maker->drafts, list, draft_string(&maker->drafts, type_names[i].name));
	}
	return only ? draft_string(&maker->drafts, only) : list;
}

const char *schemaof_format(const struct shape_seen *shape)
{
	unsigned bit = 0;

	if ((shape->types & ~(unsigned)PAYLOAD_TYPE_NULL) != PAYLOAD_TYPE_STRING ||
	    shape->formats == 0)
		return NULL;
	while (!(shape->formats & 1u << bit))
		bit++;
	return bit < SHAPE_FORMATS_LOOSE || shape->strings >= LOOSE_FORMAT_MIN ? shape_format(bit)
									       : NULL;
}

static void put_choice(struct maker *maker, struct draft *schema, const struct shape_seen *shape)
{
	struct draft *list = draft_array(&maker->drafts);
	char count[MAKER_COUNT_MAX];

	for (size_t i = 0; i < shape->value.count; i++)
		draft_add(&maker->drafts, list,
			  draft_string(&maker->drafts, shape->value.entry[i]->text));
	if (shape->types & PAYLOAD_TYPE_NULL)
		draft_add(&maker->drafts, list, draft_null(&maker->drafts));
	maker_put(maker, schema, "enum", list);
	maker_note(maker, schema, "enum", "%zu values in %s", shape->value.count,
		   maker_count(count, shape->strings, "text"));
}

static void put_string(struct maker *maker, struct draft *schema, const struct shape_seen *shape,
		       bool may_choose)
{
	const char *format = schemaof_format(shape);
	char count[MAKER_COUNT_MAX];

	(void)maker_count(count, shape->strings, "text");
	if (format) {
		maker_text(maker, schema, "format", "%s", format);
		maker_note(maker, schema, "format", "%s", count);
	} else if (may_choose && shape_is_choice(shape)) {
		put_choice(maker, schema, shape);
	} else {
		maker_integer(maker, schema, "maxLength", maker_room(shape->longest, LENGTH_MIN));
		maker_note(maker, schema, "maxLength", "the longest of %s has %zu", count,
			   shape->longest);
	}
}

static void put_number(struct maker *maker, struct draft *schema, const struct shape_seen *shape)
{
	bool is_whole = !(shape->types & PAYLOAD_TYPE_NUMBER);

	if (is_whole && shape->low >= 0 && shape->count >= COUNTED_MIN)
		maker_integer(maker, schema, "minimum", 0);
	maker_note(maker, schema, "type", "%.10g to %.10g", shape->low, shape->high);
}

static void put_array(struct maker *maker, struct draft *schema, const struct shape_seen *shape)
{
	if (shape->item)
		maker_put(maker, schema, "items", schemaof(maker, shape->item, NULL));
	maker_integer(maker, schema, "maxItems", maker_room(shape->items, ITEMS_MIN));
	maker_note(maker, schema, "maxItems", "at most %zu", shape->items);
}

static bool is_one_of(const char *name, const char *const *list)
{
	for (; list && *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

static struct draft *make(struct maker *maker, const struct shape_seen *shape,
			  const struct schemaof_hints *hints, bool may_choose);

static struct draft *constant(struct maker *maker, const char *text)
{
	struct draft *schema = draft_object(&maker->drafts);

	maker_text(maker, schema, "const", "%s", text);
	return schema;
}

static void put_members(struct maker *maker, struct draft *schema, const struct shape_seen *shape,
			const struct schemaof_hints *hints)
{
	struct draft *properties = maker_object(maker, schema, "properties");
	struct draft *required = draft_array(&maker->drafts);

	for (size_t i = 0; i < shape->member.count; i++) {
		const struct texttable_entry *entry = shape->member.entry[i];
		const struct shape_seen *below = entry->value;
		bool is_kind = hints && hints->kind && strcmp(entry->text, hints->kind) == 0;

		maker_put(maker, properties, entry->text,
			  is_kind ? constant(maker, hints->kind_value)
				  : make(maker, below, NULL,
					 !hints || !is_one_of(entry->text, hints->id)));
		maker_note(maker, properties, entry->text, "in %" PRIu64 " of %" PRIu64,
			   below->count, shape->objects);
		if (below->count == shape->objects)
			draft_add(&maker->drafts, required,
				  draft_string(&maker->drafts, entry->text));
	}
	if (draft_count(required) > 0)
		maker_put(maker, schema, "required", required);
	maker_put(maker, schema, "additionalProperties", draft_boolean(&maker->drafts, false));
}

static void put_object(struct maker *maker, struct draft *schema, const struct shape_seen *shape,
		       const struct schemaof_hints *hints)
{
	if (!shape->is_map) {
		put_members(maker, schema, shape, hints);
		return;
	}
	if (shape->any)
		maker_put(maker, schema, "additionalProperties", schemaof(maker, shape->any, NULL));
	maker_integer(maker, schema, "maxProperties", maker_room(shape->members, MEMBERS_MIN));
	maker_note(maker, schema, "maxProperties", "names vary; at most %zu at a time",
		   shape->members);
}

static struct draft *make(struct maker *maker, const struct shape_seen *shape,
			  const struct schemaof_hints *hints, bool may_choose)
{
	struct draft *schema = draft_object(&maker->drafts);

	if (shape->is_deep || shape->types == 0)
		return schema;
	maker_put(maker, schema, "type", schemaof_types(maker, shape->types));
	if (shape->types & PAYLOAD_TYPE_OBJECT)
		put_object(maker, schema, shape, hints);
	if (shape->types & PAYLOAD_TYPE_ARRAY)
		put_array(maker, schema, shape);
	if (shape->types & PAYLOAD_TYPE_STRING)
		put_string(maker, schema, shape, may_choose);
	if (shape->types & (PAYLOAD_TYPE_INTEGER | PAYLOAD_TYPE_NUMBER))
		put_number(maker, schema, shape);
	return schema;
}

struct draft *schemaof(struct maker *maker, const struct shape_seen *shape,
		       const struct schemaof_hints *hints)
{
	return make(maker, shape, hints, true);
}

void schemaof_put_no_json(struct maker *maker, struct draft *schema)
{
	maker_text(maker, schema, "pattern", "^[^\\[{\"]");
	maker_note(maker, schema, "pattern", "what is no JSON");
}

struct draft *schemaof_text(struct maker *maker, const struct shape_seen *shape, bool beside_json)
{
	struct draft *schema = make(maker, shape, NULL, true);

	if (beside_json && shape->types & PAYLOAD_TYPE_STRING && !shape_is_choice(shape))
		schemaof_put_no_json(maker, schema);
	return schema;
}
