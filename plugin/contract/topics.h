/*
 * topics.h -- from a topic to its channel, and from a filter to the channels that it can reach.
 *
 * Addresses form a trie of levels (level.h): one hash table for the whole trie finds a node's
 * literal children and its levels with parts; pointers lead to its parameter, its "+" and its
 * trailing "#". Knows topics and filters (MQTT 5, 4.7), and nothing else of channels.
 *
 * Which channel has a topic that several addresses match: both are compared from the left, level by
 * level and within a level byte by byte, where a parameter counts as one. Where they first differ,
 * text beats a parameter, this the end of the level ("{a}.{b}" beats "{a}"), and all of them beat
 * "+", and that "#". So the address with the longer literal prefix wins. Where both have different
 * text there, behind the same parameters ("{a}.{b}" and "{a}-{b}"), neither wins: topics_check()
 * refuses such a pair.
 *
 * The time of a search depends on the topic's levels, not on the number of channels. Each level
 * at which the contract has several that match doubles the work or more: topics_check() works out
 * the worst case over all topics and refuses a contract in which it is more than
 * TOPICS_STEPS_MAX steps (some 20 ns each).
 */
#ifndef PETSTORE_CONTRACT_TOPICS_H
#define PETSTORE_CONTRACT_TOPICS_H

#include <stdbool.h>
#include <stddef.h>

#include "contract/channel.h"

/*
 * Levels with parts are found by what stands before the first parameter and behind the last one. In
 * one place of the trie so many of them at most may come into question for one level of a topic:
 * each pair of lengths of these texts counts as many as have the same texts.
 */
#define TOPICS_TRIED_MAX 128u
#define TOPICS_STEPS_MAX 16384u

struct topics;

enum topics_fault {
	TOPICS_OK = 0,
	TOPICS_SAME,    /* another channel has the same topics */
	TOPICS_TIE,     /* another channel has some of the topics, and neither wins */
	TOPICS_CROWDED, /* more than TOPICS_TRIED_MAX levels with parts in one place */
	TOPICS_COSTLY,  /* more than TOPICS_STEPS_MAX steps for one topic, or to find a tie */
	TOPICS_NOMEM,
};

/* Two channels that do not go together; NULL: it is about no certain one. */
struct topics_pair {
	const struct contract_channel *channel, *other;
};

/* Room for addresses that have @levels levels together. NULL when memory ran out. */
struct topics *topics_new(size_t levels);
void topics_free(struct topics *topics); /* NULL is fine */

/*
 * Adds a channel under its address, which the loader has checked. Channel and address are borrowed
 * and must outlive @topics. A channel with a fault is not added; for TOPICS_SAME *ret_other is the
 * one that was there.
 */
enum topics_fault topics_add(struct topics *topics, const struct contract_channel *channel,
			     const struct contract_channel **ret_other);

/* To be called when all are added: is each topic's channel certain, and quick to find? */
enum topics_fault topics_check(const struct topics *topics, struct topics_pair *ret);

/*
 * To be called when all are added: topics are found with fewer steps then. False: memory ran out.
 */
bool topics_settle(struct topics *topics);

/*
 * Finds the channel of a topic (no wildcards; @len bytes), and its parameters, into *ret; its
 * channel is NULL where there is none. ret->param behind the channel's param_count is left as it
 * was. Topics that begin with '$' are the broker's: only an address that begins with the same level
 * has them.
 *
 * A parameter matches what level.h says. One with x-own is no different: it stands for the level
 * that percent_level() makes of a name or id, and whoever compares the two has to do that.
 */
void topics_find(const struct topics *topics, const char *topic, size_t len,
		 struct contract_match *ret);

/* The same by value, for callers that ask once. */
static inline struct contract_match topics_match(const struct topics *topics, const char *topic,
						 size_t len)
{
	struct contract_match match;

	topics_find(topics, topic, len, &match);
	return match;
}

/*
 * The channel whose address is most like a topic that none has, to be named in a refusal; NULL: all
 * are quite different. A guess: where a level of the topic leads nowhere it is left out, or
 * taken for one that resembles it, or an address' level is put before it. Looks at 64 children
 * of a node at most, and at 256 in all, so that its time is bounded, too (some microseconds).
 *
 * Only a channel that @is_shown (NULL: any is) may be named; it is asked of 32 at most, those that
 * are nearest first. NULL is returned as well where it shows none of them.
 */
typedef bool topics_shown(void *ctx, const struct contract_channel *channel);
const struct contract_channel *topics_nearest(const struct topics *topics, const char *topic,
					      size_t len, topics_shown *is_shown, void *ctx);

/*
 * Asks @visit about each channel that topic filter @filter ("+", "#" and "$share/group/" as
 * MQTT 5, 4.7 and 4.8.2 have them) can reach, until one answer is true; returns whether one
 * was. A malformed filter reaches nothing. As in MQTT, a wildcard in the first level does not reach
 * addresses that begin with '$', and an address's does not reach filters that do. Each channel is
 * visited at most once. A parameter that a wildcard stands for, or a part of it, has no text. A
 * visited channel may have no topic under the filter, where more literal channels have them all;
 * that does no harm, because each delivery is judged again, and a shared filter is granted only if
 * all that are visited may be read.
 */
bool topics_reach(const struct topics *topics, const char *filter, size_t len,
		  contract_visit *visit, void *ctx);

/* Is it a well-formed filter, and not one that is shared? */
bool topics_is_filter(const char *filter, size_t len);

/* "$share/group/rest" -> rest; any other filter -> itself. *len is updated. */
const char *topics_unshare(const char *filter, size_t *len);

/* Is it a shared one, "$share/group/rest"? */
bool topics_is_shared(const char *filter, size_t len);

#endif
