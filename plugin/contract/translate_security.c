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

/* One scheme of a requirement: a reference to it, or where it is with scopes, itself with those. */
static struct draft *one_scheme(struct translator *t, const struct config *need)
{
	const struct config *scheme = find_scheme(t, need);
	bool is_scoped = config_count(need) > 0 && has_scopes(scheme);
	struct draft *made;

	if (!scheme)
		return NULL;
	if (config_count(need) > 0 && !is_scoped)
		translate_note(t, need, "is not carried over: \"%s\" has no scopes", need->key);
	if (!is_scoped)
		return translate_reference(
			t, need,
			(const char *const[]){ "components", "securitySchemes", need->key, NULL });
	made = draft_place(translate_scheme(t, scheme), need);
	draft_put(&t->drafts, made, "scopes", draft_alias(&t->drafts, need));
	return made;
}

/*
 * One requirement: the scheme that it names. 3.x has none of several, all of which are needed: the
 * others are the first one's x-and, which is the plugin's own.
 */
static struct draft *requirement(struct translator *t, const struct config *at)
{
	const struct config *first = config_first(at, CONFIG_OBJECT), *scheme;
	struct draft *list = draft_place(draft_array(&t->drafts), at), *made;

	if (at->count == 1)
		return one_scheme(t, first);
	scheme = find_scheme(t, first);
	if (!scheme || scheme->kind != CONFIG_OBJECT)
		return NULL;
	config_foreach_member(need, at)
		if (need != first)
			draft_add(&t->drafts, list, one_scheme(t, need));
	made = draft_place(translate_scheme(t, scheme), first);
	if (config_count(first) > 0)
		draft_put(&t->drafts, made, "scopes", draft_alias(&t->drafts, first));
	draft_put(&t->drafts, made, "x-and", list);
	if (t->view == TRANSLATE_APPLICATION)
		translate_note(t, at,
			       "is carried over with x-and, which other programs do not know: "
			       "3.x has no requirement of several schemes");
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
