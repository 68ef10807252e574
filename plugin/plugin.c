/*
 * plugin.c -- the entry: Mosquitto's three symbols, the table of callbacks, init and cleanup, the
 * tick.
 *
 * What happens to a publish is in broker/events_publish.c, to a last will in events_will.c, to
 * deliveries and subscriptions in events_acl.c, to logins in events_login.c.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/version.h"
#include "broker/events.h"
#include "broker/events_later.h"
#include "broker/lookups.h"
#include "broker/shown.h"
#include "monitor/control.h"

/* 2.1's events, under numbers that 2.0's headers have no names for. */
#define EVENT_CONNECT 11
#define EVENT_MESSAGE_OUT 27
#define EVENT_CLIENT_OFFLINE 28

/* ---- the tick -------------------------------------------------------------------------- */

static void log_news(struct plugin *plugin)
{
	struct diag diag;

	while (plugin->ledger && ledger_news(plugin->ledger, &diag))
		broker_log(BROKER_WARNING, "%s", diag.text);
}

#define NEWS_NS INT64_C(10000000000) /* the same kind of news comes no more often */

/* What other events could not say, or would have said too often. */
static void log_rare(struct plugin *plugin, int64_t now_ns)
{
	unsigned foreign;
	uint64_t lost;
	const char *name;
	char escaped[80];

	if (atomic_load_explicit(&plugin->unlogged.foreign, memory_order_relaxed) > 0 &&
	    (plugin->unlogged.foreign_ns == 0 || now_ns - plugin->unlogged.foreign_ns >= NEWS_NS)) {
		foreign = atomic_exchange(&plugin->unlogged.foreign, 0);
		plugin->unlogged.foreign_ns = now_ns;
		broker_log(BROKER_NOTICE,
			   "refused %u requests to the broker's HTTP listener: it serves the "
			   "console's files, and nothing else",
			   foreign);
	}
	if (plugin->unlogged.lost_ns != 0 && now_ns - plugin->unlogged.lost_ns < NEWS_NS)
		return;
	lost = sessions_lost(plugin->sessions, &name);
	if (lost == 0)
		return;
	plugin->unlogged.lost_ns = now_ns;
	broker_log(BROKER_WARNING,
		   "forgot %llu sessions of clients that are away, the last of %s: more than %u of "
		   "one principal, or %u of all; what is sent to them, and their last wills, are "
		   "refused",
		   (unsigned long long)lost,
		   diag_name(escaped, sizeof(escaped), name, strlen(name)), SESSIONS_GONE_OF_ONE,
		   SESSIONS_GONE_MAX);
}

bool events_refuse_foreign(struct plugin *plugin)
{
	atomic_fetch_add_explicit(&plugin->unlogged.foreign, 1, memory_order_relaxed);
	return true;
}

struct feed_facts events_facts(const struct plugin *plugin)
{
	return (struct feed_facts){ .login = plugin->login,
				    .table = plugin->sessions,
				    .is_repairing = repairs_is_scanning(plugin->repairs) ||
						    repairs_waiting(plugin->repairs) > 0,
				    .repairs =
					    plugin->retained.published + plugin->retained.cleared };
}

/*
 * Does the broker end after this tick? 2.0 ticks at the end of each round and leaves its loop then:
 * what is published up to here is from clients, and the last wills of all connected ones follow.
 */
static bool is_ending(const struct plugin *plugin)
{
	return plugin->broker.running && !*plugin->broker.running;
}

/* What need not be done in each of a busy broker's rounds, of which a message may take one. */
#define REST_NS INT64_C(1000000)

static void do_rest(struct plugin *plugin, int64_t now_ns)
{
	struct feed_facts facts;

	plugin->is_kicking = true; /* it disconnects clients that may not share any more */
	events_share_tick(plugin);
	plugin->is_kicking = false;
	events_release_tick(plugin);
	events_renew_sessions(plugin);
	events_end_sessions(plugin);
	log_news(plugin);
	notify_tick(&plugin->notify);
	log_rare(plugin, now_ns);
	peers_tick(plugin, now_ns);
	facts = events_facts(plugin);
	plugin->is_kicking = true; /* it disconnects whom the monitor wants gone */
	feed_tick(plugin->feed, &facts);
	plugin->is_kicking = false;
}

static int on_tick(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_tick *event = event_data;
	struct plugin *plugin = userdata;
	int64_t now_ns = clock_mono_ns();

	(void)event_id;
	/*
	 * 2.1 counts to the next tick by the wall clock: where that is set back none would come
	 * until it is where it was. So the next one is due at any time. (2.0 says no time and asks
	 * for none; next_ns and next_ms share their place and differ in meaning.)
	 */
	event->next_s = -event->now_s;
	events_settle(plugin);
	plugin->pending.request.message.payload = NULL; /* freed by now: others may lie there */
	plugin->has_ticked = true;
	plugin->is_ending = is_ending(plugin);
	plugin->reloading.is_active = false;
	free(plugin->reloading.kept);
	plugin->reloading.kept = NULL;
	plugin->arrival.handle = NULL;
	underway_turn(&plugin->underway);
	if (plugin->ledger)
		ledger_tick(plugin->ledger);
	if (plugin->options.delayed_logins)
		events_finish_logins(plugin);
	if (answers_count(plugin->answers) > 0)
		events_later_tick(plugin);
	events_strict_tick(plugin);
	events_others_tick(plugin, now_ns);
	events_retained_tick(plugin); /* what it published, the broker hands out by rounds */
	/* An idle broker ticks ten times a second, so that the rest is late by that at most. */
	if (plugin->is_ending || now_ns - plugin->rest_ns >= REST_NS) {
		plugin->rest_ns = now_ns;
		do_rest(plugin, now_ns);
	}
	return MOSQ_ERR_SUCCESS;
}

/* ---- at the beginning ---------------------------------------------------------------------- */

static int init_options(struct plugin *plugin, const struct mosquitto_opt *options, int count,
			struct diag *diag)
{
	struct options_pair *pairs = calloc((size_t)count + 1, sizeof(*pairs));
	int rc;

	if (!pairs)
		return diag_nomem(diag);
	for (int i = 0; i < count; i++)
		pairs[i] =
			(struct options_pair){ .key = options[i].key, .value = options[i].value };
	rc = options_init(&plugin->options, pairs, (size_t)count, diag);
	free(pairs);
	return rc;
}

/* @ctx is the diag of the start, which ends where nothing can ever connect. */
static void on_database_fault(void *ctx, bool is_of_file, const char *text)
{
	struct diag *diag = ctx;

	if (is_of_file)
		broker_log(BROKER_WARNING, "plugin_opt_database: %s", text);
	else if (!diag->text[0])
		(void)diag_set(diag, ERR_INVALID, "plugin_opt_database: %s", text);
}

static int init_ledger(struct plugin *plugin, struct diag *diag)
{
	const struct options *options = &plugin->options;
	struct ledger_options wanted = {
		.path = options->database,
		.journal = options->journal,
		.journal_bytes = (size_t)options->journal_size,
		.journal_bytes_max = (size_t)options->journal_max,
		.batch_rows = (unsigned)options->batch_rows,
		.batch_ms = (unsigned)options->batch_ms,
		.events_keep_rows = (uint64_t)options->events_keep_rows,
		.events_keep_days = (unsigned)options->events_keep_days,
		.refusals_keep_rows = (uint64_t)options->refusals_keep_rows,
		.refusals_keep_days = (unsigned)options->refusals_keep_days,
		.cache_entities = (size_t)options->state_cache,
		.wait_ms = (unsigned)options->backpressure_ms,
		.strict_ms = (unsigned)options->strict_ms,
		.may_open_later = true,
		.broker = options->broker,
	};

	if (!options->database)
		return 0;
	if (!wanted.broker && !ledger_is_shared(options->database) && plugin->host[0])
		wanted.broker = plugin->host;
	ledger_check_database(options->database, on_database_fault, diag);
	if (diag->text[0])
		return ERR_INVALID;
	return ledger_open(&wanted, &plugin->rules->contract->plan, &plugin->ledger, diag);
}

/* Logins are answered later only where that was asked for, and is safe. */
static int init_delays(struct plugin *plugin, struct diag *diag)
{
	int rc = plugin->options.delayed_logins ? broker_check_delayed(&plugin->broker, diag) : 0;

	if (rc || !plugin->options.delayed_logins)
		plugin->broker.complete_login = NULL;
	else
		broker_wakeable();
	return rc;
}

static int init_login(struct plugin *plugin, struct diag *diag)
{
	const struct options *options = &plugin->options;
	struct login_options wanted = { .credentials = (size_t)options->credential_cache,
					.has_lockout = options->lockout != 0,
					.never_lock = options->never_lock,
					.connects = (uint32_t)options->connects_per_minute,
					.percent = (unsigned)options->derivation_share,
					.holdoffs = plugin->holdoffs,
					.wake = plugin->broker.complete_login ? events_wake : NULL,
					.wake_ctx = plugin };

	return login_new(&wanted, &plugin->login, diag);
}

/* Other brokers may keep in the same database. */
static int init_others(struct plugin *plugin, struct diag *diag)
{
	int rc = 0;

	plugin->is_saying = plugin->options.say_publisher || plugin->gate.is_shared;
	if (plugin->gate.is_shared)
		rc = crossings_new(&plugin->crossings, diag);
	if (rc == 0 && plugin->gate.is_shared)
		rc = awaited_new(&plugin->awaited, diag);
	return rc;
}

/* False: @diag says what is wrong. */
static bool init_rooms(struct plugin *plugin, struct diag *diag)
{
	const struct options *options = &plugin->options;
	const struct broker *broker = &plugin->broker;

	peers_name_broker(plugin);
	portions_init(&plugin->confirms, EVENTS_CONFIRMS_US);
	portions_init(&plugin->commands, EVENTS_COMMANDS);
	portions_init(&plugin->command_lines, EVENTS_COMMAND_LINES);
	plugin->rules_ms = clock_unix_ms();
	plugin->confirm_us = EVENTS_CONFIRM_US;
	return init_delays(plugin, diag) == 0 &&
	       events_load_rules(plugin, &plugin->rules, diag) == 0 &&
	       init_ledger(plugin, diag) == 0 &&
	       gate_init(&plugin->gate, plugin->rules, plugin->ledger, diag) == 0 &&
	       sessions_new(&plugin->sessions, diag) == 0 &&
	       shares_new(&plugin->shares, diag) == 0 &&
	       releases_new(&plugin->releases, diag) == 0 && init_others(plugin, diag) == 0 &&
	       repairs_new(!broker->has_quota_code, &plugin->repairs, diag) == 0 &&
	       notify_init(&plugin->notify, options, broker, plugin->ledger, diag) == 0 &&
	       holdoffs_new(&plugin->holdoffs, diag) == 0 && init_login(plugin, diag) == 0 &&
	       shown_new(&plugin->shown, diag) == 0 && events_later_init(plugin, diag) == 0 &&
	       feed_new(options, broker, plugin->ledger, &plugin->feed, &plugin->faults, diag) ==
		       0 &&
	       feed_use(plugin->feed, plugin->rules, diag) == 0;
}

/* clang-format off */
static const struct {
	int event;
	MOSQ_FUNC_generic_callback callback;
	const char *topic; /* of a command; NULL: the event has none */
	bool is_optional;  /* only newer brokers have it */
	bool is_of_shared; /* only where other brokers keep in the same database */
} callbacks[] = {
	{ .event = MOSQ_EVT_BASIC_AUTH, .callback = events_on_basic_auth },
	{ .event = MOSQ_EVT_EXT_AUTH_START, .callback = events_on_auth_start },
	{ .event = MOSQ_EVT_EXT_AUTH_CONTINUE, .callback = events_on_auth_continue },
	{ .event = EVENT_CONNECT, .callback = events_on_connect, .is_optional = true },
	{ .event = MOSQ_EVT_ACL_CHECK, .callback = events_on_acl_check },
	{ .event = MOSQ_EVT_MESSAGE, .callback = events_on_message },
	{ .event = MOSQ_EVT_DISCONNECT, .callback = events_on_leave },
	{ .event = EVENT_MESSAGE_OUT,
	  .callback = peers_on_message_out,
	  .is_optional = true,
	  .is_of_shared = true },
	{ .event = EVENT_CLIENT_OFFLINE, .callback = events_on_leave, .is_optional = true },
	{ .event = MOSQ_EVT_TICK, .callback = on_tick },
	{ .event = MOSQ_EVT_RELOAD, .callback = events_on_reload },
	{ .event = MOSQ_EVT_CONTROL, .callback = events_on_control, .topic = CONTROL_TOPIC },
	{ .event = MOSQ_EVT_CONTROL, .callback = events_on_control, .topic = CONTROL_RESEND_TOPIC },
};
/* clang-format on */

#define CALLBACKS (sizeof(callbacks) / sizeof(callbacks[0]))

static int register_callbacks(struct plugin *plugin, struct diag *diag)
{
	for (size_t i = 0; i < CALLBACKS; i++) {
		int rc;

		if (callbacks[i].is_of_shared && !plugin->gate.is_shared)
			continue;
		rc = mosquitto_callback_register(plugin->id, callbacks[i].event,
						 callbacks[i].callback, callbacks[i].topic, plugin);
		if (rc == MOSQ_ERR_SUCCESS ||
		    (rc == MOSQ_ERR_NOT_SUPPORTED && callbacks[i].is_optional))
			continue;
		return diag_set(
			diag, ERR_INVALID, "the broker refuses to register event %d (error %d)%s",
			callbacks[i].event, rc,
			rc == MOSQ_ERR_ALREADY_EXISTS ? ": is the plugin loaded twice?" : "");
	}
	return 0;
}

static void plugin_free(struct plugin *plugin)
{
	if (!plugin)
		return;
	login_free(plugin->login); /* first: its threads may still wake us */
	answers_free(plugin->answers);
	underway_clear(&plugin->underway);
	lookups_free(plugin->lookups);
	shown_free(plugin->shown); /* behind the thread that reads it */
	if (plugin->broker.complete_login)
		broker_unwakeable();
	holdoffs_free(plugin->holdoffs);
	notify_clear(&plugin->notify);
	feed_free(plugin->feed);
	gate_clear(&plugin->gate);
	ledger_close(plugin->ledger);
	access_principal_drop(plugin->named.made);
	rules_free(plugin->rules);
	sessions_free(plugin->sessions);
	shares_free(plugin->shares);
	releases_free(plugin->releases);
	repairs_free(plugin->repairs);
	crossings_free(plugin->crossings);
	awaited_free(plugin->awaited);
	free(plugin->retained.mark);
	options_clear(&plugin->options);
	free(plugin->arrival.id);
	free(plugin->pending.copy);
	properties_forget(plugin);
	free(plugin->reloading.kept);
	free(plugin);
}

/* ---- the three symbols ---------------------------------------------------------------------- */

#define EXPORT __attribute__((visibility("default")))

EXPORT int mosquitto_plugin_version(int supported_version_count, const int *supported_versions)
{
	for (int i = 0; i < supported_version_count; i++)
		if (supported_versions[i] == MOSQ_PLUGIN_VERSION)
			return MOSQ_PLUGIN_VERSION;
	return -1;
}

EXPORT int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **userdata,
				 struct mosquitto_opt *options, int option_count)
{
	struct plugin *plugin = calloc(1, sizeof(*plugin));
	struct diag diag;

	diag_init(&diag);
	if (!plugin) {
		broker_log(BROKER_ERROR, "out of memory");
		return MOSQ_ERR_NOMEM;
	}
	json_object_seed(0); /* before any thread of ours could race for it */
	plugin->id = identifier;
	plugin->thread = pthread_self();
	plugin->generation = 1; /* a session of generation 0 was never looked up */
	broker_probe(&plugin->broker);
	if (init_options(plugin, options, option_count, &diag) || !init_rooms(plugin, &diag) ||
	    register_callbacks(plugin, &diag)) {
		broker_log(BROKER_ERROR, "%s", diag.text);
		events_log_faults(plugin);
		plugin_free(plugin);
		return MOSQ_ERR_INVAL;
	}
	notify_use(&plugin->notify, plugin->rules);
	broker_log(BROKER_INFO, "version " PETSTORE_VERSION ", payloads read by %s",
		   payload_backend());
	events_log_rules(plugin, "loaded");
	listeners_check();
	events_retained_begin(plugin);
	*userdata = plugin;
	return MOSQ_ERR_SUCCESS;
}

EXPORT int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int option_count)
{
	struct plugin *plugin = userdata;

	(void)options;
	(void)option_count;
	if (!plugin)
		return MOSQ_ERR_SUCCESS; /* 2.1 cleans up after an init that failed, too */
	events_settle_last(plugin);
	for (size_t i = 0; i < CALLBACKS; i++)
		(void)mosquitto_callback_unregister(plugin->id, callbacks[i].event,
						    callbacks[i].callback, callbacks[i].topic);
	plugin_free(plugin);
	return MOSQ_ERR_SUCCESS;
}
