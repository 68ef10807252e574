/*
 * feed_internal.h -- what the feed's files share: feed.c (life, logins, messages, the tick),
 * feed_alerts.c (alerts published, clients disconnected, statuses that last too long),
 * feed_numbers.c (metrics, $SYS, answers to commands), feed_bans.c (bans that brokers share).
 */
#ifndef PETSTORE_FEED_INTERNAL_H
#define PETSTORE_FEED_INTERNAL_H

#include "access/access.h"
#include "base/clock.h"
#include "base/peer.h"
#include "monitor/hour.h"
#include "monitor/metricsfile.h"
#include "broker/feed.h"
#include "monitor/bans.h"

#define SECOND_NS INT64_C(1000000000)
#define ALERTS_TOPIC CONTRACT_ALERTS "/"
#define SYS_MAX 64u /* values below $SYS/broker/petstore/ */

/* The value that was published last: an unchanged value is not published again. */
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
	struct hour *hour;
	const struct rules *rules;
	bool has_channel; /* the contract has one for alerts */
	char nameless[sizeof(ACCESS_ANONYMOUS) + PEER_NET_MAX]; /* of feed.c */
	uint64_t generation;
	struct monitor_rates rates; /* of one message, where a session has no memory for its own */
	uint64_t start_s;
	int64_t unix_ms;             /* the unix time at which clock_mono_ns() was 0 */
	struct clock_minute claimed; /* what messages said last */
	unsigned times_asked;        /* calls of feed_times() since @times_ns */
	int64_t times_ns;
	uint64_t reloads;
	uint64_t reload_failures;
	uint64_t closed; /* clients that were closed because of a publish */
	int64_t file_ns; /* when the metrics file was written last */
	int64_t sys_ns;
	int64_t alert_second;
	unsigned alerts;
	int64_t held_ns;      /* when feed_log_dropped() logged last */
	size_t asked_channel; /* the next one for feed_ask_stuck() */
	size_t asked_status;
	int64_t asked_ns;
	size_t sys_count;
	struct sys_value sys[SYS_MAX];
};

/* Publishes raised and cleared alerts to topic, table and log: a bounded number per second. */
void feed_publish_alerts(struct feed *feed, int64_t now_ns);

/* Logs how many alerts were dropped for lack of room, and of which principals. */
void feed_log_dropped(struct feed *feed);

/* Has other brokers hear of this broker's new bans; @ban was lifted. */
void feed_share_bans(struct feed *feed, int64_t now_ns);
void feed_share_lifted(struct feed *feed, const struct ban *ban);

/* Disconnects the connected clients that the monitor banned. */
void feed_kick_all(struct feed *feed, const struct sessions *sessions);

/*
 * Asks the ledger which entities have had one status of one channel for too long. Each call asks
 * about the next status, so that a tick costs one indexed read at most; after the last status it
 * pauses for a window.
 */
void feed_ask_stuck(struct feed *feed, int64_t now_ns);

/* Writes the metrics file and publishes $SYS, where they are due. */
void feed_publish_numbers(struct feed *feed, const struct feed_facts *facts, int64_t now_ns);

#endif
