/*
 * channelof.h -- the parts of a contract about one address: its channel, its operations, its
 * status.
 */
#ifndef PETSTORE_LEARN_CHANNELOF_H
#define PETSTORE_LEARN_CHANNELOF_H

#include "learn/maker.h"
#include "learn/observed.h"

/* The document's objects that channels add to. */
struct channelof_document {
	struct draft *channels, *operations;
	struct draft *machines, *entities; /* x-state-machines, x-entities */
};

/* Adds the channel @observed->key with all that belongs to it. @scheme: the security scheme that
 * publishing asks for; NULL: none. */
void channelof_add(struct maker *maker, const struct channelof_document *document,
		   const struct observed *observed, const char *scheme);

/* ---- parts, which widening needs, too ---------------------------------------------------- */

/* Adds messages to @messages, an object: of JSON payloads of one kind; and of all that is no JSON.
 */
void channelof_kind(struct maker *maker, struct draft *messages, const struct observed *observed,
		    const char *name, const struct shape_seen *shape, const char *kind);
void channelof_text(struct maker *maker, struct draft *messages, const struct observed *observed,
		    bool beside_json);
void channelof_binary(struct maker *maker, struct draft *messages, const struct observed *observed);
void channelof_empty(struct maker *maker, struct draft *messages, const struct observed *observed);

/* x-pattern of a parameter; NULL: its values look like nothing in particular, or are too few. */
const char *channelof_pattern(struct maker *maker, const struct observed_param *param);

/* How many bytes, and messages a second, a channel gets; 0: no times are known. */
int64_t channelof_bytes(const struct observed *observed);
int64_t channelof_rate(const struct observed *observed);

/* Members that are ids, for schemaof(); NULL ends the list, which is in the arena. */
const char *const *channelof_ids(struct maker *maker, const struct observed *observed);

#endif
