/*
 * payload_backend.h -- what payload_common.c and the backends share.
 *
 * A backend implements the two functions here and those of payload.h that payload_common.c does not
 * implement. Its own parser struct begins with a struct payload_parser.
 */
#ifndef PETSTORE_PAYLOAD_BACKEND_H
#define PETSTORE_PAYLOAD_BACKEND_H

#include <stdio.h>

#include "schema/payload.h"

struct payload_parser {
	struct payload_limits limits;
};

/* As payload_parser_new(); the caller has checked the limits. */
int payload_backend_new(const struct payload_limits *limits, struct payload_parser **ret,
			struct diag *diag) MUST_CHECK;

/* As payload_parse(); the caller has checked that @text is not too long and not NULL. */
const struct payload_value *payload_backend_parse(struct payload_parser *parser, const char *text,
						  size_t len, struct payload_error *error);

/* Fills *@error; @text is a sentence. */
static inline void payload_report(struct payload_error *error, enum payload_fault fault,
				  size_t offset, const char *text)
{
	error->fault = fault;
	error->offset = offset;
	(void)snprintf(error->text, sizeof(error->text), "%s", text);
}

#endif
