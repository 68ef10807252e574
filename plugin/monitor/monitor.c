#include "monitor/monitor.h"

#include <stdlib.h>
#include <string.h>

#include "monitor/monitor_internal.h"

#define WALK_NS (SECOND_NS / 10) /* between two steps through the records */

/* ---- life -------------------------------------------------------------------------------- */

int monitor_new(size_t clients, struct monitor **ret, struct diag *diag)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));
	const struct fixedtable_options logins = { .records = LOGIN_RECORDS,
						   .size = sizeof(struct failures) };
	int rc;

	if (!monitor)
		return diag_nomem(diag);
	monitor->settings = settings_defaults();
	monitor->slow.messages = bucket_per_second(1, 0);
	rc = keyhash_init(&monitor->hash, diag);
	if (rc == 0)
		rc = clients_new(clients, &monitor->clients, diag);
	if (rc == 0)
		rc = fixedtable_new(&logins, &monitor->addresses, diag);
	if (rc == 0)
		rc = fixedtable_new(&logins, &monitor->users, diag);
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
	fixedtable_free(monitor->addresses);
	fixedtable_free(monitor->users);
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

static uint32_t times(uint32_t number, uint32_t by)
{
	uint64_t product = (uint64_t)number * by;

	return product < BUCKETS_UNITS_MAX ? (uint32_t)product : BUCKETS_UNITS_MAX;
}

/* So many times the limits. */
static struct monitor_rate rate_of(const struct limits *limits, uint32_t by)
{
	return (struct monitor_rate){
		.messages = bucket_per_second(times(limits->messages_per_second, by),
					      times(limits->burst, by)),
		.bytes = bucket_per_second(times(limits->bytes_per_second, by), 0),
		.connects = bucket_rate(times(limits->connects_per_minute, by), 0, 60 * SECOND_NS),
	};
}

struct monitor_rates monitor_rates(const struct limits *limits)
{
	uint32_t clients = limits->clients ? limits->clients : 1;

	return (struct monitor_rates){ .all = rate_of(limits, clients),
				       .each = rate_of(limits, 1),
				       .clients = clients };
}

static int compare_ids(const void *a, const void *b)
{
	const struct channel *const *x = a;
	const struct channel *const *y = b;

	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

const struct channel *monitor_channel_of(const struct monitor *monitor, uint64_t id)
{
	const struct channel key = { .id = id };
	const struct channel *pointer = &key;
	struct channel **found = NULL;

	if (monitor->channels > 0)
		found = bsearch(&pointer, monitor->by_id, monitor->channels,
				sizeof(struct channel *), compare_ids);
	return found ? *found : NULL;
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
			.id = keyhash_bytes(&monitor->hash, channel[i].name,
					    strlen(channel[i].name)),
			.rates = monitor_rates(&channel[i].limits),
			.interval_s = channel[i].interval_s,
		};
		channels[i].is_limited = channels[i].rates.all.messages.per_period > 0 ||
					 channels[i].rates.all.bytes.per_period > 0;
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

/* Records stay where they are: one that still has this name is this client's. */
struct client *monitor_seated(const struct monitor_seat *seat, int64_t now_ns)
{
	struct client *client = seat->client;

	if (!client || client->head.id != seat->key)
		return NULL;
	client->head.seen_ns = now_ns;
	return client;
}

struct client *monitor_client(struct monitor *monitor, const struct who *who,
			      struct monitor_seat *seat, int64_t now_ns)
{
	struct client *client = seat ? monitor_seated(seat, now_ns) : NULL;

	if (client)
		return client;
	client = clients_take(monitor->clients, who->client_id, who->principal, now_ns);
	if (seat && !client->head.is_shared)
		*seat = (struct monitor_seat){ .client = client, .key = client->head.id };
	return client;
}

/* ---- what to do -------------------------------------------------------------------------- */

void monitor_tick(struct monitor *monitor, int64_t now_ns)
{
	if (now_ns - monitor->walked_ns < WALK_NS)
		return;
	monitor->walked_ns = now_ns;
	alerts_tick(monitor->alerts, now_ns);
	if (monitor->has_intervals)
		monitor_look_for_silence(monitor, now_ns);
}

char *monitor_next_kick(struct monitor *monitor)
{
	return monitor->kicks > 0 ? monitor->kick[--monitor->kicks] : NULL;
}

struct bans *monitor_bans(struct monitor *monitor)
{
	return monitor->bans;
}

struct alerts *monitor_alerts(struct monitor *monitor)
{
	return monitor->alerts;
}

struct monitor_facts monitor_facts(const struct monitor *monitor)
{
	const struct fixedtable *table = clients_table(monitor->clients);

	return (struct monitor_facts){
		.clients = fixedtable_count(table),
		.evicted = fixedtable_evicted(table),
		.memory = clients_memory(monitor->clients) + fixedtable_memory(monitor->addresses) +
			  fixedtable_memory(monitor->users),
	};
}
