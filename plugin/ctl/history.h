/*
 * history.h -- the events about one entity, out of the table of all events.
 */
#ifndef PETSTORE_CTL_HISTORY_H
#define PETSTORE_CTL_HISTORY_H

#include <jansson.h>

#include "contract/contract.h"
#include "ledger/query.h"

/*
 * Appends to @ret, an array, what was accepted on the channels that fill @table for the entity
 * @id, oldest first. The contract says which channels those are.
 */
int history_add(struct query *query, const struct contract *contract, const char *table,
		const char *id, json_t *ret, struct diag *diag);

#endif
