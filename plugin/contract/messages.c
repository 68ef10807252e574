/*
 * messages.c -- reads /channels/.../messages: what kinds of message a channel has, how their
 * payloads are read, and the schemas of payload and headers.
 */
#include "contract/contract_internal.h"

#include <stdlib.h>
#include <string.h>

#include "contract/media.h"

#define SCHEMAS_OF_MESSAGE 4u /* payload, headers, correlation data, response topic */

static const struct config_known format_members[] = {
	{ .name = "schemaFormat", .kind = CONFIG_STRING, .is_required = true },
	{ .name = "schema", .is_required = true },
};

/* ---- schemas ------------------------------------------------------------------------------ */

/* AsyncAPI 3, Multi Format Schema Object. A schema has no keywords of these names. */
static bool is_multi_format(const struct config *at)
{
	return config_member(at, "schemaFormat") || config_member(at, "schema");
}

const char *messages_uri(struct loader *loader, const struct config *schema)
{
	return sources_made_uri(&loader->contract->sources, schema, loader->message_at);
}

/* Notes what the schema is written in, once for each place. */
static void add_mark(struct loader *loader, const struct config *schema,
		     enum contract_dialect dialect)
{
	struct contract *contract = loader->contract;
	const char *uri = messages_uri(loader, schema);

	if (uri && contract->mark_count < loader->mark_max)
		loader->mark[contract->mark_count++] = (struct contract_mark){ uri, dialect };
}

/* "schemaFormat" of @at; false: it is no JSON Schema that is known. */
static bool read_format(struct loader *loader, const struct config *at, enum contract_dialect *ret)
{
	const struct config *format = config_member(at, "schemaFormat");
	const char *text = config_string(format);

	(void)config_check(loader->report, at, "a schema with schemaFormat", format_members);
	if (!text || media_dialect(text, ret))
		return true;
	loader_warn(
		loader, format, NULL,
		"\"%s\" is no JSON Schema that is known here: what it describes is held against "
		"everything but this schema",
		text);
	return false;
}

/* Do members beside a $ref count in @dialect? */
static bool has_siblings(enum contract_dialect dialect)
{
	return dialect == CONTRACT_DRAFT_2019_09 || dialect == CONTRACT_DRAFT_2020_12;
}

/*
 * The schema that @at is, or refers to, or has under "schema", as often as these follow each other.
 * NULL: a fault, or @ret_opaque is true: it is in no language that is known.
 */
static const struct config *find_schema(struct loader *loader, const struct config *at,
					bool *ret_opaque)
{
	struct sources *sources = &loader->contract->sources;
	enum contract_dialect dialect = CONTRACT_UNSAID;

	for (unsigned i = 0; i < SOURCES_FOLLOW_MAX; i++) {
		at = config_count(at) == 1 || has_siblings(dialect)
			     ? sources_follow_schema(sources, at)
			     : sources_follow(sources, at);
		if (!is_multi_format(at))
			break;
		if (!read_format(loader, at, &dialect)) {
			if (ret_opaque)
				*ret_opaque = true;
			return NULL;
		}
		at = config_member(at, "schema");
	}
	if (!at)
		return NULL;
	if (at->kind != CONFIG_OBJECT && at->kind != CONFIG_BOOLEAN) {
		(void)config_fail(loader->report, at, NULL, ERR_INVALID,
				  "expected a JSON Schema: an object, true or false");
		return NULL;
	}
	if (dialect != CONTRACT_UNSAID)
		add_mark(loader, at, dialect);
	return at;
}

const struct config *messages_schema(struct loader *loader, const struct config *at)
{
	bool is_opaque = false; /* then there is a warning */

	return at ? find_schema(loader, at, &is_opaque) : NULL;
}

/* ---- payloads ----------------------------------------------------------------------------- */

/* "contentType" of the message, or else the document's default. */
static void load_type(struct loader *loader, const struct config *at,
		      struct contract_message *message)
{
	const char *key = "contentType";

	if (!config_member(at, key)) {
		at = loader->doc->root;
		key = "defaultContentType";
	}
	if (!config_text(loader->report, at, key, LOADER_TEXT_MAX, &message->content_type))
		return;
	message->is_cloudevents = media_is_cloudevents(message->content_type);
	if (!media_format(message->content_type, &message->format))
		loader_warn(loader, at, key,
			    "is no media type, like application/json: payloads are read as JSON");
}

/* Says what can't be checked of the payload, which @schema describes. */
static void warn_of_payload(struct loader *loader, const struct config *at,
			    const struct config *schema, const struct contract_message *message)
{
	bool is_text = content_says_string(loader, schema);

	if (!message->content_type && is_text)
		loader_warn(loader, at, NULL,
			    "has no contentType, so JSON is assumed: a text without quotes is "
			    "refused; expected \"contentType\": \"text/plain\", or "
			    "\"application/json\"");
	else if (message->format == CONTRACT_OPAQUE ||
		 (message->format == CONTRACT_BINARY && !is_text))
		loader_warn(loader, config_member(at, "payload"), NULL,
			    "is held against everything but its schema: %s is not read",
			    message->content_type);
}

static void load_payload(struct loader *loader, const struct config *at,
			 struct contract_message *message)
{
	const struct config *payload = config_member(at, "payload"), *schema;
	bool is_opaque = false;

	message->has_payload = payload != NULL;
	if (!payload)
		return;
	schema = find_schema(loader, payload, &is_opaque);
	if (is_opaque)
		message->format = CONTRACT_OPAQUE;
	if (!schema)
		return;
	warn_of_payload(loader, at, schema, message);
	if (message->format != CONTRACT_JSON && message->format != CONTRACT_TEXT)
		return;
	loader->schema[message->index] = schema;
	message->schema_uri = messages_uri(loader, schema);
}

/* They stay where they are in a file, whatever was merged or translated. */
static const struct config *find_examples(const struct config *at)
{
	const struct config *examples = config_member(at, "examples");

	while (examples && examples->origin)
		examples = examples->origin;
	return examples && examples->kind == CONFIG_ARRAY ? examples : NULL;
}

static void load_message(struct loader *loader, const struct config *at,
			 struct contract_message *message)
{
	at = loader_follow(loader, at);
	if (!config_expect(loader->report, at, CONFIG_OBJECT))
		return;
	loader->message_at = at;
	at = traits_merge(loader, at);
	if (!at)
		return;
	message->examples = find_examples(at);
	load_type(loader, at, message);
	load_payload(loader, at, message);
	message_properties_load(loader, at, message);
}

/* The "messages" of a member of /channels, or NULL where there are none, or too many. */
static const struct config *messages_of(struct loader *loader, const struct loader_member *member)
{
	const struct config *messages = config_member(member->at, "messages");

	if (!config_expect(loader->report, messages, CONFIG_OBJECT) ||
	    !config_bound(loader->report, messages, 0, CONTRACT_MESSAGES_MAX, "messages"))
		return NULL;
	return messages;
}

/* The messages of all of the channel's members, to @message, which has room for them. */
static void load_channel(struct loader *loader, struct contract_channel *channel,
			 struct contract_message *message)
{
	channel->message = message;
	loader_foreach_member(member, loader, channel->index)
	{
		const struct config *messages = messages_of(loader, member);

		loader->doc = member->document;
		member->message = (unsigned)channel->message_count;
		if (channel->message_count + config_count(messages) > CONTRACT_MESSAGES_MAX) {
			(void)config_fail(loader->report, messages, NULL, ERR_LIMIT,
					  "more than %u messages on the topics of channel \"%s\"",
					  CONTRACT_MESSAGES_MAX, channel->name);
			return;
		}
		config_foreach_member(at, messages) {
			struct contract_message *its = &message[channel->message_count++];

			its->name = at->key;
			its->at = at;
			its->index = (unsigned)loader->contract->message_count++;
			load_message(loader, at, its);
			member->message_count++;
		}
	}
}

/* One schema may have two marks, which contradict each other. */
static int by_uri(const void *a, const void *b)
{
	const struct contract_mark *left = a, *right = b;
	int order = strcmp(left->uri, right->uri);

	return order ? order : (int)left->dialect - (int)right->dialect;
}

static const struct config *schemas_of(const struct loader_document *document)
{
	return config_member(config_member(document->root, "components"), "schemas");
}

void messages_load(struct loader *loader)
{
	struct contract *contract = loader->contract;
	struct contract_message *message;
	size_t all = 0, schemas = 0;

	for (size_t i = 0; i < loader->named_count; i++)
		loader_foreach_member(member, loader, i) all +=
			config_count(messages_of(loader, member));
	for (size_t i = 0; i < loader->document_count; i++)
		schemas += config_count(schemas_of(&loader->document[i]));
	message = loader_take(loader, all, sizeof(*message));
	loader->schema = arena_take(&loader->scratch, all, sizeof(*loader->schema));
	loader->mark_max = SCHEMAS_OF_MESSAGE * all + schemas;
	contract->mark = loader->mark =
		loader_take(loader, loader->mark_max, sizeof(*loader->mark));
	if (!message || !loader->schema || !loader->mark) {
		(void)config_nomem(loader->report);
		return;
	}
	for (size_t i = 0; i < loader->document_count; i++)
		config_foreach_member(at, schemas_of(&loader->document[i]))
			if (is_multi_format(at))
				(void)find_schema(loader, at, NULL);
	for (size_t i = 0; i < loader->named_count; i++)
		load_channel(loader, &loader->channel[i], &message[contract->message_count]);
	qsort(loader->mark, contract->mark_count, sizeof(*loader->mark), by_uri);
}
