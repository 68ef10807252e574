/*
 * nearest.c -- a payload is none of the messages that count: which one was it meant to be?
 *
 * The one of whose constants it has most; of those that are as near by that, the one with the
 * fewest faults. What is wrong with it is what the refusal says.
 */
#include <string.h>

#include "gate/kinds.h"

/* Faults of a message that are looked at. */
#define FAULTS_MAX 8u

/*
 * How far a payload is from a message, the weightiest part first. Those of other messages than have
 * the best marks are not looked for: a list of faults costs as much as a dozen checks.
 */
struct kind_gap {
	bool is_other_format; /* it can't be held against the schema */
	/* Top-level members with the value that the schema asks for, and with another. */
	struct schema_marks marks;
	bool is_other_type; /* it is no object, say */
	bool is_other_name; /* its discriminator is none of the schema's */
	bool is_other_word; /* a top-level member is none of the listed values */
	size_t faults;
	size_t depth; /* of the first fault: the deeper, the nearer */
};

static size_t depth_of(const char *pointer)
{
	size_t depth = 0;

	for (; *pointer; pointer++)
		depth += *pointer == '/';
	return depth;
}

static void add_faults(struct kind_gap *gap, const struct schema_error *fault, size_t count)
{
	gap->faults = count;
	gap->depth = depth_of(fault->instance);
	for (size_t i = 0; i < count; i++) {
		size_t depth = depth_of(fault[i].instance);

		gap->is_other_type |= depth == 0 && strcmp(fault[i].keyword, "type") == 0;
		gap->is_other_name |= strcmp(fault[i].keyword, "discriminator") == 0;
		gap->is_other_word |= depth <= 1 && strcmp(fault[i].keyword, "enum") == 0;
	}
}

/* By format and marks: below 0: @a is nearer than @b. */
static int compare_marks(const struct kind_gap *a, const struct kind_gap *b)
{
	if (a->is_other_format != b->is_other_format)
		return a->is_other_format ? 1 : -1;
	if (a->marks.wrong != b->marks.wrong)
		return a->marks.wrong < b->marks.wrong ? -1 : 1;
	return a->marks.right == b->marks.right ? 0 : a->marks.right > b->marks.right ? -1 : 1;
}

/* Of two with the same marks. */
static bool is_nearer(const struct kind_gap *a, const struct kind_gap *b)
{
	if (a->is_other_type != b->is_other_type)
		return b->is_other_type;
	if (a->is_other_name != b->is_other_name)
		return b->is_other_name;
	if (a->is_other_word != b->is_other_word)
		return b->is_other_word;
	if (a->faults != b->faults)
		return a->faults < b->faults;
	return a->depth > b->depth;
}

/* The work that may go into one of the messages. */
static int64_t share_of(const struct kinds *kinds)
{
	return SCHEMA_MESSAGE_WORK / (int64_t)(kinds->count > 4 ? kinds->count : 4);
}

static void mark(struct kinds *kinds, const struct contract_message *message, struct kind_gap *ret)
{
	const struct payload_value *view = kinds_view(kinds, message);

	*ret = (struct kind_gap){ .is_other_format = !view };
	if (!ret->is_other_format)
		schema_mark(kinds_schema(kinds->j, message), view, share_of(kinds), &ret->marks);
}

/* Marks all that have a schema; returns the best of them, NULL where none has one. */
static const struct kind_gap *find_best(struct kinds *kinds,
					struct kind_gap gap[static CONTRACT_MESSAGES_MAX])
{
	const struct kind_gap *best = NULL;

	for (size_t i = 0; i < kinds->count; i++) {
		if (!kinds_schema(kinds->j, kinds->message[i]))
			continue;
		mark(kinds, kinds->message[i], &gap[i]);
		if (!best || compare_marks(&gap[i], best) < 0)
			best = &gap[i];
	}
	return best;
}

/*
 * Writes to the decision what is wrong with @message, which has the marks of *@best, if it is
 * nearer than what was there, which *@best is then.
 */
static void compare(struct kinds *kinds, const struct contract_message *message,
		    struct kind_gap *best)
{
	struct decision *decision = kinds->j->decision;
	struct schema_error fault[FAULTS_MAX];
	struct kind_gap gap = *best;
	size_t count;

	if (best->is_other_format) {
		decision->kind = decision->kind ? decision->kind : message;
		return;
	}
	count = schema_explain_within(kinds_schema(kinds->j, message), kinds_view(kinds, message),
				      SCHEMA_INVALID, fault, FAULTS_MAX, share_of(kinds));
	gap.is_other_type = gap.is_other_name = gap.is_other_word = false;
	add_faults(&gap, fault, count);
	if (decision->kind && !is_nearer(&gap, best))
		return;
	decision->error = fault[0];
	decision->kind = message;
	*best = gap;
}

bool nearest_refuse(struct kinds *kinds)
{
	struct judgement *j = kinds->j;
	struct kind_gap gap[CONTRACT_MESSAGES_MAX], best;
	const struct kind_gap *marked = find_best(kinds, gap);

	if (!marked) /* an empty payload, or one where all are empty */
		return judgement_refuse(j, REASON_SCHEMA_VIOLATION,
					"none of the channel's messages has such a payload");
	best = *marked;
	for (size_t i = 0; i < kinds->count; i++)
		if (kinds_schema(j, kinds->message[i]) && compare_marks(&gap[i], &best) == 0)
			compare(kinds, kinds->message[i], &best);
	if (!kinds_view(kinds, j->decision->kind))
		return message_rules_refuse(j, j->payload ? CONTRACT_TEXT : kinds->view,
					    &kinds->error);
	j->decision->reason = REASON_SCHEMA_VIOLATION;
	return false;
}
