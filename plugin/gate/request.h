/*
 * request.h -- a question to the gate: one publish, delivery, subscribe or unsubscribe.
 */
#ifndef PETSTORE_GATE_REQUEST_H
#define PETSTORE_GATE_REQUEST_H

#include "base/message.h"

enum gate_action { GATE_PUBLISH, GATE_DELIVER, GATE_SUBSCRIBE, GATE_UNSUBSCRIBE };

/* Everything is borrowed for the call. */
struct gate_request {
	enum gate_action action;
	struct message message;
	/* GATE_DELIVER: the caller knows that the status is current or may be delivered anyway. */
	bool is_settled;
	/*
	 * GATE_PUBLISH: the message was accepted before. Asked is only whether the principal may
	 * still publish there: the rest was judged then, and the message itself changed the status.
	 */
	bool is_asked_again;
	/* GATE_PUBLISH: it was accepted and is retained; the broker asks again whether its
	 * publisher may publish it (check_retain_source). */
	bool is_source;
	const char *client_id;  /* of the client that asks; NULL: it has none */
	const void *properties; /* GATE_PUBLISH: the broker's list; the gate does not look at it */
};

#endif
