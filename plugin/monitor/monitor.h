/*
 * monitor.h -- who does too much, or something odd, and what is done about it.
 *
 * What happened is handed to these functions; what is to be done is asked for at the tick
 * (alerts to publish, clients to disconnect) and at logins (who has to stay away). Nothing here
 * calls the broker. Memory is taken when the monitor is made and does not grow, whatever clients
 * do, but for the ids of the few clients that are about to be disconnected.
 *
 * A principal that is not proved is nobody, and "" in struct who; but for monitor_login_failed(),
 * which counts the names that were tried. For the broker's thread. Time is an argument: nanoseconds
 * that never go back.
 */
#ifndef PETSTORE_MONITOR_MONITOR_H
#define PETSTORE_MONITOR_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/limits.h"
#include "base/reason.h"
#include "base/who.h"
#include "monitor/alerts.h"
#include "monitor/bans.h"
#include "monitor/buckets.h"
#include "monitor/settings.h"

#define MONITOR_CLIENTS_MIN 64u
#define MONITOR_CLIENTS_MAX (1u << 20)
#define MONITOR_KICKS_MAX 256u /* waiting; beyond it the client is only held off */

struct monitor;
struct client;

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

/* Limits made ready to be charged against. */
struct monitor_rates monitor_rates(const struct limits *limits);

/* What the contract says of a channel; by its index. */
struct monitor_channel {
	const char *name;
	struct limits limits; /* on this channel; connects do not count */
	uint32_t interval_s;  /* who publishes here does so at least so often; 0: or not */
};

/* @clients: records of clients, MONITOR_CLIENTS_MIN .. _MAX, and as many of principals and of
 * client ids; about 1,200 bytes for the three. */
int monitor_new(size_t clients, struct monitor **ret, struct diag *diag);
void monitor_free(struct monitor *monitor); /* NULL is fine */

void monitor_set(struct monitor *monitor, const struct settings *settings);
const struct setting *monitor_setting(const struct monitor *monitor, enum alert_kind kind);

/*
 * A (re)loaded contract's channels, copied but for the names, which are borrowed until the next
 * call. Baselines of payload sizes are learned anew. On failure nothing has changed.
 */
int monitor_use(struct monitor *monitor, const struct monitor_channel *channel, size_t count,
		struct diag *diag);

/*
 * Where a connection finds its client's record again without looking for it. All zero knows no
 * place yet. It is only a hint: what was given to somebody else meanwhile is noticed.
 */
struct monitor_seat {
	struct client *client;
	uint64_t key;
};

/*
 * The client's record, for the calls below; never NULL, and good until the next such call.
 * @seat, NULL or that of @who, is used and updated.
 */
struct client *monitor_client(struct monitor *monitor, const struct who *who,
			      struct monitor_seat *seat, int64_t now_ns);

/* The same where the seat knows it, so that nobody has to ask who it is; else NULL. */
struct client *monitor_seated(const struct monitor_seat *seat, int64_t now_ns);

/* ---- limits ------------------------------------------------------------------------------ */

/*
 * Charges @message against the channel's limits and the principal's own, and, where a principal
 * may do as much as several clients, against the client's part of both. False: it is above one of
 * them, nothing was charged, and @why says which.
 *
 * A last will is charged like any message, but may overdraw by a burst: when it is published
 * is not up to the client, and a device that had just used up its rate would else be taken for
 * alive for good. Only a client that dies again and again has its last will refused.
 */
bool monitor_charge(struct monitor *monitor, struct client *client,
		    const struct monitor_message *message, int64_t now_ns, struct diag *why);

/* ---- what happened ----------------------------------------------------------------------- */

/*
 * @message, which is no last will, was accepted. True: something was seen, and
 * monitor_respond() has to be called with who it was.
 */
bool monitor_published(struct monitor *monitor, struct client *client,
		       const struct monitor_message *message, int64_t now_ns);
void monitor_respond(struct monitor *monitor, struct client *client, const struct who *who,
		     int64_t now_ns);

/*
 * A refused publish or subscription, also one that was only observed. @entity (@entity_len
 * bytes): the topic, where it is about something that the client may not have; else NULL.
 */
void monitor_refused(struct monitor *monitor, const struct who *who, enum reason reason,
		     const char *entity, size_t entity_len, int64_t now_ns);

/* A login failed, for whatever reason. Never for those that the broker asks again. */
void monitor_login_failed(struct monitor *monitor, const struct who *who, int64_t now_ns);

/*
 * A login would succeed: how long the client has to stay away instead, in nanoseconds, or 0. It
 * is then connected through @handle (compared, never followed). @own: limits of the principal's
 * roles; NULL: none. What is done about a pattern from then on is done to the principal, with all
 * its clients; where it may do as much as several clients, to the client, and to the principal
 * when several of those had it done to them.
 */
int64_t monitor_connect(struct monitor *monitor, const struct who *who, const void *handle,
			const struct monitor_rates *own, int64_t now_ns);

/*
 * A subscription of a client that may have @limit of them, and all connected clients of its
 * principal @clients times as many: false where it is one too many. They are counted by session:
 * a client that begins a new one has none, see monitor_restart().
 */
bool monitor_subscribe(struct monitor *monitor, const struct who *who, const char *filter,
		       size_t len, uint32_t limit, uint32_t clients, int64_t now_ns);
void monitor_unsubscribe(struct monitor *monitor, const struct who *who, const char *filter,
			 size_t len);

/* The client begins with no subscriptions. */
void monitor_restart(struct monitor *monitor, const struct who *who);

/* Only whether it, or its principal, has to stay away: for logins that the broker asks again. */
int64_t monitor_wait(const struct monitor *monitor, const struct who *who, int64_t now_ns);

/* Is it, or its principal, banned? Who is only held off is not. */
bool monitor_is_banned(const struct monitor *monitor, const struct who *who, int64_t now_ns);

void monitor_disconnected(struct monitor *monitor, const struct who *who, const void *handle);

/* An entity's status was found to stand for longer than it may. To be repeated while it does. */
struct monitor_stuck {
	const char *entity; /* "order" */
	const char *id;
	const char *status;
	uint64_t stands_s;
	uint32_t allowed_s;
};
void monitor_stuck(struct monitor *monitor, const struct monitor_stuck *stuck, int64_t now_ns);

/* ---- what to do -------------------------------------------------------------------------- */

/* Looks for what did not happen, and clears what is over. Cheap; does its work ten times a second.
 */
void monitor_tick(struct monitor *monitor, int64_t now_ns);

/* The id of the next client to disconnect, to be freed; NULL: none. Ask outside callbacks only. */
char *monitor_next_kick(struct monitor *monitor);

/* Borrowed: who is held off or banned, and what is wrong at present (alerts_next(), ...). */
struct bans *monitor_bans(struct monitor *monitor);
struct alerts *monitor_alerts(struct monitor *monitor);

struct monitor_facts {
	size_t clients;
	uint64_t evicted;
	size_t memory; /* bytes at most */
};
struct monitor_facts monitor_facts(const struct monitor *monitor);

#endif
