/*
 * others.h -- what other brokers do that keep in the same database: types, and the ledger's calls
 * about them.
 *
 * Brokers that share a PostgreSQL database accept messages on their own. Each hears of the others'
 * twice: by a bridge, where there is one, mostly first; and from the database, a moment after it
 * was carried there (ledger/pg_watch.h). What is heard is never the ground to accept a step for
 * good: that the database settles, or the step itself where its channel is strict.
 *
 * For the broker's thread. Where the ledger is not shared nothing is ever heard.
 */
#ifndef PETSTORE_OTHERS_H
#define PETSTORE_OTHERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "ledger/ledger_types.h"

#define OTHERS_BROKERS_MAX 64u /* of one database that are watched; more are not heard */
#define OTHERS_NAME_MAX                                                                            \
	128u                 /* bytes of a broker's name, with its NUL; longer ones are not heard  \
			      */
#define OTHERS_BANS_MAX 256u /* bans of this broker's that wait for the database */

#define OTHERS_STRANGERS 16u /* names that no broker of the database has, remembered */
#define OTHERS_STRANGER_MS 1000
#define OTHERS_ASKED_MAX 32u /* for names, in that time */

/* brokers.seen_at of one that ended well, and of one that takes no writes, as its database is not
 * the one that it was in use with. */
#define OTHERS_SEEN_STOPPED 0
#define OTHERS_SEEN_REFUSES (-1)
#define OTHERS_ALIVE_MS 5000 /* a broker that is silent for longer has gone */

struct ledger;

enum others_kind {
	OTHERS_EVENT, /* an event of another broker's, or one of this broker's that was overruled */
	OTHERS_SEEN,  /* all of @origin up to @sequence was heard; below 0: of its strict steps */
	OTHERS_BAN,   /* another broker banned somebody, or lifted a ban */
	OTHERS_LOST,  /* the database could not be asked for a while */
};

/* Texts are borrowed until the next call, NUL-terminated, and "" where there is nothing to say. */
struct others_event {
	bool is_overruled; /* another broker's step came first: it is kept, and moved nothing */
	bool is_retained, is_will;
	unsigned qos;
	uint64_t revision;       /* of its entity, as the database settled it; 0: none */
	uint64_t digest, unique; /* as in struct ledger_write; 0: none */
	const char *topic;
	size_t topic_len;
	const char *publisher, *client_id, *kind;
	const void *payload; /* of an overruled one of this broker's only */
	size_t payload_len;
};

struct others_ban {
	bool is_principal; /* all clients of a principal; else a client */
	bool is_lifted;
	const char *name, *principal; /* @principal: of a client, who it was then, or "" */
	const char *cause;            /* an alert's code, or "" */
	int64_t until_ms;             /* unix time */
};

struct others_news {
	enum others_kind kind;
	const char *origin; /* the broker's name */
	bool is_own;        /* it is this one */
	bool is_again;      /* OTHERS_LOST: it went out before, and not all could be asked since */
	int64_t sequence;   /* the origin's number: above 0 its journal's, below 0 a strict step */
	struct others_event event;
	struct others_ban ban;
};

/* A broker of the database, as its row said last. */
struct others_broker {
	char name[OTHERS_NAME_MAX];
	bool is_own;
	bool is_out;       /* it said that it was stopped, or takes no writes; silent_ms is 0 */
	int64_t silent_ms; /* since it was last heard of, by the database's clock */
	int64_t applied;   /* the last number of its journal that is in the database */
	int64_t strict;    /* of its strict steps, 0 or below */
	int64_t waiting;   /* records that are not there yet, as it said then */
	int64_t lag_ms;    /* how old the oldest of them was */
	int64_t overruled; /* events of its that were */
};

/*
 * The next news, in the order in which it happened at each origin; false: none for now. Memory has
 * followed it where it need not know the topic: all that is not pinned was dropped at OTHERS_LOST.
 */
bool ledger_next_other(struct ledger *ledger, struct others_news *ret);

/*
 * 1: @broker is one of this database, this one included; 0: the database has no such broker. Asks
 * the database, within its bound, of a name that is not known: what it does not have is believed
 * for OTHERS_STRANGER_MS, of OTHERS_STRANGERS names. ERR_BUSY: it can't be asked now, or was asked
 * OTHERS_ASKED_MAX times in that time.
 */
int ledger_find_broker(struct ledger *ledger, const char *broker, struct diag *diag) MUST_CHECK;

/* Was all of @broker up to @sequence heard? False of one of which nothing was heard yet. */
bool ledger_has_heard(const struct ledger *ledger, const char *broker, int64_t sequence);

/* Is the database asked what other brokers did, and does it answer? */
bool ledger_is_hearing(const struct ledger *ledger);

/* Was it carried after this broker began? */
bool ledger_is_since_start(const struct ledger *ledger, const char *broker, int64_t sequence);

/* Writes the brokers of the database to @ret, @max at most, and returns their number. */
size_t ledger_brokers(const struct ledger *ledger, struct others_broker *ret, size_t max);

/* The number at this broker, and the entity's revision (0: none), of the write that was kept last.
 */
struct others_kept {
	int64_t sequence;
	uint64_t revision;
};
struct others_kept ledger_kept(const struct ledger *ledger);

/*
 * Another broker moved the entity to @revision: it is read again where memory has an older one, and
 * its id is not new. @revision 0: memory's is dropped whatever it has.
 */
void ledger_heard_of(struct ledger *ledger, unsigned entity, const char *id, size_t id_len,
		     uint64_t revision);

/* An event of @publisher with this @unique was accepted elsewhere; so was @digest of @sender. */
void ledger_heard_unique(struct ledger *ledger, const char *publisher, uint64_t unique);
void ledger_heard_digest(struct ledger *ledger, uint64_t sender, uint64_t digest);

/* What a message that another broker kept says of its entity, beside what is known here. */
enum others_meeting {
	OTHERS_NEWER, /* it stands after what is known; memory took it over, or reads it again */
	OTHERS_SAME,  /* it says what is known */
	OTHERS_OLDER, /* something else stands */
	OTHERS_CONTENDED, /* newer, but steps of this broker wait: the database will settle it */
	OTHERS_UNKNOWN,   /* the entity can't be looked up now */
};

/*
 * @write is of an entity; @revision: after it, 0: it did not move. @is_heard: all of its broker up
 * to it was heard, so that nothing is newer than what the database has. May read the database, as
 * ledger_look().
 */
enum others_meeting ledger_meet(struct ledger *ledger, const struct ledger_write *write,
				uint64_t revision, bool is_heard);

/* Shares a ban of this broker's, or that one was lifted; beyond OTHERS_BANS_MAX the oldest waits no
 * more. */
void ledger_share_ban(struct ledger *ledger, const struct others_ban *ban);

#endif
