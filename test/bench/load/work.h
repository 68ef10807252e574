/*
 * work.h -- what the clients publish: the Petstore's messages, as many as are asked for.
 *
 * Every message is right under the shipped contract and ends with its number, so that a
 * subscriber can say which one it got. A client's messages must go out in their order. Nothing is
 * formatted for a message but its id and its number: the load shares the broker's processors.
 */
#ifndef PETSTORE_LOAD_WORK_H
#define PETSTORE_LOAD_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum work_kind {
	WORK_FRESH,    /* a new order each time: a row and an event; ids are UUIDs of version 7 */
	WORK_RANDOM,   /* the same with ids that do not: UUIDv4 */
	WORK_STEPS,    /* each order from PLACED to DELIVERED, four messages: the same */
	WORK_STANDING, /* a status that stands already, with another time: accepted, nothing is kept
			*/
	WORK_STOCK,    /* how much of a product there is: an event, no row */
	WORK_BAD,      /* an order whose status does not exist */
};

struct work {
	enum work_kind kind;
	int64_t start_ms; /* unix time at start_ns, which is monotonic */
	int64_t start_ns;
	uint64_t seed;
	int64_t clock_ns; /* monotonic, of `now` */
	char now[32];
};

struct work_message {
	char topic[96], payload[256];
	size_t topic_len, payload_len;
	bool is_new, is_last; /* an order's first status, and its DELIVERED */
};

/* By its name on the command line; -1: there is none such. */
int work_named(const char *name, enum work_kind *ret);

/* Ids of this run are its own. */
void work_init(struct work *work, enum work_kind kind);

/* Messages say what time it is: asked anew once a second. @now_ns is monotonic. */
void work_clock(struct work *work, int64_t now_ns);

/* A subscription to all of it. */
const char *work_filter(const struct work *work);

/* A client, as far as its messages go. */
struct work_author {
	unsigned index;
	uint64_t next;   /* its next message */
	int64_t born_ms; /* when the order was made that its last message was about; in its id */
};

/* The author's next message, numbered @number of all; the number's last eight digits are in it. */
void work_next(const struct work *work, struct work_author *author, uint64_t number, int64_t now_ns,
	       struct work_message *ret);

/* @n, or the next one that needs none before it: where to go on when one was not answered. */
uint64_t work_resume(const struct work *work, uint64_t n);

/* The number of a message, from its payload; UINT64_MAX where it is none of ours. */
uint64_t work_number(const unsigned char *payload, size_t len);

#endif
