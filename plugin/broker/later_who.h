/*
 * later_who.h -- who asks and by which rules, held for a job of answers.h: neither changes while it
 * is. Filled and given up by events_later.h, on the broker's thread.
 */
#ifndef PETSTORE_LATER_WHO_H
#define PETSTORE_LATER_WHO_H

#include "gate/rules.h"
#include "base/login_method.h"

struct later_who {
	struct rules *rules;
	const struct access_principal *principal; /* of the rules, or @made */
	struct access_principal *made;            /* NULL: the rules have it */
	char *client_id;
	enum login_method method;
	uint16_t port;
};

/* Gives all of it up; it is all zero then. */
void events_later_drop_who(struct later_who *who);

#endif
