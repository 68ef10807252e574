/*
 * lookups.h -- commands that read the database, as jobs of answers.h.
 *
 * Reads by a connection of its own (ledger/query.h), which is opened by the first job and closed
 * when the thread ends. Whoever asks sees what it may read: each event whose message would be
 * delivered to it, each entity of which messages would tell it (gate_views()), or, of refusals, all
 * of them or none. What can't be told is left out. A job reads for LOOKUPS_MS at most, and each of
 * its statements was committed when that began, so that nothing is held for long.
 *
 * A lookups object is used by the thread that runs its jobs, but for lookups_job_take(), and while
 * no job runs.
 */
#ifndef PETSTORE_BROKER_LOOKUPS_H
#define PETSTORE_BROKER_LOOKUPS_H

#include "broker/answers.h"
#include "broker/later_who.h"

#define LOOKUPS_MS 2000u

struct lookups;

/* @place: of the database, as in query.h; NULL: there is none, which is what jobs answer. */
int lookups_new(const char *place, struct lookups **ret, struct diag *diag) MUST_CHECK;
void lookups_free(struct lookups *lookups); /* NULL is fine */

/* Closes the connection until the next job. On the thread that runs the jobs. */
void lookups_rest(struct lookups *lookups);

/* Does @command read the database? */
bool lookups_has(enum control_command command);

/*
 * Makes the job of @command, which has taken @who's content. ERR_NOMEM: @who is given up.
 * @members are copied.
 */
int lookups_job_take(struct lookups *lookups, struct later_who *who, enum control_command command,
		     const struct control_members *members, struct answers_job *ret) MUST_CHECK;

#endif
