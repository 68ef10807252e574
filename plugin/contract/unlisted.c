/*
 * unlisted.c -- reads x-unlisted: what holds for topics that no channel has. Nothing opens by
 * accident: each document has to say so, a direction that an object leaves out is closed, and
 * without scopes only users with an entry of their own in the access file are admitted.
 */
#include "contract/contract_internal.h"

#include <string.h>

#define KEY "x-unlisted"

static const struct config_known members[] = {
	{ .name = "mode", .is_required = true },
	{ .name = "description", .kind = CONFIG_STRING },
	{ .name = "send receive", .kind = CONFIG_ARRAY },
};

/* "send" or "receive" of the object @at: scopes, all of which are needed; none: it is closed. */
static void load_way(struct loader *loader, const struct config *at, const char *key,
		     struct contract_unlisted_way *ret)
{
	const struct config *list = config_member(at, key);

	ret->is_closed = !list;
	if (!list || list->kind != CONFIG_ARRAY ||
	    !config_bound(loader->report, list, 1, SCOPES_MAX, "scopes, all of which are needed"))
		return;
	config_foreach_item(item, list) {
		unsigned scope;

		if (scopes_number(loader, item, &scope))
			scopeset_add(&ret->scopes, scope);
	}
}

/* Scopes are read, and are the contract's, whatever the mode is. */
static void load_object(struct loader *loader, const struct config *at,
			struct contract_unlisted *ret)
{
	if (ret->mode == CONTRACT_UNLISTED_PASS && !config_member(at, "send") &&
	    !config_member(at, "receive"))
		(void)config_fail(loader->report, at, NULL, ERR_INVALID,
				  "expected scopes under \"send\", \"receive\" or both; \"pass\" "
				  "instead of the object admits each user of the access file");
	load_way(loader, at, "send", &ret->send);
	load_way(loader, at, "receive", &ret->receive);
}

/* What the document that is being read says, or the access file of it. */
static void load_one(struct loader *loader, struct contract_unlisted *ret)
{
	static const char *const modes[] = { "refuse", "observe", "pass", NULL };
	const struct config *owner = applications_member(loader, KEY);
	const struct config *at = config_member(owner, KEY);
	bool is_object = at && at->kind == CONFIG_OBJECT;
	unsigned mode = CONTRACT_UNLISTED_REFUSE;

	*ret = (struct contract_unlisted){ .mode = CONTRACT_UNLISTED_REFUSE };
	if (is_object)
		(void)config_check(loader->report, at, KEY, members);
	(void)config_word(loader->report, is_object ? at : owner, is_object ? "mode" : KEY, modes,
			  &mode);
	ret->mode = (enum contract_unlisted_mode)mode;
	ret->send.needs_entry = ret->receive.needs_entry = !is_object;
	if (is_object)
		load_object(loader, at, ret);
	if (config_member(config_member(loader->doc->root, "x-limits"), "payloadBytes"))
		ret->payload_max = loader->doc->defaults.payload_max;
}

/* ---- the strictest ---------------------------------------------------------------------- */

static void join_way(struct contract_unlisted_way *to, const struct contract_unlisted_way *from)
{
	to->is_closed |= from->is_closed;
	to->needs_entry |= from->needs_entry;
	scopeset_merge(&to->scopes, &from->scopes);
}

static void join(struct contract_unlisted *to, const struct contract_unlisted *from)
{
	if (from->mode < to->mode)
		to->mode = from->mode;
	join_way(&to->send, &from->send);
	join_way(&to->receive, &from->receive);
	to->payload_max = to->payload_max == 0 || (from->payload_max > 0 &&
						   from->payload_max < to->payload_max)
				  ? from->payload_max
				  : to->payload_max;
}

void unlisted_load(struct loader *loader)
{
	struct contract_unlisted *joined = &loader->contract->unlisted, one;
	struct loader_document *open = NULL;
	bool is_said = false;

	*joined = (struct contract_unlisted){ .mode = CONTRACT_UNLISTED_REFUSE };
	for (size_t i = 0; i < loader->document_count; i++) {
		loader->doc = &loader->document[i];
		if (applications_leaves(loader, KEY))
			continue;
		load_one(loader, &one);
		if (one.mode != CONTRACT_UNLISTED_REFUSE)
			open = loader->doc;
		if (is_said)
			join(joined, &one);
		else
			*joined = one;
		is_said = true;
	}
	if (open && joined->mode == CONTRACT_UNLISTED_REFUSE) {
		loader->doc = open;
		loader_warn(loader, applications_member(loader, KEY), KEY,
			    "opens nothing: another document refuses these topics, or says nothing "
			    "of them");
	}
	loader->doc = loader->document;
	if (joined->mode == CONTRACT_UNLISTED_PASS && joined->send.is_closed &&
	    joined->receive.is_closed)
		loader_warn(loader, applications_member(loader, KEY), KEY,
			    "passes nothing: of the documents one is closed to publishing, and one "
			    "to receiving");
}
