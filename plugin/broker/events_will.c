/*
 * events_will.c -- last wills. No MESSAGE follows for them, so ACL_CHECK commits their writes.
 *
 * Most brokers send a will after they reported that its client is gone, or while it is taken over.
 * Some send it before: then ACL_CHECK allows it like a publish, and no MESSAGE follows. By then the
 * broker has accepted it: all deliveries of a forbidden one are refused, and if it was retained,
 * the message before it is retained again.
 *
 * Where brokers share a database each message says who kept it, which a will can't: a client could
 * say it in the broker's place. So the broker is told no, and the plugin publishes the will itself.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "broker/events.h"

bool events_is_will(const struct plugin *plugin, const struct mosquitto *client,
		    const struct session *session)
{
	const struct arrival *arrival = &plugin->arrival;

	/* Within a kick nothing else is published. */
	if ((session && session->is_gone) || plugin->is_kicking || plugin->is_ending)
		return true;
	return arrival->handle && arrival->id && arrival->handle != client &&
	       strcmp(broker_who(client).client_id, arrival->id) == 0;
}

static int decide(struct plugin *plugin, struct feed_publish *publish, struct decision *decision,
		  int64_t took_ns)
{
	if (decision->verdict == VERDICT_ALLOW)
		feed_will(plugin->feed, publish, decision);
	if (decision->verdict == VERDICT_ALLOW)
		events_charge(plugin, publish, decision);
	if (decision->verdict == VERDICT_ALLOW &&
	    events_commit(plugin, publish, decision,
			  events_digest(plugin, &publish->request->message)))
		events_accepted(plugin, publish, decision, 0);
	if (plugin->pending.is_doubtful)
		return events_leave_open(plugin, publish);
	return events_answer(plugin, publish, decision, took_ns);
}

int events_will(struct plugin *plugin, struct feed_publish *publish, struct decision *decision,
		int64_t took_ns)
{
	int rc = decide(plugin, publish, decision, took_ns);

	if (rc == MOSQ_ERR_SUCCESS && plugin->crossings &&
	    events_others_will(plugin, publish->request, decision))
		return MOSQ_ERR_ACL_DENIED;
	return rc;
}

/* ---- a publish that may turn out to be one ------------------------------------------------ */

/* Room for @len bytes of copy. False: out of memory. */
__attribute__((cold, noinline)) static bool widen(struct pending_publish *pending, size_t len)
{
	char *wider = realloc(pending->copy, 2 * len);

	if (!wider)
		return false;
	pending->copy = wider;
	pending->copy_size = 2 * len;
	return true;
}

/* Would nothing follow from its being a will? */
static bool is_same_as_will(const struct decision *decision)
{
	return decision->verdict == VERDICT_ALLOW && !decision->has_write &&
	       !decision->has_retained && decision->channel && decision->channel->is_will_allowed;
}

void events_will_keep(struct plugin *plugin, const struct session *session)
{
	struct pending_publish *pending = &plugin->pending;
	const struct message *message = &pending->request.message;
	size_t len = message->topic_len + 1 + message->payload_len;

	pending->copied.topic = NULL;
	if (!session || plugin->arrival.handle == session->handle || message->topic[0] == '$' ||
	    is_same_as_will(&pending->decision) ||
	    (len > pending->copy_size && !widen(pending, len)))
		return;
	pending->copied = *message;
	pending->copied.topic = memcpy(pending->copy, message->topic, message->topic_len + 1);
	if (message->payload_len > 0)
		pending->copied.payload = memcpy(pending->copy + message->topic_len + 1,
						 message->payload, message->payload_len);
}

/* The last of the wills that a broker which ends has published: no client is followed any more. */
static void end_with_will(struct plugin *plugin, struct feed_publish *publish,
			  struct decision *decision)
{
	const struct message *message = &publish->request->message;
	char topic[160], name[80];

	if (decision->verdict == VERDICT_ALLOW)
		feed_will(plugin->feed, publish, decision);
	if (decision->verdict == VERDICT_ALLOW) {
		(void)events_commit(plugin, publish, decision, events_digest(plugin, message));
		return;
	}
	broker_log(BROKER_WARNING,
		   "the broker ended with the last will of %s on %s, which is refused (%s)%s",
		   diag_name(name, sizeof(name), publish->session->name,
			     strlen(publish->session->name)),
		   diag_name(topic, sizeof(topic), message->topic, message->topic_len),
		   reason_code(decision->reason), message->is_retained ? " and was retained" : "");
}

/* What passed as a publish was a last will, and is decided again as one, from its copy. */
__attribute__((cold, noinline)) static void settle_will(struct plugin *plugin, bool is_end)
{
	struct pending_publish *pending = &plugin->pending;
	struct gate_request *request = &pending->request;
	struct feed_publish publish = { .client = pending->handle,
					.session = sessions_find(plugin->sessions, pending->handle),
					.request = request,
					.now_ns = clock_mono_ns() };
	const struct message_properties *shown = request->shown;

	pending->handle = NULL;
	if (!publish.session || publish.session->is_gone)
		return;
	*request = (struct gate_request){ .action = GATE_PUBLISH,
					  .message = pending->copied,
					  .method = publish.session->method,
					  .port = publish.session->port,
					  .client_id = publish.session->client_id,
					  .shown = shown };
	request->message.is_will = request->is_of_elsewhere = true;
	gate_decide(&plugin->gate, events_principal(plugin, publish.client, publish.session),
		    request, &pending->decision);
	if (is_end) { /* the client is freed, but not what we know of it */
		end_with_will(plugin, &publish, &pending->decision);
		return;
	}
	if (decide(plugin, &publish, &pending->decision, 0) == MOSQ_ERR_SUCCESS)
		return;
	pending->is_refused = true;
	if (request->message.is_retained)
		events_retained_revert(plugin, &request->message);
}

void events_settle(struct plugin *plugin)
{
	if (plugin->pending.handle && plugin->pending.copied.topic)
		settle_will(plugin, false);
	plugin->pending.handle = NULL;
	plugin->pending.is_refused = false;
}

void events_settle_last(struct plugin *plugin)
{
	if (plugin->pending.handle && plugin->pending.copied.topic)
		settle_will(plugin, true);
}

static bool is_copy(const struct message *copied, const struct message *delivery)
{
	return delivery->topic_len == copied->topic_len &&
	       memcmp(copied->topic, delivery->topic, copied->topic_len) == 0 &&
	       events_has_same_payload(delivery, copied);
}

bool events_is_refused_will(struct plugin *plugin, const struct message *delivery)
{
	struct pending_publish *pending = &plugin->pending;

	if (!pending->copied.topic || !is_copy(&pending->copied, delivery))
		return false; /* the log's, for one */
	if (pending->handle)
		settle_will(plugin, false);
	return pending->is_refused;
}
