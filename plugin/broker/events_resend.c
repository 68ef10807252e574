/*
 * events_resend.c -- see "Messages that are sent again" in ARCHITECTURE.md.
 *
 * A client that lost its connection sends unacknowledged messages again, byte for byte; the broker
 * shows plugins neither DUP nor the packet id. A message counts as a resend if all of this holds:
 * it has QoS 1 or 2; it would be refused because of its entity's current status; and the same
 * principal, under the same client id, had the same bytes accepted before this connection began. A
 * message that is a legal step now is a new message.
 *
 * If the contract only observes, a resend passes as it is, and its status is not adopted.
 *
 * Else a resend is acknowledged as it was then, and writes nothing. It is older than the current
 * message. At QoS 1 the current message is delivered in its place. Its deliveries are refused if
 * the current message's bytes are not in memory, if the resend has MQTT 5 properties (they would be
 * delivered with the other message's payload), and beyond SESSION_RESENDS of a connection (the
 * current message may be much larger than the resend). At QoS 2 it is delivered at PUBREL if
 * releases.h allows it; if that does not remember it, only if it is the entity's last message. A
 * resend is never retained.
 *
 * To brokers of the same database nothing of this is news: they are told so (peers_say_again()),
 * and nothing of it is written there as another site's.
 */
#include "broker/events.h"

#include <string.h>

/* Is it of a client that may have sent it before? */
static bool may_be_resent(const struct plugin *plugin, const struct session *session,
			  const struct gate_request *request)
{
	return plugin->ledger && session && !session->is_gone && session->state == SESSION_VALID &&
	       request->message.qos > 0 && !request->message.is_will;
}

/* As ledger_was_accepted(). */
static int was_accepted(struct plugin *plugin, struct session *session,
			const struct gate_request *request, uint64_t digest, struct diag *diag)
{
	struct ledger_resend_query sent;
	bool may_read;

	sent = (struct ledger_resend_query){ .digest = digest,
					     .sender = session->sender,
					     .topic = request->message.topic,
					     .topic_len = request->message.topic_len,
					     .publisher = session->name,
					     .client_id = session->client_id,
					     .until_seq = session->since_seq,
					     .until_step = session->since_step };
	/*
	 * A client resends at once what was in flight, so a session needs few reads; the limit
	 * keeps a client from making us read without end.
	 */
	may_read = session->resends_asked < SESSION_RESENDS;
	session->resends_asked += may_read;
	return ledger_was_accepted(plugin->ledger, &sent, may_read, diag);
}

/*
 * What is only observed is let pass as it is, also a resend: but what the entity was when it was
 * sent first is not what it is now. So nothing is adopted from it, nor from what may be one.
 */
static void adopt_nothing(struct decision *decision)
{
	struct ledger_write *write = &decision->write;

	decision->is_adopted = decision->has_write = false;
	decision->has_retained = write->message.is_retained;
	write->entity = ENTITY_NONE;
	write->owner = NULL;
	write->value_count = 0;
	write->is_adopted = write->is_power = false;
	write->is_unrecorded = true;
}

bool events_resend(struct plugin *plugin, struct session *session,
		   const struct gate_request *request, uint64_t digest, struct decision *decision)
{
	struct diag diag;
	int rc;

	if (!may_be_resent(plugin, session, request) ||
	    (!decision->is_adopted && decision->reason != REASON_TRANSITION_ILLEGAL &&
	     decision->reason != REASON_STEP_SCOPE))
		return false;
	diag_init(&diag);
	rc = was_accepted(plugin, session, request, digest, &diag);
	if (decision->is_adopted) {
		if (rc != 0)
			adopt_nothing(decision);
		return false;
	}
	if (rc < 0)
		gate_refuse(decision, REASON_STORE_UNAVAILABLE, diag.text); /* it may be one */
	if (rc <= 0)
		return false;
	decision->verdict = VERDICT_ALLOW;
	decision->reason = REASON_NONE;
	decision->is_observed = decision->has_write = decision->is_correction = false;
	decision->current_status[0] = '\0';
	return true;
}

/* The current message, found in the database, as the broker frees it. */
struct replacement {
	struct plugin *plugin;
	struct gate_request request;
	void *copy; /* NULL: it does not say the current status, or memory ran out */
};

static void take_newest(const struct ledger_retained *row, void *ctx)
{
	const void *payload = row->message.payload;
	size_t len = row->message.payload_len;
	struct replacement *newest = ctx;

	newest->request.message.payload = len ? payload : NULL;
	newest->request.message.payload_len = len;
	if (len == 0 || !gate_is_current(&newest->plugin->gate, &newest->request))
		return;
	newest->copy = mosquitto_malloc(len + 1); /* the broker ends payloads so */
	if (!newest->copy)
		return;
	memcpy(newest->copy, payload, len);
	((char *)newest->copy)[len] = '\0';
}

/* May the current message go out in the place of a resend? */
static bool may_replace(const struct plugin *plugin, const struct mosquitto_evt_message *event)
{
	const struct session *session = sessions_find(plugin->sessions, event->client);

	return !event->properties && session && session->resends_asked < SESSION_RESENDS;
}

/*
 * What goes out at PUBREL is looked at by its status, and by what releases.h knows: neither knows
 * an older message that said the current status by itself. The resend may be known to neither:
 * it had QoS 1 the first time, or the broker was restarted.
 */
static void hold_back(struct plugin *plugin, const struct mosquitto *client,
		      const struct gate_request *request)
{
	const struct session *session = sessions_find(plugin->sessions, client);
	uint64_t key =
		gate_entity_key(&plugin->gate, &request->message, releases_seed(plugin->releases));
	struct events_comparison last = { .message = &request->message };

	if (key == 0 || !session)
		return;
	if (session->resends_asked < SESSION_RESENDS)
		diag_ignore(ledger_event_find(plugin->ledger, request->message.topic,
					      request->message.topic_len, events_compare, &last,
					      NULL));
	if (!last.is_same)
		releases_resent(plugin->releases, key, session->name, &request->message);
}

void events_resend_hand_out(struct plugin *plugin, struct mosquitto_evt_message *event,
			    const struct gate_request *request)
{
	struct replacement newest = { .plugin = plugin, .request = *request };

	plugin->pending.decision.payload = NULL; /* the parser's, which reads another now */
	event->retain = false;
	if (request->message.qos == 2) {
		hold_back(plugin, event->client, request);
		peers_say_again(plugin, &event->properties);
		return;
	}
	if (may_replace(plugin, event))
		diag_ignore(ledger_event_find(plugin->ledger, request->message.topic,
					      request->message.topic_len, take_newest, &newest,
					      NULL));
	if (newest.copy) {
		event->payload = newest.copy; /* the broker frees the other */
		event->payloadlen = (uint32_t)newest.request.message.payload_len;
	} else {
		plugin->deliveries.withheld = event->payload;
	}
	/* Also of what is withheld: a bridge of this broker's own is not asked whether it may read.
	 */
	peers_say_again(plugin, &event->properties);
}
