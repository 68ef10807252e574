/*
 * import.h -- petstorectl import: what its files share.
 *
 * A file is read once, row by row. Each row is checked against the contract and the database and
 * added to one transaction, which is committed only if no row had a fault. Memory does not grow
 * with the file but for the ids' hashes, 16 to 32 bytes each.
 */
#ifndef PETSTORE_CTL_IMPORT_H
#define PETSTORE_CTL_IMPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/suggest.h"
#include "ctl/ctl.h"
#include "gate/gate.h"
#include "ledger/adoption.h"

#define IMPORT_ROWS_MAX 4000000u          /* of a file */
#define IMPORT_FAULTS_MAX 50u             /* that are printed */
#define IMPORT_LINE_MAX ((size_t)4 << 20) /* bytes of a line of JSON */
#define IMPORT_ANY_SLOT ENTITY_SLOTS_MAX

/* Which entities the file had, and on which line. */
struct import_ids {
	uint64_t secret[2];
	size_t count, cap; /* cap: 0, or a power of two */
	struct import_id {
		uint64_t hash; /* 0: free */
		unsigned long line;
	} * id;
};

struct import {
	struct ctl_call *call;
	const char *path; /* the file's, for messages */
	FILE *file;
	bool is_replacing;           /* a status or an owner that an entity has already */
	const struct entity *entity; /* of the table that was named; NULL: of any */
	struct rules *rules;
	struct gate gate; /* without a ledger */
	struct adoption *adoption;
	struct import_ids ids;
	unsigned long line; /* that is read now, from 1 */
	unsigned long faults;
	uint64_t adopted, unchanged;
	uint64_t passed_over; /* messages that are not retained, or of no entity of the table */
};

/* An entity as the file has it. All is borrowed. */
struct import_row {
	const struct entity *entity;
	unsigned slot; /* the one that a message is about; IMPORT_ANY_SLOT: the row has all */
	struct ledger_write write; /* write.value is this row's value[] or somebody else's */
	struct value value[ENTITY_COLUMNS_MAX];
};

/* Prints what is wrong with the line that is read, or counts it where enough was printed. */
void import_fault(struct import *import, const char *format, ...)
	__attribute__((format(printf, 2, 3), cold));

/*
 * Checks and adds a row; what is wrong with it is a fault. Negative: the import can't go on, and
 * the call's diag says why.
 */
int import_put(struct import *import, const struct import_row *row) MUST_CHECK;

/* Reads the whole file. As import_put(). */
int import_csv(struct import *import) MUST_CHECK;
int import_objects(struct import *import) MUST_CHECK;  /* JSON lines, an object an entity */
int import_messages(struct import *import) MUST_CHECK; /* JSON lines, a retained message each */

/* Calls @put, whose result is as import_put()'s, for the object of each line of JSON. */
typedef int import_put_object(struct import *import, json_t *object);
int import_each_object(struct import *import, import_put_object *put) MUST_CHECK;

/* Where a column of the file goes. */
enum import_target { IMPORT_ID, IMPORT_OWNER, IMPORT_COLUMN, IMPORT_NOWHERE, IMPORT_UNKNOWN };

/* The column @name of @entity; *column for IMPORT_COLUMN. IMPORT_UNKNOWN is a fault, and said. */
enum import_target import_target(struct import *import, const char *name, unsigned *column);

/*
 * The line on which the entity came before, else 0, and it is known from now on. IMPORT_ROWS_MAX
 * are known at most (ERR_LIMIT).
 */
int import_ids_add(struct import_ids *ids, const struct import_row *row, unsigned long line,
		   unsigned long *before, struct diag *diag) MUST_CHECK;
void import_ids_clear(struct import_ids *ids);

#endif
