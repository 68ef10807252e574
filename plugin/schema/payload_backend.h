/*
 * payload_backend.h -- what the backends and the other files of payload.h share.
 *
 * A backend implements the functions here that begin with payload_backend_, and those of payload.h
 * that payload_common.c does not implement. Its own parser struct begins with a struct
 * payload_parser, of which it frees @headers.
 */
#ifndef PETSTORE_PAYLOAD_BACKEND_H
#define PETSTORE_PAYLOAD_BACKEND_H

#include <stdio.h>

#include "schema/payload.h"

struct payload_parser {
	struct payload_limits limits;
	char *headers; /* owned, max_bytes; NULL until payload_headers() needs it */
};

/* As payload_parser_new(); the caller has checked the limits. */
int payload_backend_new(const struct payload_limits *limits, struct payload_parser **ret,
			struct diag *diag) MUST_CHECK;

/* As payload_parse(); the caller has checked that @text is not too long and not NULL. */
const struct payload_value *payload_backend_parse(struct payload_parser *parser, const char *text,
						  size_t len, struct payload_error *error);

/*
 * Returns a string of @len bytes, which the caller has checked to be UTF-8 and not too many. NULL
 * with @error where there is no memory.
 */
const struct payload_value *payload_backend_string(struct payload_parser *parser, const char *text,
						   size_t len, struct payload_error *error);

/* May a text have @len bytes? False: @error says that it has too many. */
bool payload_fits(const struct payload_parser *parser, size_t len, struct payload_error *error);

/* Does payload_text() read the text as JSON, for @want? */
bool payload_is_literal(unsigned want, const char *text, size_t len);

/* Fills *@error; @text is a sentence. */
static inline void payload_report(struct payload_error *error, enum payload_fault fault,
				  size_t offset, const char *text)
{
	error->fault = fault;
	error->offset = offset;
	(void)snprintf(error->text, sizeof(error->text), "%s", text);
}

#endif
