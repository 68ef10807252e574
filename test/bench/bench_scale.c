/*
 * What a decision costs under a contract of many channels and an access file of many users,
 * as scale.py makes them: one line of JSON.
 *
 *     bench_scale CONTRACT ACCESS CHANNELS USERS [TURNS]
 *
 * Channel n is line-n/{orderId}/status, user n is user-n. With TURNS so many publishes are
 * decided and nothing is measured (for callgrind). Channels and users are taken in an order
 * that no cache foresees.
 */
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "gate/gate.h"
#include "resident.h"

#define ROUNDS 201
#define TURNS 500
#define NAME_MAX_LEN 64

static const char payload[] =
	"{\"orderId\":\"019b4137-6d8e-5c2b-e9f4-a3b5c8d7e2f1\",\"status\":\"PLACED\",\"userId\":"
	"\"customer-a\",\"totalAmount\":\"149.99\",\"currency\":\"USD\",\"updatedAt\":"
	"\"2026-01-15T10:30:00.123Z\"}";

struct bench {
	struct gate gate;
	unsigned channels, users;
	char (*topic)[NAME_MAX_LEN];
	const struct access_principal **user;
	uint64_t random;
	struct decision decision;
};

static uint64_t next_random(struct bench *b)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return b->random;
}

static void decide(struct bench *b, enum gate_action action)
{
	const char *topic = b->topic[next_random(b) % b->channels];
	const struct gate_request request = {
		.action = action,
		.message = { .topic = topic,
			     .topic_len = strlen(topic),
			     .payload = action == GATE_PUBLISH ? payload : NULL,
			     .payload_len = action == GATE_PUBLISH ? sizeof(payload) - 1 : 0,
			     .qos = 1 },
	};

	gate_decide(&b->gate, b->user[next_random(b) % b->users], &request, &b->decision);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_ns(struct bench *b, enum gate_action action)
{
	static double ns[ROUNDS];

	for (int r = 0; r < ROUNDS; r++) {
		int64_t start = clock_mono_ns();

		for (int k = 0; k < TURNS; k++)
			decide(b, action);
		ns[r] = (double)(clock_mono_ns() - start) / TURNS;
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), by_size);
	return ns[ROUNDS / 2];
}

static void die(const char *why)
{
	(void)fprintf(stderr, "bench_scale: %s\n", why);
	exit(2);
}

static void name_all(struct bench *b)
{
	b->topic = calloc(b->channels, sizeof(*b->topic));
	b->user = calloc(b->users, sizeof(struct access_principal *));
	if (!b->topic || !b->user)
		die("out of memory");
	for (unsigned i = 0; i < b->channels; i++)
		(void)snprintf(b->topic[i], sizeof(b->topic[i]),
			       "line-%u/019b4137-6d8e-5c2b-e9f4-a3b5c8d7e2f1/status", i);
	for (unsigned i = 0; i < b->users; i++) {
		char name[NAME_MAX_LEN];

		(void)snprintf(name, sizeof(name), "user-%u", i);
		b->user[i] = access_find(b->gate.rules->access, name);
		if (!b->user[i])
			die("a user is missing");
	}
}

/* The library's pages, which a broker has from its first login on, are not of the rules. */
static long resident_before(void)
{
	unsigned char hash[EVP_MAX_MD_SIZE];

	if (EVP_Digest("", 0, hash, NULL, EVP_sha256(), NULL) != 1)
		die("no SHA-256");
	return resident_kib();
}

int main(int argc, char **argv)
{
	static struct bench b = { .random = 88172645463325252u };
	struct rules_files files = { 0 };
	struct rules *rules = NULL;
	long before = resident_before(), after;
	struct diag diag;

	if (argc < 5)
		die("usage: bench_scale CONTRACT ACCESS CHANNELS USERS [TURNS]");
	files.contract = (struct sources_place)SOURCES_AT(argv[1]);
	files.access = argv[2];
	b.channels = (unsigned)strtoul(argv[3], NULL, 10);
	b.users = (unsigned)strtoul(argv[4], NULL, 10);
	diag_init(&diag);
	if (!b.channels || !b.users || rules_load(&files, &rules, &diag) ||
	    gate_init(&b.gate, rules, NULL, &diag))
		die(diag.text);
	after = resident_kib();
	name_all(&b);
	decide(&b, GATE_PUBLISH);
	if (b.decision.reason != REASON_NONE)
		die(reason_code(b.decision.reason));
	if (argc > 5) {
		for (unsigned long i = strtoul(argv[5], NULL, 10); i > 0; i--)
			decide(&b, GATE_PUBLISH);
	} else {
		double publish = median_ns(&b, GATE_PUBLISH);

		(void)printf(
			"{\"publish_ns\": %.0f, \"deliver_ns\": %.0f, \"resident_kib\": %ld}\n",
			publish, median_ns(&b, GATE_DELIVER), after - before);
	}
	gate_clear(&b.gate);
	rules_free(rules);
	free(b.topic);
	free(b.user);
	return 0;
}
