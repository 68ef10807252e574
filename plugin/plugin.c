/*
 * plugin.c -- the door: Mosquitto's three symbols, its events, all wiring and all logging.
 *
 * The life of a PUBLISH: on_acl_check() asks gate_decide() and refuses or lets pass; on_message()
 * follows for the same message, commits the write that the decision implies, and only then
 * does the broker acknowledge. A last will never reaches on_message(), so on_acl_check()
 * commits what a will implies. on_acl_check() also answers for each subscriber a message is
 * delivered to.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/scram.h"
#include "base/clock.h"
#include "base/version.h"
#include "broker.h"
#include "broker_api.h"
#include "gate.h"
#include "login.h"
#include "options.h"
#include "rules.h"
#include "sessions.h"
#include "tell.h"

/* 2.1's events, under numbers that 2.0's headers have no names for. */
#define EVENT_CLIENT_OFFLINE 28

/* The decision of an ACL_CHECK, kept for the MESSAGE that follows. */
struct pending {
	const void *handle; /* NULL: none */
	const void *topic;
	const void *payload;
	size_t payload_len;
	uint64_t digest; /* of the payload's bytes: another plugin may have rewritten them */
	struct decision decision;
};

struct plugin {
	mosquitto_plugin_id_t *id;
	struct broker broker;
	struct options options;
	struct rules *rules;
	uint64_t generation; /* of the rules */
	struct ledger *ledger;
	struct gate gate;
	struct sessions *sessions;
	struct login *login;
	pthread_t thread; /* the broker's: the only one that is let in */
	struct pending pending;
	struct decision delivery;
	struct decision filter; /* of a subscription */
	/*
	 * Who was authenticated last: a client of that id under another handle is being taken
	 * over, and what is published for it before its disconnect is its will.
	 */
	const void *connecting;
	char *connecting_id;
	bool is_reloading; /* until the next tick the broker asks for every session again */
	struct tell tell;
};

/* ---- who ------------------------------------------------------------------------------ */

/*
 * The principal behind a client. What was made for a certificate or a token counts for the rules
 * it was made under: after a reload the broker asks for every session again.
 */
static const struct access_principal *
principal_of(struct plugin *plugin, const struct mosquitto *client, struct session *session)
{
	const char *username;

	if (session) {
		if (session->generation != plugin->generation) {
			sessions_expire(session);
			session->principal = access_find(plugin->rules->access, session->name);
			session->generation = plugin->generation;
		}
		return session->principal;
	}
	/* A session restored from disk, or the source of a retained message. */
	username = mosquitto_client_username(client);
	return username ? access_find(plugin->rules->access, username) : NULL;
}

/* A session restored from disk has no address, one whose client left is marked. */
static bool is_away(const struct broker_client *who, const struct session *session)
{
	return session ? session->is_gone : who->address[0] == '\0';
}

/* The facts of a login that come from the client's connection and our own record of it. */
static void describe_login(struct plugin *plugin, struct mosquitto *client,
			   struct broker_client *who, struct login_request *ret)
{
	const struct session *session = sessions_find(plugin->sessions, client);

	*who = broker_client(client);
	ret->client_id = who->id;
	ret->address = who->address[0] ? who->address : NULL;
	ret->is_repeat = plugin->is_reloading;
	ret->is_exempt =
		plugin->is_reloading && (is_away(who, session) || (session && session->is_scram));
	ret->now_ms = clock_unix_ms();
	ret->mono_ms = clock_mono_ns() / 1000000;
}

/* Opens the session of a client that was let in. False: out of memory. */
static bool open_session(struct plugin *plugin, struct mosquitto *client,
			 const struct login_request *request, struct login_answer *answer)
{
	struct broker_client who = broker_client(client);
	struct session *session = sessions_find(plugin->sessions, client);
	bool is_left = request->is_repeat && is_away(&who, session);
	bool was_scram = request->is_repeat && session && session->is_scram;
	struct certid *certificate = NULL;

	if (!answer->principal)
		return true; /* an offline session of someone unknown: it may do nothing */
	if (answer->method == LOGIN_CERTIFICATE) {
		certificate = malloc(sizeof(*certificate));
		if (!certificate)
			return false;
		*certificate = *request->certificate;
	}
	session = sessions_open(plugin->sessions, client, answer->principal->name);
	if (!session) {
		free(certificate);
		return false;
	}
	session->principal = answer->principal;
	session->made = answer->made;
	answer->made = NULL; /* handed over */
	session->certificate = certificate;
	session->generation = plugin->generation;
	sessions_end_at(plugin->sessions, session, answer->expires_ms);
	session->is_scram = was_scram || answer->method == LOGIN_SCRAM;
	if (is_left)
		sessions_leave(plugin->sessions, client);
	return true;
}

/* What follows a login, however it was proved. Returns what the broker is to be told. */
static int conclude_login(struct plugin *plugin, struct mosquitto *client,
			  const struct login_request *request, struct login_answer *answer)
{
	struct broker_client who = broker_client(client);

	if (answer->verdict == VERDICT_ALLOW && !open_session(plugin, client, request, answer)) {
		answer->verdict = VERDICT_DENY;
		(void)diag_nomem(&answer->why);
	}
	if (answer->verdict != VERDICT_ALLOW) {
		access_principal_drop(answer->made);
		tell_connection(&plugin->tell, client, who.username, answer->why.text);
		return MOSQ_ERR_AUTH;
	}
	if (!request->is_repeat) {
		free(plugin->connecting_id);
		plugin->connecting_id = strdup(who.id); /* NULL: a takeover goes unnoticed */
		plugin->connecting = client;
	}
	if (answer->principal)
		broker_rename(client, answer->principal->name);
	return MOSQ_ERR_SUCCESS;
}

static int on_basic_auth(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_basic_auth *event = event_data;
	struct plugin *plugin = userdata;
	struct login_request request = { .username = event->username, .password = event->password };
	struct login_answer answer;
	const struct session *session;
	struct broker_client who;
	struct certid shown;
	struct diag fault;
	int rc;

	(void)event_id;
	if (!pthread_equal(pthread_self(), plugin->thread))
		return MOSQ_ERR_AUTH; /* 2.1's http_api: touches nothing that is shared */
	plugin->pending.handle = NULL;
	describe_login(plugin, event->client, &who, &request);
	diag_init(&fault);
	rc = broker_certificate(event->client, &shown, &fault);
	session = sessions_find(plugin->sessions, event->client);
	if (rc == 0 && plugin->is_reloading && session && session->certificate) {
		shown = *session->certificate; /* its connection is gone, but it was here */
		rc = 1;
	}
	if (rc > 0)
		request.certificate = &shown;
	else if (rc < 0)
		request.certificate_fault = fault.text;
	login_check(plugin->login, plugin->rules, &request, &answer);
	return conclude_login(plugin, event->client, &request, &answer);
}

/* ---- who, by MQTT 5's enhanced authentication: SCRAM --------------------------------------- */

/* Puts our message into the event; the broker frees it. */
static int reply_with(struct mosquitto_evt_extended_auth *event, const char *reply, int answer)
{
	size_t len = strlen(reply);
	char *copy = mosquitto_malloc(len + 1);

	if (!copy)
		return MOSQ_ERR_NOMEM;
	memcpy(copy, reply, len + 1);
	event->data_out = copy;
	event->data_out_len = (uint16_t)len;
	return answer;
}

static int on_auth_start(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_extended_auth *event = event_data;
	struct plugin *plugin = userdata;
	struct login_message message = { event->client, event->data_in, event->data_in_len };
	struct login_request request = { 0 };
	struct login_answer answer;
	struct broker_client who;
	char reply[SCRAM_REPLY_MAX];

	(void)event_id;
	if (!pthread_equal(pthread_self(), plugin->thread))
		return MOSQ_ERR_AUTH;
	plugin->pending.handle = NULL;
	if (!event->auth_method || strcmp(event->auth_method, SCRAM_METHOD) != 0)
		return MOSQ_ERR_NOT_SUPPORTED; /* the peer hears 0x8C */
	describe_login(plugin, event->client, &who, &request);
	request.username = mosquitto_client_username(event->client);
	if (login_begin(plugin->login, plugin->rules, &request, &message, reply, &answer))
		return reply_with(event, reply, MOSQ_ERR_AUTH_CONTINUE);
	tell_connection(&plugin->tell, event->client, who.username, answer.why.text);
	return MOSQ_ERR_AUTH;
}

static int on_auth_continue(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_extended_auth *event = event_data;
	struct plugin *plugin = userdata;
	struct login_message message = { event->client, event->data_in, event->data_in_len };
	struct login_request request = { 0 };
	struct login_answer answer;
	struct broker_client who;
	char reply[SCRAM_REPLY_MAX];
	int rc;

	(void)event_id;
	if (!pthread_equal(pthread_self(), plugin->thread))
		return MOSQ_ERR_AUTH;
	plugin->pending.handle = NULL;
	describe_login(plugin, event->client, &who, &request);
	request.username = mosquitto_client_username(event->client);
	login_finish(plugin->login, plugin->rules, &request, &message, reply, &answer);
	rc = conclude_login(plugin, event->client, &request, &answer);
	return rc == MOSQ_ERR_SUCCESS ? reply_with(event, reply, rc) : rc;
}

/* ---- a publish, part one: may it? ------------------------------------------------------ */

/* FNV-1a over eight bytes at a time: tells whether the payload is still what was judged. */
static uint64_t digest(const void *payload, size_t len)
{
	const unsigned char *at = payload;
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ len;
	uint64_t word;

	for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x100000001b3);
		hash ^= hash >> 29;
	}
	for (; len > 0; at++, len--)
		hash = (hash ^ *at) * UINT64_C(0x100000001b3);
	return hash;
}

static bool is_will(struct plugin *plugin, const struct mosquitto *client,
		    const struct session *session)
{
	if (session && session->is_gone)
		return true;
	return plugin->connecting_id && plugin->connecting != client &&
	       strcmp(broker_client(client).id, plugin->connecting_id) == 0;
}

/* Commits what an accepted publish implies. False: nothing was kept, refuse it. */
static bool commit(struct plugin *plugin, const struct mosquitto *client,
		   const struct session *session, struct decision *decision)
{
	struct broker_client who = broker_client(client);
	struct diag diag;

	if (!decision->has_write || !plugin->ledger)
		return true;
	decision->write.received_ms = clock_unix_ms();
	decision->write.publisher = session ? session->name : who.username;
	decision->write.client_id = who.id;
	diag_init(&diag);
	if (ledger_commit(plugin->ledger, &decision->write, &diag) == 0)
		return true;
	decision->verdict = VERDICT_DENY;
	decision->is_observed = false;
	decision->reason = REASON_STORE_UNAVAILABLE;
	decision->error.instance[0] = decision->error.keyword[0] = '\0';
	diag_escape(decision->error.message, sizeof(decision->error.message), diag.text,
		    strlen(diag.text));
	return false;
}

static void remember(struct pending *pending, const struct mosquitto_evt_acl_check *event)
{
	pending->handle = event->client;
	pending->topic = event->topic;
	pending->payload = event->payload;
	pending->payload_len = event->payloadlen;
	pending->digest = digest(event->payload, event->payload ? event->payloadlen : 0);
}

static int answer(struct plugin *plugin, const struct mosquitto *client,
		  const struct session *session, const struct gate_request *request,
		  const struct decision *decision)
{
	if (decision->verdict != VERDICT_ALLOW || decision->is_observed)
		tell_decision(&plugin->tell, client, session ? session->name : NULL, request,
			      decision);
	return decision->verdict == VERDICT_ALLOW ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}

static int on_write(struct plugin *plugin, struct mosquitto_evt_acl_check *event,
		    struct session *session)
{
	struct gate_request request = broker_acl_request(event);
	struct decision *decision = &plugin->pending.decision;

	request.is_will = is_will(plugin, event->client, session);
	gate_decide(&plugin->gate, principal_of(plugin, event->client, session), &request,
		    decision);
	if (request.is_will) {
		if (decision->verdict == VERDICT_ALLOW)
			(void)commit(plugin, event->client, session, decision);
		return answer(plugin, event->client, session, &request, decision);
	}
	if (decision->verdict == VERDICT_ALLOW ||
	    broker_refuses_later(&plugin->broker, decision->reason)) {
		remember(&plugin->pending, event);
		return MOSQ_ERR_SUCCESS; /* on_message() commits, or has the better refusal */
	}
	return answer(plugin, event->client, session, &request, decision);
}

static int on_acl_check(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_acl_check *event = event_data;
	struct plugin *plugin = userdata;
	struct gate_request request;
	struct decision *decision;
	struct session *session;

	(void)event_id;
	if (!pthread_equal(pthread_self(), plugin->thread))
		return MOSQ_ERR_ACL_DENIED; /* 2.1's http_api */
	session = sessions_find(plugin->sessions, event->client);
	if (event->access == MOSQ_ACL_WRITE) {
		plugin->pending.handle = NULL;
		return on_write(plugin, event, session);
	}
	request = broker_acl_request(event);
	/* Not in one place: telling of a filter may log, and the log may be delivered. */
	decision = request.action == GATE_DELIVER ? &plugin->delivery : &plugin->filter;
	gate_decide(&plugin->gate, principal_of(plugin, event->client, session), &request,
		    decision);
	if (request.action == GATE_DELIVER) /* never logged: the log may be a topic */
		return decision->verdict == VERDICT_ALLOW ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
	plugin->pending.handle = NULL;
	if (session)
		sessions_return(plugin->sessions, session);
	return answer(plugin, event->client, session, &request, decision);
}

/* ---- a publish, part two: it is kept, then acknowledged --------------------------------- */

static bool is_pending(const struct plugin *plugin, const struct mosquitto_evt_message *event)
{
	const struct pending *pending = &plugin->pending;

	return pending->handle && pending->handle == event->client &&
	       pending->topic == event->topic && pending->payload == event->payload &&
	       pending->payload_len == event->payloadlen &&
	       pending->digest == digest(event->payload, event->payload ? event->payloadlen : 0);
}

static int on_message(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_message *event = event_data;
	struct plugin *plugin = userdata;
	struct decision *decision = &plugin->pending.decision;
	struct session *session = sessions_find(plugin->sessions, event->client);
	bool is_judged = is_pending(plugin, event);
	struct gate_request request = broker_message_request(event);

	(void)event_id;
	plugin->pending.handle = NULL;
	if (session)
		sessions_return(plugin->sessions, session);
	if (!is_judged)
		gate_decide(&plugin->gate, principal_of(plugin, event->client, session), &request,
			    decision);
	if (decision->verdict == VERDICT_ALLOW)
		(void)commit(plugin, event->client, session, decision);
	if (decision->verdict != VERDICT_ALLOW || decision->is_observed)
		tell_decision(&plugin->tell, event->client, session ? session->name : NULL,
			      &request, decision);
	return decision->verdict == VERDICT_ALLOW
		       ? MOSQ_ERR_SUCCESS
		       : broker_refusal(&plugin->broker, decision->reason);
}

/* ---- coming, going, ticking -------------------------------------------------------------- */

static int on_leave(int event_id, void *event_data, void *userdata)
{
	/* 2.1's CLIENT_OFFLINE has the same first members as DISCONNECT. */
	struct mosquitto_evt_disconnect *event = event_data;
	struct plugin *plugin = userdata;

	(void)event_id;
	sessions_leave(plugin->sessions, event->client);
	login_abandon(plugin->login, event->client);
	return MOSQ_ERR_SUCCESS;
}

static void log_news(struct plugin *plugin)
{
	struct diag diag;

	while (plugin->ledger && ledger_news(plugin->ledger, &diag))
		broker_log(BROKER_WARNING, "%s", diag.text);
}

/* Sessions whose token has run out end here: a callback is no place to kick from. */
static void end_sessions(struct plugin *plugin)
{
	int64_t now = clock_unix_ms();
	struct session *session;

	while ((session = sessions_due(plugin->sessions, now))) {
		bool is_live = !session->is_gone;
		const char *id = is_live ? broker_client(session->handle).id : "";

		sessions_expire(session);
		if (!is_live)
			continue;
		broker_log(BROKER_NOTICE, "the token of %s has expired: disconnected",
			   session->name);
		broker_kick(id);
	}
}

static int on_tick(int event_id, void *event_data, void *userdata)
{
	struct plugin *plugin = userdata;

	(void)event_id;
	(void)event_data; /* next_ns and next_ms share their place and differ in meaning */
	plugin->is_reloading = false;
	plugin->connecting = NULL;
	free(plugin->connecting_id);
	plugin->connecting_id = NULL;
	end_sessions(plugin);
	log_news(plugin);
	tell_tick(&plugin->tell);
	return MOSQ_ERR_SUCCESS;
}

/* ---- loading and reloading ---------------------------------------------------------------- */

static int load_rules(struct plugin *plugin, struct rules **ret, struct diag *diag)
{
	struct rules_files files = { .contract = plugin->options.contract,
				     .access = plugin->options.access,
				     .password_file = plugin->options.password_file,
				     .scram_file = plugin->options.scram_file };
	struct rules *rules = NULL;
	int rc = rules_load(&files, &rules, diag);

	if (rc == 0 && !plugin->options.database && rules_keeps(rules)) {
		rc = diag_set(diag, ERR_INVALID,
			      "plugin_opt_database: is missing, and %s keeps messages",
			      plugin->options.contract);
		rules_free(rules);
		rules = NULL;
	}
	if (rc == 0)
		*ret = rules;
	return rc;
}

static void log_rules(const struct plugin *plugin, const char *verb)
{
	const struct rules *rules = plugin->rules;

	if (rules->passwords && passwords_warning(rules->passwords))
		broker_log(BROKER_WARNING, "%s", passwords_warning(rules->passwords));
	broker_log(BROKER_INFO,
		   "%s contract %s %s from %s: %zu channels, %zu users with a password", verb,
		   contract_title(rules->contract), contract_version(rules->contract),
		   plugin->options.contract, contract_channel_count(rules->contract),
		   rules->passwords ? passwords_count(rules->passwords) : 0);
}

/* Puts new rules in force, whole or not at all. */
static int replace_rules(struct plugin *plugin, struct diag *diag)
{
	struct rules *rules = NULL;
	struct gate gate = { 0 };
	int rc = load_rules(plugin, &rules, diag);

	if (rc == 0)
		rc = gate_init(&gate, rules, plugin->ledger, diag);
	if (rc == 0 && plugin->ledger)
		rc = ledger_replan(plugin->ledger, &rules->plan, diag);
	if (rc) {
		gate_clear(&gate);
		rules_free(rules);
		return rc;
	}
	gate_clear(&plugin->gate);
	rules_free(plugin->rules);
	plugin->gate = gate;
	plugin->rules = rules;
	plugin->generation++;
	tell_use(&plugin->tell, rules);
	return 0;
}

/*
 * Always answers SUCCESS: a broker of 2.0 would lose its other plugins' configuration over an
 * error, one of 2.1 would exit.
 */
static int on_reload(int event_id, void *event_data, void *userdata)
{
	struct plugin *plugin = userdata;
	struct diag diag;

	(void)event_id;
	(void)event_data; /* its options are always empty */
	plugin->pending.handle = NULL;
	plugin->is_reloading = true;
	diag_init(&diag);
	if (replace_rules(plugin, &diag) == 0)
		log_rules(plugin, "reloaded");
	else
		broker_log(BROKER_ERROR, "reload failed, nothing was changed: %s", diag.text);
	return MOSQ_ERR_SUCCESS;
}

static int init_options(struct plugin *plugin, const struct mosquitto_opt *options, int count,
			struct diag *diag)
{
	struct options_pair *pairs = calloc((size_t)count + 1, sizeof(*pairs));
	int rc;

	if (!pairs)
		return diag_nomem(diag);
	for (int i = 0; i < count; i++)
		pairs[i] = (struct options_pair){ options[i].key, options[i].value };
	rc = options_init(&plugin->options, pairs, (size_t)count, diag);
	free(pairs);
	return rc;
}

static int init_ledger(struct plugin *plugin, struct diag *diag)
{
	const struct options *options = &plugin->options;
	struct ledger_options wanted = {
		.path = options->database,
		.journal_bytes = (size_t)options->journal_size,
		.batch_rows = (unsigned)options->batch_rows,
		.batch_ms = (unsigned)options->batch_ms,
		.events_keep_rows = (uint64_t)options->events_keep_rows,
		.events_keep_days = (unsigned)options->events_keep_days,
		.refusals_keep_rows = (uint64_t)options->refusals_keep_rows,
		.refusals_keep_days = (unsigned)options->refusals_keep_days,
		.cache_entities = (size_t)options->state_cache,
	};

	if (!options->database)
		return 0;
	return ledger_open(&wanted, &plugin->rules->plan, &plugin->ledger, diag);
}

static int init_rooms(struct plugin *plugin, struct diag *diag)
{
	struct login_options wanted = { .credentials = (size_t)plugin->options.credential_cache,
					.has_lockout = plugin->options.lockout != 0 };
	int rc = load_rules(plugin, &plugin->rules, diag);

	if (rc == 0)
		rc = init_ledger(plugin, diag);
	if (rc == 0)
		rc = gate_init(&plugin->gate, plugin->rules, plugin->ledger, diag);
	if (rc == 0)
		rc = sessions_new(&plugin->sessions, diag);
	if (rc == 0)
		rc = tell_init(&plugin->tell, &plugin->options, &plugin->broker, plugin->ledger,
			       diag);
	if (rc == 0)
		tell_use(&plugin->tell, plugin->rules);
	if (rc == 0)
		rc = login_new(&wanted, &plugin->login, diag);
	return rc;
}

/* clang-format off */
static const struct {
	int event;
	MOSQ_FUNC_generic_callback callback;
	bool is_optional; /* only newer brokers have it */
} callbacks[] = {
	{ MOSQ_EVT_BASIC_AUTH, on_basic_auth, false },
	{ MOSQ_EVT_EXT_AUTH_START, on_auth_start, false },
	{ MOSQ_EVT_EXT_AUTH_CONTINUE, on_auth_continue, false },
	{ MOSQ_EVT_ACL_CHECK, on_acl_check, false },
	{ MOSQ_EVT_MESSAGE, on_message, false },
	{ MOSQ_EVT_DISCONNECT, on_leave, false },
	{ EVENT_CLIENT_OFFLINE, on_leave, true },
	{ MOSQ_EVT_TICK, on_tick, false },
	{ MOSQ_EVT_RELOAD, on_reload, false },
};
/* clang-format on */

#define CALLBACKS (sizeof(callbacks) / sizeof(callbacks[0]))

static int register_callbacks(struct plugin *plugin, struct diag *diag)
{
	for (size_t i = 0; i < CALLBACKS; i++) {
		int rc = mosquitto_callback_register(plugin->id, callbacks[i].event,
						     callbacks[i].callback, NULL, plugin);

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
	tell_clear(&plugin->tell);
	gate_clear(&plugin->gate);
	ledger_close(plugin->ledger);
	rules_free(plugin->rules);
	sessions_free(plugin->sessions);
	login_free(plugin->login);
	options_clear(&plugin->options);
	free(plugin->connecting_id);
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
	int rc;

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
	rc = init_options(plugin, options, option_count, &diag);
	if (rc == 0)
		rc = init_rooms(plugin, &diag);
	if (rc == 0)
		rc = register_callbacks(plugin, &diag);
	if (rc) {
		broker_log(BROKER_ERROR, "%s", diag.text);
		plugin_free(plugin);
		return MOSQ_ERR_INVAL;
	}
	broker_log(BROKER_INFO, "version " PETSTORE_VERSION ", payloads read by %s",
		   payload_backend());
	log_rules(plugin, "loaded");
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
	for (size_t i = 0; i < CALLBACKS; i++)
		(void)mosquitto_callback_unregister(plugin->id, callbacks[i].event,
						    callbacks[i].callback, NULL);
	plugin_free(plugin);
	return MOSQ_ERR_SUCCESS;
}
