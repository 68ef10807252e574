/*
 * store_engine.h -- what a database engine does for the store; for the store's own files.
 *
 * store_engine.c finds the engine by the place (a path: SQLite; a connection string: PostgreSQL),
 * and calls it. Each function is what its namesake in store.h says. An engine's store and reader
 * begin with struct store and struct store_reader.
 */
#ifndef PETSTORE_LEDGER_STORE_ENGINE_H
#define PETSTORE_LEDGER_STORE_ENGINE_H

#include "ledger/store.h"

struct store_engine {
	/* set_on_wait, set_waiting, signed_step and line: NULL where there is nothing to do. */
	const char *name; /* "SQLite", "PostgreSQL" */
	bool is_shared;   /* other brokers write to the same database */
	const char *(*shown)(const char *place, char *ret); /* NULL: the place as it is */
	/* As ledger_check_database(); NULL: there is nothing to look at. */
	void (*check_text)(const char *place,
			   void (*say)(void *ctx, bool is_of_file, const char *text), void *ctx);

	int (*check_alone)(const char *place, struct diag *diag); /* NULL: by open() */
	int (*open)(const struct store_place *place, unsigned busy_ms, struct store **ret,
		    struct diag *diag);
	void (*close)(struct store *store);
	void (*set_patience)(struct store *store, unsigned busy_ms);
	int (*set_cache)(struct store *store, unsigned mib, struct diag *diag);
	int (*look)(struct store *store, const struct entity_plan *plan,
		    struct diag *diag); /* NULL: open() has looked */
	int (*upgrade)(struct store *store, struct diag *diag);
	int (*inspect)(struct store *store, struct store_facts *ret, struct diag *diag);
	int (*peek)(struct store *store, struct store_facts *ret, struct diag *diag);
	int (*set_ring)(struct store *store, const uint64_t *before, const uint64_t *number,
			uint64_t applied_seq, struct diag *diag);
	int (*check)(struct store *store, struct diag *diag);
	void (*set_on_wait)(struct store *store, void (*on_wait)(void *ctx), void *ctx);
	void (*set_waiting)(struct store *store, const struct store_waiting *waiting);
	uint64_t (*signed_step)(const struct store *store);
	bool (*line)(struct store *store, struct diag *ret);
	void (*leave_empty)(struct store *store);
	enum store_fault (*fault)(const struct store *store);
	int (*let_go)(struct store *store, struct diag *diag);
	int (*check_anew)(struct store *store, struct diag *diag);
	int (*plan)(struct store *store, const struct entity_plan *plan, struct diag *diag);
	int (*names_load)(struct store *store, struct store_names **ret, struct diag *diag);
	int (*begin)(struct store *store, uint64_t *applied_seq, struct diag *diag);
	int (*apply)(struct store *store, uint64_t seq, const struct record *record,
		     struct diag *diag);
	int (*flush)(struct store *store, struct diag *diag);
	uint64_t (*held)(const struct store *store); /* NULL: never */
	int (*commit)(struct store *store, uint64_t applied_seq, struct diag *diag);
	void (*rollback)(struct store *store);
	int (*trim)(struct store *store, const struct store_limits *limits, int64_t now_ms,
		    unsigned rows_max, uint64_t *removed, struct diag *diag);
	int (*trim_retained)(struct store *store, int64_t now_ms, unsigned rows_max,
			     struct diag *diag);
	int (*clock)(struct store *store, int64_t *ret_ms, struct diag *diag);
	void (*set_clock)(struct store *store, int64_t believed_ms);
	int (*refuse)(struct store *store, const struct refusal *refusal, struct diag *diag);
	int (*letter)(struct store *store, const struct refusal *refusal, struct diag *diag);
	int (*resent)(struct store *store, const char *decision_id, const char *text,
		      struct diag *diag);
	int (*trim_letters)(struct store *store, int64_t bytes_max, struct diag *diag);
	int (*alert)(struct store *store, const struct alertrow *alert, struct diag *diag);
	int (*trim_refusals)(struct store *store, const struct store_limits *limits, int64_t now_ms,
			     unsigned rows_max, struct diag *diag);
	int (*checkpoint)(struct store *store, uint64_t wal_bytes_max, struct diag *diag);
	int (*ids)(struct store *store, uint32_t table, struct store_mark *mark, unsigned limit,
		   void (*visit)(const char *id, size_t len, void *ctx), void *ctx,
		   struct diag *diag);
	int (*load_unique)(struct store *store, uint64_t seed, struct accepted *ret,
			   struct diag *diag);

	int (*reader_open)(const struct store_place *place, bool is_alone,
			   struct store_reader **ret, struct diag *diag);
	void (*reader_use)(struct store_reader *reader, const struct entity_plan *plan);
	void (*reader_close)(struct store_reader *reader);
	int (*reader_find)(struct store_reader *reader, size_t entity, const char *id,
			   size_t id_len, struct state_facts *ret, struct diag *diag);
	int (*reader_letter)(struct store_reader *reader, const char *decision_id,
			     ledger_letter_visit *visit, void *ctx, struct diag *diag);
	int (*reader_last)(struct store_reader *reader, const char *topic, size_t topic_len,
			   const char **payload, size_t *payload_len, uint64_t *revision,
			   struct diag *diag);
	int (*reader_unchanged)(struct store_reader *reader,
				const struct ledger_unchanged_query *asked,
				ledger_unchanged_visit *visit, void *ctx, struct diag *diag);
	int (*reader_visit)(struct store_reader *reader, enum store_read read, const char *topic,
			    size_t topic_len, unsigned limit, ledger_retained_visit *visit,
			    void *ctx, struct diag *diag);
	/* NULL: each is read for itself. */
	int (*reader_visit_each)(struct store_reader *reader, const struct ledger_topic *topic,
				 size_t count, ledger_retained_visit *visit, void *ctx,
				 struct diag *diag);
	int (*reader_resent)(struct store_reader *reader, const struct ledger_resend_query *asked,
			     uint64_t until_seq, struct diag *diag);
	/* Of a shared one: */
	int (*step)(struct pg_live *live, const struct store_step *step, uint64_t *revision,
		    struct diag *diag);
	int (*step_find)(struct pg_live *live, const char *broker, uint64_t number,
			 struct diag *diag);
	int (*step_last)(struct pg_live *live, const char *broker, uint64_t *ret,
			 struct diag *diag);
	int (*probe)(struct store *store, unsigned count, uint64_t *ret_us, struct diag *diag);
	struct pg_live *(*reader_live)(struct store_reader *reader);
};

struct store {
	const struct store_engine *engine;
};

struct store_reader {
	const struct store_engine *engine;
};

extern const struct store_engine store_sqlite, store_postgres;

#endif
