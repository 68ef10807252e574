/*
 * view.h -- where entities stand, read from a database that someone else writes.
 *
 * For petstorectl, which decides as the broker would: ledger_open_reader(). Tables and columns
 * of the plan that the database does not have (a contract that is not in force yet) read as
 * unknown. Each look reads what was committed last; what the broker accepted in the last
 * moment may still be on its way.
 */
#ifndef PETSTORE_LEDGER_VIEW_H
#define PETSTORE_LEDGER_VIEW_H

#include <stddef.h>

#include "base/diag.h"
#include "ledger/ledger.h"

struct view;

/* @plan, and what it points to, is borrowed until view_close(). */
int view_open(const char *path, const struct ledger_plan *plan, struct view **ret,
	      struct diag *diag);
void view_close(struct view *view); /* NULL is fine */

/* As ledger_look(). */
int view_look(struct view *view, unsigned entity, const char *id, size_t id_len,
	      struct ledger_state *ret, struct diag *diag);

/* As ledger_recall(). */
int view_recall(struct view *view, const struct ledger_said *said, struct ledger_recalled *ret,
		struct diag *diag);

#endif
