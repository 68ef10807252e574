/*
 * events_strict.c -- a publish where several brokers share the database.
 *
 * What memory knows of an entity may be old. A refusal because of it is confirmed by a read, on a
 * strict channel always, on another one where memory is older than CONFIRM_AGE_MS. A strict write
 * that finds another entity than it was decided on is decided again, once. Where the outcome of
 * one is unknown its client gets no answer, which is no refusal: it is closed, sends the message
 * again, and then the ledger finds out.
 */
#include "broker/events.h"

#include <string.h>

#include "base/clock.h"

#define CONFIRM_AGE_MS 100u
#define LOG_EVERY_NS INT64_C(1000000000)

/* ---- refusals that are confirmed ------------------------------------------------------------ */

/* Was it refused because of what is known of its entity? */
static bool is_of_entity(const struct decision *decision)
{
	return decision->verdict != VERDICT_ALLOW &&
	       (decision->reason == REASON_TRANSITION_ILLEGAL ||
		decision->reason == REASON_STEP_SCOPE || decision->reason == REASON_OWNER_CHANGE ||
		decision->reason == REASON_NOT_OWNER) &&
	       decision->channel && decision->channel->mapping;
}

/* One who is refused, or subscribes, again and again must not keep the broker's thread waiting for
 * the database. */
bool events_may_read(struct plugin *plugin, const struct mosquitto *client,
		     const struct session *session)
{
	struct who who = broker_who(client);

	if (session) {
		who.principal = session->name;
		who.is_proved = true;
	}
	return portions_take(&plugin->confirms, &who, plugin->confirm_us,
			     clock_mono_ns() / 1000000000);
}

/* The next one will take about as long; however slow it was, there is time for one in a second. */
static int read_entity(struct plugin *plugin, const struct message *message, unsigned age_ms)
{
	int64_t began_ns = clock_mono_ns(), us;
	int rc = gate_confirm(&plugin->gate, message, age_ms);

	us = (clock_mono_ns() - began_ns) / 1000;
	plugin->confirm_us = us < EVENTS_CONFIRM_US    ? EVENTS_CONFIRM_US
			     : us > EVENTS_CONFIRMS_US ? EVENTS_CONFIRMS_US
						       : (uint64_t)us;
	return rc;
}

void events_confirm(struct plugin *plugin, const struct feed_publish *publish,
		    const struct access_principal *principal, struct decision *decision)
{
	unsigned age_ms;
	int rc;

	if (!plugin->ledger || !ledger_shares_database(plugin->ledger) || !is_of_entity(decision) ||
	    !events_may_read(plugin, publish->client, publish->session))
		return;
	age_ms = decision->channel->is_strict ? 0 : CONFIRM_AGE_MS;
	rc = read_entity(plugin, &publish->request->message, age_ms);
	if (rc > 0)
		gate_decide(&plugin->gate, principal, publish->request, decision);
	else if (rc < 0 && decision->channel->is_strict)
		gate_refuse(decision, REASON_STORE_UNAVAILABLE,
			    "the database can't be asked now, try again later");
}

/* ---- a write that was decided on something else --------------------------------------------- */

bool events_decide_anew(struct plugin *plugin, const struct feed_publish *publish,
			struct decision *decision, uint64_t digest)
{
	const struct gate_request *request = publish->request;
	bool is_will = request->message.is_will;

	gate_decide(&plugin->gate,
		    events_publisher(plugin, publish->client, publish->session, is_will), request,
		    decision);
	if (decision->verdict == VERDICT_ALLOW && !decision->is_adopted)
		return true;
	plugin->pending.is_resend =
		events_resend(plugin, publish->session, request, digest, decision);
	return decision->verdict == VERDICT_ALLOW && !plugin->pending.is_resend;
}

/* ---- in doubt ------------------------------------------------------------------------------- */

void events_doubt(struct plugin *plugin, const struct feed_publish *publish, const char *why)
{
	const struct message *message = &publish->request->message;
	const char *who = publish->session ? publish->session->client_id
					   : broker_who(publish->client).client_id;
	char topic[160], name[80];

	plugin->pending.is_doubtful = true;
	plugin->unlogged.doubts++;
	if (publish->now_ns - plugin->unlogged.doubt_ns < LOG_EVERY_NS)
		return;
	broker_log(BROKER_WARNING,
		   "in doubt: %s on %s%s: it gets no answer and sends it again (%s)%s",
		   diag_name(name, sizeof(name), who, strlen(who)),
		   diag_name(topic, sizeof(topic), message->topic, message->topic_len),
		   message->is_will ? ", a last will" : "", why,
		   plugin->unlogged.doubts > 1 ? ", and others" : "");
	plugin->unlogged.doubts = 0;
	plugin->unlogged.doubt_ns = publish->now_ns;
}

int events_leave_open(struct plugin *plugin, const struct feed_publish *publish)
{
	const struct session *session = publish->session;
	const struct message *message = &publish->request->message;

	plugin->pending.is_doubtful = false;
	if (message->qos == 0 || message->is_will || (session && session->is_gone) ||
	    (!session && !broker_is_bridge(publish->client)))
		return MOSQ_ERR_ACL_DENIED; /* nobody waits for an answer */
	if (session)
		(void)holdoffs_close(plugin->holdoffs, session->name, session->client_id,
				     REASON_STORE_UNAVAILABLE, publish->now_ns / 1000000);
	feed_closed(plugin->feed);
	return broker_answer_code(BROKER_CLOSED);
}

/* Its client did not come back, so that nobody was told of the message: its topic is said again. */
void events_strict_tick(struct plugin *plugin)
{
	const char *topic;
	size_t len;

	if (plugin->ledger && ledger_settled(plugin->ledger, &topic, &len))
		events_standing(plugin, topic, len);
}
