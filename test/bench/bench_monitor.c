/*
 * What the monitor costs an accepted message: finding the client, charging its limits, every
 * detector that looks at a publish, and the counters. Nanoseconds a message, those of the loop
 * around it taken off; as the contract ships (limits of one channel), and with every limit and
 * the watch for silence on.
 *
 *     bench_monitor                    nanoseconds
 *     bench_monitor --once ships|all   one round, to be counted: valgrind --tool=callgrind
 *                                      --toggle-collect='count_me*', divided by the 100000 messages
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "monitor/monitor.h"
#include "monitor/metrics.h"

#define CLIENTS 1000u
#define MESSAGES 2000000u
#define MESSAGES_ONCE 100000u

struct bench {
	struct monitor *monitor;
	struct metrics *metrics;
	struct monitor_rates own;
	bool has_all;
	bool is_idle;
	int64_t now_ns;
	char id[CLIENTS][24];
	struct monitor_seat seat[CLIENTS];
};

static volatile uint64_t sink; /* keeps an idle loop from being left out */

static void one(struct bench *bench, unsigned client, uint64_t i, int64_t now_ns)
{
	struct who who = { bench->id[client], "device", "192.0.2.1", true };
	struct monitor_message message = { .channel = i & 3,
					   .bytes = 150 + (i & 15),
					   .own = bench->has_all ? &bench->own : NULL,
					   .digest = i * UINT64_C(0x9e3779b97f4a7c15),
					   .has_claim = true };
	struct client *record;
	struct diag why;

	if (bench->is_idle) {
		sink = message.digest + (uintptr_t)who.client_id;
		return;
	}
	record = monitor_client(bench->monitor, &who, &bench->seat[client], now_ns);
	if (!monitor_charge(bench->monitor, record, &message, now_ns, &why) ||
	    monitor_published(bench->monitor, record, &message, now_ns))
		exit(1);
	metrics_decided(bench->metrics, METRICS_PUBLISH, message.channel, REASON_NONE, false);
	metrics_took(bench->metrics, 1500);
}

/* Of this process, so that what else runs on the machine does not count. */
static int64_t cpu_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* A function of its own, so that it can be named to callgrind. */
__attribute__((noinline)) static void count_me(struct bench *bench)
{
	for (uint64_t i = 0; i < MESSAGES_ONCE; i++)
		one(bench, (unsigned)(i % CLIENTS), i, bench->now_ns += 10000);
}

static double run(struct bench *bench, unsigned clients)
{
	int64_t begin = cpu_ns();

	for (uint64_t i = 0; i < MESSAGES; i++)
		one(bench, (unsigned)(i % clients), i, bench->now_ns += 10000);
	return (double)(cpu_ns() - begin) / MESSAGES;
}

/* The channels, with the limits of the shipped contract or with all there are. */
static int use(struct bench *bench, bool has_all, struct diag *diag)
{
	const struct limits limits = { .messages_per_second = 1000000,
				       .burst = 1000000,
				       .bytes_per_second = has_all ? 1000000000 : 0 };
	const struct limits none = { 0 };
	const struct monitor_channel channel[4] = { { "a", limits, has_all ? 60 : 0 },
						    { "b", has_all ? limits : none, 0 },
						    { "c", has_all ? limits : none, 0 },
						    { "d", has_all ? limits : none, 0 } };

	bench->has_all = has_all;
	bench->own = monitor_rates(&limits);
	return monitor_use(bench->monitor, channel, 4, diag);
}

static int make(struct bench *bench, struct diag *diag)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	int rc;

	bench->now_ns = clock_mono_ns();
	rc = monitor_new(65536, &bench->monitor, diag);
	if (rc == 0)
		rc = metrics_new(&bench->metrics, diag);
	if (rc == 0)
		rc = metrics_reserve(bench->metrics, 4, diag);
	if (rc == 0)
		metrics_use(bench->metrics, names, 4);
	for (unsigned i = 0; i < CLIENTS; i++)
		(void)snprintf(bench->id[i], sizeof(bench->id[i]), "collar-%u", i);
	return rc;
}

static int fail(const struct diag *diag)
{
	(void)fprintf(stderr, "%s\n", diag->text);
	return 1;
}

int main(int argc, char **argv)
{
	static struct bench bench;
	double idle;
	struct diag diag;

	if (make(&bench, &diag))
		return fail(&diag);
	if (argc == 3 && strcmp(argv[1], "--once") == 0) {
		if (use(&bench, strcmp(argv[2], "all") == 0, &diag))
			return fail(&diag);
		count_me(&bench);
		return 0;
	}
	bench.is_idle = true;
	idle = run(&bench, CLIENTS);
	bench.is_idle = false;
	for (int all = 0; all < 2; all++) {
		if (use(&bench, all, &diag))
			return fail(&diag);
		(void)run(&bench, CLIENTS); /* warms up */
		(void)printf("monitor, %s: 1 client %.1f ns, %u clients %.1f ns a message\n",
			     all ? "all limits on" : "as it ships", run(&bench, 1) - idle, CLIENTS,
			     run(&bench, CLIENTS) - idle);
	}
	monitor_free(bench.monitor);
	metrics_free(bench.metrics);
	return 0;
}
