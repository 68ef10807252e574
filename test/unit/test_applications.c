/*
 * Contracts of several documents, each of which describes an application: who may do what by the
 * grants of its roles. Decisions are data: test/data/applications/decisions.cases.
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
#include "folder.h"
#include "gate/gate.h"

#define DATA "test/data/applications/"

struct scene {
	struct rules *rules;
	struct gate gate;
};

static void begin(struct scene *ret, const struct sources_place *place)
{
	struct rules_files files = { .contract = *place, .access = DATA "access.json" };
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

static enum gate_action action_of(const char *word)
{
	static const char *const words[] = { [GATE_PUBLISH] = "publish",
					     [GATE_DELIVER] = "receive",
					     [GATE_SUBSCRIBE] = "subscribe" };

	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (words[i] && strcmp(words[i], word) == 0)
			return (enum gate_action)i;
	fail_msg("%s is no action", word);
	return GATE_PUBLISH;
}

static bool decide(void *ctx, const struct cases_line *line)
{
	struct scene *scene = ctx;
	char copy[CASES_LINE_MAX], *text = copy;
	const struct access_principal *principal;
	struct gate_request request = { .message = { .topic = NULL } };
	struct decision decision;
	const char *user;

	memcpy(copy, line->text, line->len + 1);
	user = strsep(&text, " ");
	principal = access_find(scene->rules->access, user);
	assert_non_null(principal);
	request.action = action_of(strsep(&text, " "));
	request.message.topic = strsep(&text, " ");
	request.message.topic_len = strlen(request.message.topic);
	request.message.payload = text ? text : "";
	request.message.payload_len = text ? strlen(text) : 0;
	gate_decide(&scene->gate, principal, &request, &decision);
	if (strcmp(decision.verdict == VERDICT_ALLOW ? "allow" : reason_code(decision.reason),
		   line->word) == 0)
		return true;
	(void)fprintf(stderr, "%s: %s\n", reason_code(decision.reason), decision.error.message);
	return false;
}

static void test_gate_decide__by_applications(void **state)
{
	static const char *const path[] = { DATA "lights.asyncapi.yaml",
					    DATA "archive.asyncapi.yaml", DATA "lamp.asyncapi.yaml",
					    DATA "open.asyncapi.yaml" };
	const struct sources_place place = { .count = 4, .path = path };
	struct scene scene;

	(void)state;
	begin(&scene, &place);
	assert_int_equal(scene.rules->contract->application_count, 4);
	assert_int_equal(scene.rules->contract->channel_count, 5);
	assert_int_equal(cases_run(DATA "decisions.cases", &scene, decide), 0);
	end(&scene);
}

/* A folder is the documents in it, by name; access.json is no document. */
static void test_gate_decide__of_a_folder(void **state)
{
	const struct sources_place place = SOURCES_AT("test/data/applications");
	struct scene scene;

	(void)state;
	begin(&scene, &place);
	assert_string_equal(scene.rules->contract->application[0].name, "urn:archive");
	assert_string_equal(scene.rules->contract->application[2].file, "lights.asyncapi.yaml");
	assert_int_equal(cases_run(DATA "decisions.cases", &scene, decide), 0);
	end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gate_decide__by_applications),
		cmocka_unit_test(test_gate_decide__of_a_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
