/*
 * watch.h -- the door's hands for monitor/: what the broker does is told, what follows is done.
 *
 * Knows the broker, the ledger, the rules and the monitor's parts: charges limits, feeds the
 * detectors, publishes alerts (topic, table, log), disconnects and holds off, and gives out the
 * numbers ($SYS, file). Whatever clients chose is escaped in the log.
 *
 * For the broker's thread. Nobody is disconnected but by watch_tick().
 */
#ifndef PETSTORE_WATCH_H
#define PETSTORE_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "broker.h"
#include "gate.h"
#include "ledger/ledger.h"
#include "login.h"
#include "monitor/metrics.h"
#include "monitor/monitor.h"
#include "options.h"
#include "rules.h"
#include "sessions.h"

struct watch;

/* @broker, @ledger (NULL: none) and @options are borrowed. */
int watch_new(const struct options *options, const struct broker *broker, struct ledger *ledger,
	      struct watch **ret, struct diag *diag);
void watch_free(struct watch *watch); /* NULL is fine */

/* How watchful to be, read from plugin_opt_monitor; it counts from watch_set() on. */
int watch_read(const struct watch *watch, struct settings *ret, struct diag *diag);
void watch_set(struct watch *watch, const struct settings *settings);

/* @rules are about to be in force. On failure nothing has changed. */
int watch_use(struct watch *watch, const struct rules *rules, struct diag *diag);

/* A reload succeeded, or changed nothing. */
void watch_reloaded(struct watch *watch, bool is_done);

/* ---- logins ------------------------------------------------------------------------------ */

/* A login was refused; it failed, where it was not just for want of time (@is_failure). */
void watch_refused_login(struct watch *watch, const struct login_request *request,
			 enum login_method method, bool is_failure);

/* It succeeded, but its client was closed a moment ago: no failure, and no sign of anything. */
void watch_held_off(struct watch *watch, const struct login_request *request,
		    enum login_method method);

/*
 * A login would succeed. False: the client has to stay away for a while, and @why says so. A
 * login that the broker asks again counts for nothing, but whoever is banned stays out.
 */
bool watch_login(struct watch *watch, const struct login_request *request,
		 const struct login_answer *answer, struct diag *why);

/* A login that watch_login() let in found its client gone. */
void watch_vanished(struct watch *watch, const struct login_request *request);

/* The connection is gone; @session NULL: it never was anybody's. */
void watch_left(struct watch *watch, const struct mosquitto *client, const struct session *session);

/* ---- messages ---------------------------------------------------------------------------- */

/* The unix time at @now_ns of the other clock, as they stood at the last tick. */
int64_t watch_unix_ms(const struct watch *watch, int64_t now_ns);

/* A decision and how long it took; 0: not measured. */
void watch_decided(struct watch *watch, const struct gate_request *request,
		   const struct decision *decision, int64_t took_ns);

/* An allowed publish on its way. */
struct watch_publish {
	const struct mosquitto *client;
	struct session *session; /* NULL: none */
	const struct gate_request *request;
	int64_t now_ns;        /* clock_mono_ns(), a moment ago */
	struct client *record; /* NULL until watch_charge() or watch_accepted() has found it */
};

/*
 * Charges the limits that it is under. Above one of them @decision becomes a refusal, or is
 * observed where @mode is to observe.
 */
void watch_charge(struct watch *watch, struct watch_publish *publish, enum contract_mode mode,
		  struct decision *decision);

/* An allowed last will: of a client that is banned, or whose principal is, it becomes a refusal. */
void watch_will(struct watch *watch, const struct watch_publish *publish,
		struct decision *decision);

/* It was accepted and kept, and is no last will. @digest is topic's and payload's. */
void watch_accepted(struct watch *watch, struct watch_publish *publish,
		    const struct decision *decision, uint64_t digest);

/* A publish or subscription was refused or observed. */
void watch_refused(struct watch *watch, const struct mosquitto *client,
		   const struct session *session, const struct gate_request *request,
		   const struct decision *decision);

/* A client is closed over a refused publish. */
void watch_closed(struct watch *watch);

/* An allowed subscription: above the principal's number of them @decision becomes a refusal. */
void watch_subscribe(struct watch *watch, const struct mosquitto *client, struct session *session,
		     const struct gate_request *request, struct decision *decision);
void watch_unsubscribe(struct watch *watch, const struct mosquitto *client, struct session *session,
		       const struct gate_request *request);

/* ---- at every tick ------------------------------------------------------------------------ */

/* Numbers that the door has. */
struct watch_facts {
	const struct rules *rules;
	const struct login *login;
	const struct sessions *table;
	size_t sessions;   /* in it */
	bool is_repairing; /* what is retained is published again */
	uint64_t repairs;  /* messages so published */
};

void watch_tick(struct watch *watch, const struct watch_facts *facts);

/* ---- answers to commands (monitor/control.h); new references ------------------------------- */

json_t *watch_counters(struct watch *watch, const struct watch_facts *facts);
json_t *watch_list_bans(struct watch *watch);
/* NULL: of whichever client id, or principal. */
json_t *watch_lift_ban(struct watch *watch, const char *client_id, const char *principal);
json_t *watch_list_alerts(struct watch *watch);

#endif
