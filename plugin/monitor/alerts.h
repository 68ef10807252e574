/*
 * alerts.h -- active alerts: each is raised once and cleared once, without repeats in between.
 *
 * A detector may see the same thing every second. An alert is raised at the first sighting and
 * cleared when there was no sighting for a while. Each kind has places of its own, so that a flood
 * of one kind hides no other. Owners share a kind's places: when all are taken, a new alert
 * replaces one of the owner with the most, if that owner has more than the new alert's owner. The
 * queue of raised and cleared alerts is shared likewise, and owners are served in turn. What finds
 * no place is counted. Knows kinds, subjects and numbers; knows no clock, no broker and no table.
 */
#ifndef PETSTORE_MONITOR_ALERTS_H
#define PETSTORE_MONITOR_ALERTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/portions.h"

#define ALERTS_ACTIVE_MAX 64u /* of one kind */
#define ALERTS_QUEUE_MAX 256u /* raised or cleared, and not taken yet */
#define ALERTS_NAME_MAX 128u  /* bytes of a client id, principal or topic, cut beyond */
#define ALERTS_TEXT_MAX 4096u /* bytes of alert_print()'s text, NUL included */

/* X(kind, code, title): a code is a level of the alert's topic, and never changes. */
#define ALERT_TABLE(X)                                                                             \
	X(ALERT_REFUSAL_STREAK, "refusal-streak", "Many messages refused for one reason")          \
	X(ALERT_RATE_LIMIT, "rate-limit", "Goes on publishing above its limits")                   \
	X(ALERT_ID_PROBING, "id-probing", "Tries many ids that are not its own")                   \
	X(ALERT_CREDENTIALS, "credential-stuffing", "Many user names from one address")            \
	X(ALERT_USER_ATTACK, "user-attack", "One user name tried from many addresses")             \
	X(ALERT_PUBLISH_RATE, "publish-rate", "Publishes far more than it usually does")           \
	X(ALERT_PAYLOAD_SIZE, "payload-size", "Payloads of unusual size for the channel")          \
	X(ALERT_DUPLICATES, "duplicate-flood", "The same message again and again")                 \
	X(ALERT_SILENT, "silent-device", "Silent for longer than the contract expects")            \
	X(ALERT_CLOCK_SKEW, "clock-skew", "Messages dated far from now")                           \
	X(ALERT_TAKEOVER, "takeover", "Connections fight for one client id")                       \
	X(ALERT_STUCK, "stuck-status", "A status stands longer than the contract allows")          \
	X(ALERT_CONFLICT, "conflict", "Accepted steps were overruled by another broker's")

enum alert_kind {
#define X(kind, code, title) kind,
	ALERT_TABLE(X)
#undef X
		ALERT_KINDS,
};

const char *alert_code(enum alert_kind kind);  /* a literal */
const char *alert_title(enum alert_kind kind); /* likewise */

/* Is an alert's @principal proved? Not so for kinds about failed logins, which have tried names. */
bool alert_is_proved(enum alert_kind kind, const char *principal);

/* What the plugin does about an alert; each response includes those before it. */
enum alert_response { ALERT_REPORT = 0, ALERT_LIMIT, ALERT_DISCONNECT, ALERT_BAN };

const char *alert_response_name(enum alert_response response);

/* Texts are "" where they do not apply, and cut where they are longer. */
struct alert {
	enum alert_kind kind;
	uint64_t subject; /* tells one subject of this kind from another */
	uint64_t owner;   /* the principal that causes it, or the network of an unproved peer */
	char client[ALERTS_NAME_MAX];
	char principal[ALERTS_NAME_MAX];
	char other[ALERTS_NAME_MAX]; /* a second principal that it is about */
	char address[64];
	char where[ALERTS_NAME_MAX]; /* a channel's name, or an entity */
	char detail[64];             /* a reason's code, a status */
	uint64_t count;              /* how often within the window; when cleared: since raised */
	uint32_t threshold;
	uint32_t window_s;
	double observed; /* beside what was expected: a rate, a size, seconds */
	double expected;
	bool has_numbers; /* observed and expected are there */
	enum alert_response response;
	uint32_t response_s;
	/* It is active until alerts_clear(); else until there was no sighting for @quiet_s. */
	bool is_lasting;
	uint32_t quiet_s;
	/* Set by alerts_see(): */
	bool is_raised; /* or cleared */
	uint64_t times; /* sightings since it was raised */
	int64_t raised_ns;
	int64_t seen_ns;
};

struct alerts;

int alerts_new(struct alerts **ret, struct diag *diag) MUST_CHECK;
void alerts_free(struct alerts *alerts); /* NULL is fine */

/*
 * There was the sighting @seen at @now_ns. True: it raised an alert. False: the alert was active
 * already, or there was no place.
 */
bool alerts_see(struct alerts *alerts, const struct alert *seen, int64_t now_ns);

/* Clears an alert at once. Unknown ones are fine. */
void alerts_clear(struct alerts *alerts, enum alert_kind kind, uint64_t subject, int64_t now_ns);

/* Clears alerts without a sighting for @quiet_s. Walks over the active ones. */
void alerts_tick(struct alerts *alerts, int64_t now_ns);

/* The next alert that was raised or cleared, in order for each owner; false: none. */
bool alerts_next(struct alerts *alerts, struct alert *ret);

/* Those not cleared yet, borrowed until the next call: @index from 0; NULL at the end. */
const struct alert *alerts_active(const struct alerts *alerts, size_t index);

struct alerts_counts {
	uint64_t raised[ALERT_KINDS];
	uint32_t active[ALERT_KINDS];
	uint64_t crowded; /* sightings without a place, and alerts that gave theirs up */
	uint64_t lost;    /* raised or cleared with the queue full */
};
const struct alerts_counts *alerts_counts(const struct alerts *alerts);

/* How many were crowded or lost since the last call, and of which owners; false: none. */
bool alerts_dropped(struct alerts *alerts, struct portions_held *ret);

/*
 * The alert as a JSON document of one line (schemas/alert.schema.json) in @ret, which has
 * ALERTS_TEXT_MAX bytes. @time_ms is when it was raised or cleared, UTC. Returns the length; 0
 * where memory ran out.
 */
size_t alert_print(const struct alert *alert, int64_t time_ms, char *ret);

#endif
