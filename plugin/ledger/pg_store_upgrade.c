/*
 * pg_store_upgrade.c -- makes the schema in PostgreSQL, and brings it up to date.
 *
 * Several brokers may start at once, of two versions: all is one transaction, which begins with the
 * row of table store locked. Where the table itself is not there yet, two that make it collide:
 * the one that fails finds, at its next attempt, what the other made. A plugin uses a schema of a
 * later version where table store says that it may (least): what such a version added may stay
 * unset.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/embed.h"
#include "base/random.h"
#include "ledger/pg_store_internal.h"

#define PROGRAM "mosquitto_petstore"
#define ATTEMPTS 20u
#define PAUSE_NS 50000000

EMBED(pg_sql_001, "schemas/store/postgresql/001-initial.sql");

static const struct pg_migration own_migration[] = {
	{ pg_sql_001, 1 },
};

const unsigned pg_store_versions = sizeof(own_migration) / sizeof(own_migration[0]);

/* ---- what is there ----------------------------------------------------------------------- */

/* Is a table that is called store ours? */
static int check_program(struct pg_store *store, struct diag *diag)
{
	struct pg_rows rows;
	bool is_ours;
	int rc = pg_store_exec(
		store,
		"SELECT count(*) FROM information_schema.columns WHERE table_schema = "
		"current_schema() AND table_name = 'store' AND column_name IN "
		"('program', 'identity', 'version', 'least')",
		NULL, &rows, "cannot read the schema", diag);

	if (rc)
		return rc;
	is_ours = pg_number(&rows, 0, 0) == 4;
	pg_rows_clear(&rows);
	if (is_ours)
		return 0;
	return diag_set(diag, ERR_VERSION,
			"%s: table store is another program's, or may not be read: give the ledger "
			"a database or a schema of its own",
			store->shown);
}

static int check_version(const struct pg_store *store, const struct pg_rows *rows, unsigned known,
			 unsigned *ret, struct diag *diag)
{
	int64_t version = pg_number(rows, 0, 1), least = pg_number(rows, 0, 2);

	if (strcmp(pg_text(rows, 0, 0), PROGRAM) != 0)
		return diag_set(diag, ERR_VERSION, "%s: the database of another program",
				store->shown);
	if (version < 1 || version > UINT32_MAX || (version > known && least > known))
		return diag_set(diag, ERR_VERSION,
				"%s: schema version %lld of a newer plugin, which plugins from "
				"version %lld on may use (this one knows %u): install a newer one",
				store->shown, (long long)version, (long long)least, known);
	*ret = (unsigned)version;
	return 0;
}

/* The version that table store, which is there, says; @lock: " FOR UPDATE", or "". */
static int read_version(struct pg_store *store, unsigned known, const char *lock, unsigned *ret,
			struct diag *diag)
{
	struct pg_rows rows;
	char sql[80];
	int rc;

	(void)snprintf(sql, sizeof(sql), "SELECT program, version, least FROM store%s", lock);
	rc = pg_store_exec(store, sql, NULL, &rows, "cannot read the version", diag);
	if (rc)
		return rc;
	if (pg_rows_count(&rows) == 1)
		rc = check_version(store, &rows, known, ret, diag);
	else
		rc = diag_set(diag, ERR_INVALID, "%s: table store has %u rows, not one",
			      store->shown, pg_rows_count(&rows));
	pg_rows_clear(&rows);
	return rc;
}

int pg_store_version(struct pg_store *store, unsigned known, unsigned *ret, struct diag *diag)
{
	int rc = pg_store_has_table(store, "store", diag);

	*ret = 0;
	if (rc <= 0)
		return rc;
	rc = check_program(store, diag);
	return rc ? rc : read_version(store, known, "", ret, diag);
}

/* ---- making it --------------------------------------------------------------------------- */

static int make_row(struct pg_store *store, struct diag *diag)
{
	unsigned char identity[STORE_IDENTITY];
	char hex[2 * STORE_IDENTITY + 1], time[CLOCK_TEXT_MAX];
	struct pg_params params = { 0 };
	int rc = random_bytes(identity, sizeof(identity), diag);

	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof(identity); i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", identity[i]);
	pg_add_string(&params, hex);
	pg_add_string(&params, clock_print(clock_unix_ms(), time));
	return pg_store_exec(store,
			     "INSERT INTO store (one, program, identity, version, least, made_at) "
			     "VALUES (1, '" PROGRAM "', $1, 0, 0, $2)",
			     &params, NULL, "cannot make the store's row", diag);
}

static int set_version(struct pg_store *store, unsigned version, unsigned least, struct diag *diag)
{
	struct pg_params params = { 0 };

	pg_add_number(&params, version);
	pg_add_number(&params, least);
	return pg_store_exec(store, "UPDATE store SET version = $1, least = $2", &params, NULL,
			     "cannot store the version", diag);
}

/* What a failed script did is undone with its transaction. */
static int run_migration(struct pg_store *store, const char *sql, struct diag *diag)
{
	int rc = pg_script(store->pg, sql, "cannot make the tables", diag);

	if (rc == ERR_DOUBT)
		return ERR_BUSY;
	if (!rc || strcmp(pg_state(store->pg), "42P07") != 0)
		return rc;
	diag_prefix(diag, PG_STORE_TAKEN);
	return ERR_VERSION;
}

static int migrate_all(struct pg_store *store, const struct pg_migration *migration, unsigned count,
		       struct diag *diag)
{
	unsigned version = 0;
	int rc = pg_store_has_table(store, "store", diag);

	if (rc == 1)
		rc = read_version(store, count, " FOR UPDATE", &version, diag);
	for (unsigned i = version; rc == 0 && i < count; i++) {
		rc = run_migration(store, migration[i].sql, diag);
		if (rc == 0 && i == 0)
			rc = make_row(store, diag);
		if (rc == 0)
			rc = set_version(store, i + 1, migration[i].least, diag);
	}
	return rc;
}

static int migrate_once(struct pg_store *store, const struct pg_migration *migration,
			unsigned count, struct diag *diag)
{
	int rc = pg_store_connect(store, diag);

	if (rc == 0)
		rc = pg_store_exec(store, "BEGIN", NULL, NULL, "cannot begin to write", diag);
	if (rc)
		return rc;
	store->is_begun = true;
	rc = migrate_all(store, migration, count, diag);
	if (rc == 0)
		rc = pg_store_exec(store, "COMMIT", NULL, NULL, "cannot commit", diag);
	store->is_begun = rc != 0;
	return rc;
}

/* Did another broker make the same at this moment? Then it is there at the next attempt. */
static bool has_collided(const struct pg_store *store, int rc)
{
	static const char *const state[] = { "23505", "42P07", "42710", "XX000",
					     "40001", "40P01", "55P03", "42701" };
	const char *is = store->pg ? pg_state(store->pg) : "";

	for (size_t i = 0; rc && i < sizeof(state) / sizeof(state[0]); i++)
		if (strcmp(is, state[i]) == 0)
			return true;
	return false;
}

int pg_store_migrate(struct pg_store *store, const struct pg_migration *migration, unsigned count,
		     struct diag *diag)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	unsigned version;
	int rc = pg_store_version(store, count, &version, diag);

	if (rc || version >= count)
		return rc;
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		bool is_again;

		rc = migrate_once(store, migration, count, diag);
		is_again = has_collided(store, rc);
		if (rc)
			pg_store_rollback(&store->base);
		if (!is_again)
			break;
		/* 42P07: made by another broker a moment ago, or by another program long before. */
		if (i > 2 && pg_store_has_table(store, "store", NULL) == 0)
			break;
		(void)nanosleep(&pause, NULL);
	}
	return rc;
}

int pg_store_upgrade(struct store *base, struct diag *diag)
{
	struct pg_store *store = pg_store_of(base);
	struct store_names *names = NULL;
	int rc = pg_store_connect(store, diag);

	if (rc == 0)
		rc = pg_store_migrate(store, own_migration, pg_store_versions, diag);
	if (rc == 0 && store->broker)
		rc = pg_lease_claim(store, diag);
	if (rc == 0)
		rc = pg_store_names_load(base, &names, diag);
	if (rc)
		return rc;
	store_names_free(store->names);
	store->names = names;
	return 0;
}
