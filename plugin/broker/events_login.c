/*
 * events_login.c -- logins by password, token and certificate (BASIC_AUTH) or by SCRAM (enhanced
 * authentication); and the principal of a client in later events.
 */
#include <stdlib.h>
#include <string.h>

#include "access/scram.h"
#include "base/clock.h"
#include "base/peer.h"
#include "base/wordhash.h"
#include "broker/events.h"

/* ---- who stands behind a client ------------------------------------------------------------ */

/*
 * Says nothing on the log: this may be a delivery, and the log may be a topic. A token is judged
 * as of its login: when it ends is the tick's business, and what outlives it is its will.
 */
void events_renew(struct plugin *plugin, struct session *session)
{
	struct login_request request = { .username = session->is_anonymous ? NULL : session->name,
					 .password = session->token,
					 .client_id = session->client_id,
					 .certificate = session->certificate,
					 .is_repeat = true,
					 .is_known = true,
					 .is_away = session->is_gone,
					 .is_scram = session->is_scram,
					 .entry = session->is_gone ? 0 : session->entry,
					 .now_ms = session->proved_ms };
	struct login_answer answer;

	session->generation = plugin->generation;
	if (session->state == SESSION_BARRED)
		return;
	login_check(plugin->login, plugin->rules, &request, &answer);
	if (answer.verdict != VERDICT_ALLOW) {
		access_principal_drop(answer.made);
		sessions_bar(session);
		sessions_end_at(plugin->sessions, session, 1); /* at the next tick */
		return;
	}
	sessions_renew_take(session, answer.principal, answer.made);
	if (session->state == SESSION_VALID)
		sessions_end_at(plugin->sessions, session, answer.expires_ms);
}

/* Is the session's client, which left, the one that is behind this handle still? */
static bool is_of(const struct session *session, const struct mosquitto *client)
{
	struct who who = broker_who(client);

	return strcmp(session->client_id, who.client_id) == 0 &&
	       strcmp(session->is_anonymous ? "" : session->name, who.principal) == 0;
}

/* The address was given to someone else. */
__attribute__((cold, noinline)) static struct session *disown(struct plugin *plugin,
							      const struct mosquitto *client)
{
	sessions_forget(plugin->sessions, client);
	return NULL;
}

struct session *events_session(struct plugin *plugin, const struct mosquitto *client)
{
	struct session *session = sessions_find(plugin->sessions, client);

	if (session && session->is_gone && !is_of(session, client))
		return disown(plugin, client);
	return session;
}

static bool has_no_address(const struct mosquitto *client)
{
	return broker_who(client).address[0] == '\0';
}

const struct access_principal *events_named(struct plugin *plugin, const char *name)
{
	struct access *access = plugin->rules->access;
	const struct access_principal *user = access_find(access, name);

	if (user)
		return user->is_disabled ? NULL : user;
	if (access_anonymous(access) && strcmp(name, ACCESS_ANONYMOUS) == 0)
		return access_anonymous(access);
	if (!name[0] || !login_is_entered(plugin->rules, name))
		return NULL;
	if (!plugin->named.made || plugin->named.generation != plugin->generation ||
	    strcmp(plugin->named.made->name, name) != 0) {
		access_principal_drop(plugin->named.made);
		plugin->named.made = NULL;
		plugin->named.generation = plugin->generation;
		/* NULL stays: by `default` nobody comes in, or memory ran out. */
		diag_ignore(access_default(access, name, &plugin->named.made, NULL));
	}
	return plugin->named.made;
}

/*
 * Of what has no session with us: one that the broker read from its disk, the source of a retained
 * message, a bridge. Only a bridge without a name is not one of those who come without.
 */
static const struct access_principal *by_name(struct plugin *plugin, const struct mosquitto *client)
{
	const char *name = broker_who(client).principal;

	if (name[0])
		return strcmp(name, ACCESS_ANONYMOUS) == 0 &&
				       access_anonymous(plugin->rules->access)
			       ? NULL /* the nameless have no name at the broker */
			       : events_named(plugin, name);
	return broker_is_bridge(client) ? NULL : access_anonymous(plugin->rules->access);
}

const struct access_principal *
events_principal(struct plugin *plugin, const struct mosquitto *client, struct session *session)
{
	if (session) {
		if (session->generation != plugin->generation)
			events_renew(plugin, session);
		return session->principal;
	}
	return has_no_address(client) ? by_name(plugin, client) : NULL;
}

bool events_is_unproved(const struct plugin *plugin, const struct mosquitto *client,
			const struct session *session, const struct access_principal *principal)
{
	const struct access *access = plugin->rules->access;

	return !principal && !session &&
	       (access_has_certificates(access) || access_has_issuers(access)) &&
	       has_no_address(client);
}

/* ---- what BASIC_AUTH is about -------------------------------------------------------------- */

enum asked {
	ASKED_ANEW,  /* a CONNECT */
	ASKED_AGAIN, /* after a reload: a client that is connected */
	ASKED_AWAY,  /* after a reload: a session whose client is away */
};

/* Had the broker this client when it began to ask? It frees none before the next tick. */
static bool was_kept(struct plugin *plugin, const struct mosquitto *client)
{
	if (!plugin->reloading.kept)
		plugin->reloading.kept =
			broker_list(&plugin->broker, &plugin->reloading.kept_count);
	return broker_is_listed(plugin->reloading.kept, plugin->reloading.kept_count, client);
}

/*
 * No other client gets a live session's handle, since the broker reports that the client left
 * before it frees the handle. So for a live session the broker asks again, once, for the same id
 * and name. A client without a live session is a newcomer, or it is away and its session stays. At
 * this time a newcomer comes over websockets (libwebsockets runs between the reload and the tick).
 * On 2.0 a client that is away has no websocket any more. On 2.1, whose own websockets leave their
 * mark, the broker says which clients it knows, and a newcomer is not yet among them. Where neither
 * is known, the client is taken for a newcomer.
 */
static enum asked who_asks(struct plugin *plugin, const struct mosquitto *client)
{
	struct session *session = events_session(plugin, client);

	if (!plugin->reloading.is_active)
		return ASKED_ANEW;
	if (session && !session->is_gone) {
		if (session->asked == plugin->reloading.count || !is_of(session, client))
			return ASKED_ANEW;
		session->asked = plugin->reloading.count;
		return ASKED_AGAIN;
	}
	if (!plugin->has_ticked || (broker_is_websocket(client) && !was_kept(plugin, client)))
		return ASKED_ANEW;
	return ASKED_AWAY;
}

/* Whoever was there under this handle is not there any more. */
static void begin_anew(struct plugin *plugin, const struct mosquitto *client)
{
	sessions_forget(plugin->sessions, client);
	login_abandon(plugin->login, client);
}

/* ---- who connects -------------------------------------------------------------------------- */

/* The facts of a login that come from the client's connection. */
static struct login_request describe_login(const struct plugin *plugin,
					   const struct mosquitto *client)
{
	struct who who = broker_who(client);
	int port = plugin->broker.client_port ? plugin->broker.client_port(client) : 0;

	return (struct login_request){
		.handle = client,
		.is_named_id = access_anonymous(plugin->rules->access) &&
			       sessions_is_named(plugin->sessions, who.client_id),
		.username = mosquitto_client_username(client),
		.client_id = who.client_id,
		.address = who.address[0] ? who.address : NULL,
		.is_clean = mosquitto_client_clean_session(client),
		.keep_alive = mosquitto_client_keepalive(client),
		.port = port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0,
		.now_ms = clock_unix_ms(),
		.mono_ms = clock_mono_ns() / 1000000,
	};
}

/* Copies what is judged, or asked for, again. False: out of memory. */
static bool keep_proof(struct session *session, const struct login_request *request,
		       enum login_method method)
{
	if (method == LOGIN_TOKEN)
		session->token = strdup(request->password);
	if (method == LOGIN_CERTIFICATE)
		session->certificate = certid_dup(request->certificate);
	if (method == LOGIN_NONE) {
		char network[PEER_NET_MAX];

		(void)peer_print_net(request->address ? request->address : "", network);
		session->network = strdup(network);
	}
	return (method != LOGIN_NONE || session->network) &&
	       (method != LOGIN_TOKEN || session->token) &&
	       (method != LOGIN_CERTIFICATE || session->certificate);
}

/* Of principal and client id, which no other pair of texts makes on purpose. */
uint64_t events_sender(const struct plugin *plugin, const char *name, const char *client_id)
{
	uint64_t key = wordhash(releases_seed(plugin->releases), name, strlen(name));
	uint64_t sender = wordhash(key, client_id, strlen(client_id));

	return sender ? sender : 1;
}

static uint64_t last_seq(const struct plugin *plugin)
{
	return plugin->ledger ? ledger_last(plugin->ledger) : 0;
}

static uint64_t last_step(const struct plugin *plugin)
{
	return plugin->ledger ? ledger_last_step(plugin->ledger) : 0;
}

/* Opens the session of a client that was let in. False: out of memory. */
static bool open_session(struct plugin *plugin, const struct login_request *request,
			 struct login_answer *answer)
{
	const struct session *before = sessions_find(plugin->sessions, request->handle);
	bool is_same = before && !before->is_gone; /* the same connection, proved once more */
	uint64_t since_seq = is_same ? before->since_seq : last_seq(plugin);
	uint64_t since_step = is_same ? before->since_step : last_step(plugin);
	unsigned resends_asked = is_same ? before->resends_asked : 0;
	struct session *session;

	session = sessions_open(plugin->sessions, request->handle, answer->principal->name,
				request->client_id);
	if (!session || !keep_proof(session, request, answer->method)) {
		sessions_forget(plugin->sessions, request->handle);
		return false;
	}
	session->principal = answer->principal;
	session->made = answer->made;
	answer->made = NULL; /* handed over */
	session->entry = answer->entry;
	session->proved_ms = request->now_ms;
	session->generation = plugin->generation;
	session->asked = plugin->reloading.count;
	session->sender = events_sender(plugin, session->name, session->client_id);
	session->since_seq = since_seq;
	session->since_step = since_step;
	session->resends_asked = resends_asked;
	sessions_end_at(plugin->sessions, session, answer->expires_ms);
	session->was_closed = answer->was_closed;
	/* A password beside a certificate was checked, too. */
	sessions_prove(plugin->sessions, session,
		       answer->method == LOGIN_CERTIFICATE && request->password ? LOGIN_BOTH
										: answer->method);
	session->is_anonymous = answer->principal->is_anonymous;
	session->is_unsure = session->is_anonymous && plugin->broker.has_connect_event;
	session->begins_clean = request->is_clean;
	session->port = request->port;
	session->is_scram = answer->method == LOGIN_SCRAM;
	return true;
}

static void refuse_login(struct plugin *plugin, const struct login_request *request,
			 struct login_answer *answer)
{
	struct who who = login_who(request);

	if (answer->is_held_off) {
		who.principal = answer->principal->name;
		who.is_proved = true;
	}
	notify_connection(&plugin->notify, &who,
			  answer->is_held_off ? answer->held_for : REASON_IDENTITY_UNKNOWN,
			  answer->why.text);
	access_principal_drop(answer->made);
	answer->made = NULL;
}

/* For a round of the broker's, since it would get what is another principal's. */
__attribute__((cold)) static void put_off(struct login_answer *answer)
{
	answer->verdict = VERDICT_DENY;
	answer->is_busy = true;
	(void)diag_set(&answer->why, ERR_BUSY,
		       "an answer to another user is on its way to this client id: try again");
}

/*
 * What follows a login, however it was proved. The client's handle is not followed: one that
 * waited may be gone. Returns the answer for the broker.
 */
static int conclude_login(struct plugin *plugin, const struct login_request *request,
			  struct login_answer *answer)
{
	const struct session *before = sessions_find(plugin->sessions, request->handle);
	bool is_connected = before && !before->is_gone; /* it authenticates once more */

	if (answer->verdict == VERDICT_ALLOW &&
	    underway_is_others(&plugin->underway, request->client_id, answer->principal->name))
		put_off(answer);
	/* A client that is over a limit of connects because it was closed counts as held off, too.
	 */
	if (answer->is_held_off)
		feed_held_off(plugin->feed, request, answer->method);
	else if (answer->verdict != VERDICT_ALLOW)
		feed_refused_login(plugin->feed, request, answer->method,
				   !answer->is_busy || answer->is_guess);
	else if (!feed_login(plugin->feed, request, answer, &answer->why)) {
		answer->verdict = VERDICT_DENY;
		answer->is_held_off = answer->was_closed;
	}
	if (answer->verdict == VERDICT_ALLOW && !open_session(plugin, request, answer)) {
		answer->verdict = VERDICT_DENY;
		(void)diag_nomem(&answer->why);
	}
	if (answer->verdict != VERDICT_ALLOW) {
		refuse_login(plugin, request, answer);
		return (answer->is_busy || answer->is_held_off) && plugin->broker.has_busy_code
			       ? BROKER_BUSY
			       : MOSQ_ERR_AUTH;
	}
	if (!sessions_find(plugin->sessions, request->handle)->is_unsure)
		shares_connect(plugin->shares, request->client_id, answer->principal->name,
			       request->handle, request->is_clean && !is_connected);
	if (is_connected)
		return MOSQ_ERR_SUCCESS;
	free(plugin->arrival.id);
	plugin->arrival.id = strdup(request->client_id); /* NULL: a takeover goes unnoticed */
	plugin->arrival.handle = request->handle;
	return MOSQ_ERR_SUCCESS;
}

/*
 * The broker is to know the client under its principal's name. Where it won't have the name the
 * client is not let in. One without a name is the broker's to let in.
 */
static int name_client(struct plugin *plugin, const struct login_request *request,
		       struct mosquitto *client, int rc)
{
	const struct session *session = sessions_find(plugin->sessions, client);
	char name[80];

	if (rc != MOSQ_ERR_SUCCESS || !session)
		return rc;
	if (session->is_anonymous)
		return MOSQ_ERR_PLUGIN_DEFER; /* to the broker's allow_anonymous */
	if (broker_rename(client, session->name))
		return rc;
	broker_log(BROKER_WARNING, "the broker takes no client under the name of %s",
		   diag_name(name, sizeof(name), session->name, strlen(session->name)));
	feed_vanished(plugin->feed, request);
	sessions_forget(plugin->sessions, client);
	return MOSQ_ERR_AUTH;
}

/* Reads what certificate the client shows. */
static void show_certificate(struct mosquitto *client, struct login_request *request,
			     struct certid *shown, struct diag *fault)
{
	int rc;

	diag_init(fault);
	rc = broker_certificate(client, shown, fault);
	if (rc > 0)
		request->certificate = shown;
	else if (rc < 0)
		request->certificate_fault = fault->text;
}

/*
 * After a reload, about a client that is connected, under the rules that are in force now: with
 * the password and the certificate that it came with. Who is refused is disconnected by the broker
 * at once, and has no principal until then. A proof that ran out is the tick's business.
 *
 * A websocket is the tick's business, too: 2.0.21 makes its lists of keepalives anew after a
 * reload, from those that are not being disconnected, and one that is spoils them when it is gone.
 */
static int ask_again(struct plugin *plugin, struct session *session, struct login_request *request)
{
	struct login_answer answer;

	if (session->state == SESSION_EXPIRED)
		return MOSQ_ERR_SUCCESS; /* being disconnected */
	request->is_repeat = true;
	request->is_scram = session->is_scram;
	request->entry = session->is_scram ? session->entry : 0;
	request->now_ms = session->proved_ms;
	login_check(plugin->login, plugin->rules, request, &answer);
	if (answer.verdict == VERDICT_ALLOW && session->certificate && !request->certificate) {
		answer.verdict = VERDICT_DENY;
		(void)diag_set(&answer.why, ERR_INVALID, "the certificate is not shown any more");
	}
	if (answer.verdict == VERDICT_ALLOW &&
	    !feed_login(plugin->feed, request, &answer, &answer.why))
		answer.verdict = VERDICT_DENY;
	if (session->state == SESSION_BARRED || answer.verdict != VERDICT_ALLOW) {
		sessions_bar(session);
		refuse_login(plugin, request, &answer);
		if (!broker_is_websocket(request->handle))
			return MOSQ_ERR_AUTH;
		sessions_end_at(plugin->sessions, session, 1); /* at the next tick */
		return MOSQ_ERR_SUCCESS;
	}
	sessions_renew_take(session, answer.principal, answer.made);
	session->entry = answer.entry;
	session->generation = plugin->generation;
	sessions_end_at(plugin->sessions, session, answer.expires_ms);
	return session->is_anonymous ? MOSQ_ERR_PLUGIN_DEFER : MOSQ_ERR_SUCCESS;
}

int events_on_basic_auth(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_basic_auth *event = event_data;
	struct plugin *plugin = userdata;
	struct login_request request;
	struct login_answer answer;
	enum asked asked;
	struct certid shown;
	struct diag fault;
	int rc;

	(void)event_id;
	if (events_is_elsewhere(plugin))
		return events_http_login(plugin, event->client);
	events_settle(plugin);
	asked = who_asks(plugin, event->client);
	/*
	 * Always yes: a no would make 2.0 disconnect what is disconnected, and spoil its list of
	 * sessions that expire. Who it is is worked out when it is heard of next.
	 */
	if (asked == ASKED_AWAY)
		return MOSQ_ERR_SUCCESS;
	request = describe_login(plugin, event->client);
	request.username = event->username;
	request.password = event->password;
	show_certificate(event->client, &request, &shown, &fault);
	if (asked == ASKED_AGAIN)
		return ask_again(plugin, sessions_find(plugin->sessions, event->client), &request);
	begin_anew(plugin, event->client);
	login_check(plugin->login, plugin->rules, &request, &answer);
	if (answer.is_waiting)
		return BROKER_LATER;
	rc = conclude_login(plugin, &request, &answer);
	if (answer.is_held_off)
		return broker_hold_off(&plugin->broker, event->client, false);
	return name_client(plugin, &request, event->client, rc);
}

/* ---- logins that had to wait for their key's derivation (2.1) ------------------------------- */

/*
 * The broker finds a waiting client by its id, and says nothing where there is none any more. A
 * client that is there is connected within the call, so its CONNECT event comes meanwhile. Its
 * user name needs no change: with a password it is the principal's.
 */
void events_finish_logins(struct plugin *plugin)
{
	struct login_request request = { .now_ms = clock_unix_ms(),
					 .mono_ms = clock_mono_ns() / 1000000 };
	struct login_answer answer;
	int rc;

	while (login_next(plugin->login, plugin->rules, &request, &answer)) {
		rc = conclude_login(plugin, &request, &answer);
		plugin->arrival.connected = NULL;
		plugin->broker.complete_login(request.client_id, rc);
		plugin->arrival.handle = NULL;
		if (rc != MOSQ_ERR_SUCCESS || plugin->arrival.connected == request.handle)
			continue;
		feed_vanished(plugin->feed, &request);
		sessions_forget(plugin->sessions, request.handle);
	}
}

/* The broker let in who has no name. */
static void come_in(struct plugin *plugin, struct session *session)
{
	if (!session || session->is_gone || !session->is_unsure)
		return;
	session->is_unsure = false;
	shares_connect(plugin->shares, session->client_id, session->name, session->handle,
		       session->begins_clean);
}

int events_on_connect(int event_id, void *event_data, void *userdata)
{
	/* 2.0 has no such event; its first members are DISCONNECT's. */
	struct mosquitto_evt_disconnect *event = event_data;
	struct plugin *plugin = userdata;

	(void)event_id;
	events_settle(plugin);
	plugin->arrival.connected = event->client;
	come_in(plugin, sessions_find(plugin->sessions, event->client));
	if (plugin->arrival.handle == event->client)
		plugin->arrival.handle = NULL; /* taken over and asked again, whatever there was */
	return MOSQ_ERR_SUCCESS;
}

/* From the verifier's threads: the tick finishes what is done. */
void events_wake(void *plugin)
{
	broker_wake(((struct plugin *)plugin)->thread);
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

/* Someone who connects, and not a client that is connected and authenticates again. */
static bool is_newcomer(struct plugin *plugin, const struct mosquitto *client)
{
	const struct session *session = events_session(plugin, client);

	return !session || session->is_gone;
}

int events_on_auth_start(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_extended_auth *event = event_data;
	struct plugin *plugin = userdata;
	char reply[SCRAM_REPLY_MAX];
	struct login_message message = { .data = event->data_in,
					 .len = event->data_in_len,
					 .reply = reply };
	struct login_request request;
	struct login_answer answer;

	(void)event_id;
	if (!events_begin(plugin))
		return MOSQ_ERR_AUTH;
	if (is_newcomer(plugin, event->client))
		begin_anew(plugin, event->client);
	if (!event->auth_method || strcmp(event->auth_method, SCRAM_METHOD) != 0)
		return MOSQ_ERR_NOT_SUPPORTED; /* the peer hears 0x8C */
	request = describe_login(plugin, event->client);
	if (login_begin(plugin->login, plugin->rules, &request, &message, &answer)) {
		if (is_newcomer(plugin, event->client))
			broker_toggle_id(&plugin->broker, event->client);
		return reply_with(event, reply, MOSQ_ERR_AUTH_CONTINUE);
	}
	feed_refused_login(plugin->feed, &request, LOGIN_SCRAM, true);
	refuse_login(plugin, &request, &answer);
	return MOSQ_ERR_AUTH;
}

/*
 * A client that is connected goes on with what it did not begin. Mosquitto lets an AUTH packet of
 * no bytes pass in every state and takes its sender for one that connects: a no frees the client id
 * that its table still has, a yes connects it once more. To ask on is all that is safe until the
 * tick disconnects it; it may do nothing meanwhile.
 */
__attribute__((cold, noinline)) static int ask_on(struct plugin *plugin,
						  const struct login_request *request)
{
	struct session *session = sessions_find(plugin->sessions, request->handle);
	struct login_answer answer = { .verdict = VERDICT_DENY };
	bool is_logged = session->state != SESSION_VALID;

	sessions_expire(session);
	sessions_end_at(plugin->sessions, session, 1);
	if (is_logged)
		return MOSQ_ERR_AUTH_CONTINUE;
	diag_init(&answer.why);
	(void)diag_set(&answer.why, ERR_INVALID,
		       "it goes on with an exchange that was not begun: disconnected");
	refuse_login(plugin, request, &answer);
	return MOSQ_ERR_AUTH_CONTINUE;
}

int events_on_auth_continue(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_extended_auth *event = event_data;
	struct plugin *plugin = userdata;
	char reply[SCRAM_REPLY_MAX];
	struct login_message message = { .data = event->data_in,
					 .len = event->data_in_len,
					 .reply = reply };
	struct login_request request;
	struct login_answer answer;
	int rc;

	(void)event_id;
	if (!events_begin(plugin))
		return MOSQ_ERR_AUTH;
	request = describe_login(plugin, event->client);
	if (is_newcomer(plugin, event->client))
		broker_toggle_id(&plugin->broker, event->client);
	else if (!login_is_begun(plugin->login, event->client))
		return ask_on(plugin, &request);
	login_finish(plugin->login, plugin->rules, &request, &message, &answer);
	rc = conclude_login(plugin, &request, &answer);
	if (answer.is_held_off)
		return broker_hold_off(&plugin->broker, event->client, true);
	rc = name_client(plugin, &request, event->client, rc);
	return rc == MOSQ_ERR_SUCCESS ? reply_with(event, reply, rc) : rc;
}
