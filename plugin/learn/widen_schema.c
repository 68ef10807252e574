#include "learn/widen_schema.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "learn/schemaof.h"

#define NOTE_MAX 256u
#define ENUM_MAX 64u

void widen_note(struct maker *maker, struct draft *object, const char *name, const char *format,
		...)
{
	char text[NOTE_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	maker_note(maker, object, name, "widened: %s", text);
	maker->changes++;
}

const char *widen_text(const struct config *object, const char *name)
{
	const struct config *value = config_member(object, name);

	return value ? config_string(value) : NULL;
}

/* ---- types ------------------------------------------------------------------------------- */

static unsigned type_of(const struct config *name)
{
	static const struct {
		const char *name;
		unsigned types;
	} types[] = {
		{ "null", PAYLOAD_TYPE_NULL },
		{ "boolean", PAYLOAD_TYPE_BOOLEAN },
		{ "integer", PAYLOAD_TYPE_INTEGER },
		{ "number", PAYLOAD_TYPE_INTEGER | PAYLOAD_TYPE_NUMBER },
		{ "string", PAYLOAD_TYPE_STRING },
		{ "array", PAYLOAD_TYPE_ARRAY },
		{ "object", PAYLOAD_TYPE_OBJECT },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (config_is(name, types[i].name))
			return types[i].types;
	return 0;
}

static void widen_types(struct maker *maker, struct draft *schema, const struct config *old,
			const struct shape_seen *shape)
{
	const struct config *type = config_member(old, "type");
	unsigned types = 0;

	for (size_t i = 0; type && i < config_items(type); i++)
		types |= type_of(config_item(type, i));
	if (!type || !(shape->types & ~types))
		return;
	maker_put(maker, schema, "type", schemaof_types(maker, types | shape->types));
	widen_note(maker, schema, "type", "another type in %" PRIu64 " values", shape->count);
}

/* ---- strings and numbers ----------------------------------------------------------------- */

static bool has_text(const struct config *list, const char *text)
{
	config_foreach_item(item, list)
		if (config_is(item, text))
			return true;
	return false;
}

static bool has_null(const struct config *list)
{
	config_foreach_item(item, list)
		if (item->kind == CONFIG_NULL)
			return true;
	return false;
}

static void widen_enum(struct maker *maker, struct draft *schema, const struct config *old,
		       const struct shape_seen *shape)
{
	const unsigned words = PAYLOAD_TYPE_STRING | PAYLOAD_TYPE_NULL;
	const struct config *list = config_member(old, "enum");
	struct draft *made;
	size_t added = 0;

	if (!list)
		return;
	if (shape->types & ~words || shape->has_many ||
	    shape->value.count + config_count(list) > ENUM_MAX) {
		draft_remove(&maker->drafts, schema, "enum");
		widen_note(maker, schema, "type", "no enum any more, values are many");
		return;
	}
	made = draft_alias(&maker->drafts, list);
	for (size_t i = 0; i < shape->value.count; i++) {
		const char *text = shape->value.entry[i]->text;

		if (has_text(list, text))
			continue;
		draft_add(&maker->drafts, made, draft_string(&maker->drafts, text));
		added++;
	}
	if (shape->types & PAYLOAD_TYPE_NULL && !has_null(list)) {
		draft_add(&maker->drafts, made, draft_null(&maker->drafts));
		added++;
	}
	if (added == 0)
		return;
	maker_put(maker, schema, "enum", made);
	widen_note(maker, schema, "enum", "%zu values more", added);
}

/* A constant that others were seen beside is none. */
static void widen_const(struct maker *maker, struct draft *schema, const struct config *old,
			const struct shape_seen *shape)
{
	const struct config *value = config_member(old, "const");

	if (!value || (shape->types == PAYLOAD_TYPE_STRING && !shape->has_many &&
		       shape->value.count == 1 && config_is(value, shape->value.entry[0]->text)))
		return;
	draft_remove(&maker->drafts, schema, "const");
	widen_note(maker, schema, "", "no constant any more");
}

static void widen_format(struct maker *maker, struct draft *schema, const struct config *old,
			 const struct shape_seen *shape)
{
	const struct config *format = config_member(old, "format");

	if (!format || shape->strings == 0)
		return;
	for (unsigned bit = 0; bit < SHAPE_FORMATS; bit++)
		if (config_is(format, shape_format(bit)) && !(shape->formats & 1u << bit)) {
			draft_remove(&maker->drafts, schema, "format");
			widen_note(maker, schema, "type", "not all have the format %s",
				   shape_format(bit));
		}
}

static double number_of(const struct config *value)
{
	return value->kind == CONFIG_INTEGER ? (double)value->integer : value->real;
}

static void widen_range(struct maker *maker, struct draft *schema, const struct config *old,
			const struct shape_seen *shape)
{
	static const struct {
		const char *name;
		bool is_low, is_exclusive;
	} bounds[] = { { "minimum", true, false },
		       { "exclusiveMinimum", true, true },
		       { "maximum", false, false },
		       { "exclusiveMaximum", false, true } };

	if (!(shape->types & (PAYLOAD_TYPE_INTEGER | PAYLOAD_TYPE_NUMBER)))
		return;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++) {
		const struct config *bound = config_member(old, bounds[i].name);
		double by;

		if (!bound || (bound->kind != CONFIG_INTEGER && bound->kind != CONFIG_REAL))
			continue;
		by = bounds[i].is_low ? number_of(bound) - shape->low
				      : shape->high - number_of(bound);
		if (by < 0 || (by == 0 && !bounds[i].is_exclusive))
			continue;
		draft_remove(&maker->drafts, schema, bounds[i].name);
		widen_note(maker, schema, "type", "%.10g to %.10g", shape->low, shape->high);
	}
}

/* Member @name, an upper bound, where @seen is beyond it. */
static void widen_size(struct maker *maker, struct draft *schema, const struct config *old,
		       const char *name, size_t seen)
{
	const struct config *bound = config_member(old, name);

	if (!bound || bound->kind != CONFIG_INTEGER || bound->integer >= (int64_t)seen)
		return;
	maker_integer(maker, schema, name, maker_room(seen, 16));
	widen_note(maker, schema, name, "%zu were seen", seen);
}

/* ---- objects and arrays -------------------------------------------------------------------- */

static void widen_required(struct maker *maker, const struct shape_scribe *scribe,
			   struct draft *schema, const struct config *old,
			   const struct shape_seen *shape)
{
	const struct config *required = config_member(old, "required");
	struct draft *list = draft_array(&maker->drafts);
	size_t removed = 0;

	config_foreach_item(name, required) {
		const struct shape_seen *member =
			name->kind == CONFIG_STRING
				? shape_member(scribe, shape, name->text, name->count)
				: NULL;

		if (member && member->count == shape->objects)
			draft_add(&maker->drafts, list, draft_alias(&maker->drafts, name));
		else
			removed++;
	}
	if (removed == 0)
		return;
	maker_put(maker, schema, "required", list);
	widen_note(maker, schema, "required", "%zu members are not always there", removed);
}

static void add_member(struct maker *maker, struct draft *schema,
		       const struct texttable_entry *member, uint64_t objects)
{
	struct draft *properties = maker_member(maker, schema, "properties");
	const struct shape_seen *shape = member->value;

	maker_put(maker, properties, member->text, schemaof(maker, shape, NULL));
	widen_note(maker, properties, member->text, "new, in %" PRIu64 " of %" PRIu64, shape->count,
		   objects);
}

static bool is_closed(const struct config *old)
{
	const struct config *more = config_member(old, "additionalProperties");

	return more && more->kind == CONFIG_BOOLEAN && !more->boolean;
}

static void widen_members(struct maker *maker, const struct shape_scribe *scribe,
			  struct draft *schema, const struct config *old,
			  const struct shape_seen *shape)
{
	const struct config *properties = config_member(old, "properties");
	const struct config *more = config_member(old, "additionalProperties");

	for (size_t i = 0; i < shape->member.count; i++) {
		const struct texttable_entry *entry = shape->member.entry[i];
		const struct config *below = config_member(properties, entry->text);
		struct draft *made = draft_get(&maker->drafts, schema, "properties");

		if (below)
			widen_schema(maker, scribe, draft_get(&maker->drafts, made, entry->text),
				     below, entry->value);
		else if (is_closed(old))
			add_member(maker, schema, entry, shape->objects);
		else if (more && more->kind == CONFIG_OBJECT)
			widen_schema(maker, scribe,
				     draft_get(&maker->drafts, schema, "additionalProperties"),
				     more, entry->value);
	}
}

static void widen_object(struct maker *maker, const struct shape_scribe *scribe,
			 struct draft *schema, const struct config *old,
			 const struct shape_seen *shape)
{
	if (shape->is_map && is_closed(old)) {
		maker_put(maker, schema, "additionalProperties", draft_object(&maker->drafts));
		draft_remove(&maker->drafts, schema, "required");
		widen_note(maker, schema, "additionalProperties", "names of members vary");
		return;
	}
	widen_size(maker, schema, old, "maxProperties", shape->members);
	if (!shape->is_map) {
		widen_required(maker, scribe, schema, old, shape);
		widen_members(maker, scribe, schema, old, shape);
		return;
	}
	if (shape->any && config_member(old, "additionalProperties"))
		widen_schema(maker, scribe,
			     draft_get(&maker->drafts, schema, "additionalProperties"),
			     config_member(old, "additionalProperties"), shape->any);
}

void widen_schema(struct maker *maker, const struct shape_scribe *scribe, struct draft *schema,
		  const struct config *old, const struct shape_seen *shape)
{
	const struct config *items = config_member(old, "items");

	if (!old || old->kind != CONFIG_OBJECT || config_member(old, "$ref") || shape->is_deep)
		return;
	widen_types(maker, schema, old, shape);
	widen_enum(maker, schema, old, shape);
	widen_const(maker, schema, old, shape);
	widen_format(maker, schema, old, shape);
	widen_range(maker, schema, old, shape);
	if (shape->types & PAYLOAD_TYPE_STRING)
		widen_size(maker, schema, old, "maxLength", shape->longest);
	if (shape->types & PAYLOAD_TYPE_OBJECT)
		widen_object(maker, scribe, schema, old, shape);
	if (!(shape->types & PAYLOAD_TYPE_ARRAY))
		return;
	widen_size(maker, schema, old, "maxItems", shape->items);
	if (items && shape->item)
		widen_schema(maker, scribe, draft_get(&maker->drafts, schema, "items"), items,
			     shape->item);
}
