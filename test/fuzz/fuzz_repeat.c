/*
 * What is said twice, to a ledger that keeps it: the first byte chooses the channel, the rest is
 * the message. A step that was kept is the same when it comes again, and with another time as well;
 * a message that has what makes it unique is kept once.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gate/gate.h"

#define ENSURE(fact)                                                                               \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "does not hold: %s\n", #fact);                             \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char contract_text[] =
	"{\"asyncapi\":\"3.0.0\",\"x-perspective\":\"client\",\"info\":{\"title\":\"Lamps\","
	"\"version\":\"1\"},\"channels\":{"
	"\"lamp\":{\"address\":\"lamps/{id}\",\"parameters\":{\"id\":{}},\"x-time\":\"/at\","
	"\"messages\":{\"m\":{\"payload\":true}},"
	"\"x-entity\":{\"entity\":\"lamp\",\"id\":\"id\",\"columns\":{\"state\":\"/state\","
	"\"colour\":\"/colour\"}}},"
	"\"said\":{\"address\":\"said/{id}\",\"parameters\":{\"id\":{}},"
	"\"messages\":{\"m\":{\"payload\":true}},\"x-unique\":[\"/eventId\",\"/n\"]}},"
	"\"operations\":{\"a\":{\"action\":\"send\",\"channel\":{\"$ref\":\"#/channels/lamp\"}},"
	"\"b\":{\"action\":\"send\",\"channel\":{\"$ref\":\"#/channels/said\"}}},"
	"\"x-state-machines\":{\"lamp\":{\"first\":[\"ON\"],\"next\":{\"ON\":[]}}},"
	"\"x-entities\":{\"lamp\":{\"table\":\"lamps\",\"columns\":{"
	"\"state\":{\"stateMachine\":\"lamp\"},\"colour\":{}}}}}";

static const char access_text[] = "{\"roles\":{\"all\":{\"scopes\":[]}},"
				  "\"users\":{\"ann\":{\"roles\":[\"all\"]}}}";

/* The fuzzer calls one function and nothing else: what it needs is made at the first call. */
static struct gate gate;
static struct ledger *ledger;
static char folder[64];

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ENSURE(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void clean_up(void)
{
	char command[96];

	ledger_close(ledger);
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	ENSURE(system(command) == 0);
}

/* In memory where the system has a place for that. */
static void make_folder(void)
{
	strcpy(folder, "/dev/shm/fuzz_repeat-XXXXXX");
	if (!mkdtemp(folder)) {
		strcpy(folder, "/tmp/fuzz_repeat-XXXXXX");
		ENSURE(mkdtemp(folder));
	}
}

static void set_up(void)
{
	char contract[96], access[96], database[96];
	struct rules_files files = { .contract = SOURCES_AT(contract), .access = access };
	struct ledger_options options = { .path = database,
					  .journal_bytes = 1 << 20,
					  .batch_rows = 100,
					  .batch_ms = 1,
					  .cache_entities = 16 };
	struct rules *rules = NULL;
	struct diag diag;

	make_folder();
	(void)snprintf(contract, sizeof(contract), "%s/contract.json", folder);
	(void)snprintf(access, sizeof(access), "%s/access.json", folder);
	(void)snprintf(database, sizeof(database), "%s/lamps.db", folder);
	write_file(contract, contract_text);
	write_file(access, access_text);
	diag_init(&diag);
	if (rules_load(&files, &rules, &diag) || gate_init(&gate, rules, NULL, &diag) ||
	    ledger_open(&options, &rules->contract->plan, &ledger, &diag)) {
		fprintf(stderr, "%s\n", diag.text);
		exit(1);
	}
	gate.ledger = ledger;
	ENSURE(atexit(clean_up) == 0);
}

/* What became of the message. */
enum outcome { REFUSED, KEPT, NOTHING_TO_KEEP, NO_ROOM };

static enum outcome say(const char *topic, const char *text, size_t len)
{
	static struct decision decision;
	struct gate_request request = { .action = GATE_PUBLISH,
					.message = { .topic = topic,
						     .topic_len = strlen(topic),
						     .payload = text,
						     .payload_len = len,
						     .is_retained = true,
						     .qos = 1 } };
	struct diag diag;

	gate_decide(&gate, access_find(gate.rules->access, "ann"), &request, &decision);
	ENSURE(decision.reason != REASON_INTERNAL);
	if (decision.verdict != VERDICT_ALLOW)
		return decision.reason == REASON_STORE_UNAVAILABLE ? NO_ROOM : REFUSED;
	if (!decision.has_write)
		return NOTHING_TO_KEEP;
	decision.write.publisher = decision.write.client_id = "fuzz";
	diag_init(&diag);
	return ledger_commit(ledger, &decision.write, &diag) ? NO_ROOM : KEPT;
}

/* Another time, where the message begins with it. */
static bool change_time(char *text, size_t len)
{
	static const char at[] = "{\"at\":\"";
	size_t head = sizeof(at) - 1;

	if (len <= head || memcmp(text, at, head) != 0 || text[head] < '0' || text[head] > '9')
		return false;
	text[head] = text[head] == '9' ? '0' : (char)(text[head] + 1);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned number;
	bool is_unique;
	char topic[32];
	char *text;
	enum outcome again;

	if (!ledger)
		set_up();
	if (size < 2)
		return 0;
	is_unique = data[0] & 1;
	(void)snprintf(topic, sizeof(topic), "%s/%u", is_unique ? "said" : "lamps", number++);
	text = malloc(size - 1); /* of this size: who reads behind it is caught */
	ENSURE(text != NULL);
	memcpy(text, data + 1, size - 1);
	if (say(topic, text, size - 1) == KEPT) {
		again = say(topic, text, size - 1);
		/* Where it lacks what makes it unique it is another one, each time. */
		ENSURE(again != REFUSED && (again != KEPT || is_unique));
		if (again == KEPT)
			ENSURE(say(topic, text, size - 1) != NOTHING_TO_KEEP);
		if (!is_unique && change_time(text, size - 1))
			ENSURE(say(topic, text, size - 1) != KEPT);
	}
	free(text);
	return 0;
}
