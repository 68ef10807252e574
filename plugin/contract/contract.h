/*
 * contract.h -- the API's contract: an AsyncAPI 3 document as an immutable object.
 *
 * Knows AsyncAPI 3.0 and 3.1 (JSON), the MQTT bindings and our extensions (schemas/README.md);
 * knows nothing of users, of JSON Schema's rules, of SQLite or of the broker. What the
 * document says that the loader does not understand is refused with file, JSON Pointer and
 * expectation. A contract never changes once it is loaded: any number of threads may ask it.
 *
 * What it says of channels and entities: contract/channel.h.
 */
#ifndef PETSTORE_CONTRACT_H
#define PETSTORE_CONTRACT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "contract/channel.h"

struct contract;

/*
 * Loads the document at @path and the files it refers to, which must lie in its folder or
 * below. On success stores a new contract in *ret. On failure *ret is untouched and @diag
 * reads like
 *     petstore.asyncapi.json: /channels/orderStatus/address: expected a string
 * @all, unless it is NULL, gets one such line for each fault, @diag's first.
 */
int contract_load(const char *path, struct contract **ret, struct diag_list *all,
		  struct diag *diag);
void contract_free(struct contract *contract); /* NULL is fine */

/*
 * What is doubtful in the channels: the i-th line, "<file>: <pointer>: <text>", borrowed; NULL
 * behind the last. More than CONTRACT_WARNINGS_MAX are left out.
 */
const char *contract_warning(const struct contract *contract, size_t i);

/* info.title and info.version of the document. */
const char *contract_title(const struct contract *contract);
const char *contract_version(const struct contract *contract);

size_t contract_channel_count(const struct contract *contract);
const struct contract_channel *contract_channel(const struct contract *contract, size_t index);

/* The entities, by their index: what a ledger is to keep. */
const struct entity_plan *contract_plan(const struct contract *contract);

/*
 * The channel that the plugin publishes notices of refusals to, refusals/{principal}/{clientId},
 * and that for alerts, alerts/{kind}: declared for exactly that, with a receive operation and no
 * send operation. No other channel has a topic of theirs. NULL: there is none, nothing is told.
 */
const struct contract_channel *contract_notices(const struct contract *contract);
const struct contract_channel *contract_alerts(const struct contract *contract);

/* The modes of the document itself: what channels have that do not say, and topics of none. */
const enum contract_mode *contract_mode(const struct contract *contract);

/* The topic limit of the document itself: what filters are under. */
const struct contract_topic_limit *contract_topic_limit(const struct contract *contract);

/* "permission", "schema", "transition" or "limits"; a literal. */
const char *contract_group_name(enum contract_group group);

/* Scopes that some operation names, and those declared by a security scheme. */
size_t contract_scope_count(const struct contract *contract);
const char *contract_scope(const struct contract *contract, size_t scope);

/*
 * The files that were read: what a schema set needs. The first is the contract itself. The JSON is
 * made when it is first asked for and kept until contract_forget_json(): one thread at a time.
 */
struct contract_document {
	const char *uri;  /* what channels' schema_uri begin with */
	const char *name; /* file name relative to the contract's folder, for messages */
	json_t *json;     /* borrowed; NULL: no memory */
};
size_t contract_document_count(const struct contract *contract);
struct contract_document contract_document(const struct contract *contract, size_t index);
void contract_forget_json(struct contract *contract);

/*
 * Finds the channel of a topic (no wildcards; @len bytes). A literal level beats a parameter.
 * A parameter matches a level of 1 to ENTITY_ID_MAX bytes out of A-Z a-z 0-9 _ - only; one
 * that has an owner (x-own), of a channel without send operation, also every level of
 * base/clientlevel.h. The time depends on the topic's levels, not on the number of channels.
 */
struct contract_match contract_match(const struct contract *contract, const char *topic,
				     size_t len);

/*
 * Asks @visit about each channel that topic filter @filter ("+", "#" and "$share/group/" as
 * MQTT 5, 4.7 and 4.8.2 have them) can reach, until one answer is true; returns whether one
 * was. A filter that is malformed reaches nothing. As in MQTT a wildcard in the first level
 * does not reach addresses that begin with '$'. Each channel is visited once at most; one of
 * them may have all of its topics there taken by a more literal channel: a filter's answer is
 * a promise of nothing, each delivery is judged again.
 */
bool contract_reach(const struct contract *contract, const char *filter, size_t len,
		    contract_visit *visit, void *ctx);

#endif
