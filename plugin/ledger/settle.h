/*
 * settle.h -- what becomes of a step where several brokers share a ledger.
 *
 * A step was decided at one broker on what that broker knew, and comes to the database later. By
 * then another broker may have moved the entity. Here is the rule by which all agree; it knows
 * records and what stands in the database, nothing of SQL. Steps of one broker are settled in the
 * order of its journal, each on what the ones before it left, while the entity's row is locked.
 */
#ifndef PETSTORE_LEDGER_SETTLE_H
#define PETSTORE_LEDGER_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/record.h"

/* For so long a batch waits at a step for another broker's to be carried to the database. */
#define SETTLE_WAIT_MS 500

/* What the database has of a record's entity. */
struct settle_stands {
	uint64_t revision;         /* 0: it has nothing of it */
	struct record_text owner;  /* empty: none */
	struct record_text status; /* in the column that the record moves; empty: none yet */
};

/* Does the same message stand there already, of another broker? Its client came from there. */
enum settle_resend { SETTLE_UNASKED, SETTLE_NEW, SETTLE_RESEND };

enum settle {
	SETTLE_APPLIED,   /* it moves the entity */
	SETTLE_KEPT,      /* an event only: what it says stands already */
	SETTLE_OVERRULED, /* an event only: another broker's step came first */
	SETTLE_DROPPED,   /* a resend: nothing is kept of it */
	SETTLE_ASK,       /* find out whether it is a resend, and settle it again */
	SETTLE_WAITS,     /* what it was decided on is not in the database yet */
};

/* Of steps that a record was decided on, and that the database lacks: may they still come? */
enum settle_lack {
	SETTLE_GONE,     /* no: one was refused effect, or they were waited for */
	SETTLE_MAY_COME, /* they were not waited for yet, for SETTLE_WAIT_MS */
	SETTLE_LOST,     /* no: they were waited for, and the record's journal has lost records */
};

/*
 * What becomes of @record, which is about an entity. @steps: those of the status that it moves.
 *
 * 1. It moves no status, or is adopted or taken over: applied, whatever stands.
 * 2. The status that it was decided on stands, and it names no other owner: applied. One that
 *    repeats the status is dropped where it is a resend: the bridge had brought the first.
 * 3. It was decided on a later revision than stands: it waits, or the steps before it would be
 *    overruled by it.
 * 4. A correction: applied. A resend: dropped.
 * 5. It names another owner: overruled.
 * 6. The contract has a step from what stands to what it says: applied. It says what stands: kept.
 * 7. As 3, the steps before it are lost, and the contract's lead from what stands to what it says:
 *    applied, without them.
 * 8. Else: overruled.
 */
enum settle settle_step(const struct record *record, const struct entity_steps *steps,
			const struct settle_stands *stands, enum settle_resend resend,
			enum settle_lack lack);

/* The status that @record sets in @column; empty: none. */
struct record_text settle_status(const struct record *record, uint32_t column);

#endif
