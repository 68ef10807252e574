/*
 * query_engine.h -- what a database engine does for query.h; for the engines' own files.
 *
 * query_engine.c finds the engine by the place, as store_engine.c does, and calls it. Each function
 * is what its namesake in query.h says. An engine's query begins with struct query.
 */
#ifndef PETSTORE_LEDGER_QUERY_ENGINE_H
#define PETSTORE_LEDGER_QUERY_ENGINE_H

#include "ledger/query.h"

struct query_place {
	const char *place;
	const char *application;
	unsigned connect_ms, wait_ms;
	unsigned statement_ms; /* after which the server gives up a statement; 0: never */
};

struct query_engine {
	int (*open)(const struct query_place *place, struct query **ret, struct diag *diag);
	void (*bound)(struct query *query, int64_t until_ns, const atomic_bool *is_ending);
	void (*close)(struct query *query);
	int (*rows)(struct query *query, const struct query_wanted *wanted, query_visit *visit,
		    void *ctx, struct diag *diag);
	int (*groups)(struct query *query, const struct query_wanted *wanted, const char *column,
		      const char *time, query_visit *visit, void *ctx, struct diag *diag);
	bool (*has)(struct query *query, const char *table);
	int (*tables)(struct query *query, query_visit *visit, void *ctx, struct diag *diag);
	int (*now)(struct query *query, int64_t *ret_ms, struct diag *diag);
};

struct query {
	const struct query_engine *engine;
};

extern const struct query_engine query_sqlite, query_postgres;

#endif
