/*
 * contract_internal.h -- what the files of this room share while a contract is loaded, in the order
 * in which they run: applications, shapes, scopes, transitions, entities, channels (made),
 * messages, operations, channels. For this room only.
 *
 * Faults go to the loader's report (base/config.h), and loading goes on with what does not depend
 * on them. So a contract may be half built; contract_load() returns none if the report has a line.
 */
#ifndef PETSTORE_CONTRACT_CONTRACT_INTERNAL_H
#define PETSTORE_CONTRACT_CONTRACT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/config.h"
#include "base/draft.h"
#include "contract/contract.h"

#define LOADER_NAME_MAX 128u  /* bytes of a key that an author chooses */
#define LOADER_TEXT_MAX 4096u /* bytes of a pattern, a version and the like */
#define LOADER_SCOPE_MAX 128u /* bytes of a scope */
#define LOADER_MACHINES_MAX 64u
#define LOADER_LONGEST_MAX 31622400 /* seconds: a year */

/* All of our own members of AsyncAPI's objects; which object has which: schemas/README.md. */
#define LOADER_EXTENSIONS                                                                          \
	"x-mode x-limits x-state-machines x-entities x-broker-topics x-will x-record "             \
	"x-durability x-consistency x-entity x-interval x-time x-unique x-problem-types "          \
	"x-pattern x-own x-enforce x-dead-letter x-perspective x-unlisted"

/* A member of /channels. Several of one address are one channel of the contract. */
struct loader_member {
	struct loader_document *document;
	const struct config *at; /* the object, or what it refers to; NULL: it is no topic */
	unsigned channel;        /* the contract's, by its index */
	unsigned next;           /* 1 + the next member of that channel; 0: none */
	unsigned leader;         /* 1 + the first member of that channel in the same document */
	unsigned message;        /* the first of its messages among the channel's */
	unsigned message_count;
	const struct config *target; /* what it refers to; NULL: it is no reference */
	bool has_send, has_receive;  /* operations of this kind name it, and not only a reply */
};

/* The members of /channels that are references, by what they refer to. */
struct loader_targets {
	unsigned *slot; /* 1 + the member's index; 0: free */
	size_t mask;
};

/* One of the contract's documents. */
struct loader_document {
	uint16_t application;
	bool is_client;
	bool is_translated; /* it is of AsyncAPI 2 */
	bool is_plugins;    /* all of its channels are for notices or alerts */
	const struct config *root;
	const struct config *settings; /* what the access file says of it; NULL: nothing */
	const struct config *servers;  /* /servers; NULL: there are none */
	struct loader_server *server;  /* of each of its members; servers.c's own */
	size_t port_count;             /* of its MQTT servers, those that name one */
	const struct config *channels; /* /channels; NULL: there are none */
	struct loader_member *member;  /* of each of its members; part of the loader's */
	struct loader_targets target;  /* members_of()'s own */
	size_t machine_count;
	struct contract_transitions *machine; /* in the contract's arena: channels point to them */
	struct contract_channel defaults;     /* mode and limits of channels without their own */
};

struct loader {
	struct contract *contract;
	struct config_report *report;
	size_t document_count;
	struct loader_document *document;
	struct loader_document *doc;              /* the one that is being read */
	struct contract_application *application; /* the contract's */
	struct loader_member *member;             /* of all members of all documents' /channels */
	/* Of each channel, by its index: the object of its first member, and 1 + the member's; of
	 * one of the broker's topics its object. */
	const struct config **at;
	unsigned *first;
	struct contract_channel *channel; /* the contract's */
	struct entity *entity;            /* the plan's */
	struct arena scratch;             /* freed when the contract is loaded */
	size_t warning_count;
	/* Of each column of each entity; NULL: none. */
	const struct contract_transitions *(*machines)[ENTITY_COLUMNS_MAX];
	size_t named_count;           /* channels of /channels; the broker's topics follow */
	size_t reply_steps;           /* messages that were compared for replies; replies.c's own */
	struct drafts drafts;         /* of traits, in @scratch */
	const struct config **schema; /* of each message's payload, by its index; NULL: none */
	const struct config *message_at; /* the message that is being read, without its traits */
	struct contract_mark *mark;      /* the contract's */
	size_t mark_max;
};

/* All zero: of channels without. */
extern const struct limits contract_no_limits;
extern const struct contract_content contract_no_content;

/* Loops over the members of the channel with @index. */
#define loader_foreach_member(its, loader, index)                                                  \
	for (struct loader_member *its = loader_member((loader), (loader)->first[index]); its;     \
	     its = loader_member((loader), its->next))

/* The member with this number, from 1; NULL for 0. */
static inline struct loader_member *loader_member(const struct loader *loader, unsigned number)
{
	return number > 0 ? &loader->member[number - 1] : NULL;
}

/* What @at refers to, or @at itself; NULL, and a fault, where the reference leads nowhere. */
static inline const struct config *loader_follow(struct loader *loader, const struct config *at)
{
	return sources_follow(&loader->contract->sources, at);
}

/* Memory that lives as long as the contract; NULL, and a fault, where memory ran out. */
static inline void *loader_take(struct loader *loader, size_t count, size_t size)
{
	void *taken = arena_take(&loader->contract->arena, count, size);

	if (!taken)
		(void)config_nomem(loader->report);
	return taken;
}

/*
 * Makes an application of each document, which is translated where it is of AsyncAPI 2, and finds
 * what @settings say of it. False: a fault.
 */
bool applications_load(struct loader *loader, const struct config *settings);
/* What has @key: what the access file says of the document, or the document. */
const struct config *applications_member(const struct loader *loader, const char *key);

/*
 * Does the document that is being read leave it to the others what @key says of topics that no
 * channel has? One that is about notices and alerts only does, where it has no such member.
 */
bool applications_leaves(const struct loader *loader, const char *key);

/* x-unlisted of all documents, when the scopes of all have their numbers. */
void unlisted_load(struct loader *loader);

/*
 * What speaks for the channel with @index of several documents: one of them, with the extensions
 * that it lacks and others have. Makes loader->doc the one. What differs is a warning.
 */
const struct config *joined_channel(struct loader *loader, unsigned index);

/*
 * What the other documents of @channel say of its parameters' values, where that differs: it counts
 * for their own send operations. loader->doc is the one that speaks for the channel.
 */
void joined_params(struct loader *loader, struct contract_channel *channel);

/* Makes the channel's mode, which is what loader->doc says, the strictest of all its documents. */
void joined_mode(struct loader *loader, struct contract_channel *channel);

/* Holds the document against what AsyncAPI's objects have. */
void shapes_check(struct loader *loader);

/*
 * @at, an object that may have "traits", with these merged into it (AsyncAPI 3, Traits Merge
 * Mechanism); @at itself where it has none. NULL: a fault.
 */
const struct config *traits_merge(struct loader *loader, const struct config *at);

/* /x-state-machines */
void transitions_load(struct loader *loader);
/* The machine of loader->doc called @name, or NULL. */
const struct contract_transitions *transitions_find(const struct loader *loader, const char *name);

/* /x-entities */
void entities_load(struct loader *loader);

/* Numbers the scopes of /components/securitySchemes, whether an operation uses them or not. */
void scopes_load(struct loader *loader);
/* The number of the scope that the string @at names, a new one where it has none yet. */
bool scopes_number(struct loader *loader, const struct config *at, unsigned *ret);
/* The string under @key of @at as one of the scopes that some security scheme has. */
bool scopes_name(struct loader *loader, const struct config *at, const char *key, unsigned *ret);
/* "security" of @owner, an array of security schemes, as *ret; returns their number. */
size_t scopes_load_alternatives(struct loader *loader, const struct config *owner,
				const struct contract_alternative **ret);
/*
 * What the operation @owner on @channel (NULL: on one of the broker's topics) asks for: its own
 * security, and that of the channel's servers.
 */
void scopes_load_security(struct loader *loader, const struct config *owner,
			  const struct config *channel, struct contract_operation *ret);

/* /servers, when the scopes have their numbers. */
void servers_load(struct loader *loader);
/* The ports of the servers that the members of @channel name. */
void servers_load_ports(struct loader *loader, struct contract_channel *channel);
/* Is @channel on a server that speaks MQTT? Why not is a warning. */
bool servers_serve(struct loader *loader, const struct config *channel);
/*
 * What the servers of @channel (NULL: all of the document's) ask for: meeting one of the at most
 * @max alternatives in @ret is enough. Returns their number; 0: they ask for nothing.
 */
size_t servers_security(struct loader *loader, const struct config *channel,
			struct contract_alternative *ret, size_t max);

/* Adds a warning to the contract, a line as config_fail() writes it; it is no fault. */
void loader_warn(struct loader *loader, const struct config *at, const char *key,
		 const char *format, ...) __attribute__((format(printf, 4, 5), cold));

/* /channels/.../messages of all channels, when these are made; /components/schemas. */
void messages_load(struct loader *loader);

/* The JSON Schema at @at, which may be { schemaFormat, schema }; NULL: there is none, or a fault.
 */
const struct config *messages_schema(struct loader *loader, const struct config *at);

/* The URI of a schema of the message that is being read, merged or not; NULL: a fault. */
const char *messages_uri(struct loader *loader, const struct config *schema);

/* The member of /channels that "channel" of @reply (NULL: none) names; NULL: it is no topic. */
const struct loader_member *replies_member(struct loader *loader, const struct config *reply);
/* "reply" of @operation; NULL: it has none. */
const struct contract_reply *replies_load(struct loader *loader, const struct config *operation);

/* Makes @operation one of loader->doc: of @party, unless the document is its clients' view. */
void operations_own(struct loader *loader, struct contract_operation *operation,
		    enum contract_party party);
/* /operations, into the channels that they name, when the messages are loaded. */
void operations_load(struct loader *loader);

/* Makes the channels that are topics, of which only name and index are filled in. */
void members_load(struct loader *loader);
/*
 * The member of /channels that @at is, or that is the same channel by a reference: an operation of
 * another file, or of /components, names the channel there. NULL: there is none.
 */
const struct config *members_of(struct loader *loader, const struct config *at);
/* The member of /channels that @at, a value of the document or NULL, is; NULL: it is no topic's. */
const struct loader_member *members_find(const struct loader *loader, const struct config *at);
/* The channel's message that @at, a value that an operation refers to, is; NULL: it is none. */
const struct contract_message *members_message(const struct loader *loader,
					       const struct contract_channel *channel,
					       const struct config *at);
/* /channels, when the operations are loaded. */
void channels_load(struct loader *loader);
/* /x-mode of the document or of a channel, where it is there. */
void channels_load_mode(struct loader *loader, const struct config *owner,
			enum contract_mode ret[CONTRACT_GROUPS]);

/* /x-limits of the document or of a channel, where they are there. */
void channels_load_limits(struct loader *loader, const struct config *owner,
			  struct contract_channel *ret);
/* /x-broker-topics, the channels behind the others. */
void channels_load_broker(struct loader *loader);

/* Finds and checks the channels that the plugin publishes to, after all channels are loaded. */
void channels_load_published(struct loader *loader);

/* x-dead-letter of the document and of channels, after the channels that are published to. */
void dead_letters_load(struct loader *loader);

/*
 * "/status", a JSON Pointer to a member of the payload itself, under @key of @at or @at itself: the
 * member.
 */
struct contract_member entities_load_member(struct loader *loader, const struct config *at,
					    const char *key);

/* /channels/.../x-entity, where it is there. */
void entities_load_mapping(struct loader *loader, const struct config *owner,
			   struct contract_channel *channel);

/* Warns where x-time, x-unique or x-entity of the channel @owner, which are loaded, name a member
 * that no schema of the message has. */
void content_check_members(struct loader *loader, const struct config *owner,
			   const struct contract_channel *channel);

/* Does @schema say that the value is, or may be, a string? */
bool content_says_string(struct loader *loader, const struct config *schema);
/* Has @schema, or one for the same value, a property at JSON Pointer @pointer? False for NULL. */
bool content_names(struct loader *loader, const struct config *schema, const char *pointer);

/* Sets the channel's is_strict, after its mapping and is_recorded. */
void consistency_load(struct loader *loader, const struct config *owner,
		      struct contract_channel *channel);
/* Do channels that move the same status agree? After all channels are loaded. */
void consistency_compare(struct loader *loader);

/* Sets the channel's content, after the rest of the channel is loaded. */
void content_load(struct loader *loader, struct contract_channel *channel);
/* Sets content.is_shared, after all channels are loaded. */
void content_compare(struct loader *loader);

/* /channels/.../parameters, as the address names them. */
void address_load_params(struct loader *loader, const struct config *owner,
			 struct contract_channel *channel);

/*
 * "address" of @owner, whose levels are as level.h has them; or NULL. @is_broker: one of the
 * broker's own topics instead, "$...", without parameters.
 */
const char *address_load(struct loader *loader, const struct config *owner, bool is_broker);
size_t address_levels(const char *address);

enum loader_binding { LOADER_SEND, LOADER_RECEIVE, LOADER_MESSAGE, LOADER_CHANNEL };

/*
 * /bindings of @owner: checked, and mqtt's read into @operation, NULL where it is of another kind.
 * Returns the one of mqtt; NULL: there is none.
 */
const struct config *operations_load_bindings(struct loader *loader, const struct config *owner,
					      enum loader_binding kind,
					      struct contract_operation *operation);

/* What the message @at says of MQTT 5's properties, into @message, whose content type is read. */
void message_properties_load(struct loader *loader, const struct config *at,
			     struct contract_message *message);

/*
 * "location" of @owner, a runtime expression: returns the JSON Pointer into the payload, or NULL
 * and *header is the user property that it names (NULL: it can't be checked, or is a fault).
 */
const char *message_properties_location(struct loader *loader, const struct config *owner,
					const char **header);

#endif
