/*
 * decisionid.h -- the id of a decision, the same in its log line, notice and row.
 *
 * 16 characters out of 0-9 a-z without i, l, o and u: 48 bits of the time in milliseconds, a count
 * of 20 bits within it, and 12 random bits of this start of the broker. As texts they sort in the
 * order in which they were made, also when the clock is set back.
 */
#ifndef PETSTORE_REPORT_DECISIONID_H
#define PETSTORE_REPORT_DECISIONID_H

#include <stdint.h>

#define DECISIONID_TEXT 17 /* bytes, NUL included */

struct decisionid {
	uint64_t ms; /* of the last id */
	uint32_t count;
	uint32_t instance;
};

/* @seed: random bits, so that two brokers of one database do not share ids. */
void decisionid_init(struct decisionid *ids, uint32_t seed);

/* Writes the next id to @ret. Returns @ret. */
char *decisionid_next(struct decisionid *ids, int64_t now_ms, char ret[DECISIONID_TEXT]);

#endif
