/*
 * explain.h -- the walk of schema_explain() and the sentences it writes, between themselves.
 *
 * explain.c finds what is wrong, explain_text.c says it. Messages start with a verb ("is 5,
 * expected at most 4"), so that they read on from the pointer in front of them.
 */
#ifndef PETSTORE_SCHEMA_EXPLAIN_H
#define PETSTORE_SCHEMA_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/run.h"
#include "schema/schema.h"

/* Deepest trail: a payload's nesting, and a member's name looked at as a value. */
#define TRAIL_MAX (PAYLOAD_MAX_DEPTH + 2)

/* The path from the message to a value in it, newest step first. */
struct trail {
	const struct trail *up; /* NULL at the message itself */
	const char *name;       /* NULL: an item */
	size_t len;             /* of the name */
	size_t index;
};

struct explain {
	struct run run;
	struct schema_error *errors;
	size_t max;
	size_t count;
	bool is_limited; /* the walk is about SCHEMA_LIMIT: where was it? */
	bool is_name;    /* the value is a member's name */
};

/* A value while it is explained. */
struct subject {
	const struct schema_node *node;
	const struct payload_value *value;
	uint32_t kind;
	const struct trail *trail;
};

/* Room for a value in a sentence. */
#define EXPLAIN_VALUE_MAX 96

/* Writes @text to @ret, in quotes and cut to what reads well. Returns @ret. */
const char *explain_print_text(char ret[EXPLAIN_VALUE_MAX], const char *text, size_t len);

/* A value in words: EXPLAIN_VALUE_MAX bytes of @ret are used, or a literal is returned. */
const char *explain_print_value(const struct payload_value *value, uint32_t kind, char *ret);
const char *explain_print_constant(const struct payload_value *constant, char *ret);

/* Stores one error of @keyword ("" for none) of the subject, unless there are enough. */
void explain_report(struct explain *x, const struct subject *s, const char *keyword,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What is counted, and the keywords that limit it: "has 3 items", "is 3 characters long". */
struct explain_counted {
	const char *verb;
	const char *what; /* one of them */
	const char *end;
	const char *min_keyword;
	const char *max_keyword;
};

/* Where @count is not between @min and @max: "has 1 item, at least 2 are needed". */
void explain_report_count(struct explain *x, const struct subject *s,
			  const struct explain_counted *counted, uint64_t count, uint64_t min,
			  uint64_t max);

/* The value's type is none of the node's. */
void explain_report_type(struct explain *x, const struct subject *s);

/* The limit that x->run hit. */
void explain_report_limit(struct explain *x, const struct subject *s);

#endif
