/*
 * events_release.c -- QoS 2 messages that are delivered after newer ones: see releases.h.
 *
 * The broker raises ACL_CHECK READ for a QoS 2 message in four cases, which the event does not
 * distinguish:
 *
 *     released             at PUBREL: refused if a newer message was delivered before
 *     published at once    a last will, or a message of the plugin's: has the current status
 *     retained             at SUBSCRIBE, in the same call as the filter's ACL_CHECK: if it has not
 *                          the current status, the current message is delivered in its place
 *     queued               at CONNECT, in the same call as the login: it was delivered to the
 *                          session before, and is allowed again
 *
 * A message that releases.h does not remember may have been released very late, or after a restart.
 * The current status is not enough then: it must be the entity's last message, or, if it is
 * retained, what the database retains.
 */
#include "broker/events.h"

#include <inttypes.h>

#include "base/clock.h"

#define LATE_NS INT64_C(1000000000)

/* It takes a legal step, whatever else of it was observed. */
static bool is_step_taken(const struct decision *decision)
{
	const uint32_t step = 1u << GATE_STEP_TRANSITION;

	return (decision->asked & step) && !(decision->failed & step);
}

void events_release_accepted(struct plugin *plugin, struct session *session,
			     const struct message *message, const struct decision *decision)
{
	const char *principal = session ? session->name : "";
	struct message at_once;
	uint64_t key;

	if (message->qos < 2 && !releases_is_active(plugin->releases))
		return;
	key = gate_entity_key(&plugin->gate, message, releases_seed(plugin->releases));
	if (key == 0 || (decision->is_observed && !is_step_taken(decision)))
		return;
	if (!message->is_will) {
		releases_accepted(plugin->releases, key, principal, message);
		if (session && message->qos == 2) {
			releases_hold(plugin->releases, key, session->handle, message,
				      plugin->ledger ? ledger_last(plugin->ledger) : 0);
			session->has_held = true;
		}
		return;
	}
	at_once = *message;
	at_once.qos = 1; /* no PUBREL has to release it */
	releases_accepted(plugin->releases, key, principal, &at_once);
}

/* @reader: who is to get the current one in its place, or NULL. */
static void note_late(struct plugin *plugin, const struct message *message,
		      const struct mosquitto *reader)
{
	if (plugin->deliveries.late++ == 0)
		plugin->deliveries.late_ns = clock_mono_ns();
	diag_name(plugin->deliveries.late_topic, sizeof(plugin->deliveries.late_topic),
		  message->topic, message->topic_len);
	if (message->is_retained)
		events_retained_owe(plugin, message, reader);
}

/* Is the message on the topic what the database retains? True, too, where that is not known. */
static bool is_retained_so(const struct plugin *plugin, const struct message *delivery)
{
	bool is_same;

	return events_retained_compare(plugin, delivery, &is_same) != 1 || is_same;
}

/* A message of which nothing is known, and which says the current status: in these words? */
__attribute__((cold, noinline)) static bool may_unknown(struct plugin *plugin,
							const struct gate_request *delivery,
							const struct decision *decision,
							bool is_stored)
{
	if (!plugin->ledger || !(decision->asked & 1u << GATE_STEP_TRANSITION))
		return true; /* no status is known */
	if (delivery->message.payload_len == 0)
		return is_retained_so(plugin, &delivery->message); /* it says nothing but that */
	return gate_is_last(&plugin->gate, delivery) ||
	       (is_stored && is_retained_so(plugin, &delivery->message));
}

/* It says the current status. */
static bool may_current(struct plugin *plugin, const struct gate_request *delivery,
			const struct decision *decision, bool is_stored, uint64_t key)
{
	switch (releases_hand_out(plugin->releases, key, &delivery->message)) {
	case RELEASES_GO:
		return true;
	case RELEASES_UNKNOWN:
		return may_unknown(plugin, delivery, decision, is_stored);
	case RELEASES_LATE:
		break;
	}
	return is_stored && releases_is_replaced(plugin->releases, key, &delivery->message);
}

void events_release_delivery(struct plugin *plugin, const struct mosquitto *client,
			     const struct gate_request *request, struct decision *decision)
{
	bool is_stored = request->message.is_retained && plugin->deliveries.subscribing == client;
	bool may_go;
	uint64_t key;

	if (decision->verdict != VERDICT_ALLOW && decision->reason != REASON_OVERTAKEN)
		return;
	key = gate_entity_key(&plugin->gate, &request->message, releases_seed(plugin->releases));
	if (key == 0)
		return;
	if (plugin->arrival.handle == client)
		may_go = true;
	else if (decision->verdict != VERDICT_ALLOW)
		may_go = !is_stored && releases_in_order(plugin->releases, key, &request->message);
	else
		may_go = may_current(plugin, request, decision, is_stored, key);
	if (!may_go)
		note_late(plugin, &request->message, is_stored ? client : NULL);
	decision->verdict = may_go ? VERDICT_ALLOW : VERDICT_DENY;
	decision->reason = may_go ? REASON_NONE : REASON_OVERTAKEN;
	if (may_go && plugin->arrival.handle != client)
		plugin->deliveries.settled = request->message.payload;
}

/*
 * What another broker of the database said in the same bytes overtook this broker's own, which is
 * what has to be retained all the same.
 */
void events_release_stands(struct plugin *plugin, const struct message *message)
{
	uint64_t key;

	if (message->qos < 2 || !releases_is_active(plugin->releases))
		return;
	key = gate_entity_key(&plugin->gate, message, releases_seed(plugin->releases));
	if (key != 0)
		releases_stand(plugin->releases, key, message);
}

void events_release_left(struct plugin *plugin, const struct session *session)
{
	if (session->has_held)
		releases_left(plugin->releases, session->handle, clock_mono_ns());
}

struct unreleased {
	struct plugin *plugin;
	uint64_t key;
};

/* The newest event of a topic: what its publisher did not release, or something else. */
static void publish_unreleased(const struct ledger_retained *row, void *ctx)
{
	struct unreleased *unreleased = ctx;
	struct plugin *plugin = unreleased->plugin;
	if (releases_replace(plugin->releases, unreleased->key, &row->message) &&
	    repairs_publish_for_all(plugin->repairs, &row->message, ledger_last(plugin->ledger)))
		(void)events_publish_retained(plugin, &row->message, NULL, 0); /* else no memory */
}

/* What was accepted and never released by a publisher that is gone is published in its place. */
static void publish_all_unreleased(struct plugin *plugin)
{
	int64_t before_ns = clock_mono_ns() - plugin->options.release_wait * INT64_C(1000000000);
	struct unreleased unreleased = { .plugin = plugin };
	struct releases_unreleased next;

	while (plugin->ledger && releases_unreleased(plugin->releases, before_ns, &next)) {
		if (!repairs_is_active(plugin->repairs)) /* else it was in this tick already */
			repairs_round(plugin->repairs, ledger_last(plugin->ledger),
				      clock_mono_ns());
		unreleased.key = next.key;
		if (repairs_budget(plugin->repairs) == 0 ||
		    ledger_arrived(plugin->ledger) < next.seq ||
		    ledger_event_find(plugin->ledger, next.topic, next.len, publish_unreleased,
				      &unreleased, NULL) < 0)
			return; /* again in the next tick */
		/* Where the channel keeps no events it is given up. */
		(void)releases_replace(plugin->releases, unreleased.key, NULL);
	}
}

void events_release_tick(struct plugin *plugin)
{
	plugin->deliveries.settled = plugin->deliveries.withheld = NULL;
	plugin->deliveries.subscribing = NULL;
	publish_all_unreleased(plugin);
	/* Not before what they left retained was repaired, where that does not take long. */
	if (plugin->deliveries.late == 0 ||
	    (repairs_waiting(plugin->repairs) > 0 &&
	     clock_mono_ns() - plugin->deliveries.late_ns < LATE_NS))
		return;
	broker_log(BROKER_NOTICE,
		   "%" PRIu64 " deliveries were refused of messages that were released after newer "
		   "ones; the last on %s",
		   plugin->deliveries.late, plugin->deliveries.late_topic);
	plugin->deliveries.late = 0;
}
