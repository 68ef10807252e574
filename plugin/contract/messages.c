/* messages.c -- /channels/.../messages: the payload's schema, which is JSON Schema. */
#include "contract/contract_internal.h"

#include <string.h>
#include <strings.h>

#define DRAFT_07 "http://json-schema.org/draft-07/schema"

static const struct config_known message_members[] = {
	{ .name = "payload contentType name title summary description deprecated tags externalDocs "
		  "correlationId examples bindings" },
	{ .name = "headers", .refusal = "not supported: user properties are not checked" },
	{ .name = "traits", .refusal = "not supported: write the traits' members out" },
	{ .name = NULL },
};
static const struct config_known format_members[] = {
	{ .name = "schemaFormat", .is_required = true },
	{ .name = "schema", .is_required = true },
	{ .name = NULL },
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

void messages_load(struct loader *loader, const struct config *owner,
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
	messages_check_type(loader, message, "contentType");
	bindings_load(loader, message, LOADER_OTHER, NULL);
	if (config_member(message, "payload"))
		load_payload(loader, config_member(message, "payload"), channel);
	else
		(void)config_fail(loader->report, message, "payload", ERR_INVALID,
				  "expected the payload's schema (true takes any JSON)");
}
