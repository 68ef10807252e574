#include "learn/shape.h"

#include <string.h>

#include "base/utf8.h"
#include "schema/format.h"
#include "schema/payload_view.h"

/* A choice: at most so many values, and each was seen so often on average. */
#define CHOICE_VALUES_MAX 16u
#define CHOICE_TIMES 3u

static const char *const formats[SHAPE_FORMATS] = { "uuid", "date-time", "date",  "time",
						    "ipv4", "ipv6",      "email", "uri" };

const char *shape_format(unsigned bit)
{
	return bit < SHAPE_FORMATS ? formats[bit] : NULL;
}

/* Those of @possible that the text has. */
static unsigned formats_of(unsigned possible, const char *text, size_t len)
{
	for (unsigned bit = 0; bit < SHAPE_FORMATS; bit++) {
		const struct format *format;

		if (!(possible & 1u << bit))
			continue;
		format = format_find(formats[bit], strlen(formats[bit]));
		if (!format || !format_check(format, text, len))
			possible &= ~(1u << bit);
	}
	return possible;
}

static int add_string(struct shape_scribe *scribe, struct shape_seen *shape, const char *text,
		      size_t len)
{
	size_t characters = utf8_count(text, len);
	struct texttable_entry *entry;

	shape->types |= PAYLOAD_TYPE_STRING;
	shape->formats =
		formats_of(shape->strings ? shape->formats : (1u << SHAPE_FORMATS) - 1, text, len);
	shape->strings++;
	if (characters > shape->longest)
		shape->longest = characters;
	if (shape->has_many)
		return 0;
	if (len > SHAPE_VALUE_BYTES_MAX || memchr(text, '\0', len)) {
		shape->has_many = true;
		return 0;
	}
	entry = texttable_add(&shape->value, scribe->arena, &scribe->hash, text, len);
	if (!entry)
		return ERR_NOMEM;
	entry->count++;
	shape->has_many = shape->value.count > SHAPE_VALUES_MAX;
	return 0;
}

static void add_number(struct shape_seen *shape, const struct number *number)
{
	double real = number_real(number);
	bool is_first = !(shape->types & (PAYLOAD_TYPE_INTEGER | PAYLOAD_TYPE_NUMBER));

	shape->types |= number_is_integer(number) ? PAYLOAD_TYPE_INTEGER : PAYLOAD_TYPE_NUMBER;
	if (is_first || real < shape->low)
		shape->low = real;
	if (is_first || real > shape->high)
		shape->high = real;
}

static int add_value(struct shape_scribe *scribe, struct shape_seen *shape,
		     const struct payload_value *value, unsigned depth);

static int add_below(struct shape_scribe *scribe, struct shape_seen **shape,
		     const struct payload_value *value, unsigned depth)
{
	if (!*shape && !(*shape = arena_alloc(scribe->arena, sizeof(**shape))))
		return ERR_NOMEM;
	return add_value(scribe, *shape, value, depth + 1);
}

static int add_array(struct shape_scribe *scribe, struct shape_seen *shape,
		     const struct payload_value *value, unsigned depth)
{
	struct view_walk walk = view_walk(value);
	const struct payload_value *item;
	int rc = 0;

	shape->types |= PAYLOAD_TYPE_ARRAY;
	shape->arrays++;
	if (view_size(value) > shape->items)
		shape->items = view_size(value);
	while (rc == 0 && (item = view_item(&walk)))
		rc = add_below(scribe, &shape->item, item, depth);
	return rc;
}

static int merge(struct shape_scribe *scribe, struct shape_seen *into,
		 const struct shape_seen *from);

static int merge_below(struct shape_scribe *scribe, struct shape_seen **into,
		       const struct shape_seen *from)
{
	if (!from)
		return 0;
	if (!*into && !(*into = arena_alloc(scribe->arena, sizeof(**into))))
		return ERR_NOMEM;
	return merge(scribe, *into, from);
}

/* What the members are, together: of an object whose members have names that vary. */
static int become_map(struct shape_scribe *scribe, struct shape_seen *shape)
{
	int rc = 0;

	shape->is_map = true;
	for (size_t i = 0; rc == 0 && i < shape->member.count; i++)
		rc = merge_below(scribe, &shape->any, shape->member.entry[i]->value);
	memset(&shape->member, 0, sizeof(shape->member));
	return rc;
}

static int merge_members(struct shape_scribe *scribe, struct shape_seen *into,
			 const struct shape_seen *from)
{
	int rc = 0;

	if (from->is_map && !into->is_map)
		rc = become_map(scribe, into);
	for (size_t i = 0; rc == 0 && i < from->member.count; i++) {
		const struct texttable_entry *member = from->member.entry[i];
		struct texttable_entry *entry;
		struct shape_seen *below;

		if (into->is_map) {
			rc = merge_below(scribe, &into->any, member->value);
			continue;
		}
		entry = texttable_add(&into->member, scribe->arena, &scribe->hash, member->text,
				      member->len);
		below = entry ? entry->value : NULL;
		rc = entry ? merge_below(scribe, &below, member->value) : ERR_NOMEM;
		if (rc == 0)
			entry->value = below;
		if (rc == 0 && into->member.count > SHAPE_MEMBERS_MAX)
			rc = become_map(scribe, into);
	}
	return rc ? rc : merge_below(scribe, &into->any, from->any);
}

static int merge_strings(struct shape_scribe *scribe, struct shape_seen *into,
			 const struct shape_seen *from)
{
	if (from->strings > 0)
		into->formats = into->strings ? into->formats & from->formats : from->formats;
	into->strings += from->strings;
	into->has_many |= from->has_many;
	for (size_t i = 0; !into->has_many && i < from->value.count; i++) {
		const struct texttable_entry *value = from->value.entry[i];
		struct texttable_entry *entry = texttable_add(
			&into->value, scribe->arena, &scribe->hash, value->text, value->len);

		if (!entry)
			return ERR_NOMEM;
		entry->count += value->count;
		into->has_many = into->value.count > SHAPE_VALUES_MAX;
	}
	return 0;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static int merge(struct shape_scribe *scribe, struct shape_seen *into,
		 const struct shape_seen *from)
{
	const unsigned numbers = PAYLOAD_TYPE_INTEGER | PAYLOAD_TYPE_NUMBER;
	int rc = merge_strings(scribe, into, from);

	if (from->types & numbers) {
		if (!(into->types & numbers) || from->low < into->low)
			into->low = from->low;
		if (!(into->types & numbers) || from->high > into->high)
			into->high = from->high;
	}
	into->count += from->count;
	into->types |= from->types;
	into->longest = larger(into->longest, from->longest);
	into->objects += from->objects;
	into->members = larger(into->members, from->members);
	into->arrays += from->arrays;
	into->items = larger(into->items, from->items);
	into->is_deep |= from->is_deep;
	if (rc == 0)
		rc = merge_members(scribe, into, from);
	return rc ? rc : merge_below(scribe, &into->item, from->item);
}

static int add_object(struct shape_scribe *scribe, struct shape_seen *shape,
		      const struct payload_value *value, unsigned depth)
{
	struct view_walk walk = view_walk(value);
	const struct payload_value *member;
	const char *name;
	size_t len;
	int rc = 0;

	shape->types |= PAYLOAD_TYPE_OBJECT;
	shape->objects++;
	if (view_size(value) > shape->members)
		shape->members = view_size(value);
	while (rc == 0 && (member = view_member(&walk, &name, &len))) {
		struct texttable_entry *entry;
		struct shape_seen *below;

		if (shape->is_map) {
			rc = add_below(scribe, &shape->any, member, depth);
			continue;
		}
		entry = texttable_add(&shape->member, scribe->arena, &scribe->hash, name, len);
		below = entry ? entry->value : NULL;
		rc = entry ? add_below(scribe, &below, member, depth) : ERR_NOMEM;
		if (rc == 0)
			entry->value = below;
		if (rc == 0 && shape->member.count > SHAPE_MEMBERS_MAX)
			rc = become_map(scribe, shape);
	}
	return rc;
}

static int add_value(struct shape_scribe *scribe, struct shape_seen *shape,
		     const struct payload_value *value, unsigned depth)
{
	uint32_t kind = view_kind(value);
	struct number number;
	const char *text;
	size_t len;

	shape->count++;
	shape->is_deep |= depth >= SHAPE_DEPTH_MAX;
	if (shape->is_deep)
		return 0;
	if (kind & VIEW_OBJECT)
		return add_object(scribe, shape, value, depth);
	if (kind & VIEW_ARRAY)
		return add_array(scribe, shape, value, depth);
	if (kind & VIEW_NUMBER) {
		view_number(value, kind, &number);
		add_number(shape, &number);
	} else if (kind & VIEW_STRING) {
		text = view_string(value, &len);
		return add_string(scribe, shape, text, len);
	} else {
		shape->types |= kind & VIEW_NULL ? PAYLOAD_TYPE_NULL : PAYLOAD_TYPE_BOOLEAN;
	}
	return 0;
}

int shape_add(struct shape_scribe *scribe, struct shape_seen *shape,
	      const struct payload_value *value)
{
	return add_value(scribe, shape, value, 0);
}

struct shape_seen *shape_member(const struct shape_scribe *scribe, const struct shape_seen *shape,
				const char *name, size_t len)
{
	const struct texttable_entry *entry =
		texttable_find(&shape->member, &scribe->hash, name, len);

	return entry ? entry->value : NULL;
}

bool shape_is_choice(const struct shape_seen *shape)
{
	return (shape->types & ~(unsigned)PAYLOAD_TYPE_NULL) == PAYLOAD_TYPE_STRING &&
	       !shape->has_many && shape->value.count >= 2 &&
	       shape->value.count <= CHOICE_VALUES_MAX &&
	       shape->strings >= CHOICE_TIMES * shape->value.count;
}
