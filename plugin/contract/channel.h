/*
 * channel.h -- what a contract says of its channels and entities: types only.
 *
 * All strings in these structs are NUL-terminated and live as long as the contract.
 */
#ifndef PETSTORE_CONTRACT_CHANNEL_H
#define PETSTORE_CONTRACT_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/login_method.h"
#include "base/entity.h"
#include "base/scopeset.h"

struct config;

#define CONTRACT_CHANNELS_MAX 65536u
#define CONTRACT_LEVELS_MAX 128u     /* topic levels of an address; Mosquitto has 201 */
#define CONTRACT_PARAMS_MAX 32u      /* parameters of an address */
#define CONTRACT_ALIASES_MAX 32u     /* other documents' names of them */
#define CONTRACT_ALTERNATIVES_MAX 8u /* security requirements of an operation */
#define CONTRACT_OPERATIONS_MAX 64u  /* of one action on one channel, for all applications */
#define CONTRACT_MESSAGES_MAX 64u    /* of one channel */
#define CONTRACT_STATUSES_MAX ENTITY_STATUSES_MAX /* statuses of one state machine */
#define CONTRACT_TIMES_MAX 4u                     /* members of a message that are times */
#define CONTRACT_PROBLEM_TYPES_MAX 128u           /* bytes of the URI of a problem's types */
#define CONTRACT_PAYLOAD_DEFAULT 65536u           /* bytes, where the document has no limit */
#define CONTRACT_PAYLOAD_MAX (16u << 20)          /* the largest limit of a document, in bytes */

/* Warnings about a contract; more are left out. */
#define CONTRACT_WARNINGS_MAX 256u

/* First levels of the channels that the plugin publishes to, see struct contract. */
#define CONTRACT_NOTICES "refusals"
#define CONTRACT_ALERTS "alerts"

/* One byte of a struct of which a contract has many. */
#define CONTRACT_BYTE __attribute__((packed))

/* What breaks a rule is refused, is only reported, or is not checked. */
enum CONTRACT_BYTE contract_mode { CONTRACT_ENFORCE = 0, CONTRACT_OBSERVE, CONTRACT_OFF };

/* Groups of rules; each has its own mode. */
enum contract_group {
	CONTRACT_PERMISSION = 0, /* topic, operation, scope, ownership */
	CONTRACT_SCHEMA,         /* topic parameters, JSON, schema, ids */
	CONTRACT_TRANSITION,     /* status and owner of the entity */
	CONTRACT_LIMITS,         /* size of topic and payload, QoS, retain, will, rate */
	CONTRACT_GROUPS,
};

enum CONTRACT_BYTE contract_retain {
	CONTRACT_RETAIN_MAY = 0,
	CONTRACT_RETAIN_MUST,
	CONTRACT_RETAIN_MUST_NOT
};

/* What an acknowledged write survives: the end of the process, or a loss of power, too. */
enum CONTRACT_BYTE contract_durability { CONTRACT_PROCESS = 0, CONTRACT_POWER };

/* How the payload of a message is read before it is held against its schema. */
enum CONTRACT_BYTE contract_format {
	CONTRACT_JSON = 0,
	CONTRACT_TEXT,   /* text/...: a string, or the JSON value that the text is */
	CONTRACT_BINARY, /* any bytes, of which only the number counts */
	CONTRACT_OPAQUE, /* described by a schema that is not JSON Schema: any bytes, too */
};

/* What a JSON Schema is written in; unsaid: its file or its own $schema says it. */
enum contract_dialect {
	CONTRACT_UNSAID = 0,
	CONTRACT_DRAFT_04,
	CONTRACT_DRAFT_06,
	CONTRACT_DRAFT_07,
	CONTRACT_DRAFT_2019_09,
	CONTRACT_DRAFT_2020_12,
	CONTRACT_ASYNCAPI,   /* AsyncAPI's Schema Object, a superset of draft 07 */
	CONTRACT_OPENAPI_30, /* OpenAPI 3.0's Schema Object */
};

/*
 * What the document says of the MQTT 5 properties of a message: its headers, correlationId and
 * contentType, and the MQTT message binding 0.2.0. But for the first two a rule is about a property
 * that is there: a message without it is no fault.
 */
struct contract_properties {
	const char *headers_uri; /* JSON Schema of the user properties as an object; NULL: none */
	/* correlationId: what must be there. A user property, or a JSON Pointer into the payload.
	 */
	const char *correlation_header;
	const char *correlation_pointer;
	const char *correlation_uri; /* JSON Schema of the correlation data as a string */
	const char *content_type;    /* a media type without parameters */
	const char *response_topic;  /* the topic itself; or: */
	const char *response_uri;    /* JSON Schema of the response topic as a string */
	int format;                  /* the payload format indicator; -1: any */
};

/* One kind of message of a channel (AsyncAPI 3, Message Object). */
struct contract_message {
	const char *name;         /* the key under the channel's messages */
	unsigned index;           /* 0 .. the contract's message_count - 1 */
	const char *content_type; /* its own or the document's default; NULL: none, JSON is read */
	enum contract_format format;
	bool is_cloudevents; /* application/cloudevents+json */
	bool has_payload;    /* false: the document names none: any bytes pass, an empty one too */
	/*
	 * The payload's JSON Schema, as a URI that the contract's sources resolve (with a fragment
	 * where it is not a whole file); NULL: the payload is held against none.
	 */
	const char *schema_uri;
	const struct contract_properties *properties; /* NULL: nothing is said of them */
	const struct config *at; /* its place in the contract's files; for tools only */
	/* Its "examples", an array in one of the contract's files; NULL: none. For tools only. */
	const struct config *examples;
};

/*
 * One way to meet "security" (AsyncAPI 3, Security Scheme Object): all of these scopes, by a client
 * that proved its principal by one of these methods.
 */
struct contract_alternative {
	struct scopeset scopes;
	uint8_t methods; /* bits 1 << enum login_method; 0: any of them; or CONTRACT_NOBODY */
	uint16_t port;   /* counts for clients of this server's listener; 0: for all */
};

#define CONTRACT_NOBODY 0x80u /* no login meets it */

/*
 * What x-enforce makes of a server's mqtt binding (MQTT Server Binding 0.2.0): rules for a login. A
 * server without it has none.
 */
struct contract_connect {
	const char *name;       /* the server's */
	uint16_t port;          /* that its host names; 0: none, its clients may be on any */
	const char *client_id;  /* NULL: any */
	int is_clean;           /* cleanSession; -1: either */
	int64_t keep_alive_max; /* seconds: the client's is not 0 and not longer; 0: any */
};

/* A document, which describes an application. */
struct contract_application {
	const char *name; /* what the access file calls it: its id, or its title without one */
	const char *id;   /* NULL: it has none */
	const char *title;
	const char *version;
	const char *file;       /* the document's, below the contract's root */
	size_t operation_count; /* keys under /operations */
	const char *const *operation;
	bool is_client; /* x-perspective: it is written as its clients see it */
};

struct contract_channel;

/* Where the reply to a request may go (AsyncAPI 3, Operation Reply Object). */
struct contract_reply {
	size_t channel_count; /* the response topic must be of one of these */
	const struct contract_channel *const *channel;
	bool is_any;   /* or of any channel: no messages are named */
	bool is_fixed; /* it is one topic, which need not be said */
	/* Where the request names the topic, if it has no response topic: a user property, or a
	 * JSON Pointer into the payload; NULL: nowhere. */
	const char *header;
	const char *pointer;
	bool needs_topic; /* a request without any topic for its reply is refused */
};

/*
 * Who may use an operation. A document describes one application (AsyncAPI 3.0, Operation Object,
 * "action"): what it sends, and what it receives. Its counterpart does the opposite of each. A
 * document whose x-perspective is "client" says what clients do, whoever they are.
 */
enum CONTRACT_BYTE contract_party {
	CONTRACT_ANYBODY = 0, /* scopes decide */
	CONTRACT_IS,          /* who is the application */
	CONTRACT_TALKS,       /* who talks to it */
};

/*
 * What a client may do on a channel, from the client's side: `send` is publishing, `receive` is
 * subscribing and getting deliveries. A channel may have several of one kind, of which any admits a
 * client; without one it is refused to every client. An operation of an application is two of
 * these: one of CONTRACT_IS, and one of the other kind of CONTRACT_TALKS.
 */
struct contract_operation {
	/*
	 * The key under /operations; NULL in a contract that is packed, where channels share equal
	 * operations: contract_operation_name() knows it then.
	 */
	const char *name;
	const struct contract_alternative *alternative;
	const struct contract_reply *reply; /* NULL: none (send only) */
	/*
	 * Its document's parameters of the channel, in the order of the channel's, where some
	 * document lists or matches other values than the one that speaks; NULL: the channel's
	 * (send only).
	 */
	const struct contract_param *param;
	/* Its messages: all of the channel's, or those that it names. */
	const struct contract_message *const *message;
	uint32_t message_count;
	uint8_t alternative_count; /* 0: no scope is needed */
	enum contract_party party;
	uint8_t qos;                 /* least QoS of a publish (send only) */
	enum contract_retain retain; /* (send only) */
	bool is_send;                /* it is one of the channel's send[] */
	uint16_t application;        /* the document's, by the contract's application[] */
	/* 0 .. the contract's party_count - 1; not of CONTRACT_ANYBODY. Equal operations of a
	 * packed contract share one, where the same grants admit to them. */
	unsigned index;
};

/* x-own: the parameter's level is the principal's name or the client id (base/percent.h). */
enum contract_own { CONTRACT_OWN_NONE = 0, CONTRACT_OWN_PRINCIPAL, CONTRACT_OWN_CLIENT };

/* A top-level member of a payload; its name is NULL where there is none. */
struct contract_member {
	const char *name;
	size_t len;
};

struct contract_param {
	const char *name; /* "orderId" */
	/*
	 * JSON Pointer to the payload's value that must be equal, a string, or a number or boolean
	 * of which the JSON text is; "": the payload itself; NULL: none. So a text that the
	 * payload's schema does not allow there is refused with the payload.
	 */
	const char *location;
	const char *header; /* likewise, into the message's headers: known, but not enforced */
	struct contract_member member; /* the name where @location is a top-level member */
	const char *pattern;           /* x-pattern: ECMA-262 regular expression, or NULL */
	/*
	 * A client whose own name or id stands at each parameter with x-own may receive, whatever
	 * its scopes. Any client may choose any id, so x-own with the client id also needs one with
	 * the principal.
	 */
	enum contract_own own;
	size_t value_count; /* enum; 0: any */
	const char *const *value;
	size_t sample_count; /* default and examples */
	const char *const *sample;
	const struct config *at; /* its place in the contract's files; for tools only */
};

/*
 * What a message may do that repeats the entity's current status. UPDATE: if anything but its times
 * differs, it is a write. SAME: only its times may differ. REFUSE: it is refused.
 */
enum contract_repeat { CONTRACT_REPEAT_UPDATE = 0, CONTRACT_REPEAT_SAME, CONTRACT_REPEAT_REFUSE };

/*
 * A state machine: which status may follow which, and who may take the step. Bits are indexes into
 * status[]. A step without a scope may be taken by principals that may publish on the channel
 * without ":own". A step with a scope needs that scope, too; with ":own" it is limited to the
 * principal's own entities.
 */
struct contract_transitions {
	const char *name; /* the key under /x-state-machines */
	size_t count;
	const char *const *status;
	const size_t *status_len;
	uint64_t first;       /* statuses that an entity may begin with */
	const uint64_t *next; /* next[i]: what may follow status[i] (itself is not in it) */
	/* Scopes of steps, see contract_step_scope(); NULL: none has one. */
	const uint16_t *scope;
	int correct; /* the scope with which any step from the current status is allowed; -1: none
		      */
	enum contract_repeat repeat;
	const uint32_t *longest_s; /* seconds after which status[i] raises an alert; 0: never */
};

/* The scope of the step from status @from (-1: the entity is new) to @to; -1: it has none. */
static inline int contract_step_scope(const struct contract_transitions *transitions, int from,
				      int to)
{
	size_t at = (size_t)(from + 1) * transitions->count + (size_t)to;

	return transitions->scope ? (int)transitions->scope[at] - 1 : -1;
}

/* "/totalAmount" of the payload goes to column[column] of the entity. */
struct contract_fill {
	unsigned column;
	enum value_type type; /* the column's */
	struct contract_member member;
};

/*
 * Which members of a channel's messages are times. Messages that differ in nothing else are the
 * same, so that a repeat is no change. Times are the members that x-time names, else those with the
 * format date-time, but never members that fill a column.
 */
struct contract_content {
	uint64_t
		mark; /* hash of address and times: only messages with the same mark are compared */
	size_t time_count;
	struct contract_member time[CONTRACT_TIMES_MAX];
	const char *surplus; /* a time beyond CONTRACT_TIMES_MAX, which is compared; or NULL */
	bool is_shared; /* another channel fills one of this one's columns, apart from the status */
};

/* What a publish on a channel changes in an entity. */
struct contract_mapping {
	const struct entity *entity;
	unsigned param;                      /* the address parameter that is the entity's id */
	struct contract_member owner_member; /* top-level member that names the owner */
	/* The status that this channel changes; slot is unset where transitions is NULL. */
	unsigned slot;
	struct contract_member status_member;
	const struct contract_transitions *transitions;
	size_t fill_count; /* status and owner are not in here */
	const struct contract_fill *fill;
	const struct contract_fill *link; /* the one with the owner_entity's id; NULL: none */
};

#define CONTRACT_UNIQUE_MAX 4u
#define CONTRACT_DEAD_LETTERS_MAX 16u /* channels that dead letters go to */

/* Where a refused message goes (x-dead-letter), and as what. */
struct contract_dead_letter {
	const char *topic; /* without wildcards */
	bool is_envelope;  /* as a JSON object that has the message and what was wrong with it */
	unsigned index;    /* of @channel among those that dead letters go to */
	/* The one that has @topic. Clients do not publish on it. */
	const struct contract_channel *channel;
};

/* What another document calls a parameter of the channel. */
struct contract_alias {
	const char *name;
	unsigned param; /* which one it is */
};

/* What a decision reads of most channels stands in its first 64 bytes, one line of the caches. */
struct contract_channel {
	const struct contract_operation *send;
	const struct contract_operation *receive;
	/*
	 * What every publish is where nothing has to be worked out: the channel's one message, of
	 * JSON (no CloudEvent) and with a schema, which its one send operation has. NULL on other
	 * channels.
	 */
	const struct contract_message *sole;
	const struct contract_param *param;
	const struct contract_mapping *mapping; /* NULL: no state is kept */
	const char *address;                    /* "orders/{orderId}/status" */
	enum contract_mode mode[CONTRACT_GROUPS];
	uint32_t payload_max; /* bytes */
	uint8_t send_count, receive_count;
	uint8_t param_count;
	uint8_t message_count;
	uint8_t unique_count;
	bool is_will_allowed : 1;
	bool is_recorded : 1;       /* accepted publishes go to the events table */
	bool has_choosy_params : 1; /* some parameter has an enum or a pattern */
	bool has_length_limits : 1; /* limits->topic_bytes is not 0 */
	bool has_own_params : 1;    /* some operation has parameters of its own; choosy ones */
	/* x-consistency: a database that brokers share has it before it is acknowledged. */
	bool is_strict : 1;
	/*
	 * The ports of its servers, where it names servers, all of these name a port, and there
	 * are others: only clients of these listeners may use it. 0: of all.
	 */
	uint16_t port_count;

	const char *name;            /* the key under /channels */
	const struct limits *limits; /* never NULL */
	unsigned index;              /* 0 .. the contract's channel_count - 1 */
	uint16_t application;        /* the document that speaks for it, see contract.h */
	uint8_t alias_count;         /* names that other documents have for these parameters */
	enum contract_durability durability;
	const struct contract_message *message;
	/* Of a packed contract: the names of send[], then of receive[]; else NULL. */
	const char *const *operation_name;
	const struct contract_alias *alias;
	const uint16_t *port;
	uint32_t interval_s; /* a publisher here publishes at least this often; 0: no rule */
	struct contract_member time_member; /* top-level member with the message's time */
	/*
	 * For the channel of notices: the URI to which a problem's name is appended for its type,
	 * such as "https://example.com/errors/"; NULL: problems have no types.
	 */
	const char *problem_types;
	const struct contract_dead_letter *dead_letter; /* NULL: what is refused goes nowhere */
	/* x-unique: messages with the same values in these top-level members are one event. */
	const struct contract_member *unique;
	/* Never NULL; set where it changes a status, and is_shared with any mapping. */
	const struct contract_content *content;
	uint64_t unused[2]; /* so that each begins a line where the first does */
};
_Static_assert(sizeof(void *) != 8 || sizeof(struct contract_channel) % 64 == 0,
	       "the next channel's first bytes are in two lines");

/* The key under /operations of one of the channel's operations. */
static inline const char *contract_operation_name(const struct contract_channel *channel,
						  const struct contract_operation *operation)
{
	if (operation->name)
		return operation->name;
	return operation->is_send ? channel->operation_name[operation - channel->send]
				  : channel->operation_name[channel->send_count +
							    (operation - channel->receive)];
}

/* The topic's text at a parameter; not NUL-terminated, points into the topic. */
struct contract_span {
	const char *text; /* NULL: a wildcard of a filter */
	size_t len;
};

struct contract_match {
	const struct contract_channel *channel; /* NULL: no channel has this topic */
	struct contract_span
		param[CONTRACT_PARAMS_MAX]; /* of the channel's param_count; unset behind */
};

typedef bool contract_visit(const struct contract_match *match, void *ctx);

#endif
