#include "contract/loader.h"

#include <string.h>

static const struct place_known operation_members[] = {
	{ "action", NULL },
	{ "channel", NULL },
	{ "messages", NULL },
	{ "security", NULL },
	{ "bindings", NULL },
	{ "title", NULL },
	{ "summary", NULL },
	{ "description", NULL },
	{ "tags", NULL },
	{ "externalDocs", NULL },
	{ "reply", "not supported: request and reply" },
	{ "traits", "not supported: write the traits' members out" },
	{ NULL, NULL },
};

/* The channel that @place's $ref names: one under the first file's /channels. */
static int load_channel(struct loader *loader, const struct place *operation,
			struct contract_channel **ret)
{
	struct sources *sources = &loader->contract->sources;
	struct place channel = place_member(operation, "channel");
	struct place ref = place_member(&channel, "$ref");
	struct place at;
	int rc;

	if (!ref.json)
		return place_fail(&channel, loader->diag, ERR_INVALID,
				  "expected { \"$ref\": \"#/channels/...\" }");
	rc = sources_resolve(sources, &loader->scratch, &ref, &at, loader->diag);
	if (rc)
		return rc;
	if (at.file == sources->file[0] && at.path.up && at.path.up->up && !at.path.up->up->up &&
	    strcmp(at.path.up->key, "channels") == 0)
		*ret = channels_find(loader, at.path.key);
	if (!*ret)
		return place_fail(&ref, loader->diag, ERR_INVALID,
				  "expected a channel of the contract: \"#/channels/...\"");
	return 0;
}

/*
 * An operation may name its channel's messages. A channel has one at most, so that there is
 * nothing to choose; but what is named must be it.
 */
static int check_messages(struct loader *loader, const struct place *operation,
			  const struct contract_channel *channel)
{
	struct place messages = place_member(operation, "messages");
	int rc;

	if (!messages.json)
		return 0;
	rc = place_array(&messages, loader->diag);
	for (size_t i = 0; rc == 0 && i < json_array_size(messages.json); i++) {
		struct place at = place_item(&messages, i);
		struct place ref = place_member(&at, "$ref");
		struct place message;

		if (!ref.json)
			return place_fail(&at, loader->diag, ERR_INVALID,
					  "expected { \"$ref\": \"#/channels/%s/messages/...\" }",
					  channel->name);
		rc = sources_resolve(&loader->contract->sources, &loader->scratch, &ref, &message,
				     loader->diag);
		if (rc == 0 && !channels_has_message(loader, channel, &message))
			rc = place_fail(&ref, loader->diag, ERR_INVALID,
					"expected a message of channel \"%s\"", channel->name);
	}
	if (rc == 0 && json_array_size(messages.json) == 0)
		rc = place_fail(&messages, loader->diag, ERR_INVALID,
				"expected the channel's message, or no \"messages\" at all");
	return rc;
}

static int load_operation(struct loader *loader, struct place *place, const char *name)
{
	static const char *const actions[] = { "send", "receive", NULL };
	struct contract_operation *operation;
	struct contract_channel *channel = NULL;
	struct place action_at;
	struct place security;
	unsigned action = 0;
	int rc;

	rc = sources_follow(&loader->contract->sources, &loader->scratch, place, loader->diag);
	if (rc == 0)
		rc = place_check(place, "an operation", operation_members, loader->diag);
	if (rc)
		return rc;
	action_at = place_member(place, "action");
	security = place_member(place, "security");
	rc = place_word(&action_at, actions, &action, loader->diag);
	if (rc == 0)
		rc = load_channel(loader, place, &channel);
	if (rc)
		return rc;
	operation = action == 0 ? &channel->send : &channel->receive;
	if (operation->name)
		return place_fail(place, loader->diag, ERR_INVALID,
				  "channel \"%s\" has a \"%s\" operation already, \"%s\"",
				  channel->name, actions[action], operation->name);
	operation->name = name;
	rc = check_messages(loader, place, channel);
	if (rc == 0 && security.json)
		rc = scopes_load_security(loader, &security, operation);
	return rc ? rc
		  : bindings_load(loader, place, action == 0 ? LOADER_SEND : LOADER_RECEIVE,
				  operation);
}

int operations_load(struct loader *loader, const struct place *root)
{
	struct place operations = place_member(root, "operations");
	const char *key;
	json_t *value;

	if (place_object(&operations, loader->diag))
		return ERR_INVALID;
	json_object_foreach(operations.json, key, value) {
		struct place at = place_member(&operations, key);
		int rc = load_operation(loader, &at, key);

		if (rc)
			return rc;
	}
	return 0;
}
