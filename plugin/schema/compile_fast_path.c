/* Decides how much of the engine a node needs. The node has all its rules and steps by then. */
#include <stddef.h>

#include "schema/compile.h"

/* Is looking at an object's members all that there is to do with one? */
static bool only_members(const struct schema_node *node)
{
	const struct object_rules *rules = node->object;

	return rules && rules->dependent_count == 0 && rules->min_members == 0 &&
	       rules->max_members == PROGRAM_NO_MAX && node->step_count == 0 &&
	       !node->unevaluated_members;
}

static bool is_within(uint32_t types, uint32_t limit)
{
	return (types & ~limit) == 0;
}

enum fast_path compile_fast_path(const struct schema_node *node)
{
	if (only_members(node) && node->object->probe_count > 0 && !node->array && !node->string &&
	    !node->number)
		return FAST_PATH_PROBES;
	if (only_members(node) && node->object->only_names && node->types == VIEW_OBJECT)
		return FAST_PATH_MEMBERS;
	if (node->array || node->object)
		return FAST_PATH_DEEP;
	for (size_t i = 0; i < node->step_count; i++)
		if (node->steps[i].kind >= STEP_SCHEMA)
			return FAST_PATH_DEEP;
	if (node->step_count == 0 && !node->string && !node->number)
		return FAST_PATH_NOTHING;
	if (node->step_count == 0 && node->string && is_within(node->types, VIEW_STRING))
		return FAST_PATH_STRING;
	if (node->step_count == 0 && node->number && is_within(node->types, VIEW_NUMBER))
		return FAST_PATH_NUMBER;
	if (node->step_count == 1 && node->steps[0].kind == STEP_NAMES && !node->string &&
	    !node->number)
		return FAST_PATH_NAMES;
	return FAST_PATH_SIMPLE;
}

/* Can a schema at the same place in the message evaluate members or items? */
static bool has_cousins(const struct schema_node *node)
{
	for (size_t i = 0; i < node->step_count; i++)
		if (node->steps[i].kind >= STEP_SCHEMA && node->steps[i].kind != STEP_NOT)
			return true;
	for (size_t i = 0; node->object && i < node->object->dependent_count; i++)
		if (node->object->dependents[i].node)
			return true;
	return false;
}

void compile_simplify(struct schema_node *node)
{
	struct object_rules *object = (struct object_rules *)(uintptr_t)node->object;
	struct array_rules *array = (struct array_rules *)(uintptr_t)node->array;
	bool alone = !has_cousins(node);

	if (node->unevaluated_members && object->additional) {
		node->unevaluated_members = NULL;
	} else if (node->unevaluated_members && alone) {
		object->additional = node->unevaluated_members;
		object->additional_keyword = "unevaluatedProperties";
		object->walks_members = true;
		node->unevaluated_members = NULL;
	}
	if (node->unevaluated_items && array->items) {
		node->unevaluated_items = NULL;
	} else if (node->unevaluated_items && alone &&
		   !(array->contains && array->contains_evaluates)) {
		array->items = node->unevaluated_items;
		array->items_keyword = "unevaluatedItems";
		node->unevaluated_items = NULL;
	}
}
