/*
 * ledger_types.h -- arguments and results of the ledger: structs and limits only.
 *
 * The ledger's lower files (state, record, store, query) know these and nothing of the ledger.
 */
#ifndef PETSTORE_LEDGER_TYPES_H
#define PETSTORE_LEDGER_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/entity.h"
#include "base/message.h"

#define LEDGER_PROPERTIES_MAX 4096u /* bytes of a retained message's properties */
#define LEDGER_KIND_MAX 128u        /* bytes of a message's name in the contract; more is cut */
#define LEDGER_PEER_MAX 256u        /* bytes of who published it at a peer's broker; more is cut */
#define LEDGER_LAST_MAX 4u          /* channels of an entity whose last message is remembered */

/* What is known of an entity. Strings are NUL-terminated and live until the next call. */
struct ledger_state {
	bool is_known;                        /* false: nothing was ever kept, all strings are "" */
	const char *owner;                    /* "" where no message named it */
	const char *link;                     /* the link column's value, "" where there is none */
	const char *status[ENTITY_SLOTS_MAX]; /* "" where it has none yet */
	uint64_t revision;
};

/* The last message of one channel about one entity. Borrowed for the call. */
struct ledger_last_query {
	unsigned entity;
	const char *id;
	size_t id_len;
	const char *topic;
	size_t topic_len;
	uint64_t mark;     /* as in struct ledger_write */
	bool is_shared;    /* likewise */
	uint64_t revision; /* of the entity, as ledger_look() says */
};

/* What it says, in one of two ways; in neither where it is not known. */
struct ledger_last_message {
	uint64_t content;    /* as in struct ledger_write, or 0 */
	const char *payload; /* as it came, or NULL; good until the next call of any function */
	size_t payload_len;
};

/* Entities whose status is @status, and of which nothing was accepted since @before_ms. */
struct ledger_unchanged_query {
	unsigned entity;
	unsigned slot; /* of the status; timed (base/entity.h) */
	const char *status;
	int64_t before_ms;
	unsigned limit;
};

/* One of them; strings live for the visit. */
struct ledger_unchanged {
	const char *id;
	const char *since; /* its row's updated_at, RFC 3339 */
};

typedef void ledger_unchanged_visit(const struct ledger_unchanged *row, void *ctx);

/* An accepted publish. Everything is borrowed for the call. */
struct ledger_write {
	unsigned entity; /* ENTITY_NONE: an event only */
	const char *id;
	size_t id_len;
	const char *owner; /* NULL: the owner stays as it is */
	size_t owner_len;
	size_t value_count;        /* columns to set, statuses among them; the others stay */
	const struct value *value; /* by the entity's columns */
	bool is_power;             /* synced to the disk before the call returns */
	bool is_unrecorded;        /* the entity only: no row in events */
	/* the event */
	int64_t received_ms;   /* unix time */
	const char *publisher; /* principal's name */
	const char *client_id;
	const char *kind;       /* which message of the contract it is; NULL: not known */
	struct message message; /* retained: a row in retained, too, cleared where it is empty */
	const void *properties; /* of what is retained: MQTT 5's, as on the wire */
	size_t properties_len;  /* at most LEDGER_PROPERTIES_MAX */
	bool is_correction; /* a step that the contract does not have, by one that may correct */
	bool is_adopted;    /* what stood before: it was not accepted, but taken over */
	bool is_taken_over; /* from a trusted peer: its broker decided it */
	const char *peer;   /* who published it there, as the peer says; NULL: nobody is named */
	uint64_t digest;    /* of topic and payload, from ledger_seed() on; 0: not computed */
	uint64_t mark; /* names a channel that moves a status, whose messages are compared; or 0 */
	uint64_t content; /* digest of the payload without its times, odd; 0: not computed */
	bool is_shared;   /* fills columns that messages with other marks fill as well */
	/*
	 * Where the database is shared it has this write before it is acknowledged. @slot is the
	 * status that was decided on (-1: none was). is_guard: the entity stays as it is, but must
	 * have that status still; what is retained is written.
	 */
	bool is_strict, is_guard;
	int slot;        /* where is_strict */
	uint64_t unique; /* digest of what x-unique names; 0: it names nothing */
	uint64_t sender; /* as in struct ledger_resend_query; 0: it is never sent again */
};

/*
 * A message that may have been accepted before. @sender is a number for principal and client id
 * together, the same for as long as the process runs; @digest is the write's.
 */
struct ledger_resend_query {
	uint64_t digest, sender;
	const char *topic;
	size_t topic_len;
	const char *publisher, *client_id; /* NULL: whoever sent it, at any QoS, or as a will */
	uint64_t
		until_seq; /* the last write that counts: ledger_last() when the client connected */
	uint64_t until_step; /* likewise, ledger_last_step() */
};

#define LEDGER_RESEND_ROWS 64 /* rows of a topic that are looked at, from the newest back */

/* A row of the table retained, or an event in its place. Borrowed for the visit. */
struct ledger_retained {
	struct message message; /* without a payload: it was cleared */
	const void *properties; /* as on the wire */
	size_t properties_len;
};

#define LEDGER_TOPICS_MAX 64u /* of one ledger_retained_find_each() */

struct ledger_topic {
	const char *text;
	size_t len;
};

typedef void ledger_retained_visit(const struct ledger_retained *row, void *ctx);

/* A refusal, and its message where that was kept whole. Borrowed for the visit. */
struct ledger_letter {
	struct message message; /* without a payload where !is_whole; a topic may be cut */
	const void *properties; /* as on the wire */
	size_t properties_len;
	bool is_whole;
	const char *principal; /* who sent it, or claimed to */
	const char *client_id;
	const char *action; /* "publish" or "will"; of others nothing is whole */
	const char *reason;
	bool is_observed;
	const char *resent; /* what ledger_resent() noted; "": nothing */
};

typedef void ledger_letter_visit(const struct ledger_letter *row, void *ctx);

/* Where a ledger is; all strings are borrowed. */
struct ledger_place {
	const char *database; /* a path, or a connection string (store.h) */
	const char *broker;   /* whose journal it is; NULL: the only one's */
	const char *journal;  /* its file; NULL: "<database>-journal.ring" */
};

#endif
