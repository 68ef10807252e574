#include "broker/events_letter.h"

/* May its sender publish on the topic at all? The gate is asked once more, only about that. */
static bool may_publish(struct plugin *plugin, const struct feed_publish *publish)
{
	struct gate_request request = *publish->request;
	struct decision *decision = &plugin->filter; /* of another question: it is free now */

	request.is_asked_again = true;
	gate_decide(&plugin->gate,
		    events_publisher(plugin, publish->client, publish->session,
				     request.message.is_will),
		    &request, decision);
	return decision->verdict == VERDICT_ALLOW && !decision->is_observed;
}

/* What the decision alone says. */
static bool is_due(const struct gate_request *request, const struct decision *decision)
{
	return request->action == GATE_PUBLISH && !request->is_source &&
	       decision->verdict != VERDICT_ALLOW && decision->channel &&
	       decision->channel->dead_letter && deadletter_is_due(decision->reason);
}

bool events_letter(struct plugin *plugin, const struct feed_publish *publish,
		   const struct decision *decision, bool is_closed, struct letters_message *ret)
{
	if (is_closed || !is_due(publish->request, decision) || !may_publish(plugin, publish))
		return false;
	*ret = (struct letters_message){ .to = decision->channel->dead_letter,
					 .message = &publish->request->message,
					 .properties = plugin->pending.whole };
	ret->properties_len =
		properties_read_whole(plugin, publish->request->properties, plugin->pending.whole,
				      sizeof(plugin->pending.whole), &ret->is_cut);
	return !deadletter_is_one(ret->properties, ret->properties_len);
}

bool events_letter_waits(const struct plugin *plugin, const struct feed_publish *publish,
			 const struct decision *decision)
{
	const struct message *message = &publish->request->message;

	return !plugin->broker.has_quota_code && publish->session && !publish->session->is_gone &&
	       message->topic[0] != '$' &&
	       mosquitto_client_protocol_version(publish->client) == 5 &&
	       is_due(publish->request, decision);
}
