/*
 * cut_find.c -- what of a document stays: the channels, and all that is reached from there.
 */
#include "contract/cut_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/jsonpointer.h"

#define FOLLOW_MAX 32u /* references that lead to each other */

static void put(struct cut *cut, json_t *set, const char *key)
{
	if (!json_object_get(set, key) && json_object_set_new(set, key, json_true()))
		cut->is_failed = true;
}

/* ---- pointers ---------------------------------------------------------------------------- */

static const json_t *resolve(const struct cut *cut, const char *pointer, unsigned *budget);

/* @value, or what it refers to; NULL: nothing. */
static const json_t *follow(const struct cut *cut, const json_t *value, unsigned *budget)
{
	const char *ref;
	struct cut_pointer pointer;

	while ((ref = json_string_value(json_object_get(value, "$ref")))) {
		if (*budget == 0 || !cut_read_pointer(ref, &pointer))
			return NULL;
		--*budget;
		value = resolve(cut, pointer.text, budget);
	}
	return value;
}

/* The value at @pointer, whose steps lead through references. */
static const json_t *resolve(const struct cut *cut, const char *pointer, unsigned *budget)
{
	const json_t *value = cut->from;
	char token[CUT_POINTER_MAX];
	size_t index;

	while (*pointer == '/' && value) {
		value = follow(cut, value, budget);
		if (!value || !jsonpointer_next(&pointer, token, sizeof(token)))
			return NULL;
		if (json_is_array(value))
			value = jsonpointer_index(token, json_array_size(value), &index)
					? json_array_get(value, index)
					: NULL;
		else
			value = json_object_get(value, token);
	}
	return value;
}

__attribute__((noinline)) static const json_t *value_of(const struct cut *cut, const json_t *value)
{
	unsigned budget = FOLLOW_MAX;

	return follow(cut, value, &budget);
}

__attribute__((noinline)) const json_t *cut_value_at(const struct cut *cut, const char *pointer)
{
	unsigned budget = FOLLOW_MAX;

	return resolve(cut, pointer, &budget);
}

/* ---- what goes --------------------------------------------------------------------------- */

static char *name_value(const json_t *value, char ret[static 32])
{
	(void)snprintf(ret, 32, "%p", (const void *)value);
	return ret;
}

/* Is it, or does it refer to, one of the channels that stay? */
static bool is_kept_channel(const struct cut *cut, const json_t *value)
{
	char name[32];

	value = value_of(cut, value);
	return value && json_object_get(cut->values, name_value(value, name));
}

static bool is_kept_operation(const struct cut *cut, const json_t *operation)
{
	operation = value_of(cut, operation);
	return operation && is_kept_channel(cut, json_object_get(operation, "channel"));
}

/* Does the reference lead to a whole channel or operation that goes? */
bool cut_is_barred(const struct cut *cut, const struct cut_pointer *pointer)
{
	bool is_component = strcmp(pointer->token[0], "components") == 0;
	const char *group = pointer->token[is_component];

	if (pointer->count != 2u + is_component)
		return false;
	if (strcmp(group, "channels") == 0)
		return !is_kept_channel(cut, cut_value_at(cut, pointer->text));
	return strcmp(group, "operations") == 0 &&
	       !is_kept_operation(cut, cut_value_at(cut, pointer->text));
}

/* Does @value refer to a channel? A schema may have a property of that name as well. */
__attribute__((noinline)) static bool is_channel_reference(const struct cut *cut,
							   const json_t *value)
{
	struct cut_pointer pointer;
	const char *ref;

	for (unsigned i = 0; i < FOLLOW_MAX; i++) {
		bool is_component;

		ref = json_string_value(json_object_get(value, "$ref"));
		if (!ref || !cut_read_pointer(ref, &pointer))
			return false;
		is_component = strcmp(pointer.token[0], "components") == 0;
		if (pointer.count == 2u + is_component &&
		    strcmp(pointer.token[is_component], "channels") == 0)
			return true;
		value = cut_value_at(cut, pointer.text);
	}
	return false;
}

/* Is @value an operation or a reply on a channel that goes? Its channel and messages go, too. */
static bool is_elsewhere(const struct cut *cut, const json_t *value)
{
	const json_t *channel = json_object_get(value, "channel");

	return is_channel_reference(cut, channel) && !is_kept_channel(cut, channel);
}

/* Does the member of @object with this key go? */
bool cut_goes(const struct cut *cut, const json_t *object, const char *key, const json_t *member)
{
	if (strcmp(key, "x-dead-letter") == 0) {
		const json_t *letter = value_of(cut, member);
		const char *topic = json_string_value(
			json_is_object(letter) ? json_object_get(letter, "topic") : letter);

		return topic && !json_object_get(cut->readable, topic);
	}
	return (strcmp(key, "channel") == 0 || strcmp(key, "messages") == 0) &&
	       is_elsewhere(cut, object);
}

/* Is the value part of what stays whatever refers to it? */
static bool is_part(const struct cut *cut, const struct cut_pointer *pointer)
{
	static const char *const whole[] = { "info", "servers" };

	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		if (strcmp(pointer->token[0], whole[i]) == 0)
			return true;
	if (pointer->count < 2)
		return true; /* "#/channels": nothing that could be moved */
	if (strcmp(pointer->token[0], "channels") == 0)
		return json_object_get(cut->kept, pointer->token[1]) != NULL;
	return strcmp(pointer->token[0], "operations") == 0 &&
	       is_kept_operation(cut, json_object_get(json_object_get(cut->from, "operations"),
						      pointer->token[1]));
}

/* ---- what is referred to ----------------------------------------------------------------- */

static void note_pointer(struct cut *cut, const struct cut_pointer *pointer)
{
	if (json_object_get(cut->reached, pointer->text) || cut_is_barred(cut, pointer) ||
	    is_part(cut, pointer) || !cut_value_at(cut, pointer->text))
		return;
	put(cut, cut->reached, pointer->text);
	if (json_array_append_new(cut->queue, json_string(pointer->text)))
		cut->is_failed = true;
}

__attribute__((noinline)) static void note(struct cut *cut, const char *ref)
{
	struct cut_pointer pointer;

	if (cut_read_pointer(ref, &pointer))
		note_pointer(cut, &pointer);
}

__attribute__((noinline)) static void note_schema(struct cut *cut, const char *name)
{
	char text[CUT_POINTER_MAX] = "/components/schemas";
	size_t used = strlen(text);
	struct cut_pointer pointer;

	(void)jsonpointer_put(text + used, sizeof(text) - used, name, strlen(name));
	if (cut_read_text(text, &pointer))
		note_pointer(cut, &pointer);
}

static void note_entity(struct cut *cut, const char *name)
{
	for (unsigned i = 0; name && i < FOLLOW_MAX && !json_object_get(cut->entities, name); i++) {
		const json_t *entity = value_of(
			cut, json_object_get(json_object_get(cut->from, "x-entities"), name));
		json_t *column;
		const char *key;

		if (!entity)
			return;
		put(cut, cut->entities, name);
		json_object_foreach(json_object_get(entity, "columns"), key, column) {
			const char *machine =
				json_string_value(json_object_get(column, "stateMachine"));

			if (machine)
				put(cut, cut->machines, machine);
		}
		name = json_string_value(
			json_object_get(json_object_get(entity, "ownerVia"), "entity"));
	}
}

/* ---- schemas that inherit ---------------------------------------------------------------- */

/* Which schemas have a reference to which in their allOf. */
static void find_heirs(struct cut *cut)
{
	const json_t *schemas =
		json_object_get(json_object_get(cut->from, "components"), "schemas");
	json_t *schema, *base;
	const char *name;
	size_t i;

	cut->heirs = json_object();
	json_object_foreach((json_t *)schemas, name, schema) {
		json_array_foreach(json_object_get(schema, "allOf"), i, base) {
			const char *ref = json_string_value(json_object_get(base, "$ref"));
			struct cut_pointer pointer;
			json_t *list;

			if (!ref || !cut_read_pointer(ref, &pointer))
				continue;
			list = json_object_get(cut->heirs, pointer.text);
			if (!list && json_object_set_new(cut->heirs, pointer.text, json_array()))
				cut->is_failed = true;
			list = json_object_get(cut->heirs, pointer.text);
			if (json_array_append_new(list, json_string(name)))
				cut->is_failed = true;
		}
	}
}

/* All that inherit the schema @name may stand where it does. */
static void note_heirs(struct cut *cut, const char *name, unsigned depth)
{
	char pointer[CUT_POINTER_MAX] = "/components/schemas";
	size_t used = strlen(pointer), i;
	json_t *heir;

	(void)jsonpointer_put(pointer + used, sizeof(pointer) - used, name, strlen(name));
	if (json_object_get(cut->kinds, pointer) || depth == CUT_DEPTH_MAX)
		return;
	put(cut, cut->kinds, pointer);
	if (!cut->heirs)
		find_heirs(cut);
	json_array_foreach(json_object_get(cut->heirs, pointer), i, heir) {
		note_schema(cut, json_string_value(heir));
		note_heirs(cut, json_string_value(heir), depth + 1);
	}
}

/* OpenAPI's: the values are references or names of schemas. */
static void note_mapping(struct cut *cut, const json_t *mapping)
{
	json_t *value;
	const char *key;

	json_object_foreach((json_t *)mapping, key, value) {
		const char *text = json_string_value(value);

		if (text && text[0] == '#')
			note(cut, text);
		else if (text)
			note_schema(cut, text);
	}
}

/* ---- the walk over what stays ------------------------------------------------------------ */

static void visit(struct cut *cut, const json_t *value, unsigned depth)
{
	json_t *child;
	const char *key, *ref;
	size_t i;

	if (depth == CUT_DEPTH_MAX)
		return;
	json_array_foreach((json_t *)value, i, child)
		visit(cut, child, depth + 1);
	if (!json_is_object(value))
		return;
	ref = json_string_value(json_object_get(value, "$ref"));
	if (!ref)
		ref = json_string_value(json_object_get(value, "$dynamicRef"));
	if (ref)
		note(cut, ref);
	note_mapping(cut, json_object_get(json_object_get(value, "discriminator"), "mapping"));
	note_entity(cut, json_string_value(json_object_get(
				 value_of(cut, json_object_get(value, "x-entity")), "entity")));
	json_object_foreach((json_t *)value, key, child)
		if (!cut_goes(cut, value, key, child))
			visit(cut, child, depth + 1);
}

__attribute__((noinline)) static void visit_pointer(struct cut *cut, const char *text)
{
	const json_t *value = cut_value_at(cut, text);
	struct cut_pointer pointer;

	if (cut_read_text(text, &pointer) && pointer.count == 3 &&
	    strcmp(pointer.token[1], "schemas") == 0 && json_object_get(value, "discriminator"))
		note_heirs(cut, pointer.token[2], 0);
	visit(cut, value, 0);
}

/* Members of the root that stay as they are. */
bool cut_is_of_all(const char *key)
{
	static const char *const stay[] = { "asyncapi", "id",         "info",
					    "servers",  "x-mode",     "defaultContentType",
					    "x-limits", "x-unlisted", "x-perspective" };

	for (size_t i = 0; i < sizeof(stay) / sizeof(*stay); i++)
		if (strcmp(key, stay[i]) == 0)
			return true;
	return false;
}

typedef bool keeps(const struct cut *cut, const char *key, const json_t *value, size_t i);

static bool keeps_channel(const struct cut *cut, const char *key, const json_t *value, size_t i)
{
	(void)value;
	(void)i;
	return json_object_get(cut->kept, key) != NULL;
}

static bool keeps_operation(const struct cut *cut, const char *key, const json_t *value, size_t i)
{
	(void)key;
	(void)i;
	return is_kept_operation(cut, value);
}

static bool keeps_topic(const struct cut *cut, const char *key, const json_t *value, size_t i)
{
	(void)key;
	(void)value;
	return i < cut->may->topic_count &&
	       (cut->may->topic[i].send | cut->may->topic[i].receive) != CUT_NO;
}

static bool keeps_machine(const struct cut *cut, const char *key, const json_t *value, size_t i)
{
	(void)value;
	(void)i;
	return json_object_get(cut->machines, key) != NULL;
}

static bool keeps_entity(const struct cut *cut, const char *key, const json_t *value, size_t i)
{
	(void)value;
	(void)i;
	return json_object_get(cut->entities, key) != NULL;
}

/* Members of the root of which some stay; entities are visited before machines are asked for. */
static const struct {
	const char *name;
	keeps *keeps;
} groups[] = {
	{ "channels", keeps_channel },         { "operations", keeps_operation },
	{ "x-broker-topics", keeps_topic },    { "x-entities", keeps_entity },
	{ "x-state-machines", keeps_machine },
};

_Static_assert(sizeof(groups) / sizeof(*groups) == CUT_GROUPS, "all of them");

static void find_kept(struct cut *cut)
{
	json_t *channel;
	const char *key, *address;
	char name[32];
	size_t i = 0;

	json_object_foreach(json_object_get(cut->from, "channels"), key, channel) {
		const json_t *value = value_of(cut, channel);

		if (value && i < cut->may->channel_count &&
		    (cut->may->channel[i].send | cut->may->channel[i].receive) != CUT_NO) {
			put(cut, cut->kept, key);
			put(cut, cut->values, name_value(value, name));
			address = json_string_value(json_object_get(value, "address"));
			if (address && cut->may->channel[i].receive != CUT_NO)
				put(cut, cut->readable, address);
		}
		i++;
	}
}

static void visit_group(struct cut *cut, size_t group)
{
	json_t *value;
	const char *key;
	size_t i = 0;

	json_object_foreach(json_object_get(cut->from, groups[group].name), key, value)
		if (groups[group].keeps(cut, key, value, i++))
			visit(cut, value, 0);
}

static void visit_queue(struct cut *cut)
{
	for (; cut->next < json_array_size(cut->queue) && !cut->is_failed; cut->next++)
		visit_pointer(cut, json_string_value(json_array_get(cut->queue, cut->next)));
}

static void find_reached(struct cut *cut)
{
	json_t *value;
	const char *key;

	json_object_foreach((json_t *)cut->from, key, value)
		if (cut_is_of_all(key))
			visit(cut, value, 0);
	for (size_t group = 0; group < CUT_GROUPS; group++)
		visit_group(cut, group);
	visit_queue(cut);
	/* What was reached may have named entities, and these refer to something. */
	for (size_t group = 3; group < CUT_GROUPS; group++)
		visit_group(cut, group);
	visit_queue(cut);
}

bool cut_keeps(const struct cut *cut, size_t group, const char *key, const json_t *value, size_t i)
{
	return groups[group].keeps(cut, key, value, i);
}

const char *cut_group(size_t group)
{
	return groups[group].name;
}

void cut_find(struct cut *cut)
{
	find_kept(cut);
	find_reached(cut);
}
