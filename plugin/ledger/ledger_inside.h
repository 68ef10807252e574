/*
 * ledger_inside.h -- what the ledger's own files share; nobody else includes it.
 *
 * ledger_open.c opens, at once or later; ledger.c looks; ledger_commit.c keeps;
 * ledger_watch.c says how it does.
 */
#ifndef PETSTORE_LEDGER_INSIDE_H
#define PETSTORE_LEDGER_INSIDE_H

#include <stdatomic.h>

#include "ledger/backlog.h"
#include "ledger/carry.h"
#include "ledger/census.h"
#include "ledger/enroll.h"
#include "ledger/journal.h"
#include "ledger/ledger.h"
#include "ledger/state.h"
#include "ledger/store.h"
#include "ledger/unload.h"
#include "ledger/view.h"
#include "ledger/writer.h"

#define LEDGER_MARKS 64u

/* What opening leads to. Made by one thread, then the broker's. */
struct ledger_opened {
	size_t entity_count;
	struct store_entity *entity;
	struct store_reader *reader;
	uint64_t last_seq;
	uint64_t seed;        /* of digests */
	uint64_t damaged_seq; /* the journal was cut at this record; 0: it was not */
};

struct ledger {
	char *asked_path; /* as the options have it */
	char *origin;     /* or NULL */
	char *path;       /* without symbolic links */
	char *journal_path;
	size_t journal_wanted; /* bytes */
	struct store *store;   /* the writer's, once it runs */
	struct journal *journal;
	struct state *state;
	struct view *view; /* of a ledger that only looks, which has nothing else */
	struct writer *writer;
	struct carry carry;      /* the writer's, once it runs */
	int64_t sync_at_ns;      /* likewise */
	struct unload unload;    /* likewise */
	struct enroll enroll;    /* likewise */
	struct census *census;   /* which ids the database may have */
	uint64_t secret[2];      /* of the keys */
	struct backlog *backlog; /* of refusals */

	/*
	 * Where it could not be opened at start the writer's thread goes on trying. What it
	 * makes is handed over by is_open; until then the broker's thread touches neither
	 * store nor journal, and plan is the writer's while it works.
	 */
	struct ledger_plan *plan; /* a copy, while there is something to open */
	struct ledger_opened opened;
	_Atomic bool is_open;

	/* the broker's thread's, from here on */
	bool is_admitted; /* has taken over what was opened */
	size_t entity_count;
	struct store_entity *entity;
	struct store_reader *reader;
	uint64_t last_seq;
	uint64_t seed; /* of digests; 0: not open yet */
	uint64_t lost; /* refusals that the last line about it knew of */
	int64_t lost_told_ns;
	uint64_t hits; /* of looks in memory */
	uint64_t misses;
	_Atomic uint64_t errors; /* of the writer's batches */
	struct {
		uint64_t seq; /* the last record at that time */
		int64_t ns;
	} mark[LEDGER_MARKS]; /* to tell how old the oldest record is: see ledger_facts() */
	unsigned marks;
	bool is_place_told; /* where the journal lies was looked at */
	bool is_full;       /* the journal was, and is not half empty again */
	bool is_stalled;    /* the writer's thread hangs */
	uint64_t rounds;    /* when they last changed */
	int64_t rounds_ns;

	struct state_facts scratch; /* of an entity that memory has no room for */
	struct entitykey key;       /* the last one: a publish asks, then keeps, under one id */
	char key_id[LEDGER_ID_MAX];
	bool has_news;
	struct diag news;
};

/* True once the ledger is open, and the broker's thread has what belongs to it. */
bool ledger_admit(struct ledger *ledger);

/* Says that it is not open yet. */
int ledger_fail_shut(const struct ledger *ledger, struct diag *diag);

/* The next line of ledger_news(), in the place of one that nobody asked for. */
void ledger_tell(struct ledger *ledger, const struct diag *line);

/* Tells when the journal, once full, has room again. */
void ledger_watch_journal(struct ledger *ledger);

/*
 * The key of an entity, good until the next call. ERR_INVALID, ERR_LIMIT: its number or its id is
 * not what the plan and the format allow.
 */
int ledger_key(struct ledger *ledger, unsigned entity, const char *id, size_t id_len,
	       const struct entitykey **ret, struct diag *diag);

/*
 * What is known of the entity under @key, from memory or the database. *is_kept false: *ret is
 * the scratch place, since all of memory is pinned.
 */
int ledger_find(struct ledger *ledger, unsigned entity, const struct entitykey *key,
		struct state_facts **ret, bool *is_kept, struct diag *diag);

#endif
