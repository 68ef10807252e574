/*
 * pg_reader.h -- the PostgreSQL engine's reader: entities, events and what is retained.
 *
 * Each function is what its namesake in store.h says, for pg_engine.c. A reader of a broker asks on
 * a connection that never waits long (pg_live.h); one of petstorectl, which is alone, waits.
 */
#ifndef PETSTORE_LEDGER_PG_READER_H
#define PETSTORE_LEDGER_PG_READER_H

#include "ledger/pg_live.h"
#include "ledger/store.h"

/*
 * The bound of a call of a broker's reader, until who hands it to the broker's thread sets that
 * one's: pg_live_set_wait() of pg_reader_live().
 */
#define PG_READER_WAIT_MS 2000u
/* Of one that is alone. */
#define PG_READER_ALONE_MS 10000u

int pg_reader_open(const struct store_place *place, bool is_alone, struct store_reader **ret,
		   struct diag *diag) MUST_CHECK;
void pg_reader_use(struct store_reader *reader, const struct entity_plan *plan);
void pg_reader_close(struct store_reader *reader);

/*
 * The connection, for what else the broker's thread asks; the reader's. What the last call gave is
 * gone.
 */
struct pg_live *pg_reader_live(struct store_reader *reader);

int pg_reader_find(struct store_reader *reader, size_t entity, const char *id, size_t id_len,
		   struct state_facts *ret, struct diag *diag) MUST_CHECK;
int pg_reader_letter(struct store_reader *reader, const char *decision_id,
		     ledger_letter_visit *visit, void *ctx, struct diag *diag) MUST_CHECK;
int pg_reader_last(struct store_reader *reader, const char *topic, size_t topic_len,
		   const char **payload, size_t *payload_len, uint64_t *revision,
		   struct diag *diag) MUST_CHECK;
int pg_reader_unchanged(struct store_reader *reader, const struct ledger_unchanged_query *asked,
			ledger_unchanged_visit *visit, void *ctx, struct diag *diag) MUST_CHECK;
int pg_reader_visit(struct store_reader *reader, enum store_read read, const char *topic,
		    size_t topic_len, unsigned limit, ledger_retained_visit *visit, void *ctx,
		    struct diag *diag) MUST_CHECK;
int pg_reader_visit_each(struct store_reader *reader, const struct ledger_topic *topic,
			 size_t count, ledger_retained_visit *visit, void *ctx,
			 struct diag *diag) MUST_CHECK;
/*
 * @until_seq bounds what this broker accepted. Of what others accepted all counts: a client is
 * connected to one broker at a time.
 */
int pg_reader_resent(struct store_reader *reader, const struct ledger_resend_query *asked,
		     uint64_t until_seq, struct diag *diag) MUST_CHECK;

#endif
