/*
 * ledger_internal.h -- what the ledger's own files share; no other file includes it.
 *
 * Read them in this order: ledger_core.c, which all others call; ledger_look.c and ledger_commit.c,
 * which read and write; ledger_news.c, facts and news; ledger_replan.c, a new plan; ledger_files.c,
 * the writer's checks of the files; ledger_open.c, which opens all of it.
 */
#ifndef PETSTORE_LEDGER_INTERNAL_H
#define PETSTORE_LEDGER_INTERNAL_H

#include <stdatomic.h>

#include "ledger/accepted.h"
#include "ledger/backlog.h"
#include "ledger/replay.h"
#include "ledger/idfilter.h"
#include "ledger/journal.h"
#include "ledger/ledger.h"
#include "ledger/others.h"
#include "ledger/pace.h"
#include "ledger/pg.h"
#include "ledger/pressure.h"
#include "ledger/state.h"
#include "ledger/store.h"
#include "ledger/writer.h"

#define LEDGER_MARKS 64u
#define LEDGER_GO_ON "put it back, or go on without its writes: petstorectl restored"

/* A plan of our own, in one block. The broker's thread and the writer's have one each. */
struct ledger_plan {
	uint64_t number; /* from 1 */
	unsigned round;  /* of the id filter that its tables are for */
	struct entity_plan entities;
};

/* What the writer's thread reports about a plan. */
struct ledger_made {
	uint64_t number;           /* the last plan of which the database has all */
	struct store_names *known; /* the database's names now; NULL: unchanged */
	uint64_t failed;           /* number of a plan that failed, @line says why; 0: none */
	struct diag line;
};

/* What was opened. Filled by the thread that opens, then the broker's. */
struct ledger_opened {
	uint64_t number; /* of the plan whose tables are there */
	struct store_names *known;
	struct store_reader *reader;
	uint64_t last_seq;
	uint64_t seed; /* of digests */
};

/* An entity of the plan in force, and what the database has of it. */
struct ledger_entity {
	const struct entity *entity;     /* the plan's */
	struct store_numbers number;     /* 0 of what is not there yet */
	bool is_timed[ENTITY_SLOTS_MAX]; /* there is an index for how long it has not changed */
	uint64_t remembered;             /* a bit a column: it is a status or the link */
	/*
	 * The number of its table in memory. A plan with other status or link columns gets a new
	 * number, so that nothing is found that was stored for the old columns.
	 */
	struct {
		uint32_t memory;     /* the number; 0: the entity can't be looked up yet */
		uint32_t number;     /* the next value of @memory; 0: not known yet */
		uint64_t usable_seq; /* @memory is set when the database has this record */
	} layout;
};

/* Is the column's text in memory as well? */
static inline bool ledger_remembers(const struct ledger_entity *known, unsigned column)
{
	return known->remembered >> column & 1;
}

/* A name that the database had no broker of at @asked_ms (monotonic); "": none. */
struct ledger_stranger {
	char name[OTHERS_NAME_MAX];
	int64_t asked_ms;
};

/* Up to where another broker was heard. */
struct ledger_origin {
	char name[OTHERS_NAME_MAX];
	int64_t applied, strict;
	int64_t began_applied, began_strict; /* where it was when this broker began */
};

struct pg_watch;

/* Messages that may be kept, of which nobody said whether they are; of more the oldest goes. */
#define LEDGER_DOUBTS 64u
#define LEDGER_DOUBT_TOPIC 256u /* bytes of a topic that is remembered; of longer ones none is */

struct ledger_doubt {
	uint64_t number;         /* of its step; 0: no message is here */
	uint64_t sender, digest; /* the message's; sender 0: nobody sends it again */
	int64_t look_ns;         /* when the database is asked; see ledger_settled() */
	unsigned looks;
	char topic[LEDGER_DOUBT_TOPIC];
	size_t topic_len;
};

/* Writes that a shared database commits before they are acknowledged: see ledger_step.c. */
struct ledger_steps {
	_Atomic uint64_t last;      /* the number given last; the journal's numbers are others */
	_Atomic uint64_t last_kept; /* of those that are events */
	struct ledger_doubt doubt[LEDGER_DOUBTS];
	unsigned next_doubt;
	uint64_t kept, stale, doubts, refused;
	bool is_probed;        /* the writer's: see ledger_step_line() */
	struct histogram took; /* of those that were kept, in microseconds */
};

struct ledger {
	bool is_reader; /* made by ledger_open_reader(): it has a reader and nothing else */
	bool is_shared; /* other brokers write to the database, too */
	char *database; /* as the options have it */
	char *broker;   /* or NULL */
	struct store_place place; /* of these two */
	struct pg_ending ending;  /* begins at ledger_close(); of a shared database */
	char *asked_path;         /* the database's name in messages: see store_shown() */
	char *asked_journal;      /* as the options have it, or NULL */
	char *path;               /* as asked_path; of a file without symbolic links */
	unsigned strict_ms;
	struct ledger_steps steps; /* the broker's thread's */
	char *journal_path;
	size_t journal_bytes; /* asked for */
	size_t journal_bytes_max;
	struct store *store; /* the writer's, once it runs */
	struct journal *journal;
	struct state *state;
	struct writer *writer;
	struct accepted unique; /* by x-unique; filled at the opening, then the broker's thread's */
	struct accepted accepted;  /* what was accepted last */
	struct idfilter *idfilter; /* which ids the database may have */
	uint64_t secret[2];        /* of the keys */
	struct backlog *backlog;   /* of refusals */
	struct pace pace;          /* of syncs; both threads' */
	struct pressure pressure;  /* likewise */

	/*
	 * Where the ledger could not be opened at start the writer's thread goes on trying, and
	 * hands over what it opened by setting is_open; before that the broker's thread touches
	 * neither store nor journal.
	 */
	struct ledger_opened opened;
	struct diag opening_line; /* what opening found; "": nothing to be reported */
	_Atomic bool is_open;
	/*
	 * If the files are not those that were opened, the writer's thread clears is_open and waits
	 * until the broker's thread has released all that was opened: see ledger_files.c.
	 */
	_Atomic bool has_let_go;
	/* For the writer's thread, which tells other brokers: the last record, the oldest's age. */
	_Atomic uint64_t newest;
	_Atomic int64_t waiting_ms;

	/* the writer's thread's, once it runs */
	struct replay replay;
	struct idfilter_fill idfilter_fill;
	int64_t sync_at_ns;
	int64_t check_at_ns;
	bool is_given_up;     /* store and journal have to be closed */
	bool is_journal_ours; /* the open journal has what was accepted */
	bool is_store_ours;   /* the open database is the one that it belongs to */
	bool is_pair_wrong;   /* database and journal do not belong together, or one is missing */
	bool begins_anew;     /* a checkpoint failed: see store_check_anew() */
	bool is_put_back;     /* the journal's file, which had been removed */
	bool has_identity;
	unsigned char identity[STORE_IDENTITY]; /* of the database that was opened first */
	bool is_mark_due; /* the database does not say yet which journal it is in use with */

	/* Plans go to the writer's thread, and what became of them back: see ledger_replan.c. */
	_Atomic(struct ledger_plan *) new_plan; /* the newest, until the writer takes it */
	_Atomic(struct ledger_made *) made;     /* the newest, until the broker's thread does */
	struct ledger_plan *making;             /* the writer's; NULL: nothing is to be made */
	int64_t make_at_ns;                     /* the writer's: not again before then */
	int64_t making_since_ns;                /* the writer's: since it fails; 0: it does not */
	bool is_failure_reported;               /* the writer's */

	/* the broker's thread's, from here on */
	bool is_taken;            /* what was opened was taken over */
	bool has_all;             /* and all that the plan asks for is there */
	struct ledger_plan *plan; /* in force */
	uint64_t made_number;     /* of the last plan of which all is there */
	struct store_names *known;
	size_t entity_count;
	struct ledger_entity *entity;
	uint32_t layouts;      /* numbers given out */
	bool is_lack_reported; /* it was said that something is missing */
	struct diag plan_news; /* of the plan in force; "": none */
	struct store_reader *reader;
	uint64_t last_seq;
	uint64_t opened_seq; /* the last at its opening */
	uint64_t seed;       /* of digests; 0: not open yet */
	uint64_t lost;       /* refusals that the last line about it knew of */
	int64_t lost_reported_ns;
	uint64_t hits; /* of looks in memory */
	uint64_t misses;
	_Atomic uint64_t errors; /* of the writer's batches */
	struct {
		uint64_t seq; /* the last record at that time */
		int64_t ns;
	} mark[LEDGER_MARKS]; /* to tell how old the oldest record is: see oldest_ns() */
	int64_t told_ns;      /* when waiting_ms was set */
	unsigned marks;
	bool is_place_known;        /* its file system was asked about */
	bool is_room_known;         /* so was its size */
	bool is_full;               /* the journal was full, and is not half empty again */
	bool is_stalled;            /* the writer's thread hangs */
	bool is_power_reported;     /* it was said that power writes are refused */
	uint64_t failures_reported; /* of syncs */
	struct writer_stall stall;

	struct {
		struct pg_watch *watch; /* NULL: the ledger is not shared */
		struct others_kept kept;
		unsigned origins;
		struct ledger_origin origin[OTHERS_BROKERS_MAX];
		struct ledger_stranger stranger[OTHERS_STRANGERS]; /* a ring */
		unsigned next_stranger;
		unsigned asked; /* for names, since @asked_ms */
		int64_t asked_ms;
	} others;

	struct state_facts scratch; /* of an entity that memory has no room for */
	struct entitykey key;       /* the last one: a publish looks, then commits, by one id */
	char key_id[ENTITY_ID_MAX];
	struct diag news; /* the next line of ledger_news(); "": none */
};

/*
 * True where the ledger is open. Takes over what the writer's thread opened or made meanwhile, or
 * releases it. All calls of the broker's thread begin with this one.
 */
bool ledger_catch_up(struct ledger *ledger);

/* Says that it is not open: ERR_IO. */
int ledger_fail_closed(const struct ledger *ledger, struct diag *diag) MUST_CHECK;

/* "the table payments is not ready yet": ERR_BUSY. */
int ledger_fail_lacking(const struct ledger *ledger, unsigned entity, struct diag *diag) MUST_CHECK;

/* A plan of our own: free() it. NULL: out of memory. */
struct ledger_plan *ledger_plan_new(const struct entity_plan *plan, uint64_t number);

/*
 * Entity @i of the plan in force with what the database has of it. Columns that the database can't
 * have are missing. @old are the entities of the plan before.
 */
struct ledger_entity ledger_find_entity(const struct ledger *ledger, size_t i,
					const struct ledger_entity *old, size_t old_count);

/*
 * The writer's thread. Takes the newest plan; makes what the database lacks of it, begins to read
 * its ids into the id filter, and gives what the database has then; does that where it is time to,
 * and hands the result over to the broker's thread.
 */
void ledger_take_plan(struct ledger *ledger);
int ledger_make_plan(struct ledger *ledger, struct store_names **known,
		     struct diag *diag) MUST_CHECK;
void ledger_make_tables(struct ledger *ledger);

/* Frees the plans and results that one thread left for the other, after the writer's has ended. */
void ledger_clear_plans(struct ledger *ledger);

/*
 * The writer's thread. After a failure: shuts the ledger where its files are not what they were.
 * Before all is opened again: closes what was given up, brings back the journal; ERR_BUSY where the
 * broker's thread has not let go yet.
 */
void ledger_shut_where_wrong(struct ledger *ledger);
int ledger_prepare(struct ledger *ledger, struct diag *diag) MUST_CHECK;

/*
 * Do database and journal belong together? ERR_INVALID (is_pair_wrong): no, and the line says what
 * to do. Else replays what the database has not seen. Afterwards the journal is empty and fits, and
 * the database says that it is in use with it. Called again after a failure it goes on where it
 * was.
 */
int ledger_adopt_journal(struct ledger *ledger, struct ledger_opened *ret,
			 struct diag *diag) MUST_CHECK;

/*
 * Strict writes that the database lacks, though they were committed, by what the journal of the
 * same database has noted: at most so many, since some of their numbers may have been refused.
 */
uint64_t ledger_lost_steps(const struct journal *journal, const struct store_facts *store);

/*
 * The writer's thread, before it uses the store, which may connect anew: says what it must have
 * then. The journal notes what the store has signed.
 */
void ledger_tell_store(struct ledger *ledger);

/* The database says that it is in use with the journal that is open, up to write @applied. */
int ledger_mark_journal(struct ledger *ledger, uint64_t applied, struct diag *diag) MUST_CHECK;

/* At the end: it says that it is in use with none, where the journal is empty. */
void ledger_end_journal(struct ledger *ledger);

/*
 * False: the journal is broken and no write is taken; calls journal_stop() then.
 */
bool ledger_journal_is_whole(struct ledger *ledger);

/* Do syncs succeed, and quickly, so that the broker's thread may wait for one? */
bool ledger_takes_power(const struct ledger *ledger);

/* The writer's thread, between batches: checks and syncs the journal's file when it is due. */
void ledger_tend_journal(struct ledger *ledger);

/*
 * In the place of replay_batch() while the journal is broken: what is whole goes into the database,
 * then the file is made anew. ERR_INVALID once, with the line that says what is missing.
 */
int ledger_repair(struct ledger *ledger, uint64_t *applied, struct diag *diag) MUST_CHECK;

/* If the journal was full and has room again, reports that. */
void ledger_see_room(struct ledger *ledger);

/* Begins to watch other brokers. */
int ledger_watch(struct ledger *ledger, struct diag *diag) MUST_CHECK;

/* Makes ledger->key the entity's. ERR_INVALID, ERR_LIMIT: there is no such entity, or id. */
int ledger_set_key(struct ledger *ledger, unsigned entity, const char *id, size_t id_len,
		   struct diag *diag) MUST_CHECK;

/*
 * What is known of an entity, from memory or the database; its key is ledger->key from then on.
 * *ret is the scratch place where all of memory is pinned. ERR_INVALID, ERR_LIMIT: its number or
 * its id is not what the plan and the format allow; or as ledger_look().
 */
int ledger_find_facts(struct ledger *ledger, unsigned entity, const char *id, size_t id_len,
		      struct state_facts **ret, struct diag *diag) MUST_CHECK;

/*
 * Checks @write, and makes a record of it with @ret's values. @entity: the plan's. Errors as of
 * ledger_commit().
 */
int ledger_fill_record(const struct ledger_entity *entity, const struct ledger_write *write,
		       struct record *ret, struct diag *diag) MUST_CHECK;

/* @write was kept, by the journal's record at @place: it is the last message of its channel. */
void ledger_keep_last(struct state_facts *facts, const struct ledger_write *write, uint64_t place);

/* The same, where no journal has it. */
void ledger_keep_last_step(struct state_facts *facts, const struct ledger_write *write);

/* As ledger_commit(), for a strict write to a shared database. */
int ledger_step(struct ledger *ledger, const struct ledger_write *write,
		struct diag *diag) MUST_CHECK __attribute__((cold, noinline));

/* Behind open_plan(): what its steps need of @reader, which was opened. */
int ledger_step_open(struct ledger *ledger, struct store_reader *reader,
		     struct diag *diag) MUST_CHECK;

/* The writer's thread, once: measures what the database makes of strict writes. False: no line. */
bool ledger_step_line(struct ledger *ledger, struct diag *ret);

/* Adds what is counted here to @ret. Before the ledger is open its database counts as away. */
void ledger_step_facts(struct ledger *ledger, bool is_open, struct ledger_facts *ret);

/* Milliseconds of a clock that never goes back, never 0: for struct state_facts. */
uint32_t ledger_seen_ms(void);

/* What ledger_commit() does with an entity in memory, and the record of its write. */
void ledger_move_on(const struct ledger_entity *known, const struct ledger_write *write,
		    const struct record *record, struct state_facts *facts);

#endif
