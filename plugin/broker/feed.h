/*
 * feed.h -- what the broker does goes to the monitor, and what the monitor wants is done.
 *
 * Knows the broker, the ledger, the rules and the monitor's parts: charges limits, feeds the
 * detectors, publishes alerts (topic, table, log), disconnects and holds off, and publishes the
 * numbers ($SYS, file). Whatever clients chose is escaped in the log.
 *
 * For the broker's thread. Nobody is disconnected but by feed_tick().
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
#include "broker/login.h"
#include "monitor/metrics.h"
#include "monitor/monitor.h"
#include "base/options.h"
#include "gate/rules.h"
#include "broker/sessions.h"

struct feed;

/*
 * @broker, @ledger (NULL: none) and @options are borrowed. @all gets all that is wrong with
 * plugin_opt_monitor's file, see settings_load().
 */
int feed_new(const struct options *options, const struct broker *broker, struct ledger *ledger,
	     struct feed **ret, struct diag_list *all, struct diag *diag);
void feed_free(struct feed *feed); /* NULL is fine */

/* The monitor's settings, read from plugin_opt_monitor; in force from feed_set() on. */
int feed_read(const struct feed *feed, struct settings *ret, struct diag_list *all,
	      struct diag *diag);
void feed_set(struct feed *feed, const struct settings *settings);

/* @rules are about to be in force. On failure nothing has changed. */
int feed_use(struct feed *feed, const struct rules *rules, struct diag *diag);

/* A reload succeeded, or changed nothing. */
void feed_reloaded(struct feed *feed, bool is_done);

/* ---- logins ------------------------------------------------------------------------------ */

/* A login was refused; it failed, where it was not just for want of time (@is_failure). */
void feed_refused_login(struct feed *feed, const struct login_request *request,
			enum login_method method, bool is_failure);

/* It succeeded, but its client was closed a moment ago: no failure, and no sign of anything. */
void feed_held_off(struct feed *feed, const struct login_request *request,
		   enum login_method method);

/*
 * A login would succeed. False: the client has to stay away for a while, and @why says so. A
 * login that the broker asks again counts for nothing, but whoever is banned stays out.
 */
bool feed_login(struct feed *feed, const struct login_request *request,
		const struct login_answer *answer, struct diag *why);

/* A login that feed_login() let in found its client gone. */
void feed_vanished(struct feed *feed, const struct login_request *request);

/* The connection is gone; @session NULL: it never was anybody's. */
void feed_left(struct feed *feed, const struct mosquitto *client, const struct session *session);

/* ---- messages ---------------------------------------------------------------------------- */

/* The unix time at @now_ns of the other clock, as they stood at the last tick. */
int64_t feed_unix_ms(const struct feed *feed, int64_t now_ns);

/* A decision and how long it took; 0: not measured. */
void feed_decided(struct feed *feed, const struct gate_request *request,
		  const struct decision *decision, int64_t took_ns);

/* An allowed publish on its way. */
struct feed_publish {
	const struct mosquitto *client;
	struct session *session; /* NULL: none */
	const struct gate_request *request;
	int64_t now_ns;        /* clock_mono_ns(), a moment ago */
	struct client *record; /* NULL until feed_charge() or feed_accepted() has found it */
};

/*
 * Charges the limits that it is under. Above one of them @decision becomes a refusal, or is
 * observed where @mode is to observe.
 */
void feed_charge(struct feed *feed, struct feed_publish *publish, enum contract_mode mode,
		 struct decision *decision);

/* An allowed last will: of a client that is banned, or whose principal is, it becomes a refusal. */
void feed_will(struct feed *feed, const struct feed_publish *publish, struct decision *decision);

/* It was accepted and kept, and is no last will. @digest is topic's and payload's. */
void feed_accepted(struct feed *feed, struct feed_publish *publish, const struct decision *decision,
		   uint64_t digest);

/* A publish or subscription was refused or observed. */
void feed_refused(struct feed *feed, const struct mosquitto *client, const struct session *session,
		  const struct gate_request *request, const struct decision *decision);

/* A client is closed over a refused publish. */
void feed_closed(struct feed *feed);

/* An allowed subscription: above the principal's number of them @decision becomes a refusal. */
void feed_subscribe(struct feed *feed, const struct mosquitto *client, struct session *session,
		    const struct gate_request *request, struct decision *decision);
void feed_unsubscribe(struct feed *feed, const struct mosquitto *client, struct session *session,
		      const struct gate_request *request);

/* ---- at every tick ------------------------------------------------------------------------ */

/* What the other files of the room count. */
struct feed_facts {
	const struct rules *rules;
	const struct login *login;
	const struct sessions *table;
	bool is_repairing; /* what is retained is published again */
	uint64_t repairs;  /* messages so published */
};

void feed_tick(struct feed *feed, const struct feed_facts *facts);

/* ---- answers to commands (monitor/control.h); new references ------------------------------- */

json_t *feed_counters(struct feed *feed, const struct feed_facts *facts);
json_t *feed_list_bans(struct feed *feed);
/* NULL: of whichever client id, or principal. */
json_t *feed_lift_ban(struct feed *feed, const char *client_id, const char *principal);
json_t *feed_list_alerts(struct feed *feed);

#endif
