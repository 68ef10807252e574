/*
 * The object of a message's user properties. It is written as a JSON text, which the backend then
 * parses: so both backends check names and values as they check those of a payload.
 */
#include <stdlib.h>
#include <string.h>

#include "schema/pattern.h"
#include "schema/payload_backend.h"
#include "schema/schema.h"

/* The text while it is written. */
struct headers_text {
	char *bytes;
	size_t used;
	size_t cap;
	bool is_full;
};

static void put(struct headers_text *text, const char *bytes, size_t len)
{
	if (len > text->cap - text->used) {
		text->is_full = true;
		return;
	}
	memcpy(text->bytes + text->used, bytes, len);
	text->used += len;
}

static void put_char(struct headers_text *text, char c)
{
	put(text, &c, 1);
}

/* A string as RFC 8259, section 7 writes it. */
static void put_string(struct headers_text *text, const char *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";

	put_char(text, '"');
	for (size_t i = 0; i < len && !text->is_full; i++) {
		unsigned char c = (unsigned char)bytes[i];
		char escape[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

		if (c < 0x20) {
			put(text, escape, sizeof(escape));
			continue;
		}
		if (c == '"' || c == '\\')
			put_char(text, '\\');
		put_char(text, bytes[i]);
	}
	put_char(text, '"');
}

static void put_value(struct headers_text *text, const struct payload_pair *pair, unsigned want)
{
	if (payload_is_literal(want, pair->value, pair->value_len))
		put(text, pair->value, pair->value_len);
	else
		put_string(text, pair->value, pair->value_len);
}

static bool same_name(const struct payload_pair *a, const struct payload_pair *b)
{
	return a->name_len == b->name_len &&
	       (a->name_len == 0 || memcmp(a->name, b->name, a->name_len) == 0);
}

/* The next pair behind @at with the same name; @count where there is none. */
static size_t next_of_name(const struct payload_pair *pairs, size_t count, size_t at)
{
	size_t next = at + 1;

	while (next < count && !same_name(&pairs[next], &pairs[at]))
		next++;
	return next;
}

/* The member of pairs[first] and of all behind it that have the same name. */
static void put_member(struct headers_text *text, const struct payload_pair *pairs, size_t count,
		       size_t first, const struct schema_member *member)
{
	size_t next = next_of_name(pairs, count, first);
	bool is_array = next < count || (member->types & PAYLOAD_TYPE_ANY) == PAYLOAD_TYPE_ARRAY;

	put_string(text, pairs[first].name, pairs[first].name_len);
	put_char(text, ':');
	if (!is_array) {
		put_value(text, &pairs[first], member->types);
		return;
	}
	put_char(text, '[');
	put_value(text, &pairs[first], member->items);
	for (; next < count && !text->is_full; next = next_of_name(pairs, count, next)) {
		put_char(text, ',');
		put_value(text, &pairs[next], member->items);
	}
	put_char(text, ']');
}

static void put_object(struct headers_text *text, const struct payload_pair *pairs, size_t count,
		       const struct schema *schema)
{
	int64_t work = PATTERN_MAX_WORK;

	put_char(text, '{');
	for (size_t i = 0; i < count && !text->is_full; i++) {
		struct schema_member member;
		size_t before = 0;

		while (before < i && !same_name(&pairs[before], &pairs[i]))
			before++;
		if (before < i)
			continue; /* stands in that one's array */
		schema_member(schema, pairs[i].name, pairs[i].name_len, &work, &member);
		if (text->used > 1)
			put_char(text, ',');
		put_member(text, pairs, count, i, &member);
	}
	put_char(text, '}');
}

/* Room for a text of @count user properties. False: @error says what is wrong. */
static bool begin(struct payload_parser *parser, size_t count, struct headers_text *ret,
		  struct payload_error *error)
{
	*ret = (struct headers_text){ .cap = parser->limits.max_bytes };
	if (count > PAYLOAD_MAX_PAIRS) {
		payload_report(error, PAYLOAD_TOO_LARGE, 0, "");
		(void)snprintf(error->text, sizeof(error->text),
			       "there are %zu user properties, at most %u are allowed", count,
			       PAYLOAD_MAX_PAIRS);
		return false;
	}
	if (!parser->headers)
		parser->headers = malloc(ret->cap);
	if (!parser->headers)
		payload_report(error, PAYLOAD_NOMEM, 0, "out of memory");
	ret->bytes = parser->headers;
	return ret->bytes != NULL;
}

static const struct payload_value *
finish(struct payload_parser *parser, const struct headers_text *text, struct payload_error *error)
{
	if (!text->is_full)
		return payload_backend_parse(parser, text->bytes, text->used, error);
	payload_report(error, PAYLOAD_TOO_LARGE, text->cap, "");
	(void)snprintf(error->text, sizeof(error->text),
		       "the user properties have more than %zu bytes as JSON", text->cap);
	return NULL;
}

const struct payload_value *payload_headers(struct payload_parser *parser,
					    const struct payload_pair *pairs, size_t count,
					    const struct schema *schema,
					    struct payload_error *error)
{
	struct headers_text text;

	if (!begin(parser, count, &text, error))
		return NULL;
	put_object(&text, pairs, count, schema);
	return finish(parser, &text, error);
}

const struct payload_value *payload_event(struct payload_parser *parser,
					  const struct payload_event *event,
					  const struct schema *schema, struct payload_error *error)
{
	static const char type[] = "\"datacontenttype\":", data[] = ",\"data\":";
	struct headers_text text;

	if (!begin(parser, event->count, &text, error))
		return NULL;
	put_object(&text, event->pairs, event->count, schema);
	if (!text.is_full)
		text.used--; /* the object goes on */
	if (event->count > 0)
		put_char(&text, ',');
	put(&text, type, sizeof(type) - 1);
	put_string(&text, event->type, event->type_len);
	if (event->data) {
		put(&text, data, sizeof(data) - 1);
		if (event->is_json)
			put(&text, event->data, event->data_len);
		else
			put_string(&text, event->data, event->data_len);
	}
	put_char(&text, '}');
	return finish(parser, &text, error);
}
