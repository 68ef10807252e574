#include "monitor/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/anomalies.h"
#include "monitor/clients.h"
#include "monitor/table.h"

#define SECOND_NS INT64_C(1000000000)
#define WALK_NS (SECOND_NS / 10) /* between two steps through the records */
#define WALK_STEP 2048u          /* records in a step */
#define LOGIN_RECORDS 4096u      /* addresses, and user names, watched at a time */
#define LOGIN_NAME_MAX 64u
#define ALERT_BADNESS 64u /* what an alert does to a record's standing: half an hour's worth */

/* An address or a user name that logins failed from, or as. */
struct login {
	struct table_head head;
	struct distinct others;
};

struct channel {
	const char *name;
	uint64_t id;
	struct monitor_rates rates;
	uint32_t interval_s;
	struct baseline size;
};

struct monitor {
	struct settings settings;
	struct clients *clients;
	struct table *addresses;
	struct table *users;
	struct keyhash hash;
	struct alerts *alerts;
	struct bans *bans;
	struct channel *channel;
	struct channel **by_id; /* sorted */
	size_t channels;
	bool has_intervals;
	char *kick[MONITOR_KICKS_MAX];
	size_t kicks;
	size_t walked_to;
	int64_t walked_ns;
};

/* ---- life -------------------------------------------------------------------------------- */

int monitor_new(size_t clients, struct monitor **ret, struct diag *diag)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));
	int rc;

	if (!monitor)
		return diag_nomem(diag);
	monitor->settings = settings_defaults();
	rc = keyhash_init(&monitor->hash, diag);
	if (rc == 0)
		rc = clients_new(clients, &monitor->clients, diag);
	if (rc == 0)
		rc = table_new(LOGIN_RECORDS, sizeof(struct login), &monitor->addresses, diag);
	if (rc == 0)
		rc = table_new(LOGIN_RECORDS, sizeof(struct login), &monitor->users, diag);
	if (rc == 0)
		rc = alerts_new(&monitor->alerts, diag);
	if (rc == 0)
		rc = bans_new(&monitor->bans, diag);
	if (rc) {
		monitor_free(monitor);
		return rc;
	}
	*ret = monitor;
	return 0;
}

void monitor_free(struct monitor *monitor)
{
	if (!monitor)
		return;
	while (monitor->kicks > 0)
		free(monitor->kick[--monitor->kicks]);
	clients_free(monitor->clients);
	table_free(monitor->addresses);
	table_free(monitor->users);
	alerts_free(monitor->alerts);
	bans_free(monitor->bans);
	free(monitor->channel);
	free(monitor->by_id);
	free(monitor);
}

void monitor_set(struct monitor *monitor, const struct settings *settings)
{
	monitor->settings = *settings;
}

const struct setting *monitor_setting(const struct monitor *monitor, enum alert_kind kind)
{
	return &monitor->settings.kind[kind];
}

/* By its name, so that what clients owe on a channel survives a reload. */
static uint64_t channel_id(const struct monitor *monitor, const char *name)
{
	return keyhash_pair(&monitor->hash, name, strlen(name), "", 0);
}

struct monitor_rates monitor_rates(const struct monitor_limits *limits)
{
	return (struct monitor_rates){
		.messages = bucket_per_second(limits->messages_per_second, limits->burst),
		.bytes = bucket_per_second(limits->bytes_per_second, 0),
		.connects = bucket_rate(limits->connects_per_minute, 0, 60 * SECOND_NS),
	};
}

static int compare_ids(const void *a, const void *b)
{
	const struct channel *const *x = a;
	const struct channel *const *y = b;

	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

int monitor_use(struct monitor *monitor, const struct monitor_channel *channel, size_t count,
		struct diag *diag)
{
	struct channel *channels = calloc(count + 1, sizeof(*channels));
	struct channel **by_id = calloc(count + 1, sizeof(struct channel *));

	if (!channels || !by_id) {
		free(channels);
		free(by_id);
		return diag_nomem(diag);
	}
	monitor->has_intervals = false;
	for (size_t i = 0; i < count; i++) {
		channels[i] = (struct channel){
			.name = channel[i].name,
			.id = channel_id(monitor, channel[i].name),
			.rates = monitor_rates(&channel[i].limits),
			.interval_s = channel[i].interval_s,
		};
		by_id[i] = &channels[i];
		monitor->has_intervals |= channel[i].interval_s > 0;
	}
	qsort(by_id, count, sizeof(struct channel *), compare_ids);
	free(monitor->channel);
	free(monitor->by_id);
	monitor->by_id = by_id;
	monitor->channel = channels;
	monitor->channels = count;
	return 0;
}

struct client *monitor_client(struct monitor *monitor, const struct monitor_who *who,
			      struct monitor_seat *seat, int64_t now_ns)
{
	struct client *client = seat ? seat->client : NULL;

	/* Records stay where they are: one that still has this name is this client's. */
	if (client && client->head.id == seat->key) {
		client->head.seen_ns = now_ns;
		return client;
	}
	client = clients_take(monitor->clients, who->client, who->principal, now_ns);
	if (seat && !client->head.is_strangers)
		*seat = (struct monitor_seat){ .client = client, .key = client->head.id };
	return client;
}

/* ---- limits ------------------------------------------------------------------------------ */

/* Both buckets or neither, so that what is refused costs nothing. */
static bool take_both(struct bucket *messages, const struct bucket_rate *message_rate,
		      struct bucket *bytes, const struct bucket_rate *byte_rate, uint32_t size,
		      int64_t now_ns, const char **what)
{
	*what = "messages";
	if (!bucket_has(messages, message_rate, 1, now_ns))
		return false;
	*what = "bytes";
	if (!bucket_has(bytes, byte_rate, size, now_ns))
		return false;
	bucket_pay(messages, message_rate, 1, now_ns);
	bucket_pay(bytes, byte_rate, size, now_ns);
	return true;
}

static bool refuse(struct diag *why, uint32_t limit, const char *what, const char *whose)
{
	(void)diag_set(why, ERR_LIMIT, "more than %u %s a second%s", limit, what, whose);
	return false;
}

/* Has the client limits of its own at present? */
static bool is_bounded(const struct client *client, const struct monitor_rates *own, int64_t now_ns)
{
	return own || client->slow_until_ns > now_ns;
}

static bool charge_own(struct client *client, const struct monitor_rates *own, uint32_t size,
		       int64_t now_ns, struct diag *why)
{
	static const struct monitor_rates none;
	const struct bucket_rate *messages = own ? &own->messages : &none.messages;
	const struct bucket_rate *bytes = own ? &own->bytes : &none.bytes;
	bool is_slow = client->slow_until_ns > now_ns;
	struct bucket_rate slow;
	const char *what;

	if (is_slow) {
		slow = bucket_per_second(1, 1);
		messages = &slow;
	}
	if (take_both(&client->messages, messages, &client->bytes, bytes, size, now_ns, &what))
		return true;
	return refuse(why, what[0] == 'm' ? messages->per_period : bytes->per_period, what,
		      is_slow ? ", as the client is being slowed down" : " from one client");
}

bool monitor_charge(struct monitor *monitor, struct client *client, size_t channel, size_t bytes,
		    const struct monitor_rates *own, int64_t now_ns, struct diag *why)
{
	const struct channel *on = channel < monitor->channels ? &monitor->channel[channel] : NULL;
	uint32_t size = bytes < BUCKETS_UNITS_MAX ? (uint32_t)bytes : BUCKETS_UNITS_MAX;
	struct client_channel *mine;
	struct bucket messages, owed_bytes;
	const char *what;

	if (!on || (on->rates.messages.per_period == 0 && on->rates.bytes.per_period == 0))
		return !is_bounded(client, own, now_ns) ||
		       charge_own(client, own, size, now_ns, why);
	mine = client_channel(client, on->id, now_ns);
	messages = mine->messages;
	owed_bytes = mine->bytes;
	if (!take_both(&mine->messages, &on->rates.messages, &mine->bytes, &on->rates.bytes, size,
		       now_ns, &what))
		return refuse(why,
			      what[0] == 'm' ? on->rates.messages.per_period
					     : on->rates.bytes.per_period,
			      what, " from one client on this channel");
	if ((!own && client->slow_until_ns <= now_ns) || charge_own(client, own, size, now_ns, why))
		return true;
	mine->messages = messages; /* refused after all: costs nothing here either */
	mine->bytes = owed_bytes;
	return false;
}

/* ---- what is seen, and what follows ------------------------------------------------------ */

static uint64_t subject_of(const struct monitor *monitor, const struct monitor_who *who)
{
	return clients_key(monitor->clients, who->client, who->principal);
}

static void kick(struct monitor *monitor, const char *client)
{
	for (size_t i = 0; i < monitor->kicks; i++)
		if (strcmp(monitor->kick[i], client) == 0)
			return;
	if (monitor->kicks == MONITOR_KICKS_MAX)
		return;
	monitor->kick[monitor->kicks] = strdup(client);
	if (monitor->kick[monitor->kicks])
		monitor->kicks++;
}

static void respond(struct monitor *monitor, struct client *client, const struct monitor_who *who,
		    enum alert_kind kind, int64_t now_ns)
{
	const struct setting *setting = &monitor->settings.kind[kind];
	const struct bans_subject subject = { .subject = subject_of(monitor, who),
					      .client = who->client,
					      .principal = who->principal };

	if (setting->response == ALERT_LIMIT && client)
		client->slow_until_ns = now_ns + setting->response_s * SECOND_NS;
	if (setting->response == ALERT_DISCONNECT)
		(void)bans_hold(monitor->bans, &subject, kind, setting->response_s, now_ns);
	if (setting->response == ALERT_BAN)
		bans_put(monitor->bans, &subject, kind, setting->response_s, now_ns);
	if (setting->response >= ALERT_DISCONNECT)
		kick(monitor, who->client);
}

static struct alert_evidence evidence_of(const struct monitor *monitor, enum alert_kind kind,
					 const struct monitor_who *who)
{
	const struct setting *setting = &monitor->settings.kind[kind];

	return (struct alert_evidence){
		.kind = kind,
		.subject = subject_of(monitor, who),
		.client = who->client,
		.principal = who->principal,
		.address = who->address,
		.where = "",
		.detail = "",
		.threshold = setting->threshold,
		.window_s = setting->window_s,
		.response = setting->response,
		.response_s = setting->response_s,
		.quiet_s = setting->window_s,
	};
}

static void see_all(struct monitor *monitor, struct client *client, const struct monitor_who *who,
		    const struct sightings *seen, const char *where, const char *detail,
		    int64_t now_ns)
{
	for (unsigned i = 0; i < seen->count; i++) {
		const struct sighting *item = &seen->item[i];
		struct alert_evidence evidence = evidence_of(monitor, item->kind, who);

		evidence.where = where;
		evidence.detail = detail;
		evidence.count = item->count;
		evidence.observed = item->observed;
		evidence.expected = item->expected;
		evidence.has_numbers = item->has_numbers;
		(void)alerts_see(monitor->alerts, &evidence, now_ns);
		table_blame(&client->head, ALERT_BADNESS, now_ns);
		respond(monitor, client, who, item->kind, now_ns);
	}
}

static uint64_t silence_of(uint64_t client, const struct channel *channel)
{
	return client ^ (channel->id << 1);
}

/* Any place that is not silent lets the record be given up again. */
static void speak(struct monitor *monitor, struct client *client, const struct monitor_who *who,
		  const struct channel *channel, int64_t now_ns)
{
	struct client_channel *mine = client_channel(client, channel->id, now_ns);

	mine->last_s = (uint32_t)(now_ns / SECOND_NS) + 1;
	if (mine->times < UINT32_MAX)
		mine->times++;
	if (!mine->is_silent)
		return;
	mine->is_silent = false;
	client->head.is_held = false;
	for (unsigned i = 0; i < CLIENTS_CHANNELS; i++)
		client->head.is_held |= client->channel[i].is_silent;
	alerts_clear(monitor->alerts, ALERT_SILENT, silence_of(subject_of(monitor, who), channel),
		     now_ns);
}

void monitor_published(struct monitor *monitor, struct client *client,
		       const struct monitor_who *who, const struct monitor_publish *publish,
		       int64_t now_ns)
{
	struct sightings seen;
	struct channel *channel;
	struct anomaly_publish what = {
		.digest = publish->digest,
		.payload_len = publish->payload_len < UINT32_MAX ? (uint32_t)publish->payload_len
								 : UINT32_MAX,
		.has_claim = publish->has_claim,
		.claim_off_ms = publish->claim_off_ms,
		.now_ns = now_ns,
	};

	seen.count = 0; /* its items are written before they count */
	if (publish->channel >= monitor->channels)
		return;
	channel = &monitor->channel[publish->channel];
	if (channel->interval_s > 0 && !client->head.is_strangers)
		speak(monitor, client, who, channel, now_ns);
	anomalies_published(&monitor->settings, client, &channel->size, &what, &seen);
	if (seen.count > 0)
		see_all(monitor, client, who, &seen, channel->name, "", now_ns);
}

void monitor_refused(struct monitor *monitor, const struct monitor_who *who, enum reason reason,
		     const char *entity, size_t entity_len, int64_t now_ns)
{
	struct client *client = monitor_client(monitor, who, NULL, now_ns);
	struct sightings seen;
	uint64_t hash = entity ? keyhash_pair(&monitor->hash, entity, entity_len, "", 0) : 0;

	seen.count = 0;
	anomalies_refused(&monitor->settings, client, reason, hash, now_ns, &seen);
	if (seen.count > 0)
		see_all(monitor, client, who, &seen, "", reason_code(reason), now_ns);
}

/* ---- logins ------------------------------------------------------------------------------ */

/* One more @other name beside @name. */
static void count_login(struct monitor *monitor, enum alert_kind kind, struct table *table,
			const char *name, const char *other, int64_t now_ns)
{
	const struct setting *setting = &monitor->settings.kind[kind];
	uint64_t id = keyhash_pair(&monitor->hash, name, strlen(name), "", 0);
	uint64_t name_of_other = keyhash_pair(&monitor->hash, other, strlen(other), "", 0);
	struct monitor_who who = { "", "", "" };
	struct alert_evidence evidence;
	struct login *login;
	bool is_new;
	uint64_t count;

	if (!setting->is_on || !name[0])
		return;
	login = table_take(table, id == 1 ? 2 : id, now_ns, NULL, NULL, &is_new);
	table_blame(&login->head, 1, now_ns);
	if (login->head.is_strangers ||
	    !anomalies_distinct(setting, &login->others, name_of_other, now_ns, &count))
		return;
	if (kind == ALERT_CREDENTIALS)
		who.address = name;
	else
		who.principal = name;
	evidence = evidence_of(monitor, kind, &who);
	evidence.subject = id;
	evidence.count = count;
	table_blame(&login->head, ALERT_BADNESS, now_ns);
	(void)alerts_see(monitor->alerts, &evidence, now_ns);
}

void monitor_login_failed(struct monitor *monitor, const struct monitor_who *who, int64_t now_ns)
{
	count_login(monitor, ALERT_CREDENTIALS, monitor->addresses, who->address, who->principal,
		    now_ns);
	if (who->address[0])
		count_login(monitor, ALERT_USER_ATTACK, monitor->users, who->principal,
			    who->address, now_ns);
}

int64_t monitor_wait(const struct monitor *monitor, const struct monitor_who *who, int64_t now_ns)
{
	return bans_wait(monitor->bans, subject_of(monitor, who), now_ns);
}

int64_t monitor_connect(struct monitor *monitor, const struct monitor_who *who, const void *handle,
			const struct monitor_rates *own, int64_t now_ns)
{
	int64_t wait_ns = monitor_wait(monitor, who, now_ns);
	struct client *client;
	struct sightings seen;

	if (wait_ns > 0)
		return wait_ns;
	client = monitor_client(monitor, who, NULL, now_ns);
	if (own && !bucket_take(&client->connects, &own->connects, 1, now_ns))
		return 60 * SECOND_NS / own->connects.per_period;
	if (client->head.is_strangers)
		return 0;
	if (client->handle && client->handle != handle) {
		seen.count = 0;
		anomalies_taken_over(&monitor->settings, client, now_ns, &seen);
		if (seen.count > 0)
			see_all(monitor, client, who, &seen, "", "", now_ns);
	}
	client->handle = handle;
	client->head.is_live = true;
	return monitor_wait(monitor, who, now_ns); /* it may just have been held off */
}

void monitor_disconnected(struct monitor *monitor, const struct monitor_who *who,
			  const void *handle)
{
	struct client *client = clients_find(monitor->clients, who->client, who->principal);

	if (!client || client->handle != handle)
		return; /* another connection speaks for it by now */
	client->handle = NULL;
	client->head.is_live = false;
}

/* ---- subscriptions ----------------------------------------------------------------------- */

static uint64_t filter_id(const struct monitor *monitor, const char *filter, size_t len)
{
	return keyhash_pair(&monitor->hash, filter, len, "", 0);
}

bool monitor_subscribe(struct monitor *monitor, const struct monitor_who *who, const char *filter,
		       size_t len, uint32_t limit, int64_t now_ns)
{
	struct client *client = monitor_client(monitor, who, NULL, now_ns);

	return client->head.is_strangers ||
	       client_subscribe(client, filter_id(monitor, filter, len), limit);
}

void monitor_unsubscribe(struct monitor *monitor, const struct monitor_who *who, const char *filter,
			 size_t len)
{
	struct client *client = clients_find(monitor->clients, who->client, who->principal);

	if (client)
		client_unsubscribe(client, filter_id(monitor, filter, len));
}

void monitor_restart(struct monitor *monitor, const struct monitor_who *who)
{
	struct client *client = clients_find(monitor->clients, who->client, who->principal);

	if (client)
		client_forget_filters(client);
}

/* ---- what did not happen ----------------------------------------------------------------- */

struct walk {
	struct monitor *monitor;
	int64_t now_ns;
};

static const struct channel *channel_of(const struct monitor *monitor, uint64_t id)
{
	const struct channel key = { .id = id };
	const struct channel *pointer = &key;
	struct channel **found = NULL;

	if (monitor->channels > 0)
		found = bsearch(&pointer, monitor->by_id, monitor->channels,
				sizeof(struct channel *), compare_ids);
	return found ? *found : NULL;
}

static void see_silence(struct monitor *monitor, struct client *client, struct client_channel *mine,
			const struct channel *channel, uint32_t silent_s, int64_t now_ns)
{
	struct monitor_who who = { client->id, client->principal, "" };
	struct alert_evidence evidence = evidence_of(monitor, ALERT_SILENT, &who);

	evidence.subject = silence_of(client->head.id, channel);
	evidence.where = channel->name;
	evidence.count = 1;
	evidence.observed = silent_s;
	evidence.expected = channel->interval_s;
	evidence.has_numbers = true;
	evidence.is_lasting = true;
	evidence.response = ALERT_REPORT; /* nobody is there to be limited */
	mine->is_silent = alerts_see(monitor->alerts, &evidence, now_ns);
	client->head.is_held |= mine->is_silent; /* until it speaks: or nobody would clear it */
}

static void look_for_silence(void *record, void *ctx)
{
	struct walk *walk = ctx;
	struct client *client = record;

	if (client->head.is_strangers)
		return;
	for (unsigned i = 0; i < CLIENTS_CHANNELS; i++) {
		struct client_channel *mine = &client->channel[i];
		const struct channel *channel;
		uint32_t silent_s;

		if (!mine->id || mine->times == 0 || mine->is_silent)
			continue;
		channel = channel_of(walk->monitor, mine->id);
		silent_s = channel ? anomalies_silence(&walk->monitor->settings, mine,
						       channel->interval_s, walk->now_ns)
				   : 0;
		if (silent_s > 0)
			see_silence(walk->monitor, client, mine, channel, silent_s, walk->now_ns);
	}
}

void monitor_stuck(struct monitor *monitor, const struct monitor_stuck *stuck, int64_t now_ns)
{
	const struct setting *setting = &monitor->settings.kind[ALERT_STUCK];
	struct monitor_who who = { "", "", "" };
	struct alert_evidence evidence = evidence_of(monitor, ALERT_STUCK, &who);
	char where[ALERTS_NAME_MAX];

	if (!setting->is_on)
		return;
	(void)snprintf(where, sizeof(where), "%s %s", stuck->entity, stuck->id);
	evidence.subject = keyhash_pair(&monitor->hash, where, strlen(where), stuck->status,
					strlen(stuck->status));
	evidence.where = where;
	evidence.detail = stuck->status;
	evidence.count = 1;
	evidence.observed = (double)stuck->stands_s;
	evidence.expected = stuck->allowed_s;
	evidence.has_numbers = true;
	evidence.quiet_s = 3 * setting->window_s; /* asked again every window */
	(void)alerts_see(monitor->alerts, &evidence, now_ns);
}

void monitor_tick(struct monitor *monitor, int64_t now_ns)
{
	struct walk walk = { .monitor = monitor, .now_ns = now_ns };

	if (now_ns - monitor->walked_ns < WALK_NS)
		return;
	monitor->walked_ns = now_ns;
	alerts_tick(monitor->alerts, now_ns);
	if (monitor->has_intervals)
		table_walk(clients_table(monitor->clients), &monitor->walked_to, WALK_STEP,
			   look_for_silence, &walk);
}

/* ---- what to do -------------------------------------------------------------------------- */

bool monitor_next_alert(struct monitor *monitor, struct alert *ret)
{
	return alerts_next(monitor->alerts, ret);
}

char *monitor_next_kick(struct monitor *monitor)
{
	return monitor->kicks > 0 ? monitor->kick[--monitor->kicks] : NULL;
}

struct bans *monitor_bans(struct monitor *monitor)
{
	return monitor->bans;
}

const struct alerts *monitor_alerts(const struct monitor *monitor)
{
	return monitor->alerts;
}

struct monitor_facts monitor_facts(const struct monitor *monitor)
{
	const struct table *table = clients_table(monitor->clients);

	return (struct monitor_facts){
		.clients = table_count(table),
		.evicted = table_evicted(table),
		.memory = table_memory(table) + table_memory(monitor->addresses) +
			  table_memory(monitor->users),
	};
}
