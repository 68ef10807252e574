/*
 * observed.h -- what was seen on the topics of one address: counts, shapes of payloads, who
 * published, and how a member went from value to value.
 *
 * A recording is read three times. The first time makes the tree of topics; the second one gives
 * each address its shapes; the third one, which needs these, tells kinds of message apart and
 * follows statuses. Everything is in the arena of the scribe.
 */
#ifndef PETSTORE_LEARN_OBSERVED_H
#define PETSTORE_LEARN_OBSERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "learn/shape.h"
#include "learn/statuswalk.h"
#include "learn/topictree.h"
#include "schema/payload.h"

#define OBSERVED_PUBLISHERS_MAX 10000u /* of an address, that are kept by name */
#define OBSERVED_VALUES_MAX 1000u      /* of a parameter, that are counted */
#define OBSERVED_LOCATIONS_MAX 4u      /* members that have been the parameter's value so far */
#define OBSERVED_KINDS_MAX 16u

/* A parameter of the address. */
struct observed_param {
	const char *name;
	bool is_given; /* by the contract that was there */
	bool has_value;
	enum topictree_look look;
	const char *alike; /* of TOPICTREE_ALIKE */
	bool has_many;     /* more values than @value has */
	struct texttable value;
	size_t longest;   /* bytes of the longest */
	uint64_t own;     /* messages whose publisher's name was the value */
	size_t locations; /* members of all payloads so far that were the value */
	const char *location[OBSERVED_LOCATIONS_MAX];
};

struct observed {
	const char *address; /* with the parameters' names, once they have them */
	const char *key;     /* what the contract calls the channel */
	struct topictree_node *end;
	const struct config *given; /* the channel in the contract that was there; or NULL */
	const char *status;         /* there: the member that is a status; or NULL */
	size_t param_count;
	struct observed_param *param;
	uint64_t count;
	uint64_t retained;
	uint64_t wills;
	uint64_t empty;
	uint64_t binary;
	uint64_t broken;  /* that begin as JSON and are none: not learned where others are */
	uint64_t objects; /* payloads that are JSON objects */
	unsigned qos_low, qos_high;
	size_t bytes;           /* of the largest payload */
	struct shape_seen json; /* of payloads that are JSON objects, arrays and strings */
	struct shape_seen text; /* of the others: numbers and words */
	struct texttable publisher;
	bool has_nameless;           /* some came from a recording that names no publishers */
	bool has_more_publishers;    /* than are kept */
	int64_t second;              /* that is counted in */
	uint64_t in_second, busiest; /* messages in it, and in the busiest one */
	const char *kind_member; /* that tells kinds of message apart; NULL: there is one kind */
	struct texttable kind;   /* its values -> struct shape_seen */
	struct statuswalk walk;
};

/* What one message is read with. */
struct observed_reader {
	struct shape_scribe *scribe;
	struct payload_parser *parser;
};

/* The second reading. @value: of the parameters. ERR_NOMEM. */
int observed_add(struct observed_reader *reader, struct observed *observed,
		 const struct traffic_message *message, const struct topictree_value *value);

/* Between the second and the third: what broken JSON is taken for; which member tells kinds apart,
 * which may be a status. */
int observed_settle(struct observed_reader *reader, struct observed *observed);

/* The third reading. */
int observed_follow(struct observed_reader *reader, struct observed *observed,
		    const struct traffic_message *message, const struct topictree_value *value);

/* After the third: kinds that have too little of their own are one. */
void observed_finish(struct observed *observed);

#endif
