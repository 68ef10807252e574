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
	json_t *root = sources_json(of->rules->contract->sources.file[0]);
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
	bool is_open; /* something could not be compared */
};

static void on_difference(enum schema_compare_answer answer, const char *detail, void *ctx)
{
	struct payload_compare *compare = ctx;

	compare->is_open |= answer == SCHEMA_COMPARE_OPEN;
	DIFF_ADD(compare->diff, answer == SCHEMA_COMPARE_ALLOWS, "payload", "%s", detail);
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

static json_t *schema_of(const struct scene *scene, const struct contract_channel *channel,
			 struct deref_result *result)
{
	const char *uri = channel->message_count > 0 ? channel->message->schema_uri : NULL;

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

void diff_payloads(struct diff *diff)
{
	struct payload_compare compare = { .diff = diff };
	struct deref_result was = { .extent = DEREF_WHOLE }, is = { .extent = DEREF_WHOLE };
	json_t *old = schema_of(&diff->from, diff->old, &was);
	json_t *new = schema_of(&diff->to, diff->new, &is);

	schema_compare(old, new, on_difference, &compare);
	compare_extent(diff, was.extent > is.extent ? was.extent : is.extent, &compare);
	compare_dialects(was.dialect, is.dialect, &compare);
	json_decref(old);
	json_decref(new);
	if (!compare.is_open)
		return;
	try_examples_of(diff, &diff->from, diff->old);
	try_examples_of(diff, &diff->to, diff->new);
}
