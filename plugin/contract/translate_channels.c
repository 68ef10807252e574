/*
 * translate_channels.c -- channels of 2.x, and the operations in them, as channels and operations
 * of 3.x.
 */
#include "contract/translate_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "contract/channel.h"

/* A channel while it is translated. */
struct channel_draft {
	const char *key; /* under /channels */
	struct draft *messages;
	const struct config *item; /* the Channel Item */
	/* An operation that names no message. */
	struct draft *bare;
};

/* ---- names ------------------------------------------------------------------------------ */

#define NAME_BYTES 1000u /* of a name that something is added to */

/* Writes @name and what is added to it, to @ret (SOURCES_URI_MAX bytes). */
static void add_to_name(const char *name, const char *added, char *ret)
{
	char head[NAME_BYTES];

	utf8_copy(head, sizeof(head), name);
	(void)snprintf(ret, SOURCES_URI_MAX, "%s%s", head, added);
}

/* @name, or where @map has that already "NAME-2", "NAME-3", ...; NULL where memory ran out. */
static const char *free_name(struct translator *t, struct draft *map, const char *name)
{
	char text[SOURCES_URI_MAX], number[16];

	if (!draft_get(&t->drafts, map, name))
		return name;
	for (unsigned i = 2; i < CONFIG_FAULTS_MAX; i++) {
		(void)snprintf(number, sizeof(number), "-%u", i);
		add_to_name(name, number, text);
		if (!draft_get(&t->drafts, map, text))
			return translate_text(t, text);
	}
	return NULL;
}

/* The last part of what the reference @at names: "#/a/order" -> "order". NULL: there is none. */
static const char *reference_name(struct translator *t, const struct config *at)
{
	const char *ref = config_string(config_member(at, "$ref")), *name;
	char text[SOURCES_URI_MAX + 1];

	if (!ref || strlen(ref) > SOURCES_URI_MAX)
		return NULL;
	name = strrchr(ref, '/');
	(void)snprintf(text, sizeof(text), "%s", name ? name + 1 : ref);
	if (!strchr(ref, '#')) /* a file's name, without its ending */
		text[strcspn(text, ".")] = '\0';
	return text[0] && !strpbrk(text, "~%#") ? translate_text(t, text) : NULL;
}

/* ---- messages --------------------------------------------------------------------------- */

static const char *message_name(struct translator *t, const struct translate_message *message)
{
	const char *name = config_string(config_member(message->message, "messageId"));

	if (!name || !*name)
		name = reference_name(t, message->at);
	if (!name || !*name)
		name = config_string(config_member(message->message, "name"));
	return name && *name ? name : "message";
}

/* Puts the message into the channel, where it may be already, and a reference to it into @list. */
static void add_message(struct translator *t, struct channel_draft *channel,
			const struct translate_message *message, struct draft *list)
{
	const char *name = message_name(t, message);
	struct draft *old = draft_get(&t->drafts, channel->messages, name);
	bool is_component = translate_component(t, message->at, "messages") != NULL;
	const struct config *place = draft_place_of(old);
	struct draft *made;

	/* publish and subscribe may have the same one */
	if (!old ||
	    (place != message->message && sources_follow(t->sources, place) != message->message)) {
		name = free_name(t, channel->messages, name);
		made = is_component ? draft_alias(&t->drafts, message->at)
				    : translate_message_body(t, message->message);
		if (name)
			draft_put(&t->drafts, channel->messages, name, made);
	}
	if (name)
		draft_add(&t->drafts, list,
			  translate_reference(t, message->at,
					      (const char *const[]){ "channels", channel->key,
								     "messages", name }));
}

static void add_messages(struct translator *t, struct channel_draft *channel,
			 const struct config *operation, struct draft *made)
{
	struct translate_messages *found = calloc(1, sizeof(*found));
	const struct config *message = config_member(operation, "message");
	struct draft *list = draft_place(draft_array(&t->drafts), message ? message : operation);

	if (!found) {
		t->drafts.rc = ERR_NOMEM;
		return;
	}
	if (message)
		translate_alternatives(t, message, 0, found);
	for (size_t i = 0; i < found->count; i++)
		add_message(t, channel, &found->item[i], list);
	if (message)
		draft_put(&t->drafts, made, "messages", list);
	else
		channel->bare = made;
	free(found);
}

/* ---- operations ------------------------------------------------------------------------- */

static const char *operation_name(struct translator *t, const struct channel_draft *channel,
				  const struct config *operation)
{
	const struct config *id = translate_find(t, operation, "operationId");
	const char *name = config_string(id);
	bool is_publish = strcmp(operation->key, "publish") == 0;
	char text[SOURCES_URI_MAX];
	struct draft *old;

	if (!name) {
		add_to_name(channel->key, is_publish ? ".publish" : ".subscribe", text);
		name = translate_text(t, text);
	}
	old = name ? draft_get(&t->drafts, t->operations, name) : NULL;
	/* A channel that is referred to from two places has its operations in both. */
	if (!old || draft_place_of(old) == operation)
		return name ? free_name(t, t->operations, name) : NULL;
	(void)config_fail(t->sources->report, id ? id : operation, NULL, ERR_INVALID,
			  "\"%s\" is the id of another operation, too", name);
	return NULL;
}

static void add_operation(struct translator *t, struct channel_draft *channel,
			  const struct config *at)
{
	bool is_publish = strcmp(at->key, "publish") == 0;
	bool is_send = is_publish == (t->view == TRANSLATE_CLIENT);
	struct drafts *drafts = &t->drafts;
	struct draft *made;
	const char *name;

	if (!config_expect(t->sources->report, at, CONFIG_OBJECT))
		return;
	translate_check(t, at, "an operation",
			"operationId summary description security tags externalDocs bindings "
			"traits message",
			"action channel messages reply");
	name = operation_name(t, channel, at);
	made = draft_place(draft_object(drafts), at);
	config_foreach_member(member, at) {
		if (strcmp(member->key, "security") == 0)
			draft_put(drafts, made, "security", translate_security(t, member));
		else if (strcmp(member->key, "operationId") != 0 &&
			 strcmp(member->key, "message") != 0 && strcmp(member->key, "traits") != 0)
			draft_copy(drafts, made, member);
	}
	made = translate_traits(t, at, made, "operationTraits", translate_operation_trait);
	draft_put(drafts, made, "action",
		  draft_place(draft_string(drafts, is_send ? "send" : "receive"), at));
	draft_put(drafts, made, "channel",
		  translate_reference(
			  t, at, (const char *const[]){ "channels", channel->key, NULL, NULL }));
	add_messages(t, channel, at, made);
	if (name)
		draft_put(drafts, t->operations, name, made);
}

/*
 * An operation without a message says nothing of what it carries. Beside one that has some it gets
 * one of its own, of any payload, since without it would have the other's.
 */
static void fill_in_message(struct translator *t, struct channel_draft *channel)
{
	const struct config *place = draft_place_of(channel->bare);
	const char *name = free_name(t, channel->messages, "any");
	struct draft *list = draft_place(draft_array(&t->drafts), place);

	if (!channel->bare || !name || draft_count(channel->messages) == 0)
		return;
	draft_put(&t->drafts, channel->messages, name,
		  draft_place(draft_object(&t->drafts), place));
	draft_add(&t->drafts, list,
		  translate_reference(
			  t, place,
			  (const char *const[]){ "channels", channel->key, "messages", name }));
	draft_put(&t->drafts, channel->bare, "messages", list);
}

/* ---- channels --------------------------------------------------------------------------- */

/* Names of servers become references. */
static struct draft *servers(struct translator *t, const struct config *at)
{
	struct draft *made = draft_place(draft_array(&t->drafts), at);

	if (at->kind != CONFIG_ARRAY)
		return draft_alias(&t->drafts, at);
	config_foreach_item(name, at) {
		const char *text = config_string(name);

		draft_add(&t->drafts, made,
			  text ? translate_reference(
					 t, name,
					 (const char *const[]){ "servers", text, NULL, NULL })
			       : draft_alias(&t->drafts, name));
	}
	return made;
}

static void add_channel(struct translator *t, const struct config *at)
{
	struct channel_draft channel = { .item = sources_follow(t->sources, at) };
	struct drafts *drafts = &t->drafts;
	struct draft *made = draft_place(draft_object(drafts), at);

	if (!config_expect(t->sources->report, channel.item, CONFIG_OBJECT))
		return;
	translate_check(t, channel.item, "a channel",
			"$ref description servers subscribe publish parameters bindings",
			"address messages title summary tags externalDocs");
	channel.key = config_string(config_member(channel.item, "x-channelId"));
	channel.key = free_name(t, t->channels, channel.key ? channel.key : at->key);
	if (!channel.key)
		return;
	channel.messages = draft_place(draft_object(drafts), at);
	config_foreach_member(member, channel.item) {
		if (strcmp(member->key, "servers") == 0)
			draft_put(drafts, made, "servers", servers(t, member));
		else if (strcmp(member->key, "parameters") == 0)
			draft_put(drafts, made, "parameters",
				  translate_map(t, member, "parameters", translate_parameter));
		else if (strcmp(member->key, "publish") == 0 ||
			 strcmp(member->key, "subscribe") == 0)
			add_operation(t, &channel, member);
		else
			draft_copy(drafts, made, member);
	}
	fill_in_message(t, &channel);
	draft_put(drafts, made, "address", draft_place(draft_string(drafts, at->key), at));
	draft_put(drafts, made, "messages", channel.messages);
	draft_put(drafts, t->channels, channel.key, made);
}

void translate_channels(struct translator *t, const struct config *channels)
{
	if (channels->count > CONTRACT_CHANNELS_MAX) {
		(void)config_fail(t->sources->report, channels, NULL, ERR_LIMIT,
				  "more than %u channels", CONTRACT_CHANNELS_MAX);
		return;
	}
	config_foreach_member(at, channels) {
		if (t->drafts.rc || config_is_full(t->sources->report))
			return;
		add_channel(t, at);
	}
}
