#include "contract/loader.h"

#include <string.h>
#include <strings.h>

#define DRAFT_07 "http://json-schema.org/draft-07/schema"

static const struct place_known message_members[] = {
	{ "payload", NULL },
	{ "contentType", NULL },
	{ "name", NULL },
	{ "title", NULL },
	{ "summary", NULL },
	{ "description", NULL },
	{ "deprecated", NULL },
	{ "tags", NULL },
	{ "externalDocs", NULL },
	{ "correlationId", NULL },
	{ "examples", NULL },
	{ "bindings", NULL },
	{ "headers", "not supported: user properties are not checked" },
	{ "traits", "not supported: write the traits' members out" },
	{ NULL, NULL },
};
static const struct place_known format_members[] = { { "schemaFormat", NULL },
						     { "schema", NULL },
						     { NULL, NULL } };

/* A payload that is not JSON can't be held against a JSON Schema. */
int messages_check_type(struct loader *loader, const struct place *at)
{
	const char *type = NULL;
	size_t len;
	int rc;

	if (!at->json)
		return 0;
	rc = place_text(at, LOADER_TEXT_MAX, &type, loader->diag);
	if (rc)
		return rc;
	len = strcspn(type, "; ");
	if ((len == strlen("application/json") &&
	     strncasecmp(type, "application/json", len) == 0) ||
	    (len > strlen("+json") && strncasecmp(type + len - strlen("+json"), "+json", 5) == 0))
		return 0;
	return place_fail(
		at, loader->diag, ERR_INVALID,
		"expected \"application/json\" or \"...+json\": payloads are checked as JSON");
}

/*
 * { schemaFormat, schema }: the format only says what the schema's own $schema says, which is
 * what counts; draft 2020-12 is the one that need not be said.
 */
static int load_multi_format(struct loader *loader, const struct place *payload,
			     struct place *ret_schema)
{
	static const char *const formats[] = { "application/schema+json;version=draft-2020-12",
					       "application/schema+json;version=draft-07", NULL };
	struct place format_at = place_member(payload, "schemaFormat");
	unsigned format = 0;
	const char *dialect;
	bool is_07;
	int rc;

	rc = place_check(payload, "a payload with schemaFormat", format_members, loader->diag);
	if (rc == 0)
		rc = place_word(&format_at, formats, &format, loader->diag);
	if (rc)
		return rc;
	*ret_schema = place_member(payload, "schema");
	rc = sources_follow_schema(&loader->contract->sources, &loader->scratch, ret_schema,
				   loader->diag);
	if (rc)
		return rc;
	dialect = json_string_value(json_object_get(ret_schema->json, "$schema"));
	is_07 = dialect && strncmp(dialect, DRAFT_07, strlen(DRAFT_07)) == 0;
	if (is_07 != (format == 1))
		return place_fail(&format_at, loader->diag, ERR_INVALID,
				  "the schema's own \"$schema\" does not say so");
	return 0;
}

static int load_payload(struct loader *loader, const struct place *message,
			struct contract_channel *channel)
{
	struct sources *sources = &loader->contract->sources;
	struct place payload = place_member(message, "payload");
	struct place schema = payload;
	int rc;

	if (!payload.json)
		return place_fail(&payload, loader->diag, ERR_INVALID,
				  "expected the payload's schema (true takes any JSON)");
	if (json_object_get(payload.json, "schemaFormat"))
		rc = load_multi_format(loader, &payload, &schema);
	else
		rc = sources_follow_schema(sources, &loader->scratch, &schema, loader->diag);
	if (rc)
		return rc;
	if (!json_is_object(schema.json) && !json_is_boolean(schema.json))
		return place_fail(&schema, loader->diag, ERR_INVALID,
				  "expected a JSON Schema: an object, true or false");
	loader->schema = (struct place){ .file = schema.file, .json = schema.json };
	return sources_uri(sources, &schema, &channel->schema_uri, loader->diag);
}

int messages_load(struct loader *loader, const struct place *channel_place,
		  struct contract_channel *channel)
{
	struct place messages = place_member(channel_place, "messages");
	struct place message;
	struct place type;
	int rc;

	if (messages.json && place_object(&messages, loader->diag))
		return ERR_INVALID;
	if (json_object_size(messages.json) == 0) {
		if (!channel->send.name)
			return 0;
		return place_fail(&messages, loader->diag, ERR_INVALID,
				  "expected the message that operation \"%s\" sends",
				  channel->send.name);
	}
	if (json_object_size(messages.json) > 1)
		return place_fail(&messages, loader->diag, ERR_INVALID,
				  "not supported: more than one message; "
				  "let one message's payload be a \"oneOf\"");
	message = place_member(&messages, json_object_iter_key(json_object_iter(messages.json)));
	rc = sources_follow(&loader->contract->sources, &loader->scratch, &message, loader->diag);
	if (rc == 0)
		rc = place_check(&message, "a message", message_members, loader->diag);
	type = place_member(&message, "contentType");
	if (rc == 0)
		rc = messages_check_type(loader, &type);
	if (rc == 0)
		rc = bindings_load(loader, &message, LOADER_OTHER, NULL);
	return rc ? rc : load_payload(loader, &message, channel);
}
