/*
 * own_messages.h -- does what the plugin publishes match the contract?
 *
 * Notices and alerts go to channels of the contract (notices and alerts of struct contract), whose
 * readers rely on the schema. When rules are loaded, one message of each kind is checked against
 * its channel's schema; the rules are refused if it does not match.
 */
#ifndef PETSTORE_OWN_MESSAGES_H
#define PETSTORE_OWN_MESSAGES_H

#include "base/diag.h"
#include "gate/rules.h"

/*
 * 0, or ERR_INVALID where a channel's schema refuses a message of the plugin's:
 *     petstore.asyncapi.json: /channels/alerts/messages: the schema refuses what the plugin
 *     publishes to alerts/{kind}: /kind: is not one of ...
 */
int own_messages_check(const struct rules *rules, struct diag *diag) MUST_CHECK;

#endif
