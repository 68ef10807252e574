/*
 * releases.h -- QoS 2 messages between PUBLISH and PUBREL: which may still be delivered?
 *
 * A QoS 2 message is judged and kept at its PUBLISH. The broker delivers and retains it at the
 * client's PUBREL, which no plugin sees, perhaps after newer messages about the same entity. A
 * message with a status older than the current one (REASON_OVERTAKEN) may be delivered only if no
 * newer message of the entity was delivered yet. So a client that sends several messages without
 * waiting is served in order, and a client that releases a message late does not show subscribers
 * an old status after a newer one.
 *
 * This file remembers the last accepted messages of each entity. One that it does not remember, as
 * too many came after it or the broker was restarted, may not be delivered if its status is old. If
 * its status is current, it must be the entity's last message in the ledger (gate_is_last()).
 *
 * The newest message about an entity may never be released, because its publisher is gone and its
 * session ended. It was kept at its PUBLISH, so the plugin publishes it after a while in the
 * publisher's place; a release after that is late. The plugin sees a release only through the
 * deliveries: if there was no subscriber, it publishes the message as well, which repeats the
 * status.
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

#define RELEASES_ENTITIES 4096u /* entities with QoS 2 messages that are remembered */
#define RELEASES_OPEN 32u       /* messages that are remembered of each */

struct releases;

int releases_new(struct releases **ret, struct diag *diag) MUST_CHECK;
void releases_free(struct releases *releases); /* NULL is fine */

uint64_t releases_seed(const struct releases *releases);

/* Is a QoS 2 message remembered? If not, releases_accepted() of messages up to QoS 1 does nothing.
 */
bool releases_is_active(const struct releases *releases);

/*
 * @message of @principal about the entity @key was accepted. Up to QoS 1 the broker delivers it at
 * once, so that older messages are overtaken. Costs one branch while no QoS 2 message is
 * remembered.
 */
void releases_accepted(struct releases *releases, uint64_t key, const char *principal,
		       const struct message *message);

/*
 * @principal sent @message again at QoS 2, and a newer message of the entity was accepted since. If
 * the message is not remembered, it is remembered as overtaken.
 */
void releases_resent(struct releases *releases, uint64_t key, const char *principal,
		     const struct message *message);

/*
 * May @message, which has the current status, be delivered? RELEASES_GO: yes, and older messages
 * are overtaken now. RELEASES_LATE: no, a newer message with the same status was delivered.
 * RELEASES_UNKNOWN: it is not remembered.
 */
enum releases_answer { RELEASES_LATE = 0, RELEASES_GO, RELEASES_UNKNOWN };

enum releases_answer releases_hand_out(struct releases *releases, uint64_t key,
				       const struct message *message);

/*
 * May @message, whose status is older than the current one, be delivered? True: no newer message
 * was delivered; older ones are overtaken now. False: it is late, or not remembered.
 */
bool releases_in_order(struct releases *releases, uint64_t key, const struct message *message);

/*
 * @message, at QoS 2, is the last accepted one about the entity. @publisher is the handle of its
 * client, only compared. It was kept as write @seq of the ledger or an earlier one.
 */
void releases_hold(struct releases *releases, uint64_t key, const void *publisher,
		   const struct message *message, uint64_t seq);

/* @publisher is gone at @now_ns (clock_mono_ns()). Walks over all entities. */
void releases_left(struct releases *releases, const void *publisher, int64_t now_ns);

struct releases_unreleased {
	uint64_t key;
	uint64_t seq;
	const char *topic; /* borrowed until the next call; NUL-terminated */
	size_t len;
};

/*
 * Is there a message whose publisher left before @before_ns, and of which no delivery was seen?
 * Costs nothing before the first is due.
 */
bool releases_unreleased(struct releases *releases, int64_t before_ns,
			 struct releases_unreleased *ret);

/*
 * @message is the last event of that topic in the database; NULL: there is none. True: it is the
 * unreleased message, and the caller publishes it now. In any case the entity's message is no
 * longer returned by releases_unreleased().
 */
bool releases_replace(struct releases *releases, uint64_t key, const struct message *message);

/*
 * @message is retained, as it stands by the database, and published again for that: if it is
 * remembered it counts as published in its publisher's place, whatever was delivered before.
 */
void releases_stand(struct releases *releases, uint64_t key, const struct message *message);

/* Was @message published in its publisher's place, and no newer one accepted since? Then it is
 * right as a retained message. */
bool releases_is_replaced(struct releases *releases, uint64_t key, const struct message *message);

#endif
