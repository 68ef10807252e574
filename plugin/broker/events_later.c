#include "broker/events_later.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "broker/lookups.h"
#include "broker/shown.h"

/* The thread ends after so long without a job. */
#define IDLE_MS 30000u

/* After so many messages the others wait for the next tick: the broker has other clients, too. */
#define MESSAGES_A_TICK 256u

bool events_later_hold(struct plugin *plugin, const struct mosquitto *client, struct later_who *ret)
{
	struct session *session = events_session(plugin, client);
	const struct access_principal *principal =
		session ? events_actor(plugin, client, session) : NULL;

	*ret = (struct later_who){ .rules = NULL };
	if (!principal)
		return false;
	ret->client_id = strdup(session->client_id);
	if (!ret->client_id)
		return false;
	ret->rules = rules_share(plugin->rules);
	ret->principal = principal;
	ret->made = session->made ? access_principal_share(session->made) : NULL;
	ret->method = session->method;
	ret->port = session->port;
	return true;
}

void events_later_drop_who(struct later_who *who)
{
	access_principal_drop(who->made);
	rules_free(who->rules);
	free(who->client_id);
	*who = (struct later_who){ .rules = NULL };
}

/* On the thread: what jobs left for the next ones is closed. */
static void rest(void *ctx)
{
	struct plugin *plugin = ctx;

	lookups_rest(plugin->lookups);
	shown_forget(plugin->shown);
	malloc_trim(0); /* of 10,000 channels a text takes 140 MB to make */
}

int events_later_init(struct plugin *plugin, struct diag *diag)
{
	const struct answers_options options = { .idle_ms = IDLE_MS, .rest = rest, .ctx = plugin };
	int rc;

	plugin->underway.seed = releases_seed(plugin->releases);
	rc = lookups_new(plugin->ledger ? plugin->options.database : NULL, &plugin->lookups, diag);

	return rc ? rc : answers_new(&options, &plugin->answers, diag);
}

void events_later_look(struct plugin *plugin, const struct mosquitto *client,
		       enum control_command command, const struct control_members *members,
		       struct control_answer *ret)
{
	struct answers_job job;
	struct later_who who;

	if (!events_later_hold(plugin, client, &who))
		(void)diag_set(&ret->diag, ERR_INVALID, "the client may not ask now");
	else if (lookups_job_take(plugin->lookups, &who, command, members, &job) == 0)
		events_later_take(plugin, client, members, &job, ret);
	/* else memory ran out, which is what an empty answer says */
}

void events_later_take(struct plugin *plugin, const struct mosquitto *client,
		       const struct control_members *members, const struct answers_job *job,
		       struct control_answer *ret)
{
	const struct session *session = events_session(plugin, client);
	struct answers_asker asker = { .handle = client, .generation = plugin->generation };
	int rc;

	if (!session) {
		if (job->drop)
			job->drop(job->ctx);
		(void)diag_set(&ret->diag, ERR_INVALID, "the client is not known");
		return;
	}
	asker.session = session->number;
	asker.principal = session->name;
	rc = answers_ask_take(plugin->answers, &asker, members->name, members->correlation, job,
			      &ret->diag);
	ret->is_later = rc == 0;
	if (rc == ERR_BUSY)
		ret->code = CONTROL_BUSY;
}

void events_send_answers(struct plugin *plugin, const char *client_id, const char *principal,
			 const char *topic, char *const *text, size_t count)
{
	/* Where no tick comes nothing would end it. */
	if (plugin->has_ticked && underway_add(&plugin->underway, client_id, principal) != 0)
		return;
	for (size_t i = 0; i < count; i++)
		(void)broker_send(client_id, topic, text[i], strlen(text[i]));
}

/* ---- who gets it ----------------------------------------------------------------------------- */

/*
 * By the client id, under which it is sent, another client may have come, and by the handle as
 * well: the session's number is never given twice.
 */
static struct session *find_asker(struct plugin *plugin, const struct answers_asker *asker)
{
	struct session *session = sessions_find(plugin->sessions, asker->handle);

	if (!session || session->number != asker->session || session->is_gone ||
	    session->is_unsure || !sessions_is_alone(session))
		return NULL;
	return events_actor(plugin, asker->handle, session) ? session : NULL;
}

/* What was worked out by other rules than those in force is not said. */
static void say_changed(struct answers_done *done)
{
	struct control_answer answer = { .code = CONTROL_CHANGED };

	(void)diag_set(&answer.diag, ERR_STALE, "the contract was reloaded meanwhile: ask again");
	answers_done_clear(done);
	done->count = control_respond_take(done->name, done->correlation, &answer, done->text) == 0;
}

static void send(struct plugin *plugin, struct answers_done *done)
{
	const struct session *session = find_asker(plugin, &done->asker);

	if (done->note.text[0])
		broker_log(BROKER_WARNING, "command %s: %s", done->name, done->note.text);
	if (!session)
		return;
	if (done->asker.generation != plugin->generation)
		say_changed(done);
	if (done->count > 0)
		events_send_answers(plugin, session->client_id, session->name,
				    CONTROL_RESPONSE_TOPIC, done->text, done->count);
}

void events_later_tick(struct plugin *plugin)
{
	struct answers_done *done;
	size_t sent = 0;

	while (sent < MESSAGES_A_TICK && (done = answers_take(plugin->answers))) {
		send(plugin, done);
		sent += done->count;
		answers_done_free(done);
	}
}
