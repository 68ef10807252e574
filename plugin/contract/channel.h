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
#include "base/entity.h"
#include "base/scopeset.h"

#define CONTRACT_CHANNELS_MAX 65536u
#define CONTRACT_LEVELS_MAX 16u          /* topic levels of an address */
#define CONTRACT_PARAMS_MAX 8u           /* parameters of an address */
#define CONTRACT_ALTERNATIVES_MAX 8u     /* security requirements of an operation */
#define CONTRACT_STATUSES_MAX 64u        /* statuses of one state machine */
#define CONTRACT_TIMES_MAX 4u            /* members of a message that only say when */
#define CONTRACT_PROBLEM_TYPES_MAX 128u  /* bytes of the URI of a problem's types */
#define CONTRACT_PAYLOAD_DEFAULT 65536u  /* bytes, where the document does not say */
#define CONTRACT_PAYLOAD_MAX (16u << 20) /* bytes that it may say at most */

/* Lines about what is doubtful; more are left out. */
#define CONTRACT_WARNINGS_MAX 32u

/* How the addresses of the channels begin that the plugin publishes to, see struct contract. */
#define CONTRACT_NOTICES "refusals"
#define CONTRACT_ALERTS "alerts"

/* Whether what breaks a rule is refused, only reported, or not looked at. */
enum contract_mode { CONTRACT_ENFORCE = 0, CONTRACT_OBSERVE, CONTRACT_OFF };

/* What the rules are about; each group has its own mode. */
enum contract_group {
	CONTRACT_PERMISSION = 0, /* topic, operation, scope, ownership */
	CONTRACT_SCHEMA,         /* topic parameters, JSON, schema, ids */
	CONTRACT_TRANSITION,     /* status and owner of the entity */
	CONTRACT_LIMITS,         /* size of topic and payload, QoS, retain, will, rate */
	CONTRACT_GROUPS,
};

enum contract_retain { CONTRACT_RETAIN_MAY = 0, CONTRACT_RETAIN_MUST, CONTRACT_RETAIN_MUST_NOT };

/* What an acknowledgement promises: it outlives the process, or the power too. */
enum contract_durability { CONTRACT_PROCESS = 0, CONTRACT_POWER };

/*
 * What a client may do on a channel, as AsyncAPI says it from the client's side: `send` is
 * publishing, `receive` is subscribing and being delivered to. Any one alternative suffices,
 * each asks for all of its scopes. An operation that does not exist is refused to everyone.
 */
struct contract_operation {
	const char *name;         /* the key under /operations, NULL where there is none */
	size_t alternative_count; /* 0 with a name: no scope is asked for */
	struct scopeset alternative[CONTRACT_ALTERNATIVES_MAX];
	uint8_t qos;                 /* least QoS of a publish (send only) */
	enum contract_retain retain; /* (send only) */
};

/* Whose level (base/percent.h) stands in a parameter's place: x-own. */
enum contract_own { CONTRACT_OWN_NONE = 0, CONTRACT_OWN_PRINCIPAL, CONTRACT_OWN_CLIENT };

struct contract_param {
	const char *name;     /* "orderId" */
	const char *location; /* JSON Pointer into the payload that must hold the same, or NULL */
	const char *member;   /* the same as a top-level member's name where it is one, or NULL */
	size_t member_len;
	const char *pattern; /* x-pattern: ECMA-262 regular expression, or NULL */
	/*
	 * Who finds its own in the place of each parameter that has one may receive, whatever its
	 * scopes. A client id is anyone's: where it is asked for, the principal is as well.
	 */
	enum contract_own own;
	size_t value_count; /* enum; 0: any */
	const char *const *value;
};

/*
 * The status that stands, said again: UPDATE: what differs in anything but the time counts as a
 * write. SAME: nothing but the time may differ. REFUSE: it may not be said again.
 */
enum contract_repeat { CONTRACT_REPEAT_UPDATE = 0, CONTRACT_REPEAT_SAME, CONTRACT_REPEAT_REFUSE };

/*
 * A state machine: which status may follow which, and who may take the step. Bits are indexes into
 * status[]. A step without a scope of its own is for who may publish on the channel without
 * ":own"; one with a scope for who has that as well, be it ":own" and its own.
 */
struct contract_transitions {
	size_t count;
	const char *const *status;
	const size_t *status_len;
	uint64_t first;       /* statuses that an entity may begin with */
	const uint64_t *next; /* next[i]: what may follow status[i] (itself is not in it) */
	/* Scopes of steps, see contract_step_scope(); NULL: none has one. */
	const uint16_t *scope;
	int correct; /* who has this scope may take any step from where an entity stands; -1: nobody
		      */
	enum contract_repeat repeat;
	const uint32_t *longest_s; /* how long status[i] should stand at most; 0: for ever */
};

/* The scope of the step from status @from (-1: to begin) to @to, or -1. */
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
	const char *member;   /* a top-level member's name */
	size_t member_len;
};

/* A top-level member of a payload. */
struct contract_member {
	const char *name;
	size_t len;
};

/*
 * What a message of a channel that moves a status says beside the time, so that a repeat is told
 * from a change. A time is what x-time names, else what has the format date-time; a member that a
 * column is filled from is none.
 */
struct contract_content {
	uint64_t mark; /* of address and times: only messages with the same one are compared */
	size_t time_count;
	struct contract_member time[CONTRACT_TIMES_MAX];
	const char *surplus; /* a time for which there is no room: it counts as content; or NULL */
	bool is_shared; /* another channel fills a column that this one fills, beside the status */
};

/* What a publish on a channel means for an entity. */
struct contract_mapping {
	const struct entity *entity;
	unsigned param;           /* the address parameter that is the entity's id */
	const char *owner_member; /* top-level member that names the owner, or NULL */
	size_t owner_member_len;
	/* The status this channel moves; slot is meaningless where transitions is NULL. */
	unsigned slot;
	const char *status_member;
	size_t status_member_len;
	const struct contract_transitions *transitions;
	size_t fill_count; /* status and owner are not in here */
	const struct contract_fill *fill;
	const struct contract_fill *link; /* the one that leads to the owner_entity; NULL: none */
};

#define CONTRACT_UNIQUE_MAX 4u

struct contract_channel {
	const char *name;    /* the key under /channels */
	const char *address; /* "orders/{orderId}/status" */
	unsigned index;      /* 0 .. the contract's channel_count - 1 */
	enum contract_mode mode[CONTRACT_GROUPS];
	size_t param_count;
	const struct contract_param *param;
	bool has_choosy_params; /* one of them has an enum or a pattern */
	struct contract_operation send;
	struct contract_operation receive;
	/*
	 * The payload's JSON Schema, as a URI that the documents below resolve (file URI, with a
	 * fragment where it is not a whole file); NULL: payloads are not looked at.
	 */
	const char *schema_uri;
	size_t payload_max; /* bytes */
	struct limits limits;
	uint32_t interval_s;     /* who publishes here does so at least so often; 0: or not */
	const char *time_member; /* top-level member that says when it was; NULL: none */
	size_t time_member_len;
	/*
	 * Of the channel that notices are published to: the URI that the name of a problem is added
	 * to, "https://example.com/errors/"; NULL: not said, problems have no types.
	 */
	const char *problem_types;
	/* Top-level members that make a message one event, however often it comes; 0: none do. */
	unsigned unique_count;
	struct {
		const char *member;
		size_t len;
	} unique[CONTRACT_UNIQUE_MAX];
	bool is_will_allowed;
	bool is_recorded; /* accepted publishes go to the events table */
	enum contract_durability durability;
	const struct contract_mapping *mapping; /* NULL: no state is kept */
	struct contract_content content; /* where it moves a status; is_shared with any mapping */
};

/* A topic's level that stands for a parameter; not NUL-terminated, points into the topic. */
struct contract_span {
	const char *text; /* NULL in a filter's match where a wildcard stands there */
	size_t len;
};

struct contract_match {
	const struct contract_channel *channel; /* NULL: no channel has this topic */
	struct contract_span
		param[CONTRACT_PARAMS_MAX]; /* of the channel's param_count; unset behind */
};

typedef bool contract_visit(const struct contract_match *match, void *ctx);

#endif
