/*
 * feed_alerts.c -- publishes and logs alerts, disconnects banned clients, and finds entities whose
 * status lasts too long.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "broker/feed_internal.h"

#define ALERTS_PER_SECOND 20u /* published, kept and logged; what is above waits its turn */
#define HELD_EVERY_NS (10 * SECOND_NS)
#define STUCK_MAX 16u /* entities of one status that alerts are about */

struct words {
	size_t used;
	char text[640];
};

/* " LABEL NAME", where there is a name: clients chose it. */
static void add(struct words *words, const char *label, const char *name)
{
	char escaped[120];
	int n;

	if (!name[0] || words->used >= sizeof(words->text))
		return;
	diag_name(escaped, sizeof(escaped), name, strlen(name));
	n = snprintf(words->text + words->used, sizeof(words->text) - words->used, " %s %s", label,
		     escaped);
	words->used += n > 0 ? (size_t)n : 0; /* what is cut is terminated */
}

/* "alert raised: publish-rate: user eva client app-1 on orderStatus: Publishes far more than ..."
 */
static void log_alert(const struct alert *alert, int64_t now_ns)
{
	struct words who = { .used = 0, .text = "" };

	add(&who, "user", alert->principal);
	add(&who, "client", alert->client);
	add(&who, "taken from user", alert->other);
	add(&who, "from", alert->address);
	add(&who, "on", alert->where);
	if (alert->is_raised)
		broker_log(BROKER_WARNING, "alert raised: %s:%s%s%s%s: %s", alert_code(alert->kind),
			   who.text, alert->detail[0] ? ", " : "", alert->detail,
			   alert->response > ALERT_REPORT ? " (acted upon)" : "",
			   alert_title(alert->kind));
	else
		broker_log(BROKER_NOTICE, "alert cleared: %s:%s after %lld s",
			   alert_code(alert->kind), who.text,
			   (long long)((now_ns - alert->raised_ns) / SECOND_NS));
}

static void tell_alert(struct feed *feed, const struct alert *alert, int64_t now_ns)
{
	char topic[64], text[ALERTS_TEXT_MAX];
	struct alertrow row = { .time_ms = clock_unix_ms(),
				.kind = alert_code(alert->kind),
				.state = alert->is_raised ? "raised" : "cleared",
				.who = { .client_id = alert->client,
					 .principal = alert->principal,
					 .address = alert->address,
					 .is_proved =
						 alert_is_proved(alert->kind, alert->principal) },
				.document = text };
	size_t len = alert_print(alert, row.time_ms, text);

	(void)snprintf(topic, sizeof(topic), ALERTS_TOPIC "%s", row.kind);
	if (len > 0 && feed->ledger)
		ledger_alert(feed->ledger, &row);
	if (len > 0 && feed->has_channel)
		/* What can't be sent is on the log and in the table all the same. */
		(void)broker_publish(feed->broker, topic, text, len, "application/json");
	log_alert(alert, now_ns);
}

void feed_log_dropped(struct feed *feed)
{
	struct portions_held held;
	char text[PORTIONS_TEXT_MAX];

	if (alerts_dropped(monitor_alerts(feed->monitor), &held))
		broker_log(BROKER_WARNING, "%llu more alerts found no place: %s",
			   (unsigned long long)held.count, portions_print(&held, text));
}

void feed_publish_alerts(struct feed *feed, int64_t now_ns)
{
	struct alerts *alerts = monitor_alerts(feed->monitor);
	struct alert alert;

	if (now_ns / SECOND_NS != feed->alert_second) {
		feed->alert_second = now_ns / SECOND_NS;
		feed->alerts = 0;
	}
	if (now_ns - feed->held_ns >= HELD_EVERY_NS) {
		feed->held_ns = now_ns;
		feed_log_dropped(feed);
	}
	while (feed->alerts < ALERTS_PER_SECOND && alerts_next(alerts, &alert)) {
		feed->alerts++;
		tell_alert(feed, &alert, now_ns);
	}
}

void feed_kick_all(struct feed *feed, const struct sessions *sessions)
{
	char name[80];
	char *client;

	while ((client = monitor_next_kick(feed->monitor))) {
		if (sessions_is_live(sessions, client)) {
			broker_log(BROKER_NOTICE, "disconnecting client %s: see the alert",
				   diag_name(name, sizeof(name), client, strlen(client)));
			broker_kick(client);
		}
		free(client);
	}
}

/* ---- statuses that stand too long --------------------------------------------------------- */

struct stuck {
	struct feed *feed;
	const char *entity;
	const char *status;
	uint32_t allowed_s;
	int64_t now_ns;
};

static void see_stuck(const struct ledger_unchanged *row, void *ctx)
{
	const struct stuck *stuck = ctx;
	struct monitor_stuck seen = { .entity = stuck->entity,
				      .id = row->id,
				      .status = stuck->status,
				      .allowed_s = stuck->allowed_s };
	int64_t since_ms;

	if (!clock_parse(row->since, strlen(row->since), &since_ms))
		return;
	seen.stands_s = (uint64_t)((clock_unix_ms() - since_ms) / 1000);
	monitor_stuck(stuck->feed->monitor, &seen, stuck->now_ns);
}

static void ask_status(struct feed *feed, const struct contract_mapping *map, size_t status,
		       int64_t now_ns)
{
	struct stuck stuck = { .feed = feed,
			       .entity = map->entity->name,
			       .status = map->transitions->status[status],
			       .allowed_s = map->transitions->longest_s[status],
			       .now_ns = now_ns };
	struct ledger_unchanged_query asked = { .entity = map->entity->index,
						.slot = map->slot,
						.status = stuck.status,
						.limit = STUCK_MAX };

	asked.before_ms = clock_unix_ms() - (int64_t)stuck.allowed_s * 1000;
	/* A store that can't be asked now is asked again; its trouble is logged elsewhere. */
	diag_ignore(ledger_find_unchanged(feed->ledger, &asked, see_stuck, &stuck, NULL));
}

void feed_ask_stuck(struct feed *feed, int64_t now_ns)
{
	const struct setting *setting = monitor_setting(feed->monitor, ALERT_STUCK);
	size_t channels = feed->rules->contract->channel_count;

	if (!feed->ledger || !setting->is_on || now_ns < feed->asked_ns)
		return;
	for (; feed->asked_channel < channels; feed->asked_channel++, feed->asked_status = 0) {
		const struct contract_mapping *map =
			feed->rules->contract->channel[feed->asked_channel].mapping;
		size_t count = map && map->transitions ? map->transitions->count : 0;

		for (; feed->asked_status < count; feed->asked_status++)
			if (map->transitions->longest_s[feed->asked_status] > 0) {
				ask_status(feed, map, feed->asked_status++, now_ns);
				return;
			}
	}
	feed->asked_channel = feed->asked_status = 0;
	feed->asked_ns = now_ns + setting->window_s * SECOND_NS;
}
