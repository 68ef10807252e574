#include "watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/version.h"
#include "monitor/metricsfile.h"
#include "monitor/settings.h"

#define SECOND_NS INT64_C(1000000000)
#define ALERTS_PER_SECOND 20u /* published, kept and logged; what is above waits its turn */
#define LISTED_MAX 200u       /* bans or alerts in one answer */
#define SYS_TOPIC "$SYS/broker/petstore/"
#define SYS_MAX 64u /* values below it */
#define ALERTS_TOPIC "alerts/"
#define STUCK_MAX 16u /* entities of one status that are told of */

/* What was published last: only what changed is published again. */
struct told {
	char topic[64];
	char value[128];
};

struct watch {
	const struct options *options;
	const struct broker *broker;
	struct ledger *ledger;
	struct monitor *monitor;
	struct metrics *metrics;
	struct metricsfile *file; /* NULL: none is wanted */
	const struct rules *rules;
	bool has_channel; /* the contract has one for alerts */
	uint64_t generation;
	uint64_t start_s;
	uint64_t reloads;
	uint64_t reload_failures;
	int64_t file_ns; /* when it was written last */
	int64_t sys_ns;
	int64_t alert_second;
	unsigned alerts;
	size_t asked_channel; /* the next to ask the ledger about, see ask_stuck() */
	size_t asked_status;
	int64_t asked_ns;
	size_t told_count;
	struct told told[SYS_MAX];
};

/* ---- life -------------------------------------------------------------------------------- */

int watch_new(const struct options *options, const struct broker *broker, struct ledger *ledger,
	      struct watch **ret, struct diag *diag)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	struct settings settings;
	int rc;

	if (!watch)
		return diag_nomem(diag);
	watch->options = options;
	watch->broker = broker;
	watch->ledger = ledger;
	watch->start_s = (uint64_t)(clock_unix_ms() / 1000);
	rc = monitor_new((size_t)options->monitor_clients, &watch->monitor, diag);
	if (rc == 0)
		rc = metrics_new(&watch->metrics, diag);
	if (rc == 0)
		rc = watch_read(watch, &settings, diag);
	if (rc == 0)
		watch_set(watch, &settings);
	if (rc == 0 && options->metrics_file)
		rc = metricsfile_new(options->metrics_file, &watch->file, diag);
	if (rc) {
		watch_free(watch);
		return rc;
	}
	*ret = watch;
	return 0;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	metricsfile_free(watch->file);
	metrics_free(watch->metrics);
	monitor_free(watch->monitor);
	free(watch);
}

int watch_read(const struct watch *watch, struct settings *ret, struct diag *diag)
{
	*ret = settings_defaults();
	return watch->options->monitor ? settings_load(watch->options->monitor, ret, diag) : 0;
}

void watch_set(struct watch *watch, const struct settings *settings)
{
	monitor_set(watch->monitor, settings);
}

static void describe_channel(const struct contract_channel *channel, struct monitor_channel *ret)
{
	*ret = (struct monitor_channel){
		.name = channel->name,
		.limits = { .messages_per_second = channel->rate.messages_per_second,
			    .burst = channel->rate.burst,
			    .bytes_per_second = channel->rate.bytes_per_second },
		.interval_s = channel->interval_s,
	};
}

int watch_use(struct watch *watch, const struct rules *rules, struct diag *diag)
{
	static const char example[] = ALERTS_TOPIC "takeover";
	size_t count = contract_channel_count(rules->contract);
	struct monitor_channel *channel = calloc(count + 1, sizeof(*channel));
	const char **name = calloc(count + 1, sizeof(*name));
	struct contract_match match;
	int rc = ERR_NOMEM;

	if (!channel || !name) {
		(void)diag_nomem(diag);
		goto out;
	}
	for (size_t i = 0; i < count; i++) {
		describe_channel(contract_channel(rules->contract, i), &channel[i]);
		name[i] = channel[i].name;
	}
	rc = metrics_reserve(watch->metrics, count, diag);
	if (rc == 0)
		rc = monitor_use(watch->monitor, channel, count, diag);
	if (rc)
		goto out;
	metrics_use(watch->metrics, name, count);
	match = contract_match(rules->contract, example, sizeof(example) - 1);
	watch->has_channel = match.channel && match.channel->receive.name;
	watch->rules = rules;
	watch->asked_channel = watch->asked_status = 0;
	watch->generation++;
out:
	free(channel);
	free(name);
	return rc;
}

void watch_reloaded(struct watch *watch, bool is_done)
{
	if (is_done)
		watch->reloads++;
	else
		watch->reload_failures++;
}

/* ---- who --------------------------------------------------------------------------------- */

static struct monitor_who who_is(const struct mosquitto *client, const struct session *session)
{
	struct broker_client who = broker_client(client);

	return (struct monitor_who){ .client = who.id,
				     .principal = session ? session->name : who.username,
				     .address = who.address };
}

static struct monitor_rates rates_of(const struct access_limits *limits)
{
	const struct monitor_limits own = { .messages_per_second = limits->messages_per_second,
					    .burst = limits->burst,
					    .bytes_per_second = limits->bytes_per_second,
					    .connects_per_minute = limits->connects_per_minute };

	return monitor_rates(&own);
}

/* The limits of the client's roles, made ready once a session; NULL: none. */
static const struct monitor_rates *rates(struct watch *watch, struct session *session)
{
	if (!session || !session->principal || !session->principal->limits)
		return NULL;
	if (session->seat_generation != watch->generation) {
		session->rates = rates_of(session->principal->limits);
		session->seat_generation = watch->generation;
	}
	return &session->rates;
}

/* ---- logins ------------------------------------------------------------------------------ */

static enum metrics_method method_of(enum login_method method)
{
	static const enum metrics_method methods[LOGIN_METHODS] = {
		[LOGIN_PASSWORD] = METRICS_PASSWORD,
		[LOGIN_CERTIFICATE] = METRICS_CERTIFICATE,
		[LOGIN_TOKEN] = METRICS_TOKEN,
		[LOGIN_SCRAM] = METRICS_SCRAM,
	};

	return (unsigned)method < LOGIN_METHODS ? methods[method] : METRICS_NO_METHOD;
}

void watch_refused_login(struct watch *watch, const struct mosquitto *client,
			 const struct login_request *request, enum login_method method)
{
	struct monitor_who who = who_is(client, NULL);

	if (request->is_repeat)
		return;
	metrics_connected(watch->metrics,
			  who.principal[0] || method != LOGIN_PASSWORD ? method_of(method)
								       : METRICS_NO_METHOD,
			  METRICS_REFUSED);
	monitor_login_failed(watch->monitor, &who, clock_mono_ns());
}

bool watch_login(struct watch *watch, const struct mosquitto *client,
		 const struct login_request *request, const struct login_answer *answer,
		 struct diag *why)
{
	struct monitor_who who = who_is(client, NULL);
	const struct access_limits *limits = answer->principal ? answer->principal->limits : NULL;
	struct monitor_rates own = { 0 };
	int64_t now_ns = clock_mono_ns();
	int64_t wait_ns;

	if (!answer->principal)
		return true; /* an offline session of nobody */
	who.principal = answer->principal->name;
	if (limits)
		own = rates_of(limits);
	if (!request->is_repeat && broker_is_clean(client))
		monitor_restart(watch->monitor, &who);
	wait_ns = request->is_repeat ? monitor_wait(watch->monitor, &who, now_ns)
				     : monitor_connect(watch->monitor, &who, client,
						       limits ? &own : NULL, now_ns);
	if (!request->is_repeat)
		metrics_connected(watch->metrics, method_of(answer->method),
				  wait_ns > 0 ? METRICS_HELD : METRICS_ACCEPTED);
	if (wait_ns <= 0)
		return true;
	(void)diag_set(why, ERR_BUSY, "the client is held off for %lld more seconds",
		       (long long)((wait_ns + SECOND_NS - 1) / SECOND_NS));
	return false;
}

void watch_left(struct watch *watch, const struct mosquitto *client, const struct session *session)
{
	struct monitor_who who;

	if (!session)
		return;
	who = who_is(client, session);
	monitor_disconnected(watch->monitor, &who, client);
}

/* ---- messages ---------------------------------------------------------------------------- */

void watch_decided(struct watch *watch, const struct gate_request *request,
		   const struct decision *decision, int64_t took_ns)
{
	enum metrics_action action = request->action == GATE_PUBLISH   ? METRICS_PUBLISH
				     : request->action == GATE_DELIVER ? METRICS_DELIVER
								       : METRICS_SUBSCRIBE;

	metrics_decided(watch->metrics, action,
			decision->channel ? decision->channel->index : METRICS_NO_CHANNEL,
			decision->reason, decision->is_observed);
	if (took_ns > 0)
		metrics_took(watch->metrics, took_ns);
}

static void refuse(struct decision *decision, enum contract_mode mode, const struct diag *why)
{
	if (mode == CONTRACT_OBSERVE && decision->is_observed)
		return; /* something else was wrong before */
	decision->is_observed = mode == CONTRACT_OBSERVE;
	decision->verdict = mode == CONTRACT_OBSERVE ? VERDICT_ALLOW : VERDICT_DENY;
	decision->reason = REASON_RATE_EXCEEDED;
	decision->error.instance[0] = decision->error.keyword[0] = '\0';
	diag_escape(decision->error.message, sizeof(decision->error.message), why->text,
		    strlen(why->text));
}

void watch_charge(struct watch *watch, const struct mosquitto *client, struct session *session,
		  const struct gate_request *request, enum contract_mode mode,
		  struct decision *decision)
{
	struct monitor_who who = who_is(client, session);
	int64_t now_ns = clock_mono_ns();
	struct client *record;
	struct diag why;

	if (mode == CONTRACT_OFF || !decision->channel)
		return;
	record = monitor_client(watch->monitor, &who, session ? &session->seat : NULL, now_ns);
	if (!monitor_charge(watch->monitor, record, decision->channel->index, request->payload_len,
			    rates(watch, session), now_ns, &why))
		refuse(decision, mode, &why);
}

/* Does the message say when it was made? How far from now is that? */
static bool read_claim(const struct decision *decision, int64_t *off_ms)
{
	const char *member = decision->channel->time_member;
	const char *text = NULL;
	size_t len = 0;
	int64_t claimed_ms;

	if (!member || !decision->payload ||
	    !payload_string(payload_member(decision->payload, member, strlen(member)), &text,
			    &len) ||
	    !clock_parse(text, len, &claimed_ms))
		return false;
	*off_ms = claimed_ms - clock_unix_ms();
	return true;
}

void watch_accepted(struct watch *watch, const struct mosquitto *client, struct session *session,
		    const struct gate_request *request, const struct decision *decision,
		    uint64_t digest)
{
	struct monitor_who who = who_is(client, session);
	int64_t now_ns = clock_mono_ns();
	struct monitor_publish publish = { .payload_len = request->payload_len };
	struct client *record;

	if (!decision->channel)
		return;
	/* Two topics with the same payload are two messages. */
	publish.digest = digest;
	for (size_t i = 0; i < request->topic_len; i++)
		publish.digest = (publish.digest ^ (unsigned char)request->topic[i]) *
				 UINT64_C(0x100000001b3);
	publish.channel = decision->channel->index;
	publish.has_claim = read_claim(decision, &publish.claim_off_ms);
	record = monitor_client(watch->monitor, &who, session ? &session->seat : NULL, now_ns);
	monitor_published(watch->monitor, record, &who, &publish, now_ns);
}

/* Asked for something that is somebody's, or that nobody of his kind may have. */
static bool is_about_others(enum reason reason)
{
	return reason == REASON_NOT_OWNER || reason == REASON_OWNER_CHANGE;
}

void watch_refused(struct watch *watch, const struct mosquitto *client,
		   const struct session *session, const struct gate_request *request,
		   const struct decision *decision)
{
	struct monitor_who who = who_is(client, session);
	bool is_other = is_about_others(decision->reason);

	monitor_refused(watch->monitor, &who, decision->reason, is_other ? request->topic : NULL,
			request->topic_len, clock_mono_ns());
}

void watch_subscribe(struct watch *watch, const struct mosquitto *client, struct session *session,
		     const struct gate_request *request, struct decision *decision)
{
	const struct access_limits *limits =
		session && session->principal ? session->principal->limits : NULL;
	struct monitor_who who = who_is(client, session);
	struct diag why;

	if (!limits || limits->subscriptions == 0 ||
	    monitor_subscribe(watch->monitor, &who, request->topic, request->topic_len,
			      limits->subscriptions, clock_mono_ns()))
		return;
	(void)diag_set(&why, ERR_LIMIT, "more than %u subscriptions of one client",
		       limits->subscriptions);
	refuse(decision, CONTRACT_ENFORCE, &why);
}

void watch_unsubscribe(struct watch *watch, const struct mosquitto *client, struct session *session,
		       const struct gate_request *request)
{
	struct monitor_who who = who_is(client, session);

	if (session && session->principal && session->principal->limits)
		monitor_unsubscribe(watch->monitor, &who, request->topic, request->topic_len);
}

/* ---- alerts ------------------------------------------------------------------------------ */

/* "alert raised: publish-rate of eva (client app-1): Publishes far more than it usually does" */
static void log_alert(const struct alert *alert, int64_t now_ns)
{
	char client[80], principal[80], where[100];

	diag_escape(client, sizeof(client), alert->client, strlen(alert->client));
	diag_escape(principal, sizeof(principal), alert->principal, strlen(alert->principal));
	diag_escape(where, sizeof(where), alert->where, strlen(alert->where));
	if (alert->is_raised)
		broker_log(BROKER_WARNING, "alert raised: %s: %s%s%s%s%s%s%s%s%s%s%s: %s",
			   alert_code(alert->kind), principal[0] ? "user " : "", principal,
			   client[0] ? " client " : "", client, alert->address[0] ? " from " : "",
			   alert->address, where[0] ? " on " : "", where,
			   alert->detail[0] ? ", " : "", alert->detail,
			   alert->response > ALERT_REPORT ? " (acted upon)" : "",
			   alert_title(alert->kind));
	else
		broker_log(BROKER_NOTICE, "alert cleared: %s: %s%s%s%s after %lld s",
			   alert_code(alert->kind), principal[0] ? principal : where,
			   client[0] ? " client " : "", client,
			   alert->address[0] ? alert->address : "",
			   (long long)((now_ns - alert->raised_ns) / SECOND_NS));
}

static void tell_alert(struct watch *watch, const struct alert *alert, int64_t now_ns)
{
	char topic[64], text[ALERTS_TEXT_MAX];
	struct alertrow row = { .time_ms = clock_unix_ms(),
				.kind = alert_code(alert->kind),
				.state = alert->is_raised ? "raised" : "cleared",
				.client_id = alert->client,
				.principal = alert->principal,
				.address = alert->address,
				.document = text };
	size_t len = alert_print(alert, row.time_ms, text);

	(void)snprintf(topic, sizeof(topic), ALERTS_TOPIC "%s", row.kind);
	if (len > 0 && watch->ledger)
		ledger_alert(watch->ledger, &row);
	if (len > 0 && watch->has_channel)
		/* What can't be sent is on the log and in the table all the same. */
		(void)broker_publish(watch->broker, topic, text, len, "application/json");
	log_alert(alert, now_ns);
}

static void tell_alerts(struct watch *watch, int64_t now_ns)
{
	struct alert alert;

	if (now_ns / SECOND_NS != watch->alert_second) {
		watch->alert_second = now_ns / SECOND_NS;
		watch->alerts = 0;
	}
	while (watch->alerts < ALERTS_PER_SECOND && monitor_next_alert(watch->monitor, &alert)) {
		watch->alerts++;
		tell_alert(watch, &alert, now_ns);
	}
}

static void kick_all(struct watch *watch)
{
	char name[80];
	char *client;

	while ((client = monitor_next_kick(watch->monitor))) {
		broker_log(BROKER_NOTICE, "disconnecting client %s: see the alert",
			   diag_escape(name, sizeof(name), client, strlen(client)));
		broker_kick(client);
		free(client);
	}
}

/* ---- statuses that stand too long --------------------------------------------------------- */

struct stuck {
	struct watch *watch;
	const char *entity;
	const char *status;
	uint32_t allowed_s;
	int64_t now_ns;
};

static void see_stuck(const struct ledger_stood *stood, void *ctx)
{
	const struct stuck *stuck = ctx;
	struct monitor_stuck seen = { .entity = stuck->entity,
				      .id = stood->id,
				      .status = stuck->status,
				      .allowed_s = stuck->allowed_s };
	int64_t since_ms;

	if (!clock_parse(stood->since, strlen(stood->since), &since_ms))
		return;
	seen.stands_s = (uint64_t)((clock_unix_ms() - since_ms) / 1000);
	monitor_stuck(stuck->watch->monitor, &seen, stuck->now_ns);
}

static void ask_status(struct watch *watch, const struct contract_mapping *map, size_t status,
		       int64_t now_ns)
{
	struct stuck stuck = { .watch = watch,
			       .entity = map->entity->name,
			       .status = map->transitions->status[status],
			       .allowed_s = map->transitions->longest_s[status],
			       .now_ns = now_ns };
	int64_t before_ms = clock_unix_ms() - (int64_t)stuck.allowed_s * 1000;

	/* A store that can't be asked now is asked again; its trouble is told elsewhere. */
	(void)ledger_standing(watch->ledger, map->entity->index, map->slot, stuck.status, before_ms,
			      STUCK_MAX, see_stuck, &stuck, NULL);
}

/*
 * One status of one channel a call, so that a tick costs one indexed read at most; when all
 * have had their turn, a window's pause.
 */
static void ask_stuck(struct watch *watch, int64_t now_ns)
{
	const struct setting *setting = monitor_setting(watch->monitor, ALERT_STUCK);
	size_t channels = contract_channel_count(watch->rules->contract);

	if (!watch->ledger || !setting->is_on || now_ns < watch->asked_ns)
		return;
	for (; watch->asked_channel < channels; watch->asked_channel++, watch->asked_status = 0) {
		const struct contract_mapping *map =
			contract_channel(watch->rules->contract, watch->asked_channel)->mapping;
		size_t count = map && map->transitions ? map->transitions->count : 0;

		for (; watch->asked_status < count; watch->asked_status++)
			if (map->transitions->longest_s[watch->asked_status] > 0) {
				ask_status(watch, map, watch->asked_status++, now_ns);
				return;
			}
	}
	watch->asked_channel = watch->asked_status = 0;
	watch->asked_ns = now_ns + setting->window_s * SECOND_NS;
}

/* ---- numbers ----------------------------------------------------------------------------- */

static void gather_ledger(struct watch *watch, struct metrics_facts *ret)
{
	struct ledger_facts ledger;

	if (!watch->ledger)
		return;
	ledger_facts(watch->ledger, &ledger);
	ret->has_ledger = true;
	ret->state_hits = ledger.state_hits;
	ret->state_misses = ledger.state_misses;
	ret->journal_bytes = ledger.journal_bytes;
	ret->journal_used = ledger.journal_used;
	ret->journal_records = ledger.journal_records;
	ret->journal_age_ms = ledger.journal_age_ms > 0 ? (uint64_t)ledger.journal_age_ms : 0;
	ret->store_errors = ledger.store_errors;
	ret->refusals_lost = ledger.refusals_lost;
	ret->batch_records = ledger.batch_records;
	ret->batch_ns = ledger.batch_ns;
}

static struct metrics_facts gather(struct watch *watch, const struct watch_facts *facts)
{
	struct monitor_facts monitor = monitor_facts(watch->monitor);
	struct metrics_facts ret = {
		.version = PETSTORE_VERSION,
		.broker = watch->broker->has_quota_code ? "2.1" : "2.0",
		.parser = payload_backend(),
		.contract = contract_title(facts->rules->contract),
		.contract_version = contract_version(facts->rules->contract),
		.start_s = watch->start_s,
		.reloads = watch->reloads,
		.reload_failures = watch->reload_failures,
		.sessions = facts->sessions,
		.clients = monitor.clients,
		.clients_evicted = monitor.evicted,
		.bans = bans_count(monitor_bans(watch->monitor), clock_mono_ns()),
		.alerts = alerts_counts(monitor_alerts(watch->monitor)),
	};

	login_count(facts->login, &ret.credential_hits, &ret.credential_misses);
	gather_ledger(watch, &ret);
	return ret;
}

static struct told *told_of(struct watch *watch, const char *topic)
{
	struct told *told;

	for (size_t i = 0; i < watch->told_count; i++)
		if (strcmp(watch->told[i].topic, topic) == 0)
			return &watch->told[i];
	if (watch->told_count == SYS_MAX)
		return NULL;
	told = &watch->told[watch->told_count++];
	(void)snprintf(told->topic, sizeof(told->topic), "%s", topic);
	return told;
}

static void publish_value(const char *topic, const char *value, void *ctx)
{
	struct watch *watch = ctx;
	struct told *told = told_of(watch, topic);
	char whole[sizeof(SYS_TOPIC) + sizeof(told->topic)];

	if (told && strncmp(told->value, value, sizeof(told->value) - 1) == 0 && told->value[0])
		return;
	(void)snprintf(whole, sizeof(whole), SYS_TOPIC "%s", topic);
	if (broker_retain(whole, value) && told)
		(void)snprintf(told->value, sizeof(told->value), "%s", value);
}

static void give_out(struct watch *watch, const struct watch_facts *facts, int64_t now_ns)
{
	int64_t file_every_ns = watch->options->metrics_interval * SECOND_NS;
	int64_t sys_every_ns = watch->options->sys_interval * SECOND_NS;
	bool is_file_due = watch->file && now_ns - watch->file_ns >= file_every_ns;
	bool is_sys_due = sys_every_ns > 0 && now_ns - watch->sys_ns >= sys_every_ns;
	struct metrics_facts numbers;
	char *text = NULL;
	size_t len;

	if (!is_file_due && !is_sys_due)
		return;
	numbers = gather(watch, facts);
	if (is_sys_due) {
		watch->sys_ns = now_ns;
		metrics_tell(watch->metrics, &numbers, publish_value, watch);
	}
	if (!is_file_due)
		return;
	watch->file_ns = now_ns;
	/* Without memory there is no text this time. */
	if (metrics_print(watch->metrics, &numbers, &text, &len, NULL) == 0)
		metricsfile_write_take(watch->file, text, len);
}

void watch_tick(struct watch *watch, const struct watch_facts *facts)
{
	int64_t now_ns = clock_mono_ns();
	struct diag news;

	monitor_tick(watch->monitor, now_ns);
	ask_stuck(watch, now_ns);
	tell_alerts(watch, now_ns);
	kick_all(watch);
	give_out(watch, facts, now_ns);
	if (watch->file && metricsfile_news(watch->file, &news))
		broker_log(BROKER_WARNING, "%s", news.text);
}

/* ---- answers to commands ----------------------------------------------------------------- */

static void add_value(const char *topic, const char *value, void *ctx)
{
	/* A value that can't be added, for want of memory, is missing. */
	(void)json_object_set_new(ctx, topic, json_string(value));
}

json_t *watch_counters(struct watch *watch, const struct watch_facts *facts)
{
	struct metrics_facts numbers = gather(watch, facts);
	json_t *json = json_object();

	if (json)
		metrics_tell(watch->metrics, &numbers, add_value, json);
	return json;
}

json_t *watch_list_bans(struct watch *watch)
{
	struct bans *bans = monitor_bans(watch->monitor);
	int64_t now_ns = clock_mono_ns();
	json_t *list = json_array();
	const struct ban *ban;

	for (size_t i = 0; list && i < LISTED_MAX && (ban = bans_standing(bans, i, now_ns)); i++)
		(void)json_array_append_new(
			list,
			json_pack("{ss ss ss ss sI sI}", "clientId", ban->client, "principal",
				  ban->principal, "kind", alert_code(ban->kind), "state",
				  ban->is_hold ? "held" : "banned", "secondsLeft",
				  (json_int_t)((ban->until_ns - now_ns) / SECOND_NS + 1),
				  "secondsAgo", (json_int_t)((now_ns - ban->from_ns) / SECOND_NS)));
	return json_pack("{so* sI}", "bans", list, "total", (json_int_t)bans_count(bans, now_ns));
}

json_t *watch_lift_ban(struct watch *watch, const char *client_id)
{
	size_t lifted = bans_lift(monitor_bans(watch->monitor), client_id, clock_mono_ns());

	return json_pack("{sI}", "lifted", (json_int_t)lifted);
}

json_t *watch_list_alerts(struct watch *watch)
{
	const struct alerts *alerts = monitor_alerts(watch->monitor);
	int64_t now_ns = clock_mono_ns();
	json_t *list = json_array();
	const struct alert *alert;
	char text[ALERTS_TEXT_MAX];

	for (size_t i = 0; list && i < LISTED_MAX && (alert = alerts_standing(alerts, i)); i++) {
		int64_t ago_ms = (now_ns - alert->raised_ns) / 1000000;
		size_t len = alert_print(alert, clock_unix_ms() - ago_ms, text);

		if (len > 0)
			(void)json_array_append_new(list, json_loadb(text, len, 0, NULL));
	}
	return json_pack("{so*}", "alerts", list);
}
