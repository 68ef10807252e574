/*
 * clients.h -- connections that publish and subscribe, driven from one thread.
 *
 * A pass publishes a number of messages, or for a time, and ends when all are answered and all
 * deliveries have come. At QoS 1 and 2 each connection keeps `window` messages in flight; at QoS 0,
 * where nothing is acknowledged, it writes as fast as TCP takes them and asks for a PINGRESP behind
 * the last one, which the broker sends when it has dealt with all. With subscribers, publishers
 * wait when deliveries are more than HOLD_BACK behind: no queue of the broker's overflows, and
 * what is counted is all there was.
 *
 * What the broker refuses is counted by its reason code. A connection that the broker closes is
 * made anew, and goes on with an order that it has not begun; what was in flight then is counted
 * as unanswered, and may or may not have been taken. Memory does not grow with the messages.
 */
#ifndef PETSTORE_LOAD_CLIENTS_H
#define PETSTORE_LOAD_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "settings.h"
#include "times.h"
#include "wire.h"
#include "work.h"

struct client {
	struct wire wire;
	struct work_author author;
	bool is_subscriber, is_lost;
	bool is_awaited;           /* EPOLLOUT was asked for */
	bool is_pinged, is_ponged; /* behind its last message, QoS 0 */
	uint64_t quota;            /* how many more messages of this pass */
	unsigned in_flight;
	unsigned free_slots;            /* a bit for each packet id that is not in flight */
	unsigned new_slots, last_slots; /* those of an order's first and last status */
	int64_t sent_ns[SETTINGS_WINDOW_MAX];
};

/* What came of a pass. */
struct tally {
	uint64_t sent, answered, refused, delivered;
	uint64_t refused_by[256];    /* by reason code; 0: an answer of MQTT 3.1.1 has none */
	uint64_t opened, finished;   /* orders whose first, and last, status was accepted */
	uint64_t closed, unanswered; /* connections, and what was in flight on them */
	uint64_t expected;           /* deliveries */
	struct times ack, lag;
	int64_t start_ns, end_ns;
};

struct clients {
	/* What was asked for. */
	struct wire_login login; /* without a client id */
	const char *prefix;      /* of client ids */
	int qos;
	unsigned window, publishers, subscribers;
	double rate; /* messages a second of all; 0: as many as go */
	struct timespec pause;
	struct work work;
	/* How it stands. */
	struct client *client; /* publishers first */
	int epoll;
	int64_t now_ns, progress_ns, stop_ns; /* stop_ns 0: by number only */
	uint64_t base;                        /* of this pass's numbers */
	uint64_t left, in_flight, ponged;     /* of all clients */
	int64_t *sent_ns;                     /* a ring by number, for the subscribers; else NULL */
	struct tally tally;
};

/* Connects all, subscribers first. 0, or -1 with a line on stderr. clients_close() in either case.
 */
int clients_open(struct clients *clients);

/*
 * Publishes @messages, or for @seconds where that is not 0. What came of it is in `tally`. False:
 * nothing has moved for long, something is missing.
 */
bool clients_pass(struct clients *clients, uint64_t messages, double seconds);

void clients_close(struct clients *clients);

/* A line on stderr, and the end of the program. */
void clients_fail(const char *what) __attribute__((noreturn));

#endif
