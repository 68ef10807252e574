/*
 * door_login.c -- who connects: password, token and certificate, or SCRAM by enhanced
 * authentication; and who stands behind a client later.
 */
#include <stdlib.h>
#include <string.h>

#include "access/scram.h"
#include "base/clock.h"
#include "door.h"

/*
 * Works out who a session is under rules that came into force without the broker asking for it
 * again. Says nothing on the log: this may be a delivery, and the log may be a topic.
 */
static void renew(struct plugin *plugin, const struct mosquitto *client, struct session *session)
{
	struct login_request request = { .username = session->name,
					 .password = session->token,
					 .client_id = broker_client(client).id,
					 .certificate = session->certificate,
					 .is_repeat = true,
					 .is_known = true,
					 .is_away = session->is_gone,
					 .is_scram = session->is_scram,
					 .now_ms = clock_unix_ms() };
	struct login_answer answer;

	session->generation = plugin->generation;
	if (session->is_over)
		return;
	login_check(plugin->login, plugin->rules, &request, &answer);
	if (answer.verdict != VERDICT_ALLOW) {
		access_principal_drop(answer.made);
		answer.made = NULL;
		answer.principal = NULL;
		answer.expires_ms = 1; /* the next tick disconnects it, see end_sessions() */
	}
	sessions_renew_take(session, answer.principal, answer.made);
	sessions_end_at(plugin->sessions, session, answer.expires_ms);
}

const struct access_principal *door_principal(struct plugin *plugin, const struct mosquitto *client,
					      struct session *session)
{
	const char *username;

	if (session) {
		if (session->generation != plugin->generation)
			renew(plugin, client, session);
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

bool door_is_unproved(const struct plugin *plugin, const struct mosquitto *client,
		      const struct session *session, const struct access_principal *principal)
{
	const struct access *access = plugin->rules->access;

	if (principal || !(access_has_certificates(access) || access_has_issuers(access)))
		return false;
	return session ? session->is_gone : broker_client(client).address[0] == '\0';
}

/* The facts of a login that come from the client's connection and our own record of it. */
static struct login_request describe_login(struct plugin *plugin, struct mosquitto *client)
{
	const struct session *session = sessions_find(plugin->sessions, client);
	struct broker_client who = broker_client(client);
	bool is_repeat = plugin->is_reloading;

	return (struct login_request){
		.handle = client,
		.username = mosquitto_client_username(client),
		.client_id = who.id,
		.address = who.address[0] ? who.address : NULL,
		.is_clean = broker_is_clean(client),
		.is_repeat = is_repeat,
		.is_away = is_repeat && is_away(&who, session),
		.is_scram = is_repeat && session && session->is_scram,
		.now_ms = clock_unix_ms(),
		.mono_ms = clock_mono_ns() / 1000000,
	};
}

/* Copies what is judged again when rules change. False: out of memory. */
static bool keep_proof(const struct login_request *request, enum login_method method,
		       struct certid **certificate, char **token)
{
	if (method == LOGIN_TOKEN) {
		*token = strdup(request->password);
		return *token != NULL;
	}
	if (method != LOGIN_CERTIFICATE)
		return true;
	*certificate = malloc(sizeof(**certificate));
	if (*certificate)
		certid_copy(*certificate, request->certificate);
	return *certificate != NULL;
}

/* Opens the session of a client that was let in. False: out of memory. */
static bool open_session(struct plugin *plugin, const struct login_request *request,
			 struct login_answer *answer)
{
	struct session *session;
	struct certid *certificate = NULL;
	char *token = NULL;

	if (!answer->principal)
		return true; /* an offline session of someone unknown: it may do nothing */
	if (!keep_proof(request, answer->method, &certificate, &token))
		return false;
	session = sessions_open(plugin->sessions, request->handle, answer->principal->name);
	if (!session) {
		free(certificate);
		free(token);
		return false;
	}
	session->principal = answer->principal;
	session->made = answer->made;
	answer->made = NULL; /* handed over */
	session->certificate = certificate;
	session->token = token;
	session->generation = plugin->generation;
	session->seat = (struct monitor_seat){ 0 };
	session->seat_generation = 0;
	sessions_end_at(plugin->sessions, session, answer->expires_ms);
	session->is_scram = request->is_scram || answer->method == LOGIN_SCRAM;
	if (request->is_away)
		sessions_leave(plugin->sessions, request->handle);
	return true;
}

static void refuse_login(struct plugin *plugin, const struct login_request *request,
			 struct login_answer *answer)
{
	struct broker_client who = { .id = request->client_id,
				     .username = request->username ? request->username : "",
				     .address = request->address ? request->address : "" };

	access_principal_drop(answer->made);
	answer->made = NULL;
	tell_connection(&plugin->tell, &who, answer->why.text);
}

/*
 * What follows a login, however it was proved. The client's handle is not followed: one that
 * waited may be gone. Returns what the broker is to be told.
 */
static int conclude_login(struct plugin *plugin, const struct login_request *request,
			  struct login_answer *answer)
{
	if (answer->verdict != VERDICT_ALLOW)
		watch_refused_login(plugin->watch, request, answer->method);
	else if (!watch_login(plugin->watch, request, answer, &answer->why))
		answer->verdict = VERDICT_DENY;
	if (answer->verdict == VERDICT_ALLOW && !open_session(plugin, request, answer)) {
		answer->verdict = VERDICT_DENY;
		(void)diag_nomem(&answer->why);
	}
	if (answer->verdict != VERDICT_ALLOW) {
		refuse_login(plugin, request, answer);
		return answer->is_busy && plugin->broker.has_busy_code ? BROKER_BUSY
								       : MOSQ_ERR_AUTH;
	}
	if (!request->is_repeat) {
		free(plugin->connecting_id);
		plugin->connecting_id =
			strdup(request->client_id); /* NULL: a takeover goes unnoticed */
		plugin->connecting = request->handle;
		shares_connect(plugin->shares, request->client_id, answer->principal->name,
			       request->handle, request->is_clean);
	}
	return MOSQ_ERR_SUCCESS;
}

/* The broker is to know the client under its principal's name. */
static void name_client(struct plugin *plugin, struct mosquitto *client)
{
	const struct session *session = sessions_find(plugin->sessions, client);

	if (session)
		broker_rename(client, session->name);
}

int door_on_basic_auth(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_basic_auth *event = event_data;
	struct plugin *plugin = userdata;
	struct login_request request;
	struct login_answer answer;
	const struct session *session;
	struct certid shown;
	struct diag fault;
	int rc;

	(void)event_id;
	if (!pthread_equal(pthread_self(), plugin->thread))
		return MOSQ_ERR_AUTH; /* 2.1's http_api: touches nothing that is shared */
	plugin->pending.handle = NULL;
	request = describe_login(plugin, event->client);
	request.username = event->username;
	request.password = event->password;
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
	if (answer.is_waiting)
		return BROKER_LATER;
	rc = conclude_login(plugin, &request, &answer);
	if (rc == MOSQ_ERR_SUCCESS && answer.principal)
		name_client(plugin, event->client);
	return rc;
}

/* ---- logins that had to wait for their key's derivation (2.1) ------------------------------- */

/*
 * The broker finds a waiting client by its id, and says nothing where there is none any more. A
 * client that is there is connected within the call, so its CONNECT event comes meanwhile. Its
 * user name needs no change: with a password it is the principal's.
 */
void door_finish_logins(struct plugin *plugin)
{
	struct login_request request = { .now_ms = clock_unix_ms(),
					 .mono_ms = clock_mono_ns() / 1000000 };
	struct login_answer answer;
	int rc;

	while (login_next(plugin->login, plugin->rules, &request, &answer)) {
		rc = conclude_login(plugin, &request, &answer);
		plugin->connected = NULL;
		plugin->broker.complete_login(request.client_id, rc);
		if (rc != MOSQ_ERR_SUCCESS || plugin->connected == request.handle)
			continue;
		watch_vanished(plugin->watch, &request);
		sessions_forget(plugin->sessions, request.handle);
	}
}

int door_on_connect(int event_id, void *event_data, void *userdata)
{
	/* 2.0 has no such event; its first members are DISCONNECT's. */
	struct mosquitto_evt_disconnect *event = event_data;
	struct plugin *plugin = userdata;

	(void)event_id;
	plugin->connected = event->client;
	return MOSQ_ERR_SUCCESS;
}

/* From the verifier's threads: the tick finishes what is done. */
void door_wake(void *plugin)
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

int door_on_auth_start(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_extended_auth *event = event_data;
	struct plugin *plugin = userdata;
	struct login_message message = { event->client, event->data_in, event->data_in_len };
	struct login_request request;
	struct login_answer answer;
	char reply[SCRAM_REPLY_MAX];

	(void)event_id;
	if (!pthread_equal(pthread_self(), plugin->thread))
		return MOSQ_ERR_AUTH;
	plugin->pending.handle = NULL;
	if (!event->auth_method || strcmp(event->auth_method, SCRAM_METHOD) != 0)
		return MOSQ_ERR_NOT_SUPPORTED; /* the peer hears 0x8C */
	request = describe_login(plugin, event->client);
	if (login_begin(plugin->login, plugin->rules, &request, &message, reply, &answer))
		return reply_with(event, reply, MOSQ_ERR_AUTH_CONTINUE);
	watch_refused_login(plugin->watch, &request, LOGIN_SCRAM);
	refuse_login(plugin, &request, &answer);
	return MOSQ_ERR_AUTH;
}

int door_on_auth_continue(int event_id, void *event_data, void *userdata)
{
	struct mosquitto_evt_extended_auth *event = event_data;
	struct plugin *plugin = userdata;
	struct login_message message = { event->client, event->data_in, event->data_in_len };
	struct login_request request;
	struct login_answer answer;
	char reply[SCRAM_REPLY_MAX];
	int rc;

	(void)event_id;
	if (!pthread_equal(pthread_self(), plugin->thread))
		return MOSQ_ERR_AUTH;
	plugin->pending.handle = NULL;
	request = describe_login(plugin, event->client);
	login_finish(plugin->login, plugin->rules, &request, &message, reply, &answer);
	rc = conclude_login(plugin, &request, &answer);
	if (rc != MOSQ_ERR_SUCCESS)
		return rc;
	name_client(plugin, event->client);
	return reply_with(event, reply, rc);
}
