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

/* "1 item", "2 items"; "1 is", "2 are" */
const char *explain_plural(uint64_t count);
const char *explain_are(uint64_t count);

/* @text in quotes, cut to what reads well; @cap is the size of @ret. */
void explain_print_text(char *ret, size_t cap, const char *text, size_t len);

/* A value as it is told: EXPLAIN_VALUE_MAX bytes of @ret are used, or a literal is returned. */
const char *explain_print_value(const struct payload_value *value, uint32_t kind, char *ret);
const char *explain_print_constant(const struct constant *constant, char *ret);

/* Stores one error of @keyword ("" for none) of the subject, unless there are enough. */
void explain_report(struct explain *x, const struct subject *s, const char *keyword,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* "has 1 item, at least 2 are needed" */
void explain_report_few(struct explain *x, const struct subject *s, const char *keyword,
			uint64_t count, const char *what, uint64_t limit);
void explain_report_many(struct explain *x, const struct subject *s, const char *keyword,
			 uint64_t count, const char *what, uint64_t limit);

/* The value's type is none of the node's. */
void explain_report_type(struct explain *x, const struct subject *s);

/* The limit that x->run hit. */
void explain_report_limit(struct explain *x, const struct subject *s);

#endif
