/*
 * clients.h -- what is remembered of a client: one small record of fixed size.
 *
 * A client is a client id together with the principal behind it, so that nobody can spoil
 * another's record by borrowing his client id. Records live in a table of fixed size, whose
 * rule of whom to forget is in monitor/table.h. Knows nothing of what the numbers mean: that is
 * monitor/anomalies.h.
 */
#ifndef PETSTORE_MONITOR_CLIENTS_H
#define PETSTORE_MONITOR_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "monitor/alerts.h"
#include "monitor/baseline.h"
#include "monitor/buckets.h"
#include "monitor/keyhash.h"
#include "monitor/table.h"

#define CLIENTS_NAME_MAX 48u /* bytes kept of a client id and of a principal, NUL included */
#define CLIENTS_CHANNELS 4u  /* channels whose limits a client has buckets for at a time */
#define CLIENTS_FILTERS_MAX 4096u
#define CLIENTS_REPEATS 8u /* messages watched for repetition at a time */

/* Counts within a window that begins with the first count. */
struct window {
	uint32_t start_s;
	uint32_t count;
};

/* The same of distinct names, as bits of their hashes. */
struct distinct {
	uint32_t start_s;
	uint64_t seen;
};

struct client_channel {
	uint64_t id;     /* of the channel, see monitor.h; 0: free */
	uint32_t times;  /* messages on it */
	uint32_t last_s; /* the last of them */
	struct bucket messages;
	struct bucket bytes;
	bool is_silent; /* an alert stands */
};

/* A message that may be a repetition, as a part of its digest. */
struct repeat {
	uint32_t digest;
	uint32_t count; /* 0: free */
};

/* What each message asks for stands first, close together. */
struct client {
	struct table_head head;
	int64_t slow_until_ns; /* the response "limit": a message a second until then */
	struct window published;
	struct baseline rate;
	uint32_t repeat_start_s;
	struct repeat repeat[CLIENTS_REPEATS];
	struct bucket messages;
	struct bucket bytes;
	struct client_channel channel[CLIENTS_CHANNELS];

	struct bucket connects;
	struct window above; /* messages refused for their rate */
	uint32_t filter_count;
	uint32_t filter_room;
	uint64_t *filter; /* owned: hashes of the filters it subscribed to, where that is limited */

	/* what other detectors remember */
	struct window refusals;
	uint8_t refusal_reason;
	struct distinct probed;
	struct window sizes; /* payloads of unusual size */
	struct window skewed;
	struct window takeovers;

	const void *handle; /* the connection that speaks for it; compared, never followed */
	char id[CLIENTS_NAME_MAX];
	char principal[CLIENTS_NAME_MAX];
};

struct clients;

/* @records as table_new(). */
int clients_new(size_t records, struct clients **ret, struct diag *diag);
void clients_free(struct clients *clients); /* NULL is fine */

/* The record of @id, known as @principal; made where there is none. Never NULL. */
struct client *clients_take(struct clients *clients, const char *id, const char *principal,
			    int64_t now_ns);

/* The same without making one: NULL where there is none. */
struct client *clients_find(const struct clients *clients, const char *id, const char *principal);

/* The number by which the client is known to alerts and bans; cheap where @client is at hand. */
uint64_t clients_key(const struct clients *clients, const char *id, const char *principal);

struct table *clients_table(struct clients *clients);

/*
 * A place for channel @id, which has none. When all are taken, that of the
 * channel whose buckets are fullest is given up, and what is still owed there is owed here: a
 * client gains nothing by changing channels.
 */
struct client_channel *client_take_channel(struct client *client, uint64_t id, int64_t now_ns);

/* The client's place for channel @id. */
static inline struct client_channel *client_channel(struct client *client, uint64_t id,
						    int64_t now_ns)
{
	for (size_t i = 0; i < CLIENTS_CHANNELS; i++)
		if (client->channel[i].id == id)
			return &client->channel[i];
	return client_take_channel(client, id, now_ns);
}

/*
 * A subscription, as the filter's hash: false where it is one more than @limit (at most
 * CLIENTS_FILTERS_MAX). The same again is none more. Where memory lacks it is not counted.
 */
bool client_subscribe(struct client *client, uint64_t filter, uint32_t limit);
void client_unsubscribe(struct client *client, uint64_t filter);
void client_forget_filters(struct client *client);

#endif
