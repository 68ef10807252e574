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
#include "monitor/control.h"
#include "options.h"
#include "rules.h"
#include "sessions.h"
#include "tell.h"
#include "watch.h"

/* 2.1's events, under numbers that 2.0's headers have no names for. */
#define EVENT_CLIENT_OFFLINE 28

/* The decision of an ACL_CHECK, kept for the MESSAGE that follows. */
struct pending {
	const void *handle; /* NULL: none */
	const void *topic;
	const void *payload;
	size_t payload_len;
	uint64_t digest; /* of the payload's bytes: another plugin may have rewritten them */
	int64_t took_ns;
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
	struct watch *watch;
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
	if (!session)
		return who->address[0] == '\0';
	/* Another name: a newcomer in the place of a client that was freed. */
	return session->is_gone && strcmp(session->name, who->username) == 0;
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
	ret->is_away = ret->is_repeat && is_away(who, session);
	ret->is_scram = ret->is_repeat && session && session->is_scram;
	ret->now_ms = clock_unix_ms();
	ret->mono_ms = clock_mono_ns() / 1000000;
}

/* Opens the session of a client that was let in. False: out of memory. */
static bool open_session(struct plugin *plugin, struct mosquitto *client,
			 const struct login_request *request, struct login_answer *answer)
{
	struct session *session;
	struct certid *certificate = NULL;

	if (!answer->principal)
		return true; /* an offline session of someone unknown: it may do nothing */
	if (answer->method == LOGIN_CERTIFICATE) {
		certificate = malloc(sizeof(*certificate));
		if (!certificate)
			return false;
		certid_copy(certificate, request->certificate);
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
	session->seat = (struct monitor_seat){ 0 };
	session->seat_generation = 0;
	sessions_end_at(plugin->sessions, session, answer->expires_ms);
	session->is_scram = request->is_scram || answer->method == LOGIN_SCRAM;
	if (request->is_away)
		sessions_leave(plugin->sessions, client);
	return true;
}

/* What follows a login, however it was proved. Returns what the broker is to be told. */
static int conclude_login(struct plugin *plugin, struct mosquitto *client,
			  const struct login_request *request, struct login_answer *answer)
{
	struct broker_client who = broker_client(client);

	if (answer->verdict == VERDICT_ALLOW &&
	    !watch_login(plugin->watch, client, request, answer, &answer->why))
		answer->verdict = VERDICT_DENY;
	else if (answer->verdict != VERDICT_ALLOW)
		watch_refused_login(plugin->watch, client, request, answer->method);
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
		certid_copy(&shown, session->certificate); /* its connection is gone */
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
	watch_refused_login(plugin->watch, event->client, &request, LOGIN_SCRAM);
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

/* What was refused or observed is told, and counts as a pattern. */
static void report(struct plugin *plugin, const struct mosquitto *client,
		   const struct session *session, const struct gate_request *request,
		   const struct decision *decision)
{
	if (decision->verdict == VERDICT_ALLOW && !decision->is_observed)
		return;
	watch_refused(plugin->watch, client, session, request, decision);
	tell_decision(&plugin->tell, client, session ? session->name : NULL, request, decision);
}

static int answer(struct plugin *plugin, const struct mosquitto *client,
		  const struct session *session, const struct gate_request *request,
		  const struct decision *decision, int64_t took_ns)
{
	watch_decided(plugin->watch, request, decision, took_ns);
	report(plugin, client, session, request, decision);
	return decision->verdict == VERDICT_ALLOW ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}

static int on_write(struct plugin *plugin, struct mosquitto_evt_acl_check *event,
		    struct session *session)
{
	struct gate_request request = broker_acl_request(event);
	struct decision *decision = &plugin->pending.decision;
	int64_t took_ns = clock_mono_ns();

	request.is_will = is_will(plugin, event->client, session);
	gate_decide(&plugin->gate, principal_of(plugin, event->client, session), &request,
		    decision);
	took_ns = clock_mono_ns() - took_ns;
	if (request.is_will) {
		if (decision->verdict == VERDICT_ALLOW)
			(void)commit(plugin, event->client, session, decision);
		return answer(plugin, event->client, session, &request, decision, took_ns);
	}
	if (decision->verdict == VERDICT_ALLOW ||
	    broker_refuses_later(&plugin->broker, decision->reason)) {
		remember(&plugin->pending, event);
		plugin->pending.took_ns = took_ns;
		return MOSQ_ERR_SUCCESS; /* on_message() commits, or has the better refusal */
	}
	return answer(plugin, event->client, session, &request, decision, took_ns);
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
	if (request.action == GATE_DELIVER) { /* never logged: the log may be a topic */
		watch_decided(plugin->watch, &request, decision, 0);
		return decision->verdict == VERDICT_ALLOW ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
	}
	plugin->pending.handle = NULL;
	if (session)
		sessions_return(plugin->sessions, session);
	if (request.action == GATE_UNSUBSCRIBE) {
		watch_unsubscribe(plugin->watch, event->client, session, &request);
		return MOSQ_ERR_SUCCESS;
	}
	if (decision->verdict == VERDICT_ALLOW)
		watch_subscribe(plugin->watch, event->client, session, &request, decision);
	return answer(plugin, event->client, session, &request, decision, 0);
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
	if (!is_judged) {
		gate_decide(&plugin->gate, principal_of(plugin, event->client, session), &request,
			    decision);
		plugin->pending.digest =
			digest(event->payload, event->payload ? event->payloadlen : 0);
	}
	if (decision->verdict == VERDICT_ALLOW)
		watch_charge(plugin->watch, event->client, session, &request,
			     gate_mode(&plugin->gate, decision->channel, CONTRACT_LIMITS),
			     decision);
	if (decision->verdict == VERDICT_ALLOW && commit(plugin, event->client, session, decision))
		watch_accepted(plugin->watch, event->client, session, &request, decision,
			       plugin->pending.digest);
	watch_decided(plugin->watch, &request, decision, is_judged ? plugin->pending.took_ns : 0);
	report(plugin, event->client, session, &request, decision);
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
	watch_left(plugin->watch, event->client, sessions_find(plugin->sessions, event->client));
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

static struct watch_facts facts_of(const struct plugin *plugin)
{
	return (struct watch_facts){ .rules = plugin->rules,
				     .login = plugin->login,
				     .sessions = sessions_count(plugin->sessions) };
}

static int on_tick(int event_id, void *event_data, void *userdata)
{
	struct plugin *plugin = userdata;
	struct watch_facts facts;

	(void)event_id;
	(void)event_data; /* next_ns and next_ms share their place and differ in meaning */
	plugin->is_reloading = false;
	plugin->connecting = NULL;
	free(plugin->connecting_id);
	plugin->connecting_id = NULL;
	end_sessions(plugin);
	log_news(plugin);
	tell_tick(&plugin->tell);
	facts = facts_of(plugin);
	watch_tick(plugin->watch, &facts);
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
	struct settings settings;
	int rc = load_rules(plugin, &rules, diag);

	if (rc == 0)
		rc = gate_init(&gate, rules, plugin->ledger, diag);
	if (rc == 0)
		rc = watch_read(plugin->watch, &settings, diag);
	if (rc == 0)
		rc = watch_use(plugin->watch, rules, diag);
	if (rc == 0 && plugin->ledger) {
		rc = ledger_replan(plugin->ledger, &rules->plan, diag);
		if (rc) /* its channels go with the rules that are freed below */
			(void)watch_use(plugin->watch, plugin->rules, NULL);
	}
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
	watch_set(plugin->watch, &settings);
	return 0;
}

/* 0, or @diag says why everything is as it was. */
static int reload(struct plugin *plugin, struct diag *diag)
{
	int rc = replace_rules(plugin, diag);

	watch_reloaded(plugin->watch, rc == 0);
	if (rc == 0)
		log_rules(plugin, "reloaded");
	else
		broker_log(BROKER_ERROR, "reload failed, nothing was changed: %s", diag->text);
	return rc;
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
	(void)reload(plugin, &diag);
	return MOSQ_ERR_SUCCESS;
}

/* ---- commands ------------------------------------------------------------------------------ */

static const char *const mode_names[] = {
	[CONTRACT_ENFORCE] = "enforce", [CONTRACT_OBSERVE] = "observe", [CONTRACT_OFF] = "off"
};

static json_t *do_status(void *ctx, struct diag *diag)
{
	const struct plugin *plugin = ctx;
	const struct contract *contract = plugin->rules->contract;

	(void)diag;
	return json_pack("{ss ss ss ss ss sI sI}", "version", PETSTORE_VERSION, "broker",
			 plugin->broker.has_quota_code ? "2.1" : "2.0", "parser", payload_backend(),
			 "contract", contract_title(contract), "contractVersion",
			 contract_version(contract), "channels",
			 (json_int_t)contract_channel_count(contract), "sessions",
			 (json_int_t)sessions_count(plugin->sessions));
}

static json_t *do_counters(void *ctx, struct diag *diag)
{
	struct plugin *plugin = ctx;
	struct watch_facts facts = facts_of(plugin);

	(void)diag;
	return watch_counters(plugin->watch, &facts);
}

/* The broker is not asked to authenticate its clients again: SIGHUP does that. */
static json_t *do_reload(void *ctx, struct diag *diag)
{
	return reload(ctx, diag) == 0 ? do_status(ctx, diag) : NULL;
}

static json_t *list_modes(const struct plugin *plugin)
{
	json_t *modes = json_object();

	for (int i = 0; modes && i < CONTRACT_GROUPS; i++) {
		enum contract_group group = (enum contract_group)i;

		(void)json_object_set_new(
			modes, contract_group_name(group),
			json_pack("{ss sb}", "mode",
				  mode_names[gate_mode(&plugin->gate, NULL, group)], "forced",
				  plugin->gate.forced[group] != 0));
	}
	return modes;
}

static json_t *do_mode(void *ctx, const char *name, const char *mode, struct diag *diag)
{
	struct plugin *plugin = ctx;
	int group = 0, word = 0;

	if (!name)
		return list_modes(plugin);
	while (group < CONTRACT_GROUPS &&
	       strcmp(contract_group_name((enum contract_group)group), name) != 0)
		group++;
	while (word <= CONTRACT_OFF && strcmp(mode_names[word], mode) != 0)
		word++;
	if (group == CONTRACT_GROUPS || word > CONTRACT_OFF) {
		(void)diag_set(diag, ERR_INVALID,
			       "expected group schema, transition or limits, and mode enforce, "
			       "observe or off");
		return NULL;
	}
	if (!gate_force(&plugin->gate, (enum contract_group)group, (enum contract_mode)word)) {
		(void)diag_set(diag, ERR_INVALID, "who may do what stands in the contract only");
		return NULL;
	}
	return list_modes(plugin);
}

static json_t *do_list_bans(void *ctx, struct diag *diag)
{
	(void)diag;
	return watch_list_bans(((struct plugin *)ctx)->watch);
}

static json_t *do_lift_ban(void *ctx, const char *client_id, struct diag *diag)
{
	(void)diag;
	return watch_lift_ban(((struct plugin *)ctx)->watch, client_id);
}

static json_t *do_list_alerts(void *ctx, struct diag *diag)
{
	(void)diag;
	return watch_list_alerts(((struct plugin *)ctx)->watch);
}

static json_t *do_explain(void *ctx, const struct control_question *question, struct diag *diag)
{
	struct plugin *plugin = ctx;
	const struct decision *decision = &plugin->filter;
	struct gate_request request = { .topic = question->topic,
					.topic_len = strlen(question->topic),
					.payload = question->payload,
					.payload_len = question->payload_len,
					.qos = question->qos,
					.is_retained = question->is_retained,
					.client_id = question->client_id };
	const struct access_principal *principal =
		question->username ? access_find(plugin->rules->access, question->username) : NULL;

	if (strcmp(question->action, "publish") == 0) {
		request.action = GATE_PUBLISH;
	} else if (strcmp(question->action, "subscribe") == 0) {
		request.action = GATE_SUBSCRIBE;
	} else {
		(void)diag_set(diag, ERR_INVALID, "action: expected publish or subscribe");
		return NULL;
	}
	gate_decide(&plugin->gate, principal, &request, &plugin->filter);
	return json_pack("{sb ss sb ss ss ss ss ss}", "allowed", decision->verdict == VERDICT_ALLOW,
			 "reason", reason_code(decision->reason), "observed", decision->is_observed,
			 "channel", decision->channel ? decision->channel->name : "", "field",
			 decision->error.instance, "keyword", decision->error.keyword, "message",
			 decision->error.message, "standing", decision->standing);
}

static void log_command(void *ctx, const char *command, const char *error)
{
	char name[80];

	(void)ctx;
	broker_log(BROKER_NOTICE, "command %s%s%s",
		   diag_escape(name, sizeof(name), command, strlen(command)), error[0] ? ": " : "",
		   error);
}

/* Always SUCCESS: anything else would disconnect who asked. */
static int on_control(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_control *event = event_data;
	struct plugin *plugin = userdata;
	const struct control_ops ops = { .ctx = plugin,
					 .status = do_status,
					 .counters = do_counters,
					 .reload = do_reload,
					 .mode = do_mode,
					 .list_bans = do_list_bans,
					 .lift_ban = do_lift_ban,
					 .list_alerts = do_list_alerts,
					 .explain = do_explain,
					 .done = log_command };
	char id[80], user[80];
	struct broker_client who;
	char *response = NULL;
	struct diag diag;

	(void)event_id;
	if (!pthread_equal(pthread_self(), plugin->thread))
		return MOSQ_ERR_SUCCESS;
	plugin->pending.handle = NULL;
	who = broker_client(event->client);
	broker_log(BROKER_NOTICE, "commands of %s (client %s):",
		   diag_escape(user, sizeof(user), who.username, strlen(who.username)),
		   diag_escape(id, sizeof(id), who.id, strlen(who.id)));
	if (control_handle(event->payload, event->payload ? event->payloadlen : 0, &ops, &response,
			   &diag) == 0)
		(void)broker_send(who.id, CONTROL_RESPONSE_TOPIC, response, strlen(response));
	free(response);
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
	if (rc == 0)
		rc = watch_new(&plugin->options, &plugin->broker, plugin->ledger, &plugin->watch,
			       diag);
	if (rc == 0)
		rc = watch_use(plugin->watch, plugin->rules, diag);
	return rc;
}

/* clang-format off */
static const struct {
	int event;
	MOSQ_FUNC_generic_callback callback;
	bool is_optional;  /* only newer brokers have it */
	const char *topic; /* of a command; NULL: the event has none */
} callbacks[] = {
	{ MOSQ_EVT_BASIC_AUTH, on_basic_auth, false, NULL },
	{ MOSQ_EVT_EXT_AUTH_START, on_auth_start, false, NULL },
	{ MOSQ_EVT_EXT_AUTH_CONTINUE, on_auth_continue, false, NULL },
	{ MOSQ_EVT_ACL_CHECK, on_acl_check, false, NULL },
	{ MOSQ_EVT_MESSAGE, on_message, false, NULL },
	{ MOSQ_EVT_DISCONNECT, on_leave, false, NULL },
	{ EVENT_CLIENT_OFFLINE, on_leave, true, NULL },
	{ MOSQ_EVT_TICK, on_tick, false, NULL },
	{ MOSQ_EVT_RELOAD, on_reload, false, NULL },
	{ MOSQ_EVT_CONTROL, on_control, false, CONTROL_TOPIC },
};
/* clang-format on */

#define CALLBACKS (sizeof(callbacks) / sizeof(callbacks[0]))

static int register_callbacks(struct plugin *plugin, struct diag *diag)
{
	for (size_t i = 0; i < CALLBACKS; i++) {
		int rc = mosquitto_callback_register(plugin->id, callbacks[i].event,
						     callbacks[i].callback, callbacks[i].topic,
						     plugin);

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
	watch_free(plugin->watch);
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
						    callbacks[i].callback, callbacks[i].topic);
	plugin_free(plugin);
	return MOSQ_ERR_SUCCESS;
}
