/*
 * cut.h -- an AsyncAPI document as somebody may see it who may not use all of its channels.
 *
 * What stays: the channels that the rights name, their operations of either kind, and the
 * components, x-entities and x-state-machines that these refer to, through any further reference,
 * discriminator or ownerVia; and what is about the whole: info, servers, defaultContentType,
 * x-mode, x-limits, x-unlisted, x-perspective. All else goes, names included. A reference that
 * leads to a channel or an operation which goes is left out with what has it: a reply's channel,
 * and its messages. What stays and refers to a part of something that goes, such as the schema of
 * another channel's message, gets that part alone, as a component of its own.
 *
 * Works on a document of AsyncAPI 3.x that is whole: references to other files stay as they are.
 * Knows neither the contract nor principals. Its time and memory are a few times those of parsing
 * the document.
 */
#ifndef PETSTORE_CONTRACT_CUT_H
#define PETSTORE_CONTRACT_CUT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

enum cut_right { CUT_NO = 0, CUT_OWN, CUT_YES };

struct cut_rights {
	uint8_t send, receive; /* enum cut_right */
};

/* Of each member of /channels and of /x-broker-topics, in their order; those behind have none. */
struct cut_may {
	size_t channel_count, topic_count;
	const struct cut_rights *channel, *topic;
};

/*
 * The cut of @document, which is not changed, is new. Both have their strings and numbers in
 * common: one thread has both. ERR_NOMEM.
 */
int cut_document(const json_t *document, const struct cut_may *may, json_t **ret,
		 struct diag *diag) MUST_CHECK;

/*
 * Adds to the array @list an object for each channel that stays: {"document":@number,
 * "channel":key, "send":"yes|own|no", "receive":...}.
 */
int cut_list(const json_t *document, const struct cut_may *may, size_t number, json_t *list,
	     struct diag *diag) MUST_CHECK;

#endif
