/*
 * monitor_internal.h -- what the monitor's files share: monitor.c (life, records, kicks),
 * monitor_limits.c (limits), monitor_seen.c (patterns and responses).
 */
#ifndef PETSTORE_MONITOR_INTERNAL_H
#define PETSTORE_MONITOR_INTERNAL_H

#include "monitor/anomalies.h"
#include "monitor/clients.h"
#include "monitor/monitor.h"
#include "base/fixedtable.h"

#define SECOND_NS INT64_C(1000000000)

#define MONITOR_CONFLICTS 16u /* channels whose conflicts are counted at a time */
#define LOGIN_RECORDS 4096u   /* addresses, and user names, that are counted at a time */

/* An address or a user name that logins failed from, or as. */
struct failures {
	struct fixedtable_head head;
	struct distinct others;
};

/* A channel of the contract. */
struct channel {
	const char *name;
	uint64_t id; /* hash of its name, so that clients' buckets survive a reload */
	struct monitor_rates rates;
	bool is_limited; /* it has some limit */
	uint32_t interval_s;
	struct usual_size size;
};

struct monitor {
	struct settings settings;
	struct clients *clients;
	struct fixedtable *addresses; /* that logins failed from: struct failures */
	struct fixedtable *users;     /* that they failed as */
	struct keyhash hash;
	struct alerts *alerts;
	struct bans *bans;
	struct channel *channel;
	struct channel **by_id; /* sorted */
	size_t channels;
	bool has_intervals;
	struct monitor_rate slow; /* the rate of clients under the response "limit" */
	struct sightings seen;    /* in the last publish, see monitor_respond() */
	const struct channel *seen_on;
	char *kick[MONITOR_KICKS_MAX];
	size_t kicks;
	struct {
		uint64_t subject; /* the channel's; 0: none */
		uint32_t count;
		int64_t since_ns;
	} conflict[MONITOR_CONFLICTS];
	size_t walked_to;
	int64_t walked_ns;
};

/* The channel of this id, or NULL: the contract has it no more. */
const struct channel *monitor_channel_of(const struct monitor *monitor, uint64_t id);

/* A connection of @client took its id from another that was there, @holder's. */
void monitor_taken_over(struct monitor *monitor, struct client *client, struct holder *holder,
			const struct who *who, int64_t now_ns);

/* Checks the next records for silent clients. */
void monitor_look_for_silence(struct monitor *monitor, int64_t now_ns);

#endif
