/*
 * anomalies.h -- the detectors: each looks at one record and one event, and says what it sees.
 *
 * Which are on, and when something counts, is in monitor/settings.h. A detector that saw its
 * threshold reached begins to count anew, so that whoever goes on is seen again. Nothing is
 * allocated; nothing is done about what is seen: that is the caller's business. Time is an
 * argument in nanoseconds that never go back.
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
#include "monitor/monitor.h"

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

/* Time in the unit of windows; never 0, which stands for never. */
static inline uint32_t anomalies_seconds(int64_t now_ns)
{
	return (uint32_t)(now_ns / 1000000000) + 1;
}

/*
 * What payloads of a channel are like. Which lengths are usual is worked out when something is
 * learned; once enough is known, one message out of eight teaches: asking costs two
 * comparisons. All zero knows nothing.
 */
struct usual_size {
	struct baseline baseline;
	uint32_t passed; /* messages, to draw those that teach */
	uint32_t least;  /* lengths outside of these are far; both 0 until enough is known */
	uint32_t most;
};

/* An accepted publish; @client has a record of its own. @size learns. Adds to @ret. */
void anomalies_published(const struct settings *settings, struct client *client,
			 struct usual_size *size, const struct monitor_message *message,
			 uint32_t now_s, struct sightings *ret);

/* A refusal; @entity is a hash of what was asked for where the client may not have it, else 0. */
void anomalies_refused(const struct settings *settings, struct client *client, enum reason reason,
		       uint64_t entity, int64_t now_ns, struct sightings *ret);

/* A connection took the client id of another that was there; @takeovers are that id's. */
void anomalies_taken_over(const struct settings *settings, struct window *takeovers, int64_t now_ns,
			  struct sightings *ret);

/*
 * How long the client has been silent on a channel from which it is expected every @interval_s,
 * in seconds; 0 where it is not too long, or too little is known of it.
 */
uint32_t anomalies_silence(const struct settings *settings, const struct client_channel *channel,
			   uint32_t interval_s, int64_t now_ns);

/*
 * A name (as a hash) was seen beside this one. True where the setting's threshold of distinct
 * names is reached; *count is the estimate (64 bits tell up to a hundred or so apart).
 */
bool anomalies_distinct(const struct setting *setting, struct distinct *distinct, uint64_t name,
			int64_t now_ns, uint64_t *count);

#endif
