/*
 * reply_rules.c -- can the reply to a request reach its sender? A request names the topic of its
 * reply by MQTT 5's response topic, or where the operation's reply says: in a user property or in
 * the payload.
 */
#include <string.h>

#include "contract/topics.h"
#include "gate/judgement.h"

/* The topic that the request names, in *ret. False: it has none, or it is not shown (*open). */
static bool find_topic(const struct judgement *j, const struct contract_reply *reply,
		       struct property_text *ret, enum gate_open *open)
{
	static const struct message_properties none;
	const struct message_properties *shown = j->request->shown ? j->request->shown : &none;
	const struct payload_value *value =
		reply->pointer && j->payload ? message_rules_at(j->payload, reply->pointer) : NULL;
	size_t len = reply->header ? strlen(reply->header) : 0;

	*ret = shown->response_topic;
	*open = GATE_OPEN_NOTHING;
	if (ret->shown == PROPERTY_PRESENT)
		return true;
	for (size_t i = 0; reply->header && i < shown->user_count; i++) {
		const struct payload_pair *pair = &shown->user[i];

		if (pair->name_len != len || memcmp(pair->name, reply->header, len) != 0)
			continue;
		*ret = (struct property_text){ PROPERTY_PRESENT, pair->value, pair->value_len };
		return true;
	}
	if (ret->shown == PROPERTY_NOT_SHOWN)
		*open = reply->needs_topic && !value ? GATE_OPEN : GATE_OPEN_IF_PRESENT;
	return value && payload_string(value, &ret->text, &ret->len);
}

static bool is_listed(const struct contract_reply *reply, const struct contract_channel *channel)
{
	for (size_t i = 0; i < reply->channel_count; i++)
		if (reply->channel[i] == channel)
			return true;
	return reply->is_any;
}

bool reply_rules_check(struct judgement *j)
{
	const struct contract_reply *reply = j->operation->reply;
	struct contract_match match;
	struct property_text topic;
	enum gate_open open;
	bool has_topic = find_topic(j, reply, &topic, &open);

	if (open != GATE_OPEN_NOTHING && !property_rules_wait(j, open))
		return false;
	if (!has_topic)
		return open != GATE_OPEN_NOTHING || !reply->needs_topic ||
		       judgement_refuse(j, REASON_RESPONSE_TOPIC,
					"operation %s has a reply, and the request names no "
					"response topic",
					contract_operation_name(j->match->channel, j->operation));
	match = topics_match(j->gate->rules->contract->topics, topic.text, topic.len);
	if (!match.channel || !is_listed(reply, match.channel))
		return judgement_refuse(
			j, REASON_RESPONSE_TOPIC,
			"the response topic \"%.*s\" is of no channel for the reply "
			"of operation %s",
			topic.len > 80 ? 80 : (int)topic.len, topic.text,
			contract_operation_name(j->match->channel, j->operation));
	if (match.channel->receive_count > 0 && permission_receive(j, &match) != GATE_NONE)
		return true;
	return judgement_refuse(
		j, REASON_RESPONSE_TOPIC,
		"%s may not receive from channel %s, which its response topic is of",
		j->principal->name, match.channel->name);
}
