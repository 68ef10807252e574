/*
 * request.h -- what the gate is asked: one publish, delivery, subscription or end of one.
 */
#ifndef PETSTORE_GATE_REQUEST_H
#define PETSTORE_GATE_REQUEST_H

#include "base/message.h"

enum gate_action { GATE_PUBLISH, GATE_DELIVER, GATE_SUBSCRIBE, GATE_UNSUBSCRIBE };

/* Everything is borrowed for the call. */
struct gate_request {
	enum gate_action action;
	struct message message;
	/* GATE_DELIVER: that the message says the current status, or may go out all the same, is
	 * known. */
	bool is_settled;
	/*
	 * GATE_PUBLISH: it was accepted before. May the principal still publish there? Nothing else
	 * is asked: what it says was judged then, and the entity's status is its own doing.
	 */
	bool is_asked_again;
	/* GATE_PUBLISH: it was accepted and is retained; may its publisher have it handed out? */
	bool is_source;
	const char *client_id;  /* of the client that asks; NULL: it has none */
	const void *properties; /* GATE_PUBLISH: the broker's list, of no interest to the gate */
};

#endif
