/*
 * monitor_seen.c -- what happened, and what did not: patterns, and what follows from them.
 */
#include <stdio.h>
#include <string.h>

#include "base/peer.h"
#include "base/utf8.h"
#include "monitor/monitor_internal.h"

#define WALK_STEP 2048u   /* records in a step */
#define ALERT_BADNESS 64u /* how much worse an alert makes a record: half an hour's worth */

static uint64_t subject_of(const struct monitor *monitor, const struct who *who)
{
	return clients_key(monitor->clients, who->client_id, who->principal);
}

/* False: it stays connected. */
static bool kick(struct monitor *monitor, const char *client)
{
	for (size_t i = 0; i < monitor->kicks; i++)
		if (strcmp(monitor->kick[i], client) == 0)
			return true;
	if (monitor->kicks == MONITOR_KICKS_MAX)
		return false;
	monitor->kick[monitor->kicks] = strdup(client);
	if (!monitor->kick[monitor->kicks])
		return false;
	monitor->kicks++;
	return true;
}

#define HELD_WINDOW_S 3600u
#define HELD_LEAST 2u /* clients of a principal, and one in eight of as many as it may have */
#define HELD_MOST 64u

/*
 * Is it done to all clients of the principal? Client ids are made up, so it is; but who may do
 * as much as several clients has many of them, and one that is broken stops none of the others.
 * Asking counts @client as one of those, so that it is asked once for a connection that is closed.
 */
static bool is_for_all(struct principal *principal, uint64_t client, int64_t now_ns)
{
	const uint32_t count = HELD_LEAST + principal->clients / 8;
	const struct setting setting = { .threshold = count < HELD_MOST ? count : HELD_MOST,
					 .window_s = HELD_WINDOW_S };
	uint64_t ignored;

	return principal->clients <= 1 ||
	       anomalies_distinct(&setting, &principal->held, client, now_ns, &ignored);
}

/* One that other brokers hear of. */
static void put_ban(struct monitor *monitor, const struct bans_subject *subject,
		    enum alert_kind kind, uint32_t seconds, int64_t now_ns)
{
	bans_put(monitor->bans, subject, kind, seconds, now_ns);
	bans_tell(monitor->bans, subject->subject);
}

/*
 * The client is closed: what else is done so that it stays away? What arrived together crosses a
 * threshold several times before the tick that closes, and is held off for once.
 */
static void close_client(struct monitor *monitor, struct client *client,
			 const struct bans_subject *subject, enum alert_kind kind, int64_t now_ns)
{
	const struct setting *setting = &monitor->settings.kind[kind];
	bool is_hold = setting->response == ALERT_DISCONNECT;

	if (!is_hold)
		put_ban(monitor, subject, kind, setting->response_s, now_ns);
	else if (client->leaving.is_held)
		(void)bans_hold_again(monitor->bans, subject, kind, setting->response_s, now_ns);
	else
		(void)bans_hold(monitor->bans, subject, kind, setting->response_s, now_ns);
	if (!kick(monitor, subject->client) || client->head.is_shared)
		return; /* of a shared record nobody knows whose connection it is */
	client->leaving.is_asked = true;
	client->leaving.is_for_all = subject->is_all;
	client->leaving.is_held |= is_hold;
}

/* @client NULL: there is none. About a client that did not prove itself nothing is done. */
static void respond(struct monitor *monitor, struct client *client, const struct who *who,
		    enum alert_kind kind, int64_t now_ns)
{
	const struct setting *setting = &monitor->settings.kind[kind];
	struct bans_subject subject = { .subject = subject_of(monitor, who),
					.client = who->client_id,
					.principal = who->principal };
	struct principal *principal;
	bool is_all;

	if (setting->response == ALERT_REPORT || !client || !who->principal[0])
		return;
	if (client->leaving.is_asked && monitor_wait(monitor, who, now_ns) <= 0)
		client->leaving = (struct leaving){ 0 }; /* that is over: this is a delayed will */
	principal = client_principal(monitor->clients, client, now_ns);
	is_all = client->leaving.is_asked ? client->leaving.is_for_all
					  : is_for_all(principal, subject.subject, now_ns);
	if (setting->response == ALERT_LIMIT) {
		int64_t *until_ns = is_all || client->head.is_shared ? &principal->slow_until_ns
								     : &client->slow_until_ns;

		*until_ns = now_ns + setting->response_s * SECOND_NS;
		return;
	}
	if (is_all) {
		subject.subject = clients_principal_key(monitor->clients, who->principal);
		subject.is_all = true;
	}
	close_client(monitor, client, &subject, kind, now_ns);
}

/* Of whom there may be many alerts: not the client id, which is made up. */
static uint64_t owner_of(const struct monitor *monitor, const struct who *who)
{
	char net[PEER_NET_MAX];

	if (who->principal[0])
		return clients_principal_key(monitor->clients, who->principal);
	return keyhash_bytes(&monitor->hash, net, peer_print_net(who->address, net));
}

static struct alert alert_of(const struct monitor *monitor, enum alert_kind kind,
			     const struct who *who)
{
	const struct setting *setting = &monitor->settings.kind[kind];
	struct alert alert = { .kind = kind,
			       .subject = subject_of(monitor, who),
			       .owner = owner_of(monitor, who),
			       .count = 1,
			       .threshold = setting->threshold,
			       .window_s = setting->window_s,
			       .response = setting->response,
			       .response_s = setting->response_s,
			       .quiet_s = setting->window_s };

	utf8_copy(alert.client, sizeof(alert.client), who->client_id);
	utf8_copy(alert.principal, sizeof(alert.principal), who->principal);
	utf8_copy(alert.address, sizeof(alert.address), who->address);
	return alert;
}

static void set_numbers(struct alert *alert, double observed, double expected)
{
	alert->observed = observed;
	alert->expected = expected;
	alert->has_numbers = true;
}

static void see_all(struct monitor *monitor, struct client *client, const struct who *who,
		    const struct sightings *seen, const char *where, const char *detail,
		    int64_t now_ns)
{
	for (unsigned i = 0; i < seen->count; i++) {
		const struct sighting *item = &seen->item[i];
		struct alert alert = alert_of(monitor, item->kind, who);

		utf8_copy(alert.where, sizeof(alert.where), where);
		utf8_copy(alert.detail, sizeof(alert.detail), detail);
		alert.count = item->count;
		if (item->has_numbers)
			set_numbers(&alert, item->observed, item->expected);
		(void)alerts_see(monitor->alerts, &alert, now_ns);
		fixedtable_blame(&client->head, ALERT_BADNESS, now_ns);
		respond(monitor, client, who, item->kind, now_ns);
	}
}

static uint64_t silence_of(uint64_t client, const struct channel *channel)
{
	return client ^ (channel->id << 1);
}

/* Any place that is not silent lets the record be given up again. */
static void speak(struct monitor *monitor, struct client *client, const struct channel *channel,
		  int64_t now_ns, uint32_t now_s)
{
	struct client_channel *mine = client_channel(client, channel->id, now_ns);

	mine->last_s = now_s;
	if (mine->times < CLIENTS_TIMES_MAX)
		mine->times++;
	if (!mine->is_silent)
		return;
	mine->is_silent = false;
	client->head.is_held = false;
	for (unsigned i = 0; i < CLIENTS_CHANNELS; i++)
		client->head.is_held |= client->channel[i].is_silent;
	alerts_clear(monitor->alerts, ALERT_SILENT, silence_of(client->head.id, channel), now_ns);
}

bool monitor_published(struct monitor *monitor, struct client *client,
		       const struct monitor_message *message, int64_t now_ns)
{
	uint32_t now_s = anomalies_seconds(now_ns);
	struct channel *channel;

	if (message->channel >= monitor->channels || client->head.is_shared)
		return false; /* not the habits of one client */
	channel = &monitor->channel[message->channel];
	if (channel->interval_s > 0)
		speak(monitor, client, channel, now_ns, now_s);
	monitor->seen.count = 0;
	monitor->seen_on = channel;
	anomalies_published(&monitor->settings, client, &channel->size, message, now_s,
			    &monitor->seen);
	return monitor->seen.count > 0;
}

void monitor_respond(struct monitor *monitor, struct client *client, const struct who *who,
		     int64_t now_ns)
{
	see_all(monitor, client, who, &monitor->seen, monitor->seen_on->name, "", now_ns);
}

void monitor_refused(struct monitor *monitor, const struct who *who, enum reason reason,
		     const char *entity, size_t entity_len, int64_t now_ns)
{
	struct client *client = monitor_client(monitor, who, NULL, now_ns);
	struct sightings seen;
	uint64_t hash = entity ? keyhash_bytes(&monitor->hash, entity, entity_len) : 0;

	seen.count = 0;
	anomalies_refused(&monitor->settings, client, reason, hash, now_ns, &seen);
	if (seen.count > 0)
		see_all(monitor, client, who, &seen, "", reason_code(reason), now_ns);
}

/* Which of two principals is at fault can't be known: there is an alert, and nothing is done. */
static void see_two(struct monitor *monitor, const struct holder *holder, const struct who *who,
		    const struct sighting *seen, int64_t now_ns)
{
	struct alert alert = alert_of(monitor, seen->kind, who);

	alert.subject = holder->head.id;
	utf8_copy(alert.other, sizeof(holder->name), holder->name);
	alert.count = seen->count;
	alert.response = ALERT_REPORT;
	(void)alerts_see(monitor->alerts, &alert, now_ns);
}

void monitor_taken_over(struct monitor *monitor, struct client *client, struct holder *holder,
			const struct who *who, int64_t now_ns)
{
	struct sightings seen;

	seen.count = 0; /* its items are written before they count */
	anomalies_taken_over(&monitor->settings, &holder->takeovers, now_ns, &seen);
	if (seen.count == 0)
		return;
	if (holder->principal == clients_principal_key(monitor->clients, who->principal))
		see_all(monitor, client, who, &seen, "", "", now_ns);
	else
		see_two(monitor, holder, who, &seen.item[0], now_ns);
}

/* ---- logins ------------------------------------------------------------------------------ */

/* One more @other name beside @name. */
static void count_login(struct monitor *monitor, enum alert_kind kind, struct fixedtable *table,
			const char *name, const char *other, uint64_t owner, int64_t now_ns)
{
	const struct setting *setting = &monitor->settings.kind[kind];
	uint64_t id = keyhash_bytes(&monitor->hash, name, strlen(name));
	uint64_t name_of_other = keyhash_bytes(&monitor->hash, other, strlen(other));
	struct who who = { .client_id = "", .principal = "", .address = "" };
	struct alert alert;
	struct failures *failures;
	uint64_t count;

	if (!setting->is_on || !name[0])
		return;
	failures = fixedtable_take(table, id, owner, now_ns, NULL);
	fixedtable_blame(&failures->head, 1, now_ns);
	if (failures->head.is_shared ||
	    !anomalies_distinct(setting, &failures->others, name_of_other, now_ns, &count))
		return;
	if (kind == ALERT_CREDENTIALS)
		who.address = name;
	else
		who.principal = name;
	alert = alert_of(monitor, kind, &who);
	alert.subject = id;
	alert.owner = owner;
	alert.count = count;
	fixedtable_blame(&failures->head, ALERT_BADNESS, now_ns);
	(void)alerts_see(monitor->alerts, &alert, now_ns);
}

/* Who invents names, or has an IPv6 network to call from, pushes out its own. */
void monitor_login_failed(struct monitor *monitor, const struct who *who, int64_t now_ns)
{
	char net[PEER_NET_MAX];
	size_t len = peer_print_net(who->address, net);
	uint64_t owner = keyhash_bytes(&monitor->hash, net, len);

	count_login(monitor, ALERT_CREDENTIALS, monitor->addresses, who->address, who->principal,
		    owner, now_ns);
	if (who->address[0])
		count_login(monitor, ALERT_USER_ATTACK, monitor->users, who->principal,
			    who->address, owner, now_ns);
}

/* ---- what did not happen ----------------------------------------------------------------- */

static void see_silence(struct monitor *monitor, struct client *client, struct client_channel *mine,
			const struct channel *channel, uint32_t silent_s, int64_t now_ns)
{
	struct who who = { .client_id = client->id,
			   .principal = client->principal,
			   .address = "",
			   .is_proved = true };
	struct alert alert = alert_of(monitor, ALERT_SILENT, &who);

	alert.subject = silence_of(client->head.id, channel);
	utf8_copy(alert.where, sizeof(alert.where), channel->name);
	set_numbers(&alert, silent_s, channel->interval_s);
	alert.is_lasting = true;
	alert.response = ALERT_REPORT; /* a silent client sends nothing to limit */
	mine->is_silent = alerts_see(monitor->alerts, &alert, now_ns);
	client->head.is_held |= mine->is_silent; /* until it speaks: else nothing would clear it */
}

static void look_for_silence(struct monitor *monitor, struct client *client, int64_t now_ns)
{
	if (client->head.is_shared)
		return;
	for (unsigned i = 0; i < CLIENTS_CHANNELS; i++) {
		struct client_channel *mine = &client->channel[i];
		const struct channel *channel;
		uint32_t silent_s;

		if (!mine->id || mine->times == 0 || mine->is_silent)
			continue;
		channel = monitor_channel_of(monitor, mine->id);
		silent_s = channel ? anomalies_silence(&monitor->settings, mine,
						       channel->interval_s, now_ns)
				   : 0;
		if (silent_s > 0)
			see_silence(monitor, client, mine, channel, silent_s, now_ns);
	}
}

void monitor_stuck(struct monitor *monitor, const struct monitor_stuck *stuck, int64_t now_ns)
{
	const struct setting *setting = &monitor->settings.kind[ALERT_STUCK];
	struct who who = { .client_id = "", .principal = "", .address = "" };
	struct alert alert = alert_of(monitor, ALERT_STUCK, &who);
	char where[ALERTS_NAME_MAX];

	if (!setting->is_on)
		return;
	(void)snprintf(where, sizeof(where), "%s %s", stuck->entity, stuck->id);
	alert.subject = keyhash_pair(&monitor->hash, where, strlen(where), stuck->status,
				     strlen(stuck->status));
	utf8_copy(alert.where, sizeof(alert.where), where);
	utf8_copy(alert.detail, sizeof(alert.detail), stuck->status);
	set_numbers(&alert, (double)stuck->stands_s, stuck->allowed_s);
	alert.quiet_s = 3 * setting->window_s; /* asked again every window */
	(void)alerts_see(monitor->alerts, &alert, now_ns);
}

/* How often within the window, this time included. */
static uint32_t count_conflict(struct monitor *monitor, uint64_t subject, int64_t now_ns)
{
	const struct setting *setting = &monitor->settings.kind[ALERT_CONFLICT];
	size_t at = subject % MONITOR_CONFLICTS;

	if (monitor->conflict[at].subject != subject ||
	    now_ns - monitor->conflict[at].since_ns > setting->window_s * SECOND_NS) {
		monitor->conflict[at].subject = subject;
		monitor->conflict[at].since_ns = now_ns;
		monitor->conflict[at].count = 0;
	}
	return ++monitor->conflict[at].count;
}

void monitor_conflict(struct monitor *monitor, const char *channel, int64_t now_ns)
{
	const struct setting *setting = &monitor->settings.kind[ALERT_CONFLICT];
	struct who who = { .client_id = "", .principal = "", .address = "" };
	struct alert alert = alert_of(monitor, ALERT_CONFLICT, &who);

	if (!setting->is_on)
		return;
	alert.subject = keyhash_bytes(&monitor->hash, channel, strlen(channel));
	alert.count = count_conflict(monitor, alert.subject, now_ns);
	if (alert.count < setting->threshold)
		return;
	utf8_copy(alert.where, sizeof(alert.where), channel);
	(void)alerts_see(monitor->alerts, &alert, now_ns);
}

static enum alert_kind kind_of(const char *code)
{
	unsigned kind = 0;

	while (kind < ALERT_KINDS && strcmp(alert_code((enum alert_kind)kind), code) != 0)
		kind++;
	return (enum alert_kind)kind;
}

void monitor_hear_ban(struct monitor *monitor, const struct monitor_ban *ban, int64_t now_ns)
{
	const char *client = ban->client ? ban->client : "";
	const struct bans_subject subject = {
		.subject = ban->client ? clients_key(monitor->clients, client, ban->principal)
				       : clients_principal_key(monitor->clients, ban->principal),
		.client = client,
		.principal = ban->principal,
		.is_all = !ban->client
	};

	if (ban->seconds == 0) {
		bans_end(monitor->bans, subject.subject);
		return;
	}
	bans_put(monitor->bans, &subject, kind_of(ban->cause), ban->seconds, now_ns);
	if (ban->client && clients_find(monitor->clients, client, ban->principal))
		(void)kick(monitor, client); /* if it is connected, and there is room */
}

void monitor_look_for_silence(struct monitor *monitor, int64_t now_ns)
{
	size_t left = WALK_STEP;
	struct client *client;

	while ((client = fixedtable_next(clients_table(monitor->clients), &monitor->walked_to,
					 &left)))
		look_for_silence(monitor, client, now_ns);
}
