/*
 * replies.c -- reads "reply" of an operation with which a client sends a request (AsyncAPI 3,
 * Operation Reply Object): which channels may take the reply, and where the request names its
 * topic.
 */
#include "contract/contract_internal.h"

#include <string.h>

/* Messages that are compared to find the channels of all replies together. */
#define REPLY_STEPS_MAX (8u << 20)

/* Has the channel the message object @message, by whatever reference? */
static bool carries(struct loader *loader, size_t channel, const struct config *message)
{
	loader_foreach_member(member, loader, channel)
	{
		const struct config *messages = config_member(member->at, "messages");

		if (member->document != loader->doc)
			continue;
		loader->reply_steps += 1 + config_count(messages);
		config_foreach_member(at, messages)
			if (loader_follow(loader, at) == message)
				return true;
	}
	return false;
}

static bool carries_all(struct loader *loader, size_t channel, const struct config *messages)
{
	config_foreach(at, messages) {
		const struct config *message = loader_follow(loader, at);

		if (message && !carries(loader, channel, message))
			return false;
	}
	return true;
}

/* Is the channel one of loader->doc? */
static bool is_own(const struct loader *loader, size_t channel)
{
	loader_foreach_member(member, loader,
			      channel) if (member->document == loader->doc) return true;
	return false;
}

/*
 * The document's channels with an address that have all of @messages. False:
 * that would take too long.
 */
static bool find_channels(struct loader *loader, const struct config *messages,
			  struct contract_reply *ret)
{
	const struct contract_channel **list = NULL;
	size_t count = 0;

	for (unsigned pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < loader->named_count; i++) {
			if (loader->reply_steps > REPLY_STEPS_MAX)
				return false;
			if (!is_own(loader, i) || !carries_all(loader, i, messages))
				continue;
			if (pass == 0)
				count++;
			else
				list[ret->channel_count++] = &loader->channel[i];
		}
		if (pass == 0)
			list = loader_take(loader, count, sizeof(const struct contract_channel *));
		if (!list)
			return true;
	}
	ret->channel = list;
	return true;
}

const struct loader_member *replies_member(struct loader *loader, const struct config *reply)
{
	const struct config *ref = config_member(config_member(reply, "channel"), "$ref");
	const struct config *found =
		ref ? sources_resolve(&loader->contract->sources, ref, loader->report) : NULL;

	return members_find(loader, members_of(loader, found));
}

/* A channel with an address of its own takes the reply; else those that have the messages do. */
static void load_channels(struct loader *loader, const struct config *at,
			  struct contract_reply *ret)
{
	const struct loader_member *member = replies_member(loader, at);
	const struct contract_channel *channel = member ? &loader->channel[member->channel] : NULL;
	const struct contract_channel **one;
	const struct config *messages = config_member(at, "messages");
	const char *address;

	if (channel) {
		one = loader_take(loader, 1, sizeof(const struct contract_channel *));
		if (!one)
			return;
		one[0] = channel;
		ret->channel = one;
		ret->channel_count = 1;
		/* The channel's own is read later. */
		address = config_string(config_member(loader->at[channel->index], "address"));
		ret->is_fixed = address && !strchr(address, '{');
		return;
	}
	if (!messages)
		messages = config_member(loader_follow(loader, config_member(at, "channel")),
					 "messages");
	if (config_count(messages) == 0) {
		ret->is_any = true;
		return;
	}
	if (loader->reply_steps > REPLY_STEPS_MAX)
		return; /* said of the one before */
	if (!find_channels(loader, messages, ret))
		(void)config_fail(
			loader->report, at, NULL, ERR_LIMIT,
			"finding the channels of all replies by their messages takes more "
			"than %u comparisons: name the reply's channel",
			REPLY_STEPS_MAX);
	else if (ret->channel_count == 0)
		loader_warn(
			loader, at, NULL,
			"no channel with an address has these messages: a request may not name a "
			"topic for its reply");
}

const struct contract_reply *replies_load(struct loader *loader, const struct config *operation)
{
	const struct config *at = loader_follow(loader, config_member(operation, "reply"));
	const struct config *address = loader_follow(loader, config_member(at, "address"));
	struct contract_reply *ret;

	if (!at || at->kind != CONFIG_OBJECT)
		return NULL;
	ret = loader_take(loader, 1, sizeof(*ret));
	if (!ret)
		return NULL;
	load_channels(loader, at, ret);
	if (address) {
		ret->pointer = message_properties_location(loader, address, &ret->header);
		/* If no channel can take the reply, a topic may not even be named. */
		ret->needs_topic = !ret->is_fixed && (ret->is_any || ret->channel_count > 0) &&
				   (ret->pointer || ret->header);
	}
	return ret;
}
