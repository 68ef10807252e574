/*
 * said.h -- what each channel said last of an entity: in the entity's facts, of LEDGER_SAID_MAX
 * channels, where ledger_recall() looks first.
 *
 * A step costs no more than the note of where its record stands in the journal: what it said beside
 * the time is worked out when it is said again, from there or from the database.
 */
#ifndef PETSTORE_SAID_H
#define PETSTORE_SAID_H

#include <stdint.h>

#include "ledger/ledger_types.h"
#include "ledger/state.h"

/* @write was kept, by the journal's record at @place: it is what its channel said last. */
void said_keep(struct state_facts *facts, const struct ledger_write *write, uint64_t place);

#endif
