/*
 * events_later.h -- answers that come later: who gets them.
 *
 * A command that has to read the database, or makes a long text, is given to answers.h as a job.
 * At the tick its answer goes to the very session that asked, and to nobody where that is gone, or
 * may not act any more.
 */
#ifndef PETSTORE_EVENTS_LATER_H
#define PETSTORE_EVENTS_LATER_H

#include "broker/answers.h"
#include "broker/later_who.h"
#include "broker/events.h"

/* Fills @ret with what @client is, for a job; give it up by _drop_who(). False: it may not ask. */
bool events_later_hold(struct plugin *plugin, const struct mosquitto *client,
		       struct later_who *ret);

int events_later_init(struct plugin *plugin, struct diag *diag) MUST_CHECK;

/*
 * Gives @job to the thread, which answers @client's command. The job is taken in any case. @ret
 * says that the answer comes later, or why none will.
 */
void events_later_take(struct plugin *plugin, const struct mosquitto *client,
		       const struct control_members *members, const struct answers_job *job,
		       struct control_answer *ret);

/* A command that reads the database (lookups_has()). */
void events_later_look(struct plugin *plugin, const struct mosquitto *client,
		       enum control_command command, const struct control_members *members,
		       struct control_answer *ret);

/*
 * Sends the messages of an answer to the client @client_id, which is @principal's. Until they have
 * arrived nobody else comes in under that id; nor are they kept for who comes later.
 */
void events_send_answers(struct plugin *plugin, const char *client_id, const char *principal,
			 const char *topic, char *const *text, size_t count);

/* Sends what is done. From the tick; where answers_count() is 0 it need not be called. */
void events_later_tick(struct plugin *plugin);

#endif
