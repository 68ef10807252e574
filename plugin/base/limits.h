/*
 * limits.h -- how much a client of a principal may do, by its roles or on a channel.
 */
#ifndef PETSTORE_LIMITS_H
#define PETSTORE_LIMITS_H

#include <stdint.h>

#include "base/config.h"

/* 0: no limit of that kind. */
struct limits {
	/*
	 * All clients of one principal together get this many times the limits below (0: once),
	 * because a client chooses its client id, but not its principal.
	 */
	uint32_t clients;
	uint32_t messages_per_second;
	uint32_t burst;            /* messages at once; 0: messages_per_second */
	uint32_t bytes_per_second; /* of payloads; the same number may come at once */
	uint32_t subscriptions;
	uint32_t connects_per_minute;
	uint32_t topic_levels; /* of topics and filters */
	uint32_t topic_bytes;
};

#define LIMITS_CLIENTS_MAX 100000u /* the largest @clients */

/*
 * Reads the object @at, which is called @noun and may have the members @names (with spaces between
 * them): those that are limits go to @ret, others are the caller's. False where @at is no object.
 */
bool limits_read(struct config_report *report, const struct config *at, const char *noun,
		 const char *names, struct limits *ret);

#endif
