#include "broker/letters.h"

#include <stdlib.h>
#include <string.h>

#include "base/property_id.h"

#define TEXT_MAX 65535u /* bytes of a text in MQTT */

void letters_init(struct letters *ret, const struct broker *broker)
{
	memset(ret, 0, sizeof(*ret));
	ret->broker = broker;
}

static uint64_t bytes_of(const struct contract_channel *channel)
{
	uint64_t least = 4 * (uint64_t)channel->payload_max;

	if (channel->limits->bytes_per_second > 0)
		return channel->limits->bytes_per_second;
	return least > LETTERS_BYTES_PER_SECOND ? least : LETTERS_BYTES_PER_SECOND;
}

static uint64_t number_of(const struct contract_channel *channel)
{
	uint32_t number = channel->limits->messages_per_second;

	return number > 0 ? number : LETTERS_PER_SECOND;
}

void letters_use(struct letters *letters, const struct contract *contract)
{
	letters_log(letters);
	letters->count = contract->dead_letter_count;
	for (size_t i = 0; i < letters->count; i++) {
		const struct contract_channel *channel = contract->dead_letter[i];

		(void)diag_name(letters->room[i].name, sizeof(letters->room[i].name),
				channel->address, strlen(channel->address));
		letters->room[i].payload_max = channel->payload_max;
		portions_init(&letters->room[i].number, number_of(channel));
		portions_init(&letters->room[i].bytes, bytes_of(channel));
	}
}

bool letters_may(struct letters *letters, const struct letters_message *message,
		 const struct who *who, int64_t second)
{
	return message->to->index < letters->count &&
	       portions_take(&letters->room[message->to->index].number, who, 1, second);
}

/* ---- its properties ------------------------------------------------------------------------ */

/* What is longer than a text of MQTT can't be sent. */
static bool add_pair(const struct broker_properties *api, struct mqtt5__property **list,
		     const char *name, const char *value)
{
	return strlen(value) <= TEXT_MAX && api->add_pair(list, PROPERTY_ID_USER, name, value) == 0;
}

/* The property as the client gave it. @room: NUL-terminated copies of its texts go there. */
static bool add_own(const struct broker_properties *api, struct mqtt5__property **list,
		    const struct deadletter_property *property, char *room)
{
	char *value = room + property->name_len + 1;

	if (deadletter_is_ours(property))
		return true;
	if (property->id == PROPERTY_ID_PAYLOAD_FORMAT)
		return api->add_byte(list, PROPERTY_ID_PAYLOAD_FORMAT, (uint8_t)property->byte) ==
		       0;
	if (property->id == PROPERTY_ID_CORRELATION_DATA)
		return api->add_binary(list, PROPERTY_ID_CORRELATION_DATA, property->value,
				       (uint16_t)property->value_len) == 0;
	memcpy(room, property->name, property->name_len);
	room[property->name_len] = '\0';
	memcpy(value, property->value, property->value_len);
	value[property->value_len] = '\0';
	if (property->id == PROPERTY_ID_USER)
		return api->add_pair(list, PROPERTY_ID_USER, room, value) == 0;
	return api->add_text(list, (int)property->id, value) == 0;
}

/* All of the message's own. False: the broker does not take one of them now that it took before. */
static bool add_all(const struct broker_properties *api, struct mqtt5__property **list,
		    const struct deadletter *letter, char *room)
{
	const unsigned char *at = letter->properties;
	const unsigned char *end = at ? at + letter->properties_len : at;
	struct deadletter_property property;
	bool is_whole = true;

	while (at && deadletter_next(&at, end, &property))
		is_whole = add_own(api, list, &property, room) && is_whole;
	return is_whole;
}

/*
 * NULL: memory ran out, or the broker makes none. Only the first pair, the id, has to be there: no
 * text that a client chose may keep its message away.
 */
static struct mqtt5__property *make_list(const struct broker_properties *api,
					 const struct deadletter *letter, bool is_envelope)
{
	char *room = malloc(2 * (TEXT_MAX + 1)); /* of a pair */
	struct deadletter_pairs pairs;
	struct mqtt5__property *list = NULL;

	deadletter_pairs(letter, &pairs);
	if (!room || !api->is_there ||
	    !add_pair(api, &list, pairs.pair[0].name, pairs.pair[0].value)) {
		free(room);
		return NULL;
	}
	for (size_t i = 1; i < pairs.count; i++)
		(void)add_pair(api, &list, pairs.pair[i].name, pairs.pair[i].value);
	if (is_envelope)
		(void)api->add_text(&list, PROPERTY_ID_CONTENT_TYPE, "application/json");
	else if (!add_all(api, &list, letter, room))
		(void)add_pair(api, &list, DEADLETTER_PREFIX "cut", "properties");
	free(room);
	return list;
}

/* ---- sending ------------------------------------------------------------------------------- */

/* False: held back. */
static bool may_be(struct letters *letters, const struct letters_message *message,
		   const struct who *who, size_t payload_len, size_t more, int64_t second)
{
	unsigned i = message->to->index;

	if (payload_len > letters->room[i].payload_max) {
		portions_lose(&letters->room[i].number, 1);
		return false;
	}
	return portions_take(&letters->room[i].bytes, who, more, second);
}

static bool publish(struct letters *letters, const struct letters_message *message,
		    const struct deadletter *letter, const void *payload, size_t len)
{
	const struct message out = { .topic = message->to->topic,
				     .topic_len = strlen(message->to->topic),
				     .payload = payload,
				     .payload_len = len,
				     .qos = 1 };
	struct mqtt5__property *list =
		make_list(&letters->broker->properties, letter, message->to->is_envelope);

	/* Without a word of why it is there it could be taken for what it is not. */
	return (list || message->to->is_envelope) &&
	       broker_publish_take(letters->broker, NULL, &out, list);
}

bool letters_send(struct letters *letters, const struct letters_message *message,
		  const struct refusal *refusal, size_t problem_len, int64_t second)
{
	const struct deadletter letter = { .refusal = refusal,
					   .message = message->message,
					   .problem = letters->problem,
					   .problem_len = problem_len,
					   .properties = message->properties,
					   .properties_len = message->properties_len,
					   .is_cut = message->is_cut };
	size_t plain = message->message->payload_len, len;
	size_t all = plain + problem_len + message->properties_len + message->message->topic_len;
	char *text;
	bool is_sent;

	/* Before it is looked at: a flood of large ones costs little. */
	if (!may_be(letters, message, &refusal->who, plain, all + 1, second))
		return false;
	if (!message->to->is_envelope)
		return publish(letters, message, &letter, message->message->payload, plain);
	len = deadletter_print(&letter, NULL, 0);
	if (!may_be(letters, message, &refusal->who, len, len - plain, second))
		return false;
	text = malloc(len);
	if (!text)
		return false;
	(void)deadletter_print(&letter, text, len);
	is_sent = publish(letters, message, &letter, text, len);
	free(text);
	return is_sent;
}

/* ---- what was held back -------------------------------------------------------------------- */

static void log_held(const char *name, struct portions *portions, const char *why)
{
	struct portions_held held;
	char text[PORTIONS_TEXT_MAX];

	if (portions_held(portions, &held))
		broker_log(BROKER_NOTICE, "%llu dead letters were not sent to %s, %s: %s",
			   (unsigned long long)held.count, name, why, portions_print(&held, text));
}

void letters_log(struct letters *letters)
{
	for (size_t i = 0; i < letters->count; i++) {
		log_held(letters->room[i].name, &letters->room[i].number,
			 "being too many or too large");
		log_held(letters->room[i].name, &letters->room[i].bytes, "being too many bytes");
	}
}
