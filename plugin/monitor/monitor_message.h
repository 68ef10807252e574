/*
 * monitor_message.h -- what the monitor has to know of a publish: its sizes, and the limits on it.
 */
#ifndef PETSTORE_MONITOR_MESSAGE_H
#define PETSTORE_MONITOR_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/buckets.h"

/* All zero: no limit. */
struct monitor_rate {
	struct bucket_rate messages;
	struct bucket_rate bytes;
	struct bucket_rate connects;
};

/* Limits made ready to be charged against, see monitor_rates(). All zero: none. */
struct monitor_rates {
	struct monitor_rate all;  /* of a principal: of all its clients together */
	struct monitor_rate each; /* of one of them */
	uint32_t clients;         /* how many times @each @all is; with 1 @all says it all */
};

struct monitor_message {
	uint32_t channel;                /* index; one that is out of range has no limits */
	uint32_t bytes;                  /* of the payload */
	const struct monitor_rates *own; /* limits of the principal's roles; NULL: none */
	uint64_t digest;                 /* of topic and payload */
	int64_t claim_off_ms;            /* how far from now it says to have been made */
	bool has_claim;                  /* it says so at all */
	bool is_will;
};

#endif
