/*
 * feed_numbers.c -- the metrics file, $SYS, and the answers to commands.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/version.h"
#include "broker/feed_internal.h"
#include "ledger/others.h"

#define LISTED_MAX 200u /* bans or alerts in one answer */
#define SYS_TOPIC "$SYS/broker/petstore/"

/* ---- numbers ----------------------------------------------------------------------------- */

/* All that is counted, in one place: it points into itself. */
struct numbers {
	struct metrics_facts facts;
	struct metrics_broker broker[OTHERS_BROKERS_MAX];
	struct others_broker row[OTHERS_BROKERS_MAX];
};

static void gather_brokers(const struct feed *feed, struct numbers *ret)
{
	size_t count = ledger_brokers(feed->ledger, ret->row, OTHERS_BROKERS_MAX);

	for (size_t i = 0; i < count; i++) {
		const struct others_broker *row = &ret->row[i];

		ret->broker[i] = (struct metrics_broker){
			.name = row->name,
			.is_own = row->is_own,
			.is_out = row->is_out,
			.is_alive = !row->is_out && row->silent_ms <= OTHERS_ALIVE_MS,
			.silent_ms = row->silent_ms,
			.waiting = row->waiting,
			.lag_ms = row->lag_ms,
			.overruled = row->overruled,
		};
	}
	ret->facts.brokers = ret->broker;
	ret->facts.broker_count = count;
}

static void gather(struct feed *feed, const struct feed_facts *facts, struct numbers *ret)
{
	struct monitor_facts monitor = monitor_facts(feed->monitor);

	ret->facts = (struct metrics_facts){
		.version = PETSTORE_VERSION,
		.broker = feed->broker->has_quota_code ? "2.1" : "2.0",
		.parser = payload_backend(),
		.contract = feed->rules->contract->title,
		.contract_version = feed->rules->contract->version,
		.start_s = feed->start_s,
		.reloads = feed->reloads,
		.reload_failures = feed->reload_failures,
		.sessions = sessions_count(facts->table),
		.retained_repairing = facts->is_repairing,
		.retained_repairs = facts->repairs,
		.closed = feed->closed,
		.clients = monitor.clients,
		.clients_evicted = monitor.evicted,
		.bans = bans_count(monitor_bans(feed->monitor), clock_mono_ns()),
		.alerts = alerts_counts(monitor_alerts(feed->monitor)),
	};

	for (unsigned method = 0; method < LOGIN_METHODS; method++)
		ret->facts.connected[method] =
			sessions_connected(facts->table, (enum login_method)method);
	login_count(facts->login, &ret->facts.credential_hits, &ret->facts.credential_misses);
	ret->facts.has_ledger = feed->ledger != NULL;
	if (feed->ledger)
		ledger_facts(feed->ledger, &ret->facts.ledger);
	if (ret->facts.ledger.journal_age_ms < 0)
		ret->facts.ledger.journal_age_ms = 0;
	if (feed->ledger && ledger_shares_database(feed->ledger))
		gather_brokers(feed, ret);
}

static struct sys_value *sys_value_of(struct feed *feed, const char *topic)
{
	struct sys_value *last;

	for (size_t i = 0; i < feed->sys_count; i++)
		if (strcmp(feed->sys[i].topic, topic) == 0)
			return &feed->sys[i];
	if (feed->sys_count == SYS_MAX)
		return NULL;
	last = &feed->sys[feed->sys_count++];
	(void)snprintf(last->topic, sizeof(last->topic), "%s", topic);
	return last;
}

static void publish_value(const char *topic, const char *value, void *ctx)
{
	struct feed *feed = ctx;
	struct sys_value *last = sys_value_of(feed, topic);
	char whole[sizeof(SYS_TOPIC) + sizeof(last->topic)];

	if (last && strncmp(last->value, value, sizeof(last->value) - 1) == 0 && last->value[0])
		return;
	(void)snprintf(whole, sizeof(whole), SYS_TOPIC "%s", topic);
	if (broker_retain(whole, value) && last)
		(void)snprintf(last->value, sizeof(last->value), "%s", value);
}

static void keep_value(const char *topic, const char *value, void *ctx)
{
	hour_put(ctx, topic, value);
}

void feed_publish_numbers(struct feed *feed, const struct feed_facts *facts, int64_t now_ns)
{
	int64_t file_every_ns = feed->options->metrics_interval * SECOND_NS;
	int64_t sys_every_ns = feed->options->sys_interval * SECOND_NS;
	bool is_file_due = feed->file && now_ns - feed->file_ns >= file_every_ns;
	bool is_sys_due = sys_every_ns > 0 && now_ns - feed->sys_ns >= sys_every_ns;
	bool is_row_due = hour_begin(feed->hour, now_ns);
	struct numbers numbers;
	char *text = NULL;
	size_t len;

	if (!is_file_due && !is_sys_due && !is_row_due)
		return;
	gather(feed, facts, &numbers);
	if (is_row_due)
		metrics_visit(feed->metrics, &numbers.facts, keep_value, feed->hour);
	if (is_sys_due) {
		feed->sys_ns = now_ns;
		metrics_visit(feed->metrics, &numbers.facts, publish_value, feed);
	}
	if (!is_file_due)
		return;
	feed->file_ns = now_ns;
	/* Without memory there is no text this time. */
	if (metrics_print(feed->metrics, &numbers.facts, &text, &len, NULL) == 0)
		metricsfile_write_take(feed->file, text, len);
}

/* ---- answers to commands ----------------------------------------------------------------- */

static void add_value(const char *topic, const char *value, void *ctx)
{
	/* A value that can't be added, for want of memory, is missing. */
	(void)json_object_set_new(ctx, topic, json_string(value));
}

json_t *feed_counters(struct feed *feed, const struct feed_facts *facts)
{
	struct numbers numbers;
	json_t *json = json_object();

	gather(feed, facts, &numbers);
	if (json)
		metrics_visit(feed->metrics, &numbers.facts, add_value, json);
	return json;
}

const struct hour *feed_hour(const struct feed *feed)
{
	return feed->hour;
}

json_t *feed_list_bans(struct feed *feed)
{
	struct bans *bans = monitor_bans(feed->monitor);
	int64_t now_ns = clock_mono_ns();
	json_t *list = json_array();
	const struct ban *ban;

	for (size_t i = 0; list && i < LISTED_MAX && (ban = bans_active(bans, i, now_ns)); i++)
		(void)json_array_append_new(
			list,
			json_pack("{ss ss ss ss ss sI sI}", "clientId", ban->client, "principal",
				  ban->principal, "of", ban->is_all ? "principal" : "client",
				  "kind", alert_code(ban->kind), "state",
				  ban->is_hold ? "held" : "banned", "secondsLeft",
				  (json_int_t)((ban->until_ns - now_ns) / SECOND_NS + 1),
				  "secondsAgo", (json_int_t)((now_ns - ban->from_ns) / SECOND_NS)));
	return json_pack("{so* sI}", "bans", list, "total", (json_int_t)bans_count(bans, now_ns));
}

json_t *feed_lift_ban(struct feed *feed, const char *client_id, const char *principal)
{
	struct bans *bans = monitor_bans(feed->monitor);
	int64_t now_ns = clock_mono_ns();
	const struct ban *ban;
	size_t lifted;

	for (size_t i = 0; (ban = bans_active(bans, i, now_ns)); i++)
		if (bans_is_meant(ban, client_id, principal))
			feed_share_lifted(feed, ban);
	lifted = bans_lift(bans, client_id, principal, now_ns);

	return json_pack("{sI}", "lifted", (json_int_t)lifted);
}

json_t *feed_list_alerts(struct feed *feed)
{
	const struct alerts *alerts = monitor_alerts(feed->monitor);
	int64_t now_ns = clock_mono_ns();
	json_t *list = json_array();
	const struct alert *alert;
	char text[ALERTS_TEXT_MAX];

	for (size_t i = 0; list && i < LISTED_MAX && (alert = alerts_active(alerts, i)); i++) {
		int64_t ago_ms = (now_ns - alert->raised_ns) / 1000000;
		size_t len = alert_print(alert, clock_unix_ms() - ago_ms, text);

		if (len > 0)
			(void)json_array_append_new(list, json_loadb(text, len, 0, NULL));
	}
	return json_pack("{so*}", "alerts", list);
}
