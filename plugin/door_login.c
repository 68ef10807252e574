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
static bool open_session(struct plugin *plugin, struct mosquitto *client,
			 const struct login_request *request, struct login_answer *answer)
{
	struct session *session;
	struct certid *certificate = NULL;
	char *token = NULL;

	if (!answer->principal)
		return true; /* an offline session of someone unknown: it may do nothing */
	if (!keep_proof(request, answer->method, &certificate, &token))
		return false;
	session = sessions_open(plugin->sessions, client, answer->principal->name);
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

int door_on_basic_auth(int event_id, void *event_data, void *userdata)
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

int door_on_auth_start(int event_id, void *event_data, void *userdata)
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

int door_on_auth_continue(int event_id, void *event_data, void *userdata)
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
