#include "ledger/query_engine.h"

#include <string.h>

#include "ledger/store.h"

#define CONNECT_MS 5000u
#define WAIT_MS 300000u /* a person waits, who can interrupt it; a large table takes its time */

static int open_at(const struct query_place *at, struct query **ret, struct diag *diag)
{
	return (store_is_conninfo(at->place) ? query_postgres : query_sqlite).open(at, ret, diag);
}

int query_open(const char *place, struct query **ret, struct diag *diag)
{
	const struct query_place at = { .place = place,
					.application = "petstorectl",
					.connect_ms = CONNECT_MS,
					.wait_ms = WAIT_MS };

	return open_at(&at, ret, diag);
}

int query_open_bounded(const char *place, const char *application, unsigned wait_ms,
		       struct query **ret, struct diag *diag)
{
	const struct query_place at = { .place = place,
					.application = application,
					.connect_ms = wait_ms,
					.wait_ms = wait_ms,
					.statement_ms = wait_ms };

	return open_at(&at, ret, diag);
}

void query_bound(struct query *query, int64_t until_ns, const atomic_bool *is_ending)
{
	query->engine->bound(query, until_ns, is_ending);
}

void query_close(struct query *query)
{
	if (query)
		query->engine->close(query);
}

int query_rows(struct query *query, const struct query_wanted *wanted, query_visit *visit,
	       void *ctx, struct diag *diag)
{
	return query->engine->rows(query, wanted, visit, ctx, diag);
}

int query_groups(struct query *query, const struct query_wanted *wanted, const char *column,
		 const char *time, query_visit *visit, void *ctx, struct diag *diag)
{
	return query->engine->groups(query, wanted, column, time, visit, ctx, diag);
}

bool query_has(struct query *query, const char *table)
{
	return query->engine->has(query, table);
}

int query_tables(struct query *query, query_visit *visit, void *ctx, struct diag *diag)
{
	return query->engine->tables(query, visit, ctx, diag);
}

int query_now(struct query *query, int64_t *ret_ms, struct diag *diag)
{
	return query->engine->now(query, ret_ms, diag);
}

const struct query_cell *query_cell(const struct query_row *row, const char *name)
{
	for (size_t i = 0; i < row->count; i++)
		if (strcmp(row->cell[i].name, name) == 0)
			return &row->cell[i];
	return NULL;
}
