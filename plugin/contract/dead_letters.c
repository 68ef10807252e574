/*
 * dead_letters.c -- reads x-dead-letter of the document and of channels: where a refused message
 * goes. Its topic belongs to a channel that clients receive from and do not publish on, so that all
 * that is there is the plugin's, and a refused dead letter can't make another.
 */
#include "contract/contract_internal.h"

#include <string.h>

#define KEY "x-dead-letter"

static const struct config_known members[] = {
	{ .name = "topic", .is_required = true },
	{ .name = "as" },
};

/* The topic is no channel's of this kind: says why. */
static bool fail(struct loader *loader, const struct config *at, const char *topic,
		 const struct contract_channel *channel)
{
	static const char expected[] =
		"expected the topic of a channel with a \"receive\" operation "
		"and without a \"send\" operation, as clients see them";
	const struct contract *contract = loader->contract;

	if (!channel)
		return config_fail(loader->report, at, NULL, ERR_INVALID,
				   "no channel has the topic \"%s\"; %s", topic, expected);
	if (channel == contract->notices || channel == contract->alerts)
		return config_fail(loader->report, at, NULL, ERR_INVALID,
				   "\"%s\" is a topic of channel \"%s\", for messages of another "
				   "kind; expected one for dead letters",
				   topic, channel->name);
	return config_fail(loader->report, at, NULL, ERR_INVALID,
			   "\"%s\" is a topic of channel \"%s\"; %s", topic, channel->name,
			   expected);
}

/* The number of the channel among those that dead letters go to. */
static bool find_index(struct loader *loader, const struct config *at,
		       struct contract_dead_letter *letter)
{
	struct contract *contract = loader->contract;

	while (letter->index < contract->dead_letter_count &&
	       contract->dead_letter[letter->index] != letter->channel)
		letter->index++;
	if (letter->index == CONTRACT_DEAD_LETTERS_MAX)
		return config_fail(loader->report, at, NULL, ERR_LIMIT,
				   "dead letters go to more than %u channels",
				   CONTRACT_DEAD_LETTERS_MAX);
	if (letter->index == contract->dead_letter_count)
		contract->dead_letter[contract->dead_letter_count++] = letter->channel;
	return true;
}

/* @letter's channel, by its topic. */
static bool find_channel(struct loader *loader, const struct config *at,
			 struct contract_dead_letter *letter)
{
	const struct contract *contract = loader->contract;
	size_t len = strlen(letter->topic);
	struct contract_match match;

	if (strpbrk(letter->topic, "+#{}"))
		return config_fail(loader->report, at, NULL, ERR_INVALID,
				   "expected one topic, without wildcards and parameters");
	match = topics_match(contract->topics, letter->topic, len);
	letter->channel = match.channel;
	if (!match.channel || letter->topic[0] == '$' || match.channel->send_count > 0 ||
	    match.channel->receive_count == 0 || match.channel == contract->notices ||
	    match.channel == contract->alerts)
		return fail(loader, at, letter->topic, match.channel);
	return find_index(loader, at, letter);
}

/* A topic, or an object that has one. *is_read is false for "false", which says that there is none.
 */
static bool read(struct loader *loader, const struct config *at, struct contract_dead_letter *ret,
		 bool *is_read)
{
	static const char *const words[] = { "message", "envelope", NULL };
	bool is_object = at->kind == CONFIG_OBJECT;
	unsigned word = 0;
	bool is_there = true;

	*is_read = false;
	if (at->kind == CONFIG_BOOLEAN) {
		(void)config_boolean(loader->report, at, NULL, &is_there);
		return !is_there || config_fail(loader->report, at, NULL, ERR_INVALID,
						"expected a topic, or false");
	}
	if (is_object && !config_check(loader->report, at, KEY, members))
		return false;
	if (!config_text(loader->report, at, is_object ? "topic" : NULL, LOADER_TEXT_MAX,
			 &ret->topic))
		return false;
	if (is_object)
		(void)config_word(loader->report, at, "as", words, &word);
	ret->is_envelope = word == 1;
	*is_read = true;
	return find_channel(loader, at, ret);
}

/* What @owner says; NULL: that there is none, or a fault. */
static const struct contract_dead_letter *load(struct loader *loader, const struct config *owner)
{
	const struct config *at = config_member(owner, KEY);
	struct contract_dead_letter letter = { .topic = NULL }, *kept;
	bool is_read;

	if (!at || !read(loader, at, &letter, &is_read) || !is_read)
		return NULL;
	kept = loader_take(loader, 1, sizeof(*kept));
	if (kept)
		*kept = letter;
	return kept;
}

void dead_letters_load(struct loader *loader)
{
	const struct contract_dead_letter **of_all =
		arena_take(&loader->scratch, loader->document_count, sizeof(*of_all));

	if (!of_all) {
		(void)config_nomem(loader->report);
		return;
	}
	for (size_t i = 0; i < loader->document_count; i++)
		of_all[i] = load(loader, loader->document[i].root);
	for (size_t i = 0; i < loader->named_count; i++) {
		struct contract_channel *channel = &loader->channel[i];

		if (channel->send_count > 0)
			channel->dead_letter = config_member(loader->at[i], KEY)
						       ? load(loader, loader->at[i])
						       : of_all[channel->application];
	}
}
