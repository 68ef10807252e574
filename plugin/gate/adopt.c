/*
 * adopt.c -- takes over what a message says of its entity, though it was not accepted: one that is
 * only observed, or that stood before the contract.
 *
 * Of the latter nobody knows who published it, nor how, so that only its topic and its payload are
 * judged: by the questions of a publish, with those of permission and limits off.
 */
#include "gate/gate.h"

#include <stddef.h>

#include "gate/judgement.h"

/* ---- what is only observed ------------------------------------------------------------- */

/* Questions that may fail: the message says all the same which entity has which status. */
static const uint32_t adoptable_steps = 1u << GATE_STEP_SCHEMA | 1u << GATE_STEP_PROPERTIES |
					1u << GATE_STEP_ENTITY | 1u << GATE_STEP_TRANSITION;

/* The status that no step leads to, among the columns that are written. */
static void write_status(struct judgement *j)
{
	struct decision *decision = j->decision;

	decision->value[decision->write.value_count++] =
		(struct value){ .column = j->mapping->entity->slot[j->mapping->slot],
				.type = VALUE_TEXT,
				.text = j->status,
				.len = j->status_len };
}

bool adopt_observed(struct judgement *j, uint32_t failed)
{
	bool is_moved = j->has_state && j->mapping->transitions && j->to >= 0 && !j->is_repeat;
	bool is_given = j->has_state && (failed & 1u << GATE_STEP_ENTITY);

	if ((failed & ~adoptable_steps) != 0)
		return false;
	if (j->mode[CONTRACT_SCHEMA] == CONTRACT_OFF || !(is_moved || is_given))
		return false;
	if (j->mapping->transitions && j->to < 0)
		return false;
	if (is_moved && (failed & 1u << GATE_STEP_TRANSITION))
		write_status(j);
	j->decision->is_adopted = true;
	return true;
}

void adopt_drop_unfit(struct judgement *j)
{
	struct ledger_write *write = &j->decision->write;
	const struct entity *entity = j->mapping->entity;
	size_t kept = 0;

	for (size_t i = 0; i < write->value_count; i++) {
		const struct value *value = &j->decision->value[i];
		bool is_link = (int)value->column == entity->link_column;

		if (value->type == VALUE_NULL ||
		    (is_link && (value->type != VALUE_TEXT || value->len > ENTITY_ID_MAX ||
				 memchr(value->text, '\0', value->len))))
			continue;
		j->decision->value[kept++] = *value;
	}
	write->value_count = kept;
}

/* ---- what stood before ----------------------------------------------------------------- */

/* It may nothing, and has no limits. */
static const struct access_principal nobody = { .name = "" };

/* Its topic is one of an entity: what does the message say of it? */
static bool judge(struct judgement *j, bool is_strict)
{
	const struct contract_channel *channel = j->match->channel;

	for (unsigned group = 0; group < CONTRACT_GROUPS; group++)
		j->mode[group] = CONTRACT_OFF;
	j->mode[CONTRACT_SCHEMA] =
		is_strict ? CONTRACT_ENFORCE : gate_mode(j->gate, channel, CONTRACT_SCHEMA);
	j->mode[CONTRACT_TRANSITION] = CONTRACT_OBSERVE;
	j->admit_full = UINT64_MAX;
	entity_rules_begin(j);
	return judgement_ask(j, GATE_STEP_PARAMETERS, permission_params) && judgement_message(j);
}

bool gate_adopt(struct gate *gate, const struct gate_request *request, bool is_strict,
		struct decision *ret)
{
	struct judgement j;

	memset(ret, 0, offsetof(struct decision, write));
	ret->write = (struct ledger_write){ .entity = ENTITY_NONE };
	judgement_begin(&j, gate, &nobody, request, ret);
	j.match = permission_channel(gate, request->message.topic, request->message.topic_len);
	ret->channel = j.match->channel;
	if (!ret->channel || !ret->channel->mapping)
		return judgement_refuse(&j, REASON_TOPIC_UNKNOWN,
					"no entity's channel has this topic");
	if (!judge(&j, is_strict) || ret->write.entity == ENTITY_NONE || !ret->has_write)
		return false;
	ret->verdict = VERDICT_ALLOW;
	ret->is_adopted = ret->write.is_adopted = true;
	return true;
}
