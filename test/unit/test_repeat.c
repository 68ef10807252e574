/* The status that stands, said again: what is the same writes nothing, what differs is a write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "gate/gate.h"

/* The status moves by two channels, of which "extra" fills what @extra says. */
static const char contract_text[] =
	"{\"asyncapi\":\"3.0.0\",\"x-perspective\":\"client\",\"info\":{\"title\":\"Lamps\","
	"\"version\":\"1\"},\"channels\":{"
	"\"lamp\":{\"address\":\"lamps/{id}\",\"parameters\":{\"id\":{}},%s"
	"\"messages\":{\"m\":{\"payload\":{\"type\":\"object\",\"properties\":{"
	"\"at\":{\"$ref\":\"#/components/schemas/time\"},"
	"\"seen\":{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":\"#/components/schemas/time\"}]},"
	"\"due\":{\"$ref\":\"#/components/schemas/time\"}},\"allOf\":[{\"properties\":{"
	"\"t1\":{\"format\":\"date-time\"},\"t2\":{\"format\":\"date-time\"},"
	"\"t3\":{\"format\":\"date-time\"}}}]}}},"
	"\"x-entity\":{\"entity\":\"lamp\",\"id\":\"id\",\"columns\":{\"state\":\"/state\","
	"\"colour\":\"/colour\",\"due\":\"/due\"}}},"
	"\"extra\":{\"address\":\"extras/{id}\",\"parameters\":{\"id\":{}},"
	"\"messages\":{\"m\":{\"payload\":true}},"
	"\"x-entity\":{\"entity\":\"lamp\",\"id\":\"id\",\"columns\":{\"state\":\"/state\","
	"\"%s\":\"/value\"}}}},"
	"\"operations\":{\"a\":{\"action\":\"send\",\"channel\":{\"$ref\":\"#/channels/lamp\"}},"
	"\"b\":{\"action\":\"send\",\"channel\":{\"$ref\":\"#/channels/extra\"}}},"
	"\"components\":{\"schemas\":{\"time\":{\"type\":\"string\",\"format\":\"date-time\"}}},"
	"\"x-state-machines\":{\"lamp\":{%s\"first\":[\"ON\",\"OFF\"],"
	"\"next\":{\"ON\":[\"OFF\"],\"OFF\":[\"ON\"]}}},"
	"\"x-entities\":{\"lamp\":{\"table\":\"lamps\",\"columns\":{"
	"\"state\":{\"stateMachine\":\"lamp\"},\"colour\":{},\"due\":{},\"power\":{}}}}}";

static const char access_text[] = "{\"roles\":{\"all\":{\"scopes\":[]}},"
				  "\"users\":{\"ann\":{\"roles\":[\"all\"]}}}";

struct fixture {
	char folder[32], contract[64], access[64], database[64];
	struct rules *rules;
	struct ledger *ledger;
	struct gate gate;
	struct decision decision;
};

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

static void open_ledger(struct fixture *f)
{
	struct ledger_options options = { .path = f->database,
					  .journal_bytes = 64 << 10,
					  .batch_rows = 100,
					  .batch_ms = 5,
					  .cache_entities = 16 };
	struct diag diag;

	if (ledger_open(&options, &f->rules->contract->plan, &f->ledger, &diag))
		fail_msg("%s", diag.text);
	f->gate.ledger = f->ledger;
}

/* The lamps' @channel members, what "extra" fills beside the status, and the machine's members. */
static void begin(struct fixture *f, const char *channel, const char *extra, const char *machine)
{
	struct rules_files files = { .contract = SOURCES_AT(f->contract), .access = f->access };
	struct diag diag;
	char *text;

	memset(f, 0, sizeof(*f));
	strcpy(f->folder, "/tmp/petstore-repeat-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(f->contract, sizeof(f->contract), "%s/contract.json", f->folder);
	(void)snprintf(f->access, sizeof(f->access), "%s/access.json", f->folder);
	(void)snprintf(f->database, sizeof(f->database), "%s/lamps.db", f->folder);
	assert_true(asprintf(&text, contract_text, channel, extra, machine) > 0);
	write_file(f->contract, text);
	write_file(f->access, access_text);
	free(text);
	diag_init(&diag);
	if (rules_load(&files, &f->rules, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(gate_init(&f->gate, f->rules, NULL, &diag), 0);
	open_ledger(f);
}

static void end(struct fixture *f)
{
	char command[64];

	gate_clear(&f->gate);
	ledger_close(f->ledger);
	rules_free(f->rules);
	(void)snprintf(command, sizeof(command), "rm -r %s", f->folder);
	assert_int_equal(system(command), 0);
}

static void restart(struct fixture *f)
{
	ledger_close(f->ledger);
	open_ledger(f);
}

/* "keep", "allow" where there was nothing to keep, or why not. */
static const char *say(struct fixture *f, const char *topic, const char *payload)
{
	struct gate_request request = { .action = GATE_PUBLISH,
					.message = { .topic = topic,
						     .topic_len = strlen(topic),
						     .payload = payload,
						     .payload_len = strlen(payload),
						     .is_retained = true,
						     .qos = 1 } };
	struct diag diag;

	gate_decide(&f->gate, access_find(f->rules->access, "ann"), &request, &f->decision);
	if (f->decision.verdict != VERDICT_ALLOW)
		return f->decision.error.message;
	if (!f->decision.has_write)
		return "allow";
	f->decision.write.publisher = f->decision.write.client_id = "test";
	if (ledger_commit(f->ledger, &f->decision.write, &diag))
		fail_msg("%s", diag.text);
	return "keep";
}

static void expect(struct fixture *f, const char *topic, const char *payload, const char *expected)
{
	const char *answer = say(f, topic, payload);

	if (strcmp(answer, expected) != 0)
		fail_msg("%s: %s, not %s", payload, answer, expected);
}

static uint64_t revision(struct fixture *f)
{
	struct ledger_state state;
	struct diag diag;

	assert_int_equal(ledger_look(f->ledger, 0, "l1", 2, &state, &diag), 0);
	assert_string_equal(state.status[0], "ON");
	return state.revision;
}

#define LAMP "lamps/l1"
#define EXTRA "extras/l1"
#define ON(more) "{\"state\":\"ON\"" more "}"
#define AT(second) ",\"at\":\"2026-01-15T10:30:" second "Z\""

static void test_repeat__what_is_the_same_writes_nothing(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "", "power", "");
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("00")), "keep");
	assert_false(f.decision.is_repeat);
	for (int i = 0; i < 3; i++)
		expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("01")), "allow");
	assert_true(f.decision.is_repeat);
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("\\u0030\\u0032")), "allow");
	assert_int_equal(revision(&f), 1);
	end(&f);
}

static void test_repeat__what_differs_is_a_write(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "", "power", "\"repeat\":\"update\",");
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("00")), "keep");
	expect(&f, LAMP, ON(",\"colour\":\"blue\"" AT("00")), "keep");
	assert_true(f.decision.is_repeat);
	expect(&f, LAMP, ON(",\"colour\":\"blue\"" AT("01")), "allow");
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("02")), "keep");
	expect(&f, LAMP, ON(",\"note\":1,\"colour\":\"red\"" AT("02")), "keep");
	expect(&f, LAMP, ON(",\"note\":1,\"colour\":\"red\"" AT("03")), "allow");
	expect(&f, LAMP, ON(",\"note\":1,\"colour\":\"red\""), "keep"); /* says no time any more */
	assert_int_equal(revision(&f), 5);
	/* What was said before another status is not what stands. */
	expect(&f, LAMP, "{\"state\":\"OFF\"}", "keep");
	expect(&f, LAMP, ON(",\"note\":1,\"colour\":\"red\""), "keep");
	assert_false(f.decision.is_repeat);
	assert_int_equal(revision(&f), 7);
	end(&f);
}

/* By format wherever the schema says it; but not what a column is filled from. */
static void test_repeat__times_are_found(void **state)
{
	static const char *const same[] = {
		ON(AT("01") ",\"seen\":\"2026-01-01T00:00:00Z\",\"t1\":\"2026-01-01T00:00:00Z\""),
		ON(AT("02") ",\"seen\":\"2026-01-02T00:00:00Z\",\"t1\":\"2026-01-03T00:00:00Z\""),
		ON(AT("02") ",\"seen\":\"\\u0032026-01-02T00:00:00Z\",\"t1\":"
			    "\"2026-01-03T00:00:00.5Z\""),
	};
	struct fixture f;

	(void)state;
	begin(&f, "", "power", "");
	expect(&f, LAMP, same[0], "keep");
	expect(&f, LAMP, same[1], "allow");
	expect(&f, LAMP, same[2], "allow");
	expect(&f, LAMP, ON(",\"due\":\"2026-01-03T00:00:00Z\""), "keep");
	expect(&f, LAMP, ON(",\"due\":\"2026-01-04T00:00:00Z\""), "keep");
	/* the fifth */
	expect(&f, LAMP, ON(",\"t3\":\"2026-01-04T00:00:00Z\""), "keep");
	expect(&f, LAMP, ON(",\"t3\":\"2026-01-05T00:00:00Z\""), "keep");
	assert_string_equal(f.decision.channel->content->surplus, "t3");
	assert_int_equal(f.decision.channel->content->time_count, CONTRACT_TIMES_MAX);
	assert_non_null(strstr(rules_warning(f.rules, 0), "\"t3\""));
	/* no member of the message itself */
	expect(&f, LAMP, ON(",\"in\":{\"at\":\"2026-01-01T00:00:00Z\"}"), "keep");
	expect(&f, LAMP, ON(",\"in\":{\"at\":\"2026-01-01T00:00:01Z\"}"), "keep");
	end(&f);
}

static void test_repeat__the_contract_says_which_the_time_is(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "\"x-time\":\"/t3\",", "power", "");
	expect(&f, LAMP, ON(",\"t3\":\"2026-01-04T00:00:00Z\""), "keep");
	expect(&f, LAMP, ON(",\"t3\":\"2026-01-05T00:00:00Z\""), "allow");
	expect(&f, LAMP, ON(",\"t3\":\"2026-01-05T00:00:00Z\"" AT("00")), "keep");
	expect(&f, LAMP, ON(",\"t3\":\"2026-01-05T00:00:00Z\"" AT("01")), "keep");
	end(&f);
}

static void test_repeat__same_is_held_to_what_was_said(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "", "power", "\"repeat\":\"same\",");
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("00")), "keep");
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("01")), "allow");
	expect(&f, LAMP, ON(",\"colour\":\"blue\"" AT("00")),
	       "lamp is ON already: nothing but the time may differ from what was said last");
	assert_int_equal(f.decision.reason, REASON_TRANSITION_ILLEGAL);
	assert_string_equal(f.decision.error.instance, "/state");
	assert_string_equal(f.decision.error.keyword, "repeat");
	assert_string_equal(f.decision.current_status, "ON");
	restart(&f);
	expect(&f, LAMP, ON(",\"colour\":\"blue\"" AT("00")),
	       "lamp is ON already: nothing but the time may differ from what was said last");
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("02")), "allow");
	assert_int_equal(revision(&f), 1);
	end(&f);
}

static void test_repeat__refuse_takes_none(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "", "power", "\"repeat\":\"refuse\",");
	expect(&f, LAMP, ON(AT("00")), "keep");
	expect(&f, LAMP, ON(AT("00")),
	       "lamp is ON already: this status may be published only once");
	assert_int_equal(f.decision.reason, REASON_TRANSITION_ILLEGAL);
	expect(&f, LAMP, "{\"state\":\"OFF\"}", "keep");
	expect(&f, LAMP, ON(AT("00")), "keep");
	end(&f);
}

/* The broker is down, and somebody changes the database. */
static void change(struct fixture *f, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(f->database, &db), SQLITE_OK);
	assert_int_equal(sqlite3_busy_timeout(db, 60000), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void restart_after(struct fixture *f, const char *sql)
{
	ledger_close(f->ledger);
	change(f, sql);
	open_ledger(f);
}

/* Trimmed, or a row of before there were revisions: it counts as different, once. */
static void test_repeat__of_what_is_not_known(void **state)
{
	static const char *const gone[] = { "DELETE FROM events",
					    "UPDATE events SET revision = NULL" };
	struct fixture f;

	(void)state;
	begin(&f, "", "power", "");
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("00")), "keep");
	for (size_t i = 0; i < 2; i++) {
		restart_after(&f, gone[i]);
		expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("01")), "keep");
		expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("02")), "allow");
	}
	assert_int_equal(revision(&f), 3);
	end(&f);
	begin(&f, "", "power", "\"repeat\":\"same\",");
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("00")), "keep");
	restart_after(&f, gone[0]);
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("01")),
	       "lamp is ON already: the last message about it is not known any more, and may not "
	       "change");
	end(&f);
}

/* It may be a resend, which would be kept twice. */
static void test_repeat__of_what_can_not_be_looked_up_now(void **state)
{
	static const char *const rules[] = { "", "\"repeat\":\"same\"," };
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		begin(&f, "", "power", rules[i]);
		expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("00")), "keep");
		restart(&f);
		change(&f, "ALTER TABLE events RENAME TO hidden");
		expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("01")),
		       "the store can't be asked now");
		change(&f, "ALTER TABLE hidden RENAME TO events");
		expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("02")), "allow");
		assert_int_equal(revision(&f), 1);
		end(&f);
	}
}

/* From the journal while it is there, then from the database. */
static void test_repeat__is_known_after_a_restart_and_elsewhere(void **state)
{
	static const char *const states[] = { "ON", "OFF" };
	struct fixture f;

	(void)state;
	begin(&f, "", "power", "");
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("00")), "keep");
	restart(&f);
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("01")), "allow");
	expect(&f, LAMP, ON(",\"colour\":\"blue\"" AT("01")), "keep");
	restart(&f);
	expect(&f, LAMP, ON(",\"colour\":\"blue\"" AT("02")), "allow");
	expect(&f, LAMP, "", "keep"); /* clears what is retained */
	restart(&f);
	expect(&f, LAMP, ON(",\"colour\":\"blue\"" AT("03")), "allow");
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("03")), "keep");
	/* sixteen entities fit into memory, and some hundred records into the journal */
	for (int i = 0; i < 1000; i++) {
		char topic[32], payload[64];
		struct diag diag;

		(void)snprintf(topic, sizeof(topic), "lamps/other-%d", i % 30);
		(void)snprintf(payload, sizeof(payload), "{\"state\":\"%s\"}", states[i / 30 % 2]);
		expect(&f, topic, payload, "keep");
		if (i % 10 == 0)
			assert_int_equal(ledger_flush(f.ledger, 10000, &diag), 0);
	}
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("04")), "allow");
	assert_int_equal(revision(&f), 3);
	end(&f);
}

/* In memory, and what it said is in the journal no more. */
static void test_repeat__outlives_the_journal(void **state)
{
	struct fixture f;
	struct diag diag;

	(void)state;
	begin(&f, "", "power", "");
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("00")), "keep");
	for (int i = 0; i < 1000; i++) {
		expect(&f, "lamps/l2", i % 2 ? "{\"state\":\"OFF\"}" : ON(""), "keep");
		if (i % 10 == 0)
			assert_int_equal(ledger_flush(f.ledger, 10000, &diag), 0);
	}
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("01")), "allow");
	expect(&f, LAMP, ON(",\"colour\":\"blue\"" AT("01")), "keep");
	end(&f);
}

static void test_repeat__channels_without_events_keep_it_in_memory(void **state)
{
	struct fixture f;
	struct diag diag;

	(void)state;
	begin(&f, "\"x-record\":false,", "power", "");
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("00")), "keep");
	for (int i = 0; i < 1000; i++) {
		expect(&f, "lamps/l2", i % 2 ? "{\"state\":\"OFF\"}" : ON(""), "keep");
		if (i % 10 == 0)
			assert_int_equal(ledger_flush(f.ledger, 10000, &diag), 0);
	}
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("01")), "allow");
	restart(&f);
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("02")),
	       "keep"); /* not known: as if it differed */
	expect(&f, LAMP, ON(",\"colour\":\"red\"" AT("03")), "allow");
	end(&f);
}

/* Two channels that move one status and fill columns of their own do not disturb each other. */
static void test_repeat__channels_are_apart(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "", "power", "");
	expect(&f, LAMP, ON(",\"colour\":\"red\""), "keep");
	expect(&f, EXTRA, ON(",\"value\":\"60\""), "keep");
	for (int i = 0; i < 3; i++) {
		expect(&f, LAMP, ON(",\"colour\":\"red\""), "allow");
		expect(&f, EXTRA, ON(",\"value\":\"60\""), "allow");
	}
	restart(&f);
	expect(&f, LAMP, ON(",\"colour\":\"red\""), "allow");
	expect(&f, EXTRA, ON(",\"value\":\"60\""), "allow");
	assert_int_equal(revision(&f), 2);
	end(&f);
}

/* Where both fill a column it is what was said last, by either. */
static void test_repeat__channels_that_fill_the_same_column(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "", "colour", "");
	expect(&f, LAMP, ON(",\"colour\":\"red\""), "keep");
	expect(&f, LAMP, ON(",\"colour\":\"red\""), "allow");
	expect(&f, EXTRA, ON(",\"value\":\"blue\""), "keep");
	expect(&f, EXTRA, ON(",\"value\":\"blue\""), "allow");
	expect(&f, LAMP, ON(",\"colour\":\"red\""), "keep");
	expect(&f, EXTRA, ON(",\"value\":\"blue\""), "keep");
	restart(&f);
	expect(&f, EXTRA, ON(",\"value\":\"blue\""), "allow");
	expect(&f, LAMP, ON(",\"colour\":\"red\""), "keep");
	restart(&f);
	expect(&f, EXTRA, ON(",\"value\":\"blue\""), "keep");
	assert_int_equal(revision(&f), 6);
	end(&f);
}

/* A refusal that is only observed lets it pass, and nothing is kept. */
static void test_repeat__is_observed(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "\"x-mode\":{\"transition\":\"observe\"},", "power", "\"repeat\":\"refuse\",");
	expect(&f, LAMP, ON(",\"colour\":\"red\""), "keep");
	expect(&f, LAMP, ON(",\"colour\":\"blue\""), "allow");
	assert_true(f.decision.is_observed);
	assert_int_equal(f.decision.reason, REASON_TRANSITION_ILLEGAL);
	assert_int_equal(revision(&f), 1);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repeat__what_is_the_same_writes_nothing),
		cmocka_unit_test(test_repeat__what_differs_is_a_write),
		cmocka_unit_test(test_repeat__times_are_found),
		cmocka_unit_test(test_repeat__the_contract_says_which_the_time_is),
		cmocka_unit_test(test_repeat__same_is_held_to_what_was_said),
		cmocka_unit_test(test_repeat__refuse_takes_none),
		cmocka_unit_test(test_repeat__of_what_is_not_known),
		cmocka_unit_test(test_repeat__of_what_can_not_be_looked_up_now),
		cmocka_unit_test(test_repeat__is_known_after_a_restart_and_elsewhere),
		cmocka_unit_test(test_repeat__outlives_the_journal),
		cmocka_unit_test(test_repeat__channels_without_events_keep_it_in_memory),
		cmocka_unit_test(test_repeat__channels_are_apart),
		cmocka_unit_test(test_repeat__channels_that_fill_the_same_column),
		cmocka_unit_test(test_repeat__is_observed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
