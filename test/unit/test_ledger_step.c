/*
 * Strict writes of a ledger: the shared database has them before they are acknowledged, and two
 * brokers' never contradict each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "folder.h"
#include "ledger/journal.h"
#include "ledger/ledger.h"
#include "ledger/others.h"
#include "pgroom.h"

#define STRICT_MS 4000u /* on a busy machine an answer comes within it */

static const struct entity_column column[] = { { "status", VALUE_TEXT, true } };

static const struct entity payment = {
	.table = "payments",
	.column_count = 1,
	.column = column,
	.slot_count = 1,
	.slot = { 0 },
	.is_strict = { true },
	.link_column = -1,
};

static const struct entity_plan plan = { 1, &payment };

/* Two brokers of one database. */
struct world {
	void *room;
	struct folder folder;
	char ring[2][300];
	struct ledger *ledger[2];
};

enum { NORTH, SOUTH };

static void start(struct world *w, const char *conninfo, unsigned which)
{
	static const char *const name[] = { "north", "south" };
	const struct ledger_options options = {
		.path = conninfo,
		.journal = w->ring[which],
		.broker = name[which],
		.journal_bytes = 1 << 20,
		.batch_rows = 100,
		.batch_ms = 5,
		.cache_entities = 1000,
		.strict_ms = STRICT_MS,
	};
	struct diag diag;

	pgroom_must(ledger_open(&options, &plan, &w->ledger[which], &diag), &diag);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	folder_make(&w->folder);
	(void)strcpy(w->ring[NORTH], folder_file(&w->folder, "north.ring"));
	(void)strcpy(w->ring[SOUTH], folder_file(&w->folder, "south.ring"));
	*state = w;
	return pgroom_set_up(&w->room);
}

static void stop_one(struct world *w, unsigned which)
{
	ledger_close(w->ledger[which]);
	w->ledger[which] = NULL;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	int rc;

	stop_one(w, NORTH);
	stop_one(w, SOUTH);
	rc = pgroom_tear_down(&w->room);
	folder_remove(&w->folder);
	free(w);
	return rc;
}

static const char *both(struct world *w)
{
	const char *at = pgroom_at(&w->room);

	start(w, at, NORTH);
	start(w, at, SOUTH);
	return at;
}

/* What the broker knows of the payment's status, by which it decides. */
static const char *status(struct world *w, unsigned which, const char *id)
{
	static struct ledger_state found;
	struct diag diag;

	pgroom_must(ledger_look(w->ledger[which], 0, id, strlen(id), &found, &diag), &diag);
	return found.status[0];
}

static int step(struct world *w, unsigned which, const char *id, const char *to)
{
	const struct value value = { .type = VALUE_TEXT, .text = to, .len = strlen(to) };
	const struct ledger_write write = {
		.id = id,
		.id_len = strlen(id),
		.value_count = 1,
		.value = &value,
		.received_ms = 1700000000000,
		.message = { .topic = "payments/1/status",
			     .topic_len = 17,
			     .payload = to,
			     .payload_len = strlen(to),
			     .qos = 2 },
		.publisher = "desk",
		.client_id = "desk-1",
		.is_strict = true,
		.slot = 0,
		.sender = 7,
		.digest = 11 + strlen(to),
	};
	struct diag diag;

	(void)status(w, which, id); /* it is decided on what is known */
	return ledger_commit(w->ledger[which], &write, &diag);
}

/* ---- steps ------------------------------------------------------------------------------------
 */

static void test_ledger_step__is_there_at_once(void **state)
{
	struct world *w = *state;
	const char *at = both(w);

	assert_int_equal(step(w, NORTH, "p1", "PENDING"), 0);
	pgroom_answers(at, "SELECT status FROM payments WHERE id = 'p1' AND revision = 1",
		       "PENDING");
	assert_string_equal(status(w, NORTH, "p1"), "PENDING");
	assert_int_equal(ledger_kept(w->ledger[NORTH]).sequence, -1);
	assert_int_equal(ledger_kept(w->ledger[NORTH]).revision, 1);
	assert_int_equal(step(w, NORTH, "p1", "CAPTURED"), 0);
	pgroom_answers(at,
		       "SELECT string_agg(payload || origin_seq, ' ' ORDER BY seq) FROM events "
		       "WHERE origin = 'north'",
		       "PENDING-1 CAPTURED-2");
	assert_int_equal(ledger_last_step(w->ledger[NORTH]), 2);
}

/* It decided on what another one has moved meanwhile: nothing is kept, and it knows what stands. */
static void test_ledger_step__another_broker_was_first(void **state)
{
	struct world *w = *state;
	const char *at = both(w);

	assert_int_equal(step(w, NORTH, "p1", "PENDING"), 0);
	assert_int_equal(step(w, NORTH, "p1", "CAPTURED"), 0);
	/* By another session, so that the watch does not tell of it before the step. */
	pgroom_script(at, "UPDATE payments SET status = 'REFUNDED', revision = revision + 1;");
	assert_int_equal(step(w, NORTH, "p1", "VOIDED"), ERR_STALE);
	assert_string_equal(status(w, NORTH, "p1"), "REFUNDED");
	pgroom_answers(at, "SELECT count(*)::text FROM events", "2");
	pgroom_answers(at, "SELECT status || revision FROM payments", "REFUNDED3");
	/* Decided again, it is kept. */
	assert_int_equal(step(w, NORTH, "p1", "VOIDED"), 0);
	pgroom_answers(at, "SELECT status || revision FROM payments", "VOIDED4");
}

static void test_ledger_confirm__reads_what_stands(void **state)
{
	struct world *w = *state;
	const char *at = both(w);
	struct diag diag;

	assert_int_equal(step(w, NORTH, "p1", "PENDING"), 0);
	pgroom_script(at, "UPDATE payments SET status = 'REFUNDED', revision = revision + 1;");
	/* What was seen a moment ago is believed for so long. */
	assert_int_equal(ledger_confirm(w->ledger[NORTH], 0, "p1", 2, 600000, &diag), 0);
	assert_string_equal(status(w, NORTH, "p1"), "PENDING");
	assert_int_equal(ledger_confirm(w->ledger[NORTH], 0, "p1", 2, 0, &diag), 1);
	assert_string_equal(status(w, NORTH, "p1"), "REFUNDED");
	assert_int_equal(ledger_confirm(w->ledger[NORTH], 0, "p1", 2, 0, &diag), 0);
}

/* ---- numbers -----------------------------------------------------------------------------------
 */

/* No number is given twice: also where the events that had them were removed. */
static void test_ledger_step__numbers_go_on(void **state)
{
	struct world *w = *state;
	const char *at = both(w);

	assert_int_equal(step(w, NORTH, "p1", "PENDING"), 0);
	assert_int_equal(step(w, NORTH, "p2", "PENDING"), 0);
	stop_one(w, NORTH);
	pgroom_script(at, "DELETE FROM events;");
	start(w, at, NORTH);
	assert_int_equal(step(w, NORTH, "p3", "PENDING"), 0);
	assert_int_equal(step(w, SOUTH, "p4", "PENDING"), 0);
	pgroom_answers(at,
		       "SELECT string_agg(origin || origin_seq, ' ' ORDER BY origin) FROM events",
		       "north-3 south-1");
}

/* Some other process that is called the same has given the number. */
static void test_ledger_step__a_number_is_taken(void **state)
{
	struct world *w = *state;
	const char *at = both(w);

	assert_int_equal(step(w, NORTH, "p1", "PENDING"), 0);
	pgroom_script(
		at, "INSERT INTO events (received_at, topic, publisher, client_id, qos, retained, "
		    "payload, origin, origin_seq) SELECT '', '', '', '', 0, 0, '', 'north', -n "
		    "FROM generate_series(2, 5) AS n;");
	assert_int_equal(step(w, NORTH, "p2", "PENDING"), ERR_BUSY);
	pgroom_answers(at, "SELECT count(*)::text FROM payments", "1");
	assert_int_equal(step(w, NORTH, "p2", "PENDING"), 0);
	pgroom_answers(at, "SELECT min(origin_seq)::text FROM events", "-6");
}

/* ---- a database that was set back ---------------------------------------------------------------
 */

static void starts_not(struct world *w, const char *at, const char *says)
{
	const struct ledger_options options = { .path = at,
						.journal = w->ring[NORTH],
						.broker = "north",
						.journal_bytes = 1 << 20,
						.strict_ms = STRICT_MS };
	struct ledger *ledger = NULL;
	struct diag diag;

	diag_init(&diag);
	assert_int_equal(ledger_open(&options, &plan, &ledger, &diag), ERR_INVALID);
	if (!strstr(diag.text, says))
		fail_msg("%s", diag.text);
}

/* The journal has noted what is in no record of it. */
static void test_ledger_open__strict_steps_are_gone(void **state)
{
	struct world *w = *state;
	const char *at = both(w);

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(step(w, NORTH, "p1", i % 2 ? "CAPTURED" : "PENDING"), 0);
	stop_one(w, NORTH);
	/* As of yesterday: the last two are not there. */
	pgroom_script(
		at,
		"DELETE FROM events WHERE origin_seq < -1; UPDATE brokers SET strict_seq = -1;");
	starts_not(w, at, "lacks at most 2 strict writes of broker north, which ends at 1");
	/* The right one again. */
	pgroom_script(at, "UPDATE brokers SET strict_seq = -3;");
	start(w, at, NORTH);
	assert_int_equal(step(w, NORTH, "p2", "PENDING"), 0);
	assert_int_equal(ledger_last_step(w->ledger[NORTH]), 4);
}

/* A new journal has noted nothing. */
static void test_ledger_open__a_new_journal_goes_on(void **state)
{
	struct world *w = *state;
	const char *at = both(w);

	assert_int_equal(step(w, NORTH, "p1", "PENDING"), 0);
	stop_one(w, NORTH);
	assert_int_equal(unlink(w->ring[NORTH]), 0);
	pgroom_script(at, "DELETE FROM events; UPDATE brokers SET strict_seq = 0;");
	start(w, at, NORTH);
	assert_int_equal(step(w, NORTH, "p2", "PENDING"), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(test_ledger_step__is_there_at_once),
		CASE(test_ledger_step__another_broker_was_first),
		CASE(test_ledger_confirm__reads_what_stands),
		CASE(test_ledger_step__numbers_go_on),
		CASE(test_ledger_step__a_number_is_taken),
		CASE(test_ledger_open__strict_steps_are_gone),
		CASE(test_ledger_open__a_new_journal_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
