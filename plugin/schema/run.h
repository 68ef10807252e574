/*
 * run.h -- a program run on a value: the inside of schema_check(), shared with schema_explain().
 *
 * Nothing is allocated: what has to be remembered (which members or items were evaluated, the
 * table behind uniqueItems) is taken from a scratch area in struct run, and handed back in the
 * order it was taken. Every bound that is hit sets @limit, after which every answer is false and
 * the message is refused, whatever keyword asked.
 */
#ifndef PETSTORE_SCHEMA_RUN_H
#define PETSTORE_SCHEMA_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/program.h"

/* Schemas that may be open at a time, inside each other or deeper in the message. */
#define RUN_MAX_DEPTH 2048u

/*
 * Work that one message may cost, in units of some 10 nanoseconds: the one budget that everything
 * is charged to, patterns by what they really did. It is counted and not measured, so that the
 * same message gets the same answer from the plugin and from petstorectl. All of it takes some
 * 5 ms; to list what is wrong takes a quarter of it more, each time. A message of 64 KiB needs some
 * ten thousand.
 */
#define RUN_MAX_WORK 500000
#define RUN_MAX_EXPLAIN_WORK 125000

/* What a schema costs that needs more than a look at a value, run and explained. */
#define RUN_NODE_UNITS 4
#define RUN_EXPLAIN_UNITS 12

/* Bytes of text that a unit pays for: compared, and counted as characters. */
#define RUN_BYTES_A_UNIT 64u
#define RUN_COUNTED_A_UNIT 24u
/* What a short text costs that has to have one of the plainer formats. */
#define RUN_FORMAT_UNITS 4
/* What a number costs that has to be taken apart into decimals, besides its digits. */
#define RUN_DECIMAL_UNITS 100

/* Scratch: 131,072 members or items can be remembered at a time. */
#define RUN_SCRATCH_WORDS 2048u

enum run_limit {
	RUN_WITHIN_LIMITS = 0,
	RUN_DEPTH,
	RUN_WORK,
	RUN_SCRATCH,
	RUN_PATTERN,
};

/* The schema resources that were entered, newest first: the dynamic scope. */
struct run_scope {
	const struct run_scope *outer;
	uint32_t resource;
};

struct run {
	const struct schema *schema;
	const struct run_scope *scope;
	enum run_limit limit;
	unsigned depth;
	int64_t work; /* left */
	size_t scratch_used;
	uint64_t scratch[RUN_SCRATCH_WORDS];
};

/* Which members or items of one value a schema evaluated, by their position. */
struct run_marks {
	uint64_t *bits;
	size_t count;
	bool is_all;
};

void run_init(struct run *run, const struct schema *schema, int64_t work);

/* Ends the run: every answer from now on is false. Returns false. */
bool run_fail_limit(struct run *run, enum run_limit limit);

/* Takes @units without a look at what is left: the caller, or what it calls next, looks. */
static inline void run_pay(struct run *run, size_t units)
{
	run->work -= (int64_t)units;
}

/* Takes @units; false, and the end of the run, where they are not left. */
static inline bool run_charge(struct run *run, size_t units)
{
	run_pay(run, units);
	return run->work >= 0 || run_fail_limit(run, RUN_WORK);
}

/*
 * Does @value pass @node? Members or items that were evaluated are noted in @marks, unless that
 * is NULL; after false they mean nothing.
 */
bool run_node(struct run *run, const struct schema_node *node, const struct payload_value *value,
	      struct run_marks *marks);

/* Unmarked bits for each member or item of @value, from the scratch area. */
bool run_marks_init(struct run *run, struct run_marks *marks, const struct payload_value *value);
void run_marks_clear(struct run *run, const struct run_marks *marks);

static inline bool run_marks_has(const struct run_marks *marks, size_t index)
{
	return marks->is_all || (marks->bits[index / 64] >> (index % 64) & 1);
}

/* The parts, each for schema_explain(), which must see what run_node() sees. */

/* All keywords but unevaluated*; the type was looked at. */
bool run_rules(struct run *run, const struct schema_node *node, const struct payload_value *value,
	       uint32_t kind, struct run_marks *marks);
bool run_step(struct run *run, const struct step *step, const struct payload_value *value,
	      uint32_t kind, struct run_marks *marks);

/* Enters the resource of @node; @scope is the caller's and left again with run_leave(). */
void run_enter(struct run *run, struct run_scope *scope, const struct schema_node *node);
void run_leave(struct run *run, const struct run_scope *scope);

/* The node that a STEP_DYNAMIC leads to now. */
const struct schema_node *run_dynamic(struct run *run, const struct step *step);

/* Does a text match, or have the format? False also where the work was used up. */
bool run_pattern(struct run *run, const struct pattern *pattern, const char *text, size_t len);
bool run_format(struct run *run, const struct format *format, const char *text, size_t len);

bool run_number(struct run *run, const struct number_rules *rules,
		const struct payload_value *value, uint32_t kind);

/* Is the number on the right side of a limit, whose @kind is an index of number_rules.limits? */
bool run_is_within(const struct number *number, const struct number *limit, unsigned kind);

/* Charges for a number that is compared digit by digit. */
bool run_charge_number(struct run *run, const struct number *number);

/* run_equal.c: equality as JSON Schema has it, where 1.0 is 1. */
bool run_equal(struct run *run, const struct payload_value *a, const struct payload_value *b);

/* False where two items are equal. */
bool run_unique(struct run *run, const struct payload_value *array);

#endif
