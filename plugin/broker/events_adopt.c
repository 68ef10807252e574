/*
 * events_adopt.c -- what the broker retained before the contract came, seen when it is delivered.
 *
 * No broker shows a plugin what it retains: not at its start, nor when asked. It asks for each
 * retained message that goes to a client which has just subscribed, with its payload. So a
 * subscription to all topics of a channel, by any client that may read them, shows all of them.
 * While the contract only observes the channel's transitions, an entity without a status gets the
 * one that its retained message says; one that has a status keeps it.
 *
 * What the journal has no room for is left to the next subscriber. The row of events has the flag
 * adopted and no publisher, since none is known.
 */
#include "base/clock.h"
#include "broker/events.h"

static bool is_observed(const struct plugin *plugin, const struct contract_channel *channel)
{
	return plugin->ledger && channel && channel->mapping && channel->mapping->transitions &&
	       gate_mode(&plugin->gate, channel, CONTRACT_TRANSITION) == CONTRACT_OBSERVE;
}

/* Is no status of the entity known? False, too, where that can't be found out now. */
static bool is_unknown(const struct plugin *plugin, const struct message *delivery)
{
	const struct contract_match match =
		topics_match(plugin->rules->contract->topics, delivery->topic, delivery->topic_len);
	const struct contract_mapping *mapping = match.channel->mapping;
	const struct contract_span *id = &match.param[mapping->param];
	struct ledger_state state;

	return ledger_look(plugin->ledger, mapping->entity->index, id->text, id->len, &state,
			   NULL) == 0 &&
	       state.status[mapping->slot][0] == '\0';
}

void events_adopt_stored(struct plugin *plugin, const struct message *delivery,
			 const struct decision *decision)
{
	struct decision *adopted = &plugin->deliveries.adopted;
	struct gate_request request = { .action = GATE_PUBLISH, .message = *delivery };

	if (!is_observed(plugin, decision->channel) || !is_unknown(plugin, delivery))
		return;
	request.message.is_retained = false; /* in the journal: the broker retains it already */
	if (!gate_adopt(&plugin->gate, &request, false, adopted))
		return;
	adopted->write.received_ms = feed_unix_ms(plugin->feed, clock_mono_ns());
	adopted->write.publisher = adopted->write.client_id = "";
	adopted->write.digest = events_digest(plugin, delivery);
	diag_ignore(ledger_commit(plugin->ledger, &adopted->write, NULL));
}
