/*
 * events_share.c -- shared subscriptions, which end when the right to them ends.
 *
 * If a member may not read a message that the broker gave it, the message is lost to the group. So
 * a shared subscription is refused unless the client may read all that it reaches
 * (gate/subscription.h). A client that loses the right later (a reload, another principal under the
 * client id of a kept session) loses the subscription:
 *
 *     2.1                the subscription is removed from the session; a connected client is
 *                        disconnected, so that it notices
 *     2.0, connected     the client is disconnected; then the broker asks again for each
 *                        subscription of a kept session, and deletes those that are refused
 *     2.0, away          it stays until the client connects (to disconnect a client that is away
 *                        corrupts the broker's list of sessions); this is logged
 *
 * Messages lost meanwhile are counted and logged at the next tick: a delivery must not log, because
 * the log may be a topic.
 */
#include "broker/events.h"

#include <inttypes.h>
#include <string.h>

#include "contract/topics.h"

static bool is_shared(const struct message *filter)
{
	return topics_is_shared(filter->topic, filter->topic_len);
}

bool events_share_add(struct plugin *plugin, const struct mosquitto *client,
		      const struct session *session, const struct message *filter)
{
	return !is_shared(filter) || !session ||
	       shares_add(plugin->shares, broker_who(client).client_id, session->name, client,
			  filter->topic, filter->topic_len);
}

void events_share_remove(struct plugin *plugin, const struct mosquitto *client,
			 const struct message *filter)
{
	if (is_shared(filter))
		shares_remove(plugin->shares, broker_who(client).client_id, filter->topic,
			      filter->topic_len);
}

/* Is @topic one of those that @filter (no "$share/" in front) stands for? Both are well-formed. */
static bool reaches(const char *filter, const char *topic)
{
	if (topic[0] == '$' && filter[0] != '$')
		return false;
	for (;;) {
		size_t level = strcspn(filter, "/"), length = strcspn(topic, "/");

		if (filter[0] == '#')
			return true;
		if (!(level == 1 && filter[0] == '+') &&
		    (level != length || memcmp(filter, topic, level) != 0))
			return false;
		filter += level;
		topic += length;
		if (*topic == '\0')
			return *filter == '\0' || strcmp(filter, "/#") == 0;
		if (*filter == '\0')
			return false;
		filter++;
		topic++;
	}
}

void events_share_lost(struct plugin *plugin, const struct mosquitto *client,
		       const struct message *delivery)
{
	struct shares_client *holder = shares_find(plugin->shares, broker_who(client).client_id);

	for (const struct share *share = holder ? LIST_FIRST(&holder->shares) : NULL; share;
	     share = LIST_NEXT(share, others)) {
		size_t len = share->len;

		if (!reaches(topics_unshare(share->filter, &len), delivery->topic))
			continue;
		holder->lost++;
		diag_name(holder->lost_topic, sizeof(holder->lost_topic), delivery->topic,
			  delivery->topic_len);
		shares_due(plugin->shares, holder);
		return;
	}
}

/*
 * *ret is the principal whose subscriptions they are now; NULL: there is none. False: that will be
 * known when the client is back, with its certificate or its token; what the broker hands it until
 * then waits for it.
 */
static bool find_principal(struct plugin *plugin, const struct shares_client *holder,
			   const struct access_principal **ret)
{
	const struct access *access = plugin->rules->access;
	struct session *session;

	if (!holder->handle) {
		*ret = events_named(plugin, holder->principal);
		return !access_has_certificates(access) && !access_has_issuers(access);
	}
	session = sessions_find(plugin->sessions, holder->handle);
	if (!session || session->is_gone || strcmp(session->name, holder->principal) != 0)
		return false;
	*ret = events_principal(plugin, holder->handle, session);
	return *ret != NULL; /* without a principal its session ends anyway */
}

/* The first that it may not have (any more), or NULL. */
static struct share *find_forbidden(struct plugin *plugin, const struct shares_client *holder,
				    const struct access_principal *principal)
{
	struct gate_request request = { .action = GATE_SUBSCRIBE,
					.method = GATE_LOGIN_ANY,
					.client_id = holder->id };
	struct share *share;

	LIST_FOREACH(share, &holder->shares, others) {
		request.message.topic = share->filter;
		request.message.topic_len = share->len;
		gate_decide(&plugin->gate, principal, &request, &plugin->filter);
		if (plugin->filter.verdict != VERDICT_ALLOW)
			break;
	}
	return share;
}

static void log_end(const struct shares_client *holder, const struct share *share, const char *what)
{
	char id[80], name[80], filter[160];

	broker_log(BROKER_WARNING,
		   "client %s (%s) may not read all that its shared subscription %s reaches: %s",
		   diag_name(id, sizeof(id), holder->id, strlen(holder->id)),
		   diag_name(name, sizeof(name), holder->principal, strlen(holder->principal)),
		   diag_name(filter, sizeof(filter), share->filter, share->len), what);
}

static void log_lost(struct shares_client *holder)
{
	char id[80];

	broker_log(BROKER_WARNING,
		   "%" PRIu64 " messages of a shared subscription were handed to client %s, which "
		   "may not read them, and are lost; the last on %s",
		   holder->lost, diag_name(id, sizeof(id), holder->id, strlen(holder->id)),
		   holder->lost_topic);
	holder->lost = 0;
}

/* Forgets the forbidden ones, and has the broker forget them where it can (2.1). */
static void take_out(struct plugin *plugin, struct shares_client *holder,
		     const struct access_principal *principal)
{
	struct share *share;
	bool is_last = false; /* the holder goes with it */

	while (!is_last && (share = find_forbidden(plugin, holder, principal))) {
		log_end(holder, share, plugin->broker.unsubscribe ? "it is taken out" : "it ends");
		if (plugin->broker.unsubscribe)
			(void)plugin->broker.unsubscribe(holder->id, share->filter);
		is_last = holder->count == 1;
		shares_remove(plugin->shares, holder->id, share->filter, share->len);
	}
}

/*
 * Who is there is disconnected, so that it learns of it; the broker then asks for each
 * subscription of a session that is kept, and deletes the forbidden ones.
 */
static void end(struct plugin *plugin, struct shares_client *holder, const struct share *share,
		const struct access_principal *principal)
{
	char id[65536]; /* of an MQTT string */
	bool is_there = holder->handle != NULL;

	if (!is_there && !plugin->broker.unsubscribe) {
		if (!holder->is_told)
			log_end(holder, share,
				"it ends when the client is back; what it is handed meanwhile is "
				"lost");
		holder->is_told = true;
		return;
	}
	(void)snprintf(id, sizeof(id), "%s", holder->id);
	take_out(plugin, holder, principal);
	if (is_there)
		broker_kick(id);
}

void events_share_tick(struct plugin *plugin)
{
	struct shares_client *holder;

	while ((holder = shares_next(plugin->shares))) {
		const struct access_principal *principal = NULL;
		const struct share *share;

		if (holder->lost > 0)
			log_lost(holder);
		if (!find_principal(plugin, holder, &principal))
			continue;
		share = find_forbidden(plugin, holder, principal);
		if (share)
			end(plugin, holder, share, principal);
	}
}
