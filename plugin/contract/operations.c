/*
 * operations.c -- reads /operations: which scopes sending to a channel and receiving from it ask
 * for; also what bindings say of QoS and retain, and the schema of a message's payload.
 */
#include "contract/contract_internal.h"

#include <string.h>
#include <strings.h>

/* ---- bindings ------------------------------------------------------------------------- */

#define NO_PROPERTY "not supported: properties of MQTT 5 messages are not checked"

/* Other protocols' bindings say nothing of MQTT: they are let be. */
static const struct config_known protocols[] = {
	{ .name = "mqtt mqtt5 amqp amqp1 anypointmq googlepubsub http ibmmq jms kafka mercure nats "
		  "pulsar redis ros2 sns solace sqs stomp ws" },
};
static const struct config_known mqtt_members[][5] = {
	[LOADER_SEND] = {
		{ .name = "qos retain bindingVersion" },
		{ .name = "messageExpiryInterval", .refusal = NO_PROPERTY },
	},
	[LOADER_RECEIVE] = {
		{ .name = "qos bindingVersion" },
		{ .name = "retain", .refusal = "only a \"send\" operation has it" },
		{ .name = "messageExpiryInterval", .refusal = NO_PROPERTY },
	},
	[LOADER_OTHER] = {
		{ .name = "bindingVersion" },
		{ .name = "payloadFormatIndicator", .refusal = NO_PROPERTY },
		{ .name = "correlationData", .refusal = NO_PROPERTY },
		{ .name = "contentType", .refusal = NO_PROPERTY },
		{ .name = "responseTopic", .refusal = NO_PROPERTY },
	},
};

void operations_load_bindings(struct loader *loader, const struct config *owner,
			      enum loader_binding kind, struct contract_operation *operation)
{
	static const char *const versions[] = { "0.2.0", "0.1.0", "latest", NULL };
	const struct config *bindings = loader_follow(loader, config_member(owner, "bindings"));
	const struct config *mqtt;
	int64_t qos = 0;
	bool retain = false;
	unsigned ignored;

	if (!config_check(loader->report, bindings, "a bindings object", protocols))
		return;
	mqtt = loader_follow(loader, config_member(bindings, "mqtt"));
	if (!config_check(loader->report, mqtt, "this mqtt binding", mqtt_members[kind]))
		return;
	(void)config_word(loader->report, mqtt, "bindingVersion", versions, &ignored);
	if (!operation)
		return;
	(void)config_integer(loader->report, mqtt, "qos", 0, 2, &qos);
	operation->qos = (uint8_t)qos;
	if (config_boolean(loader->report, mqtt, "retain", &retain))
		operation->retain = retain ? CONTRACT_RETAIN_MUST : CONTRACT_RETAIN_MUST_NOT;
}

/* ---- messages ------------------------------------------------------------------------- */

#define DRAFT_07 "http://json-schema.org/draft-07/schema"

static const struct config_known message_members[] = {
	{ .name = "payload contentType name title summary description deprecated tags externalDocs "
		  "correlationId examples bindings" },
	{ .name = "headers", .refusal = "not supported: user properties are not checked" },
	{ .name = "traits", .refusal = "not supported: write the traits' members out" },
};
static const struct config_known format_members[] = {
	{ .name = "schemaFormat", .is_required = true },
	{ .name = "schema", .is_required = true },
};

/* A payload that is not JSON can't be held against a JSON Schema. */
void operations_check_type(struct loader *loader, const struct config *owner, const char *key)
{
	const char *type = NULL;
	size_t len;

	if (!config_text(loader->report, owner, key, LOADER_TEXT_MAX, &type))
		return;
	len = strcspn(type, "; ");
	if ((len == strlen("application/json") &&
	     strncasecmp(type, "application/json", len) == 0) ||
	    (len > strlen("+json") && strncasecmp(type + len - strlen("+json"), "+json", 5) == 0))
		return;
	(void)config_fail(
		loader->report, owner, key, ERR_INVALID,
		"expected \"application/json\" or \"...+json\": payloads are checked as JSON");
}

/*
 * { schemaFormat, schema }: the format only says what the schema's own $schema says, which is
 * what counts; draft 2020-12 is the one that need not be said.
 */
static const struct config *load_multi_format(struct loader *loader, const struct config *payload)
{
	static const char *const formats[] = { "application/schema+json;version=draft-2020-12",
					       "application/schema+json;version=draft-07", NULL };
	const struct config *schema;
	const char *dialect;
	unsigned format = 0;
	bool is_07;

	(void)config_check(loader->report, payload, "a payload with schemaFormat", format_members);
	if (!config_word(loader->report, payload, "schemaFormat", formats, &format))
		return NULL;
	schema =
		sources_follow_schema(&loader->contract->sources, config_member(payload, "schema"));
	dialect = config_string(config_member(schema, "$schema"));
	is_07 = dialect && strncmp(dialect, DRAFT_07, strlen(DRAFT_07)) == 0;
	if (schema && is_07 != (format == 1))
		(void)config_fail(loader->report, payload, "schemaFormat", ERR_INVALID,
				  "the schema's own \"$schema\" does not say so");
	return schema;
}

static void load_payload(struct loader *loader, const struct config *payload,
			 struct contract_channel *channel)
{
	struct sources *sources = &loader->contract->sources;
	const struct config *schema = config_member(payload, "schemaFormat")
					      ? load_multi_format(loader, payload)
					      : sources_follow_schema(sources, payload);

	if (!schema)
		return;
	if (schema->kind != CONFIG_OBJECT && schema->kind != CONFIG_BOOLEAN) {
		(void)config_fail(loader->report, schema, NULL, ERR_INVALID,
				  "expected a JSON Schema: an object, true or false");
		return;
	}
	loader->schema = schema;
	channel->schema_uri = sources_uri(sources, schema);
}

void operations_load_message(struct loader *loader, const struct config *owner,
			     struct contract_channel *channel)
{
	const struct config *messages = config_member(owner, "messages");
	const struct config *message;

	if (messages && !config_expect(loader->report, messages, CONFIG_OBJECT))
		return;
	if (config_count(messages) == 0 && channel->send.name)
		(void)config_fail(loader->report, owner, "messages", ERR_INVALID,
				  "expected the message that operation \"%s\" sends",
				  channel->send.name);
	if (config_count(messages) > 1)
		(void)config_fail(loader->report, messages, NULL, ERR_INVALID,
				  "not supported: more than one message; "
				  "let one message's payload be a \"oneOf\"");
	if (config_count(messages) != 1)
		return;
	message = loader_follow(loader, messages->item);
	if (!config_check(loader->report, message, "a message", message_members))
		return;
	operations_check_type(loader, message, "contentType");
	operations_load_bindings(loader, message, LOADER_OTHER, NULL);
	if (config_member(message, "payload"))
		load_payload(loader, config_member(message, "payload"), channel);
	else
		(void)config_fail(loader->report, message, "payload", ERR_INVALID,
				  "expected the payload's schema (true takes any JSON)");
}

/* ---- operations ----------------------------------------------------------------------- */

static const struct config_known operation_members[] = {
	{ .name = "action", .is_required = true },
	{ .name = "channel", .is_required = true },
	{ .name = "messages", .kind = CONFIG_ARRAY },
	{ .name = "security bindings title summary description tags externalDocs" },
	{ .name = "reply", .refusal = "not supported: request and reply" },
	{ .name = "traits", .refusal = "not supported: write the traits' members out" },
};

/* What the $ref under @at names; NULL, and a line, where there is none: @expected. */
static const struct config *resolve(struct loader *loader, const struct config *at,
				    const char *expected)
{
	const struct config *ref = config_member(at, "$ref");

	if (ref)
		return sources_resolve(&loader->contract->sources, ref, loader->report);
	if (at)
		(void)config_fail(loader->report, at, NULL, ERR_INVALID,
				  "expected { \"$ref\": \"#/channels/%s\" }", expected);
	return NULL;
}

/* The channel that "channel" names: one under the first file's /channels. */
static struct contract_channel *find_channel(struct loader *loader, const struct config *operation)
{
	const struct config *at = config_member(operation, "channel");
	const struct config *found = resolve(loader, at, "...");

	if (found && found->up == loader->channels)
		return &loader->channel[found - loader->channels->item];
	if (found)
		(void)config_fail(loader->report, at, "$ref", ERR_INVALID,
				  "expected a channel of the contract: \"#/channels/...\"");
	return NULL;
}

/*
 * An operation may name its channel's messages. A channel has one at most, so that there is
 * nothing to choose; but what is named must be it.
 */
static void check_messages(struct loader *loader, const struct config *operation,
			   const struct contract_channel *channel)
{
	const struct config *messages = config_member(operation, "messages");

	if (messages && messages->kind == CONFIG_ARRAY && messages->count == 0)
		(void)config_fail(loader->report, messages, NULL, ERR_INVALID,
				  "expected the channel's message, or no \"messages\" at all");
	config_foreach_item(at, messages) {
		const struct config *message = resolve(loader, at, ".../messages/...");

		if (message && !channels_has_message(loader, channel, message))
			(void)config_fail(loader->report, at, "$ref", ERR_INVALID,
					  "expected a message of channel \"%s\"", channel->name);
	}
}

static void load_operation(struct loader *loader, const struct config *at, const char *name)
{
	static const char *const actions[] = { "send", "receive", NULL };
	struct contract_operation *operation;
	struct contract_channel *channel;
	unsigned action = 0;
	bool is_action;

	if (!config_check(loader->report, at, "an operation", operation_members))
		return;
	is_action = config_word(loader->report, at, "action", actions, &action);
	channel = find_channel(loader, at);
	if (!channel || !is_action)
		return;
	operation = action == 0 ? &channel->send : &channel->receive;
	if (operation->name) {
		(void)config_fail(loader->report, at, NULL, ERR_INVALID,
				  "channel \"%s\" has a \"%s\" operation already, \"%s\"",
				  channel->name, actions[action], operation->name);
		return;
	}
	operation->name = name;
	check_messages(loader, at, channel);
	scopes_load_security(loader, at, operation);
	operations_load_bindings(loader, at, action == 0 ? LOADER_SEND : LOADER_RECEIVE, operation);
}

void operations_load(struct loader *loader)
{
	config_foreach_member(at, config_member(loader->root, "operations"))
		load_operation(loader, loader_follow(loader, at), at->key);
}
