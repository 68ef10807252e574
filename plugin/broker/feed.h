/*
 * feed.h -- passes the broker's events on to the monitor, and carries out what it decides.
 *
 * Knows the broker, the ledger, the rules and the monitor's parts. Charges limits, feeds the
 * detectors, publishes alerts (topic, table, log), disconnects banned clients, and publishes the
 * numbers ($SYS, file). Texts that clients chose are escaped in the log.
 *
 * For the broker's thread. Only feed_tick() disconnects clients.
 */
#ifndef PETSTORE_FEED_H
#define PETSTORE_FEED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "broker/broker.h"
#include "gate/decision.h"
#include "ledger/ledger.h"
#include "ledger/others.h"
#include "broker/login.h"
#include "monitor/metrics.h"
#include "monitor/monitor.h"
#include "base/options.h"
#include "gate/rules.h"
#include "broker/sessions.h"

struct feed;

/*
 * @broker, @ledger (NULL: none) and @options are borrowed until feed_free(). @all gets all faults
 * of plugin_opt_monitor's file, see settings_load().
 */
int feed_new(const struct options *options, const struct broker *broker, struct ledger *ledger,
	     struct feed **ret, struct diag_list *all, struct diag *diag) MUST_CHECK;
void feed_free(struct feed *feed); /* NULL is fine */

/* Reads the monitor's settings from plugin_opt_monitor; feed_set() puts them in force. */
int feed_read(const struct feed *feed, struct settings *ret, struct diag_list *all,
	      struct diag *diag) MUST_CHECK;
void feed_set(struct feed *feed, const struct settings *settings);

/* Prepares for @rules, borrowed, which come into force next. On failure nothing has changed. */
int feed_use(struct feed *feed, const struct rules *rules, struct diag *diag) MUST_CHECK;

/* Counts a reload; @is_done false: it failed, and the old rules stay. */
void feed_reloaded(struct feed *feed, bool is_done);

/* ---- logins ------------------------------------------------------------------------------ */

/* A login was refused. @is_failure false: only because there was no time to check it. */
void feed_refused_login(struct feed *feed, const struct login_request *request,
			enum login_method method, bool is_failure);

/* A login was proved, but its client is held off (holdoffs.h): no failure, nothing for detectors.
 */
void feed_held_off(struct feed *feed, const struct login_request *request,
		   enum login_method method);

/*
 * A login is about to succeed. False: the client is banned or connects too often, and @why says so.
 * A login that the broker asks again is not counted, but it is refused if there is a ban.
 */
bool feed_login(struct feed *feed, const struct login_request *request,
		const struct login_answer *answer, struct diag *why);

/* The client of a login that feed_login() allowed was gone already. */
void feed_vanished(struct feed *feed, const struct login_request *request);

/* The connection is gone. */
void feed_left(struct feed *feed, const struct mosquitto *client, const struct session *session);

/* ---- messages ---------------------------------------------------------------------------- */

/* The unix time (ms) at @now_ns of clock_mono_ns(), by their difference at the last tick. */
int64_t feed_unix_ms(const struct feed *feed, int64_t now_ns);

/*
 * Is the next decision's time to be measured? Of each second the first FEED_TIMED_FIRST are, then
 * one of FEED_TIMED_OF: to read the clock costs more than some of the questions.
 */
#define FEED_TIMED_FIRST 256u
#define FEED_TIMED_OF 16u
bool feed_times(struct feed *feed);

/* Counts a decision, and the nanoseconds that it took; 0: not measured. */
void feed_decided(struct feed *feed, const struct gate_request *request,
		  const struct decision *decision, int64_t took_ns);

/* A publish that is not acknowledged yet, or a request for a subscription. */
struct feed_publish {
	const struct mosquitto *client;
	struct session *session; /* NULL: none */
	const struct gate_request *request;
	int64_t now_ns;        /* clock_mono_ns() when it was decided */
	struct client *record; /* NULL until feed_charge() or feed_accepted() has found it */
};

/*
 * Charges the limits that apply to it. Above one of them @decision becomes a refusal; with @mode
 * CONTRACT_OBSERVE it is only observed.
 */
void feed_charge(struct feed *feed, struct feed_publish *publish, enum contract_mode mode,
		 struct decision *decision);

/* An allowed last will: if the client or its principal is banned, @decision becomes a refusal. */
void feed_will(struct feed *feed, const struct feed_publish *publish, struct decision *decision);

/* A publish, not a last will, was accepted and kept. @digest: message_digest() of it. */
void feed_accepted(struct feed *feed, struct feed_publish *publish, const struct decision *decision,
		   uint64_t digest);

/* A publish or subscription was refused or observed. */
void feed_refused(struct feed *feed, const struct feed_publish *publish,
		  const struct decision *decision);

/* A step of the channel that was accepted here was overruled by another broker's. */
void feed_conflict(struct feed *feed, const char *channel);

/* Another broker banned somebody, or lifted a ban. */
void feed_hear_ban(struct feed *feed, const struct others_ban *ban);

/* Counts a client that is closed because of a refused publish. */
void feed_closed(struct feed *feed);

/* An allowed subscription: above the principal's limit @decision becomes a refusal. */
void feed_subscribe(struct feed *feed, const struct feed_publish *asked, struct decision *decision);
void feed_unsubscribe(struct feed *feed, const struct feed_publish *asked);

/* ---- at every tick ------------------------------------------------------------------------ */

/* What the other files of the room count, for metrics; borrowed for the call. */
struct feed_facts {
	const struct login *login;
	const struct sessions *table;
	bool is_repairing; /* retained messages are being published again (repairs.h) */
	uint64_t repairs;  /* messages that were published again */
};

void feed_tick(struct feed *feed, const struct feed_facts *facts);

/* The same of the last hour; borrowed (monitor/hour.h). */
const struct hour *feed_hour(const struct feed *feed);

/* ---- answers to commands (monitor/control.h); new references ------------------------------- */

json_t *feed_counters(struct feed *feed, const struct feed_facts *facts);
json_t *feed_list_bans(struct feed *feed);
/* Lifts the bans that match both; NULL: any client id, any principal. */
json_t *feed_lift_ban(struct feed *feed, const char *client_id, const char *principal);
json_t *feed_list_alerts(struct feed *feed);

#endif
