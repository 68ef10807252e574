/*
 * What a decision costs, over the shipped contract: a publish on each channel, a delivery, a
 * subscription; and over one whose channels have one, four and sixteen messages. Nanoseconds: the
 * median over ROUNDS short rounds, in which all cases take turns, so that what else the machine
 * does falls on all of them; the best in parentheses. The last column divides by the library's own
 * parse of the first payload in the same round.
 *
 *     bench_gate              all cases
 *     bench_gate --once CASE N   one of them N times, nothing measured (for callgrind)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gate/gate.h"
#include "schema/payload_view.h"

#define ROUNDS 1001
#define TURNS 50

struct row {
	const char *name;
	const char *user;
	struct gate_request request;
	bool is_many; /* over the other contract */
};

#define TIME "\"updatedAt\":\"2026-01-15T10:30:00.123Z\"}"
#define ID "019b4137-6d8e-5c2b-e9f4-a3b5c8d7e2f1"
#define ROW(title, by, does, ...)                                                                  \
	{                                                                                          \
		.name = title, .user = by, .request = {                                            \
			.action = does,                                                            \
			.message = { __VA_ARGS__ }                                                 \
		}                                                                                  \
	}
#define PUBLISH(title, user, to, with)                                                             \
	ROW(title, user, GATE_PUBLISH, .topic = to, .payload = with, .qos = 2)

#define MANY(title, of, kind, value)                                                               \
	{                                                                                          \
		.name = title, .user = "eve", .is_many = true, .request = {                        \
			.action = GATE_PUBLISH,                                                    \
			.message = { .topic = of "/" ID,                                           \
				     .payload = "{\"kind\":\"" kind "\",\"id\":\"" ID              \
						"\",\"at\":\"2026-01-15T10:30:00.123Z\"," value    \
						",\"unit\":\"C\"}" }                               \
		}                                                                                  \
	}

/* clang-format off */
static struct row rows[] = {
	PUBLISH("publish order status (170 bytes)", "backoffice", "orders/" ID "/status",
		"{\"orderId\":\"" ID "\",\"status\":\"PLACED\",\"userId\":\"customer-a\","
		"\"totalAmount\":\"149.99\",\"currency\":\"USD\"," TIME),
	PUBLISH("publish order payment", "backoffice", "orders/" ID "/payment",
		"{\"orderId\":\"" ID "\",\"status\":\"PENDING\",\"amount\":\"149.99\","
		"\"currency\":\"USD\"," TIME),
	PUBLISH("publish payment status", "backoffice", "payments/" ID "/status",
		"{\"paymentId\":\"" ID "\",\"orderId\":\"o-1\",\"status\":\"PENDING\","
		"\"amount\":\"149.99\",\"currency\":\"USD\"," TIME),
	PUBLISH("publish pet status", "backoffice", "pets/" ID "/status",
		"{\"petId\":\"" ID "\",\"status\":\"AVAILABLE\"," TIME),
	PUBLISH("publish pet availability", "backoffice", "pets/" ID "/availability",
		"{\"petId\":\"" ID "\",\"available\":true," TIME),
	PUBLISH("publish stock", "backoffice", "inventory/" ID "/stock",
		"{\"productId\":\"" ID "\",\"quantity\":42," TIME),
	ROW("deliver, same topic", "customer-a", GATE_DELIVER,
	    .topic = "orders/" ID "/status"),
	ROW("deliver of one's own", "eva", GATE_DELIVER,
	    .topic = "orders/" ID "/status"),
	ROW("subscribe orders/+/status", "customer-a", GATE_SUBSCRIBE,
	    .topic = "orders/+/status"),
	ROW("refuse a scope", "collar-7", GATE_PUBLISH,
	    .topic = "orders/" ID "/status", .payload = "{}"),
	MANY("publish the one of one message", "of1", "k0", "\"value\":21.5"),
	MANY("publish the first of four", "of4", "k0", "\"value\":21.5"),
	MANY("publish the last of four", "of4", "k3", "\"value\":21.5"),
	MANY("publish the last of sixteen", "of16", "k15", "\"value\":21.5"),
	MANY("refuse one of one message", "of1", "k0", "\"value\":\"x\""),
	MANY("refuse one of four", "of4", "k3", "\"value\":\"x\""),
	MANY("refuse one of sixteen", "of16", "k15", "\"value\":\"x\""),
};
/* clang-format on */

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* By row and round; the raw parse comes behind the rows. */
static double ns[ROWS + 1][ROUNDS], ratio[ROWS + 1][ROUNDS];
static enum reason outcome[ROWS];

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What the library's own function takes, with memory from malloc() and no checks of ours. */
static void parse_raw(const struct gate_request *request)
{
#ifdef PAYLOAD_YYJSON
	yyjson_doc_free(yyjson_read(request->message.payload, request->message.payload_len, 0));
#else
	json_decref(json_loadb(request->message.payload, request->message.payload_len, 0, NULL));
#endif
}

static double time_raw(const struct gate_request *request)
{
	int64_t start = clock_mono_ns();

	for (int k = 0; k < TURNS; k++)
		parse_raw(request);
	return (double)(clock_mono_ns() - start) / TURNS;
}

/* A publish comes under another topic than the last message, a delivery under the same. */
static double time_row(struct gate *gates, size_t i, long turns)
{
	struct gate *gate = &gates[rows[i].is_many];
	const struct gate_request *request = &rows[i].request;
	const struct access_principal *principal = access_find(gate->rules->access, rows[i].user);
	static struct decision decision;
	int64_t start = clock_mono_ns();

	for (long k = 0; k < turns; k++) {
		if (request->action == GATE_PUBLISH)
			gate->memo_len = 0;
		gate_decide(gate, principal, request, &decision);
	}
	outcome[i] = decision.reason;
	return (double)(clock_mono_ns() - start) / (double)turns;
}

static void print(const char *name, double *of_round, double *of_raw, const char *end)
{
	qsort(of_round, ROUNDS, sizeof(of_round[0]), by_size);
	qsort(of_raw, ROUNDS, sizeof(of_raw[0]), by_size);
	printf("%-34s %8.0f (%6.0f) %6.2f  %s\n", name, of_round[ROUNDS / 2], of_round[0],
	       of_raw[ROUNDS / 2], end);
}

static void run_all(struct gate *gates)
{
	for (size_t r = 0; r < ROUNDS; r++) {
		ns[ROWS][r] = time_raw(&rows[0].request);
		for (size_t i = 0; i < ROWS; i++)
			ns[i][r] = time_row(gates, i, TURNS);
		for (size_t i = 0; i <= ROWS; i++)
			ratio[i][r] = ns[i][r] / ns[ROWS][r];
	}
	printf("payloads read by %s; ns: median (best); of raw\n", payload_backend());
	print("raw parse of the order", ns[ROWS], ratio[ROWS], "");
	for (size_t i = 0; i < ROWS; i++)
		print(rows[i].name, ns[i], ratio[i], reason_code(outcome[i]));
}

static int run_once(struct gate *gates, const char *name, long turns)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(rows[i].name, name) == 0 && turns > 0) {
			(void)time_row(gates, i, turns);
			return 0;
		}
	(void)fprintf(stderr, "usage: bench_gate [--once CASE N]\n");
	return 2;
}

static bool open_gate(struct gate *gate, const char *contract, const char *access)
{
	struct rules_files files = { .contract = SOURCES_AT(contract), .access = access };
	struct rules *rules = NULL;
	struct diag diag;

	diag_init(&diag);
	if (rules_load(&files, &rules, &diag) == 0 && gate_init(gate, rules, NULL, &diag) == 0)
		return true;
	fprintf(stderr, "%s\n", diag.text);
	return false;
}

static void close_gate(struct gate *gate)
{
	struct rules *rules = (struct rules *)gate->rules;

	gate_clear(gate);
	rules_free(rules);
}

int main(int argc, char **argv)
{
	struct gate gates[2];
	int rc = 0;

	if (!open_gate(&gates[0], "schemas/petstore.asyncapi.json", "test/data/gate/access.json") ||
	    !open_gate(&gates[1], "test/data/gate/many.asyncapi.json",
		       "test/data/gate/many.access.json"))
		return 2;
	for (size_t i = 0; i < ROWS; i++) {
		struct gate_request *request = &rows[i].request;

		request->message.topic_len = strlen(request->message.topic);
		request->message.payload_len =
			request->message.payload ? strlen(request->message.payload) : 0;
	}
	if (argc == 4 && strcmp(argv[1], "--once") == 0)
		rc = run_once(gates, argv[2], strtol(argv[3], NULL, 10));
	else
		run_all(gates);
	close_gate(&gates[0]);
	close_gate(&gates[1]);
	return rc;
}
