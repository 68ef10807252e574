/*
 * traffic_line.h -- a recorded message, and the line of a recording that says it.
 *
 * A line is a JSON object as `mosquitto_sub -F %j` prints messages, without their publishers, or as
 * `petstorectl events --json` and `refusals --json` print rows. Of a refusal only what was observed
 * counts, which is a message that subscribers got.
 */
#ifndef PETSTORE_LEARN_TRAFFIC_LINE_H
#define PETSTORE_LEARN_TRAFFIC_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message. Texts are borrowed for the call. */
struct traffic_message {
	const char *topic;
	size_t topic_len;
	const char *payload; /* NULL where it has none; of a binary one nothing is known */
	size_t len;          /* of @payload */
	size_t bytes;        /* that it had when it was published */
	bool is_binary;      /* not UTF-8, or with U+0000 */
	unsigned qos;
	bool is_retained;
	bool is_will;
	const char *publisher; /* NULL: the recording names none */
	size_t publisher_len;
	int64_t second; /* when it came, by any clock; 0: not known */
};

/* Where a message stands, for what is said of it. */
struct traffic_place {
	const char *name; /* of the recording */
	uint64_t line;    /* from 1; of a database the row's seq */
};

/* What the lines that were no messages were. */
struct traffic_passed {
	uint64_t refused; /* refusals that were not observed, and no publishes */
	uint64_t cut;     /* whose payload is not there as a whole */
	bool is_torn;     /* the last line ended in the middle */
};

/* Called for each message; what is not 0 ends the reading with that. */
typedef int traffic_visit(void *ctx, const struct traffic_message *message,
			  const struct traffic_place *place);

struct payload_parser;

enum traffic_answer {
	TRAFFIC_MESSAGE,
	TRAFFIC_REFUSED, /* a refusal that was not observed, or of another action */
	TRAFFIC_CUT,     /* the payload is not there as a whole */
	TRAFFIC_FAULT,   /* it is no message: *@expected says what was expected */
};

/*
 * The message that @line (@len bytes) is. Its texts are borrowed from @parser, until that parses
 * again. Bytes that are not UTF-8 are replaced in @line.
 */
enum traffic_answer traffic_line(struct payload_parser *parser, char *line, size_t len,
				 struct traffic_message *ret, const char **expected);

/* Seconds of a time that begins as RFC 3339 does, its zone aside; 0: it does not. */
int64_t traffic_second(const char *text, size_t len);

#endif
