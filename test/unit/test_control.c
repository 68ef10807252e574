/*
 * Commands in, answers out. Requests and the answers to them are data:
 * test/data/monitor/control.json, a list of { request, response, did }; with isResend
 * they come on the topic that has the command resend.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "controlfake.h"
#include "failalloc.h"

#define CASES "test/data/monitor/control.json"

static void run_case(size_t index, const json_t *entry)
{
	const json_t *wanted = json_object_get(entry, "request");
	char *request = json_is_string(wanted) ? strdup(json_string_value(wanted))
					       : json_dumps(wanted, JSON_COMPACT);
	struct control_log log = { "" };
	struct control_ops ops = control_fakes(&log);
	char *response = NULL;
	json_t *answer;
	struct diag diag;

	ops.is_resend = json_is_true(json_object_get(entry, "isResend"));
	assert_non_null(request);
	assert_int_equal(control_handle(request, strlen(request), &ops, &response, &diag), 0);
	answer = response ? json_loads(response, 0, NULL) : json_null();
	if (!json_equal(answer, json_object_get(entry, "response")) ||
	    strcmp(log.text, json_string_value(json_object_get(entry, "did"))) != 0)
		fail_msg(CASES ": entry %zu: %s gave %s and did %s", index, request,
			 response ? response : "nothing", log.text);
	json_decref(answer);
	free(response);
	free(request);
}

static void test_control_handle__answers_as_the_data_says(void **state)
{
	json_error_t error;
	json_t *cases = json_load_file(CASES, 0, &error);

	(void)state;
	if (!cases)
		fail_msg(CASES ":%d: %s", error.line, error.text);
	assert_true(json_array_size(cases) > 20);
	for (size_t i = 0; i < json_array_size(cases); i++)
		run_case(i, json_array_get(cases, i));
	json_decref(cases);
}

static void test_control_handle__takes_no_more_than_it_says(void **state)
{
	struct control_log log = { "" };
	const struct control_ops ops = control_fakes(&log);
	json_t *request = json_pack("{s[]}", "commands");
	char *text = NULL, *response = NULL;
	struct diag diag;

	(void)state;
	for (unsigned i = 0; i <= CONTROL_COMMANDS_MAX; i++)
		(void)json_array_append_new(json_object_get(request, "commands"),
					    json_pack("{ss}", "command", "status"));
	text = json_dumps(request, 0);
	assert_int_equal(control_handle(text, strlen(text), &ops, &response, &diag), 0);
	assert_string_equal(response,
			    "{\"responses\":[{\"error\":\"too many commands in one request\"}]}");
	assert_string_equal(log.text, "");
	free(response);
	free(text);
	json_decref(request);
	text = calloc(1, CONTROL_BYTES_MAX + 1);
	memset(text, ' ', CONTROL_BYTES_MAX + 1);
	assert_int_equal(control_handle(text, CONTROL_BYTES_MAX + 1, &ops, &response, &diag), 0);
	assert_string_equal(response, "{\"responses\":[{\"error\":\"the request is too long\"}]}");
	free(response);
	free(text);
	assert_int_equal(control_handle(NULL, 0, &ops, &response, &diag), 0);
	free(response);
}

static void check_respond(struct control_answer *answer, const char *wanted)
{
	json_t *correlation = json_string("7");
	char *text = NULL;

	assert_int_equal(control_respond_take("explain", correlation, answer, &text), 0);
	assert_string_equal(text, wanted);
	free(text);
	json_decref(correlation);
}

static void test_control_respond_take__answers_one(void **state)
{
	struct control_answer done = { .data = json_pack("{si}", "a", 1) };
	struct control_answer failed = { .code = CONTROL_BUSY, .diag = { "try again" } };
	struct control_answer none = { .data = NULL };

	(void)state;
	check_respond(&done, "{\"responses\":[{\"command\":\"explain\",\"correlationData\":\"7\","
			     "\"data\":{\"a\":1}}]}");
	check_respond(&failed, "{\"responses\":[{\"command\":\"explain\",\"correlationData\":\"7\","
			       "\"error\":\"try again\",\"code\":\"busy\"}]}");
	check_respond(&none, "{\"responses\":[{\"command\":\"explain\",\"correlationData\":\"7\","
			     "\"error\":\"out of memory\"}]}");
}

static void test_control_respond_take__is_bounded(void **state)
{
	size_t frame = strlen("{\"responses\":[{\"command\":\"x\",\"data\":\"\"}]}");
	char *text = NULL;

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		size_t len = CONTROL_ANSWER_MAX - frame + more;
		char *filling = calloc(1, len + 1);
		struct control_answer answer = { .data = NULL };

		memset(filling, 'x', len);
		answer.data = json_string(filling);
		free(filling);
		assert_int_equal(control_respond_take("x", NULL, &answer, &text), 0);
		if (more == 0)
			assert_int_equal(strlen(text), CONTROL_ANSWER_MAX);
		else
			assert_string_equal(text,
					    "{\"responses\":[{\"command\":\"x\",\"error\":\"the "
					    "answer is larger than 65536 bytes\",\"code\":"
					    "\"too-large\"}]}");
		free(text);
	}
}

static void test_control_handle__every_allocation_may_fail(void **state)
{
	static const char request[] = "{\"commands\":[{\"command\":\"status\",\"correlationData\":"
				      "\"7\"},{\"command\":\"explain\",\"action\":\"publish\","
				      "\"topic\":\"a\"},{\"command\":\"reload\"}]}";
	struct diag diag;

	(void)state;
	for (size_t n = 1;; n++) {
		struct control_log log = { "" };
		const struct control_ops ops = control_fakes(&log);
		char *response = NULL;
		int rc;

		failalloc_start(n);
		rc = control_handle(request, strlen(request), &ops, &response, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			free(response);
			break;
		}
		assert_true(rc == 0 || rc == ERR_NOMEM);
		free(response);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control_handle__answers_as_the_data_says),
		cmocka_unit_test(test_control_handle__takes_no_more_than_it_says),
		cmocka_unit_test(test_control_respond_take__answers_one),
		cmocka_unit_test(test_control_respond_take__is_bounded),
		cmocka_unit_test(test_control_handle__every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
