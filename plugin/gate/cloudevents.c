/*
 * cloudevents.c -- CloudEvents in MQTT's binary mode, where the payload is the data and the
 * attributes are user properties: they are held against the schema of the event in structured mode.
 */
#include <stdio.h>

#include "contract/media.h"
#include "gate/kinds.h"

#define TYPE_BYTES 256 /* of a content type that is looked at */

bool cloudevents_is_binary(const struct judgement *j, const struct contract_message *message,
			   enum contract_format *ret)
{
	const struct property_text *shown =
		j->request->shown ? &j->request->shown->content_type : NULL;
	char type[TYPE_BYTES];

	if (!message->is_cloudevents || !shown || shown->shown != PROPERTY_PRESENT)
		return false;
	(void)snprintf(type, sizeof(type), "%.*s",
		       shown->len < sizeof(type) ? (int)shown->len : (int)sizeof(type) - 1,
		       shown->text);
	if (media_is_cloudevents(type))
		return false;
	if (!media_format(type, ret))
		*ret = CONTRACT_BINARY;
	return true;
}

const struct payload_value *cloudevents_view(const struct judgement *j,
					     const struct contract_message *message,
					     enum contract_format format,
					     struct payload_error *error)
{
	const struct message_properties *shown = j->request->shown;
	const struct message *text = &j->request->message;
	const struct payload_event event = {
		.pairs = shown->user,
		.count = shown->user_count,
		.type = shown->content_type.text,
		.type_len = shown->content_type.len,
		.data = format == CONTRACT_JSON || format == CONTRACT_TEXT ? text->payload : NULL,
		.data_len = text->payload_len,
		.is_json = format == CONTRACT_JSON,
	};

	if (!shown->is_cut)
		return payload_event(j->gate->event_parser, &event, kinds_schema(j, message),
				     error);
	*error = (struct payload_error){ .fault = PAYLOAD_TOO_LARGE };
	(void)snprintf(error->text, sizeof(error->text), "more than %u user properties",
		       PAYLOAD_MAX_PAIRS);
	return NULL;
}
