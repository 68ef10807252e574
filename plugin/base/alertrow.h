/*
 * alertrow.h -- an alert as a row: what the table alerts has of it.
 */
#ifndef PETSTORE_ALERTROW_H
#define PETSTORE_ALERTROW_H

#include <stdint.h>

#include "base/who.h"

/* Everything is borrowed; strings are NUL-terminated and "" where there is nothing to say. */
struct alertrow {
	int64_t time_ms;
	const char *kind;  /* "publish-rate" */
	const char *state; /* "raised" or "cleared" */
	struct who who;
	const char *document; /* JSON, as it was published */
};

#endif
