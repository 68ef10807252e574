/*
 * topics.h -- from a topic to its channel, and from a filter to the channels that it can reach.
 *
 * Addresses form a trie of levels: one hash table for the whole trie finds a node's literal
 * children; pointers lead to its parameter and its trailing "#". Knows topics and filters (MQTT 5,
 * 4.7), and nothing else of channels.
 */
#ifndef PETSTORE_CONTRACT_TOPICS_H
#define PETSTORE_CONTRACT_TOPICS_H

#include <stdbool.h>
#include <stddef.h>

#include "contract/channel.h"

struct topics;

/* Room for addresses that have @levels levels together. NULL when memory ran out. */
struct topics *topics_new(size_t levels);
void topics_free(struct topics *topics); /* NULL is fine */

/*
 * Adds a channel under its address, whose levels are literals, "{name}", or a "#" at the end;
 * the loader has checked that. Channel and address are borrowed and must outlive @topics.
 * Returns the channel that has the same topics already, or NULL where it was added.
 */
const struct contract_channel *topics_add(struct topics *topics,
					  const struct contract_channel *channel);

/*
 * Finds the channel of a topic (no wildcards; @len bytes). A literal level beats a parameter.
 * A parameter matches a level of 1 to ENTITY_ID_MAX bytes out of A-Z a-z 0-9 _ - only; one
 * that has an owner (x-own), of a channel without send operation, also every level of
 * base/percent.h. The time depends on the topic's levels, not on the number of channels.
 *
 * From the left, a literal is preferred to a parameter, and that to a trailing "#". Each level at
 * which the contract has more than one of them may double the work: the worst case is 2^levels
 * steps, for a contract with as many channels.
 */
struct contract_match topics_match(const struct topics *topics, const char *topic, size_t len);

/*
 * Asks @visit about each channel that topic filter @filter ("+", "#" and "$share/group/" as
 * MQTT 5, 4.7 and 4.8.2 have them) can reach, until one answer is true; returns whether one
 * was. A malformed filter reaches nothing. As in MQTT, a wildcard in the first level does not reach
 * addresses that begin with '$'. Each channel is visited at most once. A visited channel may have
 * no topic under the filter, where more literal channels have them all; that does no harm, because
 * each delivery is judged again.
 */
bool topics_reach(const struct topics *topics, const char *filter, size_t len,
		  contract_visit *visit, void *ctx);

/* "$share/group/rest" -> rest; any other filter -> itself. *len is updated. */
const char *topics_unshare(const char *filter, size_t *len);

/* Is it a shared one, "$share/group/rest"? */
bool topics_is_shared(const char *filter, size_t len);

/* Does a parameter match this topic level: is it an id? */
bool topics_is_id(const char *text, size_t len);

#endif
