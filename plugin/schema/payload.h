/*
 * payload.h -- one parsed JSON message, as the schema engine and the gate read it.
 *
 * All code that reads the content of a message uses this header and not a JSON library. It has two
 * backends, and the build chooses one: payload_jansson.c (works everywhere) or payload_yyjson.c
 * (where pkg-config finds yyjson). Both are equally strict. They require RFC 8259 text in UTF-8
 * without a byte order mark, nothing behind the value, no member name twice, no U+0000 in a member
 * name, and nesting and size within struct payload_limits. Of several faults both report the first
 * in the text, in the same sentence. They report a name that occurs twice only if there is no other
 * fault. Numbers may have any size and precision; the engine reads a number beyond both 64 bits and
 * double as its text (payload_view.h).
 *
 * A thread makes a parser once and uses it for many messages. A value that the parser returned is
 * valid until the parser's next payload_parse(), payload_text() or payload_headers(), or until it
 * is freed. Values are read-only.
 */
#ifndef PETSTORE_PAYLOAD_H
#define PETSTORE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

struct payload_parser;
struct payload_value; /* opaque: a node of the backend's library */
struct schema;

struct payload_limits {
	size_t max_bytes;   /* of text; 1 .. PAYLOAD_MAX_BYTES */
	unsigned max_depth; /* arrays and objects open at a time; 1 .. PAYLOAD_MAX_DEPTH */
};

#define PAYLOAD_MAX_BYTES (16u << 20)
#define PAYLOAD_MAX_DEPTH 512u

/* The max_depth for messages, in the plugin and in petstorectl. */
#define PAYLOAD_MESSAGE_DEPTH 64u

/* "jansson" or "yyjson", with the library's version: "yyjson 0.10.0". Never freed. */
const char *payload_backend(void);

/*
 * Makes a parser. @limits is copied. The yyjson backend allocates its memory pool here, so that it
 * parses a message of up to max_bytes without an allocation.
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
	size_t offset;  /* of the fault, in bytes; as exact as the backend knows it */
	char text[160]; /* one sentence for a person, no control characters */
};

/*
 * Parses @len bytes (no terminating NUL needed, @text may be NULL when @len is 0). Returns the
 * root, borrowed from @parser, or NULL with @error filled in.
 */
const struct payload_value *payload_parse(struct payload_parser *parser, const void *text,
					  size_t len, struct payload_error *error);

/* Types of JSON values, a bit each. A schema that asks for a number takes an integer, too. */
enum payload_type {
	PAYLOAD_TYPE_NULL = 1 << 0,
	PAYLOAD_TYPE_BOOLEAN = 1 << 1,
	PAYLOAD_TYPE_INTEGER = 1 << 2,
	PAYLOAD_TYPE_NUMBER = 1 << 3, /* that need not be whole */
	PAYLOAD_TYPE_STRING = 1 << 4,
	PAYLOAD_TYPE_ARRAY = 1 << 5,
	PAYLOAD_TYPE_OBJECT = 1 << 6,
	PAYLOAD_TYPE_ANY = (1 << 7) - 1,
};

/*
 * Returns the value of a payload that is a text and no JSON (content type text/...): a string of
 * its @len bytes, which must be UTF-8. Where @want (enum payload_type, or-ed; schema_root_types()
 * says what a schema asks for) has numbers, integers or booleans and is not PAYLOAD_TYPE_ANY, a
 * text that is such a value as JSON writes it, without spaces around it, is that value: "21.5",
 * "true". Any other text stays a string, and the schema then says what is wrong with it. So "21.5"
 * is a string where the schema allows strings only, or does not say a type.
 *
 * The value is valid as long as one that payload_parse() returned. NULL with @error filled in where
 * the text is too long or not UTF-8.
 */
const struct payload_value *payload_text(struct payload_parser *parser, const void *bytes,
					 size_t len, unsigned want, struct payload_error *error);

/* A user property of MQTT 5. The bytes are borrowed and need no terminating NUL. */
struct payload_pair {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

/* The most user properties of a message that can be read. */
#define PAYLOAD_MAX_PAIRS 256u

/*
 * Returns an object of a message's user properties, in their order, for @schema (of the message's
 * headers). A value is a string. It is a number or a boolean where payload_text() would read it as
 * one for what the schema says of that member (properties, patternProperties,
 * additionalProperties). A name that occurs several times is one member, an array of its values;
 * and so is one that occurs once, where the schema allows nothing but an array.
 *
 * The object is valid as long as a value that payload_parse() returned, and ends the life of values
 * that @parser returned before: who needs a payload and its headers at a time has two parsers. A
 * parser allocates @max_bytes at its first call. NULL with @error filled in where there are more
 * than PAYLOAD_MAX_PAIRS, where the object needs more than @max_bytes as JSON, or where a name or a
 * value is not UTF-8 or a name has U+0000.
 */
const struct payload_value *payload_headers(struct payload_parser *parser,
					    const struct payload_pair *pairs, size_t count,
					    const struct schema *schema,
					    struct payload_error *error);

/*
 * Returns a CloudEvent of MQTT's binary mode (CloudEvents MQTT Protocol Binding 1.0.2, 3.1) as its
 * JSON is in structured mode, for @schema: an object of the user properties, as payload_headers()
 * makes it, with @type as "datacontenttype" and with the data as "data", as a string or, where
 * @is_json, as it is: then it must be a JSON text, which the caller has parsed. @data is NULL: the
 * event has none.
 *
 * As of payload_headers(), the object needs a parser of its own, whose max_bytes are enough for the
 * data as well.
 */
struct payload_event {
	const struct payload_pair *pairs;
	size_t count;
	const char *type;
	size_t type_len;
	const char *data;
	size_t data_len;
	bool is_json;
};

const struct payload_value *payload_event(struct payload_parser *parser,
					  const struct payload_event *event,
					  const struct schema *schema, struct payload_error *error);

/*
 * Returns the member @name (@len bytes) of an object. NULL where there is none, or where @value is
 * no object or is NULL, so that calls may be chained.
 */
const struct payload_value *payload_member(const struct payload_value *value, const char *name,
					   size_t len);

/* Is @value (NULL is not) an array? */
bool payload_is_array(const struct payload_value *value);

/* The item @index (0 is the first) of an array, in as many steps at most. NULL as payload_member().
 */
const struct payload_value *payload_item(const struct payload_value *value, size_t index);

/*
 * Finds where the text has the member @name of @root, a string: [*start, *end) are the bytes
 * between its quotes. @text (@len bytes) must be the text that payload_parse() parsed last, and
 * @root its result. False where there is no such member, it is no string, or its name is written
 * with escapes.
 */
bool payload_span(const struct payload_parser *parser, const struct payload_value *root,
		  const char *text, size_t len, const char *name, size_t name_len, size_t *start,
		  size_t *end);

/* True where @value is a string (NULL is not): *ret, *ret_len are its bytes, borrowed. */
bool payload_string(const struct payload_value *value, const char **ret, size_t *ret_len);

/* True where @value is a JSON number that int64_t holds exactly (1.0 is 1). */
bool payload_integer(const struct payload_value *value, int64_t *ret);

/* True where @value is any JSON number: *ret is the nearest double, which may be infinite. */
bool payload_number(const struct payload_value *value, double *ret);

/*
 * True where @value is a JSON number that is kept as its text, since its int64_t or double would be
 * that of other numbers as well (schema/number.h). *ret is that text, borrowed from @value or in
 * @room.
 */
#define PAYLOAD_BIG_ROOM 24u
bool payload_big(const struct payload_value *value, char room[PAYLOAD_BIG_ROOM], const char **ret,
		 size_t *ret_len);

/* True where @value is true or false. */
bool payload_boolean(const struct payload_value *value, bool *ret);

#endif
