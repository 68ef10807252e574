/*
 * import_messages.c -- retained messages of a broker as entities.
 *
 * A line is what `mosquitto_sub -F %j` (or %J) prints: an object with "topic", "payload" (a text,
 * or the payload itself where it is JSON) and "retain"; other members do not count. Each message is
 * held against its channel, as if it were published, but for who may publish it and how.
 */
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "ctl/import.h"

/* Is it retained at all? Where the line does not say, it is. */
static bool is_retained(const json_t *line)
{
	const json_t *retain = json_object_get(line, "retain");

	return !retain || json_is_true(retain) || json_integer_value(retain) != 0;
}

/* The payload's bytes: the text, or @dumped, which is new then. NULL: there is none. */
static const char *payload_of(const json_t *line, char **dumped, size_t *len)
{
	const json_t *payload = json_object_get(line, "payload");

	*len = json_string_length(payload);
	if (json_is_string(payload))
		return json_string_value(payload);
	*dumped = payload ? json_dumps(payload, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	*len = *dumped ? strlen(*dumped) : 0;
	return *dumped;
}

static void fault_message(struct import *import, const char *topic, size_t topic_len,
			  const struct decision *decision)
{
	char shown[128];

	import_fault(import, "%s: %s%s%s%s%s", diag_name(shown, sizeof(shown), topic, topic_len),
		     reason_code(decision->reason), decision->error.instance[0] ? ": " : "",
		     decision->error.instance, decision->error.message[0] ? ": " : "",
		     decision->error.message);
}

static int put_message(struct import *import, const struct message *message)
{
	struct gate_request request = { .action = GATE_PUBLISH, .message = *message };
	struct decision decision;
	struct import_row row;

	if (!gate_adopt(&import->gate, &request, true, &decision)) {
		if (decision.channel && decision.channel->mapping)
			fault_message(import, message->topic, message->topic_len, &decision);
		else
			import->passed_over++;
		return 0;
	}
	row.entity = decision.channel->mapping->entity;
	row.slot = decision.channel->mapping->transitions ? decision.channel->mapping->slot
							  : IMPORT_ANY_SLOT;
	row.write = decision.write;
	row.write.publisher = row.write.client_id = "";
	row.write.digest = message_digest(message, adoption_seed(import->adoption));
	return import_put(import, &row);
}

/* Is it a message about the table that was named? */
static bool is_wanted(const struct import *import, const char *topic, size_t len)
{
	const struct contract_channel *channel =
		topics_match(import->rules->contract->topics, topic, len).channel;

	return channel && channel->mapping &&
	       (!import->entity || channel->mapping->entity == import->entity);
}

static int put_line(struct import *import, json_t *line)
{
	const json_t *topic = json_object_get(line, "topic");
	struct message message = { .topic = json_string_value(topic),
				   .topic_len = json_string_length(topic) };
	char *dumped = NULL;
	int rc = 0;

	if (!message.topic) {
		import_fault(import, "expected a member \"topic\", a text");
		return 0;
	}
	if (!is_retained(line) || !is_wanted(import, message.topic, message.topic_len)) {
		import->passed_over++;
		return 0;
	}
	message.payload = payload_of(line, &dumped, &message.payload_len);
	if (message.payload_len == 0)
		import->passed_over++; /* it was cleared */
	else
		rc = put_message(import, &message);
	free(dumped);
	return rc;
}

int import_messages(struct import *import)
{
	return import_each_object(import, put_line);
}
