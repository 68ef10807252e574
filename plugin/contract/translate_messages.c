/*
 * translate_messages.c -- messages of 2.x, their alternatives, and traits.
 */
#include "contract/translate_internal.h"

#include <string.h>

/* ---- traits ----------------------------------------------------------------------------- */

const struct config *translate_find(struct translator *t, const struct config *at, const char *key)
{
	const struct config *found = config_member(at, key);
	const struct config *traits = config_member(at, "traits");

	for (size_t i = traits && traits->kind == CONFIG_ARRAY ? traits->count : 0; i > 0 && !found;
	     i--)
		found = config_member(sources_follow(t->sources, &traits->item[i - 1]), key);
	return found;
}

/* Has some trait a member that @at has as well? Of one that says what 3.x has no word for is no
 * conflict. */
static bool has_conflict(struct translator *t, const struct config *at)
{
	config_foreach_item(item, config_member(at, "traits")) {
		const struct config *trait = sources_follow(t->sources, item);

		config_foreach_member(member, trait)
			if (config_member(at, member->key) &&
			    strcmp(member->key, "operationId") != 0 &&
			    strcmp(member->key, "schemaFormat") != 0)
				return true;
	}
	return false;
}

struct draft *translate_traits(struct translator *t, const struct config *at, struct draft *made,
			       const char *group, translate_part *part)
{
	const struct config *traits = config_member(at, "traits");
	bool is_merged = has_conflict(t, at);
	struct draft *list;

	if (!traits || traits->kind != CONFIG_ARRAY) {
		draft_copy(&t->drafts, made, traits);
		return made;
	}
	list = draft_place(draft_array(&t->drafts), traits);
	config_foreach_item(item, traits) {
		const struct config *trait = sources_follow(t->sources, item);

		if (!is_merged)
			draft_add(&t->drafts, list, translate_item(t, item, group, part));
		else if (trait && trait->kind == CONFIG_OBJECT)
			made = draft_place(draft_merge(&t->drafts, made, part(t, trait)), at);
	}
	if (!is_merged)
		draft_put(&t->drafts, made, "traits", list);
	return made;
}

struct draft *translate_message_trait(struct translator *t, const struct config *at)
{
	struct draft *made = draft_alias(&t->drafts, at);

	/* It says something of the payload, which has it then. */
	if (config_member(at, "schemaFormat"))
		draft_remove(&t->drafts, made, "schemaFormat");
	if (config_member(at, "messageId"))
		draft_remove(&t->drafts, made, "messageId");
	return made;
}

struct draft *translate_operation_trait(struct translator *t, const struct config *at)
{
	const struct config *security = config_member(at, "security");
	struct draft *made = draft_alias(&t->drafts, at), *list;

	if (config_member(at, "operationId"))
		draft_remove(&t->drafts, made, "operationId");
	if (!security)
		return made;
	list = translate_security(t, security);
	draft_remove(&t->drafts, made, "security");
	draft_put(&t->drafts, made, "security", list);
	return made;
}

/* ---- messages --------------------------------------------------------------------------- */

static struct draft *payload(struct translator *t, const struct config *at,
			     const struct config *format)
{
	struct draft *made;

	if (!format)
		return draft_alias(&t->drafts, at);
	made = draft_place(draft_object(&t->drafts), at);
	draft_put(&t->drafts, made, "schemaFormat", draft_alias(&t->drafts, format));
	draft_put(&t->drafts, made, "schema", draft_alias(&t->drafts, at));
	return made;
}

struct draft *translate_message_body(struct translator *t, const struct config *at)
{
	const struct config *format = translate_find(t, at, "schemaFormat");
	struct draft *made = draft_place(draft_object(&t->drafts), at);

	translate_check(t, at, "a message",
			"messageId headers payload correlationId schemaFormat contentType "
			"name title summary description tags externalDocs bindings examples "
			"traits oneOf",
			"deprecated");
	config_foreach_member(member, at) {
		if (strcmp(member->key, "payload") == 0)
			draft_put(&t->drafts, made, "payload", payload(t, member, format));
		else if (strcmp(member->key, "schemaFormat") != 0 &&
			 strcmp(member->key, "messageId") != 0 &&
			 strcmp(member->key, "traits") != 0)
			draft_copy(&t->drafts, made, member);
	}
	return translate_traits(t, at, made, "messageTraits", translate_message_trait);
}

void translate_alternatives(struct translator *t, const struct config *at, unsigned depth,
			    struct translate_messages *ret)
{
	const struct config *message = sources_follow(t->sources, at);
	const struct config *list = config_member(message, "oneOf");

	if (!config_expect(t->sources->report, message, CONFIG_OBJECT))
		return;
	if (depth == TRANSLATE_NESTING_MAX) {
		(void)config_fail(t->sources->report, at, NULL, ERR_LIMIT,
				  "more than %u levels of \"oneOf\"", TRANSLATE_NESTING_MAX);
	} else if (list) {
		if (config_expect(t->sources->report, list, CONFIG_ARRAY))
			config_foreach_item(item, list)
				translate_alternatives(t, item, depth + 1, ret);
	} else if (ret->count == TRANSLATE_MESSAGES_MAX) {
		if (!config_is_full(t->sources->report))
			(void)config_fail(t->sources->report, at, NULL, ERR_LIMIT,
					  "more than %u messages of an operation",
					  TRANSLATE_MESSAGES_MAX);
	} else {
		ret->item[ret->count++] = (struct translate_message){ at, message };
	}
}
