/*
 * What tells a message from others: which top-level members of a message have the one value that a
 * schema asks for, by const or by an enum of one value.
 */
#include "schema/run.h"

/* The most schemas that are looked at; further ones say nothing. */
#define SCHEMAS_MAX 256u

struct marking {
	struct run run;
	unsigned left; /* of SCHEMAS_MAX */
	struct schema_marks *ret;
};

static void mark_member(struct marking *m, const struct schema_node *node,
			const struct payload_value *member)
{
	if (m->left == 0)
		return;
	m->left--;
	for (size_t i = 0; i < node->step_count; i++) {
		const struct step *step = &node->steps[i];

		for (size_t k = 0; step->kind == STEP_SCHEMA && k < step->count; k++)
			mark_member(m, step->nodes[k], member);
		if ((step->kind != STEP_CONST && step->kind != STEP_NAMES) || step->count != 1)
			continue;
		if (run_step(&m->run, step, member, view_kind(member), NULL))
			m->ret->right++;
		else
			m->ret->wrong++;
	}
}

static void mark_members(struct marking *m, const struct schema_node *node,
			 const struct payload_value *value)
{
	const struct name_slot *slot =
		node->object && node->object->names.count > 0 ? node->object->names.first : NULL;

	if (m->left == 0)
		return;
	m->left--;
	for (uint32_t i = 0; slot && i < node->object->names.count; i++, slot = slot->next) {
		const struct payload_value *member =
			slot->node ? payload_member(value, slot->key.text, slot->key.len) : NULL;

		if (member)
			mark_member(m, slot->node, member);
	}
	for (size_t i = 0; i < node->step_count; i++)
		for (size_t k = 0; node->steps[i].kind == STEP_SCHEMA && k < node->steps[i].count;
		     k++)
			mark_members(m, node->steps[i].nodes[k], value);
}

void schema_mark(const struct schema *schema, const struct payload_value *value, int64_t work,
		 struct schema_marks *ret)
{
	struct marking marking; /* not cleared: the run's scratch area has 16 KiB */

	marking.left = SCHEMAS_MAX;
	marking.ret = ret;
	*ret = (struct schema_marks){ 0, 0 };
	run_init(&marking.run, schema, work);
	mark_members(&marking, schema->root, value);
}
