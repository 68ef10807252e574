/*
 * pg_store_lease.c -- a broker's name among those that share a database: one process has it, and
 * gives a sign each second.
 *
 * A process that is known to be gone has no name (pg_process.h). Else one that gave none for
 * PG_STORE_LEASE_MS is taken for dead, by the database's clock. A sign from the future is none: the
 * database has moved to a machine with another clock. Should two have the name for a moment, the
 * fence of a commit lets the later one write.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ledger/others.h"
#include "ledger/pg_process.h"
#include "ledger/pg_store_internal.h"

#define MS INT64_C(1000000)
#define END_MS 500u /* a close waits no longer for its last sign */
#define HOST_MAX 256u

/* Is a sign that was given at brokers.seen_at too old, or none? */
#define IS_FREE "(brokers.seen_at < " PG_NOW_MS " - 5000 OR brokers.seen_at > " PG_NOW_MS " + 5000)"

_Static_assert(PG_STORE_LEASE_MS == 5000, "IS_FREE says it in SQL");

static int is_taken(const struct pg_store *store, const char *host, struct diag *diag)
{
	return diag_set(diag, ERR_BUSY,
			"%s: two brokers are called %s: another process has this name, on host %s; "
			"it is taken over once that has given no sign for %d s",
			store->shown, store->broker, *host ? host : "?", PG_STORE_LEASE_MS / 1000);
}

int pg_lease_look(struct pg_store *store, struct diag *diag)
{
	struct pg_params params = { 0 };
	struct pg_rows rows;
	int rc;

	pg_add_string(&params, store->broker);
	pg_add_string(&params, store->instance);
	rc = pg_store_exec(store,
			   "SELECT host, process, instance FROM brokers WHERE name = $1 AND "
			   "instance <> $2 AND NOT " IS_FREE,
			   &params, &rows, "cannot read the broker's row", diag);
	if (rc)
		return rc;
	if (pg_rows_count(&rows) > 0 && pg_process_is_gone(pg_text(&rows, 0, 1)))
		(void)snprintf(store->gone, sizeof(store->gone), "%s", pg_text(&rows, 0, 2));
	else if (pg_rows_count(&rows) > 0)
		rc = is_taken(store, pg_text(&rows, 0, 0), diag);
	pg_rows_clear(&rows);
	return rc;
}

int pg_lease_claim(struct pg_store *store, struct diag *diag)
{
	struct pg_params params = { 0 };
	struct pg_rows rows;
	char time[CLOCK_TEXT_MAX], host[HOST_MAX] = "", process[PG_PROCESS_MAX];
	bool is_ours;
	int rc;

	(void)gethostname(host, sizeof(host) - 1); /* or "" */
	pg_add_string(&params, store->broker);
	pg_add_string(&params, store->instance);
	pg_add_string(&params, host);
	pg_add_string(&params, clock_print(clock_unix_ms(), time));
	pg_add_number(&params, pg_store_versions);
	pg_add_string(&params, pg_process_self(process));
	pg_add_string(&params, store->gone);
	rc = pg_store_exec(
		store,
		"INSERT INTO brokers (name, instance, host, started_at, seen_at, version, process, "
		"ring) VALUES ($1, $2, $3, $4, " PG_NOW_MS ", $5, $6, '') ON CONFLICT (name) DO "
		"UPDATE SET instance = excluded.instance, host = excluded.host, started_at = "
		"excluded.started_at, seen_at = excluded.seen_at, version = excluded.version, "
		"process = excluded.process, strict_seq = " PG_STRICT_SEQ
		" WHERE brokers.instance = excluded.instance OR "
		"brokers.instance = $7 OR " IS_FREE " RETURNING applied_seq, " PG_NOW_MS
		", " PG_STRICT_SEQ,
		&params, &rows, "cannot take the broker's name", diag);
	if (rc)
		return rc;
	is_ours = pg_rows_count(&rows) == 1;
	if (is_ours) {
		store->applied = (uint64_t)pg_number(&rows, 0, 0);
		pg_lease_clock(store, pg_number(&rows, 0, 1));
		store->strict = pg_number(&rows, 0, 2);
	}
	pg_rows_clear(&rows);
	if (is_ours) {
		store->is_claimed = true;
		store->signed_ns = clock_mono_ns();
		return 0;
	}
	rc = pg_lease_look(store, diag);
	return rc ? rc : is_taken(store, "", diag);
}

int pg_lease_lost(struct pg_store *store, struct diag *diag)
{
	store->is_claimed = false;
	(void)diag_set(&store->why, 0,
		       "%s: two brokers are called %s: another process has taken this name: give "
		       "each broker its own, plugin_opt_broker",
		       store->shown, store->broker);
	return pg_store_fault_is(store, diag);
}

int pg_lease_sign(struct pg_store *store, struct diag *diag)
{
	struct pg_params params = { 0 };
	struct pg_rows rows;
	bool is_ours;
	int rc;

	if (clock_mono_ns() - store->signed_ns < PG_STORE_SIGN_MS * MS)
		return 0;
	pg_add_string(&params, store->broker);
	pg_add_string(&params, store->instance);
	pg_store_add_waiting(store, store->applied, &params);
	pg_add_number(&params, -(int64_t)store->waiting.last_step);
	pg_add_number(&params, (int64_t)store->applied);
	pg_add_number(&params, store->strict);
	/* Of a database that was set back under this connection nothing is changed. */
	rc = pg_store_exec(
		store,
		"UPDATE brokers SET waiting = $3, lag_ms = $4, strict_seq = least(" PG_STRICT_SEQ
		", CAST($5 AS BIGINT)), seen_at = " PG_NOW_MS " WHERE name = $1 AND instance = $2 "
		"AND applied_seq >= $6 AND " PG_STRICT_SEQ " <= CAST($7 AS BIGINT) RETURNING "
		"seen_at, strict_seq",
		&params, &rows, "cannot give a sign", diag);
	if (rc)
		return pg_store_look_at_row(store, rc, diag);
	is_ours = pg_rows_count(&rows) == 1;
	if (is_ours) {
		pg_lease_clock(store, pg_number(&rows, 0, 0));
		store->strict = pg_number(&rows, 0, 1);
	}
	pg_rows_clear(&rows);
	store->signed_ns = clock_mono_ns();
	return is_ours ? 0 : pg_store_check_row(store, diag);
}

static void give_back(struct pg_store *store, int64_t seen_at)
{
	struct pg_params params = { 0 };

	if (!store->is_claimed || !store->pg || pg_is_lost(store->pg))
		return;
	pg_set_wait(store->pg, END_MS);
	pg_add_string(&params, store->broker);
	pg_add_string(&params, store->instance);
	pg_add_number(&params, seen_at);
	/* Where it fails the next process waits. */
	diag_ignore(pg_exec(store->pg,
			    "UPDATE brokers SET seen_at = $3, strict_seq = " PG_STRICT_SEQ
			    " WHERE name = $1 AND instance = $2",
			    &params, NULL, "cannot give the name back", NULL));
	store->is_claimed = false;
}

void pg_lease_end(struct pg_store *store)
{
	give_back(store, OTHERS_SEEN_STOPPED);
}

void pg_lease_refuse(struct pg_store *store)
{
	give_back(store, OTHERS_SEEN_REFUSES);
}

void pg_lease_clock(struct pg_store *store, int64_t now_ms)
{
	int64_t ahead_ms = clock_unix_ms() - now_ms;

	if (llabs(ahead_ms) <= PG_STORE_CLOCK_MS) {
		store->is_clock_told = false;
		return;
	}
	if (store->is_clock_told)
		return;
	store->is_clock_told = true;
	(void)diag_set(&store->line, 0,
		       "%s: this machine's clock is %lld s %s the database's: times in the ledger "
		       "of brokers differ by as much",
		       store->shown, (long long)(llabs(ahead_ms) / 1000),
		       ahead_ms > 0 ? "ahead of" : "behind");
}
