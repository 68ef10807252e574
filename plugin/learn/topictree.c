#include "learn/topictree.h"

#include <string.h>

/* Words, whose topics go on alike, that are taken for values: so many. */
#define WORDS_MIN 5u
#define WORDS_MIN_ENDS 16u /* where nothing follows them */
#define DIFFERENT_MIN 3u   /* names with different numbers in them */

/* ---- finding ---------------------------------------------------------------------------- */

/* What is looked for: the rest of a topic, and the values of parameters that are left behind. */
struct search {
	const struct keyhash *hash;
	const char *end;
	struct topictree_value *value;
	size_t count;
};

static bool is_end(const struct topictree_node *node)
{
	return node->messages > 0 || node->channel;
}

/*
 * As contracts are read: the level itself comes first, then the parameter. Each node is looked at
 * once at most, since one way only leads to it.
 */
static struct topictree_node *find(struct search *search, struct topictree_node *node,
				   const char *at)
{
	size_t left = at <= search->end ? (size_t)(search->end - at) : 0;
	const char *slash = memchr(at, '/', left);
	size_t size = slash ? (size_t)(slash - at) : left, count = search->count;
	const struct texttable_entry *entry;
	struct topictree_node *found = NULL;

	if (at > search->end)
		return is_end(node) ? node : NULL;
	entry = texttable_find(&node->child, search->hash, at, size);
	if (entry)
		found = find(search, entry->value, at + size + 1);
	if (found || !node->param || size == 0 || count == TOPICTREE_PARAMS_MAX)
		return found;
	search->value[count] = (struct topictree_value){ at, size };
	search->count = count + 1;
	return find(search, node->param, at + size + 1);
}

struct topictree_node *topictree_find(const struct topictree *tree, const char *topic, size_t len,
				      struct topictree_value *ret, size_t *count)
{
	struct search search = { .hash = tree->hash, .end = topic + len, .value = ret };
	struct topictree_node *found =
		find(&search, (struct topictree_node *)(uintptr_t)&tree->root, topic);

	*count = search.count;
	return found;
}

/* ---- adding ----------------------------------------------------------------------------- */

static struct topictree_node *make(struct topictree *tree, struct topictree_node *up)
{
	struct topictree_node *node = arena_alloc(tree->arena, sizeof(*node));

	if (node)
		node->up = up;
	return node;
}

static struct topictree_node *child_of(struct topictree *tree, struct topictree_node *node,
				       const char *text, size_t len)
{
	struct texttable_entry *entry =
		texttable_add(&node->child, tree->arena, tree->hash, text, len);

	struct topictree_node *child = entry ? entry->value : NULL;

	if (!entry || child)
		return child;
	child = make(tree, node);
	if (child)
		child->text = entry->text;
	entry->value = child;
	return child;
}

static int fold_node(struct topictree *tree, struct topictree_node *node);

/* The next level's node. Where @node has its parameter, other texts than it knows are values of it.
 */
static int step(struct topictree *tree, struct topictree_node **node, const char *text, size_t len)
{
	struct topictree_node *from = *node;
	struct texttable_entry *entry = texttable_find(&from->child, tree->hash, text, len);
	int rc;

	if (entry || !from->param || len == 0) { /* no parameter stands for an empty level */
		*node = entry ? entry->value : child_of(tree, from, text, len);
		if (!*node)
			return ERR_NOMEM;
		if (from->child.count <= TOPICTREE_CHILDREN_MAX)
			return 0;
		rc = fold_node(tree, from);
		if (rc || from->child.count > TOPICTREE_CHILDREN_MAX)
			return rc ? rc : ERR_LIMIT;
		entry = texttable_find(&from->child, tree->hash, text, len);
	}
	*node = entry ? entry->value : from->param;
	return 0;
}

int topictree_add(struct topictree *tree, const char *topic, size_t len,
		  const struct traffic_place *place, struct diag *diag)
{
	struct topictree_value value[TOPICTREE_PARAMS_MAX];
	size_t values;
	struct topictree_node *known = topictree_find(tree, topic, len, value, &values);
	struct topictree_node *node = &tree->root;
	const char *end = topic + len;
	unsigned levels = 0;
	int rc = 0;

	if (known)
		node = known;
	for (const char *at = topic; rc == 0 && !known && at <= end;) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		const char *stop = slash ? slash : end;

		if (++levels > TOPICTREE_LEVELS_MAX)
			return diag_set(diag, ERR_LIMIT, "%s:%llu: a topic of more than %u levels",
					place->name, (unsigned long long)place->line,
					TOPICTREE_LEVELS_MAX);
		rc = step(tree, &node, at, (size_t)(stop - at));
		at = stop + 1;
	}
	if (rc == ERR_NOMEM)
		return diag_nomem(diag);
	if (rc)
		return diag_set(diag, rc,
				"%s:%llu: topics have no pattern: more than %u of them differ in "
				"one level and go on differently; expected levels that stay the "
				"same, or ids",
				place->name, (unsigned long long)place->line,
				TOPICTREE_CHILDREN_MAX);
	if (node->messages++ == 0)
		node->first = *place;
	return 0;
}

struct topictree_node *topictree_give(struct topictree *tree, const char *address)
{
	struct topictree_node *node = &tree->root;

	for (const char *at = address; node;) {
		size_t len = strcspn(at, "/");
		bool is_param = len > 2 && at[0] == '{' && at[len - 1] == '}';

		if (!is_param &&
		    (memchr(at, '{', len) || memchr(at, '+', len) || memchr(at, '#', len)))
			return NULL;
		if (!is_param) {
			node = child_of(tree, node, at, len);
		} else {
			if (!node->param && (node->param = make(tree, node)))
				node->param->name = arena_text(tree->arena, at + 1, len - 2);
			node = node->param;
		}
		if (node)
			node->is_given = true;
		if (!at[len])
			break;
		at += len + 1;
	}
	return node;
}

/* ---- folding ---------------------------------------------------------------------------- */

/* What tells nodes apart that are not alike: whether topics end there, and the next level. */
static uint64_t sign_of(const struct topictree_node *node)
{
	uint64_t sign = node->messages > 0 || node->channel ? 1 : 0;

	for (size_t i = 0; i < node->child.count; i++)
		sign += node->child.entry[i]->hash | 1;
	return sign + (node->param ? UINT64_C(0x9e3779b97f4a7c15) : 0);
}

static bool ends_here(const struct topictree_node *node)
{
	return node->child.count == 0 && !node->param;
}

/* A child, while it is settled which of them are values. */
struct level_candidate {
	struct texttable_entry *entry;
	uint64_t sign;
	enum topictree_look look;
	char alike[TOPICTREE_ALIKE_MAX];
	bool is_value;
};

/* How many are like @one: in what follows (@by_sign), or in the text around the numbers. */
static size_t count_like(const struct level_candidate *all, size_t count,
			 const struct level_candidate *one, bool by_sign)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += by_sign ? all[i].sign == one->sign && all[i].look >= TOPICTREE_ALIKE
			     : all[i].look == TOPICTREE_ALIKE &&
				       strcmp(all[i].alike, one->alike) == 0;
	return n;
}

static bool is_value(const struct topictree_node *node, const struct level_candidate *all,
		     size_t count, const struct level_candidate *one)
{
	size_t alike = count_like(all, count, one, true);

	if (one->entry->len == 0 || (!node->up && ends_here(one->entry->value)))
		return false; /* no parameter is empty, and one alone would be any topic */
	if (one->look < TOPICTREE_ALIKE)
		return true;
	if (one->look == TOPICTREE_ALIKE &&
	    (count_like(all, count, one, false) >= 2 || alike >= DIFFERENT_MIN))
		return true;
	if (!node->up)
		return false;
	return alike >= (ends_here(one->entry->value) ? WORDS_MIN_ENDS : WORDS_MIN);
}

static void look_at(struct level_candidate *all, const struct topictree_node *node)
{
	size_t count = node->child.count;
	bool has_ids = false;

	for (size_t i = 0; i < count; i++) {
		struct texttable_entry *entry = node->child.entry[i];

		all[i].entry = entry;
		all[i].sign = sign_of(entry->value);
		all[i].look = topictree_look(entry->text, entry->len, all[i].alike);
	}
	for (size_t i = 0; i < count; i++) {
		all[i].is_value = is_value(node, all, count, &all[i]);
		has_ids |= all[i].is_value;
	}
	/* A name with a number beside ids is one, too. What was given stays as it is. */
	for (size_t i = 0; i < count; i++) {
		const struct topictree_node *child = all[i].entry->value;

		all[i].is_value |= has_ids && all[i].look == TOPICTREE_ALIKE;
		all[i].is_value &= !child->is_given;
	}
}

static int merge(struct topictree *tree, struct topictree_node *into,
		 const struct topictree_node *from)
{
	int rc = 0;

	if (into->messages == 0)
		into->first = from->first;
	into->messages += from->messages;
	if (!into->channel)
		into->channel = from->channel;
	for (size_t i = 0; rc == 0 && i < from->child.count; i++) {
		const struct texttable_entry *entry = from->child.entry[i];
		struct topictree_node *node = into;

		rc = step(tree, &node, entry->text, entry->len);
		rc = rc ? rc : merge(tree, node, entry->value);
	}
	if (rc || !from->param)
		return rc;
	if (!into->param) {
		into->param = make(tree, into);
		if (!into->param)
			return ERR_NOMEM;
		into->param->name = from->param->name;
		into->param->is_given = from->param->is_given;
	}
	return merge(tree, into->param, from->param);
}

static int fold_node(struct topictree *tree, struct topictree_node *node)
{
	struct texttable kept = { .count = 0 };
	size_t count = node->child.count;
	struct level_candidate *all = arena_take(tree->arena, count, sizeof(*all));
	int rc = all ? 0 : ERR_NOMEM;

	if (all)
		look_at(all, node);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct texttable_entry *entry;

		if (all[i].is_value) {
			if (!node->param)
				node->param = make(tree, node);
			rc = node->param ? merge(tree, node->param, all[i].entry->value)
					 : ERR_NOMEM;
			continue;
		}
		entry = texttable_add(&kept, tree->arena, tree->hash, all[i].entry->text,
				      all[i].entry->len);
		rc = entry ? 0 : ERR_NOMEM;
		if (entry)
			entry->value = all[i].entry->value;
	}
	node->child = kept;
	return rc;
}

static int fold_below(struct topictree *tree, struct topictree_node *node)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < node->child.count; i++)
		rc = fold_below(tree, node->child.entry[i]->value);
	if (rc == 0 && node->param)
		rc = fold_below(tree, node->param);
	return rc ? rc : fold_node(tree, node);
}

int topictree_fold(struct topictree *tree)
{
	return fold_below(tree, &tree->root);
}

int topictree_each(struct topictree_node *node, int (*visit)(void *ctx, struct topictree_node *end),
		   void *ctx)
{
	int rc = is_end(node) ? visit(ctx, node) : 0;

	for (size_t i = 0; rc == 0 && i < node->child.count; i++)
		rc = topictree_each(node->child.entry[i]->value, visit, ctx);
	return rc || !node->param ? rc : topictree_each(node->param, visit, ctx);
}
