/*
 * restored.h -- lets a database be used without the journal that it was in use with.
 *
 * For an operator that put a copy in place, or lost the journal, and decides to do without
 * the writes that only the journal has. The broker must be stopped.
 */
#ifndef PETSTORE_RESTORED_H
#define PETSTORE_RESTORED_H

#include "base/diag.h"
#include "ledger/ledger_types.h"

/*
 * Marks the database of @place as in use with no journal, as far as its broker writes to it, and
 * renames a journal that is there to "<journal>.left", or "<journal>.left-2" to "-9" where that
 * exists; *ret says what was done. 1: nothing was done, since the journal that is there is the
 * right one. ERR_BUSY: the broker runs, or another program has a SQLite database open. ERR_INVALID:
 * there is no database of this plugin, or all of these names are taken. Other errors as of store.h.
 */
int restored(const struct ledger_place *place, struct diag *ret, struct diag *diag) MUST_CHECK;

#endif
