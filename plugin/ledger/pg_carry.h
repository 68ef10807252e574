/*
 * pg_carry.h -- carries a batch of records into a PostgreSQL database that several brokers share.
 *
 * Records are collected, then written within the caller's transaction by as few statements as there
 * are tables: the rows of all entities are locked and read, in the order of table and id, by which
 * no two brokers wait for each other; each step is settled in memory (settle.h); then each table
 * takes what was changed by one INSERT and one UPDATE, events and retained by one each.
 *
 * A batch ends early, before a step that waits for another broker's step (SETTLE_WAITS): what is
 * before it is committed, so that two brokers never wait for each other for ever. Nothing is kept
 * of a transaction that is rolled back but since when a step waits.
 *
 * Used by one thread. Errors are pg.h's; ERR_BUSY, too, where another broker made an entity in the
 * same moment: roll back, and the same again finds it.
 */
#ifndef PETSTORE_LEDGER_PG_CARRY_H
#define PETSTORE_LEDGER_PG_CARRY_H

#include "ledger/pg.h"
#include "ledger/record.h"
#include "ledger/store_names.h"

#define CARRY_TABLES_MAX 64u /* of one batch; a batch of more is written in parts */

/* Whose records they are, and where to. All of it is borrowed for the call. */
struct pg_carry_to {
	struct pg *pg; /* within a transaction */
	const struct store_names *names;
	const char *broker;
	const char *instance;
};

struct pg_carry;

int pg_carry_new(struct pg_carry **ret, struct diag *diag) MUST_CHECK;
void pg_carry_free(struct pg_carry *carry); /* NULL is fine; before the connection is closed */

/* From now on these are the steps that entities take; copied. Nothing may be collected. */
int pg_carry_plan(struct pg_carry *carry, const struct entity_plan *plan,
		  struct diag *diag) MUST_CHECK;

/* Adds a record, whose texts must stay until it is written. Writes those before it if it must. */
int pg_carry_add(struct pg_carry *carry, const struct pg_carry_to *to, uint64_t seq,
		 const struct record *record, struct diag *diag) MUST_CHECK;

/* Writes what was added. */
int pg_carry_flush(struct pg_carry *carry, const struct pg_carry_to *to,
		   struct diag *diag) MUST_CHECK;

/* The record at which the batch ended, since it waits; 0: none. Those behind it were not written.
 */
uint64_t pg_carry_held(const struct pg_carry *carry);

/* Did this transaction write steps of entities, of which others should hear? */
bool pg_carry_has_steps(const struct pg_carry *carry);

/*
 * A new transaction begins: nothing is collected, and the batch has not ended. The database has all
 * records up to @applied_seq that it will ever get: where the next one added is not the one behind
 * it, or behind the one added before, the journal has lost some.
 */
void pg_carry_begin(struct pg_carry *carry, uint64_t applied_seq);

#endif
