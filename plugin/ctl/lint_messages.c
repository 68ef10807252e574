/*
 * lint_messages.c -- messages of a channel whose payload nothing checks, and those that the same
 * payload fits: of several messages a publish must be one, and only one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "ctl/deref.h"
#include "ctl/lint.h"
#include "ctl/sample.h"
#include "schema/jsontext.h"

#define COMPARED_MAX 16u /* messages of a channel that are compared with each other */
#define USERS_MAX 1000u  /* that are looked at for two operations */
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
		lint_add_at(lint, LINT_WARNING, contract_channel_at(contract, channel),
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

struct compared {
	const struct contract_message *message;
	json_t *schema; /* in one piece; NULL: memory ran out */
};

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

static bool has_message(const struct contract_operation *operation,
			const struct contract_message *message)
{
	for (size_t i = 0; i < operation->message_count; i++)
		if (operation->message[i] == message)
			return true;
	return false;
}

/* Does some user's roles give both operations? */
static bool has_both(const struct rules *rules, const struct contract_channel *channel,
		     const struct contract_operation *a, const struct contract_operation *b)
{
	const struct contract_match match = { .channel = channel };
	const struct access_principal *principal;

	for (size_t i = 0; i < USERS_MAX && (principal = access_principal(rules->access, i)); i++)
		if (gate_grant(rules, principal, GATE_LOGIN_ANY, a, 1, &match) != GATE_NONE &&
		    gate_grant(rules, principal, GATE_LOGIN_ANY, b, 1, &match) != GATE_NONE)
			return true;
	return false;
}

/* May one client publish under both? Without an access file, a user is one side of one document. */
static bool are_ones(const struct lint *lint, const struct contract_channel *channel,
		     const struct contract_operation *a, const struct contract_operation *b)
{
	if (a->application == b->application && a->party == b->party)
		return true;
	if (a->party == CONTRACT_ANYBODY || b->party == CONTRACT_ANYBODY)
		return true;
	return lint->rules && lint->rules->access && has_both(lint->rules, channel, a, b);
}

/* May one client publish both messages? Only then may it be uncertain which of them it is. */
static bool may_meet(const struct lint *lint, const struct contract_channel *channel,
		     const struct contract_message *a, const struct contract_message *b)
{
	for (size_t i = 0; i < channel->send_count; i++) {
		if (!has_message(&channel->send[i], a))
			continue;
		for (size_t k = 0; k < channel->send_count; k++)
			if (has_message(&channel->send[k], b) &&
			    are_ones(lint, channel, &channel->send[i], &channel->send[k]))
				return true;
	}
	return false;
}

/* Is the JSON @value valid? */
static bool is_valid(const struct schema *schema, const json_t *value)
{
	struct payload_parser *parser = NULL;
	const struct payload_value *parsed = NULL;
	struct diag ignored;
	bool ret = schema && jsontext_parse(value, NULL, NULL, &parser, &parsed, &ignored) == 0 &&
		   schema_check(schema, parsed) == SCHEMA_VALID;

	payload_parser_free(parser);
	return ret;
}

/* Is @value both messages? */
static bool is_both(const struct lint *lint, const json_t *value, const struct compared *a,
		    const struct compared *b)
{
	return value && is_valid(lint->rules->message[a->message->index].schema, value) &&
	       is_valid(lint->rules->message[b->message->index].schema, value);
}

/* An example of @a, or a value made of its schema, that is @b, too; new. NULL: none was found. */
static json_t *find_shared(const struct lint *lint, const struct compared *a,
			   const struct compared *b)
{
	json_t *value;

	if (!lint->rules || a->message->format != CONTRACT_JSON)
		return NULL;
	config_foreach_item(example, a->message->examples) {
		const struct config *payload = config_member(example, "payload");

		value = payload ? config_json(payload) : NULL;
		if (is_both(lint, value, a, b))
			return value;
		json_decref(value);
	}
	value = a->schema ? sample_of(a->schema) : NULL;
	if (is_both(lint, value, a, b))
		return value;
	json_decref(value);
	return NULL;
}

static void add_shared(struct lint *lint, const struct config *at, const json_t *shared,
		       const struct compared *a, const struct compared *b)
{
	char *text = json_dumps(shared, JSON_ENCODE_ANY | JSON_COMPACT);

	if (text)
		lint_add_at(
			lint, LINT_WARNING, at,
			"%.100s%s is both \"%s\" and \"%s\", and who may publish both is refused; "
			"expected a member with a \"const\" of its own in each",
			text, strlen(text) > 100 ? "..." : "", a->message->name, b->message->name);
	free(text);
}

static void compare(struct lint *lint, const struct config *at,
		    const struct contract_channel *channel, const struct compared *a,
		    const struct compared *b)
{
	const struct compared *open = is_open(a->schema) ? a : is_open(b->schema) ? b : NULL;
	json_t *shared;

	if (a->message->format != b->message->format || are_same(lint, a->message, b->message) ||
	    !may_meet(lint, channel, a->message, b->message))
		return; /* they count as one message, or nobody may publish both */
	if (open) {
		lint_add_at(lint, LINT_WARNING, at,
			    "any payload is message \"%s\": one that is \"%s\", too, is refused",
			    open->message->name, (open == a ? b : a)->message->name);
		return;
	}
	shared = find_shared(lint, a, b);
	shared = shared ? shared : find_shared(lint, b, a);
	if (shared)
		add_shared(lint, at, shared, a, b);
	json_decref(shared);
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
	const struct config *at = contract_channel_at(contract, channel);
	struct compared all[COMPARED_MAX];
	size_t count = 0;

	if (json_object_size(lint->schemas) > SCHEMAS_MAX)
		(void)json_object_clear(lint->schemas);
	for (size_t i = 0; i < channel->message_count && count < COMPARED_MAX; i++) {
		const struct contract_message *message = &channel->message[i];

		if (message->schema_uri)
			all[count++] =
				(struct compared){ message, schema_of(lint, contract, message) };
	}
	for (size_t i = 0; i < count; i++)
		for (size_t k = i + 1; k < count; k++)
			compare(lint, at, channel, &all[i], &all[k]);
	for (size_t i = 0; i < count; i++)
		json_decref(all[i].schema);
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
