/*
 * message_properties.c -- reads what a message says of its MQTT 5 properties: headers,
 * correlationId, contentType (AsyncAPI 3, Message Object) and the MQTT message binding 0.2.0.
 */
#include "contract/contract_internal.h"

#include <string.h>
#include <strings.h>

#include "base/jsonpointer.h"

#define HEADER "$message.header#"
#define PAYLOAD "$message.payload#"

/* ---- correlationId ----------------------------------------------------------------------- */

const char *message_properties_location(struct loader *loader, const struct config *owner,
					const char **header)
{
	const char *text = NULL;
	char token[JSONPOINTER_TOKEN_MAX];

	*header = NULL;
	if (!config_text(loader->report, owner, "location", LOADER_TEXT_MAX, &text))
		return NULL;
	if (strncmp(text, PAYLOAD, strlen(PAYLOAD)) == 0 && text[strlen(PAYLOAD)] == '/')
		return text + strlen(PAYLOAD);
	if (strncmp(text, HEADER, strlen(HEADER)) != 0 || text[strlen(HEADER)] != '/') {
		(void)config_fail(loader->report, owner, "location", ERR_INVALID,
				  "expected \"$message.header#/...\" or \"$message.payload#/...\"");
		return NULL;
	}
	text += strlen(HEADER);
	if (jsonpointer_next(&text, token, sizeof(token)) && *text == '\0')
		*header = arena_text(&loader->contract->arena, token, strlen(token));
	else
		loader_warn(loader, owner, "location",
			    "is not checked: a header of MQTT is a user property, which has no "
			    "members");
	return NULL;
}

/*
 * The specification says where the id is, not that it has to be there: where the schema of the
 * payload or of the headers has that member, its "required" decides. Else the id must be there.
 */
static void load_correlation(struct loader *loader, const struct config *message,
			     const struct config *payload, const struct config *headers,
			     struct contract_properties *ret)
{
	const struct config *at = loader_follow(loader, config_member(message, "correlationId"));
	const char *pointer, *header = NULL;

	if (!at)
		return;
	pointer = message_properties_location(loader, at, &header);
	if (pointer && !content_names(loader, payload, pointer))
		ret->correlation_pointer = pointer;
	if (header && !content_names(loader, headers,
				     config_string(config_member(at, "location")) + strlen(HEADER)))
		ret->correlation_header = header;
}

/* ---- content type and the binding -------------------------------------------------------- */

/* The media type @text without its parameters; NULL: there is none, or one that stands for many. */
static const char *plain_type(struct loader *loader, const char *text)
{
	if (!text || strchr(text, '*'))
		return NULL;
	text += strspn(text, " \t");
	return arena_text(&loader->contract->arena, text, strcspn(text, "; \t"));
}

static const char *load_schema_uri(struct loader *loader, const struct config *at)
{
	const struct config *schema = messages_schema(loader, at);

	return schema ? messages_uri(loader, schema) : NULL;
}

static void load_binding(struct loader *loader, const struct config *mqtt,
			 struct contract_properties *ret)
{
	const struct config *topic = config_member(mqtt, "responseTopic");
	const char *type = NULL;
	int64_t format;

	(void)config_text(loader->report, mqtt, "contentType", LOADER_TEXT_MAX, &type);
	type = plain_type(loader, type);
	if (type && ret->content_type && strcasecmp(type, ret->content_type) != 0)
		loader_warn(loader, mqtt, "contentType",
			    "is not the message's contentType, \"%s\": the binding's counts for "
			    "the property of MQTT 5",
			    ret->content_type);
	if (type)
		ret->content_type = type;
	if (config_integer(loader->report, mqtt, "payloadFormatIndicator", 0, 1, &format))
		ret->format = (int)format;
	ret->correlation_uri = load_schema_uri(loader, config_member(mqtt, "correlationData"));
	if (topic && topic->kind == CONFIG_STRING)
		(void)config_text(loader->report, topic, NULL, LOADER_TEXT_MAX,
				  &ret->response_topic);
	else
		ret->response_uri = load_schema_uri(loader, topic);
}

void message_properties_load(struct loader *loader, const struct config *at,
			     struct contract_message *message)
{
	const struct config *mqtt = operations_load_bindings(loader, at, LOADER_MESSAGE, NULL);
	const struct config *headers = config_member(at, "headers");
	struct contract_properties *ret;

	if (!headers && !mqtt && !message->content_type && !config_member(at, "correlationId"))
		return;
	ret = loader_take(loader, 1, sizeof(*ret));
	if (!ret)
		return;
	message->properties = ret;
	ret->format = -1;
	ret->content_type = plain_type(loader, message->content_type);
	headers = messages_schema(loader, headers);
	if (headers)
		ret->headers_uri = messages_uri(loader, headers);
	load_correlation(loader, at, loader->schema[message->index], headers, ret);
	load_binding(loader, mqtt, ret);
	if (message->is_cloudevents && !config_member(mqtt, "contentType"))
		ret->content_type = NULL; /* in binary mode it is that of the data */
}
