/*
 * contract.h -- the API's contract: an AsyncAPI 3 document as an immutable object.
 *
 * Knows AsyncAPI 3.0 and 3.1 (JSON), the MQTT bindings and our extensions (schemas/README.md);
 * knows nothing of users, of JSON Schema's rules, of SQLite or of the broker. What the
 * document says that the loader does not understand is refused with file, JSON Pointer and
 * expectation. A contract never changes once it is loaded: any number of threads may ask it.
 *
 * What it says of channels and entities: contract/channel.h; which channel a topic is of, and which
 * ones a filter can reach: contract/topics.h.
 */
#ifndef PETSTORE_CONTRACT_H
#define PETSTORE_CONTRACT_H

#include <stddef.h>

#include "base/diag.h"
#include "contract/channel.h"
#include "contract/sources.h"
#include "contract/topics.h"

/*
 * A loaded contract, to be read only. All strings and arrays live as long as it does, and so does
 * what it points to.
 */
struct contract {
	const char *title; /* info.title and info.version of the document */
	const char *version;
	struct contract_channel defaults; /* mode and limits: of channels that do not say */
	size_t channel_count;
	const struct contract_channel *channel; /* by their index */
	/*
	 * The channel that the plugin publishes notices of refusals to,
	 * refusals/{principal}/{clientId}, and that for alerts, alerts/{kind}: declared for exactly
	 * that, with a receive operation and no send operation. No other channel has a topic of
	 * theirs. NULL: there is none, nothing is published.
	 */
	const struct contract_channel *notices;
	const struct contract_channel *alerts;
	struct topics *topics;   /* which channel a topic is of: contract/topics.h */
	struct entity_plan plan; /* the entities, by their index: what a ledger is to keep */
	/* Scopes that some operation names, and those declared by a security scheme. */
	size_t scope_count;
	const char *scope[SCOPES_MAX];
	/*
	 * What is doubtful in the channels: lines like "<file>: <pointer>: <text>", NULL behind the
	 * last. More than CONTRACT_WARNINGS_MAX are left out.
	 */
	const char *warning[CONTRACT_WARNINGS_MAX + 1];
	struct sources sources; /* the files that were read; the first is the contract itself */
	struct arena arena;     /* all of this */
};

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

/* "permission", "schema", "transition" or "limits"; a literal. */
const char *contract_group_name(enum contract_group group);

#endif
