/*
 * pg_store_internal.h -- what the files of the PostgreSQL engine share that write; no other file
 * includes it.
 *
 * pg_store.c connects, opens and commits; pg_store_lease.c holds this broker's name among the
 * others; pg_store_upgrade.c makes the schema; pg_store_plan.c makes tables from a plan and reads
 * their names; pg_store_facts.c has what is stored about the store, and what memory is filled with;
 * pg_store_rows.c writes rows, pg_store_trim.c removes them.
 *
 * The store connects anew by itself, in store_begin() and each other call that begins something.
 * What it gets then may be another server (a standby that was promoted, a copy of yesterday): it
 * asks whether all is there that was committed. ERR_DOUBT does not leave the store: what a commit
 * did is known by the broker's row, whose applied_seq is asked for before the next one.
 */
#ifndef PETSTORE_PG_STORE_INTERNAL_H
#define PETSTORE_PG_STORE_INTERNAL_H

#include "ledger/pg.h"
#include "ledger/store_engine.h"
#include "ledger/store_names.h"

#define PG_STORE_CONNECT_MS 2000u /* to connect anew takes no longer */
#define PG_STORE_WAIT_MS 5000u    /* nor does one answer */
#define PG_STORE_LOCK_MS 2000u    /* another broker's lock is waited for so long */
#define PG_STORE_LEASE_MS 5000    /* a name is taken for so long after its broker's last sign */
#define PG_STORE_SIGN_MS 1000     /* a sign is given so often */
#define PG_STORE_CLOCK_MS 5000    /* clocks that differ by more are worth a line */
#define PG_INSTANCE_MAX 17u       /* bytes of 16 hexadecimal digits and a NUL */
#define PG_BROKER_MAX 64u         /* bytes of a broker's name */

/* The database's clock: milliseconds since 1970. */
#define PG_NOW_MS "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"

/* The last number of a broker's strict steps, in a query of its row; the oldest events may be gone.
 */
#define PG_STRICT_SEQ                                                                              \
	"least(brokers.strict_seq, coalesce((SELECT min(origin_seq) FROM events WHERE origin = "   \
	"brokers.name AND origin_seq < 0), 0))"

/* Has the table of events any of them? */
#define PG_HAS_STEPS "EXISTS (SELECT 1 FROM events WHERE origin = brokers.name AND origin_seq < 0)"

struct pg_carry;

/* Tables of which rows go for their age. */
enum pg_aged { PG_AGED_EVENTS, PG_AGED_REFUSALS, PG_AGED_ALERTS, PG_AGED_COUNT };

/* What pg_store_trim.c remembers. */
struct pg_trimmed {
	struct {
		int64_t scan_seq; /* rows before it were looked at */
		int64_t aged_seq; /* all rows up to here are too old; 0: none is known to be */
	} aged[PG_AGED_COUNT];
	int64_t first_seq;    /* of events: none is before it */
	int64_t forgot_ns;    /* when it was asked for anew: one may have come late */
	int64_t events_ns;    /* when events were last looked at */
	unsigned events_rows; /* that may go since then */
	int64_t shares_ns;    /* when shares were last counted */
};

struct pg_store {
	struct store base;
	struct pg *pg; /* NULL: not connected */
	char *conninfo;
	struct pg_ending *ending; /* borrowed, or NULL */
	char *broker;             /* NULL: it only looks */
	char shown[PG_SHOWN_MAX];
	char instance[PG_INSTANCE_MAX];
	char gone[PG_INSTANCE_MAX]; /* that had the name, and is gone for certain; "" */
	struct store_names *names;
	struct pg_carry
		*carry;  /* what store_apply() collected; NULL: nothing was asked of it yet */
	bool has_notify; /* the server knows NOTIFY */
	bool is_claimed; /* the broker's row is ours */
	bool is_begun;   /* between store_begin() and its end */
	enum store_fault fault;
	struct diag why;  /* of a fault */
	uint64_t applied; /* the last that was committed, as far as it is known */
	int64_t strict;   /* of strict steps, which count down: what the last sign has said */
	int64_t clock_ms; /* the next commit writes that it was believed; 0: it does not */
	int64_t signed_ns;
	struct store_waiting waiting; /* the next sign, or batch, says so */
	void (*on_wait)(void *ctx);
	void *ctx;
	bool is_clock_told; /* the clocks differ, and it was said */
	struct diag line;   /* for store_line(); "" */
	struct pg_trimmed trimmed;
};

static inline struct pg_store *pg_store_of(struct store *base)
{
	return (struct pg_store *)base;
}

/* The store must be closed: @store->why has been set. Always ERR_IO. */
int pg_store_fault_is(struct pg_store *store, struct diag *diag) MUST_CHECK;

/* pg_exec(), where ERR_DOUBT is ERR_BUSY. */
int pg_store_exec(struct pg_store *store, const char *sql, const struct pg_params *params,
		  struct pg_rows *ret, const char *what, struct diag *diag) MUST_CHECK;

/* The same for what was sent by pg_send(): pg_finish(). */
int pg_store_finish(struct pg_store *store, struct pg_rows *ret, unsigned count, const char *what,
		    struct diag *diag) MUST_CHECK;

/*
 * Connects where there is no connection that is well, and looks whether the name is still ours and
 * nothing is gone. Not within a transaction.
 */
int pg_store_connect(struct pg_store *store, struct diag *diag) MUST_CHECK;

/*
 * Is the broker's row there, this process's still, and of a database that has all that was
 * committed? ERR_IO: no; the store is at fault. Connected, and not within a transaction that
 * failed.
 */
int pg_store_check_row(struct pg_store *store, struct diag *diag) MUST_CHECK;
/* The same where a statement about the row failed with @rc because there is no such table; else
 * @rc.
 */
int pg_store_look_at_row(struct pg_store *store, int rc, struct diag *diag) MUST_CHECK;

/* Commits the smallest change @count times, and stores how long each took, in microseconds. */
int pg_store_probe(struct store *store, unsigned count, uint64_t *ret_us,
		   struct diag *diag) MUST_CHECK;

/* Is there such a table, of ours or of others, where this connection makes its own? 1: yes. */
int pg_store_has_table(struct pg_store *store, const char *table, struct diag *diag) MUST_CHECK;

/* ---- pg_store_lease.c -------------------------------------------------------------------- */

/* ERR_BUSY: another process has the name, and gave a sign within PG_STORE_LEASE_MS. */
int pg_lease_look(struct pg_store *store, struct diag *diag) MUST_CHECK;
/* Makes the row, or takes it; the same errors. */
int pg_lease_claim(struct pg_store *store, struct diag *diag) MUST_CHECK;
/* Gives a sign where one is due. ERR_IO: the name is another's now; the store is at fault. */
int pg_lease_sign(struct pg_store *store, struct diag *diag) MUST_CHECK;
/* The row is another's: the store is at fault. Always ERR_IO. */
int pg_lease_lost(struct pg_store *store, struct diag *diag) MUST_CHECK;
/* The broker takes no writes with this database: the others are told, until it is opened again. */
void pg_lease_refuse(struct pg_store *store);
/* So that the next process with this name need not wait. */
void pg_lease_end(struct pg_store *store);
/* Compares the database's clock with this machine's. */
void pg_lease_clock(struct pg_store *store, int64_t now_ms);

/* ---- the engine's functions -------------------------------------------------------------- */

int pg_store_open(const struct store_place *place, unsigned busy_ms, struct store **ret,
		  struct diag *diag) MUST_CHECK;
void pg_store_close(struct store *base);
int pg_store_check(struct store *base, struct diag *diag) MUST_CHECK;
bool pg_store_line(struct store *base, struct diag *ret);
int pg_store_begin(struct store *base, uint64_t *applied_seq, struct diag *diag) MUST_CHECK;
/* Two numbers of the broker's row, where the store has its records up to @applied_seq: waiting,
 * lag_ms. */
void pg_store_add_waiting(const struct pg_store *store, uint64_t applied_seq,
			  struct pg_params *params);
int pg_store_commit(struct store *base, uint64_t applied_seq, struct diag *diag) MUST_CHECK;
void pg_store_rollback(struct store *base);

/* Version n of the schema is what the first n of these make. */
struct pg_migration {
	const char *sql;
	unsigned least; /* the oldest version whose plugin may use the schema that it leads to */
};
int pg_store_upgrade(struct store *base, struct diag *diag) MUST_CHECK;
/* The same with other migrations than the plugin's own: for tests. */
int pg_store_migrate(struct pg_store *store, const struct pg_migration *migration, unsigned count,
		     struct diag *diag) MUST_CHECK;
/* ERR_VERSION: another program's tables, or those of a newer version. *ret: 0 where there are none.
 */
int pg_store_version(struct pg_store *store, unsigned known, unsigned *ret,
		     struct diag *diag) MUST_CHECK;
extern const unsigned pg_store_versions; /* that this plugin knows */
#define PG_STORE_TAKEN                                                                             \
	"another program's table, or view, has a name that the ledger needs: give it a database "  \
	"or a schema of its own"

int pg_store_look(struct store *base, const struct entity_plan *plan, struct diag *diag) MUST_CHECK;
int pg_store_plan(struct store *base, const struct entity_plan *plan, struct diag *diag) MUST_CHECK;
int pg_store_names_load(struct store *base, struct store_names **ret, struct diag *diag) MUST_CHECK;
/* NULL: no such number. */
const struct store_name *pg_store_find_name(const struct pg_store *store, uint32_t number);
const char *pg_store_type_name(enum value_type type);

int pg_store_inspect(struct store *base, struct store_facts *ret, struct diag *diag) MUST_CHECK;
int pg_store_peek(struct store *base, struct store_facts *ret, struct diag *diag) MUST_CHECK;
int pg_store_set_ring(struct store *base, const uint64_t *before, const uint64_t *number,
		      uint64_t applied_seq, struct diag *diag) MUST_CHECK;
int pg_store_clock(struct store *base, int64_t *ret_ms, struct diag *diag) MUST_CHECK;
int pg_store_ids(struct store *base, uint32_t table, struct store_mark *mark, unsigned limit,
		 void (*visit)(const char *id, size_t len, void *ctx), void *ctx,
		 struct diag *diag) MUST_CHECK;
int pg_store_load_unique(struct store *base, uint64_t seed, struct accepted *ret,
			 struct diag *diag) MUST_CHECK;

/* ---- pg_store_rows.c --------------------------------------------------------------------- */

/* Makes store->carry, unless it is there. */
int pg_store_make_carry(struct pg_store *store, struct diag *diag) MUST_CHECK;
int pg_store_apply(struct store *base, uint64_t seq, const struct record *record,
		   struct diag *diag) MUST_CHECK;
int pg_store_flush(struct store *base, struct diag *diag) MUST_CHECK;
uint64_t pg_store_held(const struct store *base);
int pg_store_refuse(struct store *base, const struct refusal *refusal,
		    struct diag *diag) MUST_CHECK;
int pg_store_letter(struct store *base, const struct refusal *refusal,
		    struct diag *diag) MUST_CHECK;
int pg_store_resent(struct store *base, const char *decision_id, const char *text,
		    struct diag *diag) MUST_CHECK;
int pg_store_alert(struct store *base, const struct alertrow *alert, struct diag *diag) MUST_CHECK;

/* ---- pg_store_trim.c --------------------------------------------------------------------- */

int pg_store_trim(struct store *base, const struct store_limits *limits, int64_t now_ms,
		  unsigned rows_max, uint64_t *removed, struct diag *diag) MUST_CHECK;
int pg_store_trim_retained(struct store *base, int64_t now_ms, unsigned rows_max,
			   struct diag *diag) MUST_CHECK;
int pg_store_trim_letters(struct store *base, int64_t bytes_max, struct diag *diag) MUST_CHECK;
int pg_store_trim_refusals(struct store *base, const struct store_limits *limits, int64_t now_ms,
			   unsigned rows_max, struct diag *diag) MUST_CHECK;

#endif
