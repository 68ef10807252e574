/*
 * feed_internal.h -- what the feed's files share: feed.c (life, logins, messages, the tick),
 * feed_alerts.c (alerts published, clients disconnected, statuses that last too long),
 * feed_numbers.c (metrics, $SYS, answers to commands).
 */
#ifndef PETSTORE_FEED_INTERNAL_H
#define PETSTORE_FEED_INTERNAL_H

#include "monitor/metricsfile.h"
#include "broker/feed.h"

#define SECOND_NS INT64_C(1000000000)
#define ALERTS_TOPIC CONTRACT_ALERTS "/"
#define SYS_MAX 64u /* values below $SYS/broker/petstore/ */

/* What was published last: only what changed is published again. */
struct sys_value {
	char topic[64];
	char value[128];
};

struct feed {
	const struct options *options;
	const struct broker *broker;
	struct ledger *ledger;
	struct monitor *monitor;
	struct metrics *metrics;
	struct metricsfile *file; /* NULL: none is wanted */
	const struct rules *rules;
	bool has_channel; /* the contract has one for alerts */
	uint64_t generation;
	uint64_t start_s;
	int64_t unix_ms; /* when the other clock, which messages are measured by, was at 0 */
	uint64_t reloads;
	uint64_t reload_failures;
	uint64_t closed; /* clients, over a publish that could not be kept */
	int64_t file_ns; /* when it was written last */
	int64_t sys_ns;
	int64_t alert_second;
	unsigned alerts;
	int64_t held_ns;      /* when it was said last how many found no place */
	size_t asked_channel; /* the next to ask the ledger about, see feed_ask_stuck() */
	size_t asked_status;
	int64_t asked_ns;
	size_t sys_count;
	struct sys_value sys[SYS_MAX];
};

/* Raised and cleared alerts, to topic, table and log: a bounded number a second. */
void feed_publish_alerts(struct feed *feed, int64_t now_ns);

/* Says how many alerts found no place, and whose they were. */
void feed_log_dropped(struct feed *feed);

/* Disconnects whom the monitor wants gone, where they are connected. */
void feed_kick_all(struct feed *feed, const struct sessions *sessions);

/*
 * One status of one channel a call, so that a tick costs one indexed read at most; when all
 * have had their turn, a window's pause.
 */
void feed_ask_stuck(struct feed *feed, int64_t now_ns);

/* Metrics file and $SYS, where they are due. */
void feed_publish_numbers(struct feed *feed, const struct feed_facts *facts, int64_t now_ns);

#endif
