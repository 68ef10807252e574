/*
 * plugin.c -- the door: Mosquitto's three symbols, a publish and its deliveries, all wiring.
 *
 * The life of a PUBLISH: on_acl_check() asks gate_decide() and refuses or lets pass; on_message()
 * follows for the same message, commits the write that the decision implies, and only then
 * does the broker acknowledge. A last will never reaches on_message(), so on_acl_check()
 * commits what a will implies. on_acl_check() also answers for each subscriber a message is
 * delivered to.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/version.h"
#include "base/wordhash.h"
#include "broker/events.h"
#include "monitor/control.h"

/* 2.1's events, under numbers that 2.0's headers have no names for. */
#define EVENT_CONNECT 11
#define EVENT_CLIENT_OFFLINE 28

/* ---- a publish, part one: may it? ------------------------------------------------------ */

/* One copy: four of them, for topic and payload in both events, are twenty cache lines of code. */
__attribute__((noinline)) static uint64_t hash(uint64_t seed, const void *text, size_t len)
{
	return wordhash(seed, text, len);
}

/* Two topics with the same payload are two messages. What is kept is compared with rows later. */
static uint64_t digest(const struct plugin *plugin, const struct gate_request *request)
{
	uint64_t seed = plugin->ledger ? ledger_seed(plugin->ledger) : 0;

	return hash(hash(seed, request->message.topic, request->message.topic_len),
		    request->message.payload, request->message.payload_len);
}

/*
 * Does the broker end after this tick? 2.0 ticks at the end of each round and leaves its loop then:
 * what is published up to here is from clients, and the last wills of all who are connected follow.
 */
static bool is_ending(const struct plugin *plugin)
{
	return plugin->broker.running && !*plugin->broker.running;
}

static bool is_will(struct plugin *plugin, const struct mosquitto *client,
		    const struct session *session)
{
	/* Within a kick nothing else is published. */
	if ((session && session->is_gone) || plugin->is_kicking || plugin->is_ending)
		return true;
	return plugin->connecting && plugin->connecting_id && plugin->connecting != client &&
	       strcmp(broker_who(client).client_id, plugin->connecting_id) == 0;
}

/* Who may do something now, which whose proof ran out may not, and whose client left can't. */
static const struct access_principal *actor(struct plugin *plugin, const struct mosquitto *client,
					    struct session *session)
{
	const struct access_principal *principal = events_principal(plugin, client, session);

	return session && (session->standing != SESSION_VALID || session->is_gone) ? NULL
										   : principal;
}

/* Who publishes a last will, or was asked to be for what is published. */
static const struct access_principal *publisher(struct plugin *plugin,
						const struct mosquitto *client,
						struct session *session, bool is_will)
{
	if (!session && !broker_is_source(client))
		return NULL; /* nobody whom we let in, or one who was forgotten */
	return is_will ? events_principal(plugin, client, session) : actor(plugin, client, session);
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

/* Commits what an accepted publish implies. False: nothing was kept, refuse it. */
static bool commit(struct plugin *plugin, const struct watch_publish *publish,
		   struct decision *decision, uint64_t digest)
{
	const struct session *session = publish->session;
	const char *id = publish->request->client_id;
	struct diag diag;

	if (!(decision->has_write || decision->has_retained) || !plugin->ledger)
		return true;
	decision->write.received_ms = feed_unix_ms(plugin->feed, publish->now_ns);
	decision->write.publisher = session ? session->name : broker_who(publish->client).principal;
	decision->write.client_id = id ? id : "";
	decision->write.digest = digest;
	if (publish->request->properties && publish->request->message.is_retained)
		add_properties(plugin, publish->request, &decision->write);
	decision->write.sender =
		session && publish->request->message.qos > 0 && !publish->request->message.is_will
			? session->sender
			: 0;
	diag_init(&diag);
	if (ledger_commit(plugin->ledger, &decision->write, &diag) == 0) {
		if (decision->is_correction)
			notify_correction(&plugin->notify, &decision->write,
					  decision->current_status);
		return true;
	}
	decision->verdict = VERDICT_DENY;
	decision->is_observed = false;
	decision->reason = REASON_STORE_UNAVAILABLE;
	decision->error.instance[0] = decision->error.keyword[0] = '\0';
	diag_escape(decision->error.message, sizeof(decision->error.message), diag.text,
		    strlen(diag.text));
	return false;
}

/* What the message costs, where it is allowed so far. */
static void charge(struct plugin *plugin, struct watch_publish *publish, struct decision *decision)
{
	if (decision->verdict == VERDICT_ALLOW)
		feed_charge(plugin->feed, publish,
			    gate_mode(&plugin->gate, decision->channel, CONTRACT_LIMITS), decision);
}

/* Room for @len bytes of copy. False: out of memory. */
__attribute__((cold, noinline)) static bool widen(struct pending *pending, size_t len)
{
	char *wider = realloc(pending->copy, 2 * len);

	if (!wider)
		return false;
	pending->copy = wider;
	pending->copy_size = 2 * len;
	return true;
}

/* Copies topic and payload, where something follows from its being a last will. */
static void copy_pending(struct plugin *plugin, const struct session *session)
{
	struct pending *pending = &plugin->pending;
	const struct gate_request *request = &pending->request;
	const struct decision *decision = &pending->decision;
	size_t len = request->message.topic_len + 1 + request->message.payload_len;
	bool is_same = decision->verdict == VERDICT_ALLOW && !decision->has_write &&
		       !decision->has_retained && decision->channel &&
		       decision->channel->is_will_allowed;

	pending->is_copied = false;
	if (!session || plugin->connecting == session->handle || request->message.topic[0] == '$' ||
	    is_same || (len > pending->copy_size && !widen(pending, len)))
		return;
	memcpy(pending->copy, request->message.topic, request->message.topic_len + 1);
	if (request->message.payload_len > 0)
		memcpy(pending->copy + request->message.topic_len + 1, request->message.payload,
		       request->message.payload_len);
	pending->topic_len = request->message.topic_len;
	pending->payload_len = request->message.payload_len;
	pending->is_copied = true;
}

/* The request and the decision are there already. */
static void remember(struct plugin *plugin, const struct watch_publish *publish, int64_t took_ns)
{
	struct pending *pending = &plugin->pending;

	pending->handle = publish->client;
	pending->digest = digest(plugin, &pending->request);
	pending->took_ns = took_ns;
	pending->now_ns = publish->now_ns;
	copy_pending(plugin, publish->session);
}

/* It counts as a pattern, too. */
__attribute__((cold, noinline)) static void
report_refusal(struct plugin *plugin, const struct mosquitto *client, const struct session *session,
	       const struct gate_request *request, const struct decision *decision, bool is_closed)
{
	feed_refused(plugin->feed, client, session, request, decision);
	notify_decision(&plugin->notify, client, session ? session->name : NULL, request, decision,
			is_closed);
}

/* What was refused or observed is told. */
static void report(struct plugin *plugin, const struct mosquitto *client,
		   const struct session *session, const struct gate_request *request,
		   const struct decision *decision)
{
	if (decision->verdict != VERDICT_ALLOW || decision->is_observed)
		report_refusal(plugin, client, session, request, decision, false);
}

/* Who waits for an acknowledgement of a publish; a command has no MESSAGE that could give another.
 */
static enum broker_publisher who_waits(const struct mosquitto *client,
				       const struct session *session,
				       const struct gate_request *request)
{
	if (request->message.is_will || request->message.topic[0] == '$')
		return BROKER_OF_NOBODY;
	if (session)
		return session->is_gone ? BROKER_OF_NOBODY : BROKER_OF_CLIENT;
	return broker_is_bridge(client) ? BROKER_OF_BRIDGE : BROKER_OF_NOBODY;
}

/* Was it refused because the proof ran out, a moment before the tick disconnects it? */
static bool is_expired(const struct session *session, const struct decision *decision)
{
	return session && session->standing == SESSION_EXPIRED &&
	       decision->reason == REASON_IDENTITY_UNKNOWN;
}

/* How the publisher is to hear of what was refused. */
__attribute__((cold, noinline)) static enum broker_answer
how_to_refuse(const struct plugin *plugin, const struct mosquitto *client,
	      const struct session *session, const struct gate_request *request,
	      const struct decision *decision)
{
	const struct broker_refused refused = { .publisher = who_waits(client, session, request),
						.version = broker_version(client),
						.qos = request->message.qos,
						.reason = decision->reason,
						.is_expired = is_expired(session, decision) };

	return broker_answer(&plugin->broker, &refused);
}

/* A MESSAGE is refused: tells of it, and returns what the broker is to be told. */
__attribute__((cold, noinline)) static int refuse_message(struct plugin *plugin,
							  const struct watch_publish *publish,
							  const struct decision *decision)
{
	const struct session *session = publish->session;
	enum broker_answer how =
		how_to_refuse(plugin, publish->client, session, publish->request, decision);
	bool is_closed = how == BROKER_CLOSED;

	/* A bridge has a time of its own before it comes back, and who expired needs a new proof.
	 */
	if (is_closed && session && reason_is_ours(decision->reason))
		(void)holdoffs_close(plugin->holdoffs, session->name, session->client_id,
				     decision->reason, publish->now_ns / 1000000);
	if (is_closed)
		feed_closed(plugin->feed);
	report_refusal(plugin, publish->client, session, publish->request, decision, is_closed);
	return broker_answer_code(how);
}

/* Something of a client that was closed before is kept: it may be closed anew. */
__attribute__((cold, noinline)) static void resume(struct plugin *plugin, struct session *session)
{
	session->was_closed = false;
	holdoffs_forget(plugin->holdoffs, session->name, session->client_id);
}

/* A status that stands was said again: nothing was written, but it was accepted. */
__attribute__((cold, noinline)) static void
remember_repeat(struct plugin *plugin, const struct watch_publish *publish, uint64_t digest)
{
	if (plugin->ledger && publish->session && publish->request->message.qos > 0)
		ledger_remember(plugin->ledger, publish->session->sender, digest);
}

/* A publish was accepted, and what it implies is kept. */
static void note(struct plugin *plugin, const struct watch_publish *publish,
		 const struct decision *decision, uint64_t digest)
{
	const struct gate_request *request = publish->request;

	events_retained_note(plugin, request);
	if (decision->channel && decision->channel->mapping) {
		events_release_accepted(plugin, publish->session, request, decision);
		if (!decision->has_write && !request->message.is_will)
			remember_repeat(plugin, publish, digest);
	}
	if (request->message.payload_len == 0 && request->message.is_retained)
		notify_cleared(&plugin->notify, publish->client,
			       publish->session ? publish->session->name : NULL, request);
}

static int answer(struct plugin *plugin, const struct mosquitto *client,
		  const struct session *session, const struct gate_request *request,
		  const struct decision *decision, int64_t took_ns)
{
	feed_decided(plugin->feed, request, decision, took_ns);
	report(plugin, client, session, request, decision);
	return decision->verdict == VERDICT_ALLOW ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}

/* A last will: nothing else comes for it. */
static int judge_will(struct plugin *plugin, struct watch_publish *publish,
		      struct decision *decision, int64_t took_ns)
{
	if (decision->verdict == VERDICT_ALLOW)
		feed_will(plugin->feed, publish, decision);
	charge(plugin, publish, decision);
	if (decision->verdict == VERDICT_ALLOW &&
	    commit(plugin, publish, decision, digest(plugin, publish->request)))
		note(plugin, publish, decision, 0);
	return answer(plugin, publish->client, publish->session, publish->request, decision,
		      took_ns);
}

/* The last of the wills that a broker which ends has published: no client is followed any more. */
static void end_with_will(struct plugin *plugin, struct watch_publish *publish,
			  struct decision *decision)
{
	char topic[160];

	if (decision->verdict == VERDICT_ALLOW)
		feed_will(plugin->feed, publish, decision);
	if (decision->verdict == VERDICT_ALLOW) {
		(void)commit(plugin, publish, decision, digest(plugin, publish->request));
		return;
	}
	broker_log(BROKER_WARNING,
		   "the broker ended with the last will of %s on %s, which is refused (%s)%s",
		   publish->session->name,
		   diag_escape(topic, sizeof(topic), publish->request->message.topic,
			       publish->request->message.topic_len),
		   reason_code(decision->reason),
		   publish->request->message.is_retained ? " and was retained" : "");
}

/*
 * What passed as a publish was a last will. It is with the broker already: what may not be is
 * delivered to nobody, and what was retained of it is cleared.
 */
__attribute__((cold, noinline)) static void settle_will(struct plugin *plugin, bool is_end)
{
	struct pending *pending = &plugin->pending;
	struct gate_request *request = &pending->request;
	const struct mosquitto *client = pending->handle;
	struct session *session = sessions_find(plugin->sessions, client);
	struct watch_publish publish = { client, session, request, clock_mono_ns(), NULL };

	pending->handle = NULL;
	if (!session || session->is_gone)
		return;
	request->message.topic = pending->copy;
	request->message.payload = pending->copy + pending->topic_len + 1;
	request->client_id = session->client_id;
	request->properties = NULL; /* they are gone */
	request->message.is_will = true;
	gate_decide(&plugin->gate, publisher(plugin, client, session, true), request,
		    &pending->decision);
	if (is_end) { /* the client is freed, but not what we know of it */
		end_with_will(plugin, &publish, &pending->decision);
		return;
	}
	if (judge_will(plugin, &publish, &pending->decision, 0) == MOSQ_ERR_SUCCESS)
		return;
	pending->is_refused = true;
	if (request->message.is_retained)
		events_retained_revert(plugin, request);
}

void events_settle(struct plugin *plugin)
{
	if (plugin->pending.handle && plugin->pending.is_copied)
		settle_will(plugin, false);
	plugin->pending.handle = NULL;
	plugin->pending.is_refused = false;
}

static bool is_copy(const struct pending *pending, const struct gate_request *delivery)
{
	return delivery->message.topic_len == pending->topic_len &&
	       delivery->message.payload_len == pending->payload_len &&
	       memcmp(pending->copy, delivery->message.topic, pending->topic_len) == 0 &&
	       (pending->payload_len == 0 ||
		memcmp(pending->copy + pending->topic_len + 1, delivery->message.payload,
		       pending->payload_len) == 0);
}

/* A delivery of what waits for its MESSAGE still, or of a will that is not to be delivered? */
__attribute__((cold, noinline)) static bool is_refused_will(struct plugin *plugin,
							    const struct gate_request *delivery)
{
	struct pending *pending = &plugin->pending;

	if (!pending->is_copied || !is_copy(pending, delivery))
		return false; /* the log's, for one */
	if (pending->handle)
		settle_will(plugin, false);
	return pending->is_refused;
}

/*
 * A QoS 2 message between its PUBREC and its PUBREL, of a client that is back: 2.0.12 and later ask
 * once more, and delete what is refused. It is kept and acknowledged. (On 2.0, it may be the first
 * publish of a client that does not wait for CONNACK, too: MESSAGE follows then, and judges it.)
 */
__attribute__((cold, noinline)) static int ask_again(struct plugin *plugin,
						     const struct mosquitto *client,
						     const struct session *session,
						     const struct access_principal *principal)
{
	struct gate_request *request = &plugin->pending.request;
	struct decision *decision = &plugin->pending.decision;

	request->is_asked_again = true;
	gate_decide(&plugin->gate, principal, request, decision);
	if (decision->verdict == VERDICT_ALLOW)
		return MOSQ_ERR_SUCCESS;
	/* Told, but no pattern of the client's: it does not even know that it is asked. */
	notify_decision(&plugin->notify, client, session ? session->name : NULL, request, decision,
			false);
	return MOSQ_ERR_ACL_DENIED;
}

static int on_write(struct plugin *plugin, struct mosquitto_evt_acl_check *event,
		    struct session *session)
{
	struct gate_request *request = &plugin->pending.request;
	struct watch_publish publish = { event->client, session, request, 0, NULL };
	struct decision *decision = &plugin->pending.decision;
	int64_t took_ns = clock_mono_ns();

	broker_acl_request(event, request);
	request->properties = event->properties; /* 2.0 gives none here */
	request->message.is_will = is_will(plugin, event->client, session);
	request->is_source = !session && broker_is_source(event->client);
	plugin->pending.is_resend = false;
	if (plugin->connecting == event->client && !request->message.is_will && session &&
	    session->standing == SESSION_VALID)
		return ask_again(plugin, event->client, session,
				 publisher(plugin, event->client, session, false));
	gate_decide(&plugin->gate,
		    publisher(plugin, event->client, session, request->message.is_will), request,
		    decision);
	publish.now_ns = clock_mono_ns();
	took_ns = publish.now_ns - took_ns;
	if (request->message.is_will)
		return judge_will(plugin, &publish, decision, took_ns);
	if (decision->verdict != VERDICT_ALLOW)
		plugin->pending.is_resend =
			events_resend(plugin, session, request, digest(plugin, request), decision);
	if (decision->verdict == VERDICT_ALLOW ||
	    how_to_refuse(plugin, event->client, session, request, decision) != BROKER_DENIED) {
		remember(plugin, &publish, took_ns);
		return MOSQ_ERR_SUCCESS; /* on_message() commits, or has the better refusal */
	}
	return answer(plugin, event->client, session, request, decision, took_ns);
}

static void refuse_share(struct decision *decision)
{
	decision->verdict = VERDICT_DENY;
	decision->is_observed = false;
	decision->reason = REASON_RATE_EXCEEDED;
	(void)snprintf(decision->error.message, sizeof(decision->error.message),
		       "more shared subscriptions than are kept: %u of a client, of %u bytes each, "
		       "and %u clients of a principal",
		       SHARES_CLIENT_MAX, SHARES_FILTER_MAX, SHARES_PRINCIPAL_MAX);
}

/*
 * What waited for a client that comes back, and what somebody published in this call, is no repair,
 * be the bytes the same.
 */
__attribute__((cold, noinline)) static enum repairs_kind
repair_kind(struct plugin *plugin, const struct mosquitto *client,
	    const struct gate_request *delivery, bool is_stored)
{
	bool is_published = delivery->message.payload &&
			    delivery->message.payload == plugin->pending.request.message.payload &&
			    plugin->pending.digest == digest(plugin, delivery);

	if (is_published || plugin->connecting == client)
		return REPAIRS_OTHER;
	/* 2.1 says nothing between the end of that call and the repairs that it hands out. */
	return is_stored ? repairs_find_stored(plugin->repairs, &delivery->message, client)
			 : repairs_find(plugin->repairs, &delivery->message, client);
}

/* Never logged: the log may be a topic. */
static int on_read(struct plugin *plugin, const struct mosquitto *client, struct session *session,
		   const struct gate_request *request)
{
	const struct access_principal *principal = events_principal(plugin, client, session);
	/* Not where other decisions are: telling of one may log, and the log may be delivered. */
	struct decision *decision = &plugin->delivery;
	enum repairs_kind kind;
	bool is_stored;

	if ((plugin->pending.handle || plugin->pending.is_refused) &&
	    is_refused_will(plugin, request))
		return MOSQ_ERR_ACL_DENIED;
	if (plugin->withheld && plugin->withheld == request->message.payload)
		return MOSQ_ERR_ACL_DENIED; /* older than what stands, and delivered once */
	is_stored = request->message.is_retained && plugin->subscribing == client;
	kind = repairs_is_active(plugin->repairs) ? repair_kind(plugin, client, request, is_stored)
						  : REPAIRS_OTHER;
	if (kind == REPAIRS_SILENT)
		return MOSQ_ERR_ACL_DENIED;
	gate_decide(&plugin->gate, principal, request, decision);
	if (request->message.qos == 2 && !request->is_settled && kind == REPAIRS_OTHER)
		events_release_delivery(plugin, client, request, decision);
	if (is_stored)
		events_retained_stored(plugin, client, request, decision);
	feed_decided(plugin->feed, request, decision, 0);
	if (decision->verdict == VERDICT_ALLOW ||
	    events_is_unproved(plugin, client, session, principal))
		return MOSQ_ERR_SUCCESS;
	if (shares_count(plugin->shares) > 0)
		events_share_lost(plugin, client, request);
	return MOSQ_ERR_ACL_DENIED;
}

/*
 * The client is being disconnected by us, and the broker asks for what it has subscribed to
 * before, to delete what is refused. It keeps it until it comes back: what is delivered to it
 * meanwhile is asked message by message. But a shared subscription of one who may not read takes
 * messages from others.
 */
static int on_kept_subscription(struct plugin *plugin, const struct mosquitto *client,
				struct session *session, const struct gate_request *request)
{
	static const char shared[] = "$share/";
	const struct access_principal *principal = events_principal(plugin, client, session);

	if (strncmp(request->message.topic, shared, sizeof(shared) - 1) != 0)
		return MOSQ_ERR_SUCCESS;
	gate_decide(&plugin->gate, principal, request, &plugin->filter);
	return plugin->filter.verdict == VERDICT_ALLOW ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}

static int on_subscription(struct plugin *plugin, const struct mosquitto *client,
			   struct session *session, const struct gate_request *request)
{
	struct decision *decision = &plugin->filter;

	gate_decide(&plugin->gate, actor(plugin, client, session), request, decision);
	if (request->action == GATE_UNSUBSCRIBE) {
		feed_unsubscribe(plugin->feed, client, session, request);
		events_share_remove(plugin, client, request);
		return MOSQ_ERR_SUCCESS;
	}
	if (decision->verdict == VERDICT_ALLOW)
		feed_subscribe(plugin->feed, client, session, request, decision);
	if (decision->verdict == VERDICT_ALLOW &&
	    !events_share_add(plugin, client, session, request))
		refuse_share(decision);
	if (decision->verdict == VERDICT_ALLOW)
		plugin->subscribing = client; /* what is retained follows in the same call */
	return answer(plugin, client, session, request, decision, 0);
}

static int on_acl_check(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_acl_check *event = event_data;
	struct plugin *plugin = userdata;
	struct gate_request request;
	struct session *session;

	(void)event_id;
	if (!pthread_equal(pthread_self(), plugin->thread)) {
		events_refuse_foreign(plugin);
		return MOSQ_ERR_ACL_DENIED; /* 2.1's http_api */
	}
	if (event->access != MOSQ_ACL_READ) {
		events_settle(plugin);
		events_retained_served(plugin);
	}
	session = events_session(plugin, event->client);
	if (event->access == MOSQ_ACL_WRITE) {
		plugin->settled = plugin->subscribing = plugin->withheld = NULL;
		return on_write(plugin, event, session);
	}
	broker_acl_request(event, &request);
	request.is_settled = plugin->settled && plugin->settled == event->payload;
	if (request.action == GATE_DELIVER)
		return on_read(plugin, event->client, session, &request);
	if (plugin->is_kicking && request.action == GATE_SUBSCRIBE)
		return on_kept_subscription(plugin, event->client, session, &request);
	return on_subscription(plugin, event->client, session, &request);
}

/* ---- a publish, part two: it is kept, then acknowledged --------------------------------- */

/* Is the message the one that was just judged, with not a byte of it changed? */
static bool is_pending(const struct plugin *plugin, const struct mosquitto_evt_message *event)
{
	const struct pending *pending = &plugin->pending;
	const struct gate_request *judged = &pending->request;

	return pending->handle && pending->handle == event->client &&
	       judged->message.topic == event->topic && judged->message.payload == event->payload &&
	       judged->message.payload_len == event->payloadlen &&
	       judged->message.qos == event->qos && judged->message.is_retained == event->retain &&
	       pending->digest == digest(plugin, judged);
}

static int on_message(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_message *event = event_data;
	struct plugin *plugin = userdata;
	struct decision *decision = &plugin->pending.decision;
	struct session *session = events_session(plugin, event->client);
	bool is_judged = is_pending(plugin, event);
	struct gate_request *request = &plugin->pending.request;
	struct watch_publish publish = { event->client, session, request, 0, NULL };

	(void)event_id;
	plugin->pending.handle = NULL;
	plugin->settled = plugin->withheld = NULL;
	plugin->connecting = NULL;
	if (!is_judged) {
		broker_message_request(event, request);
		gate_decide(&plugin->gate, actor(plugin, event->client, session), request,
			    decision);
		plugin->pending.digest = digest(plugin, request);
		plugin->pending.is_resend =
			decision->verdict != VERDICT_ALLOW &&
			events_resend(plugin, session, request, plugin->pending.digest, decision);
	}
	request->properties = event->properties;
	publish.now_ns = is_judged ? plugin->pending.now_ns : clock_mono_ns();
	charge(plugin, &publish, decision);
	if (decision->verdict == VERDICT_ALLOW && plugin->pending.is_resend) {
		events_resend_hand_out(plugin, event, request);
	} else if (decision->verdict == VERDICT_ALLOW &&
		   commit(plugin, &publish, decision, plugin->pending.digest)) {
		note(plugin, &publish, decision, plugin->pending.digest);
		feed_accepted(plugin->feed, &publish, decision, plugin->pending.digest);
		if (session && session->was_closed && decision->has_write)
			resume(plugin, session);
	}
	feed_decided(plugin->feed, request, decision, is_judged ? plugin->pending.took_ns : 0);
	if (decision->verdict != VERDICT_ALLOW)
		return refuse_message(plugin, &publish, decision);
	report(plugin, event->client, session, request, decision);
	return MOSQ_ERR_SUCCESS;
}

/* ---- coming, going, ticking -------------------------------------------------------------- */

static int on_leave(int event_id, void *event_data, void *userdata)
{
	/* 2.1's CLIENT_OFFLINE has the same first members as DISCONNECT. */
	struct mosquitto_evt_disconnect *event = event_data;
	struct plugin *plugin = userdata;

	const struct session *session;

	(void)event_id;
	events_settle(plugin);
	if (plugin->connecting == event->client)
		plugin->connecting = NULL;
	session = sessions_find(plugin->sessions, event->client);
	if (session && !session->is_gone)
		feed_left(plugin->feed, event->client, session);
	if (session && !session->is_gone)
		events_release_left(plugin, session);
	sessions_leave(plugin->sessions, event->client);
	if (shares_count(plugin->shares) > 0)
		shares_leave(plugin->shares, broker_who(event->client).client_id, event->client);
	login_abandon(plugin->login, event->client);
	return MOSQ_ERR_SUCCESS;
}

static void log_news(struct plugin *plugin)
{
	struct diag diag;

	while (plugin->ledger && ledger_news(plugin->ledger, &diag))
		broker_log(BROKER_WARNING, "%s", diag.text);
}

/*
 * Disconnects, with its last will. The broker asks us about the client within the call: who it was
 * proved to be has to stand until it left.
 */
static void disconnect(struct plugin *plugin, const struct session *session)
{
	char *client_id;

	/* Being taken over, and its websocket closes: the broker would find who has the id now. */
	if (!sessions_is_alone(plugin->sessions, session))
		return;
	client_id = strdup(session->client_id); /* the session may go within the call */
	if (!client_id)
		return; /* it may do nothing, connected or not */
	plugin->is_kicking = true;
	broker_kick(client_id);
	plugin->is_kicking = false;
	free(client_id);
}

/*
 * Sessions whose proof has run out, or who are nobody under new rules, end here: a callback is
 * no place to kick from.
 */
static void end_sessions(struct plugin *plugin)
{
	int64_t now = clock_unix_ms();
	struct session *session;

	while ((session = sessions_due(plugin->sessions, now))) {
		bool is_barred = session->standing == SESSION_BARRED;

		sessions_expire(session);
		if (session->is_gone)
			continue;
		if (is_barred)
			broker_log(BROKER_NOTICE, "%s is not let in any more: disconnected",
				   session->name);
		else if (session->certificate || session->token) /* others were told before */
			broker_log(BROKER_NOTICE, "the %s of %s has expired: disconnected",
				   session->certificate ? "certificate" : "token", session->name);
		disconnect(plugin, session);
	}
}

#define RENEWED_A_TICK 128u /* of tokens, some 10 ms */

/*
 * Who is connected and not asked again by the broker itself is worked out here, so that nobody
 * stays, idle or only listening, whom new rules do not let in.
 */
static void renew_sessions(struct plugin *plugin)
{
	struct session *session;

	for (unsigned n = 0; n < RENEWED_A_TICK; n++) {
		session = sessions_stale(plugin->sessions, plugin->generation);
		if (!session)
			return;
		events_renew(plugin, session);
	}
}

#define NEWS_NS INT64_C(10000000000) /* the same kind of news comes no more often */

/* What other events could not say, or would have said too often. */
static void log_rare(struct plugin *plugin, int64_t now_ns)
{
	unsigned foreign;
	uint64_t lost;
	const char *name;

	if (atomic_load_explicit(&plugin->foreign, memory_order_relaxed) > 0 &&
	    (plugin->foreign_ns == 0 || now_ns - plugin->foreign_ns >= NEWS_NS)) {
		foreign = atomic_exchange(&plugin->foreign, 0);
		plugin->foreign_ns = now_ns;
		broker_log(BROKER_NOTICE,
			   "refused %u questions of the broker's HTTP API: the plugin lets nobody "
			   "in over it",
			   foreign);
	}
	if (plugin->lost_ns != 0 && now_ns - plugin->lost_ns < NEWS_NS)
		return;
	lost = sessions_lost(plugin->sessions, &name);
	if (lost == 0)
		return;
	plugin->lost_ns = now_ns;
	broker_log(BROKER_WARNING,
		   "forgot %llu sessions of clients that are away, the last of %s: more than %u of "
		   "one principal, or %u of all; what is sent to them, and their last wills, are "
		   "refused",
		   (unsigned long long)lost, name, SESSIONS_GONE_OF_ONE, SESSIONS_GONE_MAX);
}

void events_refuse_foreign(struct plugin *plugin)
{
	atomic_fetch_add_explicit(&plugin->foreign, 1, memory_order_relaxed);
}

struct feed_facts events_facts(const struct plugin *plugin)
{
	return (struct feed_facts){ .rules = plugin->rules,
				    .login = plugin->login,
				    .table = plugin->sessions,
				    .sessions = sessions_count(plugin->sessions),
				    .is_repairing = repairs_is_scanning(plugin->repairs) ||
						    repairs_waiting(plugin->repairs) > 0,
				    .repairs =
					    plugin->retained.published + plugin->retained.cleared };
}

static int on_tick(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_tick *event = event_data;
	struct plugin *plugin = userdata;
	struct feed_facts facts;

	(void)event_id;
	/*
	 * 2.1 counts to the next tick by the wall clock: where that is set back none would come
	 * until it is where it was. So the next one is due at any time. (2.0 says no time and asks
	 * for none; next_ns and next_ms share their place and differ in meaning.)
	 */
	event->next_s = -event->now_s;
	events_settle(plugin);
	plugin->pending.request.message.payload = NULL; /* freed by now: others may lie there */
	plugin->has_ticked = true;
	plugin->is_ending = is_ending(plugin);
	plugin->is_reloading = false;
	free(plugin->kept);
	plugin->kept = NULL;
	plugin->connecting = NULL;
	events_finish_logins(plugin);
	plugin->is_kicking = true; /* it disconnects who may not share any more */
	events_share_tick(plugin);
	plugin->is_kicking = false;
	events_retained_tick(plugin);
	events_release_tick(plugin);
	renew_sessions(plugin);
	end_sessions(plugin);
	log_news(plugin);
	notify_tick(&plugin->notify);
	log_rare(plugin, clock_mono_ns());
	facts = events_facts(plugin);
	plugin->is_kicking = true; /* it disconnects whom the monitor wants gone */
	feed_tick(plugin->feed, &facts);
	plugin->is_kicking = false;
	return MOSQ_ERR_SUCCESS;
}

/* ---- at the beginning ---------------------------------------------------------------------- */

static int init_options(struct plugin *plugin, const struct mosquitto_opt *options, int count,
			struct diag *diag)
{
	struct options_pair *pairs = calloc((size_t)count + 1, sizeof(*pairs));
	int rc;

	if (!pairs)
		return diag_nomem(diag);
	for (int i = 0; i < count; i++)
		pairs[i] = (struct options_pair){ options[i].key, options[i].value };
	rc = options_init(&plugin->options, pairs, (size_t)count, diag);
	free(pairs);
	return rc;
}

static int init_ledger(struct plugin *plugin, struct diag *diag)
{
	const struct options *options = &plugin->options;
	char host[HOST_NAME_MAX + 1] = "";
	struct ledger_options wanted = {
		.path = options->database,
		.journal_bytes = (size_t)options->journal_size,
		.batch_rows = (unsigned)options->batch_rows,
		.batch_ms = (unsigned)options->batch_ms,
		.events_keep_rows = (uint64_t)options->events_keep_rows,
		.events_keep_days = (unsigned)options->events_keep_days,
		.refusals_keep_rows = (uint64_t)options->refusals_keep_rows,
		.refusals_keep_days = (unsigned)options->refusals_keep_days,
		.cache_entities = (size_t)options->state_cache,
		.may_open_later = true,
		.origin = options->origin,
	};

	if (!options->database)
		return 0;
	if (!wanted.origin && gethostname(host, sizeof(host) - 1) == 0 && host[0])
		wanted.origin = host;
	return ledger_open(&wanted, contract_plan(plugin->rules->contract), &plugin->ledger, diag);
}

/* Logins are answered later only where that was asked for, and is safe. */
static int init_delays(struct plugin *plugin, struct diag *diag)
{
	int rc = 0;

	if (plugin->options.delayed_logins)
		rc = broker_check_delayed(&plugin->broker, diag);
	if (rc || !plugin->options.delayed_logins)
		plugin->broker.complete_login = NULL;
	else
		broker_wakeable();
	return rc;
}

static int init_rooms(struct plugin *plugin, struct diag *diag)
{
	struct login_options wanted = { .credentials = (size_t)plugin->options.credential_cache,
					.has_lockout = plugin->options.lockout != 0,
					.never_lock = plugin->options.never_lock,
					.connects = (uint32_t)plugin->options.connects_per_minute,
					.percent = (unsigned)plugin->options.derivation_share,
					.wake = plugin->broker.complete_login ? events_wake : NULL,
					.wake_ctx = plugin };
	int rc = events_load_rules(plugin, &plugin->rules, diag);

	if (rc == 0)
		rc = init_ledger(plugin, diag);
	if (rc == 0)
		rc = gate_init(&plugin->gate, plugin->rules, plugin->ledger, diag);
	if (rc == 0)
		rc = sessions_new(&plugin->sessions, diag);
	if (rc == 0)
		rc = shares_new(&plugin->shares, diag);
	if (rc == 0)
		rc = releases_new(&plugin->releases, diag);
	if (rc == 0)
		rc = repairs_new(!plugin->broker.has_quota_code, &plugin->repairs, diag);
	if (rc == 0)
		rc = notify_init(&plugin->notify, &plugin->options, &plugin->broker, plugin->ledger,
				 diag);
	if (rc == 0)
		notify_use(&plugin->notify, plugin->rules);
	if (rc == 0)
		rc = holdoffs_new(&plugin->holdoffs, diag);
	wanted.holdoffs = plugin->holdoffs;
	if (rc == 0)
		rc = login_new(&wanted, &plugin->login, diag);
	if (rc == 0)
		rc = feed_new(&plugin->options, &plugin->broker, plugin->ledger, &plugin->feed,
			      diag);
	if (rc == 0)
		rc = feed_use(plugin->feed, plugin->rules, diag);
	return rc;
}

/* clang-format off */
static const struct {
	int event;
	MOSQ_FUNC_generic_callback callback;
	bool is_optional;  /* only newer brokers have it */
	const char *topic; /* of a command; NULL: the event has none */
} callbacks[] = {
	{ MOSQ_EVT_BASIC_AUTH, events_on_basic_auth, false, NULL },
	{ MOSQ_EVT_EXT_AUTH_START, events_on_auth_start, false, NULL },
	{ MOSQ_EVT_EXT_AUTH_CONTINUE, events_on_auth_continue, false, NULL },
	{ EVENT_CONNECT, events_on_connect, true, NULL },
	{ MOSQ_EVT_ACL_CHECK, on_acl_check, false, NULL },
	{ MOSQ_EVT_MESSAGE, on_message, false, NULL },
	{ MOSQ_EVT_DISCONNECT, on_leave, false, NULL },
	{ EVENT_CLIENT_OFFLINE, on_leave, true, NULL },
	{ MOSQ_EVT_TICK, on_tick, false, NULL },
	{ MOSQ_EVT_RELOAD, events_on_reload, false, NULL },
	{ MOSQ_EVT_CONTROL, events_on_control, false, CONTROL_TOPIC },
};
/* clang-format on */

#define CALLBACKS (sizeof(callbacks) / sizeof(callbacks[0]))

static int register_callbacks(struct plugin *plugin, struct diag *diag)
{
	for (size_t i = 0; i < CALLBACKS; i++) {
		int rc = mosquitto_callback_register(plugin->id, callbacks[i].event,
						     callbacks[i].callback, callbacks[i].topic,
						     plugin);

		if (rc == MOSQ_ERR_SUCCESS ||
		    (rc == MOSQ_ERR_NOT_SUPPORTED && callbacks[i].is_optional))
			continue;
		return diag_set(
			diag, ERR_INVALID, "the broker refuses to register event %d (error %d)%s",
			callbacks[i].event, rc,
			rc == MOSQ_ERR_ALREADY_EXISTS ? ": is the plugin loaded twice?" : "");
	}
	return 0;
}

static void plugin_free(struct plugin *plugin)
{
	if (!plugin)
		return;
	login_free(plugin->login); /* first: its threads may still wake us */
	if (plugin->broker.complete_login)
		broker_unwakeable();
	holdoffs_free(plugin->holdoffs);
	notify_clear(&plugin->notify);
	feed_free(plugin->feed);
	gate_clear(&plugin->gate);
	ledger_close(plugin->ledger);
	rules_free(plugin->rules);
	sessions_free(plugin->sessions);
	shares_free(plugin->shares);
	releases_free(plugin->releases);
	repairs_free(plugin->repairs);
	free(plugin->retained.mark);
	options_clear(&plugin->options);
	free(plugin->connecting_id);
	free(plugin->pending.copy);
	free(plugin->kept);
	free(plugin);
}

/* ---- the three symbols ---------------------------------------------------------------------- */

#define EXPORT __attribute__((visibility("default")))

EXPORT int mosquitto_plugin_version(int supported_version_count, const int *supported_versions)
{
	for (int i = 0; i < supported_version_count; i++)
		if (supported_versions[i] == MOSQ_PLUGIN_VERSION)
			return MOSQ_PLUGIN_VERSION;
	return -1;
}

EXPORT int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **userdata,
				 struct mosquitto_opt *options, int option_count)
{
	struct plugin *plugin = calloc(1, sizeof(*plugin));
	struct diag diag;
	int rc;

	diag_init(&diag);
	if (!plugin) {
		broker_log(BROKER_ERROR, "out of memory");
		return MOSQ_ERR_NOMEM;
	}
	json_object_seed(0); /* before any thread of ours could race for it */
	plugin->id = identifier;
	plugin->thread = pthread_self();
	plugin->generation = 1; /* a session of generation 0 was never looked up */
	broker_probe(&plugin->broker);
	rc = init_options(plugin, options, option_count, &diag);
	if (rc == 0)
		rc = init_delays(plugin, &diag);
	if (rc == 0)
		rc = init_rooms(plugin, &diag);
	if (rc == 0)
		rc = register_callbacks(plugin, &diag);
	if (rc) {
		broker_log(BROKER_ERROR, "%s", diag.text);
		plugin_free(plugin);
		return MOSQ_ERR_INVAL;
	}
	broker_log(BROKER_INFO, "version " PETSTORE_VERSION ", payloads read by %s",
		   payload_backend());
	events_log_rules(plugin, "loaded");
	listeners_check();
	events_retained_begin(plugin);
	*userdata = plugin;
	return MOSQ_ERR_SUCCESS;
}

EXPORT int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int option_count)
{
	struct plugin *plugin = userdata;

	(void)options;
	(void)option_count;
	if (!plugin)
		return MOSQ_ERR_SUCCESS; /* 2.1 cleans up after an init that failed, too */
	if (plugin->pending.handle && plugin->pending.is_copied)
		settle_will(plugin, true);
	for (size_t i = 0; i < CALLBACKS; i++)
		(void)mosquitto_callback_unregister(plugin->id, callbacks[i].event,
						    callbacks[i].callback, callbacks[i].topic);
	plugin_free(plugin);
	return MOSQ_ERR_SUCCESS;
}
