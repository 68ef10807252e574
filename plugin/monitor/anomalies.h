/*
 * anomalies.h -- the detectors: each takes one record and one event, and returns sightings.
 *
 * monitor/settings.h has which detectors are on, and their thresholds. A detector whose threshold
 * was reached begins to count anew, so that a client that goes on is seen again. Nothing is
 * allocated; the caller acts on the sightings. Time is an argument in nanoseconds that never go
 * back.
 *
 * Windows begin with the first event in them and are not sliding: a pattern that straddles two
 * of them may take up to twice the threshold to be seen.
 */
#ifndef PETSTORE_MONITOR_ANOMALIES_H
#define PETSTORE_MONITOR_ANOMALIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "monitor/alerts.h"
#include "monitor/clients.h"
#include "monitor/monitor_message.h"
#include "monitor/settings.h"

/* One thing that was seen, in numbers. */
struct sighting {
	enum alert_kind kind;
	uint64_t count;
	double observed;
	double expected;
	bool has_numbers;
};

#define SIGHTINGS_MAX 4u /* of one event */

struct sightings {
	unsigned count;
	struct sighting item[SIGHTINGS_MAX];
};

/* Time in seconds for windows; never 0, which means "never". */
static inline uint32_t anomalies_seconds(int64_t now_ns)
{
	return (uint32_t)(now_ns / 1000000000) + 1;
}

/*
 * Usual sizes of a channel's payloads. The bounds are computed when a size is learned; after the
 * first ones only one message out of eight is learned, so that a check costs two comparisons. All
 * zero: nothing is learned yet.
 */
struct usual_size {
	struct baseline baseline;
	uint32_t passed; /* messages so far, to choose those that are learned */
	uint32_t least;  /* smaller and larger sizes are unusual; both 0 until enough is learned */
	uint32_t most;
};

/* A publish was accepted; @client's record is not shared. @size may learn. Adds to @ret. */
void anomalies_published(const struct settings *settings, struct client *client,
			 struct usual_size *size, const struct monitor_message *message,
			 uint32_t now_s, struct sightings *ret);

/* A request was refused; @entity: a hash of the topic, if the client has no right to it; else 0. */
void anomalies_refused(const struct settings *settings, struct client *client, enum reason reason,
		       uint64_t entity, int64_t now_ns, struct sightings *ret);

/* A connection took over a client id; @takeovers are counted for that id. */
void anomalies_taken_over(const struct settings *settings, struct window *takeovers, int64_t now_ns,
			  struct sightings *ret);

/*
 * For how many seconds the client has been silent on a channel where it should publish every
 * @interval_s; 0: not too long, or too little is known.
 */
uint32_t anomalies_silence(const struct settings *settings, const struct client_channel *channel,
			   uint32_t interval_s, int64_t now_ns);

/*
 * Adds a name (as a hash) to @distinct. True: the setting's threshold of distinct names is reached;
 * *count is the estimate (64 bits can count to about a hundred).
 */
bool anomalies_distinct(const struct setting *setting, struct distinct *distinct, uint64_t name,
			int64_t now_ns, uint64_t *count);

#endif
