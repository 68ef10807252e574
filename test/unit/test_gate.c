/*
 * The decision, over the shipped contract: each .cases file of test/data/gate is a story that
 * one ledger lives through; those of test/data/gate/kinds are about a contract of their own, with
 * several messages and operations of a channel. A line is
 *
 *     EXPECTED[=MESSAGE] USER[:CLIENT] ACTION TOPIC [qos=N] [retain] [will] [PAYLOAD]
 *
 * EXPECTED is `keep` (allowed, and the implied write is committed), `allow` (allowed, nothing
 * to keep) or the code of the reason for which it is refused, `observed:` in front of it where it
 * is not refused for it; MESSAGE is the message that it is, or is nearest to; in kinds it is said
 * wherever there is one. `@NAME=JSON` defines a payload that later lines call @NAME; `size=N` as
 * the payload is N bytes of a string, `hex=FF41` what these bytes are (without a zero).
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "failalloc.h"
#include "gate/gate.h"
#include "quickdisk.h"

#define CASES "test/data/gate"
#define KINDS CASES "/kinds"
#define NAMES_MAX 64

struct story {
	char folder[32];
	struct rules *rules;
	struct ledger *ledger;
	struct gate gate;
	char *name[NAMES_MAX], *text[NAMES_MAX];
	size_t names;
	const char *file;
	unsigned line;
	bool is_of_kinds; /* a line says the message where there is one */
};

static void begin(struct story *story, const char *contract, const char *access)
{
	struct rules_files files = { .contract = SOURCES_AT(contract), .access = access };
	struct ledger_options options = {
		.journal_bytes = 1 << 20, .batch_rows = 100, .batch_ms = 5, .cache_entities = 1024
	};
	char path[64];
	struct diag diag;

	memset(story, 0, sizeof(*story));
	strcpy(story->folder, "/tmp/petstore-gate-XXXXXX");
	assert_non_null(mkdtemp(story->folder));
	(void)snprintf(path, sizeof(path), "%s/petstore.db", story->folder);
	options.path = path;
	diag_init(&diag);
	if (rules_load(&files, &story->rules, &diag))
		fail_msg("%s", diag.text);
	if (ledger_open(&options, &story->rules->contract->plan, &story->ledger, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(gate_init(&story->gate, story->rules, story->ledger, &diag), 0);
}

static void end(struct story *story)
{
	char command[64];

	gate_clear(&story->gate);
	ledger_close(story->ledger);
	rules_free(story->rules);
	for (size_t i = 0; i < story->names; i++) {
		free(story->name[i]);
		free(story->text[i]);
	}
	(void)snprintf(command, sizeof(command), "rm -r %s", story->folder);
	assert_int_equal(system(command), 0);
}

static void define(struct story *story, char *line)
{
	char *equals = strchr(line, '=');

	assert_non_null(equals);
	assert_true(story->names < NAMES_MAX);
	*equals = '\0';
	story->name[story->names] = strdup(line);
	story->text[story->names++] = strdup(equals + 1);
}

static char *payload_of(const struct story *story, const char *word)
{
	if (strncmp(word, "size=", 5) == 0) {
		size_t size = strtoul(word + 5, NULL, 10);
		char *text = malloc(size + 1);

		memset(text, 'x', size);
		text[0] = text[size - 1] = '"';
		text[size] = '\0';
		return text;
	}
	if (strncmp(word, "hex=", 4) == 0) {
		char *bytes = calloc(1, strlen(word));

		for (size_t i = 0; word[4 + 2 * i]; i++)
			(void)sscanf(word + 4 + 2 * i, "%2hhx", (unsigned char *)&bytes[i]);
		return bytes;
	}
	for (size_t i = story->names; word[0] == '@' && i-- > 0;)
		if (strcmp(story->name[i], word) == 0)
			return strdup(story->text[i]);
	assert_int_not_equal(word[0], '@');
	return strdup(word);
}

static enum gate_action action_of(const char *word)
{
	static const char *const names[] = { [GATE_PUBLISH] = "publish",
					     [GATE_DELIVER] = "deliver",
					     [GATE_SUBSCRIBE] = "subscribe",
					     [GATE_UNSUBSCRIBE] = "unsubscribe" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], word) == 0)
			return (enum gate_action)i;
	fail_msg("no action \"%s\"", word);
	return GATE_PUBLISH;
}

static const char *outcome(struct story *story, struct decision *decision)
{
	static char observed[64];
	struct diag diag;

	if (decision->verdict != VERDICT_ALLOW)
		return reason_code(decision->reason);
	if (decision->is_observed) {
		(void)snprintf(observed, sizeof(observed), "observed:%s",
			       reason_code(decision->reason));
		return observed;
	}
	assert_int_equal(decision->reason, REASON_NONE);
	if (!decision->has_write)
		return "allow";
	decision->write.publisher = "test";
	decision->write.client_id = "test";
	if (ledger_commit(story->ledger, &decision->write, &diag))
		fail_msg("%s:%u: %s", story->file, story->line, diag.text);
	return "keep";
}

/* Is it the message that the line expects? */
static void check_kind(const struct story *story, const struct decision *decision,
		       const char *expected)
{
	const char *name = decision->kind ? decision->kind->name : "none";

	if ((expected || story->is_of_kinds) && strcmp(name, expected ? expected : "none") != 0)
		fail_msg("%s:%u: expected message %s, got %s: %s", story->file, story->line,
			 expected ? expected : "none", name, decision->error.message);
	if (decision->kind && decision->reason != REASON_NONE &&
	    decision->channel->message_count > 1 && !strstr(decision->error.message, name))
		fail_msg("%s:%u: does not name the message: %s", story->file, story->line,
			 decision->error.message);
}

static void run_line(struct story *story, char *line)
{
	char *kind = strsep(&line, " ");
	const char *expected = strsep(&kind, "=");
	char *user = strsep(&line, " ");
	char *client = strchr(user, ':');
	struct gate_request request = { .action = action_of(strsep(&line, " ")) };
	struct decision decision;
	char *payload = NULL;
	const char *actual;

	if (client)
		*client++ = '\0';
	request.client_id = client;
	request.message.topic = strsep(&line, " ");
	request.message.topic_len = strlen(request.message.topic);
	while (line && line[0] != '{' && line[0] != '[') {
		char *word = strsep(&line, " ");

		if (strncmp(word, "qos=", 4) == 0)
			request.message.qos = (unsigned)(word[4] - '0');
		else if (strcmp(word, "retain") == 0)
			request.message.is_retained = true;
		else if (strcmp(word, "will") == 0)
			request.message.is_will = true;
		else
			payload = payload_of(story, word);
	}
	if (line)
		payload = strdup(line);
	request.message.payload = payload;
	request.message.payload_len = payload ? strlen(payload) : 0;
	gate_decide(&story->gate, access_find(story->rules->access, user), &request, &decision);
	actual = outcome(story, &decision);
	if (strcmp(actual, expected) != 0)
		fail_msg("%s:%u: expected %s, got %s: %s %s", story->file, story->line, expected,
			 actual, decision.error.instance, decision.error.message);
	check_kind(story, &decision, kind);
	if (decision.verdict == VERDICT_DENY && request.action != GATE_DELIVER)
		assert_true(decision.error.message[0] != '\0');
	free(payload);
}

static unsigned run_file(struct story *story, const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	unsigned count = 0;

	assert_non_null(file);
	story->file = path;
	for (story->line = 1; getline(&line, &cap, file) > 0; story->line++) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		if (line[0] == '@') {
			define(story, line);
			continue;
		}
		run_line(story, line);
		count++;
	}
	free(line);
	(void)fclose(file);
	return count;
}

/* Lives through all stories in @folder; returns how many lines they have. */
static unsigned run_folder(const char *folder, const char *contract)
{
	struct dirent **entry;
	int count = scandir(folder, &entry, NULL, alphasort);
	unsigned lines = 0;

	assert_true(count > 0);
	for (int i = 0; i < count; i++) {
		char path[512], access[512];
		struct story story;

		if (strstr(entry[i]->d_name, ".cases")) {
			(void)snprintf(path, sizeof(path), "%s/%s", folder, entry[i]->d_name);
			(void)snprintf(access, sizeof(access), "%s/access.json", folder);
			begin(&story, contract, access);
			story.is_of_kinds = strcmp(folder, KINDS) == 0;
			lines += run_file(&story, path);
			end(&story);
		}
		free(entry[i]);
	}
	free(entry);
	return lines;
}

static void test_gate_decide__lives_through_the_stories(void **state)
{
	(void)state;
	assert_true(run_folder(CASES, "schemas/petstore.asyncapi.json") > 50);
}

static void test_gate_decide__finds_the_message(void **state)
{
	(void)state;
	assert_true(run_folder(KINDS, KINDS "/kinds.asyncapi.json") > 40);
}

static void decide(struct story *story, const char *user, const char *topic, const char *payload,
		   struct decision *ret)
{
	struct gate_request request = { .action = GATE_PUBLISH,
					.message = { .topic = topic,
						     .topic_len = strlen(topic),
						     .payload = payload,
						     .payload_len = strlen(payload),
						     .qos = 1 } };

	gate_decide(&story->gate, access_find(story->rules->access, user), &request, ret);
}

#define ORDER(status, more)                                                                        \
	"{\"orderId\":\"o-1\",\"status\":\"" status                                                \
	"\",\"updatedAt\":\"2026-01-15T10:30:00Z\"" more "}"

static void test_gate_decide__says_why(void **state)
{
	struct decision decision;
	struct story story;

	(void)state;
	begin(&story, "schemas/petstore.asyncapi.json", CASES "/access.json");
	decide(&story, "orders-service", "orders/o-1/status", ORDER("SHIPPED", ""), &decision);
	assert_string_equal(decision.error.message,
			    "a new order begins with PLACED, not with SHIPPED");
	assert_string_equal(decision.error.instance, "/status");
	assert_string_equal(decision.current_status, "");
	decide(&story, "orders-service", "orders/o-1/status", ORDER("PLACED", ",\"userId\":\"u\""),
	       &decision);
	assert_string_equal(outcome(&story, &decision), "keep");
	decide(&story, "orders-service", "orders/o-1/status", ORDER("DELIVERED", ""), &decision);
	assert_string_equal(decision.error.message,
			    "order is PLACED: APPROVED, CANCELLED may follow, not DELIVERED");
	assert_string_equal(decision.current_status, "PLACED");
	decide(&story, "orders-service", "orders/o-2/status", ORDER("APPROVED", ""), &decision);
	assert_string_equal(decision.error.message,
			    "orderId is \"o-2\" in the topic and \"o-1\" in the payload");
	assert_string_equal(decision.error.instance, "/orderId");
	decide(&story, "collar-7", "orders/o-1/status", ORDER("APPROVED", ""), &decision);
	assert_non_null(strstr(decision.error.message, "write:orders"));
	decide(&story, "orders-service", "orders/o-1/status", "{\"orderId\":\"o-1\",", &decision);
	assert_non_null(strstr(decision.error.message, "at byte "));
	end(&story);
}

static const struct contract_channel *channel_of(const struct story *story, const char *name)
{
	const struct contract *contract = story->rules->contract;

	for (size_t i = 0; i < contract->channel_count; i++)
		if (strcmp(contract->channel[i].name, name) == 0)
			return &contract->channel[i];
	fail_msg("no channel %s", name);
	return NULL;
}

/* An operation that asks for a login admits whoever logged in so, and whose login is not known. */
static void test_gate_decide__asks_how_a_client_logged_in(void **state)
{
	static const struct {
		enum login_method method;
		enum reason reason;
	} cases[] = { { LOGIN_PASSWORD, REASON_SCOPE_MISSING },
		      { LOGIN_SCRAM, REASON_SCOPE_MISSING },
		      { LOGIN_CERTIFICATE, REASON_NONE },
		      { LOGIN_TOKEN, REASON_NONE },
		      { GATE_LOGIN_ANY, REASON_NONE } };
	struct gate_request request = { .action = GATE_PUBLISH,
					.message = { .topic = "jobs/bob",
						     .topic_len = 8,
						     .payload = "{\"kind\":\"start\"}",
						     .payload_len = 16,
						     .qos = 1 } };
	struct contract_alternative *alternative;
	const struct access_principal *bob;
	struct decision decision;
	struct story story;

	(void)state;
	begin(&story, KINDS "/kinds.asyncapi.json", KINDS "/access.json");
	bob = access_find(story.rules->access, "bob");
	alternative =
		(struct contract_alternative *)channel_of(&story, "jobs")->send[0].alternative;
	alternative->methods = 1 << LOGIN_CERTIFICATE | 1 << LOGIN_TOKEN;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		request.method = cases[i].method;
		gate_decide(&story.gate, bob, &request, &decision);
		assert_int_equal(decision.reason, cases[i].reason);
		if (cases[i].reason != REASON_NONE)
			assert_string_equal(decision.error.message,
					    "operation startJob needs a login by certificate or "
					    "token, which bob lacks; the channel's other "
					    "operations do not admit it either");
	}
	end(&story);
}

/* Messages that differ in their user properties alone are told apart by these, once shown. */
static void test_gate_decide__tells_messages_apart_by_properties(void **state)
{
	static const struct {
		const char *type; /* NULL: no user property */
		const char *kind;
		enum reason reason;
	} cases[] = { { "opened", "opened", REASON_NONE },
		      { "closed", "closed", REASON_NONE },
		      { "lost", "opened", REASON_HEADER_VIOLATION },
		      { NULL, "opened", REASON_HEADER_VIOLATION } };
	struct gate_request request = {
		.action = GATE_PUBLISH,
		.message = { .topic = "tagged", .topic_len = 6, .payload = "{}", .payload_len = 2 }
	};
	struct message_properties shown = properties_absent();
	struct payload_pair pair = { .name = "type", .name_len = 4 };
	const struct access_principal *eve;
	struct decision decision;
	struct story story;

	(void)state;
	begin(&story, KINDS "/kinds.asyncapi.json", KINDS "/access.json");
	eve = access_find(story.rules->access, "eve");
	gate_decide(&story.gate, eve, &request, &decision);
	assert_int_equal(decision.verdict, VERDICT_ALLOW);
	assert_int_equal(decision.open, GATE_OPEN); /* asked again when they are shown */
	request.shown = &shown;
	shown.user = &pair;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pair.value = cases[i].type;
		pair.value_len = cases[i].type ? strlen(cases[i].type) : 0;
		shown.user_count = cases[i].type != NULL;
		shown.users_shown = cases[i].type ? PROPERTY_PRESENT : PROPERTY_ABSENT;
		gate_decide(&story.gate, eve, &request, &decision);
		assert_int_equal(decision.reason, cases[i].reason);
		assert_string_equal(decision.kind->name, cases[i].kind);
	}
	end(&story);
}

static void test_gate_faults__lists_what_the_decision_stopped_at(void **state)
{
	static const char bad[] = "{\"orderId\":7,\"status\":\"LOST\",\"totalAmount\":\"1.5\","
				  "\"currency\":\"euro\",\"colour\":1}";
	static const char *const pointer[] = { "/orderId", "/status", "", "/currency", "/colour" };
	struct schema_error fault[8];
	struct decision decision;
	struct story story;
	size_t count;

	(void)state;
	begin(&story, "schemas/petstore.asyncapi.json", CASES "/access.json");
	decide(&story, "orders-service", "orders/o-1/status", bad, &decision);
	assert_int_equal(decision.reason, REASON_SCHEMA_VIOLATION);
	count = gate_faults(story.rules, &decision, fault, 8);
	assert_true(count >= 6);
	assert_string_equal(fault[0].instance, decision.error.instance);
	assert_string_equal(fault[0].keyword, decision.error.keyword);
	assert_string_equal(fault[0].message, decision.error.message);
	for (size_t i = 0; i < sizeof(pointer) / sizeof(pointer[0]); i++) {
		size_t k = 0;

		while (k < count && strcmp(fault[k].instance, pointer[i]) != 0)
			k++;
		assert_true(k < count);
	}
	assert_int_equal(gate_faults(story.rules, &decision, fault, 2), 2);
	assert_int_equal(gate_faults(story.rules, &decision, fault, 0), 0);
	/* one of another kind, and what is not about a member */
	decide(&story, "orders-service", "orders/o-1/status", ORDER("SHIPPED", ""), &decision);
	assert_int_equal(gate_faults(story.rules, &decision, fault, 8), 1);
	assert_string_equal(fault[0].keyword, "transition");
	decide(&story, "collar-7", "orders/o-1/status", bad, &decision);
	assert_int_equal(gate_faults(story.rules, &decision, fault, 8), 0);
	end(&story);
}

/* The write that a decision implies, seen through a ledger, and the state after it. */
static void test_gate_decide__implies_a_whole_write(void **state)
{
	struct decision decision;
	struct ledger_state order;
	struct story story;
	struct diag diag;
	unsigned entity;

	(void)state;
	begin(&story, "schemas/petstore.asyncapi.json", CASES "/access.json");
	decide(&story, "orders-service", "orders/o-1/status",
	       ORDER("PLACED", ",\"userId\":\"u-1\",\"totalAmount\":\"12.50\""), &decision);
	assert_true(decision.has_write);
	entity = decision.write.entity;
	assert_int_equal(decision.write.id_len, 3);
	assert_memory_equal(decision.write.id, "o-1", 3);
	assert_memory_equal(decision.write.owner, "u-1", 3);
	assert_int_equal(decision.write.value_count, 2);
	assert_int_equal(decision.value[0].type, VALUE_TEXT);
	assert_memory_equal(decision.value[0].text, "PLACED", 6);
	assert_memory_equal(decision.value[1].text, "12.50", 5);
	assert_false(decision.write.is_power);
	assert_string_equal(outcome(&story, &decision), "keep");
	assert_int_equal(ledger_look(story.ledger, entity, "o-1", 3, &order, &diag), 0);
	assert_true(order.is_known);
	assert_string_equal(order.owner, "u-1");
	assert_int_equal(order.revision, 1);
	end(&story);
}

/* ---- allocations ------------------------------------------------------------------------- */

/* Of this thread, by whatever library: --wrap sees our own calls only. */
static __thread bool is_counting;
static __thread size_t allocations;

/* ASan's; Debian's gcc comes without the header that declares it. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
					      void (*on_free)(const volatile void *));

static void count_allocation(const volatile void *block, size_t size)
{
	(void)block;
	(void)size;
	allocations += is_counting;
}

static void ignore_free(const volatile void *block)
{
	(void)block;
}

/* Allocations of a decision, and of keeping what it implies. */
static size_t cost_of(struct story *story, const char *user, const struct gate_request *request)
{
	const struct access_principal *principal = access_find(story->rules->access, user);
	struct decision decision;
	struct diag diag;

	allocations = 0;
	is_counting = true;
	gate_decide(&story->gate, principal, request, &decision);
	is_counting = false;
	if (decision.verdict != VERDICT_ALLOW)
		fail_msg("%s: %s", reason_code(decision.reason), decision.error.message);
	if (!decision.has_write)
		return allocations;
	decision.write.publisher = "test";
	decision.write.client_id = "test";
	is_counting = true;
	assert_int_equal(ledger_commit(story->ledger, &decision.write, &diag), 0);
	is_counting = false;
	return allocations;
}

static void test_gate_decide__allocates_nothing(void **state)
{
	static const char filter[] = "orders/+/status";
	static const char topic[] = "orders/o-1/status";
	static const char *const payloads[] = {
		ORDER("PLACED", ",\"userId\":\"u-1\",\"totalAmount\":\"12.50\""),
		ORDER("PLACED", ",\"userId\":\"u-1\""),
		ORDER("APPROVED", ",\"changedBy\":\"me\""),
	};
	struct gate_request deliver = { .action = GATE_DELIVER, .message.topic = topic };
	struct gate_request subscribe = { .action = GATE_SUBSCRIBE, .message.topic = filter };
	struct decision decision;
	struct story story;
	size_t cost;

	(void)state;
	(void)__sanitizer_install_malloc_and_free_hooks(count_allocation, ignore_free);
	begin(&story, "schemas/petstore.asyncapi.json", CASES "/access.json");
	decide(&story, "orders-service", "orders/o-2/status",
	       "{\"orderId\":\"o-2\",\"status\":\"PLACED\",\"userId\":\"u-1\","
	       "\"updatedAt\":\"2026-01-15T10:30:00Z\"}",
	       &decision);
	assert_string_equal(outcome(&story, &decision), "keep"); /* what grows has grown */
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		struct gate_request publish = { .action = GATE_PUBLISH,
						.message = { .topic = topic,
							     .topic_len = strlen(topic),
							     .payload = payloads[i],
							     .payload_len = strlen(payloads[i]),
							     .qos = 1 } };

		cost = cost_of(&story, "orders-service", &publish);
#ifdef PAYLOAD_YYJSON
		assert_int_equal(cost, 0);
#else
		assert_true(cost > 0); /* Jansson allocates each value: the hook counts */
#endif
	}
	deliver.message.topic_len = strlen(topic);
	assert_int_equal(cost_of(&story, "orders-service", &deliver), 0);
	subscribe.message.topic_len = strlen(filter);
	assert_int_equal(cost_of(&story, "orders-service", &subscribe), 0);
	end(&story);
}

static void test_rules_load__survives_failing_allocations(void **state)
{
	struct rules_files files = { .contract = SOURCES_AT("schemas/petstore.asyncapi.json"),
				     .access = CASES "/access.json" };
	size_t step = 1;

	(void)state;
	/* Thousands of allocations: each of the first, then every so many. */
	for (size_t n = 1;; n += step) {
		struct rules *rules = NULL;
		struct diag diag;
		int rc;

		failalloc_start(n);
		rc = rules_load(&files, &rules, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			rules_free(rules);
			break;
		}
		assert_true(rc < 0);
		assert_null(rules);
		step = n > 200 ? 37 : 1;
	}
}

static void test_gate_init__survives_failing_allocations(void **state)
{
	struct rules_files files = { .contract = SOURCES_AT("schemas/petstore.asyncapi.json"),
				     .access = CASES "/access.json" };
	struct rules *rules = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(rules_load(&files, &rules, &diag), 0);
	for (size_t n = 1;; n++) {
		struct gate gate;
		int rc;

		failalloc_start(n);
		rc = gate_init(&gate, rules, NULL, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			gate_clear(&gate);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
	}
	rules_free(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gate_decide__lives_through_the_stories),
		cmocka_unit_test(test_gate_decide__finds_the_message),
		cmocka_unit_test(test_gate_decide__asks_how_a_client_logged_in),
		cmocka_unit_test(test_gate_decide__tells_messages_apart_by_properties),
		cmocka_unit_test(test_gate_decide__says_why),
		cmocka_unit_test(test_gate_decide__implies_a_whole_write),
		cmocka_unit_test(test_gate_faults__lists_what_the_decision_stopped_at),
		cmocka_unit_test(test_gate_decide__allocates_nothing),
		cmocka_unit_test(test_rules_load__survives_failing_allocations),
		cmocka_unit_test(test_gate_init__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
