/*
 * standing.h -- what a publish means for the entity it is about: owner, status, columns.
 */
#ifndef PETSTORE_GATE_STANDING_H
#define PETSTORE_GATE_STANDING_H

#include "gate/judgement.h"

/*
 * standing_check() follows when the message turns out to be in order. What it reads is brought
 * nearer meanwhile: first where the entity lies, and behind the parse the entity itself.
 */
void standing_expect(struct judgement *j);
void standing_expect_more(struct judgement *j);

/*
 * Asks whether the message may move the entity from where it stands, and collects what an
 * acceptance would write. For channels with a mapping, once the payload is parsed.
 */
bool standing_check(struct judgement *j);

/*
 * Is the status that a delivered message says the one that stands? Yes as well where it says none
 * that is known, or nothing is known of the entity. Not inlined: most deliveries don't ask.
 */
bool standing_current(struct judgement *j) __attribute__((noinline));

judgement_question standing_store; /* could the write be kept now? */

/* Completes the implied write with what the request says about it. */
void standing_describe(struct judgement *j);

#endif
