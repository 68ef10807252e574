/*
 * events_publish.c -- the life of a PUBLISH.
 *
 * ACL_CHECK calls gate_decide(), and refuses or allows. MESSAGE follows for the same message and
 * commits the write that the decision implies; only then does the broker acknowledge. ACL_CHECK
 * also allows what MESSAGE can refuse with a better answer (broker_answer()). A last will has no
 * MESSAGE: see events_will.c.
 */
#include <string.h>

#include "base/clock.h"
#include "broker/events.h"
#include "broker/events_letter.h"

/* Not inlined: the four copies would be twenty cache lines of code. */
uint64_t events_digest(const struct plugin *plugin, const struct message *message)
{
	return message_digest(message, plugin->ledger ? ledger_seed(plugin->ledger) : 0);
}

const struct access_principal *events_actor(struct plugin *plugin, const struct mosquitto *client,
					    struct session *session)
{
	const struct access_principal *principal = events_principal(plugin, client, session);

	return session && (session->state != SESSION_VALID || session->is_gone) ? NULL : principal;
}

const struct access_principal *events_publisher(struct plugin *plugin,
						const struct mosquitto *client,
						struct session *session, bool is_will)
{
	if (!session && !broker_is_source(client))
		return NULL; /* not let in by us, or forgotten since */
	return is_will ? events_principal(plugin, client, session)
		       : events_actor(plugin, client, session);
}

/* ---- what an accepted one implies ---------------------------------------------------------- */

void events_charge(struct plugin *plugin, struct feed_publish *publish, struct decision *decision)
{
	if (decision->is_taken_over)
		return; /* of many clients, which another broker let publish */
	feed_charge(plugin->feed, publish,
		    gate_mode(&plugin->gate, decision->channel, CONTRACT_LIMITS), decision);
}

/* Those of a retained message stay with it. */
__attribute__((cold, noinline)) static void add_properties(struct plugin *plugin,
							   const struct gate_request *request,
							   struct ledger_write *write)
{
	unsigned char *bytes = plugin->pending.properties;

	write->properties = bytes;
	write->properties_len = properties_read(plugin, request->properties, bytes,
						sizeof(plugin->pending.properties));
}

/* The decision says what is written, but for what the event shows of who published it when. */
static inline __attribute__((always_inline)) int commit(struct plugin *plugin,
							const struct feed_publish *publish,
							struct decision *decision, uint64_t digest,
							struct diag *diag)
{
	const struct session *session = publish->session;
	const struct gate_request *request = publish->request;

	decision->write.received_ms = feed_unix_ms(plugin->feed, publish->now_ns);
	decision->write.publisher = session ? session->name : broker_who(publish->client).principal;
	decision->write.client_id = request->client_id ? request->client_id : "";
	decision->write.digest = digest;
	if (request->properties && request->message.is_retained)
		add_properties(plugin, request, &decision->write);
	decision->write.sender = session && request->message.qos > 0 && !request->message.is_will
					 ? session->sender
					 : 0;
	return ledger_commit(plugin->ledger, &decision->write, diag);
}

/* Another broker was first, or its outcome is unknown, or it can't be kept. True: it is kept. */
__attribute__((cold, noinline)) static bool commit_again(struct plugin *plugin,
							 const struct feed_publish *publish,
							 struct decision *decision, uint64_t digest,
							 int rc, struct diag *diag)
{
	if (rc == ERR_STALE) {
		if (!events_decide_anew(plugin, publish, decision, digest))
			return false;
		if (!decision->has_write && !decision->has_retained)
			return true;
		rc = commit(plugin, publish, decision, digest, diag);
		if (rc == 0)
			return true;
	}
	if (rc == ERR_DOUBT)
		events_doubt(plugin, publish, diag->text);
	gate_refuse(decision, REASON_STORE_UNAVAILABLE, diag->text);
	return false;
}

bool events_commit(struct plugin *plugin, const struct feed_publish *publish,
		   struct decision *decision, uint64_t digest)
{
	struct diag diag;
	int rc;

	if (!(decision->has_write || decision->has_retained) || !plugin->ledger)
		return true;
	if (!publish->request->message.is_will) /* for which nobody waits */
		ledger_wait(plugin->ledger);
	diag_init(&diag);
	rc = commit(plugin, publish, decision, digest, &diag);
	if (rc && !commit_again(plugin, publish, decision, digest, rc, &diag))
		return false;
	if (decision->is_correction)
		notify_correction(&plugin->notify, &decision->write, decision->current_status);
	return true;
}

/* An entity's status was said again: nothing was written, but it was accepted. */
__attribute__((cold, noinline)) static void
remember_repeat(struct plugin *plugin, const struct feed_publish *publish, uint64_t digest)
{
	if (plugin->ledger && publish->session && publish->request->message.qos > 0)
		ledger_remember(plugin->ledger, publish->session->sender, digest);
}

void events_accepted(struct plugin *plugin, const struct feed_publish *publish,
		     const struct decision *decision, uint64_t digest)
{
	const struct message *message = &publish->request->message;

	events_retained_note(plugin, message);
	if (decision->channel && decision->channel->mapping) {
		events_release_accepted(plugin, publish->session, message, decision);
		if (!decision->has_write && !message->is_will)
			remember_repeat(plugin, publish, digest);
	}
	if (message->payload_len == 0 && message->is_retained)
		notify_cleared(&plugin->notify, publish->client,
			       publish->session ? publish->session->name : NULL, message);
}

/* ---- what follows a refusal ---------------------------------------------------------------- */

/* It counts as a pattern, too. */
__attribute__((cold, noinline)) static void report_refusal(struct plugin *plugin,
							   const struct feed_publish *publish,
							   const struct decision *decision,
							   bool is_closed)
{
	const struct session *session = publish->session;
	struct letters_message letter;
	struct notify_refused refused = { .client = publish->client,
					  .principal = session ? session->name : NULL,
					  .request = publish->request,
					  .decision = decision,
					  .is_closed = is_closed };

	feed_refused(plugin->feed, publish, decision);
	if (events_letter(plugin, publish, decision, is_closed, &letter))
		refused.letter = &letter;
	notify_decision(&plugin->notify, &refused);
}

int events_answer(struct plugin *plugin, const struct feed_publish *publish,
		  const struct decision *decision, int64_t took_ns)
{
	feed_decided(plugin->feed, publish->request, decision, took_ns);
	if (decision->verdict != VERDICT_ALLOW || decision->is_observed)
		report_refusal(plugin, publish, decision, false);
	return decision->verdict == VERDICT_ALLOW ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}

/* Who waits for an acknowledgement of a publish; a command has no MESSAGE that could give another.
 */
static enum broker_publisher who_waits(const struct feed_publish *publish)
{
	const struct message *message = &publish->request->message;

	if (message->is_will || message->topic[0] == '$')
		return BROKER_OF_NOBODY;
	if (publish->session)
		return publish->session->is_gone ? BROKER_OF_NOBODY : BROKER_OF_CLIENT;
	return broker_is_bridge(publish->client) ? BROKER_OF_BRIDGE : BROKER_OF_NOBODY;
}

/* Was it refused because the proof ran out, a moment before the tick disconnects it? */
static bool is_expired(const struct session *session, const struct decision *decision)
{
	return session && session->state == SESSION_EXPIRED &&
	       decision->reason == REASON_IDENTITY_UNKNOWN;
}

/* How the publisher is to hear of what was refused. */
__attribute__((cold, noinline)) static enum broker_answer
how_to_refuse(const struct plugin *plugin, const struct feed_publish *publish,
	      const struct decision *decision)
{
	const struct broker_refused refused = {
		.publisher = who_waits(publish),
		.version = mosquitto_client_protocol_version(publish->client),
		.qos = publish->request->message.qos,
		.reason = decision->reason,
		.is_expired = is_expired(publish->session, decision),
		.is_peer = decision->is_peer
	};

	return broker_answer(&plugin->broker, &refused);
}

/* Reports a refused MESSAGE, and returns the answer for the broker. */
__attribute__((cold, noinline)) static int refuse_message(struct plugin *plugin,
							  const struct feed_publish *publish,
							  const struct decision *decision,
							  struct mosquitto_evt_message *event)
{
	const struct session *session = publish->session;
	enum broker_answer how = how_to_refuse(plugin, publish, decision);
	bool is_closed = how == BROKER_CLOSED;

	/*
	 * A bridge has a time of its own before it comes back, and a client whose proof ran out
	 * needs a new proof.
	 */
	if (is_closed && session && reason_is_ours(decision->reason))
		(void)holdoffs_close(plugin->holdoffs, session->name, session->client_id,
				     decision->reason, publish->now_ns / 1000000);
	if (is_closed)
		feed_closed(plugin->feed);
	if (!plugin->pending.is_back)
		report_refusal(plugin, publish, decision, is_closed);
	if (how == BROKER_WITHHELD)
		broker_withhold(event);
	return broker_answer_code(how);
}

/* Something of a client that was closed before is kept: it may be closed anew. */
__attribute__((cold, noinline)) static void resume(struct plugin *plugin, struct session *session)
{
	session->was_closed = false;
	holdoffs_forget(plugin->holdoffs, session->name, session->client_id);
}

/* ---- ACL_CHECK: may it? -------------------------------------------------------------------- */

/*
 * A QoS 2 message between its PUBREC and its PUBREL, of a client that is back: 2.0.12 and later ask
 * once more, and delete what is refused. It is kept and acknowledged. (On 2.0, it may be the first
 * publish of a client that does not wait for CONNACK, too: MESSAGE follows then, and judges it.)
 */
__attribute__((cold, noinline)) static int ask_again(struct plugin *plugin,
						     const struct feed_publish *publish)
{
	struct session *session = publish->session;
	struct gate_request *request = &plugin->pending.request;
	struct decision *decision = &plugin->pending.decision;

	if (broker_is_withheld(&request->message))
		return MOSQ_ERR_SUCCESS;
	request->is_asked_again = true;
	gate_decide(&plugin->gate, events_publisher(plugin, publish->client, session, false),
		    request, decision);
	if (decision->verdict == VERDICT_ALLOW)
		return MOSQ_ERR_SUCCESS;
	/* Reported, but as no pattern of the client's: it does not even know that it is asked. */
	notify_decision(&plugin->notify, &(struct notify_refused){ .client = publish->client,
								   .principal = session->name,
								   .request = request,
								   .decision = decision });
	return MOSQ_ERR_ACL_DENIED;
}

/*
 * Some rule is about properties that the gate was not shown: if the broker shows them now, it
 * decides once more. Most messages have none, and most rules are about those that are there.
 */
static inline bool is_open(const struct decision *decision, const void *properties)
{
	return decision->open != GATE_OPEN_NOTHING && decision->verdict == VERDICT_ALLOW &&
	       (properties || decision->open == GATE_OPEN);
}

__attribute__((cold, noinline)) static void
decide_shown(struct plugin *plugin, const struct feed_publish *publish, bool is_message)
{
	struct gate_request *request = &plugin->pending.request;

	if (request->is_source)
		return; /* it was judged with its properties before */
	properties_show(plugin, publish->client, request->properties, is_message, request);
	if (request->shown)
		gate_decide(&plugin->gate,
			    is_message ? events_actor(plugin, publish->client, publish->session)
				       : events_publisher(plugin, publish->client, publish->session,
							  false),
			    request, &plugin->pending.decision);
	if (is_message && plugin->pending.decision.is_adopted)
		(void)events_resend(plugin, publish->session, request, plugin->pending.digest,
				    &plugin->pending.decision); /* false: see there */
}

/* The request and the decision are there already. */
static void remember(struct plugin *plugin, const struct feed_publish *publish, int64_t took_ns)
{
	struct pending_publish *pending = &plugin->pending;

	pending->handle = publish->client;
	pending->digest = events_digest(plugin, &pending->request.message);
	pending->took_ns = took_ns;
	pending->now_ns = publish->now_ns;
	events_will_keep(plugin, publish->session);
}

int events_check_publish(struct plugin *plugin, struct mosquitto_evt_acl_check *event,
			 struct session *session)
{
	struct pending_publish *pending = &plugin->pending;
	struct gate_request *request = &pending->request;
	struct decision *decision = &pending->decision;
	struct feed_publish publish = { .client = event->client,
					.session = session,
					.request = request };
	bool is_will, is_timed = feed_times(plugin->feed);
	int64_t took_ns = 0;

	publish.now_ns = clock_mono_ns();

	broker_acl_request(event, request);
	request->method = events_method(session);
	request->port = session ? session->port : 0;
	request->properties = event->properties; /* 2.0 gives none here */
	request->message.is_will = is_will = events_is_will(plugin, event->client, session);
	request->is_source = !session && broker_is_source(event->client);
	pending->is_resend = false;
	if (is_will) {
		request->is_of_elsewhere = true; /* no broker has kept it */
		properties_show(plugin, event->client, event->properties, false, request);
	}
	if (plugin->arrival.handle == event->client && !is_will && session &&
	    session->state == SESSION_VALID)
		return ask_again(plugin, &publish);
	gate_decide(&plugin->gate,
		    events_is_command(session, event->topic)
			    ? NULL
			    : events_publisher(plugin, event->client, session, is_will),
		    request, decision);
	if (!is_will && is_open(decision, event->properties))
		decide_shown(plugin, &publish, false);
	if (is_timed) {
		took_ns = clock_mono_ns() - publish.now_ns;
		publish.now_ns += took_ns;
	}
	if (is_will) {
		if (decision->verdict != VERDICT_ALLOW)
			events_confirm(plugin, &publish,
				       events_publisher(plugin, event->client, session, true),
				       decision);
		return events_will(plugin, &publish, decision, took_ns);
	}
	if (decision->verdict != VERDICT_ALLOW || decision->is_adopted) {
		events_confirm(plugin, &publish,
			       events_publisher(plugin, event->client, session, false), decision);
		pending->is_resend =
			events_resend(plugin, session, request,
				      events_digest(plugin, &request->message), decision);
	}
	if (decision->verdict == VERDICT_ALLOW ||
	    how_to_refuse(plugin, &publish, decision) != BROKER_DENIED ||
	    events_letter_waits(plugin, &publish, decision)) {
		remember(plugin, &publish, took_ns);
		return MOSQ_ERR_SUCCESS; /* MESSAGE commits it, or has the better refusal */
	}
	return events_answer(plugin, &publish, decision, took_ns);
}

/* ---- MESSAGE: it is kept, then acknowledged ------------------------------------------------ */

/* By the copy of it, where there is one, as comparing costs a quarter of a digest. */
static bool has_same_bytes(const struct plugin *plugin, const struct message *now)
{
	const struct message *copied = &plugin->pending.copied;

	if (!copied->topic)
		return plugin->pending.digest == events_digest(plugin, now);
	return memcmp(copied->topic, now->topic, now->topic_len + 1) == 0 &&
	       events_has_same_payload(copied, now);
}

/* Is the message the one that was just judged, with not a byte of it changed? */
static bool is_pending(const struct plugin *plugin, const struct mosquitto_evt_message *event)
{
	const struct pending_publish *pending = &plugin->pending;
	const struct message *judged = &pending->request.message;

	return pending->handle && pending->handle == event->client &&
	       judged->topic == event->topic && judged->payload == event->payload &&
	       judged->payload_len == event->payloadlen && judged->qos == event->qos &&
	       judged->is_retained == event->retain &&
	       (!pending->request.shown || pending->request.properties == event->properties) &&
	       has_same_bytes(plugin, judged);
}

/* Another plugin rewrote it, or none of ACL_CHECK's questions was about it: it is judged here. */
static void judge_message(struct plugin *plugin, struct mosquitto_evt_message *event,
			  struct session *session)
{
	struct pending_publish *pending = &plugin->pending;
	struct decision *decision = &pending->decision;

	broker_message_request(event, &pending->request);
	pending->request.method = events_method(session);
	pending->request.port = session ? session->port : 0;
	gate_decide(&plugin->gate, events_actor(plugin, event->client, session), &pending->request,
		    decision);
	pending->digest = events_digest(plugin, &pending->request.message);
	if (decision->verdict != VERDICT_ALLOW)
		events_confirm(plugin,
			       &(struct feed_publish){ .client = event->client,
						       .session = session,
						       .request = &pending->request },
			       events_actor(plugin, event->client, session), decision);
	pending->is_resend =
		(decision->verdict != VERDICT_ALLOW || decision->is_adopted) &&
		events_resend(plugin, session, &pending->request, pending->digest, decision);
	pending->now_ns = clock_mono_ns();
	pending->took_ns = 0;
}

/* The same with what peers say and are to hear. */
__attribute__((noinline)) static bool keep_and_say(struct plugin *plugin,
						   const struct feed_publish *publish,
						   struct mosquitto_evt_message *event)
{
	struct pending_publish *pending = &plugin->pending;
	const struct session *session = publish->session;

	if (pending->decision.is_kept_there && !events_others_message(plugin, event))
		return false;
	if (!pending->decision.is_kept_there &&
	    !peers_on_message(plugin, event,
			      session ? session->name : broker_who(event->client).principal))
		return false;
	pending->request.properties = event->properties;
	if (!events_commit(plugin, publish, &pending->decision, pending->digest))
		return false;
	if (plugin->crossings)
		events_others_kept(plugin, event);
	return true;
}

/*
 * Commits the write of an allowed publish, and says and keeps whose it is where that is asked for.
 * False: it became a refusal.
 */
static inline bool keep(struct plugin *plugin, const struct feed_publish *publish,
			struct mosquitto_evt_message *event)
{
	struct pending_publish *pending = &plugin->pending;

	if (event->properties || plugin->is_saying || pending->decision.is_peer)
		return keep_and_say(plugin, publish, event);
	return events_commit(plugin, publish, &pending->decision, pending->digest);
}

int events_on_message(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_message *event = event_data;
	struct plugin *plugin = userdata;
	struct pending_publish *pending = &plugin->pending;
	struct decision *decision = &pending->decision;
	struct session *session = events_session(plugin, event->client);
	bool is_judged = is_pending(plugin, event);
	struct feed_publish publish = { .client = event->client,
					.session = session,
					.request = &pending->request };

	(void)event_id;
	pending->handle = NULL;
	pending->is_back = false;
	plugin->deliveries.settled = plugin->deliveries.withheld = NULL;
	/* Of a bridge of this broker's own there was no ACL_CHECK that could have said it. */
	plugin->deliveries.subscribing = NULL;
	plugin->arrival.handle = NULL;
	if (!is_judged)
		judge_message(plugin, event, session);
	pending->request.properties = event->properties;
	if (is_open(decision, event->properties) && !pending->is_resend)
		decide_shown(plugin, &publish, true);
	publish.now_ns = pending->now_ns;
	if (decision->verdict == VERDICT_ALLOW)
		events_charge(plugin, &publish, decision);
	if (decision->verdict == VERDICT_ALLOW && !pending->is_resend &&
	    keep(plugin, &publish, event)) {
		events_accepted(plugin, &publish, decision, pending->digest);
		if (!decision->is_peer) /* whose messages are no habit of one client */
			feed_accepted(plugin->feed, &publish, decision, pending->digest);
		if (session && session->was_closed && decision->has_write)
			resume(plugin, session);
	} else if (decision->verdict == VERDICT_ALLOW && pending->is_resend) {
		events_resend_hand_out(plugin, event, &pending->request);
	}
	if (pending->is_doubtful)
		return events_leave_open(plugin, &publish);
	if (decision->verdict == VERDICT_ALLOW)
		return events_answer(plugin, &publish, decision, pending->took_ns);
	feed_decided(plugin->feed, &pending->request, decision, pending->took_ns);
	return refuse_message(plugin, &publish, decision, event);
}
