/*
 * translate_security.c -- security requirements of 2.x, {"scheme": ["scope", ...]}, as the security
 * schemes with scopes that 3.x has in their place.
 */
#include "contract/translate_internal.h"

#include <string.h>

/* In 3.x the scopes that a flow knows are its availableScopes. */
static struct draft *flows(struct translator *t, const struct config *at)
{
	struct draft *made = draft_place(draft_object(&t->drafts), at);

	if (at->kind != CONFIG_OBJECT)
		return draft_alias(&t->drafts, at);
	config_foreach_member(flow, at) {
		struct draft *changed = draft_alias(&t->drafts, flow);
		const struct config *scopes = config_member(flow, "scopes");

		if (scopes) {
			draft_remove(&t->drafts, changed, "scopes");
			draft_put(&t->drafts, changed, "availableScopes",
				  draft_alias(&t->drafts, scopes));
		}
		draft_put(&t->drafts, made, flow->key, changed);
	}
	return made;
}

struct draft *translate_scheme(struct translator *t, const struct config *at)
{
	struct draft *made = draft_place(draft_object(&t->drafts), at);

	config_foreach_member(member, at) {
		if (strcmp(member->key, "flows") == 0)
			draft_put(&t->drafts, made, "flows", flows(t, member));
		else
			draft_copy(&t->drafts, made, member);
	}
	return made;
}

/* The scheme that a member of a requirement names; NULL, and a fault, where there is none. */
static const struct config *find_scheme(struct translator *t, const struct config *need)
{
	const struct config *schemes = config_member(t->components, "securitySchemes");
	const struct config *scheme = config_member(schemes, need->key);

	if (!scheme)
		(void)config_fail(t->sources->report, need, NULL, ERR_INVALID,
				  "there is no security scheme \"%s\"", need->key);
	return sources_follow(t->sources, scheme);
}

static bool has_scopes(const struct config *scheme)
{
	const struct config *type = config_member(scheme, "type");

	return config_is(type, "oauth2") || config_is(type, "openIdConnect");
}

static void add_scopes(struct translator *t, struct draft *list, const struct config *need)
{
	config_foreach_item(scope, need)
		draft_add(&t->drafts, list, draft_alias(&t->drafts, scope));
}

/*
 * One requirement: all schemes that it names. Where several have scopes the result has those of
 * all. What else is needed beside them, or beside the first where none has scopes, is noted.
 */
static struct draft *requirement(struct translator *t, const struct config *at)
{
	const struct config *first = NULL, *first_scheme = NULL;
	struct draft *list = draft_place(draft_array(&t->drafts), at), *made;

	config_foreach_member(need, at) {
		const struct config *scheme = find_scheme(t, need);

		if (scheme && has_scopes(scheme))
			add_scopes(t, list, need);
		else if (scheme && config_count(need) > 0)
			translate_note(t, need, "is not carried over: \"%s\" has no scopes",
				       need->key);
		if (scheme && (!first || (has_scopes(scheme) && !has_scopes(first_scheme))))
			first = need, first_scheme = scheme;
	}
	config_foreach_member(need, at)
		if (first && need != first && !has_scopes(find_scheme(t, need)))
			translate_note(t, need,
				       "is not carried over: 3.x has no requirement of two "
				       "schemes, and \"%s\" is needed as well",
				       first->key);
	if (!first)
		return NULL;
	if (draft_count(list) == 0)
		return translate_reference(
			t, first,
			(const char *const[]){ "components", "securitySchemes", first->key, NULL });
	made = draft_place(translate_scheme(t, first_scheme), first);
	draft_put(&t->drafts, made, "scopes", list);
	return made;
}

struct draft *translate_security(struct translator *t, const struct config *list)
{
	struct draft *made = draft_place(draft_array(&t->drafts), list);

	if (list->kind != CONFIG_ARRAY)
		return draft_alias(&t->drafts, list);
	config_foreach_item(item, list) {
		if (!config_expect(t->sources->report, item, CONFIG_OBJECT))
			return NULL;
		if (item->count == 0) {
			translate_note(t, item,
				       "nothing has to be met: the others in the list "
				       "are not carried over");
			return NULL;
		}
		draft_add(&t->drafts, made, requirement(t, item));
	}
	return draft_count(made) > 0 ? made : NULL;
}
