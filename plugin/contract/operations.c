/* operations.c -- /operations: who may send to a channel and receive from it. */
#include "contract/contract_internal.h"

static const struct config_known operation_members[] = {
	{ .name = "action", .is_required = true },
	{ .name = "channel", .is_required = true },
	{ .name = "messages", .kind = CONFIG_ARRAY },
	{ .name = "security bindings title summary description tags externalDocs" },
	{ .name = "reply", .refusal = "not supported: request and reply" },
	{ .name = "traits", .refusal = "not supported: write the traits' members out" },
	{ .name = NULL },
};

/* What the $ref under @at names; NULL, and a line, where there is none: @expected. */
static const struct config *resolve(struct loader *loader, const struct config *at,
				    const char *expected)
{
	const struct config *ref = config_member(at, "$ref");

	if (ref)
		return sources_resolve(&loader->contract->sources, ref, loader->report);
	if (at)
		(void)config_fail(loader->report, at, NULL, ERR_INVALID,
				  "expected { \"$ref\": \"#/channels/%s\" }", expected);
	return NULL;
}

/* The channel that "channel" names: one under the first file's /channels. */
static struct contract_channel *find_channel(struct loader *loader, const struct config *operation)
{
	const struct config *at = config_member(operation, "channel");
	const struct config *found = resolve(loader, at, "...");

	if (found && found->up == loader->channels)
		return &loader->channel[found - loader->channels->item];
	if (found)
		(void)config_fail(loader->report, at, "$ref", ERR_INVALID,
				  "expected a channel of the contract: \"#/channels/...\"");
	return NULL;
}

/*
 * An operation may name its channel's messages. A channel has one at most, so that there is
 * nothing to choose; but what is named must be it.
 */
static void check_messages(struct loader *loader, const struct config *operation,
			   const struct contract_channel *channel)
{
	const struct config *messages = config_member(operation, "messages");

	if (messages && messages->kind == CONFIG_ARRAY && messages->count == 0)
		(void)config_fail(loader->report, messages, NULL, ERR_INVALID,
				  "expected the channel's message, or no \"messages\" at all");
	config_foreach_item(at, messages) {
		const struct config *message = resolve(loader, at, ".../messages/...");

		if (message && !channels_has_message(loader, channel, message))
			(void)config_fail(loader->report, at, "$ref", ERR_INVALID,
					  "expected a message of channel \"%s\"", channel->name);
	}
}

static void load_operation(struct loader *loader, const struct config *at, const char *name)
{
	static const char *const actions[] = { "send", "receive", NULL };
	struct contract_operation *operation;
	struct contract_channel *channel;
	unsigned action = 0;
	bool is_action;

	if (!config_check(loader->report, at, "an operation", operation_members))
		return;
	is_action = config_word(loader->report, at, "action", actions, &action);
	channel = find_channel(loader, at);
	if (!channel || !is_action)
		return;
	operation = action == 0 ? &channel->send : &channel->receive;
	if (operation->name) {
		(void)config_fail(loader->report, at, NULL, ERR_INVALID,
				  "channel \"%s\" has a \"%s\" operation already, \"%s\"",
				  channel->name, actions[action], operation->name);
		return;
	}
	operation->name = name;
	check_messages(loader, at, channel);
	scopes_load_security(loader, at, operation);
	bindings_load(loader, at, action == 0 ? LOADER_SEND : LOADER_RECEIVE, operation);
}

void operations_load(struct loader *loader)
{
	config_foreach_member(at, config_member(loader->root, "operations"))
		load_operation(loader, loader_follow(loader, at), at->key);
}
