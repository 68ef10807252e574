/*
 * widen_messages.h -- a given channel's messages, made wider by those that were seen.
 *
 * Kinds of message are told apart by a constant of theirs (widen_kind_member()); of messages that
 * have none the first one of a content type is widened.
 */
#ifndef PETSTORE_LEARN_WIDEN_MESSAGES_H
#define PETSTORE_LEARN_WIDEN_MESSAGES_H

#include "learn/maker.h"
#include "learn/observed.h"

struct learned;

/* The member that has a constant in each JSON message of @messages, of which there are several; or
 * NULL. */
const char *widen_kind_member(const struct config *messages);

/* @messages: a draft of those of @observed->given. */
void widen_messages(struct learned *learned, struct draft *messages,
		    const struct observed *observed);

#endif
