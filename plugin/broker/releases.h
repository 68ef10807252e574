/*
 * releases.h -- QoS 2 messages between PUBLISH and PUBREL: which may still be handed out?
 *
 * A QoS 2 message is judged and kept at its PUBLISH. The broker hands it out, and retains it, when
 * the client's PUBREL comes, of which no plugin hears: that may be after newer messages about the
 * same entity. What is older than the current status (gate: REASON_OVERTAKEN) may be handed
 * out only while nothing newer was: a client that sends several without waiting is served in order,
 * one that holds a message back does not turn the subscribers' time back.
 *
 * Known are the messages that were accepted last, by entity. What is not known, as too many came
 * after it or the broker was restarted, is not in order; where it says the current status, the
 * ledger has to know it as what was said last (gate_is_last()).
 *
 * The newest message about an entity may never be released: its publisher is gone, and the session
 * with it. It was kept at its PUBLISH, so that after a while it is published in the publisher's
 * place. What is released after that is late. Nobody hears of a release that nobody is asked about:
 * where there was no reader it is published as well, which is the same status said again.
 *
 * Entities are known by gate_entity_key() with releases_seed(). For the broker's thread alone.
 */
#ifndef PETSTORE_RELEASES_H
#define PETSTORE_RELEASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/message.h"

#define RELEASES_ENTITIES                                                                          \
	4096u             /* of which QoS 2 messages are known; the one with most loses first */
#define RELEASES_OPEN 32u /* messages known of each */

struct releases;

int releases_new(struct releases **ret, struct diag *diag);
void releases_free(struct releases *releases); /* NULL is fine */

uint64_t releases_seed(const struct releases *releases);

/*
 * @message of @principal about the entity @key was accepted. Up to QoS 1 it is handed out at
 * once, so that what is older is overtaken. Costs a branch where no QoS 2 message is known.
 */
void releases_accepted(struct releases *releases, uint64_t key, const char *principal,
		       const struct message *message);

/*
 * @principal sent @message again, at QoS 2, and something else of the entity was said since: where
 * it is not known already, it is known as overtaken from now on.
 */
void releases_resent(struct releases *releases, uint64_t key, const char *principal,
		     const struct message *message);

/*
 * @message says the current status, and is to be handed out: what is older is overtaken. Or
 * it is known to be late itself, as something newer that says the same status was handed out; or
 * nothing is known of it.
 */
enum releases_answer { RELEASES_LATE = 0, RELEASES_GO, RELEASES_UNKNOWN };

enum releases_answer releases_hand_out(struct releases *releases, uint64_t key,
				       const struct message *message);

/*
 * @message is older than the current status. True: nothing newer was handed out, it may go out, and
 * what is older than it is overtaken. False: it is late.
 */
bool releases_in_order(struct releases *releases, uint64_t key, const struct message *message);

/*
 * What was accepted last about the entity, at QoS 2, is of @publisher, a handle to be compared. It
 * was kept as write @seq or before.
 */
void releases_hold(struct releases *releases, uint64_t key, const void *publisher,
		   const struct message *message, uint64_t seq);

/* @publisher is gone, as of @now_ns. A walk over all entities. */
void releases_left(struct releases *releases, const void *publisher, int64_t now_ns);

struct releases_unreleased {
	uint64_t key;
	uint64_t seq;
	const char *topic; /* borrowed until the next call; NUL-terminated */
	size_t len;
};

/*
 * Is there one whose publisher left before @before_ns, and which nobody is known to have got? Costs
 * nothing before the first is due.
 */
bool releases_unreleased(struct releases *releases, int64_t before_ns,
			 struct releases_unreleased *ret);

/*
 * What the database has last on that topic is @message; NULL: nothing. True: that is the one, it is
 * to be published now. In any case it is not asked about again.
 */
bool releases_replace(struct releases *releases, uint64_t key, const struct message *message);

/* Was @message published in its publisher's place, and nothing newer since? Retained it is right.
 */
bool releases_is_replaced(struct releases *releases, uint64_t key, const struct message *message);

#endif
