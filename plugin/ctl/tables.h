/*
 * tables.h -- the tables that petstorectl lists: the entities' and the store's own, and which of
 * their columns the filters of the subcommands are about; rows of them as JSON objects.
 */
#ifndef PETSTORE_CTL_TABLES_H
#define PETSTORE_CTL_TABLES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "contract/contract.h"
#include "ctl/files.h"
#include "ledger/query.h"
#include "base/suggest.h"

/* The database of @files, to be read; close it with query_close(). */
int tables_open(const struct files *files, struct query **ret, struct diag *diag) MUST_CHECK;

/* Columns by what they mean; NULL: the table has none. */
struct tables_columns {
	const char *table; /* NULL: any entity's */
	const char *time;  /* of a row's latest change */
	const char *status, *owner, *user, *client, *topic, *message;
	const char *states; /* what @status may be, by spaces; NULL: the contract says */
	const char *names;  /* of all columns, by spaces; NULL: the contract says */
};

/* Never NULL: any table that is not the store's own counts as an entity's. */
const struct tables_columns *tables_columns(const char *table);

/* Is it the store's own, as alerts, events and refusals are? */
bool tables_is_own(const char *table);

/* The entity that is kept in that table, or NULL. */
const struct entity *tables_entity(const struct contract *contract, const char *table);

/* The statuses that the entity may have, by spaces, in @ret; "" where it has none. */
#define TABLES_STATUSES_MAX 4096
const char *tables_statuses(const struct contract *contract, const struct entity *entity,
			    char ret[TABLES_STATUSES_MAX]);

/* Is this one of them? Also where it has spaces, or they are too many for a list. */
bool tables_has_status(const struct contract *contract, const struct entity *entity,
		       const char *status);

/* Adds the tables' names; @contract may be NULL. */
void tables_suggest(struct suggest *suggest, const struct contract *contract);

/* A query_visit: appends the row to @ctx, an array. */
bool tables_collect(const struct query_row *row, void *ctx);

/* The text of a JSON cell, "" where it is none. */
const char *tables_text(const json_t *row, const char *name);

#endif
