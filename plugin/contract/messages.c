/*
 * messages.c -- reads /channels/.../messages: what kinds of message a channel has, and the schemas
 * of their payloads.
 */
#include "contract/contract_internal.h"

#include <string.h>
#include <strings.h>

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
void messages_check_type(struct loader *loader, const struct config *owner, const char *key)
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
			 struct contract_message *message)
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
	loader->schema[message->index] = schema;
	message->schema_uri = sources_uri(sources, schema);
}

static void load_message(struct loader *loader, const struct config *at,
			 struct contract_message *message)
{
	at = loader_follow(loader, at);
	if (!config_check(loader->report, at, "a message", message_members))
		return;
	messages_check_type(loader, at, "contentType");
	operations_load_bindings(loader, at, LOADER_OTHER, NULL);
	message->has_payload = config_member(at, "payload") != NULL;
	if (message->has_payload)
		load_payload(loader, config_member(at, "payload"), message);
}

/* The channel's "messages", or NULL where there are none, or too many. */
static const struct config *messages_of(struct loader *loader, size_t channel)
{
	const struct config *at = loader_follow(loader, &loader->channels->item[channel]);
	const struct config *messages = config_member(at, "messages");

	if (!config_expect(loader->report, messages, CONFIG_OBJECT) ||
	    !config_bound(loader->report, messages, 0, CONTRACT_MESSAGES_MAX, "messages"))
		return NULL;
	return messages;
}

void messages_load(struct loader *loader)
{
	struct contract *contract = loader->contract;
	struct contract_message *message;
	size_t all = 0;

	for (size_t i = 0; i < loader->named_count; i++)
		all += config_count(messages_of(loader, i));
	message = loader_take(loader, all, sizeof(*message));
	loader->schema = arena_take(&loader->scratch, all, sizeof(*loader->schema));
	if (!message || !loader->schema) {
		(void)config_nomem(loader->report);
		return;
	}
	for (size_t i = 0; i < loader->named_count; i++) {
		struct contract_channel *channel = &loader->channel[i];

		channel->message = &message[contract->message_count];
		config_foreach_member(at, messages_of(loader, i)) {
			struct contract_message *its = &message[contract->message_count];

			its->name = at->key;
			its->index = (unsigned)contract->message_count++;
			load_message(loader, at, its);
			channel->message_count++;
		}
	}
}
