/*
 * monitor.h -- limits and unusual patterns of clients, and what is done about them.
 *
 * The caller reports events to these functions, and asks what to do at the tick (alerts to publish,
 * clients to disconnect) and at logins (does the client have to wait). Nothing here calls the
 * broker. Memory is allocated when the monitor is made and does not grow, except for the ids of the
 * few clients that are about to be disconnected.
 *
 * In struct who a principal that is not proved must be ""; but monitor_login_failed() counts the
 * names that were tried. For the broker's thread. Time is an argument: nanoseconds that never go
 * back.
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
#include "monitor/monitor_message.h"
#include "monitor/settings.h"

#define MONITOR_CLIENTS_MIN 64u
#define MONITOR_CLIENTS_MAX (1u << 20)
#define MONITOR_KICKS_MAX 256u /* waiting; beyond it the client is only held off */

struct monitor;
struct client;

/* Prepares limits for monitor_charge(). */
struct monitor_rates monitor_rates(const struct limits *limits);

/* What the contract says of a channel; by its index. */
struct monitor_channel {
	const char *name;
	struct limits limits; /* on this channel; connects do not count */
	uint32_t interval_s;  /* a publisher here publishes at least this often; 0: no rule */
};

/* @clients: records of clients, MONITOR_CLIENTS_MIN .. _MAX, and as many of principals and of
 * client ids; about 1,200 bytes for the three, which the system gives as they are used. */
int monitor_new(size_t clients, struct monitor **ret, struct diag *diag) MUST_CHECK;
void monitor_free(struct monitor *monitor); /* NULL is fine */

void monitor_set(struct monitor *monitor, const struct settings *settings);
const struct setting *monitor_setting(const struct monitor *monitor, enum alert_kind kind);

/*
 * A (re)loaded contract's channels, copied but for the names, which are borrowed until the next
 * call. Baselines of payload sizes are learned anew. On failure nothing has changed.
 */
int monitor_use(struct monitor *monitor, const struct monitor_channel *channel, size_t count,
		struct diag *diag) MUST_CHECK;

/*
 * Where a connection finds its client's record again without a search. All zero: not known yet. If
 * the record belongs to another client by now, that is noticed.
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

/* The same by the seat alone; NULL: the seat does not have it. */
struct client *monitor_seated(const struct monitor_seat *seat, int64_t now_ns);

/* ---- limits ------------------------------------------------------------------------------ */

/*
 * Charges @message to the limits of the channel and of the principal, and, where limits.clients is
 * above 1, to the client's part of both. False: it is above one of them, nothing was charged, and
 * @why says which.
 *
 * A last will is charged like any message, but may exceed the limit by one burst: the client does
 * not choose when it is published, and if the will of a device that had just used up its rate were
 * refused, the device would look alive for ever. Only a client whose will is published again and
 * again has it refused.
 */
bool monitor_charge(struct monitor *monitor, struct client *client,
		    const struct monitor_message *message, int64_t now_ns, struct diag *why);

/* ---- what happened ----------------------------------------------------------------------- */

/*
 * @message, which is no last will, was accepted. True: there are sightings, and the caller must
 * call monitor_respond() with its client.
 */
bool monitor_published(struct monitor *monitor, struct client *client,
		       const struct monitor_message *message, int64_t now_ns);
void monitor_respond(struct monitor *monitor, struct client *client, const struct who *who,
		     int64_t now_ns);

/*
 * A refused publish or subscription, also one that was only observed. @entity (@entity_len
 * bytes): the topic, if the client has no right to it; else NULL.
 */
void monitor_refused(struct monitor *monitor, const struct who *who, enum reason reason,
		     const char *entity, size_t entity_len, int64_t now_ns);

/* A login failed, for whatever reason. Never for those that the broker asks again. */
void monitor_login_failed(struct monitor *monitor, const struct who *who, int64_t now_ns);

/*
 * A login is about to succeed. Returns for how many nanoseconds the client has to wait instead; 0:
 * it is connected now through @handle (compared, never dereferenced). @own: limits of the
 * principal's roles; NULL: none. Later responses (limit, disconnect, ban) are applied to the
 * principal with all its clients; where limits.clients is above 1, to the client, and to the
 * principal after several of its clients had one.
 */
int64_t monitor_connect(struct monitor *monitor, const struct who *who, const void *handle,
			const struct monitor_rates *own, int64_t now_ns);

/*
 * Counts a subscription. False: the client would have more than @limit, or all connected clients of
 * its principal more than @clients times as many. Subscriptions belong to the session: a client
 * that begins a new one has none, see monitor_restart().
 */
bool monitor_subscribe(struct monitor *monitor, const struct who *who, const char *filter,
		       size_t len, uint32_t limit, uint32_t clients, int64_t now_ns);
void monitor_unsubscribe(struct monitor *monitor, const struct who *who, const char *filter,
			 size_t len);

/* The client began a new session: it has no subscriptions. */
void monitor_restart(struct monitor *monitor, const struct who *who);

/* Nanoseconds that the client or its principal has to wait, without counting a connect: for logins
 * that the broker asks again. */
int64_t monitor_wait(const struct monitor *monitor, const struct who *who, int64_t now_ns);

/* Is the client or its principal banned, and not only held? */
bool monitor_is_banned(const struct monitor *monitor, const struct who *who, int64_t now_ns);

void monitor_disconnected(struct monitor *monitor, const struct who *who, const void *handle);

/* An entity has had its status for longer than the contract allows. Call monitor_stuck() again
 * while it does. */
struct monitor_stuck {
	const char *entity; /* "order" */
	const char *id;
	const char *status;
	uint64_t stands_s;
	uint32_t allowed_s;
};
void monitor_stuck(struct monitor *monitor, const struct monitor_stuck *stuck, int64_t now_ns);

/* A step of the channel that was accepted here was overruled by another broker's. */
void monitor_conflict(struct monitor *monitor, const char *channel, int64_t now_ns);

/* Another broker banned somebody, or lifted a ban. */
struct monitor_ban {
	const char *client; /* NULL: all clients of the principal */
	const char *principal;
	const char *cause; /* an alert's code; another one: none is named */
	uint32_t seconds;  /* 0: it was lifted */
};
void monitor_hear_ban(struct monitor *monitor, const struct monitor_ban *ban, int64_t now_ns);

/* ---- what to do -------------------------------------------------------------------------- */

/* Looks for silent clients, and clears alerts that are over. Cheap; works ten times a second. */
void monitor_tick(struct monitor *monitor, int64_t now_ns);

/* The id of the next client to disconnect, to be freed; NULL: none. Ask outside callbacks only. */
char *monitor_next_kick(struct monitor *monitor);

/* The monitor's holds and bans, and its alerts; borrowed. */
struct bans *monitor_bans(struct monitor *monitor);
struct alerts *monitor_alerts(struct monitor *monitor);

struct monitor_facts {
	size_t clients;
	uint64_t evicted;
	size_t memory; /* bytes at most */
};
struct monitor_facts monitor_facts(const struct monitor *monitor);

#endif
