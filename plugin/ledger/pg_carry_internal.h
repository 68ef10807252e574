/*
 * pg_carry_internal.h -- what the files of pg_carry.h share; no other file includes it.
 *
 * pg_carry.c collects; pg_carry_settle.c locks and settles; pg_carry_write.c writes
 * entities, pg_carry_events.c events and what is retained.
 */
#ifndef PETSTORE_LEDGER_PG_CARRY_INTERNAL_H
#define PETSTORE_LEDGER_PG_CARRY_INTERNAL_H

#include "base/arena.h"
#include "ledger/batch.h"
#include "ledger/pg_carry.h"
#include "ledger/settle.h"

#define CARRY_SQL_MAX                                                                              \
	32768u /* bytes of a statement: STORE_COLUMNS_MAX columns, four times each                 \
		*/
#define CARRY_PATIENCE_NS INT64_C(10000000000) /* after that a step waits in full again */
#define CARRY_SPOILT 256u                      /* entities whose last steps had no effect */
#define CARRY_ARRAYS (8u + STORE_COLUMNS_MAX)

/* A record that was added. */
struct carry_step {
	struct batch_row *row;       /* with its values */
	struct batch_entity *entity; /* NULL: it is about none */
	struct carry_table *table;   /* likewise */
	uint64_t columns;            /* a set: those of its values */
	int slot;                    /* of carry_table.status[]; -1: it moves none */
	enum settle_resend resend;
	enum settle fate;
	uint64_t revision; /* the entity's, after it */
};

/* What an entity is in the database, or will be. */
struct carry_stands {
	bool is_there; /* there is a row, whatever number it has */
	uint64_t revision;
	struct record_text owner;
	struct record_text status[ENTITY_SLOTS_MAX];
};

/* An entity of the batch. */
struct carry_entity {
	struct carry_stands read; /* from the locked row; texts in carry.rows[] */
	struct carry_stands now;  /* as far as steps are settled */
	bool is_asked;            /* whether its steps are resends */
	bool is_spoilt;           /* a step of this batch had no effect */
	bool is_owner_moved;      /* its owner is written whoever it belongs to */
};

struct carry_table {
	uint32_t number;
	const char *name;
	uint64_t columns;                   /* a set: those that steps have */
	uint32_t column[STORE_COLUMNS_MAX]; /* their permanent numbers */
	unsigned status_count;
	uint32_t status[ENTITY_SLOTS_MAX]; /* columns that steps move */
	const struct entity_steps *steps[ENTITY_SLOTS_MAX];
	size_t first, count; /* in batch_sorted() */
};

/* The steps of a status, by names. */
struct carry_steps {
	const char *table, *column;
	struct entity_steps steps;
};

/* An entity of which a step had no effect: those that the broker decided on it do not wait. */
struct carry_spoilt {
	uint64_t hash; /* 0: none */
	int64_t until_ns;
};

struct pg_carry {
	struct batch *batch;
	struct carry_step step[BATCH_ROWS_MAX];
	size_t step_count;
	size_t end;                                 /* of step[]: those from it on wait */
	struct carry_entity entity[BATCH_ROWS_MAX]; /* by their index in the batch */
	struct value value[BATCH_VALUES_MAX];
	size_t value_count;
	struct carry_table table[CARRY_TABLES_MAX];
	unsigned table_count;
	struct arena arena; /* texts of this batch that had to be changed */
	struct pg_rows rows[2 * CARRY_TABLES_MAX];

	uint64_t held;     /* pg_carry_held() */
	bool has_steps;    /* pg_carry_has_steps() */
	uint64_t wait_seq; /* the step that waits, in this transaction or the one before; 0: none */
	int64_t wait_ns;   /* since when */
	bool has_lapsed;   /* it has waited long enough, in this transaction */
	unsigned patience_ms; /* SETTLE_WAIT_MS, and a tenth after each step that waited for nothing
			       */
	int64_t lapsed_ns;    /* when one did last */
	struct carry_spoilt spoilt[CARRY_SPOILT];
	uint64_t last_seq;  /* of the record that was added last */
	int64_t torn_ns;    /* when records were missing last; 0: never */
	unsigned overruled; /* steps of this batch */
	const struct batch_row *retained[BATCH_ROWS_MAX]; /* carry_write()'s */

	struct arena plan;
	struct carry_steps *known;
	size_t known_count;

	struct pg_params params;
	struct pg_array array[CARRY_ARRAYS];
	char sql[CARRY_SQL_MAX];
	size_t sql_len; /* CARRY_SQL_MAX: it was too long */
};

/* Begins carry->sql anew, and adds to it. */
void carry_sql_begin(struct pg_carry *carry);
void carry_sql_add(struct pg_carry *carry, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Sends carry->sql with carry->params. */
int carry_send(struct pg_carry *carry, const struct pg_carry_to *to, struct diag *diag) MUST_CHECK;

/* The hash of step[].entity, for spoilt[]. */
uint64_t carry_hash(const struct batch_entity *entity);

/* Is it no step that is judged, but what stands from now on, its owner as well? */
static inline bool carry_is_last_word(const struct record *record)
{
	return record->is_adopted || record->is_taken_over || record->is_correction;
}

/* Locks and reads the rows of all entities, and settles: sets @end, fate and revision. */
int carry_settle(struct pg_carry *carry, const struct pg_carry_to *to,
		 struct diag *diag) MUST_CHECK;

/* Writes what step[] up to @end comes to. */
int carry_write(struct pg_carry *carry, const struct pg_carry_to *to, struct diag *diag) MUST_CHECK;

/* ---- parts of it ------------------------------------------------------------------------- */

/* Begins carry->array[], of these types; adds the first @count of them to carry->params. */
void carry_begin_arrays(struct pg_carry *carry, const enum pg_type *type, unsigned count);
int carry_add_arrays(struct pg_carry *carry, unsigned count, struct diag *diag) MUST_CHECK;
void carry_put_text(struct pg_array *array, const struct record_text *text);
/* When the row was accepted; NULL: no time. */
void carry_put_time(struct pg_array *array, const struct batch_row *row);

int carry_send_events(struct pg_carry *carry, const struct pg_carry_to *to,
		      struct diag *diag) MUST_CHECK;
/* What is retained by those that repeat a status, or by those that do not. */
int carry_send_retained(struct pg_carry *carry, const struct pg_carry_to *to, bool is_repeat,
			struct diag *diag) MUST_CHECK;

/* Frees what the database returned. */
void carry_clear_rows(struct pg_carry *carry);

#endif
