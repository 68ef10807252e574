/*
 * pg_store.c -- the ledger in PostgreSQL: connects, opens and commits (see pg_store_internal.h).
 *
 * A commit is fenced: it changes the broker's row where the instance is this process's. The row is
 * locked when the transaction begins, so that nobody takes the name in between.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "ledger/pg_carry.h"
#include "ledger/pg_store_internal.h"

/* The other brokers look at once then (pg_watch.h), and not only when it is time. */
#define NOTIFY "NOTIFY petstore;"

/* ---- statements -------------------------------------------------------------------------- */

static int settled(int rc)
{
	return rc == ERR_DOUBT ? ERR_BUSY : rc;
}

int pg_store_exec(struct pg_store *store, const char *sql, const struct pg_params *params,
		  struct pg_rows *ret, const char *what, struct diag *diag)
{
	if (!store->pg) { /* lost, and not made anew yet */
		if (ret)
			*ret = (struct pg_rows){ 0 };
		return diag_set(diag, ERR_BUSY, "%s: %s: no connection", store->shown, what);
	}
	return settled(pg_exec(store->pg, sql, params, ret, what, diag));
}

int pg_store_finish(struct pg_store *store, struct pg_rows *ret, unsigned count, const char *what,
		    struct diag *diag)
{
	return settled(pg_finish(store->pg, ret, count, NULL, what, diag));
}

int pg_store_fault_is(struct pg_store *store, struct diag *diag)
{
	store->fault = STORE_UNSURE;
	return diag_set(diag, ERR_IO, "%s", store->why.text);
}

/* ---- connecting -------------------------------------------------------------------------- */

/*
 * A standby answers, and takes no writes. Locks of a process that stands still in the midst of a
 * transaction are given back.
 */
static int begin_session(struct pg_store *store, struct diag *diag)
{
	static const char what[] = "cannot begin a session";
	struct pg_rows rows;
	char sql[128];
	bool is_standby;
	int rc;

	(void)snprintf(sql, sizeof(sql),
		       "SET lock_timeout = %u; SET idle_in_transaction_session_timeout = %u;",
		       PG_STORE_LOCK_MS, 2 * PG_STORE_WAIT_MS);
	rc = settled(pg_script(store->pg, sql, what, diag));
	if (rc == 0)
		rc = pg_store_exec(store, "SHOW transaction_read_only", NULL, &rows, what, diag);
	if (rc)
		return rc;
	is_standby = strcmp(pg_text(&rows, 0, 0), "on") == 0;
	pg_rows_clear(&rows);
	if (!is_standby)
		return 0;
	return diag_set(diag, ERR_BUSY,
			"%s: a standby, or a database that is read-only: name the primary as well, "
			"and target_session_attrs=read-write",
			store->shown);
}

/* The broker's row, as it is in the database. */
struct broker_row {
	bool is_there, is_ours;
	uint64_t applied;
	int64_t strict;
	bool has_steps;
};

/*
 * Strict steps that are gone. Numbers are counted, of which some may have been given to steps that
 * were refused. What was kept since the last sign is looked for where there are older ones: else
 * all of them may have been removed for their age.
 */
static uint64_t steps_lost(const struct pg_store *store, const struct broker_row *row)
{
	int64_t known = store->strict, kept = -(int64_t)store->waiting.kept_step;

	if (row->has_steps && kept < known)
		known = kept;
	return row->strict > known ? (uint64_t)(row->strict - known) : 0;
}

/*
 * A copy of yesterday, or a standby that had not got all. What the journal has still is replayed
 * when the store is opened again; what it let go of, and steps that did not go through it, are
 * gone.
 */
static int check_loss(struct pg_store *store, const struct broker_row *row, struct diag *diag)
{
	uint64_t writes = row->applied < store->applied ? store->applied - row->applied : 0;
	uint64_t steps = steps_lost(store, row);

	if (__builtin_expect(writes == 0 && steps == 0, 1))
		return 0;
	(void)diag_set(
		&store->why, 0,
		"%s: %s: of broker %s it ends at write %llu, and lacks %llu that were committed, "
		"and %s%llu strict ones",
		store->shown,
		row->is_there ? "an older copy of the database, or a standby that had not got all"
			      : "an empty database, or one that does not know this broker",
		store->broker, (unsigned long long)row->applied, (unsigned long long)writes,
		steps ? "at most " : "", (unsigned long long)steps);
	return pg_store_fault_is(store, diag);
}

static bool lacks_table(const struct pg_store *store)
{
	return store->pg && strcmp(pg_state(store->pg), "42P01") == 0;
}

/* Where its table is gone, the row is. */
static int read_row(struct pg_store *store, struct broker_row *ret, struct diag *diag)
{
	struct pg_params params = { 0 };
	struct pg_rows rows;
	int rc;

	*ret = (struct broker_row){ .is_there = false };
	pg_add_string(&params, store->broker);
	rc = pg_store_exec(store,
			   "SELECT applied_seq, " PG_STRICT_SEQ ", instance, " PG_HAS_STEPS
			   " FROM brokers WHERE name = $1",
			   &params, &rows, "cannot read the broker's row", diag);
	if (rc)
		return lacks_table(store) ? 0 : rc;
	if (pg_rows_count(&rows) == 1) {
		ret->is_there = true;
		ret->applied = (uint64_t)pg_number(&rows, 0, 0);
		ret->strict = pg_number(&rows, 0, 1);
		ret->has_steps = pg_number(&rows, 0, 3) != 0;
		ret->is_ours = strcmp(pg_text(&rows, 0, 2), store->instance) == 0;
	}
	pg_rows_clear(&rows);
	return 0;
}

/* In this order: an older copy may say that the name is an earlier process's. */
int pg_store_check_row(struct pg_store *store, struct diag *diag)
{
	struct broker_row row;
	int rc = read_row(store, &row, diag);

	if (rc == 0)
		rc = check_loss(store, &row, diag);
	if (rc || row.is_ours)
		return rc;
	if (row.is_there)
		return pg_lease_lost(store, diag);
	(void)diag_set(&store->why, 0, "%s: the row of broker %s is gone", store->shown,
		       store->broker);
	return pg_store_fault_is(store, diag);
}

int pg_store_look_at_row(struct pg_store *store, int rc, struct diag *diag)
{
	int checked = 0;

	if (lacks_table(store)) { /* gone under a connection that lasts */
		pg_store_rollback(&store->base);
		checked = pg_store_check_row(store, diag);
	}
	return checked ? checked : rc;
}

static int make_connection(struct pg_store *store, struct diag *diag)
{
	const struct pg_place place = {
		.conninfo = store->conninfo,
		.application = "mosquitto_petstore",
		.wait_ms = PG_STORE_CONNECT_MS,
		.on_wait = store->on_wait,
		.ctx = store->ctx,
		.ending = store->ending,
	};
	int rc = pg_open(&place, &store->pg, diag);

	if (rc)
		return settled(rc);
	pg_set_wait(store->pg, PG_STORE_WAIT_MS);
	(void)snprintf(store->shown, sizeof(store->shown), "%s", pg_name(store->pg));
	rc = begin_session(store, diag);
	/* CockroachDB has no NOTIFY: there the others hear of steps when they ask. */
	store->has_notify = rc == 0 && pg_script(store->pg, NOTIFY, "cannot notify", NULL) == 0;
	if (rc == 0 && store->is_claimed)
		rc = pg_store_check_row(store, diag);
	if (rc) {
		pg_close(store->pg);
		store->pg = NULL;
	}
	return rc;
}

int pg_store_connect(struct pg_store *store, struct diag *diag)
{
	if (store->pg && !pg_is_lost(store->pg))
		return 0;
	pg_close(store->pg);
	store->pg = NULL;
	store->is_begun = false;
	return make_connection(store, diag);
}

int pg_store_has_table(struct pg_store *store, const char *table, struct diag *diag)
{
	struct pg_params params = { 0 };
	struct pg_rows rows;
	int rc;

	pg_add_string(&params, table);
	rc = pg_store_exec(
		store,
		"SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
		"ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND "
		"c.relname = $1",
		&params, &rows, "cannot read the schema", diag);
	if (rc)
		return rc;
	rc = pg_number(&rows, 0, 0) > 0;
	pg_rows_clear(&rows);
	return rc;
}

/* ---- opening and closing ----------------------------------------------------------------- */

static int draw_instance(struct pg_store *store, struct diag *diag)
{
	uint64_t number;
	int rc = random_bytes(&number, sizeof(number), diag);

	(void)snprintf(store->instance, sizeof(store->instance), "%016llx",
		       (unsigned long long)number);
	return rc;
}

static int check_place(const struct store_place *place, struct diag *diag)
{
	if (place->broker && (!*place->broker || strlen(place->broker) > PG_BROKER_MAX))
		return diag_set(diag, ERR_INVALID, "a broker's name has 1 to %u bytes",
				PG_BROKER_MAX);
	return 0;
}

/* Whose tables are there, and whose the name is: before anything is changed. */
static int look_around(struct pg_store *store, struct diag *diag)
{
	unsigned version;
	int rc = pg_store_version(store, pg_store_versions, &version, diag);

	if (rc == 0 && version > 0 && store->broker)
		rc = pg_lease_look(store, diag);
	return rc;
}

int pg_store_open(const struct store_place *place, unsigned busy_ms, struct store **ret,
		  struct diag *diag)
{
	struct pg_store *store = calloc(1, sizeof(*store));
	int rc;

	(void)busy_ms; /* no process holds the whole database */
	if (!store)
		return diag_nomem(diag);
	store->base.engine = &store_postgres;
	store->ending = place->ending;
	store->conninfo = strdup(place->place);
	store->broker = place->broker ? strdup(place->broker) : NULL;
	if (!store->conninfo || (place->broker && !store->broker)) {
		rc = diag_nomem(diag);
		goto out;
	}
	rc = check_place(place, diag);
	if (rc == 0)
		rc = draw_instance(store, diag);
	if (rc == 0)
		rc = make_connection(store, diag);
	if (rc == 0)
		rc = look_around(store, diag);
	if (rc)
		goto out;
	*ret = &store->base;
	store = NULL; /* handed over */
out:
	if (store)
		pg_store_close(&store->base);
	return rc;
}

void pg_store_close(struct store *base)
{
	struct pg_store *store = pg_store_of(base);

	pg_store_rollback(base);
	pg_lease_end(store);
	pg_carry_free(store->carry);
	pg_close(store->pg);
	store_names_free(store->names);
	free(store->conninfo);
	free(store->broker);
	free(store);
}

/* ---- is all well? ------------------------------------------------------------------------ */

int pg_store_check(struct store *base, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	int rc;

	if (store->fault != STORE_FINE)
		return pg_store_fault_is(store, diag);
	rc = pg_store_connect(store, diag);
	return rc || !store->is_claimed ? rc : pg_lease_sign(store, diag);
}

bool pg_store_line(struct store *base, struct diag *ret)
{
	struct pg_store *store = pg_store_of(base);
	bool has_line = store->line.text[0] != '\0';

	if (has_line)
		*ret = store->line;
	diag_init(&store->line);
	return has_line;
}

/* ---- transactions ------------------------------------------------------------------------ */

int pg_store_begin(struct store *base, uint64_t *applied_seq, struct diag *diag)
{
	static const char what[] = "cannot begin to write";
	struct pg_store *store = pg_store_of(base);
	struct pg_params params = { 0 };
	struct pg_rows rows[2];
	bool has_row;
	int rc = pg_store_make_carry(store, diag);

	if (rc == 0)
		rc = pg_store_connect(store, diag);
	pg_add_string(&params, store->broker);
	pg_add_string(&params, store->instance);
	if (rc == 0)
		rc = pg_send(store->pg, "BEGIN", NULL, diag);
	if (rc == 0)
		rc = pg_send(
			store->pg,
			"SELECT applied_seq FROM brokers WHERE name = $1 AND instance = $2 FOR "
			"UPDATE",
			&params, diag);
	if (rc)
		return rc;
	store->is_begun = true;
	rc = pg_store_finish(store, rows, 2, what, diag);
	has_row = rc == 0 && pg_rows_count(&rows[1]) == 1;
	*applied_seq = has_row ? (uint64_t)pg_number(&rows[1], 0, 0) : 0;
	pg_rows_clear(&rows[0]);
	pg_rows_clear(&rows[1]);
	if (rc)
		return pg_store_look_at_row(store, rc, diag);
	if (!has_row || *applied_seq < store->applied)
		return pg_store_check_row(store, diag);
	store->applied = *applied_seq;
	pg_carry_begin(store->carry, *applied_seq);
	return 0;
}

void pg_store_add_waiting(const struct pg_store *store, uint64_t applied_seq,
			  struct pg_params *params)
{
	uint64_t last = store->waiting.last_record;
	uint64_t records = last > applied_seq ? last - applied_seq : 0;

	pg_add_number(params, (int64_t)records);
	pg_add_number(params, records > 0 ? (int64_t)store->waiting.lag_ms : 0);
}

int pg_store_commit(struct store *base, uint64_t applied_seq, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	struct pg_params params = { 0 };
	char time[CLOCK_TEXT_MAX];
	int rc = pg_store_flush(base, diag);

	if (rc)
		return rc;
	pg_add_string(&params, store->broker);
	pg_add_number(&params, (int64_t)applied_seq);
	pg_add_string(&params, store->clock_ms ? clock_print(store->clock_ms, time) : NULL);
	pg_store_add_waiting(store, applied_seq, &params);
	rc = pg_send(store->pg,
		     "UPDATE brokers SET applied_seq = $2, clock_at = coalesce($3, clock_at), "
		     "waiting = $4, lag_ms = $5, seen_at = " PG_NOW_MS " WHERE name = $1",
		     &params, diag);
	if (rc == 0 && store->has_notify && pg_carry_has_steps(store->carry))
		rc = pg_send(store->pg, NOTIFY, NULL, diag);
	if (rc == 0)
		rc = pg_send(store->pg, "COMMIT", NULL, diag);
	if (rc == 0)
		rc = pg_store_finish(store, NULL, 0, "cannot commit", diag);
	if (rc)
		return rc;
	store->is_begun = false;
	store->applied = applied_seq;
	return 0;
}

void pg_store_rollback(struct store *base)
{
	struct pg_store *store = pg_store_of(base);

	if (store->carry)
		pg_carry_begin(store->carry, store->applied);
	if (!store->pg)
		return;
	pg_drop(store->pg);
	/* Where it fails the connection is lost, and the server rolls back by itself. */
	if (store->is_begun && !pg_is_lost(store->pg))
		diag_ignore(pg_exec(store->pg, "ROLLBACK", NULL, NULL, "cannot roll back", NULL));
	store->is_begun = false;
}
