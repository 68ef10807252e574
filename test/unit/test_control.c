/*
 * Commands in, answers out. Requests and the answers to them are data:
 * test/data/monitor/control.json, a list of { request, response, did }.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "failalloc.h"
#include "monitor/control.h"

#define CASES "test/data/monitor/control.json"

/* What the commands did: "lift:app;done:liftBan:;". */
struct log {
	char text[8192];
};

static void note(struct log *log, const char *what, const char *a, const char *b)
{
	size_t used = strlen(log->text);

	(void)snprintf(log->text + used, sizeof(log->text) - used, "%s:%s:%s;", what, a ? a : "-",
		       b ? b : "-");
}

static json_t *fake_status(void *ctx, struct diag *diag)
{
	(void)ctx;
	(void)diag;
	return json_pack("{ss}", "version", "1");
}

static json_t *fake_counters(void *ctx, struct diag *diag)
{
	(void)ctx;
	(void)diag;
	return json_object();
}

static json_t *fake_reload(void *ctx, struct diag *diag)
{
	(void)ctx;
	(void)diag_set(diag, ERR_SYNTAX, "access.json:3:1: '}' expected");
	return NULL;
}

static json_t *fake_mode(void *ctx, const char *group, const char *mode, struct diag *diag)
{
	(void)diag;
	note(ctx, "mode", group, mode);
	return json_object();
}

static json_t *fake_list(void *ctx, struct diag *diag)
{
	(void)ctx;
	(void)diag;
	return json_array();
}

static json_t *fake_lift(void *ctx, const char *client_id, struct diag *diag)
{
	(void)diag;
	note(ctx, "lift", client_id, "");
	return json_pack("{si}", "lifted", 1);
}

static json_t *fake_explain(void *ctx, const struct control_question *question, struct diag *diag)
{
	char rest[256];

	(void)diag;
	(void)snprintf(rest, sizeof(rest), "%s %zu %s %s %u %d", question->topic,
		       question->payload_len, question->username ? question->username : "-",
		       question->client_id ? question->client_id : "-", question->qos,
		       question->is_retained);
	note(ctx, "explain", question->action, rest);
	return json_object();
}

static void fake_done(void *ctx, const char *command, const char *error)
{
	note(ctx, "done", command, error[0] ? "failed" : "");
}

static struct control_ops fakes(struct log *log)
{
	return (struct control_ops){ .ctx = log,
				     .status = fake_status,
				     .counters = fake_counters,
				     .reload = fake_reload,
				     .mode = fake_mode,
				     .list_bans = fake_list,
				     .lift_ban = fake_lift,
				     .list_alerts = fake_list,
				     .explain = fake_explain,
				     .done = fake_done };
}

static void run_case(size_t index, const json_t *entry)
{
	const json_t *wanted = json_object_get(entry, "request");
	char *request = json_is_string(wanted) ? strdup(json_string_value(wanted))
					       : json_dumps(wanted, JSON_COMPACT);
	struct log log = { "" };
	const struct control_ops ops = fakes(&log);
	char *response = NULL;
	json_t *answer;
	struct diag diag;

	assert_non_null(request);
	assert_int_equal(control_handle(request, strlen(request), &ops, &response, &diag), 0);
	answer = json_loads(response, 0, NULL);
	if (!json_equal(answer, json_object_get(entry, "response")) ||
	    strcmp(log.text, json_string_value(json_object_get(entry, "did"))) != 0)
		fail_msg(CASES ": entry %zu: %s gave %s and did %s", index, request, response,
			 log.text);
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
	struct log log = { "" };
	const struct control_ops ops = fakes(&log);
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

static void test_control_handle__every_allocation_may_fail(void **state)
{
	static const char request[] = "{\"commands\":[{\"command\":\"status\",\"correlationData\":"
				      "\"7\"},{\"command\":\"explain\",\"action\":\"publish\","
				      "\"topic\":\"a\"},{\"command\":\"reload\"}]}";
	struct diag diag;

	(void)state;
	for (size_t n = 1;; n++) {
		struct log log = { "" };
		const struct control_ops ops = fakes(&log);
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

static void test_control_commands__are_those_that_are_handled(void **state)
{
	const struct control_command_help *help = control_commands();
	char request[128];
	char *response = NULL;
	struct diag diag;

	(void)state;
	for (; help->name; help++) {
		struct log log = { "" };
		const struct control_ops ops = fakes(&log);

		(void)snprintf(request, sizeof(request), "{\"commands\":[{\"command\":\"%s\"}]}",
			       help->name);
		assert_int_equal(control_handle(request, strlen(request), &ops, &response, &diag),
				 0);
		assert_null(strstr(response, "no such command"));
		free(response);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control_handle__answers_as_the_data_says),
		cmocka_unit_test(test_control_handle__takes_no_more_than_it_says),
		cmocka_unit_test(test_control_handle__every_allocation_may_fail),
		cmocka_unit_test(test_control_commands__are_those_that_are_handled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
