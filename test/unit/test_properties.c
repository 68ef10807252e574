/*
 * The decision about a message's MQTT 5 properties, and what is left open where the broker does not
 * show them. Decisions are data: test/data/properties/decisions.cases, with lines of
 *
 *     EXPECTED TOPIC PROPERTY... PAYLOAD
 *
 * PROPERTY is user:NAME=VALUE, type=, response=, correlation= or format= with a value; `cut`: there
 * are more user properties than are read; `hidden`: the broker shows none; `will`: a last will.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cases.h"
#include "gate/gate.h"

#define DATA "test/data/properties/"

struct scene {
	struct rules *rules;
	struct gate gate;
};

static void begin(struct scene *ret, const char *contract)
{
	struct rules_files files = { .contract = SOURCES_AT(contract) };
	struct diag diag;

	diag_init(&diag);
	if (rules_load(&files, &ret->rules, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(gate_init(&ret->gate, ret->rules, NULL, &diag), 0);
}

static void end(struct scene *scene)
{
	gate_clear(&scene->gate);
	rules_free(scene->rules);
}

/* A publish as a line describes it. */
struct publish {
	struct gate_request request;
	struct message_properties shown;
	struct payload_pair user[PAYLOAD_MAX_PAIRS];
};

static void set_text(struct property_text *ret, const char *text, size_t len)
{
	*ret = (struct property_text){ PROPERTY_PRESENT, text, len };
}

static void add_user(struct publish *publish, char *word)
{
	char *value = strchr(word, '=');

	assert_non_null(value);
	*value++ = '\0';
	publish->user[publish->shown.user_count++] =
		(struct payload_pair){ word, strlen(word), value, strlen(value) };
	publish->shown.users_shown = PROPERTY_PRESENT;
}

/* One word of a line; false: it is the payload. */
static bool add_word(struct publish *publish, char *word)
{
	struct message_properties *shown = &publish->shown;
	char *value = strchr(word, '=');

	if (strncmp(word, "user:", 5) == 0)
		add_user(publish, word + 5);
	else if (strncmp(word, "type=", 5) == 0)
		set_text(&shown->content_type, value + 1, strlen(value + 1));
	else if (strncmp(word, "response=", 9) == 0)
		set_text(&shown->response_topic, value + 1, strlen(value + 1));
	else if (strncmp(word, "correlation=", 12) == 0)
		set_text(&shown->correlation, value + 1, strlen(value + 1));
	else if (strncmp(word, "format=", 7) == 0)
		shown->format = (unsigned)(value[1] - '0'), shown->format_shown = PROPERTY_PRESENT;
	else if (strcmp(word, "cut") == 0)
		shown->is_cut = true;
	else if (strcmp(word, "hidden") == 0)
		publish->request.shown = NULL;
	else if (strcmp(word, "will") == 0)
		publish->request.message.is_will = true;
	else
		return false;
	return true;
}

static void read_line(char *text, struct publish *ret)
{
	char *word = strsep(&text, " ");

	memset(ret, 0, sizeof(*ret));
	ret->shown = properties_absent();
	ret->shown.user = ret->user;
	ret->request.shown = &ret->shown;
	ret->request.message = (struct message){ .topic = word, .topic_len = strlen(word) };
	while ((word = strsep(&text, " ")))
		if (!add_word(ret, word)) {
			ret->request.message.payload = word;
			ret->request.message.payload_len = strlen(word);
		}
}

static const char *outcome(const struct decision *decision)
{
	static const char *const open[] = { "allow", "open-if-present", "open" };

	if (decision->verdict != VERDICT_ALLOW)
		return reason_code(decision->reason);
	return open[decision->open];
}

static bool decide(void *ctx, const struct cases_line *line)
{
	static const struct access_principal anybody = { .name = "anybody" };
	struct scene *scene = ctx;
	char text[CASES_LINE_MAX];
	struct decision decision;
	struct publish publish;

	memcpy(text, line->text, line->len + 1);
	read_line(text, &publish);
	gate_decide(&scene->gate, &anybody, &publish.request, &decision);
	if (decision.verdict != VERDICT_ALLOW)
		assert_true(decision.error.message[0] != '\0');
	if (strcmp(outcome(&decision), line->word) == 0)
		return true;
	(void)fprintf(stderr, "%s: %s\n", outcome(&decision), decision.error.message);
	return false;
}

static void test_gate_decide__judges_properties(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, DATA "properties.asyncapi.json");
	assert_int_equal(cases_run(DATA "decisions.cases", &scene, decide), 0);
	end(&scene);
}

/*
 * Sixty-four messages with one payload and headers of their own: all of them together have the work
 * of one message.
 */
static void test_gate_decide__bounds_headers_of_many_messages(void **state)
{
	static const struct access_principal anybody = { .name = "anybody" };
	struct payload_pair pair[PAYLOAD_MAX_PAIRS];
	struct message_properties shown = { .user = pair,
					    .user_count = PAYLOAD_MAX_PAIRS,
					    .users_shown = PROPERTY_PRESENT };
	struct gate_request request = {
		.message = { .topic = "many", .topic_len = 4, .payload = "1", .payload_len = 1 },
		.shown = &shown
	};
	struct decision decision;
	struct scene scene;

	(void)state;
	for (size_t i = 0; i < PAYLOAD_MAX_PAIRS; i++)
		pair[i] = (struct payload_pair){
			.name = "a", .name_len = 1, .value = "b", .value_len = 1
		};
	begin(&scene, DATA "many.asyncapi.yaml");
	gate_decide(&scene.gate, &anybody, &request, &decision);
	assert_int_equal(decision.reason, REASON_SCHEMA_LIMIT);
	shown.user_count = 1;
	gate_decide(&scene.gate, &anybody, &request, &decision);
	assert_int_equal(decision.reason, REASON_HEADER_VIOLATION);
	pair[0].value = "7";
	gate_decide(&scene.gate, &anybody, &request, &decision);
	assert_int_equal(decision.verdict, VERDICT_ALLOW);
	assert_string_equal(decision.kind->name, "m7");
	end(&scene);
}

/* Where a last will would be refused, the load says so; once, and only there. */
static void test_rules_load__warns_of_what_is_not_shown(void **state)
{
	struct scene scene;
	unsigned found = 0;

	(void)state;
	begin(&scene, DATA "properties.asyncapi.json");
	for (size_t i = 0; rules_warning(scene.rules, i); i++)
		found += strstr(rules_warning(scene.rules, i), "/channels/") &&
			 strstr(rules_warning(scene.rules, i), "Mosquitto 2.0 shows none");
	assert_int_equal(found, 1);
	assert_true(scene.rules->has_property_rules);
	end(&scene);
}

/* ---- the listener that a client is on ------------------------------------------------------ */

static enum verdict ask_as(struct scene *scene, enum gate_action action, const char *topic,
			   enum login_method method, uint16_t port)
{
	static const struct access_principal anybody = { .name = "anybody" };
	struct gate_request request = {
		.action = action,
		.message = { .topic = topic,
			     .topic_len = strlen(topic),
			     .payload = "1",
			     .payload_len = 1 },
		.method = method,
		.port = port,
	};
	struct decision decision;

	gate_decide(&scene->gate, &anybody, &request, &decision);
	if (decision.verdict != VERDICT_ALLOW)
		assert_int_equal(decision.reason, REASON_SCOPE_MISSING);
	return decision.verdict;
}

static enum verdict ask(struct scene *scene, enum gate_action action, const char *topic,
			uint16_t port)
{
	return ask_as(scene, action, topic, LOGIN_PASSWORD, port);
}

static void test_gate_decide__asks_what_the_listeners_server_asks(void **state)
{
	static const struct {
		const char *topic;
		enum login_method method;
		uint16_t port;
		bool is_allowed;
	} cases[] = {
		{ "any", LOGIN_PASSWORD, 1883, true },
		{ "any", LOGIN_PASSWORD, 8883, false },
		{ "any", LOGIN_CERTIFICATE, 8883, true },
		{ "any", LOGIN_CERTIFICATE, 1883, false },
		{ "any", LOGIN_TOKEN, 1884, true },
		{ "any", LOGIN_PASSWORD, 0, true },
		{ "any", LOGIN_PASSWORD, 31883, true },
		{ "two", LOGIN_PASSWORD, 8883, false },
		{ "two", LOGIN_TOKEN, 0, false },
		{ "two", LOGIN_TOKEN, 31883, false },
		{ "token", LOGIN_TOKEN, 1884, true },
		{ "token", LOGIN_TOKEN, 8883, false },
		{ "token", LOGIN_CERTIFICATE, 8883, true },
		{ "token", LOGIN_CERTIFICATE, 1883, false },
		{ "token", LOGIN_PASSWORD, 1884, false },
	};
	struct scene scene;

	(void)state;
	begin(&scene, DATA "secured.asyncapi.yaml");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if ((ask_as(&scene, GATE_PUBLISH, cases[i].topic, cases[i].method, cases[i].port) ==
		     VERDICT_ALLOW) != cases[i].is_allowed)
			fail_msg("case %zu", i);
	assert_int_equal(ask_as(&scene, GATE_DELIVER, "any", LOGIN_PASSWORD, 8883), VERDICT_DENY);
	assert_int_equal(ask_as(&scene, GATE_DELIVER, "any", LOGIN_CERTIFICATE, 8883),
			 VERDICT_ALLOW);
	end(&scene);
}

static void test_gate_decide__knows_the_listener(void **state)
{
	static const enum gate_action actions[] = { GATE_PUBLISH, GATE_DELIVER, GATE_SUBSCRIBE };
	struct scene scene;
	bool is_warned = false;

	(void)state;
	begin(&scene, DATA "ports.asyncapi.json");
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(ask(&scene, actions[i], "inner", 1883), VERDICT_ALLOW);
		assert_int_equal(ask(&scene, actions[i], "inner", 8883), VERDICT_DENY);
		assert_int_equal(ask(&scene, actions[i], "inner", 0), VERDICT_ALLOW); /* 2.0 */
		assert_int_equal(ask(&scene, actions[i], "inner", 31883), VERDICT_ALLOW);
	}
	assert_int_equal(ask(&scene, GATE_PUBLISH, "both", 8883), VERDICT_ALLOW);
	for (size_t i = 0; rules_warning(scene.rules, i); i++)
		is_warned |= strstr(rules_warning(scene.rules, i), "client's listener") != NULL;
	assert_true(is_warned);
	end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gate_decide__judges_properties),
		cmocka_unit_test(test_gate_decide__bounds_headers_of_many_messages),
		cmocka_unit_test(test_rules_load__warns_of_what_is_not_shown),
		cmocka_unit_test(test_gate_decide__knows_the_listener),
		cmocka_unit_test(test_gate_decide__asks_what_the_listeners_server_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
