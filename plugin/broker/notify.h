/*
 * notify.h -- reports a refusal to the client, to the table and to the log, under one id.
 *
 * Knows the broker and the ledger. Lines, rows and notices are limited, and principals share them
 * (base/portions.h). Texts that clients chose are escaped in the log. Nothing here decides
 * anything.
 *
 * The broker may publish a log line (`log_dest topic`) and then raises ACL_CHECK for each
 * subscriber before broker_log() returns. So a caller must not pass data that an ACL_CHECK
 * overwrites, and nothing here may be called for a delivery.
 */
#ifndef PETSTORE_NOTIFY_H
#define PETSTORE_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/portions.h"
#include "broker/broker.h"
#include "broker/letters.h"
#include "gate/decision.h"
#include "ledger/ledger.h"
#include "base/options.h"
#include "report/refusals.h"
#include "gate/rules.h"

struct notify {
	const struct broker *broker;
	struct ledger *ledger;                  /* NULL: no table */
	struct refusals *refusals;              /* NULL: not initialized */
	const struct rules *rules;              /* in force */
	const struct contract_channel *channel; /* for notices; NULL: the contract has none */
	struct portions log;                    /* lines */
	struct letters letters;                 /* refused messages that are published whole */
	struct refusals_notice notice;
};

/* @broker and @ledger are borrowed. On failure @ret needs no clearing. */
int notify_init(struct notify *ret, const struct options *options, const struct broker *broker,
		struct ledger *ledger, struct diag *diag) MUST_CHECK;

/* Logs a summary of what was held back, and frees what @notify owns. */
void notify_clear(struct notify *notify);

/* @rules are in force now; borrowed until the next call. */
void notify_use(struct notify *notify, const struct rules *rules);

/* A publish, will or subscription that was refused or only observed. */
struct notify_refused {
	const struct mosquitto *client;
	const char *principal; /* as which the client proved itself; NULL: it did not */
	const struct gate_request *request;
	const struct decision *decision;
	bool is_closed; /* the client is disconnected for it, without an acknowledgement */
	const struct letters_message *letter; /* it goes to the dead letters; NULL: it does not */
};

void notify_decision(struct notify *notify, const struct notify_refused *refused);

/* Logs that @write, which was kept, corrected a status; @before is the status until then. */
void notify_correction(struct notify *notify, const struct ledger_write *write, const char *before)
	__attribute__((cold));

/* Whose publish it was, and what became of its entity. Borrowed for the call. */
struct notify_overruled {
	const char *publisher;
	const char *client_id;
	const struct contract_channel *channel; /* the topic's, or NULL */
	const char *standing;                   /* the entity's status by now; "": not known */
};

/*
 * A publish of this broker's that was accepted and kept was overruled by another broker's: reports
 * it to the publisher's client, to the table and to the log.
 */
void notify_overruled(struct notify *notify, const struct message *message,
		      const struct notify_overruled *overruled) __attribute__((cold));

/* Logs that the retained message of @message's topic was cleared. */
void notify_cleared(struct notify *notify, const struct mosquitto *client, const char *principal,
		    const struct message *message) __attribute__((cold));

/*
 * Reports a refused login of @who; @problem says why. @reason: REASON_IDENTITY_UNKNOWN; for a
 * client that is held off, the reason for which its last connection was closed.
 */
void notify_connection(struct notify *notify, const struct who *who, enum reason reason,
		       const char *problem);

/* At every tick: sends summaries for notices and log lines that were held back. */
void notify_tick(struct notify *notify);

#endif
