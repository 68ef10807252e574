/*
 * view.h -- where entities stand, read from a database that someone else writes.
 *
 * For petstorectl, which decides as the broker would: ledger_open_reader(). Tables and columns
 * of the plan that the database does not have (a contract that is not in force yet) read as
 * unknown. Each look reads what was committed last; what the broker accepted in the last
 * moment may still be on its way.
 */
#ifndef PETSTORE_LEDGER_ENTITY_READER_H
#define PETSTORE_LEDGER_ENTITY_READER_H

#include <stddef.h>

#include "base/diag.h"
#include "ledger/ledger_types.h"

struct entity_reader;

/* @plan, and what it points to, is borrowed until entity_reader_close(). */
int entity_reader_open(const char *path, const struct entity_plan *plan, struct entity_reader **ret,
		       struct diag *diag);
void entity_reader_close(struct entity_reader *reader); /* NULL is fine */

/* As ledger_look(). */
int entity_reader_look(struct entity_reader *reader, unsigned entity, const char *id, size_t id_len,
		       struct ledger_state *ret, struct diag *diag);

/* As ledger_recall(). */
int entity_reader_recall(struct entity_reader *reader, const struct ledger_said *said,
			 struct ledger_recalled *ret, struct diag *diag);

#endif
