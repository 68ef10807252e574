/*
 * events_acl.c -- ACL_CHECK. Answers deliveries and subscriptions; events_publish.c answers
 * publishes.
 */
#include <stdio.h>
#include <string.h>

#include "broker/events.h"

/* ---- deliveries ---------------------------------------------------------------------------- */

/*
 * A message that waited for a client that comes back, or that was published in this call, is no
 * repair, even where the bytes are the same.
 */
__attribute__((cold, noinline)) static enum repairs_kind repair_kind(struct plugin *plugin,
								     const struct mosquitto *client,
								     const struct message *delivery,
								     bool is_stored)
{
	bool is_published = delivery->payload &&
			    delivery->payload == plugin->pending.request.message.payload &&
			    plugin->pending.digest == events_digest(plugin, delivery);

	if (is_published || plugin->arrival.handle == client)
		return REPAIRS_OTHER;
	/* 2.1 says nothing between the end of that call and the repairs that it hands out. */
	return is_stored ? repairs_find_stored(plugin->repairs, delivery, client)
			 : repairs_find(plugin->repairs, delivery, client);
}

/* Never logged: the log may be a topic. */
static int check_delivery(struct plugin *plugin, const struct mosquitto *client,
			  struct session *session, const struct gate_request *request)
{
	const struct access_principal *principal = events_principal(plugin, client, session);
	const struct message *message = &request->message;
	/* Not where other decisions are: to report one may log, and the log may be delivered. */
	struct decision *decision = &plugin->deliveries.decision;
	enum repairs_kind kind;
	bool is_stored;

	if ((plugin->pending.handle || plugin->pending.is_refused) &&
	    events_is_refused_will(plugin, message))
		return MOSQ_ERR_ACL_DENIED;
	if (plugin->deliveries.withheld && plugin->deliveries.withheld == message->payload)
		return MOSQ_ERR_ACL_DENIED; /* the entity moved on since, and it was delivered once
					     */
	if (broker_is_withheld(message))
		return MOSQ_ERR_ACL_DENIED; /* whatever is observed: it was refused */
	is_stored = message->is_retained && plugin->deliveries.subscribing == client;
	kind = repairs_is_active(plugin->repairs) ? repair_kind(plugin, client, message, is_stored)
						  : REPAIRS_OTHER;
	if (kind == REPAIRS_SILENT)
		return MOSQ_ERR_ACL_DENIED;
	gate_decide(&plugin->gate, principal, request, decision);
	if (message->qos == 2 && !request->is_settled && kind == REPAIRS_OTHER)
		events_release_delivery(plugin, client, request, decision);
	if (is_stored)
		events_retained_stored(plugin, client, message, decision);
	if (is_stored && decision->verdict == VERDICT_ALLOW)
		events_adopt_stored(plugin, message, decision);
	feed_decided(plugin->feed, request, decision, 0);
	if (decision->verdict == VERDICT_ALLOW ||
	    events_is_unproved(plugin, client, session, principal))
		return MOSQ_ERR_SUCCESS;
	if (shares_count(plugin->shares) > 0)
		events_share_lost(plugin, client, message);
	return MOSQ_ERR_ACL_DENIED;
}

/* ---- subscriptions ------------------------------------------------------------------------- */

static void refuse_share(struct decision *decision)
{
	char text[sizeof(decision->error.message)];

	(void)snprintf(text, sizeof(text),
		       "more shared subscriptions than are kept: %u of a client, of %u bytes each, "
		       "and %u clients of a principal",
		       SHARES_CLIENT_MAX, SHARES_FILTER_MAX, SHARES_PRINCIPAL_MAX);
	gate_refuse(decision, REASON_RATE_EXCEEDED, text);
}

/*
 * The client is being disconnected by us, and the broker asks for what it has subscribed to
 * before, to delete what is refused. It keeps it until it comes back: what is delivered to it
 * meanwhile is asked message by message. But a shared subscription of a client that may not read
 * takes messages from others.
 */
static int check_kept_subscription(struct plugin *plugin, const struct mosquitto *client,
				   struct session *session, const struct gate_request *request)
{
	static const char shared[] = "$share/";
	const struct access_principal *principal = events_principal(plugin, client, session);

	if (strncmp(request->message.topic, shared, sizeof(shared) - 1) != 0)
		return MOSQ_ERR_SUCCESS;
	gate_decide(&plugin->gate, principal, request, &plugin->filter);
	return plugin->filter.verdict == VERDICT_ALLOW ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}

static int check_subscription(struct plugin *plugin, const struct mosquitto *client,
			      struct session *session, const struct gate_request *request)
{
	struct decision *decision = &plugin->filter;
	const struct feed_publish asked = { .client = client,
					    .session = session,
					    .request = request };

	gate_decide(&plugin->gate,
		    events_is_command(session, request->message.topic)
			    ? NULL
			    : events_actor(plugin, client, session),
		    request, decision);
	if (request->action == GATE_UNSUBSCRIBE) {
		feed_unsubscribe(plugin->feed, &asked);
		events_share_remove(plugin, client, &request->message);
		return MOSQ_ERR_SUCCESS;
	}
	if (decision->verdict == VERDICT_ALLOW)
		feed_subscribe(plugin->feed, &asked, decision);
	if (decision->verdict == VERDICT_ALLOW &&
	    !events_share_add(plugin, client, session, &request->message))
		refuse_share(decision);
	if (decision->verdict == VERDICT_ALLOW)
		plugin->deliveries.subscribing = client; /* what is retained follows in this call */
	return events_answer(plugin, &asked, decision, 0);
}

/* A delivery may come between a publish's ACL_CHECK and its MESSAGE: the log's. */
int events_on_acl_check(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_acl_check *event = event_data;
	struct plugin *plugin = userdata;
	bool is_read = event->access == MOSQ_ACL_READ;
	struct gate_request request;
	struct session *session;

	(void)event_id;
	if (events_is_elsewhere(plugin))
		return events_http_acl_check(plugin, event);
	if (!is_read) {
		events_settle(plugin);
		events_retained_served(plugin);
	}
	session = events_session(plugin, event->client);
	if (event->access == MOSQ_ACL_WRITE) {
		plugin->deliveries.settled = plugin->deliveries.withheld = NULL;
		/* Of each retained message the broker asks whether its source may publish it. */
		if (session || !broker_is_source(event->client))
			plugin->deliveries.subscribing = NULL;
		return events_check_publish(plugin, event, session);
	}
	broker_acl_request(event, &request);
	request.method = events_method(session);
	request.port = session ? session->port : 0;
	request.is_settled =
		plugin->deliveries.settled && plugin->deliveries.settled == event->payload;
	if (is_read)
		return check_delivery(plugin, event->client, session, &request);
	if (plugin->is_kicking && request.action == GATE_SUBSCRIBE)
		return check_kept_subscription(plugin, event->client, session, &request);
	return check_subscription(plugin, event->client, session, &request);
}
