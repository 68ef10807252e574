/*
 * diff_payloads.c -- finds payloads that one contract accepts and the other refuses: by comparing
 * schemas, and by examples where the schemas alone do not show it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/jsonfile.h"
#include "ctl/deref.h"
#include "ctl/diff.h"
#include "ctl/schema_compare.h"

/* ---- by example, where the schemas are not enough ----------------------------------------- */

static bool takes(struct scene *scene, const struct contract_channel *channel, const char *text)
{
	const struct schema *schema =
		channel->message_count > 0 ? scene->rules->message[channel->message->index].schema
					   : NULL;
	const struct payload_value *value;
	struct payload_error error;

	if (!schema)
		return true;
	value = payload_parse(scene->gate.parser, text, strlen(text), &error);
	return value && schema_check(schema, value) == SCHEMA_VALID;
}

static void try_payload(struct diff *diff, const json_t *payload)
{
	char *text = json_dumps(payload, JSON_COMPACT | JSON_ENCODE_ANY);
	bool had, has;

	if (!text)
		return;
	had = takes(&diff->from, diff->old, text);
	has = takes(&diff->to, diff->new, text);
	if (had != has)
		DIFF_ADD(diff, has, "payload", "%s", text);
	free(text);
}

/* The example itself, without each of its members, and with one that no schema names. */
static void try_example(struct diff *diff, json_t *payload)
{
	json_t *changed;
	const char *key;
	json_t *value;

	try_payload(diff, payload);
	if (!json_is_object(payload))
		return;
	json_object_foreach(payload, key, value) {
		changed = json_copy(payload);
		(void)json_object_del(changed, key);
		try_payload(diff, changed);
		json_decref(changed);
	}
	changed = json_copy(payload);
	(void)json_object_set_new(changed, "memberThatNobodyNamed", json_true());
	try_payload(diff, changed);
	json_decref(changed);
}

/* Follows one $ref within the document. */
static json_t *follow(json_t *root, json_t *value)
{
	const char *ref = json_string_value(json_object_get(value, "$ref"));

	return ref && ref[0] == '#' ? jsonfile_at(root, ref + 1) : value;
}

static void try_examples_of(struct diff *diff, const struct scene *of,
			    const struct contract_channel *named)
{
	json_t *root = sources_json(contract_document(of->rules->contract, named));
	json_t *channel = json_object_get(json_object_get(root, "channels"), named->name);
	json_t *messages = json_object_get(follow(root, channel), "messages");
	const char *key;
	json_t *message, *example;
	size_t i;

	json_object_foreach(messages, key, message) {
		json_array_foreach(json_object_get(follow(root, message), "examples"), i, example)
			try_example(diff, json_object_get(example, "payload"));
	}
}

/* ---- payloads, by schema ---------------------------------------------------------------- */

struct payload_compare {
	struct diff *diff;
	const char *name; /* of the message, where a channel has several; or NULL */
	bool is_open;     /* something could not be compared */
};

static void on_difference(enum schema_compare_answer answer, const char *detail, void *ctx)
{
	struct payload_compare *compare = ctx;

	compare->is_open |= answer == SCHEMA_COMPARE_OPEN;
	DIFF_ADD(compare->diff, answer == SCHEMA_COMPARE_ALLOWS, "payload", "%s%s%s",
		 compare->name ? compare->name : "", compare->name ? ": " : "", detail);
}

/* Are all schema files the same? */
static bool same_documents(const struct contract *a, const struct contract *b)
{
	size_t count = a->sources.count;

	if (count != b->sources.count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!json_equal(sources_json(a->sources.file[i]), sources_json(b->sources.file[i])))
			return false;
	return true;
}

/* @message is NULL where the channel has none: any bytes pass. */
static json_t *schema_of(const struct scene *scene, const struct contract_message *message,
			 struct deref_result *result)
{
	const char *uri = message ? message->schema_uri : NULL;

	return uri ? deref_schema(scene->rules->contract, uri, false, result) : json_true();
}

static void compare_extent(struct diff *diff, enum deref_extent extent,
			   struct payload_compare *compare)
{
	if (extent != DEREF_WHOLE &&
	    !same_documents(diff->from.rules->contract, diff->to.rules->contract))
		on_difference(
			SCHEMA_COMPARE_OPEN,
			extent == DEREF_PARTLY
				? "what $id, $anchor or another $schema name is not compared"
				: "the schema refers to itself in too many ways to be compared",
			compare);
}

/* Keywords may mean something else, or nothing. */
static void compare_dialects(enum schema_dialect old, enum schema_dialect new,
			     struct payload_compare *compare)
{
	char text[128];

	if (old == new || old == SCHEMA_UNSAID || new == SCHEMA_UNSAID)
		return;
	(void)snprintf(text, sizeof(text), "the schema is written in %s instead of %s",
		       schema_dialect_name(new), schema_dialect_name(old));
	on_difference(SCHEMA_COMPARE_OPEN, text, compare);
}

static void compare_schemas(struct payload_compare *compare, const struct contract_message *from,
			    const struct contract_message *to)
{
	struct diff *diff = compare->diff;
	struct deref_result was = { .extent = DEREF_WHOLE }, is = { .extent = DEREF_WHOLE };
	json_t *old = schema_of(&diff->from, from, &was);
	json_t *new = schema_of(&diff->to, to, &is);

	schema_compare(old, new, on_difference, compare);
	compare_extent(diff, was.extent > is.extent ? was.extent : is.extent, compare);
	compare_dialects(was.dialect, is.dialect, compare);
	json_decref(old);
	json_decref(new);
}

static const struct contract_message *find_message(const struct contract_channel *channel,
						   const char *name)
{
	for (size_t i = 0; i < channel->message_count; i++)
		if (strcmp(channel->message[i].name, name) == 0)
			return &channel->message[i];
	return NULL;
}

/* Messages are the same by their name. */
static void compare_messages(struct payload_compare *compare)
{
	const struct contract_channel *old = compare->diff->old, *new = compare->diff->new;

	for (size_t i = 0; i < old->message_count; i++) {
		const struct contract_message *to = find_message(new, old->message[i].name);

		compare->name = old->message[i].name;
		if (to)
			compare_schemas(compare, &old->message[i], to);
		else
			on_difference(SCHEMA_COMPARE_REFUSES, "is no message any more", compare);
	}
	for (size_t i = 0; i < new->message_count; i++) {
		compare->name = new->message[i].name;
		if (!find_message(old, compare->name))
			on_difference(SCHEMA_COMPARE_ALLOWS, "is a new message", compare);
	}
}

void diff_payloads(struct diff *diff)
{
	struct payload_compare compare = { .diff = diff };

	if (diff->old->message_count > 1 || diff->new->message_count > 1)
		compare_messages(&compare);
	else
		compare_schemas(&compare, diff->old->message_count ? diff->old->message : NULL,
				diff->new->message_count ? diff->new->message : NULL);
	if (!compare.is_open)
		return;
	try_examples_of(diff, &diff->from, diff->old);
	try_examples_of(diff, &diff->to, diff->new);
}
