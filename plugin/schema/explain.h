/*
 * explain.h -- what the files of schema_explain() share.
 *
 * explain.c finds what is wrong, explain_scalar.c in values that have none below them, and
 * explain_text.c writes the sentence. A sentence starts with a verb ("is 5, expected at most 4"),
 * because the pointer in front of it is its subject.
 */
#ifndef PETSTORE_SCHEMA_EXPLAIN_H
#define PETSTORE_SCHEMA_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/run.h"
#include "schema/schema.h"

/* The deepest trail: the nesting of a payload, and a member's name checked as a value. */
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
	bool is_limited; /* the walk looks for the place where a limit was hit */
	bool is_name;    /* the value is a member's name */
};

/* The value that is explained, and the node that it is checked against. */
struct subject {
	const struct schema_node *node;
	const struct payload_value *value;
	uint32_t kind;
	const struct trail *trail;
};

/* Bytes for a value in a sentence. */
#define EXPLAIN_VALUE_MAX 96

/* Writes @text to @ret, in quotes; a long text is cut. Returns @ret. */
const char *explain_print_text(char ret[EXPLAIN_VALUE_MAX], const char *text, size_t len);

/*
 * Return the value in words. The result is a literal, or @ret, which has EXPLAIN_VALUE_MAX bytes.
 */
const char *explain_print_value(const struct payload_value *value, uint32_t kind, char *ret);
const char *explain_print_constant(const struct payload_value *constant, char *ret);

/* Stores one error of the subject's @keyword ("" for none), unless the list is full. */
void explain_report(struct explain *x, const struct subject *s, const char *keyword,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The words for a count, and the keywords that limit it: "has 3 items", "is 3 characters long". */
struct explain_counted {
	const char *verb;
	const char *what; /* one of them */
	const char *end;
	const char *min_keyword;
	const char *max_keyword;
};

/* Reports a @count that is not between @min and @max: "has 1 item, at least 2 are needed". */
void explain_report_count(struct explain *x, const struct subject *s,
			  const struct explain_counted *counted, uint64_t count, uint64_t min,
			  uint64_t max);

/* Reports that the value's type is not one of the node's types. */
void explain_report_type(struct explain *x, const struct subject *s);

/* Reports the limit that x->run hit. */
void explain_report_limit(struct explain *x, const struct subject *s);

/*
 * Called after everything that may hit a limit: true where one was hit. Where the answer is
 * SCHEMA_LIMIT this is the error; where it is not, the walk went further than schema_check() did:
 * it goes on, but for the one bound on all its work, which ends it.
 */
bool explain_passed_limit(struct explain *x, const struct subject *s);

/* Report what is wrong with a number, or a string, of whose type the node has rules. */
void explain_number(struct explain *x, const struct subject *s);
void explain_string(struct explain *x, const struct subject *s);

/* Reports that the value is none of the step's constants. */
void explain_constants(struct explain *x, const struct subject *s, const struct step *step);

#endif
