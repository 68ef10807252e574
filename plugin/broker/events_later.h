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
#include "broker/events.h"

/* Who asks and by which rules, held for a job: neither changes while it is. */
struct later_who {
	struct rules *rules;
	const struct access_principal *principal; /* of the rules, or @made */
	struct access_principal *made;            /* NULL: the rules have it */
	char *client_id;
	enum login_method method;
	uint16_t port;
};

/* Fills @ret with what @client is, for a job; give it up by _drop_who(). False: it may not ask. */
bool events_later_hold(struct plugin *plugin, const struct mosquitto *client,
		       struct later_who *ret);
void events_later_drop_who(struct later_who *who);

int events_later_init(struct plugin *plugin, struct diag *diag) MUST_CHECK;

/*
 * Gives @job to the thread, which answers @client's command. The job is taken in any case. @ret
 * says that the answer comes later, or why none will.
 */
void events_later_take(struct plugin *plugin, const struct mosquitto *client,
		       const struct control_members *members, const struct answers_job *job,
		       struct control_answer *ret);

/* Sends what is done. From the tick; where answers_count() is 0 it need not be called. */
void events_later_tick(struct plugin *plugin);

#endif
