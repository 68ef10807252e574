/*
 * run.h -- runs a compiled schema on a value. schema_check() and schema_explain() share it.
 *
 * The run allocates nothing. It keeps what it must remember (which members or items were evaluated,
 * the hash table for uniqueItems) in a scratch area in struct run; the part that was taken last is
 * given back first. When a bound is hit, the run sets @limit. From then on every answer is false
 * and the message is refused, whatever the keyword.
 */
#ifndef PETSTORE_SCHEMA_RUN_H
#define PETSTORE_SCHEMA_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/program.h"
#include "schema/schema.h"

/* The most schemas that may be open at a time, for one value and for the values around it. */
#define RUN_MAX_DEPTH 2048u

/*
 * The budget of work for one message, in units of about 10 nanoseconds. Everything is charged to
 * it; a pattern is charged for the steps that its search made. Work is counted and not measured
 * with a clock, so the plugin and petstorectl give the same answer for the same message. The whole
 * budget takes about 5 ms. Each list of errors may cost a quarter of that on top. A message of 64
 * KiB needs about ten thousand units.
 */
#define RUN_MAX_WORK SCHEMA_MESSAGE_WORK
#define RUN_MAX_EXPLAIN_WORK 125000

/* The cost of a node that is more than a type check: in a run, and in an error list. */
#define RUN_NODE_UNITS 4
#define RUN_EXPLAIN_UNITS 12

/* Bytes of text for one unit: when they are compared, and when their characters are counted. */
#define RUN_BYTES_A_UNIT 64u
#define RUN_COUNTED_A_UNIT 24u
/* The cost of checking a short text for one of the simpler formats. */
#define RUN_FORMAT_UNITS 4
/* The cost of splitting a number into decimals, besides the cost of its digits. */
#define RUN_DECIMAL_UNITS 100

/* The scratch area, in words of 64 bits: one bit for each of 131,072 members or items. */
#define RUN_SCRATCH_WORDS 2048u

enum run_limit {
	RUN_WITHIN_LIMITS = 0,
	RUN_DEPTH,
	RUN_WORK,
	RUN_SCRATCH,
	RUN_PATTERN,
};

/* The dynamic scope: the schema resources that the run has entered, newest first. */
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

/* Which members or items of one value were evaluated: one bit for each, by position. */
struct run_marks {
	uint64_t *bits;
	size_t count;
	bool is_all;
};

void run_init(struct run *run, const struct schema *schema, int64_t work);

/* Ends the run: from now on every answer is false. Returns false. */
bool run_fail_limit(struct run *run, enum run_limit limit);

/* Subtracts @units from the work left. The caller, or what it calls next, checks for the limit. */
static inline void run_pay(struct run *run, size_t units)
{
	run->work -= (int64_t)units;
}

/* Subtracts @units from the work left. If less is left, ends the run and returns false. */
static inline bool run_charge(struct run *run, size_t units)
{
	run_pay(run, units);
	return run->work >= 0 || run_fail_limit(run, RUN_WORK);
}

/*
 * Is @value valid against @node? Sets the marks of the members or items that were evaluated, unless
 * @marks is NULL. After false the marks mean nothing.
 */
bool run_node(struct run *run, const struct schema_node *node, const struct payload_value *value,
	      struct run_marks *marks);

/* Take cleared bits for all members or items of @value from the scratch area; give them back. */
bool run_marks_init(struct run *run, struct run_marks *marks, const struct payload_value *value);
void run_marks_clear(struct run *run, const struct run_marks *marks);

static inline bool run_marks_has(const struct run_marks *marks, size_t index)
{
	return marks->is_all || (marks->bits[index / 64] >> (index % 64) & 1);
}

/* The parts of run_node(). schema_explain() calls them one by one, to get the same answers. */

/* Runs all keywords except unevaluated*. The caller has checked the type. */
bool run_rules(struct run *run, const struct schema_node *node, const struct payload_value *value,
	       uint32_t kind, struct run_marks *marks);
bool run_step(struct run *run, const struct step *step, const struct payload_value *value,
	      uint32_t kind, struct run_marks *marks);

/* Enters the resource of @node. The caller owns @scope and leaves it with run_leave(). */
void run_enter(struct run *run, struct run_scope *scope, const struct schema_node *node);
void run_leave(struct run *run, const struct run_scope *scope);

/* Returns the node that a STEP_DYNAMIC leads to in the current dynamic scope. */
const struct schema_node *run_dynamic(struct run *run, const struct step *step);

/* Does the text match the pattern, or have the format? False also where the work is used up. */
bool run_pattern(struct run *run, const struct pattern *pattern, const char *text, size_t len);
bool run_format(struct run *run, const struct format *format, const char *text, size_t len);

/* Does the object @value have what makes @dependent apply to it? */
bool run_depends(const struct dependent *dependent, const struct payload_value *value);

/* Returns the slot of the name that an object has, of a STEP_CHOICE; NULL: none of them. */
const struct name_slot *run_find_choice(struct run *run, const struct step *step,
					const struct payload_value *value);

bool run_number(struct run *run, const struct number_rules *rules,
		const struct payload_value *value, uint32_t kind);

/* Is @number within @limit? @kind is the index of @limit in number_rules.limits. */
bool run_is_within(const struct number *number, const struct number *limit, unsigned kind);

/* Charges for a comparison of @number digit by digit. */
bool run_charge_number(struct run *run, const struct number *number);

/* run_equal.c: equality as JSON Schema has it, where 1.0 is 1. */
bool run_equal(struct run *run, const struct payload_value *a, const struct payload_value *b);

/* False where two items are equal. */
bool run_unique(struct run *run, const struct payload_value *array);

#endif
