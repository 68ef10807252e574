/*
 * contract.h -- the API's contract: AsyncAPI documents as one immutable object.
 *
 * Each document describes an application. Channels of several documents that have the same topics,
 * whatever they call their parameters, are one channel, which has the messages and operations of
 * all. The rest of it, such as its parameters and limits, is said by one of them: the first that
 * sends there, else the first; an extension that this one does not have comes from another. What
 * others say differently is a warning, and two that keep a state there are a fault. Which values a
 * parameter may have, each document says for its own operations. Where topics of
 * two documents only overlap, the address that is preferred has them, as within one.
 *
 * Knows AsyncAPI 3.0 and 3.1, the MQTT bindings and our extensions (schemas/README.md);
 * knows nothing of users, of JSON Schema's rules, of SQLite or of the broker. A member that
 * neither AsyncAPI nor the plugin knows is a fault, reported with file, JSON Pointer and
 * expectation; others' extensions ("x-...") may stand anywhere. What the specification allows and
 * the plugin does not hold anybody to is a warning. A loaded contract never changes; any number of
 * threads may read it.
 *
 * Its channels and entities: contract/channel.h. From topics and filters to channels:
 * contract/topics.h.
 */
#ifndef PETSTORE_CONTRACT_H
#define PETSTORE_CONTRACT_H

#include <limits.h>
#include <stddef.h>

#include "base/diag.h"
#include "contract/channel.h"
#include "contract/sources.h"
#include "contract/topics.h"

/* The schema at @uri, and what is below it, is written in @dialect: "schemaFormat" says so. */
struct contract_mark {
	const char *uri;
	enum contract_dialect dialect;
};

/*
 * Topics without a channel are unlisted (x-unlisted). The broker's own, "$...", and those at and
 * below the ones that the plugin publishes to never are. Of several documents the strictest holds.
 */
enum contract_unlisted_mode {
	CONTRACT_UNLISTED_REFUSE = 0, /* x-mode's group permission counts */
	CONTRACT_UNLISTED_OBSERVE,    /* whoever uses one may, which is reported */
	CONTRACT_UNLISTED_PASS,       /* who is admitted may; others, as for refuse */
};

/* Whom "pass" admits. */
struct contract_unlisted_way {
	bool is_closed;         /* nobody */
	bool needs_entry;       /* only a user of the access file, by its entry there */
	struct scopeset scopes; /* only who has all of these, not only for its own */
};

struct contract_unlisted {
	enum contract_unlisted_mode mode;
	struct contract_unlisted_way send, receive; /* as clients see it: send is publishing */
	/* The least payloadBytes of the documents' x-limits; 0: they have none. The others are
	 * those of the contract's defaults, for all of these topics together as for one channel. */
	size_t payload_max;
};

#define CONTRACT_NO_CHANNEL UINT_MAX

/*
 * A loaded contract, read only. All that it points to lives as long as it does.
 */
struct contract {
	const char *title; /* info.title and info.version of the first document */
	const char *version;
	size_t application_count; /* at least 1 */
	const struct contract_application *application;
	unsigned party_count;             /* operations that are for a party, and not for anybody */
	struct contract_channel defaults; /* mode and limits of topics without a channel: the
					     strictest of the documents' */
	struct contract_unlisted unlisted;
	size_t channel_count;
	const struct contract_channel *channel; /* by their index */
	size_t message_count;                   /* of all channels together */
	size_t mark_count;
	/* Of schemas in other dialects than their file's, in the order of their URIs by strcmp().
	 */
	const struct contract_mark *mark;
	/*
	 * The channels that the plugin publishes to: refusals/{principal}/{clientId} for notices,
	 * alerts/{kind} for alerts. They have a receive operation and no send operation, and no
	 * other channel has a topic of theirs. NULL: there is none, and nothing is published.
	 */
	const struct contract_channel *notices;
	const struct contract_channel *alerts;
	/* The channels that dead letters go to, as dead_letter->index of other channels counts. */
	size_t dead_letter_count;
	const struct contract_channel *dead_letter[CONTRACT_DEAD_LETTERS_MAX];
	bool has_port_security; /* some alternative has a port */
	size_t port_count;      /* ports of its MQTT servers, of those that name one */
	const uint16_t *port;
	/*
	 * A login must keep to one of these: of the servers of its listener's port, where that is
	 * known and theirs. 0: it need not, to any.
	 */
	size_t connect_count;
	const struct contract_connect *connect;
	struct topics *topics;   /* from a topic to its channel: contract/topics.h */
	struct entity_plan plan; /* the entities that a ledger must keep, by their index */
	/* Scopes that operations name or a security scheme declares. */
	size_t scope_count;
	const char *scope[SCOPES_MAX];
	/*
	 * Warnings: lines like "<file>: <pointer>: <text>", NULL behind the
	 * last; at most CONTRACT_WARNINGS_MAX, of which the last says that there are more.
	 */
	const char *warning[CONTRACT_WARNINGS_MAX + 1];
	/*
	 * Of each document, by its number, the channel that each member of /channels is, by its
	 * index; CONTRACT_NO_CHANNEL: none. Of a packed contract NULL.
	 */
	const unsigned *const *member_channel;
	/* The files that were read; the first is the contract itself. Of a packed one none. */
	struct sources sources;
	struct arena arena; /* memory of all of this */
};

/* The document that speaks for @channel. */
static inline struct sources_file *contract_document(const struct contract *contract,
						     const struct contract_channel *channel)
{
	return contract->sources.file[channel->application];
}

/* Where that document has it. */
static inline const struct config *contract_channel_at(const struct contract *contract,
						       const struct contract_channel *channel)
{
	const char *group = channel->address[0] == '$' ? "x-broker-topics" : "channels";

	return config_member(config_member(contract_document(contract, channel)->root, group),
			     channel->name);
}

/*
 * The application that is called so: by its id, or by its title where it has no id; else the one
 * with this title. -1: there is none, -2: several have the title.
 */
int contract_application(const struct contract *contract, const char *name);
/* Has the application an operation of this name? */
bool contract_has_operation(const struct contract *contract, unsigned application,
			    const char *name);

/*
 * Loads the documents and the files they refer to: @place says where they are. @settings, unless
 * it is NULL, is an object with a member for some of the applications, by their names, whose
 * x-perspective, x-mode and x-unlisted count in place of the document's; its file is needed until
 * the call returns. On success *ret is new, to be freed with contract_free(). On failure *ret is
 * untouched and
 * @diag reads like api/shop.asyncapi.json:9:3: /channels/order/address: expected a string
 * @all, unless it is NULL, gets one such line for each fault; the first is @diag's.
 */
int contract_open(const struct sources_place *place, const struct config *settings,
		  struct contract **ret, struct diag_list *all, struct diag *diag) MUST_CHECK;

/* The same for the document at @path, with files in its folder and below. */
int contract_load(const char *path, struct contract **ret, struct diag_list *all,
		  struct diag *diag) MUST_CHECK;
void contract_free(struct contract *contract); /* NULL is fine */

/*
 * What was made of the contract's messages and of its operations of a party, by their indexes:
 * those that are the same have equal pointers.
 */
struct contract_facts {
	const void *const *message, *const *party;
};

/* By a packed contract's indexes: which of the contract's before it was the same. */
struct contract_numbers {
	unsigned *message, *party;
};

/*
 * Makes the contract as small as who only decides by it can have it: equal messages and operations
 * become one, with new numbers, and what is only for tools is gone: files, places, examples,
 * samples, schemas' URIs, warnings, and which operations a document has. @facts says what the
 * caller made of the contract; @numbers has room for as many numbers as there are, and gets those
 * of the first message_count and party_count of then. On failure, when memory ran out, the
 * contract is as it was.
 */
int contract_pack(struct contract *contract, const struct contract_facts *facts,
		  struct contract_numbers *numbers, struct diag *diag) MUST_CHECK;

/* Does one of its MQTT servers name this port? A port says something of a client only then. */
bool contract_has_port(const struct contract *contract, uint16_t port);

/* "permission", "schema", "transition" or "limits"; a literal. */
const char *contract_group_name(enum contract_group group);

#endif
