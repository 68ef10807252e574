/*
 * Topics that no channel has (x-unlisted): who may use them. Decisions are data:
 * test/data/unlisted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/config.h"
#include "cases.h"
#include "gate/gate.h"

#define DATA "test/data/unlisted/"

struct scene {
	struct rules *rules;
	struct gate gate;
	char access[64];
};

/* An access file that is the one of the tests, with @settings (NULL: none) for its documents. */
static void write_access(struct scene *scene, const char *settings)
{
	json_t *root = json_load_file(DATA "access.json", 0, NULL);
	int file;

	assert_non_null(root);
	if (settings) {
		json_t *of_each = json_loads(settings, 0, NULL);

		assert_non_null(of_each);
		assert_int_equal(json_object_set_new(root, "applications", of_each), 0);
	}
	(void)snprintf(scene->access, sizeof(scene->access), "/tmp/unlisted.XXXXXX");
	file = mkstemp(scene->access);
	assert_true(file >= 0);
	assert_int_equal(json_dumpfd(root, file, 0), 0);
	(void)close(file);
	json_decref(root);
}

static int try_begin(struct scene *ret, const char *second, const char *settings, struct diag *diag)
{
	const char *const path[] = { DATA "heating.asyncapi.yaml", second };
	struct rules_files files = { .contract = { .count = second ? 2 : 1, .path = path },
				     .access = ret->access };
	int rc;

	write_access(ret, settings);
	diag_init(diag);
	rc = rules_load(&files, &ret->rules, diag);
	(void)unlink(ret->access);
	return rc;
}

static void begin(struct scene *ret, const char *second, const char *settings)
{
	struct diag diag;

	if (try_begin(ret, second, settings, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(gate_init(&ret->gate, ret->rules, NULL, &diag), 0);
}

static void end(struct scene *scene)
{
	gate_clear(&scene->gate);
	rules_free(scene->rules);
}

static void set_action(struct gate_request *request, const char *word)
{
	static const char *const words[] = { [GATE_PUBLISH] = "publish",
					     [GATE_DELIVER] = "receive",
					     [GATE_SUBSCRIBE] = "subscribe" };

	request->message.is_will = strcmp(word, "will") == 0;
	request->action = GATE_PUBLISH;
	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (words[i] && strcmp(words[i], word) == 0)
			request->action = (enum gate_action)i;
}

static bool decide(void *ctx, const struct cases_line *line)
{
	struct scene *scene = ctx;
	struct access *access = scene->rules->access;
	char copy[CASES_LINE_MAX], word[128], *text = copy;
	const struct access_principal *principal;
	struct access_principal *made = NULL;
	struct gate_request request = { .message = { .topic = NULL } };
	struct decision decision;
	struct diag diag;
	const char *user;

	memcpy(copy, line->text, line->len + 1);
	user = strsep(&text, " ");
	principal = user[0] == '-' ? access_anonymous(access) : access_find(access, user);
	if (user[0] == '?') {
		assert_int_equal(access_default(access, "stranger", &made, &diag), 0);
		principal = made;
	}
	assert_non_null(principal);
	set_action(&request, strsep(&text, " "));
	request.message.topic = strsep(&text, " ");
	request.message.topic_len = strlen(request.message.topic);
	request.message.payload = text ? text : "";
	request.message.payload_len = text ? line->len - (size_t)(text - copy) : 0;
	request.client_id = user;
	gate_decide(&scene->gate, principal, &request, &decision);
	(void)snprintf(word, sizeof(word), "%s%s", decision.is_observed ? "observed:" : "",
		       decision.reason == REASON_NONE ? "allow" : reason_code(decision.reason));
	access_principal_drop(made);
	if (strcmp(word, line->word) == 0 &&
	    (decision.verdict == VERDICT_ALLOW) ==
		    (decision.is_observed || decision.reason == REASON_NONE))
		return true;
	(void)fprintf(stderr, "%s: %s\n", word, decision.error.message);
	return false;
}

static void run(const char *second, const char *settings, const char *cases)
{
	struct scene scene;

	begin(&scene, second, settings);
	assert_int_equal(cases_run(cases, &scene, decide), 0);
	end(&scene);
}

static void test_gate_decide__passes_unlisted_topics(void **state)
{
	(void)state;
	run(NULL, NULL, DATA "pass.cases");
}

static void test_gate_decide__of_what_access_says(void **state)
{
	(void)state;
	run(NULL, "{\"Heating\":{\"x-unlisted\":\"pass\"}}", DATA "plain.cases");
	run(NULL, "{\"Heating\":{\"x-unlisted\":\"observe\"}}", DATA "observe.cases");
	run(NULL, "{\"Heating\":{\"x-unlisted\":{\"mode\":\"observe\"}}}", DATA "observe.cases");
	run(NULL, "{\"Heating\":{\"x-unlisted\":{\"mode\":\"pass\",\"receive\":[\"read:other\"]}}}",
	    DATA "receive.cases");
}

/* The second document says nothing of it, so that it refuses them. */
static void test_gate_decide__of_the_strictest_document(void **state)
{
	static const char second[] = DATA "garden.asyncapi.yaml";

	(void)state;
	run(second, "{\"Heating\":{\"x-unlisted\":\"pass\"}}", DATA "refuse.cases");
	run(second, "{\"Garden\":{\"x-unlisted\":\"observe\"}}", DATA "observe.cases");
	run(second,
	    "{\"Garden\":{\"x-unlisted\":{\"mode\":\"pass\",\"receive\":[\"read:other\"]}}}",
	    DATA "receive.cases");
}

/* A document about notices only leaves it to the other one, as long as it says nothing itself. */
static void test_gate_decide__with_a_document_for_notices(void **state)
{
	static const char second[] = DATA "notices.asyncapi.yaml";

	(void)state;
	run(second, "{\"Heating\":{\"x-unlisted\":\"observe\"}}", DATA "observe.cases");
	run(second,
	    "{\"Heating\":{\"x-unlisted\":\"pass\"},\"Notices\":{\"x-unlisted\":\"refuse\"}}",
	    DATA "refuse.cases");
}

/* A text that says who may, where that is not everybody. */
static void test_gate_decide__says_what_an_unlisted_topic_needs(void **state)
{
	struct gate_request request = { .action = GATE_PUBLISH,
					.message = { .topic = "heating/pumb", .topic_len = 12 } };
	struct decision decision;
	struct scene scene;

	(void)state;
	begin(&scene, NULL, NULL);
	gate_decide(&scene.gate, access_find(scene.rules->access, "attic"), &request, &decision);
	assert_string_equal(
		decision.error.message,
		"no channel of the contract has this topic; the nearest is "
		"heating/{room}/temperature; unlisted topics need the scope write:other");
	request.action = GATE_SUBSCRIBE;
	gate_decide(&scene.gate, access_find(scene.rules->access, "attic"), &request, &decision);
	assert_string_equal(decision.error.message,
			    "no channel of the contract lies under this filter; unlisted topics "
			    "need the scope read:other");
	end(&scene);
}

/* The scope stands in the access file alone, which is gone by then. */
static void test_gate_decide__names_a_scope_of_the_access_file(void **state)
{
	struct gate_request request = { .action = GATE_PUBLISH,
					.message = { .topic = "zigbee/lamp", .topic_len = 11 } };
	struct decision decision;
	struct scene scene;

	(void)state;
	begin(&scene, NULL,
	      "{\"Heating\":{\"x-unlisted\":{\"mode\":\"pass\",\"send\":[\"use:any\"]}}}");
	gate_decide(&scene.gate, access_find(scene.rules->access, "attic"), &request, &decision);
	assert_string_equal(decision.error.message,
			    "no channel of the contract has this topic; unlisted topics need the "
			    "scope use:any");
	end(&scene);
}

static void test_rules_load__refuses_what_would_say_nothing(void **state)
{
	static const struct {
		const char *said, *fault;
	} cases[] = {
		{ "\"open\"", "expected \"refuse\", \"observe\" or \"pass\"" },
		{ "{\"mode\":\"pass\"}", "expected scopes under \"send\", \"receive\" or both" },
		{ "{\"send\":[\"a\"]}", "expected a member \"mode\"" },
		{ "{\"mode\":\"pass\",\"send\":[]}", "expected 1 to" },
		{ "{\"mode\":\"pass\",\"send\":\"a\"}", "/send: expected an array" },
		{ "{\"mode\":\"pass\",\"send\":[\"a:own\"]}",
		  "is what access.json adds to a scope" },
		{ "{\"mode\":\"pass\",\"sends\":[\"a\"]}", "did you mean \"send\"?" },
		{ "true", "expected \"refuse\", \"observe\" or \"pass\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char settings[256];
		struct scene scene;
		struct diag diag;

		(void)snprintf(settings, sizeof(settings), "{\"Heating\":{\"x-unlisted\":%s}}",
			       cases[i].said);
		assert_true(try_begin(&scene, NULL, settings, &diag) < 0);
		if (!strstr(diag.text, cases[i].fault))
			fail_msg("%s", diag.text);
	}
}

/* An unlisted topic belongs to nobody. */
static void test_rules_load__warns_of_a_scope_for_ones_own(void **state)
{
	static const char text[] =
		"{\"roles\":{\"a\":{\"scopes\":[\"write:other:own\"]}},\"users\":{}}";
	const char *const path[] = { DATA "heating.asyncapi.yaml" };
	struct scene scene = { .access = "/tmp/unlisted.XXXXXX" };
	struct rules_files files = { .contract = { .count = 1, .path = path },
				     .access = scene.access };
	int file = mkstemp(scene.access);
	struct diag diag;

	(void)state;
	assert_true(file >= 0);
	assert_int_equal(write(file, text, strlen(text)), strlen(text));
	(void)close(file);
	assert_int_equal(rules_load(&files, &scene.rules, &diag), 0);
	(void)unlink(scene.access);
	assert_non_null(rules_warning(scene.rules, 0));
	assert_non_null(strstr(rules_warning(scene.rules, 0),
			       "/roles/a/scopes/0: \"write:other:own\" gives nothing: "));
	rules_free(scene.rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gate_decide__passes_unlisted_topics),
		cmocka_unit_test(test_gate_decide__of_what_access_says),
		cmocka_unit_test(test_gate_decide__of_the_strictest_document),
		cmocka_unit_test(test_gate_decide__with_a_document_for_notices),
		cmocka_unit_test(test_gate_decide__says_what_an_unlisted_topic_needs),
		cmocka_unit_test(test_gate_decide__names_a_scope_of_the_access_file),
		cmocka_unit_test(test_rules_load__refuses_what_would_say_nothing),
		cmocka_unit_test(test_rules_load__warns_of_a_scope_for_ones_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
