/*
 * Limits, patterns, alerts and bans. What is a pattern is data: test/data/monitor/patterns/,
 * whose README says how to read it. The clock is a number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <cmocka.h>
#include <jansson.h>

#include "between.h"
#include "failalloc.h"
#include "place.h"
#include "monitor/anomalies.h"
#include "monitor/baseline.h"
#include "monitor/buckets.h"
#include "monitor/clients.h"
#include "monitor/monitor.h"
#include "base/fixedtable.h"
#include "base/utf8.h"

#define PATTERNS "test/data/monitor/patterns"
#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

/* ---- buckets ----------------------------------------------------------------------------- */

/* Takes @units, or takes nothing and returns false. */
static bool bucket_take(struct bucket *bucket, const struct bucket_rate *rate, uint32_t units,
			int64_t now_ns)
{
	struct bucket after;

	if (!bucket_has(bucket, rate, bucket_cost(rate, units), 1, now_ns, &after))
		return false;
	*bucket = after;
	return true;
}

static void test_bucket_take__lets_a_burst_and_then_the_rate_pass(void **state)
{
	const struct bucket_rate rate = bucket_per_second(10, 5);
	struct bucket bucket = { 0 };
	int64_t now = 77 * SECOND;
	unsigned passed = 0;

	(void)state;
	for (int i = 0; i < 20; i++)
		passed += bucket_take(&bucket, &rate, 1, now);
	assert_int_equal(passed, 5);
	for (int i = 0; i < 1000; i++)
		passed += bucket_take(&bucket, &rate, 1, now + i * 10 * MS);
	assert_int_equal(passed, 5 + 99); /* 9.99 s at 10 a second */
}

static void test_bucket_take__refuses_without_charging(void **state)
{
	const struct bucket_rate rate = bucket_per_second(1, 1);
	struct bucket bucket = { 0 };

	(void)state;
	assert_true(bucket_take(&bucket, &rate, 1, SECOND));
	for (int i = 0; i < 100; i++)
		assert_false(bucket_take(&bucket, &rate, 1, SECOND + i * MS));
	assert_true(bucket_take(&bucket, &rate, 1, 2 * SECOND));
}

static void test_bucket_take__lets_what_exceeds_the_burst_through_a_full_bucket(void **state)
{
	const struct bucket_rate rate = bucket_per_second(100, 0);
	struct bucket bucket = { 0 };

	(void)state;
	assert_true(bucket_take(&bucket, &rate, 1000, SECOND));
	assert_false(bucket_take(&bucket, &rate, 1, 10 * SECOND)); /* ten seconds' worth */
	assert_true(bucket_take(&bucket, &rate, 1, 11 * SECOND));
}

static void test_bucket_take__no_rate_is_no_limit(void **state)
{
	const struct bucket_rate none = { 0 };
	const struct bucket_rate huge = bucket_rate(UINT32_MAX, UINT32_MAX, BUCKETS_PERIOD_MAX_NS);
	struct bucket bucket = { 0 };

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_true(bucket_take(&bucket, &none, UINT32_MAX, SECOND));
	assert_int_equal(bucket.full_ns, 0);
	assert_true(bucket_take(&bucket, &huge, UINT32_MAX, SECOND)); /* nothing overflows */
	assert_false(bucket_take(&bucket, &huge, UINT32_MAX, SECOND));
}

/* ---- the table --------------------------------------------------------------------------- */

struct record {
	struct fixedtable_head head;
	uint64_t mark;
};

static struct fixedtable *table_of(size_t records)
{
	struct fixedtable *table = NULL;
	const struct fixedtable_options options = { .records = records,
						    .size = sizeof(struct record) };
	struct diag diag;

	if (fixedtable_new(&options, &table, &diag))
		fail_msg("%s", diag.text);
	return table;
}

static struct record *take(struct fixedtable *table, uint64_t id, int64_t now)
{
	return fixedtable_take(table, id, 0, now, NULL);
}

static void test_fixedtable_take__gives_up_who_was_quiet_longest(void **state)
{
	struct fixedtable *table = table_of(8);

	(void)state;
	for (uint64_t id = 10; id < 18; id++)
		take(table, id, (int64_t)id * SECOND)->mark = id;
	take(table, 10, 20 * SECOND);
	assert_int_equal(take(table, 99, 21 * SECOND)->mark, 0);
	assert_null(fixedtable_find(table, 11)); /* 10 was seen since */
	assert_non_null(fixedtable_find(table, 10));
	assert_int_equal(fixedtable_count(table), 8);
	assert_int_equal(fixedtable_evicted(table), 1);
	fixedtable_free(table);
	fixedtable_free(NULL);
}

static void test_fixedtable_take__keeps_connected_ones_longer(void **state)
{
	struct fixedtable *table = table_of(8);

	(void)state;
	for (uint64_t id = 10; id < 18; id++)
		take(table, id, (int64_t)id * SECOND)->head.is_live = id != 17;
	take(table, 99, 30 * SECOND);
	assert_null(fixedtable_find(table, 17));
	assert_non_null(fixedtable_find(table, 10));
	fixedtable_free(table);
}

static void test_fixedtable_take__a_flood_pushes_no_bad_one_out(void **state)
{
	struct fixedtable *table = table_of(64);
	int64_t now = SECOND;
	uint64_t survivors = 0;

	(void)state;
	/* Hashes as they come: the set is chosen by the upper half. */
	for (uint64_t id = 1; id <= 16; id++) {
		struct record *bad = take(table, id * UINT64_C(0x9e3779b97f4a7c15), now);

		bad->mark = id;
		fixedtable_blame(&bad->head, 64, now);
	}
	for (uint64_t i = 0; i < 200000; i++) {
		struct record *other = take(table, (i + 1000) * UINT64_C(0xd1342543de82ef95), now);

		fixedtable_blame(&other->head, 1, now);
		now += MS / 10;
	}
	for (uint64_t id = 1; id <= 16; id++) {
		const struct record *bad =
			fixedtable_find(table, id * UINT64_C(0x9e3779b97f4a7c15));

		survivors += bad && bad->mark == id;
	}
	assert_int_equal(survivors, 16);
	assert_true(fixedtable_count(table) <= 72);
	fixedtable_free(table);
}

static void test_fixedtable_take__newcomers_share_where_all_are_bad(void **state)
{
	struct fixedtable *table = table_of(8);
	struct record *stranger;
	int64_t later = SECOND + 12 * FIXEDTABLE_HALF_S * SECOND;

	(void)state;
	for (uint64_t id = 10; id < 18; id++)
		fixedtable_blame(&take(table, id, SECOND)->head, 1000, SECOND);
	stranger = take(table, 100, 2 * SECOND);
	assert_true(stranger->head.is_shared);
	assert_ptr_equal(take(table, 101, 2 * SECOND), stranger);
	assert_null(fixedtable_find(table, 100));
	/* Badness wears off. */
	assert_false(take(table, 102, later)->head.is_shared);
	fixedtable_free(table);
}

static void test_fixedtable_take__what_is_held_stays(void **state)
{
	struct fixedtable *table = table_of(8);

	(void)state;
	for (uint64_t id = 10; id < 18; id++)
		take(table, id, SECOND)->head.is_held = true;
	assert_true(take(table, 100, 1000000 * SECOND)->head.is_shared);
	assert_non_null(fixedtable_find(table, 10));
	fixedtable_free(table);
}

/* One owner fills the table, as badly as can be: each of the others keeps its place, and gets one.
 */
static void test_fixedtable_take__an_owner_pushes_out_its_own(void **state)
{
	enum { OTHERS = 7, FLOOD = 1 };
	struct fixedtable *table = table_of(8);

	(void)state;
	for (uint64_t id = 10; id < 10 + OTHERS; id++)
		(void)fixedtable_take(table, id, id, SECOND, NULL);
	for (uint64_t id = 100; id < 1000; id++) {
		struct fixedtable_head *head = fixedtable_take(table, id, FLOOD, 2 * SECOND, NULL);

		if (!head->is_shared)
			fixedtable_blame(head, 1, 2 * SECOND);
	}
	for (uint64_t id = 10; id < 10 + OTHERS; id++)
		assert_non_null(fixedtable_find(table, id));
	fixedtable_free(table);
	table = table_of(8);
	for (uint64_t id = 100; id < 108; id++)
		fixedtable_blame(fixedtable_take(table, id, FLOOD, SECOND, NULL), 1000, SECOND);
	for (uint64_t id = 10; id < 14; id++)
		assert_false(
			((struct fixedtable_head *)fixedtable_take(table, id, id, SECOND, NULL))
				->is_shared);
	for (uint64_t id = 10; id < 14; id++)
		assert_non_null(fixedtable_find(table, id));
	assert_true(((struct fixedtable_head *)fixedtable_take(table, 200, FLOOD, SECOND, NULL))
			    ->is_shared);
	fixedtable_free(table);
}

/* Ids that are spread over the whole table touch no more memory than their records need. */
static void test_fixedtable_take__records_lie_one_behind_the_other(void **state)
{
	enum { COUNT = 1000 };
	struct fixedtable *table = table_of(65536);
	uintptr_t first = UINTPTR_MAX, last = 0;

	(void)state;
	for (uint64_t i = 1; i <= COUNT; i++) {
		uintptr_t at = (uintptr_t)take(table, i * UINT64_C(0x9e3779b97f4a7c15), SECOND);

		first = at < first ? at : first;
		last = at > last ? at : last;
	}
	assert_int_equal(fixedtable_count(table), COUNT);
	assert_int_equal(last - first, (COUNT - 1) * sizeof(struct record));
	fixedtable_free(table);
}

static void test_fixedtable_find__ids_of_one_set_that_end_alike(void **state)
{
	const uint64_t one = 7, other = one | UINT64_C(1) << 60;
	struct fixedtable *table = table_of(64);

	(void)state;
	take(table, one, SECOND)->mark = 1;
	assert_null(fixedtable_find(table, other));
	assert_int_equal(take(table, other, SECOND)->mark, 0);
	assert_int_equal(((struct record *)fixedtable_find(table, one))->mark, 1);
	assert_non_null(fixedtable_find(table, other));
	assert_null(fixedtable_find(table, 0)); /* of no record */
	fixedtable_free(table);
}

static void test_fixedtable_next__sees_each_once_in_a_round(void **state)
{
	struct fixedtable *table = table_of(256);
	unsigned seen[40] = { 0 };
	size_t at = 0;

	(void)state;
	for (uint64_t i = 0; i < 40; i++)
		take(table, (i + 7) * UINT64_C(0x9e3779b97f4a7c15), SECOND)->mark = i;
	for (size_t done = 0; done < fixedtable_places(table); done += 16) {
		const struct record *record;
		size_t left = 16;

		while ((record = fixedtable_next(table, &at, &left)))
			seen[record->mark]++;
		assert_int_equal(left, 0);
	}
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(seen[i], 1);
	fixedtable_free(table);
}

/* ---- baselines --------------------------------------------------------------------------- */

static bool is_far(const struct baseline *baseline, const struct baseline_bounds *bounds,
		   float number)
{
	return number > baseline_limit(baseline, bounds) ||
	       (baseline->learned >= bounds->learned &&
		number < baseline->mean - baseline_distance(baseline, bounds));
}

static void test_baseline__learns_before_it_judges(void **state)
{
	const struct baseline_bounds bounds = { .factor = 4, .least = 10, .learned = 20 };
	struct baseline baseline = { 0 };

	(void)state;
	for (int i = 0; i < 19; i++)
		baseline_learn(&baseline, &bounds, 100 + (float)(i % 5));
	assert_false(is_far(&baseline, &bounds, 1e9f));
	baseline_learn(&baseline, &bounds, 100);
	assert_true(is_far(&baseline, &bounds, 200));
	assert_true(is_far(&baseline, &bounds, 0));
	assert_false(is_far(&baseline, &bounds, 140)); /* an eighth, four times */
	assert_true(baseline_limit(&baseline, &bounds) < 160);
}

static void test_baseline__gets_used_to_a_change_slowly(void **state)
{
	const struct baseline_bounds bounds = { .factor = 4, .least = 1, .learned = 20 };
	struct baseline baseline = { 0 };
	int surprised = 0;

	(void)state;
	for (int i = 0; i < 50; i++)
		baseline_learn(&baseline, &bounds, 100);
	while (is_far(&baseline, &bounds, 1000) && surprised < 1000) {
		baseline_learn(&baseline, &bounds, 1000);
		surprised++;
	}
	assert_uint_in_range(surprised, 3, 60);
}

/* ---- clients ----------------------------------------------------------------------------- */

static void test_client_channel__a_change_of_channel_forgives_nothing(void **state)
{
	const struct bucket_rate rate = bucket_per_second(1, 3);
	struct client client = { 0 };
	int64_t now = SECOND;
	unsigned passed = 0;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		passed += bucket_take(&client_channel(&client, 1 + i % 100, now)->owed.messages,
				      &rate, 1, now);
	assert_int_equal(passed, CLIENTS_CHANNELS * 3);
}

static void test_clients_take__a_principal_cannot_spoil_anothers_record(void **state)
{
	struct clients *clients = NULL;
	struct client *a;
	char id[300];
	struct diag diag;

	(void)state;
	memset(id, 'x', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	assert_int_equal(clients_new(64, &clients, &diag), 0);
	a = clients_take(clients, id, "ann", SECOND);
	assert_ptr_not_equal(a, clients_take(clients, id, "bob", SECOND));
	assert_ptr_equal(a, clients_take(clients, id, "ann", SECOND));
	assert_ptr_equal(a, clients_find(clients, id, "ann"));
	assert_null(clients_find(clients, id, ""));
	assert_int_equal(strlen(a->id), CLIENTS_NAME_MAX - 1);
	clients_free(clients);
}

/* Whatever happens to the records of clients, what their principal owes stays owed. */
static void test_monitor_charge__client_ids_share_their_principals_limit(void **state)
{
	const struct limits limits = { .messages_per_second = 1, .burst = 5 };
	const struct monitor_channel channel = { .name = "c", .limits = limits };
	const struct monitor_rates own = monitor_rates(&limits);
	struct monitor *monitor = NULL;
	char id[40];
	struct diag diag;

	(void)state;
	for (int on_channel = 0; on_channel < 2; on_channel++) {
		unsigned passed = 0;

		assert_int_equal(monitor_new(64, &monitor, &diag), 0);
		assert_int_equal(monitor_use(monitor, &channel, 1, &diag), 0);
		for (unsigned i = 0; i < 1000; i++) {
			struct who who = { id, "eva", "", true };
			struct monitor_message message = { .channel = on_channel ? 0 : 1,
							   .own = on_channel ? NULL : &own };
			struct client *client;

			(void)snprintf(id, sizeof(id), "c%u", i);
			client = monitor_client(monitor, &who, NULL, SECOND);
			passed += monitor_charge(monitor, client, &message, SECOND, &diag);
		}
		assert_int_equal(passed, 5);
		monitor_free(monitor);
	}
}

static void test_monitor_subscribe__is_of_the_principals_connected_clients(void **state)
{
	const struct limits one = { .clients = 1 };
	const struct monitor_rates own = monitor_rates(&one);
	struct who a = { "a", "eva", "", true }, b = { "b", "eva", "", true };
	struct monitor *monitor = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(monitor_new(64, &monitor, &diag), 0);
	assert_int_equal(monitor_connect(monitor, &a, "A", &own, SECOND), 0);
	assert_int_equal(monitor_connect(monitor, &b, "B", &own, SECOND), 0);
	assert_true(monitor_subscribe(monitor, &a, "x/1", 3, 2, 1, SECOND));
	assert_true(monitor_subscribe(monitor, &b, "x/1", 3, 2, 1, SECOND));
	assert_true(
		monitor_subscribe(monitor, &a, "x/1", 3, 2, 1, SECOND)); /* no more than it had */
	assert_false(monitor_subscribe(monitor, &a, "x/2", 3, 2, 1, SECOND));
	assert_true(monitor_subscribe(monitor, &a, "x/2", 3, 2, 2, SECOND)); /* as two clients */
	assert_false(monitor_subscribe(monitor, &a, "x/3", 3, 2, 2, SECOND));
	monitor_unsubscribe(monitor, &a, "x/1", 3);
	monitor_disconnected(monitor, &b, "B");
	assert_true(monitor_subscribe(monitor, &a, "x/4", 3, 2, 1, SECOND));
	assert_int_equal(monitor_connect(monitor, &b, "C", &own, SECOND), 0);
	assert_false(monitor_subscribe(monitor, &b, "x/5", 3, 2, 1, SECOND));
	monitor_restart(monitor, &a);
	assert_true(monitor_subscribe(monitor, &b, "x/5", 3, 2, 1, SECOND));
	monitor_free(monitor);
}

/* ---- patterns as data -------------------------------------------------------------------- */

struct script {
	const char *file;
	unsigned line;
	struct monitor *monitor;
	struct monitor_channel channel[8];
	size_t channels;
	bool is_limited; /* what the last charge said */
	unsigned limited;
};

#define FAIL(script, ...)                                                                          \
	do {                                                                                       \
		print_error("%s:%u: ", (script)->file, (script)->line);                            \
		fail_msg(__VA_ARGS__);                                                             \
	} while (0)

static size_t channel_at(const struct script *script, const char *name)
{
	for (size_t i = 0; i < script->channels; i++)
		if (strcmp(script->channel[i].name, name) == 0)
			return i;
	FAIL(script, "no channel %s", name);
	return 0;
}

static unsigned number(const char *words[], const char *name, unsigned preset)
{
	size_t len = strlen(name);

	for (; *words; words++)
		if (strncmp(*words, name, len) == 0 && (*words)[len] == '=')
			return (unsigned)strtol(*words + len + 1, NULL, 10);
	return preset;
}

static void add_channel(struct script *script, const char *words[])
{
	struct diag diag;

	script->channel[script->channels++] = (struct monitor_channel){
		.name = strdup(words[0]),
		.limits = { .messages_per_second = number(words, "messages", 0),
			    .burst = number(words, "burst", 0),
			    .bytes_per_second = number(words, "bytes", 0),
			    .clients = number(words, "clients", 0) },
		.interval_s = number(words, "interval", 0),
	};
	if (monitor_use(script->monitor, script->channel, script->channels, &diag))
		FAIL(script, "%s", diag.text);
}

static void play_publish(struct script *script, const struct who *who, const char *words[],
			 unsigned i, int64_t now)
{
	const struct limits limits = { .messages_per_second = number(words, "own", 0),
				       .clients = number(words, "clients", 0) };
	const struct monitor_rates own = monitor_rates(&limits);
	struct monitor_message message = {
		.channel = (uint32_t)channel_at(script, words[0]),
		.bytes = number(words, "len", 100),
		.own = limits.messages_per_second ? &own : NULL,
		.digest = number(words, "digest", 1000000 + i),
		.has_claim = number(words, "off", 0) != 0,
		.claim_off_ms = (int)number(words, "off", 0),
		.is_will = number(words, "will", 0),
	};
	struct client *client = monitor_client(script->monitor, who, NULL, now);
	struct diag why;

	script->is_limited = !monitor_charge(script->monitor, client, &message, now, &why);
	script->limited += script->is_limited;
	if (script->is_limited)
		monitor_refused(script->monitor, who, REASON_RATE_EXCEEDED, NULL, 0, now);
	else if (!message.is_will && monitor_published(script->monitor, client, &message, now))
		monitor_respond(script->monitor, client, who, now);
}

static void play_connect(struct script *script, const struct who *who, const char *words[],
			 unsigned i, int64_t now)
{
	const struct limits limits = { .connects_per_minute = number(words, "connects", 0),
				       .clients = number(words, "clients", 1) };
	const struct monitor_rates own = monitor_rates(&limits);

	script->limited +=
		monitor_connect(script->monitor, who,
				(const void *)(uintptr_t)(strtoul(words[0], NULL, 10) + i), &own,
				now) > 0;
}

static enum reason reason_of(const struct script *script, const char *code)
{
	for (unsigned reason = 0; reason < REASON_COUNT; reason++)
		if (strcmp(reason_code((enum reason)reason), code) == 0)
			return (enum reason)reason;
	FAIL(script, "no reason %s", code);
	return REASON_INTERNAL;
}

/* "eva@192.0.2.1/app": principal, address, client id; the last two may be missing. */
static struct who who_of(char *text)
{
	struct who who = { .principal = text, .address = "", .client_id = text };
	char *slash = strchr(text, '/');
	char *at = strchr(text, '@');

	if (slash) {
		*slash = '\0';
		who.client_id = slash + 1;
	}
	if (at) {
		*at = '\0';
		who.address = at + 1;
	}
	return who;
}

/* @text with @i where it says "%u". */
static void fill_in(char *ret, size_t cap, const char *text, unsigned i)
{
	const char *gap = strstr(text, "%u");

	if (gap)
		(void)snprintf(ret, cap, "%.*s%u%s", (int)(gap - text), text, i, gap + 2);
	else
		(void)snprintf(ret, cap, "%s", text);
}

static void play(struct script *script, const char *name, const char *verb, const char *words[],
		 unsigned i, int64_t now)
{
	char text[128], entity[64] = "";
	struct who who;

	fill_in(text, sizeof(text), name, i);
	who = who_of(text);
	if (words[0] && words[1])
		fill_in(entity, sizeof(entity), words[1], i);
	if (strcmp(verb, "publish") == 0)
		play_publish(script, &who, words, i, now);
	else if (strcmp(verb, "refused") == 0)
		monitor_refused(script->monitor, &who, reason_of(script, words[0]),
				entity[0] ? entity : NULL, strlen(entity), now);
	else if (strcmp(verb, "login-fails") == 0)
		monitor_login_failed(script->monitor, &who, now);
	else if (strcmp(verb, "connects") == 0)
		play_connect(script, &who, words, i, now);
	else if (strcmp(verb, "leaves") == 0)
		monitor_disconnected(script->monitor, &who,
				     (const void *)(uintptr_t)strtoul(words[0], NULL, 10));
	else if (strcmp(verb, "stuck") == 0)
		monitor_stuck(script->monitor,
			      &(struct monitor_stuck){ "order", who.client_id, words[0], 900, 600 },
			      now);
	else if (strcmp(verb, "ticks") == 0)
		monitor_tick(script->monitor, now);
	else
		FAIL(script, "no verb %s", verb);
}

static const char *subject_of(const struct alert *alert)
{
	if (alert->kind == ALERT_STUCK)
		return strchr(alert->where, ' ') + 1;
	return alert->client[0]      ? alert->client
	       : alert->principal[0] ? alert->principal
	       : alert->address[0]   ? alert->address
				     : alert->where;
}

static void expect_alert(struct script *script, bool is_raised, const char *kind, const char *name)
{
	struct alert alert;
	char text[ALERTS_TEXT_MAX];

	if (!alerts_next(monitor_alerts(script->monitor), &alert))
		FAIL(script, "expected an alert, there is none");
	(void)alert_print(&alert, 1700000000000, text);
	if (alert.is_raised != is_raised || strcmp(alert_code(alert.kind), kind) != 0 ||
	    strcmp(subject_of(&alert), name) != 0)
		FAIL(script, "expected %s %s, not %s", kind, name, text);
}

static void expect_none(struct script *script)
{
	struct alert alert;
	char text[ALERTS_TEXT_MAX];
	char *client;

	if (alerts_next(monitor_alerts(script->monitor), &alert)) {
		(void)alert_print(&alert, 1700000000000, text);
		FAIL(script, "expected nothing, not %s", text);
	}
	client = monitor_next_kick(script->monitor);
	if (client)
		FAIL(script, "expected nobody to be kicked, not %s", client);
}

static void expect_kick(struct script *script, const char *name)
{
	char *client = monitor_next_kick(script->monitor);

	if (!client || strcmp(client, name) != 0)
		FAIL(script, "expected %s to be kicked, not %s", name, client ? client : "nobody");
	free(client);
}

/* True where the line says what is expected, or sets up. */
static bool expects(struct script *script, const char *words[], int64_t now)
{
	char text[128];
	struct who who;
	long wait_s, least_s;
	char *end;

	if (strcmp(words[0], "raised") == 0 || strcmp(words[0], "cleared") == 0)
		expect_alert(script, words[0][0] == 'r', words[1], words[2]);
	else if (strcmp(words[0], "nothing") == 0)
		expect_none(script);
	else if (strcmp(words[0], "kicked") == 0)
		expect_kick(script, words[1]);
	else if (strcmp(words[0], "limited") == 0) {
		if (script->limited != (unsigned)strtoul(words[1], NULL, 10))
			FAIL(script, "%u were limited", script->limited);
		script->limited = 0;
	} else if (strcmp(words[0], "waits") == 0) {
		(void)snprintf(text, sizeof(text), "%s", words[1]);
		who = who_of(text);
		wait_s = (long)(monitor_wait(script->monitor, &who, now) / SECOND);
		least_s = strtol(words[2], &end, 10);
		if (*end == '+' ? wait_s < least_s : wait_s != least_s) /* "10+": or longer */
			FAIL(script, "%s waits %ld s", words[1], wait_s);
	} else if (strcmp(words[0], "channel") == 0)
		add_channel(script, words + 1);
	else
		return false;
	return true;
}

static int64_t run_line(struct script *script, char *line, int64_t now)
{
	const char *words[16] = { NULL };
	unsigned times = 1, every_ms = 0, at = 0;
	size_t count = 0;

	for (char *word = strtok(line, " \t\n"); word && count < 15; word = strtok(NULL, " \t\n"))
		words[count++] = word;
	if (count == 0 || words[0][0] == '#')
		return now;
	if (expects(script, words, now))
		return now;
	if (words[0][0] == '+') { /* seconds from the last line */
		now += (int64_t)(strtod(words[0] + 1, NULL) * 1e9);
		at = 1;
	}
	if (words[at] && sscanf(words[at], "%ux%u", &times, &every_ms) == 2)
		at++;
	if (!words[at] || !words[at + 1])
		FAIL(script, "expected [+SECONDS] [TIMESxMILLISECONDS] WHO VERB ...");
	for (unsigned i = 0; i < times; i++) {
		play(script, words[at], words[at + 1], words + at + 2, i, now);
		now += every_ms * MS;
	}
	return now;
}

static void run_script(const char *path)
{
	struct script script = { .file = path };
	struct settings settings;
	int64_t now = 1000 * SECOND;
	FILE *file = fopen(path, "r");
	char line[512];
	struct diag diag;

	assert_non_null(file);
	if (monitor_new(1024, &script.monitor, &diag))
		fail_msg("%s", diag.text);
	while (fgets(line, sizeof(line), file)) {
		script.line++;
		if (strncmp(line, "settings ", 9) == 0) {
			if (settings_parse(path, line + 9, strlen(line + 9), &settings, &diag))
				FAIL(&script, "%s", diag.text);
			monitor_set(script.monitor, &settings);
		} else {
			now = run_line(&script, line, now);
		}
	}
	expect_none(&script);
	(void)fclose(file);
	monitor_free(script.monitor);
	for (size_t i = 0; i < script.channels; i++)
		free((char *)(uintptr_t)script.channel[i].name);
}

static void test_monitor__patterns(void **state)
{
	DIR *dir = opendir(PATTERNS);
	const struct dirent *entry;
	char path[512];
	unsigned ran = 0;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (!strstr(entry->d_name, ".cases"))
			continue;
		(void)snprintf(path, sizeof(path), PATTERNS "/%s", entry->d_name);
		run_script(path);
		ran++;
	}
	(void)closedir(dir);
	assert_true(ran >= ALERT_KINDS);
}

/* ---- bounds ------------------------------------------------------------------------------ */

/* 200,000 client ids, each of which misbehaves, while one that is worse stays known. */
static void test_monitor__memory_is_bounded_by_what_it_began_with(void **state)
{
	struct monitor *monitor = NULL;
	struct monitor_channel channel = { .name = "c", .limits = { .messages_per_second = 10 } };
	struct who worst = { "worst", "eva", "192.0.2.1", true };
	struct monitor_message message = { .bytes = 100 };
	int64_t now = 1000 * SECOND;
	size_t memory;
	char id[40];
	struct diag diag;

	(void)state;
	assert_int_equal(monitor_new(4096, &monitor, &diag), 0);
	assert_int_equal(monitor_use(monitor, &channel, 1, &diag), 0);
	memory = monitor_facts(monitor).memory;
	assert_true(memory < 8u << 20);
	for (int i = 0; i < 40; i++)
		monitor_refused(monitor, &worst, REASON_NOT_OWNER, "orders/1", 8, now);
	failalloc_start(0);
	for (unsigned i = 0; i < 200000; i++) {
		struct who who = { id, id, "192.0.2.2", true };
		struct client *client;

		(void)snprintf(id, sizeof(id), "flood-%u", i);
		client = monitor_client(monitor, &who, NULL, now);
		if (monitor_charge(monitor, client, &message, now, &diag) &&
		    monitor_published(monitor, client, &message, now))
			monitor_respond(monitor, client, &who, now);
		monitor_refused(monitor, &who, REASON_SCHEMA_VIOLATION, NULL, 0, now);
		(void)monitor_connect(monitor, &who, &id, NULL, now);
		monitor_login_failed(monitor, &who, now);
		monitor_tick(monitor, now);
		now += MS;
	}
	(void)failalloc_stop();
	assert_int_equal(failalloc_count(), 0);
	assert_int_equal(monitor_facts(monitor).memory, memory);
	assert_true(monitor_facts(monitor).clients <= 4096 + 4096 / 8);
	assert_true(monitor_facts(monitor).evicted > 100000);
	/* Still known, and still as bad: its slot was not given away. */
	assert_int_equal(monitor_client(monitor, &worst, NULL, now)->head.is_shared, 0);
	assert_true(monitor_client(monitor, &worst, NULL, now)->head.badness > FIXEDTABLE_BAD);
	monitor_free(monitor);
}

static void test_monitor_client__a_seat_that_was_given_away_is_noticed(void **state)
{
	struct monitor *monitor = NULL;
	struct who who = { "app", "eva", "", true };
	struct monitor_seat seat = { 0 };
	const struct client *first;
	char id[40];
	struct diag diag;

	(void)state;
	assert_int_equal(monitor_new(64, &monitor, &diag), 0);
	first = monitor_client(monitor, &who, &seat, SECOND);
	assert_ptr_equal(monitor_client(monitor, &who, &seat, SECOND), first);
	assert_ptr_equal(monitor_client(monitor, &who, NULL, SECOND), first);
	for (unsigned i = 0; i < 1000; i++) {
		struct who other = { id, id, "", true };

		(void)snprintf(id, sizeof(id), "c%u", i);
		(void)monitor_client(monitor, &other, NULL, (2 + i) * SECOND);
	}
	assert_string_not_equal(first->id, "app");
	assert_string_equal(monitor_client(monitor, &who, &seat, 2000 * SECOND)->id, "app");
	monitor_free(monitor);
}

static void test_monitor_next_kick__is_bounded(void **state)
{
	enum { CLIENTS = BANS_MAX + 400 };
	struct settings settings = settings_defaults();
	struct monitor *monitor = NULL;
	unsigned kicks = 0;
	char id[40], *kicked;
	struct diag diag;

	(void)state;
	settings.kind[ALERT_REFUSAL_STREAK].threshold = 1;
	settings.kind[ALERT_REFUSAL_STREAK].response = ALERT_BAN;
	assert_int_equal(monitor_new(65536, &monitor, &diag), 0);
	monitor_set(monitor, &settings);
	/* Half a client to a set of eight: all of them have room. */
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct who who = { id, id, "", true };

		(void)snprintf(id, sizeof(id), "c%u", i);
		monitor_refused(monitor, &who, REASON_TOPIC_UNKNOWN, NULL, 0, SECOND + i);
	}
	assert_int_equal(bans_count(monitor_bans(monitor), 2 * SECOND), BANS_MAX);
	assert_int_equal(alerts_counts(monitor_alerts(monitor))->active[ALERT_REFUSAL_STREAK],
			 ALERTS_ACTIVE_MAX);
	assert_int_equal(alerts_counts(monitor_alerts(monitor))->crowded,
			 CLIENTS - ALERTS_ACTIVE_MAX);
	for (; (kicked = monitor_next_kick(monitor)); kicks++)
		free(kicked);
	assert_int_equal(kicks, MONITOR_KICKS_MAX);
	monitor_free(monitor);
}

/* Who finds no place to be closed goes on, so that what it does next is not of the same event. */
static void test_monitor_next_kick__who_is_not_closed_is_held_longer(void **state)
{
	struct settings settings = settings_defaults();
	const struct who last = { "last", "last", "", true };
	struct monitor *monitor = NULL;
	char id[40];
	struct diag diag;

	(void)state;
	settings.kind[ALERT_REFUSAL_STREAK].threshold = 1;
	settings.kind[ALERT_REFUSAL_STREAK].response = ALERT_DISCONNECT;
	settings.kind[ALERT_REFUSAL_STREAK].response_s = 10;
	assert_int_equal(monitor_new(65536, &monitor, &diag), 0);
	monitor_set(monitor, &settings);
	for (unsigned i = 0; i < MONITOR_KICKS_MAX; i++) {
		struct who who = { id, id, "", true };

		(void)snprintf(id, sizeof(id), "c%u", i);
		monitor_refused(monitor, &who, REASON_TOPIC_UNKNOWN, NULL, 0, SECOND);
	}
	monitor_refused(monitor, &last, REASON_TOPIC_UNKNOWN, NULL, 0, SECOND);
	monitor_refused(monitor, &last, REASON_TOPIC_UNKNOWN, NULL, 0, SECOND);
	assert_int_equal(monitor_wait(monitor, &last, SECOND), 20 * SECOND);
	free(monitor_next_kick(monitor));
	for (unsigned i = 0; i < 5; i++)
		monitor_refused(monitor, &last, REASON_TOPIC_UNKNOWN, NULL, 0, SECOND);
	assert_int_equal(monitor_wait(monitor, &last, SECOND), 40 * SECOND);
	monitor_free(monitor);
}

static void test_monitor_new__every_allocation_may_fail(void **state)
{
	struct monitor_channel channel = { .name = "c" };
	struct diag diag;

	(void)state;
	for (size_t n = 1;; n++) {
		struct monitor *monitor = NULL;
		int rc;

		failalloc_start(n);
		rc = monitor_new(64, &monitor, &diag);
		if (rc == 0)
			rc = monitor_use(monitor, &channel, 1, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			monitor_free(monitor);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		monitor_free(monitor);
	}
}

/* ---- alerts ------------------------------------------------------------------------------ */

static void test_alerts__queue_overflow_is_counted(void **state)
{
	struct alerts *alerts = NULL;
	struct alert alert;
	struct alert evidence = { .client = "c",
				  .principal = "",
				  .other = "",
				  .address = "",
				  .where = "",
				  .detail = "",
				  .quiet_s = 1 };
	unsigned told = 0;
	struct diag diag;

	(void)state;
	assert_int_equal(alerts_new(&alerts, &diag), 0);
	for (unsigned i = 0; i < 1000; i++) {
		evidence.subject = i;
		evidence.kind = (enum alert_kind)(i % ALERT_KINDS);
		alerts_see(alerts, &evidence, (int64_t)i * 10 * SECOND);
		alerts_tick(alerts, (int64_t)i * 10 * SECOND);
	}
	while (alerts_next(alerts, &alert))
		told++;
	assert_int_equal(told, ALERTS_QUEUE_MAX);
	assert_int_equal(alerts_counts(alerts)->lost, 2 * 1000 - 1 - ALERTS_QUEUE_MAX);
	alerts_free(alerts);
}

static struct alert seen_of(uint64_t owner, uint64_t subject)
{
	return (struct alert){ .kind = ALERT_REFUSAL_STREAK,
			       .subject = subject,
			       .owner = owner,
			       .client = "c",
			       .principal = "",
			       .other = "",
			       .address = "",
			       .where = "",
			       .detail = "",
			       .quiet_s = 60 };
}

static void test_alerts_see__owners_share_the_places(void **state)
{
	struct alerts *alerts = NULL;
	struct alert evidence;
	struct alert alert;
	struct diag diag;

	(void)state;
	assert_int_equal(alerts_new(&alerts, &diag), 0);
	for (uint64_t i = 0; i < 1000; i++) {
		evidence = seen_of(1, i);
		assert_int_equal(alerts_see(alerts, &evidence, SECOND), i < ALERTS_ACTIVE_MAX);
	}
	assert_int_equal(alerts_counts(alerts)->crowded, 1000 - ALERTS_ACTIVE_MAX);
	evidence = seen_of(2, 5000);
	assert_true(alerts_see(alerts, &evidence, SECOND));
	/* it is told second, though it came last */
	assert_true(alerts_next(alerts, &alert));
	assert_int_equal(alert.owner, 1);
	assert_true(alerts_next(alerts, &alert));
	assert_int_equal(alert.owner, 2);
	assert_true(alert.is_raised);
	/* and the one that made room is told to be over */
	while (alerts_next(alerts, &alert) && alert.is_raised)
		assert_int_equal(alert.owner, 1);
	assert_false(alert.is_raised);
	assert_int_equal(alert.owner, 1);
	evidence = seen_of(1, 6000);
	assert_false(alerts_see(alerts, &evidence, SECOND));
	evidence = seen_of(2, 5000);
	assert_false(alerts_see(alerts, &evidence, SECOND)); /* stands */
	alerts_free(alerts);
}

static void test_alerts_next__a_full_queue_loses_of_who_has_most(void **state)
{
	struct alerts *alerts = NULL;
	struct alert evidence;
	struct alert alert;
	unsigned of_victim = 0;
	struct diag diag;

	(void)state;
	assert_int_equal(alerts_new(&alerts, &diag), 0);
	for (uint64_t i = 0; i < 2 * ALERTS_QUEUE_MAX; i++) {
		evidence = seen_of(1, i);
		(void)alerts_see(alerts, &evidence, (int64_t)i * 100 * SECOND);
		alerts_tick(alerts, (int64_t)(i + 1) * 100 * SECOND);
	}
	for (uint64_t i = 0; i < 8; i++) {
		evidence = seen_of(2, i);
		assert_true(alerts_see(alerts, &evidence, INT64_C(100000) * SECOND));
	}
	while (alerts_next(alerts, &alert))
		of_victim += alert.owner == 2;
	assert_int_equal(of_victim, 8);
	alerts_free(alerts);
}

static void test_alert_print__is_json_whatever_clients_call_themselves(void **state)
{
	struct alerts *alerts = NULL;
	char name[4 * ALERTS_NAME_MAX];
	struct alert evidence = { .kind = ALERT_PUBLISH_RATE,
				  .principal = "\"\n\x1b[31m",
				  .other = "",
				  .address = "::1",
				  .detail = "",
				  .count = UINT64_MAX / 2,
				  .observed = 1e18,
				  .expected = 0.1,
				  .has_numbers = true,
				  .response = ALERT_BAN };
	struct alert alert;
	char text[ALERTS_TEXT_MAX];
	json_t *json;
	size_t len;
	struct diag diag;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(name); i++)
		name[i] = (char)(1 + i % 31);
	name[sizeof(name) - 1] = '\0';
	utf8_copy(evidence.client, sizeof(evidence.client), name);
	utf8_copy(evidence.where, sizeof(evidence.where), name);
	assert_int_equal(alerts_new(&alerts, &diag), 0);
	assert_true(alerts_see(alerts, &evidence, SECOND));
	assert_false(alerts_see(alerts, &evidence, 2 * SECOND));
	assert_true(alerts_next(alerts, &alert));
	len = alert_print(&alert, 1700000000000, text);
	assert_int_equal(len, strlen(text));
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "kind")), "publish-rate");
	assert_string_equal(json_string_value(json_object_get(json, "state")), "raised");
	assert_string_equal(json_string_value(json_object_get(json, "principal")), "\"\n\x1b[31m");
	json_decref(json);
	alerts_clear(alerts, ALERT_PUBLISH_RATE, 0, 5 * SECOND);
	assert_true(alerts_next(alerts, &alert));
	assert_false(alert.is_raised);
	assert_int_equal(alert.times, 2);
	assert_false(alerts_next(alerts, &alert));
	alerts_free(alerts);
}

/* ---- bans -------------------------------------------------------------------------------- */

static void test_bans_hold__doubles_and_is_bounded(void **state)
{
	const struct bans_subject who = { 7, "app", "eva", false };
	struct bans *bans = NULL;
	int64_t now = SECOND;
	uint32_t seconds = 0, before = 5;
	struct diag diag;

	(void)state;
	assert_int_equal(bans_new(&bans, &diag), 0);
	for (int i = 0; i < 40; i++) {
		seconds = bans_hold(bans, &who, ALERT_RATE_LIMIT, 10, now);
		assert_int_equal(seconds,
				 before * 2 < BANS_HOLD_MAX_S ? before * 2 : BANS_HOLD_MAX_S);
		assert_int_equal(bans_wait(bans, 7, now), seconds * SECOND);
		before = seconds;
		now += seconds * SECOND;
		assert_int_equal(bans_wait(bans, 7, now), 0);
	}
	now += (BANS_HOLD_MAX_S + 1) * SECOND;
	assert_int_equal(bans_hold(bans, &who, ALERT_RATE_LIMIT, 10, now), 10);
	assert_int_equal(bans_count(bans, now), 1);
	assert_string_equal(bans_active(bans, 0, now)->client, "app");
	assert_null(bans_active(bans, 1, now));
	assert_int_equal(bans_lift(bans, "ap", NULL, now), 0);
	assert_int_equal(bans_lift(bans, "app", "eva", now), 1);
	assert_int_equal(bans_wait(bans, 7, now), 0);
	bans_free(bans);
	bans_free(NULL);
}

static void test_bans_put__never_shortens(void **state)
{
	const struct bans_subject who = { 7, "app", "eva", false };
	struct bans *bans = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(bans_new(&bans, &diag), 0);
	bans_put(bans, &who, ALERT_ID_PROBING, 1000, SECOND);
	bans_put(bans, &who, ALERT_ID_PROBING, 10, SECOND);
	(void)bans_hold(bans, &who, ALERT_RATE_LIMIT, 10, SECOND);
	assert_int_equal(bans_wait(bans, 7, SECOND), 1000 * SECOND);
	assert_false(bans_active(bans, 0, SECOND)->is_hold);
	assert_true(bans_is_banned(bans, 7, SECOND));
	assert_false(bans_is_banned(bans, 8, SECOND));
	(void)bans_hold(bans, &who, ALERT_RATE_LIMIT, 2000, SECOND);
	assert_true(bans_is_banned(bans, 7, 1500 * SECOND)); /* it lasts longer, and stays one */
	assert_false(bans_is_banned(bans, 7, 9000 * SECOND));
	(void)bans_hold(bans, &who, ALERT_RATE_LIMIT, 2000, 9000 * SECOND);
	assert_false(bans_is_banned(bans, 7, 9000 * SECOND));
	assert_int_equal(bans_lift(bans, NULL, NULL, 9000 * SECOND), 1);
	bans_free(bans);
}

/* ---- settings ---------------------------------------------------------------------------- */

static void test_settings_parse__changes_what_it_names(void **state)
{
	static const char text[] =
		"{\"clock-skew\":{\"enabled\":false},"
		"\"id-probing\":{\"threshold\":7,\"windowSeconds\":9,\"response\":\"ban\","
		"\"seconds\":11},\"publish-rate\":{\"factor\":2.5}}";
	struct settings settings;
	struct diag diag;

	(void)state;
	assert_int_equal(settings_parse("m.json", text, strlen(text), &settings, &diag), 0);
	assert_false(settings.kind[ALERT_CLOCK_SKEW].is_on);
	assert_int_equal(settings.kind[ALERT_ID_PROBING].threshold, 7);
	assert_int_equal(settings.kind[ALERT_ID_PROBING].window_s, 9);
	assert_int_equal(settings.kind[ALERT_ID_PROBING].response, ALERT_BAN);
	assert_int_equal(settings.kind[ALERT_ID_PROBING].response_s, 11);
	assert_true(settings.kind[ALERT_PUBLISH_RATE].factor == 2.5);
	assert_true(settings.kind[ALERT_TAKEOVER].is_on);
	assert_int_equal(settings.kind[ALERT_RATE_LIMIT].response, ALERT_DISCONNECT);
}

static void test_settings_parse__names_the_place(void **state)
{
	static const char *const bad[][2] = {
		{ "[]", "m.json: expected an object" },
		{ "{\"takover\":{}}",
		  "m.json: /takover: unknown member; did you mean \"takeover\"? the file has: "
		  "refusal-streak, rate-limit, id-probing, credential-stuffing, user-attack, "
		  "publish-rate, payload-size, duplicate-flood, silent-device, clock-skew, "
		  "takeover, stuck-status, conflict" },
		{ "{\"takeover\":1}", "m.json: /takeover: expected an object" },
		{ "{\"takeover\":{\"on\":1}}",
		  "m.json: /takeover/on: unknown member; a kind of alert has: enabled, threshold, "
		  "windowSeconds, factor, response, seconds" },
		{ "{\"takeover\":{\"enabled\":1}}",
		  "m.json: /takeover/enabled: expected true or false" },
		{ "{\"takeover\":{\"threshold\":0}}",
		  "m.json: /takeover/threshold: expected an integer from 1 to 10000" },
		{ "{\"takeover\":{\"threshold\":1.0}}",
		  "m.json: /takeover/threshold: expected an integer from 1 to 10000" },
		{ "{\"id-probing\":{\"threshold\":101}}",
		  "m.json: /id-probing/threshold: expected an integer from 1 to 100" },
		{ "{\"takeover\":{\"seconds\":86401}}",
		  "m.json: /takeover/seconds: expected an integer from 1 to 86400" },
		{ "{\"takeover\":{\"factor\":2}}",
		  "m.json: /takeover/factor: expected no such member: this kind has no factor" },
		{ "{\"silent-device\":{\"factor\":0.5}}",
		  "m.json: /silent-device/factor: expected a number from 1 to 1000000" },
		{ "{\"takeover\":{\"response\":\"shout\"}}",
		  "m.json: /takeover/response: expected \"report\", \"limit\", \"disconnect\" or "
		  "\"ban\"" },
		{ "{\"stuck-status\":{\"response\":\"ban\"}}",
		  "m.json: /stuck-status/response: expected \"report\": this is not about one "
		  "client" },
	};
	struct settings settings = { .kind[0].threshold = 4711 };
	struct diag diag;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(
			settings_parse("m.json", bad[i][0], strlen(bad[i][0]), &settings, &diag),
			ERR_INVALID);
		assert_true(place_says(diag.text, bad[i][1]));
	}
	assert_int_equal(settings.kind[0].threshold, 4711);
	assert_int_equal(settings_load("test/data/monitor/no-such-file", &settings, NULL, &diag),
			 ERR_IO);
}

static void test_settings_table__rows_stand_where_they_belong(void **state)
{
	const struct setting_row *row = settings_table();

	(void)state;
	for (unsigned kind = 0; kind < ALERT_KINDS; kind++) {
		assert_int_equal(row[kind].kind, kind);
		assert_true(row[kind].preset.threshold > 0 && row[kind].preset.window_s > 0);
		assert_true(row[kind].preset.threshold <= row[kind].threshold_max);
		assert_true(row[kind].preset.response == ALERT_REPORT || row[kind].is_about_client);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bucket_take__lets_a_burst_and_then_the_rate_pass),
		cmocka_unit_test(test_bucket_take__refuses_without_charging),
		cmocka_unit_test(
			test_bucket_take__lets_what_exceeds_the_burst_through_a_full_bucket),
		cmocka_unit_test(test_bucket_take__no_rate_is_no_limit),
		cmocka_unit_test(test_fixedtable_take__gives_up_who_was_quiet_longest),
		cmocka_unit_test(test_fixedtable_take__keeps_connected_ones_longer),
		cmocka_unit_test(test_fixedtable_take__a_flood_pushes_no_bad_one_out),
		cmocka_unit_test(test_fixedtable_take__newcomers_share_where_all_are_bad),
		cmocka_unit_test(test_fixedtable_take__what_is_held_stays),
		cmocka_unit_test(test_fixedtable_take__an_owner_pushes_out_its_own),
		cmocka_unit_test(test_fixedtable_take__records_lie_one_behind_the_other),
		cmocka_unit_test(test_fixedtable_find__ids_of_one_set_that_end_alike),
		cmocka_unit_test(test_fixedtable_next__sees_each_once_in_a_round),
		cmocka_unit_test(test_baseline__learns_before_it_judges),
		cmocka_unit_test(test_baseline__gets_used_to_a_change_slowly),
		cmocka_unit_test(test_client_channel__a_change_of_channel_forgives_nothing),
		cmocka_unit_test(test_clients_take__a_principal_cannot_spoil_anothers_record),
		cmocka_unit_test(test_monitor_charge__client_ids_share_their_principals_limit),
		cmocka_unit_test(test_monitor_subscribe__is_of_the_principals_connected_clients),
		cmocka_unit_test(test_monitor__patterns),
		cmocka_unit_test(test_monitor__memory_is_bounded_by_what_it_began_with),
		cmocka_unit_test(test_monitor_client__a_seat_that_was_given_away_is_noticed),
		cmocka_unit_test(test_monitor_next_kick__is_bounded),
		cmocka_unit_test(test_monitor_next_kick__who_is_not_closed_is_held_longer),
		cmocka_unit_test(test_monitor_new__every_allocation_may_fail),
		cmocka_unit_test(test_alerts__queue_overflow_is_counted),
		cmocka_unit_test(test_alerts_see__owners_share_the_places),
		cmocka_unit_test(test_alerts_next__a_full_queue_loses_of_who_has_most),
		cmocka_unit_test(test_alert_print__is_json_whatever_clients_call_themselves),
		cmocka_unit_test(test_bans_hold__doubles_and_is_bounded),
		cmocka_unit_test(test_bans_put__never_shortens),
		cmocka_unit_test(test_settings_parse__changes_what_it_names),
		cmocka_unit_test(test_settings_parse__names_the_place),
		cmocka_unit_test(test_settings_table__rows_stand_where_they_belong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
