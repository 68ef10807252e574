/*
 * payload.h -- one JSON message, parsed, as the validator and the gate read it.
 *
 * Everything that looks into a message does so through this header, whatever the JSON parser. Two
 * backends implement it, chosen when the plugin is built: payload_jansson.c (everywhere)
 * and payload_yyjson.c (where pkg-config finds yyjson). Both are equally strict: RFC 8259
 * text in UTF-8 without a byte order mark, nothing behind the value, no member name twice, no
 * U+0000 in a member name, nesting and size within struct payload_limits. Of several faults
 * the first in the text is reported, in the same sentence by both; a name that occurs twice
 * only where there is no other. Numbers may have any size and precision: the engine reads
 * those beyond 64 bits and beyond double as their text (payload_view.h).
 *
 * A parser is made once for a thread and used for message after message; a value that it returned
 * is valid until the parser's next payload_parse() or its end. Values are read-only.
 */
#ifndef PETSTORE_PAYLOAD_H
#define PETSTORE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

struct payload_parser;
struct payload_value; /* opaque: the backend's own node */

struct payload_limits {
	size_t max_bytes;   /* of text; 1 .. PAYLOAD_MAX_BYTES */
	unsigned max_depth; /* arrays and objects open at a time; 1 .. PAYLOAD_MAX_DEPTH */
};

#define PAYLOAD_MAX_BYTES (16u << 20)
#define PAYLOAD_MAX_DEPTH 512u

/* What a message to the broker may have: the broker and petstorectl take the same. */
#define PAYLOAD_MESSAGE_DEPTH 64u

/* "jansson" or "yyjson", with the library's version: "yyjson 0.10.0". A literal's lifetime. */
const char *payload_backend(void);

/*
 * Makes a parser. @limits is copied. The yyjson backend takes its pool here, so that parsing
 * a message of up to max_bytes allocates nothing.
 */
int payload_parser_new(const struct payload_limits *limits, struct payload_parser **ret,
		       struct diag *diag) MUST_CHECK;
void payload_parser_free(struct payload_parser *parser); /* NULL is fine */

enum payload_fault {
	PAYLOAD_OK = 0,
	PAYLOAD_TOO_LARGE,
	PAYLOAD_TOO_DEEP,
	PAYLOAD_NOT_JSON, /* syntax, trailing bytes, byte order mark */
	PAYLOAD_NOT_UTF8,
	PAYLOAD_DUPLICATE, /* a member name twice in one object, or one with U+0000 */
	PAYLOAD_NOMEM,
};

struct payload_error {
	enum payload_fault fault;
	size_t offset;  /* bytes from the start; as exact as the backend knows it */
	char text[160]; /* one sentence for a person, no control characters */
};

/*
 * Parses @len bytes (no terminating NUL needed, @text may be NULL when @len is 0). Returns the
 * root, borrowed from @parser, or NULL with @error filled in.
 */
const struct payload_value *payload_parse(struct payload_parser *parser, const void *text,
					  size_t len, struct payload_error *error);

/*
 * The member @name (@len bytes) of an object, NULL where there is none or @value is no object
 * (or NULL: calls may be chained).
 */
const struct payload_value *payload_member(const struct payload_value *value, const char *name,
					   size_t len);

/*
 * Where the text says the string that the member @name of @root is: between its quotes, [*start,
 * *end). @text, of @len bytes, is what payload_parse() last made @root of. False where there is no
 * such member, or it is no string, or its name is written with escapes.
 */
bool payload_span(const struct payload_parser *parser, const struct payload_value *root,
		  const char *text, size_t len, const char *name, size_t name_len, size_t *start,
		  size_t *end);

/* True where @value is a string (NULL is not): *ret, *ret_len are its bytes, borrowed. */
bool payload_string(const struct payload_value *value, const char **ret, size_t *ret_len);

/* True where @value is a JSON number that int64_t holds exactly (1.0 is 1). */
bool payload_integer(const struct payload_value *value, int64_t *ret);

/* True where @value is any JSON number: the nearest double. */
bool payload_number(const struct payload_value *value, double *ret);

/* True where @value is true or false. */
bool payload_boolean(const struct payload_value *value, bool *ret);

#endif
