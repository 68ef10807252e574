#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "between.h"
#include "failalloc.h"
#include "folder.h"
#include "base/utf8.h"
#include "ledger/store.h"
#include "ledger/pg_store_internal.h"
#include "ledger/store_sqlite_internal.h"
#include "old_database.h"
#include "refusalfake.h"

static const struct entity_column column[] = {
	{ "status", VALUE_TEXT, true }, { "order", VALUE_INTEGER, true }, /* a word of SQL */
};
static const struct entity entity = { .table = "group",
				      .column_count = 2,
				      .column = column,
				      .slot_count = 1,
				      .slot = { 0 },
				      .link_column = -1 };

struct fixture {
	struct folder folder;
	char path[600];     /* the database's place */
	const char *broker; /* or NULL */
	struct store *store;
	struct store_numbers number; /* of the entity that was planned last */
	struct diag diag;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	folder_make(&f->folder);
	if (!folder_is_shared()) /* else it is made where it is opened */
		(void)strcpy(f->path, folder_file(&f->folder, "a.db"));
	f->broker = folder_is_shared() ? "a" : NULL;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	folder_remove(&f->folder);
	free(f);
	return 0;
}

static void test_store_is_conninfo__what_libpq_takes(void **state)
{
	static const char *const is[] = { "postgresql://h/d", "postgres://", "host=h dbname=d",
					  "service=shop", " dbname = 'a b'",
					  /* none, but what was meant: a password is not shown */
					  "postgresql:/me:secret@h/d", "Postgres://me:secret@h/d",
					  "pg://me:secret@h/d", "Host=h password=secret",
					  "hosts=a PassWord = secret" };
	static const char *const is_not[] = { "/var/lib/mosquitto/petstore.db",
					      "a.db",
					      "",
					      "host",
					      "hosts=a",
					      "a/host=b",
					      "password",
					      "/var/lib/postgresql/petstore.db" };

	(void)state;
	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++)
		assert_true(store_is_conninfo(is[i]));
	for (size_t i = 0; i < sizeof(is_not) / sizeof(is_not[0]); i++)
		assert_false(store_is_conninfo(is_not[i]));
	assert_true(store_is_shared("host=h"));
	assert_false(store_is_shared("a.db"));
}

/* Plans @entity alone; *ret has its numbers. */
static int plan_one(struct fixture *f, const struct entity *one, struct store_numbers *ret)
{
	struct store_names *names = NULL;
	int rc = store_plan(f->store, &(struct entity_plan){ 1, one }, &f->diag);

	if (rc == 0)
		rc = store_names_load(f->store, &names, &f->diag);
	if (rc == 0)
		rc = store_names_find(names, one, ret, &f->diag);
	store_names_free(names);
	return rc;
}

static void open_store(struct fixture *f)
{
	const struct store_place place = { .place = f->path, .broker = f->broker };

	if (folder_is_shared())
		(void)strcpy(f->path, folder_place(&f->folder, "a.db"));
	diag_init(&f->diag);
	diag_ignore(store_open(&place, 1000, &f->store, &f->diag));
	assert_string_equal(f->diag.text, "");
	diag_ignore(store_upgrade(f->store, &f->diag));
	assert_string_equal(f->diag.text, "");
}

static void close_store(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
}

/* An event received @ms after 1970, and a row of the entity where @id is not NULL. */
static void write_record(struct fixture *f, uint64_t seq, const char *id, int64_t ms)
{
	struct record record = {
		.table = id ? f->number.table : 0,
		.received_ms = ms,
		.id = { id, id ? strlen(id) : 0 },
		.topic = { "t", 1 },
		.payload = { "{}", 2 },
		.value_count = id ? 1 : 0,
		.value = &(struct value){ .column = f->number.column[1],
					  .type = VALUE_INTEGER,
					  .integer = (int64_t)seq },
	};

	assert_int_equal(store_apply(f->store, seq, &record, &f->diag), 0);
}

static void write_events(struct fixture *f, uint64_t first, uint64_t last, int64_t ms)
{
	uint64_t applied;

	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	for (uint64_t seq = first; seq <= last; seq++)
		write_record(f, seq, NULL, ms);
	assert_int_equal(store_commit(f->store, last, &f->diag), 0);
}

/* ---- versions ---------------------------------------------------------------------------- */

static void test_store_upgrade__from_every_version(void **state)
{
	struct fixture *f = *state;
	char fresh[32768];
	static const char schema[] = "SELECT name, sql FROM sqlite_master ORDER BY name";

	folder_sqlite_only();
	open_store(f);
	close_store(f);
	(void)strcpy(fresh, folder_ask(&f->folder, "a.db", schema));
	assert_non_null(strstr(fresh, "events"));
	for (unsigned version = 1; version <= store_version(); version++) {
		struct store_facts facts;

		assert_int_equal(unlink(f->path), 0);
		old_database_make(f->path, version);
		open_store(f);
		assert_int_equal(store_inspect(f->store, &facts, &f->diag), 0);
		assert_int_equal(facts.applied_seq, 5);
		assert_int_equal(facts.identity[15], 0x0f);
		assert_int_equal(plan_one(f, &entity, &f->number), 0);
		write_events(f, 6, 6, 0);
		close_store(f);
		assert_sql(&f->folder, "a.db", "SELECT min(seq), max(seq), count(*) FROM events",
			   "5|6|2");
		assert_sql(&f->folder, "a.db", "DROP TABLE \"group\"", "");
		assert_sql(&f->folder, "a.db", schema, fresh);
	}
}

/* The tables of entities get their new column at once, also those that no contract has any more. */
static void test_store_upgrade__of_entity_tables(void **state)
{
	static const char columns[] = "SELECT m.name, group_concat(t.name) FROM sqlite_master m, "
				      "pragma_table_info(m.name) t "
				      "WHERE m.name IN ('a1', 'b2', 'c3') GROUP BY 1 ORDER BY 1";
	struct fixture *f = *state;

	folder_sqlite_only();
	old_database_make(f->path, STORE_ADOPTED_VERSION - 1);
	assert_sql(&f->folder, "a.db", "CREATE TABLE a1 (id TEXT, status TEXT)", "");
	assert_sql(&f->folder, "a.db", "CREATE TABLE b2 (id TEXT, adopted_at TEXT)", "");
	assert_sql(&f->folder, "a.db", "CREATE TABLE c3 (id TEXT)", ""); /* somebody else's */
	assert_sql(&f->folder, "a.db",
		   "INSERT INTO store_names (table_name, column_name) VALUES ('a1', ''), ('a1', "
		   "'status'), ('b2', ''), ('gone', '')",
		   "");
	open_store(f);
	close_store(f);
	assert_sql(&f->folder, "a.db", columns, "a1|id,status,adopted_at\nb2|id,adopted_at\nc3|id");
}

static void test_sql_loosen__makes_plain_tables(void **state)
{
	struct fixture *f = *state;
	char *sql;
	char table[] = "CREATE TABLE t (id TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID";
	char types[] = "SELECT typeof(payload) FROM events";
	sqlite3 *db = NULL;

	folder_sqlite_only();
	sql = old_database_read("schemas/store/001-initial.sql");
	sql_loosen(sql);
	sql_loosen(table);
	assert_null(strstr(table, "STRICT"));
	assert_null(strstr(table, "ANY"));
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, table, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "INSERT INTO events VALUES (1, '', '', '', '', 0, 0, '007')",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	free(sql);
	/* Without a type a text stays what it is. */
	assert_sql(&f->folder, "a.db", types, "text");
	assert_sql(&f->folder, "a.db", "SELECT payload FROM events", "007");
}

/* ---- plans ------------------------------------------------------------------------------- */

static void test_store_plan__words_of_sql_are_names(void **state)
{
	struct fixture *f = *state;
	uint64_t applied;

	open_store(f);
	assert_int_equal(plan_one(f, &entity, &f->number), 0);
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	write_record(f, 1, "a", 0);
	write_record(f, 2, "a", 0);
	assert_int_equal(store_commit(f->store, 2, &f->diag), 0);
	close_store(f);
	assert_sql(&f->folder, "a.db", "SELECT id, revision, \"order\" FROM \"group\"", "a|2|2");
}

static void test_store_plan__numbers_are_permanent(void **state)
{
	struct fixture *f = *state;
	struct entity_column turned[] = { column[1], { "extra", VALUE_TEXT, false }, column[0] };
	struct entity wider = { .table = "group",
				.column_count = 3,
				.column = turned,
				.slot_count = 1,
				.slot = { 2 },
				.link_column = -1 };
	struct store_numbers before, after;

	open_store(f);
	assert_int_equal(plan_one(f, &entity, &before), 0);
	assert_int_equal(plan_one(f, &wider, &after), 0);
	assert_int_equal(before.table, after.table);
	assert_int_equal(before.column[0], after.column[2]);
	assert_int_equal(before.column[1], after.column[0]);
	assert_true(after.column[1] > before.column[1]);
	close_store(f);
	open_store(f);
	assert_int_equal(plan_one(f, &entity, &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void test_store_plan__more_columns_than_a_table_may_have(void **state)
{
	struct fixture *f = *state;
	char name[40][8];
	struct entity_column many[40];
	struct entity wide = {
		.table = "wide", .column_count = 40, .column = many, .link_column = -1
	};
	int rc = 0;

	open_store(f);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 40; i++) {
			(void)snprintf(name[i], sizeof(name[i]), "c%u", round * 40 + i);
			many[i] = (struct entity_column){ name[i], VALUE_TEXT, false };
		}
		rc = plan_one(f, &wide, &f->number);
		assert_int_equal(rc, round == 0 ? 0 : ERR_LIMIT);
	}
	assert_non_null(strstr(f->diag.text, "more than 63 columns"));
	assert_sql(&f->folder, "a.db",
		   folder_is_shared() ? "SELECT count(*) FROM information_schema.columns WHERE "
					"table_name = 'wide'"
				      : "SELECT count(*) FROM pragma_table_info('wide')",
		   "46");
}

/*
 * Columns that are NULL have no place in an index, and a status that is asked for by its time has
 * one index. A database of before is made alike, whatever its rows hold.
 */
static void test_store_plan__sparse_indexes_take_the_place_of_full_ones(void **state)
{
	static const struct entity_column columns[] = { { "status", VALUE_TEXT, true },
							{ "paid", VALUE_TEXT, true },
							{ "pet", VALUE_TEXT, true } };
	const struct entity timed = { .table = "timed",
				      .column_count = 3,
				      .column = columns,
				      .slot_count = 2,
				      .slot = { 0, 1 },
				      .is_timed = { true, true },
				      .link_column = -1 };
	static const char names[] =
		"SELECT group_concat(name || iif(instr(sql, ' WHERE '), '?', "
		"''), ' ') FROM (SELECT * FROM sqlite_master WHERE type = "
		"'index' AND tbl_name = 'timed' AND sql IS NOT NULL ORDER BY 2)";
	static const char made[] =
		"timed.owner timed.paid.updated_at? timed.pet? timed.status.updated_at";
	struct fixture *f = *state;

	folder_sqlite_only();
	open_store(f);
	assert_int_equal(plan_one(f, &timed, &f->number), 0);
	assert_sql(&f->folder, "a.db", names, made);
	assert_int_equal(
		sqlite3_exec(lite_of(f->store)->sql.db,
			     "DROP INDEX \"timed.pet\"; DROP INDEX \"timed.paid.updated_at\";"
			     "CREATE INDEX \"timed.pet\" ON \"timed\" (\"pet\");"
			     "CREATE INDEX \"timed.paid\" ON \"timed\" (\"paid\");"
			     "CREATE INDEX \"timed.status\" ON \"timed\" (\"status\");"
			     "CREATE INDEX \"timed.paid.updated_at\" ON \"timed\" (\"paid\", "
			     "updated_at);"
			     "INSERT INTO timed (id, revision, created_at, updated_at, pet) VALUES "
			     "('a', 1, '', '', 'p'), ('b', 1, '', '', NULL)",
			     NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(plan_one(f, &timed, &f->number), 0);
	assert_sql(&f->folder, "a.db", names, made);
	assert_sql(&f->folder, "a.db", "PRAGMA integrity_check", "ok");
	assert_sql(&f->folder, "a.db", "SELECT id FROM timed WHERE pet = 'p'", "a");
}

/* Sets of columns beyond what is kept prepared are prepared again. */
static void test_store_apply__many_sets_of_columns(void **state)
{
	struct fixture *f = *state;
	struct entity_column many[6];
	struct entity wide = {
		.table = "wide", .column_count = 6, .column = many, .link_column = -1
	};
	static const char *const name[] = { "a", "b", "c", "d", "e", "f" };
	uint64_t applied;

	for (unsigned i = 0; i < 6; i++)
		many[i] = (struct entity_column){ name[i], VALUE_INTEGER, false };
	open_store(f);
	assert_int_equal(plan_one(f, &wide, &f->number), 0);
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	for (unsigned set = 1; set < 128; set++) {
		struct value value[6];
		struct record record = { .table = f->number.table,
					 .value = value,
					 .is_unrecorded = true,
					 .id = { "x", 1 } };

		for (unsigned i = 0; i < 6; i++)
			if (set % 64 >> i & 1)
				record.value[record.value_count++] = (struct value){
					.column = f->number.column[i],
					.type = VALUE_INTEGER,
					.integer = (int64_t)set,
				};
		assert_int_equal(store_apply(f->store, set, &record, &f->diag), 0);
	}
	assert_int_equal(store_commit(f->store, 127, &f->diag), 0);
	assert_sql(&f->folder, "a.db", "SELECT revision, a, b, c, d, e, f FROM wide",
		   "127|127|127|127|127|127|127");
}

static void test_store_apply__unknown_numbers(void **state)
{
	struct fixture *f = *state;
	struct value value = { .type = VALUE_NULL };
	struct record record = {
		.table = 999, .id = { "x", 1 }, .is_unrecorded = true, .value = &value
	};
	uint64_t applied;

	open_store(f);
	assert_int_equal(plan_one(f, &entity, &f->number), 0);
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	assert_int_equal(store_apply(f->store, 1, &record, &f->diag), ERR_INVALID);
	record.table = f->number.column[0];
	assert_int_equal(store_apply(f->store, 1, &record, &f->diag), ERR_INVALID);
	record.table = f->number.table;
	record.value_count = 1;
	record.value[0].column = f->number.table;
	assert_int_equal(store_apply(f->store, 1, &record, &f->diag), ERR_INVALID);
	assert_non_null(strstr(f->diag.text, "record 1"));
	store_rollback(f->store);
}

/* ---- batches ------------------------------------------------------------------------------- */

/* What SQLite must say after a random history, computed without it. */
struct model {
	unsigned revision;
	int64_t created_ms, updated_ms;
	bool has[2];
	int64_t value[2];
	bool has_owner;
	unsigned owner;
};

#define MODEL_IDS 40u
#define MODEL_WRITES 6000u /* several times what a batch holds */

static const char *const model_id[MODEL_IDS] = { "a",  "b",  "c",  "d",  "e",  "f",  "g",  "h",
						 "i",  "j",  "k",  "l",  "m",  "n",  "o",  "p",
						 "q",  "r",  "s",  "t",  "u",  "v",  "w",  "x",
						 "y",  "z",  "aa", "bb", "cc", "dd", "ee", "ff",
						 "gg", "hh", "ii", "jj", "kk", "ll", "mm", "nn" };
static const char *const model_owner[] = { "eva", "tom", "" };

static uint64_t next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* One write of some of the columns; at times without an event. */
static void model_write(struct fixture *f, struct model *all, uint64_t seq, uint64_t *random)
{
	unsigned at = (unsigned)(next_random(random) % MODEL_IDS);
	struct model *m = &all[at];
	struct value value[2];
	struct record record = {
		.value = value,
		.table = f->number.table,
		.is_unrecorded = next_random(random) % 4 == 0,
		.received_ms = (int64_t)(next_random(random) % 100000000),
		.id = { model_id[at], strlen(model_id[at]) },
		.topic = { "t", 1 },
		.payload = { "{}", 2 },
	};

	for (unsigned i = 0; i < 2; i++) {
		if (next_random(random) % 2)
			continue;
		m->has[i] = true;
		m->value[i] = (int64_t)seq;
		record.value[record.value_count++] = (struct value){ .column = f->number.column[i],
								     .type = VALUE_INTEGER,
								     .integer = (int64_t)seq };
	}
	/* Where brokers share the database the first owner stays. */
	if (next_random(random) % 2 && !(folder_is_shared() && m->has_owner)) {
		m->has_owner = true;
		m->owner = (unsigned)(next_random(random) % (folder_is_shared() ? 2 : 3));
		record.owner = (struct record_text){ model_owner[m->owner],
						     strlen(model_owner[m->owner]) };
	}
	if (m->revision++ == 0)
		m->created_ms = record.received_ms;
	m->updated_ms = record.received_ms;
	assert_int_equal(store_apply(f->store, seq, &record, &f->diag), 0);
}

static void model_check(struct fixture *f, const struct model *m, const char *id)
{
	char sql[200], expected[300], created[CLOCK_TEXT_MAX], updated[CLOCK_TEXT_MAX];
	char value[2][24] = { "-", "-" };

	for (int i = 0; i < 2; i++)
		if (m->has[i])
			(void)snprintf(value[i], sizeof(value[i]), "%lld", (long long)m->value[i]);
	(void)snprintf(sql, sizeof(sql),
		       "SELECT revision, created_at, updated_at, owner, one, two FROM pairs "
		       "WHERE id = '%s'",
		       id);
	(void)snprintf(expected, sizeof(expected), "%u|%s|%s|%s|%s|%s", m->revision,
		       clock_print(m->created_ms, created), clock_print(m->updated_ms, updated),
		       m->has_owner ? model_owner[m->owner] : "-", value[0], value[1]);
	assert_sql(&f->folder, "a.db", sql, expected);
}

static const struct entity_column pair[] = { { "one", VALUE_INTEGER, true },
					     { "two", VALUE_INTEGER, false } };
static const struct entity pairs = {
	.table = "pairs", .column_count = 2, .column = pair, .link_column = -1
};

static void check_model(struct fixture *f)
{
	struct model all[MODEL_IDS] = { 0 };
	uint64_t applied, random = 88172645463325252u;

	assert_int_equal(plan_one(f, &pairs, &f->number), 0);
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	for (uint64_t seq = 1; seq <= MODEL_WRITES; seq++) {
		model_write(f, all, seq, &random);
		if (seq % 2500 == 0) {
			assert_int_equal(store_commit(f->store, seq, &f->diag), 0);
			assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
		}
	}
	assert_int_equal(store_commit(f->store, MODEL_WRITES, &f->diag), 0);
	for (unsigned i = 0; i < MODEL_IDS; i++)
		model_check(f, &all[i], model_id[i]);
}

/*
 * Several sets of columns of the same entity in one transaction: whatever is collected and
 * written together, each entity's writes have the effect of their order.
 */
static void test_store_apply__keeps_each_entitys_order(void **state)
{
	struct fixture *f = *state;

	open_store(f);
	check_model(f);
}

/* The same in a table as earlier versions made them. */
static void test_store_apply__to_a_table_by_id(void **state)
{
	struct fixture *f = *state;
	char sql[] = "CREATE TABLE pairs (id TEXT NOT NULL PRIMARY KEY, owner TEXT, revision "
		     "INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, "
		     "adopted_at TEXT, \"one\" INTEGER, \"two\" INTEGER) STRICT, WITHOUT ROWID";

	folder_sqlite_only();
	if (sqlite3_libversion_number() < 3037000)
		sql_loosen(sql);
	open_store(f);
	assert_sql(&f->folder, "a.db", sql, "");
	check_model(f);
	assert_sql(&f->folder, "a.db",
		   "SELECT instr(sql, 'WITHOUT ROWID') > 0 FROM sqlite_master WHERE name = 'pairs'",
		   "1");
}

/* Rows lie in the order in which they came, whatever their ids are. */
static void test_store_apply__rows_lie_as_they_came(void **state)
{
	static const char *const id[] = { "b", "c", "a" };
	struct fixture *f = *state;
	uint64_t applied;

	folder_sqlite_only();
	open_store(f);
	assert_int_equal(plan_one(f, &entity, &f->number), 0);
	for (uint64_t seq = 1; seq <= 3; seq++) {
		assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
		write_record(f, seq, id[seq - 1], 1000);
		assert_int_equal(store_commit(f->store, seq, &f->diag), 0);
	}
	assert_sql(&f->folder, "a.db",
		   "SELECT group_concat(id, ' ') FROM (SELECT id FROM \"group\" ORDER BY rowid)",
		   "b c a");
}

/* Of one transaction they are sorted by id, unless the ids rise but for neighbours. */
static void test_store_apply__rows_that_rise_are_not_sorted(void **state)
{
	enum { COUNT = 400 };
	static const char falls[] =
		"SELECT count(*) FROM (SELECT id < lag(id) OVER (ORDER BY rowid) AS is_fall FROM "
		"\"group\") WHERE is_fall";
	struct fixture *f = *state;
	char id[COUNT][8];
	uint64_t applied, seq = 0;

	folder_sqlite_only();
	open_store(f);
	assert_int_equal(plan_one(f, &entity, &f->number), 0);
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	for (unsigned i = 0; i < COUNT; i++) {
		(void)snprintf(id[i], sizeof(id[i]), "a%03u", COUNT - i);
		write_record(f, ++seq, id[i], 1000);
	}
	assert_int_equal(store_commit(f->store, seq, &f->diag), 0);
	assert_sql(&f->folder, "a.db", falls, "0");
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	for (unsigned i = 0; i < COUNT; i++) { /* b001, b000, b003, b002, ... */
		(void)snprintf(id[i], sizeof(id[i]), "b%03u", i ^ 1);
		write_record(f, ++seq, id[i], 1000);
	}
	assert_int_equal(store_commit(f->store, seq, &f->diag), 0);
	assert_sql(&f->folder, "a.db", falls, "200");
}

/* What three writes of one transaction leave behind, each with another part of it. */
static void test_store_apply__three_writes_are_one_row(void **state)
{
	static const char row[] = "SELECT owner, revision, substr(created_at, 18, 2), "
				  "substr(updated_at, 18, 2), substr(adopted_at, 18, 2), status, "
				  "\"order\" FROM \"group\"";
	struct fixture *f = *state;
	struct value status = { .type = VALUE_TEXT, .text = "NEW", .len = 3 };
	struct value order = { .type = VALUE_INTEGER, .integer = 7 };
	struct record record = { .id = { "a", 1 }, .topic = { "t", 1 }, .payload = { "{}", 2 } };
	uint64_t applied;

	open_store(f);
	assert_int_equal(plan_one(f, &entity, &f->number), 0);
	status.column = f->number.column[0];
	order.column = f->number.column[1];
	for (uint64_t seq = 1; seq <= 6; seq++) {
		record.table = f->number.table;
		record.received_ms = (int64_t)seq * 1000;
		record.owner = seq % 3 == 1 ? (struct record_text){ "ann", 3 }
					    : (struct record_text){ NULL, 0 };
		record.is_adopted = seq % 3 == 2;
		record.value_count = seq % 3 != 0;
		record.value = seq % 3 == 1 ? &order : &status;
		if (seq % 3 == 1)
			assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
		assert_int_equal(store_apply(f->store, seq, &record, &f->diag), 0);
		if (seq % 3 == 0) {
			assert_int_equal(store_commit(f->store, seq, &f->diag), 0);
			assert_sql(&f->folder, "a.db", row,
				   seq == 3 ? "ann|3|01|03|02|NEW|7" : "ann|6|01|06|05|NEW|7");
		}
	}
	assert_sql(&f->folder, "a.db", "SELECT count(*) FROM events", "6");
}

/* A batch has the shorter statement only where no row has anything that it leaves out. */
static void test_store_apply__rare_columns_of_events(void **state)
{
	const struct record rare[] = {
		{ .is_will = true },    { .is_correction = true },
		{ .is_adopted = true }, { .is_taken_over = true },
		{ .unique = 7 },        { .peer = { "ann", 3 } },
		{ .qos = 1 },
	};
	struct fixture *f = *state;
	uint64_t applied;

	folder_sqlite_only();
	f->broker = "a";
	open_store(f);
	for (uint64_t i = 0; i < sizeof(rare) / sizeof(rare[0]); i++) {
		struct record record = rare[i];

		record.payload = record.topic = (struct record_text){ "t", 1 };
		assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
		write_record(f, 2 * i + 1, NULL, 0);
		assert_int_equal(store_apply(f->store, 2 * i + 2, &record, &f->diag), 0);
		assert_int_equal(batch_is_plain(lite_of(f->store)->batch), i == 6);
		assert_int_equal(store_commit(f->store, 2 * i + 2, &f->diag), 0);
		assert_true(batch_is_plain(lite_of(f->store)->batch));
	}
	assert_sql(&f->folder, "a.db",
		   "SELECT group_concat(format('%d%d%d%d %s %s %s %s', qos, will, correction, "
		   "adopted, coalesce(taken_over, '-'), coalesce(unique_key, '-'), "
		   "coalesce(peer_publisher, '-'), origin), '|') FROM (SELECT * FROM events WHERE "
		   "seq % 2 = 0 ORDER BY seq)",
		   "0100 - - - a|0010 - - - a|0001 - - - a|0000 1 - - a|0000 - 7 - a|"
		   "0000 - - ann a|1000 - - - a");
	assert_sql(&f->folder, "a.db",
		   "SELECT count(*), sum(qos + will + correction + adopted), max(taken_over), "
		   "max(unique_key), max(peer_publisher), min(origin) FROM events WHERE seq % 2",
		   "7|0|-|-|-|a");
}

static void test_store_commit__names_the_record_that_fails(void **state)
{
	struct fixture *f = *state;
	uint64_t applied;

	folder_sqlite_only(); /* what is there already is no fault of a shared one */
	open_store(f);
	write_events(f, 1, 7, 0);
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	write_record(f, 8, NULL, 0);
	write_record(f, 5, NULL, 0); /* is there already */
	write_record(f, 9, NULL, 0);
	assert_int_equal(store_commit(f->store, 9, &f->diag), ERR_INVALID);
	assert_non_null(strstr(f->diag.text, "record 5: "));
	store_rollback(f->store);
	write_events(f, 8, 9, 0); /* nothing of the failed one is left */
	assert_sql(&f->folder, "a.db", "SELECT count(*), max(seq) FROM events", "9|9");
}

/* What comes from a client, byte by byte. */
static void test_utf8_is_text__is_what_sqlite_takes_for_text(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool is_text;
	} each[] = {
		{ "", 0, true },
		{ "0123456789abcdef", 16, true },
		{ "01234567\x7f\x01", 10, true },
		{ "0123456\0", 8, false },
		{ "012345\0\x80", 8, false },
		{ "01234567\0", 9, false },
		{ "0123456\xc3\xa9", 9, true },
		{ "012345\xc3\xa9\xc3\xa9", 10, true },
		{ "0123456\xc3", 8, false },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff", 8, false },
		{ "\xed\xa0\x80", 3, false },
		{ "\xf0\x9f\x90\x95 \xe7\x8a\xac", 8, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		assert_int_equal(utf8_is_text(each[i].bytes, each[i].len), each[i].is_text);
}

/* A step from @before to @to that makes the revision of that number. */
static void step(struct fixture *f, uint64_t seq, uint64_t revision, const char *before,
		 const char *to)
{
	const struct record record = {
		.table = f->number.table,
		.id = { "a", 1 },
		.topic = { "t", 1 },
		.payload = { "{}", 2 },
		.revision = revision,
		.before_column = f->number.column[0],
		.before = { before, strlen(before) },
		.value_count = 1,
		.value = &(struct value){ .column = f->number.column[0],
					  .type = VALUE_TEXT,
					  .text = to,
					  .len = strlen(to) },
	};

	assert_int_equal(store_apply(f->store, seq, &record, &f->diag), 0);
}

/* Until nothing waits for what other brokers might bring. */
static void commit_all(struct fixture *f, void (*write)(struct fixture *f, uint64_t applied),
		       uint64_t last)
{
	uint64_t applied = 0;

	while (applied < last) {
		assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
		write(f, applied);
		assert_int_equal(store_flush(f->store, &f->diag), 0);
		applied = store_held(f->store) ? store_held(f->store) - 1 : last;
		assert_int_equal(store_commit(f->store, applied, &f->diag), 0);
	}
}

static void write_torn(struct fixture *f, uint64_t applied)
{
	if (applied < 1)
		step(f, 1, 1, "", "PLACED");
	if (applied < 3)
		step(f, 3, 3, "PAID", "SHIPPED");
	step(f, 4, 4, "SHIPPED", "DELIVERED");
}

/* What is whole behind records that the journal has lost moves its entity, without them. */
static void test_store_apply__behind_lost_records(void **state)
{
	static const char *const status[] = { "PLACED", "PAID", "SHIPPED", "DELIVERED" };
	static const uint64_t next[] = { 1 << 1, 1 << 2, 1 << 3, 0 };
	struct entity walked = entity;
	struct fixture *f = *state;

	walked.steps[0] = (struct entity_steps){ 4, status, 1, next };
	open_store(f);
	assert_int_equal(plan_one(f, &walked, &f->number), 0);
	commit_all(f, write_torn, 4);
	assert_sql(&f->folder, "a.db", "SELECT status, revision FROM \"group\"", "DELIVERED|3");
	assert_sql(&f->folder, "a.db", "SELECT seq FROM events ORDER BY seq", "1\n3\n4");
}

/* ---- old events -------------------------------------------------------------------------- */

static uint64_t trim(struct fixture *f, uint64_t rows, unsigned days, int64_t now, unsigned max)
{
	const struct store_limits limits = { .events_rows = rows, .events_days = days };
	uint64_t applied, removed = 0;

	if (folder_is_shared()) /* which looks some times a second */
		pg_store_of(f->store)->trimmed.events_ns = 0;
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	assert_int_equal(store_trim(f->store, &limits, now, max, &removed, &f->diag), 0);
	assert_int_equal(store_commit(f->store, applied, &f->diag), 0);
	return removed;
}

#define DAY INT64_C(86400000)
#define YEAR_2024 INT64_C(1704067200000)

static void test_store_trim__in_steps(void **state)
{
	const int64_t day = DAY, then = YEAR_2024;
	struct fixture *f = *state;

	open_store(f);
	assert_int_equal(trim(f, 10, 1, then + 100 * day, 100), 0);
	write_events(f, 1, 100, then + 10 * day);
	write_events(f, 101, 200, then + 20 * day);
	assert_int_equal(trim(f, 0, 0, then + 100 * day, 1000), 0);
	assert_int_equal(trim(f, 1000, 15, then + 25 * day, 1000), 0);
	assert_int_equal(trim(f, 1000, 14, then + 25 * day, 30), 30);
	assert_int_equal(trim(f, 1000, 14, then + 25 * day, 1000), 70);
	assert_int_equal(trim(f, 1000, 14, then + 25 * day, 1000), 0);
	assert_int_equal(trim(f, 60, 0, then + 25 * day, 30), 30);
	assert_int_equal(trim(f, 60, 0, then + 25 * day, 30), 10);
	assert_sql(&f->folder, "a.db", "SELECT min(seq), max(seq), count(*) FROM events",
		   "141|200|60");
	assert_int_equal(trim(f, 0, 1, 0, 1000), 0); /* the time is in doubt */
	assert_int_equal(trim(f, 50, 1, 0, 1000), 10);
	assert_int_equal(trim(f, 0, 1, then + 25 * day, 1000), 50);
}

/* More rows of a clock that was ahead than are looked at in a step, and old ones on both sides. */
static void test_store_trim__rows_from_the_future_hold_up_nothing(void **state)
{
	struct fixture *f = *state;

	open_store(f);
	write_events(f, 1, 10, YEAR_2024);
	write_events(f, 11, 110, YEAR_2024 + 3650 * DAY);
	write_events(f, 111, 120, YEAR_2024 + DAY);
	write_events(f, 121, 130, YEAR_2024 + 20 * DAY);
	write_events(f, 131, 140, YEAR_2024 + 3650 * DAY);
	assert_int_equal(trim(f, 0, 15, YEAR_2024 + 20 * DAY, 30), 10);
	for (int i = 0; i < 10; i++)
		(void)trim(f, 0, 15, YEAR_2024 + 20 * DAY, 30);
	assert_sql(&f->folder, "a.db", "SELECT min(seq), count(*) FROM events", "121|20");
	for (int i = 0; i < 10; i++)
		(void)trim(f, 0, 15, YEAR_2024 + 40 * DAY, 30);
	assert_sql(&f->folder, "a.db", "SELECT min(seq), count(*) FROM events", "131|10");
}

/* A clock that was behind makes no row go, nor those of before it. */
static void test_store_trim__rows_from_the_past_are_kept_by_those_before(void **state)
{
	struct fixture *f = *state;

	open_store(f);
	write_events(f, 1, 10, 1000); /* 1970, in a new database */
	write_events(f, 11, 20, YEAR_2024 + 20 * DAY);
	write_events(f, 21, 30, YEAR_2024 - 400 * DAY);
	write_events(f, 31, 40, YEAR_2024 + 22 * DAY);
	assert_int_equal(trim(f, 0, 15, YEAR_2024 + 30 * DAY, 1000), 0);
	/* They go together with those. */
	assert_int_equal(trim(f, 0, 15, YEAR_2024 + 36 * DAY, 1000), 30);
	assert_sql(&f->folder, "a.db", "SELECT min(seq), count(*) FROM events", "31|10");
}

/* @count letters of @whose, from number @from on. */
static void write_letters(struct fixture *f, const char *whose, int from, int count)
{
	struct refusal refusal = refusal_example("", YEAR_2024);
	char id[16];

	refusal.who.principal = whose;
	refusal.is_letter = true;
	refusal.properties = "\x01\x01";
	refusal.properties_len = 2;
	for (int i = from; i < from + count; i++) {
		(void)snprintf(id, sizeof(id), "%06d", i);
		refusal.id = id;
		assert_int_equal(store_refuse(f->store, &refusal, &f->diag), 0);
		assert_int_equal(store_letter(f->store, &refusal, &f->diag), 0);
	}
}

#define LETTER (7 + 2 + STORE_LETTER_ROOM)

/* Who has most loses its oldest; a refusal that goes, or is published again, takes its letter. */
static void test_store_trim_letters__of_who_has_most(void **state)
{
	struct fixture *f = *state;
	uint64_t applied;

	open_store(f);
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	write_letters(f, "eva", 1, 20);
	assert_int_equal(store_trim_letters(f->store, 20 * LETTER, &f->diag), 0);
	write_letters(f, "tom", 21, 3);
	write_letters(f, "mia", 24, 2);
	assert_int_equal(store_trim_letters(f->store, 25 * LETTER, &f->diag), 0);
	assert_int_equal(store_commit(f->store, applied, &f->diag), 0);
	assert_sql(&f->folder, "a.db", "SELECT count(*) FROM store_letters", "25");
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	assert_int_equal(store_trim_letters(f->store, 24 * LETTER, &f->diag), 0);
	assert_int_equal(store_resent(f->store, "000021", "then", &f->diag), 0);
	assert_int_equal(store_commit(f->store, applied, &f->diag), 0);
	assert_sql(&f->folder, "a.db",
		   "SELECT share, count(*), min(decision_id) FROM store_letters GROUP BY 1 "
		   "ORDER BY 1",
		   "user eva|8|000013\nuser mia|2|000024\nuser tom|2|000022");
	assert_sql(&f->folder, "a.db", "SELECT decision_id FROM refusals WHERE resent = 'then'",
		   "000021");
	if (folder_is_shared())
		return; /* there a refusal that another program removes leaves its letter */
	assert_sql(&f->folder, "a.db", "DELETE FROM refusals WHERE decision_id < '000024'", "");
	assert_sql(&f->folder, "a.db", "SELECT count(*), sum(bytes) FROM store_letters", "2|2066");
}

static void found_letter(const struct ledger_letter *row, void *ctx)
{
	(void)snprintf(ctx, 200, "%.*s %u %d %s %s %s %d %.*s %zu [%s]",
		       (int)row->message.topic_len, row->message.topic, row->message.qos,
		       row->message.is_retained, row->principal, row->action, row->reason,
		       row->is_whole, (int)row->message.payload_len,
		       row->message.payload ? (const char *)row->message.payload : "",
		       row->properties_len, row->resent);
}

static void test_store_reader_letter__whole_or_not(void **state)
{
	struct fixture *f = *state;
	struct store_reader *reader = NULL;
	uint64_t applied;
	char found[200] = "";

	open_store(f);
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	write_letters(f, "eva", 1, 2);
	assert_int_equal(store_resent(f->store, "000002", "then", &f->diag), 0);
	assert_int_equal(store_commit(f->store, applied, &f->diag), 0);
	assert_int_equal(
		store_reader_open(&(struct store_place){ .place = f->path, .broker = f->broker },
				  false, &reader, &f->diag),
		0);
	assert_int_equal(store_reader_letter(reader, "000001", found_letter, found, &f->diag), 1);
	assert_string_equal(found, "orders/7/status 1 0 eva publish transition-illegal 1 "
				   "{\"a\":1} 2 []");
	assert_int_equal(store_reader_letter(reader, "000002", found_letter, found, &f->diag), 1);
	assert_string_equal(found,
			    "orders/7/status 1 0 eva publish transition-illegal 0  0 [then]");
	assert_int_equal(store_reader_letter(reader, "3", found_letter, found, &f->diag), 0);
	store_reader_close(reader);
}

static void test_store_clock__is_what_was_believed_last(void **state)
{
	struct fixture *f = *state;
	uint64_t applied;
	int64_t ms = 1;

	open_store(f);
	assert_int_equal(store_clock(f->store, &ms, &f->diag), 0);
	assert_int_equal(ms, 0);
	write_events(f, 1, 2, YEAR_2024);
	assert_int_equal(store_clock(f->store, &ms, &f->diag), 0);
	assert_int_equal(ms, YEAR_2024);
	store_set_clock(f->store, YEAR_2024 + DAY);
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	assert_int_equal(store_commit(f->store, applied, &f->diag), 0);
	store_set_clock(f->store, 0); /* in doubt: the last one stays */
	write_events(f, 3, 4, YEAR_2024 + 9 * DAY);
	assert_int_equal(store_clock(f->store, &ms, &f->diag), 0);
	assert_int_equal(ms, YEAR_2024 + DAY);
}

/* ---- the WAL ----------------------------------------------------------------------------- */

static void list_id(const char *id, size_t len, void *ctx)
{
	(void)sprintf((char *)ctx + strlen(ctx), "%.*s;", (int)len, id);
}

/* ---- what is retained --------------------------------------------------------------------- */

static void retain(struct fixture *f, uint64_t seq, const char *topic, const char *payload,
		   int64_t ms)
{
	static char bytes[256]; /* the record's texts stay until the commit */
	struct record record = {
		.is_unrecorded = seq % 2 == 0, /* a status said again, for one */
		.is_retained = true,
		.qos = 1,
		.received_ms = ms,
		.topic = { topic, strlen(topic) },
		.publisher = { "eva", 3 },
		.payload = { payload, strlen(payload) },
		.properties = { "\3\0\1x", seq == 5 ? 4 : 0 },
	};
	struct value value[ENTITY_COLUMNS_MAX];
	struct record again;

	assert_uint_in_range(record_bytes(&record), 1, sizeof(bytes));
	record_encode(&record, bytes);
	assert_int_equal(record_decode(bytes, record_bytes(&record), value, &again, &f->diag), 0);
	assert_int_equal(again.properties.len, record.properties.len);
	again.topic = record.topic; /* the bytes are used again */
	again.publisher = record.publisher;
	again.payload = record.payload;
	again.properties = record.properties;
	assert_int_equal(store_apply(f->store, seq, &again, &f->diag), 0);
}

#define RETAINED_ROWS                                                                              \
	(folder_is_shared()                                                                        \
		 ? "SELECT topic, coalesce(payload, 'none'), qos, publisher, "                     \
		   "coalesce(encode(properties, 'hex'), ''), seq FROM retained ORDER BY topic"     \
		 : "SELECT topic, coalesce(payload, 'none'), qos, publisher, "                     \
		   "coalesce(hex(properties), "                                                    \
		   "''), seq FROM retained ORDER BY topic")

static void test_store_apply__what_is_retained(void **state)
{
	struct fixture *f = *state;
	uint64_t applied;

	open_store(f);
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	retain(f, 1, "a", "1", 0);
	retain(f, 2, "b", "1", 0);
	retain(f, 3, "a", "2", 0);
	assert_int_equal(store_commit(f->store, 3, &f->diag), 0);
	assert_sql(&f->folder, "a.db", RETAINED_ROWS, "a|2|1|eva||3\nb|1|1|eva||2");
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	retain(f, 4, "a", "3", 0);
	retain(f, 5, "c", "1", 0);
	retain(f, 6, "a", "", 0);
	assert_int_equal(store_commit(f->store, 6, &f->diag), 0);
	assert_sql(&f->folder, "a.db", RETAINED_ROWS,
		   "a|none|1|eva||6\nb|1|1|eva||2\nc|1|1|eva|03000178|5");
	/* An event each, but for what is only retained. */
	assert_sql(&f->folder, "a.db", "SELECT seq FROM events ORDER BY seq", "1\n3\n5");
}

static void test_store_trim_retained__what_was_cleared_long_ago(void **state)
{
	struct fixture *f = *state;
	const int64_t day = 86400000;
	uint64_t applied;

	open_store(f);
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	retain(f, 1, "a", "", day);
	retain(f, 2, "b", "", 2 * day);
	retain(f, 3, "c", "1", day);
	assert_int_equal(store_commit(f->store, 3, &f->diag), 0);
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	assert_int_equal(
		store_trim_retained(f->store, (1 + STORE_CLEARED_DAYS) * day + 1, 10, &f->diag), 0);
	assert_int_equal(store_commit(f->store, 3, &f->diag), 0);
	assert_sql(&f->folder, "a.db", "SELECT topic FROM retained ORDER BY topic", "b\nc");
}

static void test_store_ids__some_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct store_mark mark = { .len = 0 };
	char text[64] = "";
	uint64_t applied;

	open_store(f);
	assert_int_equal(plan_one(f, &entity, &f->number), 0);
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	write_record(f, 1, "b", 0);
	write_record(f, 2, "c", 0);
	write_record(f, 3, "a", 0);
	assert_int_equal(store_commit(f->store, 3, &f->diag), 0);
	assert_int_equal(store_ids(f->store, f->number.table, &mark, 2, list_id, text, &f->diag),
			 1);
	assert_string_equal(text, "a;b;");
	assert_int_equal(store_ids(f->store, f->number.table, &mark, 2, list_id, text, &f->diag),
			 0);
	assert_string_equal(text, "a;b;c;");
	close_store(f);
}

static void write_much(struct fixture *f, uint64_t *seq)
{
	static char payload[1 << 20];
	struct record record = { .topic = { "t", 1 }, .payload = { payload, sizeof(payload) } };
	uint64_t applied;

	memset(payload, 'x', sizeof(payload));
	assert_int_equal(store_begin(f->store, &applied, &f->diag), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(store_apply(f->store, ++*seq, &record, &f->diag), 0);
	assert_int_equal(store_commit(f->store, *seq, &f->diag), 0);
}

static void test_store_checkpoint__wal_does_not_grow(void **state)
{
	struct fixture *f = *state;
	const uint64_t limit = (uint64_t)100 << 20;
	uint64_t seq = 0;
	sqlite3 *reader = NULL;
	int rc = 0;

	folder_sqlite_only();
	open_store(f);
	store_set_patience(f->store, 10);
	for (int i = 0; i < 20; i++) {
		write_much(f, &seq);
		assert_int_equal(store_checkpoint(f->store, limit, &f->diag), 0);
		assert_true(lite_of(f->store)->wal_bytes < (uint64_t)50 << 20);
	}
	/* Someone reads and does not end. */
	assert_int_equal(sqlite3_open(f->path, &reader), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM events", NULL, NULL, NULL),
		SQLITE_OK);
	for (int i = 0; rc == 0 && i < 20; i++) {
		write_much(f, &seq);
		rc = store_checkpoint(f->store, limit, &f->diag);
	}
	assert_int_equal(rc, ERR_BUSY);
	assert_non_null(strstr(f->diag.text, "keeps reading an old state"));
	assert_true(lite_of(f->store)->wal_bytes < (uint64_t)130 << 20);
	assert_int_equal(store_checkpoint(f->store, limit, &f->diag), ERR_BUSY);
	assert_int_equal(sqlite3_close(reader), SQLITE_OK);
	assert_int_equal(store_checkpoint(f->store, limit, &f->diag), 0);
	assert_int_equal(lite_of(f->store)->wal_bytes, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_store_is_conninfo__what_libpq_takes),
		TEST(test_store_upgrade__from_every_version),
		TEST(test_store_upgrade__of_entity_tables),
		TEST(test_sql_loosen__makes_plain_tables),
		TEST(test_store_plan__words_of_sql_are_names),
		TEST(test_store_plan__numbers_are_permanent),
		TEST(test_store_plan__more_columns_than_a_table_may_have),
		TEST(test_store_plan__sparse_indexes_take_the_place_of_full_ones),
		TEST(test_store_apply__many_sets_of_columns),
		TEST(test_store_apply__unknown_numbers),
		TEST(test_store_apply__keeps_each_entitys_order),
		TEST(test_store_apply__to_a_table_by_id),
		TEST(test_store_apply__rows_lie_as_they_came),
		TEST(test_store_apply__rows_that_rise_are_not_sorted),
		TEST(test_store_apply__three_writes_are_one_row),
		TEST(test_store_apply__rare_columns_of_events),
		TEST(test_store_commit__names_the_record_that_fails),
		TEST(test_store_apply__behind_lost_records),
		TEST(test_utf8_is_text__is_what_sqlite_takes_for_text),
		TEST(test_store_trim__in_steps),
		TEST(test_store_apply__what_is_retained),
		TEST(test_store_trim_retained__what_was_cleared_long_ago),
		TEST(test_store_trim__rows_from_the_future_hold_up_nothing),
		TEST(test_store_trim__rows_from_the_past_are_kept_by_those_before),
		TEST(test_store_trim_letters__of_who_has_most),
		TEST(test_store_reader_letter__whole_or_not),
		TEST(test_store_clock__is_what_was_believed_last),
		TEST(test_store_ids__some_at_a_time),
		TEST(test_store_checkpoint__wal_does_not_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
