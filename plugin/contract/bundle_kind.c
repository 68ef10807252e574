#include "contract/bundle_kind.h"

#include <stddef.h>
#include <string.h>

struct part_row {
	const char *key;
	enum bundle_kind kind;
	bool is_each;
};

static const struct part_row document[] = {
	{ "info", BUNDLE_INFO, false },
	{ "servers", BUNDLE_SERVER, true },
	{ "channels", BUNDLE_CHANNEL, true },
	{ "operations", BUNDLE_OPERATION, true },
	{ "components", BUNDLE_COMPONENTS, false },
	{ "tags", BUNDLE_TAG, true },
	{ "externalDocs", BUNDLE_DOCS, false },
	{ NULL, BUNDLE_SCHEMA, false },
};
static const struct part_row components[] = {
	{ "schemas", BUNDLE_SCHEMA, true },
	{ "servers", BUNDLE_SERVER, true },
	{ "serverVariables", BUNDLE_VARIABLE, true },
	{ "channels", BUNDLE_CHANNEL, true },
	{ "parameters", BUNDLE_PARAMETER, true },
	{ "operations", BUNDLE_OPERATION, true },
	{ "operationTraits", BUNDLE_OPERATION_TRAIT, true },
	{ "replies", BUNDLE_REPLY, true },
	{ "replyAddresses", BUNDLE_REPLY_ADDRESS, true },
	{ "messages", BUNDLE_MESSAGE, true },
	{ "messageTraits", BUNDLE_MESSAGE_TRAIT, true },
	{ "correlationIds", BUNDLE_CORRELATION_ID, true },
	{ "securitySchemes", BUNDLE_SCHEME, true },
	{ "tags", BUNDLE_TAG, true },
	{ "externalDocs", BUNDLE_DOCS, true },
	{ "serverBindings", BUNDLE_SERVER_BINDINGS, true },
	{ "channelBindings", BUNDLE_CHANNEL_BINDINGS, true },
	{ "operationBindings", BUNDLE_OPERATION_BINDINGS, true },
	{ "messageBindings", BUNDLE_MESSAGE_BINDINGS, true },
	{ NULL, BUNDLE_SCHEMA, false },
};
static const struct part_row info[] = {
	{ "tags", BUNDLE_TAG, true },
	{ "externalDocs", BUNDLE_DOCS, false },
	{ NULL, BUNDLE_SCHEMA, false },
};
static const struct part_row server[] = {
	{ "variables", BUNDLE_VARIABLE, true },
	{ "security", BUNDLE_SCHEME, true },
	{ "tags", BUNDLE_TAG, true },
	{ "externalDocs", BUNDLE_DOCS, false },
	{ "bindings", BUNDLE_SERVER_BINDINGS, false },
	{ NULL, BUNDLE_SCHEMA, false },
};
static const struct part_row channel[] = {
	{ "messages", BUNDLE_MESSAGE, true },     { "parameters", BUNDLE_PARAMETER, true },
	{ "servers", BUNDLE_LINK, true },         { "tags", BUNDLE_TAG, true },
	{ "externalDocs", BUNDLE_DOCS, false },   { "bindings", BUNDLE_CHANNEL_BINDINGS, false },
	{ "publish", BUNDLE_OPERATION, false }, /* 2.x, as the next */
	{ "subscribe", BUNDLE_OPERATION, false }, { NULL, BUNDLE_SCHEMA, false },
};
static const struct part_row operation[] = {
	{ "channel", BUNDLE_LINK, false },
	{ "messages", BUNDLE_LINK, true },
	{ "message", BUNDLE_MESSAGE, false }, /* 2.x */
	{ "security", BUNDLE_SCHEME, true },
	{ "tags", BUNDLE_TAG, true },
	{ "externalDocs", BUNDLE_DOCS, false },
	{ "bindings", BUNDLE_OPERATION_BINDINGS, false },
	{ "traits", BUNDLE_OPERATION_TRAIT, true },
	{ "reply", BUNDLE_REPLY, false },
	{ NULL, BUNDLE_SCHEMA, false },
};
static const struct part_row reply[] = {
	{ "address", BUNDLE_REPLY_ADDRESS, false },
	{ "channel", BUNDLE_LINK, false },
	{ "messages", BUNDLE_LINK, true },
	{ NULL, BUNDLE_SCHEMA, false },
};
static const struct part_row message[] = {
	{ "correlationId", BUNDLE_CORRELATION_ID, false },
	{ "tags", BUNDLE_TAG, true },
	{ "externalDocs", BUNDLE_DOCS, false },
	{ "bindings", BUNDLE_MESSAGE_BINDINGS, false },
	{ "traits", BUNDLE_MESSAGE_TRAIT, true },
	{ "examples", BUNDLE_DATA, false },
	{ "oneOf", BUNDLE_MESSAGE, true }, /* 2.x */
	{ NULL, BUNDLE_SCHEMA, false },
};
static const struct part_row tag[] = {
	{ "externalDocs", BUNDLE_DOCS, false },
	{ NULL, BUNDLE_SCHEMA, false },
};
static const struct part_row schema[] = {
	{ "properties", BUNDLE_SCHEMA, true },
	{ "patternProperties", BUNDLE_SCHEMA, true },
	{ "$defs", BUNDLE_SCHEMA, true },
	{ "definitions", BUNDLE_SCHEMA, true },
	{ "dependentSchemas", BUNDLE_SCHEMA, true },
	{ "const", BUNDLE_DATA, false },
	{ "enum", BUNDLE_DATA, false },
	{ "default", BUNDLE_DATA, false },
	{ "examples", BUNDLE_DATA, false },
	{ NULL, BUNDLE_SCHEMA, false },
};

/* What the members of an object are; where they stand among the components, and in 2.x as well. */
static const struct kind_row {
	const struct part_row *members;
	const char *group;
	bool is_in_2;
} kinds[BUNDLE_KINDS] = {
	[BUNDLE_SCHEMA] = { schema, "schemas", true },
	[BUNDLE_DOCUMENT] = { document, NULL, false },
	[BUNDLE_COMPONENTS] = { components, NULL, false },
	[BUNDLE_INFO] = { info, NULL, false },
	[BUNDLE_SERVER] = { server, "servers", false },
	[BUNDLE_VARIABLE] = { schema, "serverVariables", false },
	[BUNDLE_CHANNEL] = { channel, "channels", false },
	[BUNDLE_PARAMETER] = { schema, "parameters", true },
	[BUNDLE_OPERATION] = { operation, "operations", false },
	[BUNDLE_OPERATION_TRAIT] = { operation, "operationTraits", true },
	[BUNDLE_REPLY] = { reply, "replies", false },
	[BUNDLE_REPLY_ADDRESS] = { schema, "replyAddresses", false },
	[BUNDLE_MESSAGE] = { message, "messages", true },
	[BUNDLE_MESSAGE_TRAIT] = { message, "messageTraits", true },
	[BUNDLE_CORRELATION_ID] = { schema, "correlationIds", true },
	[BUNDLE_SCHEME] = { schema, "securitySchemes", true },
	[BUNDLE_TAG] = { tag, "tags", false },
	[BUNDLE_DOCS] = { schema, "externalDocs", false },
	[BUNDLE_SERVER_BINDINGS] = { schema, "serverBindings", true },
	[BUNDLE_CHANNEL_BINDINGS] = { schema, "channelBindings", true },
	[BUNDLE_OPERATION_BINDINGS] = { schema, "operationBindings", true },
	[BUNDLE_MESSAGE_BINDINGS] = { schema, "messageBindings", true },
	[BUNDLE_LINK] = { schema, NULL, false },
	[BUNDLE_DATA] = { schema, NULL, false },
};

struct bundle_part bundle_part_of(enum bundle_kind owner, const char *key)
{
	const struct part_row *row = kinds[owner].members;

	while (row->key && strcmp(row->key, key) != 0)
		row++;
	return (struct bundle_part){ row->kind, row->is_each };
}

const char *bundle_group(enum bundle_kind kind, bool is_2)
{
	return is_2 && !kinds[kind].is_in_2 ? NULL : kinds[kind].group;
}
