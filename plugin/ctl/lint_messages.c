/*
 * lint_messages.c -- messages of a channel whose payload nothing checks, and those that the same
 * payload fits: of several messages a publish must be one, and only one.
 */
#include <string.h>

#include "base/config.h"
#include "ctl/deref.h"
#include "ctl/lint.h"

#define COMPARED_MAX 16u /* messages of a channel that are compared with each other */
#define SCHEMAS_MAX 64u  /* that are kept for the next channel, which may have the same */

/* ---- what is not checked ------------------------------------------------------------------- */

/* Messages that any bytes are: all of the channel, or one beside others. */
static void check_open(struct lint *lint, const struct contract *contract,
		       const struct contract_channel *channel)
{
	size_t checked = 0;

	for (size_t i = 0; i < channel->message_count; i++)
		checked += channel->message[i].schema_uri != NULL;
	if (checked == 0)
		lint_add_at(lint, LINT_WARNING, lint_channel_at(contract, channel),
			    "has no payload schema: any bytes pass");
	for (size_t i = 0; i < channel->message_count && checked > 0; i++) {
		const struct contract_message *message = &channel->message[i];

		if (!message->schema_uri && message->format != CONTRACT_JSON)
			lint_add_at(lint, LINT_WARNING, message->at,
				    "is held against no schema: what is none of the channel's "
				    "other messages passes as this one");
	}
}

/* ---- what can't be told apart ---------------------------------------------------------------- */

/* A schema that takes everything. */
static bool is_open(const json_t *schema)
{
	return json_is_true(schema) || (json_is_object(schema) && json_object_size(schema) == 0);
}

/* Do they count as one message, or are told apart by what their properties say? */
static bool are_same(const struct lint *lint, const struct contract_message *a,
		     const struct contract_message *b)
{
	int64_t work = SCHEMA_MESSAGE_WORK;

	return strcmp(a->schema_uri, b->schema_uri) == 0 ||
	       (lint->rules && schema_is_same(lint->rules->message[a->index].schema,
					      lint->rules->message[b->index].schema, &work));
}

static void compare(struct lint *lint, const struct config *at, const struct contract_message *a,
		    const struct contract_message *b, const json_t *a_schema,
		    const json_t *b_schema)
{
	const struct contract_message *open = is_open(a_schema) ? a : is_open(b_schema) ? b : NULL;

	if (a->format != b->format || are_same(lint, a, b))
		return; /* they count as one message */
	if (open)
		lint_add_at(lint, LINT_WARNING, at,
			    "any payload is message \"%s\": one that is \"%s\", too, is refused",
			    open->name, open == a ? b->name : a->name);
}

/* The message's schema in one piece; new. */
static json_t *schema_of(struct lint *lint, const struct contract *contract,
			 const struct contract_message *message)
{
	json_t *schema = json_object_get(lint->schemas, message->schema_uri);
	struct deref_result result;

	if (schema)
		return json_incref(schema);
	schema = deref_schema(contract, message->schema_uri, false, &result);
	(void)json_object_set(lint->schemas, message->schema_uri, schema);
	return schema;
}

static void compare_all(struct lint *lint, const struct contract *contract,
			const struct contract_channel *channel)
{
	const struct config *at = lint_channel_at(contract, channel);
	json_t *schema[COMPARED_MAX] = { NULL };
	size_t count =
		channel->message_count < COMPARED_MAX ? channel->message_count : COMPARED_MAX;

	if (json_object_size(lint->schemas) > SCHEMAS_MAX)
		(void)json_object_clear(lint->schemas);
	for (size_t i = 0; i < count; i++)
		if (channel->message[i].schema_uri)
			schema[i] = schema_of(lint, contract, &channel->message[i]);
	for (size_t i = 0; i < count; i++)
		for (size_t k = i + 1; k < count; k++)
			if (schema[i] && schema[k])
				compare(lint, at, &channel->message[i], &channel->message[k],
					schema[i], schema[k]);
	for (size_t i = 0; i < count; i++)
		json_decref(schema[i]);
}

void lint_messages(struct lint *lint, const struct contract *contract,
		   const struct contract_channel *channel)
{
	if (channel->send_count == 0 || channel->address[0] == '$')
		return;
	check_open(lint, contract, channel);
	if (channel->message_count > 1)
		compare_all(lint, contract, channel);
}
