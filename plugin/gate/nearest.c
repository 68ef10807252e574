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

/* How far a payload is from a message, the weightiest part first. */
struct gap {
	bool is_other_format; /* it can't be held against the schema */
	bool is_other_type;   /* it is no object, say */
	/* Top-level members that have a value that is no constant of the schema's, and that have.
	 */
	struct schema_marks marks;
	bool is_other_word; /* one of them is none of the listed values */
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

static void add_faults(struct gap *gap, const struct schema_error *fault, size_t count)
{
	gap->faults = count;
	gap->depth = depth_of(fault->instance);
	for (size_t i = 0; i < count; i++) {
		size_t depth = depth_of(fault[i].instance);

		gap->is_other_type |= depth == 0 && strcmp(fault[i].keyword, "type") == 0;
		gap->is_other_word |= depth <= 1 && strcmp(fault[i].keyword, "enum") == 0;
		gap->marks.wrong += strcmp(fault[i].keyword, "discriminator") == 0;
	}
}

static bool is_nearer(const struct gap *a, const struct gap *b)
{
	if (a->is_other_format != b->is_other_format)
		return b->is_other_format;
	if (a->is_other_type != b->is_other_type)
		return b->is_other_type;
	if (a->marks.wrong != b->marks.wrong)
		return a->marks.wrong < b->marks.wrong;
	if (a->marks.right != b->marks.right)
		return a->marks.right > b->marks.right;
	if (a->is_other_word != b->is_other_word)
		return b->is_other_word;
	if (a->faults != b->faults)
		return a->faults < b->faults;
	return a->depth > b->depth;
}

/* Writes to the decision what is wrong, if it is nearer to @message than to what was there. */
static void compare(struct kinds *kinds, const struct contract_message *message, struct gap *best)
{
	struct decision *decision = kinds->j->decision;
	int64_t work = SCHEMA_MESSAGE_WORK / (int64_t)(kinds->count > 4 ? kinds->count : 4);
	const struct schema *schema = kinds_schema(kinds->j, message);
	struct schema_error fault[FAULTS_MAX];
	struct gap gap = { .is_other_format = true };
	size_t count;

	if (!schema || (!kinds_view(kinds, message) && decision->kind))
		return;
	if (kinds->j->payload) {
		count = schema_explain_within(schema, kinds->j->payload, SCHEMA_INVALID, fault,
					      FAULTS_MAX, work);
		gap = (struct gap){ .is_other_format = false };
		schema_mark(schema, kinds->j->payload, work, &gap.marks);
		add_faults(&gap, fault, count);
		if (decision->kind && !is_nearer(&gap, best))
			return;
		decision->error = fault[0];
	}
	decision->kind = message;
	*best = gap;
}

bool nearest_refuse(struct kinds *kinds)
{
	struct judgement *j = kinds->j;
	struct gap best = { 0 };

	for (size_t i = 0; i < kinds->count; i++)
		compare(kinds, kinds->message[i], &best);
	if (!j->decision->kind) /* an empty payload, or one where all are empty */
		return judgement_refuse(j, REASON_SCHEMA_VIOLATION,
					"none of the channel's messages has such a payload");
	if (!kinds_view(kinds, j->decision->kind))
		return message_rules_refuse(j, j->decision->kind->format, &kinds->error);
	j->decision->reason = REASON_SCHEMA_VIOLATION;
	return false;
}
