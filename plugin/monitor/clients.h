/*
 * clients.h -- what is remembered of a client and of its principal: small records of fixed size.
 *
 * A client is a client id together with its principal, so that a principal cannot change another's
 * record by using the same client id. Limits are charged to a record of the principal, to which
 * each client's record has a pointer. A third kind of record has which connection uses a client
 * id. Records are in tables of fixed size, which principals share (base/fixedtable.h). What the
 * numbers mean is in monitor/anomalies.h.
 */
#ifndef PETSTORE_MONITOR_CLIENTS_H
#define PETSTORE_MONITOR_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "monitor/alerts.h"
#include "monitor/baseline.h"
#include "monitor/buckets.h"
#include "base/keyhash.h"
#include "base/fixedtable.h"

#define CLIENTS_NAME_MAX 48u  /* bytes kept of a client id and of a principal, NUL included */
#define CLIENTS_CHANNELS 4u   /* channels whose limits a client has buckets for at a time */
#define PRINCIPAL_CHANNELS 8u /* and a principal */
#define CLIENTS_FILTERS_MAX 4096u
#define CLIENTS_REPEATS 8u /* messages that are counted as repetitions at a time */
#define CLIENTS_TIMES_MAX 0x7fffffffu

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
	uint64_t id;            /* of the channel, see monitor.h; 0: free */
	uint32_t times : 31;    /* messages on it, CLIENTS_TIMES_MAX at most */
	uint32_t is_silent : 1; /* an alert is active */
	uint32_t last_s;        /* the last of them */
	struct bucket_pair owed;
};

/* What all clients of a principal have together. */
struct principal {
	struct fixedtable_head head;
	int64_t slow_until_ns; /* the response "limit": a message a second until then */
	struct bucket_pair owed;
	struct client_channel channel[PRINCIPAL_CHANNELS];
	struct bucket connects;
	uint32_t clients;     /* limits.clients; 0 counts as 1 */
	uint32_t live;        /* connected clients */
	uint32_t filters;     /* subscriptions of connected clients, where they are limited */
	struct distinct held; /* clients of it that were held off */
};

/* Who has a client id. */
struct holder {
	struct fixedtable_head head;
	const void *handle; /* the connection; compared, never dereferenced; NULL: none */
	uint64_t principal; /* its key */
	struct window takeovers;
	char name[CLIENTS_NAME_MAX]; /* the principal's */
};

/* A message that may be a repetition, as a part of its digest. */
struct repeat {
	uint32_t digest;
	uint32_t count; /* 0: free */
};

/*
 * Its connection is to be closed, by a response. Until another one is let in, or may be, what the
 * client is still seen to do is a part of that: of its messages some are on their way, or a will.
 */
struct leaving {
	bool is_asked;
	bool is_for_all; /* the response is about all clients of the principal */
	bool is_held;    /* it is a hold */
};

/* Members that each message needs come first, so that they share cache lines. */
struct client {
	struct fixedtable_head head;
	struct principal *of; /* see client_principal() */
	uint64_t of_id;
	int64_t slow_until_ns; /* as the principal's, where limits.clients is above 1 */
	struct window published;
	struct baseline rate;
	uint32_t repeat_start_s;
	struct repeat repeat[CLIENTS_REPEATS];
	struct bucket_pair owed;
	struct client_channel channel[CLIENTS_CHANNELS];

	struct bucket connects;
	struct window above; /* messages refused for their rate */
	uint32_t filter_count;
	uint32_t filter_room;
	uint64_t *filter; /* owned: hashes of the filters it subscribed to, where that is limited */

	/* what other detectors remember */
	struct window refusals;
	uint8_t refusal_reason;
	struct leaving leaving;
	struct distinct probed;
	struct window sizes; /* payloads of unusual size */
	struct window skewed;
	const void *handle; /* its connection; compared, never dereferenced; NULL: none */
	char id[CLIENTS_NAME_MAX];
	char principal[CLIENTS_NAME_MAX];
};

struct clients;

/* @records as fixedtable_new(). */
int clients_new(size_t records, struct clients **ret, struct diag *diag) MUST_CHECK;
void clients_free(struct clients *clients); /* NULL is fine */

/*
 * The record of client id @id of @principal; made where there is none. Never NULL. It points to the
 * record of @principal; a shared record does so only until the next call.
 */
struct client *clients_take(struct clients *clients, const char *id, const char *principal,
			    int64_t now_ns);

/* The same without making one: NULL where there is none. */
struct client *clients_find(const struct clients *clients, const char *id, const char *principal);

/* The numbers by which a client, and a principal, are known to alerts and bans. */
uint64_t clients_key(const struct clients *clients, const char *id, const char *principal);
uint64_t clients_principal_key(const struct clients *clients, const char *principal);

/* The record of client id @id, made with owner @principal where there is none. Never NULL. */
struct holder *clients_hold(struct clients *clients, const char *id, const char *principal,
			    int64_t now_ns);

/* The same without making one: NULL where there is none. */
struct holder *clients_holder(const struct clients *clients, const char *id);

/* @holder is connected through @handle as @principal. */
void clients_hand_over(const struct clients *clients, struct holder *holder, const void *handle,
		       const char *principal);

struct fixedtable *clients_table(struct clients *clients);

/* Bytes of all tables at most. */
size_t clients_memory(const struct clients *clients);

/* Finds or makes the principal's record, where client_principal() found that it was replaced. */
struct principal *client_find_principal(struct clients *clients, struct client *client,
					int64_t now_ns);

/* The record of the client's principal: never NULL, and good until the next clients_*() call. */
static inline struct principal *client_principal(struct clients *clients, struct client *client,
						 int64_t now_ns)
{
	struct principal *principal = client->of;

	if (__builtin_expect(principal->head.id != client->of_id, 0))
		return client_find_principal(clients, client, now_ns);
	principal->head.seen_ns = now_ns;
	return principal;
}

/* The client connected or left: adjusts its principal's @live and @filters. */
void client_set_live(struct client *client, bool is_live);

/*
 * A place for channel @id, which has none yet, among @count. When all are taken, the channel with
 * the fullest buckets is replaced, and what those still lack is charged to the new channel, so that
 * a client gains nothing by changing channels.
 */
struct client_channel *client_take_channel(struct client_channel *channel, size_t count,
					   uint64_t id, int64_t now_ns);

/* The client's place for channel @id. */
static inline struct client_channel *client_channel(struct client *client, uint64_t id,
						    int64_t now_ns)
{
	for (size_t i = 0; i < CLIENTS_CHANNELS; i++)
		if (client->channel[i].id == id)
			return &client->channel[i];
	return client_take_channel(client->channel, CLIENTS_CHANNELS, id, now_ns);
}

/* The principal's. */
static inline struct client_channel *principal_channel(struct principal *principal, uint64_t id,
						       int64_t now_ns)
{
	for (size_t i = 0; i < PRINCIPAL_CHANNELS; i++)
		if (principal->channel[i].id == id)
			return &principal->channel[i];
	return client_take_channel(principal->channel, PRINCIPAL_CHANNELS, id, now_ns);
}

/*
 * Counts a subscription, by its filter's hash. False: the client would have more than @limit (at
 * most CLIENTS_FILTERS_MAX), or the connected clients of its principal more than @all together. The
 * same filter again counts once. If memory runs out, it is allowed and not counted.
 */
bool client_subscribe(struct client *client, uint64_t filter, uint32_t limit, uint64_t all);
void client_unsubscribe(struct client *client, uint64_t filter);
void client_forget_filters(struct client *client);

#endif
