/*
 * Which types a compiled schema asks for: of a message, or of a member of it. The keywords that are
 * looked at are those that authors say a type with: type, const, enum, references, allOf, anyOf and
 * oneOf. Others (not, if) may rule more types out, which a check then finds.
 */
#include <string.h>

#include "schema/program.h"
#include "schema/schema.h"

/* The most schemas that are looked at for one answer; further ones say nothing. */
#define SCHEMAS_MAX 64u

struct asking {
	/* What @node's own keywords say, without its steps. */
	unsigned (*leaf)(struct asking *asking, const struct schema_node *node);
	unsigned (*below)(struct asking *asking, const struct schema_node *node);
	const char *name; /* of the member */
	size_t len;
	const char *rest; /* of a pointer: what stands behind the member */
	unsigned left;    /* of SCHEMAS_MAX */
	int64_t *work;    /* left for patterns */
};

static unsigned type_of(uint32_t kinds, bool is_integer)
{
	unsigned types = 0;

	types |= kinds & VIEW_NULL ? PAYLOAD_TYPE_NULL : 0u;
	types |= kinds & VIEW_BOOLEAN ? PAYLOAD_TYPE_BOOLEAN : 0u;
	types |= kinds & VIEW_STRING ? PAYLOAD_TYPE_STRING : 0u;
	types |= kinds & VIEW_ARRAY ? PAYLOAD_TYPE_ARRAY : 0u;
	types |= kinds & VIEW_OBJECT ? PAYLOAD_TYPE_OBJECT : 0u;
	if (kinds & VIEW_NUMBER)
		types |= PAYLOAD_TYPE_INTEGER | (is_integer ? 0u : PAYLOAD_TYPE_NUMBER);
	return types;
}

static unsigned constant_types(const struct step *step)
{
	struct view_walk walk = view_walk(step->constants);
	const struct payload_value *constant;
	unsigned types = 0;

	while ((constant = view_item(&walk)))
		types |= type_of(view_kind(constant), view_is(constant, VIEW_INT));
	return types;
}

static unsigned ask(struct asking *asking, const struct schema_node *node);

static unsigned all_of(struct asking *asking, const struct step *step)
{
	unsigned types = PAYLOAD_TYPE_ANY;

	for (size_t i = 0; i < step->count && asking->left > 0; i++)
		types &= ask(asking, step->nodes[i]);
	return types;
}

static unsigned any_of(struct asking *asking, const struct step *step)
{
	unsigned types = 0;

	for (size_t i = 0; i < step->count && types != PAYLOAD_TYPE_ANY; i++)
		types |= ask(asking, step->nodes[i]);
	return types;
}

static unsigned step_types(struct asking *asking, const struct step *step)
{
	switch (step->kind) {
	case STEP_SCHEMA:
		return all_of(asking, step);
	case STEP_ANY:
	case STEP_ONE:
		return any_of(asking, step);
	case STEP_CHOICE:
		return step->count > 0 ? any_of(asking, step) : PAYLOAD_TYPE_ANY;
	case STEP_NAMES:
	case STEP_CONST:
	case STEP_DYNAMIC:
	case STEP_NOT:
	case STEP_IF:
		break;
	}
	return PAYLOAD_TYPE_ANY;
}

static unsigned ask(struct asking *asking, const struct schema_node *node)
{
	unsigned types;

	if (asking->left == 0)
		return PAYLOAD_TYPE_ANY;
	asking->left--;
	types = asking->leaf(asking, node);
	for (size_t i = 0; i < node->step_count; i++)
		types &= step_types(asking, &node->steps[i]);
	return types;
}

/* The types of the value itself. */
static unsigned own_types(struct asking *asking, const struct schema_node *node)
{
	unsigned types = type_of(node->types, node->number && node->number->is_integer);

	(void)asking;
	for (size_t i = 0; i < node->step_count; i++) {
		const struct step *step = &node->steps[i];

		if (step->kind == STEP_NAMES)
			types &= PAYLOAD_TYPE_STRING;
		else if (step->kind == STEP_CONST)
			types &= constant_types(step);
	}
	return types;
}

/* The types of an array's items. */
static unsigned item_types(struct asking *asking, const struct schema_node *node)
{
	struct asking items = *asking;
	unsigned types;

	if (!(node->types & VIEW_ARRAY))
		return 0;
	if (!node->array || !node->array->items)
		return PAYLOAD_TYPE_ANY;
	items.leaf = own_types;
	types = ask(&items, node->array->items);
	asking->left = items.left;
	return types;
}

static unsigned ask_below(struct asking *asking, const struct schema_node *node)
{
	struct asking below = *asking;
	unsigned types;

	below.leaf = asking->below;
	types = ask(&below, node);
	asking->left = below.left;
	return types;
}

/* What the keywords of an object say of the member. */
static unsigned member_types(struct asking *asking, const struct schema_node *node)
{
	const struct object_rules *rules = node->object;
	const struct name_slot *slot;
	unsigned types = PAYLOAD_TYPE_ANY;
	bool is_named = false;

	if (!(node->types & VIEW_OBJECT))
		return 0;
	if (!rules)
		return types;
	slot = rules->names.count > 0 ? name_find(&rules->names, asking->name, asking->len) : NULL;
	if (slot && slot->node) {
		types &= ask_below(asking, slot->node);
		is_named = true;
	}
	for (size_t i = 0; i<rules->pattern_count && * asking->work> 0; i++) {
		if (pattern_search(rules->patterns[i].pattern, asking->name, asking->len,
				   asking->work) != PATTERN_YES)
			continue;
		types &= ask_below(asking, rules->patterns[i].node);
		is_named = true;
	}
	if (!is_named && rules->additional)
		types &= ask_below(asking, rules->additional);
	return types;
}

unsigned schema_root_types(const struct schema *schema)
{
	struct asking asking = { .leaf = own_types, .left = SCHEMAS_MAX };

	return ask(&asking, schema->root);
}

void schema_member(const struct schema *schema, const char *name, size_t len, int64_t *work,
		   struct schema_member *ret)
{
	struct asking asking = { .leaf = member_types,
				 .below = own_types,
				 .name = name,
				 .len = len,
				 .left = SCHEMAS_MAX,
				 .work = work };

	ret->types = ask(&asking, schema->root);
	asking.below = item_types;
	asking.left = SCHEMAS_MAX;
	ret->items = ask(&asking, schema->root);
}

/* The types of what asking->rest leads to, from @node on. */
static unsigned place_types(struct asking *asking, const struct schema_node *node)
{
	struct asking next = *asking;
	unsigned types;

	if (!asking->rest[0])
		return own_types(asking, node);
	next.name = asking->rest + 1;
	next.len = strcspn(next.name, "/");
	next.rest = next.name + next.len;
	if (memchr(next.name, '~', next.len))
		return PAYLOAD_TYPE_ANY;
	types = member_types(&next, node);
	asking->left = next.left;
	/* An item of an array, by its number. */
	if ((node->types & VIEW_ARRAY) && strspn(next.name, "0123456789") == next.len)
		types = PAYLOAD_TYPE_ANY;
	return types;
}

unsigned schema_types_at(const struct schema *schema, const char *pointer, int64_t *work)
{
	struct asking asking = { .leaf = place_types,
				 .below = place_types,
				 .rest = pointer,
				 .left = SCHEMAS_MAX,
				 .work = work };

	return ask(&asking, schema->root);
}
