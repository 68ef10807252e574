/*
 * events_letter.h -- which refused messages go to the dead letters of their channel, with what.
 *
 * A refused message is of use to others only if its sender may publish on the channel: of anybody
 * else it is no message of the channel's, and nobody's business.
 */
#ifndef PETSTORE_EVENTS_LETTER_H
#define PETSTORE_EVENTS_LETTER_H

#include <stdbool.h>

#include "broker/events.h"
#include "broker/letters.h"

/*
 * Does a refused publish go to the dead letters of its channel? True: *ret is that, and borrows
 * from @publish and @plugin until the next call. Its sender was allowed to publish there, and will
 * not send it again by itself (@is_closed).
 */
bool events_letter(struct plugin *plugin, const struct feed_publish *publish,
		   const struct decision *decision, bool is_closed, struct letters_message *ret)
	__attribute__((cold));

/*
 * Should MESSAGE refuse it, and not ACL_CHECK, because it goes to the dead letters with its
 * properties, which 2.0 shows to MESSAGE only?
 */
bool events_letter_waits(const struct plugin *plugin, const struct feed_publish *publish,
			 const struct decision *decision) __attribute__((cold));

#endif
