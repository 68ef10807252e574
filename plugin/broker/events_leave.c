/*
 * events_leave.c -- clients that leave, and those that the plugin disconnects because their proof
 * expired or new rules refuse them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "broker/events.h"

int events_on_leave(int event_id, void *event_data, void *userdata)
{
	/* 2.1's CLIENT_OFFLINE has the same first members as DISCONNECT. */
	struct mosquitto_evt_disconnect *event = event_data;
	struct plugin *plugin = userdata;
	const struct session *session;
	bool was_refused;

	(void)event_id;
	events_settle(plugin);
	if (plugin->arrival.handle == event->client)
		plugin->arrival.handle = NULL;
	session = sessions_find(plugin->sessions, event->client);
	if (session && !session->is_gone) {
		feed_left(plugin->feed, event->client, session);
		events_release_left(plugin, session);
	}
	was_refused = session && session->is_unsure;
	sessions_leave(plugin->sessions, event->client);
	if (was_refused) /* by allow_anonymous: there is nothing to be kept for */
		sessions_forget(plugin->sessions, event->client);
	if (shares_count(plugin->shares) > 0)
		shares_leave(plugin->shares, broker_who(event->client).client_id, event->client);
	login_abandon(plugin->login, event->client);
	return MOSQ_ERR_SUCCESS;
}

/*
 * Disconnects, with its last will. The broker asks us about the client within the call: who it was
 * proved to be has to stand until it left.
 */
static void disconnect(struct plugin *plugin, const struct session *session)
{
	char *client_id;

	/* Being taken over, and its websocket closes: the broker would find who has the id now. */
	if (!sessions_is_alone(session))
		return;
	client_id = strdup(session->client_id); /* the session may go within the call */
	if (!client_id)
		return; /* it may do nothing, connected or not */
	plugin->is_kicking = true;
	broker_kick(client_id);
	plugin->is_kicking = false;
	free(client_id);
}

void events_end_sessions(struct plugin *plugin)
{
	int64_t now = clock_unix_ms();
	struct session *session;
	char name[80];

	while ((session = sessions_due(plugin->sessions, now))) {
		bool is_barred = session->state == SESSION_BARRED;

		sessions_expire(session);
		if (session->is_gone)
			continue;
		diag_name(name, sizeof(name), session->name, strlen(session->name));
		if (is_barred)
			broker_log(BROKER_NOTICE, "%s may not log in any more: disconnected", name);
		else if (session->certificate || session->token) /* others are on the log already */
			broker_log(BROKER_NOTICE, "the %s of %s has expired: disconnected",
				   session->certificate ? "certificate" : "token", name);
		disconnect(plugin, session);
	}
}

#define RENEWED_A_TICK 128u /* of tokens, some 10 ms */

void events_renew_sessions(struct plugin *plugin)
{
	struct session *session;

	for (unsigned n = 0; n < RENEWED_A_TICK; n++) {
		session = sessions_stale(plugin->sessions, plugin->generation);
		if (!session)
			return;
		events_renew(plugin, session);
	}
}
