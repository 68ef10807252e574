/*
 * loader.h -- what the files of this room share while a contract is loaded, in the order in
 * which they run: scopes, transitions, entities, operations, channels. Nobody else includes this.
 */
#ifndef PETSTORE_CONTRACT_LOADER_H
#define PETSTORE_CONTRACT_LOADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "contract/contract.h"
#include "contract/sources.h"
#include "contract/place.h"
#include "contract/topics.h"

#define LOADER_NAME_MAX 128u  /* bytes of a key that an author chooses */
#define LOADER_TEXT_MAX 4096u /* bytes of a pattern, a version and the like */
#define LOADER_SCOPE_MAX 128u /* bytes of a scope */
#define LOADER_MACHINES_MAX 64u
#define LOADER_LONGEST_MAX 31622400 /* seconds: a year */

struct contract {
	struct arena arena; /* everything that lives as long as the contract */
	struct sources sources;
	struct topics *topics;
	const char *title;
	const char *version;
	enum contract_mode mode[CONTRACT_GROUPS]; /* what channels have that do not say */
	struct contract_topic_limit topic_limit;  /* likewise */
	size_t channel_count;
	struct contract_channel *channel;
	const struct contract_channel *notices; /* NULL: none */
	const struct contract_channel *alerts;  /* likewise */
	size_t warning_count;
	const char *warning[CONTRACT_WARNINGS_MAX];
	struct entity_plan plan;
	struct entity *entity; /* the plan's */
	size_t scope_count;
	const char *scope[SCOPES_MAX];
};

struct loader_machine {
	const char *name;
	struct contract_transitions transitions;
};

/* What an entity's columns have beside what struct entity_column says. */
struct loader_entity {
	const struct contract_transitions *machine[ENTITY_COLUMNS_MAX]; /* NULL: none */
};

struct loader {
	struct contract *contract;
	struct arena scratch; /* freed when the contract stands */
	struct diag *diag;
	size_t machine_count;
	struct loader_machine *machine;    /* in the contract's arena: channels point to them */
	struct loader_entity *entity;      /* beside contract->entity */
	struct contract_channel **by_name; /* those under /channels, sorted by name */
	size_t named_count;
	size_t payload_max;
	struct contract_rate rate;
	struct place schema; /* of the payload of the channel at hand, without its way */
};

/* /x-state-machines */
int transitions_load(struct loader *loader, const struct place *root);
/* The machine called @name, or NULL. */
const struct contract_transitions *transitions_find(const struct loader *loader, const char *name);

/* /x-entities */
int entities_load(struct loader *loader, const struct place *root);
/* The string @at as the name of an entity. */
int entities_name(struct loader *loader, const struct place *at, const struct entity **ret);
/* The entity's column @name, which stands at @at. */
int entities_column(struct loader *loader, const struct place *at, const struct entity *entity,
		    const char *name, unsigned *ret);

/* Numbers the scopes of /components/securitySchemes, whether an operation uses them or not. */
int scopes_load(struct loader *loader, const struct place *root);
/* The string @at as one of the scopes that some security scheme has. */
int scopes_name(struct loader *loader, const struct place *at, unsigned *ret);
/* An array of security schemes: what an operation asks for. */
int scopes_load_security(struct loader *loader, const struct place *place,
			 struct contract_operation *ret);

/* /operations, into the channels that they name. */
int operations_load(struct loader *loader, const struct place *root);

/* Makes the channels, of which only name and index are filled in. */
int channels_make(struct loader *loader, const struct place *root);
/* /channels, when the operations stand. */
int channels_load(struct loader *loader, const struct place *root);
/* The channel under /channels/@name, or NULL. */
struct contract_channel *channels_find(const struct loader *loader, const char *name);
/* Is @message, a place that an operation refers to, one of the channel's messages? */
bool channels_has_message(struct loader *loader, const struct contract_channel *channel,
			  const struct place *message);
/* /x-mode of the document or of a channel, where it is there. */
int channels_load_mode(struct loader *loader, const struct place *at,
		       enum contract_mode ret[CONTRACT_GROUPS]);

/* /x-limits of the document or of a channel, where they are there. */
int limits_load(struct loader *loader, const struct place *owner, size_t *ret_payload_max,
		struct contract_rate *ret_rate, struct contract_topic_limit *ret_topic);
/* /x-interval and /x-time of a channel, where they are there. */
int limits_load_habits(struct loader *loader, const struct place *owner,
		       struct contract_channel *channel);

/* /x-unique of a channel, when its mapping and x-record stand. */
int unique_load(struct loader *loader, const struct place *owner, struct contract_channel *channel);

/* /x-broker-topics, the channels behind the others. */
int brokertopics_load(struct loader *loader, const struct place *root);

/* The channels that the plugin publishes to, when all stand. */
int published_load(struct loader *loader, const struct place *root);

/* "/status", a JSON Pointer to a member of the payload itself, as the member's name. */
int mapping_load_member(struct loader *loader, const struct place *at, const char **ret);

/* /channels/.../x-entity */
int mapping_load(struct loader *loader, const struct place *place,
		 struct contract_channel *channel);

/* A walk over the schemas of a message. */
struct content_search {
	struct loader *loader;
	void *ctx; /* of who looks */
	unsigned visits;
	bool is_nomem;
	bool is_blind; /* there are schemas that were not looked at */
};
typedef bool content_look(struct content_search *search, const struct place *schema,
			  unsigned depth);
/*
 * Asks @look about each schema that is for the same value as @schema, until one is answered yes.
 * @look calls it again with its own arguments.
 */
bool content_look_around(struct content_search *search, const struct place *schema, unsigned depth,
			 content_look *look);

/* Warns where x-time, x-unique or x-entity of the channel @owner, which are loaded, name a member
 * that no schema of the message has. */
int members_check(struct loader *loader, const struct place *owner);

/* What the channel's content is, when all else of it stands. */
int content_load(struct loader *loader, struct contract_channel *channel);
/* Which channels fill the same columns, when all stand. */
int content_compare(struct loader *loader, const struct place *root);

/* /channels/.../parameters, as the address names them. */
int params_load(struct loader *loader, const struct place *channel_place,
		struct contract_channel *channel);

/*
 * The string @at as an address: levels, parameters as whole levels. @is_broker: one of the
 * broker's own topics instead, "$...", that may end in "#".
 */
int address_load(struct loader *loader, const struct place *at, bool is_broker, const char **ret);
size_t address_levels(const char *address);

/* A content type, where there is one, must be JSON. */
int messages_check_type(struct loader *loader, const struct place *at);
/* /channels/.../messages, into channel->schema_uri. */
int messages_load(struct loader *loader, const struct place *channel_place,
		  struct contract_channel *channel);

enum loader_binding { LOADER_SEND, LOADER_RECEIVE, LOADER_OTHER };

/* /bindings of @owner: checked, and mqtt's read into @operation, NULL where it is of another kind.
 */
int bindings_load(struct loader *loader, const struct place *owner, enum loader_binding kind,
		  struct contract_operation *operation);

#endif
