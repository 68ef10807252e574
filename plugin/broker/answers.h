/*
 * answers.h -- answers to commands that take longer than the broker's thread may take.
 *
 * One thread works at the jobs, one after the other: it reads the database. It is started by the
 * first job and ends when there was none for a while, so that a broker which nobody asks has no
 * such thread. Jobs wait in lines, by what they cost, and the lines take turns: many that cost
 * little delay the others by one of them at most, and find room where those have none. In each line
 * the jobs are bounded, from answers_ask() to answers_take(): in all, of a principal and of a
 * session; the last places are for principals that have none, so that two which ask without end
 * leave room for another. One that finds no place is refused at once.
 *
 * A job holds what it needs by itself: rules may be swapped, and who asked may leave meanwhile. No
 * lock is held while it runs. Knows neither the broker nor who may get an answer: the owner looks,
 * when it takes one, whether the one who asked is still there.
 *
 * All functions are for one thread, the owner's.
 */
#ifndef PETSTORE_BROKER_ANSWERS_H
#define PETSTORE_BROKER_ANSWERS_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "access/access.h"
#include "base/diag.h"
#include "monitor/control.h"

/* Each reads the database; and texts, of which each is made once and then costs little. */
enum answers_line { ANSWERS_LOOKUPS, ANSWERS_TEXTS, ANSWERS_LINES };

/* Places: in all, of a principal, and those of all that are for principals which have none. */
#define ANSWERS_MAX 8u
#define ANSWERS_OF_PRINCIPAL 4u
#define ANSWERS_KEPT 2u
#define ANSWERS_TEXTS_MAX 128u
#define ANSWERS_TEXTS_OF_PRINCIPAL 64u
#define ANSWERS_TEXTS_KEPT 16u
#define ANSWERS_OF_SESSION 2u /* in either line */

struct answers;

struct answers_options {
	unsigned idle_ms; /* after which the thread ends */
	/* Called on the thread before it ends, to close what jobs left open for the next; or NULL.
	 */
	void (*rest)(void *ctx);
	void *ctx;
};

struct answers_job {
	/*
	 * Makes the answer, on the thread; @ret is all zero. It should end soon once *@is_ending is
	 * true: the broker ends, and nobody will get it.
	 */
	void (*run)(void *ctx, const atomic_bool *is_ending, struct control_answer *ret);
	/* Called once, by the owner's thread, whatever became of the job. NULL: nothing is held. */
	void (*drop)(void *ctx);
	void *ctx;
	enum answers_line line;
	/* Who asks takes gzip: an answer that is not small goes as parts (monitor/packedparts.h).
	 */
	bool is_packed;
};

/* Who asks. */
struct answers_asker {
	const void *handle;    /* of the client; only compared */
	uint64_t session;      /* struct session's number */
	uint64_t generation;   /* of the rules by which it is answered */
	const char *principal; /* ACCESS_NAME_MAX bytes are enough of it */
};

/* A job that is done, or waits. */
struct answers_done {
	struct answers_asker asker; /* its principal is @principal */
	char principal[ACCESS_NAME_MAX + 1];
	char name[64];                 /* the command's */
	json_t *correlation;           /* of the request; or NULL */
	char *text[CONTROL_PARTS_MAX]; /* the messages, for free() */
	size_t count;                  /* of these; 0: memory ran out */
	struct diag note;              /* the answer's, for the log */
	struct answers_job job;
	STAILQ_ENTRY(answers_done) place;
};

int answers_new(const struct answers_options *options, struct answers **ret,
		struct diag *diag) MUST_CHECK;

/* Waits for the job that is worked at; all are dropped. NULL is fine. */
void answers_free(struct answers *answers);

/*
 * Asks for the answer to the command @name, whose request had @correlation (NULL: none); all but
 * the job is copied. The job is taken also where it fails: ERR_BUSY where no place is free,
 * ERR_NOMEM, ERR_IO where no thread can be started.
 */
int answers_ask_take(struct answers *answers, const struct answers_asker *asker, const char *name,
		     const json_t *correlation, const struct answers_job *job,
		     struct diag *diag) MUST_CHECK;

/* How many jobs wait, are worked at or are done. */
size_t answers_count(const struct answers *answers);

/*
 * The next one that is done, whose job was dropped; yours: answers_done_free(). NULL: none. Never
 * waits for work.
 */
struct answers_done *answers_take(struct answers *answers);
void answers_done_free(struct answers_done *done); /* NULL is fine */

/* Frees its messages: none is left. */
void answers_done_clear(struct answers_done *done);

#endif
