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
#include "failalloc.h"
#include "folder.h"
#include "place.h"
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
	assert_string_equal(scene.rules->contract->application[2].file,
			    "test/data/applications/lights.asyncapi.yaml");
	assert_int_equal(cases_run(DATA "decisions.cases", &scene, decide), 0);
	end(&scene);
}

/* ---- documents that do not go together --------------------------------------------------- */

#define HEAD "asyncapi: 3.0.0\n"
#define STATE(more)                                                                                \
	"x-state-machines: { m: { first: [ON], next: { ON: [OFF], OFF: [ON] } } }\n"               \
	"channels:\n"                                                                              \
	"  state:\n"                                                                               \
	"    address: lights/{id}/state\n"                                                         \
	"    parameters: { id: {} }\n"                                                             \
	"    messages: { m: { payload: { type: object, required: [state], properties: "            \
	"{ state: { enum: ['ON', 'OFF'] } } } } }\n" more                                          \
	"operations: { report: { action: send, channel: { $ref: '#/channels/state' } } }\n"
#define ENTITY "    x-entity: { entity: lamp, id: id, columns: { state: /state } }\n"
#define LAMP                                                                                       \
	"x-entities: { lamp: { table: lamps, columns: { state: { type: text, stateMachine: m } } " \
	"} "                                                                                       \
	"}\n"

/* A document that sends, or receives, on a channel with this address and these parameters. */
#define ADDRESS(title, action, address, parameters)                                                \
	HEAD "info: { title: " title ", version: '1' }\nchannels:\n"                               \
	     "  c:\n    address: '" address "'\n    parameters: " parameters "\n"                  \
	     "operations: { o: { action: " action ", channel: { $ref: '#/channels/c' } } }\n"

static void write_file(struct folder *folder, const char *name, const char *text)
{
	FILE *file = fopen(folder_file(folder, name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

#define TEXTS_MAX 3u

/* Loads a.yaml, b.yaml, ... with these texts; NULL: it is refused. */
static struct contract *open_texts(const char *const *texts, size_t count, const char *settings,
				   struct diag *diag)
{
	struct folder folder;
	char paths[TEXTS_MAX][300];
	const char *path[TEXTS_MAX];
	struct sources_place place = { .count = count, .path = path };
	struct contract *contract = NULL;
	struct config *said = NULL;

	folder_make(&folder);
	for (size_t i = 0; i < count; i++) {
		const char name[] = { (char)('a' + i), '.', 'y', 'a', 'm', 'l', '\0' };

		write_file(&folder, name, texts[i]);
		path[i] = strcpy(paths[i], folder_file(&folder, name));
	}
	diag_init(diag);
	if (settings)
		assert_int_equal(
			config_parse("access.json", settings, strlen(settings), &said, diag), 0);
	diag_ignore(contract_open(&place, said, &contract, NULL, diag));
	config_free(said);
	folder_remove(&folder);
	return contract;
}

/* @line is the first fault, or, of a contract that loads, a warning. */
static void check_texts(const char *const *texts, size_t count, const char *settings,
			const char *line)
{
	struct diag diag;
	struct contract *contract = open_texts(texts, count, settings, &diag);
	bool is_said = !contract && strstr(place_plain(diag.text), line);

	for (size_t i = 0; contract && contract->warning[i]; i++)
		is_said |= strstr(place_plain(contract->warning[i]), line) != NULL;
	if (!is_said)
		fail_msg("not said: %s\n%s", line, contract ? "it loads" : diag.text);
	contract_free(contract);
}

static void test_contract_open__of_documents_that_do_not_go_together(void **state)
{
	static const struct {
		const char *a, *b, *settings, *line;
	} rows[] = {
		{ "[]", HEAD "info: { title: B, version: '1' }\n" STATE(""), "{\"C\": {}}",
		  "a.yaml:1:1: expected an object" },
		{ HEAD "id: urn:a\ninfo: { title: A, version: '1' }\n" STATE(""),
		  HEAD "id: urn:a\ninfo: { title: B, version: '1' }\n" STATE(""), NULL,
		  "b.yaml:2:1: /id: a.yaml is called \"urn:a\", too: expected an \"id\" of its "
		  "own" },
		{ HEAD "info: { title: A, version: '1' }\n" STATE(""),
		  HEAD "info: { title: A, version: '2' }\n" STATE(""), NULL,
		  "b.yaml:2:9: /info/title: a.yaml is called \"A\", too: expected an \"id\" of its "
		  "own" },
		{ HEAD "info: { title: A, version: '1' }\n" STATE(""),
		  HEAD "info: { title: B, version: '1' }\n" STATE(""), "{\"C\": {}}",
		  "access.json:1:2: /C: no document has this id or title; there are \"A\", \"B\"" },
		{ "[]", HEAD "info: { title: A, version: '1' }\n" STATE(""), NULL,
		  "a.yaml:1:1: expected an object" },
		{ HEAD "id: urn:a\ninfo: { title: A, version: '1' }\n" STATE(""),
		  HEAD "id: urn:b\ninfo: { title: A, version: '1' }\n" STATE(""),
		  "{\"A\": {\"x-perspective\": \"client\"}}",
		  "access.json:1:2: /A: several documents have this title: name the one by its "
		  "id" },
		{ HEAD "info: { title: A, version: '1' }\n" LAMP STATE(ENTITY),
		  HEAD "info: { title: B, version: '1' }\n" STATE(ENTITY), NULL,
		  "b.yaml:9:5: /channels/state/x-entity: the state of these topics is declared at "
		  "a.yaml:10:5 already: expected it in one document" },
		{ HEAD "info: { title: A, version: '1' }\n" LAMP STATE(ENTITY),
		  HEAD "info: { title: B, version: '1' }\n" LAMP STATE(""), NULL,
		  "b.yaml:3:15: /x-entities/lamp: a.yaml:3:15 declares an entity of this name "
		  "already: expected it in one document" },
		{ ADDRESS("A", "send", "a/{x}", "{ x: {} }"),
		  ADDRESS("B", "receive", "a/{y}", "{ y: { x-own: principal } }"), NULL,
		  "b.yaml:6:24: /channels/c/parameters/y/x-own: is not read: a.yaml:6:19 says "
		  "otherwise of the same topics, and speaks for them" },
		{ ADDRESS("A", "send", "a/{x}", "{ x: {} }"),
		  ADDRESS("B", "receive", "a/{x/y", "{}"), NULL,
		  "b.yaml:5:5: /channels/c/address: the address has a { without its }, or a } "
		  "without its {" },
		{ ADDRESS("A", "send", "a/{x}", "{ x: { enum: [\"\\0\"] } }"),
		  ADDRESS("B", "send", "a/{x}", "{ x: { enum: [b] } }"), NULL,
		  "a.yaml:6:31: /channels/c/parameters/x/enum/0: no topic has this at a "
		  "parameter" },
		{ ADDRESS("A", "send", "a", "{}"),
		  HEAD "info: { title: B, version: '1' }\nchannels:\n"
		       "  c: { address: a }\n  d: { address: a, x-will: forbidden }\n"
		       "operations: { o: { action: send, channel: { $ref: '#/channels/c' } } }\n",
		  NULL,
		  "b.yaml:5:20: /channels/d/x-will: is not read: channel \"c\", which is first, "
		  "has "
		  "the same address and speaks for both" },
		{ HEAD STATE(""), HEAD STATE(""), NULL,
		  "b.yaml:1:1: a.yaml is called \"\", too: expected an \"id\" of its own" },
		{ ADDRESS("A", "send", "a/{x}/{y}", "{ x: {}, y: {} }"),
		  ADDRESS("B", "receive", "a/{z}/{z}", "{ z: {} }"), NULL,
		  "b.yaml:5:5: /channels/c/address: \"z\" is another level of the same topics in a "
		  "document before: expected another name" },
		{ HEAD
		  "info: { title: A, version: '1' }\n" STATE("    x-limits: { payloadBytes: 9 }\n"),
		  HEAD
		  "info: { title: B, version: '1' }\n" STATE("    x-limits: { payloadBytes: 8 }\n"),
		  NULL,
		  "b.yaml:9:5: /channels/state/x-limits: is not read: a.yaml:9:5 says otherwise of "
		  "the "
		  "same topics, and speaks for them" },
		{ HEAD
		  "info: { title: A, version: '1' }\nx-limits: { payloadBytes: 8 }\n" STATE(""),
		  HEAD
		  "info: { title: B, version: '1' }\n" STATE("    x-limits: { payloadBytes: 9 }\n"),
		  NULL,
		  "b.yaml:9:5: /channels/state/x-limits: is not read: a.yaml:3:1 says otherwise of "
		  "the same topics, and speaks for them" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check_texts((const char *[]){ rows[i].a, rows[i].b }, 2, rows[i].settings,
			    rows[i].line);
}

/* One document has the other's title and an id, so that the title is the other's name. */
static void test_contract_application__is_named_before_it_is_titled(void **state)
{
	static const char *const path[] = { "titled.yaml", "named.yaml" };
	static const char settings[] = "{\"A\": {\"x-perspective\": \"client\"}}";
	struct sources_place place = { .count = 2 };
	char paths[2][300];
	const char *const at[] = { paths[0], paths[1] };
	struct contract *contract = NULL;
	struct config *said = NULL;
	struct folder folder;
	struct diag diag;

	(void)state;
	folder_make(&folder);
	write_file(&folder, path[0], HEAD "id: urn:a\ninfo: { title: A, version: '1' }\n");
	write_file(&folder, path[1], HEAD "info: { title: A, version: '1' }\n");
	for (size_t i = 0; i < 2; i++)
		(void)strcpy(paths[i], folder_file(&folder, path[i]));
	place.path = at;
	assert_int_equal(config_parse("access.json", settings, strlen(settings), &said, &diag), 0);
	assert_int_equal(contract_open(&place, said, &contract, NULL, &diag), 0);
	assert_int_equal(contract_application(contract, "A"), 1);
	assert_int_equal(contract_application(contract, "urn:a"), 0);
	assert_false(contract->application[0].is_client);
	assert_true(contract->application[1].is_client);
	contract_free(contract);
	config_free(said);
	folder_remove(&folder);
}

/* A document that only observes opens nothing of another's, whichever speaks for the topics. */
static void test_contract_open__takes_the_strictest_mode(void **state)
{
	static const char *const loose[] = {
		HEAD "info: { title: A, version: '1' }\n"
		     "x-mode: { permission: observe, schema: off }\n" STATE(""),
		HEAD "info: { title: A, version: '1' }\n" STATE(
			"    x-mode: { permission: observe, schema: off }\n"),
	};
	static const char strict[] = HEAD "info: { title: B, version: '1' }\n"
					  "x-mode: { schema: observe }\n" STATE("");

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		const char *const texts[] = { i & 2 ? strict : loose[i & 1],
					      i & 2 ? loose[i & 1] : strict };
		struct diag diag;
		struct contract *contract = open_texts(texts, 2, NULL, &diag);

		if (!contract)
			fail_msg("%s", diag.text);
		assert_int_equal(contract->channel[0].mode[CONTRACT_PERMISSION], CONTRACT_ENFORCE);
		assert_int_equal(contract->channel[0].mode[CONTRACT_SCHEMA], CONTRACT_OBSERVE);
		contract_free(contract);
		check_texts(texts, 2, NULL, "x-mode of the same topics is stricter");
	}
}

static void test_rules_load__without_memory(void **state)
{
	static const char *const path[] = { DATA };
	struct rules_files files = { .contract = { .count = 1, .path = path },
				     .access = DATA "access.json" };
	bool has_failed = true;

	(void)state;
	for (size_t n = 1; has_failed; n++) {
		struct rules *rules = NULL;
		struct diag diag;
		int rc;

		diag_init(&diag);
		failalloc_start(n);
		rc = rules_load(&files, &rules, &diag);
		has_failed = failalloc_stop();
		if (has_failed && rc != ERR_NOMEM)
			fail_msg("allocation %zu: %d, %s", n, rc, diag.text);
		rules_free(rules);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gate_decide__by_applications),
		cmocka_unit_test(test_gate_decide__of_a_folder),
		cmocka_unit_test(test_contract_open__of_documents_that_do_not_go_together),
		cmocka_unit_test(test_contract_application__is_named_before_it_is_titled),
		cmocka_unit_test(test_contract_open__takes_the_strictest_mode),
		cmocka_unit_test(test_rules_load__without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
