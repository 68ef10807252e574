/*
 * batch.h -- collects rows and gives them to SQL as a virtual table.
 *
 * Collected rows are inserted many at a time, by one statement "INSERT INTO events ... SELECT ...
 * FROM store_batch" instead of one per row, so that SQLite opens its trees, and finds its place in
 * them, once. Only the connection that it was made for sees the table. For the store's own files.
 */
#ifndef PETSTORE_LEDGER_BATCH_H
#define PETSTORE_LEDGER_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/diag.h"
#include "ledger/record.h"

#define BATCH_ROWS_MAX 1024u
#define BATCH_VALUES_MAX 8192u /* of all rows together; a row alone has ENTITY_COLUMNS_MAX */

/* A record on its way. Its texts, also those of the values, are borrowed until batch_clear(). */
struct batch_row {
	uint64_t seq;
	char time[CLOCK_TEXT_MAX];
	bool is_superseded;     /* not for the table retained: a later row has the same topic */
	struct record record;   /* its values are in the order of the statement's columns */
	struct batch_row *next; /* that goes with the same statement */
};

/* The rows that one statement takes, in their order. */
struct batch_list {
	struct batch_row *first, *last;
};

struct batch;
struct sqlite3;

/* Makes the table store_batch for @db. Free it after the connection was closed. */
int batch_new(struct sqlite3 *db, struct batch **ret, struct diag *diag) MUST_CHECK;
void batch_free(struct batch *batch); /* NULL is fine */

/*
 * A row for @record, with room of its own for as many values, which are unset as .seq and .time
 * are; NULL where the batch is full.
 */
struct batch_row *batch_add(struct batch *batch, const struct record *record);

bool batch_is_empty(const struct batch *batch);
void batch_clear(struct batch *batch);

/*
 * Assigns entity @id's rows to @list. False: another list may have earlier rows of the same entity,
 * which must be written first.
 */
bool batch_claim(struct batch *batch, const struct batch_list *list, uint32_t table,
		 const struct record_text *id);

/* @row, which is complete, is now the retained message of its topic. */
void batch_retain(struct batch *batch, struct batch_row *row);
bool batch_has_retained(const struct batch *batch);

/* What the next statement reads. */
enum batch_shown {
	BATCH_LIST,     /* the rows of @list */
	BATCH_EVENTS,   /* the events among all rows */
	BATCH_RETAINED, /* what is retained: the last row of each topic */
};
void batch_show(struct batch *batch, enum batch_shown shown, const struct batch_list *list);

/* The seq of the row that a statement read last, so of the row at which it failed; 0: none. */
uint64_t batch_seq(const struct batch *batch);

/* "v0", "v1", ... are the values; the other columns are those of batch.c's table. */
#define BATCH_TABLE "store_batch"

#endif
