/*
 * traits.c -- merges the traits of a message or an operation into it: AsyncAPI 3, "Traits Merge
 * Mechanism", JSON Merge Patch (RFC 7396) in the order in which they stand. What the object says
 * itself wins.
 */
#include "contract/contract_internal.h"

#include <string.h>

#define TRAITS_MAX 64u /* of one object */

/*
 * @at as a draft without its traits. What a member refers to takes the reference's place, since a
 * reference and an object can't be merged.
 */
static struct draft *open_object(struct loader *loader, const struct config *at)
{
	static const char *const merged[] = { "headers", "bindings", "correlationId",
					      "externalDocs", NULL };
	struct drafts *drafts = &loader->drafts;
	struct draft *ret = draft_alias(drafts, at);

	draft_remove(drafts, ret, "traits");
	for (const char *const *name = merged; *name; name++) {
		const struct config *member = config_member(at, *name);

		if (config_member(member, "$ref"))
			draft_put(drafts, ret, *name,
				  draft_alias(drafts, loader_follow(loader, member)));
	}
	return ret;
}

const struct config *traits_merge(struct loader *loader, const struct config *at)
{
	const struct config *traits = config_member(at, "traits");
	struct drafts *drafts = &loader->drafts;
	struct draft *merged = NULL;
	const struct config *ret;

	if (config_count(traits) == 0)
		return at;
	if (!config_expect(loader->report, traits, CONFIG_ARRAY) ||
	    !config_bound(loader->report, traits, 0, TRAITS_MAX, "traits"))
		return NULL;
	config_foreach_item(item, traits) {
		const struct config *trait = loader_follow(loader, item);

		if (trait && trait->kind == CONFIG_OBJECT)
			merged = draft_merge(drafts, merged, open_object(loader, trait));
	}
	merged = draft_place(draft_merge(drafts, merged, open_object(loader, at)), at);
	ret = draft_freeze(drafts, merged, &loader->contract->arena, "");
	if (!ret && drafts->rc == ERR_LIMIT)
		(void)config_fail(loader->report, traits, NULL, ERR_LIMIT,
				  "with all other traits they make more than %u values",
				  DRAFT_VALUES_MAX);
	else if (!ret)
		(void)config_nomem(loader->report);
	return ret;
}
