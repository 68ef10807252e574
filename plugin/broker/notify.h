/*
 * notify.h -- a refusal goes to the client, to the table and to the log, all under one id.
 *
 * Knows the broker and the ledger, and how much each of them takes, which principals share
 * (base/portions.h). Whatever clients chose is escaped in the log. Nothing here decides anything.
 *
 * A line on the log may be published by the broker (`log_dest topic`), which asks for each
 * subscriber before the call returns: what a caller hands in must not be what such a question
 * overwrites, and nothing here is called for deliveries.
 */
#ifndef PETSTORE_NOTIFY_H
#define PETSTORE_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/portions.h"
#include "broker/broker.h"
#include "gate/decision.h"
#include "ledger/ledger.h"
#include "base/options.h"
#include "report/refusals.h"
#include "gate/rules.h"

struct notify {
	const struct broker *broker;
	struct ledger *ledger;                  /* NULL: no table */
	struct refusals *refusals;              /* NULL: not begun */
	const struct rules *rules;              /* in force */
	const struct contract_channel *channel; /* for notices; NULL: the contract has none */
	struct portions log;                    /* lines */
	struct refusals_notice notice;
};

/* @broker and @ledger are borrowed. On failure @ret needs no clearing. */
int notify_init(struct notify *ret, const struct options *options, const struct broker *broker,
		struct ledger *ledger, struct diag *diag);

/* What was held back until now is summed up on the log. */
void notify_clear(struct notify *notify);

/* @rules are in force now; borrowed until the next call. */
void notify_use(struct notify *notify, const struct rules *rules);

/*
 * A publish, will or subscription was refused, or only observed. @principal may be NULL.
 * @is_closed: its client is disconnected for it, unacknowledged.
 */
void notify_decision(struct notify *notify, const struct mosquitto *client, const char *principal,
		     const struct gate_request *request, const struct decision *decision,
		     bool is_closed);

/* @write, which was kept, puts a status right: @before is the status until then. */
void notify_correction(struct notify *notify, const struct ledger_write *write, const char *before)
	__attribute__((cold));

/* What was retained on @message's topic was cleared. */
void notify_cleared(struct notify *notify, const struct mosquitto *client, const char *principal,
		    const struct message *message) __attribute__((cold));

/*
 * A connection of @who was refused, over @problem. @reason: REASON_IDENTITY_UNKNOWN, or what its
 * connection before was closed for, where it has to wait for that.
 */
void notify_connection(struct notify *notify, const struct who *who, enum reason reason,
		       const char *problem);

/* At every tick: notices that were held back are made up for. */
void notify_tick(struct notify *notify);

#endif
