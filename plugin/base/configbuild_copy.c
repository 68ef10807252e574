/*
 * configbuild_copy.c -- values that stand in a tree once more: YAML's aliases and merge keys.
 */
#include <string.h>

#include "base/configbuild_internal.h"

const char configbuild_merge_key[] = "<<";

/* A long text counts as several values: who reads the tree may make a copy of each. */
static bool charge_text(struct configbuild *build, size_t len)
{
	build->copies += len / CONFIGBUILD_COPY_BYTES;
	return build->copies <= build->copies_max;
}

static int fail_copies(struct configbuild *build, struct configbuild_place place)
{
	return configbuild_fail(build, place, ERR_LIMIT,
				"aliases and merge keys add more than %zu values",
				build->copies_max);
}

/* What an alias adds; it may be large although it has two bytes. */
static int charge_copies(struct configbuild *build, size_t count, struct configbuild_place place)
{
	build->copies += count;
	if (build->copies <= build->copies_max)
		return configbuild_charge(build, count, place);
	return fail_copies(build, place);
}

/* The texts of a copied value: its own, and its name where it has one in the copied object. */
static int charge_texts(struct configbuild *build, const struct config *value, const char *key,
			struct configbuild_place place)
{
	if ((key && !charge_text(build, strlen(key))) ||
	    (value->kind == CONFIG_STRING && !charge_text(build, value->count)))
		return fail_copies(build, place);
	return 0;
}

int configbuild_key_copy(struct configbuild *build, const char *text, size_t len,
			 struct configbuild_place place)
{
	int rc = charge_copies(build, 1, place);

	if (rc == 0 && !charge_text(build, len))
		rc = fail_copies(build, place);
	return rc ? rc : configbuild_key(build, text, len, place);
}

/* Makes @to, which has its final address, a copy of @from, below which all is new. */
static int copy_below(struct configbuild *build, const struct config *from, struct config *to,
		      unsigned depth, struct configbuild_place place)
{
	const struct config *children = from->item;
	struct config *item;
	int rc = charge_copies(build, from->count, place);

	if (rc)
		return rc;
	if (depth >= CONFIG_DEPTH_MAX)
		return configbuild_fail(build, place, ERR_LIMIT, "more than %u levels",
					CONFIG_DEPTH_MAX);
	item = config_take_items(build->arena, to, from->count);
	if (!item)
		return diag_nomem(build->diag);
	for (uint32_t i = 0; i < to->count; i++) {
		item[i] = children[i];
		item[i].up = to;
		(void)config_add_to_index(to, i); /* @from has none twice */
		rc = charge_texts(build, &item[i], item[i].key, place);
		if (rc == 0 && item[i].kind >= CONFIG_ARRAY)
			rc = copy_below(build, &children[i], &item[i], depth + 1, place);
		if (rc)
			return rc;
	}
	return 0;
}

int configbuild_copy(struct configbuild *build, const struct config *from,
		     struct configbuild_place place)
{
	int rc = charge_copies(build, 1, place);
	struct config *made;

	if (rc == 0)
		rc = charge_texts(build, from, NULL, place);
	if (rc)
		return rc;
	made = configbuild_push(build, from, place);
	if (!made)
		return ERR_NOMEM;
	return from->kind >= CONFIG_ARRAY ? copy_below(build, from, made, build->depth, place) : 0;
}

/* Has one of the values from @first on the key? */
static bool has_key(const struct configbuild *build, size_t first, const char *key)
{
	for (size_t i = first; i < build->used; i++)
		if (strcmp(build->pending[i].key, key) == 0)
			return true;
	return false;
}

static int fail_merge(struct configbuild *build, struct configbuild_place place)
{
	return configbuild_fail(build, place, ERR_LIMIT, "more than %u members with a merge key",
				CONFIGBUILD_MERGE_MAX);
}

/* Adds the members of @source, which is in the arena or pending, but for those that are there. */
static int add_members(struct configbuild *build, size_t first, struct config source,
		       struct configbuild_place place)
{
	int rc;

	if (source.kind != CONFIG_OBJECT)
		return configbuild_fail(build, place, ERR_INVALID,
					"expected a mapping, or a list of mappings, to merge");
	rc = charge_copies(build, source.count, place); /* also those that are there: time */
	for (uint32_t i = 0; i < source.count && rc == 0; i++) {
		const struct config *member = &source.item[i];

		if (has_key(build, first, member->key))
			continue;
		if (!charge_text(build, strlen(member->key)))
			return fail_copies(build, place);
		if (build->used - first > CONFIGBUILD_MERGE_MAX)
			return fail_merge(build, place);
		build->key = member->key;
		build->key_place = (struct configbuild_place){ member->line, member->column };
		rc = configbuild_copy(build, member, place);
	}
	return rc;
}

static int add_merged(struct configbuild *build, size_t first, struct config value)
{
	struct configbuild_place place = { value.line, value.column };
	int rc = 0;

	if (value.kind != CONFIG_ARRAY)
		return add_members(build, first, value, place);
	for (uint32_t i = 0; i < value.count && rc == 0; i++)
		rc = add_members(build, first, value.item[i], place);
	return rc;
}

int configbuild_add_merged(struct configbuild *build, size_t first)
{
	size_t own = build->used;
	struct config value = { .kind = CONFIG_OBJECT };
	int rc = 0;

	for (size_t i = first; i < own; i++)
		if (build->pending[i].key == configbuild_merge_key)
			value = build->pending[i];
	if (own - first > CONFIGBUILD_MERGE_MAX)
		rc = fail_merge(build, (struct configbuild_place){ value.line, value.column });
	if (rc == 0)
		rc = add_merged(build, first, value);
	if (rc)
		return rc;
	for (size_t i = first; i < own; i++)
		if (build->pending[i].key == configbuild_merge_key) {
			memmove(&build->pending[i], &build->pending[i + 1],
				(build->used - i - 1) * sizeof(*build->pending));
			build->used--;
			break;
		}
	return 0;
}
