/*
 * What a decision costs, over the shipped contract: a publish on each channel, a delivery, a
 * subscription. Prints the median of ROUNDS rounds in nanoseconds.
 *
 *     bench_gate [CASE]      all cases, or one (for callgrind: divide by ROUNDS * TURNS)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gate.h"

#define ROUNDS 15
#define TURNS 20000

struct row {
	const char *name;
	const char *user;
	struct gate_request request;
};

#define TIME "\"updatedAt\":\"2026-01-15T10:30:00.123Z\"}"
#define ID "019b4137-6d8e-5c2b-e9f4-a3b5c8d7e2f1"
#define PUBLISH(title, user, to, with)                                                             \
	{                                                                                          \
		title, user,                                                                       \
		{                                                                                  \
			.action = GATE_PUBLISH, .topic = to, .payload = with, .qos = 2             \
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
	{ "deliver, same topic", "customer-a",
	  { .action = GATE_DELIVER, .topic = "orders/" ID "/status" } },
	{ "deliver of one's own", "eva",
	  { .action = GATE_DELIVER, .topic = "orders/" ID "/status" } },
	{ "subscribe orders/+/status", "customer-a",
	  { .action = GATE_SUBSCRIBE, .topic = "orders/+/status" } },
	{ "refuse a scope", "collar-7",
	  { .action = GATE_PUBLISH, .topic = "orders/" ID "/status", .payload = "{}" } },
};
/* clang-format on */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void run(struct gate *gate, struct row *row)
{
	const struct access_principal *principal = access_find(gate->rules->access, row->user);
	static struct decision decision;
	double round[ROUNDS];

	row->request.topic_len = strlen(row->request.topic);
	row->request.payload_len = row->request.payload ? strlen(row->request.payload) : 0;
	for (int i = 0; i < ROUNDS; i++) {
		int64_t start = clock_mono_ns();

		for (int k = 0; k < TURNS; k++)
			gate_decide(gate, principal, &row->request, &decision);
		round[i] = (double)(clock_mono_ns() - start) / TURNS;
	}
	qsort(round, ROUNDS, sizeof(round[0]), by_size);
	printf("%-34s %8.0f ns  %s\n", row->name, round[ROUNDS / 2], reason_code(decision.reason));
}

int main(int argc, char **argv)
{
	struct rules_files files = { .contract = "schemas/petstore.asyncapi.json",
				     .access = "test/data/gate/access.json" };
	struct rules *rules = NULL;
	struct gate gate;
	struct diag diag;

	diag_init(&diag);
	if (rules_load(&files, &rules, &diag) || gate_init(&gate, rules, NULL, &diag)) {
		fprintf(stderr, "%s\n", diag.text);
		return 2;
	}
	printf("payloads read by %s\n", payload_backend());
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (argc < 2 || strstr(rows[i].name, argv[1]))
			run(&gate, &rows[i]);
	gate_clear(&gate);
	rules_free(rules);
	return 0;
}
