/*
 * crossings.h -- what crosses on its way between brokers of one database.
 *
 * Three bounded tables: messages of other brokers that came over a bridge (where bridges meet in a
 * ring each comes more than once); topics, with what was delivered here last, its revision, and
 * when this broker kept a message there; and topics whose message has to be published again once
 * the database has settled what crossed. Knows no broker and no ledger. For the broker's thread
 * alone.
 */
#ifndef PETSTORE_CROSSINGS_H
#define PETSTORE_CROSSINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define CROSSINGS_MET 131072u            /* messages that are remembered, at most */
#define CROSSINGS_TOPICS 131072u         /* topics that are remembered, at most */
#define CROSSINGS_WAITING 4096u          /* topics that wait, at most */
#define CROSSINGS_NS INT64_C(1500000000) /* that messages may take from broker to broker */

struct crossings;

int crossings_new(struct crossings **ret, struct diag *diag) MUST_CHECK;
void crossings_free(struct crossings *crossings); /* NULL is fine */

/*
 * The message @sequence of @origin comes over the bridge @path (only compared). True: it came
 * before. At QoS 2 only where that was over another bridge: the broker that sent it may send it
 * again until it is released.
 */
bool crossings_meet(struct crossings *crossings, const char *origin, int64_t sequence,
		    const void *path, unsigned qos);

/* A number for the message, never 0. */
uint64_t crossings_key(const struct crossings *crossings, const char *origin, int64_t sequence);

/* Did it come before? */
bool crossings_has_met(const struct crossings *crossings, uint64_t key);

/* Should it still come over a bridge, it came before. */
void crossings_pass(struct crossings *crossings, uint64_t key);

/* A message that was delivered. */
struct crossings_delivery {
	const char *topic;
	size_t len;
	const char *origin; /* who kept it, NUL-terminated */
	int64_t sequence;   /* there; 0: nowhere */
	uint64_t revision;  /* of its entity, as @origin said; 0: none */
	int64_t written_ns; /* this broker kept it then; 0: another one */
	bool is_will;       /* crossings_settle(): a broker that ended hands none out */
};
void crossings_deliver(struct crossings *crossings, const struct crossings_delivery *delivery);

/* What the database says of the topic was delivered, after all that was settled so far. */
void crossings_stand(struct crossings *crossings, const char *topic, size_t len);

/* The broker retains it, but nobody got it: it may be older than what was delivered last. */
void crossings_retain(struct crossings *crossings, const char *topic, size_t len);

/* The database told of an event on the topic. */
void crossings_hear(struct crossings *crossings, const char *topic, size_t len);

/* Was what stands delivered since the database told of the topic last, and nothing after it? */
bool crossings_is_standing(const struct crossings *crossings, const char *topic, size_t len);

/*
 * The event @key, of which the database told at @heard_ns with the entity's @revision (0: none),
 * came over no bridge: may what the topic has here be older?
 */
bool crossings_lacks(const struct crossings *crossings, const char *topic, size_t len, uint64_t key,
		     uint64_t revision, int64_t heard_ns);

/* Is it what was delivered last? */
bool crossings_is_last(const struct crossings *crossings,
		       const struct crossings_delivery *delivery);

enum crossings_settled {
	CROSSINGS_AGREES,  /* what was delivered last is this, or later, or bridges will tell */
	CROSSINGS_DIFFERS, /* it may be that it stands, and that something else was delivered last
			    */
	CROSSINGS_OPEN,    /* so it may be, if it does not come over a bridge in a while */
};

/*
 * The database has the event @sequence of another broker's with the entity's @revision; it was not
 * overruled.
 */
enum crossings_settled crossings_settle(struct crossings *crossings,
					const struct crossings_delivery *event, int64_t now_ns);

/* The highest revision that was delivered on the topic; 0: it is not known. */
uint64_t crossings_delivered(const struct crossings *crossings, const char *topic, size_t len);

/* Did this broker keep a message on the topic within CROSSINGS_NS? */
bool crossings_has_written(const struct crossings *crossings, const char *topic, size_t len,
			   int64_t now_ns);

/* A topic that waits until all of @origin up to @sequence was heard, or until @until_ns. */
struct crossings_topic {
	const char *topic;
	size_t len;
	const char *origin; /* NUL-terminated */
	int64_t sequence;
	int64_t until_ns;
	bool is_settled;   /* it was heard, and waits for a bridge until @until_ns */
	uint64_t revision; /* of its entity then; 0: none */
	bool is_will;      /* as in struct crossings_delivery */
};

/* Copies it. False: there is no room, or no memory: it is due now. */
bool crossings_wait(struct crossings *crossings, const struct crossings_topic *topic);

/* Nothing is heard of the database: what waits to hear of it waits until @until_ns at least. */
void crossings_put_off(struct crossings *crossings, int64_t until_ns);

/*
 * The next topic that is due, borrowed until the next call; @has_heard answers for @ctx. False:
 * none.
 */
bool crossings_due(struct crossings *crossings,
		   bool (*has_heard)(void *ctx, const char *origin, int64_t sequence), void *ctx,
		   int64_t now_ns, struct crossings_topic *ret);

#endif
