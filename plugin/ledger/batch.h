/*
 * batch.h -- collects rows, so that many are written by one statement.
 *
 * What several rows say of one entity is written once, as what it comes to. SQLite reads a batch as
 * a virtual table: one statement "INSERT INTO events ... SELECT ... FROM store_batch" instead of
 * one per row, so that it opens its trees, and finds its place in them, once. Only the connection
 * that it was made for sees the table. For the store's own files.
 */
#ifndef PETSTORE_LEDGER_BATCH_H
#define PETSTORE_LEDGER_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/diag.h"
#include "ledger/record.h"

#define BATCH_ROWS_MAX 8192u
#define BATCH_VALUES_MAX 32768u /* of all entities together */

/* A record on its way, without its values. Its texts are borrowed until batch_clear(). */
struct batch_row {
	uint64_t seq;
	char time[CLOCK_TEXT_MAX];
	bool is_superseded; /* not for the table retained: a later row has the same topic */
	uint32_t place;     /* batch.c's */
	struct record record;
};

/* What an entity's rows come to. All texts are borrowed until batch_clear(), its values', too. */
struct batch_entity {
	uint32_t table;
	uint32_t place; /* batch.c's */
	uint32_t index; /* from 0, in the order in which they came */
	struct record_text id;
	struct record_text owner; /* .text NULL: no row says */
	const struct batch_row *first, *last;
	const struct batch_row *adopted; /* the last that is; NULL: none */
	uint64_t writes;                 /* rows */
	uint64_t columns;                /* a set; value[] is in its order */
	struct value *value;
	struct batch_entity *next; /* that goes with the same statement */
};

/* Entities that one statement takes, in their order. */
struct batch_list {
	struct batch_entity *first, *last;
};

struct batch;
struct sqlite3;

int batch_new(struct batch **ret, struct diag *diag) MUST_CHECK;
/* Makes the table store_batch for @db. The batch is to be freed after the connection was closed. */
int batch_show_to(struct batch *batch, struct sqlite3 *db, struct diag *diag) MUST_CHECK;
void batch_free(struct batch *batch); /* NULL is fine */

/* Is there room for one more row, of an entity of so many columns? */
bool batch_has_room(const struct batch *batch, size_t columns);

/* A row for @record, which has the number @seq and for which there is room. */
struct batch_row *batch_add(struct batch *batch, uint64_t seq, const struct record *record);

bool batch_is_empty(const struct batch *batch);

/* Has no row a will, correction, adopted, taken_over, unique_key or peer_publisher? */
bool batch_is_plain(const struct batch *batch);
void batch_clear(struct batch *batch);

/*
 * The entity @id of @table; the first time one with neither owner, rows nor columns. Call it once
 * at most for a row.
 */
struct batch_entity *batch_entity(struct batch *batch, uint32_t table,
				  const struct record_text *id);

/* Sets those columns of the entity; @value is by the numbers in the set. */
void batch_set(struct batch *batch, struct batch_entity *entity, uint64_t columns,
	       const struct value *const *value);

/* All entities by table, and in the order of their ids, as the database has them. */
struct batch_entity *const *batch_sorted(struct batch *batch, size_t *ret_count);

/* The same, but as they came where their ids rise: neighbours are near each other in the database.
 */
struct batch_entity *const *batch_nearby(struct batch *batch, size_t *ret_count);

/* @row, which is complete, is now the retained message of its topic. */
void batch_retain(struct batch *batch, struct batch_row *row);
bool batch_has_retained(const struct batch *batch);

/* What the next statement reads. */
enum batch_shown {
	BATCH_LIST,     /* the entities of @list */
	BATCH_EVENTS,   /* the events among all rows */
	BATCH_RETAINED, /* what is retained: the last row of each topic */
};
void batch_show(struct batch *batch, enum batch_shown shown, const struct batch_list *list);

/* The seq of the row that a statement read last, or of its entity's last: where it failed; 0: none.
 */
uint64_t batch_seq(const struct batch *batch);

/* "v0", "v1", ... are the values; the other columns are those of batch.c's table. */
#define BATCH_TABLE "store_batch"

#endif
